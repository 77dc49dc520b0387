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
use super::faults::RequestEffect;
use super::params::{Params, signed_wire};
use super::refusal::Refusal;
use super::rest::{self, Answer, Proof};
use super::shared::{SOCKETS_MAX, Shared, ip_key};
use super::socket;
use super::ws_api::{HANDSHAKE_WEIGHT, Unanswered};

/// Largest request body; a larger one is answered 413.
pub const BODY_MAX: usize = 1 << 20;
/// Largest WebSocket message a client may send; a larger one ends the connection.
pub const MESSAGE_MAX: usize = 1 << 18;
/// How long a client may take to send its request head.
const HEAD_PATIENCE: Duration = Duration::from_secs(30);

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

async fn respond(
    shared: Arc<Shared>,
    request: Request<Incoming>,
    ip: IpAddr,
) -> Result<Reply, Unanswered> {
    let address = Address::parse(
        request.uri().path(),
        request.uri().query().unwrap_or_default(),
    );
    match address {
        Some(address) => Ok(upgrade(shared, request, address, ip)),
        None => rest_reply(&shared, request, ip).await,
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

async fn rest_reply(
    shared: &Shared,
    request: Request<Incoming>,
    ip: IpAddr,
) -> Result<Reply, Unanswered> {
    let (head, body) = request.into_parts();
    let Ok(body) = Limited::new(body, BODY_MAX).collect().await else {
        return Ok(plain(StatusCode::PAYLOAD_TOO_LARGE, ""));
    };
    let (method, path) = (head.method.as_str(), head.uri.path());
    let query = head.uri.query().unwrap_or_default();
    let body = body.to_bytes();
    let api_key = head
        .headers
        .get("x-mbx-apikey")
        .and_then(|value| value.to_str().ok());
    let carry_out = || call(shared, (method, path), (query, &body), api_key, ip);
    match shared.request_effect(method, path) {
        None => Ok(rendered(carry_out())),
        Some(RequestEffect::Refuse(refusal)) => Ok(rendered(shared.refused(ip_key(ip), refusal))),
        Some(RequestEffect::CarryOutThen(refusal)) => {
            carry_out();
            Ok(rendered(shared.refused(ip_key(ip), refusal)))
        }
        Some(RequestEffect::Cut) => Err(Unanswered),
        Some(RequestEffect::CarryOutThenCut) => {
            carry_out();
            Err(Unanswered)
        }
        Some(RequestEffect::Hold(time)) => {
            tokio::time::sleep(time).await;
            Ok(rendered(carry_out().after_hold()))
        }
        Some(RequestEffect::HoldAnswer(time)) => {
            let answer = carry_out();
            tokio::time::sleep(time).await;
            Ok(rendered(answer))
        }
    }
}

fn call(
    shared: &Shared,
    (method, path): (&str, &str),
    (query, body): (&str, &[u8]),
    api_key: Option<&str>,
    ip: IpAddr,
) -> Answer {
    let now_us = shared.now_us();
    let prepared = std::str::from_utf8(body)
        .map_err(|_| Refusal::illegal_characters("body"))
        .and_then(|body| {
            let endpoint = shared.table.find(method, path)?;
            let params = Params::from_wire(query, body)?;
            Ok((endpoint, params, signed_wire(query, body)))
        });
    let (endpoint, params, signed) = match prepared {
        Ok(prepared) => prepared,
        Err(refusal) => return shared.refused(ip_key(ip), refusal),
    };
    let proof = Proof::Key {
        api_key,
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
        (now_us, ip_key(ip)),
    )
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
