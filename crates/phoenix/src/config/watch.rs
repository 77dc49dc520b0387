//! Notices that the configuration file changed and judges it; never loses the configuration in force, and applies nothing itself.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use notify::Watcher as _;

use super::diff::{KeyChange, diff, is_live_applicable};
use super::raw;
use super::{Config, Issue, Loaded, Rejected};

/// How long a file must stand unchanged before it is judged: an editor may write it in pieces.
pub const SETTLE: Duration = Duration::from_millis(200);
/// Longest time until a change is noticed when the file system tells nothing (network and overlay mounts).
pub const POLL: Duration = Duration::from_secs(2);
/// Wake-ups that can wait for the watching thread. Further ones are dropped: one is enough to look.
const WAKEUPS_MAX: usize = 4;

/// What a changed file is.
#[derive(Debug, Clone)]
pub enum Report {
    /// Valid and different in keys that apply live: the configuration in force, once it is taken over.
    Changed {
        /// The configuration that the file asks for.
        config: Box<Config>,
        /// What differs from the one before.
        changes: Vec<KeyChange>,
        /// What was noticed.
        warnings: Vec<Issue>,
    },
    /// Valid, but some keys need a restart: nothing was taken over.
    NeedsRestart {
        /// Every difference; those that are not live are the reason.
        changes: Vec<KeyChange>,
    },
    /// Invalid, unreadable or gone: the old configuration stays.
    Refused(Rejected),
    /// Valid again and the same as the configuration in force, after a report that something was wrong.
    Restored,
}

/// Whether a change was taken over by who was told of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is in force.
    TakenOver,
    /// The old configuration stays; the next save is judged again, even of the same text.
    Refused,
}

/// The configuration in force and what was last seen in the file. Reads only when asked.
#[derive(Debug)]
pub struct Reloader {
    path: PathBuf,
    current: Config,
    /// What was reported and waits for its verdict.
    offered: Option<Config>,
    judged: Result<String, Issue>,
    settling: Option<Result<String, Issue>>,
    complained: bool,
    /// Which saving was judged last.
    stamp: Option<Stamp>,
    /// Its change was refused by who was told of it: what speaks against it may have passed when it is saved again.
    is_open: bool,
}

/// Tells one saving of a file from the next: its number and the time of its last change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    number: u64,
    changed: (i64, i64),
}

impl Stamp {
    fn of(path: &Path) -> Option<Self> {
        let seen = std::fs::metadata(path).ok()?;
        Some(Self {
            number: seen.ino(),
            changed: (seen.mtime(), seen.mtime_nsec()),
        })
    }
}

impl Reloader {
    /// Loads `path` for the first time.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn load(path: &Path) -> Result<(Self, Vec<Issue>), Rejected> {
        let text = raw::read_text(path).map_err(Rejected::because)?;
        let Loaded { config, warnings } = Config::parse(&path.display().to_string(), &text)?;
        let reloader = Self {
            path: path.to_owned(),
            current: config,
            offered: None,
            judged: Ok(text),
            settling: None,
            complained: false,
            stamp: None,
            is_open: false,
        };
        Ok((reloader, warnings))
    }

    /// The configuration in force.
    pub fn current(&self) -> &Config {
        &self.current
    }

    /// Whether a change was seen that is judged when the next look finds it unchanged.
    pub fn is_settling(&self) -> bool {
        self.settling.is_some()
    }

    /// Looks at the file. A change is judged when two looks in a row found the same.
    pub fn poll_file(&mut self) -> Option<Report> {
        let stamp = Stamp::of(&self.path);
        let is_saved_again = self.is_open && stamp != self.stamp;
        let seen = raw::read_text(&self.path);
        if seen == self.judged && !is_saved_again {
            self.settling = None;
            return None;
        }
        if self.settling.as_ref() != Some(&seen) {
            self.settling = Some(seen);
            return None;
        }
        self.settling = None;
        self.judged = seen;
        (self.stamp, self.is_open) = (stamp, false);
        let report = self.judge();
        self.complained = match report {
            Some(Report::Refused(_) | Report::NeedsRestart { .. }) => true,
            Some(Report::Changed { .. } | Report::Restored) | None => false,
        };
        report
    }

    fn judge(&mut self) -> Option<Report> {
        let file = self.path.display().to_string();
        let loaded = match &self.judged {
            Err(issue) => Err(Rejected::because(issue.clone())),
            Ok(text) => Config::parse(&file, text),
        };
        let Loaded { config, warnings } = match loaded {
            Ok(loaded) => loaded,
            Err(rejected) => return Some(Report::Refused(rejected)),
        };
        let changes = diff(&self.current, &config);
        if changes.is_empty() {
            // The lines may have moved: findings must point at the file as it is.
            self.current = config;
            return self.complained.then_some(Report::Restored);
        }
        if !is_live_applicable(&changes) {
            return Some(Report::NeedsRestart { changes });
        }
        self.offered = Some(config.clone());
        Some(Report::Changed {
            config: Box::new(config),
            changes,
            warnings,
        })
    }

    /// What became of the change that was reported last.
    pub fn on_verdict(&mut self, verdict: Verdict) {
        let Some(offered) = self.offered.take() else {
            return;
        };
        match verdict {
            Verdict::TakenOver => self.current = offered,
            Verdict::Refused => (self.complained, self.is_open) = (true, true),
        }
    }
}

/// A thread that looks at the file when the file system says so, and every [`POLL`] in any case.
#[derive(Debug)]
pub struct Watcher {
    wakeups: SyncSender<Wakeup>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
enum Wakeup {
    Look,
    Stop,
}

impl Watcher {
    /// Starts watching; `on_report` is called on the watching thread and may block only itself. Its verdict says
    /// whether a change is in force now.
    ///
    /// Where the file system gives no notifications, the file is polled.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn start(
        reloader: Reloader,
        on_report: impl FnMut(Report) -> Verdict + Send + 'static,
    ) -> std::io::Result<Self> {
        let (wakeups, inbox) = sync_channel(WAKEUPS_MAX);
        let bell = wakeups.clone();
        let folder = folder_of(&reloader.path);
        let thread = std::thread::Builder::new()
            .name("config-watch".to_owned())
            .spawn(move || {
                let _notifications = notify_folder(&folder, bell);
                watch(reloader, &inbox, on_report);
            })?;
        Ok(Self {
            wakeups,
            thread: Some(thread),
        })
    }

    /// Looks at once, as after SIGHUP.
    pub fn look(&self) {
        // A full inbox already holds a wake-up.
        let _ = self.wakeups.try_send(Wakeup::Look);
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        // The thread empties its inbox in a bounded time, so this does not wait for long.
        let _ = self.wakeups.send(Wakeup::Stop);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// The folder is watched, not the file: editors replace the file by renaming another onto it.
fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        Some(_) | None => PathBuf::from("."),
    }
}

fn notify_folder(folder: &Path, bell: SyncSender<Wakeup>) -> Option<notify::RecommendedWatcher> {
    let on_event = move |event: notify::Result<notify::Event>| {
        // Our own reading is no reason to read again.
        if event.is_ok_and(|event| event.kind.is_access()) {
            return;
        }
        match bell.try_send(Wakeup::Look) {
            Ok(()) | Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {}
        }
    };
    let started = notify::recommended_watcher(on_event).and_then(|mut watcher| {
        watcher.watch(folder, notify::RecursiveMode::NonRecursive)?;
        Ok(watcher)
    });
    match started {
        Ok(watcher) => Some(watcher),
        Err(error) => {
            tracing::info!(%error, "no file notifications; the configuration file is polled");
            None
        }
    }
}

fn watch(
    mut reloader: Reloader,
    inbox: &Receiver<Wakeup>,
    mut on_report: impl FnMut(Report) -> Verdict,
) {
    loop {
        if !reloader.is_settling() {
            match inbox.recv_timeout(POLL) {
                Ok(Wakeup::Stop) | Err(RecvTimeoutError::Disconnected) => return,
                Ok(Wakeup::Look) | Err(RecvTimeoutError::Timeout) => {}
            }
        }
        // A busy folder rings often: one look answers everything that rang meanwhile.
        std::thread::sleep(SETTLE);
        if inbox
            .try_iter()
            .any(|wakeup| matches!(wakeup, Wakeup::Stop))
        {
            return;
        }
        if let Some(report) = reloader.poll_file() {
            reloader.on_verdict(on_report(report));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::sync::mpsc;

    const BASE: &str = "global:\n  total_notional_max: 1000\nsymbols:\n  - symbol: ETHUSDC\n    net_max: 0.5\n    unified_layer_size: 0.01\n";

    struct Bench {
        folder: tempfile::TempDir,
        reloader: Reloader,
    }

    impl Bench {
        fn new() -> Self {
            let folder = tempfile::tempdir().expect("a temporary folder");
            let path = folder.path().join("phoenix.yaml");
            fs::write(&path, BASE).expect("the file of the test");
            let (reloader, _) = Reloader::load(&path).expect("a valid file");
            Self { folder, reloader }
        }

        fn write(&self, text: &str) {
            fs::write(self.folder.path().join("phoenix.yaml"), text).expect("the file of the test");
        }

        fn net_max(&self) -> String {
            self.reloader.current().symbols[0].net_max.to_string()
        }

        /// Two looks: the second judges.
        fn settle(&mut self) -> Option<Report> {
            assert!(
                self.reloader.poll_file().is_none(),
                "the first look only waits"
            );
            self.reloader.poll_file()
        }
    }

    #[test]
    fn a_valid_change_is_taken_over_once() {
        let mut bench = Bench::new();
        assert!(bench.reloader.poll_file().is_none());
        bench.write(&BASE.replace("0.5", "0.7"));
        let report = bench.settle();
        let Some(Report::Changed {
            changes, config, ..
        }) = report
        else {
            panic!("{report:?}");
        };
        let shown: Vec<String> = changes.iter().map(KeyChange::to_string).collect();
        assert_eq!(shown, ["symbols.ETHUSDC.net_max: 0.5 → 0.7"]);
        assert_eq!(config.symbols[0].net_max.to_string(), "0.7");
        assert_eq!(
            bench.net_max(),
            "0.5",
            "not in force before it is taken over"
        );
        bench.reloader.on_verdict(Verdict::TakenOver);
        assert_eq!(bench.net_max(), "0.7");
        assert!(bench.reloader.poll_file().is_none());
        assert!(!bench.reloader.is_settling());
    }

    #[test]
    fn a_change_that_was_not_taken_over_is_tried_again_with_the_next_save() {
        let mut bench = Bench::new();
        let changed = BASE.replace("0.5", "0.7");
        bench.write(&changed);
        assert!(matches!(bench.settle(), Some(Report::Changed { .. })));
        bench.reloader.on_verdict(Verdict::Refused);
        assert_eq!(bench.net_max(), "0.5");
        assert!(
            bench.reloader.poll_file().is_none(),
            "what is refused is refused once"
        );
        // Saved again as editors do, by a rename: the same text is another file.
        let copy = bench.folder.path().join("copy");
        fs::write(&copy, &changed).expect("the copy");
        fs::rename(&copy, bench.folder.path().join("phoenix.yaml")).expect("a rename");
        assert!(matches!(bench.settle(), Some(Report::Changed { .. })));
        bench.reloader.on_verdict(Verdict::Refused);
        bench.write(BASE);
        assert!(matches!(bench.settle(), Some(Report::Restored)));
    }

    #[test]
    fn a_file_written_in_pieces_is_judged_only_when_complete() {
        let mut bench = Bench::new();
        let new = BASE.replace("0.5", "0.7");
        for end in [0, 20, 60, new.len()] {
            bench.write(&new[..end]);
            assert!(bench.reloader.poll_file().is_none(), "{end}");
            assert!(bench.reloader.is_settling());
        }
        assert!(matches!(
            bench.reloader.poll_file(),
            Some(Report::Changed { .. })
        ));
    }

    #[test]
    fn an_invalid_file_is_refused_once_and_the_old_configuration_stays() {
        let mut bench = Bench::new();
        bench.write("global: [\n");
        assert!(matches!(bench.settle(), Some(Report::Refused(_))));
        assert!(
            bench.reloader.poll_file().is_none(),
            "the same file is not refused twice"
        );
        assert_eq!(bench.net_max(), "0.5");
        bench.write(BASE);
        assert!(matches!(bench.settle(), Some(Report::Restored)));
    }

    #[test]
    fn a_file_that_disappears_is_reported_and_its_return_too() {
        let mut bench = Bench::new();
        let path = bench.folder.path().join("phoenix.yaml");
        fs::remove_file(&path).expect("the file is there");
        let report = bench.settle();
        let Some(Report::Refused(rejected)) = report else {
            panic!("{report:?}");
        };
        assert!(rejected.to_string().contains("cannot open"), "{rejected}");
        assert_eq!(bench.net_max(), "0.5");
        bench.write(&BASE.replace("0.5", "0.6"));
        assert!(matches!(bench.settle(), Some(Report::Changed { .. })));
    }

    #[test]
    fn a_change_that_needs_a_restart_takes_nothing_over() {
        let mut bench = Bench::new();
        bench.write(
            &BASE
                .replace("0.5", "0.7")
                .replace("global:", "global:\n  venue: testnet"),
        );
        let report = bench.settle();
        let Some(Report::NeedsRestart { changes }) = report else {
            panic!("{report:?}");
        };
        let blocking: Vec<&str> = changes
            .iter()
            .filter(|change| !change.live)
            .map(|change| change.key.as_str())
            .collect();
        assert_eq!(blocking, ["global.venue"]);
        assert_eq!(bench.net_max(), "0.5");
    }

    #[test]
    fn the_thread_reports_an_atomic_rename_and_stops_when_dropped() {
        let bench = Bench::new();
        let folder = bench.folder;
        let (sender, reports) = mpsc::channel();
        let watcher = Watcher::start(bench.reloader, move |report| {
            let _ = sender.send(report);
            Verdict::TakenOver
        })
        .expect("a thread");
        let other = folder.path().join(".phoenix.yaml.swp");
        fs::write(&other, BASE.replace("0.5", "0.9")).expect("the new file");
        fs::rename(&other, folder.path().join("phoenix.yaml")).expect("a rename");
        let report = reports
            .recv_timeout(Duration::from_secs(60))
            .expect("a report");
        assert!(matches!(report, Report::Changed { .. }), "{report:?}");
        watcher.look();
        drop(watcher);
        assert!(reports.recv().is_err(), "the thread has ended");
    }
}
