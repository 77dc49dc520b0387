use super::*;
use crate::binance::client_id::ClientIds;
use crate::binance::contracts::Contracts;
use crate::binance::decode::AccountScope;
use crate::binance::sign::Signer;
use crate::config::params::ShellParams;
use crate::live::clock::Clock;
use crate::live::rest::Rest;
use crate::live::tuning::Tuning;
use crate::net::Endpoint as Host;
use phoenix_core::instrument::{SymbolId, ethusdc};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// An exchange that keeps a list of open orders and writes down what it was asked.
#[derive(Clone, Default)]
struct Exchange {
    open: Arc<Mutex<Vec<Value>>>,
    asked: Arc<Mutex<Vec<String>>>,
    /// Requests that are answered with HTTP 502 first.
    failing: Arc<Mutex<u32>>,
}

impl Exchange {
    async fn serve(self, listener: TcpListener) {
        loop {
            let (mut peer, _) = listener.accept().await.expect("accept");
            let mut buffer = vec![0_u8; 4096];
            let read = peer.read(&mut buffer).await.expect("request");
            let text = String::from_utf8_lossy(buffer.get(..read).expect("read")).into_owned();
            let line = text.lines().next().unwrap_or_default().to_owned();
            let (status, body) = self.answer(&line);
            let length = body.len();
            let text = format!(
                "HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
            );
            peer.write_all(text.as_bytes()).await.expect("answer");
        }
    }

    fn answer(&self, line: &str) -> (&'static str, String) {
        let mut words = line.split([' ', '?']);
        let (method, path) = (words.next().expect("method"), words.next().expect("path"));
        let asked = format!("{method} {path}");
        self.asked.lock().expect("lock").push(asked.clone());
        let mut failing = self.failing.lock().expect("lock");
        if *failing > 0 {
            *failing -= 1;
            return ("502 Bad Gateway", String::new());
        }
        let mut open = self.open.lock().expect("lock");
        match asked.as_str() {
            "GET /fapi/v1/openOrders" => ("200 OK", Value::Array(open.clone()).to_string()),
            "DELETE /fapi/v1/allOpenOrders" => {
                open.clear();
                ("200 OK", r#"{"code":200,"msg":"done"}"#.to_owned())
            }
            "DELETE /fapi/v1/order" => {
                open.retain(|o| !line.contains(o["clientOrderId"].as_str().expect("an id")));
                ("200 OK", "{}".to_owned())
            }
            other => panic!("not expected: {other}"),
        }
    }

    fn add(&self, client_id: &str) {
        let order = json!({"orderId": 9, "symbol": "ETHUSDC", "status": "NEW", "clientOrderId": client_id,
            "price": "2500.00", "origQty": "0.020", "executedQty": "0", "side": "BUY", "time": 1, "updateTime": 1});
        self.open.lock().expect("lock").push(order);
    }

    fn changes(&self) -> Vec<String> {
        let asked = self.asked.lock().expect("lock");
        let changes = asked.iter().filter(|a| !a.starts_with("GET"));
        changes.cloned().collect()
    }
}

async fn desk(exchange: &Exchange) -> Desk {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind");
    let port = listener.local_addr().expect("bound").port();
    tokio::spawn(exchange.clone().serve(listener));
    let host = Host::parse(&format!("http://127.0.0.1:{port}")).expect("url");
    let signer = Signer::hmac("key".to_owned().into(), &"secret".to_owned().into()).expect("key");
    let tuning = Tuning::fixed(ShellParams::default());
    let rest = Rest::new(host, Arc::new(signer), Clock::default(), tuning).expect("a client");
    let mut contracts = Contracts::default();
    contracts.add(SymbolId(0), ethusdc()).expect("a contract");
    Desk {
        rest,
        contracts: Arc::new(contracts),
        account: AccountScope {
            margin_asset: "USDC".to_owned(),
            ids: ClientIds::new("t1").expect("a name"),
        },
    }
}

fn our_id(desk: &Desk, seq: u32) -> String {
    desk.account
        .ids
        .encode(OrderId { session: 1, seq })
        .to_string()
}

fn confirmed(open: usize) -> Vec<(String, Open)> {
    vec![("ETHUSDC".to_owned(), Open::Confirmed(open))]
}

#[tokio::test]
async fn what_is_still_open_is_cancelled_however_the_run_ended() {
    let exchange = Exchange::default();
    let desk = desk(&exchange).await;
    (1..4).for_each(|seq| exchange.add(&our_id(&desk, seq)));
    assert_eq!(last_look(&desk, Means::Cancel).await, confirmed(0));
    assert_eq!(exchange.changes(), ["DELETE /fapi/v1/allOpenOrders"]);
}

#[tokio::test]
async fn orders_of_others_stay_and_do_not_protect_ours() {
    let exchange = Exchange::default();
    let desk = desk(&exchange).await;
    exchange.add(&our_id(&desk, 1));
    exchange.add("by-hand");
    exchange.add(&our_id(&desk, 2));
    assert_eq!(last_look(&desk, Means::Cancel).await, confirmed(0));
    assert_eq!(exchange.changes(), ["DELETE /fapi/v1/order"; 2]);
    let left = exchange.open.lock().expect("lock").clone();
    assert_eq!(left.len(), 1);
    assert_eq!(left[0]["clientOrderId"], "by-hand");
}

#[tokio::test]
async fn a_failed_look_or_cancel_is_tried_again() {
    let exchange = Exchange::default();
    let desk = desk(&exchange).await;
    exchange.add(&our_id(&desk, 1));
    *exchange.failing.lock().expect("lock") = 2;
    assert_eq!(last_look(&desk, Means::Cancel).await, confirmed(0));
}

#[tokio::test]
async fn a_dry_run_looks_and_changes_nothing() {
    let exchange = Exchange::default();
    let desk = desk(&exchange).await;
    exchange.add(&our_id(&desk, 1));
    assert_eq!(last_look(&desk, Means::Look).await, confirmed(1));
    assert!(exchange.changes().is_empty());
}

#[tokio::test]
async fn an_exchange_that_cannot_be_asked_leaves_it_unknown() {
    let exchange = Exchange::default();
    let desk = desk(&exchange).await;
    *exchange.failing.lock().expect("lock") = u32::MAX;
    let open = last_look(&desk, Means::Cancel).await;
    assert_eq!(open, vec![("ETHUSDC".to_owned(), Open::Unknown)]);
}
