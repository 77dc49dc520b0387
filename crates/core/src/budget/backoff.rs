//! Owns a pause that grows while refusals repeat; knows nothing of what is refused.

use crate::units::{Mono, Span};

/// Doubles from `first` to `max` with each refusal after a pause, and begins again once something was accepted.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Backoff {
    first: Span,
    max: Span,
    level: u8,
    until: Mono,
}

impl Backoff {
    /// No pause.
    #[must_use]
    pub const fn new(first: Span, max: Span) -> Self {
        Self {
            first,
            max,
            level: 0,
            until: Mono(i64::MIN),
        }
    }

    /// Pauses, for `at_least` if the exchange says so; returns how long. Refusals during a pause are of
    /// the same attempt: they do not make it grow.
    pub fn on_refused(&mut self, at_least: Span, now: Mono) -> Span {
        let asked = now.after(at_least);
        if now >= self.until {
            let grown = Span(self.first.0.saturating_mul(1 << self.level.min(20))).min(self.max);
            self.level = self.level.saturating_add(1);
            self.until = now.after(grown).max(asked);
        } else {
            self.until = self.until.max(asked);
        }
        self.until.since(now)
    }

    /// Begins again with the first pause. Acceptances during a pause are of the attempt that was refused, and change
    /// nothing.
    pub fn on_accepted(&mut self, now: Mono) {
        if now >= self.until {
            self.level = 0;
        }
    }

    /// The end of the pause, while it lasts.
    #[must_use]
    pub fn paused_until(&self, now: Mono) -> Option<Mono> {
        (now < self.until).then_some(self.until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_to_the_maximum_and_begin_again_after_success() {
        let mut backoff = Backoff::new(Span(10), Span(60));
        let mut now = Mono(0);
        for pause in [10, 20, 40, 60, 60] {
            assert_eq!(backoff.on_refused(Span::ZERO, now), Span(pause));
            assert_eq!(backoff.paused_until(now), Some(Mono(now.0 + pause)));
            now = Mono(now.0 + pause);
            assert_eq!(backoff.paused_until(now), None);
        }
        backoff.on_accepted(now);
        assert_eq!(backoff.on_refused(Span::ZERO, now), Span(10));
    }

    #[test]
    fn a_batch_counts_once_and_what_the_exchange_asks_for_is_kept() {
        let mut backoff = Backoff::new(Span(10), Span(60));
        for _ in 0..18 {
            backoff.on_refused(Span::ZERO, Mono(0));
        }
        backoff.on_accepted(Mono(1));
        assert_eq!(backoff.paused_until(Mono(1)), Some(Mono(10)));
        assert_eq!(backoff.on_refused(Span(100), Mono(5)), Span(100));
        assert_eq!(backoff.paused_until(Mono(104)), Some(Mono(105)));
        assert_eq!(backoff.on_refused(Span::ZERO, Mono(105)), Span(20));
    }
}
