//! Owns one side of a book: sizes by price, best first; knows nothing of the other side or of messages.
//!
//! Prices near the touch live in a ring of [`WINDOW`] ticks with an occupancy bitmap, so that an update,
//! a removal and the search for the next best level touch a few words of memory. Prices behind the
//! window live in a sorted vector. When the touch nears an end of the window it is re-centred.

use crate::event::Level;
use crate::units::{Lots, Side, Ticks};
use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;

/// Ticks covered by the ring; a power of two.
pub const WINDOW: usize = 8192;
/// Levels kept behind the window. At the bound the worst eighth of them is forgotten, see
/// [`Ladder::horizon`].
pub const FAR_MAX: usize = 4096;
/// Most levels kept on one side.
pub const LEVELS_MAX: usize = WINDOW + FAR_MAX;
/// Highest price a level may have; beyond it a message is not believed.
pub const PRICE_MAX: Ticks = Ticks(1 << 60);

const MASK: i64 = WINDOW as i64 - 1;
const WORDS: usize = WINDOW / 64;
/// Ticks kept behind the touch when the window is re-centred; the rest is room to improve.
const BEHIND: i64 = WINDOW as i64 / 4 * 3;
/// Re-centre downwards when fewer ticks than this are left behind the touch.
const BEHIND_MIN: i64 = WINDOW as i64 / 4;
/// Best key of an empty window.
const NONE: i64 = i64::MIN;

/// A level that no exchange would send: price outside `1..=PRICE_MAX` or a negative size.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BadLevel;

/// One side of a book. Inside, a price is a *key*, `price × side.sign()`, so that on either side the
/// best level is the one with the highest key.
#[derive(Clone, Debug)]
pub struct Ladder {
    side: Side,
    /// Size of key `k` at `k & MASK`, for `low <= k < low + WINDOW`.
    sizes: Box<[Lots; WINDOW]>,
    /// One bit for each occupied cell of `sizes`.
    words: [u64; WORDS],
    /// One bit for each word that is not zero.
    summary: u128,
    /// Lowest key of the window.
    low: i64,
    /// Highest occupied key of the window, or [`NONE`].
    best: i64,
    /// Levels with keys below `low`, worst first.
    far: Vec<(i64, Lots)>,
    /// Highest key ever forgotten since the last clear.
    forgotten: i64,
}

impl Ladder {
    /// An empty side.
    #[must_use]
    pub fn new(side: Side) -> Self {
        Self {
            side,
            sizes: vec![Lots::ZERO; WINDOW]
                .into_boxed_slice()
                .try_into()
                .expect("the vector has WINDOW cells"),
            words: [0; WORDS],
            summary: 0,
            low: 0,
            best: NONE,
            // The level that makes one too many is dropped after it was put in.
            far: Vec::with_capacity(FAR_MAX + 1),
            forgotten: NONE,
        }
    }

    /// Forgets every level, keeps the memory.
    pub fn clear(&mut self) {
        self.sizes.fill(Lots::ZERO);
        self.words.fill(0);
        self.summary = 0;
        self.best = NONE;
        self.far.clear();
        self.forgotten = NONE;
    }

    /// Sets absolute sizes in the order given; zero removes, and removing what is not there is normal.
    ///
    /// # Errors
    /// [`BadLevel`]; the levels before it are applied, so the side must then be discarded.
    pub fn apply(&mut self, levels: &[Level]) -> Result<(), BadLevel> {
        let sign = self.side.sign();
        for level in levels {
            if level.price.0 <= 0 || level.price > PRICE_MAX || level.size.0 < 0 {
                return Err(BadLevel);
            }
            self.put(level.price.0 * sign, level.size);
        }
        self.settle();
        Ok(())
    }

    /// The best level.
    #[inline]
    #[must_use]
    pub fn best(&self) -> Option<Level> {
        if self.best == NONE {
            self.far.last().map(|(key, size)| self.level(*key, *size))
        } else {
            Some(self.level(self.best, self.cell(self.best)))
        }
    }

    /// Size at `price`; zero where nothing rests.
    #[must_use]
    pub fn size_at(&self, price: Ticks) -> Lots {
        let key = price.0.saturating_mul(self.side.sign());
        if self.covers(key) {
            return self.cell(key);
        }
        let found = self.far.binary_search_by_key(&key, |(k, _)| *k).ok();
        found
            .and_then(|i| self.far.get(i))
            .map_or(Lots::ZERO, |(_, size)| *size)
    }

    /// Levels, best first.
    pub fn iter(&self) -> impl Iterator<Item = Level> + '_ {
        let first = (self.best != NONE).then_some(self.best);
        let near = core::iter::successors(first, |key| self.below(*key));
        near.map(|key| self.level(key, self.cell(key)))
            .chain(self.far.iter().rev().map(|(k, s)| self.level(*k, *s)))
    }

    /// Sum of the sizes at `price` and better, clamped.
    #[must_use]
    pub fn depth_through(&self, price: Ticks) -> Lots {
        self.iter()
            .take_while(|level| !self.side.is_better(price, level.price))
            .fold(Lots::ZERO, |sum, level| sum.saturating_add(level.size))
    }

    /// Number of levels.
    #[must_use]
    pub fn len(&self) -> usize {
        let near: u32 = self.words.iter().map(|w| w.count_ones()).sum();
        near as usize + self.far.len()
    }

    /// Whether there is no level.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.summary == 0 && self.far.is_empty()
    }

    /// The best price at which a level was forgotten since the last clear because [`FAR_MAX`] was
    /// reached: prices strictly better are complete. `None` when nothing was forgotten.
    #[must_use]
    pub fn horizon(&self) -> Option<Ticks> {
        (self.forgotten != NONE).then(|| Ticks(self.forgotten * self.side.sign()))
    }

    #[inline]
    const fn level(&self, key: i64, size: Lots) -> Level {
        Level {
            price: Ticks(key * self.side.sign()),
            size,
        }
    }

    #[inline]
    const fn covers(&self, key: i64) -> bool {
        key.wrapping_sub(self.low).cast_unsigned() < WINDOW as u64
    }

    #[inline]
    fn cell(&self, key: i64) -> Lots {
        let cell = self.sizes.get((key & MASK) as usize);
        *cell.expect("a masked key is below WINDOW")
    }

    #[inline]
    fn put(&mut self, key: i64, size: Lots) {
        if self.covers(key) {
            self.put_near(key, size);
        } else if key < self.low && !self.is_empty() {
            self.put_far(key, size);
        } else if !size.is_zero() {
            self.raise(key);
            self.put_near(key, size);
        }
    }

    #[inline]
    fn put_near(&mut self, key: i64, size: Lots) {
        let index = (key & MASK) as usize;
        let cell = self.sizes.get_mut(index);
        *cell.expect("a masked key is below WINDOW") = size;
        let word = self.words.get_mut(index / 64);
        let word = word.expect("WORDS × 64 cells are WINDOW");
        if size.is_zero() {
            *word &= !(1 << (index % 64));
            if *word == 0 {
                self.summary &= !(1 << (index / 64));
            }
            if key == self.best {
                self.best = self.below(key).unwrap_or(NONE);
            }
        } else {
            *word |= 1 << (index % 64);
            self.summary |= 1 << (index / 64);
            self.best = self.best.max(key);
        }
    }

    fn put_far(&mut self, key: i64, size: Lots) {
        match self.far.binary_search_by_key(&key, |(k, _)| *k) {
            Ok(i) if size.is_zero() => {
                self.far.remove(i);
            }
            Ok(i) => {
                if let Some(entry) = self.far.get_mut(i) {
                    entry.1 = size;
                }
            }
            Err(_) if size.is_zero() => {}
            Err(0) if self.far.len() >= FAR_MAX => self.forgotten = self.forgotten.max(key),
            Err(i) => {
                self.far.insert(i, (key, size));
                if self.far.len() > FAR_MAX {
                    self.forget();
                }
            }
        }
    }

    /// Drops the worst levels so that the next ones fit without dropping again at once.
    fn forget(&mut self) {
        let surplus = self.far.len().saturating_sub(FAR_MAX / 8 * 7);
        if let Some((key, _)) = self.far.drain(..surplus).next_back() {
            self.forgotten = self.forgotten.max(key);
        }
    }

    /// The highest occupied key of the window below `key`, which lies in the window.
    #[inline]
    fn below(&self, key: i64) -> Option<i64> {
        let index = (key & MASK) as usize;
        let (at, bit) = (index / 64, index % 64);
        let here = self.words.get(at).copied().unwrap_or(0) & ((1 << bit) - 1);
        let (at, word) = if here != 0 {
            (at, here)
        } else {
            // Before this word, or else around the end of the ring.
            let before = self.summary & ((1 << at) - 1);
            let words = if before == 0 { self.summary } else { before };
            let at = words.checked_ilog2()? as usize;
            (at, self.words.get(at).copied().unwrap_or(0))
        };
        let found = at * 64 + word.checked_ilog2()? as usize;
        let distance = (key - found as i64) & MASK;
        let next = key - distance;
        (distance != 0 && next >= self.low).then_some(next)
    }

    /// Moves the window up so that `key`, which lies above it (or anywhere if the side is empty), fits.
    fn raise(&mut self, key: i64) {
        let low = key - BEHIND;
        let first = if self.covers(low) {
            self.below(low)
        } else {
            (self.best != NONE).then_some(self.best)
        };
        let kept = self.far.len();
        let mut next = first;
        while let Some(leaving) = next {
            next = self.below(leaving);
            self.far.push((leaving, self.cell(leaving)));
            self.put_near(leaving, Lots::ZERO);
        }
        if let Some(moved) = self.far.get_mut(kept..) {
            moved.reverse();
        }
        if self.far.len() > FAR_MAX {
            self.forget();
        }
        self.low = low;
    }

    /// Moves the window down when the touch has fallen to its end.
    fn settle(&mut self) {
        let touch = match (self.best, self.far.last()) {
            (NONE, None) => return,
            (NONE, Some((key, _))) => *key,
            (best, _) => best,
        };
        if touch - self.low >= BEHIND_MIN {
            return;
        }
        self.low = touch - BEHIND;
        while let Some((key, size)) = self.far.pop_if(|(key, _)| *key >= self.low) {
            self.put_near(key, size);
        }
    }
}

#[cfg(test)]
mod tests;
