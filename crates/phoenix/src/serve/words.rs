//! Owns the wire words of the venue's enums, both ways; knows no message.

use phoenix_exchange::api::{
    AccountUpdateReason, ExecutionType, IncomeKind, IndicatorKind, MarginType, OrderStatus,
    OrderType, PositionSide, PriceMatch, Side, StpMode, TimeInForce,
};

/// `BUY`, `SELL`.
pub const fn side(side: Side) -> &'static str {
    match side {
        Side::Buy => "BUY",
        Side::Sell => "SELL",
    }
}

/// Reads [`side`].
pub fn parse_side(word: &str) -> Option<Side> {
    [Side::Buy, Side::Sell]
        .into_iter()
        .find(|known| side(*known) == word)
}

/// `LIMIT`, `MARKET`, `LIQUIDATION`.
pub const fn order_type(order_type: OrderType) -> &'static str {
    match order_type {
        OrderType::Limit => "LIMIT",
        OrderType::Market => "MARKET",
        OrderType::Liquidation => "LIQUIDATION",
    }
}

/// `GTC`, `IOC`, `FOK`, `GTX`, `GTD`.
pub const fn time_in_force(time_in_force: TimeInForce) -> &'static str {
    match time_in_force {
        TimeInForce::Gtc => "GTC",
        TimeInForce::Ioc => "IOC",
        TimeInForce::Fok => "FOK",
        TimeInForce::Gtx => "GTX",
        TimeInForce::Gtd => "GTD",
    }
}

/// Reads [`time_in_force`].
pub fn parse_time_in_force(word: &str) -> Option<TimeInForce> {
    use TimeInForce as T;
    [T::Gtc, T::Ioc, T::Fok, T::Gtx, T::Gtd]
        .into_iter()
        .find(|known| time_in_force(*known) == word)
}

/// `NONE`, `EXPIRE_TAKER`, `EXPIRE_MAKER`, `EXPIRE_BOTH`.
pub const fn stp(mode: StpMode) -> &'static str {
    match mode {
        StpMode::None => "NONE",
        StpMode::ExpireTaker => "EXPIRE_TAKER",
        StpMode::ExpireMaker => "EXPIRE_MAKER",
        StpMode::ExpireBoth => "EXPIRE_BOTH",
    }
}

/// Reads [`stp`].
pub fn parse_stp(word: &str) -> Option<StpMode> {
    use StpMode as S;
    [S::None, S::ExpireTaker, S::ExpireMaker, S::ExpireBoth]
        .into_iter()
        .find(|known| stp(*known) == word)
}

/// `BOTH`, `LONG`, `SHORT`.
pub const fn position_side(side: PositionSide) -> &'static str {
    match side {
        PositionSide::Both => "BOTH",
        PositionSide::Long => "LONG",
        PositionSide::Short => "SHORT",
    }
}

/// Reads [`position_side`].
pub fn parse_position_side(word: &str) -> Option<PositionSide> {
    use PositionSide as P;
    [P::Both, P::Long, P::Short]
        .into_iter()
        .find(|known| position_side(*known) == word)
}

/// `NEW` … `EXPIRED_IN_MATCH`.
pub const fn status(status: OrderStatus) -> &'static str {
    match status {
        OrderStatus::New => "NEW",
        OrderStatus::PartiallyFilled => "PARTIALLY_FILLED",
        OrderStatus::Filled => "FILLED",
        OrderStatus::Canceled => "CANCELED",
        OrderStatus::Expired => "EXPIRED",
        OrderStatus::ExpiredInMatch => "EXPIRED_IN_MATCH",
    }
}

/// `x` of ORDER_TRADE_UPDATE.
pub const fn execution(execution: ExecutionType) -> &'static str {
    match execution {
        ExecutionType::New => "NEW",
        ExecutionType::Trade => "TRADE",
        ExecutionType::Canceled => "CANCELED",
        ExecutionType::Expired => "EXPIRED",
        ExecutionType::Amendment => "AMENDMENT",
        ExecutionType::Calculated => "CALCULATED",
    }
}

/// `NONE`, `OPPONENT`, `OPPONENT_5`, …, `QUEUE_20`.
pub const fn price_match(price_match: PriceMatch) -> &'static str {
    match price_match {
        PriceMatch::None => "NONE",
        PriceMatch::Opponent(5) => "OPPONENT_5",
        PriceMatch::Opponent(10) => "OPPONENT_10",
        PriceMatch::Opponent(20) => "OPPONENT_20",
        PriceMatch::Opponent(_) => "OPPONENT",
        PriceMatch::Queue(5) => "QUEUE_5",
        PriceMatch::Queue(10) => "QUEUE_10",
        PriceMatch::Queue(20) => "QUEUE_20",
        PriceMatch::Queue(_) => "QUEUE",
    }
}

/// Reads [`price_match`].
pub fn parse_price_match(word: &str) -> Option<PriceMatch> {
    use PriceMatch as P;
    let levels = [1, 5, 10, 20];
    std::iter::once(P::None)
        .chain(levels.map(P::Opponent))
        .chain(levels.map(P::Queue))
        .find(|known| price_match(*known) == word)
}

/// `marginType` of REST requests: `CROSSED`, `ISOLATED`.
pub const fn margin_type(margin_type: MarginType) -> &'static str {
    match margin_type {
        MarginType::Crossed => "CROSSED",
        MarginType::Isolated => "ISOLATED",
    }
}

/// `mt` of ACCOUNT_UPDATE and `marginType` of v2 positions: `cross`, `isolated`.
pub const fn margin_type_short(margin_type: MarginType) -> &'static str {
    match margin_type {
        MarginType::Crossed => "cross",
        MarginType::Isolated => "isolated",
    }
}

/// `m` of ACCOUNT_UPDATE.
pub const fn account_update(reason: AccountUpdateReason) -> &'static str {
    match reason {
        AccountUpdateReason::Deposit => "DEPOSIT",
        AccountUpdateReason::Withdraw => "WITHDRAW",
        AccountUpdateReason::Order => "ORDER",
        AccountUpdateReason::FundingFee => "FUNDING_FEE",
        AccountUpdateReason::InsuranceClear => "INSURANCE_CLEAR",
        AccountUpdateReason::MarginTypeChange => "MARGIN_TYPE_CHANGE",
    }
}

/// `incomeType`.
pub const fn income(kind: IncomeKind) -> &'static str {
    match kind {
        IncomeKind::Transfer => "TRANSFER",
        IncomeKind::RealizedPnl => "REALIZED_PNL",
        IncomeKind::FundingFee => "FUNDING_FEE",
        IncomeKind::Commission => "COMMISSION",
        IncomeKind::InsuranceClear => "INSURANCE_CLEAR",
    }
}

/// Reads [`income`].
pub fn parse_income(word: &str) -> Option<IncomeKind> {
    use IncomeKind as I;
    [
        I::Transfer,
        I::RealizedPnl,
        I::FundingFee,
        I::Commission,
        I::InsuranceClear,
    ]
    .into_iter()
    .find(|known| income(*known) == word)
}

/// `indicator` of apiTradingStatus.
pub const fn indicator(kind: IndicatorKind) -> &'static str {
    match kind {
        IndicatorKind::Ufr => "UFR",
        IndicatorKind::Ifer => "IFER",
        IndicatorKind::Gcr => "GCR",
        IndicatorKind::Dr => "DR",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_read_back() {
        for word in ["BUY", "SELL"] {
            assert_eq!(parse_side(word).map(side), Some(word));
        }
        for word in ["GTC", "IOC", "FOK", "GTX", "GTD"] {
            assert_eq!(parse_time_in_force(word).map(time_in_force), Some(word));
        }
        for word in [
            "NONE",
            "OPPONENT",
            "OPPONENT_5",
            "OPPONENT_10",
            "OPPONENT_20",
            "QUEUE",
            "QUEUE_5",
            "QUEUE_10",
            "QUEUE_20",
        ] {
            assert_eq!(parse_price_match(word).map(price_match), Some(word));
        }
        for word in ["NONE", "EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH"] {
            assert_eq!(parse_stp(word).map(stp), Some(word));
        }
        for word in [
            "TRANSFER",
            "REALIZED_PNL",
            "FUNDING_FEE",
            "COMMISSION",
            "INSURANCE_CLEAR",
        ] {
            assert_eq!(parse_income(word).map(income), Some(word));
        }
        assert_eq!(parse_side("buy"), None);
        assert_eq!(parse_position_side("NET"), None);
    }
}
