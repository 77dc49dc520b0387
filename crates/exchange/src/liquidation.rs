//! Margin calls and liquidation (protocol §3.3 special ids, §8): what happens to an account whose margin no longer suffices.

use crate::api::{
    AccountId, AccountUpdateReason, ClientId, ExpiryReason, ForceOrderEvent, IncomeKind,
    MarginCallPosition, OrderType, PriceMatch, Side, StpMode, TimeInForce, UserEvent,
};
use crate::decimal;
use crate::filters;
use crate::house::{Cause, House};
use crate::margin::{AssetMargin, asset_margin, symbol_margin};
use crate::orders::ms;
use crate::pit::{Ending, Market, Pit};
use crate::placing::Draft;

/// A margin call is sent when maintenance margin reaches this share of the margin balance, in percent.
const MARGIN_CALL_PERCENT: i64 = 80;

/// Judges every account in every asset at the present marks.
pub(crate) fn judge_accounts(now_us: u64, markets: &mut [Market], house: &mut House) {
    let accounts: Vec<AccountId> = house.accounts.iter().map(|account| account.id).collect();
    for account in accounts {
        for asset in 0..house.assets.len() {
            let margin = asset_margin(markets, house, account, asset);
            if margin.maintenance > 0 && margin.balance() < margin.maintenance {
                liquidate(now_us, markets, house, account, asset);
            } else {
                call_margin(now_us, markets, house, account, asset, margin);
            }
        }
    }
}

/// Sends one MARGIN_CALL each time the ratio rises over its threshold.
fn call_margin(
    now_us: u64,
    markets: &[Market],
    house: &mut House,
    account: AccountId,
    asset: usize,
    margin: AssetMargin,
) {
    let thin = margin.maintenance > 0
        && margin.maintenance.saturating_mul(100)
            >= margin.balance().saturating_mul(MARGIN_CALL_PERCENT);
    let wallet = house.wallet_mut(account, asset);
    let called = std::mem::replace(&mut wallet.called, thin);
    if !thin || called {
        return;
    }
    let own = markets.iter().filter(|market| market.asset == asset);
    let positions = own
        .filter_map(|market| margin_call_position(market, house, account))
        .collect();
    house.tell_account(
        now_us,
        account,
        UserEvent::MarginCall {
            cross_wallet: margin.wallet,
            positions,
        },
    );
}

fn margin_call_position(
    market: &Market,
    house: &House,
    account: AccountId,
) -> Option<MarginCallPosition> {
    let position = house.holding(account, market.id).position;
    let margin = symbol_margin(market, house, account);
    (position.qty != 0).then_some(MarginCallPosition {
        symbol: market.id,
        qty: position.qty,
        mark_price: market.mark.mark,
        unrealized: margin.unrealized,
        maint_margin: margin.maintenance,
    })
}

/// Ends all orders of the asset (`er` 5), closes all its positions, and lets the insurance fund cover a deficit.
fn liquidate(
    now_us: u64,
    markets: &mut [Market],
    house: &mut House,
    account: AccountId,
    asset: usize,
) {
    for market in markets.iter_mut().filter(|market| market.asset == asset) {
        let mut pit = Pit::new(now_us, market, house);
        pit.end_all(account, Ending::Expired(ExpiryReason::Liquidation));
        pit.flush_ticker();
    }
    for market in markets.iter_mut().filter(|market| market.asset == asset) {
        let mut pit = Pit::new(now_us, market, house);
        pit.close_position(account);
        pit.flush_ticker();
    }
    let deficit = -house.wallet(account, asset).balance;
    if deficit > 0 {
        house.pool_mut(asset).insurance -= i128::from(deficit);
        house.credit(
            now_us,
            account,
            asset,
            deficit,
            Cause {
                kind: IncomeKind::InsuranceClear,
                symbol: None,
                trade_id: 0,
            },
        );
        house.tell_balance(
            now_us,
            account,
            asset,
            deficit,
            AccountUpdateReason::InsuranceClear,
            None,
        );
    }
}

impl Pit<'_> {
    /// Closes a position with an `autoclose-` order against the book within the take bound; the insurance fund takes over the rest at mark (it is
    /// counted with the background). The liquidation fee goes to the fund as far as the wallet reaches.
    fn close_position(&mut self, account: AccountId) {
        let qty = self.house.holding(account, self.market.id).position.qty;
        if qty == 0 {
            return;
        }
        let side = if qty > 0 { Side::Sell } else { Side::Buy };
        let bound = filters::take_bound(&self.market.spec, side, self.market.mark.mark);
        let draft = Draft {
            account,
            side,
            order_type: OrderType::Liquidation,
            time_in_force: TimeInForce::Ioc,
            price: bound,
            qty: qty.abs(),
            reduce_only: false,
            client_id: None,
            stp: StpMode::None,
            price_match: PriceMatch::None,
            good_till_date_ms: 0,
        };
        let name = format!("autoclose-{}", self.market.next_order_id);
        let client_id = ClientId::parse(&name).expect("a prefix and a number make a client id");
        let order = self.draft_order(draft, client_id);
        let id = order.id;
        self.begin(order);
        self.match_client(id, Some(bound));
        let rest = self
            .market
            .open
            .find(id)
            .map_or(0, |order| order.remaining());
        if rest > 0 {
            self.take_over(id, self.market.mark.mark, rest);
        }
        self.charge_liquidation(account, id, bound);
    }

    fn charge_liquidation(&mut self, account: AccountId, id: u64, bound: i64) {
        let history = &self.house.account(account).history;
        let Some(order) = history
            .find_order(self.market.id, crate::api::OrderRef::Id(id))
            .cloned()
        else {
            return;
        };
        let asset = self.market.asset;
        let wallet = self.house.wallet(account, asset).balance.max(0);
        let fee = decimal::mul(order.cum_quote, self.market.spec.liquidation_fee).min(wallet);
        self.house.pool_mut(asset).insurance += i128::from(fee);
        let cause = Cause {
            kind: IncomeKind::InsuranceClear,
            symbol: Some(self.market.id),
            trade_id: 0,
        };
        self.house.credit(self.now_us, account, asset, -fee, cause);
        if fee > 0 {
            self.house.tell_balance(
                self.now_us,
                account,
                asset,
                -fee,
                AccountUpdateReason::InsuranceClear,
                None,
            );
        }
        self.market.feed.liquidation(ForceOrderEvent {
            time_ms: ms(self.now_us),
            side: order.side,
            qty: order.orig_qty,
            price: bound,
            avg_price: order.avg_price(),
            last_qty: order.executed,
            cum_qty: order.executed,
        });
    }
}
