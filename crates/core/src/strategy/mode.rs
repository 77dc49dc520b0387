//! Owns the mode table: which mode a position calls for; knows nothing of what a mode does to quotes.

use crate::float::{finite, of_lots};
use crate::params::QuotingParams;
use crate::units::Lots;

/// Quoting mode by |position|/net_max, most urgent last (spec §3).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum Mode {
    /// Full ladder.
    #[default]
    Normal,
    /// The reducing side's first order is pinned at the best price.
    Pinning,
    /// The position is ground down with small reduce-only IOCs.
    Grinding,
    /// Nothing that grows the position.
    ReduceOnly,
    /// Nothing is quoted.
    Halt,
}

impl Mode {
    /// Every mode, most urgent last.
    pub const ALL: [Self; 5] = [
        Self::Normal,
        Self::Pinning,
        Self::Grinding,
        Self::ReduceOnly,
        Self::Halt,
    ];

    /// A stable name in snake case, for labels and JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Pinning => "pinning",
            Self::Grinding => "grinding",
            Self::ReduceOnly => "reduce_only",
            Self::Halt => "halt",
        }
    }
}

/// Whether stop-loss or operator forbid trading.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Trading {
    /// Quote.
    Allowed,
    /// Quote nothing.
    Halted,
}

/// How far |position|/net_max must fall below the threshold that a mode was entered at before it is left.
///
/// A mode that flaps at its threshold costs up to a side of cancels each time. Three points are more
/// than one layer of a usual ladder (2.5 points), so that a single fill cannot flap, and less than one
/// grinding order at its threshold (7.5 % of 60 points), so that one grind can end grinding.
pub const HYSTERESIS: f64 = 0.03;

/// Signed position over `net_max`. With a `net_max` of zero or less any position is all of it: ±1.
#[must_use]
pub fn position_ratio(position: Lots, net_max: Lots) -> f64 {
    if net_max.is_positive() {
        of_lots(position) / of_lots(net_max)
    } else {
        position.signum() as f64
    }
}

/// The mode that follows `current`.
///
/// A mode is entered at its threshold and left [`HYSTERESIS`] below it; escalation is immediate. After a
/// halt nothing is remembered. Grinding takes liquidity, so it needs a *known* σ/mid below
/// `grinding_vol_max`: while σ is unknown or too high the next calmer mode applies. A `pos_ratio` that is
/// not a number is a bug upstream and answered with the safe end of the table, reduce-only.
#[must_use]
pub fn next_mode(
    current: Mode,
    pos_ratio: f64,
    sigma: Option<f64>,
    params: &QuotingParams,
    trading: Trading,
) -> Mode {
    match trading {
        Trading::Halted => return Mode::Halt,
        Trading::Allowed => {}
    }
    let size = finite(pos_ratio.abs(), f64::MAX);
    let held = |mode: Mode| mode <= current && current != Mode::Halt;
    let reached = |mode: Mode, threshold: f64| {
        let slack = if held(mode) { HYSTERESIS } else { 0.0 };
        size >= threshold - slack
    };
    let calm = sigma.is_some_and(|s| s < params.grinding_vol_max);
    if reached(Mode::ReduceOnly, params.reduce_only_thresh) {
        Mode::ReduceOnly
    } else if calm
        && params
            .grinding_thresh
            .is_some_and(|t| reached(Mode::Grinding, t))
    {
        Mode::Grinding
    } else if params
        .pinning_thresh
        .is_some_and(|t| reached(Mode::Pinning, t))
    {
        Mode::Pinning
    } else {
        Mode::Normal
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::params::ethusdc_defaults;

    const CALM: Option<f64> = Some(0.001);
    const WILD: Option<f64> = Some(0.01);

    fn check(current: Mode, ratio: f64, sigma: Option<f64>, expected: Mode) {
        let params = ethusdc_defaults().quoting;
        for signed in [ratio, -ratio] {
            assert_eq!(
                next_mode(current, signed, sigma, &params, Trading::Allowed),
                expected,
                "from {current:?} at {signed} with σ/mid {sigma:?}"
            );
        }
    }

    #[test]
    fn table() {
        use Mode::{Grinding, Halt, Normal, Pinning, ReduceOnly};
        // Defaults: pinning 0.5, grinding 0.6, reduce-only 0.8, hysteresis 0.03.
        let bands = [0.0, 0.46, 0.48, 0.5, 0.56, 0.58, 0.6, 0.76, 0.78, 0.8, 3.0];
        let calm = [
            (
                Normal,
                [
                    Normal, Normal, Normal, Pinning, Pinning, Pinning, Grinding, Grinding,
                    Grinding, ReduceOnly, ReduceOnly,
                ],
            ),
            (
                Pinning,
                [
                    Normal, Normal, Pinning, Pinning, Pinning, Pinning, Grinding, Grinding,
                    Grinding, ReduceOnly, ReduceOnly,
                ],
            ),
            (
                Grinding,
                [
                    Normal, Normal, Pinning, Pinning, Pinning, Grinding, Grinding, Grinding,
                    Grinding, ReduceOnly, ReduceOnly,
                ],
            ),
            (
                ReduceOnly,
                [
                    Normal, Normal, Pinning, Pinning, Pinning, Grinding, Grinding, Grinding,
                    ReduceOnly, ReduceOnly, ReduceOnly,
                ],
            ),
            (
                Halt,
                [
                    Normal, Normal, Normal, Pinning, Pinning, Pinning, Grinding, Grinding,
                    Grinding, ReduceOnly, ReduceOnly,
                ],
            ),
        ];
        for (current, expected) in calm {
            for (ratio, expected) in bands.into_iter().zip(expected) {
                check(current, ratio, CALM, expected);
                // Without calm, grinding is pinning, and nothing else changes.
                let tense = if expected == Grinding {
                    Pinning
                } else {
                    expected
                };
                check(current, ratio, WILD, tense);
                check(current, ratio, None, tense);
            }
        }
    }

    #[test]
    fn a_halt_overrides_every_row() {
        let params = ethusdc_defaults().quoting;
        for current in Mode::ALL {
            for ratio in [0.0, 0.5, 0.9] {
                let next = next_mode(current, ratio, CALM, &params, Trading::Halted);
                assert_eq!(next, Mode::Halt);
            }
        }
    }

    #[test]
    fn switched_off_modes_are_skipped_and_reduce_only_is_not_one_of_them() {
        let mut params = ethusdc_defaults().quoting;
        params.pinning_thresh = None;
        params.grinding_thresh = None;
        let at = |ratio| next_mode(Mode::Normal, ratio, CALM, &params, Trading::Allowed);
        assert_eq!(at(0.79), Mode::Normal);
        assert_eq!(at(0.80), Mode::ReduceOnly);
    }

    #[test]
    fn reduce_only_comes_before_a_grinding_threshold_above_it() {
        let mut params = ethusdc_defaults().quoting;
        params.grinding_thresh = Some(0.9);
        let next = next_mode(Mode::Normal, 0.95, CALM, &params, Trading::Allowed);
        assert_eq!(next, Mode::ReduceOnly);
    }

    #[test]
    fn one_layer_back_and_forth_over_a_threshold_changes_the_mode_once() {
        let params = ethusdc_defaults().quoting;
        let mut mode = Mode::Normal;
        let mut changes = 0;
        for i in 0..100 {
            let ratio = if i % 2 == 0 { 0.8 } else { 0.775 };
            let next = next_mode(mode, ratio, CALM, &params, Trading::Allowed);
            changes += u32::from(next != mode);
            mode = next;
        }
        assert_eq!((mode, changes), (Mode::ReduceOnly, 1));
    }

    #[test]
    fn a_ratio_that_is_no_number_grows_nothing() {
        check(Mode::Normal, f64::NAN, CALM, Mode::ReduceOnly);
        check(Mode::Normal, f64::INFINITY, CALM, Mode::ReduceOnly);
    }

    #[test]
    fn a_position_without_a_limit_is_all_of_it() {
        assert_eq!(position_ratio(Lots(-3), Lots(0)), -1.0);
        assert_eq!(position_ratio(Lots(0), Lots(0)), 0.0);
        assert_eq!(position_ratio(Lots(500), Lots(2_000)), 0.25);
    }
}
