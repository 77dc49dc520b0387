//! Market streams: addresses, control messages, routing, payloads, and a local book kept by the futures rule.

use std::collections::BTreeMap;

use phoenix_exchange::Side;
use phoenix_exchange::flow::{FlowParams, Regime, SyntheticFlow};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;

use crate::harness::*;

const BOOK: &str = "ethusdc@bookTicker";

impl Wire {
    /// A background order that nobody sees but through the streams.
    fn nudge(&self) {
        self.add_level(Side::Buy, 249_980, e8(1));
        self.take(Side::Sell, e8(2));
    }
}

fn subscribe(names: &[&str], id: Value) -> String {
    json!({"method": "SUBSCRIBE", "params": names, "id": id}).to_string()
}

#[tokio::test]
async fn every_address_form_delivers_bare_on_ws_and_wrapped_on_stream() {
    let wire = Wire::start().with_book();
    let forms = [
        ("/public/ws/ethusdc@bookTicker", false),
        ("/public/ws/ethusdc@bookTicker/btcusdc@bookTicker", false),
        (
            "/public/stream?streams=ethusdc@bookTicker/btcusdc@bookTicker",
            true,
        ),
        ("/public/stream?streams=ethusdc%40bookTicker", true),
        ("/ws/ethusdc@bookTicker", false),
        ("/stream?streams=ethusdc@bookTicker", true),
    ];
    for (path, is_wrapped) in forms {
        let mut client = wire.socket(path).await;
        // The socket is subscribed when it answers; only then does a change reach it for sure.
        client
            .ask(r#"{"method":"LIST_SUBSCRIPTIONS","id":1}"#)
            .await;
        wire.nudge();
        let event = client.event("bookTicker").await;
        if is_wrapped {
            assert_eq!(event["stream"], BOOK, "{path}");
            assert_eq!(event["data"]["s"], "ETHUSDC", "{path}");
        } else {
            assert_eq!(event["s"], "ETHUSDC", "{path}");
        }
    }
    for path in [
        "/public/ws",
        "/public/ws/0",
        "/public/stream",
        "/public/stream?streams=",
        "/ws",
        "/stream",
    ] {
        let mut client = wire.socket(path).await;
        let answer = client.ask(&subscribe(&[BOOK], json!(7))).await;
        assert_eq!(answer, json!({"result": null, "id": 7}), "{path}");
        wire.nudge();
        client.event("bookTicker").await;
    }
}

#[tokio::test]
async fn ids_of_any_type_are_echoed() {
    let wire = Wire::start();
    let mut client = wire.socket("/market/ws/2").await;
    for id in [
        json!(1),
        json!("9f4a-uuid"),
        json!(-3.5),
        json!([1, {"a": null}]),
        json!({"k": "v"}),
    ] {
        let answer = client
            .ask(&subscribe(&["ethusdc@aggTrade"], id.clone()))
            .await;
        assert_eq!(answer, json!({"result": null, "id": id}));
    }
    client.send(r#"{"method":"LIST_SUBSCRIPTIONS"}"#).await;
    assert_eq!(
        client.next().await,
        json!({"result": ["ethusdc@aggTrade"], "id": null})
    );
}

#[tokio::test]
async fn control_messages_list_unsubscribe_and_switch_the_form() {
    let wire = Wire::start().with_book();
    let mut client = wire.socket("/public/ws").await;
    let names = [
        "ethusdc@bookTicker",
        "ethusdc@nonsense",
        "ETHUSDC@bookTicker",
    ];
    assert_eq!(
        client.ask(&subscribe(&names, json!(1))).await["result"],
        Value::Null
    );
    let listed = client
        .ask(r#"{"method":"LIST_SUBSCRIPTIONS","id":2}"#)
        .await;
    assert_eq!(listed["result"].as_array().unwrap().len(), 3);
    let asked = client
        .ask(r#"{"method":"GET_PROPERTY","params":["combined"],"id":3}"#)
        .await;
    assert_eq!(asked["result"], false);
    client
        .ask(r#"{"method":"SET_PROPERTY","params":["combined",true],"id":4}"#)
        .await;
    wire.nudge();
    assert_eq!(client.event("bookTicker").await["stream"], BOOK);
    client
        .ask(r#"{"method":"UNSUBSCRIBE","params":["ethusdc@bookTicker"],"id":5}"#)
        .await;
    wire.nudge();
    client.assert_silent().await;
    let error = client
        .ask(r#"{"method":"GET_PROPERTY","params":["colour"],"id":6}"#)
        .await;
    assert_eq!(
        (error["code"].clone(), error["id"].clone()),
        (json!(0), json!(6))
    );
    client.send("{not json").await;
    assert_eq!(client.next().await["code"], 3);
}

#[tokio::test]
async fn a_stream_on_the_wrong_route_is_acknowledged_and_silent() {
    let wire = Wire::start().with_book();
    let wrong = [
        ("/market/ws", "ethusdc@bookTicker"),
        ("/market/ws", "ethusdc@depth@100ms"),
        ("/public/ws", "ethusdc@aggTrade"),
        ("/public/ws", "ethusdc@markPrice@1s"),
        ("/ws", "ethusdc@aggTrade"),
        ("/private/ws", "ethusdc@bookTicker"),
        ("/public/ws", "ETHUSDC@bookTicker"),
        ("/public/ws", "dogeusdc@bookTicker"),
    ];
    let mut clients = Vec::new();
    for (path, name) in wrong {
        let mut client = wire.socket(path).await;
        let answer = client.ask(&subscribe(&[name], json!(1))).await;
        assert_eq!(answer, json!({"result": null, "id": 1}), "{path} {name}");
        clients.push(client);
    }
    wire.nudge();
    wire.take(Side::Buy, e8(1));
    for mut client in clients {
        client.assert_silent().await;
    }
}

#[tokio::test]
async fn payloads_carry_the_fields_of_2026() {
    let wire = Wire::start().with_book();
    let mut public = wire
        .socket("/public/stream?streams=ethusdc@depth@100ms/ethusdc@depth5@100ms/ethusdc@trade/ethusdc@bookTicker")
        .await;
    let mut market = wire
        .socket("/market/ws/ethusdc@aggTrade/ethusdc@markPrice@1s")
        .await;
    public
        .ask(r#"{"method":"LIST_SUBSCRIPTIONS","id":1}"#)
        .await;
    market
        .ask(r#"{"method":"LIST_SUBSCRIPTIONS","id":1}"#)
        .await;
    wire.nudge();
    let mut seen: BTreeMap<String, Value> = BTreeMap::new();
    while seen.len() < 4 {
        let event = public.next().await;
        seen.insert(text(&event, "stream"), event["data"].clone());
    }
    let has = |event: &Value, names: &[&str]| {
        for name in names {
            assert!(event.get(name).is_some(), "{name} in {event}");
        }
    };
    let depth = &seen["ethusdc@depth@100ms"];
    has(
        depth,
        &["e", "E", "T", "s", "ps", "U", "u", "pu", "b", "a", "st"],
    );
    assert_eq!(
        (depth["e"].as_str(), depth["ps"].as_str()),
        (Some("depthUpdate"), Some("ETHUSDC"))
    );
    let partial = &seen["ethusdc@depth5@100ms"];
    assert_eq!(partial["e"], "depthUpdate");
    assert_eq!(
        partial["a"],
        json!([["2500.10", "5.000"], ["2501.00", "5.000"]])
    );
    has(
        &seen[BOOK],
        &["e", "u", "E", "T", "s", "ps", "b", "B", "a", "A", "st"],
    );
    let trade = &seen["ethusdc@trade"];
    has(trade, &["e", "E", "T", "s", "t", "p", "q", "X", "m"]);
    assert_eq!(
        (trade["p"].as_str(), trade["m"].as_bool()),
        (Some("2499.90"), Some(true))
    );
    let agg = market.event("aggTrade").await;
    has(
        &agg,
        &["E", "s", "a", "p", "q", "nq", "f", "l", "T", "m", "st"],
    );
    assert_eq!(
        (agg["q"].as_str(), agg["nq"].as_str()),
        (Some("2.000"), Some("2.000"))
    );
    let mark = market.event("markPriceUpdate").await;
    has(&mark, &["E", "s", "p", "ap", "i", "P", "r", "T", "st"]);
}

#[tokio::test]
async fn array_streams_tickers_and_candles_speak_by_the_clock() {
    let wire = Wire::start().with_book();
    let names = "!markPrice@arr@1s/!ticker@arr/!miniTicker@arr/ethusdc@ticker/ethusdc@miniTicker/ethusdc@kline_1m";
    let mut client = wire
        .socket(&format!("/market/stream?streams={names}"))
        .await;
    client
        .ask(r#"{"method":"LIST_SUBSCRIPTIONS","id":1}"#)
        .await;
    wire.nudge();
    let mut seen: BTreeMap<String, Value> = BTreeMap::new();
    while seen.len() < 6 {
        let event = client.next().await;
        seen.insert(text(&event, "stream"), event["data"].clone());
    }
    assert_eq!(seen["!markPrice@arr@1s"].as_array().unwrap().len(), 3);
    assert_eq!(seen["!ticker@arr"][0]["e"], "24hrTicker");
    assert_eq!(seen["!miniTicker@arr"][0]["e"], "24hrMiniTicker");
    assert_eq!(seen["ethusdc@ticker"]["c"], "2499.90");
    assert_eq!(seen["ethusdc@kline_1m"]["k"]["i"], "1m");
}

/// A local book kept by the procedure of protocol §2.8, from raw frames.
#[derive(Default)]
struct LocalBook {
    sides: [BTreeMap<String, String>; 2],
    last_update: Option<u64>,
}

impl LocalBook {
    fn from_snapshot(snapshot: &Value) -> Self {
        let mut book = Self::default();
        book.apply_levels(&snapshot["bids"], &snapshot["asks"]);
        book
    }

    fn apply_levels(&mut self, bids: &Value, asks: &Value) {
        for (side, levels) in self.sides.iter_mut().zip([bids, asks]) {
            for level in levels.as_array().unwrap() {
                let (price, qty) = (level[0].as_str().unwrap(), level[1].as_str().unwrap());
                if qty.bytes().all(|byte| matches!(byte, b'0' | b'.')) {
                    side.remove(price);
                } else {
                    side.insert(price.to_owned(), qty.to_owned());
                }
            }
        }
    }
}

#[tokio::test]
async fn a_book_kept_from_snapshot_and_diffs_equals_a_later_snapshot() {
    let wire = Wire::start_with(|config| {
        let flow = SyntheticFlow::new(FlowParams::new(Regime::Lively), e8(2_500), 3);
        config.flows.push((ETH, Box::new(flow)));
    });
    let mut client = wire.socket("/public/ws/ethusdc@depth@100ms").await;
    client
        .ask(r#"{"method":"LIST_SUBSCRIPTIONS","id":1}"#)
        .await;
    let first = client.event("depthUpdate").await;
    let snapshot = wire
        .open("/fapi/v1/depth?symbol=ETHUSDC&limit=1000")
        .await
        .ok();
    let last_id = snapshot["lastUpdateId"].as_u64().unwrap();
    assert!(
        first["u"].as_u64().unwrap() <= last_id,
        "the buffer starts before the snapshot"
    );
    let mut book = LocalBook::from_snapshot(&snapshot);
    let mut pending = Some(first);
    let mut applied = 0;
    while applied < 10 {
        let event = match pending.take() {
            Some(event) => event,
            None => client.event("depthUpdate").await,
        };
        let id = |name: &str| event[name].as_u64().unwrap();
        match book.last_update {
            None if id("u") < last_id => continue,
            None => assert!(
                id("U") <= last_id,
                "bridges: U {} u {} L {last_id}",
                id("U"),
                id("u")
            ),
            Some(last) => assert_eq!(id("pu"), last, "the chain is whole"),
        }
        book.apply_levels(&event["b"], &event["a"]);
        book.last_update = Some(id("u"));
        applied += 1;
    }
    // Compare at an instant at which the stream has told everything: stop the market by freezing time to the last event.
    let (last, view) = loop {
        let event = client.event("depthUpdate").await;
        assert_eq!(event["pu"].as_u64(), book.last_update);
        book.apply_levels(&event["b"], &event["a"]);
        book.last_update = event["u"].as_u64();
        let view = wire
            .server
            .with_exchange(|exchange| exchange.depth(ETH, 20));
        if Some(view.last_update_id) == book.last_update {
            break (book.last_update, view);
        }
    };
    assert!(last.is_some());
    for (side, levels) in book.sides.iter().zip([&view.bids, &view.asks]) {
        for (price, qty) in levels {
            let price = phoenix_exchange::decimal::fixed(*price, 2);
            let qty = phoenix_exchange::decimal::fixed(*qty, 3);
            assert_eq!(side.get(&price), Some(&qty), "level {price}");
        }
    }
}

#[tokio::test]
async fn compression_is_offered_and_declined() {
    let wire = Wire::start().with_book();
    let mut request = format!("{}/public/ws/ethusdc@bookTicker", wire.server.ws_url())
        .into_client_request()
        .unwrap();
    request.headers_mut().insert(
        "Sec-WebSocket-Extensions",
        "permessage-deflate; client_max_window_bits"
            .parse()
            .unwrap(),
    );
    let (ws, response) = tokio_tungstenite::connect_async(request).await.unwrap();
    assert!(!response.headers().contains_key("sec-websocket-extensions"));
    let mut client = Client { ws };
    client
        .ask(r#"{"method":"LIST_SUBSCRIPTIONS","id":1}"#)
        .await;
    wire.nudge();
    client.event("bookTicker").await;
}

#[tokio::test]
async fn a_plain_request_to_a_stream_address_is_refused() {
    let wire = Wire::start();
    assert_eq!(wire.open("/public/ws").await.status, 400);
    assert_eq!(wire.open("/ws-fapi/v1").await.status, 400);
}
