//! Promise `contained`, with the real binary against a real exchange on loopback: a panic of one symbol's logic costs
//! that symbol a few seconds, any other panic ends the process with its own exit code and an empty book.
//! Judged by the exchange's own ledger.

use phoenix::demo::MAKER;
use phoenix::serve::Server;
use phoenix::serve::auth::KeyConfig;
use phoenix::serve::launch::Launch;
use phoenix_exchange::api::SymbolId;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

const ETH: SymbolId = SymbolId(0);
const BTC: SymbolId = SymbolId(1);
const KEY: &str = "contain-key";
const SECRET: &str = "contain-secret";
/// Longest wait for a state; machines here are shared and slow.
const LIMIT: Duration = Duration::from_secs(60);

/// A process that ends with the test.
struct Owned(Option<Child>);

impl Drop for Owned {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Owned {
    fn id(&self) -> i32 {
        let child = self.0.as_ref().expect("running");
        child.id().try_into().expect("a process id")
    }

    fn output(mut self) -> Output {
        let child = self.0.take().expect("running");
        child.wait_with_output().expect("its end")
    }
}

fn exchange() -> Server {
    let symbols = ["ETHUSDC".to_owned(), "BTCUSDC".to_owned()];
    // The same price, so that one ladder fits both.
    let prices = symbols.iter().map(|name| (name.clone(), price()));
    let launch = Launch {
        prices: prices.collect(),
        symbols: symbols.to_vec(),
        keys: vec![KeyConfig {
            api_key: KEY.to_owned(),
            secret: Some(SECRET.to_owned()),
            ..KeyConfig::default()
        }],
        ..Launch::default()
    };
    Server::bind(launch.listen, launch.config().expect("a market")).expect("a free port")
}

fn price() -> phoenix_exchange::api::E8 {
    2_500 * 100_000_000
}

fn config(folder: &Path) -> std::path::PathBuf {
    let mut text = format!(
        "global:\n  total_notional_max: 1000000\n  log_format: human\n  state_dir: \"{}\"\nsymbols:\n",
        folder.join("state").display()
    );
    for symbol in ["ETHUSDC", "BTCUSDC"] {
        text.push_str(&format!(
            "  - symbol: {symbol}\n    net_max: 2.0\n    unified_layer_size: 0.05\n    total_layers: 18\n    grid_start_offset: 1.2\n"
        ));
    }
    let file = folder.join("phoenix.yaml");
    std::fs::write(&file, text).expect("a configuration");
    file
}

fn maker(folder: &Path, server: &Server, fault: &str, more: &[&str]) -> Owned {
    let child = Command::new(env!("CARGO_BIN_EXE_phoenix"))
        .args(["run", "--json", "-c"])
        .arg(config(folder))
        .args([
            "--rest-url",
            &server.rest_url(),
            "--ws-url",
            &server.ws_url(),
        ])
        .args(more)
        .env("BINANCE_API_KEY", KEY)
        .env("BINANCE_API_SECRET", SECRET)
        .env("PHOENIX_FAULT", fault)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the maker starts");
    Owned(Some(child))
}

fn open(server: &Server, symbol: SymbolId) -> usize {
    server.with_exchange(|exchange| exchange.open_order_count(MAKER, symbol))
}

fn wait_for(what: &str, mut is_so: impl FnMut() -> bool) -> Duration {
    let began = Instant::now();
    while !is_so() {
        assert!(
            began.elapsed() < LIMIT,
            "{what} did not come within {LIMIT:?}"
        );
        std::thread::sleep(Duration::from_millis(2));
    }
    began.elapsed()
}

fn wait_for_full(server: &Server) {
    wait_for("two full ladders", || {
        open(server, ETH) == 36 && open(server, BTC) == 36
    });
}

fn summary(output: &Output) -> serde_json::Value {
    serde_json::from_slice(&output.stdout).expect("one JSON object")
}

fn log(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_panicking_strategy_costs_its_symbol_five_seconds_and_the_other_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = exchange();
    let maker = maker(
        folder.path(),
        &server,
        "strategy-panic:ETHUSDC@8s",
        &["--seconds", "25"],
    );
    wait_for_full(&server);
    let mut fewest = usize::MAX;
    let mut watch = |server: &Server| fewest = fewest.min(open(server, BTC));
    wait_for("the pull of the symbol", || {
        watch(&server);
        open(&server, ETH) == 0
    });
    let away = wait_for("its full ladder", || {
        watch(&server);
        open(&server, ETH) >= 34
    });
    assert!(away >= Duration::from_millis(4_500), "{away:?}");
    assert!(away < Duration::from_secs(15), "{away:?}");
    assert!(fewest >= 30, "the other symbol fell to {fewest} orders");
    let output = maker.output();
    let (log, summary) = (log(&output), summary(&output));
    assert_eq!(output.status.code(), Some(0), "{log}");
    assert_eq!((open(&server, ETH), open(&server, BTC)), (0, 0));
    for promise in ["contained", "durable", "accounted", "bounded", "dead_man"] {
        assert_eq!(summary["promises"][promise], true, "{promise}: {log}");
    }
    for said in [
        "code=\"panic\"",
        "desk_panicked",
        "desk_restarted",
        "ask_strategy",
    ] {
        assert!(log.contains(said), "{said}: {log}");
    }
    assert!(!log.contains(SECRET));
    server.shutdown();
}

fn check_ends_with(fault: &str, code: i32, thread: &str) {
    let folder = tempfile::tempdir().expect("a folder");
    let server = exchange();
    let maker = maker(folder.path(), &server, fault, &[]);
    wait_for_full(&server);
    let output = maker.output();
    let log = log(&output);
    assert_eq!(output.status.code(), Some(code), "{log}");
    assert_eq!((open(&server, ETH), open(&server, BTC)), (0, 0), "{log}");
    assert_eq!(summary(&output)["open_orders_end"], 0);
    assert_eq!(summary(&output)["promises"]["contained"], false);
    assert!(
        log.contains(thread) && log.contains("injected fault"),
        "{log}"
    );
    server.shutdown();
}

#[test]
fn a_panic_of_the_hot_thread_ends_the_process_and_leaves_no_order() {
    check_ends_with("hot-panic@8s", 6, "phoenix-hot");
}

#[test]
fn a_panic_of_the_cold_side_ends_the_process_and_leaves_no_order() {
    check_ends_with("cold-panic@8s", 6, "panic of the cold side");
}

#[test]
fn a_strategy_that_never_returns_does_not_keep_the_process_from_ending() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = exchange();
    let maker = maker(folder.path(), &server, "strategy-loop:ETHUSDC@8s", &[]);
    wait_for_full(&server);
    std::thread::sleep(Duration::from_secs(8));
    let pid = rustix::process::Pid::from_raw(maker.id()).expect("a process id");
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("a signal");
    let output = maker.output();
    let log = log(&output);
    assert!(log.contains("the hot thread hangs"), "{log}");
    assert_eq!(output.status.code(), Some(6), "{log}");
    assert_eq!((open(&server, ETH), open(&server, BTC)), (0, 0), "{log}");
    server.shutdown();
}

#[test]
fn a_fault_is_not_put_in_on_another_venue() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = exchange();
    for venue in [["--venue", "testnet"], ["--venue", "live"]] {
        let mut more = venue.to_vec();
        more.extend((venue[1] == "live").then_some("--live"));
        let output = maker(folder.path(), &server, "hot-panic@1s", &more).output();
        assert_eq!(output.status.code(), Some(2), "{}", log(&output));
        assert!(
            log(&output).contains("PHOENIX_FAULT is set"),
            "{}",
            log(&output)
        );
    }
    server.shutdown();
}
