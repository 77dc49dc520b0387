//! Promise `fresh`: data that is old, broken or contradicted is not quoted on, and quoting returns with it.

use super::world::{BTC, ETH, Fault, Kind, World, ms, secs};
use crate::action::Action;
use crate::event::{
    BookTicker, ContractStatus, DepthUpdate, Level, Link, LinkState, Malformed, Market, Stream,
};
use crate::notice::{BookLoss, What};
use crate::units::{Lots, Ticks, Wall};
use alloc::vec::Vec;

fn silence_book(world: &mut World) {
    world.silent.insert(Stream::Depth);
    world.silent.insert(Stream::BookTicker);
}

#[test]
fn a_silent_depth_stream_of_unknown_rhythm_is_convicted_by_probes_before_it_is_stale_and_comes_back()
 {
    let mut world = World::quoting();
    silence_book(&mut world);
    // The market moved away: a probe cannot vouch for the book.
    world.venue(ETH).bid += 40;
    world.venue(ETH).ask += 40;
    let since = world.now;
    world.run(ms(2_800));
    let dead = world.said(since, |w| matches!(w, What::StreamDead(Stream::Depth, _)));
    assert_eq!(
        dead, 1,
        "two probes convicted the stream before three seconds"
    );
    world.until(ms(1_000), |w| w.resting(ETH) == (0, 0));
    world.until(ms(3_000), |w| {
        w.count(since, |a| *a == Action::Reconnect(Link::Public)) > 0
    });
    assert!(world.now.since(since) <= ms(5_200));
    world.silent.clear();
    world.until(secs(10), |w| w.is_full(ETH));
    let risk = world.view_of(ETH).record.time_at_risk_max;
    assert!(risk <= ms(3_100), "{risk:?}");
}

#[test]
fn after_a_silence_of_the_market_orders_and_trades_are_compared_at_once() {
    let mut world = World::quoting();
    silence_book(&mut world);
    world.fault(Kind::Probe, Fault::UnknownLost, 1_000);
    world.until(secs(4), |w| w.resting(ETH) == (0, 0));
    world.faults.clear();
    world.silent.clear();
    let back = world.now;
    world.until(secs(5), |w| w.is_full(ETH));
    world.run(ms(1_000));
    let open = world.count(back, |a| *a == Action::FetchOpenOrders(ETH));
    let account = world.count(back, |a| *a == Action::FetchAccount);
    assert!(open > 0 && account > 0, "{open} lists, {account} accounts");
    assert!(
        world.now.since(back) <= secs(6),
        "not the comparison of every 30 s"
    );
}

#[test]
fn without_probes_the_silence_itself_pulls_at_three_seconds() {
    let mut world = World::quoting();
    silence_book(&mut world);
    world.fault(Kind::Probe, Fault::UnknownLost, 1_000);
    let since = world.now;
    world.run(ms(2_850));
    assert!(world.is_full(ETH));
    world.until(ms(400), |w| w.resting(ETH) == (0, 0));
    assert_eq!(world.said(since, |w| matches!(w, What::StreamStale(..))), 1);
    world.run(ms(2_000));
    assert_eq!(world.said(since, |w| matches!(w, What::StreamDead(..))), 1);
    assert_eq!(world.count(since, |a| matches!(a, Action::Reconnect(_))), 1);
    world.faults.clear();
    world.silent.clear();
    world.until(secs(10), |w| w.is_full(ETH));
}

#[test]
fn a_quiet_market_that_probes_confirm_is_quoted_on() {
    let mut world = World::quoting();
    silence_book(&mut world);
    let since = world.now;
    world.run(secs(60));
    assert!(world.is_full(ETH));
    assert_eq!(world.count(since, |a| matches!(a, Action::Reconnect(_))), 0);
    let probes = world.count(since, |a| matches!(a, Action::Probe(_)));
    assert!((30..=60).contains(&probes), "{probes}");
}

#[test]
fn quiet_trades_and_tickers_are_legal() {
    let mut world = World::quoting();
    world.silent.insert(Stream::BookTicker);
    let since = world.now;
    world.run(secs(30));
    assert!(world.is_full(ETH));
    assert_eq!(world.said(since, |_| true), 0);
}

#[test]
fn a_ticker_stream_that_misses_what_the_book_shows_is_replaced_and_nothing_is_pulled() {
    let mut world = World::quoting();
    world.silent.insert(Stream::BookTicker);
    world.makes_before_breaking = true;
    let since = world.now;
    let dead = |w: &What| matches!(w, What::StreamDead(Stream::BookTicker, _));
    for step in 0..12 {
        world.move_to(ETH, 250_000 + step % 2);
        world.run(ms(450));
    }
    assert_eq!(
        world.count(since, |a| *a == Action::Reconnect(Link::Public)),
        1
    );
    let pulls = world.count(since, |a| matches!(a, Action::CancelAll(_)));
    assert_eq!((pulls, world.said(since, dead)), (0, 1));
    assert_eq!(world.said(since, |w| matches!(w, What::BookLost(_))), 0);
}

#[test]
fn a_user_stream_whose_events_come_late_is_replaced_once_and_read_by_rest() {
    let mut world = World::quoting();
    world.user_late_by = ms(1_300);
    let since = world.now;
    for step in 0..20 {
        world.run(secs(1));
        world.move_to(ETH, 250_000 + 400 * (step % 2));
    }
    let dead = |w: &What| matches!(w, What::StreamDead(Stream::User, late) if *late == ms(1_303));
    assert_eq!(world.said(since, dead), 1);
    assert_eq!(world.count(since, |a| *a == Action::RenewListenKey), 1);
    world.user_late_by = ms(0);
    world.until(secs(10), |w| w.is_full_or_reduced());
}

#[test]
fn a_dead_mark_stream_pulls_and_is_reconnected() {
    let mut world = World::quoting();
    world.silent.insert(Stream::Mark);
    let since = world.now;
    world.run(secs(6));
    assert_eq!(world.resting(ETH), (0, 0));
    assert_eq!(
        world.count(since, |a| *a == Action::Reconnect(Link::Market)),
        1
    );
    world.silent.clear();
    world.until(secs(10), |w| w.is_full(ETH));
}

#[test]
fn late_event_times_pull_at_once_and_are_cured_by_a_new_connection() {
    let mut world = World::quoting();
    world.depth_late_by = ms(1_500);
    let since = world.now;
    world.until(ms(300), |w| w.resting(ETH) == (0, 0));
    world.run(secs(5));
    assert_eq!(
        world.count(since, |a| *a == Action::Reconnect(Link::Public)),
        1
    );
    world.depth_late_by = ms(0);
    world.until(secs(10), |w| w.is_full(ETH));
}

#[test]
fn a_gap_in_the_chain_resynchronises() {
    let mut world = World::quoting();
    let since = world.now;
    let _lost = world.venue(ETH).next_depth();
    world.until(secs(3), |w| {
        w.said(since, |n| *n == What::BookLost(BookLoss::Gap)) == 1
            && w.said(since, |n| *n == What::BookReady) == 1
    });
    world.until(secs(10), |w| w.is_full(ETH));
    assert_eq!(
        world.count(since, |a| matches!(a, Action::FetchSnapshot(_))),
        1
    );
}

#[test]
fn duplicated_updates_change_nothing() {
    let mut world = World::quoting();
    let since = world.now;
    for _ in 0..20 {
        let depth = world.venue(ETH).next_depth();
        world.give_depth(ETH, &depth);
        world.give_depth(ETH, &depth);
        world.run(ms(100));
    }
    assert!(world.is_full(ETH));
    assert_eq!(world.said(since, |_| true), 0);
}

#[test]
fn malformed_frames_lose_the_book_once_and_never_make_a_storm_of_snapshots() {
    let mut world = World::quoting();
    let since = world.now;
    // Every other frame is broken for a minute.
    for _ in 0..600 {
        world.market(Market::Malformed(Stream::Depth, Malformed::Shape));
        world.run(ms(100));
    }
    let asked = world.count(since, |a| matches!(a, Action::FetchSnapshot(_)));
    assert!(asked <= 31, "{asked} snapshots of weight 20 in a minute");
    assert_eq!(world.resting(ETH), (0, 0));
    world.until(secs(10), |w| w.is_full(ETH));
}

#[test]
fn a_stream_whose_chain_breaks_with_each_message_never_makes_a_storm_of_snapshots() {
    let mut world = World::quoting();
    let since = world.now;
    for _ in 0..300 {
        let _lost = world.venue(ETH).next_depth();
        world.run(ms(200));
    }
    let asked = world.count(since, |a| matches!(a, Action::FetchSnapshot(_)));
    assert!(asked <= 31, "{asked}");
    world.until(secs(10), |w| w.is_full(ETH));
}

#[test]
fn an_empty_side_of_the_book_is_no_market_and_no_loop() {
    let mut world = World::quoting();
    world.run(ms(50));
    let venue = world.venue(ETH);
    let (prev, bid) = (venue.sent_id, venue.bid);
    let bids: Vec<_> = (0..5)
        .map(|i| Level {
            price: Ticks(bid - i),
            size: Lots(0),
        })
        .collect();
    let now = world.wall();
    silence_book(&mut world);
    world.market(Market::Depth(DepthUpdate {
        first_id: prev + 1,
        last_id: prev + 2,
        prev_id: prev,
        event_time: now,
        transact_time: now,
        bids: &bids,
        asks: &[],
    }));
    world.run(secs(3));
    assert_eq!(world.resting(ETH), (0, 0));
    world.silent.clear();
    world.until(secs(15), |w| w.is_full(ETH));
}

#[test]
fn a_book_that_the_ticker_stream_contradicts_is_convicted_and_rebuilt() {
    let mut world = World::quoting();
    world.silent.insert(Stream::BookTicker);
    let since = world.now;
    // Depth goes on with an unbroken chain, and the tickers tell of another touch.
    for _ in 0..5 {
        let id = world.venue(ETH).sent_id;
        let at = |price| Level {
            price: Ticks(price),
            size: Lots(1),
        };
        for update_id in [id - 1, id + 1] {
            world.market(Market::BookTicker(BookTicker {
                update_id,
                event_time: Wall(0),
                bid: at(250_050),
                ask: at(250_051),
            }));
        }
        world.run(ms(100));
    }
    let lost = What::BookLost(BookLoss::Mismatch);
    assert_eq!(world.said(since, |w| *w == lost), 1);
    world.silent.clear();
    world.until(secs(10), |w| w.is_full(ETH));
}

#[test]
fn a_ticker_stream_that_lies_for_good_costs_one_rebuild_a_minute() {
    let mut world = World::quoting();
    world.silent.insert(Stream::BookTicker);
    let since = world.now;
    for _ in 0..900 {
        let id = world.venue(ETH).sent_id;
        let at = |price| Level {
            price: Ticks(price),
            size: Lots(1),
        };
        for update_id in [id - 1, id + 1] {
            world.market(Market::BookTicker(BookTicker {
                update_id,
                event_time: Wall(0),
                bid: at(250_050),
                ask: at(250_051),
            }));
        }
        world.run(ms(100));
    }
    let lost = world.said(since, |w| matches!(w, What::BookLost(_)));
    assert!(lost <= 2, "{lost}");
    assert!(world.is_full(ETH), "probes agree with the book");
}

#[test]
fn a_probe_that_differs_is_doubt_and_convicts_a_book_that_stands_still() {
    let mut world = World::quoting();
    let (bid, ask) = (world.venue(ETH).bid, world.venue(ETH).ask);
    let since = world.now;
    // Depth speaks on, but of a market that has gone: 0.4 % away by REST.
    let probe = |world: &mut World, bid: i64, ask: i64| {
        let at = |price| Level {
            price: Ticks(price),
            size: Lots(1),
        };
        let requested_at = world.now;
        let seen = BookTicker {
            update_id: 0,
            event_time: Wall(0),
            bid: at(bid),
            ask: at(ask),
        };
        let outcome = crate::event::Outcome::Accepted(seen);
        world.answer(&super::world::Answer::Probe(ETH, requested_at, outcome));
    };
    probe(&mut world, bid + 1_000, ask + 1_000);
    world.run(ms(400));
    assert_eq!(world.count(since, |a| matches!(a, Action::Probe(_))), 1);
    assert!(world.is_full(ETH), "the second one agreed");
    // The next ones do not: the touch stands still, and they differ three times with the stream's time to catch up.
    world.fault(Kind::Probe, Fault::UnknownLost, 1_000);
    let lost = What::BookLost(BookLoss::Mismatch);
    for times in 1..=3 {
        assert_eq!(world.said(since, |w| *w == lost), 0);
        probe(&mut world, bid + 1_000, ask + 1_000);
        probe(&mut world, bid + 1_000, ask + 1_000);
        assert_eq!(world.said(since, |w| *w == lost), usize::from(times == 3));
        world.run(ms(310));
    }
    world.faults.clear();
    world.until(secs(10), |w| w.is_full(ETH));
}

#[test]
fn a_public_connection_that_is_lost_pulls_at_once() {
    let mut world = World::quoting();
    world.link(Link::Public, LinkState::Down);
    world.until(ms(100), |w| w.resting(ETH) == (0, 0));
    world.run(secs(60));
    assert_eq!(world.resting(ETH), (0, 0));
    world.link(Link::Public, LinkState::Up);
    world.until(secs(10), |w| w.is_full(ETH));
}

#[test]
fn time_at_risk_goes_on_while_the_connection_is_down() {
    let mut world = World::quoting();
    world.fault(Kind::CancelAll, Fault::LoseReply, 1_000);
    world.fault(Kind::Cancel, Fault::UnknownLost, 1_000);
    world.silent.insert(Stream::User);
    world.link(Link::Public, LinkState::Down);
    world.run(secs(8));
    let record = world.view_of(ETH).record;
    let risk = record.time_at_risk_max;
    assert!(
        risk > ms(500),
        "orders rested for {risk:?} that nobody could account for"
    );
    let left = record.left_at_risk_max;
    assert!(left < ms(300), "asked for at once: {left:?}");
}

#[test]
fn a_planned_replacement_of_connections_pulls_nothing() {
    let mut world = World::quoting();
    let since = world.now;
    for link in [Link::Public, Link::Market, Link::User] {
        world.link(link, LinkState::Up);
        assert!(world.is_full(ETH), "{link:?}");
        world.run(secs(1));
    }
    assert_eq!(
        world.count(since, |a| matches!(
            a,
            Action::CancelAll(_) | Action::Cancel(..)
        )),
        0
    );
}

#[test]
fn a_contract_that_stops_trading_is_pulled_and_resumes_with_it() {
    let mut world = World::quoting();
    world.market(Market::Status(ContractStatus::NotTrading));
    world.until(ms(100), |w| w.resting(ETH) == (0, 0));
    world.run(secs(60));
    assert_eq!(world.resting(ETH), (0, 0));
    world.market(Market::Status(ContractStatus::Trading));
    world.until(secs(10), |w| w.is_full(ETH));
}

#[test]
fn one_symbols_silence_does_not_touch_the_other() {
    let mut params = crate::params::ethusdc_defaults();
    params.liveness.dead = secs(60);
    let mut world = World::with(params, &[ETH, BTC]);
    world.connect();
    world.until(secs(3), |w| w.is_full(ETH) && w.is_full(BTC));
    world.market(Market::Malformed(Stream::Depth, Malformed::Shape));
    assert!(world.is_full(BTC));
    world.until(secs(10), |w| w.is_full(ETH) && w.is_full(BTC));
}
