//! Each kind of fault on requests, orders and the account through the control port: what a plain client meets, and that it ends.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::harness::*;

const ORDER: &str = "symbol=ETHUSDC&side=BUY&type=LIMIT&timeInForce=GTX&quantity=0.1&price=2499.00";
const REDUCING: &str = "symbol=ETHUSDC&side=SELL&type=LIMIT&timeInForce=GTC&quantity=0.1&price=2600.00&reduceOnly=true";

impl Wire {
    /// Orders that rest, by the ledger.
    async fn resting(&self) -> u64 {
        let ledger = self.look("/v1/ledger").await;
        ledger["accounts"][0]["symbols"][0]["open_orders"]
            .as_u64()
            .unwrap()
    }

    async fn order(&self) -> Reply {
        self.signed("POST", "/fapi/v1/order", ORDER).await
    }

    /// As [`Self::order`]; `None` when the connection ends without an answer.
    async fn try_order(&self) -> Option<Reply> {
        let payload = self.timed(ORDER);
        let signature = hmac_hex(SECRET, &payload);
        let target = format!("/fapi/v1/order?{payload}&signature={signature}");
        self.try_raw("POST", &target, &[("X-MBX-APIKEY", KEY)], "")
            .await
    }

    async fn batch(&self, count: usize) -> Value {
        let one = json!({"symbol": "ETHUSDC", "side": "BUY", "type": "LIMIT", "timeInForce": "GTX",
            "quantity": "0.1", "price": "2499.00"});
        let text = Value::from(vec![one; count]).to_string();
        let params = format!("batchOrders={}", encoded(&text));
        self.signed("POST", "/fapi/v1/batchOrders", &params)
            .await
            .ok()
    }
}

fn drilled() -> Wire {
    Wire::start().with_book().with_control()
}

#[tokio::test]
async fn orders_time_out_placed_not_placed_and_placed_later() {
    let wire = drilled();
    let unknown = json!({"kind": "answer", "code": -1007, "times": 1});
    wire.inject(unknown.clone()).await;
    assert_eq!(wire.order().await.outcome(), (503, -1007));
    assert_eq!(wire.resting().await, 0);

    let mut placed = unknown;
    placed["carried_out"] = json!(true);
    wire.inject(placed).await;
    assert_eq!(wire.order().await.outcome(), (503, -1007));
    assert_eq!(wire.resting().await, 1);

    let id = wire.inject(json!({"kind": "late", "ms": 300})).await;
    assert_eq!(wire.order().await.outcome(), (503, -1007));
    assert_eq!(wire.resting().await, 1);
    let placed = async {
        while wire.resting().await < 2 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(DEADLINE, placed).await.unwrap();
    wire.lift(id).await;

    for (carried_out, resting) in [(false, 2), (true, 3)] {
        let id = wire
            .inject(json!({"kind": "cut-answer", "carried_out": carried_out}))
            .await;
        assert!(wire.try_order().await.is_none());
        assert_eq!(wire.resting().await, resting);
        wire.lift(id).await;
    }
    wire.order().await.ok();
}

#[tokio::test]
async fn requests_are_held_before_and_after() {
    let wire = drilled();
    for kind in ["hold", "hold-answer"] {
        let id = wire
            .inject(json!({"kind": kind, "requests": "orders", "ms": 300}))
            .await;
        let began = Instant::now();
        wire.order().await.ok();
        assert!(began.elapsed() >= Duration::from_millis(300), "{kind}");
        wire.lift(id).await;
    }
    // A client that gives up: what was held before is not carried out, what was held after is.
    let before = wire.resting().await;
    for (kind, placed) in [("hold", 0), ("hold-answer", 1)] {
        let id = wire.inject(json!({"kind": kind, "ms": 700})).await;
        assert!(tokio::time::timeout(SILENCE, wire.order()).await.is_err());
        tokio::time::sleep(Duration::from_millis(600)).await;
        assert_eq!(wire.resting().await, before + placed, "{kind}");
        wire.lift(id).await;
    }
}

#[tokio::test]
async fn limits_bans_and_pages() {
    let wire = drilled();
    let id = wire
        .inject(json!({"kind": "rate-limit-429", "retry_after": 7}))
        .await;
    let reply = wire.open("/fapi/v1/ping").await;
    assert_eq!(reply.outcome(), (429, -1003));
    assert_eq!(reply.headers["retry-after"], "7");
    wire.lift(id).await;

    let id = wire.inject(json!({"kind": "ban-418", "seconds": 30})).await;
    let reply = wire.order().await;
    assert_eq!(reply.outcome(), (418, -1003));
    assert_eq!(reply.headers["retry-after"], "30");
    assert!(reply.text("msg").contains("banned until"), "{reply:?}");
    wire.lift(id).await;

    let id = wire.inject(json!({"kind": "html"})).await;
    let reply = wire.open("/fapi/v1/ping").await;
    assert_eq!((reply.status, &reply.body), (502, &Value::Null));
    assert_eq!(reply.headers["content-type"], "text/html");
    wire.lift(id).await;

    let usage = wire.look("/v1/ledger").await["accounts"][0]["requests"].clone();
    assert_eq!(
        (&usage["refused_429"], &usage["refused_418"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(wire.open("/fapi/v1/ping").await.status, 200);
}

#[tokio::test]
async fn maintenance_refuses_everything_and_silences_the_streams() {
    let wire = drilled();
    let mut marks = wire.socket("/market/ws/ethusdc@markPrice@1s").await;
    marks.event("markPriceUpdate").await;
    let id = wire.inject(json!({"kind": "maintenance"})).await;
    assert_eq!(wire.open("/fapi/v1/ping").await.outcome(), (503, -1016));
    assert_eq!(wire.order().await.outcome(), (503, -1016));
    let silence = tokio::time::timeout(Duration::from_millis(1_500), marks.next_text());
    assert!(silence.await.is_err());
    wire.lift(id).await;
    wire.order().await.ok();
    marks.event("markPriceUpdate").await;
}

#[tokio::test]
async fn keys_fail_where_the_drill_says() {
    let wire = drilled();
    let keepalive = async || {
        wire.raw("PUT", "/fapi/v1/listenKey", &[("X-MBX-APIKEY", KEY)], "")
            .await
            .outcome()
    };
    wire.listen_key().await;
    let id = wire.inject(json!({"kind": "keepalive-401"})).await;
    assert_eq!(keepalive().await, (401, -2014));
    wire.order().await.ok();
    wire.lift(id).await;
    assert_eq!(keepalive().await, (200, 0));

    let id = wire
        .inject(json!({"kind": "revoke-key", "account": 0}))
        .await;
    assert_eq!(wire.order().await.outcome(), (401, -2015));
    assert_eq!(keepalive().await, (401, -2015));
    assert_eq!(wire.open("/fapi/v1/time").await.status, 200);
    let others = (OTHER_KEY, OTHER_SECRET);
    wire.signed_as(others, "POST", "/fapi/v1/order", ORDER)
        .await
        .ok();
    wire.lift(id).await;
    wire.order().await.ok();
}

#[tokio::test]
async fn single_orders_are_refused_in_batches_too() {
    let wire = drilled();
    let id = wire.inject(json!({"kind": "reject", "times": 2})).await;
    let codes: Vec<i64> = wire
        .batch(3)
        .await
        .as_array()
        .unwrap()
        .iter()
        .map(code)
        .collect();
    assert_eq!(codes, [-5022, -5022, 0], "two are refused, the third rests");
    assert_eq!(wire.resting().await, 1);
    wire.lift(id).await;

    let id = wire.inject(json!({"kind": "reject", "code": -2011})).await;
    let reply = wire.order().await.ok();
    let cancel = format!("symbol=ETHUSDC&orderId={}", reply["orderId"]);
    let refused = wire.signed("DELETE", "/fapi/v1/order", &cancel).await;
    assert_eq!(refused.outcome(), (400, -2011));
    assert_eq!(wire.resting().await, 2, "it is alive");
    wire.lift(id).await;
    wire.signed("DELETE", "/fapi/v1/order", &cancel).await.ok();

    let id = wire.inject(json!({"kind": "reject", "code": -1008})).await;
    assert_eq!(wire.order().await.outcome(), (503, -1008));
    let reducing = wire.signed("POST", "/fapi/v1/order", REDUCING).await;
    assert_eq!(
        reducing.code(),
        -2022,
        "reduce-only reaches the exchange, which has no position"
    );
    wire.lift(id).await;
    wire.order().await.ok();
}

fn code(element: &Value) -> i64 {
    element["code"].as_i64().unwrap_or(0)
}

#[tokio::test]
async fn a_liar_acknowledges_and_does_nothing() {
    let wire = drilled();
    let standing = wire.order().await.ok();
    let cancel = format!("symbol=ETHUSDC&orderId={}", standing["orderId"]);
    let id = wire.inject(json!({"kind": "pretend"})).await;
    assert_eq!(wire.order().await.ok()["status"], "NEW");
    assert_eq!(code(&wire.batch(1).await[0]), 0);
    let reply = wire.signed("DELETE", "/fapi/v1/order", &cancel).await.ok();
    assert_eq!(reply["status"], "CANCELED");
    let symbol = "symbol=ETHUSDC";
    wire.signed("DELETE", "/fapi/v1/allOpenOrders", symbol)
        .await
        .ok();
    let countdown = "symbol=ETHUSDC&countdownTime=50";
    wire.signed("POST", "/fapi/v1/countdownCancelAll", countdown)
        .await
        .ok();
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(wire.resting().await, 1, "the first one, untouched");
    wire.lift(id).await;
    wire.signed("DELETE", "/fapi/v1/order", &cancel).await.ok();
    assert_eq!(wire.resting().await, 0);
}

#[tokio::test]
async fn account_answers_lie_about_positions_and_open_orders() {
    let wire = drilled();
    wire.order().await.ok();
    let amount = async |path: &str| {
        let body = wire.signed("GET", path, "").await.ok();
        let rows = body
            .as_array()
            .or_else(|| body["positions"].as_array())
            .unwrap()
            .clone();
        let row = rows
            .iter()
            .find(|row| row["symbol"] == "ETHUSDC")
            .unwrap()
            .clone();
        text(&row, "positionAmt")
    };
    let paths = [
        "/fapi/v3/positionRisk",
        "/fapi/v2/positionRisk",
        "/fapi/v3/account",
        "/fapi/v2/account",
    ];
    let id = wire
        .inject(json!({"kind": "lie-position", "symbol": "ETHUSDC", "by": "-0.5"}))
        .await;
    for path in paths {
        assert_eq!(amount(path).await, "-0.500", "{path}");
    }
    let ledger = wire.look("/v1/ledger").await;
    assert_eq!(ledger["accounts"][0]["symbols"][0]["position"], "0");
    wire.lift(id).await;
    for path in paths {
        assert_eq!(amount(path).await, "0.000", "{path}");
    }
    let open = async || {
        let body = wire.signed("GET", "/fapi/v1/openOrders", "").await.ok();
        body.as_array().unwrap().len()
    };
    let id = wire.inject(json!({"kind": "lie-open-orders"})).await;
    assert_eq!(open().await, 0);
    wire.lift(id).await;
    assert_eq!(open().await, 1);
}

#[tokio::test]
async fn the_market_is_shocked_through_the_control_port() {
    use phoenix::serve::launch::Launch;
    let launch = Launch::default();
    let mut wire = Wire::start_with(|config| {
        config.flows = launch.config().unwrap().flows;
    });
    wire = wire.with_control();
    let mid = async || {
        let ledger = wire.look("/v1/ledger").await;
        let text = ledger["accounts"][0]["symbols"][0]["mid"]
            .as_str()
            .map(str::to_owned);
        text.and_then(|text| text.parse::<f64>().ok())
    };
    let before = mid().await.unwrap();
    let shock = json!({"kind": "shock", "symbol": "ETHUSDC", "bps": -1000, "seconds": 0.5});
    let (status, body) = wire.control("POST", "/v1/market", &shock).await;
    assert_eq!(status, 200, "{body}");
    let fallen = async {
        while mid().await.is_none_or(|mid| mid > before * 0.91) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(DEADLINE, fallen).await.unwrap();
    for body in [
        json!({"kind": "gap", "symbol": "ETHUSDC", "bps": 200}),
        json!({"kind": "sweep", "symbol": "ETHUSDC", "bps": 20}),
    ] {
        let (status, answer) = wire.control("POST", "/v1/market", &body).await;
        assert_eq!(status, 200, "{answer}");
        assert!(answer["at_us"].is_u64());
    }
}
