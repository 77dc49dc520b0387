//! When takers and quote moves happen: a self-exciting (Hawkes) process with an exponential kernel; knows no prices.

use super::variate::{exp, exponential, uniform};
use crate::prng::Prng;

/// Parameters of the process. The mean rate is `base_per_s / (1 − branching)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct ArrivalParams {
    /// Mean rate over all time, per second.
    pub mean_per_s: f64,
    /// Mean number of arrivals that one arrival causes; below 1.
    pub branching: f64,
    /// How fast the excitement of one arrival decays, per second.
    pub decay_per_s: f64,
}

/// Draws arrival times (Ogata's thinning: between arrivals the intensity only falls, so its present value bounds it).
#[derive(Clone, Debug)]
pub(super) struct Arrivals {
    params: ArrivalParams,
    /// Intensity above the base rate at `at_s`.
    excess_per_s: f64,
    at_s: f64,
}

impl Arrivals {
    /// A process that starts unexcited at `at_s`.
    pub(super) fn new(params: ArrivalParams, at_s: f64) -> Self {
        Self {
            params,
            excess_per_s: params.mean_per_s * params.branching,
            at_s,
        }
    }

    /// Changes the rates; the present excitement decays as before.
    pub(super) fn adopt(&mut self, params: ArrivalParams) {
        self.params = params;
    }

    /// The time of the next arrival, which is counted as having happened.
    pub(super) fn next_s(&mut self, prng: &mut Prng) -> f64 {
        let base = (self.params.mean_per_s * (1.0 - self.params.branching)).max(1e-6);
        loop {
            let bound = base + self.excess_per_s;
            let gap_s = exponential(prng, 1.0 / bound);
            self.at_s += gap_s;
            self.excess_per_s *= exp(-self.params.decay_per_s * gap_s);
            if uniform(prng) * bound <= base + self.excess_per_s {
                self.excess_per_s += self.params.branching * self.params.decay_per_s;
                return self.at_s;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts_per_s(branching: f64) -> Vec<f64> {
        let params = ArrivalParams {
            mean_per_s: 10.0,
            branching,
            decay_per_s: 10.0,
        };
        let mut arrivals = Arrivals::new(params, 0.0);
        let mut prng = Prng::new(11);
        let mut counts = vec![0.0; 4_000];
        loop {
            let second = arrivals.next_s(&mut prng) as usize;
            match counts.get_mut(second) {
                Some(count) => *count += 1.0,
                None => return counts,
            }
        }
    }

    fn mean_and_fano(counts: &[f64]) -> (f64, f64) {
        let mean = counts.iter().sum::<f64>() / counts.len() as f64;
        let squares: f64 = counts.iter().map(|c| (c - mean) * (c - mean)).sum();
        (mean, squares / counts.len() as f64 / mean)
    }

    #[test]
    fn the_rate_is_kept_and_branching_clusters() {
        let (mean, fano) = mean_and_fano(&counts_per_s(0.0));
        assert!((mean - 10.0).abs() < 0.3 && (fano - 1.0).abs() < 0.1);
        // For long windows variance/mean tends to 1/(1 − n)² = 6.25 at n = 0.6.
        let (mean, fano) = mean_and_fano(&counts_per_s(0.6));
        assert!((mean - 10.0).abs() < 0.6, "{mean}");
        assert!((4.0..7.5).contains(&fano), "{fano}");
    }
}
