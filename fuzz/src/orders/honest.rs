//! Owns the half of the target with an honest exchange behind a line that delays, reorders, repeats and loses: what is booked and
//! what the tracker says could still fill always cover what has filled and still could; and once the line is good again
//! they are equal.

use super::super::input::Input;
use phoenix_core::event::{
    ExchangeStatus, Execution, Fill, LiteFill, OrderReport, OrderUpdate, Outcome, Refusal, Reply,
    TradeReport, Why,
};
use phoenix_core::instrument::SymbolId;
use phoenix_core::order::{Amendment, Execute, NewOrder, OrderId, Owner};
use phoenix_core::orders::{OrderIds, OrderTracker};
use phoenix_core::units::{Lots, Mono, PerSide, Quote, Side, Span, Ticks, Wall};
use std::collections::{BTreeMap, BTreeSet};

const SYMBOL: SymbolId = SymbolId(3);
/// The exchange drops what arrives later than that (recvWindow), and the driver gives up an answer after it.
const WINDOW: Span = Span::from_secs(5);
const ORDERS: usize = 24;

/// An order as the exchange has it.
#[derive(Clone, Copy, Debug)]
struct Held {
    order: NewOrder,
    filled: i64,
    status: ExchangeStatus,
    /// Counts changes, as the exchange's clock does.
    version: i64,
}

#[derive(Clone, Copy, Debug)]
enum Ask {
    Place(NewOrder),
    Amend(Amendment),
    Cancel(OrderId),
    Query(OrderId),
    List,
    Position,
    Trades,
}

/// What the books made of a trade.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Booked {
    New,
    Known,
    Contained,
}

/// On its way back.
#[derive(Clone, Debug)]
enum News {
    Reply(Reply<'static>),
    Event(OrderUpdate),
    Lite(LiteFill),
    List(Vec<OrderReport>),
    /// What every order had filled, and the last trade of it.
    Position(BTreeMap<OrderId, i64>, i64),
    Trades(Vec<LiteFill>),
}

struct Scene {
    tracker: OrderTracker,
    ids: OrderIds,
    now: Mono,
    asked: Vec<(Mono, Ask)>,
    /// With the instant of the request; events have that of their making.
    news: Vec<(Mono, News)>,
    held: BTreeMap<OrderId, Held>,
    sent: Vec<NewOrder>,
    /// Booked quantity by order, the trades in it, and the last trade that a synchronised position had: the naive books.
    booked: BTreeMap<OrderId, i64>,
    seen: BTreeSet<i64>,
    contains_until: i64,
    filled_at: Mono,
    /// Every trade there was.
    trades: Vec<LiteFill>,
    trade_id: i64,
    version: i64,
}

/// Everything behind the first byte.
pub fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let mut scene = Scene {
        tracker: OrderTracker::new(SYMBOL, Span::from_secs(3)),
        ids: OrderIds::new(1),
        now: Mono(1_000_000_000),
        asked: Vec::new(),
        news: Vec::new(),
        held: BTreeMap::new(),
        sent: Vec::new(),
        booked: BTreeMap::new(),
        seen: BTreeSet::new(),
        contains_until: 0,
        filled_at: Mono::ZERO,
        trades: Vec::new(),
        trade_id: 0,
        version: 0,
    };
    while !input.is_over() {
        scene.pass(&mut input);
        match input.below(10) {
            0 | 1 => scene.act(&mut input),
            2..=4 => scene.carry_out_one(&mut input),
            5..=7 => scene.deliver_one(&mut input),
            8 => scene.trade(&mut input),
            _ => scene.wake(),
        }
        scene.check();
    }
    scene.settle();
}

const NOT_FOUND: Outcome<OrderReport> = refused(Why::NoSuchOrder);

const fn refused(why: Why) -> Outcome<OrderReport> {
    Outcome::Refused(Refusal {
        why,
        code: -1,
        retry_after: Span::ZERO,
    })
}

fn report(held: &Held) -> OrderReport {
    OrderReport {
        symbol: SYMBOL,
        owner: Owner::Ours(held.order.id),
        exchange_id: 1_000 + i64::from(held.order.id.seq),
        side: held.order.side,
        price: held.order.price,
        size: held.order.size,
        filled: Lots(held.filled),
        status: held.status,
        reduce_only: held.order.execute.is_reduce_only(),
        time: Wall(held.version),
    }
}

/// The trade as REST lists it.
const fn listed(lite: &LiteFill) -> TradeReport {
    let Owner::Ours(id) = lite.owner else {
        panic!("only ours trade")
    };
    TradeReport {
        exchange_id: 1_000 + id.seq as i64,
        side: lite.side,
        fill: Fill {
            trade_id: lite.trade_id,
            price: lite.price,
            size: lite.size,
            fee: Quote::ZERO,
            fee_other_e8: 0,
            realized: Quote::ZERO,
            maker: true,
        },
        time: lite.time,
    }
}

/// Takes one element, by the next byte.
fn take<T>(input: &mut Input<'_>, list: &mut Vec<T>) -> Option<T> {
    let at = usize::from(input.byte()) % list.len().max(1);
    (!list.is_empty()).then(|| list.remove(at))
}

impl Scene {
    fn pass(&mut self, input: &mut Input<'_>) {
        self.now = self.now.after(Span::from_millis(match input.byte() {
            0..=191 => i64::from(input.below(20)),
            192..=255 => i64::from(input.byte()) * 8,
        }));
        self.give_up();
    }

    /// What is too late is dropped by the exchange, or by the driver.
    fn give_up(&mut self) {
        let now = self.now;
        self.asked.retain(|(at, _)| now.since(*at) < WINDOW);
        self.news.retain(|(at, news)| match news {
            News::Event(_) | News::Lite(_) => true,
            News::Reply(_) | News::List(_) | News::Position(..) | News::Trades(_) => {
                now.since(*at) < WINDOW
            }
        });
    }

    /// Something is sent.
    fn act(&mut self, input: &mut Input<'_>) {
        let at = usize::from(input.byte());
        let open: Vec<_> = self.tracker.iter().copied().collect();
        let one = open.get(at % open.len().max(1)).copied();
        match (input.below(7), one) {
            (0, Some(order)) if order.can_cancel(self.now) => {
                self.tracker.on_cancel_sent(order.id, self.now);
                self.asked.push((self.now, Ask::Cancel(order.id)));
            }
            (1, Some(order)) if order.can_amend(self.now) => {
                let amendment = Amendment {
                    symbol: SYMBOL,
                    id: order.id,
                    side: order.side,
                    price: Ticks(100 + input.small() / 16),
                    size: Lots(order.filled.0 + 1 + i64::from(input.below(8))),
                    execute: order.execute,
                };
                self.tracker.on_amend_sent(&amendment, self.now);
                self.asked.push((self.now, Ask::Amend(amendment)));
            }
            (2, _) => self.asked.push((self.now, Ask::List)),
            (3, _) => self.asked.push((self.now, Ask::Position)),
            (4, _) => self.asked.push((self.now, Ask::Trades)),
            _ => self.place(input),
        }
    }

    fn place(&mut self, input: &mut Input<'_>) {
        if self.sent.len() >= ORDERS {
            return;
        }
        let order = NewOrder {
            symbol: SYMBOL,
            id: self.ids.next_id().expect("a short session"),
            side: input.pick(&Side::BOTH),
            price: Ticks(100 + input.small() / 16),
            size: Lots(1 + i64::from(input.below(8))),
            execute: Execute::PostOnly,
        };
        self.tracker.on_sent(&order, self.now).expect("room");
        self.asked.push((self.now, Ask::Place(order)));
        self.sent.push(order);
    }

    fn wake(&mut self) {
        while let Some(change) = self.tracker.poll_timeout(self.now) {
            if change.query {
                self.asked.push((self.now, Ask::Query(change.id)));
            }
        }
    }

    // ------------------------------------------------------------------ at the exchange

    fn carry_out_one(&mut self, input: &mut Input<'_>) {
        if let Some((at, ask)) = take(input, &mut self.asked) {
            let fate = input.byte();
            match fate {
                // Lost on its way there.
                0..=31 => self.answer_unknown(at, &ask),
                // Carried out, the answer lost or not understood.
                32..=63 => {
                    let before = self.news.len();
                    self.carry_out(at, ask, false);
                    self.news.retain({
                        let mut place = 0;
                        move |(_, news)| {
                            place += 1;
                            place <= before || matches!(news, News::Event(_) | News::Lite(_))
                        }
                    });
                    if fate < 48 {
                        self.answer_unknown(at, &ask);
                    }
                }
                _ => self.carry_out(at, ask, fate >= 240),
            }
        }
    }

    fn answer_unknown(&mut self, at: Mono, ask: &Ask) {
        let reply = match *ask {
            Ask::Place(order) => Reply::Place(SYMBOL, order.id, Outcome::Unknown),
            Ask::Amend(change) => Reply::Amend(SYMBOL, change.id, Outcome::Unknown),
            Ask::Cancel(id) => Reply::Cancel(SYMBOL, id, Outcome::Unknown),
            Ask::Query(id) => Reply::Query(SYMBOL, id, Outcome::Unknown),
            Ask::List | Ask::Position | Ask::Trades => return,
        };
        self.news.push((at, News::Reply(reply)));
    }

    fn carry_out(&mut self, at: Mono, ask: Ask, is_refused: bool) {
        let reply = match ask {
            Ask::Place(order) if is_refused => {
                Reply::Place(SYMBOL, order.id, refused(Why::WouldTake))
            }
            Ask::Place(order) => {
                let held = Held {
                    order,
                    filled: 0,
                    status: ExchangeStatus::New,
                    version: 0,
                };
                self.held.insert(order.id, held);
                Reply::Place(SYMBOL, order.id, self.changed(order.id, Execution::New))
            }
            Ask::Amend(change) => Reply::Amend(SYMBOL, change.id, self.amend(&change)),
            Ask::Cancel(id) => Reply::Cancel(SYMBOL, id, self.cancel(id)),
            Ask::Query(id) => {
                let found = self.held.get(&id).map(report);
                Reply::Query(SYMBOL, id, found.map_or(NOT_FOUND, Outcome::Accepted))
            }
            Ask::List => {
                let open = self.held.values().filter(|h| !h.status.is_terminal());
                let list = open.map(report).collect();
                self.news.push((at, News::List(list)));
                return;
            }
            Ask::Position => {
                let filled = self.held.iter().map(|(id, held)| (*id, held.filled));
                let news = News::Position(filled.collect(), self.trade_id);
                self.news.push((at, news));
                return;
            }
            Ask::Trades => {
                self.news.push((at, News::Trades(self.trades.clone())));
                return;
            }
        };
        self.news.push((at, News::Reply(reply)));
    }

    fn amend(&mut self, change: &Amendment) -> Outcome<OrderReport> {
        let Some(held) = self.open(change.id) else {
            return NOT_FOUND;
        };
        if (held.order.price, held.order.size) == (change.price, change.size) {
            return refused(Why::NoChange);
        }
        if change.size.0 <= held.filled {
            return self.cancel(change.id);
        }
        held.order.price = change.price;
        held.order.size = change.size;
        self.changed(change.id, Execution::Amended)
    }

    fn cancel(&mut self, id: OrderId) -> Outcome<OrderReport> {
        let Some(held) = self.open(id) else {
            return NOT_FOUND;
        };
        held.status = ExchangeStatus::Canceled;
        self.changed(id, Execution::Canceled)
    }

    fn open(&mut self, id: OrderId) -> Option<&mut Held> {
        let held = self.held.get_mut(&id)?;
        (!held.status.is_terminal()).then_some(held)
    }

    /// Tells of a change, and gives the report of it.
    fn changed(&mut self, id: OrderId, execution: Execution) -> Outcome<OrderReport> {
        self.version += 1;
        let Some(held) = self.held.get_mut(&id) else {
            return NOT_FOUND;
        };
        held.version = self.version;
        let report = report(held);
        let update = OrderUpdate {
            report,
            execution,
            fill: None,
            event_time: Wall::ZERO,
        };
        self.news.push((self.now, News::Event(update)));
        Outcome::Accepted(report)
    }

    /// Somebody trades with an order.
    fn trade(&mut self, input: &mut Input<'_>) {
        let open: Vec<OrderId> = self
            .held
            .iter()
            .filter(|(_, held)| !held.status.is_terminal())
            .map(|(id, _)| *id)
            .collect();
        let at = usize::from(input.byte());
        let Some(id) = open.get(at % open.len().max(1)).copied() else {
            return;
        };
        let part = 1 + i64::from(input.below(8));
        self.version += 1;
        self.trade_id += 1;
        let (version, trade_id) = (self.version, self.trade_id);
        let held = self.held.get_mut(&id).expect("an open order");
        let part = part.min(held.order.size.0 - held.filled);
        held.filled += part;
        held.version = version;
        held.status = match held.filled == held.order.size.0 {
            true => ExchangeStatus::Filled,
            false => ExchangeStatus::PartiallyFilled,
        };
        let report = report(held);
        let fill = Fill {
            trade_id,
            price: report.price,
            size: Lots(part),
            fee: Quote::ZERO,
            fee_other_e8: 0,
            realized: Quote::ZERO,
            maker: true,
        };
        let lite = LiteFill {
            symbol: SYMBOL,
            owner: report.owner,
            side: report.side,
            trade_id,
            price: report.price,
            size: Lots(part),
            maker: true,
            time: report.time,
        };
        let update = OrderUpdate {
            report,
            execution: Execution::Trade,
            fill: Some(fill),
            event_time: Wall::ZERO,
        };
        self.trades.push(lite);
        self.news.push((self.now, News::Lite(lite)));
        self.news.push((self.now, News::Event(update)));
    }

    // ------------------------------------------------------------------ what is heard

    fn deliver_one(&mut self, input: &mut Input<'_>) {
        let Some((at, news)) = take(input, &mut self.news) else {
            return;
        };
        match input.byte() {
            0..=23 => return,
            // Streams may repeat; an answer belongs to one request.
            24..=47 if matches!(news, News::Event(_) | News::Lite(_)) => {
                self.news.push((at, news.clone()));
            }
            24..=255 => {}
        }
        self.deliver(at, &news);
    }

    fn deliver(&mut self, at: Mono, news: &News) {
        let now = self.now;
        match news {
            News::Reply(reply) => {
                self.tracker.on_reply(reply, now);
            }
            News::Event(update) => match update.fill.map(|fill| self.book(fill.trade_id)) {
                None | Some(Booked::New) => drop(self.tracker.on_update(update, now)),
                Some(Booked::Contained) => {
                    let contained = update.report.filled;
                    self.tracker.on_update_besides_trade(update, contained, now);
                }
                Some(Booked::Known) => {
                    self.tracker
                        .on_update_besides_trade(update, Lots::ZERO, now);
                }
            },
            News::Lite(lite) => {
                if self.book(lite.trade_id) == Booked::New {
                    self.tracker.on_lite_fill(lite, now);
                }
            }
            News::List(list) => {
                self.tracker.on_open_orders(list, at, now, |_| {});
            }
            News::Trades(trades) => {
                for lite in trades {
                    if self.book(lite.trade_id) == Booked::New {
                        self.tracker.on_backfilled_trade(&listed(lite), now);
                    }
                }
            }
            // One that a fill has overtaken is read anew.
            News::Position(..) if self.filled_at >= at => {}
            News::Position(filled, trade_id) => {
                for (id, filled) in filled {
                    let booked = self.booked.entry(*id).or_default();
                    *booked = (*booked).max(*filled);
                }
                self.contains_until = self.contains_until.max(*trade_id);
                self.tracker.on_position_synced(at);
            }
        }
    }

    /// As the position does: a trade by its id, once, and none that a synchronised position contains.
    fn book(&mut self, trade_id: i64) -> Booked {
        if !self.seen.insert(trade_id) {
            return Booked::Known;
        }
        if trade_id <= self.contains_until {
            return Booked::Contained;
        }
        let trade = self.trades.iter().find(|t| t.trade_id == trade_id);
        let trade = trade.expect("only what was traded is told");
        if let Owner::Ours(id) = trade.owner {
            *self.booked.entry(id).or_default() += trade.size.0;
        }
        self.filled_at = self.now;
        Booked::New
    }

    // ------------------------------------------------------------------ what must hold

    /// What has filled and what still could, by side.
    fn reach(&self) -> PerSide<i64> {
        let mut reach = PerSide::default();
        for (id, held) in &self.held {
            let targets = self.asked.iter().filter_map(|(_, ask)| match ask {
                Ask::Amend(change) if change.id == *id => Some(change.size.0),
                _ => None,
            });
            *reach.of_mut(held.order.side) += match held.status.is_terminal() {
                true => held.filled,
                false => targets.fold(held.order.size.0, i64::max),
            };
        }
        for (_, ask) in &self.asked {
            if let Ask::Place(order) = ask {
                *reach.of_mut(order.side) += order.size.0;
            }
        }
        reach
    }

    fn covered(&self) -> PerSide<i64> {
        let exposure = self.tracker.exposure();
        let mut covered = PerSide {
            buy: exposure.buy.0,
            sell: exposure.sell.0,
        };
        for order in &self.sent {
            *covered.of_mut(order.side) += self.booked.get(&order.id).copied().unwrap_or(0);
        }
        covered
    }

    fn check(&self) {
        let (reach, covered) = (self.reach(), self.covered());
        for side in Side::BOTH {
            assert!(
                covered.of(side) >= reach.of(side),
                "{side:?}: {covered:?} does not cover {reach:?}: {:?}",
                self.tracker.iter().collect::<Vec<_>>()
            );
        }
    }

    /// The line is good from now on: everything arrives at once, and lists are asked for until nothing is in doubt.
    fn settle(&mut self) {
        for _ in 0..40 {
            self.now = self.now.after(Span::from_secs(1));
            self.give_up();
            self.wake();
            self.asked.push((self.now, Ask::List));
            self.asked.push((self.now, Ask::Position));
            for (at, ask) in std::mem::take(&mut self.asked) {
                self.carry_out(at, ask, false);
            }
            for (at, news) in std::mem::take(&mut self.news) {
                self.deliver(at, &news);
            }
            self.check();
        }
        let orders: Vec<_> = self.tracker.iter().collect();
        assert_eq!(self.tracker.unknown_count(), 0, "{orders:?}");
        assert_eq!(self.covered(), self.reach(), "{orders:?}");
    }
}
