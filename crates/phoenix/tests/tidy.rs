//! The house rules as tests: who may name whom, what may be reached from where, how files look, what must not stand in them.
//!
//! Every file is read as text. Every rule shows that it holds, that it can fail, and that its exceptions are still needed.
#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop there"
)]

#[path = "tidy/direction.rs"]
mod direction;
#[path = "tidy/reach.rs"]
mod reach;
#[path = "tidy/rule.rs"]
mod rule;
#[path = "tidy/secrecy.rs"]
mod secrecy;
#[path = "tidy/source.rs"]
mod source;
#[path = "tidy/style.rs"]
mod style;

use source::{Source, root};

/// Three tests for each rule.
macro_rules! rules {
    ($($name:ident: $rule:expr;)*) => {
        $(mod $name {
            #[test]
            fn holds() {
                super::rule::holds(&$rule);
            }
            #[test]
            fn can_fail() {
                super::rule::can_fail(&$rule);
            }
            #[test]
            fn exceptions_are_needed() {
                super::rule::exceptions_are_needed(&$rule);
            }
        })*
    };
}

rules! {
    core_points_one_way: crate::direction::CORE_LAYERS;
    strategies_never_name_orders: crate::direction::STRATEGY_AND_ORDERS;
    crates_depend_on_what_their_walls_allow: crate::direction::CRATES;
    the_exchange_shares_no_code_with_us: crate::direction::EXCHANGE_IS_A_STRANGER;
    modules_of_phoenix_keep_their_walls: crate::direction::WALLS_OF_PHOENIX;
    protocol_sockets_and_exchange_meet_only_where_they_may: crate::direction::MEETINGS;
    core_is_pure: crate::reach::CORE_IS_PURE;
    float_maths_of_core_is_the_same_everywhere: crate::reach::FLOAT_MATHS;
    floats_of_core_stay_in_strategy_maths: crate::reach::FLOATS;
    clocks_are_read_in_one_place: crate::reach::CLOCKS;
    client_sockets_are_opened_in_one_place: crate::reach::SOCKETS;
    databases_are_opened_in_one_place: crate::reach::DATABASES;
    files_are_short: crate::style::FILE_LENGTH;
    functions_are_short: crate::style::FUNCTION_LENGTH;
    names_say_something: crate::style::NAMES;
    nothing_is_unfinished: crate::style::UNFINISHED_WORK;
    modules_say_what_they_own: crate::style::FIRST_SENTENCE;
    selects_are_ordered: crate::style::SELECTS;
    metrics_name_their_unit: crate::style::METRIC_NAMES;
    no_machine_is_named: crate::secrecy::MACHINE_PATHS;
    no_strange_host_is_named: crate::secrecy::STRANGE_HOSTS;
    no_secret_is_kept: crate::secrecy::SECRETS;
    documentation_names_what_exists: crate::secrecy::LINKS;
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

#[test]
fn long_files_only_get_shorter() {
    for (path, known, why) in style::LONG_FILES {
        assert!(!why.is_empty(), "{path}: why?");
        let lines = style::shipped_lines(&Source::new(path, &read(path)));
        assert!(
            lines > 600,
            "{path} has {lines} lines: delete it from LONG_FILES"
        );
        assert!(
            lines == *known,
            "{path} has {lines} lines, LONG_FILES says {known}: if it got shorter, write {lines} there"
        );
    }
}

#[test]
fn the_architecture_states_the_layers_of_core() {
    let text = read("ARCHITECTURE.md");
    for layer in direction::LAYERS {
        let row = format!("| {} |", layer.join(", "));
        assert!(
            text.contains(&row),
            "ARCHITECTURE.md has no layer row `{row}`"
        );
    }
}

#[test]
fn the_architecture_names_every_module() {
    let text = read("ARCHITECTURE.md");
    for folder in [
        "crates/core/src",
        "crates/exchange/src",
        "crates/phoenix/src",
    ] {
        for entry in std::fs::read_dir(root().join(folder)).unwrap() {
            let name = entry.unwrap().file_name().to_string_lossy().into_owned();
            if let Some(module) = name.strip_suffix(".rs") {
                let is_named = module == "lib" || text.contains(&format!("`{module}`"));
                assert!(
                    is_named,
                    "ARCHITECTURE.md does not say what lives in {folder}/{name}"
                );
            }
        }
    }
}

/// Commands of the binary, as they are typed.
fn commands(cli: &str) -> Vec<String> {
    let body = cli
        .split_once("enum Command {")
        .map_or("", |(_, rest)| rest);
    let body = body.split_once("\n}").map_or(body, |(body, _)| body);
    let variants = body
        .lines()
        .filter_map(|line| line.trim().split(['(', ',', ' ', '{']).next());
    let typed = variants.filter(|name| name.starts_with(|c: char| c.is_ascii_uppercase()));
    typed
        .map(|name| {
            let mut out = String::new();
            for (i, c) in name.chars().enumerate() {
                if c.is_ascii_uppercase() && i > 0 {
                    out.push('-');
                }
                out.push(c.to_ascii_lowercase());
            }
            out
        })
        .collect()
}

#[test]
fn the_readme_names_every_command() {
    assert_eq!(
        commands("enum Command {\n    Demo(demo::Args),\n    CheckConfig(x),\n}\n"),
        ["demo", "check-config"]
    );
    let readme = read("README.md");
    let commands = commands(&read("crates/phoenix/src/cli.rs"));
    assert!(commands.len() >= 4, "{commands:?}");
    for command in commands {
        let row = format!("| `phoenix {command}");
        assert!(
            readme.contains(&row),
            "README.md's table has no row for `phoenix {command}`"
        );
    }
}

#[test]
fn every_crate_says_what_it_is() {
    for name in ["core", "exchange", "watchdog", "phoenix"] {
        let path = format!("crates/{name}/Cargo.toml");
        let text = read(&path);
        let described = text
            .lines()
            .find_map(|line| line.strip_prefix("description = \""));
        assert!(
            described.is_some_and(|text| text.len() > 20),
            "{path}: the description is empty"
        );
    }
}

#[test]
fn code_is_told_from_comments_literals_and_tests() {
    let source = Source::new(
        "crates/core/src/a.rs",
        "fn a<'b>(c: &'b str) { d(\"e { //\", '\"', r#\"f\"g\"#); } // h\n/* i /* j */ k */\n#[cfg(test)]\nmod tests {\n    fn l() {}\n}\nfn m() {}\n",
    );
    for kept in ["fn a<'b>", "&'b str", "d(", "fn m() {}"] {
        assert!(source.shipped.contains(kept), "{kept}: {}", source.shipped);
    }
    for blanked in ["e {", "f\"", "h", "i", "k", "mod tests"] {
        let code = source.shipped.replace("fn a<'b>(c: &'b str)", "");
        assert!(!code.contains(blanked), "{blanked}: {code}");
    }
    assert!(source.code.contains("fn l()"));
    assert_eq!(source.code.lines().count(), source.text.lines().count());
}

#[test]
fn use_groups_are_spelled_out() {
    let source = Source::new(
        "crates/core/src/a.rs",
        "use crate::{b as x, c::{self, D},\n    e::*};\nfn f() -> super::G { h.i::<j::K>() }\n",
    );
    let found: Vec<(usize, String)> = source
        .paths
        .iter()
        .map(|(line, path)| (*line, path.join("::")))
        .collect();
    let expected = [
        (1, "crate::b"),
        (1, "crate::c::self"),
        (1, "crate::c::D"),
        (2, "crate::e"),
        (3, "super::G"),
        (3, "i"),
        (3, "j::K"),
    ];
    let expected: Vec<(usize, String)> = expected
        .iter()
        .map(|(l, p)| (*l, (*p).to_owned()))
        .collect();
    assert_eq!(found, expected);
}
