use super::*;
use crate::units::{Lots, Side, Ticks, Wall};
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use proptest::prelude::*;

fn at(price: i64, size: i64) -> Level {
    Level {
        price: Ticks(price),
        size: Lots(size),
    }
}

/// An update `(U, u, pu)` that sets bid 100 to `u`.
fn on_depth(sync: &mut BookSync, (first_id, last_id, prev_id): (i64, i64, i64)) -> DepthOutcome {
    let bids = [at(100, last_id)];
    sync.on_depth(&DepthUpdate {
        first_id,
        last_id,
        prev_id,
        event_time: Wall(0),
        transact_time: Wall(0),
        bids: &bids,
        asks: &[],
    })
}

fn on_snapshot(sync: &mut BookSync, last_id: i64) -> SnapshotOutcome {
    sync.on_snapshot(&DepthSnapshot {
        last_id,
        transact_time: Wall(0),
        bids: &[at(99, 1), at(100, 1)],
        asks: &[at(101, 1)],
    })
}

/// Buffered updates, the snapshot's id, and what must come of it: outcome, then size at bid 100.
#[test]
fn a_snapshot_is_bridged_exactly_by_the_update_that_holds_it() {
    let run: &[(i64, i64, i64)] = &[(5, 10, 3), (15, 20, 10), (25, 30, 20)];
    for (id, outcome, size) in [
        (2, SnapshotOutcome::TooOld, None),
        (3, SnapshotOutcome::Bridged, Some(30)), // pu <= L < U: nothing lies between
        (5, SnapshotOutcome::Bridged, Some(30)), // U == L
        (10, SnapshotOutcome::Bridged, Some(30)), // u == L
        (12, SnapshotOutcome::Bridged, Some(30)), // in the gap between two updates
        (15, SnapshotOutcome::Bridged, Some(30)),
        (30, SnapshotOutcome::Bridged, Some(30)),
        (31, SnapshotOutcome::Waiting, None),
    ] {
        let mut sync = BookSync::default();
        for ids in run {
            assert_eq!(on_depth(&mut sync, *ids), DepthOutcome::Buffered);
        }
        assert!(sync.needs_snapshot());
        assert_eq!(on_snapshot(&mut sync, id), outcome, "snapshot {id}");
        let found = sync.book().map(|b| b.size_at(Side::Buy, Ticks(100)).0);
        assert_eq!(found, size, "snapshot {id}");
        assert_eq!(sync.last_id(), size);
        assert_eq!(sync.needs_snapshot(), outcome == SnapshotOutcome::TooOld);
    }
}

/// With a snapshot of id 20 waiting.
#[test]
fn a_waiting_snapshot_meets_the_next_update() {
    for (ids, outcome, state) in [
        ((11, 19, 10), DepthOutcome::Ignored, SyncState::Bridging),
        ((11, 20, 10), DepthOutcome::Applied, SyncState::Live),
        ((15, 25, 12), DepthOutcome::Applied, SyncState::Live),
        ((24, 25, 20), DepthOutcome::Applied, SyncState::Live),
        ((24, 25, 21), DepthOutcome::Buffered, SyncState::Buffering),
        (
            (26, 25, 20),
            DepthOutcome::Lost(BookLoss::BadFrame),
            SyncState::Buffering,
        ),
    ] {
        let mut sync = BookSync::default();
        assert_eq!(on_snapshot(&mut sync, 20), SnapshotOutcome::Waiting);
        assert!(sync.book().is_none() && !sync.needs_snapshot());
        assert_eq!(on_depth(&mut sync, ids), outcome, "{ids:?}");
        assert_eq!(sync.state(), state, "{ids:?}");
        let waits = outcome == DepthOutcome::Buffered;
        assert_eq!(sync.needs_snapshot(), waits, "{ids:?}");
    }
}

fn live_at(id: i64) -> BookSync {
    let mut sync = BookSync::default();
    assert_eq!(on_snapshot(&mut sync, id - 1), SnapshotOutcome::Waiting);
    let first = (id, id, id - 1);
    assert_eq!(on_depth(&mut sync, first), DepthOutcome::Applied);
    sync
}

#[test]
fn a_live_book_follows_the_chain_and_nothing_else() {
    let gap = DepthOutcome::Lost(BookLoss::Gap);
    for (ids, outcome) in [
        ((21, 25, 20), DepthOutcome::Applied),
        ((29, 35, 20), DepthOutcome::Applied), // ids jump
        ((15, 20, 12), DepthOutcome::Ignored), // duplicate
        ((11, 15, 10), DepthOutcome::Ignored), // late
        ((23, 25, 22), gap),                   // one was missed
        ((18, 25, 17), gap),                   // overlaps what is there
        ((30, 25, 20), DepthOutcome::Lost(BookLoss::BadFrame)),
    ] {
        let mut sync = live_at(20);
        assert_eq!(on_depth(&mut sync, ids), outcome, "{ids:?}");
        let lost = matches!(outcome, DepthOutcome::Lost(_));
        assert_eq!(sync.book().is_none(), lost, "{ids:?}");
        // The update that showed a gap is the first of the next run.
        assert_eq!(sync.needs_snapshot(), outcome == gap, "{ids:?}");
        if outcome == gap {
            assert_eq!(on_snapshot(&mut sync, 25), SnapshotOutcome::Bridged);
        }
    }
}

#[test]
fn a_snapshot_nobody_needs_changes_nothing() {
    let mut sync = live_at(20);
    assert_eq!(on_snapshot(&mut sync, 90), SnapshotOutcome::NotNeeded);
    assert_eq!(sync.last_id(), Some(20));
}

#[test]
fn a_gap_inside_the_buffer_starts_it_over() {
    let mut sync = BookSync::default();
    for ids in [(1, 10, 0), (11, 20, 10), (31, 40, 30)] {
        assert_eq!(on_depth(&mut sync, ids), DepthOutcome::Buffered);
    }
    // The late one that would have closed the gap is of no use any more.
    assert_eq!(on_depth(&mut sync, (21, 30, 20)), DepthOutcome::Ignored);
    assert_eq!(on_snapshot(&mut sync, 15), SnapshotOutcome::TooOld);
    assert_eq!(on_snapshot(&mut sync, 35), SnapshotOutcome::Bridged);
}

#[test]
fn a_crossed_book_is_lost() {
    let crossing = |ids: (i64, i64, i64), sync: &mut BookSync| {
        sync.on_depth(&DepthUpdate {
            first_id: ids.0,
            last_id: ids.1,
            prev_id: ids.2,
            event_time: Wall(0),
            transact_time: Wall(0),
            bids: &[at(101, 1)],
            asks: &[],
        })
    };
    let mut sync = live_at(20);
    let crossed = DepthOutcome::Lost(BookLoss::Crossed);
    assert_eq!(crossing((21, 21, 20), &mut sync), crossed);
    assert!(sync.book().is_none() && sync.needs_snapshot());

    let mut sync = BookSync::default();
    assert_eq!(crossing((21, 21, 20), &mut sync), DepthOutcome::Buffered);
    let crossed = SnapshotOutcome::Lost(BookLoss::Crossed);
    assert_eq!(on_snapshot(&mut sync, 20), crossed);
    assert_eq!(sync.state(), SyncState::Buffering);
}

#[test]
fn levels_that_cannot_be_true_lose_the_book_wherever_they_arrive() {
    let bad = [at(100, -1)];
    let update = |first_id, last_id, prev_id| DepthUpdate {
        first_id,
        last_id,
        prev_id,
        event_time: Wall(0),
        transact_time: Wall(0),
        bids: &bad,
        asks: &[],
    };
    let mut sync = live_at(20);
    let lost = DepthOutcome::Lost(BookLoss::BadFrame);
    assert_eq!(sync.on_depth(&update(21, 22, 20)), lost);
    let mut sync = BookSync::default();
    assert_eq!(sync.on_depth(&update(21, 22, 20)), DepthOutcome::Buffered);
    let lost = SnapshotOutcome::Lost(BookLoss::BadFrame);
    assert_eq!(on_snapshot(&mut sync, 21), lost);
    assert!(!sync.needs_snapshot());
}

#[test]
fn a_loss_from_outside_discards_book_and_buffer() {
    let mut sync = live_at(20);
    let why = BookLoss::StreamLost;
    assert_eq!(sync.lose(why), DepthOutcome::Lost(why));
    assert!(sync.book().is_none() && !sync.needs_snapshot());
    assert_eq!(on_depth(&mut sync, (21, 22, 20)), DepthOutcome::Buffered);
    assert!(sync.needs_snapshot());
}

#[test]
fn the_buffer_is_bounded_and_drops_its_oldest_half() {
    let mut sync = BookSync::default();
    let count = BUFFER_MAX as i64 + 1;
    for id in 1..=count {
        let outcome = on_depth(&mut sync, (id, id, id - 1));
        assert_eq!(outcome, DepthOutcome::Buffered);
    }
    assert_eq!(on_snapshot(&mut sync, 5), SnapshotOutcome::TooOld);
    assert_eq!(
        on_snapshot(&mut sync, count / 2 + 2),
        SnapshotOutcome::Bridged
    );
    assert_eq!(sync.last_id(), Some(count));
}

#[test]
fn the_levels_of_the_buffer_are_bounded() {
    let many: Vec<_> = (1..=BUFFER_LEVELS_MAX as i64 / 2)
        .map(|p| at(p, 1))
        .collect();
    let too_many: Vec<_> = (0..=BUFFER_LEVELS_MAX as i64)
        .map(|p| at(p + 1, 1))
        .collect();
    let update = |id: i64, bids| DepthUpdate {
        first_id: id,
        last_id: id,
        prev_id: id - 1,
        event_time: Wall(0),
        transact_time: Wall(0),
        bids,
        asks: &[],
    };
    let mut sync = BookSync::default();
    for id in 1..=3 {
        let outcome = sync.on_depth(&update(id, &many));
        assert_eq!(outcome, DepthOutcome::Buffered);
    }
    assert_eq!(on_snapshot(&mut sync, 0), SnapshotOutcome::TooOld);
    let full = DepthOutcome::Lost(BookLoss::BufferFull);
    assert_eq!(sync.on_depth(&update(4, &too_many)), full);
    assert!(!sync.needs_snapshot());
    assert_eq!(sync.on_depth(&update(5, &many)), DepthOutcome::Buffered);
}

#[test]
fn ids_that_start_over_do_not_freeze_the_book_for_ever() {
    // The exchange restarted with lower ids.
    let mut sync = live_at(1_000_000);
    let mut ignored = 0;
    let mut id = 1;
    while sync.state() == SyncState::Live {
        let outcome = on_depth(&mut sync, (id, id, id - 1));
        assert_ne!(outcome, DepthOutcome::Applied);
        ignored += 1;
        id += 1;
    }
    assert_eq!(ignored, IGNORED_RUN_MAX);
    assert!(sync.needs_snapshot());
    assert_eq!(on_snapshot(&mut sync, id - 1), SnapshotOutcome::Bridged);

    // A snapshot of another environment lies far ahead of the stream.
    sync.lose(BookLoss::Mismatch);
    assert_eq!(on_snapshot(&mut sync, 1 << 40), SnapshotOutcome::Waiting);
    for _ in 0..IGNORED_RUN_MAX {
        id += 1;
        let _ = on_depth(&mut sync, (id, id, id - 1));
    }
    assert!(sync.needs_snapshot());
}

/// Jump of ids, step of the mid, and changed levels as offset from it and size.
type Step = (i64, i64, Vec<(i64, i64)>);

/// `U`, `u`, `pu`, bids, asks.
type Sent = (i64, i64, i64, Vec<Level>, Vec<Level>);

/// The exchange: its book after every update, by update id.
struct Venue {
    history: BTreeMap<i64, BTreeMap<(i64, i64), i64>>,
    updates: Vec<Sent>,
}

impl Venue {
    /// Builds a history from small numbers: jumps of ids, and levels around a wandering mid.
    fn new(script: &[Step]) -> Self {
        let (mut book, mut history) = (BTreeMap::new(), BTreeMap::new());
        let (mut last_id, mut mid) = (100, 50_000);
        history.insert(last_id, book.clone());
        let mut updates = Vec::new();
        for (jump, step, changes) in script {
            mid += step;
            let (mut bids, mut asks) = (Vec::new(), Vec::new());
            // What the moving mid runs over is gone.
            for (sign, price) in book.keys() {
                match (*sign, *price >= mid) {
                    (1, true) => bids.push(at(*price, 0)),
                    (-1, false) => asks.push(at(*price, 0)),
                    (_, true | false) => {}
                }
            }
            for (offset, size) in changes {
                let level = at(mid + offset, *size);
                let side = if *offset < 0 { &mut bids } else { &mut asks };
                side.push(level);
            }
            for (sign, levels) in [(1, &bids), (-1, &asks)] {
                for level in levels {
                    match level.size.0 {
                        0 => book.remove(&(sign, level.price.0)),
                        size => book.insert((sign, level.price.0), size),
                    };
                }
            }
            let id = last_id + 1 + jump;
            updates.push((last_id + 1 + jump / 2, id, last_id, bids, asks));
            last_id = id;
            history.insert(id, book.clone());
        }
        Self { history, updates }
    }

    fn book_at(&self, id: i64) -> &BTreeMap<(i64, i64), i64> {
        let found = self.history.range(..=id).next_back();
        found.expect("the history begins before every id").1
    }

    fn deliver(&self, sync: &mut BookSync, index: usize) {
        let Some((first_id, last_id, prev_id, bids, asks)) = self.updates.get(index) else {
            return;
        };
        let outcome = sync.on_depth(&DepthUpdate {
            first_id: *first_id,
            last_id: *last_id,
            prev_id: *prev_id,
            event_time: Wall(0),
            transact_time: Wall(0),
            bids,
            asks,
        });
        assert_ne!(outcome, DepthOutcome::Lost(BookLoss::Crossed));
        self.check(sync);
    }

    /// A snapshot taken `age` ids before the update at `index`.
    fn answer(&self, sync: &mut BookSync, index: usize, age: i64) {
        let Some((_, last_id, ..)) = self.updates.get(index) else {
            return;
        };
        let id = (last_id - age).max(100);
        let of = |wanted: i64| -> Vec<Level> {
            let book = self.book_at(id).iter();
            let side = book.filter(|((sign, _), _)| *sign == wanted);
            side.map(|((_, price), size)| at(*price, *size)).collect()
        };
        let outcome = sync.on_snapshot(&DepthSnapshot {
            last_id: id,
            transact_time: Wall(0),
            bids: &of(1),
            asks: &of(-1),
        });
        assert_ne!(outcome, SnapshotOutcome::Lost(BookLoss::Crossed));
        self.check(sync);
    }

    /// A live book is the exchange's book as of its last id, level by level.
    fn check(&self, sync: &BookSync) {
        let (Some(book), Some(id)) = (sync.book(), sync.last_id()) else {
            return;
        };
        let mut found = BTreeMap::new();
        for side in Side::BOTH {
            for level in book.levels(side) {
                found.insert((side.sign(), level.price.0), level.size.0);
            }
        }
        assert_eq!(&found, self.book_at(id));
    }
}

/// What the network does with the next update.
#[derive(Clone, Copy, Debug)]
enum Fate {
    Delivered,
    Dropped,
    Doubled,
    Swapped,
    Repeated(usize),
    LinkLost,
}

fn fates() -> impl Strategy<Value = Fate> {
    prop_oneof![
        12 => Just(Fate::Delivered),
        1 => Just(Fate::Dropped),
        2 => Just(Fate::Doubled),
        1 => Just(Fate::Swapped),
        1 => (0_usize..40).prop_map(Fate::Repeated),
        1 => Just(Fate::LinkLost),
    ]
}

fn scripts() -> impl Strategy<Value = Vec<Step>> {
    let level = (-60_i64..60, prop_oneof![1 => Just(0_i64), 3 => 1_i64..50]);
    let levels = prop::collection::vec(level, 0..12);
    prop::collection::vec((0_i64..30, -30_i64..30, levels), 20..90)
}

proptest! {
    #[test]
    fn a_live_book_is_true_under_gaps_duplicates_and_reordering_and_comes_back_after_them(
        script in scripts(),
        fates in prop::collection::vec((fates(), 0_i64..60, any::<bool>()), 90),
    ) {
        let venue = Venue::new(&script);
        let mut sync = BookSync::default();
        let calm_from = venue.updates.len() - 5;
        let mut index = 0;
        while index < venue.updates.len() {
            let faulty = index < calm_from;
            let (fate, age, answered) = *fates.get(index).expect("as many as updates at most");
            match if faulty { fate } else { Fate::Delivered } {
                Fate::Delivered => venue.deliver(&mut sync, index),
                Fate::Dropped => {}
                Fate::Doubled => {
                    venue.deliver(&mut sync, index);
                    venue.deliver(&mut sync, index);
                }
                Fate::Swapped => {
                    venue.deliver(&mut sync, index + 1);
                    venue.deliver(&mut sync, index);
                    index += 1;
                }
                Fate::Repeated(back) => {
                    venue.deliver(&mut sync, index);
                    venue.deliver(&mut sync, index.saturating_sub(back));
                }
                Fate::LinkLost => {
                    sync.lose(BookLoss::StreamLost);
                }
            }
            if sync.needs_snapshot() && (answered || !faulty) {
                venue.answer(&mut sync, index, if faulty { age } else { 0 });
            }
            index += 1;
        }
        prop_assert!(sync.book().is_some());
        prop_assert_eq!(sync.last_id(), venue.updates.last().map(|u| u.1));
    }
}
