//! Whether every key has a reader: a key that is set and changes nothing deceives whoever sets it.

use std::path::Path;

use phoenix_core::instrument::ethusdc;
use phoenix_core::params::{AccountParams, ExchangeLimits, SymbolParams};

use super::super::keys::{self, Absent, Change, Key, Kind, Range, Section};
use super::super::params::{ShellParams, account_params, symbol_params};
use super::super::{Config, Decimal};

/// Keys that are marked live and change no parameter, each with its reason.
const LIVE_ELSEWHERE: &[(&str, &str)] = &[(
    "symbol",
    "names the contract: another name removes one symbol and adds another",
)];

/// Keys that need a restart and whose name is not read outside `config`, each with its reason.
const READ_ELSEWHERE: &[(&str, &str)] = &[("testnet", "decides `venue`, which is read")];

/// Values for keys whose range does not give any, and what must stand beside them.
const TEXTS: &[(&str, &str)] = &[
    (
        "rest_url",
        "https://127.0.0.1:1, ws_url: \"wss://127.0.0.1:1\"",
    ),
    (
        "ws_url",
        "wss://127.0.0.1:1, rest_url: \"https://127.0.0.1:1\"",
    ),
    (
        "ws_api_url",
        "wss://127.0.0.1:1, rest_url: \"https://a\", ws_url: \"wss://a\"",
    ),
    ("listen_address", "127.0.0.2"),
    ("symbol", "BTCUSDC"),
    ("unified_layer_size", "0.02"),
];

/// What the running process acts on.
#[derive(Debug, PartialEq)]
struct Effects {
    symbols: Vec<Option<SymbolParams>>,
    account: Option<AccountParams>,
    shell: ShellParams,
}

fn effects(config: &Config) -> Effects {
    let global = &config.global;
    Effects {
        symbols: config
            .symbols
            .iter()
            .map(|symbol| symbol_params(global, symbol, &ethusdc()))
            .collect(),
        account: account_params(global, ExchangeLimits::DEFAULT),
        shell: ShellParams::of(global),
    }
}

/// A file in which one key has a value; without one, the smallest file.
fn file_with(change: Option<(&Key, &str)>) -> Option<Config> {
    let group = |section: Section| {
        let mut lines: Vec<String> = keys::of(section)
            .filter_map(|key| {
                let required = (key.absent == Absent::Refused).then_some(match key.name {
                    "symbol" => "ETHUSDC",
                    "net_max" => "1",
                    "unified_layer_size" => "0.01",
                    _ => "1000",
                });
                let given = change.filter(|(changed, _)| *changed == key);
                let value = given.map(|(_, value)| value).or(required)?;
                let quoted = matches!(key.kind, Kind::Text | Kind::Path);
                Some(match value.split_once(", ") {
                    Some((own, beside)) => format!("{}: \"{own}\", {beside}", key.name),
                    None if quoted => format!("{}: \"{value}\"", key.name),
                    None => format!("{}: {value}", key.name),
                })
            })
            .collect();
        for child in section.children() {
            lines.extend(keys::of(child).filter_map(|key| {
                let (_, value) = change.filter(|(changed, _)| *changed == key)?;
                Some(format!("{}: {{{}: {value}}}", child.name(), key.name))
            }));
        }
        lines.join(", ")
    };
    let text = format!(
        "global: {{{}}}\nsymbols:\n  - {{{}}}\n",
        group(Section::Global),
        group(Section::Symbol)
    );
    Config::parse("t.yaml", &text)
        .ok()
        .map(|loaded| loaded.config)
}

/// Allowed values that may differ from the default.
fn values(key: &Key) -> Vec<String> {
    let special = TEXTS.iter().find(|(name, _)| *name == key.name);
    if let Some((_, value)) = special {
        return vec![(*value).to_owned()];
    }
    match (key.kind, key.range) {
        (Kind::Bool, _) => vec!["true".to_owned(), "false".to_owned()],
        (Kind::Choice(words), _) => words.iter().map(|word| (*word).to_owned()).collect(),
        (Kind::Text | Kind::Path, _) => vec!["other".to_owned()],
        (_, Range::From(low, high) | Range::Above(low, high) | Range::Between(low, high)) => {
            let limit = |text: &str| text.parse::<Decimal>().expect("a limit").to_f64();
            let between = |share: f64| limit(low) + (limit(high) - limit(low)) * share;
            let digits = if key.kind == Kind::Int { 0 } else { 3 };
            [0.0001, 0.001, 0.01, 0.1, 0.3, 0.45, 0.65, 0.9]
                .map(|share| format!("{:.digits$}", between(share)))
                .into_iter()
                .chain([low.to_owned(), high.to_owned()])
                .collect()
        }
        (Kind::Int | Kind::Number | Kind::Time, Range::Any) => Vec::new(),
    }
}

/// Whether some allowed value of `key` changes what `of` takes from the configuration.
fn changes_something<T: PartialEq>(key: &Key, of: impl Fn(&Config) -> T) -> bool {
    let plain = of(&file_with(None).expect("the smallest file is valid"));
    let allowed = values(key);
    let loaded = allowed
        .iter()
        .filter_map(|value| file_with(Some((key, value))));
    loaded.into_iter().any(|config| of(&config) != plain)
}

fn is_excepted(list: &[(&str, &str)], key: &Key) -> bool {
    list.iter().any(|(name, _)| *name == key.name)
}

#[test]
fn every_key_changes_the_checked_configuration() {
    for key in keys::all() {
        assert!(
            changes_something(key, |c| (c.global.clone(), c.symbols.clone())),
            "{}: no value of it changes the configuration",
            key.name
        );
    }
}

#[test]
fn every_live_key_changes_what_the_running_process_acts_on() {
    for key in keys::all().filter(|key| key.change == Change::Live) {
        assert_eq!(
            changes_something(key, effects),
            !is_excepted(LIVE_ELSEWHERE, key),
            "{}: a key marked live must change a parameter, or be excepted with a reason",
            key.name
        );
    }
}

#[test]
fn every_key_that_needs_a_restart_is_read_outside_the_configuration() {
    let mut sources = String::new();
    let src = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src"));
    let mut folders = vec![src.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder of the sources") {
            let path = entry.expect("an entry").path();
            if path.is_dir() && !path.ends_with("config") {
                folders.push(path);
            } else if path.is_file() && !path.ends_with("tests.rs") {
                let text = std::fs::read_to_string(path).expect("UTF-8");
                let shipped = text.split("#[cfg(test)]").next().unwrap_or_default();
                sources.push_str(shipped);
            }
        }
    }
    let is_read = |name: &str| {
        let needle = format!(".{name}");
        let mut rests = sources.match_indices(&needle).map(|(at, _)| {
            sources
                .get(at + needle.len()..)
                .and_then(|rest| rest.chars().next())
        });
        rests.any(|next| next.is_none_or(|c| !c.is_alphanumeric() && c != '_'))
    };
    for key in keys::all().filter(|key| key.change == Change::Restart) {
        // A time loses its unit when it is read.
        let field = match key.kind {
            Kind::Time => key.name.trim_end_matches(&format!("_{}", key.unit)),
            _ => key.name,
        };
        assert_eq!(
            is_read(field),
            !is_excepted(READ_ELSEWHERE, key),
            "{}: nothing reads it, or its exception is out of date",
            key.name
        );
    }
}
