//! Owns what the exchange says about one contract (grid, filters) and the exact conversions between
//! ticks, lots and money; knows nothing of books, orders or accounts.

use crate::units::{E8, Lots, Price8, Quote, Side, Ticks};
use alloc::string::String;
use core::fmt;

/// Index of an instrument in the engine; given by the shell, stable for a session.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct SymbolId(pub u16);

/// Contract data of one symbol (protocol §4.3). Filter bounds are inclusive; zero disables a bound.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Instrument {
    /// Upper-case exchange name, e.g. `ETHUSDC`.
    pub name: String,
    /// Price of one tick in 1e-8 quote (`0.01` → 1_000_000).
    pub tick_e8: i64,
    /// Size of one lot in 1e-8 base (`0.001` → 100_000).
    pub step_e8: i64,
    /// Lowest price of PRICE_FILTER.
    pub price_min: Ticks,
    /// Highest price of PRICE_FILTER.
    pub price_max: Ticks,
    /// LOT_SIZE minimum.
    pub qty_min: Lots,
    /// LOT_SIZE maximum.
    pub qty_max: Lots,
    /// MIN_NOTIONAL; reduce-only orders are exempt.
    pub notional_min: Quote,
    /// PERCENT_PRICE upper multiple of mark in 1e-4 (`1.05` → 10_500).
    pub percent_up_e4: i64,
    /// PERCENT_PRICE lower multiple of mark in 1e-4.
    pub percent_down_e4: i64,
    /// MAX_NUM_ORDERS.
    pub orders_max: u32,
}

/// Why contract data cannot be used.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum InstrumentError {
    /// Tick or step is zero or negative.
    Grid,
    /// tick × step is not a whole number of 1e-8 quote, so money would not be exact.
    Inexact,
    /// A minimum lies above its maximum.
    Bounds,
}

impl fmt::Display for InstrumentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Grid => "tick size and step size must be above zero",
            Self::Inexact => "tick size × step size is finer than 1e-8 of the quote asset",
            Self::Bounds => "a minimum lies above its maximum",
        })
    }
}

impl Instrument {
    /// Checks the contract data.
    ///
    /// # Errors
    /// See [`InstrumentError`].
    pub fn checked(self) -> Result<Self, InstrumentError> {
        if self.tick_e8 <= 0 || self.step_e8 <= 0 {
            return Err(InstrumentError::Grid);
        }
        if (i128::from(self.tick_e8) * i128::from(self.step_e8)) % i128::from(E8) != 0 {
            return Err(InstrumentError::Inexact);
        }
        let bounded = |min: i64, max: i64| max == 0 || min <= max;
        if bounded(self.price_min.0, self.price_max.0) && bounded(self.qty_min.0, self.qty_max.0) {
            Ok(self)
        } else {
            Err(InstrumentError::Bounds)
        }
    }

    /// Value of one lot at one tick, in 1e-8 quote.
    #[inline]
    #[must_use]
    pub const fn tick_lot_value(&self) -> i64 {
        match self.tick_e8.checked_mul(self.step_e8) {
            Some(product) => product / E8,
            None => ((self.tick_e8 as i128 * self.step_e8 as i128) / E8 as i128) as i64,
        }
    }

    /// Price × size, exact; the sign is that of `size`. `None` beyond the range of [`Quote`].
    #[inline]
    #[must_use]
    pub fn checked_notional(&self, price: Ticks, size: Lots) -> Option<Quote> {
        let value = i128::from(price.0) * i128::from(size.0) * i128::from(self.tick_lot_value());
        i64::try_from(value).ok().map(Quote)
    }

    /// Price × size with |value| clamped to the range of [`Quote`]; for limits, where the clamp is on the
    /// safe side, never for the books.
    #[inline]
    #[must_use]
    pub fn notional(&self, price: Ticks, size: Lots) -> Quote {
        self.checked_notional(price, size)
            .unwrap_or(Quote(i64::MAX * price.0.signum() * size.0.signum()))
    }

    /// Value of a (signed) position at a full-precision price, rounded towards zero, clamped.
    #[must_use]
    pub fn value_at(&self, price: Price8, size: Lots) -> Quote {
        if let Some(value) = self.value_narrow(price, size) {
            return Quote(value);
        }
        let value =
            i128::from(price.0) * i128::from(size.0) * i128::from(self.step_e8) / i128::from(E8);
        Quote(i64::try_from(value).unwrap_or(if value < 0 { i64::MIN + 1 } else { i64::MAX }))
    }

    /// The same in 64 bits, where it fits: this is asked for several times in every step, and a division of
    /// 128 bits by a constant is a call. With p × s = q × 10⁸ + r, p × s × step / 10⁸ is q × step +
    /// r × step / 10⁸; q and r have one sign, so that both round towards zero alike.
    fn value_narrow(&self, price: Price8, size: Lots) -> Option<i64> {
        let product = price.0.checked_mul(size.0)?;
        let whole = (product / E8).checked_mul(self.step_e8)?;
        let rest = (product % E8).checked_mul(self.step_e8)? / E8;
        whole.checked_add(rest)
    }

    /// A price in ticks as a full-precision price, clamped.
    #[inline]
    #[must_use]
    pub const fn price8(&self, price: Ticks) -> Price8 {
        Price8(price.0.saturating_mul(self.tick_e8))
    }

    /// A full-precision price on the tick grid, rounded to the passive side: down for a bid, up for an ask.
    #[must_use]
    pub const fn ticks_passive(&self, price: Price8, side: Side) -> Ticks {
        let floor = price.0.div_euclid(self.tick_e8);
        let exact = price.0.rem_euclid(self.tick_e8) == 0;
        match side {
            Side::Buy => Ticks(floor),
            Side::Sell => Ticks(if exact { floor } else { floor + 1 }),
        }
    }

    /// A full-precision price on the tick grid, rounded down.
    #[must_use]
    pub const fn ticks_floor(&self, price: Price8) -> Ticks {
        Ticks(price.0.div_euclid(self.tick_e8))
    }

    /// The smallest size at `price` that satisfies both LOT_SIZE and MIN_NOTIONAL; `None` for a price ≤ 0.
    #[must_use]
    pub fn size_min(&self, price: Ticks) -> Option<Lots> {
        if price.0 <= 0 {
            return None;
        }
        let per_lot = i128::from(price.0) * i128::from(self.tick_lot_value());
        let lots = (i128::from(self.notional_min.0) + per_lot - 1) / per_lot;
        i64::try_from(lots)
            .ok()
            .map(|l| Lots(l.max(self.qty_min.0).max(1)))
    }
}

/// The ETHUSDC contract as captured in 2026 (protocol §4.3): tick 0.01, step 0.001, minimum 20 USDC.
#[must_use]
pub fn ethusdc() -> Instrument {
    Instrument {
        name: String::from("ETHUSDC"),
        tick_e8: 1_000_000,
        step_e8: 100_000,
        price_min: Ticks(1),
        price_max: Ticks(10_000_000),
        qty_min: Lots(1),
        qty_max: Lots(8_000_000),
        notional_min: Quote(20 * E8),
        percent_up_e4: 10_500,
        percent_down_e4: 9_500,
        orders_max: 200,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn notional_is_exact() {
        let eth = ethusdc();
        // 2500.01 × 0.035 = 87.500_35
        assert_eq!(
            eth.checked_notional(Ticks(250_001), Lots(35)),
            Some(Quote(8_750_035_000))
        );
        assert_eq!(
            eth.value_at(Price8(250_001_000_000), Lots(-35)),
            Quote(-8_750_035_000)
        );
    }

    proptest! {
        #[test]
        fn a_value_is_the_same_in_64_and_in_128_bits(
            price in prop_oneof![0..=i64::MAX, 0..1_000_000_000_000_i64],
            size in prop_oneof![-i64::MAX..=i64::MAX, -5_000_i64..5_000],
            tick_e8 in prop_oneof![1..=i64::MAX, 1..100_000_000_i64],
            step_e8 in prop_oneof![1..=i64::MAX, 1..100_000_000_000_i64],
        ) {
            let contract = Instrument { tick_e8, step_e8, ..ethusdc() };
            let wide = i128::from(price).checked_mul(i128::from(size)).and_then(|v| v.checked_mul(i128::from(step_e8)));
            if let (Some(wide), Some(narrow)) = (wide, contract.value_narrow(Price8(price), Lots(size))) {
                prop_assert_eq!(i128::from(narrow), wide / i128::from(E8));
            }
            let wide = i128::from(tick_e8) * i128::from(step_e8) / i128::from(E8);
            prop_assert!(i64::try_from(wide).is_err() || i128::from(contract.tick_lot_value()) == wide);
        }
    }

    #[test]
    fn notional_beyond_the_range_is_none_and_clamps_with_its_sign() {
        let eth = ethusdc();
        assert_eq!(eth.checked_notional(Ticks(i64::MAX), Lots(2)), None);
        assert_eq!(eth.notional(Ticks(i64::MAX), Lots(-2)), Quote(-i64::MAX));
    }

    #[test]
    fn passive_rounding_never_improves_the_price() {
        let eth = ethusdc();
        let p = Price8(250_000_500_000); // 2500.005
        assert_eq!(eth.ticks_passive(p, Side::Buy), Ticks(250_000));
        assert_eq!(eth.ticks_passive(p, Side::Sell), Ticks(250_001));
        assert_eq!(
            eth.ticks_passive(Price8(250_000_000_000), Side::Sell),
            Ticks(250_000)
        );
    }

    #[test]
    fn smallest_size_meets_lot_and_notional() {
        let eth = ethusdc();
        assert_eq!(eth.size_min(Ticks(250_000)), Some(Lots(8))); // 20 / 2.5 per lot
        assert_eq!(eth.size_min(Ticks(10_000_000)), Some(Lots(1)));
        assert_eq!(eth.size_min(Ticks(0)), None);
    }

    #[test]
    fn unusable_contract_data_is_refused() {
        for (broken, why) in [
            (
                Instrument {
                    tick_e8: 0,
                    ..ethusdc()
                },
                InstrumentError::Grid,
            ),
            (
                Instrument {
                    tick_e8: 1,
                    step_e8: 1,
                    ..ethusdc()
                },
                InstrumentError::Inexact,
            ),
            (
                Instrument {
                    qty_min: Lots(9),
                    qty_max: Lots(8),
                    ..ethusdc()
                },
                InstrumentError::Bounds,
            ),
        ] {
            assert_eq!(broken.checked(), Err(why));
        }
    }
}
