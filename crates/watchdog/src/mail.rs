//! Owns the socket on which the child tells of its progress, and the form of what it tells; does not judge it.

use std::fs::DirBuilder;
use std::io::{self, Read};
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use serde::Deserialize;

/// The environment variable that names the socket to the child.
pub const SOCKET_VARIABLE: &str = "PHOENIX_WATCHDOG_SOCKET";
/// Longest line; a longer one is counted as malformed and skipped to its end.
pub const LINE_BYTES_MAX: usize = 1_024;
/// Connections read at once; further ones are closed at once. One child has one.
pub const CONNECTIONS_MAX: usize = 4;
/// Names tried for the private folder.
const FOLDERS_MAX: u32 = 100;

/// What the child is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// It reads and checks; its trading thread has not run yet.
    Booting,
    /// It trades or waits for what it needs to.
    Trading,
    /// It runs and quotes nothing until a person or a deadline lets it.
    Halted,
    /// Its graceful end runs.
    Stopping,
}

/// One line of the child: counters that only grow while it makes progress.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct Beat {
    /// Form of the line; 1.
    pub v: u32,
    /// Its process id.
    pub pid: u32,
    /// Completed cycles of its trading thread.
    pub cycles: u64,
    /// Rounds of the thread beside it, which answers and records; absent in older forms.
    #[serde(default)]
    pub cold: Option<u64>,
    /// Age of the oldest data that one of its open orders stands on, ms; `None` without such an order.
    pub data_age_ms: Option<u64>,
    /// Orders that it takes for open or in doubt.
    pub open_orders: u64,
    /// What it is doing.
    pub phase: Phase,
    /// Whether its end is none that was asked for.
    #[serde(default)]
    pub crashed: bool,
}

impl Beat {
    /// Reads a line without its end.
    #[must_use]
    pub fn decode(line: &[u8]) -> Option<Self> {
        let beat: Self = serde_json::from_slice(line).ok()?;
        (beat.v == 1).then_some(beat)
    }
}

/// Cuts bytes into lines, whatever pieces they come in.
#[derive(Debug, Default)]
struct Lines {
    rest: Vec<u8>,
    is_skipping: bool,
}

impl Lines {
    /// Gives each complete line to `take`; one that is too long as `None`.
    fn push(&mut self, bytes: &[u8], mut take: impl FnMut(Option<&[u8]>)) {
        for byte in bytes {
            if *byte == b'\n' {
                if !std::mem::take(&mut self.is_skipping) {
                    take(Some(&self.rest));
                }
                self.rest.clear();
            } else if self.is_skipping {
                // Until its end.
            } else if self.rest.len() < LINE_BYTES_MAX {
                self.rest.push(*byte);
            } else {
                self.rest.clear();
                self.is_skipping = true;
                take(None);
            }
        }
    }
}

/// The socket in its private folder; dropping it removes both.
#[derive(Debug)]
pub struct Mailbox {
    folder: PathBuf,
    socket: PathBuf,
    malformed: Arc<AtomicU64>,
}

impl Mailbox {
    /// Makes a folder that only this user can enter in `base`, listens there, and gives every readable line to `on_beat`,
    /// which returns whether anybody still wants one.
    ///
    /// # Errors
    /// Folder, socket or thread could not be made.
    pub fn open(
        base: &Path,
        on_beat: impl Fn(Beat) -> bool + Clone + Send + 'static,
    ) -> io::Result<Self> {
        let folder = private_folder(base)?;
        let socket = folder.join("heartbeat");
        let malformed = Arc::new(AtomicU64::new(0));
        let mailbox = Self {
            folder,
            socket,
            malformed: Arc::clone(&malformed),
        };
        let listener = UnixListener::bind(&mailbox.socket)?;
        std::thread::Builder::new()
            .name("mail".to_owned())
            .spawn(move || accept(&listener, &malformed, &on_beat))?;
        Ok(mailbox)
    }

    /// The socket's path, for the child.
    #[must_use]
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// Lines so far that could not be read.
    #[must_use]
    pub fn malformed(&self) -> u64 {
        self.malformed.load(Ordering::Relaxed)
    }
}

impl Drop for Mailbox {
    fn drop(&mut self) {
        // What cannot be removed is an empty folder with a dead socket.
        let _ = std::fs::remove_file(&self.socket);
        let _ = std::fs::remove_dir(&self.folder);
    }
}

/// Where the folder goes: the place that the service manager or the login session keeps for such, else the temporary one.
#[must_use]
pub fn base_folder() -> PathBuf {
    ["RUNTIME_DIRECTORY", "XDG_RUNTIME_DIR"]
        .iter()
        .filter_map(std::env::var_os)
        .map(PathBuf::from)
        .find(|folder| folder.is_dir())
        .unwrap_or_else(std::env::temp_dir)
}

/// A folder that did not exist before, so that nobody can have prepared it.
fn private_folder(base: &Path) -> io::Result<PathBuf> {
    for attempt in 0..FOLDERS_MAX {
        let name = format!("phoenix-watchdog-{}-{attempt}", std::process::id());
        let folder = base.join(name);
        match DirBuilder::new().mode(0o700).create(&folder) {
            Ok(()) => return Ok(folder),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

fn accept(
    listener: &UnixListener,
    malformed: &Arc<AtomicU64>,
    on_beat: &(impl Fn(Beat) -> bool + Clone + Send + 'static),
) {
    let open = Arc::new(AtomicUsize::new(0));
    for stream in listener.incoming() {
        let Ok(stream) = stream else {
            // Out of file descriptors, most likely: not in a fast loop.
            std::thread::sleep(std::time::Duration::from_millis(100));
            continue;
        };
        if open.load(Ordering::Relaxed) >= CONNECTIONS_MAX {
            continue;
        }
        let (count, malformed, on_beat) =
            (Arc::clone(&open), Arc::clone(malformed), on_beat.clone());
        open.fetch_add(1, Ordering::Relaxed);
        let reader = std::thread::Builder::new().name("mail".to_owned());
        let started = reader.spawn(move || {
            read(stream, &malformed, &on_beat);
            count.fetch_sub(1, Ordering::Relaxed);
        });
        if started.is_err() {
            open.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

fn read(mut stream: UnixStream, malformed: &AtomicU64, on_beat: &impl Fn(Beat) -> bool) {
    let (mut lines, mut buffer) = (Lines::default(), [0_u8; 512]);
    let mut is_wanted = true;
    while is_wanted {
        let count = match stream.read(&mut buffer) {
            Ok(0) => return,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(_) => return,
        };
        lines.push(buffer.get(..count).unwrap_or_default(), |line| {
            match line.and_then(Beat::decode) {
                Some(beat) => is_wanted &= on_beat(beat),
                None => {
                    malformed.fetch_add(1, Ordering::Relaxed);
                }
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::os::unix::fs::PermissionsExt;
    use std::sync::mpsc;
    use std::time::Duration;

    const LINE: &str = r#"{"v":1,"pid":7,"session":3,"cycles":41,"cold":9,"events":40,"decisions":5,"acks":4,"data_age_ms":12,"open_orders":36,"phase":"trading"}"#;
    const LIMIT: Duration = Duration::from_secs(20);

    #[test]
    fn a_line_is_read_whatever_else_it_says() {
        let beat = Beat::decode(LINE.as_bytes()).expect("a beat");
        assert_eq!((beat.pid, beat.cycles, beat.cold), (7, 41, Some(9)));
        assert_eq!((beat.data_age_ms, beat.open_orders), (Some(12), 36));
        assert_eq!(beat.phase, Phase::Trading);
    }

    #[test]
    fn what_is_no_beat_is_told_from_one() {
        for line in [
            "",
            "{}",
            "null",
            "[1]",
            r#"{"v":2,"pid":7,"cycles":1,"data_age_ms":null,"open_orders":0,"phase":"trading"}"#,
            r#"{"v":1,"pid":7,"cycles":-1,"data_age_ms":null,"open_orders":0,"phase":"trading"}"#,
            r#"{"v":1,"pid":7,"cycles":1,"data_age_ms":null,"open_orders":0,"phase":"dancing"}"#,
            "\u{0}\u{1}",
        ] {
            assert_eq!(Beat::decode(line.as_bytes()), None, "{line}");
        }
    }

    #[test]
    fn lines_survive_any_cutting_and_long_ones_are_skipped_whole() {
        let long = "x".repeat(LINE_BYTES_MAX + 5);
        let text = format!("one\n\n{long}\ntwo\nrest");
        for piece in [1, 2, 7, 4_096] {
            let (mut lines, mut found) = (Lines::default(), Vec::new());
            for bytes in text.as_bytes().chunks(piece) {
                lines.push(bytes, |line| {
                    found.push(line.map(|l| String::from_utf8_lossy(l).into_owned()));
                });
            }
            let kept = |word: &str| Some(word.to_owned());
            assert_eq!(found, [kept("one"), kept(""), None, kept("two")], "{piece}");
        }
    }

    #[test]
    fn beats_arrive_bad_lines_are_counted_and_the_folder_is_private() {
        let base = tempfile::tempdir().expect("a folder");
        let (tell, told) = mpsc::channel();
        let mailbox =
            Mailbox::open(base.path(), move |beat| tell.send(beat).is_ok()).expect("a mailbox");
        let folder = mailbox.socket().parent().expect("its folder").to_owned();
        let mode = std::fs::metadata(&folder)
            .expect("it exists")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o700);
        let mut child = UnixStream::connect(mailbox.socket()).expect("a connection");
        write!(child, "nonsense\n{LINE}\n").expect("written");
        assert_eq!(told.recv_timeout(LIMIT).expect("a beat").cycles, 41);
        assert_eq!(mailbox.malformed(), 1);
        // Another one, as after a restart, while the first still stands.
        let mut second = UnixStream::connect(mailbox.socket()).expect("a connection");
        writeln!(second, "{}", LINE.replace("41", "42")).expect("written");
        assert_eq!(told.recv_timeout(LIMIT).expect("a beat").cycles, 42);
        drop(mailbox);
        assert!(!folder.exists());
    }
}
