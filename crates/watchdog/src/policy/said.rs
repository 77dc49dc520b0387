//! Owns the words between the policy and whoever carries it out; decides nothing.

use super::ending::{Gone, code, code_after};
use super::event::Event;
use crate::mail::Beat;
use std::time::Duration;

/// What can be configured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Standstill that ends the child.
    pub stall: Duration,
    /// Restarts within the window after which the next failure is the last.
    pub restarts_max: usize,
    /// Length of the window.
    pub restart_window: Duration,
}

/// What the exchange says of our orders after a sweep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cleared {
    /// Asked and confirmed: nothing of ours is open.
    Empty {
        /// Orders that the sweep cancelled.
        cancelled: u32,
    },
    /// So many are still open.
    Open {
        /// How many.
        left: u32,
    },
    /// It could not be asked.
    Unknown,
    /// Nothing of ours can be there: a dry run, or the exchange was a part of the child.
    Nothing,
}

/// A signal for the child.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blow {
    /// Ends it gracefully.
    Term,
    /// Ends it with a core where cores are allowed.
    Abort,
    /// Ends it; works on stopped processes too.
    Kill,
}

impl Blow {
    /// The signal's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Term => "TERM",
            Self::Abort => "ABRT",
            Self::Kill => "KILL",
        }
    }
}

/// Why the watchdog ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// The child ended and restarting would not help, or was not wanted.
    Child(Gone),
    /// The operator asked.
    Operator,
    /// Too many restarts.
    GaveUp,
}

impl Reason {
    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::Child(_) => "a restart would not help or was not wanted",
            Self::Operator => "as asked",
            Self::GaveUp => "too many restarts",
        }
    }

    pub(super) fn code(self) -> u8 {
        match self {
            Self::Child(gone) => code_after(gone),
            Self::Operator => code::DESIGNED,
            Self::GaveUp => code::GAVE_UP,
        }
    }
}

/// What is told to the policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input {
    /// Time passes; several times a second.
    Tick,
    /// The child asked for runs.
    Spawned(u32),
    /// It could not be started.
    NotSpawned,
    /// A heartbeat.
    Beat(Beat),
    /// The child is stopped (SIGSTOP, a debugger): only KILL reaches it.
    Frozen,
    /// The child ended.
    Gone(Gone),
    /// The sweep of this number is done.
    Cleared(u64, Cleared),
    /// The operator wants the end.
    Stop,
}

/// What the policy orders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Start a child.
    Spawn,
    /// Cancel all orders of ours and ask what is open; [`Input::Cleared`] with the same number answers.
    Sweep(u64),
    /// Send the child a signal.
    Send(Blow),
    /// Tell people.
    Tell(Event),
    /// End the watchdog with this exit code.
    End(u8),
}
