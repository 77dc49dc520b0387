//! Decimal text ↔ [`E8`] and 128-bit products; knows no field and no filter.

use crate::api::{E8, ONE};

/// Why a text is no [`E8`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecimalError {
    /// Not of the form `-123.456`.
    Malformed,
    /// More than 8 decimals that are not zero.
    TooPrecise,
    /// Beyond the range of an `i64` in 1e-8.
    OutOfRange,
}

/// Reads a plain decimal number (optional sign, no exponent).
///
/// # Errors
/// See [`DecimalError`].
pub fn parse(text: &str) -> Result<E8, DecimalError> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if whole.is_empty() && fraction.is_empty() {
        return Err(DecimalError::Malformed);
    }
    let mut value: i64 = 0;
    for byte in whole.bytes() {
        value = push_digit(value, byte)?;
    }
    let mut places = 0;
    for byte in fraction.bytes() {
        if places < 8 {
            value = push_digit(value, byte)?;
            places += 1;
        } else if byte != b'0' {
            return Err(if byte.is_ascii_digit() {
                DecimalError::TooPrecise
            } else {
                DecimalError::Malformed
            });
        }
    }
    for _ in places..8 {
        value = value.checked_mul(10).ok_or(DecimalError::OutOfRange)?;
    }
    Ok(if negative { -value } else { value })
}

fn push_digit(value: i64, byte: u8) -> Result<i64, DecimalError> {
    if !byte.is_ascii_digit() {
        return Err(DecimalError::Malformed);
    }
    value
        .checked_mul(10)
        .and_then(|v| v.checked_add(i64::from(byte - b'0')))
        .ok_or(DecimalError::OutOfRange)
}

/// How many decimals a tick or step needs (0.01 → 2), at most 8.
#[must_use]
pub fn places_of(step: E8) -> usize {
    let mut rest = step.unsigned_abs();
    let mut places = 8;
    while places > 0 && rest.is_multiple_of(10) {
        rest /= 10;
        places -= 1;
    }
    places
}

/// Appends the number with exactly `places` decimals (at most 8), cut towards zero.
pub fn write_fixed(out: &mut String, value: E8, places: usize) {
    let magnitude = value.unsigned_abs();
    let (whole, fraction) = (
        magnitude / ONE.unsigned_abs(),
        magnitude % ONE.unsigned_abs(),
    );
    let drop = u32::try_from(8 - places.min(8)).unwrap_or(0);
    let shown = fraction / 10_u64.pow(drop);
    if value < 0 && (whole, shown) != (0, 0) {
        out.push('-');
    }
    push_number(out, whole, 1);
    if places > 0 {
        out.push('.');
        push_number(out, shown, places.min(8));
    }
}

/// Appends the number without trailing zeros (`0`, `1.5`, `-0.00000001`).
pub fn write_short(out: &mut String, value: E8) {
    write_fixed(out, value, if value == 0 { 0 } else { places_of(value) });
}

fn push_number(out: &mut String, mut value: u64, width_min: usize) {
    let mut buffer = [b'0'; 20];
    let mut used = 0;
    for slot in buffer.iter_mut().rev() {
        if value == 0 && used >= width_min {
            break;
        }
        *slot = b'0' + u8::try_from(value % 10).unwrap_or(0);
        value /= 10;
        used += 1;
    }
    out.extend(
        buffer
            .iter()
            .skip(buffer.len() - used)
            .map(|b| char::from(*b)),
    );
}

/// The number with exactly `places` decimals.
#[must_use]
pub fn fixed(value: E8, places: usize) -> String {
    let mut out = String::with_capacity(24);
    write_fixed(&mut out, value, places);
    out
}

/// The number without trailing zeros.
#[must_use]
pub fn short(value: E8) -> String {
    let mut out = String::with_capacity(24);
    write_short(&mut out, value);
    out
}

/// `a · b`, rounded half away from zero; saturates at the range (a balance that large is already nonsense and shows up in the conservation tests).
#[must_use]
pub fn mul(a: E8, b: E8) -> E8 {
    mul_div(a, b, ONE)
}

/// `a / b`, rounded half away from zero; 0 when `b` is 0.
#[must_use]
pub fn div(a: E8, b: E8) -> E8 {
    mul_div(a, ONE, b)
}

/// `a · b / c` through 128 bits, rounded half away from zero; 0 when `c` is 0; saturating.
#[must_use]
pub fn mul_div(a: i64, b: i64, c: i64) -> i64 {
    if c == 0 {
        return 0;
    }
    let product = i128::from(a) * i128::from(b);
    let divisor = i128::from(c);
    let (quotient, rest) = (product / divisor, product % divisor);
    let away = if rest.unsigned_abs() * 2 >= divisor.unsigned_abs() {
        product.signum() * divisor.signum()
    } else {
        0
    };
    let rounded = quotient + away;
    i64::try_from(rounded).unwrap_or(if rounded < 0 { i64::MIN } else { i64::MAX })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn text_becomes_fixed_point_or_a_reason() {
        let cases = [
            ("0", Ok(0)),
            ("2500.01", Ok(250_001_000_000)),
            ("-0.00000001", Ok(-1)),
            (".5", Ok(50_000_000)),
            ("7.", Ok(700_000_000)),
            ("+1", Ok(ONE)),
            ("1.1000000000", Ok(110_000_000)),
            ("0.000000001", Err(DecimalError::TooPrecise)),
            ("", Err(DecimalError::Malformed)),
            (".", Err(DecimalError::Malformed)),
            ("-", Err(DecimalError::Malformed)),
            ("1e3", Err(DecimalError::Malformed)),
            ("1.0000000000x", Err(DecimalError::Malformed)),
            ("NaN", Err(DecimalError::Malformed)),
            ("92233720368.54775807", Ok(i64::MAX)),
            ("92233720369", Err(DecimalError::OutOfRange)),
        ];
        for (text, expected) in cases {
            assert_eq!(parse(text), expected, "{text:?}");
        }
    }

    #[test]
    fn numbers_are_written_with_the_decimals_asked_for() {
        assert_eq!(fixed(250_001_000_000, 2), "2500.01");
        assert_eq!(fixed(250_001_000_000, 8), "2500.01000000");
        assert_eq!(fixed(-1, 8), "-0.00000001");
        assert_eq!(fixed(-1, 2), "0.00", "no negative zero");
        assert_eq!(fixed(ONE, 0), "1");
        assert_eq!(short(0), "0");
        assert_eq!(short(150_000_000), "1.5");
        assert_eq!(short(-7 * ONE), "-7");
        assert_eq!(places_of(1_000_000), 2);
        assert_eq!(places_of(ONE), 0);
        assert_eq!(places_of(1), 8);
    }

    #[test]
    fn products_round_half_away_from_zero() {
        assert_eq!(mul(250_000_000_000, 100_000), 250_000_000);
        assert_eq!(mul_div(1, 1, 2), 1);
        assert_eq!(mul_div(-1, 1, 2), -1);
        assert_eq!(mul_div(1, 1, 3), 0);
        assert_eq!(mul_div(5, 5, 0), 0);
        assert_eq!(mul_div(i64::MAX, i64::MAX, 1), i64::MAX);
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(value in any::<i64>()) {
            prop_assume!(value != i64::MIN);
            prop_assert_eq!(parse(&short(value)), Ok(value));
            prop_assert_eq!(parse(&fixed(value, 8)), Ok(value));
        }
    }
}
