//! The synthetic market on the real venue, checked from outside after each of its acts.

use std::sync::atomic::{AtomicU64, Ordering};

use super::*;
use crate::api::{
    AccountId, EventBody, ExecutionType, MarketEvent, NewOrder, ONE, StreamMask, SymbolId,
    TimeInForce, UserEvent,
};
use crate::exchange::{Exchange, ExchangeConfig};
use crate::symbol::SymbolSpec;

const START_US: u64 = 1_723_161_256_000_000;
const SECOND_US: u64 = 1_000_000;
const SYMBOL: SymbolId = SymbolId(0);

/// Passes a flow on and looks at the book after each of its acts.
struct Watched {
    flow: SyntheticFlow,
    acts: Arc<AtomicU64>,
}

impl MarketFlow for Watched {
    fn advance(&mut self, now_us: u64, market: &mut MarketSide<'_>) {
        self.flow.advance(now_us, market);
        self.acts.fetch_add(1, Ordering::Relaxed);
        let (bid, _) = market.best(Side::Buy).expect("bids are never gone");
        let (ask, _) = market.best(Side::Sell).expect("asks are never gone");
        assert!(bid < ask, "crossed: {bid} and {ask} at {now_us}");
        let due_us = self.flow.next_due_us();
        assert!(
            due_us.is_some_and(|due_us| due_us > now_us),
            "due {due_us:?} at {now_us}"
        );
    }

    fn next_due_us(&self) -> Option<u64> {
        self.flow.next_due_us()
    }
}

struct Bench {
    venue: Exchange,
    handle: FlowHandle,
    acts: Arc<AtomicU64>,
}

fn bench(params: FlowParams, spec: SymbolSpec, price: E8, seed: u64) -> Bench {
    let mut venue = Exchange::new(ExchangeConfig::new(START_US, vec![(spec, price)]), seed);
    let flow = SyntheticFlow::new(params, price, seed);
    let handle = flow.handle();
    let acts = Arc::new(AtomicU64::new(0));
    let watched = Watched {
        flow,
        acts: Arc::clone(&acts),
    };
    venue.attach_flow(SYMBOL, Box::new(watched));
    venue.publish(SYMBOL, StreamMask(0));
    Bench {
        venue,
        handle,
        acts,
    }
}

fn eth(regime: Regime, seed: u64) -> Bench {
    bench(
        FlowParams::new(regime),
        SymbolSpec::ethusdc(),
        2500 * ONE,
        seed,
    )
}

fn mid(venue: &Exchange) -> f64 {
    let top = venue.book_ticker(SYMBOL);
    (top.bid.0 + top.ask.0) as f64 / 2.0
}

#[test]
fn never_crossed_and_never_one_sided_in_any_regime() {
    for regime in Regime::ALL {
        for seed in 1..=3 {
            let params = FlowParams::new(regime).light();
            let mut bench = bench(params, SymbolSpec::ethusdc(), 2500 * ONE, seed);
            bench.venue.advance(START_US + 600 * SECOND_US);
            let acts = bench.acts.load(Ordering::Relaxed);
            assert!(acts > 600, "{regime:?} {seed}: only {acts} acts");
        }
        let mut bench = eth(regime, 4);
        bench.venue.advance(START_US + 60 * SECOND_US);
    }
}

#[test]
fn the_normal_market_holds_at_the_full_rate_for_ten_minutes() {
    let mut bench = eth(Regime::Normal, 5);
    bench.venue.advance(START_US + 600 * SECOND_US);
    let depth = bench.venue.depth(SYMBOL, 1_000);
    // Real ETHUSDT has 984 prices in use within 50 bps; the tick of 0.01 is finer at 2681 than at 2500.
    assert!(
        (800..=1_000).contains(&depth.bids.len()),
        "{}",
        depth.bids.len()
    );
    assert!(
        (800..=1_000).contains(&depth.asks.len()),
        "{}",
        depth.asks.len()
    );
}

/// A digest of everything published, and of the final book.
fn digest(seed: u64, step_us: u64) -> u64 {
    let mut bench = eth(Regime::Jumpy, seed);
    bench.venue.publish(SYMBOL, StreamMask::ALL);
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    let mut events = Vec::new();
    let mut now_us = START_US;
    while now_us < START_US + 30 * SECOND_US {
        now_us += step_us;
        bench.venue.advance(now_us);
        bench.venue.drain_events(&mut events);
        for event in events.drain(..) {
            for byte in format!("{event:?}").bytes() {
                hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
            }
        }
    }
    hash
}

#[test]
fn a_seed_gives_one_market_however_time_is_stepped() {
    let once = digest(7, 30 * SECOND_US);
    assert_eq!(once, digest(7, 30 * SECOND_US));
    assert_eq!(once, digest(7, 100_000));
    assert_ne!(once, digest(8, 30 * SECOND_US));
}

#[test]
fn the_spread_is_one_tick_almost_always_except_where_it_must_not_be() {
    for (regime, wide) in [(Regime::Normal, false), (Regime::Illiquid, true)] {
        let mut bench = eth(regime, 9);
        let mut one_tick = 0;
        for sample in 1..=1_000 {
            bench.venue.advance(START_US + sample * 100_000);
            let top = bench.venue.book_ticker(SYMBOL);
            one_tick += u32::from(top.ask.0 - top.bid.0 == ONE / 100);
        }
        if wide {
            assert_eq!(one_tick, 0, "{regime:?}");
        } else {
            assert!(one_tick > 960, "{regime:?} {one_tick}");
        }
    }
}

#[test]
fn any_price_and_grid_makes_a_market() {
    let doge = SymbolSpec::generic("DOGE", "USDC", ONE / 100_000, ONE, 5 * ONE);
    let cheap = SymbolSpec::generic("XXX", "USDC", ONE / 10_000, ONE, 5 * ONE);
    let cases = [
        (doge, ONE / 5),
        (cheap, ONE / 100),
        (SymbolSpec::btcusdc(), 60_000 * ONE),
    ];
    for (spec, price) in cases {
        let name = spec.name.clone();
        let mut bench = bench(FlowParams::new(Regime::Normal), spec, price, 3);
        bench.venue.advance(START_US + 60 * SECOND_US);
        let moved = mid(&bench.venue) / price as f64;
        assert!((0.9..1.1).contains(&moved), "{name}: {moved}");
        assert!(bench.venue.depth(SYMBOL, 20).bids.len() == 20, "{name}");
        assert!(!bench.venue.recent_trades(SYMBOL, 10).is_empty(), "{name}");
    }
}

#[test]
fn a_scripted_crash_goes_where_it_was_sent_and_fills_what_it_passes() {
    let mut bench = eth(Regime::Normal, 11);
    let account = bench.venue.add_account(&[("USDC", 1_000_000 * ONE)]);
    bench.venue.advance(START_US + SECOND_US);
    let before = mid(&bench.venue);
    for layer in 1..=18 {
        let price = (before as i64 - layer * 3 * ONE) / (ONE / 100) * (ONE / 100);
        let order = NewOrder::limit(SYMBOL, Side::Buy, price, ONE / 10, TimeInForce::Gtx);
        bench
            .venue
            .place(START_US + SECOND_US, account, &order)
            .expect("a resting bid");
    }
    assert!(bench.handle.push_price(-1_000.0, 2_000));
    bench.venue.advance(START_US + 2 * SECOND_US);
    let halfway = mid(&bench.venue) / before;
    assert!((0.93..0.97).contains(&halfway), "{halfway}");
    bench.venue.advance(START_US + 4 * SECOND_US);
    let after = mid(&bench.venue) / before;
    assert!((0.895..0.905).contains(&after), "{after}");
    assert_eq!(bench.venue.open_orders(account, Some(SYMBOL)).len(), 0);
    let position = bench.venue.positions(account, Some(SYMBOL));
    assert_eq!(position.first().map(|view| view.qty), Some(18 * ONE / 10));
}

#[test]
fn a_regime_can_be_changed_while_it_runs() {
    let mut bench = eth(Regime::Normal, 12);
    bench.venue.advance(START_US + 5 * SECOND_US);
    assert!(bench.handle.adopt(FlowParams::new(Regime::Illiquid)));
    bench.venue.advance(START_US + 30 * SECOND_US);
    let top = bench.venue.book_ticker(SYMBOL);
    assert!(top.ask.0 - top.bid.0 > ONE / 2, "the spread is {top:?}");
    assert!(bench.handle.adopt(FlowParams::new(Regime::Normal)));
    bench.venue.advance(START_US + 60 * SECOND_US);
    let top = bench.venue.book_ticker(SYMBOL);
    assert!(top.ask.0 - top.bid.0 <= ONE / 10, "the spread is {top:?}");
}

#[test]
fn commands_are_bounded() {
    let flow = SyntheticFlow::new(FlowParams::new(Regime::Normal), ONE, 1);
    let handle = flow.handle();
    let taken = (0..1_000).filter(|_| handle.push_price(1.0, 1)).count();
    assert_eq!(taken, COMMANDS_MAX);
}

/// Keeps 18 layers a side from 1.2 off the mid, 1.2 apart, put back around the mid every `recentre_s`; returns the
/// share of minutes in which bids were filled, asks were filled, and both.
fn ladder_fills(regime: Regime, seed: u64, recentre_s: u64) -> (f64, f64, f64) {
    let mut bench = eth(regime, seed);
    let account = bench.venue.add_account(&[("USDC", 100_000_000 * ONE)]);
    let minutes = 20;
    let (mut bids, mut asks, mut both) = (0.0, 0.0, 0.0);
    let mut events = Vec::new();
    for minute in 0..minutes {
        let (mut bought, mut sold) = (false, false);
        for round in 0..60 / recentre_s {
            let now_us = START_US + (minute * 60 + round * recentre_s + 1) * SECOND_US;
            requote(&mut bench.venue, now_us, account);
            bench.venue.advance(now_us + recentre_s * SECOND_US - 1);
            bench.venue.drain_events(&mut events);
            for side in events
                .drain(..)
                .filter_map(|event| filled_side(&event.body))
            {
                match side {
                    Side::Buy => bought = true,
                    Side::Sell => sold = true,
                }
            }
        }
        bids += f64::from(u8::from(bought));
        asks += f64::from(u8::from(sold));
        both += f64::from(u8::from(bought && sold));
    }
    let share = minutes as f64;
    (bids / share, asks / share, both / share)
}

fn requote(venue: &mut Exchange, now_us: u64, account: AccountId) {
    venue.cancel_all(now_us, account, SYMBOL);
    let mid = mid(venue) as i64;
    for layer in 0..18 {
        let distance = (layer + 1) * ONE * 12 / 10;
        for side in [Side::Buy, Side::Sell] {
            let price = (mid - side.sign() * distance) / (ONE / 100) * (ONE / 100);
            let order = NewOrder::limit(SYMBOL, side, price, ONE / 20, TimeInForce::Gtx);
            // Post-only may be refused when the price just moved; the next round quotes again.
            let _ = venue.place(now_us, account, &order);
        }
    }
}

fn filled_side(body: &EventBody) -> Option<Side> {
    let EventBody::User(user) = body else {
        return None;
    };
    match user.as_ref() {
        UserEvent::OrderUpdate(update) if update.execution == ExecutionType::Trade => {
            Some(update.side)
        }
        _ => None,
    }
}

#[test]
fn a_ladder_is_filled_on_both_sides_in_most_minutes_of_the_lively_market() {
    let (bids, asks, both) = ladder_fills(Regime::Lively, 21, 10);
    assert!(
        bids > 0.8 && asks > 0.8 && both > 0.7,
        "{bids} {asks} {both}"
    );
}

#[test]
fn a_ladder_is_filled_on_some_side_in_most_minutes_of_the_normal_market() {
    let (bids, asks, both) = ladder_fills(Regime::Normal, 22, 20);
    // The capture: one side in 95 % of the minutes, both in 30 %.
    let any = bids + asks - both;
    assert!(any > 0.6, "{bids} {asks} {both}");
}

#[test]
fn the_public_tape_moves_with_the_takers() {
    let mut bench = eth(Regime::Normal, 23);
    bench.venue.publish(SYMBOL, StreamMask::TRADE);
    bench.venue.advance(START_US + 60 * SECOND_US);
    let mut events = Vec::new();
    bench.venue.drain_events(&mut events);
    let trades = events
        .iter()
        .filter(|event| matches!(&event.body, EventBody::Market(MarketEvent::Trade(_))))
        .count();
    // 40.8 trades a second in the capture.
    assert!((900..6_000).contains(&trades), "{trades}");
}
