//! Owns what each request costs the address and what it is for (protocol §4, §6.1); knows nothing of when it
//! is sent.

use crate::budget::weight::RequestPurpose;

/// Requests that cost weight. Placing and amending cost none.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Request {
    /// Depth snapshot of 1000 levels.
    Snapshot,
    /// Top of book.
    Probe,
    /// Top of book while the book is doubted or its stream silent.
    ProbeInDoubt,
    /// Top of book of all symbols.
    ProbeAll,
    /// The same while the book of the one that asks is doubted or its stream silent.
    ProbeAllInDoubt,
    /// Open orders of one symbol.
    OpenOrders,
    /// Our trades of one symbol.
    Trades,
    /// Funding payments of all symbols.
    Funding,
    /// Balance and positions: two requests of 5.
    Account,
    /// One order.
    Query,
    /// Cancel of one order that has to go.
    Cancel,
    /// Cancel of every order of a symbol.
    CancelAll,
    /// Arming of the dead-man switch.
    DeadMan,
}

impl Request {
    /// Request weight.
    #[must_use]
    pub const fn weight(self) -> u32 {
        match self {
            Self::Funding => 30,
            Self::Snapshot => 20,
            Self::Probe | Self::ProbeInDoubt => 2,
            Self::Trades | Self::ProbeAll | Self::ProbeAllInDoubt => 5,
            Self::Account | Self::DeadMan => 10,
            Self::OpenOrders | Self::Query | Self::Cancel | Self::CancelAll => 1,
        }
    }

    /// How much of the limit it may use.
    #[must_use]
    pub const fn purpose(self) -> RequestPurpose {
        match self {
            Self::Probe | Self::ProbeAll => RequestPurpose::Routine,
            Self::ProbeInDoubt
            | Self::ProbeAllInDoubt
            | Self::Snapshot
            | Self::OpenOrders
            | Self::Trades
            | Self::Funding
            | Self::Account
            | Self::Query => RequestPurpose::Doubt,
            Self::Cancel | Self::CancelAll | Self::DeadMan => RequestPurpose::Safety,
        }
    }
}
