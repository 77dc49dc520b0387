//! Requests that need no account: symbols, depth, prices, limits.

use super::Exchange;
use crate::api::{
    AccountId, ApiError, BookTickerView, DepthView, FundingRateView, IpKey, PremiumIndexView,
    PublicTradeView, RateUsage, Side, SymbolId,
};
use crate::limits::{Cost, LimitConfig};
use crate::orders::ms;
use crate::symbol::{LeverageBracket, SymbolSpec};

impl Exchange {
    /// The symbol of that (upper-case) name.
    #[must_use]
    pub fn symbol_id(&self, name: &str) -> Option<SymbolId> {
        self.markets
            .iter()
            .find(|market| market.spec.name == name)
            .map(|market| market.id)
    }

    /// All symbols, in the order of their ids.
    pub fn symbols(&self) -> impl Iterator<Item = (SymbolId, &SymbolSpec)> {
        self.markets.iter().map(|market| (market.id, &market.spec))
    }

    /// Rules of a symbol.
    ///
    /// # Panics
    /// If the id was not given out by this venue (a bug of the caller), as in every method that takes one.
    #[must_use]
    pub fn spec(&self, symbol: SymbolId) -> &SymbolSpec {
        &self.market(symbol).spec
    }

    /// `depth`: the best `limit` levels of each side. Every snapshot can be bridged (protocol §2.8) with the depth event that carries its last change.
    #[must_use]
    pub fn depth(&self, symbol: SymbolId, limit: usize) -> DepthView {
        let book = &self.market(symbol).book;
        DepthView {
            last_update_id: book.update_id(),
            event_time_ms: ms(self.now_us),
            time_ms: ms(book.changed_us()),
            bids: book.levels(Side::Buy).take(limit).collect(),
            asks: book.levels(Side::Sell).take(limit).collect(),
        }
    }

    /// `ticker/bookTicker`.
    #[must_use]
    pub fn book_ticker(&self, symbol: SymbolId) -> BookTickerView {
        let market = self.market(symbol);
        let touch = market.touch();
        BookTickerView {
            bid: touch.bid,
            ask: touch.ask,
            time_ms: ms(market.book.changed_us()),
        }
    }

    /// `premiumIndex`.
    #[must_use]
    pub fn premium_index(&self, symbol: SymbolId) -> PremiumIndexView {
        let market = self.market(symbol);
        market.mark.view(self.now_us, &market.spec)
    }

    /// `fundingRate`: past payments, oldest first, at most `limit`.
    #[must_use]
    pub fn funding_rates(&self, symbol: SymbolId, limit: usize) -> Vec<FundingRateView> {
        let rates = &self.market(symbol).funding_rates;
        rates
            .iter()
            .skip(rates.len().saturating_sub(limit))
            .copied()
            .collect()
    }

    /// `trades`: the latest, oldest first, at most `limit` (and [`crate::feed::RECENT_TRADES_MAX`]).
    #[must_use]
    pub fn recent_trades(&self, symbol: SymbolId, limit: usize) -> Vec<PublicTradeView> {
        self.market(symbol).feed.recent(limit)
    }

    /// `leverageBracket`.
    #[must_use]
    pub fn leverage_brackets(&self, symbol: SymbolId) -> &[LeverageBracket] {
        &self.spec(symbol).brackets
    }

    /// Charges a request to its IP and account. Call it before the request itself, which charges nothing on its own (the direct
    /// simulator may leave it out).
    ///
    /// # Errors
    /// HTTP 429 `-1003` or `-1015`, HTTP 418 `-1003` while banned.
    pub fn admit(
        &mut self,
        now_us: u64,
        ip: IpKey,
        account: Option<AccountId>,
        cost: Cost,
    ) -> Result<RateUsage, ApiError> {
        self.advance(now_us);
        self.limiter.admit(self.now_us, ip, account, cost)
    }

    /// Present counters, for headers.
    #[must_use]
    pub fn rate_usage(&self, ip: IpKey, account: Option<AccountId>) -> RateUsage {
        self.limiter.usage(self.now_us, ip, account)
    }

    /// Limits in force (`rateLimit/order`, `exchangeInfo.rateLimits`).
    #[must_use]
    pub fn limits(&self) -> LimitConfig {
        self.limiter.config()
    }
}
