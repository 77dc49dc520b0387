//! Owns the bound on the position and the choice of layers that fit under it; knows nothing of prices
//! beyond the value of a lot, nor of orders beyond their sizes.
//!
//! `held` is the position counted positive in the direction of a side: held toward buy of a short of 3
//! is −3. `plain` and `reduce_only` are lots that could fill on that side.

use super::{Breach, Effect, RiskContext};
use crate::instrument::Instrument;
use crate::order::Execute;
use crate::params::RiskParams;
use crate::units::{E8, Lots, Quote, Side};

/// The position counted positive in the direction of `side`.
#[inline]
#[must_use]
pub const fn toward(side: Side, position: Lots) -> Lots {
    Lots(position.0.saturating_mul(side.sign()))
}

/// What plain orders can do: they reduce if they could not pass through zero even after every
/// reduce-only order on their side filled first.
#[must_use]
pub fn effect(held: Lots, plain: Lots, reduce_only: Lots) -> Effect {
    if held.is_negative() && !beyond_zero(held, plain, reduce_only).is_positive() {
        Effect::Reduces
    } else {
        Effect::Grows
    }
}

/// Farthest that the side could carry a position of the other direction beyond zero. Reduce-only orders
/// fill at most up to zero; if they do so first, all that is plain lies beyond.
fn beyond_zero(held: Lots, plain: Lots, reduce_only: Lots) -> Lots {
    let left = held.saturating_add(reduce_only).min(Lots::ZERO);
    plain.saturating_add(left)
}

/// Value of `size` at a price of `half_ticks / 2`, rounded down, clamped.
#[must_use]
pub fn value_at_half_ticks(instrument: &Instrument, half_ticks: i64, size: Lots) -> Quote {
    let value = i128::from(half_ticks)
        .saturating_mul(i128::from(size.0))
        .saturating_mul(i128::from(instrument.tick_lot_value()));
    Quote(i64::try_from(value / 2).unwrap_or(i64::MAX))
}

/// The most lots that a position may reach in either direction, by three different limits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Bounds {
    /// `net_max`.
    pub net_max: Lots,
    /// `batch_worst_case × net_max`, rounded down.
    pub batch: Lots,
    /// What `total_notional_max` leaves to this symbol.
    pub total: Lots,
}

impl Bounds {
    /// Bounds in a context with this mid.
    #[must_use]
    pub fn new(ctx: &RiskContext<'_>, mid_half_ticks: i64) -> Self {
        let left = ctx
            .total_notional_max
            .saturating_sub(ctx.notional_elsewhere);
        // Twice the money over twice the value of a lot, so that half a tick counts.
        let lot = i128::from(mid_half_ticks) * i128::from(ctx.instrument.tick_lot_value());
        let total = (i128::from(left.0.max(0)) * 2)
            .checked_div(lot.max(0))
            .unwrap_or(0);
        Self {
            net_max: ctx.params.net_max,
            batch: batch_bound(ctx.params),
            total: Lots(i64::try_from(total).unwrap_or(i64::MAX)),
        }
    }

    /// Whether everything that could fill on a side keeps the position within bounds. Growth: `held +
    /// plain` within all three. Against a position: through zero by no more than the batch bound, and
    /// `plain` within the other two, so that reduce-only orders that fill first change nothing; what
    /// cannot pass through zero is not bounded at all.
    ///
    /// # Errors
    /// [`Breach::NetMax`], [`Breach::BatchWorstCase`], [`Breach::TotalNotional`].
    pub fn check(&self, held: Lots, plain: Lots, reduce_only: Lots) -> Result<(), Breach> {
        let (growth, batch) = if held.is_negative() {
            if effect(held, plain, reduce_only) == Effect::Reduces {
                return Ok(());
            }
            (plain, beyond_zero(held, plain, reduce_only))
        } else {
            let all = held.saturating_add(plain);
            (all, all)
        };
        if growth > self.net_max {
            return Err(Breach::NetMax(growth, self.net_max));
        }
        if batch > self.batch {
            return Err(Breach::BatchWorstCase(batch, self.batch));
        }
        if growth > self.total {
            return Err(Breach::TotalNotional(growth, self.total));
        }
        Ok(())
    }

    /// The batch check of spec §4: of the layers wanted on a side, nearest first, how many fit; the rest
    /// is dropped from the far end. Orders that already rest do not count here: the layers are what
    /// shall replace them, and the gate counts both until then.
    #[must_use]
    pub fn fit(
        &self,
        side: Side,
        position: Lots,
        layers: impl IntoIterator<Item = (Lots, Execute)>,
    ) -> Fit {
        let held = toward(side, position);
        let (mut plain, mut reduce_only) = (Lots::ZERO, Lots::ZERO);
        let mut fit = Fit::default();
        for (size, execute) in layers {
            if execute.is_reduce_only() {
                reduce_only = reduce_only.saturating_add(size);
            } else {
                plain = plain.saturating_add(size);
            }
            if fit.why.is_none() {
                fit.why = self.check(held, plain, reduce_only).err();
            }
            match fit.why {
                None => fit.kept += 1,
                Some(_) => fit.dropped += 1,
            }
        }
        fit
    }
}

/// `batch_worst_case × net_max`, rounded down.
#[must_use]
pub fn batch_bound(params: &RiskParams) -> Lots {
    let (net_max, ratio) = (params.net_max.0, params.batch_worst_case.0);
    // Asked for with every order: a division of 128 bits only where 64 do not hold the product.
    Lots(match net_max.checked_mul(ratio) {
        Some(share) => share / E8,
        None => i64::try_from(i128::from(net_max) * i128::from(ratio) / i128::from(E8))
            .unwrap_or(i64::MAX),
    })
}

/// Outcome of the batch check on one side.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Fit {
    /// Layers that fit, from the nearest.
    pub kept: usize,
    /// Layers dropped from the far end.
    pub dropped: usize,
    /// The limit that the first dropped layer would have broken.
    pub why: Option<Breach>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::instrument::ethusdc;
    use crate::params::ethusdc_defaults;
    use crate::risk::{Exposure, Freshness, Permission};
    use crate::units::{PerSide, Ratio};

    const BOUNDS: Bounds = Bounds {
        net_max: Lots(100),
        batch: Lots(50),
        total: Lots(80),
    };

    #[test]
    fn the_bound_separates_reducing_from_growing_and_flipping() {
        let net = |worst| Some(Breach::NetMax(Lots(worst), Lots(100)));
        let batch = |worst| Some(Breach::BatchWorstCase(Lots(worst), Lots(50)));
        let total = |worst| Some(Breach::TotalNotional(Lots(worst), Lots(80)));
        for (held, plain, reduce_only, breach) in [
            (0, 50, 0, None),
            (0, 51, 0, batch(51)),
            (20, 30, 0, None),
            (20, 31, 0, batch(51)),
            (20, 81, 0, net(101)),
            (90, 1, 0, batch(91)),
            // Against a position: up to zero without limit, beyond it by the batch bound.
            (-20, 20, 0, None),
            (-20, 70, 0, None),
            (-20, 71, 0, batch(51)),
            (-60, 81, 0, total(81)),
            (-60, 101, 0, net(101)),
            (-60, 60, 0, None),
            (-500, 500, 0, None),
            (-500, 501, 0, net(501)),
            // Reduce-only orders may fill first: then what is plain lies beyond zero.
            (-20, 20, 20, None),
            (-20, 51, 20, batch(51)),
            (-20, 51, 500, batch(51)),
            (-20, 61, 9, None),
            (-20, 62, 9, batch(51)),
        ] {
            let found = BOUNDS.check(Lots(held), Lots(plain), Lots(reduce_only));
            let case = (held, plain, reduce_only);
            assert_eq!(found.err(), breach, "{case:?}");
        }
    }

    #[test]
    fn layers_are_dropped_from_the_far_end_until_the_worst_case_fits() {
        let ladder = |count: usize| (0..count).map(|_| (Lots(10), Execute::PostOnly));
        for (side, position, count, kept) in [
            (Side::Buy, 0, 8, 5),
            (Side::Sell, 0, 8, 5),
            (Side::Buy, 0, 3, 3),
            (Side::Buy, 25, 8, 2),
            (Side::Sell, 25, 8, 7),
            (Side::Buy, -25, 8, 7),
            (Side::Sell, -25, 8, 2),
            (Side::Buy, 100, 8, 0),
            (Side::Sell, 100, 8, 8),
            (Side::Sell, 1_000, 50, 50),
            (Side::Sell, 100, 12, 10),
        ] {
            let fit = BOUNDS.fit(side, Lots(position), ladder(count));
            let case = (side, position, count);
            assert_eq!((fit.kept, fit.dropped), (kept, count - kept), "{case:?}");
            assert_eq!(fit.why.is_none(), kept == count, "{case:?}");
        }
    }

    #[test]
    fn reduce_only_layers_leave_less_room_beyond_zero() {
        let layers = [
            (Lots(25), Execute::PostOnlyReduce),
            (Lots(40), Execute::PostOnly),
            (Lots(20), Execute::PostOnly),
        ];
        let fit = BOUNDS.fit(Side::Sell, Lots(25), layers);
        assert_eq!((fit.kept, fit.dropped), (2, 1));
        let why = Breach::BatchWorstCase(Lots(60), Lots(50));
        assert_eq!(fit.why, Some(why));
    }

    #[test]
    fn total_notional_leaves_whole_lots_at_mid() {
        let (eth, params) = (ethusdc(), ethusdc_defaults().risk);
        let ctx = RiskContext {
            instrument: &eth,
            params: &params,
            position: Lots(0),
            exposure: PerSide::<Exposure>::default(),
            mid_half_ticks: Some(500_001),
            mark: None,
            data: Freshness::Fresh,
            permission: Permission::Trade,
            orders_open: 0,
            orders_max: 38,
            notional_elsewhere: Quote(400 * E8),
            total_notional_max: Quote(500 * E8),
        };
        // A lot at 2500.005 is 2.500_005; 100 buy 39 of them (40 need 100.000_2).
        assert_eq!(Bounds::new(&ctx, 500_001).total, Lots(39));
        assert_eq!(Bounds::new(&ctx, 500_000).total, Lots(40));
        assert_eq!(Bounds::new(&ctx, 0).total, Lots(0));
        let value = value_at_half_ticks(&eth, 500_001, Lots(40));
        assert_eq!(value, Quote(10_000_020_000));
        let spent = RiskContext {
            notional_elsewhere: Quote(501 * E8),
            ..ctx
        };
        assert_eq!(Bounds::new(&spent, 500_000).total, Lots(0));
    }

    #[test]
    fn the_batch_bound_rounds_down() {
        let mut params = ethusdc_defaults().risk;
        params.net_max = Lots(3);
        assert_eq!(batch_bound(&params), Lots(1));
        params.batch_worst_case = Ratio(E8);
        assert_eq!(batch_bound(&params), Lots(3));
    }
}
