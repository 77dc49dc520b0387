use super::*;
use phoenix_core::instrument::ethusdc;
use phoenix_core::units::{Lots, Price8, Ratio, Ticks};
use proptest::prelude::*;

const FRAMES: &str = include_str!(concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/fixtures/binance/market_2026.jsonl"
));
const ETH: SymbolId = SymbolId(4);

fn contracts() -> Contracts {
    let mut contracts = Contracts::default();
    contracts.add(ETH, ethusdc()).expect("fits");
    contracts
}

fn frame(n: usize) -> &'static str {
    FRAMES.lines().nth(n).expect("fixture line")
}

/// What both ways of decoding agree on.
#[derive(Clone, PartialEq, Debug)]
struct Read {
    frame: Frame,
    bids: Vec<Level>,
    asks: Vec<Level>,
}

fn read(frame: Frame, levels: &Levels) -> Read {
    let has_levels = matches!(frame, Frame::Depth { .. });
    let of = |side: &[Level]| {
        if has_levels {
            side.to_vec()
        } else {
            Vec::new()
        }
    };
    Read {
        frame,
        bids: of(&levels.bids),
        asks: of(&levels.asks),
    }
}

fn by_scanner(contracts: &Contracts, bytes: &[u8]) -> Option<Read> {
    let mut levels = Levels::default();
    let frame = scan(contracts, bytes, &mut levels)?;
    Some(read(frame, &levels))
}

fn by_parser(contracts: &Contracts, bytes: &[u8]) -> Read {
    let mut levels = Levels::default();
    let frame = parse(contracts, bytes, &mut levels);
    read(frame, &levels)
}

/// The scanner may give up, but never say something else than the parser.
fn check_agreement(contracts: &Contracts, bytes: &[u8]) -> bool {
    let Some(scanned) = by_scanner(contracts, bytes) else {
        return false;
    };
    let parsed = by_parser(contracts, bytes);
    assert_eq!(scanned, parsed, "{}", String::from_utf8_lossy(bytes));
    true
}

const fn level(price: i64, size: i64) -> Level {
    Level {
        price: Ticks(price),
        size: Lots(size),
    }
}

#[test]
fn diff_depth_lands_on_the_grids() {
    let mut decoder = MarketDecoder::default();
    let expected = DepthUpdate {
        first_id: 9_000_000_000_101,
        last_id: 9_000_000_000_160,
        prev_id: 9_000_000_000_088,
        event_time: Wall::from_millis(1_795_000_000_105),
        transact_time: Wall::from_millis(1_795_000_000_101),
        bids: &[
            level(249_987, 0),
            level(250_000, 12_345),
            level(250_001, 3_000),
        ],
        asks: &[level(250_002, 250), level(250_011, 0)],
    };
    let decoded = decoder.decode(&contracts(), frame(0).as_bytes());
    assert_eq!(decoded, market(ETH, Market::Depth(expected)));
    let bare = &frame(0)["{\"stream\":\"ethusdc@depth@100ms\",\"data\":".len()..frame(0).len() - 1];
    let decoded = decoder.decode(&contracts(), bare.as_bytes());
    assert_eq!(
        decoded,
        market(ETH, Market::Depth(expected)),
        "bare as on a raw socket"
    );
}

#[test]
fn partial_depth_never_enters_the_diff_chain() {
    let mut decoder = MarketDecoder::default();
    let expected = DepthSnapshot {
        last_id: 9_000_000_000_160,
        transact_time: Wall::from_millis(1_795_000_000_101),
        bids: &[level(250_001, 3_000), level(250_000, 12_345)],
        asks: &[level(250_002, 250)],
    };
    let decoded = decoder.decode(&contracts(), frame(1).as_bytes());
    assert_eq!(decoded, Decoded::Partial(ETH, expected));
}

#[test]
fn the_other_hot_messages_are_read() {
    let mut decoder = MarketDecoder::default();
    let contracts = contracts();
    let ticker = BookTicker {
        update_id: 9_000_000_000_160,
        event_time: Wall::from_millis(1_795_000_000_106),
        bid: level(250_001, 3_000),
        ask: level(250_002, 250),
    };
    let trade = |id, ms, size| Trade {
        id,
        event_time: Wall::from_millis(ms),
        price: Ticks(250_002),
        size: Lots(size),
        aggressor: Side::Buy,
    };
    let mark = MarkPrice {
        event_time: Wall::from_millis(1_795_000_001_000),
        mark: Price8(250_015_000_000),
        index: Price8(249_962_659_091),
        funding_rate: Ratio(-12_500),
        next_funding: Wall::from_millis(1_795_017_600_000),
    };
    for (n, expected) in [
        (2, market(ETH, Market::BookTicker(ticker))),
        (
            3,
            market(ETH, Market::Trade(trade(77_001, 1_795_000_000_210, 250))),
        ),
        (
            4,
            market(ETH, Market::Trade(trade(880_001, 1_795_000_000_125, 100))),
        ),
        (5, Decoded::Ignored(Ignored::OffBookTrade)),
        (6, Decoded::Ignored(Ignored::OffBookTrade)),
        (7, market(ETH, Market::Mark(mark))),
        (8, market(ETH, Market::Status(ContractStatus::NotTrading))),
        (9, Decoded::Ignored(Ignored::RpiDepth)),
        (10, Decoded::Ignored(Ignored::Symbol)),
        (11, Decoded::Ignored(Ignored::Unrecognised)),
        (12, Decoded::Ignored(Ignored::Ticker)),
        (13, Decoded::Control(Control::Ack(Some(1)))),
        (14, Decoded::Control(Control::Ack(Some(3)))),
        (15, Decoded::Control(Control::Ack(None))),
        (16, Decoded::Control(Control::Refused(None, 2))),
        (17, Decoded::Control(Control::Refused(Some(8), 3))),
        (18, Decoded::Control(Control::ServerShutdown)),
    ] {
        let decoded = decoder.decode(&contracts, frame(n).as_bytes());
        assert_eq!(decoded, expected, "line {n}");
    }
    assert_eq!(FRAMES.lines().count(), 19);
}

#[test]
fn the_scanner_takes_every_hot_frame_of_2026() {
    let contracts = contracts();
    for n in [0, 1, 2, 3, 4, 7] {
        assert!(check_agreement(&contracts, frame(n).as_bytes()), "line {n}");
    }
}

#[test]
fn other_spellings_of_the_same_message_are_left_to_the_parser() {
    let contracts = contracts();
    let plain = frame(0);
    let expected = by_parser(&contracts, plain.as_bytes());
    let data = &plain[plain.find("{\"e\"").expect("payload")..plain.len() - 1];
    for other in [
        plain.replace(':', ": "),
        plain.replace(',', " ,\n"),
        plain.replace("\"ETHUSDC\"", "\"\\u0045THUSDC\""),
        plain.replace("\"U\":9000000000101", "\"U\":\"9000000000101\""),
        plain.replace("[\"2500.00\",\"12.345\"]", "[\"2500.00\",\"12.345\",\"7\"]"),
        plain.replace("\"st\":1", "\"st\":{\"a\":[1,2]}"),
        plain.replace("\"st\":1", "\"x\":-1.5e3"),
        format!("{{\"data\":{data},\"stream\":\"ethusdc@depth@100ms\"}}"),
    ] {
        assert_eq!(by_scanner(&contracts, other.as_bytes()), None, "{other}");
        assert_eq!(by_parser(&contracts, other.as_bytes()), expected, "{other}");
    }
}

#[test]
fn fields_in_any_order_are_scanned() {
    let contracts = contracts();
    let ticker = r#"{"e":"bookTicker","s":"ETHUSDC","A":"0.250","a":"2500.02","B":"3.000","b":"2500.01","T":1,"E":1795000000106,"u":9000000000160}"#;
    let scanned = by_scanner(&contracts, ticker.as_bytes()).expect("scanned");
    assert_eq!(scanned, by_parser(&contracts, frame(2).as_bytes()));
}

#[test]
fn broken_frames_blame_the_stream_that_they_came_on() {
    let mut decoder = MarketDecoder::default();
    let contracts = contracts();
    let blamed = |stream, why| market(ETH, Market::Malformed(stream, why));
    let (depth, ticker, trade) = (frame(0), frame(2), frame(3));
    for (text, expected) in [
        (
            depth[..200].to_owned(),
            blamed(Stream::Depth, Malformed::Shape),
        ),
        (
            depth.replace("2500.01", "2500.015"),
            blamed(Stream::Depth, Malformed::OffGrid),
        ),
        (
            depth.replace("3.000", "3.0005"),
            blamed(Stream::Depth, Malformed::OffGrid),
        ),
        (
            depth.replace("3.000", "-3.000"),
            blamed(Stream::Depth, Malformed::Shape),
        ),
        (
            depth.replace("\"3.000\"", "3.000"),
            blamed(Stream::Depth, Malformed::Shape),
        ),
        (
            depth.replace("12.345", "99999999999999999999"),
            blamed(Stream::Depth, Malformed::TooLarge),
        ),
        (
            depth.replace("\"pu\":9000000000088,", ""),
            blamed(Stream::Depth, Malformed::Shape),
        ),
        (
            ticker.replace("2500.02", "x"),
            blamed(Stream::BookTicker, Malformed::Shape),
        ),
        (
            trade.replace("\"m\":false", "\"m\":0"),
            blamed(Stream::Trade, Malformed::Shape),
        ),
        (
            frame(7).replace("2499.62659091", ""),
            blamed(Stream::Mark, Malformed::Shape),
        ),
        (
            frame(1).replace("2500.01", "2500.015"),
            Decoded::Unreadable(Malformed::OffGrid),
        ),
        (String::new(), Decoded::Unreadable(Malformed::Shape)),
        ("{}".into(), Decoded::Unreadable(Malformed::Shape)),
        ("null".into(), Decoded::Unreadable(Malformed::Shape)),
        (
            "{\"stream\":\"btcusdt@depth\",".into(),
            Decoded::Unreadable(Malformed::Shape),
        ),
        ("[]".into(), Decoded::Ignored(Ignored::Ticker)),
    ] {
        let decoded = decoder.decode(&contracts, text.as_bytes());
        assert_eq!(decoded, expected, "{text}");
    }
}

#[test]
fn only_the_removal_of_a_level_off_the_grid_is_left_out_of_a_diff() {
    let contracts = contracts();
    let plain = by_parser(&contracts, frame(0).as_bytes());
    let with = |extra: &str| frame(0).replace("\"b\":[", &format!("\"b\":[{extra},"));
    let mut decoder = MarketDecoder::default();
    let removal = with("[\"0.50579\",\"0.000\"]");
    let depth = decoder.decode(&contracts, removal.as_bytes());
    assert!(
        matches!(depth, Decoded::Event(Event::Market(_, Market::Depth(d))) if d.bids == plain.bids)
    );
    let new = decoder.decode(&contracts, with("[\"0.50579\",\"0.001\"]").as_bytes())
        == market(ETH, Market::Malformed(Stream::Depth, Malformed::OffGrid));
    assert!(new);
}

#[test]
fn a_frame_with_absurdly_many_levels_is_too_large_in_both_ways() {
    let contracts = contracts();
    let levels = vec!["[\"1.00\",\"1\"]"; LEVELS_MAX + 1].join(",");
    let text = frame(0).replace("[\"2499.87\",\"0.000\"]", &levels);
    assert_eq!(by_scanner(&contracts, text.as_bytes()), None);
    let expected = Frame::Malformed(ETH, Stream::Depth, Malformed::TooLarge);
    assert_eq!(by_parser(&contracts, text.as_bytes()).frame, expected);
    let levels = vec!["[\"1.00\",\"1\"]"; LEVELS_MAX - 3].join(",");
    let text = frame(0).replace("[\"2499.87\",\"0.000\"]", &levels);
    assert!(check_agreement(&contracts, text.as_bytes()));
}

#[test]
fn steady_state_reuses_the_memory() {
    let mut decoder = MarketDecoder::default();
    let contracts = contracts();
    let before = (decoder.levels.bids.as_ptr(), decoder.levels.asks.as_ptr());
    for _ in 0..100 {
        decoder.decode(&contracts, frame(0).as_bytes());
    }
    assert_eq!(
        before,
        (decoder.levels.bids.as_ptr(), decoder.levels.asks.as_ptr())
    );
}

/// Bytes that make the damage look like JSON.
const DAMAGE: &[u8] = b"\"\\,:{}[]0123456789.-+eE tfnul\x00\x1f\x7f\x80\xc3ETsuUbaBApqmXirst";

fn damage() -> impl Strategy<Value = Vec<(u16, u8, u8)>> {
    proptest::collection::vec((any::<u16>(), 0u8..4, any::<u8>()), 0..5)
}

fn damaged(frame: &str, edits: &[(u16, u8, u8)]) -> Vec<u8> {
    let mut bytes = frame.as_bytes().to_vec();
    for (at, what, with) in edits {
        let at = usize::from(*at) % (bytes.len() + 1);
        let with = DAMAGE[usize::from(*with) % DAMAGE.len()];
        match what {
            0 if at < bytes.len() => bytes[at] = with,
            1 => bytes.insert(at, with),
            2 if at < bytes.len() => drop(bytes.remove(at)),
            _ => {
                // Repeats a piece, which makes repeated fields and levels.
                let end = (at + usize::from(with)).min(bytes.len());
                let piece = bytes[at..end].to_vec();
                bytes.splice(at..at, piece);
            }
        }
    }
    bytes
}

proptest! {
    #![proptest_config(crate::binance::seeded(20_000))]

    #[test]
    fn scanner_and_parser_agree_on_damaged_frames(line in 0usize..19, edits in damage()) {
        check_agreement(&contracts(), &damaged(frame(line), &edits));
    }

    #[test]
    fn scanner_and_parser_agree_on_truncated_frames(line in 0usize..8, cut in 0usize..400) {
        let bytes = frame(line).as_bytes();
        let bytes = &bytes[..cut.min(bytes.len())];
        check_agreement(&contracts(), bytes);
        MarketDecoder::default().decode(&contracts(), bytes);
    }

    #[test]
    fn scanner_and_parser_agree_on_any_levels(
        bids in proptest::collection::vec((0u64..u64::MAX, 0u32..12, 0u64..u64::MAX, 0u32..12), 0..6),
    ) {
        let text = |digits: u64, scale: u32| {
            let digits = digits >> (digits % 61);
            let power = 10u64.pow(scale.min(9));
            if scale == 0 {
                format!("{digits}")
            } else {
                format!("{}.{:0width$}", digits / power, digits % power, width = scale as usize)
            }
        };
        let levels: Vec<String> = bids
            .iter()
            .map(|(p, ps, q, qs)| format!("[\"{}\",\"{}\"]", text(*p, *ps), text(*q, *qs)))
            .collect();
        let frame = frame(0).replace("[\"2499.87\",\"0.000\"]", &levels.join(","));
        check_agreement(&contracts(), frame.as_bytes());
    }

    #[test]
    fn no_bytes_make_the_decoder_panic(bytes in proptest::collection::vec(any::<u8>(), 0..120)) {
        MarketDecoder::default().decode(&contracts(), &bytes);
    }
}
