//! Cross margin per asset: what positions and open orders bind, what is available, where liquidation lies; knows no request.

use crate::account::Holding;
use crate::api::{AccountId, AccountTotals, BalanceView, E8, ONE, PositionSide, PositionView};
use crate::decimal;
use crate::house::House;
use crate::orders::{Counted, ms};
use crate::pit::Market;

/// Margin numbers of one account on one symbol.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SymbolMargin {
    /// Signed notional at mark.
    pub notional: E8,
    pub unrealized: E8,
    /// Notional of open buys and sells that can enlarge the position.
    pub bids: E8,
    pub asks: E8,
    /// |notional| / leverage.
    pub position_initial: E8,
    /// What the open orders add: max(|notional + bids|, |notional − asks|) / leverage − position part.
    pub order_initial: E8,
    pub maintenance: E8,
}

impl SymbolMargin {
    pub(crate) fn initial(&self) -> E8 {
        self.position_initial + self.order_initial
    }
}

/// The larger of the two positions that the open orders could lead to, as a notional.
pub(crate) fn worst_notional(notional: E8, bids: E8, asks: E8) -> E8 {
    notional
        .saturating_add(bids)
        .abs()
        .max(notional.saturating_sub(asks).abs())
}

pub(crate) fn symbol_margin(market: &Market, house: &House, account: AccountId) -> SymbolMargin {
    let Holding {
        position, settings, ..
    } = house.holding(account, market.id);
    let (bids, asks) = market.open.notionals(account, Counted::Enlarging);
    if position.qty == 0 && bids == 0 && asks == 0 {
        return SymbolMargin::default();
    }
    let notional = position.notional(market.mark.mark);
    let leverage = i64::from(settings.leverage.max(1));
    let position_initial = notional.abs() / leverage;
    SymbolMargin {
        notional,
        unrealized: position.unrealized(market.mark.mark),
        bids,
        asks,
        position_initial,
        order_initial: worst_notional(notional, bids, asks) / leverage - position_initial,
        maintenance: if position.qty == 0 {
            0
        } else {
            market.spec.maint_margin(notional)
        },
    }
}

/// Margin numbers of one account in one asset.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct AssetMargin {
    pub wallet: E8,
    pub unrealized: E8,
    pub position_initial: E8,
    pub order_initial: E8,
    pub maintenance: E8,
}

impl AssetMargin {
    /// Wallet plus unrealised profit.
    pub(crate) fn balance(&self) -> E8 {
        self.wallet + self.unrealized
    }

    pub(crate) fn initial(&self) -> E8 {
        self.position_initial + self.order_initial
    }

    pub(crate) fn available(&self) -> E8 {
        (self.balance() - self.initial()).max(0)
    }
}

pub(crate) fn asset_margin(
    markets: &[Market],
    house: &House,
    account: AccountId,
    asset: usize,
) -> AssetMargin {
    let start = AssetMargin {
        wallet: house.wallet(account, asset).balance,
        ..AssetMargin::default()
    };
    markets
        .iter()
        .filter(|market| market.asset == asset)
        .fold(start, |sum, market| {
            let margin = symbol_margin(market, house, account);
            AssetMargin {
                wallet: sum.wallet,
                unrealized: sum.unrealized + margin.unrealized,
                position_initial: sum.position_initial + margin.position_initial,
                order_initial: sum.order_initial + margin.order_initial,
                maintenance: sum.maintenance + margin.maintenance,
            }
        })
}

/// One row of `balance`.
pub(crate) fn balance_view(
    markets: &[Market],
    house: &House,
    account: AccountId,
    asset: usize,
) -> BalanceView {
    let margin = asset_margin(markets, house, account, asset);
    BalanceView {
        asset: house.asset_name(asset).to_owned(),
        wallet: margin.wallet,
        cross_unrealized: margin.unrealized,
        available: margin.available(),
        max_withdraw: margin.available().min(margin.wallet).max(0),
        update_time_ms: ms(house.wallet(account, asset).updated_us),
    }
}

/// One entry of `account.assets`.
pub(crate) fn totals_view(
    markets: &[Market],
    house: &House,
    account: AccountId,
    asset: usize,
) -> AccountTotals {
    let margin = asset_margin(markets, house, account, asset);
    AccountTotals {
        asset: house.asset_name(asset).to_owned(),
        wallet: margin.wallet,
        unrealized: margin.unrealized,
        margin_balance: margin.balance(),
        maint_margin: margin.maintenance,
        initial_margin: margin.initial(),
        position_initial_margin: margin.position_initial,
        open_order_initial_margin: margin.order_initial,
        available: margin.available(),
        update_time_ms: ms(house.wallet(account, asset).updated_us),
    }
}

/// One row of `positionRisk`.
pub(crate) fn position_view(
    markets: &[Market],
    house: &House,
    account: AccountId,
    market: &Market,
) -> PositionView {
    let holding = house.holding(account, market.id);
    let margin = symbol_margin(market, house, account);
    let (bid_notional, ask_notional) = market.open.notionals(account, Counted::All);
    PositionView {
        symbol: market.id,
        position_side: PositionSide::Both,
        qty: holding.position.qty,
        entry_price: holding.position.entry_price(),
        break_even_price: holding.position.break_even_price(),
        mark_price: market.mark.mark,
        unrealized: margin.unrealized,
        liquidation_price: liquidation_price(markets, house, account, market),
        notional: margin.notional,
        margin_asset: house.asset_name(market.asset).to_owned(),
        initial_margin: margin.initial(),
        maint_margin: margin.maintenance,
        position_initial_margin: margin.position_initial,
        open_order_initial_margin: margin.order_initial,
        bid_notional,
        ask_notional,
        leverage: holding.settings.leverage,
        margin_type: holding.settings.margin_type,
        max_notional: market.spec.max_notional(holding.settings.leverage),
        update_time_ms: ms(holding.position.updated_us),
    }
}

/// The mark at which the margin balance would equal the maintenance margin, all other marks and the bracket unchanged; 0 when there is none.
/// From wallet + u_others + q·p − cost = |q|·p·rate − cum + maintenance_others.
fn liquidation_price(markets: &[Market], house: &House, account: AccountId, market: &Market) -> E8 {
    let position = house.holding(account, market.id).position;
    if position.qty == 0 {
        return 0;
    }
    let all = asset_margin(markets, house, account, market.asset);
    let own = symbol_margin(market, house, account);
    let bracket = market.spec.bracket_of(own.notional);
    let others = (all.maintenance - own.maintenance) - (all.unrealized - own.unrealized);
    let numerator = position.cost - all.wallet - bracket.cum + others;
    let denominator =
        position.qty - decimal::mul_div(position.qty.abs(), bracket.maint_margin_rate, ONE);
    decimal::div(numerator, denominator).max(0)
}
