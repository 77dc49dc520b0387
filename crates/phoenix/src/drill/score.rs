//! Owns the scorecard of a drill, for people and for machines; does not know how its numbers were found.

use serde_json::{Value, json};
use std::fmt::Write;

/// One limit and what was measured against it.
#[derive(Debug, Clone, PartialEq)]
pub struct Limit {
    /// What is limited: a key of the scorecard, `kept_share`, `exit_code`, or `unsaid` (log lines that must not come).
    pub what: &'static str,
    /// The most (or, for `kept_share`, the least) that passes.
    pub limit: f64,
    /// What was measured; `None` when it never came.
    pub value: Option<f64>,
    /// Whether it was kept.
    pub is_kept: bool,
}

impl Limit {
    /// A measured value that must not be above `limit`; one that never came is too late.
    #[must_use]
    pub fn at_most(what: &'static str, limit: f64, value: Option<f64>) -> Self {
        let is_kept = value.is_some_and(|value| value <= limit);
        Self {
            what,
            limit,
            value,
            is_kept,
        }
    }

    /// A measured value that must not be below `limit`.
    #[must_use]
    pub fn at_least(what: &'static str, limit: f64, value: f64) -> Self {
        Self {
            what,
            limit,
            value: Some(value),
            is_kept: value >= limit,
        }
    }
}

/// A promise that was broken, with the evidence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// Its name (spec §1).
    pub promise: &'static str,
    /// What was seen.
    pub evidence: String,
}

/// What a drill measured; times in seconds, `None` for what does not apply or never came.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Scorecard {
    /// The drill.
    pub name: &'static str,
    /// Fault → Phoenix's own first word about it.
    pub detect_s: Option<f64>,
    /// Fault → the last order that rested on what was no longer so is off the book.
    pub off_book_s: Option<f64>,
    /// Longest time an order rested after the last data that justified it.
    pub time_at_risk_s: Option<f64>,
    /// Worst position and everything that could still fill, as a share of `net_max`.
    pub exposure_max: Option<f64>,
    /// The same in base units.
    pub exposure_max_base: Option<f64>,
    /// The most that equity, marked at mid, fell below its value at the fault; quote units.
    pub loss_quote: Option<f64>,
    /// Fault over → full two-sided quoting.
    pub recovered_s: Option<f64>,
    /// Promises broken.
    pub broken: Vec<Broken>,
    /// Limits it was judged by.
    pub limits: Vec<Limit>,
    /// What else is worth saying.
    pub note: String,
    /// Why the drill itself could not be carried out; nothing else counts then.
    pub error: Option<String>,
    /// How long it took, s.
    pub seconds: f64,
}

/// The word over a drill.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Every promise and limit was kept.
    Passed,
    /// A promise or a limit was not.
    Failed,
    /// The drill could not be carried out: nothing is known.
    Error,
}

impl Verdict {
    /// The word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Error => "error",
        }
    }
}

impl Scorecard {
    /// A drill that could not be carried out.
    #[must_use]
    pub fn of_error(name: &'static str, error: String) -> Self {
        Self {
            name,
            error: Some(error),
            ..Self::default()
        }
    }

    /// The word over it.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        if self.error.is_some() {
            Verdict::Error
        } else if self.broken.is_empty() && self.limits.iter().all(|limit| limit.is_kept) {
            Verdict::Passed
        } else {
            Verdict::Failed
        }
    }

    /// Names of the promises broken, each once.
    #[must_use]
    pub fn promises_broken(&self) -> Vec<&'static str> {
        let mut names: Vec<&'static str> = self.broken.iter().map(|b| b.promise).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// As spec §13 says.
    #[must_use]
    pub fn json(&self) -> Value {
        let limit = |l: &Limit| json!({"what": l.what, "limit": l.limit, "value": l.value, "kept": l.is_kept});
        let broken = |b: &Broken| json!({"promise": b.promise, "evidence": b.evidence});
        json!({
            "name": self.name,
            "verdict": self.verdict().word(),
            "detect_s": self.detect_s,
            "off_book_s": self.off_book_s,
            "time_at_risk_s": self.time_at_risk_s,
            "exposure_max": self.exposure_max,
            "exposure_max_base": self.exposure_max_base,
            "loss_quote": self.loss_quote,
            "recovered_s": self.recovered_s,
            "promises_broken": self.promises_broken(),
            "evidence": self.broken.iter().map(broken).collect::<Vec<_>>(),
            "limits": self.limits.iter().map(limit).collect::<Vec<_>>(),
            "note": self.note,
            "error": self.error,
            "seconds": self.seconds,
        })
    }

    /// Everything that was missed, one phrase each.
    #[must_use]
    pub fn misses(&self) -> Vec<String> {
        let mut said: Vec<String> = self.error.iter().map(|e| format!("error: {e}")).collect();
        for limit in self.limits.iter().filter(|limit| !limit.is_kept) {
            let value = limit
                .value
                .map_or_else(|| "never".to_owned(), |v| format!("{v:.2}"));
            said.push(format!("{} {value}, limit {:.2}", limit.what, limit.limit));
        }
        let promises = self
            .broken
            .iter()
            .map(|b| format!("{}: {}", b.promise, b.evidence));
        said.extend(promises);
        said
    }
}

/// All scorecards as one JSON object: `drills`, `passed`, `failed` (those that could not be carried out included), `errors`.
#[must_use]
pub fn json(cards: &[Scorecard]) -> Value {
    let count = |verdict| cards.iter().filter(|c| c.verdict() == verdict).count();
    let (passed, errors) = (count(Verdict::Passed), count(Verdict::Error));
    json!({
        "drills": cards.iter().map(Scorecard::json).collect::<Vec<_>>(),
        "passed": passed,
        "failed": cards.len() - passed,
        "errors": errors,
    })
}

/// The table for people, with the final verdict.
#[must_use]
pub fn table(cards: &[Scorecard]) -> String {
    let mut out = String::new();
    let width = cards.iter().map(|c| c.name.len()).max().unwrap_or(0).max(5);
    let _ = writeln!(
        out,
        "{:width$}  verdict  detect  off book  at risk  exposure      loss  recovered",
        "drill"
    );
    for card in cards {
        let _ = writeln!(
            out,
            "{:width$}  {:7}  {:>6}  {:>8}  {:>7}  {:>8}  {:>8}  {:>9}",
            card.name,
            card.verdict().word(),
            seconds(card.detect_s),
            seconds(card.off_book_s),
            seconds(card.time_at_risk_s),
            card.exposure_max
                .map_or_else(|| "–".to_owned(), |x| format!("{:.0} %", x * 100.0)),
            card.loss_quote
                .map_or_else(|| "–".to_owned(), |x| format!("{x:.2}")),
            seconds(card.recovered_s),
        );
        for miss in card.misses() {
            let _ = writeln!(out, "{:width$}    ! {miss}", "");
        }
        if !card.note.is_empty() {
            let _ = writeln!(out, "{:width$}    {}", "", card.note);
        }
    }
    let count = |verdict| cards.iter().filter(|c| c.verdict() == verdict).count();
    let (passed, errors) = (count(Verdict::Passed), count(Verdict::Error));
    let failed = cards.len() - passed - errors;
    let verdict = if passed == cards.len() {
        "every promise kept, every limit met".to_owned()
    } else {
        format!("NOT as promised: {failed} failed, {errors} could not be carried out")
    };
    let _ = writeln!(
        out,
        "\n{passed} of {} drills passed: {verdict}",
        cards.len()
    );
    out
}

fn seconds(value: Option<f64>) -> String {
    value.map_or_else(|| "–".to_owned(), |s| format!("{s:.2} s"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn card(name: &'static str) -> Scorecard {
        Scorecard {
            name,
            detect_s: Some(0.9),
            limits: vec![Limit::at_most("detect_s", 1.5, Some(0.9))],
            ..Scorecard::default()
        }
    }

    #[test]
    fn a_missed_limit_a_broken_promise_and_an_error_are_no_pass() {
        assert_eq!(card("a").verdict(), Verdict::Passed);
        let mut late = card("b");
        late.limits.push(Limit::at_most("off_book_s", 2.0, None));
        assert_eq!(late.verdict(), Verdict::Failed);
        let mut broken = card("c");
        broken.broken.push(Broken {
            promise: "bounded",
            evidence: "2.1 of 2.0".to_owned(),
        });
        assert_eq!(broken.verdict(), Verdict::Failed);
        let error = Scorecard::of_error("d", "no exchange".to_owned());
        assert_eq!(error.verdict(), Verdict::Error);
        let all = json(&[card("a"), late, broken, error]);
        assert_eq!(
            (&all["passed"], &all["failed"], &all["errors"]),
            (&json!(1), &json!(3), &json!(1))
        );
        assert_eq!(all["drills"][2]["promises_broken"], json!(["bounded"]));
        assert_eq!(
            all["drills"][0]["recovered_s"],
            Value::Null,
            "unknown is null"
        );
    }

    #[test]
    fn the_table_says_what_was_missed_and_ends_with_a_verdict() {
        let mut late = card("silent-depth");
        late.limits
            .push(Limit::at_most("off_book_s", 2.0, Some(2.5)));
        let text = table(&[card("sigkill"), late]);
        assert!(text.contains("! off_book_s 2.50, limit 2.00"), "{text}");
        assert!(
            text.ends_with(
                "1 of 2 drills passed: NOT as promised: 1 failed, 0 could not be carried out\n"
            ),
            "{text}"
        );
        assert!(table(&[card("x")]).contains("every promise kept"));
    }
}
