//! Losses: stop-loss and drawdown cancel, flatten and halt, and end as they should.

use super::world::{ETH, Fault, Kind, World, ms, refusal, secs};
use crate::action::Action;
use crate::event::{Account, Event, Operator, Outcome, Reply, Why};
use crate::notice::{HaltReason, What};
use crate::order::Execute;
use crate::params::ethusdc_defaults;
use crate::units::{Lots, Mono, Ratio, Side, Span};

/// Long of 400, and the market falls by 8 %.
fn crash(world: &mut World) {
    world.take_from(Side::Buy, 400);
    world.run(secs(3));
    let bid = world.venue(ETH).bid;
    world.venue(ETH).bid = bid - bid * 8 / 100;
    world.venue(ETH).ask = world.venue(ETH).bid + 1;
    let since = world.now;
    world.until(secs(3), |w| {
        w.said(since, |n| {
            matches!(n, What::Halted(HaltReason::StopLoss, _))
        }) == 1
    });
}

#[test]
fn a_stop_loss_cancels_flattens_halts_and_resumes_by_itself() {
    let mut world = World::quoting();
    crash(&mut world);
    let since = world.now;
    world.until(secs(2), |w| w.resting(ETH) == (0, 0));
    world.until(secs(5), |w| w.venues[&ETH].position == 0);
    let only_takes = world.log.iter().filter(|(at, _)| *at >= since);
    assert!(only_takes.clone().all(|(_, a)| match a {
        Action::Place(order) => order.inner().execute == Execute::TakeReduce,
        _ => true,
    }));
    world.run(secs(280));
    assert_eq!(world.resting(ETH), (0, 0));
    world.until(secs(25), |w| w.is_full(ETH));
}

#[test]
fn flattening_goes_on_through_refusals_and_lost_answers() {
    for fault in [
        Fault::UnknownLost,
        Fault::LoseReply,
        Fault::Refuse(Why::Throttled, Span::ZERO),
        Fault::Refuse(Why::ReduceOnly, Span::ZERO),
    ] {
        let mut world = World::quoting();
        world.take_from(Side::Buy, 400);
        world.run(secs(3));
        world.fault(Kind::Place, fault, 2);
        let bid = world.venue(ETH).bid;
        world.venue(ETH).bid = bid - bid * 8 / 100;
        world.venue(ETH).ask = world.venue(ETH).bid + 1;
        world.until(secs(30), |w| w.venues[&ETH].position == 0);
        world.run(secs(1));
        assert_eq!(world.view_of(ETH).position, Lots(0), "{fault:?}");
    }
}

#[test]
fn a_late_fill_during_the_halt_is_flattened_too() {
    let mut world = World::quoting();
    crash(&mut world);
    world.until(secs(5), |w| w.venues[&ETH].position == 0);
    world.run(secs(5));
    let id = crate::order::OrderId { session: 7, seq: 1 };
    let wall = world.wall();
    let bid = world.venue(ETH).bid;
    world
        .venue(ETH)
        .put(crate::order::Owner::Ours(id), Side::Buy, bid, 30);
    let event = world.venue(ETH).fill(id, 30, None, wall);
    world.tell_all(event);
    world.until(secs(3), |w| w.venues[&ETH].position == 0);
}

#[test]
fn the_second_stop_loss_needs_a_person() {
    let mut world = World::quoting();
    crash(&mut world);
    world.until(secs(320), |w| w.is_full(ETH));
    crash(&mut world);
    world.run(secs(900));
    assert_eq!(world.resting(ETH), (0, 0));
    world.operator(Operator::Resume);
    world.until(secs(10), |w| w.is_full(ETH));
}

#[test]
fn a_drawdown_of_the_session_trips_as_well() {
    let mut params = ethusdc_defaults();
    params.risk.drawdown_factor = Ratio(crate::units::E8 / 10);
    let mut world = World::quoting_with(params);
    world.take_from(Side::Buy, 500);
    world.run(secs(3));
    let bid = world.venue(ETH).bid;
    world.venue(ETH).bid = bid - bid * 3 / 100;
    world.venue(ETH).ask = world.venue(ETH).bid + 1;
    world.run(secs(3));
    assert_eq!(world.said(Mono(0), |w| matches!(w, What::Drawdown(_))), 1);
    world.run(secs(3));
    assert_eq!(world.view_of(ETH).position, Lots(0));
}

#[test]
fn a_refused_key_halts_everything_until_somebody_resumes() {
    let mut world = World::quoting();
    let outcome = Outcome::Refused(refusal(Why::Auth, Span::ZERO));
    world.step(&Event::Reply(Reply::Account {
        requested_at: world.now,
        outcome,
    }));
    let halted = What::Halted(HaltReason::Auth, None);
    assert_eq!(world.said(Mono(0), |w| *w == halted), 1);
    world.until(ms(100), |w| w.resting(ETH) == (0, 0));
    world.run(secs(60));
    assert_eq!(world.resting(ETH), (0, 0));
    world.operator(Operator::Resume);
    world.until(secs(10), |w| w.is_full(ETH));
}

#[test]
fn a_margin_call_is_told_and_the_truth_compared_while_quoting_goes_on() {
    let mut world = World::quoting();
    world.run(secs(2));
    let since = world.now;
    world.step(&Event::Account(Account::MarginCall));
    assert_eq!(world.said(since, |w| *w == What::MarginCall), 1);
    assert_eq!(world.count(since, |a| *a == Action::FetchAccount), 1);
    assert!(world.is_full(ETH));
}
