//! Owns the playing of many seeds on several threads, and what comes of it; knows nothing of how a world turns.

use super::checks::Broken;
use super::coverage::Coverage;
use super::scenario::Scenario;
use super::world::{Listener, Outcome, World};
use phoenix_core::units::{Mono, Span};
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc;

/// Most threads.
pub const JOBS_MAX: usize = 64;

thread_local! {
    static IS_SIMULATING: Cell<bool> = const { Cell::new(false) };
}

/// What is to be played.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// First seed.
    pub from: u64,
    /// How many seeds.
    pub seeds: u64,
    /// Simulated minutes of each.
    pub minutes: u32,
    /// Threads.
    pub jobs: usize,
}

/// A seed with a broken promise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The seed.
    pub seed: u64,
    /// What broke.
    pub broken: Broken,
}

/// What came of all seeds.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Report {
    /// Seeds played.
    pub seeds: u64,
    /// Those that failed, by seed.
    pub failed: Vec<Failure>,
    /// Simulated time.
    pub simulated: Span,
    /// Orders that rested, and trades of ours, in all of them.
    pub orders: u64,
    /// See `orders`.
    pub fills: u64,
    /// Longest time at risk of any seed.
    pub time_at_risk_max: Span,
    /// Longest recovery of any seed.
    pub recovery_max: Span,
    /// What was exercised.
    pub coverage: Coverage,
}

impl Report {
    fn add(&mut self, seed: u64, outcome: Outcome) {
        self.seeds += 1;
        self.simulated = self.simulated.saturating_add(outcome.simulated);
        self.orders += outcome.figures.orders;
        self.fills += outcome.figures.fills;
        self.time_at_risk_max = self.time_at_risk_max.max(outcome.figures.time_at_risk);
        self.recovery_max = self.recovery_max.max(outcome.figures.recovery);
        self.coverage.merge(&outcome.coverage);
        if let Some(broken) = outcome.broken {
            self.failed.push(Failure { seed, broken });
        }
    }
}

/// Keeps the panics of simulated desks out of the terminal: they are caught and judged. To be called once per process.
pub fn quiet_panics() {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if !IS_SIMULATING.with(Cell::get) {
            before(info);
        }
    }));
}

/// Plays one scenario. A panic that is not a desk's counts as a broken promise, with its words.
#[must_use]
pub fn play(scenario: &Scenario, listener: Option<Listener<'_>>) -> Outcome {
    IS_SIMULATING.with(|flag| flag.set(true));
    let now = Rc::new(Cell::new(Mono(0)));
    let clock = Rc::clone(&now);
    let world = World::new(scenario.clone(), listener);
    let played = catch_unwind(AssertUnwindSafe(|| world.run_noting(clock)));
    IS_SIMULATING.with(|flag| flag.set(false));
    played.unwrap_or_else(|payload| {
        let words = payload
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| payload.downcast_ref::<&str>().copied());
        Outcome::panicked(now.get(), words.unwrap_or("a panic without words"))
    })
}

/// Plays seeds until all are played or `stop` is set; `progress` hears of each.
///
/// # Panics
/// Never: each seed's panics are caught.
pub fn run(options: Options, stop: &AtomicBool, mut progress: impl FnMut(&Report)) -> Report {
    let next = AtomicU64::new(0);
    let mut report = Report::default();
    std::thread::scope(|scope| {
        let (sender, receiver) = mpsc::channel();
        for _ in 0..options.jobs.clamp(1, JOBS_MAX) {
            let (sender, next) = (sender.clone(), &next);
            scope.spawn(move || {
                loop {
                    let place = next.fetch_add(1, Ordering::Relaxed);
                    if place >= options.seeds || stop.load(Ordering::Relaxed) {
                        return;
                    }
                    let seed = options.from.wrapping_add(place);
                    let outcome = play(&Scenario::of_seed(seed, options.minutes), None);
                    if sender.send((seed, outcome)).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        for (seed, outcome) in receiver {
            report.add(seed, outcome);
            progress(&report);
        }
    });
    report.failed.sort_by_key(|failure| failure.seed);
    report
}
