//! Owns the files of a record while a session runs: one thread packs what the hot thread hands over, turns to a new
//! file, and keeps the bound on the disk; knows nothing of what is recorded.

use super::recorder::{Recorder, Status};
use super::segment::{
    Body, EXTENSION, HEAD_BYTES, Hash, Header, Kind, Label, Previous, seal, seal_header,
};
use phoenix_core::params::AccountParams;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// Buffers that wait for the disk: a minute of an ordinary market. With one more the record ends, and says so; the hot
/// thread never waits.
pub const BLOCKS_MAX: usize = 64;
/// Empty buffers that are kept for the hot thread; a further one is freed.
const SPARE_MAX: usize = 4;
/// A file of this length is followed by the next part.
const PART_BYTES: u64 = 32 << 20;
/// Room for the last segment, which says why a record ended.
const END_BYTES: u64 = (HEAD_BYTES + 64) as u64;
/// How long the end waits for the disk.
const CLOSE_LIMIT: Duration = Duration::from_secs(3);
/// How long a cut may take.
const CUT_LIMIT: Duration = Duration::from_secs(5);

/// To the writer.
#[derive(Debug)]
pub enum Message {
    /// A segment.
    Block(Block),
    /// Turn to a new file and say which are complete.
    Cut(SyncSender<Vec<PathBuf>>),
    /// The session is over.
    End,
}

/// A segment as the hot thread hands it over.
#[derive(Debug)]
pub struct Block {
    /// Entries.
    pub raw: Vec<u8>,
    /// Number of the first event.
    pub first_event: u64,
    /// How many.
    pub events: u32,
}

/// Why a record ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// The session was over.
    Over,
    /// The writer was too far behind: so many events follow that are not in the record.
    Behind(u64),
    /// The bound on the disk was reached.
    Full,
}

super::codec::codec!(enum Reason { 0 => Over, 1 => Behind(missed), 2 => Full });

/// What is recorded, and where.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Folder of the records.
    pub folder: PathBuf,
    /// Most bytes of all records there.
    pub keep_bytes: u64,
    /// Session number.
    pub session: u32,
    /// Venue's name.
    pub venue: String,
    /// When it begins, ns since the epoch.
    pub began_wall_ns: i64,
    /// What the engine is made with.
    pub params: AccountParams,
}

/// The cold side's hold on a record.
#[derive(Debug)]
pub struct Flight {
    to_writer: SyncSender<Message>,
    status: Arc<Status>,
    thread: JoinHandle<()>,
}

/// Asks the writer for files; cheap to clone.
#[derive(Debug, Clone)]
pub struct Cutter(SyncSender<Message>);

impl Cutter {
    /// Turns to a new file, so that what was recorded so far is complete in others, and names those. Empty when the record
    /// ended or the disk is too slow. Blocks the calling thread.
    #[must_use]
    pub fn cut(&self) -> Vec<PathBuf> {
        let (reply, answer) = sync_channel(1);
        match self.0.try_send(Message::Cut(reply)) {
            Ok(()) => answer.recv_timeout(CUT_LIMIT).unwrap_or_default(),
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => Vec::new(),
        }
    }
}

/// Begins a record: its first file is there when this returns.
///
/// # Errors
/// When the folder or the file cannot be made.
pub fn begin(plan: &Plan) -> io::Result<(Flight, Recorder)> {
    std::fs::create_dir_all(&plan.folder)?;
    let (to_writer, inbox) = sync_channel(BLOCKS_MAX);
    let (give_back, spare) = sync_channel(SPARE_MAX);
    let status = Arc::new(Status::default());
    let mut files = Files::new(plan.clone(), Arc::clone(&status))?;
    let thread = std::thread::Builder::new()
        .name("phoenix-flight".to_owned())
        .spawn(move || files.run(&inbox, &give_back))?;
    let recorder = Recorder::new(to_writer.clone(), spare, Arc::clone(&status));
    let flight = Flight {
        to_writer,
        status,
        thread,
    };
    Ok((flight, recorder))
}

impl Flight {
    /// How it fares.
    #[must_use]
    pub fn status(&self) -> Arc<Status> {
        Arc::clone(&self.status)
    }

    /// What asks for complete files.
    #[must_use]
    pub fn cutter(&self) -> Cutter {
        Cutter(self.to_writer.clone())
    }

    /// Writes the end, after the hot thread is over. A disk that hangs is not waited for longer than a moment.
    pub fn close(self) {
        let mut waited = Duration::ZERO;
        let step = Duration::from_millis(10);
        let mut is_told = false;
        while waited < CLOSE_LIMIT && !self.thread.is_finished() {
            is_told = is_told || self.to_writer.try_send(Message::End).is_ok();
            std::thread::sleep(step);
            waited += step;
        }
        if !self.thread.is_finished() {
            tracing::warn!("the flight record's last second is not on the disk");
        }
    }
}

/// The writer's state.
struct Files {
    plan: Plan,
    status: Arc<Status>,
    /// `None` once the record has ended.
    file: Option<File>,
    part: u32,
    part_bytes: u64,
    /// Of this session, all parts.
    own_bytes: u64,
    /// Sessions before, oldest first, with their files and lengths.
    older: BTreeMap<String, Vec<(PathBuf, u64)>>,
    complete: Vec<PathBuf>,
    hash: Hash,
    segments: u32,
    /// Number of the next event.
    next_event: u64,
}

impl Files {
    fn new(plan: Plan, status: Arc<Status>) -> io::Result<Self> {
        let older = sessions(&plan.folder)?;
        let mut files = Self {
            plan,
            status,
            file: None,
            part: 0,
            part_bytes: 0,
            own_bytes: 0,
            older,
            complete: Vec::new(),
            hash: Hash::default(),
            segments: 0,
            next_event: 1,
        };
        files.turn()?;
        Ok(files)
    }

    fn run(&mut self, inbox: &Receiver<Message>, give_back: &SyncSender<Vec<u8>>) {
        loop {
            match inbox.recv_timeout(Duration::from_secs(3_600)) {
                Ok(Message::Block(block)) => {
                    let outcome = self.on_block(&block);
                    self.note(outcome);
                    // A fifth one is freed.
                    let _ = give_back.try_send(block.raw);
                }
                Ok(Message::Cut(reply)) => {
                    let outcome = self.cut();
                    self.note(outcome);
                    // Who asked may have given up.
                    let _ = reply.try_send(self.complete.clone());
                }
                Ok(Message::End) | Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
        let missed = self.status.missed.load(Ordering::Relaxed);
        let reason = match missed {
            0 => Reason::Over,
            missed => Reason::Behind(missed),
        };
        let outcome = self.end(reason);
        self.note(outcome);
    }

    /// A disk that refuses ends the record: without what was refused the rest could not be replayed.
    fn note(&mut self, outcome: io::Result<()>) {
        if let Err(error) = outcome {
            tracing::warn!(%error, folder = %self.plan.folder.display(), "the flight record cannot be written");
            self.status.has_failed.store(true, Ordering::Relaxed);
            self.file = None;
        }
    }

    fn on_block(&mut self, block: &Block) -> io::Result<()> {
        if self.file.is_none() {
            return Ok(());
        }
        let label = Label {
            kind: Kind::Entries,
            number: self.segments + 1,
            first_event: block.first_event,
            events: block.events,
        };
        let (bytes, hash) = seal(label, &block.raw, &self.hash)?;
        if !self.has_room(bytes.len() as u64) {
            self.status.is_full.store(true, Ordering::Relaxed);
            return self.end(Reason::Full);
        }
        self.append(&bytes, hash)?;
        self.next_event = block.first_event + u64::from(block.events);
        if self.part_bytes >= PART_BYTES {
            self.cut()?;
        }
        Ok(())
    }

    /// Whether so many bytes more are within the bound, once older sessions have made room.
    fn has_room(&mut self, bytes: u64) -> bool {
        let wanted = self.own_bytes + bytes + 2 * END_BYTES;
        loop {
            let older: u64 = self
                .older
                .values()
                .flatten()
                .map(|(_, length)| length)
                .sum();
            if wanted + older <= self.plan.keep_bytes {
                return true;
            }
            let Some((_, oldest)) = self.older.pop_first() else {
                return false;
            };
            for (path, _) in oldest {
                if let Err(error) = std::fs::remove_file(&path) {
                    tracing::warn!(%error, file = %path.display(), "an old flight record could not be deleted");
                }
            }
        }
    }

    fn append(&mut self, bytes: &[u8], hash: Hash) -> io::Result<()> {
        let Some(file) = &mut self.file else {
            return Ok(());
        };
        if let Err(error) = file.write_all(bytes) {
            // What was written of it goes, so that the record ends with a whole segment.
            let _ = file.set_len(self.part_bytes);
            return Err(error);
        }
        self.hash = hash;
        self.segments += 1;
        self.part_bytes += bytes.len() as u64;
        self.own_bytes += bytes.len() as u64;
        Ok(())
    }

    fn label(&self, kind: Kind) -> Label {
        Label {
            kind,
            number: self.segments + 1,
            first_event: self.next_event,
            events: 0,
        }
    }

    /// Completes the file and begins the next.
    fn cut(&mut self) -> io::Result<()> {
        if self.file.is_none() {
            return Ok(());
        }
        let (bytes, hash) = seal(self.label(Kind::Turn), &[], &self.hash)?;
        self.append(&bytes, hash)?;
        self.complete.push(self.path());
        self.turn()
    }

    fn end(&mut self, reason: Reason) -> io::Result<()> {
        if self.file.is_none() {
            return Ok(());
        }
        let mut sink = super::codec::Sink::default();
        super::codec::Code::encode(&reason, &mut sink);
        let (bytes, hash) = seal(self.label(Kind::End), &sink.bytes, &self.hash)?;
        self.append(&bytes, hash)?;
        self.complete.push(self.path());
        self.file = None;
        Ok(())
    }

    fn path(&self) -> PathBuf {
        let Plan {
            folder,
            session,
            began_wall_ns,
            ..
        } = &self.plan;
        folder.join(format!(
            "{}-{:03}.{EXTENSION}",
            stem(*began_wall_ns, *session),
            self.part
        ))
    }

    fn turn(&mut self) -> io::Result<()> {
        self.part += 1;
        let header = Header {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            body: Body {
                part: self.part,
                session: self.plan.session,
                venue: self.plan.venue.clone(),
                began_wall_ns: self.plan.began_wall_ns,
                params: self.plan.params,
                previous: Previous(self.hash),
            },
        };
        let (bytes, hash) = seal_header(&header);
        // What we hold and do is for nobody else on this machine.
        let mut file = File::options()
            .create_new(true)
            .append(true)
            .mode(0o600)
            .open(self.path())?;
        file.write_all(&bytes)?;
        self.hash = hash;
        self.part_bytes = bytes.len() as u64;
        self.own_bytes += bytes.len() as u64;
        self.file = Some(file);
        Ok(())
    }
}

/// Name of a record's files without part and extension; later ones sort behind.
fn stem(began_wall_ns: i64, session: u32) -> String {
    let at = jiff::Timestamp::from_nanosecond(i128::from(began_wall_ns)).unwrap_or_default();
    format!("{}-s{session:06}", at.strftime("%Y%m%dT%H%M%S.%3fZ"))
}

/// Stem and part of a record's file.
#[must_use]
pub fn parse_name(path: &Path) -> Option<(String, u32)> {
    let name = path.file_name()?.to_str()?;
    let (stem, part) = name
        .strip_suffix(EXTENSION)?
        .strip_suffix('.')?
        .rsplit_once('-')?;
    Some((stem.to_owned(), part.parse().ok()?))
}

/// The records of a folder, oldest first, each with its files and their lengths.
///
/// # Errors
/// When the folder cannot be read.
pub fn sessions(folder: &Path) -> io::Result<BTreeMap<String, Vec<(PathBuf, u64)>>> {
    let mut found: BTreeMap<String, Vec<(PathBuf, u64)>> = BTreeMap::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let path = entry.path();
        if let Some((stem, _)) = parse_name(&path) {
            let length = entry.metadata().map_or(0, |m| m.len());
            found.entry(stem).or_default().push((path, length));
        }
    }
    found.values_mut().for_each(|files| files.sort());
    Ok(found)
}
