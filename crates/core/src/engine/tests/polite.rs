//! Promise `polite`: limits of the exchange are respected, and what it forbids is not repeated.

use super::world::{ETH, Fault, Kind, World, ms, secs};
use crate::action::Action;
use crate::event::{
    Account, Config, Event, Malformed, Market, Operator, OrderCounts, Reply, Stream, Trade, Why,
};
use crate::notice::What;
use crate::params::{AccountParams, ethusdc_defaults};
use crate::units::{E8, Lots, Mono, Quote, Ratio, Side, Ticks, Wall};

fn is_request(action: &Action) -> bool {
    !matches!(
        action,
        Action::Say(_) | Action::Reconnect(_) | Action::RenewListenKey
    )
}

#[test]
fn a_ban_is_kept_by_every_request_and_said_once() {
    for kind in [
        Kind::Account,
        Kind::Probe,
        Kind::Place,
        Kind::Query,
        Kind::DeadMan,
    ] {
        let mut world = World::quoting();
        if kind == Kind::Query {
            world.fault(Kind::Cancel, Fault::UnknownLost, 36);
        }
        world.fault(kind, Fault::Refuse(Why::Weight, secs(20)), 1);
        if matches!(kind, Kind::Place | Kind::Query) {
            world.operator(Operator::CancelAll);
        }
        let since = world.now;
        while world.said(since, |w| matches!(w, What::BackOff(Why::Weight, _))) == 0 {
            world.run(ms(1));
            if kind == Kind::Query && world.now.since(since) > secs(2) {
                return;
            }
        }
        let start = world.now;
        world.run(ms(1));
        let begun = world.now;
        world.run(ms(19_900));
        assert_eq!(world.count(begun, is_request), 0, "after {kind:?}");
        assert_eq!(world.said(start, |w| matches!(w, What::BackOff(..))), 1);
        world.until(secs(15), |w| w.is_full(ETH));
    }
}

#[test]
fn safety_cancels_go_out_as_soon_as_a_ban_ends() {
    let mut world = World::quoting();
    world.fault(Kind::CancelAll, Fault::Refuse(Why::Weight, secs(5)), 1);
    world.operator(Operator::Kill);
    world.run(ms(4_900));
    assert_ne!(world.resting(ETH), (0, 0));
    world.until(ms(300), |w| w.resting(ETH) == (0, 0));
}

#[test]
fn routine_requests_wait_when_weight_is_short_and_cancels_do_not() {
    let mut world = World::quoting();
    world.run(secs(1));
    world.step(&Event::Reply(Reply::Weight(1_900)));
    let since = world.now;
    world.run(secs(50));
    let routine = world.count(since, |a| {
        matches!(
            a,
            Action::Probe(_) | Action::FetchAccount | Action::FetchTrades(..)
        )
    });
    assert_eq!(routine, 0);
    assert!(world.is_full(ETH), "the switch has reserved capacity");
    world.operator(Operator::Kill);
    world.until(ms(100), |w| w.resting(ETH) == (0, 0));
}

#[test]
fn a_trending_market_keeps_to_the_cancel_budget_and_to_the_age_of_orders() {
    let mut world = World::quoting();
    for _ in 0..600 {
        let bid = world.venue(ETH).bid + 3;
        world.move_to(ETH, bid);
        world.run(ms(500));
    }
    let view = world.view_of(ETH);
    assert!(view.record.cancels_per_min_max <= 50, "{:?}", view.record);
    assert!(view.touch.is_some() && view.obstacle.is_none());
}

#[test]
fn weight_of_a_calm_hour_is_small() {
    let mut world = World::quoting();
    world.run(secs(3_600));
    let used = world.engine.shared.weight.used(world.now);
    assert!(used <= 200, "{used} in the last minute");
    assert!(world.is_full(ETH));
}

#[test]
fn limits_on_orders_hold_new_ones_and_not_cancels() {
    let mut world = World::quoting();
    world.fault(Kind::Place, Fault::Refuse(Why::OrderRate, secs(6)), 36);
    world.operator(Operator::CancelAll);
    world.run(secs(1));
    let since = world.now;
    world.run(ms(4_500));
    assert_eq!(world.places(since), 0);
    let said = world.said(Mono(0), |w| matches!(w, What::BackOff(Why::OrderRate, _)));
    assert_eq!(said, 1, "once, not once an order");
    world.until(secs(10), |w| w.is_full(ETH));
}

#[test]
fn a_cancel_that_must_be_repeated_is_spent_once() {
    let mut world = World::quoting();
    world.fault(Kind::CancelAll, Fault::UnknownLost, 4);
    world.operator(Operator::Kill);
    world.until(secs(10), |w| w.resting(ETH) == (0, 0));
    assert_eq!(world.view_of(ETH).cancels_last_min, 36);
}

#[test]
fn orders_of_others_on_the_account_count_against_our_share() {
    let mut world = World::quoting();
    world.run(secs(60));
    let counts = Reply::OrderCounts(OrderCounts {
        in_10s: Some(205),
        in_minute: None,
    });
    world.step(&Event::Reply(counts));
    world.operator(Operator::CancelAll);
    let since = world.now;
    world.run(secs(9));
    assert_eq!(world.places(since), 5, "210 are 70 % of the limit");
    world.until(secs(10), |w| w.is_full(ETH));
}

#[test]
fn what_the_budgets_know_is_part_of_the_digest() {
    let digest_after = |event: Option<Event<'_>>| {
        let mut world = World::quoting();
        if let Some(event) = event {
            world.step(&event);
        }
        world.engine.digest()
    };
    let plain = digest_after(None);
    let mut changed = AccountParams::new(Quote(1_000_000 * E8));
    let counts =
        |in_10s, in_minute| Event::Reply(Reply::OrderCounts(OrderCounts { in_10s, in_minute }));
    assert_eq!(digest_after(Some(counts(None, None))), plain);
    assert_ne!(digest_after(Some(counts(Some(1), None))), plain);
    assert_ne!(digest_after(Some(counts(None, Some(1)))), plain);
    for change in [
        |p: &mut AccountParams| p.request_share = Ratio(E8 / 2),
        |p: &mut AccountParams| p.limits.weight_per_min = 6_000,
        |p: &mut AccountParams| p.limits.orders_per_10s = 1_000,
        |p: &mut AccountParams| p.limits.orders_per_min = 1_000,
        |p: &mut AccountParams| p.user_event_within = secs(1),
        |p: &mut AccountParams| p.total_notional_max = Quote(E8),
    ] {
        let before = changed;
        change(&mut changed);
        assert_ne!(changed, before);
        assert_ne!(
            digest_after(Some(Event::Config(Config::Account(changed)))),
            digest_after(Some(Event::Config(Config::Account(before))))
        );
    }
}

#[test]
fn toxic_flow_pulls_every_order_whatever_is_left_of_the_cancel_budget() {
    let mut params = ethusdc_defaults();
    params.quoting.vpin.enabled = true;
    params.quoting.vpin.bucket_size = Lots(10);
    params.orders.cancels_per_min_max = 5;
    let mut world = World::quoting_with(params);
    world.run(secs(6));
    for id in 0..200 {
        world.market(Market::Trade(Trade {
            id,
            event_time: Wall(world.wall().0),
            price: Ticks(250_001),
            size: Lots(10),
            aggressor: Side::Buy,
        }));
    }
    world.until(secs(2), |w| w.resting(ETH) == (0, 0));
    world.until(secs(8), |w| w.is_full(ETH));
}

#[test]
fn a_user_stream_that_fails_again_and_again_does_not_cost_the_order_limit() {
    let mut world = World::quoting();
    let since = world.now;
    world.silent.insert(Stream::User);
    for _ in 0..20 {
        // Whatever rests draws an event that cannot be read.
        world.run(ms(500));
        if world.resting(ETH) != (0, 0) {
            let broken = Account::Malformed(Malformed::Shape);
            world.step(&Event::Account(broken));
        }
    }
    let places = world.places(since);
    assert!(places <= 5 * 36, "{places} orders in ten seconds");
    world.silent.clear();
    world.until(secs(6), |w| w.is_full(ETH));
}
