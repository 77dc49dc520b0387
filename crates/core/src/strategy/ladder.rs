//! Owns the geometry of a ladder and the rules every order of it must keep; knows nothing of why the
//! centre is where it is.
//!
//! Rules in the order in which they are applied. All but the fourth may only move an order away from the
//! touch, so a later rule never undoes an earlier one, and the sixth restores what the fourth may break:
//!
//! 1. formula: layer n of a side lies `first` + (distance(n) − distance(1)) from the centre;
//! 2. smallest spread: when the two first layers are closer than `min_spread` × mid, both sides move out
//!    by the same amount, so that the centre stays;
//! 3. passive rounding: bids down, asks up;
//! 4. a *lead* (pinned or re-entering order), when there is one, replaces the first layer of its side;
//! 5. post-only: the first order stays at least one tick behind the opposite touch;
//! 6. after 4 and 5, if the pair is closer than the smallest spread, the side that grows the position moves;
//! 7. a side whose first order was moved out moves as a whole and keeps its shape, so that orders never
//!    pile up at the touch; whatever rounding does, each layer is at least one tick beyond the previous.

use crate::float::{count_floor, lots_floor, of_lots, of_price8, price8_ceil, price8_nearest};
use crate::params::{LAYERS_MAX, QuotingParams};
use crate::slot::Slot;
use crate::strategy::{Desired, Missing, Mode, StrategyView, position_ratio};
use crate::units::{Lots, PerSide, Price8, Side, Ticks};
use alloc::vec::Vec;
use allowance::Allowance;
use split::Split;

mod allowance;
mod split;

/// Distances at or beyond this (2⁶⁰ of 1e-8 quote) are clamped; the price bounds refuse them anyway.
const DISTANCE_MAX: f64 = (1_u64 << 60) as f64;

/// Distances of a ladder at one scale, kept until the parameters or the scale change.
#[derive(Clone, Debug)]
pub struct Geometry {
    shape: Option<Shape>,
    first: Price8,
    rungs: Vec<Rung>,
}

/// What the distances depend on.
#[derive(Clone, Copy, PartialEq, Debug)]
struct Shape {
    layers: u16,
    start: Price8,
    spacing: Price8,
    spacing_max: Price8,
    multiplier: f64,
    scale: f64,
    tick_e8: i64,
}

/// One layer's place relative to layer 1.
#[derive(Clone, Copy, Debug)]
struct Rung {
    offset: Split,
    spacing: Ticks,
}

impl Default for Geometry {
    fn default() -> Self {
        Self {
            shape: None,
            first: Price8::ZERO,
            rungs: Vec::with_capacity(usize::from(LAYERS_MAX)),
        }
    }
}

impl Geometry {
    /// Recomputes the distances if anything they depend on has changed.
    pub fn refresh(&mut self, view: &StrategyView<'_>, scale: f64) {
        let params = view.params;
        let shape = Shape {
            layers: view.layers(),
            start: params.start_offset,
            spacing: params.first_spacing,
            spacing_max: params.max_spacing,
            multiplier: params.spacing_multiplier,
            scale,
            tick_e8: view.instrument.tick_e8,
        };
        if self.shape == Some(shape) {
            return;
        }
        self.shape = Some(shape);
        self.rungs.clear();
        let mut previous = Price8::ZERO;
        for (layer, unscaled) in (1..=shape.layers).zip(distances(params)) {
            let distance = price8_nearest((unscaled * scale).clamp(0.0, DISTANCE_MAX));
            if layer == 1 {
                self.first = distance;
            }
            let spacing = view
                .instrument
                .ticks_floor(distance.saturating_sub(previous));
            self.rungs.push(Rung {
                offset: Split::of(distance.saturating_sub(self.first), shape.tick_e8),
                spacing: spacing.max(Ticks(1)),
            });
            previous = distance;
        }
    }

    /// Scaled distance of layer 1 from the centre.
    #[must_use]
    pub const fn first(&self) -> Price8 {
        self.first
    }
}

/// Unscaled distances of spec §3 from layer 1 on, in 1e-8 quote: `start`, then steps that grow by
/// `multiplier` up to `max_spacing`.
fn distances(params: &QuotingParams) -> impl Iterator<Item = f64> {
    let step_max = of_price8(params.max_spacing);
    let multiplier = params.spacing_multiplier;
    let mut distance = of_price8(params.start_offset);
    let mut step = of_price8(params.first_spacing);
    core::iter::from_fn(move || {
        let current = distance;
        distance += step.min(step_max);
        step *= multiplier;
        Some(current)
    })
}

/// A ladder before the rules.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Centre of the ladder, |centre| ≤ 2⁶¹.
    pub centre: Price8,
    /// Distance of layer 1 from the centre; negative moves it across, up to where the rules stop it.
    pub first: PerSide<Price8>,
    /// An order that takes the place of layer 1.
    pub lead: PerSide<Option<Lead>>,
    /// How many layers each side should have, and why not more.
    pub wanted: PerSide<Wanted>,
}

/// The number of layers wanted on a side.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Wanted {
    /// Layers, nearest first.
    pub layers: u16,
    /// Why the others are missing.
    pub others: Missing,
}

/// An order that takes the place of layer 1.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Lead {
    /// Its price, before post-only.
    pub price: Ticks,
    /// Its size.
    pub size: Lots,
    /// What stands for the layer's spacing when the tolerance of its price is judged.
    pub spacing: Ticks,
}

/// Lays the planned ladder into `desired`: every configured layer becomes a slot or a reason.
pub fn lay(
    view: &StrategyView<'_>,
    mid: Price8,
    plan: &Plan,
    geometry: &Geometry,
    desired: &mut Desired,
) {
    let spread_min = spread_min(view.params, mid);
    let first = widened(plan.first, spread_min);
    let base = |side: Side, distance: Price8| {
        let price = match side {
            Side::Buy => plan.centre.saturating_sub(distance),
            Side::Sell => plan.centre.saturating_add(distance),
        };
        Split::of(price, view.instrument.tick_e8)
    };
    let bases = PerSide {
        buy: base(Side::Buy, first.buy),
        sell: base(Side::Sell, first.sell),
    };
    let anchor = PerSide {
        buy: bases.buy.passive(Side::Buy),
        sell: bases.sell.passive(Side::Sell),
    };
    let front = fronts(view, anchor, &plan.lead, spread_min);
    for side in Side::BOTH {
        let front = *front.of(side);
        let formula = base(side, *plan.first.of(side)).passive(side);
        *desired.explanation.moved.of_mut(side) = outward(side, formula, front);
        *desired.explanation.half_spread.of_mut(side) = *plan.first.of(side);
        *desired.explanation.layers_wanted.of_mut(side) = plan.wanted.of(side).layers;
        let row = Row {
            side,
            base: *bases.of(side),
            front,
            shift: outward(side, *anchor.of(side), front).max(Ticks::ZERO),
            lead: *plan.lead.of(side),
            wanted: *plan.wanted.of(side),
        };
        lay_row(view, &row, geometry, desired);
    }
}

/// The smallest distance between our best bid and best ask, rounded up.
fn spread_min(params: &QuotingParams, mid: Price8) -> Price8 {
    price8_ceil((params.min_spread * of_price8(mid)).clamp(0.0, DISTANCE_MAX))
}

/// Rule 2: both first distances grown alike until they are `spread_min` apart.
fn widened(first: PerSide<Price8>, spread_min: Price8) -> PerSide<Price8> {
    let apart = first.buy.saturating_add(first.sell);
    let short = spread_min.saturating_sub(apart).max(Price8::ZERO);
    let each = Price8(short.0 / 2 + short.0 % 2);
    PerSide {
        buy: first.buy.saturating_add(each),
        sell: first.sell.saturating_add(each),
    }
}

/// Rules 4 to 6: the price of each side's first order.
fn fronts(
    view: &StrategyView<'_>,
    anchor: PerSide<Ticks>,
    lead: &PerSide<Option<Lead>>,
    spread_min: Price8,
) -> PerSide<Ticks> {
    let of = |side: Side| lead.of(side).map_or(*anchor.of(side), |lead| lead.price);
    let mut front = PerSide {
        buy: of(Side::Buy).min(Ticks(view.ask.price.0 - 1)),
        sell: of(Side::Sell).max(Ticks(view.bid.price.0 + 1)),
    };
    if let Some(growing) = view.growing() {
        let apart = front.sell.saturating_sub(front.buy);
        let short = view
            .instrument
            .ticks_passive(spread_min, Side::Sell)
            .saturating_sub(apart);
        let side = front.of_mut(growing);
        *side = further(growing, *side, short.max(Ticks::ZERO));
    }
    front
}

/// The price `distance` further from the touch, clamped; the price bounds refuse what is out of range.
const fn further(side: Side, price: Ticks, distance: Ticks) -> Ticks {
    match side {
        Side::Buy => price.saturating_sub(distance),
        Side::Sell => price.saturating_add(distance),
    }
}

/// How far `to` is beyond `from` on `side`; negative when it is nearer to the touch.
const fn outward(side: Side, from: Ticks, to: Ticks) -> Ticks {
    match side {
        Side::Buy => from.saturating_sub(to),
        Side::Sell => to.saturating_sub(from),
    }
}

/// One side about to be laid.
struct Row {
    side: Side,
    /// Layer 1 after the smallest spread, before post-only and lead.
    base: Split,
    /// Price of the first order.
    front: Ticks,
    /// How far the side moves out with its first order.
    shift: Ticks,
    lead: Option<Lead>,
    wanted: Wanted,
}

/// Lays one side from near to far.
fn lay_row(view: &StrategyView<'_>, row: &Row, geometry: &Geometry, desired: &mut Desired) {
    let tick_e8 = view.instrument.tick_e8;
    let mut allowance = Allowance::of(view, row.side);
    let mut previous: Option<Ticks> = None;
    for (layer, rung) in (1..).zip(&geometry.rungs) {
        if layer > row.wanted.layers {
            desired.miss(row.side, layer, row.wanted.others);
            continue;
        }
        let (mut price, mut size, mut spacing) = (row.front, view.params.layer_size, rung.spacing);
        if layer > 1 {
            let formula = row.base.passive_beyond(rung.offset, row.side, tick_e8);
            price = further(row.side, formula, row.shift);
        } else if let Some(lead) = row.lead {
            (size, spacing) = (lead.size, lead.spacing);
        }
        if let Some(previous) = previous
            && !row.side.is_better(previous, price)
        {
            price = further(row.side, previous, Ticks(1));
        }
        previous = Some(price);
        match allowance.admit(price, size) {
            Ok((size, execute)) => desired.push(
                row.side,
                Slot {
                    layer,
                    price,
                    size,
                    spacing,
                    execute,
                },
            ),
            Err(why) => desired.miss(row.side, layer, why),
        }
    }
}

/// How many layers each side should have: all of them, but on the growing side
/// `floor(layers × (1 − layer_reduction × |pos|/net_max))`, at least 1, and none in reduce-only mode (spec §3).
#[must_use]
pub fn wanted(view: &StrategyView<'_>) -> PerSide<Wanted> {
    let all = Wanted {
        layers: view.layers(),
        others: Missing::LayerReduction,
    };
    let mut wanted = PerSide {
        buy: all,
        sell: all,
    };
    if let Some(growing) = view.growing() {
        let ratio = position_ratio(view.position, view.net_max).abs();
        let kept = f64::from(view.layers()) * (1.0 - view.params.layer_reduction * ratio);
        *wanted.of_mut(growing) = match view.mode {
            Mode::Normal | Mode::Pinning | Mode::Grinding => Wanted {
                layers: count_floor(kept).clamp(1, view.layers().max(1)),
                others: Missing::LayerReduction,
            },
            Mode::ReduceOnly => Wanted {
                layers: 0,
                others: Missing::ReduceOnly,
            },
            Mode::Halt => Wanted {
                layers: 0,
                others: Missing::Halt,
            },
        };
    }
    wanted
}

/// `size` × `factor`, rounded down to whole lots; never negative.
#[must_use]
pub fn lots_share(size: Lots, factor: f64) -> Lots {
    lots_floor(of_lots(size) * factor).max(Lots::ZERO)
}
