//! The WebSocket API: signatures over raw tokens, sessions, methods, rate limits.

use serde_json::{Value, json};

use crate::harness::*;

const ORDER: &[(&str, &str)] = &[
    ("symbol", "\"ETHUSDC\""),
    ("side", "\"BUY\""),
    ("type", "\"LIMIT\""),
    ("timeInForce", "\"GTX\""),
    ("quantity", "0.10"),
    ("price", "\"2499.00\""),
];

/// The text that a client signs, written from the tokens it sends: sorted by name, strings without quotes.
fn payload(params: &[(&str, &str)]) -> String {
    let mut sorted: Vec<_> = params.to_vec();
    sorted.sort_unstable();
    let pairs: Vec<String> = sorted
        .iter()
        .map(|(name, token)| format!("{name}={}", token.trim_matches('"')))
        .collect();
    pairs.join("&")
}

fn request(id: &str, method: &str, params: &[(&str, &str)]) -> String {
    let members: Vec<String> = params
        .iter()
        .map(|(name, token)| format!("\"{name}\":{token}"))
        .collect();
    format!(
        "{{\"id\":{id},\"method\":\"{method}\",\"params\":{{{}}}}}",
        members.join(",")
    )
}

impl Wire {
    async fn api(&self) -> Client {
        Client::connect(&self.server.ws_api_url()).await
    }

    /// A request signed per call with the HMAC key.
    fn hmac_request(&self, id: &str, method: &str, params: &[(&str, &str)]) -> String {
        let timestamp = self.now_ms().to_string();
        let key = format!("\"{KEY}\"");
        let mut all = params.to_vec();
        all.extend([("apiKey", key.as_str()), ("timestamp", timestamp.as_str())]);
        let signature = format!("\"{}\"", hmac_hex(SECRET, &payload(&all)));
        all.push(("signature", signature.as_str()));
        request(id, method, &all)
    }

    fn logon_request(&self, sign: impl Fn(&str) -> String) -> String {
        let timestamp = self.now_ms().to_string();
        let key = format!("\"{KEY}\"");
        let mut params = vec![("apiKey", key.as_str()), ("timestamp", timestamp.as_str())];
        let signature = format!("\"{}\"", sign(&payload(&params)));
        params.push(("signature", signature.as_str()));
        request("1", "session.logon", &params)
    }
}

#[tokio::test]
async fn orders_are_placed_modified_queried_and_cancelled_with_hmac() {
    let wire = Wire::start().with_book();
    let mut api = wire.api().await;
    let mut ask = async |method: &str, params: &[(&str, &str)]| {
        let answer = api.ask(&wire.hmac_request("\"r-1\"", method, params)).await;
        assert_eq!(answer["id"], "r-1");
        answer
    };
    let placed = ask("order.place", ORDER).await;
    assert_eq!(placed["status"], 200, "{placed}");
    assert_eq!(text(&placed["result"], "origQty"), "0.100");
    assert_eq!(placed["rateLimits"].as_array().unwrap().len(), 3);
    let id = placed["result"]["orderId"].to_string();
    let symbol = ("symbol", "\"ETHUSDC\"");
    let status = ask("order.status", &[symbol, ("orderId", &id)]).await;
    assert_eq!(text(&status["result"], "status"), "NEW");
    assert_eq!(status["rateLimits"].as_array().unwrap().len(), 1);
    let change = [
        symbol,
        ("orderId", &id),
        ("side", "\"BUY\""),
        ("quantity", "\"0.2\""),
        ("price", "2498.5"),
    ];
    let modified = ask("order.modify", &change).await;
    assert_eq!(text(&modified["result"], "price"), "2498.50");
    let cancelled = ask("order.cancel", &[symbol, ("orderId", &id)]).await;
    assert_eq!(text(&cancelled["result"], "status"), "CANCELED");
    let gone = ask("order.cancel", &[symbol, ("orderId", &id)]).await;
    assert_eq!(
        (gone["status"].clone(), gone["error"]["code"].clone()),
        (json!(400), json!(-2011))
    );
}

#[tokio::test]
async fn numbers_and_strings_are_signed_as_they_were_sent() {
    let wire = Wire::start().with_book();
    let mut api = wire.api().await;
    for (id, quantity, price) in [
        ("1", "0.10", "2499.0"),
        ("2", "\"0.10\"", "\"2499.00\""),
        ("3", "1", "\"2499\""),
    ] {
        let mut params = ORDER.to_vec();
        params.retain(|(name, _)| !matches!(*name, "quantity" | "price"));
        params.extend([("quantity", quantity), ("price", price)]);
        let answer = api
            .ask(&wire.hmac_request(id, "order.place", &params))
            .await;
        assert_eq!(answer["status"], 200, "{answer}");
    }
}

#[tokio::test]
async fn a_logged_on_session_needs_no_signature_but_a_timestamp() {
    let wire = Wire::start().with_book();
    let mut api = wire.api().await;
    let timestamp = wire.now_ms().to_string();
    let mut unsigned = ORDER.to_vec();
    unsigned.push(("timestamp", timestamp.as_str()));
    let before = api.ask(&request("1", "order.place", &unsigned)).await;
    assert_eq!(
        (before["status"].clone(), before["error"]["code"].clone()),
        (json!(401), json!(-2014))
    );
    let logon = api
        .ask(&wire.logon_request(|payload| wire.keys.ed25519(payload)))
        .await;
    assert_eq!(logon["status"], 200, "{logon}");
    assert_eq!(text(&logon["result"], "apiKey"), KEY);
    assert!(logon["result"]["authorizedSince"].is_i64());
    let placed = api.ask(&request("2", "order.place", &unsigned)).await;
    assert_eq!(placed["status"], 200, "{placed}");
    let timeless = api.ask(&request("3", "order.place", ORDER)).await;
    assert_eq!(timeless["error"]["code"], -1102);
    // One request may still be signed by another key.
    let own = [
        ("apiKey", format!("\"{OTHER_KEY}\"")),
        ("timestamp", wire.now_ms().to_string()),
    ];
    let own: Vec<(&str, &str)> = own
        .iter()
        .map(|(name, token)| (*name, token.as_str()))
        .collect();
    let signature = format!("\"{}\"", hmac_hex(OTHER_SECRET, &payload(&own)));
    let mut signed = own.clone();
    signed.push(("signature", &signature));
    let other = api.ask(&request("4", "v2/account.position", &signed)).await;
    assert_eq!(
        other["result"],
        json!([]),
        "the other account has no orders: {other}"
    );
    let status = api.ask(&request("5", "session.status", &[])).await;
    assert_eq!(text(&status["result"], "apiKey"), KEY);
    let out = api.ask(&request("6", "session.logout", &[])).await;
    assert_eq!(out["result"]["apiKey"], Value::Null);
    let after = api.ask(&request("7", "order.place", &unsigned)).await;
    assert_eq!(after["error"]["code"], -2014);
}

#[tokio::test]
async fn only_ed25519_keys_log_on() {
    let wire = Wire::start();
    let mut api = wire.api().await;
    let hmac = api
        .ask(&wire.logon_request(|payload| hmac_hex(SECRET, payload)))
        .await;
    assert_eq!(hmac["error"]["code"], -4056);
    let rsa = api
        .ask(&wire.logon_request(|payload| wire.keys.rsa(payload)))
        .await;
    assert_eq!(rsa["error"]["code"], -4056);
    let wrong = api
        .ask(&wire.logon_request(|_| wire.keys.ed25519("something else")))
        .await;
    assert_eq!(wrong["error"]["code"], -1022);
}

#[tokio::test]
async fn account_market_and_listen_key_methods_answer() {
    let wire = Wire::start().with_book();
    let mut api = wire.api().await;
    for method in [
        "account.position",
        "v2/account.position",
        "account.balance",
        "v2/account.balance",
        "account.status",
        "v2/account.status",
    ] {
        let answer = api.ask(&wire.hmac_request("1", method, &[])).await;
        assert_eq!(answer["status"], 200, "{method}: {answer}");
    }
    let symbol = ("symbol", "\"ETHUSDC\"");
    let depth = api
        .ask(&request("2", "depth", &[symbol, ("limit", "5")]))
        .await;
    assert_eq!(depth["result"]["bids"][0], json!(["2499.90", "5.000"]));
    let book = api.ask(&request("3", "ticker.book", &[symbol])).await;
    assert_eq!(text(&book["result"], "askPrice"), "2500.10");
    let price = api.ask(&request("4", "ticker.price", &[symbol])).await;
    assert!(price["result"]["price"].is_string());
    let key = format!("\"{KEY}\"");
    let start = api
        .ask(&request("5", "userDataStream.start", &[("apiKey", &key)]))
        .await;
    let listen_key = text(&start["result"], "listenKey");
    assert_eq!(listen_key, wire.listen_key().await);
    let ping = api
        .ask(&request("6", "userDataStream.ping", &[("apiKey", &key)]))
        .await;
    assert_eq!(text(&ping["result"], "listenKey"), listen_key);
    let stop = api
        .ask(&request("7", "userDataStream.stop", &[("apiKey", &key)]))
        .await;
    assert_eq!(stop["result"], json!({}));
    let again = api
        .ask(&request("8", "userDataStream.ping", &[("apiKey", &key)]))
        .await;
    assert_eq!(again["error"]["code"], -1125);
}

#[tokio::test]
async fn rate_limits_are_shown_unless_hidden_and_ids_echoed() {
    let wire = Wire::start();
    let mut api = wire.api().await;
    let shown = api
        .ask(&request(
            "null",
            "ticker.book",
            &[("symbol", "\"ETHUSDC\"")],
        ))
        .await;
    assert_eq!(shown["id"], Value::Null);
    let limit = &shown["rateLimits"][0];
    assert_eq!(limit["rateLimitType"], "REQUEST_WEIGHT");
    assert_eq!(limit["limit"], 2400);
    // The handshake cost 5 and this call 2; a turn of the minute may have cleared the first.
    assert!(
        [7, 2].contains(&limit["count"].as_u64().unwrap()),
        "{limit}"
    );
    let hidden = api
        .ask(&request(
            "1",
            "ticker.book",
            &[("symbol", "\"ETHUSDC\""), ("returnRateLimits", "false")],
        ))
        .await;
    assert_eq!(hidden.get("rateLimits"), None);
    let mut quiet = Client::connect(&format!(
        "{}?returnRateLimits=false",
        wire.server.ws_api_url()
    ))
    .await;
    let answer = quiet
        .ask(&request(
            "\"x\"",
            "ticker.book",
            &[("symbol", "\"ETHUSDC\"")],
        ))
        .await;
    assert_eq!(
        (answer["id"].clone(), answer.get("rateLimits")),
        (json!("x"), None)
    );
}

#[tokio::test]
async fn nonsense_has_an_answer() {
    let wire = Wire::start();
    let mut api = wire.api().await;
    let unknown = api.ask(&request("5", "order.teleport", &[])).await;
    assert_eq!(
        (unknown["id"].clone(), unknown["status"].clone()),
        (json!(5), json!(400))
    );
    let broken = api.ask("{\"id\":").await;
    assert_eq!(
        (broken["id"].clone(), broken["error"]["code"].clone()),
        (Value::Null, json!(-1135))
    );
    let signed = wire
        .hmac_request("6", "order.place", ORDER)
        .replace("2499.00", "2498.00");
    let forged = api.ask(&signed).await;
    assert_eq!(forged["error"]["code"], -1022);
}
