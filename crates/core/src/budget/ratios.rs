//! Owns our own estimate of the ratios for which the exchange restricts a symbol (protocol §6.4), and how much
//! longer quotes should live because of them; knows nothing of single orders.

use super::window::Window;
use crate::units::{E8, Lots, Mono, Ratio, Span};

/// Age below which a cancel is invalid in the exchange's sense.
pub const INVALID_CANCEL_AGE: Span = Span::from_secs(5);
/// Orders in 10 min from which the invalid-cancel ratio is judged.
pub const ICR_ORDERS: i64 = 5_000;
/// Invalid-cancel ratio that is punished (0.99).
pub const ICR_MAX: Ratio = Ratio(99_000_000);
/// Orders in 10 min from which the unfilled ratio is judged; it is near 1 for every market maker.
pub const UFR_ORDERS: i64 = 10_000;
/// Share of a threshold from which quotes live longer.
pub const PRESSURE_LOW: Ratio = Ratio(50_000_000);
/// Share of a threshold at which they live longest.
pub const PRESSURE_HIGH: Ratio = Ratio(80_000_000);
/// Factor on the minimum age at [`PRESSURE_HIGH`].
pub const AGE_FACTOR_MAX: i64 = 6;

/// Placements, young cancels and fills of one symbol over 10 min.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Ratios {
    orders: Window<61>,
    young_cancels: Window<61>,
    placed: Window<61>,
    filled: Window<61>,
}

impl Default for Ratios {
    fn default() -> Self {
        Self::new()
    }
}

impl Ratios {
    /// Nothing counted.
    #[must_use]
    pub const fn new() -> Self {
        let bucket = Span::from_secs(10);
        Self {
            orders: Window::new(bucket),
            young_cancels: Window::new(bucket),
            placed: Window::new(bucket),
            filled: Window::new(bucket),
        }
    }

    /// Counts an order that the exchange accepted (rejects do not count).
    pub fn on_placed(&mut self, size: Lots, now: Mono) {
        self.orders.add(1, now);
        self.placed.add(size.0, now);
    }

    /// Counts a cancel of an order this old.
    pub fn on_canceled(&mut self, age: Span, now: Mono) {
        if age < INVALID_CANCEL_AGE {
            self.young_cancels.add(1, now);
        }
    }

    /// Counts a fill.
    pub fn on_filled(&mut self, size: Lots, now: Mono) {
        self.filled.add(size.0, now);
    }

    /// Orders placed in the last 10 min.
    #[must_use]
    pub fn orders(&self, now: Mono) -> i64 {
        self.orders.total(now)
    }

    /// Invalid-cancel ratio: share of orders cancelled younger than 5 s; `None` without orders.
    #[must_use]
    pub fn icr(&self, now: Mono) -> Option<Ratio> {
        share(self.young_cancels.total(now), self.orders.total(now))
    }

    /// Unfilled ratio: 1 − executed ÷ placed quantity, not below zero; `None` without orders.
    #[must_use]
    pub fn ufr(&self, now: Mono) -> Option<Ratio> {
        let filled = share(self.filled.total(now), self.placed.total(now))?;
        Some(Ratio((E8 - filled.0).max(0)))
    }

    /// How near the exchange's action is, 1 being there: for each rule the lesser of its order count's and its
    /// ratio's share of the threshold, because both must be exceeded; the worst of the rules.
    #[must_use]
    pub fn pressure(&self, now: Mono) -> Ratio {
        let of = |amount: i64, threshold: i64| share(amount, threshold).unwrap_or(Ratio::ZERO);
        let orders = self.orders.total(now);
        let icr = of(self.icr(now).unwrap_or(Ratio::ZERO).0, ICR_MAX.0).min(of(orders, ICR_ORDERS));
        let ufr = self
            .ufr(now)
            .unwrap_or(Ratio::ZERO)
            .min(of(orders, UFR_ORDERS));
        icr.max(ufr)
    }

    /// The minimum age of an order before a discretionary cancel: `base`, and up to [`AGE_FACTOR_MAX`] times as
    /// much between [`PRESSURE_LOW`] and [`PRESSURE_HIGH`].
    #[must_use]
    pub fn age_min(&self, base: Span, now: Mono) -> Span {
        let range = PRESSURE_HIGH.0 - PRESSURE_LOW.0;
        let over = (self.pressure(now).0 - PRESSURE_LOW.0).clamp(0, range);
        let extra = i128::from(base.0) * i128::from(AGE_FACTOR_MAX - 1) * i128::from(over);
        let extra = i64::try_from(extra / i128::from(range)).unwrap_or(i64::MAX);
        base.saturating_add(Span(extra))
    }
}

/// `part` ÷ `whole`, `None` when there is no whole.
fn share(part: i64, whole: i64) -> Option<Ratio> {
    if whole <= 0 {
        return None;
    }
    let ratio = i128::from(part) * i128::from(E8) / i128::from(whole);
    Some(Ratio(i64::try_from(ratio).unwrap_or(i64::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const BASE: Span = Span::from_secs(5);

    fn at(s: i64) -> Mono {
        Mono(0).after(Span::from_secs(s))
    }

    fn ratios(orders: i64, young: i64) -> Ratios {
        let mut ratios = Ratios::new();
        for _ in 0..orders {
            ratios.on_placed(Lots(10), at(0));
        }
        for _ in 0..young {
            ratios.on_canceled(Span::from_secs(1), at(0));
        }
        ratios
    }

    #[test]
    fn ratios_follow_their_definitions() {
        let mut r = ratios(4, 1);
        r.on_canceled(Span::from_secs(5), at(0));
        r.on_filled(Lots(10), at(0));
        assert_eq!(r.icr(at(0)), Some(Ratio(25_000_000)));
        assert_eq!(r.ufr(at(0)), Some(Ratio(75_000_000)));
        assert_eq!(Ratios::new().icr(at(0)), None);
    }

    #[test]
    fn the_order_count_of_a_default_ladder_leaves_the_age_alone() {
        // 50 replacements a minute, every one cancelled young.
        assert_eq!(ratios(500, 500).age_min(BASE, at(0)), BASE);
        assert_eq!(ratios(0, 0).age_min(BASE, at(0)), BASE);
    }

    #[test]
    fn quotes_live_longer_before_a_threshold_is_reached() {
        let ages: [i64; 4] = [2_500, 3_250, 4_000, 5_000]
            .map(|n| ratios(n, n).age_min(BASE, at(0)).as_millis() / 1_000);
        assert_eq!(ages, [5, 17, 30, 30]);
        assert_eq!(
            ratios(5_000, 0).age_min(BASE, at(0)),
            BASE,
            "5 000 orders, none cancelled young"
        );
        assert!(
            ratios(8_000, 0).age_min(BASE, at(0)) == Span::from_secs(30),
            "the unfilled ratio"
        );
    }

    #[test]
    fn the_pressure_ends_with_the_window() {
        let r = ratios(20_000, 20_000);
        assert_eq!(r.age_min(BASE, at(599)), Span::from_secs(30));
        assert_eq!(r.age_min(BASE, at(611)), BASE);
    }

    proptest! {
        #![proptest_config(crate::seeded(256))]

        #[test]
        fn every_ratio_agrees_with_a_list_of_all_that_happened(
            steps in prop::collection::vec((0..120_i64, 0..3_u8, 1..50_i64), 1..120),
        ) {
            let mut ratios = Ratios::new();
            let (mut now, mut all) = (0, alloc::vec::Vec::new());
            for (wait, kind, amount) in steps {
                now += wait;
                match kind {
                    0 => ratios.on_placed(Lots(amount), at(now)),
                    1 => ratios.on_canceled(Span::from_secs(amount / 5), at(now)),
                    _ => ratios.on_filled(Lots(amount), at(now)),
                }
                all.push((now, kind, amount));
                let sum = |what: u8, of: fn(i64) -> i64| -> i64 {
                    let recent = all.iter().filter(|(t, k, _)| *k == what && now / 10 - t / 10 <= 60);
                    recent.map(|(_, _, amount)| of(*amount)).sum()
                };
                let (orders, placed, filled) = (sum(0, |_| 1), sum(0, |n| n), sum(2, |n| n));
                let young = sum(1, |n| i64::from(n / 5 < 5));
                prop_assert_eq!(ratios.orders(at(now)), orders);
                let naive = |part: i64, whole: i64| (whole > 0).then(|| Ratio(part * E8 / whole));
                prop_assert_eq!(ratios.icr(at(now)), naive(young, orders));
                let unfilled = naive(filled, placed).map(|f| Ratio((E8 - f.0).max(0)));
                prop_assert_eq!(ratios.ufr(at(now)), unfilled);
                let base = Span::from_secs(5);
                let age = ratios.age_min(base, at(now));
                prop_assert!(age >= base && age.0 <= base.0 * AGE_FACTOR_MAX);
            }
        }
    }
}
