//! Owns the server's reading of the machine's clocks; knows nothing of what is timed.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// The server's clock: the machine's date at start, then the monotonic clock, so that it never jumps.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    start_us: u64,
    started: Instant,
}

impl Clock {
    /// A clock that shows the machine's date.
    pub fn start() -> Self {
        let since_epoch = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Self {
            start_us: u64::try_from(since_epoch.as_micros()).unwrap_or(u64::MAX),
            started: Instant::now(),
        }
    }

    /// Now, µs since the epoch.
    pub fn now_us(&self) -> u64 {
        let passed = u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.start_us.saturating_add(passed)
    }
}
