//! Owns the processes that a drill starts: what they say is read as it comes, and none outlives the drill; does not know why they run.

use super::Signal;
use super::judge::Line;
use anyhow::{Context as _, Result};
use rustix::process::{Pid, Resource, Rlimit, Signal as Number, kill_process, prlimit};
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{SystemTime, UNIX_EPOCH};

/// Lines kept in memory of one process; the file has all.
const LINES_MAX: usize = 100_000;
/// Most of standard output that is kept.
const OUTPUT_MAX: u64 = 4 * 1024 * 1024;

/// The machine's wall clock, µs.
#[must_use]
pub fn wall_us() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |s| u64::try_from(s.as_micros()).unwrap_or(u64::MAX))
}

/// What processes said, in the order in which it was read; shared by those that write one log.
#[derive(Debug, Clone, Default)]
pub struct Log(Arc<Mutex<Vec<Line>>>);

impl Log {
    /// All lines so far.
    #[must_use]
    pub fn lines(&self) -> Vec<Line> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// The first line with this code from an instant on.
    #[must_use]
    pub fn find(&self, code: &str, from_us: u64) -> Option<Line> {
        let lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines
            .iter()
            .find(|line| line.code == code && line.at_us >= from_us)
            .cloned()
    }

    fn push(&self, line: Line) {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() < LINES_MAX {
            lines.push(line);
        }
    }
}

/// A log line in JSON, as `log_format: json` writes it; other lines are none of ours.
fn read_line(text: &str, arrived_us: u64) -> Option<Line> {
    let value: serde_json::Value = serde_json::from_str(text).ok()?;
    let word = |key: &str| value[key].as_str().unwrap_or_default().to_owned();
    let stamp = value["timestamp"]
        .as_str()
        .and_then(|t| t.parse::<jiff::Timestamp>().ok());
    Some(Line {
        at_us: stamp
            .and_then(|t| u64::try_from(t.as_microsecond()).ok())
            .unwrap_or(arrived_us),
        level: word("level"),
        code: word("code"),
        text: match value["message"].as_str() {
            Some(message) => message.to_owned(),
            None => text.to_owned(),
        },
    })
}

/// A process of the drill. Dropping it ends it.
#[derive(Debug)]
pub struct Process {
    child: Child,
    ended: Option<ExitStatus>,
    output: Arc<Mutex<String>>,
    readers: Vec<JoinHandle<()>>,
}

impl Process {
    /// Starts it in a group of its own, so that a Ctrl-C of the terminal does not reach it past us; what it says
    /// goes to `log` and to a file.
    ///
    /// # Errors
    /// When it cannot be started or the file cannot be made.
    pub fn start(command: &mut Command, file: &Path, log: &Log) -> Result<Self> {
        let name = file.display();
        let mut kept = File::options()
            .create(true)
            .append(true)
            .open(file)
            .with_context(|| format!("{name}"))?;
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .with_context(|| format!("{name}: the process cannot be started"))?;
        let output = Arc::new(Mutex::new(String::new()));
        let mut readers = Vec::new();
        if let Some(stderr) = child.stderr.take() {
            let log = log.clone();
            readers.push(std::thread::spawn(move || {
                for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                    let arrived = wall_us();
                    read_line(&line, arrived)
                        .into_iter()
                        .for_each(|l| log.push(l));
                    // A drill may fill the disk of the process, never ours; a line that is lost here is in memory.
                    let _ = writeln!(kept, "{line}");
                }
            }));
        }
        if let Some(stdout) = child.stdout.take() {
            let output = Arc::clone(&output);
            readers.push(std::thread::spawn(move || {
                for line in BufReader::new(stdout.take(OUTPUT_MAX))
                    .lines()
                    .map_while(Result::ok)
                {
                    let mut text = output.lock().unwrap_or_else(PoisonError::into_inner);
                    text.push_str(&line);
                    text.push('\n');
                }
            }));
        }
        Ok(Self {
            child,
            ended: None,
            output,
            readers,
        })
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it wrote on standard output so far.
    #[must_use]
    pub fn output(&self) -> String {
        self.output
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// How it ended, if it did.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        if self.ended.is_none() {
            self.ended = self.child.try_wait().ok().flatten();
        }
        self.ended
    }

    /// Once it has ended and nobody else holds its pipes: waits until all it said has been read.
    pub fn finish_reading(&mut self) {
        for reader in self.readers.drain(..) {
            let _ = reader.join();
        }
    }

    /// Sends a signal, unless it has ended.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn signal(&mut self, signal: Signal) -> Result<()> {
        match self.ended() {
            Some(_) => Ok(()),
            None => send(self.id(), signal),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.ended().is_none() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

fn pid(id: u32) -> Result<Pid> {
    let raw = i32::try_from(id).context("a process id")?;
    Pid::from_raw(raw).context("a process id above 0")
}

/// Sends a signal to a process of ours.
///
/// # Errors
/// When there is no such process any more.
pub fn send(id: u32, signal: Signal) -> Result<()> {
    let number = match signal {
        Signal::Stop => Number::STOP,
        Signal::Continue => Number::CONT,
        Signal::Kill => Number::KILL,
        Signal::Term => Number::TERM,
    };
    kill_process(pid(id)?, number).with_context(|| format!("signal to process {id}"))
}

/// Limits the growth of files of a process, bytes; `None` lifts it.
///
/// # Errors
/// When the system refuses.
pub fn limit_files(id: u32, bytes: Option<u64>) -> Result<()> {
    let limit = Rlimit {
        current: bytes,
        maximum: None,
    };
    prlimit(Some(pid(id)?), Resource::Fsize, limit).context("limit of file size")?;
    Ok(())
}

/// Whether a process exists and its arguments name `word`: only then is it one of ours.
#[must_use]
pub fn is_ours(id: u32, word: &str) -> bool {
    let arguments = std::fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&arguments).contains(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_line_has_its_own_time_and_code() {
        let text = r#"{"timestamp":"1970-01-01T00:00:02.500000Z","level":"WARN","message":"silent","code":"stream_dead"}"#;
        let line = read_line(text, 9).expect("JSON");
        assert_eq!((line.at_us, line.code.as_str()), (2_500_000, "stream_dead"));
        assert_eq!(
            (line.level.as_str(), line.text.as_str()),
            ("WARN", "silent")
        );
        let bare = read_line(r#"{"level":"INFO"}"#, 9).expect("JSON");
        assert_eq!((bare.at_us, bare.code.as_str()), (9, ""));
        assert_eq!(read_line("plain text", 9), None);
    }

    #[test]
    fn what_a_process_says_is_kept_and_it_ends_with_its_owner() {
        let folder = tempfile::tempdir().expect("a folder");
        let log = Log::default();
        let script = r#"echo '{"code":"hello","message":"x"}' >&2; echo out; exec sleep 100"#;
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        let file = folder.path().join("log");
        let mut process = Process::start(&mut command, &file, &log).expect("started");
        let id = process.id();
        while log.find("hello", 0).is_none() || process.output().is_empty() || !is_ours(id, "sleep")
        {
            std::thread::yield_now();
        }
        assert_eq!(process.output(), "out\n");
        assert!(process.ended().is_none());
        drop(process);
        assert!(!is_ours(id, "sleep"), "reaped");
        let kept = std::fs::read_to_string(file).expect("the file");
        assert!(kept.contains("hello"), "{kept}");
    }

    #[test]
    fn a_signal_ends_a_process_and_its_exit_is_known() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut command = Command::new("sleep");
        let log = Log::default();
        let mut process =
            Process::start(command.arg("100"), &folder.path().join("log"), &log).expect("started");
        process.signal(Signal::Kill).expect("sent");
        let status = loop {
            if let Some(status) = process.ended() {
                break status;
            }
            std::thread::yield_now();
        };
        assert_eq!(status.code(), None);
        process
            .signal(Signal::Kill)
            .expect("nobody to signal is no error");
    }
}
