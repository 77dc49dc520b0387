//! `phoenix exchange`: arguments, and what they make of the embedded exchange; and the small parsers that several commands share.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::Args;
use phoenix_exchange::flow::{FlowParams, Regime};
use phoenix_exchange::replay::AtEnd;

use crate::serve::auth::KeyConfig;
use crate::serve::launch::{LOOPED, Launch, main_exchange};

/// Run the embedded exchange on its own, for any Binance client to be pointed at.
///
/// Its keys are play money's: they may stand on the command line.
#[derive(Debug, Clone, PartialEq, Args)]
pub struct ExchangeArgs {
    /// Address to listen on; port 0 takes a free one and prints it.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0")]
    pub listen: SocketAddr,
    /// Symbols to offer.
    #[arg(long, value_name = "LIST", value_delimiter = ',', value_parser = symbol, default_value = "ETHUSDC")]
    pub symbols: Vec<String>,
    /// API key of the account.
    #[arg(long, value_name = "K")]
    pub key: Option<String>,
    /// Its HMAC secret.
    #[arg(long, value_name = "S", requires = "key")]
    pub secret: Option<String>,
    /// Its Ed25519 public key (PEM).
    #[arg(long, value_name = "PUBLIC.pem", requires = "key")]
    pub ed25519: Option<PathBuf>,
    /// Its RSA public key (PEM).
    #[arg(long, value_name = "PUBLIC.pem", requires = "key")]
    pub rsa: Option<PathBuf>,
    /// Another account with an HMAC key; repeatable.
    #[arg(long = "account", value_name = "KEY:SECRET", value_parser = account)]
    pub accounts: Vec<Account>,
    /// Seed of the synthetic market.
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Kind of synthetic market: normal (as measured), lively, calm, trending, jumpy, gapped, illiquid, or none.
    #[arg(
        long,
        value_name = "KIND",
        default_value = "normal",
        conflicts_with = "replay"
    )]
    pub market: String,
    /// Recorded market data to play in place of the synthetic market.
    #[arg(long, value_name = "FILE", num_args = 1.., conflicts_with = "seed")]
    pub replay: Vec<PathBuf>,
    /// Speed of the replay; 2 is twice as fast.
    #[arg(long, value_name = "X", requires = "replay", value_parser = positive, default_value = "1")]
    pub speed: f64,
    /// Begin the replay again when it ends.
    #[arg(long = "loop", requires = "replay")]
    pub repeat: bool,
    /// Open a control port for drills: faults, market shocks, ledger. On loopback only; it has no password.
    #[arg(long, value_name = "ADDR")]
    pub control: Option<SocketAddr>,
}

/// Key and secret of the account when none are given: play money, on loopback.
const DEFAULT_KEY: &str = "local-key";
const DEFAULT_SECRET: &str = "local-secret";

/// Serves the exchange until it is interrupted.
pub fn main(args: &ExchangeArgs) -> super::Exit {
    let launch = match launch_of(args) {
        Ok(launch) => launch,
        Err(error) => {
            eprintln!("phoenix exchange: {error:#}");
            return super::Exit::Config;
        }
    };
    match main_exchange(&launch) {
        Ok(()) => super::Exit::Designed,
        Err(error) => {
            eprintln!("phoenix exchange: {error:#}");
            super::Exit::Failure
        }
    }
}

fn launch_of(args: &ExchangeArgs) -> Result<Launch> {
    let pem = |path: &Option<PathBuf>| {
        let read = |path: &PathBuf| {
            std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
        };
        path.as_ref().map(read).transpose()
    };
    let has_public_key = args.ed25519.is_some() || args.rsa.is_some();
    let secret = match (&args.secret, has_public_key) {
        (Some(secret), _) => Some(secret.clone()),
        (None, true) => None,
        (None, false) => Some(DEFAULT_SECRET.to_owned()),
    };
    let mut keys = vec![KeyConfig {
        api_key: args.key.clone().unwrap_or_else(|| DEFAULT_KEY.to_owned()),
        secret,
        ed25519_pem: pem(&args.ed25519)?,
        rsa_pem: pem(&args.rsa)?,
    }];
    keys.extend(args.accounts.iter().map(|account| KeyConfig {
        api_key: account.key.clone(),
        secret: Some(account.secret.clone()),
        ..KeyConfig::default()
    }));
    let market = match args.market.as_str() {
        "none" => None,
        name => Some(FlowParams::new(
            Regime::from_name(name).with_context(|| format!("--market {name}: no such market"))?,
        )),
    };
    Ok(Launch {
        listen: args.listen,
        symbols: args.symbols.clone(),
        keys,
        seed: args.seed.unwrap_or(1),
        market,
        replays: args.replay.clone(),
        speed: args.speed,
        at_end: if args.repeat { LOOPED } else { AtEnd::Stop },
        control: args.control,
        ..Launch::default()
    })
}

/// An account of the embedded exchange.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// API key.
    pub key: String,
    /// HMAC secret.
    pub secret: String,
}

fn account(text: &str) -> Result<Account, String> {
    match text.split_once(':') {
        Some((key, secret)) if !key.is_empty() && !secret.is_empty() => Ok(Account {
            key: key.to_owned(),
            secret: secret.to_owned(),
        }),
        Some(_) | None => Err("expected KEY:SECRET".to_owned()),
    }
}

/// A symbol as the exchange names it.
pub(super) fn symbol(text: &str) -> Result<String, String> {
    let allowed = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    if (2..=32).contains(&text.len()) && text.bytes().all(allowed) {
        return Ok(text.to_owned());
    }
    Err("expected upper-case names such as ETHUSDC, separated by commas".to_owned())
}

/// A finite number above zero.
pub(super) fn positive(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(value) if value.is_finite() && value > 0.0 => Ok(value),
        Ok(_) | Err(_) => Err("expected a number above 0".to_owned()),
    }
}

/// Longest run that can be asked for: a year.
const SECONDS_MAX: f64 = 365.0 * 86_400.0;

/// A number of seconds above zero and at most a year.
pub(super) fn positive_seconds(text: &str) -> Result<f64, String> {
    positive(text)
        .ok()
        .filter(|seconds| *seconds <= SECONDS_MAX)
        .ok_or_else(|| "expected seconds above 0 and at most a year".to_owned())
}
