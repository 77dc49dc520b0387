//! Owns the process of a simulation: the engine that trades live, in a model of the shell around it. The model carries out what the engine
//! asks, keeps connections, listen key, clock and journal as the shell does, and dies and freezes when it is told to.

mod lines;

use super::books::Disk;
use super::machine::Machine;
use super::net::{Chore, Net, Parcel};
use super::setting;
use super::venue::{Answer, Depth, Message, Request, Small, UserMessage, failed};
use crate::live::contain;
use crate::live::orders::Answered;
use crate::live::wire::OwnedReply;
use lines::Lines;
use phoenix_core::action::{Action, Actions};
use phoenix_core::engine::Engine;
use phoenix_core::engine::contain::DeskFault;
use phoenix_core::event::{
    Account, AccountUpdate, Config, ContractStatus, DepthUpdate, Event, Link, LinkState, Malformed,
    Market, OrderCounts, Outcome, Refusal, Reply, Stream, Why,
};
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
const CONTRACTS_EVERY: Span = Span::from_secs(5);
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
    pub fn new(
        symbols: Vec<(Instrument, SymbolParams)>,
        disk: Disk,
        start: Wall,
    ) -> Self {
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
    pub fn trade_symbol(&mut self, symbol: SymbolId, is_traded: IsTraded, now: Mono, net: &mut Net) {
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

    // ------------------------------------------------------------------ what comes in

    /// Hands it what has arrived, or keeps it while it is frozen.
    pub fn receive(&mut self, parcel: Parcel, now: Mono, net: &mut Net) {
        if self.is_frozen {
            self.inbox.push_back(parcel);
            return;
        }
        match parcel {
            Parcel::Heard(link, conn, message) => {
                if self.lines.on_heard(link, conn, now) {
                    self.hear(&message, now, net);
                }
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
                self.step(now, &Event::Account(Account::Malformed(Malformed::Shape)), net);
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

    fn on_answer(&mut self, pending: &Pending, answer: Answer, now: Mono, net: &mut Net) {
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
        let reply = stamped(reply, pending.sent);
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
    pub fn on_used(&mut self, usage: phoenix_exchange::api::RateUsage, boot: u32, now: Mono, net: &mut Net) {
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

    fn on_time_out(&mut self, pending: &Pending, now: Mono, net: &mut Net) {
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
        self.pending.insert(id, Pending { request, sent: now });
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
        let at = self.key_asked_at.map_or(now, |at| at.after(SPACING).max(now));
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

/// A reply that says when it was asked for.
fn stamped(reply: OwnedReply, sent: Mono) -> OwnedReply {
    match reply {
        OwnedReply::OpenOrders(symbol, _, result) => OwnedReply::OpenOrders(symbol, sent, result),
        OwnedReply::Account(_, result) => OwnedReply::Account(sent, result),
        OwnedReply::Trades(symbol, _, result) => OwnedReply::Trades(symbol, sent, result),
        OwnedReply::Funding(_, result) => OwnedReply::Funding(sent, result),
        OwnedReply::Probe(symbol, _, outcome) => OwnedReply::Probe(symbol, sent, outcome),
        OwnedReply::DeadMan(symbol, _, outcome) => OwnedReply::DeadMan(symbol, sent, outcome),
        other @ (OwnedReply::Cancel(..)
        | OwnedReply::CancelAll(..)
        | OwnedReply::Query(..)
        | OwnedReply::Snapshot(..)
        | OwnedReply::Weight(_)) => other,
    }
}
