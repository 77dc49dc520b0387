//! Owns the judgement of a running process: facts in, checks with a next step out (spec §8); knows no clock,
//! socket or engine.

pub mod docs;
pub mod facts;
pub mod promises;
pub mod rules;
pub mod symbol;
pub mod text;

use facts::{Facts, Phase, Watchdog};
use rules::{Bound, Rule};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What the answer calls the program, so that another server on the port is told from it.
pub const SERVICE: &str = "phoenix";

/// A process that boots for longer will not come up by itself.
const BOOT_LIMIT_S: f64 = 120.0;

/// How well something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// As it should be.
    Healthy,
    /// Someone looks today, or it was wanted so.
    Warning,
    /// Someone looks now.
    Severe,
}

impl Status {
    /// The exit code of `phoenix health`.
    #[must_use]
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Healthy => 0,
            Self::Warning => 1,
            Self::Severe => 2,
        }
    }

    /// The word of the answer.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Warning => "warning",
            Self::Severe => "severe",
        }
    }
}

/// One line of the answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Check {
    /// What is checked; stable.
    pub name: String,
    /// The symbol concerned, if one.
    pub symbol: Option<String>,
    /// How well it is.
    pub status: Status,
    /// The figure that was judged; `null` when it is not known.
    pub value: Option<f64>,
    /// Unit of `value` and of the limits.
    pub unit: String,
    /// Where it stops being healthy; `null` when it is not judged by a figure.
    pub limit: Option<f64>,
    /// Where it becomes severe.
    pub limit_severe: Option<f64>,
    /// The same for people.
    pub text: String,
    /// What to do now; `null` while it is healthy.
    pub next: Option<String>,
}

/// The whole answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Health {
    /// [`SERVICE`].
    pub service: String,
    /// The worst of all checks.
    pub status: Status,
    /// `booting`, `running`, `stopping`, or of a process that does not answer what is known of it.
    pub phase: String,
    /// The process.
    pub pid: Option<u32>,
    /// Fingerprint of the account's key.
    pub account: Option<String>,
    /// Traded symbols.
    pub symbols: Vec<String>,
    /// Every check, the process's first.
    pub checks: Vec<Check>,
    /// The nine promises (spec §1); `null` while nothing is known.
    pub promises: BTreeMap<String, Option<bool>>,
    /// What each verdict on a promise rests on.
    pub evidence: BTreeMap<String, String>,
}

/// Judges the facts.
#[must_use]
pub fn judge(facts: &Facts) -> Health {
    let mut checks = Checks::new(facts);
    process(facts, &mut checks);
    account(facts, &mut checks);
    machine(facts, &mut checks);
    // Before the engine runs, only their names are known.
    let running = facts
        .symbols
        .iter()
        .filter(|_| facts.phase != Phase::Booting);
    for symbol in running {
        symbol::check(facts, symbol, &mut checks);
    }
    let (promises, evidence) = promises::judge(facts);
    let checks = checks.list;
    Health {
        service: SERVICE.to_owned(),
        status: worst(&checks),
        phase: facts.phase.word().to_owned(),
        pid: Some(facts.pid),
        account: Some(facts.account.clone()),
        symbols: facts.symbols.iter().map(|s| s.name.clone()).collect(),
        checks,
        promises,
        evidence,
    }
}

/// The worst of these; without any nothing is known, which is severe.
#[must_use]
pub fn worst(checks: &[Check]) -> Status {
    let statuses = checks.iter().map(|check| check.status);
    statuses.max().unwrap_or(Status::Severe)
}

/// Whether a cold side that answers may say that the process is alive (`/livez`): the hot thread's last cycle is
/// young, or there is none yet.
#[must_use]
pub fn is_live(facts: &Facts) -> bool {
    let limit = rules::ENGINE_CYCLE_AGE.bound.severe();
    facts.phase == Phase::Booting
        || facts
            .engine_cycle_age_s
            .is_some_and(|age| limit.is_none_or(|limit| age <= limit))
}

/// Whether each symbol quotes both sides or pauses because a person wants it (`/readyz`).
#[must_use]
pub fn is_ready(facts: &Facts) -> bool {
    is_live(facts)
        && facts.phase == Phase::Running
        && !facts.symbols.is_empty()
        && facts.symbols.iter().all(|s| symbol::is_ready(facts, s))
}

/// The lines so far.
#[derive(Debug)]
pub struct Checks<'a> {
    facts: &'a Facts,
    list: Vec<Check>,
}

impl<'a> Checks<'a> {
    const fn new(facts: &'a Facts) -> Self {
        let list = Vec::new();
        Self { facts, list }
    }

    /// A line judged by the rule's own bounds. What is not known is healthy only where the rule has no say in it.
    fn figure(&mut self, rule: &Rule, symbol: Option<&str>, value: Option<f64>, text: String) {
        self.figure_within(rule, rule.bound, symbol, value, text);
    }

    /// A line judged by bounds that the configuration sets.
    fn figure_within(
        &mut self,
        rule: &Rule,
        bound: Bound,
        symbol: Option<&str>,
        value: Option<f64>,
        text: String,
    ) {
        let status = value.map_or(Status::Healthy, |value| bound.status(value));
        self.push(rule, bound, symbol, status, value, text);
    }

    /// A line whose status does not follow from its figure.
    fn state(
        &mut self,
        rule: &Rule,
        symbol: Option<&str>,
        status: Status,
        value: Option<f64>,
        text: impl Into<String>,
    ) {
        self.push(rule, rule.bound, symbol, status, value, text.into());
    }

    fn push(
        &mut self,
        rule: &Rule,
        bound: Bound,
        symbol: Option<&str>,
        status: Status,
        value: Option<f64>,
        text: String,
    ) {
        let next = (status != Status::Healthy).then(|| self.next(rule, symbol));
        self.list.push(Check {
            name: rule.name.to_owned(),
            symbol: symbol.map(str::to_owned),
            status,
            value: value.filter(|v| v.is_finite()),
            unit: rule.unit.to_owned(),
            limit: bound.warning(),
            limit_severe: bound.severe(),
            text,
            next,
        });
    }

    /// Replaces what the last line says is to be done.
    fn advise(&mut self, next: &str) {
        let symbol = self.list.last().and_then(|check| check.symbol.clone());
        let next = self.fill(next, symbol.as_deref());
        if let Some(check) = self.list.last_mut().filter(|c| c.next.is_some()) {
            check.next = Some(next);
        }
    }

    fn next(&self, rule: &Rule, symbol: Option<&str>) -> String {
        self.fill(rule.next, symbol)
    }

    fn fill(&self, text: &str, symbol: Option<&str>) -> String {
        let file = self.facts.config_file.as_deref();
        let with = |before: &str| file.map(|f| format!("{before}{f}")).unwrap_or_default();
        text.replace("{pid}", &self.facts.pid.to_string())
            .replace("{symbol}", symbol.unwrap_or("all symbols"))
            .replace("{state_dir}", &self.facts.state_dir)
            .replace("{kill_file}", &self.facts.kill_file)
            .replace(" {config}", &with(" -c "))
            .replace("{config_arg}", &with(" "))
    }
}

fn process(facts: &Facts, checks: &mut Checks<'_>) {
    let uptime = duration(facts.uptime_s);
    let (status, text) = match facts.phase {
        Phase::Booting if facts.uptime_s > BOOT_LIMIT_S => (
            Status::Severe,
            format!("booting for {uptime}: the venue does not answer"),
        ),
        Phase::Booting => (Status::Warning, format!("booting for {uptime}")),
        Phase::Running => (Status::Healthy, format!("running for {uptime}")),
        Phase::Stopping => (Status::Warning, format!("stopping, after {uptime}")),
    };
    let text = format!("pid {}, {text}", facts.pid);
    checks.state(&rules::PROCESS, None, status, Some(facts.uptime_s), text);
    if facts.phase == Phase::Stopping {
        checks.advise("it cancels everything and ends; nothing to do unless it takes longer than 15 s: phoenix emergency status {config}");
    }
    let (status, text) = match facts.watchdog {
        Watchdog::None => (Status::Healthy, "none: only the exchange's dead-man switch"),
        Watchdog::Connected => (Status::Healthy, "connected"),
        Watchdog::Lost => (Status::Warning, "gone: only the exchange's dead-man switch"),
    };
    checks.state(&rules::WATCHDOG, None, status, None, text);
    // Before the first cycle there is nothing to be late.
    let age = facts.engine_cycle_age_s;
    checks.figure(&rules::ENGINE_CYCLE_AGE, None, age, ago(age));
    let age = facts.cold_cycle_age_s;
    checks.figure(&rules::COLD_CYCLE_AGE, None, age, ago(age));
    let (status, text) = match facts.is_lock_ours {
        Some(true) => (Status::Healthy, "held"),
        Some(false) => (
            Status::Severe,
            "the lock file was removed or replaced: a second instance could start",
        ),
        None => (Status::Warning, "the lock file cannot be read"),
    };
    checks.state(&rules::ACCOUNT_LOCK, None, status, None, text);
    if let Some(why) = &facts.page_trouble {
        checks.state(&rules::PAGE, None, Status::Warning, None, why.clone());
    }
}

fn account(facts: &Facts, checks: &mut Checks<'_>) {
    if let Some(halt) = &facts.halt {
        symbol::halted(checks, None, halt);
    } else {
        checks.state(&rules::HALT, None, Status::Healthy, Some(0.0), "none");
    }
    let down: Vec<&str> = facts.links_down.iter().map(String::as_str).collect();
    if facts.phase == Phase::Running {
        let text = match down.as_slice() {
            [] => "all up".to_owned(),
            down => format!("down: {}", down.join(", ")),
        };
        checks.figure(
            &rules::CONNECTIONS_DOWN,
            None,
            Some(down.len() as f64),
            text,
        );
    }
    let share = |s: Option<f64>| {
        s.map_or_else(unknown, |s| {
            format!("{:.0} % of the exchange's limit", s * 100.0)
        })
    };
    let weight = facts.request_weight_share;
    let mut text = share(weight);
    if facts.bans > 0 {
        text = format!("{text}; {} bans of this address", facts.bans);
    }
    checks.figure(&rules::REQUEST_WEIGHT, None, weight, text);
    checks.figure(
        &rules::ORDER_LIMIT,
        None,
        facts.order_limit_share,
        share(facts.order_limit_share),
    );
    let renew = facts.listen_key_renew_s;
    let age = facts.listen_key_age_s;
    let bound = Bound::Above(Some((renew + 300.0).min(3_500.0)), Some(3_600.0));
    checks.figure_within(&rules::LISTEN_KEY_AGE, bound, None, age, ago(age));
    let errors = facts.errors_last_min;
    checks.figure(
        &rules::ERRORS_PER_MINUTE,
        None,
        Some(errors as f64),
        format!("{errors} in the last minute"),
    );
    let errors = facts.errors_last_5_min;
    checks.figure(
        &rules::ERRORS_5_MIN,
        None,
        Some(errors as f64),
        format!("{errors} in the last five minutes"),
    );
    let panics = facts.panics_last_5_min;
    checks.figure(
        &rules::PANICS_5_MIN,
        None,
        Some(panics as f64),
        format!("{panics} in the last five minutes"),
    );
}

fn machine(facts: &Facts, checks: &mut Checks<'_>) {
    if let Some(journal) = &facts.journal {
        let mut text = format!(
            "{} records wait, last written {}",
            journal.waiting,
            ago(journal.commit_age_s)
        );
        let late = journal.commit_age_s.filter(|_| journal.waiting > 0);
        let bound = rules::JOURNAL_LAG.bound;
        let status = match &journal.error {
            Some(why) => {
                text = format!("{text}; {why}");
                Status::Severe
            }
            None => bound.status(late.unwrap_or(0.0)),
        };
        checks.state(&rules::JOURNAL_LAG, None, status, late.or(Some(0.0)), text);
        let waiting = journal.waiting as f64;
        checks.figure(
            &rules::JOURNAL_WAITING,
            None,
            Some(waiting),
            format!("{} records", journal.waiting),
        );
    }
    let free = facts.disk_free_bytes;
    let text = free.map_or_else(unknown, |free| {
        format!("{} free in {}", bytes(free), facts.state_dir)
    });
    checks.figure(&rules::DISK_FREE, None, free.map(|f| f as f64), text);
    let offset = facts.clock_offset_s;
    checks.figure(
        &rules::CLOCK_OFFSET,
        None,
        offset.map(f64::abs),
        offset.map_or_else(unknown, |s| {
            format!("{:+.0} ms to the exchange, corrected", s * 1e3)
        }),
    );
    let age = facts.clock_measured_age_s;
    checks.figure(&rules::CLOCK_MEASURED_AGE, None, age, ago(age));
}

/// What people read where a figure is not known.
fn unknown() -> String {
    "not known".to_owned()
}

/// An age in words.
fn ago(age_s: Option<f64>) -> String {
    age_s.map_or_else(unknown, |age| format!("{} ago", duration(age)))
}

/// A length of time in words, two figures that matter.
#[must_use]
pub fn duration(seconds: f64) -> String {
    let whole = seconds.max(0.0) as u64;
    match whole {
        0..10 => format!("{:.1} s", seconds.max(0.0)),
        10..120 => format!("{whole} s"),
        120..7_200 => format!("{} min", whole / 60),
        7_200..172_800 => format!("{} h", whole / 3_600),
        _ => format!("{} days", whole / 86_400),
    }
}

fn bytes(count: u64) -> String {
    let count = count as f64;
    if count >= 1e9 {
        return format!("{:.1} GB", count / 1e9);
    }
    format!("{:.0} MB", count / 1e6)
}

#[cfg(test)]
mod tests;
