//! `phoenix demo`: arguments and the way it ends.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use phoenix_exchange::flow::{FlowParams, Regime};

use super::{Exit, ending};
use crate::config::{LogFormat, LogLevel, LogRotation};
use crate::demo::faults::{self, Outcome};
use crate::demo::{self, Play};
use crate::live::summary::Summary;
use crate::live::usage::{self, EXCHANGE_THREAD};
use crate::logging::{self, LogOptions};
use crate::serve::Server;
use crate::serve::launch::{LOOPED, Launch};

/// Make a market on the embedded exchange, with nothing to set up.
#[derive(Debug, Clone, PartialEq, Args)]
pub struct DemoArgs {
    /// Stop after this many seconds; without it, on Ctrl-C.
    #[arg(long, value_name = "N", value_parser = super::exchange::positive_seconds)]
    pub seconds: Option<f64>,
    /// Print one JSON object on standard output at the end, and nothing else there.
    #[arg(long)]
    pub json: bool,
    /// Seed of the synthetic market; the same seed gives the same market.
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Play a random fault every half minute, to see it recover; the same seed plays the same faults.
    #[arg(long)]
    pub faults: bool,
    /// Symbols to trade.
    #[arg(long, value_name = "LIST", value_delimiter = ',', value_parser = super::exchange::symbol, default_value = "ETHUSDC")]
    pub symbols: Vec<String>,
    /// Kind of synthetic market: normal (as measured), lively (fills both sides each minute), calm, trending, jumpy, gapped, illiquid.
    #[arg(
        long,
        value_name = "KIND",
        default_value = "lively",
        conflicts_with = "replay"
    )]
    pub market: String,
    /// Recorded market data to play in place of the synthetic market.
    #[arg(long, value_name = "FILE", num_args = 1.., conflicts_with = "seed")]
    pub replay: Vec<PathBuf>,
    /// Speed of the replay; 2 is twice as fast.
    #[arg(long, value_name = "X", requires = "replay", value_parser = super::exchange::positive, default_value = "1")]
    pub speed: f64,
    /// Folder for a flight record of the session, for `phoenix replay`.
    #[arg(long, value_name = "DIR")]
    pub flight: Option<PathBuf>,
}

/// Runs the demo; what it leaves on disk goes with it.
pub fn main(args: &DemoArgs) -> Exit {
    let state_dir = std::env::temp_dir().join(format!("phoenix-demo-{}", std::process::id()));
    let exit = match run(args, &state_dir) {
        Ok(exit) => exit,
        Err(error) => {
            eprintln!("phoenix demo: {error:#}");
            Exit::Failure
        }
    };
    if let Err(error) = std::fs::remove_dir_all(&state_dir)
        && error.kind() != std::io::ErrorKind::NotFound
    {
        eprintln!(
            "phoenix demo: {} could not be removed: {error}",
            state_dir.display()
        );
    }
    exit
}

fn run(args: &DemoArgs, state_dir: &Path) -> anyhow::Result<Exit> {
    let _logging = logging::init(&LogOptions {
        level: LogLevel::Info,
        format: LogFormat::Human,
        file: None,
        rotation: LogRotation::Never,
        files_max: 1,
    })?;
    let launch = launch_of(args)?;
    let market = match args.replay.is_empty() {
        true => format!("{} market, seed {}", args.market, launch.seed),
        false => "recorded market".to_owned(),
    };
    let seconds = args.seconds.map(Duration::from_secs_f64);
    let play = Play {
        launch,
        market,
        seconds,
        faults: args.faults.then_some(args.seed.unwrap_or(1)),
        flight: args.flight.clone(),
    };
    let (finished, stage, outcome) = demo::run(play, state_dir)?;
    let usage = usage::measure(EXCHANGE_THREAD);
    let durable = ending::is_durable(&finished, &state_dir.join("journal.db"));
    let mut summary = Summary::of(&finished, usage, durable);
    let exit = match args.faults {
        true => {
            judge(&mut summary, &outcome, &stage.server);
            eprint!("{}", faults::text(&outcome.played));
            ending::tell_faults(&finished, &summary, &outcome.played, args.json)
        }
        false => ending::tell_summary(&finished, &summary, None, args.json),
    };
    stage.server.shutdown();
    Ok(exit)
}

/// Adds what the exchange saw to what the run says of itself: a promise is kept only when both agree.
fn judge(summary: &mut Summary, outcome: &Outcome, server: &Server) {
    let net_max: Vec<(String, f64)> = summary
        .per_symbol
        .iter()
        .map(|symbol| (symbol.symbol.clone(), symbol.net_max))
        .collect();
    let is_polite = server.with_venue(|venue| venue.witness.refused_418 == 0);
    for (name, is_kept) in [
        ("alive", faults::is_alive(&outcome.played)),
        ("bounded", faults::is_bounded(server, &net_max)),
        ("polite", is_polite),
    ] {
        let kept = summary.promises.entry(name).or_insert(false);
        *kept = *kept && is_kept;
    }
    // An arming that failed once under a fault breaks nothing while an earlier one stands: here the exchange knows better than the run.
    summary
        .promises
        .insert("dead_man", faults::is_guarded(outcome));
}

/// The exchange that a demo asks for.
fn launch_of(args: &DemoArgs) -> anyhow::Result<Launch> {
    let symbols: Vec<String> = match args.replay.is_empty() {
        true => args.symbols.clone(),
        false => args
            .replay
            .iter()
            .map(|file| recorded_symbol(file))
            .collect(),
    };
    let regime = Regime::from_name(&args.market)
        .with_context(|| format!("--market {}: no such market", args.market))?;
    Ok(Launch {
        symbols,
        seed: args.seed.unwrap_or(1),
        market: Some(FlowParams::new(regime)),
        replays: args.replay.clone(),
        speed: args.speed,
        at_end: LOOPED,
        ..Launch::default()
    })
}

/// The symbol of a recording, as its file is named: `ethusdt_20240808.jsonl.gz` → `ETHUSDT`.
fn recorded_symbol(file: &Path) -> String {
    let name = file
        .file_name()
        .map(|n| n.to_string_lossy().to_uppercase())
        .unwrap_or_default();
    name.split(|c: char| !c.is_ascii_alphanumeric())
        .next()
        .unwrap_or_default()
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recording_names_its_symbol() {
        assert_eq!(
            recorded_symbol(Path::new("../x/ethusdt_20240808.jsonl.gz")),
            "ETHUSDT"
        );
        assert_eq!(recorded_symbol(Path::new("btcusdt.jsonl")), "BTCUSDT");
    }
}
