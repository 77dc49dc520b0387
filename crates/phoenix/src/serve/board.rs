//! Owns what the venue derives from its public trades, candles, 24 h statistics and aggregated trades; knows no book and no account.

use std::collections::VecDeque;

use phoenix_exchange::api::{AggTradeEvent, TradeEvent};
use phoenix_exchange::{E8, decimal};

use super::json::{Object, array};
use super::stream_json::Pen;
use super::streams::KLINE_INTERVALS;

/// One-minute candles kept per symbol; the oldest is dropped at the bound (a day and an hour).
pub const MINUTES_MAX: usize = 1_500;
/// Aggregated trades kept per symbol; the oldest is dropped at the bound.
pub const AGG_TRADES_MAX: usize = 1_000;

const MINUTE_MS: i64 = 60_000;
const DAY_MS: i64 = 86_400_000;

/// Open, high, low, close and volumes of one span.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Candle {
    /// Start of the span, ms.
    pub open_ms: i64,
    open: E8,
    high: E8,
    low: E8,
    close: E8,
    volume: E8,
    quote: E8,
    taker_buy_volume: E8,
    taker_buy_quote: E8,
    trades: u64,
    first_id: u64,
    last_id: u64,
}

impl Candle {
    fn of(open_ms: i64, trade: &TradeEvent) -> Self {
        let quote = decimal::mul(trade.price, trade.qty);
        let (taker_buy_volume, taker_buy_quote) = if trade.buyer_is_maker {
            (0, 0)
        } else {
            (trade.qty, quote)
        };
        Self {
            open_ms,
            open: trade.price,
            high: trade.price,
            low: trade.price,
            close: trade.price,
            volume: trade.qty,
            quote,
            taker_buy_volume,
            taker_buy_quote,
            trades: 1,
            first_id: trade.trade_id,
            last_id: trade.trade_id,
        }
    }

    /// Adds a later span.
    fn extend(&mut self, later: &Self) {
        self.high = self.high.max(later.high);
        self.low = self.low.min(later.low);
        self.close = later.close;
        self.volume = self.volume.saturating_add(later.volume);
        self.quote = self.quote.saturating_add(later.quote);
        self.taker_buy_volume = self.taker_buy_volume.saturating_add(later.taker_buy_volume);
        self.taker_buy_quote = self.taker_buy_quote.saturating_add(later.taker_buy_quote);
        self.trades += later.trades;
        self.last_id = later.last_id;
    }
}

/// The tape of one symbol.
#[derive(Debug, Default)]
pub struct Tape {
    minutes: VecDeque<Candle>,
    agg_trades: VecDeque<AggTradeEvent>,
}

/// Which aggregated trades are asked for.
#[derive(Debug, Clone, Copy, Default)]
pub struct AggQuery {
    /// Ids at or after.
    pub from_id: Option<u64>,
    /// At or after, ms.
    pub start_ms: Option<i64>,
    /// At or before, ms.
    pub end_ms: Option<i64>,
    /// Most rows.
    pub limit: usize,
}

impl Tape {
    /// Takes in a public trade.
    pub fn on_trade(&mut self, trade: &TradeEvent) {
        let open_ms = trade.time_ms - trade.time_ms.rem_euclid(MINUTE_MS);
        let candle = Candle::of(open_ms, trade);
        match self.minutes.back_mut() {
            Some(last) if last.open_ms >= open_ms => last.extend(&candle),
            _ => {
                if self.minutes.len() == MINUTES_MAX {
                    self.minutes.pop_front();
                }
                self.minutes.push_back(candle);
            }
        }
    }

    /// Takes in an aggregated trade.
    pub fn on_agg_trade(&mut self, trade: AggTradeEvent) {
        if self.agg_trades.len() == AGG_TRADES_MAX {
            self.agg_trades.pop_front();
        }
        self.agg_trades.push_back(trade);
    }

    /// Aggregated trades, oldest first: from the start of the window, or the newest when it has no start.
    pub fn agg_trades(&self, query: &AggQuery) -> Vec<&AggTradeEvent> {
        let inside = self.agg_trades.iter().filter(|trade| {
            query.from_id.is_none_or(|id| trade.agg_id >= id)
                && query.start_ms.is_none_or(|start| trade.time_ms >= start)
                && query.end_ms.is_none_or(|end| trade.time_ms <= end)
        });
        if query.from_id.is_some() || query.start_ms.is_some() {
            inside.take(query.limit).collect()
        } else {
            let mut rows: Vec<_> = inside.rev().take(query.limit).collect();
            rows.reverse();
            rows
        }
    }

    /// Candles of `span_ms`, oldest first, the newest `limit` of the window. Spans without a trade have no candle.
    pub fn candles(
        &self,
        span_ms: i64,
        window: (Option<i64>, Option<i64>),
        limit: usize,
    ) -> Vec<Candle> {
        let mut built: Vec<Candle> = Vec::new();
        for minute in &self.minutes {
            let open_ms = minute.open_ms - minute.open_ms.rem_euclid(span_ms);
            match built.last_mut() {
                Some(last) if last.open_ms == open_ms => last.extend(minute),
                _ => built.push(Candle { open_ms, ..*minute }),
            }
        }
        built.retain(|candle| {
            window.0.is_none_or(|start| candle.open_ms >= start)
                && window.1.is_none_or(|end| candle.open_ms <= end)
        });
        if window.0.is_some() {
            built.truncate(limit);
        } else {
            built.drain(..built.len().saturating_sub(limit));
        }
        built
    }

    /// Everything of the last 24 h as one candle.
    pub fn day(&self, now_ms: i64) -> Option<Candle> {
        let mut inside = self
            .minutes
            .iter()
            .filter(|minute| minute.open_ms > now_ms - DAY_MS);
        let mut day = *inside.next()?;
        for minute in inside {
            day.extend(minute);
        }
        Some(day)
    }
}

/// One row of REST `klines`.
pub fn kline_row(pen: &Pen, candle: &Candle, span_ms: i64) -> String {
    let (price, qty) = pen.places;
    let quoted = |value: E8, places: usize| format!("\"{}\"", decimal::fixed(value, places));
    array([
        candle.open_ms.to_string(),
        quoted(candle.open, price),
        quoted(candle.high, price),
        quoted(candle.low, price),
        quoted(candle.close, price),
        quoted(candle.volume, qty),
        (candle.open_ms + span_ms - 1).to_string(),
        quoted(candle.quote, 8),
        candle.trades.to_string(),
        quoted(candle.taker_buy_volume, qty),
        quoted(candle.taker_buy_quote, 8),
        "\"0\"".to_owned(),
    ])
}

/// The `kline` stream event of the candle in progress; `interval` is an index into [`KLINE_INTERVALS`].
pub fn kline_event(pen: &Pen, candle: &Candle, interval: (&str, i64), at_ms: i64) -> String {
    let (price, qty) = pen.places;
    let close_ms = candle.open_ms + interval.1 - 1;
    let kline = Object::new()
        .int("t", candle.open_ms)
        .int("T", close_ms)
        .text("s", &pen.name)
        .text("i", interval.0)
        .int("f", candle.first_id)
        .int("L", candle.last_id)
        .fixed("o", candle.open, price)
        .fixed("c", candle.close, price)
        .fixed("h", candle.high, price)
        .fixed("l", candle.low, price)
        .fixed("v", candle.volume, qty)
        .int("n", candle.trades)
        .truth("x", at_ms > close_ms)
        .fixed("q", candle.quote, 8)
        .fixed("V", candle.taker_buy_volume, qty)
        .fixed("Q", candle.taker_buy_quote, 8)
        .text("B", "0")
        .done();
    Object::with_capacity(400)
        .text("e", "kline")
        .int("E", at_ms)
        .text("s", &pen.name)
        .raw("k", &kline)
        .int("st", 1)
        .done()
}

/// The kline interval behind an index of [`KLINE_INTERVALS`].
pub fn interval(index: u8) -> Option<(&'static str, i64)> {
    KLINE_INTERVALS.get(usize::from(index)).copied()
}

/// `24hrMiniTicker`; without a trade in 24 h there is none.
pub fn mini_ticker(pen: &Pen, day: &Candle, at_ms: i64) -> String {
    let (price, qty) = pen.places;
    Object::new()
        .text("e", "24hrMiniTicker")
        .int("E", at_ms)
        .text("s", &pen.name)
        .text("ps", &pen.name)
        .fixed("c", day.close, price)
        .fixed("o", day.open, price)
        .fixed("h", day.high, price)
        .fixed("l", day.low, price)
        .fixed("v", day.volume, qty)
        .fixed("q", day.quote, 8)
        .int("st", 1)
        .done()
}

/// `24hrTicker`.
pub fn ticker(pen: &Pen, day: &Candle, at_ms: i64) -> String {
    let (price, qty) = pen.places;
    Object::with_capacity(400)
        .text("e", "24hrTicker")
        .int("E", at_ms)
        .text("s", &pen.name)
        .text("ps", &pen.name)
        .fixed("p", day.close - day.open, price)
        .fixed("P", change_percent(day), 3)
        .fixed("w", decimal::div(day.quote, day.volume), price)
        .fixed("c", day.close, price)
        .text("Q", "0")
        .fixed("o", day.open, price)
        .fixed("h", day.high, price)
        .fixed("l", day.low, price)
        .fixed("v", day.volume, qty)
        .fixed("q", day.quote, 8)
        .int("O", day.open_ms)
        .int("C", at_ms)
        .int("F", day.first_id)
        .int("L", day.last_id)
        .int("n", day.trades)
        .int("st", 1)
        .done()
}

/// REST `ticker/24hr` of one symbol; zeros without a trade.
pub fn ticker_row(pen: &Pen, day: Option<&Candle>, at_ms: i64) -> String {
    let (price, qty) = pen.places;
    let zero = Candle {
        open_ms: at_ms,
        open: 0,
        high: 0,
        low: 0,
        close: 0,
        volume: 0,
        quote: 0,
        taker_buy_volume: 0,
        taker_buy_quote: 0,
        trades: 0,
        first_id: 0,
        last_id: 0,
    };
    let day = day.unwrap_or(&zero);
    Object::with_capacity(400)
        .text("symbol", &pen.name)
        .fixed("priceChange", day.close - day.open, price)
        .fixed("priceChangePercent", change_percent(day), 3)
        .fixed(
            "weightedAvgPrice",
            decimal::div(day.quote, day.volume),
            price,
        )
        .fixed("lastPrice", day.close, price)
        .text("lastQty", "0")
        .fixed("openPrice", day.open, price)
        .fixed("highPrice", day.high, price)
        .fixed("lowPrice", day.low, price)
        .fixed("volume", day.volume, qty)
        .fixed("quoteVolume", day.quote, 8)
        .int("openTime", day.open_ms)
        .int("closeTime", at_ms)
        .int("firstId", day.first_id)
        .int("lastId", day.last_id)
        .int("count", day.trades)
        .done()
}

fn change_percent(day: &Candle) -> E8 {
    decimal::mul_div(
        day.close - day.open,
        100 * phoenix_exchange::api::ONE,
        day.open,
    )
}

#[cfg(test)]
mod tests {
    use phoenix_exchange::api::ONE;

    use super::*;

    fn trade(id: u64, time_ms: i64, price: i64, buyer_is_maker: bool) -> TradeEvent {
        TradeEvent {
            trade_id: id,
            time_ms,
            price: price * ONE,
            qty: 2 * ONE,
            buyer_is_maker,
        }
    }

    fn tape() -> Tape {
        let mut tape = Tape::default();
        tape.on_trade(&trade(1, 0, 10, false));
        tape.on_trade(&trade(2, 59_999, 12, true));
        tape.on_trade(&trade(3, 60_000, 9, false));
        tape.on_trade(&trade(4, 240_000, 11, false));
        tape
    }

    #[test]
    fn minutes_add_up_to_longer_candles() {
        let tape = tape();
        let minutes = tape.candles(60_000, (None, None), 10);
        assert_eq!(
            minutes.iter().map(|c| c.open_ms).collect::<Vec<_>>(),
            [0, 60_000, 240_000]
        );
        let threes = tape.candles(180_000, (None, None), 10);
        let first = threes.first().expect("a candle");
        assert_eq!(
            (first.open, first.high, first.low, first.close),
            (10 * ONE, 12 * ONE, 9 * ONE, 9 * ONE)
        );
        assert_eq!((first.volume, first.trades), (6 * ONE, 3));
        assert_eq!(first.taker_buy_volume, 4 * ONE);
        assert_eq!(
            tape.candles(60_000, (None, None), 1)
                .first()
                .map(|c| c.open_ms),
            Some(240_000)
        );
        assert_eq!(
            tape.candles(60_000, (Some(1), None), 1)
                .first()
                .map(|c| c.open_ms),
            Some(60_000)
        );
    }

    #[test]
    fn the_day_forgets_what_is_older() {
        let tape = tape();
        assert_eq!(tape.day(300_000).map(|day| day.trades), Some(4));
        assert_eq!(tape.day(DAY_MS + 60_000).map(|day| day.trades), Some(1));
        assert_eq!(tape.day(3 * DAY_MS), None);
    }

    #[test]
    fn the_tape_is_bounded() {
        let mut tape = Tape::default();
        for minute in 0..i64::try_from(MINUTES_MAX).expect("small") + 5 {
            tape.on_trade(&trade(1, minute * MINUTE_MS, 10, false));
        }
        assert_eq!(tape.minutes.len(), MINUTES_MAX);
        assert_eq!(tape.minutes.front().map(|c| c.open_ms), Some(5 * MINUTE_MS));
    }
}
