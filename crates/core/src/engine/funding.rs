//! Owns when funding payments are asked for, so that none is missing that was paid while this process or the user
//! stream was down (spec §1, `durable`); knows nothing of how they are summed.

use super::desk::Desk;
use super::requests::Request;
use super::{Engine, Keep};
use crate::action::{Action, Actions};
use crate::event::{FundingPage, Link, Outcome};
use crate::instrument::SymbolId;
use crate::units::{FundingHour, Mono, Now, Quote, Span, Wall};

/// An answer that has not come is asked for again after this while a symbol waits for it to be quoted.
const ASK_AGAIN: Span = Span::from_secs(5);
/// The same while nobody waits: one request costs 30 of the 2400 request weight of a minute.
const ASK_AGAIN_CALMLY: Span = Span::from_secs(60);
/// However often doubt arises, payments are not asked for more often than this.
const SPACING: Span = Span::from_secs(5);
/// The same for new symbols, which are added together and wait for the answer.
const SPACING_OF_NEW: Span = Span::from_millis(500);
/// This long after a full hour its payments are asked for, whatever the stream told.
const AFTER_THE_HOUR: Span = Span::from_secs(180);
/// After a payment of which the stream did not say the symbol.
const SOON: Span = Span::from_secs(10);

/// When payments are asked for; a round is one request, or several where there are many payments.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct FundingCheck {
    due: Option<Mono>,
    asked_at: Option<Mono>,
    /// Answers to what was asked before prove nothing.
    demanded_at: Mono,
    /// Where the next page of a round begins.
    page: Option<Wall>,
}

impl FundingCheck {
    /// Something may have been missed: a new round, as soon as that is possible.
    pub(super) fn demand(&mut self, now: Mono) {
        self.demand_spaced(SPACING, now);
    }

    /// A symbol is new, or has a new desk: it is not quoted before its funding is known.
    pub(super) fn demand_for_new(&mut self, now: Mono) {
        self.demand_spaced(SPACING_OF_NEW, now);
    }

    fn demand_spaced(&mut self, spacing: Span, now: Mono) {
        (self.demanded_at, self.page) = (now, None);
        let spaced = self.asked_at.map_or(now, |at| at.after(spacing));
        self.bring_forward(spaced.max(now));
    }

    fn bring_forward(&mut self, at: Mono) {
        self.due = Some(self.due.map_or(at, |due| due.min(at)));
    }
}

impl Engine {
    /// When the engine must be stepped for this. While the user stream is down nothing is asked: its return is a
    /// new demand.
    pub(super) fn funding_due(&self) -> Option<Mono> {
        self.shared
            .funding
            .due
            .filter(|_| self.shared.is_up(Link::User))
    }

    /// Asks for payments when that is due.
    pub(super) fn poll_funding(&mut self, now: Now, actions: &mut Actions) {
        if self.funding_due().is_none_or(|due| due > now.mono) {
            return;
        }
        let Some(from) = self.funding_from() else {
            self.shared.funding.due = None;
            return;
        };
        if !self.shared.may_ask(Request::Funding, now.mono) {
            self.shared.funding.due = Some(self.shared.weight.next_check(now.mono));
            return;
        }
        let is_awaited = self.desks.iter().flatten().any(|d| !d.is_funding_known());
        let again = match is_awaited {
            true => ASK_AGAIN,
            false => ASK_AGAIN_CALMLY,
        };
        let funding = &mut self.shared.funding;
        funding.asked_at = Some(now.mono);
        funding.due = Some(now.mono.after(again));
        actions.push(Action::FetchFunding(from));
    }

    /// Where the next request begins: with the first payment that any symbol may lack.
    fn funding_from(&self) -> Option<Wall> {
        let through = |keep: &Keep| keep.books.funding_settled().0;
        let first = self.keeps.iter().flatten().filter_map(through).min();
        first.map(|hour| self.shared.funding.page.unwrap_or(hour.end()))
    }

    /// A payment that the stream told of, of a symbol if it said which.
    pub(super) fn on_funding_told(
        &mut self,
        now: Now,
        symbol: Option<SymbolId>,
        amount: Quote,
        time: Wall,
        actions: &mut Actions,
    ) {
        match symbol {
            Some(symbol) => self.book_funding(now, symbol, amount, time, actions),
            // It may be of a symbol that is not traded here: the list of income says which.
            None => {
                self.shared.funding.demand(now.mono);
                let soon = now.mono.after(SOON);
                self.shared.funding.due = Some(soon);
            }
        }
    }

    fn book_funding(
        &mut self,
        now: Now,
        symbol: SymbolId,
        amount: Quote,
        time: Wall,
        actions: &mut Actions,
    ) {
        self.on_parked_funding(symbol, amount, time);
        self.with_desk(now, symbol, actions, |desk, _, _| {
            // A repetition changes nothing. Sums beyond the books (9e10 quote) do not occur.
            let _booked = desk.position.on_funding(amount, time);
        });
    }

    /// A page of payments.
    pub(super) fn on_funding_reply(
        &mut self,
        now: Now,
        requested_at: Mono,
        outcome: &Outcome<FundingPage<'_>>,
        actions: &mut Actions,
    ) {
        let Some(page) = self.accepted(now, None, outcome, actions) else {
            return;
        };
        for payment in page.payments {
            let (amount, time) = (payment.amount, payment.time);
            self.book_funding(now, payment.symbol, amount, time, actions);
        }
        if requested_at < self.shared.funding.demanded_at {
            return;
        }
        self.shared.funding.page = page.next;
        if page.next.is_some() {
            self.shared.funding.bring_forward(now.mono);
            return;
        }
        let through = page.through();
        self.on_parked_funding_settled(through);
        self.with_desks(now, actions, |desk, _, _| {
            desk.on_funding_settled(through, now.mono);
        });
        let next = FundingHour::before(now.wall).next().instant();
        let wait = Span(next.0.saturating_sub(now.wall.0)).saturating_add(AFTER_THE_HOUR);
        self.shared.funding.due = Some(now.mono.after(wait));
    }
}

impl Desk {
    /// Every payment up to this instant is in the books.
    fn on_funding_settled(&mut self, through: FundingHour, now: Mono) {
        self.position.on_funding_settled(through);
        self.on_funding_known(now);
    }
}
