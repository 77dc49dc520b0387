//! Owns what the published optimal-control models share: their inputs and the ladder around their quotes;
//! knows nothing of the formulas.
//!
//! The models answer with a reservation price and a half-spread; further layers follow at the geometric
//! spacings of the configuration. Layer reduction and reduce-only apply, pinning and grinding do not: they
//! belong to ASMM. Until trades and volatility are known the ladder stands unskewed at its start offset.

use crate::event::Trade;
use crate::float::{of_lots, of_price8, price8_nearest};
use crate::signal::volatility::WINDOW;
use crate::strategy::arrivals::{Arrivals, Intensity};
use crate::strategy::desired::Missing;
use crate::strategy::ladder::{self, Geometry, Plan};
use crate::strategy::toxicity::Toxicity;
use crate::strategy::{Desired, Mode, PRICE8_MAX, StrategyView, position_ratio};
use crate::units::{Now, PerSide, Price8, Side};

/// Neither skew nor half-spread goes beyond one part in so many of mid: 2 %.
const FARTHEST: i64 = 50;

/// State shared by the models.
#[derive(Clone, Debug, Default)]
pub(super) struct Quoter {
    toxicity: Toxicity,
    geometry: Geometry,
    arrivals: Arrivals,
    tick_e8: i64,
}

/// What a model computes from; prices in quote units, inventory in base units, time in seconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Inputs {
    /// γ > 0 per quote unit of profit.
    pub(super) risk_aversion: f64,
    /// σ²: variance of mid per second.
    pub(super) variance: f64,
    /// q: signed inventory.
    pub(super) inventory: f64,
    /// Δ > 0: size of one order.
    pub(super) order: f64,
    /// A and k.
    pub(super) intensity: Intensity,
}

/// What a model answers with, in quote units.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Quotes {
    /// Reservation price less mid.
    pub(super) skew: f64,
    /// Distance of the best quotes from the reservation price.
    pub(super) half_spread: f64,
}

impl Quoter {
    pub(super) fn on_trade(&mut self, now: Now, trade: &Trade) {
        let price = Price8(trade.price.0.saturating_mul(self.tick_e8));
        self.arrivals.on_trade(now, trade, price);
    }

    /// Lays the ladder around what `solve` answers.
    pub(super) fn quote(
        &mut self,
        view: &StrategyView<'_>,
        desired: &mut Desired,
        solve: impl Fn(&Inputs) -> Quotes,
    ) {
        desired.clear();
        self.tick_e8 = view.instrument.tick_e8;
        let reaction = self.toxicity.react(view);
        let mid = view.mid();
        self.arrivals.on_mid(mid);
        self.geometry.refresh(view, reaction.factor);
        let quotes = mid
            .and_then(|mid| self.inputs(view, mid))
            .map(|inputs| solve(&inputs))
            .filter(|quotes| quotes.skew.is_finite() && quotes.half_spread.is_finite());
        let farthest = mid.map_or(PRICE8_MAX, |mid| Price8(mid.raw() / FARTHEST));
        let quotes = quotes.map(|quotes| quotes.within(of_price8(farthest) / 1e8));
        let first = quotes.map_or(self.geometry.first(), |quotes| {
            price8_nearest(quotes.half_spread * reaction.factor * 1e8)
                .clamp(-PRICE8_MAX, PRICE8_MAX)
        });
        explain(view, mid, quotes, reaction.factor, desired);
        desired.again_at = reaction.paused_until;
        let why = if view.mode == Mode::Halt {
            Missing::Halt
        } else if reaction.paused_until.is_some() {
            Missing::VpinPause
        } else if let Some(mid) = mid {
            let plan = Plan {
                centre: desired.explanation.reservation,
                first: PerSide {
                    buy: first,
                    sell: first,
                },
                lead: PerSide::default(),
                wanted: ladder::wanted(view),
            };
            ladder::lay(view, mid, &plan, &self.geometry, desired);
            return;
        } else {
            Missing::NoMarket
        };
        for side in Side::BOTH {
            desired.miss_all(side, view.layers(), why);
        }
    }

    /// The inputs, once volatility and arrivals are known and the parameters make sense.
    ///
    /// σ of the signal is the spread of the level over a window W. For a Brownian path the expected variance
    /// of its level over W is σ²W/6, hence σ² = 6·s²/W. While the window fills, s has seen less than W and σ
    /// comes out low; the smallest spread bounds what that can do.
    fn inputs(&self, view: &StrategyView<'_>, mid: Price8) -> Option<Inputs> {
        let spread = view.sigma.filter(|s| s.is_finite())? * of_price8(mid) / 1e8;
        let base = |lots| of_lots(lots) * (view.instrument.step_e8 as f64 / 1e8);
        let inputs = Inputs {
            risk_aversion: view.params.risk_aversion,
            variance: 6.0 * spread * spread / crate::float::of_span_seconds(WINDOW),
            inventory: base(view.position),
            order: base(view.params.layer_size),
            intensity: self.arrivals.intensity()?,
        };
        (inputs.risk_aversion > 0.0 && inputs.order > 0.0).then_some(inputs)
    }
}

impl Quotes {
    /// The models know no bound: after a move of some percent they would quote beyond every filter of the exchange, which is
    /// not to quote at all.
    fn within(self, farthest: f64) -> Self {
        Self {
            skew: self.skew.clamp(-farthest, farthest),
            half_spread: self.half_spread.min(farthest),
        }
    }
}

impl Inputs {
    /// (1/γΔ)·ln(1 + γΔ/k): what a maker asks for being picked, whatever the volatility.
    pub(super) fn arrival_half_spread(&self) -> f64 {
        let risk = self.risk_aversion * self.order;
        libm::log1p(risk / self.intensity.decay) / risk
    }
}

fn explain(
    view: &StrategyView<'_>,
    mid: Option<Price8>,
    quotes: Option<Quotes>,
    vpin_factor: f64,
    desired: &mut Desired,
) {
    let ratio = position_ratio(view.position, view.net_max);
    let skew = price8_nearest(quotes.map_or(0.0, |quotes| quotes.skew) * 1e8);
    let explanation = &mut desired.explanation;
    explanation.mode = view.mode;
    explanation.mid = mid;
    explanation.position_ratio = ratio;
    explanation.skew_ratio = ratio;
    explanation.inventory_skew = skew;
    explanation.reservation = mid
        .unwrap_or_default()
        .saturating_add(skew)
        .clamp(-PRICE8_MAX, PRICE8_MAX);
    explanation.sigma = view.sigma;
    explanation.vpin = view.vpin.map(|reading| reading.value);
    explanation.vpin_factor = vpin_factor;
}
