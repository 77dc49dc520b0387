//! Owns the bytes of market data: ids and prices as steps from what the symbol said last, so that the many messages of a book
//! are short.

use super::{Bad, Code, Input, Sink};
use phoenix_core::event::{BookTicker, DepthSnapshot, DepthUpdate, Level, Market, Trade};
use phoenix_core::instrument::SymbolId;
use phoenix_core::units::{Lots, Ticks};

/// Appends market data of a symbol.
pub(super) fn encode(symbol: SymbolId, market: &Market<'_>, out: &mut Sink) {
    match market {
        Market::Depth(update) => {
            out.byte(0);
            encode_depth(symbol, update, out);
        }
        Market::Snapshot(snapshot) => {
            out.byte(1);
            encode_snapshot(symbol, snapshot, out);
        }
        Market::SnapshotFailed(refusal) => {
            out.byte(2);
            refusal.encode(out);
        }
        Market::BookTicker(ticker) => {
            out.byte(3);
            encode_ticker(symbol, ticker, out);
        }
        Market::Trade(trade) => {
            out.byte(4);
            encode_trade(symbol, trade, out);
        }
        Market::Mark(mark) => {
            out.byte(5);
            mark.encode(out);
        }
        Market::Status(status) => {
            out.byte(6);
            status.encode(out);
        }
        Market::Malformed(stream, why) => {
            out.byte(7);
            stream.encode(out);
            why.encode(out);
        }
    }
}

/// Reads it; levels are in `levels`.
pub(super) fn decode<'a>(
    symbol: SymbolId,
    input: &mut Input<'_>,
    levels: &'a mut Vec<Level>,
) -> Result<Market<'a>, Bad> {
    Ok(match input.byte()? {
        0 => Market::Depth(decode_depth(symbol, input, levels)?),
        1 => Market::Snapshot(decode_snapshot(symbol, input, levels)?),
        2 => Market::SnapshotFailed(Code::decode(input)?),
        3 => Market::BookTicker(decode_ticker(symbol, input)?),
        4 => Market::Trade(decode_trade(symbol, input)?),
        5 => Market::Mark(Code::decode(input)?),
        6 => Market::Status(Code::decode(input)?),
        7 => Market::Malformed(Code::decode(input)?, Code::decode(input)?),
        _ => return Err(Bad),
    })
}

fn encode_depth(symbol: SymbolId, update: &DepthUpdate<'_>, out: &mut Sink) {
    let DepthUpdate {
        first_id,
        last_id,
        prev_id,
        event_time,
        transact_time,
        bids,
        asks,
    } = update;
    // Nearly always a few steps apart.
    encode_update_id(symbol, *last_id, out);
    out.signed(last_id.wrapping_sub(*first_id));
    out.signed(first_id.wrapping_sub(*prev_id));
    event_time.encode(out);
    transact_time.encode(out);
    encode_sides(symbol, bids, asks, out);
}

fn decode_depth<'a>(
    symbol: SymbolId,
    input: &mut Input<'_>,
    levels: &'a mut Vec<Level>,
) -> Result<DepthUpdate<'a>, Bad> {
    let last_id = decode_update_id(symbol, input)?;
    let first_id = last_id.wrapping_sub(input.signed()?);
    let prev_id = first_id.wrapping_sub(input.signed()?);
    let (event_time, transact_time) = (Code::decode(input)?, Code::decode(input)?);
    let (bids, asks) = decode_sides(symbol, input, levels)?;
    Ok(DepthUpdate {
        first_id,
        last_id,
        prev_id,
        event_time,
        transact_time,
        bids,
        asks,
    })
}

fn encode_snapshot(symbol: SymbolId, snapshot: &DepthSnapshot<'_>, out: &mut Sink) {
    let DepthSnapshot {
        last_id,
        transact_time,
        bids,
        asks,
    } = snapshot;
    encode_update_id(symbol, *last_id, out);
    transact_time.encode(out);
    encode_sides(symbol, bids, asks, out);
}

fn decode_snapshot<'a>(
    symbol: SymbolId,
    input: &mut Input<'_>,
    levels: &'a mut Vec<Level>,
) -> Result<DepthSnapshot<'a>, Bad> {
    let last_id = decode_update_id(symbol, input)?;
    let transact_time = Code::decode(input)?;
    let (bids, asks) = decode_sides(symbol, input, levels)?;
    Ok(DepthSnapshot {
        last_id,
        transact_time,
        bids,
        asks,
    })
}

fn encode_update_id(symbol: SymbolId, id: i64, out: &mut Sink) {
    let last = std::mem::replace(&mut out.memory.of(symbol).update_id, id);
    out.signed(id.wrapping_sub(last));
}

fn decode_update_id(symbol: SymbolId, input: &mut Input<'_>) -> Result<i64, Bad> {
    let step = input.signed()?;
    let last = &mut input.memory.of(symbol).update_id;
    *last = last.wrapping_add(step);
    Ok(*last)
}

/// Prices as steps from the one before: neighbours in a book are near.
fn encode_sides(symbol: SymbolId, bids: &[Level], asks: &[Level], out: &mut Sink) {
    out.varint(bids.len() as u64);
    out.varint(asks.len() as u64);
    let mut last = out.memory.of(symbol).price;
    for Level { price, size } in bids.iter().chain(asks) {
        out.signed(price.0.wrapping_sub(last));
        out.signed(size.0);
        last = price.0;
    }
    if let Some(first) = bids.first().or(asks.first()) {
        out.memory.of(symbol).price = first.price.0;
    }
}

fn decode_sides<'a>(
    symbol: SymbolId,
    input: &mut Input<'_>,
    levels: &'a mut Vec<Level>,
) -> Result<(&'a [Level], &'a [Level]), Bad> {
    let (bids, asks) = (input.length()?, input.length()?);
    levels.clear();
    let mut last = input.memory.of(symbol).price;
    for _ in 0..bids.saturating_add(asks) {
        last = last.wrapping_add(input.signed()?);
        levels.push(Level {
            price: Ticks(last),
            size: Lots(input.signed()?),
        });
    }
    if let Some(first) = levels.first() {
        input.memory.of(symbol).price = first.price.0;
    }
    levels.split_at_checked(bids).ok_or(Bad)
}

fn encode_ticker(symbol: SymbolId, ticker: &BookTicker, out: &mut Sink) {
    let BookTicker {
        update_id,
        event_time,
        bid,
        ask,
    } = ticker;
    encode_update_id(symbol, *update_id, out);
    event_time.encode(out);
    let from = std::mem::replace(&mut out.memory.of(symbol).price, bid.price.0);
    out.signed(bid.price.0.wrapping_sub(from));
    bid.size.encode(out);
    out.signed(ask.price.0.wrapping_sub(bid.price.0));
    ask.size.encode(out);
}

fn decode_ticker(symbol: SymbolId, input: &mut Input<'_>) -> Result<BookTicker, Bad> {
    let update_id = decode_update_id(symbol, input)?;
    let event_time = Code::decode(input)?;
    let step = input.signed()?;
    let last = &mut input.memory.of(symbol).price;
    *last = last.wrapping_add(step);
    let price = Ticks(*last);
    let bid = Level {
        price,
        size: Code::decode(input)?,
    };
    let ask = Level {
        price: Ticks(bid.price.0.wrapping_add(input.signed()?)),
        size: Code::decode(input)?,
    };
    Ok(BookTicker {
        update_id,
        event_time,
        bid,
        ask,
    })
}

fn encode_trade(symbol: SymbolId, trade: &Trade, out: &mut Sink) {
    let Trade {
        id,
        event_time,
        price,
        size,
        aggressor,
    } = trade;
    let last = out.memory.of(symbol);
    let (step, from) = (id.wrapping_sub(last.trade_id), last.price);
    last.trade_id = *id;
    out.signed(step);
    event_time.encode(out);
    out.signed(price.0.wrapping_sub(from));
    size.encode(out);
    aggressor.encode(out);
}

fn decode_trade(symbol: SymbolId, input: &mut Input<'_>) -> Result<Trade, Bad> {
    let step = input.signed()?;
    let last = input.memory.of(symbol);
    last.trade_id = last.trade_id.wrapping_add(step);
    let (id, from) = (last.trade_id, last.price);
    Ok(Trade {
        id,
        event_time: Code::decode(input)?,
        price: Ticks(from.wrapping_add(input.signed()?)),
        size: Code::decode(input)?,
        aggressor: Code::decode(input)?,
    })
}
