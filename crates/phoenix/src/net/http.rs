//! Owns HTTP/1.1 requests over kept connections and tells whether a failed one can have reached the peer;
//! knows nothing of signatures or error codes.

use super::{Endpoint, NetError, tls};
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use std::sync::Mutex;
use std::time::Duration;
use tokio::time::Instant;

/// Idle connections kept; more are closed after use.
pub const IDLE_MAX: usize = 8;
/// Largest answer accepted (exchangeInfo of all symbols is about 2 MB).
pub const BODY_MAX: usize = 16 * 1024 * 1024;
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// A connection that was idle for longer is not used again: peers and the boxes between close or forget idle
/// ones, and a request that meets such an end is of unknown outcome.
pub const IDLE_FOR: Duration = Duration::from_secs(30);

/// A complete answer.
#[derive(Debug)]
pub struct Answer {
    /// HTTP status.
    pub status: StatusCode,
    /// Headers.
    pub headers: HeaderMap,
    /// Body.
    pub body: Bytes,
}

/// A request without an answer, sorted by whether it can have had an effect.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// No byte left this process: certain failure.
    #[error("not sent: {0}")]
    NotSent(NetError),
    /// Some byte may have left: the outcome is unknown.
    #[error("no answer: {0}")]
    Unknown(NetError),
}

/// Requests to one host.
#[derive(Debug)]
pub struct Client {
    endpoint: Endpoint,
    host: HeaderValue,
    /// Kept connections and since when each is idle, the latest last.
    idle: Mutex<Vec<Kept>>,
}

type Kept = (SendRequest<Full<Bytes>>, Instant);

/// What to send.
#[derive(Debug)]
pub struct Call<'a> {
    /// Method.
    pub method: Method,
    /// Path and query, without the endpoint's own path prefix.
    pub path_and_query: &'a str,
    /// One extra header, usually the API key.
    pub header: Option<(HeaderName, HeaderValue)>,
    /// Form body; empty for none.
    pub body: Bytes,
    /// Bound on the whole exchange.
    pub limit: Duration,
}

impl Client {
    /// A client for `endpoint`; nothing is connected yet.
    ///
    /// # Errors
    /// [`NetError::Url`] when the host cannot be a header.
    pub fn new(endpoint: Endpoint) -> Result<Self, NetError> {
        let host = HeaderValue::from_str(&endpoint.authority()).map_err(|_| NetError::Url {
            url: endpoint.host.clone(),
            why: "the host is not a valid header value",
        })?;
        Ok(Self {
            endpoint,
            host,
            idle: Mutex::new(Vec::with_capacity(IDLE_MAX)),
        })
    }

    /// A client for the same host with connections of its own: those of another thread's runtime cannot be used.
    #[must_use]
    pub fn on_another_thread(&self) -> Self {
        Self {
            endpoint: self.endpoint.clone(),
            host: self.host.clone(),
            idle: Mutex::new(Vec::with_capacity(IDLE_MAX)),
        }
    }

    /// Sends one request and reads the whole answer.
    ///
    /// # Errors
    /// [`RequestError`]; the caller must treat `Unknown` as "may have happened".
    pub async fn send(&self, call: Call<'_>) -> Result<Answer, RequestError> {
        let limit = call.limit;
        let timeout = || NetError::Timeout {
            what: "the answer",
            limit_ms: u64::try_from(limit.as_millis()).unwrap_or(u64::MAX),
        };
        let until = Instant::now() + limit;
        let mut request = self.request(call).map_err(RequestError::NotSent)?;
        loop {
            let mut sender = match self.take_idle() {
                Some(sender) => sender,
                None => {
                    let left = until.saturating_duration_since(Instant::now());
                    let connected = self.connect(left.min(CONNECT_LIMIT)).await;
                    connected.map_err(RequestError::NotSent)?
                }
            };
            if Instant::now() >= until {
                return Err(RequestError::NotSent(timeout()));
            }
            match tokio::time::timeout_at(until, exchange(&mut sender, request)).await {
                Ok(Ok(answer)) => {
                    self.keep(sender);
                    return Ok(answer);
                }
                // A kept connection had been closed by the peer before a byte was written: another one.
                Ok(Err(Failure::Unsent(back))) => request = *back,
                Ok(Err(Failure::Broken(why))) => {
                    return Err(RequestError::Unknown(NetError::Lost(why)));
                }
                Err(_) => {
                    // Where one connection is mute the kept ones are in doubt: the next request makes its own.
                    self.forget_idle();
                    return Err(RequestError::Unknown(timeout()));
                }
            }
        }
    }

    fn request(&self, call: Call<'_>) -> Result<Request<Full<Bytes>>, NetError> {
        let uri = format!("{}{}", self.endpoint.path, call.path_and_query);
        let mut request = Request::builder()
            .method(call.method)
            .uri(&uri)
            .header(HOST, self.host.clone());
        if let Some((name, value)) = call.header {
            request = request.header(name, value);
        }
        if !call.body.is_empty() {
            request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        }
        request
            .body(Full::new(call.body))
            .map_err(|_| NetError::Url {
                url: uri,
                why: "not a valid request target",
            })
    }

    fn take_idle(&self) -> Option<SendRequest<Full<Bytes>>> {
        let mut idle = self
            .idle
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        while let Some((sender, since)) = idle.pop() {
            if sender.is_ready() && since.elapsed() < IDLE_FOR {
                return Some(sender);
            }
        }
        None
    }

    fn forget_idle(&self) {
        self.idle
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .clear();
    }

    fn keep(&self, sender: SendRequest<Full<Bytes>>) {
        let mut idle = self
            .idle
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        if idle.len() < IDLE_MAX && !sender.is_closed() {
            idle.push((sender, Instant::now()));
        }
    }

    async fn connect(&self, limit: Duration) -> Result<SendRequest<Full<Bytes>>, NetError> {
        let stream = tls::connect(&self.endpoint, limit).await?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|e| NetError::Lost(e.to_string()))?;
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "HTTP connection ended");
            }
        });
        Ok(sender)
    }
}

enum Failure {
    Unsent(Box<Request<Full<Bytes>>>),
    Broken(String),
}

async fn exchange(
    sender: &mut SendRequest<Full<Bytes>>,
    request: Request<Full<Bytes>>,
) -> Result<Answer, Failure> {
    let response = match sender.try_send_request(request).await {
        Ok(response) => response,
        Err(mut error) => {
            return Err(match error.take_message() {
                Some(request) => Failure::Unsent(Box::new(request)),
                None => Failure::Broken(error.into_error().to_string()),
            });
        }
    };
    let (parts, body) = response.into_parts();
    let body = Limited::new(body, BODY_MAX)
        .collect()
        .await
        .map_err(|e| Failure::Broken(e.to_string()))?
        .to_bytes();
    Ok(Answer {
        status: parts.status,
        headers: parts.headers,
        body,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    fn call(limit_ms: u64) -> Call<'static> {
        Call {
            method: Method::GET,
            path_and_query: "/fapi/v1/ping",
            header: None,
            body: Bytes::new(),
            limit: Duration::from_millis(limit_ms),
        }
    }

    async fn client_of(listener: &TcpListener) -> Client {
        let port = listener.local_addr().expect("bound").port();
        Client::new(Endpoint::parse(&format!("http://127.0.0.1:{port}")).expect("url"))
            .expect("client")
    }

    async fn answer_once(listener: &TcpListener, answer: &str) -> tokio::net::TcpStream {
        let (mut peer, _) = listener.accept().await.expect("accept");
        let mut buffer = [0_u8; 2048];
        let read = peer.read(&mut buffer).await.expect("request");
        assert!(read > 0);
        peer.write_all(answer.as_bytes()).await.expect("answer");
        peer
    }

    fn idle_closed(client: &Client) -> bool {
        let idle = client.idle.lock().expect("lock");
        idle.iter().all(|(sender, _)| sender.is_closed())
    }

    const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}";

    #[tokio::test]
    async fn a_refused_connection_is_certainly_not_sent() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind");
        let client = client_of(&listener).await;
        drop(listener);
        assert!(matches!(
            client.send(call(1000)).await,
            Err(RequestError::NotSent(_))
        ));
    }

    #[tokio::test]
    async fn silence_after_the_request_is_unknown() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind");
        let client = client_of(&listener).await;
        let (answer, _peer) = tokio::join!(client.send(call(100)), listener.accept());
        assert!(matches!(
            answer,
            Err(RequestError::Unknown(NetError::Timeout { .. }))
        ));
    }

    #[tokio::test]
    async fn a_close_after_the_request_is_unknown() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind");
        let client = client_of(&listener).await;
        let (answer, ()) = tokio::join!(client.send(call(2000)), async {
            let peer =
                answer_once(&listener, "HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\n{").await;
            drop(peer);
        });
        assert!(matches!(
            answer,
            Err(RequestError::Unknown(NetError::Lost(_)))
        ));
    }

    #[tokio::test]
    async fn a_kept_connection_is_used_again_and_replaced_when_the_peer_closed_it() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind");
        let client = client_of(&listener).await;
        let (first, peer) = tokio::join!(client.send(call(2000)), answer_once(&listener, OK));
        assert_eq!(first.expect("answer").body.as_ref(), b"{}");
        drop(peer);
        while !idle_closed(&client) {
            tokio::task::yield_now().await;
        }
        let (second, _peer) = tokio::join!(client.send(call(2000)), answer_once(&listener, OK));
        assert_eq!(second.expect("answer").status, StatusCode::OK);
    }

    /// Puts a second kept connection beside the first.
    async fn keep_two(client: &Client, listener: &TcpListener) -> [tokio::net::TcpStream; 2] {
        let server = async {
            let (mut a, _) = listener.accept().await.expect("accept");
            let (mut b, _) = listener.accept().await.expect("accept");
            for peer in [&mut a, &mut b] {
                let mut buffer = [0_u8; 2048];
                assert!(peer.read(&mut buffer).await.expect("request") > 0);
                peer.write_all(OK.as_bytes()).await.expect("answer");
            }
            [a, b]
        };
        let (one, two, peers) =
            tokio::join!(client.send(call(2000)), client.send(call(2000)), server);
        assert!(one.is_ok() && two.is_ok());
        peers
    }

    #[tokio::test]
    async fn one_mute_connection_puts_the_kept_ones_in_doubt() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind");
        let client = client_of(&listener).await;
        let _mute = keep_two(&client, &listener).await;
        let lost = client.send(call(50)).await;
        assert!(matches!(lost, Err(RequestError::Unknown(_))));
        let (next, _peer) = tokio::join!(client.send(call(2000)), answer_once(&listener, OK));
        assert_eq!(next.expect("answered on a new connection").status, 200);
    }

    #[tokio::test]
    async fn a_connection_that_was_idle_for_long_is_not_used_again() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind");
        let client = client_of(&listener).await;
        let (first, _mute) = tokio::join!(client.send(call(2000)), answer_once(&listener, OK));
        first.expect("answer");
        for (_, since) in client.idle.lock().expect("lock").iter_mut() {
            *since -= IDLE_FOR;
        }
        let (second, _peer) = tokio::join!(client.send(call(2000)), answer_once(&listener, OK));
        assert_eq!(second.expect("answer").status, StatusCode::OK);
    }
}
