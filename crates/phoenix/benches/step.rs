//! Owns the measurement of single engine steps by what they are about, with one symbol and with fifteen on
//! the same real market; knows nothing of decoding or encoding. Prints one line `BENCH {json}`, times in ns.

#[path = "common/desk.rs"]
#[allow(dead_code, reason = "each benchmark uses its own part")]
mod desk;
#[path = "common/measure.rs"]
#[allow(dead_code, reason = "each benchmark uses its own part")]
mod measure;
#[path = "common/tape.rs"]
#[allow(dead_code, reason = "each benchmark uses its own part")]
mod tape;

use desk::{Desk, Probe, Step};
use measure::{Samples, timed};
use phoenix::binance::decode::Decoded;
use phoenix::binance::decode::market::MarketDecoder;
use phoenix_core::event::{Event, Market};
use phoenix_core::instrument::SymbolId;
use phoenix_core::units::Side;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::hint::black_box;
use tape::{Kind, Tape};

/// A symbol is filled every so many depth frames, on the other side each time.
const FILL_EVERY: usize = 40;

/// What is measured, by name.
#[derive(Default)]
struct Book {
    samples: BTreeMap<&'static str, Samples>,
    is_on: bool,
}

impl Book {
    fn push(&mut self, name: &'static str, ns: u64) {
        if self.is_on {
            self.samples.entry(name).or_default().push(ns);
        }
    }
}

impl Probe for Book {
    fn around(&mut self, step: Step, run: impl FnOnce()) {
        let name = match step {
            Step::Reply => "reply",
            Step::OrderUpdate => "order_update",
            Step::Fill => "fill",
            Step::Mark => "mark",
            Step::Wakeup => "wakeup",
            Step::Other => "other",
        };
        let (ns, ()) = timed(run);
        self.push(name, ns);
    }
}

/// One session over the tape, the same frames for every symbol.
fn session(tape: &Tape, symbols: u16, book: &mut Book) {
    let mut desk = Desk::new(&tape.snapshot, symbols);
    let (contracts, mut decoder) = (tape::contracts(), MarketDecoder::default());
    let mut depth_frames = 0;
    for frame in &tape.frames {
        desk.advance(frame.event_time, book);
        let decoded = decoder.decode(&contracts, frame.text.as_bytes());
        let Decoded::Event(Event::Market(_, market)) = decoded else {
            unreachable!("every frame of the tape is an event");
        };
        for symbol in desk.ids() {
            market_step(&mut desk, symbol, market, frame.kind, book);
        }
        if frame.kind == Kind::Depth {
            let (ns, due) = timed(|| desk.engine.next_wakeup());
            black_box(due);
            book.push("next_wakeup", ns);
            depth_frames += 1;
            if depth_frames % FILL_EVERY == 0 {
                let side = Side::BOTH[depth_frames / FILL_EVERY % 2];
                desk.ids().for_each(|symbol| desk.fill(symbol, side, book));
            }
        }
    }
    let expected = 30 * usize::from(symbols);
    assert!(desk.open_count() >= expected, "the ladders rest at the end");
}

fn market_step(desk: &mut Desk, symbol: SymbolId, market: Market<'_>, kind: Kind, book: &mut Book) {
    let prices = |desk: &Desk| desk.touch(symbol).map(|t| (t.bid.price, t.ask.price));
    let before = prices(desk);
    let event = Event::Market(symbol, market);
    let (ns, ()) = timed(|| desk.step(black_box(&event)));
    let is_quiet = desk.actions.as_slice().is_empty();
    let name = match kind {
        Kind::Depth if !is_quiet => "depth_acted",
        Kind::Depth if prices(desk) != before => "depth_touch_moved",
        Kind::Depth => "depth_unchanged",
        Kind::BookTicker => "book_ticker",
        Kind::Trade => "trade",
    };
    book.push(name, ns);
    desk.settle(book);
}

fn main() {
    let is_quick = measure::is_quick();
    let mut tape = Tape::load(is_quick);
    if is_quick {
        tape.frames.truncate(1_000);
    }
    let mut report: Map<String, Value> = Map::new();
    report.insert("source".into(), json!(tape.source));
    report.insert("levels_per_frame".into(), json!(tape.levels_mean()));
    for symbols in [1, 15] {
        let mut book = Book::default();
        if symbols == 1 {
            session(&tape, symbols, &mut book);
        }
        book.is_on = true;
        session(&tape, symbols, &mut book);
        for (name, samples) in &book.samples {
            samples.report(&format!("symbols_{symbols}_{name}"), &mut report);
        }
    }
    measure::print("step", report);
}
