//! Owns the bytes of what the engine asks for. A new order is written and never read back as one: only the risk gate can
//! approve, so what is read is an order in plain terms, for people and for comparison.

use super::codec;
use phoenix_core::action::Action;
use phoenix_core::event::{Link, TradesFrom};
use phoenix_core::instrument::SymbolId;
use phoenix_core::notice::Notice;
use phoenix_core::order::{Amendment, NewOrder, OrderId};
use phoenix_core::units::{Span, Wall};

/// An action in plain terms; see [`Action`] for each.
#[allow(missing_docs, reason = "each variant is the action of the same name")]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Asked {
    Place(NewOrder),
    Amend(Amendment),
    Cancel(SymbolId, OrderId),
    CancelAll(SymbolId),
    QueryOrder(SymbolId, OrderId),
    FetchOpenOrders(SymbolId),
    FetchAccount,
    FetchTrades(SymbolId, TradesFrom),
    FetchFunding(Wall),
    FetchSnapshot(SymbolId),
    Probe(SymbolId),
    ProbeAll,
    ArmDeadMan(SymbolId, Span),
    RenewListenKey,
    Reconnect(Link),
    Say(Notice),
    Stopped,
}

codec!(enum Asked {
    0 => Place(order), 1 => Amend(amendment), 2 => Cancel(symbol, id), 3 => CancelAll(symbol),
    4 => QueryOrder(symbol, id), 5 => FetchOpenOrders(symbol), 6 => FetchAccount,
    7 => FetchTrades(symbol, from), 8 => FetchFunding(since), 9 => FetchSnapshot(symbol),
    10 => Probe(symbol), 11 => ProbeAll, 12 => ArmDeadMan(symbol, span), 13 => RenewListenKey,
    14 => Reconnect(link), 15 => Say(notice), 16 => Stopped,
});

impl From<&Action> for Asked {
    fn from(action: &Action) -> Self {
        match *action {
            Action::Place(approved) => Self::Place(*approved.inner()),
            Action::Amend(approved) => Self::Amend(*approved.inner()),
            Action::Cancel(symbol, id) => Self::Cancel(symbol, id),
            Action::CancelAll(symbol) => Self::CancelAll(symbol),
            Action::QueryOrder(symbol, id) => Self::QueryOrder(symbol, id),
            Action::FetchOpenOrders(symbol) => Self::FetchOpenOrders(symbol),
            Action::FetchAccount => Self::FetchAccount,
            Action::FetchTrades(symbol, from) => Self::FetchTrades(symbol, from),
            Action::FetchFunding(since) => Self::FetchFunding(since),
            Action::FetchSnapshot(symbol) => Self::FetchSnapshot(symbol),
            Action::Probe(symbol) => Self::Probe(symbol),
            Action::ProbeAll => Self::ProbeAll,
            Action::ArmDeadMan(symbol, span) => Self::ArmDeadMan(symbol, span),
            Action::RenewListenKey => Self::RenewListenKey,
            Action::Reconnect(link) => Self::Reconnect(link),
            Action::Say(notice) => Self::Say(notice),
            Action::Stopped => Self::Stopped,
        }
    }
}
