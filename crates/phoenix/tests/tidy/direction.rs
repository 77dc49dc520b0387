//! The rules about who may name whom: core's layers, the walls between the crates and inside `phoenix`.

use super::rule::{Exception, Finding, Rule, Sample};
use super::source::{Source, numbered};

/// Modules of core, lowest layer first. A module names modules of lower layers and itself, nothing else.
pub const LAYERS: &[&[&str]] = &[
    &["units"],
    &["digest", "float", "instrument", "params"],
    &["order"],
    &["event", "slot"],
    &["notice"],
    &["action"],
    &["book", "budget", "liveness", "orders", "position", "signal"],
    &["risk", "strategy"],
    &["engine"],
];

fn layer_of(module: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| layer.contains(&module))
}

/// A path of core, from the crate's root: `crate::a::b` and what `super::` and `self::` lead to.
fn from_root(module: &[&str], path: &[String]) -> Option<Vec<String>> {
    let climbs = path.iter().take_while(|part| *part == "super").count();
    let base = match path.first().map(String::as_str) {
        Some("crate") => Vec::new(),
        Some("self") => module.to_vec(),
        Some("super") => module.get(..module.len().checked_sub(climbs)?)?.to_vec(),
        _ => return None,
    };
    let rest = path.iter().skip(climbs.max(1)).cloned();
    Some(base.into_iter().map(str::to_owned).chain(rest).collect())
}

fn core_paths(source: &Source) -> Vec<(usize, Vec<String>)> {
    let Some(module) = source.module() else {
        return Vec::new();
    };
    let rooted = |(line, path): &(usize, Vec<String>)| Some((*line, from_root(&module, path)?));
    source.paths.iter().filter_map(rooted).collect()
}

fn out_of_layer(source: &Source) -> Vec<Finding> {
    if !source.is_in("crates/core/src") {
        return Vec::new();
    }
    let module = source.module().unwrap_or_default();
    let Some(own) = module.first() else {
        return Vec::new();
    };
    let Some(height) = layer_of(own) else {
        return vec![(1, format!("`{own}` stands in no layer"))];
    };
    let is_out = |name: &str| name != *own && layer_of(name).is_some_and(|layer| layer >= height);
    core_paths(source)
        .into_iter()
        .filter(|(_, path)| path.first().is_some_and(|name| is_out(name)))
        .map(|(line, path)| (line, format!("`{own}` names `{}`", path.join("::"))))
        .collect()
}

pub const CORE_LAYERS: Rule = Rule {
    says: "core points one way: a module names only lower layers",
    remedy: "move the name to a lower layer, or the module to a higher one (LAYERS here and in ARCHITECTURE.md)",
    check: out_of_layer,
    exceptions: &[
        Exception {
            path: "crates/core/src/action.rs",
            what: "risk::Approved",
            why: "an action carries what only the risk gate can make; its maker's field must stay private to `risk`",
        },
        Exception {
            path: "crates/core/src/notice.rs",
            what: "strategy::Mode",
            why: "a notice names the mode that changed; the mode table belongs to the strategies",
        },
        Exception {
            path: "crates/core/src/risk.rs",
            what: "strategy::Mode",
            why: "permission follows from mode; `risk` sees no other part of `strategy`",
        },
    ],
    wrong: (
        Sample {
            path: "crates/core/src/book/sync.rs",
            text: "use crate::event::Depth;\nuse crate::{\n    units::Ticks,\n    engine::{desk::Desk, view},\n};\n",
        },
        4,
    ),
    right: Sample {
        path: "crates/core/src/book/sync.rs",
        text: "use super::Touch;\nuse crate::{event::Depth, units::Ticks};\n// crate::engine\n#[cfg(test)]\nmod tests { use crate::engine::Engine; }\n",
    },
};

fn strategy_names_orders(source: &Source) -> Vec<Finding> {
    if !source.is_in("crates/core/src/strategy") {
        return Vec::new();
    }
    let found = core_paths(source).into_iter();
    found
        .filter(|(_, path)| path.first().is_some_and(|name| name == "orders"))
        .map(|(line, path)| (line, format!("a strategy names `{}`", path.join("::"))))
        .collect()
}

pub const STRATEGY_AND_ORDERS: Rule = Rule {
    says: "a strategy never names orders: it says what should rest, not what does",
    remedy: "give the strategy what it needs through `StrategyView`; matching is `orders::diff`'s work",
    check: strategy_names_orders,
    exceptions: &[],
    wrong: (
        Sample {
            path: "crates/core/src/strategy/asmm.rs",
            text: "use crate::units::Lots;\nuse super::super::orders::OrderTracker;\n",
        },
        2,
    ),
    right: Sample {
        path: "crates/core/src/strategy/asmm.rs",
        text: "use crate::slot::Slot;\n/// Knows nothing of crate::orders.\nfn orders() {}\n",
    },
};

/// What the manifest of a crate may list under `[dependencies]`; `None` for any.
fn may_depend(manifest: &str, on: &str) -> bool {
    match manifest {
        "crates/core/Cargo.toml" => on == "libm",
        "crates/exchange/Cargo.toml" => false,
        "crates/watchdog/Cargo.toml" => !on.starts_with("phoenix") && on != "tokio",
        _ => true,
    }
}

fn forbidden_dependencies(source: &Source) -> Vec<Finding> {
    let mut table = String::new();
    let mut found = Vec::new();
    for (line, text) in numbered(&source.text).filter(|_| source.path.ends_with("Cargo.toml")) {
        if text.starts_with('[') {
            table = text.trim_matches(['[', ']']).to_owned();
        }
        let is_dependency = table == "dependencies" || table == "build-dependencies";
        if let Some((name, _)) = text.split_once(['=', '.'])
            && is_dependency
            && !text.starts_with('#')
            && !may_depend(&source.path, name.trim())
        {
            found.push((line, format!("depends on `{}`", name.trim())));
        }
    }
    found
}

pub const CRATES: Rule = Rule {
    says: "core depends on libm only, the exchange on nothing, the watchdog on none of our code and no async runtime",
    remedy: "do it in `crates/phoenix`, the only crate with I/O; the walls are what the other crates are for",
    check: forbidden_dependencies,
    exceptions: &[],
    wrong: (
        Sample {
            path: "crates/exchange/Cargo.toml",
            text: "[package]\nname = \"x\"\n[dependencies]\nphoenix-core = { path = \"../core\" }\n",
        },
        4,
    ),
    right: Sample {
        path: "crates/core/Cargo.toml",
        text: "[dependencies]\nlibm = \"0.2\"\n[dev-dependencies]\nproptest = \"1\"\n",
    },
};

fn exchange_names_us(source: &Source) -> Vec<Finding> {
    if !source.path.starts_with("crates/exchange/") {
        return Vec::new();
    }
    let is_ours = |name: &str| matches!(name, "phoenix" | "phoenix_core" | "phoenix_watchdog");
    let paths = source.paths.iter();
    paths
        .filter(|(_, path)| path.first().is_some_and(|name| is_ours(name)))
        .map(|(line, path)| (*line, format!("the exchange names `{}`", path.join("::"))))
        .collect()
}

pub const EXCHANGE_IS_A_STRANGER: Rule = Rule {
    says: "the embedded exchange shares no code with what trades on it",
    remedy: "write it again in the exchange's own terms; shared code would hide its own mistakes",
    check: exchange_names_us,
    exceptions: &[],
    wrong: (
        Sample {
            path: "crates/exchange/src/book.rs",
            text: "//! Levels.\nuse phoenix_core::units::Ticks;\n",
        },
        2,
    ),
    right: Sample {
        path: "crates/exchange/src/book.rs",
        text: "//! Not phoenix_core::book.\nuse crate::decimal::E8;\n",
    },
};

/// Modules of `phoenix` that may bring `binance`, `net` and the exchange together, or start what does.
const MEETING: &[&str] = &["live", "serve", "sim", "demo", "cli", "main"];

/// What each guarded module of `phoenix` may name of our modules and crates and of the runtime crates.
const WALLS: &[(&str, &[&str])] = &[
    ("binance", &["secrets", "phoenix_core"]),
    ("net", &["tokio", "tokio_tungstenite", "hyper", "rustls"]),
    (
        "serve",
        &[
            "capture",
            "phoenix_exchange",
            "tokio",
            "tokio_tungstenite",
            "hyper",
            "axum",
        ],
    ),
    (
        "live",
        &[
            "binance",
            "capture",
            "config",
            "flight",
            "health",
            "incident",
            "journal",
            "lock",
            "logging",
            "net",
            "secrets",
            "web",
            "phoenix_core",
            "tokio",
            "tokio_tungstenite",
            "hyper",
        ],
    ),
    ("health", &[]),
    ("web", &["health", "tokio", "hyper", "axum"]),
    ("journal", &["rusqlite"]),
    ("flight", &["phoenix_core"]),
    ("incident", &["flight"]),
    ("capture", &["phoenix_exchange"]),
    ("config", &["phoenix_core"]),
    ("secrets", &["config"]),
    ("lock", &[]),
    ("logging", &["config"]),
];

/// Everything that the walls speak of.
const GUARDED: &[&str] = &[
    "binance",
    "capture",
    "cli",
    "config",
    "demo",
    "flight",
    "health",
    "incident",
    "journal",
    "live",
    "lock",
    "logging",
    "net",
    "secrets",
    "serve",
    "sim",
    "web",
    "phoenix_core",
    "phoenix_exchange",
    "phoenix_watchdog",
    "tokio",
    "tokio_tungstenite",
    "hyper",
    "rustls",
    "axum",
    "rusqlite",
];

/// The name of a path that the walls speak of: `crate::net::http` → `net`, `tokio::net` → `tokio`.
fn guarded<'a>(module: &[&str], path: &'a [String]) -> Option<&'a str> {
    let name = match path.first()?.as_str() {
        "crate" => path.get(1)?,
        "super" if path.iter().take_while(|part| *part == "super").count() == module.len() => {
            path.get(module.len())?
        }
        _ if path
            .first()
            .is_some_and(|name| name.starts_with("phoenix_") || is_outside(name)) =>
        {
            path.first()?
        }
        _ => return None,
    };
    GUARDED.contains(&name.as_str()).then_some(name)
}

fn is_outside(name: &str) -> bool {
    matches!(
        name,
        "tokio" | "tokio_tungstenite" | "hyper" | "rustls" | "axum" | "rusqlite"
    )
}

fn through_walls(source: &Source) -> Vec<Finding> {
    if !source.is_in("crates/phoenix/src") {
        return Vec::new();
    }
    let module = source.module().unwrap_or_default();
    let own = module.first().copied().unwrap_or("main");
    let may = WALLS.iter().find(|(name, _)| *name == own);
    let mut found = Vec::new();
    for (line, path) in &source.paths {
        let Some(name) = guarded(&module, path).filter(|name| *name != own) else {
            continue;
        };
        if may.is_some_and(|(_, allowed)| !allowed.contains(&name)) {
            found.push((*line, format!("`{own}` names `{name}`")));
        }
    }
    found
}

pub const WALLS_OF_PHOENIX: Rule = Rule {
    says: "the modules of `phoenix` that know one thing name nothing of the others",
    remedy: "let `live` or `serve` bring the two together; if the wall stands wrong, move it in WALLS and in ARCHITECTURE.md",
    check: through_walls,
    exceptions: &[],
    wrong: (
        Sample {
            path: "crates/phoenix/src/binance/routes.rs",
            text: "//! Routes.\nuse crate::secrets::KeyKind;\nuse crate::net::Endpoint;\n",
        },
        3,
    ),
    right: Sample {
        path: "crates/phoenix/src/binance/routes.rs",
        text: "//! Routes.\nuse crate::secrets::KeyKind;\nuse crate::binance::codes;\nuse std::net::IpAddr;\n",
    },
};

fn meetings(source: &Source) -> Vec<Finding> {
    let module = source.module().unwrap_or_default();
    let own = module.first().copied().unwrap_or("main");
    if !source.is_in("crates/phoenix/src") || MEETING.contains(&own) {
        return Vec::new();
    }
    let mut met: Vec<&str> = Vec::new();
    let mut found = Vec::new();
    for (line, path) in &source.paths {
        let Some(name) = guarded(&module, path) else {
            continue;
        };
        if matches!(name, "binance" | "net" | "phoenix_exchange") && !met.contains(&name) {
            met.push(name);
            if met.len() > 1 {
                found.push((*line, format!("`{own}` names {}", met.join(" and "))));
            }
        }
    }
    found
}

pub const MEETINGS: Rule = Rule {
    says: "`binance`, `net` and the exchange crate meet only in `live`, `serve`, `sim` and the wiring",
    remedy: "take the part that needs both into `live`, or pass in what the other one made",
    check: meetings,
    exceptions: &[],
    wrong: (
        Sample {
            path: "crates/phoenix/src/record.rs",
            text: "use crate::binance::routes::Venue;\nuse crate::net::ws::Socket;\n",
        },
        2,
    ),
    right: Sample {
        path: "crates/phoenix/src/live/links.rs",
        text: "use crate::binance::routes::Venue;\nuse crate::net::ws::Socket;\n",
    },
};
