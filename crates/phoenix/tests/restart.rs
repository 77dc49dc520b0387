//! `kill -9` in the middle of trading loses nothing: the next session begins with the exchange's own books.

use phoenix::binance::client_id::ClientIds;
use phoenix::binance::contracts::Contracts;
use phoenix::binance::decode::AccountScope;
use phoenix::binance::decode::rest::{account, reference, trading};
use phoenix::binance::encode::rest::Endpoint;
use phoenix::binance::sign::Signer;
use phoenix::config::params::ShellParams;
use phoenix::live::clock::Clock;
use phoenix::live::rest::Rest;
use phoenix::live::tuning::Tuning;
use phoenix::net::Endpoint as Host;
use phoenix_core::event::{OrderReport, Outcome, TradeReport};
use phoenix_core::instrument::SymbolId;
use phoenix_core::units::Lots;
use secrecy::SecretString;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

const KEY: &str = "restart-key";
const SECRET: &str = "restart-secret";

/// A process that ends with the test.
struct Owned(Child);

impl Drop for Owned {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn phoenix() -> Command {
    Command::new(env!("CARGO_BIN_EXE_phoenix"))
}

fn start_exchange() -> (Owned, serde_json::Value) {
    let mut child = phoenix()
        .args([
            "exchange",
            "--listen",
            "127.0.0.1:0",
            "--symbols",
            "ETHUSDC",
            "--market",
            "lively",
        ])
        .args(["--seed", "3", "--key", KEY, "--secret", SECRET])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the exchange starts");
    let mut line = String::new();
    let stdout = child.stdout.take().expect("piped");
    BufReader::new(stdout)
        .read_line(&mut line)
        .expect("an address line");
    let addresses = serde_json::from_str(&line).expect("one JSON line");
    (Owned(child), addresses)
}

fn write_config(folder: &Path) -> std::path::PathBuf {
    let file = folder.join("phoenix.yaml");
    let text = format!(
        "global:\n  total_notional_max: 100000\n  state_dir: \"{}\"\nsymbols:\n  - symbol: ETHUSDC\n    net_max: 2.0\n    \
         unified_layer_size: 0.05\n    total_layers: 18\n    grid_start_offset: 0.5\n    min_spread: 0.0001\n",
        folder.join("state").display()
    );
    std::fs::write(&file, text).expect("a configuration");
    file
}

fn maker(config: &Path, addresses: &serde_json::Value) -> Command {
    let mut command = phoenix();
    command
        .arg("run")
        .arg("-c")
        .arg(config)
        .args([
            "--rest-url",
            addresses["rest_url"].as_str().expect("rest_url"),
        ])
        .args(["--ws-url", addresses["ws_url"].as_str().expect("ws_url")])
        .env("BINANCE_API_KEY", KEY)
        .env("BINANCE_API_SECRET", SECRET);
    command
}

/// The exchange asked from outside.
struct Witness {
    rest: Rest,
    contracts: Contracts,
    account: AccountScope,
}

impl Witness {
    async fn new(addresses: &serde_json::Value) -> Self {
        let host = Host::parse(addresses["rest_url"].as_str().expect("rest_url")).expect("a URL");
        let signer =
            Signer::hmac(SecretString::from(KEY), &SecretString::from(SECRET)).expect("a key");
        let rest = Rest::new(
            host,
            Arc::new(signer),
            Clock::default(),
            Tuning::fixed(ShellParams::default()),
        )
        .expect("a client");
        let read = rest
            .ask(
                |e, a, out| e.plain(Endpoint::ExchangeInfo, a, out),
                |body| reference::exchange_info(body, |_| true),
            )
            .await;
        let info = accepted(read.outcome);
        let mut contracts = Contracts::default();
        contracts
            .add(SymbolId(0), info.listed[0].instrument.clone())
            .expect("a contract");
        let ids = ClientIds::new("witness").expect("a name");
        Self {
            rest,
            contracts,
            account: AccountScope {
                margin_asset: "USDC".to_owned(),
                ids,
            },
        }
    }

    async fn trades(&self) -> Vec<TradeReport> {
        let contract = self.contracts.by_id(SymbolId(0)).expect("a contract");
        let read = self
            .rest
            .ask(
                |e, a, out| e.user_trades(contract, 0, a, out),
                |body| {
                    let mut list = Vec::new();
                    trading::trades(contract, &self.account, body, &mut list).map(|()| list)
                },
            )
            .await;
        accepted(read.outcome)
    }

    async fn position(&self) -> Lots {
        let read = self
            .rest
            .ask(
                |e, a, out| e.plain(Endpoint::PositionRisk, a, out),
                |body| {
                    let mut list = Vec::new();
                    account::positions(&self.contracts, body, &mut list).map(|()| list)
                },
            )
            .await;
        accepted(read.outcome)[0].size
    }

    async fn open_orders(&self) -> Vec<OrderReport> {
        let contract = self.contracts.by_id(SymbolId(0)).expect("a contract");
        let read = self
            .rest
            .ask(
                |e, a, out| e.about(Endpoint::OpenOrders, contract, a, out),
                |body| {
                    let mut list = Vec::new();
                    trading::open_orders(&self.contracts, &self.account, body, &mut list)
                        .map(|()| list)
                },
            )
            .await;
        accepted(read.outcome)
    }
}

fn accepted<T>(outcome: Outcome<T>) -> T {
    match outcome {
        Outcome::Accepted(value) => value,
        Outcome::Refused(refusal) => panic!("refused: {refusal:?}"),
        Outcome::Unknown => panic!("no answer"),
    }
}

/// What the log of a run says when quoting begins: position and realised profit.
fn books_at_start(log: &str) -> (f64, f64) {
    let line = log
        .lines()
        .find(|l| l.contains("quoting begins"))
        .expect("the line that says quoting begins");
    let field = |name: &str| -> f64 {
        let rest = line.split_once(&format!("{name}=")).expect(name).1;
        let text: String = rest
            .trim_start_matches('"')
            .chars()
            .take_while(|c| "+-.0123456789e".contains(*c))
            .collect();
        text.parse().expect("a number")
    };
    (field("position"), field("realized"))
}

/// Whether the exchange's own trades gave this position and realised profit at an instant after the kill and
/// before the summary: our orders went on filling until the second session had cancelled or adopted them.
fn is_a_moment_of(trades: &[TradeReport], at_kill: usize, position: f64, realized: f64) -> bool {
    let (mut size, mut gained) = (0_i64, 0_i64);
    let mut moments = vec![(0_i64, 0_i64)];
    for trade in trades {
        size += trade.side.signed(trade.fill.size).raw();
        gained += trade.fill.realized.raw();
        moments.push((size, gained));
    }
    moments[at_kill..].iter().any(|(size, gained)| {
        (position - *size as f64 * 0.001).abs() < 1e-9
            && (realized - *gained as f64 / 1e8).abs() < 1e-6
    })
}

#[tokio::test]
async fn after_kill_9_the_books_agree_with_the_exchange_before_the_first_quote() {
    let folder = tempfile::tempdir().expect("a folder");
    let (_exchange, addresses) = start_exchange();
    let witness = Witness::new(&addresses).await;
    let config = write_config(folder.path());

    let mut first = Owned(
        maker(&config, &addresses)
            .stderr(Stdio::null())
            .spawn()
            .expect("the maker starts"),
    );
    let deadline = Instant::now() + Duration::from_secs(90);
    while witness.trades().await.len() < 6 || witness.position().await.is_zero() {
        assert!(Instant::now() < deadline, "no fills within 90 s");
        assert!(
            first.0.try_wait().expect("a state").is_none(),
            "the maker ended by itself"
        );
        // The witness has the maker's address: what it asks is counted with the maker's own requests.
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    first.0.kill().expect("kill -9");
    first.0.wait().expect("it ended");
    assert!(
        !witness.open_orders().await.is_empty(),
        "a killed maker leaves orders; otherwise this tests nothing"
    );

    let at_kill = witness.trades().await.len();
    let second = maker(&config, &addresses)
        .args(["--seconds", "4", "--json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .output()
        .expect("the second session");
    let log = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(
        second.status.success(),
        "exit {:?}: {log}",
        second.status.code()
    );

    let (position, realized) = books_at_start(&log);
    let summary: serde_json::Value =
        serde_json::from_slice(&second.stdout).expect("one JSON object");
    assert!(
        is_a_moment_of(&witness.trades().await, at_kill, position, realized),
        "position {position} and realised {realized} were never the exchange's after the kill\n{log}"
    );

    assert_eq!(
        witness.open_orders().await.len(),
        0,
        "nothing is left, of either session"
    );
    assert_eq!(summary["open_orders_end"], 0);
    assert_eq!(summary["promises"]["durable"], true);
    let end = summary["per_symbol"][0]["position"]
        .as_f64()
        .expect("a position");
    assert!((end - witness.position().await.raw() as f64 * 0.001).abs() < 1e-9);
}
