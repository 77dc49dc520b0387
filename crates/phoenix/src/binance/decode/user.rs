//! Owns the decoding of the user data stream (protocol §3), bare or in an envelope; knows nothing of
//! listen keys' lives or of what orders mean.

use super::report::{fee, fill_price, position_report, price_and_size, side, status};
use super::wire::{Flag, Text, Whole, json};
use super::{AccountConfig, AccountScope, Control, Decoded, Ignored};
use crate::binance::contracts::{Contract, Contracts};
use crate::binance::decimal;
use phoenix_core::event::{
    Account, AccountReason, AccountUpdate, BalanceReport, Event, Execution, Fill, LiteFill,
    Malformed, OrderReport, OrderUpdate, PositionReport,
};
use phoenix_core::instrument::SymbolId;
use phoenix_core::units::{Quote, Side, Wall};
use serde::Deserialize;
use serde_json::value::RawValue;

/// Most position rows kept from one event; more than our symbols cannot be ours.
const POSITIONS_START: usize = 32;

/// Decodes user data into its own reused memory.
#[derive(Clone, Debug)]
pub struct UserDecoder {
    positions: Vec<PositionReport>,
}

impl Default for UserDecoder {
    fn default() -> Self {
        Self {
            positions: Vec::with_capacity(POSITIONS_START),
        }
    }
}

impl UserDecoder {
    /// Decodes one text frame of the private route. The result borrows this decoder until the next.
    pub fn decode(
        &mut self,
        contracts: &Contracts,
        account: &AccountScope,
        bytes: &[u8],
    ) -> Decoded<'_> {
        let result = match json::<Top<'_>>(bytes) {
            Ok(top) => match (top.data, &top.e) {
                (Some(data), _) => self.payload(contracts, account, data.get().as_bytes()),
                (None, Some(_)) => self.payload(contracts, account, bytes),
                (None, None) => return control(&top),
            },
            Err(why) => Err(why),
        };
        result.unwrap_or_else(|why| event(Account::Malformed(why)))
    }

    fn payload(
        &mut self,
        contracts: &Contracts,
        account: &AccountScope,
        data: &[u8],
    ) -> Result<Decoded<'_>, Malformed> {
        let head: Head<'_> = json(data)?;
        match head.e.as_str() {
            "ORDER_TRADE_UPDATE" => order(contracts, account, data),
            "TRADE_LITE" => lite(contracts, account, data),
            "ACCOUNT_UPDATE" => self.account_update(contracts, account, data),
            "listenKeyExpired" => Ok(event(Account::ListenKeyExpired)),
            "MARGIN_CALL" => Ok(event(Account::MarginCall)),
            "ACCOUNT_CONFIG_UPDATE" => config(contracts, data),
            "serverShutdown" => Ok(Decoded::Control(Control::ServerShutdown)),
            other => Ok(Decoded::Ignored(Ignored::of_event(other))),
        }
    }

    fn account_update(
        &mut self,
        contracts: &Contracts,
        account: &AccountScope,
        data: &[u8],
    ) -> Result<Decoded<'_>, Malformed> {
        let wire: WireAccountUpdate<'_> = json(data)?;
        self.positions.clear();
        for row in &wire.a.positions {
            if let Some(report) = position(contracts, row)? {
                self.positions.push(report);
            }
        }
        let margin = wire
            .a
            .balances
            .iter()
            .find(|b| b.asset.as_str() == account.margin_asset);
        let balance = match margin {
            Some(b) => Some(BalanceReport {
                wallet: decimal::quote(b.wallet.as_bytes())?,
                change: decimal::quote(b.change.as_bytes())?,
            }),
            None => None,
        };
        let reason = reason(wire.a.reason.as_str());
        let symbol = wire.a.symbol.as_ref();
        let named = symbol.and_then(|s| contracts.by_name(s.as_bytes()));
        // In isolated margin the position that paid stands beside the balance (protocol §3.4).
        let isolated = match (reason, wire.a.positions.as_slice()) {
            (AccountReason::Funding, [paid]) => contracts.by_name(paid.symbol.as_bytes()),
            _ => None,
        };
        Ok(event(Account::Update(AccountUpdate {
            reason,
            symbol: named.or(isolated).map(|c| c.id),
            balance,
            positions: &self.positions,
            time: Wall::from_millis(wire.transact_time.0),
        })))
    }
}

const fn event(account: Account<'_>) -> Decoded<'_> {
    Decoded::Event(Event::Account(account))
}

fn reason(text: &str) -> AccountReason {
    match text {
        "ORDER" => AccountReason::Order,
        "FUNDING_FEE" => AccountReason::Funding,
        _ => AccountReason::Other,
    }
}

#[derive(Deserialize)]
struct Top<'a> {
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    #[serde(borrow)]
    e: Option<Text<'a>>,
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    code: Option<i32>,
}

/// Answer to a control message on the private route.
fn control(top: &Top<'_>) -> Decoded<'static> {
    let id = top
        .id
        .and_then(|raw| raw.get().trim_matches('"').parse().ok());
    Decoded::Control(match top.code {
        Some(code) => Control::Refused(id, code),
        None => Control::Ack(id),
    })
}

#[derive(Deserialize)]
struct Head<'a> {
    #[serde(borrow)]
    e: Text<'a>,
}

#[derive(Deserialize)]
struct WireOrderUpdate<'a> {
    #[serde(rename = "E")]
    event_time: Whole,
    #[serde(borrow)]
    o: WireOrder<'a>,
}

#[derive(Deserialize)]
struct WireOrder<'a> {
    #[serde(borrow, rename = "s")]
    symbol: Text<'a>,
    #[serde(borrow, rename = "c")]
    client_id: Text<'a>,
    #[serde(borrow, rename = "S")]
    side: Text<'a>,
    #[serde(borrow, rename = "q")]
    size: Text<'a>,
    #[serde(borrow, rename = "p")]
    price: Text<'a>,
    #[serde(borrow, rename = "x")]
    execution: Text<'a>,
    #[serde(borrow, rename = "X")]
    status: Text<'a>,
    #[serde(rename = "i")]
    exchange_id: Whole,
    #[serde(borrow, rename = "l", default)]
    fill_size: Text<'a>,
    #[serde(borrow, rename = "z")]
    filled: Text<'a>,
    #[serde(borrow, rename = "L", default)]
    fill_price: Text<'a>,
    #[serde(borrow, rename = "n")]
    fee: Option<Text<'a>>,
    #[serde(borrow, rename = "N")]
    fee_asset: Option<Text<'a>>,
    #[serde(rename = "T")]
    time: Whole,
    #[serde(rename = "t", default)]
    trade_id: Whole,
    #[serde(rename = "m", default)]
    maker: Flag,
    #[serde(rename = "R", default)]
    reduce_only: Flag,
    #[serde(borrow, rename = "rp")]
    realized: Option<Text<'a>>,
}

fn order(
    contracts: &Contracts,
    account: &AccountScope,
    data: &[u8],
) -> Result<Decoded<'static>, Malformed> {
    let wire: WireOrderUpdate<'_> = json(data)?;
    let order = &wire.o;
    let Some(contract) = contracts.by_name(order.symbol.as_bytes()) else {
        return Ok(Decoded::Ignored(Ignored::Symbol));
    };
    let side = side(order.side.as_str())?;
    let execution = execution(order.execution.as_str());
    let owner = account.ids.decode(order.client_id.as_str());
    let (price, size) = price_and_size(contract, owner, order.price.as_str(), order.size.as_str())?;
    let report = OrderReport {
        symbol: contract.id,
        owner,
        exchange_id: order.exchange_id.0,
        side,
        price,
        size,
        filled: contract.lots(order.filled.as_str())?,
        status: status(order.status.as_str()),
        reduce_only: order.reduce_only.0,
        time: Wall::from_millis(order.time.0),
    };
    let fill = match execution {
        Execution::Trade | Execution::Liquidation => fill(contract, account, order, side)?,
        Execution::New
        | Execution::Canceled
        | Execution::Expired
        | Execution::Amended
        | Execution::Unrecognised => None,
    };
    if execution == Execution::Trade && fill.is_none() {
        return Err(Malformed::Shape);
    }
    Ok(event(Account::Order(OrderUpdate {
        report,
        execution,
        fill,
        event_time: Wall::from_millis(wire.event_time.0),
    })))
}

/// The trade inside an execution event; `None` when its size is zero.
fn fill(
    contract: &Contract,
    account: &AccountScope,
    order: &WireOrder<'_>,
    side: Side,
) -> Result<Option<Fill>, Malformed> {
    let size = contract.lots(order.fill_size.as_str())?;
    if size.is_zero() {
        return Ok(None);
    }
    let (fee, fee_other_e8) = fee(
        account,
        order.fee.as_ref().map(Text::as_bytes),
        order.fee_asset.as_ref().map(Text::as_str),
    )?;
    let realized = order.realized.as_ref();
    Ok(Some(Fill {
        trade_id: order.trade_id.0,
        price: fill_price(contract, order.fill_price.as_str(), side)?,
        size,
        fee,
        fee_other_e8,
        realized: realized.map_or(Ok(Quote::ZERO), |rp| decimal::quote(rp.as_bytes()))?,
        maker: order.maker.0,
    }))
}

/// Execution type `x` (protocol §3.3).
fn execution(text: &str) -> Execution {
    match text {
        "NEW" => Execution::New,
        "TRADE" => Execution::Trade,
        "CANCELED" => Execution::Canceled,
        "EXPIRED" => Execution::Expired,
        "AMENDMENT" => Execution::Amended,
        "CALCULATED" => Execution::Liquidation,
        _ => Execution::Unrecognised,
    }
}

#[derive(Deserialize)]
struct WireLite<'a> {
    #[serde(rename = "T")]
    time: Whole,
    #[serde(borrow, rename = "s")]
    symbol: Text<'a>,
    #[serde(borrow, rename = "c")]
    client_id: Text<'a>,
    #[serde(borrow, rename = "S")]
    side: Text<'a>,
    #[serde(borrow, rename = "L")]
    price: Text<'a>,
    #[serde(borrow, rename = "l")]
    size: Text<'a>,
    #[serde(rename = "t")]
    trade_id: Whole,
    #[serde(rename = "m", default)]
    maker: Flag,
}

fn lite(
    contracts: &Contracts,
    account: &AccountScope,
    data: &[u8],
) -> Result<Decoded<'static>, Malformed> {
    let wire: WireLite<'_> = json(data)?;
    let Some(contract) = contracts.by_name(wire.symbol.as_bytes()) else {
        return Ok(Decoded::Ignored(Ignored::Symbol));
    };
    let side = side(wire.side.as_str())?;
    Ok(event(Account::Lite(LiteFill {
        symbol: contract.id,
        owner: account.ids.decode(wire.client_id.as_str()),
        side,
        trade_id: wire.trade_id.0,
        price: fill_price(contract, wire.price.as_str(), side)?,
        size: contract.lots(wire.size.as_str())?,
        maker: wire.maker.0,
        time: Wall::from_millis(wire.time.0),
    })))
}

#[derive(Deserialize)]
struct WireAccountUpdate<'a> {
    #[serde(rename = "T")]
    transact_time: Whole,
    #[serde(borrow)]
    a: WireChange<'a>,
}

#[derive(Deserialize)]
struct WireChange<'a> {
    #[serde(borrow, rename = "m")]
    reason: Text<'a>,
    /// Symbol of a funding payment in cross margin (since 2026).
    #[serde(borrow, rename = "S")]
    symbol: Option<Text<'a>>,
    #[serde(borrow, rename = "B", default)]
    balances: Vec<WireBalance<'a>>,
    #[serde(borrow, rename = "P", default)]
    positions: Vec<WirePosition<'a>>,
}

#[derive(Deserialize)]
struct WireBalance<'a> {
    #[serde(borrow, rename = "a")]
    asset: Text<'a>,
    #[serde(borrow, rename = "wb")]
    wallet: Text<'a>,
    #[serde(borrow, rename = "bc")]
    change: Text<'a>,
}

#[derive(Deserialize)]
struct WirePosition<'a> {
    #[serde(borrow, rename = "s")]
    symbol: Text<'a>,
    #[serde(borrow, rename = "pa")]
    size: Text<'a>,
    #[serde(borrow, rename = "ep")]
    entry: Text<'a>,
    #[serde(borrow, rename = "ps")]
    position_side: Option<Text<'a>>,
}

fn position(
    contracts: &Contracts,
    row: &WirePosition<'_>,
) -> Result<Option<PositionReport>, Malformed> {
    let Some(contract) = contracts.by_name(row.symbol.as_bytes()) else {
        return Ok(None);
    };
    let side = row.position_side.as_ref().map_or("BOTH", Text::as_str);
    position_report(contract, side, row.size.as_str(), row.entry.as_str())
}

#[derive(Deserialize)]
struct WireConfig<'a> {
    #[serde(borrow)]
    ac: Option<WireLeverage<'a>>,
    ai: Option<WireMultiAssets>,
}

#[derive(Deserialize)]
struct WireLeverage<'a> {
    #[serde(borrow)]
    s: Text<'a>,
    l: u32,
}

#[derive(Deserialize)]
struct WireMultiAssets {
    j: bool,
}

fn config(contracts: &Contracts, data: &[u8]) -> Result<Decoded<'static>, Malformed> {
    let wire: WireConfig<'_> = json(data)?;
    let leverage = |ac: &WireLeverage<'_>| -> Option<(SymbolId, u32)> {
        contracts.by_name(ac.s.as_bytes()).map(|c| (c.id, ac.l))
    };
    Ok(match (&wire.ac, &wire.ai) {
        (Some(ac), _) => match leverage(ac) {
            Some((symbol, l)) => Decoded::AccountConfig(AccountConfig::Leverage(symbol, l)),
            None => Decoded::Ignored(Ignored::Symbol),
        },
        (None, Some(ai)) => Decoded::AccountConfig(AccountConfig::MultiAssets(ai.j)),
        (None, None) => Decoded::Ignored(Ignored::Unrecognised),
    })
}

#[cfg(test)]
mod tests;
