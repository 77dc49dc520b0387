//! Owns the quotes of Avellaneda and Stoikov, "High-frequency trading in a limit order book", Quantitative
//! Finance 8(3), 2008; knows nothing of ladders or modes.
//!
//! Section 3.2 of the paper, arithmetic Brownian mid and arrivals λ(δ) = A·e^(−k·δ):
//!
//! ```text
//! reservation  r = s − q·γ·σ²·(T − t)
//! spread δᵃ+δᵇ = γ·σ²·(T − t) + (2/γ)·ln(1 + γ/k)
//! ```
//!
//! The paper trades one unit at a time; with orders of Δ the risk of one order is γΔ. A perpetual has no
//! T, so the horizon rolls: T − t is always [`HORIZON`], the window in which σ is measured.

use crate::event::Trade;
use crate::float::of_span_seconds;
use crate::signal::volatility::WINDOW;
use crate::strategy::model::{Inputs, Quoter, Quotes};
use crate::strategy::{Desired, Strategy, StrategyView};
use crate::units::{Lots, Now, Side, Span, Ticks};

/// T − t.
pub const HORIZON: Span = WINDOW;

/// See the module.
#[derive(Clone, Debug, Default)]
pub struct AvellanedaStoikov {
    quoter: Quoter,
}

impl Strategy for AvellanedaStoikov {
    fn on_trade(&mut self, now: Now, trade: &Trade) {
        self.quoter.on_trade(now, trade);
    }

    fn on_fill(&mut self, _now: Now, _side: Side, _price: Ticks, _size: Lots) {}

    fn quote(&mut self, view: &StrategyView<'_>, desired: &mut Desired) {
        self.quoter.quote(view, desired, solve);
    }
}

fn solve(inputs: &Inputs) -> Quotes {
    let risk = inputs.risk_aversion * inputs.variance * of_span_seconds(HORIZON);
    Quotes {
        skew: -inputs.inventory * risk,
        half_spread: risk * inputs.order / 2.0 + inputs.arrival_half_spread(),
    }
}

#[cfg(test)]
mod tests;
