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
