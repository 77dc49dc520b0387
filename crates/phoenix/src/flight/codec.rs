//! Owns how values become bytes and values again: short integers, instants as distances from the event's own; does
//! not know what the values mean.
//!
//! Input is never trusted: whatever the bytes are, decoding gives a value or [`Bad`].

pub mod asked;
pub mod event;
mod market;
mod terms;

use phoenix_core::engine::SYMBOLS_MAX;
use phoenix_core::instrument::SymbolId;
use phoenix_core::units::{Mono, Now, Wall};

/// Instants of the exchange are whole milliseconds.
const MILLI: i64 = 1_000_000;

/// Bytes that are no value of the type asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bad;

/// What market data said of a symbol last: ids and prices are written as their distance from these.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Last {
    /// Update id of the book.
    pub update_id: i64,
    /// Trade id.
    pub trade_id: i64,
    /// Price, ticks.
    pub price: i64,
}

/// The same of every symbol; writer and reader keep it alike, from the beginning of a segment on.
#[derive(Debug)]
pub(super) struct Memory([Last; SYMBOLS_MAX]);

impl Default for Memory {
    fn default() -> Self {
        Self([Last::default(); SYMBOLS_MAX])
    }
}

impl Memory {
    /// Symbols beyond the engine's bound share a place, which costs bytes and nothing else.
    #[inline]
    pub(super) fn of(&mut self, symbol: SymbolId) -> &mut Last {
        &mut self.0[usize::from(symbol.0) % SYMBOLS_MAX]
    }
}

/// Where values are written.
#[derive(Debug, Default)]
pub struct Sink {
    /// What was written.
    pub bytes: Vec<u8>,
    /// Instants are written as their distance from this one.
    pub now: Now,
    pub(super) memory: Memory,
}

impl Sink {
    /// Begins anew in `bytes`, whose contents are forgotten.
    #[must_use]
    pub fn reusing(mut bytes: Vec<u8>) -> Self {
        bytes.clear();
        Self {
            bytes,
            ..Self::default()
        }
    }

    #[inline]
    pub(super) fn byte(&mut self, byte: u8) {
        self.bytes.push(byte);
    }

    /// Seven bits a byte, the lowest first.
    #[inline]
    pub(super) fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.bytes.push((value as u8) | 0x80);
            value >>= 7;
        }
        self.bytes.push(value as u8);
    }

    /// Numbers near zero are short, whatever their sign.
    #[inline]
    pub(super) fn signed(&mut self, value: i64) {
        self.varint(((value << 1) ^ (value >> 63)).cast_unsigned());
    }

    /// A list with its length.
    pub(super) fn list<T: Code>(&mut self, items: &[T]) {
        self.varint(items.len() as u64);
        items.iter().for_each(|item| item.encode(self));
    }
}

/// Where values are read.
#[derive(Debug)]
pub struct Input<'a> {
    bytes: &'a [u8],
    /// Instants are distances from this one.
    pub now: Now,
    pub(super) memory: Memory,
}

impl<'a> Input<'a> {
    /// Reads from the beginning.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            now: Now::default(),
            memory: Memory::default(),
        }
    }

    /// Whether everything was read.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    pub(super) fn byte(&mut self) -> Result<u8, Bad> {
        let (first, rest) = self.bytes.split_first().ok_or(Bad)?;
        self.bytes = rest;
        Ok(*first)
    }

    pub(super) fn take(&mut self, length: usize) -> Result<&'a [u8], Bad> {
        let (taken, rest) = self.bytes.split_at_checked(length).ok_or(Bad)?;
        self.bytes = rest;
        Ok(taken)
    }

    pub(super) fn varint(&mut self) -> Result<u64, Bad> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            let shifted = bits << shift;
            if shifted >> shift != bits {
                return Err(Bad);
            }
            value |= shifted;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(Bad)
    }

    pub(super) fn signed(&mut self) -> Result<i64, Bad> {
        let value = self.varint()?;
        Ok((value >> 1).cast_signed() ^ -((value & 1).cast_signed()))
    }

    /// The length of a list whose items have at least one byte each: no more memory is asked for than the input is long.
    pub(super) fn length(&mut self) -> Result<usize, Bad> {
        let length = usize::try_from(self.varint()?).map_err(|_| Bad)?;
        (length <= self.bytes.len()).then_some(length).ok_or(Bad)
    }

    /// A list, in place of what `items` held.
    pub(super) fn list<'b, T: Code>(&mut self, items: &'b mut Vec<T>) -> Result<&'b [T], Bad> {
        items.clear();
        for _ in 0..self.length()? {
            items.push(T::decode(self)?);
        }
        Ok(items)
    }
}

/// A value that can be written and read.
pub trait Code: Sized {
    /// Appends it.
    fn encode(&self, out: &mut Sink);

    /// Reads one.
    ///
    /// # Errors
    /// [`Bad`]
    fn decode(input: &mut Input<'_>) -> Result<Self, Bad>;
}

impl Code for i64 {
    #[inline]
    fn encode(&self, out: &mut Sink) {
        out.signed(*self);
    }
    fn decode(input: &mut Input<'_>) -> Result<Self, Bad> {
        input.signed()
    }
}

impl Code for u64 {
    #[inline]
    fn encode(&self, out: &mut Sink) {
        out.varint(*self);
    }
    fn decode(input: &mut Input<'_>) -> Result<Self, Bad> {
        input.varint()
    }
}

macro_rules! small_integers {
    ($($name:ty as $wide:ty),*) => {$(
        impl Code for $name {
            #[inline]
            fn encode(&self, out: &mut Sink) {
                <$wide>::from(*self).encode(out);
            }
            fn decode(input: &mut Input<'_>) -> Result<Self, Bad> {
                Self::try_from(<$wide>::decode(input)?).map_err(|_| Bad)
            }
        }
    )*};
}

small_integers!(u16 as u64, u32 as u64, i32 as i64);

impl Code for bool {
    fn encode(&self, out: &mut Sink) {
        out.byte(u8::from(*self));
    }
    fn decode(input: &mut Input<'_>) -> Result<Self, Bad> {
        match input.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Bad),
        }
    }
}

/// Its bits, so that it is the same number in every respect.
impl Code for f64 {
    fn encode(&self, out: &mut Sink) {
        out.bytes.extend_from_slice(&self.to_bits().to_le_bytes());
    }
    fn decode(input: &mut Input<'_>) -> Result<Self, Bad> {
        let bytes = input.take(8)?.try_into().map_err(|_| Bad)?;
        Ok(Self::from_bits(u64::from_le_bytes(bytes)))
    }
}

impl Code for () {
    fn encode(&self, _: &mut Sink) {}
    fn decode(_: &mut Input<'_>) -> Result<Self, Bad> {
        Ok(())
    }
}

impl Code for String {
    fn encode(&self, out: &mut Sink) {
        out.varint(self.len() as u64);
        out.bytes.extend_from_slice(self.as_bytes());
    }
    fn decode(input: &mut Input<'_>) -> Result<Self, Bad> {
        let length = input.length()?;
        let text = std::str::from_utf8(input.take(length)?).map_err(|_| Bad)?;
        Ok(text.to_owned())
    }
}

impl<T: Code> Code for Option<T> {
    fn encode(&self, out: &mut Sink) {
        match self {
            None => out.byte(0),
            Some(value) => {
                out.byte(1);
                value.encode(out);
            }
        }
    }
    fn decode(input: &mut Input<'_>) -> Result<Self, Bad> {
        match input.byte()? {
            0 => Ok(None),
            1 => Ok(Some(T::decode(input)?)),
            _ => Err(Bad),
        }
    }
}

impl<A: Code, B: Code> Code for (A, B) {
    fn encode(&self, out: &mut Sink) {
        self.0.encode(out);
        self.1.encode(out);
    }
    fn decode(input: &mut Input<'_>) -> Result<Self, Bad> {
        Ok((A::decode(input)?, B::decode(input)?))
    }
}

impl Code for Mono {
    #[inline]
    fn encode(&self, out: &mut Sink) {
        out.signed(self.0.wrapping_sub(out.now.mono.0));
    }
    fn decode(input: &mut Input<'_>) -> Result<Self, Bad> {
        Ok(Self(input.now.mono.0.wrapping_add(input.signed()?)))
    }
}

/// Whole milliseconds near the event's own instant are even numbers; anything else follows a one.
impl Code for Wall {
    #[inline]
    fn encode(&self, out: &mut Sink) {
        let (own, now) = (self.0.div_euclid(MILLI), out.now.wall.0.div_euclid(MILLI));
        match i32::try_from(own.wrapping_sub(now)) {
            Ok(distance) if self.0.rem_euclid(MILLI) == 0 => {
                let distance = i64::from(distance);
                out.varint(((distance << 1) ^ (distance >> 63)).cast_unsigned() << 1);
            }
            Ok(_) | Err(_) => {
                out.varint(1);
                out.signed(self.0.wrapping_sub(out.now.wall.0));
            }
        }
    }
    fn decode(input: &mut Input<'_>) -> Result<Self, Bad> {
        let first = input.varint()?;
        if first == 1 {
            return Ok(Self(input.now.wall.0.wrapping_add(input.signed()?)));
        }
        let folded = first >> 1;
        let distance = (folded >> 1).cast_signed() ^ -((folded & 1).cast_signed());
        let now = input.now.wall.0.div_euclid(MILLI);
        let milli = now.checked_add(distance).ok_or(Bad)?;
        (first & 1 == 0)
            .then(|| milli.checked_mul(MILLI).map(Self))
            .flatten()
            .ok_or(Bad)
    }
}

impl Sink {
    /// The instant of an entry: the way from the one before, and what the wall clock did beside the monotonic one. It
    /// becomes the instant that others are measured from.
    #[inline]
    pub(super) fn instant(&mut self, now: Now) {
        let mono = now.mono.0.wrapping_sub(self.now.mono.0);
        let wall = now.wall.0.wrapping_sub(self.now.wall.0);
        self.signed(mono);
        self.signed(wall.wrapping_sub(mono));
        self.now = now;
    }
}

impl Input<'_> {
    pub(super) fn instant(&mut self) -> Result<Now, Bad> {
        let mono = self.signed()?;
        let wall = self.signed()?.wrapping_add(mono);
        self.now = Now {
            mono: Mono(self.now.mono.0.wrapping_add(mono)),
            wall: Wall(self.now.wall.0.wrapping_add(wall)),
        };
        Ok(self.now)
    }
}

/// Both directions of a type. A field or variant that is missing, or one too many, does not compile.
macro_rules! codec {
    (number $($name:ty),* $(,)?) => {$(
        impl $crate::flight::codec::Code for $name {
            #[inline]
            fn encode(&self, out: &mut $crate::flight::codec::Sink) {
                let Self(raw) = self;
                raw.encode(out);
            }
            fn decode(
                input: &mut $crate::flight::codec::Input<'_>,
            ) -> Result<Self, $crate::flight::codec::Bad> {
                Ok(Self($crate::flight::codec::Code::decode(input)?))
            }
        }
    )*};
    (struct $name:ty { $($field:ident),* $(,)? }) => {
        impl $crate::flight::codec::Code for $name {
            #[inline]
            fn encode(&self, out: &mut $crate::flight::codec::Sink) {
                let Self { $($field),* } = self;
                $($field.encode(out);)*
            }
            fn decode(
                input: &mut $crate::flight::codec::Input<'_>,
            ) -> Result<Self, $crate::flight::codec::Bad> {
                Ok(Self { $($field: $crate::flight::codec::Code::decode(input)?),* })
            }
        }
    };
    (enum $name:ty {
        $($tag:literal => $variant:ident $(($($arg:ident),+))? $({$($field:ident),+})?),* $(,)?
    }) => {
        impl $crate::flight::codec::Code for $name {
            fn encode(&self, out: &mut $crate::flight::codec::Sink) {
                match self {
                    $(Self::$variant $(($($arg),+))? $({$($field),+})? => {
                        out.byte($tag);
                        $($($arg.encode(out);)+)?
                        $($($field.encode(out);)+)?
                    })*
                }
            }
            fn decode(
                input: &mut $crate::flight::codec::Input<'_>,
            ) -> Result<Self, $crate::flight::codec::Bad> {
                Ok(match input.byte()? {
                    $($tag => {
                        $($(let $arg = $crate::flight::codec::Code::decode(input)?;)+)?
                        $($(let $field = $crate::flight::codec::Code::decode(input)?;)+)?
                        Self::$variant $(($($arg),+))? $({$($field),+})?
                    })*
                    _ => return Err($crate::flight::codec::Bad),
                })
            }
        }
    };
}
pub(crate) use codec;
