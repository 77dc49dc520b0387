//! Target: one answer of REST or of the WebSocket API, read by every decoder and by the table of codes. A success is only what has a
//! status of success, and only what changes something can be unknown.

use super::input::Input;
use super::wire::{ETH, NOW, account, contracts};
use phoenix::binance::codes::{
    Context, RETRY_AFTER_MAX, RequestKind, banned_until, rest_outcome, ws_outcome,
};
use phoenix::binance::decode::market::Levels;
use phoenix::binance::decode::rest::{self, account as of_account, reference, trading};
use phoenix::binance::decode::ws_api;
use phoenix_core::event::Outcome;
use phoenix_core::units::{Span, Wall};

/// Two bytes decide what was asked and the status, the rest is the body.
pub fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let kind = input.pick(&RequestKind::ALL);
    let status = input.pick(&[
        200, 400, 401, 403, 404, 408, 418, 429, 500, 502, 503, 504, 201, 302,
    ]);
    let body = bytes.get(2..).unwrap_or_default();
    let context = Context {
        kind,
        now: NOW,
        retry_after: (body.len() % 3 == 1).then(|| Span::from_secs(body.len() as i64)),
    };
    check_outcome(context, status, body);
    read_reference(body);
    read_account(body);
    read_trading(context, body);
}

fn check_outcome(context: Context, status: u16, body: &[u8]) {
    let _ = banned_until(&String::from_utf8_lossy(body));
    let (outcome, why) = rest_outcome(context, status, body, rest::done);
    check(context, status, &outcome);
    assert!(why.is_none() || !matches!(outcome, Outcome::Accepted(())));
    if let Ok(answer) = ws_api::decode(body) {
        let (outcome, _) = ws_outcome(context, &answer, rest::done);
        check(context, answer.status, &outcome);
    }
}

fn check(context: Context, status: u16, outcome: &Outcome<()>) {
    match outcome {
        Outcome::Accepted(()) => assert!((200..=299).contains(&status), "{status}"),
        Outcome::Refused(refusal) => {
            let wait = refusal.retry_after;
            assert!(
                !wait.is_negative() && wait <= RETRY_AFTER_MAX,
                "{refusal:?}"
            );
        }
        Outcome::Unknown => assert!(context.kind.changes_state(), "{context:?}"),
    }
}

fn read_reference(body: &[u8]) {
    let eth = contracts().by_id(ETH).expect("one of ours");
    let _ = reference::exchange_info(body, |_| true);
    let mut levels = Levels::default();
    if let Ok(snapshot) = reference::snapshot(eth, body, &mut levels) {
        let mut all = snapshot.bids.iter().chain(snapshot.asks);
        assert!(all.all(|l| l.price.0 >= 0 && l.size.0 >= 0));
    }
    let _ = reference::book_ticker(eth, body);
    let _ = reference::book_tickers(contracts(), body);
    let _ = reference::premium_index(eth, body);
    let time: Result<Wall, _> = reference::time(body);
    let _ = time;
}

fn read_account(body: &[u8]) {
    let eth = contracts().by_id(ETH).expect("one of ours");
    let _ = of_account::positions(contracts(), body, &mut Vec::new());
    let _ = of_account::balance(account(), body);
    let _ = of_account::margin(account(), body);
    let _ = of_account::income(contracts(), body);
    let _ = of_account::listen_key(body);
    let _ = of_account::hedge_mode(body);
    let _ = of_account::multi_assets_mode(body);
    let _ = of_account::account_config(body);
    let _ = of_account::symbol_config(contracts(), body);
    let _ = of_account::commission(eth, body);
    let _ = of_account::trading_status(contracts(), body);
    let _ = of_account::order_limits(body);
}

fn read_trading(context: Context, body: &[u8]) {
    let eth = contracts().by_id(ETH).expect("one of ours");
    let _ = trading::order(contracts(), account(), body);
    let _ = trading::open_orders(contracts(), account(), body, &mut Vec::new());
    let mut outcomes = Vec::new();
    if trading::batch(contracts(), account(), context, body, 5, &mut outcomes).is_ok() {
        assert!(outcomes.len() <= 5);
    }
    let mut trades = Vec::new();
    if trading::trades(eth, account(), body, &mut trades).is_ok() {
        assert!(trades.is_sorted_by_key(|trade| trade.fill.trade_id));
        assert!(trades.iter().all(|trade| trade.fill.size.0 >= 0));
    }
    if let Ok(span) = trading::countdown(eth, body) {
        assert!(!span.is_negative());
    }
}
