//! Many symbols that want to be compared at once are compared with one request.

use super::world::{BTC, ETH, Fault, Kind, World, ms, secs};
use crate::action::Action;
use crate::event::{Market, Stream, Trade, Why};
use crate::instrument::SymbolId;
use crate::notice::{BookLoss, What};
use crate::params::ethusdc_defaults;
use crate::units::{Lots, Mono, Side, Span, Ticks};
use alloc::vec::Vec;

fn many(count: u16) -> Vec<SymbolId> {
    (0..count).map(SymbolId).collect()
}

/// Quoting in full on so many symbols, whose rhythm is known.
fn settled(count: u16) -> World {
    let mut params = ethusdc_defaults();
    params.quoting.layers = 2;
    let mut world = World::with(params, &many(count));
    world.connect();
    world.run(secs(25));
    assert!(many(count).iter().all(|s| world.is_full(*s)));
    world
}

fn fall_silent(world: &mut World) {
    world.silent.insert(Stream::Depth);
    world.silent.insert(Stream::BookTicker);
}

fn weight_of_probes(world: &World, since: Mono) -> usize {
    let one = world.count(since, |a| matches!(a, Action::Probe(_)));
    one * 2 + world.count(since, |a| *a == Action::ProbeAll) * 5
}

fn pulled(world: &World, since: Mono) -> usize {
    world.count(since, |a| {
        matches!(a, Action::CancelAll(_) | Action::Cancel(..))
    })
}

fn said_of(world: &World, symbol: SymbolId, since: Mono, what: impl Fn(&What) -> bool) -> usize {
    world.count(since, |a| match a {
        Action::Say(notice) => notice.symbol == Some(symbol) && what(&notice.what),
        _ => false,
    })
}

#[test]
fn fifteen_symbols_that_fall_silent_again_and_again_soon_after_the_start_are_all_confirmed() {
    let mut world = settled(15);
    let since = world.now;
    let mut used_max = 0;
    for _ in 0..60 {
        fall_silent(&mut world);
        world.run(secs(5));
        world.silent.clear();
        world.run(ms(300));
        let _view = world.view_of(ETH);
        used_max = used_max.max(world.engine.view().weight_used);
    }
    let stale = world.said(since, |w| matches!(w, What::StreamStale(..)));
    assert_eq!(stale, 0, "{used_max} of 2400 in a minute");
    assert_eq!(pulled(&world, since), 0);
    assert!(many(15).iter().all(|s| world.is_full(*s)));
    let minutes = 60 * 53 / 600 + 1;
    let weight = weight_of_probes(&world, since) / minutes;
    assert!(weight <= 500, "{weight} a minute");
}

#[test]
fn fifteen_silent_symbols_cost_little_more_than_three() {
    let costs = |count| {
        let mut world = settled(count);
        fall_silent(&mut world);
        world.run(secs(10));
        let since = world.now;
        world.run(secs(60));
        assert_eq!(pulled(&world, since), 0);
        assert!(many(count).iter().all(|s| world.is_full(*s)));
        weight_of_probes(&world, since)
    };
    let (three, fifteen) = (costs(3), costs(15));
    assert!(three <= 300, "{three} a minute");
    assert!(fifteen <= three + 100, "{fifteen} a minute, three {three}");
}

#[test]
fn one_or_two_symbols_never_ask_for_all() {
    for count in [1, 2] {
        let mut world = settled(count);
        fall_silent(&mut world);
        let since = world.now;
        world.run(secs(60));
        assert_eq!(world.count(since, |a| *a == Action::ProbeAll), 0);
        assert_eq!(pulled(&world, since), 0);
    }
}

#[test]
fn requests_for_all_keep_their_distance_even_when_every_book_is_doubted() {
    let mut world = settled(15);
    world.fault(Kind::Probe, Fault::UnknownLost, 10_000);
    world.fault(Kind::ProbeAll, Fault::UnknownLost, 10_000);
    fall_silent(&mut world);
    world.run(secs(20));
    let all = world.log.iter().filter(|(_, a)| *a == Action::ProbeAll);
    let instants: Vec<_> = all.map(|(at, _)| *at).collect();
    assert!(instants.len() > 5, "{instants:?}");
    for (earlier, later) in instants.iter().zip(instants.iter().skip(1)) {
        assert!(later.since(*earlier) >= ms(250), "{earlier:?} {later:?}");
    }
}

#[test]
fn a_dead_stream_among_many_that_are_quiet_is_convicted_as_fast_as_alone() {
    let mut world = settled(15);
    fall_silent(&mut world);
    world.run(secs(10));
    assert_eq!(
        world.said(Mono(0), |w| matches!(w, What::StreamDead(..))),
        0
    );
    let dead = SymbolId(7);
    world.venue(dead).rest_shift = 3;
    let since = world.now;
    let is_dead = |w: &What| matches!(w, What::StreamDead(Stream::Depth, _));
    world.until(secs(3), |w| said_of(w, dead, since, is_dead) == 1);
    assert_eq!(world.said(since, is_dead), 1, "and none of the others");
    world.until(ms(100), |w| w.resting(dead) == (0, 0));
}

#[test]
fn a_frozen_book_that_trades_go_through_is_convicted_among_many_that_are_quiet() {
    let mut world = settled(5);
    // The others fall silent, one by one confirmed; this one's messages go on with the touch that it had.
    let bid = world.venue(ETH).bid;
    world.venue(ETH).rest_shift = -20;
    fall_silent(&mut world);
    let since = world.now;
    let lost = |w: &World, symbol| {
        said_of(w, symbol, since, |n| {
            *n == What::BookLost(BookLoss::Mismatch)
        })
    };
    for _ in 0..20 {
        if lost(&world, ETH) == 0 {
            let depth = world.venue(ETH).next_depth();
            world.give_depth(ETH, &depth);
            let event_time = world.wall();
            world.market(Market::Trade(Trade {
                id: 1,
                event_time,
                price: Ticks(bid - 20),
                size: Lots(1),
                aggressor: Side::Sell,
            }));
        }
        world.run(ms(100));
    }
    assert_eq!(lost(&world, ETH), 1);
    assert!((1..5).all(|s| lost(&world, SymbolId(s)) == 0));
}

#[test]
fn what_was_refused_or_lost_for_all_is_asked_again_before_anybody_is_pulled() {
    for fault in [
        Fault::Refuse(Why::Transient, Span::ZERO),
        Fault::Refuse(Why::NotSent, Span::ZERO),
        Fault::UnknownLost,
        Fault::LoseReply,
    ] {
        let mut world = settled(15);
        fall_silent(&mut world);
        world.run(secs(8));
        let since = world.now;
        world.fault(Kind::ProbeAll, fault, 1);
        world.run(secs(20));
        assert!(world.faults.is_empty(), "{fault:?} was met");
        assert_eq!(pulled(&world, since), 0, "{fault:?}");
        assert!(many(15).iter().all(|s| world.is_full(*s)), "{fault:?}");
    }
}

#[test]
fn a_book_in_doubt_is_asked_after_again_when_the_answer_for_all_is_lost() {
    let mut world = settled(15);
    fall_silent(&mut world);
    world.run(secs(8));
    world.venue(BTC).rest_shift = 3;
    let is_dead = |w: &What| matches!(w, What::StreamDead(Stream::Depth, _));
    let since = world.now;
    world.fault(Kind::ProbeAll, Fault::LoseReply, 2);
    world.until(secs(5), |w| said_of(w, BTC, since, is_dead) == 1);
}

#[test]
fn a_symbol_that_the_answer_leaves_out_has_no_answer() {
    let mut world = settled(15);
    world.unlisted.insert(BTC);
    world.fault(Kind::Probe, Fault::UnknownLost, 10_000);
    fall_silent(&mut world);
    let since = world.now;
    world.run(ms(3_200));
    assert_eq!(world.resting(BTC), (0, 0));
    let stale = |w: &What| matches!(w, What::StreamStale(..));
    assert_eq!(said_of(&world, BTC, since, stale), 1);
    assert_eq!(world.said(since, stale), 1, "and none of the others");
    world.faults.clear();
    world.unlisted.clear();
    world.silent.clear();
    world.until(secs(10), |w| w.is_full(BTC));
}

#[test]
fn a_lively_book_is_compared_with_what_it_showed_and_a_difference_nobody_asked_for_is_no_doubt() {
    let mut world = settled(15);
    fall_silent(&mut world);
    world.run(secs(6));
    // What REST shows of this one is ahead of its stream all the time.
    world.venue(ETH).rest_shift = 1;
    let since = world.now;
    for _ in 0..90 {
        let depth = world.venue(ETH).next_depth();
        world.give_depth(ETH, &depth);
        world.run(ms(100));
    }
    assert!(world.count(since, |a| *a == Action::ProbeAll) >= 3);
    let asked = world.count(since, |a| *a == Action::Probe(ETH));
    assert!(asked <= 3, "{asked} for a stream that never was silent");
    assert_eq!(pulled(&world, since), 0);
}

#[test]
fn what_the_desks_wish_for_is_part_of_the_digest() {
    let mut world = settled(3);
    let plain = world.engine.digest();
    world.engine.shared.probes.on_wish(ETH, world.now);
    let wished = world.engine.digest();
    assert_ne!(wished, plain);
    world.engine.shared.probes.on_all_asked(world.now);
    assert_ne!(world.engine.digest(), wished);
}
