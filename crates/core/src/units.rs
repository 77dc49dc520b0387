//! Owns the integer quantities everything is computed in; knows nothing of instruments or markets.
//!
//! Prices are whole ticks, sizes whole lots, money is 1e-8 of the quote asset, time is nanoseconds.
//! Arithmetic panics on overflow only through `checked_*(..).expect(..)` at proven bounds; the
//! operators below saturate nowhere and rely on `overflow-checks`, which is on in release.

use core::fmt;
use core::iter::Sum;
use core::ops::{Add, AddAssign, Mul, Neg, Sub, SubAssign};

/// Fixed-point scale of money and of decimal wire values: 1e8 units are one.
pub const E8: i64 = 100_000_000;

macro_rules! quantity {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        #[repr(transparent)]
        pub struct $name(pub i64);

        impl $name {
            /// Nothing of it.
            pub const ZERO: Self = Self(0);
            /// The largest representable amount.
            pub const MAX: Self = Self(i64::MAX);

            /// The raw integer.
            #[inline]
            #[must_use]
            pub const fn raw(self) -> i64 {
                self.0
            }
            /// Distance from zero, without sign.
            #[inline]
            #[must_use]
            pub const fn abs(self) -> Self {
                Self(self.0.abs())
            }
            /// −1, 0 or 1.
            #[inline]
            #[must_use]
            pub const fn signum(self) -> i64 {
                self.0.signum()
            }
            /// Whether it is exactly zero.
            #[inline]
            #[must_use]
            pub const fn is_zero(self) -> bool {
                self.0 == 0
            }
            /// Whether it is above zero.
            #[inline]
            #[must_use]
            pub const fn is_positive(self) -> bool {
                self.0 > 0
            }
            /// Whether it is below zero.
            #[inline]
            #[must_use]
            pub const fn is_negative(self) -> bool {
                self.0 < 0
            }
            /// Sum, or `None` beyond the range of `i64`.
            #[inline]
            #[must_use]
            pub const fn checked_add(self, other: Self) -> Option<Self> {
                match self.0.checked_add(other.0) {
                    Some(v) => Some(Self(v)),
                    None => None,
                }
            }
            /// Difference, or `None` beyond the range of `i64`.
            #[inline]
            #[must_use]
            pub const fn checked_sub(self, other: Self) -> Option<Self> {
                match self.0.checked_sub(other.0) {
                    Some(v) => Some(Self(v)),
                    None => None,
                }
            }
            /// Sum clamped to the range of `i64`; for bounds and ages, never for balances.
            #[inline]
            #[must_use]
            pub const fn saturating_add(self, other: Self) -> Self {
                Self(self.0.saturating_add(other.0))
            }
            /// Difference clamped to the range of `i64`; for bounds and ages, never for balances.
            #[inline]
            #[must_use]
            pub const fn saturating_sub(self, other: Self) -> Self {
                Self(self.0.saturating_sub(other.0))
            }
        }

        impl Add for $name {
            type Output = Self;
            #[inline]
            fn add(self, other: Self) -> Self {
                Self(self.0 + other.0)
            }
        }
        impl Sub for $name {
            type Output = Self;
            #[inline]
            fn sub(self, other: Self) -> Self {
                Self(self.0 - other.0)
            }
        }
        impl Neg for $name {
            type Output = Self;
            #[inline]
            fn neg(self) -> Self {
                Self(-self.0)
            }
        }
        impl AddAssign for $name {
            #[inline]
            fn add_assign(&mut self, other: Self) {
                self.0 += other.0;
            }
        }
        impl SubAssign for $name {
            #[inline]
            fn sub_assign(&mut self, other: Self) {
                self.0 -= other.0;
            }
        }
        impl Mul<i64> for $name {
            type Output = Self;
            #[inline]
            fn mul(self, factor: i64) -> Self {
                Self(self.0 * factor)
            }
        }
        impl Sum for $name {
            fn sum<I: Iterator<Item = Self>>(iter: I) -> Self {
                iter.fold(Self::ZERO, Add::add)
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }
    };
}

quantity! {
    /// A price, or a difference of prices, in whole ticks of one instrument.
    Ticks
}
quantity! {
    /// A size in whole lots (quantity steps) of one instrument; a position is signed, long is positive.
    Lots
}
quantity! {
    /// Money in 1e-8 of the quote (margin) asset; income is positive, cost is negative.
    Quote
}
quantity! {
    /// A price with the exchange's full precision, in 1e-8 of the quote asset per unit of base (mark, index).
    Price8
}
quantity! {
    /// A dimensionless ratio in 1e-8, e.g. a funding rate (`0.0001` is `Ratio(10_000)`).
    Ratio
}
quantity! {
    /// A length of time in nanoseconds.
    Span
}
quantity! {
    /// An instant of the monotonic clock in nanoseconds since an arbitrary origin; all time-outs use it.
    Mono
}
quantity! {
    /// An instant of the wall clock in nanoseconds since the Unix epoch; a label, never a time-out.
    Wall
}

impl Span {
    /// Whole milliseconds.
    #[must_use]
    pub const fn from_millis(ms: i64) -> Self {
        Self(ms * 1_000_000)
    }
    /// Whole seconds.
    #[must_use]
    pub const fn from_secs(s: i64) -> Self {
        Self(s * 1_000_000_000)
    }
    /// Milliseconds, rounded towards zero.
    #[must_use]
    pub const fn as_millis(self) -> i64 {
        self.0 / 1_000_000
    }
}

impl Mono {
    /// The instant `span` later, clamped to the representable range.
    #[inline]
    #[must_use]
    pub const fn after(self, span: Span) -> Self {
        Self(self.0.saturating_add(span.0))
    }
    /// Time passed since `earlier`; zero when `earlier` lies ahead, so that an age is never negative.
    #[inline]
    #[must_use]
    pub const fn since(self, earlier: Self) -> Span {
        let d = self.0.saturating_sub(earlier.0);
        Span(if d > 0 { d } else { 0 })
    }
}

impl Wall {
    /// From the exchange's milliseconds since the epoch.
    #[must_use]
    pub const fn from_millis(ms: i64) -> Self {
        Self(ms.saturating_mul(1_000_000))
    }
    /// Milliseconds since the epoch, rounded down.
    #[must_use]
    pub const fn as_millis(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }
}

/// A funding instant: full hours since the Unix epoch, UTC. Intervals of 1, 4 and 8 hours all end on one (protocol §8).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct FundingHour(pub i64);

impl FundingHour {
    const NANOS: i64 = 3_600_000_000_000;
    /// A payment of an hour may be listed by the exchange this much later.
    const SETTLED_AFTER: i64 = 600_000_000_000;

    /// The hour that a payment booked at `time` belongs to: the nearest one. The stream and the list of income may
    /// state times that differ, and either may be some seconds from the full hour.
    #[must_use]
    pub const fn of(time: Wall) -> Self {
        Self(
            time.0
                .saturating_add(Self::NANOS / 2)
                .div_euclid(Self::NANOS),
        )
    }
    /// The last one at or before `time`: its payment is for a position held before `time`.
    #[must_use]
    pub const fn before(time: Wall) -> Self {
        Self(time.0.div_euclid(Self::NANOS))
    }
    /// The last one of which a list asked for at `time` surely lacks nothing.
    #[must_use]
    pub const fn settled_at(time: Wall) -> Self {
        Self::before(Wall(time.0.saturating_sub(Self::SETTLED_AFTER)))
    }
    /// The last one of which a list that ends before `time` lacks nothing.
    #[must_use]
    pub const fn complete_before(time: Wall) -> Self {
        Self::before(Wall(time.0.saturating_sub(Self::NANOS / 2)))
    }
    /// The full hour.
    #[must_use]
    pub const fn instant(self) -> Wall {
        Wall(self.0.saturating_mul(Self::NANOS))
    }
    /// The earliest time at which a payment belongs to the hour after this one.
    #[must_use]
    pub const fn end(self) -> Wall {
        Wall(self.instant().0.saturating_add(Self::NANOS / 2))
    }
    /// The next one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

/// One reading of both clocks, taken once per event by whoever drives the engine.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Now {
    /// Monotonic: every age and time-out.
    pub mono: Mono,
    /// Wall, already corrected by the estimated offset to the exchange: labels and event-time lag.
    pub wall: Wall,
}

/// The side of an order: what its owner does.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Side {
    /// Adds to a long position; rests among the bids.
    Buy,
    /// Adds to a short position; rests among the asks.
    Sell,
}

impl Side {
    /// Both, bids first.
    pub const BOTH: [Self; 2] = [Self::Buy, Self::Sell];

    /// The other side.
    #[inline]
    #[must_use]
    pub const fn opposite(self) -> Self {
        match self {
            Self::Buy => Self::Sell,
            Self::Sell => Self::Buy,
        }
    }
    /// 1 for buy, −1 for sell: the sign of the position change a fill makes.
    #[inline]
    #[must_use]
    pub const fn sign(self) -> i64 {
        match self {
            Self::Buy => 1,
            Self::Sell => -1,
        }
    }
    /// `size` (≥ 0) as a signed position change.
    #[inline]
    #[must_use]
    pub const fn signed(self, size: Lots) -> Lots {
        Lots(size.0 * self.sign())
    }
    /// 0 for buy, 1 for sell; for arrays with one entry a side.
    #[inline]
    #[must_use]
    pub const fn index(self) -> usize {
        match self {
            Self::Buy => 0,
            Self::Sell => 1,
        }
    }
    /// Whether price `a` is strictly better than `b` for the *taker's counterparty*, i.e. nearer to the
    /// front of this side of the book: higher for bids, lower for asks.
    #[inline]
    #[must_use]
    pub const fn is_better(self, a: Ticks, b: Ticks) -> bool {
        match self {
            Self::Buy => a.0 > b.0,
            Self::Sell => a.0 < b.0,
        }
    }
    /// The price `distance` (≥ 0) further away from the touch.
    #[inline]
    #[must_use]
    pub const fn away(self, price: Ticks, distance: Ticks) -> Ticks {
        Ticks(price.0 - distance.0 * self.sign())
    }
}

/// One value for each side.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Hash)]
pub struct PerSide<T> {
    /// The buy (bid) value.
    pub buy: T,
    /// The sell (ask) value.
    pub sell: T,
}

impl<T> PerSide<T> {
    /// The value of `side`.
    #[inline]
    pub const fn of(&self, side: Side) -> &T {
        match side {
            Side::Buy => &self.buy,
            Side::Sell => &self.sell,
        }
    }
    /// The value of `side`, to be changed.
    #[inline]
    pub const fn of_mut(&mut self, side: Side) -> &mut T {
        match side {
            Side::Buy => &mut self.buy,
            Side::Sell => &mut self.sell,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ages_are_never_negative() {
        assert_eq!(Mono(5).since(Mono(9)), Span(0));
        assert_eq!(Mono(9).since(Mono(5)), Span(4));
        assert_eq!(Mono(i64::MAX).after(Span(10)), Mono(i64::MAX));
    }

    #[test]
    fn away_moves_from_the_touch_on_either_side() {
        assert_eq!(Side::Buy.away(Ticks(100), Ticks(3)), Ticks(97));
        assert_eq!(Side::Sell.away(Ticks(100), Ticks(3)), Ticks(103));
    }

    #[test]
    fn sums_beyond_the_range_are_none_not_wrapped() {
        assert_eq!(Quote::MAX.checked_add(Quote(1)), None);
        assert_eq!(Quote(i64::MIN).checked_sub(Quote(1)), None);
    }

    #[test]
    fn a_payment_belongs_to_the_nearest_hour_and_what_was_paid_before_is_not_ours() {
        let at = |hour: i64, second: i64| Wall((hour * 3_600 + second) * 1_000_000_000);
        for (time, hour) in [
            (at(8, 0), 8),
            (at(8, 61), 8),
            (at(8, -2), 8),
            (at(8, 1_800), 9),
        ] {
            assert_eq!(FundingHour::of(time), FundingHour(hour), "{time:?}");
        }
        assert_eq!(FundingHour::before(at(8, 0)), FundingHour(8));
        assert_eq!(FundingHour::before(at(8, -1)), FundingHour(7));
        assert_eq!(FundingHour::settled_at(at(8, 599)), FundingHour(7));
        assert_eq!(FundingHour::settled_at(at(8, 600)), FundingHour(8));
        let end = FundingHour(8).end();
        assert_eq!(FundingHour::complete_before(end), FundingHour(8));
        assert_eq!(
            FundingHour::of(end),
            FundingHour(8).next(),
            "a list that begins there lacks nothing after it"
        );
        assert_eq!(FundingHour::of(Wall(end.0 - 1)), FundingHour(8));
    }

    #[test]
    fn wall_rounds_down_before_the_epoch_too() {
        assert_eq!(Wall(-1).as_millis(), -1);
        assert_eq!(Wall::from_millis(12).as_millis(), 12);
    }

    proptest! {
        #![proptest_config(crate::seeded(256))]

        #[test]
        fn arithmetic_agrees_with_128_bits(a in any::<i64>(), b in any::<i64>()) {
            let (sum, difference) = (i128::from(a) + i128::from(b), i128::from(a) - i128::from(b));
            let exact = |wide: i128| i64::try_from(wide).ok().map(Lots);
            let clamped = |wide: i128| Lots(wide.clamp(i64::MIN.into(), i64::MAX.into()) as i64);
            prop_assert_eq!(Lots(a).checked_add(Lots(b)), exact(sum));
            prop_assert_eq!(Lots(a).checked_sub(Lots(b)), exact(difference));
            prop_assert_eq!(Lots(a).saturating_add(Lots(b)), clamped(sum));
            prop_assert_eq!(Lots(a).saturating_sub(Lots(b)), clamped(difference));
            prop_assert_eq!(Mono(a).since(Mono(b)).0, clamped(difference).0.max(0));
            prop_assert_eq!(Mono(a).after(Span(b)).0, clamped(sum).0);
        }

        #[test]
        fn the_sides_mirror_each_other(price in -1_000_000_i64..1_000_000, by in 0_i64..1_000_000) {
            for side in Side::BOTH {
                let away = side.away(Ticks(price), Ticks(by));
                prop_assert_eq!(side.opposite().away(away, Ticks(by)), Ticks(price));
                prop_assert_eq!(side.is_better(Ticks(price), away), by > 0);
                prop_assert_eq!(side.signed(Lots(by)), -side.opposite().signed(Lots(by)));
            }
        }

        #[test]
        fn an_hour_begins_its_payments_where_the_one_before_ends_them(
            // Of the years 1685 to 2255: what a clock can say, without the clamps at the ends of the range.
            time in prop_oneof![
                -9_000_000_000_000_000_000..9_000_000_000_000_000_000_i64,
                // And where one half-hour touches the next.
                (-4_000_000..4_000_000_i64, -2..3_i64).prop_map(|(half, by)| half * 1_800_000_000_000 + by),
            ],
        ) {
            let (time, hour) = (Wall(time), FundingHour::of(Wall(time)));
            prop_assert!(FundingHour(hour.0 - 1).end() <= time && time < hour.end());
            prop_assert!(FundingHour::before(time).instant() <= time);
            prop_assert!(FundingHour::before(time).next().instant() > time);
            prop_assert!(FundingHour::settled_at(time) <= FundingHour::before(time));
        }
    }
}
