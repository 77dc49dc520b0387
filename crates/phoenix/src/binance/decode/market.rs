//! Owns the decoding of market streams, bare or in the combined envelope (protocol §1.3, §2); knows
//! nothing of connections or of what a book does with the levels.

use super::scan::scan;
use super::wire::{Text, Whole, json};
use super::{Control, Decoded, Ignored, LEVELS_MAX};
use crate::binance::contracts::{Contract, Contracts};
use crate::binance::decimal;
use crate::binance::routes::{Feed, StreamName, stream_name};
use phoenix_core::event::{
    BookTicker, ContractStatus, DepthSnapshot, DepthUpdate, Event, Level, Malformed, MarkPrice,
    Market, Stream, Trade,
};
use phoenix_core::instrument::SymbolId;
use phoenix_core::units::{Lots, Side, Wall};
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, SeqAccess, Visitor};
use serde_json::value::RawValue;
use std::fmt;

/// Levels for which memory is kept from the start; a frame with more makes it grow once.
const LEVELS_START: usize = 1_024;

/// Reused memory for the levels of one message.
#[derive(Clone, Debug)]
pub struct Levels {
    pub(super) bids: Vec<Level>,
    pub(super) asks: Vec<Level>,
}

impl Default for Levels {
    fn default() -> Self {
        Self {
            bids: Vec::with_capacity(LEVELS_START),
            asks: Vec::with_capacity(LEVELS_START),
        }
    }
}

/// Whether a depth message belongs to the diff chain.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Book {
    Diff,
    Partial,
}

/// A decoded message whose levels lie in [`Levels`].
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Frame {
    Depth {
        symbol: SymbolId,
        book: Book,
        first_id: i64,
        last_id: i64,
        prev_id: i64,
        event_time: Wall,
        transact_time: Wall,
    },
    BookTicker(SymbolId, BookTicker),
    Trade(SymbolId, Trade),
    Mark(SymbolId, MarkPrice),
    Status(SymbolId, ContractStatus),
    Malformed(SymbolId, Stream, Malformed),
    Control(Control),
    Ignored(Ignored),
    Unreadable(Malformed),
}

/// Decodes market streams into its own reused memory: one for each connection.
#[derive(Clone, Debug, Default)]
pub struct MarketDecoder {
    levels: Levels,
}

impl MarketDecoder {
    /// Decodes one text frame. The result borrows this decoder until the next frame.
    ///
    /// A frame that breaks off or does not fit its symbol's grid becomes `Market::Malformed` when its
    /// stream name, or its readable part, says whose it is. On a bare socket a depth message is taken
    /// for diff depth: only stream names tell partial depth apart.
    pub fn decode(&mut self, contracts: &Contracts, bytes: &[u8]) -> Decoded<'_> {
        let frame = match scan(contracts, bytes, &mut self.levels) {
            Some(frame) => frame,
            None => parse(contracts, bytes, &mut self.levels),
        };
        finish(frame, &self.levels)
    }

    /// As [`MarketDecoder::decode`] by the JSON parser alone; for comparison and measurement.
    #[doc(hidden)]
    pub fn decode_without_scanner(&mut self, contracts: &Contracts, bytes: &[u8]) -> Decoded<'_> {
        let frame = parse(contracts, bytes, &mut self.levels);
        finish(frame, &self.levels)
    }
}

fn finish(frame: Frame, levels: &Levels) -> Decoded<'_> {
    match frame {
        Frame::Depth {
            symbol,
            book,
            first_id,
            last_id,
            prev_id,
            event_time,
            transact_time,
        } => match book {
            Book::Diff => market(
                symbol,
                Market::Depth(DepthUpdate {
                    first_id,
                    last_id,
                    prev_id,
                    event_time,
                    transact_time,
                    bids: &levels.bids,
                    asks: &levels.asks,
                }),
            ),
            Book::Partial => Decoded::Partial(
                symbol,
                DepthSnapshot {
                    last_id,
                    transact_time,
                    bids: &levels.bids,
                    asks: &levels.asks,
                },
            ),
        },
        Frame::BookTicker(symbol, ticker) => market(symbol, Market::BookTicker(ticker)),
        Frame::Trade(symbol, trade) => market(symbol, Market::Trade(trade)),
        Frame::Mark(symbol, mark) => market(symbol, Market::Mark(mark)),
        Frame::Status(symbol, status) => market(symbol, Market::Status(status)),
        Frame::Malformed(symbol, stream, why) => market(symbol, Market::Malformed(stream, why)),
        Frame::Control(control) => Decoded::Control(control),
        Frame::Ignored(why) => Decoded::Ignored(why),
        Frame::Unreadable(why) => Decoded::Unreadable(why),
    }
}

const fn market(symbol: SymbolId, market: Market<'_>) -> Decoded<'_> {
    Decoded::Event(Event::Market(symbol, market))
}

/// What can stand at the top of a frame.
#[derive(Deserialize)]
struct Top<'a> {
    #[serde(borrow)]
    stream: Option<Text<'a>>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    #[serde(borrow)]
    e: Option<Text<'a>>,
    #[serde(borrow)]
    s: Option<Text<'a>>,
    #[serde(borrow, default)]
    id: Option<&'a RawValue>,
    #[serde(default)]
    code: Option<i32>,
    #[serde(default)]
    error: Option<ErrorBody>,
    #[serde(default, deserialize_with = "present")]
    result: bool,
}

#[derive(Deserialize)]
struct ErrorBody {
    #[serde(default)]
    code: i32,
}

/// Whether the field is there at all, `null` included.
fn present<'de, D: Deserializer<'de>>(d: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(d).map(|_| true)
}

fn parse(contracts: &Contracts, bytes: &[u8], levels: &mut Levels) -> Frame {
    let Ok(top) = json::<Top<'_>>(bytes) else {
        return if is_array(bytes) {
            Frame::Ignored(Ignored::Ticker)
        } else {
            blame_prefix(contracts, bytes, Malformed::Shape)
        };
    };
    if let (Some(stream), Some(data)) = (&top.stream, top.data) {
        let name = stream_name(stream.as_bytes());
        return enveloped(contracts, name, data.get().as_bytes(), levels);
    }
    if let Some(event) = &top.e {
        let symbol = top.s.as_ref().map_or(&b""[..], |s| s.as_bytes());
        return payload(contracts, event.as_str(), symbol, Book::Diff, bytes, levels);
    }
    Frame::Control(match control(&top) {
        Some(control) => control,
        None => return blame_prefix(contracts, bytes, Malformed::Shape),
    })
}

/// Raw sockets deliver the streams of all symbols as bare arrays; none is one of ours.
fn is_array(bytes: &[u8]) -> bool {
    json::<Vec<IgnoredAny>>(bytes).is_ok()
}

fn control(top: &Top<'_>) -> Option<Control> {
    let id = top
        .id
        .and_then(|raw| raw.get().trim_matches('"').parse().ok());
    if let Some(code) = top.error.as_ref().map(|e| e.code).or(top.code) {
        return Some(Control::Refused(id, code));
    }
    top.result.then_some(Control::Ack(id))
}

/// Head of a payload.
#[derive(Deserialize)]
struct Head<'a> {
    #[serde(borrow)]
    e: Text<'a>,
    #[serde(borrow)]
    s: Option<Text<'a>>,
}

fn enveloped(
    contracts: &Contracts,
    name: StreamName<'_>,
    data: &[u8],
    levels: &mut Levels,
) -> Frame {
    let book = match name.feed {
        Feed::PartialDepth => Book::Partial,
        Feed::RpiDepth => return Frame::Ignored(Ignored::RpiDepth),
        Feed::Depth
        | Feed::BookTicker
        | Feed::Trade
        | Feed::AggTrade
        | Feed::Mark
        | Feed::ContractInfo
        | Feed::OtherPublic
        | Feed::OtherMarket => Book::Diff,
    };
    match json::<Head<'_>>(data) {
        Ok(head) => {
            let symbol = head.s.as_ref().map_or(&b""[..], |s| s.as_bytes());
            payload(contracts, head.e.as_str(), symbol, book, data, levels)
        }
        Err(_) if name.symbol.is_empty() && is_array(data) => Frame::Ignored(Ignored::Ticker),
        Err(why) => blame(contracts, name, why),
    }
}

fn payload(
    contracts: &Contracts,
    event: &str,
    symbol: &[u8],
    book: Book,
    data: &[u8],
    levels: &mut Levels,
) -> Frame {
    let stream = match event {
        "depthUpdate" => Stream::Depth,
        "bookTicker" => Stream::BookTicker,
        "aggTrade" | "trade" => Stream::Trade,
        "markPriceUpdate" => Stream::Mark,
        "contractInfo" => return contract_info(contracts, symbol, data),
        "serverShutdown" => return Frame::Control(Control::ServerShutdown),
        other => return Frame::Ignored(Ignored::of_event(other)),
    };
    let Some(contract) = contracts.by_name(symbol) else {
        return Frame::Ignored(Ignored::Symbol);
    };
    let frame = match stream {
        Stream::Depth => depth(contract, book, data, levels),
        Stream::BookTicker => book_ticker(contract, data),
        Stream::Trade => trade(contract, data),
        Stream::Mark => mark(contract, data),
        Stream::User => Err(Malformed::Shape),
    };
    frame.unwrap_or_else(|why| match book {
        // A broken partial book breaks no chain: its own consumer just waits for the next one.
        Book::Partial => Frame::Unreadable(why),
        Book::Diff => Frame::Malformed(contract.id, stream, why),
    })
}

/// Finds out whose a frame is that is not JSON, from the stream name at its beginning.
fn blame_prefix(contracts: &Contracts, bytes: &[u8], why: Malformed) -> Frame {
    let name = bytes
        .strip_prefix(b"{\"stream\":\"")
        .and_then(|rest| rest.split(|b| *b == b'"').next())
        .map(stream_name);
    match name {
        Some(name) => blame(contracts, name, why),
        None => Frame::Unreadable(why),
    }
}

fn blame(contracts: &Contracts, name: StreamName<'_>, why: Malformed) -> Frame {
    match (contracts.by_stream_name(name.symbol), name.feed.stream()) {
        (Some(contract), Some(stream)) => Frame::Malformed(contract.id, stream, why),
        _ => Frame::Unreadable(why),
    }
}

#[derive(Deserialize)]
struct WireDepth<'a> {
    #[serde(rename = "E")]
    event_time: Whole,
    #[serde(rename = "T")]
    transact_time: Whole,
    #[serde(rename = "U")]
    first_id: Whole,
    #[serde(rename = "u")]
    last_id: Whole,
    #[serde(rename = "pu")]
    prev_id: Whole,
    #[serde(borrow, rename = "b")]
    bids: &'a RawValue,
    #[serde(borrow, rename = "a")]
    asks: &'a RawValue,
}

fn depth(
    contract: &Contract,
    book: Book,
    data: &[u8],
    levels: &mut Levels,
) -> Result<Frame, Malformed> {
    let wire: WireDepth<'_> = json(data)?;
    read_levels(contract, Strays::Removals, wire.bids, &mut levels.bids)?;
    read_levels(contract, Strays::Removals, wire.asks, &mut levels.asks)?;
    Ok(Frame::Depth {
        symbol: contract.id,
        book,
        first_id: wire.first_id.0,
        last_id: wire.last_id.0,
        prev_id: wire.prev_id.0,
        event_time: Wall::from_millis(wire.event_time.0),
        transact_time: Wall::from_millis(wire.transact_time.0),
    })
}

/// Levels at the front of a snapshot among which a price off the grid means that the grid has changed.
pub const FRONT_LEVELS: usize = 20;

/// Which prices off the tick grid are left out instead of condemning the message.
///
/// When a contract's tick grows, old orders stay where they are, far from the market: real books of such
/// contracts hold prices off the grid for months. When a tick shrinks, prices off the old grid appear at
/// the front at once, and nothing may be left out. The two are told apart by where and how they appear.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Strays {
    /// In a diff: the removal of a level, which we cannot hold anyway. New ones cannot be placed.
    Removals,
    /// In a snapshot: levels behind the first [`FRONT_LEVELS`].
    Behind,
}

/// Reads `[["price","size"],…]` onto the grids of `contract`.
///
/// # Errors
/// `Shape`, `OffGrid` or `TooLarge`, the last also beyond [`LEVELS_MAX`].
pub(super) fn read_levels(
    contract: &Contract,
    strays: Strays,
    raw: &RawValue,
    out: &mut Vec<Level>,
) -> Result<(), Malformed> {
    out.clear();
    let mut fault = None;
    let seed = LevelsSeed {
        contract,
        strays,
        out,
        fault: &mut fault,
    };
    let mut parser = serde_json::Deserializer::from_str(raw.get());
    match seed.deserialize(&mut parser) {
        Ok(()) => Ok(()),
        Err(_) => Err(fault.unwrap_or(Malformed::Shape)),
    }
}

struct LevelsSeed<'a> {
    contract: &'a Contract,
    strays: Strays,
    out: &'a mut Vec<Level>,
    fault: &'a mut Option<Malformed>,
}

impl LevelsSeed<'_> {
    fn add(&mut self, price: &str, size: &str) -> Result<(), Malformed> {
        let size = self.contract.lots(size)?;
        let price = match self.contract.ticks(price) {
            Ok(price) => price,
            Err(Malformed::OffGrid) if self.is_stray(size) => return Ok(()),
            Err(why) => return Err(why),
        };
        if self.out.len() == LEVELS_MAX {
            return Err(Malformed::TooLarge);
        }
        self.out.push(Level { price, size });
        Ok(())
    }

    fn is_stray(&self, size: Lots) -> bool {
        match self.strays {
            Strays::Removals => size.is_zero(),
            Strays::Behind => self.out.len() >= FRONT_LEVELS,
        }
    }
}

impl<'de> DeserializeSeed<'de> for LevelsSeed<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, d: D) -> Result<(), D::Error> {
        d.deserialize_seq(self)
    }
}

/// One level as text. The exchange may append further elements one day; they are ignored.
struct WireLevel<'a>(Text<'a>, Text<'a>);

impl<'de: 'a, 'a> Deserialize<'de> for WireLevel<'a> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Pair;
        impl<'de> Visitor<'de> for Pair {
            type Value = WireLevel<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a price and a size")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let price = seq
                    .next_element()?
                    .ok_or_else(|| A::Error::missing_field("price"))?;
                let size = seq
                    .next_element()?
                    .ok_or_else(|| A::Error::missing_field("size"))?;
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(WireLevel(price, size))
            }
        }
        d.deserialize_seq(Pair)
    }
}

impl<'de> Visitor<'de> for LevelsSeed<'_> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of levels")
    }
    fn visit_seq<A: SeqAccess<'de>>(mut self, mut seq: A) -> Result<(), A::Error> {
        while let Some(WireLevel(price, size)) = seq.next_element()? {
            if let Err(why) = self.add(price.as_str(), size.as_str()) {
                *self.fault = Some(why);
                return Err(A::Error::custom("level"));
            }
        }
        Ok(())
    }
}

#[derive(Deserialize)]
struct WireBookTicker<'a> {
    u: Whole,
    #[serde(rename = "E")]
    event_time: Whole,
    #[serde(borrow, rename = "b")]
    bid: Text<'a>,
    #[serde(borrow, rename = "B")]
    bid_size: Text<'a>,
    #[serde(borrow, rename = "a")]
    ask: Text<'a>,
    #[serde(borrow, rename = "A")]
    ask_size: Text<'a>,
}

fn book_ticker(contract: &Contract, data: &[u8]) -> Result<Frame, Malformed> {
    let wire: WireBookTicker<'_> = json(data)?;
    let ticker = BookTicker {
        update_id: wire.u.0,
        event_time: Wall::from_millis(wire.event_time.0),
        bid: level(contract, &wire.bid, &wire.bid_size)?,
        ask: level(contract, &wire.ask, &wire.ask_size)?,
    };
    Ok(Frame::BookTicker(contract.id, ticker))
}

fn level(contract: &Contract, price: &Text<'_>, size: &Text<'_>) -> Result<Level, Malformed> {
    Ok(Level {
        price: contract.ticks(price.as_str())?,
        size: contract.lots(size.as_str())?,
    })
}

#[derive(Deserialize)]
struct WireTrade<'a> {
    #[serde(borrow)]
    e: Text<'a>,
    #[serde(rename = "E")]
    event_time: Whole,
    /// Aggregate id of `aggTrade`.
    #[serde(borrow)]
    a: Option<&'a RawValue>,
    /// Trade id of `trade`.
    #[serde(borrow)]
    t: Option<&'a RawValue>,
    #[serde(borrow)]
    p: Text<'a>,
    /// Includes retail-price-improvement volume, as the tape does.
    #[serde(borrow)]
    q: Text<'a>,
    m: bool,
    #[serde(borrow, rename = "X")]
    kind: Option<Text<'a>>,
}

fn trade(contract: &Contract, data: &[u8]) -> Result<Frame, Malformed> {
    let wire: WireTrade<'_> = json(data)?;
    if wire
        .kind
        .as_ref()
        .is_some_and(|kind| kind.as_str() != "MARKET")
    {
        return Ok(Frame::Ignored(Ignored::OffBookTrade));
    }
    let id = if wire.e.as_str() == "trade" {
        wire.t
    } else {
        wire.a
    };
    let id: Whole = json(id.ok_or(Malformed::Shape)?.get().as_bytes())?;
    let trade = Trade {
        id: id.0,
        event_time: Wall::from_millis(wire.event_time.0),
        price: contract.ticks(wire.p.as_str())?,
        size: contract.lots(wire.q.as_str())?,
        // `m`: the buyer was the maker, so the seller took.
        aggressor: if wire.m { Side::Sell } else { Side::Buy },
    };
    Ok(Frame::Trade(contract.id, trade))
}

#[derive(Deserialize)]
struct WireMark<'a> {
    #[serde(rename = "E")]
    event_time: Whole,
    #[serde(borrow, rename = "p")]
    mark: Text<'a>,
    #[serde(borrow, rename = "i")]
    index: Text<'a>,
    #[serde(borrow, rename = "r")]
    rate: Text<'a>,
    #[serde(rename = "T")]
    next_funding: Whole,
}

fn mark(contract: &Contract, data: &[u8]) -> Result<Frame, Malformed> {
    let wire: WireMark<'_> = json(data)?;
    let mark = MarkPrice {
        event_time: Wall::from_millis(wire.event_time.0),
        mark: decimal::price8(wire.mark.as_bytes())?,
        index: decimal::price8(wire.index.as_bytes())?,
        funding_rate: decimal::ratio(wire.rate.as_bytes())?,
        next_funding: Wall::from_millis(wire.next_funding.0),
    };
    Ok(Frame::Mark(contract.id, mark))
}

#[derive(Deserialize)]
struct WireContractInfo<'a> {
    #[serde(borrow, rename = "cs")]
    status: Text<'a>,
}

fn contract_info(contracts: &Contracts, symbol: &[u8], data: &[u8]) -> Frame {
    let Some(contract) = contracts.by_name(symbol) else {
        return Frame::Ignored(Ignored::Symbol);
    };
    match json::<WireContractInfo<'_>>(data) {
        Ok(wire) => Frame::Status(contract.id, contract_status(wire.status.as_str())),
        Err(why) => Frame::Unreadable(why),
    }
}

/// `TRADING`, or anything else.
pub(super) fn contract_status(text: &str) -> ContractStatus {
    if text == "TRADING" {
        ContractStatus::Trading
    } else {
        ContractStatus::NotTrading
    }
}

#[cfg(test)]
mod tests;
