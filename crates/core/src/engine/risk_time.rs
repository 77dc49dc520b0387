//! Owns the distribution of *time at risk* (spec §5): how long orders of ours were open after the last data that
//! justified them; decides nothing.
//!
//! One sample is one wait for data: it ends when newer data comes, or when nothing of ours is open any more.

use crate::units::{Span, Wall};

/// Upper bounds of the classes but the last, which has none; protocol of `phoenix health` and metrics.
pub const BOUNDS: [Span; 10] = [
    Span::from_millis(100),
    Span::from_millis(250),
    Span::from_millis(500),
    Span::from_millis(1_000),
    Span::from_millis(1_500),
    Span::from_millis(2_000),
    Span::from_millis(3_000),
    Span::from_millis(5_000),
    Span::from_millis(10_000),
    Span::from_millis(30_000),
];
/// Length of a day, whose ends are those of UTC.
const DAY: i64 = Span::from_secs(86_400).raw();

/// The waits for data of one symbol, while orders were open.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct RiskTime {
    /// Number of waits that were at most [`BOUNDS`] long, each in the first class that holds it; the last class
    /// holds those that were longer than every bound.
    pub counts: [u64; BOUNDS.len() + 1],
    /// Sum of all waits.
    pub sum: Span,
    /// Longest wait of the running day (UTC).
    pub day_max: Span,
    day: i64,
    /// The wait that has not ended yet.
    waiting: Span,
}

impl RiskTime {
    /// Notes, with orders open, how old the data is that justifies them.
    pub fn on_age(&mut self, age: Span, wall: Wall) {
        let day = wall.raw().div_euclid(DAY);
        if day != self.day {
            self.day = day;
            self.day_max = Span::ZERO;
        }
        self.day_max = self.day_max.max(age);
        if age < self.waiting {
            self.on_end();
        }
        self.waiting = age;
    }

    /// Nothing of ours is open: what was waited for is over.
    pub fn on_end(&mut self) {
        if self.waiting.is_positive() {
            let class = BOUNDS.iter().position(|bound| self.waiting <= *bound);
            let class = class.unwrap_or(BOUNDS.len());
            if let Some(count) = self.counts.get_mut(class) {
                *count = count.saturating_add(1);
            }
            self.sum = self.sum.saturating_add(self.waiting);
            self.waiting = Span::ZERO;
        }
    }

    /// Number of waits that ended.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.counts.iter().fold(0, |sum, n| sum.saturating_add(*n))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(ms: i64) -> Span {
        Span::from_millis(ms)
    }

    #[test]
    fn a_wait_is_counted_once_when_newer_data_ends_it() {
        let mut risk = RiskTime::default();
        for age in [0, 40, 90, 20, 100, 10, 2_500, 0] {
            risk.on_age(ms(age), Wall(0));
        }
        risk.on_end();
        assert_eq!(risk.counts.get(..2), Some(&[2, 0][..]));
        assert_eq!(
            risk.counts.get(6),
            Some(&1),
            "2.5 s is in the class up to 3 s"
        );
        assert_eq!((risk.count(), risk.sum), (3, ms(90 + 100 + 2_500)));
        assert_eq!(risk.day_max, ms(2_500));
    }

    #[test]
    fn the_worst_of_the_day_begins_anew_with_the_day() {
        let mut risk = RiskTime::default();
        risk.on_age(ms(900), Wall(DAY - 1));
        risk.on_age(ms(30), Wall(DAY));
        assert_eq!(risk.day_max, ms(30));
        risk.on_age(ms(60_000), Wall(DAY + 1));
        risk.on_end();
        assert_eq!(risk.counts.last(), Some(&1), "longer than every bound");
    }
}
