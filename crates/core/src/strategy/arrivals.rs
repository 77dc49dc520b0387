//! Owns the online calibration of order arrivals λ(δ) = A·e^(−k·δ); knows nothing of what is quoted.
//!
//! A trade arrives at depth δ when it executes δ beyond mid on the aggressor's side, so a maker δ away would
//! have been reached by it. Under the model depths are exponential with mean 1/k and arrivals Poisson with
//! rate A, whose maximum-likelihood estimates are k = n / Σδ and A = n / T. Both sums fade with [`MEMORY`].

use crate::event::Trade;
use crate::float::of_span_seconds;
use crate::units::{Mono, Now, Price8, Side, Span};

/// Time constant with which old trades are forgotten.
pub const MEMORY: Span = Span::from_secs(600);

/// Fewer trades than this say nothing.
pub const ARRIVALS_MIN: u32 = 50;

/// Bounds of k in 1/quote: depths between a hundred thousandth of a quote unit and a million of them.
const DECAY_RANGE: (f64, f64) = (1e-6, 1e5);

/// Fading sums over the trade stream.
#[derive(Clone, Copy, Debug, Default)]
pub struct Arrivals {
    mid: Option<Price8>,
    last: Option<Mono>,
    seen: u32,
    /// Fading number of trades.
    trades: f64,
    /// Fading sum of depths in quote units.
    depths: f64,
    /// Fading observation time in seconds.
    seconds: f64,
}

/// Calibrated arrivals.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Intensity {
    /// A: arrivals per second at mid, > 0.
    pub rate: f64,
    /// k: decay per quote unit of distance, > 0.
    pub decay: f64,
}

impl Arrivals {
    /// The mid that depths are measured from until the next call.
    pub const fn on_mid(&mut self, mid: Option<Price8>) {
        self.mid = mid;
    }

    /// Counts a trade; without a mid it has no depth and is left out.
    pub fn on_trade(&mut self, now: Now, trade: &Trade, price: Price8) {
        let Some(mid) = self.mid else {
            return;
        };
        let past = self
            .last
            .map_or(0.0, |last| of_span_seconds(now.mono.since(last)));
        self.last = Some(now.mono);
        let memory = of_span_seconds(MEMORY);
        let fade = libm::exp(-past / memory);
        let beyond = match trade.aggressor {
            Side::Buy => price.saturating_sub(mid),
            Side::Sell => mid.saturating_sub(price),
        };
        let depth = crate::float::of_price8(beyond.max(Price8::ZERO)) / 1e8;
        self.trades = self.trades * fade + 1.0;
        self.depths = self.depths * fade + depth;
        self.seconds = self.seconds * fade + memory * (1.0 - fade);
        self.seen = self.seen.saturating_add(1);
    }

    /// The estimate, once [`ARRIVALS_MIN`] trades over some time were seen.
    #[must_use]
    pub fn intensity(&self) -> Option<Intensity> {
        if self.seen < ARRIVALS_MIN || self.seconds <= 0.0 {
            return None;
        }
        let (low, high) = DECAY_RANGE;
        let decay = if self.depths > 0.0 {
            (self.trades / self.depths).clamp(low, high)
        } else {
            high
        };
        let rate = self.trades / self.seconds;
        (rate.is_finite() && rate > 0.0).then_some(Intensity { rate, decay })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::{Lots, Ticks, Wall};

    fn trade(aggressor: Side) -> Trade {
        Trade {
            id: 1,
            event_time: Wall(0),
            price: Ticks(0),
            size: Lots(1),
            aggressor,
        }
    }

    fn at(mono: Span) -> Now {
        Now {
            mono: Mono(mono.0),
            wall: Wall(0),
        }
    }

    #[test]
    fn finds_the_rate_and_decay_of_a_known_stream() {
        // Two trades a second, depths the mid-points of 100 equal slices of an exponential with k = 4.
        let mut arrivals = Arrivals::default();
        let mid = Price8(250_000_000_000);
        arrivals.on_mid(Some(mid));
        for i in 0..10_000_i64 {
            let share = ((i * 37) % 100) as f64 / 100.0 + 0.005;
            let depth = -libm::log(1.0 - share) / 4.0;
            let away = crate::float::price8_nearest(depth * 1e8);
            let (side, price) = if i % 2 == 0 {
                (Side::Buy, mid + away)
            } else {
                (Side::Sell, mid - away)
            };
            arrivals.on_trade(at(Span::from_millis(500 * i)), &trade(side), price);
        }
        let found = arrivals.intensity().expect("10,000 trades are enough");
        assert!((found.rate - 2.0).abs() < 0.02, "{found:?}");
        assert!((found.decay - 4.0).abs() < 0.1, "{found:?}");
    }

    #[test]
    fn says_nothing_before_it_knows() {
        let mut arrivals = Arrivals::default();
        for i in 0..1_000 {
            arrivals.on_trade(at(Span::from_secs(i)), &trade(Side::Buy), Price8(1));
        }
        assert_eq!(arrivals.intensity(), None, "no mid, no depth");
        arrivals.on_mid(Some(Price8(1)));
        for i in 0..i64::from(ARRIVALS_MIN) - 1 {
            arrivals.on_trade(at(Span::from_secs(i)), &trade(Side::Buy), Price8(1));
        }
        assert_eq!(arrivals.intensity(), None, "too few");
    }

    #[test]
    fn trades_all_at_mid_have_the_largest_decay_not_infinity() {
        let mut arrivals = Arrivals::default();
        arrivals.on_mid(Some(Price8(5)));
        for i in 0..100 {
            arrivals.on_trade(at(Span::from_secs(i)), &trade(Side::Buy), Price8(5));
        }
        let found = arrivals.intensity().expect("100 trades are enough");
        assert_eq!(found.decay, DECAY_RANGE.1);
    }
}
