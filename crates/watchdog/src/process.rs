//! Owns one child process: how it is started, signalled and reaped; does not know why.

use std::ffi::OsString;
use std::io;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Child, Command};

use rustix::process::{Pid, Signal, WaitOptions, kill_process, kill_process_group, wait};

use crate::policy::Blow;
use crate::policy::ending::Gone;

/// Endings of strangers reaped at one look; the rest waits for the next.
const ORPHANS_MAX: usize = 64;

/// How the child is started.
#[derive(Debug, Clone)]
pub struct Program {
    /// Its file.
    pub file: PathBuf,
    /// Its arguments.
    pub arguments: Vec<OsString>,
    /// What is added to its environment.
    pub variables: Vec<(String, OsString)>,
}

/// Who else may end here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reaping {
    /// Only our own child.
    Own,
    /// Everybody whose parent ended: this is process 1 of its container.
    All,
}

impl Reaping {
    /// What this process has to do.
    #[must_use]
    pub fn of_this_process() -> Self {
        if std::process::id() == 1 {
            Self::All
        } else {
            Self::Own
        }
    }
}

/// A running child, in a process group of its own: a terminal's Ctrl-C reaches only the watchdog, which passes it on once.
#[derive(Debug)]
pub struct Running {
    child: Child,
    pid: Pid,
    reaping: Reaping,
}

impl Running {
    /// Starts the program. It is not told to the service manager's socket, which is the watchdog's.
    ///
    /// # Errors
    /// The system's reason.
    pub fn start(program: &Program, reaping: Reaping) -> io::Result<Self> {
        let mut command = Command::new(&program.file);
        command
            .args(&program.arguments)
            .envs(program.variables.iter().map(|(k, v)| (k, v)))
            .env_remove("NOTIFY_SOCKET")
            .env_remove("WATCHDOG_USEC")
            .env_remove("WATCHDOG_PID")
            .process_group(0);
        let child = command.spawn()?;
        let pid = Pid::from_child(&child);
        Ok(Self {
            child,
            pid,
            reaping,
        })
    }

    /// Its process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// How it ended, if it did. Afterwards its id may belong to another process: nothing is sent any more.
    pub fn poll_gone(&mut self) -> Option<Gone> {
        match self.reaping {
            Reaping::Own => match self.child.try_wait() {
                Ok(status) => status.map(|s| gone(s.code(), s.signal())),
                // Somebody else reaped it: it is gone, and how is not known.
                Err(_) => Some(Gone::Exit(-1)),
            },
            Reaping::All => self.reap_all(),
        }
    }

    fn reap_all(&self) -> Option<Gone> {
        for _ in 0..ORPHANS_MAX {
            let (pid, status) = wait(WaitOptions::NOHANG).ok().flatten()?;
            if pid == self.pid {
                return Some(gone(status.exit_status(), status.terminating_signal()));
            }
        }
        None
    }

    /// Sends a blow. KILL goes to its whole group, so that nothing that it started holds its sockets.
    pub fn send(&self, blow: Blow) {
        // What cannot be sent has ended in between, which the next look shows.
        let _ = match blow {
            Blow::Term => kill_process(self.pid, Signal::TERM),
            Blow::Abort => kill_process(self.pid, Signal::ABORT),
            Blow::Kill => kill_process_group(self.pid, Signal::KILL)
                .or_else(|_| kill_process(self.pid, Signal::KILL)),
        };
    }

    /// Whether it is stopped (SIGSTOP, a debugger); unknown counts as not.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.id()));
        // The state stands behind the name, which may hold anything.
        let stat = stat.unwrap_or_default();
        let state = stat
            .rsplit_once(") ")
            .and_then(|(_, rest)| rest.chars().next());
        matches!(state, Some('T' | 't'))
    }

    /// Passes on a signal by its number; unknown numbers are ignored.
    pub fn pass_on(&self, number: i32) {
        if let Some(signal) = Signal::from_named_raw(number) {
            let _ = kill_process(self.pid, signal);
        }
    }
}

fn gone(code: Option<i32>, signal: Option<i32>) -> Gone {
    match (code, signal) {
        (Some(code), _) => Gone::Exit(code),
        (None, Some(number)) => Gone::Signal(number),
        (None, None) => Gone::Exit(-1),
    }
}

/// The file of this program: by its name while that exists, so that the child has it too, else as the kernel holds it.
///
/// # Errors
/// The system does not tell.
pub fn own_file() -> io::Result<PathBuf> {
    let file = std::env::current_exe()?;
    Ok(if file.exists() {
        file
    } else {
        // Replaced by another version: the child stays of the same one as its watchdog.
        PathBuf::from("/proc/self/exe")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufRead, BufReader, Read};
    use std::time::{Duration, Instant};

    const LIMIT: Duration = Duration::from_secs(20);

    fn shell(script: &str) -> Program {
        Program {
            file: PathBuf::from("/bin/sh"),
            arguments: vec!["-c".into(), script.into()],
            variables: Vec::new(),
        }
    }

    fn end_of(running: &mut Running) -> Gone {
        let began = Instant::now();
        loop {
            if let Some(gone) = running.poll_gone() {
                return gone;
            }
            assert!(began.elapsed() < LIMIT, "it does not end");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    #[test]
    fn endings_are_told_apart() {
        for (script, expected) in [
            ("exit 0", Gone::Exit(0)),
            ("exit 6", Gone::Exit(6)),
            ("kill -9 $$", Gone::Signal(9)),
            ("kill -6 $$", Gone::Signal(6)),
        ] {
            let mut running = Running::start(&shell(script), Reaping::Own).expect("started");
            assert_eq!(end_of(&mut running), expected, "{script}");
        }
    }

    #[test]
    fn a_stopped_process_dies_of_kill_though_not_of_term() {
        let mut running =
            Running::start(&shell("kill -STOP $$; exit 0"), Reaping::Own).expect("started");
        let began = Instant::now();
        while !running.is_stopped() {
            assert!(began.elapsed() < LIMIT, "it does not stop");
            std::thread::sleep(Duration::from_millis(5));
        }
        running.send(Blow::Term);
        running.send(Blow::Abort);
        assert_eq!(running.poll_gone(), None);
        assert!(running.is_stopped());
        running.send(Blow::Kill);
        assert_eq!(end_of(&mut running), Gone::Signal(9));
    }

    #[test]
    fn kill_reaches_what_the_child_started() {
        let (reader, writer) = io::pipe().expect("a pipe");
        let script = format!("sleep 1000 >&{0} & echo started >&{0}; wait", 3);
        let mut command = Command::new("/bin/sh");
        // Descriptor 3 is the pipe in the child's shell: standard output duplicated.
        command
            .args(["-c", &format!("exec 3>&1; {script}")])
            .stdout(writer)
            .process_group(0);
        let child = command.spawn().expect("started");
        drop(command);
        let pid = Pid::from_child(&child);
        let mut running = Running {
            child,
            pid,
            reaping: Reaping::Own,
        };
        let mut lines = BufReader::new(reader);
        let mut line = String::new();
        lines.read_line(&mut line).expect("a line");
        assert_eq!(line, "started\n");
        running.send(Blow::Kill);
        assert_eq!(end_of(&mut running), Gone::Signal(9));
        // Its end comes only when the last holder of the pipe is gone.
        let mut rest = String::new();
        lines.read_to_string(&mut rest).expect("the end");
        assert_eq!(rest, "");
    }

    #[test]
    fn the_child_has_its_variables_and_not_the_service_managers() {
        let script = r#"test "$ONE" = 1 && test -z "$NOTIFY_SOCKET" && exit 3; exit 4"#;
        let mut program = shell(script);
        program.variables.push(("ONE".to_owned(), "1".into()));
        let mut running = Running::start(&program, Reaping::Own).expect("started");
        assert_eq!(end_of(&mut running), Gone::Exit(3));
    }

    #[test]
    fn signals_are_passed_on_and_unknown_ones_are_not() {
        let script = "trap 'exit 9' USR1; echo ready; while :; do sleep 0.01; done";
        let (reader, writer) = io::pipe().expect("a pipe");
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script]).stdout(writer).process_group(0);
        let child = command.spawn().expect("started");
        drop(command);
        let pid = Pid::from_child(&child);
        let mut running = Running {
            child,
            pid,
            reaping: Reaping::Own,
        };
        let mut line = String::new();
        BufReader::new(reader).read_line(&mut line).expect("ready");
        running.pass_on(0);
        running.pass_on(4_000);
        running.pass_on(Signal::USR1.as_raw());
        assert_eq!(end_of(&mut running), Gone::Exit(9));
    }
}
