//! Owns the decoding of REST bodies (and of WebSocket-API results, which have the same shapes); knows
//! nothing of statuses or error codes, which `codes` judges first.
//!
//! `reference` reads what everybody may see, `trading` our orders and trades, `account` the account.

pub mod account;
pub mod reference;
pub mod trading;

use super::wire::Text;
use arrayvec::ArrayString;
use phoenix_core::event::Malformed;
use serde::Deserialize;
use std::fmt;

/// How many bytes of an unreadable body are kept for the log.
pub const EXCERPT_MAX: usize = 80;
/// Most rows of one answer that are taken; more is refused as too large.
pub const ROWS_MAX: usize = 10_000;

/// The first bytes of a body, made printable.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Excerpt(ArrayString<EXCERPT_MAX>);

impl Excerpt {
    fn of(body: &[u8]) -> Self {
        let mut text = ArrayString::new();
        for &byte in body {
            let c = if (0x20..0x7f).contains(&byte) {
                char::from(byte)
            } else {
                '·'
            };
            if text.try_push(c).is_err() {
                break;
            }
        }
        Self(text)
    }
}

impl fmt::Display for Excerpt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Excerpt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0.as_str())
    }
}

/// Why the body of a success could not be used.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BodyError {
    /// Nothing was sent.
    #[error("the body is empty")]
    Empty,
    /// A page for people, usually of a proxy or firewall.
    #[error("an HTML page instead of JSON, beginning `{0}`")]
    Html(Excerpt),
    /// Not JSON, or not of the expected shape, at this byte column.
    #[error("not the expected JSON at column {1}, beginning `{0}`")]
    Shape(Excerpt, usize),
    /// A field holds something that it cannot hold.
    #[error("the field `{0}` holds {1:?}")]
    Field(&'static str, Malformed),
    /// More rows than [`ROWS_MAX`].
    #[error("more than {ROWS_MAX} rows")]
    TooManyRows,
    /// About a symbol that we do not trade.
    #[error("about another symbol")]
    Symbol,
    /// The account does not hold the margin asset.
    #[error("the account has no entry for the margin asset")]
    NoMarginAsset,
    /// A position in hedge mode; only one-way mode can be traded.
    #[error("a position of hedge mode: the account is not in one-way mode")]
    HedgeMode,
    /// A 200 whose own code says no.
    #[error("the answer carries code {0}")]
    Code(i32),
}

/// Parses a body.
///
/// # Errors
/// `Empty`, `Html` or `Shape`.
pub(crate) fn parse<'de, T: Deserialize<'de>>(body: &'de [u8]) -> Result<T, BodyError> {
    let trimmed = body.trim_ascii();
    match trimmed.first() {
        None => return Err(BodyError::Empty),
        Some(b'<') => return Err(BodyError::Html(Excerpt::of(trimmed))),
        Some(_) => {}
    }
    serde_json::from_slice(trimmed).map_err(|e| BodyError::Shape(Excerpt::of(trimmed), e.column()))
}

/// Parses a list of at most [`ROWS_MAX`] rows.
pub(crate) fn rows<'de, T: Deserialize<'de>>(body: &'de [u8]) -> Result<Vec<T>, BodyError> {
    let rows: Vec<T> = parse(body)?;
    if rows.len() > ROWS_MAX {
        return Err(BodyError::TooManyRows);
    }
    Ok(rows)
}

/// Names the field of a number that could not be read.
fn field(name: &'static str) -> impl Fn(Malformed) -> BodyError {
    move |why| BodyError::Field(name, why)
}

#[derive(Deserialize)]
struct WireDone<'a> {
    code: Option<i32>,
    #[serde(borrow, default, rename = "msg")]
    _msg: Text<'a>,
}

/// Reads the answer to a request that returns nothing: `{}` or `{"code":200,"msg":"success"}`.
///
/// # Errors
/// As [`BodyError`]; `Code` for another code than 200.
pub fn done(body: &[u8]) -> Result<(), BodyError> {
    let wire: WireDone<'_> = parse(body)?;
    match wire.code {
        None | Some(200) => Ok(()),
        Some(other) => Err(BodyError::Code(other)),
    }
}

#[cfg(test)]
mod tests;
