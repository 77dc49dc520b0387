//! Owns when the exchange's dead-man switch of a symbol is armed, re-armed and disarmed (protocol §4.6).
//!
//! Each re-arming is earned: the book is fresh, the quoting loop has advanced since the last time, and
//! orders and position were confirmed by REST recently. A desk that only wakes up lets it fire.

use super::Desk;
use crate::action::{Action, Actions};
use crate::budget::weight::RequestPurpose;
use crate::engine::shared::Shared;
use crate::engine::timers::Timer;
use crate::event::{Link, Outcome};
use crate::notice::What;
use crate::units::{Mono, Now, Span};

/// Re-armed this often: three chances within the default countdown of 30 s.
const REARM_EVERY: Span = Span::from_secs(10);
/// Request weight of one arming.
const WEIGHT: u32 = 10;
/// Orders and position count as confirmed for this long.
const RECONCILED_WITHIN: Span = Span::from_secs(90);
/// After a failed arming it is tried again.
const RETRY: Span = Span::from_secs(1);

/// The switch of one symbol.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct DeadMan {
    /// When the exchange will cancel, as it confirmed; counted from when the request was sent.
    pub deadline: Option<Mono>,
    is_due: bool,
    asked: bool,
    /// Steps of the desk since the last arming.
    steps: u64,
}

impl DeadMan {
    pub(super) const fn on_due(&mut self) {
        self.is_due = true;
        self.asked = false;
    }
}

impl Desk {
    /// Arms the switch when that is due and earned.
    pub(super) fn poll_dead_man(&mut self, now: Now, shared: &mut Shared, actions: &mut Actions) {
        self.dead_man.steps += 1;
        let is_first = self.dead_man.deadline.is_none() && !self.dead_man.asked;
        if !(self.dead_man.is_due || is_first) || !self.has_earned_dead_man(now, shared) {
            return;
        }
        self.dead_man.is_due = false;
        if !shared
            .weight
            .allows(WEIGHT, RequestPurpose::Safety, now.mono)
        {
            self.dead_man.asked = true;
            self.timers
                .schedule(Timer::DeadMan, shared.weight.next_check(now.mono));
            return;
        }
        shared.weight.on_sent(WEIGHT, now.mono);
        self.dead_man.asked = true;
        self.dead_man.steps = 0;
        actions.push(Action::ArmDeadMan(
            self.symbol,
            self.params.liveness.dead_man,
        ));
        self.timers
            .schedule(Timer::DeadMan, now.mono.after(REARM_EVERY));
    }

    fn has_earned_dead_man(&self, now: Now, shared: &Shared) -> bool {
        let reconciled = self
            .truth
            .confirmed_at()
            .is_some_and(|at| now.mono.since(at) < RECONCILED_WITHIN);
        reconciled
            && !shared.stopping
            && shared.is_up(Link::Orders)
            && self.liveness.is_quotable(now.mono)
            && (self.dead_man.steps > 1 || self.dead_man.deadline.is_none())
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
                if self.dead_man.deadline.is_none() {
                    self.say(What::DeadManArmed(*span), actions);
                }
                self.dead_man.deadline = Some(requested_at.after(*span));
            }
            Outcome::Refused(refusal) => {
                self.say(What::DeadManFailed(refusal.why, refusal.code), actions);
                self.timers.schedule(
                    Timer::DeadMan,
                    now.mono.after(RETRY.max(refusal.retry_after)),
                );
            }
            Outcome::Unknown => self.timers.schedule(Timer::DeadMan, now.mono.after(RETRY)),
        }
    }

    /// Disarms it at the end of a clean stop, once nothing is open.
    pub(super) fn disarm_dead_man(&mut self, actions: &mut Actions) {
        self.timers.stop(Timer::DeadMan);
        if self.dead_man.asked || self.dead_man.deadline.is_some() {
            actions.push(Action::ArmDeadMan(self.symbol, Span::ZERO));
        }
        self.dead_man = DeadMan {
            asked: true,
            ..DeadMan::default()
        };
    }
}
