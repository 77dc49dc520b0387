//! Owns the clock of the simulated machine, which is wrong and drifts, and the correction that the process measures.

use phoenix_core::units::{Mono, Now, Span, Wall};

/// A round trip longer than this says nothing about the clock (as in the live shell).
const ROUND_TRIP_MAX: Span = Span::from_millis(1_500);
const MILLION: i64 = 1_000_000;

/// The machine's clock.
#[derive(Debug, Clone, Copy)]
pub struct Machine {
    /// True time at the simulation's start.
    start: Wall,
    /// What the clock showed wrong at `since`.
    error: Span,
    since: Mono,
    drift_ppm: i64,
    /// What the process adds to the machine's reading.
    correction: Span,
}

impl Machine {
    /// A right clock.
    #[must_use]
    pub const fn new(start: Wall) -> Self {
        Self {
            start,
            error: Span::ZERO,
            since: Mono(0),
            drift_ppm: 0,
            correction: Span::ZERO,
        }
    }

    fn error_at(&self, now: Mono) -> Span {
        let drifted = now.since(self.since).raw() / MILLION * self.drift_ppm;
        self.error.saturating_add(Span(drifted))
    }

    /// What the machine's clock shows.
    #[must_use]
    pub fn reading(&self, now: Mono) -> Wall {
        Wall(self.start.raw() + now.raw() + self.error_at(now).raw())
    }

    /// Both clocks as the process labels its events with them.
    #[must_use]
    pub fn now(&self, now: Mono) -> Now {
        Now {
            mono: now,
            wall: Wall(self.reading(now).raw() + self.correction.raw()),
        }
    }

    /// The clock jumps.
    pub fn step(&mut self, by: Span, now: Mono) {
        self.error = self.error_at(now).saturating_add(by);
        self.since = now;
    }

    /// The clock runs too fast by this many millionths from now on.
    pub fn drift(&mut self, ppm: i64, now: Mono) {
        self.error = self.error_at(now);
        self.since = now;
        self.drift_ppm = ppm;
    }

    /// An answer with the exchange's time to a question sent at `sent`.
    pub fn measure(&mut self, sent: Mono, now: Mono, server: Wall) {
        if now.since(sent) > ROUND_TRIP_MAX {
            return;
        }
        let middle = Mono(sent.raw() + now.since(sent).raw() / 2);
        self.correction = Span(server.raw() - self.reading(middle).raw());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_measured_clock_is_right_again_to_half_a_round_trip_and_slow_answers_say_nothing() {
        let mut machine = Machine::new(Wall::from_millis(1_000_000));
        let at = |ms: i64| Mono(ms * 1_000_000);
        let shown = |m: &Machine, ms| m.now(at(ms)).wall.as_millis() - 1_000_000 - ms;
        machine.step(Span::from_millis(12_000), at(100));
        assert_eq!(shown(&machine, 200), 12_000);
        let server = |ms: i64| Wall::from_millis(1_000_000 + ms);
        machine.measure(at(200), at(2_000), server(300));
        assert_eq!(shown(&machine, 2_000), 12_000, "too slow to say anything");
        machine.measure(at(2_000), at(2_100), server(2_050));
        assert_eq!(shown(&machine, 2_100), 0);
        machine.drift(1_000, at(2_100));
        assert_eq!(shown(&machine, 12_100), 10);
    }
}
