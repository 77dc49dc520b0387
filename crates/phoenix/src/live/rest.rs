//! Owns one thread's REST requests: signs, sends, and turns every ending into one of three outcomes; knows
//! nothing of when to ask.

use super::clock::Clock;
use super::quiet::Quiet;
use super::reach::Reach;
use super::tuning::Tuning;
use super::wire::{OwnedReply, ToHot};
use crate::binance::codes::{Context, RETRY_AFTER_MAX, rest_outcome};
use crate::binance::decode::rest::BodyError;
use crate::binance::encode::Validity;
use crate::binance::encode::rest::{Auth, EncodeError, Endpoint, Method, RestEncoder, Security};
use crate::binance::limits::Used;
use crate::binance::sign::Signer;
use crate::net::http::{Answer, Call, Client, RequestError};
use crate::net::{Endpoint as Host, NetError};
use bytes::Bytes;
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use phoenix_core::event::{Outcome, Refusal, Why};
use phoenix_core::units::{Span, Wall};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

/// REST access for one thread; cheap to clone.
#[derive(Debug, Clone)]
pub struct Rest {
    client: Arc<Client>,
    signer: Arc<Signer>,
    key: Option<HeaderValue>,
    clock: Clock,
    tuning: Tuning,
    quiet: Quiet,
    reach: Reach,
    /// Who is told of the weight that the exchange counts. Weak, so that a request under way keeps no thread alive.
    meter: Option<mpsc::WeakSender<ToHot>>,
}

/// An answer, read.
#[derive(Debug)]
pub struct Read<T> {
    /// What it means.
    pub outcome: Outcome<T>,
    /// Limits used, as the headers say.
    pub used: Used,
}

impl Rest {
    /// Access to `host`; nothing is connected yet.
    ///
    /// # Errors
    /// [`NetError::Url`] when the host cannot be used.
    pub fn new(
        host: Host,
        signer: Arc<Signer>,
        clock: Clock,
        tuning: Tuning,
    ) -> Result<Self, NetError> {
        // A key that is not a header value is sent to nobody; the exchange would refuse it anyway.
        let mut key = HeaderValue::from_str(signer.api_key()).ok();
        if let Some(value) = &mut key {
            value.set_sensitive(true);
        }
        Ok(Self {
            client: Arc::new(Client::new(host)?),
            signer,
            key,
            clock,
            tuning,
            quiet: Quiet::default(),
            reach: Reach::default(),
            meter: None,
        })
    }

    /// The same, telling the hot thread of the weight that the exchange counts for this address.
    #[must_use]
    pub fn metered(&self, hot: &mpsc::Sender<ToHot>) -> Self {
        Self {
            meter: Some(hot.downgrade()),
            ..self.clone()
        }
    }

    /// The same for a thread with a runtime of its own: other connections, but one silence (protocol §6.3) and one network. That thread
    /// reads what its answers say itself.
    #[must_use]
    pub fn on_another_thread(&self) -> Self {
        Self {
            client: Arc::new(self.client.on_another_thread()),
            meter: None,
            ..self.clone()
        }
    }

    /// The clock that stamps requests.
    #[must_use]
    pub const fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Until when the exchange wants no request.
    #[must_use]
    pub const fn quiet(&self) -> &Quiet {
        &self.quiet
    }

    /// Whether the exchange can be reached.
    #[must_use]
    pub const fn reach(&self) -> &Reach {
        &self.reach
    }

    /// Bound on the wait for an answer.
    #[must_use]
    pub fn limit(&self) -> Duration {
        self.tuning.now().request_limit
    }

    /// The shell's parameters.
    #[must_use]
    pub const fn tuning(&self) -> &Tuning {
        &self.tuning
    }

    /// The key that signs.
    #[must_use]
    pub fn signer(&self) -> &Signer {
        &self.signer
    }

    /// Who signs, stamped with the exchange's time now.
    #[must_use]
    pub fn auth(&self) -> Auth<'_> {
        Auth {
            signer: &self.signer,
            validity: Validity {
                timestamp: self.clock.wall(),
                window: self.tuning.recv_window(),
            },
        }
    }

    /// Sends a request target that was written for `endpoint`.
    ///
    /// # Errors
    /// [`RequestError`], sorted by whether it can have had an effect.
    pub async fn send(&self, endpoint: Endpoint, target: &[u8]) -> Result<Answer, RequestError> {
        let path_and_query = std::str::from_utf8(target).map_err(|_| {
            RequestError::NotSent(NetError::Lost("the request is not text".to_owned()))
        })?;
        let header = match endpoint.security() {
            Security::Open => None,
            Security::ApiKey | Security::Signed => self
                .key
                .clone()
                .map(|key| (HeaderName::from_static("x-mbx-apikey"), key)),
        };
        let method = match endpoint.method() {
            Method::Get => hyper::Method::GET,
            Method::Post => hyper::Method::POST,
            Method::Put => hyper::Method::PUT,
            Method::Delete => hyper::Method::DELETE,
        };
        let call = Call {
            method,
            path_and_query,
            header,
            body: Bytes::new(),
            limit: self.tuning.now().request_limit,
        };
        let result = self.client.send(call).await;
        match &result {
            Ok(_) => self.reach.on_answered(),
            Err(_) => self.reach.on_failed(),
        }
        result
    }

    /// Turns an ending into an outcome; a body that cannot be read is logged here.
    pub fn read<T>(
        &self,
        endpoint: Endpoint,
        result: Result<Answer, RequestError>,
        decode: impl FnOnce(&[u8]) -> Result<T, BodyError>,
    ) -> Read<T> {
        let answer = match result {
            Ok(answer) => answer,
            Err(error) => {
                return Read {
                    outcome: unanswered(endpoint, &error),
                    used: Used::default(),
                };
            }
        };
        let mut used = Used::default();
        for (name, value) in &answer.headers {
            used.on_header(name.as_str(), value.as_bytes());
        }
        self.report(used);
        let context = self.context(endpoint, &answer.headers);
        let status = answer.status.as_u16();
        let (outcome, wrong) = rest_outcome(context, status, &answer.body, decode);
        if let Outcome::Refused(refusal) = &outcome {
            self.quiet.on_refused(status, refusal);
        }
        if let Some(why) = wrong {
            tracing::warn!(path = endpoint.path(), %why, "an answer could not be read");
        }
        Read { outcome, used }
    }

    /// A full queue loses it: the next answer says more.
    fn report(&self, used: Used) {
        let hot = self.meter.as_ref().and_then(mpsc::WeakSender::upgrade);
        if let (Some(hot), Some(weight)) = (hot, used.weight_1m) {
            let _ = hot.try_send(ToHot::Reply(OwnedReply::Weight(weight)));
        }
    }

    /// What is known about an answer besides its body.
    #[must_use]
    pub fn context(&self, endpoint: Endpoint, headers: &HeaderMap) -> Context {
        let now = self.clock.wall();
        Context {
            kind: endpoint.kind(),
            now,
            retry_after: headers
                .get("retry-after")
                .and_then(|v| retry_after(v.to_str().ok()?.trim(), now)),
        }
    }

    /// Writes, sends and reads one request; while the exchange wants silence it is refused without being sent.
    pub async fn ask<T>(
        &self,
        write: impl FnOnce(&mut RestEncoder, Auth<'_>, &mut Vec<u8>) -> Result<Endpoint, EncodeError>,
        decode: impl FnOnce(&[u8]) -> Result<T, BodyError>,
    ) -> Read<T> {
        if let Some(refusal) = self.quiet.refusal() {
            return Read {
                outcome: Outcome::Refused(refusal),
                used: Used::default(),
            };
        }
        let mut target = Vec::with_capacity(256);
        let endpoint = match write(&mut RestEncoder::default(), self.auth(), &mut target) {
            Ok(endpoint) => endpoint,
            Err(error) => {
                tracing::error!(%error, "a request could not be written");
                return Read {
                    outcome: Outcome::Refused(refusal(Why::NotSent)),
                    used: Used::default(),
                };
            }
        };
        let result = self.send(endpoint, &target).await;
        self.read(endpoint, result, decode)
    }
}

/// `Retry-After` in both forms that HTTP knows: seconds, or a date. A wait beyond [`RETRY_AFTER_MAX`] is cut
/// to it, never ignored.
fn retry_after(text: &str, now: Wall) -> Option<Span> {
    if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        let most = RETRY_AFTER_MAX.raw() / 1_000_000_000;
        let seconds = text.parse::<i64>().unwrap_or(most).min(most);
        return Some(Span::from_secs(seconds));
    }
    let at = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
    let wait = Wall::from_millis(at.as_millisecond()).raw() - now.raw();
    Some(Span(wait.clamp(0, RETRY_AFTER_MAX.raw())))
}

/// A refusal that came from this side.
#[must_use]
pub const fn refusal(why: Why) -> Refusal {
    Refusal {
        why,
        code: 0,
        retry_after: Span::ZERO,
    }
}

fn unanswered<T>(endpoint: Endpoint, error: &RequestError) -> Outcome<T> {
    tracing::debug!(path = endpoint.path(), %error, "no answer");
    match error {
        RequestError::NotSent(_) => Outcome::Refused(refusal(Why::NotSent)),
        RequestError::Unknown(_) if endpoint.kind().changes_state() => Outcome::Unknown,
        RequestError::Unknown(_) => Outcome::Refused(refusal(Why::Transient)),
    }
}

#[cfg(test)]
mod tests;
