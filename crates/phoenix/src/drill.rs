//! Owns fault drills: real processes on the embedded exchange, one fault each, judged from outside by the
//! exchange's ledger; knows nothing of how Phoenix works inside.

pub mod catalogue;
pub mod conduct;
pub mod control;
pub mod judge;
pub mod ledger;
pub mod manual;
pub mod process;
pub mod promises;
pub mod score;
pub mod stage;
pub mod suite;
pub mod timeline;

use std::time::Duration;

/// One drill, as data: what is set up, what is done to it, and what must come of it.
#[derive(Debug, Clone, Copy)]
pub struct Drill {
    /// Short kebab-case name.
    pub name: &'static str,
    /// What breaks, in one sentence.
    pub about: &'static str,
    /// What a person does about it in production.
    pub production: &'static str,
    /// Which field failures of the catalogue it plays (`F1` … `F33`).
    pub plays: &'static [&'static str],
    /// What is started.
    pub setting: Setting,
    /// What is done, in order. The first step strikes; the fault is over when the last step is done.
    pub steps: &'static [Step],
    /// What must come of it.
    pub expect: Expect,
}

/// What is started before the fault.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Setting {
    /// Under `phoenix watchdog`, or `phoenix run` alone.
    pub watched: bool,
    /// A second symbol beside ETHUSDC.
    pub two_symbols: bool,
    /// Kind of the synthetic market (`phoenix exchange --market`).
    pub market: &'static str,
    /// `PHOENIX_FAULT` of the process: a fault that it puts into itself.
    pub inner_fault: Option<&'static str>,
    /// Full quoting that is watched before the fault.
    pub calm: Duration,
    /// A further line of the configuration's `liveness:` group.
    pub liveness: Option<&'static str>,
}

/// Under `run` alone, one symbol, the market as measured.
pub const PLAIN: Setting = Setting {
    watched: false,
    two_symbols: false,
    market: "normal",
    inner_fault: None,
    calm: Duration::from_secs(4),
    liveness: None,
};

/// As [`PLAIN`], and long enough in calm for the detector to learn each stream's rhythm.
pub const LEARNT: Setting = Setting {
    calm: Duration::from_secs(16),
    ..PLAIN
};

/// One thing that is done.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// `POST /v1/faults` with this body.
    Fault(&'static str),
    /// `POST /v1/market` with this body.
    Market(&'static str),
    /// `POST /v1/account` with this body.
    Account(&'static str),
    /// `DELETE /v1/faults`: every fault ends.
    EndFaults,
    /// A signal to a process.
    Signal(Who, Signal),
    /// So long nothing is done but watched.
    Wait(Duration),
    /// Until the exchange shows no open order, at most so long.
    AwaitEmpty(Duration),
    /// Until both sides are quoted in full, at most so long.
    AwaitFull(Duration),
    /// Until Phoenix logs this code, at most so long.
    AwaitCode(&'static str, Duration),
    /// Until the process started in the setting has ended, at most so long.
    AwaitEnd(Duration),
    /// Something with a file.
    File(FileTrick),
    /// Something with a limit of the quoting process.
    Limit(LimitTrick),
    /// The process of the setting is started again, with the same state.
    StartAgain,
    /// A second `phoenix run` with the same key and a state folder of its own, as on another machine.
    StartSecond,
    /// The second one is ended gracefully.
    EndSecond,
}

/// A process of the setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// The one that quotes (`phoenix run`), the watchdog's child if there is a watchdog.
    Maker,
    /// The watchdog.
    Watchdog,
}

/// A signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// Stopped: neither ended nor running.
    Stop,
    /// Runs on.
    Continue,
    /// Ended at once.
    Kill,
    /// Asked to end.
    Term,
}

/// Something with a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileTrick {
    /// `phoenix.yaml` disappears.
    RemoveConfig,
    /// `phoenix.yaml` is back.
    RestoreConfig,
    /// `phoenix.yaml` is overwritten with what cannot be read.
    GarbleConfig,
    /// The kill file appears.
    Kill,
    /// The kill file disappears.
    Unkill,
    /// The journal's first pages are overwritten.
    CorruptJournal,
}

/// Something with a limit of the quoting process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LimitTrick {
    /// No file may grow: what a full disk does to a writer.
    DiskFull,
    /// Files may grow again.
    DiskFree,
}

/// What must come of a drill; seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Expect {
    /// Phoenix says one of these codes within so many seconds; `None` when there is nothing to say.
    pub detect: Option<(&'static [&'static str], f64)>,
    /// While the fault lasts there are no data: whatever rests or is sent later than 3 s breaks `fresh`.
    pub is_blind: bool,
    /// The fault calls for pulling: the last order is off the book within so many seconds.
    pub off_book_s: Option<f64>,
    /// Full two-sided quoting is back so many seconds after the fault; `None` when a person must come first.
    pub recovered_s: Option<f64>,
    /// While the fault lasts, at least this share of both sides stays: it must not disturb.
    pub kept_share: Option<f64>,
    /// How the process ends when it is asked to at the end of the drill.
    pub end: End,
    /// Worst loss, as a share of the value of `net_max` at the price before the fault.
    pub loss_share_max: f64,
    /// The exchange's bans (418) that the drill itself hands out.
    pub bans: u64,
    /// Codes that Phoenix must not log from the fault on: it would have lost track of its orders or its position.
    pub unsaid: &'static [&'static str],
    /// Why the limits are what they are, where the fault's description leaves it open; empty where it does not.
    pub reason: &'static str,
}

/// How the process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Exit code 0, nothing open.
    Designed,
    /// This exit code, nothing open.
    Code(i32),
    /// It cannot end well (its key is refused): any code, but nothing open.
    Any,
}

/// What most drills expect besides the times: a designed end, and a loss of at most a hundredth of `net_max`.
pub const QUIET: Expect = Expect {
    detect: None,
    is_blind: false,
    off_book_s: None,
    recovered_s: Some(5.0),
    kept_share: None,
    end: End::Designed,
    loss_share_max: 0.01,
    bans: 0,
    unsaid: &[],
    reason: "",
};

/// What is logged when orders or a position were found that the books did not have.
pub const LOST_TRACK: &[&str] = &["ghost_order", "order_overflow", "position_repaired"];
