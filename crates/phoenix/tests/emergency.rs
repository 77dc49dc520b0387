//! `phoenix emergency` against the embedded exchange: the binary as an operator meets it, judged by the exchange's own ledger.
#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop there"
)]

#[path = "emergency/bench.rs"]
mod bench;
#[path = "emergency/faults.rs"]
mod faults;
#[path = "emergency/running.rs"]
mod running;

use bench::{BTC, Bench, ETH, WRONG_SECRET};
use phoenix_exchange::Side;
use phoenix_exchange::api::ONE;
use serde_json::json;

#[test]
fn status_tells_orders_by_owner_and_positions_and_changes_nothing() {
    let bench = Bench::start();
    bench.rest("px-a1b2c3-1-1", ETH, Side::Buy, 2_400);
    bench.rest("px-a1b2c3-1-2", ETH, Side::Sell, 2_600);
    bench.rest("px-other-1-1", ETH, Side::Buy, 2_401);
    bench.rest("web_1", BTC, Side::Buy, 60_000);
    bench.take(ETH, Side::Buy, ONE / 2);
    let before = bench.open();

    let out = bench.emergency(&["status"]);
    assert_eq!(out.code, 0, "{}", out.stderr);
    let value = &out.json;
    assert_eq!(value["reachable"], true);
    assert_eq!(
        value["open_orders"],
        json!([
            {"symbol": "BTCUSDC", "ours": 0, "other_instance": 0, "foreign": 1},
            {"symbol": "ETHUSDC", "ours": 2, "other_instance": 1, "foreign": 0},
        ])
    );
    assert_eq!(value["positions"][0]["symbol"], "ETHUSDC");
    assert_eq!(value["positions"][0]["position"], 0.5);
    assert!(
        value["positions"][0]["unrealized_pnl"].is_number(),
        "{value}"
    );
    assert_eq!(value["dead_man_armed"], json!(null), "unknown, never false");
    assert_eq!(value["running"]["here"], false);
    assert_eq!(value["kill_file_exists"], false);
    assert_eq!(bench.open(), before);
}

#[test]
fn cancel_all_cancels_ours_and_leaves_everybody_elses() {
    let bench = Bench::start();
    // One request for a symbol where only ours rest, and by number where others do, more than one request takes.
    for n in 0..23 {
        bench.rest(&format!("px-a1b2c3-1-{n}"), ETH, Side::Buy, 2_400 - n);
    }
    bench.rest("px-a1b2c3-1-99", BTC, Side::Buy, 60_000);
    bench.rest("web_1", ETH, Side::Buy, 2_350);
    bench.rest("px-other-1-1", ETH, Side::Sell, 2_600);

    let out = bench.emergency(&["cancel-all", "--yes"]);
    assert_eq!(out.code, 0, "{}", out.stderr);
    assert_eq!(bench.open(), ["px-other-1-1", "web_1"]);
    let value = &out.json;
    assert_eq!(value["verified_empty"], true);
    assert_eq!(value["open_orders_end"], 0);
    let orders = value["orders"].as_array().unwrap();
    assert_eq!(orders.len(), 24);
    assert!(
        orders.iter().all(|order| order["fate"] == "cancelled"),
        "{value}"
    );
    assert_eq!(
        value["left_alone"],
        json!([
            {"symbol": "ETHUSDC", "owner": "other instance", "orders": 1},
            {"symbol": "ETHUSDC", "owner": "foreign", "orders": 1},
        ])
    );
    assert!(
        bench.state().join("KILL").exists(),
        "a phoenix must stay down"
    );
    assert!(value["next"].as_str().unwrap().contains("--clear-halt"));
}

#[test]
fn other_peoples_orders_are_cancelled_only_when_asked_for() {
    for (flags, left) in [
        (&["--any-instance"][..], &["web_1"][..]),
        (&["--all-orders"], &[]),
        (&["--all-orders", "--symbols", "BTCUSDC"], &["px-other-1-1"]),
        (&["--instance", "other"], &["web_1"]),
    ] {
        let bench = Bench::start();
        bench.rest("px-other-1-1", ETH, Side::Sell, 2_600);
        bench.rest("web_1", BTC, Side::Buy, 60_000);
        let out = bench.emergency(&[&["cancel-all", "--yes"], flags].concat());
        assert_eq!(out.code, 0, "{flags:?}: {}", out.stderr);
        assert_eq!(bench.open(), left, "{flags:?}");
    }
}

#[test]
fn close_all_reduces_longs_and_shorts_to_zero_and_cancels() {
    let bench = Bench::start();
    bench.rest("px-a1b2c3-1-1", ETH, Side::Buy, 2_400);
    bench.take(ETH, Side::Buy, 3 * ONE);
    bench.take(BTC, Side::Sell, ONE / 10);

    let out = bench.emergency(&["close-all", "--yes"]);
    assert_eq!(out.code, 0, "{}", out.stderr);
    assert_eq!(bench.positions(), [0, 0]);
    assert!(bench.open().is_empty());
    let value = &out.json;
    assert_eq!(value["verified_flat"], true);
    assert_eq!(value["verified_empty"], true);
    let rows = value["positions"].as_array().unwrap();
    let row = |symbol: &str| rows.iter().find(|row| row["symbol"] == symbol).unwrap();
    assert_eq!(row("ETHUSDC")["before"], 3.0);
    assert_eq!(row("ETHUSDC")["after"], 0.0);
    assert_eq!(row("BTCUSDC")["before"], -0.1);
    assert_eq!(row("BTCUSDC")["result"], "flat");
}

#[test]
fn close_all_reaches_through_a_thin_book_in_slices() {
    let bench = Bench::start_with_book(&[
        (Side::Buy, 2_499, 2),
        (Side::Buy, 2_480, 3),
        (Side::Buy, 2_390, 20),
        (Side::Sell, 2_500, 9),
    ]);
    bench.take(ETH, Side::Buy, 8 * ONE);
    let out = bench.emergency(&["close-all", "--yes"]);
    assert_eq!(out.code, 0, "{}", out.stderr);
    assert_eq!(bench.positions(), [0, 0]);
    let orders = out.json["positions"][0]["orders"].as_u64().unwrap();
    assert!(orders >= 3, "near prices first: {}", out.json);
}

#[test]
fn a_position_that_nobody_takes_is_told_and_is_no_success() {
    let bench = Bench::start_with_book(&[(Side::Sell, 2_500, 1), (Side::Buy, 2_400, 1)]);
    bench.take(ETH, Side::Buy, ONE);
    // Nobody buys any more.
    bench.take_from_other(ETH, Side::Sell, ONE);
    let out = bench.emergency(&["close-all", "--yes", "--patience", "6"]);
    assert_eq!(out.code, 5, "{}", out.stderr);
    assert_eq!(out.json["verified_flat"], false);
    assert_eq!(out.json["positions"][0]["after"], 1.0);
    assert_eq!(out.json["positions"][0]["result"], "remains");
    assert_eq!(bench.positions(), [ONE, 0]);
}

#[test]
fn positions_outside_the_configuration_are_left_alone() {
    let bench = Bench::start();
    bench.take(ETH, Side::Buy, ONE);
    bench.take(BTC, Side::Buy, ONE / 10);
    let file = bench.configure();
    let out = bench.emergency(&["close-all", "--yes", "-c", &file]);
    assert_eq!(out.code, 0, "{}", out.stderr);
    assert_eq!(
        bench.positions(),
        [0, ONE / 10],
        "only ETHUSDC is configured"
    );
}

#[test]
fn without_a_terminal_nothing_is_done_unless_it_is_confirmed_in_advance() {
    let bench = Bench::start();
    bench.rest("px-a1b2c3-1-1", ETH, Side::Buy, 2_400);
    for command in ["cancel-all", "close-all"] {
        let out = bench.emergency(&[command]);
        assert_eq!(out.code, 2, "{}", out.stderr);
        assert!(out.stderr.contains("--yes"), "{}", out.stderr);
    }
    assert_eq!(bench.open(), ["px-a1b2c3-1-1"]);
    assert!(!bench.state().join("KILL").exists());
}

#[test]
fn a_configuration_that_is_missing_or_broken_is_done_without() {
    let bench = Bench::start();
    for text in [
        None,
        Some("global: [oops"),
        Some("global:\n  nonsense: 1\n"),
    ] {
        bench.rest("px-a1b2c3-1-1", ETH, Side::Buy, 2_400);
        let file = bench.state().join("phoenix.yaml");
        let _ = std::fs::remove_file(&file);
        if let Some(text) = text {
            std::fs::write(&file, text).unwrap();
        }
        let out = bench.emergency(&["cancel-all", "--yes", "-c", file.to_str().unwrap()]);
        assert_eq!(out.code, 0, "{}", out.stderr);
        assert!(
            out.stderr.contains("flags and environment"),
            "{}",
            out.stderr
        );
        assert!(bench.open().is_empty());
    }
}

#[test]
fn a_key_that_is_not_accepted_is_an_error_of_its_own() {
    let bench = Bench::start();
    bench.rest("px-a1b2c3-1-1", ETH, Side::Buy, 2_400);
    for command in [
        &["status"][..],
        &["cancel-all", "--yes"],
        &["close-all", "--yes"],
    ] {
        let out = bench.emergency_with(WRONG_SECRET, command);
        assert_eq!(out.code, 2, "{command:?}: {}", out.stderr);
        let error = out.json["error"].as_str().unwrap();
        assert!(error.contains("does not accept the key"), "{error}");
        assert!(!out.stderr.contains(WRONG_SECRET), "{}", out.stderr);
    }
    assert_eq!(bench.open(), ["px-a1b2c3-1-1"]);
}
