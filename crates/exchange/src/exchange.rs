//! The venue as its users see it: requests in, views and events out; knows nothing of HTTP, signatures or sessions.

use crate::api::{
    AccountId, AccountView, AmendmentView, ApiError, ApiTradingStatus, BalanceView, BookTickerView,
    CommissionView, DepthView, E8, Event, FundingRateView, IncomeQuery, IncomeView, IpKey,
    LeverageView, MarginType, ModifyOrder, NewOrder, OrderQuery, OrderRef, OrderView, PositionMode,
    PositionView, PremiumIndexView, PublicTradeView, RateUsage, StreamMask, SymbolConfigView,
    SymbolId, TradeQuery, UserTradeView,
};
use crate::market::{MarketFlow, MarketSide};
use crate::symbol::{LeverageBracket, SymbolSpec};

/// One symbol of the venue.
#[derive(Clone, Debug)]
pub struct SymbolConfig {
    /// Rules.
    pub spec: SymbolSpec,
    /// Mark and index until the book has two sides.
    pub initial_price: E8,
    /// Streams that produce events.
    pub streams: StreamMask,
}

/// What the venue is made of.
#[derive(Clone, Debug)]
pub struct ExchangeConfig {
    /// Start of time, µs since the epoch.
    pub start_us: u64,
    /// Symbols; their places are the [`SymbolId`]s.
    pub symbols: Vec<SymbolConfig>,
    /// Request and order limits.
    pub limits: LimitConfig,
    /// Quantitative rules.
    pub quant_rules: QuantRuleConfig,
    /// Life of a listenKey after POST or PUT, ms (60 min).
    pub listen_key_ms: u64,
}

/// Limits of protocol §6.1 and the ban of §6.3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitConfig {
    /// Request weight per IP and clock minute (2400).
    pub weight_1m_max: u32,
    /// Orders per account and 10 s (300).
    pub orders_10s_max: u32,
    /// Orders per account and minute (1200).
    pub orders_1m_max: u32,
    /// Refused requests of an IP within a minute that turn 429 into a ban (20).
    pub refusals_before_ban: u32,
    /// First ban, ms (2 min); each further one within a day is four times as long, up to `ban_ms_max`.
    pub ban_ms_min: u64,
    /// Longest ban, ms (3 days).
    pub ban_ms_max: u64,
}

/// Thresholds of the quantitative rules (protocol §6.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuantRuleConfig {
    /// Cycle, ms (10 min).
    pub cycle_ms: u64,
    /// Orders in a cycle from which UFR and DR are judged (10 000).
    pub orders_min: u64,
    /// GTC+GTX+GTD orders (for GCR), or IOC+FOK orders (for IFER), from which those are judged (5000).
    pub kind_orders_min: u64,
    /// Trigger of UFR.
    pub ufr_trigger: E8,
    /// Trigger of GCR (invalid-cancel ratio).
    pub gcr_trigger: E8,
    /// Trigger of IFER.
    pub ifer_trigger: E8,
    /// Trigger of DR.
    pub dr_trigger: E8,
    /// Below this age at cancellation a cancel is invalid, ms (5000).
    pub invalid_cancel_age_ms: u64,
    /// Below this notional an order is dust (50).
    pub dust_notional: E8,
    /// How long a symbol stays reduce-only, ms (10 min).
    pub lock_ms: u64,
}

/// What a request costs; see [`Exchange::admit`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Request weight on the IP.
    pub weight: u32,
    /// Count on the account's 10 s window.
    pub orders_10s: u32,
    /// Count on the account's minute window.
    pub orders_1m: u32,
}

impl Cost {
    /// A single placement or modification.
    pub const ORDER: Cost = Cost {
        weight: 0,
        orders_10s: 1,
        orders_1m: 1,
    };
    /// A batch placement or modification, however many elements.
    pub const BATCH: Cost = Cost {
        weight: 5,
        orders_10s: 5,
        orders_1m: 1,
    };

    /// Weight only.
    #[must_use]
    pub const fn weight(weight: u32) -> Cost {
        Cost {
            weight,
            orders_10s: 0,
            orders_1m: 0,
        }
    }

    /// Weight of a depth snapshot (protocol §4.2).
    #[must_use]
    pub const fn depth(limit: usize) -> Cost {
        Cost::weight(match limit {
            0..=50 => 2,
            51..=100 => 5,
            101..=500 => 10,
            _ => 20,
        })
    }
}

/// The simulated venue. All `now_us` arguments are µs since the epoch; one that lies before an earlier one is taken as the earlier one.
pub struct Exchange {
    now_us: u64,
}

impl Exchange {
    /// A venue with empty books and no accounts. Equal configuration, seed and calls give equal events.
    #[must_use]
    pub fn new(config: ExchangeConfig, seed: u64) -> Exchange {
        let _ = (&config.symbols, seed);
        Exchange {
            now_us: config.start_us,
        }
    }

    /// Opens an account with deposits of (asset, amount). At most `ACCOUNTS_MAX`.
    pub fn add_account(&mut self, deposits: &[(&str, E8)]) -> AccountId {
        let _ = deposits;
        todo!()
    }

    /// Gives a symbol its market; replaces an earlier flow.
    pub fn attach_flow(&mut self, symbol: SymbolId, flow: Box<dyn MarketFlow>) {
        let _ = (symbol, flow);
        todo!()
    }

    /// Acts on a symbol's market by hand (tests, drills), at `now_us`.
    pub fn with_market<R>(
        &mut self,
        now_us: u64,
        symbol: SymbolId,
        act: impl FnOnce(&mut MarketSide<'_>) -> R,
    ) -> R {
        let _ = (now_us, symbol, act);
        todo!()
    }

    /// Chooses the streams of a symbol that produce events.
    pub fn publish(&mut self, symbol: SymbolId, streams: StreamMask) {
        let _ = (symbol, streams);
        todo!()
    }

    /// Runs everything due up to and including `now_us`, in the order of its due times: market flow, depth cadences, mark price, funding, liquidation,
    /// GTD ends, dead-man timers, listenKeys, quantitative-rule cycles.
    pub fn advance(&mut self, now_us: u64) {
        self.now_us = self.now_us.max(now_us);
    }

    /// The next instant at which `advance` would do something, µs.
    #[must_use]
    pub fn next_due_us(&self) -> Option<u64> {
        todo!()
    }

    /// The venue's time, µs.
    #[must_use]
    pub fn now_us(&self) -> u64 {
        self.now_us
    }

    /// Moves all events since the last call to the end of `out`, in order. The outbox is bounded by `OUTBOX_MAX`: at the bound market events
    /// are dropped oldest first and counted (`dropped_events`), user events never.
    pub fn drain_events(&mut self, out: &mut Vec<Event>) {
        let _ = out;
        todo!()
    }

    /// Market events dropped because nobody drained the outbox.
    #[must_use]
    pub fn dropped_events(&self) -> u64 {
        todo!()
    }

    // ---- symbols and public data ----

    /// The symbol of that (upper-case) name.
    #[must_use]
    pub fn symbol_id(&self, name: &str) -> Option<SymbolId> {
        let _ = name;
        todo!()
    }

    /// All symbols, in the order of their ids.
    pub fn symbols(&self) -> impl Iterator<Item = (SymbolId, &SymbolSpec)> {
        std::iter::empty()
    }

    /// Rules of a symbol.
    ///
    /// # Panics
    /// If the id was not given out by this venue (a bug of the caller).
    #[must_use]
    pub fn spec(&self, symbol: SymbolId) -> &SymbolSpec {
        let _ = symbol;
        todo!()
    }

    /// `depth`: the best `limit` levels of each side.
    #[must_use]
    pub fn depth(&self, symbol: SymbolId, limit: usize) -> DepthView {
        let _ = (symbol, limit);
        todo!()
    }

    /// `ticker/bookTicker`.
    #[must_use]
    pub fn book_ticker(&self, symbol: SymbolId) -> BookTickerView {
        let _ = symbol;
        todo!()
    }

    /// `premiumIndex`.
    #[must_use]
    pub fn premium_index(&self, symbol: SymbolId) -> PremiumIndexView {
        let _ = symbol;
        todo!()
    }

    /// `fundingRate`: past payments, oldest first, at most `limit`.
    #[must_use]
    pub fn funding_rates(&self, symbol: SymbolId, limit: usize) -> Vec<FundingRateView> {
        let _ = (symbol, limit);
        todo!()
    }

    /// `trades`: the latest, oldest first, at most `limit`.
    #[must_use]
    pub fn recent_trades(&self, symbol: SymbolId, limit: usize) -> Vec<PublicTradeView> {
        let _ = (symbol, limit);
        todo!()
    }

    // ---- limits ----

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
        let _ = (now_us, ip, account, cost);
        todo!()
    }

    /// Present counters, for headers.
    #[must_use]
    pub fn rate_usage(&self, ip: IpKey, account: Option<AccountId>) -> RateUsage {
        let _ = (ip, account);
        todo!()
    }

    /// Limits in force (`rateLimit/order`, `exchangeInfo.rateLimits`).
    #[must_use]
    pub fn limits(&self) -> LimitConfig {
        todo!()
    }

    // ---- orders ----

    /// `POST order`. The view is the state after matching (a taker's fills included); ACK and RESULT differ only in the server.
    ///
    /// # Errors
    /// Protocol §4.3, §4.4, §7; nothing is booked and no event is sent then.
    pub fn place(
        &mut self,
        now_us: u64,
        account: AccountId,
        order: &NewOrder,
    ) -> Result<OrderView, ApiError> {
        let _ = (now_us, account, order);
        todo!()
    }

    /// `POST order/test`: judges without booking.
    ///
    /// # Errors
    /// As [`Exchange::place`].
    pub fn test_order(
        &mut self,
        now_us: u64,
        account: AccountId,
        order: &NewOrder,
    ) -> Result<(), ApiError> {
        let _ = (now_us, account, order);
        todo!()
    }

    /// `POST batchOrders`: one result per element, in order. (Elements the server could not parse: place the others one by one.)
    ///
    /// # Errors
    /// `-4082` for an empty batch or more than 5.
    pub fn place_batch(
        &mut self,
        now_us: u64,
        account: AccountId,
        orders: &[NewOrder],
    ) -> Result<Vec<Result<OrderView, ApiError>>, ApiError> {
        let _ = (now_us, account, orders);
        todo!()
    }

    /// `PUT order`. Always requeues; cancels the order when it is partially filled and the new quantity is not above the executed one, or when
    /// it is GTX and the new price would cross (the view then shows CANCELED).
    ///
    /// # Errors
    /// Protocol §4.4; the order is untouched then.
    pub fn modify(
        &mut self,
        now_us: u64,
        account: AccountId,
        change: &ModifyOrder,
    ) -> Result<OrderView, ApiError> {
        let _ = (now_us, account, change);
        todo!()
    }

    /// `PUT batchOrders`.
    ///
    /// # Errors
    /// `-4082` for an empty batch or more than 5.
    pub fn modify_batch(
        &mut self,
        now_us: u64,
        account: AccountId,
        changes: &[ModifyOrder],
    ) -> Result<Vec<Result<OrderView, ApiError>>, ApiError> {
        let _ = (now_us, account, changes);
        todo!()
    }

    /// `DELETE order`.
    ///
    /// # Errors
    /// `-2011` when the order is not open.
    pub fn cancel(
        &mut self,
        now_us: u64,
        account: AccountId,
        symbol: SymbolId,
        order: OrderRef,
    ) -> Result<OrderView, ApiError> {
        let _ = (now_us, account, symbol, order);
        todo!()
    }

    /// `DELETE batchOrders`.
    ///
    /// # Errors
    /// `-4082` for an empty batch or more than 10.
    pub fn cancel_batch(
        &mut self,
        now_us: u64,
        account: AccountId,
        symbol: SymbolId,
        orders: &[OrderRef],
    ) -> Result<Vec<Result<OrderView, ApiError>>, ApiError> {
        let _ = (now_us, account, symbol, orders);
        todo!()
    }

    /// `DELETE allOpenOrders`; returns how many were cancelled.
    pub fn cancel_all(&mut self, now_us: u64, account: AccountId, symbol: SymbolId) -> usize {
        let _ = (now_us, account, symbol);
        todo!()
    }

    /// `POST countdownCancelAll`: arms or replaces the timer; 0 disarms.
    pub fn countdown_cancel_all(
        &mut self,
        now_us: u64,
        account: AccountId,
        symbol: SymbolId,
        countdown_ms: u64,
    ) {
        let _ = (now_us, account, symbol, countdown_ms);
        todo!()
    }

    /// When the dead-man timer of an account and symbol fires, µs (for checkers).
    #[must_use]
    pub fn countdown_due_us(&self, account: AccountId, symbol: SymbolId) -> Option<u64> {
        let _ = (account, symbol);
        todo!()
    }

    /// `GET order`: open, or finished and still remembered.
    ///
    /// # Errors
    /// `-2013`.
    pub fn order(
        &self,
        account: AccountId,
        symbol: SymbolId,
        order: OrderRef,
    ) -> Result<OrderView, ApiError> {
        let _ = (account, symbol, order);
        todo!()
    }

    /// `GET openOrder`.
    ///
    /// # Errors
    /// `-2013`.
    pub fn open_order(
        &self,
        account: AccountId,
        symbol: SymbolId,
        order: OrderRef,
    ) -> Result<OrderView, ApiError> {
        let _ = (account, symbol, order);
        todo!()
    }

    /// `GET openOrders`, of one symbol or all, by order id.
    #[must_use]
    pub fn open_orders(&self, account: AccountId, symbol: Option<SymbolId>) -> Vec<OrderView> {
        let _ = (account, symbol);
        todo!()
    }

    /// `GET allOrders`.
    #[must_use]
    pub fn all_orders(
        &self,
        account: AccountId,
        symbol: SymbolId,
        query: &OrderQuery,
    ) -> Vec<OrderView> {
        let _ = (account, symbol, query);
        todo!()
    }

    /// `GET orderAmendment`, oldest first, at most `limit`.
    #[must_use]
    pub fn amendments(
        &self,
        account: AccountId,
        symbol: SymbolId,
        order: Option<OrderRef>,
        limit: usize,
    ) -> Vec<AmendmentView> {
        let _ = (account, symbol, order, limit);
        todo!()
    }

    // ---- account ----

    /// `GET userTrades`.
    #[must_use]
    pub fn user_trades(
        &self,
        account: AccountId,
        symbol: SymbolId,
        query: &TradeQuery,
    ) -> Vec<UserTradeView> {
        let _ = (account, symbol, query);
        todo!()
    }

    /// `GET income`, oldest first.
    #[must_use]
    pub fn income(&self, account: AccountId, query: &IncomeQuery) -> Vec<IncomeView> {
        let _ = (account, query);
        todo!()
    }

    /// `GET balance`.
    #[must_use]
    pub fn balances(&self, account: AccountId) -> Vec<BalanceView> {
        let _ = account;
        todo!()
    }

    /// `positionRisk` of one symbol or all; v3 shows only those with a quantity or open orders (the server filters), v2 all.
    #[must_use]
    pub fn positions(&self, account: AccountId, symbol: Option<SymbolId>) -> Vec<PositionView> {
        let _ = (account, symbol);
        todo!()
    }

    /// `account` v3.
    #[must_use]
    pub fn account(&self, account: AccountId) -> AccountView {
        let _ = account;
        todo!()
    }

    /// Deposits (positive) or withdraws (negative) an amount, with its ACCOUNT_UPDATE and TRANSFER income.
    pub fn transfer(&mut self, now_us: u64, account: AccountId, asset: &str, amount: E8) {
        let _ = (now_us, account, asset, amount);
        todo!()
    }

    /// `POST leverage`; sends ACCOUNT_CONFIG_UPDATE when it changes.
    ///
    /// # Errors
    /// `-4028`; `-2027` when the position is too large for it; `-4161`.
    pub fn change_leverage(
        &mut self,
        now_us: u64,
        account: AccountId,
        symbol: SymbolId,
        leverage: u32,
    ) -> Result<LeverageView, ApiError> {
        let _ = (now_us, account, symbol, leverage);
        todo!()
    }

    /// `POST marginType`.
    ///
    /// # Errors
    /// `-4046`, `-4047`, `-4048`, `-4168`.
    pub fn change_margin_type(
        &mut self,
        now_us: u64,
        account: AccountId,
        symbol: SymbolId,
        margin_type: MarginType,
    ) -> Result<(), ApiError> {
        let _ = (now_us, account, symbol, margin_type);
        todo!()
    }

    /// `POST positionSide/dual`.
    ///
    /// # Errors
    /// `-4059`, `-4067`, `-4068`.
    pub fn change_position_mode(
        &mut self,
        now_us: u64,
        account: AccountId,
        mode: PositionMode,
    ) -> Result<(), ApiError> {
        let _ = (now_us, account, mode);
        todo!()
    }

    /// `GET positionSide/dual`.
    #[must_use]
    pub fn position_mode(&self, account: AccountId) -> PositionMode {
        let _ = account;
        todo!()
    }

    /// `POST multiAssetsMargin` with true.
    ///
    /// # Errors
    /// `-4171` when it is on already.
    pub fn enable_multi_assets(&mut self, now_us: u64, account: AccountId) -> Result<(), ApiError> {
        let _ = (now_us, account);
        todo!()
    }

    /// `POST multiAssetsMargin` with false.
    ///
    /// # Errors
    /// `-4171` when it is off already.
    pub fn disable_multi_assets(
        &mut self,
        now_us: u64,
        account: AccountId,
    ) -> Result<(), ApiError> {
        let _ = (now_us, account);
        todo!()
    }

    /// `GET multiAssetsMargin`. The venue keeps the setting; margin is computed per asset either way.
    #[must_use]
    pub fn multi_assets(&self, account: AccountId) -> bool {
        let _ = account;
        todo!()
    }

    /// `symbolConfig` of every symbol.
    #[must_use]
    pub fn symbol_configs(&self, account: AccountId) -> Vec<SymbolConfigView> {
        let _ = account;
        todo!()
    }

    /// `commissionRate`.
    #[must_use]
    pub fn commission(&self, account: AccountId, symbol: SymbolId) -> CommissionView {
        let _ = (account, symbol);
        todo!()
    }

    /// `leverageBracket`.
    #[must_use]
    pub fn leverage_brackets(&self, symbol: SymbolId) -> &[LeverageBracket] {
        &self.spec(symbol).brackets
    }

    /// `apiTradingStatus` of every symbol.
    #[must_use]
    pub fn api_trading_status(&self, account: AccountId) -> Vec<ApiTradingStatus> {
        let _ = account;
        todo!()
    }

    // ---- listenKey ----

    /// `POST listenKey`: the account's key, new or extended (64 characters).
    pub fn listen_key_start(&mut self, now_us: u64, account: AccountId) -> String {
        let _ = (now_us, account);
        todo!()
    }

    /// `PUT listenKey`.
    ///
    /// # Errors
    /// `-1125` when the account has no live key.
    pub fn listen_key_keepalive(
        &mut self,
        now_us: u64,
        account: AccountId,
    ) -> Result<String, ApiError> {
        let _ = (now_us, account);
        todo!()
    }

    /// `DELETE listenKey`; open sockets get `listenKeyExpired`.
    ///
    /// # Errors
    /// `-1125` when the account has no live key.
    pub fn listen_key_close(&mut self, now_us: u64, account: AccountId) -> Result<(), ApiError> {
        let _ = (now_us, account);
        todo!()
    }

    /// Whose live key this is. A socket on any other text opens and stays silent.
    #[must_use]
    pub fn listen_key_account(&self, listen_key: &str) -> Option<AccountId> {
        let _ = listen_key;
        todo!()
    }
}
