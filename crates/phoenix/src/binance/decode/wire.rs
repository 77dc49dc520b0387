//! Owns the JSON types that the exchange writes in more than one way; knows nothing of their meaning.

use phoenix_core::event::Malformed;
use serde::de::{Deserialize, Deserializer, Error, Visitor};
use std::borrow::Cow;
use std::fmt;

/// Text that borrows from the message unless it holds an escape; a whole number is taken by its digits,
/// because some fields come as either. A number with a fraction is refused: it would have gone through
/// `f64`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Text<'a>(pub Cow<'a, str>);

impl Text<'_> {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
    /// The text as bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Text<'de>;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text or a whole number")
    }
    fn visit_borrowed_str<E: Error>(self, v: &'de str) -> Result<Self::Value, E> {
        Ok(Text(Cow::Borrowed(v)))
    }
    fn visit_str<E: Error>(self, v: &str) -> Result<Self::Value, E> {
        Ok(Text(Cow::Owned(v.to_owned())))
    }
    fn visit_i64<E: Error>(self, v: i64) -> Result<Self::Value, E> {
        Ok(Text(Cow::Owned(v.to_string())))
    }
    fn visit_u64<E: Error>(self, v: u64) -> Result<Self::Value, E> {
        Ok(Text(Cow::Owned(v.to_string())))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_any(TextVisitor)
    }
}

/// A whole number that may come as text; empty text is 0.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Whole(pub i64);

struct WholeVisitor;

impl Visitor<'_> for WholeVisitor {
    type Value = Whole;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a whole number")
    }
    fn visit_i64<E: Error>(self, v: i64) -> Result<Whole, E> {
        Ok(Whole(v))
    }
    fn visit_u64<E: Error>(self, v: u64) -> Result<Whole, E> {
        i64::try_from(v).map(Whole).map_err(E::custom)
    }
    fn visit_str<E: Error>(self, v: &str) -> Result<Whole, E> {
        if v.is_empty() {
            return Ok(Whole(0));
        }
        v.parse().map(Whole).map_err(E::custom)
    }
}

impl<'de> Deserialize<'de> for Whole {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_any(WholeVisitor)
    }
}

/// A yes or no that may come as text.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Flag(pub bool);

struct FlagVisitor;

impl Visitor<'_> for FlagVisitor {
    type Value = Flag;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("true or false")
    }
    fn visit_bool<E: Error>(self, v: bool) -> Result<Flag, E> {
        Ok(Flag(v))
    }
    fn visit_str<E: Error>(self, v: &str) -> Result<Flag, E> {
        match v {
            "true" | "TRUE" => Ok(Flag(true)),
            "false" | "FALSE" => Ok(Flag(false)),
            _ => Err(E::custom("neither true nor false")),
        }
    }
}

impl<'de> Deserialize<'de> for Flag {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_any(FlagVisitor)
    }
}

/// Parses one JSON value of the whole input.
///
/// # Errors
/// `Shape` for anything else.
pub fn json<'de, T: Deserialize<'de>>(bytes: &'de [u8]) -> Result<T, Malformed> {
    serde_json::from_slice(bytes).map_err(|_| Malformed::Shape)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_that_come_in_two_ways_are_read_in_both() {
        assert_eq!(json::<Whole>(b"7"), Ok(Whole(7)));
        assert_eq!(json::<Whole>(br#""7""#), Ok(Whole(7)));
        assert_eq!(json::<Whole>(br#""""#), Ok(Whole(0)));
        assert_eq!(
            json::<Whole>(b"18446744073709551615"),
            Err(Malformed::Shape)
        );
        assert_eq!(json::<Whole>(b"1.5"), Err(Malformed::Shape));
        assert_eq!(json::<Flag>(br#""false""#), Ok(Flag(false)));
        assert_eq!(json::<Flag>(b"true"), Ok(Flag(true)));
        assert_eq!(json::<Flag>(br#""yes""#), Err(Malformed::Shape));
        assert_eq!(
            json::<Text>(br#""a\/b""#).map(|t| t.as_str().to_owned()),
            Ok("a/b".into())
        );
        assert_eq!(json::<Text>(b"1.5"), Err(Malformed::Shape));
        assert_eq!(
            json::<Text>(b"12").map(|t| t.as_str().to_owned()),
            Ok("12".into())
        );
    }

    #[test]
    fn plain_text_is_borrowed() {
        let text: Text<'_> = json(br#""ETHUSDC""#).expect("text");
        assert!(matches!(text.0, Cow::Borrowed("ETHUSDC")));
    }
}
