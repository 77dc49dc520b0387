//! Modification of open orders (protocol §4.4): what is refused, what cancels, what requeues.

use crate::api::{
    AmendmentView, ApiError, E8, ExecutionType, ModifyOrder, OrderId, OrderType, StpMode,
    TimeInForce,
};
use crate::decimal;
use crate::filters;
use crate::orders::{Order, ms};
use crate::pit::{Ending, Pit};
use crate::placing::Judge;

/// A judged modification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// The order is cancelled instead.
    Cancel(OrderId),
    /// New price, new total quantity.
    Amend {
        id: OrderId,
        price: E8,
        qty: E8,
        modify_id: Option<u64>,
    },
}

impl Judge<'_> {
    /// Turns a modification into what will happen, or says why nothing does.
    pub(crate) fn modification(&self, request: &ModifyOrder) -> Result<Change, ApiError> {
        let order = self
            .market
            .open
            .named(self.account, request.order)
            .ok_or_else(ApiError::no_such_order)?;
        if order.order_type != OrderType::Limit {
            return Err(ApiError::modify_limit_only());
        }
        if order.side != request.side {
            return Err(ApiError::bad_side());
        }
        if request.reduce_only && !order.reduce_only {
            return Err(ApiError::modify_reduce_only_mismatch());
        }
        let price = self.limit_price(order.side, request.price, request.price_match)?;
        let qty = request
            .qty
            .ok_or_else(|| ApiError::missing_parameter("quantity"))?;
        self.check_amended(order, price, qty, request.reduce_only)?;
        self.decide(order, price, qty, request.modify_id)
    }

    fn check_amended(
        &self,
        order: &Order,
        price: E8,
        qty: E8,
        reduce_only: bool,
    ) -> Result<(), ApiError> {
        let spec = &self.market.spec;
        filters::check_price(spec, price)?;
        filters::check_qty(spec, qty, OrderType::Limit)?;
        filters::check_band(spec, order.side, price, self.market.mark.mark)?;
        if price == order.price && qty == order.orig_qty {
            return Err(ApiError::no_modification());
        }
        if order.modifies >= spec.modifies_max {
            return Err(ApiError::too_many_modifies());
        }
        if !reduce_only && decimal::mul(price, qty) < spec.notional_min {
            return Err(ApiError::modify_min_notional());
        }
        Ok(())
    }

    fn decide(
        &self,
        order: &Order,
        price: E8,
        qty: E8,
        modify_id: Option<u64>,
    ) -> Result<Change, ApiError> {
        let crossing = order.time_in_force == TimeInForce::Gtx
            && self.market.book.would_cross(order.side, price);
        if qty <= order.executed || crossing {
            return Ok(Change::Cancel(order.id));
        }
        if order.reduce_only {
            let reserved =
                self.market
                    .open
                    .reduce_only_qty(self.account, order.side, Some(order.id));
            let open = self.reducible_qty(order.side, qty - order.executed, reserved)?;
            return Ok(Change::Amend {
                id: order.id,
                price,
                qty: order.executed + open,
                modify_id,
            });
        }
        self.check_margin(
            order.side,
            decimal::mul(price, qty - order.executed),
            order.open_notional(),
        )?;
        Ok(Change::Amend {
            id: order.id,
            price,
            qty,
            modify_id,
        })
    }
}

impl Pit<'_> {
    /// Carries out a judged modification; returns the order's id.
    pub(crate) fn carry_out(&mut self, change: Change) -> OrderId {
        let id = match change {
            Change::Cancel(id) => {
                self.end(id, Ending::Canceled);
                id
            }
            Change::Amend {
                id,
                price,
                qty,
                modify_id,
            } => {
                self.amend(id, price, qty, modify_id);
                id
            }
        };
        self.flush_ticker();
        id
    }

    /// Always requeues, even on a smaller size, and resets self-trade prevention (protocol §0.9).
    fn amend(&mut self, id: OrderId, price: E8, qty: E8, modify_id: Option<u64>) {
        self.pull(id);
        let Some(order) = self.market.open.find_mut(id) else {
            return;
        };
        let (old_price, old_qty, old_open) = (order.price, order.orig_qty, order.remaining());
        order.price = price;
        order.orig_qty = qty;
        order.modifies += 1;
        order.modify_id = modify_id.or(order.modify_id);
        order.stp = StpMode::None;
        order.updated_us = self.now_us;
        let order = order.clone();
        self.house.ledger.on_amended(&order, old_open);
        let amendment_id = self.house.next_amendment_id;
        self.house.next_amendment_id += 1;
        self.house
            .account_mut(order.account)
            .history
            .push_amendment(AmendmentView {
                amendment_id,
                symbol: order.symbol,
                order_id: id,
                client_id: order.client_id,
                time_ms: ms(self.now_us),
                price: (old_price, price),
                orig_qty: (old_qty, qty),
                count: order.modifies,
                modify_id,
            });
        let report = self.report(&order, ExecutionType::Amendment);
        let report = self.with_notionals(report, |update| update.modify_id = modify_id);
        self.tell_order(report);
        self.execute(id, Some(price));
    }
}
