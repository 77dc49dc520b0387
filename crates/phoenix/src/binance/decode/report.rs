//! Owns what user data and REST answers say in the same words: sides, states, fees, fills, positions;
//! knows nothing of the messages around them.

use super::AccountScope;
use crate::binance::contracts::Contract;
use crate::binance::decimal;
use phoenix_core::event::{ExchangeStatus, Malformed, PositionReport};
use phoenix_core::order::Owner;
use phoenix_core::units::{Lots, Quote, Side, Ticks};

/// Price and size of an order. Ours must lie on the grid; of others' (placed before a grid changed, or
/// of a kind that we never place) only the existence matters, so they are rounded down.
///
/// # Errors
/// `OffGrid` for our orders only; else as the number parsers.
pub(super) fn price_and_size(
    contract: &Contract,
    owner: Owner,
    price: &str,
    size: &str,
) -> Result<(Ticks, Lots), Malformed> {
    match owner {
        Owner::Ours(_) => Ok((contract.ticks(price)?, contract.lots(size)?)),
        Owner::OtherInstance | Owner::Foreign => Ok((
            Ticks(contract.price.parse_floor(price.as_bytes())?.0),
            Lots(contract.size.parse_floor(size.as_bytes())?.0),
        )),
    }
}

/// A fill's price on the grid. A fill is a fact that must not be lost: a price between two ticks (ADL
/// and liquidation prices need not lie on the grid) is rounded against us instead of refused.
///
/// # Errors
/// `Shape` or `TooLarge`, never `OffGrid`.
pub(super) fn fill_price(contract: &Contract, text: &str, side: Side) -> Result<Ticks, Malformed> {
    let (floor, exact) = contract.price.parse_floor(text.as_bytes())?;
    Ok(Ticks(match side {
        Side::Buy if !exact => floor.saturating_add(1),
        Side::Buy | Side::Sell => floor,
    }))
}

/// Commission as (in the margin asset, in another asset); the exchange writes a cost as positive, we as
/// negative. A missing asset is the margin asset.
pub(super) fn fee(
    account: &AccountScope,
    amount: Option<&[u8]>,
    asset: Option<&str>,
) -> Result<(Quote, i64), Malformed> {
    let cost = amount.map_or(Ok(0), decimal::e8_towards_zero)?;
    Ok(match asset {
        Some(asset) if !asset.is_empty() && asset != account.margin_asset => (Quote::ZERO, -cost),
        Some(_) | None => (Quote(-cost), 0),
    })
}

/// `BUY` or `SELL`.
pub(super) fn side(text: &str) -> Result<Side, Malformed> {
    match text {
        "BUY" => Ok(Side::Buy),
        "SELL" => Ok(Side::Sell),
        _ => Err(Malformed::Shape),
    }
}

/// Order status `X` or `status` (protocol §3.3).
pub(super) fn status(text: &str) -> ExchangeStatus {
    match text {
        "NEW" => ExchangeStatus::New,
        "PARTIALLY_FILLED" => ExchangeStatus::PartiallyFilled,
        "FILLED" => ExchangeStatus::Filled,
        "CANCELED" => ExchangeStatus::Canceled,
        "EXPIRED" | "EXPIRED_IN_MATCH" => ExchangeStatus::Expired,
        "REJECTED" => ExchangeStatus::Rejected,
        _ => ExchangeStatus::Unrecognised,
    }
}

/// One position row. Rows of hedge mode (`LONG`, `SHORT`) are skipped while empty; one that holds
/// something means that the account is not in one-way mode, which nothing here can represent.
///
/// # Errors
/// `Shape` for a position in hedge mode; else as the number parsers.
pub(super) fn position_report(
    contract: &Contract,
    position_side: &str,
    size: &str,
    entry: &str,
) -> Result<Option<PositionReport>, Malformed> {
    let size: Lots = contract.lots_signed(size)?;
    match position_side {
        "BOTH" => Ok(Some(PositionReport {
            symbol: contract.id,
            size,
            entry: decimal::price8(entry.as_bytes())?,
        })),
        "LONG" | "SHORT" if size.is_zero() => Ok(None),
        _ => Err(Malformed::Shape),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::binance::client_id::ClientIds;
    use phoenix_core::event::PositionReport;
    use phoenix_core::instrument::{SymbolId, ethusdc};
    use phoenix_core::order::OrderId;
    use phoenix_core::units::Price8;

    fn eth() -> Contract {
        Contract::new(SymbolId(0), ethusdc()).expect("valid grid")
    }

    fn usdc() -> AccountScope {
        AccountScope {
            margin_asset: "USDC".into(),
            ids: ClientIds::new("a").expect("valid"),
        }
    }

    #[test]
    fn a_fill_between_two_ticks_is_rounded_against_us() {
        for (text, side, expected) in [
            ("2500.01", Side::Buy, 250_001),
            ("2500.013", Side::Buy, 250_002),
            ("2500.01", Side::Sell, 250_001),
            ("2500.013", Side::Sell, 250_001),
        ] {
            assert_eq!(
                fill_price(&eth(), text, side),
                Ok(Ticks(expected)),
                "{text}"
            );
        }
        assert_eq!(fill_price(&eth(), "x", Side::Buy), Err(Malformed::Shape));
    }

    #[test]
    fn fees_are_negative_costs_in_their_asset() {
        for (amount, asset, expected) in [
            (Some("0.5"), Some("USDC"), (Quote(-50_000_000), 0)),
            (Some("-0.5"), Some("USDC"), (Quote(50_000_000), 0)),
            (Some("0.001"), Some("BNB"), (Quote(0), -100_000)),
            (Some("0.5"), None, (Quote(-50_000_000), 0)),
            (Some("0"), Some(""), (Quote(0), 0)),
            (None, None, (Quote(0), 0)),
        ] {
            let got = fee(&usdc(), amount.map(str::as_bytes), asset);
            assert_eq!(got, Ok(expected), "{amount:?} {asset:?}");
        }
    }

    #[test]
    fn only_our_own_orders_must_lie_on_the_grid() {
        let ours = Owner::Ours(OrderId { session: 1, seq: 1 });
        let off = |owner| price_and_size(&eth(), owner, "2500.015", "1.0005");
        assert_eq!(off(ours), Err(Malformed::OffGrid));
        assert_eq!(off(Owner::Foreign), Ok((Ticks(250_001), Lots(1_000))));
    }

    #[test]
    fn hedge_mode_rows_are_skipped_while_empty_and_refused_when_not() {
        let eth = eth();
        let report = PositionReport {
            symbol: SymbolId(0),
            size: Lots(-100),
            entry: Price8(250_050_000_000),
        };
        assert_eq!(
            position_report(&eth, "BOTH", "-0.100", "2500.50"),
            Ok(Some(report))
        );
        assert_eq!(position_report(&eth, "LONG", "0.000", "0.0"), Ok(None));
        assert_eq!(
            position_report(&eth, "LONG", "0.001", "1"),
            Err(Malformed::Shape)
        );
    }
}
