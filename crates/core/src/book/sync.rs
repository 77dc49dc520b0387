//! Owns the bridging of snapshot and depth stream into a true book (protocol §2.8, futures rule);
//! knows nothing of clocks, sockets or request budgets: it only says that a snapshot is needed.
//!
//! An update is *continuous* when its `pu` is the `u` of the one before it. Update ids jump, so `U` says
//! nothing about continuity. A snapshot with id `L` is bridged by the first update with `pu <= L <= u`:
//! such an update holds every change after `pu`, hence every change after `L`. Protocol §2.8 asks for
//! `U <= L <= u`, which implies it (`pu < U`); the wider form also bridges a snapshot whose id fell
//! into the gap between two updates, and saves a second request of weight 20.

use super::{BadLevel, Book};
use crate::event::{DepthSnapshot, DepthUpdate, Level};
use crate::notice::BookLoss;
use alloc::vec::Vec;

/// Updates kept before a snapshot (about 25 s of a 100 ms stream). At the bound the older half is
/// dropped; a snapshot that needed it is then too old, and the next one is not.
pub const BUFFER_MAX: usize = 256;
/// Levels kept before a snapshot, with the same reaction. An update that is larger by itself is not
/// kept at all: [`BookLoss::BufferFull`], and buffering starts with the next one.
pub const BUFFER_LEVELS_MAX: usize = 16_384;
/// Consecutive ignored updates after which the ids are taken to have started over (exchange restart,
/// snapshot of another environment): the book is lost with [`BookLoss::Gap`] instead of waiting forever.
pub const IGNORED_RUN_MAX: u32 = 50;

/// Where the bridging stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SyncState {
    /// Updates are collected; a snapshot is needed as soon as there is one.
    Buffering,
    /// The snapshot is there, the update that reaches it is not.
    Bridging,
    /// The book is true as of the last applied update.
    Live,
}

/// What became of an update.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DepthOutcome {
    /// The book is live and contains it.
    Applied,
    /// It waits for a snapshot.
    Buffered,
    /// A duplicate or older than the book: nothing changed. Not a proof of freshness.
    Ignored,
    /// The book is discarded and a new snapshot is needed.
    Lost(BookLoss),
}

/// What became of a snapshot.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SnapshotOutcome {
    /// The book is live.
    Bridged,
    /// The oldest buffered update begins after it: fetch again.
    TooOld,
    /// It is kept until an update reaches it.
    Waiting,
    /// Nobody asked: the book is live already, and stays as it is.
    NotNeeded,
    /// It cannot be true; fetch again.
    Lost(BookLoss),
}

/// The bridging machine of one symbol, with its book.
#[derive(Clone, Debug)]
pub struct BookSync {
    book: Book,
    state: SyncState,
    /// `u` of the last applied update in `Live`, `lastUpdateId` of the snapshot in `Bridging`.
    last_id: i64,
    buffer: Buffer,
    ignored_run: u32,
}

impl Default for BookSync {
    fn default() -> Self {
        Self {
            book: Book::default(),
            state: SyncState::Buffering,
            last_id: 0,
            buffer: Buffer::default(),
            ignored_run: 0,
        }
    }
}

impl BookSync {
    /// The book, only while it is true.
    #[inline]
    #[must_use]
    pub const fn book(&self) -> Option<&Book> {
        match self.state {
            SyncState::Live => Some(&self.book),
            SyncState::Buffering | SyncState::Bridging => None,
        }
    }

    /// Where the bridging stands.
    #[inline]
    #[must_use]
    pub const fn state(&self) -> SyncState {
        self.state
    }

    /// `u` of the last applied update; `None` unless live.
    #[inline]
    #[must_use]
    pub const fn last_id(&self) -> Option<i64> {
        match self.state {
            SyncState::Live => Some(self.last_id),
            SyncState::Buffering | SyncState::Bridging => None,
        }
    }

    /// Whether a snapshot should be fetched: the stream speaks, and nothing that was fetched bridges it.
    /// A snapshot from before the first update would only be too old.
    #[must_use]
    pub const fn needs_snapshot(&self) -> bool {
        match self.state {
            SyncState::Buffering => !self.buffer.is_empty(),
            SyncState::Bridging | SyncState::Live => false,
        }
    }

    /// Discards the book because of something seen outside (a frame that could not be decoded, a dead
    /// stream, a failed cross-check). The next update starts a new buffer.
    pub fn lose(&mut self, why: BookLoss) -> DepthOutcome {
        self.state = SyncState::Buffering;
        self.book.clear();
        self.buffer.clear();
        self.ignored_run = 0;
        DepthOutcome::Lost(why)
    }

    /// Takes the next update of the stream.
    #[must_use]
    pub fn on_depth(&mut self, update: &DepthUpdate<'_>) -> DepthOutcome {
        if update.first_id > update.last_id {
            return self.lose(BookLoss::BadFrame);
        }
        match self.state {
            SyncState::Buffering => self.buffer_update(update),
            SyncState::Bridging => self.bridge_update(update),
            SyncState::Live => self.follow_update(update),
        }
    }

    /// Takes a snapshot.
    #[must_use]
    pub fn on_snapshot(&mut self, snapshot: &DepthSnapshot<'_>) -> SnapshotOutcome {
        if self.state == SyncState::Live {
            return SnapshotOutcome::NotNeeded;
        }
        self.buffer.drop_before(snapshot.last_id);
        let first = self.buffer.first();
        if first.is_some_and(|first| first.prev_id > snapshot.last_id) {
            return SnapshotOutcome::TooOld;
        }
        self.book.clear();
        if let Err(BadLevel) = self.book.apply(snapshot.bids, snapshot.asks) {
            return self.lose_snapshot(BookLoss::BadFrame);
        }
        self.ignored_run = 0;
        self.last_id = snapshot.last_id;
        self.state = SyncState::Bridging;
        if let Some(last_id) = self.buffer.last_id() {
            if let Err(BadLevel) = self.buffer.replay(&mut self.book) {
                return self.lose_snapshot(BookLoss::BadFrame);
            }
            self.last_id = last_id;
            self.state = SyncState::Live;
            self.buffer.clear();
        }
        if self.book.is_crossed() {
            return self.lose_snapshot(BookLoss::Crossed);
        }
        match self.state {
            SyncState::Live => SnapshotOutcome::Bridged,
            SyncState::Buffering | SyncState::Bridging => SnapshotOutcome::Waiting,
        }
    }

    /// Live: the update must continue the chain.
    #[inline]
    fn follow_update(&mut self, update: &DepthUpdate<'_>) -> DepthOutcome {
        if update.prev_id == self.last_id && update.last_id > self.last_id {
            return self.apply_update(update);
        }
        if update.last_id <= self.last_id {
            return self.ignore_update(update);
        }
        self.restart(BookLoss::Gap, update)
    }

    /// A snapshot waits: the update must reach it.
    fn bridge_update(&mut self, update: &DepthUpdate<'_>) -> DepthOutcome {
        if update.last_id < self.last_id {
            return self.ignore_update(update);
        }
        if update.prev_id <= self.last_id {
            return self.apply_update(update);
        }
        // The snapshot was too old after all; no book is lost, for there was none.
        self.state = SyncState::Buffering;
        self.book.clear();
        self.buffer_update(update)
    }

    /// No snapshot yet: the buffer holds one continuous run, so a break starts it over.
    fn buffer_update(&mut self, update: &DepthUpdate<'_>) -> DepthOutcome {
        match self.buffer.last_id() {
            Some(last_id) if update.last_id <= last_id => return self.ignore_update(update),
            Some(last_id) if update.prev_id != last_id => self.buffer.clear(),
            Some(_) | None => {}
        }
        self.ignored_run = 0;
        if self.buffer.push(update) {
            DepthOutcome::Buffered
        } else {
            self.lose(BookLoss::BufferFull)
        }
    }

    #[inline]
    fn apply_update(&mut self, update: &DepthUpdate<'_>) -> DepthOutcome {
        if let Err(BadLevel) = self.book.apply(update.bids, update.asks) {
            return self.lose(BookLoss::BadFrame);
        }
        self.last_id = update.last_id;
        self.state = SyncState::Live;
        self.ignored_run = 0;
        if self.book.is_crossed() {
            return self.restart(BookLoss::Crossed, update);
        }
        DepthOutcome::Applied
    }

    fn ignore_update(&mut self, update: &DepthUpdate<'_>) -> DepthOutcome {
        self.ignored_run += 1;
        if self.ignored_run >= IGNORED_RUN_MAX {
            return self.restart(BookLoss::Gap, update);
        }
        DepthOutcome::Ignored
    }

    /// Loses the book and begins the next buffer with the update that showed it.
    fn restart(&mut self, why: BookLoss, update: &DepthUpdate<'_>) -> DepthOutcome {
        let lost = self.lose(why);
        match self.buffer_update(update) {
            DepthOutcome::Lost(fuller) => DepthOutcome::Lost(fuller),
            DepthOutcome::Buffered | DepthOutcome::Applied | DepthOutcome::Ignored => lost,
        }
    }

    fn lose_snapshot(&mut self, why: BookLoss) -> SnapshotOutcome {
        self.lose(why);
        SnapshotOutcome::Lost(why)
    }
}

/// Ids and extent of one buffered update.
#[derive(Clone, Copy, Debug)]
struct Kept {
    prev_id: i64,
    last_id: i64,
    bids: usize,
    asks: usize,
}

/// A continuous run of updates in flat storage that is reused, so that buffering allocates only until
/// it has once been as full as it gets.
#[derive(Clone, Debug, Default)]
struct Buffer {
    kept: Vec<Kept>,
    /// Bids, then asks, of each kept update in turn.
    levels: Vec<Level>,
}

impl Buffer {
    const fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    fn first(&self) -> Option<&Kept> {
        self.kept.first()
    }

    fn last_id(&self) -> Option<i64> {
        self.kept.last().map(|kept| kept.last_id)
    }

    fn clear(&mut self) {
        self.kept.clear();
        self.levels.clear();
    }

    /// Appends an update; false, and nothing kept, if it exceeds the buffer by itself.
    fn push(&mut self, update: &DepthUpdate<'_>) -> bool {
        let count = update.bids.len().saturating_add(update.asks.len());
        if count > BUFFER_LEVELS_MAX {
            return false;
        }
        while self.kept.len() >= BUFFER_MAX || self.levels.len() + count > BUFFER_LEVELS_MAX {
            self.drop_first(self.kept.len().div_ceil(2));
        }
        self.kept.push(Kept {
            prev_id: update.prev_id,
            last_id: update.last_id,
            bids: update.bids.len(),
            asks: update.asks.len(),
        });
        self.levels.extend_from_slice(update.bids);
        self.levels.extend_from_slice(update.asks);
        true
    }

    /// Drops updates whose `u` is below `id` (protocol §2.8 step 3).
    fn drop_before(&mut self, id: i64) {
        self.drop_first(self.kept.partition_point(|kept| kept.last_id < id));
    }

    fn drop_first(&mut self, updates: usize) {
        let dropped = self.kept.drain(..updates);
        let levels: usize = dropped.map(|kept| kept.bids + kept.asks).sum();
        self.levels.drain(..levels);
    }

    /// Applies every kept update, oldest first.
    fn replay(&self, book: &mut Book) -> Result<(), BadLevel> {
        let mut rest = self.levels.as_slice();
        for kept in &self.kept {
            let (bids, after) = rest.split_at_checked(kept.bids).ok_or(BadLevel)?;
            let (asks, after) = after.split_at_checked(kept.asks).ok_or(BadLevel)?;
            rest = after;
            book.apply(bids, asks)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
