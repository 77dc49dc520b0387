//! The venue's own record for checkers from outside: how many orders were open, how far positions and exposures went, when every order lived.

use std::collections::{BTreeMap, VecDeque};

use crate::api::{AccountId, ClientId, E8, OrderId, OrderStatus, Side, SymbolId};
use crate::orders::Order;

/// Finished orders remembered; the oldest are forgotten and counted.
pub const LEDGER_ORDERS_MAX: usize = 400_000;

/// The life of one order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerOrder {
    /// Whose.
    pub account: AccountId,
    /// On which symbol.
    pub symbol: SymbolId,
    /// Order id.
    pub order_id: OrderId,
    /// Client order id.
    pub client_id: ClientId,
    /// Side.
    pub side: Side,
    /// Reduce-only.
    pub reduce_only: bool,
    /// Last price.
    pub price: E8,
    /// Last total quantity.
    pub orig_qty: E8,
    /// Executed quantity.
    pub executed: E8,
    /// Modifications.
    pub modifies: u32,
    /// When it was accepted, µs.
    pub accepted_us: u64,
    /// When it ended, µs; `None` while open.
    pub done_us: Option<u64>,
    /// Last state.
    pub status: OrderStatus,
}

impl LedgerOrder {
    pub(crate) fn of(order: &Order) -> LedgerOrder {
        LedgerOrder {
            account: order.account,
            symbol: order.symbol,
            order_id: order.id,
            client_id: order.client_id,
            side: order.side,
            reduce_only: order.reduce_only,
            price: order.price,
            orig_qty: order.orig_qty,
            executed: order.executed,
            modifies: order.modifies,
            accepted_us: order.created_us,
            done_us: (!order.status.is_open()).then_some(order.updated_us),
            status: order.status,
        }
    }
}

/// Present values and extremes of one account on one symbol, since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Exposure {
    /// Open orders now.
    pub open_orders: usize,
    /// Most open orders at once.
    pub open_orders_max: usize,
    /// Open buy quantity now.
    pub open_buy_qty: E8,
    /// Open sell quantity now.
    pub open_sell_qty: E8,
    /// Position now, signed.
    pub position: E8,
    /// Lowest position.
    pub position_min: E8,
    /// Highest position.
    pub position_max: E8,
    /// Highest position that filling every open buy would have made, at any time.
    pub long_exposure_max: E8,
    /// Lowest position that filling every open sell would have made, at any time (signed).
    pub short_exposure_min: E8,
    /// Orders accepted.
    pub orders_accepted: u64,
    /// Orders cancelled (by the user, the dead-man timer or a modification).
    pub orders_canceled: u64,
    /// Buy fills.
    pub fills_buy: u64,
    /// Sell fills.
    pub fills_sell: u64,
    /// Bought quantity.
    pub bought_qty: E8,
    /// Sold quantity.
    pub sold_qty: E8,
}

impl Exposure {
    fn add_open(&mut self, side: Side, qty: E8) {
        match side {
            Side::Buy => self.open_buy_qty += qty,
            Side::Sell => self.open_sell_qty += qty,
        }
    }

    fn note_extremes(&mut self) {
        self.open_orders_max = self.open_orders_max.max(self.open_orders);
        self.long_exposure_max = self
            .long_exposure_max
            .max(self.position + self.open_buy_qty);
        self.short_exposure_min = self
            .short_exposure_min
            .min(self.position - self.open_sell_qty);
    }
}

/// The record of the whole venue.
#[derive(Debug, Default)]
pub struct Ledger {
    exposures: BTreeMap<(AccountId, SymbolId), Exposure>,
    finished: VecDeque<LedgerOrder>,
    forgotten: u64,
}

impl Ledger {
    /// Present values and extremes.
    #[must_use]
    pub fn exposure(&self, account: AccountId, symbol: SymbolId) -> Exposure {
        self.exposures
            .get(&(account, symbol))
            .copied()
            .unwrap_or_default()
    }

    /// Finished orders in the order of their ends.
    pub fn finished(&self) -> impl DoubleEndedIterator<Item = &LedgerOrder> {
        self.finished.iter()
    }

    /// Finished orders forgotten at the bound.
    #[must_use]
    pub fn forgotten(&self) -> u64 {
        self.forgotten
    }

    fn of(&mut self, order: &Order) -> &mut Exposure {
        self.exposures
            .entry((order.account, order.symbol))
            .or_default()
    }

    pub(crate) fn on_accepted(&mut self, order: &Order) {
        let exposure = self.of(order);
        exposure.orders_accepted += 1;
        exposure.open_orders += 1;
        exposure.add_open(order.side, order.remaining());
    }

    /// After an order joined the book; only now does it count for the extremes, so that a taker that never rests does not.
    pub(crate) fn on_rested(&mut self, order: &Order) {
        self.of(order).note_extremes();
    }

    /// After a modification, before the order rests again: `before` is the open quantity it had.
    pub(crate) fn on_amended(&mut self, order: &Order, before: E8) {
        self.of(order)
            .add_open(order.side, order.remaining() - before);
    }

    pub(crate) fn on_fill(&mut self, order: &Order, qty: E8) {
        let exposure = self.of(order);
        exposure.position += order.side.sign() * qty;
        match order.side {
            Side::Buy => {
                exposure.fills_buy += 1;
                exposure.bought_qty += qty;
            }
            Side::Sell => {
                exposure.fills_sell += 1;
                exposure.sold_qty += qty;
            }
        }
        exposure.position_min = exposure.position_min.min(exposure.position);
        exposure.position_max = exposure.position_max.max(exposure.position);
        exposure.add_open(order.side, -qty);
    }

    pub(crate) fn on_done(&mut self, order: &Order) {
        let exposure = self.of(order);
        exposure.open_orders -= 1;
        exposure.orders_canceled += u64::from(order.status == OrderStatus::Canceled);
        exposure.add_open(order.side, -order.remaining());
        exposure.note_extremes();
        if self.finished.len() >= LEDGER_ORDERS_MAX {
            self.finished.pop_front();
            self.forgotten += 1;
        }
        self.finished.push_back(LedgerOrder::of(order));
    }
}
