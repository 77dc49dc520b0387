//! REST: signatures over raw bytes, keys, timing, headers, limits, public data and account views.

use phoenix_exchange::Side;
use serde_json::{Value, json};

use crate::harness::*;

const ORDER: &str = "symbol=ETHUSDC&side=BUY&type=LIMIT&timeInForce=GTX&quantity=0.1&price=2499.00";

#[tokio::test]
async fn signatures_are_verified_over_the_bytes_as_sent() {
    let wire = Wire::start().with_book();
    let key = ("X-MBX-APIKEY", KEY);
    // Query, then body, without a separator (protocol §5.2); signature in either; any case of hex.
    let body = wire.timed("quantity=0.1&price=2499.00");
    let query = "symbol=ETHUSDC&side=BUY&type=LIMIT&timeInForce=GTX";
    let signature = hmac_hex(SECRET, &format!("{query}{body}")).to_uppercase();
    let reply = wire
        .raw(
            "POST",
            &format!("/fapi/v1/order?{query}"),
            &[key],
            &format!("{body}&signature={signature}"),
        )
        .await;
    assert_eq!(reply.ok()["status"], "NEW");
    let payload = wire.timed("symbol=ETHUSDC");
    let signature = hmac_hex(SECRET, &payload);
    let first = format!("/fapi/v1/openOrders?signature={signature}&{payload}");
    assert_eq!(
        wire.raw("GET", &first, &[key], "")
            .await
            .ok()
            .as_array()
            .unwrap()
            .len(),
        1
    );
    // The same parameters in another spelling are other bytes.
    let respelled = payload.replace("ETHUSDC", "%45THUSDC");
    let target = format!("/fapi/v1/openOrders?{respelled}&signature={signature}");
    assert_eq!(
        wire.raw("GET", &target, &[key], "").await.outcome(),
        (400, -1022)
    );
}

#[tokio::test]
async fn encoded_and_plain_batches_both_verify() {
    let wire = Wire::start().with_book();
    let element = |id: &str| json!({"symbol":"ETHUSDC","side":"BUY","type":"LIMIT","timeInForce":"GTX","quantity":"0.1","price":"2499.00","newClientOrderId":id});
    let plain = json!([element("a"), element("b")]).to_string();
    // ccxt: un-encoded JSON in the body, signed as sent.
    let body = wire.timed(&format!("batchOrders={plain}"));
    let signed = format!("{body}&signature={}", hmac_hex(SECRET, &body));
    let headers = [
        ("X-MBX-APIKEY", KEY),
        ("Content-Type", "application/x-www-form-urlencoded"),
    ];
    let reply = wire
        .raw("POST", "/fapi/v1/batchOrders", &headers, &signed)
        .await;
    assert_eq!(reply.ok().as_array().unwrap().len(), 2);
    // Official SDK: percent-encoded in the query, signed as sent.
    let encoded_batch = encoded(&json!([element("c")]).to_string());
    let reply = wire
        .signed(
            "POST",
            "/fapi/v1/batchOrders",
            &format!("batchOrders={encoded_batch}"),
        )
        .await;
    assert_eq!(text(&reply.ok()[0], "clientOrderId"), "c");
}

#[tokio::test]
async fn rsa_and_ed25519_keys_sign_rest_requests() {
    let wire = Wire::start();
    for sign in [Keys::ed25519, Keys::rsa] {
        let payload = wire.timed("symbol=ETHUSDC");
        let signature = encoded(&sign(wire.keys, &payload));
        let target = format!("/fapi/v1/openOrders?{payload}&signature={signature}");
        let reply = wire.raw("GET", &target, &[("X-MBX-APIKEY", KEY)], "").await;
        assert_eq!(reply.ok(), json!([]));
    }
}

#[tokio::test]
async fn keys_times_and_signatures_are_refused_with_their_codes() {
    let wire = Wire::start();
    let path = "/fapi/v3/balance";
    let now = wire.now_ms();
    let signed = |params: &str| format!("{path}?{params}&signature={}", hmac_hex(SECRET, params));
    let key = [("X-MBX-APIKEY", KEY)];
    let unknown = [("X-MBX-APIKEY", "nobody")];
    let fresh = format!("timestamp={now}");
    assert_eq!(
        wire.raw("GET", &signed(&fresh), &[], "").await.outcome(),
        (401, -2014)
    );
    assert_eq!(
        wire.raw("GET", &signed(&fresh), &unknown, "")
            .await
            .outcome(),
        (401, -2015)
    );
    let table = [
        (format!("{path}?timestamp={now}"), -1102),
        (format!("{path}?{fresh}&signature=00"), -1022),
        (signed("recvWindow=5000"), -1102),
        (signed(&format!("timestamp={}", now - 6_000)), -1021),
        (signed(&format!("timestamp={}", now + 60_000)), -1021),
        (signed(&format!("recvWindow=60001&timestamp={now}")), -1131),
    ];
    for (target, code) in table {
        assert_eq!(
            wire.raw("GET", &target, &key, "").await.outcome(),
            (400, code),
            "{target}"
        );
    }
    let wide = signed(&format!("recvWindow=60000&timestamp={}", now - 20_000));
    assert_eq!(wire.raw("GET", &wide, &key, "").await.status, 200);
}

#[tokio::test]
async fn headers_count_weight_always_and_orders_on_order_replies() {
    let wire = Wire::start().with_book();
    let weight = |reply: &Reply| {
        reply.headers["x-mbx-used-weight-1m"]
            .parse::<u32>()
            .unwrap()
    };
    let before = weight(&wire.open("/fapi/v1/ping").await);
    let depth = wire.open("/fapi/v1/depth?symbol=ETHUSDC&limit=1000").await;
    // A minute may turn in between; then the count starts anew.
    let after = weight(&depth);
    assert!(after == before + 20 || after == 20, "{before} → {after}");
    assert!(!depth.headers.contains_key("x-mbx-order-count-10s"));
    let reply = wire.signed("POST", "/fapi/v1/order", ORDER).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    assert_eq!(reply.headers["x-mbx-order-count-10s"], "1");
    assert_eq!(reply.headers["x-mbx-order-count-1m"], "1");
    assert_eq!(reply.headers["content-type"], "application/json");
}

#[tokio::test]
async fn spent_weight_is_429_with_retry_after_and_insistence_a_ban() {
    let wire = Wire::start_with(|config| {
        config.exchange.limits.weight_1m_max = 30;
        config.exchange.limits.refusals_before_ban = 3;
    });
    let mut statuses = Vec::new();
    let mut last = None;
    // Enough for two minutes' worth, in case the minute turns meanwhile.
    for _ in 0..12 {
        let reply = wire.open("/fapi/v1/depth?symbol=ETHUSDC&limit=1000").await;
        statuses.push(reply.status);
        last = Some(reply);
    }
    assert!(
        statuses.contains(&200) && statuses.contains(&429),
        "{statuses:?}"
    );
    let banned = last.unwrap();
    assert_eq!(banned.outcome(), (418, -1003), "{statuses:?}");
    assert!(banned.text("msg").contains("banned until"));
    assert!(banned.headers["retry-after"].parse::<u64>().unwrap() > 0);
}

#[tokio::test]
async fn too_many_orders_are_minus_1015_and_cancels_still_work() {
    let wire = Wire::start_with(|config| config.exchange.limits.orders_10s_max = 2).with_book();
    let mut codes = Vec::new();
    for _ in 0..5 {
        codes.push(wire.signed("POST", "/fapi/v1/order", ORDER).await.outcome());
    }
    assert!(
        codes.contains(&(200, 0)) && codes.contains(&(429, -1015)),
        "{codes:?}"
    );
    let cancel = wire
        .signed("DELETE", "/fapi/v1/allOpenOrders", "symbol=ETHUSDC")
        .await;
    assert_eq!(cancel.outcome(), (200, 200));
}

#[tokio::test]
async fn unknown_paths_methods_and_symbols() {
    let wire = Wire::start();
    assert_eq!(wire.open("/fapi/v1/nothing").await.outcome(), (404, -5000));
    assert_eq!(
        wire.raw("POST", "/fapi/v1/ping", &[], "").await.outcome(),
        (404, -5000)
    );
    assert_eq!(
        wire.open("/fapi/v1/depth?symbol=NOSUCH").await.outcome(),
        (400, -1121)
    );
    assert_eq!(wire.open("/fapi/v1/depth").await.outcome(), (400, -1102));
    assert_eq!(
        wire.open("/fapi/v1/depth?symbol=ETHUSDC&limit=7")
            .await
            .outcome(),
        (400, -1130)
    );
}

#[tokio::test]
async fn posts_with_json_content_type_and_no_body_and_extra_parameters_are_accepted() {
    let wire = Wire::start();
    let headers = [("X-MBX-APIKEY", KEY), ("Content-Type", "application/json")];
    let reply = wire.raw("POST", "/fapi/v1/listenKey", &headers, "").await;
    let key = text(&reply.ok(), "listenKey");
    assert_eq!(key.len(), 64);
    // ccxt repeats the key in the body of the keepalive.
    let reply = wire
        .raw(
            "PUT",
            "/fapi/v1/listenKey",
            &headers[..1],
            &format!("listenKey={key}"),
        )
        .await;
    assert_eq!(text(&reply.ok(), "listenKey"), key);
}

#[tokio::test]
async fn exchange_info_describes_what_is_traded() {
    let wire = Wire::start();
    let info = wire.open("/fapi/v1/exchangeInfo").await.ok();
    let symbols = info["symbols"].as_array().unwrap();
    assert_eq!(symbols.len(), 3);
    let eth = &symbols[0];
    assert_eq!(
        (text(eth, "symbol"), text(eth, "status")),
        ("ETHUSDC".into(), "TRADING".into())
    );
    assert_eq!(text(eth, "contractType"), "PERPETUAL");
    let filter = |kind: &str| {
        let filters = eth["filters"].as_array().unwrap();
        filters
            .iter()
            .find(|filter| filter["filterType"] == kind)
            .unwrap()
            .clone()
    };
    assert_eq!(text(&filter("PRICE_FILTER"), "tickSize"), "0.01");
    assert_eq!(text(&filter("LOT_SIZE"), "stepSize"), "0.001");
    assert_eq!(text(&filter("MIN_NOTIONAL"), "notional"), "20");
    assert_eq!(filter("MAX_NUM_ORDERS")["limit"], 200);
    let limits: Vec<&Value> = info["rateLimits"].as_array().unwrap().iter().collect();
    assert!(
        limits
            .iter()
            .any(|l| l["rateLimitType"] == "REQUEST_WEIGHT" && l["limit"] == 2400)
    );
    assert!(
        limits
            .iter()
            .any(|l| l["interval"] == "SECOND" && l["intervalNum"] == 10 && l["limit"] == 300)
    );
}

#[tokio::test]
async fn public_data_have_their_documented_shapes() {
    let wire = Wire::start().with_book();
    wire.take(Side::Buy, e8(1));
    let depth = wire
        .open("/fapi/v1/depth?symbol=ETHUSDC&limit=5")
        .await
        .ok();
    assert_eq!(
        depth["bids"],
        json!([["2499.90", "5.000"], ["2499.00", "5.000"]])
    );
    assert_eq!(
        depth["asks"],
        json!([["2500.10", "4.000"], ["2501.00", "5.000"]])
    );
    assert!(depth["lastUpdateId"].is_u64() && depth["E"].is_i64() && depth["T"].is_i64());
    let ticker = wire
        .open("/fapi/v1/ticker/bookTicker?symbol=ETHUSDC")
        .await
        .ok();
    assert_eq!(
        (text(&ticker, "bidPrice"), text(&ticker, "askQty")),
        ("2499.90".into(), "4.000".into())
    );
    assert_eq!(
        wire.open("/fapi/v1/ticker/bookTicker")
            .await
            .ok()
            .as_array()
            .unwrap()
            .len(),
        3
    );
    let trades = wire.open("/fapi/v1/trades?symbol=ETHUSDC").await.ok();
    assert_eq!(trades[0]["price"], "2500.10");
    assert_eq!(trades[0]["isBuyerMaker"], false);
    let price = wire.open("/fapi/v2/ticker/price?symbol=ETHUSDC").await.ok();
    assert_eq!(text(&price, "price"), "2500.10");
    let day = wire.open("/fapi/v1/ticker/24hr?symbol=ETHUSDC").await.ok();
    assert_eq!(
        (text(&day, "lastPrice"), text(&day, "volume")),
        ("2500.10".into(), "1.000".into())
    );
    let klines = wire
        .open("/fapi/v1/klines?symbol=ETHUSDC&interval=1m")
        .await
        .ok();
    assert_eq!(klines[0].as_array().unwrap().len(), 12);
    let premium = wire.open("/fapi/v1/premiumIndex?symbol=ETHUSDC").await.ok();
    assert!(premium["markPrice"].is_string() && premium["nextFundingTime"].is_i64());
    assert_eq!(wire.open("/fapi/v1/fundingInfo").await.ok(), json!([]));
    assert_eq!(wire.open("/fapi/v1/ping").await.ok(), json!({}));
    assert!(wire.open("/fapi/v1/time").await.ok()["serverTime"].is_i64());
}

#[tokio::test]
async fn account_views_show_balance_position_and_settings() {
    let wire = Wire::start().with_book();
    let get = async |path: &str, params: &str| wire.signed("GET", path, params).await.ok();
    wire.signed(
        "POST",
        "/fapi/v1/order",
        "symbol=ETHUSDC&side=BUY&type=MARKET&quantity=2",
    )
    .await
    .ok();
    let balance = get("/fapi/v3/balance", "").await;
    assert_eq!(text(&balance[0], "asset"), "USDC");
    let position = get("/fapi/v3/positionRisk", "").await;
    assert_eq!(position.as_array().unwrap().len(), 1);
    assert_eq!(text(&position[0], "positionAmt"), "2.000");
    assert_eq!(text(&position[0], "entryPrice"), "2500.1");
    assert_eq!(
        get("/fapi/v2/positionRisk", "")
            .await
            .as_array()
            .unwrap()
            .len(),
        3
    );
    let account = get("/fapi/v3/account", "").await;
    assert_eq!(
        text(&account, "totalWalletBalance"),
        "0.00000000",
        "totals count USDT only"
    );
    assert_eq!(text(&account["assets"][0], "asset"), "USDC");
    assert_eq!(text(&account["positions"][0], "symbol"), "ETHUSDC");
    assert_eq!(get("/fapi/v2/account", "").await["canTrade"], true);
    let fee = get("/fapi/v1/income", "incomeType=COMMISSION").await;
    // 2 × 2500.10 × 0.04 %.
    assert_eq!(text(&fee[0], "income"), "-2.00008");
    let trades = get("/fapi/v1/userTrades", "symbol=ETHUSDC").await;
    assert_eq!(
        (text(&trades[0], "qty"), trades[0]["maker"].clone()),
        ("2.000".into(), json!(false))
    );
    assert_eq!(
        get("/fapi/v1/positionSide/dual", "").await,
        json!({"dualSidePosition": false})
    );
    assert_eq!(
        get("/fapi/v1/multiAssetsMargin", "").await,
        json!({"multiAssetsMargin": false})
    );
    assert_eq!(
        get("/fapi/v1/accountConfig", "").await["dualSidePosition"],
        false
    );
    assert_eq!(
        get("/fapi/v1/symbolConfig", "symbol=ETHUSDC").await[0]["leverage"],
        20
    );
    assert_eq!(
        get("/fapi/v1/commissionRate", "symbol=ETHUSDC").await["makerCommissionRate"],
        "0.000000"
    );
    assert_eq!(get("/fapi/v1/rateLimit/order", "").await[0]["limit"], 300);
    assert_eq!(
        get("/fapi/v1/leverageBracket", "").await[0]["brackets"][0]["initialLeverage"],
        125
    );
    let status = get("/fapi/v1/apiTradingStatus", "symbol=ETHUSDC").await;
    assert_eq!(status["indicators"]["ETHUSDC"].as_array().unwrap().len(), 4);
    assert_eq!(get("/fapi/v1/openAlgoOrders", "").await, json!([]));
}

#[tokio::test]
async fn settings_change_once_and_then_need_no_change() {
    let wire = Wire::start();
    let post = async |path: &str, params: &str| wire.signed("POST", path, params).await;
    let leverage = post("/fapi/v1/leverage", "symbol=ETHUSDC&leverage=25")
        .await
        .ok();
    assert_eq!(
        (leverage["leverage"].clone(), text(&leverage, "symbol")),
        (json!(25), "ETHUSDC".into())
    );
    assert_eq!(
        post("/fapi/v1/leverage", "symbol=ETHUSDC&leverage=126")
            .await
            .outcome(),
        (400, -4028)
    );
    assert_eq!(
        post("/fapi/v1/positionSide/dual", "dualSidePosition=false")
            .await
            .outcome(),
        (400, -4059)
    );
    assert_eq!(
        post("/fapi/v1/positionSide/dual", "dualSidePosition=true")
            .await
            .outcome(),
        (200, 200)
    );
    assert_eq!(
        post("/fapi/v1/multiAssetsMargin", "multiAssetsMargin=false")
            .await
            .outcome(),
        (400, -4171)
    );
    assert_eq!(
        post("/fapi/v1/marginType", "symbol=ETHUSDC&marginType=CROSSED")
            .await
            .outcome(),
        (400, -4046)
    );
}
