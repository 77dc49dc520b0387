//! Owns the list of drills; only data. What a fault of the exchange does stands with its control port.

mod market;
mod process;
mod requests;
mod sockets;
mod streams;

use super::{Drill, Step};
use std::time::Duration;

/// Every drill, by what breaks: streams, sockets, requests, the market, processes and their surroundings.
#[must_use]
pub fn all() -> Vec<Drill> {
    [
        streams::MARKET_DATA,
        streams::USER_STREAM,
        sockets::DRILLS,
        requests::UNANSWERED,
        requests::LIMITED,
        requests::REFUSED,
        market::DRILLS,
        process::KILLED,
        process::BROKEN_INSIDE,
        process::SURROUNDINGS,
    ]
    .concat()
}

/// The drills with these names, in the order of the names.
///
/// # Errors
/// A sentence for the operator about the first name that no drill has.
pub fn named(names: &[String]) -> Result<Vec<Drill>, String> {
    let list = all();
    let find = |name: &String| list.iter().find(|drill| drill.name == name).copied();
    let nearest = |name: &String| {
        let distance = |drill: &&Drill| strsim::damerau_levenshtein(drill.name, name);
        list.iter()
            .min_by_key(distance)
            .map_or("", |drill| drill.name)
    };
    names
        .iter()
        .map(|name| {
            find(name).ok_or_else(|| {
                format!(
                    "no drill is called {name}; did you mean {}? `phoenix drill --list` shows all",
                    nearest(name)
                )
            })
        })
        .collect()
}

/// Fills the nearest layers of both sides, so that orders are placed and events come while a fault lasts.
const STIR: Step = Step::Market(r#"{"kind":"sweep","symbol":"ETHUSDC","side":"both","bps":12}"#);

/// Moves the price by more than the ladder's tolerance, so that orders are cancelled and placed while a fault lasts.
const MOVE: Step = Step::Market(r#"{"kind":"shock","symbol":"ETHUSDC","bps":30,"seconds":1}"#);

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[cfg(test)]
mod tests;
