//! Owns the position ratio that the skew uses, with its dead zone; knows nothing of prices.

use crate::float::finite;

/// The ratio in use.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Skew {
    ratio: f64,
}

/// Decimal noise allowed when a move is compared with the dead zone: 0.15 − 0.10 is a move of 0.05.
const NOISE: f64 = 1e-9;

impl Skew {
    /// Takes the ratio over when it moved by at least `dead_zone` or changed sign (flat counts as a sign of
    /// its own, so that a flat position is quoted without skew), and returns the ratio in use.
    pub(super) fn next_ratio(&mut self, ratio: f64, dead_zone: f64) -> f64 {
        let ratio = finite(ratio, 0.0);
        let sign = |x: f64| i8::from(x > 0.0) - i8::from(x < 0.0);
        if sign(ratio) != sign(self.ratio) || (ratio - self.ratio).abs() >= dead_zone - NOISE {
            self.ratio = ratio;
        }
        self.ratio
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moves_by_five_points_or_a_change_of_sign_and_rests_otherwise() {
        let mut skew = Skew::default();
        for (ratio, in_use) in [
            (0.0, 0.0),
            (0.01, 0.01), // flat → long is a change of sign
            (0.04, 0.01),
            (0.059, 0.01),
            (0.06, 0.06), // five points
            (0.11, 0.11),
            (0.07, 0.11),
            (0.061, 0.11),
            (0.06, 0.06),
            (0.02, 0.06),
            (-0.01, -0.01), // long → short
            (-0.05, -0.01),
            (0.0, 0.0), // flat is always without skew
        ] {
            assert_eq!(skew.next_ratio(ratio, 0.05), in_use, "at {ratio}");
        }
    }

    #[test]
    fn a_ratio_that_is_no_number_is_no_skew() {
        let mut skew = Skew { ratio: 0.3 };
        assert_eq!(skew.next_ratio(f64::NAN, 0.05), 0.0);
    }
}
