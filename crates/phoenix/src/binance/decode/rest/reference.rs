//! Owns the bodies that everybody may see: contracts, snapshots, best prices, marks, time (protocol §4.2,
//! §4.3); knows nothing of our account.

use super::super::market::{Levels, Strays, contract_status, read_levels};
use super::super::wire::{Text, Whole};
use super::{BodyError, field, parse, rows};
use crate::binance::contracts::{Contract, Contracts};
use crate::binance::decimal::{self, Grid};
use crate::binance::limits::{RateLimit, WireLimit};
use phoenix_core::event::{BookTicker, ContractStatus, DepthSnapshot, Level, Malformed, MarkPrice};
use phoenix_core::instrument::{Instrument, InstrumentError, SymbolId};
use phoenix_core::units::{Lots, Quote, Ticks, Wall};
use serde::Deserialize;
use serde_json::value::RawValue;

/// One contract of `exchangeInfo`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Listed {
    /// Grid and filters.
    pub instrument: Instrument,
    /// Whether it trades now.
    pub status: ContractStatus,
    /// Asset in which its profit is booked.
    pub margin_asset: String,
    /// Whether it is a perpetual contract.
    pub perpetual: bool,
}

/// Why a wanted contract of `exchangeInfo` cannot be traded.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Unusable {
    /// A filter that every contract has is missing.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// A filter holds something that is no number, or too large.
    #[error("{0} holds {1:?}")]
    Filter(&'static str, Malformed),
    /// The numbers do not fit together.
    #[error("{0}")]
    Instrument(InstrumentError),
    /// The entry is not of the expected shape.
    #[error("not of the expected shape")]
    Shape,
}

/// `exchangeInfo`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ExchangeInfo {
    /// The wanted contracts that can be traded.
    pub listed: Vec<Listed>,
    /// The wanted contracts that cannot, and why.
    pub unusable: Vec<(String, Unusable)>,
    /// Limits of the address and the account.
    pub limits: Vec<RateLimit>,
}

#[derive(Deserialize)]
struct WireExchangeInfo<'a> {
    #[serde(borrow, rename = "rateLimits", default)]
    limits: Vec<WireLimit<'a>>,
    #[serde(borrow)]
    symbols: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct WireName<'a> {
    #[serde(borrow)]
    symbol: Text<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireSymbol<'a> {
    #[serde(borrow)]
    symbol: Text<'a>,
    #[serde(borrow)]
    status: Option<Text<'a>>,
    #[serde(borrow)]
    contract_status: Option<Text<'a>>,
    #[serde(borrow, default)]
    contract_type: Text<'a>,
    #[serde(borrow, default)]
    margin_asset: Text<'a>,
    #[serde(borrow)]
    filters: Vec<WireFilter<'a>>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct WireFilter<'a> {
    #[serde(borrow)]
    filter_type: Text<'a>,
    #[serde(borrow)]
    min_price: Option<Text<'a>>,
    #[serde(borrow)]
    max_price: Option<Text<'a>>,
    #[serde(borrow)]
    tick_size: Option<Text<'a>>,
    #[serde(borrow)]
    min_qty: Option<Text<'a>>,
    #[serde(borrow)]
    max_qty: Option<Text<'a>>,
    #[serde(borrow)]
    step_size: Option<Text<'a>>,
    #[serde(borrow)]
    notional: Option<Text<'a>>,
    #[serde(borrow)]
    multiplier_up: Option<Text<'a>>,
    #[serde(borrow)]
    multiplier_down: Option<Text<'a>>,
    limit: Option<Whole>,
}

/// Reads the contracts that `wanted` names; the others (hundreds) are only skimmed.
///
/// # Errors
/// As [`BodyError`]. A single broken contract is not an error: it is in `unusable`.
pub fn exchange_info(
    body: &[u8],
    wanted: impl Fn(&str) -> bool,
) -> Result<ExchangeInfo, BodyError> {
    let wire: WireExchangeInfo<'_> = parse(body)?;
    let mut info = ExchangeInfo {
        limits: wire.limits.iter().filter_map(WireLimit::decode).collect(),
        ..ExchangeInfo::default()
    };
    for raw in wire.symbols {
        let Ok(name) = serde_json::from_str::<WireName<'_>>(raw.get()) else {
            continue;
        };
        if !wanted(name.symbol.as_str()) {
            continue;
        }
        let parsed: Result<WireSymbol<'_>, _> = serde_json::from_str(raw.get());
        match parsed.map_err(|_| Unusable::Shape).and_then(|s| listed(&s)) {
            Ok(contract) => info.listed.push(contract),
            Err(why) => info.unusable.push((name.symbol.as_str().to_owned(), why)),
        }
    }
    Ok(info)
}

fn listed(wire: &WireSymbol<'_>) -> Result<Listed, Unusable> {
    let status = wire.status.as_ref().or(wire.contract_status.as_ref());
    Ok(Listed {
        instrument: instrument(wire)?,
        status: contract_status(status.map_or("", Text::as_str)),
        margin_asset: wire.margin_asset.as_str().to_owned(),
        perpetual: wire.contract_type.as_str().contains("PERPETUAL"),
    })
}

fn instrument(wire: &WireSymbol<'_>) -> Result<Instrument, Unusable> {
    let filter = |name: &'static str| {
        wire.filters
            .iter()
            .find(|f| f.filter_type.as_str() == name)
            .ok_or(Unusable::Missing(name))
    };
    let price = filter("PRICE_FILTER")?;
    let lot = filter("LOT_SIZE")?;
    let notional = filter("MIN_NOTIONAL")?;
    let percent = filter("PERCENT_PRICE")?;
    let orders = filter("MAX_NUM_ORDERS")?;
    let tick_e8 = number("tickSize", &price.tick_size, decimal::e8_exact)?;
    let step_e8 = number("stepSize", &lot.step_size, decimal::e8_exact)?;
    let ticks = Grid::of(tick_e8).ok_or(Unusable::Instrument(InstrumentError::Grid))?;
    let lots = Grid::of(step_e8).ok_or(Unusable::Instrument(InstrumentError::Grid))?;
    Instrument {
        name: wire.symbol.as_str().to_owned(),
        tick_e8,
        step_e8,
        price_min: Ticks(number("minPrice", &price.min_price, |t| ceil(ticks, t))?),
        price_max: Ticks(number("maxPrice", &price.max_price, |t| floor(ticks, t))?),
        qty_min: Lots(number("minQty", &lot.min_qty, |t| ceil(lots, t))?),
        qty_max: Lots(number("maxQty", &lot.max_qty, |t| floor(lots, t))?),
        notional_min: Quote(number(
            "notional",
            &notional.notional,
            decimal::e8_towards_zero,
        )?),
        percent_up_e4: number("multiplierUp", &percent.multiplier_up, decimal::e4)?,
        percent_down_e4: number("multiplierDown", &percent.multiplier_down, decimal::e4)?,
        orders_max: orders
            .limit
            .and_then(|limit| u32::try_from(limit.0).ok())
            .ok_or(Unusable::Missing("limit"))?,
    }
    .checked()
    .map_err(Unusable::Instrument)
}

/// Bounds need not lie on the grid; the allowed range only shrinks to it.
fn ceil(grid: Grid, text: &[u8]) -> Result<i64, Malformed> {
    let (floor, exact) = grid.parse_floor(text)?;
    Ok(if exact {
        floor
    } else {
        floor.saturating_add(1)
    })
}

fn floor(grid: Grid, text: &[u8]) -> Result<i64, Malformed> {
    Ok(grid.parse_floor(text)?.0)
}

fn number(
    name: &'static str,
    text: &Option<Text<'_>>,
    read: impl Fn(&[u8]) -> Result<i64, Malformed>,
) -> Result<i64, Unusable> {
    let text = text.as_ref().ok_or(Unusable::Missing(name))?;
    read(text.as_bytes()).map_err(|why| Unusable::Filter(name, why))
}

#[derive(Deserialize)]
struct WireSnapshot<'a> {
    #[serde(rename = "lastUpdateId")]
    last_id: Whole,
    #[serde(rename = "T", default)]
    transact_time: Whole,
    #[serde(borrow)]
    bids: &'a RawValue,
    #[serde(borrow)]
    asks: &'a RawValue,
}

/// A depth snapshot; its levels borrow `levels`. Prices off the tick grid behind the front of the book,
/// left over from before a tick grew, are left out.
///
/// # Errors
/// As [`BodyError`].
pub fn snapshot<'a>(
    contract: &Contract,
    body: &[u8],
    levels: &'a mut Levels,
) -> Result<DepthSnapshot<'a>, BodyError> {
    let wire: WireSnapshot<'_> = parse(body)?;
    let read = |raw, out: &mut Vec<Level>| read_levels(contract, Strays::Behind, raw, out);
    read(wire.bids, &mut levels.bids).map_err(field("bids"))?;
    read(wire.asks, &mut levels.asks).map_err(field("asks"))?;
    Ok(DepthSnapshot {
        last_id: wire.last_id.0,
        transact_time: Wall::from_millis(wire.transact_time.0),
        bids: &levels.bids,
        asks: &levels.asks,
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireBookTicker<'a> {
    #[serde(borrow)]
    symbol: Text<'a>,
    #[serde(borrow)]
    bid_price: Text<'a>,
    #[serde(borrow)]
    bid_qty: Text<'a>,
    #[serde(borrow)]
    ask_price: Text<'a>,
    #[serde(borrow)]
    ask_qty: Text<'a>,
    #[serde(default)]
    time: Whole,
}

/// Best bid and ask by REST. `update_id` is zero: the endpoint's own id, where it has one, is not
/// documented to be that of the stream.
///
/// # Errors
/// `Symbol` for another symbol than `contract`'s; else as [`BodyError`].
pub fn book_ticker(contract: &Contract, body: &[u8]) -> Result<BookTicker, BodyError> {
    let wire: WireBookTicker<'_> = parse(body)?;
    if wire.symbol.as_str() != contract.instrument.name {
        return Err(BodyError::Symbol);
    }
    touch(contract, &wire)
}

/// Best bids and asks of our symbols by REST, in the order of the answer. The rows of the others (hundreds) are only
/// skimmed, and one of ours that cannot be read is left out: it must not cost the others their answer.
///
/// # Errors
/// As [`BodyError`], for the list as a whole.
pub fn book_tickers(
    contracts: &Contracts,
    body: &[u8],
) -> Result<Vec<(SymbolId, BookTicker)>, BodyError> {
    let read = |raw: &RawValue| {
        let name: WireName<'_> = serde_json::from_str(raw.get()).ok()?;
        let contract = contracts.by_name(name.symbol.as_bytes())?;
        let wire = serde_json::from_str(raw.get()).ok()?;
        Some((contract.id, touch(contract, &wire).ok()?))
    };
    Ok(rows(body)?.into_iter().filter_map(read).collect())
}

fn touch(contract: &Contract, wire: &WireBookTicker<'_>) -> Result<BookTicker, BodyError> {
    let level = |price: &Text<'_>, size: &Text<'_>| {
        Ok(Level {
            price: contract.ticks(price.as_str())?,
            size: contract.lots(size.as_str())?,
        })
    };
    Ok(BookTicker {
        update_id: 0,
        event_time: Wall::from_millis(wire.time.0),
        bid: level(&wire.bid_price, &wire.bid_qty).map_err(field("bid"))?,
        ask: level(&wire.ask_price, &wire.ask_qty).map_err(field("ask"))?,
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WirePremium<'a> {
    #[serde(borrow)]
    symbol: Text<'a>,
    #[serde(borrow)]
    mark_price: Text<'a>,
    #[serde(borrow)]
    index_price: Text<'a>,
    #[serde(borrow)]
    last_funding_rate: Text<'a>,
    next_funding_time: Whole,
    #[serde(default)]
    time: Whole,
}

/// Mark price and funding by REST.
///
/// # Errors
/// `Symbol` for another symbol than `contract`'s; else as [`BodyError`].
pub fn premium_index(contract: &Contract, body: &[u8]) -> Result<MarkPrice, BodyError> {
    let wire: WirePremium<'_> = parse(body)?;
    if wire.symbol.as_str() != contract.instrument.name {
        return Err(BodyError::Symbol);
    }
    let rate = wire.last_funding_rate.as_bytes();
    Ok(MarkPrice {
        event_time: Wall::from_millis(wire.time.0),
        mark: decimal::price8(wire.mark_price.as_bytes()).map_err(field("markPrice"))?,
        index: decimal::price8(wire.index_price.as_bytes()).map_err(field("indexPrice"))?,
        funding_rate: decimal::ratio(rate).map_err(field("lastFundingRate"))?,
        next_funding: Wall::from_millis(wire.next_funding_time.0),
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireTime {
    server_time: Whole,
}

/// The exchange's clock.
///
/// # Errors
/// As [`BodyError`].
pub fn time(body: &[u8]) -> Result<Wall, BodyError> {
    parse::<WireTime>(body).map(|wire| Wall::from_millis(wire.server_time.0))
}
