//! Owns the endpoints that read an account, and the listenKey (protocol §3.1, §4.5); changes nothing else.

use phoenix_exchange::api::{AccountTotals, IncomeQuery, PositionView};
use phoenix_exchange::decimal;
use phoenix_exchange::{AccountId, E8};

use super::super::json::{Object, array};
use super::super::refusal::Refusal;
use super::super::words;
use super::{Call, Endpoint, Security, weight};

/// The asset that totals count in single-asset mode (protocol §4.5).
const TOTALS_ASSET: &str = "USDT";

/// The endpoints of this file.
pub fn endpoints() -> Vec<Endpoint> {
    let signed =
        |path, price, handler| Endpoint::new("GET", path, Security::Signed, price, handler);
    let key = |method, handler| {
        Endpoint::new(
            method,
            "/fapi/v1/listenKey",
            Security::Key,
            weight(1),
            handler,
        )
    };
    vec![
        signed("/fapi/v3/account", weight(5), account_v3),
        signed("/fapi/v2/account", weight(5), account_v2),
        signed("/fapi/v3/balance", weight(5), balance),
        signed("/fapi/v2/balance", weight(5), balance),
        signed("/fapi/v3/positionRisk", weight(5), position_risk_v3),
        signed("/fapi/v2/positionRisk", weight(5), position_risk_v2),
        signed("/fapi/v1/income", weight(30), income),
        signed("/fapi/v1/adlQuantile", weight(5), adl_quantile),
        signed("/fapi/v1/commissionRate", weight(20), commission_rate),
        key("POST", listen_key_start),
        key("PUT", listen_key_keepalive),
        key("DELETE", listen_key_close),
    ]
}

fn account_alias(account: AccountId) -> String {
    format!("phx{:05}", account.0)
}

fn balance(call: &mut Call<'_>) -> Result<String, Refusal> {
    let account = call.account()?;
    let alias = account_alias(account);
    let rows = call.venue.exchange.balances(account);
    Ok(array(rows.iter().map(|row| {
        Object::new()
            .text("accountAlias", &alias)
            .text("asset", &row.asset)
            .fixed("balance", row.wallet, 8)
            .fixed("crossWalletBalance", row.wallet, 8)
            .fixed("crossUnPnl", row.cross_unrealized, 8)
            .fixed("availableBalance", row.available, 8)
            .fixed("maxWithdrawAmount", row.max_withdraw, 8)
            .truth("marginAvailable", true)
            .int("updateTime", row.update_time_ms)
            .done()
    })))
}

const fn is_shown(position: &PositionView) -> bool {
    position.qty != 0 || position.bid_notional != 0 || position.ask_notional != 0
}

fn position_risk_v3(call: &mut Call<'_>) -> Result<String, Refusal> {
    let symbol = call.symbol_if_any()?;
    let rows = call.positions(call.account()?, symbol);
    Ok(array(rows.iter().filter(|row| is_shown(row)).map(|row| {
        let pen = call.pen(row.symbol);
        Object::with_capacity(640)
            .text("symbol", &pen.name)
            .text("positionSide", words::position_side(row.position_side))
            .fixed("positionAmt", row.qty, pen.places.1)
            .short("entryPrice", row.entry_price)
            .short("breakEvenPrice", row.break_even_price)
            .fixed("markPrice", row.mark_price, 8)
            .fixed("unRealizedProfit", row.unrealized, 8)
            .short("liquidationPrice", row.liquidation_price)
            .text("isolatedMargin", "0")
            .short("notional", row.notional)
            .text("marginAsset", &row.margin_asset)
            .text("isolatedWallet", "0")
            .short("initialMargin", row.initial_margin)
            .short("maintMargin", row.maint_margin)
            .short("positionInitialMargin", row.position_initial_margin)
            .short("openOrderInitialMargin", row.open_order_initial_margin)
            .int("adl", adl_rank(row))
            .short("bidNotional", row.bid_notional)
            .short("askNotional", row.ask_notional)
            .int("updateTime", row.update_time_ms)
            .done()
    })))
}

fn position_risk_v2(call: &mut Call<'_>) -> Result<String, Refusal> {
    let symbol = call.symbol_if_any()?;
    let rows = call.positions(call.account()?, symbol);
    Ok(array(rows.iter().map(|row| {
        let pen = call.pen(row.symbol);
        Object::with_capacity(512)
            .text("symbol", &pen.name)
            .fixed("positionAmt", row.qty, pen.places.1)
            .short("entryPrice", row.entry_price)
            .short("breakEvenPrice", row.break_even_price)
            .fixed("markPrice", row.mark_price, 8)
            .fixed("unRealizedProfit", row.unrealized, 8)
            .short("liquidationPrice", row.liquidation_price)
            .text("leverage", &row.leverage.to_string())
            .short("maxNotionalValue", row.max_notional)
            .text("marginType", words::margin_type_short(row.margin_type))
            .fixed("isolatedMargin", 0, 8)
            .text("isAutoAddMargin", "false")
            .text("positionSide", words::position_side(row.position_side))
            .short("notional", row.notional)
            .text("isolatedWallet", "0")
            .int("updateTime", row.update_time_ms)
            .done()
    })))
}

/// The venue has no auto-deleveraging: a position is always first in the queue of nobody.
const fn adl_rank(position: &PositionView) -> u8 {
    if position.qty == 0 { 0 } else { 1 }
}

/// Sums of the assets that count towards the totals.
#[derive(Default)]
struct Totals {
    initial: E8,
    maint: E8,
    wallet: E8,
    unrealized: E8,
    margin: E8,
    position_initial: E8,
    order_initial: E8,
    available: E8,
}

impl Totals {
    /// Single-asset mode counts USDT only; multi-assets mode counts all (protocol §4.5), stable coins at one to one.
    fn of(assets: &[AccountTotals], counts_all: bool) -> Self {
        let mut sum = Self::default();
        for asset in assets
            .iter()
            .filter(|asset| counts_all || asset.asset == TOTALS_ASSET)
        {
            sum.initial = sum.initial.saturating_add(asset.initial_margin);
            sum.maint = sum.maint.saturating_add(asset.maint_margin);
            sum.wallet = sum.wallet.saturating_add(asset.wallet);
            sum.unrealized = sum.unrealized.saturating_add(asset.unrealized);
            sum.margin = sum.margin.saturating_add(asset.margin_balance);
            sum.position_initial = sum
                .position_initial
                .saturating_add(asset.position_initial_margin);
            sum.order_initial = sum
                .order_initial
                .saturating_add(asset.open_order_initial_margin);
            sum.available = sum.available.saturating_add(asset.available);
        }
        sum
    }

    fn write(&self, object: Object) -> Object {
        object
            .fixed("totalInitialMargin", self.initial, 8)
            .fixed("totalMaintMargin", self.maint, 8)
            .fixed("totalWalletBalance", self.wallet, 8)
            .fixed("totalUnrealizedProfit", self.unrealized, 8)
            .fixed("totalMarginBalance", self.margin, 8)
            .fixed("totalPositionInitialMargin", self.position_initial, 8)
            .fixed("totalOpenOrderInitialMargin", self.order_initial, 8)
            .fixed("totalCrossWalletBalance", self.wallet, 8)
            .fixed("totalCrossUnPnl", self.unrealized, 8)
            .fixed("availableBalance", self.available, 8)
            .fixed("maxWithdrawAmount", self.available, 8)
    }
}

fn asset_json(asset: &AccountTotals) -> String {
    Object::with_capacity(512)
        .text("asset", &asset.asset)
        .fixed("walletBalance", asset.wallet, 8)
        .fixed("unrealizedProfit", asset.unrealized, 8)
        .fixed("marginBalance", asset.margin_balance, 8)
        .fixed("maintMargin", asset.maint_margin, 8)
        .fixed("initialMargin", asset.initial_margin, 8)
        .fixed("positionInitialMargin", asset.position_initial_margin, 8)
        .fixed("openOrderInitialMargin", asset.open_order_initial_margin, 8)
        .fixed("crossWalletBalance", asset.wallet, 8)
        .fixed("crossUnPnl", asset.unrealized, 8)
        .fixed("availableBalance", asset.available, 8)
        .fixed("maxWithdrawAmount", asset.available, 8)
        .truth("marginAvailable", true)
        .int("updateTime", asset.update_time_ms)
        .done()
}

fn account_v3(call: &mut Call<'_>) -> Result<String, Refusal> {
    let account = call.account()?;
    let mut view = call.venue.exchange.account(account);
    call.venue.faults.distort(account, &mut view.positions);
    let totals = Totals::of(&view.assets, call.venue.exchange.multi_assets(account));
    let positions = view.positions.iter().map(|row| {
        let pen = call.pen(row.symbol);
        Object::with_capacity(384)
            .text("symbol", &pen.name)
            .text("positionSide", words::position_side(row.position_side))
            .fixed("positionAmt", row.qty, pen.places.1)
            .fixed("unrealizedProfit", row.unrealized, 8)
            .text("isolatedMargin", "0")
            .short("notional", row.notional)
            .text("isolatedWallet", "0")
            .short("initialMargin", row.initial_margin)
            .short("maintMargin", row.maint_margin)
            .int("updateTime", row.update_time_ms)
            .done()
    });
    let positions = array(positions);
    Ok(totals
        .write(Object::with_capacity(4096))
        .raw("assets", &array(view.assets.iter().map(asset_json)))
        .raw("positions", &positions)
        .done())
}

fn account_v2(call: &mut Call<'_>) -> Result<String, Refusal> {
    let account = call.account()?;
    let exchange = &call.venue.exchange;
    let view = exchange.account(account);
    let is_multi = exchange.multi_assets(account);
    let totals = Totals::of(&view.assets, is_multi);
    let rows = call.positions(account, None);
    let positions = array(rows.iter().map(|row| account_v2_position(call, row)));
    let head = Object::with_capacity(4096)
        .int("feeTier", 0)
        .truth("feeBurn", false)
        .truth("canTrade", true)
        .truth("canDeposit", true)
        .truth("canWithdraw", false)
        .int("updateTime", 0)
        .truth("multiAssetsMargin", is_multi)
        .int("tradeGroupId", -1);
    Ok(totals
        .write(head)
        .raw("assets", &array(view.assets.iter().map(asset_json)))
        .raw("positions", &positions)
        .done())
}

fn account_v2_position(call: &Call<'_>, row: &PositionView) -> String {
    let pen = call.pen(row.symbol);
    Object::with_capacity(512)
        .text("symbol", &pen.name)
        .short("initialMargin", row.initial_margin)
        .short("maintMargin", row.maint_margin)
        .fixed("unrealizedProfit", row.unrealized, 8)
        .short("positionInitialMargin", row.position_initial_margin)
        .short("openOrderInitialMargin", row.open_order_initial_margin)
        .text("leverage", &row.leverage.to_string())
        .truth(
            "isolated",
            row.margin_type == phoenix_exchange::api::MarginType::Isolated,
        )
        .short("entryPrice", row.entry_price)
        .short("breakEvenPrice", row.break_even_price)
        .short("maxNotional", row.max_notional)
        .short("bidNotional", row.bid_notional)
        .short("askNotional", row.ask_notional)
        .text("positionSide", words::position_side(row.position_side))
        .fixed("positionAmt", row.qty, pen.places.1)
        .short("notional", row.notional)
        .text("isolatedWallet", "0")
        .int("updateTime", row.update_time_ms)
        .done()
}

fn income(call: &mut Call<'_>) -> Result<String, Refusal> {
    let kind = match call.params.value("incomeType") {
        None => None,
        Some(word) => match words::parse_income(word) {
            Some(kind) => Some(kind),
            // A type that exists on the venue and never occurs here, or no type at all: nothing to list.
            None => return Ok("[]".to_owned()),
        },
    };
    let query = IncomeQuery {
        symbol: call.symbol_if_any()?,
        kind,
        start_ms: call.params.integer("startTime")?,
        end_ms: call.params.integer("endTime")?,
        limit: Some(call.limit(100, 1000)?),
    };
    let rows = call.venue.exchange.income(call.account()?, &query);
    Ok(array(rows.iter().map(|row| {
        let symbol = row.symbol.map_or("", |symbol| &call.pen(symbol).name);
        let trade_id = if row.trade_id == 0 {
            String::new()
        } else {
            row.trade_id.to_string()
        };
        Object::new()
            .text("symbol", symbol)
            .text("incomeType", words::income(row.kind))
            .text("income", &decimal::short(row.amount))
            .text("asset", &row.asset)
            .text("info", words::income(row.kind))
            .int("time", row.time_ms)
            .int("tranId", row.tran_id)
            .text("tradeId", &trade_id)
            .done()
    })))
}

fn adl_quantile(call: &mut Call<'_>) -> Result<String, Refusal> {
    let symbol = call.symbol_if_any()?;
    let rows = call.positions(call.account()?, symbol);
    Ok(array(rows.iter().filter(|row| row.qty != 0).map(|row| {
        let quantile = Object::new()
            .int("LONG", 0)
            .int("SHORT", 0)
            .int("BOTH", adl_rank(row))
            .done();
        Object::new()
            .text("symbol", &call.pen(row.symbol).name)
            .raw("adlQuantile", &quantile)
            .done()
    })))
}

fn commission_rate(call: &mut Call<'_>) -> Result<String, Refusal> {
    let symbol = call.symbol()?;
    let view = call.venue.exchange.commission(call.account()?, symbol);
    Ok(Object::new()
        .text("symbol", &call.pen(symbol).name)
        .fixed("makerCommissionRate", view.maker_rate, 6)
        .fixed("takerCommissionRate", view.taker_rate, 6)
        .fixed("rpiCommissionRate", view.maker_rate, 6)
        .done())
}

fn listen_key_json(key: &str) -> String {
    Object::new().text("listenKey", key).done()
}

fn listen_key_start(call: &mut Call<'_>) -> Result<String, Refusal> {
    let account = call.account()?;
    let key = call.venue.exchange.listen_key_start(call.now_us, account);
    Ok(listen_key_json(&key))
}

fn listen_key_keepalive(call: &mut Call<'_>) -> Result<String, Refusal> {
    let account = call.account()?;
    let key = call
        .venue
        .exchange
        .listen_key_keepalive(call.now_us, account)?;
    Ok(listen_key_json(&key))
}

fn listen_key_close(call: &mut Call<'_>) -> Result<String, Refusal> {
    let account = call.account()?;
    call.venue.exchange.listen_key_close(call.now_us, account)?;
    Ok("{}".to_owned())
}
