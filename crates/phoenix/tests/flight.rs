//! A session of the real binary is recorded, and the real binary replays it to the same decisions; incidents of a process
//! are listed with what replays them.
#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop there"
)]

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn phoenix(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_phoenix"))
        .args(args)
        .env_remove("PHOENIX_FAULT")
        .output()
        .expect("the binary runs")
}

fn json(output: &Output) -> Value {
    let text = String::from_utf8_lossy(&output.stdout);
    serde_json::from_str(&text).unwrap_or_else(|error| {
        let log = String::from_utf8_lossy(&output.stderr);
        panic!("{error}: {text}\n{log}")
    })
}

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

fn record_of(folder: &Path) -> PathBuf {
    let files = std::fs::read_dir(folder).unwrap();
    let mut paths: Vec<PathBuf> = files.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.pop().expect("a record")
}

#[test]
fn a_recorded_demo_replays_to_the_same_decisions() {
    let folder = tempfile::tempdir().unwrap();
    let flight = folder.path().join("flight");
    let demo = phoenix(&[
        "demo",
        "--seconds",
        "8",
        "--json",
        "--flight",
        text(&flight),
    ]);
    let summary = json(&demo);
    assert_eq!(summary["exit"], "designed", "{summary}");
    let replayed = phoenix(&["replay", "--json", text(&flight)]);
    let report = json(&replayed);
    assert_eq!(replayed.status.code(), Some(0), "{report}");
    assert_eq!(report["same"], true);
    assert_eq!(report["is_complete"], true, "{report}");
    assert_eq!(report["missed_events"], 0);
    assert_eq!(report["symbols"], serde_json::json!(["ETHUSDC"]));
    assert!(report["events"].as_u64().unwrap() > 200, "{report}");
    assert!(report["actions"].as_u64().unwrap() > 36, "{report}");
    assert!(report["states_compared"].as_u64().unwrap() >= 6, "{report}");

    let shown = phoenix(&[
        "replay",
        text(&flight),
        "--show",
        "--from",
        "1",
        "--until",
        "3",
    ]);
    let words = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert_eq!(shown.status.code(), Some(0), "{words}");
    assert!(
        words.contains("#1 ") && words.contains("Config(Add"),
        "{words}"
    );
    assert!(!words.contains("#4 "), "{words}");

    // A torn tail, as `kill -9` leaves one: what is before it is replayed, and the exit code says that there is more.
    let file = record_of(&flight);
    let bytes = std::fs::read(&file).unwrap();
    std::fs::write(&file, &bytes[..bytes.len() - 200]).unwrap();
    let torn = phoenix(&["replay", "--json", text(&file)]);
    let report = json(&torn);
    assert_eq!(torn.status.code(), Some(1), "{report}");
    assert_eq!(report["difference"], Value::Null);
    assert_eq!(report["damage"]["what"], "the file ends within a segment");
    assert!(report["events"].as_u64().unwrap() > 200, "{report}");
}

#[test]
fn what_is_no_record_is_told_and_ends_with_two() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("notes.txt");
    std::fs::write(&file, "nothing of the kind").unwrap();
    for path in [&file, &folder.path().join("missing"), folder.path()] {
        let replayed = phoenix(&["replay", text(path)]);
        assert_eq!(replayed.status.code(), Some(2));
        let words = String::from_utf8_lossy(&replayed.stderr).into_owned();
        assert!(words.contains(text(path)), "{words}");
        assert!(replayed.stdout.is_empty());
    }
}

/// A run on the embedded exchange whose symbol's logic panics once.
fn run_with_a_panic(folder: &Path) -> (PathBuf, Value) {
    let state = folder.join("data");
    let config = folder.join("phoenix.yaml");
    std::fs::write(
        &config,
        format!(
            "global:\n  total_notional_max: 100000\n  metrics_port: 0\n  state_dir: \"{}\"\n\
             symbols:\n  - symbol: ETHUSDC\n    net_max: 2\n    unified_layer_size: 0.05\n    total_layers: 5\n",
            state.display()
        ),
    )
    .unwrap();
    let run = Command::new(env!("CARGO_BIN_EXE_phoenix"))
        .args(["run", "--json", "--seconds", "12", "-c", text(&config)])
        .env("PHOENIX_FAULT", "strategy-panic:ETHUSDC@4s")
        .output()
        .expect("the binary runs");
    (config, json(&run))
}

#[test]
fn a_lost_desk_leaves_a_bundle_that_replays() {
    let folder = tempfile::tempdir().unwrap();
    let (config, summary) = run_with_a_panic(folder.path());
    assert_eq!(summary["exit"], "designed", "{summary}");
    let listed = phoenix(&["incidents", "--json", "-c", text(&config)]);
    let incidents = json(&listed)["incidents"].clone();
    assert_eq!(listed.status.code(), Some(0));
    let incident = &incidents[0];
    assert_eq!(incident["code"], "desk_panicked", "{incidents}");
    assert_eq!(incident["symbol"], "ETHUSDC");
    assert_eq!(incident["is_complete"], true, "{incident}");
    let bundle = PathBuf::from(incident["folder"].as_str().unwrap());
    for name in ["before.json", "after.json"] {
        let view = std::fs::read_to_string(bundle.join(name)).unwrap();
        let view: Value = serde_json::from_str(&view).unwrap();
        assert_eq!(view["symbols"][0]["symbol"], "ETHUSDC", "{name}");
    }
    let notices = std::fs::read_to_string(bundle.join("notices.jsonl")).unwrap();
    assert!(notices.contains("desk_panicked"), "{notices}");

    let command = incident["command"].as_str().unwrap();
    let typed: Vec<&str> = command
        .split([' ', '\''])
        .filter(|w| !w.is_empty())
        .collect();
    let replayed = phoenix(&typed[1..]);
    let words = String::from_utf8_lossy(&replayed.stdout).into_owned();
    assert_eq!(replayed.status.code(), Some(0), "{command}: {words}");
    assert!(
        words.contains("panicked") && words.contains("SAME"),
        "{words}"
    );

    // The whole session, to its end, is in the state folder.
    let whole = phoenix(&["replay", "--json", text(&folder.path().join("data/flight"))]);
    let report = json(&whole);
    assert_eq!(whole.status.code(), Some(0), "{report}");
    assert_eq!(report["is_complete"], true, "{report}");

    let words = phoenix(&[
        "incidents",
        "--state-dir",
        text(&folder.path().join("data")),
    ]);
    let words = String::from_utf8_lossy(&words.stdout).into_owned();
    assert!(words.contains("desk_panicked  ETHUSDC  level 2"), "{words}");
    assert!(words.contains("phoenix replay"), "{words}");
}
