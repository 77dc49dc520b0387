//! Owns the generated part of the drill manual: each drill, its limits, what to do in production, and which field failures are covered where.

use super::{Drill, End, Expect};
use std::fmt::Write;

/// Field failures of the catalogue that something besides drills covers, with the test that does (file and what it shows).
const BY_TESTS: &[(&str, &str)] = &[
    (
        "F8",
        "`core/engine/tests/venue.rs`: a duplicate id confirms that the first is live",
    ),
    (
        "F10",
        "`core/orders/state/tests.rs`: an order in doubt is asked for until the answer can be trusted",
    ),
    ("F11", "`core/position/tests.rs`: a trade id is booked once"),
    (
        "F22",
        "`phoenix/live/clock.rs`: the offset comes from the fastest round trips",
    ),
    (
        "F28",
        "`phoenix/binance/decode/rest/tests.rs`: each element of a batch answer stands for itself",
    ),
    (
        "F30",
        "`core/budget/order_rate.rs`: both windows are kept locally",
    ),
    (
        "F31",
        "`core/engine/tests/fresh.rs`: a quiet book that REST confirms is quoted on",
    ),
];

/// How many field failures the catalogue has.
const FAILURES: usize = 33;

/// The generated part as Markdown.
#[must_use]
pub fn text(drills: &[Drill]) -> String {
    let mut out = String::new();
    for drill in drills {
        let _ = writeln!(out, "### `{}`\n", drill.name);
        let _ = writeln!(out, "{}{}\n", drill.about, setting(drill));
        let _ = writeln!(out, "- Expect: {}.", expected(&drill.expect));
        if !drill.expect.reason.is_empty() {
            let _ = writeln!(out, "- Why so: {}", drill.expect.reason);
        }
        let _ = writeln!(out, "- In production: {}", drill.production);
        if !drill.plays.is_empty() {
            let _ = writeln!(out, "- Field failures: {}.", drill.plays.join(", "));
        }
        out.push('\n');
    }
    out.push_str(
        "## Field failures and what covers them\n\n| failure | drills | tests |\n|---|---|---|\n",
    );
    for failure in (1..=FAILURES).map(|n| format!("F{n}")) {
        let by = drills
            .iter()
            .filter(|d| d.plays.contains(&failure.as_str()));
        let names: Vec<String> = by.map(|d| format!("`{}`", d.name)).collect();
        let tests: Vec<&str> = BY_TESTS
            .iter()
            .filter(|(f, _)| *f == failure)
            .map(|(_, test)| *test)
            .collect();
        let _ = writeln!(
            out,
            "| {failure} | {} | {} |",
            names.join(", "),
            tests.join("; ")
        );
    }
    out
}

fn setting(drill: &Drill) -> String {
    let setting = drill.setting;
    let mut said: Vec<String> = Vec::new();
    if setting.watched {
        said.push("under the watchdog".to_owned());
    }
    if setting.two_symbols {
        said.push("two symbols".to_owned());
    }
    if setting.market != "normal" {
        said.push(format!("{} market", setting.market));
    }
    if let Some(fault) = setting.inner_fault {
        said.push(format!("`PHOENIX_FAULT={fault}`"));
    }
    if said.is_empty() {
        return String::new();
    }
    format!(" ({})", said.join(", "))
}

fn list(codes: &[&str], between: &str) -> String {
    let codes: Vec<String> = codes.iter().map(|c| format!("`{c}`")).collect();
    codes.join(between)
}

fn expected(expect: &Expect) -> String {
    let mut said: Vec<String> = Vec::new();
    if let Some((codes, limit)) = expect.detect {
        said.push(format!("said within {limit} s ({})", list(codes, " or ")));
    }
    if let Some(limit) = expect.off_book_s {
        said.push(format!("last order off the book within {limit} s"));
    }
    if expect.is_blind {
        said.push("no order on data older than 3 s".to_owned());
    }
    if let Some(share) = expect.kept_share {
        said.push(format!(
            "both sides quoted for {:.0} % of the time",
            share * 100.0
        ));
    }
    if !expect.unsaid.is_empty() {
        said.push(format!("never said: {}", list(expect.unsaid, " or ")));
    }
    said.push(match expect.recovered_s {
        Some(limit) => format!("full two-sided quoting within {limit} s after the fault"),
        None => "no quoting until a person acts".to_owned(),
    });
    said.push(format!(
        "a loss of at most {:.0} % of the value of `net_max`",
        expect.loss_share_max * 100.0
    ));
    match expect.end {
        End::Designed => {}
        End::Code(code) => said.push(format!("exit code {code}")),
        End::Any => said.push("nothing left open at the end".to_owned()),
    }
    said.join("; ")
}

#[cfg(test)]
mod tests {
    use super::super::catalogue;
    use super::*;
    use std::path::PathBuf;

    const BEGIN: &str =
        "<!-- generated: PHOENIX_BLESS=1 cargo test -p phoenix --lib drill::manual -->\n\n";

    fn root() -> PathBuf {
        PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
    }

    #[test]
    fn the_manual_is_fresh() {
        let file = root().join("docs/drills.md");
        let now = std::fs::read_to_string(&file).expect("the manual");
        let (head, old) = now
            .split_once(BEGIN)
            .expect("the mark of the generated part");
        let fresh = text(&catalogue::all());
        if std::env::var_os("PHOENIX_BLESS").is_some() {
            std::fs::write(&file, format!("{head}{BEGIN}{fresh}")).expect("written");
            return;
        }
        assert_eq!(old, fresh, "refresh it as its mark says");
    }

    #[test]
    fn every_field_failure_is_covered_by_a_drill_or_a_test_that_exists() {
        let drills = catalogue::all();
        for n in 1..=FAILURES {
            let failure = format!("F{n}");
            let is_played = drills.iter().any(|d| d.plays.contains(&failure.as_str()));
            let is_tested = BY_TESTS.iter().any(|(f, _)| *f == failure);
            assert!(is_played || is_tested, "{failure} is covered by nothing");
        }
        let is_known = |f: &str| {
            f.strip_prefix('F')
                .and_then(|n| n.parse().ok())
                .is_some_and(|n| (1..=FAILURES).contains(&n))
        };
        for failure in drills.iter().flat_map(|d| d.plays) {
            assert!(is_known(failure), "{failure}");
        }
        for (failure, test) in BY_TESTS {
            let path = test
                .trim_start_matches('`')
                .split('`')
                .next()
                .expect("a path");
            let (of_crate, rest) = path.split_once('/').expect("crate and file");
            let file = root().join("crates").join(of_crate).join("src").join(rest);
            assert!(is_known(failure) && file.exists(), "{failure}: {path}");
        }
    }
}
