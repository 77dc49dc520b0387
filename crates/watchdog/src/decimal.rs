//! Owns exact decimal numbers of 1e-8 for sizes, prices and values; knows no unit.

use std::fmt;

use serde::{Deserialize, Deserializer, de};

const PLACES: usize = 8;
const ONE: i128 = 100_000_000;

/// A number of 1e-8. Wide enough that the product of a price and a size stays exact before it is divided again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Hash)]
pub struct E8(pub i128);

impl E8 {
    /// Zero.
    pub const ZERO: Self = Self(0);

    /// Reads `-12.3400`; digits beyond the eighth place are cut off. `None` for any other text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (negative, digits) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let is_number = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
        if whole.is_empty() || !is_number(whole) || !is_number(fraction) {
            return None;
        }
        let kept: String = fraction
            .chars()
            .chain(std::iter::repeat('0'))
            .take(PLACES)
            .collect();
        let whole: i128 = whole.parse().ok()?;
        let value = whole
            .checked_mul(ONE)?
            .checked_add(kept.parse::<i128>().ok()?)?;
        Some(Self(if negative { -value } else { value }))
    }

    /// The size without its sign.
    #[must_use]
    pub const fn abs(self) -> Self {
        Self(self.0.saturating_abs())
    }

    /// The largest multiple of `step` that is not above this; itself where there is no step. For numbers of at least zero.
    #[must_use]
    pub const fn floor_to(self, step: Self) -> Self {
        if step.0 <= 0 {
            return self;
        }
        Self(self.0 - self.0 % step.0)
    }

    /// The smallest multiple of `step` that is not below this; itself where there is no step. For numbers of at least zero.
    #[must_use]
    pub const fn ceil_to(self, step: Self) -> Self {
        let floor = self.floor_to(step);
        if floor.0 == self.0 {
            return self;
        }
        Self(floor.0.saturating_add(step.0))
    }

    /// This times `other`, cut off at the eighth place.
    #[must_use]
    pub const fn times(self, other: Self) -> Self {
        Self(self.0.saturating_mul(other.0) / ONE)
    }

    /// This moved by so many basis points of itself.
    #[must_use]
    pub const fn moved_bps(self, bps: i128) -> Self {
        Self(self.0.saturating_mul(10_000 + bps) / 10_000)
    }
}

impl fmt::Display for E8 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let (whole, fraction) = (self.0.abs() / ONE, self.0.abs() % ONE);
        let fraction = format!("{fraction:08}");
        match fraction.trim_end_matches('0') {
            "" => write!(f, "{sign}{whole}"),
            places => write!(f, "{sign}{whole}.{places}"),
        }
    }
}

impl<'de> Deserialize<'de> for E8 {
    /// From a string, as the exchange sends numbers, or from a JSON number.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = serde_json::Value::deserialize(deserializer)?;
        let text = match &value {
            serde_json::Value::String(text) => text.clone(),
            serde_json::Value::Number(number) => number.to_string(),
            _ => return Err(de::Error::custom("not a number")),
        };
        Self::parse(&text).ok_or_else(|| de::Error::custom("not a decimal number"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn e8(text: &str) -> E8 {
        E8::parse(text).expect("a number")
    }

    #[test]
    fn texts_are_read_and_written() {
        for (text, back) in [
            ("0", "0"),
            ("-0.001", "-0.001"),
            ("2500.50", "2500.5"),
            ("0.123456789", "0.12345678"),
            ("100000000000", "100000000000"),
        ] {
            assert_eq!(e8(text).to_string(), back, "{text}");
        }
        for text in ["", "-", ".", ".5", "1e3", "1.2.3", "+1", "1 ", "NaN", "1,5"] {
            assert_eq!(E8::parse(text), None, "{text}");
        }
    }

    #[test]
    fn sizes_fall_and_rise_to_their_grid() {
        let step = e8("0.001");
        assert_eq!(e8("0.0129").floor_to(step), e8("0.012"));
        assert_eq!(e8("0.0121").ceil_to(step), e8("0.013"));
        assert_eq!(e8("0.013").ceil_to(step), e8("0.013"));
        assert_eq!(e8("0.0129").floor_to(E8::ZERO), e8("0.0129"));
        assert_eq!(e8("2500").moved_bps(-100), e8("2475"));
        assert_eq!(e8("2500.5").times(e8("0.1")), e8("250.05"));
    }

    proptest! {
        #![proptest_config(ProptestConfig { rng_seed: proptest::test_runner::RngSeed::Fixed(1), ..ProptestConfig::default() })]

        #[test]
        fn every_number_survives_its_text(value in -1_000_000_000_000_000_000_i128..1_000_000_000_000_000_000) {
            prop_assert_eq!(E8::parse(&E8(value).to_string()), Some(E8(value)));
        }
    }
}
