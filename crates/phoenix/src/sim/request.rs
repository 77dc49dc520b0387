//! Owns what the simulated process can ask of the exchange and what it can be told; knows nothing of how either comes about.

use crate::binance::codes::RequestKind;
use crate::live::orders::{Answered, Purpose};
use crate::live::wire::OwnedReply;
use crate::sim::fault::Asked;
use phoenix_core::action::Action;
use phoenix_core::event::{ContractStatus, OrderReport, Outcome, Refusal, Why};
use phoenix_core::instrument::SymbolId;
use phoenix_core::order::OrderId;
use phoenix_core::units::{Mono, Span, Wall};
use phoenix_exchange::Cost;

/// Levels of a snapshot.
pub(super) const LEVELS_MAX: usize = 1_000;

/// What the process asks of the exchange.
#[derive(Debug, Clone, PartialEq)]
pub enum Request {
    /// What the engine wants.
    Engine(Action),
    /// A listen key.
    Key,
    /// The renewal of it.
    KeepAlive,
    /// The exchange's time.
    Time,
    /// Contract data.
    Contracts,
}

impl Request {
    /// Sorted as in the table of error codes.
    #[must_use]
    pub const fn kind(&self) -> RequestKind {
        match self {
            Self::Engine(action) => match action {
                Action::Place(_) => RequestKind::Place,
                Action::Amend(_) => RequestKind::Amend,
                Action::Cancel(..) => RequestKind::Cancel,
                Action::CancelAll(_) => RequestKind::CancelAll,
                Action::ArmDeadMan(..) => RequestKind::DeadMan,
                Action::QueryOrder(..) => RequestKind::Query,
                Action::FetchOpenOrders(_)
                | Action::FetchAccount
                | Action::FetchTrades(..)
                | Action::FetchFunding(_)
                | Action::FetchSnapshot(_)
                | Action::Probe(_)
                | Action::ProbeAll
                | Action::RenewListenKey
                | Action::Reconnect(_)
                | Action::Say(_)
                | Action::Stopped => RequestKind::Read,
            },
            Self::Key | Self::KeepAlive => RequestKind::ListenKey,
            Self::Time | Self::Contracts => RequestKind::Read,
        }
    }

    /// Whether a fault of these requests strikes it.
    #[must_use]
    pub const fn is_among(&self, asked: Asked) -> bool {
        let kind = self.kind();
        let cancels = matches!(kind, RequestKind::Cancel | RequestKind::CancelAll);
        let places = matches!(kind, RequestKind::Place);
        match asked {
            Asked::Places => places,
            Asked::Cancels => cancels,
            Asked::Orders => cancels || places || matches!(kind, RequestKind::Amend),
            Asked::Reads => matches!(kind, RequestKind::Read | RequestKind::Query),
            Asked::DeadMan => matches!(kind, RequestKind::DeadMan),
            Asked::Keys => matches!(kind, RequestKind::ListenKey),
            Asked::Everything => true,
        }
    }

    /// What it costs of the limits (protocol §4).
    #[must_use]
    pub const fn cost(&self) -> Cost {
        match self {
            Self::Engine(action) => match action {
                Action::Place(_) | Action::Amend(_) => Cost::ORDER,
                Action::FetchSnapshot(_) => Cost::depth(LEVELS_MAX),
                Action::FetchFunding(_) => Cost::weight(30),
                Action::FetchAccount | Action::ArmDeadMan(..) => Cost::weight(10),
                Action::FetchTrades(..) | Action::ProbeAll => Cost::weight(5),
                Action::Probe(_) => Cost::weight(2),
                Action::Cancel(..)
                | Action::CancelAll(_)
                | Action::QueryOrder(..)
                | Action::FetchOpenOrders(_)
                | Action::RenewListenKey
                | Action::Reconnect(_)
                | Action::Say(_)
                | Action::Stopped => Cost::weight(1),
            },
            Self::Key | Self::KeepAlive | Self::Time | Self::Contracts => Cost::weight(1),
        }
    }

    /// Whether it carries a time stamp and a signature.
    #[must_use]
    pub const fn is_signed(&self) -> bool {
        match self {
            Self::Engine(Action::Probe(_) | Action::ProbeAll | Action::FetchSnapshot(_))
            | Self::Key
            | Self::KeepAlive
            | Self::Time
            | Self::Contracts => false,
            Self::Engine(_) => true,
        }
    }
}

/// What the process is told.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// To an order request.
    Order(Answered),
    /// To another request of the engine.
    Other(OwnedReply),
    /// A listen key; `None` when there is none.
    Key(Option<String>),
    /// Whether the listen key lives on.
    Kept(bool),
    /// The exchange's time.
    Time(Wall),
    /// The status of each symbol.
    Contracts(Vec<(SymbolId, ContractStatus)>),
}

/// What became of a request at the exchange.
#[derive(Debug, Clone, PartialEq)]
pub enum Fate {
    /// Answered after this.
    Answered(Answer, Span),
    /// Never answered.
    Silence,
    /// Answered that it is unknown; carried out after this.
    Later(Answer, Span),
}
/// An answer to an order request.
pub(super) const fn answered(
    kind: RequestKind,
    symbol: SymbolId,
    id: OrderId,
    outcome: Outcome<OrderReport>,
) -> Answer {
    let purpose = Purpose { kind, symbol, id };
    Answer::Order(Answered { purpose, outcome })
}

/// What the process is told of a request that was not done, or of which nothing is known.
#[must_use]
pub fn failed(request: &Request, outcome: Outcome<()>, at: Mono) -> Answer {
    let refusal = match outcome {
        Outcome::Refused(refusal) => Some(refusal),
        Outcome::Accepted(()) | Outcome::Unknown => None,
    };
    let action = match request {
        Request::Engine(action) => action,
        Request::Key => return Answer::Key(None),
        Request::KeepAlive => return Answer::Kept(false),
        Request::Time | Request::Contracts => return Answer::Contracts(Vec::new()),
    };
    match action {
        Action::Place(order) => {
            let order = order.inner();
            answered(RequestKind::Place, order.symbol, order.id, typed(refusal))
        }
        Action::Amend(amendment) => {
            let amendment = amendment.inner();
            answered(
                RequestKind::Amend,
                amendment.symbol,
                amendment.id,
                typed(refusal),
            )
        }
        Action::Cancel(symbol, id) => answered(RequestKind::Cancel, *symbol, *id, typed(refusal)),
        other => Answer::Other(failed_read(other, refusal, at)),
    }
}

fn typed<T>(refusal: Option<Refusal>) -> Outcome<T> {
    refusal.map_or(Outcome::Unknown, Outcome::Refused)
}

fn failed_read(action: &Action, refusal: Option<Refusal>, at: Mono) -> OwnedReply {
    let transient = Refusal {
        why: Why::Transient,
        code: 0,
        retry_after: Span::ZERO,
    };
    match action {
        Action::CancelAll(symbol) => OwnedReply::CancelAll(*symbol, typed(refusal)),
        Action::QueryOrder(symbol, id) => OwnedReply::Query(*symbol, *id, typed(refusal)),
        Action::FetchOpenOrders(symbol) => OwnedReply::OpenOrders(*symbol, at, Err(refusal)),
        Action::FetchAccount => OwnedReply::Account(at, Err(refusal)),
        Action::FetchTrades(symbol, _) => OwnedReply::Trades(*symbol, at, Err(refusal)),
        Action::FetchFunding(_) => OwnedReply::Funding(at, Err(refusal)),
        Action::FetchSnapshot(symbol) => {
            OwnedReply::Snapshot(*symbol, Err(refusal.unwrap_or(transient)))
        }
        Action::Probe(symbol) => OwnedReply::Probe(*symbol, at, typed(refusal)),
        Action::ProbeAll => OwnedReply::ProbeAll(at, Err(refusal)),
        Action::ArmDeadMan(symbol, _) => OwnedReply::DeadMan(*symbol, at, typed(refusal)),
        _ => OwnedReply::Weight(0),
    }
}

/// The exchange's "unknown error": it may have been done.
#[must_use]
pub(super) fn unknown(request: &Request, at: Mono) -> Answer {
    failed(request, Outcome::Unknown, at)
}
