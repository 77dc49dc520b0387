//! Wallets, one-way positions and settings of one account; knows no book and no order.

use crate::api::{AccountId, E8, MarginType, PositionMode, Side};
use crate::decimal;
use crate::history::History;
use crate::quant_rules::RuleState;
use crate::symbol::SymbolSpec;

/// Balance of one asset.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Wallet {
    /// Wallet balance: deposits, realised profit, funding, less commissions.
    pub balance: E8,
    /// Last change, µs.
    pub updated_us: u64,
    /// A margin call was sent and the ratio has not recovered since.
    pub called: bool,
}

/// A one-way position, kept by its cost so that no rounding of an average price ever reaches the wallet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Position {
    /// Signed quantity.
    pub qty: E8,
    /// Signed entry notional of the open quantity: positive for a long.
    pub cost: E8,
    /// Accumulated realised profit before fees.
    pub realized: E8,
    /// Commissions paid for the open quantity.
    pub open_fees: E8,
    /// Last change, µs.
    pub updated_us: u64,
}

impl Position {
    /// Books a fill and returns the profit it realised. Closing releases cost in proportion; the last close releases all that is left, so
    /// profits sum up exactly.
    pub(crate) fn apply_fill(&mut self, side: Side, qty: E8, notional: E8) -> E8 {
        let sign = side.sign();
        if self.qty == 0 || self.qty.signum() == sign {
            self.qty += sign * qty;
            self.cost += sign * notional;
            return 0;
        }
        let closing = qty.min(self.qty.abs());
        let all = closing == self.qty.abs();
        let released = if all {
            self.cost
        } else {
            decimal::mul_div(self.cost, closing, self.qty.abs())
        };
        let fees = if all {
            self.open_fees
        } else {
            decimal::mul_div(self.open_fees, closing, self.qty.abs())
        };
        let closed = if closing == qty {
            notional
        } else {
            decimal::mul_div(notional, closing, qty)
        };
        let profit = -sign * closed - released;
        self.cost -= released;
        self.open_fees -= fees;
        self.qty += sign * closing;
        if closing < qty {
            self.qty = sign * (qty - closing);
            self.cost = sign * (notional - closed);
        }
        self.realized += profit;
        profit
    }

    /// Unsigned entry price; 0 when flat.
    pub(crate) fn entry_price(&self) -> E8 {
        decimal::div(self.cost.abs(), self.qty.abs())
    }

    /// Entry price moved by the commissions of the open quantity, against the holder.
    pub(crate) fn break_even_price(&self) -> E8 {
        decimal::div((self.cost + self.open_fees).abs(), self.qty.abs())
    }

    /// Signed notional at a price.
    pub(crate) fn notional(&self, mark: E8) -> E8 {
        decimal::mul(self.qty, mark)
    }

    /// Unrealised profit at a price.
    pub(crate) fn unrealized(&self, mark: E8) -> E8 {
        self.notional(mark) - self.cost
    }
}

/// Leverage and margin label of one symbol.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    pub leverage: u32,
    pub margin_type: MarginType,
}

/// What an account has on one symbol.
#[derive(Debug)]
pub(crate) struct Holding {
    pub position: Position,
    pub settings: Settings,
    /// When the dead-man timer fires, µs.
    pub dead_man_us: Option<u64>,
    pub rules: RuleState,
}

/// A listenKey and its end.
#[derive(Clone, Debug)]
pub(crate) struct ListenKey {
    pub text: String,
    pub expires_us: u64,
}

/// One account.
#[derive(Debug)]
pub(crate) struct Account {
    pub id: AccountId,
    /// By asset, as the house numbers them.
    pub wallets: Vec<Wallet>,
    /// By symbol.
    pub holdings: Vec<Holding>,
    pub mode: PositionMode,
    pub multi_assets: bool,
    pub listen_key: Option<ListenKey>,
    pub history: History,
}

impl Account {
    pub(crate) fn new(id: AccountId, assets: usize, specs: &[&SymbolSpec]) -> Account {
        let holding = |spec: &&SymbolSpec| Holding {
            position: Position::default(),
            settings: Settings {
                leverage: spec.leverage_default,
                margin_type: MarginType::Crossed,
            },
            dead_man_us: None,
            rules: RuleState::default(),
        };
        Account {
            id,
            wallets: vec![Wallet::default(); assets],
            holdings: specs.iter().map(holding).collect(),
            mode: PositionMode::OneWay,
            multi_assets: false,
            listen_key: None,
            history: History::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::ONE;
    use proptest::prelude::*;

    #[test]
    fn a_fill_opens_adds_reduces_closes_or_flips() {
        let mut position = Position::default();
        let mut fill = |side, qty: i64, price: i64| {
            let profit = position.apply_fill(side, qty * ONE, qty * price * ONE);
            (
                position.qty / ONE,
                position.entry_price() / ONE,
                profit / ONE,
            )
        };
        assert_eq!(fill(Side::Buy, 2, 100), (2, 100, 0), "opens");
        assert_eq!(fill(Side::Buy, 2, 110), (4, 105, 0), "adds at the average");
        assert_eq!(
            fill(Side::Sell, 1, 115),
            (3, 105, 10),
            "reduces at an unchanged entry"
        );
        assert_eq!(
            fill(Side::Sell, 5, 95),
            (-2, 95, -30),
            "flips: closes three, opens two"
        );
        assert_eq!(fill(Side::Buy, 2, 90), (0, 0, 10), "closes");
    }

    #[test]
    fn break_even_moves_against_the_holder() {
        let mut long = Position::default();
        long.apply_fill(Side::Buy, ONE, 100 * ONE);
        long.open_fees = ONE;
        assert_eq!(long.break_even_price(), 101 * ONE);
        let mut short = Position::default();
        short.apply_fill(Side::Sell, ONE, 100 * ONE);
        short.open_fees = ONE;
        assert_eq!(short.break_even_price(), 99 * ONE);
    }

    proptest! {
        #[test]
        fn profit_and_cost_are_the_cash_of_the_fills(fills in prop::collection::vec((any::<bool>(), 1..1000_i64, 1..1_000_000_i64), 1..60)) {
            let mut position = Position::default();
            let (mut cash, mut qty, mut realized) = (0, 0, 0);
            for (buys, size, notional) in fills {
                let side = if buys { Side::Buy } else { Side::Sell };
                realized += position.apply_fill(side, size, notional);
                cash -= side.sign() * notional;
                qty += side.sign() * size;
                prop_assert_eq!(position.qty, qty);
                prop_assert_eq!(realized - position.cost, cash);
                prop_assert!(position.qty != 0 || position.cost == 0);
            }
            prop_assert_eq!(position.realized, realized);
        }
    }
}
