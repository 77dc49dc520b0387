//! Real captures and documentation-derived bodies through every decoder; nothing here is committed data.

use super::client_id::ClientIds;
use super::codes::{Context, RequestKind};
use super::contracts::Contracts;
use super::decode::market::{Levels, MarketDecoder};
use super::decode::rest::{account, done, reference, trading};
use super::decode::user::UserDecoder;
use super::decode::{AccountScope, Decoded, ws_api};
use flate2::read::GzDecoder;
use phoenix_core::event::{Account, Event, Market, Outcome};
use phoenix_core::instrument::{Instrument, SymbolId, ethusdc};
use phoenix_core::units::{Ticks, Wall};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

fn data() -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    if path.is_dir() {
        return Some(path);
    }
    eprintln!("SKIPPED: ../shared/data is absent");
    None
}

fn account() -> AccountScope {
    AccountScope {
        margin_asset: "USDT".into(),
        ids: ClientIds::new("a1").expect("valid"),
    }
}

fn add(contracts: &mut Contracts, id: u16, name: &str, tick_e8: i64, step_e8: i64) {
    let instrument = Instrument {
        name: name.into(),
        tick_e8,
        step_e8,
        ..ethusdc()
    };
    contracts.add(SymbolId(id), instrument).expect("fits");
}

/// The symbols of the documentation, on the finest grid: their example numbers lie on none.
fn documented() -> Contracts {
    let mut contracts = Contracts::default();
    for (id, name) in (0..).zip(["BTCUSDT", "ETHUSDT", "BNBUSDT", "IOTAUSDT"]) {
        add(&mut contracts, id, name, 1, 1);
    }
    contracts
}

fn files_below(folder: &Path, out: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> = std::fs::read_dir(folder)
        .expect("readable folder")
        .map(|entry| entry.expect("readable entry").path())
        .collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            files_below(&path, out);
        } else {
            out.push(path);
        }
    }
}

/// JSON bodies of one documentation file: what follows `=` lines, or all but the three head lines.
fn bodies(text: &str) -> Vec<String> {
    let text = text.trim_start_matches('\u{feff}');
    if !text.starts_with('>') {
        return vec![text.lines().skip(3).collect::<Vec<_>>().join("\n")];
    }
    let mut out: Vec<String> = Vec::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix('=') {
            out.push(
                rest.trim_start_matches(|c: char| c.is_ascii_digit())
                    .to_owned(),
            );
        } else if line.starts_with(['>', '<']) {
            continue;
        } else if let Some(body) = out.last_mut() {
            body.push('\n');
            body.push_str(line);
        }
    }
    out
}

/// Decodes one REST body by the name of its file. `None`: we have no decoder for it.
fn decode_rest(name: &str, body: &[u8]) -> Option<Result<(), String>> {
    let contracts = documented();
    let contract = |n: u16| contracts.by_id(SymbolId(n)).expect("added");
    let scope = account();
    let context = Context {
        kind: RequestKind::Place,
        now: Wall::from_millis(0),
        retry_after: None,
    };
    let mut levels = Levels::default();
    let (mut orders, mut outcomes) = (Vec::new(), Vec::new());
    let (mut trades, mut rows) = (Vec::new(), Vec::new());
    let result = match name {
        "PlaceOrder" | "CancelOrder" | "EditOrder" | "GetOrder" | "GetOpenOrder" => {
            trading::order(&contracts, &scope, body).map(drop)
        }
        "GetOpenOrders" | "GetOrders" | "GetForcedOrders" => {
            trading::open_orders(&contracts, &scope, body, &mut orders)
        }
        "PlaceMultipleOrders" | "EditMultipleOrders" | "CancelMultipleOrders" => {
            let read = trading::batch(&contracts, &scope, context, body, 2, &mut outcomes);
            assert!(
                outcomes.iter().all(|o| !matches!(o, Outcome::Unknown)),
                "{name}"
            );
            read
        }
        "GetUserTrades" => trading::trades(contract(0), &scope, body, &mut trades),
        "CancelAllOrdersAfterTimeout" => trading::countdown(contract(0), body).map(drop),
        "CancelAllOrders"
        | "CancelAllConditionalOrders"
        | "ChangeMarginType"
        | "SetBnbBurnStatus"
        | "ModifyPositionMode"
        | "SetMultiAssetsMode"
        | "StopUserStream" => done(body),
        "GetExchangeInfo" => reference::exchange_info(body, |_| true).map(|info| {
            assert!(info.unusable.is_empty(), "{:?}", info.unusable);
            assert!(!info.listed.is_empty() && !info.limits.is_empty());
        }),
        "GetOrderBook" => reference::snapshot(contract(0), body, &mut levels).map(drop),
        "GetBookPrice" => reference::book_ticker(contract(0), body).map(drop),
        "GetMarkPrice" => reference::premium_index(contract(0), body).map(drop),
        "GetServerTime" => reference::time(body).map(drop),
        "GetPositions" | "GetPositionInformation" => {
            match account::positions(&contracts, body, &mut rows) {
                // The example is of an account in hedge mode, which we refuse by design.
                Err(super::decode::rest::BodyError::HedgeMode) => Ok(()),
                other => other,
            }
        }
        "GetBalances" => account::balance(&scope, body).map(drop),
        "GetAccountInfo" | "GetAccountInfoV3" => account::margin(&scope, body).map(drop),
        "GetIncomeHistory" => account::income(&contracts, body).map(drop),
        "StartUserStream" | "KeepAliveUserStream" => account::listen_key(body).map(drop),
        "GetMultiAssetsMode" => account::multi_assets_mode(body).map(drop),
        "GetAccountConfiguration" => account::account_config(body).map(drop),
        "GetSymbolConfiguration" => account::symbol_config(&contracts, body).map(drop),
        "GetUserCommissionRate" => account::commission(contract(0), body).map(drop),
        "GetTradingStatus" => account::trading_status(&contracts, body).map(drop),
        "GetOrderRateLimit" => account::order_limits(body).map(drop),
        _ => return None,
    };
    Some(result.map_err(|e| e.to_string()))
}

/// Decodes one WebSocket-API answer: always the frame, and its result where REST has a decoder.
fn decode_ws_api(name: &str, body: &[u8]) -> Option<Result<(), String>> {
    let answer = match ws_api::decode(body) {
        Ok(answer) => answer,
        Err(why) => return Some(Err(format!("{why:?}"))),
    };
    match answer.body {
        ws_api::Body::Result(result) => decode_rest(name, result),
        ws_api::Body::Error { .. } => Some(Ok(())),
    }
}

/// Decodes one stream event; user events are told by their stream name `123`.
fn decode_event(name: &str, body: &[u8]) -> Option<Result<(), String>> {
    let contracts = documented();
    let (mut market, mut user) = (MarketDecoder::default(), UserDecoder::default());
    let is_user = String::from_utf8_lossy(body).contains("\"stream\": \"123\"");
    let decoded = if is_user {
        user.decode(&contracts, &account(), body)
    } else {
        market.decode(&contracts, body)
    };
    // The example account is in hedge mode, which cannot be represented.
    let hedge = name == "AccountUpdate";
    match decoded {
        Decoded::Unreadable(why) => Some(Err(format!("{why:?}"))),
        Decoded::Event(Event::Market(_, Market::Malformed(_, why))) => {
            Some(Err(format!("{why:?}")))
        }
        Decoded::Event(Event::Account(Account::Malformed(_))) if hedge => Some(Ok(())),
        Decoded::Event(Event::Account(Account::Malformed(why))) => Some(Err(format!("{why:?}"))),
        Decoded::Ignored(_) => None,
        Decoded::Event(_)
        | Decoded::Partial(..)
        | Decoded::AccountConfig(_)
        | Decoded::Control(_) => Some(Ok(())),
    }
}

#[test]
fn documented_bodies_decode_where_there_is_a_decoder() {
    let Some(data) = data() else {
        return;
    };
    let mut files = Vec::new();
    files_below(&data.join("fixtures/jkorf"), &mut files);
    let (mut decoded, mut uncovered, mut failed) = (0, Vec::new(), Vec::new());
    for path in &files {
        let name = path.file_stem().and_then(|s| s.to_str()).expect("a name");
        let text = std::fs::read_to_string(path).expect("UTF-8");
        let area = path.to_string_lossy();
        for body in bodies(&text) {
            let result = if area.contains("/Socket/") {
                decode_ws_api(name, body.as_bytes())
            } else if area.contains("/Subscriptions/") {
                decode_event(name, body.as_bytes())
            } else {
                decode_rest(name, body.as_bytes())
            };
            match result {
                Some(Ok(())) => decoded += 1,
                None => uncovered.push(name.to_owned()),
                Some(Err(why)) => failed.push(format!("{name}: {why}")),
            }
        }
    }
    eprintln!("{} files, {decoded} bodies decoded", files.len());
    eprintln!(
        "without a decoder, or ignored on purpose: {}",
        uncovered.join(", ")
    );
    assert!(failed.is_empty(), "{failed:#?}");
    assert!(decoded >= 55, "only {decoded} bodies decoded");
}

#[test]
fn the_captured_contract_list_is_usable_as_a_whole() {
    let Some(data) = data() else {
        return;
    };
    let path = data.join("fixtures/fapi_exchangeInfo_20250807_25symbols.json");
    let body = std::fs::read(path).expect("readable");
    let info = reference::exchange_info(&body, |_| true).expect("decodes");
    assert!(info.unusable.is_empty(), "{:?}", info.unusable);
    assert!(info.listed.len() >= 20, "{}", info.listed.len());
    for listed in &info.listed {
        assert!(
            listed.instrument.price_min > Ticks::ZERO,
            "{}",
            listed.instrument.name
        );
        let mut contracts = Contracts::default();
        contracts
            .add(SymbolId(0), listed.instrument.clone())
            .expect("usable grid");
    }
}

fn lines(path: &Path) -> impl Iterator<Item = String> {
    let file = File::open(path).expect("readable");
    BufReader::new(GzDecoder::new(file))
        .lines()
        .map(|line| line.expect("UTF-8"))
}

/// What a capture held, by kind.
#[derive(Default, Debug)]
struct Counts(BTreeMap<&'static str, u64>);

impl Counts {
    fn count(&mut self, decoded: &Decoded<'_>) {
        let kind = match decoded {
            Decoded::Event(Event::Market(_, market)) => match market {
                Market::Depth(_) => "depth",
                Market::BookTicker(_) => "book ticker",
                Market::Trade(_) => "trade",
                Market::Mark(_) => "mark",
                Market::Snapshot(_) | Market::SnapshotFailed(_) => "snapshot",
                Market::Status(_) => "status",
                Market::Malformed(..) => "MALFORMED",
            },
            Decoded::Event(_) => "other event",
            Decoded::Partial(..) => "partial depth",
            Decoded::AccountConfig(_) => "account",
            Decoded::Control(_) => "control",
            Decoded::Ignored(why) => why.label(),
            Decoded::Unreadable(_) => "UNREADABLE",
        };
        *self.0.entry(kind).or_default() += 1;
    }
    fn of(&self, kind: &str) -> u64 {
        self.0.get(kind).copied().unwrap_or(0)
    }
}

/// Every line decodes, both ways of decoding agree, and the `pu` chain has no gap.
fn check_capture(path: &Path, contracts: &Contracts) -> Counts {
    let (mut decoder, mut slow) = (MarketDecoder::default(), MarketDecoder::default());
    let mut levels = Levels::default();
    let mut counts = Counts::default();
    let mut last_ids: BTreeMap<SymbolId, i64> = BTreeMap::new();
    for line in lines(path) {
        let Some((_, message)) = line.split_once(' ') else {
            continue;
        };
        if message.starts_with("{\"lastUpdateId\"") {
            let contract = contracts.iter().next().expect("one symbol");
            let book = reference::snapshot(contract, message.as_bytes(), &mut levels);
            assert_eq!(
                book.map(|b| (b.bids.len(), b.asks.len())),
                Ok((1_000, 1_000))
            );
            *counts.0.entry("snapshot").or_default() += 1;
            continue;
        }
        if !message.starts_with('{') {
            continue;
        }
        let decoded = decoder.decode(contracts, message.as_bytes());
        assert_eq!(
            decoded,
            slow.decode_without_scanner(contracts, message.as_bytes())
        );
        counts.count(&decoded);
        if let Decoded::Event(Event::Market(symbol, Market::Depth(depth))) = decoded
            && let Some(previous) = last_ids.insert(symbol, depth.last_id)
        {
            assert_eq!(depth.prev_id, previous, "{message}");
        }
    }
    eprintln!("{}: {:?}", path.display(), counts.0);
    assert_eq!((counts.of("MALFORMED"), counts.of("UNREADABLE")), (0, 0));
    assert_eq!((counts.of("unrecognised"), counts.of("symbol")), (0, 0));
    counts
}

#[test]
fn every_line_of_the_captures_decodes() {
    let Some(data) = data() else {
        return;
    };
    for (file, symbol, tick_e8, marks) in [
        (
            "usdm/ethusdt_20240808.jsonl.gz",
            "ETHUSDT",
            1_000_000,
            false,
        ),
        (
            "usdm/btcusdt_20240808.jsonl.gz",
            "BTCUSDT",
            10_000_000,
            false,
        ),
        (
            "usdm/btcusdt_20230404.jsonl.gz",
            "BTCUSDT",
            10_000_000,
            true,
        ),
    ] {
        let mut contracts = Contracts::default();
        add(&mut contracts, 0, symbol, tick_e8, 100_000);
        let counts = check_capture(&data.join(file), &contracts);
        assert!(counts.of("depth") > 1_000 && counts.of("trade") > 1_000);
        assert!(counts.of("book ticker") > 1_000);
        assert_eq!(counts.of("snapshot"), 1);
        assert_eq!(counts.of("mark") > 50, marks);
    }
}

#[test]
fn four_small_perpetuals_of_2021_decode() {
    let Some(data) = data() else {
        return;
    };
    let mut contracts = Contracts::default();
    let grids = [
        ("SUSHIUSDT", 100_000),
        ("AKROUSDT", 1_000),
        ("KEEPUSDT", 10_000),
        ("CTKUSDT", 100_000),
    ];
    for (id, (name, tick_e8)) in (0..).zip(grids) {
        add(&mut contracts, id, name, tick_e8, 100_000_000);
    }
    let mut levels = Levels::default();
    for line in lines(&data.join("usdm-2021/four_perps.http.gz")) {
        let Some((head, body)) = line.split_once(": {") else {
            continue;
        };
        let contract = contracts.iter().find(|c| head.contains(&c.instrument.name));
        let contract = contract.expect("one of the four");
        let body = format!("{{{body}");
        let book = reference::snapshot(contract, body.as_bytes(), &mut levels);
        let book = book.unwrap_or_else(|why| panic!("{head}: {why}"));
        // CTKUSDT holds 35 bids and 96 asks from before its tick grew: they are left out.
        let strays = if head.contains("CTKUSDT") { 131 } else { 0 };
        let left_out = body.matches("[\"").count() - book.bids.len() - book.asks.len();
        assert_eq!(left_out, strays, "{head}");
    }
    let counts = check_capture(&data.join("usdm-2021/four_perps.ws.gz"), &contracts);
    assert!(
        counts.of("depth") > 100 && counts.of("trade") > 5,
        "{counts:?}"
    );
}

/// A small generator, so that the damage is the same in every run.
struct Damage(u64);

impl Damage {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % (bound.max(1) as u64)).expect("below a usize")
    }

    /// Overwrites, inserts, deletes, repeats or cuts off a few bytes.
    fn apply(&mut self, bytes: &mut Vec<u8>) {
        const LIKELY: &[u8] = b"\"\\,:{}[]0123456789.-+eE tfnulTsuUbaBApqmXirS\x00\x7f\x80";
        for _ in 0..=self.below(3) {
            if bytes.is_empty() {
                return;
            }
            let at = self.below(bytes.len());
            let with = LIKELY[self.below(LIKELY.len())];
            match self.below(8) {
                0..=3 => bytes[at] = with,
                4 => bytes.insert(at, with),
                5 => drop(bytes.remove(at)),
                6 => {
                    let end = (at + self.below(40)).min(bytes.len());
                    let piece = bytes[at..end].to_vec();
                    bytes.splice(at..at, piece);
                }
                _ => bytes.truncate(at.max(1)),
            }
        }
    }
}

#[test]
fn damaged_real_frames_read_the_same_in_both_ways() {
    let Some(data) = data() else {
        return;
    };
    let mut contracts = Contracts::default();
    add(&mut contracts, 0, "BTCUSDT", 10_000_000, 100_000);
    let (mut fast, mut slow) = (MarketDecoder::default(), MarketDecoder::default());
    let mut damage = Damage(0x9e37_79b9_7f4a_7c15);
    let (mut readable, mut frames) = (0, 0);
    for line in lines(&data.join("usdm/btcusdt_20230404.jsonl.gz")).step_by(7) {
        let Some((_, message)) = line.split_once(' ') else {
            continue;
        };
        for _ in 0..20 {
            let mut bytes = message.as_bytes().to_vec();
            damage.apply(&mut bytes);
            let decoded = fast.decode(&contracts, &bytes);
            let text = String::from_utf8_lossy(&bytes);
            assert_eq!(
                decoded,
                slow.decode_without_scanner(&contracts, &bytes),
                "{text}"
            );
            frames += 1;
            let malformed = matches!(
                decoded,
                Decoded::Event(Event::Market(_, Market::Malformed(..)))
            );
            readable += u32::from(!malformed && !matches!(decoded, Decoded::Unreadable(_)));
        }
    }
    eprintln!("{frames} damaged frames, {readable} still readable");
    assert!(
        readable > 1_000 && readable < frames,
        "the damage is neither nothing nor total"
    );
}
