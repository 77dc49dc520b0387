//! Owns the fast path for the four hot market messages; knows nothing of any other JSON.
//!
//! It reads the exchange's own spelling only: no blanks, no escapes, no repeated or unknown nested
//! fields, `e` first. Whatever else it meets, a fault included, it gives up without a verdict, and
//! `market` reads the message again with a real JSON parser. So it may only ever be faster, never
//! different; `market`'s tests compare the two on damaged frames.

use super::LEVELS_MAX;
use super::market::{Book, Frame, Levels};
use crate::binance::contracts::{Contract, Contracts};
use crate::binance::decimal::{Digits, digits};
use crate::binance::routes::{Feed, stream_name};
use phoenix_core::event::{BookTicker, Level, MarkPrice, Trade};
use phoenix_core::units::{Lots, Price8, Ratio, Side, Ticks, Wall};

/// Reads one hot message; `None` when it is anything but the plain form of one.
pub(super) fn scan(contracts: &Contracts, bytes: &[u8], levels: &mut Levels) -> Option<Frame> {
    let mut cursor = Cursor { bytes, at: 0 };
    if !cursor.ate(b"{\"stream\":\"") {
        let frame = payload(&mut cursor, contracts, levels, Book::Diff)?;
        return cursor.is_at_end().then_some(frame);
    }
    let book = match stream_name(cursor.string()?).feed {
        Feed::PartialDepth => Book::Partial,
        Feed::Depth | Feed::BookTicker | Feed::Trade | Feed::AggTrade | Feed::Mark => Book::Diff,
        Feed::RpiDepth | Feed::ContractInfo | Feed::OtherPublic | Feed::OtherMarket => return None,
    };
    cursor.eat(b",\"data\":")?;
    let frame = payload(&mut cursor, contracts, levels, book)?;
    cursor.eat(b"}")?;
    cursor.is_at_end().then_some(frame)
}

fn payload(
    cursor: &mut Cursor<'_>,
    contracts: &Contracts,
    levels: &mut Levels,
    book: Book,
) -> Option<Frame> {
    cursor.eat(b"{\"e\":\"")?;
    match cursor.string()? {
        b"depthUpdate" => depth(cursor, contracts, levels, book),
        b"bookTicker" => book_ticker(cursor, contracts),
        b"aggTrade" => trade(cursor, contracts, b'a'),
        b"trade" => trade(cursor, contracts, b't'),
        b"markPriceUpdate" => mark(cursor, contracts),
        _ => None,
    }
}

/// Remembers which single-letter fields were seen, so that a repeated one is noticed.
#[derive(Default)]
struct Seen(u64);

impl Seen {
    fn first(&mut self, letter: u8) -> Option<()> {
        let bit = 1u64 << (letter & 63);
        if self.0 & bit != 0 {
            return None;
        }
        self.0 |= bit;
        Some(())
    }
    fn all(&self, letters: &[u8]) -> bool {
        letters.iter().all(|l| self.0 & (1u64 << (l & 63)) != 0)
    }
}

/// Marks in [`Seen`] for the fields with two letters; no field is called by these bytes.
const PREVIOUS: u8 = b'@';

fn depth(
    cursor: &mut Cursor<'_>,
    contracts: &Contracts,
    levels: &mut Levels,
    book: Book,
) -> Option<Frame> {
    let mut seen = Seen::default();
    let (mut event_time, mut transact_time) = (0, 0);
    let (mut first_id, mut last_id, mut prev_id) = (0, 0, 0);
    let mut contract: Option<&Contract> = None;
    while cursor.next_field()? {
        match cursor.key()? {
            Key::One(letter) => {
                seen.first(letter)?;
                match letter {
                    b'E' => event_time = cursor.int()?,
                    b'T' => transact_time = cursor.int()?,
                    b's' => contract = Some(contracts.by_name(cursor.text()?)?),
                    b'U' => first_id = cursor.int()?,
                    b'u' => last_id = cursor.int()?,
                    b'b' => cursor.levels(contract?, &mut levels.bids)?,
                    b'a' => cursor.levels(contract?, &mut levels.asks)?,
                    b'e' => return None,
                    _ => cursor.skip_scalar()?,
                }
            }
            Key::Two(b"pu") => {
                seen.first(PREVIOUS)?;
                prev_id = cursor.int()?;
            }
            Key::Two(_) => cursor.skip_scalar()?,
        }
    }
    let known = seen.all(b"ETsUuba") && seen.all(&[PREVIOUS]);
    known.then_some(())?;
    Some(Frame::Depth {
        symbol: contract?.id,
        book,
        first_id,
        last_id,
        prev_id,
        event_time: Wall::from_millis(event_time),
        transact_time: Wall::from_millis(transact_time),
    })
}

fn book_ticker(cursor: &mut Cursor<'_>, contracts: &Contracts) -> Option<Frame> {
    let mut seen = Seen::default();
    let (mut update_id, mut event_time) = (0, 0);
    let mut contract: Option<&Contract> = None;
    let none = Level {
        price: Ticks::ZERO,
        size: Lots::ZERO,
    };
    let (mut bid, mut ask) = (none, none);
    while cursor.next_field()? {
        match cursor.key()? {
            Key::One(letter) => {
                seen.first(letter)?;
                match letter {
                    b'u' => update_id = cursor.int()?,
                    b'E' => event_time = cursor.int()?,
                    b's' => contract = Some(contracts.by_name(cursor.text()?)?),
                    b'b' => bid.price = cursor.ticks(contract?)?,
                    b'B' => bid.size = cursor.lots(contract?)?,
                    b'a' => ask.price = cursor.ticks(contract?)?,
                    b'A' => ask.size = cursor.lots(contract?)?,
                    b'e' => return None,
                    _ => cursor.skip_scalar()?,
                }
            }
            Key::Two(_) => cursor.skip_scalar()?,
        }
    }
    seen.all(b"uEsbBaA").then_some(())?;
    let ticker = BookTicker {
        update_id,
        event_time: Wall::from_millis(event_time),
        bid,
        ask,
    };
    Some(Frame::BookTicker(contract?.id, ticker))
}

fn trade(cursor: &mut Cursor<'_>, contracts: &Contracts, id_letter: u8) -> Option<Frame> {
    let mut seen = Seen::default();
    let (mut id, mut event_time) = (0, 0);
    let mut contract: Option<&Contract> = None;
    let (mut price, mut size) = (Ticks::ZERO, Lots::ZERO);
    let mut aggressor = Side::Buy;
    while cursor.next_field()? {
        match cursor.key()? {
            Key::One(letter) => {
                seen.first(letter)?;
                match letter {
                    b'E' => event_time = cursor.int()?,
                    b's' => contract = Some(contracts.by_name(cursor.text()?)?),
                    b'p' => price = cursor.ticks(contract?)?,
                    b'q' => size = cursor.lots(contract?)?,
                    b'm' => {
                        aggressor = if cursor.bool()? {
                            Side::Sell
                        } else {
                            Side::Buy
                        }
                    }
                    b'X' => (cursor.text()? == b"MARKET").then_some(())?,
                    b'e' => return None,
                    other if other == id_letter => id = cursor.int()?,
                    _ => cursor.skip_scalar()?,
                }
            }
            Key::Two(_) => cursor.skip_scalar()?,
        }
    }
    seen.all(&[b'E', b's', b'p', b'q', b'm', id_letter])
        .then_some(())?;
    let trade = Trade {
        id,
        event_time: Wall::from_millis(event_time),
        price,
        size,
        aggressor,
    };
    Some(Frame::Trade(contract?.id, trade))
}

fn mark(cursor: &mut Cursor<'_>, contracts: &Contracts) -> Option<Frame> {
    let mut seen = Seen::default();
    let (mut event_time, mut next_funding) = (0, 0);
    let mut contract: Option<&Contract> = None;
    let (mut mark, mut index, mut rate) = (0, 0, 0);
    while cursor.next_field()? {
        match cursor.key()? {
            Key::One(letter) => {
                seen.first(letter)?;
                match letter {
                    b'E' => event_time = cursor.int()?,
                    b'T' => next_funding = cursor.int()?,
                    b's' => contract = Some(contracts.by_name(cursor.text()?)?),
                    b'p' => mark = cursor.e8()?,
                    b'i' => index = cursor.e8()?,
                    b'r' => rate = cursor.e8()?,
                    b'e' => return None,
                    _ => cursor.skip_scalar()?,
                }
            }
            Key::Two(_) => cursor.skip_scalar()?,
        }
    }
    seen.all(b"ETspir").then_some(())?;
    let mark = MarkPrice {
        event_time: Wall::from_millis(event_time),
        mark: Price8(mark),
        index: Price8(index),
        funding_rate: Ratio(rate),
        next_funding: Wall::from_millis(next_funding),
    };
    Some(Frame::Mark(contract?.id, mark))
}

/// Name of a field: one letter, or two.
enum Key<'a> {
    One(u8),
    Two(&'a [u8]),
}

/// A position in the message. Every method gives `None` when the bytes are not what it reads.
struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    #[inline]
    fn is_at_end(&self) -> bool {
        self.at == self.bytes.len()
    }

    #[inline]
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    #[inline]
    fn ate(&mut self, expected: &[u8]) -> bool {
        let end = self.at + expected.len();
        let matches = self.bytes.get(self.at..end) == Some(expected);
        if matches {
            self.at = end;
        }
        matches
    }

    #[inline]
    fn eat(&mut self, expected: &[u8]) -> Option<()> {
        self.ate(expected).then_some(())
    }

    /// Plain ASCII up to the closing quote, whose opening one is already eaten.
    #[inline]
    fn string(&mut self) -> Option<&'a [u8]> {
        let rest = self.bytes.get(self.at..)?;
        let len = rest.iter().position(|b| *b == b'"')?;
        let text = rest.get(..len)?;
        let plain = text.iter().all(|b| (0x20..0x7f).contains(b) && *b != b'\\');
        self.at += len + 1;
        plain.then_some(text)
    }

    /// A quoted string.
    #[inline]
    fn text(&mut self) -> Option<&'a [u8]> {
        self.eat(b"\"")?;
        self.string()
    }

    /// Steps to the next field: `true` behind its comma, `false` behind the closing brace. The first
    /// field (`e`) has always been read before.
    #[inline]
    fn next_field(&mut self) -> Option<bool> {
        let byte = self.peek()?;
        self.at += 1;
        match byte {
            b',' => Some(true),
            b'}' => Some(false),
            _ => None,
        }
    }

    #[inline]
    fn key(&mut self) -> Option<Key<'a>> {
        let head = self.bytes.get(self.at..self.at + 5)?;
        match head {
            [b'"', letter, b'"', b':', _] if letter.is_ascii_alphabetic() => {
                self.at += 4;
                Some(Key::One(*letter))
            }
            [b'"', a, b, b'"', b':'] if a.is_ascii_alphabetic() && b.is_ascii_alphabetic() => {
                let name = head.get(1..3)?;
                self.at += 5;
                Some(Key::Two(name))
            }
            _ => None,
        }
    }

    /// An unsigned whole number below 10^16 without leading zeros (ids and times have 13 digits).
    #[inline]
    fn int(&mut self) -> Option<i64> {
        let start = self.at;
        let value = match self.int_fast() {
            Some(value) => value,
            None => self.int_slow()?,
        };
        let leading_zero = self.at - start > 1 && self.bytes.get(start) == Some(&b'0');
        let more_digits = self.peek().is_some_and(|b| b.is_ascii_digit());
        if leading_zero || more_digits {
            return None;
        }
        i64::try_from(value).ok()
    }

    /// With sixteen bytes to spare, and 1 to 7 or 9 to 16 digits.
    #[inline]
    fn int_fast(&mut self) -> Option<u64> {
        let (value, len) = self.run(self.at)?;
        if len < 8 {
            self.at += len;
            return Some(value);
        }
        let (low, more) = self.run(self.at + 8)?;
        self.at += 8 + more;
        Some(value * SHIFT.get(more)? + low)
    }

    fn int_slow(&mut self) -> Option<u64> {
        let rest = self.bytes.get(self.at..)?;
        let len = rest
            .iter()
            .take(16)
            .take_while(|b| b.is_ascii_digit())
            .count();
        self.at += len;
        let digits = rest.get(..len)?.iter();
        let value = digits.fold(0, |value, b| value * 10 + u64::from(b - b'0'));
        (len > 0).then_some(value)
    }

    #[inline]
    fn bool(&mut self) -> Option<bool> {
        if self.ate(b"true") {
            Some(true)
        } else {
            self.eat(b"false").map(|()| false)
        }
    }

    /// A value of no interest: plain text, a whole number, or a literal.
    fn skip_scalar(&mut self) -> Option<()> {
        match self.peek()? {
            b'"' => self.text().map(drop),
            b'0'..=b'9' => self.int().map(drop),
            b't' | b'f' => self.bool().map(drop),
            b'n' => self.eat(b"null"),
            _ => None,
        }
    }

    #[inline]
    fn word(&self, at: usize) -> Option<u64> {
        let chunk: &[u8; 8] = self.bytes.get(at..)?.first_chunk()?;
        Some(u64::from_le_bytes(*chunk))
    }

    /// Up to eight digits at `at` as a number, and how many there were.
    #[inline]
    fn run(&self, at: usize) -> Option<(u64, usize)> {
        let x = self.word(at)? ^ ZEROS;
        let len = (not_digits(x).trailing_zeros() / 8) as usize;
        if len == 0 {
            return None;
        }
        Some((eight_digits(x << (64 - 8 * len)), len))
    }

    /// Unsigned decimal text whose opening quote is already eaten.
    #[inline]
    fn number(&mut self) -> Option<Digits> {
        if let Some(number) = self.number_short() {
            return Some(number);
        }
        if let Some(number) = self.number_fast() {
            return Some(number);
        }
        digits(self.string()?).ok()
    }

    /// At most seven characters: they and the closing quote are one word, and where the next thing
    /// begins is known before the digits are.
    #[inline]
    fn number_short(&mut self) -> Option<Digits> {
        let word = self.word(self.at)?;
        let quotes = zero_bytes(word ^ QUOTES);
        let len = (quotes.trailing_zeros() / 8) as usize;
        if quotes == 0 || len == 0 {
            return None;
        }
        let x = word ^ ZEROS;
        // Bits below the quote.
        let inside = (1u64 << (8 * len)) - 1;
        let others = not_digits(x) & inside;
        if others == 0 {
            self.at += len + 1;
            return Some(Digits {
                digits: eight_digits(x << (64 - 8 * len)),
                scale: 0,
            });
        }
        let point = (others.trailing_zeros() / 8) as usize;
        let one = others & (others - 1) == 0;
        let between_digits = point > 0 && point + 1 < len;
        if !one || !between_digits || (word >> (8 * point)) & 0xff != u64::from(b'.') {
            return None;
        }
        let whole = (1u64 << (8 * point)) - 1;
        let joined = (x & whole) | ((x >> 8) & !whole);
        self.at += len + 1;
        Some(Digits {
            digits: eight_digits(joined << (64 - 8 * (len - 1))),
            scale: (len - 1 - point) as u8,
        })
    }

    /// At most 7 digits before and 8 behind the point, with eight bytes to spare.
    #[inline]
    fn number_fast(&mut self) -> Option<Digits> {
        let (whole, len) = self.run(self.at)?;
        let point = self.at + len;
        match self.bytes.get(point)? {
            b'.' if len < 8 => {
                let (fraction, scale) = self.run(point + 1)?;
                let end = point + 1 + scale;
                if self.bytes.get(end) != Some(&b'"') {
                    return None;
                }
                self.at = end + 1;
                Some(Digits {
                    digits: whole * SHIFT.get(scale)? + fraction,
                    scale: scale as u8,
                })
            }
            b'"' => {
                self.at = point + 1;
                Some(Digits {
                    digits: whole,
                    scale: 0,
                })
            }
            _ => None,
        }
    }

    #[inline]
    fn ticks(&mut self, contract: &Contract) -> Option<Ticks> {
        self.eat(b"\"")?;
        contract.price.units(self.number()?).ok().map(Ticks)
    }

    #[inline]
    fn lots(&mut self, contract: &Contract) -> Option<Lots> {
        self.eat(b"\"")?;
        contract.size.units(self.number()?).ok().map(Lots)
    }

    /// Quoted text of a price or rate with full precision; may be negative.
    fn e8(&mut self) -> Option<i64> {
        crate::binance::decimal::e8_towards_zero(self.text()?).ok()
    }

    fn levels(&mut self, contract: &Contract, out: &mut Vec<Level>) -> Option<()> {
        out.clear();
        if self.ate(b"[]") {
            return Some(());
        }
        let (prices, sizes) = (contract.price, contract.size);
        self.eat(b"[[\"")?;
        loop {
            let price = prices.units(self.number()?).ok()?;
            self.eat(b",\"")?;
            let size = sizes.units(self.number()?).ok()?;
            if out.len() == LEVELS_MAX {
                return None;
            }
            out.push(Level {
                price: Ticks(price),
                size: Lots(size),
            });
            if !self.ate(b"],[\"") {
                return self.eat(b"]]");
            }
        }
    }
}

/// Eight times `0`.
const ZEROS: u64 = 0x3030_3030_3030_3030;
/// Eight times `"`.
const QUOTES: u64 = 0x2222_2222_2222_2222;
const LOW_BITS: u64 = 0x7f7f_7f7f_7f7f_7f7f;
const HIGH_BITS: u64 = 0x8080_8080_8080_8080;

/// The high bit of each byte that is above 9. The low seven bits cannot carry over.
#[inline]
const fn not_digits(x: u64) -> u64 {
    (((x & LOW_BITS) + 0x7676_7676_7676_7676) | x) & HIGH_BITS
}

/// The high bit of each byte that is zero.
#[inline]
const fn zero_bytes(x: u64) -> u64 {
    !(((x & LOW_BITS) + LOW_BITS) | x) & HIGH_BITS
}

/// The number of eight digit values, the first in the lowest byte.
#[inline]
const fn eight_digits(x: u64) -> u64 {
    let pairs = x.wrapping_mul(10).wrapping_add(x >> 8);
    let low = (pairs & 0x0000_00ff_0000_00ff).wrapping_mul(0x000f_4240_0000_0064);
    let high = ((pairs >> 16) & 0x0000_00ff_0000_00ff).wrapping_mul(0x0000_2710_0000_0001);
    low.wrapping_add(high) >> 32
}

/// What shifts a number left by so many digits.
const SHIFT: [u64; 9] = [
    1,
    10,
    100,
    1_000,
    10_000,
    100_000,
    1_000_000,
    10_000_000,
    100_000_000,
];

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Option<Digits> {
        let padded = format!("{text}\"________");
        let mut cursor = Cursor {
            bytes: padded.as_bytes(),
            at: 0,
        };
        let number = cursor.number()?;
        assert_eq!(cursor.at, text.len() + 1, "{text}");
        Some(number)
    }

    #[test]
    fn eight_bytes_at_once_read_what_one_by_one_reads() {
        let mut seed: u64 = 7;
        for _ in 0..200_000 {
            seed = seed
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let whole = (seed >> 33) % 10u64.pow((seed >> 20) as u32 % 10);
            let fraction = (seed >> 13) % 10u64.pow((seed >> 50) as u32 % 9);
            for text in [
                format!("{whole}"),
                format!("{whole}.{fraction}"),
                format!("{whole}.000{fraction}"),
            ] {
                assert_eq!(number(&text), digits(text.as_bytes()).ok(), "{text}");
            }
        }
    }

    #[test]
    fn text_that_is_no_number_is_left_to_the_parser() {
        for text in [
            "",
            ".",
            "1.",
            ".1",
            "-1",
            "1e5",
            "1.2.3",
            "12a",
            "1 ",
            "123456789.",
            "/",
            ":",
        ] {
            assert_eq!(number(text), None, "{text}");
        }
    }

    #[test]
    fn numbers_at_the_very_end_of_the_message_are_read_too() {
        let mut cursor = Cursor {
            bytes: b"1.25\"",
            at: 0,
        };
        let expected = Digits {
            digits: 125,
            scale: 2,
        };
        assert_eq!(cursor.number(), Some(expected));
        assert!(cursor.is_at_end());
    }

    #[test]
    fn whole_numbers_are_json_numbers() {
        for (text, value) in [
            ("0,------", Some(0)),
            ("17,------", Some(17)),
            ("12345678,-------", Some(12_345_678)),
            ("123456789,------", Some(123_456_789)),
            ("1234567890123456,------", Some(1_234_567_890_123_456)),
            ("12345678901234567,------", None),
            ("01,-------------", None),
            ("17", Some(17)),
            ("01,", None),
            ("-1,", None),
            (",", None),
            ("", None),
        ] {
            let mut cursor = Cursor {
                bytes: text.as_bytes(),
                at: 0,
            };
            assert_eq!(cursor.int(), value, "{text}");
        }
    }
}
