//! What is said to and by the venue: plain types with the meaning of the wire fields (protocol §2–§7), but no wire format.

mod account;
mod error;
mod event;
mod order;
mod public;

pub use account::{
    AccountTotals, AccountView, ApiTradingStatus, BalanceView, CommissionView, IncomeKind,
    IncomeQuery, IncomeView, Indicator, IndicatorKind, LeverageView, MarginType, PositionMode,
    PositionView, SymbolConfigView, TradeQuery, UserTradeView,
};
pub use error::ApiError;
pub use event::{
    AccountUpdate, AccountUpdateReason, AggTradeEvent, BookTickerEvent, Cadence, DepthEvent, Event,
    EventBody, ExecutionType, ExpiryReason, ForceOrderEvent, MarginCallPosition, MarkPriceEvent,
    MarketEvent, OrderUpdate, Recipient, TradeEvent, TradeLite, UpdatedBalance, UpdatedPosition,
    UserEvent,
};
pub use order::{
    AmendmentView, CANCEL_BATCH_MAX, ClientId, MODIFY_BATCH_MAX, ModifyOrder, NewOrder, OrderId,
    OrderQuery, OrderRef, OrderStatus, OrderType, OrderView, PLACE_BATCH_MAX, PositionSide,
    PriceMatch, Side, StpMode, TimeInForce, TradeId,
};
pub use public::{
    BookTickerView, DepthView, FundingRateView, IpKey, PremiumIndexView, PublicTradeView,
    RateUsage, StreamMask,
};

/// A price, quantity, rate or amount of money in units of 1e-8. Signed: sells, debts and payments are negative where the field says so.
pub type E8 = i64;

/// One whole unit (1.0) as [`E8`].
pub const ONE: E8 = 100_000_000;

/// Names one account (one set of API keys) of the venue; given out by `Exchange::add_account`, counting from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountId(pub u16);

/// Names one symbol of the venue: its place in `ExchangeConfig::symbols`, counting from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SymbolId(pub u16);

impl AccountId {
    /// The account's place in the order of creation.
    #[must_use]
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

impl SymbolId {
    /// The symbol's place in the configuration.
    #[must_use]
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}
