//! What a recording says, one typed record per message; knows neither files nor JSON nor the venue it will drive.

use std::sync::Arc;

/// One in the fixed-point scale of records: prices and quantities are integers in 1e-8.
pub const ONE_E8: i64 = 100_000_000;

/// An absolute book level: price and quantity in 1e-8; quantity 0 removes the level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordLevel {
    /// Price in 1e-8 of the quote asset.
    pub price_e8: i64,
    /// Quantity in 1e-8 of the base asset.
    pub quantity_e8: i64,
}

/// Which side took liquidity in a recorded trade.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aggressor {
    /// The taker bought (`m` false: the buyer was not the maker).
    Buyer,
    /// The taker sold (`m` true).
    Seller,
}

/// A full book by REST (protocol §2.8).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BookSnapshot {
    /// `lastUpdateId`.
    pub last_update_id: i64,
    /// Bids, best first.
    pub bids: Vec<RecordLevel>,
    /// Asks, best first.
    pub asks: Vec<RecordLevel>,
}

/// A diff-depth message (protocol §2.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DepthDiff {
    /// `U`, the first update id inside.
    pub first_update_id: i64,
    /// `u`, the last update id inside.
    pub last_update_id: i64,
    /// `pu`, the previous message's `u`; `None` on spot, where `U` continues the previous `u` by one.
    pub previous_update_id: Option<i64>,
    /// Changed bids, absolute.
    pub bids: Vec<RecordLevel>,
    /// Changed asks, absolute.
    pub asks: Vec<RecordLevel>,
}

/// One execution (protocol §2.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TradePrint {
    /// Trade id `t`.
    pub trade_id: i64,
    /// Price in 1e-8.
    pub price_e8: i64,
    /// Quantity in 1e-8, positive.
    pub quantity_e8: i64,
    /// Who took.
    pub aggressor: Aggressor,
}

/// Top of the book in real time (protocol §2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BookTicker {
    /// `u`, in the id space of the depth stream.
    pub update_id: i64,
    /// Best bid.
    pub bid: RecordLevel,
    /// Best ask.
    pub ask: RecordLevel,
}

/// Mark price, index and funding (protocol §2.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MarkPrice {
    /// Mark price in 1e-8.
    pub mark_e8: i64,
    /// Index price in 1e-8.
    pub index_e8: i64,
    /// Funding rate in 1e-8 (0.0001 is 10 000).
    pub funding_rate_e8: i64,
    /// Next funding time, Unix ms.
    pub next_funding_ms: i64,
}

/// The message of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecordBody {
    /// A book by REST.
    Snapshot(Arc<BookSnapshot>),
    /// A diff-depth message.
    Depth(Arc<DepthDiff>),
    /// An execution.
    Trade(TradePrint),
    /// Top of book.
    Ticker(BookTicker),
    /// Mark price and funding.
    Mark(MarkPrice),
}

/// One recorded message with its two clocks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The recorder's clock, Unix ns. May be off by seconds: good for order and for gaps, not for pacing.
    pub local_ns: i64,
    /// The exchange's clock, Unix ms: matching time `T` where the message has one, otherwise event time `E`.
    pub exchange_ms: Option<i64>,
    /// What was said.
    pub body: RecordBody,
}

/// Turns the two clocks of a recording into one exchange time that never goes back, in µs.
///
/// Messages without an exchange time (spot book tickers and snapshots) get their local time shifted
/// by the offset last seen between the clocks.
#[derive(Clone, Copy, Debug, Default)]
pub struct RecordClock {
    offset_us: Option<i64>,
    latest_us: Option<i64>,
}

impl RecordClock {
    /// The time of `record` on the exchange's clock, Unix µs; at least that of every earlier record.
    pub fn on_record(&mut self, record: &Record) -> i64 {
        let local_us = record.local_ns / 1_000;
        let stated_us = record.exchange_ms.map(|ms| ms.saturating_mul(1_000));
        if let Some(exchange_us) = stated_us {
            self.offset_us = Some(exchange_us.saturating_sub(local_us));
        }
        let estimate_us = stated_us
            .unwrap_or_else(|| local_us.saturating_add(self.offset_us.unwrap_or_default()));
        let now_us = self.latest_us.map_or(estimate_us, |us| us.max(estimate_us));
        self.latest_us = Some(now_us);
        now_us
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ticker(local_ns: i64, exchange_ms: Option<i64>) -> Record {
        let level = RecordLevel {
            price_e8: ONE_E8,
            quantity_e8: ONE_E8,
        };
        Record {
            local_ns,
            exchange_ms,
            body: RecordBody::Ticker(BookTicker {
                update_id: 1,
                bid: level,
                ask: level,
            }),
        }
    }

    #[test]
    fn exchange_time_wins_and_never_goes_back() {
        let mut clock = RecordClock::default();
        let ms = 1_000;
        assert_eq!(clock.on_record(&ticker(5_000_000, Some(100))), 100 * ms);
        assert_eq!(clock.on_record(&ticker(6_000_000, Some(99))), 100 * ms);
        assert_eq!(clock.on_record(&ticker(7_000_000, Some(103))), 103 * ms);
    }

    #[test]
    fn a_record_without_exchange_time_is_placed_by_the_last_offset() {
        let mut clock = RecordClock::default();
        let ms = 1_000;
        assert_eq!(clock.on_record(&ticker(5_000_000, None)), 5 * ms);
        assert_eq!(clock.on_record(&ticker(6_000_000, Some(100))), 100 * ms);
        assert_eq!(clock.on_record(&ticker(9_000_000, None)), 103 * ms);
    }
}
