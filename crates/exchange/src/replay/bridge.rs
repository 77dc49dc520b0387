//! Which depth messages belong to a book that began with a snapshot (protocol §2.8; on spot `U` continues `u` by one); knows no book.

use super::record::DepthDiff;

/// What to do with a depth message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Apply it.
    Apply,
    /// It is older than the snapshot.
    Old,
    /// Keep it until a snapshot comes.
    Wait,
    /// The chain is broken: the book is void, keep the message and wait for a snapshot.
    Gap,
}

/// Follows the update ids.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Bridge {
    /// No snapshot yet, or none since the last gap.
    #[default]
    Awaiting,
    /// A snapshot with this id, no message applied yet.
    Snapshot(i64),
    /// The last applied message ended with this id.
    Linked(i64),
}

impl Bridge {
    /// A snapshot was taken as the book.
    pub(super) fn on_snapshot(&mut self, last_update_id: i64) {
        *self = Bridge::Snapshot(last_update_id);
    }

    /// Whether there is a book.
    pub(super) fn in_sync(self) -> bool {
        match self {
            Bridge::Awaiting => false,
            Bridge::Snapshot(_) | Bridge::Linked(_) => true,
        }
    }

    /// Judges the next message.
    pub(super) fn on_diff(&mut self, diff: &DepthDiff) -> Verdict {
        let verdict = match *self {
            Bridge::Awaiting => Verdict::Wait,
            Bridge::Snapshot(id) => first(id, diff),
            Bridge::Linked(id) => later(id, diff),
        };
        match verdict {
            Verdict::Apply => *self = Bridge::Linked(diff.last_update_id),
            Verdict::Gap => *self = Bridge::Awaiting,
            Verdict::Old | Verdict::Wait => {}
        }
        verdict
    }
}

/// Futures: U ≤ L ≤ u. Spot: U ≤ L + 1 ≤ u.
fn first(snapshot_id: i64, diff: &DepthDiff) -> Verdict {
    let reach = match diff.previous_update_id {
        Some(_) => snapshot_id,
        None => snapshot_id.saturating_add(1),
    };
    if diff.last_update_id < reach {
        Verdict::Old
    } else if diff.first_update_id <= reach || diff.previous_update_id == Some(snapshot_id) {
        Verdict::Apply
    } else {
        Verdict::Gap
    }
}

fn later(last_id: i64, diff: &DepthDiff) -> Verdict {
    let linked = match diff.previous_update_id {
        Some(previous) => previous == last_id,
        None => diff.first_update_id == last_id.saturating_add(1),
    };
    if linked { Verdict::Apply } else { Verdict::Gap }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn diff(first: i64, last: i64, previous: Option<i64>) -> DepthDiff {
        DepthDiff {
            first_update_id: first,
            last_update_id: last,
            previous_update_id: previous,
            bids: vec![],
            asks: vec![],
        }
    }

    #[test]
    fn every_message_is_judged_by_state_and_ids() {
        let cases = [
            (Bridge::Awaiting, diff(1, 2, Some(0)), Verdict::Wait),
            (Bridge::Snapshot(100), diff(90, 99, Some(89)), Verdict::Old),
            (
                Bridge::Snapshot(100),
                diff(90, 100, Some(89)),
                Verdict::Apply,
            ),
            (
                Bridge::Snapshot(100),
                diff(100, 120, Some(95)),
                Verdict::Apply,
            ),
            (
                Bridge::Snapshot(100),
                diff(105, 120, Some(100)),
                Verdict::Apply,
            ),
            (
                Bridge::Snapshot(100),
                diff(105, 120, Some(103)),
                Verdict::Gap,
            ),
            (Bridge::Snapshot(100), diff(90, 100, None), Verdict::Old),
            (Bridge::Snapshot(100), diff(101, 101, None), Verdict::Apply),
            (Bridge::Snapshot(100), diff(95, 105, None), Verdict::Apply),
            (Bridge::Snapshot(100), diff(102, 105, None), Verdict::Gap),
            (
                Bridge::Linked(100),
                diff(130, 140, Some(100)),
                Verdict::Apply,
            ),
            (Bridge::Linked(100), diff(101, 140, Some(99)), Verdict::Gap),
            (Bridge::Linked(100), diff(101, 140, None), Verdict::Apply),
            (Bridge::Linked(100), diff(102, 140, None), Verdict::Gap),
            (Bridge::Linked(100), diff(90, 99, None), Verdict::Gap),
        ];
        for (state, message, expected) in cases {
            let mut bridge = state;
            assert_eq!(bridge.on_diff(&message), expected, "{state:?} {message:?}");
            let after = match expected {
                Verdict::Apply => Bridge::Linked(message.last_update_id),
                Verdict::Gap => Bridge::Awaiting,
                Verdict::Old | Verdict::Wait => state,
            };
            assert_eq!(bridge, after, "{state:?} {message:?}");
        }
    }

    #[test]
    fn a_snapshot_mends_a_gap() {
        let mut bridge = Bridge::Linked(10);
        assert_eq!(bridge.on_diff(&diff(20, 30, Some(15))), Verdict::Gap);
        assert!(!bridge.in_sync());
        assert_eq!(bridge.on_diff(&diff(31, 40, Some(30))), Verdict::Wait);
        bridge.on_snapshot(35);
        assert_eq!(bridge.on_diff(&diff(20, 30, Some(15))), Verdict::Old);
        assert_eq!(bridge.on_diff(&diff(31, 40, Some(30))), Verdict::Apply);
    }
}
