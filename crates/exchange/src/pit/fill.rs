//! What one trade does to orders, positions, wallets, pools and streams.

use super::{Pit, ms};
use crate::api::{
    AccountId, AccountUpdate, AccountUpdateReason, E8, ExecutionType, IncomeKind, OrderId,
    OrderStatus, OrderType, PositionSide, Side, TradeEvent, TradeId, TradeLite, UpdatedPosition,
    UserEvent, UserTradeView,
};
use crate::decimal;
use crate::house::Cause;
use crate::orders::Order;

/// One side of a trade.
#[derive(Clone, Copy, Debug)]
struct Fill {
    trade_id: TradeId,
    price: E8,
    qty: E8,
    notional: E8,
    is_maker: bool,
    against: Against,
}

/// Who stands on the other side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Against {
    Client,
    Background,
}

impl Pit<'_> {
    /// Books a trade whose quantity has already left the book. `None` is the anonymous background.
    pub(crate) fn trade(
        &mut self,
        taker: Option<OrderId>,
        maker: Option<OrderId>,
        taker_side: Side,
        price: E8,
        qty: E8,
    ) {
        let trade_id = self.publish_trade(taker_side, price, qty);
        if taker.is_some() || maker.is_some() {
            self.settle(trade_id, taker, maker, price, qty);
        }
    }

    /// The insurance fund takes over what a liquidation could not sell. Such trades have an id but are not published (protocol §2.4).
    pub(crate) fn take_over(&mut self, id: OrderId, price: E8, qty: E8) {
        let trade_id = self.market.next_trade_id;
        self.market.next_trade_id += 1;
        self.settle(trade_id, Some(id), None, price, qty);
    }

    fn settle(
        &mut self,
        trade_id: TradeId,
        taker: Option<OrderId>,
        maker: Option<OrderId>,
        price: E8,
        qty: E8,
    ) {
        let against = if taker.is_some() && maker.is_some() {
            Against::Client
        } else {
            Against::Background
        };
        let notional = decimal::mul(price, qty);
        let fill = Fill {
            trade_id,
            price,
            qty,
            notional,
            is_maker: true,
            against,
        };
        let maker_account = maker.and_then(|id| self.fill(id, fill));
        let taker_account = taker.and_then(|id| {
            self.fill(
                id,
                Fill {
                    is_maker: false,
                    ..fill
                },
            )
        });
        for account in [maker_account, taker_account].into_iter().flatten() {
            self.enforce_reduce_only(account);
        }
    }

    /// Puts a trade on the tape only.
    pub(crate) fn publish_trade(&mut self, taker_side: Side, price: E8, qty: E8) -> TradeId {
        let trade_id = self.market.next_trade_id;
        self.market.next_trade_id += 1;
        let trade = TradeEvent {
            trade_id,
            time_ms: ms(self.now_us),
            price,
            qty,
            buyer_is_maker: taker_side == Side::Sell,
        };
        for event in self.market.feed.trade(trade).into_iter().flatten() {
            self.tell_symbol(event);
        }
        trade_id
    }

    fn fill(&mut self, id: OrderId, fill: Fill) -> Option<AccountId> {
        let order = self.market.open.find_mut(id)?;
        order.executed += fill.qty;
        order.cum_quote += fill.notional;
        order.updated_us = self.now_us;
        order.status = if order.remaining() == 0 {
            OrderStatus::Filled
        } else {
            OrderStatus::PartiallyFilled
        };
        let order = order.clone();
        self.house.ledger.on_fill(&order, fill.qty);
        let booked = self.book_money(&order, fill);
        self.remember_trade(&order, fill, booked);
        if order.status == OrderStatus::Filled {
            self.close(id);
        }
        self.tell_fill(&order, fill, booked);
        Some(order.account)
    }

    /// Position, profit, commission, pools and income.
    fn book_money(&mut self, order: &Order, fill: Fill) -> Booked {
        let rate = if fill.is_maker {
            self.market.spec.maker_rate
        } else {
            self.market.spec.taker_rate
        };
        let commission = decimal::mul(fill.notional, rate);
        let now_us = self.now_us;
        let (symbol, asset) = (self.market.id, self.market.asset);
        let holding = self.house.holding_mut(order.account, symbol);
        holding.rules.on_fill(fill.qty);
        let position = &mut holding.position;
        let profit = position.apply_fill(order.side, fill.qty, fill.notional);
        position.updated_us = now_us;
        if position.qty.signum() == order.side.sign() {
            let opened = fill.qty.min(position.qty.abs());
            position.open_fees += decimal::mul_div(commission, opened, fill.qty);
        }
        let cause = |kind| Cause {
            kind,
            symbol: Some(symbol),
            trade_id: fill.trade_id,
        };
        self.house.credit(
            now_us,
            order.account,
            asset,
            profit,
            cause(IncomeKind::RealizedPnl),
        );
        self.house.credit(
            now_us,
            order.account,
            asset,
            -commission,
            cause(IncomeKind::Commission),
        );
        let pool = self.house.pool_mut(asset);
        pool.fees += i128::from(commission);
        if fill.against == Against::Background {
            let sign = i128::from(order.side.sign());
            pool.background += sign * i128::from(fill.notional);
            self.market.background_qty -= sign * i128::from(fill.qty);
        }
        Booked { profit, commission }
    }

    fn remember_trade(&mut self, order: &Order, fill: Fill, booked: Booked) {
        let row = UserTradeView {
            symbol: order.symbol,
            trade_id: fill.trade_id,
            order_id: order.id,
            client_id: order.client_id,
            side: order.side,
            price: fill.price,
            qty: fill.qty,
            quote_qty: fill.notional,
            realized_pnl: booked.profit,
            commission: booked.commission,
            is_maker: fill.is_maker,
            time_ms: ms(self.now_us),
        };
        self.house
            .account_mut(order.account)
            .history
            .push_trade(row);
    }

    /// TRADE_LITE, ORDER_TRADE_UPDATE and ACCOUNT_UPDATE, in this order.
    fn tell_fill(&mut self, order: &Order, fill: Fill, booked: Booked) {
        let lite = TradeLite {
            time_ms: ms(self.now_us),
            symbol: order.symbol,
            orig_qty: order.orig_qty,
            price: order.price,
            is_maker: fill.is_maker,
            client_id: order.client_id,
            side: order.side,
            last_price: fill.price,
            last_qty: fill.qty,
            trade_id: fill.trade_id,
            order_id: order.id,
        };
        self.house
            .tell_account(self.now_us, order.account, UserEvent::TradeLite(lite));
        let execution = match order.order_type {
            OrderType::Limit | OrderType::Market => ExecutionType::Trade,
            OrderType::Liquidation => ExecutionType::Calculated,
        };
        let report = self.report(order, execution);
        let report = self.with_notionals(report, |update| {
            update.last_qty = fill.qty;
            update.last_price = fill.price;
            update.commission = booked.commission;
            update.trade_id = fill.trade_id;
            update.is_maker = fill.is_maker;
            update.realized_pnl = booked.profit;
        });
        self.tell_order(report);
        let update = AccountUpdate {
            time_ms: ms(self.now_us),
            reason: AccountUpdateReason::Order,
            symbol: None,
            balances: vec![
                self.house
                    .updated_balance(order.account, self.market.asset, 0),
            ],
            positions: vec![self.updated_position(order.account)],
        };
        self.house
            .tell_account(self.now_us, order.account, UserEvent::AccountUpdate(update));
    }

    /// The `P` entry of this symbol.
    pub(crate) fn updated_position(&self, account: AccountId) -> UpdatedPosition {
        let holding = self.house.holding(account, self.market.id);
        let position = holding.position;
        UpdatedPosition {
            symbol: self.market.id,
            qty: position.qty,
            entry_price: position.entry_price(),
            break_even_price: position.break_even_price(),
            realized: position.realized,
            unrealized: position.unrealized(self.market.mark.mark),
            margin_type: holding.settings.margin_type,
            position_side: PositionSide::Both,
        }
    }
}

/// What a fill moved in the wallet.
#[derive(Clone, Copy, Debug)]
struct Booked {
    profit: E8,
    commission: E8,
}
