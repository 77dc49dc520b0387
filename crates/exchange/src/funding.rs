//! Funding payments (protocol §8): notional at mark × rate, longs pay when the rate is positive; knows not how the rate came about.

use crate::api::{AccountId, AccountUpdateReason, FundingRateView, IncomeKind};
use crate::decimal;
use crate::house::{Cause, House};
use crate::orders::ms;
use crate::pit::Market;

/// Payments remembered per symbol (a year of 8 h intervals); the oldest are forgotten.
pub const FUNDING_RATES_MAX: usize = 1100;

/// Pays one interval of a symbol: income and an ACCOUNT_UPDATE with the balance only (cross). The background pays or receives the other side.
pub(crate) fn pay(now_us: u64, market: &mut Market, house: &mut House) {
    let rate = market.mark.end_interval(now_us, &market.spec);
    let mark = market.mark.mark;
    if market.funding_rates.len() >= FUNDING_RATES_MAX {
        market.funding_rates.remove(0);
    }
    market.funding_rates.push(FundingRateView {
        rate,
        time_ms: ms(now_us),
        mark,
    });
    let accounts: Vec<AccountId> = house.accounts.iter().map(|account| account.id).collect();
    for account in accounts {
        let position = house.holding(account, market.id).position;
        let amount = -decimal::mul(position.notional(mark), rate);
        if amount == 0 {
            continue;
        }
        house.pool_mut(market.asset).background -= i128::from(amount);
        let cause = Cause {
            kind: IncomeKind::FundingFee,
            symbol: Some(market.id),
            trade_id: 0,
        };
        house.credit(now_us, account, market.asset, amount, cause);
        house.tell_balance(
            now_us,
            account,
            market.asset,
            amount,
            AccountUpdateReason::FundingFee,
            Some(market.id),
        );
    }
}
