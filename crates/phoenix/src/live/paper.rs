//! Owns the orders of a dry run: accepts what the engine would send, and sends nothing. Paper orders never
//! fill: nobody knows whether they would have.

use super::orders::{Answered, Purpose};
use super::wire::OwnedReply;
use crate::binance::codes::RequestKind;
use phoenix_core::action::Action;
use phoenix_core::event::{
    Account, Event, ExchangeStatus, Execution, OrderReport, OrderUpdate, Outcome, Why,
};
use phoenix_core::instrument::SymbolId;
use phoenix_core::order::{NewOrder, OrderId, Owner};
use phoenix_core::units::{Lots, Now};
use std::collections::VecDeque;

/// What the engine is told in place of an exchange's word.
#[derive(Debug, Clone)]
pub enum PaperWord {
    /// The answer to an order request.
    Answer(Answered),
    /// The answer to another request.
    Reply(OwnedReply),
    /// An order event.
    Update(OrderUpdate),
}

impl PaperWord {
    /// Shows it as the event that the engine takes.
    #[must_use]
    pub fn event(&self) -> Event<'_> {
        match self {
            Self::Answer(answered) => answered.event(),
            Self::Reply(reply) => reply.event(),
            Self::Update(update) => Event::Account(Account::Order(*update)),
        }
    }
}

/// The orders that a dry run believes to rest.
#[derive(Debug, Default)]
pub struct Paper {
    resting: Vec<OrderReport>,
    placed: i64,
    words: VecDeque<PaperWord>,
}

impl Paper {
    /// Takes an action that would change something or ask about paper orders; false for one that only reads the
    /// market or the account, which is to be carried out.
    pub fn on_action(&mut self, action: &Action, now: Now) -> bool {
        match action {
            Action::Place(approved) => self.place(approved.inner(), now),
            Action::Amend(approved) => {
                let change = approved.inner();
                let report = self.find(change.id).map(|order| {
                    (order.price, order.size) = (change.price, change.size);
                    *order
                });
                self.answer(RequestKind::Amend, change.symbol, change.id, report);
            }
            Action::Cancel(symbol, id) => {
                let report = self.end(*id, now);
                self.answer(RequestKind::Cancel, *symbol, *id, report);
                self.words.extend(report.map(end_of));
            }
            Action::QueryOrder(symbol, id) => {
                let report = self.find(*id).copied();
                self.answer(RequestKind::Query, *symbol, *id, report);
            }
            Action::CancelAll(symbol) => self.cancel_all(*symbol, now),
            Action::FetchOpenOrders(symbol) => {
                let list = self
                    .resting
                    .iter()
                    .filter(|o| o.symbol == *symbol)
                    .copied()
                    .collect();
                self.words
                    .push_back(PaperWord::Reply(OwnedReply::OpenOrders(
                        *symbol,
                        now.mono,
                        Ok(list),
                    )));
            }
            Action::ArmDeadMan(symbol, span) => {
                let reply = OwnedReply::DeadMan(*symbol, now.mono, Outcome::Accepted(*span));
                self.words.push_back(PaperWord::Reply(reply));
            }
            Action::FetchAccount
            | Action::FetchTrades(..)
            | Action::FetchFunding(_)
            | Action::FetchSnapshot(_)
            | Action::Probe(_)
            | Action::ProbeAll
            | Action::RenewListenKey
            | Action::Reconnect(_)
            | Action::Say(_)
            | Action::Stopped => return false,
        }
        true
    }

    /// The next thing to tell the engine.
    pub fn next_word(&mut self) -> Option<PaperWord> {
        self.words.pop_front()
    }

    fn place(&mut self, order: &NewOrder, now: Now) {
        self.placed += 1;
        let takes = order.execute == phoenix_core::order::Execute::TakeReduce;
        let report = OrderReport {
            symbol: order.symbol,
            owner: Owner::Ours(order.id),
            exchange_id: self.placed,
            side: order.side,
            price: order.price,
            size: order.size,
            filled: Lots::ZERO,
            status: if takes {
                ExchangeStatus::Expired
            } else {
                ExchangeStatus::New
            },
            reduce_only: order.execute.is_reduce_only(),
            time: now.wall,
        };
        if !takes {
            self.resting.push(report);
        }
        self.answer(RequestKind::Place, order.symbol, order.id, Some(report));
    }

    fn cancel_all(&mut self, symbol: SymbolId, now: Now) {
        let (gone, kept) = std::mem::take(&mut self.resting)
            .into_iter()
            .partition(|o| o.symbol == symbol);
        self.resting = kept;
        self.words.push_back(PaperWord::Reply(OwnedReply::CancelAll(
            symbol,
            Outcome::Accepted(()),
        )));
        let gone: Vec<OrderReport> = gone;
        for order in gone {
            let report = OrderReport {
                status: ExchangeStatus::Canceled,
                time: now.wall,
                ..order
            };
            self.words.push_back(end_of(report));
        }
    }

    fn find(&mut self, id: OrderId) -> Option<&mut OrderReport> {
        self.resting.iter_mut().find(|o| o.owner == Owner::Ours(id))
    }

    fn end(&mut self, id: OrderId, now: Now) -> Option<OrderReport> {
        let index = self
            .resting
            .iter()
            .position(|o| o.owner == Owner::Ours(id))?;
        let order = self.resting.remove(index);
        Some(OrderReport {
            status: ExchangeStatus::Canceled,
            time: now.wall,
            ..order
        })
    }

    fn answer(
        &mut self,
        kind: RequestKind,
        symbol: SymbolId,
        id: OrderId,
        report: Option<OrderReport>,
    ) {
        let outcome = report.map_or(
            Outcome::Refused(super::rest::refusal(Why::NoSuchOrder)),
            Outcome::Accepted,
        );
        let purpose = Purpose { kind, symbol, id };
        self.words
            .push_back(PaperWord::Answer(Answered { purpose, outcome }));
    }
}

/// The event of an order's end by cancel.
const fn end_of(report: OrderReport) -> PaperWord {
    PaperWord::Update(OrderUpdate {
        report,
        execution: Execution::Canceled,
        fill: None,
        event_time: report.time,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ETH: SymbolId = SymbolId(0);

    fn id(seq: u32) -> OrderId {
        OrderId { session: 1, seq }
    }

    #[test]
    fn what_would_change_something_never_leaves_and_what_only_reads_does() {
        let mut paper = Paper::default();
        let now = Now::default();
        for action in [
            Action::Cancel(ETH, id(1)),
            Action::CancelAll(ETH),
            Action::ArmDeadMan(ETH, phoenix_core::units::Span::from_secs(30)),
            Action::QueryOrder(ETH, id(1)),
            Action::FetchOpenOrders(ETH),
        ] {
            assert!(paper.on_action(&action, now), "{action:?}");
        }
        for action in [
            Action::FetchAccount,
            Action::FetchSnapshot(ETH),
            Action::Probe(ETH),
            Action::ProbeAll,
        ] {
            assert!(!paper.on_action(&action, now), "{action:?}");
        }
    }

    #[test]
    fn an_unknown_order_is_no_such_order() {
        let mut paper = Paper::default();
        paper.on_action(&Action::Cancel(ETH, id(7)), Now::default());
        let word = paper.next_word().expect("an answer");
        let PaperWord::Answer(answered) = word else {
            panic!("an answer to the cancel")
        };
        assert!(matches!(answered.outcome, Outcome::Refused(r) if r.why == Why::NoSuchOrder));
    }
}
