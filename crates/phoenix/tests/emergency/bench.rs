//! Owns what the emergency tests share: an exchange with a book, an account with orders and positions, and the command.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use phoenix::serve::auth::KeyConfig;
use phoenix::serve::faults::{Callers, Place, RequestEffect, RequestRule};
use phoenix::serve::timing::Timing;
use phoenix::serve::{AccountConfig, ServeConfig, Server};
use phoenix_exchange::api::{ClientId, NewOrder, ONE, SymbolId, TimeInForce};
use phoenix_exchange::{AccountId, E8, ExchangeConfig, Side, SymbolSpec};
use serde_json::Value;
use tempfile::TempDir;

pub const KEY: &str = "emergency-key";
pub const SECRET: &str = "emergency-secret";
pub const WRONG_SECRET: &str = "another-secret";
pub const ETH: SymbolId = SymbolId(0);
pub const BTC: SymbolId = SymbolId(1);
/// The account under test, and one that trades against it.
pub const OURS: AccountId = AccountId(0);
const OTHER: AccountId = AccountId(1);

pub struct Bench {
    pub server: Server,
    folder: TempDir,
}

/// What the command left.
pub struct Out {
    pub code: i32,
    pub json: Value,
    pub stderr: String,
}

fn account(api_key: &str) -> AccountConfig {
    AccountConfig {
        deposits: vec![("USDC".into(), 1_000_000 * ONE)],
        keys: vec![KeyConfig {
            api_key: api_key.into(),
            secret: Some(SECRET.into()),
            ..KeyConfig::default()
        }],
    }
}

impl Bench {
    /// ETHUSDC around 2500 and BTCUSDC around 65 000, with deep books.
    pub fn start() -> Self {
        let bench = Self::start_with_book(&[(Side::Buy, 2_499, 50), (Side::Sell, 2_500, 50)]);
        bench.add_level(BTC, Side::Buy, 64_990, 5);
        bench.add_level(BTC, Side::Sell, 65_000, 5);
        bench
    }

    /// With this book of ETHUSDC: side, price, size.
    pub fn start_with_book(levels: &[(Side, i64, i64)]) -> Self {
        let symbols = vec![
            (SymbolSpec::ethusdc(), 2_500 * ONE),
            (SymbolSpec::btcusdc(), 65_000 * ONE),
        ];
        let config = ServeConfig {
            exchange: ExchangeConfig::new(0, symbols),
            seed: 1,
            accounts: vec![account(KEY), account("other-key")],
            flows: Vec::new(),
            timing: Timing::default(),
        };
        let bench = Self::on(Server::bind("127.0.0.1:0".parse().unwrap(), config).unwrap());
        for (side, price, qty) in levels {
            bench.add_level(ETH, *side, *price, *qty);
        }
        bench
    }

    /// On a server that runs already.
    pub fn on(server: Server) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let bench = Self { server, folder };
        std::fs::create_dir(bench.state()).unwrap();
        std::fs::write(bench.state().join("instance"), "a1b2c3").unwrap();
        bench
    }

    pub fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    /// A configuration with ETHUSDC only.
    pub fn configure(&self) -> String {
        let file = self.folder.path().join("phoenix.yaml");
        let text = format!(
            "global:\n  total_notional_max: 100000\n  state_dir: \"{}\"\n  rest_url: \"{}\"\n  ws_url: \"{}\"\nsymbols:\n  - symbol: ETHUSDC\n    net_max: 2.0\n    \
             unified_layer_size: 0.05\n    total_layers: 18\n    grid_start_offset: 0.5\n    min_spread: 0.0001\n",
            self.state().display(),
            self.server.rest_url(),
            self.server.ws_url()
        );
        std::fs::write(&file, text).unwrap();
        file.to_str().unwrap().to_owned()
    }

    fn add_level(&self, symbol: SymbolId, side: Side, price: i64, qty: i64) {
        let now = self.server.now_us();
        self.server.with_exchange(|exchange| {
            exchange.with_market(now, symbol, |market| {
                market.add_background(side, price * ONE, qty * ONE);
            });
        });
    }

    /// An order of the account that rests.
    pub fn rest(&self, id: &str, symbol: SymbolId, side: Side, price: i64) {
        let order = NewOrder::limit(symbol, side, price * ONE, ONE / 10, TimeInForce::Gtx)
            .with_client_id(ClientId::parse(id).unwrap());
        self.place(OURS, &order);
    }

    /// A position.
    pub fn take(&self, symbol: SymbolId, side: Side, qty: E8) {
        self.place(OURS, &NewOrder::market(symbol, side, qty));
    }

    pub fn take_from_other(&self, symbol: SymbolId, side: Side, qty: E8) {
        self.place(OTHER, &NewOrder::market(symbol, side, qty));
    }

    fn place(&self, account: AccountId, order: &NewOrder) {
        let now = self.server.now_us();
        self.server
            .with_exchange(|exchange| exchange.place(now, account, order))
            .unwrap();
    }

    /// Client ids of the account's open orders, in alphabetical order.
    pub fn open(&self) -> Vec<String> {
        let list = self
            .server
            .with_exchange(|exchange| exchange.open_orders(OURS, None));
        let mut ids: Vec<String> = list.iter().map(|o| o.client_id.to_string()).collect();
        ids.sort();
        ids
    }

    /// Positions in ETHUSDC and BTCUSDC.
    pub fn positions(&self) -> [E8; 2] {
        [ETH, BTC].map(|symbol| self.position(symbol))
    }

    pub fn position(&self, symbol: SymbolId) -> E8 {
        let rows = self
            .server
            .with_exchange(|exchange| exchange.positions(OURS, Some(symbol)));
        rows.iter().map(|row| row.qty).sum()
    }

    /// The next `times` requests to this path meet this.
    pub fn fault(&self, method: &'static str, path: &str, effect: RequestEffect, times: u32) {
        let rule = RequestRule {
            places: vec![Place::new(Some(method), path)],
            callers: Callers::All,
            effect,
            times,
        };
        let is_added = self
            .server
            .with_venue(|venue| venue.request_faults.add(rule));
        assert!(is_added);
    }

    /// The command with the account's key.
    pub fn emergency(&self, args: &[&str]) -> Out {
        self.emergency_with(SECRET, args)
    }

    pub fn emergency_with(&self, secret: &str, args: &[&str]) -> Out {
        let output = self.command(secret, args).output().unwrap();
        let stdout = String::from_utf8(output.stdout).unwrap();
        Out {
            code: output.status.code().unwrap(),
            json: serde_json::from_str(&stdout).unwrap_or(Value::Null),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    fn command(&self, secret: &str, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_phoenix"));
        command
            .arg("emergency")
            .args(args)
            .args(["--json", "--rest-url", &self.server.rest_url()])
            .arg("--state-dir")
            .arg(self.state())
            .current_dir(self.folder.path())
            .env_clear()
            .env("BINANCE_API_KEY", KEY)
            .env("BINANCE_API_SECRET", secret)
            .stdin(Stdio::null());
        command
    }
}
