//! The world: an engine, an instant, toy exchanges behind a delay that can lose and refuse, and the checks.

use super::venue::{Depth, Venue};
use crate::action::{Action, Actions};
use crate::engine::Engine;
use crate::event::*;
use crate::instrument::{Instrument, SymbolId, ethusdc};
use crate::notice::{Severity, What};
use crate::order::{Execute, OrderId, Owner};
use crate::params::{AccountParams, SymbolParams, ethusdc_defaults};
use crate::units::{
    E8, FundingHour, Lots, Mono, Now, Price8, Quote, Ratio, Side, Span, Ticks, Wall,
};
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

extern crate std;

pub const ETH: SymbolId = SymbolId(0);
pub const BTC: SymbolId = SymbolId(1);
/// One way to the exchange.
const DELAY: Span = Span::from_millis(5);
const FEED: Span = Span::from_millis(100);
const RECONNECT: Span = Span::from_millis(200);
/// Exchange time at instant zero.
const EPOCH: Wall = Wall::from_millis(1_700_000_000_000);

pub const fn ms(ms: i64) -> Span {
    Span::from_millis(ms)
}
pub const fn secs(s: i64) -> Span {
    Span::from_secs(s)
}

/// What a request meets on its way, by kind.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// It is carried out, and the answer is lost: no reply at all.
    LoseReply,
    /// It is carried out, and the driver reports that it does not know.
    UnknownDone,
    /// It is not carried out, and the driver reports that it does not know.
    UnknownLost,
    /// The exchange refuses it.
    Refuse(Why, Span),
    /// It is carried out and answered, but the user stream does not tell.
    Mute,
    /// It is answered as if it were carried out, and is not: cancels only.
    Pretend,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Kind {
    Place,
    Amend,
    Cancel,
    CancelAll,
    Query,
    OpenOrders,
    Account,
    Trades,
    Funding,
    Snapshot,
    Probe,
    ProbeAll,
    DeadMan,
}

/// Something on its way.
#[derive(Clone, Debug)]
enum Parcel {
    /// To the exchange, sent at an instant.
    Request(Action, Mono),
    User(OrderUpdate),
    Paid(FundingPayment),
    Reply(Answer),
    Link(Link, LinkState),
    Depth(SymbolId, Depth),
    Ticker(SymbolId, BookTicker),
    Mark(SymbolId, MarkPrice),
}

#[derive(Clone, Debug)]
pub enum Answer {
    Order(Kind, SymbolId, OrderId, Outcome<OrderReport>),
    CancelAll(SymbolId, Outcome<()>),
    OpenOrders(SymbolId, Mono, Result<Vec<OrderReport>, Option<Refusal>>),
    Account(Mono, Result<(Vec<PositionReport>, Wall), Option<Refusal>>),
    Trades(SymbolId, Mono, Result<Vec<TradeReport>, Option<Refusal>>),
    Funding(Mono, Result<Payments, Option<Refusal>>),
    Snapshot(SymbolId, Result<(i64, Vec<Level>, Vec<Level>), Refusal>),
    Probe(SymbolId, Mono, Outcome<BookTicker>),
    ProbeAll(Mono, Result<Vec<(SymbolId, BookTicker)>, Option<Refusal>>),
    DeadMan(SymbolId, Mono, Outcome<Span>),
}

/// A page of payments with its own memory.
#[derive(Clone, Debug)]
pub struct Payments {
    list: Vec<FundingPayment>,
    asked: Wall,
    next: Option<Wall>,
}

pub struct World {
    /// Payments that the exchange has booked, oldest first.
    pub payments: Vec<FundingPayment>,
    /// Payments of one page.
    pub payments_page: usize,
    pub engine: Engine,
    pub now: Mono,
    pub venues: BTreeMap<SymbolId, Venue>,
    pub params: SymbolParams,
    pub log: Vec<(Mono, Action)>,
    pub faults: BTreeMap<Kind, (Fault, u32)>,
    /// Streams that say nothing, whatever their connection does.
    pub silent: BTreeSet<Stream>,
    /// Symbols that an answer for all leaves out.
    pub unlisted: BTreeSet<SymbolId>,
    /// Connections that do not come back.
    pub dead_links: BTreeSet<usize>,
    /// A replaced connection delivers until its successor does, as in the live shell.
    pub makes_before_breaking: bool,
    pub depth_late_by: Span,
    /// User events take this much longer.
    pub user_late_by: Span,
    pub mark_late_by: Span,
    /// A position from elsewhere excuses the bound.
    pub is_bound_checked: bool,
    /// Parcels take up to this much longer, so that they overtake each other.
    pub jitter_ms: u64,
    /// Every so many answers and user events come twice; zero for none.
    pub repeat_every: u64,
    seed: u64,
    up: BTreeSet<usize>,
    queue: BTreeMap<(Mono, u64), Parcel>,
    sequence: u64,
    next_feed: Mono,
    feeds: u64,
    fresh_at: BTreeMap<SymbolId, Mono>,
    ids: BTreeSet<OrderId>,
    pub steps: u64,
    stuck: u32,
}

const fn index(link: Link) -> usize {
    match link {
        Link::Public => 0,
        Link::Market => 1,
        Link::User => 2,
        Link::Orders => 3,
    }
}

const LINKS: [Link; 4] = [Link::Public, Link::Market, Link::User, Link::Orders];

impl World {
    /// An engine of one symbol, nothing connected.
    pub fn cold() -> Self {
        Self::with(ethusdc_defaults(), &[ETH])
    }

    pub fn with(params: SymbolParams, symbols: &[SymbolId]) -> Self {
        let mut world = Self {
            payments: Vec::new(),
            payments_page: 1_000,
            engine: Engine::new(7, AccountParams::new(Quote(1_000_000 * E8))),
            now: Mono(1_000_000_000),
            venues: BTreeMap::new(),
            params,
            log: Vec::new(),
            faults: BTreeMap::new(),
            silent: BTreeSet::new(),
            unlisted: BTreeSet::new(),
            dead_links: BTreeSet::new(),
            makes_before_breaking: false,
            user_late_by: Span::ZERO,
            depth_late_by: Span::ZERO,
            mark_late_by: Span::ZERO,
            is_bound_checked: true,
            jitter_ms: 0,
            repeat_every: 0,
            seed: 1,
            up: BTreeSet::new(),
            queue: BTreeMap::new(),
            sequence: 0,
            next_feed: Mono(1_000_000_000),
            feeds: 0,
            fresh_at: BTreeMap::new(),
            ids: BTreeSet::new(),
            steps: 0,
            stuck: 0,
        };
        for symbol in symbols {
            world.add(*symbol, Resume::default());
        }
        world
    }

    /// Connected, and quoting in full after a second.
    pub fn quoting() -> Self {
        Self::quoting_with(ethusdc_defaults())
    }

    pub fn quoting_with(params: SymbolParams) -> Self {
        let mut world = Self::with(params, &[ETH]);
        world.connect();
        world.run(secs(2));
        assert!(world.is_full(ETH), "{:?}", world.view_of(ETH));
        world
    }

    pub fn add(&mut self, symbol: SymbolId, resume: Resume) {
        self.venues
            .entry(symbol)
            .or_insert_with(|| Venue::new(symbol));
        let (instrument, params) = (Self::instrument(), self.params);
        self.step(&Event::Config(Config::Add(
            symbol,
            &instrument,
            &params,
            resume,
        )));
    }

    pub fn instrument() -> Instrument {
        ethusdc()
    }

    pub fn connect(&mut self) {
        for link in LINKS {
            self.link(link, LinkState::Up);
        }
    }

    pub fn link(&mut self, link: Link, state: LinkState) {
        match state {
            LinkState::Up => self.up.insert(index(link)),
            LinkState::Down => self.up.remove(&index(link)),
        };
        self.step(&Event::Link(link, state));
    }

    pub fn operator(&mut self, operator: Operator) {
        self.step(&Event::Operator(operator));
    }

    pub fn fault(&mut self, kind: Kind, fault: Fault, times: u32) {
        self.faults.insert(kind, (fault, times));
    }

    pub const fn wall(&self) -> Wall {
        Wall(EPOCH.0 + self.now.0)
    }

    // ------------------------------------------------------------------ what is asked

    pub fn venue(&mut self, symbol: SymbolId) -> &mut Venue {
        self.venues.get_mut(&symbol).expect("a known symbol")
    }

    pub fn view_of(&mut self, symbol: SymbolId) -> crate::engine::view::SymbolView {
        let now = Now {
            mono: self.now,
            wall: self.wall(),
        };
        self.engine.refresh_view(now);
        let views = &self.engine.view().symbols;
        let found = views.iter().find(|v| v.symbol == symbol);
        found.expect("a known symbol").clone()
    }

    /// Orders of ours at the exchange, bids and asks.
    pub fn resting(&self, symbol: SymbolId) -> (usize, usize) {
        let count = |side: Side| {
            let ours = |o: &&super::venue::Resting| matches!(o.report.owner, Owner::Ours(_));
            let orders = self.venues[&symbol].orders.iter().filter(ours);
            orders.filter(|o| o.report.side == side).count()
        };
        (count(Side::Buy), count(Side::Sell))
    }

    pub fn is_full(&self, symbol: SymbolId) -> bool {
        let layers = usize::from(self.params.quoting.layers);
        self.resting(symbol) == (layers, layers)
    }

    /// Every layer rests that the present position leaves.
    pub fn is_full_or_reduced(&self) -> bool {
        let desk = self.engine.desk(ETH).expect("a known symbol");
        let wanted = (desk.expected(Side::Buy), desk.expected(Side::Sell));
        wanted.0 > 0 && wanted.1 > 0 && self.resting(ETH) == wanted
    }

    /// Actions since an instant that satisfy `what`.
    pub fn count(&self, since: Mono, what: impl Fn(&Action) -> bool) -> usize {
        let after = self.log.iter().filter(|(at, _)| *at >= since);
        after.filter(|(_, a)| what(a)).count()
    }

    pub fn said(&self, since: Mono, what: impl Fn(&What) -> bool) -> usize {
        self.count(since, |a| match a {
            Action::Say(notice) => what(&notice.what),
            _ => false,
        })
    }

    pub fn places(&self, since: Mono) -> usize {
        self.count(since, |a| matches!(a, Action::Place(_)))
    }

    /// The best order of a side at the exchange.
    pub fn best(&self, side: Side) -> OrderReport {
        let orders = self.venues[&ETH].orders.iter().map(|o| o.report);
        let of_side = orders.filter(|o| o.side == side);
        let best = of_side.max_by_key(|o| side.sign() * o.price.0);
        best.expect("an order rests")
    }

    // ------------------------------------------------------------------ what happens

    /// Time passes until `done` holds; how long it took, or a failure after `limit`.
    pub fn until(&mut self, limit: Span, done: impl Fn(&Self) -> bool) -> Span {
        let start = self.now;
        while !done(self) {
            assert!(
                self.now.since(start) <= limit,
                "not within {limit:?}: {:#?}",
                self.view_of(ETH)
            );
            self.run(ms(10));
        }
        self.now.since(start)
    }

    pub fn run(&mut self, span: Span) {
        let end = self.now.after(span);
        loop {
            let wakeup = self.engine.next_wakeup().map(|(at, _)| at);
            let parcel = self.queue.keys().next().map(|(at, _)| *at);
            let next = [wakeup, parcel, Some(self.next_feed)];
            let next = next.into_iter().flatten().min().expect("the feed");
            if next > end {
                break;
            }
            self.now = self.now.max(next);
            if parcel == Some(next) {
                self.deliver();
            } else if self.next_feed == next {
                self.feed();
            } else {
                self.wake();
            }
        }
        self.now = end;
    }

    fn wake(&mut self) {
        let (at, timer) = self.engine.next_wakeup().expect("just asked");
        self.step(&Event::Wakeup);
        let again = self.engine.next_wakeup();
        self.stuck = match again {
            Some((next, _)) if next <= self.now => self.stuck + 1,
            Some(_) | None => 0,
        };
        assert!(
            self.stuck < 3,
            "no progress: {timer:?} at {at:?}, then {again:?} at {:?}",
            self.now
        );
    }

    fn send(&mut self, delay: Span, parcel: Parcel) {
        self.sequence += 1;
        let is_heard = matches!(parcel, Parcel::User(_) | Parcel::Reply(_));
        let is_market = matches!(
            parcel,
            Parcel::Depth(..) | Parcel::Ticker(..) | Parcel::Link(..)
        );
        // Linear congruential (Knuth's MMIX), for delays only.
        self.seed = self
            .seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let late = match is_market || self.jitter_ms == 0 {
            true => 0,
            false => i64::try_from((self.seed >> 33) % self.jitter_ms).expect("small"),
        };
        let at = self.now.after(delay).after(ms(late));
        if is_heard && self.repeat_every > 0 && self.sequence.is_multiple_of(self.repeat_every) {
            self.queue
                .insert((at.after(ms(7)), self.sequence), parcel.clone());
            self.sequence += 1;
        }
        self.queue.insert((at, self.sequence), parcel);
    }

    fn feed(&mut self) {
        self.next_feed = self.now.after(FEED);
        self.feeds += 1;
        let symbols: Vec<_> = self.venues.keys().copied().collect();
        for symbol in symbols {
            self.feed_one(symbol);
        }
    }

    fn feed_one(&mut self, symbol: SymbolId) {
        let wall = self.wall();
        self.fire_dead_man(symbol);
        if !self.silent.contains(&Stream::Depth) {
            let depth = self.venue(symbol).next_depth();
            if self.up.contains(&index(Link::Public)) {
                self.send(Span::ZERO, Parcel::Depth(symbol, depth));
            }
        }
        if self.up.contains(&index(Link::Public)) && !self.silent.contains(&Stream::BookTicker) {
            let venue = self.venue(symbol);
            let ticker = venue.ticker(venue.update_id);
            self.send(Span::ZERO, Parcel::Ticker(symbol, ticker));
        }
        let is_mark_due = self.feeds % 10 == 1 && self.up.contains(&index(Link::Market));
        if is_mark_due && !self.silent.contains(&Stream::Mark) {
            let mark = Price8(self.venue(symbol).bid * 1_000_000);
            let mark = MarkPrice {
                event_time: Wall(wall.0 - self.mark_late_by.0),
                mark,
                index: mark,
                funding_rate: Ratio(0),
                next_funding: Wall(wall.0 + 1),
            };
            self.send(Span::ZERO, Parcel::Mark(symbol, mark));
        }
    }

    fn fire_dead_man(&mut self, symbol: SymbolId) {
        let (now, wall) = (self.now, self.wall());
        let venue = self.venue(symbol);
        if venue.dead_man_at.is_some_and(|at| now >= at) {
            venue.dead_man_at = None;
            let events = venue.cancel_all(wall);
            self.tell_all(events);
        }
    }

    /// The market moves: orders that it trades through are filled.
    pub fn move_to(&mut self, symbol: SymbolId, bid: i64) {
        let wall = self.wall();
        let venue = self.venue(symbol);
        (venue.bid, venue.ask) = (bid, bid + 1);
        let hit = venue.orders.iter().map(|o| o.report);
        let hit = hit.filter(|o| venue.crosses(o.side, o.price));
        let ids: Vec<_> = hit
            .filter_map(|o| crate::orders::state::ours(o.owner))
            .collect();
        let events: Vec<_> = ids
            .into_iter()
            .filter_map(|id| self.venue(symbol).fill(id, i64::MAX, None, wall))
            .collect();
        self.tell_all(events);
    }

    /// Somebody takes `size` lots from our orders of a side, best first.
    pub fn take_from(&mut self, side: Side, size: i64) {
        let wall = self.wall();
        let mut left = size;
        while left > 0 {
            let best = self.best(side);
            let Owner::Ours(id) = best.owner else { return };
            let part = left.min(best.size.0 - best.filled.0);
            left -= part;
            let event = self.venue(ETH).fill(id, part, None, wall);
            self.tell_all(event);
        }
    }

    /// The exchange books funding of a symbol for the full hour nearest to now, and tells if it can.
    pub fn pay_funding(&mut self, symbol: SymbolId, amount: i64) {
        let payment = FundingPayment {
            symbol,
            amount: Quote(amount),
            time: self.wall(),
        };
        self.payments.push(payment);
        if !self.silent.contains(&Stream::User) && self.up.contains(&index(Link::User)) {
            self.send(ms(3), Parcel::Paid(payment));
        }
    }

    /// As the stream tells it: with a time of its own.
    pub fn tell_payment(&mut self, payment: FundingPayment) {
        self.step(&Event::Account(Account::Update(AccountUpdate {
            reason: AccountReason::Funding,
            symbol: Some(payment.symbol),
            balance: Some(BalanceReport {
                wallet: Quote(1_000_000 * E8),
                change: payment.amount,
            }),
            positions: &[],
            time: Wall(payment.time.0 + 1_500_000),
        })));
    }

    /// Runs to the next full hour of the exchange's time.
    pub fn run_to_the_hour(&mut self) {
        let next = FundingHour::before(self.wall()).next().instant();
        self.run(Span(next.0 - self.wall().0));
    }

    /// A bid fills while nobody can be told.
    pub fn take_missing_fills(&mut self) {
        let wall = self.wall();
        if let Owner::Ours(id) = self.best(Side::Buy).owner {
            let told = self.venue(ETH).fill(id, 20, None, wall);
            assert!(told.is_some());
        }
    }

    pub fn tell_all(&mut self, events: impl IntoIterator<Item = OrderUpdate>) {
        if self.silent.contains(&Stream::User) || !self.up.contains(&index(Link::User)) {
            return;
        }
        for event in events {
            self.send(ms(3).saturating_add(self.user_late_by), Parcel::User(event));
        }
    }

    fn deliver(&mut self) {
        let Some((_, parcel)) = self.queue.pop_first() else {
            return;
        };
        match parcel {
            Parcel::Request(action, asked) => self.carry_out(action, asked),
            Parcel::User(update) => {
                if self.up.contains(&index(Link::User)) {
                    self.step(&Event::Account(Account::Order(update)));
                }
            }
            Parcel::Paid(payment) => {
                if self.up.contains(&index(Link::User)) {
                    self.tell_payment(payment);
                }
            }
            Parcel::Reply(answer) => self.answer(&answer),
            Parcel::Link(link, state) => {
                if !(state == LinkState::Up && self.dead_links.contains(&index(link))) {
                    self.link(link, state);
                }
            }
            Parcel::Depth(symbol, depth) => self.give_depth(symbol, &depth),
            Parcel::Ticker(symbol, ticker) => {
                self.step(&Event::Market(symbol, Market::BookTicker(ticker)));
            }
            Parcel::Mark(symbol, mark) => {
                self.step(&Event::Market(symbol, Market::Mark(mark)));
            }
        }
    }

    pub fn give_depth(&mut self, symbol: SymbolId, depth: &Depth) {
        let event_time = Wall(self.wall().0 - self.depth_late_by.0);
        self.fresh_at.insert(symbol, self.now);
        self.step(&Event::Market(
            symbol,
            Market::Depth(DepthUpdate {
                first_id: depth.first_id,
                last_id: depth.last_id,
                prev_id: depth.prev_id,
                event_time,
                transact_time: event_time,
                bids: &depth.bids,
                asks: &depth.asks,
            }),
        ));
    }

    // ------------------------------------------------------------------ at the exchange

    fn fault_of(&mut self, kind: Kind) -> Option<Fault> {
        let (fault, times) = self.faults.get_mut(&kind)?;
        let found = *fault;
        *times -= 1;
        if *times == 0 {
            self.faults.remove(&kind);
        }
        Some(found)
    }

    fn carry_out(&mut self, action: Action, asked: Mono) {
        match action {
            Action::Place(_) | Action::Amend(_) | Action::Cancel(..) | Action::QueryOrder(..) => {
                self.carry_out_order(action);
            }
            _ => self.carry_out_read(action, asked),
        }
    }

    fn carry_out_order(&mut self, action: Action) {
        let (kind, symbol, id) = match action {
            Action::Place(order) => (Kind::Place, order.inner().symbol, order.inner().id),
            Action::Amend(change) => (Kind::Amend, change.inner().symbol, change.inner().id),
            Action::Cancel(symbol, id) => (Kind::Cancel, symbol, id),
            Action::QueryOrder(symbol, id) => (Kind::Query, symbol, id),
            _ => unreachable!("filtered by the caller"),
        };
        let fault = self.fault_of(kind);
        let reply = |outcome| Parcel::Reply(Answer::Order(kind, symbol, id, outcome));
        match fault {
            Some(Fault::UnknownLost) => return self.send(DELAY, reply(Outcome::Unknown)),
            Some(Fault::Refuse(why, retry)) => {
                return self.send(DELAY, reply(refused(why, retry)));
            }
            Some(Fault::Pretend) => {
                let report = self.venue(symbol).report_of(id);
                let status = ExchangeStatus::Canceled;
                let outcome = report.map_or(refused(Why::NoSuchOrder, Span::ZERO), |report| {
                    Outcome::Accepted(OrderReport { status, ..report })
                });
                return self.send(DELAY, reply(outcome));
            }
            _ => {}
        }
        let (outcome, events) = self.apply_order(action, symbol, id);
        if fault != Some(Fault::Mute) {
            self.tell_all(events);
        }
        match fault {
            Some(Fault::LoseReply) => {}
            Some(Fault::UnknownDone) => self.send(DELAY, reply(Outcome::Unknown)),
            _ => self.send(DELAY, reply(outcome)),
        }
    }

    fn apply_order(
        &mut self,
        action: Action,
        symbol: SymbolId,
        id: OrderId,
    ) -> (Outcome<OrderReport>, Vec<OrderUpdate>) {
        let wall = self.wall();
        let venue = self.venue(symbol);
        let gone = || refused(Why::NoSuchOrder, Span::ZERO);
        match action {
            Action::Place(order) => match venue.place(order.inner(), wall) {
                Some((report, events)) => (Outcome::Accepted(report), events),
                None => (refused(Why::WouldTake, Span::ZERO), Vec::new()),
            },
            Action::Amend(change) => match venue.amend(change.inner(), wall) {
                Some((report, event)) => (Outcome::Accepted(report), Vec::from([event])),
                None => (gone(), Vec::new()),
            },
            Action::Cancel(..) => {
                match venue.end(Owner::Ours(id), ExchangeStatus::Canceled, wall) {
                    Some(event) => (Outcome::Accepted(event.report), Vec::from([event])),
                    None => (gone(), Vec::new()),
                }
            }
            _ => match venue.report_of(id) {
                Some(report) => (Outcome::Accepted(report), Vec::new()),
                None => (gone(), Vec::new()),
            },
        }
    }

    fn carry_out_read(&mut self, action: Action, asked: Mono) {
        let kind = match action {
            Action::CancelAll(_) => Kind::CancelAll,
            Action::FetchOpenOrders(_) => Kind::OpenOrders,
            Action::FetchAccount => Kind::Account,
            Action::FetchTrades(..) => Kind::Trades,
            Action::FetchFunding(_) => Kind::Funding,
            Action::FetchSnapshot(_) => Kind::Snapshot,
            Action::Probe(_) => Kind::Probe,
            Action::ProbeAll => Kind::ProbeAll,
            Action::ArmDeadMan(..) => Kind::DeadMan,
            _ => unreachable!("not a request"),
        };
        let fault = self.fault_of(kind);
        let failure = match fault {
            Some(Fault::Refuse(why, retry)) => Some(Some(refusal(why, retry))),
            Some(Fault::UnknownLost) => Some(None),
            _ => None,
        };
        let answer = match (failure, action) {
            (Some(why), _) => failed(action, asked, why),
            (None, Action::CancelAll(symbol)) if fault == Some(Fault::Pretend) => {
                Answer::CancelAll(symbol, Outcome::Accepted(()))
            }
            (None, _) => self.read(action, asked),
        };
        let answer = match fault {
            Some(Fault::LoseReply) => return,
            Some(Fault::UnknownDone) => failed(action, asked, None),
            _ => answer,
        };
        self.send(DELAY, Parcel::Reply(answer));
    }

    fn read(&mut self, action: Action, asked: Mono) -> Answer {
        let (now, wall) = (self.now, self.wall());
        match action {
            Action::CancelAll(symbol) => {
                let events = self.venue(symbol).cancel_all(wall);
                self.tell_all(events);
                Answer::CancelAll(symbol, Outcome::Accepted(()))
            }
            Action::FetchOpenOrders(symbol) => {
                let orders = self.venue(symbol).orders.iter().map(|o| o.report);
                Answer::OpenOrders(symbol, asked, Ok(orders.collect()))
            }
            Action::FetchAccount => {
                let positions = self.venues.values().filter(|v| v.position != 0);
                let positions = positions.map(|v| PositionReport {
                    symbol: v.symbol,
                    size: Lots(v.position),
                    entry: Price8(v.bid * 1_000_000),
                });
                Answer::Account(asked, Ok((positions.collect(), wall)))
            }
            Action::FetchTrades(symbol, from) => {
                let trades = self.venue(symbol).trades.iter().copied();
                let trades = trades.filter(|t| match from {
                    TradesFrom::Id(id) => t.fill.trade_id >= id,
                    TradesFrom::Time(at) => (at.0..at.0 + TRADES_WINDOW.0).contains(&t.time.0),
                });
                Answer::Trades(symbol, asked, Ok(trades.take(1_000).collect()))
            }
            Action::FetchFunding(from) => {
                let all = self.payments.iter().filter(|p| p.time >= from);
                let list: Vec<_> = all.take(self.payments_page).copied().collect();
                let last = list.last().filter(|_| list.len() >= self.payments_page);
                let next = last.map(|p| FundingHour(FundingHour::of(p.time).0 - 1).end());
                Answer::Funding(
                    asked,
                    Ok(Payments {
                        list,
                        asked: wall,
                        next,
                    }),
                )
            }
            Action::FetchSnapshot(symbol) => {
                Answer::Snapshot(symbol, Ok(self.venue(symbol).snapshot()))
            }
            Action::Probe(symbol) => {
                let ticker = self.venue(symbol).shown_by_rest();
                Answer::Probe(symbol, asked, Outcome::Accepted(ticker))
            }
            Action::ProbeAll => {
                let listed = self.venues.values();
                let listed = listed.filter(|v| !self.unlisted.contains(&v.symbol));
                let list = listed.map(|v| (v.symbol, v.shown_by_rest())).collect();
                Answer::ProbeAll(asked, Ok(list))
            }
            Action::ArmDeadMan(symbol, span) => {
                let venue = self.venue(symbol);
                venue.arms += u32::from(span.is_positive());
                venue.dead_man_at = span.is_positive().then(|| now.after(span));
                Answer::DeadMan(symbol, asked, Outcome::Accepted(span))
            }
            _ => unreachable!("not a request"),
        }
    }

    pub fn answer(&mut self, answer: &Answer) {
        match answer {
            Answer::Order(kind, symbol, id, outcome) => self.step(&Event::Reply(match kind {
                Kind::Place => Reply::Place(*symbol, *id, *outcome),
                Kind::Amend => Reply::Amend(*symbol, *id, *outcome),
                Kind::Cancel => Reply::Cancel(*symbol, *id, *outcome),
                _ => Reply::Query(*symbol, *id, *outcome),
            })),
            Answer::CancelAll(symbol, outcome) => {
                self.step(&Event::Reply(Reply::CancelAll(*symbol, *outcome)));
            }
            Answer::OpenOrders(symbol, requested_at, orders) => {
                self.step(&Event::Reply(Reply::OpenOrders {
                    symbol: *symbol,
                    requested_at: *requested_at,
                    outcome: outcome_of(orders, Vec::as_slice),
                }));
            }
            Answer::Account(requested_at, account) => {
                let outcome = outcome_of(account, |(positions, time)| AccountUpdate {
                    reason: AccountReason::Other,
                    symbol: None,
                    balance: None,
                    positions,
                    time: *time,
                });
                self.step(&Event::Reply(Reply::Account {
                    requested_at: *requested_at,
                    outcome,
                }));
            }
            Answer::Trades(symbol, requested_at, trades) => {
                self.step(&Event::Reply(Reply::Trades {
                    symbol: *symbol,
                    requested_at: *requested_at,
                    outcome: outcome_of(trades, Vec::as_slice),
                }));
            }
            Answer::Funding(requested_at, payments) => {
                let outcome = outcome_of(payments, |page| FundingPage {
                    payments: &page.list,
                    asked: page.asked,
                    next: page.next,
                });
                self.step(&Event::Reply(Reply::Funding {
                    requested_at: *requested_at,
                    outcome,
                }));
            }
            Answer::Snapshot(symbol, snapshot) => {
                self.step(&Event::Market(
                    *symbol,
                    match snapshot {
                        Ok((last_id, bids, asks)) => Market::Snapshot(DepthSnapshot {
                            last_id: *last_id,
                            transact_time: Wall(0),
                            bids,
                            asks,
                        }),
                        Err(why) => Market::SnapshotFailed(*why),
                    },
                ));
            }
            Answer::Probe(symbol, requested_at, outcome) => {
                if let Outcome::Accepted(_) = outcome {
                    self.on_shown(*symbol, *requested_at);
                }
                self.step(&Event::Reply(Reply::Probe {
                    symbol: *symbol,
                    requested_at: *requested_at,
                    outcome: *outcome,
                }));
            }
            Answer::ProbeAll(requested_at, list) => {
                for (symbol, _) in list.iter().flatten() {
                    self.on_shown(*symbol, *requested_at);
                }
                self.step(&Event::Reply(Reply::ProbeAll {
                    requested_at: *requested_at,
                    outcome: outcome_of(list, Vec::as_slice),
                }));
            }
            Answer::DeadMan(symbol, requested_at, outcome) => {
                self.step(&Event::Reply(Reply::DeadMan {
                    symbol: *symbol,
                    requested_at: *requested_at,
                    outcome: *outcome,
                }));
            }
        }
    }

    /// The exchange showed its touch as it was at this instant.
    fn on_shown(&mut self, symbol: SymbolId, at: Mono) {
        let fresh = self.fresh_at.entry(symbol).or_insert(at);
        *fresh = (*fresh).max(at);
    }

    // ------------------------------------------------------------------ the engine

    /// One event now; its actions are sent on their way, and the promises are checked.
    pub fn step(&mut self, event: &Event<'_>) {
        let now = Now {
            mono: self.now,
            wall: self.wall(),
        };
        let mut actions = Actions::default();
        self.step_contained(now, event, &mut actions);
        self.steps += 1;
        for action in actions.as_slice() {
            self.log.push((self.now, *action));
            self.check_action(action);
            self.dispatch(*action);
        }
        self.check();
        if self.steps.is_multiple_of(16) {
            self.engine.refresh_view(now);
        }
    }

    /// As the live shell does it; only panics that a test asked for are contained.
    fn step_contained(&mut self, now: Now, event: &Event<'_>, actions: &mut Actions) {
        for _ in 0..8 {
            let step = AssertUnwindSafe(|| self.engine.step(now, event, actions));
            let Err(payload) = catch_unwind(step) else {
                return;
            };
            let message = payload.downcast_ref::<alloc::string::String>();
            if !message.is_some_and(|m| m.starts_with("injected fault")) {
                resume_unwind(payload);
            }
            assert!(self.engine.stepping().is_some());
            self.engine.on_desk_panicked(now, actions);
        }
        panic!("a step panics for ever");
    }

    fn dispatch(&mut self, action: Action) {
        match action {
            Action::Say(notice) => assert!(notice.what.severity() <= Severity::Emergency),
            Action::Stopped => {
                for venue in self.venues.values() {
                    let ours =
                        |o: &&super::venue::Resting| matches!(o.report.owner, Owner::Ours(_));
                    assert_eq!(
                        venue.orders.iter().filter(ours).count(),
                        0,
                        "stopped with orders"
                    );
                }
            }
            Action::Reconnect(link) => {
                if !self.makes_before_breaking {
                    self.send(Span::ZERO, Parcel::Link(link, LinkState::Down));
                }
                self.send(RECONNECT, Parcel::Link(link, LinkState::Up));
            }
            Action::RenewListenKey => self.send(RECONNECT, Parcel::Link(Link::User, LinkState::Up)),
            action => {
                let asked = self.now;
                self.send(DELAY, Parcel::Request(action, asked));
            }
        }
    }

    fn check_action(&mut self, action: &Action) {
        match action {
            Action::Place(order) => {
                let order = order.inner();
                assert!(self.ids.insert(order.id), "{:?} placed twice", order.id);
                let fresh_at = self.fresh_at.get(&order.symbol);
                let age = fresh_at.map(|at| self.now.since(*at));
                assert!(
                    age.is_some_and(|age| age < secs(3)),
                    "placed on data {age:?} old"
                );
                assert!(self.venues.contains_key(&order.symbol));
            }
            Action::CancelAll(symbol) => {
                let orders = &self.venues[symbol].orders;
                let others = orders.iter();
                let others = others.filter(|o| !matches!(o.report.owner, Owner::Ours(_)));
                assert_eq!(others.count(), 0, "an order of somebody else is cancelled");
            }
            _ => {}
        }
    }

    /// The promises, by what the exchange holds and what is on its way to it.
    fn check(&self) {
        for venue in self.venues.values() {
            let max = self.params.risk.net_max.0;
            let mut reach = [venue.position.max(0), (-venue.position).max(0)];
            let mut open = 0;
            let resting = venue.orders.iter();
            let resting = resting.filter(|o| matches!(o.report.owner, Owner::Ours(_)));
            let resting =
                resting.map(|o| (o.report.side, o.report.size - o.report.filled, o.execute));
            let on_way = self.queue.values().filter_map(|parcel| match parcel {
                Parcel::Request(Action::Place(order), _)
                    if order.inner().symbol == venue.symbol =>
                {
                    let order = order.inner();
                    Some((order.side, order.size, order.execute))
                }
                _ => None,
            });
            for (side, size, execute) in resting.chain(on_way) {
                open += usize::from(execute != Execute::TakeReduce);
                if !execute.is_reduce_only() {
                    reach[side.index()] += size.0;
                }
            }
            if self.is_bound_checked {
                assert!(reach.iter().all(|r| *r <= max), "{reach:?} beyond {max}");
            }
            assert!(
                open <= 2 * usize::from(self.params.quoting.layers) + 2,
                "{open} orders"
            );
        }
    }

    /// A market event of the test's own.
    pub fn market(&mut self, market: Market<'_>) {
        self.step(&Event::Market(ETH, market));
    }
}

pub const fn refusal(why: Why, retry_after: Span) -> Refusal {
    Refusal {
        why,
        code: -1,
        retry_after,
    }
}

pub const fn refused<T>(why: Why, retry_after: Span) -> Outcome<T> {
    Outcome::Refused(refusal(why, retry_after))
}

fn outcome_of<'a, T, U>(
    result: &'a Result<T, Option<Refusal>>,
    how: impl FnOnce(&'a T) -> U,
) -> Outcome<U> {
    match result {
        Ok(value) => Outcome::Accepted(how(value)),
        Err(Some(why)) => Outcome::Refused(*why),
        Err(None) => Outcome::Unknown,
    }
}

/// The answer to a request that was refused, or of which nothing is known.
fn failed(action: Action, asked: Mono, why: Option<Refusal>) -> Answer {
    const fn outcome<T>(why: Option<Refusal>) -> Outcome<T> {
        match why {
            Some(why) => Outcome::Refused(why),
            None => Outcome::Unknown,
        }
    }
    match action {
        Action::CancelAll(symbol) => Answer::CancelAll(symbol, outcome(why)),
        Action::FetchOpenOrders(symbol) => Answer::OpenOrders(symbol, asked, Err(why)),
        Action::FetchAccount => Answer::Account(asked, Err(why)),
        Action::FetchTrades(symbol, _) => Answer::Trades(symbol, asked, Err(why)),
        Action::FetchFunding(_) => Answer::Funding(asked, Err(why)),
        Action::FetchSnapshot(symbol) => Answer::Snapshot(
            symbol,
            Err(why.unwrap_or(refusal(Why::Transient, Span::ZERO))),
        ),
        Action::Probe(symbol) => Answer::Probe(symbol, asked, outcome(why)),
        Action::ProbeAll => Answer::ProbeAll(asked, Err(why)),
        Action::ArmDeadMan(symbol, _) => Answer::DeadMan(symbol, asked, outcome(why)),
        _ => unreachable!("not a request"),
    }
}

/// Ticks for a test's own arithmetic.
pub const fn ticks(price: i64) -> Ticks {
    Ticks(price)
}
