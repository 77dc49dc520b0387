use super::*;
use crate::health::facts::Phase;
use crate::net::Endpoint;
use crate::net::http::{Call, Client};
use bytes::Bytes;
use hyper::Method;
use std::sync::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

fn booting() -> Facts {
    Facts {
        pid: 7,
        account: "0011".to_owned(),
        is_lock_ours: Some(true),
        ..Facts::default()
    }
}

async fn served(facts: Facts) -> (Served, Arc<Mutex<Facts>>) {
    let shared = Arc::new(Mutex::new(facts));
    let read = Arc::clone(&shared);
    let source = Source::new(move || read.lock().expect("no panic while held").clone());
    let address = SocketAddr::from(([127, 0, 0, 1], 0));
    (serve(address, source).await.expect("a free port"), shared)
}

async fn ask(served: &Served, method: Method, path: &str) -> (u16, serde_json::Value) {
    let client =
        Client::new(Endpoint::parse(&served.url()).expect("an address")).expect("a client");
    let answer = client
        .send(Call {
            method,
            path_and_query: path,
            header: None,
            body: Bytes::new(),
            limit: Duration::from_secs(5),
        })
        .await
        .expect("an answer");
    let json = answer
        .headers
        .get("content-type")
        .is_some_and(|t| t == "application/json");
    assert!(json, "{path}: JSON in every case");
    let body = serde_json::from_slice(&answer.body).expect("JSON");
    (answer.status.as_u16(), body)
}

#[tokio::test]
async fn each_path_answers_with_its_status() {
    let (served, facts) = served(booting()).await;
    let (status, body) = ask(&served, Method::GET, "/health").await;
    assert_eq!((status, &body["status"]), (200, &"warning".into()));
    assert_eq!(
        (&body["service"], &body["pid"]),
        (&"phoenix".into(), &7.into())
    );
    assert_eq!(ask(&served, Method::GET, "/livez").await.0, 200);
    assert_eq!(ask(&served, Method::GET, "/readyz").await.0, 503);
    facts.lock().expect("no panic").phase = Phase::Running;
    facts.lock().expect("no panic").engine_cycle_age_s = Some(6.0);
    let (status, body) = ask(&served, Method::GET, "/health").await;
    assert_eq!((status, &body["status"]), (503, &"severe".into()));
    assert_eq!(ask(&served, Method::GET, "/livez").await.0, 503);
    let (status, body) = ask(&served, Method::GET, "/").await;
    assert_eq!((status, body["error"].is_string()), (404, true));
    let (status, body) = ask(&served, Method::POST, "/health").await;
    assert_eq!((status, body["error"].is_string()), (405, true));
}

#[tokio::test]
async fn a_taken_port_is_an_error() {
    let (first, _) = served(booting()).await;
    let second = serve(first.address(), Source::new(booting)).await;
    let kind = second.expect_err("taken").kind();
    assert_eq!(kind, std::io::ErrorKind::AddrInUse);
}

#[tokio::test]
async fn beyond_the_bound_connections_wait_and_are_served_when_another_ends() {
    let (served, _) = served(booting()).await;
    let mut idle = Vec::new();
    for _ in 0..CONNECTIONS_MAX {
        idle.push(
            TcpStream::connect(served.address())
                .await
                .expect("a connection"),
        );
    }
    let mut late = TcpStream::connect(served.address())
        .await
        .expect("queued by the kernel");
    late.write_all(b"GET /livez HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        .await
        .expect("sent");
    idle.clear();
    let mut answer = String::new();
    late.read_to_string(&mut answer).await.expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[tokio::test]
async fn dropping_it_closes_port_and_connections() {
    let (served, _) = served(booting()).await;
    let mut open = TcpStream::connect(served.address())
        .await
        .expect("a connection");
    assert_eq!(ask(&served, Method::GET, "/livez").await.0, 200);
    drop(served);
    let mut buffer = [0_u8; 1];
    let read = open.read(&mut buffer).await;
    assert!(matches!(read, Ok(0) | Err(_)), "closed: {read:?}");
}

#[tokio::test]
async fn an_address_that_means_all_is_named_by_loopback() {
    let source = Source::new(booting);
    let served = serve(SocketAddr::from(([0, 0, 0, 0], 0)), source)
        .await
        .expect("a free port");
    assert_eq!(
        served.url(),
        format!("http://127.0.0.1:{}", served.address().port())
    );
}
