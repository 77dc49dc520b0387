//! Owns the payloads of market and user streams (protocol §2, §3); knows no subscriber.

use phoenix_exchange::api::{
    AccountUpdate, AggTradeEvent, BookTickerEvent, DepthEvent, DepthView, ForceOrderEvent,
    MarginCallPosition, MarkPriceEvent, OrderUpdate, PremiumIndexView, TradeEvent, TradeLite,
    UserEvent,
};
use phoenix_exchange::{E8, SymbolSpec, decimal};

use super::json::{Object, array};
use super::words;

/// How a symbol is written: its name and its decimals.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pen {
    /// `s`.
    pub name: String,
    /// Margin asset.
    pub asset: String,
    /// Decimals of prices and of quantities.
    pub places: (usize, usize),
}

impl Pen {
    /// The pen of a symbol.
    pub fn of(spec: &SymbolSpec) -> Self {
        Self {
            name: spec.name.clone(),
            asset: spec.quote.clone(),
            places: (spec.price_places(), spec.qty_places()),
        }
    }
}

/// `depthUpdate`, diff.
pub fn depth(pen: &Pen, event: &DepthEvent) -> String {
    let room = 160 + 24 * (event.bids.len() + event.asks.len());
    Object::with_capacity(room)
        .text("e", "depthUpdate")
        .int("E", event.event_time_ms)
        .int("T", event.time_ms)
        .text("s", &pen.name)
        .text("ps", &pen.name)
        .int("U", event.first_update_id)
        .int("u", event.last_update_id)
        .int("pu", event.prev_update_id)
        .levels("b", &event.bids, pen.places)
        .levels("a", &event.asks, pen.places)
        .int("st", 1)
        .done()
}

/// `depthUpdate` of a partial depth stream: the ids of the diff that caused it, the levels of the book.
pub fn partial_depth(pen: &Pen, cause: &DepthEvent, view: &DepthView) -> String {
    let event = DepthEvent {
        cadence: cause.cadence,
        event_time_ms: cause.event_time_ms,
        time_ms: cause.time_ms,
        first_update_id: cause.first_update_id,
        last_update_id: view.last_update_id,
        prev_update_id: cause.prev_update_id,
        bids: view.bids.clone(),
        asks: view.asks.clone(),
    };
    depth(pen, &event)
}

/// `bookTicker`; `at_ms` is `E`.
pub fn book_ticker(pen: &Pen, at_ms: i64, event: &BookTickerEvent) -> String {
    Object::new()
        .text("e", "bookTicker")
        .int("u", event.update_id)
        .int("E", at_ms)
        .int("T", event.time_ms)
        .text("s", &pen.name)
        .text("ps", &pen.name)
        .fixed("b", event.bid.0, pen.places.0)
        .fixed("B", event.bid.1, pen.places.1)
        .fixed("a", event.ask.0, pen.places.0)
        .fixed("A", event.ask.1, pen.places.1)
        .int("st", 1)
        .done()
}

/// `trade`.
pub fn trade(pen: &Pen, at_ms: i64, event: &TradeEvent) -> String {
    Object::new()
        .text("e", "trade")
        .int("E", at_ms)
        .int("T", event.time_ms)
        .text("s", &pen.name)
        .int("t", event.trade_id)
        .fixed("p", event.price, pen.places.0)
        .fixed("q", event.qty, pen.places.1)
        .text("X", "MARKET")
        .truth("m", event.buyer_is_maker)
        .int("st", 1)
        .done()
}

/// `aggTrade`.
pub fn agg_trade(pen: &Pen, at_ms: i64, event: &AggTradeEvent) -> String {
    Object::new()
        .text("e", "aggTrade")
        .int("E", at_ms)
        .text("s", &pen.name)
        .int("a", event.agg_id)
        .fixed("p", event.price, pen.places.0)
        .fixed("q", event.qty, pen.places.1)
        .fixed("nq", event.qty, pen.places.1)
        .int("f", event.first_trade_id)
        .int("l", event.last_trade_id)
        .int("T", event.time_ms)
        .truth("m", event.buyer_is_maker)
        .int("st", 1)
        .done()
}

/// `contractInfo`; brackets are left out. `at_ms` is `E`.
pub fn contract_info(pen: &Pen, spec: &SymbolSpec, status: &str, at_ms: i64) -> String {
    Object::new()
        .text("e", "contractInfo")
        .int("E", at_ms)
        .text("s", &pen.name)
        .text("ps", &pen.name)
        .text("ct", "PERPETUAL")
        .int("dt", 4_133_404_800_000_i64)
        .int("ot", spec.onboard_ms)
        .text("cs", status)
        .int("st", 1)
        .done()
}

/// `markPriceUpdate`.
pub fn mark_price(pen: &Pen, event: &MarkPriceEvent) -> String {
    Object::new()
        .text("e", "markPriceUpdate")
        .int("E", event.time_ms)
        .text("s", &pen.name)
        .fixed("p", event.mark, 8)
        .fixed("ap", event.mark_average, 8)
        .fixed("i", event.index, 8)
        .fixed("P", event.settle, 8)
        .fixed("r", event.funding_rate, 8)
        .int("T", event.next_funding_ms)
        .int("st", 1)
        .done()
}

/// `forceOrder`.
pub fn force_order(pen: &Pen, at_ms: i64, event: &ForceOrderEvent) -> String {
    let order = Object::new()
        .text("s", &pen.name)
        .text("S", words::side(event.side))
        .text("o", "LIMIT")
        .text("f", "IOC")
        .fixed("q", event.qty, pen.places.1)
        .fixed("p", event.price, pen.places.0)
        .fixed("ap", event.avg_price, pen.places.0)
        .text("X", "FILLED")
        .fixed("l", event.last_qty, pen.places.1)
        .fixed("z", event.cum_qty, pen.places.1)
        .int("T", event.time_ms)
        .done();
    Object::new()
        .text("e", "forceOrder")
        .int("E", at_ms)
        .raw("o", &order)
        .int("st", 1)
        .done()
}

/// `e` of a user event.
pub const fn user_event_kind(event: &UserEvent) -> &'static str {
    match event {
        UserEvent::OrderUpdate(_) => "ORDER_TRADE_UPDATE",
        UserEvent::TradeLite(_) => "TRADE_LITE",
        UserEvent::AccountUpdate(_) => "ACCOUNT_UPDATE",
        UserEvent::LeverageChanged { .. } | UserEvent::MultiAssetsChanged { .. } => {
            "ACCOUNT_CONFIG_UPDATE"
        }
        UserEvent::MarginCall { .. } => "MARGIN_CALL",
        UserEvent::ListenKeyExpired { .. } => "listenKeyExpired",
    }
}

/// Any user event; `at_ms` is `E`, `pens` are all symbols in the order of their ids.
pub fn user_event(pens: &[Pen], at_ms: i64, event: &UserEvent) -> String {
    let kind = user_event_kind(event);
    let head = Object::with_capacity(640).text("e", kind).int("E", at_ms);
    match event {
        UserEvent::OrderUpdate(update) => head
            .int("T", update.time_ms)
            .raw(
                "o",
                &order_update(pen_of(pens, update.symbol.index()), update),
            )
            .done(),
        UserEvent::TradeLite(trade) => trade_lite(head, pen_of(pens, trade.symbol.index()), trade),
        UserEvent::AccountUpdate(update) => head
            .int("T", update.time_ms)
            .raw("a", &account_update(pens, update))
            .done(),
        UserEvent::LeverageChanged {
            time_ms,
            symbol,
            leverage,
        } => {
            let change = Object::new()
                .text("s", &pen_of(pens, symbol.index()).name)
                .int("l", *leverage)
                .done();
            head.int("T", *time_ms).raw("ac", &change).done()
        }
        UserEvent::MultiAssetsChanged { time_ms, on } => {
            let change = Object::new().truth("j", *on).done();
            head.int("T", *time_ms).raw("ai", &change).done()
        }
        UserEvent::MarginCall {
            cross_wallet,
            positions,
        } => {
            let rows = positions
                .iter()
                .map(|position| margin_call(pen_of(pens, position.symbol.index()), position));
            head.short("cw", *cross_wallet)
                .raw("p", &array(rows))
                .done()
        }
        UserEvent::ListenKeyExpired { listen_key } => head.text("listenKey", listen_key).done(),
    }
}

static NO_PEN: Pen = Pen {
    name: String::new(),
    asset: String::new(),
    places: (8, 8),
};

/// The pen of a symbol; ids come from the exchange itself, so the fallback is never seen.
pub fn pen_of(pens: &[Pen], symbol: usize) -> &Pen {
    pens.get(symbol).unwrap_or(&NO_PEN)
}

/// A price that is absent on the wire as `0`.
fn price_or_zero(price: E8, places: usize) -> String {
    if price == 0 {
        "0".to_owned()
    } else {
        decimal::fixed(price, places)
    }
}

fn order_update(pen: &Pen, update: &OrderUpdate) -> String {
    let (price_places, qty_places) = pen.places;
    let order = Object::with_capacity(512)
        .text("s", &pen.name)
        .text("c", update.client_id.as_str())
        .text("S", words::side(update.side))
        .text("o", words::order_type(update.order_type))
        .text("f", words::time_in_force(update.time_in_force))
        .fixed("q", update.orig_qty, qty_places)
        .text("p", &price_or_zero(update.price, price_places))
        .short("ap", update.avg_price)
        .text("sp", "0")
        .text("x", words::execution(update.execution))
        .text("X", words::status(update.status))
        .int("i", update.order_id);
    let order = match update.modify_id {
        Some(id) => order.text("M", &id.to_string()),
        None => order,
    };
    order
        .text("l", &price_or_zero(update.last_qty, qty_places))
        .text("z", &price_or_zero(update.cum_qty, qty_places))
        .text("L", &price_or_zero(update.last_price, price_places))
        .short("n", update.commission)
        .text("N", &pen.asset)
        .int("T", update.time_ms)
        .int("t", update.trade_id)
        .short("b", update.bid_notional)
        .short("a", update.ask_notional)
        .truth("m", update.is_maker)
        .truth("R", update.reduce_only)
        .text("wt", "CONTRACT_PRICE")
        .text("ot", words::order_type(update.order_type))
        .text("ps", words::position_side(update.position_side))
        .truth("cp", false)
        .short("rp", update.realized_pnl)
        .truth("pP", false)
        .int("si", 0)
        .int("ss", 0)
        .text("V", words::stp(update.stp))
        .text("pm", words::price_match(update.price_match))
        .int("gtd", update.good_till_date_ms)
        .text("er", &update.expiry_reason.code().to_string())
        .done()
}

fn trade_lite(head: Object, pen: &Pen, trade: &TradeLite) -> String {
    let (price_places, qty_places) = pen.places;
    head.int("T", trade.time_ms)
        .text("s", &pen.name)
        .fixed("q", trade.orig_qty, qty_places)
        .text("p", &price_or_zero(trade.price, price_places))
        .truth("m", trade.is_maker)
        .text("c", trade.client_id.as_str())
        .text("S", words::side(trade.side))
        .fixed("L", trade.last_price, price_places)
        .fixed("l", trade.last_qty, qty_places)
        .int("t", trade.trade_id)
        .int("i", trade.order_id)
        .done()
}

fn account_update(pens: &[Pen], update: &AccountUpdate) -> String {
    let balances = update.balances.iter().map(|balance| {
        Object::new()
            .text("a", &balance.asset)
            .fixed("wb", balance.wallet, 8)
            .fixed("cw", balance.cross_wallet, 8)
            .short("bc", balance.change)
            .done()
    });
    let positions = update.positions.iter().map(|position| {
        let pen = pen_of(pens, position.symbol.index());
        Object::new()
            .text("s", &pen.name)
            .text("pa", &price_or_zero(position.qty, pen.places.1))
            .short("ep", position.entry_price)
            .short("bep", position.break_even_price)
            .short("cr", position.realized)
            .short("up", position.unrealized)
            .text("mt", words::margin_type_short(position.margin_type))
            .text("iw", "0")
            .text("ps", words::position_side(position.position_side))
            .text("ma", &pen.asset)
            .done()
    });
    let head = Object::with_capacity(384).text("m", words::account_update(update.reason));
    let head = match update.symbol {
        Some(symbol) => head.text("S", &pen_of(pens, symbol.index()).name),
        None => head,
    };
    head.raw("B", &array(balances))
        .raw("P", &array(positions))
        .done()
}

fn margin_call(pen: &Pen, position: &MarginCallPosition) -> String {
    Object::new()
        .text("s", &pen.name)
        .text("ps", "BOTH")
        .fixed("pa", position.qty, pen.places.1)
        .text("mt", "CROSSED")
        .text("iw", "0")
        .short("mp", position.mark_price)
        .short("up", position.unrealized)
        .short("mm", position.maint_margin)
        .done()
}

/// The premium index as the stream event of the same instant, for the array streams.
pub fn mark_price_of(view: &PremiumIndexView) -> MarkPriceEvent {
    MarkPriceEvent {
        time_ms: view.time_ms,
        mark: view.mark,
        mark_average: view.mark,
        index: view.index,
        settle: view.settle,
        funding_rate: view.funding_rate,
        next_funding_ms: view.next_funding_ms,
    }
}
