//! `phoenix drill`: which drills are meant, and how their scorecards are shown.

use clap::Args;

use super::{Exit, output};
use crate::drill::score::{self, Scorecard, Verdict};
use crate::drill::suite::{self, JOBS_MAX, Options};
use crate::drill::{Drill, catalogue};

/// Fault drills: real processes on the embedded exchange, one fault each, judged by the exchange's ledger.
#[derive(Debug, Clone, PartialEq, Args)]
pub struct DrillArgs {
    /// Drills to run, by name.
    #[arg(value_name = "NAME", conflicts_with = "all")]
    pub names: Vec<String>,
    /// Run all of them.
    #[arg(long)]
    pub all: bool,
    /// List the drills and what they do.
    #[arg(long)]
    pub list: bool,
    /// Print one JSON object on standard output, and nothing else there.
    #[arg(long)]
    pub json: bool,
    /// Drills at once.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = jobs)]
    pub jobs: usize,
    /// Seed of the markets.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Keep logs and state of drills that passed, too.
    #[arg(long)]
    pub keep: bool,
}

fn jobs(text: &str) -> Result<usize, String> {
    let wrong = || format!("expected a number from 1 to {JOBS_MAX}");
    let jobs: usize = text.parse().map_err(|_| wrong())?;
    if (1..=JOBS_MAX).contains(&jobs) {
        Ok(jobs)
    } else {
        Err(wrong())
    }
}

/// Lists or runs drills.
pub fn main(args: &DrillArgs) -> Exit {
    let chosen = if args.all || (args.list && args.names.is_empty()) {
        Ok(catalogue::all())
    } else {
        catalogue::named(&args.names)
    };
    let drills = match chosen {
        Ok(drills) if !drills.is_empty() => drills,
        Ok(_) => {
            output::say("phoenix drill: name drills, or --all; --list shows them");
            return Exit::Config;
        }
        Err(why) => {
            output::say(&format!("phoenix drill: {why}"));
            return Exit::Config;
        }
    };
    let written = if args.list {
        list(&drills, args.json)
    } else {
        return run(args, &drills);
    };
    end(written, Exit::Designed)
}

fn run(args: &DrillArgs, drills: &[Drill]) -> Exit {
    let options = Options {
        jobs: args.jobs,
        seed: args.seed,
        keeps_all: args.keep,
    };
    output::say(&format!(
        "{} drills, {} at once, seed {}",
        drills.len(),
        args.jobs,
        args.seed
    ));
    let cards = match suite::run(drills, options, &said) {
        Ok(cards) => cards,
        Err(error) => {
            output::say(&format!("phoenix drill: {error:#}"));
            return Exit::Failure;
        }
    };
    let written = if args.json {
        output::emit_json(&score::json(&cards))
    } else {
        output::emit(&score::table(&cards))
    };
    let is_good = cards.iter().all(|card| card.verdict() == Verdict::Passed);
    end(
        written,
        if is_good {
            Exit::Designed
        } else {
            Exit::Failure
        },
    )
}

fn end(written: std::io::Result<()>, exit: Exit) -> Exit {
    match written {
        Ok(()) => exit,
        Err(error) => {
            output::say(&format!(
                "phoenix drill: the result cannot be written: {error}"
            ));
            Exit::Failure
        }
    }
}

fn said(card: &Scorecard) {
    output::say(&format!(
        "{:7}  {} ({:.0} s)",
        card.verdict().word(),
        card.name,
        card.seconds
    ));
    card.misses()
        .iter()
        .for_each(|miss| output::say(&format!("         ! {miss}")));
}

fn list(drills: &[Drill], json: bool) -> std::io::Result<()> {
    if json {
        let one =
            |d: &Drill| serde_json::json!({"name": d.name, "about": d.about, "plays": d.plays});
        return output::emit_json(
            &serde_json::json!({"drills": drills.iter().map(one).collect::<Vec<_>>()}),
        );
    }
    let width = drills.iter().map(|d| d.name.len()).max().unwrap_or(0);
    let line = |d: &Drill| format!("{:width$}  {}\n", d.name, d.about);
    output::emit(&drills.iter().map(line).collect::<String>())
}
