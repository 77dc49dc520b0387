//! Owns the measurement of decoding: nanoseconds from the bytes of a market frame to core types, on real
//! frames when the capture is there; knows nothing of what follows.
//!
//! Prints one line `BENCH {json}`. Each frame is timed on its own, after a pass that warms caches; the
//! time of an empty measurement is reported as `clock_ns_p50` and not subtracted.

use flate2::read::GzDecoder;
use hdrhistogram::Histogram;
use phoenix::binance::contracts::Contracts;
use phoenix::binance::decode::Decoded;
use phoenix::binance::decode::market::MarketDecoder;
use phoenix_core::event::{Event, Market};
use phoenix_core::instrument::{Instrument, SymbolId, ethusdc};
use std::fs::File;
use std::hint::black_box;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::time::Instant;

const CAPTURE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../../shared/data/usdm/ethusdt_20240808.jsonl.gz"
);
const OWN: &str = include_str!("../tests/fixtures/binance/market_2026.jsonl");
/// Frames of each kind that are kept.
const FRAMES_MAX: usize = 6_000;
/// Passes over the frames; the first warms up.
const PASSES: usize = 8;

/// Frames of one kind, with their number of levels.
#[derive(Default)]
struct Frames {
    list: Vec<(String, usize)>,
}

#[derive(Default)]
struct Input {
    source: &'static str,
    depth: Frames,
    book_ticker: Frames,
    trade: Frames,
}

fn contracts() -> Contracts {
    let mut contracts = Contracts::default();
    let names = [
        "ETHUSDC", "ETHUSDT", "BTCUSDC", "BTCUSDT", "SOLUSDC", "XRPUSDC", "DOGEUSDC",
    ];
    for (id, name) in (0..).zip(names) {
        let instrument = Instrument {
            name: name.into(),
            ..ethusdc()
        };
        contracts
            .add(SymbolId(id), instrument)
            .expect("seven symbols fit");
    }
    contracts
}

fn input() -> Input {
    let mut input = Input::default();
    let Ok(file) = File::open(Path::new(CAPTURE)) else {
        eprintln!("../shared/data is absent: measuring the few frames of our own fixtures");
        input.source = "own fixtures";
        OWN.lines().for_each(|line| keep(&mut input, line));
        return input;
    };
    input.source = "usdm/ethusdt_20240808";
    for line in BufReader::new(GzDecoder::new(file)).lines() {
        let line = line.expect("the capture is readable");
        if let Some((_, message)) = line.split_once(' ') {
            keep(&mut input, message);
        }
    }
    input
}

fn keep(input: &mut Input, message: &str) {
    let mut decoder = MarketDecoder::default();
    let decoded = decoder.decode(&contracts(), message.as_bytes());
    let Decoded::Event(Event::Market(_, market)) = decoded else {
        return;
    };
    let (frames, levels) = match market {
        Market::Depth(depth) => (&mut input.depth, depth.bids.len() + depth.asks.len()),
        Market::BookTicker(_) => (&mut input.book_ticker, 2),
        Market::Trade(_) => (&mut input.trade, 1),
        Market::Snapshot(_)
        | Market::SnapshotFailed(_)
        | Market::Mark(_)
        | Market::Status(_)
        | Market::Malformed(..) => return,
    };
    if frames.list.len() < FRAMES_MAX {
        frames.list.push((message.to_owned(), levels));
    }
}

/// How a frame is decoded.
#[derive(Clone, Copy)]
enum Way {
    Scanner,
    JsonParser,
    Nothing,
}

/// What was measured.
struct Times {
    /// Every measurement.
    all: Histogram<u64>,
    /// Sum over the frames of each one's best time: what remains on a machine that does other things too.
    best_sum_ns: u64,
    levels: usize,
    frames: usize,
}

/// Nanoseconds of each frame.
fn measure(frames: &Frames, way: Way) -> Times {
    let contracts = contracts();
    let mut decoder = MarketDecoder::default();
    let mut times = Histogram::new_with_bounds(1, 1_000_000_000, 3).expect("valid bounds");
    let mut best = vec![u64::MAX; frames.list.len()];
    for pass in 0..PASSES {
        for ((text, _), best) in frames.list.iter().zip(&mut best) {
            let bytes = black_box(text.as_bytes());
            let start = Instant::now();
            match way {
                Way::Scanner => {
                    black_box(decoder.decode(&contracts, bytes));
                }
                Way::JsonParser => {
                    black_box(decoder.decode_without_scanner(&contracts, bytes));
                }
                Way::Nothing => {}
            }
            let spent = start.elapsed();
            let ns = u64::try_from(spent.as_nanos()).unwrap_or(u64::MAX).max(1);
            *best = ns.min(*best);
            if pass > 0 {
                times.saturating_record(ns);
            }
        }
    }
    Times {
        all: times,
        best_sum_ns: best.iter().sum(),
        levels: frames.list.iter().map(|(_, levels)| levels).sum(),
        frames: frames.list.len(),
    }
}

fn rounded(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

fn report(times: &Times) -> serde_json::Value {
    let per = |count: usize| rounded(times.best_sum_ns as f64 / count.max(1) as f64);
    serde_json::json!({
        "p50_ns": times.all.value_at_quantile(0.50),
        "p99_ns": times.all.value_at_quantile(0.99),
        "p999_ns": times.all.value_at_quantile(0.999),
        "best_mean_ns": per(times.frames),
        "best_ns_per_level": per(times.levels),
        "levels_mean": rounded(times.levels as f64 / times.frames.max(1) as f64),
        "frames": times.frames,
    })
}

/// Depth frames with about twenty levels a side.
fn of_twenty_a_side(frames: &Frames) -> Frames {
    let list = frames.list.iter();
    let list = list
        .filter(|(_, levels)| (36..=44).contains(levels))
        .cloned();
    Frames {
        list: list.collect(),
    }
}

fn main() {
    let input = input();
    let twenty = of_twenty_a_side(&input.depth);
    let scanner = |frames: &Frames| report(&measure(frames, Way::Scanner));
    let parser = |frames: &Frames| report(&measure(frames, Way::JsonParser));
    let clock = measure(&input.depth, Way::Nothing);
    let report = serde_json::json!({
        "name": "decode",
        "source": input.source,
        "depth": scanner(&input.depth),
        "depth_20_a_side": scanner(&twenty),
        "book_ticker": scanner(&input.book_ticker),
        "trade": scanner(&input.trade),
        "depth_json_parser": parser(&input.depth),
        "depth_20_a_side_json_parser": parser(&twenty),
        "book_ticker_json_parser": parser(&input.book_ticker),
        "clock_ns_p50": clock.all.value_at_quantile(0.50),
    });
    println!("BENCH {report}");
}
