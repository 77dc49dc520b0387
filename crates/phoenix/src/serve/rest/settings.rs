//! Owns the endpoints about an account's settings, limits and standing (protocol §4.5, §6.4).

use phoenix_exchange::api::{MarginType, PositionMode, SymbolConfigView};

use super::super::json::{Object, array};
use super::super::refusal::Refusal;
use super::super::words;
use super::{Call, Endpoint, Price, Security, one_or_all, weight};

/// The endpoints of this file.
pub fn endpoints() -> Vec<Endpoint> {
    let signed = |method, path, price, handler| {
        Endpoint::new(method, path, Security::Signed, price, handler)
    };
    vec![
        signed("POST", "/fapi/v1/leverage", weight(1), leverage),
        signed("POST", "/fapi/v1/marginType", weight(1), margin_type),
        signed(
            "GET",
            "/fapi/v1/positionSide/dual",
            weight(30),
            position_mode,
        ),
        signed(
            "POST",
            "/fapi/v1/positionSide/dual",
            weight(1),
            change_position_mode,
        ),
        signed(
            "GET",
            "/fapi/v1/multiAssetsMargin",
            weight(30),
            multi_assets,
        ),
        signed(
            "POST",
            "/fapi/v1/multiAssetsMargin",
            weight(1),
            change_multi_assets,
        ),
        signed("GET", "/fapi/v1/accountConfig", weight(5), account_config),
        signed("GET", "/fapi/v1/symbolConfig", weight(5), symbol_config),
        signed(
            "GET",
            "/fapi/v1/leverageBracket",
            weight(1),
            leverage_bracket,
        ),
        signed("GET", "/fapi/v1/rateLimit/order", weight(1), order_limits),
        signed(
            "GET",
            "/fapi/v1/apiTradingStatus",
            Price::BySymbol(1, 10),
            trading_status,
        ),
        signed("GET", "/fapi/v1/feeBurn", weight(30), |_| {
            Ok(Object::new().truth("feeBurn", false).done())
        }),
    ]
}

const SUCCESS: &str = r#"{"code":200,"msg":"success"}"#;

fn leverage(call: &mut Call<'_>) -> Result<String, Refusal> {
    let symbol = call.symbol()?;
    call.params.required("leverage")?;
    let leverage = call
        .params
        .integer("leverage")?
        .and_then(|leverage| u32::try_from(leverage).ok())
        .unwrap_or(0);
    let account = call.account()?;
    let view = call
        .venue
        .exchange
        .change_leverage(call.now_us, account, symbol, leverage)?;
    Ok(Object::new()
        .int("leverage", view.leverage)
        .short("maxNotionalValue", view.max_notional)
        .text("symbol", &call.pen(symbol).name)
        .done())
}

fn margin_type(call: &mut Call<'_>) -> Result<String, Refusal> {
    let symbol = call.symbol()?;
    let margin_type = match call.params.required("marginType")? {
        "CROSSED" => MarginType::Crossed,
        "ISOLATED" => MarginType::Isolated,
        _ => return Err(Refusal::bad_value("marginType")),
    };
    let account = call.account()?;
    call.venue
        .exchange
        .change_margin_type(call.now_us, account, symbol, margin_type)?;
    Ok(SUCCESS.to_owned())
}

fn position_mode(call: &mut Call<'_>) -> Result<String, Refusal> {
    let mode = call.venue.exchange.position_mode(call.account()?);
    Ok(Object::new()
        .truth("dualSidePosition", mode == PositionMode::Hedge)
        .done())
}

fn change_position_mode(call: &mut Call<'_>) -> Result<String, Refusal> {
    call.params.required("dualSidePosition")?;
    let mode = match call.params.truth("dualSidePosition")? {
        Some(true) => PositionMode::Hedge,
        Some(false) | None => PositionMode::OneWay,
    };
    let account = call.account()?;
    call.venue
        .exchange
        .change_position_mode(call.now_us, account, mode)?;
    Ok(SUCCESS.to_owned())
}

fn multi_assets(call: &mut Call<'_>) -> Result<String, Refusal> {
    let is_on = call.venue.exchange.multi_assets(call.account()?);
    Ok(Object::new().truth("multiAssetsMargin", is_on).done())
}

fn change_multi_assets(call: &mut Call<'_>) -> Result<String, Refusal> {
    call.params.required("multiAssetsMargin")?;
    let account = call.account()?;
    let exchange = &mut call.venue.exchange;
    match call.params.truth("multiAssetsMargin")? {
        Some(true) => exchange.enable_multi_assets(call.now_us, account)?,
        Some(false) | None => exchange.disable_multi_assets(call.now_us, account)?,
    }
    Ok(SUCCESS.to_owned())
}

fn account_config(call: &mut Call<'_>) -> Result<String, Refusal> {
    let account = call.account()?;
    let exchange = &call.venue.exchange;
    Ok(Object::new()
        .int("feeTier", 0)
        .truth("canTrade", true)
        .truth("canDeposit", true)
        .truth("canWithdraw", false)
        .truth(
            "dualSidePosition",
            exchange.position_mode(account) == PositionMode::Hedge,
        )
        .int("updateTime", 0)
        .truth("multiAssetsMargin", exchange.multi_assets(account))
        .int("tradeGroupId", -1)
        .done())
}

fn symbol_config(call: &mut Call<'_>) -> Result<String, Refusal> {
    let wanted = call.symbol_if_any()?;
    let rows = call.venue.exchange.symbol_configs(call.account()?);
    let is_wanted = |row: &&SymbolConfigView| wanted.is_none_or(|symbol| row.symbol == symbol);
    Ok(array(rows.iter().filter(is_wanted).map(|row| {
        Object::new()
            .text("symbol", &call.pen(row.symbol).name)
            .text("marginType", words::margin_type(row.margin_type))
            .truth("isAutoAddMargin", false)
            .int("leverage", row.leverage)
            .short("maxNotionalValue", row.max_notional)
            .done()
    })))
}

fn leverage_bracket(call: &mut Call<'_>) -> Result<String, Refusal> {
    let rows = call.symbols_asked()?.into_iter().map(|symbol| {
        let brackets = call.venue.exchange.leverage_brackets(symbol);
        let brackets = (1_u32..).zip(brackets).map(|(number, bracket)| {
            // The venue sends these as JSON numbers.
            Object::new()
                .int("bracket", number)
                .int("initialLeverage", bracket.leverage_max)
                .raw("notionalCap", &number_text(bracket.notional_cap))
                .raw("notionalFloor", &number_text(bracket.notional_floor))
                .raw("maintMarginRatio", &number_text(bracket.maint_margin_rate))
                .raw("cum", &number_text(bracket.cum))
                .done()
        });
        Object::new()
            .text("symbol", &call.pen(symbol).name)
            .raw("notionalCoef", "1.0")
            .raw("brackets", &array(brackets))
            .done()
    });
    let rows: Vec<String> = rows.collect();
    Ok(one_or_all(call.params.value("symbol").is_some(), rows))
}

fn number_text(value: i64) -> String {
    phoenix_exchange::decimal::short(value)
}

fn order_limits(call: &mut Call<'_>) -> Result<String, Refusal> {
    let limits = call.venue.exchange.limits();
    let row = |interval: &str, num: u32, max: u32| {
        Object::new()
            .text("rateLimitType", "ORDERS")
            .text("interval", interval)
            .int("intervalNum", num)
            .int("limit", max)
            .done()
    };
    Ok(array([
        row("SECOND", 10, limits.orders_10s_max),
        row("MINUTE", 1, limits.orders_1m_max),
    ]))
}

fn trading_status(call: &mut Call<'_>) -> Result<String, Refusal> {
    let wanted = call.symbol_if_any()?;
    let statuses = call.venue.exchange.api_trading_status(call.account()?);
    let mut indicators = Object::with_capacity(1024);
    let mut updated_ms = call.now_ms();
    for status in statuses
        .iter()
        .filter(|status| wanted.is_none_or(|symbol| status.symbol == symbol))
    {
        updated_ms = status.update_time_ms;
        let rows = status.indicators.iter().map(|row| {
            Object::new()
                .truth("isLocked", row.is_locked)
                .int("plannedRecoverTime", row.planned_recover_ms)
                .text("indicator", words::indicator(row.kind))
                .raw("value", &number_text(row.value))
                .raw("triggerValue", &number_text(row.trigger))
                .done()
        });
        indicators = indicators.raw(&call.pen(status.symbol).name, &array(rows));
    }
    Ok(Object::new()
        .raw("indicators", &indicators.done())
        .int("updateTime", updated_ms)
        .done())
}
