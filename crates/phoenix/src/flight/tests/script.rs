//! A session in memory: an engine that trades on a made-up market, with an exchange that accepts whatever it asks for.

use crate::flight::recorder::Recorder;
use crate::live::pilot::Pilot;
use phoenix_core::action::{Action, Actions};
use phoenix_core::event::{
    Account, AccountReason, AccountUpdate, BalanceReport, BookTicker, Config, DepthSnapshot,
    DepthUpdate, Event, ExchangeStatus, Execution, Fill, FundingPage, Level, Link, LinkState,
    MarkPrice, Market, OrderReport, OrderUpdate, Outcome, Reply, Resume, Trade,
};
use phoenix_core::instrument::{SymbolId, ethusdc};
use phoenix_core::order::{Execute, NewOrder, Owner};
use phoenix_core::params::{AccountParams, ethusdc_defaults};
use phoenix_core::units::{E8, Lots, Mono, Now, Price8, Quote, Ratio, Side, Span, Ticks, Wall};

pub const SESSION: u32 = 5;
const SYMBOL: SymbolId = SymbolId(0);
const START: Wall = Wall(1_700_000_000_000_000_000);
const STEP: Span = Span::from_millis(100);

pub fn params() -> AccountParams {
    AccountParams::new(Quote(1_000_000 * E8))
}

pub struct Session {
    pub pilot: Pilot,
    pub now: Now,
    pub events: u64,
    pub asked: u64,
    pub orders_placed: u64,
    update_id: i64,
    mid: i64,
    chance: u64,
    orders: Vec<(NewOrder, i64)>,
}

impl Session {
    pub fn new(recorder: Option<Recorder>) -> Self {
        Self {
            pilot: Pilot::new(SESSION, params(), recorder),
            now: Now {
                mono: Mono(1_000_000_007),
                wall: START,
            },
            events: 0,
            asked: 0,
            orders_placed: 0,
            update_id: 1_000,
            mid: 250_000,
            chance: 7,
            orders: Vec::new(),
        }
    }

    fn dice(&mut self, sides: i64) -> i64 {
        self.chance = self
            .chance
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        i64::try_from(self.chance >> 33).expect("31 bits") % sides
    }

    /// One event, and whatever the exchange answers to what comes of it.
    pub fn tell(&mut self, event: &Event<'_>) {
        let mut actions = Actions::default();
        self.now.mono.0 += 1_234;
        self.now.wall.0 += 1_240;
        self.pilot.step(self.now, event, &mut actions);
        self.events += 1;
        self.asked += actions.as_slice().len() as u64;
        for action in actions.as_slice() {
            self.answer(action);
        }
    }

    pub fn add(&mut self) {
        let (instrument, params) = (ethusdc(), ethusdc_defaults());
        let add = Config::Add(SYMBOL, &instrument, &params, Resume::default());
        self.tell(&Event::Config(add));
        for link in [Link::Public, Link::Market, Link::User, Link::Orders] {
            self.tell(&Event::Link(link, LinkState::Up));
        }
    }

    /// So many tenths of a second of market.
    pub fn trade(&mut self, rounds: u32) {
        for round in 0..rounds {
            self.now.mono = self.now.mono.after(STEP);
            self.now.wall.0 += STEP.0 + 17;
            while let Some((at, _)) = self.pilot.next_wakeup()
                && at <= self.now.mono
            {
                self.tell(&Event::Wakeup);
            }
            self.mid += self.dice(7) - 3;
            self.depth();
            self.tick(round);
            if round % 30 == 29 {
                self.fill();
            }
            self.look();
        }
    }

    /// The view is made, and what is due is handed over, as the shell does.
    pub fn look(&mut self) {
        let mut actions = Actions::default();
        self.pilot.refresh_view(self.now, &mut actions);
        assert_eq!(actions.as_slice(), []);
    }

    fn levels(&self) -> (Vec<Level>, Vec<Level>) {
        let level = |side: i64, step: i64| Level {
            price: Ticks(self.mid + side * (1 + step)),
            size: Lots(100 + step * 7),
        };
        let both = |side| (0..8).map(|step| level(side, step)).collect();
        (both(-1), both(1))
    }

    fn depth(&mut self) {
        // What lies within the spread goes.
        let (mut bids, mut asks) = self.levels();
        let gone = |price| Level {
            price: Ticks(price),
            size: Lots::ZERO,
        };
        for step in 0..8 {
            bids.push(gone(self.mid + step));
            asks.push(gone(self.mid - step));
        }
        let prev_id = self.update_id;
        self.update_id += 3;
        self.tell(&Event::Market(
            SYMBOL,
            Market::Depth(DepthUpdate {
                first_id: prev_id + 1,
                last_id: prev_id + 3,
                prev_id,
                event_time: self.now.wall,
                transact_time: Wall(self.now.wall.0 - 1_000_000),
                bids: &bids,
                asks: &asks,
            }),
        ));
    }

    fn ticker(&self) -> BookTicker {
        let (bids, asks) = self.levels();
        BookTicker {
            update_id: self.update_id,
            event_time: self.now.wall,
            bid: bids[0],
            ask: asks[0],
        }
    }

    fn tick(&mut self, round: u32) {
        let ticker = Market::BookTicker(self.ticker());
        self.tell(&Event::Market(SYMBOL, ticker));
        let trade = Market::Trade(Trade {
            id: i64::from(round),
            event_time: self.now.wall,
            price: Ticks(self.mid - 1),
            size: Lots(3),
            aggressor: Side::Sell,
        });
        self.tell(&Event::Market(SYMBOL, trade));
        if round.is_multiple_of(10) {
            let mark = Price8(self.mid * ethusdc().tick_e8);
            let mark = Market::Mark(MarkPrice {
                event_time: self.now.wall,
                mark,
                index: mark,
                funding_rate: Ratio(10_000),
                next_funding: Wall(self.now.wall.0 + Span::from_secs(3_600).0),
            });
            self.tell(&Event::Market(SYMBOL, mark));
        }
    }

    fn fill(&mut self) {
        let Some((order, exchange_id)) = self.orders.pop() else {
            return;
        };
        let fill = Fill {
            trade_id: exchange_id,
            price: order.price,
            size: order.size,
            fee: Quote::ZERO,
            fee_other_e8: 0,
            realized: Quote::ZERO,
            maker: true,
        };
        let report = self.report(&order, exchange_id, ExchangeStatus::Filled);
        self.tell(&Event::Account(Account::Order(OrderUpdate {
            report: OrderReport {
                filled: order.size,
                ..report
            },
            execution: Execution::Trade,
            fill: Some(fill),
            event_time: self.now.wall,
        })));
    }

    fn report(&self, order: &NewOrder, exchange_id: i64, status: ExchangeStatus) -> OrderReport {
        OrderReport {
            symbol: order.symbol,
            owner: Owner::Ours(order.id),
            exchange_id,
            side: order.side,
            price: order.price,
            size: order.size,
            filled: Lots::ZERO,
            status,
            reduce_only: order.execute != Execute::PostOnly,
            time: self.now.wall,
        }
    }

    fn placed(&mut self, order: NewOrder) {
        self.orders_placed += 1;
        let exchange_id = 8_000 + i64::from(order.id.seq);
        self.orders.push((order, exchange_id));
        let report = self.report(&order, exchange_id, ExchangeStatus::New);
        let reply = Reply::Place(order.symbol, order.id, Outcome::Accepted(report));
        self.tell(&Event::Reply(reply));
        self.tell(&Event::Account(Account::Order(OrderUpdate {
            report,
            execution: Execution::New,
            fill: None,
            event_time: self.now.wall,
        })));
    }

    fn answer(&mut self, action: &Action) {
        let requested_at = self.now.mono;
        let reply = match *action {
            Action::Place(approved) => return self.placed(*approved.inner()),
            Action::Cancel(symbol, id) => {
                let at = self.orders.iter().position(|(o, _)| o.id == id);
                let Some((order, exchange_id)) = at.map(|at| self.orders.remove(at)) else {
                    return;
                };
                let report = self.report(&order, exchange_id, ExchangeStatus::Canceled);
                Reply::Cancel(symbol, id, Outcome::Accepted(report))
            }
            Action::CancelAll(symbol) => {
                self.orders.clear();
                Reply::CancelAll(symbol, Outcome::Accepted(()))
            }
            Action::ArmDeadMan(symbol, span) => Reply::DeadMan {
                symbol,
                requested_at,
                outcome: Outcome::Accepted(span),
            },
            Action::FetchTrades(symbol, _) => Reply::Trades {
                symbol,
                requested_at,
                outcome: Outcome::Accepted(&[]),
            },
            Action::FetchFunding(_) => Reply::Funding {
                requested_at,
                outcome: Outcome::Accepted(FundingPage {
                    payments: &[],
                    asked: self.now.wall,
                    next: None,
                }),
            },
            Action::Probe(symbol) => Reply::Probe {
                symbol,
                requested_at,
                outcome: Outcome::Accepted(self.ticker()),
            },
            _ => return self.answer_list(action),
        };
        self.tell(&Event::Reply(reply));
    }

    fn answer_list(&mut self, action: &Action) {
        let requested_at = self.now.mono;
        match *action {
            Action::FetchOpenOrders(symbol) => {
                let orders: Vec<OrderReport> = self
                    .orders
                    .iter()
                    .map(|(order, id)| self.report(order, *id, ExchangeStatus::New))
                    .collect();
                self.tell(&Event::Reply(Reply::OpenOrders {
                    symbol,
                    requested_at,
                    outcome: Outcome::Accepted(&orders),
                }));
            }
            Action::FetchAccount => self.tell(&Event::Reply(Reply::Account {
                requested_at,
                outcome: Outcome::Accepted(AccountUpdate {
                    reason: AccountReason::Other,
                    symbol: None,
                    balance: Some(BalanceReport {
                        wallet: Quote(1_000_000 * E8),
                        change: Quote::ZERO,
                    }),
                    positions: &[],
                    time: self.now.wall,
                }),
            })),
            Action::ProbeAll => {
                let touches = [(SYMBOL, self.ticker())];
                self.tell(&Event::Reply(Reply::ProbeAll {
                    requested_at,
                    outcome: Outcome::Accepted(&touches),
                }));
            }
            Action::FetchSnapshot(symbol) => {
                let (bids, asks) = self.levels();
                let snapshot = DepthSnapshot {
                    last_id: self.update_id,
                    transact_time: self.now.wall,
                    bids: &bids,
                    asks: &asks,
                };
                self.tell(&Event::Market(symbol, Market::Snapshot(snapshot)));
            }
            _ => {}
        }
    }
}
