//! Owns the reading of the machine's clocks for this crate; knows nothing of what is timed.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The instant by which limits are kept.
#[must_use]
pub fn now() -> Instant {
    Instant::now()
}

/// The machine's date, ms since the epoch; it labels requests and may jump.
#[must_use]
pub fn wall_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |span| {
        i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
    })
}

/// What is left until `deadline`; zero when it has passed.
#[must_use]
pub fn left(deadline: Instant) -> Duration {
    deadline.saturating_duration_since(now())
}

/// Sleeps for `span`, or until `deadline` where that comes first.
pub fn sleep_within(span: Duration, deadline: Instant) {
    std::thread::sleep(span.min(left(deadline)));
}
