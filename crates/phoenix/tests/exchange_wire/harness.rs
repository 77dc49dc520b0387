//! Owns what the wire tests share: a server with known keys, a raw HTTP client, and a WebSocket client with deadlines.

use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::time::Duration;

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::{SinkExt as _, StreamExt as _};
use phoenix::serve::auth::KeyConfig;
use phoenix::serve::timing::Timing;
use phoenix::serve::{AccountConfig, ServeConfig, Server};
use phoenix_exchange::api::{ONE, SymbolId};
use phoenix_exchange::{E8, ExchangeConfig, Side, SymbolSpec};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

pub const KEY: &str = "test-key";
pub const SECRET: &str = "test-secret";
pub const OTHER_KEY: &str = "other-key";
pub const OTHER_SECRET: &str = "other-secret";
pub const ETH: SymbolId = SymbolId(0);
/// Nothing on loopback takes this long unless it never comes.
pub const DEADLINE: Duration = Duration::from_secs(10);
/// How long silence is listened to; long enough for several ticks and depth periods.
pub const SILENCE: Duration = Duration::from_millis(350);

pub struct Keys {
    pub ed25519: Ed25519KeyPair,
    pub rsa: RsaKeyPair,
}

/// One set of keys for all tests: making an RSA key takes longer than most of them.
static KEYS: LazyLock<Keys> = LazyLock::new(|| Keys {
    ed25519: Ed25519KeyPair::generate().unwrap(),
    rsa: RsaKeyPair::generate(KeySize::Rsa2048).unwrap(),
});

pub struct Wire {
    pub server: Server,
    pub keys: &'static Keys,
}

fn pem(der: &[u8]) -> String {
    let body = STANDARD.encode(der);
    format!("-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----\n")
}

pub fn e8(whole: i64) -> E8 {
    whole * ONE
}

/// ETHUSDC, BTCUSDC and SOLUSDC without a market, two accounts with 100 000 each.
pub fn config(keys: &Keys) -> ServeConfig {
    let symbols = vec![
        (SymbolSpec::ethusdc(), e8(2_500)),
        (SymbolSpec::btcusdc(), e8(65_000)),
        (SymbolSpec::solusdc(), e8(150)),
    ];
    let account = |key: KeyConfig| AccountConfig {
        deposits: vec![("USDC".into(), e8(100_000))],
        keys: vec![key],
    };
    ServeConfig {
        exchange: ExchangeConfig::new(0, symbols),
        seed: 7,
        accounts: vec![
            account(KeyConfig {
                api_key: KEY.into(),
                secret: Some(SECRET.into()),
                ed25519_pem: Some(pem(keys.ed25519.public_key().as_der().unwrap().as_ref())),
                rsa_pem: Some(pem(keys.rsa.public_key().as_der().unwrap().as_ref())),
            }),
            account(KeyConfig {
                api_key: OTHER_KEY.into(),
                secret: Some(OTHER_SECRET.into()),
                ..KeyConfig::default()
            }),
        ],
        flows: Vec::new(),
        timing: Timing::default(),
    }
}

impl Wire {
    pub fn start() -> Self {
        Self::start_with(|_| {})
    }

    pub fn start_with(change: impl FnOnce(&mut ServeConfig)) -> Self {
        let keys = &*KEYS;
        let mut config = config(keys);
        change(&mut config);
        let server = Server::bind("127.0.0.1:0".parse().unwrap(), config).unwrap();
        Self { server, keys }
    }

    /// Background liquidity: 2499.90 bid and 2500.10 asked, 5 each, and a level further out.
    pub fn with_book(self) -> Self {
        let now = self.server.now_us();
        self.server.with_exchange(|exchange| {
            exchange.with_market(now, ETH, |market| {
                for (side, cents) in [
                    (Side::Buy, 249_990),
                    (Side::Buy, 249_900),
                    (Side::Sell, 250_010),
                    (Side::Sell, 250_100),
                ] {
                    market.add_background(side, cents * ONE / 100, e8(5));
                }
            });
        });
        self
    }

    /// Adds background liquidity.
    pub fn add_level(&self, side: Side, cents: i64, qty: E8) {
        let now = self.server.now_us();
        self.server.with_exchange(|exchange| {
            exchange.with_market(now, ETH, |market| {
                market.add_background(side, cents * ONE / 100, qty);
            });
        });
    }

    /// An anonymous aggressor.
    pub fn take(&self, side: Side, qty: E8) {
        let now = self.server.now_us();
        self.server.with_exchange(|exchange| {
            exchange.with_market(now, ETH, |market| market.take(side, qty, None));
        });
    }

    pub fn now_ms(&self) -> i64 {
        i64::try_from(self.server.now_us() / 1_000).unwrap()
    }

    /// A signed request with everything in the query.
    pub async fn signed(&self, method: &str, path: &str, params: &str) -> Reply {
        self.signed_as((KEY, SECRET), method, path, params).await
    }

    pub async fn signed_as(
        &self,
        (key, secret): (&str, &str),
        method: &str,
        path: &str,
        params: &str,
    ) -> Reply {
        let payload = self.timed(params);
        let signature = hmac_hex(secret, &payload);
        let target = format!("{path}?{payload}&signature={signature}");
        self.raw(method, &target, &[("X-MBX-APIKEY", key)], "")
            .await
    }

    /// The parameters with a time stamp.
    pub fn timed(&self, params: &str) -> String {
        let joint = if params.is_empty() { "" } else { "&" };
        format!("{params}{joint}timestamp={}", self.now_ms())
    }

    pub async fn open(&self, path: &str) -> Reply {
        self.raw("GET", path, &[], "").await
    }

    /// Exactly these bytes on a connection of their own.
    pub async fn raw(
        &self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Reply {
        self.try_raw(method, target, headers, body).await.unwrap()
    }

    /// As [`Self::raw`]; `None` when the connection ends without an answer.
    pub async fn try_raw(
        &self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Option<Reply> {
        let mut request =
            format!("{method} {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n");
        for (name, value) in headers {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        request.push_str(&format!("Content-Length: {}\r\n\r\n{body}", body.len()));
        let mut stream = TcpStream::connect(self.server.local_addr()).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        // A cut connection may end with a reset; what came before it counts.
        let _ = tokio::time::timeout(DEADLINE, stream.read_to_end(&mut answer))
            .await
            .unwrap();
        Reply::parse(&String::from_utf8(answer).unwrap())
    }

    pub async fn socket(&self, path: &str) -> Client {
        Client::connect(&format!("{}{path}", self.server.ws_url())).await
    }

    pub async fn listen_key(&self) -> String {
        let reply = self
            .raw("POST", "/fapi/v1/listenKey", &[("X-MBX-APIKEY", KEY)], "")
            .await;
        assert_eq!(reply.status, 200, "{reply:?}");
        reply.text("listenKey")
    }
}

#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: BTreeMap<String, String>,
    pub body: Value,
}

impl Reply {
    fn parse(text: &str) -> Option<Self> {
        let (head, body) = text.split_once("\r\n\r\n")?;
        let mut lines = head.lines();
        let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
        let headers = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        Some(Self {
            status,
            headers,
            body: serde_json::from_str(body).unwrap_or(Value::Null),
        })
    }

    pub fn text(&self, name: &str) -> String {
        text(&self.body, name)
    }

    pub fn code(&self) -> i64 {
        self.body["code"].as_i64().unwrap_or(0)
    }

    /// Status and error code.
    pub fn outcome(&self) -> (u16, i64) {
        (self.status, self.code())
    }

    pub fn ok(self) -> Value {
        assert_eq!(self.status, 200, "{self:?}");
        self.body
    }
}

pub fn text(value: &Value, name: &str) -> String {
    value[name]
        .as_str()
        .unwrap_or_else(|| panic!("no {name} in {value}"))
        .to_owned()
}

pub fn hmac_hex(secret: &str, payload: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let tag = hmac::sign(&key, payload.as_bytes());
    tag.as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

impl Keys {
    pub fn ed25519(&self, payload: &str) -> String {
        STANDARD.encode(self.ed25519.sign(payload.as_bytes()))
    }

    pub fn rsa(&self, payload: &str) -> String {
        let mut raw = vec![0; self.rsa.public_modulus_len()];
        let random = SystemRandom::new();
        self.rsa
            .sign(&RSA_PKCS1_SHA256, &random, payload.as_bytes(), &mut raw)
            .unwrap();
        STANDARD.encode(raw)
    }
}

/// Percent-encodes what a query may not carry.
pub fn encoded(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

pub struct Client {
    pub ws: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

impl Client {
    pub async fn connect(url: &str) -> Self {
        let (ws, _) = tokio_tungstenite::connect_async(url).await.unwrap();
        Self { ws }
    }

    pub async fn send(&mut self, text: &str) {
        self.ws.send(Message::text(text)).await.unwrap();
    }

    /// The next text message as JSON; pings are answered on the way.
    pub async fn next(&mut self) -> Value {
        let text = self.next_text().await;
        serde_json::from_str(&text).unwrap_or_else(|_| panic!("not JSON: {text}"))
    }

    pub async fn next_text(&mut self) -> String {
        loop {
            let message = tokio::time::timeout(DEADLINE, self.ws.next())
                .await
                .expect("a message in time")
                .expect("an open socket")
                .expect("a sound frame");
            if let Message::Text(text) = message {
                return text.to_string();
            }
        }
    }

    /// The next message that satisfies the condition.
    pub async fn until(&mut self, is_it: impl Fn(&Value) -> bool) -> Value {
        loop {
            let value = self.next().await;
            if is_it(&value) {
                return value;
            }
        }
    }

    /// The next event of this type, wrapped or bare.
    pub async fn event(&mut self, kind: &str) -> Value {
        self.until(|value| value["e"] == kind || value["data"]["e"] == kind)
            .await
    }

    pub async fn ask(&mut self, text: &str) -> Value {
        self.send(text).await;
        self.until(|value| value.get("id").is_some()).await
    }

    /// Hears nothing for a while and is still open.
    pub async fn assert_silent(&mut self) {
        let silence = tokio::time::timeout(SILENCE, async {
            loop {
                match self.ws.next().await {
                    Some(Ok(Message::Text(text))) => return Some(text),
                    Some(Ok(_)) => {}
                    _ => return None,
                }
            }
        });
        if let Ok(heard) = silence.await {
            panic!("expected an open, silent socket; got {heard:?}");
        }
    }

    /// The close code, once the server has closed; 0 when it cut the transport.
    pub async fn closed(&mut self) -> u16 {
        loop {
            let message = tokio::time::timeout(DEADLINE, self.ws.next())
                .await
                .expect("closed in time");
            match message {
                Some(Ok(Message::Close(frame))) => {
                    return frame.map_or(0, |frame| frame.code.into());
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return 0,
            }
        }
    }
}
