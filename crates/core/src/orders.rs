//! Owns which orders of one symbol are live, in flight or in doubt, and what they could still fill; knows
//! nothing of slots, budgets or connections.

pub mod diff;
mod exposure;
pub mod reconcile;
pub mod state;
mod summary;

use crate::digest::Digest;
use crate::event::{LiteFill, OrderReport, OrderUpdate, Outcome, Reply, TradeReport};
use crate::instrument::SymbolId;
use crate::order::{Amendment, NewOrder, OrderId, Owner};
use crate::params::LAYERS_MAX;
use crate::units::{Lots, Mono, PerSide, Side, Span};
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::hash::Hash;
pub use exposure::Exposure;
use state::{End, Input, Order, OrderState};
use summary::Summary;

/// Most orders tracked at a time: two full ladders, the two orders the overflow limit allows beside them, and
/// room for as many in doubt while their slots are quoted anew. At the bound nothing is placed or adopted
/// ([`Full`]), and the caller cancels everything of the symbol.
pub const ORDERS_MAX: usize = 2 * LAYERS_MAX as usize + 2 + 54;
/// Ended orders remembered so that late news of them is recognised. At the bound the oldest is forgotten; what
/// it had filled without a trade delivered goes on counting as exposure until the position is synchronised.
pub const TOMBSTONES_MAX: usize = 256;
/// Most queries on their way at a time; further ones wait for [`QUERY_WAIT`].
pub const QUERIES_MAX: usize = 5;
/// Pause before a query that found [`QUERIES_MAX`] others on their way: a few round trips, so that doubt about a whole ladder is
/// over in a quarter of a second.
pub const QUERY_WAIT: Span = Span::from_millis(25);

/// Shortest request time-out, so that a deadline always lies ahead.
const TIMEOUT_MIN: Span = Span::from_millis(1);

/// The tracker holds [`ORDERS_MAX`] orders: nothing may be placed; cancel everything and reconcile.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Full;

/// Gives out client order ids. One per engine, not per symbol: ids are unique in the account, and a desk that
/// is rebuilt after a panic must not begin again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OrderIds {
    session: u32,
    seq: u32,
}

impl OrderIds {
    /// Ids of a session whose number is durable.
    #[must_use]
    pub const fn new(session: u32) -> Self {
        Self { session, seq: 0 }
    }

    /// The session.
    #[must_use]
    pub const fn session(&self) -> u32 {
        self.session
    }

    /// Notes an id that the exchange shows: it is not given out any more.
    pub const fn on_seen(&mut self, id: OrderId) {
        if id.session == self.session && id.seq > self.seq {
            self.seq = id.seq;
        }
    }

    /// A fresh id; `None` once the session has given out 2³² − 1 of them (years at the order limit): stop quoting.
    pub const fn next_id(&mut self) -> Option<OrderId> {
        match self.seq.checked_add(1) {
            Some(seq) => {
                self.seq = seq;
                Some(OrderId {
                    session: self.session,
                    seq,
                })
            }
            None => None,
        }
    }
}

/// What one piece of news changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Change {
    /// The order.
    pub id: OrderId,
    /// Its side.
    pub side: Side,
    /// State before.
    pub from: OrderState,
    /// State after.
    pub to: OrderState,
    /// Rise of the cumulative filled quantity, ≥ 0.
    pub filled: Lots,
    /// Quantity of a trade delivered for the first time, ≥ 0; the position takes it in by its trade id.
    pub booked: Lots,
    /// How it ended, when `to` is `Done`.
    pub end: Option<End>,
    /// A query has been noted as sent: `Action::QueryOrder` must go out. Only [`OrderTracker::poll_timeout`] sets it.
    pub query: bool,
}

/// The orders of one symbol.
#[derive(Clone, Debug)]
pub struct OrderTracker {
    symbol: SymbolId,
    request_timeout: Span,
    /// Open orders, best price first (by the price wanted), then by id.
    open: PerSide<Vec<Order>>,
    ended: VecDeque<Order>,
    exposure: PerSide<Exposure>,
    /// Kept with every change of an open order.
    summary: Summary,
    /// Exposure of forgotten tombstones, and when the last was forgotten.
    forgotten: PerSide<Exposure>,
    forgotten_at: Mono,
}

impl OrderTracker {
    /// An empty tracker; allocates all it will need. Requests unanswered for `request_timeout` are in doubt.
    #[must_use]
    pub fn new(symbol: SymbolId, request_timeout: Span) -> Self {
        Self {
            symbol,
            request_timeout: request_timeout.max(TIMEOUT_MIN),
            open: PerSide {
                buy: Vec::with_capacity(ORDERS_MAX),
                sell: Vec::with_capacity(ORDERS_MAX),
            },
            ended: VecDeque::with_capacity(TOMBSTONES_MAX),
            exposure: PerSide::default(),
            summary: Summary::default(),
            forgotten: PerSide::default(),
            forgotten_at: Mono::ZERO,
        }
    }

    /// Takes over a changed time-out; requests on their way keep theirs.
    pub fn on_config(&mut self, request_timeout: Span) {
        self.request_timeout = request_timeout.max(TIMEOUT_MIN);
    }

    /// The symbol.
    #[must_use]
    pub const fn symbol(&self) -> SymbolId {
        self.symbol
    }

    // ------------------------------------------------------------------ what is asked

    /// What each side could still add to the position, reduce-only or not.
    #[inline]
    #[must_use]
    pub const fn exposure(&self) -> PerSide<Lots> {
        PerSide {
            buy: self.exposure.buy.total(),
            sell: self.exposure.sell.total(),
        }
    }

    /// The same, told apart by whether the order is reduce-only.
    #[inline]
    #[must_use]
    pub const fn exposure_by_kind(&self) -> PerSide<Exposure> {
        self.exposure
    }

    /// The same from first principles, for verification.
    #[must_use]
    pub fn exposure_recomputed(&self) -> PerSide<Exposure> {
        let mut sum = self.forgotten;
        for order in self.iter().chain(&self.ended) {
            *sum.of_mut(order.side) += Exposure::of(order);
        }
        sum
    }

    /// Adds the state to a digest.
    pub fn digest(&self, digest: &mut Digest) {
        self.iter().chain(&self.ended).for_each(|o| o.hash(digest));
        (self.exposure.buy, self.exposure.sell, self.forgotten_at).hash(digest);
    }

    /// Number of orders not yet done, in whatever state.
    #[inline]
    #[must_use]
    pub const fn open_count(&self) -> usize {
        self.open.buy.len() + self.open.sell.len()
    }

    /// Whether another order can be tracked.
    #[inline]
    #[must_use]
    pub const fn has_room(&self) -> bool {
        self.open_count() < ORDERS_MAX
    }

    /// Number of orders a side that are confirmed, can still fill and are not being cancelled: what two-sided
    /// quoting is judged by.
    #[inline]
    #[must_use]
    pub const fn resting_count(&self, side: Side) -> usize {
        *self.summary.resting.of(side)
    }

    /// Number of orders in doubt.
    #[must_use]
    pub fn unknown_count(&self) -> usize {
        self.iter()
            .filter(|o| o.state() == OrderState::Unknown)
            .count()
    }

    /// Open orders of a side, best price first.
    #[inline]
    #[must_use]
    pub fn side(&self, side: Side) -> &[Order] {
        self.open.of(side)
    }

    /// All open orders, bids first, each side best price first.
    pub fn iter(&self) -> impl Iterator<Item = &Order> {
        self.open.buy.iter().chain(&self.open.sell)
    }

    /// An open order by id.
    #[must_use]
    pub fn order(&self, id: OrderId) -> Option<&Order> {
        self.iter().find(|o| o.id == id)
    }

    /// An order that ended and is still remembered.
    #[must_use]
    pub fn tombstone(&self, id: OrderId) -> Option<&Order> {
        self.ended.iter().rev().find(|o| o.id == id)
    }

    /// The earliest instant at which [`Self::poll_timeout`] has something to say.
    #[inline]
    #[must_use]
    pub const fn next_timeout(&self) -> Option<Mono> {
        self.summary.due
    }

    /// When the oldest fill was reported whose trade has not been delivered, over open and ended orders: trades should be
    /// back-filled, or the position synchronised, when that is long ago.
    #[must_use]
    pub fn oldest_unbooked(&self) -> Option<Mono> {
        let is_any = self.forgotten != PerSide::default();
        let forgotten = is_any.then_some(self.forgotten_at);
        self.iter()
            .chain(&self.ended)
            .filter_map(Order::unbooked_since)
            .chain(forgotten)
            .min()
    }

    // ------------------------------------------------------------------ what is sent

    /// Notes an order *before* it is sent.
    ///
    /// # Errors
    /// [`Full`] at [`ORDERS_MAX`]: it must not be sent.
    pub fn on_sent(&mut self, order: &NewOrder, now: Mono) -> Result<(), Full> {
        self.insert(Order::sent(order, now, self.request_timeout))
    }

    /// Notes a cancel before it is sent. An order that is not open stays as it is.
    pub fn on_cancel_sent(&mut self, id: OrderId, now: Mono) {
        let timeout = self.request_timeout;
        self.change(id, now, |order| {
            order.on_cancel_sent(now, timeout);
            Lots::ZERO
        });
    }

    /// Notes a cancel of every order before it is sent. Orders not yet confirmed may be overtaken by it and are
    /// left to be cancelled one by one.
    pub fn on_cancel_all_sent(&mut self, now: Mono) {
        let timeout = self.request_timeout;
        for order in self.iter_mut() {
            if order.is_confirmed() {
                order.on_cancel_sent(now, timeout);
            }
        }
        self.recount();
        self.verify();
    }

    /// Notes an amendment before it is sent.
    pub fn on_amend_sent(&mut self, amendment: &Amendment, now: Mono) {
        let timeout = self.request_timeout;
        self.change(amendment.id, now, |order| {
            order.on_amend_sent(amendment, now, timeout);
            Lots::ZERO
        });
    }

    // ------------------------------------------------------------------ what is heard

    /// Takes in the answer to placing, amending, cancelling or querying one order. `None` when it is none of
    /// these, or the order is neither open nor remembered.
    pub fn on_reply(&mut self, reply: &Reply<'_>, now: Mono) -> Option<Change> {
        let (id, input) = match reply {
            Reply::Place(_, id, outcome) => (*id, Input::Place(outcome)),
            Reply::Amend(_, id, outcome) => (*id, Input::Amend(outcome)),
            Reply::Cancel(_, id, outcome) => (*id, Input::Cancel(outcome)),
            Reply::Query(_, id, outcome) => (*id, Input::Query(outcome)),
            Reply::CancelAll(..)
            | Reply::OpenOrders { .. }
            | Reply::Account { .. }
            | Reply::Trades { .. }
            | Reply::Funding { .. }
            | Reply::Probe { .. }
            | Reply::ProbeAll { .. }
            | Reply::DeadMan { .. }
            | Reply::Weight(_)
            | Reply::OrderCounts(_) => return None,
        };
        self.learn(id, input, now)
    }

    /// Takes in the answer to cancelling all: each order being cancelled learns it as the answer to its own
    /// cancel: success is confirmed by the events, or asked for after [`state::CANCEL_GRACE`].
    pub fn on_cancel_all_reply(&mut self, outcome: &Outcome<()>, now: Mono) {
        let each: Outcome<OrderReport> = match outcome {
            Outcome::Accepted(()) => {
                self.iter_mut()
                    .for_each(|o| o.on_cancel_confirmed_for_all(now));
                self.recount();
                return;
            }
            Outcome::Refused(refusal) => Outcome::Refused(*refusal),
            Outcome::Unknown => Outcome::Unknown,
        };
        for order in self.iter_mut() {
            if order.state() == OrderState::Canceling {
                order.apply(Input::Cancel(&each), now);
            }
        }
        self.recount();
        self.verify();
    }

    /// Takes in an ORDER_TRADE_UPDATE; its trade, if any, is one that the position took in with it. `None` when the order is neither open nor remembered: if it is ours, the
    /// caller adopts it.
    pub fn on_update(&mut self, update: &OrderUpdate, now: Mono) -> Option<Change> {
        let id = state::ours(update.report.owner)?;
        self.learn(id, Input::Event(update), now)
    }

    /// Takes in an ORDER_TRADE_UPDATE whose trade the position did not take in with it: it has it already, or cannot. Of
    /// what the order filled, the position surely has `contained`. `None` as for [`Self::on_update`].
    pub fn on_update_besides_trade(
        &mut self,
        update: &OrderUpdate,
        contained: Lots,
        now: Mono,
    ) -> Option<Change> {
        let id = state::ours(update.report.owner)?;
        let told = OrderUpdate {
            fill: None,
            ..*update
        };
        self.change(id, now, |order| {
            let booked = order.booked;
            order.apply(Input::Event(&told), now);
            order.on_contained(contained);
            order.booked - booked
        })
    }

    /// Takes in a TRADE_LITE whose trade the position took in with it. `None` when the order is neither open nor remembered.
    pub fn on_lite_fill(&mut self, lite: &LiteFill, now: Mono) -> Option<Change> {
        let id = state::ours(lite.owner)?;
        self.learn(id, Input::Lite(lite), now)
    }

    /// Takes in a back-filled trade that the position did *not* have yet (the position knows by trade id).
    /// `None` when no order with that exchange id is open or remembered.
    pub fn on_backfilled_trade(&mut self, trade: &TradeReport, now: Mono) -> Option<Change> {
        let id = self
            .iter()
            .chain(self.ended.iter().rev())
            .find(|o| o.exchange_id == trade.exchange_id && o.side == trade.side)?
            .id;
        self.change(id, now, |order| {
            let booked = order.booked;
            order.on_backfill(trade.fill.size, now);
            order.booked - booked
        })
    }

    /// Takes the position read at `requested_at` as containing every fill known by then.
    pub fn on_position_synced(&mut self, requested_at: Mono) {
        for order in self.open.buy.iter_mut().chain(&mut self.open.sell) {
            order.on_position_synced(requested_at);
        }
        for order in &mut self.ended {
            order.on_position_synced(requested_at);
        }
        if self.forgotten_at <= requested_at {
            self.forgotten = PerSide::default();
        }
        self.exposure = self.exposure_recomputed();
    }

    /// Tracks an order of ours that was found at the exchange. One that can no longer fill, or that is tracked
    /// already, changes nothing.
    ///
    /// # Errors
    /// [`Full`] at [`ORDERS_MAX`]: cancel everything of the symbol.
    pub fn adopt(&mut self, report: &OrderReport, now: Mono) -> Result<(), Full> {
        match report.owner {
            Owner::Ours(id) if !report.status.is_terminal() && self.order(id).is_none() => {
                self.insert(Order::adopted(id, report, now))
            }
            Owner::Ours(_) | Owner::OtherInstance | Owner::Foreign => Ok(()),
        }
    }

    /// Handles one order whose deadline has passed; call until `None`. A change with `query` set must be followed
    /// by `Action::QueryOrder`.
    pub fn poll_timeout(&mut self, now: Mono) -> Option<Change> {
        self.summary.due.filter(|at| *at <= now)?;
        let due = |o: &&Order| o.deadline().is_some_and(|at| at <= now);
        let id = self.iter().find(due)?.id;
        let may_query = self.iter().filter(|o| o.is_querying()).count() < QUERIES_MAX;
        let timeout = self.request_timeout;
        let mut query = false;
        let change = self.change(id, now, |order| {
            if order.state() != OrderState::Unknown || order.is_querying() {
                order.apply(Input::Timeout, now);
            }
            query = may_query && order.state() == OrderState::Unknown;
            if query {
                order.on_query_sent(now, timeout);
            } else {
                order.postpone_query(now.after(QUERY_WAIT));
            }
            Lots::ZERO
        })?;
        Some(Change { query, ..change })
    }

    // ------------------------------------------------------------------ storage

    fn learn(&mut self, id: OrderId, input: Input<'_>, now: Mono) -> Option<Change> {
        self.change(id, now, |order| order.apply(input, now))
    }

    fn iter_mut(&mut self) -> impl Iterator<Item = &mut Order> {
        self.open.buy.iter_mut().chain(&mut self.open.sell)
    }

    /// The only way one order changes: keeps the order of the lists, the exposure and the tombstones true.
    fn change(
        &mut self,
        id: OrderId,
        now: Mono,
        how: impl FnOnce(&mut Order) -> Lots,
    ) -> Option<Change> {
        let spot = self.locate(id)?;
        let before = *self.at(spot)?;
        let mut order = before;
        let booked = how(&mut order);
        let exposure = self.exposure.of_mut(order.side);
        *exposure += Exposure::of(&order);
        *exposure -= Exposure::of(&before);
        self.store(spot, &before, order, now);
        self.recount();
        self.verify();
        Some(Change {
            id,
            side: order.side,
            from: before.state(),
            to: order.state(),
            filled: order.filled - before.filled,
            booked,
            end: order.end(),
            query: false,
        })
    }

    fn locate(&self, id: OrderId) -> Option<Spot> {
        for side in Side::BOTH {
            if let Some(i) = self.side(side).iter().position(|o| o.id == id) {
                return Some(Spot::Open(side, i));
            }
        }
        // News of ended orders mostly follows their end at once.
        self.ended.iter().rposition(|o| o.id == id).map(Spot::Ended)
    }

    fn at(&self, spot: Spot) -> Option<&Order> {
        match spot {
            Spot::Open(side, i) => self.side(side).get(i),
            Spot::Ended(i) => self.ended.get(i),
        }
    }

    /// Writes a changed order back to where it now belongs; its exposure is already counted.
    fn store(&mut self, spot: Spot, before: &Order, order: Order, now: Mono) {
        let is_done = order.state() == OrderState::Done;
        match spot {
            Spot::Open(side, i) => {
                let list = self.open.of_mut(side);
                if !is_done && before.price_wanted() == order.price_wanted() {
                    if let Some(slot) = list.get_mut(i) {
                        *slot = order;
                    }
                    return;
                }
                list.remove(i);
                match is_done {
                    true => self.bury(order, now),
                    false => self.place_sorted(order),
                }
            }
            Spot::Ended(i) if is_done => {
                if let Some(slot) = self.ended.get_mut(i) {
                    *slot = order;
                }
            }
            Spot::Ended(i) => {
                self.ended.remove(i);
                match self.has_room() {
                    true => self.place_sorted(order),
                    // Still counted; a list of open orders will show it again once there is room.
                    false => self.forget(&order, now),
                }
            }
        }
    }

    fn insert(&mut self, order: Order) -> Result<(), Full> {
        if !self.has_room() {
            return Err(Full);
        }
        debug_assert!(self.order(order.id).is_none(), "an id is sent once");
        *self.exposure.of_mut(order.side) += Exposure::of(&order);
        self.summary.add(&order);
        self.place_sorted(order);
        self.verify();
        Ok(())
    }

    fn place_sorted(&mut self, order: Order) {
        let key = |o: &Order| (-o.side.sign() * o.price_wanted().0, o.id);
        let list = self.open.of_mut(order.side);
        let i = list.partition_point(|o| key(o) < key(&order));
        list.insert(i, order);
    }

    fn bury(&mut self, order: Order, now: Mono) {
        if self.ended.len() >= TOMBSTONES_MAX
            && let Some(oldest) = self.ended.pop_front()
        {
            self.forget(&oldest, now);
        }
        self.ended.push_back(order);
    }

    fn forget(&mut self, order: &Order, now: Mono) {
        if order.exposure().is_positive() {
            *self.forgotten.of_mut(order.side) += Exposure::of(order);
            self.forgotten_at = now;
        }
    }

    /// Looks at every open order anew, after one of them changed.
    fn recount(&mut self) {
        self.summary = Summary::of(self.iter());
    }

    fn verify(&self) {
        debug_assert_eq!(
            self.exposure,
            self.exposure_recomputed(),
            "exposure drifted"
        );
        debug_assert_eq!(self.summary, Summary::of(self.iter()), "summary drifted");
    }
}

/// Where an order is stored.
#[derive(Clone, Copy)]
enum Spot {
    Open(Side, usize),
    Ended(usize),
}

#[cfg(test)]
mod tests;
