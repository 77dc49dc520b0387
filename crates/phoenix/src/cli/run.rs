//! `phoenix run`: arguments, what they make of the configured venue, and the way it ends.

use std::path::PathBuf;

use std::sync::Arc;
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::{Exit, ending};
use crate::binance::routes;
use crate::binance::sign::Signer;
use crate::config::{Config, GlobalConfig, Venue};
use crate::demo::{self, Stage};
use crate::flight;
use crate::live::session::{self, Setup};
use crate::live::usage::{self, EXCHANGE_THREAD};
use crate::logging::{self, LogOptions, Logging};
use crate::secrets;
use crate::serve::launch::Launch;

/// Make a market on a venue.
#[derive(Debug, Clone, PartialEq, Args)]
pub struct RunArgs {
    /// Configuration file.
    #[arg(short = 'c', long = "config", value_name = "FILE")]
    pub config: PathBuf,
    /// Where orders go; goes before the file's `venue`.
    #[arg(long, value_enum)]
    pub venue: Option<VenueName>,
    /// Confirm that real money is meant; needed for the venue `live`.
    #[arg(long)]
    pub live: bool,
    /// Base address of the REST interface, in place of the venue's own.
    #[arg(long, value_name = "URL", requires = "ws_url")]
    pub rest_url: Option<String>,
    /// Base address of the streams, in place of the venue's own.
    #[arg(long, value_name = "URL", requires = "rest_url")]
    pub ws_url: Option<String>,
    /// Address of the WebSocket order interface, in place of the venue's own.
    #[arg(long, value_name = "URL", requires = "rest_url")]
    pub ws_api_url: Option<String>,
    /// Decide and log, but send nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// Clear a halt that an earlier session left standing, and quote.
    #[arg(long)]
    pub clear_halt: bool,
    /// Print one JSON object on standard output at the end, and nothing else there.
    #[arg(long)]
    pub json: bool,
    /// Stop after this many seconds; without it, on Ctrl-C.
    #[arg(long, value_name = "N", value_parser = super::exchange::positive_seconds)]
    pub seconds: Option<f64>,
}

/// A venue on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum VenueName {
    /// The embedded exchange.
    Local,
    /// The exchange's test network.
    Testnet,
    /// The exchange, with real money.
    Live,
}

/// Where this run's orders go. Addresses that are `None` are the venue's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The venue.
    pub venue: Venue,
    /// REST.
    pub rest_url: Option<String>,
    /// Streams.
    pub ws_url: Option<String>,
    /// WebSocket order interface.
    pub ws_api_url: Option<String>,
}

impl RunArgs {
    /// The venue and addresses, from the arguments first and the file second.
    ///
    /// # Errors
    /// A sentence for the operator when real money is meant by only one of file and arguments.
    pub fn target(&self, global: &GlobalConfig) -> Result<Target, String> {
        let venue = match self.venue {
            Some(VenueName::Local) => Venue::Local,
            Some(VenueName::Testnet) => Venue::Testnet,
            Some(VenueName::Live) => Venue::Live,
            None => global.venue,
        };
        if venue == Venue::Live && !self.live {
            return Err(
                "the venue is live, which trades real money: add --live if that is meant"
                    .to_owned(),
            );
        }
        if venue != Venue::Live && self.live {
            return Err(format!(
                "--live is given, but the venue is {}: add --venue live if real money is meant",
                venue.word()
            ));
        }
        // All addresses from one place: a mixture would quote one market with another's data.
        if self.rest_url.is_some() {
            return Ok(Target {
                venue,
                rest_url: self.rest_url.clone(),
                ws_url: self.ws_url.clone(),
                ws_api_url: self.ws_api_url.clone(),
            });
        }
        // The file's addresses belong to the file's venue.
        let same = venue == global.venue;
        let of_file = |url: &Option<String>| url.clone().filter(|_| same);
        Ok(Target {
            venue,
            rest_url: of_file(&global.rest_url),
            ws_url: of_file(&global.ws_url),
            ws_api_url: of_file(&global.ws_api_url),
        })
    }
}

/// Makes a market until stopped.
pub fn main(args: &RunArgs) -> Exit {
    let loaded = match Config::load(&args.config) {
        Ok(loaded) => loaded,
        Err(rejected) => {
            rejected
                .warnings
                .iter()
                .for_each(|issue| eprintln!("warning: {issue}"));
            rejected
                .errors
                .iter()
                .for_each(|issue| eprintln!("error: {issue}"));
            return Exit::Config;
        }
    };
    loaded
        .warnings
        .iter()
        .for_each(|issue| eprintln!("warning: {issue}"));
    let target = match args.target(&loaded.config.global) {
        Ok(target) => target,
        Err(why) => {
            eprintln!("phoenix run: {why}");
            return Exit::Config;
        }
    };
    let logging = match logging::init(&LogOptions::of(&loaded.config.global)) {
        Ok(logging) => logging,
        Err(error) => {
            eprintln!("phoenix run: {error}");
            return Exit::Config;
        }
    };
    if let Err(error) = secrets::forbid_core_dumps() {
        eprintln!("phoenix run: core dumps cannot be forbidden: {error}");
    }
    run(args, loaded.config, &target, &logging)
}

/// The venue with its addresses, and the key that trades there.
struct Access {
    venue: routes::Venue,
    signer: Arc<Signer>,
    fingerprint: String,
    /// The embedded exchange, when this process is it.
    stage: Option<Stage>,
}

fn run(args: &RunArgs, config: Config, target: &Target, logging: &Logging) -> Exit {
    let access = match access(&config, target) {
        Ok(access) => access,
        Err((exit, why)) => {
            eprintln!("phoenix run: {why}");
            return exit;
        }
    };
    if target.venue == Venue::Live && !args.dry_run {
        eprintln!(
            "*** LIVE: real orders with real money on {} ***",
            access.venue.rest()
        );
    }
    let journal = config.global.state_dir.join("journal.db");
    let flight = config.global.state_dir.join(flight::FOLDER);
    let flight = config.global.flight.then_some(flight);
    let outcome = session::run(Setup {
        config,
        config_path: Some(args.config.clone()),
        venue: access.venue,
        venue_name: target.venue.word().to_owned(),
        signer: access.signer,
        fingerprint: access.fingerprint,
        dry_run: args.dry_run,
        clear_halt: args.clear_halt,
        seconds: args.seconds.map(Duration::from_secs_f64),
        log_level: Some(logging.level()),
        flight,
    });
    let exit = match outcome {
        Ok(finished) => {
            let usage = usage::measure(EXCHANGE_THREAD);
            let durable = ending::is_durable(&finished, &journal);
            ending::tell(&finished, usage, durable, args.json)
        }
        Err(error) => ending::tell_start_error("run", &error),
    };
    if let Some(stage) = access.stage {
        stage.server.shutdown();
    }
    exit
}

fn access(config: &Config, target: &Target) -> Result<Access, (Exit, String)> {
    let bad = |error: &dyn std::fmt::Display| (Exit::Config, error.to_string());
    if target.venue == Venue::Local && target.rest_url.is_none() {
        let symbols = config.symbols.iter().map(|s| s.symbol.clone()).collect();
        let launch = Launch {
            symbols,
            ..Launch::default()
        };
        let stage = demo::stage(launch).map_err(|error| (Exit::Venue, format!("{error:#}")))?;
        eprintln!("embedded exchange on {}", stage.server.rest_url());
        return Ok(Access {
            venue: stage.venue.clone(),
            signer: Arc::clone(&stage.signer),
            fingerprint: "local".to_owned(),
            stage: Some(stage),
        });
    }
    let credentials = secrets::load(&config.global).map_err(|error| bad(&error))?;
    let fingerprint = credentials.fingerprint();
    let signer = Signer::new(credentials).map_err(|error| bad(&error))?;
    let venue = match (&target.rest_url, &target.ws_url, target.venue) {
        (Some(rest), Some(ws), _) => {
            routes::Venue::custom(rest, ws).map_err(|error| bad(&error))?
        }
        (_, _, Venue::Live) => routes::Venue::mainnet(),
        (_, _, Venue::Testnet) => routes::Venue::testnet(),
        (_, _, Venue::Local) => {
            return Err((
                Exit::Config,
                "the venue local needs both rest_url and ws_url, or neither".to_owned(),
            ));
        }
    };
    let venue = match &target.ws_api_url {
        Some(url) => venue.with_ws_api(url).map_err(|error| bad(&error))?,
        None => venue,
    };
    Ok(Access {
        venue,
        signer: Arc::new(signer),
        fingerprint,
        stage: None,
    })
}

#[cfg(test)]
mod tests;
