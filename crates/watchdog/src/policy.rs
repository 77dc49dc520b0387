//! Owns when the child is cancelled for, ended, restarted or given up; pure: time and facts come in, orders go out.

pub mod ending;
pub mod event;
pub mod progress;
mod said;

pub use said::{Blow, Cleared, Input, Limits, Order, Reason};

use crate::mail::{Beat, Phase};
use ending::{Gone, Sweep, Then, code, reaction};
use event::Event;
use progress::{Progress, STOP_MAX, Stall};
use std::collections::VecDeque;
use std::time::Duration;

/// Time since the watchdog began.
pub type At = Duration;

/// How long cancelling may take before the child is sent TERM all the same.
const SWEEP_PATIENCE: Duration = Duration::from_secs(2);
/// Time between TERM and ABRT.
const TERM_PATIENCE: Duration = Duration::from_secs(2);
/// Time between ABRT and KILL: a core may be written.
const ABORT_PATIENCE: Duration = Duration::from_secs(1);
/// KILL is repeated after this long.
const KILL_PATIENCE: Duration = Duration::from_secs(5);
/// After how long a child that is dead to every signal is told.
const IMMORTAL_AFTER: Duration = Duration::from_secs(10);
/// First and longest delay of a restart.
const DELAY_MIN: Duration = Duration::from_secs(1);
const DELAY_MAX: Duration = Duration::from_secs(30);
/// Pause between two sweeps that did not show an empty book.
const SWEEP_PAUSE: Duration = Duration::from_secs(1);
/// After this long the exchange's dead-man switch has done it, if anything can: a restart waits no longer.
const SWEEP_MAX: Duration = Duration::from_secs(30);
/// Pause between two sweeps for a child whose orders stand on old data.
const STALE_PAUSE: Duration = Duration::from_secs(5);
/// How long a child may go on counting orders that the exchange has confirmed gone.
const BLIND_MAX: Duration = Duration::from_secs(15);
/// A longer gap between two looks means that the watchdog itself did not run.
const GAP_MAX: Duration = Duration::from_secs(1);
/// An answer that takes longer than this means that the sweeping thread hangs.
const ANSWER_MAX: Duration = Duration::from_secs(90);
/// Restarts remembered.
const RESTARTS_KEPT_MAX: usize = 1_000;

/// Where a child that is ended stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Blow(Blow),
    KillAgain,
}

/// What follows a sweep after the child.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum After {
    Restart { counts: bool },
    End(Reason),
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum State {
    /// A child was ordered.
    Starting,
    /// A child runs.
    Watching(Watch),
    /// A child is being ended.
    Ending { next: Next, at: At, since: At },
    /// A child was asked to end by the operator.
    Stopping { watch: Watch, until: At },
    /// No child; the book is being emptied.
    Sweeping { after: After, since: At, again: At },
    /// No child until then.
    Waiting { until: At },
    /// Nothing more.
    Over,
}

/// A child that runs.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Watch {
    pid: u32,
    progress: Progress,
    /// The next sweep for orders on old data; `None` while there are none.
    stale_sweep: Option<At>,
    /// Since when the exchange says that what the child counts is gone.
    blind_since: Option<At>,
}

/// The policy of one watchdog.
#[derive(Debug)]
pub struct Policy {
    limits: Limits,
    state: State,
    restarts: VecDeque<At>,
    /// Endings in a row because the exchange could not be used.
    patient: u32,
    /// Whether the child held the account's lock.
    held: bool,
    was_stopping: bool,
    is_asked: bool,
    ticked_at: At,
    /// When a sweep was ordered that is not answered yet.
    asked_at: Option<At>,
    /// Number of the last sweep.
    sweeps: u64,
    orders: Vec<Order>,
}

impl Policy {
    /// Begins with ordering a child.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            state: State::Starting,
            restarts: VecDeque::new(),
            patient: 0,
            held: false,
            was_stopping: false,
            is_asked: false,
            ticked_at: At::ZERO,
            asked_at: None,
            sweeps: 0,
            orders: vec![Order::Spawn],
        }
    }

    /// Takes a fact; orders follow from [`Policy::take_orders`].
    pub fn on(&mut self, now: At, input: Input) {
        match input {
            Input::Tick => self.on_tick(now),
            Input::Spawned(pid) => self.on_spawned(now, pid),
            Input::NotSpawned => {
                self.tell(Event::NotStarted);
                self.on_gone(now, Gone::Exit(i32::from(code::FAILURE)));
            }
            Input::Beat(beat) => self.on_beat(now, beat),
            Input::Frozen => self.on_frozen(),
            Input::Gone(gone) => {
                self.tell(Event::Ended(gone));
                self.on_gone(now, gone);
            }
            Input::Cleared(number, cleared) => self.on_cleared(now, number, cleared),
            Input::Stop => self.on_stop(now),
        }
    }

    /// What is to be done, in order.
    pub fn take_orders(&mut self) -> Vec<Order> {
        std::mem::take(&mut self.orders)
    }

    /// Whether the supervision itself can be vouched for: no answer that it waits for is overdue.
    #[must_use]
    pub fn is_sound(&self, now: At) -> bool {
        self.asked_at
            .is_none_or(|at| now.saturating_sub(at) <= ANSWER_MAX)
    }

    /// In a few words, for the service manager's status line.
    #[must_use]
    pub const fn status(&self) -> &'static str {
        match self.state {
            State::Starting => "starting the trading process",
            State::Watching(_) => "watching the trading process",
            State::Ending { .. } => "ending a trading process that stands still",
            State::Stopping { .. } => "stopping",
            State::Sweeping { .. } => "cancelling what is open",
            State::Waiting { .. } => "waiting to restart the trading process",
            State::Over => "over",
        }
    }

    fn order(&mut self, order: Order) {
        self.orders.push(order);
    }

    fn tell(&mut self, event: Event) {
        self.order(Order::Tell(event));
    }

    fn sweep(&mut self, now: At) {
        // One at a time: the answer to the last one is as good.
        if self.asked_at.is_none() {
            self.asked_at = Some(now);
            self.sweeps += 1;
            self.order(Order::Sweep(self.sweeps));
        }
    }

    fn on_spawned(&mut self, now: At, pid: u32) {
        self.tell(Event::Started(pid));
        self.held = false;
        self.was_stopping = false;
        let watch = Watch {
            pid,
            progress: Progress::new(now),
            stale_sweep: None,
            blind_since: None,
        };
        self.state = State::Watching(watch);
        if self.is_asked {
            self.ask_to_end(now, watch);
        }
    }

    fn on_beat(&mut self, now: At, beat: Beat) {
        let (State::Watching(watch) | State::Stopping { watch, .. }) = &mut self.state else {
            return;
        };
        if beat.pid != watch.pid {
            return;
        }
        self.held = true;
        let was_booting = watch.progress.phase() == Phase::Booting;
        watch.progress.on_beat(now, beat);
        self.was_stopping = beat.phase == Phase::Stopping && !beat.crashed;
        if was_booting && matches!(beat.phase, Phase::Trading | Phase::Halted) {
            self.patient = 0;
            self.tell(Event::Trading(beat.pid));
        }
    }

    fn on_tick(&mut self, now: At) {
        let gap = now.saturating_sub(self.ticked_at);
        let is_first = self.ticked_at == At::ZERO;
        self.ticked_at = now;
        if gap > GAP_MAX && !is_first {
            self.tell(Event::Overslept(gap));
            if let State::Watching(watch) | State::Stopping { watch, .. } = &mut self.state {
                watch.progress.forgive(gap);
                return;
            }
        }
        match self.state {
            State::Watching(watch) => self.judge(now, watch),
            State::Ending { next, at, since } if now >= at => self.strike(now, next, since),
            State::Stopping { watch, until } => {
                let late = (now >= until).then_some((Stall::Stop, STOP_MAX));
                if let Some((stall, since)) = watch.progress.stall(now, &self.limits).or(late) {
                    self.tell(Event::Stalled(stall, since));
                    self.end_child(now);
                }
            }
            State::Sweeping { again, .. } if now >= again => self.sweep(now),
            State::Waiting { until } if now >= until => {
                self.state = State::Starting;
                self.order(Order::Spawn);
            }
            State::Starting
            | State::Ending { .. }
            | State::Sweeping { .. }
            | State::Waiting { .. }
            | State::Over => {}
        }
    }

    fn judge(&mut self, now: At, mut watch: Watch) {
        if let Some((stall, since)) = watch.progress.stall(now, &self.limits) {
            self.tell(Event::Stalled(stall, since));
            self.end_child(now);
            return;
        }
        match (watch.progress.is_stale(now), watch.stale_sweep) {
            (true, None) => {
                self.tell(Event::Stale);
                self.sweep(now);
                watch.stale_sweep = Some(now + STALE_PAUSE);
            }
            (true, Some(at)) if now >= at => {
                self.sweep(now);
                watch.stale_sweep = Some(now + STALE_PAUSE);
            }
            (true, Some(_)) => {}
            (false, Some(_)) => {
                self.tell(Event::StaleOver);
                (watch.stale_sweep, watch.blind_since) = (None, None);
            }
            (false, None) => {}
        }
        self.state = State::Watching(watch);
        let blind = watch.blind_since.map(|since| now.saturating_sub(since));
        if blind.is_some_and(|span| span > BLIND_MAX) {
            self.tell(Event::Blind);
            self.end_child(now);
        }
    }

    /// Cancels first, then ends.
    fn end_child(&mut self, now: At) {
        self.sweep(now);
        self.state = State::Ending {
            next: Next::Blow(Blow::Term),
            at: now + SWEEP_PATIENCE,
            since: now,
        };
    }

    /// TERM and ABRT would wait for it to go on, which nobody wants: its KILL comes first, but not before the sweep.
    fn on_frozen(&mut self) {
        if let State::Ending {
            next: next @ Next::Blow(Blow::Term),
            ..
        } = &mut self.state
        {
            *next = Next::Blow(Blow::Kill);
        }
    }

    /// Whether it would help to know that the child is stopped.
    #[must_use]
    pub const fn is_ending(&self) -> bool {
        matches!(
            self.state,
            State::Ending {
                next: Next::Blow(Blow::Term),
                ..
            }
        )
    }

    fn strike(&mut self, now: At, next: Next, since: At) {
        let (blow, next, patience) = match next {
            Next::Blow(Blow::Term) => (Blow::Term, Next::Blow(Blow::Abort), TERM_PATIENCE),
            Next::Blow(Blow::Abort) => (Blow::Abort, Next::Blow(Blow::Kill), ABORT_PATIENCE),
            Next::Blow(Blow::Kill) => (Blow::Kill, Next::KillAgain, KILL_PATIENCE),
            Next::KillAgain => (Blow::Kill, Next::KillAgain, KILL_PATIENCE),
        };
        let is_immortal = next == Next::KillAgain && now.saturating_sub(since) > IMMORTAL_AFTER;
        self.tell(if is_immortal {
            Event::Immortal
        } else {
            Event::Ending(blow)
        });
        self.order(Order::Send(blow));
        let at = now + patience;
        self.state = State::Ending { next, at, since };
    }

    fn on_cleared(&mut self, now: At, number: u64, cleared: Cleared) {
        self.tell(Event::Swept(cleared));
        if number != self.sweeps {
            return;
        }
        self.asked_at = None;
        let is_empty = matches!(cleared, Cleared::Empty { .. } | Cleared::Nothing);
        match &mut self.state {
            State::Watching(watch) if watch.stale_sweep.is_some() => {
                // Only a child that the exchange contradicts is at fault; where it does not answer, nobody is.
                watch.blind_since = if is_empty {
                    watch.blind_since.or(Some(now))
                } else {
                    None
                };
            }
            // What was waited for before the first blow is here.
            State::Ending { at, since, .. } if *at == *since + SWEEP_PATIENCE => *at = now,
            State::Sweeping { after, since, .. } => {
                let (after, since) = (*after, *since);
                self.on_swept(now, after, since, is_empty);
            }
            State::Starting
            | State::Watching(_)
            | State::Ending { .. }
            | State::Stopping { .. }
            | State::Waiting { .. }
            | State::Over => {}
        }
    }

    /// The book after the child: empty, or not known to be.
    fn on_swept(&mut self, now: At, after: After, since: At, is_empty: bool) {
        let is_late = now.saturating_sub(since) > SWEEP_MAX;
        match (after, is_empty) {
            (After::End(reason), true) => self.end(reason),
            (After::Restart { counts }, true) => self.wait(now, counts),
            (After::Restart { counts }, false) if is_late => {
                self.tell(Event::RestartingInDoubt);
                self.wait(now, counts);
            }
            // Nobody comes after the last one: it stays until the book is empty, or the operator ends it.
            (After::End(Reason::GaveUp), false) if !self.is_asked => self.again(now),
            (After::End(_), false) if is_late => {
                self.tell(Event::OverInDoubt);
                self.state = State::Over;
                self.order(Order::End(code::UNCLEAN));
            }
            (After::End(_) | After::Restart { .. }, false) => self.again(now),
        }
    }

    fn again(&mut self, now: At) {
        if let State::Sweeping { again, .. } = &mut self.state {
            *again = now + SWEEP_PAUSE;
        }
    }

    fn end(&mut self, reason: Reason) {
        self.tell(Event::Over(reason));
        self.state = State::Over;
        self.order(Order::End(reason.code()));
    }

    fn on_gone(&mut self, now: At, gone: Gone) {
        let (sweep, then) = reaction(gone, self.was_stopping);
        let after = match then {
            _ if self.is_asked => After::End(match gone {
                Gone::Exit(0 | 5) | Gone::Signal(_) => Reason::Operator,
                Gone::Exit(_) => Reason::Child(gone),
            }),
            Then::End => After::End(Reason::Child(gone)),
            Then::RestartPatiently => After::Restart { counts: false },
            Then::Restart if self.restarts_in_window(now) >= self.limits.restarts_max => {
                self.tell(Event::GaveUp(self.limits.restarts_max));
                After::End(Reason::GaveUp)
            }
            Then::Restart => After::Restart { counts: true },
        };
        let is_ours = match sweep {
            Sweep::Always => true,
            Sweep::IfHeld => self.held,
            Sweep::Never => false,
        };
        // A sweep that runs began while the child could still place: another one follows, whose answer counts.
        if is_ours {
            self.asked_at = None;
            self.state = State::Sweeping {
                after,
                since: now,
                again: At::MAX,
            };
            self.sweep(now);
            return;
        }
        match after {
            After::End(reason) => self.end(reason),
            After::Restart { counts } => self.wait(now, counts),
        }
    }

    fn restarts_in_window(&mut self, now: At) -> usize {
        let window = self.limits.restart_window;
        self.restarts.retain(|at| now.saturating_sub(*at) <= window);
        self.restarts.len()
    }

    fn wait(&mut self, now: At, counts: bool) {
        let round = if counts {
            if self.restarts.len() >= RESTARTS_KEPT_MAX {
                self.restarts.pop_front();
            }
            self.restarts.push_back(now);
            self.restarts_in_window(now)
        } else {
            self.patient = self.patient.saturating_add(1);
            usize::try_from(self.patient).unwrap_or(usize::MAX)
        };
        let doublings = u32::try_from(round.saturating_sub(1))
            .unwrap_or(u32::MAX)
            .min(16);
        let delay = DELAY_MIN.saturating_mul(1 << doublings).min(DELAY_MAX);
        self.tell(Event::Restarting(delay, round));
        self.state = State::Waiting { until: now + delay };
    }

    fn on_stop(&mut self, now: At) {
        let is_repeated = std::mem::replace(&mut self.is_asked, true);
        if !is_repeated {
            self.tell(Event::Stopping);
        }
        match self.state {
            State::Watching(watch) => self.ask_to_end(now, watch),
            // A second request shortens the child's end, as it does without a watchdog.
            State::Stopping { .. } => self.order(Order::Send(Blow::Term)),
            State::Waiting { .. } => {
                self.state = State::Sweeping {
                    after: After::End(Reason::Operator),
                    since: now,
                    again: At::MAX,
                };
                self.sweep(now);
            }
            State::Sweeping {
                since,
                again,
                after,
            } => {
                let after = match after {
                    After::Restart { .. } => After::End(Reason::Operator),
                    After::End(reason) => After::End(reason),
                };
                self.state = State::Sweeping {
                    after,
                    since,
                    again,
                };
            }
            // The child that was ordered is asked as soon as it is there.
            State::Starting | State::Ending { .. } | State::Over => {}
        }
    }

    fn ask_to_end(&mut self, now: At, watch: Watch) {
        self.order(Order::Send(Blow::Term));
        let until = now + STOP_MAX;
        self.state = State::Stopping { watch, until };
    }
}

#[cfg(test)]
mod tests;
