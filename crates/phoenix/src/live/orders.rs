//! Owns the way of orders to the exchange: WebSocket API for Ed25519 keys, REST for the others and while
//! the WebSocket is not ready; turns every ending into one of three outcomes. Lives on the hot thread.

mod ws;

use super::links::Target;
use super::quiet::Quiet;
use super::reach::Reach;
use super::rest::{Rest, refusal};
use crate::binance::client_id::ClientIds;
use crate::binance::codes::RequestKind;
use crate::binance::contracts::Contracts;
use crate::binance::decode::AccountScope;
use crate::binance::decode::rest::trading;
use crate::binance::encode::rest::{Auth, BATCH_MAX, EncodeError, Endpoint, RestEncoder};
use crate::binance::limits::Used;
use crate::net::http::{Answer, RequestError};
use phoenix_core::event::{Event, OrderReport, Outcome, Refusal, Reply, Why};
use phoenix_core::instrument::SymbolId;
use phoenix_core::order::{Amendment, NewOrder, OrderId, Owner};
use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context as Task, Poll};
use ws::WsOrders;

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

impl Purpose {
    /// What a report about another order says nothing of: this one's state is unknown then.
    fn checked(self, outcome: Outcome<OrderReport>) -> Outcome<OrderReport> {
        match outcome {
            Outcome::Accepted(report)
                if report.owner != Owner::Ours(self.id) || report.symbol != self.symbol =>
            {
                tracing::error!(id = ?self.id, owner = ?report.owner, "an answer is about another order");
                Outcome::Unknown
            }
            Outcome::Accepted(_) | Outcome::Refused(_) | Outcome::Unknown => outcome,
        }
    }
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
    /// The WebSocket is not usable, and why; requests go by REST until it is.
    Fallback(String),
    /// The log-on was refused for its timestamp.
    ClockRefused,
    /// Limits used, as the exchange says.
    Used(Used),
}

type InFlight = Pin<Box<dyn Future<Output = (Endpoint, Result<Answer, RequestError>)>>>;

/// The order channel.
pub struct OrderChannel {
    rest: Rest,
    encoder: RestEncoder,
    ws: Option<WsOrders>,
    /// REST requests on their way, with what each was for.
    flying: Vec<(Vec<Purpose>, InFlight)>,
    out: Outbox,
    target: Vec<u8>,
    reports: Vec<Outcome<OrderReport>>,
}

/// What waits to be fetched by the hot loop, which empties it after every poll.
struct Outbox {
    answers: VecDeque<Answered>,
    events: VecDeque<OrderEvent>,
    is_announced: bool,
}

impl Outbox {
    fn answer(&mut self, purpose: Purpose, outcome: Outcome<OrderReport>) {
        self.answers.push_back(Answered { purpose, outcome });
    }

    fn refuse(&mut self, purposes: &[Purpose], refusal: Refusal) {
        for purpose in purposes {
            self.answer(*purpose, Outcome::Refused(refusal));
        }
    }

    /// Orders can be sent from now on, by whichever way: said once.
    fn announce(&mut self) {
        if !self.is_announced {
            self.is_announced = true;
            self.events.push_back(OrderEvent::Up);
        }
    }
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
        let mut out = Outbox {
            answers: VecDeque::with_capacity(64),
            events: VecDeque::with_capacity(8),
            is_announced: false,
        };
        let ws = ws_api.map(|target| WsOrders::new(target, &rest));
        if ws.is_none() {
            out.announce();
        }
        Self {
            rest,
            encoder: RestEncoder::default(),
            ws,
            flying: Vec::with_capacity(64),
            out,
            target: Vec::with_capacity(4096),
            reports: Vec::with_capacity(BATCH_MAX),
        }
    }

    /// Until when the exchange wants no request.
    #[must_use]
    pub const fn quiet(&self) -> &Quiet {
        self.rest.quiet()
    }

    /// Whether the exchange can be reached.
    #[must_use]
    pub const fn reach(&self) -> &Reach {
        self.rest.reach()
    }

    /// The WebSocket while it can be used; without it requests go by REST, because none must wait for it.
    fn ready_ws(&mut self) -> Option<(&mut WsOrders, &Rest, &mut Outbox)> {
        let ws = self.ws.as_mut().filter(|ws| ws.is_ready())?;
        Some((ws, &self.rest, &mut self.out))
    }

    /// Whether the exchange wants silence; the requests are refused then as it would refuse them.
    fn is_silenced(&mut self, purposes: &[Purpose]) -> bool {
        let silence = self.rest.quiet().refusal();
        if let Some(refusal) = silence {
            self.out.refuse(purposes, refusal);
        }
        silence.is_some()
    }

    /// Sends new orders: one frame each on the WebSocket, otherwise batches of up to five.
    pub fn place(&mut self, desk: Desk<'_>, orders: &[NewOrder]) {
        for batch in orders.chunks(BATCH_MAX) {
            let purposes: Vec<Purpose> = batch
                .iter()
                .map(|o| Purpose {
                    kind: RequestKind::Place,
                    symbol: o.symbol,
                    id: o.id,
                })
                .collect();
            if self.is_silenced(&purposes) {
                continue;
            }
            if self.ready_ws().is_some() {
                for (purpose, order) in purposes.into_iter().zip(batch) {
                    self.place_one(desk, purpose, order);
                }
                continue;
            }
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

    /// Places by WebSocket; where it broke a moment ago, nothing was sent.
    fn place_one(&mut self, desk: Desk<'_>, purpose: Purpose, order: &NewOrder) {
        let Some((ws, rest, out)) = self.ready_ws() else {
            self.out.refuse(&[purpose], refusal(Why::NotSent));
            return;
        };
        ws.send(purpose, rest, out, |encoder, head, frame| {
            desk.contracts
                .by_id(order.symbol)
                .is_some_and(|c| encoder.place(head, c, desk.ids(), order, frame).is_ok())
        });
    }

    /// Sends an amendment.
    pub fn amend(&mut self, desk: Desk<'_>, change: &Amendment) {
        let purpose = Purpose {
            kind: RequestKind::Amend,
            symbol: change.symbol,
            id: change.id,
        };
        if self.is_silenced(&[purpose]) {
            return;
        }
        if let Some((ws, rest, out)) = self.ready_ws() {
            ws.send(purpose, rest, out, |encoder, head, frame| {
                desk.contracts
                    .by_id(change.symbol)
                    .is_some_and(|c| encoder.amend(head, c, desk.ids(), change, frame).is_ok())
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

    /// Sends a cancel.
    pub fn cancel(&mut self, desk: Desk<'_>, symbol: SymbolId, order: OrderId) {
        let purpose = Purpose {
            kind: RequestKind::Cancel,
            symbol,
            id: order,
        };
        if self.is_silenced(&[purpose]) {
            return;
        }
        if let Some((ws, rest, out)) = self.ready_ws() {
            ws.send(purpose, rest, out, |encoder, head, frame| {
                desk.contracts
                    .by_id(symbol)
                    .is_some_and(|c| encoder.cancel(head, c, desk.ids(), order, frame).is_ok())
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
        write: impl FnOnce(&mut RestEncoder, Auth<'_>, &mut Vec<u8>) -> Result<Endpoint, EncodeError>,
    ) {
        let written = write(&mut self.encoder, self.rest.auth(), &mut self.target);
        let endpoint = match written {
            Ok(endpoint) if self.flying.len() < IN_FLIGHT_MAX => endpoint,
            Ok(_) | Err(_) => {
                if let Err(error) = written {
                    tracing::error!(%error, "an order request could not be written");
                }
                self.out.refuse(&purposes, refusal(Why::NotSent));
                return;
            }
        };
        let (rest, target) = (self.rest.clone(), self.target.clone());
        let future = Box::pin(async move { (endpoint, rest.send(endpoint, &target).await) });
        self.flying.push((purposes, future));
    }

    /// The next answer.
    pub fn next_answer(&mut self) -> Option<Answered> {
        self.out.answers.pop_front()
    }

    /// Makes progress; ready when there is an answer or an event to fetch.
    pub fn poll(&mut self, cx: &mut Task<'_>, desk: Desk<'_>) -> Poll<Option<OrderEvent>> {
        self.poll_rest(cx, desk);
        if let Some(ws) = &mut self.ws {
            ws.poll(cx, &self.rest, desk, &mut self.out);
        }
        if let Some(event) = self.out.events.pop_front() {
            return Poll::Ready(Some(event));
        }
        match self.out.answers.is_empty() {
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
            self.out.events.push_back(OrderEvent::Used(read.used));
            self.out.answer(*purpose, purpose.checked(read.outcome));
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
        self.out.events.push_back(OrderEvent::Used(read.used));
        for (index, purpose) in purposes.iter().enumerate() {
            let outcome = match read.outcome {
                Outcome::Accepted(()) => reports.get(index).copied().unwrap_or(Outcome::Unknown),
                Outcome::Refused(refusal) => Outcome::Refused(refusal),
                Outcome::Unknown => Outcome::Unknown,
            };
            self.out.answer(*purpose, purpose.checked(outcome));
        }
        self.reports = reports;
    }

    /// Says goodbye.
    pub async fn close(&mut self) {
        if let Some(ws) = &mut self.ws {
            ws.close().await;
        }
    }
}
