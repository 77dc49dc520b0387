//! Owns starting an exchange from command-line words: symbols, market, accounts, keys; knows no protocol.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use phoenix_exchange::api::{ONE, SymbolId};
use phoenix_exchange::flow::{FlowParams, Regime, SyntheticFlow};
use phoenix_exchange::replay::{AtEnd, ReplayFlow, ReplayOptions};
use phoenix_exchange::{E8, ExchangeConfig, MarketFlow, SymbolSpec, decimal};

use super::auth::KeyConfig;
use super::json::{Object, array};
use super::timing::Timing;
use super::{AccountConfig, ServeConfig, Server};
use crate::capture::CaptureReader;

/// Pause between two rounds of a looped recording, ms.
const LOOP_PAUSE_MS: u64 = 2_000;
/// Symbols of one exchange.
pub const SYMBOLS_MAX: usize = 64;

/// The exchange on its own, for any Binance USDⓈ-M client to be pointed at.
#[derive(Debug, Clone, clap::Args)]
pub struct ExchangeArgs {
    /// Address to listen on; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:0")]
    pub listen: SocketAddr,
    /// Symbols, separated by commas.
    #[arg(long, value_delimiter = ',', default_value = "ETHUSDC")]
    pub symbols: Vec<String>,
    /// API key of the first account.
    #[arg(long, default_value = "local-key")]
    pub key: String,
    /// HMAC secret of the first account's key. It guards play money only.
    #[arg(long, default_value = "local-secret")]
    pub secret: String,
    /// Ed25519 public key (PEM file) of the first account's key, besides the secret.
    #[arg(long)]
    pub ed25519: Option<PathBuf>,
    /// RSA public key (PEM file) of the first account's key, besides the secret.
    #[arg(long)]
    pub rsa: Option<PathBuf>,
    /// A further account with an HMAC key, as KEY:SECRET; may be repeated.
    #[arg(long = "account", value_name = "KEY:SECRET")]
    pub accounts: Vec<String>,
    /// Deposit of every account in each margin asset.
    #[arg(long, default_value = "100000")]
    pub balance: String,
    /// Seed of the market and of all other chance.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Kind of synthetic market: normal, calm, lively, trending, jumpy, gapped, illiquid; or none.
    #[arg(long, default_value = "normal")]
    pub market: String,
    /// First price of a synthetic market, as SYMBOL=PRICE; may be repeated.
    #[arg(long = "price", value_name = "SYMBOL=PRICE")]
    pub prices: Vec<String>,
    /// A recorded market in place of the synthetic one, as SYMBOL=FILE; may be repeated.
    #[arg(long = "replay", value_name = "SYMBOL=FILE")]
    pub replays: Vec<String>,
    /// Recorded seconds per second.
    #[arg(long, default_value_t = 1.0)]
    pub speed: f64,
    /// Starts recordings again when they end.
    #[arg(long = "loop")]
    pub is_looped: bool,
}

/// Starts an exchange, prints one JSON line with its addresses, and serves until it is asked to end.
///
/// # Errors
/// When an argument makes no sense, a file cannot be read, or the address cannot be bound.
pub fn main_exchange(args: &ExchangeArgs) -> Result<()> {
    let symbols = args.symbols.clone();
    let server = Server::bind(args.listen, args.config()?)?;
    println!("{}", announcement(&server, &symbols));
    wait_for_end()?;
    server.shutdown();
    Ok(())
}

/// The line that tells a client where to go.
pub fn announcement(server: &Server, symbols: &[String]) -> String {
    Object::new()
        .text("rest_url", &server.rest_url())
        .text("ws_url", &server.ws_url())
        .text("ws_api_url", &server.ws_api_url())
        .raw(
            "symbols",
            &array(symbols.iter().map(|symbol| format!("\"{symbol}\""))),
        )
        .int("pid", std::process::id())
        .done()
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

impl ExchangeArgs {
    /// The configuration that these words mean.
    ///
    /// # Errors
    /// As [`main_exchange`].
    pub fn config(&self) -> Result<ServeConfig> {
        let prices = assignments("--price", &self.prices)?;
        let replays = assignments("--replay", &self.replays)?;
        ensure!(
            (1..=SYMBOLS_MAX).contains(&self.symbols.len()),
            "between 1 and {SYMBOLS_MAX} symbols"
        );
        for name in prices.keys().chain(replays.keys()) {
            ensure!(self.symbols.contains(name), "{name} is not among --symbols");
        }
        let mut symbols = Vec::new();
        let mut flows: Vec<(SymbolId, Box<dyn MarketFlow>)> = Vec::new();
        for (id, name) in (0_u16..).zip(&self.symbols) {
            let spec = SymbolSpec::preset(name)
                .with_context(|| format!("{name}: only …USDC and …USDT symbols are known"))?;
            let price = match prices.get(name) {
                Some(text) => amount(text)?,
                None => usual_price(&spec.base),
            };
            let flow = match replays.get(name) {
                Some(file) => Some(self.replay(Path::new(file))?),
                None => self.synthetic(price, u64::from(id))?,
            };
            flows.extend(flow.map(|flow| (SymbolId(id), flow)));
            symbols.push((spec, price));
        }
        let accounts = self.account_configs(&symbols)?;
        Ok(ServeConfig {
            exchange: ExchangeConfig::new(0, symbols),
            seed: self.seed,
            accounts,
            flows,
            timing: Timing::default(),
        })
    }

    fn synthetic(&self, price: E8, index: u64) -> Result<Option<Box<dyn MarketFlow>>> {
        if self.market == "none" {
            return Ok(None);
        }
        let regime = Regime::from_name(&self.market)
            .with_context(|| format!("--market {}: no such market", self.market))?;
        // Each symbol has its own chance, and adding one leaves the others as they were.
        let seed = self
            .seed
            .wrapping_add(index.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let flow = SyntheticFlow::new(FlowParams::new(regime), price, seed);
        Ok(Some(Box::new(flow)))
    }

    fn replay(&self, file: &Path) -> Result<Box<dyn MarketFlow>> {
        CaptureReader::open(file)?;
        let file = file.to_path_buf();
        let options = ReplayOptions {
            speed: self.speed,
            at_end: if self.is_looped {
                AtEnd::Loop {
                    pause_ms: LOOP_PAUSE_MS,
                }
            } else {
                AtEnd::Stop
            },
            ..ReplayOptions::default()
        };
        let open = move || -> Box<dyn Iterator<Item = _> + Send> {
            match CaptureReader::open(&file) {
                Ok(reader) => Box::new(reader.map_while(|record| {
                    record
                        .inspect_err(|error| tracing::error!(%error, "the recording ends early"))
                        .ok()
                })),
                Err(error) => {
                    tracing::error!(%error, "the recording is gone");
                    Box::new(std::iter::empty())
                }
            }
        };
        Ok(Box::new(ReplayFlow::new(Box::new(open), options)))
    }

    fn account_configs(&self, symbols: &[(SymbolSpec, E8)]) -> Result<Vec<AccountConfig>> {
        let balance = amount(&self.balance)?;
        let mut assets: Vec<&str> = symbols
            .iter()
            .map(|(spec, _)| spec.quote.as_str())
            .collect();
        assets.sort_unstable();
        assets.dedup();
        let deposits: Vec<(String, E8)> = assets
            .into_iter()
            .map(|asset| (asset.to_owned(), balance))
            .collect();
        let mut keys = vec![KeyConfig {
            api_key: self.key.clone(),
            secret: Some(self.secret.clone()),
            ed25519_pem: self.ed25519.as_deref().map(read_pem).transpose()?,
            rsa_pem: self.rsa.as_deref().map(read_pem).transpose()?,
        }];
        for text in &self.accounts {
            let Some((api_key, secret)) = text.split_once(':') else {
                bail!("--account takes KEY:SECRET");
            };
            keys.push(KeyConfig {
                api_key: api_key.to_owned(),
                secret: Some(secret.to_owned()),
                ..KeyConfig::default()
            });
        }
        Ok(keys
            .into_iter()
            .map(|key| AccountConfig {
                deposits: deposits.clone(),
                keys: vec![key],
            })
            .collect())
    }
}

fn read_pem(file: &Path) -> Result<String> {
    std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))
}

fn amount(text: &str) -> Result<E8> {
    match decimal::parse(text) {
        Ok(value) if value > 0 => Ok(value),
        _ => bail!("{text}: not a positive amount"),
    }
}

fn assignments<'a>(option: &str, texts: &'a [String]) -> Result<BTreeMap<String, &'a str>> {
    texts
        .iter()
        .map(|text| {
            let (name, value) = text
                .split_once('=')
                .with_context(|| format!("{option} takes SYMBOL=VALUE, not {text}"))?;
            Ok((name.to_owned(), value))
        })
        .collect()
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
    use clap::Parser as _;

    use super::*;

    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        exchange: ExchangeArgs,
    }

    fn config(words: &[&str]) -> Result<ServeConfig> {
        let line = Line::try_parse_from(std::iter::once(&"exchange").chain(words))?;
        line.exchange.config()
    }

    #[test]
    fn words_become_a_configuration() {
        let config = config(&[
            "--symbols",
            "ETHUSDC,BTCUSDT",
            "--key",
            "K",
            "--secret",
            "S",
            "--account",
            "A:B",
            "--price",
            "BTCUSDT=70000.5",
            "--balance",
            "5000",
            "--seed",
            "9",
        ])
        .expect("sound");
        let names: Vec<&str> = config
            .exchange
            .symbols
            .iter()
            .map(|s| s.spec.name.as_str())
            .collect();
        assert_eq!(names, ["ETHUSDC", "BTCUSDT"]);
        assert_eq!(
            config.exchange.symbols.last().map(|s| s.initial_price),
            Some(7_000_050_000_000)
        );
        assert_eq!(config.accounts.len(), 2);
        let deposits = config
            .accounts
            .first()
            .map(|account| account.deposits.clone());
        let each = 5_000 * ONE;
        assert_eq!(
            deposits,
            Some(vec![("USDC".into(), each), ("USDT".into(), each)])
        );
        assert_eq!((config.flows.len(), config.seed), (2, 9));
    }

    #[test]
    fn nonsense_is_refused() {
        for words in [
            &["--symbols", "EURUSD"][..],
            &["--market", "sideways"],
            &["--price", "SOLUSDC=1"],
            &["--price", "ETHUSDC"],
            &["--price", "ETHUSDC=-1"],
            &["--account", "nocolon"],
            &["--replay", "ETHUSDC=/nonexistent/file"],
            &["--ed25519", "/nonexistent/file"],
        ] {
            assert!(config(words).is_err(), "{words:?}");
        }
        assert!(config(&["--market", "none"]).is_ok_and(|config| config.flows.is_empty()));
    }
}
