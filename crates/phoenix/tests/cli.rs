//! The binary as a user meets it: output, exit codes, closed pipes, wrong files.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

const SAMPLE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/fixtures/phoenix_live.yaml"
);

fn phoenix(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_phoenix"))
        .args(args)
        .output()
        .expect("the binary runs")
}

fn check(args: &[&str]) -> (i32, Value) {
    let mut all = vec!["check-config", "--json"];
    all.extend_from_slice(args);
    let output = phoenix(&all);
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    assert_eq!(
        text.lines().count(),
        1,
        "one object and nothing else: {text}"
    );
    let value = serde_json::from_str(&text).expect("JSON");
    (output.status.code().expect("an exit code"), value)
}

fn file(folder: &Path, bytes: &[u8]) -> PathBuf {
    let path = folder.join("phoenix.yaml");
    std::fs::write(&path, bytes).expect("a file of the test");
    path
}

#[test]
fn the_originals_sample_is_ok_and_gives_its_ladder() {
    let (code, value) = check(&[SAMPLE, "--mid", "3000"]);
    assert_eq!(code, 0, "{value}");
    assert_eq!(value["ok"], true);
    assert_eq!(value["errors"], Value::Array(vec![]));
    assert_eq!(value["warnings"][0]["line"], 2);
    assert_eq!(value["warnings"][0]["key"], "global.testnet");
    assert_eq!(value["worst_case"], 1500.0);
    assert_eq!(value["margin_quote"], 75.0);
    assert_eq!(
        value["symbols"][0]["modes_reachable_by_own_fills"],
        serde_json::json!(["pinning"])
    );

    let ladder = value["ladder"].as_array().expect("a ladder");
    assert_eq!(ladder.len(), 14, "seven layers on both sides");
    // Layer 1 at 1.2 from mid, layer 2 at 1.2 more, layer 3 at 1.2 × 1.15 more, rounded to the passive side.
    let prices = |side: &str| -> Vec<f64> {
        let of_side = ladder.iter().filter(|rung| rung["side"] == side);
        of_side
            .map(|rung| rung["price"].as_f64().expect("a price"))
            .collect()
    };
    assert_eq!(prices("buy")[..3], [2998.8, 2997.6, 2996.22]);
    assert_eq!(prices("sell")[..3], [3001.2, 3002.4, 3003.78]);
    assert!(
        ladder
            .iter()
            .all(|rung| rung["size"] == 0.035 && rung["symbol"] == "ETHUSDC")
    );
    assert_eq!(ladder[0]["layer"], 1);
}

#[test]
fn without_a_price_nothing_is_made_up() {
    let (code, value) = check(&[SAMPLE]);
    assert_eq!(code, 0);
    assert_eq!(value["ladder"], Value::Array(vec![]));
    assert_eq!(value["margin_quote"], Value::Null);
    assert_eq!(value["worst_case"], Value::Null);
    assert_eq!(value["symbols"][0]["mid"], Value::Null);
}

#[test]
fn layers_beyond_the_batch_bound_are_dropped_from_the_far_end() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let text = "global: {total_notional_max: 10000}\nsymbols:\n  - {symbol: ETHUSDC, net_max: 0.5, unified_layer_size: 0.1, total_layers: 5}\n";
    let path = file(folder.path(), text.as_bytes());
    let (code, value) = check(&[path.to_str().expect("UTF-8"), "--mid", "3000"]);
    assert_eq!(code, 0, "{value}");
    assert_eq!(
        value["ladder"].as_array().map(Vec::len),
        Some(4),
        "two of 0.1 fit into 0.25 on each side"
    );
    assert!(
        value["warnings"][0]["message"]
            .as_str()
            .expect("text")
            .contains("only 2 of 5 layers"),
        "{value}"
    );
}

#[test]
fn another_contract_needs_its_grid() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let text = "global: {total_notional_max: 100000}\nsymbols:\n  - {symbol: SOLUSDC, net_max: 10, unified_layer_size: 0.5, total_layers: 3, \
                grid_start_offset: 0.2, grid_first_spacing: 0.1}\n";
    let path = file(folder.path(), text.as_bytes());
    let name = path.to_str().expect("UTF-8");
    let (_, value) = check(&[name, "--mid", "150"]);
    assert_eq!(value["ladder"], Value::Array(vec![]));
    assert!(
        value["symbols"][0]["note"]
            .as_str()
            .expect("a note")
            .contains("--tick"),
        "{value}"
    );
    let (code, value) = check(&[
        name,
        "--mid",
        "SOLUSDC=150",
        "--tick",
        "0.01",
        "--step",
        "0.1",
    ]);
    assert_eq!(code, 0, "{value}");
    assert_eq!(value["ladder"][0]["price"], 149.8);
    let (code, value) = check(&[name, "--mid", "150", "--tick", "0.01", "--step", "0.3"]);
    assert_eq!(code, 2);
    assert!(
        value["errors"][0]["message"]
            .as_str()
            .expect("text")
            .contains("multiple of the exchange's size step 0.3"),
        "{value}"
    );
}

#[test]
fn every_wrong_file_ends_with_two_and_says_where() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let huge = vec![b'#'; (1 << 20) + 1];
    let cases: [(&[u8], Value, &str); 7] = [
        (b"", Value::Null, "the file is empty"),
        (b"global:\n\ttestnet: true\n", 2.into(), "a tab in the indentation"),
        (b"global:\n  log_level: \xff\n", 2.into(), "not UTF-8"),
        (&huge, Value::Null, "larger than"),
        (b"global: {total_notional_max: 1}\nsymbols:\n  - symbol: ETHUSDC\n    net_maxx: 1\n    unified_layer_size: 1\n", 4.into(), "did you mean `net_max`?"),
        (b"global: {total_notional_max: true}\nsymbols:\n  - {symbol: A1, net_max: 1, unified_layer_size: 0.1}\n", 1.into(), "must be a number"),
        (b"[}", 1.into(), "not valid YAML"),
    ];
    for (bytes, line, part) in cases {
        let path = file(folder.path(), bytes);
        let (code, value) = check(&[path.to_str().expect("UTF-8")]);
        assert_eq!(code, 2, "{value}");
        assert_eq!(value["ok"], false);
        let errors = value["errors"].as_array().expect("errors");
        let found = errors.iter().find(|error| {
            error["message"]
                .as_str()
                .is_some_and(|text| text.contains(part))
        });
        let found = found.unwrap_or_else(|| panic!("{part}: {value}"));
        assert_eq!(found["line"], line, "{value}");
        assert_eq!(found["file"], path.to_str().expect("UTF-8"));
    }
    let (code, value) = check(&["/nonexistent/phoenix.yaml"]);
    assert_eq!(code, 2);
    assert!(
        value["errors"][0]["message"]
            .as_str()
            .expect("text")
            .contains("cannot open")
    );
}

#[test]
fn remembered_contract_rules_only_warn() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let text = "global: {total_notional_max: 1000}\nsymbols:\n  - {symbol: ETHUSDC, net_max: 0.5, unified_layer_size: 0.0055, total_layers: 3}\n";
    let path = file(folder.path(), text.as_bytes());
    let name = path.to_str().expect("UTF-8");
    let (code, value) = check(&[name, "--mid", "3000"]);
    assert_eq!(code, 0, "{value}");
    let warnings = value["warnings"].to_string();
    assert!(
        warnings.contains("multiple of the exchange's size step 0.001"),
        "{warnings}"
    );
    assert!(
        warnings.contains("worth less than 20") && warnings.contains("as this version knows them"),
        "{warnings}"
    );
    let (code, _) = check(&[name, "--mid", "3000", "--tick", "0.01", "--step", "0.001"]);
    assert_eq!(code, 2, "given rules are binding");
}

#[test]
fn a_price_for_a_symbol_that_is_not_there_is_an_error() {
    for (mid, part) in [("BTCUSDC=1", "not in the file"), ("0", ""), ("x", "")] {
        let output = phoenix(&["check-config", SAMPLE, "--mid", mid]);
        assert_eq!(output.status.code(), Some(2), "{mid}");
        assert!(
            String::from_utf8_lossy(&output.stdout).contains(part),
            "{mid}"
        );
    }
}

#[test]
fn people_get_the_same_as_machines() {
    let output = phoenix(&["check-config", SAMPLE, "--mid", "3000"]);
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    assert_eq!(output.status.code(), Some(0));
    assert!(
        text.contains("warning: ") && text.contains("base_layer_size: no longer matters"),
        "{text}"
    );
    assert!(
        text.contains("at 3000: worst case 1500 quote (own fills 750), margin 75 quote"),
        "{text}"
    );
    assert!(text.contains("2998.8"), "{text}");
    assert!(
        text.trim_end().ends_with("ok, 0 errors, 16 warnings"),
        "{text}"
    );
}

#[test]
fn help_version_and_nonsense_have_their_exit_codes() {
    for (args, code) in [
        (&["--help"][..], 0),
        (&["--version"], 0),
        (&["check-config", "--help"], 0),
        (&[], 2),
        (&["moonshot"], 2),
        (&["check-config"], 2),
        (&["check-config", SAMPLE, "--nonsense"], 2),
    ] {
        let output = phoenix(args);
        assert_eq!(output.status.code(), Some(code), "{args:?}");
        if code == 2 {
            assert!(
                output.stdout.is_empty(),
                "errors belong to standard error: {args:?}"
            );
            assert!(!output.stderr.is_empty(), "{args:?}");
        }
    }
}

#[test]
fn a_closed_standard_output_is_no_panic() {
    for args in [
        &["check-config", SAMPLE, "--mid", "3000"][..],
        &["check-config", SAMPLE, "--json"],
        &["--help"],
    ] {
        let mut child = Command::new(env!("CARGO_BIN_EXE_phoenix"))
            .args(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary runs");
        drop(child.stdout.take());
        let output = child.wait_with_output().expect("its end");
        assert_eq!(output.status.code(), Some(0), "{args:?}");
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{args:?}");
    }
}
