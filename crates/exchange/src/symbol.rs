//! What a symbol is: filters, fees, leverage brackets and funding rhythm (protocol §4.3, §8); knows no book and no account.

use crate::api::{E8, ONE};
use crate::decimal;

/// One leverage bracket; the brackets of a symbol are ordered by notional.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeverageBracket {
    /// `initialLeverage`: highest leverage in this bracket.
    pub leverage_max: u32,
    /// `notionalFloor`.
    pub notional_floor: E8,
    /// `notionalCap`.
    pub notional_cap: E8,
    /// `maintMarginRatio`.
    pub maint_margin_rate: E8,
    /// `cum`: maintenance margin = notional × rate − cum.
    pub cum: E8,
}

/// Contract rules of one symbol; amounts in 1e-8.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SymbolSpec {
    /// `symbol`, upper case.
    pub name: String,
    /// `baseAsset`.
    pub base: String,
    /// `quoteAsset` and `marginAsset`.
    pub quote: String,
    /// `minPrice`.
    pub price_min: E8,
    /// `maxPrice`.
    pub price_max: E8,
    /// `tickSize`.
    pub tick: E8,
    /// `minQty`.
    pub qty_min: E8,
    /// `maxQty` of LOT_SIZE.
    pub qty_max: E8,
    /// `maxQty` of MARKET_LOT_SIZE.
    pub market_qty_max: E8,
    /// `stepSize`.
    pub step: E8,
    /// `notional` of MIN_NOTIONAL.
    pub notional_min: E8,
    /// `multiplierUp` of PERCENT_PRICE.
    pub multiplier_up: E8,
    /// `multiplierDown` of PERCENT_PRICE.
    pub multiplier_down: E8,
    /// `marketTakeBound`: how far from mark a MARKET order trades.
    pub market_take_bound: E8,
    /// `limit` of MAX_NUM_ORDERS: open orders per account.
    pub open_orders_max: usize,
    /// `maxMoveOrderLimit`: modifications per order.
    pub modifies_max: u32,
    /// Commission of the maker; negative is a rebate.
    pub maker_rate: E8,
    /// Commission of the taker.
    pub taker_rate: E8,
    /// `liquidationFee`: share of the closed notional that goes to the insurance fund.
    pub liquidation_fee: E8,
    /// Leverage of a new account.
    pub leverage_default: u32,
    /// Brackets from the smallest notional up; never empty.
    pub brackets: Vec<LeverageBracket>,
    /// Hours between funding payments, counted from 00:00 UTC (divides 24).
    pub funding_interval_h: u32,
    /// `adjustedFundingRateCap`; the floor is its negative.
    pub funding_rate_cap: E8,
    /// `interestRate` per funding interval.
    pub interest_rate: E8,
    /// `onboardDate`, ms.
    pub onboard_ms: i64,
}

/// `cum` makes the maintenance margin continuous: cum(n) = cum(n−1) + floor(n) × (rate(n) − rate(n−1)).
fn brackets(rows: &[(u32, i64, i64)]) -> Vec<LeverageBracket> {
    let mut built: Vec<LeverageBracket> = Vec::with_capacity(rows.len());
    for &(leverage_max, cap, rate) in rows {
        let (floor, cum) = match built.last() {
            None => (0, 0),
            Some(below) => (
                below.notional_cap,
                below.cum + decimal::mul(below.notional_cap, rate - below.maint_margin_rate),
            ),
        };
        built.push(LeverageBracket {
            leverage_max,
            notional_floor: floor,
            notional_cap: cap * ONE,
            maint_margin_rate: rate,
            cum,
        });
    }
    built
}

impl SymbolSpec {
    /// A perpetual with the given grid and the usual rules: ±5 % band, 200 open orders, funding every 8 h, 75× brackets; maker 0 and
    /// taker 0.04 % for USDC, 0.02 and 0.05 % otherwise.
    #[must_use]
    pub fn generic(base: &str, quote: &str, tick: E8, step: E8, notional_min: E8) -> SymbolSpec {
        let (maker_rate, taker_rate) = if quote == "USDC" {
            (0, 40_000)
        } else {
            (20_000, 50_000)
        };
        SymbolSpec {
            name: format!("{base}{quote}"),
            base: base.to_owned(),
            quote: quote.to_owned(),
            price_min: tick,
            price_max: tick.saturating_mul(10_000_000).min(10_000_000 * ONE),
            tick,
            qty_min: step,
            qty_max: step.saturating_mul(8_000_000).min(1_000_000_000 * ONE),
            market_qty_max: step.saturating_mul(700_000).min(100_000_000 * ONE),
            step,
            notional_min,
            multiplier_up: ONE + ONE / 20,
            multiplier_down: ONE - ONE / 20,
            market_take_bound: ONE / 20,
            open_orders_max: 200,
            modifies_max: 10_000,
            maker_rate,
            taker_rate,
            liquidation_fee: 1_250_000,
            leverage_default: 20,
            brackets: brackets(&[
                (75, 10_000, 650_000),
                (50, 100_000, 1_000_000),
                (25, 1_000_000, 2_000_000),
                (10, 5_000_000, 5_000_000),
                (5, 20_000_000, 10_000_000),
                (1, 100_000_000, 50_000_000),
            ]),
            funding_interval_h: 8,
            funding_rate_cap: 2_000_000,
            interest_rate: 10_000,
            onboard_ms: 1_704_285_300_000,
        }
    }

    /// ETHUSDC as captured in 2026.
    #[must_use]
    pub fn ethusdc() -> SymbolSpec {
        SymbolSpec {
            price_max: 100_000 * ONE,
            qty_max: 8_000 * ONE,
            market_qty_max: 700 * ONE,
            brackets: brackets(&[
                (125, 50_000, 400_000),
                (100, 500_000, 500_000),
                (75, 1_000_000, 650_000),
                (50, 5_000_000, 1_000_000),
                (20, 50_000_000, 2_000_000),
                (10, 100_000_000, 5_000_000),
                (5, 200_000_000, 10_000_000),
                (1, 500_000_000, 50_000_000),
            ]),
            ..SymbolSpec::generic("ETH", "USDC", ONE / 100, ONE / 1000, 20 * ONE)
        }
    }

    /// BTCUSDC; grid and minimum are believed values (protocol §8).
    #[must_use]
    pub fn btcusdc() -> SymbolSpec {
        SymbolSpec {
            price_min: 100 * ONE,
            price_max: 1_000_000 * ONE,
            qty_max: 1_000 * ONE,
            market_qty_max: 60 * ONE,
            brackets: brackets(&[
                (125, 50_000, 400_000),
                (100, 500_000, 500_000),
                (50, 10_000_000, 1_000_000),
                (20, 80_000_000, 2_500_000),
                (10, 150_000_000, 5_000_000),
                (5, 300_000_000, 10_000_000),
                (1, 500_000_000, 50_000_000),
            ]),
            ..SymbolSpec::generic("BTC", "USDC", ONE / 10, ONE / 1000, 50 * ONE)
        }
    }

    /// SOLUSDC; grid and minimum are believed values (protocol §8).
    #[must_use]
    pub fn solusdc() -> SymbolSpec {
        SymbolSpec {
            price_max: 10_000 * ONE,
            qty_max: 500_000 * ONE,
            market_qty_max: 10_000 * ONE,
            brackets: brackets(&[
                (100, 10_000, 500_000),
                (75, 50_000, 650_000),
                (50, 200_000, 1_000_000),
                (40, 500_000, 1_200_000),
                (25, 1_000_000, 2_000_000),
                (10, 10_000_000, 5_000_000),
                (5, 20_000_000, 10_000_000),
                (1, 100_000_000, 50_000_000),
            ]),
            ..SymbolSpec::generic("SOL", "USDC", ONE / 100, ONE / 100, 5 * ONE)
        }
    }

    /// The preset of that name, or the generic rules for another `…USDC` or `…USDT` name; `None` for any other text.
    #[must_use]
    pub fn preset(name: &str) -> Option<SymbolSpec> {
        match name {
            "ETHUSDC" => Some(SymbolSpec::ethusdc()),
            "BTCUSDC" => Some(SymbolSpec::btcusdc()),
            "SOLUSDC" => Some(SymbolSpec::solusdc()),
            other => {
                let quote = ["USDC", "USDT"]
                    .into_iter()
                    .find(|quote| other.ends_with(quote))?;
                let base = other.strip_suffix(quote).filter(|base| !base.is_empty())?;
                Some(SymbolSpec::generic(
                    base,
                    quote,
                    ONE / 1000,
                    ONE / 10,
                    5 * ONE,
                ))
            }
        }
    }

    /// Decimals of a price.
    #[must_use]
    pub fn price_places(&self) -> usize {
        decimal::places_of(self.tick)
    }

    /// Decimals of a quantity.
    #[must_use]
    pub fn qty_places(&self) -> usize {
        decimal::places_of(self.step)
    }

    /// The bracket of a notional (absolute value); beyond the last cap the last one.
    #[must_use]
    pub fn bracket_of(&self, notional: E8) -> LeverageBracket {
        let size = notional.saturating_abs();
        let fitting = self
            .brackets
            .iter()
            .find(|bracket| size <= bracket.notional_cap);
        *fitting
            .or(self.brackets.last())
            .expect("a symbol has at least one bracket")
    }

    /// Maintenance margin of a notional (absolute value): notional × rate − cum (protocol §8).
    #[must_use]
    pub fn maint_margin(&self, notional: E8) -> E8 {
        let bracket = self.bracket_of(notional);
        decimal::mul(notional.saturating_abs(), bracket.maint_margin_rate)
            .saturating_sub(bracket.cum)
    }

    /// `maxNotionalValue`: the largest position notional allowed at a leverage.
    #[must_use]
    pub fn max_notional(&self, leverage: u32) -> E8 {
        self.brackets
            .iter()
            .filter(|bracket| bracket.leverage_max >= leverage)
            .map(|bracket| bracket.notional_cap)
            .max()
            .unwrap_or(0)
    }

    /// Highest leverage of the symbol.
    #[must_use]
    pub fn leverage_max(&self) -> u32 {
        self.brackets
            .iter()
            .map(|bracket| bracket.leverage_max)
            .max()
            .unwrap_or(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ethusdc_has_the_published_cumulative_amounts() {
        let cums: Vec<i64> = SymbolSpec::ethusdc()
            .brackets
            .iter()
            .map(|bracket| bracket.cum / ONE)
            .take(6)
            .collect();
        assert_eq!(cums, [0, 50, 800, 4300, 54_300, 1_554_300]);
    }

    #[test]
    fn maintenance_margin_is_continuous_at_every_bracket() {
        for spec in [
            SymbolSpec::ethusdc(),
            SymbolSpec::btcusdc(),
            SymbolSpec::solusdc(),
            SymbolSpec::preset("DOGEUSDT").expect("a USDT name"),
        ] {
            for bracket in spec.brackets.iter().rev().skip(1) {
                let below = spec.maint_margin(bracket.notional_cap);
                let above = spec.maint_margin(bracket.notional_cap + 1);
                assert!(
                    (above - below).abs() <= 1,
                    "{} at {}",
                    spec.name,
                    bracket.notional_cap
                );
            }
        }
    }

    #[test]
    fn leverage_limits_the_notional() {
        let spec = SymbolSpec::ethusdc();
        assert_eq!(spec.max_notional(125), 50_000 * ONE);
        assert_eq!(spec.max_notional(20), 50_000_000 * ONE);
        assert_eq!(spec.max_notional(21), 5_000_000 * ONE);
        assert_eq!(spec.leverage_max(), 125);
        assert_eq!(spec.bracket_of(-60_000 * ONE).leverage_max, 100);
    }

    #[test]
    fn presets_know_their_grid() {
        let spec = SymbolSpec::ethusdc();
        assert_eq!((spec.price_places(), spec.qty_places()), (2, 3));
        assert_eq!(SymbolSpec::btcusdc().price_places(), 1);
        assert!(SymbolSpec::preset("ETHEUR").is_none());
        assert!(SymbolSpec::preset("USDC").is_none());
    }
}
