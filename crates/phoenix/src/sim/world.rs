//! Owns one simulated world: exchange, network and process under one clock, which jumps from each thing that is due to the next.

mod faults;

use super::books::Disk;
use super::checks::{Broken, Checks, Figures};
use super::coverage::Coverage;
use super::host::{Deed, Host};
use super::message::{Message, UserMessage};
use super::net::{Net, Parcel};
use super::request::{Fate, Request};
use super::scenario::Scenario;
use super::setting;
use super::venue::Venue;
use crate::binance::client_id::ClientIds;
use phoenix_core::engine::Engine;
use phoenix_core::event::{Link, Operator, Stream};
use phoenix_core::instrument::SymbolId;
use phoenix_core::units::{Mono, Span};
use phoenix_exchange::api::{self, OrderRef};
use phoenix_exchange::prng::Prng;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::hash::Hash;
use std::rc::Rc;

/// How our orders are told from others'.
const INSTANCE: &str = "sim";
/// How often the promises are looked at that concern what lasts.
const LOOK_EVERY: Span = Span::from_millis(100);
/// A connection survives a cut that is shorter than this; what was sent meanwhile comes late.
const CUT_SURVIVED: Span = Span::from_secs(8);
/// An attempt to connect into the void is given up after this.
const CONNECT_LIMIT: Span = Span::from_secs(5);
/// From the end of the liveness phase on, nobody trades: the last events arrive.
const SETTLE: Span = Span::from_secs(2);
/// A person looks after a halt that needs one this often.
const ATTENDED_EVERY: Span = Span::from_secs(5);

/// What became of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// The first promise that broke.
    pub broken: Option<Broken>,
    /// What was measured.
    pub figures: Figures,
    /// What was exercised.
    pub coverage: Coverage,
    /// Simulated time.
    pub simulated: Span,
    /// Hash of everything the process asked and said: equal scenarios have equal ones.
    pub digest: u64,
}

impl Outcome {
    /// The process's own code panicked outside of any desk.
    #[must_use]
    pub fn panicked(at: Mono, words: &str) -> Self {
        Self {
            broken: Some(Broken {
                promise: "contained",
                at_s: at.raw() / 1_000_000_000,
                evidence: format!("a panic: {words}"),
            }),
            figures: Figures::default(),
            coverage: Coverage::default(),
            simulated: at.since(Mono(0)),
            digest: 0,
        }
    }
}

/// Somebody who hears what happens, for traces.
pub type Listener<'a> = &'a mut dyn FnMut(Mono, &str);

/// A world.
pub struct World<'a> {
    scenario: Scenario,
    now: Mono,
    venue: Venue,
    net: Net,
    host: Host,
    checks: Checks,
    coverage: Coverage,
    listener: Option<Listener<'a>>,
    clock: Option<Rc<Cell<Mono>>>,
    on: Vec<usize>,
    cut_until: Option<Mono>,
    /// Generation of the listen key, and that with which each user connection was made.
    key: u32,
    user_keys: BTreeMap<u32, u32>,
    /// Orders that others rest, by fault.
    strangers: BTreeMap<usize, (api::SymbolId, OrderRef)>,
    next_look: Mono,
    next_attended: Mono,
    needs_a_person: bool,
    is_calm: bool,
    deeds: Vec<Deed>,
    digest: phoenix_core::digest::Digest,
}

impl<'a> World<'a> {
    /// A world in which nothing has happened yet.
    ///
    /// # Panics
    /// If our own instance name were not allowed.
    #[must_use]
    pub fn new(scenario: Scenario, listener: Option<Listener<'a>>) -> Self {
        let ids = ClientIds::new(INSTANCE).expect("an allowed name");
        let mut prng = Prng::new(scenario.seed ^ 0x6e65_7477);
        let start_us = setting::start_us(&scenario);
        let venue = Venue::new(setting::exchange(&scenario), ids, start_us, prng.fork(1));
        let net = Net::new(scenario.latency_us, prng.fork(2));
        let symbols = setting::symbols(&scenario);
        let named: Vec<_> = (0..)
            .zip(&symbols)
            .map(|(id, (instrument, _))| (SymbolId(id), instrument.clone()))
            .collect();
        let disk = Disk::new(&named, ids, setting::ASSET);
        let mut checks = Checks::new(super::checks::Account::new(&venue, ids), symbols.len());
        for (id, (_, params)) in (0..).zip(&symbols) {
            let (net_max, layers) = (params.risk.net_max, params.quoting.layers);
            checks.on_bounds(SymbolId(id), net_max, layers, Mono(0));
        }
        let start = venue.wall(Mono(0));
        let mut world = Self {
            host: Host::new(symbols, disk, start),
            scenario,
            now: Mono(0),
            venue,
            net,
            checks,
            coverage: Coverage::default(),
            listener,
            clock: None,
            on: Vec::new(),
            cut_until: None,
            key: 0,
            user_keys: BTreeMap::new(),
            strangers: BTreeMap::new(),
            next_look: Mono(0),
            next_attended: Mono(0),
            needs_a_person: false,
            is_calm: false,
            deeds: Vec::new(),
            digest: phoenix_core::digest::Digest::default(),
        };
        world.plan();
        world
    }

    fn plan(&mut self) {
        // The books fill for two seconds before the process starts.
        self.net
            .schedule(Mono(0).after(Span::from_secs(2)), Parcel::Boot);
        for (place, planned) in self.scenario.faults.iter().enumerate() {
            let at = Mono(0).after(Span::from_millis(planned.at_ms.into()));
            let until = at.after(Span::from_millis(planned.lasts_ms.into()));
            self.net.schedule(at, Parcel::Begins(place));
            self.net.schedule(until, Parcel::Ends(place));
        }
    }

    /// Plays the scenario to its end, or to the first promise that breaks; `clock` shows how far it is.
    #[must_use]
    pub fn run_noting(mut self, clock: Rc<Cell<Mono>>) -> Outcome {
        self.clock = Some(clock);
        let safety = Span::from_secs(self.scenario.safety_s.into());
        let liveness = Span::from_secs(self.scenario.liveness_s.into());
        let calm_at = Mono(0).after(safety);
        let end = calm_at.after(liveness);
        self.run_until(calm_at);
        self.calm_down();
        self.run_until(end);
        if self.checks.broken().is_none() && liveness > Span::ZERO {
            self.settle(end);
        }
        Outcome {
            broken: self.checks.broken().cloned(),
            figures: self.checks.figures(),
            coverage: self.coverage,
            simulated: self.now.since(Mono(0)),
            digest: self.digest.finish() ^ self.host.engine().map_or(0, Engine::digest),
        }
    }

    /// The end: a pause, so that what is under way arrives, and the books are compared.
    fn settle(&mut self, end: Mono) {
        self.operate(Operator::Pause);
        self.run_until(end.after(SETTLE));
        // An order that was under way when the pause came is found by the comparison every 30 s at the latest.
        self.run_until(end.after(SETTLE).after(Span::from_secs(35)));
        self.checks.settle(self.now, &self.venue, &mut self.host);
    }

    /// Everything that is still wrong ends.
    fn calm_down(&mut self) {
        for place in self.on.clone() {
            self.end_fault(place);
        }
        self.say("the liveness phase begins");
        self.is_calm = true;
        self.checks.on_calm();
        self.host.machine().drift(0, self.now);
    }

    fn run_until(&mut self, end: Mono) {
        while self.checks.broken().is_none() && self.turn(end) {}
        self.now = self.now.max(end);
    }

    /// One thing that is due; false when nothing is before `end`.
    fn turn(&mut self, end: Mono) -> bool {
        let venue = self.venue.next_due().unwrap_or(end);
        let parcel = self.net.next_due().unwrap_or(end);
        let wakes = self.host.wakes_at().unwrap_or(end);
        let next = venue
            .min(parcel)
            .min(wakes)
            .min(self.next_look)
            .max(self.now);
        if next >= end {
            return false;
        }
        self.now = next;
        if let Some(clock) = &self.clock {
            clock.set(next);
        }
        if venue <= next {
            self.advance_venue();
        } else if self.next_look <= next {
            self.look();
        } else if parcel <= next {
            if let Some(parcel) = self.net.pop_due(next) {
                self.handle(parcel);
            }
        } else {
            self.host.wake(next, &mut self.net);
        }
        self.note_deeds();
        true
    }

    fn look(&mut self) {
        self.next_look = self.now.after(LOOK_EVERY);
        self.checks.look(self.now, &self.venue, &mut self.host);
        if self.needs_a_person && self.is_calm && self.now >= self.next_attended {
            self.next_attended = self.now.after(ATTENDED_EVERY);
            self.needs_a_person = false;
            self.operate(Operator::Resume);
        }
    }

    fn note_deeds(&mut self) {
        let mut deeds = std::mem::take(&mut self.deeds);
        self.host.drain_deeds(&mut deeds);
        for deed in deeds.drain(..) {
            self.note_digest(&deed);
            self.coverage.on_deed(&deed);
            self.needs_a_person |= super::coverage::needs_a_person(&deed);
            self.checks.on_deed(&deed, &self.host, self.now);
            if self.listener.is_some() {
                self.say(&format!("{deed:?}"));
            }
        }
        self.deeds = deeds;
    }

    fn note_digest(&mut self, deed: &Deed) {
        self.now.hash(&mut self.digest);
        match deed {
            Deed::Asked(action) => std::mem::discriminant(action).hash(&mut self.digest),
            Deed::Said(notice) => std::mem::discriminant(&notice.what).hash(&mut self.digest),
        }
    }

    fn say(&mut self, what: &str) {
        if let Some(listener) = &mut self.listener {
            listener(self.now, what);
        }
    }

    // ------------------------------------------------------------------ the exchange

    fn advance_venue(&mut self) {
        let (checks, start) = (&mut self.checks, self.venue.us(Mono(0)));
        let mut keys_ended = 0;
        let messages = self.venue.advance(self.now, |event| {
            let us = i64::try_from(event.at_us.saturating_sub(start)).unwrap_or(0);
            checks.on_event(event, Mono(us * 1_000));
        });
        for (at, message) in messages {
            if matches!(message, Message::User(UserMessage::KeyExpired)) {
                keys_ended += 1;
            }
            self.deliver(at, &message);
        }
        self.key += keys_ended;
    }

    fn deliver(&mut self, at: Mono, message: &Message) {
        let link = match message.stream() {
            Stream::Depth | Stream::BookTicker => Link::Public,
            Stream::Trade | Stream::Mark => Link::Market,
            Stream::User => Link::User,
        };
        let at = match self.cut_until {
            Some(until) if until.since(self.now) > CUT_SURVIVED => return,
            Some(until) => at.max(until),
            None => at,
        };
        let (keys, key) = (&self.user_keys, self.key);
        let listens = |conn: u32| link != Link::User || keys.get(&conn) == Some(&key);
        self.host.deliver(at, link, message, listens, &mut self.net);
    }

    // ------------------------------------------------------------------ parcels

    fn handle(&mut self, parcel: Parcel) {
        match parcel {
            Parcel::Arrives {
                boot,
                id,
                request,
                stamp,
            } => {
                let fate = self.venue.take(&request, self.now, stamp);
                self.on_fate(boot, id, request, stamp, fate);
            }
            Parcel::CarriedOutLate(request, stamp) => {
                let _nobody_hears = self.venue.carry_out(&request, self.now, stamp);
            }
            Parcel::Connected { boot, link, conn } => self.on_connected(boot, link, conn),
            Parcel::Boot => {
                self.say("the process starts");
                self.host.boot(self.now, &mut self.net);
            }
            Parcel::Begins(place) => self.begin_fault(place),
            Parcel::Ends(place) => self.end_fault(place),
            other => self.host.receive(other, self.now, &mut self.net),
        }
    }

    fn on_fate(
        &mut self,
        boot: u32,
        id: u64,
        request: Request,
        stamp: phoenix_core::units::Wall,
        fate: Fate,
    ) {
        let (answer, hold) = match fate {
            Fate::Silence => return,
            Fate::Answered(answer, hold) => (answer, hold),
            Fate::Later(answer, after) => {
                let at = self.now.after(after);
                self.net
                    .schedule(at, Parcel::CarriedOutLate(request, stamp));
                (answer, Span::ZERO)
            }
        };
        let at = self.now.after(hold).after(self.net.latency());
        self.net.schedule(at, Parcel::Answered { boot, id, answer });
        let account = Some(self.venue.account);
        let usage = self.venue.exchange.rate_usage(super::venue::IP, account);
        self.host.on_used(usage, boot, self.now, &mut self.net);
    }

    fn on_connected(&mut self, boot: u32, link: Link, conn: u32) {
        if self.venue.refuses_connections() {
            let at = match self.venue.is_cut_off() {
                true => self.now.after(CONNECT_LIMIT),
                false => self.now,
            };
            self.host.on_refused(boot, link, conn, at, &mut self.net);
            return;
        }
        if link == Link::User {
            self.user_keys.insert(conn, self.key);
        }
        self.host
            .on_connected(boot, link, conn, self.now, &mut self.net);
    }

    fn operate(&mut self, operator: Operator) {
        self.say(&format!("operator: {operator:?}"));
        self.host.operate(operator, self.now, &mut self.net);
    }
}
