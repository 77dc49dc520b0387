//! Owns how an answer is shown to people in 80 columns; judges nothing.

use super::{Check, Health, Status};
use std::fmt::Write as _;

/// Columns that every terminal has.
const COLUMNS: usize = 80;
/// Where the words of a line begin.
const INDENT: usize = 32;

/// Whether the terminal shows colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colour {
    /// Status words are coloured.
    On,
    /// Plain text.
    Off,
}

impl Colour {
    fn paint(self, status: Status, text: &str) -> String {
        let code = match status {
            Status::Healthy => "32",
            Status::Warning => "33",
            Status::Severe => "1;31",
        };
        match self {
            Self::On => format!("\u{1b}[{code}m{text}\u{1b}[0m"),
            Self::Off => text.to_owned(),
        }
    }
}

/// Everything: the status first, then what is not healthy, then the rest, then the promises.
#[must_use]
pub fn whole(health: &Health, colour: Colour) -> String {
    let mut out = head(health, colour);
    let (good, bad): (Vec<&Check>, Vec<&Check>) = health
        .checks
        .iter()
        .partition(|c| c.status == Status::Healthy);
    for check in bad.into_iter().chain(good) {
        out.push_str(&line(check, colour));
    }
    if health.promises.is_empty() {
        return out;
    }
    out.push_str("\npromises\n");
    for (name, kept) in &health.promises {
        let (status, word) = match kept {
            Some(true) => (Status::Healthy, "kept"),
            Some(false) => (Status::Severe, "BROKEN"),
            None => (Status::Warning, "unknown"),
        };
        let evidence = health.evidence.get(name).map_or("", String::as_str);
        let head = format!("{} {name}", colour.paint(status, &format!("{word:<8}")));
        entry(&mut out, &head, 9 + name.len(), evidence);
    }
    out
}

/// The first line.
#[must_use]
pub fn head(health: &Health, colour: Colour) -> String {
    let word = colour.paint(health.status, health.status.word());
    let mut out = format!("{word}: phoenix");
    if let Some(account) = &health.account {
        let _ = write!(out, " of account {account}");
    }
    if !health.symbols.is_empty() && health.symbols.len() <= 3 {
        let _ = write!(out, " on {}", health.symbols.join(", "));
    } else if !health.symbols.is_empty() {
        let _ = write!(out, " on {} symbols", health.symbols.len());
    }
    let count = |status| health.checks.iter().filter(|c| c.status == status).count();
    let _ = writeln!(
        out,
        "; {} severe, {} warnings",
        count(Status::Severe),
        count(Status::Warning)
    );
    out
}

/// One check, and under it what to do.
#[must_use]
pub fn line(check: &Check, colour: Colour) -> String {
    let mut out = String::new();
    let of = check
        .symbol
        .as_deref()
        .map(|s| format!(" {s}"))
        .unwrap_or_default();
    let name = format!("{}{of}", check.name);
    let head = format!(
        "{} {name}",
        colour.paint(check.status, &format!("{:<8}", check.status.word()))
    );
    entry(&mut out, &head, 9 + name.chars().count(), &check.text);
    if let Some(next) = &check.next {
        for part in wrapped(&format!("→ {next}"), COLUMNS - 11) {
            let _ = writeln!(out, "         {part}");
        }
    }
    out
}

/// What changed from one answer to the next, one line each; empty when nothing did.
#[must_use]
pub fn changes(before: &Health, now: &Health, colour: Colour) -> String {
    let mut out = String::new();
    if before.status != now.status {
        out.push_str(&head(now, colour));
    }
    let same = |a: &Check, b: &Check| a.name == b.name && a.symbol == b.symbol;
    for check in &now.checks {
        let old = before.checks.iter().find(|old| same(old, check));
        let old_status = old.map_or(Status::Healthy, |old| old.status);
        if old_status != check.status {
            out.push_str(&line(check, colour));
        }
    }
    for gone in before.checks.iter().filter(|c| c.status != Status::Healthy) {
        if !now.checks.iter().any(|check| same(gone, check)) {
            let of = gone
                .symbol
                .as_deref()
                .map(|s| format!(" {s}"))
                .unwrap_or_default();
            let _ = writeln!(
                out,
                "{} {}{of} is over",
                colour.paint(Status::Healthy, "healthy "),
                gone.name
            );
        }
    }
    for (name, kept) in &now.promises {
        if before.promises.get(name) != Some(kept) && *kept == Some(false) {
            let evidence = now.evidence.get(name).map_or("", String::as_str);
            let head = format!("{} {name}", colour.paint(Status::Severe, "BROKEN  "));
            entry(&mut out, &head, 9 + name.len(), evidence);
        }
    }
    out
}

/// Head, and words in their own column, on as many lines as they need.
fn entry(out: &mut String, head: &str, head_width: usize, words: &str) {
    let indent = INDENT.max(head_width + 1);
    let pad = " ".repeat(indent - head_width);
    let mut lines = wrapped(words, COLUMNS.saturating_sub(indent).max(20)).into_iter();
    let first = lines.next().unwrap_or_default();
    let _ = writeln!(out, "{}", format!("{head}{pad}{first}").trim_end());
    for rest in lines {
        let _ = writeln!(out, "{}{rest}", " ".repeat(indent));
    }
}

/// Lines of at most `width` characters, broken between words; a longer word has a line of its own.
fn wrapped(words: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in words.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            Some(_) | None => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::health::facts::Facts;
    use crate::health::judge;

    fn answer() -> Health {
        judge(&Facts {
            account: "0011".to_owned(),
            bans: 1,
            page_trouble: Some(
                "a long story about a port that somebody else has taken, told in full".to_owned(),
            ),
            ..crate::health::tests::healthy()
        })
    }

    #[test]
    fn the_status_comes_first_and_everything_fits_in_eighty_columns() {
        let text = whole(&answer(), Colour::Off);
        assert!(
            text.starts_with("warning: phoenix of account 0011 on ETHUSDC;"),
            "{text}"
        );
        for line in text.lines() {
            assert!(line.chars().count() <= COLUMNS, "{line}");
        }
        assert!(!text.contains('\u{1b}'));
        let second = text.lines().nth(1).expect("a second line");
        assert!(
            second.starts_with("warning  page"),
            "what is not healthy comes first: {second}"
        );
        assert!(whole(&answer(), Colour::On).contains("\u{1b}[33mwarning"));
    }

    #[test]
    fn only_what_changed_is_told_again() {
        let before = answer();
        assert_eq!(changes(&before, &before, Colour::Off), "");
        let mut now = judge(&Facts {
            engine_cycle_age_s: Some(6.0),
            ..crate::health::tests::healthy()
        });
        now.promises.insert("fresh".to_owned(), Some(false));
        let told = changes(&before, &now, Colour::Off);
        let said: Vec<&str> = told.lines().filter(|l| !l.starts_with(' ')).collect();
        assert_eq!(said.len(), 4, "{told}");
        for part in [
            "severe: phoenix",
            "severe   engine_cycle_age",
            "page is over",
            "BROKEN   fresh",
        ] {
            assert!(told.contains(part), "{part}: {told}");
        }
    }
}
