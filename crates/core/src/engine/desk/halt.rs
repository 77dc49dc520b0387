//! Owns why a desk stands still and how it gets out again: loss breaker with flattening, overflow, a symbol
//! that does not trade, and the graceful end.

use super::Desk;
use super::quote::Wish;
use crate::action::Actions;
use crate::engine::shared::Shared;
use crate::engine::timers::Timer;
use crate::event::ContractStatus;
use crate::notice::{HaltReason, What};
use crate::order::Execute;
use crate::params::{AccountParams, SymbolParams};
use crate::risk::breakers::{Loss, LossState, Overflow, Valuation, orders_max};
use crate::risk::limits::batch_bound;
use crate::strategy::Missing;
use crate::units::{E8, Lots, Mono, Now, Quote, Ratio, Side, Span, Ticks};

/// Flattening crosses the touch by at most this share of it (0.5 %), order by order.
const FLATTEN_BAND: Ratio = Ratio(E8 / 200);
/// Pause between two flattening orders.
const STEP: Span = Span::from_millis(500);
/// Pause between two questions whether anything is still open, at a graceful end.
const ASK_AGAIN: Span = Span::from_secs(1);

/// Having passed the warning threshold is forgotten below so many tenths of it.
const WARNING_ENDS_TENTHS: i128 = 9;

/// A halt of one symbol.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Halt {
    /// Why.
    pub reason: HaltReason,
    /// When it ends by itself; `None` when a person must end it.
    pub until: Option<Mono>,
    /// While it lasts the position is closed; the next order for that goes out at this instant.
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
}

/// How far a graceful end, of everything or of this symbol, has come.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub(super) enum Ending {
    /// None in progress, or orders are still tracked.
    #[default]
    None,
    /// Nothing has been tracked since the first instant; open orders were last asked for at the second.
    Asked(Mono, Mono),
    /// The exchange confirmed that nothing of ours is open.
    Done,
}

impl Desk {
    /// Lets breakers trip and halts end.
    pub(super) fn poll_halt(&mut self, now: Now, shared: &mut Shared, actions: &mut Actions) {
        self.judge_losses(now, actions);
        self.judge_count(now, shared, actions);
        self.end_halt(now, actions);
        if shared.stopping || self.removed_at.is_some() {
            self.poll_ending(now, shared, actions);
        }
    }

    /// Whether somebody or something forbids quoting on this symbol.
    pub(super) fn is_halted(&self, shared: &Shared) -> bool {
        shared.halt.is_some()
            || shared.stopping
            || self.halt.is_some()
            || self.removed_at.is_some()
            || self.contract == ContractStatus::NotTrading
    }

    /// Whether the exchange lets the symbol be traded, as far as it said so or refused orders.
    pub(in crate::engine) fn is_trading(&self) -> bool {
        let is_refused = self.halt.is_some_and(|h| h.reason == HaltReason::Symbol);
        self.contract == ContractStatus::Trading && !is_refused
    }

    /// When a halt makes its next step.
    pub(super) fn halt_due_at(&self) -> Option<Mono> {
        let halt = self.halt?;
        let flatten = halt.flatten_at.filter(|_| self.position.side().is_some());
        match (halt.until, flatten) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
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

    /// Layers by which open orders are counted: those of the present parameters, or of the earlier ones while
    /// the orders that these allowed are on their way out.
    pub(super) fn layers_counted(&self) -> u16 {
        self.params.quoting.layers.max(self.layers_before)
    }

    fn judge_count(&mut self, now: Now, shared: &mut Shared, actions: &mut Actions) {
        // An order that takes never rests: it can neither be cancelled nor pile up.
        let resting = self.tracker.iter();
        let resting = resting.filter(|o| o.execute != Execute::TakeReduce).count();
        let open = u32::try_from(resting).unwrap_or(u32::MAX);
        if open <= orders_max(self.params.quoting.layers) {
            self.layers_before = 0;
        }
        match self
            .overflow
            .on_count(now.mono, open, self.layers_counted())
        {
            Overflow::Within | Overflow::Clearing => {}
            Overflow::CancelAll => {
                self.say(What::OrderOverflow(open), actions);
                self.doubt(now.mono);
                self.pull(now, shared, actions);
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
        let Some(held) = self.position.side().filter(|_| now.mono >= at) else {
            return;
        };
        self.send_flatten(
            held.opposite(),
            self.position.size().abs(),
            now,
            shared,
            actions,
        );
        if let Some(halt) = &mut self.halt {
            halt.flatten_at = Some(now.mono.after(STEP));
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
        let request = Wish {
            side,
            price: limit,
            size,
            execute: Execute::TakeReduce,
        };
        let _held = self.place(request, now, shared, actions);
    }

    fn poll_ending(&mut self, now: Now, shared: &mut Shared, actions: &mut Actions) {
        let empty_since = match self.ending {
            Ending::Done => return,
            _ if self.tracker.open_count() > 0 => {
                self.ending = Ending::None;
                return;
            }
            Ending::None => now.mono,
            Ending::Asked(since, asked_at) if now.mono.since(asked_at) >= ASK_AGAIN => since,
            Ending::Asked(_, asked_at) => {
                self.timers
                    .schedule_by(Timer::Stop, asked_at.after(ASK_AGAIN));
                return;
            }
        };
        self.ending = Ending::Asked(empty_since, now.mono);
        self.fetch_open_orders(now.mono, shared, actions);
        self.timers
            .schedule_by(Timer::Stop, now.mono.after(ASK_AGAIN));
    }

    /// Open orders came while a graceful end is in progress: with none of ours, this desk is done. The list
    /// must have been asked for when nothing was tracked any more, by whichever of several questions.
    pub(super) fn on_open_orders_while_ending(
        &mut self,
        now: Mono,
        requested_at: Mono,
        shared: &mut Shared,
        actions: &mut Actions,
    ) {
        let Ending::Asked(empty_since, _) = self.ending else {
            return;
        };
        if requested_at >= empty_since && self.tracker.open_count() == 0 {
            self.ending = Ending::Done;
            self.timers.stop(Timer::Stop);
            self.disarm_dead_man(shared, now, actions);
        }
    }

    /// Whether the graceful end of this desk is complete.
    #[must_use]
    pub fn is_ended(&self) -> bool {
        self.ending == Ending::Done
    }

    /// The operator resumes.
    pub(in crate::engine) fn on_resume(&mut self, now: Mono) {
        self.loss.on_resume();
        self.halt = None;
        self.second_instance = false;
        self.quoting.demand();
        match self.obstacle {
            // Whatever happened meanwhile is read before anything is quoted.
            Some(Missing::Halt) => self.doubt(now),
            Some(_) | None => self.check_after(Span::ZERO, now),
        }
    }

    /// Takes changed parameters over; orders move towards them at once.
    pub(in crate::engine) fn on_params(
        &mut self,
        params: &SymbolParams,
        now: Mono,
        actions: &mut Actions,
    ) {
        if params.quoting.strategy != self.params.quoting.strategy {
            self.strategy = crate::strategy::AnyStrategy::new(params.quoting.strategy);
        }
        let (old, new) = (&self.params, params);
        if new.quoting.layers < old.quoting.layers {
            self.layers_before = self.layers_counted();
        }
        let is_tighter = new.quoting.layers < old.quoting.layers
            || batch_bound(&new.risk) < batch_bound(&old.risk);
        if is_tighter {
            self.quoting.clear_surplus();
        }
        self.params = *params;
        self.liveness.on_params(params.liveness);
        self.tracker.on_config(params.liveness.request_timeout);
        self.cancel_budget
            .on_config(params.orders.cancels_per_min_max);
        // A comparison that is due sooner now does not wait for its earlier time.
        self.plan_checks(now);
        self.quoting.demand();
        self.say(What::ConfigApplied, actions);
    }

    /// What holds for all symbols was changed; orders move towards it at once.
    pub(in crate::engine) fn on_account_params(
        &mut self,
        old: &AccountParams,
        new: &AccountParams,
    ) {
        if new.total_notional_max < old.total_notional_max {
            self.quoting.clear_surplus();
        }
        self.quoting.demand();
    }

    /// Says once that |position| passed the warning threshold; again after it was clearly below.
    pub(super) fn judge_position(&mut self, actions: &mut Actions) {
        let risk = &self.params.risk;
        let size = i128::from(self.position.size().abs().raw()) * i128::from(E8);
        let thresh = i128::from(risk.net_max.raw()) * i128::from(risk.warning.raw());
        if !self.is_position_high && size >= thresh && size > 0 {
            self.is_position_high = true;
            self.say(What::PositionHigh(self.position.size()), actions);
        } else if size < thresh * WARNING_ENDS_TENTHS / 10 {
            self.is_position_high = false;
        }
    }
}
