//! Owns a count over a sliding window; knows nothing of what is counted.

use crate::units::{Mono, Span};

/// A sum over the last `(N − 1) × width` at least and `N × width` at most: a ring of `N` buckets. An interval of that
/// length holds any aligned interval of `(N − 1) × width`, so a limit kept here is kept in the exchange's fixed
/// windows, wherever they begin.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Window<const N: usize> {
    width: Span,
    /// Number of the newest bucket, counted from the clock's origin.
    newest: i64,
    buckets: [i64; N],
    /// Sum of all buckets, so that the total does not add them up at every question.
    sum: i128,
}

impl<const N: usize> Window<N> {
    /// An empty window of buckets of `width` (> 0).
    #[must_use]
    pub const fn new(width: Span) -> Self {
        Self {
            width,
            newest: i64::MIN,
            buckets: [0; N],
            sum: 0,
        }
    }

    /// Adds `n`. A clock that steps back counts as standing still.
    pub fn add(&mut self, n: i64, now: Mono) {
        let number = self.number(now);
        if number.saturating_sub(self.newest) >= Self::LEN {
            self.buckets = [0; N];
            self.sum = 0;
        } else {
            for passed in self.newest + 1..=number {
                let left = core::mem::take(self.bucket_mut(passed));
                self.sum -= i128::from(left);
            }
        }
        self.newest = number;
        let bucket = self.bucket_mut(number);
        let before = core::mem::replace(bucket, bucket.saturating_add(n));
        let risen = i128::from(*bucket) - i128::from(before);
        self.sum += risen;
    }

    /// The sum at `now`.
    #[must_use]
    pub fn total(&self, now: Mono) -> i64 {
        let total = self.sum - self.left_at(self.number(now));
        i64::try_from(total).unwrap_or(i64::MAX)
    }

    /// Sum of the buckets that no longer count when `number` is the current one.
    fn left_at(&self, number: i64) -> i128 {
        let passed = number.saturating_sub(self.newest);
        if passed <= 0 || self.sum == 0 {
            return 0;
        }
        if passed >= Self::LEN {
            return self.sum;
        }
        // The oldest bucket lies behind the newest one in the ring.
        let oldest = self.newest.saturating_add(1).rem_euclid(Self::LEN);
        let (oldest, passed) = (oldest as usize, passed as usize);
        let behind = self.buckets.iter().skip(oldest);
        let ring = behind.chain(&self.buckets);
        ring.take(passed).map(|n| i128::from(*n)).sum()
    }

    /// The first instant from `now` on at which the sum is below `limit` if nothing is added; `None` when
    /// `limit` ≤ 0.
    #[must_use]
    pub fn next_below(&self, limit: i64, now: Mono) -> Option<Mono> {
        if limit <= 0 {
            return None;
        }
        let mut total = self.total(now);
        let mut at = now;
        for (number, n) in self.live(self.number(now)) {
            if total < limit {
                break;
            }
            total -= n;
            at = Mono((number.saturating_add(Self::LEN)).saturating_mul(self.width.0));
        }
        Some(at)
    }

    const LEN: i64 = N as i64;

    fn number(&self, now: Mono) -> i64 {
        now.0.div_euclid(self.width.0).max(self.newest)
    }

    fn bucket_mut(&mut self, number: i64) -> &mut i64 {
        let i = usize::try_from(number.rem_euclid(Self::LEN)).expect("a remainder of N is below N");
        self.buckets
            .get_mut(i)
            .expect("a remainder of N is below N")
    }

    /// Buckets that count when `number` is the current one, oldest first.
    fn live(&self, number: i64) -> impl Iterator<Item = (i64, i64)> {
        let oldest = number.saturating_sub(Self::LEN - 1);
        let first = match self.newest {
            i64::MIN => 1,
            newest => newest.saturating_sub(Self::LEN - 1).max(oldest),
        };
        (first..=self.newest).filter_map(|n| {
            let i = usize::try_from(n.rem_euclid(Self::LEN)).ok()?;
            Some((n, *self.buckets.get(i)?))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_sum_agrees_with_a_list_of_everything_added(
            steps in prop::collection::vec((0..50_i64, 0..5_i64), 1..80),
            limit in 1..20_i64,
        ) {
            let mut window = Window::<5>::new(Span(10));
            let mut all: Vec<(i64, i64)> = Vec::new();
            let mut now = 0;
            for (wait, n) in steps {
                now += wait;
                window.add(n, Mono(now));
                all.push((now, n));
                let naive = |at: i64| -> i64 {
                    all.iter().filter(|(t, _)| at / 10 - t / 10 < 5).map(|(_, n)| n).sum()
                };
                prop_assert_eq!(window.total(Mono(now)), naive(now));
                prop_assert_eq!(window.total(Mono(now + 23)), naive(now + 23));
                let free = window.next_below(limit, Mono(now)).expect("limit > 0").0;
                let first = (now..).find(|t| naive(*t) < limit).expect("time frees it");
                prop_assert_eq!(free, first);
            }
        }
    }

    #[test]
    fn a_clock_that_steps_back_neither_frees_nor_loses_anything() {
        let mut window = Window::<5>::new(Span(10));
        window.add(3, Mono(100));
        window.add(2, Mono(40));
        assert_eq!(window.total(Mono(0)), 5);
        assert_eq!(window.total(Mono(149)), 5);
        assert_eq!(window.total(Mono(150)), 0);
    }

    #[test]
    fn an_unused_window_is_empty_at_any_time() {
        let window = Window::<5>::new(Span(10));
        assert_eq!(window.total(Mono(i64::MAX)), 0);
        assert_eq!(window.next_below(1, Mono(7)), Some(Mono(7)));
        assert_eq!(window.next_below(0, Mono(7)), None);
    }
}
