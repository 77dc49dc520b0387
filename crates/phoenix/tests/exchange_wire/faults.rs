//! Faults between venue and client: what the client meets, and that the venue's own ledger stays right.

use std::time::Duration;

use phoenix::serve::faults::{
    Callers, Place, RequestEffect, RequestRule, StreamEffect, StreamRule, StreamSet,
};
use phoenix::serve::hub::{Doom, Line};
use phoenix::serve::refusal::Refusal;
use phoenix::serve::streams::Route;
use phoenix_exchange::{AccountId, Side};
use serde_json::Value;
use tokio::net::TcpStream;

use crate::harness::*;

const ORDER: &str = "symbol=ETHUSDC&side=BUY&type=LIMIT&timeInForce=GTX&quantity=0.1&price=2499.00";
const LIST: &str = r#"{"method":"LIST_SUBSCRIPTIONS","id":1}"#;

impl Wire {
    fn on_orders(&self, effect: RequestEffect) {
        let rule = RequestRule {
            places: vec![Place::new(Some("POST"), "/fapi/v1/order")],
            callers: Callers::All,
            effect,
            times: 1,
        };
        assert!(
            self.server
                .with_venue(|venue| venue.request_faults.add(rule))
        );
    }

    fn on_streams(&self, streams: StreamSet, effect: StreamEffect) {
        let rule = StreamRule {
            streams,
            symbol: None,
            account: None,
            effect,
        };
        assert!(self.server.with_venue(|venue| venue.hub.faults.add(rule)));
    }

    fn open_order_count(&self) -> usize {
        self.server
            .with_exchange(|exchange| exchange.open_orders(AccountId(0), None).len())
    }

    async fn try_place(&self) -> Option<Reply> {
        let payload = self.timed(ORDER);
        let signature = hmac_hex(SECRET, &payload);
        let target = format!("/fapi/v1/order?{payload}&signature={signature}");
        self.try_raw("POST", &target, &[("X-MBX-APIKEY", KEY)], "")
            .await
    }

    async fn heard(&self, path: &str) -> Client {
        let mut client = self.socket(path).await;
        client.ask(LIST).await;
        client
    }
}

#[tokio::test]
async fn requests_can_be_refused_swallowed_and_cut_and_the_ledger_tells_which_were_placed() {
    let wire = Wire::start().with_book();
    let busy = Refusal::with_status(503, -1008, "Request throttled by system-level protection.");
    let table = [
        (RequestEffect::Refuse(busy.clone()), Some((503, -1008)), 0),
        (RequestEffect::CarryOutThen(busy), Some((503, -1008)), 1),
        (RequestEffect::Cut, None, 1),
        (RequestEffect::CarryOutThenCut, None, 2),
        (
            RequestEffect::HoldAnswer(Duration::from_millis(1)),
            Some((200, 0)),
            3,
        ),
    ];
    for (effect, outcome, open) in table {
        wire.on_orders(effect.clone());
        let reply = wire.try_place().await;
        assert_eq!(reply.map(|reply| reply.outcome()), outcome, "{effect:?}");
        assert_eq!(wire.open_order_count(), open, "{effect:?}");
    }
    assert_eq!(
        wire.try_place().await.map(|reply| reply.status),
        Some(200),
        "each rule was for one"
    );
}

#[tokio::test]
async fn a_request_held_beyond_its_window_is_refused_by_the_engine() {
    let wire = Wire::start().with_book();
    wire.on_orders(RequestEffect::Hold(Duration::from_millis(60)));
    let params = format!("{ORDER}&recvWindow=50");
    let reply = wire.signed("POST", "/fapi/v1/order", &params).await;
    assert_eq!(reply.outcome(), (400, -5028));
    assert_eq!(wire.open_order_count(), 0);
}

#[tokio::test]
async fn the_websocket_api_meets_the_same_faults() {
    let wire = Wire::start().with_book();
    let rule = |effect| RequestRule {
        places: vec![Place::new(None, "/fapi/v1/ticker")],
        callers: Callers::All,
        effect,
        times: 1,
    };
    let add = |effect| {
        wire.server
            .with_venue(|venue| venue.request_faults.add(rule(effect)))
    };
    assert!(add(RequestEffect::Refuse(Refusal::with_status(
        503,
        -1001,
        "Internal error"
    ))));
    let mut api = wire.socket("/ws-fapi/v1").await;
    let ask = r#"{"id":1,"method":"ticker.book","params":{"symbol":"ETHUSDC"}}"#;
    let refused = api.ask(ask).await;
    assert_eq!(
        (
            refused["status"].as_i64(),
            refused["error"]["code"].as_i64()
        ),
        (Some(503), Some(-1001))
    );
    assert_eq!(api.ask(ask).await["status"], 200);
    assert!(add(RequestEffect::Cut));
    api.send(ask).await;
    assert_eq!(api.closed().await, 0, "cut without a closing handshake");
}

#[tokio::test]
async fn a_muted_stream_is_open_and_silent_while_others_speak() {
    let wire = Wire::start().with_book();
    let mut depth = wire.heard("/public/ws/ethusdc@depth@100ms").await;
    let mut trades = wire.heard("/public/ws/ethusdc@trade").await;
    wire.on_streams(StreamSet::Depth, StreamEffect::Mute);
    wire.take(Side::Sell, e8(1));
    trades.event("trade").await;
    depth.assert_silent().await;
    wire.server.with_venue(|venue| venue.hub.faults.clear());
    wire.take(Side::Sell, e8(1));
    depth.event("depthUpdate").await;
}

#[tokio::test]
async fn a_lost_message_breaks_the_chain_and_a_hollow_one_does_not() {
    let wire = Wire::start().with_book();
    let mut depth = wire.heard("/public/ws/ethusdc@depth@100ms").await;
    let next = async |depth: &mut Client| -> Value {
        wire.take(Side::Sell, e8(1) / 100);
        depth.event("depthUpdate").await
    };
    let first = next(&mut depth).await;
    wire.on_streams(StreamSet::Depth, StreamEffect::Hollow);
    let hollow = next(&mut depth).await;
    assert_eq!(hollow["pu"], first["u"]);
    assert_eq!(hollow["b"], serde_json::json!([]));
    wire.server.with_venue(|venue| venue.hub.faults.clear());
    wire.on_streams(StreamSet::Depth, StreamEffect::Lose(1));
    wire.take(Side::Sell, e8(1) / 100);
    let lost = async {
        while !wire.server.with_venue(|venue| venue.hub.faults.is_idle()) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(DEADLINE, lost).await.unwrap();
    let after = next(&mut depth).await;
    assert_ne!(after["pu"], hollow["u"], "one is missing");
}

#[tokio::test]
async fn delayed_garbled_and_doubled_messages() {
    let wire = Wire::start().with_book();
    let mut trades = wire.heard("/public/ws/ethusdc@trade").await;
    wire.on_streams(
        StreamSet::Trades,
        StreamEffect::Delay(Duration::from_millis(200)),
    );
    wire.take(Side::Sell, e8(1));
    let late = trades.event("trade").await;
    assert!(wire.now_ms() - late["E"].as_i64().unwrap() >= 200);
    wire.server.with_venue(|venue| venue.hub.faults.clear());
    wire.on_streams(StreamSet::Trades, StreamEffect::Duplicate);
    wire.take(Side::Sell, e8(1));
    assert_eq!(trades.event("trade").await, trades.event("trade").await);
    wire.server.with_venue(|venue| venue.hub.faults.clear());
    wire.on_streams(StreamSet::Trades, StreamEffect::Garble);
    wire.take(Side::Sell, e8(1));
    let broken = trades.next_text().await;
    assert!(serde_json::from_str::<Value>(&broken).is_err(), "{broken}");
}

#[tokio::test]
async fn order_events_can_be_withheld_while_the_order_stands() {
    let wire = Wire::start().with_book();
    let key = wire.listen_key().await;
    let mut user = wire.heard(&format!("/private/ws?listenKey={key}")).await;
    wire.on_streams(StreamSet::User, StreamEffect::Mute);
    wire.signed("POST", "/fapi/v1/order", ORDER).await.ok();
    user.assert_silent().await;
    assert_eq!(wire.open_order_count(), 1);
}

#[tokio::test]
async fn a_frozen_socket_stays_connected_and_answers_nothing() {
    let wire = Wire::start().with_book();
    let mut client = wire.heard("/public/ws/ethusdc@bookTicker").await;
    let mut other = wire.heard("/market/ws/ethusdc@aggTrade").await;
    wire.server
        .with_venue(|venue| venue.hub.freeze(Some(Line::Streams(Route::Public))));
    wire.take(Side::Sell, e8(5));
    client.send(LIST).await;
    client.assert_silent().await;
    other.event("aggTrade").await;
    // New connections work: only what was open is cut off.
    let mut fresh = wire.heard("/public/ws/ethusdc@bookTicker").await;
    wire.take(Side::Buy, e8(5));
    fresh.event("bookTicker").await;
    wire.server
        .with_venue(|venue| venue.hub.doom(None, Doom::Cut));
    assert_eq!(client.closed().await, 0);
}

#[tokio::test]
async fn clean_closes_maintenance_and_clock_jumps() {
    let wire = Wire::start().with_book();
    let mut client = wire.heard("/public/ws").await;
    wire.server.with_venue(|venue| {
        venue
            .hub
            .doom(Some(Line::Streams(Route::Public)), Doom::GoingAway)
    });
    assert_eq!(client.closed().await, 1001);
    wire.server
        .with_venue(|venue| venue.clock_offset_ms = 60_000);
    let ahead = wire.open("/fapi/v1/time").await.ok()["serverTime"]
        .as_i64()
        .unwrap();
    assert!(ahead - wire.now_ms() > 50_000);
    assert_eq!(
        wire.signed("POST", "/fapi/v1/order", ORDER).await.code(),
        -1021
    );
    wire.server.with_venue(|venue| venue.clock_offset_ms = 0);
    wire.server
        .with_venue(|venue| venue.refuses_connections = true);
    assert!(
        wire.try_raw("GET", "/fapi/v1/ping", &[], "")
            .await
            .is_none()
    );
    wire.server
        .with_venue(|venue| venue.refuses_connections = false);
    assert_eq!(wire.open("/fapi/v1/ping").await.status, 200);
    drop(TcpStream::connect(wire.server.local_addr()).await.unwrap());
}
