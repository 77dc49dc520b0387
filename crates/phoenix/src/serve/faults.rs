//! Owns the faults that a drill puts between venue and client; the venue itself stays right and knows nothing of them.
//!
//! A fault is a list of [`Part`]s, each a rule on streams, requests or single orders, or something done to sockets. All rules of one fault
//! carry its [`FaultId`], so that it ends as a whole.

pub mod active;
pub mod ask;
pub mod kinds;
pub mod orders;
pub mod requests;
pub mod streams;

use super::hub::LineSet;
pub use active::{ActiveFault, Faults, Gate, GateMode};
pub use orders::{OrderEffect, OrderFaults, OrderRule, Verb};
pub use requests::{Callers, Place, RequestEffect, RequestFaults, RequestRule};
pub use streams::{Channel, LATE_MAX, Parcel, StreamEffect, StreamFaults, StreamRule, StreamSet};

/// Rules of one sort that may be in force at once; a further one is refused.
pub const RULES_MAX: usize = 64;

/// Names one fault; given out by the venue from 1 on, never reused. Rules that a test adds by hand have [`BY_HAND`].
pub type FaultId = u64;

/// The id of rules that belong to no fault.
pub const BY_HAND: FaultId = 0;

/// One thing that a fault does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// A rule on streams.
    Stream(StreamRule),
    /// A rule on requests.
    Request(RequestRule),
    /// A rule on single orders.
    Order(OrderRule),
    /// New connections are refused.
    Gate(Gate),
    /// The clock that clients see is this far ahead of the right one, ms.
    Clock(i64),
    /// Account answers show this position on top of the true one.
    Lie {
        /// Whose.
        account: u16,
        /// On which symbol.
        symbol: u16,
        /// Signed quantity, units of 1e-8.
        by: i64,
    },
    /// Something done once to the sockets that are open.
    Sockets(LineSet, SocketEffect),
    /// The `serverShutdown` event on these sockets.
    ShutdownNotice(LineSet),
    /// The listenKey of an account, or of all, ends.
    EndListenKey {
        /// Whose; `None` for all.
        account: Option<u16>,
        /// Whether the client is told.
        told: Telling,
    },
    /// The symbol is no longer traded.
    Settle(u16),
}

/// What is done to sockets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SocketEffect {
    /// Neither reads nor writes any more; the transport stays open.
    Freeze,
    /// A close frame.
    Close,
    /// The transport ends without a word.
    Cut,
    /// As [`Self::Cut`], for those that were frozen.
    CutFrozen,
}

/// Whether the client is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Telling {
    /// With the event of the protocol.
    Event,
    /// Not at all.
    Silence,
}

/// A fault that can be injected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Its kind, one of [`kinds::KINDS`].
    pub kind: &'static str,
    /// Its parameters as they were given, a JSON object.
    pub told: String,
    /// After how long it ends by itself, µs.
    pub lasts_us: Option<u64>,
    /// What it does.
    pub parts: Vec<Part>,
    /// What happens when it ends, besides its rules going.
    pub at_end: Vec<Part>,
}

/// Why a fault was not injected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FaultError {
    /// No such kind.
    #[error("unknown kind `{0}`")]
    UnknownKind(String),
    /// A parameter makes no sense.
    #[error("{0}")]
    Parameter(String),
    /// As many as there may be at once.
    #[error("{RULES_MAX} faults or rules are in force already")]
    Full,
}
