//! Owns how long a source that failed again and again is not relied on; knows nothing of what it is.
//!
//! Each return to quoting on a stream that fails at once places a ladder and pulls it again: it costs the order limit, and
//! the exchange punishes orders that are cancelled young (protocol §6.4).

use crate::units::{Mono, Span};

/// Failures closer together than this are one.
const SAME: Span = Span::from_secs(1);
/// They are forgotten after this.
const FORGOTTEN: Span = Span::from_secs(60);
/// The pause after the second failure; it doubles with each further one …
const FIRST: Span = Span::from_secs(1);
/// … this often: quoting is back soon enough when the source is well (promise `alive`).
const DOUBLINGS_MAX: u32 = 2;

/// The failures of one source.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Probation {
    failures: u32,
    failed_at: Option<Mono>,
    until: Option<Mono>,
}

impl Probation {
    /// The source failed.
    pub fn on_failure(&mut self, now: Mono) {
        let since = self.failed_at.map(|at| now.since(at));
        if since.is_some_and(|since| since < SAME) {
            return;
        }
        let is_old = since.is_none_or(|since| since >= FORGOTTEN);
        self.failures = match is_old {
            true => 1,
            false => self.failures.saturating_add(1),
        };
        self.failed_at = Some(now);
        if let Some(again) = self.failures.checked_sub(2) {
            let pause = FIRST.raw() << again.min(DOUBLINGS_MAX);
            self.until = Some(now.after(Span(pause)));
        }
    }

    /// Whether it may be relied on.
    #[must_use]
    pub fn is_over(&self, now: Mono) -> bool {
        self.until.is_none_or(|at| now >= at)
    }

    /// When it ends.
    #[must_use]
    pub const fn ends_at(&self) -> Option<Mono> {
        self.until
    }

    /// Whether it has ended; says so once.
    pub fn poll_over(&mut self, now: Mono) -> bool {
        self.until.take_if(|at| now >= *at).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(ms: i64) -> Mono {
        Mono(ms * 1_000_000)
    }

    #[test]
    fn a_source_that_fails_again_and_again_is_not_relied_on_for_longer_and_longer() {
        let mut probation = Probation::default();
        for (failed_ms, pause_ms) in [
            (0, 0),
            // Of the same failure.
            (900, 0),
            (2_000, 1_000),
            (5_000, 2_000),
            (9_000, 4_000),
            (14_000, 4_000),
            // Long ago.
            (80_000, 0),
            (82_000, 1_000),
        ] {
            probation.on_failure(at(failed_ms));
            let until = at(failed_ms + pause_ms);
            assert!(probation.is_over(until), "at {failed_ms}");
            let is_waiting = pause_ms > 0;
            assert_eq!(!probation.is_over(Mono(until.raw() - 1)), is_waiting);
            assert_eq!(probation.poll_over(until), is_waiting, "at {failed_ms}");
            assert!(!probation.poll_over(until), "said once");
        }
    }
}
