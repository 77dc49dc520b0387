//! The runbook has a section for everything that asks for a person, and none for what does not exist.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Codes of lines that ask for nobody: state changes, and what a drill itself does.
const INFO: &[&str] = &[
    "mode",
    "book_ready",
    "stream_back",
    "stream_suspect",
    "book_suspect",
    "link_down",
    "link_up",
    "order_unknown",
    "resumed",
    "cancel_budget",
    "dead_man_armed",
    "desk_restarted",
    "config_applied",
    "fault_struck",
    "child_started",
    "child_trading",
    "child_stale_over",
    "book_empty",
    "book_nothing",
    "stopping",
    "over",
];

fn root() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder of the repository") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
}

/// Texts in quotes that follow `mark`, spaces and line breaks between left out.
fn quoted_after(text: &str, mark: &str, found: &mut BTreeSet<String>) {
    for (at, _) in text.match_indices(mark) {
        let rest = text.get(at + mark.len()..).unwrap_or_default().trim_start();
        let word = rest
            .strip_prefix('"')
            .and_then(|r| r.split_once('"'))
            .map(|(w, _)| w);
        let is_code =
            |w: &&str| !w.is_empty() && w.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
        found.extend(word.filter(is_code).map(str::to_owned));
    }
}

/// Every code in the sources: first members of the tables of words, and `code = "…"` of log lines.
fn codes() -> BTreeSet<String> {
    let mut files = Vec::new();
    for folder in ["crates/phoenix/src", "crates/watchdog/src"] {
        rust_files(&root().join(folder), &mut files);
    }
    let mut found = BTreeSet::new();
    for file in files {
        let text = std::fs::read_to_string(&file).expect("a source");
        let shipped = text.split("#[cfg(test)]").next().unwrap_or_default();
        let name = file.display().to_string();
        if name.ends_with("live/notices.rs") || name.ends_with("policy/event.rs") {
            // `(` opens the pair of code and text, and nothing else with such a word.
            quoted_after(shipped, "(", &mut found);
        }
        if name.contains("/live") || name.contains("/watchdog/") {
            quoted_after(shipped, "code = ", &mut found);
            quoted_after(shipped, ".say(", &mut found);
        }
    }
    found
}

fn sections() -> BTreeSet<String> {
    let text = std::fs::read_to_string(root().join("docs/runbook.md")).expect("the runbook");
    let headings = text.lines().filter_map(|line| line.strip_prefix("### `"));
    headings
        .map(|rest| rest.trim_end_matches('`').to_owned())
        .collect()
}

#[test]
fn every_alert_has_its_section() {
    let sections = sections();
    let codes = codes();
    assert!(
        codes.len() > 25 && codes.contains("stream_dead") && codes.contains("panic"),
        "{codes:?}"
    );
    let alerts = codes.iter().filter(|code| !INFO.contains(&code.as_str()));
    let missing: Vec<&String> = alerts.filter(|code| !sections.contains(*code)).collect();
    assert!(
        missing.is_empty(),
        "docs/runbook.md has no section for {missing:?}"
    );
}

#[test]
fn every_section_says_what_it_means_what_was_done_what_to_check_and_what_to_do() {
    let text = std::fs::read_to_string(root().join("docs/runbook.md")).expect("the runbook");
    for section in text.split("\n### `").skip(1) {
        for part in [
            "- What it means: ",
            "- What Phoenix has done: ",
            "- Check: ",
            "- Do: ",
        ] {
            assert!(
                section.contains(part),
                "{part} is missing in {}",
                section.lines().next().unwrap_or_default()
            );
        }
    }
    let at = |level: &str| text.find(level).expect("a level");
    assert!(at("## Level 3") < at("## Level 2") && at("## Level 2") < at("## Level 1"));
}
