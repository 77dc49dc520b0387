//! Owns the REST requests of the cold side: each from the engine's wish to its answer.

use crate::binance::contracts::{Contract, Contracts};
use crate::binance::decode::AccountScope;
use crate::binance::decode::market::Levels;
use crate::binance::decode::rest::account::{Income, IncomeKind};
use crate::binance::decode::rest::{self as body, BodyError, account, reference, trading};
use crate::binance::encode::rest::{Endpoint, ROWS_LIMIT};
use crate::live::rest::Rest;
use crate::live::wire::{OwnedAccount, OwnedFunding, OwnedReply, OwnedSnapshot};
use phoenix_core::action::Action;
use phoenix_core::event::{
    BookTicker, FundingPayment, Outcome, Refusal, TRADES_WINDOW, TradesFrom,
};
use phoenix_core::instrument::SymbolId;
use phoenix_core::units::{FundingHour, Mono, Quote, Span, Wall};
use std::sync::Arc;

/// What REST requests need to know; shared by the tasks that carry them out.
#[derive(Debug, Clone)]
pub struct Desk {
    /// REST access on the cold runtime.
    pub rest: Rest,
    /// Contract data.
    pub contracts: Arc<Contracts>,
    /// Client ids and margin asset.
    pub account: AccountScope,
}

/// Carries out one request of the engine.
pub(super) async fn carry_out(desk: &Desk, action: Action, at: Mono) -> Option<OwnedReply> {
    let contract_of = |symbol: SymbolId| desk.contracts.by_id(symbol);
    Some(match action {
        Action::CancelAll(symbol) => {
            let contract = contract_of(symbol)?;
            let read = desk
                .rest
                .ask(
                    |e, a, out| e.about(Endpoint::CancelAll, contract, a, out),
                    body::done,
                )
                .await;
            OwnedReply::CancelAll(symbol, read.outcome)
        }
        Action::QueryOrder(symbol, id) => {
            let contract = contract_of(symbol)?;
            let read = desk
                .rest
                .ask(
                    |e, a, out| e.query(contract, &desk.account.ids, id, a, out),
                    |b| trading::order(&desk.contracts, &desk.account, b),
                )
                .await;
            OwnedReply::Query(symbol, id, read.outcome)
        }
        Action::FetchOpenOrders(symbol) => {
            OwnedReply::OpenOrders(symbol, at, open_orders(desk, contract_of(symbol)?).await)
        }
        Action::FetchAccount => OwnedReply::Account(at, account_now(desk).await),
        Action::FetchTrades(symbol, from) => {
            OwnedReply::Trades(symbol, at, trades(desk, contract_of(symbol)?, from).await)
        }
        Action::FetchFunding(from) => OwnedReply::Funding(at, funding(desk, from).await),
        Action::FetchSnapshot(symbol) => {
            OwnedReply::Snapshot(symbol, snapshot(desk, contract_of(symbol)?).await)
        }
        Action::Probe(symbol) => {
            let contract = contract_of(symbol)?;
            let read = desk
                .rest
                .ask(
                    |e, a, out| e.about(Endpoint::BookTicker, contract, a, out),
                    |b| reference::book_ticker(contract, b),
                )
                .await;
            OwnedReply::Probe(symbol, at, read.outcome)
        }
        Action::ProbeAll => OwnedReply::ProbeAll(at, best_prices(desk).await),
        Action::ArmDeadMan(symbol, span) => OwnedReply::DeadMan(
            symbol,
            at,
            countdown(desk, contract_of(symbol)?, span).await,
        ),
        Action::Place(_)
        | Action::Amend(_)
        | Action::Cancel(..)
        | Action::RenewListenKey
        | Action::Reconnect(_)
        | Action::Say(_)
        | Action::Stopped => return None,
    })
}

fn result_of<T>(outcome: Outcome<T>) -> Result<T, Option<Refusal>> {
    match outcome {
        Outcome::Accepted(value) => Ok(value),
        Outcome::Refused(refusal) => Err(Some(refusal)),
        Outcome::Unknown => Err(None),
    }
}

/// Every open order of the account on a symbol.
pub async fn open_orders(
    desk: &Desk,
    contract: &Contract,
) -> Result<Vec<phoenix_core::event::OrderReport>, Option<Refusal>> {
    let read = desk
        .rest
        .ask(
            |e, a, out| e.about(Endpoint::OpenOrders, contract, a, out),
            |b| {
                let mut list = Vec::new();
                trading::open_orders(&desk.contracts, &desk.account, b, &mut list).map(|()| list)
            },
        )
        .await;
    result_of(read.outcome)
}

/// Best bid and ask of each of our symbols, from one answer about every symbol of the exchange.
async fn best_prices(desk: &Desk) -> Result<Vec<(SymbolId, BookTicker)>, Option<Refusal>> {
    let read = desk
        .rest
        .ask(
            |e, a, out| e.plain(Endpoint::BookTickers, a, out),
            |b| reference::book_tickers(&desk.contracts, b),
        )
        .await;
    result_of(read.outcome)
}

async fn trades(
    desk: &Desk,
    contract: &Contract,
    from: TradesFrom,
) -> Result<Vec<phoenix_core::event::TradeReport>, Option<Refusal>> {
    let oldest = oldest_kept(desk);
    let read = desk
        .rest
        .ask(
            |e, a, out| match from {
                TradesFrom::Id(id) => e.user_trades(contract, id, a, out),
                TradesFrom::Time(from) => {
                    let from = from.max(oldest);
                    let to = Wall(from.raw().saturating_add(TRADES_WINDOW.raw() - 1_000_000));
                    e.user_trades_between(contract, (from, to), a, out)
                }
            },
            |b| {
                let mut list = Vec::new();
                trading::trades(contract, &desk.account, b, &mut list).map(|()| list)
            },
        )
        .await;
    result_of(read.outcome)
}

/// What is older is not asked for: the exchange keeps three months (protocol §4.4, §4.5), and refuses or ignores what
/// begins before.
const KEPT: Span = Span::from_secs(89 * 86_400);

fn oldest_kept(desk: &Desk) -> Wall {
    Wall(desk.rest.clock().wall().raw().saturating_sub(KEPT.raw()))
}

/// Our idea of the exchange's time may be behind by this much, and what was booked just now is wanted too.
const AHEAD: Span = Span::from_secs(60);

async fn funding(desk: &Desk, from: Wall) -> Result<OwnedFunding, Option<Refusal>> {
    let asked = desk.rest.clock().wall();
    let to = Wall(asked.raw().saturating_add(AHEAD.raw()));
    let start = from.max(oldest_kept(desk));
    let read = desk
        .rest
        .ask(
            |e, a, out| e.funding_income(start, to, a, out),
            |b| account::income(&desk.contracts, b),
        )
        .await;
    let rows = result_of(read.outcome)?;
    let is_full = rows.len() >= usize::try_from(ROWS_LIMIT).unwrap_or(usize::MAX);
    let last = rows.last().filter(|_| is_full);
    Ok(OwnedFunding {
        payments: payments_in(&rows, &desk.account.margin_asset),
        asked,
        next: last.map(|last| next_page(start, last.time)),
    })
}

/// Payments of symbols of this session, in the margin asset.
fn payments_in(rows: &[Income], margin_asset: &str) -> Vec<FundingPayment> {
    let ours = rows
        .iter()
        .filter(|row| row.kind == IncomeKind::Funding && row.asset == margin_asset);
    let payment = |row: &Income| {
        Some(FundingPayment {
            symbol: row.symbol?,
            amount: Quote(row.amount_e8),
            time: row.time,
        })
    };
    ours.filter_map(payment).collect()
}

/// Where the page after a full one begins that began at `from` and ended with a payment at `last`: with the hour of
/// that payment, of which more may follow; further on where one hour fills a page.
fn next_page(from: Wall, last: Wall) -> Wall {
    let whole = FundingHour(FundingHour::of(last).0 - 1).end();
    if whole > from {
        whole
    } else {
        Wall(last.max(from).raw().saturating_add(1_000_000))
    }
}

async fn snapshot(desk: &Desk, contract: &Contract) -> Result<OwnedSnapshot, Refusal> {
    let owned = |b: &[u8]| -> Result<OwnedSnapshot, BodyError> {
        let mut levels = Levels::default();
        let seen = reference::snapshot(contract, b, &mut levels)?;
        Ok(OwnedSnapshot {
            last_id: seen.last_id,
            transact_time: seen.transact_time,
            bids: seen.bids.to_vec(),
            asks: seen.asks.to_vec(),
        })
    };
    let read = desk
        .rest
        .ask(
            |e, a, out| e.about(Endpoint::Depth, contract, a, out),
            owned,
        )
        .await;
    result_of(read.outcome).map_err(|refusal| {
        refusal.unwrap_or(crate::live::rest::refusal(
            phoenix_core::event::Why::Transient,
        ))
    })
}

/// Balance, then positions. The positions contain every fill up to the instant before they were asked for.
pub async fn account_now(desk: &Desk) -> Result<OwnedAccount, Option<Refusal>> {
    let read = desk
        .rest
        .ask(
            |e, a, out| e.plain(Endpoint::Balance, a, out),
            |b| account::balance(&desk.account, b),
        )
        .await;
    let balance = result_of(read.outcome)?;
    let time: Wall = desk.rest.clock().wall();
    let read = desk
        .rest
        .ask(
            |e, a, out| e.plain(Endpoint::PositionRisk, a, out),
            |b| {
                let mut list = Vec::new();
                account::positions(&desk.contracts, b, &mut list).map(|()| list)
            },
        )
        .await;
    let positions = result_of(read.outcome)?;
    Ok(OwnedAccount {
        balance: Some(balance),
        positions,
        time,
    })
}

async fn countdown(desk: &Desk, contract: &Contract, span: Span) -> Outcome<Span> {
    let read = desk
        .rest
        .ask(
            |e, a, out| e.countdown(contract, span, a, out),
            |b| trading::countdown(contract, b),
        )
        .await;
    read.outcome
}

/// Cancels every order of the account on a symbol, from outside the engine.
pub async fn cancel_all(desk: &Desk, contract: &Contract) -> Outcome<()> {
    desk.rest
        .ask(
            |e, a, out| e.about(Endpoint::CancelAll, contract, a, out),
            body::done,
        )
        .await
        .outcome
}

#[cfg(test)]
mod tests {
    use super::*;
    use phoenix_core::event::FundingPage;

    const fn at(hour: i64, second: i64) -> Wall {
        Wall((hour * 3_600 + second) * 1_000_000_000)
    }

    #[test]
    fn a_full_page_is_followed_by_one_that_begins_with_its_last_hour() {
        let page = |next| FundingPage {
            payments: &[],
            asked: at(500, 0),
            next: Some(next),
        };
        let next = next_page(at(7, 1_800), at(16, 2));
        assert_eq!(next, at(15, 1_800));
        assert_eq!(page(next).through(), FundingHour(15), "16 may be cut");
        // A page of one hour only: what follows it is new.
        let next = next_page(at(15, 1_800), at(16, 2));
        assert_eq!(next, Wall(at(16, 2).raw() + 1_000_000));
        assert_eq!(page(next).through(), FundingHour(15));
    }

    #[test]
    fn only_funding_of_our_symbols_in_the_margin_asset_is_taken() {
        let row = |symbol: Option<u16>, kind, asset: &str, amount_e8| Income {
            symbol: symbol.map(SymbolId),
            kind,
            amount_e8,
            asset: asset.to_owned(),
            time: at(8, 1),
            transaction_id: 1,
            trade_id: 0,
        };
        let rows = [
            row(Some(0), IncomeKind::Funding, "USDC", -7),
            row(Some(0), IncomeKind::Commission, "USDC", -6),
            row(None, IncomeKind::Funding, "USDC", -5),
            row(Some(1), IncomeKind::Funding, "USDT", -4),
        ];
        let payment = FundingPayment {
            symbol: SymbolId(0),
            amount: Quote(-7),
            time: at(8, 1),
        };
        assert_eq!(payments_in(&rows, "USDC"), [payment]);
    }
}
