//! Owns faults that a drill puts into a running process on purpose: where they are asked for, and that it is
//! never on a venue with real money; does not know what becomes of them.
//!
//! `PHOENIX_FAULT` is a list like `strategy-panic:ETHUSDC@20s,hot-panic@40s`: kind, symbol where the kind has one, and
//! the time after the start. On any venue but the embedded exchange on this machine a run with it does not start.

use crate::binance::routes::Venue;
use crate::net::Endpoint;
use phoenix_core::engine::contain::DeskFault;
use phoenix_core::units::Span;
use std::net::IpAddr;
use std::time::Duration;

/// The environment variable.
pub const VARIABLE: &str = "PHOENIX_FAULT";
/// Most faults of one run.
const FAULTS_MAX: usize = 16;

/// What breaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// `strategy-panic`, `strategy-panic-always`, `strategy-loop`: the strategy of a symbol.
    Strategy(DeskFault, String),
    /// `hot-panic`: the hot thread, outside a desk.
    Hot,
    /// `cold-panic`: the cold thread.
    Cold,
    /// `out-of-memory`: the process gets none any more and asks for some.
    Memory,
}

/// A fault and when it strikes, counted from the start of the thread concerned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    /// What breaks.
    pub fault: Fault,
    /// When.
    pub after: Duration,
}

/// What is asked for at once without memory: more than the allocator keeps in reserve.
const ASKED_BYTES: usize = 1 << 30;

/// Asks for memory after the process has given up its right to any, so that the machine keeps its own: the process aborts.
pub fn exhaust_memory() {
    let none = rustix::process::Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    match rustix::process::setrlimit(rustix::process::Resource::As, none) {
        Ok(()) => drop(std::hint::black_box(vec![1_u8; ASKED_BYTES])),
        Err(error) => tracing::error!(%error, "memory cannot be limited: the fault is not put in"),
    }
}

/// Takes what is due at this age of the thread.
pub fn take_due(list: &mut Vec<Planned>, age: Span) -> Vec<Planned> {
    let age = Duration::from_nanos(age.raw().unsigned_abs());
    list.extract_if(.., |planned| planned.after <= age)
        .collect()
}

/// What the environment asks for; nothing without the variable.
///
/// # Errors
/// A sentence for the operator: it cannot be read, names a symbol that is not traded, or the venue is not local.
pub fn planned(venue_name: &str, venue: &Venue, symbols: &[&str]) -> Result<Vec<Planned>, String> {
    match std::env::var(VARIABLE) {
        Ok(text) => checked(&text, venue_name, venue, symbols),
        Err(std::env::VarError::NotPresent) => Ok(Vec::new()),
        Err(std::env::VarError::NotUnicode(_)) => Err(format!("{VARIABLE} cannot be read")),
    }
}

fn checked(
    text: &str,
    venue_name: &str,
    venue: &Venue,
    symbols: &[&str],
) -> Result<Vec<Planned>, String> {
    if !is_local(venue_name, venue) {
        return Err(format!(
            "{VARIABLE} is set: faults are put in on purpose only with the embedded exchange on this machine, not on the venue \
             {venue_name} at {}; unset it",
            venue.rest()
        ));
    }
    let list: Vec<Planned> = text
        .split(',')
        .map(parse)
        .collect::<Option<_>>()
        .filter(|list: &Vec<_>| list.len() <= FAULTS_MAX)
        .ok_or_else(|| {
            format!(
                "{VARIABLE}={text}: expected a list like strategy-panic:ETHUSDC@20s with the kinds strategy-panic, \
                 strategy-panic-always, strategy-loop (of a symbol), hot-panic, cold-panic, out-of-memory"
            )
        })?;
    for planned in &list {
        if let Fault::Strategy(_, symbol) = &planned.fault
            && !symbols.contains(&symbol.as_str())
        {
            return Err(format!("{VARIABLE}: {symbol} is not traded in this run"));
        }
    }
    Ok(list)
}

fn parse(text: &str) -> Option<Planned> {
    let (what, when) = text.trim().split_once('@')?;
    let seconds: f64 = when.strip_suffix('s')?.parse().ok()?;
    let after = Duration::try_from_secs_f64(seconds).ok()?;
    let fault = match what.split_once(':') {
        None => match what {
            "hot-panic" => Fault::Hot,
            "cold-panic" => Fault::Cold,
            "out-of-memory" => Fault::Memory,
            _ => return None,
        },
        Some((kind, symbol)) => {
            let kind = match kind {
                "strategy-panic" => DeskFault::PanicOnce,
                "strategy-panic-always" => DeskFault::PanicAlways,
                "strategy-loop" => DeskFault::Loop,
                _ => return None,
            };
            Fault::Strategy(kind, symbol.to_owned())
        }
    };
    Some(Planned { fault, after })
}

/// The embedded exchange, by name and by every address: numbers of this machine, so that no resolver decides.
fn is_local(venue_name: &str, venue: &Venue) -> bool {
    let streams = venue.user_url("");
    let addresses = [venue.rest(), venue.ws_api(), &streams];
    let is_here = |url: &&str| {
        let base = url.split_once("/private/").map_or(*url, |(base, _)| base);
        Endpoint::parse(base).is_ok_and(|endpoint| {
            let host = endpoint.host.trim_matches(['[', ']']);
            host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
        })
    };
    ["local", "demo"].contains(&venue_name) && addresses.iter().all(is_here)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn here() -> Venue {
        Venue::custom("http://127.0.0.1:4000", "ws://127.0.0.1:4000").expect("addresses")
    }

    #[test]
    fn faults_are_read_with_kind_symbol_and_time() {
        let list = checked(
            "strategy-panic:ETHUSDC@20s, strategy-loop:BTCUSDC@0.5s,hot-panic@3s,cold-panic@4s,out-of-memory@5s",
            "local",
            &here(),
            &["ETHUSDC", "BTCUSDC"],
        )
        .expect("a list");
        let expected = [
            (
                Fault::Strategy(DeskFault::PanicOnce, "ETHUSDC".to_owned()),
                20_000,
            ),
            (Fault::Strategy(DeskFault::Loop, "BTCUSDC".to_owned()), 500),
            (Fault::Hot, 3_000),
            (Fault::Cold, 4_000),
            (Fault::Memory, 5_000),
        ]
        .map(|(fault, ms)| Planned {
            fault,
            after: Duration::from_millis(ms),
        });
        assert_eq!(list, expected);
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        for text in [
            "",
            "hot-panic",
            "hot-panic@3",
            "hot-panic@-3s",
            "hot-panic:ETHUSDC@3s",
            "strategy-panic@3s",
            "no-such:ETHUSDC@3s",
            "strategy-panic:XRPUSDC@3s",
        ] {
            let refused = checked(text, "local", &here(), &["ETHUSDC"]);
            assert!(refused.is_err_and(|why| why.contains(VARIABLE)), "{text}");
        }
    }

    #[test]
    fn no_fault_is_put_in_anywhere_but_on_this_machine() {
        let strange = |rest: &str, ws: &str| Venue::custom(rest, ws).expect("addresses");
        let venues = [
            ("live", here()),
            ("testnet", here()),
            ("live", Venue::mainnet()),
            ("local", Venue::mainnet()),
            ("local", Venue::testnet()),
            ("local", strange("http://127.0.0.1:1", "ws://10.0.0.1:1")),
            ("local", strange("http://10.0.0.1:1", "ws://127.0.0.1:1")),
            ("local", strange("http://localhost:1", "ws://127.0.0.1:1")),
        ];
        for (name, venue) in venues {
            assert!(
                checked("hot-panic@1s", name, &venue, &[]).is_err(),
                "{name} {venue:?}"
            );
        }
        assert!(checked("hot-panic@1s", "demo", &here(), &[]).is_ok());
    }
}
