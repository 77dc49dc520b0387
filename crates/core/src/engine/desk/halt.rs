//! Owns why a desk stands still and how it gets out again: loss breaker with flattening, overflow, a symbol
//! that does not trade, and the graceful end.

use super::Desk;
use super::quote::Request;
use crate::action::{Action, Actions};
use crate::engine::shared::Shared;
use crate::engine::timers::Timer;
use crate::notice::{HaltReason, What};
use crate::order::Execute;
use crate::params::SymbolParams;
use crate::risk::breakers::{Loss, LossState, Overflow, Valuation};
use crate::units::{E8, Lots, Mono, Now, Quote, Ratio, Side, Span, Ticks};

/// Flattening crosses the touch by at most this share of it (0.5 %), order by order.
const FLATTEN_BAND: Ratio = Ratio(E8 / 200);
/// Pause between two flattening orders, and between two looks at a graceful end.
const STEP: Span = Span::from_millis(500);

/// A halt of one symbol.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Halt {
    /// Why.
    pub reason: HaltReason,
    until: Option<Mono>,
    /// Whether the position is to be closed meanwhile, and when the next order may go out.
    flatten_at: Option<Mono>,
}

impl Halt {
    pub(super) const fn until(reason: HaltReason, until: Mono) -> Self {
        Self {
            reason,
            until: Some(until),
            flatten_at: None,
        }
    }

    /// When something happens by itself.
    #[must_use]
    pub fn due_at(&self) -> Option<Mono> {
        match (self.until, self.flatten_at) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }
}

/// How far a graceful end has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Ending {
    /// None in progress.
    #[default]
    None,
    /// Open orders were asked for at this instant, when nothing was tracked any more.
    Asked(Mono),
    /// The exchange confirmed that nothing of ours is open.
    Done,
}

impl Desk {
    /// Lets breakers trip and halts end.
    pub(super) fn poll_halt(&mut self, now: Now, shared: &Shared, actions: &mut Actions) {
        self.judge_losses(now, actions);
        self.judge_count(now, actions);
        self.end_halt(now, actions);
        if shared.stopping {
            self.poll_ending(now, actions);
        }
    }

    fn judge_losses(&mut self, now: Now, actions: &mut Actions) {
        let Some(price) = self.mark_or_mid() else {
            return;
        };
        let valuation = Valuation {
            unrealised: self.position.unrealised(&self.instrument, price),
            notional: Quote(
                self.instrument
                    .value_at(price, self.position.size())
                    .raw()
                    .saturating_abs(),
            ),
            profit: self.position.profit(&self.instrument, price),
            net_max_notional: self.instrument.value_at(price, self.params.risk.net_max),
        };
        let Some(loss) = self
            .loss
            .on_valuation(now.mono, &self.params.risk, &valuation)
        else {
            return;
        };
        self.say(
            match loss {
                Loss::StopLoss(amount) => What::StopLoss(amount),
                Loss::Drawdown(amount) => What::Drawdown(amount),
            },
            actions,
        );
        let (until, span) = match self.loss.state() {
            LossState::Halted(until) => (Some(until), Some(until.since(now.mono))),
            LossState::Latched | LossState::Armed => (None, None),
        };
        self.halt = Some(Halt {
            reason: HaltReason::StopLoss,
            until,
            flatten_at: Some(now.mono),
        });
        self.say(What::Halted(HaltReason::StopLoss, span), actions);
    }

    fn judge_count(&mut self, now: Now, actions: &mut Actions) {
        let open = u32::try_from(self.tracker.open_count()).unwrap_or(u32::MAX);
        match self
            .overflow
            .on_count(now.mono, open, self.params.quoting.layers)
        {
            Overflow::Within | Overflow::Clearing => {}
            Overflow::CancelAll => {
                self.say(What::OrderOverflow(open), actions);
                self.doubt();
                self.pull(now, actions);
            }
            Overflow::Cleared => self.quoting.demand(),
        }
        if let Some(at) = self.overflow.next_wakeup() {
            self.timers.schedule_by(Timer::Requote, at);
        }
    }

    fn end_halt(&mut self, now: Now, actions: &mut Actions) {
        let _armed = self.loss.on_wakeup(now.mono);
        let is_over = self
            .halt
            .is_some_and(|h| h.until.is_some_and(|until| now.mono >= until));
        if is_over {
            self.halt = None;
            self.quoting.demand();
            self.say(What::Resumed, actions);
        }
    }

    /// One step of closing the position, if a halt asks for it: a reduce-only IOC through the touch.
    pub(super) fn poll_flatten(&mut self, now: Now, shared: &mut Shared, actions: &mut Actions) {
        let Some(at) = self.halt.and_then(|h| h.flatten_at) else {
            return;
        };
        let size = self.position.size();
        let next = match self.position.side() {
            // Flat, and nothing open that could change that.
            None if self.tracker.open_count() == 0 => None,
            Some(held) if now.mono >= at => {
                self.send_flatten(held.opposite(), size.abs(), now, shared, actions);
                Some(now.mono.after(STEP))
            }
            None => Some(now.mono.after(STEP)),
            Some(_) => Some(at),
        };
        if let Some(halt) = &mut self.halt {
            halt.flatten_at = next;
        }
    }

    fn send_flatten(
        &mut self,
        side: Side,
        size: Lots,
        now: Now,
        shared: &mut Shared,
        actions: &mut Actions,
    ) {
        let is_pending = self
            .tracker
            .iter()
            .any(|o| o.execute == Execute::TakeReduce);
        let Some(touch) = self.touch().filter(|_| !is_pending) else {
            return;
        };
        let best = touch.of(side.opposite()).price;
        let band = Ticks(best.raw() / (E8 / FLATTEN_BAND.raw()));
        let limit = Ticks(best.raw() + side.sign() * band.raw());
        let size = match self.instrument.qty_max {
            Lots(0) => size,
            max => size.min(max),
        };
        // A refusal by gate or budget is tried again after the step.
        let request = Request {
            side,
            price: limit,
            size,
            execute: Execute::TakeReduce,
        };
        let _held = self.place(request, now, shared, actions);
    }

    fn poll_ending(&mut self, now: Now, actions: &mut Actions) {
        let is_due = match self.ending {
            Ending::None => true,
            Ending::Asked(at) => now.mono.since(at) >= STEP,
            Ending::Done => return,
        };
        if self.tracker.open_count() == 0 && is_due {
            self.ending = Ending::Asked(now.mono);
            actions.push(Action::FetchOpenOrders(self.symbol));
        }
        self.timers.schedule_by(Timer::Stop, now.mono.after(STEP));
    }

    /// Open orders came while a graceful end is in progress: with none of ours, this desk is done.
    pub(super) fn on_open_orders_while_stopping(
        &mut self,
        requested_at: Mono,
        shared: &Shared,
        actions: &mut Actions,
    ) {
        let Ending::Asked(asked_at) = self.ending else {
            return;
        };
        if shared.stopping && requested_at >= asked_at && self.tracker.open_count() == 0 {
            self.ending = Ending::Done;
            self.timers.stop(Timer::Stop);
            self.disarm_dead_man(actions);
        }
    }

    /// Whether the graceful end of this desk is complete.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.ending == Ending::Done
    }

    /// The operator resumes.
    pub(in crate::engine) fn on_resume(&mut self) {
        self.loss.on_resume();
        self.halt = None;
        self.second_instance = false;
        self.quoting.demand();
    }

    /// Takes changed parameters over; orders move towards them at once.
    pub(in crate::engine) fn on_params(&mut self, params: &SymbolParams, actions: &mut Actions) {
        if params.quoting.strategy != self.params.quoting.strategy {
            self.strategy = crate::strategy::AnyStrategy::new(params.quoting.strategy);
        }
        self.params = *params;
        self.liveness.on_params(params.liveness);
        self.tracker.on_config(params.liveness.request_timeout);
        self.cancel_budget
            .on_config(params.orders.cancels_per_min_max);
        self.quoting.demand();
        self.say(What::ConfigApplied, actions);
    }

    /// Says once that |position| passed half of `net_max`; again after it was clearly below.
    pub(super) fn judge_position(&mut self, actions: &mut Actions) {
        let (size, max) = (
            self.position.size().abs().raw(),
            self.params.risk.net_max.raw(),
        );
        if !self.is_position_high && size.saturating_mul(2) >= max && size > 0 {
            self.is_position_high = true;
            self.say(What::PositionHigh(self.position.size()), actions);
        } else if size.saturating_mul(20) < max.saturating_mul(9) {
            self.is_position_high = false;
        }
    }
}
