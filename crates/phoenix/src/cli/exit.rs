//! How the process ends, as a number that scripts and service managers can tell apart; does not know what led there.

use std::process::ExitCode;

/// Shown under `--help`.
pub const HELP: &str = "\
Exit codes: 0 as designed; 1 unexpected failure; 2 bad configuration, arguments or keys;
3 another instance holds the account; 4 the venue could not be used; 5 stopped, but orders
may still be open; 6 a panic or hang outside a symbol's logic, everything is cancelled;
7 the watchdog gave up restarting, everything is cancelled. `health` has its own: 0 healthy, 1 warning, 2 severe;
`replay` too: 0 the same, 1 a difference or damage, 2 not a record that can be read.";

/// How the process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// The work is done, or the operator stopped it, and nothing of ours is left at the exchange.
    Designed,
    /// Something happened that should not. A supervisor restarts.
    Failure,
    /// Configuration, arguments or keys are wrong. Restarting does not help.
    Config,
    /// Another instance trades this account. Restarting does not help.
    Busy,
    /// The venue could not be reached or the account guard refused. A supervisor restarts with back-off.
    Venue,
    /// Stopped, but an order may still be open or its state is unknown: someone must look now.
    Unclean,
    /// A thread of ours panicked, hung, or ended by itself; nothing of ours is left at the exchange. A supervisor restarts.
    Panicked,
    /// The watchdog has restarted often enough; nothing of ours is left at the exchange. Restarting does not help.
    GaveUp,
}

impl Exit {
    /// Every one.
    const ALL: [Self; 8] = [
        Self::Designed,
        Self::Failure,
        Self::Config,
        Self::Busy,
        Self::Venue,
        Self::Unclean,
        Self::Panicked,
        Self::GaveUp,
    ];

    /// The one with this number; unknown numbers are failures.
    pub fn of_code(code: u8) -> Self {
        let known = Self::ALL.into_iter().find(|exit| exit.code() == code);
        known.unwrap_or(Self::Failure)
    }

    /// The number.
    pub const fn code(self) -> u8 {
        match self {
            Self::Designed => 0,
            Self::Failure => 1,
            Self::Config => 2,
            Self::Busy => 3,
            Self::Venue => 4,
            Self::Unclean => 5,
            Self::Panicked => 6,
            Self::GaveUp => 7,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
