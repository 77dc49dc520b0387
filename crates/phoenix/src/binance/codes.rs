//! Owns what an answer that is not a success means: (HTTP status, code, text, kind of request) to one of
//! the three outcomes (protocol §6.3, §7); knows nothing of retries or budgets.
//!
//! The rule behind the table: a request that may have changed orders and was not *certainly* refused is
//! `Unknown`. A request that changes nothing is never unknown: asking again is always safe.

use super::decode::rest::BodyError;
use super::decode::wire::{Text, json};
use super::decode::ws_api::{Answer, Body};
use phoenix_core::event::{Outcome, Refusal, Why};
use phoenix_core::units::{Span, Wall};
use serde::Deserialize;

/// What a request could have done.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum RequestKind {
    /// A new order.
    Place,
    /// A change of an order.
    Amend,
    /// The end of one or more orders named by id.
    Cancel,
    /// The end of all orders of a symbol.
    CancelAll,
    /// Setting the dead-man countdown.
    DeadMan,
    /// A setting of the account (leverage, margin type).
    Setting,
    /// Getting, renewing or closing the listen key.
    ListenKey,
    /// One order's state.
    Query,
    /// Anything else that only reads.
    Read,
}

impl RequestKind {
    /// All.
    pub const ALL: [Self; 9] = [
        Self::Place,
        Self::Amend,
        Self::Cancel,
        Self::CancelAll,
        Self::DeadMan,
        Self::Setting,
        Self::ListenKey,
        Self::Query,
        Self::Read,
    ];

    /// Whether it may have done something by the time its answer got lost.
    #[must_use]
    pub const fn changes_state(self) -> bool {
        match self {
            Self::Place
            | Self::Amend
            | Self::Cancel
            | Self::CancelAll
            | Self::DeadMan
            | Self::Setting => true,
            Self::ListenKey | Self::Query | Self::Read => false,
        }
    }
}

/// What a code says about the request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// Certainly not done.
    Refused(Why),
    /// It may have been done. For requests that change nothing: a transient failure.
    Open,
}

use Verdict::{Open, Refused};

/// Every code of protocol §7 (and the settings codes of §4.5), ascending by distance from zero: first and
/// last code of a range, and its verdict.
const TABLE: &[(i32, i32, Verdict)] = &[
    (-1000, -1000, Open),
    // Certain only in the exchange's documents and only as HTTP 503; see `outcome_of_503`.
    (-1001, -1001, Open),
    (-1002, -1002, Refused(Why::Auth)),
    (-1003, -1003, Refused(Why::Weight)),
    (-1006, -1007, Open),
    (-1008, -1008, Refused(Why::Throttled)),
    (-1010, -1010, Refused(Why::Rejected)),
    (-1011, -1011, Refused(Why::Auth)),
    (-1013, -1014, Refused(Why::Rejected)),
    (-1015, -1015, Refused(Why::OrderRate)),
    (-1016, -1016, Refused(Why::Transient)),
    (-1020, -1020, Refused(Why::Rejected)),
    (-1021, -1021, Refused(Why::Clock)),
    (-1022, -1022, Refused(Why::Auth)),
    (-1099, -1099, Refused(Why::Rejected)),
    (-1100, -1106, Refused(Why::Rejected)),
    (-1111, -1111, Refused(Why::Rejected)),
    (-1114, -1121, Refused(Why::Rejected)),
    (-1122, -1122, Refused(Why::SymbolHalted)),
    (-1125, -1125, Refused(Why::ListenKey)),
    (-1128, -1128, Refused(Why::Rejected)),
    (-1130, -1130, Refused(Why::Rejected)),
    (-1136, -1136, Refused(Why::Rejected)),
    // The text says which of several reasons it is; see `why_of_2010`.
    (-2010, -2010, Refused(Why::Rejected)),
    (-2011, -2011, Refused(Why::NoSuchOrder)),
    // Some of the batch may be cancelled.
    (-2012, -2012, Open),
    (-2013, -2013, Refused(Why::NoSuchOrder)),
    (-2014, -2015, Refused(Why::Auth)),
    (-2017, -2017, Refused(Why::Auth)),
    (-2018, -2019, Refused(Why::Margin)),
    (-2020, -2021, Refused(Why::Rejected)),
    (-2022, -2022, Refused(Why::ReduceOnly)),
    (-2023, -2023, Refused(Why::Account)),
    (-2024, -2024, Refused(Why::ReduceOnly)),
    (-2025, -2025, Refused(Why::TooManyOpen)),
    (-2026, -2026, Refused(Why::Rejected)),
    (-2027, -2028, Refused(Why::Margin)),
    (-4001, -4015, Refused(Why::Rejected)),
    (-4016, -4016, Refused(Why::PriceBand)),
    (-4023, -4023, Refused(Why::Rejected)),
    (-4024, -4024, Refused(Why::PriceBand)),
    (-4028, -4028, Refused(Why::Rejected)),
    (-4045, -4045, Refused(Why::TooManyOpen)),
    (-4046, -4046, Refused(Why::NoChange)),
    (-4047, -4048, Refused(Why::Rejected)),
    (-4059, -4059, Refused(Why::NoChange)),
    (-4061, -4061, Refused(Why::Account)),
    (-4062, -4062, Refused(Why::Rejected)),
    (-4067, -4068, Refused(Why::Rejected)),
    (-4082, -4082, Refused(Why::Rejected)),
    (-4083, -4083, Open),
    (-4087, -4088, Refused(Why::Account)),
    // The last of them: being delivered or settled, closed, or not open yet.
    (-4104, -4108, Refused(Why::SymbolHalted)),
    (-4109, -4109, Refused(Why::Account)),
    (-4116, -4116, Refused(Why::Duplicate)),
    (-4117, -4117, Refused(Why::Transient)),
    (-4118, -4118, Refused(Why::ReduceOnly)),
    (-4120, -4120, Refused(Why::Rejected)),
    (-4131, -4131, Refused(Why::PriceBand)),
    (-4140, -4141, Refused(Why::SymbolHalted)),
    (-4161, -4161, Refused(Why::Rejected)),
    (-4164, -4164, Refused(Why::Rejected)),
    (-4167, -4170, Refused(Why::Rejected)),
    (-4171, -4171, Refused(Why::NoChange)),
    (-4172, -4172, Refused(Why::Rejected)),
    (-4183, -4184, Refused(Why::Rejected)),
    (-4189, -4189, Refused(Why::Account)),
    (-4192, -4192, Refused(Why::Account)),
    (-4210, -4211, Refused(Why::Rejected)),
    (-4400, -4401, Refused(Why::ReduceOnlyMode)),
    (-4402, -4403, Refused(Why::Account)),
    (-4531, -4531, Refused(Why::Transient)),
    (-5021, -5021, Refused(Why::Rejected)),
    (-5022, -5022, Refused(Why::WouldTake)),
    (-5024, -5024, Refused(Why::SymbolHalted)),
    (-5025, -5026, Refused(Why::AmendImpossible)),
    (-5027, -5027, Refused(Why::NoChange)),
    (-5028, -5028, Refused(Why::Transient)),
    (-5029, -5029, Refused(Why::Rejected)),
    (-5037, -5040, Refused(Why::Rejected)),
    (-5041, -5041, Refused(Why::Transient)),
    (-5043, -5043, Refused(Why::AmendPending)),
    (-5047, -5047, Refused(Why::Rejected)),
];

/// What the table says about a code; `None` for one that it does not list.
#[must_use]
pub fn verdict(code: i32) -> Option<Verdict> {
    TABLE
        .iter()
        .find(|(first, last, _)| (*last..=*first).contains(&code))
        .map(|(_, _, verdict)| *verdict)
}

/// What is known about an answer besides its body.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Context {
    /// What was asked.
    pub kind: RequestKind,
    /// Exchange time now, to turn an instant ("banned until") into a length.
    pub now: Wall,
    /// The `Retry-After` header.
    pub retry_after: Option<Span>,
}

/// An error as the exchange words it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ErrorText<'a> {
    /// HTTP status, or `status` of the WebSocket API.
    pub status: u16,
    /// The exchange's code; 0 when there was none.
    pub code: i32,
    /// Its text, or the body when it was no JSON.
    pub msg: &'a str,
}

const UNKNOWN_503: &str = "Unknown error, please check your request or try again later";
const INTERNAL_503: &str = "Internal error; unable to process your request";
const UNAVAILABLE_503: &str = "Service Unavailable";
/// Shortest ban of an address (protocol §6.3), taken when the answer does not say until when.
pub const BAN_MIN: Span = Span::from_secs(120);
/// How long a block by the firewall is respected; the exchange does not say.
pub const FIREWALL_PAUSE: Span = Span::from_secs(60);
/// No wait that an answer asks for is believed beyond this (the longest ban, three days).
pub const RETRY_AFTER_MAX: Span = Span::from_secs(3 * 24 * 3_600);

/// The outcome that an error means for the request.
#[must_use]
pub fn outcome<T>(context: Context, error: ErrorText<'_>) -> Outcome<T> {
    let verdict = match error.status {
        503 => outcome_of_503(error),
        // The exchange's own time-out: it may have gone through. No code can make it certain.
        408 => Open,
        // A banned address is refused whatever the request was.
        418 => Refused(Why::Weight),
        _ => match verdict(error.code) {
            Some(Refused(Why::Rejected)) if error.code == -2010 => Refused(why_of_2010(error.msg)),
            Some(known) => known,
            None => of_status(error),
        },
    };
    match verdict {
        Refused(why) => Outcome::Refused(refusal(context, error, why)),
        Open if context.kind.changes_state() => Outcome::Unknown,
        Open => Outcome::Refused(refusal(context, error, Why::Transient)),
    }
}

/// HTTP 503 is told apart by its text (protocol §7): "Unknown error" was accepted and may have been
/// carried out; "Service Unavailable" and "Internal error; unable to process" are certain failures.
fn outcome_of_503(error: ErrorText<'_>) -> Verdict {
    if error.msg.contains(UNKNOWN_503) {
        return Open;
    }
    match verdict(error.code) {
        Some(Refused(why)) => Refused(why),
        Some(Open) | None => {
            if error.msg.contains(INTERNAL_503) || error.msg.contains(UNAVAILABLE_503) {
                Refused(Why::Transient)
            } else {
                Open
            }
        }
    }
}

/// −2010 stands for whatever the matching engine disliked; only the text tells.
fn why_of_2010(msg: &str) -> Why {
    let msg = msg.to_ascii_lowercase();
    if msg.contains("immediately match") || msg.contains("post only") {
        Why::WouldTake
    } else if msg.contains("duplicate") {
        Why::Duplicate
    } else if msg.contains("balance") || msg.contains("margin") {
        Why::Margin
    } else if msg.contains("reduce") {
        Why::ReduceOnly
    } else {
        Why::Rejected
    }
}

/// A code that the table does not list, or none at all: the status decides.
fn of_status(error: ErrorText<'_>) -> Verdict {
    match error.status {
        418 | 429 | 403 => Refused(Why::Weight),
        401 => Refused(Why::Auth),
        // With a code the exchange looked at the request and said no; so did a path it does not have.
        400..=499 => Refused(Why::Rejected),
        // A "success" that carries an error is a refusal of one element of a batch.
        200..=299 if error.code < 0 => Refused(Why::Rejected),
        _ => Open,
    }
}

fn refusal(context: Context, error: ErrorText<'_>, why: Why) -> Refusal {
    let code = if error.code == 0 {
        i32::from(error.status)
    } else {
        error.code
    };
    let said = banned_until(error.msg)
        .map(|until| Span(until.0.saturating_sub(context.now.0)))
        .filter(|span| span.is_positive())
        .max(context.retry_after.filter(|span| span.is_positive()));
    // "Retry after 0 s" names no wait: taken at its word it would make a loop of refusals.
    let retry_after = said.or_else(|| implied_wait(context, error, why));
    Refusal {
        why,
        code,
        retry_after: retry_after.unwrap_or(Span::ZERO).min(RETRY_AFTER_MAX),
    }
}

/// Waits that follow from the exchange's rules when its answer names none: limits count in windows that
/// end with the minute or the ten seconds (protocol §6.1).
fn implied_wait(context: Context, error: ErrorText<'_>, why: Why) -> Option<Span> {
    match why {
        Why::Weight => Some(match error.status {
            418 => BAN_MIN,
            403 => FIREWALL_PAUSE,
            _ => until_window_end(context.now, Span::from_secs(60)),
        }),
        Why::OrderRate => {
            let minute = error.msg.contains("MINUTE") || error.msg.contains("minute");
            let window = Span::from_secs(if minute { 60 } else { 10 });
            Some(until_window_end(context.now, window))
        }
        Why::NotSent
        | Why::WouldTake
        | Why::NoSuchOrder
        | Why::Duplicate
        | Why::Throttled
        | Why::Transient
        | Why::Clock
        | Why::Margin
        | Why::ReduceOnly
        | Why::TooManyOpen
        | Why::PriceBand
        | Why::Rejected
        | Why::NoChange
        | Why::AmendPending
        | Why::AmendImpossible
        | Why::ListenKey
        | Why::SymbolHalted
        | Why::ReduceOnlyMode
        | Why::Auth
        | Why::Account => None,
    }
}

fn until_window_end(now: Wall, window: Span) -> Span {
    Span(window.0 - now.0.rem_euclid(window.0))
}

/// The instant in "… IP banned until 1573478400000 …" (protocol §6.3).
#[must_use]
pub fn banned_until(msg: &str) -> Option<Wall> {
    let (_, rest) = msg.split_once("banned until")?;
    let digits = rest.trim_start_matches(|c: char| !c.is_ascii_digit());
    let len = digits.bytes().take_while(u8::is_ascii_digit).count();
    let ms: i64 = digits.get(..len)?.parse().ok()?;
    (ms > 0).then(|| Wall::from_millis(ms))
}

#[derive(Deserialize)]
struct WireError<'a> {
    code: Option<i32>,
    #[serde(borrow, default)]
    msg: Text<'a>,
}

/// The outcome of a whole REST answer. `decode` reads the body of a success.
///
/// A success whose body cannot be read is `Unknown` for a request that changes something: it was done,
/// but not as we can tell. The second value says what was wrong with the body, for the log.
pub fn rest_outcome<T>(
    context: Context,
    status: u16,
    body: &[u8],
    decode: impl FnOnce(&[u8]) -> Result<T, BodyError>,
) -> (Outcome<T>, Option<BodyError>) {
    let wire: Option<WireError<'_>> = json(body).ok();
    let code = wire.as_ref().and_then(|w| w.code).unwrap_or(0);
    if (200..=299).contains(&status) && code >= 0 {
        return match decode(body) {
            Ok(value) => (Outcome::Accepted(value), None),
            Err(why) => (unreadable(context, status), Some(why)),
        };
    }
    let text = String::from_utf8_lossy(body);
    let msg = wire.as_ref().map_or(text.as_ref(), |w| w.msg.as_str());
    (outcome(context, ErrorText { status, code, msg }), None)
}

/// The outcome of a whole WebSocket-API answer; as [`rest_outcome`].
pub fn ws_outcome<T>(
    context: Context,
    answer: &Answer<'_>,
    decode: impl FnOnce(&[u8]) -> Result<T, BodyError>,
) -> (Outcome<T>, Option<BodyError>) {
    match &answer.body {
        Body::Result(result) => rest_outcome(context, answer.status, result, decode),
        Body::Error {
            code,
            msg,
            retry_at,
        } => {
            let wait = retry_at.map(|at| Span(at.0.saturating_sub(context.now.0)));
            let context = Context {
                retry_after: wait.filter(|w| w.is_positive()).max(context.retry_after),
                ..context
            };
            let error = ErrorText {
                status: answer.status,
                code: *code,
                msg,
            };
            (outcome(context, error), None)
        }
    }
}

fn unreadable<T>(context: Context, status: u16) -> Outcome<T> {
    if context.kind.changes_state() {
        return Outcome::Unknown;
    }
    Outcome::Refused(Refusal {
        why: Why::Transient,
        code: i32::from(status),
        retry_after: Span::ZERO,
    })
}

#[cfg(test)]
mod tests;
