//! Owns the bodies about the account: positions, balance, settings, income, limits (protocol §4.5, §6.4);
//! knows nothing of what is right or wrong with them.

use super::super::AccountScope;
use super::super::report::position_report;
use super::super::wire::{Flag, Text, Whole};
use super::{BodyError, field, parse, rows};
use crate::binance::contracts::{Contract, Contracts};
use crate::binance::decimal;
use crate::binance::limits::{RateLimit, WireLimit};
use phoenix_core::event::{BalanceReport, Malformed, PositionReport};
use phoenix_core::instrument::SymbolId;
use phoenix_core::units::{Lots, Price8, Quote, Ratio, Wall};
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WirePosition<'a> {
    #[serde(borrow)]
    symbol: Text<'a>,
    #[serde(borrow)]
    position_side: Option<Text<'a>>,
    #[serde(borrow)]
    position_amt: Text<'a>,
    #[serde(borrow)]
    entry_price: Text<'a>,
}

/// Positions of all our symbols from `positionRisk` v2 or v3, appended to `out` after clearing it. The
/// newer version leaves flat symbols out, so a symbol of ours that is not mentioned is reported as flat.
///
/// # Errors
/// `HedgeMode` when one of our symbols has a long or short position of hedge mode; else as [`BodyError`].
pub fn positions(
    contracts: &Contracts,
    body: &[u8],
    out: &mut Vec<PositionReport>,
) -> Result<(), BodyError> {
    out.clear();
    for wire in rows::<WirePosition<'_>>(body)? {
        let Some(contract) = contracts.by_name(wire.symbol.as_bytes()) else {
            continue;
        };
        let side = wire.position_side.as_ref().map_or("BOTH", Text::as_str);
        let report = position_report(
            contract,
            side,
            wire.position_amt.as_str(),
            wire.entry_price.as_str(),
        );
        match report {
            Ok(Some(report)) => out.push(report),
            Ok(None) => {}
            Err(Malformed::Shape) if side != "BOTH" => return Err(BodyError::HedgeMode),
            Err(why) => return Err(BodyError::Field("positionAmt or entryPrice", why)),
        }
    }
    add_flat(contracts, out);
    Ok(())
}

fn add_flat(contracts: &Contracts, out: &mut Vec<PositionReport>) {
    for contract in contracts.iter() {
        if out.iter().all(|report| report.symbol != contract.id) {
            out.push(PositionReport {
                symbol: contract.id,
                size: Lots::ZERO,
                entry: Price8::ZERO,
            });
        }
    }
}

#[derive(Deserialize)]
struct WireBalance<'a> {
    #[serde(borrow)]
    asset: Text<'a>,
    #[serde(borrow)]
    balance: Text<'a>,
}

/// Wallet of the margin asset from `balance` v2 or v3.
///
/// # Errors
/// `NoMarginAsset` when the account has no such entry; else as [`BodyError`].
pub fn balance(account: &AccountScope, body: &[u8]) -> Result<BalanceReport, BodyError> {
    let list = rows::<WireBalance<'_>>(body)?;
    let entry = list
        .iter()
        .find(|entry| entry.asset.as_str() == account.margin_asset)
        .ok_or(BodyError::NoMarginAsset)?;
    Ok(BalanceReport {
        wallet: decimal::quote(entry.balance.as_bytes()).map_err(field("balance"))?,
        change: Quote::ZERO,
    })
}

/// Margin figures of the margin asset's own entry. The totals of the answer count USDT only in
/// single-asset mode (protocol §4.5), so they are not used.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Margin {
    /// Wallet balance without unrealised profit.
    pub wallet: Quote,
    /// Unrealised profit.
    pub unrealized: Quote,
    /// Margin bound by positions and orders.
    pub initial: Quote,
    /// Margin below which positions are liquidated.
    pub maintenance: Quote,
    /// What is left for new orders.
    pub available: Quote,
}

#[derive(Deserialize)]
struct WireAccount<'a> {
    #[serde(borrow)]
    assets: Vec<WireAsset<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireAsset<'a> {
    #[serde(borrow)]
    asset: Text<'a>,
    #[serde(borrow)]
    wallet_balance: Text<'a>,
    #[serde(borrow)]
    unrealized_profit: Text<'a>,
    #[serde(borrow)]
    initial_margin: Text<'a>,
    #[serde(borrow)]
    maint_margin: Text<'a>,
    #[serde(borrow)]
    available_balance: Text<'a>,
}

/// Margin figures from `account` v2 or v3.
///
/// # Errors
/// `NoMarginAsset` when the account has no such entry; else as [`BodyError`].
pub fn margin(account: &AccountScope, body: &[u8]) -> Result<Margin, BodyError> {
    let wire: WireAccount<'_> = parse(body)?;
    let entry = wire
        .assets
        .iter()
        .find(|entry| entry.asset.as_str() == account.margin_asset)
        .ok_or(BodyError::NoMarginAsset)?;
    let money = |name, text: &Text<'_>| decimal::quote(text.as_bytes()).map_err(field(name));
    Ok(Margin {
        wallet: money("walletBalance", &entry.wallet_balance)?,
        unrealized: money("unrealizedProfit", &entry.unrealized_profit)?,
        initial: money("initialMargin", &entry.initial_margin)?,
        maintenance: money("maintMargin", &entry.maint_margin)?,
        available: money("availableBalance", &entry.available_balance)?,
    })
}

/// What an income row is for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum IncomeKind {
    /// Profit or loss of closing fills.
    RealizedPnl,
    /// Funding.
    Funding,
    /// Commission.
    Commission,
    /// Rebates, kickbacks and returned fees.
    Rebate,
    /// Deposits, withdrawals, transfers.
    Transfer,
    /// Losses taken over by or charged for the insurance fund.
    InsuranceClear,
    /// Anything else.
    Other,
}

/// One row of `income`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Income {
    /// Symbol, when it is one of ours.
    pub symbol: Option<SymbolId>,
    /// What for.
    pub kind: IncomeKind,
    /// Amount in 1e-8 of `asset`; a cost is negative.
    pub amount_e8: i64,
    /// Asset.
    pub asset: String,
    /// When.
    pub time: Wall,
    /// Unique for its kind.
    pub transaction_id: i64,
    /// The trade it belongs to; 0 when none.
    pub trade_id: i64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireIncome<'a> {
    #[serde(borrow, default)]
    symbol: Text<'a>,
    #[serde(borrow)]
    income_type: Text<'a>,
    #[serde(borrow)]
    income: Text<'a>,
    #[serde(borrow)]
    asset: Text<'a>,
    time: Whole,
    tran_id: Whole,
    #[serde(default)]
    trade_id: Whole,
}

/// Rows of `income`, of every asset and symbol.
///
/// # Errors
/// As [`BodyError`].
pub fn income(contracts: &Contracts, body: &[u8]) -> Result<Vec<Income>, BodyError> {
    let row = |wire: &WireIncome<'_>| {
        Ok(Income {
            symbol: contracts.by_name(wire.symbol.as_bytes()).map(|c| c.id),
            kind: income_kind(wire.income_type.as_str()),
            amount_e8: decimal::e8_towards_zero(wire.income.as_bytes()).map_err(field("income"))?,
            asset: wire.asset.as_str().to_owned(),
            time: Wall::from_millis(wire.time.0),
            transaction_id: wire.tran_id.0,
            trade_id: wire.trade_id.0,
        })
    };
    rows::<WireIncome<'_>>(body)?.iter().map(row).collect()
}

fn income_kind(text: &str) -> IncomeKind {
    match text {
        "REALIZED_PNL" => IncomeKind::RealizedPnl,
        "FUNDING_FEE" => IncomeKind::Funding,
        "COMMISSION" => IncomeKind::Commission,
        "REFERRAL_KICKBACK" | "COMMISSION_REBATE" | "API_REBATE" | "FEE_RETURN" => {
            IncomeKind::Rebate
        }
        "TRANSFER" | "INTERNAL_TRANSFER" | "CROSS_COLLATERAL_TRANSFER" => IncomeKind::Transfer,
        "INSURANCE_CLEAR" => IncomeKind::InsuranceClear,
        _ => IncomeKind::Other,
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireListenKey<'a> {
    #[serde(borrow)]
    listen_key: Option<Text<'a>>,
}

/// The listen key; `None` from a keep-alive that does not repeat it.
///
/// # Errors
/// As [`BodyError`], never with an excerpt: the body may hold the key.
pub fn listen_key(body: &[u8]) -> Result<Option<SecretString>, BodyError> {
    let wire: WireListenKey<'_> = match parse(body) {
        Ok(wire) => wire,
        Err(BodyError::Shape(..)) => return Err(BodyError::Field("listenKey", Malformed::Shape)),
        Err(other) => return Err(other),
    };
    match wire.listen_key {
        Some(key) if key.as_str().is_empty() => {
            Err(BodyError::Field("listenKey", Malformed::Shape))
        }
        Some(key) => Ok(Some(key.as_str().to_owned().into())),
        None => Ok(None),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireModes {
    dual_side_position: Option<Flag>,
    multi_assets_margin: Option<Flag>,
    can_trade: Option<Flag>,
    fee_tier: Option<Whole>,
}

/// Whether the account is in hedge mode (`positionSide/dual`).
///
/// # Errors
/// As [`BodyError`].
pub fn hedge_mode(body: &[u8]) -> Result<bool, BodyError> {
    let missing = BodyError::Field("dualSidePosition", Malformed::Shape);
    let wire: WireModes = parse(body)?;
    wire.dual_side_position.map(|flag| flag.0).ok_or(missing)
}

/// Whether the account is in multi-assets mode (`multiAssetsMargin`).
///
/// # Errors
/// As [`BodyError`].
pub fn multi_assets_mode(body: &[u8]) -> Result<bool, BodyError> {
    let missing = BodyError::Field("multiAssetsMargin", Malformed::Shape);
    let wire: WireModes = parse(body)?;
    wire.multi_assets_margin.map(|flag| flag.0).ok_or(missing)
}

/// Settings of the whole account (`accountConfig`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AccountSettings {
    /// Hedge mode.
    pub hedge_mode: bool,
    /// Multi-assets mode.
    pub multi_assets_mode: bool,
    /// Whether it may trade.
    pub can_trade: bool,
    /// Fee tier.
    pub fee_tier: i64,
}

/// Settings of the whole account.
///
/// # Errors
/// As [`BodyError`]; a missing field is `Field`.
pub fn account_config(body: &[u8]) -> Result<AccountSettings, BodyError> {
    let wire: WireModes = parse(body)?;
    let missing = |name| BodyError::Field(name, Malformed::Shape);
    let flag = |flag: Option<Flag>, name| flag.map(|f| f.0).ok_or(missing(name));
    Ok(AccountSettings {
        hedge_mode: flag(wire.dual_side_position, "dualSidePosition")?,
        multi_assets_mode: flag(wire.multi_assets_margin, "multiAssetsMargin")?,
        can_trade: flag(wire.can_trade, "canTrade")?,
        fee_tier: wire.fee_tier.unwrap_or_default().0,
    })
}

/// How a symbol's positions are margined.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MarginType {
    /// From the whole balance of the margin asset.
    Cross,
    /// From an amount set aside.
    Isolated,
}

/// Settings of one symbol of ours (`symbolConfig`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SymbolSettings {
    /// Symbol.
    pub symbol: SymbolId,
    /// Margin type.
    pub margin_type: MarginType,
    /// Leverage.
    pub leverage: u32,
    /// Largest position value at this leverage.
    pub notional_max: Quote,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireSymbolConfig<'a> {
    #[serde(borrow)]
    symbol: Text<'a>,
    #[serde(borrow)]
    margin_type: Text<'a>,
    leverage: Whole,
    #[serde(borrow)]
    max_notional_value: Text<'a>,
}

/// Settings of our symbols.
///
/// # Errors
/// As [`BodyError`].
pub fn symbol_config(contracts: &Contracts, body: &[u8]) -> Result<Vec<SymbolSettings>, BodyError> {
    let list = rows::<WireSymbolConfig<'_>>(body)?;
    let ours = list.iter().filter_map(|wire| {
        let contract = contracts.by_name(wire.symbol.as_bytes())?;
        Some(symbol_settings(contract, wire))
    });
    ours.collect()
}

fn symbol_settings(
    contract: &Contract,
    wire: &WireSymbolConfig<'_>,
) -> Result<SymbolSettings, BodyError> {
    let shape = |name| BodyError::Field(name, Malformed::Shape);
    let notional = wire.max_notional_value.as_bytes();
    Ok(SymbolSettings {
        symbol: contract.id,
        margin_type: match wire.margin_type.as_str() {
            "CROSSED" | "cross" | "CROSS" => MarginType::Cross,
            "ISOLATED" | "isolated" => MarginType::Isolated,
            _ => return Err(shape("marginType")),
        },
        leverage: u32::try_from(wire.leverage.0).map_err(|_| shape("leverage"))?,
        // "INF" and the like stand for no limit.
        notional_max: decimal::quote(notional).unwrap_or(Quote::MAX),
    })
}

/// Commission rates of one symbol; a cost is positive.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Commission {
    /// For makers.
    pub maker: Ratio,
    /// For takers.
    pub taker: Ratio,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireCommission<'a> {
    #[serde(borrow)]
    symbol: Text<'a>,
    #[serde(borrow)]
    maker_commission_rate: Text<'a>,
    #[serde(borrow)]
    taker_commission_rate: Text<'a>,
}

/// Commission rates of `contract`'s symbol (`commissionRate`).
///
/// # Errors
/// `Symbol` for another symbol; else as [`BodyError`].
pub fn commission(contract: &Contract, body: &[u8]) -> Result<Commission, BodyError> {
    let wire: WireCommission<'_> = parse(body)?;
    if wire.symbol.as_str() != contract.instrument.name {
        return Err(BodyError::Symbol);
    }
    let rate = |name, text: &Text<'_>| decimal::ratio(text.as_bytes()).map_err(field(name));
    Ok(Commission {
        maker: rate("makerCommissionRate", &wire.maker_commission_rate)?,
        taker: rate("takerCommissionRate", &wire.taker_commission_rate)?,
    })
}

/// What an indicator of the quantitative rules speaks of (protocol §6.4).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum IndicatorScope {
    /// The whole account.
    Account,
    /// One symbol of ours.
    Symbol(SymbolId),
}

/// One indicator of the quantitative rules.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Indicator {
    /// What it speaks of.
    pub scope: IndicatorScope,
    /// `UFR`, `IFER`, `GCR`, `DR`, `TMV`.
    pub name: String,
    /// Its value.
    pub value: Ratio,
    /// The value from which it locks.
    pub trigger: Ratio,
    /// Whether only reducing is allowed now.
    pub locked: bool,
    /// When the lock is planned to end.
    pub recovers_at: Wall,
}

#[derive(Deserialize)]
struct WireTradingStatus<'a> {
    #[serde(borrow)]
    indicators: BTreeMap<String, Vec<WireIndicator<'a>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireIndicator<'a> {
    #[serde(default)]
    is_locked: Flag,
    #[serde(default)]
    planned_recover_time: Whole,
    #[serde(borrow)]
    indicator: Text<'a>,
    /// JSON numbers; read by their own digits.
    #[serde(borrow)]
    value: &'a RawValue,
    #[serde(borrow)]
    trigger_value: &'a RawValue,
}

fn raw_ratio(name: &'static str, raw: &RawValue) -> Result<Ratio, BodyError> {
    decimal::ratio(raw.get().trim_matches('"').as_bytes()).map_err(field(name))
}

/// The indicators of our symbols and of the account (`apiTradingStatus`).
///
/// # Errors
/// As [`BodyError`].
pub fn trading_status(contracts: &Contracts, body: &[u8]) -> Result<Vec<Indicator>, BodyError> {
    let wire: WireTradingStatus<'_> = parse(body)?;
    let mut out = Vec::new();
    for (name, list) in &wire.indicators {
        let scope = match contracts.by_name(name.as_bytes()) {
            Some(contract) => IndicatorScope::Symbol(contract.id),
            None if name == "ACCOUNT" => IndicatorScope::Account,
            None => continue,
        };
        for one in list {
            out.push(Indicator {
                scope,
                name: one.indicator.as_str().to_owned(),
                value: raw_ratio("value", one.value)?,
                trigger: raw_ratio("triggerValue", one.trigger_value)?,
                locked: one.is_locked.0,
                recovers_at: Wall::from_millis(one.planned_recover_time.0),
            });
        }
    }
    Ok(out)
}

/// The account's own order limits (`rateLimit/order`).
///
/// # Errors
/// As [`BodyError`].
pub fn order_limits(body: &[u8]) -> Result<Vec<RateLimit>, BodyError> {
    let list = rows::<WireLimit<'_>>(body)?;
    Ok(list.iter().filter_map(WireLimit::decode).collect())
}
