//! Owns an engine, the events that bytes stand for, and the checks after each step; knows no honest exchange: answers are made up.

mod told;

use super::super::input::Input;
use super::super::reports::{self, TICKS_MAX};
use phoenix_core::action::{Action, Actions};
use phoenix_core::engine::Engine;
use phoenix_core::engine::view::OrderView;
use phoenix_core::event::{
    AccountReason, AccountUpdate, BalanceReport, BookTicker, Config, ContractStatus, DepthSnapshot,
    DepthUpdate, Event, ExchangeStatus, FundingPage, FundingPayment, Level, Link, LinkState,
    Malformed, MarkPrice, Market, OrderReport, Outcome, PositionReport, Reply, Resume, Stream,
    Trade, TradeReport,
};
use phoenix_core::instrument::{SymbolId, ethusdc};
use phoenix_core::order::{Execute, OrderId, Owner};
use phoenix_core::params::{AccountParams, StrategyKind, SymbolParams, ethusdc_defaults};
use phoenix_core::units::{E8, Lots, Mono, Now, Price8, Quote, Ratio, Side, Span, Ticks, Wall};
use std::collections::{BTreeMap, BTreeSet};

const ETH: SymbolId = SymbolId(0);
const LINKS: [Link; 4] = [Link::Public, Link::Market, Link::User, Link::Orders];
const STREAMS: [Stream; 5] = [
    Stream::Depth,
    Stream::BookTicker,
    Stream::Trade,
    Stream::Mark,
    Stream::User,
];
/// Exchange time at instant zero.
const EPOCH_MS: i64 = 1_795_000_000_000;
/// Wake-ups in one second: deadlines, probes and pauses are tens of milliseconds apart at the least.
const WAKEUPS_MAX: u32 = 400;
/// How long an input may last in the world of the engine.
const LIFE: Span = Span::from_secs(3_600);

pub struct Scene {
    engine: Engine,
    actions: Actions,
    params: SymbolParams,
    now: Mono,
    /// Last update id of the depth stream.
    depth_id: i64,
    mid: i64,
    placed: BTreeMap<OrderId, Execute>,
    /// Orders never placed that were reported as reduce-only at least once.
    ghosts_that_reduce: BTreeSet<OrderId>,
    /// A countdown that was asked for: it is confirmed before anything else happens.
    arm: Option<(Mono, Span)>,
    second: i64,
    wakeups: u32,
}

/// What a snapshot, an update or a list needs memory for.
#[derive(Default)]
struct Memory {
    bids: Vec<Level>,
    asks: Vec<Level>,
    orders: Vec<OrderReport>,
    positions: Vec<PositionReport>,
    trades: Vec<TradeReport>,
    payments: Vec<FundingPayment>,
    tickers: Vec<(SymbolId, BookTicker)>,
}

impl Scene {
    /// Connected, with a book, and told that there is neither order nor position.
    pub fn new(input: &mut Input<'_>) -> Self {
        let mut params = ethusdc_defaults();
        params.quoting.layers = 3;
        params.quoting.strategy = input.pick(&[
            StrategyKind::Asmm,
            StrategyKind::AvellanedaStoikov,
            StrategyKind::Glft,
        ]);
        params.risk.net_max = Lots(500);
        let mut scene = Self {
            engine: Engine::new(7, AccountParams::new(Quote(100_000 * E8))),
            actions: Actions::default(),
            params,
            now: Mono(1_000_000_000),
            depth_id: 10,
            mid: 250_000,
            placed: BTreeMap::new(),
            ghosts_that_reduce: BTreeSet::new(),
            arm: None,
            second: 0,
            wakeups: 0,
        };
        scene.step(&Event::Config(Config::Add(
            ETH,
            &ethusdc(),
            &params,
            Resume::default(),
        )));
        for link in LINKS {
            scene.step(&Event::Link(link, LinkState::Up));
        }
        scene.boot();
        assert!(!scene.placed.is_empty(), "nothing is quoted");
        scene
    }

    fn boot(&mut self) {
        let mut memory = Memory::default();
        self.quiet_depth(&mut memory);
        self.snapshot();
        for _ in 0..3 {
            self.pass(Span::from_millis(100));
            self.confirm();
            self.quiet_depth(&mut memory);
            self.step(&Event::Market(ETH, Market::Mark(self.quiet_mark())));
        }
    }

    /// The exchange says what the engine believes: its orders, its position, nothing missing.
    fn confirm(&mut self) {
        let now = self.now();
        self.engine.refresh_view(now);
        let Some(view) = self.engine.view().symbols.first() else {
            return;
        };
        let report = |order: &OrderView| OrderReport {
            symbol: ETH,
            owner: Owner::Ours(order.id),
            exchange_id: i64::from(order.id.seq),
            side: order.side,
            price: order.price,
            size: order.size,
            filled: order.filled,
            status: ExchangeStatus::New,
            reduce_only: false,
            time: now.wall,
        };
        let orders: Vec<_> = view.orders.iter().map(report).collect();
        let positions = [PositionReport {
            symbol: ETH,
            size: view.position,
            entry: Price8(self.mid * 1_000_000),
        }];
        let account = AccountUpdate {
            reason: AccountReason::Other,
            symbol: None,
            balance: Some(BalanceReport {
                wallet: Quote(10_000 * E8),
                change: Quote::ZERO,
            }),
            positions: &positions,
            time: now.wall,
        };
        let requested_at = self.now;
        self.step(&Event::Reply(Reply::OpenOrders {
            symbol: ETH,
            requested_at,
            outcome: Outcome::Accepted(&orders),
        }));
        self.step(&Event::Reply(Reply::Trades {
            symbol: ETH,
            requested_at,
            outcome: Outcome::Accepted(&[]),
        }));
        self.step(&Event::Reply(Reply::Account {
            requested_at,
            outcome: Outcome::Accepted(account),
        }));
        let page = FundingPage {
            payments: &[],
            asked: now.wall,
            next: None,
        };
        self.step(&Event::Reply(Reply::Funding {
            requested_at,
            outcome: Outcome::Accepted(page),
        }));
    }

    const fn now(&self) -> Now {
        Now {
            mono: self.now,
            wall: self.wall(),
        }
    }

    const fn wall(&self) -> Wall {
        Wall(EPOCH_MS * 1_000_000 + self.now.0)
    }

    // ------------------------------------------------------------------ time

    /// Time passes, and the engine is woken when it asked to be.
    pub fn pass(&mut self, span: Span) {
        if let Some((requested_at, span)) = self.arm.take() {
            self.step(&Event::Reply(Reply::DeadMan {
                symbol: ETH,
                requested_at,
                outcome: Outcome::Accepted(span),
            }));
        }
        let end = self.now.after(span);
        while let Some((at, timer)) = self.engine.next_wakeup().filter(|(at, _)| *at <= end) {
            self.now = self.now.max(at);
            let second = self.now.0 / 1_000_000_000;
            if second != self.second {
                (self.second, self.wakeups) = (second, 0);
            }
            self.wakeups += 1;
            assert!(self.wakeups <= WAKEUPS_MAX, "woken by {timer:?} at {at:?}");
            self.step(&Event::Wakeup);
        }
        self.now = end;
    }

    /// A minute of silence at the end: it stops asking, or asks at a bounded rate.
    pub fn rest(&mut self) {
        self.pass(Span::from_secs(60));
    }

    fn step(&mut self, event: &Event<'_>) {
        let now = self.now();
        self.engine.step(now, event, &mut self.actions);
        let actions = std::mem::take(&mut self.actions);
        let mut grown = [false; 2];
        for action in actions.as_slice() {
            match action {
                Action::Place(order) => {
                    let order = order.inner();
                    let is_new = self.placed.insert(order.id, order.execute).is_none();
                    assert!(is_new, "an id was used twice: {order:?}");
                    assert!(order.size.is_positive() && order.price.is_positive());
                    grown[order.side.index()] |= order.execute == Execute::PostOnly;
                }
                Action::Amend(change) => {
                    let execute = self.placed.get(&change.inner().id);
                    assert!(execute.is_none_or(|e| *e == change.inner().execute));
                }
                Action::ArmDeadMan(_, span) => self.arm = Some((self.now, *span)),
                _ => {}
            }
        }
        if grown != [false; 2] {
            self.check(now, grown);
        }
        self.actions = actions;
        self.actions.clear();
    }

    /// After an order that can open a position was sent: the side, filled in full, stays within `net_max`, and there are no more
    /// orders than allowed unless the order reduces.
    fn check(&mut self, now: Now, grown: [bool; 2]) {
        self.engine.refresh_view(now);
        let view = self.engine.view().symbols.first().expect("the symbol");
        let kind = |id| match self.placed.get(&id) {
            Some(execute) => *execute,
            None if self.ghosts_that_reduce.contains(&id) => Execute::PostOnlyReduce,
            None => Execute::PostOnly,
        };
        for side in Side::BOTH {
            if !grown[side.index()] {
                continue;
            }
            let held = view.position.0.saturating_mul(side.sign());
            let plain = view
                .orders
                .iter()
                .filter(|o| o.side == side && kind(o.id) == Execute::PostOnly);
            let open = plain.fold(0_i64, |sum, o| {
                sum.saturating_add((o.size.0 - o.filled.0).max(0))
            });
            let reach = held.saturating_add(open);
            assert!(reach <= self.params.risk.net_max.0, "{side:?}: {view:#?}");
            let resting = view.orders.iter();
            let resting = resting.filter(|o| kind(o.id) != Execute::TakeReduce);
            let most = 2 * usize::from(self.params.quoting.layers) + 2;
            assert!(held < 0 || resting.count() <= most, "{view:#?}");
        }
    }

    // ------------------------------------------------------------------ what happens

    /// One event, or time.
    pub fn happen(&mut self, input: &mut Input<'_>) {
        if self.now.0 > LIFE.0 {
            // Long enough: what is left is read without effect.
            let _ = input.byte();
            return;
        }
        let span = match input.byte() {
            0..=199 => i64::from(input.below(120)),
            200..=247 => i64::from(input.byte()) * 10,
            248..=255 => input.word(),
        };
        self.pass(Span::from_millis(span));
        let mut memory = Memory::default();
        match input.below(16) {
            0..=3 => {
                self.mid += input.small() / 8;
                self.quiet_depth(&mut memory);
                self.step(&Event::Market(ETH, Market::Mark(self.quiet_mark())));
            }
            4 if input.is_even() => self.snapshot(),
            4 => self.confirm(),
            5 | 6 => self.market(input, &mut memory),
            7..=9 => self.order_event(input),
            10 | 11 => self.order_reply(input),
            12 => self.account(input, &mut memory),
            13 => self.read(input, &mut memory),
            14 => self.other_read(input, &mut memory),
            _ => self.operate(input),
        }
    }

    fn quiet_depth(&mut self, memory: &mut Memory) {
        let level = |price, size| Level {
            price: Ticks(price),
            size: Lots(size),
        };
        memory.bids.push(level(self.mid - 1, 500));
        memory.asks.push(level(self.mid + 1, 500));
        // Whatever the move before left behind on the wrong side is gone.
        for price in self.mid..self.mid + 34 {
            memory.bids.push(level(price, 0));
            memory.asks.push(level(2 * self.mid - price, 0));
        }
        let prev_id = self.depth_id;
        self.depth_id += 10;
        self.step(&Event::Market(
            ETH,
            Market::Depth(DepthUpdate {
                first_id: prev_id + 1,
                last_id: self.depth_id,
                prev_id,
                event_time: self.wall(),
                transact_time: self.wall(),
                bids: &memory.bids,
                asks: &memory.asks,
            }),
        ));
    }

    fn snapshot(&mut self) {
        let beside = |by| {
            [Level {
                price: Ticks(self.mid + by),
                size: Lots(500),
            }]
        };
        let (bids, asks) = (beside(-1), beside(1));
        let snapshot = DepthSnapshot {
            last_id: self.depth_id,
            transact_time: self.wall(),
            bids: &bids,
            asks: &asks,
        };
        self.step(&Event::Market(ETH, Market::Snapshot(snapshot)));
    }

    const fn quiet_mark(&self) -> MarkPrice {
        MarkPrice {
            event_time: self.wall(),
            mark: Price8(self.mid * 1_000_000),
            index: Price8(self.mid * 1_000_000),
            funding_rate: Ratio(10_000),
            next_funding: Wall(self.wall().0 + 1),
        }
    }

    fn level(&self, input: &mut Input<'_>) -> Level {
        Level {
            price: match input.byte() {
                0..=239 => Ticks(self.mid + input.small()),
                240..=255 => Ticks(input.number(TICKS_MAX).max(0)),
            },
            size: match input.is_even() {
                true => Lots(i64::from(input.byte())),
                false => reports::size(input),
            },
        }
    }

    fn time(&self, input: &mut Input<'_>) -> Wall {
        match input.byte() {
            0..=223 => Wall(self.wall().0 - Span::from_millis(i64::from(input.byte())).0),
            224..=255 => Wall::from_millis(input.number(i64::MAX)),
        }
    }

    fn market(&mut self, input: &mut Input<'_>, memory: &mut Memory) {
        let event_time = self.time(input);
        let market = match input.below(9) {
            0 | 1 => {
                let count = input.below(5);
                for _ in 0..count {
                    memory.bids.push(self.level(input));
                    memory.asks.push(self.level(input));
                }
                let prev_id = self.depth_id.saturating_add(input.small() / 100);
                self.depth_id = prev_id.saturating_add(1 + input.small().abs());
                Market::Depth(DepthUpdate {
                    first_id: prev_id.saturating_add(1),
                    last_id: self.depth_id,
                    prev_id,
                    event_time,
                    transact_time: event_time,
                    bids: &memory.bids,
                    asks: &memory.asks,
                })
            }
            2 => Market::SnapshotFailed(reports::refusal(input)),
            3 => Market::BookTicker(self.ticker(input, event_time)),
            4 => Market::Trade(Trade {
                id: input.number(i64::MAX),
                event_time,
                price: reports::price(input),
                size: reports::size(input),
                aggressor: reports::side(input),
            }),
            5 => Market::Mark(MarkPrice {
                event_time,
                mark: Price8(input.number(i64::MAX)),
                index: Price8(input.number(i64::MAX)),
                funding_rate: Ratio(input.number(i64::MAX)),
                next_funding: self.time(input),
            }),
            6 => Market::Status(input.pick(&[ContractStatus::Trading, ContractStatus::NotTrading])),
            7 => Market::Malformed(input.pick(&STREAMS), Malformed::Shape),
            _ => {
                memory.bids.push(self.level(input));
                memory.asks.push(self.level(input));
                Market::Snapshot(DepthSnapshot {
                    last_id: self.depth_id.saturating_add(input.small()),
                    transact_time: event_time,
                    bids: &memory.bids,
                    asks: &memory.asks,
                })
            }
        };
        self.step(&Event::Market(ETH, market));
    }

    fn ticker(&self, input: &mut Input<'_>, event_time: Wall) -> BookTicker {
        BookTicker {
            update_id: self.depth_id.saturating_add(input.small()),
            event_time,
            bid: self.level(input),
            ask: self.level(input),
        }
    }
}
