//! A small deterministic generator (xorshift64* seeded through SplitMix64); knows nothing of what its numbers decide.

/// The only source of chance in the venue. The same seed gives the same numbers on every machine, for years.
#[derive(Clone, Debug)]
pub struct Prng {
    state: u64,
}

impl Prng {
    /// A generator for a seed; every seed, 0 included, is good.
    #[must_use]
    pub fn new(seed: u64) -> Prng {
        let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^= z >> 31;
        Prng {
            state: if z == 0 { 0x9e37_79b9_7f4a_7c15 } else { z },
        }
    }

    /// A generator whose numbers are unrelated to those of this one and of other labels.
    #[must_use]
    pub fn fork(&mut self, label: u64) -> Prng {
        Prng::new(self.next_u64() ^ label.wrapping_mul(0xd6e8_feb8_6659_fd93))
    }

    /// The next 64 bits.
    pub fn next_u64(&mut self) -> u64 {
        let mut x = self.state;
        x ^= x >> 12;
        x ^= x << 25;
        x ^= x >> 27;
        self.state = x;
        x.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A number in `0..bound`; 0 when the bound is 0. (Multiply-shift; the bias is below 2⁻³² for bounds below 2³².)
    pub fn below(&mut self, bound: u64) -> u64 {
        let wide = u128::from(self.next_u64()) * u128::from(bound);
        u64::try_from(wide >> 64).expect("a product of two u64 shifted by 64 bits fits in u64")
    }

    /// A number in `low..=high`; `low` when the range is empty.
    pub fn between(&mut self, low: i64, high: i64) -> i64 {
        if high <= low {
            return low;
        }
        let span = high.abs_diff(low);
        let step = if span == u64::MAX {
            self.next_u64()
        } else {
            self.below(span + 1)
        };
        low.wrapping_add_unsigned(step)
    }

    /// True with probability `numerator / denominator`.
    pub fn chance(&mut self, numerator: u64, denominator: u64) -> bool {
        self.below(denominator) < numerator
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_numbers_and_other_seeds_others() {
        let draw = |seed| {
            let mut prng = Prng::new(seed);
            [prng.next_u64(), prng.next_u64(), prng.next_u64()]
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
        assert_ne!(draw(0), [0, 0, 0]);
    }

    #[test]
    fn numbers_stay_in_range_and_reach_both_ends() {
        let mut prng = Prng::new(1);
        let drawn: Vec<i64> = (0..1000).map(|_| prng.between(-2, 3)).collect();
        assert!(drawn.iter().all(|x| (-2..=3).contains(x)));
        assert!(drawn.contains(&-2) && drawn.contains(&3));
        assert_eq!(prng.below(0), 0);
        assert_eq!(prng.between(5, 5), 5);
    }

    #[test]
    fn chance_follows_its_ratio() {
        let mut prng = Prng::new(2);
        let hits = (0..10_000).filter(|_| prng.chance(1, 4)).count();
        assert!((2300..2700).contains(&hits), "{hits} of 10000");
    }
}
