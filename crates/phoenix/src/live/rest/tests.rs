use super::*;
use crate::binance::decode::rest::reference;
use crate::config::params::ShellParams;
use hyper::StatusCode;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

async fn bound() -> (TcpListener, Rest) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind");
    let port = listener.local_addr().expect("bound").port();
    let host = Host::parse(&format!("http://127.0.0.1:{port}")).expect("url");
    let signer = Signer::hmac("key".to_owned().into(), &"secret".to_owned().into()).expect("key");
    let rest = Rest::new(
        host,
        Arc::new(signer),
        Clock::default(),
        Tuning::fixed(ShellParams::default()),
    );
    (listener, rest.expect("a client"))
}

/// Answers one request on a new connection, then closes it.
async fn answer(listener: &TcpListener, head: &str, body: &str) {
    let (mut peer, _) = listener.accept().await.expect("accept");
    let mut buffer = [0_u8; 2048];
    let read = peer.read(&mut buffer).await.expect("request");
    assert!(read > 0);
    let length = body.len();
    let text =
        format!("HTTP/1.1 {head}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}");
    peer.write_all(text.as_bytes()).await.expect("answer");
}

async fn ask_time(rest: &Rest) -> Outcome<Wall> {
    rest.ask(
        |e, auth, out| e.plain(Endpoint::Time, auth, out),
        reference::time,
    )
    .await
    .outcome
}

const LIMITED: &str = r#"{"code":-1003,"msg":"Too many requests."}"#;

#[tokio::test]
async fn a_limit_that_one_request_meets_stops_every_other_until_it_ends() {
    for status in [
        "429 Too Many Requests\r\nretry-after: 30",
        "418 Teapot\r\nretry-after: 30",
    ] {
        let (listener, rest) = bound().await;
        let elsewhere = rest.on_another_thread();
        let (first, ()) = tokio::join!(ask_time(&rest), answer(&listener, status, LIMITED));
        assert!(matches!(first, Outcome::Refused(r) if r.why == Why::Weight));
        // Nobody accepts a connection any more: it must not even be tried.
        drop(listener);
        let Outcome::Refused(refusal) = ask_time(&elsewhere).await else {
            panic!("it was sent")
        };
        assert_eq!(refusal.why, Why::Weight, "{status}");
        assert!(refusal.retry_after > Span::from_secs(25), "{status}");
    }
}

#[tokio::test]
async fn other_refusals_stop_nothing() {
    let (listener, rest) = bound().await;
    let limited = r#"{"code":-1015,"msg":"Too many new orders."}"#;
    let _ = tokio::join!(
        ask_time(&rest),
        answer(&listener, "429 Too Many Requests", limited)
    );
    let (second, ()) = tokio::join!(
        ask_time(&rest),
        answer(&listener, "200 OK", r#"{"serverTime":1700000000000}"#)
    );
    assert!(matches!(second, Outcome::Accepted(_)));
}

#[tokio::test]
async fn retry_after_is_read_in_both_forms_and_never_ignored_for_being_long() {
    let now = Wall::from_millis(1_445_412_400_000); // 2015-10-21 07:26:40
    for (text, seconds) in [
        ("0", Some(0)),
        ("30", Some(30)),
        ("259200", Some(259_200)),
        ("9999999", Some(259_200)),
        ("99999999999999999999999", Some(259_200)),
        ("Wed, 21 Oct 2015 07:28:00 GMT", Some(80)),
        ("Wed, 21 Oct 2015 07:00:00 GMT", Some(0)),
        ("soon", None),
        ("-5", None),
        ("", None),
    ] {
        let found = retry_after(text, now).map(|s| s.raw() / 1_000_000_000);
        assert_eq!(found, seconds, "{text}");
    }
}

#[tokio::test]
async fn endings_are_sorted_by_what_they_can_have_done() {
    let (_listener, rest) = bound().await;
    let lost = || NetError::Lost("x".to_owned());
    let read = |endpoint, result| rest.read(endpoint, result, |_| Ok(())).outcome;
    let place = Endpoint::Place;
    assert_eq!(
        read(place, Err(RequestError::Unknown(lost()))),
        Outcome::Unknown
    );
    assert!(matches!(
        read(place, Err(RequestError::NotSent(lost()))),
        Outcome::Refused(r) if r.why == Why::NotSent
    ));
    assert!(matches!(
        read(Endpoint::OpenOrders, Err(RequestError::Unknown(lost()))),
        Outcome::Refused(r) if r.why == Why::Transient
    ));
    for status in [500, 502, 504] {
        let answer = Answer {
            status: StatusCode::from_u16(status).expect("a status"),
            headers: HeaderMap::new(),
            body: Bytes::from_static(b"<html>bad gateway</html>"),
        };
        assert_eq!(read(place, Ok(answer)), Outcome::Unknown, "{status}");
    }
}

#[tokio::test]
async fn the_weight_that_the_exchange_counts_is_told_to_the_hot_thread() {
    let (listener, rest) = bound().await;
    let (to_hot, mut hot) = mpsc::channel(1);
    let metered = rest.metered(&to_hot);
    let counted = "200 OK\r\nx-mbx-used-weight-1m: 1234";
    let body = r#"{"serverTime":1700000000000}"#;
    let _ = tokio::join!(ask_time(&metered), answer(&listener, counted, body));
    let told = hot.try_recv();
    assert!(
        matches!(told, Ok(ToHot::Reply(OwnedReply::Weight(1_234)))),
        "{told:?}"
    );
    // Without a count there is nothing to tell; the hot thread reads its own answers.
    let _ = tokio::join!(ask_time(&metered), answer(&listener, "200 OK", body));
    let elsewhere = metered.on_another_thread();
    let _ = tokio::join!(ask_time(&elsewhere), answer(&listener, counted, body));
    assert!(hot.try_recv().is_err());
    // The meter keeps nobody alive.
    drop(to_hot);
    assert!(matches!(
        hot.try_recv(),
        Err(mpsc::error::TryRecvError::Disconnected)
    ));
    let _ = tokio::join!(ask_time(&metered), answer(&listener, counted, body));
}
