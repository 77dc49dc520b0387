//! Owns how a run's end is told, and which exit code it has.

use std::path::Path;

use serde_json::Value;

use super::Exit;
use crate::demo::faults::Played;
use crate::journal::query::Reader;
use crate::live::books::number;
use crate::live::cold::Ended;
use crate::live::session::{Finished, StartError};
use crate::live::summary::Summary;
use crate::live::usage::Usage;

/// Prints the summary: for people on standard error, or as one JSON object on standard output.
pub fn tell(finished: &Finished, usage: Usage, durable: bool, json: bool) -> Exit {
    tell_summary(finished, &Summary::of(finished, usage, durable), None, json)
}

/// As [`tell`] after a run with faults: a broken promise is a failure, and the object names the faults.
pub fn tell_faults(finished: &Finished, summary: &Summary, played: &[Played], json: bool) -> Exit {
    let exit = tell_summary(finished, summary, Some(played), json);
    match (exit, summary.promises.values().all(|kept| *kept)) {
        (Exit::Designed, false) => Exit::Failure,
        (exit, _) => exit,
    }
}

/// Prints a summary, and how the run ended as an exit code.
pub fn tell_summary(
    finished: &Finished,
    summary: &Summary,
    played: Option<&[Played]>,
    json: bool,
) -> Exit {
    eprint!("{}", summary.text(finished));
    if json {
        let written = with_faults(summary, played)
            .map_err(std::io::Error::other)
            .and_then(|value| super::output::emit_json(&value));
        if let Err(error) = written {
            eprintln!("the summary cannot be written: {error}");
        }
    }
    match (summary.open_orders_end, finished.ended) {
        (Some(0), Ended::Stopped) => Exit::Designed,
        (Some(0), Ended::Abandoned) => Exit::Designed,
        (Some(0), Ended::HotGone | Ended::ColdPanicked) => Exit::Panicked,
        (Some(_) | None, _) => Exit::Unclean,
    }
}

fn with_faults(summary: &Summary, played: Option<&[Played]>) -> serde_json::Result<Value> {
    let mut value = serde_json::to_value(summary)?;
    if let (Some(fields), Some(played)) = (value.as_object_mut(), played) {
        fields.insert("faults".to_owned(), serde_json::to_value(played)?);
    }
    Ok(value)
}

/// Whether the journal, read anew, has the engine's position and funding of each symbol and every fill of the run.
#[must_use]
pub fn is_durable(finished: &Finished, journal: &Path) -> bool {
    let state = match Reader::open(journal).and_then(|reader| reader.restart_state()) {
        Ok(state) => state,
        Err(error) => {
            eprintln!("the journal cannot be read back: {error}");
            return false;
        }
    };
    let lives = finished.last_lives();
    // Where the engine never showed its books, nothing is known to agree.
    let is_known = lives.len() == finished.open.len();
    is_known && lives.into_values().all(|(instrument, symbol)| {
        let Some(instrument) = instrument else {
            return false;
        };
        let kept = state.symbols.get(&instrument.name);
        let position = kept
            .and_then(|s| s.position.as_ref())
            .map_or(0, |p| p.qty_e8);
        let before = finished.fills_before.get(&instrument.name);
        let fills = kept.map_or(0, |s| s.fills) - before.copied().unwrap_or(0);
        let ours = symbol.position.raw().saturating_mul(instrument.step_e8);
        let run_fills =
            i64::try_from(symbol.record.fills_buy + symbol.record.fills_sell).unwrap_or(i64::MAX);
        let paid = kept.map_or(0, |s| s.funding_e8.values().sum());
        let agrees =
            position == ours && fills >= run_fills && paid == symbol.funding.raw();
        if !agrees {
            eprintln!(
                "{}: the journal has position {}, {fills} fills of this run and funding {}, the engine {}, {run_fills} and {}",
                instrument.name,
                number(position),
                number(paid),
                number(ours),
                number(symbol.funding.raw())
            );
        }
        agrees
    })
}

/// Says why a run did not start.
pub fn tell_start_error(command: &str, error: &StartError) -> Exit {
    match error {
        StartError::Config(issues) => {
            issues.iter().for_each(|issue| eprintln!("error: {issue}"));
            Exit::Config
        }
        StartError::Busy(why) => {
            eprintln!("phoenix {command}: {why}");
            Exit::Busy
        }
        StartError::Venue(why) => {
            eprintln!("phoenix {command}: {why}");
            Exit::Venue
        }
        StartError::Net(why) => {
            eprintln!("phoenix {command}: {why}");
            Exit::Venue
        }
        StartError::Journal(why) => {
            eprintln!("phoenix {command}: {why}");
            Exit::Failure
        }
        StartError::Fault(why) => {
            eprintln!("phoenix {command}: {why}");
            Exit::Config
        }
        StartError::Panicked => {
            eprintln!("phoenix {command}: {error}");
            Exit::Panicked
        }
        StartError::System(why) => {
            eprintln!("phoenix {command}: {why}");
            Exit::Failure
        }
    }
}
