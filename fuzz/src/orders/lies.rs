//! Owns the half of the target in which anything is reported: what is filled never becomes less, what the exchange ended stays ended,
//! and the sums are those of first principles; nothing panics.

use super::super::input::Input;
use super::super::reports;
use phoenix_core::event::{LiteFill, OrderReport, OrderUpdate, Outcome, Reply, TradeReport};
use phoenix_core::instrument::SymbolId;
use phoenix_core::order::{Amendment, Execute, NewOrder, OrderId, Owner};
use phoenix_core::orders::state::{End, Order, OrderState};
use phoenix_core::orders::{ORDERS_MAX, OrderIds, OrderTracker};
use phoenix_core::units::{Lots, Mono, Span, Wall};
use std::collections::BTreeMap;

const SYMBOL: SymbolId = SymbolId(3);

/// What was known of an order: the filled quantity, and how it ended by the exchange's word.
type Known = (Lots, Option<End>);

struct Scene {
    tracker: OrderTracker,
    ids: OrderIds,
    sent: Vec<OrderId>,
    known: BTreeMap<OrderId, Known>,
    now: Mono,
}

/// Everything behind the first byte.
pub fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let mut scene = Scene {
        tracker: OrderTracker::new(SYMBOL, Span::from_secs(3)),
        ids: OrderIds::new(1),
        sent: Vec::new(),
        known: BTreeMap::new(),
        now: Mono(1_000_000_000),
    };
    while !input.is_over() {
        scene.now = scene.now.after(Span::from_millis(match input.byte() {
            0..=199 => i64::from(input.below(50)),
            200..=255 => input.word() / 4,
        }));
        match input.below(8) {
            0 => scene.send(&mut input),
            1 => scene.ask(&mut input),
            2 | 3 => scene.answer(&mut input),
            4 | 5 => scene.tell(&mut input),
            6 => scene.list(&mut input),
            _ => scene.wake(),
        }
        scene.check();
    }
}

impl Scene {
    /// One of ours, or an id that was never sent.
    fn id(&self, input: &mut Input<'_>) -> OrderId {
        let at = usize::from(input.byte());
        match self.sent.get(at % self.sent.len().max(1)) {
            Some(id) if at < 250 => *id,
            Some(_) | None => OrderId {
                session: 1,
                seq: 1_000_000 + u32::from(input.below(4)),
            },
        }
    }

    fn report(&self, input: &mut Input<'_>) -> OrderReport {
        let owner = match input.byte() {
            0..=239 => Owner::Ours(self.id(input)),
            240..=247 => Owner::OtherInstance,
            248..=255 => Owner::Foreign,
        };
        let any = reports::report(input, SYMBOL, owner);
        // Mostly what the order is known to be, so that something comes of it.
        let known = match owner {
            Owner::Ours(id) => self.tracker.order(id),
            Owner::OtherInstance | Owner::Foreign => None,
        };
        match known {
            Some(order) if input.byte() < 200 => OrderReport {
                side: order.side,
                price: order.price_wanted(),
                size: order.size_wanted(),
                filled: Lots((order.filled.0 + i64::from(input.below(4))).min(order.size.0)),
                ..any
            },
            Some(_) | None => any,
        }
    }

    fn send(&mut self, input: &mut Input<'_>) {
        let id = self.ids.next_id().expect("a short session");
        let order = NewOrder {
            symbol: SYMBOL,
            id,
            side: reports::side(input),
            price: reports::price(input),
            size: Lots(1 + i64::from(input.byte())),
            execute: input.pick(&[
                Execute::PostOnly,
                Execute::PostOnlyReduce,
                Execute::TakeReduce,
            ]),
        };
        let had_room = self.tracker.has_room();
        assert_eq!(self.tracker.on_sent(&order, self.now).is_ok(), had_room);
        if had_room {
            self.sent.push(id);
        }
    }

    fn ask(&mut self, input: &mut Input<'_>) {
        let id = self.id(input);
        match input.below(4) {
            0 => self.tracker.on_cancel_all_sent(self.now),
            1 => {
                let outcome = reports::outcome(input, |_| ());
                self.tracker.on_cancel_all_reply(&outcome, self.now);
            }
            2 => self.tracker.on_cancel_sent(id, self.now),
            _ => {
                let order = self.tracker.order(id).copied();
                if let Some(order) = order.filter(|o| o.can_amend(self.now)) {
                    let amendment = Amendment {
                        symbol: SYMBOL,
                        id,
                        side: order.side,
                        price: reports::price(input),
                        size: Lots(1 + i64::from(input.byte())),
                        execute: order.execute,
                    };
                    self.tracker.on_amend_sent(&amendment, self.now);
                }
            }
        }
    }

    fn answer(&mut self, input: &mut Input<'_>) {
        let id = self.id(input);
        let kind = input.below(4);
        let outcome: Outcome<OrderReport> = reports::outcome(input, |input| self.report(input));
        let reply = match kind {
            0 => Reply::Place(SYMBOL, id, outcome),
            1 => Reply::Amend(SYMBOL, id, outcome),
            2 => Reply::Cancel(SYMBOL, id, outcome),
            _ => Reply::Query(SYMBOL, id, outcome),
        };
        if let Some(change) = self.tracker.on_reply(&reply, self.now) {
            assert!(!change.filled.is_negative() && !change.booked.is_negative());
        }
    }

    fn tell(&mut self, input: &mut Input<'_>) {
        let report = self.report(input);
        let change = match input.below(4) {
            0 => self.tracker.on_lite_fill(
                &LiteFill {
                    symbol: SYMBOL,
                    owner: report.owner,
                    side: report.side,
                    trade_id: input.number(i64::MAX),
                    price: report.price,
                    size: reports::size(input),
                    maker: true,
                    time: report.time,
                },
                self.now,
            ),
            1 => self.tracker.on_backfilled_trade(
                &TradeReport {
                    exchange_id: report.exchange_id,
                    side: report.side,
                    fill: reports::fill(input),
                    time: report.time,
                },
                self.now,
            ),
            _ => self.tracker.on_update(
                &OrderUpdate {
                    report,
                    execution: reports::execution(input),
                    fill: input.is_even().then(|| reports::fill(input)),
                    event_time: Wall::ZERO,
                },
                self.now,
            ),
        };
        if let Some(change) = change {
            assert!(!change.filled.is_negative() && !change.booked.is_negative());
        }
    }

    fn list(&mut self, input: &mut Input<'_>) {
        let asked = Mono(self.now.0 - Span::from_millis(input.word() / 16).0);
        if input.byte() < 64 {
            self.tracker.on_position_synced(asked);
            return;
        }
        let count = input.below(4);
        let listed: Vec<OrderReport> = (0..count).map(|_| self.report(input)).collect();
        let _ = self
            .tracker
            .on_open_orders(&listed, asked, self.now, |_| {});
    }

    fn wake(&mut self) {
        let mut said = 0;
        while let Some(change) = self.tracker.poll_timeout(self.now) {
            said += 1;
            assert!(said <= 2 * ORDERS_MAX, "no progress: {change:?}");
        }
        let next = self.tracker.next_timeout();
        assert!(next.is_none_or(|at| at > self.now), "{next:?}");
    }

    fn check(&mut self) {
        let tracker = &self.tracker;
        assert!(tracker.open_count() <= ORDERS_MAX);
        assert_eq!(tracker.exposure_by_kind(), tracker.exposure_recomputed());
        let exposure = tracker.exposure();
        assert!(!exposure.buy.is_negative() && !exposure.sell.is_negative());
        for id in &self.sent {
            let Some(order) = tracker.order(*id).or(tracker.tombstone(*id)) else {
                // A forgotten one may be found anew.
                self.known.remove(id);
                continue;
            };
            check_order(order, self.known.get(id));
            let end = order.end().filter(|end| matches!(end, End::Final(_)));
            self.known.insert(*id, (order.filled, end));
        }
    }
}

fn check_order(order: &Order, known: Option<&Known>) {
    let is_done = order.state() == OrderState::Done;
    assert_eq!(is_done, order.end().is_some());
    assert!(!order.remaining().is_negative() && !order.exposure().is_negative());
    // What a synchronised position contains already cannot reach it again.
    let covered = i128::from(order.exposure().0) + i128::from(order.booked.0);
    let reach = i128::from(order.filled.0) + i128::from(order.remaining().0);
    assert!(is_done || covered >= reach, "{order:?}");
    let Some((filled, end)) = known else { return };
    assert!(order.filled >= *filled, "filled decreased: {order:?}");
    assert!(end.is_none() || order.end() == *end, "came back: {order:?}");
}
