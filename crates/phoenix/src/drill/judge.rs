//! Owns the judgement of a drill: evidence in, scorecard out; reads no clock, no socket and no file.

use super::ledger::{Fill, Ledger, Order, Request};
use super::promises::{ALIVE_S, broken_by};
use super::score::{Broken, Limit, Scorecard};
use super::timeline::{Rules, Timeline, equity};
use super::{Drill, End, Expect};
use std::collections::BTreeMap;

/// Share of both sides that must rest for a moment to count as undisturbed.
const UNDISTURBED: f64 = 0.7;
/// How long after the fault a disturbance by it is still looked for, s.
const AFTERMATH_S: f64 = 2.0;

/// Instants of a drill on the machine's wall clock, µs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Marks {
    /// Both sides were quoted in full.
    pub full_us: u64,
    /// The fault struck.
    pub fault_us: u64,
    /// It was over.
    pub over_us: u64,
    /// The process was asked to end.
    pub end_us: u64,
}

/// One of Phoenix's log lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// When, µs.
    pub at_us: u64,
    /// `INFO`, `WARN`, `ERROR`.
    pub level: String,
    /// Name of the notice; empty for other lines.
    pub code: String,
    /// The sentence.
    pub text: String,
}

/// Books of a symbol as the journal has them.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Books {
    /// Position, base units.
    pub position: f64,
    /// Fills of all sessions.
    pub fills: u64,
}

/// Everything that was seen.
#[derive(Debug, Clone, Default)]
pub struct Evidence {
    /// The symbols with their ladders; the first is the one that is struck.
    pub symbols: Vec<(String, Rules)>,
    /// Instants.
    pub marks: Marks,
    /// All orders since the exchange's start.
    pub orders: Vec<Order>,
    /// All fills since then.
    pub fills: Vec<Fill>,
    /// Requests since the fault.
    pub requests: Vec<Request>,
    /// The ledger, several times a second.
    pub samples: Vec<Ledger>,
    /// The ledger after the end.
    pub last: Option<Ledger>,
    /// What Phoenix logged.
    pub log: Vec<Line>,
    /// What it printed at its end.
    pub summary: Option<serde_json::Value>,
    /// Its exit code; `None` after a signal.
    pub exit: Option<i32>,
    /// The journal read after the end; `None` when it cannot be read.
    pub books: Option<BTreeMap<String, Books>>,
}

/// Seconds as µs.
pub(super) fn us(seconds: f64) -> u64 {
    (seconds * 1e6) as u64
}

fn seconds_between(from: u64, to: u64) -> f64 {
    to.saturating_sub(from) as f64 / 1e6
}

impl Evidence {
    /// Largest |position| that fills of everything open could have led to, base units.
    pub(super) fn exposure_max(&self, name: &str) -> Option<f64> {
        let ledger = self.last.as_ref().or(self.samples.last())?;
        let symbols = &ledger.accounts.first()?.symbols;
        let symbol = symbols.iter().find(|s| s.symbol == name)?;
        Some(symbol.long_exposure_max.0.max(-symbol.short_exposure_min.0))
    }

    /// Fault → the first log line that speaks of it.
    fn detect_s(&self, codes: &[&str]) -> Option<f64> {
        let from = self.marks.fault_us;
        let line = self
            .log
            .iter()
            .filter(|l| l.at_us >= from && codes.contains(&l.code.as_str()))
            .min_by_key(|l| l.at_us)?;
        Some(seconds_between(from, line.at_us))
    }

    /// How often one of these was said since the fault, the process's end included.
    fn times_said(&self, codes: &[&str]) -> usize {
        let since = self.log.iter().filter(|l| l.at_us >= self.marks.fault_us);
        since.filter(|l| codes.contains(&l.code.as_str())).count()
    }

    /// The most that equity fell below its value at the fault.
    fn loss_quote(&self) -> Option<f64> {
        let before = self
            .samples
            .iter()
            .rfind(|s| s.now_us <= self.marks.fault_us);
        let start = equity(before.or(self.samples.first())?, &self.fills)?;
        let after = self
            .samples
            .iter()
            .filter(|s| s.now_us > self.marks.fault_us);
        let worst = after
            .chain(&self.last)
            .filter_map(|sample| equity(sample, &self.fills))
            .fold(start, f64::min);
        Some(start - worst)
    }

    /// Value of `net_max` at the price before the fault, quote units.
    fn value(&self) -> Option<f64> {
        let (name, rules) = self.symbols.first()?;
        let before = self
            .samples
            .iter()
            .rfind(|s| s.now_us <= self.marks.fault_us);
        let symbols = &before.or(self.samples.first())?.accounts.first()?.symbols;
        let mid = symbols.iter().find(|s| s.symbol == *name)?.mid?;
        Some(mid.0 * rules.net_max)
    }
}

/// Words of the log that take something away until another word brings it back.
const TAKEN: &[(&str, &str)] = &[("book_lost", "book_ready"), ("link_down", "link_up")];

/// When the last of what Phoenix lost since `from` was back, by its own log; `None` while something is missing. Orders that rest
/// because nobody could cancel them are no recovery.
pub(super) fn restored_us(log: &[Line], from: u64) -> Option<u64> {
    let mut last = from;
    for (taken, back) in TAKEN {
        let mut state: BTreeMap<&str, (bool, u64)> = BTreeMap::new();
        for line in log.iter().filter(|l| l.at_us >= from) {
            // A link is named by the first word of the sentence; a book by none.
            let whose = if *taken == "link_down" {
                line.text.split(' ').next().unwrap_or_default()
            } else {
                ""
            };
            if line.code == *taken || line.code == *back {
                state.insert(whose, (line.code == *back, line.at_us));
            }
        }
        for (is_back, at) in state.into_values() {
            if !is_back {
                return None;
            }
            last = last.max(at);
        }
    }
    Some(last)
}

/// Judges a drill that was carried out.
#[must_use]
pub fn judge(drill: &Drill, evidence: &Evidence) -> Scorecard {
    let Some((name, rules)) = evidence.symbols.first() else {
        return Scorecard::of_error(drill.name, "no symbol was traded".to_owned());
    };
    let expect = &drill.expect;
    let marks = evidence.marks;
    let line = Timeline::of(name, &evidence.orders, &evidence.fills);
    let empty_us = expect
        .off_book_s
        .and_then(|_| line.first(marks.fault_us, |p| p.open() == 0));
    let off_book_s = empty_us.map(|at| seconds_between(marks.fault_us, at));
    let from = marks.over_us.max(empty_us.unwrap_or(0));
    let recovered_s = expect.recovered_s.and_then(|_| recovered(evidence, from));
    let said = |key: &str| evidence.summary.as_ref().and_then(|s| s[key].as_f64());
    let mut card = Scorecard {
        name: drill.name,
        detect_s: expect
            .detect
            .and_then(|(codes, _)| evidence.detect_s(codes)),
        off_book_s,
        time_at_risk_s: match expect.off_book_s {
            Some(_) => off_book_s,
            None => said("time_at_risk_s_max"),
        },
        exposure_max: evidence.exposure_max(name).map(|x| x / rules.net_max),
        exposure_max_base: evidence.exposure_max(name),
        loss_quote: evidence.loss_quote(),
        recovered_s,
        broken: broken_by(evidence, expect),
        seconds: seconds_between(marks.full_us, marks.end_us),
        ..Scorecard::default()
    };
    card.broken.extend(alive(expect, recovered_s));
    card.limits = limits(expect, evidence, &card, &line);
    card
}

/// All symbols are quoted in full again, measured from the end of the fault.
fn recovered(evidence: &Evidence, from: u64) -> Option<f64> {
    let is_of_drill = |l: &&Line| l.at_us <= evidence.marks.end_us;
    let log: Vec<Line> = evidence.log.iter().filter(is_of_drill).cloned().collect();
    let from = from.max(restored_us(&log, evidence.marks.fault_us)?);
    let mut last = 0;
    for (name, rules) in &evidence.symbols {
        let line = Timeline::of(name, &evidence.orders, &evidence.fills);
        last = last.max(line.first(from, |p| rules.is_full(p))?);
    }
    (last <= evidence.marks.end_us).then(|| seconds_between(evidence.marks.over_us, last))
}

fn alive(expect: &Expect, recovered_s: Option<f64>) -> Option<Broken> {
    // A drill that allows more (a restart with its back-off) says so in its own limit.
    let limit = expect.recovered_s?.max(ALIVE_S);
    let evidence = match recovered_s {
        Some(s) if s <= limit => return None,
        Some(s) => format!("two-sided quoting came back after {s:.1} s"),
        None => "two-sided quoting did not come back".to_owned(),
    };
    Some(Broken {
        promise: "alive",
        evidence,
    })
}

fn limits(expect: &Expect, evidence: &Evidence, card: &Scorecard, line: &Timeline) -> Vec<Limit> {
    let mut limits = Vec::new();
    if let Some((_, limit)) = expect.detect {
        limits.push(Limit::at_most("detect_s", limit, card.detect_s));
    }
    if let Some(limit) = expect.off_book_s {
        limits.push(Limit::at_most("off_book_s", limit, card.off_book_s));
    }
    if let Some(limit) = expect.recovered_s {
        limits.push(Limit::at_most("recovered_s", limit, card.recovered_s));
    }
    if !expect.unsaid.is_empty() {
        let said = evidence.times_said(expect.unsaid) as f64;
        limits.push(Limit::at_most("unsaid", 0.0, Some(said)));
    }
    if let (Some(limit), Some((_, rules))) = (expect.kept_share, evidence.symbols.first()) {
        limits.push(Limit::at_least(
            "kept_share",
            limit,
            kept_share(evidence, *rules, line),
        ));
    }
    if let (Some(loss), Some(value)) = (card.loss_quote, evidence.value()) {
        let limit = expect.loss_share_max * value;
        limits.push(Limit::at_most("loss_quote", limit, Some(loss)));
    }
    if let End::Code(code) = expect.end {
        limits.push(Limit {
            what: "exit_code",
            limit: f64::from(code),
            value: evidence.exit.map(f64::from),
            is_kept: evidence.exit == Some(code),
        });
    }
    limits
}

/// Share of the time, from the fault to shortly after it, in which both sides rested undisturbed.
fn kept_share(evidence: &Evidence, rules: Rules, line: &Timeline) -> f64 {
    let marks = evidence.marks;
    let to = marks
        .over_us
        .saturating_add(us(AFTERMATH_S))
        .min(marks.end_us);
    let (mut kept, mut all) = (0, 0);
    for (point, lasted) in line.between(marks.fault_us, to) {
        all += lasted;
        kept += if rules.has_share(&point, UNDISTURBED) {
            lasted
        } else {
            0
        };
    }
    if all == 0 {
        1.0
    } else {
        kept as f64 / all as f64
    }
}

#[cfg(test)]
mod tests;
