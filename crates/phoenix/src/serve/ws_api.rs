//! Owns one session of the WebSocket API (protocol §5.4): methods, logon, answers; carries out nothing itself but calls the REST endpoints.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use phoenix_exchange::api::{AccountId, IpKey, RateUsage};
use phoenix_exchange::{Cost, LimitConfig};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::auth::{Scheme, check_time};
use super::faults::RequestEffect;
use super::json::{Object, array};
use super::params::{Params, signed_tokens};
use super::refusal::Refusal;
use super::rest::{self, Answer, Endpoint, Proof, Security};
use super::shared::{Shared, ip_key};
use super::venue::{Venue, ms};
use super::witness::RequestNote;

/// Weight of opening a connection (protocol §1.4).
pub const HANDSHAKE_WEIGHT: u32 = 5;
/// Weight of the session methods.
const SESSION_WEIGHT: u32 = 2;

/// Each method and the endpoint that does the same.
const METHODS: [(&str, &str, &str); 19] = [
    ("order.place", "POST", "/fapi/v1/order"),
    ("order.modify", "PUT", "/fapi/v1/order"),
    ("order.cancel", "DELETE", "/fapi/v1/order"),
    ("order.status", "GET", "/fapi/v1/order"),
    ("algoOrder.place", "POST", "/fapi/v1/algoOrder"),
    ("algoOrder.cancel", "DELETE", "/fapi/v1/algoOrder"),
    ("account.position", "GET", "/fapi/v2/positionRisk"),
    ("v2/account.position", "GET", "/fapi/v3/positionRisk"),
    ("account.balance", "GET", "/fapi/v2/balance"),
    ("v2/account.balance", "GET", "/fapi/v3/balance"),
    ("account.status", "GET", "/fapi/v2/account"),
    ("v2/account.status", "GET", "/fapi/v3/account"),
    ("depth", "GET", "/fapi/v1/depth"),
    ("ticker.price", "GET", "/fapi/v2/ticker/price"),
    ("ticker.book", "GET", "/fapi/v1/ticker/bookTicker"),
    ("userDataStream.start", "POST", "/fapi/v1/listenKey"),
    ("userDataStream.ping", "PUT", "/fapi/v1/listenKey"),
    ("userDataStream.stop", "DELETE", "/fapi/v1/listenKey"),
    ("time", "GET", "/fapi/v1/time"),
];

/// One connection's session.
pub struct ApiSession {
    shared: Arc<Shared>,
    ip: IpKey,
    connected_ms: i64,
    hides_rate_limits: bool,
    logon: Option<Logon>,
}

/// A request that gets no answer because a drill cuts its connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("cut by a drill")]
pub struct Unanswered;

struct Logon {
    account: AccountId,
    api_key: String,
    since_ms: i64,
}

#[derive(Deserialize)]
struct Wire<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    method: Option<String>,
    #[serde(borrow)]
    params: Option<BTreeMap<String, &'a RawValue>>,
}

impl ApiSession {
    /// A session nobody logged on to.
    pub fn new(shared: Arc<Shared>, ip: IpAddr, hides_rate_limits: bool) -> Self {
        let connected_ms = ms(shared.now_us());
        Self {
            shared,
            ip: ip_key(ip),
            connected_ms,
            hides_rate_limits,
            logon: None,
        }
    }

    /// Answers one request frame; every text has an answer unless a drill takes it away.
    ///
    /// # Errors
    /// When a drill cuts the connection instead.
    pub async fn on_text(&mut self, text: &str) -> Result<String, Unanswered> {
        let Ok(wire) = serde_json::from_str::<Wire<'_>>(text) else {
            let refusal = Refusal::new(-1135, "Invalid JSON Request");
            return Ok(self.render("null", &self.refused(refusal), true));
        };
        let id = wire.id.map_or("null", RawValue::get);
        let tokens = wire.params.unwrap_or_default();
        let is_hidden = match tokens.get("returnRateLimits").map(|token| token.get()) {
            Some("false" | "\"false\"") => true,
            Some(_) => false,
            None => self.hides_rate_limits,
        };
        let answer = match Params::from_tokens(&tokens) {
            Ok(params) => {
                let method = wire.method.as_deref().unwrap_or_default();
                self.answer_under_faults(method, &params, &tokens).await?
            }
            Err(refusal) => self.refused(refusal),
        };
        Ok(self.render(id, &answer, is_hidden))
    }

    async fn answer_under_faults(
        &mut self,
        method: &str,
        params: &Params,
        tokens: &BTreeMap<String, &RawValue>,
    ) -> Result<Answer, Unanswered> {
        let shared = Arc::clone(&self.shared);
        let Ok(endpoint) = shared.endpoint_of(method) else {
            return Ok(self.answer(method, params, tokens));
        };
        let account = match (&self.logon, params.value("apiKey")) {
            (Some(logon), None) => Some(logon.account.0),
            (_, api_key) => shared.keys.find(api_key).ok().map(|key| key.account.0),
        };
        let caller = (endpoint.security != Security::None).then_some(account);
        let at_us = shared.now_us();
        let effect = shared.request_effect(endpoint.method, endpoint.path, caller);
        let answer = self
            .answer_under(effect, (method, endpoint), params, tokens)
            .await;
        let (status, code) = match answer.as_ref().map(|answer| &answer.result) {
            Ok(Ok(_)) => (200, 0),
            Ok(Err(refusal)) => (refusal.status, refusal.code),
            Err(Unanswered) => (0, 0),
        };
        let now_us = shared.now_us();
        let note = RequestNote {
            at_us,
            method: endpoint.method.to_owned(),
            path: endpoint.path.to_owned(),
            symbol: params.value("symbol").map(str::to_owned),
            account: caller.flatten(),
            status,
            code,
            took_us: now_us.saturating_sub(at_us),
        };
        shared.lock().witness.on_request(self.ip, note);
        answer
    }

    async fn answer_under(
        &mut self,
        effect: Option<RequestEffect>,
        (method, endpoint): (&str, &Endpoint),
        params: &Params,
        tokens: &BTreeMap<String, &RawValue>,
    ) -> Result<Answer, Unanswered> {
        match effect {
            None => Ok(self.answer(method, params, tokens)),
            Some(RequestEffect::Refuse(refusal)) => Ok(self.refused(refusal)),
            Some(RequestEffect::CarryOutThen(refusal)) => {
                self.answer(method, params, tokens);
                Ok(self.refused(refusal))
            }
            // There are no pages on this line; the status is what is left of them.
            Some(RequestEffect::Say(status, _)) => Ok(self.refused(Refusal::with_status(
                status,
                -1000,
                "An unknown error occurred while processing the request.",
            ))),
            Some(RequestEffect::CarryOutLate(refusal, after)) => {
                self.carry_out_late(endpoint, params, after);
                Ok(self.refused(refusal))
            }
            Some(RequestEffect::Cut) => Err(Unanswered),
            Some(RequestEffect::CarryOutThenCut) => {
                self.answer(method, params, tokens);
                Err(Unanswered)
            }
            Some(RequestEffect::Hold(time)) => {
                tokio::time::sleep(time).await;
                Ok(self.answer(method, params, tokens).after_hold())
            }
            Some(RequestEffect::HoldAnswer(time)) => {
                let answer = self.answer(method, params, tokens);
                tokio::time::sleep(time).await;
                Ok(answer)
            }
        }
    }

    /// Carries out a request of a session when its connection may be gone; one with a signature of its own is not carried out.
    fn carry_out_late(&self, endpoint: &Endpoint, params: &Params, after: Duration) {
        let Some(account) = self.logon.as_ref().map(|logon| logon.account) else {
            return;
        };
        let (shared, ip, params) = (Arc::clone(&self.shared), self.ip, params.clone());
        let (method, path) = (endpoint.method, endpoint.path);
        tokio::spawn(async move {
            tokio::time::sleep(after).await;
            let now_us = shared.now_us();
            let Ok(endpoint) = shared.table.find(method, path) else {
                return;
            };
            let mut venue = shared.lock();
            let proof = Proof::Session(account);
            rest::answer(
                &mut venue,
                &shared.keys,
                endpoint,
                &params,
                &proof,
                (now_us, ip),
            );
        });
    }

    fn answer(
        &mut self,
        method: &str,
        params: &Params,
        tokens: &BTreeMap<String, &RawValue>,
    ) -> Answer {
        match method {
            "session.logon" => self.session(|session, venue| session.logon(venue, params, tokens)),
            "session.status" => self.session(|_, _| Ok(())),
            "session.logout" => self.session(|session, _| {
                session.logon = None;
                Ok(())
            }),
            _ => match self.shared.clone().endpoint_of(method) {
                Ok(endpoint) => self.call(endpoint, params, tokens),
                Err(refusal) => self.refused(refusal),
            },
        }
    }

    fn call(
        &self,
        endpoint: &Endpoint,
        params: &Params,
        tokens: &BTreeMap<String, &RawValue>,
    ) -> Answer {
        let payload;
        let signature = params.value("signature");
        let proof = match (&self.logon, params.value("apiKey"), signature) {
            (Some(logon), None, None) => Proof::Session(logon.account),
            (logon, api_key, signature) => {
                payload = signed_tokens(tokens);
                Proof::Key {
                    api_key: api_key.or(logon.as_ref().map(|logon| logon.api_key.as_str())),
                    signed: signature.map(|signature| (signature, payload.as_bytes())),
                }
            }
        };
        let now_us = self.shared.now_us();
        let mut venue = self.shared.lock();
        rest::answer(
            &mut venue,
            &self.shared.keys,
            endpoint,
            params,
            &proof,
            (now_us, self.ip),
        )
    }

    fn session(&mut self, act: impl FnOnce(&mut Self, &Venue) -> Result<(), Refusal>) -> Answer {
        let shared = Arc::clone(&self.shared);
        let now_us = shared.now_us();
        let mut venue = shared.lock();
        let result = venue
            .exchange
            .admit(now_us, self.ip, None, Cost::weight(SESSION_WEIGHT))
            .map_err(Refusal::from)
            .and_then(|_| act(self, &venue))
            .map(|()| self.status_json(venue.wire_ms(now_us)));
        Answer {
            result,
            usage: venue.exchange.rate_usage(self.ip, None),
            shows_orders: false,
        }
    }

    /// Logs on; only Ed25519 keys may (protocol §5.4).
    fn logon(
        &mut self,
        venue: &Venue,
        params: &Params,
        tokens: &BTreeMap<String, &RawValue>,
    ) -> Result<(), Refusal> {
        let now_us = self.shared.now_us();
        let api_key = params.required("apiKey")?;
        let key = self.shared.keys.find(Some(api_key))?;
        let timestamp = params
            .integer("timestamp")?
            .ok_or_else(|| Refusal::missing("timestamp"))?;
        check_time(
            timestamp,
            params.integer("recvWindow")?,
            venue.wire_ms(now_us),
        )?;
        let scheme = key.verify(
            signed_tokens(tokens).as_bytes(),
            params.required("signature")?,
        )?;
        match scheme {
            Scheme::Ed25519 => {
                self.logon = Some(Logon {
                    account: key.account,
                    api_key: api_key.to_owned(),
                    since_ms: venue.wire_ms(now_us),
                });
                Ok(())
            }
            Scheme::Hmac => Err(Refusal::new(-4056, "HMAC_SHA256 API key is not supported.")),
            Scheme::Rsa => Err(Refusal::new(-4056, "RSA API key is not supported.")),
        }
    }

    fn status_json(&self, server_ms: i64) -> String {
        let object = match &self.logon {
            Some(logon) => Object::new()
                .text("apiKey", &logon.api_key)
                .int("authorizedSince", logon.since_ms),
            None => Object::new()
                .raw("apiKey", "null")
                .raw("authorizedSince", "null"),
        };
        object
            .int("connectedSince", self.connected_ms)
            .truth("returnRateLimits", !self.hides_rate_limits)
            .int("serverTime", server_ms)
            .done()
    }

    fn refused(&self, refusal: Refusal) -> Answer {
        self.shared.refused(self.ip, refusal)
    }

    fn render(&self, id: &str, answer: &Answer, is_hidden: bool) -> String {
        let object = Object::with_capacity(1024).raw("id", id);
        let object = match &answer.result {
            Ok(result) => object.int("status", 200).raw("result", result),
            Err(refusal) => object
                .int("status", refusal.status)
                .raw("error", &self.error_json(refusal)),
        };
        if is_hidden {
            return object.done();
        }
        let limits = self.shared.lock().exchange.limits();
        object
            .raw(
                "rateLimits",
                &rate_limits(&limits, &answer.usage, answer.shows_orders),
            )
            .done()
    }

    fn error_json(&self, refusal: &Refusal) -> String {
        let Some(retry_after_s) = refusal.retry_after_s else {
            return refusal.body();
        };
        let now_ms = ms(self.shared.now_us());
        let wait_ms = i64::try_from(retry_after_s)
            .unwrap_or(0)
            .saturating_mul(1_000);
        let data = Object::new()
            .int("serverTime", now_ms)
            .int("retryAfter", now_ms.saturating_add(wait_ms))
            .done();
        let body = refusal.body();
        format!("{},\"data\":{data}}}", body.trim_end_matches('}'))
    }
}

impl Shared {
    /// The endpoint that does what a WebSocket API method asks.
    fn endpoint_of(&self, method: &str) -> Result<&Endpoint, Refusal> {
        METHODS
            .iter()
            .find(|(known, _, _)| *known == method)
            .map_or_else(
                || Err(Refusal::bad_value("method")),
                |(_, verb, path)| self.table.find(verb, path),
            )
    }
}

fn rate_limits(limits: &LimitConfig, usage: &RateUsage, shows_orders: bool) -> String {
    let row = |kind: &str, interval: &str, num: u32, limit: u32, count: u32| {
        Object::new()
            .text("rateLimitType", kind)
            .text("interval", interval)
            .int("intervalNum", num)
            .int("limit", limit)
            .int("count", count)
            .done()
    };
    let mut rows = vec![row(
        "REQUEST_WEIGHT",
        "MINUTE",
        1,
        limits.weight_1m_max,
        usage.weight_1m,
    )];
    if shows_orders {
        rows.push(row(
            "ORDERS",
            "SECOND",
            10,
            limits.orders_10s_max,
            usage.orders_10s,
        ));
        rows.push(row(
            "ORDERS",
            "MINUTE",
            1,
            limits.orders_1m_max,
            usage.orders_1m,
        ));
    }
    array(rows)
}
