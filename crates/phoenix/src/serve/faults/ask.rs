//! Owns reading a fault as it is asked for from outside, a JSON object, with plain words for what makes no sense; knows no kind.

use std::time::Duration;

use phoenix_exchange::decimal;
use serde::Deserialize;

use super::super::hub::{Line, LineSet};
use super::super::streams::Route;
use super::super::venue::Venue;
use super::{Callers, FaultError, Place, StreamSet, Verb};

/// Longest time of a fault, s (an hour).
const SECONDS_MAX: f64 = 3_600.0;
/// Longest delay, ms.
const DELAY_MS_MAX: i64 = 600_000;
/// Longest body of an answer, bytes.
const BODY_MAX: usize = 65_536;

/// A fault as it is asked for. Every parameter but the kind has a default or is not used by the kind.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Ask {
    /// Which of the known kinds.
    pub kind: String,
    /// After how long it ends by itself.
    pub seconds: Option<f64>,
    /// Whose requests or user events; by number, all without.
    pub account: Option<u16>,
    /// Which symbol; all without.
    pub symbol: Option<String>,
    /// Which streams.
    pub streams: Option<String>,
    /// Which sockets.
    pub sockets: Option<String>,
    /// Which group of requests.
    pub requests: Option<String>,
    /// HTTP method, with `path`, in place of a group.
    pub method: Option<String>,
    /// Start of a path, in place of a group.
    pub path: Option<String>,
    /// How often; until it ends without.
    pub times: Option<u32>,
    /// Delay or offset, ms.
    pub ms: Option<i64>,
    /// HTTP status of an answer.
    pub status: Option<u16>,
    /// Code of a refusal.
    pub code: Option<i32>,
    /// Text of a refusal.
    pub msg: Option<String>,
    /// `Retry-After` of an answer, s.
    pub retry_after: Option<u64>,
    /// Body of an answer.
    pub body: Option<String>,
    /// Whether the request is carried out all the same.
    pub carried_out: Option<bool>,
    /// Whether clients are told by an event.
    pub event: Option<bool>,
    /// How: `drop` or `hang`.
    pub mode: Option<String>,
    /// A signed quantity.
    pub by: Option<String>,
    /// On which requests about orders.
    pub verb: Option<String>,
}

/// A complaint about a parameter.
pub fn wrong<T>(text: impl Into<String>) -> Result<T, FaultError> {
    Err(FaultError::Parameter(text.into()))
}

/// The choices of a parameter: its default comes first.
fn choice<T: Clone>(
    name: &str,
    given: Option<&str>,
    choices: &[(&str, T)],
) -> Result<T, FaultError> {
    let found = match given {
        None => choices.first(),
        Some(given) => choices.iter().find(|(word, _)| *word == given),
    };
    match found {
        Some((_, value)) => Ok(value.clone()),
        None => {
            let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
            wrong(format!("{name}: one of {}", words.join(", ")))
        }
    }
}

impl Ask {
    /// `seconds` in µs.
    pub fn lasts_us(&self) -> Result<Option<u64>, FaultError> {
        match self.seconds {
            None => Ok(None),
            Some(seconds) if (0.0..=SECONDS_MAX).contains(&seconds) => {
                let span = Duration::from_secs_f64(seconds).as_micros();
                Ok(u64::try_from(span).ok())
            }
            Some(_) => wrong(format!("seconds: between 0 and {SECONDS_MAX}")),
        }
    }

    /// `ms` as a delay.
    pub fn delay(&self, default_ms: i64) -> Result<Duration, FaultError> {
        match self.ms.unwrap_or(default_ms) {
            ms @ 0..=DELAY_MS_MAX => Ok(Duration::from_millis(ms.unsigned_abs())),
            _ => wrong(format!("ms: between 0 and {DELAY_MS_MAX}")),
        }
    }

    /// `ms` as an offset.
    pub fn offset_ms(&self) -> Result<i64, FaultError> {
        match self.ms {
            Some(ms) if ms.abs() <= DELAY_MS_MAX && ms != 0 => Ok(ms),
            Some(_) | None => wrong(format!("ms: an offset within ±{DELAY_MS_MAX}, not 0")),
        }
    }

    /// `symbol`, if any, as its number.
    pub fn symbol_if_any(&self, venue: &Venue) -> Result<Option<u16>, FaultError> {
        let Some(name) = &self.symbol else {
            return Ok(None);
        };
        match venue.exchange.symbol_id(name) {
            Some(symbol) => Ok(Some(symbol.0)),
            None => wrong(format!("symbol: {name} is not listed here")),
        }
    }

    /// `symbol`; the only one when there is one.
    pub fn symbol(&self, venue: &Venue) -> Result<u16, FaultError> {
        match (self.symbol_if_any(venue)?, venue.pens.len()) {
            (Some(symbol), _) => Ok(symbol),
            (None, 1) => Ok(0),
            (None, _) => wrong("symbol: which one?"),
        }
    }

    /// `account`; the first by default.
    pub fn account_or_first(&self, venue: &Venue) -> Result<u16, FaultError> {
        let account = self.account.unwrap_or(0);
        match venue.exchange.accounts().any(|known| known.0 == account) {
            true => Ok(account),
            false => wrong(format!("account: there is no {account}")),
        }
    }

    /// `streams`; `default` without.
    pub fn streams(&self, default: StreamSet) -> Result<StreamSet, FaultError> {
        let Some(word) = self.streams.as_deref() else {
            return Ok(default);
        };
        if let Some(kind) = word.strip_prefix("user:") {
            return Ok(StreamSet::UserKind(kind.to_owned()));
        }
        choice(
            "streams",
            Some(word),
            &[
                ("all", StreamSet::All),
                ("market-data", StreamSet::MarketData),
                ("public", StreamSet::Route(Route::Public)),
                ("market", StreamSet::Route(Route::Market)),
                ("depth", StreamSet::Depth),
                ("book-ticker", StreamSet::BookTicker),
                ("book", StreamSet::Book),
                ("trades", StreamSet::Trades),
                ("marks", StreamSet::Marks),
                ("user", StreamSet::User),
                ("orders", StreamSet::OrderEvents),
            ],
        )
    }

    /// `sockets`; all by default.
    pub fn sockets(&self) -> Result<LineSet, FaultError> {
        let route = |route| LineSet::One(Line::Streams(route));
        choice(
            "sockets",
            self.sockets.as_deref(),
            &[
                ("all", LineSet::All),
                ("streams", LineSet::Streams),
                ("public", route(Route::Public)),
                ("market", route(Route::Market)),
                ("private", route(Route::Private)),
                ("api", LineSet::One(Line::Api)),
            ],
        )
    }

    /// `method` and `path`, or the places of the group `requests`; `default` without any.
    pub fn places(&self, default: &str) -> Result<Vec<Place>, FaultError> {
        if self.method.is_some() || self.path.is_some() {
            let method = match self.method.as_deref() {
                None => None,
                Some(method) => Some(choice(
                    "method",
                    Some(method),
                    &[
                        ("GET", "GET"),
                        ("POST", "POST"),
                        ("PUT", "PUT"),
                        ("DELETE", "DELETE"),
                    ],
                )?),
            };
            let path = self.path.as_deref().unwrap_or_default();
            return Ok(vec![Place::new(method, path)]);
        }
        let group = self.requests.as_deref().unwrap_or(default);
        let places = GROUPS.iter().find(|(name, _)| *name == group);
        match places {
            Some((_, places)) => Ok(places
                .iter()
                .map(|(method, path)| Place::new(*method, path))
                .collect()),
            None => {
                let names: Vec<&str> = GROUPS.iter().map(|(name, _)| *name).collect();
                wrong(format!("requests: one of {}", names.join(", ")))
            }
        }
    }

    /// Whose requests: those of `account`, or everyone's.
    pub const fn callers(&self) -> Callers {
        match self.account {
            Some(account) => Callers::Account(account),
            None => Callers::All,
        }
    }

    /// `times`; until it ends without.
    pub fn times(&self) -> Result<u32, FaultError> {
        match self.times {
            None => Ok(u32::MAX),
            Some(0) => wrong("times: 1 or more"),
            Some(times) => Ok(times),
        }
    }

    /// `verb`; the given ones without.
    pub fn verbs(&self, default: &[Verb]) -> Result<Vec<Verb>, FaultError> {
        match self.verb.as_deref() {
            None => Ok(default.to_vec()),
            given => choice(
                "verb",
                given,
                &[
                    ("place", vec![Verb::Place]),
                    ("modify", vec![Verb::Modify]),
                    ("cancel", vec![Verb::Cancel]),
                    ("cancel-all", vec![Verb::CancelAll]),
                    ("cancels", vec![Verb::Cancel, Verb::CancelAll]),
                    ("countdown", vec![Verb::Countdown]),
                ],
            ),
        }
    }

    /// `mode` of a gate; `drop` by default.
    pub fn gate_mode(&self) -> Result<super::GateMode, FaultError> {
        choice(
            "mode",
            self.mode.as_deref(),
            &[
                ("drop", super::GateMode::Drop),
                ("hang", super::GateMode::Hang),
            ],
        )
    }

    /// `status` of an answer.
    pub fn status_or(&self, default: u16) -> Result<u16, FaultError> {
        match self.status.unwrap_or(default) {
            status @ 200..=599 => Ok(status),
            _ => wrong("status: between 200 and 599"),
        }
    }

    /// `body` of an answer.
    pub fn body_or(&self, default: &str) -> Result<String, FaultError> {
        match &self.body {
            None => Ok(default.to_owned()),
            Some(body) if body.len() <= BODY_MAX => Ok(body.clone()),
            Some(_) => wrong(format!("body: at most {BODY_MAX} bytes")),
        }
    }

    /// `by`, a signed decimal.
    pub fn by(&self) -> Result<i64, FaultError> {
        let text = self.by.as_deref().unwrap_or_default();
        match decimal::parse(text) {
            Ok(value) if value != 0 => Ok(value),
            Ok(_) | Err(_) => wrong("by: a decimal such as \"0.1\" or \"-0.1\""),
        }
    }
}

type Places = &'static [(Option<&'static str>, &'static str)];

/// Groups of requests by name.
pub const GROUPS: &[(&str, Places)] = &[
    ("all", &[]),
    (
        "orders",
        &[
            (Some("POST"), "/fapi/v1/order"),
            (Some("POST"), "/fapi/v1/batchOrders"),
        ],
    ),
    (
        "cancels",
        &[
            (Some("DELETE"), "/fapi/v1/order"),
            (Some("DELETE"), "/fapi/v1/batchOrders"),
            (Some("DELETE"), "/fapi/v1/allOpenOrders"),
        ],
    ),
    (
        "modifies",
        &[
            (Some("PUT"), "/fapi/v1/order"),
            (Some("PUT"), "/fapi/v1/batchOrders"),
        ],
    ),
    ("queries", &[(Some("GET"), "/fapi/v1/order")]),
    ("open-orders", &[(Some("GET"), "/fapi/v1/openOrders")]),
    (
        "account",
        &[
            (Some("GET"), "/fapi/v1/openOrders"),
            (Some("GET"), "/fapi/v1/userTrades"),
            (Some("GET"), "/fapi/v1/income"),
            (Some("GET"), "/fapi/v2/"),
            (Some("GET"), "/fapi/v3/"),
        ],
    ),
    (
        "book",
        &[
            (Some("GET"), "/fapi/v1/depth"),
            (Some("GET"), "/fapi/v1/ticker/bookTicker"),
        ],
    ),
    ("time", &[(Some("GET"), "/fapi/v1/time")]),
    ("dead-man", &[(Some("POST"), "/fapi/v1/countdownCancelAll")]),
    ("listen-key", &[(None, "/fapi/v1/listenKey")]),
    ("keepalive", &[(Some("PUT"), "/fapi/v1/listenKey")]),
];
