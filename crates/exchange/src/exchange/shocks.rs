//! Moves of the market that drills ask for: deterministic, on top of whatever flow a symbol has.

use super::Exchange;
use crate::api::{E8, Side, SymbolId};
use crate::decimal;

/// Basis points of one.
const BPS: i64 = 10_000;
/// Largest move either way, bps.
const BPS_MAX: i64 = 9_000;
/// More than any book holds.
const EVERYTHING: E8 = E8::MAX / 4;

/// A move of one symbol's market.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shock {
    /// The price moves by so many basis points (signed) over this time, and stays there. Needs a flow that can be pushed.
    Move {
        /// Signed distance.
        bps: i64,
        /// Over how long, ms.
        over_ms: u64,
    },
    /// The price jumps at once: one aggressor takes everything up to the new price, and the market goes on there. Needs a flow as well.
    Gap {
        /// Signed distance.
        bps: i64,
    },
    /// Aggressors take everything within this distance of the mid on one side of the book or, bids first, on both; the market
    /// then recovers where it was. `Buy` takes asks.
    Sweep {
        /// The aggressors' side; `None` for both.
        side: Option<Side>,
        /// Distance, not negative.
        bps: i64,
    },
}

/// Why a shock did not happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShockError {
    /// The symbol's flow cannot be pushed (a recording), there is none, or too many pushes are under way.
    NoPush,
    /// The book has not two sides.
    NoMid,
    /// Distance of 0, beyond ±9000 bps, or negative where it has no sign.
    Distance,
}

impl std::fmt::Display for ShockError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            ShockError::NoPush => "this symbol's market cannot be pushed",
            ShockError::NoMid => "the book has not two sides",
            ShockError::Distance => "bps: not 0 and within ±9000; a sweep's has no sign",
        })
    }
}

impl std::error::Error for ShockError {}

impl Exchange {
    /// Moves a symbol's market.
    ///
    /// # Errors
    /// [`ShockError`]; nothing has moved then.
    pub fn shock(&mut self, now_us: u64, symbol: SymbolId, shock: Shock) -> Result<(), ShockError> {
        self.advance(now_us);
        let (Shock::Move { bps, .. } | Shock::Gap { bps } | Shock::Sweep { bps, .. }) = shock;
        let is_signed = !matches!(shock, Shock::Sweep { .. });
        if bps == 0 || bps.abs() > BPS_MAX || (bps < 0 && !is_signed) {
            return Err(ShockError::Distance);
        }
        match shock {
            Shock::Move { bps, over_ms } => self.push(symbol, bps, over_ms)?,
            Shock::Gap { bps } => {
                let mid = self.mid_of(symbol)?;
                self.push(symbol, bps, 0)?;
                let side = if bps > 0 { Side::Buy } else { Side::Sell };
                self.take_within(symbol, side, mid, bps.abs());
            }
            Shock::Sweep { side, bps } => {
                let mid = self.mid_of(symbol)?;
                for taker in [Side::Sell, Side::Buy] {
                    if side.is_none_or(|only| only == taker) {
                        self.take_within(symbol, taker, mid, bps);
                    }
                }
            }
        }
        // A flow that was pushed acts on it at its next turn, which is now.
        if let Some(slot) = self.flows.get_mut(symbol.index())
            && is_signed
        {
            slot.due_us = Some(self.now_us);
        }
        Ok(())
    }

    fn mid_of(&self, symbol: SymbolId) -> Result<E8, ShockError> {
        self.market(symbol).mid().ok_or(ShockError::NoMid)
    }

    fn push(&mut self, symbol: SymbolId, bps: i64, over_ms: u64) -> Result<(), ShockError> {
        let slot = self.flows.get_mut(symbol.index());
        let flow = slot.and_then(|slot| slot.flow.as_mut());
        match flow.is_some_and(|flow| flow.push_price(bps, over_ms)) {
            true => Ok(()),
            false => Err(ShockError::NoPush),
        }
    }

    fn take_within(&mut self, symbol: SymbolId, taker: Side, mid: E8, bps: i64) {
        let distance = decimal::mul_div(mid, bps, BPS);
        let tick = self.spec(symbol).tick.max(1);
        let limit = match taker {
            Side::Buy => (mid + distance) / tick * tick,
            Side::Sell => ((mid - distance) / tick * tick).max(tick),
        };
        let now_us = self.now_us;
        self.with_market(now_us, symbol, |market| {
            market.take(taker, EVERYTHING, Some(limit));
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{AccountId, NewOrder, ONE, TimeInForce};
    use crate::exchange::ExchangeConfig;
    use crate::flow::{FlowParams, Regime, SyntheticFlow};
    use crate::symbol::SymbolSpec;

    const SYMBOL: SymbolId = SymbolId(0);
    const ACCOUNT: AccountId = AccountId(0);
    const SECOND_US: u64 = 1_000_000;

    fn venue() -> Exchange {
        let symbols = vec![(SymbolSpec::ethusdc(), 2_500 * ONE)];
        let mut exchange = Exchange::new(ExchangeConfig::new(SECOND_US, symbols), 3);
        exchange.add_account(&[("USDC", 1_000_000 * ONE)]);
        let flow = SyntheticFlow::new(FlowParams::new(Regime::Calm), 2_500 * ONE, 3);
        exchange.attach_flow(SYMBOL, Box::new(flow));
        exchange.advance(3 * SECOND_US);
        exchange
    }

    fn mid(exchange: &Exchange) -> f64 {
        exchange.mid_of(SYMBOL).expect("two sides") as f64 / ONE as f64
    }

    fn rest(exchange: &mut Exchange, side: Side, bps: i64) {
        let mid = exchange.mid_of(SYMBOL).expect("two sides");
        let tick = exchange.spec(SYMBOL).tick;
        let price = (mid - side.sign() * decimal::mul_div(mid, bps, BPS)) / tick * tick;
        let order = NewOrder::limit(SYMBOL, side, price, ONE / 100, TimeInForce::Gtx);
        let now_us = exchange.now_us();
        exchange.place(now_us, ACCOUNT, &order).expect("rests");
    }

    #[test]
    fn a_crash_of_ten_percent_takes_two_seconds_and_stays() {
        let mut exchange = venue();
        let before = mid(&exchange);
        let now_us = exchange.now_us();
        let crash = Shock::Move {
            bps: -1_000,
            over_ms: 2_000,
        };
        exchange.shock(now_us, SYMBOL, crash).expect("a flow");
        exchange.advance(now_us + SECOND_US);
        let half = mid(&exchange) / before;
        assert!((0.94..0.96).contains(&half), "{half}");
        exchange.advance(now_us + 2 * SECOND_US + SECOND_US / 10);
        let end = mid(&exchange) / before;
        assert!((0.895..0.905).contains(&end), "{end}");
        exchange.advance(now_us + 10 * SECOND_US);
        let later = mid(&exchange) / before;
        assert!((0.89..0.91).contains(&later), "{later}");
    }

    #[test]
    fn a_gap_goes_through_the_ladder_at_once() {
        let mut exchange = venue();
        for bps in [20, 40, 60] {
            rest(&mut exchange, Side::Buy, bps);
        }
        let before = mid(&exchange);
        let now_us = exchange.now_us();
        exchange
            .shock(now_us, SYMBOL, Shock::Gap { bps: -100 })
            .expect("a flow");
        let seen = exchange.exposure_extremes(ACCOUNT, SYMBOL);
        assert_eq!((seen.fills_buy, seen.open_orders), (3, 0));
        exchange.advance(now_us + SECOND_US / 2);
        let after = mid(&exchange) / before;
        assert!((0.988..0.992).contains(&after), "{after}");
    }

    #[test]
    fn a_sweep_takes_both_sides_and_the_price_returns() {
        for (side, fills) in [
            (None, (1, 1)),
            (Some(Side::Sell), (1, 0)),
            (Some(Side::Buy), (0, 1)),
        ] {
            let mut exchange = venue();
            rest(&mut exchange, Side::Buy, 20);
            rest(&mut exchange, Side::Sell, 20);
            rest(&mut exchange, Side::Sell, 90);
            let before = mid(&exchange);
            let now_us = exchange.now_us();
            let sweep = Shock::Sweep { side, bps: 50 };
            exchange.shock(now_us, SYMBOL, sweep).expect("two sides");
            let seen = exchange.exposure_extremes(ACCOUNT, SYMBOL);
            assert_eq!((seen.fills_buy, seen.fills_sell), fills, "{side:?}");
            exchange.advance(now_us + 5 * SECOND_US);
            let after = mid(&exchange) / before;
            assert!((0.998..1.002).contains(&after), "{side:?} {after}");
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let mut exchange = venue();
        let now_us = exchange.now_us();
        let mut refused = |shock| exchange.shock(now_us, SYMBOL, shock).expect_err("refused");
        assert_eq!(refused(Shock::Gap { bps: 0 }), ShockError::Distance);
        assert_eq!(refused(Shock::Gap { bps: 9_001 }), ShockError::Distance);
        let sweep = Shock::Sweep {
            side: None,
            bps: -5,
        };
        assert_eq!(refused(sweep), ShockError::Distance);
        let symbols = vec![(SymbolSpec::ethusdc(), 2_500 * ONE)];
        let mut bare = Exchange::new(ExchangeConfig::new(SECOND_US, symbols), 3);
        let mut refused = |shock| bare.shock(SECOND_US, SYMBOL, shock).expect_err("refused");
        assert_eq!(
            refused(Shock::Move { bps: 5, over_ms: 1 }),
            ShockError::NoPush
        );
        assert_eq!(refused(Shock::Gap { bps: 5 }), ShockError::NoMid);
    }
}
