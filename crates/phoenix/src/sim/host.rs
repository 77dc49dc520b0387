//! Owns the process of a simulation: the engine that trades live, in a model of the shell around it. The model carries out what the engine
//! asks, keeps connections, listen key, clock and journal as the shell does, and dies and freezes when it is told to.

mod ears;
mod lines;

use super::books::Disk;
use super::machine::Machine;
use super::net::{Chore, Net, Parcel};
use super::request::{Answer, Request};
use super::setting;
use crate::live::contain;
use crate::live::wire::OwnedReply;
use lines::Lines;
use phoenix_core::action::{Action, Actions};
use phoenix_core::engine::Engine;
use phoenix_core::engine::contain::DeskFault;
use phoenix_core::event::{Config, ContractStatus, Event, Link, LinkState};
use phoenix_core::instrument::{Instrument, SymbolId};
use phoenix_core::notice::{Notice, What};
use phoenix_core::params::SymbolParams;
use phoenix_core::units::{Mono, Now, Span, Wall};
use std::collections::{BTreeMap, VecDeque};

/// A request without an answer is given up after this (`request_limit`).
const REQUEST_LIMIT: Span = Span::from_secs(3);
/// Pauses of the chores.
const KEEP_ALIVE_EVERY: Span = Span::from_secs(30);
const MEASURE_EVERY: Span = Span::from_secs(30);
const CONTRACTS_EVERY: Span = Span::from_secs(4);
const LOOK_EVERY: Span = Span::from_millis(500);
/// Two measurements of the clock, or two listen keys, are at least this far apart.
const SPACING: Span = Span::from_secs(1);
/// Actions of one step: a full re-quote of the largest ladder.
const ACTIONS_CAPACITY: usize = 512;

/// A request that was sent.
#[derive(Debug, Clone)]
struct Pending {
    request: Request,
    sent: Mono,
    /// The process's clock then.
    stamp: Wall,
}

/// What a simulation wants to know of the process.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Deed {
    /// It asked for this, at the instant of the call.
    Asked(Action),
    /// It said this.
    Said(Notice),
}

/// The process, alive or not.
pub struct Host {
    engine: Option<Engine>,
    actions: Actions,
    boot: u32,
    session: u32,
    symbols: Vec<Symbol>,
    machine: Machine,
    disk: Disk,
    lines: Lines,
    pending: BTreeMap<u64, Pending>,
    next_request: u64,
    is_frozen: bool,
    inbox: VecDeque<Parcel>,
    queue_is_full: bool,
    key_asked_at: Option<Mono>,
    clock_asked_at: Option<Mono>,
    deeds: Vec<Deed>,
}

/// A symbol as it is configured, and whether it is.
struct Symbol {
    id: SymbolId,
    instrument: Instrument,
    params: SymbolParams,
    is_traded: bool,
    status: ContractStatus,
}

impl Host {
    /// A process that has not started.
    #[must_use]
    pub fn new(symbols: Vec<(Instrument, SymbolParams)>, disk: Disk, start: Wall) -> Self {
        let symbol = |(id, (instrument, params))| Symbol {
            id: SymbolId(id),
            instrument,
            params,
            is_traded: true,
            status: ContractStatus::Trading,
        };
        Self {
            engine: None,
            actions: Actions::with_capacity(ACTIONS_CAPACITY),
            boot: 0,
            session: 0,
            symbols: (0..).zip(symbols).map(symbol).collect(),
            machine: Machine::new(start),
            disk,
            lines: Lines::default(),
            pending: BTreeMap::new(),
            next_request: 0,
            is_frozen: false,
            inbox: VecDeque::new(),
            queue_is_full: false,
            key_asked_at: None,
            clock_asked_at: None,
            deeds: Vec::new(),
        }
    }

    /// Starts it: the journal's books, the symbols, the connections.
    pub fn boot(&mut self, now: Mono, net: &mut Net) {
        self.boot += 1;
        self.session += 1;
        let stamp = self.machine.now(now);
        if self.session == 1 {
            self.disk.begin(stamp);
        }
        self.engine = Some(Engine::new(self.session, setting::account()));
        for place in 0..self.symbols.len() {
            self.add_symbol(place, now, net, None);
        }
        self.lines = Lines::default();
        self.lines.conn_base(self.boot);
        for link in [Link::Public, Link::Market] {
            self.connect(link, now, net);
        }
        self.step(now, &Event::Link(Link::Orders, LinkState::Up), net);
        self.key_asked_at = None;
        self.want_key(now, net);
        for (chore, first) in [
            (Chore::MeasureClock, Span::ZERO),
            (Chore::KeepAlive, KEEP_ALIVE_EVERY),
            (Chore::AskContracts, CONTRACTS_EVERY),
            (Chore::Look, LOOK_EVERY),
        ] {
            net.schedule(now.after(first), Parcel::Due(self.boot, chore));
        }
    }

    fn add_symbol(
        &mut self,
        place: usize,
        now: Mono,
        net: &mut Net,
        resume: Option<phoenix_core::event::Resume>,
    ) {
        let Some(symbol) = self.symbols.get_mut(place).filter(|s| s.is_traded) else {
            return;
        };
        symbol.status = ContractStatus::Trading;
        let (id, instrument, params) = (symbol.id, symbol.instrument.clone(), symbol.params);
        let resume = match resume {
            Some(resume) => resume,
            None if self.session == 1 => phoenix_core::event::Resume::default(),
            None => self.disk.resume(id),
        };
        let config = Config::Add(id, &instrument, &params, resume);
        self.step(now, &Event::Config(config), net);
        let up: Vec<_> = self.lines.up().collect();
        let _known_by_the_engine = up;
    }

    /// It is killed: what it knew and had not written is lost.
    pub fn kill(&mut self, now: Mono) {
        self.disk.on_crash(now);
        self.engine = None;
        self.boot += 1;
        self.pending.clear();
        self.inbox.clear();
        self.is_frozen = false;
        self.lines = Lines::default();
    }

    /// It is not run, until [`Host::thaw`].
    pub const fn freeze(&mut self) {
        self.is_frozen = true;
    }

    /// It runs again and hears what waited for it.
    pub fn thaw(&mut self, now: Mono, net: &mut Net) {
        self.is_frozen = false;
        while let Some(parcel) = self.inbox.pop_front() {
            self.receive(parcel, now, net);
        }
    }

    /// Whether it runs.
    #[must_use]
    pub const fn is_running(&self) -> bool {
        self.engine.is_some() && !self.is_frozen
    }

    /// Whether it exists.
    #[must_use]
    pub const fn is_alive(&self) -> bool {
        self.engine.is_some()
    }

    /// The engine, to look at.
    #[must_use]
    pub const fn engine(&self) -> Option<&Engine> {
        self.engine.as_ref()
    }

    /// The engine's snapshot, made now.
    pub fn view(&mut self, now: Mono) -> Option<&phoenix_core::engine::view::View> {
        let stamp = self.machine.now(now);
        let engine = self.engine.as_mut()?;
        engine.refresh_view(stamp);
        Some(engine.view())
    }

    /// The machine's clock.
    pub const fn machine(&mut self) -> &mut Machine {
        &mut self.machine
    }

    /// The journal's disk.
    pub const fn disk(&mut self) -> &mut Disk {
        &mut self.disk
    }

    /// The thread that carries out reads takes nothing.
    pub const fn on_full_queue(&mut self, is_full: bool) {
        self.queue_is_full = is_full;
    }

    /// What it asked and said since the last call.
    pub fn drain_deeds(&mut self, out: &mut Vec<Deed>) {
        out.append(&mut self.deeds);
    }

    /// When the engine wants to be woken.
    #[must_use]
    pub fn wakes_at(&self) -> Option<Mono> {
        if self.is_frozen {
            return None;
        }
        self.engine.as_ref()?.next_wakeup().map(|(at, _)| at)
    }

    /// Wakes the engine.
    pub fn wake(&mut self, now: Mono, net: &mut Net) {
        self.step(now, &Event::Wakeup, net);
    }

    /// The next strategy decision of a symbol panics.
    pub fn plant_panic(&mut self, symbol: SymbolId) {
        if let Some(engine) = &mut self.engine {
            engine.inject(symbol, DeskFault::PanicOnce);
        }
    }

    /// A person asks for something.
    pub fn operate(&mut self, operator: phoenix_core::event::Operator, now: Mono, net: &mut Net) {
        self.step(now, &Event::Operator(operator), net);
    }

    /// Changes the parameters of a symbol.
    pub fn change(
        &mut self,
        symbol: SymbolId,
        change: impl FnOnce(&mut SymbolParams),
        now: Mono,
        net: &mut Net,
    ) {
        let Some(known) = self.symbols.get_mut(usize::from(symbol.0)) else {
            return;
        };
        change(&mut known.params);
        let params = known.params;
        if known.is_traded {
            self.step(now, &Event::Config(Config::Change(symbol, &params)), net);
        }
    }

    /// The parameters of a symbol as they are configured.
    #[must_use]
    pub fn params(&self, symbol: SymbolId) -> Option<&SymbolParams> {
        self.symbols.get(usize::from(symbol.0)).map(|s| &s.params)
    }

    /// Removes a symbol, or adds it again.
    pub fn trade_symbol(
        &mut self,
        symbol: SymbolId,
        is_traded: IsTraded,
        now: Mono,
        net: &mut Net,
    ) {
        let place = usize::from(symbol.0);
        let Some(known) = self.symbols.get_mut(place) else {
            return;
        };
        match is_traded {
            IsTraded::No => {
                known.is_traded = false;
                self.step(now, &Event::Config(Config::Remove(symbol)), net);
            }
            IsTraded::Again => {
                let instrument = known.instrument.clone();
                let ended = self.engine.as_mut().and_then(Engine::next_ended);
                let Some(known) = self.symbols.get_mut(place) else {
                    return;
                };
                known.is_traded = true;
                // One whose end is not confirmed yet is added when it is; a process that died meanwhile begins with it.
                if let Some(ended) = ended {
                    let resume = crate::live::books::continued(&ended, &instrument, &instrument);
                    self.add_symbol(place, now, net, Some(resume));
                }
            }
        }
    }

    // ------------------------------------------------------------------ what goes out

    fn step(&mut self, now: Mono, event: &Event<'_>, net: &mut Net) {
        let stamp = self.machine.now(now);
        let Some(engine) = &mut self.engine else {
            return;
        };
        self.actions.clear();
        contain::step(engine, stamp, event, &mut self.actions);
        self.carry_out(stamp, net);
    }

    fn carry_out(&mut self, now: Now, net: &mut Net) {
        let actions = std::mem::take(&mut self.actions);
        for action in actions.as_slice() {
            self.carry_out_one(*action, now, net);
        }
        self.actions = actions;
    }

    fn carry_out_one(&mut self, action: Action, now: Now, net: &mut Net) {
        self.deeds.push(match action {
            Action::Say(notice) => Deed::Said(notice),
            other => Deed::Asked(other),
        });
        match action {
            Action::Say(notice) => {
                if matches!(notice.what, What::ClockDoubted(_)) {
                    self.measure_clock(now.mono, net);
                }
            }
            Action::Reconnect(link) => self.renew_link(link, now, net),
            Action::RenewListenKey => self.want_key(now.mono, net),
            Action::Stopped => {}
            Action::Place(_) | Action::Amend(_) | Action::Cancel(..) => {
                self.send(Request::Engine(action), now.mono, net);
            }
            Action::CancelAll(_)
            | Action::QueryOrder(..)
            | Action::FetchOpenOrders(_)
            | Action::FetchAccount
            | Action::FetchTrades(..)
            | Action::FetchFunding(_)
            | Action::FetchSnapshot(_)
            | Action::Probe(_)
            | Action::ProbeAll
            | Action::ArmDeadMan(..) => self.ask(action, now.mono, net),
        }
    }

    /// A request for the cold side, which may have no room.
    fn ask(&mut self, action: Action, now: Mono, net: &mut Net) {
        if self.queue_is_full {
            // Told in the next round, so that a queue that stays full makes no fast loop.
            if let Some(reply) = OwnedReply::not_sent(&action, now) {
                let id = self.expect(Request::Engine(action), now);
                let answer = Answer::Other(reply);
                let boot = self.boot;
                net.schedule(now.after(LOOK_EVERY), Parcel::Answered { boot, id, answer });
            }
            return;
        }
        self.send(Request::Engine(action), now, net);
    }

    fn expect(&mut self, request: Request, now: Mono) -> u64 {
        self.next_request += 1;
        let id = self.next_request;
        let stamp = self.machine.now(now).wall;
        let pending = Pending {
            request,
            sent: now,
            stamp,
        };
        self.pending.insert(id, pending);
        id
    }

    fn send(&mut self, request: Request, now: Mono, net: &mut Net) {
        let carried = self.lines.carries(&request);
        let id = self.expect(request.clone(), now);
        let (boot, stamp) = (self.boot, self.machine.now(now).wall);
        net.schedule(now.after(REQUEST_LIMIT), Parcel::TimedOut { boot, id });
        if carried {
            let at = now.after(net.latency());
            net.schedule(
                at,
                Parcel::Arrives {
                    boot,
                    id,
                    request,
                    stamp,
                },
            );
        }
    }

    // ------------------------------------------------------------------ chores

    fn do_chore(&mut self, chore: Chore, now: Mono, net: &mut Net) {
        let again = match chore {
            Chore::KeepAlive => {
                self.send(Request::KeepAlive, now, net);
                KEEP_ALIVE_EVERY
            }
            Chore::MeasureClock => {
                self.send(Request::Time, now, net);
                MEASURE_EVERY
            }
            Chore::AskContracts => {
                self.send(Request::Contracts, now, net);
                self.add_returning(now, net);
                CONTRACTS_EVERY
            }
            Chore::Look => {
                let stamp = self.machine.now(now);
                if let Some(engine) = &mut self.engine {
                    engine.refresh_view(stamp);
                    self.disk.on_view(engine.view());
                }
                LOOK_EVERY
            }
            Chore::AskKey => {
                self.key_asked_at = Some(now);
                self.send(Request::Key, now, net);
                return;
            }
            Chore::Connect(link) => {
                self.connect(link, now, net);
                return;
            }
        };
        net.schedule(now.after(again), Parcel::Due(self.boot, chore));
    }

    /// A symbol that came back before its end was confirmed.
    fn add_returning(&mut self, now: Mono, net: &mut Net) {
        let Some(ended) = self.engine.as_mut().and_then(Engine::next_ended) else {
            return;
        };
        let place = usize::from(ended.symbol.0);
        let Some(known) = self.symbols.get(place) else {
            return;
        };
        if known.is_traded {
            let resume =
                crate::live::books::continued(&ended, &known.instrument, &known.instrument);
            self.add_symbol(place, now, net, Some(resume));
        }
    }

    fn measure_clock(&mut self, now: Mono, net: &mut Net) {
        if self
            .clock_asked_at
            .is_none_or(|at| now.since(at) >= SPACING)
        {
            self.clock_asked_at = Some(now);
            self.send(Request::Time, now, net);
        }
    }

    /// Asks for a listen key unless that was just done.
    fn want_key(&mut self, now: Mono, net: &mut Net) {
        let at = self
            .key_asked_at
            .map_or(now, |at| at.after(SPACING).max(now));
        if self.key_asked_at.is_some_and(|asked| asked > now) {
            return;
        }
        self.key_asked_at = Some(at);
        net.schedule(at, Parcel::Due(self.boot, Chore::AskKey));
    }
}

/// Whether a symbol is traded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IsTraded {
    /// Not any more.
    No,
    /// Again.
    Again,
}
