//! Owns what the hot and the cold thread tell each other; decides nothing.

use super::rest::refusal;
use phoenix_core::action::Action;
use phoenix_core::engine::view::{SymbolView, View};
use phoenix_core::event::{
    Account, AccountReason, AccountUpdate, BalanceReport, BookTicker, Config, ContractStatus,
    DepthSnapshot, Event, FundingPage, FundingPayment, Level, Market, Operator, OrderReport,
    OrderUpdate, Outcome, PositionReport, Refusal, Reply, Resume, TradeReport, Why,
};
use phoenix_core::instrument::{Instrument, SymbolId};
use phoenix_core::notice::Notice;
use phoenix_core::order::{NewOrder, OrderId};
use phoenix_core::params::{AccountParams, SymbolParams};
use phoenix_core::units::{Mono, Now, Span, Wall};

/// Messages waiting for the hot thread. When it is full the cold thread waits; it never holds locks then.
pub const TO_HOT_MAX: usize = 1_024;
/// Messages waiting for the cold thread. When it is full, requests are answered "not sent" at once and the
/// engine asks again: one that is carried out late is worse. What the books depend on waits in the hot thread, everything else is dropped
/// and counted.
pub const TO_COLD_MAX: usize = 8_192;

/// A reply that crosses threads, with its lists owned.
#[derive(Debug, Clone, PartialEq)]
pub enum OwnedReply {
    /// See [`Reply::Cancel`].
    Cancel(SymbolId, OrderId, Outcome<OrderReport>),
    /// See [`Reply::CancelAll`].
    CancelAll(SymbolId, Outcome<()>),
    /// See [`Reply::Query`].
    Query(SymbolId, OrderId, Outcome<OrderReport>),
    /// See [`Reply::OpenOrders`].
    OpenOrders(SymbolId, Mono, Result<Vec<OrderReport>, Option<Refusal>>),
    /// See [`Reply::Account`].
    Account(Mono, Result<OwnedAccount, Option<Refusal>>),
    /// See [`Reply::Trades`].
    Trades(SymbolId, Mono, Result<Vec<TradeReport>, Option<Refusal>>),
    /// See [`Reply::Funding`].
    Funding(Mono, Result<OwnedFunding, Option<Refusal>>),
    /// See [`Reply::Probe`].
    Probe(SymbolId, Mono, Outcome<BookTicker>),
    /// See [`Reply::ProbeAll`].
    ProbeAll(Mono, Result<Vec<(SymbolId, BookTicker)>, Option<Refusal>>),
    /// See [`Reply::DeadMan`].
    DeadMan(SymbolId, Mono, Outcome<Span>),
    /// See [`Market::Snapshot`] and [`Market::SnapshotFailed`].
    Snapshot(SymbolId, Result<OwnedSnapshot, Refusal>),
    /// See [`Reply::Weight`].
    Weight(u32),
}

/// Balance and positions.
#[derive(Debug, Clone, PartialEq)]
pub struct OwnedAccount {
    /// Wallet of the margin asset.
    pub balance: Option<BalanceReport>,
    /// Positions, flat ones included.
    pub positions: Vec<PositionReport>,
    /// Exchange time that the positions contain every fill of.
    pub time: Wall,
}

/// A page of funding payments.
#[derive(Debug, Clone, PartialEq)]
pub struct OwnedFunding {
    /// Payments, oldest first.
    pub payments: Vec<FundingPayment>,
    /// Exchange time at which it was asked for.
    pub asked: Wall,
    /// Where the rest begins; `None` when this is all.
    pub next: Option<Wall>,
}

impl OwnedFunding {
    /// As the engine takes it.
    #[must_use]
    pub fn page(&self) -> FundingPage<'_> {
        FundingPage {
            payments: &self.payments,
            asked: self.asked,
            next: self.next,
        }
    }
}

/// A depth snapshot.
#[derive(Debug, Clone, PartialEq)]
pub struct OwnedSnapshot {
    /// `lastUpdateId`.
    pub last_id: i64,
    /// `T`.
    pub transact_time: Wall,
    /// Bids, best first.
    pub bids: Vec<Level>,
    /// Asks, best first.
    pub asks: Vec<Level>,
}

const fn refusal_in<T>(outcome: &Outcome<T>) -> Option<Refusal> {
    match outcome {
        Outcome::Refused(refusal) => Some(*refusal),
        Outcome::Accepted(_) | Outcome::Unknown => None,
    }
}

const fn outcome_of<T>(result: &Result<T, Option<Refusal>>) -> Outcome<&T> {
    match result {
        Ok(value) => Outcome::Accepted(value),
        Err(Some(refusal)) => Outcome::Refused(*refusal),
        Err(None) => Outcome::Unknown,
    }
}

fn map<T, U>(outcome: Outcome<T>, f: impl FnOnce(T) -> U) -> Outcome<U> {
    match outcome {
        Outcome::Accepted(value) => Outcome::Accepted(f(value)),
        Outcome::Refused(refusal) => Outcome::Refused(refusal),
        Outcome::Unknown => Outcome::Unknown,
    }
}

impl OwnedReply {
    /// The refusal, if it is one.
    #[must_use]
    pub fn refusal(&self) -> Option<Refusal> {
        match self {
            Self::Cancel(_, _, outcome) | Self::Query(_, _, outcome) => refusal_in(outcome),
            Self::CancelAll(_, outcome) => refusal_in(outcome),
            Self::Probe(_, _, outcome) => refusal_in(outcome),
            Self::ProbeAll(_, result) => result.as_ref().err().copied().flatten(),
            Self::DeadMan(_, _, outcome) => refusal_in(outcome),
            Self::OpenOrders(_, _, result) => result.as_ref().err().copied().flatten(),
            Self::Account(_, result) => result.as_ref().err().copied().flatten(),
            Self::Trades(_, _, result) => result.as_ref().err().copied().flatten(),
            Self::Funding(_, result) => result.as_ref().err().copied().flatten(),
            Self::Snapshot(_, result) => result.as_ref().err().copied(),
            Self::Weight(_) => None,
        }
    }

    /// What the engine is told of a request, made at `at`, that was certainly not sent; `None` for an action that
    /// nobody answers.
    #[must_use]
    pub fn not_sent(action: &Action, at: Mono) -> Option<Self> {
        let why = refusal(Why::NotSent);
        Some(match action {
            Action::CancelAll(symbol) => Self::CancelAll(*symbol, Outcome::Refused(why)),
            Action::QueryOrder(symbol, id) => Self::Query(*symbol, *id, Outcome::Refused(why)),
            Action::Cancel(symbol, id) => Self::Cancel(*symbol, *id, Outcome::Refused(why)),
            Action::FetchOpenOrders(symbol) => Self::OpenOrders(*symbol, at, Err(Some(why))),
            Action::FetchAccount => Self::Account(at, Err(Some(why))),
            Action::FetchTrades(symbol, _) => Self::Trades(*symbol, at, Err(Some(why))),
            Action::FetchFunding(_) => Self::Funding(at, Err(Some(why))),
            Action::FetchSnapshot(symbol) => Self::Snapshot(*symbol, Err(why)),
            Action::Probe(symbol) => Self::Probe(*symbol, at, Outcome::Refused(why)),
            Action::ProbeAll => Self::ProbeAll(at, Err(Some(why))),
            Action::ArmDeadMan(symbol, _) => Self::DeadMan(*symbol, at, Outcome::Refused(why)),
            Action::Place(_)
            | Action::Amend(_)
            | Action::RenewListenKey
            | Action::Reconnect(_)
            | Action::Say(_)
            | Action::Stopped => return None,
        })
    }

    /// Shows it as the event that the engine takes.
    #[must_use]
    pub fn event(&self) -> Event<'_> {
        let reply = match self {
            Self::Cancel(symbol, id, outcome) => Reply::Cancel(*symbol, *id, *outcome),
            Self::CancelAll(symbol, outcome) => Reply::CancelAll(*symbol, *outcome),
            Self::Query(symbol, id, outcome) => Reply::Query(*symbol, *id, *outcome),
            Self::OpenOrders(symbol, requested_at, result) => Reply::OpenOrders {
                symbol: *symbol,
                requested_at: *requested_at,
                outcome: map(outcome_of(result), Vec::as_slice),
            },
            Self::Account(requested_at, result) => Reply::Account {
                requested_at: *requested_at,
                outcome: map(outcome_of(result), |account| AccountUpdate {
                    reason: AccountReason::Other,
                    symbol: None,
                    balance: account.balance,
                    positions: &account.positions,
                    time: account.time,
                }),
            },
            Self::Funding(requested_at, result) => Reply::Funding {
                requested_at: *requested_at,
                outcome: map(outcome_of(result), OwnedFunding::page),
            },
            Self::Trades(symbol, requested_at, result) => Reply::Trades {
                symbol: *symbol,
                requested_at: *requested_at,
                outcome: map(outcome_of(result), Vec::as_slice),
            },
            Self::Probe(symbol, requested_at, outcome) => Reply::Probe {
                symbol: *symbol,
                requested_at: *requested_at,
                outcome: *outcome,
            },
            Self::ProbeAll(requested_at, result) => Reply::ProbeAll {
                requested_at: *requested_at,
                outcome: map(outcome_of(result), Vec::as_slice),
            },
            Self::DeadMan(symbol, requested_at, outcome) => Reply::DeadMan {
                symbol: *symbol,
                requested_at: *requested_at,
                outcome: *outcome,
            },
            Self::Weight(used) => Reply::Weight(*used),
            Self::Snapshot(symbol, result) => {
                return Event::Market(
                    *symbol,
                    match result {
                        Ok(snapshot) => Market::Snapshot(DepthSnapshot {
                            last_id: snapshot.last_id,
                            transact_time: snapshot.transact_time,
                            bids: &snapshot.bids,
                            asks: &snapshot.asks,
                        }),
                        Err(refusal) => Market::SnapshotFailed(*refusal),
                    },
                );
            }
        };
        Event::Reply(reply)
    }
}

/// To the hot thread.
#[derive(Debug)]
pub enum ToHot {
    /// The answer to a request that the cold thread carried out.
    Reply(OwnedReply),
    /// A fresh listen key: connect the user stream with it.
    ListenKey(String),
    /// Whether a contract trades, by its name: asked for because the stream says it once.
    Status(String, ContractStatus),
    /// A person, a signal or a file.
    Operator(Operator),
    /// A configuration change.
    Config(OwnedConfig),
    /// End the loop now, whatever is open.
    Abandon,
}

/// A configuration change that crosses threads.
#[derive(Debug, Clone, PartialEq)]
pub enum OwnedConfig {
    /// See [`Config::Add`].
    Add(SymbolId, Box<Instrument>, Box<SymbolParams>, Resume),
    /// See [`Config::Change`].
    Change(SymbolId, Box<SymbolParams>),
    /// See [`Config::Remove`].
    Remove(SymbolId),
    /// See [`Config::Account`].
    Account(AccountParams),
}

impl OwnedConfig {
    /// Shows it as the event that the engine takes.
    #[must_use]
    pub const fn event(&self) -> Event<'_> {
        Event::Config(match self {
            Self::Add(symbol, instrument, params, resume) => {
                Config::Add(*symbol, instrument, params, *resume)
            }
            Self::Change(symbol, params) => Config::Change(*symbol, params),
            Self::Remove(symbol) => Config::Remove(*symbol),
            Self::Account(params) => Config::Account(*params),
        })
    }
}

/// To the cold thread.
#[derive(Debug, Clone)]
pub enum ToCold {
    /// A request of the engine that is not order entry, and when it was made.
    Ask(Action, Mono),
    /// An order was sent.
    Placed(NewOrder, Now),
    /// An order of ours changed; fills are in here.
    Updated(Box<OrderUpdate>, Now),
    /// A funding payment was told.
    Funding(FundingPayment),
    /// The engine says something.
    Notice(Notice, Now),
    /// A snapshot of the engine.
    View(Box<View>),
    /// A removed symbol, as it ended: nothing of ours is open.
    Ended(Box<SymbolView>),
    /// A reply refused for the clock (−1021).
    ClockRefused,
    /// The user stream needs a new listen key.
    NeedListenKey,
    /// The engine's graceful end is complete.
    Stopped,
}

impl ToCold {
    /// What the journal wants to know of an account event.
    #[must_use]
    pub fn of_account(event: &Event<'_>, now: Now) -> Option<Self> {
        let Event::Account(account) = event else {
            return None;
        };
        match account {
            Account::Order(update) => Some(Self::Updated(Box::new(*update), now)),
            Account::Update(update) if update.reason == AccountReason::Funding => {
                Some(Self::Funding(FundingPayment {
                    symbol: update.symbol?,
                    amount: update.balance?.change,
                    time: update.time,
                }))
            }
            Account::Update(_)
            | Account::Lite(_)
            | Account::ListenKeyExpired
            | Account::MarginCall
            | Account::Malformed(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use phoenix_core::event::TradesFrom;
    #[test]
    fn every_request_that_is_answered_can_be_answered_not_sent() {
        let (symbol, at) = (SymbolId(0), Mono(1));
        let id = OrderId { session: 1, seq: 1 };
        for action in [
            Action::CancelAll(symbol),
            Action::QueryOrder(symbol, id),
            Action::FetchOpenOrders(symbol),
            Action::FetchAccount,
            Action::FetchTrades(symbol, TradesFrom::Id(1)),
            Action::FetchFunding(Wall(1)),
            Action::FetchSnapshot(symbol),
            Action::Probe(symbol),
            Action::ProbeAll,
            Action::ArmDeadMan(symbol, Span::ZERO),
        ] {
            let reply = OwnedReply::not_sent(&action, at).expect("an answer");
            let refusal = reply.refusal().expect("a refusal");
            assert_eq!(refusal.why, Why::NotSent, "{action:?}");
        }
        assert_eq!(OwnedReply::not_sent(&Action::Stopped, at), None);
    }

    #[test]
    fn a_refusal_is_found_in_every_reply_that_can_be_one() {
        let refusal = Refusal {
            why: Why::Clock,
            code: -1021,
            retry_after: Span::ZERO,
        };
        let (symbol, at) = (SymbolId(0), Mono(1));
        let id = OrderId { session: 1, seq: 1 };
        for reply in [
            OwnedReply::Cancel(symbol, id, Outcome::Refused(refusal)),
            OwnedReply::CancelAll(symbol, Outcome::Refused(refusal)),
            OwnedReply::Query(symbol, id, Outcome::Refused(refusal)),
            OwnedReply::OpenOrders(symbol, at, Err(Some(refusal))),
            OwnedReply::Account(at, Err(Some(refusal))),
            OwnedReply::Trades(symbol, at, Err(Some(refusal))),
            OwnedReply::Funding(at, Err(Some(refusal))),
            OwnedReply::Probe(symbol, at, Outcome::Refused(refusal)),
            OwnedReply::ProbeAll(at, Err(Some(refusal))),
            OwnedReply::DeadMan(symbol, at, Outcome::Refused(refusal)),
            OwnedReply::Snapshot(symbol, Err(refusal)),
        ] {
            assert_eq!(reply.refusal(), Some(refusal), "{reply:?}");
        }
        assert_eq!(OwnedReply::Account(at, Err(None)).refusal(), None);
        assert_eq!(
            OwnedReply::CancelAll(symbol, Outcome::Unknown).refusal(),
            None
        );
    }
}
