//! Arguments of `phoenix run` and what they make of the configured venue; does not run it.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::config::{GlobalConfig, Venue};

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

#[cfg(test)]
mod tests;
