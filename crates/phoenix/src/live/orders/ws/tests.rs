use super::super::{Answered, OrderChannel};
use super::*;
use crate::binance::client_id::ClientIds;
use crate::binance::contracts::Contracts;
use crate::binance::decode::AccountScope;
use crate::binance::sign::Signer;
use crate::config::params::ShellParams;
use crate::live::clock::Clock;
use crate::live::tuning::Tuning;
use crate::net::Endpoint as Host;
use futures_util::{SinkExt, StreamExt};
use phoenix_core::instrument::{SymbolId, ethusdc};
use phoenix_core::order::{Execute, NewOrder, OrderId};
use phoenix_core::units::{Lots, Side, Ticks};
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::{WebSocketStream, accept_async, tungstenite::Message};

const ETH: SymbolId = SymbolId(0);
/// How long an answer is waited for here.
const LIMIT: Duration = Duration::from_millis(100);
/// Bound on every wait of a test.
const PATIENCE: Duration = Duration::from_secs(10);

fn id(seq: u32) -> OrderId {
    OrderId { session: 1, seq }
}

fn order(seq: u32) -> NewOrder {
    NewOrder {
        symbol: ETH,
        id: id(seq),
        side: Side::Buy,
        price: Ticks(250_000),
        size: Lots(20),
        execute: Execute::PostOnly,
    }
}

/// An Ed25519 key in PKCS#8, as OpenSSL writes it (RFC 8410).
fn signer() -> Signer {
    let mut der = vec![
        0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04,
        0x20,
    ];
    der.extend_from_slice(&[7; 32]);
    Signer::from_der("key".to_owned().into(), &der).expect("a key")
}

struct Bench {
    channel: OrderChannel,
    contracts: Contracts,
    account: AccountScope,
    /// Where WebSockets arrive.
    ws: TcpListener,
    /// Where REST requests arrive.
    rest: TcpListener,
}

impl Bench {
    async fn new() -> Self {
        let ws = TcpListener::bind("127.0.0.1:0").await.expect("bind");
        let rest = TcpListener::bind("127.0.0.1:0").await.expect("bind");
        let url = |scheme: &str, listener: &TcpListener| {
            let port = listener.local_addr().expect("bound").port();
            Host::parse(&format!("{scheme}://127.0.0.1:{port}")).expect("url")
        };
        let access = Rest::new(
            url("http", &rest),
            Arc::new(signer()),
            Clock::default(),
            Tuning::fixed(ShellParams {
                request_limit: LIMIT,
                ..ShellParams::default()
            }),
        );
        let target = Target {
            endpoint: url("ws", &ws),
            path_and_query: String::new(),
        };
        let mut contracts = Contracts::default();
        contracts.add(ETH, ethusdc()).expect("a contract");
        Self {
            channel: OrderChannel::new(access.expect("a client"), Some(target)),
            contracts,
            account: AccountScope {
                margin_asset: "USDC".to_owned(),
                ids: ClientIds::new("t1").expect("a name"),
            },
            ws,
            rest,
        }
    }

    /// Polls until there is an answer, or an event that is not about used limits.
    async fn next(&mut self) -> Result<Answered, OrderEvent> {
        let found = std::future::poll_fn(|cx| {
            loop {
                if let Some(answered) = self.channel.next_answer() {
                    return Poll::Ready(Ok(answered));
                }
                let desk = Desk {
                    contracts: &self.contracts,
                    account: &self.account,
                };
                match self.channel.poll(cx, desk) {
                    Poll::Pending => return Poll::Pending,
                    Poll::Ready(Some(OrderEvent::Used(_)) | None) => {}
                    Poll::Ready(Some(event)) => return Poll::Ready(Err(event)),
                }
            }
        });
        tokio::time::timeout(PATIENCE, found)
            .await
            .expect("something happens")
    }

    fn place(&mut self, seq: u32) {
        let desk = Desk {
            contracts: &self.contracts,
            account: &self.account,
        };
        self.channel.place(desk, &[order(seq)]);
    }

    /// Connects and logs on.
    async fn logged_on(&mut self) -> Peer {
        let (tcp, _) = tokio::select! {
            connected = self.ws.accept() => connected.expect("accept"),
            _ = never(&mut self.channel, &self.contracts, &self.account) => unreachable!(),
        };
        let accepted = async {
            let mut peer = Peer(accept_async(tcp).await.expect("handshake"));
            let asked = peer.asked().await;
            assert_eq!(asked["method"], "session.logon");
            peer.say(json!({"id": asked["id"], "status": 200, "result": {}}))
                .await;
            peer
        };
        let peer = tokio::select! {
            peer = accepted => peer,
            _ = never(&mut self.channel, &self.contracts, &self.account) => unreachable!(),
        };
        assert!(matches!(self.next().await, Err(OrderEvent::Up)));
        peer
    }
}

/// Drives the channel for as long as it has nothing to tell.
async fn never(channel: &mut OrderChannel, contracts: &Contracts, account: &AccountScope) {
    std::future::poll_fn(|cx| {
        let told = channel.poll(cx, Desk { contracts, account });
        assert!(told.is_pending(), "nothing is told before the log-on");
        Poll::<()>::Pending
    })
    .await;
}

struct Peer(WebSocketStream<TcpStream>);

impl Peer {
    async fn asked(&mut self) -> Value {
        loop {
            let message = self.0.next().await.expect("a frame").expect("a frame");
            if let Message::Text(text) = message {
                return serde_json::from_str(&text).expect("JSON");
            }
        }
    }

    async fn say(&mut self, value: Value) {
        let text = value.to_string();
        self.0.send(Message::text(text)).await.expect("sent");
    }
}

fn accepted_as(client_id: &str) -> Value {
    json!({"orderId": 9, "symbol": "ETHUSDC", "status": "NEW", "clientOrderId": client_id,
        "price": "2500.00", "origQty": "0.020", "executedQty": "0", "side": "BUY",
        "reduceOnly": false, "updateTime": 1_700_000_000_000_i64})
}

#[tokio::test]
async fn an_answer_goes_to_the_order_that_it_names() {
    let mut bench = Bench::new().await;
    let mut peer = bench.logged_on().await;
    bench.place(1);
    bench.place(2);
    let (first, second) = (peer.asked().await, peer.asked().await);
    let name = |asked: &Value| {
        asked["params"]["newClientOrderId"]
            .as_str()
            .expect("an id")
            .to_owned()
    };
    // The second request is answered first.
    let ok = accepted_as(&name(&second));
    peer.say(json!({"id": second["id"], "status": 200, "result": ok}))
        .await;
    let answered = bench.next().await.expect("an answer");
    assert_eq!(answered.purpose.id, id(2));
    assert!(matches!(answered.outcome, Outcome::Accepted(r) if r.exchange_id == 9));
    // An answer to the first that tells of the second proves nothing of the first.
    let wrong = accepted_as(&name(&second));
    peer.say(json!({"id": first["id"], "status": 200, "result": wrong}))
        .await;
    let answered = bench.next().await.expect("an answer");
    assert_eq!(
        (answered.purpose.id, answered.outcome),
        (id(1), Outcome::Unknown)
    );
}

#[tokio::test]
async fn a_connection_that_answers_nothing_is_given_up_and_made_anew() {
    let mut bench = Bench::new().await;
    let _half_open = bench.logged_on().await;
    bench.place(1);
    assert!(matches!(bench.next().await, Err(OrderEvent::Fallback(_))));
    let answered = bench.next().await.expect("an answer");
    assert_eq!(
        (answered.purpose.id, answered.outcome),
        (id(1), Outcome::Unknown)
    );
    let (tcp, ()) = tokio::join!(bench.ws.accept(), async {
        let told = tokio::time::timeout(
            Duration::from_secs(1),
            never(&mut bench.channel, &bench.contracts, &bench.account),
        );
        assert!(told.await.is_err());
    });
    tcp.expect("a new connection");
}

#[tokio::test]
async fn one_lost_answer_costs_only_its_own_order() {
    let mut bench = Bench::new().await;
    let mut peer = bench.logged_on().await;
    bench.place(1);
    bench.place(2);
    let (_lost, second) = (peer.asked().await, peer.asked().await);
    let refused = json!({"code": -5022, "msg": "would take"});
    peer.say(json!({"id": second["id"], "status": 400, "error": refused}))
        .await;
    let answered = bench.next().await.expect("an answer");
    assert!(matches!(answered.outcome, Outcome::Refused(r) if r.why == Why::WouldTake));
    let answered = bench.next().await.expect("an answer");
    assert_eq!(
        (answered.purpose.id, answered.outcome),
        (id(1), Outcome::Unknown)
    );
    bench.place(3);
    assert_eq!(
        peer.asked().await["method"],
        "order.place",
        "the connection stays"
    );
}

#[tokio::test]
async fn a_log_on_without_an_answer_does_not_hold_up_orders() {
    let mut bench = Bench::new().await;
    let (event, _silent) = {
        let accept = bench.ws.accept();
        let (tcp, _) = tokio::select! {
            connected = accept => connected.expect("accept"),
            _ = never(&mut bench.channel, &bench.contracts, &bench.account) => unreachable!(),
        };
        tokio::join!(bench.next(), accept_async(tcp))
    };
    assert!(matches!(event, Err(OrderEvent::Fallback(_))), "{event:?}");
    assert!(matches!(bench.next().await, Err(OrderEvent::Up)));
    bench.place(1);
    let by_rest = async {
        let (mut peer, _) = bench.rest.accept().await.expect("accept");
        let mut buffer = [0_u8; 2048];
        let read = peer.read(&mut buffer).await.expect("request");
        assert!(
            buffer
                .get(..read)
                .expect("read")
                .starts_with(b"POST /fapi/v1/order")
        );
        let body = r#"{"code":-5022,"msg":"would take"}"#;
        let head = format!(
            "HTTP/1.1 400 Bad Request\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        peer.write_all(head.as_bytes()).await.expect("answer");
        peer.write_all(body.as_bytes()).await.expect("answer");
        peer
    };
    let _rest = tokio::select! {
        peer = by_rest => peer,
        _ = never(&mut bench.channel, &bench.contracts, &bench.account) => unreachable!(),
    };
    let answered = bench.next().await.expect("an answer");
    assert!(matches!(answered.outcome, Outcome::Refused(r) if r.why == Why::WouldTake));
}

/// Refuses this many log-ons, each on its own connection; returns how long that took.
async fn refuse_log_ons(ws: &TcpListener, times: u32) -> Duration {
    let begun = Instant::now();
    for _ in 0..times {
        let (tcp, _) = ws.accept().await.expect("accept");
        let mut peer = Peer(accept_async(tcp).await.expect("handshake"));
        let asked = peer.asked().await;
        let error = json!({"code": -1021, "msg": "Timestamp outside of the recvWindow."});
        peer.say(json!({"id": asked["id"], "status": 400, "error": error}))
            .await;
    }
    begun.elapsed()
}

#[tokio::test]
async fn a_log_on_that_is_always_refused_backs_off_and_tells_of_the_clock() {
    let mut bench = Bench::new().await;
    let ws = std::mem::replace(
        &mut bench.ws,
        TcpListener::bind("127.0.0.1:0").await.expect("bind"),
    );
    let (mut clock_refused, mut others) = (0, Vec::new());
    let took = {
        let server = refuse_log_ons(&ws, 4);
        tokio::pin!(server);
        loop {
            tokio::select! {
                took = &mut server => break took,
                event = bench.next() => match event {
                    Err(OrderEvent::ClockRefused) => clock_refused += 1,
                    other => others.push(other),
                },
            }
        }
    };
    // Half of 250 + 500 + 1000 ms at least: a log-on that came through to a refusal is no success.
    assert!(took >= Duration::from_millis(850), "{took:?}");
    assert!(clock_refused >= 3, "{clock_refused}");
    assert!(
        matches!(
            others.as_slice(),
            [Err(OrderEvent::Fallback(_)), Err(OrderEvent::Up)]
        ),
        "told once: {others:?}"
    );
}
