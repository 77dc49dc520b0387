//! The rules about what may be reached at all: clocks, sockets, files, floats, hash order, and from where.

use super::rule::{Exception, Finding, Rule, Sample};
use super::source::{Source, is_name, numbered};

/// Lines of shipped code that contain one of `words`, bounded by characters that cannot stand in a name.
fn words_in(source: &Source, words: &[&'static str]) -> Vec<Finding> {
    let mut found = Vec::new();
    for (line, text) in numbered(&source.shipped) {
        for word in words {
            for (at, _) in text.match_indices(word) {
                let before = text.get(..at).and_then(|t| t.chars().next_back());
                let after = text.get(at + word.len()..).and_then(|t| t.chars().next());
                let joins = |c: Option<char>, edge: Option<char>| {
                    c.is_some_and(is_name) && edge.is_some_and(is_name)
                };
                if !joins(before, word.chars().next()) && !joins(after, word.chars().next_back()) {
                    found.push((line, format!("`{word}`")));
                }
            }
        }
    }
    found
}

fn is_core(source: &Source) -> bool {
    source.path.starts_with("crates/core/src/")
}

fn impure(source: &Source) -> Vec<Finding> {
    if !is_core(source) {
        return Vec::new();
    }
    let mut found = words_in(
        source,
        &[
            "std::",
            "extern crate std",
            "HashMap",
            "HashSet",
            "Instant",
            "SystemTime",
            "AtomicU64",
            "AtomicI64",
            "thread_local!",
            "static mut",
            "async fn",
            "println!",
            "eprintln!",
            "unsafe",
        ],
    );
    if source.path == "crates/core/src/lib.rs" {
        for needed in ["#![no_std]", "#![forbid(unsafe_code)]"] {
            if !source.code.contains(needed) {
                found.push((1, format!("`{needed}` is missing")));
            }
        }
        found.retain(|(_, what)| what != "`unsafe`");
    }
    found
}

pub const CORE_IS_PURE: Rule = Rule {
    says: "core reaches no clock, thread, hash order, console or `std`, and forbids unsafe code",
    remedy: "let the driver do it and tell the engine by an `Event`, or ask for it by an `Action`",
    check: impure,
    exceptions: &[],
    wrong: (
        Sample {
            path: "crates/core/src/engine.rs",
            text: "//! Engine.\nuse alloc::vec::Vec;\nfn now() { std::time::Instant::now(); }\n",
        },
        3,
    ),
    right: Sample {
        path: "crates/core/src/engine.rs",
        text: "//! No `std::` here.\nuse alloc::collections::BTreeMap;\n#[cfg(test)]\nmod tests { extern crate std; }\n",
    },
};

/// Float methods that come from the machine's maths library, which differs between machines.
const FLOAT_METHODS: &[&str] = &[
    ".sqrt()",
    ".cbrt()",
    ".exp()",
    ".exp2()",
    ".exp_m1()",
    ".ln()",
    ".ln_1p()",
    ".log2()",
    ".log10()",
    ".log(",
    ".powi(",
    ".powf(",
    ".sin()",
    ".cos()",
    ".tan()",
    ".tanh()",
    ".sinh()",
    ".cosh()",
    ".atan()",
    ".atan2(",
    ".hypot(",
    ".mul_add(",
    ".floor()",
    ".ceil()",
    ".round()",
    ".trunc()",
    ".fract()",
];

fn float_methods(source: &Source) -> Vec<Finding> {
    if !is_core(source) {
        return Vec::new();
    }
    words_in(source, FLOAT_METHODS)
}

pub const FLOAT_MATHS: Rule = Rule {
    says: "core's float maths comes from libm, the same bits on every machine",
    remedy: "use the function of `libm` (through `float.rs` where the number leaves for an integer)",
    check: float_methods,
    exceptions: &[],
    wrong: (
        Sample {
            path: "crates/core/src/signal/volatility.rs",
            text: "fn sigma(v: f64) -> f64 {\n    v.sqrt()\n}\n",
        },
        2,
    ),
    right: Sample {
        path: "crates/core/src/signal/volatility.rs",
        text: "fn sigma(v: f64) -> f64 {\n    libm::sqrt(v) // not v.sqrt()\n}\n",
    },
};

fn floats(source: &Source) -> Vec<Finding> {
    let may = ["signal", "strategy", "float", "params"];
    let module = source.module().unwrap_or_default();
    if !is_core(source) || module.first().is_some_and(|name| may.contains(name)) {
        return Vec::new();
    }
    words_in(source, &["f64", "f32"])
}

pub const FLOATS: Rule = Rule {
    says: "no float outside `signal`, `strategy`, `float` and `params` of core: prices, sizes and money are integers",
    remedy: "compute in `Ticks`, `Lots`, `Quote` or `Ratio`; leave strategy maths through `float.rs`",
    check: floats,
    exceptions: &[Exception {
        path: "crates/core/src/engine/desk/quote.rs",
        what: "f64",
        why: "`min_spread` is a float parameter; its gap in ticks is computed once per look and leaves through `float.rs`",
    }],
    wrong: (
        Sample {
            path: "crates/core/src/position.rs",
            text: "struct Position {\n    cost: f64,\n}\n",
        },
        2,
    ),
    right: Sample {
        path: "crates/core/src/signal/vpin.rs",
        text: "struct Vpin {\n    value: f64,\n}\n",
    },
};

fn clocks(source: &Source) -> Vec<Finding> {
    words_in(
        source,
        &[
            "Instant::now",
            "SystemTime::now",
            "Timestamp::now",
            "Zoned::now",
            "Utc::now",
        ],
    )
}

pub const CLOCKS: Rule = Rule {
    says: "only `live/clock.rs` reads clocks",
    remedy: "take the instant from `Clock` (or as an argument); what the engine sees must come through its events",
    check: clocks,
    exceptions: &[
        Exception {
            path: "crates/phoenix/src/live/clock.rs",
            what: "",
            why: "the one place that reads clocks for the engine",
        },
        Exception {
            path: "crates/phoenix/src/live/hot.rs",
            what: "Instant::now",
            why: "the runtime's timer needs an instant to be made; it is reset to the engine's before it is waited for",
        },
        Exception {
            path: "crates/phoenix/src/live/links.rs",
            what: "Instant::now",
            why: "runtime timers for back-off and rotation; nothing of it reaches the engine",
        },
        Exception {
            path: "crates/phoenix/src/live/cold.rs",
            what: "Instant::now",
            why: "length of the run, patience with the end, sampling interval: all on the cold side",
        },
        Exception {
            path: "crates/phoenix/src/live/session.rs",
            what: "",
            why: "length of the run and labels of lock file and journal",
        },
        Exception {
            path: "crates/phoenix/src/live/session/end.rs",
            what: "Timestamp::now",
            why: "label of the session's end in the journal",
        },
        Exception {
            path: "crates/phoenix/src/live/session/boot.rs",
            what: "Timestamp::now",
            why: "label of the session in the journal",
        },
        Exception {
            path: "crates/phoenix/src/net/http.rs",
            what: "Instant::now",
            why: "one limit for all attempts of a request, against the runtime's timer",
        },
        Exception {
            path: "crates/phoenix/src/serve.rs",
            what: "Instant::now",
            why: "patience while sockets close",
        },
        Exception {
            path: "crates/phoenix/src/serve/clock.rs",
            what: "",
            why: "the embedded exchange stands for another machine and has its own clock",
        },
        Exception {
            path: "crates/phoenix/src/serve/socket.rs",
            what: "Instant::now",
            why: "pings, age and message limit of one connection",
        },
        Exception {
            path: "crates/phoenix/src/cli/health.rs",
            what: "Zoned::now",
            why: "label of a change that `--watch` prints",
        },
        Exception {
            path: "crates/phoenix/src/cli/simulate.rs",
            what: "Instant::now",
            why: "how long a simulation took, beside how much time it simulated",
        },
        Exception {
            path: "crates/phoenix/src/demo.rs",
            what: "Instant::now",
            why: "waits for the first prices of the market before anything trades",
        },
        Exception {
            path: "crates/phoenix/src/drill/conduct.rs",
            what: "Instant::now",
            why: "patience with the processes of a drill, which are judged by the exchange's clock",
        },
        Exception {
            path: "crates/phoenix/src/drill/stage.rs",
            what: "Instant::now",
            why: "patience with processes that start or end",
        },
        Exception {
            path: "crates/phoenix/src/drill/suite.rs",
            what: "Instant::now",
            why: "how long a drill took, for people",
        },
        Exception {
            path: "crates/phoenix/src/drill/process.rs",
            what: "SystemTime::now",
            why: "the instant of a signal, on the wall clock that the exchange's ledger and Phoenix's log share",
        },
        Exception {
            path: "crates/watchdog/src/clock.rs",
            what: "",
            why: "the watchdog shares no code with the engine's driver, and this is the one place that reads clocks for it",
        },
    ],
    wrong: (
        Sample {
            path: "crates/phoenix/src/journal/writer.rs",
            text: "fn stamp() {\n    let at = std::time::SystemTime::now();\n}\n",
        },
        2,
    ),
    right: Sample {
        path: "crates/phoenix/src/journal/writer.rs",
        text: "fn stamp(at_ms: i64) {}\n#[cfg(test)]\nmod tests { fn t() { std::time::Instant::now(); } }\n",
    },
};

fn client_sockets(source: &Source) -> Vec<Finding> {
    // Prose may name a library, and the lock file repeats what manifests ask for.
    let is_code = source.path.ends_with(".rs") || source.path.ends_with("Cargo.toml");
    if source.is_in("crates/phoenix/src/net") || !is_code {
        return Vec::new();
    }
    words_in(
        source,
        &[
            "TcpStream::connect",
            "TcpSocket::new_v4",
            "TcpSocket::new_v6",
            "UdpSocket::bind",
            "UnixStream::connect",
            "connect_async",
            "client_async",
            "client_async_with_config",
            "http1::handshake",
            "reqwest",
            "ureq",
        ],
    )
}

pub const SOCKETS: Rule = Rule {
    says: "only `net/` opens client sockets",
    remedy: "use `net::http` or `net::ws`: time-outs, TLS and what a failure means are decided there once",
    check: client_sockets,
    exceptions: &[
        Exception {
            path: "crates/phoenix/src/heartbeat.rs",
            what: "UnixStream::connect",
            why: "the watchdog's socket is a file on this machine, and no request or order goes there",
        },
        Exception {
            path: "crates/watchdog/src/http.rs",
            what: "ureq",
            why: "the watchdog's own connection, on which it cancels while the trading process is broken",
        },
        Exception {
            path: "crates/watchdog/Cargo.toml",
            what: "ureq",
            why: "the same",
        },
    ],
    wrong: (
        Sample {
            path: "crates/phoenix/src/live/rest.rs",
            text: "async fn open() {\n    let s = tokio::net::TcpStream::connect(\"x\").await;\n}\n",
        },
        2,
    ),
    right: Sample {
        path: "crates/phoenix/src/net/tls.rs",
        text: "async fn open() {\n    let s = tokio::net::TcpStream::connect(\"x\").await;\n}\n",
    },
};

fn databases(source: &Source) -> Vec<Finding> {
    if source.is_in("crates/phoenix/src/journal") {
        return Vec::new();
    }
    words_in(source, &["rusqlite"])
        .into_iter()
        .filter(|_| source.path.ends_with(".rs"))
        .collect()
}

pub const DATABASES: Rule = Rule {
    says: "only `journal/` opens SQLite",
    remedy: "ask `journal::query` or tell `journal::Recorder`; nobody else holds a connection",
    check: databases,
    exceptions: &[],
    wrong: (
        Sample {
            path: "crates/phoenix/src/cli/report.rs",
            text: "//! Reports.\nuse rusqlite::Connection;\n",
        },
        2,
    ),
    right: Sample {
        path: "crates/phoenix/src/journal/query.rs",
        text: "//! Queries.\nuse rusqlite::Connection;\n",
    },
};
