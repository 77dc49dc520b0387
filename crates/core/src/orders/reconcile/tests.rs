use super::*;
use crate::event::{ExchangeStatus, Outcome, Refusal, Reply, Why};
use crate::instrument::SymbolId;
use crate::order::{Execute, NewOrder};
use crate::orders::state::{End, PATIENCE};
use crate::units::{Span, Ticks, Wall};
use alloc::vec::Vec;

const SYMBOL: SymbolId = SymbolId(1);

fn at(ms: i64) -> Mono {
    Mono(0).after(Span::from_millis(ms))
}

fn id(seq: u32) -> OrderId {
    OrderId { session: 2, seq }
}

fn new_order(seq: u32) -> NewOrder {
    NewOrder {
        symbol: SYMBOL,
        id: id(seq),
        side: if seq.is_multiple_of(2) {
            Side::Sell
        } else {
            Side::Buy
        },
        price: Ticks(100 + i64::from(seq)),
        size: Lots(5),
        execute: Execute::PostOnly,
    }
}

fn line(seq: u32) -> OrderReport {
    let order = new_order(seq);
    OrderReport {
        symbol: SYMBOL,
        owner: Owner::Ours(order.id),
        exchange_id: i64::from(seq),
        side: order.side,
        price: order.price,
        size: order.size,
        filled: Lots(0),
        status: ExchangeStatus::New,
        reduce_only: false,
        time: Wall(1),
    }
}

/// Orders 1..=n, live since 1 ms.
fn tracker(n: u32) -> OrderTracker {
    let mut tracker = OrderTracker::new(SYMBOL, Span::from_secs(3));
    for seq in 1..=n {
        tracker.on_sent(&new_order(seq), at(0)).expect("room");
        tracker.on_reply(
            &Reply::Place(SYMBOL, id(seq), Outcome::Accepted(line(seq))),
            at(1),
        );
    }
    tracker
}

fn refused(why: Why) -> Outcome<OrderReport> {
    Outcome::Refused(Refusal {
        why,
        code: -1,
        retry_after: Span::ZERO,
    })
}

fn check(
    tracker: &mut OrderTracker,
    listed: &[OrderReport],
    asked: i64,
    now: i64,
) -> (Vec<Finding>, Reconciled) {
    let mut findings = Vec::new();
    let sum = tracker.on_open_orders(listed, at(asked), at(now), |f| findings.push(f));
    (findings, sum)
}

#[test]
fn agreement_says_nothing() {
    let mut t = tracker(2);
    let (findings, sum) = check(&mut t, &[line(2), line(1)], 10, 20);
    assert_eq!(findings, []);
    assert!(sum.is_clean());
    assert_eq!(sum.agreed, 2);
}

#[test]
fn an_order_of_ours_that_is_not_tracked_is_adopted_and_counts() {
    let mut t = tracker(1);
    let ghost = OrderReport {
        filled: Lots(2),
        status: ExchangeStatus::PartiallyFilled,
        ..line(4)
    };
    let (findings, sum) = check(&mut t, &[line(1), ghost], 10, 20);
    assert_eq!(findings, [Finding::Ghost(id(4))]);
    assert_eq!(sum.ghosts, 1);
    assert_eq!((t.open_count(), t.exposure().sell), (2, Lots(3)));
    assert_eq!(t.order(id(4)).map(|o| o.state()), Some(OrderState::Live));
}

#[test]
fn a_missing_order_is_asked_for_and_an_order_younger_than_the_request_is_not() {
    let mut t = tracker(2);
    t.on_sent(&new_order(3), at(15)).expect("room");
    t.on_reply(
        &Reply::Place(SYMBOL, id(3), Outcome::Accepted(line(3))),
        at(16),
    );
    let (findings, sum) = check(&mut t, &[line(1)], 10, 20);
    assert_eq!(findings, [Finding::Missing(id(2))]);
    assert_eq!((sum.missing, t.unknown_count()), (1, 1));
    let change = t.poll_timeout(at(20)).expect("due at once");
    assert!(change.query && change.id == id(2));
    let filled = OrderReport {
        filled: Lots(5),
        status: ExchangeStatus::Filled,
        ..line(2)
    };
    t.on_reply(
        &Reply::Query(SYMBOL, id(2), Outcome::Accepted(filled)),
        at(30),
    );
    assert_eq!(
        (t.open_count(), t.exposure().sell),
        (2, Lots(5)),
        "its trade is still to come"
    );
}

#[test]
fn orders_that_ended_after_the_request_are_not_brought_back_by_the_list() {
    let mut t = tracker(1);
    let gone = OrderReport {
        status: ExchangeStatus::Canceled,
        ..line(1)
    };
    t.on_reply(
        &Reply::Query(SYMBOL, id(1), Outcome::Accepted(gone)),
        at(15),
    );
    let (findings, _) = check(&mut t, &[line(1)], 10, 20);
    assert_eq!((findings, t.open_count()), (Vec::new(), 0));
}

#[test]
fn an_order_given_up_without_the_exchanges_word_is_reopened_by_the_list() {
    let mut t = OrderTracker::new(SYMBOL, Span::from_secs(3));
    t.on_sent(&new_order(1), at(0)).expect("room");
    t.on_reply(&Reply::Place(SYMBOL, id(1), refused(Why::Rejected)), at(5));
    assert_eq!(t.exposure().buy, Lots(0));
    let (findings, _) = check(&mut t, &[line(1)], 10, 20);
    assert_eq!(findings, [Finding::Reopened(id(1))]);
    assert_eq!(t.exposure().buy, Lots(5));
}

#[test]
fn a_list_settles_doubt_without_any_query_answered() {
    let mut t = tracker(1);
    t.on_sent(&new_order(3), at(0)).expect("room");
    t.on_cancel_sent(id(1), at(10));
    t.on_reply(&Reply::Cancel(SYMBOL, id(1), Outcome::Unknown), at(20));
    t.on_reply(&Reply::Place(SYMBOL, id(3), Outcome::Unknown), at(20));
    // Asked before the cancel came into doubt: says nothing about it.
    check(&mut t, &[line(1)], 15, 30);
    assert_eq!(t.unknown_count(), 2);
    // Asked afterwards, but before patience has passed: 1 rests, 3 may be on its way.
    check(&mut t, &[line(1)], 40, 50);
    assert_eq!(t.order(id(1)).map(|o| o.state()), Some(OrderState::Live));
    assert_eq!(t.unknown_count(), 1);
    let patience = PATIENCE.as_millis();
    check(&mut t, &[line(1)], patience, patience + 10);
    assert_eq!(
        t.tombstone(id(3)).and_then(|o| o.end()),
        Some(End::Vanished)
    );
    assert_eq!(
        t.exposure().buy,
        Lots(10),
        "it may have filled: until the position is read"
    );
    t.on_position_synced(at(patience + 10));
    assert_eq!(t.exposure().buy, Lots(5));
}

#[test]
fn a_differing_size_is_taken_over_and_reported_once() {
    let mut t = tracker(1);
    let smaller = OrderReport {
        size: Lots(3),
        ..line(1)
    };
    let (findings, sum) = check(&mut t, &[smaller], 10, 20);
    assert_eq!(
        (findings, sum.differed),
        (alloc::vec![Finding::Differed(id(1))], 1)
    );
    assert_eq!(t.exposure().buy, Lots(3));
    let (findings, _) = check(&mut t, &[smaller], 30, 40);
    assert_eq!(findings, []);
}

#[test]
fn others_orders_are_counted_and_left_alone() {
    let mut t = tracker(1);
    let foreign = OrderReport {
        owner: Owner::Foreign,
        ..line(7)
    };
    let second = OrderReport {
        owner: Owner::OtherInstance,
        ..line(8)
    };
    let elsewhere = OrderReport {
        symbol: SymbolId(9),
        ..line(9)
    };
    let (findings, sum) = check(&mut t, &[line(1), foreign, second, elsewhere], 10, 20);
    assert_eq!(
        (findings, sum.foreign, sum.other_instance),
        (Vec::new(), 1, 1)
    );
    assert!(!sum.is_clean());
    assert_eq!(t.open_count(), 1);
}
