//! User data: the listenKey's life, every way to listen, and the events of an order's life.

use phoenix_exchange::{AccountId, Side};
use serde_json::{Value, json};

use crate::harness::*;

const BUY: &str = "symbol=ETHUSDC&side=BUY&type=LIMIT&timeInForce=GTX&quantity=1&price=2499.95";

impl Wire {
    async fn user_socket(&self) -> Client {
        let key = self.listen_key().await;
        let mut client = self.socket(&format!("/private/ws?listenKey={key}")).await;
        client
            .ask(r#"{"method":"LIST_SUBSCRIPTIONS","id":1}"#)
            .await;
        client
    }

    async fn probe(&self) {
        let leverage = self.server.with_exchange(|exchange| {
            let configs = exchange.symbol_configs(AccountId(0));
            configs.first().map_or(20, |config| config.leverage)
        });
        let params = format!("symbol=ETHUSDC&leverage={}", leverage % 100 + 1);
        self.signed("POST", "/fapi/v1/leverage", &params).await.ok();
    }
}

#[tokio::test]
async fn every_way_to_listen_delivers() {
    let wire = Wire::start();
    let key = wire.listen_key().await;
    let forms = [
        (format!("/private/ws/{key}"), false),
        (format!("/private/ws?listenKey={key}"), false),
        (format!("/private/stream?listenKey={key}"), true),
        (
            format!(
                "/private/stream?listenKey={key}&events=ACCOUNT_CONFIG_UPDATE/ORDER_TRADE_UPDATE"
            ),
            true,
        ),
    ];
    for (path, is_wrapped) in forms {
        let mut client = wire.socket(&path).await;
        client
            .ask(r#"{"method":"LIST_SUBSCRIPTIONS","id":1}"#)
            .await;
        wire.probe().await;
        let event = client.event("ACCOUNT_CONFIG_UPDATE").await;
        assert_eq!(event.get("stream").is_some(), is_wrapped, "{path}");
        if is_wrapped {
            assert_eq!(text(&event, "stream"), key);
        }
    }
    for (path, is_wrapped) in [("/private/stream", true), ("/private/ws", false)] {
        let mut client = wire.socket(path).await;
        let ask = json!({"method": "SUBSCRIBE", "params": [key], "id": "u-1"}).to_string();
        assert_eq!(client.ask(&ask).await, json!({"result": null, "id": "u-1"}));
        wire.probe().await;
        let event = client.event("ACCOUNT_CONFIG_UPDATE").await;
        assert_eq!(event.get("stream").is_some(), is_wrapped, "{path}");
    }
}

#[tokio::test]
async fn an_invalid_key_a_foreign_route_and_a_filter_are_silent() {
    let wire = Wire::start();
    let key = wire.listen_key().await;
    let paths = [
        "/private/ws?listenKey=invalid".to_owned(),
        "/private/ws/invalid".to_owned(),
        format!("/ws/{key}"),
        format!("/public/ws/{key}"),
        format!("/private/ws?listenKey={key}&events=ORDER_TRADE_UPDATE"),
    ];
    let mut clients = Vec::new();
    for path in &paths {
        let mut client = wire.socket(path).await;
        client
            .ask(r#"{"method":"LIST_SUBSCRIPTIONS","id":1}"#)
            .await;
        clients.push(client);
    }
    wire.probe().await;
    for mut client in clients {
        client.assert_silent().await;
    }
}

#[tokio::test]
async fn the_key_is_shared_kept_alive_and_ended() {
    let wire = Wire::start();
    let key = wire.listen_key().await;
    assert_eq!(wire.listen_key().await, key, "one live key per account");
    let header = [("X-MBX-APIKEY", KEY)];
    let put = wire
        .raw("PUT", "/fapi/v1/listenKey", &header, "")
        .await
        .ok();
    assert_eq!(text(&put, "listenKey"), key);
    assert_eq!(
        wire.raw("PUT", "/fapi/v1/listenKey", &[], "")
            .await
            .outcome(),
        (401, -2014)
    );
    let mut client = wire.socket(&format!("/private/ws?listenKey={key}")).await;
    client
        .ask(r#"{"method":"LIST_SUBSCRIPTIONS","id":1}"#)
        .await;
    assert_eq!(
        wire.raw("DELETE", "/fapi/v1/listenKey", &header, "")
            .await
            .ok(),
        json!({})
    );
    let expired = client.event("listenKeyExpired").await;
    assert_eq!(text(&expired, "listenKey"), key);
    wire.probe().await;
    client.assert_silent().await;
    assert_eq!(
        wire.raw("PUT", "/fapi/v1/listenKey", &header, "")
            .await
            .outcome(),
        (400, -1125)
    );
    assert_eq!(
        wire.raw("DELETE", "/fapi/v1/listenKey", &header, "")
            .await
            .outcome(),
        (400, -1125)
    );
    assert_ne!(wire.listen_key().await, key);
}

#[tokio::test]
async fn an_unkept_key_expires_with_an_event() {
    let wire = Wire::start_with(|config| config.exchange.listen_key_ms = 300);
    let mut client = wire.user_socket().await;
    client.event("listenKeyExpired").await;
    wire.probe().await;
    client.assert_silent().await;
}

#[tokio::test]
async fn the_life_of_an_order_is_told_with_all_fields() {
    let wire = Wire::start().with_book();
    let mut client = wire.user_socket().await;
    let placed = wire
        .signed(
            "POST",
            "/fapi/v1/order",
            &format!("{BUY}&newClientOrderId=mm-1"),
        )
        .await
        .ok();
    let new = client.next().await;
    assert_eq!(new["e"], "ORDER_TRADE_UPDATE");
    let order = &new["o"];
    let expected = [
        ("s", json!("ETHUSDC")),
        ("c", json!("mm-1")),
        ("S", json!("BUY")),
        ("o", json!("LIMIT")),
        ("f", json!("GTX")),
        ("q", json!("1.000")),
        ("p", json!("2499.95")),
        ("ap", json!("0")),
        ("sp", json!("0")),
        ("x", json!("NEW")),
        ("X", json!("NEW")),
        ("i", placed["orderId"].clone()),
        ("l", json!("0")),
        ("z", json!("0")),
        ("L", json!("0")),
        ("n", json!("0")),
        ("N", json!("USDC")),
        ("t", json!(0)),
        ("b", json!("2499.95")),
        ("a", json!("0")),
        ("m", json!(false)),
        ("R", json!(false)),
        ("wt", json!("CONTRACT_PRICE")),
        ("ot", json!("LIMIT")),
        ("ps", json!("BOTH")),
        ("cp", json!(false)),
        ("rp", json!("0")),
        ("pP", json!(false)),
        ("si", json!(0)),
        ("ss", json!(0)),
        ("V", json!("EXPIRE_MAKER")),
        ("pm", json!("NONE")),
        ("gtd", json!(0)),
        ("er", json!("0")),
    ];
    for (name, value) in expected {
        assert_eq!(order[name], value, "{name}");
    }
    // One aggressor hits it in part: TRADE_LITE, ORDER_TRADE_UPDATE and ACCOUNT_UPDATE of the same fill.
    wire.take(Side::Sell, e8(1) / 4);
    let mut fill = Vec::new();
    while fill.len() < 3 {
        fill.push(client.next().await);
    }
    let of = |kind: &str| {
        fill.iter()
            .find(|event| event["e"] == kind)
            .unwrap()
            .clone()
    };
    let (lite, update, account) = (
        of("TRADE_LITE"),
        of("ORDER_TRADE_UPDATE"),
        of("ACCOUNT_UPDATE"),
    );
    assert_eq!(
        (lite["l"].clone(), lite["L"].clone(), lite["m"].clone()),
        (json!("0.250"), json!("2499.95"), json!(true))
    );
    assert_eq!(lite["t"], update["o"]["t"]);
    assert_eq!(
        (update["o"]["x"].clone(), update["o"]["X"].clone()),
        (json!("TRADE"), json!("PARTIALLY_FILLED"))
    );
    assert_eq!(
        (update["o"]["z"].clone(), update["o"]["m"].clone()),
        (json!("0.250"), json!(true))
    );
    assert_eq!(account["T"], update["T"]);
    assert_eq!(account["a"]["m"], "ORDER");
    let position = &account["a"]["P"][0];
    assert_eq!(
        (position["pa"].clone(), position["ep"].clone()),
        (json!("0.250"), json!("2499.95"))
    );
    assert_eq!(
        (position["mt"].clone(), position["ma"].clone()),
        (json!("cross"), json!("USDC"))
    );
    assert_eq!(account["a"]["B"][0]["a"], "USDC");
    assert_eq!(account["a"]["B"][0]["bc"], "0");
    // Modify, then cancel.
    let modify =
        "symbol=ETHUSDC&side=BUY&origClientOrderId=mm-1&quantity=1&price=2499.50&modifyId=5";
    wire.signed("PUT", "/fapi/v1/order", modify).await.ok();
    let amended = client.next().await;
    assert_eq!(
        (amended["o"]["x"].clone(), amended["o"]["M"].clone()),
        (json!("AMENDMENT"), json!("5"))
    );
    assert_eq!(amended["o"]["p"], "2499.50");
    wire.signed("DELETE", "/fapi/v1/allOpenOrders", "symbol=ETHUSDC")
        .await
        .ok();
    let cancelled = client.next().await;
    assert_eq!(
        (cancelled["o"]["x"].clone(), cancelled["o"]["X"].clone()),
        (json!("CANCELED"), json!("CANCELED"))
    );
    assert_eq!(cancelled["o"]["z"], "0.250");
}

#[tokio::test]
async fn a_rejected_post_only_order_has_no_event_and_two_sockets_hear_everything() {
    let wire = Wire::start().with_book();
    let mut first = wire.user_socket().await;
    let mut second = wire.user_socket().await;
    let crossing = "symbol=ETHUSDC&side=BUY&type=LIMIT&timeInForce=GTX&quantity=1&price=2500.10";
    assert_eq!(
        wire.signed("POST", "/fapi/v1/order", crossing).await.code(),
        -5022
    );
    first.assert_silent().await;
    wire.signed("POST", "/fapi/v1/order", BUY).await.ok();
    let heard: [Value; 2] = [first.next().await, second.next().await];
    assert_eq!(heard[0], heard[1]);
}

#[tokio::test]
async fn self_trade_prevention_expires_the_maker() {
    let wire = Wire::start().with_book();
    let mut client = wire.user_socket().await;
    wire.signed("POST", "/fapi/v1/order", BUY).await.ok();
    client.next().await;
    let taker = "symbol=ETHUSDC&side=SELL&type=LIMIT&timeInForce=IOC&quantity=1&price=2499.95&selfTradePreventionMode=EXPIRE_MAKER";
    wire.signed("POST", "/fapi/v1/order", taker).await.ok();
    let expired = client
        .until(|event| event["o"]["X"] == "EXPIRED_IN_MATCH")
        .await;
    assert_eq!(expired["o"]["er"], "1");
}
