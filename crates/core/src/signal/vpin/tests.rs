use super::*;
use crate::params::ethusdc_defaults;
use alloc::vec::Vec;
use proptest::prelude::*;

fn params(bucket: i64) -> VpinParams {
    VpinParams {
        bucket_size: Lots(bucket),
        ..ethusdc_defaults().quoting.vpin
    }
}

fn trade(id: i64, aggressor: Side, size: i64) -> Trade {
    Trade {
        id,
        event_time: Wall(id),
        price: crate::units::Ticks(1),
        size: Lots(size),
        aggressor,
    }
}

fn at(second: i64) -> Now {
    Now {
        mono: Mono(Span::from_secs(second).0),
        wall: Wall(0),
    }
}

fn measure(bucket: i64, trades: &[(Side, i64)]) -> Option<VpinReading> {
    let mut vpin = Vpin::default();
    for (id, &(side, size)) in (1..).zip(trades) {
        vpin.on_trade(at(0), &trade(id, side, size), &params(bucket));
    }
    vpin.reading()
}

#[test]
fn one_sided_flow_is_one_and_balanced_flow_is_zero() {
    let buys = [(Side::Buy, 10); 50];
    assert_eq!(measure(10, &buys).map(|r| r.value), Some(1.0));
    let mixed: Vec<_> = (0..100)
        .map(|i| (if i % 2 == 0 { Side::Buy } else { Side::Sell }, 5))
        .collect();
    assert_eq!(measure(10, &mixed).map(|r| r.value), Some(0.0));
}

#[test]
fn fewer_than_five_buckets_are_neutral() {
    let trades = [(Side::Buy, 10); 5];
    assert_eq!(measure(10, &trades[..4]), None);
    let reading = measure(10, &trades).expect("five buckets");
    assert_eq!((reading.value, reading.buckets), (1.0, 5));
}

#[test]
fn a_large_trade_is_split_over_buckets() {
    // 4 sells start bucket 1; 46 buys fill it (6) and four more (40).
    let reading = measure(10, &[(Side::Sell, 4), (Side::Buy, 46)]).expect("five buckets");
    assert_eq!(reading.buckets, 5);
    assert!((reading.value - 42.0 / 50.0).abs() < 1e-15);
}

#[test]
fn a_trade_of_any_size_is_handled_at_once_and_every_bucket_counted() {
    let reading = measure(1, &[(Side::Sell, i64::MAX)]).expect("many buckets");
    assert_eq!((reading.value, reading.buckets), (1.0, i64::MAX as u64));
}

#[test]
fn only_the_last_fifty_buckets_count() {
    let mut trades = alloc::vec![(Side::Buy, 10); 30];
    trades.extend([(Side::Buy, 5), (Side::Sell, 5)].repeat(50));
    let reading = measure(10, &trades).expect("80 buckets");
    assert_eq!((reading.value, reading.buckets), (0.0, 80));
}

#[test]
fn repeated_late_and_empty_trades_are_ignored() {
    let mut vpin = Vpin::default();
    for (id, size) in [(1, 10), (2, 10), (2, 10), (1, 10), (3, 0), (4, -5)] {
        vpin.on_trade(at(0), &trade(id, Side::Buy, size), &params(10));
    }
    assert_eq!(vpin.completed, 2);
}

#[test]
fn numbers_that_start_anew_are_a_new_stream_not_repeats() {
    let mut vpin = Vpin::default();
    vpin.on_trade(at(0), &trade(1_000, Side::Buy, 10), &params(10));
    let restarted = Trade {
        event_time: Wall(2_000),
        ..trade(1, Side::Buy, 10)
    };
    vpin.on_trade(at(1), &restarted, &params(10));
    assert_eq!(vpin.completed, 2);
}

#[test]
fn a_new_bucket_size_applies_from_the_next_bucket() {
    let mut vpin = Vpin::default();
    vpin.on_trade(at(0), &trade(1, Side::Buy, 5), &params(10));
    vpin.on_trade(at(0), &trade(2, Side::Buy, 5), &params(3));
    assert_eq!(vpin.completed, 1);
    vpin.on_trade(at(0), &trade(3, Side::Buy, 3), &params(3));
    assert_eq!(vpin.completed, 2);
}

#[test]
fn an_unconfigured_bucket_is_a_minute_of_average_volume() {
    let mut vpin = Vpin::default();
    // Two lots a second: a minute is 120 lots, and nothing is measured for ten minutes.
    for second in 0..600 {
        vpin.on_trade(at(second), &trade(second, Side::Buy, 2), &params(0));
        assert_eq!(vpin.completed, 0);
    }
    for second in 600..1_200 {
        vpin.on_trade(at(second), &trade(second, Side::Buy, 2), &params(0));
    }
    assert!((9..=10).contains(&vpin.completed), "{}", vpin.completed);
    assert!((118..=122).contains(&vpin.filling.capacity));
}

/// Every lot in a list, cut into buckets.
fn naive(bucket: usize, trades: &[(Side, i64)]) -> Option<f64> {
    let lots: Vec<i64> = trades
        .iter()
        .flat_map(|&(side, size)| (0..size).map(move |_| side.sign()))
        .collect();
    let full: Vec<i64> = lots
        .chunks_exact(bucket)
        .map(|lots| lots.iter().sum::<i64>().abs())
        .collect();
    let window = &full[full.len().saturating_sub(BUCKETS_MAX)..];
    (window.len() >= BUCKETS_MIN)
        .then(|| window.iter().sum::<i64>() as f64 / (window.len() * bucket) as f64)
}

proptest! {
    #[test]
    fn agrees_with_counting_lots(
        bucket in 1_usize..40,
        trades in prop::collection::vec((prop::bool::ANY, 1_i64..200), 0..60),
    ) {
        let trades: Vec<_> = trades
            .into_iter()
            .map(|(buy, size)| (if buy { Side::Buy } else { Side::Sell }, size))
            .collect();
        let found = measure(bucket as i64, &trades).map(|r| r.value);
        prop_assert_eq!(found, naive(bucket, &trades));
    }
}
