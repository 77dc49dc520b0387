//! Owns what fills, order events and answers do to a desk.

use super::Desk;
use super::halt::Halt;
use crate::action::Actions;
use crate::engine::shared::Shared;
use crate::engine::timers::Timer;
use crate::event::{Fill, Link, LiteFill, OrderReport, OrderUpdate, Outcome, Refusal, Reply, Why};
use crate::liveness::user_stream::Acknowledged;
use crate::notice::{HaltReason, What};
use crate::order::{NewOrder, OrderId, Owner};
use crate::orders::Change;
use crate::orders::state::{End, OrderState};
use crate::position::Booked;
use crate::risk::breakers::WouldTake;
use crate::strategy::Strategy;
use crate::units::{Lots, Mono, Now, Side, Span};

/// How long only reducing orders are sent after the exchange allowed nothing else (protocol §6.4).
const REDUCE_ONLY_WAIT: Span = Span::from_secs(60);
/// How long a symbol rests that the exchange says is not trading, unless it says otherwise before.
const SYMBOL_WAIT: Span = Span::from_secs(30);
/// Longest pause of orders that reduce the position after one of them was refused.
const REDUCING_PAUSE_MAX: Span = Span::from_secs(1);
/// The exchange contradicted our position or order count: both are compared after this.
const CHECK_SOON: Span = Span::from_millis(500);
/// A refusal for the same reason is told again after this.
const TELL_AGAIN: Span = Span::from_secs(1);

impl Desk {
    /// ORDER_TRADE_UPDATE of this symbol, ours or not.
    pub(in crate::engine) fn on_order_update(
        &mut self,
        now: Now,
        update: &OrderUpdate,
        shared: &mut Shared,
        actions: &mut Actions,
    ) {
        let fill = update.fill.as_ref();
        let booked = fill.map(|fill| self.book_fill(update.report.side, fill, update, now));
        let is_end = update.report.status.is_terminal();
        match update.report.owner {
            Owner::Ours(id) => {
                shared.user.on_event(id, is_end);
                match self.note_update(update, booked, now.mono) {
                    Some(change) => self.on_change(&change, now, actions),
                    None => self.on_unknown_order(update, now, shared, actions),
                }
            }
            // The end of such an order, by the other's dead-man switch perhaps, shows nobody alive.
            Owner::OtherInstance if is_end => {}
            Owner::OtherInstance => {
                self.truth.on_foreign_order(now.mono);
                self.on_second_instance(shared, actions);
            }
            Owner::Foreign if is_end => {}
            Owner::Foreign => self.truth.on_foreign_order(now.mono),
        }
        self.quoting.demand();
    }

    /// The tracker counts a trade as booked when the position does, and not a second time what a synchronised position
    /// or a list of trades brought before its event.
    fn note_update(
        &mut self,
        update: &OrderUpdate,
        booked: Option<Booked>,
        now: Mono,
    ) -> Option<Change> {
        let contained = match booked {
            None | Some(Booked::New) => return self.tracker.on_update(update, now),
            // With it everything that the order had filled before.
            Some(Booked::Contained) => update.report.filled,
            Some(Booked::Completed | Booked::Duplicate | Booked::TooOld | Booked::Unbookable) => {
                Lots::ZERO
            }
        };
        self.tracker.on_update_besides_trade(update, contained, now)
    }

    fn book_fill(&mut self, side: Side, fill: &Fill, update: &OrderUpdate, now: Now) -> Booked {
        let booked = self
            .position
            .on_fill(&self.instrument, side, fill, update.report.time);
        match booked {
            Booked::New => self.on_filled(side, fill, now),
            Booked::Completed | Booked::Contained | Booked::Duplicate => {}
            Booked::TooOld | Booked::Unbookable => self.doubt(now.mono),
        }
        booked
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
                if let Some(change) = self.tracker.on_lite_fill(lite, now.mono) {
                    self.on_change(&change, now, actions);
                }
            }
            Booked::Completed | Booked::Contained | Booked::Duplicate => {}
            Booked::TooOld | Booked::Unbookable => self.doubt(now.mono),
        }
        self.quoting.demand();
    }

    /// An event of an order of ours that is not tracked: adopted if it can still fill.
    fn on_unknown_order(
        &mut self,
        update: &OrderUpdate,
        now: Now,
        shared: &mut Shared,
        actions: &mut Actions,
    ) {
        let Owner::Ours(id) = update.report.owner else {
            return;
        };
        if update.report.status.is_terminal() {
            return;
        }
        shared.ids.on_seen(id);
        self.say(What::GhostOrder(id), actions);
        if self.tracker.adopt(&update.report, now.mono).is_err() {
            self.pull(now, shared, actions);
        }
    }

    /// Another Phoenix trades the account: everything stops until a person has looked.
    pub(super) fn on_second_instance(&mut self, shared: &mut Shared, actions: &mut Actions) {
        if !self.second_instance {
            self.second_instance = true;
            self.say(What::SecondInstance, actions);
        }
        shared.halt_and_say(HaltReason::SecondInstance, Some(self.symbol), actions);
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
        self.note_round_trip(id, reply, now);
        let change = self.tracker.on_reply(reply, now.mono);
        match reply {
            Reply::Place(_, _, outcome) | Reply::Amend(_, _, outcome) => match outcome {
                Outcome::Accepted(report) => self.on_accepted(id, report, now, shared),
                Outcome::Refused(refusal) => {
                    if let Some(change) = &change {
                        self.pause_after(change.side, refusal, now);
                    }
                    self.on_refusal(id, refusal, now, shared, actions);
                }
                // What is in doubt from now on is told below.
                Outcome::Unknown => {}
            },
            Reply::Cancel(_, _, Outcome::Accepted(_)) => {
                self.await_event(id, Acknowledged::Canceled, now, shared);
            }
            Reply::Cancel(_, _, Outcome::Refused(refusal))
            | Reply::Query(_, _, Outcome::Refused(refusal)) => {
                shared.on_refused(refusal, now.mono, Some(self.symbol), actions);
            }
            Reply::Cancel(_, _, Outcome::Unknown)
            | Reply::Query(_, _, Outcome::Accepted(_) | Outcome::Unknown)
            | Reply::CancelAll(..)
            | Reply::OpenOrders { .. }
            | Reply::Account { .. }
            | Reply::Trades { .. }
            | Reply::Funding { .. }
            | Reply::Probe { .. }
            | Reply::ProbeAll { .. }
            | Reply::DeadMan { .. }
            | Reply::Weight(_)
            | Reply::OrderCounts(_) => {}
        }
        if let Some(change) = change {
            self.on_change(&change, now, actions);
        }
        self.quoting.demand();
    }

    fn on_accepted(&mut self, id: OrderId, report: &OrderReport, now: Now, shared: &mut Shared) {
        self.refusals.on_accepted(report.side, now.mono);
        shared.order_rate.on_accepted(now.mono);
        self.would_take.on_accepted();
        self.record.last_order_accepted = Some(now.mono);
        self.ratios.on_placed(report.size, now.mono);
        if let Some(request) = self.request_of(id) {
            self.repeat.on_accepted(&request);
        }
        self.await_event(id, Acknowledged::Placed, now, shared);
    }

    /// How long the answer to placing took; of an amendment only the last change is known, so it does not count.
    fn note_round_trip(&mut self, id: OrderId, reply: &Reply<'_>, now: Now) {
        let is_answer = match reply {
            Reply::Place(_, _, outcome) => *outcome != Outcome::Unknown,
            Reply::Amend(..)
            | Reply::Cancel(..)
            | Reply::Query(..)
            | Reply::CancelAll(..)
            | Reply::OpenOrders { .. }
            | Reply::Account { .. }
            | Reply::Trades { .. }
            | Reply::Funding { .. }
            | Reply::Probe { .. }
            | Reply::ProbeAll { .. }
            | Reply::DeadMan { .. }
            | Reply::Weight(_)
            | Reply::OrderCounts(_) => false,
        };
        if let Some(order) = self.tracker.order(id).filter(|_| is_answer) {
            self.record.last_order_round_trip = Some(now.mono.since(order.placed_at));
        }
    }

    /// Our own orders are the heartbeat of the user stream.
    fn await_event(&self, id: OrderId, what: Acknowledged, now: Now, shared: &mut Shared) {
        if !shared.is_up(Link::User) {
            return;
        }
        // When a cancel was sent is not kept: it may have been as long ago as its answer may take.
        let earliest = now
            .mono
            .after(Span(-self.params.liveness.request_timeout.raw()));
        let sent_at = match what {
            Acknowledged::Placed => self.tracker.order(id).map(|order| order.placed_at),
            Acknowledged::Canceled => None,
        };
        shared
            .user
            .on_acknowledged(id, what, sent_at.unwrap_or(earliest), now.mono);
    }

    fn pause_after(&mut self, side: Side, refusal: &Refusal, now: Now) {
        let (why, retry) = (refusal.why, refusal.retry_after);
        let pause = self.refusals.on_refused(side, why, retry, now.mono);
        // Paced, but never given up for long: an order that reduces the position must find its way.
        let pause = pause.min(REDUCING_PAUSE_MAX);
        *self.reducing_paused.of_mut(side) = now.mono.after(pause);
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
        self.tell_refusal(id, refusal, now, actions);
        match refusal.why {
            Why::WouldTake => {
                if let WouldTake::SuspectBook(_) = self.would_take.on_refused(now.mono) {
                    self.probe(now.mono, shared, actions);
                }
            }
            // Compared while quoting goes on: pulling a whole ladder for one order would never end.
            Why::ReduceOnly | Why::TooManyOpen => self.check_after(CHECK_SOON, now.mono),
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
            Why::OrderRate | Why::Weight | Why::Throttled | Why::Auth | Why::Account => {
                let wait = shared.on_refused(refusal, now.mono, Some(self.symbol), actions);
                if let Some(wait) = wait {
                    self.timers
                        .schedule_by(Timer::Requote, now.mono.after(wait));
                }
            }
            Why::SymbolHalted => self.halt_for(HaltReason::Symbol, SYMBOL_WAIT, now, actions),
            Why::ReduceOnlyMode => {
                self.reduce_only_until =
                    Some(now.mono.after(REDUCE_ONLY_WAIT.max(refusal.retry_after)));
            }
        }
    }

    /// Orders sent together are refused together: the same reason is told once a while.
    fn tell_refusal(&mut self, id: OrderId, refusal: &Refusal, now: Now, actions: &mut Actions) {
        let is_limit = matches!(refusal.why, Why::OrderRate | Why::Weight | Why::Throttled);
        // An amendment that meets its order's last fill finds it gone: nothing for people.
        let is_routine = matches!(refusal.why, Why::WouldTake | Why::NoSuchOrder);
        if is_routine || is_limit {
            return;
        }
        let is_told = self
            .refusal_told
            .is_some_and(|(why, at)| why == refusal.why && now.mono.since(at) < TELL_AGAIN);
        if !is_told {
            self.refusal_told = Some((refusal.why, now.mono));
            self.say(What::OrderRefused(id, refusal.why, refusal.code), actions);
        }
    }

    fn request_of(&self, id: OrderId) -> Option<NewOrder> {
        let order = self
            .tracker
            .order(id)
            .or_else(|| self.tracker.tombstone(id))?;
        Some(NewOrder {
            symbol: self.symbol,
            id,
            side: order.side,
            price: order.price,
            size: order.size,
            execute: order.execute,
        })
    }

    /// An order that breaks a rule: the same request is not sent for ever (F29).
    fn on_rejected(&mut self, id: OrderId, now: Now) {
        if let Some(request) = self.request_of(id) {
            self.repeat.on_refused(now.mono, &request, Why::Rejected);
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
        if *outcome == Outcome::Accepted(()) {
            for order in self.tracker.iter() {
                if order.state() == OrderState::Canceling {
                    self.await_event(order.id, Acknowledged::Canceled, now, shared);
                }
            }
        }
        self.tracker.on_cancel_all_reply(outcome, now.mono);
        self.cancel_all_failed_at = match outcome {
            Outcome::Accepted(()) => None,
            Outcome::Refused(_) | Outcome::Unknown => Some(now.mono),
        };
        match outcome {
            Outcome::Accepted(()) => self.fetch_open_orders(now.mono, shared, actions),
            Outcome::Refused(refusal) => {
                shared.on_refused(refusal, now.mono, Some(self.symbol), actions);
            }
            // Each order is in doubt now, is asked for, and may be cancelled again.
            Outcome::Unknown => {}
        }
        self.quoting.demand();
    }
}
