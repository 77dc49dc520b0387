//! Owns what the simulated process hears and how it hands that to the engine, as the live shell does.

use super::{Host, Pending};
use crate::live::orders::Answered;
use crate::live::wire::{OwnedAccount, OwnedReply};
use crate::sim::message::{Depth, Message, Small, UserMessage};
use crate::sim::net::{Net, Parcel};
use crate::sim::request::{Answer, Request, failed};
use phoenix_core::event::{
    Account, AccountUpdate, ContractStatus, DepthUpdate, Event, Link, Malformed, Market,
    OrderCounts, Outcome, Refusal, Reply, Stream, Why,
};
use phoenix_core::instrument::SymbolId;
use phoenix_core::units::{Mono, Span};

impl Host {
    /// Hands it what has arrived, or keeps it while it is frozen.
    pub fn receive(&mut self, parcel: Parcel, now: Mono, net: &mut Net) {
        if self.is_frozen {
            self.inbox.push_back(parcel);
            return;
        }
        match parcel {
            Parcel::Heard(link, conn, message) if self.lines.on_heard(link, conn, now) => {
                self.hear(&message, now, net);
            }
            Parcel::Answered { boot, id, answer } if boot == self.boot => {
                if let Some(pending) = self.pending.remove(&id) {
                    self.on_answer(&pending, answer, now, net);
                }
            }
            Parcel::TimedOut { boot, id } if boot == self.boot => {
                if let Some(pending) = self.pending.remove(&id) {
                    self.on_time_out(&pending, now, net);
                }
            }
            Parcel::Due(boot, chore) if boot == self.boot && self.engine.is_some() => {
                self.do_chore(chore, now, net);
            }
            _ => {}
        }
    }

    fn hear(&mut self, message: &Message, now: Mono, net: &mut Net) {
        match message {
            Message::Depth(symbol, depth) => self.hear_depth(*symbol, depth, now, net),
            Message::Small(symbol, small) => {
                let market = match small {
                    Small::Ticker(ticker) => Market::BookTicker(*ticker),
                    Small::Trade(trade) => Market::Trade(*trade),
                    Small::Mark(mark) => Market::Mark(*mark),
                };
                self.step(now, &Event::Market(*symbol, market), net);
            }
            Message::User(user) => self.hear_user(user, now, net),
            Message::Garbled(_, Stream::User) => {
                self.step(
                    now,
                    &Event::Account(Account::Malformed(Malformed::Shape)),
                    net,
                );
            }
            Message::Garbled(symbol, stream) => {
                let market = Market::Malformed(*stream, Malformed::Shape);
                if let Some(symbol) = symbol {
                    self.step(now, &Event::Market(*symbol, market), net);
                }
            }
        }
    }

    fn hear_depth(&mut self, symbol: SymbolId, depth: &Depth, now: Mono, net: &mut Net) {
        let update = DepthUpdate {
            first_id: depth.first_id,
            last_id: depth.last_id,
            prev_id: depth.prev_id,
            event_time: depth.event_time,
            transact_time: depth.transact_time,
            bids: &depth.bids,
            asks: &depth.asks,
        };
        self.step(now, &Event::Market(symbol, Market::Depth(update)), net);
    }

    fn hear_user(&mut self, user: &UserMessage, now: Mono, net: &mut Net) {
        let account = match user {
            UserMessage::Order(update) => Account::Order(*update),
            UserMessage::Lite(lite) => Account::Lite(*lite),
            UserMessage::Update {
                reason,
                symbol,
                balance,
                positions,
                time,
            } => Account::Update(AccountUpdate {
                reason: *reason,
                symbol: *symbol,
                balance: *balance,
                positions,
                time: *time,
            }),
            UserMessage::KeyExpired => Account::ListenKeyExpired,
            UserMessage::MarginCall => Account::MarginCall,
        };
        let event = Event::Account(account);
        self.step(now, &event, net);
        self.disk.on_account(&event, self.machine.now(now));
        if matches!(user, UserMessage::KeyExpired) {
            // Nothing comes on it any more; the engine holds it for down already.
            self.lines.drop_line(Link::User);
        }
    }

    pub(super) fn on_answer(
        &mut self,
        pending: &Pending,
        answer: Answer,
        now: Mono,
        net: &mut Net,
    ) {
        match answer {
            Answer::Order(answered) => self.on_order_answer(&answered, now, net),
            Answer::Other(reply) => self.on_reply(pending, reply, now, net),
            Answer::Key(key) => self.on_key(key.is_some(), now, net),
            Answer::Kept(true) => {}
            Answer::Kept(false) => self.want_key(now, net),
            Answer::Time(server) => self.machine.measure(pending.sent, now, server),
            Answer::Contracts(list) => {
                for (symbol, status) in list {
                    self.on_status(symbol, status, now, net);
                }
            }
        }
    }

    fn on_order_answer(&mut self, answered: &Answered, now: Mono, net: &mut Net) {
        if let Outcome::Refused(refusal) = answered.outcome
            && refusal.why == Why::Clock
        {
            self.measure_clock(now, net);
        }
        self.step(now, &answered.event(), net);
    }

    fn on_reply(&mut self, pending: &Pending, reply: OwnedReply, now: Mono, net: &mut Net) {
        let reply = stamped(reply, pending);
        if reply.refusal().is_some_and(|r| r.why == Why::Clock) {
            self.measure_clock(now, net);
        }
        if let Request::Engine(action) = &pending.request {
            self.disk.on_reply(action, &reply, now);
        }
        self.step(now, &reply.event(), net);
    }

    fn on_status(&mut self, symbol: SymbolId, status: ContractStatus, now: Mono, net: &mut Net) {
        let Some(known) = self.symbols.get_mut(usize::from(symbol.0)) else {
            return;
        };
        if known.status != status && known.is_traded {
            known.status = status;
            let event = Event::Market(symbol, Market::Status(status));
            self.step(now, &event, net);
        }
    }

    /// The exchange's own counts, from the headers of its answers.
    pub fn on_used(
        &mut self,
        usage: phoenix_exchange::api::RateUsage,
        boot: u32,
        now: Mono,
        net: &mut Net,
    ) {
        if boot != self.boot || !self.is_running() {
            return;
        }
        self.step(now, &Event::Reply(Reply::Weight(usage.weight_1m)), net);
        let counts = OrderCounts {
            in_10s: Some(usage.orders_10s),
            in_minute: Some(usage.orders_1m),
        };
        self.step(now, &Event::Reply(Reply::OrderCounts(counts)), net);
    }

    /// Which start of the process this is.
    #[must_use]
    pub const fn boot_number(&self) -> u32 {
        self.boot
    }

    pub(super) fn on_time_out(&mut self, pending: &Pending, now: Mono, net: &mut Net) {
        self.lines.on_time_out(&pending.request);
        let outcome = match pending.request.kind().changes_state() {
            true => Outcome::Unknown,
            false => Outcome::Refused(Refusal {
                why: Why::Transient,
                code: 0,
                retry_after: Span::ZERO,
            }),
        };
        let answer = failed(&pending.request, outcome, pending.sent);
        self.on_answer(pending, answer, now, net);
    }
}

/// A reply that says when it was asked for.
fn stamped(reply: OwnedReply, pending: &Pending) -> OwnedReply {
    let sent = pending.sent;
    match reply {
        OwnedReply::OpenOrders(symbol, _, result) => OwnedReply::OpenOrders(symbol, sent, result),
        // Like the shell, it takes its own time from before the question for that of the answer.
        OwnedReply::Account(_, result) => OwnedReply::Account(
            sent,
            result.map(|account| OwnedAccount {
                time: pending.stamp,
                ..account
            }),
        ),
        OwnedReply::Trades(symbol, _, result) => OwnedReply::Trades(symbol, sent, result),
        OwnedReply::Funding(_, result) => OwnedReply::Funding(sent, result),
        OwnedReply::Probe(symbol, _, outcome) => OwnedReply::Probe(symbol, sent, outcome),
        OwnedReply::ProbeAll(_, result) => OwnedReply::ProbeAll(sent, result),
        OwnedReply::DeadMan(symbol, _, outcome) => OwnedReply::DeadMan(symbol, sent, outcome),
        other @ (OwnedReply::Cancel(..)
        | OwnedReply::CancelAll(..)
        | OwnedReply::Query(..)
        | OwnedReply::Snapshot(..)
        | OwnedReply::Weight(_)) => other,
    }
}
