//! Owns what streams say in a simulation; knows nothing of who hears it.

use phoenix_core::event::{
    AccountReason, BalanceReport, BookTicker, Level, LiteFill, MarkPrice, OrderUpdate,
    PositionReport, Stream, Trade,
};
use phoenix_core::instrument::SymbolId;
use phoenix_core::units::Wall;

/// What a stream says.
#[derive(Debug, Clone, PartialEq)]
pub enum Message {
    /// A depth update.
    Depth(SymbolId, Depth),
    /// Everything else of a market stream that is small.
    Small(SymbolId, Small),
    /// A user event.
    User(UserMessage),
    /// Something that cannot be read.
    Garbled(Option<SymbolId>, Stream),
}

/// An owned depth update.
#[derive(Debug, Clone, PartialEq)]
pub struct Depth {
    /// `U`.
    pub first_id: i64,
    /// `u`.
    pub last_id: i64,
    /// `pu`.
    pub prev_id: i64,
    /// `E`.
    pub event_time: Wall,
    /// `T`.
    pub transact_time: Wall,
    /// Bids.
    pub bids: Vec<Level>,
    /// Asks.
    pub asks: Vec<Level>,
}

/// A small market message.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Small {
    /// Best bid and ask.
    Ticker(BookTicker),
    /// A trade.
    Trade(Trade),
    /// Mark price.
    Mark(MarkPrice),
}

/// An owned user event.
#[derive(Debug, Clone, PartialEq)]
pub enum UserMessage {
    /// ORDER_TRADE_UPDATE.
    Order(OrderUpdate),
    /// TRADE_LITE.
    Lite(LiteFill),
    /// ACCOUNT_UPDATE.
    Update {
        /// Why.
        reason: AccountReason,
        /// Symbol of a funding payment.
        symbol: Option<SymbolId>,
        /// Balance of the margin asset.
        balance: Option<BalanceReport>,
        /// Positions.
        positions: Vec<PositionReport>,
        /// `T`.
        time: Wall,
    },
    /// The listen key is dead.
    KeyExpired,
    /// Margin call.
    MarginCall,
}

impl Message {
    /// Which stream carries it.
    #[must_use]
    pub const fn stream(&self) -> Stream {
        match self {
            Self::Depth(..) => Stream::Depth,
            Self::Small(_, Small::Ticker(_)) => Stream::BookTicker,
            Self::Small(_, Small::Trade(_)) => Stream::Trade,
            Self::Small(_, Small::Mark(_)) => Stream::Mark,
            Self::User(_) => Stream::User,
            Self::Garbled(_, stream) => *stream,
        }
    }

    /// Of which symbol it is, where it is one's.
    #[must_use]
    pub const fn symbol(&self) -> Option<SymbolId> {
        match self {
            Self::Depth(symbol, _) | Self::Small(symbol, _) => Some(*symbol),
            Self::User(_) => None,
            Self::Garbled(symbol, _) => *symbol,
        }
    }

    /// The same with nothing in it, for a depth update; its ids stay.
    #[must_use]
    pub fn hollow(self) -> Self {
        match self {
            Self::Depth(symbol, depth) => Self::Depth(
                symbol,
                Depth {
                    bids: Vec::new(),
                    asks: Vec::new(),
                    ..depth
                },
            ),
            other => other,
        }
    }
}
