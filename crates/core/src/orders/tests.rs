use super::*;
use crate::event::{ExchangeStatus, Execution, Fill, Refusal, Why};
use crate::order::Execute;
use crate::units::{Quote, Ticks, Wall};
use proptest::prelude::*;

const SYMBOL: SymbolId = SymbolId(3);
const TIMEOUT: Span = Span::from_secs(3);

fn id(seq: u32) -> OrderId {
    OrderId { session: 1, seq }
}

fn at(ms: i64) -> Mono {
    Mono(0).after(Span::from_millis(ms))
}

fn new_order(seq: u32, side: Side, price: i64, size: i64) -> NewOrder {
    NewOrder {
        symbol: SYMBOL,
        id: id(seq),
        side,
        price: Ticks(price),
        size: Lots(size),
        execute: Execute::PostOnly,
    }
}

fn report(order: &NewOrder, status: ExchangeStatus, filled: i64) -> OrderReport {
    OrderReport {
        symbol: SYMBOL,
        owner: Owner::Ours(order.id),
        exchange_id: 1_000 + i64::from(order.id.seq),
        side: order.side,
        price: order.price,
        size: order.size,
        filled: Lots(filled),
        status,
        reduce_only: false,
        time: Wall(1),
    }
}

fn accepted(order: &NewOrder) -> Reply<'static> {
    let report = report(order, ExchangeStatus::New, 0);
    Reply::Place(SYMBOL, order.id, Outcome::Accepted(report))
}

fn refused(why: Why) -> Outcome<OrderReport> {
    Outcome::Refused(Refusal {
        why,
        code: -1,
        retry_after: Span::ZERO,
    })
}

fn trade(order: &NewOrder, trade_id: i64, size: i64, filled: i64) -> OrderUpdate {
    let status = match filled == order.size.0 {
        true => ExchangeStatus::Filled,
        false => ExchangeStatus::PartiallyFilled,
    };
    OrderUpdate {
        report: report(order, status, filled),
        execution: Execution::Trade,
        fill: Some(Fill {
            trade_id,
            price: order.price,
            size: Lots(size),
            fee: Quote::ZERO,
            fee_other_e8: 0,
            realized: Quote::ZERO,
            maker: true,
        }),
        event_time: Wall(1),
    }
}

fn tracker(orders: &[NewOrder]) -> OrderTracker {
    let mut tracker = OrderTracker::new(SYMBOL, TIMEOUT);
    for order in orders {
        tracker.on_sent(order, at(0)).expect("room");
        tracker.on_reply(&accepted(order), at(1)).expect("tracked");
    }
    tracker
}

#[test]
fn orders_of_a_side_are_listed_from_the_touch_outward_whatever_the_order_of_sending() {
    let prices = [95, 99, 97];
    let mut all = Vec::new();
    for (seq, price) in (1..).zip(prices) {
        all.push(new_order(seq, Side::Buy, price, 1));
        all.push(new_order(seq + 10, Side::Sell, 200 - price, 1));
    }
    let t = tracker(&all);
    let listed = |side| t.side(side).iter().map(|o| o.price.0).collect::<Vec<_>>();
    assert_eq!(listed(Side::Buy), [99, 97, 95]);
    assert_eq!(listed(Side::Sell), [101, 103, 105]);
}

#[test]
fn an_amended_order_moves_to_its_new_rank_when_the_amendment_is_sent() {
    let (a, b) = (
        new_order(1, Side::Buy, 99, 1),
        new_order(2, Side::Buy, 98, 1),
    );
    let mut t = tracker(&[a, b]);
    let amendment = Amendment {
        symbol: SYMBOL,
        id: id(1),
        side: Side::Buy,
        price: Ticks(97),
        size: Lots(4),
        execute: Execute::PostOnly,
    };
    t.on_amend_sent(&amendment, at(10));
    assert_eq!(t.side(Side::Buy).first().map(|o| o.id), Some(id(2)));
    assert_eq!(t.exposure().buy, Lots(5));
    t.on_reply(&Reply::Amend(SYMBOL, id(1), refused(Why::Rejected)), at(20));
    assert_eq!(t.side(Side::Buy).first().map(|o| o.id), Some(id(1)));
    assert_eq!(t.exposure().buy, Lots(2));
}

#[test]
fn a_filled_order_leaves_the_list_and_late_events_do_not_bring_it_back() {
    let order = new_order(1, Side::Sell, 101, 5);
    let mut t = tracker(&[order]);
    let change = t
        .on_update(&trade(&order, 9, 5, 5), at(5))
        .expect("tracked");
    assert_eq!(
        (change.to, change.filled, change.booked),
        (OrderState::Done, Lots(5), Lots(5))
    );
    assert_eq!((t.open_count(), t.exposure().sell), (0, Lots(0)));
    let late = OrderUpdate {
        execution: Execution::New,
        fill: None,
        ..trade(&order, 9, 5, 0)
    };
    let change = t.on_update(&late, at(6)).expect("remembered");
    assert_eq!((change.to, change.filled), (OrderState::Done, Lots(0)));
    assert_eq!(t.open_count(), 0);
}

#[test]
fn an_order_taken_for_never_placed_counts_again_when_an_event_shows_it() {
    // F9 (c): the answer was unknown and the order appeared after we had given it up.
    let order = new_order(1, Side::Buy, 99, 5);
    let mut t = OrderTracker::new(SYMBOL, TIMEOUT);
    t.on_sent(&order, at(0)).expect("room");
    t.on_reply(&Reply::Place(SYMBOL, id(1), Outcome::Unknown), at(100));
    t.on_reply(
        &Reply::Query(SYMBOL, id(1), refused(Why::NoSuchOrder)),
        at(6_000),
    );
    assert_eq!((t.open_count(), t.exposure().buy), (0, Lots(0)));
    let shown = OrderUpdate {
        report: report(&order, ExchangeStatus::New, 0),
        execution: Execution::New,
        fill: None,
        event_time: Wall(1),
    };
    let change = t.on_update(&shown, at(7_000)).expect("remembered");
    assert_eq!(change.to, OrderState::Unknown);
    assert_eq!((t.open_count(), t.exposure().buy), (1, Lots(5)));
}

#[test]
fn unanswered_requests_are_asked_for_a_few_at_a_time_until_all_are_settled() {
    let mut t = OrderTracker::new(SYMBOL, TIMEOUT);
    for seq in 1..=36 {
        t.on_sent(&new_order(seq, Side::Buy, i64::from(seq), 1), at(0))
            .expect("room");
    }
    assert_eq!(t.next_timeout(), Some(at(3_000)));
    let mut queries = 0;
    while let Some(due) = t.next_timeout() {
        let mut asked = Vec::new();
        while let Some(change) = t.poll_timeout(due) {
            asked.extend(change.query.then_some(change.id));
        }
        assert!(asked.len() <= QUERIES_MAX);
        queries += asked.len();
        for id in asked {
            let answer = Reply::Query(SYMBOL, id, refused(Why::NoSuchOrder));
            t.on_reply(&answer, due.after(Span::from_millis(50)));
        }
        assert!(due < at(9_000), "still in doubt: {}", t.unknown_count());
    }
    assert_eq!((t.open_count(), t.exposure().buy), (0, Lots(0)));
    assert!(queries <= 36 * 4, "{queries} queries");
}

#[test]
fn queries_that_are_never_answered_are_repeated_forever_at_a_bounded_rate() {
    let mut t = OrderTracker::new(SYMBOL, TIMEOUT);
    for seq in 1..=36 {
        t.on_sent(&new_order(seq, Side::Buy, i64::from(seq), 1), at(0))
            .expect("room");
    }
    let mut queries = 0;
    while let Some(due) = t.next_timeout().filter(|due| *due < at(600_000)) {
        while let Some(change) = t.poll_timeout(due) {
            queries += usize::from(change.query);
        }
    }
    assert!((100..=1_200).contains(&queries), "{queries} in ten minutes");
    assert_eq!(t.exposure().buy, Lots(36));
}

#[test]
fn at_the_bound_nothing_is_tracked_and_the_caller_is_told() {
    let mut t = OrderTracker::new(SYMBOL, TIMEOUT);
    for seq in 1..=u32::try_from(ORDERS_MAX).expect("small") {
        assert_eq!(t.on_sent(&new_order(seq, Side::Buy, 1, 1), at(0)), Ok(()));
    }
    assert!(!t.has_room());
    let one_more = new_order(9_999, Side::Buy, 1, 1);
    assert_eq!(t.on_sent(&one_more, at(0)), Err(Full));
    assert_eq!(
        t.adopt(&report(&one_more, ExchangeStatus::New, 0), at(0)),
        Err(Full)
    );
}

#[test]
fn forgotten_tombstones_keep_counting_what_was_filled_without_a_trade() {
    let mut t = OrderTracker::new(SYMBOL, TIMEOUT);
    let rounds = u32::try_from(TOMBSTONES_MAX).expect("small") + 10;
    for seq in 1..=rounds {
        let order = new_order(seq, Side::Buy, 99, 4);
        t.on_sent(&order, at(0)).expect("room");
        let gone = report(&order, ExchangeStatus::Canceled, 1);
        t.on_reply(
            &Reply::Query(SYMBOL, id(seq), Outcome::Accepted(gone)),
            at(10),
        );
    }
    assert_eq!(t.exposure().buy, Lots(i64::from(rounds)));
    assert_eq!(t.oldest_unbooked(), Some(at(10)));
    t.on_position_synced(at(10));
    assert_eq!((t.exposure().buy, t.oldest_unbooked()), (Lots(0), None));
}

#[test]
fn a_back_filled_trade_finds_its_order_by_the_exchange_id() {
    let order = new_order(1, Side::Buy, 99, 4);
    let mut t = tracker(&[order]);
    let gone = report(&order, ExchangeStatus::Canceled, 3);
    t.on_reply(
        &Reply::Query(SYMBOL, id(1), Outcome::Accepted(gone)),
        at(10),
    );
    assert_eq!(t.exposure().buy, Lots(3));
    let fill = trade(&order, 5, 3, 3).fill.expect("a trade");
    let found = TradeReport {
        exchange_id: 1_001,
        side: Side::Buy,
        fill,
        time: Wall(1),
    };
    assert!(t.on_backfilled_trade(&found, at(20)).is_some());
    assert_eq!(t.exposure().buy, Lots(0));
}

#[test]
fn cancel_all_marks_confirmed_orders_and_a_refusal_takes_it_back() {
    let mut t = tracker(&[
        new_order(1, Side::Buy, 99, 1),
        new_order(2, Side::Sell, 101, 1),
    ]);
    t.on_sent(&new_order(3, Side::Sell, 102, 1), at(5))
        .expect("room");
    t.on_cancel_all_sent(at(6));
    let states = |t: &OrderTracker| t.iter().map(Order::state).collect::<Vec<_>>();
    use OrderState::{Canceling, Live, Placing};
    assert_eq!(states(&t), [Canceling, Canceling, Placing]);
    assert_eq!(t.resting_count(Side::Buy), 0);
    let no = Outcome::Refused(Refusal {
        why: Why::NotSent,
        code: 0,
        retry_after: Span::ZERO,
    });
    t.on_cancel_all_reply(&no, at(7));
    assert_eq!(states(&t), [Live, Live, Placing]);
}

#[test]
fn orders_whose_events_do_not_follow_a_confirmed_cancel_all_are_asked_for_soon() {
    let mut t = tracker(&[new_order(1, Side::Buy, 99, 1)]);
    t.on_cancel_all_sent(at(10));
    t.on_cancel_all_reply(&Outcome::Accepted(()), at(20));
    assert_eq!(t.next_timeout(), Some(at(520)));
    assert!(t.poll_timeout(at(520)).is_some_and(|change| change.query));
}

#[test]
fn ids_never_repeat_and_run_out_instead_of_wrapping() {
    let mut ids = OrderIds::new(4);
    assert_eq!(ids.next_id(), Some(OrderId { session: 4, seq: 1 }));
    ids.seq = u32::MAX - 1;
    assert!(ids.next_id().is_some());
    assert_eq!(ids.next_id(), None);
}

/// The exchange as a naive model: what truly rests and has filled, however the news of it travel.
#[derive(Clone, Debug, Default)]
struct Truth {
    orders: Vec<(NewOrder, i64, bool)>,
}

#[derive(Clone, Copy, Debug)]
enum Step {
    /// Sends an order; whether the exchange gets it, and whether its answer arrives.
    Place {
        buy: bool,
        price: i64,
        size: i64,
        arrives: bool,
        answered: bool,
    },
    /// Fills some of an order; whether the event arrives, and twice.
    Fill {
        which: usize,
        size: i64,
        times: usize,
    },
    /// Cancels an order; whether the exchange gets it, and how the answer arrives.
    Cancel {
        which: usize,
        arrives: bool,
        answered: bool,
    },
    /// Time passes, and queries are answered from the truth, or not.
    Wait { ms: i64, answered: bool },
}

fn step() -> impl Strategy<Value = Step> {
    let yes = prop::bool::weighted(0.8);
    prop_oneof![
        (any::<bool>(), 90..110_i64, 1..9_i64, yes, yes).prop_map(
            |(buy, price, size, arrives, answered)| Step::Place {
                buy,
                price,
                size,
                arrives,
                answered
            }
        ),
        (0..8_usize, 1..9_i64, 0..3_usize).prop_map(|(which, size, times)| Step::Fill {
            which,
            size,
            times
        }),
        (0..8_usize, yes, yes).prop_map(|(which, arrives, answered)| {
            Step::Cancel {
                which,
                arrives,
                answered,
            }
        }),
        (1..4_000_i64, yes).prop_map(|(ms, answered)| Step::Wait { ms, answered }),
    ]
}

struct World {
    tracker: OrderTracker,
    truth: Truth,
    /// Signed quantity of the trades delivered: what the position would be.
    booked: PerSide<i64>,
    now: Mono,
    seq: u32,
    trade_id: i64,
}

impl World {
    fn report(&self, i: usize) -> OrderReport {
        let (order, filled, open) = self.truth.orders[i];
        let status = match (open, filled) {
            (false, f) if f == order.size.0 => ExchangeStatus::Filled,
            (false, _) => ExchangeStatus::Canceled,
            (true, 0) => ExchangeStatus::New,
            (true, _) => ExchangeStatus::PartiallyFilled,
        };
        report(&order, status, filled)
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Place {
                buy,
                price,
                size,
                arrives,
                answered,
            } => {
                self.seq += 1;
                let side = if buy { Side::Buy } else { Side::Sell };
                let order = new_order(self.seq, side, price, size);
                self.tracker.on_sent(&order, self.now).expect("room");
                if arrives {
                    self.truth.orders.push((order, 0, true));
                }
                let outcome = match (answered, arrives) {
                    (true, true) => Outcome::Accepted(report(&order, ExchangeStatus::New, 0)),
                    (true, false) => refused(Why::WouldTake),
                    (false, _) => Outcome::Unknown,
                };
                self.tracker
                    .on_reply(&Reply::Place(SYMBOL, order.id, outcome), self.now);
            }
            Step::Fill { which, size, times } => {
                let Some(entry) = self.truth.orders.get_mut(which).filter(|e| e.2) else {
                    return;
                };
                let size = size.min(entry.0.size.0 - entry.1);
                entry.1 += size;
                entry.2 = entry.1 < entry.0.size.0;
                let (order, filled) = (entry.0, entry.1);
                self.trade_id += 1;
                for _ in 0..times {
                    let update = trade(&order, self.trade_id, size, filled);
                    let change = self.tracker.on_update(&update, self.now).expect("tracked");
                    *self.booked.of_mut(order.side) += change.booked.0;
                }
            }
            Step::Cancel {
                which,
                arrives,
                answered,
            } => {
                let Some(entry) = self.truth.orders.get_mut(which) else {
                    return;
                };
                let id = entry.0.id;
                let was_open = entry.2;
                if arrives {
                    entry.2 = false;
                }
                self.tracker.on_cancel_sent(id, self.now);
                let outcome = match (answered, arrives, was_open) {
                    (true, true, true) => Outcome::Accepted(self.report(which)),
                    (true, true, false) => refused(Why::NoSuchOrder),
                    (true, false, _) => refused(Why::NotSent),
                    (false, ..) => Outcome::Unknown,
                };
                self.tracker
                    .on_reply(&Reply::Cancel(SYMBOL, id, outcome), self.now);
            }
            Step::Wait { ms, answered } => {
                self.now = self.now.after(Span::from_millis(ms));
                self.settle(answered);
            }
        }
    }

    fn settle(&mut self, answered: bool) {
        while let Some(change) = self.tracker.poll_timeout(self.now) {
            if !change.query {
                continue;
            }
            let found = self.truth.orders.iter().position(|e| e.0.id == change.id);
            let outcome = match (answered, found) {
                (false, _) => Outcome::Unknown,
                (true, Some(i)) => Outcome::Accepted(self.report(i)),
                (true, None) => refused(Why::NoSuchOrder),
            };
            self.tracker
                .on_reply(&Reply::Query(SYMBOL, change.id, outcome), self.now);
        }
    }

    /// No more can be added to the position than exposure says: what rests, and what filled unbooked.
    fn check(&self) {
        for side in Side::BOTH {
            let of_side = || self.truth.orders.iter().filter(|e| e.0.side == side);
            let open: i64 = of_side().filter(|e| e.2).map(|e| e.0.size.0 - e.1).sum();
            let filled: i64 = of_side().map(|e| e.1).sum();
            let could = open + filled - self.booked.of(side);
            let says = self.tracker.exposure().of(side).0;
            assert!(
                says >= could,
                "{side:?}: exposure {says} < possible {could}"
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn exposure_never_falls_short_of_what_can_still_reach_the_position(
        steps in prop::collection::vec(step(), 1..60),
    ) {
        let mut world = World {
            tracker: OrderTracker::new(SYMBOL, TIMEOUT),
            truth: Truth::default(),
            booked: PerSide::default(),
            now: at(0),
            seq: 0,
            trade_id: 0,
        };
        for step in steps {
            world.take(step);
            world.check();
        }
        // Faults end: every doubt ends, and after a position sync exposure is exactly what rests.
        for _ in 0..40 {
            world.take(Step::Wait { ms: 1_000, answered: true });
            world.check();
        }
        prop_assert_eq!(world.tracker.unknown_count(), 0);
        let open = world.truth.orders.iter().filter(|e| e.2).count();
        // Orders whose every event was lost still stand as live: reconciliation finds those.
        prop_assert!(world.tracker.open_count() >= open);
    }
}

#[test]
fn reduce_only_exposure_is_told_apart() {
    let mut t = tracker(&[new_order(1, Side::Sell, 101, 3)]);
    let reducing = NewOrder {
        execute: Execute::PostOnlyReduce,
        ..new_order(2, Side::Sell, 102, 4)
    };
    t.on_sent(&reducing, at(5)).expect("room");
    let expected = Exposure {
        plain: Lots(3),
        reduce_only: Lots(4),
    };
    assert_eq!(t.exposure_by_kind().sell, expected);
    assert_eq!((t.exposure().sell, expected.total()), (Lots(7), Lots(7)));
}

#[test]
fn the_digest_tells_states_apart_and_repeats_for_equal_ones() {
    let digest = |t: &OrderTracker| {
        let mut digest = Digest::default();
        t.digest(&mut digest);
        digest.finish()
    };
    let order = new_order(1, Side::Sell, 101, 3);
    let (live, mut canceling) = (tracker(&[order]), tracker(&[order]));
    assert_eq!(digest(&live), digest(&canceling));
    canceling.on_cancel_sent(id(1), at(5));
    assert_ne!(digest(&live), digest(&canceling));
}

#[test]
fn no_memory_is_acquired_after_the_start() {
    let mut t = OrderTracker::new(SYMBOL, TIMEOUT);
    let memory = |t: &OrderTracker| {
        (
            t.open.buy.as_ptr(),
            t.open.sell.as_ptr(),
            t.ended.capacity(),
        )
    };
    let before = memory(&t);
    for seq in 1..=2_000 {
        let side = if seq % 2 == 0 { Side::Buy } else { Side::Sell };
        let order = new_order(seq, side, i64::from(seq % 90), 1);
        if t.on_sent(&order, at(0)) == Err(Full) {
            for open in t.iter().map(|o| o.id).collect::<Vec<_>>() {
                t.on_reply(&Reply::Place(SYMBOL, open, refused(Why::WouldTake)), at(1));
            }
        }
    }
    assert_eq!(memory(&t), before);
}

#[test]
fn an_id_that_the_exchange_shows_is_not_given_out() {
    let mut ids = OrderIds::new(1);
    assert_eq!(ids.next_id(), Some(id(1)));
    ids.on_seen(id(5));
    ids.on_seen(id(3));
    ids.on_seen(OrderId { session: 2, seq: 9 });
    assert_eq!(ids.next_id(), Some(id(6)));
    ids.on_seen(id(u32::MAX));
    assert_eq!(ids.next_id(), None);
}

#[test]
fn a_trade_that_a_synchronised_position_contains_is_not_counted_a_second_time() {
    let order = new_order(1, Side::Sell, 101, 7);
    let mut t = tracker(&[order]);
    // A list shows the fill, the position contains it, and only then its event comes.
    let listed = report(&order, ExchangeStatus::PartiallyFilled, 4);
    t.on_open_orders(&[listed], at(10), at(15), |_| {});
    t.on_position_synced(at(20));
    assert_eq!(t.exposure().sell, Lots(3));
    let update = trade(&order, 1, 4, 4);
    let change = t
        .on_update_besides_trade(&update, Lots(4), at(30))
        .expect("tracked");
    assert_eq!((change.filled, change.booked), (Lots(0), Lots(0)));
    assert_eq!(t.order(id(1)).map(|o| o.filled), Some(Lots(4)));
    assert_eq!(t.exposure().sell, Lots(3), "three lots can still fill");
}

#[test]
fn an_event_of_a_trade_that_the_position_contains_books_all_that_filled_before_it() {
    let order = new_order(1, Side::Sell, 101, 7);
    let mut t = tracker(&[order]);
    let update = trade(&order, 1, 4, 4);
    let change = t
        .on_update_besides_trade(&update, Lots(4), at(30))
        .expect("tracked");
    assert_eq!((change.filled, change.booked), (Lots(4), Lots(4)));
    // A trade of unknown standing books nothing: too much exposure, never too little.
    let update = trade(&order, 2, 1, 5);
    let change = t
        .on_update_besides_trade(&update, Lots(0), at(40))
        .expect("tracked");
    assert_eq!((change.filled, change.booked), (Lots(1), Lots(0)));
    assert_eq!(t.exposure().sell, Lots(3));
}
