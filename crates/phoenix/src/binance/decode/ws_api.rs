//! Owns the answer frames of the WebSocket API (protocol §5.4); knows nothing of what was asked.
//!
//! `result` is handed on as JSON bytes: it has the shape of the REST answer and is decoded by `rest`.

use super::wire::{Text, Whole, json};
use crate::binance::limits::{Used, WireLimit};
use phoenix_core::event::Malformed;
use phoenix_core::units::Wall;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;

/// One answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Answer<'a> {
    /// The id of the request; `None` when the exchange speaks unasked (a revoked key) or the id is not ours.
    pub id: Option<u64>,
    /// Status, as in HTTP.
    pub status: u16,
    /// What it says.
    pub body: Body<'a>,
    /// Used limits, when the frame says them.
    pub used: Used,
}

/// Content of an answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Body<'a> {
    /// JSON of the result.
    Result(&'a [u8]),
    /// Refused or failed.
    Error {
        /// The exchange's error code; 0 when it gave none.
        code: i32,
        /// Its text.
        msg: Cow<'a, str>,
        /// The instant before which it wants no further request, when it says so.
        retry_at: Option<Wall>,
    },
}

#[derive(Deserialize)]
struct Wire<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    status: Option<u16>,
    #[serde(borrow)]
    result: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<WireError<'a>>,
    #[serde(borrow, rename = "rateLimits", default)]
    limits: Vec<WireLimit<'a>>,
}

#[derive(Deserialize)]
struct WireError<'a> {
    #[serde(default)]
    code: i32,
    #[serde(borrow, default)]
    msg: Text<'a>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct WireErrorData {
    #[serde(rename = "retryAfter")]
    retry_at: Whole,
}

/// `data` of an error is different for every code; only this one is of use.
fn retry_at(data: &RawValue) -> Option<Wall> {
    let data: WireErrorData = json(data.get().as_bytes()).ok()?;
    Some(Wall::from_millis(data.retry_at.0))
}

/// Reads one frame.
///
/// # Errors
/// `Shape` when it is no answer: neither a status with a result nor an error.
pub fn decode(frame: &[u8]) -> Result<Answer<'_>, Malformed> {
    let wire: Wire<'_> = json(frame)?;
    let body = match (wire.error, wire.result) {
        (Some(error), _) => Body::Error {
            code: error.code,
            msg: error.msg.0,
            retry_at: error.data.and_then(retry_at),
        },
        (None, Some(result)) => Body::Result(result.get().as_bytes()),
        (None, None) => return Err(Malformed::Shape),
    };
    let mut used = Used::default();
    wire.limits
        .iter()
        .filter_map(WireLimit::decode)
        .for_each(|limit| used.on_limit(&limit));
    Ok(Answer {
        id: wire
            .id
            .and_then(|raw| raw.get().trim_matches('"').parse().ok()),
        status: wire.status.ok_or(Malformed::Shape)?,
        body,
        used,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_is_handed_on_as_it_stands() {
        let frame = br#"{"id":"12","status":200,"result":{ "orderId":1 },
            "rateLimits":[{"rateLimitType":"ORDERS","interval":"SECOND","intervalNum":10,"limit":300,"count":5}]}"#;
        let answer = decode(frame).expect("an answer");
        assert_eq!(answer.id, Some(12));
        assert_eq!(answer.body, Body::Result(br#"{ "orderId":1 }"#));
        assert_eq!(answer.used.orders_10s, Some(5));
    }

    #[test]
    fn errors_keep_code_and_text() {
        let frame = br#"{"id":7,"status":400,"error":{"code":-2011,"msg":"Unknown order sent.","data":{}}}"#;
        let answer = decode(frame).expect("an answer");
        let expected = Body::Error {
            code: -2011,
            msg: "Unknown order sent.".into(),
            retry_at: None,
        };
        assert_eq!(
            (answer.id, answer.status, answer.body),
            (Some(7), 400, expected)
        );
    }

    #[test]
    fn the_instant_of_a_limit_is_kept() {
        let frame = br#"{"id":7,"status":429,"error":{"code":-1003,"msg":"Too many","data":{"serverTime":1,"retryAfter":1700000060000}}}"#;
        let Ok(Answer {
            body: Body::Error { retry_at, .. },
            ..
        }) = decode(frame)
        else {
            panic!("an error");
        };
        assert_eq!(retry_at, Some(Wall::from_millis(1_700_000_060_000)));
    }

    #[test]
    fn a_revoked_key_is_told_without_an_id() {
        let frame = br#"{"id":null,"status":401,"error":{"code":-2015,"msg":"Invalid API-key"}}"#;
        let answer = decode(frame).expect("an answer");
        assert_eq!((answer.id, answer.status), (None, 401));
    }

    #[test]
    fn an_empty_result_is_a_result() {
        let answer = decode(br#"{"id":1,"status":200,"result":{}}"#).expect("an answer");
        assert_eq!(answer.body, Body::Result(b"{}"));
    }

    #[test]
    fn frames_that_answer_nothing_are_shape_errors() {
        for frame in [
            &b""[..],
            b"{}",
            b"[]",
            b"null",
            br#"{"id":1}"#,
            br#"{"id":1,"result":{}}"#,
            br#"{"id":1,"status":70000,"result":{}}"#,
            br#"{"id":1,"status":200"#,
        ] {
            assert_eq!(decode(frame), Err(Malformed::Shape));
        }
    }
}
