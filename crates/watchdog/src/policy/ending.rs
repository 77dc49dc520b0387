//! Owns what each way in which the child ends leads to; does not carry it out.

/// How the child ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gone {
    /// With an exit code.
    Exit(i32),
    /// By a signal of this number.
    Signal(i32),
}

/// Whether the book is to be emptied after the child.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sweep {
    /// In any case.
    Always,
    /// Only if it held the account's lock, which its first heartbeat shows: before that, the orders that rest there
    /// belong to another process that trades well.
    IfHeld,
    /// Another process trades this account.
    Never,
}

/// What follows when the book is swept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Then {
    /// The watchdog ends too.
    End,
    /// A new child, at most so many in so much time.
    Restart,
    /// A new child as often as it takes: nothing is wrong with it, but the exchange cannot be used.
    RestartPatiently,
}

/// Exit codes of the child that the table names, and the watchdog's own.
pub mod code {
    /// As designed, nothing left.
    pub const DESIGNED: u8 = 0;
    /// Unexpected failure.
    pub const FAILURE: u8 = 1;
    /// Configuration, arguments or keys.
    pub const CONFIG: u8 = 2;
    /// Another instance holds the account.
    pub const BUSY: u8 = 3;
    /// The venue could not be used.
    pub const VENUE: u8 = 4;
    /// Orders may still be open.
    pub const UNCLEAN: u8 = 5;
    /// A panic or hang outside a symbol's logic.
    pub const PANICKED: u8 = 6;
    /// The watchdog's own: too many restarts, the book is empty.
    pub const GAVE_UP: u8 = 7;
}

/// The table. `was_stopping` says whether the child was in its graceful end.
#[must_use]
pub const fn reaction(gone: Gone, was_stopping: bool) -> (Sweep, Then) {
    match gone {
        Gone::Exit(0) => (Sweep::IfHeld, Then::End),
        Gone::Exit(2) => (Sweep::IfHeld, Then::End),
        Gone::Exit(3) => (Sweep::Never, Then::End),
        Gone::Exit(4) => (Sweep::IfHeld, Then::RestartPatiently),
        // Its designed end did not come out clean: the sweep is what was missing.
        Gone::Exit(5) if was_stopping => (Sweep::Always, Then::End),
        // Failure, panic, codes that it never gives: something broke in it.
        Gone::Exit(_) | Gone::Signal(_) => (Sweep::Always, Then::Restart),
    }
}

/// With what the watchdog ends after a child that ended like this and was not restarted, the book being empty.
#[must_use]
pub fn code_after(gone: Gone) -> u8 {
    match gone {
        // What was not clean has been swept; a signal ended what was asked to end.
        Gone::Exit(0 | 5) | Gone::Signal(_) => code::DESIGNED,
        Gone::Exit(other) => u8::try_from(other).unwrap_or(code::FAILURE),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Sweep::{Always, IfHeld, Never};
    use Then::{End, Restart, RestartPatiently};

    #[test]
    fn each_ending_has_its_reaction() {
        for (gone, was_stopping, expected) in [
            (Gone::Exit(0), true, (IfHeld, End)),
            (Gone::Exit(0), false, (IfHeld, End)),
            (Gone::Exit(1), false, (Always, Restart)),
            (Gone::Exit(2), false, (IfHeld, End)),
            (Gone::Exit(3), false, (Never, End)),
            (Gone::Exit(4), false, (IfHeld, RestartPatiently)),
            (Gone::Exit(5), false, (Always, Restart)),
            (Gone::Exit(5), true, (Always, End)),
            (Gone::Exit(6), false, (Always, Restart)),
            (Gone::Exit(6), true, (Always, Restart)),
            (Gone::Exit(101), false, (Always, Restart)),
            (Gone::Signal(9), false, (Always, Restart)),
            (Gone::Signal(11), true, (Always, Restart)),
        ] {
            assert_eq!(reaction(gone, was_stopping), expected, "{gone:?}");
        }
    }

    #[test]
    fn the_watchdog_passes_on_what_concerns_the_operator() {
        for (gone, expected) in [
            (Gone::Exit(0), 0),
            (Gone::Exit(2), 2),
            (Gone::Exit(3), 3),
            (Gone::Exit(5), 0),
            (Gone::Exit(6), 6),
            (Gone::Exit(-1), 1),
            (Gone::Signal(9), 0),
        ] {
            assert_eq!(code_after(gone), expected, "{gone:?}");
        }
    }
}
