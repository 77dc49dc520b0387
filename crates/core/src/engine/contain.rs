//! Owns what happens when one desk's logic panics: its state is discarded, its orders are cancelled until the
//! exchange shows none, and after a pause a new desk takes over; knows nothing of how a panic is caught.
//!
//! The driver catches the unwinding of [`Engine::step`] or [`Engine::refresh_view`], and if
//! [`Engine::stepping`] names a desk, calls [`Engine::on_desk_panicked`] and feeds the same event again:
//! those that it had not reached hear it for the first time, the others are unharmed by hearing it twice, and
//! what it says of the lost desk (a fill, funding, a changed parameter) is noted for its successor.
//!
//! Until the exchange has confirmed that nothing of the lost desk is open, its last worst case stays counted
//! against `total_notional_max`, and no successor is made. Its dead-man switch is left alone: should every
//! cancel fail, it fires.

use super::desk::Desk;
use super::desk::kept::Kept;
use super::requests::Request;
use super::timers::Timer;
use super::{Engine, streams_of};
use crate::action::{Action, Actions};
use crate::digest::Digest;
use crate::event::{
    Execution, Link, LiteFill, Market, Operator, OrderReport, OrderUpdate, Outcome, Resume,
};
use crate::instrument::{Instrument, SymbolId};
use crate::notice::{HaltReason, Notice, What};
use crate::order::{OrderId, Owner};
use crate::params::SymbolParams;
use crate::position::{Booked, Position};
use crate::units::{FundingHour, Mono, Now, Quote, Span, Wall};
use alloc::vec::Vec;
use core::hash::Hash;

/// Pause before the first successor; each further panic within [`PANICS_WITHIN`] doubles it.
pub const RESTART_AFTER: Span = Span::from_secs(5);
/// With this many panics within [`PANICS_WITHIN`] the symbol stays stopped until an operator resumes.
pub const PANICS_MAX: usize = 5;
/// How long a panic counts.
pub const PANICS_WITHIN: Span = Span::from_secs(600);
/// How often the exchange is asked whether something is still open.
const ASK_EVERY: Span = Span::from_secs(1);

/// A fault put into a desk on purpose, for drills. No event can carry one: only a driver that calls
/// [`Engine::inject`] can, and the live shell does so on a local venue only.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum DeskFault {
    /// The strategy panics when it is asked for the next time.
    PanicOnce,
    /// It does so again after each restart.
    PanicAlways,
    /// The strategy never returns.
    Loop,
}

impl DeskFault {
    /// What the faulty strategy does in place of quoting.
    pub(super) fn strike(self, symbol: SymbolId) {
        match self {
            Self::PanicOnce | Self::PanicAlways => {
                panic!("injected fault: the strategy of symbol {} panics", symbol.0)
            }
            Self::Loop => loop {
                core::hint::spin_loop();
            },
        }
    }
}

/// The instants of the panics that still count.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
struct Panics([Option<Mono>; PANICS_MAX]);

impl Panics {
    /// Notes a panic; returns how many count now, and the pause before the restart, `None` at the limit.
    fn on_panic(&mut self, now: Mono) -> (u32, Option<Span>) {
        for slot in &mut self.0 {
            *slot = slot.filter(|at| now.since(*at) < PANICS_WITHIN);
        }
        if let Some(free) = self.0.iter_mut().find(|slot| slot.is_none()) {
            *free = Some(now);
        }
        let count = u32::try_from(self.0.iter().flatten().count()).unwrap_or(u32::MAX);
        let doublings = count.saturating_sub(1);
        let pause = Span(RESTART_AFTER.raw() << doublings.min(16));
        let is_last = self.0.iter().all(Option::is_some);
        (count, (!is_last).then_some(pause))
    }
}

/// The time between a panic and the successor.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Parked {
    /// When it panicked, or when a late order of it appeared.
    since: Mono,
    /// When the exchange is asked next; past once it has confirmed.
    ask_at: Mono,
    /// The exchange shows nothing of ours, in a list asked for when every request of the lost desk was over.
    is_clear: bool,
    /// When the successor is made; `None` when only an operator brings it back.
    restart_at: Option<Mono>,
    /// Which panic of those that count it was.
    count: u32,
}

/// What is kept of a desk outside of it, so that a panic in its logic cannot spoil it.
#[derive(Clone, Debug)]
pub(super) struct Keep {
    pub(super) symbol: SymbolId,
    pub(super) instrument: Instrument,
    pub(super) params: SymbolParams,
    /// The books after the last completed step, and what came since the panic.
    pub(super) books: Position,
    pub(super) kept: Kept,
    /// When the desk must be stepped again; asked of it within its step, where a panic is caught.
    pub(super) due: Option<(Mono, Timer)>,
    panics: Panics,
    parked: Option<Parked>,
    /// Orders of the lost desk while their cancel has not been asked for. A hint only, and needed only where a cancel
    /// of everything would hit others.
    hint: Option<Vec<OrderId>>,
    fault: Option<DeskFault>,
}

impl Keep {
    pub(super) fn new(desk: &Desk) -> Self {
        Self {
            symbol: desk.symbol,
            instrument: desk.instrument.clone(),
            params: desk.params,
            books: desk.position.clone(),
            kept: desk.kept(),
            due: desk.next_due(),
            panics: Panics::default(),
            parked: None,
            hint: None,
            fault: None,
        }
    }

    /// The desk has completed a step.
    pub(super) fn on_step_done(&mut self, desk: &Desk) {
        if self.books.revision() != desk.position.revision() {
            self.books = desk.position.clone();
        }
        self.kept = desk.kept();
        self.due = desk.next_due();
    }

    /// Whether its desk was lost and has no successor yet.
    pub(super) const fn is_parked(&self) -> bool {
        self.parked.is_some()
    }

    /// Whether nothing of a lost desk is open at the exchange; true while there is a desk.
    pub(super) fn is_clear(&self) -> bool {
        self.parked.is_none_or(|parked| parked.is_clear)
    }

    /// Whether its desk was lost, nothing of it is open, and its symbol was removed.
    pub(super) fn is_lost_and_over(&self) -> bool {
        self.is_parked() && self.is_clear() && self.kept.removed_at.is_some()
    }

    /// When a lost desk comes back by itself; `None` when only an operator can bring it back.
    pub(super) fn restart_at(&self) -> Option<Mono> {
        self.parked?.restart_at
    }

    /// When something is to be done.
    pub(super) fn next_due(&self) -> Option<(Mono, Timer)> {
        let Some(parked) = self.parked else {
            return self.due;
        };
        let at = match parked.is_clear {
            // A removed symbol is forgotten with the step in which it became clear.
            true => parked
                .restart_at
                .filter(|_| self.kept.removed_at.is_none())?,
            false => parked.ask_at,
        };
        Some((at, Timer::Restart))
    }

    /// A fill of the lost desk's orders: booked at once; its successor asks for what was missed.
    fn on_order_update(&mut self, now: Mono, update: &OrderUpdate) {
        let report = &update.report;
        if let Some(fill) = &update.fill {
            let booked = self
                .books
                .on_fill(&self.instrument, report.side, fill, report.time);
            if booked == Booked::New {
                self.kept.on_filled(report.side);
            }
        }
        let is_new = !report.status.is_terminal() && !matches!(report.owner, Owner::Ours(_));
        self.kept.has_foreign_orders |= is_new;
        let is_late = matches!(report.owner, Owner::Ours(_)) && update.execution == Execution::New;
        if let Some(parked) = self.parked.as_mut().filter(|_| is_late) {
            // Its request was on the way when everything was cancelled.
            (parked.since, parked.ask_at, parked.is_clear) = (now, now, false);
        }
    }

    pub(super) fn digest(&self, digest: &mut Digest) {
        (self.panics, self.parked, self.fault).hash(digest);
        self.hint.hash(digest);
        if self.is_parked() {
            self.books.digest(digest);
        }
    }
}

impl Engine {
    /// Discards the desk whose logic panicked: nothing of its state is used again. What it asked for in that step
    /// is dropped from `actions`, its orders are cancelled, and its successor is made when that is due.
    pub fn on_desk_panicked(&mut self, now: Now, actions: &mut Actions) {
        let Some((symbol, mark)) = self.stepping.take() else {
            return;
        };
        // What other desks asked for before stands, and what was said or asked for the account.
        actions.retain_after(mark, |action| !is_request_of_a_desk(action));
        let index = usize::from(symbol.0);
        let desk = self.desks.get_mut(index).and_then(Option::take);
        let Some(Some(keep)) = self.keeps.get_mut(index) else {
            return;
        };
        let (count, pause) = keep.panics.on_panic(now.mono);
        keep.parked = Some(Parked {
            since: now.mono,
            ask_at: now.mono,
            is_clear: false,
            restart_at: pause.map(|pause| now.mono.after(pause)),
            count,
        });
        keep.kept.record.on_gone(now.mono);
        keep.fault = keep.fault.filter(|fault| *fault != DeskFault::PanicOnce);
        // Cancelled with the step that follows at once, when it is known whether this event told of others' orders.
        let orders = desk.iter().flat_map(|desk| desk.tracker.iter());
        keep.hint = Some(orders.map(|order| order.id).collect());
        let mut say = |what| {
            actions.say(Notice {
                symbol: Some(symbol),
                what,
            });
        };
        say(What::DeskPanicked(count, pause));
        if pause.is_none() {
            say(What::Halted(HaltReason::Panics, None));
        }
    }

    /// Puts a fault into a desk, for drills.
    pub fn inject(&mut self, symbol: SymbolId, fault: DeskFault) {
        let index = usize::from(symbol.0);
        if let Some(Some(desk)) = self.desks.get_mut(index) {
            desk.fault = Some(fault);
        }
        if let Some(Some(keep)) = self.keeps.get_mut(index) {
            keep.fault = Some(fault);
        }
    }

    /// Takes an injected fault away again.
    pub fn heal(&mut self, symbol: SymbolId) {
        let index = usize::from(symbol.0);
        if let Some(Some(desk)) = self.desks.get_mut(index) {
            desk.fault = None;
        }
        if let Some(Some(keep)) = self.keeps.get_mut(index) {
            keep.fault = None;
        }
    }

    /// What is kept of a lost desk without successor.
    fn parked(&mut self, symbol: SymbolId) -> Option<&mut Keep> {
        let keep = self.keeps.get_mut(usize::from(symbol.0))?.as_mut()?;
        keep.is_parked().then_some(keep)
    }

    fn cancel_parked(
        &mut self,
        now: Mono,
        symbol: SymbolId,
        ids: &[OrderId],
        actions: &mut Actions,
    ) {
        let banned = self.shared.weight.banned_until(now);
        let Some(keep) = self.parked(symbol) else {
            return;
        };
        let has_others = keep.kept.has_foreign_orders;
        if let (Some(until), Some(parked)) = (banned, &mut keep.parked) {
            parked.ask_at = until;
            return;
        }
        if let Some(parked) = &mut keep.parked {
            parked.ask_at = now.after(ASK_EVERY);
        }
        if !has_others {
            let weight = Request::CancelAll.weight();
            self.shared.weight.on_sent(weight, now);
            actions.push(Action::CancelAll(symbol));
            return;
        }
        for id in ids {
            let weight = Request::Cancel.weight();
            self.shared.weight.on_sent(weight, now);
            actions.push(Action::Cancel(symbol, *id));
        }
    }

    /// Asks for what is open, and makes successors whose time has come.
    pub(super) fn poll_parked(&mut self, now: Now, actions: &mut Actions) {
        for index in 0..self.keeps.len() {
            let Some(Some(keep)) = self.keeps.get(index) else {
                continue;
            };
            let (symbol, is_clear) = (keep.symbol, keep.is_clear());
            let due = keep.next_due().filter(|_| keep.is_parked());
            if due.is_none_or(|(at, _)| at > now.mono) {
                continue;
            }
            if let Some(ids) = self.parked(symbol).and_then(|keep| keep.hint.take()) {
                self.cancel_parked(now.mono, symbol, &ids, actions);
                continue;
            }
            match is_clear {
                false => self.ask_what_is_open(now.mono, symbol, actions),
                true => self.make_successor(now, symbol, actions),
            }
        }
    }

    fn ask_what_is_open(&mut self, now: Mono, symbol: SymbolId, actions: &mut Actions) {
        let at = match self.shared.may_ask(Request::OpenOrders, now) {
            true => {
                actions.push(Action::FetchOpenOrders(symbol));
                now.after(ASK_EVERY)
            }
            false => self.shared.weight.next_check(now),
        };
        if let Some(parked) = self.parked(symbol).and_then(|keep| keep.parked.as_mut()) {
            parked.ask_at = at;
        }
    }

    fn make_successor(&mut self, now: Now, symbol: SymbolId, actions: &mut Actions) {
        let index = usize::from(symbol.0);
        self.stepping = Some((symbol, actions.as_slice().len()));
        let Some(Some(keep)) = self.keeps.get_mut(index) else {
            return;
        };
        let Some(parked) = &mut keep.parked else {
            return;
        };
        if self.shared.stopping {
            parked.restart_at = None;
            self.stepping = None;
            return;
        }
        let parked = *parked;
        let (instrument, params) = (&keep.instrument, &keep.params);
        let mut desk = Desk::new(symbol, instrument, params, &Resume::default(), now.mono);
        desk.succeed(&keep.books, &keep.kept, parked.since);
        self.shared.funding.demand_for_new(now.mono);
        desk.fault = keep.fault;
        keep.parked = None;
        if let Some(place) = self.desks.get_mut(index) {
            *place = Some(desk);
        }
        actions.say(Notice {
            symbol: Some(symbol),
            what: What::DeskRestarted(parked.count),
        });
        self.expect_streams(now, symbol, actions);
    }

    /// From connections that are up a new desk's first messages are expected now.
    pub(super) fn expect_streams(&mut self, now: Now, symbol: SymbolId, actions: &mut Actions) {
        let links = [Link::Public, Link::Market].map(|link| (link, self.shared.is_up(link)));
        self.with_desk(now, symbol, actions, |desk, _, actions| {
            for (link, _) in links.iter().filter(|(_, is_up)| *is_up) {
                desk.on_streams(streams_of(*link), true, now.mono, actions);
            }
        });
    }

    // ------------------------------------------------------------------ what a lost desk would have heard

    pub(super) fn on_parked_update(&mut self, now: Mono, update: &OrderUpdate) {
        let Some(keep) = self.parked(update.report.symbol) else {
            return;
        };
        keep.on_order_update(now, update);
        // The stream that tells of a lost desk's orders is alive all the same.
        if let Owner::Ours(id) = update.report.owner {
            let is_end = update.report.status.is_terminal();
            self.shared.user.on_event(id, is_end);
        }
    }

    pub(super) fn on_parked_lite_fill(&mut self, lite: &LiteFill) {
        if let Some(keep) = self.parked(lite.symbol)
            && keep.books.on_lite(&keep.instrument, lite) == Booked::New
        {
            keep.kept.on_filled(lite.side);
        }
    }

    pub(super) fn on_parked_funding(&mut self, symbol: SymbolId, amount: Quote, time: Wall) {
        if let Some(keep) = self.parked(symbol) {
            // A repetition changes nothing; an amount beyond the books is caught by reconciliation.
            let _booked = keep.books.on_funding(amount, time);
        }
    }

    pub(super) fn on_parked_funding_settled(&mut self, through: FundingHour) {
        for keep in self.keeps.iter_mut().flatten().filter(|k| k.is_parked()) {
            keep.books.on_funding_settled(through);
        }
    }

    pub(super) fn on_parked_market(&mut self, symbol: SymbolId, market: &Market<'_>) {
        if let Market::Status(status) = market
            && let Some(keep) = self.parked(symbol)
        {
            keep.kept.contract = *status;
        }
    }

    /// Only a limit that its refusal speaks of matters: whether it was done is seen in the list.
    pub(super) fn on_parked_cancel_reply(
        &mut self,
        now: Mono,
        symbol: SymbolId,
        outcome: &Outcome<()>,
        actions: &mut Actions,
    ) {
        if let Outcome::Refused(refusal) = outcome
            && self.parked(symbol).is_some()
        {
            self.shared.on_refused(refusal, now, Some(symbol), actions);
        }
    }

    /// What the exchange still holds of a lost desk: cancelled until there is nothing.
    pub(super) fn on_parked_orders(
        &mut self,
        now: Mono,
        symbol: SymbolId,
        requested_at: Mono,
        orders: &[OrderReport],
        actions: &mut Actions,
    ) {
        let Some(keep) = self.parked(symbol).filter(|keep| !keep.is_clear()) else {
            return;
        };
        let ours = orders.iter().filter_map(|o| match o.owner {
            Owner::Ours(id) => Some(id),
            Owner::OtherInstance | Owner::Foreign => None,
        });
        let ids: Vec<OrderId> = ours.collect();
        keep.kept.has_foreign_orders = ids.len() < orders.len();
        if !ids.is_empty() {
            self.cancel_parked(now, symbol, &ids, actions);
            return;
        }
        let in_flight = keep.params.liveness.request_timeout;
        let Some(parked) = &mut keep.parked else {
            return;
        };
        if requested_at < parked.since.after(in_flight) {
            return;
        }
        parked.is_clear = true;
        // Without orders and without a price, what was paid for the position stands for its value.
        let used = Quote(keep.books.cost().raw().saturating_abs());
        self.shared.on_notional(symbol, used);
    }

    pub(super) fn on_parked_operator(
        &mut self,
        now: Mono,
        operator: Operator,
        actions: &mut Actions,
    ) {
        if operator != Operator::Resume || self.shared.stopping {
            return;
        }
        for keep in self.keeps.iter_mut().flatten() {
            let Some(parked) = &mut keep.parked else {
                continue;
            };
            keep.kept.on_resume();
            if parked.restart_at.is_none() {
                parked.restart_at = Some(now);
                keep.panics = Panics::default();
                actions.say(Notice {
                    symbol: Some(keep.symbol),
                    what: What::Resumed,
                });
            }
        }
    }

    /// Contract data and parameters for a successor; its books and its pause stay. False when there is a desk, or never was one.
    pub(super) fn on_parked_added(
        &mut self,
        symbol: SymbolId,
        instrument: &Instrument,
        params: &SymbolParams,
    ) -> bool {
        let Some(keep) = self.parked(symbol) else {
            return false;
        };
        keep.instrument = instrument.clone();
        keep.params = *params;
        keep.kept.removed_at = None;
        true
    }
}

/// Whether an action only makes sense to the desk that asked for it.
const fn is_request_of_a_desk(action: &Action) -> bool {
    match action {
        Action::Place(_)
        | Action::Amend(_)
        | Action::Cancel(..)
        | Action::CancelAll(_)
        | Action::QueryOrder(..)
        | Action::FetchOpenOrders(_)
        | Action::FetchTrades(..)
        | Action::FetchSnapshot(_)
        | Action::Probe(_)
        | Action::ArmDeadMan(..) => true,
        Action::FetchAccount
        | Action::FetchFunding(_)
        | Action::ProbeAll
        | Action::RenewListenKey
        | Action::Reconnect(_)
        | Action::Say(_)
        | Action::Stopped => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pause_doubles_and_the_fifth_panic_in_ten_minutes_is_the_last() {
        let mut panics = Panics::default();
        let mut at = |second| panics.on_panic(Mono(0).after(Span::from_secs(second)));
        assert_eq!(at(0), (1, Some(Span::from_secs(5))));
        assert_eq!(at(100), (2, Some(Span::from_secs(10))));
        assert_eq!(at(200), (3, Some(Span::from_secs(20))));
        assert_eq!(at(300), (4, Some(Span::from_secs(40))));
        assert_eq!(at(599), (5, None));
    }

    #[test]
    fn panics_are_forgiven_after_ten_minutes() {
        let mut panics = Panics::default();
        let mut at = |second| panics.on_panic(Mono(0).after(Span::from_secs(second)));
        for second in [0, 10, 20, 30] {
            assert!(at(second).1.is_some());
        }
        assert_eq!(at(600), (4, Some(Span::from_secs(40))), "the first is over");
        assert_eq!(at(2_000), (1, Some(Span::from_secs(5))));
    }
}
