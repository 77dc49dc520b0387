//! Owns how a call may go on, what it meets on its way, and how it can end; knows no request.

use std::fmt;
use std::time::Instant;

/// Attempts that end without a clear answer; beyond it the call ends with [`VenueError::Silent`]. Time ends it long before.
pub const ATTEMPTS_MAX: u32 = 10_000;

/// Why a call ended without what was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VenueError {
    /// The key is not accepted: only another key helps.
    #[error("the exchange does not accept the key ({code}: {msg})")]
    Denied {
        /// The exchange's code.
        code: i64,
        /// Its words.
        msg: String,
    },
    /// Refused for good.
    #[error("the exchange refused it ({code}: {msg})")]
    Refused {
        /// The exchange's code.
        code: i64,
        /// Its words.
        msg: String,
    },
    /// No usable answer in time. Whether the last attempt was carried out is unknown.
    #[error("no usable answer in time; last: {last}")]
    Silent {
        /// What the last attempt met.
        last: String,
    },
    /// The exchange asked for a silence that ends after the deadline.
    #[error("the exchange takes no requests from this address for {} s", .0.seconds)]
    Quiet(Quiet),
}

impl VenueError {
    /// Whether the request may have been carried out all the same.
    #[must_use]
    pub const fn is_unknown(&self) -> bool {
        matches!(self, Self::Silent { .. })
    }
}

/// A silence that the exchange asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quiet {
    /// Until then.
    pub until: Instant,
    /// Its length from the moment it was learnt, rounded up.
    pub seconds: u64,
    /// A ban (418): orders cannot be cancelled from here meanwhile, and the dead-man switch is the only defence.
    pub is_ban: bool,
}

/// What a call meets on its way, for whoever watches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Note {
    /// The exchange asked for silence, which is kept.
    Quiet(Quiet),
    /// An attempt without a clear answer; it is repeated.
    Unclear {
        /// Method and path.
        what: String,
        /// What came.
        why: String,
    },
    /// The time stamp was refused and the clock measured anew.
    Clock {
        /// Exchange minus machine, ms.
        offset_ms: i64,
    },
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Quiet(quiet) if quiet.is_ban => write!(
                f,
                "418: this address is banned for another {} s. No order can be cancelled from here until then: the exchange's dead-man \
                 switch is the only defence meanwhile, or another address. Trying again after that",
                quiet.seconds
            ),
            Self::Quiet(quiet) => write!(
                f,
                "429: the exchange asks for {} s of silence; waiting exactly so long",
                quiet.seconds
            ),
            Self::Unclear { what, why } => write!(f, "{what}: {why}; asking again"),
            Self::Clock { offset_ms } => write!(
                f,
                "the time stamp was refused; the exchange's clock is {offset_ms} ms ahead of this machine's"
            ),
        }
    }
}

/// The exchange's clock against the machine's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockOffset {
    /// Exchange minus machine, ms.
    pub offset_ms: i64,
    /// Round trip of the measurement that counts, ms.
    pub round_trip_ms: i64,
}

/// How long a call may go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// It has ended by then; a silence that lasts longer ends it at once.
    pub deadline: Instant,
    /// Unclear attempts; silences that were asked for are none.
    pub attempts_max: u32,
}

impl Patience {
    /// Until `deadline`, with as many attempts as fit.
    #[must_use]
    pub const fn until(deadline: Instant) -> Self {
        Self {
            deadline,
            attempts_max: ATTEMPTS_MAX,
        }
    }

    /// The same with fewer attempts.
    #[must_use]
    pub const fn with_attempts(self, attempts_max: u32) -> Self {
        Self {
            attempts_max,
            ..self
        }
    }
}
