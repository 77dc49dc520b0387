//! Owns carrying out order requests at the exchange, or what a drill puts in their place; knows no wire format.

use phoenix_exchange::api::{
    ApiError, ClientId, ModifyOrder, NewOrder, OrderRef, OrderStatus, OrderView, PositionSide,
    StpMode, TimeInForce,
};
use phoenix_exchange::{AccountId, SymbolId};

use super::super::faults::orders::OrderCall;
use super::super::faults::{OrderEffect, Verb};
use super::super::refusal::Refusal;
use super::Call;

/// Order id of an order that was acknowledged and does not exist; no book counts this far.
const PRETENDED_ID: u64 = 4_000_000_000_000_000;

impl Call<'_> {
    /// Whether a drill lets this be carried out; otherwise the order is acknowledged only.
    fn is_earnest(
        &mut self,
        verb: Verb,
        (account, symbol): (AccountId, SymbolId),
        reduce_only: Option<()>,
    ) -> Result<bool, Refusal> {
        let call = OrderCall {
            verb,
            account: account.0,
            symbol: symbol.0,
            reduce_only: reduce_only.is_some(),
        };
        match self.venue.faults.orders.take(call) {
            None => Ok(true),
            Some(OrderEffect::Pretend) => Ok(false),
            Some(OrderEffect::Refuse(refusal)) => Err(refusal),
        }
    }

    pub(super) fn place(
        &mut self,
        account: AccountId,
        order: &NewOrder,
    ) -> Result<OrderView, Refusal> {
        let reduces = order.reduce_only.then_some(());
        if self.is_earnest(Verb::Place, (account, order.symbol), reduces)? {
            return Ok(self.venue.exchange.place(self.now_us, account, order)?);
        }
        Ok(pretended(order, self.now_ms()))
    }

    pub(super) fn modify(
        &mut self,
        account: AccountId,
        change: &ModifyOrder,
    ) -> Result<OrderView, Refusal> {
        if self.is_earnest(Verb::Modify, (account, change.symbol), None)? {
            return Ok(self.venue.exchange.modify(self.now_us, account, change)?);
        }
        let before = self
            .venue
            .exchange
            .open_order(account, change.symbol, change.order)?;
        Ok(OrderView {
            price: change.price.unwrap_or(before.price),
            orig_qty: change.qty.unwrap_or(before.orig_qty),
            ..before
        })
    }

    pub(super) fn cancel(
        &mut self,
        account: AccountId,
        symbol: SymbolId,
        order: OrderRef,
    ) -> Result<OrderView, Refusal> {
        if self.is_earnest(Verb::Cancel, (account, symbol), None)? {
            let exchange = &mut self.venue.exchange;
            return Ok(exchange.cancel(self.now_us, account, symbol, order)?);
        }
        let view = self.venue.exchange.open_order(account, symbol, order);
        Ok(OrderView {
            status: OrderStatus::Canceled,
            ..view.map_err(|_| ApiError::cancel_rejected())?
        })
    }

    pub(super) fn cancel_all(
        &mut self,
        account: AccountId,
        symbol: SymbolId,
    ) -> Result<(), Refusal> {
        if self.is_earnest(Verb::CancelAll, (account, symbol), None)? {
            self.venue.exchange.cancel_all(self.now_us, account, symbol);
        }
        Ok(())
    }

    pub(super) fn count_down(
        &mut self,
        account: AccountId,
        symbol: SymbolId,
        countdown_ms: u64,
    ) -> Result<(), Refusal> {
        if self.is_earnest(Verb::Countdown, (account, symbol), None)? {
            let exchange = &mut self.venue.exchange;
            exchange.countdown_cancel_all(self.now_us, account, symbol, countdown_ms);
        }
        Ok(())
    }
}

/// What the venue would have answered, had it taken the order.
fn pretended(order: &NewOrder, now_ms: i64) -> OrderView {
    OrderView {
        order_id: PRETENDED_ID.saturating_add(now_ms.unsigned_abs()),
        symbol: order.symbol,
        status: OrderStatus::New,
        client_id: order
            .client_id
            .or_else(|| ClientId::parse("pretended").ok())
            .expect("a given id, or a legal word"),
        price: order.price.unwrap_or(0),
        avg_price: 0,
        orig_qty: order.qty.unwrap_or(0),
        executed_qty: 0,
        cum_quote: 0,
        time_in_force: order.time_in_force.unwrap_or(TimeInForce::Gtc),
        order_type: order.order_type,
        reduce_only: order.reduce_only,
        side: order.side,
        position_side: order.position_side.unwrap_or(PositionSide::Both),
        price_match: order.price_match,
        stp: order.stp.unwrap_or(StpMode::ExpireMaker),
        good_till_date_ms: order.good_till_date_ms,
        time_ms: now_ms,
        update_time_ms: now_ms,
        modify_id: None,
    }
}
