//! One line of a recording to one record; knows the JSON shapes of USDⓈ-M and spot, not files.

use std::sync::Arc;

use phoenix_exchange::replay::record::{
    Aggressor, BookSnapshot, BookTicker, DepthDiff, MarkPrice, Record, RecordBody, RecordLevel,
    TradePrint,
};
use serde::Deserialize;

/// What a line holds.
pub(super) struct Line<'a> {
    /// The symbol it names; snapshots name none.
    pub symbol: Option<&'a str>,
    /// The record; `None` when there is nothing to replay in it.
    pub record: Option<Record>,
}

type Pair<'a> = (&'a str, &'a str);

#[derive(Deserialize)]
struct Outer<'a> {
    #[serde(borrow)]
    stream: Option<&'a str>,
    #[serde(rename = "lastUpdateId")]
    last_update_id: Option<i64>,
}

#[derive(Deserialize)]
struct Envelope<T> {
    data: T,
}

#[derive(Deserialize)]
struct SnapshotBody<'a> {
    #[serde(rename = "E")]
    event_ms: Option<i64>,
    #[serde(rename = "T")]
    engine_ms: Option<i64>,
    #[serde(borrow)]
    bids: Vec<Pair<'a>>,
    #[serde(borrow)]
    asks: Vec<Pair<'a>>,
}

#[derive(Deserialize)]
struct DepthBody<'a> {
    #[serde(rename = "E")]
    event_ms: i64,
    #[serde(rename = "T")]
    engine_ms: Option<i64>,
    s: &'a str,
    #[serde(rename = "U")]
    first: i64,
    u: i64,
    pu: Option<i64>,
    #[serde(borrow)]
    b: Vec<Pair<'a>>,
    #[serde(borrow)]
    a: Vec<Pair<'a>>,
}

#[derive(Deserialize)]
struct TradeBody<'a> {
    #[serde(rename = "E")]
    event_ms: i64,
    #[serde(rename = "T")]
    engine_ms: Option<i64>,
    s: &'a str,
    t: Option<i64>,
    /// Aggregate trade id, in `aggTrade` messages.
    a: Option<i64>,
    p: &'a str,
    q: &'a str,
    m: bool,
    #[serde(borrow, rename = "X")]
    kind: Option<&'a str>,
}

#[derive(Deserialize)]
struct TickerBody<'a> {
    #[serde(rename = "E")]
    event_ms: Option<i64>,
    #[serde(rename = "T")]
    engine_ms: Option<i64>,
    s: &'a str,
    u: i64,
    b: &'a str,
    #[serde(rename = "B")]
    bid_quantity: &'a str,
    a: &'a str,
    #[serde(rename = "A")]
    ask_quantity: &'a str,
}

#[derive(Deserialize)]
struct MarkBody<'a> {
    #[serde(rename = "E")]
    event_ms: i64,
    s: &'a str,
    p: &'a str,
    i: &'a str,
    r: &'a str,
    #[serde(rename = "T")]
    next_funding_ms: i64,
}

/// Decodes `<local time> <message>`.
pub(super) fn line(text: &str) -> Result<Line<'_>, String> {
    let (clock, message) = text
        .split_once(' ')
        .ok_or("no blank between local time and message")?;
    let local_ns = local_ns(clock)?;
    let outer: Outer<'_> = parse(message)?;
    let (symbol, exchange_ms, body) = match (outer.stream, outer.last_update_id) {
        (Some(stream), _) => stream_message(stream, message)?,
        (None, Some(id)) => snapshot(id, message)?,
        (None, None) => return Err("neither a stream envelope nor a depth snapshot".into()),
    };
    Ok(Line {
        symbol,
        record: body.map(|body| Record {
            local_ns,
            exchange_ms,
            body,
        }),
    })
}

type Decoded<'a> = (Option<&'a str>, Option<i64>, Option<RecordBody>);

fn stream_message<'a>(stream: &str, message: &'a str) -> Result<Decoded<'a>, String> {
    let (_, kind) = stream
        .split_once('@')
        .ok_or_else(|| format!("stream name `{stream}` has no `@`"))?;
    match kind {
        "depth" | "depth@0ms" | "depth@100ms" | "depth@250ms" | "depth@500ms" | "depth@1000ms" => {
            depth(message)
        }
        "trade" | "aggTrade" => trade(message),
        "bookTicker" => ticker(message),
        "markPrice" | "markPrice@1s" => mark(message),
        // Partial books, klines, liquidations: a recorder may keep them, a replay has no use for them.
        _ => Ok((None, None, None)),
    }
}

fn snapshot(last_update_id: i64, message: &str) -> Result<Decoded<'_>, String> {
    let body: SnapshotBody<'_> = parse(message)?;
    let book = BookSnapshot {
        last_update_id,
        bids: levels(&body.bids)?,
        asks: levels(&body.asks)?,
    };
    let at_ms = body.engine_ms.or(body.event_ms);
    Ok((None, at_ms, Some(RecordBody::Snapshot(Arc::new(book)))))
}

fn depth(message: &str) -> Result<Decoded<'_>, String> {
    let Envelope { data }: Envelope<DepthBody<'_>> = parse(message)?;
    if data.first > data.u {
        return Err(format!("U {} is above u {}", data.first, data.u));
    }
    let diff = DepthDiff {
        first_update_id: data.first,
        last_update_id: data.u,
        previous_update_id: data.pu,
        bids: levels(&data.b)?,
        asks: levels(&data.a)?,
    };
    let at_ms = data.engine_ms.unwrap_or(data.event_ms);
    let body = RecordBody::Depth(Arc::new(diff));
    Ok((Some(data.s), Some(at_ms), Some(body)))
}

fn trade(message: &str) -> Result<Decoded<'_>, String> {
    let Envelope { data }: Envelope<TradeBody<'_>> = parse(message)?;
    let print = TradePrint {
        trade_id: data.t.or(data.a).ok_or("trade without an id")?,
        price_e8: fixed_e8(data.p)?,
        quantity_e8: fixed_e8(data.q)?,
        aggressor: if data.m {
            Aggressor::Seller
        } else {
            Aggressor::Buyer
        },
    };
    let on_book = data.kind.is_none_or(|kind| kind == "MARKET") && print.quantity_e8 > 0;
    let at_ms = data.engine_ms.unwrap_or(data.event_ms);
    let body = on_book.then_some(RecordBody::Trade(print));
    Ok((Some(data.s), Some(at_ms), body))
}

fn ticker(message: &str) -> Result<Decoded<'_>, String> {
    let Envelope { data }: Envelope<TickerBody<'_>> = parse(message)?;
    let ticker = BookTicker {
        update_id: data.u,
        bid: level(data.b, data.bid_quantity)?,
        ask: level(data.a, data.ask_quantity)?,
    };
    let at_ms = data.engine_ms.or(data.event_ms);
    Ok((Some(data.s), at_ms, Some(RecordBody::Ticker(ticker))))
}

fn mark(message: &str) -> Result<Decoded<'_>, String> {
    let Envelope { data }: Envelope<MarkBody<'_>> = parse(message)?;
    let mark = MarkPrice {
        mark_e8: fixed_e8(data.p)?,
        index_e8: fixed_e8(data.i)?,
        funding_rate_e8: fixed_e8(data.r)?,
        next_funding_ms: data.next_funding_ms,
    };
    let body = RecordBody::Mark(mark);
    Ok((Some(data.s), Some(data.event_ms), Some(body)))
}

fn parse<'a, T: Deserialize<'a>>(message: &'a str) -> Result<T, String> {
    serde_json::from_str(message).map_err(|error| error.to_string())
}

fn levels(pairs: &[Pair<'_>]) -> Result<Vec<RecordLevel>, String> {
    pairs.iter().map(|(p, q)| level(p, q)).collect()
}

fn level(price: &str, quantity: &str) -> Result<RecordLevel, String> {
    let level = RecordLevel {
        price_e8: fixed_e8(price)?,
        quantity_e8: fixed_e8(quantity)?,
    };
    if level.price_e8 <= 0 || level.quantity_e8 < 0 {
        return Err(format!("level {price} × {quantity} is out of range"));
    }
    Ok(level)
}

/// Unix time with the unit told by its magnitude: ns from 1e17, µs from 1e14, ms from 1e11.
fn local_ns(text: &str) -> Result<i64, String> {
    let value: i64 = text
        .parse()
        .map_err(|_| format!("local time `{text}` is not an integer"))?;
    let scale = match value {
        100_000_000_000_000_000.. => 1,
        100_000_000_000_000.. => 1_000,
        100_000_000_000.. => 1_000_000,
        ..100_000_000_000 => return Err(format!("local time {value} is before 1973")),
    };
    Ok(value * scale)
}

/// A decimal string in 1e-8, exactly; more than 8 significant decimals are an error.
fn fixed_e8(text: &str) -> Result<i64, String> {
    checked_fixed_e8(text).ok_or_else(|| format!("`{text}` is not a decimal with 8 places"))
}

fn checked_fixed_e8(text: &str) -> Option<i64> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let fraction = fraction.trim_end_matches('0');
    let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || fraction.len() > 8 || !all_digits(whole) || !all_digits(fraction) {
        return None;
    }
    let mut value: i64 = 0;
    for digit in whole.bytes().chain(fraction.bytes()) {
        value = value
            .checked_mul(10)?
            .checked_add(i64::from(digit - b'0'))?;
    }
    let missing = u32::try_from(8 - fraction.len()).ok()?;
    let value = value.checked_mul(10_i64.pow(missing))?;
    Some(if negative { -value } else { value })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_exact_or_refused() {
        let cases = [
            ("2681.62", Some(268_162_000_000)),
            ("0", Some(0)),
            ("0.00000001", Some(1)),
            ("1.21400000", Some(121_400_000)),
            ("0.000000010", Some(1)),
            ("0.000000001", None),
            ("-0.0001", Some(-10_000)),
            ("", None),
            (".5", None),
            ("1e5", None),
            ("1.2.3", None),
            ("99999999999999", None),
        ];
        for (text, expected) in cases {
            assert_eq!(checked_fixed_e8(text), expected, "{text}");
        }
    }

    #[test]
    fn the_unit_of_local_time_is_told_by_its_magnitude() {
        for text in ["1723161255088156767", "1723161255088156", "1723161255088"] {
            let ns = local_ns(text).expect("a plausible time");
            assert_eq!(ns / 1_000_000, 1_723_161_255_088, "{text}");
        }
        assert!(local_ns("12345").is_err());
        assert!(local_ns("17x").is_err());
    }
}
