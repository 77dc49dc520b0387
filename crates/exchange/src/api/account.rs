//! Account-side views and queries (protocol §4.5, §6.4).

use super::{ClientId, E8, OrderId, PositionSide, Side, SymbolId, TradeId};

/// Margin type of a position. The venue keeps the label and its switching rules; margin is always computed as cross.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MarginType {
    /// `CROSSED`.
    Crossed,
    /// `ISOLATED`.
    Isolated,
}

/// `dualSidePosition`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PositionMode {
    /// One net position per symbol.
    OneWay,
    /// Long and short legs. Accepted as a setting; orders are refused while it is on.
    Hedge,
}

/// One row of `balance`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BalanceView {
    /// `asset`.
    pub asset: String,
    /// `balance`, `crossWalletBalance`.
    pub wallet: E8,
    /// `crossUnPnl`.
    pub cross_unrealized: E8,
    /// `availableBalance`: `max(0, wallet + unrealised − initial margin)`.
    pub available: E8,
    /// `maxWithdrawAmount`.
    pub max_withdraw: E8,
    /// `updateTime`, ms.
    pub update_time_ms: i64,
}

/// One row of `positionRisk`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PositionView {
    /// `symbol`.
    pub symbol: SymbolId,
    /// `positionSide`.
    pub position_side: PositionSide,
    /// `positionAmt`, signed.
    pub qty: E8,
    /// `entryPrice`; 0 when flat.
    pub entry_price: E8,
    /// `breakEvenPrice`: entry price moved by the commissions paid on the open quantity.
    pub break_even_price: E8,
    /// `markPrice`.
    pub mark_price: E8,
    /// `unRealizedProfit`.
    pub unrealized: E8,
    /// `liquidationPrice`; 0 when there is none.
    pub liquidation_price: E8,
    /// `notional`, signed, at mark.
    pub notional: E8,
    /// `marginAsset`.
    pub margin_asset: String,
    /// `initialMargin`.
    pub initial_margin: E8,
    /// `maintMargin`.
    pub maint_margin: E8,
    /// `positionInitialMargin`.
    pub position_initial_margin: E8,
    /// `openOrderInitialMargin`.
    pub open_order_initial_margin: E8,
    /// `bidNotional`.
    pub bid_notional: E8,
    /// `askNotional`.
    pub ask_notional: E8,
    /// `leverage` (v2).
    pub leverage: u32,
    /// `marginType` (v2).
    pub margin_type: MarginType,
    /// `maxNotionalValue` (v2).
    pub max_notional: E8,
    /// `updateTime`, ms.
    pub update_time_ms: i64,
}

/// Totals of one margin asset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountTotals {
    /// `asset`.
    pub asset: String,
    /// `walletBalance`.
    pub wallet: E8,
    /// `unrealizedProfit`.
    pub unrealized: E8,
    /// `marginBalance` = wallet + unrealised.
    pub margin_balance: E8,
    /// `maintMargin`.
    pub maint_margin: E8,
    /// `initialMargin`.
    pub initial_margin: E8,
    /// `positionInitialMargin`.
    pub position_initial_margin: E8,
    /// `openOrderInitialMargin`.
    pub open_order_initial_margin: E8,
    /// `availableBalance`.
    pub available: E8,
    /// `updateTime`, ms.
    pub update_time_ms: i64,
}

/// `account` v3: assets and the positions that have quantity or orders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountView {
    /// `assets[]`.
    pub assets: Vec<AccountTotals>,
    /// `positions[]`.
    pub positions: Vec<PositionView>,
}

/// Answer of `leverage`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeverageView {
    /// `symbol`.
    pub symbol: SymbolId,
    /// `leverage`.
    pub leverage: u32,
    /// `maxNotionalValue`.
    pub max_notional: E8,
}

/// One row of `symbolConfig`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SymbolConfigView {
    /// `symbol`.
    pub symbol: SymbolId,
    /// `marginType`.
    pub margin_type: MarginType,
    /// `leverage`.
    pub leverage: u32,
    /// `maxNotionalValue`.
    pub max_notional: E8,
}

/// `commissionRate`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CommissionView {
    /// `symbol`.
    pub symbol: SymbolId,
    /// `makerCommissionRate`.
    pub maker_rate: E8,
    /// `takerCommissionRate`.
    pub taker_rate: E8,
}

/// One row of `userTrades`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserTradeView {
    /// `symbol`.
    pub symbol: SymbolId,
    /// `id`.
    pub trade_id: TradeId,
    /// `orderId`.
    pub order_id: OrderId,
    /// The order's client id (not on the wire; for checkers).
    pub client_id: ClientId,
    /// `side`.
    pub side: Side,
    /// `price`.
    pub price: E8,
    /// `qty`.
    pub qty: E8,
    /// `quoteQty`.
    pub quote_qty: E8,
    /// `realizedPnl`.
    pub realized_pnl: E8,
    /// `commission`; positive is paid.
    pub commission: E8,
    /// `maker`.
    pub is_maker: bool,
    /// `time`, ms.
    pub time_ms: i64,
}

/// Window of a `userTrades` query.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TradeQuery {
    /// Only this order.
    pub order_id: Option<OrderId>,
    /// Trade ids ≥ this, oldest first; without it the newest rows, still oldest first.
    pub from_id: Option<TradeId>,
    /// At or after, ms.
    pub start_ms: Option<i64>,
    /// At or before, ms.
    pub end_ms: Option<i64>,
    /// Most rows (500 when absent, at most 1000).
    pub limit: Option<usize>,
}

/// `incomeType`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IncomeKind {
    /// `TRANSFER`.
    Transfer,
    /// `REALIZED_PNL`.
    RealizedPnl,
    /// `FUNDING_FEE`.
    FundingFee,
    /// `COMMISSION`.
    Commission,
    /// `INSURANCE_CLEAR`: liquidation fee (negative) and cover of a deficit (positive).
    InsuranceClear,
}

/// One row of `income`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IncomeView {
    /// `symbol`; `None` for a transfer.
    pub symbol: Option<SymbolId>,
    /// `incomeType`.
    pub kind: IncomeKind,
    /// `income`, signed: what the wallet gained.
    pub amount: E8,
    /// `asset`.
    pub asset: String,
    /// `time`, ms.
    pub time_ms: i64,
    /// `tranId`; increases per venue.
    pub tran_id: u64,
    /// `tradeId`; 0 when none.
    pub trade_id: TradeId,
}

/// Window of an `income` query.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IncomeQuery {
    /// Only this symbol.
    pub symbol: Option<SymbolId>,
    /// Only this type.
    pub kind: Option<IncomeKind>,
    /// At or after, ms.
    pub start_ms: Option<i64>,
    /// At or before, ms.
    pub end_ms: Option<i64>,
    /// Most rows (100 when absent, at most 1000).
    pub limit: Option<usize>,
}

/// A quantitative-rule indicator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IndicatorKind {
    /// `UFR`: unfilled ratio.
    Ufr,
    /// `IFER`: expired share of IOC and FOK orders.
    Ifer,
    /// `GCR`: invalid-cancel ratio (ICR).
    Gcr,
    /// `DR`: dust ratio.
    Dr,
}

/// One indicator of `apiTradingStatus`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Indicator {
    /// `indicator`.
    pub kind: IndicatorKind,
    /// `value`.
    pub value: E8,
    /// `triggerValue`.
    pub trigger: E8,
    /// `isLocked`.
    pub is_locked: bool,
    /// `plannedRecoverTime`, ms; 0 when not locked.
    pub planned_recover_ms: i64,
}

/// `apiTradingStatus` of one symbol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiTradingStatus {
    /// `symbol`.
    pub symbol: SymbolId,
    /// UFR, IFER, GCR, DR.
    pub indicators: Vec<Indicator>,
    /// `updateTime`, ms.
    pub update_time_ms: i64,
}
