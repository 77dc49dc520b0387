//! Owns the measurement of the local order book: real frames applied, snapshots loaded, the touch asked for;
//! knows nothing of decoding or of engines. Prints one line `BENCH {json}`, times in ns.

#[path = "common/measure.rs"]
#[allow(dead_code, reason = "each benchmark uses its own part")]
mod measure;
#[path = "common/tape.rs"]
#[allow(dead_code, reason = "each benchmark uses its own part")]
mod tape;

use measure::{Best, Samples, timed};
use phoenix::binance::decode::Decoded;
use phoenix::binance::decode::market::MarketDecoder;
use phoenix_core::book::sync::{BookSync, DepthOutcome, SnapshotOutcome};
use phoenix_core::event::{DepthUpdate, Event, Level, Market};
use phoenix_core::units::{Side, Wall};
use serde_json::{Map, Value, json};
use std::hint::black_box;
use tape::Tape;

/// Passes over the frames; the first warms up.
const PASSES: usize = 8;
/// Snapshots loaded, and levels of one a side as the exchange gives them.
const SNAPSHOTS: (usize, usize) = (500, 1_000);
/// Questions in one measurement: one alone is shorter than the clock is fine.
const QUESTIONS: u32 = 1_000;

/// A decoded depth message that owns its levels.
struct Update {
    ids: [i64; 3],
    time: Wall,
    bids: Vec<Level>,
    asks: Vec<Level>,
}

impl Update {
    fn borrowed(&self) -> DepthUpdate<'_> {
        let [first_id, last_id, prev_id] = self.ids;
        DepthUpdate {
            first_id,
            last_id,
            prev_id,
            event_time: self.time,
            transact_time: self.time,
            bids: &self.bids,
            asks: &self.asks,
        }
    }
}

fn updates(tape: &Tape) -> Vec<Update> {
    let (contracts, mut decoder) = (tape::contracts(), MarketDecoder::default());
    let mut updates = Vec::new();
    for frame in tape.depth() {
        let decoded = decoder.decode(&contracts, frame.text.as_bytes());
        let Decoded::Event(Event::Market(_, Market::Depth(update))) = decoded else {
            unreachable!("depth frames only");
        };
        updates.push(Update {
            ids: [update.first_id, update.last_id, update.prev_id],
            time: update.event_time,
            bids: update.bids.to_vec(),
            asks: update.asks.to_vec(),
        });
    }
    updates
}

fn apply(tape: &Tape, updates: &[Update], report: &mut Map<String, Value>) -> BookSync {
    let mut all = Samples::with_room(updates.len() * PASSES);
    let mut best = Best::with_room(updates.len());
    let mut sync = BookSync::default();
    for pass in 0..PASSES {
        sync = BookSync::default();
        let outcome = sync.on_snapshot(&tape.snapshot.borrowed());
        assert_eq!(outcome, SnapshotOutcome::Waiting);
        for (index, update) in updates.iter().enumerate() {
            let update = update.borrowed();
            let (ns, outcome) = timed(|| sync.on_depth(black_box(&update)));
            assert_eq!(outcome, DepthOutcome::Applied);
            best.push(index, ns);
            if pass > 0 {
                all.push(ns);
            }
        }
    }
    let levels: usize = updates.iter().map(|u| u.bids.len() + u.asks.len()).sum();
    all.report("apply_frame", report);
    let best = best.samples();
    best.report("apply_frame_best_of_passes", report);
    let per_level = best.sum() as f64 / levels.max(1) as f64;
    report.insert(
        "apply_ns_per_level".into(),
        json!((per_level * 10.0).round() / 10.0),
    );
    eprintln!("per level {per_level:.1} ns, clock included");
    sync
}

fn load(tape: &Tape, count: usize, report: &mut Map<String, Value>) {
    let mut snapshot = tape.snapshot.clone();
    snapshot.bids.truncate(SNAPSHOTS.1);
    snapshot.asks.truncate(SNAPSHOTS.1);
    let (mut first, mut again) = (Samples::with_room(count), Samples::with_room(count));
    let mut sync = BookSync::default();
    for _ in 0..count {
        let mut fresh = BookSync::default();
        let (ns, outcome) = timed(|| fresh.on_snapshot(black_box(&snapshot.borrowed())));
        assert_eq!(outcome, SnapshotOutcome::Waiting);
        first.push(ns);
        sync.lose(phoenix_core::notice::BookLoss::Gap);
        let (ns, outcome) = timed(|| sync.on_snapshot(black_box(&snapshot.borrowed())));
        assert_eq!(outcome, SnapshotOutcome::Waiting);
        again.push(ns);
    }
    first.report("snapshot_load_new", report);
    again.report("snapshot_load_reused", report);
    report.insert("snapshot_levels_a_side".into(), json!(snapshot.bids.len()));
}

fn ask(sync: &BookSync, report: &mut Map<String, Value>) {
    let book = sync.book().expect("the book is live");
    let price = book.best(Side::Sell).expect("the book has asks").price;
    let mut question = |name: &str, what: &dyn Fn()| {
        let mut best = u64::MAX;
        for _ in 0..100 {
            let (ns, ()) = timed(|| (0..QUESTIONS).for_each(|_| what()));
            best = best.min(ns);
        }
        let each = best as f64 / f64::from(QUESTIONS);
        report.insert(name.into(), json!((each * 100.0).round() / 100.0));
        eprintln!("{name} {each:.2}");
    };
    question("touch_ns", &|| {
        black_box(black_box(book).touch());
    });
    question("best_ns", &|| {
        black_box(black_box(book).best(Side::Buy));
    });
    question("size_at_ns", &|| {
        black_box(black_box(book).size_at(Side::Sell, price));
    });
    question("ten_levels_ns", &|| {
        black_box(
            black_box(book)
                .levels(Side::Buy)
                .take(10)
                .map(|l| l.size.0)
                .sum::<i64>(),
        );
    });
}

fn main() {
    let is_quick = measure::is_quick();
    let tape = Tape::load(is_quick);
    let updates = updates(&tape);
    let mut report = Map::new();
    report.insert("source".into(), json!(tape.source));
    report.insert("depth_frames".into(), json!(updates.len()));
    report.insert("levels_per_frame".into(), json!(tape.levels_mean()));
    let sync = apply(&tape, &updates, &mut report);
    load(&tape, if is_quick { 5 } else { SNAPSHOTS.0 }, &mut report);
    ask(&sync, &mut report);
    measure::print("book", report);
}
