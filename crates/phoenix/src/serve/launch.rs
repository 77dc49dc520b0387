//! Owns turning a few plain choices (symbols, market, accounts, keys) into a running exchange; knows no protocol and no command line.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use phoenix_exchange::api::{ONE, SymbolId};
use phoenix_exchange::flow::{FlowParams, Regime, SyntheticFlow};
use phoenix_exchange::replay::{AtEnd, ReplayFlow, ReplayOptions, initial_price_of};
use phoenix_exchange::{E8, ExchangeConfig, MarketFlow, SymbolSpec};

use super::auth::KeyConfig;
use super::json::{Object, array};
use super::timing::Timing;
use super::{AccountConfig, ServeConfig, Server};
use crate::capture::CaptureReader;

/// Pause between two rounds of a looped recording, ms.
const LOOP_PAUSE_MS: u64 = 2_000;
/// Symbols of one exchange.
pub const SYMBOLS_MAX: usize = 64;

/// What to start.
#[derive(Debug, Clone)]
pub struct Launch {
    /// Address to listen on; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Symbols, …USDC or …USDT.
    pub symbols: Vec<String>,
    /// One account per key.
    pub keys: Vec<KeyConfig>,
    /// Deposit of every account in each margin asset.
    pub balance: E8,
    /// Seed of the market and of all other chance.
    pub seed: u64,
    /// Kind of synthetic market; `None` leaves the books to the clients.
    pub market: Option<FlowParams>,
    /// First price of a synthetic market, for symbols that should not start at a usual one.
    pub prices: BTreeMap<String, E8>,
    /// Recordings that take the place of the synthetic market: the first for the first symbol, and so on.
    pub replays: Vec<PathBuf>,
    /// Recorded seconds per second.
    pub speed: f64,
    /// What happens when a recording ends.
    pub at_end: AtEnd,
    /// Where the control port listens, on loopback; closed without.
    pub control: Option<SocketAddr>,
}

impl Default for Launch {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            symbols: vec!["ETHUSDC".to_owned()],
            keys: Vec::new(),
            balance: 100_000 * ONE,
            seed: 1,
            market: Some(FlowParams::new(Regime::Normal)),
            prices: BTreeMap::new(),
            replays: Vec::new(),
            speed: 1.0,
            at_end: AtEnd::Stop,
            control: None,
        }
    }
}

/// Plays recordings again and again.
pub const LOOPED: AtEnd = AtEnd::Loop {
    pause_ms: LOOP_PAUSE_MS,
};

/// Starts an exchange, prints one JSON line with its addresses, and serves until it is asked to end (SIGINT, SIGTERM).
///
/// # Errors
/// When a choice makes no sense, a file cannot be read, or the address cannot be bound.
pub fn main_exchange(launch: &Launch) -> Result<()> {
    let mut server = Server::bind(launch.listen, launch.config()?)?;
    if let Some(address) = launch.control {
        server.open_control(address)?;
    }
    println!("{}", announcement(&server, &launch.symbols));
    wait_for_end()?;
    server.shutdown();
    Ok(())
}

/// The line that tells a client where to go.
pub fn announcement(server: &Server, symbols: &[String]) -> String {
    let line = Object::new()
        .text("rest_url", &server.rest_url())
        .text("ws_url", &server.ws_url())
        .text("ws_api_url", &server.ws_api_url())
        .raw(
            "symbols",
            &array(symbols.iter().map(|symbol| format!("\"{symbol}\""))),
        )
        .int("pid", std::process::id());
    match server.control_url() {
        Some(url) => line.text("control_url", &url).done(),
        None => line.done(),
    }
}

fn wait_for_end() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let mut terminate =
            tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
        tokio::select! {
            ended = tokio::signal::ctrl_c() => ended?,
            _ = terminate.recv() => {}
        }
        Ok(())
    })
}

impl Launch {
    /// The configuration that these choices mean.
    ///
    /// # Errors
    /// As [`main_exchange`].
    pub fn config(&self) -> Result<ServeConfig> {
        ensure!(
            (1..=SYMBOLS_MAX).contains(&self.symbols.len()),
            "between 1 and {SYMBOLS_MAX} symbols"
        );
        ensure!(
            self.replays.len() <= self.symbols.len(),
            "{} recordings for {} symbols",
            self.replays.len(),
            self.symbols.len()
        );
        let mut symbols = Vec::new();
        let mut flows: Vec<(SymbolId, Box<dyn MarketFlow>)> = Vec::new();
        for (id, name) in (0_u16..).zip(&self.symbols) {
            let spec = SymbolSpec::preset(name)
                .with_context(|| format!("{name}: only …USDC and …USDT symbols are known"))?;
            let (price, flow) = match self.replays.get(usize::from(id)) {
                Some(file) => self.replay(file)?,
                None => self.synthetic(&spec, u64::from(id)),
            };
            flows.extend(flow.map(|flow| (SymbolId(id), flow)));
            symbols.push((spec, price));
        }
        Ok(ServeConfig {
            accounts: self.accounts(&symbols),
            exchange: ExchangeConfig::new(0, symbols),
            seed: self.seed,
            flows,
            timing: Timing::default(),
        })
    }

    fn synthetic(&self, spec: &SymbolSpec, index: u64) -> (E8, Option<Box<dyn MarketFlow>>) {
        let given = self.prices.get(&spec.name).copied();
        let price = given.unwrap_or_else(|| usual_price(&spec.base));
        let flow = self.market.as_ref().map(|params| {
            // Each symbol has its own chance, and adding one leaves the others as they were.
            let seed = self
                .seed
                .wrapping_add(index.wrapping_mul(0x9E37_79B9_7F4A_7C15));
            let flow = SyntheticFlow::new(params.clone(), price, seed);
            Box::new(flow) as Box<dyn MarketFlow>
        });
        (price, flow)
    }

    fn replay(&self, file: &Path) -> Result<(E8, Option<Box<dyn MarketFlow>>)> {
        let mut broken = None;
        let records: Vec<_> = CaptureReader::open(file)?
            .map_while(|record| {
                record
                    .inspect_err(|error| broken = Some(error.to_string()))
                    .ok()
            })
            .collect();
        if let Some(error) = broken {
            tracing::warn!(%error, records = records.len(), "the recording ends early");
        }
        let price = initial_price_of(&records)
            .with_context(|| format!("{}: no two-sided snapshot to start from", file.display()))?;
        let options = ReplayOptions {
            speed: self.speed,
            at_end: self.at_end,
            ..ReplayOptions::default()
        };
        let flow = ReplayFlow::from_records(records.into(), options);
        Ok((price, Some(Box::new(flow))))
    }

    fn accounts(&self, symbols: &[(SymbolSpec, E8)]) -> Vec<AccountConfig> {
        let mut assets: Vec<&str> = symbols
            .iter()
            .map(|(spec, _)| spec.quote.as_str())
            .collect();
        assets.sort_unstable();
        assets.dedup();
        let deposits: Vec<(String, E8)> = assets
            .into_iter()
            .map(|asset| (asset.to_owned(), self.balance))
            .collect();
        self.keys
            .iter()
            .map(|key| AccountConfig {
                deposits: deposits.clone(),
                keys: vec![key.clone()],
            })
            .collect()
    }
}

/// A price near the one of late 2024 to 2026 for the well-known symbols, and 100 for the rest.
fn usual_price(base: &str) -> E8 {
    let whole = match base {
        "BTC" => 65_000,
        "ETH" => 2_500,
        "BNB" => 600,
        "SOL" => 150,
        _ => 100,
    };
    whole * ONE
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(api_key: &str) -> KeyConfig {
        KeyConfig {
            api_key: api_key.into(),
            secret: Some("s".into()),
            ..KeyConfig::default()
        }
    }

    fn symbols(names: &[&str]) -> Launch {
        Launch {
            symbols: names.iter().map(|name| (*name).to_owned()).collect(),
            ..Launch::default()
        }
    }

    #[test]
    fn choices_become_a_configuration() {
        let launch = Launch {
            keys: vec![key("a"), key("b")],
            balance: 5_000 * ONE,
            prices: BTreeMap::from([("BTCUSDT".to_owned(), 70_000 * ONE)]),
            ..symbols(&["ETHUSDC", "BTCUSDT"])
        };
        let config = launch.config().expect("sound");
        let listed = config.exchange.symbols.iter();
        let listed: Vec<(&str, E8)> = listed
            .map(|symbol| (symbol.spec.name.as_str(), symbol.initial_price))
            .collect();
        assert_eq!(
            listed,
            [("ETHUSDC", 2_500 * ONE), ("BTCUSDT", 70_000 * ONE)]
        );
        assert_eq!((config.accounts.len(), config.flows.len()), (2, 2));
        let each = 5_000 * ONE;
        for account in &config.accounts {
            assert_eq!(
                account.deposits,
                [("USDC".into(), each), ("USDT".into(), each)]
            );
        }
        let bare = Launch {
            market: None,
            ..Launch::default()
        };
        assert!(bare.config().expect("sound").flows.is_empty());
    }

    #[test]
    fn nonsense_is_refused() {
        let absent = |names: &[&str], count: usize| Launch {
            replays: vec![PathBuf::from("/nonexistent"); count],
            ..symbols(names)
        };
        for launch in [
            symbols(&["EURUSD"]),
            symbols(&[]),
            absent(&["ETHUSDC"], 1),
            absent(&["ETHUSDC"], 2),
        ] {
            assert!(launch.config().is_err(), "{launch:?}");
        }
    }

    #[test]
    fn a_recording_starts_at_its_own_price() {
        let file = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../../shared/data/usdm/ethusdt_20240808.jsonl.gz"
        );
        if !Path::new(file).exists() {
            eprintln!("SKIPPED: ../shared/data is absent");
            return;
        }
        let launch = Launch {
            replays: vec![PathBuf::from(file)],
            at_end: LOOPED,
            ..Launch::default()
        };
        let config = launch.config().expect("a sound recording");
        let price = config
            .exchange
            .symbols
            .first()
            .map(|symbol| symbol.initial_price);
        assert!(
            price.is_some_and(|price| (2_000 * ONE..3_000 * ONE).contains(&price)),
            "{price:?}"
        );
        assert_eq!(config.flows.len(), 1);
    }
}
