//! Owns the REST requests of the cold side: each from the engine's wish to its answer.

use crate::binance::contracts::{Contract, Contracts};
use crate::binance::decode::AccountScope;
use crate::binance::decode::market::Levels;
use crate::binance::decode::rest::{self as body, BodyError, account, reference, trading};
use crate::binance::encode::rest::Endpoint;
use crate::live::rest::Rest;
use crate::live::wire::{OwnedAccount, OwnedReply, OwnedSnapshot};
use phoenix_core::action::Action;
use phoenix_core::event::{Outcome, Refusal};
use phoenix_core::instrument::SymbolId;
use phoenix_core::units::{Mono, Span, Wall};
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

async fn trades(
    desk: &Desk,
    contract: &Contract,
    from: i64,
) -> Result<Vec<phoenix_core::event::TradeReport>, Option<Refusal>> {
    let read = desk
        .rest
        .ask(
            |e, a, out| e.user_trades(contract, from, a, out),
            |b| {
                let mut list = Vec::new();
                trading::trades(contract, &desk.account, b, &mut list).map(|()| list)
            },
        )
        .await;
    result_of(read.outcome)
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
