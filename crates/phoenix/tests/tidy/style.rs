//! The rules about how a file looks: size, names, first sentence, unfinished work.

use super::rule::{Exception, Finding, Rule, Sample};
use super::source::{Source, body_start, brace_end, is_name, is_test, numbered};

/// Most lines of a file without its tests.
const FILE_LINES_MAX: usize = 600;
/// Most lines of code of one function, comments and empty lines not counted.
const FUNCTION_LINES_MAX: usize = 70;

/// Files that are longer today, with their length, and why. A file may only get shorter.
pub const LONG_FILES: &[(&str, usize, &str)] = &[];

/// Lines up to the last one of shipped code.
pub fn shipped_lines(source: &Source) -> usize {
    numbered(&source.shipped)
        .filter(|(_, text)| !text.trim().is_empty())
        .map(|(line, _)| line)
        .last()
        .unwrap_or(0)
}

fn long_files(source: &Source) -> Vec<Finding> {
    let known = LONG_FILES.iter().find(|(path, ..)| *path == source.path);
    let limit = known.map_or(FILE_LINES_MAX, |(_, lines, _)| *lines);
    let lines = shipped_lines(source);
    if !source.path.ends_with(".rs") || lines <= limit {
        return Vec::new();
    }
    vec![(
        lines,
        format!("{lines} lines without tests, at most {limit}"),
    )]
}

/// As many lines as a file may have, and one more.
const TOO_LONG: &str = {
    const LINE: &[u8; 4] = b"f();";
    const BYTES: [u8; (FILE_LINES_MAX + 1) * 5] = {
        let mut bytes = [b'\n'; (FILE_LINES_MAX + 1) * 5];
        let mut at = 0;
        while at < bytes.len() {
            if at % 5 < 4 {
                bytes[at] = LINE[at % 5];
            }
            at += 1;
        }
        bytes
    };
    match std::str::from_utf8(&BYTES) {
        Ok(text) => text,
        Err(_) => panic!("ASCII"),
    }
};

pub const FILE_LENGTH: Rule = Rule {
    says: "files have at most 600 lines without their tests",
    remedy: "split it along what it owns into `foo.rs` and `foo/`; long tests go to `foo/tests.rs`",
    check: long_files,
    exceptions: &[],
    wrong: (
        Sample {
            path: "crates/core/src/engine.rs",
            text: TOO_LONG,
        },
        FILE_LINES_MAX + 1,
    ),
    right: Sample {
        path: "crates/core/src/engine/tests.rs",
        text: TOO_LONG,
    },
};

fn long_functions(source: &Source) -> Vec<Finding> {
    let chars: Vec<char> = source.shipped.chars().collect();
    let mut found = Vec::new();
    let (mut line, mut at) = (1, 0);
    while at < chars.len() {
        let is_start = chars.get(at..at + 3) == Some(&['f', 'n', ' '])
            && !at
                .checked_sub(1)
                .and_then(|i| chars.get(i))
                .is_some_and(|c| is_name(*c));
        if is_start && let Some(open) = body_start(&chars, at) {
            let body: String = chars
                .iter()
                .take(brace_end(&chars, open))
                .skip(open)
                .collect();
            let lines = body.lines().filter(|l| !l.trim().is_empty()).count();
            // The braces' own lines are not counted.
            if lines.saturating_sub(2) > FUNCTION_LINES_MAX {
                found.push((line, format!("a function of {} lines", lines - 2)));
            }
        }
        line += usize::from(chars.get(at) == Some(&'\n'));
        at += 1;
    }
    found
}

pub const FUNCTION_LENGTH: Rule = Rule {
    says: "functions have at most 70 lines of code",
    remedy: "give a part of it a name; a table is better than a long `match`",
    check: long_functions,
    exceptions: &[
        Exception {
            path: "crates/phoenix/src/live/notices.rs",
            what: "",
            why: "one `match` that gives every notice its words; splitting it would hide a missing one",
        },
        Exception {
            path: "crates/phoenix/src/live/session.rs",
            what: "",
            why: "to be split: start, run and verified end of a session",
        },
    ],
    wrong: (
        Sample {
            path: "crates/core/src/engine.rs",
            text: concat!(
                "//! Engine.\nfn long() {\n",
                "a();\na();\na();\na();\na();\na();\na();\na();\na();\na();\na();\na();\na();\na();\na();\na();\na();\na();\n",
                "a();\na();\na();\na();\na();\na();\na();\na();\na();\na();\na();\na();\na();\na();\na();\na();\na();\na();\n",
                "a();\na();\na();\na();\na();\na();\na();\na();\na();\na();\na();\na();\na();\na();\na();\na();\na();\na();\n",
                "a();\na();\na();\na();\na();\na();\na();\na();\na();\na();\na();\na();\na();\na();\na();\na();\na();\na();\n}\n"
            ),
        },
        2,
    ),
    right: Sample {
        path: "crates/core/src/engine.rs",
        text: "//! Engine.\nfn short(a: [u8; 3]) {\n    // a comment\n\n    a();\n}\nfn other() { b(); }\n",
    },
};

const VAGUE: &[&str] = &[
    "utils", "util", "helpers", "helper", "manager", "service", "services", "misc",
];

fn vague_names(source: &Source) -> Vec<Finding> {
    let parts = source.path.trim_end_matches(".rs").split('/');
    let mut found: Vec<Finding> = parts
        .filter(|part| VAGUE.contains(part) || *part == "mod" && source.path.ends_with("/mod.rs"))
        .map(|part| (1, format!("a file or folder called `{part}`")))
        .collect();
    for (line, text) in numbered(&source.code).filter(|_| source.path.ends_with(".rs")) {
        let declared = text.trim().trim_start_matches("pub ").strip_prefix("mod ");
        let name = declared.map(|rest| rest.trim_end_matches([' ', '{', ';']));
        if name.is_some_and(|name| VAGUE.contains(&name)) {
            found.push((
                line,
                format!("a module called `{}`", name.unwrap_or_default()),
            ));
        }
    }
    found
}

pub const NAMES: Rule = Rule {
    says: "no `mod.rs`, and no module called utils, helpers, manager or service",
    remedy: "name the module after what it owns; write `foo.rs` beside `foo/`",
    check: vague_names,
    exceptions: &[],
    wrong: (
        Sample {
            path: "crates/phoenix/src/live/mod.rs",
            text: "//! Live.\n",
        },
        1,
    ),
    right: Sample {
        path: "crates/phoenix/src/live.rs",
        text: "//! No utils.\nmod modes;\nmod manager_free;\n",
    },
};

/// Written in two parts, so that this file does not contain them.
const UNFINISHED: &[&str] = &[
    concat!("todo", "!"),
    concat!("unimplemented", "!"),
    concat!("dbg", "!"),
    concat!("#[", "ignore"),
];

fn unfinished(source: &Source) -> Vec<Finding> {
    let lines = numbered(&source.code).filter(|_| source.path.ends_with(".rs"));
    lines
        .flat_map(|(line, text)| {
            let found = UNFINISHED.iter().filter(move |word| text.contains(*word));
            found.map(move |word| (line, format!("`{word}`")))
        })
        .collect()
}

pub const UNFINISHED_WORK: Rule = Rule {
    says: "no unfinished or switched-off code",
    remedy: "finish it or leave it out; a test that must not run by itself is started by another test and excepted here",
    check: unfinished,
    exceptions: &[Exception {
        path: "crates/phoenix/src/journal/tests.rs",
        what: "ignore",
        why: "the process that `kill_nine_loses_nothing_that_was_written` starts and kills; run alone it would never end",
    }],
    wrong: (
        Sample {
            path: "crates/phoenix/src/cli.rs",
            text: concat!("//! Cli.\nfn later() {\n    todo", "!()\n}\n"),
        },
        3,
    ),
    right: Sample {
        path: "crates/phoenix/src/cli.rs",
        text: concat!(
            "//! No todo",
            "!() here.\nfn now() {\n    let s = \"todo",
            "!\";\n}\n"
        ),
    },
};

/// Shorter first sentences say nothing.
const SENTENCE_CHARS_MIN: usize = 30;

fn untold(source: &Source) -> Vec<Finding> {
    let is_module =
        source.path.ends_with(".rs") && source.path.contains("/src/") && !is_test(&source.path);
    let first: String = source
        .text
        .lines()
        .map_while(|line| line.strip_prefix("//! "))
        .collect();
    match first.len() {
        length if !is_module || length >= SENTENCE_CHARS_MIN => Vec::new(),
        0 => vec![(1, "no `//!` in the first line".to_owned())],
        _ => vec![(1, format!("`//! {first}` says too little"))],
    }
}

pub const FIRST_SENTENCE: Rule = Rule {
    says: "each module opens with a sentence: what it owns and what it does not know",
    remedy: "write it as `//!` in the first line; if it needs an \"and\", the module may be two",
    check: untold,
    exceptions: &[],
    wrong: (
        Sample {
            path: "crates/core/src/engine.rs",
            text: "use crate::units::Lots;\n//! Owns the engine and knows nothing of sockets.\n",
        },
        1,
    ),
    right: Sample {
        path: "crates/core/src/engine.rs",
        text: "//! Owns the engine; knows nothing of sockets.\n",
    },
};

fn unordered_select(source: &Source) -> Vec<Finding> {
    let mut found = Vec::new();
    for (at, _) in source.shipped.match_indices("select!") {
        let after = source
            .shipped
            .get(at + "select!".len()..)
            .unwrap_or_default();
        let inside = after.trim_start().strip_prefix('{').unwrap_or(after);
        if !inside.trim_start().starts_with("biased;") && source.path.ends_with(".rs") {
            let before = source.shipped.get(..at).unwrap_or_default();
            found.push((
                before.lines().count(),
                "`select!` without `biased;`".to_owned(),
            ));
        }
    }
    found
}

pub const SELECTS: Rule = Rule {
    says: "`select!` is `biased;`, so that its order is chosen and not random",
    remedy: "write `biased;` first and the reason for the order beside it",
    check: unordered_select,
    exceptions: &[Exception {
        path: "crates/phoenix/src/serve/launch.rs",
        what: "",
        why: "both branches, interrupt and terminate, end the exchange alike",
    }],
    wrong: (
        Sample {
            path: "crates/phoenix/src/live/cold.rs",
            text: "async fn run() {\n    tokio::select! {\n        a = b => {}\n    }\n}\n",
        },
        2,
    ),
    right: Sample {
        path: "crates/phoenix/src/live/cold.rs",
        text: "async fn run() {\n    tokio::select! {\n        biased; // Stop first.\n        a = b => {}\n    }\n}\n",
    },
};

/// Last words of a metric's name: base units, or what is counted. A new one is added here on purpose.
const UNITS: &[&str] = &[
    "seconds",
    "bytes",
    "ratio",
    "base",
    "quote",
    "bps",
    "info",
    "bool",
    "orders",
    "layers",
    "symbols",
    "events",
    "connections",
    "messages",
    "weight",
    "level",
];

fn metric_names(source: &Source) -> Vec<Finding> {
    if !source.is_in("crates/phoenix/src/metrics") {
        return Vec::new();
    }
    let is_part = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let is_good = |name: &str| {
        let base = name.strip_suffix("_total").unwrap_or(name);
        let has_unit = UNITS.iter().any(|unit| base.ends_with(&format!("_{unit}")));
        name.chars().all(is_part) && (has_unit || name != base) && !name.contains("__")
    };
    let names = numbered(&source.text).flat_map(|(line, text)| {
        let literals = text.split('"').skip(1).step_by(2);
        literals.map(move |literal| (line, literal))
    });
    names
        .filter(|(_, name)| name.starts_with("phoenix_") && !is_good(name))
        .map(|(line, name)| (line, format!("a metric called `{name}`")))
        .collect()
}

pub const METRIC_NAMES: Rule = Rule {
    says: "metrics are called `phoenix_<noun>_<unit>[_total]`, in base units",
    remedy: "end the name with a base unit (seconds, bytes, ratio, ...) or `_total`; add a new unit to UNITS on purpose",
    check: metric_names,
    exceptions: &[],
    wrong: (
        Sample {
            path: "crates/phoenix/src/metrics.rs",
            text: "fn register() {\n    gauge(\"phoenix_stream_age_ms\");\n}\n",
        },
        2,
    ),
    right: Sample {
        path: "crates/phoenix/src/metrics.rs",
        text: "fn register() {\n    gauge(\"phoenix_stream_age_seconds\");\n    counter(\"phoenix_fills_total\");\n}\n",
    },
};
