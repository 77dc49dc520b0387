//! The writer thread and its bounded queues: recording never waits for the disk; does not know what the records mean.
//!
//! Two queues of different worth, so that a flood of order updates cannot push
//! out a fill:
//!
//! - *books* (fills, funding, positions, halts, operator actions), room for
//!   [`Limits::books_max`]: when full, the record is handed back in
//!   [`Backlog::Returned`]. The caller alerts and keeps or re-fetches it; the
//!   exchange still has every fill and payment.
//! - *routine* (orders, samples, notices), room for [`Limits::routine_max`]:
//!   when full, the record is dropped and counted; [`Backlog::Dropped`].
//!
//! A failing disk stops nothing: the batch is kept and tried again until it is
//! written, the queues take what comes meanwhile, and [`Status::error`] says why.
//! Nor does a panic over a record: the batch is written one by one, and the record
//! that panics again is left out like one that the database refuses.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, TransactionBehavior};

use super::record::{Class, Record};
use super::store;

/// Longest time that a routine record waits for company in its transaction.
const GATHER: Duration = Duration::from_millis(50);
/// Most records in one transaction.
const BATCH_MAX: usize = 2048;
/// Pause between two attempts at a disk that refuses.
const RETRY: Duration = Duration::from_millis(500);
/// Attempts at a refusing disk once the writer is told to stop.
const STOP_ATTEMPTS_MAX: u32 = 4;

/// Sizes of the queues.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Records of [`Class::Books`] that can wait.
    pub books_max: usize,
    /// Records of [`Class::Routine`] that can wait.
    pub routine_max: usize,
}

impl Default for Limits {
    /// Minutes of a busy market with the disk standing still.
    fn default() -> Self {
        Self {
            books_max: 65_536,
            routine_max: 32_768,
        }
    }
}

/// A record that was not taken. Either way the caller raises an alert: the journal cannot keep up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Backlog {
    /// A record of the books, given back unrecorded.
    Returned(Box<Record>),
    /// A routine record is lost; this many so far.
    Dropped {
        /// Lost since the start.
        total: u64,
    },
}

/// How the writer fares, for health and metrics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// Records that wait in the queues or in an unwritten batch.
    pub waiting: usize,
    /// Records on disk since the start. Standing still while some wait means trouble.
    pub written_total: u64,
    /// Routine records lost to a full queue.
    pub dropped_total: u64,
    /// Records of the books given back because of a full queue.
    pub returned_total: u64,
    /// Records that the database refused as wrong, which is a bug; each is logged.
    pub refused_total: u64,
    /// Why the last attempt failed; `None` when the last one succeeded.
    pub error: Option<String>,
}

#[derive(Debug, Default)]
struct Shared {
    waiting: AtomicUsize,
    written: AtomicU64,
    dropped: AtomicU64,
    returned: AtomicU64,
    refused: AtomicU64,
    stopping: AtomicBool,
    // Touched when an attempt fails, when one succeeds after that, and by health checks.
    error: Mutex<Option<String>>,
}

impl Shared {
    fn note_error(&self, error: Option<String>) {
        *self.error.lock().unwrap_or_else(PoisonError::into_inner) = error;
    }
}

enum Item {
    Record(Record),
    /// Answered when everything recorded before it is on disk.
    Flush(SyncSender<()>),
    Stop,
}

/// Hands records to the writer thread. Cheap to clone; never blocks.
#[derive(Debug, Clone)]
pub struct Recorder {
    books: SyncSender<Item>,
    routine: SyncSender<Record>,
    shared: Arc<Shared>,
}

impl Recorder {
    /// Queues `record`.
    ///
    /// # Errors
    /// [`Backlog`] when its queue is full or the writer has ended.
    pub fn record(&self, record: Record) -> Result<(), Backlog> {
        // Counted first: the writer must never subtract what was not yet added.
        self.shared.waiting.fetch_add(1, Ordering::Relaxed);
        let refused = match record.class() {
            Class::Books => match self.books.try_send(Item::Record(record)) {
                Ok(()) => None,
                Err(TrySendError::Full(item) | TrySendError::Disconnected(item)) => {
                    Some(self.on_returned(item))
                }
            },
            Class::Routine => match self.routine.try_send(record) {
                Ok(()) => None,
                Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {
                    Some(self.on_dropped())
                }
            },
        };
        match refused {
            None => Ok(()),
            Some(backlog) => {
                self.shared.waiting.fetch_sub(1, Ordering::Relaxed);
                Err(backlog)
            }
        }
    }

    fn on_returned(&self, item: Item) -> Backlog {
        self.shared.returned.fetch_add(1, Ordering::Relaxed);
        match item {
            Item::Record(record) => Backlog::Returned(Box::new(record)),
            Item::Flush(_) | Item::Stop => unreachable!("only a record is sent here"),
        }
    }

    fn on_dropped(&self) -> Backlog {
        let total = self
            .shared
            .dropped
            .fetch_add(1, Ordering::Relaxed)
            .saturating_add(1);
        Backlog::Dropped { total }
    }

    /// How the writer fares.
    pub fn status(&self) -> Status {
        let shared = &self.shared;
        Status {
            waiting: shared.waiting.load(Ordering::Relaxed),
            written_total: shared.written.load(Ordering::Relaxed),
            dropped_total: shared.dropped.load(Ordering::Relaxed),
            returned_total: shared.returned.load(Ordering::Relaxed),
            refused_total: shared.refused.load(Ordering::Relaxed),
            error: shared
                .error
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .clone(),
        }
    }

    /// Waits, at most `timeout`, until everything recorded before is on disk; says whether it is. Not for the hot thread.
    pub fn flush(&self, timeout: Duration) -> bool {
        let (done, answer) = sync_channel(1);
        // A full queue is no reason to wait longer than the caller wants.
        self.books.try_send(Item::Flush(done)).is_ok() && answer.recv_timeout(timeout).is_ok()
    }
}

/// Records that were not on disk when the writer had to end.
#[derive(Debug, thiserror::Error)]
#[error("{records} journal records could not be written: {reason}")]
pub struct Unwritten {
    /// How many.
    pub records: usize,
    /// Why.
    pub reason: String,
}

/// The running writer thread.
#[derive(Debug)]
pub struct Writer {
    recorder: Recorder,
    thread: Option<JoinHandle<Result<(), Unwritten>>>,
}

impl Writer {
    pub(super) fn start(connection: Connection, limits: Limits) -> std::io::Result<Self> {
        let (books, books_in) = sync_channel(limits.books_max);
        let (routine, routine_in) = sync_channel(limits.routine_max);
        let shared = Arc::new(Shared::default());
        let mut pen = Pen {
            connection,
            books: books_in,
            routine: routine_in,
            limits,
            shared: Arc::clone(&shared),
        };
        let thread = std::thread::Builder::new()
            .name("journal".to_owned())
            .spawn(move || pen.run())?;
        Ok(Self {
            recorder: Recorder {
                books,
                routine,
                shared,
            },
            thread: Some(thread),
        })
    }

    /// A handle for whoever has something to record.
    pub fn recorder(&self) -> Recorder {
        self.recorder.clone()
    }

    /// Writes what waits and ends. A disk that keeps refusing is given up on after about two seconds.
    ///
    /// # Errors
    /// [`Unwritten`] with the number of records that are not on disk.
    pub fn close(mut self) -> Result<(), Unwritten> {
        self.stop()
    }

    fn stop(&mut self) -> Result<(), Unwritten> {
        let Some(thread) = self.thread.take() else {
            return Ok(());
        };
        self.recorder.shared.stopping.store(true, Ordering::Relaxed);
        // When the queue is full the thread sees the flag instead.
        let _ = self.recorder.books.try_send(Item::Stop);
        thread.join().unwrap_or_else(|_| {
            Err(Unwritten {
                records: self.recorder.status().waiting,
                reason: "the writer thread panicked".to_owned(),
            })
        })
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if let Err(error) = self.stop() {
            tracing::error!(%error, "journal closed incomplete");
        }
    }
}

/// The thread's own state.
struct Pen {
    connection: Connection,
    books: Receiver<Item>,
    routine: Receiver<Record>,
    limits: Limits,
    shared: Arc<Shared>,
}

/// Why a batch was not written.
enum Failure {
    Database(rusqlite::Error),
    Panicked,
}

/// What one round gathered.
#[derive(Default)]
struct Batch {
    records: VecDeque<Record>,
    flushes: Vec<SyncSender<()>>,
    ended: bool,
}

impl Pen {
    fn run(&mut self) -> Result<(), Unwritten> {
        // What waits when the stop comes is written; what others go on recording after it is not waited for.
        let mut rounds_left = (self.limits.books_max + self.limits.routine_max) / BATCH_MAX + 2;
        loop {
            let batch = self.gather();
            let stopping = batch.ended || self.shared.stopping.load(Ordering::Relaxed);
            let idle = batch.records.is_empty();
            if let Err(reason) = self.write(batch.records) {
                let waiting = self.shared.waiting.load(Ordering::Relaxed);
                return Err(Unwritten {
                    records: waiting,
                    reason,
                });
            }
            for flush in batch.flushes {
                // Whoever waited may have given up.
                let _ = flush.try_send(());
            }
            if stopping {
                rounds_left = rounds_left.saturating_sub(1);
                if idle || rounds_left == 0 {
                    return Ok(());
                }
            }
        }
    }

    /// Waits for something to write; the books come first.
    fn gather(&mut self) -> Batch {
        let mut batch = Batch::default();
        match self.books.recv_timeout(GATHER) {
            Ok(item) => self.take(item, &mut batch),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => batch.ended = true,
        }
        while batch.records.len() < BATCH_MAX {
            match self.books.try_recv() {
                Ok(item) => self.take(item, &mut batch),
                Err(_) => break,
            }
        }
        let room = BATCH_MAX.saturating_sub(batch.records.len());
        batch.records.extend(self.routine.try_iter().take(room));
        batch
    }

    fn take(&self, item: Item, batch: &mut Batch) {
        match item {
            Item::Record(record) => batch.records.push_back(record),
            Item::Flush(done) => {
                // A flush means the routine records too: at most one queue full, whoever goes on recording.
                let waiting = self.routine.try_iter().take(self.limits.routine_max);
                batch.records.extend(waiting);
                batch.flushes.push(done);
            }
            Item::Stop => batch.ended = true,
        }
    }

    /// Writes the batch, however long it takes; gives up only when told to stop.
    fn write(&mut self, mut records: VecDeque<Record>) -> Result<(), String> {
        if records.is_empty() {
            return Ok(());
        }
        let (mut attempts, mut together) = (0, BATCH_MAX.max(records.len()));
        while !records.is_empty() {
            let count = together.min(records.len());
            let reason = match self.attempt_contained(&records, count) {
                Ok(()) => {
                    self.shared.note_error(None);
                    self.on_written(records.drain(..count).len());
                    continue;
                }
                Err(Failure::Panicked) if count > 1 => {
                    together = 1;
                    continue;
                }
                Err(Failure::Panicked) => {
                    tracing::error!(record = ?records.front(), "the journal panics over a record: it is left out");
                    self.shared.refused.fetch_add(1, Ordering::Relaxed);
                    self.on_written(records.drain(..count).len());
                    continue;
                }
                Err(Failure::Database(error)) => error.to_string(),
            };
            self.shared.note_error(Some(reason.clone()));
            if self.shared.stopping.load(Ordering::Relaxed) {
                attempts += 1;
                if attempts >= STOP_ATTEMPTS_MAX {
                    return Err(reason);
                }
            }
            std::thread::sleep(RETRY);
        }
        Ok(())
    }

    fn on_written(&self, count: usize) {
        self.shared.waiting.fetch_sub(count, Ordering::Relaxed);
        self.shared
            .written
            .fetch_add(count as u64, Ordering::Relaxed);
    }

    /// The first `count` records in one transaction. Unwinding rolls it back, and nothing else is changed before the
    /// commit, so what `AssertUnwindSafe` asserts holds.
    fn attempt_contained(
        &mut self,
        records: &VecDeque<Record>,
        count: usize,
    ) -> Result<(), Failure> {
        let attempt = AssertUnwindSafe(|| self.attempt(records.iter().take(count)));
        match catch_unwind(attempt) {
            Ok(outcome) => outcome.map_err(Failure::Database),
            Err(_) => Err(Failure::Panicked),
        }
    }

    fn attempt<'a>(&mut self, records: impl Iterator<Item = &'a Record>) -> rusqlite::Result<()> {
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut refused = 0;
        for record in records {
            #[cfg(test)]
            super::tests::panic_over_poison(record);
            match store::write(&transaction, record) {
                Ok(()) => {}
                // One wrong record must not hold up all others for ever. SQLite undoes just the failed statement.
                Err(error) if is_refusal(&error) => {
                    refused += 1;
                    tracing::error!(%error, ?record, "the journal refused a record");
                }
                Err(error) => return Err(error),
            }
        }
        transaction.commit()?;
        self.shared.refused.fetch_add(refused, Ordering::Relaxed);
        Ok(())
    }
}

fn is_refusal(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::ConstraintViolation | ErrorCode::TypeMismatch | ErrorCode::TooBig)
    )
}
