//! Owns `phoenix demo`: the embedded exchange with a live market, the market maker on it over real sockets,
//! nothing to set up.

use crate::binance::routes::Venue;
use crate::binance::sign::Signer;
use crate::config::{Config, SymbolConfig};
use crate::drill::timeline::Rules;
use crate::live::session::{self, Finished, Setup};
use faults::Outcome;

use crate::serve::Server;
use crate::serve::auth::KeyConfig;
use crate::serve::launch::Launch;
use anyhow::{Context as _, Result};
use phoenix_exchange::api::AccountId;
use secrecy::SecretString;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

pub mod faults;

/// Play money's key: it works on the exchange that this process starts, and nowhere else.
const KEY: &str = "demo-key";
const SECRET: &str = "demo-secret";
/// The maker's account at the embedded exchange.
pub const MAKER: AccountId = AccountId(0);
/// How long a market may take to show both sides.
const MARKET_LIMIT: Duration = Duration::from_secs(10);

/// What is shown.
pub struct Play {
    /// The exchange.
    pub launch: Launch,
    /// Its market in words.
    pub market: String,
    /// How long; `None` until somebody ends it.
    pub seconds: Option<Duration>,
    /// Seed of the faults that are played, if any.
    pub faults: Option<u64>,
    /// Folder of the flight record, if one is wanted.
    pub flight: Option<PathBuf>,
}

/// A running embedded exchange and what is needed to trade on it.
pub struct Stage {
    /// The exchange.
    pub server: Server,
    /// Its addresses.
    pub venue: Venue,
    /// The maker's key.
    pub signer: Arc<Signer>,
}

/// Starts an embedded exchange with the demo's key.
///
/// # Errors
/// When a symbol is not known, a recording cannot be read, or no port is free.
pub fn stage(mut launch: Launch) -> Result<Stage> {
    launch.keys = vec![KeyConfig {
        api_key: KEY.to_owned(),
        secret: Some(SECRET.to_owned()),
        ..KeyConfig::default()
    }];
    let server = Server::bind(launch.listen, launch.config()?)?;
    let venue = Venue::custom(&server.rest_url(), &server.ws_url())
        .context("address of the embedded exchange")?;
    let signer =
        Signer::hmac(SecretString::from(KEY), &SecretString::from(SECRET)).context("demo key")?;
    Ok(Stage {
        server,
        venue,
        signer: Arc::new(signer),
    })
}

/// The configuration of a demo: the ladder of the original's examples, scaled to each symbol's price.
///
/// # Errors
/// When a market does not show both sides in time, or the text that is made here is refused.
pub fn config(stage: &Stage, symbols: &[String], state_dir: &Path) -> Result<Config> {
    let text = config_text(stage, symbols, state_dir)?;
    let loaded = Config::parse("built-in demo configuration", &text).map_err(|rejected| {
        anyhow::anyhow!(
            "{}",
            rejected
                .errors
                .first()
                .map_or_else(String::new, ToString::to_string)
        )
    })?;
    Ok(loaded.config)
}

/// The same as the text of a file.
///
/// # Errors
/// When a market does not show both sides in time.
pub fn config_text(stage: &Stage, symbols: &[String], state_dir: &Path) -> Result<String> {
    let mut text = format!(
        "global:\n  total_notional_max: 10000000\n  state_dir: \"{}\"\n  metrics_port: 0\n  log_level: \"info\"\nsymbols:\n",
        state_dir.display()
    );
    for name in symbols {
        text.push_str(&symbol_config(stage, name)?);
    }
    Ok(text)
}

/// Distances of the default ladder (1.2 at 2500) and sizes of about 125 quote units a layer.
fn symbol_config(stage: &Stage, name: &str) -> Result<String> {
    let (mid, tick, step, qty_min, notional_min) = market_of(stage, name)?;
    let grid = |value: f64, unit: f64| (value / unit).round().max(1.0) * unit;
    let layer = grid((125.0_f64.max(notional_min * 1.5)) / mid, step).max(qty_min);
    let offset = grid(mid * 0.000_48, tick);
    let digits = |unit: f64| (-unit.log10()).ceil().clamp(0.0, 8.0) as usize;
    let (price_digits, size_digits) = (digits(tick), digits(step));
    Ok(format!(
        "  - symbol: \"{name}\"\n    net_max: {:.size_digits$}\n    unified_layer_size: {layer:.size_digits$}\n    total_layers: 18\n    \
         grid_start_offset: {offset:.price_digits$}\n    grid_first_spacing: {offset:.price_digits$}\n    grid_max_spacing: {:.price_digits$}\n",
        layer * 40.0,
        grid(mid * 0.01, tick),
    ))
}

/// Mid, tick, step and minimum size and notional, once the market shows both sides.
fn market_of(stage: &Stage, name: &str) -> Result<(f64, f64, f64, f64, f64)> {
    let deadline = Instant::now() + MARKET_LIMIT;
    loop {
        let seen = stage.server.with_exchange(|exchange| {
            let id = exchange.symbol_id(name)?;
            let spec = exchange.spec(id);
            let units =
                [spec.tick, spec.step, spec.qty_min, spec.notional_min].map(|v| v as f64 / 1e8);
            let ticker = exchange.book_ticker(id);
            let (bid, ask) = (ticker.bid.0 as f64 / 1e8, ticker.ask.0 as f64 / 1e8);
            (bid > 0.0 && ask > 0.0).then_some(((bid + ask) / 2.0, units))
        });
        if let Some((mid, [tick, step, qty_min, notional_min])) = seen {
            return Ok((mid, tick, step, qty_min, notional_min));
        }
        anyhow::ensure!(
            Instant::now() < deadline,
            "{name}: the market shows no prices"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The ladder that the configuration asks for, as a judge from outside sees it.
fn rules_of(symbol: &SymbolConfig) -> Rules {
    Rules {
        net_max: symbol.net_max.to_f64(),
        layers: symbol.total_layers,
        layer_size: symbol.unified_layer_size.to_f64(),
    }
}

/// Runs the demo to its end.
///
/// # Errors
/// When the exchange or the run cannot start.
pub fn run(play: Play, state_dir: &Path) -> Result<(Finished, Stage, Outcome)> {
    let Play {
        launch,
        market,
        seconds,
        faults,
        flight,
    } = play;
    let symbols = launch.symbols.clone();
    let stage = stage(launch)?;
    let config = config(&stage, &symbols, state_dir)?;
    eprintln!(
        "embedded exchange on {} ({}), quoting {}; Ctrl-C cancels everything and ends",
        stage.server.rest_url(),
        market,
        symbols.join(", ")
    );
    let rules: Vec<Rules> = config.symbols.iter().map(rules_of).collect();
    let setup = Setup {
        config,
        config_path: None,
        venue: stage.venue.clone(),
        venue_name: "demo".to_owned(),
        signer: Arc::clone(&stage.signer),
        fingerprint: "demo".to_owned(),
        dry_run: false,
        clear_halt: false,
        seconds,
        log_level: None,
        flight,
    };
    let Some(seed) = faults else {
        return Ok((session::run(setup)?, stage, Outcome::default()));
    };
    let (finished, played) = std::thread::scope(|scope| {
        let (stop, stopped) = std::sync::mpsc::channel();
        let server = &stage.server;
        let player = scope.spawn(move || faults::play(server, seed, seconds, &stopped, &rules));
        let finished = session::run(setup);
        drop(stop);
        let played = player.join();
        (finished, played)
    });
    // What is left of the last fault must not stand between this and the exchange's ledger.
    let now_us = stage.server.now_us();
    stage.server.with_venue(|venue| venue.lift_all(now_us));
    let played = played.map_err(|_| anyhow::anyhow!("the player of faults panicked"))?;
    Ok((finished?, stage, played))
}
