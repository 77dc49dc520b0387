//! The exact decimal number of the configuration file: twelve places in an `i128`; knows nothing of ticks, lots or YAML.

use std::fmt;
use std::str::FromStr;

/// An exact decimal: the value times 10^12, so that `0.1` stays `0.1`.
///
/// Every number of the configuration file is one of these. Sizes, prices and
/// money never pass through a float; a strategy coefficient becomes one with
/// [`Decimal::to_f64`], in the open, where the strategy wants it.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Decimal(i128);

/// Decimal places kept; more in the text is an error, never a rounding.
pub const PLACES: u32 = 12;
const ONE: i128 = 1_000_000_000_000;
/// The largest magnitude accepted from text, in whole units.
const WHOLE_MAX: i128 = 1_000_000_000_000_000;
/// The longest text looked at; a longer one cannot be a sensible number.
const TEXT_MAX: usize = 64;

/// Why a text is not a [`Decimal`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecimalError {
    /// Not of the form `-12.34` or `1.2e-3`.
    #[error("not a decimal number such as 0.0007")]
    Malformed,
    /// More than [`PLACES`] decimal places.
    #[error("more than 12 decimal places")]
    TooFine,
    /// At least 10^15.
    #[error("too large")]
    TooLarge,
}

impl Decimal {
    /// Zero.
    pub const ZERO: Self = Self(0);
    /// One.
    pub const ONE: Self = Self(ONE);

    /// A whole number.
    pub const fn from_int(value: i64) -> Self {
        Self(value as i128 * ONE)
    }

    /// `value / 10^12`.
    pub const fn from_e12(value: i128) -> Self {
        Self(value)
    }

    /// The value times 10^12.
    pub const fn e12(self) -> i128 {
        self.0
    }

    /// The value times 10^8 when it has no finer places and fits; the unit of money in core and journal.
    pub fn to_e8(self) -> Option<i64> {
        if self.0 % 10_000 != 0 {
            return None;
        }
        i64::try_from(self.0 / 10_000).ok()
    }

    /// The value times 10^6 when it has no finer places and fits (parts per million of a share).
    pub fn to_ppm(self) -> Option<i64> {
        if self.0 % 1_000_000 != 0 {
            return None;
        }
        i64::try_from(self.0 / 1_000_000).ok()
    }

    /// The nearest float, for strategy coefficients only.
    pub fn to_f64(self) -> f64 {
        // Through text: the shortest way to the correctly rounded nearest float.
        self.to_string().parse().unwrap_or(f64::NAN)
    }

    /// The whole number this is, if it is one and fits.
    pub fn to_int(self) -> Option<i64> {
        if self.0 % ONE != 0 {
            return None;
        }
        i64::try_from(self.0 / ONE).ok()
    }

    /// How many `step`s this is, when it is an exact multiple of a positive `step`.
    pub fn steps_of(self, step: Self) -> Option<i64> {
        if step.0 <= 0 || self.0 % step.0 != 0 {
            return None;
        }
        i64::try_from(self.0 / step.0).ok()
    }

    /// How many whole `step`s fit into this, rounded towards minus infinity; `None` for a step that is not positive.
    pub fn floor_steps_of(self, step: Self) -> Option<i64> {
        if step.0 <= 0 {
            return None;
        }
        i64::try_from(self.0.div_euclid(step.0)).ok()
    }

    /// The product, truncated to twelve places; `None` when it overflows.
    pub fn checked_mul(self, other: Self) -> Option<Self> {
        self.0.checked_mul(other.0).map(|wide| Self(wide / ONE))
    }

    /// The quotient, truncated to twelve places; `None` for a zero divisor or overflow.
    pub fn checked_div(self, other: Self) -> Option<Self> {
        let wide = self.0.checked_mul(ONE)?;
        wide.checked_div(other.0).map(Self)
    }

    /// The sum; `None` when it overflows.
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }

    /// The difference; `None` when it overflows.
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        self.0.checked_sub(other.0).map(Self)
    }

    /// Rounded down (towards minus infinity) to `places` decimals, for display.
    pub fn floor_to(self, places: u32) -> Self {
        let unit = 10_i128.pow(PLACES.saturating_sub(places));
        Self(self.0.div_euclid(unit) * unit)
    }
}

impl FromStr for Decimal {
    type Err = DecimalError;

    fn from_str(text: &str) -> Result<Self, DecimalError> {
        if text.len() > TEXT_MAX {
            return Err(DecimalError::Malformed);
        }
        let (negative, digits) = match text.as_bytes().first() {
            Some(b'-') => (true, &text[1..]),
            Some(b'+') => (false, &text[1..]),
            _ => (false, text),
        };
        let (mantissa, exponent) = split_exponent(digits)?;
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if whole.len() + fraction.len() == 0 || !all_digits(whole) || !all_digits(fraction) {
            return Err(DecimalError::Malformed);
        }
        let fraction = fraction.trim_end_matches('0');
        let digits = format!("{whole}{fraction}");
        let digits = digits.trim_start_matches('0');
        if digits.is_empty() {
            return Ok(Self::ZERO);
        }
        // value = digits × 10^(exponent − fraction length); kept as value × 10^12.
        let shift = PLACES as i32 + exponent - fraction.len() as i32;
        let magnitude = shifted(digits, shift)?;
        if magnitude >= WHOLE_MAX * ONE {
            return Err(DecimalError::TooLarge);
        }
        Ok(Self(if negative { -magnitude } else { magnitude }))
    }
}

fn split_exponent(digits: &str) -> Result<(&str, i32), DecimalError> {
    let Some((mantissa, exponent)) = digits.split_once(['e', 'E']) else {
        return Ok((digits, 0));
    };
    let exponent: i32 = exponent.parse().map_err(|_| DecimalError::Malformed)?;
    if exponent.abs() > 30 {
        return Err(DecimalError::Malformed);
    }
    Ok((mantissa, exponent))
}

fn shifted(digits: &str, shift: i32) -> Result<i128, DecimalError> {
    let value: i128 = digits.parse().map_err(|_| DecimalError::TooLarge)?;
    if shift >= 0 {
        return 10_i128
            .checked_pow(shift.unsigned_abs())
            .and_then(|factor| value.checked_mul(factor))
            .ok_or(DecimalError::TooLarge);
    }
    let divisor = 10_i128
        .checked_pow(shift.unsigned_abs())
        .ok_or(DecimalError::TooFine)?;
    if value % divisor != 0 {
        return Err(DecimalError::TooFine);
    }
    Ok(value / divisor)
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let magnitude = self.0.unsigned_abs();
        let (whole, fraction) = (magnitude / ONE as u128, magnitude % ONE as u128);
        if fraction == 0 {
            return f.pad(&format!("{sign}{whole}"));
        }
        let fraction = format!("{fraction:012}");
        f.pad(&format!("{sign}{whole}.{}", fraction.trim_end_matches('0')))
    }
}

impl fmt::Debug for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn decimal(text: &str) -> Decimal {
        text.parse().expect("a decimal of the test")
    }

    #[test]
    fn keeps_the_text_exactly() {
        for (text, shown) in [
            ("0.1", "0.1"),
            ("0.50", "0.5"),
            ("-0.0004", "-0.0004"),
            ("1000.0", "1000"),
            (".5", "0.5"),
            ("5.", "5"),
            ("+7", "7"),
            ("7e-4", "0.0007"),
            ("1.5E3", "1500"),
            ("0e30", "0"),
            ("0.000000000001", "0.000000000001"),
            ("999999999999999", "999999999999999"),
        ] {
            assert_eq!(decimal(text).to_string(), shown, "{text}");
        }
    }

    #[test]
    fn refuses_what_is_not_exactly_a_decimal() {
        use DecimalError::{Malformed, TooFine, TooLarge};
        let long = "1".repeat(65);
        for (text, error) in [
            ("", Malformed),
            (".", Malformed),
            ("-", Malformed),
            ("1,5", Malformed),
            ("1_000", Malformed),
            ("0x10", Malformed),
            (".inf", Malformed),
            ("nan", Malformed),
            ("1e", Malformed),
            ("1e99", Malformed),
            ("--1", Malformed),
            ("1.2.3", Malformed),
            ("½", Malformed),
            (long.as_str(), Malformed),
            ("0.0000000000001", TooFine),
            ("1e-13", TooFine),
            ("1000000000000000", TooLarge),
            ("9e29", TooLarge),
        ] {
            assert_eq!(text.parse::<Decimal>(), Err(error), "{text}");
        }
    }

    #[test]
    fn converts_only_what_fits_the_unit() {
        assert_eq!(decimal("0.035").steps_of(decimal("0.001")), Some(35));
        assert_eq!(decimal("0.0355").steps_of(decimal("0.001")), None);
        assert_eq!(decimal("1").steps_of(Decimal::ZERO), None);
        assert_eq!(decimal("-0.5").floor_steps_of(decimal("1")), Some(-1));
        assert_eq!(decimal("1.00000001").to_e8(), Some(100_000_001));
        assert_eq!(decimal("1.000000001").to_e8(), None);
        assert_eq!(decimal("0.0007").to_ppm(), Some(700));
        assert_eq!(decimal("7.0").to_int(), Some(7));
        assert_eq!(decimal("7.5").to_int(), None);
        assert_eq!(decimal("1.15").to_f64(), 1.15);
        assert_eq!(decimal("1").checked_div(Decimal::ZERO), None);
        assert_eq!(decimal("2.999").floor_to(2).to_string(), "2.99");
        assert_eq!(
            decimal("900000000000000").checked_mul(decimal("900000000000000")),
            None
        );
    }

    proptest! {
        #[test]
        fn display_and_parse_are_inverse(value in -(WHOLE_MAX * ONE - 1)..WHOLE_MAX * ONE) {
            let decimal = Decimal::from_e12(value);
            prop_assert_eq!(decimal.to_string().parse::<Decimal>(), Ok(decimal));
        }

        #[test]
        fn any_text_is_parsed_or_refused_without_panic(text in ".{0,70}") {
            let _ = text.parse::<Decimal>();
        }
    }
}
