//! Account requests: balances, positions, history, settings (protocol §4.5).

use super::Exchange;
use crate::api::{
    AccountId, AccountUpdate, AccountUpdateReason, AccountView, ApiError, ApiTradingStatus,
    BalanceView, CommissionView, E8, IncomeKind, IncomeQuery, IncomeView, LeverageView, MarginType,
    PositionMode, PositionView, SymbolConfigView, SymbolId, TradeQuery, UserEvent, UserTradeView,
};
use crate::house::Cause;
use crate::margin;
use crate::orders::ms;

impl Exchange {
    /// `GET userTrades`.
    #[must_use]
    pub fn user_trades(
        &self,
        account: AccountId,
        symbol: SymbolId,
        query: &TradeQuery,
    ) -> Vec<UserTradeView> {
        self.house
            .account(account)
            .history
            .query_trades(symbol, query)
    }

    /// Every remembered fill of an account, oldest first (for checkers).
    pub fn fills(&self, account: AccountId) -> impl Iterator<Item = &UserTradeView> {
        self.house.account(account).history.trades()
    }

    /// `GET income`, oldest first.
    #[must_use]
    pub fn income(&self, account: AccountId, query: &IncomeQuery) -> Vec<IncomeView> {
        self.house.account(account).history.query_income(query)
    }

    /// `GET balance`: one row per margin asset.
    #[must_use]
    pub fn balances(&self, account: AccountId) -> Vec<BalanceView> {
        (0..self.house.assets.len())
            .map(|asset| margin::balance_view(&self.markets, &self.house, account, asset))
            .collect()
    }

    /// `positionRisk` of one symbol or all; v3 shows only those with a quantity or open orders (the server filters), v2 all.
    #[must_use]
    pub fn positions(&self, account: AccountId, symbol: Option<SymbolId>) -> Vec<PositionView> {
        let markets = self
            .markets
            .iter()
            .filter(|market| symbol.is_none_or(|wanted| market.id == wanted));
        markets
            .map(|market| margin::position_view(&self.markets, &self.house, account, market))
            .collect()
    }

    /// `account` v3.
    #[must_use]
    pub fn account(&self, account: AccountId) -> AccountView {
        let assets = (0..self.house.assets.len())
            .map(|asset| margin::totals_view(&self.markets, &self.house, account, asset));
        let used = |position: &PositionView| {
            position.qty != 0 || position.bid_notional != 0 || position.ask_notional != 0
        };
        AccountView {
            assets: assets.collect(),
            positions: self
                .positions(account, None)
                .into_iter()
                .filter(used)
                .collect(),
        }
    }

    /// Deposits (positive) or withdraws (negative) an amount, with its ACCOUNT_UPDATE and TRANSFER income.
    pub fn transfer(&mut self, now_us: u64, account: AccountId, asset: &str, amount: E8) {
        self.advance(now_us);
        if let Some(index) = self.deposit(account, asset, amount) {
            let reason = if amount < 0 {
                AccountUpdateReason::Withdraw
            } else {
                AccountUpdateReason::Deposit
            };
            self.house
                .tell_balance(self.now_us, account, index, amount, reason, None);
        }
    }

    pub(super) fn deposit(&mut self, account: AccountId, asset: &str, amount: E8) -> Option<usize> {
        let index = self.house.asset_index(asset)?;
        self.house.pool_mut(index).deposited += i128::from(amount);
        let cause = Cause {
            kind: IncomeKind::Transfer,
            symbol: None,
            trade_id: 0,
        };
        self.house
            .credit(self.now_us, account, index, amount, cause);
        Some(index)
    }

    /// `POST leverage`; sends ACCOUNT_CONFIG_UPDATE when it changes.
    ///
    /// # Errors
    /// `-4028`; `-2027` when the position is too large for it; `-4161`.
    pub fn change_leverage(
        &mut self,
        now_us: u64,
        account: AccountId,
        symbol: SymbolId,
        leverage: u32,
    ) -> Result<LeverageView, ApiError> {
        self.advance(now_us);
        let market = self.market(symbol);
        if leverage == 0 || leverage > market.spec.leverage_max() {
            return Err(ApiError::bad_leverage());
        }
        let max_notional = market.spec.max_notional(leverage);
        let holding = self.house.holding(account, symbol);
        let own = margin::symbol_margin(market, &self.house, account);
        if margin::worst_notional(own.notional, own.bids, own.asks) > max_notional {
            return Err(ApiError::leverage_exceeded());
        }
        let before = holding.settings.leverage;
        if holding.settings.margin_type == MarginType::Isolated
            && holding.position.qty != 0
            && leverage < before
        {
            return Err(ApiError::leverage_reduction_with_position());
        }
        if leverage != before {
            self.house.holding_mut(account, symbol).settings.leverage = leverage;
            self.house.tell_account(
                self.now_us,
                account,
                UserEvent::LeverageChanged {
                    time_ms: ms(self.now_us),
                    symbol,
                    leverage,
                },
            );
        }
        Ok(LeverageView {
            symbol,
            leverage,
            max_notional,
        })
    }

    /// `POST marginType`.
    ///
    /// # Errors
    /// `-4046`, `-4047`, `-4048`, `-4168`.
    pub fn change_margin_type(
        &mut self,
        now_us: u64,
        account: AccountId,
        symbol: SymbolId,
        margin_type: MarginType,
    ) -> Result<(), ApiError> {
        self.advance(now_us);
        let holding = self.house.holding(account, symbol);
        if holding.settings.margin_type == margin_type {
            return Err(ApiError::no_margin_type_change());
        }
        if self.market(symbol).open.of(account).next().is_some() {
            return Err(ApiError::margin_type_with_orders());
        }
        if holding.position.qty != 0 {
            return Err(ApiError::margin_type_with_position());
        }
        if margin_type == MarginType::Isolated && self.multi_assets(account) {
            return Err(ApiError::multi_assets_blocks_isolated());
        }
        self.house.holding_mut(account, symbol).settings.margin_type = margin_type;
        let positions = vec![self.pit(symbol).updated_position(account)];
        let update = AccountUpdate {
            time_ms: ms(self.now_us),
            reason: AccountUpdateReason::MarginTypeChange,
            symbol: None,
            balances: Vec::new(),
            positions,
        };
        self.house
            .tell_account(self.now_us, account, UserEvent::AccountUpdate(update));
        Ok(())
    }

    /// `POST positionSide/dual`.
    ///
    /// # Errors
    /// `-4059`, `-4067`, `-4068`.
    pub fn change_position_mode(
        &mut self,
        now_us: u64,
        account: AccountId,
        mode: PositionMode,
    ) -> Result<(), ApiError> {
        self.advance(now_us);
        if self.house.account(account).mode == mode {
            return Err(ApiError::no_position_mode_change());
        }
        if self
            .markets
            .iter()
            .any(|market| market.open.of(account).next().is_some())
        {
            return Err(ApiError::position_mode_with_orders());
        }
        if self
            .house
            .account(account)
            .holdings
            .iter()
            .any(|holding| holding.position.qty != 0)
        {
            return Err(ApiError::position_mode_with_position());
        }
        self.house.account_mut(account).mode = mode;
        Ok(())
    }

    /// `GET positionSide/dual`.
    #[must_use]
    pub fn position_mode(&self, account: AccountId) -> PositionMode {
        self.house.account(account).mode
    }

    /// `POST multiAssetsMargin` with true.
    ///
    /// # Errors
    /// `-4171` when it is on already.
    pub fn enable_multi_assets(&mut self, now_us: u64, account: AccountId) -> Result<(), ApiError> {
        self.advance(now_us);
        if self.multi_assets(account) {
            return Err(ApiError::no_multi_assets_change());
        }
        self.house.account_mut(account).multi_assets = true;
        self.tell_multi_assets(account);
        Ok(())
    }

    /// `POST multiAssetsMargin` with false.
    ///
    /// # Errors
    /// `-4171` when it is off already.
    pub fn disable_multi_assets(
        &mut self,
        now_us: u64,
        account: AccountId,
    ) -> Result<(), ApiError> {
        self.advance(now_us);
        if !self.multi_assets(account) {
            return Err(ApiError::no_multi_assets_change());
        }
        self.house.account_mut(account).multi_assets = false;
        self.tell_multi_assets(account);
        Ok(())
    }

    fn tell_multi_assets(&mut self, account: AccountId) {
        let event = UserEvent::MultiAssetsChanged {
            time_ms: ms(self.now_us),
            on: self.multi_assets(account),
        };
        self.house.tell_account(self.now_us, account, event);
    }

    /// `GET multiAssetsMargin`. The venue keeps the setting; margin is computed per asset either way.
    #[must_use]
    pub fn multi_assets(&self, account: AccountId) -> bool {
        self.house.account(account).multi_assets
    }

    /// `symbolConfig` of every symbol.
    #[must_use]
    pub fn symbol_configs(&self, account: AccountId) -> Vec<SymbolConfigView> {
        let row = |market: &crate::pit::Market| {
            let settings = self.house.holding(account, market.id).settings;
            let max_notional = market.spec.max_notional(settings.leverage);
            SymbolConfigView {
                symbol: market.id,
                margin_type: settings.margin_type,
                leverage: settings.leverage,
                max_notional,
            }
        };
        self.markets.iter().map(row).collect()
    }

    /// `commissionRate`; the same for every account.
    #[must_use]
    pub fn commission(&self, _account: AccountId, symbol: SymbolId) -> CommissionView {
        let spec = self.spec(symbol);
        CommissionView {
            symbol,
            maker_rate: spec.maker_rate,
            taker_rate: spec.taker_rate,
        }
    }

    /// `apiTradingStatus` of every symbol, for the running 10-minute cycle.
    #[must_use]
    pub fn api_trading_status(&self, account: AccountId) -> Vec<ApiTradingStatus> {
        let rules = &self.house.quant_rules;
        let row = |market: &crate::pit::Market| {
            self.house
                .holding(account, market.id)
                .rules
                .status(market.id, self.now_us, rules)
        };
        self.markets.iter().map(row).collect()
    }
}
