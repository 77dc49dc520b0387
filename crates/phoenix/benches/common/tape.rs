//! Owns the market data that benchmarks run on: a snapshot and the frames that follow it, captured or, where
//! the capture is absent, made up; knows nothing of engines.

use flate2::read::GzDecoder;
use phoenix::binance::contracts::{Contract, Contracts};
use phoenix::binance::decode::Decoded;
use phoenix::binance::decode::market::{Levels, MarketDecoder};
use phoenix::binance::decode::rest::reference;
use phoenix_core::book::Book;
use phoenix_core::book::sync::{BookSync, SnapshotOutcome};
use phoenix_core::event::{DepthSnapshot, Event, Level, Market};
use phoenix_core::instrument::{SymbolId, ethusdc};
use phoenix_core::units::{Side, Wall};
use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufRead, BufReader};

/// Real ETHUSDT frames of one day; they lie on the same grid as the contract that is traded here.
const CAPTURE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../../shared/data/usdm/ethusdt_20240808.jsonl.gz"
);
/// Frames of a short run.
const QUICK_FRAMES: usize = 4_000;
/// Frames that are made up when there is no capture.
const SYNTHETIC_FRAMES: usize = 6_000;

/// What a frame carries.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Depth,
    BookTicker,
    Trade,
}

/// One text frame as the exchange sends it.
pub struct Frame {
    pub kind: Kind,
    pub text: String,
    pub event_time: Wall,
    pub levels: usize,
}

/// A snapshot that owns its levels.
#[derive(Clone)]
pub struct Snapshot {
    pub last_id: i64,
    pub time: Wall,
    pub bids: Vec<Level>,
    pub asks: Vec<Level>,
}

impl Snapshot {
    /// Of a live book that contains everything up to `last_id`.
    pub fn of(book: &Book, last_id: i64, time: Wall) -> Self {
        Self {
            last_id,
            time,
            bids: book.levels(Side::Buy).collect(),
            asks: book.levels(Side::Sell).collect(),
        }
    }

    pub fn borrowed(&self) -> DepthSnapshot<'_> {
        DepthSnapshot {
            last_id: self.last_id,
            transact_time: self.time,
            bids: &self.bids,
            asks: &self.asks,
        }
    }
}

/// A snapshot and the frames that continue it.
pub struct Tape {
    pub source: &'static str,
    pub snapshot: Snapshot,
    pub frames: Vec<Frame>,
}

/// The one contract of the tape, under id 0.
pub fn contracts() -> Contracts {
    let mut contracts = Contracts::default();
    contracts
        .add(SymbolId(0), ethusdc())
        .expect("one symbol fits");
    contracts
}

/// The contract's data.
pub fn contract(contracts: &Contracts) -> &Contract {
    contracts.by_id(SymbolId(0)).expect("it was added")
}

impl Tape {
    /// Of real frames when the capture is there, else of our own.
    pub fn load(is_quick: bool) -> Self {
        let mut tape = match File::open(CAPTURE) {
            Ok(file) => {
                let lines = BufReader::new(GzDecoder::new(file)).lines();
                let lines = lines.map(|line| line.expect("the capture is readable"));
                let messages = lines.filter_map(|line| {
                    line.split_once(' ')
                        .map(|(_, message)| as_traded_symbol(message))
                });
                Self::bridged("capture ethusdt_20240808, relabelled ETHUSDC", messages)
            }
            Err(_) => {
                eprintln!("../shared/data is absent: running on made-up frames");
                Self::bridged("synthetic", synthetic())
            }
        };
        if is_quick {
            tape.frames.truncate(QUICK_FRAMES);
        }
        let count = tape.depth().count();
        let levels: usize = tape.depth().map(|frame| frame.levels).sum();
        eprintln!(
            "{}: {count} depth frames with {:.1} levels on average, {} frames in all",
            tape.source,
            levels as f64 / count.max(1) as f64,
            tape.frames.len()
        );
        tape
    }

    pub fn depth(&self) -> impl Iterator<Item = &Frame> {
        self.frames.iter().filter(|f| f.kind == Kind::Depth)
    }

    /// Levels per depth frame: the mean.
    pub fn levels_mean(&self) -> f64 {
        let levels: usize = self.depth().map(|frame| frame.levels).sum();
        (levels as f64 / self.depth().count().max(1) as f64 * 10.0).round() / 10.0
    }

    /// Bridges the book as the engine does and begins with the first frame after that.
    fn bridged(source: &'static str, messages: impl Iterator<Item = String>) -> Self {
        let contracts = contracts();
        let contract = contract(&contracts);
        let (mut sync, mut levels) = (BookSync::default(), Levels::default());
        let mut decoder = MarketDecoder::default();
        let (mut snapshot, mut frames) = (None, Vec::new());
        for text in messages {
            let Some(frame) = frame(&mut decoder, &contracts, &text) else {
                if let Ok(rest) = reference::snapshot(contract, text.as_bytes(), &mut levels) {
                    let outcome = sync.on_snapshot(&rest);
                    assert_ne!(outcome, SnapshotOutcome::TooOld, "the snapshot bridges");
                }
                continue;
            };
            if snapshot.is_some() {
                frames.push(frame);
                continue;
            }
            if let Decoded::Event(Event::Market(_, Market::Depth(update))) =
                decoder.decode(&contracts, text.as_bytes())
            {
                let _applied = sync.on_depth(&update);
            }
            if let (Some(book), Some(last_id)) = (sync.book(), sync.last_id()) {
                snapshot = Some(Snapshot::of(book, last_id, frame.event_time));
            }
        }
        Self {
            source,
            snapshot: snapshot.expect("the tape holds a snapshot and a frame that continues it"),
            frames,
        }
    }
}

/// Reads what a frame carries; `None` for anything that is not measured.
fn frame(decoder: &mut MarketDecoder, contracts: &Contracts, text: &str) -> Option<Frame> {
    let decoded = decoder.decode(contracts, text.as_bytes());
    let Decoded::Event(Event::Market(_, market)) = decoded else {
        return None;
    };
    let (kind, event_time, levels) = match market {
        Market::Depth(d) => (Kind::Depth, d.event_time, d.bids.len() + d.asks.len()),
        Market::BookTicker(t) => (Kind::BookTicker, t.event_time, 2),
        Market::Trade(t) => (Kind::Trade, t.event_time, 1),
        Market::Snapshot(_)
        | Market::SnapshotFailed(_)
        | Market::Mark(_)
        | Market::Status(_)
        | Market::Malformed(..) => return None,
    };
    Some(Frame {
        kind,
        text: text.to_owned(),
        event_time,
        levels,
    })
}

/// The frame as it would come for the traded symbol today: name, stream, and the field `st` of 2026.
fn as_traded_symbol(message: &str) -> String {
    let text = message
        .replace("ETHUSDT", "ETHUSDC")
        .replace("ethusdt", "ethusdc")
        .replace("@depth@0ms", "@depth@100ms");
    match text.strip_suffix("}}") {
        Some(body) if text.starts_with("{\"stream\"") => format!("{body},\"st\":1}}}}"),
        Some(_) | None => text,
    }
}

/// A small generator, so that every run makes up the same frames.
struct Prng(u64);

impl Prng {
    fn below(&mut self, bound: i64) -> i64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as i64) % bound
    }
}

/// A book 500 levels deep whose touch moves by a tick now and then, in frames of about forty levels.
fn synthetic() -> impl Iterator<Item = String> {
    const START_MS: i64 = 1_795_000_000_000;
    let (mut prng, mut bid, mut id) = (Prng(7), 250_000_i64, 9_000_000_000_i64);
    let price = |ticks: i64| format!("{}.{:02}", ticks / 100, ticks % 100);
    let ladder = move |best: i64, step: i64| {
        let levels =
            (0..500).map(|i| format!("[\"{}\",\"{}.500\"]", price(best + i * step), 1 + i % 9));
        levels.collect::<Vec<_>>().join(",")
    };
    let snapshot = format!(
        "{{\"lastUpdateId\":{id},\"E\":{START_MS},\"T\":{START_MS},\"bids\":[{}],\"asks\":[{}]}}",
        ladder(bid, -1),
        ladder(bid + 1, 1)
    );
    let frames = (1..=SYNTHETIC_FRAMES as i64).map(move |n| {
        let at = START_MS + n * 100;
        let (prev, moved) = (id, [0, 0, 0, 0, 0, 0, 1, -1][prng.below(8) as usize]);
        id += 5 + prng.below(90);
        let mut sides = [String::new(), String::new()];
        for (side, text) in sides.iter_mut().enumerate() {
            let out = if side == 0 { -1 } else { 1 };
            let best = bid + moved + side as i64;
            // What the touch moved over is taken away, and what it moved to is there.
            let _written = write!(text, "[\"{}\",\"0.000\"],[\"{}\",\"2.500\"]", price(best - out), price(best));
            for _ in 0..18 {
                let at = best + out * (1 + prng.below(400));
                let _written = write!(text, ",[\"{}\",\"{}.{:03}\"]", price(at), 1 + prng.below(20), prng.below(1_000));
            }
        }
        bid += moved;
        let [bids, asks] = sides;
        format!(
            "{{\"stream\":\"ethusdc@depth@100ms\",\"data\":{{\"e\":\"depthUpdate\",\"E\":{at},\"T\":{at},\"s\":\"ETHUSDC\",\
             \"ps\":\"ETHUSDC\",\"U\":{},\"u\":{id},\"pu\":{prev},\"b\":[{bids}],\"a\":[{asks}],\"st\":1}}}}",
            prev + 1
        )
    });
    std::iter::once(snapshot).chain(frames)
}
