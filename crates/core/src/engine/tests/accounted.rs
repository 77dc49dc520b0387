//! Promise `accounted`: every order of ours is known or found, and none of others is touched.

use super::world::{Answer, ETH, Fault, Kind, World, ms, refused, secs};
use crate::action::Action;
use crate::event::{
    Account, Event, Execution, Malformed, Market, Operator, Reply, Stream, Trade, Why,
};
use crate::notice::{HaltReason, What};
use crate::order::{Execute, OrderId, Owner};
use crate::units::{Lots, Mono, Side, Span, Ticks, Wall};

#[test]
fn a_ghost_is_found_within_the_periodic_check_and_adopted_or_cancelled() {
    let mut world = World::quoting();
    let id = OrderId {
        session: 2,
        seq: 77,
    };
    world
        .venue(ETH)
        .put(Owner::Ours(id), Side::Buy, 240_000, 50);
    let since = world.now;
    world.until(secs(31), |w| {
        w.said(since, |n| *n == What::GhostOrder(id)) == 1
    });
    world.until(secs(15), |w| w.is_full(ETH));
    assert!(
        world.venue(ETH).find(id).is_none(),
        "one too many: the farthest goes"
    );
}

#[test]
fn a_foreign_order_is_never_cancelled_ours_go_one_by_one() {
    let mut world = World::quoting();
    let report = world.venue(ETH).put(Owner::Foreign, Side::Buy, 230_000, 9);
    let event = super::venue::event(report, Execution::New, None);
    world.step(&Event::Account(Account::Order(event)));
    let since = world.now;
    world.operator(Operator::Kill);
    world.until(secs(1), |w| w.resting(ETH) == (0, 0));
    assert_eq!(world.count(since, |a| matches!(a, Action::CancelAll(_))), 0);
    assert_eq!(world.count(since, |a| matches!(a, Action::Cancel(..))), 36);
    assert_eq!(world.venue(ETH).orders.len(), 1);
}

#[test]
fn a_second_instance_halts_until_somebody_resumes() {
    let mut world = World::quoting();
    let report = world
        .venue(ETH)
        .put(Owner::OtherInstance, Side::Buy, 230_000, 9);
    let event = super::venue::event(report, Execution::New, None);
    world.step(&Event::Account(Account::Order(event)));
    assert_eq!(world.said(Mono(0), |w| *w == What::SecondInstance), 1);
    let halted = What::Halted(HaltReason::SecondInstance, None);
    assert_eq!(world.said(Mono(0), |w| *w == halted), 1);
    world.until(ms(100), |w| w.resting(ETH) == (0, 0));
    world.run(secs(60));
    assert_eq!(world.resting(ETH), (0, 0));
    world.venue(ETH).orders.clear();
    world.operator(Operator::Resume);
    world.until(secs(10), |w| w.is_full(ETH));
}

#[test]
fn a_second_instance_that_is_still_there_halts_again() {
    let mut world = World::quoting();
    world
        .venue(ETH)
        .put(Owner::OtherInstance, Side::Buy, 230_000, 9);
    // Not so long that the switch fires, which spares nobody's orders.
    world.run(secs(20));
    assert_eq!(world.said(Mono(0), |w| *w == What::SecondInstance), 1);
    world.operator(Operator::Resume);
    world.run(secs(1));
    assert_eq!(world.said(Mono(0), |w| *w == What::SecondInstance), 2);
}

#[test]
fn cancels_that_find_nothing_are_asked_for_and_forgotten() {
    let mut world = World::quoting();
    world.run(secs(6));
    // Orders end at the exchange, and no event tells.
    let wall = world.wall();
    world.venue(ETH).cancel_all(wall);
    let since = world.now;
    world.operator(Operator::Pause);
    world.until(secs(15), |w| {
        w.engine
            .desk(ETH)
            .is_some_and(|d| d.tracker.open_count() == 0)
    });
    let queries = world.count(since, |a| matches!(a, Action::QueryOrder(..)));
    assert!(queries <= 36 * 3, "{queries}");
    world.operator(Operator::Resume);
    world.until(secs(10), |w| w.is_full(ETH));
}

#[test]
fn a_cancel_whose_answer_is_lost_is_settled_whatever_it_did() {
    for fault in [
        Fault::LoseReply,
        Fault::UnknownDone,
        Fault::UnknownLost,
        Fault::Mute,
    ] {
        let mut world = World::quoting();
        world.fault(Kind::CancelAll, fault, 2);
        world.fault(Kind::Cancel, fault, 2);
        world.operator(Operator::Kill);
        world.until(secs(10), |w| w.resting(ETH) == (0, 0));
        world.until(secs(10), |w| {
            w.engine
                .desk(ETH)
                .is_some_and(|d| d.tracker.open_count() == 0)
        });
        world.operator(Operator::Resume);
        world.until(secs(10), |w| w.is_full(ETH));
    }
}

/// The world counts what rests with every step: never more than two ladders and two orders.
#[test]
fn an_exchange_that_acknowledges_cancels_and_does_nothing_is_given_no_order_too_many() {
    let mut world = World::quoting();
    world.run(secs(6));
    world.fault(Kind::Cancel, Fault::Pretend, u32::MAX);
    world.fault(Kind::CancelAll, Fault::Pretend, u32::MAX);
    let since = world.now;
    for _ in 0..12 {
        let venue = world.venue(ETH);
        (venue.bid, venue.ask) = (venue.bid + 150, venue.ask + 150);
        world.run(secs(1));
    }
    assert!(
        world.count(since, |a| matches!(a, Action::Cancel(..))) > 3,
        "orders had to move"
    );
    world.faults.clear();
    // What it did not cancel goes as the budget for cancels allows.
    world.until(secs(75), |w| w.is_full(ETH));
}

#[test]
fn an_acknowledged_cancel_does_not_slow_a_requote_whose_event_comes() {
    let mut world = World::quoting();
    world.run(secs(6));
    let since = world.now;
    let venue = world.venue(ETH);
    (venue.bid, venue.ask) = (venue.bid + 150, venue.ask + 150);
    world.run(ms(450));
    let canceled = world.count(since, |a| matches!(a, Action::Cancel(..)));
    assert!(canceled > 0, "orders had to move");
    assert!(world.is_full(ETH), "replaced within half a second");
    let queries = world.count(since, |a| matches!(a, Action::QueryOrder(..)));
    assert_eq!(queries, 0, "the event said it all");
}

#[test]
fn a_duplicate_id_is_an_order_that_lives() {
    let mut world = World::quoting();
    world.fault(Kind::Place, Fault::LoseReply, 3);
    world.operator(Operator::CancelAll);
    world.run(ms(30));
    let waiting: alloc::vec::Vec<_> = world
        .log
        .iter()
        .rev()
        .filter_map(|(_, a)| match a {
            Action::Place(order) => Some(order.inner().id),
            _ => None,
        })
        .take(36)
        .collect();
    for id in waiting {
        let reply = Reply::Place(ETH, id, refused(Why::Duplicate, Span::ZERO));
        world.step(&Event::Reply(reply));
    }
    world.until(secs(10), |w| w.is_full(ETH));
    assert_eq!(world.view_of(ETH).orders.len(), 36);
}

#[test]
fn an_order_that_takes_is_never_cancelled() {
    let mut world = World::quoting();
    world.take_from(Side::Buy, 400);
    world.run(secs(3));
    let since = world.now;
    // Six per cent down: stop-loss, and flattening.
    let bid = world.venue(ETH).bid;
    world.venue(ETH).bid = bid - 20_000;
    world.venue(ETH).ask = bid - 19_999;
    world.run(secs(10));
    let takes: alloc::vec::Vec<_> = world
        .log
        .iter()
        .filter(|(at, _)| *at >= since)
        .filter_map(|(_, a)| match a {
            Action::Place(order) if order.inner().execute == Execute::TakeReduce => {
                Some(order.inner().id)
            }
            _ => None,
        })
        .collect();
    assert!(!takes.is_empty());
    let cancels = world.count(since, |a| match a {
        Action::Cancel(_, id) => takes.contains(id),
        _ => false,
    });
    assert_eq!(cancels, 0);
    assert_eq!(world.view_of(ETH).position, Lots(0));
}

#[test]
fn an_account_read_before_a_doubt_or_a_fill_proves_nothing() {
    let mut world = World::quoting();
    let asked = world.now;
    world.run(ms(10));
    world.take_from(Side::Buy, 50);
    world.run(ms(5));
    let flat = Answer::Account(asked, Ok((alloc::vec::Vec::new(), world.wall())));
    world.answer(&flat);
    world.answer(&flat);
    world.step(&Event::Account(Account::Malformed(Malformed::Shape)));
    world.answer(&flat);
    assert_eq!(world.view_of(ETH).position, Lots(50));
    world.run(secs(5));
    let repaired = |w: &What| matches!(w, What::PositionRepaired(..));
    assert_eq!(world.said(Mono(0), repaired), 0);
    assert_eq!(world.view_of(ETH).position, Lots(50));
}

#[test]
fn an_account_read_before_a_doubt_leaves_the_doubt() {
    let mut world = World::quoting();
    let asked = world.now;
    world.run(ms(10));
    // Fills that nobody told of, and the connection that should have is found dead afterwards.
    world.silent.insert(Stream::User);
    world.take_missing_fills();
    world.silent.clear();
    world.fault(Kind::Account, Fault::LoseReply, 1);
    world.step(&Event::Account(Account::ListenKeyExpired));
    world.run(ms(300));
    let since = world.now;
    world.answer(&Answer::Account(
        asked,
        Ok((alloc::vec::Vec::new(), world.wall())),
    ));
    world.run(ms(500));
    assert_eq!(world.places(since), 0, "the position is not known yet");
    world.until(secs(10), World::is_full_or_reduced);
    assert_eq!(world.view_of(ETH).position, Lots(20));
}

#[test]
fn a_difference_of_position_is_repaired_after_one_re_check_within_seconds() {
    let mut world = World::quoting();
    world.run(secs(5));
    world.venue(ETH).position = 120;
    let since = world.now;
    let took = world.until(secs(40), |w| {
        w.said(since, |n| matches!(n, What::PositionRepaired(..))) == 1
    });
    let checks = world.count(since, |a| *a == Action::FetchAccount);
    assert_eq!(checks, 2, "seen once and once more");
    assert!(took <= secs(33), "{took:?}");
    assert_eq!(world.view_of(ETH).position, Lots(120));
}

#[test]
fn a_fill_that_nobody_told_is_found_by_the_trades_that_passed_its_order() {
    let mut world = World::quoting();
    world.run(secs(3));
    let best = world.best(Side::Buy);
    let Owner::Ours(id) = best.owner else {
        panic!("one of ours")
    };
    // It is filled at the exchange, and its event is lost on a connection that stands.
    let wall = world.wall();
    let told = world.venue(ETH).fill(id, best.size.raw(), None, wall);
    assert!(told.is_some());
    let since = world.now;
    world.market(Market::Trade(Trade {
        id: 1,
        event_time: Wall(world.wall().0),
        price: Ticks(best.price.raw() - 5),
        size: Lots(70),
        aggressor: Side::Sell,
    }));
    let took = world.until(secs(3), |w| {
        w.count(since, |a| matches!(a, Action::FetchOpenOrders(_))) > 0
    });
    assert!(took >= ms(900), "its event has a second: {took:?}");
    world.until(secs(2), |w| w.is_full_or_reduced());
    let pulls = world.count(since, |a| matches!(a, Action::CancelAll(_)));
    assert_eq!(pulls, 0, "nothing is pulled for it");
}

#[test]
fn orders_are_cancelled_one_by_one_when_cancelling_all_at_once_fails() {
    let mut world = World::quoting();
    world.fault(
        Kind::CancelAll,
        Fault::Refuse(Why::NotSent, Span::ZERO),
        1_000,
    );
    world.operator(Operator::Kill);
    world.until(secs(2), |w| w.resting(ETH) == (0, 0));
}

#[test]
fn the_late_event_of_a_fill_that_rest_told_of_first_leaves_the_rest_of_the_order_counted() {
    let mut world = World::quoting();
    let best = world.best(Side::Buy);
    let Owner::Ours(id) = best.owner else {
        panic!("only ours rest")
    };
    let wall = world.wall();
    let late = world.venue(ETH).fill(id, 5, None, wall).expect("it rests");
    world.run(secs(45));
    assert_eq!(world.view_of(ETH).position, Lots(5), "read by REST");
    let covered = |world: &mut World| {
        let resting = world.venues[&ETH].orders.iter().map(|o| o.report);
        let bids = resting.filter(|o| o.side == Side::Buy);
        let reach: i64 = bids.map(|o| o.size.0 - o.filled.0).sum();
        (world.view_of(ETH).exposure.buy, Lots(reach))
    };
    assert!(world.venue(ETH).find(id).is_some(), "it rests still");
    let (before, reach) = covered(&mut world);
    assert_eq!(before, reach);
    world.step(&Event::Account(Account::Order(late)));
    let (after, reach) = covered(&mut world);
    assert!(after >= reach, "{after:?} does not cover {reach:?}");
    assert_eq!(world.view_of(ETH).position, Lots(5));
}
