//! Promise `bounded`: whatever is lost, refused or late, position and what could fill stay within `net_max`;
//! and the ladder follows the position.

use super::world::{BTC, ETH, Fault, Kind, World, ms, secs};
use crate::action::Action;
use crate::event::Stream;
use crate::notice::What;
use crate::order::Execute;
use crate::params::{AccountParams, ethusdc_defaults};
use crate::strategy::Mode;
use crate::units::{E8, Lots, Mono, Quote, Ratio, Side};

#[test]
fn fills_skew_the_ladder_and_reduce_the_growing_side() {
    let mut world = World::quoting();
    let before = world.best(Side::Sell).price;
    world.take_from(Side::Buy, 600);
    world.run(secs(20));
    let view = world.view_of(ETH);
    assert_eq!(view.position, Lots(600));
    assert!(view.explanation.inventory_skew.is_negative());
    assert!(view.expected.buy < 18, "{:?}", view.expected);
    assert_eq!(view.expected.sell, 18);
    assert!(world.best(Side::Sell).price < before);
}

#[test]
fn a_partial_fill_is_topped_up_without_a_new_order() {
    let mut world = World::quoting();
    let since = world.now;
    world.take_from(Side::Buy, 30);
    world.run(secs(3));
    assert_eq!(world.count(since, |a| matches!(a, Action::Amend(_))), 1);
    assert_eq!(world.places(since), 0);
    assert_eq!(world.best(Side::Buy).size, Lots(80));
}

#[test]
fn modes_follow_the_position_and_are_said() {
    let mut params = ethusdc_defaults();
    params.risk.batch_worst_case = Ratio(E8);
    params.risk.stop_loss = Ratio(E8);
    let mut world = World::quoting_with(params);
    world.run(secs(40));
    let mut seen = alloc::vec::Vec::new();
    for _ in 0..80 {
        if world.resting(ETH).0 > 0 {
            world.take_from(Side::Buy, 50);
        }
        world.run(secs(6));
        seen.push(world.view_of(ETH).mode);
    }
    seen.dedup();
    assert!(seen.contains(&Mode::Pinning), "{seen:?}");
    assert!(seen.contains(&Mode::Grinding), "{seen:?}");
    assert!(world.said(crate::units::Mono(0), |w| matches!(w, What::Mode(..))) >= 2);
    assert!(
        world.said(crate::units::Mono(0), |w| matches!(
            w,
            What::PositionHigh(_)
        )) >= 1
    );
}

#[test]
fn grinding_takes_once_per_cool_down_and_reduce_only() {
    let mut params = ethusdc_defaults();
    params.risk.stop_loss = Ratio(E8);
    let mut world = World::quoting_with(params);
    world.run(secs(40));
    // A position from elsewhere: 65 % of net_max.
    world.is_bound_checked = false;
    world.venue(ETH).position = 1_300;
    world.run(secs(70));
    let since = world.now;
    world.run(secs(180));
    let takes = world.count(since, |a| match a {
        Action::Place(order) => order.inner().execute == Execute::TakeReduce,
        _ => false,
    });
    assert!((1..=4).contains(&takes), "{takes}");
    assert!(world.venue(ETH).position < 1_300);
}

#[test]
fn a_position_from_elsewhere_beyond_the_threshold_is_only_reduced() {
    let mut params = ethusdc_defaults();
    params.risk.stop_loss = Ratio(E8);
    let mut world = World::quoting_with(params);
    world.is_bound_checked = false;
    world.venue(ETH).position = -1_800;
    world.run(secs(40));
    let view = world.view_of(ETH);
    assert_eq!(view.position, Lots(-1_800));
    assert_eq!(view.mode, Mode::ReduceOnly);
    assert_eq!(world.resting(ETH).1, 0, "nothing grows a short");
    assert!(world.resting(ETH).0 > 0, "the exit is open");
    let said = world.said(crate::units::Mono(0), |w| {
        matches!(w, What::PositionRepaired(..))
    });
    assert_eq!(said, 1, "after one re-check, once");
}

#[test]
fn every_place_in_doubt_counts_and_is_settled() {
    for fault in [Fault::LoseReply, Fault::UnknownDone, Fault::UnknownLost] {
        let mut world = World::quoting();
        world.fault(Kind::Place, fault, 6);
        world.take_from(Side::Sell, 150);
        world.run(ms(4));
        world.silent.insert(Stream::User);
        world.fault(Kind::Query, Fault::UnknownLost, 4);
        world.run(ms(50));
        assert!(world.view_of(ETH).orders.len() > 33, "in doubt, they count");
        world.silent.clear();
        world.until(secs(30), |w| w.is_full_or_reduced());
        let view = world.view_of(ETH);
        assert_eq!(view.position.0, world.venue(ETH).position, "{fault:?}");
    }
}

#[test]
fn two_symbols_share_the_total_notional() {
    let mut params = ethusdc_defaults();
    params.quoting.layers = 6;
    let mut world = World::with(params, &[]);
    // Room for eight layers of 125 a side, over both symbols.
    world.engine = crate::engine::Engine::new(7, AccountParams::new(Quote(1_000 * E8)));
    world.add(ETH, crate::event::Resume::default());
    world.add(BTC, crate::event::Resume::default());
    world.connect();
    world.run(secs(10));
    let sum = |w: &World| {
        let worst =
            |side: fn((usize, usize)) -> usize| side(w.resting(ETH)).max(side(w.resting(BTC)));
        (worst(|r| r.0), w.resting(ETH).0 + w.resting(BTC).0)
    };
    let (_, buys) = sum(&world);
    assert!((7..=8).contains(&buys), "{buys} bids of 125 under 1000");
    let sells = world.resting(ETH).1 + world.resting(BTC).1;
    assert!((7..=8).contains(&sells), "{sells}");
}

#[test]
fn a_fast_market_through_the_whole_ladder_stays_within_bounds() {
    let mut world = World::quoting();
    for by in [-1_500, 3_000, -3_000, 1_500, -800, 400] {
        let bid = world.venue(ETH).bid + by;
        world.move_to(ETH, bid);
        world.run(ms(300));
    }
    world.run(secs(30));
    let view = world.view_of(ETH);
    assert_eq!(view.position.0, world.venue(ETH).position);
    assert!(view.position.abs() <= Lots(1_000));
}

#[test]
fn the_warning_comes_at_its_threshold_once_and_again_after_the_position_was_clearly_below() {
    let mut params = ethusdc_defaults();
    params.risk.warning = Ratio(E8 / 4);
    let mut world = World::quoting_with(params);
    let warnings = |w: &World| w.said(Mono(0), |n| matches!(n, What::PositionHigh(_)));
    // Fills of so many lots on a side, and how often it was said then; a quarter of 2000 is 500.
    for (side, lots, said) in [
        (Side::Buy, 450, 0),
        (Side::Buy, 50, 1),
        (Side::Buy, 50, 1),
        (Side::Sell, 100, 1), // 450: not clearly below
        (Side::Buy, 60, 1),
        (Side::Sell, 100, 1), // 410
        (Side::Buy, 100, 2),
    ] {
        world.take_from(side, lots);
        world.run(secs(20));
        assert_eq!(warnings(&world), said, "after {lots} from {side:?}");
    }
}
