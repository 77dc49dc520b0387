//! Owns the conversation with the exchange over REST: signatures, clock, retries and silences; does not know what is done with the answers.
//!
//! Every call takes the instant by which it must have ended. Until then it repeats what failed for a reason that passes, keeps exactly the
//! silence that the exchange asks for, and says what it waits for through [`Venue::on_note`].

pub mod answer;
pub mod model;
pub mod outcome;

use std::fmt;
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::clock;
use crate::http::{Http, Method};
use crate::key::{Key, percent_encoded};
use answer::{ErrorBody, Verdict, judge};
use model::{ExchangeInfo, Order, Position, ReduceOrder, Rules, Touch};
pub use outcome::{ATTEMPTS_MAX, ClockOffset, Note, Patience, Quiet, VenueError};

/// One attempt's time limit. The exchange answers within a tenth of it; one that does not is asked again.
const ATTEMPT_LIMIT: Duration = Duration::from_millis(2_500);
/// The same for the one long answer.
const LONG_ATTEMPT_LIMIT: Duration = Duration::from_secs(10);
/// Pause after the first unclear attempt; it doubles up to the longest.
const PAUSE_MIN: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(2);
/// Silence after a 429 or 418 that does not say how long.
const LIMITED_DEFAULT: Duration = Duration::from_secs(5);
const BANNED_DEFAULT: Duration = Duration::from_secs(120);
/// Shortest silence: a stated end of now, or one that has passed already, must not become a storm of requests.
const QUIET_MIN: Duration = Duration::from_secs(1);
/// Measurements of the exchange's clock; the one with the shortest round trip counts.
const CLOCK_SAMPLES: u32 = 3;
/// Orders cancelled by one request (protocol §4.4).
pub const CANCEL_BATCH_MAX: usize = 10;

/// What a client needs.
#[derive(Debug)]
pub struct VenueSetup {
    /// Base address of REST, without a path.
    pub rest_url: String,
    /// The account's key.
    pub key: Key,
    /// How late a request may arrive.
    pub recv_window: Duration,
}

/// A blocking client of one account.
pub struct Venue {
    http: Http,
    setup: VenueSetup,
    offset_ms: i64,
    quiet: Option<Quiet>,
    on_note: Box<dyn FnMut(&Note) + Send>,
}

impl fmt::Debug for Venue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Venue")
            .field("setup", &self.setup)
            .finish_non_exhaustive()
    }
}

/// One request, before it gets time stamp and signature.
#[derive(Clone, Copy)]
struct Request<'a> {
    method: Method,
    path: &'a str,
    params: &'a str,
    is_signed: bool,
    limit: Duration,
}

impl<'a> Request<'a> {
    const fn signed(method: Method, path: &'a str, params: &'a str) -> Self {
        Self {
            method,
            path,
            params,
            is_signed: true,
            limit: ATTEMPT_LIMIT,
        }
    }

    const fn open(path: &'a str, params: &'a str) -> Self {
        Self {
            method: Method::Get,
            path,
            params,
            is_signed: false,
            limit: ATTEMPT_LIMIT,
        }
    }
}

impl Venue {
    /// A client that has not spoken yet.
    #[must_use]
    pub fn new(setup: VenueSetup) -> Self {
        Self {
            http: Http::new(),
            setup,
            offset_ms: 0,
            quiet: None,
            on_note: Box::new(|_| {}),
        }
    }

    /// Who is told what calls meet on their way.
    pub fn on_note(&mut self, listener: impl FnMut(&Note) + Send + 'static) {
        self.on_note = Box::new(listener);
    }

    /// The silence that the exchange asked for, if it lasts still.
    #[must_use]
    pub fn quiet(&self) -> Option<Quiet> {
        self.quiet.filter(|quiet| quiet.until > clock::now())
    }

    /// Measures the exchange's clock and stamps with it from now on.
    ///
    /// # Errors
    /// [`VenueError`] when no measurement succeeded.
    pub fn sync_clock(&mut self, patience: Patience) -> Result<ClockOffset, VenueError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Time {
            server_time: i64,
        }
        let mut best: Option<ClockOffset> = None;
        for _ in 0..CLOCK_SAMPLES {
            let (sent, sent_ms) = (clock::now(), clock::wall_ms());
            let attempt = Request::open("/fapi/v1/time", "");
            let asked: Result<Time, VenueError> = self.ask(attempt, patience.with_attempts(2));
            let sample = match asked {
                Ok(time) => {
                    let round_trip_ms =
                        i64::try_from(sent.elapsed().as_millis()).unwrap_or(i64::MAX);
                    ClockOffset {
                        offset_ms: time.server_time - sent_ms - round_trip_ms / 2,
                        round_trip_ms,
                    }
                }
                Err(error) if best.is_none() => return Err(error),
                Err(_) => break,
            };
            if best.is_none_or(|best| sample.round_trip_ms < best.round_trip_ms) {
                best = Some(sample);
            }
        }
        let Some(best) = best else {
            let last = "no measurement".to_owned();
            return Err(VenueError::Silent { last });
        };
        self.offset_ms = best.offset_ms;
        Ok(best)
    }

    /// Open orders of one symbol (weight 1), or of all (weight 40).
    ///
    /// # Errors
    /// [`VenueError`].
    pub fn open_orders(
        &mut self,
        symbol: Option<&str>,
        patience: Patience,
    ) -> Result<Vec<Order>, VenueError> {
        let params = symbol.map(of_symbol).unwrap_or_default();
        let request = Request::signed(Method::Get, "/fapi/v1/openOrders", &params);
        self.ask(request, patience)
    }

    /// Orders of a symbol from this number on, however they ended (weight 5, at most 1000).
    ///
    /// # Errors
    /// [`VenueError`].
    pub fn orders_since(
        &mut self,
        symbol: &str,
        order_id: i64,
        patience: Patience,
    ) -> Result<Vec<Order>, VenueError> {
        let params = format!("{}&orderId={order_id}&limit=1000", of_symbol(symbol));
        let request = Request::signed(Method::Get, "/fapi/v1/allOrders", &params);
        self.ask(request, patience)
    }

    /// One order by its client id (weight 1).
    ///
    /// # Errors
    /// [`VenueError`]; `Refused` with −2013 when the exchange does not know it, or not yet.
    pub fn order(
        &mut self,
        symbol: &str,
        client_id: &str,
        patience: Patience,
    ) -> Result<Order, VenueError> {
        let params = format!("{}&origClientOrderId={client_id}", of_symbol(symbol));
        let request = Request::signed(Method::Get, "/fapi/v1/order", &params);
        self.ask(request, patience)
    }

    /// Cancels every order of the account on a symbol, whoever placed it (weight 1).
    ///
    /// # Errors
    /// [`VenueError`].
    pub fn cancel_all(&mut self, symbol: &str, patience: Patience) -> Result<(), VenueError> {
        let params = of_symbol(symbol);
        let request = Request::signed(Method::Delete, "/fapi/v1/allOpenOrders", &params);
        let _said: serde_json::Value = self.ask(request, patience)?;
        Ok(())
    }

    /// Cancels up to [`CANCEL_BATCH_MAX`] orders of a symbol by their numbers (weight 1). One result for each, in their order.
    /// An order that is not there any more is `Refused` with −2011.
    ///
    /// # Errors
    /// [`VenueError`] when the request as a whole had no clear answer.
    pub fn cancel_batch(
        &mut self,
        symbol: &str,
        order_ids: &[i64],
        patience: Patience,
    ) -> Result<Vec<Result<Order, VenueError>>, VenueError> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Element {
            Order(Box<Order>),
            Error(ErrorBody),
        }
        let ids: Vec<String> = order_ids
            .iter()
            .take(CANCEL_BATCH_MAX)
            .map(i64::to_string)
            .collect();
        let list = percent_encoded(&format!("[{}]", ids.join(",")));
        let params = format!("{}&orderIdList={list}", of_symbol(symbol));
        let request = Request::signed(Method::Delete, "/fapi/v1/batchOrders", &params);
        let elements: Vec<Element> = self.ask(request, patience)?;
        let one = |element| match element {
            Element::Order(order) => Ok(*order),
            Element::Error(ErrorBody { code, msg }) => Err(VenueError::Refused { code, msg }),
        };
        Ok(elements.into_iter().map(one).collect())
    }

    /// Cancels one order by its client id (weight 1).
    ///
    /// # Errors
    /// [`VenueError`]; `Refused` with −2011 when it is not there any more.
    pub fn cancel(
        &mut self,
        symbol: &str,
        client_id: &str,
        patience: Patience,
    ) -> Result<Order, VenueError> {
        let params = format!("{}&origClientOrderId={client_id}", of_symbol(symbol));
        let request = Request::signed(Method::Delete, "/fapi/v1/order", &params);
        self.ask(request, patience)
    }

    /// Positions of the account; symbols without one may be missing (weight 5).
    ///
    /// # Errors
    /// [`VenueError`].
    pub fn positions(&mut self, patience: Patience) -> Result<Vec<Position>, VenueError> {
        let request = Request::signed(Method::Get, "/fapi/v3/positionRisk", "");
        self.ask(request, patience)
    }

    /// The best prices of a symbol (weight 2).
    ///
    /// # Errors
    /// [`VenueError`].
    pub fn touch(&mut self, symbol: &str, patience: Patience) -> Result<Touch, VenueError> {
        let params = of_symbol(symbol);
        self.ask(
            Request::open("/fapi/v1/ticker/bookTicker", &params),
            patience,
        )
    }

    /// What orders of each symbol must keep (weight 1; a long answer).
    ///
    /// # Errors
    /// [`VenueError`].
    pub fn rules(&mut self, patience: Patience) -> Result<Vec<Rules>, VenueError> {
        let request = Request {
            limit: LONG_ATTEMPT_LIMIT,
            ..Request::open("/fapi/v1/exchangeInfo", "")
        };
        let info: ExchangeInfo = self.ask(request, patience)?;
        Ok(info.symbols.into_iter().map(Rules::from).collect())
    }

    /// Sends an order that can only reduce, once: what becomes of an attempt without a clear answer must be asked before another is made.
    ///
    /// # Errors
    /// [`VenueError`]; where [`VenueError::is_unknown`], the order may be at the exchange.
    pub fn reduce(&mut self, order: &ReduceOrder, patience: Patience) -> Result<Order, VenueError> {
        let params = order.params();
        let request = Request::signed(Method::Post, "/fapi/v1/order", &params);
        self.ask(request, patience.with_attempts(1))
    }

    /// Arms the exchange's dead-man switch of a symbol, or disarms it with zero (weight 10).
    ///
    /// # Errors
    /// [`VenueError`].
    pub fn arm_dead_man(
        &mut self,
        symbol: &str,
        countdown: Duration,
        patience: Patience,
    ) -> Result<(), VenueError> {
        let params = format!(
            "{}&countdownTime={}",
            of_symbol(symbol),
            countdown.as_millis()
        );
        let request = Request::signed(Method::Post, "/fapi/v1/countdownCancelAll", &params);
        let _said: serde_json::Value = self.ask(request, patience)?;
        Ok(())
    }

    /// Asks until there is a clear answer, or patience ends.
    fn ask<T: DeserializeOwned>(
        &mut self,
        request: Request<'_>,
        patience: Patience,
    ) -> Result<T, VenueError> {
        let mut pause = PAUSE_MIN;
        let mut attempts = 0;
        let mut is_clock_new = !request.is_signed;
        loop {
            self.keep_quiet(patience.deadline)?;
            let why = match self.attempt(request, patience.deadline)? {
                Verdict::Done(body) => match serde_json::from_str(&body) {
                    Ok(value) => return Ok(value),
                    // A page of somebody in between, or words that nobody expects: it may be better the next time.
                    Err(error) => format!("the answer cannot be read: {error}"),
                },
                Verdict::Limited { retry_after_s } => {
                    let span = retry_after_s.map_or(LIMITED_DEFAULT, Duration::from_secs);
                    self.learn_quiet(span, Severity::Limit);
                    continue;
                }
                Verdict::Banned {
                    retry_after_s,
                    until_ms,
                } => {
                    self.learn_quiet(self.ban_left(retry_after_s, until_ms), Severity::Ban);
                    continue;
                }
                // A refused time stamp means that nothing was done: once, the same again with the clock measured anew.
                Verdict::Clock if !is_clock_new => {
                    is_clock_new = true;
                    let offset_ms = self.sync_clock(patience)?.offset_ms;
                    (self.on_note)(&Note::Clock { offset_ms });
                    continue;
                }
                Verdict::Clock => "the time stamp was refused".to_owned(),
                Verdict::Unclear(why) => why,
                Verdict::Denied { code, msg } => return Err(VenueError::Denied { code, msg }),
                Verdict::Refused { code, msg } => return Err(VenueError::Refused { code, msg }),
            };
            attempts += 1;
            if attempts >= patience.attempts_max || clock::left(patience.deadline) <= pause {
                return Err(VenueError::Silent { last: why });
            }
            let what = format!("{} {}", request.method.word(), request.path);
            (self.on_note)(&Note::Unclear { what, why });
            clock::sleep_within(pause, patience.deadline);
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }

    fn attempt(&self, request: Request<'_>, deadline: Instant) -> Result<Verdict, VenueError> {
        let limit = request.limit.min(clock::left(deadline));
        if limit.is_zero() {
            let last = "there was no time for an attempt".to_owned();
            return Err(VenueError::Silent { last });
        }
        let query = self.query(&request)?;
        let url = format!("{}{}{query}", self.setup.rest_url, request.path);
        let api_key = request.is_signed.then(|| self.setup.key.api_key());
        let sent = self.http.send(request.method, &url, api_key, limit);
        Ok(sent.map_or_else(|lost| Verdict::Unclear(lost.to_string()), judge))
    }

    fn query(&self, request: &Request<'_>) -> Result<String, VenueError> {
        if !request.is_signed {
            return Ok(match request.params {
                "" => String::new(),
                params => format!("?{params}"),
            });
        }
        let joint = if request.params.is_empty() { "" } else { "&" };
        let payload = format!(
            "{}{joint}recvWindow={}&timestamp={}",
            request.params,
            self.setup.recv_window.as_millis(),
            clock::wall_ms() + self.offset_ms
        );
        let signature = self.setup.key.sign(&payload).map_err(|error| {
            let msg = error.to_string();
            VenueError::Denied { code: 0, msg }
        })?;
        Ok(format!("?{payload}&signature={signature}"))
    }

    /// What is left of a ban. The text's end is in the exchange's time, and the longer of the two counts.
    fn ban_left(&self, retry_after_s: Option<u64>, until_ms: Option<i64>) -> Duration {
        let stated = until_ms.map(|until| {
            let left_ms = until - clock::wall_ms() - self.offset_ms;
            Duration::from_millis(u64::try_from(left_ms).unwrap_or(0))
        });
        let header = retry_after_s.map(Duration::from_secs);
        // `None` is less than any span.
        stated.max(header).unwrap_or(BANNED_DEFAULT)
    }

    fn learn_quiet(&mut self, span: Duration, severity: Severity) {
        let span = span.max(QUIET_MIN);
        let quiet = Quiet {
            until: clock::now() + span,
            seconds: span
                .as_millis()
                .div_ceil(1_000)
                .try_into()
                .unwrap_or(u64::MAX),
            is_ban: severity == Severity::Ban,
        };
        self.quiet = Some(quiet);
        (self.on_note)(&Note::Quiet(quiet));
    }

    /// Keeps the silence that was asked for.
    fn keep_quiet(&self, deadline: Instant) -> Result<(), VenueError> {
        let Some(quiet) = self.quiet() else {
            return Ok(());
        };
        if quiet.until >= deadline {
            return Err(VenueError::Quiet(quiet));
        }
        std::thread::sleep(clock::left(quiet.until));
        Ok(())
    }
}

/// Which silence was asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Severity {
    /// 429.
    Limit,
    /// 418.
    Ban,
}

/// Symbols may be written in any script (protocol §4.1).
fn of_symbol(symbol: &str) -> String {
    format!("symbol={}", percent_encoded(symbol))
}

#[cfg(test)]
mod tests;
