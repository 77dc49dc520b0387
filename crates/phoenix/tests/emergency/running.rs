//! `phoenix emergency` beside a Phoenix that trades, and beside one that hangs.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use phoenix::serve::Server;
use phoenix::serve::auth::KeyConfig;
use phoenix::serve::launch::Launch;

use crate::bench::{Bench, ETH, KEY, SECRET};

/// Everything that is waited for comes long before this.
const DEADLINE: Duration = Duration::from_secs(60);
/// How long nothing may come back; a Phoenix that quotes does so within a fraction of it.
const CALM: Duration = Duration::from_secs(3);

struct Owned(Child);

impl Drop for Owned {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn with_market() -> Bench {
    let key = KeyConfig {
        api_key: KEY.into(),
        secret: Some(SECRET.into()),
        ..KeyConfig::default()
    };
    let launch = Launch {
        keys: vec![key],
        ..Launch::default()
    };
    Bench::on(Server::bind(launch.listen, launch.config().unwrap()).unwrap())
}

fn quoting(bench: &Bench) -> Owned {
    let child = Command::new(env!("CARGO_BIN_EXE_phoenix"))
        .args(["run", "-c", &bench.configure()])
        .env("BINANCE_API_KEY", KEY)
        .env("BINANCE_API_SECRET", SECRET)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let owned = Owned(child);
    wait_for("a ladder", || bench.open().len() >= 20);
    owned
}

fn wait_for(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !is_so() {
        assert!(Instant::now() < deadline, "no {what} in time");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn assert_calm(bench: &Bench) {
    let end = Instant::now() + CALM;
    while Instant::now() < end {
        assert!(bench.open().is_empty(), "orders came back");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn signal(child: &Owned, name: &str) {
    let sent = Command::new("kill")
        .args([name, &child.0.id().to_string()])
        .status()
        .unwrap();
    assert!(sent.success(), "{name}");
}

#[test]
fn a_phoenix_that_trades_is_held_down_until_it_is_resumed() {
    let bench = with_market();
    let mut run = quoting(&bench);
    let status = bench.emergency(&["status"]);
    assert_eq!(status.json["running"]["here"], true, "{}", status.stderr);

    let out = bench.emergency(&["cancel-all", "--yes"]);
    assert_eq!(out.code, 0, "{}", out.stderr);
    assert_calm(&bench);
    assert!(run.0.try_wait().unwrap().is_none(), "it lives and waits");

    // As the command says how.
    let next = out.json["next"].as_str().unwrap();
    assert!(
        next.contains(&format!("kill -USR2 {}", run.0.id())),
        "{next}"
    );
    std::fs::remove_file(bench.state().join("KILL")).unwrap();
    wait_for("ladder after the resumption", || {
        signal(&run, "-USR2");
        bench.open().len() >= 20
    });
    signal(&run, "-TERM");
    run.0.wait().unwrap();
    assert!(bench.open().is_empty());
}

#[test]
fn a_phoenix_that_hangs_is_cancelled_and_stays_down_when_it_wakes() {
    let bench = with_market();
    let run = quoting(&bench);
    signal(&run, "-STOP");
    let out = bench.emergency(&["close-all", "--yes"]);
    assert_eq!(out.code, 0, "{}", out.stderr);
    assert!(bench.open().is_empty());
    assert_eq!(bench.position(ETH), 0);
    signal(&run, "-CONT");
    // What it had begun before it saw the kill file it cancels itself.
    wait_for("empty book", || bench.open().is_empty());
    std::thread::sleep(Duration::from_secs(1));
    wait_for("empty book after the kill file", || bench.open().is_empty());
    assert_calm(&bench);
}
