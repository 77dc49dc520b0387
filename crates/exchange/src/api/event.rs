//! Events of the user stream and of the market streams (protocol §2, §3); knows no JSON.

use super::{
    AccountId, ClientId, E8, MarginType, OrderId, OrderStatus, OrderType, PositionSide, PriceMatch,
    Side, StpMode, SymbolId, TimeInForce, TradeId,
};

/// One event of the outbox: when, for whom, what.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// When the venue emitted it, µs since the epoch; never decreases along the outbox. `E` on the wire is this in ms.
    pub at_us: u64,
    /// For whom.
    pub to: Recipient,
    /// What.
    pub body: EventBody,
}

/// Whose streams carry an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recipient {
    /// The account's user stream.
    Account(AccountId),
    /// Everyone subscribed to the symbol's streams.
    Symbol(SymbolId),
}

/// User event or market event. User events are boxed: they are large and rare.
#[derive(Clone, Debug, PartialEq)]
pub enum EventBody {
    /// For the user stream.
    User(Box<UserEvent>),
    /// For a market stream.
    Market(MarketEvent),
}

/// `x`: why an ORDER_TRADE_UPDATE was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExecutionType {
    /// Accepted.
    New,
    /// Filled in part or whole.
    Trade,
    /// Cancelled.
    Canceled,
    /// Ended by the venue.
    Expired,
    /// Modified.
    Amendment,
    /// Filled by liquidation.
    Calculated,
}

/// `er`: why an order expired.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExpiryReason {
    /// 0.
    None,
    /// 1: self-trade prevention.
    SelfTrade,
    /// 2: remainder of an IOC.
    IocRemainder,
    /// 3: remainder of an IOC after self-trade prevention.
    IocSelfTrade,
    /// 4: knocked out by another reduce-only order, or would reverse the position.
    ReduceOnly,
    /// 5: the account was liquidated.
    Liquidation,
    /// 6: GTE condition unmet (never sent by this venue).
    GteUnmet,
    /// 7: delisting (never sent by this venue).
    Delisting,
    /// 9: remainder of a MARKET order.
    MarketRemainder,
}

impl ExpiryReason {
    /// The number on the wire.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            ExpiryReason::None => 0,
            ExpiryReason::SelfTrade => 1,
            ExpiryReason::IocRemainder => 2,
            ExpiryReason::IocSelfTrade => 3,
            ExpiryReason::ReduceOnly => 4,
            ExpiryReason::Liquidation => 5,
            ExpiryReason::GteUnmet => 6,
            ExpiryReason::Delisting => 7,
            ExpiryReason::MarketRemainder => 9,
        }
    }
}

/// Events of one account.
#[derive(Clone, Debug, PartialEq)]
pub enum UserEvent {
    /// `ORDER_TRADE_UPDATE`.
    OrderUpdate(OrderUpdate),
    /// `TRADE_LITE`; precedes the ORDER_TRADE_UPDATE of the same fill.
    TradeLite(TradeLite),
    /// `ACCOUNT_UPDATE`.
    AccountUpdate(AccountUpdate),
    /// `ACCOUNT_CONFIG_UPDATE` of a leverage (`ac`).
    LeverageChanged {
        /// `T`, ms.
        time_ms: i64,
        /// `s`.
        symbol: SymbolId,
        /// `l`.
        leverage: u32,
    },
    /// `ACCOUNT_CONFIG_UPDATE` of the multi-assets mode (`ai`).
    MultiAssetsChanged {
        /// `T`, ms.
        time_ms: i64,
        /// `j`.
        on: bool,
    },
    /// `MARGIN_CALL`.
    MarginCall {
        /// `cw`: cross wallet balance of the margin asset.
        cross_wallet: E8,
        /// `p`.
        positions: Vec<MarginCallPosition>,
    },
    /// `listenKeyExpired`. After it the key's sockets stay open and silent.
    ListenKeyExpired {
        /// `listenKey`.
        listen_key: String,
    },
}

/// Every field of ORDER_TRADE_UPDATE's `o` (protocol §3.3); the constant ones (`sp`, `wt`, `cp`, `pP`, `si`, `ss`) are left to the encoder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderUpdate {
    /// `T` of event and order, ms.
    pub time_ms: i64,
    /// `s`.
    pub symbol: SymbolId,
    /// `c`.
    pub client_id: ClientId,
    /// `S`.
    pub side: Side,
    /// `o` and `ot`.
    pub order_type: OrderType,
    /// `f`.
    pub time_in_force: TimeInForce,
    /// `q`.
    pub orig_qty: E8,
    /// `p`; 0 for MARKET.
    pub price: E8,
    /// `ap`.
    pub avg_price: E8,
    /// `x`.
    pub execution: ExecutionType,
    /// `X`.
    pub status: OrderStatus,
    /// `i`.
    pub order_id: OrderId,
    /// `M`; only on AMENDMENT and only if one was sent.
    pub modify_id: Option<u64>,
    /// `l`.
    pub last_qty: E8,
    /// `z`.
    pub cum_qty: E8,
    /// `L`.
    pub last_price: E8,
    /// `n`; positive is paid. Its asset `N` is the symbol's margin asset.
    pub commission: E8,
    /// `t`; 0 when not a trade.
    pub trade_id: TradeId,
    /// `b`: notional of the account's open buys on the symbol after the event.
    pub bid_notional: E8,
    /// `a`: notional of its open sells.
    pub ask_notional: E8,
    /// `m`.
    pub is_maker: bool,
    /// `R`.
    pub reduce_only: bool,
    /// `ps`.
    pub position_side: PositionSide,
    /// `rp`: realised profit of this fill, before commission.
    pub realized_pnl: E8,
    /// `V`.
    pub stp: StpMode,
    /// `pm`.
    pub price_match: PriceMatch,
    /// `gtd`, ms.
    pub good_till_date_ms: i64,
    /// `er`.
    pub expiry_reason: ExpiryReason,
}

/// `TRADE_LITE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TradeLite {
    /// `T`, ms.
    pub time_ms: i64,
    /// `s`.
    pub symbol: SymbolId,
    /// `q`.
    pub orig_qty: E8,
    /// `p`.
    pub price: E8,
    /// `m`.
    pub is_maker: bool,
    /// `c`.
    pub client_id: ClientId,
    /// `S`.
    pub side: Side,
    /// `L`.
    pub last_price: E8,
    /// `l`.
    pub last_qty: E8,
    /// `t`.
    pub trade_id: TradeId,
    /// `i`.
    pub order_id: OrderId,
}

/// `m` of ACCOUNT_UPDATE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccountUpdateReason {
    /// `DEPOSIT`.
    Deposit,
    /// `WITHDRAW`.
    Withdraw,
    /// `ORDER`.
    Order,
    /// `FUNDING_FEE`.
    FundingFee,
    /// `INSURANCE_CLEAR`.
    InsuranceClear,
    /// `MARGIN_TYPE_CHANGE`.
    MarginTypeChange,
}

/// `ACCOUNT_UPDATE`: only what changed.
#[derive(Clone, Debug, PartialEq)]
pub struct AccountUpdate {
    /// `T`, ms.
    pub time_ms: i64,
    /// `a.m`.
    pub reason: AccountUpdateReason,
    /// `a.S`: the symbol of a funding fee.
    pub symbol: Option<SymbolId>,
    /// `a.B`.
    pub balances: Vec<UpdatedBalance>,
    /// `a.P`; empty for a cross funding fee.
    pub positions: Vec<UpdatedPosition>,
}

/// One entry of `a.B`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpdatedBalance {
    /// `a`: asset name.
    pub asset: String,
    /// `wb`.
    pub wallet: E8,
    /// `cw`.
    pub cross_wallet: E8,
    /// `bc`: change except PnL and commission.
    pub change: E8,
}

/// One entry of `a.P`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpdatedPosition {
    /// `s`.
    pub symbol: SymbolId,
    /// `pa`, signed.
    pub qty: E8,
    /// `ep`.
    pub entry_price: E8,
    /// `bep`.
    pub break_even_price: E8,
    /// `cr`: accumulated realised profit before fees.
    pub realized: E8,
    /// `up`.
    pub unrealized: E8,
    /// `mt`.
    pub margin_type: MarginType,
    /// `ps`.
    pub position_side: PositionSide,
}

/// One entry of MARGIN_CALL's `p`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MarginCallPosition {
    /// `s`.
    pub symbol: SymbolId,
    /// `pa`.
    pub qty: E8,
    /// `mp`.
    pub mark_price: E8,
    /// `up`.
    pub unrealized: E8,
    /// `mm`.
    pub maint_margin: E8,
}

/// How often a depth stream speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cadence {
    /// `@depth@100ms`.
    Ms100,
    /// `@depth`.
    Ms250,
    /// `@depth@500ms`.
    Ms500,
}

/// Events of one symbol.
#[derive(Clone, Debug, PartialEq)]
pub enum MarketEvent {
    /// `depthUpdate` (diff).
    Depth(DepthEvent),
    /// `bookTicker`.
    BookTicker(BookTickerEvent),
    /// `trade`.
    Trade(TradeEvent),
    /// `aggTrade`.
    AggTrade(AggTradeEvent),
    /// `markPriceUpdate`, every second.
    MarkPrice(MarkPriceEvent),
    /// `forceOrder`.
    ForceOrder(ForceOrderEvent),
}

/// `depthUpdate`: absolute quantities of the levels that changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DepthEvent {
    /// Which stream; each has its own `pu` chain.
    pub cadence: Cadence,
    /// `E`, ms.
    pub event_time_ms: i64,
    /// `T`: time of the last change inside, ms.
    pub time_ms: i64,
    /// `U`.
    pub first_update_id: u64,
    /// `u`.
    pub last_update_id: u64,
    /// `pu`: `u` of the previous event of this cadence.
    pub prev_update_id: u64,
    /// `b`: (price, quantity), best first; 0 removes.
    pub bids: Vec<(E8, E8)>,
    /// `a`: (price, quantity), best first; 0 removes.
    pub asks: Vec<(E8, E8)>,
}

/// `bookTicker`; an empty side shows price and quantity 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BookTickerEvent {
    /// `u`.
    pub update_id: u64,
    /// `T`, ms.
    pub time_ms: i64,
    /// `b`, `B`.
    pub bid: (E8, E8),
    /// `a`, `A`.
    pub ask: (E8, E8),
}

/// `trade`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TradeEvent {
    /// `t`.
    pub trade_id: TradeId,
    /// `T`, ms.
    pub time_ms: i64,
    /// `p`.
    pub price: E8,
    /// `q`.
    pub qty: E8,
    /// `m`: the buyer was maker, so the aggressor sold.
    pub buyer_is_maker: bool,
}

/// `aggTrade`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AggTradeEvent {
    /// `a`.
    pub agg_id: u64,
    /// `T`: time of the last trade inside, ms.
    pub time_ms: i64,
    /// `p`.
    pub price: E8,
    /// `q` and `nq`.
    pub qty: E8,
    /// `f`.
    pub first_trade_id: TradeId,
    /// `l`.
    pub last_trade_id: TradeId,
    /// `m`.
    pub buyer_is_maker: bool,
}

/// `markPriceUpdate`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MarkPriceEvent {
    /// `E`, ms.
    pub time_ms: i64,
    /// `p`.
    pub mark: E8,
    /// `ap`.
    pub mark_average: E8,
    /// `i`.
    pub index: E8,
    /// `P`.
    pub settle: E8,
    /// `r`.
    pub funding_rate: E8,
    /// `T`, ms.
    pub next_funding_ms: i64,
}

/// `forceOrder`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ForceOrderEvent {
    /// `T`, ms.
    pub time_ms: i64,
    /// `S`: side of the closing order.
    pub side: Side,
    /// `q`.
    pub qty: E8,
    /// `p`: its price bound.
    pub price: E8,
    /// `ap`.
    pub avg_price: E8,
    /// `l`.
    pub last_qty: E8,
    /// `z`.
    pub cum_qty: E8,
}
