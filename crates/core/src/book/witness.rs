//! Owns the comparison of the depth book with the book-ticker stream, id by id; knows nothing of time,
//! and leaves the verdict's consequences to the engine.
//!
//! Both streams count in the same update ids, and a ticker is sent whenever the touch changes (protocol
//! §2.3, §2.8 step 7). So the touch of a book with id `u` is that of the latest ticker with an id `<= u`,
//! which is known to be the latest once a ticker beyond `u` has come. A book that lost a level without a
//! break in its chain, or that stands still while messages arrive, is found by this without a request.
//!
//! It presumes that tickers arrive in order and complete: one missed ticker looks like one difference,
//! which is why two in a row convict.

use super::Touch;
use crate::event::BookTicker;
use alloc::collections::VecDeque;

/// Tickers remembered. At the bound the oldest is forgotten; a book older than all of them is not judged.
pub const TICKERS_MAX: usize = 256;
/// Differences in a row that convict a book: one that survives a re-check.
pub const DIFFERENCES_MAX: u32 = 2;

/// What the ticker stream says of the book.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Testimony {
    /// Nothing to compare yet.
    Silent,
    /// The same touch, prices and sizes.
    Agrees,
    /// Another touch.
    Differs,
    /// Another touch for the [`DIFFERENCES_MAX`]th time in a row or more: the book is not true.
    Convicts,
}

/// The witness of one symbol's book.
#[derive(Clone, Debug, Default)]
pub struct Witness {
    /// Ascending ids.
    tickers: VecDeque<(i64, Touch)>,
    /// The latest book that no ticker has passed yet.
    pending: Option<(i64, Touch)>,
    differences: u32,
}

impl Witness {
    /// Forgets everything; to be called when the book is lost, for ids may start over.
    pub fn clear(&mut self) {
        self.tickers.clear();
        self.pending = None;
        self.differences = 0;
    }

    /// Takes the touch of the live book after the update with id `last_id`.
    #[must_use]
    pub fn on_touch(&mut self, last_id: i64, touch: Touch) -> Testimony {
        self.pending = Some((last_id, touch));
        self.compare()
    }

    /// Takes a ticker of the stream. One without an id, or not beyond the last, says nothing.
    #[must_use]
    pub fn on_ticker(&mut self, ticker: &BookTicker) -> Testimony {
        let last_id = self.tickers.back().map_or(0, |(id, _)| *id);
        if ticker.update_id <= last_id {
            return Testimony::Silent;
        }
        if self.tickers.len() >= TICKERS_MAX {
            self.tickers.pop_front();
        }
        let touch = Touch {
            bid: ticker.bid,
            ask: ticker.ask,
        };
        self.tickers.push_back((ticker.update_id, touch));
        self.compare()
    }

    fn compare(&mut self) -> Testimony {
        let Some((book_id, touch)) = self.pending else {
            return Testimony::Silent;
        };
        let known = self.tickers.partition_point(|(id, _)| *id <= book_id);
        if known == self.tickers.len() {
            return Testimony::Silent;
        }
        self.pending = None;
        let Some(before) = known.checked_sub(1) else {
            return Testimony::Silent;
        };
        self.tickers.drain(..before);
        if self.tickers.front().is_some_and(|(_, told)| *told == touch) {
            self.differences = 0;
            return Testimony::Agrees;
        }
        self.differences = self.differences.saturating_add(1);
        if self.differences >= DIFFERENCES_MAX {
            Testimony::Convicts
        } else {
            Testimony::Differs
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Level;
    use crate::units::{Lots, Ticks, Wall};

    fn touch(bid: i64, size: i64) -> Touch {
        let at = |price| Level {
            price: Ticks(price),
            size: Lots(size),
        };
        Touch {
            bid: at(bid),
            ask: at(bid + 1),
        }
    }

    fn ticker(update_id: i64, bid: i64, size: i64) -> BookTicker {
        let Touch { bid, ask } = touch(bid, size);
        BookTicker {
            update_id,
            event_time: Wall(0),
            bid,
            ask,
        }
    }

    /// A book's id and touch, or a ticker's, in the order of arrival.
    enum Said {
        Book(i64, i64, i64),
        Ticker(i64, i64, i64),
    }

    fn check(said: &[(Said, Testimony)]) {
        let mut witness = Witness::default();
        for (place, (said, expected)) in said.iter().enumerate() {
            let found = match said {
                Said::Book(id, bid, size) => witness.on_touch(*id, touch(*bid, *size)),
                Said::Ticker(id, bid, size) => witness.on_ticker(&ticker(*id, *bid, *size)),
            };
            assert_eq!(found, *expected, "at {place}");
        }
    }

    #[test]
    fn a_book_is_compared_with_the_latest_ticker_at_or_before_it() {
        use Said::{Book, Ticker};
        use Testimony::{Agrees, Silent};
        check(&[
            (Ticker(10, 100, 1), Silent),
            (Ticker(14, 101, 1), Silent),
            (Ticker(18, 102, 1), Silent),
            (Book(16, 101, 1), Agrees),
            (Book(18, 102, 1), Silent),   // nothing beyond 18 has come
            (Ticker(18, 999, 9), Silent), // duplicate
            (Ticker(0, 999, 9), Silent),  // REST
            (Ticker(25, 103, 1), Agrees),
            (Ticker(30, 104, 1), Silent), // the book was judged already
            (Book(17, 101, 1), Silent),   // older than every ticker that is left
            (Book(24, 102, 1), Agrees),
            (Book(29, 103, 1), Agrees),
        ]);
    }

    #[test]
    fn one_difference_is_doubt_and_two_in_a_row_convict() {
        use Said::{Book, Ticker};
        use Testimony::{Agrees, Convicts, Differs, Silent};
        check(&[
            (Ticker(10, 100, 1), Silent),
            (Ticker(20, 100, 2), Silent),
            (Book(15, 100, 2), Differs), // a size is a difference too
            (Book(20, 100, 2), Silent),
            (Ticker(30, 101, 1), Agrees),
            (Book(30, 100, 2), Silent),
            (Ticker(40, 102, 1), Differs),
            (Book(41, 100, 2), Silent),
            (Ticker(50, 103, 1), Convicts),
        ]);
    }

    #[test]
    fn a_frozen_book_under_a_moving_ticker_is_convicted_by_its_next_messages() {
        let mut witness = Witness::default();
        let mut convicted = false;
        for id in 1..10 {
            let _ = witness.on_ticker(&ticker(id * 10, 100 + id, 1));
            let said = witness.on_touch(id * 10 - 5, touch(100, 1));
            convicted |= said == Testimony::Convicts;
        }
        assert!(convicted);
    }

    #[test]
    fn memory_is_bounded_and_cleared_with_the_book() {
        let mut witness = Witness::default();
        for id in 1..=2 * TICKERS_MAX as i64 {
            assert_eq!(witness.on_ticker(&ticker(id, 100, 1)), Testimony::Silent);
        }
        assert_eq!(witness.tickers.len(), TICKERS_MAX);
        assert_eq!(witness.on_touch(9, touch(100, 1)), Testimony::Silent);
        witness.clear();
        // Ids start over after an exchange restart.
        assert_eq!(witness.on_ticker(&ticker(5, 100, 1)), Testimony::Silent);
        assert_eq!(witness.on_ticker(&ticker(7, 101, 1)), Testimony::Silent);
        assert_eq!(witness.on_touch(6, touch(100, 1)), Testimony::Agrees);
    }
}
