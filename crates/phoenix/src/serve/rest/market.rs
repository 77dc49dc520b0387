//! Owns the market-data endpoints (protocol §4.2, §4.3); knows no account.

use phoenix_exchange::Cost;
use phoenix_exchange::SymbolSpec;
use phoenix_exchange::api::ONE;

use super::super::board::{self, AggQuery};
use super::super::json::{Object, array};
use super::super::params::Params;
use super::super::refusal::Refusal;
use super::super::streams::kline_interval;
use super::{Call, Endpoint, Price, Security, one_or_all, weight};

/// `deliveryDate` of every perpetual, ms.
const DELIVERY_MS: i64 = 4_133_404_800_000;
/// Depth limits that exist.
const DEPTH_LIMITS: [usize; 7] = [5, 10, 20, 50, 100, 500, 1000];

/// The endpoints of this file.
pub fn endpoints() -> Vec<Endpoint> {
    let open = |path, price, handler| Endpoint::new("GET", path, Security::None, price, handler);
    vec![
        open("/fapi/v1/ping", weight(1), |_| Ok("{}".to_owned())),
        open("/fapi/v1/time", weight(1), |call| {
            Ok(Object::new().int("serverTime", call.now_ms()).done())
        }),
        open("/fapi/v1/exchangeInfo", weight(1), exchange_info),
        open("/fapi/v1/depth", Price::By(depth_cost), depth),
        open("/fapi/v1/rpiDepth", weight(20), depth),
        open("/fapi/v1/trades", weight(5), trades),
        Endpoint::new(
            "GET",
            "/fapi/v1/historicalTrades",
            Security::Key,
            weight(200),
            trades,
        ),
        open("/fapi/v1/aggTrades", weight(20), agg_trades),
        open("/fapi/v1/klines", Price::By(kline_cost), klines),
        open(
            "/fapi/v1/premiumIndex",
            Price::BySymbol(1, 10),
            premium_index,
        ),
        open("/fapi/v1/fundingRate", weight(0), funding_rate),
        open("/fapi/v1/fundingInfo", weight(0), funding_info),
        open(
            "/fapi/v1/ticker/bookTicker",
            Price::BySymbol(2, 5),
            book_ticker,
        ),
        open("/fapi/v1/ticker/24hr", Price::BySymbol(1, 40), ticker_24h),
        open("/fapi/v1/ticker/price", Price::BySymbol(1, 2), price),
        open("/fapi/v2/ticker/price", Price::BySymbol(1, 2), price),
        open("/fapi/v1/openInterest", weight(1), open_interest),
    ]
}

fn depth_cost(params: &Params) -> Cost {
    let limit = params.integer("limit").ok().flatten().unwrap_or(500);
    Cost::depth(usize::try_from(limit).unwrap_or(500))
}

fn kline_cost(params: &Params) -> Cost {
    Cost::weight(
        match params.integer("limit").ok().flatten().unwrap_or(500) {
            ..100 => 1,
            100..500 => 2,
            500..=1000 => 5,
            _ => 10,
        },
    )
}

fn depth(call: &mut Call<'_>) -> Result<String, Refusal> {
    let symbol = call.symbol()?;
    let limit = call.limit(500, 1000)?;
    if !DEPTH_LIMITS.contains(&limit) {
        return Err(Refusal::bad_value("limit"));
    }
    let view = call.venue.exchange.depth(symbol, limit);
    let pen = call.pen(symbol);
    Ok(
        Object::with_capacity(96 + 24 * (view.bids.len() + view.asks.len()))
            .int("lastUpdateId", view.last_update_id)
            .int("E", view.event_time_ms)
            .int("T", view.time_ms)
            .levels("bids", &view.bids, pen.places)
            .levels("asks", &view.asks, pen.places)
            .done(),
    )
}

fn trades(call: &mut Call<'_>) -> Result<String, Refusal> {
    let symbol = call.symbol()?;
    let limit = call.limit(500, 1000)?;
    let rows = call.venue.exchange.recent_trades(symbol, limit);
    let pen = call.pen(symbol);
    Ok(array(rows.iter().map(|trade| {
        Object::new()
            .int("id", trade.trade_id)
            .fixed("price", trade.price, pen.places.0)
            .fixed("qty", trade.qty, pen.places.1)
            .short(
                "quoteQty",
                phoenix_exchange::decimal::mul(trade.price, trade.qty),
            )
            .int("time", trade.time_ms)
            .truth("isBuyerMaker", trade.buyer_is_maker)
            .truth("isRPITrade", false)
            .done()
    })))
}

fn agg_trades(call: &mut Call<'_>) -> Result<String, Refusal> {
    let symbol = call.symbol()?;
    let query = AggQuery {
        from_id: call.id("fromId")?,
        start_ms: call.params.integer("startTime")?,
        end_ms: call.params.integer("endTime")?,
        limit: call.limit(500, 1000)?,
    };
    let pen = call.pen(symbol);
    let rows = call
        .venue
        .tapes
        .get(symbol.index())
        .map(|tape| tape.agg_trades(&query))
        .unwrap_or_default();
    Ok(array(rows.into_iter().map(|trade| {
        Object::new()
            .int("a", trade.agg_id)
            .fixed("p", trade.price, pen.places.0)
            .fixed("q", trade.qty, pen.places.1)
            .int("f", trade.first_trade_id)
            .int("l", trade.last_trade_id)
            .int("T", trade.time_ms)
            .truth("m", trade.buyer_is_maker)
            .done()
    })))
}

fn klines(call: &mut Call<'_>) -> Result<String, Refusal> {
    let symbol = call.symbol()?;
    let word = call.params.required("interval")?;
    let (_, span_ms) = kline_interval(word)
        .and_then(board::interval)
        .ok_or_else(|| Refusal::new(-1120, "Invalid interval."))?;
    let window = (
        call.params.integer("startTime")?,
        call.params.integer("endTime")?,
    );
    let limit = call.limit(500, 1500)?;
    let pen = call.pen(symbol);
    let rows = call
        .venue
        .tapes
        .get(symbol.index())
        .map(|tape| tape.candles(span_ms, window, limit))
        .unwrap_or_default();
    Ok(array(
        rows.iter()
            .map(|candle| board::kline_row(pen, candle, span_ms)),
    ))
}

fn premium_index(call: &mut Call<'_>) -> Result<String, Refusal> {
    let is_one = call.symbol_if_any()?.is_some();
    let rows = call.symbols_asked()?.into_iter().map(|symbol| {
        let view = call.venue.exchange.premium_index(symbol);
        Object::new()
            .text("symbol", &call.pen(symbol).name)
            .fixed("markPrice", view.mark, 8)
            .fixed("indexPrice", view.index, 8)
            .fixed("estimatedSettlePrice", view.settle, 8)
            .fixed("lastFundingRate", view.funding_rate, 8)
            .fixed("interestRate", view.interest_rate, 8)
            .int("nextFundingTime", view.next_funding_ms)
            .int("time", view.time_ms)
            .done()
    });
    Ok(one_or_all(is_one, rows.collect()))
}

fn funding_rate(call: &mut Call<'_>) -> Result<String, Refusal> {
    let limit = call.limit(100, 1000)?;
    let window = (
        call.params.integer("startTime")?,
        call.params.integer("endTime")?,
    );
    let mut rows = Vec::new();
    for symbol in call.symbols_asked()? {
        let pen = call.pen(symbol);
        for view in call.venue.exchange.funding_rates(symbol, 1000) {
            let is_inside = window.0.is_none_or(|start| view.time_ms >= start)
                && window.1.is_none_or(|end| view.time_ms <= end);
            if is_inside {
                let row = Object::new()
                    .text("symbol", &pen.name)
                    .fixed("fundingRate", view.rate, 8)
                    .int("fundingTime", view.time_ms)
                    .fixed("markPrice", view.mark, 8)
                    .done();
                rows.push((view.time_ms, row));
            }
        }
    }
    rows.sort_by_key(|(time_ms, _)| *time_ms);
    let surplus = rows.len().saturating_sub(limit);
    let kept: Vec<String> = if window.0.is_some() {
        rows.into_iter().take(limit).map(|(_, row)| row).collect()
    } else {
        rows.into_iter().skip(surplus).map(|(_, row)| row).collect()
    };
    Ok(array(kept))
}

/// Only symbols whose funding differs from the usual eight hours are listed (protocol §4.2).
fn funding_info(call: &mut Call<'_>) -> Result<String, Refusal> {
    let rows = call
        .venue
        .exchange
        .symbols()
        .filter(|(_, spec)| spec.funding_interval_h != 8)
        .map(|(_, spec)| {
            Object::new()
                .text("symbol", &spec.name)
                .fixed("adjustedFundingRateCap", spec.funding_rate_cap, 8)
                .fixed("adjustedFundingRateFloor", -spec.funding_rate_cap, 8)
                .int("fundingIntervalHours", spec.funding_interval_h)
                .truth("disclaimer", false)
                .done()
        });
    Ok(array(rows))
}

fn book_ticker(call: &mut Call<'_>) -> Result<String, Refusal> {
    let is_one = call.symbol_if_any()?.is_some();
    let rows = call.symbols_asked()?.into_iter().map(|symbol| {
        let view = call.venue.exchange.book_ticker(symbol);
        let update_id = call.venue.exchange.depth(symbol, 1).last_update_id;
        let pen = call.pen(symbol);
        Object::new()
            .text("symbol", &pen.name)
            .text("pair", &pen.name)
            .fixed("bidPrice", view.bid.0, pen.places.0)
            .fixed("bidQty", view.bid.1, pen.places.1)
            .fixed("askPrice", view.ask.0, pen.places.0)
            .fixed("askQty", view.ask.1, pen.places.1)
            .int("time", view.time_ms)
            .int("lastUpdateId", update_id)
            .done()
    });
    Ok(one_or_all(is_one, rows.collect()))
}

fn ticker_24h(call: &mut Call<'_>) -> Result<String, Refusal> {
    let is_one = call.symbol_if_any()?.is_some();
    let now_ms = call.now_ms();
    let rows = call.symbols_asked()?.into_iter().map(|symbol| {
        let day = call
            .venue
            .tapes
            .get(symbol.index())
            .and_then(|tape| tape.day(now_ms));
        board::ticker_row(call.pen(symbol), day.as_ref(), now_ms)
    });
    Ok(one_or_all(is_one, rows.collect()))
}

fn price(call: &mut Call<'_>) -> Result<String, Refusal> {
    let is_one = call.symbol_if_any()?.is_some();
    let rows = call.symbols_asked()?.into_iter().map(|symbol| {
        let last = call.venue.exchange.recent_trades(symbol, 1);
        let (price, time_ms) = last.last().map_or_else(
            || {
                let view = call.venue.exchange.premium_index(symbol);
                (view.mark, view.time_ms)
            },
            |trade| (trade.price, trade.time_ms),
        );
        let pen = call.pen(symbol);
        Object::new()
            .text("symbol", &pen.name)
            .fixed("price", price, pen.places.0)
            .int("time", time_ms)
            .done()
    });
    Ok(one_or_all(is_one, rows.collect()))
}

/// The venue does not add up all positions of its background flow, so open interest is 0.
fn open_interest(call: &mut Call<'_>) -> Result<String, Refusal> {
    let symbol = call.symbol()?;
    Ok(Object::new()
        .text("symbol", &call.pen(symbol).name)
        .text("openInterest", "0")
        .int("time", call.now_ms())
        .done())
}

fn exchange_info(call: &mut Call<'_>) -> Result<String, Refusal> {
    let exchange = &call.venue.exchange;
    let limits = exchange.limits();
    let limit = |kind: &str, interval: &str, num: u32, max: u32| {
        Object::new()
            .text("rateLimitType", kind)
            .text("interval", interval)
            .int("intervalNum", num)
            .int("limit", max)
            .done()
    };
    let rate_limits = array([
        limit("REQUEST_WEIGHT", "MINUTE", 1, limits.weight_1m_max),
        limit("ORDERS", "MINUTE", 1, limits.orders_1m_max),
        limit("ORDERS", "SECOND", 10, limits.orders_10s_max),
    ]);
    let mut assets: Vec<&str> = exchange
        .symbols()
        .map(|(_, spec)| spec.quote.as_str())
        .collect();
    assets.sort_unstable();
    assets.dedup();
    let assets = assets.into_iter().map(|asset| {
        Object::new()
            .text("asset", asset)
            .truth("marginAvailable", true)
            .text("autoAssetExchange", "-10000")
            .done()
    });
    let symbols = exchange.symbols().map(|(id, spec)| {
        let status = call.venue.contract_status(id.0);
        symbol_info(spec, status)
    });
    Ok(Object::with_capacity(8192)
        .text("timezone", "UTC")
        .int("serverTime", call.now_ms())
        .text("futuresType", "U_MARGINED")
        .raw("rateLimits", &rate_limits)
        .raw("exchangeFilters", "[]")
        .raw("assets", &array(assets))
        .raw("symbols", &array(symbols))
        .done())
}

fn symbol_info(spec: &SymbolSpec, status: &str) -> String {
    let first_bracket = spec.brackets.first();
    let maint = first_bracket.map_or(ONE / 40, |bracket| bracket.maint_margin_rate);
    let required = first_bracket.map_or(ONE / 20, |bracket| {
        ONE / i64::from(bracket.leverage_max.max(1))
    });
    Object::with_capacity(2048)
        .text("symbol", &spec.name)
        .text("pair", &spec.name)
        .text("contractType", "PERPETUAL")
        .int("deliveryDate", DELIVERY_MS)
        .int("onboardDate", spec.onboard_ms)
        .text("status", status)
        .fixed("maintMarginPercent", maint.saturating_mul(100), 4)
        .fixed("requiredMarginPercent", required.saturating_mul(100), 4)
        .text("baseAsset", &spec.base)
        .text("quoteAsset", &spec.quote)
        .text("marginAsset", &spec.quote)
        .int("pricePrecision", spec.price_places())
        .int("quantityPrecision", spec.qty_places())
        .int("baseAssetPrecision", 8)
        .int("quotePrecision", 8)
        .text("underlyingType", "COIN")
        .raw("underlyingSubType", "[]")
        .text("triggerProtect", "0.0500")
        .fixed("liquidationFee", spec.liquidation_fee, 6)
        .short("marketTakeBound", spec.market_take_bound)
        .int("maxMoveOrderLimit", spec.modifies_max)
        .raw("filters", &filters(spec))
        .raw("orderTypes", r#"["LIMIT","MARKET"]"#)
        .raw("timeInForce", r#"["GTC","IOC","FOK","GTX","GTD"]"#)
        .done()
}

fn filters(spec: &SymbolSpec) -> String {
    let lot = |kind: &str, max| {
        Object::new()
            .text("filterType", kind)
            .short("minQty", spec.qty_min)
            .short("maxQty", max)
            .short("stepSize", spec.step)
            .done()
    };
    array([
        Object::new()
            .text("filterType", "PRICE_FILTER")
            .short("minPrice", spec.price_min)
            .short("maxPrice", spec.price_max)
            .short("tickSize", spec.tick)
            .done(),
        lot("LOT_SIZE", spec.qty_max),
        lot("MARKET_LOT_SIZE", spec.market_qty_max),
        Object::new()
            .text("filterType", "MAX_NUM_ORDERS")
            .int("limit", spec.open_orders_max)
            .done(),
        Object::new()
            .text("filterType", "MIN_NOTIONAL")
            .short("notional", spec.notional_min)
            .done(),
        Object::new()
            .text("filterType", "PERCENT_PRICE")
            .fixed("multiplierUp", spec.multiplier_up, 4)
            .fixed("multiplierDown", spec.multiplier_down, 4)
            .text("multiplierDecimal", "4")
            .done(),
        Object::new()
            .text("filterType", "POSITION_RISK_CONTROL")
            .text("positionControlSide", "NONE")
            .done(),
    ])
}
