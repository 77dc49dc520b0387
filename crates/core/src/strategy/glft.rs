//! Owns the quotes of Guéant, Lehalle and Fernandez-Tapia, "Dealing with the inventory risk", Mathematics
//! and Financial Economics 7, 2013; knows nothing of ladders or modes.
//!
//! Their closed-form approximation of the asymptotic quotes (far from T), in the form for orders of size Δ
//! of Guéant, "Optimal market making", Applied Mathematical Finance 24(2), 2017, eqs. (4.6) and (4.7), with
//! ξ = γ (exponential utility):
//!
//! ```text
//! δᵇ(q) = (1/γΔ)·ln(1 + γΔ/k) + (2q + Δ)/2 · c
//! δᵃ(q) = (1/γΔ)·ln(1 + γΔ/k) − (2q − Δ)/2 · c
//! c     = √( σ²γ / (2AΔk) · (1 + γΔ/k)^(k/γΔ + 1) )
//! ```
//!
//! which is a reservation price of s − q·c and a half-spread of (1/γΔ)·ln(1 + γΔ/k) + Δ·c/2. A and k are
//! calibrated online, see [`crate::strategy::arrivals`].

use crate::event::Trade;
use crate::strategy::model::{Inputs, Quoter, Quotes};
use crate::strategy::{Desired, Strategy, StrategyView};
use crate::units::{Lots, Now, Side, Ticks};

/// See the module.
#[derive(Clone, Debug, Default)]
pub struct Glft {
    quoter: Quoter,
}

impl Strategy for Glft {
    fn on_trade(&mut self, now: Now, trade: &Trade) {
        self.quoter.on_trade(now, trade);
    }

    fn on_fill(&mut self, _now: Now, _side: Side, _price: Ticks, _size: Lots) {}

    fn quote(&mut self, view: &StrategyView<'_>, desired: &mut Desired) {
        self.quoter.quote(view, desired, solve);
    }
}

fn solve(inputs: &Inputs) -> Quotes {
    let slope = inventory_slope(inputs);
    Quotes {
        skew: -inputs.inventory * slope,
        half_spread: inputs.arrival_half_spread() + inputs.order * slope / 2.0,
    }
}

/// `c` of the module: by how much quotes move for each unit of inventory.
fn inventory_slope(inputs: &Inputs) -> f64 {
    let (rate, decay) = (inputs.intensity.rate, inputs.intensity.decay);
    let risk = inputs.risk_aversion * inputs.order / decay;
    // (1 + x)^(1/x + 1) as e^((1/x + 1)·ln(1 + x)): exact where 1 + x would round to 1.
    let growth = libm::exp((1.0 / risk + 1.0) * libm::log1p(risk));
    let scale = inputs.variance * inputs.risk_aversion / (2.0 * rate * inputs.order * decay);
    libm::sqrt(scale * growth)
}

#[cfg(test)]
mod tests;
