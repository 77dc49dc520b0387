//! Arguments of `phoenix exchange`, and the small parsers that several commands share; does not run it.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;

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
    #[arg(long, value_name = "S", requires = "key", conflicts_with_all = ["ed25519", "rsa"])]
    pub secret: Option<String>,
    /// Its Ed25519 public key (PEM).
    #[arg(
        long,
        value_name = "PUBLIC.pem",
        requires = "key",
        conflicts_with = "rsa"
    )]
    pub ed25519: Option<PathBuf>,
    /// Its RSA public key (PEM).
    #[arg(long, value_name = "PUBLIC.pem", requires = "key")]
    pub rsa: Option<PathBuf>,
    /// Another account with an HMAC key; repeatable.
    #[arg(long = "account", value_name = "KEY:SECRET", value_parser = account)]
    pub accounts: Vec<Account>,
    /// Seed of the synthetic market; without it a fresh one is printed.
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Recorded market data to play in place of the synthetic market.
    #[arg(long, value_name = "FILE", num_args = 1.., conflicts_with = "seed")]
    pub replay: Vec<PathBuf>,
    /// Speed of the replay; 2 is twice as fast.
    #[arg(long, value_name = "X", requires = "replay", value_parser = positive, default_value = "1")]
    pub speed: f64,
    /// Begin the replay again when it ends.
    #[arg(long = "loop", requires = "replay")]
    pub repeat: bool,
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
