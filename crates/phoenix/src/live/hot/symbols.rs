//! Owns how symbols come and go while the hot thread runs: one joins when its streams are connected, and its
//! streams end when nothing of it is open. The connections of the others are replaced, never broken.

use super::Hot;
use crate::binance::routes::{CONTRACTS, Route, subscription};
use crate::live::links::Target;
use crate::live::wire::{OwnedConfig, ToCold};
use crate::net::NetError;
use phoenix_core::event::Stream;

impl Hot {
    /// Points the public and market connections at the streams of all symbols.
    pub(super) fn connect_streams(&mut self) -> Result<(), NetError> {
        for (route, streams) in [
            (Route::Public, [Stream::Depth, Stream::BookTicker]),
            (Route::Market, [Stream::Trade, Stream::Mark]),
        ] {
            let names: Vec<String> = self
                .contracts
                .iter()
                .flat_map(|c| {
                    streams
                        .iter()
                        .filter_map(|s| subscription(&c.instrument.name, *s))
                })
                .chain((route == Route::Market).then(|| CONTRACTS.to_owned()))
                .collect();
            let url = self
                .venue
                .streams_url(route, names.iter().map(String::as_str));
            let target = Target::parse(&url)?;
            match route {
                Route::Market => self.market.retarget(target),
                _ => self.public.retarget(target),
            }
        }
        Ok(())
    }

    pub(super) fn on_config(&mut self, config: OwnedConfig) {
        match &config {
            OwnedConfig::Add(id, instrument, ..) => {
                if let Err(error) = self.contracts.add(*id, (**instrument).clone()) {
                    tracing::error!(%error, symbol = %instrument.name, "the symbol cannot be added");
                    return;
                }
                self.joining.push(config);
                self.reconnect_streams();
            }
            OwnedConfig::Account(_) => self.step(&config.event()),
            OwnedConfig::Change(..) | OwnedConfig::Remove(_) => {
                // What is said of a symbol that waits is said to a desk.
                self.join();
                self.step(&config.event());
            }
        }
    }

    /// Lets symbols join whose streams are connected, and ends the streams of those that have ended.
    pub(super) fn poll_symbols(&mut self) {
        // Before that their streams are silent, and the engine would take the connections of all for dead.
        if !self.joining.is_empty() && self.public.is_settled() && self.market.is_settled() {
            self.join();
        }
        let mut is_fewer = false;
        while let Some(ended) = self.pilot.next_ended() {
            self.contracts.remove(ended.symbol);
            self.tell(ToCold::Ended(Box::new(ended)));
            is_fewer = true;
        }
        if is_fewer {
            self.reconnect_streams();
        }
    }

    fn join(&mut self) {
        for config in std::mem::take(&mut self.joining) {
            self.step(&config.event());
        }
    }

    fn reconnect_streams(&mut self) {
        if let Err(error) = self.connect_streams() {
            tracing::error!(%error, "the streams' address cannot be used");
        }
    }
}
