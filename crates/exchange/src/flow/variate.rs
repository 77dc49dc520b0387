//! Random variates from the venue's generator, with arithmetic that gives the same bits on every machine; knows nothing of markets.
//!
//! Only additions, multiplications, divisions and square roots are used, which IEEE 754 fixes to the last bit; the
//! standard library's `ln` and `exp` are left out because they differ between platforms.

use crate::prng::Prng;

const LN_2: f64 = core::f64::consts::LN_2;

/// Uniform in (0, 1].
pub(super) fn uniform(prng: &mut Prng) -> f64 {
    ((prng.next_u64() >> 11) + 1) as f64 / (1_u64 << 53) as f64
}

/// True with this probability.
pub(super) fn chance(prng: &mut Prng, probability: f64) -> bool {
    uniform(prng) <= probability
}

/// +1 with this probability, otherwise −1.
pub(super) fn sign(prng: &mut Prng, up_probability: f64) -> f64 {
    if chance(prng, up_probability) {
        1.0
    } else {
        -1.0
    }
}

/// Exponential with this mean.
pub(super) fn exponential(prng: &mut Prng, mean: f64) -> f64 {
    -mean * ln(uniform(prng))
}

/// Standard normal by twelve uniforms (Irwin–Hall): exact mean and variance, tails end at ±6.
pub(super) fn normal(prng: &mut Prng) -> f64 {
    (0..12).map(|_| uniform(prng)).sum::<f64>() - 6.0
}

/// Log-normal with this median and this standard deviation of the logarithm.
pub(super) fn log_normal(prng: &mut Prng, median: f64, sigma: f64) -> f64 {
    median * exp(sigma * normal(prng))
}

/// Natural logarithm of a positive finite number, to about 1e-11.
pub(super) fn ln(x: f64) -> f64 {
    let bits = x.to_bits();
    let mut exponent = ((bits >> 52) & 0x7ff) as i64 - 1023;
    let mut mantissa = f64::from_bits((bits & 0x000f_ffff_ffff_ffff) | 0x3ff0_0000_0000_0000);
    if mantissa > core::f64::consts::SQRT_2 {
        mantissa /= 2.0;
        exponent += 1;
    }
    // ln m = 2 atanh((m − 1)/(m + 1)); |s| ≤ 0.172, so eight terms leave about 1e-14.
    let s = (mantissa - 1.0) / (mantissa + 1.0);
    let square = s * s;
    let mut sum = 0.0;
    for power in [15.0, 13.0, 11.0, 9.0, 7.0, 5.0, 3.0, 1.0] {
        sum = sum * square + 1.0 / power;
    }
    2.0 * s * sum + exponent as f64 * LN_2
}

/// Exponential function; 0 below −700, and the argument is capped at 700.
pub(super) fn exp(x: f64) -> f64 {
    if x < -700.0 {
        return 0.0;
    }
    let x = x.min(700.0);
    let halvings = (x / LN_2).round();
    let rest = x - halvings * LN_2;
    let mut sum = 1.0;
    for term in [
        12.0, 11.0, 10.0, 9.0, 8.0, 7.0, 6.0, 5.0, 4.0, 3.0, 2.0, 1.0,
    ] {
        sum = 1.0 + sum * rest / term;
    }
    let scale = f64::from_bits(((halvings as i64 + 1023) as u64) << 52);
    sum * scale
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logarithm_and_exponential_agree_with_the_library() {
        for step in 1..2_000 {
            let x = f64::from(step) * 0.037;
            assert!((ln(x) - x.ln()).abs() < 1e-10, "ln {x}");
            let y = x - 37.0;
            assert!((exp(y) / y.exp() - 1.0).abs() < 1e-10, "exp {y}");
        }
        assert_eq!(exp(-1e9), 0.0);
        assert!(exp(1e9).is_finite());
        assert_eq!(ln(1.0), 0.0);
    }

    #[test]
    fn moments_are_those_of_the_named_laws() {
        let mut prng = Prng::new(3);
        let count = 100_000;
        let mean = |draw: &mut dyn FnMut() -> f64| {
            (0..count).map(|_| draw()).sum::<f64>() / f64::from(count)
        };
        let exponential = mean(&mut || exponential(&mut prng, 2.5));
        assert!((exponential - 2.5).abs() < 0.05, "{exponential}");
        let square = mean(&mut || normal(&mut prng).powi(2));
        assert!((square - 1.0).abs() < 0.02, "{square}");
        let below = mean(&mut || f64::from(u8::from(log_normal(&mut prng, 7.0, 2.0) < 7.0)));
        assert!((below - 0.5).abs() < 0.01, "{below}");
        let up = mean(&mut || sign(&mut prng, 0.8));
        assert!((up - 0.6).abs() < 0.02, "{up}");
    }
}
