//! Order requests: place, modify, cancel, query, and the dead-man timer (protocol §4.4, §4.6).

use super::{Exchange, MS_US};
use crate::api::{
    AccountId, AmendmentView, ApiError, CANCEL_BATCH_MAX, MODIFY_BATCH_MAX, ModifyOrder, NewOrder,
    OrderId, OrderQuery, OrderRef, OrderView, PLACE_BATCH_MAX, SymbolId,
};
use crate::orders::Order;
use crate::pit::Ending;
use crate::placing::Judge;
use crate::timers::Timer;

impl Exchange {
    /// `POST order`. The view is the state after matching (a taker's fills included); ACK and RESULT differ only in the server.
    ///
    /// # Errors
    /// Protocol §4.3, §4.4, §7; nothing is booked and no event is sent then.
    pub fn place(
        &mut self,
        now_us: u64,
        account: AccountId,
        order: &NewOrder,
    ) -> Result<OrderView, ApiError> {
        self.advance(now_us);
        let draft = self.judge(account, order.symbol).new_order(order)?;
        let id = self.pit(order.symbol).accept(draft);
        self.order(account, order.symbol, OrderRef::Id(id))
    }

    /// `POST order/test`: judges without booking.
    ///
    /// # Errors
    /// As [`Exchange::place`].
    pub fn test_order(
        &mut self,
        now_us: u64,
        account: AccountId,
        order: &NewOrder,
    ) -> Result<(), ApiError> {
        self.advance(now_us);
        self.judge(account, order.symbol)
            .new_order(order)
            .map(|_| ())
    }

    /// `POST batchOrders`: one result per element, in order. (Elements the server could not parse: place the others one by one.)
    ///
    /// # Errors
    /// `-4082` for an empty batch or more than 5.
    pub fn place_batch(
        &mut self,
        now_us: u64,
        account: AccountId,
        orders: &[NewOrder],
    ) -> Result<Vec<Result<OrderView, ApiError>>, ApiError> {
        check_batch(orders.len(), PLACE_BATCH_MAX)?;
        Ok(orders
            .iter()
            .map(|order| self.place(now_us, account, order))
            .collect())
    }

    /// `PUT order`. Always requeues; cancels the order when it is partially filled and the new quantity is not above the executed one, or when
    /// it is GTX and the new price would cross (the view then shows CANCELED).
    ///
    /// # Errors
    /// Protocol §4.4; the order is untouched then.
    pub fn modify(
        &mut self,
        now_us: u64,
        account: AccountId,
        change: &ModifyOrder,
    ) -> Result<OrderView, ApiError> {
        self.advance(now_us);
        let change_to = self.judge(account, change.symbol).modification(change)?;
        let id = self.pit(change.symbol).carry_out(change_to);
        self.order(account, change.symbol, OrderRef::Id(id))
    }

    /// `PUT batchOrders`.
    ///
    /// # Errors
    /// `-4082` for an empty batch or more than 5.
    pub fn modify_batch(
        &mut self,
        now_us: u64,
        account: AccountId,
        changes: &[ModifyOrder],
    ) -> Result<Vec<Result<OrderView, ApiError>>, ApiError> {
        check_batch(changes.len(), MODIFY_BATCH_MAX)?;
        Ok(changes
            .iter()
            .map(|change| self.modify(now_us, account, change))
            .collect())
    }

    /// `DELETE order`.
    ///
    /// # Errors
    /// `-2011` when the order is not open.
    pub fn cancel(
        &mut self,
        now_us: u64,
        account: AccountId,
        symbol: SymbolId,
        order: OrderRef,
    ) -> Result<OrderView, ApiError> {
        self.advance(now_us);
        let id = self
            .market(symbol)
            .open
            .named(account, order)
            .ok_or_else(ApiError::cancel_rejected)?
            .id;
        let mut pit = self.pit(symbol);
        pit.end(id, Ending::Canceled);
        pit.flush_ticker();
        self.order(account, symbol, OrderRef::Id(id))
    }

    /// `DELETE batchOrders`.
    ///
    /// # Errors
    /// `-4082` for an empty batch or more than 10.
    pub fn cancel_batch(
        &mut self,
        now_us: u64,
        account: AccountId,
        symbol: SymbolId,
        orders: &[OrderRef],
    ) -> Result<Vec<Result<OrderView, ApiError>>, ApiError> {
        check_batch(orders.len(), CANCEL_BATCH_MAX)?;
        Ok(orders
            .iter()
            .map(|order| self.cancel(now_us, account, symbol, *order))
            .collect())
    }

    /// `DELETE allOpenOrders`; returns how many were cancelled.
    pub fn cancel_all(&mut self, now_us: u64, account: AccountId, symbol: SymbolId) -> usize {
        self.advance(now_us);
        self.cancel_all_now(account, symbol)
    }

    fn cancel_all_now(&mut self, account: AccountId, symbol: SymbolId) -> usize {
        let mut pit = self.pit(symbol);
        let count = pit.end_all(account, Ending::Canceled);
        pit.flush_ticker();
        count
    }

    /// `POST countdownCancelAll`: arms or replaces the timer; 0 disarms. It fires once, at its ms, and orders placed later are accepted.
    pub fn countdown_cancel_all(
        &mut self,
        now_us: u64,
        account: AccountId,
        symbol: SymbolId,
        countdown_ms: u64,
    ) {
        self.advance(now_us);
        let due_us = (countdown_ms > 0).then(|| {
            self.now_us
                .saturating_add(countdown_ms.saturating_mul(MS_US))
        });
        let before = std::mem::replace(
            &mut self.house.holding_mut(account, symbol).dead_man_us,
            due_us,
        );
        if let Some(before_us) = before {
            self.house
                .timers
                .disarm(before_us, Timer::DeadMan(account, symbol));
        }
        if let Some(due_us) = due_us {
            self.house
                .timers
                .arm(due_us, Timer::DeadMan(account, symbol));
        }
    }

    /// When the dead-man timer of an account and symbol fires, µs (for checkers).
    #[must_use]
    pub fn countdown_due_us(&self, account: AccountId, symbol: SymbolId) -> Option<u64> {
        self.house.holding(account, symbol).dead_man_us
    }

    pub(super) fn on_dead_man(&mut self, account: AccountId, symbol: SymbolId) {
        self.house.holding_mut(account, symbol).dead_man_us = None;
        self.cancel_all_now(account, symbol);
    }

    /// `GET order`: open, or finished and still remembered.
    ///
    /// # Errors
    /// `-2013`.
    pub fn order(
        &self,
        account: AccountId,
        symbol: SymbolId,
        order: OrderRef,
    ) -> Result<OrderView, ApiError> {
        let open = self.market(symbol).open.named(account, order);
        let found = open.or_else(|| {
            self.house
                .account(account)
                .history
                .find_order(symbol, order)
        });
        found.map(Order::view).ok_or_else(ApiError::no_such_order)
    }

    /// `GET openOrder`.
    ///
    /// # Errors
    /// `-2013`.
    pub fn open_order(
        &self,
        account: AccountId,
        symbol: SymbolId,
        order: OrderRef,
    ) -> Result<OrderView, ApiError> {
        self.market(symbol)
            .open
            .named(account, order)
            .map(Order::view)
            .ok_or_else(ApiError::no_such_order)
    }

    /// `GET openOrders`, of one symbol or all, by symbol and order id.
    #[must_use]
    pub fn open_orders(&self, account: AccountId, symbol: Option<SymbolId>) -> Vec<OrderView> {
        let markets = self
            .markets
            .iter()
            .filter(|market| symbol.is_none_or(|wanted| market.id == wanted));
        markets
            .flat_map(|market| market.open.of(account))
            .map(Order::view)
            .collect()
    }

    /// `GET allOrders`.
    #[must_use]
    pub fn all_orders(
        &self,
        account: AccountId,
        symbol: SymbolId,
        query: &OrderQuery,
    ) -> Vec<OrderView> {
        let open = self.market(symbol).open.of(account);
        let found = self
            .house
            .account(account)
            .history
            .query_orders(open, symbol, query);
        found.into_iter().map(Order::view).collect()
    }

    /// `GET orderAmendment`, oldest first, at most `limit`.
    #[must_use]
    pub fn amendments(
        &self,
        account: AccountId,
        symbol: SymbolId,
        order: Option<OrderRef>,
        limit: usize,
    ) -> Vec<AmendmentView> {
        let id: Option<Option<OrderId>> = order.map(|order| {
            self.order(account, symbol, order)
                .ok()
                .map(|view| view.order_id)
        });
        match id {
            Some(None) => Vec::new(),
            Some(Some(id)) => {
                self.house
                    .account(account)
                    .history
                    .query_amendments(symbol, Some(id), limit)
            }
            None => self
                .house
                .account(account)
                .history
                .query_amendments(symbol, None, limit),
        }
    }

    fn judge(&self, account: AccountId, symbol: SymbolId) -> Judge<'_> {
        Judge {
            now_us: self.now_us,
            markets: &self.markets,
            market: self.market(symbol),
            house: &self.house,
            account,
        }
    }
}

fn check_batch(size: usize, max: usize) -> Result<(), ApiError> {
    if size == 0 || size > max {
        Err(ApiError::bad_batch_size())
    } else {
        Ok(())
    }
}
