//! Owns the search for a smaller scenario that breaks the same promise: fewer faults, shorter, simpler. Each step is kept only if the
//! promise still breaks (delta debugging; Zeller and Hildebrandt 2002).

use super::scenario::Scenario;
use super::suite::play;

/// Most scenarios that are tried.
const TRIES_MAX: u32 = 400;

/// What came of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Shrunk {
    /// The smallest scenario found that still breaks the promise.
    pub scenario: Scenario,
    /// Scenarios tried.
    pub tries: u32,
}

/// Finds a smaller scenario with the same broken promise.
pub fn shrink(scenario: &Scenario, promise: &str, mut progress: impl FnMut(&Shrunk)) -> Shrunk {
    let mut found = Shrunk {
        scenario: scenario.clone(),
        tries: 0,
    };
    loop {
        let before = found.scenario.clone();
        drop_faults(&mut found, promise, &mut progress);
        simplify(&mut found, promise, &mut progress);
        if found.scenario == before || found.tries >= TRIES_MAX {
            return found;
        }
    }
}

/// Keeps `candidate` if it breaks the same promise.
fn attempt(
    found: &mut Shrunk,
    candidate: Scenario,
    promise: &str,
    progress: &mut impl FnMut(&Shrunk),
) -> bool {
    if found.tries >= TRIES_MAX || candidate == found.scenario {
        return false;
    }
    found.tries += 1;
    let outcome = play(&candidate, None);
    let is_same = outcome.broken.is_some_and(|b| b.promise == promise);
    if is_same {
        found.scenario = candidate;
    }
    progress(found);
    is_same
}

/// Leaves out halves, then quarters, and so on down to single faults.
fn drop_faults(found: &mut Shrunk, promise: &str, progress: &mut impl FnMut(&Shrunk)) {
    let mut size = found.scenario.faults.len().div_ceil(2);
    while size > 0 {
        let mut at = 0;
        while at < found.scenario.faults.len() {
            let mut candidate = found.scenario.clone();
            let end = (at + size).min(candidate.faults.len());
            candidate.faults.drain(at..end);
            if !attempt(found, candidate, promise, progress) {
                at += size;
            }
        }
        size = if size == 1 { 0 } else { size.div_ceil(2) };
    }
}

fn simplify(found: &mut Shrunk, promise: &str, progress: &mut impl FnMut(&Shrunk)) {
    let changes: [fn(&mut Scenario); 9] = [
        |s| s.markets.truncate(1),
        |s| s.safety_s = last_fault_s(s).saturating_add(20),
        |s| s.safety_s = (s.safety_s / 2).max(1),
        |s| s.liveness_s = (s.liveness_s / 2).max(30),
        |s| s.layers = 1,
        |s| s.layers = s.layers.min(3),
        |s| s.latency_us = (1_000, 1_000),
        |s| "asmm".clone_into(&mut s.strategy),
        |s| s.vpin = false,
    ];
    for change in changes {
        let mut candidate = found.scenario.clone();
        change(&mut candidate);
        let end_ms = candidate.safety_s.saturating_mul(1_000);
        candidate.faults.retain(|f| f.at_ms < end_ms);
        attempt(found, candidate, promise, progress);
    }
    for place in 0..found.scenario.faults.len() {
        let mut candidate = found.scenario.clone();
        if let Some(fault) = candidate.faults.get_mut(place) {
            fault.lasts_ms /= 2;
        }
        attempt(found, candidate, promise, progress);
    }
}

fn last_fault_s(scenario: &Scenario) -> u32 {
    let ends = scenario.faults.iter();
    let last = ends.map(|f| f.at_ms.saturating_add(f.lasts_ms)).max();
    last.unwrap_or(0) / 1_000 + 1
}
