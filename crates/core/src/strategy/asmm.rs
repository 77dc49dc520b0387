//! Owns adaptive skewed market making (spec §3): where the ladder's centre lies and what each mode does to
//! it; knows nothing of the rules every ladder keeps (see `ladder`).
//!
//! ```text
//! reservation    = mid + inventory_skew + funding_bias
//! inventory_skew = −(pos / net_max) × skew_coeff × mid
//! funding_bias   = −predicted_funding × funding_share × mid
//! vol_scale      = clamp(1 + vol_factor × σ/mid, vol_scale_min, vol_scale_max)
//! ```
//!
//! Modes escalate without letting go: from pinning upwards the reducing side's first order stays pinned
//! while pinning is switched on; grinding adds its IOC and re-entry, reduce-only empties the growing side.

use crate::event::Trade;
use crate::float::{finite, of_price8, price8_nearest};
use crate::params::QuotingParams;
use crate::strategy::desired::Missing;
use crate::strategy::ladder::{self, Geometry, Lead, Plan, lots_share};
use crate::strategy::toxicity::Toxicity;
use crate::strategy::{Desired, Mode, PRICE8_MAX, Strategy, StrategyView, position_ratio};
use crate::units::{Lots, Now, PerSide, Price8, Side, Ticks};

mod grinding;
mod skew;

/// See the module.
#[derive(Clone, Debug, Default)]
pub struct Asmm {
    skew: skew::Skew,
    toxicity: Toxicity,
    grinding: grinding::Grinding,
    geometry: Geometry,
}

impl Strategy for Asmm {
    fn on_trade(&mut self, _now: Now, _trade: &Trade) {}

    fn on_fill(&mut self, _now: Now, side: Side, _price: Ticks, size: Lots) {
        self.grinding.on_fill(side, size);
    }

    fn quote(&mut self, view: &StrategyView<'_>, desired: &mut Desired) {
        desired.clear();
        let reaction = self.toxicity.react(view);
        let mid = view.mid();
        self.explain(view, mid, reaction.factor, desired);
        let refused = match mid {
            _ if view.mode == Mode::Halt => Some(Missing::Halt),
            None => Some(Missing::NoMarket),
            Some(_) if reaction.paused_until.is_some() => Some(Missing::VpinPause),
            Some(_) => None,
        };
        desired.again_at = reaction.paused_until;
        match (mid, refused) {
            (Some(mid), None) => self.lay(view, mid, desired),
            (_, why) => {
                self.grinding.forget_reentry();
                for side in Side::BOTH {
                    desired.miss_all(side, view.layers(), why.unwrap_or(Missing::NoMarket));
                }
            }
        }
    }
}

impl Asmm {
    /// Computes the numbers of the decision, which are shown even when nothing is quoted.
    fn explain(
        &mut self,
        view: &StrategyView<'_>,
        mid: Option<Price8>,
        vpin_factor: f64,
        desired: &mut Desired,
    ) {
        let params = view.params;
        let ratio = position_ratio(view.position, view.net_max);
        let skew_ratio = self.skew.next_ratio(ratio, params.skew_dead_zone);
        let of_mid = of_price8(mid.unwrap_or_default());
        let funding = finite(view.predicted_funding.unwrap_or(0.0), 0.0);
        let sigma = view.sigma.filter(|s| s.is_finite());
        let explanation = &mut desired.explanation;
        explanation.mode = view.mode;
        explanation.mid = mid;
        explanation.position_ratio = ratio;
        explanation.skew_ratio = skew_ratio;
        explanation.inventory_skew = price8_nearest(-skew_ratio * params.skew_coeff * of_mid);
        explanation.funding_bias = price8_nearest(-funding * params.funding_share * of_mid);
        explanation.reservation = mid
            .unwrap_or_default()
            .saturating_add(explanation.inventory_skew)
            .saturating_add(explanation.funding_bias)
            .clamp(-PRICE8_MAX, PRICE8_MAX);
        explanation.sigma = sigma;
        explanation.vol_scale = vol_scale(sigma, params);
        explanation.vpin = view.vpin.map(|reading| reading.value);
        explanation.vpin_factor = vpin_factor;
    }

    /// Lays the ladder of the mode in force.
    fn lay(&mut self, view: &StrategyView<'_>, mid: Price8, desired: &mut Desired) {
        let scale = desired.explanation.vol_scale * desired.explanation.vpin_factor;
        self.geometry.refresh(view, scale);
        let grind = self.grinding.next_step(view, mid);
        desired.take = grind.take;
        desired.again_at = grind.again_at;
        let mut plan = Plan {
            centre: desired.explanation.reservation,
            first: PerSide {
                buy: self.geometry.first(),
                sell: self.geometry.first(),
            },
            lead: PerSide::default(),
            wanted: ladder::wanted(view),
        };
        if let Some(growing) = view.growing() {
            *plan.lead.of_mut(growing) = grind.reentry;
            *plan.lead.of_mut(growing.opposite()) = pinned(view, growing.opposite());
        }
        ladder::lay(view, mid, &plan, &self.geometry, desired);
    }
}

/// `clamp(1 + vol_factor × σ/mid, vol_scale_min, vol_scale_max)`; 1 while σ is unknown.
fn vol_scale(sigma: Option<f64>, params: &QuotingParams) -> f64 {
    sigma.map_or(1.0, |sigma| {
        (1.0 + params.vol_factor * sigma)
            .max(params.vol_scale_min)
            .min(params.vol_scale_max)
    })
}

/// The reducing side's first order from pinning upwards: at the best price of its own side, `layer_size` ×
/// `pinning_size_factor`, never above the position. One tick stands for its spacing, so that it follows
/// the touch as closely as the smallest tolerance allows.
fn pinned(view: &StrategyView<'_>, side: Side) -> Option<Lead> {
    let on = match view.mode {
        Mode::Normal | Mode::Halt => false,
        Mode::Pinning | Mode::Grinding | Mode::ReduceOnly => view.params.pinning_thresh.is_some(),
    };
    let position = Lots(view.position.0.saturating_abs());
    on.then(|| Lead {
        price: view.touch(side),
        size: lots_share(view.params.layer_size, view.params.pinning_size_factor).min(position),
        spacing: Ticks(1),
    })
}

#[cfg(test)]
mod tests;
