//! What all symbols share: accounts, pools of money, timers, outbox and ledger; knows no book.

use crate::account::Account;
use crate::api::{
    AccountId, AccountUpdate, AccountUpdateReason, E8, Event, EventBody, IncomeKind, IncomeView,
    MarketEvent, Recipient, SymbolId, TradeId, UpdatedBalance, UserEvent,
};
use crate::ledger::Ledger;
use crate::orders::ms;
use crate::prng::Prng;
use crate::quant_rules::QuantRuleConfig;
use crate::timers::Timers;

/// Events kept when nobody drains. At the bound all waiting market events are dropped; if user events alone fill more than half, the oldest
/// half of the bound goes too. Both are counted.
pub const OUTBOX_MAX: usize = 1 << 18;

/// Money of one asset that is in no account. Together with the accounts it sums up to what was deposited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pool {
    /// Deposits less withdrawals of all accounts.
    pub deposited: i128,
    /// Commissions collected.
    pub fees: i128,
    /// Insurance fund: liquidation fees less covered deficits (may be negative).
    pub insurance: i128,
    /// Cash of the anonymous background, the counterparty of every fill without a second account and of funding.
    pub background: i128,
}

/// Events waiting for the server.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    events: Vec<Event>,
    dropped: u64,
}

impl Outbox {
    fn push(&mut self, event: Event) {
        if self.events.len() >= OUTBOX_MAX {
            self.make_room();
        }
        self.events.push(event);
    }

    fn make_room(&mut self) {
        let before = self.events.len();
        self.events
            .retain(|event| matches!(event.body, EventBody::User(_)));
        let surplus = self.events.len().saturating_sub(OUTBOX_MAX / 2);
        self.events.drain(..surplus);
        self.dropped += u64::try_from(before - self.events.len()).unwrap_or(0);
    }

    pub(crate) fn drain_into(&mut self, out: &mut Vec<Event>) {
        out.append(&mut self.events);
    }

    pub(crate) fn dropped(&self) -> u64 {
        self.dropped
    }
}

/// The shared state.
#[derive(Debug)]
pub(crate) struct House {
    pub accounts: Vec<Account>,
    pub assets: Vec<String>,
    /// By asset.
    pub pools: Vec<Pool>,
    pub outbox: Outbox,
    pub timers: Timers,
    pub ledger: Ledger,
    pub prng: Prng,
    pub quant_rules: QuantRuleConfig,
    pub next_tran_id: u64,
    pub next_amendment_id: u64,
}

impl House {
    /// An account of this venue.
    ///
    /// # Panics
    /// If the id was not given out by this venue (a bug of the caller).
    pub(crate) fn account(&self, id: AccountId) -> &Account {
        self.accounts
            .get(id.index())
            .expect("account ids are given out by this venue")
    }

    pub(crate) fn account_mut(&mut self, id: AccountId) -> &mut Account {
        self.accounts
            .get_mut(id.index())
            .expect("account ids are given out by this venue")
    }

    pub(crate) fn holding(&self, id: AccountId, symbol: SymbolId) -> &crate::account::Holding {
        self.account(id)
            .holdings
            .get(symbol.index())
            .expect("an account has a holding for every symbol")
    }

    pub(crate) fn holding_mut(
        &mut self,
        id: AccountId,
        symbol: SymbolId,
    ) -> &mut crate::account::Holding {
        self.account_mut(id)
            .holdings
            .get_mut(symbol.index())
            .expect("an account has a holding for every symbol")
    }

    pub(crate) fn asset_name(&self, asset: usize) -> &str {
        self.assets.get(asset).map_or("", String::as_str)
    }

    pub(crate) fn asset_index(&self, name: &str) -> Option<usize> {
        self.assets.iter().position(|asset| asset == name)
    }

    pub(crate) fn pool_mut(&mut self, asset: usize) -> &mut Pool {
        self.pools.get_mut(asset).expect("every asset has a pool")
    }

    pub(crate) fn wallet(&self, id: AccountId, asset: usize) -> crate::account::Wallet {
        self.account(id)
            .wallets
            .get(asset)
            .copied()
            .unwrap_or_default()
    }

    pub(crate) fn wallet_mut(
        &mut self,
        id: AccountId,
        asset: usize,
    ) -> &mut crate::account::Wallet {
        self.account_mut(id)
            .wallets
            .get_mut(asset)
            .expect("an account has a wallet for every asset")
    }

    pub(crate) fn tell_account(&mut self, now_us: u64, account: AccountId, event: UserEvent) {
        let body = EventBody::User(Box::new(event));
        self.outbox.push(Event {
            at_us: now_us,
            to: Recipient::Account(account),
            body,
        });
    }

    pub(crate) fn tell_symbol(&mut self, now_us: u64, symbol: SymbolId, event: MarketEvent) {
        self.outbox.push(Event {
            at_us: now_us,
            to: Recipient::Symbol(symbol),
            body: EventBody::Market(event),
        });
    }

    /// Moves money into a wallet (negative: out of it) and books the income row; a zero moves and books nothing. The other side of the
    /// movement is the caller's.
    pub(crate) fn credit(
        &mut self,
        now_us: u64,
        account: AccountId,
        asset: usize,
        amount: E8,
        cause: Cause,
    ) {
        if amount == 0 {
            return;
        }
        let wallet = self.wallet_mut(account, asset);
        wallet.balance += amount;
        wallet.updated_us = now_us;
        let tran_id = self.next_tran_id;
        self.next_tran_id += 1;
        let asset = self.asset_name(asset).to_owned();
        let row = IncomeView {
            symbol: cause.symbol,
            kind: cause.kind,
            amount,
            asset,
            time_ms: ms(now_us),
            tran_id,
            trade_id: cause.trade_id,
        };
        self.account_mut(account).history.push_income(row);
    }

    /// The `B` entry of an asset.
    pub(crate) fn updated_balance(
        &self,
        account: AccountId,
        asset: usize,
        change: E8,
    ) -> UpdatedBalance {
        let wallet = self.wallet(account, asset).balance;
        UpdatedBalance {
            asset: self.asset_name(asset).to_owned(),
            wallet,
            cross_wallet: wallet,
            change,
        }
    }

    /// An ACCOUNT_UPDATE with a balance only.
    pub(crate) fn tell_balance(
        &mut self,
        now_us: u64,
        account: AccountId,
        asset: usize,
        change: E8,
        reason: AccountUpdateReason,
        symbol: Option<SymbolId>,
    ) {
        let balances = vec![self.updated_balance(account, asset, change)];
        let update = AccountUpdate {
            time_ms: ms(now_us),
            reason,
            symbol,
            balances,
            positions: Vec::new(),
        };
        self.tell_account(now_us, account, UserEvent::AccountUpdate(update));
    }
}

/// Why money moved.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cause {
    pub kind: IncomeKind,
    pub symbol: Option<SymbolId>,
    pub trade_id: TradeId,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::TradeEvent;

    fn market(trade_id: u64) -> Event {
        let trade = TradeEvent {
            trade_id,
            time_ms: 0,
            price: 1,
            qty: 1,
            buyer_is_maker: true,
        };
        Event {
            at_us: trade_id,
            to: Recipient::Symbol(SymbolId(0)),
            body: EventBody::Market(MarketEvent::Trade(trade)),
        }
    }

    fn user(at_us: u64) -> Event {
        let body = EventBody::User(Box::new(UserEvent::MultiAssetsChanged {
            time_ms: 0,
            on: true,
        }));
        Event {
            at_us,
            to: Recipient::Account(AccountId(0)),
            body,
        }
    }

    #[test]
    fn a_full_outbox_gives_up_market_events_first_and_counts_them() {
        let mut outbox = Outbox::default();
        outbox.push(user(0));
        for turn in 1..=OUTBOX_MAX as u64 {
            outbox.push(market(turn));
        }
        let mut out = Vec::new();
        outbox.drain_into(&mut out);
        assert_eq!(
            out.iter().map(|event| event.at_us).collect::<Vec<_>>(),
            [0, OUTBOX_MAX as u64]
        );
        assert_eq!(outbox.dropped(), OUTBOX_MAX as u64 - 1);
    }

    #[test]
    fn user_events_alone_are_bounded_too() {
        let mut outbox = Outbox::default();
        for turn in 0..OUTBOX_MAX as u64 + 1 {
            outbox.push(user(turn));
        }
        let mut out = Vec::new();
        outbox.drain_into(&mut out);
        assert_eq!(out.len(), OUTBOX_MAX / 2 + 1);
        assert_eq!(out.last().map(|event| event.at_us), Some(OUTBOX_MAX as u64));
        assert_eq!(outbox.dropped(), OUTBOX_MAX as u64 / 2);
    }
}
