//! Owns the thread that writes bundles and keeps their number and size; whoever tells it of an incident never waits.

use super::{AFTER, BEFORE, BUNDLES_MAX, Closing, INCIDENT, NOTICES, Opening};
use crate::flight::reader::BUNDLED;
use crate::flight::writer::Cutter;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// Incidents that wait for the disk; a further one is not kept.
const WAITING_MAX: usize = 64;
/// How long the end waits for the disk.
const CLOSE_LIMIT: Duration = Duration::from_secs(6);

enum Message {
    Open(Box<Opening>),
    Close(Box<Closing>),
    End,
}

/// Where bundles go.
#[derive(Debug, Clone)]
pub struct Place {
    /// Folder of the bundles.
    pub folder: PathBuf,
    /// Most bytes that bundles keep alive by themselves.
    pub keep_bytes: u64,
    /// What completes the flight record's files; `None` without a record.
    pub cutter: Option<Cutter>,
}

/// Writes bundles.
#[derive(Debug)]
pub struct Keeper {
    sender: SyncSender<Message>,
    thread: JoinHandle<()>,
}

impl Keeper {
    /// Starts the thread; nothing is made on the disk before there is an incident.
    ///
    /// # Errors
    /// When the system has no thread.
    pub fn start(place: Place) -> io::Result<Self> {
        let (sender, inbox) = sync_channel(WAITING_MAX);
        let thread = std::thread::Builder::new()
            .name("phoenix-incident".to_owned())
            .spawn(move || run(&place, &inbox))?;
        Ok(Self { sender, thread })
    }

    /// Begins a bundle.
    pub fn open(&self, opening: Opening) {
        self.tell(Message::Open(Box::new(opening)));
    }

    /// Completes it.
    pub fn complete(&self, closing: Closing) {
        self.tell(Message::Close(Box::new(closing)));
    }

    fn tell(&self, message: Message) {
        if self.sender.try_send(message).is_err() {
            tracing::warn!("the disk is too slow for incident bundles: one is not kept");
        }
    }

    /// Waits until everything is written, but not for a disk that hangs.
    pub fn close(self) {
        let step = Duration::from_millis(10);
        let (mut waited, mut is_told) = (Duration::ZERO, false);
        while waited < CLOSE_LIMIT && !self.thread.is_finished() {
            is_told = is_told || self.sender.try_send(Message::End).is_ok();
            std::thread::sleep(step);
            waited += step;
        }
    }
}

fn run(place: &Place, inbox: &Receiver<Message>) {
    while let Ok(message) = inbox.recv() {
        let outcome = match message {
            Message::Open(opening) => open(place, &opening),
            Message::Close(closing) => close(place, &closing),
            Message::End => return,
        };
        if let Err(error) = outcome {
            tracing::warn!(%error, folder = %place.folder.display(), "an incident bundle cannot be written");
        }
    }
}

fn open(place: &Place, opening: &Opening) -> io::Result<()> {
    let folder = place.folder.join(opening.incident.folder());
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&folder)?;
    write_json(&folder.join(INCIDENT), &opening.incident)?;
    write_json(&folder.join(BEFORE), &opening.before)?;
    tracing::info!(folder = %folder.display(), "an incident bundle is kept");
    keep_bounds(place)
}

fn close(place: &Place, closing: &Closing) -> io::Result<()> {
    let folder = place.folder.join(closing.incident.folder());
    if !folder.is_dir() {
        // It was the oldest of too many.
        return Ok(());
    }
    write_json(&folder.join(AFTER), &closing.after)?;
    let mut lines = String::new();
    for notice in &closing.notices {
        lines.push_str(&serde_json::to_string(notice)?);
        lines.push('\n');
    }
    write(&folder.join(NOTICES), lines.as_bytes())?;
    if let Some(cutter) = &place.cutter {
        take_record(&folder.join(BUNDLED), &cutter.cut())?;
    }
    let mut incident = closing.incident.clone();
    incident.is_complete = true;
    write_json(&folder.join(INCIDENT), &incident)?;
    keep_bounds(place)
}

/// The record's files, as links where the disk can: they cost nothing until the original is deleted.
fn take_record(folder: &Path, files: &[PathBuf]) -> io::Result<()> {
    if files.is_empty() {
        return Ok(());
    }
    std::fs::create_dir_all(folder)?;
    for file in files {
        let Some(name) = file.file_name() else {
            continue;
        };
        let to = folder.join(name);
        if std::fs::hard_link(file, &to).is_err() {
            std::fs::copy(file, &to)?;
        }
    }
    Ok(())
}

fn write_json(path: &Path, value: &impl Serialize) -> io::Result<()> {
    let mut text = serde_json::to_string_pretty(value)?;
    text.push('\n');
    write(path, text.as_bytes())
}

fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::options()
        .create(true)
        .truncate(true)
        .write(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(bytes)
}

/// Bundles, oldest first.
fn bundles(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.join(INCIDENT).is_file() {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// The oldest bundles go, then the records inside the oldest that are left.
fn keep_bounds(place: &Place) -> io::Result<()> {
    let mut all = bundles(&place.folder)?;
    let surplus = all.len().saturating_sub(BUNDLES_MAX);
    for oldest in all.drain(..surplus) {
        std::fs::remove_dir_all(oldest)?;
    }
    let mut with_record: Vec<PathBuf> = all.iter().map(|bundle| bundle.join(BUNDLED)).collect();
    with_record.retain(|record| record.is_dir());
    // The newest keeps its own.
    with_record.pop();
    for record in with_record {
        if kept_alive(&all)? <= place.keep_bytes {
            break;
        }
        std::fs::remove_dir_all(record)?;
    }
    Ok(())
}

/// Bytes of records that would be gone without the bundles.
fn kept_alive(bundles: &[PathBuf]) -> io::Result<u64> {
    let mut files: BTreeMap<(u64, u64), (u64, u64, u64)> = BTreeMap::new();
    for bundle in bundles {
        let Ok(entries) = std::fs::read_dir(bundle.join(BUNDLED)) else {
            continue;
        };
        for entry in entries {
            let meta = entry?.metadata()?;
            let file = files.entry((meta.dev(), meta.ino())).or_default();
            *file = (meta.len(), meta.nlink(), file.2 + 1);
        }
    }
    let alone = files.values().filter(|(_, links, ours)| links <= ours);
    Ok(alone.map(|(length, ..)| length).sum())
}

#[cfg(test)]
mod tests;
