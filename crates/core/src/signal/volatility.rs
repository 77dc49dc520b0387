//! Owns σ of mid: its standard deviation over 30 minutes of 1-second samples (spec §3); knows nothing of
//! what it scales.
//!
//! Sums are integers, exact at any age: what a sample added is what it takes away when it leaves, so the
//! result never drifts and never depends on history outside the window.

use crate::float::of_price8;
use crate::units::{Mono, Price8, Span};
use alloc::collections::VecDeque;

/// How far back samples count.
pub const WINDOW: Span = Span::from_secs(1_800);

/// Shortest time between two samples.
pub const SAMPLE_INTERVAL: Span = Span::from_secs(1);

/// Fewer samples than this say nothing.
pub const SAMPLES_MIN: usize = 30;

/// The window at full rate; the oldest sample leaves when it is exceeded.
pub const SAMPLES_MAX: usize = 1_800;

/// Largest deviation from the reference that keeps n·Σd² inside `i128` (2⁵¹ of 1e-8, 22 million quote units);
/// a mid further away starts a new window.
const DEVIATION_MAX: u64 = 1 << 51;

/// Samples and their sums.
#[derive(Clone, Debug)]
pub struct Volatility {
    samples: VecDeque<Sample>,
    /// First mid of the window's life; deviations from it are small where mids are not.
    reference: Price8,
    sum: i128,
    squares: i128,
    sigma: Option<f64>,
}

#[derive(Clone, Copy, Debug)]
struct Sample {
    at: Mono,
    deviation: i64,
}

impl Default for Volatility {
    fn default() -> Self {
        Self {
            samples: VecDeque::with_capacity(SAMPLES_MAX),
            reference: Price8::ZERO,
            sum: 0,
            squares: 0,
            sigma: None,
        }
    }
}

impl Volatility {
    /// Offers the current mid (> 0). It becomes a sample when [`SAMPLE_INTERVAL`] has passed since the last,
    /// so callers may offer as often as they like; a gap leaves fewer samples, never invented ones.
    pub fn on_mid(&mut self, now: Mono, mid: Price8) {
        let due = self
            .samples
            .back()
            .is_none_or(|last| now.since(last.at) >= SAMPLE_INTERVAL);
        if !due || !mid.is_positive() {
            return;
        }
        if self.samples.is_empty() || mid.0.abs_diff(self.reference.0) > DEVIATION_MAX {
            self.samples.clear();
            (self.reference, self.sum, self.squares, self.sigma) = (mid, 0, 0, None);
        }
        while self.samples.len() >= SAMPLES_MAX || self.oldest_is_out(now) {
            self.forget_oldest();
        }
        let deviation = mid.0 - self.reference.0;
        self.samples.push_back(Sample { at: now, deviation });
        self.sum += i128::from(deviation);
        self.squares += i128::from(deviation) * i128::from(deviation);
        self.sigma = self.measure(mid);
    }

    /// σ/mid: population standard deviation of the samples over the latest mid; `None` below
    /// [`SAMPLES_MIN`] samples.
    #[must_use]
    pub const fn sigma(&self) -> Option<f64> {
        self.sigma
    }

    /// When the next offered mid becomes a sample; `None` before the first.
    #[must_use]
    pub fn next_sample_at(&self) -> Option<Mono> {
        self.samples.back().map(|s| s.at.after(SAMPLE_INTERVAL))
    }

    fn oldest_is_out(&self, now: Mono) -> bool {
        self.samples
            .front()
            .is_some_and(|oldest| now.since(oldest.at) >= WINDOW)
    }

    fn forget_oldest(&mut self) {
        if let Some(Sample { deviation, .. }) = self.samples.pop_front() {
            self.sum -= i128::from(deviation);
            self.squares -= i128::from(deviation) * i128::from(deviation);
        }
    }

    /// √(n·Σd² − (Σd)²) / n, where the difference is exact and never negative.
    fn measure(&self, mid: Price8) -> Option<f64> {
        let n = self.samples.len();
        if n < SAMPLES_MIN {
            return None;
        }
        let count = i128::try_from(n).ok()?;
        let spread = count * self.squares - self.sum * self.sum;
        Some(libm::sqrt(spread as f64) / n as f64 / of_price8(mid))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    fn second(i: i64) -> Mono {
        Mono(Span::from_secs(i).0)
    }

    fn naive(mids: &[i64]) -> f64 {
        let n = mids.len() as f64;
        let mean = mids.iter().map(|&m| m as f64).sum::<f64>() / n;
        let squares: f64 = mids.iter().map(|&m| (m as f64 - mean).powi(2)).sum();
        (squares / n).sqrt() / *mids.last().expect("not empty") as f64
    }

    #[test]
    fn a_price_that_alternates_by_one_deviates_by_one() {
        let mut volatility = Volatility::default();
        for i in 0..100 {
            let mid = 250_000_000_000
                + if i % 2 == 0 {
                    -100_000_000
                } else {
                    100_000_000
                };
            volatility.on_mid(second(i), Price8(mid));
            assert_eq!(volatility.sigma().is_some(), i + 1 >= SAMPLES_MIN as i64);
        }
        let sigma = volatility.sigma().expect("100 samples");
        assert!((sigma - 1.0 / 2501.0).abs() < 1e-15, "{sigma}");
    }

    #[test]
    fn a_still_market_has_no_volatility() {
        let mut volatility = Volatility::default();
        for i in 0..2_000 {
            volatility.on_mid(second(i), Price8(250_000_000_000));
        }
        assert_eq!(volatility.sigma(), Some(0.0));
    }

    #[test]
    fn samples_come_once_a_second_however_often_mid_is_offered() {
        let mut volatility = Volatility::default();
        assert_eq!(volatility.next_sample_at(), None);
        for i in 0..50 {
            volatility.on_mid(Mono(i * 100_000_000), Price8(100 + i));
        }
        assert_eq!(volatility.samples.len(), 5);
        assert_eq!(volatility.next_sample_at(), Some(second(5)));
        volatility.on_mid(second(1), Price8(100));
        assert_eq!(
            volatility.samples.len(),
            5,
            "a clock that steps back adds none"
        );
    }

    #[test]
    fn old_samples_leave_after_a_gap() {
        let mut volatility = Volatility::default();
        for i in 0..1_000 {
            volatility.on_mid(second(i), Price8(1_000_000 + i * 7));
        }
        assert!(volatility.sigma().is_some());
        volatility.on_mid(second(999 + 1_800), Price8(2_000_000));
        assert_eq!(volatility.samples.len(), 1);
        assert_eq!(volatility.sigma(), None);
    }

    #[test]
    fn a_mid_out_of_all_reason_starts_a_new_window_instead_of_overflowing() {
        let mut volatility = Volatility::default();
        for i in 0..2_000 {
            let mid = if i % 2 == 0 { 1 } else { i64::MAX };
            volatility.on_mid(second(i), Price8(mid));
            assert_eq!(volatility.samples.len(), 1);
        }
        for i in 2_000..6_000 {
            let mid = 1 + if i % 2 == 0 { 0 } else { 1 << 51 };
            volatility.on_mid(second(i), Price8(mid));
        }
        assert!(volatility.sigma().is_some_and(f64::is_finite));
    }

    #[test]
    fn the_same_window_gives_the_same_bits_whatever_came_before() {
        let mid = |i: i64| Price8(250_000_000_000 + (i * 7_919) % 1_000_003);
        let mut long = Volatility::default();
        (0..10_000).for_each(|i| long.on_mid(second(i), mid(i)));
        let mut short = Volatility::default();
        (10_000 - 1_800..10_000).for_each(|i| short.on_mid(second(i), mid(i)));
        assert_eq!(
            long.sigma().map(f64::to_bits),
            short.sigma().map(f64::to_bits)
        );
    }

    proptest! {
        #[test]
        fn agrees_with_the_naive_formula(mids in prop::collection::vec(1_000_000_i64..2_000_000, 30..2_500)) {
            let mut volatility = Volatility::default();
            for (i, &mid) in (0..).zip(&mids) {
                volatility.on_mid(second(i), Price8(mid));
            }
            let window: Vec<i64> = mids[mids.len().saturating_sub(SAMPLES_MAX)..].to_vec();
            let (found, expected) = (volatility.sigma().expect("enough"), naive(&window));
            prop_assert!((found - expected).abs() <= 1e-9 * expected.max(1e-3), "{found} {expected}");
        }
    }
}
