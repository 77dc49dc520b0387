use std::sync::Arc;

use phoenix_exchange::replay::record::{BookSnapshot, BookTicker, DepthDiff, TradePrint};

use super::*;

const TICK: i64 = ONE_E8 / 100;

fn record(ms: i64, body: RecordBody) -> Record {
    Record {
        local_ns: ms * 1_000_000,
        exchange_ms: Some(ms),
        body,
    }
}

fn level(price_ticks: i64, quantity: i64) -> RecordLevel {
    RecordLevel {
        price_e8: price_ticks * TICK,
        quantity_e8: quantity * ONE_E8,
    }
}

fn ticker(ms: i64, bid: i64, ask: i64) -> Record {
    record(
        ms,
        RecordBody::Ticker(BookTicker {
            update_id: ms,
            bid: level(bid, 1),
            ask: level(ask, 1),
        }),
    )
}

fn trade(ms: i64, price_ticks: i64, quantity: i64, aggressor: Aggressor) -> Record {
    record(
        ms,
        RecordBody::Trade(TradePrint {
            trade_id: ms,
            price_e8: price_ticks * TICK,
            quantity_e8: quantity * ONE_E8,
            aggressor,
        }),
    )
}

fn measure(records: &[Record]) -> MarketStats {
    let mut collector = StatsCollector::new(TICK);
    for record in records {
        collector.on_record(record);
    }
    collector.finish()
}

#[test]
fn the_spread_is_weighted_by_time() {
    let stats = measure(&[
        ticker(0, 1000, 1001),
        ticker(900, 1000, 1005),
        ticker(1000, 1000, 1001),
    ]);
    assert!((stats.spread_one_tick - 0.9).abs() < 1e-9);
    assert!((stats.spread_mean_ticks - 1.4).abs() < 1e-9);
    assert_eq!(stats.spread_max_ticks, 5.0);
    assert_eq!(stats.best_moves_per_s, 2.0);
}

#[test]
fn executions_of_one_instant_and_side_are_one_taker_order() {
    let stats = measure(&[
        trade(0, 1000, 1, Aggressor::Buyer),
        trade(0, 1002, 2, Aggressor::Buyer),
        trade(0, 999, 4, Aggressor::Seller),
        trade(1000, 1000, 8, Aggressor::Seller),
    ]);
    assert_eq!(stats.trades_per_s, 4.0);
    assert_eq!(stats.takers_per_s, 3.0);
    assert_eq!(stats.taker_size.mean, 5.0);
    assert!((stats.taker_walk_share - 1.0 / 3.0).abs() < 1e-9);
}

#[test]
fn depth_is_measured_from_the_bridged_book() {
    let snapshot = BookSnapshot {
        last_update_id: 10,
        bids: vec![level(99_999, 3), level(99_997, 5)],
        asks: vec![level(100_001, 2), level(100_002, 6)],
    };
    let diff = |first, last, bids: Vec<_>| {
        RecordBody::Depth(Arc::new(DepthDiff {
            first_update_id: first,
            last_update_id: last,
            previous_update_id: None,
            bids,
            asks: vec![],
        }))
    };
    let stats = measure(&[
        record(0, diff(1, 9, vec![level(99_998, 100)])),
        record(5, RecordBody::Snapshot(Arc::new(snapshot))),
        record(10, diff(10, 12, vec![level(99_997, 7)])),
    ]);
    assert_eq!(stats.level_quantity[0], 2.5);
    assert_eq!(stats.level_quantity[1], 6.5);
    assert_eq!(stats.level_distance_ticks[1], 1.5);
    assert_eq!(stats.band_quantity[0], 9.0);
    assert_eq!(stats.crossed, 0);
    assert_eq!(stats.levels_per_depth, 1.0);
}

#[test]
fn volatility_is_that_of_a_known_alternation() {
    let records: Vec<Record> = (0..200)
        .map(|second| {
            let bid = if second % 2 == 0 { 100_000 } else { 100_100 };
            ticker(second * 1_000, bid, bid + 1)
        })
        .collect();
    let stats = measure(&records);
    // ±10 bps each second, nothing over ten.
    assert!((stats.volatility[1].std_bps - 10.0).abs() < 0.01);
    assert!((stats.volatility[1].kurtosis - 1.0).abs() < 0.01);
    assert!(stats.volatility[2].std_bps < 1e-9);
}

#[test]
fn quotes_are_reached_only_when_they_are_left_standing() {
    // 1 bps a second, up 16 and down 16 again: quotes at 4.8 that are left standing are reached,
    // quotes re-centred every second never.
    let records: Vec<Record> = (0..300)
        .map(|second: i64| {
            let phase = second % 32;
            let bps = if phase < 16 { phase } else { 32 - phase } - 8;
            let bid = 100_000 + 10 * bps;
            ticker(second * 1_000, bid, bid + 1)
        })
        .collect();
    let stats = measure(&records);
    assert_eq!(
        stats.two_sided[0],
        TwoSided {
            any: 0.0,
            both: 0.0
        }
    );
    assert_eq!(stats.two_sided[5].any, 1.0);
    assert!(stats.two_sided[5].both > 0.0);
}

#[test]
fn an_empty_recording_measures_zero() {
    assert_eq!(measure(&[]), MarketStats::default());
}

#[test]
fn the_table_has_one_column_for_each_market() {
    let stats = measure(&[ticker(0, 1000, 1001), ticker(1000, 1000, 1001)]);
    let table = side_by_side(&[("one".into(), stats.clone()), ("two".into(), stats)]);
    let mut lines = table.lines();
    assert_eq!(lines.next(), Some("| measure | one | two |"));
    assert!(lines.any(|line| line == "| spread = 1 tick, % of time | 100 | 100 |"));
}
