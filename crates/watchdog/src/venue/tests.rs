//! Tests of the conversation: a scripted exchange on loopback that answers each request as told and keeps what it was asked.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, channel};
use std::thread::JoinHandle;

use super::*;

/// Answers connections in order, one each; a connection without an answer left is closed.
struct Scripted {
    url: String,
    asked: Receiver<String>,
    thread: Option<JoinHandle<()>>,
}

fn scripted(answers: &[&str]) -> Scripted {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let answers: Vec<String> = answers.iter().map(|a| (*a).to_owned()).collect();
    let (told, asked) = channel();
    let thread = std::thread::spawn(move || {
        for answer in answers {
            let Ok((stream, _)) = listener.accept() else {
                return;
            };
            let mut reader = BufReader::new(stream);
            let mut request = String::new();
            // Up to the empty line; no request here has a body.
            while !request.ends_with("\r\n\r\n") {
                if reader.read_line(&mut request).unwrap_or(0) == 0 {
                    break;
                }
            }
            let _ = told.send(request);
            let _ = reader.get_mut().write_all(answer.as_bytes());
        }
    });
    Scripted {
        url,
        asked,
        thread: Some(thread),
    }
}

impl Scripted {
    fn venue(&self) -> Venue {
        Venue::new(VenueSetup {
            rest_url: self.url.clone(),
            key: Key::hmac("the-api-key".into(), &"hidden".into()),
            recv_window: Duration::from_secs(5),
        })
    }

    /// Everything that was asked, once the script is over.
    fn requests(mut self) -> Vec<String> {
        if let Some(thread) = self.thread.take() {
            thread.join().expect("the script ended");
        }
        self.asked.iter().collect()
    }
}

fn answer(status: &str, headers: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {}\r\n{headers}\r\n{body}",
        body.len()
    )
}

fn soon() -> Patience {
    Patience::until(clock::now() + Duration::from_secs(20))
}

#[test]
fn a_request_is_signed_over_what_is_sent() {
    let exchange = scripted(&[&answer("200 OK", "", "[]")]);
    let mut venue = exchange.venue();
    let orders = venue.open_orders(Some("测试USDT"), soon());
    assert_eq!(orders, Ok(Vec::new()));
    let requests = exchange.requests();
    let request = requests.first().expect("one request");
    assert!(request.contains("the-api-key"), "{request}");
    let (_, rest) = request.split_once('?').expect("a query");
    let (query, _) = rest.split_once(' ').expect("the end of the address");
    let (payload, signature) = query.split_once("&signature=").expect("signed last");
    assert!(payload.starts_with("symbol=%E6%B5%8B%E8%AF%95USDT&recvWindow=5000&timestamp="));
    let key = Key::hmac("the-api-key".into(), &"hidden".into());
    assert_eq!(key.sign(payload).as_deref(), Ok(signature));
}

#[test]
fn a_refused_time_stamp_is_followed_by_one_of_the_exchanges_time() {
    let ahead_ms = 3_600_000;
    let time = answer(
        "200 OK",
        "",
        &format!("{{\"serverTime\":{}}}", clock::wall_ms() + ahead_ms),
    );
    let exchange = scripted(&[
        &answer("400 Bad Request", "", "{\"code\":-1021,\"msg\":\"x\"}"),
        &time,
        &time,
        &time,
        &answer("200 OK", "", "[]"),
    ]);
    let mut venue = exchange.venue();
    assert_eq!(venue.open_orders(None, soon()), Ok(Vec::new()));
    let stamp = |request: &String| -> i64 {
        let (_, rest) = request.split_once("timestamp=").expect("a time stamp");
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().expect("a number")
    };
    let requests = exchange.requests();
    let (first, last) = (
        requests.first().expect("first"),
        requests.last().expect("last"),
    );
    let moved_ms = stamp(last) - stamp(first);
    assert!(
        (moved_ms - ahead_ms).abs() < 60_000,
        "moved by {moved_ms} ms"
    );
}

#[test]
fn a_silence_that_lasts_longer_than_patience_ends_the_call_at_once_and_holds_for_the_next() {
    let limited = answer(
        "429 Too Many Requests",
        "Retry-After: 60\r\n",
        "{\"code\":-1003,\"msg\":\"x\"}",
    );
    let exchange = scripted(&[&limited]);
    let mut venue = exchange.venue();
    for _ in 0..2 {
        let asked = venue.open_orders(None, soon());
        let Err(VenueError::Quiet(quiet)) = asked else {
            panic!("{asked:?}");
        };
        assert_eq!((quiet.seconds, quiet.is_ban), (60, false));
    }
    assert_eq!(exchange.requests().len(), 1, "the silence is kept");
}

#[test]
fn a_silence_of_no_length_is_no_storm() {
    let limited = answer("429 Too Many Requests", "Retry-After: 0\r\n", "{}");
    let exchange = scripted(&[&limited, &answer("200 OK", "", "[]")]);
    let mut venue = exchange.venue();
    let began = clock::now();
    assert_eq!(venue.open_orders(None, soon()), Ok(Vec::new()));
    assert!(began.elapsed() >= QUIET_MIN);
}

#[test]
fn an_order_is_sent_once_and_its_lost_answer_is_unknown() {
    let exchange = scripted(&[""]);
    let mut venue = exchange.venue();
    let order = ReduceOrder {
        symbol: "ETHUSDC".into(),
        side: model::Side::Sell,
        position_side: "BOTH".into(),
        qty: crate::decimal::E8(100_000_000),
        pricing: model::Pricing::Market,
        client_id: "em-1".into(),
    };
    let error = venue.reduce(&order, soon()).expect_err("no answer");
    assert!(error.is_unknown(), "{error}");
    assert!(!error.to_string().contains("signature"), "{error}");
    let requests = exchange.requests();
    assert_eq!(requests.len(), 1);
    let request = requests.first().expect("one").to_ascii_lowercase();
    assert!(request.contains("content-length: 0"), "{request}");
}

#[test]
fn answers_that_cannot_be_read_are_asked_past_and_told_at_the_end() {
    let exchange = scripted(&[
        &answer("200 OK", "", "<html>portal</html>"),
        &answer("302 Found", "Location: /elsewhere\r\n", ""),
        &answer("200 OK", "", "{\"not\":\"a list\"}"),
    ]);
    let mut venue = exchange.venue();
    let asked = venue.open_orders(None, soon().with_attempts(3));
    assert!(
        matches!(&asked, Err(VenueError::Silent { last }) if last.contains("cannot be read")),
        "{asked:?}"
    );
    assert_eq!(exchange.requests().len(), 3);
}

#[test]
fn a_peer_that_does_not_speak_tls_is_an_error_like_any_other() {
    let exchange = scripted(&["nothing like TLS"]);
    let mut venue = exchange.venue();
    venue.setup.rest_url = exchange.url.replace("http://", "https://");
    let asked = venue.open_orders(None, soon().with_attempts(1));
    assert!(
        matches!(&asked, Err(VenueError::Silent { last }) if last.contains("no answer")),
        "{asked:?}"
    );
}
