//! `phoenix simulate`: which seeds or scenario are played, and how what came of them is shown.

use clap::Args;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use super::{Exit, output};
use crate::sim::scenario::Scenario;
use crate::sim::shrink::shrink;
use crate::sim::suite::{self, Failure, JOBS_MAX, Options, Report};
use crate::sim::world::Outcome;
use phoenix_core::units::{Mono, Span};

/// Deterministic simulation: the engine on the embedded exchange, with random faults, thousands of times faster than real time.
#[derive(Debug, Clone, PartialEq, Args)]
pub struct SimulateArgs {
    /// How many seeds to play.
    #[arg(long, value_name = "N", default_value_t = 200)]
    pub seeds: u64,
    /// The first of them.
    #[arg(long, value_name = "SEED", default_value_t = 0)]
    pub from: u64,
    /// One seed, and nothing else.
    #[arg(long, value_name = "SEED", conflicts_with_all = ["seeds", "from", "scenario"])]
    pub seed: Option<u64>,
    /// A scenario file instead of seeds.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["seeds", "from"])]
    pub scenario: Option<PathBuf>,
    /// Simulated minutes of each seed.
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(2..=2_880))]
    pub minutes: u32,
    /// Threads; as many as there are processors if not given.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=JOBS_MAX as i64))]
    pub jobs: Option<u16>,
    /// With one seed or scenario: print everything that happens, on standard error.
    #[arg(long)]
    pub trace: bool,
    /// With one seed or scenario that fails: look for a smaller scenario that fails alike, and write it to this file.
    #[arg(long, value_name = "FILE")]
    pub shrink: Option<PathBuf>,
    /// Print one JSON object on standard output, and nothing else there.
    #[arg(long)]
    pub json: bool,
}

/// Plays what is asked for.
pub fn main(args: &SimulateArgs) -> Exit {
    suite::quiet_panics();
    let one = match (&args.scenario, args.seed) {
        (Some(file), _) => match read(file) {
            Ok(scenario) => Some(scenario),
            Err(why) => {
                output::say(&format!("phoenix simulate: {}: {why}", file.display()));
                return Exit::Config;
            }
        },
        (None, Some(seed)) => Some(Scenario::of_seed(seed, args.minutes)),
        (None, None) => None,
    };
    match one {
        Some(scenario) => play_one(args, &scenario),
        None if args.trace || args.shrink.is_some() => {
            output::say("phoenix simulate: --trace and --shrink need --seed or --scenario");
            Exit::Config
        }
        None => play_many(args),
    }
}

fn read(file: &Path) -> Result<Scenario, String> {
    let text = std::fs::read_to_string(file).map_err(|error| error.to_string())?;
    Scenario::parse(&text).map_err(|error| error.to_string())
}

// ---------------------------------------------------------------------- many seeds

fn play_many(args: &SimulateArgs) -> Exit {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let options = Options {
        from: args.from,
        seeds: args.seeds,
        minutes: args.minutes,
        jobs: args.jobs.map_or(processors, usize::from),
    };
    output::say(&format!(
        "{} seeds from {} of {} simulated minutes, {} at once",
        options.seeds, options.from, options.minutes, options.jobs
    ));
    let started = Instant::now();
    let mut bar = Bar::new(options.seeds, started);
    let report = suite::run(options, &AtomicBool::new(false), |report| bar.show(report));
    bar.clear();
    let shown = Shown {
        report: &report,
        wall_s: started.elapsed().as_secs_f64(),
        minutes: args.minutes,
    };
    let written = match args.json {
        true => output::emit_json(&shown.json()),
        false => output::emit(&shown.text()),
    };
    end(written, report.failed.is_empty())
}

fn end(written: std::io::Result<()>, is_good: bool) -> Exit {
    match written {
        Ok(()) if is_good => Exit::Designed,
        Ok(()) => Exit::Failure,
        Err(error) => {
            output::say(&format!(
                "phoenix simulate: the result cannot be written: {error}"
            ));
            Exit::Failure
        }
    }
}

/// A line that counts, where somebody watches.
struct Bar {
    seeds: u64,
    started: Instant,
    shown_at: Instant,
    is_seen: bool,
}

impl Bar {
    fn new(seeds: u64, started: Instant) -> Self {
        Self {
            seeds,
            started,
            shown_at: started,
            is_seen: std::io::stderr().is_terminal(),
        }
    }

    fn show(&mut self, report: &Report) {
        if !self.is_seen || self.shown_at.elapsed().as_millis() < 200 {
            return;
        }
        self.shown_at = Instant::now();
        const WIDTH: u64 = 30;
        let done = (report.seeds * WIDTH / self.seeds.max(1)).min(WIDTH);
        let bar: String = (0..WIDTH)
            .map(|i| if i < done { '█' } else { '·' })
            .collect();
        let speed = seconds(report.simulated) / self.started.elapsed().as_secs_f64().max(1e-9);
        eprint!(
            "\r{bar} {}/{} · {} failed · {speed:.0} × real time ",
            report.seeds,
            self.seeds,
            report.failed.len()
        );
    }

    fn clear(&self) {
        if self.is_seen {
            eprint!("\r\x1b[2K");
        }
    }
}

fn seconds(span: Span) -> f64 {
    span.raw() as f64 / 1e9
}

struct Shown<'a> {
    report: &'a Report,
    wall_s: f64,
    minutes: u32,
}

impl Shown<'_> {
    fn hours(&self) -> f64 {
        seconds(self.report.simulated) / 3_600.0
    }

    fn speedup(&self) -> f64 {
        seconds(self.report.simulated) / self.wall_s.max(1e-9)
    }

    fn command(&self, failure: &Failure) -> String {
        let minutes = match self.minutes {
            10 => String::new(),
            other => format!(" --minutes {other}"),
        };
        format!("phoenix simulate --seed {}{minutes} --trace", failure.seed)
    }

    fn json(&self) -> serde_json::Value {
        let report = self.report;
        let failed: Vec<_> = report
            .failed
            .iter()
            .map(|failure| {
                serde_json::json!({
                    "seed": failure.seed,
                    "promise": failure.broken.promise,
                    "at_s": failure.broken.at_s,
                    "evidence": failure.broken.evidence,
                    "command": self.command(failure),
                })
            })
            .collect();
        serde_json::json!({
            "seeds": report.seeds,
            "failed": failed,
            "simulated_hours": self.hours(),
            "wall_s": self.wall_s,
            "speedup": self.speedup(),
            "faults_exercised": report.coverage.faults,
            "faults_missing": report.coverage.faults_missing().collect::<Vec<_>>(),
            "modes_exercised": report.coverage.modes,
            "modes_missing": report.coverage.modes_missing().collect::<Vec<_>>(),
            "notices": report.coverage.notices,
            "orders": report.orders,
            "fills": report.fills,
            "time_at_risk_s_max": seconds(report.time_at_risk_max),
            "recovery_s_max": seconds(report.recovery_max),
        })
    }

    fn text(&self) -> String {
        let report = self.report;
        let mut out = format!(
            "{} seeds, {:.1} simulated hours in {:.1} s: {:.0} × real time\n{} orders, {} fills, time at risk {:.1} s at most, recovery {:.1} s at most\n",
            report.seeds,
            self.hours(),
            self.wall_s,
            self.speedup(),
            report.orders,
            report.fills,
            seconds(report.time_at_risk_max),
            seconds(report.recovery_max),
        );
        let met = |what: &str, met: usize, missing: Vec<&str>| match missing.is_empty() {
            true => format!("{what}: all {met} exercised\n"),
            false => format!("{what}: never exercised: {}\n", missing.join(", ")),
        };
        let coverage = &report.coverage;
        out += &met(
            "faults",
            coverage.faults.len(),
            coverage.faults_missing().collect(),
        );
        out += &met(
            "modes",
            coverage.modes.len(),
            coverage.modes_missing().collect(),
        );
        for failure in &report.failed {
            out += &format!(
                "seed {}: {} broke after {} s: {}\n  {}\n",
                failure.seed,
                failure.broken.promise,
                failure.broken.at_s,
                failure.broken.evidence,
                self.command(failure)
            );
        }
        out += match report.failed.len() {
            0 => "every promise held\n".to_owned(),
            n => format!("{n} of {} seeds broke a promise\n", report.seeds),
        }
        .as_str();
        out
    }
}

// ---------------------------------------------------------------------- one scenario

fn play_one(args: &SimulateArgs, scenario: &Scenario) -> Exit {
    let mut tell = |at: Mono, what: &str| {
        output::say(&format!("{:>10.3}  {what}", at.raw() as f64 / 1e9));
    };
    let outcome = suite::play(scenario, args.trace.then_some(&mut tell));
    let smaller = match (&outcome.broken, &args.shrink) {
        (Some(broken), Some(file)) => Some((file, shrunk(scenario, broken.promise))),
        _ => None,
    };
    if let Some((file, scenario)) = &smaller
        && let Err(error) = std::fs::write(file, pretty(scenario))
    {
        output::say(&format!("phoenix simulate: {}: {error}", file.display()));
        return Exit::Failure;
    }
    let file = smaller.map(|(file, _)| file.display().to_string());
    let written = match args.json {
        true => output::emit_json(&json_of(scenario, &outcome, file.as_deref())),
        false => output::emit(&text_of(&outcome, file.as_deref())),
    };
    end(written, outcome.broken.is_none())
}

fn shrunk(scenario: &Scenario, promise: &str) -> Scenario {
    let found = shrink(scenario, promise, |found| {
        if std::io::stderr().is_terminal() {
            eprint!(
                "\r{} tries, {} faults left ",
                found.tries,
                found.scenario.faults.len()
            );
        }
    });
    if std::io::stderr().is_terminal() {
        eprint!("\r\x1b[2K");
    }
    found.scenario
}

fn pretty(scenario: &Scenario) -> String {
    serde_json::to_string_pretty(scenario).unwrap_or_default() + "\n"
}

fn json_of(scenario: &Scenario, outcome: &Outcome, file: Option<&str>) -> serde_json::Value {
    serde_json::json!({
        "seed": scenario.seed,
        "broken": outcome.broken,
        "simulated_s": seconds(outcome.simulated),
        "digest": format!("{:016x}", outcome.digest),
        "orders": outcome.figures.orders,
        "fills": outcome.figures.fills,
        "time_at_risk_s_max": seconds(outcome.figures.time_at_risk),
        "recovery_s_max": seconds(outcome.figures.recovery),
        "smaller": file,
    })
}

fn text_of(outcome: &Outcome, file: Option<&str>) -> String {
    let figures = outcome.figures;
    let mut out = format!(
        "{:.0} s simulated, {} orders, {} fills, time at risk {:.1} s, recovery {:.1} s, digest {:016x}\n",
        seconds(outcome.simulated),
        figures.orders,
        figures.fills,
        seconds(figures.time_at_risk),
        seconds(figures.recovery),
        outcome.digest
    );
    out += &match &outcome.broken {
        None => "every promise held\n".to_owned(),
        Some(b) => format!("{} broke after {} s: {}\n", b.promise, b.at_s, b.evidence),
    };
    if let Some(file) = file {
        out += &format!(
            "a smaller scenario that breaks it: phoenix simulate --scenario {file} --trace\n"
        );
    }
    out
}
