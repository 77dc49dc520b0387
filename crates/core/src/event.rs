//! Owns everything that can be said to the engine; knows nothing of JSON, sockets or the engine itself.
//!
//! Variable-length payloads are borrowed, so that a depth message reaches the book without an allocation.

mod books;

pub use books::{FundingPage, FundingPayment, Resume, TRADES_WINDOW, TradeReport, TradesFrom};

use crate::instrument::{Instrument, SymbolId};
use crate::order::{OrderId, Owner};
use crate::params::{AccountParams, SymbolParams};
use crate::units::{Lots, Mono, Price8, Quote, Ratio, Side, Span, Ticks, Wall};

/// One thing that happened, delivered at one instant.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Event<'a> {
    /// The instant asked for by `next_wakeup` has come.
    Wakeup,
    /// Market data of one symbol.
    Market(SymbolId, Market<'a>),
    /// Something from the user data stream (protocol §3).
    Account(Account<'a>),
    /// The answer to an action.
    Reply(Reply<'a>),
    /// A connection came up or went down.
    Link(Link, LinkState),
    /// A person or a signal asks for something.
    Operator(Operator),
    /// A validated configuration change.
    Config(Config<'a>),
}

/// Sources of data whose silence is judged one by one (protocol §1.2): a stream, never a connection.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Stream {
    /// `<s>@depth@100ms` on `/public`.
    Depth,
    /// `<s>@bookTicker` on `/public`.
    BookTicker,
    /// `<s>@aggTrade` on `/market`.
    Trade,
    /// `<s>@markPrice@1s` on `/market`.
    Mark,
    /// User data on `/private`.
    User,
}

/// Market data of one symbol (protocol §2).
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Market<'a> {
    /// Absolute quantities of changed levels.
    Depth(DepthUpdate<'a>),
    /// The REST snapshot asked for by `Action::FetchSnapshot`.
    Snapshot(DepthSnapshot<'a>),
    /// The snapshot could not be had.
    SnapshotFailed(Refusal),
    /// Best bid and ask.
    BookTicker(BookTicker),
    /// A public trade.
    Trade(Trade),
    /// Mark price, index and funding.
    Mark(MarkPrice),
    /// The contract's trading status changed; anything but trading stops quoting.
    Status(ContractStatus),
    /// A frame that could not be understood arrived on this stream; the book cannot be trusted.
    Malformed(Stream, Malformed),
}

/// One price level; a size of zero removes it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Level {
    /// Price.
    pub price: Ticks,
    /// Absolute quantity, ≥ 0.
    pub size: Lots,
}

/// A diff-depth message (protocol §2.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DepthUpdate<'a> {
    /// `U`: first update id inside.
    pub first_id: i64,
    /// `u`: last update id inside.
    pub last_id: i64,
    /// `pu`: the previous message's `u` on this stream.
    pub prev_id: i64,
    /// `E`.
    pub event_time: Wall,
    /// `T`.
    pub transact_time: Wall,
    /// Changed bid levels in any order.
    pub bids: &'a [Level],
    /// Changed ask levels in any order.
    pub asks: &'a [Level],
}

/// A REST depth snapshot (protocol §2.8).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DepthSnapshot<'a> {
    /// `lastUpdateId`.
    pub last_id: i64,
    /// `T`.
    pub transact_time: Wall,
    /// Bids, best first.
    pub bids: &'a [Level],
    /// Asks, best first.
    pub asks: &'a [Level],
}

/// Best bid and ask (protocol §2.3).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BookTicker {
    /// `u`, in the same id space as depth; zero when the source has none (REST).
    pub update_id: i64,
    /// `E`.
    pub event_time: Wall,
    /// Best bid.
    pub bid: Level,
    /// Best ask.
    pub ask: Level,
}

/// A public trade (protocol §2.4).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Trade {
    /// Aggregate or single trade id.
    pub id: i64,
    /// `E`.
    pub event_time: Wall,
    /// Price.
    pub price: Ticks,
    /// Size.
    pub size: Lots,
    /// Side of the aggressor (the taker).
    pub aggressor: Side,
}

/// Mark price and funding (protocol §2.6).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MarkPrice {
    /// `E`.
    pub event_time: Wall,
    /// Mark.
    pub mark: Price8,
    /// Index.
    pub index: Price8,
    /// Funding rate of the running interval; longs pay when it is positive.
    pub funding_rate: Ratio,
    /// Next funding instant.
    pub next_funding: Wall,
}

/// Whether the contract can be traded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ContractStatus {
    /// Status `TRADING`.
    Trading,
    /// Any other status.
    NotTrading,
}

/// What was wrong with a frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Malformed {
    /// Not JSON, or not the shape of its kind.
    Shape,
    /// A price that is not on the tick grid, or a size not on the lot grid.
    OffGrid,
    /// A number beyond what the engine can represent.
    TooLarge,
}

/// From the user data stream.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Account<'a> {
    /// ORDER_TRADE_UPDATE (protocol §3.3).
    Order(OrderUpdate),
    /// TRADE_LITE: the fill alone, usually before its ORDER_TRADE_UPDATE (protocol §3.5).
    Lite(LiteFill),
    /// ACCOUNT_UPDATE (protocol §3.4).
    Update(AccountUpdate<'a>),
    /// The listen key is dead; the socket will stay silent.
    ListenKeyExpired,
    /// The exchange warns of liquidation.
    MarginCall,
    /// An event that could not be understood: reconcile, never guess.
    Malformed(Malformed),
}

/// What an execution event reports (`x`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Execution {
    /// Accepted.
    New,
    /// Filled in part or whole; see `fill`.
    Trade,
    /// Cancelled.
    Canceled,
    /// Expired (IOC remainder, STP, GTD, reduce-only conflict …).
    Expired,
    /// Modified; queue priority is lost.
    Amended,
    /// Liquidation engine.
    Liquidation,
    /// A value this build does not know: treated as non-terminal, and reconciled.
    Unrecognised,
}

/// Order status at the exchange (`X`).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ExchangeStatus {
    /// Resting, nothing filled.
    New,
    /// Resting, partly filled.
    PartiallyFilled,
    /// Completely filled.
    Filled,
    /// Cancelled.
    Canceled,
    /// Expired, STP included.
    Expired,
    /// Rejected.
    Rejected,
    /// A value this build does not know: treated as non-terminal, and reconciled.
    Unrecognised,
}

impl ExchangeStatus {
    /// Whether the order can never fill again.
    #[must_use]
    pub const fn is_terminal(self) -> bool {
        match self {
            Self::Filled | Self::Canceled | Self::Expired | Self::Rejected => true,
            Self::New | Self::PartiallyFilled | Self::Unrecognised => false,
        }
    }
}

/// One order as the exchange sees it at one instant; the same shape from the stream and from REST.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OrderReport {
    /// Symbol.
    pub symbol: SymbolId,
    /// Whose order it is, decoded from the client order id.
    pub owner: Owner,
    /// `i` / `orderId`.
    pub exchange_id: i64,
    /// Side.
    pub side: Side,
    /// Limit price; zero for a market order.
    pub price: Ticks,
    /// Original quantity as the exchange keeps it (reduce-only may be clamped).
    pub size: Lots,
    /// Cumulative filled quantity.
    pub filled: Lots,
    /// Status.
    pub status: ExchangeStatus,
    /// Whether it can only reduce.
    pub reduce_only: bool,
    /// `T` / `updateTime`.
    pub time: Wall,
}

/// One execution of ours.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fill {
    /// Trade id, unique per symbol.
    pub trade_id: i64,
    /// Price.
    pub price: Ticks,
    /// Size, > 0.
    pub size: Lots,
    /// Commission: a cost is negative; zero when it was charged in another asset.
    pub fee: Quote,
    /// Commission charged in an asset other than the margin asset (BNB), 1e-8 of it, a cost is negative.
    pub fee_other_e8: i64,
    /// Realised profit as the exchange computes it, before commission.
    pub realized: Quote,
    /// Whether we were the maker.
    pub maker: bool,
}

/// ORDER_TRADE_UPDATE.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OrderUpdate {
    /// The order after the event.
    pub report: OrderReport,
    /// Why the event was sent.
    pub execution: Execution,
    /// The trade, when the execution is one.
    pub fill: Option<Fill>,
    /// `E`.
    pub event_time: Wall,
}

/// TRADE_LITE. No fee and no status; the ORDER_TRADE_UPDATE of the same trade id completes it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LiteFill {
    /// Symbol.
    pub symbol: SymbolId,
    /// Whose order.
    pub owner: Owner,
    /// Side.
    pub side: Side,
    /// Trade id.
    pub trade_id: i64,
    /// Fill price.
    pub price: Ticks,
    /// Fill size.
    pub size: Lots,
    /// Whether we were the maker.
    pub maker: bool,
    /// `T`.
    pub time: Wall,
}

/// Why balances changed (`m`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AccountReason {
    /// A fill.
    Order,
    /// A funding payment; `funding` carries it.
    Funding,
    /// Deposit, withdrawal, transfer, adjustment and everything else that is not trading.
    Other,
}

/// ACCOUNT_UPDATE; only what changed is present: merge, never replace.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AccountUpdate<'a> {
    /// Why.
    pub reason: AccountReason,
    /// Symbol of a funding payment, when the exchange says it.
    pub symbol: Option<SymbolId>,
    /// Balance of the margin asset, when present.
    pub balance: Option<BalanceReport>,
    /// Positions that changed.
    pub positions: &'a [PositionReport],
    /// `T`.
    pub time: Wall,
}

/// Wallet of the margin asset.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BalanceReport {
    /// Wallet balance without unrealised profit.
    pub wallet: Quote,
    /// Change that is neither profit nor commission (`bc`): funding and transfers; zero from REST.
    pub change: Quote,
}

/// A position as the exchange sees it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PositionReport {
    /// Symbol.
    pub symbol: SymbolId,
    /// Signed size, long is positive.
    pub size: Lots,
    /// Average entry price.
    pub entry: Price8,
}

/// What became of a request: three outcomes, never two.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome<T> {
    /// The exchange confirms.
    Accepted(T),
    /// The exchange certainly did not do it.
    Refused(Refusal),
    /// It may or may not have been done: ask before anything else.
    Unknown,
}

/// A certain refusal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Refusal {
    /// The reaction it calls for.
    pub why: Why,
    /// The exchange's error code, or the HTTP status when there was none, for the log.
    pub code: i32,
    /// How long the exchange asks us to stay away; zero when it did not say.
    pub retry_after: Span,
}

/// Refusals sorted by what we must do about them (protocol §7).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Why {
    /// Nothing left this process (link down, queue full): place again when the link is up.
    NotSent,
    /// Post-only would have taken (−5022): re-price off a fresh book with a back-off.
    WouldTake,
    /// Order unknown to the exchange (−2011, −2013): ask, then forget.
    NoSuchOrder,
    /// An open order already has this client id (−4116): it is live, adopt it.
    Duplicate,
    /// Order-rate limit (−1015): no new orders until `retry_after`; cancels still work.
    OrderRate,
    /// Request weight or IP ban (−1003, 429, 418): nothing by REST until `retry_after`.
    Weight,
    /// System protection (−1008): back off new quotes, keep cancelling and reducing.
    Throttled,
    /// Certain transient failure (503 unavailable, −5028): the same request may be sent again.
    Transient,
    /// Clock rejected (−1021): resynchronise, then once more.
    Clock,
    /// Not enough margin (−2018, −2019, −2027, −2028): quote less, do not loop.
    Margin,
    /// Reduce-only conflict (−2022, −2024, −4118): our position is stale, reconcile.
    ReduceOnly,
    /// Too many open orders (−2025): cancel the surplus, reconcile.
    TooManyOpen,
    /// Price band around mark (−4016, −4024, −4131): re-quote nearer.
    PriceBand,
    /// Filters or parameters (−1100…, −4001…): our mistake, never resend unchanged.
    Rejected,
    /// Amend changed nothing (−5027): counts as done.
    NoChange,
    /// An amend is already pending (−5043): wait for it.
    AmendPending,
    /// The order cannot be amended any more (−5026, −5025): cancel and place anew.
    AmendImpossible,
    /// The listen key is dead (−1125).
    ListenKey,
    /// The symbol is not trading (−1122, −4140, −5024): stop this symbol.
    SymbolHalted,
    /// Only reducing is allowed on the symbol for now (−4400, −4401).
    ReduceOnlyMode,
    /// Key, signature or permission (−2014, −2015, −1022, −1002): halt, a person must act.
    Auth,
    /// The account may not trade (liquidation, compliance, position mode): halt.
    Account,
}

/// Orders of the account in the exchange's running windows; `None` is not said.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct OrderCounts {
    /// In 10 s (`X-MBX-ORDER-COUNT-10S`).
    pub in_10s: Option<u32>,
    /// In a minute (`X-MBX-ORDER-COUNT-1M`).
    pub in_minute: Option<u32>,
}

/// Answers to actions. `requested_at` is the instant the request was sent, so that state older than a
/// local change is recognised.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Reply<'a> {
    /// To `Action::Place`.
    Place(SymbolId, OrderId, Outcome<OrderReport>),
    /// To `Action::Amend`.
    Amend(SymbolId, OrderId, Outcome<OrderReport>),
    /// To `Action::Cancel`.
    Cancel(SymbolId, OrderId, Outcome<OrderReport>),
    /// To `Action::CancelAll`.
    CancelAll(SymbolId, Outcome<()>),
    /// To `Action::QueryOrder`.
    Query(SymbolId, OrderId, Outcome<OrderReport>),
    /// To `Action::FetchOpenOrders`: every open order of the account on the symbol, foreign ones included.
    OpenOrders {
        /// Symbol.
        symbol: SymbolId,
        /// When it was asked.
        requested_at: Mono,
        /// The orders.
        outcome: Outcome<&'a [OrderReport]>,
    },
    /// To `Action::FetchAccount`: balance of the margin asset and every position.
    Account {
        /// When it was asked.
        requested_at: Mono,
        /// The account.
        outcome: Outcome<AccountUpdate<'a>>,
    },
    /// To `Action::FetchTrades`, oldest first.
    Trades {
        /// Symbol.
        symbol: SymbolId,
        /// When it was asked.
        requested_at: Mono,
        /// Trades of ours.
        outcome: Outcome<&'a [TradeReport]>,
    },
    /// To `Action::FetchFunding`.
    Funding {
        /// When it was asked.
        requested_at: Mono,
        /// Payments.
        outcome: Outcome<FundingPage<'a>>,
    },
    /// To `Action::Probe`: top of book by REST.
    Probe {
        /// Symbol.
        symbol: SymbolId,
        /// When it was asked.
        requested_at: Mono,
        /// The touch.
        outcome: Outcome<BookTicker>,
    },
    /// To `Action::ProbeAll`: top of book by REST, of the symbols that the answer has.
    ProbeAll {
        /// When it was asked.
        requested_at: Mono,
        /// The touches.
        outcome: Outcome<&'a [(SymbolId, BookTicker)]>,
    },
    /// To `Action::ArmDeadMan`: the countdown that the exchange confirms; zero is disarmed.
    DeadMan {
        /// Symbol.
        symbol: SymbolId,
        /// When it was asked.
        requested_at: Mono,
        /// Confirmed countdown.
        outcome: Outcome<Span>,
    },
    /// Used request weight of the running minute as the exchange counts it (header).
    Weight(u32),
    /// Orders of the account in the running windows as the exchange counts them (header).
    OrderCounts(OrderCounts),
}

/// Connections the shell keeps; liveness belongs to streams, this only says what can be used.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Link {
    /// Streams on `/public`.
    Public,
    /// Streams on `/market`.
    Market,
    /// User data on `/private`.
    User,
    /// Order entry.
    Orders,
}

/// State of a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LinkState {
    /// Usable. For streams: connected and subscribed; proven only by the first message.
    Up,
    /// Not usable.
    Down,
}

/// What a person, a signal or a file asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Operator {
    /// Pull all quotes and stay connected.
    Pause,
    /// Quote again; clears a halt that needs a person.
    Resume,
    /// Cancel everything once; quoting goes on.
    CancelAll,
    /// Kill switch: cancel everything, no new order until `Resume`.
    Kill,
    /// Graceful end: cancel everything, disarm the dead-man switch once nothing is open, then `Action::Stopped`.
    Stop,
}

/// A validated configuration change.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Config<'a> {
    /// Adds a symbol at this id, with the books its journal ended with; it boots from the exchange's truth.
    Add(SymbolId, &'a Instrument, &'a SymbolParams, Resume),
    /// Replaces the parameters of a symbol.
    Change(SymbolId, &'a SymbolParams),
    /// Pulls the symbol's quotes and forgets it once nothing is open.
    Remove(SymbolId),
    /// Replaces what holds for all symbols together.
    Account(AccountParams),
}
