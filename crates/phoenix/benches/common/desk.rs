//! Owns an engine that trades on a tape, and a counterpart that accepts whatever it asks for; knows nothing
//! of sockets, and measures only through [`Probe`].

use super::tape::Snapshot;
use phoenix_core::action::{Action, Actions};
use phoenix_core::book::Touch;
use phoenix_core::engine::Engine;
use phoenix_core::event::{
    Account, AccountReason, AccountUpdate, BalanceReport, BookTicker, Config, Event,
    ExchangeStatus, Execution, Fill, FundingPage, Link, LinkState, MarkPrice, Market, OrderReport,
    OrderUpdate, Outcome, PositionReport, Reply, Resume,
};
use phoenix_core::instrument::{SymbolId, ethusdc};
use phoenix_core::order::{Execute, NewOrder, OrderId, Owner};
use phoenix_core::params::{AccountParams, ethusdc_defaults};
use phoenix_core::units::{E8, Lots, Mono, Now, Price8, Quote, Ratio, Side, Span, Wall};
use std::collections::{BTreeMap, VecDeque};

/// How far the tape's frames lie behind the engine's wall clock: an ordinary way through the network.
const DELAY: Span = Span::from_millis(3);
/// The mark price comes this often.
const MARK_EVERY: Span = Span::from_secs(1);
/// Order rate and notional are shared: with many symbols they must not be what limits.
const NOTIONAL_MAX: Quote = Quote(100_000_000 * E8);

/// What an engine step was about.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Step {
    Reply,
    OrderUpdate,
    Fill,
    Mark,
    Wakeup,
    Other,
}

/// Told of every step that answers the engine.
pub trait Probe {
    fn around(&mut self, step: Step, run: impl FnOnce());
}

/// Measures nothing.
pub struct Unmeasured;

impl Probe for Unmeasured {
    fn around(&mut self, _step: Step, run: impl FnOnce()) {
        run();
    }
}

/// An order at the counterpart.
#[derive(Clone, Copy)]
struct Resting {
    order: NewOrder,
    exchange_id: i64,
}

/// What the engine is told next.
#[derive(Clone, Copy)]
enum Pending {
    Placed(Resting),
    /// The stream's confirmation of a new order.
    Confirmed(Resting),
    Canceled(Resting),
    AllCanceled(SymbolId),
    StreamCanceled(Resting),
    OpenOrders(SymbolId),
    Account,
    Trades(SymbolId),
    Funding,
    Probe(SymbolId),
    ProbeAll,
    DeadMan(SymbolId, Span),
    Snapshot(SymbolId),
}

/// An engine with its counterpart.
pub struct Desk {
    pub engine: Engine,
    pub actions: Actions,
    pub now: Now,
    pub symbols: u16,
    start: Wall,
    snapshot: Snapshot,
    open: BTreeMap<(SymbolId, OrderId), Resting>,
    pending: VecDeque<Pending>,
    positions: BTreeMap<SymbolId, Lots>,
    marked_at: Option<Mono>,
    exchange_id: i64,
    trade_id: i64,
}

impl Desk {
    /// Default parameters, everything connected, truth replied, book bridged up to the tape's snapshot; the
    /// next depth frame makes the book live and the ladder quoted.
    pub fn new(snapshot: &Snapshot, symbols: u16) -> Self {
        let mut desk = Self {
            engine: Engine::new(1, AccountParams::new(NOTIONAL_MAX)),
            actions: Actions::with_capacity(512),
            now: Now {
                mono: Mono(1_000_000_000),
                wall: Wall(snapshot.time.0 + DELAY.0),
            },
            symbols,
            start: snapshot.time,
            snapshot: snapshot.clone(),
            open: BTreeMap::new(),
            pending: VecDeque::with_capacity(1_024),
            positions: BTreeMap::new(),
            marked_at: None,
            exchange_id: 8_000_000_000,
            trade_id: 500_000,
        };
        let (instrument, params) = (ethusdc(), ethusdc_defaults());
        for symbol in desk.ids() {
            let add = Config::Add(symbol, &instrument, &params, Resume::default());
            desk.step(&Event::Config(add));
            desk.settle(&mut Unmeasured);
        }
        for link in [Link::Public, Link::Market, Link::User, Link::Orders] {
            desk.step(&Event::Link(link, LinkState::Up));
            desk.settle(&mut Unmeasured);
        }
        desk.mark(&mut Unmeasured);
        for symbol in desk.ids() {
            desk.give_snapshot(symbol);
        }
        desk
    }

    /// Every symbol.
    pub fn ids(&self) -> impl Iterator<Item = SymbolId> + use<> {
        (0..self.symbols).map(SymbolId)
    }

    /// One engine step; what it asks for stays in `actions`.
    pub fn step(&mut self, event: &Event<'_>) {
        self.actions.clear();
        self.engine.step(self.now, event, &mut self.actions);
    }

    /// Sets the clocks to the arrival of a frame; runs the timers and marks that are due before.
    pub fn advance(&mut self, event_time: Wall, probe: &mut impl Probe) {
        let wall = Wall(event_time.0 + DELAY.0).max(self.now.wall);
        let mono = Mono(1_000_000_000 + (wall.0 - DELAY.0 - self.start.0));
        self.pass(mono.max(self.now.mono), wall, probe);
    }

    /// Lets time pass that the tape does not know of.
    pub fn idle(&mut self, span: Span, probe: &mut impl Probe) {
        let (mono, wall) = (self.now.mono.after(span), self.now.wall);
        self.pass(mono, wall, probe);
    }

    fn pass(&mut self, mono: Mono, wall: Wall, probe: &mut impl Probe) {
        while let Some((at, _)) = self.engine.next_wakeup().filter(|(at, _)| *at <= mono) {
            self.now.mono = at.max(self.now.mono);
            probe.around(Step::Wakeup, || self.step(&Event::Wakeup));
            self.settle(probe);
        }
        self.now = Now { mono, wall };
        let is_due = self.marked_at.is_none_or(|at| mono.since(at) >= MARK_EVERY);
        if is_due {
            self.mark(probe);
        }
    }

    /// The mark price of every symbol, at mid.
    pub fn mark(&mut self, probe: &mut impl Probe) {
        self.marked_at = Some(self.now.mono);
        for symbol in self.ids() {
            let best =
                |levels: &[phoenix_core::event::Level]| levels.first().map_or(1, |l| l.price.0);
            let half_ticks = self.touch(symbol).map_or(
                best(&self.snapshot.bids) + best(&self.snapshot.asks),
                |touch| touch.mid_half_ticks(),
            );
            let mark = Price8(half_ticks * ethusdc().tick_e8 / 2);
            let event = Event::Market(
                symbol,
                Market::Mark(MarkPrice {
                    event_time: self.now.wall,
                    mark,
                    index: mark,
                    funding_rate: Ratio(10_000),
                    next_funding: Wall(self.now.wall.0 + Span::from_secs(3_600).0),
                }),
            );
            probe.around(Step::Mark, || self.step(&event));
            self.settle(probe);
        }
    }

    /// The engine's own touch.
    pub fn touch(&self, symbol: SymbolId) -> Option<Touch> {
        self.engine.desk(symbol)?.touch()
    }

    /// What REST would show of a symbol: the book's own touch.
    fn ticker(&self, symbol: SymbolId) -> Option<BookTicker> {
        let touch = self.touch(symbol)?;
        Some(BookTicker {
            update_id: 0,
            event_time: self.now.wall,
            bid: touch.bid,
            ask: touch.ask,
        })
    }

    /// Orders open at the counterpart.
    pub fn open_count(&self) -> usize {
        self.open.len()
    }

    /// Takes every order away and the book with them; then gives a snapshot up to `last_id`, so that the next
    /// frame makes the book live again and the complete ladder is quoted.
    pub fn lose_book(&mut self, symbol: SymbolId, last_id: i64) {
        let book = self.engine.desk(symbol).and_then(|desk| desk.book());
        self.snapshot = Snapshot::of(book.expect("live before"), last_id, self.now.wall);
        let broken = Market::Malformed(
            phoenix_core::event::Stream::Depth,
            phoenix_core::event::Malformed::Shape,
        );
        self.step(&Event::Market(symbol, broken));
        self.settle(&mut Unmeasured);
        assert_eq!(self.open_count(), 0, "everything was cancelled");
        self.give_snapshot(symbol);
    }

    fn give_snapshot(&mut self, symbol: SymbolId) {
        let snapshot = self.snapshot.clone();
        self.step(&Event::Market(
            symbol,
            Market::Snapshot(snapshot.borrowed()),
        ));
        self.settle(&mut Unmeasured);
    }

    /// Answers what was asked for, and what follows from the answers, until the engine is content.
    pub fn settle(&mut self, probe: &mut impl Probe) {
        self.accept();
        while let Some(pending) = self.pending.pop_front() {
            self.deliver(pending, probe);
            self.accept();
        }
    }

    /// Fills the best order of a side completely, if there is one.
    pub fn fill(&mut self, symbol: SymbolId, side: Side, probe: &mut impl Probe) {
        let mine = self
            .open
            .values()
            .filter(|r| r.order.symbol == symbol && r.order.side == side);
        let Some(resting) = mine.copied().max_by_key(|r| side.sign() * r.order.price.0) else {
            return;
        };
        self.open.remove(&(symbol, resting.order.id));
        self.trade_id += 1;
        let position = self.positions.entry(symbol).or_insert(Lots::ZERO);
        *position += side.signed(resting.order.size);
        let fill = Fill {
            trade_id: self.trade_id,
            price: resting.order.price,
            size: resting.order.size,
            fee: Quote::ZERO,
            fee_other_e8: 0,
            realized: Quote::ZERO,
            maker: true,
        };
        let update = OrderUpdate {
            report: OrderReport {
                filled: resting.order.size,
                ..self.report(&resting, ExchangeStatus::Filled)
            },
            execution: Execution::Trade,
            fill: Some(fill),
            event_time: self.now.wall,
        };
        probe.around(Step::Fill, || {
            self.step(&Event::Account(Account::Order(update)))
        });
        self.settle(probe);
    }

    /// Takes in what the last step asked for.
    fn accept(&mut self) {
        let actions = std::mem::take(&mut self.actions);
        for action in actions.as_slice() {
            self.accept_one(*action);
        }
        self.actions = actions;
        self.actions.clear();
    }

    fn accept_one(&mut self, action: Action) {
        match action {
            Action::Place(approved) => {
                self.exchange_id += 1;
                let resting = Resting {
                    order: *approved.inner(),
                    exchange_id: self.exchange_id,
                };
                let key = (resting.order.symbol, resting.order.id);
                assert!(self.open.insert(key, resting).is_none(), "ids are fresh");
                self.pending.push_back(Pending::Placed(resting));
                self.pending.push_back(Pending::Confirmed(resting));
            }
            Action::Cancel(symbol, id) => {
                let resting = self.open.remove(&(symbol, id));
                let resting = resting.expect("only open orders are cancelled here");
                self.pending.push_back(Pending::Canceled(resting));
            }
            Action::CancelAll(symbol) => {
                self.pending.push_back(Pending::AllCanceled(symbol));
                self.open.retain(|key, resting| {
                    let is_hit = key.0 == symbol;
                    if is_hit {
                        self.pending.push_back(Pending::StreamCanceled(*resting));
                    }
                    !is_hit
                });
            }
            Action::FetchOpenOrders(symbol) => self.pending.push_back(Pending::OpenOrders(symbol)),
            Action::FetchAccount => self.pending.push_back(Pending::Account),
            Action::FetchTrades(symbol, _) => self.pending.push_back(Pending::Trades(symbol)),
            Action::FetchFunding(_) => self.pending.push_back(Pending::Funding),
            Action::FetchSnapshot(symbol) => self.pending.push_back(Pending::Snapshot(symbol)),
            Action::Probe(symbol) => self.pending.push_back(Pending::Probe(symbol)),
            Action::ProbeAll => self.pending.push_back(Pending::ProbeAll),
            Action::ArmDeadMan(symbol, span) => {
                self.pending.push_back(Pending::DeadMan(symbol, span));
            }
            // No order is filled in part and no answer is lost here, so nothing is amended or queried.
            Action::Amend(_) | Action::QueryOrder(..) | Action::Stopped => {
                panic!("unexpected: {action:?}")
            }
            Action::Reconnect(_) | Action::RenewListenKey => panic!("unexpected: {action:?}"),
            Action::Say(_) => {}
        }
    }

    fn report(&self, resting: &Resting, status: ExchangeStatus) -> OrderReport {
        OrderReport {
            symbol: resting.order.symbol,
            owner: Owner::Ours(resting.order.id),
            exchange_id: resting.exchange_id,
            side: resting.order.side,
            price: resting.order.price,
            size: resting.order.size,
            filled: Lots::ZERO,
            status,
            reduce_only: resting.order.execute != Execute::PostOnly,
            time: self.now.wall,
        }
    }

    fn deliver(&mut self, pending: Pending, probe: &mut impl Probe) {
        let update = |report, execution| {
            Event::Account(Account::Order(OrderUpdate {
                report,
                execution,
                fill: None,
                event_time: report.time,
            }))
        };
        let requested_at = self.now.mono;
        let (step, event) = match pending {
            Pending::Placed(resting) => {
                let report = self.report(&resting, ExchangeStatus::New);
                let NewOrder { symbol, id, .. } = resting.order;
                let reply = Reply::Place(symbol, id, Outcome::Accepted(report));
                (Step::Reply, Event::Reply(reply))
            }
            Pending::Confirmed(resting) => {
                let report = self.report(&resting, ExchangeStatus::New);
                (Step::OrderUpdate, update(report, Execution::New))
            }
            Pending::Canceled(resting) => {
                let report = self.report(&resting, ExchangeStatus::Canceled);
                let NewOrder { symbol, id, .. } = resting.order;
                let reply = Reply::Cancel(symbol, id, Outcome::Accepted(report));
                self.pending.push_back(Pending::StreamCanceled(resting));
                (Step::Reply, Event::Reply(reply))
            }
            Pending::StreamCanceled(resting) => {
                let report = self.report(&resting, ExchangeStatus::Canceled);
                (Step::OrderUpdate, update(report, Execution::Canceled))
            }
            Pending::AllCanceled(symbol) => {
                let reply = Reply::CancelAll(symbol, Outcome::Accepted(()));
                (Step::Other, Event::Reply(reply))
            }
            Pending::Trades(symbol) => (
                Step::Other,
                Event::Reply(Reply::Trades {
                    symbol,
                    requested_at,
                    outcome: Outcome::Accepted(&[]),
                }),
            ),
            Pending::Funding => (
                Step::Other,
                Event::Reply(Reply::Funding {
                    requested_at,
                    outcome: Outcome::Accepted(FundingPage {
                        payments: &[],
                        asked: self.now.wall,
                        next: None,
                    }),
                }),
            ),
            Pending::DeadMan(symbol, span) => (
                Step::Other,
                Event::Reply(Reply::DeadMan {
                    symbol,
                    requested_at,
                    outcome: Outcome::Accepted(span),
                }),
            ),
            Pending::Probe(symbol) => match self.ticker(symbol) {
                Some(ticker) => {
                    let outcome = Outcome::Accepted(ticker);
                    (
                        Step::Other,
                        Event::Reply(Reply::Probe {
                            symbol,
                            requested_at,
                            outcome,
                        }),
                    )
                }
                None => return,
            },
            Pending::OpenOrders(_)
            | Pending::Account
            | Pending::ProbeAll
            | Pending::Snapshot(_) => {
                return self.deliver_list(pending);
            }
        };
        probe.around(step, || self.step(&event));
    }

    fn deliver_list(&mut self, pending: Pending) {
        let requested_at = self.now.mono;
        match pending {
            Pending::OpenOrders(symbol) => {
                let mine = self.open.values().filter(|r| r.order.symbol == symbol);
                let reports: Vec<_> = mine
                    .map(|resting| self.report(resting, ExchangeStatus::New))
                    .collect();
                self.step(&Event::Reply(Reply::OpenOrders {
                    symbol,
                    requested_at,
                    outcome: Outcome::Accepted(&reports),
                }));
            }
            Pending::ProbeAll => {
                let touches = self.ids().map(|id| (id, self.ticker(id)));
                let touches: Vec<_> = touches.filter_map(|(id, t)| Some((id, t?))).collect();
                self.step(&Event::Reply(Reply::ProbeAll {
                    requested_at,
                    outcome: Outcome::Accepted(&touches),
                }));
            }
            Pending::Account => {
                let position = |(symbol, size): (&SymbolId, &Lots)| PositionReport {
                    symbol: *symbol,
                    size: *size,
                    entry: Price8(250_000_000_000),
                };
                let positions: Vec<_> = self.positions.iter().map(position).collect();
                let update = AccountUpdate {
                    reason: AccountReason::Other,
                    symbol: None,
                    balance: Some(BalanceReport {
                        wallet: Quote(1_000_000 * E8),
                        change: Quote::ZERO,
                    }),
                    positions: &positions,
                    time: self.now.wall,
                };
                self.step(&Event::Reply(Reply::Account {
                    requested_at,
                    outcome: Outcome::Accepted(update),
                }));
            }
            Pending::Snapshot(symbol) => {
                let snapshot = self.snapshot.clone();
                self.step(&Event::Market(
                    symbol,
                    Market::Snapshot(snapshot.borrowed()),
                ));
            }
            _ => unreachable!("only lists are delivered here"),
        }
    }
}
