//! Suspicion by rhythm, probes that decide, and streams that vouch for each other.

use super::world::{ETH, Fault, Kind, World, ms, secs};
use crate::action::Action;
use crate::event::{Link, Market, Stream, Trade};
use crate::instrument::SymbolId;
use crate::notice::{BookLoss, Doubt, What};
use crate::params::ethusdc_defaults;
use crate::units::{Lots, Side, Span, Ticks, Wall};
use alloc::vec::Vec;

/// Quoting, on streams whose rhythm is known.
fn settled() -> World {
    let mut world = World::quoting();
    world.run(secs(23));
    world
}

fn shift_market(world: &mut World, ticks: i64) {
    let venue = world.venue(ETH);
    (venue.bid, venue.ask) = (venue.bid + ticks, venue.ask + ticks);
}

fn dead_within(world: &mut World, limit: Span) -> Span {
    let since = world.now;
    world.until(limit, |w| {
        w.said(since, |w| matches!(w, What::StreamDead(Stream::Depth, _))) == 1
    })
}

#[test]
fn a_silent_lively_stream_is_convicted_by_two_probes_within_a_second_and_off_the_book() {
    let mut world = settled();
    world.silent.insert(Stream::Depth);
    world.silent.insert(Stream::BookTicker);
    shift_market(&mut world, 3);
    let since = world.now;
    let took = dead_within(&mut world, ms(1_000));
    assert!(took >= ms(500), "{took:?}");
    assert_eq!(
        world.said(since, |w| matches!(w, What::StreamSuspect(..))),
        1
    );
    assert_eq!(
        world.count(since, |a| *a == Action::Reconnect(Link::Public)),
        1
    );
    world.until(ms(100), |w| w.resting(ETH) == (0, 0));
    world.silent.clear();
    world.until(secs(5), |w| w.is_full(ETH));
}

#[test]
fn tickers_that_run_ahead_convict_a_silent_depth_stream_without_a_probe() {
    let mut world = settled();
    world.fault(Kind::Probe, Fault::UnknownLost, 1_000);
    world.silent.insert(Stream::Depth);
    shift_market(&mut world, 3);
    world.venue(ETH).update_id += 7;
    dead_within(&mut world, ms(700));
    world.until(ms(100), |w| w.resting(ETH) == (0, 0));
}

#[test]
fn a_suspicion_that_nobody_answers_decides_nothing_before_the_fixed_times() {
    let mut world = settled();
    world.fault(Kind::Probe, Fault::UnknownLost, 1_000);
    world.silent.insert(Stream::Depth);
    world.silent.insert(Stream::BookTicker);
    shift_market(&mut world, 3);
    world.run(ms(2_800));
    assert!(world.is_full(ETH));
    world.until(ms(300), |w| w.resting(ETH) == (0, 0));
}

#[test]
fn a_stream_that_catches_up_after_a_differing_probe_is_not_convicted() {
    let mut world = settled();
    world.silent.insert(Stream::Depth);
    world.silent.insert(Stream::BookTicker);
    shift_market(&mut world, 3);
    let since = world.now;
    world.run(ms(650));
    assert_eq!(
        world.said(since, |w| matches!(w, What::StreamSuspect(..))),
        1
    );
    world.silent.clear();
    world.run(secs(5));
    assert_eq!(world.said(since, |w| matches!(w, What::BookLost(_))), 0);
    assert!(world.is_full(ETH));
}

/// One trade a tenth of a second, `through` ticks below a bid that stands still.
fn trade_through(world: &mut World, bid: i64, through: i64, times: usize) {
    for _ in 0..times {
        let event_time = world.wall();
        world.market(Market::Trade(Trade {
            id: 1,
            event_time,
            price: Ticks(bid - through),
            size: Lots(1),
            aggressor: Side::Sell,
        }));
        world.run(ms(100));
    }
}

/// Depth and ticker go on with the touch that they had, while REST shows another one.
fn freeze(world: &mut World, ticks: i64) {
    let venue = world.venue(ETH);
    venue.rest_shift = ticks;
}

#[test]
fn a_frozen_book_that_trades_go_through_is_convicted_replaced_and_watched_before_it_is_quoted_on() {
    let mut world = settled();
    let bid = world.venue(ETH).bid;
    freeze(&mut world, -20);
    let since = world.now;
    trade_through(&mut world, bid, 20, 12);
    let suspect = What::BookSuspect(Doubt::TradedThrough);
    assert_eq!(world.said(since, |w| *w == suspect), 1);
    assert_eq!(
        world.said(since, |w| *w == What::BookLost(BookLoss::Mismatch)),
        1
    );
    assert_eq!(
        world.count(since, |a| *a == Action::Reconnect(Link::Public)),
        1
    );
    assert_eq!(world.resting(ETH), (0, 0));
    // As long as it is frozen nothing rests for longer than it takes to ask.
    world.run(secs(8));
    assert_eq!(world.resting(ETH), (0, 0));
    freeze(&mut world, 0);
    world.until(secs(10), |w| w.is_full(ETH));
}

#[test]
fn a_frozen_book_is_pulled_when_the_exchange_does_not_answer() {
    let mut world = settled();
    let bid = world.venue(ETH).bid;
    world.fault(Kind::Probe, Fault::UnknownLost, 1_000);
    let since = world.now;
    trade_through(&mut world, bid, 20, 16);
    assert_eq!(world.resting(ETH), (0, 0));
    assert_eq!(world.said(since, |w| matches!(w, What::BookLost(_))), 0);
    world.faults.clear();
    world.until(secs(10), |w| w.is_full(ETH));
}

#[test]
fn trades_through_a_book_that_the_exchange_confirms_change_nothing() {
    let mut world = settled();
    let bid = world.venue(ETH).bid;
    let since = world.now;
    trade_through(&mut world, bid, 20, 100);
    assert!(world.is_full(ETH));
    assert_eq!(world.count(since, |a| matches!(a, Action::CancelAll(_))), 0);
    let probes = world.count(since, |a| matches!(a, Action::Probe(_)));
    assert!((2..=8).contains(&probes), "{probes} in ten seconds");
}

#[test]
fn depth_and_mark_that_lag_alike_are_a_wrong_clock_and_reconnect_nothing() {
    let mut world = settled();
    world.depth_late_by = ms(1_500);
    world.mark_late_by = ms(1_500);
    let since = world.now;
    world.until(ms(1_200), |w| {
        w.said(since, |n| matches!(n, What::ClockDoubted(_))) == 1
    });
    world.run(ms(500));
    assert!(world.is_full_or_reduced(), "excused for three seconds");
    world.run(secs(2));
    world.depth_late_by = Span::ZERO;
    world.mark_late_by = Span::ZERO;
    world.until(secs(5), |w| w.is_full(ETH));
    assert_eq!(world.count(since, |a| matches!(a, Action::Reconnect(_))), 0);
}

#[test]
fn fifteen_quiet_symbols_are_confirmed_armed_and_reconciled_within_the_request_weight() {
    let symbols: Vec<_> = (0..15).map(SymbolId).collect();
    let mut params = ethusdc_defaults();
    params.quoting.layers = 2;
    // Streams too slow to be judged by their rhythm.
    params.liveness.adaptive = false;
    let mut world = World::with(params, &symbols);
    world.connect();
    // Booting costs weight of its own, which a minute later no longer counts.
    world.run(secs(70));
    world.silent.insert(Stream::Depth);
    world.silent.insert(Stream::BookTicker);
    let since = world.now;
    let mut used_max = 0;
    for _ in 0..300 {
        world.run(secs(1));
        let _view = world.view_of(ETH);
        used_max = used_max.max(world.engine.view().weight_used);
    }
    assert!(used_max <= 1_920, "{used_max} of 2400 in a minute");
    let pulled = world.count(since, |a| matches!(a, Action::CancelAll(_)));
    assert_eq!(pulled, 0, "{used_max} of 2400 in a minute");
    assert!(symbols.iter().all(|s| world.is_full(*s)));
}

#[test]
fn late_tickers_judge_nothing() {
    let mut world = settled();
    let since = world.now;
    let ticker = world.venue(ETH).ticker(0);
    world.market(Market::BookTicker(crate::event::BookTicker {
        event_time: Wall(0),
        ..ticker
    }));
    world.run(secs(1));
    assert_eq!(world.said(since, |_| true), 0);
}
