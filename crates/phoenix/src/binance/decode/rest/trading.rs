//! Owns the bodies about our orders and trades (protocol §4.4); knows nothing of why they were asked for.

use super::super::AccountScope;
use super::super::report::{fee, fill_price, price_and_size, side, status};
use super::super::wire::{Flag, Text, Whole};
use super::{BodyError, field, parse, rows};
use crate::binance::codes::{Context, ErrorText, outcome};
use crate::binance::contracts::{Contract, Contracts};
use crate::binance::decimal;
use phoenix_core::event::{Fill, OrderReport, Outcome, TradeReport};
use phoenix_core::units::{Quote, Span, Wall};
use serde::Deserialize;
use serde_json::value::RawValue;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireOrder<'a> {
    order_id: Whole,
    #[serde(borrow)]
    symbol: Text<'a>,
    #[serde(borrow)]
    status: Text<'a>,
    #[serde(borrow)]
    client_order_id: Text<'a>,
    #[serde(borrow)]
    price: Text<'a>,
    #[serde(borrow)]
    orig_qty: Text<'a>,
    #[serde(borrow)]
    executed_qty: Text<'a>,
    #[serde(borrow)]
    side: Text<'a>,
    #[serde(default)]
    reduce_only: Flag,
    #[serde(default)]
    update_time: Whole,
}

fn report(
    contract: &Contract,
    account: &AccountScope,
    wire: &WireOrder<'_>,
) -> Result<OrderReport, BodyError> {
    let owner = account.ids.decode(wire.client_order_id.as_str());
    let (price, size) =
        price_and_size(contract, owner, wire.price.as_str(), wire.orig_qty.as_str())
            .map_err(field("price or origQty"))?;
    Ok(OrderReport {
        symbol: contract.id,
        owner,
        exchange_id: wire.order_id.0,
        side: side(wire.side.as_str()).map_err(field("side"))?,
        price,
        size,
        filled: contract
            .lots(wire.executed_qty.as_str())
            .map_err(field("executedQty"))?,
        status: status(wire.status.as_str()),
        reduce_only: wire.reduce_only.0,
        time: Wall::from_millis(wire.update_time.0),
    })
}

/// One order, as answered to place, amend, cancel and query.
///
/// # Errors
/// `Symbol` when it is not one of ours; else as [`BodyError`].
pub fn order(
    contracts: &Contracts,
    account: &AccountScope,
    body: &[u8],
) -> Result<OrderReport, BodyError> {
    let wire: WireOrder<'_> = parse(body)?;
    let contract = contracts
        .by_name(wire.symbol.as_bytes())
        .ok_or(BodyError::Symbol)?;
    report(contract, account, &wire)
}

/// All open orders, foreign ones included, appended to `out` after clearing it; those of symbols that we
/// do not trade are left out.
///
/// # Errors
/// As [`BodyError`]; `out` then holds a part that must not be used.
pub fn open_orders(
    contracts: &Contracts,
    account: &AccountScope,
    body: &[u8],
    out: &mut Vec<OrderReport>,
) -> Result<(), BodyError> {
    out.clear();
    for wire in rows::<WireOrder<'_>>(body)? {
        if let Some(contract) = contracts.by_name(wire.symbol.as_bytes()) {
            out.push(report(contract, account, &wire)?);
        }
    }
    Ok(())
}

#[derive(Deserialize)]
struct WireElementError<'a> {
    code: i32,
    #[serde(borrow, default)]
    msg: Text<'a>,
}

/// The elements of a batch answer, in the order of the request, appended to `out` after clearing it:
/// each is an order or its own refusal (protocol §4.4). Elements that cannot be read, or that are
/// missing out of `expected`, are `Unknown`.
///
/// # Errors
/// As [`BodyError`] when the body is no list; every element is unknown then.
pub fn batch(
    contracts: &Contracts,
    account: &AccountScope,
    context: Context,
    body: &[u8],
    expected: usize,
    out: &mut Vec<Outcome<OrderReport>>,
) -> Result<(), BodyError> {
    out.clear();
    let list: Vec<&RawValue> = rows(body)?;
    for raw in list.into_iter().take(expected) {
        let json = raw.get().as_bytes();
        out.push(match parse::<WireElementError<'_>>(json) {
            Ok(error) if error.code < 0 => outcome(
                context,
                ErrorText {
                    status: 400,
                    code: error.code,
                    msg: error.msg.as_str(),
                },
            ),
            Ok(_) | Err(_) => match order(contracts, account, json) {
                Ok(report) => Outcome::Accepted(report),
                Err(_) => Outcome::Unknown,
            },
        });
    }
    out.resize(expected, Outcome::Unknown);
    Ok(())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireTrade<'a> {
    #[serde(borrow)]
    symbol: Text<'a>,
    id: Whole,
    order_id: Whole,
    #[serde(borrow)]
    side: Text<'a>,
    #[serde(borrow)]
    price: Text<'a>,
    #[serde(borrow)]
    qty: Text<'a>,
    #[serde(borrow)]
    realized_pnl: Option<Text<'a>>,
    #[serde(borrow)]
    commission: Option<Text<'a>>,
    #[serde(borrow)]
    commission_asset: Option<Text<'a>>,
    time: Whole,
    maker: Flag,
}

/// Our trades on `contract`'s symbol, oldest first, appended to `out` after clearing it.
///
/// # Errors
/// As [`BodyError`]; a trade of another symbol is `Symbol`.
pub fn trades(
    contract: &Contract,
    account: &AccountScope,
    body: &[u8],
    out: &mut Vec<TradeReport>,
) -> Result<(), BodyError> {
    out.clear();
    for wire in rows::<WireTrade<'_>>(body)? {
        if wire.symbol.as_str() != contract.instrument.name {
            return Err(BodyError::Symbol);
        }
        out.push(trade(contract, account, &wire)?);
    }
    out.sort_by_key(|trade| trade.fill.trade_id);
    Ok(())
}

fn trade(
    contract: &Contract,
    account: &AccountScope,
    wire: &WireTrade<'_>,
) -> Result<TradeReport, BodyError> {
    let side = side(wire.side.as_str()).map_err(field("side"))?;
    let (fee, fee_other_e8) = fee(
        account,
        wire.commission.as_ref().map(Text::as_bytes),
        wire.commission_asset.as_ref().map(Text::as_str),
    )
    .map_err(field("commission"))?;
    let realized = wire.realized_pnl.as_ref();
    Ok(TradeReport {
        exchange_id: wire.order_id.0,
        side,
        fill: Fill {
            trade_id: wire.id.0,
            price: fill_price(contract, wire.price.as_str(), side).map_err(field("price"))?,
            size: contract.lots(wire.qty.as_str()).map_err(field("qty"))?,
            fee,
            fee_other_e8,
            realized: realized
                .map_or(Ok(Quote::ZERO), |pnl| decimal::quote(pnl.as_bytes()))
                .map_err(field("realizedPnl"))?,
            maker: wire.maker.0,
        },
        time: Wall::from_millis(wire.time.0),
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireCountdown<'a> {
    #[serde(borrow)]
    symbol: Text<'a>,
    countdown_time: Whole,
}

/// The dead-man countdown that the exchange confirms for `contract`; zero is disarmed (protocol §4.6).
///
/// # Errors
/// `Symbol` when it confirms another symbol; else as [`BodyError`].
pub fn countdown(contract: &Contract, body: &[u8]) -> Result<Span, BodyError> {
    let wire: WireCountdown<'_> = parse(body)?;
    if wire.symbol.as_str() != contract.instrument.name {
        return Err(BodyError::Symbol);
    }
    let ms = wire.countdown_time.0.clamp(0, i64::from(u32::MAX));
    Ok(Span::from_millis(ms))
}
