//! Owns the engine's view as JSON for people who look at an incident; units are in the names, unknown is `null`.

use super::books::{Books, number};
use phoenix_core::engine::view::{OrderView, StreamView, SymbolView, View};
use phoenix_core::instrument::Instrument;
use phoenix_core::units::{Lots, Mono, PerSide, Price8, Quote, Span, Ticks};
use serde_json::{Value, json};

/// The whole view.
#[must_use]
pub fn of(view: &View, books: &Books) -> Value {
    let symbols: Vec<Value> = view
        .symbols
        .iter()
        .map(|symbol| symbol_of(symbol, books.instrument(symbol.symbol), view.now.mono))
        .collect();
    json!({
        "at_ms": view.now.wall.as_millis(),
        "session": view.session,
        "halt": view.halt.map(|halt| format!("{halt:?}")),
        "links_up": {
            "public": view.links_up[0],
            "market": view.links_up[1],
            "user": view.links_up[2],
            "orders": view.links_up[3],
        },
        "wallet_quote": view.wallet.map(quote),
        "weight_used_percent": view.weight_used_percent,
        "orders_used_percent": view.orders_used_percent,
        "symbols": symbols,
    })
}

fn symbol_of(symbol: &SymbolView, instrument: Option<&Instrument>, now: Mono) -> Value {
    let grid = Grid(instrument);
    let mut value = json!({
        "symbol": instrument.map(|i| i.name.clone()),
        "mode": symbol.mode.name(),
        "obstacle": symbol.obstacle.map(|o| format!("{o:?}")),
        "is_trading": symbol.is_trading,
        "is_removed": symbol.removed_at.is_some(),
        "halt": symbol.halt.map(|(why, _)| format!("{why:?}")),
        "halt_ends_in_s": symbol.halt.and_then(|(_, until)| until).map(|at| until_s(at, now)),
        "bid": symbol.touch.map(|t| grid.price(t.bid.price)),
        "ask": symbol.touch.map(|t| grid.price(t.ask.price)),
        "mark": symbol.mark.map(price8),
        "streams": symbol.streams.iter().map(stream_of).collect::<Vec<_>>(),
        "cross_check": symbol.cross_check.map(|check| format!("{check:?}")),
        "reconciled_before_s": symbol.reconciled_at.map(|at| seconds(now.since(at))),
        "dead_man_in_s": symbol.dead_man_deadline.map(|at| until_s(at, now)),
        "explanation": format!("{:?}", symbol.explanation),
        "orders": symbol.orders.iter().map(|o| order_of(o, &grid, now)).collect::<Vec<_>>(),
    });
    let more = json!({
        "position_base": grid.size(symbol.position),
        "net_max_base": grid.size(symbol.net_max),
        "entry": symbol.entry.map(price8),
        "realized_quote": quote(symbol.realized),
        "unrealized_quote": symbol.unrealized.map(quote),
        "fees_quote": quote(symbol.fees),
        "funding_quote": quote(symbol.funding),
        "exposure_base": sides(symbol.exposure, |lots| grid.size(lots)),
        "layers": symbol.layers,
        "expected_orders": sides(symbol.expected, |count| json!(count)),
        "resting_orders": sides(symbol.resting, |count| json!(count)),
        "cancels_last_min": symbol.cancels_last_min,
        "safety_cancels_last_min": symbol.safety_cancels_last_min,
        "pressure": number(symbol.pressure.raw()),
        "fills_buy": symbol.record.fills_buy,
        "fills_sell": symbol.record.fills_sell,
        "time_at_risk_s_max": seconds(symbol.record.time_at_risk_max),
    });
    if let (Value::Object(all), Value::Object(more)) = (&mut value, more) {
        all.extend(more);
    }
    value
}

fn stream_of(stream: &StreamView) -> Value {
    json!({
        "stream": format!("{:?}", stream.stream),
        "pulse": format!("{:?}", stream.pulse),
        "age_s": stream.age.map(seconds),
        "lag_s": stream.lag.map(seconds),
        "suspect_after_s": stream.suspect_after.map(seconds),
    })
}

fn order_of(order: &OrderView, grid: &Grid<'_>, now: Mono) -> Value {
    json!({
        "id": format!("{}-{}", order.id.session, order.id.seq),
        "side": format!("{:?}", order.side),
        "price": grid.price(order.price),
        "size_base": grid.size(order.size),
        "filled_base": grid.size(order.filled),
        "state": format!("{:?}", order.state),
        "age_s": seconds(now.since(order.placed_at)),
    })
}

/// What turns ticks and lots into prices and sizes; without contract data they are `null`.
struct Grid<'a>(Option<&'a Instrument>);

impl Grid<'_> {
    fn price(&self, ticks: Ticks) -> Value {
        self.0.map_or(Value::Null, |i| {
            json!(ticks.raw() as f64 * i.tick_e8 as f64 / 1e8)
        })
    }

    fn size(&self, lots: Lots) -> Value {
        self.0.map_or(Value::Null, |i| {
            json!(lots.raw() as f64 * i.step_e8 as f64 / 1e8)
        })
    }
}

fn sides<T: Copy>(both: PerSide<T>, of: impl Fn(T) -> Value) -> Value {
    json!({"buy": of(both.buy), "sell": of(both.sell)})
}

fn quote(amount: Quote) -> f64 {
    amount.raw() as f64 / 1e8
}

fn price8(price: Price8) -> f64 {
    price.raw() as f64 / 1e8
}

fn seconds(span: Span) -> f64 {
    span.raw() as f64 / 1e9
}

/// Time from `now` to `at`; negative when it has passed.
fn until_s(at: Mono, now: Mono) -> f64 {
    at.raw().saturating_sub(now.raw()) as f64 / 1e9
}
