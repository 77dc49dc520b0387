//! Owns the order in which an emergency command acts: ask, hold a running Phoenix down, cancel, close, verify; does not know how it is printed.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use phoenix_watchdog::clock;
use phoenix_watchdog::emergency::cancel::{self, CancelReport};
use phoenix_watchdog::emergency::close::{self, CloseReport};
use phoenix_watchdog::venue::model::{Order, Position};
use phoenix_watchdog::venue::{ClockOffset, Patience, Quiet, VenueError};

use super::Options;
use super::confirm::{self, Answer};
use super::target::Target;
use super::tell;
use crate::cli::Exit;
use crate::cli::output::say;
use crate::lock::Standing;

/// `status` is asked for by somebody who waits.
const STATUS_PATIENCE: Duration = Duration::from_secs(20);
/// The look before the question may fail; the question is asked all the same.
const PREVIEW_PATIENCE: Duration = Duration::from_secs(5);
const PREVIEW_ATTEMPTS: u32 = 3;
/// How long the fates of cancelled orders are asked for; they change nothing.
const FATES_PATIENCE: Duration = Duration::from_secs(15);
const FATES_ATTEMPTS: u32 = 3;
/// A running Phoenix has seen the kill file after this long, and sends nothing more.
const KILL_FILE_SEEN: Duration = Duration::from_secs(1);
/// A ban that ends later than this is not waited for.
const BAN_WAIT_MAX: Duration = Duration::from_secs(3_600);
/// Bans that are waited for, one after the other.
const BANS_MAX: u32 = 4;
/// Rounds of closing and cancelling, while something keeps quoting.
const CLOSE_ROUNDS_MAX: u32 = 3;

/// The words that confirm.
const CANCEL: &str = "CANCEL";
const CLOSE: &str = "CLOSE";

/// What an exchange shows, each part by itself.
pub(super) struct Shown {
    pub clock: Result<ClockOffset, VenueError>,
    pub orders: Result<Vec<Order>, VenueError>,
    pub positions: Result<Vec<Position>, VenueError>,
}

impl Shown {
    pub(super) fn error(&self) -> Option<&VenueError> {
        let parts = [self.orders.as_ref().err(), self.positions.as_ref().err()];
        let mut errors = parts.into_iter().flatten().chain(self.clock.as_ref().err());
        errors.next()
    }
}

/// Whether a running Phoenix is held down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Hold {
    /// The kill file is there.
    Held(PathBuf),
    /// It could not be written.
    Failed(PathBuf, String),
    /// It was not wanted, or there is no state folder to put it into.
    Without,
}

/// Looks and tells.
pub(super) fn status(target: &mut Target, options: &Options) -> Exit {
    let shown = look(
        target,
        options,
        Patience::until(clock::now() + STATUS_PATIENCE),
    );
    tell::status(target, &shown, options.json);
    match shown.error() {
        None => Exit::Designed,
        Some(VenueError::Denied { .. }) => Exit::Config,
        Some(_) => Exit::Venue,
    }
}

/// Cancels and tells.
pub(super) fn cancel_all(target: &mut Target, options: &Options) -> Exit {
    if let Some(exit) = refused(CANCEL, target, options) {
        return exit;
    }
    let hold = hold(target, options);
    let held_since = clock::now();
    let mut report = cancel_until_empty(target, options, None);
    if matches!(target.running, Standing::Held(_)) && report.error.is_none() {
        // What it sent before it saw the kill file has reached the exchange by then.
        clock::sleep_within(KILL_FILE_SEEN, held_since + KILL_FILE_SEEN);
        report = cancel_until_empty(target, options, Some(report));
    }
    learn_fates(target, &mut report);
    tell::cancelled(target, &report, &hold, options.json);
    exit_of(report.error.as_ref(), report.is_verified_empty)
}

/// Cancels, closes, cancels what came meanwhile, and tells.
pub(super) fn close_all(target: &mut Target, options: &Options) -> Exit {
    if let Some(exit) = refused(CLOSE, target, options) {
        return exit;
    }
    let hold = hold(target, options);
    let mut cancelled = cancel_until_empty(target, options, None);
    let mut closed = None;
    for _ in 0..CLOSE_ROUNDS_MAX {
        if matches!(cancelled.error, Some(VenueError::Denied { .. })) {
            break;
        }
        let known = cancelled.orders.len();
        let report = close_until_flat(target, options, closed);
        cancelled = cancel_until_empty(target, options, Some(cancelled));
        let is_over = cancelled.orders.len() == known || report.error.is_some();
        closed = Some(report);
        if is_over {
            break;
        }
        say("orders came while positions were closed: closing and cancelling again");
    }
    learn_fates(target, &mut cancelled);
    let told = tell::Told {
        cancelled: &cancelled,
        closed: closed.as_ref(),
        others: &others(target, options),
        hold: &hold,
    };
    tell::closed(target, &told, options.json);
    let is_flat = closed.as_ref().is_some_and(|c| c.is_verified_flat);
    let error = closed.as_ref().and_then(|c| c.error.as_ref());
    exit_of(
        cancelled.error.as_ref().or(error),
        is_flat && cancelled.is_verified_empty,
    )
}

/// Positions that were not to be closed; `None` when they could not be asked for.
fn others(target: &mut Target, options: &Options) -> Option<Vec<Position>> {
    let symbols = closed_symbols(target, options);
    if symbols.is_empty() {
        return Some(Vec::new());
    }
    let patience = Patience::until(clock::now() + PREVIEW_PATIENCE).with_attempts(PREVIEW_ATTEMPTS);
    let mut held = close::held(&mut target.venue, &[], patience).ok()?;
    held.retain(|position| !symbols.contains(&position.symbol));
    Some(held)
}

fn exit_of(error: Option<&VenueError>, is_verified: bool) -> Exit {
    match error {
        Some(VenueError::Denied { .. }) => Exit::Config,
        _ if is_verified => Exit::Designed,
        _ => Exit::Unclean,
    }
}

fn look(target: &mut Target, options: &Options, patience: Patience) -> Shown {
    let venue = &mut target.venue;
    let clock = venue.sync_clock(patience);
    Shown {
        clock,
        orders: cancel::look(venue, &options.symbols, patience),
        positions: close::held(venue, &options.symbols, patience),
    }
}

/// Shows what there is and asks; the exit code when it is not to be done.
fn refused(word: &str, target: &mut Target, options: &Options) -> Option<Exit> {
    if options.yes {
        return None;
    }
    let patience = Patience::until(clock::now() + PREVIEW_PATIENCE);
    let what = || {
        let shown = look(target, options, patience.with_attempts(PREVIEW_ATTEMPTS));
        match word {
            CLOSE => tell::before_close(target, options, &shown),
            _ => tell::before_cancel(target, &shown),
        }
    };
    match confirm::ask(word, what) {
        Answer::Go => None,
        Answer::No => {
            say("not confirmed: nothing was done");
            Some(Exit::Config)
        }
        Answer::Nobody => {
            say(
                "phoenix emergency: there is no terminal to confirm on: add --yes if it is meant; nothing was done",
            );
            Some(Exit::Config)
        }
    }
}

/// Puts the kill file where a Phoenix that runs here, or is started by its supervisor, finds it.
fn hold(target: &Target, options: &Options) -> Hold {
    let Some(file) = target.kill_file.as_ref().filter(|_| !options.no_kill_file) else {
        if let Standing::Held(holder) = &target.running {
            say(&format!(
                "WARNING: {holder} is not held down and may place orders again: stop it, or kill -9 it if it hangs"
            ));
        }
        return Hold::Without;
    };
    let text = "written by phoenix emergency\n";
    match std::fs::write(file, text) {
        Ok(()) => {
            say(&format!(
                "kill file {}: a phoenix of this folder cancels and stays down",
                file.display()
            ));
            Hold::Held(file.clone())
        }
        Err(error) => {
            say(&format!(
                "WARNING: the kill file {} cannot be written ({error}): a running phoenix may place orders again; stop it first",
                file.display()
            ));
            Hold::Failed(file.clone(), error.to_string())
        }
    }
}

fn cancel_until_empty(
    target: &mut Target,
    options: &Options,
    before: Option<CancelReport>,
) -> CancelReport {
    let mut report = before;
    through_bans(options, |deadline| {
        let whose = &target.whose;
        let now = cancel::cancel_orders(&mut target.venue, &options.symbols, whose, deadline);
        let quiet = quiet_of(now.error.as_ref());
        let merged = match report.take() {
            Some(earlier) => earlier.followed_by(now),
            None => now,
        };
        report = Some(merged.clone());
        (merged, quiet)
    })
}

fn close_until_flat(
    target: &mut Target,
    options: &Options,
    before: Option<CloseReport>,
) -> CloseReport {
    let symbols = closed_symbols(target, options);
    let mut report = before;
    through_bans(options, |deadline| {
        let now = close::close_positions(&mut target.venue, &symbols, deadline);
        let quiet = quiet_of(now.error.as_ref());
        let merged = match report.take() {
            Some(earlier) => earlier.followed_by(now),
            None => now,
        };
        report = Some(merged.clone());
        (merged, quiet)
    })
}

/// Whose positions are closed: those named, else the configured ones, else all.
pub(super) fn closed_symbols(target: &Target, options: &Options) -> Vec<String> {
    if options.symbols.is_empty() {
        target.configured.clone()
    } else {
        options.symbols.clone()
    }
}

fn quiet_of(error: Option<&VenueError>) -> Option<Quiet> {
    match error {
        Some(VenueError::Quiet(quiet)) => Some(*quiet),
        Some(
            VenueError::Denied { .. } | VenueError::Refused { .. } | VenueError::Silent { .. },
        )
        | None => None,
    }
}

/// Does it until patience ends, and again after each silence that lasts longer than that.
fn through_bans<R>(options: &Options, mut act: impl FnMut(Instant) -> (R, Option<Quiet>)) -> R {
    let patience = Duration::from_secs(options.patience);
    let mut deadline = clock::now() + patience;
    let mut bans = 0;
    loop {
        let (report, quiet) = act(deadline);
        let Some(quiet) = quiet else {
            return report;
        };
        bans += 1;
        if clock::left(quiet.until) > BAN_WAIT_MAX || bans > BANS_MAX {
            say(&format!(
                "the silence ends in {} s, which is not waited for: run this again then, or from another address",
                clock::left(quiet.until).as_secs()
            ));
            return report;
        }
        deadline = quiet.until + patience;
    }
}

fn learn_fates(target: &mut Target, report: &mut CancelReport) {
    let patience = Patience::until(clock::now() + FATES_PATIENCE).with_attempts(FATES_ATTEMPTS);
    report.learn_fates(&mut target.venue, patience);
}
