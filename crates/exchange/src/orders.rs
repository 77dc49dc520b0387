//! An order as the venue keeps it, and the open orders of one symbol; knows no matching rule.

use std::collections::BTreeMap;

use crate::api::{
    AccountId, ClientId, E8, OrderId, OrderRef, OrderStatus, OrderType, OrderView, PositionSide,
    PriceMatch, Side, StpMode, SymbolId, TimeInForce,
};
use crate::decimal;

/// One order, open or finished.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Order {
    pub id: OrderId,
    pub account: AccountId,
    pub symbol: SymbolId,
    pub client_id: ClientId,
    pub side: Side,
    pub order_type: OrderType,
    pub time_in_force: TimeInForce,
    pub price: E8,
    pub orig_qty: E8,
    pub executed: E8,
    pub cum_quote: E8,
    pub reduce_only: bool,
    pub stp: StpMode,
    pub price_match: PriceMatch,
    pub good_till_date_ms: i64,
    pub status: OrderStatus,
    pub created_us: u64,
    pub updated_us: u64,
    pub modifies: u32,
    pub modify_id: Option<u64>,
}

impl Order {
    /// Open quantity.
    pub(crate) fn remaining(&self) -> E8 {
        self.orig_qty - self.executed
    }

    /// Average fill price; 0 before a fill.
    pub(crate) fn avg_price(&self) -> E8 {
        decimal::div(self.cum_quote, self.executed)
    }

    /// Notional of the open quantity at the order's price.
    pub(crate) fn open_notional(&self) -> E8 {
        decimal::mul(self.price, self.remaining())
    }

    /// The REST order object.
    pub(crate) fn view(&self) -> OrderView {
        OrderView {
            order_id: self.id,
            symbol: self.symbol,
            status: self.status,
            client_id: self.client_id,
            price: self.price,
            avg_price: self.avg_price(),
            orig_qty: self.orig_qty,
            executed_qty: self.executed,
            cum_quote: self.cum_quote,
            time_in_force: self.time_in_force,
            order_type: self.order_type,
            reduce_only: self.reduce_only,
            side: self.side,
            position_side: PositionSide::Both,
            price_match: self.price_match,
            stp: self.stp,
            good_till_date_ms: self.good_till_date_ms,
            time_ms: ms(self.created_us),
            update_time_ms: ms(self.updated_us),
            modify_id: self.modify_id,
        }
    }

    /// Whether a request names this order.
    pub(crate) fn is(&self, wanted: OrderRef) -> bool {
        match wanted {
            OrderRef::Id(id) => self.id == id,
            OrderRef::Client(client_id) => self.client_id == client_id,
        }
    }
}

/// µs to wire ms.
pub(crate) fn ms(us: u64) -> i64 {
    i64::try_from(us / 1000).unwrap_or(i64::MAX)
}

/// The open orders of one symbol, by id. Bounded by the open-order limit of each account.
#[derive(Debug, Default)]
pub(crate) struct OpenOrders {
    orders: BTreeMap<OrderId, Order>,
    reduce_only: usize,
}

impl OpenOrders {
    pub(crate) fn insert(&mut self, order: Order) {
        self.reduce_only += usize::from(order.reduce_only);
        self.orders.insert(order.id, order);
    }

    pub(crate) fn remove(&mut self, id: OrderId) -> Option<Order> {
        let order = self.orders.remove(&id)?;
        self.reduce_only -= usize::from(order.reduce_only);
        Some(order)
    }

    pub(crate) fn find(&self, id: OrderId) -> Option<&Order> {
        self.orders.get(&id)
    }

    /// For changes of everything but `reduce_only`, which is counted here.
    pub(crate) fn find_mut(&mut self, id: OrderId) -> Option<&mut Order> {
        self.orders.get_mut(&id)
    }

    /// The account's open order of that name.
    pub(crate) fn named(&self, account: AccountId, wanted: OrderRef) -> Option<&Order> {
        match wanted {
            OrderRef::Id(id) => self
                .orders
                .get(&id)
                .filter(|order| order.account == account),
            OrderRef::Client(_) => self.of(account).find(|order| order.is(wanted)),
        }
    }

    /// The account's open orders, by id.
    pub(crate) fn of(&self, account: AccountId) -> impl DoubleEndedIterator<Item = &Order> {
        self.orders
            .values()
            .filter(move |order| order.account == account)
    }

    /// All open orders, by id.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Order> {
        self.orders.values()
    }

    /// Whether any account has an open reduce-only order.
    pub(crate) fn has_reduce_only(&self) -> bool {
        self.reduce_only > 0
    }

    /// Notional of the account's open buys and sells.
    pub(crate) fn notionals(&self, account: AccountId, which: Counted) -> (E8, E8) {
        let counted = self
            .of(account)
            .filter(|order| which == Counted::All || !order.reduce_only);
        counted.fold((0, 0), |(bids, asks), order| match order.side {
            Side::Buy => (bids + order.open_notional(), asks),
            Side::Sell => (bids, asks + order.open_notional()),
        })
    }

    /// Open reduce-only quantity of a side, apart from one order.
    pub(crate) fn reduce_only_qty(
        &self,
        account: AccountId,
        side: Side,
        except: Option<OrderId>,
    ) -> E8 {
        let counted = self
            .of(account)
            .filter(|order| order.reduce_only && order.side == side && Some(order.id) != except);
        counted.map(Order::remaining).sum()
    }
}

/// Which open orders a sum counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Counted {
    /// All.
    All,
    /// Those that can enlarge a position.
    Enlarging,
}
