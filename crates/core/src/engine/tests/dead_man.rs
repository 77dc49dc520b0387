//! Promise `dead_man`: no quote rests without an armed switch, and each re-arming is earned.

use super::world::{ETH, Fault, Kind, World, ms, secs};
use crate::action::Action;
use crate::event::{Event, Operator, Stream, Why};
use crate::units::{Mono, Span};

const fn is_arming(action: &Action) -> bool {
    matches!(action, Action::ArmDeadMan(_, span) if span.is_positive())
}

#[test]
fn the_switch_is_asked_for_before_the_first_order() {
    let world = World::quoting();
    let first = world
        .log
        .iter()
        .map(|(_, a)| a)
        .find(|a| is_arming(a) || matches!(a, Action::Place(_)));
    assert!(first.is_some_and(is_arming), "{first:?}");
}

#[test]
fn it_is_re_armed_every_ten_seconds_while_quoting() {
    let mut world = World::quoting();
    let since = world.now;
    world.run(secs(120));
    let arms = world.count(since, is_arming);
    assert!((11..=13).contains(&arms), "{arms}");
    let now = world.now;
    let at = world.venue(ETH).dead_man_at;
    assert!(at.is_some_and(|at| at.since(now) > secs(19)));
}

#[test]
fn it_is_not_re_armed_while_data_is_stale_or_quoting_halted() {
    let mut world = World::quoting();
    world.silent.insert(Stream::Depth);
    world.silent.insert(Stream::BookTicker);
    world.fault(Kind::Probe, Fault::UnknownLost, 1_000);
    world.run(secs(4));
    let since = world.now;
    world.run(secs(60));
    assert_eq!(world.count(since, is_arming), 0);
    assert_eq!(world.venue(ETH).dead_man_at, None, "it fired");
    world.silent.clear();
    world.faults.clear();
    world.until(secs(10), |w| w.is_full(ETH));
    assert!(world.venue(ETH).dead_man_at.is_some());

    world.operator(Operator::Pause);
    let since = world.now;
    world.run(secs(60));
    assert_eq!(world.count(since, is_arming), 0);
}

#[test]
fn waking_up_alone_does_not_re_arm_it() {
    let mut world = World::quoting();
    // The engine is woken for a minute, and hears nothing.
    let since = world.now;
    for _ in 0..600 {
        world.now = world.now.after(ms(100));
        world.step(&Event::Wakeup);
    }
    assert_eq!(world.count(since, is_arming), 0);
}

#[test]
fn quotes_are_pulled_when_it_cannot_be_armed_and_return_with_it() {
    for fault in [
        Fault::Refuse(Why::Transient, Span::ZERO),
        Fault::UnknownLost,
        Fault::LoseReply,
    ] {
        let mut world = World::quoting();
        world.fault(Kind::DeadMan, fault, 1_000_000);
        world.run(secs(45));
        let armed = world.venue(ETH).dead_man_at.is_some();
        let rests = world.resting(ETH) != (0, 0);
        assert!(!rests || armed, "{fault:?}: orders rest without a switch");
        assert_eq!(world.view_of(ETH).resting.buy, 0, "{fault:?}");
        world.faults.clear();
        world.until(secs(11), |w| w.is_full(ETH));
    }
}

#[test]
fn how_long_orders_were_under_no_switch_is_measured() {
    let mut world = World::quoting();
    world.run(secs(20));
    let unarmed = |world: &mut World| world.view_of(ETH).record.unarmed_max;
    assert_eq!(unarmed(&mut world), Span::ZERO);
    // Nothing reaches the exchange any more, which fires the switch; nobody is told.
    world.fault(Kind::DeadMan, Fault::UnknownLost, 1_000);
    world.fault(Kind::CancelAll, Fault::UnknownLost, 1_000);
    world.fault(Kind::Cancel, Fault::UnknownLost, 1_000);
    world.fault(Kind::Query, Fault::UnknownLost, 1_000);
    world.fault(Kind::OpenOrders, Fault::UnknownLost, 1_000);
    world.silent.insert(Stream::User);
    world.run(secs(35));
    assert!(unarmed(&mut world) > secs(1), "{:?}", unarmed(&mut world));
}

#[test]
fn a_failed_first_arming_is_repeated_without_a_storm() {
    let mut world = World::cold();
    world.fault(
        Kind::DeadMan,
        Fault::Refuse(Why::Transient, Span::ZERO),
        1_000,
    );
    world.connect();
    world.run(secs(60));
    let arms = world.count(Mono(0), is_arming);
    assert!((30..=62).contains(&arms), "{arms}");
    assert_eq!(world.resting(ETH), (0, 0));
}
