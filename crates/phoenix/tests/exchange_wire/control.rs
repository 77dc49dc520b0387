//! The control port: what it lists, refuses, injects, ends, and tells of the ledger.

use phoenix::serve::faults::kinds::KINDS;
use phoenix_exchange::Side;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::harness::*;

const ORDER: &str = "symbol=ETHUSDC&side=BUY&type=LIMIT&timeInForce=GTX&quantity=0.1&price=2499.00";

impl Wire {
    /// Opens the control port.
    pub fn with_control(mut self) -> Self {
        let any = "127.0.0.1:0".parse().unwrap();
        self.server.open_control(any).unwrap();
        self
    }

    /// One call on the control port: status and body.
    pub async fn control(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let url = self.server.control_url().unwrap();
        let body = match body {
            Value::Null => String::new(),
            body => body.to_string(),
        };
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        let address = url.strip_prefix("http://").unwrap();
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all((head + &body).as_bytes()).await.unwrap();
        let mut answer = String::new();
        tokio::time::timeout(DEADLINE, stream.read_to_string(&mut answer))
            .await
            .unwrap()
            .unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, serde_json::from_str(body).unwrap())
    }

    /// Injects a fault and returns its id.
    pub async fn inject(&self, fault: Value) -> u64 {
        let (status, body) = self.control("POST", "/v1/faults", &fault).await;
        assert_eq!(status, 200, "{fault} → {body}");
        assert!(body["at_us"].as_u64().unwrap() <= self.server.now_us());
        body["id"].as_u64().unwrap()
    }

    /// Ends a fault.
    pub async fn lift(&self, id: u64) {
        let path = format!("/v1/faults/{id}");
        let (status, body) = self.control("DELETE", &path, &Value::Null).await;
        assert_eq!(status, 200, "{body}");
    }

    pub async fn look(&self, path: &str) -> Value {
        let (status, body) = self.control("GET", path, &Value::Null).await;
        assert_eq!(status, 200, "{body}");
        body
    }
}

/// The least that a kind must be told.
fn least(kind: &str) -> Value {
    match kind {
        "clock" => json!({"kind": kind, "ms": 1500}),
        "lie-position" => json!({"kind": kind, "symbol": "ETHUSDC", "by": "-0.5"}),
        "symbol-settling" => json!({"kind": kind, "symbol": "ETHUSDC"}),
        _ => json!({ "kind": kind }),
    }
}

#[tokio::test]
async fn every_kind_is_listed_can_be_injected_and_ends() {
    let wire = Wire::start().with_book().with_control();
    let listed = wire.look("/v1/faults").await;
    let names: Vec<&str> = listed["known"]
        .as_array()
        .unwrap()
        .iter()
        .map(|kind| kind["kind"].as_str().unwrap())
        .collect();
    assert_eq!(names, KINDS.map_names());
    assert_eq!(listed["active"], json!([]));
    for name in names {
        let id = wire.inject(least(name)).await;
        let active = wire.look("/v1/faults").await["active"].clone();
        let is_instant = matches!(name, "close" | "cut" | "listen-key-expire");
        assert_eq!(active.as_array().unwrap().is_empty(), is_instant, "{name}");
        if !is_instant {
            assert_eq!(active[0]["kind"], name);
            assert_eq!(active[0]["asked"], least(name));
            wire.lift(id).await;
        }
        assert_eq!(wire.look("/v1/faults").await["active"], json!([]), "{name}");
    }
    assert_eq!(wire.open("/fapi/v1/ping").await.status, 200);
    wire.signed("POST", "/fapi/v1/order", ORDER).await.ok();
}

trait Names {
    fn map_names(&self) -> Vec<&'static str>;
}

impl Names for [phoenix::serve::faults::kinds::Kind] {
    fn map_names(&self) -> Vec<&'static str> {
        self.iter().map(|kind| kind.name).collect()
    }
}

#[tokio::test]
async fn nonsense_is_refused_with_what_is_known() {
    let wire = Wire::start().with_book().with_control();
    let (status, body) = wire
        .control("POST", "/v1/faults", &json!({"kind": "mutee"}))
        .await;
    assert_eq!(status, 400);
    assert!(body["known"].as_array().unwrap().contains(&json!("mute")));
    for (path, body) in [
        ("/v1/faults", json!({"kind": "mute", "stream": "depth"})),
        ("/v1/faults", json!({"kind": "mute", "streams": "deep"})),
        ("/v1/faults", json!({"kind": "mute", "symbol": "EURUSD"})),
        ("/v1/faults", json!({"kind": "mute", "seconds": -1})),
        ("/v1/faults", json!({"kind": "clock"})),
        ("/v1/faults", json!({"kind": "lie-position", "by": "0.1"})),
        ("/v1/faults", json!({"kind": "answer", "status": 99})),
        (
            "/v1/market",
            json!({"kind": "quake", "symbol": "ETHUSDC", "bps": 1}),
        ),
        (
            "/v1/market",
            json!({"kind": "sweep", "symbol": "ETHUSDC", "bps": -1}),
        ),
        (
            "/v1/market",
            json!({"kind": "shock", "symbol": "ETHUSDC", "bps": -100}),
        ),
        ("/v1/market", json!({"kind": "shock", "bps": -100})),
    ] {
        let (status, answer) = wire.control("POST", path, &body).await;
        assert_eq!(status, 400, "{body} → {answer}");
        assert!(!answer["error"].as_str().unwrap().is_empty());
    }
    let gone = |path| wire.control("DELETE", path, &Value::Null);
    assert_eq!(gone("/v1/faults/99").await.0, 404);
    assert_eq!(gone("/v1/nowhere").await.0, 404);
    assert_eq!(gone("/v1/faults").await.0, 200);
}

#[tokio::test]
async fn it_listens_on_loopback_only_and_not_unless_asked() {
    let mut wire = Wire::start();
    assert_eq!(wire.server.control_url(), None);
    let error = wire.server.open_control("0.0.0.0:0".parse().unwrap());
    assert!(error.unwrap_err().to_string().contains("loopback"));
    assert_eq!(
        wire.open("/v1/faults").await.status,
        404,
        "not on the venue's own port"
    );
}

#[tokio::test]
async fn the_ledger_tells_of_orders_fills_requests_and_deadlines() {
    let wire = Wire::start().with_book().with_control();
    wire.signed("POST", "/fapi/v1/order", ORDER).await.ok();
    let best = ORDER.replace("2499.00", "2500.00");
    wire.signed("POST", "/fapi/v1/order", &best).await.ok();
    wire.signed(
        "POST",
        "/fapi/v1/countdownCancelAll",
        "symbol=ETHUSDC&countdownTime=60000",
    )
    .await
    .ok();
    tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    wire.take(Side::Sell, e8(1) / 10);
    let refused = wire.signed("POST", "/fapi/v1/order", "symbol=NOPE").await;
    assert_eq!(refused.status, 400);

    let ledger = wire.look("/v1/ledger").await;
    let account = &ledger["accounts"][0];
    assert_eq!(account["api_key_hint"], "test…");
    let symbol = &account["symbols"][0];
    assert_eq!(symbol["symbol"], "ETHUSDC");
    assert_eq!(
        (&symbol["open_orders"], &symbol["open_buys"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(
        (&symbol["position"], &symbol["fills_buy"]),
        (&json!("0.1"), &json!(1))
    );
    let now_us = ledger["now_us"].as_u64().unwrap();
    let deadline_us = symbol["dead_man_deadline_us"].as_u64().unwrap();
    assert!(deadline_us > now_us + 50_000_000 && deadline_us < now_us + 61_000_000);
    assert_eq!(account["symbols"][1]["dead_man_deadline_us"], Value::Null);

    let orders = wire.look("/v1/ledger/orders").await["orders"].clone();
    let [done, open] = orders.as_array().unwrap().as_slice() else {
        panic!("two orders: {orders}");
    };
    assert_eq!(
        (&done["status"], &open["status"]),
        (&json!("FILLED"), &json!("NEW"))
    );
    assert_eq!(open["done_us"], Value::Null);
    let later = done["done_us"].as_u64().unwrap() + 1;
    let since = wire
        .look(&format!("/v1/ledger/orders?since_us={later}"))
        .await;
    assert_eq!(since["orders"].as_array().unwrap().len(), 1);

    let fills = wire.look("/v1/ledger/fills").await["fills"].clone();
    assert_eq!(fills.as_array().unwrap().len(), 1);
    assert_eq!(
        (&fills[0]["price"], &fills[0]["maker"]),
        (&json!("2500"), &json!(true))
    );
    assert_eq!(fills[0]["mid"], "2500.05", "the middle before the fill");

    let requests = wire.look("/v1/ledger/requests").await["requests"].clone();
    let last = requests.as_array().unwrap().last().unwrap();
    assert_eq!(
        (&last["status"], &last["code"]),
        (&json!(400), &json!(-1121))
    );
    assert_eq!(
        (&last["symbol"], &last["account"]),
        (&json!("NOPE"), &json!(0))
    );
    assert_eq!(
        account["requests"]["total"],
        requests.as_array().unwrap().len()
    );
}

/// The table of docs/faults.md has every kind with the words of the code.
#[test]
fn the_documentation_lists_every_kind() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/faults.md");
    let text = std::fs::read_to_string(file).unwrap();
    let cell = |text: &str| match text {
        "" => "–".to_owned(),
        text => text.replace('|', "\\|"),
    };
    for kind in KINDS {
        let row = format!(
            "| `{}` | {} | {} | {} |",
            kind.name,
            cell(kind.parameters),
            kind.what,
            kind.plays
        );
        assert!(text.contains(&row), "missing in docs/faults.md: {row}");
    }
    let rows = text
        .lines()
        .filter(|line| line.starts_with("| `") && line.contains('F'));
    assert!(rows.count() >= 30);
}
