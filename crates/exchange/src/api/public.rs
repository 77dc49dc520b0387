//! Views without an account, stream selection, and the counters of the response headers.

use super::{E8, TradeId};

/// Names a caller's address for the per-IP limits; how an address becomes a number is the server's business.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IpKey(pub u64);

/// Counters for `X-MBX-USED-WEIGHT-1M`, `X-MBX-ORDER-COUNT-10S` and `X-MBX-ORDER-COUNT-1M`, after the request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RateUsage {
    /// Weight used by the IP in this minute.
    pub weight_1m: u32,
    /// Orders counted on the account in this 10 s window.
    pub orders_10s: u32,
    /// Orders counted on the account in this minute.
    pub orders_1m: u32,
}

/// Which market streams of a symbol produce events; those nobody reads cost nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamMask(pub u8);

impl StreamMask {
    /// `@depth@100ms`.
    pub const DEPTH_100: StreamMask = StreamMask(1);
    /// `@depth` (250 ms).
    pub const DEPTH_250: StreamMask = StreamMask(1 << 1);
    /// `@depth@500ms`.
    pub const DEPTH_500: StreamMask = StreamMask(1 << 2);
    /// `@bookTicker`.
    pub const BOOK_TICKER: StreamMask = StreamMask(1 << 3);
    /// `@trade`.
    pub const TRADE: StreamMask = StreamMask(1 << 4);
    /// `@aggTrade`.
    pub const AGG_TRADE: StreamMask = StreamMask(1 << 5);
    /// `@markPrice@1s`.
    pub const MARK_PRICE: StreamMask = StreamMask(1 << 6);
    /// `@forceOrder`.
    pub const FORCE_ORDER: StreamMask = StreamMask(1 << 7);
    /// Everything.
    pub const ALL: StreamMask = StreamMask(u8::MAX);

    /// Both sets.
    #[must_use]
    pub const fn with(self, other: StreamMask) -> StreamMask {
        StreamMask(self.0 | other.0)
    }

    /// Whether any stream of `other` is in the set.
    #[must_use]
    pub const fn has(self, other: StreamMask) -> bool {
        self.0 & other.0 != 0
    }
}

/// `depth`: a snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DepthView {
    /// `lastUpdateId`.
    pub last_update_id: u64,
    /// `E`, ms.
    pub event_time_ms: i64,
    /// `T`: time of the last change, ms.
    pub time_ms: i64,
    /// (price, quantity), best first.
    pub bids: Vec<(E8, E8)>,
    /// (price, quantity), best first.
    pub asks: Vec<(E8, E8)>,
}

/// `ticker/bookTicker`; an empty side shows zeros.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BookTickerView {
    /// Best bid (price, quantity).
    pub bid: (E8, E8),
    /// Best ask (price, quantity).
    pub ask: (E8, E8),
    /// `time`, ms.
    pub time_ms: i64,
}

/// `premiumIndex`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PremiumIndexView {
    /// `markPrice`.
    pub mark: E8,
    /// `indexPrice`.
    pub index: E8,
    /// `estimatedSettlePrice`.
    pub settle: E8,
    /// `lastFundingRate`: the rate now predicted for the next payment.
    pub funding_rate: E8,
    /// `interestRate`.
    pub interest_rate: E8,
    /// `nextFundingTime`, ms.
    pub next_funding_ms: i64,
    /// `time`, ms.
    pub time_ms: i64,
}

/// One row of `fundingRate`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FundingRateView {
    /// `fundingRate`.
    pub rate: E8,
    /// `fundingTime`, ms.
    pub time_ms: i64,
    /// `markPrice`.
    pub mark: E8,
}

/// One row of `trades`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublicTradeView {
    /// `id`.
    pub trade_id: TradeId,
    /// `price`.
    pub price: E8,
    /// `qty`.
    pub qty: E8,
    /// `time`, ms.
    pub time_ms: i64,
    /// `isBuyerMaker`.
    pub buyer_is_maker: bool,
}
