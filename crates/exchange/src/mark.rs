//! Index, mark price and funding rate of one symbol; knows no position.
//!
//! A model with the shape of the real one, not its formula: the index follows the mid with a lag and a small noise (other venues), the mark is the index
//! plus a slow average of the basis, the funding rate is the average premium plus the damped interest rate.

use crate::api::{E8, MarkPriceEvent, PremiumIndexView};
use crate::decimal;
use crate::orders::ms;
use crate::prng::Prng;
use crate::symbol::SymbolSpec;
use crate::timers::next_multiple;

/// Share of the distance that the index moves to the mid each second: 1/4.
const INDEX_LAG: i64 = 4;
/// Share for the average of the basis: 1/30.
const BASIS_LAG: i64 = 30;
/// Share for the published average of the mark: 1/60.
const AVERAGE_LAG: i64 = 60;
/// The index differs from the lagged mid by at most this (1 bp), in steps of at most a tenth of it.
const NOISE_MAX: E8 = 10_000;
/// The interest rate pulls the funding rate back by at most 0.05 %.
const DAMPER: E8 = 50_000;

/// A mark price taken from a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordedMark {
    /// Mark price.
    pub mark: E8,
    /// Index price.
    pub index: E8,
    /// Funding rate of the coming payment.
    pub funding_rate: E8,
}

/// Mark state of one symbol.
#[derive(Debug)]
pub(crate) struct Mark {
    pub mark: E8,
    pub index: E8,
    pub funding_rate: E8,
    pub next_funding_us: u64,
    average: E8,
    lagged_mid: E8,
    basis: E8,
    noise: E8,
    premium_sum: i128,
    premium_count: i128,
    recorded: bool,
    prng: Prng,
}

impl Mark {
    pub(crate) fn new(initial: E8, start_us: u64, spec: &SymbolSpec, prng: Prng) -> Mark {
        Mark {
            mark: initial,
            index: initial,
            funding_rate: spec.interest_rate,
            next_funding_us: next_multiple(start_us, funding_period_us(spec)),
            average: initial,
            lagged_mid: initial,
            basis: 0,
            noise: 0,
            premium_sum: 0,
            premium_count: 0,
            recorded: false,
            prng,
        }
    }

    /// Uses recorded values from now on.
    pub(crate) fn apply(&mut self, recorded: RecordedMark) {
        self.recorded = true;
        self.mark = recorded.mark;
        self.index = recorded.index;
        self.funding_rate = recorded.funding_rate;
    }

    /// Renews index, mark and predicted funding rate from the mid of the book (`None` keeps the last).
    pub(crate) fn on_second(&mut self, mid: Option<E8>, spec: &SymbolSpec) {
        if let (false, Some(mid)) = (self.recorded, mid) {
            self.lagged_mid += (mid - self.lagged_mid) / INDEX_LAG;
            self.noise = (self.noise + self.prng.between(-NOISE_MAX / 10, NOISE_MAX / 10))
                .clamp(-NOISE_MAX, NOISE_MAX);
            self.index = self.lagged_mid + decimal::mul(self.lagged_mid, self.noise);
            self.basis += (mid - self.index - self.basis) / BASIS_LAG;
            self.mark = (self.index + self.basis).max(spec.tick);
            self.renew_funding_rate(spec);
        }
        self.average += (self.mark - self.average) / AVERAGE_LAG;
    }

    fn renew_funding_rate(&mut self, spec: &SymbolSpec) {
        self.premium_sum += i128::from(decimal::div(self.basis, self.index));
        self.premium_count += 1;
        let premium = i64::try_from(self.premium_sum / self.premium_count).unwrap_or(0);
        let damped = (spec.interest_rate - premium).clamp(-DAMPER, DAMPER);
        self.funding_rate = (premium + damped).clamp(-spec.funding_rate_cap, spec.funding_rate_cap);
    }

    /// Starts the next funding interval; returns the rate of the one that ended.
    pub(crate) fn end_interval(&mut self, now_us: u64, spec: &SymbolSpec) -> E8 {
        self.premium_sum = 0;
        self.premium_count = 0;
        self.next_funding_us = next_multiple(now_us, funding_period_us(spec));
        self.funding_rate
    }

    pub(crate) fn event(&self, now_us: u64) -> MarkPriceEvent {
        MarkPriceEvent {
            time_ms: ms(now_us),
            mark: self.mark,
            mark_average: self.average,
            index: self.index,
            settle: self.index,
            funding_rate: self.funding_rate,
            next_funding_ms: ms(self.next_funding_us),
        }
    }

    pub(crate) fn view(&self, now_us: u64, spec: &SymbolSpec) -> PremiumIndexView {
        PremiumIndexView {
            mark: self.mark,
            index: self.index,
            settle: self.index,
            funding_rate: self.funding_rate,
            interest_rate: spec.interest_rate,
            next_funding_ms: ms(self.next_funding_us),
            time_ms: ms(now_us),
        }
    }
}

fn funding_period_us(spec: &SymbolSpec) -> u64 {
    u64::from(spec.funding_interval_h.max(1)) * 3_600_000_000
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::ONE;

    fn settled(mid: E8) -> Mark {
        let spec = SymbolSpec::ethusdc();
        let mut mark = Mark::new(2500 * ONE, 0, &spec, Prng::new(1));
        for _ in 0..600 {
            mark.on_second(Some(mid), &spec);
        }
        mark
    }

    #[test]
    fn the_mark_settles_near_a_steady_mid_and_the_rate_near_the_interest() {
        let mark = settled(2600 * ONE);
        assert!((mark.mark - 2600 * ONE).abs() < ONE, "{}", mark.mark);
        assert!((mark.index - 2600 * ONE).abs() < ONE, "{}", mark.index);
        assert!(mark.funding_rate.abs() <= SymbolSpec::ethusdc().funding_rate_cap);
    }

    #[test]
    fn without_a_mid_or_with_a_recording_the_model_is_silent() {
        let spec = SymbolSpec::ethusdc();
        let mut mark = settled(2600 * ONE);
        let before = mark.mark;
        mark.on_second(None, &spec);
        assert_eq!(mark.mark, before);
        mark.apply(RecordedMark {
            mark: 7 * ONE,
            index: 8 * ONE,
            funding_rate: 9,
        });
        mark.on_second(Some(2600 * ONE), &spec);
        assert_eq!(
            (mark.mark, mark.index, mark.funding_rate),
            (7 * ONE, 8 * ONE, 9)
        );
    }

    #[test]
    fn funding_times_are_full_intervals_of_utc() {
        let spec = SymbolSpec::ethusdc();
        let mut mark = Mark::new(ONE, 1, &spec, Prng::new(1));
        let eight_hours = 8 * 3_600_000_000;
        assert_eq!(mark.next_funding_us, eight_hours);
        mark.end_interval(eight_hours, &spec);
        assert_eq!(mark.next_funding_us, 2 * eight_hours);
    }
}
