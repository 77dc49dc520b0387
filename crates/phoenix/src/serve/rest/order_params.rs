//! Owns the reading of order, modify and cancel parameters (protocol §4.4); judges form only, never the market.

use phoenix_exchange::api::{
    ApiError, ClientId, ModifyOrder, NewOrder, OrderRef, OrderType, PriceMatch, SymbolId,
    TimeInForce,
};

use super::super::params::Params;
use super::super::refusal::Refusal;
use super::super::venue::Venue;
use super::super::words;
use super::{decimal_of, symbol_of};

/// Order types that live on the algo endpoints (protocol §0.2).
const CONDITIONAL_TYPES: [&str; 5] = [
    "STOP",
    "STOP_MARKET",
    "TAKE_PROFIT",
    "TAKE_PROFIT_MARKET",
    "TRAILING_STOP_MARKET",
];

/// The mandatory symbol.
pub fn symbol(venue: &Venue, params: &Params) -> Result<SymbolId, Refusal> {
    params.required("symbol")?;
    symbol_of(venue, params)?.ok_or_else(Refusal::bad_symbol)
}

/// Reads a placement.
///
/// # Errors
/// −1102, −1121, −1117, −1116, −4120, −1115, −1100, −1111, −4015, −5039, −5037.
pub fn new_order(venue: &Venue, params: &Params) -> Result<NewOrder, Refusal> {
    let symbol = symbol(venue, params)?;
    let side = words::parse_side(params.required("side")?)
        .ok_or_else(|| Refusal::new(-1117, "Invalid side."))?;
    let order_type = order_type(params.required("type")?)?;
    if params.truth("closePosition")? == Some(true) {
        return Err(ApiError::use_algo_endpoint().into());
    }
    Ok(NewOrder {
        symbol,
        side,
        order_type,
        time_in_force: time_in_force(params)?,
        qty: decimal_of(params, "quantity")?,
        price: decimal_of(params, "price")?,
        reduce_only: params.truth("reduceOnly")?.unwrap_or(false),
        position_side: params
            .value("positionSide")
            .map(|word| {
                words::parse_position_side(word).ok_or_else(|| Refusal::bad_value("positionSide"))
            })
            .transpose()?,
        client_id: params
            .value("newClientOrderId")
            .map(ClientId::parse)
            .transpose()?,
        stp: params
            .value("selfTradePreventionMode")
            .map(|word| {
                words::parse_stp(word)
                    .ok_or_else(|| Refusal::new(-5039, "Invalid self trade prevention mode"))
            })
            .transpose()?,
        price_match: price_match(params)?,
        good_till_date_ms: params.integer("goodTillDate")?.unwrap_or(0),
    })
}

/// Reads a modification.
///
/// # Errors
/// −1102, −1121, −1117, −1100, −1111, −4015, −5037.
pub fn modification(venue: &Venue, params: &Params) -> Result<ModifyOrder, Refusal> {
    let symbol = symbol(venue, params)?;
    let order = order_ref(params)?;
    let side = words::parse_side(params.required("side")?)
        .ok_or_else(|| Refusal::new(-1117, "Invalid side."))?;
    let modify_id = params
        .integer("modifyId")?
        .map(|id| u64::try_from(id).map_err(|_| Refusal::bad_value("modifyId")))
        .transpose()?;
    Ok(ModifyOrder {
        symbol,
        order,
        side,
        qty: decimal_of(params, "quantity")?,
        price: decimal_of(params, "price")?,
        price_match: price_match(params)?,
        modify_id,
        reduce_only: params.truth("reduceOnly")?.unwrap_or(false),
    })
}

/// Which order is meant; the order id wins when both were sent.
///
/// # Errors
/// −1102 with neither, or with an id that is no number; −4015.
pub fn order_ref(params: &Params) -> Result<OrderRef, Refusal> {
    order_ref_if_any(params)?.ok_or_else(|| {
        Refusal::new(
            -1102,
            "Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null!",
        )
    })
}

/// As [`order_ref`], but neither is fine.
pub fn order_ref_if_any(params: &Params) -> Result<Option<OrderRef>, Refusal> {
    if let Some(id) = params.integer("orderId")? {
        let id = u64::try_from(id).map_err(|_| Refusal::bad_value("orderId"))?;
        return Ok(Some(OrderRef::Id(id)));
    }
    let client = params
        .value("origClientOrderId")
        .map(ClientId::parse)
        .transpose()?;
    Ok(client.map(OrderRef::Client))
}

/// The ids of a batch cancel, in either spelling (protocol §4.4); order ids win when both lists were sent.
pub fn order_refs(params: &Params) -> Result<Vec<OrderRef>, Refusal> {
    if let Some(text) = params.value_any_case("orderIdList") {
        // The SDK sends numbers, other clients quote them.
        let ids: Vec<serde_json::Value> =
            serde_json::from_str(text).map_err(|_| Refusal::illegal_characters("orderIdList"))?;
        return ids
            .iter()
            .map(|id| match id {
                serde_json::Value::String(text) => text.parse().ok(),
                other => other.as_u64(),
            })
            .map(|id| {
                id.map(OrderRef::Id)
                    .ok_or_else(|| Refusal::illegal_characters("orderIdList"))
            })
            .collect();
    }
    let text = params.value_any_case("origClientOrderIdList").ok_or_else(|| {
        Refusal::new(-1102, "Param 'origClientOrderIdList' or 'orderIdList' must be sent, but both were empty/null!")
    })?;
    let ids: Vec<String> = serde_json::from_str(text)
        .map_err(|_| Refusal::illegal_characters("origClientOrderIdList"))?;
    ids.iter()
        .map(|id| Ok(OrderRef::Client(ClientId::parse(id)?)))
        .collect()
}

fn order_type(word: &str) -> Result<OrderType, Refusal> {
    match word {
        "LIMIT" => Ok(OrderType::Limit),
        "MARKET" => Ok(OrderType::Market),
        _ if CONDITIONAL_TYPES.contains(&word) => Err(ApiError::use_algo_endpoint().into()),
        _ => Err(Refusal::new(-1116, "Invalid orderType.")),
    }
}

fn time_in_force(params: &Params) -> Result<Option<TimeInForce>, Refusal> {
    match params.value("timeInForce") {
        None => Ok(None),
        // Retail price improvement orders are matched by the venue's own app only, which is not simulated.
        Some("RPI") => Err(ApiError::unsupported_operation().into()),
        Some(word) => words::parse_time_in_force(word)
            .map(Some)
            .ok_or_else(|| Refusal::new(-1115, "Invalid timeInForce.")),
    }
}

fn price_match(params: &Params) -> Result<PriceMatch, Refusal> {
    params
        .value("priceMatch")
        .map_or(Ok(PriceMatch::None), |word| {
            words::parse_price_match(word).ok_or_else(|| ApiError::bad_price_match().into())
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params(wire: &str) -> Params {
        Params::from_wire(wire, "").expect("few")
    }

    #[test]
    fn the_order_id_wins_over_the_client_id() {
        let client = ClientId::parse("mm-1").expect("legal");
        assert_eq!(
            order_ref(&params("orderId=7&origClientOrderId=mm-1")),
            Ok(OrderRef::Id(7))
        );
        assert_eq!(
            order_ref(&params("origClientOrderId=mm-1")),
            Ok(OrderRef::Client(client))
        );
        assert_eq!(order_ref(&params("")).map_err(|r| r.code), Err(-1102));
        assert_eq!(
            order_ref(&params("orderId=x")).map_err(|r| r.code),
            Err(-1102)
        );
        assert_eq!(
            order_ref(&params("origClientOrderId=a%20b")).map_err(|r| r.code),
            Err(-4015)
        );
    }

    #[test]
    fn batch_cancel_lists_come_in_both_spellings_and_kinds() {
        let ids = Ok(vec![OrderRef::Id(1), OrderRef::Id(2)]);
        assert_eq!(order_refs(&params("orderIdList=[1,2]")), ids);
        assert_eq!(order_refs(&params("orderidlist=%5B%221%22%2C2%5D")), ids);
        let client = OrderRef::Client(ClientId::parse("a").expect("legal"));
        assert_eq!(
            order_refs(&params("origclientorderidlist=[%22a%22]")),
            Ok(vec![client])
        );
        assert_eq!(
            order_refs(&params("orderIdList=1,2")).map_err(|r| r.code),
            Err(-1100)
        );
        assert_eq!(order_refs(&params("")).map_err(|r| r.code), Err(-1102));
    }

    #[test]
    fn types_and_times_in_force_are_told_apart() {
        assert_eq!(order_type("LIMIT"), Ok(OrderType::Limit));
        assert_eq!(order_type("STOP_MARKET").map_err(|r| r.code), Err(-4120));
        assert_eq!(order_type("limit").map_err(|r| r.code), Err(-1116));
        assert_eq!(
            time_in_force(&params("timeInForce=XXX")).map_err(|r| r.code),
            Err(-1115)
        );
        assert_eq!(
            time_in_force(&params("timeInForce=RPI")).map_err(|r| r.code),
            Err(-1020)
        );
        assert_eq!(
            price_match(&params("priceMatch=QUEUE_5")),
            Ok(PriceMatch::Queue(5))
        );
        assert_eq!(
            price_match(&params("priceMatch=BEST")).map_err(|r| r.code),
            Err(-5037)
        );
    }
}
