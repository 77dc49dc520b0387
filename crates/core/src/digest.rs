//! Owns the hash by which two states are compared across runs and machines; knows nothing of what it hashes.

use core::hash::Hasher;

/// FNV-1a over 64-bit words (Fowler–Noll–Vo, 64-bit offset basis and prime), with a final mix so that
/// small integers differ in every bit. Not cryptographic: it finds divergence, it does not prove equality.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Digest(u64);

impl Default for Digest {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Digest {
    /// Adds one word; the order of words matters.
    #[inline]
    pub const fn word(&mut self, word: i64) {
        self.0 = (self.0 ^ word.cast_unsigned()).wrapping_mul(0x0000_0100_0000_01b3);
        self.0 ^= self.0 >> 29;
    }

    /// The hash of the words so far.
    #[inline]
    #[must_use]
    pub const fn finish(self) -> u64 {
        let mixed = (self.0 ^ (self.0 >> 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        mixed ^ (mixed >> 29)
    }
}

/// So that a state can be added with `#[derive(Hash)]`; every integer is one word.
impl Hasher for Digest {
    fn finish(&self) -> u64 {
        Self::finish(*self)
    }
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.word(i64::from(*byte)));
    }
    fn write_u8(&mut self, v: u8) {
        self.word(i64::from(v));
    }
    fn write_u16(&mut self, v: u16) {
        self.word(i64::from(v));
    }
    fn write_u32(&mut self, v: u32) {
        self.word(i64::from(v));
    }
    fn write_u64(&mut self, v: u64) {
        self.word(v.cast_signed());
    }
    fn write_usize(&mut self, v: usize) {
        self.word(v as i64);
    }
    fn write_i32(&mut self, v: i32) {
        self.word(i64::from(v));
    }
    fn write_i64(&mut self, v: i64) {
        self.word(v);
    }
    fn write_isize(&mut self, v: isize) {
        self.word(v as i64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::hash::Hash;

    fn of(words: &[i64]) -> u64 {
        let mut digest = Digest::default();
        for word in words {
            digest.word(*word);
        }
        digest.finish()
    }

    #[test]
    fn order_and_count_of_words_matter() {
        assert_eq!(of(&[1, 2]), of(&[1, 2]));
        assert_ne!(of(&[1, 2]), of(&[2, 1]));
        assert_ne!(of(&[]), of(&[0]));
        assert_ne!(of(&[0]), of(&[0, 0]));
    }

    #[test]
    fn hashing_a_value_adds_its_words() {
        let mut digest = Digest::default();
        (7_i64, 8_u32).hash(&mut digest);
        assert_eq!(Hasher::finish(&digest), of(&[7, 8]));
    }
}
