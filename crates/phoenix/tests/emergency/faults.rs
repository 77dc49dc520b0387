//! An exchange that fails, limits, bans, lies about an outcome or says nothing, while everything must be cancelled or closed.

use std::time::{Duration, Instant};

use phoenix::serve::faults::RequestEffect;
use phoenix::serve::refusal::Refusal;
use phoenix_exchange::Side;
use phoenix_exchange::api::ONE;
use serde_json::json;

use crate::bench::{BTC, Bench, ETH};

const ORDERS: &str = "/fapi/v1/openOrders";
const CANCEL_ALL: &str = "/fapi/v1/allOpenOrders";
const PLACE: &str = "/fapi/v1/order";

fn busy() -> RequestEffect {
    RequestEffect::Refuse(Refusal::with_status(503, -1001, "Internal error"))
}

fn limited(status: u16, retry_after_s: u64) -> RequestEffect {
    let mut refusal = Refusal::with_status(status, -1003, "Too many requests");
    refusal.retry_after_s = Some(retry_after_s);
    RequestEffect::Refuse(refusal)
}

fn with_orders() -> Bench {
    let bench = Bench::start();
    bench.rest("px-a1b2c3-1-1", ETH, Side::Buy, 2_400);
    bench.rest("px-a1b2c3-1-2", ETH, Side::Sell, 2_600);
    bench.rest("px-a1b2c3-1-3", BTC, Side::Buy, 60_000);
    bench
}

/// Cancels under these faults; everything must be gone, as the ledger and as the command say. Gives what was said on the way.
fn check_cancels(faults: &[(&'static str, &str, RequestEffect, u32)]) -> String {
    let bench = with_orders();
    for (method, path, effect, times) in faults {
        bench.fault(method, path, effect.clone(), *times);
    }
    let out = bench.emergency(&["cancel-all", "--yes"]);
    assert_eq!(out.code, 0, "{faults:?}: {}", out.stderr);
    assert!(bench.open().is_empty(), "{faults:?}");
    assert_eq!(out.json["verified_empty"], true, "{faults:?}");
    assert_eq!(out.json["orders"].as_array().unwrap().len(), 3);
    out.stderr
}

#[test]
fn cancelling_survives_an_exchange_that_fails_twice_first() {
    check_cancels(&[
        ("GET", ORDERS, busy(), 2),
        ("DELETE", CANCEL_ALL, busy(), 2),
    ]);
    check_cancels(&[
        ("GET", ORDERS, RequestEffect::Cut, 2),
        ("DELETE", CANCEL_ALL, RequestEffect::Cut, 2),
    ]);
    let garbled = RequestEffect::Refuse(Refusal::with_status(200, 200, "not a list"));
    check_cancels(&[("GET", ORDERS, garbled, 2)]);
    // More failures than one cancel is tried for: the next round tries again.
    check_cancels(&[("DELETE", CANCEL_ALL, busy(), 7)]);
}

#[test]
fn a_cancel_whose_answer_is_lost_is_verified_by_asking() {
    let lost = RequestEffect::CarryOutThenCut;
    check_cancels(&[("DELETE", CANCEL_ALL, lost, 2)]);
    let unknown = RequestEffect::CarryOutThen(Refusal::with_status(503, -1000, "Unknown error"));
    check_cancels(&[("DELETE", CANCEL_ALL, unknown, 2)]);
    let late = RequestEffect::HoldAnswer(Duration::from_secs(4));
    check_cancels(&[("DELETE", CANCEL_ALL, late, 1)]);
}

#[test]
fn an_exchange_that_acknowledges_and_does_nothing_is_asked_again_until_it_does() {
    let lie = RequestEffect::Refuse(Refusal::with_status(200, 200, "done"));
    check_cancels(&[("DELETE", CANCEL_ALL, lie, 3)]);
}

#[test]
fn a_429_is_waited_out_exactly_and_told() {
    for (method, path) in [("GET", ORDERS), ("DELETE", CANCEL_ALL)] {
        let began = Instant::now();
        let said = check_cancels(&[(method, path, limited(429, 2), 1)]);
        assert!(began.elapsed() >= Duration::from_secs(2), "{said}");
        assert!(said.contains("429") && said.contains("2 s"), "{said}");
    }
}

#[test]
fn a_ban_is_waited_out_even_beyond_patience_and_its_only_defence_is_named() {
    let bench = with_orders();
    bench.fault("GET", ORDERS, limited(418, 3), 1);
    let out = bench.emergency(&["cancel-all", "--yes", "--patience", "2"]);
    assert_eq!(out.code, 0, "{}", out.stderr);
    assert!(bench.open().is_empty());
    assert!(
        out.stderr.contains("418") && out.stderr.contains("dead-man"),
        "{}",
        out.stderr
    );
}

#[test]
fn a_refused_time_stamp_is_answered_by_measuring_the_clock_once() {
    let clock = RequestEffect::Refuse(Refusal::new(-1021, "Timestamp outside recvWindow"));
    let said = check_cancels(&[
        ("GET", ORDERS, clock.clone(), 1),
        ("DELETE", CANCEL_ALL, clock, 1),
    ]);
    assert!(said.contains("clock"), "{said}");
}

#[test]
fn an_exchange_that_never_answers_leaves_unknown_and_never_zero() {
    let bench = with_orders();
    bench.fault("GET", ORDERS, busy(), u32::MAX);
    let out = bench.emergency(&["cancel-all", "--yes", "--patience", "2"]);
    assert_eq!(out.code, 5, "{}", out.stderr);
    assert_eq!(out.json["open_orders_end"], json!(null));
    assert_eq!(out.json["verified_empty"], false);
    assert_eq!(bench.open().len(), 3, "nobody's order was cancelled unseen");
}

#[test]
fn orders_that_cannot_be_looked_at_after_the_cancel_are_unknown() {
    let bench = with_orders();
    bench.rest("web_1", ETH, Side::Buy, 2_350);
    bench.fault("DELETE", "/fapi/v1/batchOrders", busy(), u32::MAX);
    bench.fault("DELETE", CANCEL_ALL, busy(), u32::MAX);
    let out = bench.emergency(&["cancel-all", "--yes", "--patience", "5"]);
    assert_eq!(out.code, 5, "{}", out.stderr);
    assert_eq!(out.json["verified_empty"], false);
    let orders = out.json["orders"].as_array().unwrap();
    let is_told = |order: &serde_json::Value| order["fate"] == "open" || order["fate"] == "unknown";
    assert!(
        orders.len() == 3 && orders.iter().all(is_told),
        "{}",
        out.json
    );
}

#[test]
fn closing_survives_lost_answers_limits_and_failures_and_never_turns_the_position_over() {
    let unknown = RequestEffect::CarryOutThen(Refusal::with_status(503, -1000, "Unknown error"));
    for effect in [
        RequestEffect::CarryOutThenCut,
        unknown,
        RequestEffect::Cut,
        busy(),
        limited(429, 1),
        RequestEffect::HoldAnswer(Duration::from_secs(4)),
    ] {
        let bench = with_orders();
        bench.take(ETH, Side::Buy, 3 * ONE);
        bench.fault("POST", PLACE, effect.clone(), 2);
        bench.fault("GET", "/fapi/v3/positionRisk", busy(), 2);
        let out = bench.emergency(&["close-all", "--yes"]);
        assert_eq!(out.code, 0, "{effect:?}: {}", out.stderr);
        assert_eq!(bench.positions(), [0, 0], "{effect:?}");
        assert!(bench.open().is_empty(), "{effect:?}");
    }
}

#[test]
fn positions_that_cannot_be_asked_for_are_unknown_and_no_success() {
    let bench = with_orders();
    bench.take(ETH, Side::Buy, ONE);
    bench.fault("GET", "/fapi/v3/positionRisk", busy(), u32::MAX);
    let out = bench.emergency(&["close-all", "--yes", "--patience", "3"]);
    assert_eq!(out.code, 5, "{}", out.stderr);
    assert_eq!(out.json["verified_flat"], false);
    assert!(
        bench.open().is_empty(),
        "the orders are cancelled all the same"
    );
}
