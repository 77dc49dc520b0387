//! Owns the bytes of the core's plain terms; a list of their fields and nothing else.

use super::codec;
use phoenix_core::engine::contain::DeskFault;
use phoenix_core::event::{
    AccountReason, BalanceReport, BookTicker, ContractStatus, ExchangeStatus, Execution, Fill,
    FundingPayment, Level, Link, LinkState, LiteFill, Malformed, MarkPrice, Operator, OrderCounts,
    OrderReport, OrderUpdate, PositionReport, Refusal, Resume, Stream, TradeReport, TradesFrom,
    Why,
};
use phoenix_core::instrument::{Instrument, SymbolId};
use phoenix_core::notice::{BookLoss, Doubt, HaltReason, Notice, What};
use phoenix_core::order::{Amendment, Execute, NewOrder, OrderId, Owner};
use phoenix_core::params::{
    AccountParams, ExchangeLimits, LivenessParams, OrderParams, QuotingParams, RiskParams,
    StrategyKind, SymbolParams, VpinParams,
};
use phoenix_core::strategy::Mode;
use phoenix_core::units::{FundingHour, Lots, Price8, Quote, Ratio, Side, Span, Ticks};

codec!(number Ticks, Lots, Quote, Price8, Ratio, Span, FundingHour, SymbolId);

codec!(enum Side { 0 => Buy, 1 => Sell });
codec!(enum Stream { 0 => Depth, 1 => BookTicker, 2 => Trade, 3 => Mark, 4 => User });
codec!(enum Link { 0 => Public, 1 => Market, 2 => User, 3 => Orders });
codec!(enum LinkState { 0 => Up, 1 => Down });
codec!(enum Malformed { 0 => Shape, 1 => OffGrid, 2 => TooLarge });
codec!(enum ContractStatus { 0 => Trading, 1 => NotTrading });
codec!(enum AccountReason { 0 => Order, 1 => Funding, 2 => Other });
codec!(enum Execute { 0 => PostOnly, 1 => PostOnlyReduce, 2 => TakeReduce });
codec!(enum Operator { 0 => Pause, 1 => Resume, 2 => CancelAll, 3 => Kill, 4 => Stop });
codec!(enum Owner { 0 => Ours(id), 1 => OtherInstance, 2 => Foreign });
codec!(enum TradesFrom { 0 => Id(id), 1 => Time(time) });
codec!(enum StrategyKind { 0 => Asmm, 1 => AvellanedaStoikov, 2 => Glft });
codec!(enum Mode { 0 => Normal, 1 => Pinning, 2 => Grinding, 3 => ReduceOnly, 4 => Halt });
codec!(enum DeskFault { 0 => PanicOnce, 1 => PanicAlways, 2 => Loop });
codec!(enum Doubt { 0 => TradedThrough, 1 => MarkAway, 2 => Standstill });
codec!(enum BookLoss {
    0 => Gap, 1 => Crossed, 2 => BadFrame, 3 => StreamLost, 4 => BufferFull, 5 => Mismatch,
});
codec!(enum Execution {
    0 => New, 1 => Trade, 2 => Canceled, 3 => Expired, 4 => Amended, 5 => Liquidation,
    6 => Unrecognised,
});
codec!(enum ExchangeStatus {
    0 => New, 1 => PartiallyFilled, 2 => Filled, 3 => Canceled, 4 => Expired, 5 => Rejected,
    6 => Unrecognised,
});
codec!(enum HaltReason {
    0 => StopLoss, 1 => Paused, 2 => Killed, 3 => Auth, 4 => Account, 5 => SecondInstance,
    6 => Symbol, 7 => Stopping, 8 => Panics,
});
codec!(enum Why {
    0 => NotSent, 1 => WouldTake, 2 => NoSuchOrder, 3 => Duplicate, 4 => OrderRate, 5 => Weight,
    6 => Throttled, 7 => Transient, 8 => Clock, 9 => Margin, 10 => ReduceOnly,
    11 => TooManyOpen, 12 => PriceBand, 13 => Rejected, 14 => NoChange, 15 => AmendPending,
    16 => AmendImpossible, 17 => ListenKey, 18 => SymbolHalted, 19 => ReduceOnlyMode,
    20 => Auth, 21 => Account,
});
codec!(enum What {
    0 => Mode(from, to), 1 => BookReady, 2 => BookLost(why), 3 => StreamStale(stream, silence),
    4 => StreamDead(stream, silence), 5 => StreamSuspect(stream, silence),
    6 => StreamSilent(stream, link, silence), 7 => BookSuspect(doubt), 8 => ClockDoubted(lag),
    9 => StreamBack(stream), 10 => BadFrame(stream, why), 11 => LinkDown(link),
    12 => LinkUp(link), 13 => OrderRefused(id, why, code), 14 => OrderUnknown(id),
    15 => GhostOrder(id), 16 => SecondInstance, 17 => OrderOverflow(open),
    18 => PositionRepaired(ours, theirs), 19 => PositionHigh(lots), 20 => StopLoss(loss),
    21 => Drawdown(loss), 22 => Halted(why, span), 23 => Resumed, 24 => CancelBudgetSpent,
    25 => BackOff(why, span), 26 => DeadManArmed(span), 27 => DeadManFailed(why, code),
    28 => MarginCall, 29 => SymbolTrading(status), 30 => DeskPanicked(count, pause),
    31 => DeskRestarted(count), 32 => ConfigApplied, 33 => Removed(lots),
});

codec!(struct OrderId { session, seq });
codec!(struct Notice { symbol, what });
codec!(struct NewOrder { symbol, id, side, price, size, execute });
codec!(struct Amendment { symbol, id, side, price, size, execute });
codec!(struct Level { price, size });
codec!(struct BookTicker { update_id, event_time, bid, ask });
codec!(struct MarkPrice { event_time, mark, index, funding_rate, next_funding });
codec!(struct OrderReport {
    symbol, owner, exchange_id, side, price, size, filled, status, reduce_only, time,
});
codec!(struct Fill { trade_id, price, size, fee, fee_other_e8, realized, maker });
codec!(struct OrderUpdate { report, execution, fill, event_time });
codec!(struct LiteFill { symbol, owner, side, trade_id, price, size, maker, time });
codec!(struct BalanceReport { wallet, change });
codec!(struct PositionReport { symbol, size, entry });
codec!(struct Refusal { why, code, retry_after });
codec!(struct OrderCounts { in_10s, in_minute });
codec!(struct TradeReport { exchange_id, side, fill, time });
codec!(struct FundingPayment { symbol, amount, time });
codec!(struct Resume {
    size, cost, realized, fees, funding, funding_through, trade_id, trades_from,
});
codec!(struct Instrument {
    name, tick_e8, step_e8, price_min, price_max, qty_min, qty_max, notional_min, percent_up_e4,
    percent_down_e4, orders_max,
});
codec!(struct AccountParams { total_notional_max, request_share, limits, user_event_within });
codec!(struct ExchangeLimits { weight_per_min, orders_per_10s, orders_per_min });
codec!(struct SymbolParams { quoting, risk, orders, liveness });
codec!(struct QuotingParams {
    strategy, layers, layer_size, start_offset, first_spacing, spacing_multiplier, max_spacing,
    min_spread, skew_coeff, funding_share, funding_alpha, vol_factor, vol_scale_min,
    vol_scale_max, skew_dead_zone, layer_reduction, pinning_thresh, pinning_size_factor,
    grinding_thresh, grinding_vol_max, grinding_share, grinding_reentry, grinding_size_factor,
    grinding_cooldown, reduce_only_thresh, vpin, risk_aversion,
});
codec!(struct VpinParams { enabled, threshold, pause_threshold, widen, pause, bucket_size });
codec!(struct RiskParams {
    net_max, batch_worst_case, order_notional_max, price_band, stop_loss, drawdown_factor, halt,
    warning,
});
codec!(struct OrderParams {
    quote_interval, age_min, cancels_per_min_max, tolerance, tolerance_min, first_layer_spreads,
});
codec!(struct LivenessParams {
    stale, dead, lag_max, dead_man, request_timeout, adaptive, probe_every, reconcile_every,
});
