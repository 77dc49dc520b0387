//! Owns the reading of bytes as decisions, so that any input is a legal scenario; knows nothing of what is decided.

/// Bytes not used yet. Behind the end everything is zero.
#[derive(Clone, Debug)]
pub struct Input<'a> {
    rest: &'a [u8],
}

impl<'a> Input<'a> {
    /// All of `bytes`.
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Whether nothing is left.
    pub const fn is_over(&self) -> bool {
        self.rest.is_empty()
    }

    /// The next byte.
    pub const fn byte(&mut self) -> u8 {
        match self.rest {
            [first, rest @ ..] => {
                self.rest = rest;
                *first
            }
            [] => 0,
        }
    }

    /// A number below `n`, which is above zero.
    pub const fn below(&mut self, n: u8) -> u8 {
        self.byte() % n
    }

    /// Whether the next byte is even.
    pub const fn is_even(&mut self) -> bool {
        self.byte().is_multiple_of(2)
    }

    /// One of `all`, which is not empty.
    pub fn pick<T: Copy>(&mut self, all: &[T]) -> T {
        let at = usize::from(self.byte()) % all.len();
        *all.get(at).expect("a remainder is below the length")
    }

    /// Two bytes, from 0.
    pub const fn word(&mut self) -> i64 {
        let high = self.byte() as i64;
        high * 256 + self.byte() as i64
    }

    /// A small signed number, around zero.
    pub const fn small(&mut self) -> i64 {
        self.byte().cast_signed() as i64
    }

    /// Any number within ±`max`: mostly small ones, with the ends of the range among them.
    pub fn number(&mut self, max: i64) -> i64 {
        let value = match self.byte() {
            0..=127 => self.small(),
            128..=191 => self.word() - 32_768,
            192..=223 => self.word() * 65_536 + self.word(),
            224..=239 => {
                let high = self.word() * 65_536 + self.word();
                (high << 32).wrapping_add(self.word() * 65_536 + self.word())
            }
            240..=247 => max,
            248..=255 => -max,
        };
        value.clamp(-max, max)
    }
}
