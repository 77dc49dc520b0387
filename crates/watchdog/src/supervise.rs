//! Owns the loop that brings policy, child, mail, sweeps and signals together; decides nothing itself.

use std::io;
use std::path::PathBuf;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGCHLD, SIGHUP, SIGINT, SIGTERM, SIGUSR1, SIGUSR2};
use signal_hook::iterator::Signals;

use crate::clock;
use crate::mail::{Beat, Mailbox, SOCKET_VARIABLE, base_folder};
use crate::notify::Notifier;
use crate::policy::event::{Event, Level};
use crate::policy::{Cleared, Input, Limits, Order, Policy};
use crate::process::{Program, Reaping, Running};
use crate::say::{Form, Sayer};
use crate::sweep::{self, Sweeper};

/// How often the policy looks, at least.
const TICK: Duration = Duration::from_millis(100);
/// Messages taken between two looks: a flood must not delay them.
const NOTES_MAX: usize = 256;
/// Room for messages of the threads; heartbeats beyond it are dropped, and the next one counts as well.
const INBOX_MAX: usize = 1_024;

/// What a supervision needs.
#[derive(Debug, Clone)]
pub struct Setup {
    /// The trading process.
    pub program: Program,
    /// When it is ended, and how often restarted.
    pub limits: Limits,
    /// Form of the lines.
    pub form: Form,
    /// File that keeps the lines.
    pub log_file: Option<PathBuf>,
}

/// What the threads tell the loop.
enum Note {
    Beat(Beat),
    Cleared(u64, Cleared),
    Signal(i32),
}

struct Supervision {
    began: Instant,
    policy: Policy,
    child: Option<Running>,
    program: Program,
    sweeps: mpsc::Sender<u64>,
    sayer: Sayer,
    notifier: Notifier,
    ended: Option<u8>,
}

/// Supervises until the policy ends it; returns the exit code.
///
/// # Errors
/// Socket, signals or threads could not be set up; nothing was started then.
pub fn run(setup: Setup, sweeper: Box<dyn Sweeper>) -> io::Result<u8> {
    let (tell, inbox) = mpsc::sync_channel(INBOX_MAX);
    let beats = tell.clone();
    let mailbox = Mailbox::open(&base_folder(), move |beat| {
        !matches!(
            beats.try_send(Note::Beat(beat)),
            Err(mpsc::TrySendError::Disconnected(_))
        )
    })?;
    let answers = tell.clone();
    let sweeps = sweep::start(sweeper, move |number, cleared| {
        answers.send(Note::Cleared(number, cleared)).is_ok()
    })?;
    listen_to_signals(tell)?;
    let mut program = setup.program;
    let socket = mailbox.socket().as_os_str().to_owned();
    program.variables.push((SOCKET_VARIABLE.to_owned(), socket));
    let mut supervision = Supervision {
        began: clock::now(),
        policy: Policy::new(setup.limits),
        child: None,
        program,
        sweeps,
        sayer: Sayer::new(setup.form, setup.log_file.as_deref()),
        notifier: Notifier::of_environment(),
        ended: None,
    };
    let code = supervision.run(&inbox);
    let malformed = mailbox.malformed();
    if malformed > 0 {
        let text = format!("{malformed} heartbeats could not be read");
        supervision.sayer.say("bad_beats", Level::Warning, &text);
    }
    Ok(code)
}

/// As process 1 of a container nothing has a default reaction, so all that can be asked of us is listened to.
fn listen_to_signals(tell: mpsc::SyncSender<Note>) -> io::Result<()> {
    let mut signals = Signals::new([SIGCHLD, SIGHUP, SIGINT, SIGTERM, SIGUSR1, SIGUSR2])?;
    std::thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || {
            for number in signals.forever() {
                if tell.send(Note::Signal(number)).is_err() {
                    return;
                }
            }
        })?;
    Ok(())
}

impl Supervision {
    fn run(&mut self, inbox: &mpsc::Receiver<Note>) -> u8 {
        self.carry_out();
        self.notifier.on_ready();
        loop {
            if let Ok(note) = inbox.recv_timeout(TICK) {
                self.on_note(note);
            }
            for note in inbox.try_iter().take(NOTES_MAX) {
                self.on_note(note);
            }
            self.look();
            if let Some(code) = self.ended {
                self.notifier.on_stopping();
                return code;
            }
        }
    }

    fn now(&self) -> Duration {
        self.began.elapsed()
    }

    fn look(&mut self) {
        if let Some(gone) = self.child.as_mut().and_then(Running::poll_gone) {
            self.child = None;
            self.on(Input::Gone(gone));
        }
        self.on(Input::Tick);
        let is_frozen = |child: &Running| child.is_stopped();
        if self.policy.is_ending() && self.child.as_ref().is_some_and(is_frozen) {
            self.on(Input::Frozen);
        }
        self.notifier.on_status(self.policy.status());
        if self.policy.is_sound(self.now()) {
            self.notifier.on_progress(self.began.elapsed());
        }
    }

    fn on_note(&mut self, note: Note) {
        match note {
            Note::Beat(beat) => self.on(Input::Beat(beat)),
            Note::Cleared(number, cleared) => self.on(Input::Cleared(number, cleared)),
            // The next look reaps.
            Note::Signal(SIGCHLD) => {}
            // Kill switch and its end belong to the trading process.
            Note::Signal(number @ (SIGUSR1 | SIGUSR2)) => {
                if let Some(child) = &self.child {
                    child.pass_on(number);
                }
            }
            Note::Signal(_) => self.on(Input::Stop),
        }
    }

    fn on(&mut self, input: Input) {
        self.policy.on(self.now(), input);
        self.carry_out();
    }

    fn carry_out(&mut self) {
        loop {
            let orders = self.policy.take_orders();
            if orders.is_empty() {
                return;
            }
            for order in orders {
                self.carry_out_one(order);
            }
        }
    }

    fn carry_out_one(&mut self, order: Order) {
        match order {
            Order::Spawn => self.spawn(),
            Order::Sweep(number) => {
                if self.sweeps.send(number).is_err() {
                    // Its thread panicked: the answer will be missing, and the service manager restarts us.
                    self.sayer.say(
                        "sweep_gone",
                        Level::Emergency,
                        "the watchdog's own cancelling has failed",
                    );
                }
            }
            Order::Send(blow) => {
                if let Some(child) = &self.child {
                    child.send(blow);
                }
            }
            Order::Tell(event) => self.tell(event),
            Order::End(code) => self.ended = Some(code),
        }
    }

    fn spawn(&mut self) {
        match Running::start(&self.program, Reaping::of_this_process()) {
            Ok(child) => {
                let pid = child.id();
                self.child = Some(child);
                self.policy.on(self.now(), Input::Spawned(pid));
            }
            Err(error) => {
                self.sayer
                    .say("spawn_failed", Level::Severe, &error.to_string());
                self.policy.on(self.now(), Input::NotSpawned);
            }
        }
    }

    fn tell(&mut self, event: Event) {
        let (code, level, text) = event.words();
        self.sayer.say(code, level, &text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    /// An exchange that is always empty, and counts how often it was asked.
    struct Counting(Arc<AtomicU32>);

    impl Sweeper for Counting {
        fn sweep(&mut self) -> Cleared {
            self.0.fetch_add(1, Ordering::Relaxed);
            Cleared::Empty { cancelled: 0 }
        }
    }

    fn supervise(script: &str) -> (u8, u32, String) {
        let folder = tempfile::tempdir().expect("a folder");
        let log_file = folder.path().join("watchdog.log");
        let sweeps = Arc::new(AtomicU32::new(0));
        let setup = Setup {
            program: Program {
                file: PathBuf::from("/bin/sh"),
                arguments: vec!["-c".into(), script.into()],
                variables: Vec::new(),
            },
            limits: Limits {
                stall: Duration::from_secs(3),
                restarts_max: 1,
                restart_window: Duration::from_secs(600),
            },
            form: Form::Json,
            log_file: Some(log_file.clone()),
        };
        let code = run(setup, Box::new(Counting(Arc::clone(&sweeps)))).expect("set up");
        let log = std::fs::read_to_string(log_file).expect("its log");
        (code, sweeps.load(Ordering::Relaxed), log)
    }

    #[test]
    fn a_child_that_cannot_be_helped_by_restarts_ends_the_watchdog_with_its_code() {
        let script = r#"test -S "$PHOENIX_WATCHDOG_SOCKET" || exit 9; exit 3"#;
        let (code, sweeps, log) = supervise(script);
        assert_eq!((code, sweeps), (3, 0), "{log}");
    }

    #[test]
    fn a_child_that_keeps_failing_is_restarted_given_up_and_swept_for_each_time() {
        let (code, sweeps, log) = supervise("kill -9 $$");
        assert_eq!((code, sweeps), (7, 2), "{log}");
        for said in ["child_killed", "child_restarting", "gave_up", "book_empty"] {
            assert!(
                log.contains(&format!("\"code\":\"{said}\"")),
                "{said}: {log}"
            );
        }
        assert_eq!(log.matches("child_started").count(), 2, "{log}");
    }
}
