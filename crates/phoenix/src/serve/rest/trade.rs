//! Owns the order endpoints (protocol §4.4, §4.6, §4.7); judges nothing that the exchange judges.

use std::collections::BTreeMap;

use phoenix_exchange::Cost;
use phoenix_exchange::SymbolId;
use phoenix_exchange::api::{
    ApiError, CANCEL_BATCH_MAX, MODIFY_BATCH_MAX, OrderQuery, OrderView, PLACE_BATCH_MAX,
    TradeQuery, UserTradeView,
};
use serde_json::value::RawValue;

use super::super::json::{Object, array};
use super::super::params::Params;
use super::super::refusal::Refusal;
use super::super::stream_json::Pen;
use super::super::words;
use super::{Call, Endpoint, Price, Security, order_params, weight};

/// Longest window of `allOrders` and `userTrades`, ms (7 days).
const WINDOW_MAX_MS: i64 = 7 * 86_400_000;

/// The endpoints of this file.
pub fn endpoints() -> Vec<Endpoint> {
    let order = Price::Fixed(Cost::ORDER);
    let batch = Price::Fixed(Cost::BATCH);
    let signed = |method, path, price, handler| {
        Endpoint::new(method, path, Security::Signed, price, handler)
    };
    vec![
        signed("POST", "/fapi/v1/order", order, place),
        signed("POST", "/fapi/v1/order/test", weight(1), test),
        signed("PUT", "/fapi/v1/order", order, modify),
        signed("DELETE", "/fapi/v1/order", weight(1), cancel),
        signed("GET", "/fapi/v1/order", weight(1), query),
        signed("GET", "/fapi/v1/openOrder", weight(1), query_open),
        signed(
            "GET",
            "/fapi/v1/openOrders",
            Price::BySymbol(1, 40),
            open_orders,
        ),
        signed("GET", "/fapi/v1/allOrders", weight(5), all_orders),
        signed("POST", "/fapi/v1/batchOrders", batch, place_batch),
        signed("PUT", "/fapi/v1/batchOrders", batch, modify_batch),
        signed("DELETE", "/fapi/v1/batchOrders", weight(1), cancel_batch),
        signed("DELETE", "/fapi/v1/allOpenOrders", weight(1), cancel_all),
        signed("POST", "/fapi/v1/countdownCancelAll", weight(10), countdown),
        signed("GET", "/fapi/v1/orderAmendment", weight(1), amendments),
        signed("GET", "/fapi/v1/userTrades", weight(5), user_trades),
        signed(
            "GET",
            "/fapi/v1/forceOrders",
            Price::BySymbol(20, 50),
            |_| Ok("[]".to_owned()),
        ),
        signed("POST", "/fapi/v1/algoOrder", order, no_algo),
        signed(
            "DELETE",
            "/fapi/v1/algoOrder",
            weight(1),
            no_such_algo_to_cancel,
        ),
        signed("GET", "/fapi/v1/algoOrder", weight(1), no_such_algo),
        signed(
            "GET",
            "/fapi/v1/openAlgoOrders",
            Price::BySymbol(1, 40),
            |_| Ok("[]".to_owned()),
        ),
        signed("GET", "/fapi/v1/allAlgoOrders", weight(5), |_| {
            Ok("[]".to_owned())
        }),
        signed("DELETE", "/fapi/v1/algoOpenOrders", weight(1), |call| {
            call.symbol()?;
            Ok(success("The operation of cancel all open order is done."))
        }),
    ]
}

/// Which endpoint an order object is written for: they differ in a few fields (protocol §4.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// POST and DELETE.
    Reply,
    /// PUT.
    Modified,
    /// GET.
    Queried,
}

fn order_json(pen: &Pen, order: &OrderView, form: Form) -> String {
    let (price_places, qty_places) = pen.places;
    let average_places = if order.avg_price == 0 {
        2
    } else {
        price_places.max(5)
    };
    let object = Object::with_capacity(640)
        .int("orderId", order.order_id)
        .text("symbol", &pen.name);
    let object = match form {
        Form::Modified => object.text("pair", &pen.name),
        Form::Reply | Form::Queried => object,
    };
    let object = object
        .text("status", words::status(order.status))
        .text("clientOrderId", order.client_id.as_str())
        .fixed("price", order.price, price_places)
        .fixed("avgPrice", order.avg_price, average_places)
        .fixed("origQty", order.orig_qty, qty_places)
        .fixed("executedQty", order.executed_qty, qty_places);
    let object = match form {
        Form::Reply => object.fixed("cumQty", order.executed_qty, qty_places),
        Form::Modified => object
            .fixed("cumQty", order.executed_qty, qty_places)
            .fixed("cumBase", order.executed_qty, qty_places),
        Form::Queried => object,
    };
    let object = object
        .short("cumQuote", order.cum_quote)
        .text("timeInForce", words::time_in_force(order.time_in_force))
        .text("type", words::order_type(order.order_type))
        .truth("reduceOnly", order.reduce_only)
        .truth("closePosition", false)
        .text("side", words::side(order.side))
        .text("positionSide", words::position_side(order.position_side))
        .text("stopPrice", "0")
        .text("workingType", "CONTRACT_PRICE")
        .truth("priceProtect", false)
        .text("origType", words::order_type(order.order_type))
        .text("priceMatch", words::price_match(order.price_match))
        .text("selfTradePreventionMode", words::stp(order.stp))
        .int("goodTillDate", order.good_till_date_ms);
    match (form, order.modify_id) {
        (Form::Queried, _) => object.int("time", order.time_ms),
        (Form::Modified, Some(id)) => object.int("modifyId", id),
        (Form::Modified, None) | (Form::Reply, _) => object,
    }
    .int("updateTime", order.update_time_ms)
    .done()
}

impl Call<'_> {
    fn order_json(&self, order: &OrderView, form: Form) -> String {
        order_json(self.pen(order.symbol), order, form)
    }

    fn orders_json(&self, orders: &[OrderView]) -> String {
        array(
            orders
                .iter()
                .map(|order| self.order_json(order, Form::Queried)),
        )
    }
}

fn success(text: &str) -> String {
    Object::new().int("code", 200).text("msg", text).done()
}

fn place(call: &mut Call<'_>) -> Result<String, Refusal> {
    check_response_type(call.params)?;
    let order = order_params::new_order(call.venue, call.params)?;
    let account = call.account()?;
    let view = call.place(account, &order)?;
    Ok(call.order_json(&view, Form::Reply))
}

/// ACK and RESULT bodies have the same fields here, so the word is only checked.
fn check_response_type(params: &Params) -> Result<(), Refusal> {
    match params.value("newOrderRespType") {
        None | Some("ACK" | "RESULT") => Ok(()),
        Some(_) => Err(Refusal::new(-1136, "Invalid newOrderRespType")),
    }
}

fn test(call: &mut Call<'_>) -> Result<String, Refusal> {
    let order = order_params::new_order(call.venue, call.params)?;
    let account = call.account()?;
    call.venue
        .exchange
        .test_order(call.now_us, account, &order)?;
    Ok("{}".to_owned())
}

fn modify(call: &mut Call<'_>) -> Result<String, Refusal> {
    let change = order_params::modification(call.venue, call.params)?;
    let account = call.account()?;
    let view = call.modify(account, &change)?;
    Ok(call.order_json(&view, Form::Modified))
}

fn cancel(call: &mut Call<'_>) -> Result<String, Refusal> {
    let (symbol, order) = (call.symbol()?, order_params::order_ref(call.params)?);
    let account = call.account()?;
    let view = call.cancel(account, symbol, order)?;
    Ok(call.order_json(&view, Form::Reply))
}

fn query(call: &mut Call<'_>) -> Result<String, Refusal> {
    let (symbol, order) = (call.symbol()?, order_params::order_ref(call.params)?);
    let view = call.venue.exchange.order(call.account()?, symbol, order)?;
    Ok(call.order_json(&view, Form::Queried))
}

fn query_open(call: &mut Call<'_>) -> Result<String, Refusal> {
    let (symbol, order) = (call.symbol()?, order_params::order_ref(call.params)?);
    let view = call
        .venue
        .exchange
        .open_order(call.account()?, symbol, order)?;
    Ok(call.order_json(&view, Form::Queried))
}

fn open_orders(call: &mut Call<'_>) -> Result<String, Refusal> {
    let symbol = call.symbol_if_any()?;
    let orders = call.venue.exchange.open_orders(call.account()?, symbol);
    Ok(call.orders_json(&orders))
}

fn window(params: &Params) -> Result<(Option<i64>, Option<i64>), Refusal> {
    let (start, end) = (params.integer("startTime")?, params.integer("endTime")?);
    match (start, end) {
        (Some(start), Some(end)) if end < start || end - start > WINDOW_MAX_MS => {
            Err(Refusal::new(-4165, "Invalid time interval"))
        }
        _ => Ok((start, end)),
    }
}

fn all_orders(call: &mut Call<'_>) -> Result<String, Refusal> {
    let (start_ms, end_ms) = window(call.params)?;
    let query = OrderQuery {
        from_id: call.id("orderId")?,
        start_ms,
        end_ms,
        limit: Some(call.limit(500, 1000)?),
    };
    let account = call.account()?;
    let mut orders = Vec::new();
    for symbol in call.symbols_asked()? {
        orders.extend(call.venue.exchange.all_orders(account, symbol, &query));
    }
    Ok(call.orders_json(&orders))
}

type Element = Result<Params, Refusal>;

/// The elements of a batch, each with its own parameters or its own refusal.
fn batch_elements(params: &Params, max: usize) -> Result<Vec<Element>, Refusal> {
    let text = params.required("batchOrders")?;
    let elements: Vec<BTreeMap<String, &RawValue>> =
        serde_json::from_str(text).map_err(|_| Refusal::illegal_characters("batchOrders"))?;
    if elements.is_empty() || elements.len() > max {
        return Err(ApiError::bad_batch_size().into());
    }
    Ok(elements.iter().map(Params::from_tokens).collect())
}

/// One result per element, in the order of the request, HTTP 200 even when all fail (protocol §4.4).
fn batch(
    call: &mut Call<'_>,
    elements: Vec<Element>,
    form: Form,
    act: impl Fn(&mut Call<'_>, &Params) -> Result<OrderView, Refusal>,
) -> String {
    array(elements.into_iter().map(
        |element| match element.and_then(|params| act(call, &params)) {
            Ok(view) => call.order_json(&view, form),
            Err(refusal) => refusal.body(),
        },
    ))
}

fn place_batch(call: &mut Call<'_>) -> Result<String, Refusal> {
    let account = call.account()?;
    let elements = batch_elements(call.params, PLACE_BATCH_MAX)?;
    Ok(batch(call, elements, Form::Reply, |call, params| {
        let order = order_params::new_order(call.venue, params)?;
        call.place(account, &order)
    }))
}

fn modify_batch(call: &mut Call<'_>) -> Result<String, Refusal> {
    let account = call.account()?;
    let elements = batch_elements(call.params, MODIFY_BATCH_MAX)?;
    Ok(batch(call, elements, Form::Modified, |call, params| {
        let change = order_params::modification(call.venue, params)?;
        call.modify(account, &change)
    }))
}

fn cancel_batch(call: &mut Call<'_>) -> Result<String, Refusal> {
    let account = call.account()?;
    let symbol = call.symbol()?;
    let orders = order_params::order_refs(call.params)?;
    if orders.is_empty() || orders.len() > CANCEL_BATCH_MAX {
        return Err(ApiError::bad_batch_size().into());
    }
    let mut rows = Vec::new();
    for order in orders {
        rows.push(match call.cancel(account, symbol, order) {
            Ok(view) => call.order_json(&view, Form::Reply),
            Err(refusal) => refusal.body(),
        });
    }
    Ok(array(rows))
}

fn cancel_all(call: &mut Call<'_>) -> Result<String, Refusal> {
    let symbol = call.symbol()?;
    let account = call.account()?;
    call.cancel_all(account, symbol)?;
    Ok(success("The operation of cancel all open order is done."))
}

fn countdown(call: &mut Call<'_>) -> Result<String, Refusal> {
    let symbol = call.symbol()?;
    call.params.required("countdownTime")?;
    let countdown_ms = call
        .id("countdownTime")?
        .ok_or_else(|| Refusal::missing("countdownTime"))?;
    let account = call.account()?;
    call.count_down(account, symbol, countdown_ms)?;
    Ok(Object::new()
        .text("symbol", &call.pen(symbol).name)
        .text("countdownTime", &countdown_ms.to_string())
        .done())
}

fn amendments(call: &mut Call<'_>) -> Result<String, Refusal> {
    let symbol = call.symbol()?;
    let order = order_params::order_ref_if_any(call.params)?;
    let limit = call.limit(50, 100)?;
    let rows = call
        .venue
        .exchange
        .amendments(call.account()?, symbol, order, limit);
    let pen = call.pen(symbol);
    let change = |(before, after): (i64, i64), places| {
        Object::new()
            .fixed("before", before, places)
            .fixed("after", after, places)
            .done()
    };
    Ok(array(rows.iter().map(|row| {
        let amendment = Object::new()
            .raw("price", &change(row.price, pen.places.0))
            .raw("origQty", &change(row.orig_qty, pen.places.1))
            .int("count", row.count)
            .done();
        Object::new()
            .int("amendmentId", row.amendment_id)
            .text("symbol", &pen.name)
            .text("pair", &pen.name)
            .int("orderId", row.order_id)
            .text("clientOrderId", row.client_id.as_str())
            .int("time", row.time_ms)
            .raw("amendment", &amendment)
            .done()
    })))
}

fn user_trades(call: &mut Call<'_>) -> Result<String, Refusal> {
    let (start_ms, end_ms) = window(call.params)?;
    let query = TradeQuery {
        order_id: call.id("orderId")?,
        from_id: call.id("fromId")?,
        start_ms,
        end_ms,
        limit: Some(call.limit(500, 1000)?),
    };
    if query.from_id.is_some() && (start_ms.is_some() || end_ms.is_some()) {
        return Err(Refusal::new(
            -1128,
            "Combination of optional parameters invalid.",
        ));
    }
    let account = call.account()?;
    let symbol: SymbolId = call.symbol()?;
    let rows = call.venue.exchange.user_trades(account, symbol, &query);
    let pen = call.pen(symbol);
    Ok(array(rows.iter().map(|row| user_trade_json(pen, row))))
}

fn user_trade_json(pen: &Pen, row: &UserTradeView) -> String {
    Object::with_capacity(400)
        .text("symbol", &pen.name)
        .int("id", row.trade_id)
        .int("orderId", row.order_id)
        .text("side", words::side(row.side))
        .fixed("price", row.price, pen.places.0)
        .fixed("qty", row.qty, pen.places.1)
        .short("realizedPnl", row.realized_pnl)
        .short("quoteQty", row.quote_qty)
        .short("commission", row.commission)
        .text("commissionAsset", &pen.asset)
        .int("time", row.time_ms)
        .text("positionSide", "BOTH")
        .truth("buyer", row.side == phoenix_exchange::Side::Buy)
        .truth("maker", row.is_maker)
        .done()
}

/// Conditional orders are not simulated.
fn no_algo(_: &mut Call<'_>) -> Result<String, Refusal> {
    Err(ApiError::unsupported_operation().into())
}

fn no_such_algo(_: &mut Call<'_>) -> Result<String, Refusal> {
    Err(ApiError::no_such_order().into())
}

fn no_such_algo_to_cancel(_: &mut Call<'_>) -> Result<String, Refusal> {
    Err(ApiError::cancel_rejected().into())
}

#[cfg(test)]
mod tests {
    use phoenix_exchange::api::{
        ClientId, OrderStatus, OrderType, PositionSide, PriceMatch, Side, StpMode, TimeInForce,
    };

    use super::*;

    fn view() -> OrderView {
        OrderView {
            order_id: 22,
            symbol: SymbolId(0),
            status: OrderStatus::New,
            client_id: ClientId::parse("mm-1").expect("legal"),
            price: 250_050_000_000,
            avg_price: 0,
            orig_qty: 10_000_000,
            executed_qty: 0,
            cum_quote: 0,
            time_in_force: TimeInForce::Gtx,
            order_type: OrderType::Limit,
            reduce_only: false,
            side: Side::Sell,
            position_side: PositionSide::Both,
            price_match: PriceMatch::None,
            stp: StpMode::ExpireMaker,
            good_till_date_ms: 0,
            time_ms: 5,
            update_time_ms: 6,
            modify_id: Some(9),
        }
    }

    #[test]
    fn the_order_object_has_the_documented_fields_for_each_endpoint() {
        let pen = Pen {
            name: "ETHUSDC".into(),
            asset: "USDC".into(),
            places: (2, 3),
        };
        let text = order_json(&pen, &view(), Form::Reply);
        assert_eq!(
            text,
            r#"{"orderId":22,"symbol":"ETHUSDC","status":"NEW","clientOrderId":"mm-1","price":"2500.50","avgPrice":"0.00","origQty":"0.100","executedQty":"0.000","cumQty":"0.000","cumQuote":"0","timeInForce":"GTX","type":"LIMIT","reduceOnly":false,"closePosition":false,"side":"SELL","positionSide":"BOTH","stopPrice":"0","workingType":"CONTRACT_PRICE","priceProtect":false,"origType":"LIMIT","priceMatch":"NONE","selfTradePreventionMode":"EXPIRE_MAKER","goodTillDate":0,"updateTime":6}"#
        );
        let queried = order_json(&pen, &view(), Form::Queried);
        assert!(queried.contains(r#""time":5"#) && !queried.contains("cumQty"));
        let modified = order_json(&pen, &view(), Form::Modified);
        assert!(modified.contains(r#""modifyId":9"#) && modified.contains(r#""pair":"ETHUSDC""#));
    }

    #[test]
    fn batches_are_bounded_and_elements_fail_alone() {
        let params =
            |text: &str| Params::from_wire(&format!("batchOrders={text}"), "").expect("few");
        let count = |text: &str| {
            batch_elements(&params(text), 2)
                .map(|e| e.len())
                .map_err(|r| r.code)
        };
        assert_eq!(count(r#"[{"a":1},{"b":"2"}]"#), Ok(2));
        assert_eq!(count("[]"), Err(-4082));
        assert_eq!(count("[{},{},{}]"), Err(-4082));
        assert_eq!(count("{}"), Err(-1100));
        assert_eq!(count(""), Err(-1102));
    }

    #[test]
    fn windows_longer_than_a_week_are_refused() {
        let check =
            |wire: &str| window(&Params::from_wire(wire, "").expect("few")).map_err(|r| r.code);
        assert_eq!(
            check("startTime=1&endTime=604800001"),
            Ok((Some(1), Some(604_800_001)))
        );
        assert_eq!(check("startTime=1&endTime=604800002"), Err(-4165));
        assert_eq!(check("startTime=2&endTime=1"), Err(-4165));
    }
}
