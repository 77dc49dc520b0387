//! Owns what reaches a run from outside: signals and the configuration file.

use super::boot::{Booted, account_of, changed_params};
use super::{Setup, StartError};
use crate::binance::contracts::Contracts;
use crate::config::Config;
use crate::config::check::check_filters;
use crate::config::diff::symbol_changes;
use crate::config::params::{ShellParams, filters_of};
use crate::config::watch::{Report, Watcher};
use crate::journal::record::{ConfigChange, Record};
use crate::journal::writer::Recorder;
use crate::live::cold::Outside;
use crate::live::wire::OwnedConfig;
use phoenix_core::event::Operator;
use phoenix_core::params::ExchangeLimits;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

/// Everything that watches; dropping it ends the watching.
pub(super) struct Watchers {
    tasks: Vec<JoinHandle<()>>,
    _file: Option<Watcher>,
}

impl Drop for Watchers {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

/// Watches signals and, where there is one, the configuration file.
pub(super) fn watch(
    setup: &Setup,
    booted: &Booted,
    tuner: watch::Sender<ShellParams>,
    tell: mpsc::Sender<Outside>,
) -> Result<Watchers, StartError> {
    let mut tasks = Vec::new();
    for (kind, message) in [
        (SignalKind::interrupt(), Outside::Stop),
        (SignalKind::terminate(), Outside::Stop),
        (
            SignalKind::user_defined1(),
            Outside::Operator(Operator::Kill),
        ),
        (
            SignalKind::user_defined2(),
            Outside::Operator(Operator::Resume),
        ),
    ] {
        let mut signals = signal(kind)?;
        let tell = tell.clone();
        tasks.push(tokio::spawn(async move {
            while signals.recv().await.is_some() {
                if tell.send(message.clone()).await.is_err() {
                    return;
                }
            }
        }));
    }
    let file = match &setup.config_path {
        Some(path) => Some(watch_file(path, setup, booted, tuner, tell)?),
        None => None,
    };
    Ok(Watchers { tasks, _file: file })
}

fn watch_file(
    path: &std::path::Path,
    setup: &Setup,
    booted: &Booted,
    tuner: watch::Sender<ShellParams>,
    tell: mpsc::Sender<Outside>,
) -> Result<Watcher, StartError> {
    let contracts = booted.contracts.clone();
    let recorder = booted.writer.recorder();
    let mut current = setup.config.clone();
    let (limits, log_level) = (booted.account_params.limits, setup.log_level.clone());
    let (reloader, _warnings) = crate::config::watch::Reloader::load(path)
        .map_err(|rejected| StartError::Config(rejected.errors))?;
    let watcher = Watcher::start(reloader, move |report| {
        let before = ShellParams::of(&current.global);
        let changes = on_report(report, &mut current, limits, &contracts, &recorder);
        let after = ShellParams::of(&current.global);
        if after != before {
            tuner.send_replace(after);
            if let Some(level) = &log_level {
                level.apply(after.log_level);
            }
        }
        if let Some(changes) = changes
            && tell.blocking_send(Outside::Config(changes)).is_err()
        {
            tracing::debug!("a configuration change came after the end");
        }
    })?;
    Ok(watcher)
}

/// Journals and announces a report; returns what the engine is to be told.
fn on_report(
    report: Report,
    current: &mut Config,
    limits: ExchangeLimits,
    contracts: &Contracts,
    recorder: &Recorder,
) -> Option<Vec<OwnedConfig>> {
    match report {
        Report::Changed {
            config,
            changes,
            warnings,
        } => {
            warnings.iter().for_each(|issue| tracing::warn!("{issue}"));
            let (added, removed) = symbol_changes(current, &config);
            if !added.is_empty() || !removed.is_empty() {
                tracing::error!(
                    ?added,
                    ?removed,
                    "adding or removing symbols needs a restart in this version; nothing was changed"
                );
                return None;
            }
            let errors: Vec<_> = config
                .symbols
                .iter()
                .filter_map(|s| Some((s, contracts.by_name(s.symbol.as_bytes())?)))
                .flat_map(|(s, c)| {
                    check_filters(&config, s, &filters_of(&c.instrument), None).errors
                })
                .collect();
            if !errors.is_empty() {
                errors.iter().for_each(|issue| {
                    tracing::error!("refused, the old configuration stays: {issue}")
                });
                return None;
            }
            let mut events = Vec::new();
            match account_of(&config, limits) {
                Ok(account) if Some(account) != account_of(current, limits).ok() => {
                    events.push(OwnedConfig::Account(account));
                }
                Ok(_) => {}
                Err(issue) => {
                    tracing::error!("refused, the old configuration stays: {issue}");
                    return None;
                }
            }
            for (_, change) in changed_params(&config, contracts) {
                match change {
                    Ok(event) => events.push(event),
                    Err(issue) => {
                        tracing::error!("refused, the old configuration stays: {issue}");
                        return None;
                    }
                }
            }
            let at_ms = jiff::Timestamp::now().as_millisecond();
            for change in &changes {
                tracing::info!(key = %change.key, old = ?change.old, new = ?change.new, "configuration changed");
                let record = ConfigChange {
                    at_ms,
                    key: change.key.clone(),
                    old_value: change.old.clone(),
                    new_value: change.new.clone(),
                };
                if let Err(error) = recorder.record(Record::Config(record)) {
                    tracing::warn!(?error, "the change was not journalled");
                }
            }
            *current = *config;
            Some(events)
        }
        Report::NeedsRestart { changes } => {
            let keys: Vec<&str> = changes.iter().map(|c| c.key.as_str()).collect();
            tracing::error!(
                ?keys,
                "the changed file needs a restart; nothing was taken over"
            );
            None
        }
        Report::Refused(rejected) => {
            rejected
                .errors
                .iter()
                .for_each(|issue| tracing::error!("refused, the old configuration stays: {issue}"));
            None
        }
        Report::Restored => {
            tracing::info!("the configuration file is as it was again");
            None
        }
    }
}
