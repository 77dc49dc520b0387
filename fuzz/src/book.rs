//! Target: any sequence of depth updates and snapshots. While the book is said to be true it equals a naive model, and it is said to
//! be true only when the ids allow it.

use super::input::Input;
use phoenix_core::book::sync::{BUFFER_MAX, BookSync, DepthOutcome, SnapshotOutcome, SyncState};
use phoenix_core::book::{Book, PRICE_MAX};
use phoenix_core::event::{DepthSnapshot, DepthUpdate, Level};
use phoenix_core::notice::BookLoss;
use phoenix_core::units::{Lots, Side, Ticks, Wall};
use std::collections::BTreeMap;

/// Each message takes a few bytes.
pub fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let mut scene = Scene::default();
    while !input.is_over() {
        match input.below(16) {
            0..=11 => scene.depth(&mut input),
            12..=14 => scene.snapshot(&mut input),
            _ => {
                let _ = scene.sync.lose(BookLoss::BadFrame);
                scene.kept.clear();
            }
        }
        scene.check(&mut input);
    }
}

/// An update that owns its levels.
#[derive(Clone, Debug)]
struct Update {
    prev_id: i64,
    first_id: i64,
    last_id: i64,
    bids: Vec<Level>,
    asks: Vec<Level>,
}

/// Sizes by price, and nothing more.
#[derive(Clone, Debug, Default)]
struct Naive {
    bids: BTreeMap<i64, i64>,
    asks: BTreeMap<i64, i64>,
}

impl Naive {
    fn apply(&mut self, bids: &[Level], asks: &[Level]) {
        for (side, levels) in [(&mut self.bids, bids), (&mut self.asks, asks)] {
            for level in levels {
                side.remove(&level.price.0);
                if level.size.0 > 0 {
                    side.insert(level.price.0, level.size.0);
                }
            }
        }
    }

    /// Best first.
    fn levels(&self, side: Side) -> Vec<Level> {
        let level = |(price, size): (&i64, &i64)| Level {
            price: Ticks(*price),
            size: Lots(*size),
        };
        match side {
            Side::Buy => self.bids.iter().rev().map(level).collect(),
            Side::Sell => self.asks.iter().map(level).collect(),
        }
    }
}

/// What is tested, and everything that it was told.
#[derive(Default)]
struct Scene {
    sync: BookSync,
    naive: Naive,
    /// Updates since the last break, while there is no book.
    kept: Vec<Update>,
    /// The last id of the book, or of the snapshot that waits.
    last_id: i64,
    /// The last id of the stream, whatever became of it.
    stream_id: i64,
}

fn is_bad(levels: &[Level]) -> bool {
    let bad = |l: &Level| l.price.0 <= 0 || l.price > PRICE_MAX || l.size.0 < 0;
    levels.iter().any(bad)
}

fn levels(input: &mut Input<'_>, side: Side) -> Vec<Level> {
    let count = input.below(6);
    let one = |input: &mut Input<'_>| {
        let near = input.word() % 300 - 3;
        let price = match input.byte() {
            0..=199 => 100_000 - side.sign() * near,
            200..=239 => 100_000 - side.sign() * near * 700,
            240..=251 => 1 + near.abs() * 1_000_000_000,
            252..=255 => input.number(i64::MAX),
        };
        let size = match input.byte() {
            0..=99 => 0,
            100..=250 => i64::from(input.byte()),
            251..=255 => input.number(i64::MAX),
        };
        Level {
            price: Ticks(price),
            size: Lots(size),
        }
    };
    (0..count).map(|_| one(input)).collect()
}

impl Scene {
    fn depth(&mut self, input: &mut Input<'_>) {
        let mut prev_id = self.stream_id;
        let mut first_id = prev_id.saturating_add(1 + i64::from(input.below(3)));
        let mut last_id = first_id.saturating_add(i64::from(input.below(3)));
        if input.byte() >= 224 {
            prev_id = prev_id.saturating_add(input.number(i64::MAX));
            first_id = first_id.saturating_add(input.small());
            last_id = last_id.saturating_add(input.small());
        }
        let update = Update {
            prev_id,
            first_id,
            last_id,
            bids: levels(input, Side::Buy),
            asks: levels(input, Side::Sell),
        };
        self.stream_id = last_id;
        let before = self.sync.state();
        let outcome = self.sync.on_depth(&DepthUpdate {
            first_id,
            last_id,
            prev_id,
            event_time: Wall::ZERO,
            transact_time: Wall::ZERO,
            bids: &update.bids,
            asks: &update.asks,
        });
        match outcome {
            DepthOutcome::Applied => self.on_applied(before, &update),
            DepthOutcome::Buffered => self.keep(update),
            DepthOutcome::Ignored => {}
            DepthOutcome::Lost(_) => {
                self.kept.clear();
                if self.sync.needs_snapshot() {
                    self.keep(update);
                }
            }
        }
    }

    fn on_applied(&mut self, before: SyncState, update: &Update) {
        match before {
            SyncState::Live => {
                assert_eq!(update.prev_id, self.last_id, "a gap was applied");
                assert!(update.last_id > self.last_id, "an old update was applied");
            }
            SyncState::Bridging => {
                let reach = update.prev_id..=update.last_id;
                assert!(reach.contains(&self.last_id), "the snapshot is elsewhere");
            }
            SyncState::Buffering => panic!("an update alone makes no book"),
        }
        assert!(update.first_id <= update.last_id);
        self.naive.apply(&update.bids, &update.asks);
        self.last_id = update.last_id;
    }

    fn keep(&mut self, update: Update) {
        if self
            .kept
            .last()
            .is_some_and(|k| k.last_id != update.prev_id)
        {
            self.kept.clear();
        }
        if self.kept.len() >= BUFFER_MAX {
            self.kept.drain(..self.kept.len().div_ceil(2));
        }
        self.kept.push(update);
    }

    fn snapshot(&mut self, input: &mut Input<'_>) {
        let last_id = self.stream_id.saturating_add(match input.byte() {
            0..=199 => 0,
            200..=239 => input.small(),
            240..=255 => input.number(i64::MAX),
        });
        let (bids, asks) = (levels(input, Side::Buy), levels(input, Side::Sell));
        let was_live = self.sync.state() == SyncState::Live;
        let outcome = self.sync.on_snapshot(&DepthSnapshot {
            last_id,
            transact_time: Wall::ZERO,
            bids: &bids,
            asks: &asks,
        });
        assert_eq!(outcome == SnapshotOutcome::NotNeeded, was_live);
        if was_live {
            return;
        }
        self.kept.retain(|k| k.last_id >= last_id);
        self.naive = Naive::default();
        self.naive.apply(&bids, &asks);
        match outcome {
            SnapshotOutcome::Bridged => {
                let first = self.kept.first().expect("something bridged it");
                assert!(first.prev_id <= last_id, "a gap was bridged");
                for update in self.kept.drain(..) {
                    self.naive.apply(&update.bids, &update.asks);
                    self.last_id = update.last_id;
                }
            }
            SnapshotOutcome::Waiting => {
                assert!(self.kept.is_empty(), "what is there was not used");
                self.last_id = last_id;
            }
            SnapshotOutcome::TooOld => assert_eq!(self.sync.state(), SyncState::Buffering),
            SnapshotOutcome::Lost(_) => self.kept.clear(),
            SnapshotOutcome::NotNeeded => panic!("it was not live"),
        }
    }

    fn check(&self, input: &mut Input<'_>) {
        let is_live = self.sync.state() == SyncState::Live;
        assert_eq!(self.sync.last_id().is_some(), is_live);
        let Some(book) = self.sync.book() else {
            return;
        };
        assert_eq!(self.sync.last_id(), Some(self.last_id));
        assert!(!book.is_crossed());
        let mut fresh = Book::default();
        for side in Side::BOTH {
            let expected = self.naive.levels(side);
            assert!(!is_bad(&expected), "an impossible level was believed");
            assert!(book.levels(side).eq(expected.iter().copied()), "{side:?}");
            assert_eq!(book.best(side), expected.first().copied());
            assert_eq!(book.depth(side), expected.len());
            check_queries(book, side, &expected, input);
            let (bids, asks): (&[Level], &[Level]) = match side {
                Side::Buy => (&expected, &[]),
                Side::Sell => (&[], &expected),
            };
            fresh.apply(bids, asks).expect("sound levels");
        }
        assert_eq!(fresh.digest(), book.digest(), "equal books, equal digests");
    }
}

fn check_queries(book: &Book, side: Side, expected: &[Level], input: &mut Input<'_>) {
    let at = usize::from(input.byte());
    let price = match expected.get(at) {
        Some(level) => level.price,
        None => Ticks(100_000 + input.small()),
    };
    let size = expected.iter().find(|l| l.price == price);
    let size = size.map_or(Lots::ZERO, |l| l.size);
    assert_eq!(book.size_at(side, price), size);
    let through = expected
        .iter()
        .filter(|l| !side.is_better(price, l.price))
        .fold(0_i64, |sum, l| sum.saturating_add(l.size.0));
    assert_eq!(book.depth_through(side, price), Lots(through));
}
