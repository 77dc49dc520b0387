//! Orders over REST: placement and its refusals, modification, cancellation, batches, dead-man switch.

use phoenix_exchange::{AccountId, Side};
use serde_json::json;

use crate::harness::*;

const BUY: &str = "symbol=ETHUSDC&side=BUY&type=LIMIT&timeInForce=GTX&quantity=0.100&price=2499.00";

impl Wire {
    async fn place(&self, params: &str) -> Reply {
        self.signed("POST", "/fapi/v1/order", params).await
    }

    fn open_orders(&self) -> usize {
        self.server
            .with_exchange(|exchange| exchange.open_orders(AccountId(0), None).len())
    }
}

#[tokio::test]
async fn a_post_only_order_rests_and_one_that_would_take_leaves_no_trace() {
    let wire = Wire::start().with_book();
    let placed = wire
        .place(&format!("{BUY}&newClientOrderId=mm-1"))
        .await
        .ok();
    assert_eq!(text(&placed, "status"), "NEW");
    assert_eq!(text(&placed, "clientOrderId"), "mm-1");
    assert_eq!(text(&placed, "price"), "2499.00");
    assert_eq!(text(&placed, "origQty"), "0.100");
    assert_eq!(text(&placed, "timeInForce"), "GTX");
    assert_eq!(placed["reduceOnly"], false);
    // At the opposite best exactly, it crosses.
    let crossing = "symbol=ETHUSDC&side=BUY&type=LIMIT&timeInForce=GTX&quantity=0.1&price=2500.10&newClientOrderId=x";
    assert_eq!(wire.place(crossing).await.outcome(), (400, -5022));
    let query = wire
        .signed(
            "GET",
            "/fapi/v1/order",
            "symbol=ETHUSDC&origClientOrderId=x",
        )
        .await;
    assert_eq!(query.outcome(), (400, -2013));
    assert_eq!(wire.open_orders(), 1);
}

#[tokio::test]
async fn parameters_and_filters_are_refused_with_their_codes() {
    let wire = Wire::start().with_book();
    wire.place(&format!("{BUY}&newClientOrderId=dup"))
        .await
        .ok();
    let limit = "symbol=ETHUSDC&side=BUY&type=LIMIT&timeInForce=GTC";
    let table = [
        ("side=BUY&type=LIMIT".to_owned(), -1102),
        ("symbol=NOPE&side=BUY&type=LIMIT".to_owned(), -1121),
        ("symbol=ETHUSDC&side=buy&type=LIMIT".to_owned(), -1117),
        ("symbol=ETHUSDC&side=BUY&type=ICEBERG".to_owned(), -1116),
        (
            "symbol=ETHUSDC&side=SELL&type=STOP_MARKET&stopPrice=1".to_owned(),
            -4120,
        ),
        (
            "symbol=ETHUSDC&side=BUY&type=LIMIT&timeInForce=ABC&quantity=1&price=1".to_owned(),
            -1115,
        ),
        (format!("{limit}&price=2499"), -1102),
        (format!("{limit}&price=2499&quantity=abc"), -1100),
        (format!("{limit}&price=2499.001&quantity=1"), -1111),
        (format!("{limit}&price=2499&quantity=1.0001"), -1111),
        (format!("{limit}&price=2499&quantity=0.001"), -4164),
        (format!("{limit}&price=2700&quantity=1"), -4016),
        (
            format!("{limit}&price=2499&quantity=1&newClientOrderId=a%20b"),
            -4015,
        ),
        (format!("{BUY}&newClientOrderId=dup"), -4116),
        (
            format!("{limit}&price=2499&quantity=1&reduceOnly=true"),
            -2022,
        ),
        (
            format!("{limit}&price=2499&quantity=1&selfTradePreventionMode=X"),
            -5039,
        ),
        (format!("{limit}&price=2499&quantity=1000"), -2019),
    ];
    for (params, code) in table {
        assert_eq!(wire.place(&params).await.outcome(), (400, code), "{params}");
    }
    assert_eq!(wire.open_orders(), 1);
    assert_eq!(
        wire.signed("POST", "/fapi/v1/order/test", BUY).await.ok(),
        json!({})
    );
    assert_eq!(wire.open_orders(), 1, "a test order is not booked");
}

#[tokio::test]
async fn a_market_order_is_filled_and_a_fill_or_kill_without_depth_refused() {
    let wire = Wire::start().with_book();
    let filled = wire
        .place("symbol=ETHUSDC&side=SELL&type=MARKET&quantity=6&newOrderRespType=RESULT")
        .await
        .ok();
    assert_eq!(text(&filled, "status"), "FILLED");
    assert_eq!(text(&filled, "executedQty"), "6.000");
    assert_eq!(text(&filled, "avgPrice"), "2499.75000");
    let fok = "symbol=ETHUSDC&side=BUY&type=LIMIT&timeInForce=FOK&quantity=9&price=2500.10";
    assert_eq!(wire.place(fok).await.outcome(), (400, -5021));
}

#[tokio::test]
async fn modification_changes_price_and_quantity_and_keeps_the_ids() {
    let wire = Wire::start().with_book();
    let placed = wire.place(&format!("{BUY}&newClientOrderId=m")).await.ok();
    let put = async |params: &str| wire.signed("PUT", "/fapi/v1/order", params).await;
    let base = "symbol=ETHUSDC&side=BUY&origClientOrderId=m";
    let changed = put(&format!("{base}&quantity=0.2&price=2498.5&modifyId=77"))
        .await
        .ok();
    assert_eq!(changed["orderId"], placed["orderId"]);
    assert_eq!(
        (text(&changed, "price"), text(&changed, "origQty")),
        ("2498.50".into(), "0.200".into())
    );
    assert_eq!(
        (changed["modifyId"].clone(), text(&changed, "pair")),
        (json!(77), "ETHUSDC".into())
    );
    assert_eq!(
        put(&format!("{base}&quantity=0.2&price=2498.5"))
            .await
            .outcome(),
        (400, -5027)
    );
    assert_eq!(
        put(&format!("{base}&quantity=0.2&price=2498.555"))
            .await
            .outcome(),
        (400, -1111)
    );
    let rows = wire
        .signed("GET", "/fapi/v1/orderAmendment", "symbol=ETHUSDC")
        .await
        .ok();
    assert_eq!(
        rows[0]["amendment"]["price"],
        json!({"before": "2499.00", "after": "2498.50"})
    );
    // A post-only order whose new price would take is cancelled, not moved.
    let crossed = put(&format!("{base}&quantity=0.2&price=2500.10"))
        .await
        .ok();
    assert_ne!(text(&crossed, "status"), "NEW");
    assert_eq!(wire.open_orders(), 0);
}

#[tokio::test]
async fn cancellation_by_either_id_and_of_what_is_gone() {
    let wire = Wire::start().with_book();
    let placed = wire.place(BUY).await.ok();
    let by_id = format!("symbol=ETHUSDC&orderId={}", placed["orderId"]);
    assert_eq!(
        wire.signed("GET", "/fapi/v1/openOrder", &by_id).await.ok()["status"],
        "NEW"
    );
    let cancelled = wire.signed("DELETE", "/fapi/v1/order", &by_id).await.ok();
    assert_eq!(text(&cancelled, "status"), "CANCELED");
    assert_eq!(
        wire.signed("DELETE", "/fapi/v1/order", &by_id)
            .await
            .outcome(),
        (400, -2011)
    );
    assert_eq!(
        wire.signed("GET", "/fapi/v1/openOrder", &by_id)
            .await
            .outcome(),
        (400, -2013)
    );
    assert_eq!(
        wire.signed("DELETE", "/fapi/v1/order", "symbol=ETHUSDC")
            .await
            .outcome(),
        (400, -1102)
    );
    for id in ["a", "b"] {
        wire.place(&format!("{BUY}&newClientOrderId={id}"))
            .await
            .ok();
    }
    let all = wire
        .signed("DELETE", "/fapi/v1/allOpenOrders", "symbol=ETHUSDC")
        .await
        .ok();
    assert_eq!(all["code"], 200);
    assert_eq!(wire.open_orders(), 0);
    let history = wire
        .signed("GET", "/fapi/v1/allOrders", "symbol=ETHUSDC")
        .await
        .ok();
    assert_eq!(history.as_array().unwrap().len(), 3);
    assert!(history[0]["time"].is_i64());
}

#[tokio::test]
async fn batches_answer_per_element_and_cancel_lists_come_in_any_case() {
    let wire = Wire::start().with_book();
    let order = |id: &str, price: &str| json!({"symbol":"ETHUSDC","side":"BUY","type":"LIMIT","timeInForce":"GTX","quantity":"0.1","price":price,"newClientOrderId":id});
    let batch = json!([order("a", "2499"), order("b", "2500.10"), order("c", "2498"), {"symbol": "ETHUSDC"}]);
    let reply = wire
        .signed(
            "POST",
            "/fapi/v1/batchOrders",
            &format!("batchOrders={}", encoded(&batch.to_string())),
        )
        .await;
    assert_eq!(reply.headers["x-mbx-order-count-10s"], "5");
    assert_eq!(reply.headers["x-mbx-order-count-1m"], "1");
    let rows = reply.ok();
    assert_eq!(text(&rows[0], "clientOrderId"), "a");
    assert_eq!(rows[1]["code"], -5022);
    assert_eq!(text(&rows[2], "status"), "NEW");
    assert_eq!(rows[3]["code"], -1102);
    let changes = json!([
        {"symbol":"ETHUSDC","side":"BUY","origClientOrderId":"a","quantity":"0.1","price":"2497"},
        {"symbol":"ETHUSDC","side":"BUY","origClientOrderId":"zz","quantity":"0.1","price":"2497"}
    ]);
    let rows = wire
        .signed(
            "PUT",
            "/fapi/v1/batchOrders",
            &format!("batchOrders={}", encoded(&changes.to_string())),
        )
        .await
        .ok();
    assert_eq!(text(&rows[0], "price"), "2497.00");
    assert!(rows[1]["code"].as_i64().unwrap() < 0);
    let list = encoded(r#"["a","zz"]"#);
    let rows = wire
        .signed(
            "DELETE",
            "/fapi/v1/batchOrders",
            &format!("symbol=ETHUSDC&origclientorderidlist={list}"),
        )
        .await
        .ok();
    assert_eq!(text(&rows[0], "status"), "CANCELED");
    assert_eq!(rows[1]["code"], -2011);
    let id = wire
        .signed("GET", "/fapi/v1/openOrders", "symbol=ETHUSDC")
        .await
        .ok()[0]["orderId"]
        .clone();
    let rows = wire
        .signed(
            "DELETE",
            "/fapi/v1/batchOrders",
            &format!("symbol=ETHUSDC&orderIdList=%5B{id}%5D"),
        )
        .await
        .ok();
    assert_eq!(text(&rows[0], "clientOrderId"), "c");
    let six = json!([{}, {}, {}, {}, {}, {}]).to_string();
    let reply = wire
        .signed(
            "POST",
            "/fapi/v1/batchOrders",
            &format!("batchOrders={}", encoded(&six)),
        )
        .await;
    assert_eq!(reply.outcome(), (400, -4082));
}

#[tokio::test]
async fn the_dead_man_switch_cancels_the_symbol_and_can_be_disarmed() {
    let wire = Wire::start().with_book();
    wire.place(BUY).await.ok();
    let arm = async |ms: u32| {
        let params = format!("symbol=ETHUSDC&countdownTime={ms}");
        wire.signed("POST", "/fapi/v1/countdownCancelAll", &params)
            .await
            .ok()
    };
    assert_eq!(
        arm(60_000).await,
        json!({"symbol": "ETHUSDC", "countdownTime": "60000"})
    );
    let due = |wire: &Wire| {
        wire.server
            .with_exchange(|exchange| exchange.countdown_due_us(AccountId(0), ETH))
    };
    assert!(due(&wire).is_some());
    arm(0).await;
    assert_eq!(due(&wire), None);
    arm(50).await;
    let deadline = tokio::time::Instant::now() + DEADLINE;
    while wire.open_orders() > 0 {
        assert!(
            tokio::time::Instant::now() < deadline,
            "the switch never fired"
        );
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    assert_eq!(
        wire.place(BUY).await.status,
        200,
        "afterwards it is disarmed"
    );
}

#[tokio::test]
async fn accounts_trade_with_each_other_and_see_only_their_own() {
    let wire = Wire::start().with_book();
    wire.place("symbol=ETHUSDC&side=SELL&type=LIMIT&timeInForce=GTX&quantity=1&price=2500.00")
        .await
        .ok();
    let other = (OTHER_KEY, OTHER_SECRET);
    let taken = wire
        .signed_as(
            other,
            "POST",
            "/fapi/v1/order",
            "symbol=ETHUSDC&side=BUY&type=LIMIT&timeInForce=IOC&quantity=1&price=2500.00",
        )
        .await
        .ok();
    assert_eq!(text(&taken, "status"), "FILLED");
    let position = async |key| {
        wire.signed_as(key, "GET", "/fapi/v3/positionRisk", "")
            .await
            .ok()
    };
    assert_eq!(
        text(&position((KEY, SECRET)).await[0], "positionAmt"),
        "-1.000"
    );
    assert_eq!(text(&position(other).await[0], "positionAmt"), "1.000");
    let orders = wire
        .signed_as(other, "GET", "/fapi/v1/allOrders", "symbol=ETHUSDC")
        .await
        .ok();
    assert_eq!(orders.as_array().unwrap().len(), 1);
    wire.add_level(Side::Buy, 249_800, e8(1));
}
