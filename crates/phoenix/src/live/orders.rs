//! Owns the way of orders to the exchange: WebSocket API for Ed25519 keys, REST for the others; turns
//! every ending into one of three outcomes. Lives on the hot thread.

use super::links::{AfterLoss, LinkEvent, LinkSlot, Target};
use super::rest::{Rest, refusal};
use crate::binance::client_id::ClientIds;
use crate::binance::codes::{Context, ErrorText, RequestKind, outcome};
use crate::binance::contracts::Contracts;
use crate::binance::decode::rest::trading;
use crate::binance::decode::{AccountScope, ws_api};
use crate::binance::encode::rest::{BATCH_MAX, EncodeError, Endpoint, RestEncoder};
use crate::binance::encode::ws_api::{Auth, Head, WsEncoder};
use crate::binance::limits::Used;
use crate::net::http::{Answer, RequestError};
use phoenix_core::event::{Event, OrderReport, Outcome, Reply, Why};
use phoenix_core::instrument::SymbolId;
use phoenix_core::order::{Amendment, NewOrder, OrderId};
use phoenix_core::units::Span;
use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::pin::Pin;
use std::task::{Context as Task, Poll};

/// Requests without an answer. At the bound further ones are refused as not sent, and the engine waits.
pub const IN_FLIGHT_MAX: usize = 512;

/// What an order request was for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Purpose {
    /// What it can have done.
    pub kind: RequestKind,
    /// Symbol.
    pub symbol: SymbolId,
    /// The order.
    pub id: OrderId,
}

/// One answered order request.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Answered {
    /// What it was for.
    pub purpose: Purpose,
    /// What became of it.
    pub outcome: Outcome<OrderReport>,
}

impl Answered {
    /// Shows it as the event that the engine takes.
    #[must_use]
    pub const fn event(&self) -> Event<'static> {
        let Purpose { kind, symbol, id } = self.purpose;
        Event::Reply(match kind {
            RequestKind::Place => Reply::Place(symbol, id, self.outcome),
            RequestKind::Amend => Reply::Amend(symbol, id, self.outcome),
            RequestKind::Cancel => Reply::Cancel(symbol, id, self.outcome),
            _ => Reply::Query(symbol, id, self.outcome),
        })
    }
}

/// What the order channel reports.
#[derive(Debug)]
pub enum OrderEvent {
    /// Usable.
    Up,
    /// Not usable; the reason for the log.
    Down(String),
    /// Limits used, as the exchange says.
    Used(Used),
}

type InFlight = Pin<Box<dyn Future<Output = (Endpoint, Result<Answer, RequestError>)>>>;

/// The order channel.
pub struct OrderChannel {
    rest: Rest,
    encoder: RestEncoder,
    ws: Option<WsChannel>,
    /// REST requests on their way, with what each was for.
    flying: Vec<(Vec<Purpose>, InFlight)>,
    answers: VecDeque<Answered>,
    events: VecDeque<OrderEvent>,
    target: Vec<u8>,
    reports: Vec<Outcome<OrderReport>>,
}

struct WsChannel {
    link: LinkSlot,
    encoder: WsEncoder,
    frame: Vec<u8>,
    next_id: u64,
    /// Log-on request of the present connection.
    logon: Option<u64>,
    is_ready: bool,
    pending: BTreeMap<u64, Purpose>,
}

/// What encoding needs to know.
#[derive(Debug, Clone, Copy)]
pub struct Desk<'a> {
    /// Contract data.
    pub contracts: &'a Contracts,
    /// Client ids and margin asset.
    pub account: &'a AccountScope,
}

impl Desk<'_> {
    const fn ids(&self) -> &ClientIds {
        &self.account.ids
    }
}

impl OrderChannel {
    /// A channel by REST, and by the WebSocket API where `ws_api` is given (Ed25519 keys only).
    #[must_use]
    pub fn new(rest: Rest, ws_api: Option<Target>) -> Self {
        let is_rest_only = ws_api.is_none();
        let ws = ws_api.map(|target| {
            let tuning = rest.tuning().clone();
            let mut link = LinkSlot::new(AfterLoss::Reconnect, 0x6f72_6465, tuning);
            link.retarget(target);
            WsChannel {
                link,
                encoder: WsEncoder::default(),
                frame: Vec::with_capacity(1024),
                next_id: 1,
                logon: None,
                is_ready: false,
                pending: BTreeMap::new(),
            }
        });
        let mut events = VecDeque::with_capacity(8);
        if is_rest_only {
            events.push_back(OrderEvent::Up);
        }
        Self {
            rest,
            encoder: RestEncoder::default(),
            ws,
            flying: Vec::with_capacity(64),
            answers: VecDeque::with_capacity(64),
            events,
            target: Vec::with_capacity(4096),
            reports: Vec::with_capacity(BATCH_MAX),
        }
    }

    /// Sends new orders: one frame each on the WebSocket, otherwise batches of up to five.
    pub fn place(&mut self, desk: Desk<'_>, orders: &[NewOrder]) {
        if self.ws.is_some() {
            for order in orders {
                let purpose = Purpose {
                    kind: RequestKind::Place,
                    symbol: order.symbol,
                    id: order.id,
                };
                self.send_ws(purpose, |ws, head| {
                    let Some(contract) = desk.contracts.by_id(order.symbol) else {
                        return false;
                    };
                    ws.encoder
                        .place(head, contract, desk.ids(), order, &mut ws.frame)
                        .is_ok()
                });
            }
            return;
        }
        for batch in orders.chunks(BATCH_MAX) {
            let purposes = batch
                .iter()
                .map(|o| Purpose {
                    kind: RequestKind::Place,
                    symbol: o.symbol,
                    id: o.id,
                })
                .collect();
            self.send_rest(purposes, |encoder, auth, out| match batch {
                [order] => {
                    let contract = desk
                        .contracts
                        .by_id(order.symbol)
                        .ok_or(EncodeError::Symbol)?;
                    encoder.place(contract, desk.ids(), order, auth, out)
                }
                _ => encoder.place_batch(desk.contracts, desk.ids(), batch, auth, out),
            });
        }
    }

    /// Sends an amendment.
    pub fn amend(&mut self, desk: Desk<'_>, change: &Amendment) {
        let purpose = Purpose {
            kind: RequestKind::Amend,
            symbol: change.symbol,
            id: change.id,
        };
        if self.ws.is_some() {
            self.send_ws(purpose, |ws, head| {
                let Some(contract) = desk.contracts.by_id(change.symbol) else {
                    return false;
                };
                ws.encoder
                    .amend(head, contract, desk.ids(), change, &mut ws.frame)
                    .is_ok()
            });
            return;
        }
        self.send_rest(vec![purpose], |encoder, auth, out| {
            let contract = desk
                .contracts
                .by_id(change.symbol)
                .ok_or(EncodeError::Symbol)?;
            encoder.amend(contract, desk.ids(), change, auth, out)
        });
    }

    /// Sends a cancel; by REST while the WebSocket is down, because a cancel must not wait for it.
    pub fn cancel(&mut self, desk: Desk<'_>, symbol: SymbolId, order: OrderId) {
        let purpose = Purpose {
            kind: RequestKind::Cancel,
            symbol,
            id: order,
        };
        if self.ws.as_ref().is_some_and(|ws| ws.is_ready) {
            self.send_ws(purpose, |ws, head| {
                let Some(contract) = desk.contracts.by_id(symbol) else {
                    return false;
                };
                ws.encoder
                    .cancel(head, contract, desk.ids(), order, &mut ws.frame)
                    .is_ok()
            });
            return;
        }
        self.send_rest(vec![purpose], |encoder, auth, out| {
            let contract = desk.contracts.by_id(symbol).ok_or(EncodeError::Symbol)?;
            encoder.cancel(contract, desk.ids(), order, auth, out)
        });
    }

    fn send_rest(
        &mut self,
        purposes: Vec<Purpose>,
        write: impl FnOnce(
            &mut RestEncoder,
            crate::binance::encode::rest::Auth<'_>,
            &mut Vec<u8>,
        ) -> Result<Endpoint, EncodeError>,
    ) {
        let written = write(&mut self.encoder, self.rest.auth(), &mut self.target);
        let endpoint = match written {
            Ok(endpoint) if self.flying.len() < IN_FLIGHT_MAX => endpoint,
            Ok(_) | Err(_) => {
                if let Err(error) = written {
                    tracing::error!(%error, "an order request could not be written");
                }
                self.refuse(purposes);
                return;
            }
        };
        let (rest, target) = (self.rest.clone(), self.target.clone());
        let future = Box::pin(async move { (endpoint, rest.send(endpoint, &target).await) });
        self.flying.push((purposes, future));
    }

    fn refuse(&mut self, purposes: Vec<Purpose>) {
        for purpose in purposes {
            let outcome = Outcome::Refused(refusal(Why::NotSent));
            self.answers.push_back(Answered { purpose, outcome });
        }
    }

    fn send_ws(&mut self, purpose: Purpose, write: impl FnOnce(&mut WsChannel, Head<'_>) -> bool) {
        let validity = self.rest.auth().validity;
        let Some(ws) = &mut self.ws else { return };
        let id = ws.next_id;
        let can_send = ws.is_ready && ws.pending.len() < IN_FLIGHT_MAX;
        if !can_send
            || !write(
                ws,
                Head {
                    id,
                    auth: Auth::Session,
                    validity,
                },
            )
        {
            self.refuse(vec![purpose]);
            return;
        }
        ws.next_id += 1;
        ws.pending.insert(id, purpose);
        let sent = match (ws.link.socket(), std::str::from_utf8(&ws.frame)) {
            (Some(socket), Ok(text)) => socket.send_now(text),
            _ => return,
        };
        if let Err(error) = sent {
            // Some bytes may have left: every answer that is still due is unknown.
            self.on_ws_lost(&error.to_string());
        }
    }

    fn on_ws_lost(&mut self, why: &str) {
        let Some(ws) = &mut self.ws else { return };
        ws.is_ready = false;
        ws.logon = None;
        ws.link.reconnect();
        for purpose in std::mem::take(&mut ws.pending).into_values() {
            self.answers.push_back(Answered {
                purpose,
                outcome: Outcome::Unknown,
            });
        }
        self.events.push_back(OrderEvent::Down(why.to_owned()));
    }

    /// The next answer.
    pub fn next_answer(&mut self) -> Option<Answered> {
        self.answers.pop_front()
    }

    /// Makes progress; ready when there is an answer or an event to fetch.
    pub fn poll(&mut self, cx: &mut Task<'_>, desk: Desk<'_>) -> Poll<Option<OrderEvent>> {
        self.poll_rest(cx, desk);
        self.poll_ws(cx, desk);
        if let Some(event) = self.events.pop_front() {
            return Poll::Ready(Some(event));
        }
        match self.answers.is_empty() {
            true => Poll::Pending,
            false => Poll::Ready(None),
        }
    }

    fn poll_rest(&mut self, cx: &mut Task<'_>, desk: Desk<'_>) {
        let mut index = 0;
        while index < self.flying.len() {
            let Some((_, future)) = self.flying.get_mut(index) else {
                return;
            };
            match future.as_mut().poll(cx) {
                Poll::Pending => index += 1,
                Poll::Ready((endpoint, result)) => {
                    let (purposes, _) = self.flying.swap_remove(index);
                    self.on_rest_answer(endpoint, result, &purposes, desk);
                }
            }
        }
    }

    fn on_rest_answer(
        &mut self,
        endpoint: Endpoint,
        result: Result<Answer, RequestError>,
        purposes: &[Purpose],
        desk: Desk<'_>,
    ) {
        if let [purpose] = purposes {
            let read = self.rest.read(endpoint, result, |body| {
                trading::order(desk.contracts, desk.account, body)
            });
            self.events.push_back(OrderEvent::Used(read.used));
            self.answers.push_back(Answered {
                purpose: *purpose,
                outcome: read.outcome,
            });
            return;
        }
        let context = match &result {
            Ok(answer) => self.rest.context(endpoint, &answer.headers),
            Err(_) => self.rest.context(endpoint, &hyper::HeaderMap::new()),
        };
        let mut reports = std::mem::take(&mut self.reports);
        reports.clear();
        let read = self.rest.read(endpoint, result, |body| {
            trading::batch(
                desk.contracts,
                desk.account,
                context,
                body,
                purposes.len(),
                &mut reports,
            )
        });
        self.events.push_back(OrderEvent::Used(read.used));
        for (index, purpose) in purposes.iter().enumerate() {
            let outcome = match read.outcome {
                Outcome::Accepted(()) => reports.get(index).copied().unwrap_or(Outcome::Unknown),
                Outcome::Refused(refusal) => Outcome::Refused(refusal),
                Outcome::Unknown => Outcome::Unknown,
            };
            self.answers.push_back(Answered {
                purpose: *purpose,
                outcome,
            });
        }
        self.reports = reports;
    }

    fn poll_ws(&mut self, cx: &mut Task<'_>, desk: Desk<'_>) {
        loop {
            let Some(ws) = &mut self.ws else { return };
            let Poll::Ready(event) = ws.link.poll(cx) else {
                return;
            };
            match event {
                LinkEvent::Up | LinkEvent::Replaced => self.log_on(),
                // Only links that wait for targets ask for one; this one has its own.
                LinkEvent::Aging => {}
                LinkEvent::Down(why) => {
                    let Some(ws) = &mut self.ws else { return };
                    ws.is_ready = false;
                    ws.logon = None;
                    for purpose in std::mem::take(&mut ws.pending).into_values() {
                        self.answers.push_back(Answered {
                            purpose,
                            outcome: Outcome::Unknown,
                        });
                    }
                    self.events.push_back(OrderEvent::Down(why));
                }
                LinkEvent::Text(text) => self.on_ws_text(text.as_bytes(), desk),
            }
        }
    }

    fn log_on(&mut self) {
        let validity = self.rest.auth().validity;
        let Some(ws) = &mut self.ws else { return };
        // What a replaced connection still owes it delivers while it is drained; what it then has not
        // answered is in doubt by the engine's own time-out.
        ws.is_ready = false;
        let id = ws.next_id;
        ws.next_id += 1;
        let written = ws
            .encoder
            .logon(id, self.rest.signer(), validity, &mut ws.frame)
            .is_ok();
        let sent = match (written, ws.link.socket(), std::str::from_utf8(&ws.frame)) {
            (true, Some(socket), Ok(text)) => socket.send_now(text).is_ok(),
            _ => false,
        };
        ws.logon = sent.then_some(id);
        if !sent {
            self.on_ws_lost("the log-on could not be sent");
        }
    }

    fn on_ws_text(&mut self, frame: &[u8], desk: Desk<'_>) {
        let answer = match ws_api::decode(frame) {
            Ok(answer) => answer,
            Err(why) => {
                return tracing::warn!(?why, "an answer of the order channel could not be read");
            }
        };
        let Some(ws) = &mut self.ws else { return };
        ws.link.on_data();
        self.events.push_back(OrderEvent::Used(answer.used));
        if answer.id.is_some() && answer.id == ws.logon {
            ws.logon = None;
            match answer.body {
                ws_api::Body::Result(_) => {
                    ws.is_ready = true;
                    self.events.push_back(OrderEvent::Up);
                }
                ws_api::Body::Error { code, msg, .. } => {
                    self.on_ws_lost(&format!("log-on refused: {code} {msg}"))
                }
            }
            return;
        }
        let Some(purpose) = answer.id.and_then(|id| ws.pending.remove(&id)) else {
            if let ws_api::Body::Error { code, msg, .. } = answer.body {
                self.on_ws_lost(&format!("the order channel says {code} {msg}"));
            }
            return;
        };
        let context = Context {
            kind: purpose.kind,
            now: self.rest.clock().wall(),
            retry_after: None,
        };
        let outcome = match answer.body {
            ws_api::Body::Result(body) => {
                match trading::order(desk.contracts, desk.account, body) {
                    Ok(report) => Outcome::Accepted(report),
                    Err(why) => {
                        tracing::warn!(%why, "an order answer could not be read");
                        Outcome::Unknown
                    }
                }
            }
            ws_api::Body::Error {
                code,
                msg,
                retry_at,
            } => outcome(
                Context {
                    retry_after: retry_at.map(|at| Span((at.raw() - context.now.raw()).max(0))),
                    ..context
                },
                ErrorText {
                    status: answer.status,
                    code,
                    msg: &msg,
                },
            ),
        };
        self.answers.push_back(Answered { purpose, outcome });
    }

    /// Says goodbye.
    pub async fn close(&mut self) {
        if let Some(ws) = &mut self.ws {
            ws.link.close().await;
        }
    }
}
