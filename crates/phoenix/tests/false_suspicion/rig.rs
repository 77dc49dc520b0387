//! Feeds a tape to the real engine beside a pretend exchange that accepts every order and answers probes with what the
//! tape shows; knows nothing of what is asserted.

use super::tape::{Body, Item, Tape};
use phoenix_core::action::{Action, Actions};
use phoenix_core::book::Touch;
use phoenix_core::engine::Engine;
use phoenix_core::event::*;
use phoenix_core::instrument::{Instrument, SymbolId, ethusdc};
use phoenix_core::notice::What;
use phoenix_core::order::{NewOrder, OrderId, Owner};
use phoenix_core::params::{AccountParams, SymbolParams, ethusdc_defaults};
use phoenix_core::units::{Lots, Mono, Now, Price8, Quote, Ratio, Span, Ticks, Wall};
use std::collections::BTreeMap;

pub const SYMBOL: SymbolId = SymbolId(0);
/// From a request to its answer.
const ROUND_TRIP: i64 = 100_000_000;
/// REST shows what the streams deliver this much after its answer: the exchange is ahead of its streams.
const AHEAD: i64 = 50_000_000;
/// Arrival of an event after it happened, in the best case.
const DELAY: i64 = 20_000_000;
/// Instant of the first message.
const BEGIN: i64 = 10_000_000_000;

/// The book as the tape shows it, kept apart from the engine's.
#[derive(Default)]
struct Truth {
    bids: BTreeMap<Ticks, Lots>,
    asks: BTreeMap<Ticks, Lots>,
    last: i64,
}

impl Truth {
    fn apply(&mut self, last: i64, bids: &[Level], asks: &[Level]) {
        for (side, levels) in [(&mut self.bids, bids), (&mut self.asks, asks)] {
            for level in levels {
                match level.size.is_zero() {
                    true => side.remove(&level.price),
                    false => side.insert(level.price, level.size),
                };
            }
        }
        self.last = last;
    }

    fn touch(&self) -> Option<Touch> {
        let level = |(price, size): (&Ticks, &Lots)| Level {
            price: *price,
            size: *size,
        };
        Some(Touch {
            bid: level(self.bids.last_key_value()?),
            ask: level(self.asks.first_key_value()?),
        })
    }
}

/// What the exchange shows at each instant of the tape: the later of book and ticker.
fn touches(tape: &Tape) -> Vec<(i64, Touch)> {
    let mut truth = Truth::default();
    let (mut seen, mut ticker_id) = (Vec::new(), 0);
    for item in &tape.items {
        let touch = match &item.body {
            Body::Snapshot { last, bids, asks } => {
                truth.apply(*last, bids, asks);
                None
            }
            Body::Depth {
                last, bids, asks, ..
            } => {
                truth.apply(*last, bids, asks);
                truth.touch().filter(|_| *last >= ticker_id)
            }
            Body::Ticker { id, bid, ask } if *id > truth.last => {
                ticker_id = *id;
                Some(Touch {
                    bid: *bid,
                    ask: *ask,
                })
            }
            Body::Ticker { .. } | Body::Trade { .. } | Body::Mark { .. } => None,
        };
        seen.extend(touch.map(|touch| (item.at, touch)));
    }
    seen
}

enum Due {
    Accepted(NewOrder),
    Gone(OrderId, bool),
    CanceledAll,
    Answer(Action, i64),
    Mark,
}

pub struct Rig<'a> {
    tape: &'a Tape,
    engine: Engine,
    instrument: Instrument,
    touches: Vec<(i64, Touch)>,
    truth: Truth,
    orders: BTreeMap<OrderId, OrderReport>,
    due: BTreeMap<(i64, u64), Due>,
    sequence: u64,
    begin: i64,
    end: i64,
    /// Local arrival minus event time in the best case.
    offset: i64,
    /// From this instant on the stream says nothing, and which.
    pub cut_at: Option<(i64, Cut)>,
    has_marks: bool,
    pub notices: Vec<(i64, What)>,
    pub probes: Vec<i64>,
    pub pulls: Vec<i64>,
    pub messages: usize,
    pub full_at: Option<i64>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cut {
    /// Depth alone.
    Depth,
    /// The whole connection of depth and book ticker.
    Public,
}

impl<'a> Rig<'a> {
    pub fn new(tape: &'a Tape) -> Self {
        let touches = touches(tape);
        let mid = touches.first().expect("a book").1.mid_half_ticks() / 2;
        let (instrument, params) = market(tape, mid);
        let mut engine = Engine::new(1, AccountParams::new(Quote(i64::MAX / 4)));
        let depths = tape.items.iter();
        let depths = depths.filter(|i| matches!(i.body, Body::Depth { .. }));
        let offset = depths.filter_map(|i| Some(i.at - i.event?)).min();
        let start = tape.items.iter().map(|i| i.at).min().expect("messages");
        let end = tape.items.iter().map(|i| i.at).max().expect("messages");
        let offset = offset.expect("event times") - DELAY;
        let now = Now {
            mono: Mono(BEGIN),
            wall: Wall(start - offset),
        };
        let mut actions = Actions::default();
        let add = Config::Add(SYMBOL, &instrument, &params, Resume::default());
        engine.step(now, &Event::Config(add), &mut actions);
        for link in [Link::Public, Link::Market, Link::User, Link::Orders] {
            engine.step(now, &Event::Link(link, LinkState::Up), &mut actions);
        }
        let has_marks = tape
            .items
            .iter()
            .any(|i| matches!(i.body, Body::Mark { .. }));
        let mut rig = Self {
            tape,
            engine,
            instrument,
            touches,
            truth: Truth::default(),
            orders: BTreeMap::new(),
            due: BTreeMap::new(),
            sequence: 0,
            begin: start,
            end,
            offset,
            cut_at: None,
            has_marks,
            notices: Vec::new(),
            probes: Vec::new(),
            pulls: Vec::new(),
            messages: 0,
            full_at: None,
        };
        rig.carry_out(&actions, start);
        rig.put(start, Due::Mark);
        rig
    }

    pub const fn begins_at(&self) -> i64 {
        self.begin
    }

    pub const fn ends_at(&self) -> i64 {
        self.end
    }

    fn now(&self, at: i64) -> Now {
        Now {
            mono: Mono(BEGIN + at - self.begins_at()),
            wall: Wall(at - self.offset),
        }
    }

    fn put(&mut self, at: i64, due: Due) {
        self.sequence += 1;
        self.due.insert((at, self.sequence), due);
    }

    /// Everything up to `until`, in the order of its instants.
    pub fn run(&mut self, until: i64) {
        let tape = self.tape;
        for item in &tape.items {
            if item.at > until {
                break;
            }
            self.catch_up(item.at);
            self.deliver(item);
        }
        self.catch_up(until);
    }

    /// Wake-ups and answers before `at`.
    fn catch_up(&mut self, at: i64) {
        loop {
            let base = BEGIN - self.begins_at();
            let wakeup = self.engine.next_wakeup().map(|(at, _)| at.raw() - base);
            let answer = self.due.first_key_value().map(|((at, _), _)| *at);
            match (wakeup, answer) {
                (_, Some(due)) if due < at && wakeup.is_none_or(|w| due <= w) => {
                    if let Some((_, what)) = self.due.pop_first() {
                        self.fulfil(due, what);
                    }
                }
                (Some(wakeup), _) if wakeup < at => self.step(wakeup, &Event::Wakeup),
                _ => return,
            }
        }
    }

    fn step(&mut self, at: i64, event: &Event<'_>) {
        let now = self.now(at);
        let mut actions = Actions::default();
        self.engine.step(now, event, &mut actions);
        self.carry_out(&actions, at);
    }

    fn market(&mut self, at: i64, market: Market<'_>) {
        self.step(at, &Event::Market(SYMBOL, market));
    }

    fn deliver(&mut self, item: &Item) {
        let at = item.at;
        let event_time = item.event.map_or(self.now(at).wall, Wall);
        let cut = self.cut_at.filter(|(from, _)| at >= *from).map(|(_, c)| c);
        self.messages += 1;
        match &item.body {
            Body::Snapshot { last, bids, asks } => self.truth.apply(*last, bids, asks),
            Body::Depth {
                first,
                last,
                prev,
                bids,
                asks,
            } => {
                self.truth.apply(*last, bids, asks);
                if cut.is_none() {
                    let update = DepthUpdate {
                        first_id: *first,
                        last_id: *last,
                        prev_id: *prev,
                        event_time,
                        transact_time: event_time,
                        bids,
                        asks,
                    };
                    self.market(at, Market::Depth(update));
                }
            }
            Body::Ticker { id, bid, ask } => {
                if cut != Some(Cut::Public) {
                    let ticker = ticker(
                        *id,
                        event_time,
                        &Touch {
                            bid: *bid,
                            ask: *ask,
                        },
                    );
                    self.market(at, Market::BookTicker(ticker));
                }
            }
            Body::Trade {
                id,
                price,
                size,
                aggressor,
            } => {
                let trade = Trade {
                    id: *id,
                    event_time,
                    price: *price,
                    size: *size,
                    aggressor: *aggressor,
                };
                self.market(at, Market::Trade(trade));
            }
            Body::Mark { price_e8 } => self.mark(at, *price_e8, event_time),
        }
    }

    fn mark(&mut self, at: i64, price_e8: i64, event_time: Wall) {
        let mark = MarkPrice {
            event_time,
            mark: Price8(price_e8),
            index: Price8(price_e8),
            funding_rate: Ratio(0),
            next_funding: Wall(event_time.raw() + 1),
        };
        self.market(at, Market::Mark(mark));
    }

    // ------------------------------------------------------------------ the pretend exchange

    fn carry_out(&mut self, actions: &Actions, at: i64) {
        for action in actions.as_slice() {
            match action {
                Action::Place(order) => self.put(at + ROUND_TRIP, Due::Accepted(*order.inner())),
                Action::Cancel(_, id) => self.put(at + ROUND_TRIP, Due::Gone(*id, true)),
                Action::CancelAll(_) => {
                    self.pulls.push(at);
                    self.put(at + ROUND_TRIP, Due::CanceledAll);
                }
                Action::Say(notice) => self.notices.push((at, notice.what)),
                // There is one symbol, which never asks for all.
                Action::Amend(_)
                | Action::QueryOrder(..)
                | Action::RenewListenKey
                | Action::ProbeAll => {
                    panic!("not expected here: {action:?}")
                }
                Action::Probe(_) => {
                    self.probes.push(at);
                    self.put(at + ROUND_TRIP, Due::Answer(*action, at));
                }
                Action::FetchOpenOrders(_)
                | Action::FetchAccount
                | Action::FetchTrades(..)
                | Action::FetchFunding(_)
                | Action::FetchSnapshot(_)
                | Action::ArmDeadMan(..) => self.put(at + ROUND_TRIP, Due::Answer(*action, at)),
                Action::Reconnect(_) | Action::Stopped => {}
            }
        }
        if self.full_at.is_none()
            && let Some(desk) = self.engine.desk(SYMBOL)
            && !self.orders.is_empty()
            && desk.touch().is_some()
        {
            self.full_at = Some(at);
        }
    }

    fn fulfil(&mut self, at: i64, due: Due) {
        match due {
            Due::Accepted(order) => {
                let report = report(&order, ExchangeStatus::New, self.now(at).wall);
                self.orders.insert(order.id, report);
                self.tell(at, report, Execution::New);
                let reply = Reply::Place(SYMBOL, order.id, Outcome::Accepted(report));
                self.step(at, &Event::Reply(reply));
            }
            Due::Gone(id, is_answered) => {
                let Some(mut report) = self.orders.remove(&id) else {
                    return;
                };
                report.status = ExchangeStatus::Canceled;
                self.tell(at, report, Execution::Canceled);
                if is_answered {
                    let reply = Reply::Cancel(SYMBOL, id, Outcome::Accepted(report));
                    self.step(at, &Event::Reply(reply));
                }
            }
            Due::CanceledAll => {
                let ids: Vec<_> = self.orders.keys().copied().collect();
                for id in ids {
                    self.fulfil(at, Due::Gone(id, false));
                }
                let reply = Reply::CancelAll(SYMBOL, Outcome::Accepted(()));
                self.step(at, &Event::Reply(reply));
            }
            Due::Answer(action, asked) => self.answer(at, action, asked),
            Due::Mark => {
                let mid = self.truth.touch().map(|t| t.mid_half_ticks());
                if let Some(mid) = mid.filter(|_| !self.has_marks) {
                    let wall = self.now(at).wall;
                    self.mark(at, mid * self.instrument.tick_e8 / 2, wall);
                }
                self.put(at + 1_000_000_000, Due::Mark);
            }
        }
    }

    fn tell(&mut self, at: i64, report: OrderReport, execution: Execution) {
        let update = OrderUpdate {
            report,
            execution,
            fill: None,
            event_time: self.now(at).wall,
        };
        self.step(at, &Event::Account(Account::Order(update)));
    }

    fn answer(&mut self, at: i64, action: Action, asked: i64) {
        let requested_at = self.now(asked).mono;
        let wall = self.now(at).wall;
        match action {
            Action::FetchSnapshot(_) => {
                let level = |(price, size): (&Ticks, &Lots)| Level {
                    price: *price,
                    size: *size,
                };
                let bids: Vec<_> = self.truth.bids.iter().rev().map(level).collect();
                let asks: Vec<_> = self.truth.asks.iter().map(level).collect();
                let snapshot = DepthSnapshot {
                    last_id: self.truth.last,
                    transact_time: wall,
                    bids: &bids,
                    asks: &asks,
                };
                self.market(at, Market::Snapshot(snapshot));
            }
            Action::Probe(symbol) => {
                let shown = self
                    .touches
                    .partition_point(|(when, _)| *when <= at + AHEAD);
                let Some((_, touch)) = shown.checked_sub(1).and_then(|i| self.touches.get(i))
                else {
                    return;
                };
                let outcome = Outcome::Accepted(ticker(0, wall, touch));
                self.step(
                    at,
                    &Event::Reply(Reply::Probe {
                        symbol,
                        requested_at,
                        outcome,
                    }),
                );
            }
            Action::FetchOpenOrders(symbol) => {
                let orders: Vec<_> = self.orders.values().copied().collect();
                let outcome = Outcome::Accepted(orders.as_slice());
                self.step(
                    at,
                    &Event::Reply(Reply::OpenOrders {
                        symbol,
                        requested_at,
                        outcome,
                    }),
                );
            }
            Action::FetchAccount => {
                let outcome = Outcome::Accepted(AccountUpdate {
                    reason: AccountReason::Other,
                    symbol: None,
                    balance: None,
                    positions: &[],
                    time: wall,
                });
                self.step(
                    at,
                    &Event::Reply(Reply::Account {
                        requested_at,
                        outcome,
                    }),
                );
            }
            Action::FetchTrades(symbol, _) => {
                let outcome = Outcome::Accepted(&[][..]);
                self.step(
                    at,
                    &Event::Reply(Reply::Trades {
                        symbol,
                        requested_at,
                        outcome,
                    }),
                );
            }
            Action::FetchFunding(_) => {
                let page = FundingPage {
                    payments: &[],
                    asked: self.now(asked).wall,
                    next: None,
                };
                let outcome = Outcome::Accepted(page);
                self.step(
                    at,
                    &Event::Reply(Reply::Funding {
                        requested_at,
                        outcome,
                    }),
                );
            }
            Action::ArmDeadMan(symbol, span) => {
                let outcome = Outcome::Accepted(span);
                self.step(
                    at,
                    &Event::Reply(Reply::DeadMan {
                        symbol,
                        requested_at,
                        outcome,
                    }),
                );
            }
            other => panic!("not a request: {other:?}"),
        }
    }

    /// The longest time that orders were open after the last data that justified them, an order on its way to its cancel
    /// included.
    pub fn time_at_risk(&mut self) -> Span {
        self.engine.refresh_view(Now::default());
        let symbols = &self.engine.view().symbols;
        let risks = symbols.iter().map(|s| s.record.time_at_risk_max);
        risks.max().unwrap_or(Span::ZERO)
    }

    /// The learned silence after which depth is suspect, at the end.
    pub fn suspect_after(&self) -> Option<Span> {
        let desk = self.engine.desk(SYMBOL)?;
        desk.suspect_after(Stream::Depth)
    }
}

const fn ticker(update_id: i64, event_time: Wall, touch: &Touch) -> BookTicker {
    BookTicker {
        update_id,
        event_time,
        bid: touch.bid,
        ask: touch.ask,
    }
}

const fn report(order: &NewOrder, status: ExchangeStatus, time: Wall) -> OrderReport {
    OrderReport {
        symbol: SYMBOL,
        owner: Owner::Ours(order.id),
        exchange_id: order.id.seq as i64,
        side: order.side,
        price: order.price,
        size: order.size,
        filled: Lots::ZERO,
        status,
        reduce_only: order.execute.is_reduce_only(),
        time,
    }
}

/// A contract of the tape's grid, and a ladder of few layers within a few per mille of its price.
fn market(tape: &Tape, mid: i64) -> (Instrument, SymbolParams) {
    let mut instrument = ethusdc();
    tape.name.clone_into(&mut instrument.name);
    (instrument.tick_e8, instrument.step_e8) = (tape.tick_e8, tape.step_e8);
    instrument.price_max = Ticks(mid * 100);
    instrument.qty_max = Lots(i64::MAX >> 20);
    instrument.notional_min = Quote(1);
    let mut params = ethusdc_defaults();
    let share = |e4: i64| Price8((mid * tape.tick_e8 / 10_000 * e4).max(2 * tape.tick_e8));
    params.quoting.layers = 3;
    params.quoting.layer_size = Lots(10);
    params.quoting.start_offset = share(10);
    params.quoting.first_spacing = share(10);
    params.quoting.max_spacing = share(100);
    params.risk.net_max = Lots(1_000);
    params.risk.order_notional_max = Quote(i64::MAX / 8);
    (instrument, params)
}
