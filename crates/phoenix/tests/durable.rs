//! Funding and a trade that come while nobody runs are in the books afterwards, once: judged by the exchange's own list
//! of income.

use phoenix::binance::routes::Venue;
use phoenix::binance::sign::Signer;
use phoenix::demo::{self, MAKER, Stage};
use phoenix::serve::Server;
use phoenix::serve::auth::KeyConfig;
use phoenix::serve::launch::Launch;
use phoenix_exchange::api::{IncomeKind, IncomeQuery, NewOrder, ONE, Side, SymbolId};
use phoenix_exchange::flow::{FlowParams, Regime};
use secrecy::SecretString;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

const ETH: SymbolId = SymbolId(0);
const KEY: &str = "durable-key-0001";
const SECRET: &str = "durable-secret-0001";
/// 2026-11-22 07:50 UTC: funding is paid ten minutes later.
const START_US: u64 = (1_795_305_600 + 7 * 3_600 + 50 * 60) * 1_000_000;
const TO_FUNDING: Duration = Duration::from_secs(600);
/// Longest wait for a state; machines here are shared and slow.
const LIMIT: Duration = Duration::from_secs(90);

/// A process that ends with the test.
struct Owned(Child);

impl Drop for Owned {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn stage() -> Stage {
    let launch = Launch {
        keys: vec![KeyConfig {
            api_key: KEY.to_owned(),
            secret: Some(SECRET.to_owned()),
            ..KeyConfig::default()
        }],
        market: Some(FlowParams::new(Regime::Normal)),
        ..Launch::default()
    };
    let mut config = launch.config().expect("a market");
    config.exchange.start_us = START_US;
    let server = Server::bind(launch.listen, config).expect("a free port");
    let venue = Venue::custom(&server.rest_url(), &server.ws_url()).expect("addresses");
    let signer = Signer::hmac(SecretString::from(KEY), &SecretString::from(SECRET)).expect("a key");
    Stage {
        server,
        venue,
        signer: Arc::new(signer),
    }
}

fn maker(stage: &Stage, folder: &Path) -> Command {
    let file = folder.join("phoenix.yaml");
    let names = ["ETHUSDC".to_owned()];
    let text = demo::config_text(stage, &names, &folder.join("state")).expect("a configuration");
    std::fs::write(&file, text).expect("a configuration");
    let mut command = Command::new(env!("CARGO_BIN_EXE_phoenix"));
    command
        .arg("run")
        .arg("-c")
        .arg(file)
        .args(["--rest-url", &stage.server.rest_url()])
        .args(["--ws-url", &stage.server.ws_url(), "--json"])
        .env("BINANCE_API_KEY", KEY)
        .env("BINANCE_API_SECRET", SECRET);
    command
}

/// A session from start to graceful end, as its summary tells it.
fn session(stage: &Stage, folder: &Path, seconds: &str) -> serde_json::Value {
    let out = maker(stage, folder)
        .args(["--seconds", seconds])
        .output()
        .expect("it runs");
    let log = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(out.status.success(), "{:?}: {log}", out.status.code());
    assert!(log.contains("quoting begins"), "{log}");
    serde_json::from_slice(&out.stdout).expect("one JSON object")
}

/// What the exchange has booked to the account.
fn income(stage: &Stage, kind: IncomeKind) -> (usize, f64) {
    let query = IncomeQuery {
        kind: Some(kind),
        start_ms: Some(0),
        limit: Some(1_000),
        ..IncomeQuery::default()
    };
    let rows = stage.server.with_exchange(|e| e.income(MAKER, &query));
    let sum: i64 = rows.iter().map(|row| row.amount).sum();
    (rows.len(), sum as f64 / ONE as f64)
}

fn agrees(stage: &Stage, summary: &serde_json::Value, session: &str) {
    for (kind, key, within) in [
        (IncomeKind::FundingFee, "funding", 1e-9),
        (IncomeKind::Commission, "fees", 1e-9),
        (IncomeKind::RealizedPnl, "realized_pnl", 1e-5),
    ] {
        let (ours, theirs) = (summary[key].as_f64().expect(key), income(stage, kind).1);
        assert!(
            (ours - theirs).abs() < within,
            "{key} in the {session} session: ours {ours}, theirs {theirs}\n{summary:#}"
        );
    }
}

#[test]
fn funding_paid_while_the_process_is_down_is_in_the_books_once() {
    let stage = stage();
    let folder = tempfile::tempdir().expect("a folder");
    let first = maker(&stage, folder.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let mut first = Owned(first.expect("the maker starts"));
    let began = Instant::now();
    let open = || {
        stage
            .server
            .with_exchange(|e| e.open_order_count(MAKER, ETH))
    };
    while open() < 36 {
        assert!(began.elapsed() < LIMIT, "no full ladder within {LIMIT:?}");
        assert!(first.0.try_wait().expect("a state").is_none(), "it ended");
        std::thread::sleep(Duration::from_millis(20));
    }
    first.0.kill().expect("kill -9");
    first.0.wait().expect("it ended");

    // While nobody runs, a position is taken on the account, and it pays funding.
    let now_us = stage.server.now_us();
    let taken = NewOrder::market(ETH, Side::Buy, ONE / 2);
    let traded = stage.server.with_exchange(|e| {
        e.cancel_all(now_us, MAKER, ETH);
        e.place(now_us, MAKER, &taken).map(|_| ())
    });
    traded.expect("the market sells");
    assert_eq!(income(&stage, IncomeKind::FundingFee).0, 0);
    stage.server.pass(TO_FUNDING);
    let (payments, paid) = income(&stage, IncomeKind::FundingFee);
    assert!(payments == 1 && paid != 0.0, "{payments}: {paid}");

    let second = session(&stage, folder.path(), "3");
    agrees(&stage, &second, "second");
    assert_eq!(second["promises"]["durable"], true);
    // The journal has it once, and the list of income, which still shows it, adds nothing.
    agrees(&stage, &session(&stage, folder.path(), "3"), "third");
    stage.server.pass(Duration::from_secs(1_200));
    agrees(&stage, &session(&stage, folder.path(), "3"), "fourth");
    assert_eq!(income(&stage, IncomeKind::FundingFee).0, 1);
}
