//! Owns the answer of a strategy: slots, what is missing and why, and the numbers behind them; knows
//! nothing of how it was computed.

use crate::params::LAYERS_MAX;
use crate::slot::Slot;
use crate::strategy::Mode;
use crate::units::{Lots, Mono, PerSide, Price8, Side, Ticks};
use alloc::vec::Vec;

/// Everything that should rest now. Reused from call to call; [`Desired::clear`] keeps the memory.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Desired {
    /// Slots of each side, nearest first, strictly further away from one to the next.
    pub slots: PerSide<Vec<Slot>>,
    /// At most one order that takes at once.
    pub take: Option<Take>,
    /// When the answer changes by itself, without any other event: the end of a pause or cool-down.
    pub again_at: Option<Mono>,
    /// The numbers and the missing layers.
    pub explanation: Explanation,
}

/// A reduce-only IOC.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Take {
    /// Side of the order; the position shrinks.
    pub side: Side,
    /// Size, > 0 and never above the position.
    pub size: Lots,
    /// Worst price accepted.
    pub limit: Ticks,
}

/// Why a ladder looks as it does: the one structure behind CLI, dashboard, metrics and alerts.
///
/// Prices and price differences are absolute; ratios are plain numbers.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Explanation {
    /// The mode in force.
    pub mode: Mode,
    /// Middle of the touch; `None` without a market.
    pub mid: Option<Price8>,
    /// Mid moved by skew and bias: the centre of the ladder.
    pub reservation: Price8,
    /// Part of the reservation due to the position; negative when long.
    pub inventory_skew: Price8,
    /// Part of the reservation due to funding; negative when longs pay.
    pub funding_bias: Price8,
    /// Distance of layer 1 from the reservation before any rule moved it.
    pub half_spread: PerSide<Price8>,
    /// How far the first order of each side is from its formula because of smallest spread, post-only,
    /// pinning or re-entry; negative when it is nearer to the touch.
    pub moved: PerSide<Ticks>,
    /// Position over `net_max` as it is.
    pub position_ratio: f64,
    /// Position over `net_max` that the skew uses, after the dead zone.
    pub skew_ratio: f64,
    /// Standard deviation of mid over mid; `None` while warming up.
    pub sigma: Option<f64>,
    /// Factor of volatility on distances; 1 while σ is unknown.
    pub vol_scale: f64,
    /// VPIN, whether it acts or not; `None` while it is neutral.
    pub vpin: Option<f64>,
    /// Factor of VPIN on distances; 1 below the threshold or when switched off.
    pub vpin_factor: f64,
    /// Layers that the strategy wants: configured, less layer reduction and mode.
    pub layers_wanted: PerSide<u16>,
    /// Layers that are in `slots`.
    pub layers_quoted: PerSide<u16>,
    /// Configured layers that are not in `slots`, nearest first.
    pub missing: PerSide<Vec<Gap>>,
}

/// A layer that is not quoted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Gap {
    /// Number of the layer, from 1.
    pub layer: u16,
    /// Why.
    pub why: Missing,
}

/// Why a layer is not quoted.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Missing {
    /// The growing side gives up far layers as the position grows.
    LayerReduction,
    /// It would grow the position in reduce-only mode.
    ReduceOnly,
    /// Mode halt.
    Halt,
    /// Order flow is toxic: a pause runs.
    VpinPause,
    /// There is no usable touch.
    NoMarket,
    /// The price lies outside the contract's bounds.
    OutOfBand,
    /// The size lies below the contract's smallest quantity or notional.
    BelowMinimum,
    /// The reducing side would carry the position past zero further than the batch bound.
    CrossesZero,
    /// All fills on this side together would exceed the batch bound.
    BatchWorstCase,
    /// A pre-trade control refused it.
    RiskBreach,
    /// Market data are not fresh.
    NotFresh,
    /// Truth about orders or position is being fetched.
    NotReady,
    /// The exchange asked us to wait.
    BackOff,
    /// The budget of messages is spent.
    Budget,
}

impl Missing {
    /// Every reason.
    pub const ALL: [Self; 14] = [
        Self::LayerReduction,
        Self::ReduceOnly,
        Self::Halt,
        Self::VpinPause,
        Self::NoMarket,
        Self::OutOfBand,
        Self::BelowMinimum,
        Self::CrossesZero,
        Self::BatchWorstCase,
        Self::RiskBreach,
        Self::NotFresh,
        Self::NotReady,
        Self::BackOff,
        Self::Budget,
    ];

    /// A stable name in snake case, for labels and JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::LayerReduction => "layer_reduction",
            Self::ReduceOnly => "reduce_only",
            Self::Halt => "halt",
            Self::VpinPause => "vpin_pause",
            Self::NoMarket => "no_market",
            Self::OutOfBand => "out_of_band",
            Self::BelowMinimum => "below_minimum",
            Self::CrossesZero => "crosses_zero",
            Self::BatchWorstCase => "batch_worst_case",
            Self::RiskBreach => "risk_breach",
            Self::NotFresh => "not_fresh",
            Self::NotReady => "not_ready",
            Self::BackOff => "back_off",
            Self::Budget => "budget",
        }
    }
}

impl Desired {
    /// Whether toxic flow calls for orders to be pulled, not merely moved (spec §3).
    #[must_use]
    pub fn is_pulled(&self) -> bool {
        let is_paused = |gap: &Gap| gap.why == Missing::VpinPause;
        let missing = &self.explanation.missing;
        Side::BOTH
            .iter()
            .any(|side| missing.of(*side).iter().any(is_paused))
    }

    /// An empty answer with room for [`LAYERS_MAX`] layers a side, so that no later call allocates.
    #[must_use]
    pub fn with_capacity() -> Self {
        let mut desired = Self::default();
        for side in Side::BOTH {
            desired.slots.of_mut(side).reserve(usize::from(LAYERS_MAX));
            desired
                .explanation
                .missing
                .of_mut(side)
                .reserve(usize::from(LAYERS_MAX));
        }
        desired
    }

    /// Forgets the answer, keeps the memory.
    pub fn clear(&mut self) {
        self.take = None;
        self.again_at = None;
        let mut missing = core::mem::take(&mut self.explanation.missing);
        for side in Side::BOTH {
            self.slots.of_mut(side).clear();
            missing.of_mut(side).clear();
        }
        self.explanation = Explanation {
            missing,
            vol_scale: 1.0,
            vpin_factor: 1.0,
            ..Explanation::default()
        };
    }

    /// Appends a slot; the caller goes from near to far.
    #[inline]
    pub fn push(&mut self, side: Side, slot: Slot) {
        self.slots.of_mut(side).push(slot);
        *self.explanation.layers_quoted.of_mut(side) += 1;
    }

    /// Says that a layer is not quoted; the caller goes from near to far.
    #[inline]
    pub fn miss(&mut self, side: Side, layer: u16, why: Missing) {
        self.explanation
            .missing
            .of_mut(side)
            .push(Gap { layer, why });
    }

    /// Says that none of `layers` is quoted on `side`.
    pub fn miss_all(&mut self, side: Side, layers: u16, why: Missing) {
        for layer in 1..=layers {
            self.miss(side, layer, why);
        }
    }

    /// Takes the farthest slot of `side` out again, for limits that are met by giving up far layers.
    pub fn drop_farthest(&mut self, side: Side, why: Missing) -> Option<Slot> {
        let slot = self.slots.of_mut(side).pop()?;
        self.note_dropped(side, slot.layer, why);
        Some(slot)
    }

    /// Takes every slot of both sides out again, and the take.
    pub fn drop_all(&mut self, why: Missing) {
        self.take = None;
        for side in Side::BOTH {
            while self.drop_farthest(side, why).is_some() {}
        }
    }

    /// Takes one layer of `side` out again.
    pub fn drop_layer(&mut self, side: Side, layer: u16, why: Missing) -> Option<Slot> {
        let slots = self.slots.of_mut(side);
        let at = slots.iter().position(|slot| slot.layer == layer)?;
        let slot = slots.remove(at);
        self.note_dropped(side, layer, why);
        Some(slot)
    }

    /// Keeps the list of missing layers in order: reasons read from near to far.
    fn note_dropped(&mut self, side: Side, layer: u16, why: Missing) {
        let quoted = self.explanation.layers_quoted.of_mut(side);
        *quoted = quoted.saturating_sub(1);
        let missing = self.explanation.missing.of_mut(side);
        let at = missing.partition_point(|gap| gap.layer < layer);
        missing.insert(at, Gap { layer, why });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::order::Execute;

    fn slot(layer: u16) -> Slot {
        Slot {
            layer,
            price: Ticks(1_000 - i64::from(layer)),
            size: Lots(5),
            spacing: Ticks(1),
            execute: Execute::PostOnly,
        }
    }

    fn ladder(layers: u16) -> Desired {
        let mut desired = Desired::with_capacity();
        desired.clear();
        for layer in 1..=layers {
            desired.push(Side::Buy, slot(layer));
        }
        desired
    }

    #[test]
    fn dropped_layers_move_to_the_missing_in_ladder_order() {
        let mut desired = ladder(4);
        desired.miss(Side::Buy, 5, Missing::LayerReduction);
        let far = desired.drop_farthest(Side::Buy, Missing::BatchWorstCase);
        assert_eq!(far.map(|s| s.layer), Some(4));
        let near = desired.drop_layer(Side::Buy, 1, Missing::RiskBreach);
        assert_eq!(near.map(|s| s.layer), Some(1));
        assert_eq!(desired.drop_layer(Side::Buy, 1, Missing::RiskBreach), None);
        let gaps = desired.explanation.missing.buy.to_vec();
        assert_eq!(
            gaps,
            [
                Gap {
                    layer: 1,
                    why: Missing::RiskBreach
                },
                Gap {
                    layer: 4,
                    why: Missing::BatchWorstCase
                },
                Gap {
                    layer: 5,
                    why: Missing::LayerReduction
                },
            ]
        );
        assert_eq!(desired.explanation.layers_quoted.buy, 2);
        assert_eq!(desired.slots.buy.len(), 2);
    }

    #[test]
    fn dropping_everything_leaves_no_order_and_a_reason_for_each() {
        let mut desired = ladder(3);
        desired.take = Some(Take {
            side: Side::Sell,
            size: Lots(1),
            limit: Ticks(1),
        });
        desired.drop_all(Missing::NotFresh);
        assert!(desired.slots.buy.is_empty() && desired.take.is_none());
        assert!(
            desired
                .explanation
                .missing
                .buy
                .iter()
                .map(|gap| (gap.layer, gap.why))
                .eq((1..=3).map(|layer| (layer, Missing::NotFresh)))
        );
        assert_eq!(desired.explanation.layers_quoted.buy, 0);
    }

    #[test]
    fn clearing_forgets_the_answer_and_keeps_the_memory() {
        let mut desired = ladder(3);
        desired.miss(Side::Sell, 1, Missing::Halt);
        let room = desired.slots.buy.capacity();
        desired.clear();
        assert_eq!(desired.slots.buy.capacity(), room);
        assert!(desired.explanation.missing.sell.capacity() >= usize::from(LAYERS_MAX));
        let mut fresh = Desired::default();
        fresh.clear();
        assert_eq!(desired, fresh);
    }

    #[test]
    fn reasons_have_distinct_names() {
        let mut names: Vec<_> = Missing::ALL.iter().map(|why| why.name()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Missing::ALL.len());
    }
}
