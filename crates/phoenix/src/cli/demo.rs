//! Arguments of `phoenix demo`; does not run it.

use std::path::PathBuf;

use clap::Args;

/// Make a market on the embedded exchange, with nothing to set up.
#[derive(Debug, Clone, PartialEq, Args)]
pub struct DemoArgs {
    /// Stop after this many seconds; without it, on Ctrl-C.
    #[arg(long, value_name = "N", value_parser = super::exchange::positive_seconds)]
    pub seconds: Option<f64>,
    /// Print one JSON object on standard output at the end, and nothing else there.
    #[arg(long)]
    pub json: bool,
    /// Seed of the synthetic market; the same seed gives the same market. Without it a fresh one is printed.
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Symbols to trade.
    #[arg(long, value_name = "LIST", value_delimiter = ',', value_parser = super::exchange::symbol, default_value = "ETHUSDC")]
    pub symbols: Vec<String>,
    /// Recorded market data to play in place of the synthetic market.
    #[arg(long, value_name = "FILE", num_args = 1.., conflicts_with = "seed")]
    pub replay: Vec<PathBuf>,
    /// Speed of the replay; 2 is twice as fast.
    #[arg(long, value_name = "X", requires = "replay", value_parser = super::exchange::positive, default_value = "1")]
    pub speed: f64,
}
