//! Owns the translation between the exchange's types and the engine's; decides nothing. What travels as JSON between the
//! real ones travels as values here, because thousands of simulated hours have no time for text.

use crate::binance::client_id::ClientIds;
use crate::binance::codes::{Context, ErrorText, RequestKind, outcome};
use phoenix_core::event::{
    AccountReason, BalanceReport, BookTicker, ExchangeStatus, Execution, Fill, Level, LiteFill,
    MarkPrice, OrderReport, OrderUpdate, Outcome, PositionReport, Trade, TradeReport,
};
use phoenix_core::instrument::{Instrument, SymbolId};
use phoenix_core::order::{Amendment, Execute, NewOrder, OrderId};
use phoenix_core::units::{Lots, Price8, Quote, Ratio, Side, Span, Ticks, Wall};
use phoenix_exchange::SymbolSpec;
use phoenix_exchange::api::{self, ClientId, E8, ONE, OrderRef, OrderStatus, TimeInForce};

/// Translates for one symbol.
#[derive(Debug, Clone)]
pub struct Bridge {
    symbol: SymbolId,
    tick: E8,
    step: E8,
    ids: ClientIds,
}

/// The contract data that the exchange's list would give.
///
/// # Panics
/// For a contract whose grid cannot be used, which no preset has.
#[must_use]
pub fn instrument(spec: &SymbolSpec) -> Instrument {
    let bps = |ratio: E8| ratio / (ONE / 10_000);
    Instrument {
        name: spec.name.clone(),
        tick_e8: spec.tick,
        step_e8: spec.step,
        price_min: Ticks(spec.price_min / spec.tick),
        price_max: Ticks(spec.price_max / spec.tick),
        qty_min: Lots(spec.qty_min / spec.step),
        qty_max: Lots(spec.qty_max / spec.step),
        notional_min: Quote(spec.notional_min),
        percent_up_e4: bps(spec.multiplier_up),
        percent_down_e4: bps(spec.multiplier_down),
        orders_max: u32::try_from(spec.open_orders_max).unwrap_or(u32::MAX),
    }
    .checked()
    .expect("presets have a usable grid")
}

const fn side(side: api::Side) -> Side {
    match side {
        api::Side::Buy => Side::Buy,
        api::Side::Sell => Side::Sell,
    }
}

const fn side_out(side: Side) -> api::Side {
    match side {
        Side::Buy => api::Side::Buy,
        Side::Sell => api::Side::Sell,
    }
}

const fn status(status: OrderStatus) -> ExchangeStatus {
    match status {
        OrderStatus::New => ExchangeStatus::New,
        OrderStatus::PartiallyFilled => ExchangeStatus::PartiallyFilled,
        OrderStatus::Filled => ExchangeStatus::Filled,
        OrderStatus::Canceled => ExchangeStatus::Canceled,
        OrderStatus::Expired | OrderStatus::ExpiredInMatch => ExchangeStatus::Expired,
    }
}

const fn execution(execution: api::ExecutionType) -> Execution {
    match execution {
        api::ExecutionType::New => Execution::New,
        api::ExecutionType::Trade => Execution::Trade,
        api::ExecutionType::Canceled => Execution::Canceled,
        api::ExecutionType::Expired => Execution::Expired,
        api::ExecutionType::Amendment => Execution::Amended,
        api::ExecutionType::Calculated => Execution::Liquidation,
    }
}

/// An id of the exchange as the engine counts them.
fn id(id: u64) -> i64 {
    i64::try_from(id).unwrap_or(i64::MAX)
}

/// What a refusal by the exchange means for a request of this kind, by the same table as on the wire.
#[must_use]
pub fn refused<T>(kind: RequestKind, error: &api::ApiError, now: Wall) -> Outcome<T> {
    let context = Context {
        kind,
        now,
        retry_after: error
            .retry_after_s
            .map(|s| Span::from_secs(i64::try_from(s).unwrap_or(0))),
    };
    let text = ErrorText {
        status: error.http_status,
        code: i32::try_from(error.code).unwrap_or(0),
        msg: &error.msg,
    };
    outcome(context, text)
}

impl Bridge {
    /// For one symbol, and client ids of our instance.
    #[must_use]
    pub const fn new(symbol: SymbolId, spec: &SymbolSpec, ids: ClientIds) -> Self {
        Self {
            symbol,
            tick: spec.tick,
            step: spec.step,
            ids,
        }
    }

    const fn ticks(&self, price: E8) -> Ticks {
        Ticks(price / self.tick)
    }

    /// A quantity in lots.
    #[must_use]
    pub const fn lots(&self, qty: E8) -> Lots {
        Lots(qty / self.step)
    }

    /// Lots as the exchange's quantity.
    #[must_use]
    pub const fn qty(&self, lots: Lots) -> E8 {
        lots.raw() * self.step
    }

    /// Price levels; the exchange's own are on the grid.
    pub fn levels(&self, levels: &[(E8, E8)], out: &mut Vec<Level>) {
        out.clear();
        out.extend(levels.iter().map(|level| self.level(*level)));
    }

    const fn level(&self, (price, qty): (E8, E8)) -> Level {
        Level {
            price: self.ticks(price),
            size: self.lots(qty),
        }
    }

    /// A ticker of the stream, or with id zero of REST.
    #[must_use]
    pub fn ticker(&self, bid: (E8, E8), ask: (E8, E8), update_id: u64, time: Wall) -> BookTicker {
        BookTicker {
            update_id: id(update_id),
            event_time: time,
            bid: self.level(bid),
            ask: self.level(ask),
        }
    }

    /// An aggregate trade.
    #[must_use]
    pub fn trade(&self, event: &api::AggTradeEvent, time: Wall) -> Trade {
        Trade {
            id: id(event.agg_id),
            event_time: time,
            price: self.ticks(event.price),
            size: self.lots(event.qty),
            aggressor: match event.buyer_is_maker {
                true => Side::Sell,
                false => Side::Buy,
            },
        }
    }

    /// A mark price.
    #[must_use]
    pub fn mark(event: &api::MarkPriceEvent, time: Wall) -> MarkPrice {
        MarkPrice {
            event_time: time,
            mark: Price8(event.mark),
            index: Price8(event.index),
            funding_rate: Ratio(event.funding_rate),
            next_funding: Wall::from_millis(event.next_funding_ms),
        }
    }

    /// An order as it is asked for.
    ///
    /// # Panics
    /// If our own client ids were not allowed.
    #[must_use]
    pub fn order(&self, order: &NewOrder) -> api::NewOrder {
        let time_in_force = match order.execute {
            Execute::PostOnly | Execute::PostOnlyReduce => TimeInForce::Gtx,
            Execute::TakeReduce => TimeInForce::Ioc,
        };
        let plain = api::NewOrder::limit(
            api::SymbolId(self.symbol.0),
            side_out(order.side),
            order.price.raw() * self.tick,
            self.qty(order.size),
            time_in_force,
        );
        api::NewOrder {
            reduce_only: order.execute.is_reduce_only(),
            stp: Some(api::StpMode::ExpireMaker),
            ..plain.with_client_id(self.client_id(order.id))
        }
    }

    /// A change as it is asked for.
    #[must_use]
    pub fn amendment(&self, amendment: &Amendment) -> api::ModifyOrder {
        api::ModifyOrder {
            symbol: api::SymbolId(self.symbol.0),
            order: self.named(amendment.id),
            side: side_out(amendment.side),
            qty: Some(self.qty(amendment.size)),
            price: Some(amendment.price.raw() * self.tick),
            price_match: api::PriceMatch::None,
            modify_id: None,
            reduce_only: amendment.execute.is_reduce_only(),
        }
    }

    fn client_id(&self, id: OrderId) -> ClientId {
        ClientId::parse(&self.ids.encode(id)).expect("our ids are allowed")
    }

    /// An order of ours as requests name it.
    #[must_use]
    pub fn named(&self, id: OrderId) -> OrderRef {
        OrderRef::Client(self.client_id(id))
    }

    /// An order as the exchange shows it on request.
    #[must_use]
    pub fn report(&self, view: &api::OrderView) -> OrderReport {
        OrderReport {
            symbol: self.symbol,
            owner: self.ids.decode(view.client_id.as_str()),
            exchange_id: id(view.order_id),
            side: side(view.side),
            price: self.ticks(view.price),
            size: self.lots(view.orig_qty),
            filled: self.lots(view.executed_qty),
            status: status(view.status),
            reduce_only: view.reduce_only,
            time: Wall::from_millis(view.update_time_ms),
        }
    }

    /// A trade of ours as the exchange lists it.
    #[must_use]
    pub fn traded(&self, trade: &api::UserTradeView) -> TradeReport {
        TradeReport {
            exchange_id: id(trade.order_id),
            side: side(trade.side),
            fill: Fill {
                trade_id: id(trade.trade_id),
                price: self.ticks(trade.price),
                size: self.lots(trade.qty),
                fee: Quote(-trade.commission),
                fee_other_e8: 0,
                realized: Quote(trade.realized_pnl),
                maker: trade.is_maker,
            },
            time: Wall::from_millis(trade.time_ms),
        }
    }

    /// ORDER_TRADE_UPDATE.
    #[must_use]
    pub fn updated(&self, update: &api::OrderUpdate, event_time: Wall) -> OrderUpdate {
        let is_trade = matches!(
            update.execution,
            api::ExecutionType::Trade | api::ExecutionType::Calculated
        );
        OrderUpdate {
            report: OrderReport {
                symbol: self.symbol,
                owner: self.ids.decode(update.client_id.as_str()),
                exchange_id: id(update.order_id),
                side: side(update.side),
                price: self.ticks(update.price),
                size: self.lots(update.orig_qty),
                filled: self.lots(update.cum_qty),
                status: status(update.status),
                reduce_only: update.reduce_only,
                time: Wall::from_millis(update.time_ms),
            },
            execution: execution(update.execution),
            fill: is_trade.then(|| Fill {
                trade_id: id(update.trade_id),
                price: self.ticks(update.last_price),
                size: self.lots(update.last_qty),
                fee: Quote(-update.commission),
                fee_other_e8: 0,
                realized: Quote(update.realized_pnl),
                maker: update.is_maker,
            }),
            event_time,
        }
    }

    /// TRADE_LITE.
    #[must_use]
    pub fn lite(&self, lite: &api::TradeLite) -> LiteFill {
        LiteFill {
            symbol: self.symbol,
            owner: self.ids.decode(lite.client_id.as_str()),
            side: side(lite.side),
            trade_id: id(lite.trade_id),
            price: self.ticks(lite.last_price),
            size: self.lots(lite.last_qty),
            maker: lite.is_maker,
            time: Wall::from_millis(lite.time_ms),
        }
    }

    /// A position.
    #[must_use]
    pub const fn position(&self, qty: E8, entry: E8) -> PositionReport {
        PositionReport {
            symbol: self.symbol,
            size: self.lots(qty),
            entry: Price8(entry),
        }
    }
}

/// Why balances changed.
#[must_use]
pub const fn reason(reason: api::AccountUpdateReason) -> AccountReason {
    match reason {
        api::AccountUpdateReason::Order => AccountReason::Order,
        api::AccountUpdateReason::FundingFee => AccountReason::Funding,
        api::AccountUpdateReason::Deposit
        | api::AccountUpdateReason::Withdraw
        | api::AccountUpdateReason::InsuranceClear
        | api::AccountUpdateReason::MarginTypeChange => AccountReason::Other,
    }
}

/// The balance of an asset among those that changed.
#[must_use]
pub fn balance(balances: &[api::UpdatedBalance], asset: &str) -> Option<BalanceReport> {
    let ours = balances.iter().find(|b| b.asset == asset)?;
    Some(BalanceReport {
        wallet: Quote(ours.wallet),
        change: Quote(ours.change),
    })
}
