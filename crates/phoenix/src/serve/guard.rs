//! Owns the count of messages a client sends in a window (protocol §1.4); knows no clock and no socket.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Sliding count of a client's messages.
#[derive(Debug)]
pub struct MessageGuard {
    seen: VecDeque<Instant>,
    max: usize,
    window: Duration,
}

impl MessageGuard {
    /// A guard that admits `max` messages in any `window`.
    pub fn new(max: usize, window: Duration) -> Self {
        Self {
            seen: VecDeque::new(),
            max,
            window,
        }
    }

    /// Counts one message; `false` when it is one too many and the connection must go.
    pub fn admit(&mut self, now: Instant) -> bool {
        while self
            .seen
            .front()
            .is_some_and(|first| now.duration_since(*first) >= self.window)
        {
            self.seen.pop_front();
        }
        if self.seen.len() >= self.max {
            return false;
        }
        self.seen.push_back(now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_messages_in_a_second_pass_and_the_eleventh_does_not() {
        let start = Instant::now();
        let mut guard = MessageGuard::new(10, Duration::from_secs(1));
        for n in 0..10 {
            assert!(guard.admit(start + Duration::from_millis(n * 10)));
        }
        assert!(!guard.admit(start + Duration::from_millis(999)));
        assert!(guard.admit(start + Duration::from_millis(1_000)));
    }
}
