//! Owns the measurement of the way from the bytes of a depth frame to signed order bytes: decode, engine
//! step, encode, sign. No socket and no clock is read inside; what the shell does around is not in it.
//!
//! `unchanged` is every depth frame of a session with a resting ladder that leads to no action; `requote36` is
//! a frame after which the complete ladder of 36 orders goes out: the first one after the book was bridged
//! anew, because on a moving market the engine replaces orders one by one, a few at a time (`acted`).
//! Prints one line `BENCH {json}`, times in ns.

#[path = "common/allocations.rs"]
mod allocations;
#[path = "common/desk.rs"]
#[allow(dead_code, reason = "each benchmark uses its own part")]
mod desk;
#[path = "common/measure.rs"]
#[allow(dead_code, reason = "each benchmark uses its own part")]
mod measure;
#[path = "common/tape.rs"]
#[allow(dead_code, reason = "each benchmark uses its own part")]
mod tape;
#[path = "common/writer.rs"]
mod writer;

use desk::{Desk, Unmeasured};
use measure::{Best, Samples, timed};
use phoenix::binance::contracts::Contracts;
use phoenix::binance::decode::Decoded;
use phoenix::binance::decode::market::MarketDecoder;
use phoenix_core::action::Action;
use phoenix_core::event::{Event, Market};
use phoenix_core::instrument::SymbolId;
use phoenix_core::units::Span;
use serde_json::{Map, Value, json};
use std::collections::HashSet;
use std::hint::black_box;
use tape::{Frame, Kind, Tape};
use writer::{Way, Writer};

#[global_allocator]
static ALLOCATOR: allocations::Counting = allocations::Counting;

const SYMBOL: SymbolId = SymbolId(0);
/// Sessions over the whole tape; the first warms up.
const PASSES: usize = 5;
/// Full quotes that warm up, and that are measured.
const QUOTES: (usize, usize) = (100, 2_000);
/// Time between two full quotes: the order rate allows 210 quotes in 10 s and 840 in a minute.
const QUOTE_EVERY: Span = Span::from_millis(2_800);
/// Every how many ticks the caches are emptied in the runs that measure that.
const EVICT_EVERY: usize = 10;

/// What one tick did.
struct Tick {
    ns: u64,
    allocations: u64,
}

/// Bytes in, signed bytes out.
struct Line {
    contracts: Contracts,
    decoder: MarketDecoder,
    writer: Writer,
}

impl Line {
    fn new(way: Way) -> Self {
        Self {
            contracts: tape::contracts(),
            decoder: MarketDecoder::default(),
            writer: Writer::new(way),
        }
    }

    /// A function of its own, so that a profiler can be told to look at nothing else.
    #[inline(never)]
    fn tick(&mut self, desk: &mut Desk, frame: &Frame) -> Tick {
        let bytes = black_box(frame.text.as_bytes());
        let before = allocations::count();
        let (ns, is_event) = timed(|| {
            let decoded = self.decoder.decode(&self.contracts, bytes);
            let Decoded::Event(event) = decoded else {
                return false;
            };
            desk.step(&event);
            self.writer.write(desk.actions.as_slice(), desk.now.wall);
            true
        });
        let allocations = allocations::count() - before;
        black_box(self.writer.requests());
        assert!(is_event, "every frame of the tape is an event");
        Tick { ns, allocations }
    }
}

/// Where the time of a tick goes; measured apart, because each reading of the clock costs.
#[derive(Default)]
struct Stages {
    decode: Samples,
    step: Samples,
    write: Samples,
}

impl Stages {
    fn tick(
        &mut self,
        line: &mut Line,
        desk: &mut Desk,
        frame: &Frame,
        is_kept: impl Fn(&Desk) -> bool,
    ) {
        let bytes = black_box(frame.text.as_bytes());
        let (decode, decoded) = timed(|| line.decoder.decode(&line.contracts, bytes));
        let Decoded::Event(event) = decoded else {
            unreachable!("every frame of the tape is an event");
        };
        let (step, ()) = timed(|| desk.step(&event));
        let (write, ()) = timed(|| line.writer.write(desk.actions.as_slice(), desk.now.wall));
        black_box(line.writer.requests());
        if is_kept(desk) {
            self.decode.push(decode);
            self.step.push(step);
            self.write.push(write);
        }
    }

    fn report(&self, name: &str, report: &mut Map<String, Value>) {
        self.decode.report(&format!("{name}_decode"), report);
        self.step.report(&format!("{name}_step"), report);
        self.write.report(&format!("{name}_write"), report);
    }

    /// A session whose unchanged depth frames are kept.
    fn of_session(tape: &Tape, line: &mut Line) -> Self {
        let (mut stages, mut desk) = (Self::default(), Desk::new(&tape.snapshot, 1));
        for frame in &tape.frames {
            desk.advance(frame.event_time, &mut Unmeasured);
            let is_depth = frame.kind == Kind::Depth;
            let is_kept = |desk: &Desk| is_depth && desk.actions.as_slice().is_empty();
            stages.tick(line, &mut desk, frame, is_kept);
            desk.settle(&mut Unmeasured);
        }
        stages
    }
}

/// Ticks of sessions, by what they led to.
struct Ticks {
    unchanged: Samples,
    touch_same: Samples,
    touch_moved: Samples,
    acted: Samples,
    book_ticker: Samples,
    trade: Samples,
    best: Best,
    allocations: u64,
    frames_allocating: usize,
    allocations_acted_max: u64,
    requests: usize,
    requests_max: usize,
    open_max: usize,
}

impl Ticks {
    fn new(tape: &Tape, passes: usize) -> Self {
        let room = || Samples::with_room(tape.frames.len() * passes);
        Self {
            unchanged: room(),
            touch_same: room(),
            touch_moved: room(),
            acted: room(),
            book_ticker: room(),
            trade: room(),
            best: Best::with_room(tape.frames.len()),
            allocations: 0,
            frames_allocating: 0,
            allocations_acted_max: 0,
            requests: 0,
            requests_max: 0,
            open_max: 0,
        }
    }

    fn on_depth(
        &mut self,
        index: usize,
        tick: &Tick,
        is_moved: bool,
        actions: &[Action],
        requests: usize,
    ) {
        if !actions.is_empty() {
            self.acted.push(tick.ns);
            self.requests += requests;
            self.requests_max = self.requests_max.max(requests);
            self.allocations_acted_max = self.allocations_acted_max.max(tick.allocations);
            return;
        }
        self.unchanged.push(tick.ns);
        self.best.push(index, tick.ns);
        match is_moved {
            true => self.touch_moved.push(tick.ns),
            false => self.touch_same.push(tick.ns),
        }
        self.allocations += tick.allocations;
        self.frames_allocating += usize::from(tick.allocations > 0);
    }
}

/// One session over the tape: the ladder rests, the market moves, orders follow it.
fn session(tape: &Tape, line: &mut Line, ticks: Option<&mut Ticks>, memory: Option<&mut Vec<u8>>) {
    let (mut ticks, mut memory) = (ticks, memory);
    let mut desk = Desk::new(&tape.snapshot, 1);
    for (index, frame) in tape.frames.iter().enumerate() {
        desk.advance(frame.event_time, &mut Unmeasured);
        let is_kept = match &mut memory {
            Some(memory) if frame.kind == Kind::Depth && index % EVICT_EVERY == 0 => {
                measure::evict(memory);
                true
            }
            Some(_) => false,
            None => true,
        };
        let before = prices(&desk);
        let tick = line.tick(&mut desk, frame);
        if let (Some(ticks), true) = (&mut ticks, is_kept) {
            let is_moved = prices(&desk) != before;
            let requests = line.writer.requests().len();
            match frame.kind {
                Kind::Depth => {
                    ticks.on_depth(index, &tick, is_moved, desk.actions.as_slice(), requests)
                }
                Kind::BookTicker => ticks.book_ticker.push(tick.ns),
                Kind::Trade => ticks.trade.push(tick.ns),
            }
        }
        desk.settle(&mut Unmeasured);
        if let Some(ticks) = &mut ticks {
            ticks.open_max = ticks.open_max.max(desk.open_count());
        }
    }
    assert!(desk.open_count() >= 30, "the ladder rests at the end");
}

fn prices(desk: &Desk) -> Option<(i64, i64)> {
    let touch = desk.touch(SYMBOL)?;
    Some((touch.bid.price.0, touch.ask.price.0))
}

/// Full quotes: what each took, and proof that each was one.
struct Quotes {
    all: Samples,
    allocations_max: u64,
    requests: usize,
    bytes: usize,
    verified: usize,
}

/// What else is done around full quotes.
enum With<'a> {
    Nothing,
    Eviction(Vec<u8>),
    Stages(&'a mut Stages),
}

/// Has the book lost and bridged again and again; the frame that makes it live quotes the whole ladder.
fn full_quotes(tape: &Tape, way: Way, count: usize, mut with: With<'_>) -> Quotes {
    let (mut line, mut desk) = (Line::new(way), Desk::new(&tape.snapshot, 1));
    let frames: Vec<&Frame> = tape.depth().collect();
    let mut seen = HashSet::with_capacity(count * 40);
    let mut quotes = Quotes {
        all: Samples::with_room(count),
        allocations_max: 0,
        requests: 0,
        bytes: 0,
        verified: 0,
    };
    let mut last_id = tape.snapshot.last_id;
    let warm_up = QUOTES.0.min(count / 2);
    for (n, frame) in frames.into_iter().take(warm_up + count).enumerate() {
        desk.idle(QUOTE_EVERY, &mut Unmeasured);
        desk.advance(frame.event_time, &mut Unmeasured);
        if n > 0 {
            desk.lose_book(SYMBOL, last_id);
        }
        if let With::Eviction(memory) = &mut with {
            measure::evict(memory);
        }
        let tick = match &mut with {
            With::Stages(stages) => {
                stages.tick(&mut line, &mut desk, frame, |_| n >= warm_up);
                Tick {
                    ns: 0,
                    allocations: 0,
                }
            }
            With::Nothing | With::Eviction(_) => line.tick(&mut desk, frame),
        };
        quotes.verify(&desk, &line, way, &mut seen);
        if n >= warm_up {
            quotes.all.push(tick.ns);
            quotes.allocations_max = quotes.allocations_max.max(tick.allocations);
        }
        last_id = id_of(&mut line, frame);
        desk.settle(&mut Unmeasured);
    }
    quotes
}

impl Quotes {
    /// 36 new orders, each in a request, and no signature or frame twice.
    fn verify(&mut self, desk: &Desk, line: &Line, way: Way, seen: &mut HashSet<Vec<u8>>) {
        let is_place = |action: &&Action| matches!(action, Action::Place(_));
        let places = desk.actions.as_slice().iter().filter(is_place).count();
        assert_eq!(places, 36, "the whole ladder is quoted");
        let requests = line.writer.requests();
        let expected = match way {
            Way::Batches => 8,
            Way::Singles | Way::Session => 36,
        };
        assert_eq!(requests.len(), expected);
        let key = |request: &Vec<u8>| match way {
            Way::Session => request.clone(),
            Way::Batches | Way::Singles => {
                let at = request.len().saturating_sub(64);
                request.get(at..).unwrap_or_default().to_vec()
            }
        };
        let is_new = requests.iter().all(|request| seen.insert(key(request)));
        assert!(is_new, "every signature is another");
        let written = |request: &Vec<u8>| {
            let text = String::from_utf8_lossy(request);
            text.matches("newClientOrderId").count()
        };
        assert_eq!(requests.iter().map(written).sum::<usize>(), 36);
        self.requests = requests.len();
        self.bytes = requests.iter().map(Vec::len).sum();
        self.verified += 1;
    }
}

fn id_of(line: &mut Line, frame: &Frame) -> i64 {
    match line.decoder.decode(&line.contracts, frame.text.as_bytes()) {
        Decoded::Event(Event::Market(_, Market::Depth(update))) => update.last_id,
        _ => unreachable!("depth frames only"),
    }
}

fn report_ticks(tape: &Tape, passes: usize, report: &mut Map<String, Value>) {
    let mut line = Line::new(Way::Batches);
    let mut ticks = Ticks::new(tape, passes);
    session(tape, &mut line, None, None);
    for _ in 1..passes {
        session(tape, &mut line, Some(&mut ticks), None);
    }
    ticks.unchanged.report("unchanged", report);
    ticks.touch_same.report("unchanged_touch_same", report);
    ticks.touch_moved.report("unchanged_touch_moved", report);
    ticks
        .best
        .samples()
        .report("unchanged_best_of_passes", report);
    ticks.acted.report("acted", report);
    ticks.book_ticker.report("book_ticker", report);
    ticks.trade.report("trade", report);
    report.insert("allocations_unchanged".into(), json!(ticks.allocations));
    report.insert("frames_allocating".into(), json!(ticks.frames_allocating));
    report.insert(
        "allocations_acted_max".into(),
        json!(ticks.allocations_acted_max),
    );
    report.insert("acted_requests_max".into(), json!(ticks.requests_max));
    report.insert("open_orders_max".into(), json!(ticks.open_max));
    eprintln!(
        "allocations in {} unchanged ticks: {} (in {} of them)",
        ticks.unchanged.len(),
        ticks.allocations,
        ticks.frames_allocating
    );
    let mut evicted = Ticks::new(tape, 1);
    session(
        tape,
        &mut line,
        Some(&mut evicted),
        Some(&mut measure::eviction_memory()),
    );
    evicted.unchanged.report("unchanged_evicted", report);
    Stages::of_session(tape, &mut line).report("unchanged", report);
}

fn report_quotes(tape: &Tape, count: usize, report: &mut Map<String, Value>) {
    for (name, way) in [
        ("requote36", Way::Batches),
        ("requote36_singles", Way::Singles),
        ("requote36_session", Way::Session),
    ] {
        let quotes = full_quotes(tape, way, count, With::Nothing);
        quotes.all.report(name, report);
        eprintln!(
            "  {} requests, {} bytes, at most {} allocations, {} quotes verified",
            quotes.requests, quotes.bytes, quotes.allocations_max, quotes.verified
        );
        report.insert(format!("{name}_requests"), json!(quotes.requests));
        report.insert(format!("{name}_bytes"), json!(quotes.bytes));
        report.insert(
            format!("{name}_allocations_max"),
            json!(quotes.allocations_max),
        );
    }
    let eviction = With::Eviction(measure::eviction_memory());
    let evicted = full_quotes(tape, Way::Batches, count / 4, eviction);
    evicted.all.report("requote36_evicted", report);
    let mut stages = Stages::default();
    full_quotes(tape, Way::Batches, count, With::Stages(&mut stages));
    stages.report("requote36", report);
}

fn main() {
    let is_quick = measure::is_quick();
    let only = std::env::args().skip_while(|arg| arg != "--only").nth(1);
    let is_wanted = |part: &str| only.as_deref().is_none_or(|only| only == part);
    let tape = Tape::load(is_quick);
    let mut report = Map::new();
    report.insert("source".into(), json!(tape.source));
    report.insert("depth_frames".into(), json!(tape.depth().count()));
    report.insert("levels_per_frame".into(), json!(tape.levels_mean()));
    if is_wanted("unchanged") {
        report_ticks(&tape, if is_quick { 2 } else { PASSES }, &mut report);
    }
    if is_wanted("requote36") {
        report_quotes(&tape, if is_quick { 50 } else { QUOTES.1 }, &mut report);
    }
    measure::print("tick_to_trade", report);
}
