//! Owns the server's reading of the machine's clocks; knows nothing of what is timed.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The server's clock: a date at start, then the monotonic clock, so that it never jumps but where it is told to.
#[derive(Debug)]
pub struct Clock {
    start_us: u64,
    started: Instant,
    passed_us: AtomicU64,
}

impl Clock {
    /// A clock that shows the machine's date.
    pub fn start() -> Self {
        let since_epoch = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Self::start_at(u64::try_from(since_epoch.as_micros()).unwrap_or(u64::MAX))
    }

    /// A clock that shows another date, µs since the epoch.
    pub fn start_at(start_us: u64) -> Self {
        Self {
            start_us,
            started: Instant::now(),
            passed_us: AtomicU64::new(0),
        }
    }

    /// Time passes at once.
    pub fn pass(&self, span: Duration) {
        let span_us = u64::try_from(span.as_micros()).unwrap_or(u64::MAX);
        self.passed_us.fetch_add(span_us, Ordering::Relaxed);
    }

    /// Now, µs since the epoch.
    pub fn now_us(&self) -> u64 {
        let passed = u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.start_us
            .saturating_add(passed)
            .saturating_add(self.passed_us.load(Ordering::Relaxed))
    }
}
