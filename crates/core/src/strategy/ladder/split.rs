//! Owns full-precision prices cut into whole ticks and a rest, so that a ladder is laid without a division a
//! layer; knows nothing of ladders.

use crate::units::{Price8, Side, Ticks};

/// `ticks` × tick + `rest`, with 0 ≤ `rest` < tick.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Split {
    ticks: i64,
    rest: i64,
}

impl Split {
    /// Cuts a price or a difference of prices; `tick_e8` > 0.
    pub(super) const fn of(price: Price8, tick_e8: i64) -> Self {
        Self {
            ticks: price.0.div_euclid(tick_e8),
            rest: price.0.rem_euclid(tick_e8),
        }
    }

    /// The price on the grid, rounded to the passive side: down for a bid, up for an ask.
    pub(super) const fn passive(self, side: Side) -> Ticks {
        match side {
            Side::Buy => Ticks(self.ticks),
            Side::Sell => Ticks(self.ticks.saturating_add((self.rest > 0) as i64)),
        }
    }

    /// The price `offset` further from the touch, rounded to the passive side.
    pub(super) const fn passive_beyond(self, offset: Self, side: Side, tick_e8: i64) -> Ticks {
        match side {
            Side::Buy => {
                let borrow = (self.rest < offset.rest) as i64;
                let ticks = self.ticks.saturating_sub(offset.ticks);
                Ticks(ticks.saturating_sub(borrow))
            }
            Side::Sell => {
                // The rests add up to less than two ticks: up to the next is 0, 1 or 2.
                let rest = self.rest.saturating_add(offset.rest);
                let up = (rest > 0) as i64 + (rest > tick_e8) as i64;
                Ticks(self.ticks.saturating_add(offset.ticks).saturating_add(up))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::instrument::{Instrument, ethusdc};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn rounds_like_the_undivided_price(
            price in -1_000_000_i64..1_000_000,
            offset in -1_000_000_i64..1_000_000,
            tick_e8 in 1_i64..2_000,
        ) {
            let instrument = Instrument { tick_e8, ..ethusdc() };
            let base = Split::of(Price8(price), tick_e8);
            let step = Split::of(Price8(offset), tick_e8);
            for side in Side::BOTH {
                prop_assert_eq!(base.passive(side), instrument.ticks_passive(Price8(price), side));
                let whole = Price8(price - offset * side.sign());
                prop_assert_eq!(
                    base.passive_beyond(step, side, tick_e8),
                    instrument.ticks_passive(whole, side)
                );
            }
        }
    }
}
