//! Target: one request to the embedded exchange as text, without a socket: query and form, signature, WebSocket address, control
//! message, WebSocket API frame, and every endpoint behind them. An answer is always there, and is JSON.

use phoenix::serve::address::Address;
use phoenix::serve::auth::{KeyConfig, KeyRing, check_time};
use phoenix::serve::clock::Clock;
use phoenix::serve::control;
use phoenix::serve::params::{PARAMS_MAX, Params, decoded, signed_wire};
use phoenix::serve::rest::{Proof, Table, answer, authorise};
use phoenix::serve::shared::Shared;
use phoenix::serve::timing::Timing;
use phoenix::serve::venue::Venue;
use phoenix::serve::ws_api::ApiSession;
use phoenix_exchange::api::{AccountId, IpKey, Side, SymbolId};
use phoenix_exchange::{Exchange, ExchangeConfig, SymbolSpec};
use serde_json::value::RawValue;
use std::net::{IpAddr, Ipv4Addr};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

const START_US: u64 = 1_767_225_600_000_000;
const START_MS: i64 = 1_767_225_600_000;
const ONE: i64 = 100_000_000;
const KEY: &str = "fuzz-key";
/// Most lines that are taken as requests to one venue.
const REQUESTS_MAX: usize = 16;

/// Lines of `METHOD path?query body`, each a request to the same venue.
pub fn run(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let shared = Arc::new(shared());
    for line in text.lines().take(REQUESTS_MAX) {
        let mut words = line.splitn(3, ' ');
        let mut next = || words.next().unwrap_or_default();
        let (method, target, body) = (next(), next(), next());
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        check_wire(path, query, body);
        match method {
            "WS" => call_by_socket(&shared, line.trim_start_matches("WS ")),
            _ => call(&shared, method, path, (query, body)),
        }
    }
}

fn shared() -> Shared {
    let symbols = vec![
        (SymbolSpec::ethusdc(), 2_500 * ONE),
        (SymbolSpec::btcusdc(), 60_000 * ONE),
    ];
    let mut exchange = Exchange::new(ExchangeConfig::new(START_US, symbols), 7);
    let account = exchange.add_account(&[("USDC", 50_000 * ONE)]);
    exchange.with_market(START_US, SymbolId(0), |market| {
        for side in [Side::Buy, Side::Sell] {
            let price = 2_500 * ONE - side.sign() * 1_000_000;
            market.add_background(side, price, 10 * ONE);
        }
    });
    let mut keys = KeyRing::new();
    keys.insert(account, &key()).expect("a sound key");
    let clock = Clock::start_at(START_US);
    Shared::new(Venue::new(exchange), keys, Timing::default(), clock)
}

fn key() -> KeyConfig {
    KeyConfig {
        api_key: KEY.to_owned(),
        secret: Some("fuzz-secret".to_owned()),
        ..KeyConfig::default()
    }
}

/// What is read before anybody is asked.
fn check_wire(path: &str, query: &str, body: &str) {
    if let Ok(params) = Params::from_wire(query, body) {
        assert!(params.entries().count() <= PARAMS_MAX);
        for (name, value) in params.entries() {
            assert!(params.values(name).any(|known| known == value));
            let _ = (params.integer(name), params.truth(name));
        }
    }
    if let Some(signed) = signed_wire(query, body) {
        assert!(signed.payload.len() <= query.len() + body.len());
    }
    let plain: String = body.chars().filter(|c| !"+%".contains(*c)).collect();
    assert_eq!(decoded(&plain), plain);
    let _ = Address::parse(path, query);
    let message = control::decode(body);
    if let Err(error) = message.request {
        let answer = error.answer(&message.id);
        assert!(
            serde_json::from_str::<&RawValue>(&answer).is_ok(),
            "{answer}"
        );
    }
    if let Ok(timestamp) = body.parse() {
        let _ = check_time(timestamp, query.parse().ok(), START_MS);
    }
}

fn call(shared: &Shared, method: &str, path: &str, (query, body): (&str, &str)) {
    let Ok(params) = Params::from_wire(query, body) else {
        return;
    };
    let table = Table::default();
    let endpoint = match table.find(method, path) {
        Ok(endpoint) => endpoint,
        Err(refusal) => {
            let text = refusal.body();
            assert!(serde_json::from_str::<&RawValue>(&text).is_ok(), "{text}");
            return;
        }
    };
    let signed = signed_wire(query, body);
    let proof = Proof::Key {
        api_key: Some(KEY),
        signed: signed
            .as_ref()
            .map(|s| (s.signature.as_str(), s.payload.as_bytes())),
    };
    let _ = authorise(&shared.keys, endpoint.security, &proof, &params, START_MS);
    let proof = Proof::Session(AccountId(0));
    let (now_us, ip) = (START_US, IpKey(1));
    // The time stamp is the one thing that a text of some years ago cannot have right.
    let stamped = format!("timestamp={START_MS}&{query}");
    let Ok(params) = Params::from_wire(&stamped, body) else {
        return;
    };
    let mut venue = shared.lock();
    let answer = answer(
        &mut venue,
        &shared.keys,
        endpoint,
        &params,
        &proof,
        (now_us, ip),
    );
    let text = match answer.result {
        Ok(text) => text,
        Err(refusal) => {
            assert!(refusal.code < 0, "{refusal:?}");
            refusal.body()
        }
    };
    assert!(
        serde_json::from_str::<&RawValue>(&text).is_ok(),
        "{path}: {text}"
    );
    check_money(&venue);
}

fn check_money(venue: &Venue) {
    assert_eq!(venue.exchange.conservation_gap("USDC"), 0);
    assert_eq!(venue.exchange.position_gap(SymbolId(0)), 0);
}

fn call_by_socket(shared: &Arc<Shared>, frame: &str) {
    let ip = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let mut session = ApiSession::new(Arc::clone(shared), ip, false);
    let future = pin!(session.on_text(frame));
    let mut context = Context::from_waker(Waker::noop());
    // Without a drill nothing is waited for.
    match future.poll(&mut context) {
        Poll::Ready(Ok(text)) => {
            assert!(serde_json::from_str::<&RawValue>(&text).is_ok(), "{text}");
        }
        Poll::Ready(Err(_)) | Poll::Pending => panic!("no answer"),
    }
    check_money(&shared.lock());
}
