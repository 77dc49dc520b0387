//! Promise `dead_man`, the watchdog's half, with the real binary against a real exchange on loopback: a trading process that is stopped, killed
//! or caught in a loop has no order in the book within seconds, a new one quotes, and whatever ends, ends with an empty book.
//! Judged by the exchange's own ledger.

use phoenix::demo::MAKER;
use phoenix::serve::Server;
use phoenix::serve::auth::KeyConfig;
use phoenix::serve::launch::Launch;
use phoenix_exchange::api::SymbolId;
use rustix::process::{Pid, Signal, kill_process};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

const ETH: SymbolId = SymbolId(0);
const KEY: &str = "watchdog-key";
const SECRET: &str = "watchdog-secret";
/// Orders that only a two-sided ladder of seven layers has; with a position its growing side is shorter than the other.
const QUOTED: usize = 9;
/// Longest wait for a state; machines here are shared and slow.
const LIMIT: Duration = Duration::from_secs(90);
/// What the aim of five seconds becomes on such a machine; what was measured is printed.
const OFF_BOOK_MAX: Duration = Duration::from_secs(8);

/// A process that ends with the test.
struct Owned(Child);

impl Drop for Owned {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Owned {
    fn pid(&self) -> Pid {
        Pid::from_child(&self.0)
    }

    fn end(&mut self) -> ExitStatus {
        let mut status = None;
        wait_for("the end of the process", || {
            status = self.0.try_wait().expect("its state");
            status.is_some()
        });
        status.expect("ended")
    }
}

/// One exchange, and a folder for whoever trades on it.
struct Bench {
    folder: tempfile::TempDir,
    server: Server,
}

/// A trading process that no parent ends any more.
struct Orphan(Pid);

impl Drop for Orphan {
    fn drop(&mut self) {
        let _ = kill_process(self.0, Signal::KILL);
    }
}

impl Bench {
    fn new() -> Self {
        let launch = Launch {
            symbols: vec!["ETHUSDC".to_owned()],
            keys: vec![KeyConfig {
                api_key: KEY.to_owned(),
                secret: Some(SECRET.to_owned()),
                ..KeyConfig::default()
            }],
            ..Launch::default()
        };
        let server = Server::bind(launch.listen, launch.config().expect("a market"));
        let bench = Self {
            folder: tempfile::tempdir().expect("a folder"),
            server: server.expect("a free port"),
        };
        let text = format!(
            "global:\n  total_notional_max: 1000000\n  log_format: json\n  state_dir: \"{}\"\nsymbols:\n  - symbol: ETHUSDC\n    net_max: 2.0\n    unified_layer_size: 0.05\n    total_layers: 7\n    grid_start_offset: 1.2\n",
            bench.state().display()
        );
        std::fs::write(bench.file("phoenix.yaml"), text).expect("a configuration");
        bench
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn state(&self) -> PathBuf {
        self.file("state")
    }

    /// A watchdog whose lines and whose child's lines go to the file of this name.
    fn watchdog(&self, log: &str, fault: Option<&str>) -> Owned {
        let mut command = Command::new(env!("CARGO_BIN_EXE_phoenix"));
        if let Some(fault) = fault {
            command.env("PHOENIX_FAULT", fault);
        }
        self.start(command, log)
    }

    /// The same through a program that the command begins with.
    fn start(&self, mut command: Command, log: &str) -> Owned {
        let log = File::create(self.file(log)).expect("a file");
        command
            .args(["watchdog", "-c"])
            .arg(self.file("phoenix.yaml"))
            .args(["--rest-url", &self.server.rest_url()])
            .args(["--ws-url", &self.server.ws_url()])
            .env("BINANCE_API_KEY", KEY)
            .env("BINANCE_API_SECRET", SECRET)
            .env("XDG_RUNTIME_DIR", self.folder.path())
            .stdout(log.try_clone().expect("the same file"))
            .stderr(log);
        Owned(command.spawn().expect("the watchdog starts"))
    }

    fn open(&self) -> usize {
        self.server
            .with_exchange(|exchange| exchange.open_order_count(MAKER, ETH))
    }

    fn wait_for_quotes(&self) {
        let began = Instant::now();
        while self.open() < QUOTED {
            if began.elapsed() > LIMIT {
                let log = read(&self.file("log"));
                panic!("{} orders are too few: {log}", self.open());
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// The trading process that was started last.
    fn child(&self) -> Pid {
        let log = read(&self.state().join("watchdog.log"));
        let line = log.lines().rfind(|line| line.contains("child_started"));
        let text = line.and_then(|line| line.split("pid ").nth(1));
        let digits: String = text
            .expect("a pid")
            .chars()
            .take_while(char::is_ascii_digit)
            .collect();
        Pid::from_raw(digits.parse().expect("a number")).expect("a process id")
    }

    /// Does something to the trading process and waits until its orders are gone, then until another one quotes.
    fn strike(&self, what: &str, signal: Signal) {
        let child = self.child();
        let began = Instant::now();
        kill_process(child, signal).expect("a signal");
        wait_for("the empty book", || self.open() == 0);
        let off_book = began.elapsed();
        self.wait_for_quotes();
        eprintln!(
            "{what}: off the book after {off_book:?}, quoting again after {:?}",
            began.elapsed()
        );
        assert!(off_book < OFF_BOOK_MAX, "{what}: {off_book:?}");
        assert_ne!(self.child(), child);
        assert!(!is_alive(child), "the old process must be dead");
    }
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

/// Whether it runs; one that is dead and not reaped yet does not.
fn is_alive(pid: Pid) -> bool {
    let stat = read(Path::new(&format!("/proc/{}/stat", pid.as_raw_nonzero())));
    let state = stat
        .rsplit_once(") ")
        .and_then(|(_, rest)| rest.chars().next());
    state.is_some_and(|state| state != 'Z')
}

fn wait_for(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(
            began.elapsed() < LIMIT,
            "{what} did not come within {LIMIT:?}"
        );
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn a_stopped_and_a_killed_process_are_off_the_book_in_seconds_and_replaced() {
    let bench = Bench::new();
    let mut watchdog = bench.watchdog("log", None);
    bench.wait_for_quotes();
    bench.strike("SIGSTOP", Signal::STOP);
    bench.strike("SIGKILL", Signal::KILL);
    let last = bench.child();
    kill_process(watchdog.pid(), Signal::TERM).expect("a signal");
    let status = watchdog.end();
    let log = read(&bench.file("log"));
    assert_eq!(status.code(), Some(0), "{log}");
    assert_eq!(bench.open(), 0, "{log}");
    assert!(!is_alive(last), "{log}");
    for said in [
        "child_stalled",
        "child_killed",
        "child_restarting",
        "child_trading",
        "book_empty",
    ] {
        assert!(
            log.contains(&format!("\"code\":\"{said}\"")),
            "{said}: {log}"
        );
    }
    assert!(!log.contains(SECRET));
    // Its private folder is gone with it.
    let left = std::fs::read_dir(bench.folder.path()).expect("the folder");
    let is_left = |name: &std::ffi::OsStr| name.to_string_lossy().contains("phoenix-watchdog-");
    assert!(!left.flatten().any(|entry| is_left(&entry.file_name())));
    bench.server.shutdown();
}

#[test]
fn a_strategy_that_never_returns_is_found_by_its_counters_and_given_up_on_request() {
    let bench = Bench::new();
    let mut watchdog = bench.watchdog("log", Some("strategy-loop:ETHUSDC@8s"));
    bench.wait_for_quotes();
    wait_for("the empty book", || bench.open() == 0);
    let log = read(&bench.file("log"));
    assert!(log.contains("completes no cycle"), "{log}");
    kill_process(watchdog.pid(), Signal::TERM).expect("a signal");
    let status = watchdog.end();
    assert_eq!(status.code(), Some(0), "{}", read(&bench.file("log")));
    assert_eq!(bench.open(), 0);
    bench.server.shutdown();
}

#[test]
fn a_process_whose_watchdog_is_killed_trades_on_says_so_and_is_left_alone_by_another_watchdog() {
    let bench = Bench::new();
    let mut first = bench.watchdog("log", None);
    bench.wait_for_quotes();
    let child = Orphan(bench.child());
    kill_process(first.pid(), Signal::KILL).expect("a signal");
    first.end();
    wait_for("the alert", || {
        read(&bench.file("log")).contains("watchdog_gone")
    });
    bench.wait_for_quotes();
    assert!(is_alive(child.0));
    let mut second = bench.watchdog("second", None);
    let status = second.end();
    let log = read(&bench.file("second"));
    assert_eq!(status.code(), Some(3), "{log}");
    assert!(is_alive(child.0) && bench.open() > 0, "{log}");
    kill_process(child.0, Signal::TERM).expect("a signal");
    wait_for("its end", || bench.open() == 0 && !is_alive(child.0));
    bench.server.shutdown();
}

/// A command that makes what follows it process 1 of a namespace of its own; `None` where that is not allowed.
fn as_process_1() -> Option<Command> {
    let base = ["--pid", "--fork", "--mount-proc", "--kill-child"];
    for more in [&[][..], &["--map-root-user"][..]] {
        let mut probe = Command::new("unshare");
        let probed = probe.args(base).args(more).arg("true").output();
        if probed.is_ok_and(|output| output.status.success()) {
            let mut command = Command::new("unshare");
            command.args(base).args(more);
            command.arg(env!("CARGO_BIN_EXE_phoenix"));
            return Some(command);
        }
    }
    None
}

/// The only child of a process.
fn child_of(parent: Pid) -> Pid {
    let wanted = parent.as_raw_nonzero().to_string();
    for entry in std::fs::read_dir("/proc").expect("/proc").flatten() {
        let stat = read(&entry.path().join("stat"));
        let fields = stat.rsplit_once(") ").map(|(_, rest)| rest.split(' '));
        if fields.and_then(|mut f| f.nth(1)) == Some(wanted.as_str()) {
            let number = entry.file_name().to_string_lossy().parse();
            return Pid::from_raw(number.expect("a number")).expect("a process id");
        }
    }
    panic!("{wanted} has no child");
}

#[test]
fn as_process_1_of_a_container_it_reaps_restarts_and_ends() {
    let Some(command) = as_process_1() else {
        eprintln!("SKIPPED: namespaces for processes are not allowed here");
        return;
    };
    let bench = Bench::new();
    let mut outside = bench.start(command, "log");
    bench.wait_for_quotes();
    let watchdog = child_of(outside.pid());
    let first = child_of(watchdog);
    kill_process(first, Signal::KILL).expect("a signal");
    wait_for("the empty book", || bench.open() == 0);
    bench.wait_for_quotes();
    assert!(!is_alive(first));
    kill_process(watchdog, Signal::TERM).expect("a signal");
    let status = outside.end();
    let log = read(&bench.file("log"));
    assert_eq!(status.code(), Some(0), "{log}");
    assert_eq!(bench.open(), 0, "{log}");
    bench.server.shutdown();
}
