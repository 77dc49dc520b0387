//! Owns the memory of which trade ids are in the books; knows nothing of what they traded.

use crate::digest::Digest;
use alloc::vec::Vec;

/// Trade ids remembered. At the bound the oldest eighth is forgotten, and an id at or below the newest
/// forgotten one is `Booked::TooOld` from then on: it cannot be told from a duplicate, is not booked,
/// and must be settled by reconciling the position.
pub const SEEN_MAX: usize = 4096;

/// How much of a known trade is in the books.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Standing {
    /// Size and price; the fee is missing.
    Traded,
    /// Nothing: a position taken over contains its size; fee and realised profit are missing.
    Skipped,
    /// All of it.
    Complete,
}

/// What is known of a trade id.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Sight {
    /// Never seen.
    New,
    /// Seen.
    Known(Standing),
    /// Forgotten, or never seen and too old to tell.
    TooOld,
}

/// Trade ids by number, because a back-fill delivers old ones late.
#[derive(Clone, Debug, Default)]
pub(super) struct SeenTrades {
    /// Ascending ids, all above `floor`.
    trades: Vec<(i64, Standing)>,
    /// Ids up to this one are too old.
    floor: Option<i64>,
}

impl SeenTrades {
    pub(super) fn sight(&self, id: i64) -> Sight {
        if self.floor.is_some_and(|floor| id <= floor) {
            return Sight::TooOld;
        }
        let found = self.trades.binary_search_by_key(&id, |(id, _)| *id).ok();
        found
            .and_then(|i| self.trades.get(i))
            .map_or(Sight::New, |(_, standing)| Sight::Known(*standing))
    }

    pub(super) fn mark(&mut self, id: i64, standing: Standing) {
        match self.trades.binary_search_by_key(&id, |(id, _)| *id) {
            Ok(i) => {
                if let Some(entry) = self.trades.get_mut(i) {
                    entry.1 = standing;
                }
            }
            Err(i) => {
                self.trades.insert(i, (id, standing));
                if self.trades.len() > SEEN_MAX {
                    let oldest = self.trades.drain(..SEEN_MAX / 8).next_back();
                    self.floor = self.floor.max(oldest.map(|(id, _)| id));
                }
            }
        }
    }

    pub(super) fn forget_through(&mut self, id: i64) {
        self.trades.retain(|(known, _)| *known > id);
        self.floor = self.floor.max(Some(id));
    }

    pub(super) fn id_max(&self) -> Option<i64> {
        self.trades.last().map(|(id, _)| *id).or(self.floor)
    }

    pub(super) fn incomplete(&self) -> usize {
        let open = |standing: &Standing| *standing != Standing::Complete;
        self.trades.iter().filter(|(_, s)| open(s)).count()
    }

    pub(super) fn digest(&self, digest: &mut Digest) {
        digest.word(self.floor.unwrap_or(i64::MIN));
        for (id, standing) in &self.trades {
            digest.word(*id);
            digest.word(*standing as i64);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn late_ids_are_new_and_repeated_ones_are_known() {
        let mut seen = SeenTrades::default();
        for id in [10, 30, 20] {
            assert_eq!(seen.sight(id), Sight::New);
            seen.mark(id, Standing::Traded);
        }
        seen.mark(20, Standing::Complete);
        assert_eq!(seen.sight(20), Sight::Known(Standing::Complete));
        assert_eq!(seen.sight(10), Sight::Known(Standing::Traded));
        assert_eq!((seen.id_max(), seen.incomplete()), (Some(30), 2));
    }

    #[test]
    fn at_the_bound_the_oldest_become_too_old() {
        let mut seen = SeenTrades::default();
        let count = SEEN_MAX as i64 + 1;
        for id in 1..=count {
            seen.mark(id, Standing::Complete);
        }
        let floor = SEEN_MAX as i64 / 8;
        assert_eq!(seen.sight(floor), Sight::TooOld);
        assert_eq!(seen.sight(0), Sight::TooOld);
        assert_eq!(seen.sight(floor + 1), Sight::Known(Standing::Complete));
        assert_eq!(seen.sight(count + 1), Sight::New);
    }

    #[test]
    fn journalled_trades_are_too_old() {
        let mut seen = SeenTrades::default();
        seen.mark(5, Standing::Traded);
        seen.forget_through(7);
        assert_eq!(seen.id_max(), Some(7));
        assert_eq!(seen.sight(5), Sight::TooOld);
        assert_eq!(seen.sight(8), Sight::New);
    }
}
