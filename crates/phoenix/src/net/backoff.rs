//! Owns how long to wait before the next attempt; knows nothing of what is attempted.

use std::time::Duration;

/// The first and the longest step of a back-off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Steps {
    /// The step before the second attempt.
    pub first: Duration,
    /// What steps grow to.
    pub longest: Duration,
}

/// Exponential back-off with full jitter between half and all of the step.
#[derive(Debug, Clone)]
pub struct Backoff {
    failures: u32,
    seed: u64,
}

impl Backoff {
    /// Starts at the shortest step; `seed` spreads the jitter of several connections.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self {
            failures: 0,
            seed: seed | 1,
        }
    }

    /// The wait before the next attempt; each call doubles the step up to the longest.
    pub fn next_delay(&mut self, steps: Steps) -> Duration {
        let chance = self.next_chance();
        let millis = |span: Duration| u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
        let grown = millis(steps.first).saturating_mul(1 << self.failures.min(32));
        let half = grown.min(millis(steps.longest)) / 2;
        self.failures = self.failures.saturating_add(1);
        Duration::from_millis(half + chance % (half + 1))
    }

    /// Up to `most`, by chance: what several connections hear at the same instant they do not do at the same instant.
    pub fn next_jitter(&mut self, most: Duration) -> Duration {
        let most = u64::try_from(most.as_millis()).unwrap_or(u64::MAX);
        Duration::from_millis(self.next_chance() % most.saturating_add(1).max(1))
    }

    const fn next_chance(&mut self) -> u64 {
        self.seed ^= self.seed << 13;
        self.seed ^= self.seed >> 7;
        self.seed ^= self.seed << 17;
        self.seed
    }

    /// Back to the shortest step; to be called when data has arrived, not when a socket opened.
    pub const fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEPS: Steps = Steps {
        first: Duration::from_millis(250),
        longest: Duration::from_secs(8),
    };

    #[test]
    fn changed_steps_hold_from_the_next_attempt_on() {
        let mut backoff = Backoff::new(7);
        for _ in 0..40 {
            backoff.next_delay(STEPS);
        }
        let shorter = Steps {
            first: Duration::from_millis(50),
            longest: Duration::from_secs(1),
        };
        let delay = backoff.next_delay(shorter);
        assert!((500..=1_000).contains(&delay.as_millis()), "{delay:?}");
        backoff.reset();
        let delay = backoff.next_delay(shorter);
        assert!((25..=50).contains(&delay.as_millis()), "{delay:?}");
    }

    #[test]
    fn steps_double_to_eight_seconds_and_never_beyond() {
        let mut backoff = Backoff::new(7);
        let mut ceiling = 250;
        for _ in 0..20 {
            let ms = u64::try_from(backoff.next_delay(STEPS).as_millis()).expect("small");
            assert!(
                ms >= ceiling / 2 && ms <= ceiling,
                "{ms} for a step of {ceiling}"
            );
            ceiling = (ceiling * 2).min(8_000);
        }
        backoff.reset();
        assert!(backoff.next_delay(STEPS) <= Duration::from_millis(250));
    }

    #[test]
    fn two_connections_do_not_retry_in_step() {
        let (mut a, mut b) = (Backoff::new(1), Backoff::new(2));
        let differ = (0..8)
            .filter(|_| a.next_delay(STEPS) != b.next_delay(STEPS))
            .count();
        assert!(differ > 4);
    }
}
