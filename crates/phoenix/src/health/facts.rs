//! Owns the plain figures that a judgement rests on, as they were at one instant; judges nothing.

/// Where a process stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Phase {
    /// Venue, account and journal are being read; nothing can rest yet.
    #[default]
    Booting,
    /// The engine runs.
    Running,
    /// The graceful end.
    Stopping,
}

impl Phase {
    /// The word of the answer.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Booting => "booting",
            Self::Running => "running",
            Self::Stopping => "stopping",
        }
    }
}

/// The process that watches this one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Watchdog {
    /// Started without one.
    #[default]
    None,
    /// It hears our heartbeat.
    Connected,
    /// It was there and is not any more.
    Lost,
}

/// Why nothing is quoted, when something stands in the way for longer.
#[derive(Debug, Clone, PartialEq)]
pub struct Halt {
    /// What it is.
    pub kind: HaltKind,
    /// The reason in words.
    pub reason: String,
    /// After how many seconds it ends by itself; `None` when a person must end it.
    pub left_s: Option<f64>,
}

/// Who wants a halt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HaltKind {
    /// A person paused or killed.
    Operator,
    /// The process or the symbol is ending.
    Ending,
    /// The exchange, a limit or a fault.
    Trouble,
}

/// The journal.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct JournalFacts {
    /// Records that wait.
    pub waiting: u64,
    /// Seconds since records last reached the disk.
    pub commit_age_s: Option<f64>,
    /// Why the last attempt failed, if it did.
    pub error: Option<String>,
    /// Records of the books that were given back or refused since the start.
    pub lost_total: u64,
}

/// One stream of a symbol.
#[derive(Debug, Clone, PartialEq)]
pub struct StreamFacts {
    /// `depth`, `mark`, `ticker`, `trade`.
    pub name: &'static str,
    /// Seconds since its last useful message; `None` while nothing is expected.
    pub age_s: Option<f64>,
    /// Whether its silence is judged: trades of a quiet market are silent by right.
    pub is_judged: bool,
    /// The silence after which its own rhythm makes it suspect, once that is learned.
    pub suspect_after_s: Option<f64>,
}

/// The last comparison of the book with the exchange over REST.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BookCheck {
    /// Seconds since it was made.
    pub age_s: f64,
    /// Whether they agreed.
    pub agrees: bool,
}

/// One side of a ladder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SideFacts {
    /// Orders resting.
    pub resting: usize,
    /// Orders wanted.
    pub expected: usize,
}

/// Measurements since the start, for the promises.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Worst {
    /// Longest time that an order rested after the last data that justified it.
    pub time_at_risk_s: f64,
    /// The same of orders whose cancellation had not been asked for.
    pub left_at_risk_s: f64,
    /// Longest time that open orders were under no confirmed dead-man switch.
    pub unarmed_s: f64,
    /// Largest position that fills could have led to, over `net_max`.
    pub position_share: f64,
    /// Most open orders at once.
    pub open_orders: u32,
    /// How many there may be.
    pub open_orders_limit: u32,
    /// Exits refused by a limit on growth.
    pub exits_refused: u64,
    /// Longest recovery.
    pub recovery_s: f64,
    /// Most discretionary cancels in a minute.
    pub cancels_per_min: u32,
    /// Whether every layer has rested at least once.
    pub was_full: bool,
}

/// One symbol.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SymbolFacts {
    /// Name.
    pub name: String,
    /// Seconds since it was added.
    pub age_s: f64,
    /// Whether quoting was ever possible.
    pub was_ready: bool,
    /// Whether it is removed and ends.
    pub is_ending: bool,
    /// Mode in a word.
    pub mode: String,
    /// What stands in the way of quoting, in words.
    pub obstacle: Option<String>,
    /// A halt of this symbol.
    pub halt: Option<Halt>,
    /// Whether the strategy pauses on purpose.
    pub is_pausing: bool,
    /// Streams.
    pub streams: Vec<StreamFacts>,
    /// How far event time is behind.
    pub event_lag_s: Option<f64>,
    /// Comparison of the book.
    pub book_check: Option<BookCheck>,
    /// Seconds since open orders and position were last confirmed by REST; `None` while in doubt.
    pub reconciled_age_s: Option<f64>,
    /// Seconds since the quotes were last looked at, while quoting.
    pub quote_age_s: Option<f64>,
    /// Buy side.
    pub buy: SideFacts,
    /// Sell side.
    pub sell: SideFacts,
    /// Orders of unknown state.
    pub orders_unknown: usize,
    /// Seconds from an order's way out to its answer, the latest.
    pub round_trip_s: Option<f64>,
    /// Cancels in the last minute, those for safety left out where that is known.
    pub cancels_last_min: u32,
    /// How many there may be.
    pub cancels_per_min_limit: u32,
    /// How near the exchange's punishment of cancelled and unfilled orders is, 1 being there.
    pub punishment_share: Option<f64>,
    /// |position| over `net_max`.
    pub position_share: Option<f64>,
    /// The position in base units, in words.
    pub position: String,
    /// |position| with everything that could still fill, over `net_max`.
    pub worst_case_share: Option<f64>,
    /// Orders not done.
    pub open_orders: usize,
    /// Seconds until the exchange cancels unless it is armed again, as it confirmed.
    pub dead_man_left_s: Option<f64>,
    /// Measurements.
    pub worst: Worst,
}

/// The process at one instant. Ages are seconds at `at_s`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Facts {
    /// The instant, seconds on the monotonic clock of the process.
    pub at_s: f64,
    /// The process.
    pub pid: u32,
    /// Fingerprint of the account's key.
    pub account: String,
    /// The configuration file, if there is one.
    pub config_file: Option<String>,
    /// Folder of lock, journal and kill file.
    pub state_dir: String,
    /// Path of the kill file.
    pub kill_file: String,
    /// Where it stands.
    pub phase: Phase,
    /// Seconds since the start.
    pub uptime_s: f64,
    /// Watchdog.
    pub watchdog: Watchdog,
    /// Seconds since the engine's last completed cycle that is known of; `None` before the first.
    pub engine_cycle_age_s: Option<f64>,
    /// Seconds since the cold side took these facts.
    pub cold_cycle_age_s: Option<f64>,
    /// Whether the lock file still says that this process has the account; `None` when it cannot be read.
    pub is_lock_ours: Option<bool>,
    /// Why the page is not where it should be.
    pub page_trouble: Option<String>,
    /// Why nothing is quoted on any symbol.
    pub halt: Option<Halt>,
    /// Connections that are down.
    pub links_down: Vec<String>,
    /// Request weight used, of the exchange's limit.
    pub request_weight_share: Option<f64>,
    /// Orders sent, of the exchange's limit, the tighter of its windows.
    pub order_limit_share: Option<f64>,
    /// Bans of this address since the start.
    pub bans: u64,
    /// Seconds since the listen key was made or renewed.
    pub listen_key_age_s: Option<f64>,
    /// How often it is renewed.
    pub listen_key_renew_s: f64,
    /// Errors logged in the last minute.
    pub errors_last_min: u64,
    /// Errors logged in the last five minutes.
    pub errors_last_5_min: u64,
    /// Panics in the last five minutes.
    pub panics_last_5_min: u64,
    /// Panics since the start.
    pub panics_total: u64,
    /// The journal, where there is one.
    pub journal: Option<JournalFacts>,
    /// Free bytes where the journal lies.
    pub disk_free_bytes: Option<u64>,
    /// Exchange time minus ours.
    pub clock_offset_s: Option<f64>,
    /// Seconds since it was last measured.
    pub clock_measured_age_s: Option<f64>,
    /// Whether the dead-man switch was ever armed, and whether arming ever failed.
    pub was_armed: bool,
    /// See `was_armed`.
    pub arming_failed: bool,
    /// Whether there were ever more orders than layers allow.
    pub had_overflow: bool,
    /// Symbols by name.
    pub symbols: Vec<SymbolFacts>,
}

impl Facts {
    /// The same facts, read `seconds` later: everything that has an age is that much older.
    #[must_use]
    pub fn aged(mut self, seconds: f64) -> Self {
        let seconds = seconds.max(0.0);
        self.at_s += seconds;
        self.uptime_s += seconds;
        for age in [
            &mut self.engine_cycle_age_s,
            &mut self.cold_cycle_age_s,
            &mut self.listen_key_age_s,
            &mut self.clock_measured_age_s,
        ] {
            add(age, seconds);
        }
        if let Some(journal) = &mut self.journal {
            add(&mut journal.commit_age_s, seconds);
        }
        pass(&mut self.halt, seconds);
        for symbol in &mut self.symbols {
            symbol.age(seconds);
        }
        self
    }
}

impl SymbolFacts {
    fn age(&mut self, seconds: f64) {
        self.age_s += seconds;
        for stream in &mut self.streams {
            add(&mut stream.age_s, seconds);
        }
        add(&mut self.quote_age_s, seconds);
        add(&mut self.reconciled_age_s, seconds);
        add(&mut self.dead_man_left_s, -seconds);
        if let Some(check) = &mut self.book_check {
            check.age_s += seconds;
        }
        pass(&mut self.halt, seconds);
    }
}

fn add(age: &mut Option<f64>, seconds: f64) {
    if let Some(age) = age {
        *age += seconds;
    }
}

fn pass(halt: &mut Option<Halt>, seconds: f64) {
    if let Some(halt) = halt
        && let Some(left) = &mut halt.left_s
    {
        *left = (*left - seconds).max(0.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_later_is_older_and_what_is_unknown_stays_so() {
        let halt = Halt {
            kind: HaltKind::Trouble,
            reason: String::new(),
            left_s: Some(2.0),
        };
        let facts = Facts {
            engine_cycle_age_s: Some(0.5),
            halt: Some(halt),
            symbols: vec![SymbolFacts {
                dead_man_left_s: Some(20.0),
                streams: vec![StreamFacts {
                    name: "depth",
                    age_s: Some(0.1),
                    is_judged: true,
                    suspect_after_s: None,
                }],
                ..SymbolFacts::default()
            }],
            ..Facts::default()
        };
        let later = facts.aged(3.0);
        assert_eq!(later.engine_cycle_age_s, Some(3.5));
        assert_eq!(later.listen_key_age_s, None);
        assert_eq!(later.halt.and_then(|h| h.left_s), Some(0.0));
        let symbol = later.symbols.first().expect("a symbol");
        assert_eq!(symbol.dead_man_left_s, Some(17.0));
        assert_eq!(symbol.streams.first().and_then(|s| s.age_s), Some(3.1));
        assert_eq!(symbol.quote_age_s, None);
    }
}
