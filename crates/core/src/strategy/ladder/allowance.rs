//! Owns how much one side may still offer and whether an order meets the contract's minimums; knows nothing
//! of prices beyond their bounds.

use crate::instrument::Instrument;
use crate::order::Execute;
use crate::strategy::{Missing, StrategyView};
use crate::units::{Lots, Side, Ticks};

/// What a side may still offer, spent from near to far.
pub(super) struct Allowance {
    /// Total size left before the side could carry the position past zero and the batch bound.
    left: Lots,
    /// Part of the position that no nearer order of the side reduces yet.
    open: Lots,
    price_min: Ticks,
    price_max: Ticks,
    size_min: Lots,
    size_max: Lots,
    /// Smallest price × size, in ticks × lots, that meets MIN_NOTIONAL.
    product_min: i128,
}

impl Allowance {
    /// The side that grows the position is bounded by the batch check of the risk gate, not here.
    pub(super) fn of(view: &StrategyView<'_>, side: Side) -> Self {
        let instrument = view.instrument;
        let (left, open) = if view.growing() == Some(side.opposite()) {
            let open = Lots(view.position.0.saturating_abs());
            let bound = view.batch_bound.max(Lots::ZERO);
            (open.saturating_add(bound), open)
        } else {
            (Lots::MAX, Lots::ZERO)
        };
        Self {
            left,
            open,
            price_min: instrument.price_min.max(Ticks(1)),
            price_max: or_unbounded(instrument.price_max.0).map_or(Ticks::MAX, Ticks),
            size_min: instrument.qty_min.max(Lots(1)),
            size_max: or_unbounded(instrument.qty_max.0).map_or(Lots::MAX, Lots),
            product_min: product_min(instrument),
        }
    }

    /// The size and execution of one order, or why there is none.
    ///
    /// A size below the contract's minimum is not raised: the operator's size is a bound on risk.
    /// Orders are plain post-only even where they reduce, because a ladder re-placed as reduce-only would
    /// cost a side of cancels and the exchange expires resting reduce-only orders as the position shrinks
    /// (protocol §3.3, `er` 4). Only an order too small for MIN_NOTIONAL that fits into the position is
    /// marked reduce-only, which exempts it: the last crumb of a position can always be offered.
    pub(super) fn admit(&mut self, price: Ticks, wanted: Lots) -> Result<(Lots, Execute), Missing> {
        if price < self.price_min || price > self.price_max {
            return Err(Missing::OutOfBand);
        }
        let size = wanted.min(self.left).min(self.size_max);
        if let Some(execute) = self.execution(price, size) {
            self.left = self.left.saturating_sub(size);
            self.open = self.open.saturating_sub(size).max(Lots::ZERO);
            return Ok((size, execute));
        }
        if size == wanted || size < self.left {
            return Err(Missing::BelowMinimum);
        }
        // What is left is too small here; a layer beyond must not jump the queue with it.
        self.left = Lots::ZERO;
        Err(Missing::CrossesZero)
    }

    /// How an order may execute that the contract accepts; `None` when it is too small.
    fn execution(&self, price: Ticks, size: Lots) -> Option<Execute> {
        if size < self.size_min {
            None
        } else if i128::from(price.0) * i128::from(size.0) >= self.product_min {
            Some(Execute::PostOnly)
        } else {
            (size <= self.open).then_some(Execute::PostOnlyReduce)
        }
    }
}

/// Contract data say zero for a bound that does not apply.
const fn or_unbounded(bound: i64) -> Option<i64> {
    if bound > 0 { Some(bound) } else { None }
}

fn product_min(instrument: &Instrument) -> i128 {
    let value = i128::from(instrument.tick_lot_value().max(1));
    (i128::from(instrument.notional_min.0) + value - 1) / value
}
