//! Owns the one entry point of all trading decisions: routes each event to the desks it concerns and lets
//! them act; knows nothing of clocks, sockets or files.

pub mod contain;
pub mod desk;
pub mod funding;
pub mod probes;
pub mod record;
pub mod requests;
pub mod risk_time;
pub mod shared;
pub mod timers;
mod user;
pub mod view;

use crate::action::{Action, Actions};
use crate::book::Touch;
use crate::digest::Digest;
use crate::event::{
    Account, AccountReason, AccountUpdate, Config, Event, Link, LinkState, Market, Operator,
    OrderUpdate, Outcome, Reply, Stream,
};
use crate::instrument::SymbolId;
use crate::notice::{HaltReason, Notice, What};
use crate::params::AccountParams;
use crate::units::{Mono, Now, Quote, Span};
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use contain::Keep;
use core::hash::Hash;
use desk::Desk;
use shared::Shared;
use timers::Timer;
use view::{SymbolView, View};

/// Most symbols of one engine; a further one is not added and reported as halted.
pub const SYMBOLS_MAX: usize = 64;

/// The trading state machine. Same events at the same instants give the same actions, on every machine.
#[derive(Clone, Debug)]
pub struct Engine {
    shared: Shared,
    desks: Vec<Option<Desk>>,
    /// What is kept of each desk outside of it, at the same place.
    keeps: Vec<Option<Keep>>,
    /// The desk being stepped, and how many actions there were before: after a panic the driver discards it
    /// ([`Engine::on_desk_panicked`]).
    stepping: Option<(SymbolId, usize)>,
    /// The halt that every desk has heard of; kept outside of `step`, which a panic may cut short.
    halt_heard: Option<HaltReason>,
    /// Wall less monotonic clock at the last step.
    clock_offset: Option<Span>,
    is_stopped: bool,
    view: View,
    /// Removed symbols as they ended, until the driver takes them.
    ended: VecDeque<SymbolView>,
}

impl Engine {
    /// An engine without symbols; `session` must be durable before the first order (spec §6).
    #[must_use]
    pub fn new(session: u32, params: AccountParams) -> Self {
        Self {
            shared: Shared::new(session, params),
            desks: Vec::new(),
            keeps: Vec::new(),
            stepping: None,
            halt_heard: None,
            clock_offset: None,
            is_stopped: false,
            view: View::default(),
            ended: VecDeque::new(),
        }
    }

    /// Feeds one event at one instant; appends what should happen.
    pub fn step(&mut self, now: Now, event: &Event<'_>, actions: &mut Actions) {
        self.note_clock(now);
        match event {
            Event::Wakeup => self.on_wakeup(now, actions),
            Event::Market(symbol, market) => self.on_market(now, *symbol, market, actions),
            Event::Account(account) => self.on_account(now, account, actions),
            Event::Reply(reply) => self.on_reply(now, reply, actions),
            Event::Link(link, state) => self.on_link(now, *link, *state, actions),
            Event::Operator(operator) => self.on_operator(now, *operator, actions),
            Event::Config(config) => self.on_config(now, config, actions),
        }
        self.judge_user_stream(now, actions);
        self.poll_parked(now, actions);
        self.poll_funding(now, actions);
        if self.halt_heard != self.shared.halt {
            // What one symbol met stands for the account: the others do not wait for their next event.
            self.halt_heard = self.shared.halt;
            self.with_desks(now, actions, |_, _, _| {});
        }
        self.note_asked();
        self.forget_removed(actions);
        self.finish_stop(actions);
    }

    /// The wall clock was measured anew: what was learned of event times is restated, so that no stream looks late.
    fn note_clock(&mut self, now: Now) {
        let offset = Span(now.wall.raw().saturating_sub(now.mono.raw()));
        let before = self.clock_offset.replace(offset).unwrap_or(offset);
        if before == offset {
            return;
        }
        let step = offset.saturating_sub(before);
        self.shared.user.on_clock_step(step);
        for desk in self.desks.iter_mut().flatten() {
            desk.liveness.on_clock_step(step);
        }
    }

    /// The next instant at which `step` must be called with `Event::Wakeup`, and why.
    #[must_use]
    pub fn next_wakeup(&self) -> Option<(Mono, Timer)> {
        let user = self.shared.user.next_check();
        self.keeps
            .iter()
            .flatten()
            .filter_map(Keep::next_due)
            .chain(user.map(|at| (at, Timer::Liveness)))
            .chain(self.funding_due().map(|at| (at, Timer::Funding)))
            .min_by_key(|(at, _)| *at)
    }

    /// The snapshot made by the last [`Engine::refresh_view`].
    #[must_use]
    pub const fn view(&self) -> &View {
        &self.view
    }

    /// Best bid and ask of a symbol as the engine believes them now; `None` while its book is not true.
    #[must_use]
    pub fn touch(&self, symbol: SymbolId) -> Option<Touch> {
        self.desks.get(usize::from(symbol.0))?.as_ref()?.touch()
    }

    /// Brings the view up to date; separate from `step`, which must not pay for it on each event.
    pub fn refresh_view(&mut self, now: Now) {
        self.view.begin(now, &self.shared);
        for (desk, keep) in self.desks.iter().zip(&self.keeps) {
            let Some(keep) = keep else { continue };
            self.stepping = Some((keep.symbol, 0));
            match desk {
                Some(desk) => self.view.add_desk(desk),
                None => self.view.add_parked(keep),
            }
        }
        self.stepping = None;
    }

    /// Hash of everything later behaviour depends on.
    #[must_use]
    pub fn digest(&self) -> u64 {
        let mut digest = Digest::default();
        self.shared.digest(&mut digest);
        self.clock_offset.hash(&mut digest);
        digest.word(i64::from(self.is_stopped));
        digest.word(i64::from(self.halt_heard == self.shared.halt));
        for desk in &self.desks {
            digest.word(desk.as_ref().map_or(0, |d| d.digest().cast_signed()));
        }
        for keep in self.keeps.iter().flatten() {
            keep.digest(&mut digest);
        }
        digest.finish()
    }

    /// The desk that was being stepped when a panic unwound through `step`; `None` when the panic was
    /// elsewhere, which ends the process.
    #[must_use]
    pub fn stepping(&self) -> Option<SymbolId> {
        self.stepping.map(|(symbol, _)| symbol)
    }

    // ------------------------------------------------------------------ routing

    /// Runs `what` on one desk, then lets it act.
    fn with_desk(
        &mut self,
        now: Now,
        symbol: SymbolId,
        actions: &mut Actions,
        what: impl FnOnce(&mut Desk, &mut Shared, &mut Actions),
    ) {
        let Some(Some(desk)) = self.desks.get_mut(usize::from(symbol.0)) else {
            return;
        };
        self.stepping = Some((symbol, actions.as_slice().len()));
        desk.on_step_begins(now);
        what(desk, &mut self.shared, actions);
        desk.act(now, &mut self.shared, actions);
        if let Some(Some(keep)) = self.keeps.get_mut(usize::from(symbol.0)) {
            keep.on_step_done(desk);
        }
        self.stepping = None;
    }

    /// The same on every desk, in the order of their ids.
    fn with_desks(
        &mut self,
        now: Now,
        actions: &mut Actions,
        mut what: impl FnMut(&mut Desk, &mut Shared, &mut Actions),
    ) {
        for index in 0..self.desks.len() {
            let Ok(id) = u16::try_from(index) else { return };
            self.with_desk(now, SymbolId(id), actions, &mut what);
        }
    }

    fn on_wakeup(&mut self, now: Now, actions: &mut Actions) {
        for index in 0..self.desks.len() {
            let due = self.keeps.get(index).and_then(|k| k.as_ref()?.due);
            if due.is_some_and(|(at, _)| at <= now.mono)
                && let Ok(id) = u16::try_from(index)
            {
                self.with_desk(now, SymbolId(id), actions, |_, _, _| {});
            }
        }
    }

    fn on_market(
        &mut self,
        now: Now,
        symbol: SymbolId,
        market: &Market<'_>,
        actions: &mut Actions,
    ) {
        self.on_parked_market(symbol, market);
        self.with_desk(now, symbol, actions, |desk, shared, actions| {
            desk.on_market(now, market, shared, actions);
        });
    }

    fn on_account(&mut self, now: Now, account: &Account<'_>, actions: &mut Actions) {
        self.note_event_time(now, account);
        match account {
            Account::Order(update) => self.on_order_update(now, update, actions),
            Account::Lite(lite) => {
                self.on_parked_lite_fill(lite);
                self.with_desk(now, lite.symbol, actions, |desk, _, actions| {
                    desk.on_lite_fill(now, lite, actions);
                });
            }
            Account::Update(update) => self.on_account_update(now, update, actions),
            Account::ListenKeyExpired => {
                actions.push(Action::RenewListenKey);
                self.on_link(now, Link::User, LinkState::Down, actions);
            }
            Account::MarginCall => {
                actions.say(Notice {
                    symbol: None,
                    what: What::MarginCall,
                });
                self.with_desks(now, actions, |desk, _, _| {
                    desk.check_after(Span::ZERO, now.mono);
                });
            }
            Account::Malformed(why) => {
                actions.say(Notice {
                    symbol: None,
                    what: What::BadFrame(Stream::User, *why),
                });
                self.shared.user.probation.on_failure(now.mono);
                self.shared.funding.demand(now.mono);
                self.with_desks(now, actions, |desk, _, _| desk.doubt(now.mono));
            }
        }
    }

    /// Removed symbols of which nothing is open any more, their desks lost or not. A position that remains is nobody's
    /// from now on.
    fn forget_removed(&mut self, actions: &mut Actions) {
        for (place, kept) in self.desks.iter_mut().zip(&mut self.keeps) {
            let desk = place.take_if(|d| d.removed_at.is_some() && d.is_ended());
            let Some(keep) = kept.take_if(|k| desk.is_some() || k.is_lost_and_over()) else {
                continue;
            };
            self.shared.on_notional(keep.symbol, Quote::ZERO);
            actions.say(Notice {
                symbol: Some(keep.symbol),
                what: What::Removed(keep.books.size()),
            });
            if self.ended.len() >= SYMBOLS_MAX {
                // A driver that does not take them does not need them.
                self.ended.pop_front();
            }
            self.ended.push_back(SymbolView::of_kept(&keep));
        }
    }

    /// A removed symbol of which the exchange confirmed that nothing of ours is open, as it ended; each once.
    pub fn next_ended(&mut self) -> Option<SymbolView> {
        self.ended.pop_front()
    }

    fn on_order_update(&mut self, now: Now, update: &OrderUpdate, actions: &mut Actions) {
        self.on_parked_update(now.mono, update);
        self.with_desk(
            now,
            update.report.symbol,
            actions,
            |desk, shared, actions| {
                desk.on_order_update(now, update, shared, actions);
            },
        );
    }

    /// Balance and funding from the stream. Positions come with fills and are checked by REST, so that a
    /// position event that overtakes its fill is not taken for a difference.
    fn on_account_update(&mut self, now: Now, update: &AccountUpdate<'_>, actions: &mut Actions) {
        let Some(balance) = update.balance else {
            return;
        };
        self.shared.wallet = Some(balance.wallet);
        if update.reason == AccountReason::Funding {
            let (amount, time) = (balance.change, update.time);
            self.on_funding_told(now, update.symbol, amount, time, actions);
        }
    }

    fn on_reply(&mut self, now: Now, reply: &Reply<'_>, actions: &mut Actions) {
        match reply {
            Reply::Place(symbol, id, _)
            | Reply::Amend(symbol, id, _)
            | Reply::Cancel(symbol, id, _)
            | Reply::Query(symbol, id, _) => {
                self.with_desk(now, *symbol, actions, |desk, shared, actions| {
                    desk.on_order_reply(now, *id, reply, shared, actions);
                })
            }
            Reply::CancelAll(symbol, outcome) => {
                self.on_parked_cancel_reply(now.mono, *symbol, outcome, actions);
                self.with_desk(now, *symbol, actions, |desk, shared, actions| {
                    desk.on_cancel_all_reply(now, outcome, shared, actions);
                })
            }
            Reply::OpenOrders {
                symbol,
                requested_at,
                outcome,
            } => {
                if let Some(orders) = self.accepted(now, Some(*symbol), outcome, actions) {
                    self.on_parked_orders(now.mono, *symbol, *requested_at, orders, actions);
                    self.with_desk(now, *symbol, actions, |desk, shared, actions| {
                        desk.on_open_orders(now, *requested_at, orders, shared, actions);
                    });
                }
            }
            Reply::Account {
                requested_at,
                outcome,
            } => {
                if let Some(update) = self.accepted(now, None, outcome, actions) {
                    self.on_account_truth(now, *requested_at, update, actions);
                }
            }
            Reply::Trades {
                symbol,
                requested_at,
                outcome,
            } => {
                if let Some(trades) = self.accepted(now, Some(*symbol), outcome, actions) {
                    self.with_desk(now, *symbol, actions, |desk, shared, actions| {
                        desk.on_trades(now, *requested_at, trades, shared, actions);
                    });
                }
            }
            Reply::Funding {
                requested_at,
                outcome,
            } => self.on_funding_reply(now, *requested_at, outcome, actions),
            Reply::Probe {
                symbol,
                requested_at,
                outcome,
            } => self.on_probe_one(now, *symbol, *requested_at, outcome, actions),
            Reply::ProbeAll {
                requested_at,
                outcome,
            } => self.on_probe_all(now, *requested_at, outcome, actions),
            Reply::DeadMan {
                symbol,
                requested_at,
                outcome,
            } => self.on_dead_man_reply(now, *symbol, *requested_at, outcome, actions),
            Reply::Weight(used) => self.shared.weight.on_reported(*used, now.mono),
            Reply::OrderCounts(counts) => self.shared.order_rate.on_reported(counts, now.mono),
        }
    }

    fn on_dead_man_reply(
        &mut self,
        now: Now,
        symbol: SymbolId,
        requested_at: Mono,
        outcome: &Outcome<Span>,
        actions: &mut Actions,
    ) {
        let _told = self.accepted(now, Some(symbol), outcome, actions);
        self.with_desk(now, symbol, actions, |desk, _, actions| {
            desk.on_dead_man_reply(now, requested_at, outcome, actions);
        });
    }

    /// What a request brought, if it succeeded. A limit or halt that its refusal speaks of holds for all; the
    /// desk that misses the answer asks again.
    fn accepted<'a, T>(
        &mut self,
        now: Now,
        symbol: Option<SymbolId>,
        outcome: &'a Outcome<T>,
        actions: &mut Actions,
    ) -> Option<&'a T> {
        match outcome {
            Outcome::Accepted(answer) => Some(answer),
            Outcome::Refused(refusal) => {
                self.shared.on_refused(refusal, now.mono, symbol, actions);
                None
            }
            Outcome::Unknown => None,
        }
    }

    fn on_account_truth(
        &mut self,
        now: Now,
        requested_at: Mono,
        update: &AccountUpdate<'_>,
        actions: &mut Actions,
    ) {
        if let Some(balance) = update.balance {
            self.shared.wallet = Some(balance.wallet);
        }
        self.with_desks(now, actions, |desk, shared, actions| {
            desk.on_account_position(now, requested_at, update, shared, actions);
        });
    }

    fn on_link(&mut self, now: Now, link: Link, state: LinkState, actions: &mut Actions) {
        // A connection that takes over while its predecessor still speaks loses nothing.
        let is_replaced = !self.shared.on_link(link, state, now.mono);
        if !is_replaced {
            let what = match state {
                LinkState::Up => What::LinkUp(link),
                LinkState::Down => What::LinkDown(link),
            };
            actions.say(Notice { symbol: None, what });
        }
        let is_up = state == LinkState::Up;
        if link == Link::User && is_up && !is_replaced {
            self.shared.funding.demand(now.mono);
        }
        let streams = streams_of(link);
        self.with_desks(now, actions, |desk, _, actions| {
            desk.on_streams(streams, is_up, now.mono, actions);
            match link {
                Link::User if is_up && is_replaced => desk.check_after(Span::ZERO, now.mono),
                Link::User => desk.doubt(now.mono),
                Link::Orders | Link::Public | Link::Market => {}
            }
        });
    }

    fn on_operator(&mut self, now: Now, operator: Operator, actions: &mut Actions) {
        let halt = match operator {
            Operator::Pause => Some(HaltReason::Paused),
            Operator::Kill => Some(HaltReason::Killed),
            Operator::Stop => {
                self.shared.stopping = true;
                Some(HaltReason::Stopping)
            }
            Operator::Resume | Operator::CancelAll => None,
        };
        if let Some(reason) = halt {
            self.shared.halt_and_say(reason, None, actions);
        }
        if operator == Operator::Resume && !self.shared.stopping {
            self.shared.halt = None;
            actions.say(Notice {
                symbol: None,
                what: What::Resumed,
            });
        }
        self.on_parked_operator(now.mono, operator, actions);
        self.with_desks(now, actions, |desk, shared, actions| match operator {
            Operator::Resume => desk.on_resume(now.mono),
            Operator::CancelAll => desk.pull(now, shared, actions),
            Operator::Stop | Operator::Pause | Operator::Kill => {}
        });
    }

    fn on_config(&mut self, now: Now, config: &Config<'_>, actions: &mut Actions) {
        match config {
            Config::Add(symbol, instrument, params, resume) => {
                if !self.on_parked_added(*symbol, instrument, params) {
                    let resume = resume.begun(now.wall);
                    let mut desk = Desk::new(*symbol, instrument, params, &resume, now.mono);
                    desk.position.on_taken_over(now.wall);
                    self.add_desk(now, desk, actions);
                }
            }
            Config::Change(symbol, params) => {
                if let Some(Some(keep)) = self.keeps.get_mut(usize::from(symbol.0)) {
                    keep.params = **params;
                }
                self.with_desk(now, *symbol, actions, |desk, _, actions| {
                    desk.on_params(params, now.mono, actions);
                });
            }
            Config::Account(params) => {
                let old = self.shared.params;
                self.shared.on_params(*params);
                self.with_desks(now, actions, |desk, _, _| {
                    desk.on_account_params(&old, params);
                });
                actions.say(Notice {
                    symbol: None,
                    what: What::ConfigApplied,
                });
            }
            Config::Remove(symbol) => {
                if let Some(Some(keep)) = self.keeps.get_mut(usize::from(symbol.0)) {
                    keep.kept.removed_at = keep.kept.removed_at.or(Some(now.mono));
                }
                self.with_desk(now, *symbol, actions, |desk, _, _| {
                    desk.removed_at = desk.removed_at.or(Some(now.mono));
                });
            }
        }
    }

    fn add_desk(&mut self, now: Now, desk: Desk, actions: &mut Actions) {
        let symbol = desk.symbol;
        let index = usize::from(symbol.0);
        if index >= SYMBOLS_MAX {
            actions.say(Notice {
                symbol: Some(symbol),
                what: What::Halted(HaltReason::Symbol, None),
            });
            return;
        }
        if self.desks.len() <= index {
            self.desks.resize_with(index + 1, || None);
            self.keeps.resize_with(index + 1, || None);
        }
        if let (Some(place), Some(keep)) = (self.desks.get_mut(index), self.keeps.get_mut(index)) {
            *keep = Some(Keep::new(&desk));
            *place = Some(desk);
        }
        self.shared.funding.demand_for_new(now.mono);
        self.expect_streams(now, symbol, actions);
    }

    fn finish_stop(&mut self, actions: &mut Actions) {
        if self.shared.stopping
            && !self.is_stopped
            && self.desks.iter().flatten().all(Desk::is_ended)
            && self.keeps.iter().flatten().all(Keep::is_clear)
        {
            self.is_stopped = true;
            actions.push(Action::Stopped);
        }
    }

    /// A desk, for tests and reports.
    #[must_use]
    pub fn desk(&self, symbol: SymbolId) -> Option<&Desk> {
        self.desks.get(usize::from(symbol.0))?.as_ref()
    }
}

/// Streams that a connection carries (protocol §1.2).
const fn streams_of(link: Link) -> &'static [Stream] {
    match link {
        Link::Public => &[Stream::Depth, Stream::BookTicker],
        Link::Market => &[Stream::Trade, Stream::Mark],
        Link::User | Link::Orders => &[],
    }
}

#[cfg(test)]
mod tests;
