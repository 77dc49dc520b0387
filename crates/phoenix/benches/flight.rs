//! Owns the measurement of what the flight record costs the hot thread: appending depth frames and small events, the
//! state's digest at each segment's end, packing, and what it takes on the disk; knows nothing of sockets. Prints one
//! line `BENCH {json}`.

#[path = "common/desk.rs"]
#[allow(dead_code, reason = "each benchmark uses its own part")]
mod desk;
#[path = "common/measure.rs"]
#[allow(dead_code, reason = "each benchmark uses its own part")]
mod measure;
#[path = "common/tape.rs"]
#[allow(dead_code, reason = "each benchmark uses its own part")]
mod tape;

use desk::{Desk, Unmeasured};
use measure::{Samples, timed};
use phoenix::binance::decode::Decoded;
use phoenix::binance::decode::market::MarketDecoder;
use phoenix::flight::codec::{Sink, event};
use phoenix::flight::segment::{Hash, Kind, Label, seal};
use phoenix::flight::writer::{Plan, begin};
use phoenix_core::event::{Event, Reply};
use phoenix_core::params::AccountParams;
use phoenix_core::units::{E8, Quote};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::hint::black_box;
use tape::{Kind as Frame, Tape};

fn digest(tape: &Tape, symbols: u16) -> Samples {
    let (contracts, mut decoder) = (tape::contracts(), MarketDecoder::default());
    let mut desk = Desk::new(&tape.snapshot, symbols);
    for frame in tape.frames.iter().take(200) {
        desk.advance(frame.event_time, &mut Unmeasured);
        let decoded = decoder.decode(&contracts, frame.text.as_bytes());
        let Decoded::Event(Event::Market(_, market)) = decoded else {
            unreachable!("every frame of the tape is an event");
        };
        for symbol in desk.ids() {
            desk.step(&Event::Market(symbol, market));
            desk.settle(&mut Unmeasured);
        }
    }
    let mut samples = Samples::default();
    for _ in 0..200 {
        let (ns, digest) = timed(|| desk.engine.digest());
        black_box(digest);
        samples.push(ns);
    }
    samples
}

fn main() {
    let is_quick = measure::is_quick();
    let mut tape = Tape::load(is_quick);
    if is_quick {
        tape.frames.truncate(1_000);
    }
    let folder = std::env::temp_dir().join(format!("phoenix-bench-flight-{}", std::process::id()));
    let (flight, mut recorder) = begin(&Plan {
        folder: folder.clone(),
        keep_bytes: 1 << 30,
        session: 1,
        venue: "bench".to_owned(),
        began_wall_ns: 0,
        params: AccountParams::new(Quote(1_000 * E8)),
    })
    .expect("a folder for temporary files");
    let (contracts, mut decoder) = (tape::contracts(), MarketDecoder::default());
    let mut desk = Desk::new(&tape.snapshot, 1);
    let mut samples: BTreeMap<&'static str, Samples> = BTreeMap::new();
    let (mut raw, mut events) = (Sink::default(), 0_u64);
    let mut record = |desk: &mut Desk, event: &Event<'_>, name: &'static str| {
        let now = desk.now;
        let (before, ()) = timed(|| recorder.on_event(now, black_box(event)));
        desk.step(event);
        let (after, is_due) = timed(|| {
            recorder.on_actions(&[], black_box(desk.actions.as_slice()));
            recorder.is_due(now.mono)
        });
        samples.entry(name).or_default().push(before + after);
        if is_due {
            let digest = desk.engine.digest();
            let (ns, ()) = timed(|| recorder.close_segment(digest));
            samples.entry("close_segment").or_default().push(ns);
        }
        event::encode(event, &mut raw);
        events += 1;
        desk.settle(&mut Unmeasured);
    };
    for frame in &tape.frames {
        desk.advance(frame.event_time, &mut Unmeasured);
        let decoded = decoder.decode(&contracts, frame.text.as_bytes());
        let Decoded::Event(event) = decoded else {
            unreachable!("every frame of the tape is an event");
        };
        let name = match frame.kind {
            Frame::Depth => "depth",
            Frame::BookTicker => "book_ticker",
            Frame::Trade => "trade",
        };
        record(&mut desk, &event, name);
        record(&mut desk, &Event::Reply(Reply::Weight(7)), "weight");
    }
    drop(recorder);
    flight.close();
    let stored: u64 = std::fs::read_dir(&folder)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.metadata().map_or(0, |meta| meta.len()))
        .sum();
    std::fs::remove_dir_all(&folder).expect("our own folder");
    let label = Label {
        kind: Kind::Entries,
        number: 1,
        first_event: 1,
        events: 1,
    };
    let (seal_ns, sealed) = timed(|| seal(label, &raw.bytes, &Hash::default()));
    let sealed = sealed.expect("memory").0.len();
    let mut report: Map<String, Value> = Map::new();
    report.insert("source".into(), json!(tape.source));
    report.insert("levels_per_frame".into(), json!(tape.levels_mean()));
    for (name, samples) in &samples {
        samples.report(&format!("{name}_ns"), &mut report);
    }
    digest(&tape, 1).report("digest_1_symbol_ns", &mut report);
    digest(&tape, 15).report("digest_15_symbols_ns", &mut report);
    report.insert(
        "raw_bytes_per_event".into(),
        json!(raw.bytes.len() as f64 / events as f64),
    );
    report.insert(
        "disk_bytes_per_event".into(),
        json!(stored as f64 / events as f64),
    );
    report.insert(
        "packed_share".into(),
        json!(sealed as f64 / raw.bytes.len() as f64),
    );
    report.insert(
        "pack_ns_per_byte".into(),
        json!(seal_ns as f64 / raw.bytes.len() as f64),
    );
    println!("BENCH {}", Value::Object(report));
}
