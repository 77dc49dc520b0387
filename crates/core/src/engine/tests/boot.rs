//! Booting: nothing is quoted before everything is known, and then everything is.

use super::world::{ETH, Fault, Kind, World, ms, secs};
use crate::action::Action;
use crate::event::{Fill, Link, LinkState, Resume, Stream, TradesFrom, Why};
use crate::instrument::SymbolId;
use crate::notice::What;
use crate::order::{OrderId, Owner};
use crate::units::{Lots, Mono, Quote, Side};

#[test]
fn nothing_is_placed_until_each_source_has_spoken() {
    for missing in [
        Kind::OpenOrders,
        Kind::Account,
        Kind::Trades,
        Kind::Funding,
        Kind::Snapshot,
        Kind::DeadMan,
    ] {
        let mut world = World::cold();
        world.fault(missing, Fault::UnknownLost, 1_000);
        world.connect();
        world.run(secs(20));
        assert_eq!(world.places(Mono(0)), 0, "without {missing:?}");
        assert_eq!(world.resting(ETH), (0, 0), "without {missing:?}");
        world.faults.clear();
        world.until(secs(10), |w| w.is_full(ETH));
    }
}

#[test]
fn nothing_is_placed_while_a_stream_has_not_spoken() {
    for stream in [Stream::Depth, Stream::Mark] {
        let mut world = World::cold();
        world.silent.insert(stream);
        world.connect();
        world.run(secs(30));
        assert_eq!(world.places(Mono(0)), 0, "without {stream:?}");
        let reconnects = world.count(Mono(0), |a| matches!(a, Action::Reconnect(_)));
        assert!((4..=7).contains(&reconnects), "{reconnects} for {stream:?}");
        world.silent.clear();
        world.until(secs(10), |w| w.is_full(ETH));
    }
}

#[test]
fn nothing_is_placed_while_a_link_is_down() {
    for missing in [Link::Public, Link::Market, Link::User, Link::Orders] {
        let mut world = World::cold();
        world.connect();
        world.link(missing, LinkState::Down);
        world.run(secs(5));
        assert_eq!(world.resting(ETH), (0, 0), "without {missing:?}");
        world.link(missing, LinkState::Up);
        world.until(secs(10), |w| w.is_full(ETH));
    }
}

#[test]
fn a_full_two_sided_ladder_appears_within_a_second() {
    let mut world = World::cold();
    world.connect();
    let took = world.until(secs(2), |w| w.is_full(ETH));
    assert!(took <= ms(1_000), "{took:?}");
    let view = world.view_of(ETH);
    assert_eq!((view.expected.buy, view.expected.sell), (18, 18));
    assert!(view.record.full_quote_at.is_some());
}

#[test]
fn an_unchanged_market_causes_no_order_action() {
    let mut world = World::quoting();
    world.run(secs(2));
    let since = world.now;
    world.run(secs(60));
    let orders = world.count(since, |a| {
        matches!(
            a,
            Action::Place(_) | Action::Cancel(..) | Action::Amend(_) | Action::CancelAll(_)
        )
    });
    assert_eq!(orders, 0);
    // Nobody trades here, which a lively market makes worth a word.
    let silent = |w: &What| matches!(w, What::StreamSilent(Stream::Trade, Link::Market, _));
    assert_eq!(world.said(since, silent), 1);
    assert_eq!(world.said(since, |_| true), 1);
}

#[test]
fn orders_of_an_older_session_are_adopted_and_the_ladder_is_completed() {
    let mut world = World::cold();
    for seq in 1..=6 {
        let id = OrderId { session: 3, seq };
        let (side, price) = match seq % 2 {
            0 => (Side::Buy, 249_000 - i64::from(seq) * 700),
            _ => (Side::Sell, 251_000 + i64::from(seq) * 700),
        };
        world.venue(ETH).put(Owner::Ours(id), side, price, 50);
    }
    world.connect();
    world.run(secs(1));
    assert_eq!(world.said(Mono(0), |w| matches!(w, What::GhostOrder(_))), 6);
    world.until(secs(30), |w| w.is_full(ETH));
    let view = world.view_of(ETH);
    assert_eq!(view.orders.len(), 36, "every order there is known");
}

#[test]
fn a_crowd_of_old_orders_is_cleared_and_quoting_starts() {
    let mut world = World::cold();
    // The exchange holds more than allowed before the engine has said anything.
    world.params.quoting.layers = 100;
    for seq in 1..=60 {
        let id = OrderId { session: 3, seq };
        let price = 240_000 - i64::from(seq) * 10;
        world.venue(ETH).put(Owner::Ours(id), Side::Buy, price, 1);
    }
    world.connect();
    world.run(secs(1));
    world.params.quoting.layers = 18;
    assert!(world.said(Mono(0), |w| matches!(w, What::OrderOverflow(_))) > 0);
    world.until(secs(10), |w| w.is_full(ETH));
}

#[test]
fn trades_since_the_journals_end_are_booked_once() {
    let mut world = World::with(crate::params::ethusdc_defaults(), &[]);
    let wall = world.wall();
    let mut venue = super::venue::Venue::new(ETH);
    let id = OrderId { session: 3, seq: 9 };
    venue.put(Owner::Ours(id), Side::Buy, 249_000, 100);
    assert!(venue.fill(id, 40, None, wall).is_some());
    assert!(venue.fill(id, 60, None, wall).is_some());
    world.venues.insert(ETH, venue);
    // The journal knows the first trade only.
    let resume = Resume {
        size: Lots(40),
        cost: Quote(9_960_000_000),
        trade_id: Some(500),
        ..Resume::default()
    };
    world.add(ETH, resume);
    world.connect();
    world.until(secs(5), |w| w.places(Mono(0)) > 0);
    let view = world.view_of(ETH);
    assert_eq!(view.position, Lots(100));
    assert_eq!(view.trade_id_max, Some(501));
}

#[test]
fn the_back_fill_begins_where_the_journal_is_surely_complete() {
    let mut world = World::with(crate::params::ethusdc_defaults(), &[]);
    world.venues.insert(ETH, super::venue::Venue::new(ETH));
    // Trade 900 came live while the gap before it was not read yet, and the process ended.
    let resume = Resume {
        trade_id: Some(900),
        trades_from: Some(TradesFrom::Id(880)),
        ..Resume::default()
    };
    world.add(ETH, resume);
    world.connect();
    world.run(secs(2));
    let all = world.count(Mono(0), |a| matches!(a, Action::FetchTrades(..)));
    let from_there = world.count(Mono(0), |a| {
        *a == Action::FetchTrades(ETH, TradesFrom::Id(880))
    });
    assert!(from_there > 0 && from_there == all, "{from_there} of {all}");
}

#[test]
fn more_trades_than_a_page_are_read_page_by_page_and_no_further() {
    let mut world = World::with(crate::params::ethusdc_defaults(), &[]);
    let mut venue = super::venue::Venue::new(ETH);
    let trade = |trade_id, size| crate::event::TradeReport {
        exchange_id: 1,
        side: Side::Buy,
        fill: Fill {
            trade_id,
            price: super::world::ticks(250_000),
            size: Lots(size),
            fee: Quote::ZERO,
            fee_other_e8: 0,
            realized: Quote::ZERO,
            maker: true,
        },
        time: crate::units::Wall(1),
    };
    // The last of a full page cannot be booked: its size is zero.
    venue.trades.extend((1..1_000).map(|id| trade(id, 1)));
    venue.trades.push(trade(1_000, 0));
    venue.trades.extend((1_001..=1_500).map(|id| trade(id, 1)));
    venue.position = 1_499;
    world.is_bound_checked = false;
    world.venues.insert(ETH, venue);
    let resume = Resume {
        trade_id: Some(0),
        ..Resume::default()
    };
    world.add(ETH, resume);
    world.connect();
    world.run(secs(5));
    assert_eq!(world.view_of(ETH).position, Lots(1_499));
    let pages = world.count(Mono(0), |a| matches!(a, Action::FetchTrades(..)));
    assert!(pages <= 4, "{pages}");
}

#[test]
fn a_symbol_added_to_connections_that_are_up_is_expected_to_speak() {
    let mut world = World::quoting();
    world.silent.insert(Stream::Depth);
    world.silent.insert(Stream::BookTicker);
    world.silent.insert(Stream::Mark);
    let since = world.now;
    world.add(super::world::BTC, Resume::default());
    world.run(ms(5_100));
    let reconnects = world.count(since, |a| *a == Action::Reconnect(Link::Public));
    assert_eq!(reconnects, 1, "both symbols are dead, one connection");
    world.silent.clear();
    world.until(secs(10), |w| w.is_full(ETH) && w.is_full(super::world::BTC));
}

#[test]
fn a_snapshot_that_cannot_be_had_is_tried_again_with_pauses() {
    let mut world = World::cold();
    world.fault(
        Kind::Snapshot,
        Fault::Refuse(Why::Transient, crate::units::Span::ZERO),
        1_000,
    );
    world.connect();
    world.run(secs(60));
    let asked = world.count(Mono(0), |a| matches!(a, Action::FetchSnapshot(_)));
    assert!((6..=12).contains(&asked), "{asked}");
    world.faults.clear();
    world.until(secs(10), |w| w.is_full(ETH));
}

#[test]
fn fifteen_symbols_read_the_account_together_and_their_own_orders_not_once_more_for_it() {
    let symbols: alloc::vec::Vec<_> = (0..15).map(SymbolId).collect();
    let mut params = crate::params::ethusdc_defaults();
    params.quoting.layers = 2;
    let mut world = World::with(params, &symbols);
    world.connect();
    world.until(secs(3), |w| symbols.iter().all(|s| w.is_full(*s)));
    world.run(secs(10));
    let reads = |world: &World, since| {
        let count = |what: fn(&Action) -> bool| world.count(since, what);
        (
            count(|a| *a == Action::FetchAccount),
            count(|a| matches!(a, Action::FetchOpenOrders(_))),
            count(|a| matches!(a, Action::FetchTrades(..))),
        )
    };
    // The first comparison follows the first reading.
    assert_eq!(reads(&world, Mono(0)), (1, 30, 30));
    // The user stream is replaced a moment after the account was asked for: once more, not once a symbol.
    let since = world.now;
    world.link(Link::User, LinkState::Up);
    world.run(ms(100));
    world.link(Link::User, LinkState::Up);
    world.run(secs(10));
    let (account, orders, trades) = reads(&world, since);
    assert!(account <= 2, "{account} accounts");
    assert_eq!((orders, trades), (30, 30));
}
