//! Drives the market side of a symbol from a recording; knows typed records, not files.
//!
//! The recorded book and trades *are* the market: with no client orders the book is the recorded one, level by level. Client
//! orders queue in it and are filled by recorded trades, and by recorded quotes that arrive at or beyond their price.
//!
//! *Queue position.* A recorded trade takes from the head of the queue at its price, and the same quantity joins the tail again,
//! because the recorded level shrinks only with the depth message that follows. That message then removes from the tail first
//! what the trade explains, and the rest as [`ReplayOptions::removal`] says.
//!
//! *Taking from the recording.* A level from which a client order took stays smaller until the recording next changes it; nothing else
//! of a client order outlives it.
//!
//! *Looping.* After the last record the book is set back to the first snapshot and the recording starts again. A client order
//! in the way of a snapshot level is filled at its own price, up to the level's quantity, as by any other quote that arrives beyond it;
//! the market jumped, and a resting order is what it jumps through.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use crate::market::{MarketFlow, MarketSide, Removal};

mod bridge;
mod mirror;
pub mod record;

use bridge::{Bridge, Verdict};
use mirror::Mirror;
use record::{BookSnapshot, DepthDiff, Record, RecordBody, RecordClock};

/// Diffs held while a snapshot is awaited; beyond it the oldest is dropped, which at worst means that the
/// snapshot does not bridge and the next one is awaited.
pub const DIFFS_HELD_MAX: usize = 10_000;

/// Where the best prices come from between two depth messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TopOfBook {
    /// From depth messages alone.
    Depth,
    /// From book tickers as well, which come sooner. After each depth message that is at least as new as the last ticker the book is the
    /// recorded depth exactly.
    DepthAndTicker,
}

/// What happens after the last record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AtEnd {
    /// The market stands still.
    Stop,
    /// It starts again after a pause.
    Loop {
        /// The pause in venue time, ms.
        pause_ms: u64,
    },
}

/// How a recording is played.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ReplayOptions {
    /// Recorded seconds per second of venue time; 1 is as recorded. Held between 0.001 and 1 000 000.
    pub speed: f64,
    /// What happens after the last record.
    pub at_end: AtEnd,
    /// Where in the queue cancels come from, where no trade explains a decrease.
    pub removal: Removal,
    /// Where best prices come from.
    pub top: TopOfBook,
}

impl Default for ReplayOptions {
    /// As recorded, once, with pessimistic queues and book tickers.
    fn default() -> Self {
        Self {
            speed: 1.0,
            at_end: AtEnd::Stop,
            removal: Removal::FromBack,
            top: TopOfBook::DepthAndTicker,
        }
    }
}

/// What a replay has done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReplayStatus {
    /// Times the recording was started.
    pub rounds: u64,
    /// Records played.
    pub records: u64,
    /// Depth messages applied.
    pub depths: u64,
    /// Trades played.
    pub trades: u64,
    /// Breaks of the update chain; after each the book is empty until a snapshot bridges again.
    pub gaps: u64,
    /// Levels and trades left out because they lie off the symbol's price or quantity grid.
    pub off_grid: u64,
    /// Whether the book follows the recording now.
    pub in_sync: bool,
    /// Whether the recording has ended for good.
    pub ended: bool,
}

/// Opens the recording from its beginning; called once per round.
pub type OpenRecords = Box<dyn FnMut() -> Box<dyn Iterator<Item = Record> + Send> + Send>;

/// Reads the status of a replay that an exchange owns.
#[derive(Clone, Debug, Default)]
pub struct ReplayHandle {
    status: Arc<Mutex<ReplayStatus>>,
}

impl ReplayHandle {
    /// What the replay has done so far.
    #[must_use]
    pub fn status(&self) -> ReplayStatus {
        *self.lock()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, ReplayStatus> {
        // The status is replaced as a whole, so it is sound even after a panic elsewhere.
        self.status
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// A recorded market for one symbol. Attach it with `Exchange::attach_flow`.
///
/// It begins with the recording's first snapshot: records before it only serve to bridge. A recording without a snapshot ends at once.
pub struct ReplayFlow {
    open: OpenRecords,
    options: ReplayOptions,
    handle: ReplayHandle,
    status: ReplayStatus,
    mirror: Mirror,
    round: Option<Round>,
}

/// One pass through the recording.
struct Round {
    records: Box<dyn Iterator<Item = Record> + Send>,
    clock: RecordClock,
    bridge: Bridge,
    held: VecDeque<Arc<DepthDiff>>,
    /// The next record and when it is due, venue time.
    next: Option<(u64, Record)>,
    last_due_us: u64,
    /// When the next pass starts; set after the last record.
    again_us: Option<u64>,
    start_us: u64,
    first_record_us: i64,
}

impl ReplayFlow {
    /// A replay of the recording that `open` opens.
    #[must_use]
    pub fn new(open: OpenRecords, options: ReplayOptions) -> Self {
        Self {
            open,
            options,
            handle: ReplayHandle::default(),
            status: ReplayStatus::default(),
            mirror: Mirror::new(options.removal, options.top),
            round: None,
        }
    }

    /// A replay of records in memory.
    #[must_use]
    pub fn from_records(records: Arc<[Record]>, options: ReplayOptions) -> Self {
        let open: OpenRecords = Box::new(move || {
            let records = Arc::clone(&records);
            let mut place = 0;
            Box::new(std::iter::from_fn(move || {
                place += 1;
                records.get(place - 1).cloned()
            }))
        });
        Self::new(open, options)
    }

    /// A handle that shows what the replay has done.
    #[must_use]
    pub fn handle(&self) -> ReplayHandle {
        self.handle.clone()
    }

    /// Starts a pass: reads up to the first snapshot and sets the book to it. `None` when there is no snapshot.
    fn begin(&mut self, now_us: u64, market: &mut MarketSide<'_>) -> Option<Round> {
        let mut round = Round {
            records: (self.open)(),
            clock: RecordClock::default(),
            bridge: Bridge::default(),
            held: VecDeque::new(),
            next: None,
            last_due_us: now_us,
            again_us: None,
            start_us: now_us,
            first_record_us: 0,
        };
        let snapshot = loop {
            let record = round.records.next()?;
            round.first_record_us = round.clock.on_record(&record);
            match record.body {
                RecordBody::Snapshot(snapshot) => break snapshot,
                RecordBody::Depth(diff) => round.hold(diff),
                RecordBody::Trade(_) | RecordBody::Ticker(_) | RecordBody::Mark(_) => {}
            }
        };
        self.status.rounds += 1;
        self.status.records += 1;
        self.mirror.begin();
        self.bridge_from(&mut round, &snapshot, market);
        round.read_next(self.speed());
        Some(round)
    }

    fn speed(&self) -> f64 {
        self.options.speed.clamp(1e-3, 1e6)
    }

    /// Sets the book to a snapshot and applies what was held (protocol §2.8, steps 3 and 4).
    fn bridge_from(
        &mut self,
        round: &mut Round,
        snapshot: &BookSnapshot,
        market: &mut MarketSide<'_>,
    ) {
        self.mirror.reset(snapshot, market, &mut self.status);
        round.bridge.on_snapshot(snapshot.last_update_id);
        for diff in std::mem::take(&mut round.held) {
            self.on_depth(round, diff, market);
        }
    }

    fn on_depth(&mut self, round: &mut Round, diff: Arc<DepthDiff>, market: &mut MarketSide<'_>) {
        match round.bridge.on_diff(&diff) {
            Verdict::Apply => {
                self.status.depths += 1;
                self.mirror.apply_diff(&diff, market, &mut self.status);
            }
            Verdict::Old => {}
            Verdict::Wait => round.hold(diff),
            Verdict::Gap => {
                self.status.gaps += 1;
                market.clear_background();
                self.mirror.begin();
                round.hold(diff);
            }
        }
    }

    fn play(&mut self, round: &mut Round, record: Record, market: &mut MarketSide<'_>) {
        self.status.records += 1;
        match record.body {
            RecordBody::Snapshot(snapshot) => {
                if !round.bridge.in_sync() {
                    self.bridge_from(round, &snapshot, market);
                }
            }
            RecordBody::Depth(diff) => self.on_depth(round, diff, market),
            RecordBody::Trade(print) => self.mirror.play_trade(&print, market, &mut self.status),
            RecordBody::Ticker(ticker) => {
                if round.bridge.in_sync() {
                    self.mirror.apply_ticker(ticker, market, &mut self.status);
                }
            }
            RecordBody::Mark(mark) => mirror::apply_mark(&mark, market),
        }
    }

    /// Plays every record that is due; the round, unless the recording ended for good.
    fn play_due(
        &mut self,
        mut round: Round,
        now_us: u64,
        market: &mut MarketSide<'_>,
    ) -> Option<Round> {
        while let Some((_, record)) = round.next.take_if(|(due_us, _)| *due_us <= now_us) {
            self.play(&mut round, record, market);
            round.read_next(self.speed());
        }
        self.status.in_sync = round.bridge.in_sync();
        if round.next.is_some() {
            return Some(round);
        }
        match self.options.at_end {
            AtEnd::Stop => None,
            AtEnd::Loop { pause_ms } => {
                let pause_us = pause_ms.max(1).saturating_mul(1_000);
                let again_us = round.last_due_us.saturating_add(pause_us);
                round.again_us = Some(again_us);
                if again_us > now_us {
                    return Some(round);
                }
                self.begin(again_us, market)
            }
        }
    }
}

impl Round {
    fn hold(&mut self, diff: Arc<DepthDiff>) {
        if self.held.len() >= DIFFS_HELD_MAX {
            self.held.pop_front();
        }
        self.held.push_back(diff);
    }

    fn read_next(&mut self, speed: f64) {
        self.next = self.records.next().map(|record| {
            let since_us = self.clock.on_record(&record) - self.first_record_us;
            let venue_us = (since_us.max(0) as f64 / speed) as u64;
            let due_us = self.start_us.saturating_add(venue_us);
            self.last_due_us = due_us;
            (due_us, record)
        });
    }
}

impl MarketFlow for ReplayFlow {
    fn advance(&mut self, now_us: u64, market: &mut MarketSide<'_>) {
        if self.status.ended {
            return;
        }
        let round = match self.round.take() {
            Some(round) => Some(round),
            None => self.begin(now_us, market),
        };
        self.round = round.and_then(|round| self.play_due(round, now_us, market));
        self.status.ended = self.round.is_none();
        *self.handle.lock() = self.status;
    }

    fn next_due_us(&self) -> Option<u64> {
        let round = self.round.as_ref()?;
        let next_us = round.next.as_ref().map(|(due_us, _)| *due_us);
        next_us.or(round.again_us)
    }
}

/// The finest price and quantity steps that occur in a recording, in 1e-8: `(tick, step)`; `None` without any level or trade.
/// They divide every price and quantity, so a symbol with this grid can play the recording in full.
#[must_use]
pub fn grid_of<'a>(records: impl IntoIterator<Item = &'a Record>) -> Option<(i64, i64)> {
    let (mut tick, mut step) = (0, 0);
    let mut see = |price: i64, quantity: i64| {
        tick = gcd(tick, price);
        step = gcd(step, quantity);
    };
    for record in records {
        match &record.body {
            RecordBody::Snapshot(book) => {
                for level in book.bids.iter().chain(&book.asks) {
                    see(level.price_e8, level.quantity_e8);
                }
            }
            RecordBody::Depth(diff) => {
                for level in diff.bids.iter().chain(&diff.asks) {
                    see(level.price_e8, level.quantity_e8);
                }
            }
            RecordBody::Trade(print) => see(print.price_e8, print.quantity_e8),
            RecordBody::Ticker(_) | RecordBody::Mark(_) => {}
        }
    }
    (tick > 0 && step > 0).then_some((tick, step))
}

/// The mid of the first snapshot, in 1e-8: what `SymbolConfig::initial_price` should be, so that price bands fit from the
/// first instant. `None` without a two-sided snapshot.
#[must_use]
pub fn initial_price_of<'a>(records: impl IntoIterator<Item = &'a Record>) -> Option<i64> {
    let book = records.into_iter().find_map(|record| match &record.body {
        RecordBody::Snapshot(book) => Some(book),
        RecordBody::Depth(_)
        | RecordBody::Trade(_)
        | RecordBody::Ticker(_)
        | RecordBody::Mark(_) => None,
    })?;
    let (bid, ask) = (book.bids.first()?, book.asks.first()?);
    Some(bid.price_e8.midpoint(ask.price_e8))
}

fn gcd(mut a: i64, mut b: i64) -> i64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a.abs()
}

#[cfg(test)]
mod tests;
