//! Owns the identity and the plain description of an order; knows nothing of its life (see `orders`).

use crate::instrument::SymbolId;
use crate::units::{Lots, Side, Ticks};

/// Client order id: which session of ours placed it, and its number there. The shell adds the instance
/// and the prefix on the wire (spec §6).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct OrderId {
    /// Session number, durable before the first order of the session.
    pub session: u32,
    /// Sequence in the session, from 1.
    pub seq: u32,
}

/// Whose order a report speaks of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Owner {
    /// This instance, in this or an older session.
    Ours(OrderId),
    /// Our prefix, another instance: somebody started Phoenix twice.
    OtherInstance,
    /// Not placed by Phoenix: never touched.
    Foreign,
}

/// How an order may execute.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Execute {
    /// Post-only (GTX): rests or is refused.
    PostOnly,
    /// Post-only and reduce-only.
    PostOnlyReduce,
    /// Reduce-only IOC: takes what is there up to the limit price.
    TakeReduce,
}

impl Execute {
    /// Whether the exchange guarantees that it cannot grow the position.
    #[must_use]
    pub const fn is_reduce_only(self) -> bool {
        match self {
            Self::PostOnly => false,
            Self::PostOnlyReduce | Self::TakeReduce => true,
        }
    }
}

/// A new limit order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NewOrder {
    /// Symbol.
    pub symbol: SymbolId,
    /// Client order id.
    pub id: OrderId,
    /// Side.
    pub side: Side,
    /// Limit price.
    pub price: Ticks,
    /// Size, > 0.
    pub size: Lots,
    /// How it may execute.
    pub execute: Execute,
}

/// A change of a resting order; `size` is the new *total*, to be compared with what has filled
/// (protocol §4.4). Queue priority is lost.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Amendment {
    /// Symbol.
    pub symbol: SymbolId,
    /// The order.
    pub id: OrderId,
    /// Side (sent again on the wire).
    pub side: Side,
    /// New limit price.
    pub price: Ticks,
    /// New total size.
    pub size: Lots,
    /// How it executes; cannot be changed.
    pub execute: Execute,
}
