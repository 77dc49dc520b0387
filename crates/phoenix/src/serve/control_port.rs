//! Owns the second port of the exchange, on loopback only, where drills inject faults, move the market and read the ledger; knows no Binance client.

use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{self, HeaderValue};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde::Deserialize;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

use super::faults::ask::Ask;
use super::faults::kinds::KINDS;
use super::faults::{ActiveFault, Fault, FaultError, FaultId};
use super::json::{Object, array};
use super::shared::Shared;
use super::venue::Venue;

mod ledger;

/// Largest request body.
const BODY_MAX: usize = 1 << 17;

/// A running control port. Dropping it closes it.
pub struct ControlPort {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl ControlPort {
    /// Opens the port on a thread of its own, so that it answers whatever the exchange's own thread does.
    ///
    /// # Errors
    /// When the address is not on loopback or cannot be bound.
    pub fn open(address: SocketAddr, shared: Arc<Shared>) -> Result<Self> {
        ensure!(
            address.ip().is_loopback(),
            "the control port must listen on loopback, not on {address}: it has no password"
        );
        let listener = std::net::TcpListener::bind(address)
            .with_context(|| format!("cannot bind {address}"))?;
        listener
            .set_nonblocking(true)
            .context("non-blocking listener")?;
        let address = listener.local_addr().context("bound address")?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("runtime of the control port")?;
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::Builder::new()
            .name("control-port".to_owned())
            .spawn(move || {
                runtime.block_on(async {
                    tokio::select! {
                        biased;
                        // Either the word to stop or the owner is gone.
                        _ = stopped => {}
                        () = accept(shared, listener) => {}
                    }
                });
            })
            .context("thread of the control port")?;
        Ok(Self {
            address,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// Its address, `http://…`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for ControlPort {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            // The thread may have ended by itself; then nobody listens, which is what is wanted.
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the control port's thread panicked");
        }
    }
}

async fn accept(shared: Arc<Shared>, listener: std::net::TcpListener) {
    let listener = match TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => {
            tracing::error!(%error, "the control port cannot listen");
            return;
        }
    };
    loop {
        if let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(Arc::clone(&shared), stream));
        } else {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    }
}

async fn serve(shared: Arc<Shared>, stream: TcpStream) {
    let service = service_fn(|request| {
        let shared = Arc::clone(&shared);
        async move { Ok::<_, std::convert::Infallible>(respond(&shared, request).await) }
    });
    // An error here is the peer's: a torn connection or bytes that are no HTTP.
    let _ = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

/// What is answered: a body, or a complaint with its status.
type Outcome = Result<String, (StatusCode, String)>;

async fn respond(shared: &Shared, request: Request<Incoming>) -> Response<Full<Bytes>> {
    let (head, body) = request.into_parts();
    let outcome = match Limited::new(body, BODY_MAX).collect().await {
        Ok(body) => {
            let body = body.to_bytes();
            let query = head.uri.query().unwrap_or_default();
            match std::str::from_utf8(&body) {
                Ok(body) => answer(shared, (head.method.as_str(), head.uri.path()), query, body),
                Err(_) => complaint("the body is not text"),
            }
        }
        Err(_) => Err((StatusCode::PAYLOAD_TOO_LARGE, error_json("body too large"))),
    };
    let (status, text) = match outcome {
        Ok(text) => (StatusCode::OK, text),
        Err(refused) => refused,
    };
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    response
}

fn complaint<T>(text: &str) -> Result<T, (StatusCode, String)> {
    Err((StatusCode::BAD_REQUEST, error_json(text)))
}

fn error_json(text: &str) -> String {
    Object::new().raw("error", &quoted(text)).done()
}

fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap_or_else(|_| "\"\"".to_owned())
}

const PLACES: &str = "GET|POST|DELETE /v1/faults, DELETE /v1/faults/ID, POST /v1/market, POST /v1/account, \
     GET /v1/ledger, GET /v1/ledger/orders|fills|requests?since_us=N";

fn answer(shared: &Shared, (method, path): (&str, &str), query: &str, body: &str) -> Outcome {
    let now_us = shared.now_us();
    let mut venue = shared.lock();
    venue.advance(now_us);
    match (method, path) {
        ("GET", "/v1/faults") => Ok(faults_json(&venue)),
        ("POST", "/v1/faults" | "/v1/account") => inject(&mut venue, now_us, body),
        ("DELETE", "/v1/faults") => {
            let lifted = venue.lift_all(now_us);
            Ok(at(now_us).int("lifted", lifted).done())
        }
        ("DELETE", _) => lift(&mut venue, now_us, path),
        ("POST", "/v1/market") => shock(&mut venue, now_us, body),
        ("GET", "/v1/ledger") => Ok(ledger::summary(&venue, &shared.keys, now_us)),
        ("GET", "/v1/ledger/orders") => Ok(ledger::orders(&venue, now_us, since(query)?)),
        ("GET", "/v1/ledger/fills") => Ok(ledger::fills(&venue, now_us, since(query)?)),
        ("GET", "/v1/ledger/requests") => Ok(ledger::requests(&venue, now_us, since(query)?)),
        _ => Err((
            StatusCode::NOT_FOUND,
            error_json(&format!("{method} {path}: known are {PLACES}")),
        )),
    }
}

fn at(now_us: u64) -> Object {
    Object::new().int("at_us", now_us)
}

/// `since_us` of a query; from the beginning without it.
fn since(query: &str) -> Result<u64, (StatusCode, String)> {
    let mut pairs = query.split('&').filter(|pair| !pair.is_empty());
    let Some(value) = pairs.find_map(|pair| pair.strip_prefix("since_us=")) else {
        return Ok(0);
    };
    match value.parse() {
        Ok(since_us) => Ok(since_us),
        Err(_) => complaint("since_us: µs since the epoch"),
    }
}

fn faults_json(venue: &Venue) -> String {
    let known = KINDS.iter().map(|kind| {
        Object::new()
            .text("kind", kind.name)
            .raw("parameters", &quoted(kind.parameters))
            .raw("what", &quoted(kind.what))
            .raw("plays", &quoted(kind.plays))
            .done()
    });
    let active = venue.faults.active().iter().map(active_json);
    Object::with_capacity(8_192)
        .raw("known", &array(known))
        .raw("active", &array(active))
        .done()
}

fn active_json(fault: &ActiveFault) -> String {
    let until = fault
        .until_us
        .map_or("null".to_owned(), |us| us.to_string());
    Object::new()
        .int("id", fault.id)
        .text("kind", fault.kind)
        .int("since_us", fault.since_us)
        .raw("until_us", &until)
        .raw("asked", &fault.told)
        .done()
}

fn inject(venue: &mut Venue, now_us: u64, body: &str) -> Outcome {
    let ask: Ask = match serde_json::from_str(body) {
        Ok(ask) => ask,
        Err(error) => return complaint(&format!("no fault: {error}")),
    };
    let injected = Fault::of(&ask, body, venue).and_then(|fault| venue.inject(now_us, fault));
    venue.fan_out();
    match injected {
        Ok(id) => Ok(at(now_us).int("id", id).done()),
        Err(error @ FaultError::UnknownKind(_)) => {
            let known = KINDS.iter().map(|kind| format!("\"{}\"", kind.name));
            let text = Object::new()
                .raw("error", &quoted(&error.to_string()))
                .raw("known", &array(known));
            Err((StatusCode::BAD_REQUEST, text.done()))
        }
        Err(error) => complaint(&error.to_string()),
    }
}

fn lift(venue: &mut Venue, now_us: u64, path: &str) -> Outcome {
    let id = path
        .strip_prefix("/v1/faults/")
        .and_then(|id| id.parse::<FaultId>().ok());
    let is_lifted = id.is_some_and(|id| venue.lift(now_us, id));
    venue.fan_out();
    if is_lifted {
        return Ok(at(now_us).done());
    }
    Err((StatusCode::NOT_FOUND, error_json("no such fault in force")))
}

/// A move of the market as it is asked for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Move {
    kind: String,
    symbol: Option<String>,
    bps: i64,
    seconds: Option<f64>,
    side: Option<String>,
}

fn shock(venue: &mut Venue, now_us: u64, body: &str) -> Outcome {
    let asked: Move = match serde_json::from_str(body) {
        Ok(asked) => asked,
        Err(error) => return complaint(&format!("no move: {error}")),
    };
    let symbol = match (&asked.symbol, venue.pens.len()) {
        (Some(name), _) => venue.exchange.symbol_id(name),
        (None, 1) => Some(phoenix_exchange::SymbolId(0)),
        (None, _) => None,
    };
    let Some(symbol) = symbol else {
        return complaint("symbol: which one?");
    };
    let shock = match ledger::shock_of(&asked.kind, asked.bps, asked.seconds, asked.side.as_deref())
    {
        Ok(shock) => shock,
        Err(text) => return complaint(&text),
    };
    let done = venue.exchange.shock(now_us, symbol, shock);
    venue.fan_out();
    match done {
        Ok(()) => Ok(at(now_us).done()),
        Err(error) => complaint(&error.to_string()),
    }
}
