//! Owns one client WebSocket: handshake, whole text frames in, text frames out, pings answered; knows
//! nothing of what the frames say. Reads are cancel-safe.

use super::{Endpoint, NetError, tls};
use futures_util::{Sink, SinkExt, StreamExt};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{self, Message, Utf8Bytes, client::IntoClientRequest};

/// Largest frame accepted: a depth snapshot of 1000 levels is about 60 kB.
pub const FRAME_MAX: usize = 4 * 1024 * 1024;
/// Unsent output at which the connection counts as broken: the peer does not read.
pub const WRITE_BUFFER_MAX: usize = 1024 * 1024;
/// Bound on the wait for the closing handshake.
const CLOSE_LIMIT: Duration = Duration::from_millis(300);

/// What a read brought.
#[derive(Debug)]
pub enum Incoming {
    /// A whole text frame.
    Text(Utf8Bytes),
    /// Ping, pong or binary: proves the socket, is not data.
    Control,
    /// The connection ended; the reason for the log.
    Closed(String),
}

/// A connected WebSocket.
#[derive(Debug)]
pub struct Socket {
    inner: WebSocketStream<tls::Stream>,
    /// Whether output waits for the socket to take it.
    is_unflushed: bool,
}

impl Socket {
    /// Connects and performs the handshake at `endpoint.path` + `path_and_query`, all within `limit`.
    ///
    /// # Errors
    /// [`NetError`] with the peer's answer when it is not a WebSocket.
    pub async fn connect(
        endpoint: &Endpoint,
        path_and_query: &str,
        limit: Duration,
    ) -> Result<Self, NetError> {
        let scheme = if endpoint.tls { "wss" } else { "ws" };
        let url = format!(
            "{scheme}://{}{}{path_and_query}",
            endpoint.authority(),
            endpoint.path
        );
        let request = url
            .as_str()
            .into_client_request()
            .map_err(|_| NetError::Url {
                url: url.clone(),
                why: "not a valid WebSocket URL",
            })?;
        let made = async {
            let stream = tls::connect(endpoint, limit).await?;
            let config = WebSocketConfig::default()
                .read_buffer_size(32 * 1024)
                .write_buffer_size(0)
                .max_write_buffer_size(WRITE_BUFFER_MAX)
                .max_message_size(Some(FRAME_MAX))
                .max_frame_size(Some(FRAME_MAX));
            tokio_tungstenite::client_async_with_config(request, stream, Some(config))
                .await
                .map_err(|error| NetError::Handshake {
                    host: endpoint.host.clone(),
                    why: describe(&error),
                })
        };
        match tokio::time::timeout(limit, made).await {
            Ok(made) => made.map(|(inner, _response)| Self {
                inner,
                is_unflushed: false,
            }),
            Err(_) => Err(NetError::Timeout {
                what: "the WebSocket handshake",
                limit_ms: u64::try_from(limit.as_millis()).unwrap_or(u64::MAX),
            }),
        }
    }

    /// The next frame; `Poll::Pending` when there is none yet. Output that waits goes out first: reading
    /// alone writes only the answers to pings.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Incoming> {
        if self.is_unflushed
            && let Poll::Ready(flushed) = Pin::new(&mut self.inner).poll_flush(cx)
        {
            self.is_unflushed = false;
            if let Err(error) = flushed {
                return Poll::Ready(Incoming::Closed(describe(&error)));
            }
        }
        match self.inner.poll_next_unpin(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(None) => Poll::Ready(Incoming::Closed("end of stream".to_owned())),
            Poll::Ready(Some(Err(error))) => Poll::Ready(Incoming::Closed(describe(&error))),
            Poll::Ready(Some(Ok(message))) => Poll::Ready(match message {
                Message::Text(text) => Incoming::Text(text),
                Message::Close(frame) => Incoming::Closed(match frame {
                    Some(f) => format!(
                        "closed by the peer, code {} {}",
                        u16::from(f.code),
                        f.reason
                    ),
                    None => "closed by the peer".to_owned(),
                }),
                Message::Binary(_) | Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {
                    Incoming::Control
                }
            }),
        }
    }

    /// Waits for the next frame.
    pub async fn next(&mut self) -> Incoming {
        std::future::poll_fn(|cx| self.poll_next(cx)).await
    }

    /// Writes a text frame and flushes it as far as the socket takes it without waiting.
    ///
    /// # Errors
    /// When the connection is broken or the peer has not read for [`WRITE_BUFFER_MAX`] bytes: some bytes
    /// may have left.
    pub fn send_now(&mut self, text: &str) -> Result<(), NetError> {
        let lost = |e: tungstenite::Error| NetError::Lost(describe(&e));
        let mut cx = Context::from_waker(std::task::Waker::noop());
        Pin::new(&mut self.inner)
            .start_send(Message::text(text))
            .map_err(lost)?;
        match Pin::new(&mut self.inner).poll_flush(&mut cx) {
            Poll::Ready(result) => result.map_err(lost),
            // The rest leaves with the next poll_next, which flushes first.
            Poll::Pending => {
                self.is_unflushed = true;
                Ok(())
            }
        }
    }

    /// Writes a text frame and waits until the socket has taken it.
    ///
    /// # Errors
    /// When the connection is broken.
    pub async fn send(&mut self, text: &str) -> Result<(), NetError> {
        self.inner
            .send(Message::text(text))
            .await
            .map_err(|e| NetError::Lost(describe(&e)))
    }

    /// Says goodbye within a bounded time.
    pub async fn close(mut self) {
        // A peer that does not answer is dropped: nothing depends on the closing handshake.
        let _closed = tokio::time::timeout(CLOSE_LIMIT, self.inner.close(None)).await;
    }
}

/// An error without the request's URL, which may carry a listen key.
fn describe(error: &tungstenite::Error) -> String {
    match error {
        tungstenite::Error::Http(response) => {
            let body = response.body().as_deref().unwrap_or_default();
            let text = String::from_utf8_lossy(body.get(..body.len().min(120)).unwrap_or_default());
            format!(
                "HTTP {} instead of an upgrade: {text}",
                response.status().as_u16()
            )
        }
        tungstenite::Error::Url(_) => "the URL was refused".to_owned(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    async fn bound() -> (TcpListener, Endpoint) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind");
        let port = listener.local_addr().expect("bound").port();
        (
            listener,
            Endpoint::parse(&format!("ws://127.0.0.1:{port}")).expect("url"),
        )
    }

    const LIMIT: Duration = Duration::from_millis(2000);

    #[tokio::test]
    async fn frames_go_both_ways_and_a_close_is_told() {
        let (listener, endpoint) = bound().await;
        let server = async {
            let (tcp, _) = listener.accept().await.expect("accept");
            let mut ws = tokio_tungstenite::accept_async(tcp)
                .await
                .expect("handshake");
            let hello = ws.next().await.expect("frame").expect("text");
            assert_eq!(hello.to_text().expect("text"), "hello");
            ws.send(Message::text("world")).await.expect("send");
            ws.close(None).await.expect("close");
        };
        let client = async {
            let mut socket = Socket::connect(&endpoint, "/ws", LIMIT)
                .await
                .expect("connect");
            socket.send_now("hello").expect("send");
            assert!(matches!(socket.next().await, Incoming::Text(t) if t.as_str() == "world"));
            assert!(matches!(socket.next().await, Incoming::Closed(_)));
        };
        tokio::join!(server, client);
    }

    #[tokio::test]
    async fn a_peer_that_answers_html_is_named() {
        let (listener, endpoint) = bound().await;
        let server = async {
            let (mut tcp, _) = listener.accept().await.expect("accept");
            let mut buffer = [0_u8; 1024];
            let _read = tcp.read(&mut buffer).await.expect("request");
            tcp.write_all(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 6\r\n\r\n<html>")
                .await
                .expect("answer");
        };
        let (result, ()) = tokio::join!(Socket::connect(&endpoint, "/ws", LIMIT), server);
        let why = result.expect_err("refused").to_string();
        assert!(why.contains("403"), "{why}");
    }

    /// Fills the connection until the socket takes no more; returns the number of frames.
    fn stuff(socket: &mut Socket, frame: &str) -> usize {
        let mut sent = 0;
        while !socket.is_unflushed {
            socket.send_now(frame).expect("room in the buffer");
            sent += 1;
        }
        sent
    }

    #[tokio::test]
    async fn what_the_socket_did_not_take_at_once_leaves_without_another_send() {
        let (listener, endpoint) = bound().await;
        let (connected, server) = tokio::join!(Socket::connect(&endpoint, "/ws", LIMIT), async {
            let (tcp, _) = listener.accept().await.expect("accept");
            tokio_tungstenite::accept_async(tcp)
                .await
                .expect("handshake")
        });
        let (mut socket, mut server) = (connected.expect("connect"), server);
        let frame = "x".repeat(64 * 1024);
        let sent = stuff(&mut socket, &frame);
        let count = async {
            for _ in 0..sent {
                let message = server.next().await.expect("frame").expect("text");
                assert_eq!(message.len(), frame.len());
            }
        };
        tokio::select! {
            _ = socket.next() => panic!("the peer says nothing"),
            all = tokio::time::timeout(LIMIT, count) => all.expect("every frame arrives"),
        }
    }

    #[tokio::test]
    async fn a_peer_that_does_not_read_never_blocks_and_is_given_up() {
        let (listener, endpoint) = bound().await;
        let (connected, _peer) = tokio::join!(Socket::connect(&endpoint, "/ws", LIMIT), async {
            let (tcp, _) = listener.accept().await.expect("accept");
            tokio_tungstenite::accept_async(tcp)
                .await
                .expect("handshake")
        });
        let mut socket = connected.expect("connect");
        let frame = "x".repeat(64 * 1024);
        stuff(&mut socket, &frame);
        let bound = WRITE_BUFFER_MAX / frame.len() + 2;
        assert!((0..bound).any(|_| socket.send_now(&frame).is_err()));
    }

    #[tokio::test]
    async fn a_peer_that_says_nothing_times_out() {
        let (listener, endpoint) = bound().await;
        let (result, _peer) = tokio::join!(
            Socket::connect(&endpoint, "/ws", Duration::from_millis(100)),
            listener.accept()
        );
        assert!(matches!(result, Err(NetError::Timeout { .. })));
    }
}
