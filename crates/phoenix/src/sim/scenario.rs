//! Owns what a simulation is made of: a seed draws its own market, network, parameters and faults. A scenario can be written to a
//! file, made smaller, and played again without its seed.

mod draw;

use super::fault::Planned;
use phoenix_exchange::flow::Regime;
use phoenix_exchange::prng::Prng;
use serde::{Deserialize, Serialize};

/// Most faults of a scenario; a file with more is refused.
pub const FAULTS_MAX: usize = 400;
/// Most symbols of a scenario.
pub const SYMBOLS_MAX: usize = 15;
/// Longest phase, s.
pub const PHASE_S_MAX: u32 = 86_400;

/// What one run is made of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// Chance of market, network and jitter.
    pub seed: u64,
    /// With faults, s: no promise may break.
    pub safety_s: u32,
    /// Without, s: quoting must be back within the bound, and the books agree.
    pub liveness_s: u32,
    /// Markets by regime name, one a symbol.
    pub markets: Vec<String>,
    /// One way, µs: from, to.
    pub latency_us: (u32, u32),
    /// Layers per side.
    pub layers: u16,
    /// `net_max` in layers.
    pub net_max_layers: u32,
    /// `batch_worst_case_ratio` in percent.
    pub worst_case_percent: u32,
    /// Which strategy quotes: `asmm`, `avellaneda-stoikov`, `glft`.
    pub strategy: String,
    /// Whether VPIN acts.
    pub vpin: bool,
    /// Whether streams are judged by their rhythm.
    pub adaptive: bool,
    /// From the start to the next funding instant, s.
    pub funding_in_s: u32,
    /// What goes wrong, in the order of its times.
    pub faults: Vec<Planned>,
}

/// Why a scenario cannot be played.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScenarioError {
    /// Not the JSON of a scenario.
    #[error("not a scenario: {0}")]
    Shape(String),
    /// A value out of its range.
    #[error("{key}: {what}")]
    Value {
        /// Which.
        key: &'static str,
        /// What would be right.
        what: String,
    },
}

fn bad(key: &'static str, what: impl Into<String>) -> ScenarioError {
    ScenarioError::Value {
        key,
        what: what.into(),
    }
}

impl Scenario {
    /// The scenario that a seed draws, with so much simulated time in both phases together.
    #[must_use]
    pub fn of_seed(seed: u64, minutes: u32) -> Self {
        let mut prng = Prng::new(seed ^ 0x5ce4_a510);
        let total_s = minutes.saturating_mul(60).clamp(120, 2 * PHASE_S_MAX);
        let liveness_s = (total_s / 5).clamp(60, 180);
        let safety_s = total_s - liveness_s;
        let layers = *pick(&mut prng, &[1, 3, 5, 8, 18]);
        let symbols = *pick(&mut prng, &[1, 1, 1, 1, 2, 2, 3]);
        let base_us = *pick(&mut prng, &[300, 1_000, 4_000, 20_000, 80_000]);
        let mut scenario = Self {
            seed,
            safety_s,
            liveness_s,
            markets: (0..symbols)
                .map(|_| pick(&mut prng, &Regime::ALL).name().to_owned())
                .collect(),
            latency_us: (base_us, base_us * 3 / 2 + 200),
            layers,
            net_max_layers: u32::from(layers) * *pick(&mut prng, &[2, 2, 3, 4]),
            worst_case_percent: *pick(&mut prng, &[50, 50, 50, 80, 100]),
            strategy: (*pick(
                &mut prng,
                &["asmm", "asmm", "asmm", "avellaneda-stoikov", "glft"],
            ))
            .to_owned(),
            vpin: prng.chance(1, 5),
            adaptive: prng.chance(4, 5),
            funding_in_s: u32::try_from(prng.between(60, 1_800)).unwrap_or(60),
            faults: Vec::new(),
        };
        scenario.faults = scenario.draw_faults(&mut prng);
        scenario
    }

    /// A scenario file.
    ///
    /// # Errors
    /// [`ScenarioError`]
    pub fn parse(text: &str) -> Result<Self, ScenarioError> {
        let scenario: Self =
            serde_json::from_str(text).map_err(|e| ScenarioError::Shape(e.to_string()))?;
        scenario.checked()
    }

    fn checked(self) -> Result<Self, ScenarioError> {
        if self.markets.is_empty() || self.markets.len() > SYMBOLS_MAX {
            return Err(bad("markets", format!("1 to {SYMBOLS_MAX} of them")));
        }
        if let Some(name) = self.markets.iter().find(|m| Regime::from_name(m).is_none()) {
            let known: Vec<_> = Regime::ALL.iter().map(|r| r.name()).collect();
            return Err(bad(
                "markets",
                format!("{name:?} is none of {}", known.join(", ")),
            ));
        }
        if super::setting::strategy(&self.strategy).is_none() {
            return Err(bad(
                "strategy",
                "asmm, avellaneda-stoikov or glft".to_owned(),
            ));
        }
        for (key, value, low, high) in [
            ("safety_s", self.safety_s, 1, PHASE_S_MAX),
            ("liveness_s", self.liveness_s, 0, PHASE_S_MAX),
            ("latency_us.0", self.latency_us.0, 1, 10_000_000),
            (
                "latency_us.1",
                self.latency_us.1,
                self.latency_us.0,
                10_000_000,
            ),
            ("layers", self.layers.into(), 1, 100),
            ("net_max_layers", self.net_max_layers, 1, 1_000),
            ("worst_case_percent", self.worst_case_percent, 1, 100),
            ("funding_in_s", self.funding_in_s, 1, 28_800),
        ] {
            if value < low || value > high {
                return Err(bad(key, format!("{value} is not within {low} to {high}")));
            }
        }
        if self.faults.len() > FAULTS_MAX {
            return Err(bad("faults", format!("at most {FAULTS_MAX}")));
        }
        Ok(self)
    }
}

/// One of several, each with equal chance.
///
/// # Panics
/// For an empty list.
pub fn pick<'a, T>(prng: &mut Prng, from: &'a [T]) -> &'a T {
    let index = usize::try_from(prng.below(from.len() as u64)).unwrap_or(0);
    from.get(index).expect("a list with something in it")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::fault::Fault;

    #[test]
    fn a_seed_draws_the_same_scenario_each_time_and_it_survives_a_file() {
        for seed in 0..200 {
            let scenario = Scenario::of_seed(seed, 10);
            assert_eq!(scenario, Scenario::of_seed(seed, 10), "seed {seed}");
            let text = serde_json::to_string(&scenario).expect("JSON");
            assert_eq!(Scenario::parse(&text), Ok(scenario), "seed {seed}");
        }
    }

    #[test]
    fn every_kind_of_fault_is_drawn_by_some_seed_under_its_own_name() {
        let mut seen = std::collections::BTreeSet::new();
        for seed in 0..400 {
            for planned in Scenario::of_seed(seed, 10).faults {
                let text = serde_json::to_value(planned).expect("JSON");
                assert_eq!(text["kind"], planned.fault.name());
                seen.insert(planned.fault.name());
            }
        }
        let missing: Vec<_> = Fault::NAMES.iter().filter(|n| !seen.contains(*n)).collect();
        assert!(missing.is_empty(), "{missing:?}");
    }

    #[test]
    fn what_cannot_be_played_is_refused_with_the_key_that_is_wrong() {
        let good = serde_json::to_value(Scenario::of_seed(1, 10)).expect("JSON");
        for (key, value, part) in [
            (
                "markets",
                serde_json::json!(["bull"]),
                "\"bull\" is none of",
            ),
            ("markets", serde_json::json!([]), "1 to 15"),
            ("layers", serde_json::json!(0), "not within"),
            ("strategy", serde_json::json!("hope"), "asmm"),
            ("seed", serde_json::json!("x"), "not a scenario"),
            ("sed", serde_json::json!(1), "unknown field"),
        ] {
            let mut bad = good.clone();
            bad[key] = value;
            let error = Scenario::parse(&bad.to_string()).expect_err(key);
            assert!(error.to_string().contains(part), "{key}: {error}");
        }
    }
}
