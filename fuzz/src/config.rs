//! Target: the text of a configuration file. It is refused with places, or what it says can be used: an engine with its parameters
//! quotes a market without a panic.

use phoenix::config::check::{check_filters, check_prices};
use phoenix::config::params::{ShellParams, account_params, filters_of, symbol_params};
use phoenix::config::{Config, diff};
use phoenix_core::action::Actions;
use phoenix_core::engine::Engine;
use phoenix_core::event::{
    self, DepthSnapshot, DepthUpdate, Event, Level, Link, LinkState, MarkPrice, Market, Resume,
};
use phoenix_core::instrument::{Instrument, SymbolId, ethusdc};
use phoenix_core::params::{AccountParams, ExchangeLimits, SymbolParams};
use phoenix_core::units::{Lots, Mono, Now, Price8, Ratio, Span, Ticks, Wall};

/// The bytes are the text.
pub fn run(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    // A lone carriage return ends a line in YAML.
    let breaks = text.replace("\r\n", "\n");
    let breaks = breaks.matches(['\n', '\r']).count();
    let lines = u32::try_from(breaks).expect("short") + 1;
    let loaded = match Config::parse("fuzz.yaml", &text) {
        Ok(loaded) => loaded,
        Err(rejected) => {
            assert!(!rejected.errors.is_empty(), "refused without a reason");
            for issue in &rejected.errors {
                let is_placed = issue.line.is_some_and(|line| (1..=lines).contains(&line));
                // What is missing has no line, but a name; and in an empty file all is missing.
                let is_empty = issue.message.starts_with("the file is empty");
                let is_absent = issue.line.is_none() && (issue.key.is_some() || is_empty);
                assert!(is_placed || is_absent, "{issue:?} of {lines} lines");
                assert!(!issue.message.is_empty());
            }
            return;
        }
    };
    let config = &loaded.config;
    assert_eq!(diff::diff(config, config), [], "equal to itself");
    let _ = ShellParams::of(&config.global);
    let account = account_params(&config.global, ExchangeLimits::DEFAULT);
    let mids = [("ETHUSDC".to_owned(), "2500".parse().expect("a decimal"))];
    let _ = check_prices(config, &mids);
    for symbol in &config.symbols {
        let contract = ethusdc();
        let mid = "2500".parse().ok();
        let findings = check_filters(config, symbol, &filters_of(&contract), mid);
        if !findings.errors.is_empty() {
            continue;
        }
        if let (Some(account), Some(params)) =
            (account, symbol_params(&config.global, symbol, &contract))
        {
            quote(account, &contract, &params);
        }
    }
}

const ETH: SymbolId = SymbolId(0);

/// Two seconds of a quiet market.
fn quote(account: AccountParams, contract: &Instrument, params: &SymbolParams) {
    let mut engine = Engine::new(1, account);
    let mut actions = Actions::default();
    let mut step = |ms: i64, event: &Event<'_>| {
        let now = Now {
            mono: Mono(Span::from_millis(ms).0),
            wall: Wall::from_millis(1_795_000_000_000 + ms),
        };
        engine.step(now, event, &mut actions);
        actions.clear();
        engine.refresh_view(now);
    };
    let added = event::Config::Add(ETH, contract, params, Resume::default());
    step(0, &Event::Config(added));
    for link in [Link::Public, Link::Market, Link::User, Link::Orders] {
        step(1, &Event::Link(link, LinkState::Up));
    }
    for id in 1..20 {
        let ms = id * 100;
        step(ms, &Event::Market(ETH, Market::Depth(depth(id, ms))));
        step(ms, &Event::Market(ETH, Market::Mark(mark(ms))));
        if id == 2 {
            let snapshot = DepthSnapshot {
                last_id: 20,
                transact_time: Wall::ZERO,
                bids: &[level(249_999, 1_000)],
                asks: &[level(250_001, 1_000)],
            };
            step(ms, &Event::Market(ETH, Market::Snapshot(snapshot)));
        }
        step(ms + 50, &Event::Wakeup);
    }
}

const fn level(price: i64, size: i64) -> Level {
    Level {
        price: Ticks(price),
        size: Lots(size),
    }
}

const BIDS: [Level; 1] = [level(249_998, 7)];
const ASKS: [Level; 1] = [level(250_002, 7)];

const fn depth(id: i64, ms: i64) -> DepthUpdate<'static> {
    let time = Wall::from_millis(1_795_000_000_000 + ms);
    DepthUpdate {
        first_id: id * 10 - 9,
        last_id: id * 10,
        prev_id: id * 10 - 10,
        event_time: time,
        transact_time: time,
        bids: &BIDS,
        asks: &ASKS,
    }
}

const fn mark(ms: i64) -> MarkPrice {
    MarkPrice {
        event_time: Wall::from_millis(1_795_000_000_000 + ms),
        mark: Price8(250_000_000_000),
        index: Price8(250_000_000_000),
        funding_rate: Ratio(10_000),
        next_funding: Wall::from_millis(1_795_010_000_000),
    }
}
