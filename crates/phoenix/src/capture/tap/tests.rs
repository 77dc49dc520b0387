//! Venue output as records: a synthetic market against the measured one, and a recording against itself.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use phoenix_exchange::api::{NewOrder, ONE, OrderQuery, Side, StreamMask, TimeInForce};
use phoenix_exchange::flow::{FlowParams, Regime, SyntheticFlow};
use phoenix_exchange::market::MarketFlow;
use phoenix_exchange::replay::record::RecordClock;
use phoenix_exchange::replay::{ReplayFlow, ReplayOptions, TopOfBook, initial_price_of};
use phoenix_exchange::{Exchange, ExchangeConfig, SymbolSpec};

use super::super::stats::{MarketStats, StatsCollector};
use super::super::{CaptureReader, read_all};
use super::*;

const START_US: u64 = 1_723_161_256_000_000;
const SECOND_US: u64 = 1_000_000;
const SYMBOL: SymbolId = SymbolId(0);

fn venue(spec: SymbolSpec, flow: Box<dyn MarketFlow>, streams: StreamMask) -> Exchange {
    venue_from(2500 * ONE, spec, flow, streams)
}

fn venue_from(
    price: E8,
    spec: SymbolSpec,
    flow: Box<dyn MarketFlow>,
    streams: StreamMask,
) -> Exchange {
    let mut venue = Exchange::new(ExchangeConfig::new(START_US, vec![(spec, price)]), 1);
    venue.attach_flow(SYMBOL, flow);
    venue.publish(SYMBOL, streams);
    venue
}

fn synthetic_venue(seed: u64) -> Exchange {
    let flow = SyntheticFlow::new(FlowParams::new(Regime::Normal), 2500 * ONE, seed);
    let streams = StreamMask::DEPTH_100
        .with(StreamMask::TRADE)
        .with(StreamMask::BOOK_TICKER);
    venue(SymbolSpec::ethusdc(), Box::new(flow), streams)
}

/// The records of a synthetic market after its first second, which begin with a snapshot.
fn record_synthetic(seed: u64, seconds: u64) -> Vec<Record> {
    let mut venue = synthetic_venue(seed);
    let mut events = Vec::new();
    venue.advance(START_US + SECOND_US);
    venue.drain_events(&mut events);
    events.clear();
    let view = venue.depth(SYMBOL, 5_000);
    let mut records: Vec<Record> = snapshot_record(&view, venue.now_us()).into_iter().collect();
    for second in 1..=seconds {
        venue.advance(START_US + (second + 1) * SECOND_US);
        venue.drain_events(&mut events);
        records.extend(
            events
                .drain(..)
                .filter_map(|event| record_of(&event, SYMBOL)),
        );
    }
    records
}

fn measure(records: &[Record]) -> MarketStats {
    let mut collector = StatsCollector::new(ONE / 100);
    for record in records {
        collector.on_record(record);
    }
    collector.finish()
}

/// Three seeds of 300 s against the measured ETHUSDT of 8 August 2024 (345 s; `docs/market-calibration.md`). Bands are wide where 345 s say
/// little: volatility of five-minute pieces differs by half from piece to piece in the capture as well.
#[test]
fn the_normal_market_measures_like_the_capture() {
    let samples: Vec<MarketStats> = (1..=3)
        .map(|seed| measure(&record_synthetic(seed, 300)))
        .collect();
    let check = |name: &str, low: f64, high: f64, value: &dyn Fn(&MarketStats) -> f64| {
        let mean = samples.iter().map(value).sum::<f64>() / samples.len() as f64;
        assert!(
            (low..=high).contains(&mean),
            "{name}: {mean} is outside {low}..{high}"
        );
    };
    // Capture: 0.991.
    check("share of time at one tick", 0.97, 0.999, &|s| {
        s.spread_one_tick
    });
    // 1.04.
    check("mean spread", 1.0, 1.15, &|s| s.spread_mean_ticks);
    // 19.6, 2.7, 2.2.
    check("best quantity", 15.0, 25.0, &|s| s.level_quantity[0]);
    check("second quantity", 1.8, 4.0, &|s| s.level_quantity[1]);
    check("fifth quantity", 1.5, 4.0, &|s| s.level_quantity[4]);
    // 4.6 and 40.8 ticks at 2681.
    check("second distance", 2.5, 6.0, &|s| s.level_distance_ticks[1]);
    check("twentieth distance", 30.0, 50.0, &|s| {
        s.level_distance_ticks[19]
    });
    // 42, 553, 3626, 7970.
    check("depth within 1 bps", 32.0, 55.0, &|s| s.band_quantity[1]);
    check("depth within 5 bps", 420.0, 700.0, &|s| s.band_quantity[3]);
    check("depth within 20 bps", 2_900.0, 4_400.0, &|s| {
        s.band_quantity[5]
    });
    check("depth within 50 bps", 6_400.0, 9_600.0, &|s| {
        s.band_quantity[6]
    });
    // 40.8 and 9.8 a second.
    check("trades/s", 30.0, 60.0, &|s| s.trades_per_s);
    check("taker orders/s", 7.5, 12.5, &|s| s.takers_per_s);
    // 0.071, 0.20, 2.7, 39.
    check("median trade", 0.04, 0.12, &|s| s.trade_size.median);
    check("median taker order", 0.12, 0.32, &|s| s.taker_size.median);
    check("mean taker order", 1.8, 4.0, &|s| s.taker_size.mean);
    check("p99 taker order", 22.0, 65.0, &|s| s.taker_size.p99);
    // 0.29 and 0.07.
    check("side autocorrelation 1", 0.2, 0.4, &|s| s.sign_acf[0]);
    check("side autocorrelation 10", 0.0, 0.2, &|s| s.sign_acf[3]);
    // 6.8; 1.48.
    check("taker clustering", 3.5, 10.0, &|s| s.fano_1s);
    check("gap variation", 1.2, 2.1, &|s| s.gap_cv);
    // 0.35, 1.21, 3.5, 8.1 bps.
    check("volatility 0.1 s", 0.22, 0.5, &|s| s.volatility[0].std_bps);
    check("volatility 1 s", 0.8, 1.7, &|s| s.volatility[1].std_bps);
    check("volatility 10 s", 2.2, 5.3, &|s| s.volatility[2].std_bps);
    check("volatility 60 s", 4.0, 14.0, &|s| s.volatility[3].std_bps);
    // 157 tickers a second; 1112 level changes a second when the capture's messages are merged to 100 ms.
    check("book tickers/s", 110.0, 210.0, &|s| s.tickers_per_s);
    check("depth messages/s", 9.5, 10.5, &|s| s.depths_per_s);
    check("level changes/s", 850.0, 1_400.0, &|s| {
        s.depths_per_s * s.levels_per_depth
    });
    check("crossed books", 0.0, 0.0, &|s| s.crossed as f64);
}

#[test]
fn a_recorded_synthetic_market_replays_to_the_same_book() {
    let records = record_synthetic(9, 20);
    let mut original = synthetic_venue(9);
    original.advance(START_US + 21 * SECOND_US);
    let options = ReplayOptions {
        top: TopOfBook::Depth,
        ..ReplayOptions::default()
    };
    let flow = ReplayFlow::from_records(records.into(), options);
    let handle = flow.handle();
    let mut replayed = venue(SymbolSpec::ethusdc(), Box::new(flow), StreamMask(0));
    replayed.advance(START_US + 25 * SECOND_US);
    let status = handle.status();
    assert!(
        status.ended && status.gaps == 0 && status.depths > 150,
        "{status:?}"
    );
    let (expected, found) = (original.depth(SYMBOL, 5_000), replayed.depth(SYMBOL, 5_000));
    assert_eq!((found.bids, found.asks), (expected.bids, expected.asks));
}

fn capture(file: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/data")
        .join(file);
    if path.exists() {
        return Some(path);
    }
    eprintln!("SKIPPED: ../shared/data is absent");
    None
}

/// Bids and asks as (price, quantity), best first.
type Sides = (Vec<(i64, i64)>, Vec<(i64, i64)>);

/// The recorded book, rebuilt by nothing but the rules of protocol §2.8.
#[derive(Default)]
struct NaiveBook {
    bids: BTreeMap<i64, i64>,
    asks: BTreeMap<i64, i64>,
    snapshot_id: Option<i64>,
    held: Vec<Arc<DepthDiff>>,
    depth_id: i64,
    ticker: Option<BookTicker>,
    trades: u64,
    traded_e8: i64,
}

impl NaiveBook {
    fn on_record(&mut self, record: &Record) {
        match &record.body {
            RecordBody::Snapshot(book) => {
                put(&mut self.bids, &book.bids);
                put(&mut self.asks, &book.asks);
                self.snapshot_id = Some(book.last_update_id);
                for diff in std::mem::take(&mut self.held) {
                    self.on_diff(&diff);
                }
            }
            RecordBody::Depth(diff) if self.snapshot_id.is_none() => self.held.push(diff.clone()),
            RecordBody::Depth(diff) => self.on_diff(diff),
            RecordBody::Trade(print) => {
                if self.snapshot_id.is_some() {
                    self.trades += 1;
                    self.traded_e8 += print.quantity_e8;
                }
            }
            RecordBody::Ticker(ticker) => {
                if self.snapshot_id.is_some() {
                    self.ticker = Some(*ticker);
                }
            }
            RecordBody::Mark(_) => {}
        }
    }

    fn on_diff(&mut self, diff: &DepthDiff) {
        let spot_reach = i64::from(diff.previous_update_id.is_none());
        if self
            .snapshot_id
            .is_some_and(|id| diff.last_update_id < id + spot_reach)
        {
            return;
        }
        put(&mut self.bids, &diff.bids);
        put(&mut self.asks, &diff.asks);
        self.depth_id = diff.last_update_id;
    }

    fn sides(&self) -> Sides {
        let pair = |(price, quantity): (&i64, &i64)| (*price, *quantity);
        let bids = self.bids.iter().rev().map(pair).collect();
        (bids, self.asks.iter().map(pair).collect())
    }

    /// The newer ticker, when it is newer than the depth.
    fn leading_ticker(&self) -> Option<BookTicker> {
        self.ticker
            .filter(|ticker| ticker.update_id > self.depth_id)
    }
}

fn put(side: &mut BTreeMap<i64, i64>, levels: &[RecordLevel]) {
    for level in levels {
        if level.quantity_e8 == 0 {
            side.remove(&level.price_e8);
        } else {
            side.insert(level.price_e8, level.quantity_e8);
        }
    }
}

/// Plays `seconds` of a recording and compares the venue's book with the naive one twice a second.
fn check_replay(records: Vec<Record>, spec: SymbolSpec, top: TopOfBook, seconds: u64) {
    let options = ReplayOptions {
        top,
        ..ReplayOptions::default()
    };
    let flow = ReplayFlow::from_records(records.clone().into(), options);
    let handle = flow.handle();
    let mut venue = venue(spec, Box::new(flow), StreamMask::TRADE);
    let mut clock = RecordClock::default();
    let mut naive = NaiveBook::default();
    let mut rest = records
        .iter()
        .map(|record| (clock.on_record(record), record))
        .peekable();
    let mut first_us = None;
    let (mut trades, mut traded_e8, mut exact) = (0, 0, 0);
    let mut events = Vec::new();
    for half in 0..=2 * seconds {
        let elapsed_us = half * SECOND_US / 2;
        while let Some((at_us, record)) = rest.next_if(|(at_us, _)| {
            first_us.is_none_or(|first: i64| at_us - first <= elapsed_us as i64)
        }) {
            naive.on_record(record);
            if naive.snapshot_id.is_some() {
                first_us.get_or_insert(at_us);
            }
        }
        venue.advance(START_US + elapsed_us);
        venue.drain_events(&mut events);
        for record in events
            .drain(..)
            .filter_map(|event| record_of(&event, SYMBOL))
        {
            if let RecordBody::Trade(print) = record.body {
                trades += 1;
                traded_e8 += print.quantity_e8;
            }
        }
        assert_eq!(trades, naive.trades, "trades after {elapsed_us} µs");
        assert_eq!(traded_e8, naive.traded_e8, "volume after {elapsed_us} µs");
        let view = venue.depth(SYMBOL, 5_000);
        match (top, naive.leading_ticker()) {
            (TopOfBook::DepthAndTicker, Some(ticker)) => {
                let pair = |level: RecordLevel| (level.price_e8, level.quantity_e8);
                assert_eq!(view.bids.first(), Some(&pair(ticker.bid)));
                assert_eq!(view.asks.first(), Some(&pair(ticker.ask)));
            }
            (TopOfBook::Depth, _) | (TopOfBook::DepthAndTicker, None) => {
                let same = (view.bids, view.asks) == naive.sides();
                assert!(same, "books differ after {elapsed_us} µs");
                exact += 1;
            }
        }
    }
    let status = handle.status();
    assert_eq!((status.gaps, status.off_grid), (0, 0), "{status:?}");
    assert!(trades > 0 && exact > 0, "{trades} trades, {exact} books");
}

fn ethusdt() -> SymbolSpec {
    SymbolSpec::generic("ETH", "USDT", ONE / 100, ONE / 1000, 20 * ONE)
}

#[test]
fn the_2024_capture_replays_exactly_from_depth() {
    let Some(path) = capture("usdm/ethusdt_20240808.jsonl.gz") else {
        return;
    };
    let records = read_all(&path).expect("a sound capture");
    check_replay(records, ethusdt(), TopOfBook::Depth, 346);
}

#[test]
fn the_2024_capture_replays_exactly_with_tickers_leading() {
    let Some(path) = capture("usdm/ethusdt_20240808.jsonl.gz") else {
        return;
    };
    let records = read_all(&path).expect("a sound capture");
    check_replay(records, ethusdt(), TopOfBook::DepthAndTicker, 120);
}

#[test]
fn the_2023_capture_replays_exactly() {
    let Some(path) = capture("usdm/btcusdt_20230404.jsonl.gz") else {
        return;
    };
    let spec = SymbolSpec::generic("BTC", "USDT", ONE / 10, ONE / 1000, 50 * ONE);
    let records = read_all(&path).expect("a sound capture");
    check_replay(records, spec, TopOfBook::DepthAndTicker, 99);
}

#[test]
fn two_spot_files_replay_as_one_chain() {
    let files = [
        "spot/nexousdt_20240723.jsonl.gz",
        "spot/nexousdt_20240724.jsonl.gz",
    ];
    let mut records = Vec::new();
    for file in files {
        let Some(path) = capture(file) else { return };
        let reader = CaptureReader::open(&path).expect("it opens");
        let part: Result<Vec<Record>, _> = reader.take(20_000).collect();
        records.extend(part.expect("a sound capture"));
    }
    let spec = SymbolSpec::generic("NEXO", "USDT", ONE / 1_000, ONE / 100, 5 * ONE);
    check_replay(records, spec, TopOfBook::Depth, 6_000);
}

#[test]
fn a_ladder_in_the_2024_capture_is_filled_on_both_sides_and_never_crosses() {
    let Some(path) = capture("usdm/ethusdt_20240808.jsonl.gz") else {
        return;
    };
    let records = read_all(&path).expect("a sound capture");
    let price = initial_price_of(&records).expect("a snapshot");
    let flow = ReplayFlow::from_records(records.into(), ReplayOptions::default());
    let mut venue = venue_from(price, ethusdt(), Box::new(flow), StreamMask(0));
    let account = venue.add_account(&[("USDT", 100_000_000 * ONE)]);
    let mut filled = BTreeMap::new();
    for round in 0..17 {
        let now_us = START_US + (round * 20 + 1) * SECOND_US;
        venue.cancel_all(now_us, account, SYMBOL);
        let top = venue.book_ticker(SYMBOL);
        let mid = (top.bid.0 + top.ask.0) / 2;
        for layer in 1..=18 {
            for side in [Side::Buy, Side::Sell] {
                let price = (mid - side.sign() * layer * 12 * ONE / 10) / (ONE / 100) * (ONE / 100);
                let order = NewOrder::limit(SYMBOL, side, price, ONE / 20, TimeInForce::Gtx);
                venue
                    .place(now_us, account, &order)
                    .expect("a resting order");
            }
        }
        for step in 1..200 {
            venue.advance(now_us + step * SECOND_US / 10);
            let top = venue.book_ticker(SYMBOL);
            assert!(top.bid.0 < top.ask.0, "crossed in round {round}: {top:?}");
        }
        let query = OrderQuery {
            limit: Some(1_000),
            ..OrderQuery::default()
        };
        for order in venue.all_orders(account, SYMBOL, &query) {
            if order.executed_qty > 0 {
                filled.insert(order.order_id, order.side);
            }
        }
    }
    let bought = filled.values().filter(|side| **side == Side::Buy).count();
    let sold = filled.len() - bought;
    assert!(bought >= 5 && sold >= 5, "{bought} bought, {sold} sold");
}
