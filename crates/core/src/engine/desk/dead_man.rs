//! Owns when the exchange's dead-man switch of a symbol is armed, re-armed and disarmed (protocol §4.6).
//!
//! Each re-arming is earned: the book is fresh, the quoting loop has advanced since the last time, and
//! orders and position were confirmed by REST recently. A desk that only wakes up lets it fire. The other
//! way round, quotes rest only under a switch that is armed: without one they are pulled.

use super::Desk;
use crate::action::{Action, Actions};
use crate::engine::requests::Request;
use crate::engine::shared::Shared;
use crate::engine::timers::Timer;
use crate::event::{Link, Outcome};
use crate::notice::What;
use crate::units::{Mono, Now, Span};

/// Re-armed this often: three chances within the default countdown of 30 s.
const REARM_EVERY: Span = Span::from_secs(10);
/// With more symbols than this their arming alone would take the most of the request weight that all share, and …
const REARM_OFTEN_MAX: usize = 8;
/// … it is done this often, or twice in three countdowns. Should that fail, every second that is left is a chance.
const REARM_SELDOM: Span = Span::from_secs(20);
/// Orders and position count as confirmed for this many of the times between two comparisons …
const RECONCILIATIONS_MISSED_MAX: i64 = 3;
/// … and for this long at least.
const RECONCILED_WITHIN: Span = Span::from_secs(90);
/// After a failed arming it is tried again.
const RETRY: Span = Span::from_secs(1);

/// The switch of one symbol.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct DeadMan {
    /// When the exchange will cancel, as it confirmed; counted from when the request was sent.
    pub deadline: Option<Mono>,
    /// When it is to be armed (again); `None` before the first time, when it is due at once.
    due_at: Option<Mono>,
    /// Looks of the quoting loop at a fresh book since the last arming.
    looks: u64,
    is_disarmed: bool,
}

impl DeadMan {
    /// The quoting loop has looked at a fresh book.
    pub(super) const fn on_look(&mut self) {
        self.looks = self.looks.saturating_add(1);
    }

    /// Whether orders may rest now: the exchange has confirmed the switch. An arming that is on its way does not count:
    /// a process that ends in that moment would leave orders that nobody cancels.
    pub(super) fn is_armed(&self, now: Mono) -> bool {
        self.deadline.is_some_and(|at| now < at)
    }

    /// When [`Self::is_armed`] ends unless something is heard; the desk must be stepped then.
    pub(super) fn lapses_at(&self) -> Option<Mono> {
        self.deadline
    }
}

impl Desk {
    /// Arms the switch when that is due and earned.
    pub(super) fn poll_dead_man(&mut self, now: Now, shared: &mut Shared, actions: &mut Actions) {
        let is_due = self.dead_man.due_at.is_none_or(|at| now.mono >= at);
        if !is_due || !self.has_earned_dead_man(now, shared) {
            return;
        }
        if !shared.may_ask(Request::DeadMan, now.mono) {
            self.arm_at(shared.weight.next_check(now.mono));
            return;
        }
        self.dead_man.looks = 0;
        let countdown = self.params.liveness.dead_man;
        actions.push(Action::ArmDeadMan(self.symbol, countdown));
        let every = match shared.symbol_count() > REARM_OFTEN_MAX {
            true => REARM_SELDOM.min(Span(countdown.raw() / 3 * 2)),
            false => REARM_EVERY,
        };
        self.arm_at(now.mono.after(every));
    }

    fn arm_at(&mut self, at: Mono) {
        self.dead_man.due_at = Some(at);
        self.timers.schedule(Timer::DeadMan, at);
    }

    /// Nobody re-arms a switch under which nothing is quoted: should a cancel fail, it is the one that cleans up.
    fn has_earned_dead_man(&self, now: Now, shared: &Shared) -> bool {
        let every = self.params.liveness.reconcile_every.raw();
        let within = Span(every.saturating_mul(RECONCILIATIONS_MISSED_MAX)).max(RECONCILED_WITHIN);
        let reconciled = self
            .truth
            .confirmed_at()
            .is_some_and(|at| now.mono.since(at) < within);
        reconciled
            && self.truth.is_known()
            && !self.is_halted(shared)
            && shared.is_up(Link::Orders)
            && shared.is_up(Link::User)
            && self.touch().is_some()
            && self.is_fresh(now.mono)
            && (self.dead_man.looks > 0 || !self.dead_man.is_armed(now.mono))
    }

    /// What the exchange confirmed.
    pub(in crate::engine) fn on_dead_man_reply(
        &mut self,
        now: Now,
        requested_at: Mono,
        outcome: &Outcome<Span>,
        actions: &mut Actions,
    ) {
        match outcome {
            Outcome::Accepted(span) if span.is_zero() => self.dead_man.deadline = None,
            Outcome::Accepted(span) => {
                if self.dead_man.deadline.is_none_or(|at| now.mono >= at) {
                    self.say(What::DeadManArmed(*span), actions);
                }
                // Answers may overtake each other: a later request has replaced the timer of an earlier one.
                let deadline = requested_at.after(*span);
                self.dead_man.deadline = self.dead_man.deadline.max(Some(deadline));
            }
            Outcome::Refused(refusal) => {
                self.say(What::DeadManFailed(refusal.why, refusal.code), actions);
                self.on_not_armed(now.mono.after(RETRY.max(refusal.retry_after)));
            }
            Outcome::Unknown => self.on_not_armed(now.mono.after(RETRY)),
        }
    }

    /// The quotes under a switch that was to be armed are pulled; arming is tried again at `retry`.
    fn on_not_armed(&mut self, retry: Mono) {
        if !self.dead_man.is_disarmed {
            self.arm_at(retry);
        }
    }

    /// Disarms it at the end of a clean stop, once nothing is open.
    pub(super) fn disarm_dead_man(
        &mut self,
        shared: &mut Shared,
        now: Mono,
        actions: &mut Actions,
    ) {
        self.timers.stop(Timer::DeadMan);
        let was_asked = self.dead_man.due_at.is_some() || self.dead_man.deadline.is_some();
        if was_asked && !self.dead_man.is_disarmed {
            // Beyond the budget if need be: it is the last request.
            shared.weight.on_sent(Request::DeadMan.weight(), now);
            actions.push(Action::ArmDeadMan(self.symbol, Span::ZERO));
        }
        self.dead_man = DeadMan {
            is_disarmed: true,
            ..DeadMan::default()
        };
    }
}
