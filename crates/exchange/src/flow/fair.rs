//! The latent fair value: moves with slowly changing volatility, trend, pull to an anchor, jumps and scripted pushes; knows no book.

use super::params::{
    FlowParams, LARGE_MOVE_FACTOR, LARGE_MOVE_SHARE, QUOTE_MOVES_PER_TAKER, SWEEP_SHARE,
};
use super::variate::{chance, exp, exponential, normal, sign};
use crate::prng::Prng;

/// Time in which volatility forgets its level, s.
const VOLATILITY_MEMORY_S: f64 = 90.0;
/// The anchor's bound against the value, bps: beyond it the pull grows no further.
const PULL_BPS_MAX: f64 = 1_000.0;

/// A price move that is spread over time.
#[derive(Clone, Copy, Debug)]
struct Push {
    per_s: f64,
    until_s: f64,
}

/// Pushes that run at the same time at most; a further one is refused.
pub(super) const PUSHES_MAX: usize = 64;

/// The value around which the market quotes, in ticks.
#[derive(Clone, Debug)]
pub(super) struct FairValue {
    ticks: f64,
    anchor_ticks: f64,
    at_s: f64,
    log_volatility: f64,
    trend_sign: f64,
    pushes: Vec<Push>,
}

impl FairValue {
    /// Starts at a price, in ticks.
    pub(super) fn new(ticks: f64, at_s: f64) -> Self {
        Self {
            ticks,
            anchor_ticks: ticks,
            at_s,
            log_volatility: 0.0,
            trend_sign: 1.0,
            pushes: Vec::new(),
        }
    }

    /// The value now, ticks.
    pub(super) fn ticks(&self) -> f64 {
        self.ticks
    }

    /// Whether a push is under way.
    pub(super) fn is_pushed(&self) -> bool {
        !self.pushes.is_empty()
    }

    /// Moves by `bps` of the present value over `over_s`, and the anchor with it. False when too many are under way.
    pub(super) fn push(&mut self, bps: f64, over_s: f64) -> bool {
        if self.pushes.len() >= PUSHES_MAX {
            return false;
        }
        let over_s = over_s.max(1e-3);
        self.pushes.push(Push {
            per_s: self.ticks * bps / 1e4 / over_s,
            until_s: self.at_s + over_s,
        });
        true
    }

    /// Lets time pass: volatility wanders, trend, pull and pushes act.
    pub(super) fn advance(&mut self, to_s: f64, params: &FlowParams, prng: &mut Prng) {
        let elapsed_s = to_s - self.at_s;
        if elapsed_s <= 0.0 {
            return;
        }
        let memory = exp(-elapsed_s / VOLATILITY_MEMORY_S);
        self.log_volatility = self.log_volatility * memory
            + params.volatility_swing * (1.0 - memory * memory).sqrt() * normal(prng);
        if params.trend_bps_per_s != 0.0 {
            if chance(prng, elapsed_s / params.trend_flip_s) {
                self.trend_sign = -self.trend_sign;
            }
            let trend = self.trend_sign * params.trend_bps_per_s * elapsed_s * self.ticks / 1e4;
            self.ticks += trend;
            self.anchor_ticks += trend;
        }
        let bound = self.ticks * PULL_BPS_MAX / 1e4;
        let gap = (self.anchor_ticks - self.ticks).clamp(-bound, bound);
        self.ticks += gap * (1.0 - exp(-elapsed_s / params.reversion_s));
        for push in &self.pushes {
            let step = push.per_s * (to_s.min(push.until_s) - self.at_s).max(0.0);
            self.ticks += step;
            self.anchor_ticks += step;
        }
        self.pushes.retain(|push| push.until_s > to_s);
        self.at_s = to_s;
    }

    /// One random move in a direction, ticks: sizes are a mixture of two exponential laws whose mean square, times the rate of
    /// moves, is the variance wanted.
    pub(super) fn on_move(&mut self, direction: f64, params: &FlowParams, prng: &mut Prng) {
        let moves_per_s = params.takers_per_s * (SWEEP_SHARE + QUOTE_MOVES_PER_TAKER);
        let large = LARGE_MOVE_SHARE * LARGE_MOVE_FACTOR * LARGE_MOVE_FACTOR;
        let mean_square = 2.0 * (1.0 - LARGE_MOVE_SHARE + large);
        let unit_bps = params.sigma_bps / (moves_per_s * mean_square).sqrt();
        // E[exp(2v)] = exp(2 swing²) for the stationary law, divided out.
        let swing = params.volatility_swing;
        let level = exp(self.log_volatility - swing * swing);
        let factor = if chance(prng, LARGE_MOVE_SHARE) {
            LARGE_MOVE_FACTOR
        } else {
            1.0
        };
        let bps = exponential(prng, unit_bps * factor * level);
        self.ticks *= 1.0 + direction * bps / 1e4;
    }

    /// A jump of exponential size in a random direction; the anchor goes with it.
    pub(super) fn on_jump(&mut self, params: &FlowParams, prng: &mut Prng) {
        let size_bps = exponential(prng, params.jump_bps).min(PULL_BPS_MAX);
        let step = self.ticks * sign(prng, 0.5) * size_bps / 1e4;
        self.ticks += step;
        self.anchor_ticks += step;
    }

    /// Keeps the value at or above a price, ticks, where the instrument ends.
    pub(super) fn hold_above(&mut self, ticks: f64) {
        self.ticks = self.ticks.max(ticks);
        self.anchor_ticks = self.anchor_ticks.max(ticks);
    }
}

#[cfg(test)]
mod tests {
    use super::super::params::Regime;
    use super::*;

    #[test]
    fn the_variance_per_second_is_the_one_wanted() {
        let params = FlowParams {
            volatility_swing: 0.2,
            ..FlowParams::new(Regime::Normal)
        };
        let mut prng = Prng::new(5);
        let moves_per_s = params.takers_per_s * (SWEEP_SHARE + QUOTE_MOVES_PER_TAKER);
        let mut squares = 0.0;
        let seconds = 20_000;
        for _ in 0..seconds {
            let mut fair = FairValue::new(1e6, 0.0);
            for _ in 0..moves_per_s.round() as u64 {
                let direction = sign(&mut prng, 0.5);
                fair.on_move(direction, &params, &mut prng);
            }
            squares += ((fair.ticks() / 1e6 - 1.0) * 1e4).powi(2);
        }
        let sigma = (squares / f64::from(seconds)).sqrt();
        assert!((sigma / params.sigma_bps - 1.0).abs() < 0.06, "{sigma}");
    }

    #[test]
    fn a_push_arrives_in_time_and_stays() {
        let params = FlowParams {
            reversion_s: 1.0,
            ..FlowParams::new(Regime::Normal)
        };
        let mut prng = Prng::new(6);
        let mut fair = FairValue::new(250_000.0, 0.0);
        assert!(fair.push(-1_000.0, 2.0));
        for step in 1..=300 {
            fair.advance(f64::from(step) * 0.01, &params, &mut prng);
        }
        assert!((fair.ticks() - 225_000.0).abs() < 1.0, "{}", fair.ticks());
        assert!(!fair.is_pushed());
        fair.advance(60.0, &params, &mut prng);
        assert!((fair.ticks() - 225_000.0).abs() < 1.0);
    }

    #[test]
    fn pushes_are_bounded() {
        let mut fair = FairValue::new(1e6, 0.0);
        let taken = (0..100).filter(|_| fair.push(1.0, 1.0)).count();
        assert_eq!(taken, PUSHES_MAX);
    }
}
