//! Owns what fills, order events and answers do to a desk.

use super::Desk;
use super::halt::Halt;
use crate::action::{Action, Actions};
use crate::engine::shared::Shared;
use crate::engine::timers::Timer;
use crate::event::{Fill, LiteFill, OrderUpdate, Outcome, Refusal, Reply, Why};
use crate::notice::{HaltReason, What};
use crate::order::{NewOrder, OrderId, Owner};
use crate::orders::Change;
use crate::orders::state::{End, OrderState};
use crate::position::Booked;
use crate::risk::breakers::WouldTake;
use crate::strategy::Strategy;
use crate::units::{Now, Side, Span};

/// How long only reducing orders are sent after the exchange allowed nothing else (protocol §6.4).
const REDUCE_ONLY_WAIT: Span = Span::from_secs(60);
/// How long a symbol rests that the exchange says is not trading, unless it says otherwise before.
const SYMBOL_WAIT: Span = Span::from_secs(30);

impl Desk {
    /// ORDER_TRADE_UPDATE of this symbol, ours or not.
    pub(in crate::engine) fn on_order_update(
        &mut self,
        now: Now,
        update: &OrderUpdate,
        shared: &mut Shared,
        actions: &mut Actions,
    ) {
        if let Some(fill) = &update.fill {
            self.book_fill(update.report.side, fill, update, now);
        }
        match update.report.owner {
            Owner::Ours(_) => match self.tracker.on_update(update, now.mono) {
                Some(change) => self.on_change(&change, now, actions),
                None => self.on_unknown_order(update, now, actions),
            },
            Owner::OtherInstance => self.on_second_instance(shared, actions),
            Owner::Foreign => {}
        }
        self.quoting.demand();
    }

    fn book_fill(&mut self, side: Side, fill: &Fill, update: &OrderUpdate, now: Now) {
        match self
            .position
            .on_fill(&self.instrument, side, fill, update.report.time)
        {
            Booked::New => self.on_filled(side, fill, now),
            Booked::Completed | Booked::Contained | Booked::Duplicate => {}
            Booked::TooOld | Booked::Unbookable => self.doubt(),
        }
    }

    /// A trade is in the books for the first time.
    pub(super) fn on_filled(&mut self, side: Side, fill: &Fill, now: Now) {
        self.record.on_fill(side);
        self.on_fill_booked(now.mono);
        self.ratios.on_filled(fill.size, now.mono);
        self.strategy.on_fill(now, side, fill.price, fill.size);
        self.quoting.demand();
    }

    /// TRADE_LITE of this symbol: the size counts at once, the fee comes later.
    pub(in crate::engine) fn on_lite_fill(
        &mut self,
        now: Now,
        lite: &LiteFill,
        actions: &mut Actions,
    ) {
        match self.position.on_lite(&self.instrument, lite) {
            Booked::New => {
                let fill = Fill {
                    trade_id: lite.trade_id,
                    price: lite.price,
                    size: lite.size,
                    fee: crate::units::Quote::ZERO,
                    fee_other_e8: 0,
                    realized: crate::units::Quote::ZERO,
                    maker: lite.maker,
                };
                self.on_filled(lite.side, &fill, now);
            }
            Booked::Completed | Booked::Contained | Booked::Duplicate => {}
            Booked::TooOld | Booked::Unbookable => self.doubt(),
        }
        if let Some(change) = self.tracker.on_lite_fill(lite, now.mono) {
            self.on_change(&change, now, actions);
        }
        self.quoting.demand();
    }

    /// An event of an order of ours that is not tracked: adopted if it can still fill.
    fn on_unknown_order(&mut self, update: &OrderUpdate, now: Now, actions: &mut Actions) {
        let Owner::Ours(id) = update.report.owner else {
            return;
        };
        if update.report.status.is_terminal() {
            return;
        }
        self.say(What::GhostOrder(id), actions);
        if self.tracker.adopt(&update.report, now.mono).is_err() {
            self.pull(now, actions);
        }
    }

    /// Another Phoenix trades the account: everything stops until a person has looked.
    pub(super) fn on_second_instance(&mut self, shared: &mut Shared, actions: &mut Actions) {
        if !self.second_instance {
            self.second_instance = true;
            self.say(What::SecondInstance, actions);
        }
        if shared.halt.is_none() {
            shared.halt = Some(HaltReason::SecondInstance);
            self.say(What::Halted(HaltReason::SecondInstance, None), actions);
        }
    }

    /// The answer to placing, amending, cancelling or querying one order.
    pub(in crate::engine) fn on_order_reply(
        &mut self,
        now: Now,
        id: OrderId,
        reply: &Reply<'_>,
        shared: &mut Shared,
        actions: &mut Actions,
    ) {
        let change = self.tracker.on_reply(reply, now.mono);
        match reply {
            Reply::Place(_, _, outcome) | Reply::Amend(_, _, outcome) => match outcome {
                Outcome::Accepted(report) => {
                    self.refusals.on_accepted(report.side, now.mono);
                    shared.order_rate.on_accepted(now.mono);
                    self.would_take.on_accepted();
                    self.ratios.on_placed(report.size, now.mono);
                }
                Outcome::Refused(refusal) => {
                    if let Some(change) = &change {
                        self.refusals.on_refused(
                            change.side,
                            refusal.why,
                            refusal.retry_after,
                            now.mono,
                        );
                    }
                    self.on_refusal(id, refusal, now, shared, actions);
                }
                Outcome::Unknown => self.say(What::OrderUnknown(id), actions),
            },
            Reply::Cancel(_, _, Outcome::Refused(refusal)) => {
                self.on_limit(refusal, now, shared, actions);
            }
            _ => {}
        }
        if let Some(change) = change {
            self.on_change(&change, now, actions);
        }
        self.quoting.demand();
    }

    /// Consequences of a changed order beyond the tracker's own books.
    pub(super) fn on_change(&mut self, change: &Change, now: Now, actions: &mut Actions) {
        if change.to == OrderState::Unknown && change.from != OrderState::Unknown {
            self.say(What::OrderUnknown(change.id), actions);
        }
        if change.to == OrderState::Done || change.filled.is_positive() {
            self.quoting.demand();
        }
        // It ended unseen: what remained of it may have filled, so trades and position are read anew.
        if change.end == Some(End::Vanished) || (change.filled > change.booked) {
            self.timers
                .schedule_by(Timer::Reconcile, now.mono.after(Span::from_secs(2)));
        }
    }

    /// What a refused order calls for (protocol §7).
    fn on_refusal(
        &mut self,
        id: OrderId,
        refusal: &Refusal,
        now: Now,
        shared: &mut Shared,
        actions: &mut Actions,
    ) {
        if refusal.why != Why::WouldTake {
            self.say(What::OrderRefused(id, refusal.why, refusal.code), actions);
        }
        match refusal.why {
            Why::WouldTake => {
                if let WouldTake::SuspectBook(_) = self.would_take.on_refused(now.mono) {
                    actions.push(Action::Probe(self.symbol));
                }
            }
            Why::ReduceOnly | Why::TooManyOpen => self.doubt(),
            Why::Rejected => self.on_rejected(id, now),
            Why::NotSent
            | Why::Transient
            | Why::Clock
            | Why::PriceBand
            | Why::AmendPending
            | Why::Margin
            | Why::Duplicate
            | Why::NoSuchOrder
            | Why::NoChange
            | Why::AmendImpossible
            | Why::ListenKey => {}
            Why::OrderRate | Why::Weight | Why::Throttled => {
                self.on_limit(refusal, now, shared, actions)
            }
            Why::SymbolHalted => self.halt_for(HaltReason::Symbol, SYMBOL_WAIT, now, actions),
            Why::ReduceOnlyMode => {
                self.reduce_only_until =
                    Some(now.mono.after(REDUCE_ONLY_WAIT.max(refusal.retry_after)));
            }
            Why::Auth => self.halt_account(HaltReason::Auth, shared, actions),
            Why::Account => self.halt_account(HaltReason::Account, shared, actions),
        }
    }

    /// An order that breaks a rule: the same request is not sent for ever (F29).
    fn on_rejected(&mut self, id: OrderId, now: Now) {
        let Some(order) = self
            .tracker
            .order(id)
            .or_else(|| self.tracker.tombstone(id))
        else {
            return;
        };
        let request = NewOrder {
            symbol: self.symbol,
            id,
            side: order.side,
            price: order.price,
            size: order.size,
            execute: order.execute,
        };
        self.repeat.on_refused(now.mono, &request, Why::Rejected);
    }

    /// A limit of the exchange was hit: say it once and wait.
    fn on_limit(
        &mut self,
        refusal: &Refusal,
        now: Now,
        shared: &mut Shared,
        actions: &mut Actions,
    ) {
        let wait = match refusal.why {
            Why::OrderRate => shared.order_rate.on_limited(refusal.retry_after, now.mono),
            Why::Weight => shared.weight.on_banned(refusal.retry_after, now.mono),
            Why::Throttled => shared
                .order_rate
                .on_throttled(refusal.retry_after, now.mono),
            _ => return,
        };
        self.timers
            .schedule_by(Timer::Requote, now.mono.after(wait));
        self.say(What::BackOff(refusal.why, wait), actions);
    }

    pub(super) fn halt_account(
        &self,
        reason: HaltReason,
        shared: &mut Shared,
        actions: &mut Actions,
    ) {
        if shared.halt.is_none() {
            shared.halt = Some(reason);
            self.say(What::Halted(reason, None), actions);
        }
    }

    fn halt_for(&mut self, reason: HaltReason, span: Span, now: Now, actions: &mut Actions) {
        if self.halt.is_none() {
            self.halt = Some(Halt::until(reason, now.mono.after(span)));
            self.say(What::Halted(reason, Some(span)), actions);
        }
    }

    /// The answer to cancelling everything.
    pub(in crate::engine) fn on_cancel_all_reply(
        &mut self,
        now: Now,
        outcome: &Outcome<()>,
        shared: &mut Shared,
        actions: &mut Actions,
    ) {
        self.tracker.on_cancel_all_reply(outcome, now.mono);
        match outcome {
            Outcome::Accepted(()) => actions.push(Action::FetchOpenOrders(self.symbol)),
            Outcome::Refused(refusal) => self.on_limit(refusal, now, shared, actions),
            Outcome::Unknown => {}
        }
    }
}
