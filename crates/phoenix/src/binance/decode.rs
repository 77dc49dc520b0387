//! Owns what a message of the exchange can turn into; knows nothing of sockets, retries or books.
//!
//! Decoders never fail and never panic: whatever arrives becomes an event, a control message, something
//! to ignore (and count), or a report that it could not be read.

pub mod market;
mod report;
pub mod rest;
mod scan;
pub mod user;
pub mod wire;
pub mod ws_api;

use phoenix_core::event::{DepthSnapshot, Event, Malformed};
use phoenix_core::instrument::SymbolId;

/// Most levels a side in one depth message or snapshot; beyond it the message is `TooLarge`.
pub const LEVELS_MAX: usize = 5_000;

/// What one text frame turned into.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Decoded<'a> {
    /// For the engine. Broken frames whose symbol is known are here too, as `Malformed` events.
    Event(Event<'a>),
    /// The best levels of a partial-depth stream: complete in itself, never part of the diff chain.
    Partial(SymbolId, DepthSnapshot<'a>),
    /// A setting of the account was changed, by us or by somebody else.
    AccountConfig(AccountConfig),
    /// About the connection, not about the market.
    Control(Control),
    /// Understood, or at least well-formed, and of no use to us.
    Ignored(Ignored),
    /// Not understood, and nothing tells whose it is.
    Unreadable(Malformed),
}

/// ACCOUNT_CONFIG_UPDATE (protocol §3.5).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AccountConfig {
    /// The leverage of a symbol of ours changed.
    Leverage(SymbolId, u32),
    /// Multi-assets mode was switched on (`true`) or off.
    MultiAssets(bool),
}

/// Messages about the connection (protocol §1.5).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Control {
    /// A control message was accepted. Proves nothing about delivery. Ids that are not ours are `None`.
    Ack(Option<u64>),
    /// A control message was refused, with the exchange's code.
    Refused(Option<u64>, i32),
    /// The server goes away soon: replace the connection first.
    ServerShutdown,
}

/// Why a well-formed message is of no use.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Ignored {
    /// A symbol that we do not trade.
    Symbol,
    /// A trade that never touched the book (`X` other than `MARKET`: insurance fund, ADL, `NA`).
    OffBookTrade,
    /// Depth that includes retail-price-improvement orders.
    RpiDepth,
    /// Candles.
    Kline,
    /// 24 h statistics.
    Ticker,
    /// Public liquidations.
    ForceOrder,
    /// Index compositions and asset indices.
    Index,
    /// Conditional orders: we place none.
    Algo,
    /// The exchange's own grid and strategy products.
    Strategy,
    /// An event type that this build does not know.
    Unrecognised,
}

impl Ignored {
    /// All, for counters.
    pub const ALL: [Self; 10] = [
        Self::Symbol,
        Self::OffBookTrade,
        Self::RpiDepth,
        Self::Kline,
        Self::Ticker,
        Self::ForceOrder,
        Self::Index,
        Self::Algo,
        Self::Strategy,
        Self::Unrecognised,
    ];

    /// Label for logs and metrics.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Symbol => "symbol",
            Self::OffBookTrade => "off_book_trade",
            Self::RpiDepth => "rpi_depth",
            Self::Kline => "kline",
            Self::Ticker => "ticker",
            Self::ForceOrder => "force_order",
            Self::Index => "index",
            Self::Algo => "algo",
            Self::Strategy => "strategy",
            Self::Unrecognised => "unrecognised",
        }
    }

    /// The kind of an event type `e` that no decoder handles.
    #[must_use]
    pub(crate) fn of_event(name: &str) -> Self {
        match name {
            "kline" | "continuous_kline" => Self::Kline,
            "24hrTicker" | "24hrMiniTicker" => Self::Ticker,
            "forceOrder" => Self::ForceOrder,
            "compositeIndex" | "assetIndexUpdate" => Self::Index,
            "ALGO_UPDATE" | "CONDITIONAL_ORDER_TRIGGER_REJECT" => Self::Algo,
            "STRATEGY_UPDATE" | "GRID_UPDATE" => Self::Strategy,
            _ => Self::Unrecognised,
        }
    }
}

/// The account whose messages are decoded.
#[derive(Clone, Debug)]
pub struct AccountScope {
    /// Asset in which profit and commission are booked, e.g. `USDC`.
    pub margin_asset: String,
    /// Tells our orders from others'.
    pub ids: super::client_id::ClientIds,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_of_ignored_kinds_differ() {
        let mut labels: Vec<_> = Ignored::ALL.iter().map(|kind| kind.label()).collect();
        labels.sort_unstable();
        labels.dedup();
        assert_eq!(labels.len(), Ignored::ALL.len());
    }
}
