//! `phoenix health` against the real binary on a real exchange on loopback: what it says of a process that trades, hears
//! nothing, is stopped, hangs, is killed, or whose port is somebody else's.

use phoenix::serve::Server;
use phoenix::serve::auth::KeyConfig;
use phoenix::serve::faults::{StreamEffect, StreamRule, StreamSet};
use phoenix::serve::launch::Launch;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

const KEY: &str = "health-key";
const SECRET: &str = "health-secret";
/// Longest wait for a state; machines here are shared and slow.
const LIMIT: Duration = Duration::from_secs(60);

fn exchange() -> Server {
    let launch = Launch {
        keys: vec![KeyConfig {
            api_key: KEY.to_owned(),
            secret: Some(SECRET.to_owned()),
            ..KeyConfig::default()
        }],
        ..Launch::default()
    };
    Server::bind(launch.listen, launch.config().expect("a market")).expect("a free port")
}

/// A market maker in a folder of its own; it ends with the test.
struct Maker {
    child: Child,
    folder: tempfile::TempDir,
}

impl Drop for Maker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Maker {
    fn start(server: &Server, fault: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let text = format!(
            "global:\n  total_notional_max: 1000000\n  metrics_port: 0\n  state_dir: \"{}\"\nsymbols:\n  - symbol: ETHUSDC\n    \
             net_max: 2.0\n    unified_layer_size: 0.05\n    total_layers: 18\n    grid_start_offset: 1.2\n",
            folder.path().join("state").display()
        );
        std::fs::write(folder.path().join("phoenix.yaml"), text).expect("a configuration");
        let mut command = Command::new(env!("CARGO_BIN_EXE_phoenix"));
        command
            .args(["run", "-c"])
            .arg(folder.path().join("phoenix.yaml"))
            .args([
                "--rest-url",
                &server.rest_url(),
                "--ws-url",
                &server.ws_url(),
            ])
            .env("BINANCE_API_KEY", KEY)
            .env("BINANCE_API_SECRET", SECRET)
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        if !fault.is_empty() {
            command.env("PHOENIX_FAULT", fault);
        }
        let child = command.spawn().expect("the maker starts");
        Self { child, folder }
    }

    fn signal(&self, signal: Signal) {
        let raw = self.child.id().try_into().expect("a process id");
        kill_process(Pid::from_raw(raw).expect("not zero"), signal).expect("a signal");
    }

    fn config(&self) -> PathBuf {
        self.folder.path().join("phoenix.yaml")
    }

    /// The only file with the address.
    fn page_file(&self) -> Option<PathBuf> {
        let entries = std::fs::read_dir(self.folder.path().join("state")).ok()?;
        let mut paths = entries.flatten().map(|entry| entry.path());
        paths.find(|path| path.extension().is_some_and(|e| e == "http"))
    }

    fn url(&self) -> String {
        let file = self.page_file().expect("the address of a running process");
        std::fs::read_to_string(file)
            .expect("readable")
            .trim()
            .to_owned()
    }

    fn health(&self) -> (i32, Value) {
        health(&["-c", &self.config().display().to_string()])
    }

    /// Looks until it is so.
    fn wait(&self, what: &str, is_so: impl Fn(i32, &Value) -> bool) -> (i32, Value) {
        let began = Instant::now();
        loop {
            let (code, answer) = self.health();
            if is_so(code, &answer) {
                return (code, answer);
            }
            assert!(began.elapsed() < LIMIT, "{what} did not come: {answer:#}");
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    fn wait_until_healthy(&self) -> Value {
        self.wait("a healthy process", |code, _| code == 0).1
    }
}

fn health(args: &[&str]) -> (i32, Value) {
    let output = Command::new(env!("CARGO_BIN_EXE_phoenix"))
        .args(["health", "--json"])
        .args(args)
        .output()
        .expect("the binary runs");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    assert_eq!(
        text.lines().count(),
        1,
        "one object and nothing else: {text}"
    );
    let answer: Value = serde_json::from_str(&text).expect("JSON");
    let code = output.status.code().expect("an exit code");
    let status = ["healthy", "warning", "severe"][usize::try_from(code).expect("0 to 2")];
    assert_eq!(answer["status"], status, "{answer}");
    (code, answer)
}

fn check<'a>(answer: &'a Value, name: &str) -> &'a Value {
    let checks = answer["checks"].as_array().expect("checks");
    let found = checks.iter().find(|check| check["name"] == name);
    found.unwrap_or_else(|| panic!("no check {name}: {answer:#}"))
}

/// Each check that is not healthy says what to do.
fn assert_every_next(answer: &Value) {
    for check in answer["checks"].as_array().expect("checks") {
        assert_eq!(
            check["status"] == "healthy",
            check["next"].is_null(),
            "{check}"
        );
    }
}

fn ask(url: &str, path: &str) -> String {
    let address = url.strip_prefix("http://").expect("an http address");
    let mut stream = TcpStream::connect(address).expect("a connection");
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
    )
    .expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    answer
}

/// A server that answers everything with this, as long as the test runs.
fn stranger(answer: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("bound"));
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut buffer = [0_u8; 1024];
            let _ = stream.read(&mut buffer);
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    url
}

#[test]
fn a_process_that_trades_is_healthy_on_every_path() {
    let server = exchange();
    let maker = Maker::start(&server, "");
    let answer = maker.wait_until_healthy();
    assert_every_next(&answer);
    assert_eq!(answer["pid"], maker.child.id());
    assert_eq!(answer["phase"], "running");
    assert_eq!(answer["symbols"], serde_json::json!(["ETHUSDC"]));
    assert_eq!(check(&answer, "orders_two_sided")["unit"], "share");
    assert!(check(&answer, "dead_man")["value"].as_f64().expect("armed") > 0.0);
    assert!(check(&answer, "listen_key_age")["value"].is_number());
    let promises = answer["promises"].as_object().expect("promises");
    assert_eq!(promises.len(), 9);
    assert!(promises.values().all(|kept| kept == true), "{answer:#}");
    for path in ["/health", "/livez", "/readyz"] {
        let said = ask(&maker.url(), path);
        assert!(said.starts_with("HTTP/1.1 200"), "{path}: {said}");
    }
    assert_eq!(health(&["--url", &maker.url()]).0, 0);
    check_table(&maker);
    check_pause(&maker);
    server.shutdown();
}

/// What a person sees.
fn check_table(maker: &Maker) {
    let table = Command::new(env!("CARGO_BIN_EXE_phoenix"))
        .args(["health", "-c"])
        .arg(maker.config())
        .output()
        .expect("the binary runs");
    let table = String::from_utf8(table.stdout).expect("UTF-8");
    assert!(table.starts_with("healthy: phoenix of account"), "{table}");
    assert!(
        table.lines().all(|line| line.chars().count() <= 80),
        "{table}"
    );
}

/// A kill switch that somebody pressed is a warning with the command that ends it.
fn check_pause(maker: &Maker) {
    maker.signal(Signal::USR1);
    let (code, answer) = maker.wait("the halt", |_, answer| {
        check(answer, "halt")["status"] == "warning"
    });
    assert_eq!(code, 1, "{answer:#}");
    let next = check(&answer, "halt")["next"]
        .as_str()
        .expect("what to do")
        .to_owned();
    let resume = format!("kill -USR2 {}", maker.child.id());
    assert!(next.ends_with(&resume), "{next}");
    assert!(
        ask(&maker.url(), "/readyz").starts_with("HTTP/1.1 200"),
        "a designed pause is ready"
    );
    maker.signal(Signal::USR2);
    maker.wait_until_healthy();
}

#[test]
fn a_muted_depth_stream_is_severe_within_seconds_and_says_what_to_do() {
    let server = exchange();
    let maker = Maker::start(&server, "");
    maker.wait_until_healthy();
    let rule = StreamRule {
        streams: StreamSet::Depth,
        account: None,
        symbol: None,
        effect: StreamEffect::Mute,
    };
    assert!(server.with_venue(|venue| venue.hub.faults.add(rule)));
    let began = Instant::now();
    let (_, answer) = maker.wait("a severe status", |code, _| code == 2);
    assert!(
        began.elapsed() < Duration::from_secs(12),
        "{:?}",
        began.elapsed()
    );
    assert_every_next(&answer);
    let two_sided = check(&answer, "orders_two_sided");
    assert_eq!(
        (&two_sided["status"], &two_sided["value"]),
        (&"severe".into(), &0.0.into())
    );
    let next = two_sided["next"].as_str().expect("what to do");
    assert!(next.contains("phoenix emergency status -c "), "{next}");
    assert!(ask(&maker.url(), "/readyz").starts_with("HTTP/1.1 503"));
    assert!(
        ask(&maker.url(), "/livez").starts_with("HTTP/1.1 200"),
        "it lives all the same"
    );
    server.with_venue(|venue| venue.hub.faults.clear());
    let answer = maker.wait("its recovery", |_, answer| {
        check(answer, "orders_two_sided")["status"] == "healthy"
    });
    assert_eq!(answer.1["promises"]["alive"], true);
    server.shutdown();
}

#[test]
fn a_process_that_is_stopped_or_killed_or_impersonated_is_severe() {
    let server = exchange();
    let mut maker = Maker::start(&server, "");
    maker.wait_until_healthy();
    let process = |answer: &Value| check(answer, "process").clone();

    maker.signal(Signal::STOP);
    let (code, answer) = maker.health();
    assert_eq!((code, &answer["phase"]), (2, &"stopped".into()));
    let said = process(&answer);
    assert!(
        said["text"].as_str().expect("words").contains("stopped"),
        "{said}"
    );
    assert!(
        said["next"]
            .as_str()
            .expect("what to do")
            .contains("kill -CONT"),
        "{said}"
    );
    let (code, answer) = health(&["--url", &maker.url()]);
    assert_eq!(
        code, 2,
        "without knowing the process, silence is severe: {answer}"
    );
    maker.signal(Signal::CONT);
    maker.wait("an answer", |_, answer| answer["phase"] == "running");

    let (file, own) = (maker.page_file().expect("a file"), maker.url());
    for answer in [
        "no HTTP at all\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 20\r\nconnection: close\r\n\r\n{\"status\":\"healthy\"}",
    ] {
        std::fs::write(&file, stranger(answer)).expect("a file");
        let (code, answer) = maker.health();
        assert_eq!(code, 2, "{answer}");
        let said = process(&answer);
        let text = said["text"].as_str().expect("words");
        assert!(
            text.contains("another program") || text.contains("does not answer"),
            "{text}"
        );
    }

    std::fs::write(&file, &own).expect("a file");
    maker.wait_until_healthy();
    let watch = Watch::start(&maker);
    maker.child.kill().expect("a signal");
    maker.child.wait().expect("its end");
    let (code, answer) = maker.health();
    assert_eq!((code, &answer["phase"]), (2, &"absent".into()));
    let said = process(&answer);
    let text = said["text"].as_str().expect("words");
    assert!(text.contains("NO recorded end"), "{text}");
    assert!(
        said["next"]
            .as_str()
            .expect("what to do")
            .contains("phoenix emergency status"),
        "{said}"
    );
    watch.check_that_it_tells_the_end();
    server.shutdown();
}

/// `phoenix health --watch` beside a process.
struct Watch {
    child: Child,
    lines: Receiver<String>,
}

impl Drop for Watch {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Watch {
    /// Returns once it has seen the process healthy.
    fn start(maker: &Maker) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_phoenix"))
            .args(["health", "--watch", "1s", "-c"])
            .arg(maker.config())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the binary runs");
        let out = BufReader::new(child.stdout.take().expect("piped"));
        let (said, lines) = channel();
        std::thread::spawn(move || {
            let mut all = out.lines().map_while(Result::ok);
            all.try_for_each(|line| said.send(line))
        });
        let mut watch = Self { child, lines };
        watch.until("healthy: phoenix of account");
        watch
    }

    fn until(&mut self, wanted: &str) {
        loop {
            let line = self.lines.recv_timeout(LIMIT);
            let line = line.unwrap_or_else(|_| panic!("it never said {wanted}"));
            if line.starts_with(wanted) {
                return;
            }
        }
    }

    fn check_that_it_tells_the_end(mut self) {
        self.until("severe: phoenix");
        let raw = self.child.id().try_into().expect("a process id");
        kill_process(Pid::from_raw(raw).expect("not zero"), Signal::INT).expect("a signal");
        let status = self.child.wait().expect("its end");
        assert_eq!(status.code(), Some(2), "the code of what it saw last");
    }
}

#[test]
fn a_hot_thread_that_hangs_is_severe_and_told_to_supervisors() {
    let server = exchange();
    let maker = Maker::start(&server, "strategy-loop:ETHUSDC@6s");
    let (_, answer) = maker.wait("a cycle that never ends", |_, answer| {
        let checks = answer["checks"].as_array().expect("checks");
        let is_hung = |c: &Value| c["name"] == "engine_cycle_age" && c["status"] == "severe";
        checks.iter().any(is_hung)
    });
    let next = check(&answer, "engine_cycle_age")["next"].clone();
    assert!(
        next.as_str()
            .expect("what to do")
            .contains("phoenix emergency cancel-all"),
        "{next}"
    );
    assert!(ask(&maker.url(), "/livez").starts_with("HTTP/1.1 503"));
    server.shutdown();
}

#[test]
fn where_nobody_ever_ran_it_says_so() {
    let folder = tempfile::tempdir().expect("a folder");
    let (code, answer) = health(&["--state-dir", &folder.path().display().to_string()]);
    assert_eq!(code, 2);
    let text = check(&answer, "process")["text"].clone();
    assert!(
        text.as_str().expect("words").contains("nobody ever ran"),
        "{text}"
    );
    assert!(!Path::new("phoenix.yaml").exists(), "and nothing was made");
}
