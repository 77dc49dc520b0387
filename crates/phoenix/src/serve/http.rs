//! Owns accepting connections, HTTP requests and the WebSocket handshake; hands raw text on and knows no endpoint.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use phoenix_exchange::Cost;
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

use super::address::Address;
use super::faults::{GateMode, RequestEffect};
use super::hub::Line;
use super::params::{Params, signed_wire};
use super::refusal::Refusal;
use super::rest::{self, Answer, Proof};
use super::shared::{SOCKETS_MAX, Shared, ip_key};
use super::socket;
use super::witness::RequestNote;
use super::ws_api::{HANDSHAKE_WEIGHT, Unanswered};

/// Largest request body; a larger one is answered 413.
pub const BODY_MAX: usize = 1 << 20;
/// Largest WebSocket message a client may send; a larger one ends the connection.
pub const MESSAGE_MAX: usize = 1 << 18;
/// How long a client may take to send its request head.
const HEAD_PATIENCE: Duration = Duration::from_secs(30);

/// How often a connection that hangs before a gate looks whether it is lifted.
const GATE_LOOK: Duration = Duration::from_millis(20);

type Reply = Response<Full<Bytes>>;

/// Accepts connections until the listener fails for good or the task is dropped.
pub async fn accept(shared: Arc<Shared>, listener: TcpListener) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                let shared = Arc::clone(&shared);
                tokio::spawn(async move { serve_connection(shared, stream, peer).await });
            }
            // Out of file descriptors, or the peer gave up: neither ends the listener, and a short wait keeps it from spinning.
            Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    }
}

async fn serve_connection(shared: Arc<Shared>, stream: TcpStream, peer: SocketAddr) {
    let Some(_admission) = shared.admit_connection() else {
        return;
    };
    let gate = shared.lock().faults.gate_of_everything();
    match gate {
        Some(GateMode::Drop) => return,
        Some(GateMode::Hang) => return hang(&shared, None).await,
        None => {}
    }
    if shared.lock().refuses_connections || stream.set_nodelay(true).is_err() {
        return;
    }
    let service = service_fn(|request| {
        let shared = Arc::clone(&shared);
        async move { respond(shared, request, peer.ip()).await }
    });
    // An error here is the peer's: a torn connection or bytes that are no HTTP. It has been answered as far as possible.
    let _ = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_PATIENCE)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades()
        .await;
}

/// Waits until the gate before this line is lifted: the peer's connection stands and hears nothing.
async fn hang(shared: &Shared, line: Option<Line>) {
    while shared.lock().faults.gate_of(line) == Some(GateMode::Hang) {
        tokio::time::sleep(GATE_LOOK).await;
    }
}

async fn respond(
    shared: Arc<Shared>,
    request: Request<Incoming>,
    ip: IpAddr,
) -> Result<Reply, Unanswered> {
    let address = Address::parse(
        request.uri().path(),
        request.uri().query().unwrap_or_default(),
    );
    let line = address.as_ref().map(line_of);
    let gate = shared.lock().faults.gate_of(line);
    match gate {
        Some(GateMode::Drop) => return Err(Unanswered),
        Some(GateMode::Hang) => {
            hang(&shared, line).await;
            return Err(Unanswered);
        }
        None => {}
    }
    match address {
        Some(address) => Ok(upgrade(shared, request, address, ip)),
        None => rest_reply(&shared, request, ip).await,
    }
}

const fn line_of(address: &Address) -> Line {
    match address {
        Address::Streams(streams) => Line::Streams(streams.route),
        Address::Api { .. } => Line::Api,
    }
}

fn upgrade(
    shared: Arc<Shared>,
    mut request: Request<Incoming>,
    address: Address,
    ip: IpAddr,
) -> Reply {
    let Some(accept) = accept_key(request.headers()) else {
        return plain(StatusCode::BAD_REQUEST, "this is a WebSocket address");
    };
    if shared.lock().hub.socket_count() >= SOCKETS_MAX {
        return plain(StatusCode::SERVICE_UNAVAILABLE, "too many sockets");
    }
    if matches!(address, Address::Api { .. })
        && let Err(refusal) = admit_handshake(&shared, ip)
    {
        return refused(&refusal);
    }
    let upgrading = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        // A client that vanishes between request and upgrade leaves nothing to serve.
        let Ok(upgraded) = upgrading.await else {
            return;
        };
        let config = WebSocketConfig::default()
            .read_buffer_size(8 << 10)
            .max_message_size(Some(MESSAGE_MAX))
            .max_frame_size(Some(MESSAGE_MAX));
        let io = TokioIo::new(upgraded);
        let ws = WebSocketStream::from_raw_socket(io, Role::Server, Some(config)).await;
        match address {
            Address::Streams(address) => socket::serve_streams(ws, shared, address).await,
            Address::Api { hides_rate_limits } => {
                socket::serve_api(ws, shared, ip, hides_rate_limits).await;
            }
        }
    });
    let mut reply = plain(StatusCode::SWITCHING_PROTOCOLS, "");
    let headers = reply.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    reply
}

/// The answer to the client's handshake key; extensions such as permessage-deflate are declined by not naming them.
fn accept_key(headers: &HeaderMap) -> Option<HeaderValue> {
    let is_upgrade = headers
        .get(header::UPGRADE)
        .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"websocket"));
    let key = headers.get(header::SEC_WEBSOCKET_KEY)?;
    is_upgrade
        .then(|| derive_accept_key(key.as_bytes()))
        .and_then(|accept| HeaderValue::from_str(&accept).ok())
}

fn admit_handshake(shared: &Shared, ip: IpAddr) -> Result<(), Refusal> {
    let now_us = shared.now_us();
    shared
        .lock()
        .exchange
        .admit(now_us, ip_key(ip), None, Cost::weight(HANDSHAKE_WEIGHT))?;
    Ok(())
}

/// One REST request, owned, so that it can outlive its connection.
struct RestCall {
    method: String,
    path: String,
    query: String,
    body: Bytes,
    api_key: Option<String>,
    ip: IpAddr,
}

/// How a request ends.
enum Ending {
    Answered(Answer),
    Said(u16, String),
    Cut,
}

async fn rest_reply(
    shared: &Arc<Shared>,
    request: Request<Incoming>,
    ip: IpAddr,
) -> Result<Reply, Unanswered> {
    let (head, body) = request.into_parts();
    let Ok(body) = Limited::new(body, BODY_MAX).collect().await else {
        return Ok(plain(StatusCode::PAYLOAD_TOO_LARGE, ""));
    };
    let api_key = head.headers.get("x-mbx-apikey");
    let call = RestCall {
        method: head.method.as_str().to_owned(),
        path: head.uri.path().to_owned(),
        query: head.uri.query().unwrap_or_default().to_owned(),
        body: body.to_bytes(),
        api_key: api_key
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned),
        ip,
    };
    let caller = shared.caller_of(&call.method, &call.path, call.api_key.as_deref());
    let mut note = call.note(shared.now_us(), caller.flatten());
    let effect = shared.request_effect(&call.method, &call.path, caller);
    let ending = call.answer_under(effect, shared).await;
    (note.status, note.code) = match &ending {
        Ending::Answered(answer) => match &answer.result {
            Ok(_) => (200, 0),
            Err(refusal) => (refusal.status, refusal.code),
        },
        Ending::Said(status, _) => (*status, 0),
        Ending::Cut => (0, 0),
    };
    note.took_us = shared.now_us().saturating_sub(note.at_us);
    shared.lock().witness.on_request(ip_key(ip), note);
    match ending {
        Ending::Answered(answer) => Ok(rendered(answer)),
        Ending::Said(status, text) => Ok(said(status, text)),
        Ending::Cut => Err(Unanswered),
    }
}

impl RestCall {
    fn note(&self, at_us: u64, account: Option<u16>) -> RequestNote {
        let body = std::str::from_utf8(&self.body).unwrap_or_default();
        RequestNote {
            at_us,
            method: self.method.clone(),
            path: self.path.clone(),
            symbol: Params::from_wire(&self.query, body)
                .ok()
                .and_then(|params| params.value("symbol").map(str::to_owned)),
            account,
            status: 0,
            code: 0,
            took_us: 0,
        }
    }

    async fn answer_under(self, effect: Option<RequestEffect>, shared: &Arc<Shared>) -> Ending {
        let refused = |refusal| Ending::Answered(shared.refused(ip_key(self.ip), refusal));
        match effect {
            None => Ending::Answered(self.carry_out(shared)),
            Some(RequestEffect::Refuse(refusal)) => refused(refusal),
            Some(RequestEffect::CarryOutThen(refusal)) => {
                self.carry_out(shared);
                refused(refusal)
            }
            Some(RequestEffect::Say(status, text)) => Ending::Said(status, text),
            Some(RequestEffect::CarryOutLate(refusal, after)) => {
                let answer = refused(refusal);
                let shared = Arc::clone(shared);
                tokio::spawn(async move {
                    tokio::time::sleep(after).await;
                    self.carry_out(&shared);
                });
                answer
            }
            Some(RequestEffect::Cut) => Ending::Cut,
            Some(RequestEffect::CarryOutThenCut) => {
                self.carry_out(shared);
                Ending::Cut
            }
            Some(RequestEffect::Hold(time)) => {
                tokio::time::sleep(time).await;
                Ending::Answered(self.carry_out(shared).after_hold())
            }
            Some(RequestEffect::HoldAnswer(time)) => {
                let answer = self.carry_out(shared);
                tokio::time::sleep(time).await;
                Ending::Answered(answer)
            }
        }
    }

    fn carry_out(&self, shared: &Shared) -> Answer {
        let now_us = shared.now_us();
        let ip = ip_key(self.ip);
        let prepared = std::str::from_utf8(&self.body)
            .map_err(|_| Refusal::illegal_characters("body"))
            .and_then(|body| {
                let endpoint = shared.table.find(&self.method, &self.path)?;
                let params = Params::from_wire(&self.query, body)?;
                Ok((endpoint, params, signed_wire(&self.query, body)))
            });
        let (endpoint, params, signed) = match prepared {
            Ok(prepared) => prepared,
            Err(refusal) => return shared.refused(ip, refusal),
        };
        let proof = Proof::Key {
            api_key: self.api_key.as_deref(),
            signed: signed
                .as_ref()
                .map(|signed| (signed.signature.as_str(), signed.payload.as_bytes())),
        };
        let mut venue = shared.lock();
        rest::answer(
            &mut venue,
            &shared.keys,
            endpoint,
            &params,
            &proof,
            (now_us, ip),
        )
    }
}

/// A text that a drill puts in place of an answer: an error page of a proxy, or a body of its own.
fn said(status: u16, text: String) -> Reply {
    let kind = match text.trim_start().starts_with('<') {
        true => "text/html",
        false => "application/json",
    };
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
    let mut reply = json(status, text);
    reply
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    reply
}

fn rendered(answer: Answer) -> Reply {
    let mut reply = match answer.result {
        Ok(body) => json(StatusCode::OK, body),
        Err(refusal) => refused(&refusal),
    };
    let headers = reply.headers_mut();
    headers.insert(
        "x-mbx-used-weight-1m",
        HeaderValue::from(answer.usage.weight_1m),
    );
    if answer.shows_orders {
        headers.insert(
            "x-mbx-order-count-10s",
            HeaderValue::from(answer.usage.orders_10s),
        );
        headers.insert(
            "x-mbx-order-count-1m",
            HeaderValue::from(answer.usage.orders_1m),
        );
    }
    reply
}

fn refused(refusal: &Refusal) -> Reply {
    let status = StatusCode::from_u16(refusal.status).unwrap_or(StatusCode::BAD_REQUEST);
    let mut reply = json(status, refusal.body());
    if let Some(seconds) = refusal.retry_after_s {
        reply
            .headers_mut()
            .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    reply
}

fn json(status: StatusCode, body: String) -> Reply {
    let mut reply = Response::new(Full::new(Bytes::from(body)));
    *reply.status_mut() = status;
    reply.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    reply
}

fn plain(status: StatusCode, text: &'static str) -> Reply {
    let mut reply = Response::new(Full::new(Bytes::from_static(text.as_bytes())));
    *reply.status_mut() = status;
    reply
}
