//! The life of a connection: pings and pongs, greatest age, message limit, slow readers, shutdown, many clients.

use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use phoenix::serve::timing::Timing;
use phoenix_exchange::Side;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::{Bytes, Message};

use crate::harness::*;

const LIST: &str = r#"{"method":"LIST_SUBSCRIPTIONS","id":1}"#;

fn with_timing(change: impl FnOnce(&mut Timing)) -> Wire {
    Wire::start_with(|config| change(&mut config.timing)).with_book()
}

#[tokio::test]
async fn the_server_pings_and_a_client_that_answers_stays() {
    let wire = with_timing(|timing| {
        timing.ping_every = Duration::from_millis(20);
        timing.pong_timeout = Duration::from_millis(200);
        timing.messages_max = usize::MAX;
        timing.api_pings_max = usize::MAX;
    });
    for path in ["/public/ws", "/ws-fapi/v1"] {
        let mut client = wire.socket(path).await;
        let mut pings = 0;
        while pings < 15 {
            let message = tokio::time::timeout(DEADLINE, client.ws.next())
                .await
                .unwrap();
            if matches!(message.unwrap().unwrap(), Message::Ping(_)) {
                pings += 1;
            }
        }
        // Fifteen pings at 20 ms lie beyond the pong timeout, and the socket still answers.
        client.send(LIST).await;
        client.next().await;
    }
}

/// A WebSocket client that never answers a ping: a raw handshake and nothing more.
async fn mute_client(wire: &Wire, path: &str) -> TcpStream {
    let mut stream = TcpStream::connect(wire.server.local_addr()).await.unwrap();
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}

#[tokio::test]
async fn a_client_that_never_answers_pings_is_closed() {
    let wire = with_timing(|timing| {
        timing.ping_every = Duration::from_millis(20);
        timing.pong_timeout = Duration::from_millis(60);
    });
    let mut stream = mute_client(&wire, "/public/ws").await;
    let mut received = Vec::new();
    tokio::time::timeout(DEADLINE, stream.read_to_end(&mut received))
        .await
        .unwrap()
        .unwrap();
    let text = String::from_utf8_lossy(&received);
    assert!(text.starts_with("HTTP/1.1 101"), "{text}");
    assert!(
        text.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
        "the accept key of RFC 6455 §1.3: {text}"
    );
    assert!(text.contains("no pong"), "{text}");
}

#[tokio::test]
async fn unsolicited_pongs_keep_a_stream_socket_alive_but_not_an_api_socket() {
    let wire = with_timing(|timing| {
        timing.ping_every = Duration::from_millis(50);
        timing.pong_timeout = Duration::from_millis(150);
        timing.messages_max = usize::MAX;
        timing.api_pings_max = usize::MAX;
    });
    for (path, survives) in [("/public/ws", true), ("/ws-fapi/v1", false)] {
        let mut stream = mute_client(&wire, path).await;
        // A masked, empty pong: FIN + opcode 10, length 0, mask 0.
        let pong = [0x8A, 0x80, 0, 0, 0, 0];
        let mut received = Vec::new();
        let mut buffer = [0; 4096];
        let mut is_open = true;
        for _ in 0..60 {
            if stream.write_all(&pong).await.is_err() {
                is_open = false;
                break;
            }
            match tokio::time::timeout(Duration::from_millis(10), stream.read(&mut buffer)).await {
                Ok(Ok(0) | Err(_)) => {
                    is_open = false;
                    break;
                }
                Ok(Ok(count)) => received.extend_from_slice(&buffer[..count]),
                Err(_) => {}
            }
        }
        let is_told = String::from_utf8_lossy(&received).contains("no pong");
        assert_eq!(is_open && !is_told, survives, "{path}");
    }
}

#[tokio::test]
async fn an_empty_pong_is_accepted() {
    let wire = with_timing(|_| {});
    let mut client = wire.socket("/public/ws").await;
    client.ws.send(Message::Pong(Bytes::new())).await.unwrap();
    assert_eq!(client.ask(LIST).await["result"], json!([]));
}

#[tokio::test]
async fn a_connection_ends_at_its_greatest_age() {
    let wire = with_timing(|timing| timing.age_max = Duration::from_millis(100));
    for path in ["/public/ws", "/private/ws", "/ws-fapi/v1"] {
        let mut client = wire.socket(path).await;
        assert_eq!(client.closed().await, 1001, "{path}");
    }
}

#[tokio::test]
async fn more_than_ten_messages_a_second_end_the_connection() {
    let wire = with_timing(|timing| timing.message_window = Duration::from_secs(60));
    let mut client = wire.socket("/public/ws").await;
    for _ in 0..10 {
        client.ask(LIST).await;
    }
    client.send(LIST).await;
    assert_eq!(client.closed().await, 1008);
    // Pings count as messages, too.
    let mut client = wire.socket("/public/ws").await;
    for _ in 0..11 {
        // The last may meet a closed connection.
        let _ = client.ws.send(Message::Ping(Bytes::new())).await;
    }
    assert_eq!(client.closed().await, 1008);
    // On the WebSocket API, requests are limited by weight only.
    let mut api = wire.socket("/ws-fapi/v1").await;
    for _ in 0..20 {
        api.ask(r#"{"id":1,"method":"ticker.book","params":{"symbol":"ETHUSDC"}}"#)
            .await;
    }
}

/// A subscriber whose receive buffer is small and which reads nothing but its acknowledgement.
async fn slow_reader(wire: &Wire) -> WebSocketStream<TcpStream> {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4_096).unwrap();
    let stream = socket.connect(wire.server.local_addr()).await.unwrap();
    let url = format!("{}/public/ws/ethusdc@trade", wire.server.ws_url());
    let (mut ws, _) = tokio_tungstenite::client_async(url, stream).await.unwrap();
    ws.send(Message::text(LIST)).await.unwrap();
    ws.next().await.unwrap().unwrap();
    ws
}

#[tokio::test]
async fn a_reader_that_is_too_slow_is_closed_and_others_are_not() {
    const BATCH: usize = 32;
    let wire = with_timing(|timing| timing.queue_max = 2 * BATCH);
    wire.add_level(Side::Buy, 249_995, e8(100_000));
    let mut slow = slow_reader(&wire).await;
    let mut quick = wire.socket("/public/ws/ethusdc@trade").await;
    quick.ask(LIST).await;
    let sockets = || wire.server.with_venue(|venue| venue.hub.socket_count());
    let mut batches = 0;
    while sockets() == 2 {
        for _ in 0..BATCH {
            wire.take(Side::Sell, e8(1) / 1_000);
        }
        // The quick one has read everything before more is sent, so only the slow one's queue can grow.
        for _ in 0..BATCH {
            quick.event("trade").await;
        }
        batches += 1;
        assert!(batches < 20_000, "the slow reader was never closed");
    }
    assert_eq!(sockets(), 1);
    // What was sent before is still there to read; then the connection ends.
    let rest = async { while let Some(Ok(_)) = slow.next().await {} };
    tokio::time::timeout(DEADLINE, rest).await.unwrap();
    wire.take(Side::Sell, e8(1));
    quick.event("trade").await;
}

#[tokio::test]
async fn shutdown_closes_sockets_and_frees_the_port() {
    let wire = Wire::start();
    let address = wire.server.local_addr();
    let mut client = wire.socket("/public/ws").await;
    client.ask(LIST).await;
    let Wire { server, .. } = wire;
    let ended = tokio::task::spawn_blocking(move || server.shutdown());
    assert_eq!(client.closed().await, 1001);
    ended.await.unwrap();
    let again = Wire::start_with(|_| {});
    drop(again);
    std::net::TcpListener::bind(address).unwrap();
}

#[tokio::test]
async fn closed_sockets_leave_no_subscriptions_behind() {
    let wire = Wire::start();
    let mut client = wire.socket("/public/ws/ethusdc@bookTicker").await;
    client.ask(LIST).await;
    let count = || {
        wire.server
            .with_venue(|venue| (venue.hub.socket_count(), venue.hub.topics().count()))
    };
    assert_eq!(count(), (1, 1));
    drop(client);
    let deadline = tokio::time::Instant::now() + DEADLINE;
    while count() != (0, 0) {
        assert!(tokio::time::Instant::now() < deadline, "{:?}", count());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
