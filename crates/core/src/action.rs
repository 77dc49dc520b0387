//! Owns everything the engine can ask for; knows nothing of how it is carried out.

use crate::event::{Link, TradesFrom};
use crate::instrument::SymbolId;
use crate::notice::Notice;
use crate::order::{Amendment, NewOrder, OrderId};
use crate::risk::Approved;
use crate::units::{Span, Wall};
use alloc::vec::Vec;

/// One thing to be done by the driver, in order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Action {
    /// Send a new order. Drivers may batch neighbours (protocol §4.4).
    Place(Approved<NewOrder>),
    /// Modify a resting order.
    Amend(Approved<Amendment>),
    /// Cancel one order by client id.
    Cancel(SymbolId, OrderId),
    /// Cancel every order of the account on the symbol.
    CancelAll(SymbolId),
    /// Ask for one order by client id.
    QueryOrder(SymbolId, OrderId),
    /// Ask for all open orders of a symbol.
    FetchOpenOrders(SymbolId),
    /// Ask for balance and positions.
    FetchAccount,
    /// Ask for our trades from there on.
    FetchTrades(SymbolId, TradesFrom),
    /// Ask for the funding payments of all symbols booked at or after this instant of the exchange.
    FetchFunding(Wall),
    /// Ask for a depth snapshot.
    FetchSnapshot(SymbolId),
    /// Ask for the top of book by REST.
    Probe(SymbolId),
    /// Ask for the top of book of all symbols with one request.
    ProbeAll,
    /// Arm (or with zero disarm) the exchange's dead-man switch (protocol §4.6).
    ArmDeadMan(SymbolId, Span),
    /// Get a new listen key and reconnect the user stream with it.
    RenewListenKey,
    /// Replace a connection, whatever its socket says. One that carries streams of several symbols goes on delivering until
    /// its replacement is there.
    Reconnect(Link),
    /// Report a state change to people: log, alert, journal.
    Say(Notice),
    /// The graceful end asked for by `Operator::Stop` is complete: nothing of ours is open.
    Stopped,
}

/// A reusable buffer of actions.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Actions {
    list: Vec<Action>,
}

impl Actions {
    /// An empty buffer with room for a full re-quote, so that the hot path does not allocate.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        Self {
            list: Vec::with_capacity(capacity),
        }
    }
    /// Appends one action.
    #[inline]
    pub fn push(&mut self, action: Action) {
        self.list.push(action);
    }
    /// Appends a notice.
    #[inline]
    pub fn say(&mut self, notice: Notice) {
        self.list.push(Action::Say(notice));
    }
    /// What was asked, oldest first.
    #[must_use]
    pub fn as_slice(&self) -> &[Action] {
        &self.list
    }
    /// Of what was asked after the first `mark` actions, keeps only what `keep` wants.
    pub fn retain_after(&mut self, mark: usize, keep: impl Fn(&Action) -> bool) {
        let mut index = 0;
        self.list.retain(|action| {
            index += 1;
            index <= mark || keep(action)
        });
    }
    /// Forgets all, keeps the memory.
    pub fn clear(&mut self) {
        self.list.clear();
    }
}
