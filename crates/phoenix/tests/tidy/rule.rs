//! Owns what a rule is and the three things every rule must show: it holds, it can fail, and its exceptions are needed.

use super::source::{Source, all};
use std::sync::OnceLock;

/// One thing that is wrong: the line, and what stands there.
pub type Finding = (usize, String);

/// A file that may break a rule, and why.
pub struct Exception {
    /// The file, or a folder with `/` at the end.
    pub path: &'static str,
    /// Only findings that contain this are excepted; empty for all.
    pub what: &'static str,
    /// Why it is right here.
    pub why: &'static str,
}

/// A snippet under the path at which it is judged.
pub struct Sample {
    pub path: &'static str,
    pub text: &'static str,
}

/// One rule of the house.
pub struct Rule {
    /// What must be so.
    pub says: &'static str,
    /// What to do when it is not.
    pub remedy: &'static str,
    /// Finds what breaks it.
    pub check: fn(&Source) -> Vec<Finding>,
    /// What may break it.
    pub exceptions: &'static [Exception],
    /// Breaks it, and on which line.
    pub wrong: (Sample, usize),
    /// Looks similar and is right.
    pub right: Sample,
}

fn sources() -> &'static [Source] {
    static SOURCES: OnceLock<Vec<Source>> = OnceLock::new();
    SOURCES.get_or_init(all)
}

fn excepts(exception: &Exception, source: &Source, finding: &Finding) -> bool {
    let is_there = match exception.path.strip_suffix('/') {
        Some(_) => source.path.starts_with(exception.path),
        None => source.path == exception.path,
    };
    is_there && finding.1.contains(exception.what)
}

/// Panics with file, line and remedy for everything that breaks the rule.
pub fn holds(rule: &Rule) {
    assert!(sources().len() > 100, "the repository was not found");
    let mut broken = Vec::new();
    for source in sources() {
        for finding in (rule.check)(source) {
            if !rule.exceptions.iter().any(|e| excepts(e, source, &finding)) {
                broken.push(format!("{}:{}: {}", source.path, finding.0, finding.1));
            }
        }
    }
    assert!(
        broken.is_empty(),
        "\n{}:\n  {}\nWhat to do: {}\n",
        rule.says,
        broken.join("\n  "),
        rule.remedy
    );
}

/// Panics unless the checker finds the wrong sample, on its line, and lets the right one pass.
pub fn can_fail(rule: &Rule) {
    let (wrong, line) = &rule.wrong;
    let found = (rule.check)(&Source::new(wrong.path, wrong.text));
    assert!(
        found.iter().any(|(at, _)| at == line),
        "not found on line {line}: {found:?}"
    );
    let found = (rule.check)(&Source::new(rule.right.path, rule.right.text));
    assert!(found.is_empty(), "found in the right sample: {found:?}");
}

/// Panics for exceptions that nothing needs any more, so that the lists only shrink.
pub fn exceptions_are_needed(rule: &Rule) {
    let is_needed = |exception: &Exception| {
        assert!(!exception.why.is_empty(), "{}: why?", exception.path);
        let breaks = |source: &Source| {
            (rule.check)(source)
                .iter()
                .any(|finding| excepts(exception, source, finding))
        };
        sources().iter().any(breaks)
    };
    let left_over: Vec<&str> = rule
        .exceptions
        .iter()
        .filter(|e| !is_needed(e))
        .map(|e| e.path)
        .collect();
    assert!(
        left_over.is_empty(),
        "\nexceptions of {:?} that nothing needs any more: {left_over:?}\nWhat to do: delete them from the rule\n",
        rule.says
    );
}
