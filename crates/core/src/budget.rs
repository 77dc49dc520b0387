//! Owns how much may be asked of the exchange now: cancels, orders, request weight, and the ratios it punishes;
//! knows nothing of why something is asked.
//!
//! Every limit here counts over a window that slides with the time given, or pauses until an instant: each
//! frees itself by time alone, so none can stop quoting for good.

pub mod backoff;
pub mod order_rate;
pub mod ratios;
pub mod refusals;
pub mod weight;
pub mod window;

use crate::units::{E8, Mono, Ratio, Span};
use window::Window;

/// What a use may fill of an exchange limit: so many sixteenths of the share of it that may be used at all.
/// Never nothing: what is never allowed would wait for ever.
fn part_of(limit: u32, share: Ratio, sixteenths: i64) -> i64 {
    let part = i128::from(limit) * i128::from(share.raw()) * i128::from(sixteenths);
    i64::try_from(part / (16 * i128::from(E8)))
        .unwrap_or(i64::MAX)
        .max(1)
}

/// Cancels of one symbol in the last minute against `max_cancel_per_min`. Safety cancels need no leave of
/// it but are counted, and discretionary ones wait for them too.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct CancelBudget {
    per_minute_max: u32,
    sent: Window<61>,
}

impl CancelBudget {
    /// An unused budget.
    #[must_use]
    pub const fn new(per_minute_max: u32) -> Self {
        Self {
            per_minute_max,
            sent: Window::new(Span::from_secs(1)),
        }
    }

    /// Takes over a changed maximum.
    pub const fn on_config(&mut self, per_minute_max: u32) {
        self.per_minute_max = per_minute_max;
    }

    /// Counts a cancel that is about to be sent, of whatever urgency.
    pub fn on_cancel(&mut self, now: Mono) {
        self.sent.add(1, now);
    }

    /// Cancels sent in the last minute.
    #[must_use]
    pub fn used(&self, now: Mono) -> u32 {
        u32::try_from(self.sent.total(now)).unwrap_or(u32::MAX)
    }

    /// Cancels that may still be sent now.
    #[must_use]
    pub fn left(&self, now: Mono) -> u32 {
        self.per_minute_max.saturating_sub(self.used(now))
    }

    /// When a cancel may next be sent: `now` while some are left, `None` when the maximum is zero.
    #[must_use]
    pub fn next_free(&self, now: Mono) -> Option<Mono> {
        self.sent.next_below(i64::from(self.per_minute_max), now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(ms: i64) -> Mono {
        Mono(0).after(Span::from_millis(ms))
    }

    #[test]
    fn the_budget_counts_every_cancel_and_frees_itself_after_a_minute() {
        let mut budget = CancelBudget::new(50);
        for _ in 0..50 {
            budget.on_cancel(at(500));
        }
        assert_eq!((budget.used(at(500)), budget.left(at(500))), (50, 0));
        assert_eq!(budget.left(at(60_499)), 0, "a minute has not passed");
        let free = budget.next_free(at(500)).expect("the maximum is not zero");
        assert!(free <= at(62_000));
        assert_eq!((budget.used(free), budget.left(free)), (0, 50));
    }

    #[test]
    fn safety_cancels_beyond_the_maximum_delay_the_others_by_a_minute_at_most() {
        let mut budget = CancelBudget::new(50);
        for _ in 0..100_000 {
            budget.on_cancel(at(0));
        }
        assert_eq!(budget.left(at(1)), 0);
        assert_eq!(budget.left(at(62_000)), 50);
    }

    #[test]
    fn no_interval_of_a_minute_ever_holds_more_than_the_maximum() {
        let mut budget = CancelBudget::new(50);
        let mut sent = alloc::vec::Vec::new();
        for ms in (0..300_000).step_by(130) {
            if budget.left(at(ms)) > 0 {
                budget.on_cancel(at(ms));
                sent.push(ms);
            }
        }
        let worst = sent
            .iter()
            .map(|t| sent.iter().filter(|s| *t - 60_000 < **s && *s <= t).count())
            .max();
        assert!(worst <= Some(50));
        assert!(sent.len() > 200, "{} in five minutes", sent.len());
    }

    proptest! {
        #![proptest_config(crate::seeded(256))]

        #[test]
        fn what_is_left_and_when_agrees_with_a_list_of_all_cancels(
            steps in prop::collection::vec((0..6_000_i64, any::<bool>()), 1..150),
            most in 1..30_u32,
        ) {
            let mut budget = CancelBudget::new(most);
            let (mut now, mut sent) = (0, alloc::vec::Vec::new());
            for (wait, is_safety) in steps {
                now += wait;
                let left = budget.left(at(now));
                prop_assert_eq!(left, most.saturating_sub(budget.used(at(now))));
                let free = budget.next_free(at(now)).expect("a budget above zero");
                prop_assert_eq!(free == at(now), left > 0);
                prop_assert!(budget.left(free) > 0 && free <= at(now + 61_000));
                if is_safety || left > 0 {
                    budget.on_cancel(at(now));
                    sent.push((now, is_safety));
                }
                // Counted at least as long as the minute that the limit speaks of, and no second longer.
                let within = |ms: i64| sent.iter().filter(|(t, _)| now - t < ms).count();
                let used = budget.used(at(now)) as usize;
                prop_assert!(within(60_000) <= used && used <= within(61_000));
            }
        }
    }
}
