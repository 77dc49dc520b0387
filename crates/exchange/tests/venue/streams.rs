//! Market streams: the update-id rules of protocol §2.8, the book ticker, trades and their aggregation, the mark.

use std::collections::BTreeMap;

use super::bench::*;
use phoenix_exchange::api::*;
use phoenix_exchange::market::Removal;
use phoenix_exchange::prng::Prng;
use proptest::prelude::*;

use Side::{Buy, Sell};

impl Bench {
    fn market_events(&mut self) -> Vec<MarketEvent> {
        let ours = |event: Event| match event.body {
            EventBody::Market(market) if event.to == Recipient::Symbol(ETH) => Some(market),
            EventBody::User(_) | EventBody::Market(_) => None,
        };
        self.drain().into_iter().filter_map(ours).collect()
    }

    fn depth_events(&mut self, cadence: Cadence) -> Vec<DepthEvent> {
        let ours = |event| match event {
            MarketEvent::Depth(depth) if depth.cadence == cadence => Some(depth),
            _ => None,
        };
        self.market_events().into_iter().filter_map(ours).collect()
    }
}

/// A local book as protocol §2.8 keeps it.
#[derive(Debug, Default, PartialEq)]
struct LocalBook {
    bids: BTreeMap<E8, E8>,
    asks: BTreeMap<E8, E8>,
}

impl LocalBook {
    fn of(depth: &DepthView) -> LocalBook {
        LocalBook {
            bids: depth.bids.iter().copied().collect(),
            asks: depth.asks.iter().copied().collect(),
        }
    }

    fn apply(&mut self, event: &DepthEvent) {
        for (levels, changes) in [(&mut self.bids, &event.bids), (&mut self.asks, &event.asks)] {
            for (price, qty) in changes {
                if *qty == 0 {
                    levels.remove(price);
                } else {
                    levels.insert(*price, *qty);
                }
            }
        }
    }
}

/// One random operation of the background.
fn stir(bench: &mut Bench, prng: &mut Prng) {
    let side = if prng.chance(1, 2) { Buy } else { Sell };
    let price = d("2500") - side.sign() * prng.between(-3, 30) * d("0.01");
    let qty = prng.between(1, 5000) * d("0.001");
    let kind = prng.below(4);
    bench.market(|market| match kind {
        0 | 1 => drop(market.add_background(side, price, qty)),
        2 => drop(market.remove_background(side, price, qty, Removal::FromBack)),
        _ => drop(market.take(side, qty, None)),
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn any_snapshot_bridges_to_the_exact_book(seed: u64, snapshot_at in 20..180_u64) {
        let mut bench = Bench::quiet();
        let mut prng = Prng::new(seed);
        let mut snapshot = None;
        for turn in 0..200 {
            stir(&mut bench, &mut prng);
            if turn == snapshot_at {
                snapshot = Some(bench.venue.depth(ETH, 1000));
            }
            bench.pass(prng.below(30_000));
        }
        bench.pass(SECOND_US);
        let snapshot = snapshot.expect("the turn of the snapshot is one of the turns");
        let truth = LocalBook::of(&bench.venue.depth(ETH, 1000));
        let mut events: BTreeMap<Cadence, Vec<DepthEvent>> = BTreeMap::new();
        for event in bench.market_events() {
            if let MarketEvent::Depth(depth) = event {
                events.entry(depth.cadence).or_default().push(depth);
            }
        }
        prop_assert_eq!(events.len(), 3);
        for events in events.values() {
            for pair in events.windows(2) {
                prop_assert_eq!(pair[1].prev_update_id, pair[0].last_update_id);
                prop_assert!(pair[1].first_update_id > pair[0].last_update_id);
            }
            let mut rest = events.iter().skip_while(|event| event.last_update_id < snapshot.last_update_id);
            let first = rest.next().expect("an event carries the snapshot's last change");
            prop_assert!(first.first_update_id <= snapshot.last_update_id);
            let mut book = LocalBook::of(&snapshot);
            book.apply(first);
            rest.for_each(|event| book.apply(event));
            prop_assert_eq!(&book, &truth);
        }
    }
}

#[test]
fn each_cadence_speaks_on_its_multiples_and_only_after_changes() {
    let mut bench = Bench::quiet();
    bench.pass(SECOND_US);
    bench.drain();
    bench.pass(SECOND_US);
    assert!(
        bench.depth_events(Cadence::Ms100).is_empty(),
        "nothing changed"
    );
    bench.market(|market| market.add_background(Buy, d("2499.90"), d("1")));
    bench.pass(SECOND_US);
    let events = bench.market_events();
    let at = |cadence| {
        let times = events.iter().filter_map(|event| match event {
            MarketEvent::Depth(depth) if depth.cadence == cadence => Some((
                depth.event_time_ms - i64::try_from(START_US / 1000).unwrap(),
                depth.bids.clone(),
            )),
            _ => None,
        });
        times.collect::<Vec<_>>()
    };
    let level = vec![(d("2499.90"), d("1"))];
    assert_eq!(at(Cadence::Ms100), [(2100, level.clone())]);
    assert_eq!(at(Cadence::Ms250), [(2250, level.clone())]);
    assert_eq!(at(Cadence::Ms500), [(2500, level)]);
}

#[test]
fn client_orders_are_part_of_the_published_book() {
    let mut bench = Bench::quiet();
    bench.pass(SECOND_US);
    bench.drain();
    let order = bench.put(ANN, Buy, "2499.99", "1.5", TimeInForce::Gtx);
    bench.pass(SECOND_US / 10);
    assert_eq!(
        bench.depth_events(Cadence::Ms100).pop().unwrap().bids,
        [(d("2499.99"), d("11.5"))]
    );
    bench.cancel(ANN, &order).unwrap();
    bench.pass(SECOND_US / 10);
    assert_eq!(
        bench.depth_events(Cadence::Ms100).pop().unwrap().bids,
        [(d("2499.99"), d("10"))]
    );
}

#[test]
fn the_book_ticker_speaks_when_the_touch_changes_and_shares_the_update_ids() {
    let mut bench = Bench::quiet();
    let tickers = |bench: &mut Bench| {
        let ours = |event| {
            if let MarketEvent::BookTicker(ticker) = event {
                Some(ticker)
            } else {
                None
            }
        };
        bench
            .market_events()
            .into_iter()
            .filter_map(ours)
            .collect::<Vec<_>>()
    };
    bench.market(|market| market.add_background(Buy, d("2499.95"), d("1")));
    assert!(tickers(&mut bench).is_empty(), "below the touch");
    bench.market(|market| market.take(Buy, d("12"), None));
    let seen = tickers(&mut bench);
    assert_eq!(seen.len(), 1, "one for the operation, not one per level");
    assert_eq!(
        (seen[0].ask, seen[0].bid),
        ((d("2500.02"), d("8")), (d("2499.99"), d("10")))
    );
    assert_eq!(seen[0].update_id, bench.venue.depth(ETH, 5).last_update_id);
    bench.market(|market| market.take(Buy, d("1000"), None));
    assert_eq!(
        tickers(&mut bench)[0].ask,
        (0, 0),
        "an empty side shows zeros"
    );
}

#[test]
fn trades_of_one_price_and_side_are_aggregated_within_100_ms() {
    let mut bench = Bench::quiet();
    for (side, qty) in [(Buy, "1"), (Buy, "2"), (Sell, "1"), (Buy, "3")] {
        bench.market(|market| market.take(side, d(qty), None));
    }
    bench.pass(SECOND_US / 10);
    bench.market(|market| market.take(Buy, d("0.5"), None));
    bench.pass(SECOND_US / 10);
    let events = bench.market_events();
    let singles = events
        .iter()
        .filter(|event| matches!(event, MarketEvent::Trade(_)))
        .count();
    let aggregates: Vec<AggTradeEvent> = events
        .iter()
        .filter_map(|event| {
            if let MarketEvent::AggTrade(agg) = event {
                Some(*agg)
            } else {
                None
            }
        })
        .collect();
    assert_eq!(singles, 5);
    assert_eq!(
        aggregates
            .iter()
            .map(|agg| (agg.qty, agg.buyer_is_maker))
            .collect::<Vec<_>>(),
        [
            (d("3"), false),
            (d("1"), true),
            (d("3"), false),
            (d("0.5"), false)
        ]
    );
    assert_eq!(
        aggregates[0].last_trade_id,
        aggregates[0].first_trade_id + 1
    );
    assert!(
        aggregates
            .windows(2)
            .all(|pair| pair[1].first_trade_id == pair[0].last_trade_id + 1
                && pair[1].agg_id == pair[0].agg_id + 1)
    );
}

#[test]
fn the_mark_is_published_every_second_and_stays_near_the_mid() {
    let mut bench = Bench::quiet();
    bench.pass(60 * SECOND_US);
    let marks: Vec<MarkPriceEvent> = bench
        .market_events()
        .into_iter()
        .filter_map(|event| {
            if let MarketEvent::MarkPrice(mark) = event {
                Some(mark)
            } else {
                None
            }
        })
        .collect();
    assert_eq!(marks.len(), 60);
    assert!(
        marks
            .iter()
            .all(|mark| mark.time_ms % 1000 == 0 && (mark.mark - d("2500")).abs() < d("2.5"))
    );
}

#[test]
fn streams_that_nobody_reads_are_silent_and_start_again_with_a_chain() {
    let mut bench = Bench::quiet();
    bench.venue.publish(ETH, StreamMask(0));
    bench.market(|market| market.take(Buy, d("1"), None));
    bench.pass(SECOND_US);
    assert!(bench.market_events().is_empty());
    bench.venue.publish(ETH, StreamMask::DEPTH_100);
    let before = bench.venue.depth(ETH, 5).last_update_id;
    bench.market(|market| market.take(Buy, d("1"), None));
    bench.pass(SECOND_US);
    let events = bench.market_events();
    assert!(
        matches!(events.as_slice(), [MarketEvent::Depth(depth)] if depth.prev_update_id == before),
        "{events:?}"
    );
}
