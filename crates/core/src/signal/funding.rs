//! Owns the predicted funding rate; knows nothing of what is paid or quoted.

use crate::event::MarkPrice;
use crate::float::{finite, of_ratio};
use crate::units::Wall;

/// Exponential moving average of the rate that the exchange announces for the running interval (spec §3:
/// "predicted: EMA, α = 0.3").
///
/// The average moves with every mark message (once a second), not only when the rate changes: an average
/// that waits for changes would stay 70 % wrong for hours after a jump to a rate that then stands still,
/// and lean the whole ladder on it. What remains of α is what it is for: one odd message does not move quotes.
#[derive(Clone, Copy, Debug, Default)]
pub struct FundingForecast {
    rate: Option<f64>,
    last: Option<Wall>,
}

impl FundingForecast {
    /// Takes over a mark message; one that is not newer than the last is ignored. An `alpha` outside
    /// 0 < α ≤ 1 counts as 1: no memory.
    pub fn on_mark(&mut self, mark: &MarkPrice, alpha: f64) {
        if self.last.is_some_and(|last| mark.event_time <= last) {
            return;
        }
        self.last = Some(mark.event_time);
        let announced = of_ratio(mark.funding_rate);
        let alpha = finite(alpha, 1.0);
        let alpha = if alpha > 0.0 { alpha.min(1.0) } else { 1.0 };
        self.rate = Some(match self.rate {
            Some(rate) => rate + alpha * (announced - rate),
            None => announced,
        });
    }

    /// Predicted rate of the running interval, longs pay when it is positive; `None` before the first message.
    #[must_use]
    pub const fn rate(&self) -> Option<f64> {
        self.rate
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::{Price8, Ratio};

    fn mark(second: i64, rate: i64) -> MarkPrice {
        MarkPrice {
            event_time: Wall::from_millis(second * 1_000),
            mark: Price8(1),
            index: Price8(1),
            funding_rate: Ratio(rate),
            next_funding: Wall(0),
        }
    }

    #[test]
    fn a_new_rate_counts_three_tenths() {
        let mut forecast = FundingForecast::default();
        assert_eq!(forecast.rate(), None);
        forecast.on_mark(&mark(1, 10_000), 0.3);
        assert_eq!(forecast.rate(), Some(0.000_1));
        forecast.on_mark(&mark(2, 30_000), 0.3);
        let rate = forecast.rate().expect("two messages");
        assert!((rate - 0.000_16).abs() < 1e-12, "{rate}");
    }

    #[test]
    fn a_rate_that_stands_still_is_believed_within_seconds() {
        let mut forecast = FundingForecast::default();
        forecast.on_mark(&mark(0, 10_000), 0.3);
        (1..=20).for_each(|i| forecast.on_mark(&mark(i, -30_000), 0.3));
        let rate = forecast.rate().expect("messages came");
        assert!((rate + 0.000_3).abs() < 1e-6, "{rate}");
    }

    #[test]
    fn repeated_and_late_messages_do_not_count() {
        let mut forecast = FundingForecast::default();
        forecast.on_mark(&mark(5, 10_000), 0.3);
        forecast.on_mark(&mark(5, 90_000), 0.3);
        forecast.on_mark(&mark(4, 90_000), 0.3);
        assert_eq!(forecast.rate(), Some(0.000_1));
    }

    #[test]
    fn an_alpha_that_makes_no_sense_has_no_memory() {
        for alpha in [f64::NAN, 0.0, -1.0, 2.0, f64::INFINITY] {
            let mut forecast = FundingForecast::default();
            forecast.on_mark(&mark(1, 10_000), alpha);
            forecast.on_mark(&mark(2, 20_000), alpha);
            assert_eq!(forecast.rate(), Some(0.000_2), "α = {alpha}");
        }
    }
}
