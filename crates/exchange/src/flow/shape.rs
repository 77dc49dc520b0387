//! How much quantity the background keeps at which distance, in the symbol's own ticks and steps; knows no book.

use super::params::{
    BANDS, BEST_QUOTE_MEDIAN, BEST_SIGMA, BEST_STEP_QUOTE, CHURN_SHARE_SUM, FlowParams, LEVEL_SIGMA,
};
use super::variate::{chance, exp, exponential, log_normal, uniform};
use crate::api::E8;
use crate::prng::Prng;

/// Relative price change after which quantities are worked out anew.
const REBASE_SHARE: f64 = 0.01;

/// One band of [`BANDS`] in ticks and base quantity.
#[derive(Clone, Copy, Debug)]
struct TickBand {
    from_ticks: f64,
    to_ticks: f64,
    in_use: f64,
    median_e8: f64,
    churn_share: u64,
    renewal: f64,
}

/// The shape at one price.
#[derive(Clone, Debug)]
pub(super) struct Shape {
    tick: E8,
    step: E8,
    price_ticks: f64,
    bands: [Option<TickBand>; BANDS.len()],
    /// How far the book is kept, ticks.
    pub(super) window_ticks: i64,
    /// Smallest spread, ticks.
    pub(super) spread_ticks: i64,
    best_median_e8: f64,
    best_step_e8: f64,
    /// Base quantity in 1e-8 for one quote unit.
    base_e8_per_quote: f64,
}

/// What a book change does to a level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// Set whatever is there to this quantity; 0 empties it.
    Replace(E8),
    /// Set to this quantity if there is any.
    Requote(E8),
}

impl Shape {
    /// The shape around a price for a grid.
    pub(super) fn new(params: &FlowParams, tick: E8, step: E8, price_ticks: f64) -> Self {
        let price = price_ticks * tick as f64 / 1e8;
        let ticks_per_bps = price_ticks / 1e4;
        let base_e8_per_quote = 1e8 / price;
        let amount_e8 = |quote: f64| quote * params.liquidity * base_e8_per_quote;
        let window = (params.depth_bps * ticks_per_bps).min(params.depth_ticks_max as f64);
        let window_ticks = (window as i64).max(20);
        let mut from_bps = 0.0;
        let bands = BANDS.map(|band| {
            let from_ticks = from_bps * ticks_per_bps;
            from_bps = band.to_bps;
            let prices = band.prices_per_bps * params.density / ticks_per_bps;
            let in_use = (1.0 - exp(-prices)).max(1e-3);
            let mean_e8 = amount_e8(band.quote_per_bps / ticks_per_bps / in_use);
            (from_ticks < window_ticks as f64).then_some(TickBand {
                from_ticks,
                to_ticks: (band.to_bps * ticks_per_bps).min(window_ticks as f64),
                in_use,
                median_e8: mean_e8 * exp(-LEVEL_SIGMA * LEVEL_SIGMA / 2.0),
                churn_share: band.churn_share,
                renewal: band.renewal,
            })
        });
        Self {
            tick,
            step: step.max(1),
            price_ticks,
            bands,
            window_ticks,
            spread_ticks: ((params.spread_bps * ticks_per_bps).round() as i64).max(1),
            best_median_e8: amount_e8(BEST_QUOTE_MEDIAN),
            best_step_e8: amount_e8(BEST_STEP_QUOTE),
            base_e8_per_quote,
        }
    }

    /// Tick and step.
    pub(super) fn grid(&self) -> (E8, E8) {
        (self.tick, self.step)
    }

    /// The shape at a new price; unchanged while it is within a hundredth.
    pub(super) fn follow(&mut self, params: &FlowParams, price_ticks: f64) {
        if (price_ticks / self.price_ticks - 1.0).abs() > REBASE_SHARE {
            *self = Self::new(params, self.tick, self.step, price_ticks);
        }
    }

    /// A quantity on the step grid, at least one step.
    pub(super) fn on_grid(&self, quantity_e8: f64) -> E8 {
        let steps = (quantity_e8 / self.step as f64).round();
        (steps.clamp(1.0, 1e12) as i64).saturating_mul(self.step)
    }

    /// A base quantity on the step grid worth `quote` quote units.
    pub(super) fn worth(&self, quote: f64) -> E8 {
        self.on_grid(quote * self.base_e8_per_quote)
    }

    /// A quantity for a best price.
    pub(super) fn best_quantity(&self, prng: &mut Prng) -> E8 {
        self.on_grid(log_normal(prng, self.best_median_e8, BEST_SIGMA))
    }

    /// The quantity of a best price after one order joined or left: joining is likelier the less there is.
    pub(super) fn best_after_step(&self, quantity: E8, prng: &mut Prng) -> E8 {
        let step_e8 = self.on_grid(exponential(prng, self.best_step_e8));
        let target_e8 = self.best_median_e8;
        let join = target_e8 / (target_e8 + quantity as f64);
        if chance(prng, join) {
            quantity.saturating_add(step_e8)
        } else {
            quantity.saturating_sub(step_e8).max(self.step)
        }
    }

    /// The quantity of a level at a distance from the best price of its side: 0 where the price is not in use.
    pub(super) fn level_quantity(&self, distance_ticks: i64, prng: &mut Prng) -> E8 {
        let distance = distance_ticks as f64;
        let mut bands = self.bands.iter().flatten();
        let last = self.bands.iter().flatten().next_back();
        // On a coarse grid the book reaches beyond the last band, which then goes on.
        let band = bands.find(|band| distance <= band.to_ticks).or(last);
        match band {
            Some(band) if chance(prng, band.in_use) => self.quantity(band, prng),
            Some(_) | None => 0,
        }
    }

    fn quantity(&self, band: &TickBand, prng: &mut Prng) -> E8 {
        self.on_grid(log_normal(prng, band.median_e8, LEVEL_SIGMA))
    }

    /// Where a book change falls, in ticks from the best price (at least 1), and what it does.
    pub(super) fn next_change(&self, prng: &mut Prng) -> (i64, Change) {
        let mut place = prng.below(CHURN_SHARE_SUM);
        let mut chosen = None;
        for band in self.bands.iter().flatten() {
            chosen = Some(band);
            match place.checked_sub(band.churn_share) {
                Some(rest) => place = rest,
                None => break,
            }
        }
        let Some(band) = chosen else {
            return (1, Change::Replace(0));
        };
        let width = band.to_ticks - band.from_ticks;
        let distance = (band.from_ticks + width * uniform(prng)) as i64;
        let change = if !chance(prng, band.renewal) {
            Change::Requote(self.quantity(band, prng))
        } else if chance(prng, band.in_use) {
            Change::Replace(self.quantity(band, prng))
        } else {
            Change::Replace(0)
        };
        (distance.max(1), change)
    }
}
