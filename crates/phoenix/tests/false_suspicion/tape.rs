//! Reads every capture into one shape: what came, in the order of its arrival; knows the file formats, not the engine.

use flate2::read::MultiGzDecoder;
use phoenix_core::event::Level;
use phoenix_core::units::{Lots, Side, Ticks};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

/// One message of one symbol.
pub enum Body {
    Depth {
        first: i64,
        last: i64,
        prev: i64,
        bids: Vec<Level>,
        asks: Vec<Level>,
    },
    Snapshot {
        last: i64,
        bids: Vec<Level>,
        asks: Vec<Level>,
    },
    Ticker {
        id: i64,
        bid: Level,
        ask: Level,
    },
    Trade {
        id: i64,
        price: Ticks,
        size: Lots,
        aggressor: Side,
    },
    Mark {
        price_e8: i64,
    },
}

pub struct Item {
    /// Local arrival, ns.
    pub at: i64,
    /// Event time, ns; absent from spot tickers.
    pub event: Option<i64>,
    pub body: Body,
}

/// One symbol's recording.
pub struct Tape {
    pub name: String,
    pub tick_e8: i64,
    pub step_e8: i64,
    pub items: Vec<Item>,
    /// Whether its depth stream is lively enough to be judged by its rhythm.
    pub is_liquid: bool,
}

fn data() -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data")).to_owned()
}

/// Every capture, one at a time; `None` when the folder is absent.
pub fn names() -> Option<Vec<&'static str>> {
    data().is_dir().then(|| {
        vec![
            "usdm/ethusdt_20240808",
            "usdm/btcusdt_20240808",
            "usdm/btcusdt_20230404",
            "usdm-2021/SUSHIUSDT",
            "usdm-2021/AKROUSDT",
            "usdm-2021/KEEPUSDT",
            "usdm-2021/CTKUSDT",
            "usdm-csv/trxusdt_04-03-2025",
            "usdm-csv/trxusdt_14-04-2025",
            "spot/nexousdt_20240723",
            "spot/nexousdt_20240724",
        ]
    })
}

pub fn load(name: &str) -> Tape {
    let (folder, file) = name.split_once('/').expect("a folder");
    let (tick_e8, step_e8) = match file {
        f if f.starts_with("eth") => (1_000_000, 100_000),
        f if f.starts_with("btc") => (10_000_000, 100_000),
        f if f.starts_with("nexo") => (10_000, 1_000_000),
        _ => (1_000, 100_000_000),
    };
    let grid = Grid { tick_e8, step_e8 };
    let items = match folder {
        "usdm-2021" => perpetual_2021(grid, file),
        "usdm-csv" => csv(grid, file),
        // The second day begins with the book that the first ends with.
        "spot" if file.ends_with("24") => ["nexousdt_20240723", "nexousdt_20240724"]
            .into_iter()
            .flat_map(|day| jsonl(grid, &data().join(format!("spot/{day}.jsonl.gz"))))
            .collect(),
        _ => jsonl(grid, &data().join(format!("{name}.jsonl.gz"))),
    };
    assert!(items.len() > 100, "{name}: {} messages", items.len());
    Tape {
        name: name.to_owned(),
        tick_e8,
        step_e8,
        is_liquid: folder == "usdm",
        items: chained(items),
    }
}

/// The spot rule knows no `pu`: an update follows the one before it. A depth message that no snapshot reaches is left out.
fn chained(mut items: Vec<Item>) -> Vec<Item> {
    let snapshot = items.iter().find_map(|i| match i.body {
        Body::Snapshot { last, .. } => Some(last),
        _ => None,
    });
    items.retain(|i| match i.body {
        Body::Depth { last, .. } => snapshot.is_none_or(|from| last >= from),
        _ => true,
    });
    // The snapshot is the book that the first update is applied to, whenever it was read.
    items.sort_by_key(|i| (!matches!(i.body, Body::Snapshot { .. }), i.at));
    let mut before = None;
    for item in &mut items {
        if let Body::Depth {
            first, last, prev, ..
        } = &mut item.body
        {
            if *prev < 0 {
                *prev = before.unwrap_or(*first - 1);
            }
            before = Some(*last);
        }
    }
    items
}

#[derive(Clone, Copy)]
struct Grid {
    tick_e8: i64,
    step_e8: i64,
}

impl Grid {
    fn e8(text: &str) -> i64 {
        let (whole, part) = text.split_once('.').unwrap_or((text, ""));
        let part: String = part.chars().chain("00000000".chars()).take(8).collect();
        let number = |t: &str| t.parse::<i64>().unwrap_or_else(|e| panic!("{text}: {e}"));
        number(whole) * 100_000_000 + number(&part)
    }

    fn level(self, price: &str, size: &str) -> Level {
        Level {
            price: Ticks(Self::e8(price) / self.tick_e8),
            size: Lots(Self::e8(size).div_euclid(self.step_e8)),
        }
    }

    fn levels(self, list: &Value) -> Vec<Level> {
        let pairs = list.as_array().expect("levels").iter();
        pairs
            .map(|p| self.level(text(&p[0]), text(&p[1])))
            .collect()
    }
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a decimal string")
}

fn lines(path: &Path) -> impl Iterator<Item = String> {
    let file = File::open(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let lines = BufReader::new(MultiGzDecoder::new(file)).lines();
    lines.map(|line| line.expect("a readable line"))
}

fn jsonl(grid: Grid, path: &Path) -> Vec<Item> {
    lines(path)
        .filter_map(|line| {
            let (at, message) = line.split_once(' ')?;
            let at: i64 = at.parse().expect("a time");
            let at = if at > 100_000_000_000_000_000 {
                at
            } else {
                at * 1_000
            };
            item(grid, at, &serde_json::from_str(message).expect("JSON"))
        })
        .collect()
}

fn item(grid: Grid, at: i64, message: &Value) -> Option<Item> {
    if message.get("lastUpdateId").is_some() {
        let body = Body::Snapshot {
            last: message["lastUpdateId"].as_i64()?,
            bids: grid.levels(&message["bids"]),
            asks: grid.levels(&message["asks"]),
        };
        return Some(Item {
            at,
            event: None,
            body,
        });
    }
    let data = &message["data"];
    let event = data["E"].as_i64().map(|ms| ms * 1_000_000);
    let kind = message["stream"].as_str()?.split_once('@')?.1;
    let body = match kind.split('@').next()? {
        "depth" => Body::Depth {
            first: data["U"].as_i64()?,
            last: data["u"].as_i64()?,
            prev: data["pu"].as_i64().unwrap_or(-1),
            bids: grid.levels(&data["b"]),
            asks: grid.levels(&data["a"]),
        },
        "bookTicker" => Body::Ticker {
            id: data["u"].as_i64()?,
            bid: grid.level(text(&data["b"]), text(&data["B"])),
            ask: grid.level(text(&data["a"]), text(&data["A"])),
        },
        "trade" | "aggTrade" => {
            if data["X"].as_str().is_some_and(|x| x != "MARKET") {
                return None;
            }
            let level = grid.level(text(&data["p"]), text(&data["q"]));
            Body::Trade {
                id: data["t"].as_i64().or(data["a"].as_i64())?,
                price: level.price,
                size: level.size,
                aggressor: aggressor(data["m"].as_bool()?),
            }
        }
        "markPrice" => Body::Mark {
            price_e8: Grid::e8(text(&data["p"])),
        },
        _ => return None,
    };
    Some(Item { at, event, body })
}

const fn aggressor(is_buyer_maker: bool) -> Side {
    match is_buyer_maker {
        true => Side::Sell,
        false => Side::Buy,
    }
}

/// `<seconds>: <message>`, four symbols in one file, their snapshots in another.
fn perpetual_2021(grid: Grid, symbol: &str) -> Vec<Item> {
    let seconds = |t: &str| {
        let seconds: f64 = t.parse().expect("seconds");
        (seconds * 1e6) as i64 * 1_000
    };
    let folder = data().join("usdm-2021");
    let mut items = Vec::new();
    for line in lines(&folder.join("four_perps.http.gz")) {
        let Some((url, rest)) = line.split_once(" -> ") else {
            continue;
        };
        if url.contains("/depth?") && url.contains(symbol) {
            let (at, message) = rest.split_once(": ").expect("a time");
            let message = serde_json::from_str(message).expect("JSON");
            items.extend(item(grid, seconds(at), &message));
        }
    }
    for line in lines(&folder.join("four_perps.ws.gz")) {
        let Some((at, message)) = line.split_once(": {") else {
            continue;
        };
        let message: Value = serde_json::from_str(&format!("{{{message}")).expect("JSON");
        if message["data"]["s"].as_str() == Some(symbol) {
            items.extend(item(grid, seconds(at), &message));
        }
    }
    items
}

/// One row for each level or trade. The merged file begins with the rows of a book.
fn csv(grid: Grid, name: &str) -> Vec<Item> {
    let day = name.split_once('_').expect("a day").1;
    let files: &[&str] = match day {
        "14-04-2025" => &["merged_trxusdt_14-04-2025_positive"],
        _ => &[
            "positive_binance_difference_depth_stream_usd_m_futures_trxusdt_04-03-2025",
            "positive_binance_trade_stream_usd_m_futures_trxusdt_04-03-2025",
        ],
    };
    let mut items: Vec<Item> = Vec::new();
    for file in files {
        let path = data().join("usdm-csv").join(format!("{file}.csv.gz"));
        let mut rows = lines(&path).filter(|l| !l.starts_with('#') && !l.trim().is_empty());
        let header = rows.next().expect("a header");
        let columns: BTreeMap<String, usize> = header
            .trim()
            .split(',')
            .enumerate()
            .map(|(at, column)| (column.to_owned(), at))
            .collect();
        for row in rows {
            let cells: Vec<&str> = row.trim().split(',').collect();
            let cell = |column: &str| columns.get(column).and_then(|at| cells.get(*at)).copied();
            csv_row(grid, &cell, &mut items);
        }
    }
    let end = items
        .iter()
        .filter(|i| matches!(i.body, Body::Depth { .. }));
    let end = end.map(|i| i.at).max().unwrap_or_default();
    items.retain(|i| i.at <= end);
    items
}

fn csv_row<'a>(grid: Grid, cell: &dyn Fn(&str) -> Option<&'a str>, items: &mut Vec<Item>) {
    let number = |column: &str| cell(column).and_then(|t| t.parse::<i64>().ok());
    let Some(at) = number("TimestampOfReceive").map(|ms| ms * 1_000_000) else {
        return;
    };
    let event = number("EventTime").map(|ms| ms * 1_000_000);
    let level = grid.level(
        cell("Price").expect("a price"),
        cell("Quantity").expect("a size"),
    );
    if let Some(id) = number("TradeId") {
        let is_buyer_maker = cell("IsBuyerMarketMaker") == Some("1");
        let body = Body::Trade {
            id,
            price: level.price,
            size: level.size,
            aggressor: aggressor(is_buyer_maker),
        };
        items.push(Item { at, event, body });
        return;
    }
    let (Some(first_id), Some(last_id), Some(prev_id)) = (
        number("FirstUpdateId"),
        number("FinalUpdateId"),
        number("FinalUpdateIdInLastStream"),
    ) else {
        return;
    };
    let is_snapshot = cell("StreamType") == Some("FINAL_DEPTH_SNAPSHOT");
    let is_next = match items.last().map(|i| &i.body) {
        Some(Body::Snapshot { .. }) => !is_snapshot,
        Some(Body::Depth { last, .. }) => *last != last_id,
        _ => true,
    };
    if is_next {
        let (bids, asks) = (Vec::new(), Vec::new());
        let body = match is_snapshot {
            true => Body::Snapshot {
                last: last_id,
                bids,
                asks,
            },
            false => Body::Depth {
                first: first_id,
                last: last_id,
                prev: prev_id,
                bids,
                asks,
            },
        };
        items.push(Item { at, event, body });
    }
    let Some(Item {
        body: Body::Depth { bids, asks, .. } | Body::Snapshot { bids, asks, .. },
        ..
    }) = items.last_mut()
    else {
        return;
    };
    match cell("IsAsk") {
        Some("1") => asks.push(level),
        _ => bids.push(level),
    }
    if let Some(Item {
        body: Body::Snapshot { last, .. },
        ..
    }) = items.last_mut()
    {
        *last = (*last).max(last_id);
    }
}
