//! Owns the hot thread's side of a record: entries appended to a buffer, full buffers handed over without ever
//! waiting; knows nothing of files.
//!
//! What is written, in the order in which it happens: the event before the step, so that an event in which the process ends
//! is the record's last word; then the desks that panicked in it; then what was asked for.

use super::codec::asked::Asked;
use super::codec::{Code, Sink, event};
use super::writer::{Block, Message};
use phoenix_core::action::Action;
use phoenix_core::engine::contain::DeskFault;
use phoenix_core::event::Event;
use phoenix_core::instrument::SymbolId;
use phoenix_core::units::{Mono, Now, Span};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError};

/// A segment is closed when it is this long.
pub const SEGMENT_BYTES: usize = 512 << 10;
/// And when it is this old: as much is lost at most when the process is killed, besides what waits for the disk.
pub const SEGMENT_SPAN: Span = Span::from_secs(1);
/// Room beyond [`SEGMENT_BYTES`] for the entry that fills it.
const ENTRY_BYTES: usize = 16 << 10;

/// First byte of each entry.
pub(super) mod tag {
    pub const EVENT: u8 = 0;
    pub const LOST_DESK: u8 = 1;
    pub const NOTHING_ASKED: u8 = 2;
    pub const ASKED: u8 = 3;
    pub const VIEW: u8 = 4;
    pub const INJECTED: u8 = 5;
    pub const DIGEST: u8 = 6;
}

/// How a record fares; read by the cold side.
#[derive(Debug, Default)]
pub struct Status {
    /// Events that were not recorded because the writer was too far behind; the record ended before them.
    pub missed: AtomicU64,
    /// The bound on the disk was reached; the record ended there.
    pub is_full: AtomicBool,
    /// The disk refused; the record ended there.
    pub has_failed: AtomicBool,
}

/// Why a record ended before its session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndedEarly {
    /// So many events are missing so far.
    Behind(u64),
    /// The bound on the disk.
    Full,
    /// The disk refused.
    Failed,
}

impl Status {
    /// Whether the record has ended, and the session has not.
    #[must_use]
    pub fn ended_early(&self) -> Option<EndedEarly> {
        let missed = self.missed.load(Ordering::Relaxed);
        if self.is_full.load(Ordering::Relaxed) {
            return Some(EndedEarly::Full);
        }
        if self.has_failed.load(Ordering::Relaxed) {
            return Some(EndedEarly::Failed);
        }
        (missed > 0).then_some(EndedEarly::Behind(missed))
    }

    /// Whether nothing more is taken.
    fn is_over(&self) -> bool {
        self.is_full.load(Ordering::Relaxed) || self.has_failed.load(Ordering::Relaxed)
    }
}

/// Appends to a record.
#[derive(Debug)]
pub struct Recorder {
    sink: Sink,
    asked: Sink,
    to_writer: SyncSender<Message>,
    spare: Receiver<Vec<u8>>,
    status: Arc<Status>,
    /// Number of the segment's first event, and how many it has.
    first_event: u64,
    events: u32,
    opened_at: Option<Mono>,
    /// Set once a buffer found no room or the writer is done: nothing more is recorded.
    is_over: bool,
    missed: u64,
}

impl Recorder {
    pub(super) fn new(
        to_writer: SyncSender<Message>,
        spare: Receiver<Vec<u8>>,
        status: Arc<Status>,
    ) -> Self {
        Self {
            sink: Sink::reusing(Vec::with_capacity(SEGMENT_BYTES + ENTRY_BYTES)),
            asked: Sink::default(),
            to_writer,
            spare,
            status,
            first_event: 1,
            events: 0,
            opened_at: None,
            is_over: false,
            missed: 0,
        }
    }

    /// Before the engine is stepped.
    #[inline]
    pub fn on_event(&mut self, now: Now, event: &Event<'_>) {
        if self.is_over {
            return self.on_missed();
        }
        self.opened_at.get_or_insert(now.mono);
        self.events += 1;
        self.sink.byte(tag::EVENT);
        self.sink.instant(now);
        event::encode(event, &mut self.sink);
    }

    /// After it: the desks that panicked, and what was asked for.
    #[inline]
    pub fn on_actions(&mut self, lost: &[SymbolId], actions: &[Action]) {
        if self.is_over {
            return;
        }
        for symbol in lost {
            self.sink.byte(tag::LOST_DESK);
            symbol.encode(&mut self.sink);
        }
        if actions.is_empty() {
            return self.sink.byte(tag::NOTHING_ASKED);
        }
        encode_actions(actions, self.sink.now, &mut self.asked);
        self.sink.byte(tag::ASKED);
        self.sink.varint(self.asked.bytes.len() as u64);
        self.sink.bytes.extend_from_slice(&self.asked.bytes);
    }

    /// A desk panicked while the view was made, which changes the engine; making the view otherwise does not.
    pub fn on_view_panicked(&mut self, now: Now, lost: &[SymbolId], actions: &[Action]) {
        if self.is_over {
            return;
        }
        self.opened_at.get_or_insert(now.mono);
        self.sink.byte(tag::VIEW);
        self.sink.instant(now);
        self.on_actions(lost, actions);
    }

    /// A drill puts a fault into a desk.
    pub fn on_injected(&mut self, symbol: SymbolId, fault: DeskFault) {
        if self.is_over {
            return;
        }
        self.sink.byte(tag::INJECTED);
        symbol.encode(&mut self.sink);
        fault.encode(&mut self.sink);
    }

    /// Whether something waits to be handed over.
    #[must_use]
    pub fn has_entries(&self) -> bool {
        !self.is_over && !self.sink.bytes.is_empty()
    }

    /// Whether the segment is so long that it must be closed.
    #[inline]
    #[must_use]
    pub const fn is_full(&self) -> bool {
        self.sink.bytes.len() >= SEGMENT_BYTES
    }

    /// Whether the segment is old enough to be closed at the next occasion.
    #[must_use]
    pub fn is_due(&self, now: Mono) -> bool {
        self.opened_at
            .is_some_and(|at| now.since(at) >= SEGMENT_SPAN)
    }

    /// Closes the segment with the engine's state and hands it over.
    pub fn close_segment(&mut self, digest: u64) {
        if self.is_over {
            return;
        }
        self.sink.byte(tag::DIGEST);
        self.sink.bytes.extend_from_slice(&digest.to_le_bytes());
        self.hand_over();
    }

    fn hand_over(&mut self) {
        // A segment can be read by itself: what is written does not depend on the one before.
        let next = self
            .spare
            .try_recv()
            .unwrap_or_else(|_| Vec::with_capacity(SEGMENT_BYTES + ENTRY_BYTES));
        let full = std::mem::replace(&mut self.sink, Sink::reusing(next));
        let block = Block {
            raw: full.bytes,
            first_event: self.first_event,
            events: self.events,
        };
        self.first_event += u64::from(self.events);
        self.events = 0;
        self.opened_at = None;
        match self.to_writer.try_send(Message::Block(block)) {
            Ok(()) => self.is_over = self.status.is_over(),
            Err(TrySendError::Full(Message::Block(lost))) => {
                // What follows could not be replayed without it.
                self.is_over = true;
                self.missed = u64::from(lost.events);
                self.status.missed.store(self.missed, Ordering::Relaxed);
            }
            Err(_) => self.is_over = true,
        }
    }

    #[cold]
    fn on_missed(&mut self) {
        if self.missed > 0 {
            self.missed += 1;
            self.status.missed.store(self.missed, Ordering::Relaxed);
        }
    }
}

/// Writes what was asked for in one step, in place of what `out` held.
pub(super) fn encode_actions(actions: &[Action], now: Now, out: &mut Sink) {
    out.bytes.clear();
    out.now = now;
    for action in actions {
        Asked::from(action).encode(out);
    }
}

/// What was recorded up to a panic that ends the thread is handed over too: the event that it was about comes last.
impl Drop for Recorder {
    fn drop(&mut self) {
        if self.has_entries() {
            self.hand_over();
        }
    }
}
