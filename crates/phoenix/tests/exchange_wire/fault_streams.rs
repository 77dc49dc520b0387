//! Each kind of fault on streams and sockets through the control port: what a plain client meets, and that it ends.

use std::time::Duration;

use futures_util::StreamExt as _;
use phoenix_exchange::Side;
use serde_json::{Value, json};
use tokio::net::TcpStream;

use crate::harness::*;

const ORDER: &str = "symbol=ETHUSDC&side=BUY&type=LIMIT&timeInForce=GTX&quantity=0.1&price=2499.00";
const LIST: &str = r#"{"method":"LIST_SUBSCRIPTIONS","id":1}"#;

impl Wire {
    async fn listening(&self, path: &str) -> Client {
        let mut client = self.socket(path).await;
        client.ask(LIST).await;
        client
    }

    fn small_trade(&self) {
        self.take(Side::Sell, e8(1) / 100);
    }

    async fn user(&self) -> Client {
        let key = self.listen_key().await;
        self.listening(&format!("/private/ws?listenKey={key}"))
            .await
    }
}

fn drilled() -> Wire {
    Wire::start().with_book().with_control()
}

#[tokio::test]
async fn mute_silences_its_streams_and_symbol_until_its_seconds_are_over() {
    let wire = drilled();
    let mut trades = wire.listening("/public/ws/ethusdc@trade").await;
    let mut ticker = wire.listening("/public/ws/ethusdc@bookTicker").await;
    wire.inject(json!({"kind": "mute", "streams": "trades", "symbol": "ETHUSDC", "seconds": 0.5}))
        .await;
    wire.inject(json!({"kind": "mute", "streams": "book-ticker", "symbol": "BTCUSDC"}))
        .await;
    wire.small_trade();
    trades.assert_silent().await;
    ticker.event("bookTicker").await;
    let ended = async {
        while wire.look("/v1/faults").await["active"]
            .as_array()
            .unwrap()
            .len()
            > 1
        {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(DEADLINE, ended).await.unwrap();
    wire.small_trade();
    trades.event("trade").await;
}

#[tokio::test]
async fn messages_are_lost_late_doubled_swapped_garbled_and_novel() {
    let wire = drilled();
    let mut trades = wire.listening("/public/ws/ethusdc@trade").await;
    let id_of = |event: &Value| event["t"].as_u64().unwrap();
    wire.small_trade();
    let first = id_of(&trades.event("trade").await);

    let lose = wire
        .inject(json!({"kind": "lose", "streams": "trades", "times": 2}))
        .await;
    for _ in 0..3 {
        wire.small_trade();
    }
    assert_eq!(id_of(&trades.event("trade").await), first + 3);
    wire.lift(lose).await;

    let delay = wire
        .inject(json!({"kind": "delay", "streams": "trades", "ms": 150}))
        .await;
    wire.small_trade();
    let late = trades.event("trade").await;
    assert!(wire.now_ms() - late["E"].as_i64().unwrap() >= 150);
    wire.small_trade();
    wire.lift(delay).await;
    assert_eq!(
        id_of(&trades.event("trade").await),
        first + 5,
        "comes at the end"
    );

    let duplicate = wire.inject(json!({"kind": "duplicate"})).await;
    wire.small_trade();
    assert_eq!(trades.event("trade").await, trades.event("trade").await);
    wire.lift(duplicate).await;

    let swap = wire
        .inject(json!({"kind": "swap", "streams": "trades"}))
        .await;
    wire.small_trade();
    wire.small_trade();
    assert_eq!(id_of(&trades.event("trade").await), first + 8);
    assert_eq!(id_of(&trades.event("trade").await), first + 7);
    wire.lift(swap).await;

    let garble = wire
        .inject(json!({"kind": "garble", "streams": "trades"}))
        .await;
    wire.small_trade();
    let broken = trades.next_text().await;
    assert!(serde_json::from_str::<Value>(&broken).is_err(), "{broken}");
    wire.lift(garble).await;

    let novel = wire
        .inject(json!({"kind": "novel", "streams": "trades"}))
        .await;
    wire.small_trade();
    let trade = trades.event("trade").await;
    assert!(trade["zz"].is_object(), "{trade}");
    trades.event("somethingNew").await;
    wire.lift(novel).await;
    wire.small_trade();
    assert_eq!(trades.next().await.get("zz"), None);
}

#[tokio::test]
async fn a_trickle_shows_ever_older_messages_and_all_of_them_in_the_end() {
    let wire = drilled();
    let mut trades = wire.listening("/public/ws/ethusdc@trade").await;
    let id = wire
        .inject(json!({"kind": "trickle", "streams": "trades", "ms": 400}))
        .await;
    for _ in 0..4 {
        wire.small_trade();
    }
    let first = trades.event("trade").await["t"].as_u64().unwrap();
    let second = trades.event("trade").await;
    assert_eq!(second["t"], first + 1);
    assert!(
        wire.now_ms() - second["E"].as_i64().unwrap() >= 390,
        "one per 400 ms"
    );
    wire.lift(id).await;
    assert_eq!(trades.event("trade").await["t"], first + 2);
    assert_eq!(trades.event("trade").await["t"], first + 3);
}

#[tokio::test]
async fn a_frozen_book_keeps_counting_and_never_moves() {
    let wire = drilled();
    let mut ticker = wire.listening("/public/ws/ethusdc@bookTicker").await;
    let mut depth = wire.listening("/public/ws/ethusdc@depth@100ms").await;
    let mut trades = wire.listening("/public/ws/ethusdc@trade").await;
    let id = wire.inject(json!({"kind": "freeze-book"})).await;
    let mut last = 0;
    for _ in 0..3 {
        // Takes the best bid away: the true book moves by 0.90.
        wire.take(Side::Sell, e8(5));
        wire.add_level(Side::Buy, 249_990, e8(5));
        let seen = ticker.event("bookTicker").await;
        assert_eq!(
            (text(&seen, "b"), text(&seen, "a")),
            ("2499.90".into(), "2500.10".into())
        );
        assert!(seen["u"].as_u64().unwrap() > last, "ids go on");
        last = seen["u"].as_u64().unwrap();
        trades.event("trade").await;
    }
    wire.take(Side::Sell, e8(5));
    let event = depth.event("depthUpdate").await;
    assert_eq!(event["b"], json!([["2499.90", "5.000"]]));
    let told = wire
        .open("/fapi/v1/ticker/bookTicker?symbol=ETHUSDC")
        .await
        .ok();
    assert_eq!(told["bidPrice"], "2499.00", "REST is right");
    wire.lift(id).await;
    wire.take(Side::Buy, e8(5));
    ticker
        .until(|event| event["b"] == "2499.00" && event["a"] == "2501.00")
        .await;
}

#[tokio::test]
async fn hollow_depth_keeps_its_chain() {
    let wire = drilled();
    let mut depth = wire.listening("/public/ws/ethusdc@depth@100ms").await;
    let id = wire
        .inject(json!({"kind": "hollow", "symbol": "ETHUSDC"}))
        .await;
    wire.small_trade();
    let hollow = depth.event("depthUpdate").await;
    assert_eq!((&hollow["b"], &hollow["a"]), (&json!([]), &json!([])));
    wire.lift(id).await;
    wire.small_trade();
    let full = depth.event("depthUpdate").await;
    assert_eq!(full["pu"], hollow["u"]);
    assert_ne!(full["b"], json!([]));
}

#[tokio::test]
async fn on_the_wrong_route_everything_is_acknowledged_and_nothing_comes() {
    let wire = drilled();
    let mut old = wire.listening("/public/ws/ethusdc@trade").await;
    let mut market = wire.listening("/market/ws/ethusdc@aggTrade").await;
    let id = wire.inject(json!({"kind": "wrong-route"})).await;
    assert_eq!(old.closed().await, 0);
    let mut fresh = wire.socket("/public/ws").await;
    let subscribe = r#"{"method":"SUBSCRIBE","params":["ethusdc@trade"],"id":5}"#;
    assert_eq!(fresh.ask(subscribe).await, json!({"result": null, "id": 5}));
    wire.small_trade();
    fresh.assert_silent().await;
    market.event("aggTrade").await;
    wire.lift(id).await;
    wire.small_trade();
    fresh.event("trade").await;
}

#[tokio::test]
async fn orders_are_acknowledged_and_no_event_comes() {
    let wire = drilled();
    let mut user = wire.user().await;
    let id = wire.inject(json!({"kind": "ack-no-event"})).await;
    wire.signed("POST", "/fapi/v1/order", ORDER).await.ok();
    user.assert_silent().await;
    let open = wire.look("/v1/ledger").await["accounts"][0]["symbols"][0]["open_orders"].clone();
    assert_eq!(open, 1);
    wire.lift(id).await;
    wire.signed("DELETE", "/fapi/v1/allOpenOrders", "symbol=ETHUSDC")
        .await
        .ok();
    user.event("ORDER_TRADE_UPDATE").await;
}

#[tokio::test]
async fn half_open_sockets_hear_nothing_and_are_cut_when_it_ends() {
    let wire = drilled();
    let mut public = wire.listening("/public/ws/ethusdc@trade").await;
    let mut market = wire.listening("/market/ws/ethusdc@aggTrade").await;
    let id = wire
        .inject(json!({"kind": "half-open", "sockets": "public"}))
        .await;
    wire.small_trade();
    public.send(LIST).await;
    public.assert_silent().await;
    market.event("aggTrade").await;
    wire.lift(id).await;
    assert_eq!(public.closed().await, 0);
    assert_eq!(market.ask(LIST).await["id"], 1);
}

#[tokio::test]
async fn sockets_are_closed_cut_and_warned_of_a_shutdown() {
    let wire = drilled();
    let mut public = wire.listening("/public/ws").await;
    let mut market = wire.listening("/market/ws").await;
    wire.inject(json!({"kind": "close", "sockets": "public"}))
        .await;
    assert_eq!(public.closed().await, 1001);
    wire.inject(json!({"kind": "cut", "sockets": "market"}))
        .await;
    assert_eq!(market.closed().await, 0);
    let mut public = wire.listening("/public/stream").await;
    wire.inject(json!({"kind": "server-shutdown", "seconds": 0.3}))
        .await;
    let notice = public.event("serverShutdown").await;
    assert!((wire.now_ms() - notice["E"].as_i64().unwrap()).abs() < 1_000);
    assert_eq!(public.closed().await, 1001);
    wire.listening("/public/ws").await;
}

#[tokio::test]
async fn new_connections_are_refused_or_hang() {
    let wire = drilled();
    let mut open = wire.listening("/public/ws/ethusdc@trade").await;
    let id = wire.inject(json!({"kind": "refuse"})).await;
    assert!(
        wire.try_raw("GET", "/fapi/v1/ping", &[], "")
            .await
            .is_none()
    );
    wire.small_trade();
    open.event("trade").await;
    wire.lift(id).await;
    assert_eq!(wire.open("/fapi/v1/ping").await.status, 200);

    let id = wire
        .inject(json!({"kind": "refuse", "sockets": "public", "mode": "hang"}))
        .await;
    assert_eq!(
        wire.open("/fapi/v1/ping").await.status,
        200,
        "REST is not meant"
    );
    let url = format!("{}/public/ws", wire.server.ws_url());
    let connecting = tokio_tungstenite::connect_async(&url);
    assert!(tokio::time::timeout(SILENCE, connecting).await.is_err());
    wire.lift(id).await;
    wire.listening("/public/ws").await;

    let id = wire
        .inject(json!({"kind": "refuse", "mode": "hang", "seconds": 60}))
        .await;
    let ping = wire.try_raw("GET", "/fapi/v1/ping", &[], "");
    assert!(tokio::time::timeout(SILENCE, ping).await.is_err());
    wire.lift(id).await;
    assert_eq!(wire.open("/fapi/v1/ping").await.status, 200);
    drop(TcpStream::connect(wire.server.local_addr()).await.unwrap());
}

#[tokio::test]
async fn listen_keys_end_with_the_event_and_without_and_dead_ones_are_given_out() {
    let wire = drilled();
    for told in [true, false] {
        let key = wire.listen_key().await;
        let mut user = wire
            .listening(&format!("/private/ws?listenKey={key}"))
            .await;
        wire.inject(json!({"kind": "listen-key-expire", "event": told}))
            .await;
        if told {
            assert_eq!(user.event("listenKeyExpired").await["listenKey"], key);
        }
        wire.signed("POST", "/fapi/v1/order", ORDER).await.ok();
        user.assert_silent().await;
        assert_ne!(wire.listen_key().await, key);
    }
    let id = wire.inject(json!({"kind": "dead-listen-key"})).await;
    let mut user = wire.user().await;
    wire.signed("POST", "/fapi/v1/order", ORDER).await.ok();
    user.assert_silent().await;
    wire.lift(id).await;
    let mut user = wire.user().await;
    wire.signed("POST", "/fapi/v1/order", ORDER).await.ok();
    user.event("ORDER_TRADE_UPDATE").await;
}

#[tokio::test]
async fn a_restart_cuts_all_forgets_keys_and_keeps_accounts_and_orders() {
    let wire = drilled();
    let key = wire.listen_key().await;
    let mut user = wire
        .listening(&format!("/private/ws?listenKey={key}"))
        .await;
    wire.signed("POST", "/fapi/v1/order", ORDER).await.ok();
    user.event("ORDER_TRADE_UPDATE").await;
    let id = wire.inject(json!({"kind": "restart"})).await;
    assert_eq!(user.closed().await, 0);
    assert!(
        wire.try_raw("GET", "/fapi/v1/ping", &[], "")
            .await
            .is_none()
    );
    wire.lift(id).await;
    let open = wire
        .signed("GET", "/fapi/v1/openOrders", "symbol=ETHUSDC")
        .await
        .ok();
    assert_eq!(open.as_array().unwrap().len(), 1);
    assert_ne!(wire.listen_key().await, key);
}

#[tokio::test]
async fn the_end_of_a_symbol_is_told_on_all_ways_and_taken_back() {
    let wire = drilled();
    let mut info = wire.listening("/market/ws/!contractInfo").await;
    wire.signed("POST", "/fapi/v1/order", ORDER).await.ok();
    let status = async || {
        let info = wire.open("/fapi/v1/exchangeInfo").await.ok();
        info["symbols"][0]["status"].clone()
    };
    let id = wire
        .inject(json!({"kind": "symbol-settling", "symbol": "ETHUSDC"}))
        .await;
    let event = info.event("contractInfo").await;
    assert_eq!(
        (&event["s"], &event["cs"]),
        (&json!("ETHUSDC"), &json!("SETTLING"))
    );
    assert_eq!(status().await, "SETTLING");
    let open = wire
        .signed("GET", "/fapi/v1/openOrders", "symbol=ETHUSDC")
        .await
        .ok();
    assert_eq!(open, json!([]));
    let refused = wire.signed("POST", "/fapi/v1/order", ORDER).await;
    assert_eq!(refused.outcome(), (400, -4108));
    wire.lift(id).await;
    assert_eq!(info.event("contractInfo").await["cs"], "TRADING");
    assert_eq!(status().await, "TRADING");
    wire.signed("POST", "/fapi/v1/order", ORDER).await.ok();
}

#[tokio::test]
async fn the_clock_steps_in_answers_checks_and_events() {
    let wire = drilled();
    let mut trades = wire.listening("/public/ws/ethusdc@trade").await;
    for step_ms in [60_000_i64, -60_000] {
        let id = wire.inject(json!({"kind": "clock", "ms": step_ms})).await;
        let told = wire.open("/fapi/v1/time").await.ok()["serverTime"]
            .as_i64()
            .unwrap();
        assert!((told - wire.now_ms() - step_ms).abs() < 5_000);
        wire.small_trade();
        let event = trades.event("trade").await;
        for field in ["E", "T"] {
            let at_ms = event[field].as_i64().unwrap();
            assert!((at_ms - wire.now_ms() - step_ms).abs() < 5_000, "{field}");
        }
        let refused = wire.signed("POST", "/fapi/v1/order", ORDER).await;
        assert_eq!(refused.code(), -1021);
        wire.lift(id).await;
        wire.signed("POST", "/fapi/v1/order", ORDER).await.ok();
    }
    drop(trades.ws.next());
}
