//! Owns the order book of one symbol, both sides of it; knows nothing of messages, ids or their order
//! (see [`sync`]) and nothing of our own orders.

pub mod ladder;
pub mod sync;
pub mod witness;

pub use ladder::{BadLevel, LEVELS_MAX, PRICE_MAX};

use crate::digest::Digest;
use crate::event::Level;
use crate::units::{Lots, Side, Ticks};
use ladder::Ladder;

/// Best bid and best ask.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Touch {
    /// Best bid.
    pub bid: Level,
    /// Best ask.
    pub ask: Level,
}

impl Touch {
    /// Twice the mid price in ticks, so that a mid between two ticks is exact.
    #[inline]
    #[must_use]
    pub const fn mid_half_ticks(&self) -> i64 {
        self.bid.price.0 + self.ask.price.0
    }

    /// Best ask − best bid.
    #[inline]
    #[must_use]
    pub const fn spread(&self) -> Ticks {
        Ticks(self.ask.price.0 - self.bid.price.0)
    }

    /// The best level of `side`.
    #[inline]
    #[must_use]
    pub const fn of(&self, side: Side) -> Level {
        match side {
            Side::Buy => self.bid,
            Side::Sell => self.ask,
        }
    }
}

/// Resting sizes of one symbol by price. Memory is bounded by [`LEVELS_MAX`] a side; the far end is
/// forgotten first, see [`Book::horizon`].
#[derive(Clone, Debug)]
pub struct Book {
    bids: Ladder,
    asks: Ladder,
}

impl Default for Book {
    fn default() -> Self {
        Self {
            bids: Ladder::new(Side::Buy),
            asks: Ladder::new(Side::Sell),
        }
    }
}

impl Book {
    /// Sets absolute sizes (protocol §2.8 step 6): zero removes, removing the unknown is normal, and of
    /// two sizes for one price the later counts.
    ///
    /// # Errors
    /// [`BadLevel`] when a level cannot be true; the book is then partly updated and must be discarded.
    #[inline]
    pub fn apply(&mut self, bids: &[Level], asks: &[Level]) -> Result<(), BadLevel> {
        self.bids.apply(bids)?;
        self.asks.apply(asks)
    }

    /// Forgets every level, keeps the memory.
    pub fn clear(&mut self) {
        self.bids.clear();
        self.asks.clear();
    }

    /// Best bid and ask; `None` while a side is empty.
    #[inline]
    #[must_use]
    pub fn touch(&self) -> Option<Touch> {
        Some(Touch {
            bid: self.bids.best()?,
            ask: self.asks.best()?,
        })
    }

    /// Best level of a side.
    #[inline]
    #[must_use]
    pub fn best(&self, side: Side) -> Option<Level> {
        self.side(side).best()
    }

    /// Size resting on `side` at `price`; zero where nothing rests.
    #[inline]
    #[must_use]
    pub fn size_at(&self, side: Side, price: Ticks) -> Lots {
        self.side(side).size_at(price)
    }

    /// Levels of a side, best first.
    pub fn levels(&self, side: Side) -> impl Iterator<Item = Level> + '_ {
        self.side(side).iter()
    }

    /// Number of levels of a side.
    #[must_use]
    pub fn depth(&self, side: Side) -> usize {
        self.side(side).len()
    }

    /// Sum of the sizes resting on `side` at `price` and better, clamped to the range of [`Lots`]: what
    /// an order of the other side with that limit price could take. Complete only up to the horizon.
    #[must_use]
    pub fn depth_through(&self, side: Side, price: Ticks) -> Lots {
        self.side(side).depth_through(price)
    }

    /// Twice the mid price in ticks, exact; `None` while a side is empty.
    #[inline]
    #[must_use]
    pub fn mid_half_ticks(&self) -> Option<i64> {
        self.touch().map(|touch| touch.mid_half_ticks())
    }

    /// Whether best bid ≥ best ask, which no true book is (protocol §2.8 step 7).
    #[inline]
    #[must_use]
    pub fn is_crossed(&self) -> bool {
        self.touch()
            .is_some_and(|touch| touch.bid.price >= touch.ask.price)
    }

    /// The best price of `side` at which a level had to be forgotten to bound memory: strictly better
    /// prices are complete. `None` when nothing was forgotten since the last clear. Levels that the
    /// snapshot did not contain are unknown as well until they change.
    #[must_use]
    pub fn horizon(&self, side: Side) -> Option<Ticks> {
        self.side(side).horizon()
    }

    /// Hash of every level, for recordings; its cost grows with the number of levels.
    #[must_use]
    pub fn digest(&self) -> u64 {
        let mut digest = Digest::default();
        for side in Side::BOTH {
            digest.word(side.sign());
            for level in self.levels(side) {
                digest.word(level.price.0);
                digest.word(level.size.0);
            }
        }
        digest.finish()
    }

    const fn side(&self, side: Side) -> &Ladder {
        match side {
            Side::Buy => &self.bids,
            Side::Sell => &self.asks,
        }
    }
}

#[cfg(test)]
mod tests;
