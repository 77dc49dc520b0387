//! The symbol filters and their codes (protocol §4.3); knows no account and no book.

use crate::api::{ApiError, E8, ONE, OrderType, Side};
use crate::decimal;
use crate::symbol::SymbolSpec;

/// PRICE_FILTER.
pub(crate) fn check_price(spec: &SymbolSpec, price: E8) -> Result<(), ApiError> {
    if price <= 0 {
        return Err(ApiError::price_below_zero());
    }
    if price < spec.price_min {
        return Err(ApiError::price_below_min());
    }
    if price > spec.price_max {
        return Err(ApiError::price_above_max());
    }
    check_grid(price, spec.price_min, spec.tick, ApiError::price_off_tick)
}

/// LOT_SIZE, or MARKET_LOT_SIZE for market orders.
pub(crate) fn check_qty(spec: &SymbolSpec, qty: E8, order_type: OrderType) -> Result<(), ApiError> {
    let max = match order_type {
        OrderType::Limit => spec.qty_max,
        OrderType::Market | OrderType::Liquidation => spec.market_qty_max,
    };
    if qty <= 0 {
        return Err(ApiError::qty_not_positive());
    }
    if qty < spec.qty_min {
        return Err(ApiError::qty_below_min());
    }
    if qty > max {
        return Err(ApiError::qty_above_max());
    }
    check_grid(qty, spec.qty_min, spec.step, ApiError::qty_off_step)
}

/// More decimals than the grid has is a precision error; the right decimals off the grid is the filter's own.
fn check_grid(value: E8, origin: E8, step: E8, off_grid: fn() -> ApiError) -> Result<(), ApiError> {
    if step > 0 && (value - origin) % step != 0 {
        let finest = ONE / 10_i64.pow(u32::try_from(decimal::places_of(step)).unwrap_or(8));
        return Err(if value % finest == 0 {
            off_grid()
        } else {
            ApiError::price_too_precise()
        });
    }
    Ok(())
}

/// PERCENT_PRICE: a buy not above mark × up, a sell not below mark × down.
pub(crate) fn check_band(
    spec: &SymbolSpec,
    side: Side,
    price: E8,
    mark: E8,
) -> Result<(), ApiError> {
    match side {
        Side::Buy if price > decimal::mul(mark, spec.multiplier_up) => {
            Err(ApiError::price_above_band())
        }
        Side::Sell if price < decimal::mul(mark, spec.multiplier_down) => {
            Err(ApiError::price_below_band())
        }
        Side::Buy | Side::Sell => Ok(()),
    }
}

/// How far a MARKET order trades: mark ± `marketTakeBound`.
pub(crate) fn take_bound(spec: &SymbolSpec, side: Side, mark: E8) -> E8 {
    mark + side.sign() * decimal::mul(mark, spec.market_take_bound)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(result: Result<(), ApiError>) -> i64 {
        result.map_or_else(|error| error.code, |()| 0)
    }

    #[test]
    fn prices_are_refused_with_the_code_of_the_rule_they_break() {
        let spec = SymbolSpec {
            price_min: ONE / 20,
            tick: ONE / 20,
            ..SymbolSpec::ethusdc()
        };
        let cases = [
            ("2500.05", 0),
            ("0", -4001),
            ("-1", -4001),
            ("0.01", -4013),
            ("100000.05", -4002),
            ("2500.01", -4014),
            ("2500.005", -1111),
        ];
        for (text, expected) in cases {
            let price = decimal::parse(text).expect("a decimal");
            assert_eq!(code(check_price(&spec, price)), expected, "{text}");
        }
    }

    #[test]
    fn quantities_are_refused_with_the_code_of_the_rule_they_break() {
        let spec = SymbolSpec {
            qty_min: ONE / 500,
            step: ONE / 500,
            ..SymbolSpec::ethusdc()
        };
        let cases = [
            ("0.1", OrderType::Limit, 0),
            ("0", OrderType::Limit, -4003),
            ("-3", OrderType::Limit, -4003),
            ("0.001", OrderType::Limit, -4004),
            ("8000.002", OrderType::Limit, -4005),
            ("701", OrderType::Limit, 0),
            ("701", OrderType::Market, -4005),
            ("0.101", OrderType::Limit, -4023),
            ("0.1001", OrderType::Limit, -1111),
        ];
        for (text, order_type, expected) in cases {
            let qty = decimal::parse(text).expect("a decimal");
            assert_eq!(code(check_qty(&spec, qty, order_type)), expected, "{text}");
        }
    }

    #[test]
    fn the_band_binds_buys_above_and_sells_below() {
        let spec = SymbolSpec::ethusdc();
        let mark = 1000 * ONE;
        assert_eq!(code(check_band(&spec, Side::Buy, 1050 * ONE, mark)), 0);
        assert_eq!(
            code(check_band(&spec, Side::Buy, 1050 * ONE + 1, mark)),
            -4016
        );
        assert_eq!(code(check_band(&spec, Side::Buy, ONE, mark)), 0);
        assert_eq!(code(check_band(&spec, Side::Sell, 950 * ONE, mark)), 0);
        assert_eq!(
            code(check_band(&spec, Side::Sell, 950 * ONE - 1, mark)),
            -4024
        );
        assert_eq!(take_bound(&spec, Side::Sell, mark), 950 * ONE);
    }
}
