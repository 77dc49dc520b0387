//! Owns the order connection of the WebSocket API: log-on, requests in flight, and the judgement that a
//! connection which answers nothing is dead, whatever its socket says. Knows no other way to send an order.

use super::{Desk, IN_FLIGHT_MAX, OrderEvent, Outbox, Purpose};
use crate::binance::codes::{Context, RequestKind, ws_outcome};
use crate::binance::decode::rest::trading;
use crate::binance::decode::ws_api;
use crate::binance::encode::ws_api::{Auth, Head, WsEncoder};
use crate::live::links::{AfterLoss, LinkEvent, LinkSlot, Target};
use crate::live::rest::{Rest, refusal};
use phoenix_core::event::{Outcome, Why};
use phoenix_core::units::{Mono, Span};
use std::collections::BTreeMap;
use std::pin::Pin;
use std::task::{Context as Task, Poll};
use std::time::Duration;
use tokio::time::{Instant, Sleep};

/// A request without an answer yet.
struct Pending {
    purpose: Purpose,
    sent_at: Mono,
}

/// The order connection.
pub(super) struct WsOrders {
    link: LinkSlot,
    encoder: WsEncoder,
    frame: Vec<u8>,
    next_id: u64,
    /// Log-on request of the present connection, and until when it must be answered.
    logon: Option<(u64, Mono)>,
    is_ready: bool,
    /// By id, so the first one is the oldest.
    pending: BTreeMap<u64, Pending>,
    heard_at: Mono,
    timer: Pin<Box<Sleep>>,
    /// What was told last, so that a loop of equal failures is told once.
    trouble: String,
}

impl WsOrders {
    pub(super) fn new(target: Target, rest: &Rest) -> Self {
        let mut link = LinkSlot::new(AfterLoss::Reconnect, 0x6f72_6465, rest.tuning().clone())
            .heeding(rest.quiet().clone())
            .hearing(rest.reach().clone());
        link.retarget(target);
        Self {
            link,
            encoder: WsEncoder::default(),
            frame: Vec::with_capacity(1024),
            next_id: 1,
            logon: None,
            is_ready: false,
            pending: BTreeMap::new(),
            heard_at: rest.clock().mono(),
            timer: Box::pin(tokio::time::sleep(Duration::ZERO)),
            trouble: String::new(),
        }
    }

    /// Whether requests can be sent: connected and logged on.
    pub(super) const fn is_ready(&self) -> bool {
        self.is_ready
    }

    /// Sends one request that `write` puts into the frame buffer.
    pub(super) fn send(
        &mut self,
        purpose: Purpose,
        rest: &Rest,
        out: &mut Outbox,
        write: impl FnOnce(&mut WsEncoder, Head<'_>, &mut Vec<u8>) -> bool,
    ) {
        let head = Head {
            id: self.next_id,
            auth: Auth::Session,
            validity: rest.auth().validity,
        };
        if self.pending.len() >= IN_FLIGHT_MAX || !write(&mut self.encoder, head, &mut self.frame) {
            out.answer(purpose, Outcome::Refused(refusal(Why::NotSent)));
            return;
        }
        let pending = Pending {
            purpose,
            sent_at: rest.clock().mono(),
        };
        self.pending.insert(self.next_id, pending);
        self.next_id += 1;
        // Some bytes may have left: every answer that is still due is unknown then.
        if let Err(why) = self.write_frame() {
            self.link.reconnect();
            self.on_lost(&why, out);
        }
    }

    fn write_frame(&mut self) -> Result<(), String> {
        match (self.link.socket(), std::str::from_utf8(&self.frame)) {
            (Some(socket), Ok(text)) => socket.send_now(text).map_err(|e| e.to_string()),
            (None, _) => Err("no connection".to_owned()),
            (_, Err(_)) => Err("the request is not text".to_owned()),
        }
    }

    /// Makes progress as far as possible now.
    pub(super) fn poll(
        &mut self,
        cx: &mut Task<'_>,
        rest: &Rest,
        desk: Desk<'_>,
        out: &mut Outbox,
    ) {
        loop {
            self.expire(rest, out);
            if let Poll::Ready(event) = self.link.poll(cx) {
                self.on_link(event, rest, desk, out);
                continue;
            }
            let Some(due) = self.due(rest) else { return };
            let due = rest.clock().deadline(due);
            self.timer.as_mut().reset(Instant::from_std(due));
            if self.timer.as_mut().poll(cx).is_pending() {
                return;
            }
        }
    }

    fn due(&self, rest: &Rest) -> Option<Mono> {
        let answer = self.pending.values().next();
        let answer = answer.map(|p| p.sent_at.after(patience(rest)));
        let logon = self.logon.map(|(_, until)| until);
        answer.into_iter().chain(logon).min()
    }

    /// A request that is not answered in time is unknown. Where nothing at all was heard since it was sent,
    /// the connection is dead: its socket may be half-open for a quarter of an hour.
    fn expire(&mut self, rest: &Rest, out: &mut Outbox) {
        let now = rest.clock().mono();
        if self.logon.is_some_and(|(_, until)| now >= until) {
            self.lose("the log-on is not answered", out);
        }
        while let Some(oldest) = self.pending.first_entry() {
            if now < oldest.get().sent_at.after(patience(rest)) {
                return;
            }
            let Pending { purpose, sent_at } = oldest.remove();
            out.answer(purpose, Outcome::Unknown);
            if self.heard_at <= sent_at {
                self.lose("requests are not answered", out);
            }
        }
    }

    fn on_link(&mut self, event: LinkEvent, rest: &Rest, desk: Desk<'_>, out: &mut Outbox) {
        match event {
            LinkEvent::Up | LinkEvent::Replaced => self.log_on(rest, out),
            // Only links that wait for targets ask for one; this one has its own.
            LinkEvent::Aging => {}
            LinkEvent::Down(why) => self.on_lost(&why, out),
            LinkEvent::Text(text) => self.on_text(text.as_bytes(), rest, desk, out),
        }
    }

    fn lose(&mut self, why: &str, out: &mut Outbox) {
        self.link.reconnect();
        self.on_lost(why, out);
    }

    fn on_lost(&mut self, why: &str, out: &mut Outbox) {
        self.is_ready = false;
        self.logon = None;
        for pending in std::mem::take(&mut self.pending).into_values() {
            out.answer(pending.purpose, Outcome::Unknown);
        }
        if self.trouble != why {
            why.clone_into(&mut self.trouble);
            out.events.push_back(OrderEvent::Fallback(why.to_owned()));
        }
        out.announce();
    }

    /// What a replaced connection still owes it delivers while it is drained.
    fn log_on(&mut self, rest: &Rest, out: &mut Outbox) {
        self.is_ready = false;
        let id = self.next_id;
        self.next_id += 1;
        let validity = rest.auth().validity;
        let written = self
            .encoder
            .logon(id, rest.signer(), validity, &mut self.frame);
        let sent = written
            .map_err(|e| e.to_string())
            .and_then(|_method| self.write_frame());
        match sent {
            Ok(()) => self.logon = Some((id, rest.clock().mono().after(patience(rest)))),
            Err(why) => self.lose(&format!("the log-on could not be sent: {why}"), out),
        }
    }

    fn on_text(&mut self, frame: &[u8], rest: &Rest, desk: Desk<'_>, out: &mut Outbox) {
        let answer = match ws_api::decode(frame) {
            Ok(answer) => answer,
            Err(why) => {
                return tracing::warn!(?why, "an answer of the order channel could not be read");
            }
        };
        self.heard_at = rest.clock().mono();
        out.events.push_back(OrderEvent::Used(answer.used));
        if answer.id.is_some() && answer.id == self.logon.map(|(id, _)| id) {
            self.logon = None;
            return self.on_logon(&answer, rest, out);
        }
        let Some(id) = answer.id else {
            return self.on_unasked(&answer, rest, out);
        };
        let Some(Pending { purpose, .. }) = self.pending.remove(&id) else {
            return tracing::debug!(id, "an answer came after its request was given up");
        };
        // Not reset by a log-on: one that is followed by a close at once must not make a fast loop.
        self.link.on_data();
        let (outcome, wrong) = ws_outcome(context(purpose.kind, rest), &answer, |body| {
            trading::order(desk.contracts, desk.account, body)
        });
        if let Some(why) = wrong {
            tracing::warn!(%why, "an order answer could not be read");
        }
        if let Outcome::Refused(refusal) = &outcome {
            rest.quiet().on_refused(answer.status, refusal);
        }
        out.answer(purpose, purpose.checked(outcome));
    }

    fn on_logon(&mut self, answer: &ws_api::Answer<'_>, rest: &Rest, out: &mut Outbox) {
        match &answer.body {
            ws_api::Body::Result(_) => {
                self.is_ready = true;
                self.trouble.clear();
                out.announce();
                tracing::info!("orders go by WebSocket");
            }
            ws_api::Body::Error { code, msg, .. } => {
                note_refusal(answer, rest, out);
                self.lose(&format!("log-on refused: {code} {msg}"), out);
            }
        }
    }

    /// The exchange speaks unasked when a key is revoked, or when a frame could not be assigned.
    fn on_unasked(&mut self, answer: &ws_api::Answer<'_>, rest: &Rest, out: &mut Outbox) {
        if let ws_api::Body::Error { code, msg, .. } = &answer.body {
            note_refusal(answer, rest, out);
            self.lose(&format!("the order channel says {code} {msg}"), out);
        }
    }

    /// Says goodbye.
    pub(super) async fn close(&mut self) {
        self.link.close().await;
    }
}

/// How long an answer is waited for.
fn patience(rest: &Rest) -> Span {
    Span(i64::try_from(rest.limit().as_nanos()).unwrap_or(i64::MAX))
}

fn context(kind: RequestKind, rest: &Rest) -> Context {
    Context {
        kind,
        now: rest.clock().wall(),
        retry_after: None,
    }
}

/// What a refusal that belongs to no order means for everything else.
fn note_refusal(answer: &ws_api::Answer<'_>, rest: &Rest, out: &mut Outbox) {
    let nothing = |_: &[u8]| Ok(());
    let (outcome, _) = ws_outcome(context(RequestKind::Read, rest), answer, nothing);
    let Outcome::Refused(refusal) = outcome else {
        return;
    };
    rest.quiet().on_refused(answer.status, &refusal);
    if refusal.why == Why::Clock {
        out.events.push_back(OrderEvent::ClockRefused);
    }
}

#[cfg(test)]
mod tests;
