//! The whole way over real sockets: market data in, orders at the exchange, cut connections, a verified end.
//! Judged by the exchange's own ledger, not by what Phoenix says of itself.

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use phoenix::binance::routes::Venue;
use phoenix::binance::sign::Signer;
use phoenix::config::Config;
use phoenix::demo::{self, MAKER, Stage};
use phoenix::live::cold::Ended;
use phoenix::live::session::{self, Finished, Open, Setup, StartError};
use phoenix::serve::Server;
use phoenix::serve::auth::KeyConfig;
use phoenix::serve::hub::{Doom, Line};
use phoenix::serve::launch::Launch;
use phoenix::serve::streams::Route;
use phoenix_exchange::api::SymbolId;
use phoenix_exchange::flow::{FlowParams, Regime};
use secrecy::SecretString;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

const ETH: SymbolId = SymbolId(0);
const KEY: &str = "walk-key-0001";
const SECRET: &str = "walk-secret-0001";
/// Longest wait for a state; machines here are shared and slow.
const LIMIT: Duration = Duration::from_secs(30);

fn stage(signer: Signer, public_pem: Option<String>) -> Stage {
    let launch = Launch {
        keys: vec![KeyConfig {
            api_key: KEY.to_owned(),
            secret: Some(SECRET.to_owned()),
            ed25519_pem: public_pem,
            ..KeyConfig::default()
        }],
        market: Some(FlowParams::new(Regime::Normal)),
        ..Launch::default()
    };
    let server =
        Server::bind(launch.listen, launch.config().expect("a market")).expect("a free port");
    let venue = Venue::custom(&server.rest_url(), &server.ws_url()).expect("addresses");
    Stage {
        server,
        venue,
        signer: Arc::new(signer),
    }
}

fn hmac() -> Stage {
    stage(
        Signer::hmac(SecretString::from(KEY), &SecretString::from(SECRET)).expect("a key"),
        None,
    )
}

fn ed25519() -> Stage {
    let pair = Ed25519KeyPair::generate().expect("a key pair");
    let private = pair.to_pkcs8().expect("PKCS#8");
    let public: PublicKeyX509Der<'_> = pair.public_key().as_der().expect("SPKI");
    let pem = format!(
        "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n",
        STANDARD.encode(public.as_ref())
    );
    let signer = Signer::from_der(SecretString::from(KEY), private.as_ref()).expect("a signer");
    stage(signer, Some(pem))
}

fn open_orders(stage: &Stage) -> usize {
    stage
        .server
        .with_exchange(|exchange| exchange.open_order_count(MAKER, ETH))
}

fn wait_for(what: &str, mut is_so: impl FnMut() -> bool) -> Duration {
    let began = Instant::now();
    while !is_so() {
        assert!(
            began.elapsed() < LIMIT,
            "{what} did not come within {LIMIT:?}"
        );
        std::thread::sleep(Duration::from_millis(5));
    }
    began.elapsed()
}

/// Runs a market maker for `seconds` on the stage while `meanwhile` watches and interferes.
fn trade(stage: &Stage, seconds: u64, meanwhile: impl FnOnce(&Stage)) -> Finished {
    trade_with(stage, seconds, Sending::Real, meanwhile)
}

/// Whether orders reach the exchange.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sending {
    Real,
    Dry,
}

fn trade_with(
    stage: &Stage,
    seconds: u64,
    sending: Sending,
    meanwhile: impl FnOnce(&Stage),
) -> Finished {
    let folder = tempfile::tempdir().expect("a folder");
    let config =
        demo::config(stage, &["ETHUSDC".to_owned()], folder.path()).expect("a configuration");
    let setup = Setup {
        dry_run: sending == Sending::Dry,
        ..setup_of(stage, seconds, config)
    };
    run_beside(setup, || meanwhile(stage)).expect("it started")
}

fn setup_of(stage: &Stage, seconds: u64, config: Config) -> Setup {
    Setup {
        config,
        config_path: None,
        venue: stage.venue.clone(),
        venue_name: "test".to_owned(),
        signer: Arc::clone(&stage.signer),
        fingerprint: "walk".to_owned(),
        dry_run: false,
        clear_halt: false,
        seconds: Some(Duration::from_secs(seconds)),
        log_level: None,
        flight: None,
    }
}

fn run_beside(setup: Setup, meanwhile: impl FnOnce()) -> Result<Finished, StartError> {
    std::thread::scope(|scope| {
        let run = scope.spawn(|| session::run(setup));
        meanwhile();
        run.join().expect("no panic")
    })
}

/// A configuration file with more lines under `global:`, and what it says.
fn write_config(folder: &Path, global: &str) -> (PathBuf, Config) {
    let file = folder.join("phoenix.yaml");
    let text = format!(
        "global:\n  state_dir: \"{}\"\n{global}symbols:\n  - symbol: ETHUSDC\n    net_max: 2.0\n    \
         unified_layer_size: 0.05\n    total_layers: 18\n",
        folder.join("state").display()
    );
    std::fs::write(&file, text).expect("a file of the test");
    let loaded = Config::load(&file).unwrap_or_else(|rejected| panic!("{rejected}"));
    (file, loaded.config)
}

fn check_clean_end(stage: &Stage, finished: &Finished) {
    assert_eq!(finished.ended, Ended::Stopped);
    assert_eq!(finished.open, [("ETHUSDC".to_owned(), Open::Confirmed(0))]);
    assert_eq!(
        open_orders(stage),
        0,
        "the exchange's own book of open orders"
    );
    let record = &finished.view.symbols.first().expect("a symbol").record;
    assert!(record.open_orders_max <= 38);
    assert_eq!(record.exits_refused, 0);
}

#[test]
fn with_an_hmac_key_a_full_ladder_rests_and_nothing_is_left_at_the_end() {
    let stage = hmac();
    let finished = trade(&stage, 6, |stage| {
        wait_for("36 orders", || open_orders(stage) == 36);
    });
    check_clean_end(&stage, &finished);
}

#[test]
fn with_an_ed25519_key_orders_go_over_the_websocket_and_nothing_is_left_at_the_end() {
    let stage = ed25519();
    let finished = trade(&stage, 6, |stage| {
        wait_for("36 orders", || open_orders(stage) == 36);
        let sockets = stage.server.with_venue(|venue| venue.hub.socket_count());
        assert!(
            sockets >= 4,
            "public, market, user and order sockets, found {sockets}"
        );
    });
    check_clean_end(&stage, &finished);
}

#[test]
fn each_cut_connection_is_made_again_and_the_ladder_comes_back() {
    let stage = ed25519();
    let lines = [
        Line::Streams(Route::Public),
        Line::Streams(Route::Market),
        Line::Streams(Route::Private),
        Line::Api,
    ];
    let finished = trade(&stage, 20, |stage| {
        wait_for("36 orders", || open_orders(stage) == 36);
        for line in lines {
            stage
                .server
                .with_venue(|venue| venue.hub.doom(Some(line), Doom::Cut));
            // The cut itself may be over between two looks: what counts is that everything is up and stays up.
            let mut steady = 0;
            wait_for(&format!("a full ladder after cutting {line:?}"), || {
                let sockets = stage.server.with_venue(|venue| venue.hub.socket_count());
                steady = if sockets == 4 && open_orders(stage) >= 36 {
                    steady + 1
                } else {
                    0
                };
                steady >= 100
            });
        }
    });
    check_clean_end(&stage, &finished);
    assert!(
        finished.codes.contains("link_down"),
        "the cuts were noticed"
    );
}

#[test]
fn a_dry_run_decides_on_a_full_ladder_and_sends_nothing() {
    let stage = hmac();
    let finished = trade_with(&stage, 5, Sending::Dry, |_| {});
    assert_eq!(finished.ended, Ended::Stopped);
    let record = &finished.view.symbols.first().expect("a symbol").record;
    assert!(record.full_quote_at.is_some(), "it decided");
    let (orders, armed) = stage.server.with_exchange(|exchange| {
        (
            exchange.ledger_orders(MAKER, ETH).len(),
            exchange.countdown_due_us(MAKER, ETH),
        )
    });
    assert_eq!((orders, armed), (0, None), "and nothing left the process");
}

#[test]
fn a_changed_bound_of_the_account_takes_orders_away_while_running() {
    let stage = hmac();
    let folder = tempfile::tempdir().expect("a folder");
    let (file, config) = write_config(folder.path(), "  total_notional_max: 100000\n");
    let setup = Setup {
        config_path: Some(file),
        ..setup_of(&stage, 12, config)
    };
    let finished = run_beside(setup, || {
        wait_for("36 orders", || open_orders(&stage) == 36);
        // Room for a few layers of 0.05 on each side.
        write_config(folder.path(), "  total_notional_max: 700\n");
        wait_for("a ladder under the bound", || {
            (2..=14).contains(&open_orders(&stage))
        });
    });
    check_clean_end(&stage, &finished.expect("it started"));
}

#[test]
fn orders_go_by_rest_where_that_is_wanted_though_the_key_could_do_more() {
    let stage = ed25519();
    let folder = tempfile::tempdir().expect("a folder");
    let global = "  total_notional_max: 100000\n  order_channel: rest\n";
    let (_, config) = write_config(folder.path(), global);
    let finished = run_beside(setup_of(&stage, 6, config), || {
        wait_for("36 orders", || open_orders(&stage) == 36);
        let sockets = stage.server.with_venue(|venue| venue.hub.socket_count());
        assert_eq!(sockets, 3, "public, market and user sockets");
    });
    check_clean_end(&stage, &finished.expect("it started"));
}

#[test]
fn a_websocket_for_orders_needs_a_key_that_can_log_on() {
    let stage = hmac();
    let folder = tempfile::tempdir().expect("a folder");
    let global = "  total_notional_max: 100000\n  order_channel: websocket\n";
    let (_, config) = write_config(folder.path(), global);
    match session::run(setup_of(&stage, 1, config)) {
        Err(StartError::Config(issues)) => {
            let said = issues.first().map(ToString::to_string).unwrap_or_default();
            assert!(
                said.contains(
                    "phoenix.yaml:4: global.order_channel: `websocket` needs an Ed25519 key"
                ),
                "{said}"
            );
        }
        other => panic!("{other:?}"),
    }
}
