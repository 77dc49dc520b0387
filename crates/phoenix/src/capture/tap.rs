//! Turns the market events of the embedded venue into records, so that its output can be measured and replayed like a capture; knows no sockets.

use std::sync::Arc;

use phoenix_exchange::api::{
    BookTickerEvent, Cadence, DepthEvent, DepthView, E8, Event, EventBody, MarkPriceEvent,
    MarketEvent, Recipient, SymbolId, TradeEvent,
};
use phoenix_exchange::replay::record::{
    Aggressor, BookSnapshot, BookTicker, DepthDiff, MarkPrice, Record, RecordBody, RecordLevel,
    TradePrint,
};

/// The record of an event, when it is one of `symbol`'s streams that a recording holds: depth at 100 ms, trade, book ticker
/// (with both sides), mark price.
pub fn record_of(event: &Event, symbol: SymbolId) -> Option<Record> {
    match event.to {
        Recipient::Symbol(id) if id == symbol => {}
        Recipient::Symbol(_) | Recipient::Account(_) => return None,
    }
    let EventBody::Market(market_event) = &event.body else {
        return None;
    };
    let (time_ms, body) = match market_event {
        MarketEvent::Depth(depth) => (depth.time_ms, depth_body(depth)?),
        MarketEvent::Trade(trade) => (trade.time_ms, RecordBody::Trade(print(trade)?)),
        MarketEvent::BookTicker(ticker) => (ticker.time_ms, ticker_body(ticker)?),
        MarketEvent::MarkPrice(mark) => (mark.time_ms, mark_body(mark)),
        MarketEvent::AggTrade(_) | MarketEvent::ForceOrder(_) => return None,
    };
    Some(Record {
        local_ns: i64::try_from(event.at_us).ok()?.checked_mul(1_000)?,
        exchange_ms: Some(time_ms),
        body,
    })
}

/// The record of a REST depth snapshot, received at `at_us` (µs since the epoch).
pub fn snapshot_record(view: &DepthView, at_us: u64) -> Option<Record> {
    let snapshot = BookSnapshot {
        last_update_id: i64::try_from(view.last_update_id).ok()?,
        bids: levels(&view.bids),
        asks: levels(&view.asks),
    };
    Some(Record {
        local_ns: i64::try_from(at_us).ok()?.checked_mul(1_000)?,
        exchange_ms: Some(view.event_time_ms),
        body: RecordBody::Snapshot(Arc::new(snapshot)),
    })
}

fn depth_body(depth: &DepthEvent) -> Option<RecordBody> {
    match depth.cadence {
        Cadence::Ms100 => {}
        Cadence::Ms250 | Cadence::Ms500 => return None,
    }
    Some(RecordBody::Depth(Arc::new(DepthDiff {
        first_update_id: i64::try_from(depth.first_update_id).ok()?,
        last_update_id: i64::try_from(depth.last_update_id).ok()?,
        previous_update_id: Some(i64::try_from(depth.prev_update_id).ok()?),
        bids: levels(&depth.bids),
        asks: levels(&depth.asks),
    })))
}

fn print(trade: &TradeEvent) -> Option<TradePrint> {
    Some(TradePrint {
        trade_id: i64::try_from(trade.trade_id).ok()?,
        price_e8: trade.price,
        quantity_e8: trade.qty,
        aggressor: if trade.buyer_is_maker {
            Aggressor::Seller
        } else {
            Aggressor::Buyer
        },
    })
}

fn ticker_body(ticker: &BookTickerEvent) -> Option<RecordBody> {
    if ticker.bid.0 == 0 || ticker.ask.0 == 0 {
        return None;
    }
    Some(RecordBody::Ticker(BookTicker {
        update_id: i64::try_from(ticker.update_id).ok()?,
        bid: level(ticker.bid),
        ask: level(ticker.ask),
    }))
}

fn mark_body(mark: &MarkPriceEvent) -> RecordBody {
    RecordBody::Mark(MarkPrice {
        mark_e8: mark.mark,
        index_e8: mark.index,
        funding_rate_e8: mark.funding_rate,
        next_funding_ms: mark.next_funding_ms,
    })
}

fn levels(pairs: &[(E8, E8)]) -> Vec<RecordLevel> {
    pairs.iter().copied().map(level).collect()
}

fn level((price_e8, quantity_e8): (E8, E8)) -> RecordLevel {
    RecordLevel {
        price_e8,
        quantity_e8,
    }
}

#[cfg(test)]
mod tests;
