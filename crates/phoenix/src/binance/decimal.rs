//! Owns the exact step between decimal text and integers, in both directions; knows nothing of JSON,
//! symbols or orders.
//!
//! No `f64` is involved: a number that is not on its grid is reported, never rounded, except where a
//! function's name says that it rounds.

use phoenix_core::event::Malformed;
use phoenix_core::units::{E8, Price8, Quote, Ratio};

/// Powers of ten that fit `u64`.
const POW10: [u64; 20] = {
    let mut table = [1u64; 20];
    let mut i = 1;
    while i < 20 {
        table[i] = table[i - 1] * 10;
        i += 1;
    }
    table
};

/// An unsigned decimal number: `digits × 10^-scale`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Digits {
    /// All digits without the point.
    pub digits: u64,
    /// How many of them stand behind the point, 0..=19.
    pub scale: u8,
}

/// Reads `123`, `123.` + digits or `0.5`: digits with at most one point between digits; no sign, no
/// exponent, no blanks.
///
/// # Errors
/// `Shape` for any other text, `TooLarge` beyond `u64`.
pub fn digits(text: &[u8]) -> Result<Digits, Malformed> {
    let mut value: u64 = 0;
    let mut point: Option<usize> = None;
    for (at, &byte) in text.iter().enumerate() {
        match byte {
            b'0'..=b'9' => {
                value = value
                    .checked_mul(10)
                    .and_then(|v| v.checked_add(u64::from(byte - b'0')))
                    .ok_or(Malformed::TooLarge)?;
            }
            b'.' if point.is_none() && at > 0 => point = Some(at),
            _ => return Err(Malformed::Shape),
        }
    }
    let scale = match point {
        None if text.is_empty() => return Err(Malformed::Shape),
        None => 0,
        Some(at) => text.len() - at - 1,
    };
    if point.is_some() && scale == 0 {
        return Err(Malformed::Shape);
    }
    let scale = u8::try_from(scale).map_err(|_| Malformed::TooLarge)?;
    if scale > 19 {
        return Err(Malformed::TooLarge);
    }
    Ok(Digits {
        digits: value,
        scale,
    })
}

/// The grid of one quantity of one instrument: multiples of a unit of `unit_e8` × 1e-8.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Grid {
    /// Decimals of the canonical text.
    decimals: u8,
    /// The unit in `10^-decimals`.
    factor: u64,
    /// Most units whose value in 1e-8 still fits `i64`.
    units_max: u64,
}

impl Grid {
    /// The grid of a unit of `unit_e8` × 1e-8; `None` unless it is above zero.
    #[must_use]
    pub fn of(unit_e8: i64) -> Option<Self> {
        let mut factor = u64::try_from(unit_e8).ok().filter(|unit| *unit > 0)?;
        let units_max = i64::MAX.unsigned_abs() / factor;
        let mut decimals = 8;
        while decimals > 0 && factor.is_multiple_of(10) {
            factor /= 10;
            decimals -= 1;
        }
        Some(Self {
            decimals,
            factor,
            units_max,
        })
    }

    /// Decimals of the canonical text.
    #[must_use]
    pub const fn decimals(self) -> u8 {
        self.decimals
    }

    /// Whole units in `number`.
    ///
    /// # Errors
    /// `OffGrid` when it lies between two units, `TooLarge` when its value in 1e-8 exceeds `i64`.
    #[inline]
    pub fn units(self, number: Digits) -> Result<i64, Malformed> {
        let scaled = if number.scale == self.decimals {
            number.digits
        } else {
            self.rescaled(number)?
        };
        let units = if self.factor == 1 {
            scaled
        } else if scaled.is_multiple_of(self.factor) {
            scaled / self.factor
        } else {
            return Err(Malformed::OffGrid);
        };
        if units > self.units_max {
            return Err(Malformed::TooLarge);
        }
        i64::try_from(units).map_err(|_| Malformed::TooLarge)
    }

    fn rescaled(self, number: Digits) -> Result<u64, Malformed> {
        let gap = usize::from(number.scale.abs_diff(self.decimals));
        let power = POW10.get(gap).copied().ok_or(Malformed::TooLarge)?;
        if number.scale < self.decimals {
            number.digits.checked_mul(power).ok_or(Malformed::TooLarge)
        } else if number.digits.is_multiple_of(power) {
            Ok(number.digits / power)
        } else {
            Err(Malformed::OffGrid)
        }
    }

    /// Whole units in unsigned decimal text.
    ///
    /// # Errors
    /// As [`digits`] and [`Grid::units`].
    pub fn parse(self, text: &[u8]) -> Result<i64, Malformed> {
        self.units(digits(text)?)
    }

    /// Whole units in decimal text that may carry a minus sign (positions).
    ///
    /// # Errors
    /// As [`Grid::parse`].
    pub fn parse_signed(self, text: &[u8]) -> Result<i64, Malformed> {
        match text.strip_prefix(b"-") {
            Some(rest) => self.parse(rest).map(|units| -units),
            None => self.parse(text),
        }
    }

    /// Whole units in unsigned decimal text, rounded down to the grid; and whether that was exact.
    ///
    /// # Errors
    /// `Shape` and `TooLarge` as [`Grid::parse`].
    pub fn parse_floor(self, text: &[u8]) -> Result<(i64, bool), Malformed> {
        let number = digits(text)?;
        let exact = match self.units(number) {
            Ok(units) => return Ok((units, true)),
            Err(Malformed::OffGrid) => false,
            Err(other) => return Err(other),
        };
        let power = POW10
            .get(usize::from(number.scale.saturating_sub(self.decimals)))
            .copied()
            .ok_or(Malformed::TooLarge)?;
        let scaled = match self.rescaled(number) {
            Ok(scaled) => scaled,
            Err(Malformed::OffGrid) => number.digits / power,
            Err(other) => return Err(other),
        };
        let units = scaled / self.factor;
        if units > self.units_max {
            return Err(Malformed::TooLarge);
        }
        i64::try_from(units)
            .map(|units| (units, exact))
            .map_err(|_| Malformed::TooLarge)
    }

    /// Appends the canonical decimal text of `units`, exactly and with the grid's own number of decimals.
    pub fn write(self, units: i64, out: &mut Vec<u8>) {
        if units < 0 {
            out.push(b'-');
        }
        let power = POW10.get(usize::from(self.decimals)).copied().unwrap_or(1);
        let units = units.unsigned_abs();
        let mut buffer = itoa::Buffer::new();
        match units.checked_mul(self.factor) {
            Some(scaled) => self.write_parts(buffer.format(scaled / power), scaled % power, out),
            // Only beyond what `units` reads: 128 bits are several times slower.
            None => {
                let (scaled, power) = (
                    u128::from(units) * u128::from(self.factor),
                    u128::from(power),
                );
                let fraction = u64::try_from(scaled % power).unwrap_or(0);
                self.write_parts(buffer.format(scaled / power), fraction, out);
            }
        }
    }

    fn write_parts(self, whole: &str, fraction: u64, out: &mut Vec<u8>) {
        out.extend_from_slice(whole.as_bytes());
        if self.decimals > 0 {
            out.push(b'.');
            let mut buffer = itoa::Buffer::new();
            let fraction = buffer.format(fraction).as_bytes();
            let zeros = usize::from(self.decimals).saturating_sub(fraction.len());
            out.extend_from_slice(b"00000000".get(..zeros).unwrap_or_default());
            out.extend_from_slice(fraction);
        }
    }
}

/// Reads decimal text with optional sign and exponent (`-1.5`, `0E-8`) as 1e-8, rounded towards zero
/// where it is finer; for averages and money, whose text the exchange does not bound.
///
/// # Errors
/// `Shape` when it is not a number, `TooLarge` beyond `i64`.
pub fn e8_towards_zero(text: &[u8]) -> Result<i64, Malformed> {
    let (negative, text) = match text.strip_prefix(b"-") {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix(b"+").unwrap_or(text)),
    };
    let split = text.iter().position(|b| matches!(b, b'e' | b'E'));
    let (mantissa, exponent) = match split {
        None => (text, 0),
        Some(at) => (
            text.get(..at).unwrap_or_default(),
            exponent(text.get(at + 1..).unwrap_or_default())?,
        ),
    };
    let magnitude = mantissa_e8(mantissa, exponent)?;
    Ok(if negative { -magnitude } else { magnitude })
}

fn exponent(text: &[u8]) -> Result<i32, Malformed> {
    let text = text.strip_prefix(b"+").unwrap_or(text);
    core::str::from_utf8(text)
        .ok()
        .and_then(|s| s.parse::<i32>().ok())
        .filter(|e| (-64..=64).contains(e))
        .ok_or(Malformed::Shape)
}

/// Digits beyond the eighth decimal are read but dropped; a digit that still counts must fit.
fn mantissa_e8(text: &[u8], exponent: i32) -> Result<i64, Malformed> {
    let point = text.iter().position(|b| *b == b'.');
    let whole = point.unwrap_or(text.len());
    if whole == 0 || point == Some(text.len() - 1) {
        return Err(Malformed::Shape);
    }
    let mut value: i64 = 0;
    // Decimal place of the next digit, counted in units of 1e-8: the last whole digit stands at 8.
    let mut place =
        i64::try_from(whole).map_err(|_| Malformed::TooLarge)? + 7 + i64::from(exponent);
    for &byte in text {
        let digit = match byte {
            b'0'..=b'9' => i64::from(byte - b'0'),
            b'.' => continue,
            _ => return Err(Malformed::Shape),
        };
        if digit != 0 && place >= 0 {
            let weight = usize::try_from(place)
                .ok()
                .and_then(|p| POW10.get(p))
                .and_then(|w| i64::try_from(*w).ok())
                .ok_or(Malformed::TooLarge)?;
            value = digit
                .checked_mul(weight)
                .and_then(|v| value.checked_add(v))
                .ok_or(Malformed::TooLarge)?;
        }
        place -= 1;
    }
    if text.iter().filter(|b| **b == b'.').count() > 1 {
        return Err(Malformed::Shape);
    }
    Ok(value)
}

/// Money text as [`Quote`], rounded towards zero beyond 1e-8.
///
/// # Errors
/// As [`e8_towards_zero`].
pub fn quote(text: &[u8]) -> Result<Quote, Malformed> {
    e8_towards_zero(text).map(Quote)
}

/// Price text as [`Price8`], rounded towards zero beyond 1e-8.
///
/// # Errors
/// As [`e8_towards_zero`].
pub fn price8(text: &[u8]) -> Result<Price8, Malformed> {
    e8_towards_zero(text).map(Price8)
}

/// Ratio text as [`Ratio`], rounded towards zero beyond 1e-8.
///
/// # Errors
/// As [`e8_towards_zero`].
pub fn ratio(text: &[u8]) -> Result<Ratio, Malformed> {
    e8_towards_zero(text).map(Ratio)
}

/// Unsigned decimal text as exactly 1e-8 units, for tick and step sizes.
///
/// # Errors
/// `OffGrid` when it is finer than 1e-8; else as [`digits`].
pub fn e8_exact(text: &[u8]) -> Result<i64, Malformed> {
    Grid {
        decimals: 8,
        factor: 1,
        units_max: i64::MAX.unsigned_abs(),
    }
    .parse(text)
}

/// `1.0500` as 10_500: a multiple in 1e-4, for PERCENT_PRICE.
///
/// # Errors
/// As [`e8_towards_zero`].
pub fn e4(text: &[u8]) -> Result<i64, Malformed> {
    e8_towards_zero(text).map(|v| v / (E8 / 10_000))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(grid: Grid, units: i64) -> String {
        let mut out = Vec::new();
        grid.write(units, &mut out);
        String::from_utf8(out).expect("digits are ASCII")
    }

    #[test]
    fn text_on_the_grid_becomes_units_whatever_its_trailing_zeros() {
        let cent = Grid::of(1_000_000).expect("above zero");
        for (input, expected) in [
            ("2500.01", Ok(250_001)),
            ("2500.0100", Ok(250_001)),
            ("2500.1", Ok(250_010)),
            ("2500", Ok(250_000)),
            ("0", Ok(0)),
            ("0.00", Ok(0)),
            ("00.01", Ok(1)),
            ("2500.001", Err(Malformed::OffGrid)),
            ("", Err(Malformed::Shape)),
            (".5", Err(Malformed::Shape)),
            ("5.", Err(Malformed::Shape)),
            ("5.0.0", Err(Malformed::Shape)),
            ("-5", Err(Malformed::Shape)),
            ("5e3", Err(Malformed::Shape)),
            (" 5", Err(Malformed::Shape)),
            ("99999999999.00", Err(Malformed::TooLarge)),
            ("18446744073709551616", Err(Malformed::TooLarge)),
            ("1.00000000000000000000000", Err(Malformed::TooLarge)),
        ] {
            assert_eq!(cent.parse(input.as_bytes()), expected, "{input}");
        }
    }

    #[test]
    fn grids_that_are_no_power_of_ten_work() {
        let five = Grid::of(5_000_000).expect("above zero"); // 0.05
        assert_eq!(five.parse(b"1.15"), Ok(23));
        assert_eq!(five.parse(b"1.16"), Err(Malformed::OffGrid));
        assert_eq!(text(five, 23), "1.15");
        let ten = Grid::of(1_000_000_000).expect("above zero"); // 10
        assert_eq!(ten.parse(b"120"), Ok(12));
        assert_eq!(ten.parse(b"125"), Err(Malformed::OffGrid));
        assert_eq!(text(ten, 12), "120");
        assert_eq!(Grid::of(0), None);
        assert_eq!(Grid::of(-1), None);
    }

    #[test]
    fn floor_says_whether_it_was_exact() {
        let cent = Grid::of(1_000_000).expect("above zero");
        assert_eq!(cent.parse_floor(b"1.019"), Ok((101, false)));
        assert_eq!(cent.parse_floor(b"1.01"), Ok((101, true)));
        let five = Grid::of(5_000_000).expect("above zero");
        assert_eq!(five.parse_floor(b"1.19"), Ok((23, false)));
        assert_eq!(five.parse_floor(b"1.1999"), Ok((23, false)));
    }

    #[test]
    fn money_text_of_any_length_is_read_towards_zero() {
        for (input, expected) in [
            ("122624.12345678", Ok(12_262_412_345_678)),
            ("-1.166074", Ok(-116_607_400)),
            ("0E-8", Ok(0)),
            ("1.5E-7", Ok(15)),
            ("1.5e+2", Ok(15_000_000_000)),
            ("9.471428571428571428571", Ok(947_142_857)),
            ("-0.000000019", Ok(-1)),
            ("0", Ok(0)),
            ("00000000000000000000000001", Ok(100_000_000)),
            ("92233720368.54775807", Ok(i64::MAX)),
            ("92233720368.54775808", Err(Malformed::TooLarge)),
            ("1e60", Err(Malformed::TooLarge)),
            ("1e99999999999", Err(Malformed::Shape)),
            ("", Err(Malformed::Shape)),
            ("-", Err(Malformed::Shape)),
            ("1..2", Err(Malformed::Shape)),
            ("1.2.3", Err(Malformed::Shape)),
            ("NaN", Err(Malformed::Shape)),
            ("1e", Err(Malformed::Shape)),
        ] {
            assert_eq!(e8_towards_zero(input.as_bytes()), expected, "{input}");
        }
        assert_eq!(e4(b"1.0500"), Ok(10_500));
        assert_eq!(e8_exact(b"0.000000001"), Err(Malformed::OffGrid));
    }

    proptest! {
        #![proptest_config(crate::binance::seeded(2_000))]

        #[test]
        fn writing_and_reading_units_is_the_identity(
            unit in prop_oneof![
                Just(1i64), Just(10), Just(100_000), Just(1_000_000), Just(5_000_000), Just(25_000_000),
                Just(100_000_000), Just(1_000_000_000)
            ],
            raw in 0i64..=i64::MAX,
        ) {
            let grid = Grid::of(unit).expect("above zero");
            let units = raw / unit;
            prop_assert_eq!(grid.parse(text(grid, units).as_bytes()), Ok(units));
            prop_assert_eq!(grid.parse_signed(text(grid, -units).as_bytes()), Ok(-units));
        }

        #[test]
        fn no_text_makes_a_parser_panic(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let grid = Grid::of(1_000_000).expect("above zero");
            let _ = (grid.parse(&bytes), grid.parse_floor(&bytes), e8_towards_zero(&bytes), e4(&bytes));
        }

        #[test]
        fn number_like_text_never_panics_and_agrees_with_e8(text in "-?[0-9]{1,22}(\\.[0-9]{1,22})?") {
            let exact = Grid::of(1).expect("above zero").parse_signed(text.as_bytes());
            if let Ok(units) = exact {
                prop_assert_eq!(e8_towards_zero(text.as_bytes()), Ok(units));
            }
        }
    }
}
