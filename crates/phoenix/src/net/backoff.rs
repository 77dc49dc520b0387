//! Owns how long to wait before the next attempt; knows nothing of what is attempted.

use std::time::Duration;

/// Exponential back-off with full jitter between half and all of the step (spec §5: 0.25 s → 8 s).
#[derive(Debug, Clone)]
pub struct Backoff {
    step_ms: u64,
    seed: u64,
}

const FIRST_MS: u64 = 250;
const LAST_MS: u64 = 8_000;

impl Backoff {
    /// Starts at the shortest step; `seed` spreads the jitter of several connections.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self {
            step_ms: FIRST_MS,
            seed: seed | 1,
        }
    }

    /// The wait before the next attempt; each call doubles the step up to 8 s.
    pub fn next_delay(&mut self) -> Duration {
        self.seed ^= self.seed << 13;
        self.seed ^= self.seed >> 7;
        self.seed ^= self.seed << 17;
        let half = self.step_ms / 2;
        let delay = half + self.seed % (half + 1);
        self.step_ms = (self.step_ms * 2).min(LAST_MS);
        Duration::from_millis(delay)
    }

    /// Back to the shortest step; to be called when data has arrived, not when a socket opened.
    pub const fn reset(&mut self) {
        self.step_ms = FIRST_MS;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_double_to_eight_seconds_and_never_beyond() {
        let mut backoff = Backoff::new(7);
        let mut ceiling = 250;
        for _ in 0..20 {
            let ms = u64::try_from(backoff.next_delay().as_millis()).expect("small");
            assert!(
                ms >= ceiling / 2 && ms <= ceiling,
                "{ms} for a step of {ceiling}"
            );
            ceiling = (ceiling * 2).min(8_000);
        }
        backoff.reset();
        assert!(backoff.next_delay() <= Duration::from_millis(250));
    }

    #[test]
    fn two_connections_do_not_retry_in_step() {
        let (mut a, mut b) = (Backoff::new(1), Backoff::new(2));
        let differ = (0..8).filter(|_| a.next_delay() != b.next_delay()).count();
        assert!(differ > 4);
    }
}
