//! Promise `alive`: when a fault ends, full two-sided quoting is back within ten seconds without a person.

use super::world::{ETH, Fault, Kind, World, ms, secs};
use crate::action::Action;
use crate::event::{Account, Event, Link, LinkState, Malformed, Operator, Stream, Why};
use crate::notice::{HaltReason, What};
use crate::units::{Mono, Side, Span};

#[test]
fn every_refusal_of_orders_ends_and_quoting_returns() {
    for why in [
        Why::NotSent,
        Why::WouldTake,
        Why::OrderRate,
        Why::Throttled,
        Why::Transient,
        Why::Clock,
        Why::Margin,
        Why::ReduceOnly,
        Why::TooManyOpen,
        Why::PriceBand,
    ] {
        let mut world = World::cold();
        world.fault(Kind::Place, Fault::Refuse(why, Span::ZERO), 1_000_000);
        world.connect();
        world.run(secs(60));
        let places = world.places(Mono(0));
        assert!(places <= 36 * 24, "{why:?}: {places} orders in a minute");
        assert_eq!(world.resting(ETH), (0, 0));
        world.faults.clear();
        world.until(secs(10), |w| w.is_full(ETH));
    }
}

#[test]
fn an_order_that_breaks_a_rule_is_not_sent_for_ever() {
    let mut world = World::cold();
    world.fault(
        Kind::Place,
        Fault::Refuse(Why::Rejected, Span::ZERO),
        1_000_000,
    );
    world.connect();
    world.run(secs(60));
    let places = world.places(Mono(0));
    assert!(places <= 36 * 4, "{places}");
    world.faults.clear();
    world.until(secs(65), |w| w.is_full(ETH));
}

#[test]
fn a_refused_side_that_reduces_is_paced_and_not_given_up() {
    let mut world = World::quoting();
    world.take_from(Side::Buy, 200);
    world.run(secs(10));
    world.fault(
        Kind::Place,
        Fault::Refuse(Why::WouldTake, Span::ZERO),
        1_000_000,
    );
    world.take_from(Side::Sell, 50);
    let since = world.now;
    world.run(secs(30));
    let places = world.places(since);
    assert!((20..=120).contains(&places), "{places} in half a minute");
    world.faults.clear();
    world.until(secs(10), |w| w.is_full_or_reduced());
}

#[test]
fn a_symbol_that_the_exchange_halts_is_tried_again_by_itself() {
    let mut world = World::cold();
    world.fault(
        Kind::Place,
        Fault::Refuse(Why::SymbolHalted, Span::ZERO),
        36,
    );
    world.connect();
    world.run(secs(5));
    assert_eq!(
        world.said(Mono(0), |w| matches!(
            w,
            What::Halted(HaltReason::Symbol, Some(_))
        )),
        1
    );
    world.until(secs(40), |w| w.is_full(ETH));
}

/// Each may arrive until the exchange's recvWindow is over, and holds its slot so long; not until some later query.
#[test]
fn slots_of_orders_that_never_arrived_are_filled_when_they_can_no_longer_arrive() {
    let mut world = World::quoting();
    world.run(secs(6));
    world.operator(Operator::CancelAll);
    world.fault(Kind::Place, Fault::UnknownLost, 36);
    let since = world.now;
    world.until(secs(1), |w| w.places(since) == 36);
    let took = world.until(secs(8), |w| w.is_full(ETH));
    assert!(took > ms(4_900) && took < ms(5_400), "{took:?}");
}

#[test]
fn a_recovery_is_measured_from_the_end_of_the_obstacle_and_without_the_fault() {
    let mut world = World::quoting();
    let before = world.view_of(ETH).record.recovery_max;
    assert!(before <= secs(10), "the first ladder: {before:?}");
    world.link(Link::Orders, LinkState::Down);
    world.run(secs(40));
    assert_eq!(world.view_of(ETH).record.recovering_since, None);
    world.link(Link::Orders, LinkState::Up);
    world.until(secs(10), |w| w.is_full_or_reduced());
    world.run(secs(1));
    let record = world.view_of(ETH).record;
    assert!(record.recovery_max <= secs(10), "{:?}", record.recovery_max);
    assert_eq!(record.recovering_since, None, "it is over");
}

#[test]
fn a_ladder_that_does_not_come_back_is_measured_while_it_is_away() {
    let mut world = World::quoting();
    world.link(Link::Orders, LinkState::Down);
    world.run(secs(5));
    world.fault(Kind::Place, Fault::UnknownLost, 1_000_000);
    world.link(Link::Orders, LinkState::Up);
    world.run(secs(30));
    let record = world.view_of(ETH).record;
    assert!(record.recovery_max > secs(5), "{:?}", record.recovery_max);
}

#[test]
fn only_reducing_for_a_minute_is_respected_and_ends() {
    let mut world = World::cold();
    world.fault(
        Kind::Place,
        Fault::Refuse(Why::ReduceOnlyMode, Span::ZERO),
        36,
    );
    world.connect();
    world.run(secs(50));
    assert!(world.places(Mono(0)) <= 36);
    world.until(secs(20), |w| w.is_full(ETH));
}

#[test]
fn a_lost_user_stream_pulls_truth_is_read_again_and_quoting_resumes() {
    let mut world = World::quoting();
    world.link(Link::User, LinkState::Down);
    world.take_missing_fills();
    world.until(secs(5), |w| w.resting(ETH) == (0, 0));
    world.run(secs(30));
    assert_eq!(world.resting(ETH), (0, 0));
    world.link(Link::User, LinkState::Up);
    world.until(secs(10), |w| w.is_full_or_reduced());
    let view = world.view_of(ETH);
    assert_eq!(view.position.0, world.venue(ETH).position);
}

#[test]
fn a_fill_that_only_rest_knows_is_booked_by_its_id_though_later_ones_came_first() {
    let mut world = World::quoting();
    world.take_from(Side::Buy, 50);
    world.run(secs(40));
    world.link(Link::User, LinkState::Down);
    world.take_missing_fills();
    world.run(ms(100));
    // The first answers are lost; meanwhile the stream delivers a later trade.
    world.fault(Kind::Trades, Fault::LoseReply, 1);
    world.link(Link::User, LinkState::Up);
    let wall = world.wall();
    let report = world.venue(ETH).put(
        crate::order::Owner::Ours(crate::order::OrderId {
            session: 7,
            seq: 900_000,
        }),
        Side::Buy,
        249_000,
        10,
    );
    let crate::order::Owner::Ours(id) = report.owner else {
        return;
    };
    let event = world.venue(ETH).fill(id, 10, None, wall);
    world.tell_all(event);
    world.run(secs(10));
    let fills = world.view_of(ETH).record;
    let trades = world.venue(ETH).trades.len() as u64;
    let view = world.view_of(ETH);
    assert_eq!(view.position.0, world.venue(ETH).position);
    assert!(
        fills.fills_buy + fills.fills_sell >= trades - 1,
        "{fills:?} of {trades}"
    );
    let asked = world.log.iter().rev().find_map(|(_, a)| match a {
        Action::FetchTrades(_, from) => Some(*from),
        _ => None,
    });
    assert!(asked.is_some());
}

#[test]
fn an_expired_listen_key_renews_it_and_quoting_resumes() {
    let mut world = World::quoting();
    let since = world.now;
    world.step(&Event::Account(Account::ListenKeyExpired));
    assert_eq!(world.count(since, |a| *a == Action::RenewListenKey), 1);
    world.run(ms(100));
    assert_eq!(world.resting(ETH), (0, 0));
    world.until(secs(10), |w| w.is_full(ETH));
}

#[test]
fn a_mute_user_stream_is_found_by_our_own_orders_and_replaced() {
    let mut world = World::quoting();
    world.run(secs(5));
    world.silent.insert(Stream::User);
    let since = world.now;
    // The market moves, so that orders are cancelled and placed, and no event tells of them.
    let bid = world.venue(ETH).bid + 500;
    world.venue(ETH).bid = bid;
    world.venue(ETH).ask = bid + 1;
    world.until(secs(5), |w| {
        w.count(since, |a| *a == Action::Reconnect(Link::User)) == 1
    });
    assert_eq!(world.count(since, |a| *a == Action::RenewListenKey), 1);
    assert_eq!(
        world.said(since, |w| matches!(w, What::StreamDead(Stream::User, _))),
        1
    );
    world.silent.clear();
    world.until(secs(10), |w| w.is_full(ETH));
}

#[test]
fn unreadable_user_events_cause_one_reading_of_the_truth_at_a_time() {
    let mut world = World::quoting();
    let since = world.now;
    for _ in 0..200 {
        world.step(&Event::Account(Account::Malformed(Malformed::Shape)));
        world.run(ms(50));
    }
    let asked = world.count(since, |a| *a == Action::FetchAccount);
    assert!(asked <= 22, "{asked} in ten seconds");
    world.until(secs(10), |w| w.is_full(ETH));
}

#[test]
fn truth_that_cannot_be_read_is_asked_for_with_pauses() {
    let mut world = World::cold();
    world.fault(Kind::Account, Fault::UnknownLost, 1_000_000);
    world.connect();
    world.run(secs(60));
    let asked = world.count(Mono(0), |a| *a == Action::FetchAccount);
    assert!((25..=35).contains(&asked), "{asked}");
    world.faults.clear();
    world.until(secs(10), |w| w.is_full(ETH));
}

#[test]
fn links_that_flap_together_end_in_quoting() {
    let mut world = World::quoting();
    for _ in 0..10 {
        for link in [Link::Public, Link::Market, Link::User, Link::Orders] {
            world.link(link, LinkState::Down);
            world.run(ms(130));
            world.link(link, LinkState::Up);
        }
    }
    world.until(secs(10), |w| w.is_full(ETH));
}

#[test]
fn two_hours_without_a_network_end_in_quoting() {
    let mut world = World::quoting();
    for link in [Link::Public, Link::Market, Link::User, Link::Orders] {
        world.link(link, LinkState::Down);
    }
    let steps = world.steps;
    world.run(secs(7_200));
    assert!(world.steps - steps < 20_000, "{}", world.steps - steps);
    world.connect();
    world.until(secs(10), |w| w.is_full(ETH));
}
