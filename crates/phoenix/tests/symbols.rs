//! Symbols come and go while a session trades: judged by the exchange's own ledger and by the summary of a real
//! process whose configuration file is edited.

use phoenix::binance::routes::Venue;
use phoenix::binance::sign::Signer;
use phoenix::demo::{self, MAKER, Stage};
use phoenix::serve::Server;
use phoenix::serve::auth::KeyConfig;
use phoenix::serve::launch::Launch;
use phoenix_exchange::api::SymbolId;
use phoenix_exchange::flow::{FlowParams, Regime};
use secrecy::SecretString;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

const NAMES: [&str; 3] = ["ETHUSDC", "BTCUSDC", "SOLUSDT"];
const ETH: SymbolId = SymbolId(0);
const BTC: SymbolId = SymbolId(1);
const KEY: &str = "symbols-key-0001";
const SECRET: &str = "symbols-secret-0001";
/// Longest wait for a state; machines here are shared and slow.
const LIMIT: Duration = Duration::from_secs(60);
/// Orders of a full ladder.
const FULL: usize = 36;

fn stage(regime: Regime) -> Stage {
    let launch = Launch {
        symbols: NAMES.map(str::to_owned).to_vec(),
        keys: vec![KeyConfig {
            api_key: KEY.to_owned(),
            secret: Some(SECRET.to_owned()),
            ..KeyConfig::default()
        }],
        market: Some(FlowParams::new(regime)),
        ..Launch::default()
    };
    let server =
        Server::bind(launch.listen, launch.config().expect("a market")).expect("a free port");
    let venue = Venue::custom(&server.rest_url(), &server.ws_url()).expect("addresses");
    let signer = Signer::hmac(SecretString::from(KEY), &SecretString::from(SECRET)).expect("a key");
    Stage {
        server,
        venue,
        signer: Arc::new(signer),
    }
}

/// A market maker in its own process, and the file that it watches.
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
    fn start(stage: &Stage, symbols: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let log = std::fs::File::create(folder.path().join("log")).expect("a log");
        save(&file_in(folder.path()), &text(stage, &folder, symbols));
        let child = Command::new(env!("CARGO_BIN_EXE_phoenix"))
            .arg("run")
            .arg("-c")
            .arg(file_in(folder.path()))
            .args(["--rest-url", &stage.server.rest_url()])
            .args(["--ws-url", &stage.server.ws_url(), "--json"])
            .env("BINANCE_API_KEY", KEY)
            .env("BINANCE_API_SECRET", SECRET)
            .stdout(Stdio::piped())
            .stderr(Stdio::from(log))
            .spawn()
            .expect("the maker starts");
        Self { child, folder }
    }

    /// Saves the file with these symbols, changed by `edit`.
    fn save(&self, stage: &Stage, symbols: &[&str], edit: impl FnOnce(String) -> String) {
        let text = edit(text(stage, &self.folder, symbols));
        save(&file_in(self.folder.path()), &text);
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// Asks for a graceful end and returns the summary.
    fn end(mut self) -> serde_json::Value {
        let pid = self.child.id().to_string();
        let asked = Command::new("kill").args(["-TERM", &pid]).status();
        assert!(asked.expect("`kill` runs").success());
        let out = self.child.stdout.take().expect("piped");
        let summary = serde_json::from_reader(out).expect("one JSON object");
        let status = self.child.wait().expect("it ends");
        assert!(status.success(), "{status}: {summary:#}\n{}", self.log());
        summary
    }
}

fn file_in(folder: &Path) -> PathBuf {
    folder.join("phoenix.yaml")
}

fn text(stage: &Stage, folder: &tempfile::TempDir, symbols: &[&str]) -> String {
    let names: Vec<String> = symbols.iter().map(|s| (*s).to_owned()).collect();
    demo::config_text(stage, &names, &folder.path().join("state")).expect("a configuration")
}

/// As editors save: a new file takes the place of the old one.
fn save(file: &Path, text: &str) {
    let new = file.with_extension("new");
    std::fs::write(&new, text).expect("a configuration");
    std::fs::rename(&new, file).expect("a rename");
}

fn open_orders(stage: &Stage, symbol: SymbolId) -> usize {
    stage
        .server
        .with_exchange(|exchange| exchange.open_order_count(MAKER, symbol))
}

/// Whether a full ladder of so many layers rests; a fill takes up to three from the side that grows the position.
fn is_ladder_of(layers: usize, stage: &Stage, symbol: SymbolId) -> bool {
    (2 * layers - 3..=2 * layers).contains(&open_orders(stage, symbol))
}

/// Whether a stream of the symbol is subscribed by anybody.
fn is_heard(stage: &Stage, symbol: SymbolId) -> bool {
    let heard = |topic: phoenix::serve::streams::Topic| topic.symbol() == Some(symbol.0);
    stage
        .server
        .with_venue(|venue| venue.hub.topics().any(heard))
}

/// Waits for a state, during which `quoted` always rests nearly in full: a pull would be seen.
fn wait_for(
    what: &str,
    maker: &Maker,
    stage: &Stage,
    quoted: Option<SymbolId>,
    is_so: impl Fn() -> bool,
) {
    let began = Instant::now();
    // Twenty looks in a row: what the ledger has is then known to the maker too.
    let mut steady = 0;
    while steady < 20 {
        steady = if is_so() { steady + 1 } else { 0 };
        let late = began.elapsed() >= LIMIT;
        assert!(
            !late,
            "{what} did not come within {LIMIT:?}\n{}",
            maker.log()
        );
        if let Some(symbol) = quoted {
            let open = open_orders(stage, symbol);
            assert!(
                open >= FULL / 2,
                "{open} orders on {symbol:?} while waiting for {what}\n{}",
                maker.log()
            );
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn symbols_are_added_removed_and_brought_back_while_the_others_are_quoted_on() {
    let stage = stage(Regime::Normal);
    let maker = Maker::start(&stage, &["ETHUSDC"]);
    let full = |symbol| is_ladder_of(18, &stage, symbol);
    wait_for("a ladder on the first", &maker, &stage, None, || full(ETH));
    assert!(!is_heard(&stage, BTC));

    maker.save(&stage, &["ETHUSDC", "BTCUSDC"], |text| text);
    wait_for("a ladder on the second", &maker, &stage, Some(ETH), || {
        full(BTC)
    });

    maker.save(&stage, &["BTCUSDC"], |text| text);
    wait_for("the end of the first", &maker, &stage, Some(BTC), || {
        let armed = stage
            .server
            .with_exchange(|exchange| exchange.countdown_due_us(MAKER, ETH));
        open_orders(&stage, ETH) == 0 && armed.is_none() && !is_heard(&stage, ETH)
    });

    // Removed and brought back, and another one at once with its parameters.
    maker.save(&stage, &["ETHUSDC", "BTCUSDC"], |text| {
        text.replacen("total_layers: 18", "total_layers: 12", 1)
    });
    wait_for("its return", &maker, &stage, Some(BTC), || {
        is_ladder_of(12, &stage, ETH)
    });
    let log = maker.log();
    let summary = maker.end();
    assert_eq!([ETH, BTC].map(|s| open_orders(&stage, s)), [0, 0]);
    assert_eq!(summary["open_orders_end"], 0, "{summary:#}");
    assert_eq!(summary["exit"], "designed");
    assert_eq!(
        summary["symbols"],
        serde_json::json!(["BTCUSDC", "ETHUSDC"])
    );
    for promise in ["accounted", "alive", "bounded", "durable", "fresh"] {
        assert_eq!(summary["promises"][promise], true, "{promise}: {summary:#}");
    }
    let fills: u64 = [ETH, BTC]
        .map(|symbol| {
            stage.server.with_exchange(|exchange| {
                let seen = exchange.exposure_extremes(MAKER, symbol);
                seen.fills_buy + seen.fills_sell
            })
        })
        .iter()
        .sum();
    let told = |key: &str| summary[key].as_u64().expect("a count");
    assert_eq!(told("fills_buy") + told("fills_sell"), fills, "{summary:#}");
    for harm in ["connection is down", "silent for", "is rebuilt"] {
        assert!(!log.contains(harm), "{harm}:\n{log}");
    }
}

#[test]
fn a_position_that_is_left_behind_is_said_and_continued_when_its_symbol_comes_back() {
    let stage = stage(Regime::Lively);
    let maker = Maker::start(&stage, &["ETHUSDC", "BTCUSDC"]);
    let held = || {
        stage
            .server
            .with_exchange(|exchange| exchange.exposure_extremes(MAKER, ETH).position)
    };
    wait_for("a position", &maker, &stage, None, || {
        held() != 0 && open_orders(&stage, BTC) > 0
    });
    maker.save(&stage, &["BTCUSDC"], |text| text);
    wait_for("the end of the first", &maker, &stage, None, || {
        open_orders(&stage, ETH) == 0 && !is_heard(&stage, ETH)
    });
    let left = held();
    if left != 0 {
        wait_for("the warning", &maker, &stage, None, || {
            maker.log().contains("NOBODY manages it")
        });
    }
    maker.save(&stage, &["ETHUSDC", "BTCUSDC"], |text| text);
    wait_for("its return", &maker, &stage, None, || {
        open_orders(&stage, ETH) > 0
    });
    let log = maker.log();
    let summary = maker.end();
    assert!(!log.contains("taken over from the exchange"), "{log}");
    assert_eq!(summary["open_orders_end"], 0, "{summary:#}");
    assert_eq!(summary["promises"]["durable"], true, "{summary:#}");
    let of_eth = summary["per_symbol"].as_array().expect("a list");
    let of_eth: Vec<_> = of_eth.iter().filter(|s| s["symbol"] == "ETHUSDC").collect();
    let [of_eth] = of_eth.as_slice() else {
        panic!("one entry for each symbol: {summary:#}");
    };
    let position = of_eth["position"].as_f64().expect("a number");
    assert!(
        (position - held() as f64 / 1e8).abs() < 1e-9,
        "{summary:#}\n{log}"
    );
}

#[test]
fn a_change_with_a_symbol_that_cannot_be_added_is_refused_as_a_whole() {
    let stage = stage(Regime::Normal);
    let maker = Maker::start(&stage, &["ETHUSDC"]);
    wait_for("a ladder", &maker, &stage, None, || {
        is_ladder_of(18, &stage, ETH)
    });
    let fewer = |text: String| text.replace("total_layers: 18", "total_layers: 5");
    // Of another margin asset, and with fewer layers on the symbol that stays.
    maker.save(&stage, &["ETHUSDC", "SOLUSDT"], fewer);
    wait_for("the refusal", &maker, &stage, Some(ETH), || {
        maker.log().contains("is margined in USDT")
    });
    // Not listed: the remedy is in the same file.
    maker.save(&stage, &["ETHUSDC", "BTCUSDC"], |text| {
        fewer(text).replace("BTCUSDC", "BTCUSDX")
    });
    wait_for("the next refusal", &maker, &stage, Some(ETH), || {
        maker.log().contains("does not list this symbol")
    });
    let log = maker.log();
    let line = log
        .lines()
        .find(|l| l.contains("does not list"))
        .expect("seen");
    for part in ["phoenix.yaml", "symbols.BTCUSDX.symbol", "refused"] {
        assert!(line.contains(part), "{part}: {line}");
    }
    assert!(is_ladder_of(18, &stage, ETH), "nothing was taken over");
    maker.save(&stage, &["ETHUSDC", "BTCUSDC"], fewer);
    wait_for("both with five layers", &maker, &stage, None, || {
        is_ladder_of(5, &stage, ETH) && is_ladder_of(5, &stage, BTC)
    });
    let summary = maker.end();
    assert_eq!(summary["open_orders_end"], 0, "{summary:#}");
}
