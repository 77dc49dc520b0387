//! Owns the only doors between the engine's integers and `f64`; knows nothing of what the numbers mean.
//!
//! Every way out says how it rounds. All of them saturate at the range of the integer and turn NaN into
//! zero, so that a broken signal becomes "no effect" (no skew, no bias, no size) instead of a wild price.
//! Callers that cannot live with zero check [`finite`] first.

use crate::units::{E8, Lots, Price8, Quote, Ratio, Span, Ticks};

/// A price or distance in ticks, exact up to 2⁵³.
#[inline]
#[must_use]
pub const fn of_ticks(price: Ticks) -> f64 {
    price.0 as f64
}

/// A size in lots, exact up to 2⁵³.
#[inline]
#[must_use]
pub const fn of_lots(size: Lots) -> f64 {
    size.0 as f64
}

/// A full-precision price in units of 1e-8 quote (not scaled to one), exact up to 2⁵³ ≈ 90 million quote.
#[inline]
#[must_use]
pub const fn of_price8(price: Price8) -> f64 {
    price.0 as f64
}

/// Money in whole quote units.
#[inline]
#[must_use]
pub const fn of_quote(money: Quote) -> f64 {
    money.0 as f64 / E8 as f64
}

/// A ratio as a number: `Ratio(10_000)` is 0.0001.
#[inline]
#[must_use]
pub const fn of_ratio(ratio: Ratio) -> f64 {
    ratio.0 as f64 / E8 as f64
}

/// A length of time in seconds.
#[inline]
#[must_use]
pub const fn of_span_seconds(span: Span) -> f64 {
    span.0 as f64 / 1e9
}

/// `x` when it is a number, otherwise `instead`: for inputs that come from outside.
#[inline]
#[must_use]
pub const fn finite(x: f64, instead: f64) -> f64 {
    if x.is_finite() { x } else { instead }
}

/// Ticks, rounded down. NaN becomes zero, the rest saturates.
#[inline]
#[must_use]
pub fn ticks_floor(x: f64) -> Ticks {
    Ticks(libm::floor(x) as i64)
}

/// Ticks, rounded up. NaN becomes zero, the rest saturates.
#[inline]
#[must_use]
pub fn ticks_ceil(x: f64) -> Ticks {
    Ticks(libm::ceil(x) as i64)
}

/// Lots, rounded down. NaN becomes zero, the rest saturates.
#[inline]
#[must_use]
pub fn lots_floor(x: f64) -> Lots {
    Lots(libm::floor(x + SLOP) as i64)
}

/// A full-precision price from units of 1e-8 quote, rounded to the nearest, halves away from zero. NaN
/// becomes zero, the rest saturates.
#[inline]
#[must_use]
pub fn price8_nearest(x: f64) -> Price8 {
    Price8(libm::round(x) as i64)
}

/// A full-precision price from units of 1e-8 quote, rounded up. NaN becomes zero, the rest saturates.
#[inline]
#[must_use]
pub fn price8_ceil(x: f64) -> Price8 {
    Price8(libm::ceil(x) as i64)
}

/// A ratio from a number, rounded to the nearest 1e-8. NaN becomes zero, the rest saturates.
#[inline]
#[must_use]
pub fn ratio_nearest(x: f64) -> Ratio {
    Ratio(libm::round(x * E8 as f64) as i64)
}

/// A count, rounded down, clamped to 0..=65535. NaN becomes zero.
#[inline]
#[must_use]
pub fn count_floor(x: f64) -> u16 {
    libm::floor(x + SLOP) as u16
}

/// What a product of decimal fractions may miss its whole number by: 50 × 2.3 is 114.99999999999999.
/// Sizes and counts within it of the next whole number are that number.
const SLOP: f64 = 1e-9;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_state_the_rounding_on_both_sides_of_zero() {
        assert_eq!(ticks_floor(-1.5), Ticks(-2));
        assert_eq!(ticks_ceil(-1.5), Ticks(-1));
        assert_eq!(ticks_floor(1.5), Ticks(1));
        assert_eq!(ticks_ceil(1.5), Ticks(2));
        assert_eq!(price8_nearest(-2.5), Price8(-3));
        assert_eq!(price8_nearest(2.4), Price8(2));
        assert_eq!(price8_ceil(2.1), Price8(3));
        assert_eq!(ratio_nearest(0.000_1), Ratio(10_000));
    }

    #[test]
    fn decimal_noise_does_not_cost_a_lot() {
        assert_eq!(lots_floor(50.0 * 2.3), Lots(115));
        assert_eq!(count_floor(10.0 * (1.0 - 0.6 * 0.5)), 7);
        assert_eq!(lots_floor(114.999), Lots(114));
    }

    #[test]
    fn nan_is_nothing_and_infinity_saturates() {
        for door in [ticks_floor, ticks_ceil] {
            assert_eq!(door(f64::NAN), Ticks(0));
            assert_eq!(door(f64::INFINITY), Ticks(i64::MAX));
            assert_eq!(door(f64::NEG_INFINITY), Ticks(i64::MIN));
        }
        assert_eq!(lots_floor(f64::NAN), Lots(0));
        assert_eq!(price8_nearest(f64::NAN), Price8(0));
        assert_eq!(price8_nearest(1e300), Price8(i64::MAX));
        assert_eq!(price8_ceil(f64::NAN), Price8(0));
        assert_eq!(ratio_nearest(f64::INFINITY), Ratio(i64::MAX));
        assert_eq!(count_floor(-3.0), 0);
        assert_eq!(count_floor(1e9), u16::MAX);
        assert_eq!(finite(f64::NAN, 1.0), 1.0);
        assert_eq!(finite(2.0, 1.0), 2.0);
    }

    #[test]
    fn ways_in_are_exact_for_market_numbers() {
        assert_eq!(of_ticks(Ticks(250_001)), 250_001.0);
        assert_eq!(of_price8(Price8(250_001_000_000)), 250_001_000_000.0);
        assert_eq!(of_ratio(Ratio(10_000)), 0.000_1);
        assert_eq!(of_quote(Quote(-150_000_000)), -1.5);
        assert_eq!(of_lots(Lots(-7)), -7.0);
        assert_eq!(of_span_seconds(Span::from_millis(1_500)), 1.5);
    }
}
