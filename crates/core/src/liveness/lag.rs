//! Owns how far the event times of one stream are behind the wall clock, by itself and against its own past; knows
//! nothing of what follows.
//!
//! The wall clock is corrected by measurement and may be wrong. So a lag counts as late in two ways: beyond a maximum,
//! and beyond the same maximum above the smallest lag of the last minute, which a clock that is wrong by a constant
//! does not change.

use crate::units::{Mono, Span, Wall};

/// A lag that grew by this much more than the time since the message before cannot come from data on their way.
const STEP_MIN: Span = Span::from_millis(250);

/// The smallest lag is forgotten after one to two of these.
const WINDOW: Span = Span::from_secs(30);

/// Lag of one stream.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Lag {
    /// Of the last message; negative when the exchange's clock seems ahead of ours.
    last: Span,
    /// Smallest of this window and of the one before.
    least: [Option<Span>; 2],
    window_from: Mono,
    heard_at: Option<Mono>,
    /// Whether the last message's lag shows a clock that jumped.
    is_step: bool,
}

impl Lag {
    /// Takes the event time of a message that came at `now`.
    pub fn on_message(&mut self, event_time: Wall, wall: Wall, now: Mono) {
        let lag = Span(wall.raw().saturating_sub(event_time.raw()));
        let explained = self
            .heard_at
            .map(|at| now.since(at).saturating_add(STEP_MIN));
        // Of the first message nobody knows.
        self.is_step = explained.is_none_or(|most| lag.saturating_sub(self.last) > most);
        self.heard_at = Some(now);
        self.last = lag;
        if now.since(self.window_from) >= WINDOW {
            let [present, _] = self.least;
            self.least = [None, present];
            self.window_from = now;
        }
        let [present, _] = &mut self.least;
        *present = Some(present.map_or(self.last, |least| least.min(self.last)));
    }

    /// Whether the last message was late by itself, or against the stream's own past.
    #[must_use]
    pub fn is_late(&self, max: Span) -> bool {
        let least = self.least.into_iter().flatten().min();
        let grown = least.map_or(Span::ZERO, |least| self.last.saturating_sub(least));
        self.last > max || grown > max
    }

    /// Whether the last message's lag grew by more than data can be delayed meanwhile: what waits on its way comes in order,
    /// and each second of delay is a second of silence before it. So it was a clock that jumped, ours or the exchange's.
    #[must_use]
    pub const fn is_step(&self) -> bool {
        self.is_step
    }

    /// Restates what was learned by a wall clock that moved by `step` against the monotonic one: a clock that is put
    /// right makes no stream late.
    pub fn on_clock_step(&mut self, step: Span) {
        for least in self.least.iter_mut().flatten() {
            *least = least.saturating_add(step);
        }
    }

    /// What was learned of the past was measured with another clock.
    pub const fn rebase(&mut self) {
        self.least = [Some(self.last), None];
    }

    /// Of the last message; zero when its event time was ahead of our clock.
    #[must_use]
    pub fn behind(&self) -> Span {
        self.last.max(Span::ZERO)
    }

    /// How far the lags of the last messages of two streams differ.
    #[must_use]
    pub const fn distance(&self, other: &Self) -> Span {
        Span(
            self.last
                .raw()
                .saturating_sub(other.last.raw())
                .saturating_abs(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAX: Span = Span::from_secs(1);

    /// Lags in ms at instants in ms, and whether the last of them is late.
    fn check(messages: &[(i64, i64)], is_late: bool) {
        let mut lag = Lag::default();
        for (at, behind) in messages {
            let wall = Wall::from_millis(1_000_000);
            let event = Wall::from_millis(1_000_000 - behind);
            lag.on_message(event, wall, Mono(at * 1_000_000));
        }
        assert_eq!(lag.is_late(MAX), is_late, "{messages:?}");
    }

    #[test]
    fn a_message_is_late_by_our_clock_or_against_the_streams_own_past() {
        check(&[], false);
        check(&[(0, 1_000)], false);
        check(&[(0, 1_001)], true);
        check(&[(0, -5_000)], false);
        check(&[(0, -1_270), (100, -1_200), (200, -269)], true);
        check(&[(0, -1_270), (100, -1_200), (200, -271)], false);
        check(&[(0, 900), (100, 950)], false);
        // The past is forgotten: a clock that was corrected is the measure of what comes later.
        check(&[(0, -2_000), (29_000, 0), (31_000, 0), (61_000, 0)], false);
    }

    #[test]
    fn a_wall_clock_that_is_put_right_makes_no_stream_late() {
        let mut lag = Lag::default();
        // Until its offset is measured anew our clock is six seconds behind.
        lag.on_message(Wall::from_millis(6_000), Wall(0), Mono(0));
        lag.on_clock_step(Span::from_millis(6_000));
        lag.on_message(Wall::from_millis(6_100), Wall::from_millis(6_100), Mono(1));
        assert!(!lag.is_late(MAX));
    }

    #[test]
    fn after_a_change_of_clock_the_past_does_not_count() {
        let mut lag = Lag::default();
        lag.on_message(Wall(0), Wall::from_millis(-2_000), Mono(0));
        lag.on_message(Wall(0), Wall(0), Mono(1));
        assert!(lag.is_late(MAX));
        lag.rebase();
        assert!(!lag.is_late(MAX));
        assert_eq!(lag.behind(), Span::ZERO);
    }
}
