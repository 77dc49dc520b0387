//! Owns what the watchdog tells people: one closed list, each with a stable code, a level and a sentence.

use super::ending::Gone;
use super::progress::Stall;
use super::{Cleared, Reason};
use std::time::Duration;

/// How urgent it is, in the words of the alerts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// A state change.
    Info,
    /// Level 1: someone looks today.
    Warning,
    /// Level 2: someone looks within five minutes.
    Severe,
    /// Level 3: someone looks at once.
    Emergency,
}

impl Level {
    /// 0 for a mere state change, then the level of the alert.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::Info => 0,
            Self::Warning => 1,
            Self::Severe => 2,
            Self::Emergency => 3,
        }
    }
}

/// A state change of the supervision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// A child was started.
    Started(u32),
    /// A child could not be started.
    NotStarted,
    /// The child trades.
    Trading(u32),
    /// The child stands still since this long; it is cancelled for and ended.
    Stalled(Stall, Duration),
    /// Open orders stand on old data: they are cancelled for the child.
    Stale,
    /// It has seen that, or its data are fresh again.
    StaleOver,
    /// It was told that nothing is open and does not see it: it is ended.
    Blind,
    /// The child is sent this blow.
    Ending(super::Blow),
    /// The child does not die.
    Immortal,
    /// The child ended.
    Ended(Gone),
    /// What the exchange says of our orders.
    Swept(Cleared),
    /// A new child in this long, the how-manieth restart of those that count.
    Restarting(Duration, usize),
    /// A restart although it is not known that nothing is open: the new child looks first.
    RestartingInDoubt,
    /// Too many restarts.
    GaveUp(usize),
    /// The operator asked for the end.
    Stopping,
    /// Nothing of ours is open, the watchdog ends.
    Over(Reason),
    /// The watchdog ends and orders may be open.
    OverInDoubt,
    /// The watchdog itself did not run for this long.
    Overslept(Duration),
}

impl Event {
    /// Code, level and sentence.
    #[must_use]
    pub fn words(self) -> (&'static str, Level, String) {
        use Level::{Emergency, Info, Severe, Warning};
        match self {
            Self::Started(pid) => ("child_started", Info, format!("the trading process is started: pid {pid}")),
            Self::NotStarted => ("child_not_started", Severe, "the trading process cannot be started".to_owned()),
            Self::Trading(pid) => ("child_trading", Info, format!("the trading process has booted: pid {pid}")),
            Self::Stalled(stall, since) => ("child_stalled", Severe, stalled(stall, since)),
            Self::Stale => (
                "child_stale",
                Severe,
                "orders are open on old data: all are cancelled over the watchdog's own connection".to_owned(),
            ),
            Self::StaleOver => ("child_stale_over", Info, "no order stands on old data any more".to_owned()),
            Self::Blind => (
                "child_blind",
                Severe,
                "the trading process still counts orders that the exchange does not have: it is ended".to_owned(),
            ),
            Self::Ending(blow) => ("child_ending", Warning, format!("the trading process is sent {}", blow.name())),
            Self::Immortal => (
                "child_immortal",
                Emergency,
                "the trading process does not die of KILL: its machine is broken; take its key away at the exchange".to_owned(),
            ),
            Self::Ended(gone) => ended(gone),
            Self::Swept(cleared) => swept(cleared),
            Self::Restarting(delay, count) => (
                "child_restarting",
                Warning,
                format!("a new trading process starts in {} s (restart {count})", delay.as_secs()),
            ),
            Self::RestartingInDoubt => (
                "restart_in_doubt",
                Severe,
                "the exchange does not say that nothing is open: the new trading process will look before it quotes".to_owned(),
            ),
            Self::GaveUp(count) => (
                "gave_up",
                Emergency,
                format!("the trading process failed again after {count} restarts: none is started any more; find the cause, then start the watchdog"),
            ),
            Self::Stopping => ("stopping", Info, "stopping: the trading process is asked to end".to_owned()),
            Self::Over(reason) => ("over", Info, format!("the watchdog ends: {}", reason.words())),
            Self::OverInDoubt => (
                "over_in_doubt",
                Emergency,
                "the watchdog ends and orders may be OPEN: run `phoenix emergency cancel-all`, or cancel at the exchange".to_owned(),
            ),
            Self::Overslept(gap) => (
                "overslept",
                Warning,
                format!("the watchdog itself did not run for {:.1} s: nothing is judged by that time", gap.as_secs_f64()),
            ),
        }
    }
}

fn stalled(stall: Stall, since: Duration) -> String {
    let s = since.as_secs_f64();
    let what = match stall {
        Stall::Silent => format!("the trading process is silent for {s:.1} s"),
        Stall::Hung => format!("the trading process completes no cycle for {s:.1} s"),
        Stall::ColdHung => {
            format!("the trading process answers and records nothing for {s:.1} s")
        }
        Stall::Boot => format!("the trading process is not ready after {s:.0} s"),
        Stall::Stop => format!("the trading process does not end for {s:.0} s"),
    };
    format!("{what}: all is cancelled over the watchdog's own connection, then it is ended")
}

fn ended(gone: Gone) -> (&'static str, Level, String) {
    match gone {
        Gone::Exit(0) => (
            "child_ended",
            Level::Info,
            "the trading process ended as designed".to_owned(),
        ),
        Gone::Exit(code) => (
            "child_ended",
            Level::Severe,
            format!("the trading process ended with exit code {code}"),
        ),
        Gone::Signal(number) => (
            "child_killed",
            Level::Severe,
            format!("the trading process was ended by signal {number}"),
        ),
    }
}

fn swept(cleared: Cleared) -> (&'static str, Level, String) {
    match cleared {
        Cleared::Empty { cancelled } => (
            "book_empty",
            Level::Info,
            format!("the exchange says that nothing of ours is open; {cancelled} orders were cancelled from here"),
        ),
        Cleared::Open { left } => (
            "book_not_empty",
            Level::Severe,
            format!("{left} orders of ours are still OPEN; it is tried again"),
        ),
        Cleared::Nothing => (
            "book_nothing",
            Level::Info,
            "nothing of ours can be open: a dry run, or the exchange was a part of the trading process".to_owned(),
        ),
        Cleared::Unknown => (
            "book_unknown",
            Level::Severe,
            "whether orders are open is UNKNOWN: the exchange does not answer; the dead-man switch cancels within 30 s at most".to_owned(),
        ),
    }
}
