//! Owns single measurements, their quantiles and the line in which they are printed; knows nothing of what
//! is measured.

use serde_json::{Map, Value, json};
use std::hint::black_box;
use std::time::Instant;

/// Nanoseconds of every repetition of one thing. Exact: nothing is put into classes.
#[derive(Default, Clone)]
pub struct Samples {
    ns: Vec<u64>,
}

impl Samples {
    /// With room for so many, so that keeping them allocates nothing while something is measured.
    pub fn with_room(count: usize) -> Self {
        Self {
            ns: Vec::with_capacity(count),
        }
    }

    pub fn push(&mut self, ns: u64) {
        self.ns.push(ns);
    }

    pub fn len(&self) -> usize {
        self.ns.len()
    }

    pub fn sum(&self) -> u64 {
        self.ns.iter().sum()
    }

    /// The smallest value that at least this share of all is not above; `None` without measurements.
    pub fn quantile(&self, share: f64) -> Option<u64> {
        let mut sorted = self.ns.clone();
        sorted.sort_unstable();
        let rank = (share * sorted.len() as f64).ceil() as usize;
        sorted.get(rank.max(1) - 1).copied()
    }

    /// Adds `<name>_p50`, `_p99`, `_p999` and `_count` to a report and says them on standard error.
    pub fn report(&self, name: &str, report: &mut Map<String, Value>) {
        let [p50, p99, p999] = [0.50, 0.99, 0.999].map(|share| self.quantile(share));
        report.insert(format!("{name}_p50"), json!(p50));
        report.insert(format!("{name}_p99"), json!(p99));
        report.insert(format!("{name}_p999"), json!(p999));
        report.insert(format!("{name}_count"), json!(self.len()));
        let text = |ns: Option<u64>| ns.map_or_else(|| "-".to_owned(), |ns| ns.to_string());
        eprintln!(
            "{name:<34} p50 {:>8}  p99 {:>8}  p99.9 {:>8} ns  ({} times)",
            text(p50),
            text(p99),
            text(p999),
            self.len()
        );
    }
}

/// Each one's best time over several passes: what is left on a machine that does other things meanwhile.
#[derive(Default, Clone)]
pub struct Best {
    ns: Vec<u64>,
}

impl Best {
    pub fn with_room(count: usize) -> Self {
        Self {
            ns: vec![u64::MAX; count],
        }
    }

    pub fn push(&mut self, index: usize, ns: u64) {
        if let Some(best) = self.ns.get_mut(index) {
            *best = ns.min(*best);
        }
    }

    /// Those that were measured at all.
    pub fn samples(&self) -> Samples {
        let ns = self.ns.iter().copied().filter(|ns| *ns != u64::MAX);
        Samples { ns: ns.collect() }
    }
}

/// Runs `what` and says how many nanoseconds that took.
#[inline]
pub fn timed<T>(what: impl FnOnce() -> T) -> (u64, T) {
    let started = Instant::now();
    let result = what();
    let spent = started.elapsed();
    (u64::try_from(spent.as_nanos()).unwrap_or(u64::MAX), result)
}

/// Median time of measuring nothing: contained in every other figure.
pub fn clock_ns() -> u64 {
    let mut samples = Samples::with_room(10_000);
    for _ in 0..10_000 {
        samples.push(timed(|| black_box(())).0);
    }
    samples.quantile(0.5).unwrap_or(0)
}

/// Throws our data out of the core's own caches by writing over a larger piece of memory.
pub fn evict(memory: &mut [u8]) {
    for line in memory.iter_mut().step_by(64) {
        *line = line.wrapping_add(1);
    }
    black_box(&memory);
}

/// Memory for [`evict`]: larger than first and second level caches are.
pub fn eviction_memory() -> Vec<u8> {
    vec![1; 8 << 20]
}

/// Whether only a short run is wanted: `cargo test` runs benchmarks too, and so does a profiler.
pub fn is_quick() -> bool {
    !std::env::args().any(|arg| arg == "--bench")
}

/// The one line on standard output that machines read.
pub fn print(name: &str, mut report: Map<String, Value>) {
    report.insert("name".into(), json!(name));
    report.insert("clock_ns_p50".into(), json!(clock_ns()));
    report.insert("quick".into(), json!(is_quick()));
    println!("BENCH {}", Value::Object(report));
}
