//! Owns the two clocks of the machine and the estimated offset to the exchange's; the only module that
//! reads a clock for the engine.

use phoenix_core::units::{Mono, Now, Wall};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Reads both clocks at once; cheap to clone, shared by the hot and the cold threads.
#[derive(Debug, Clone)]
pub struct Clock {
    origin: Instant,
    offset_ns: Arc<AtomicI64>,
    /// When the offset was last measured, ns since the origin; [`NEVER`] before the first time.
    measured_ns: Arc<AtomicI64>,
}

const NEVER: i64 = -1;

impl Default for Clock {
    fn default() -> Self {
        Self {
            origin: Instant::now(),
            offset_ns: Arc::new(AtomicI64::new(0)),
            measured_ns: Arc::new(AtomicI64::new(NEVER)),
        }
    }
}

impl Clock {
    /// Monotonic time since this clock was made, and wall time corrected to the exchange's.
    #[must_use]
    pub fn now(&self) -> Now {
        Now {
            mono: self.mono(),
            wall: self.wall(),
        }
    }

    /// Monotonic time since this clock was made.
    #[must_use]
    pub fn mono(&self) -> Mono {
        Mono(i64::try_from(self.origin.elapsed().as_nanos()).unwrap_or(i64::MAX))
    }

    /// Wall time corrected to the exchange's.
    #[must_use]
    pub fn wall(&self) -> Wall {
        Wall(machine_wall_ns().saturating_add(self.offset_ns.load(Ordering::Relaxed)))
    }

    /// The instant of the runtime's timer for a monotonic instant.
    #[must_use]
    pub fn deadline(&self, at: Mono) -> Instant {
        let nanos = u64::try_from(at.raw()).unwrap_or(0);
        self.origin
            .checked_add(std::time::Duration::from_nanos(nanos))
            .unwrap_or_else(|| self.origin + std::time::Duration::from_secs(86_400 * 365))
    }

    /// Estimated exchange time minus machine time, in nanoseconds.
    #[must_use]
    pub fn offset_ns(&self) -> i64 {
        self.offset_ns.load(Ordering::Relaxed)
    }

    /// Takes over a new estimate; timestamps of later requests use it.
    pub fn correct(&self, offset_ns: i64) {
        self.offset_ns.store(offset_ns, Ordering::Relaxed);
        self.measured_ns.store(self.mono().raw(), Ordering::Relaxed);
    }

    /// When the exchange's time was last measured.
    #[must_use]
    pub fn measured_at(&self) -> Option<Mono> {
        let at = self.measured_ns.load(Ordering::Relaxed);
        (at != NEVER).then_some(Mono(at))
    }
}

fn machine_wall_ns() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}

/// One measurement of the exchange's time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    /// Machine wall time when the request left, ns.
    pub sent_ns: i64,
    /// Machine wall time when the answer came, ns.
    pub received_ns: i64,
    /// `serverTime`, ns.
    pub server_ns: i64,
}

/// Samples of which the one with the smallest round trip counts.
pub const SAMPLES_MAX: usize = 8;
/// A round trip longer than this says nothing about the offset (F22: a 3 s slow answer).
pub const ROUND_TRIP_MAX_NS: i64 = 1_500_000_000;

/// Estimates the offset from the sample with the smallest round trip, whose error is at most half of it.
#[derive(Debug, Clone, Default)]
pub struct OffsetEstimate {
    samples: Vec<Sample>,
}

impl OffsetEstimate {
    /// Adds a sample, the oldest beyond [`SAMPLES_MAX`] is forgotten; returns the estimate, `None` while
    /// no round trip was short enough.
    pub fn on_sample(&mut self, sample: Sample) -> Option<i64> {
        let round_trip = sample.received_ns.saturating_sub(sample.sent_ns);
        if (0..=ROUND_TRIP_MAX_NS).contains(&round_trip) {
            if self.samples.len() == SAMPLES_MAX {
                self.samples.remove(0);
            }
            self.samples.push(sample);
        }
        self.estimate_ns()
    }

    /// Forgets what was measured before a clock step (−1021).
    pub fn restart(&mut self) {
        self.samples.clear();
    }

    /// Exchange time minus machine time in nanoseconds.
    #[must_use]
    pub fn estimate_ns(&self) -> Option<i64> {
        let best = self
            .samples
            .iter()
            .min_by_key(|s| s.received_ns - s.sent_ns)?;
        Some(best.server_ns - i64::midpoint(best.sent_ns, best.received_ns))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: i64 = 1_000_000;

    fn sample(sent_ms: i64, round_trip_ms: i64, offset_ms: i64) -> Sample {
        Sample {
            sent_ns: sent_ms * MS,
            received_ns: (sent_ms + round_trip_ms) * MS,
            server_ns: (sent_ms + round_trip_ms / 2 + offset_ms) * MS,
        }
    }

    #[test]
    fn the_smallest_round_trip_decides() {
        let mut estimate = OffsetEstimate::default();
        assert_eq!(estimate.on_sample(sample(0, 400, 1_700)), Some(1_700 * MS));
        assert_eq!(
            estimate.on_sample(sample(1_000, 20, 1_458)),
            Some(1_458 * MS)
        );
        assert_eq!(
            estimate.on_sample(sample(2_000, 300, 1_300)),
            Some(1_458 * MS)
        );
    }

    #[test]
    fn a_three_second_answer_is_not_believed() {
        let mut estimate = OffsetEstimate::default();
        assert_eq!(estimate.on_sample(sample(0, 3_000, 0)), None);
        estimate.on_sample(sample(0, 20, 5));
        assert_eq!(estimate.on_sample(sample(0, 3_000, -900)), Some(5 * MS));
    }

    #[test]
    fn after_a_restart_old_samples_have_no_say() {
        let mut estimate = OffsetEstimate::default();
        estimate.on_sample(sample(0, 2, 0));
        estimate.restart();
        assert_eq!(estimate.on_sample(sample(9, 40, -6_000)), Some(-6_000 * MS));
    }

    #[test]
    fn old_samples_give_way_so_that_drift_is_followed() {
        let mut estimate = OffsetEstimate::default();
        estimate.on_sample(sample(0, 2, 0));
        for i in 0..8 {
            estimate.on_sample(sample(i, 20, 50));
        }
        assert_eq!(estimate.estimate_ns(), Some(50 * MS));
    }
}
