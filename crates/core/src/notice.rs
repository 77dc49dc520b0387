//! Owns what the engine tells people: one closed list of state changes, each with its level; knows
//! nothing of logs or alert channels.

use crate::event::{Link, Malformed, Stream, Why};
use crate::instrument::SymbolId;
use crate::order::OrderId;
use crate::strategy::Mode;
use crate::units::{Lots, Quote, Span};

/// How urgent a notice is (spec §11).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Severity {
    /// A state change worth a log line.
    Info,
    /// Level 1: someone looks today.
    Warning,
    /// Level 2: someone looks within five minutes.
    Severe,
    /// Level 3: Phoenix has acted, someone looks at once.
    Emergency,
}

/// A state change.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Notice {
    /// The symbol concerned, if one.
    pub symbol: Option<SymbolId>,
    /// What happened.
    pub what: What,
}

/// Everything the engine can report.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum What {
    /// The quoting mode changed.
    Mode(Mode, Mode),
    /// The book is bridged and fresh; quoting may start.
    BookReady,
    /// The book was discarded and is being rebuilt.
    BookLost(BookLoss),
    /// A stream said nothing for this long: no new orders, quotes are pulled.
    StreamStale(Stream, Span),
    /// A stream is declared dead and reconnected.
    StreamDead(Stream, Span),
    /// A lively stream is silent for longer than its rhythm explains: the exchange is asked by REST.
    StreamSuspect(Stream, Span),
    /// A stream whose subscription was acknowledged on this route has delivered nothing for this long.
    StreamSilent(Stream, Link, Span),
    /// Something speaks against a book whose messages arrive: the exchange is asked by REST.
    BookSuspect(Doubt),
    /// Streams of different connections lag by the same, this much: our clock is measured anew, and nothing is quoted
    /// for long before that.
    ClockDoubted(Span),
    /// A stream speaks again.
    StreamBack(Stream),
    /// A frame could not be understood.
    BadFrame(Stream, Malformed),
    /// A connection went down or came up.
    LinkDown(Link),
    /// A connection came up.
    LinkUp(Link),
    /// An order was refused.
    OrderRefused(OrderId, Why, i32),
    /// The outcome of a request is unknown; the order counts as exposure until queried.
    OrderUnknown(OrderId),
    /// An order of ours that the tracker did not know was found at the exchange.
    GhostOrder(OrderId),
    /// Orders with our prefix but of another instance exist: somebody started Phoenix twice.
    SecondInstance,
    /// More open orders than layers allow: everything was cancelled for the symbol.
    OrderOverflow(u32),
    /// The position differs from the exchange's (ours, theirs) and was taken over.
    PositionRepaired(Lots, Lots),
    /// |position| passed the warning threshold.
    PositionHigh(Lots),
    /// Unrealised loss beyond the stop-loss threshold: flattening.
    StopLoss(Quote),
    /// Drawdown of session equity beyond its threshold: flattening.
    Drawdown(Quote),
    /// Trading halted; the span after which it resumes by itself, or `None` when a person must.
    Halted(HaltReason, Option<Span>),
    /// Quoting resumed after a halt or pause.
    Resumed,
    /// The cancel budget of the minute is spent; discretionary cancels wait.
    CancelBudgetSpent,
    /// The exchange limits us; new orders wait for this long.
    BackOff(Why, Span),
    /// The exchange confirmed the dead-man deadline.
    DeadManArmed(Span),
    /// The dead-man switch could not be armed.
    DeadManFailed(Why, i32),
    /// The exchange warns that the account's margin is running out.
    MarginCall,
    /// The contract stopped or started trading.
    SymbolTrading(crate::event::ContractStatus),
    /// The symbol's logic panicked and its state was discarded: the how-manieth panic of those that count, and the
    /// pause before a new desk takes over, `None` at the limit.
    DeskPanicked(u32, Option<Span>),
    /// After that many panics a new desk boots from the exchange's truth.
    DeskRestarted(u32),
    /// A configuration change was applied.
    ConfigApplied,
    /// A removed symbol is forgotten: nothing of ours is open, and a position that remains is managed by nobody.
    Removed(Lots),
}

/// Why the book was discarded.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum BookLoss {
    /// `pu` did not continue the previous `u`.
    Gap,
    /// Best bid ≥ best ask after an update.
    Crossed,
    /// A frame could not be understood.
    BadFrame,
    /// The stream went down or dead.
    StreamLost,
    /// The buffer before the snapshot overflowed.
    BufferFull,
    /// A cross-check against the exchange differed twice.
    Mismatch,
}

/// Why a book is doubted though its messages arrive.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Doubt {
    /// Trades printed through the touch.
    TradedThrough,
    /// The mark price moved away from it.
    MarkAway,
    /// Trades came, and the touch stayed as it was to the last lot.
    Standstill,
}

/// Why trading stands still.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum HaltReason {
    /// Stop-loss or drawdown.
    StopLoss,
    /// Operator's pause.
    Paused,
    /// Kill switch.
    Killed,
    /// Key or permission refused.
    Auth,
    /// The account may not trade.
    Account,
    /// A second instance trades the account.
    SecondInstance,
    /// The exchange halted the symbol.
    Symbol,
    /// Graceful end in progress.
    Stopping,
    /// Too many panics of the desk.
    Panics,
}

impl What {
    /// Urgency of the notice.
    #[must_use]
    pub const fn severity(&self) -> Severity {
        match self {
            Self::Mode(..)
            | Self::BookReady
            | Self::StreamBack(_)
            | Self::StreamSuspect(..)
            | Self::BookSuspect(_)
            | Self::LinkUp(_)
            | Self::LinkDown(_)
            | Self::Resumed
            | Self::DeadManArmed(_)
            | Self::ConfigApplied
            | Self::DeskRestarted(_)
            | Self::OrderUnknown(_)
            | Self::CancelBudgetSpent => Severity::Info,
            Self::BookLost(_)
            | Self::StreamStale(..)
            | Self::StreamSilent(Stream::BookTicker | Stream::Trade, ..)
            | Self::ClockDoubted(_)
            | Self::BadFrame(..)
            | Self::OrderRefused(..)
            | Self::GhostOrder(_)
            | Self::PositionRepaired(..)
            | Self::PositionHigh(_)
            | Self::SymbolTrading(_)
            | Self::BackOff(..) => Severity::Warning,
            Self::Removed(Lots(0)) => Severity::Info,
            Self::Removed(_)
            | Self::StreamDead(..)
            | Self::StreamSilent(Stream::Depth | Stream::Mark | Stream::User, ..)
            | Self::OrderOverflow(_)
            | Self::DeadManFailed(..)
            | Self::MarginCall
            | Self::DeskPanicked(..) => Severity::Severe,
            Self::StopLoss(_) | Self::Drawdown(_) | Self::SecondInstance => Severity::Emergency,
            Self::Halted(why, _) => match why {
                HaltReason::Paused | HaltReason::Stopping => Severity::Info,
                HaltReason::Killed
                | HaltReason::StopLoss
                | HaltReason::Auth
                | HaltReason::Account
                | HaltReason::SecondInstance
                | HaltReason::Panics => Severity::Emergency,
                HaltReason::Symbol => Severity::Severe,
            },
        }
    }
}
