//! Owns what is said to the engine about the past: trades and payments as the exchange lists them, and the books that
//! the journal ended with; knows nothing of what is done with them.

use super::Fill;
use crate::instrument::SymbolId;
use crate::units::{FundingHour, Lots, Quote, Side, Span, Wall};

/// A trade of ours from REST `userTrades`, for back-fill.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TradeReport {
    /// Exchange order id.
    pub exchange_id: i64,
    /// Side.
    pub side: Side,
    /// The execution.
    pub fill: Fill,
    /// Trade time.
    pub time: Wall,
}

/// Where a back-fill of trades begins.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum TradesFrom {
    /// With this trade id.
    Id(i64),
    /// At this instant of the exchange, while no trade of ours is known. The exchange answers with what follows
    /// within [`TRADES_WINDOW`] only (protocol §4.4).
    Time(Wall),
}

/// Longest range of time of one request for trades (protocol §4.4).
pub const TRADES_WINDOW: Span = Span::from_secs(7 * 86_400);

/// A funding payment as the exchange lists it (`income`, protocol §4.5).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FundingPayment {
    /// Symbol.
    pub symbol: SymbolId,
    /// Received (positive) or paid (negative).
    pub amount: Quote,
    /// When it was booked.
    pub time: Wall,
}

/// A page of funding payments of all symbols, oldest first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FundingPage<'a> {
    /// Payments in the margin asset.
    pub payments: &'a [FundingPayment],
    /// Exchange time at which it was asked for.
    pub asked: Wall,
    /// Where the rest begins; `None` when this is all.
    pub next: Option<Wall>,
}

impl FundingPage<'_> {
    /// The last funding instant of which, from where the page begins, no payment can be missing.
    #[must_use]
    pub const fn through(&self) -> FundingHour {
        match self.next {
            Some(next) => FundingHour::complete_before(next),
            None => FundingHour::settled_at(self.asked),
        }
    }
}

/// Books of a symbol as the journal ended with them; all zero for a symbol never traded.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Resume {
    /// Signed position.
    pub size: Lots,
    /// Value paid for it, signed like the size.
    pub cost: Quote,
    /// Realised profit before fees and funding.
    pub realized: Quote,
    /// Commission; a cost is negative.
    pub fees: Quote,
    /// Funding received (positive) and paid (negative), of instants up to `funding_through`.
    pub funding: Quote,
    /// The last funding instant whose payment is in `funding` or was never ours: later ones are asked for. `None`:
    /// those before the symbol is added.
    pub funding_through: Option<FundingHour>,
    /// Highest trade id in the books: what is told of trades up to it is not booked again.
    pub trade_id: Option<i64>,
    /// What may be missing from the journal begins there, even below `trade_id`; the back-fill begins there. `None`:
    /// with what follows `trade_id`, or for a symbol never traded with the instant it is added.
    pub trades_from: Option<TradesFrom>,
}

impl Resume {
    /// The same with what it leaves open decided for a symbol that is added at `wall`.
    #[must_use]
    pub(crate) fn begun(&self, wall: Wall) -> Self {
        let after = |id: i64| TradesFrom::Id(id.saturating_add(1));
        let from = self.trades_from.or(self.trade_id.map(after));
        Self {
            funding_through: self.funding_through.or(Some(FundingHour::before(wall))),
            trades_from: from.or(Some(TradesFrom::Time(wall))),
            ..*self
        }
    }
}
