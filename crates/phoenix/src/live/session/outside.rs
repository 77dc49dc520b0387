//! Owns what reaches a run from outside: signals and the configuration file.

use super::changes::{Asked, Changes};
use super::{Setup, StartError};
use crate::config::watch::{Reloader, Verdict, Watcher};
use crate::live::cold::Outside;
use phoenix_core::event::Operator;
use std::path::Path;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, oneshot};
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

/// Watches signals and, where there is one, the configuration file, whose changes `changes` applies.
pub(super) fn watch(setup: &Setup, changes: Changes) -> Result<Watchers, StartError> {
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
        let tell = changes.tell.clone();
        tasks.push(tokio::spawn(async move {
            while signals.recv().await.is_some() {
                if tell.send(message.clone()).await.is_err() {
                    return;
                }
            }
        }));
    }
    let file = match &setup.config_path {
        Some(path) => {
            let (asked, reports) = mpsc::channel(1);
            tasks.push(tokio::spawn(changes.keep(reports)));
            Some(watch_file(path, asked)?)
        }
        None => None,
    };
    Ok(Watchers { tasks, _file: file })
}

/// The watching thread asks what becomes of each report, and waits for the answer.
fn watch_file(path: &Path, asked: mpsc::Sender<Asked>) -> Result<Watcher, StartError> {
    let (reloader, _warnings) =
        Reloader::load(path).map_err(|rejected| StartError::Config(rejected.errors))?;
    let watcher = Watcher::start(reloader, move |report| {
        let (verdict, said) = oneshot::channel();
        let asked = asked.blocking_send(Asked { report, verdict });
        match asked.map(|()| said.blocking_recv()) {
            Ok(Ok(verdict)) => verdict,
            Ok(Err(_)) | Err(_) => {
                tracing::warn!("nobody judges a changed file any more: nothing was taken over");
                Verdict::Refused
            }
        }
    })?;
    Ok(watcher)
}
