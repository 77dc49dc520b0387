//! A toy exchange of one symbol: a book around a touch, post-only orders, reduce-only takers, fills by price.

use crate::event::{
    BookTicker, ExchangeStatus, Execution, Fill, Level, OrderReport, OrderUpdate, TradeReport,
};
use crate::instrument::SymbolId;
use crate::order::{Amendment, Execute, NewOrder, OrderId, Owner};
use crate::units::{Lots, Mono, Quote, Side, Ticks, Wall};
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

/// Levels a side, a tick apart.
const LEVELS: i64 = 5;

#[derive(Clone, Copy, Debug)]
pub struct Resting {
    pub report: OrderReport,
    pub execute: Execute,
}

#[derive(Clone, Debug)]
pub struct Venue {
    pub symbol: SymbolId,
    pub bid: i64,
    pub ask: i64,
    pub sizes: i64,
    /// By how many ticks the touch that REST shows differs from that of the streams.
    pub rest_shift: i64,
    pub update_id: i64,
    /// `u` of the last message sent.
    pub sent_id: i64,
    sent: [BTreeMap<i64, i64>; 2],
    pub orders: Vec<Resting>,
    pub ended: Vec<OrderReport>,
    pub position: i64,
    pub trades: Vec<TradeReport>,
    pub dead_man_at: Option<Mono>,
    pub arms: u32,
    next_exchange_id: i64,
    pub next_trade_id: i64,
}

/// A depth message with its own memory.
#[derive(Clone, Debug)]
pub struct Depth {
    pub first_id: i64,
    pub last_id: i64,
    pub prev_id: i64,
    pub bids: Vec<Level>,
    pub asks: Vec<Level>,
}

const fn level((price, size): (i64, i64)) -> Level {
    Level {
        price: Ticks(price),
        size: Lots(size),
    }
}

impl Venue {
    pub fn new(symbol: SymbolId) -> Self {
        Self {
            symbol,
            bid: 250_000,
            ask: 250_001,
            sizes: 100,
            rest_shift: 0,
            update_id: 1_000,
            sent_id: 1_000,
            sent: [BTreeMap::new(), BTreeMap::new()],
            orders: Vec::new(),
            ended: Vec::new(),
            position: 0,
            trades: Vec::new(),
            dead_man_at: None,
            arms: 0,
            next_exchange_id: 1,
            next_trade_id: 500,
        }
    }

    fn sides(&self) -> [BTreeMap<i64, i64>; 2] {
        let bids = (0..LEVELS).map(|i| (self.bid - i, self.sizes)).collect();
        let asks = (0..LEVELS).map(|i| (self.ask + i, self.sizes)).collect();
        [bids, asks]
    }

    /// The next message of the stream: what changed since the last.
    pub fn next_depth(&mut self) -> Depth {
        self.sizes = 100 + (self.sizes + 1) % 7;
        let now = self.sides();
        let changes = |old: &BTreeMap<i64, i64>, new: &BTreeMap<i64, i64>| {
            let gone = old.keys().filter(|p| !new.contains_key(p)).map(|p| (*p, 0));
            let set = new.iter().map(|(p, s)| (*p, *s));
            gone.chain(set).map(level).collect::<Vec<_>>()
        };
        let (bids, asks) = (
            changes(&self.sent[0], &now[0]),
            changes(&self.sent[1], &now[1]),
        );
        let prev_id = self.sent_id;
        self.update_id += 3;
        self.sent_id = self.update_id;
        self.sent = now;
        Depth {
            first_id: prev_id + 1,
            last_id: self.sent_id,
            prev_id,
            bids,
            asks,
        }
    }

    /// Best first, as of the last message sent.
    pub fn snapshot(&self) -> (i64, Vec<Level>, Vec<Level>) {
        let bids = self.sent[0].iter().rev().map(|(p, s)| level((*p, *s)));
        let asks = self.sent[1].iter().map(|(p, s)| level((*p, *s)));
        (self.sent_id, bids.collect(), asks.collect())
    }

    pub fn ticker(&self, update_id: i64) -> BookTicker {
        BookTicker {
            update_id,
            event_time: Wall(0),
            bid: level((self.bid, self.sizes)),
            ask: level((self.ask, self.sizes)),
        }
    }

    /// The touch by REST, which may be another than that of the streams.
    pub fn shown_by_rest(&self) -> BookTicker {
        let mut ticker = self.ticker(0);
        ticker.bid.price.0 += self.rest_shift;
        ticker.ask.price.0 += self.rest_shift;
        ticker
    }

    pub fn find(&self, id: OrderId) -> Option<&Resting> {
        self.orders
            .iter()
            .find(|o| o.report.owner == Owner::Ours(id))
    }

    pub fn report_of(&self, id: OrderId) -> Option<OrderReport> {
        let open = self.find(id).map(|o| o.report);
        let ended = self.ended.iter().rev().find(|r| r.owner == Owner::Ours(id));
        open.or(ended.copied())
    }

    /// Puts an order there without asking anybody.
    pub fn put(&mut self, owner: Owner, side: Side, price: i64, size: i64) -> OrderReport {
        let exchange_id = self.next_exchange_id;
        self.next_exchange_id += 1;
        let report = OrderReport {
            symbol: self.symbol,
            owner,
            exchange_id,
            side,
            price: Ticks(price),
            size: Lots(size),
            filled: Lots(0),
            status: ExchangeStatus::New,
            reduce_only: false,
            time: Wall(0),
        };
        self.orders.push(Resting {
            report,
            execute: Execute::PostOnly,
        });
        report
    }

    pub const fn crosses(&self, side: Side, price: Ticks) -> bool {
        match side {
            Side::Buy => price.0 >= self.ask,
            Side::Sell => price.0 <= self.bid,
        }
    }

    /// Rests an order, or takes; `None` when post-only refuses it. Events come with it.
    pub fn place(
        &mut self,
        order: &NewOrder,
        wall: Wall,
    ) -> Option<(OrderReport, Vec<OrderUpdate>)> {
        let takes = order.execute == Execute::TakeReduce;
        if !takes && self.crosses(order.side, order.price) {
            return None;
        }
        let owner = Owner::Ours(order.id);
        let mut report = self.put(owner, order.side, order.price.0, order.size.0);
        report.time = wall;
        report.reduce_only = order.execute.is_reduce_only();
        let mut events = Vec::new();
        if let Some(last) = self.orders.last_mut() {
            last.execute = order.execute;
            last.report = report;
        }
        events.push(event(report, Execution::New, None));
        if takes {
            let room = (-order.side.sign() * self.position).max(0);
            let size = order.size.0.min(room);
            if self.crosses(order.side, order.price) && size > 0 {
                let price = match order.side {
                    Side::Buy => self.ask,
                    Side::Sell => self.bid,
                };
                events.extend(self.fill(order.id, size, Some(price), wall));
            }
            events.extend(self.end(owner, ExchangeStatus::Expired, wall));
            if let Some(last) = self.report_of(order.id) {
                report = last;
            }
        }
        Some((report, events))
    }

    pub fn amend(
        &mut self,
        amendment: &Amendment,
        wall: Wall,
    ) -> Option<(OrderReport, OrderUpdate)> {
        let owner = Owner::Ours(amendment.id);
        let order = self.orders.iter_mut().find(|o| o.report.owner == owner)?;
        order.report.price = amendment.price;
        order.report.size = amendment.size;
        order.report.time = wall;
        let report = order.report;
        Some((report, event(report, Execution::Amended, None)))
    }

    /// Ends an order; `None` when it does not rest.
    pub fn end(&mut self, owner: Owner, status: ExchangeStatus, wall: Wall) -> Option<OrderUpdate> {
        let at = self.orders.iter().position(|o| o.report.owner == owner)?;
        let mut report = self.orders.remove(at).report;
        report.status = status;
        report.time = wall;
        self.ended.push(report);
        let execution = match status {
            ExchangeStatus::Canceled => Execution::Canceled,
            _ => Execution::Expired,
        };
        Some(event(report, execution, None))
    }

    pub fn cancel_all(&mut self, wall: Wall) -> Vec<OrderUpdate> {
        let owners: Vec<_> = self.orders.iter().map(|o| o.report.owner).collect();
        owners
            .into_iter()
            .filter_map(|owner| self.end(owner, ExchangeStatus::Canceled, wall))
            .collect()
    }

    /// Fills up to `size` of an order at its own price, or at `price`.
    pub fn fill(
        &mut self,
        id: OrderId,
        size: i64,
        price: Option<i64>,
        wall: Wall,
    ) -> Option<OrderUpdate> {
        let owner = Owner::Ours(id);
        let at = self.orders.iter().position(|o| o.report.owner == owner)?;
        let report = &mut self.orders[at].report;
        let size = size.min(report.size.0 - report.filled.0);
        report.filled += Lots(size);
        report.time = wall;
        report.status = match report.filled == report.size {
            true => ExchangeStatus::Filled,
            false => ExchangeStatus::PartiallyFilled,
        };
        let report = *report;
        let trade_id = self.next_trade_id;
        self.next_trade_id += 1;
        let fill = Fill {
            trade_id,
            price: Ticks(price.unwrap_or(report.price.0)),
            size: Lots(size),
            fee: Quote(-size),
            fee_other_e8: 0,
            realized: Quote::ZERO,
            maker: price.is_none(),
        };
        self.position += report.side.sign() * size;
        self.trades.push(TradeReport {
            exchange_id: report.exchange_id,
            side: report.side,
            fill,
            time: wall,
        });
        if report.status == ExchangeStatus::Filled {
            self.orders.remove(at);
            self.ended.push(report);
        }
        Some(event(report, Execution::Trade, Some(fill)))
    }
}

pub const fn event(report: OrderReport, execution: Execution, fill: Option<Fill>) -> OrderUpdate {
    OrderUpdate {
        report,
        execution,
        fill,
        event_time: report.time,
    }
}
