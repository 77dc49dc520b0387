//! Owns the named timers of one desk: when each is due; knows nothing of what happens then.

use crate::units::Mono;

/// Everything a desk waits for. Each has one instant or none; setting it again replaces it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Timer {
    /// A re-quote was held back by `quote_interval`.
    Requote,
    /// A stream may have become stale or dead.
    Liveness,
    /// A request may have run out of time.
    Orders,
    /// The top of book is compared with REST once more.
    Probe,
    /// The next one-second sample of mid.
    Sample,
    /// Open orders and account are compared with the exchange.
    Reconcile,
    /// A snapshot is fetched (again).
    Snapshot,
    /// A halt or pause ends, or flattening goes on.
    Halt,
    /// The dead-man switch is armed again if that was earned.
    DeadMan,
    /// A graceful end makes its next step.
    Stop,
    /// After a panic: what is open is asked for, or a new desk takes over. Kept by the engine, never by a desk.
    Restart,
    /// Funding payments are asked for. Kept by the engine, never by a desk.
    Funding,
}

impl Timer {
    /// Every timer, in the order in which those due at one instant run.
    pub const ALL: [Self; 12] = [
        Self::Liveness,
        Self::Orders,
        Self::Halt,
        Self::Stop,
        Self::Restart,
        Self::Snapshot,
        Self::Reconcile,
        Self::Funding,
        Self::DeadMan,
        Self::Probe,
        Self::Sample,
        Self::Requote,
    ];

    const fn index(self) -> usize {
        self as usize
    }
}

/// The table of a desk.
#[derive(Clone, Hash, Debug, Default)]
pub struct Timers {
    due: [Option<Mono>; Timer::ALL.len()],
}

impl Timers {
    /// Due at `at`, whatever it was before.
    pub fn schedule(&mut self, timer: Timer, at: Mono) {
        if let Some(slot) = self.due.get_mut(timer.index()) {
            *slot = Some(at);
        }
    }

    /// Due at `at` unless it is due earlier already.
    pub fn schedule_by(&mut self, timer: Timer, at: Mono) {
        if self.due_at(timer).is_none_or(|due| due > at) {
            self.schedule(timer, at);
        }
    }

    /// Not due any more.
    pub fn stop(&mut self, timer: Timer) {
        if let Some(slot) = self.due.get_mut(timer.index()) {
            *slot = None;
        }
    }

    /// When it is due.
    #[must_use]
    pub fn due_at(&self, timer: Timer) -> Option<Mono> {
        self.due.get(timer.index()).copied().flatten()
    }

    /// The next due timer and its instant.
    #[must_use]
    pub fn next_due(&self) -> Option<(Mono, Timer)> {
        let due = Timer::ALL
            .iter()
            .filter_map(|t| self.due_at(*t).map(|at| (at, *t)));
        due.min_by_key(|(at, _)| *at)
    }

    /// Takes a timer that is due at `now`, if there is one; it is then no longer due.
    pub fn poll_expired(&mut self, now: Mono) -> Option<Timer> {
        let expired = Timer::ALL
            .iter()
            .copied()
            .find(|t| self.due_at(*t).is_some_and(|at| at <= now))?;
        self.stop(expired);
        Some(expired)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn safety_runs_before_quoting_when_both_are_due() {
        let mut timers = Timers::default();
        timers.schedule(Timer::Requote, Mono(1));
        timers.schedule(Timer::Liveness, Mono(5));
        assert_eq!(timers.next_due(), Some((Mono(1), Timer::Requote)));
        assert_eq!(timers.poll_expired(Mono(5)), Some(Timer::Liveness));
        assert_eq!(timers.poll_expired(Mono(5)), Some(Timer::Requote));
        assert_eq!(timers.poll_expired(Mono(5)), None);
    }

    #[test]
    fn schedule_by_only_brings_forward() {
        let mut timers = Timers::default();
        timers.schedule_by(Timer::Sample, Mono(10));
        timers.schedule_by(Timer::Sample, Mono(20));
        assert_eq!(timers.due_at(Timer::Sample), Some(Mono(10)));
        timers.schedule_by(Timer::Sample, Mono(3));
        assert_eq!(timers.due_at(Timer::Sample), Some(Mono(3)));
    }

    #[test]
    fn every_timer_has_its_own_place() {
        let mut timers = Timers::default();
        for (i, timer) in Timer::ALL.iter().enumerate() {
            timers.schedule(*timer, Mono(i64::try_from(i).expect("small")));
        }
        for (i, timer) in Timer::ALL.iter().enumerate() {
            assert_eq!(
                timers.due_at(*timer),
                Some(Mono(i64::try_from(i).expect("small")))
            );
        }
    }
}
