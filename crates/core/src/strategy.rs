//! Owns what should be quoted: strategies turn a view of market and position into desired slots; they
//! never see order ids, acknowledgements or time-outs.
//!
//! A new strategy is one file below this module, one variant of [`StrategyKind`] and one line in the
//! `strategies!` table. The rules every ladder must keep, whatever its model (post-only, smallest
//! spread, no two layers on one price, sizes), live in [`ladder`], so that no strategy can forget one.

use crate::event::{Level, Trade};
use crate::instrument::Instrument;
use crate::params::{LAYERS_MAX, QuotingParams, StrategyKind};
use crate::signal::vpin::VpinReading;
use crate::units::{Lots, Now, Price8, Side, Ticks};

pub mod arrivals;
pub mod asmm;
pub mod avellaneda_stoikov;
pub mod desired;
pub mod glft;
pub mod ladder;
pub mod mode;
mod model;
pub mod toxicity;

pub use desired::{Desired, Explanation, Gap, Missing, Take};
pub use mode::{Mode, next_mode, position_ratio};

/// Decides where and how much to quote for one symbol.
///
/// Calls come in event order; equal calls give equal answers on every machine.
pub trait Strategy {
    /// A public trade as it came; after a reconnect some may come twice.
    fn on_trade(&mut self, now: Now, trade: &Trade);

    /// A fill of ours, maker or taker; `size` > 0.
    fn on_fill(&mut self, now: Now, side: Side, price: Ticks, size: Lots);

    /// Writes into `desired` everything that should rest now, why the rest is missing, and at most one
    /// order that takes. The caller sends the take of the call in which it appears or never.
    fn quote(&mut self, view: &StrategyView<'_>, desired: &mut Desired);
}

/// What a strategy may know when it decides.
#[derive(Clone, Copy, Debug)]
pub struct StrategyView<'a> {
    /// The instant of the decision.
    pub now: Now,
    /// The contract.
    pub instrument: &'a Instrument,
    /// Shape of the ladder; read on every call, so that a change applies at once.
    pub params: &'a QuotingParams,
    /// `net_max` in lots.
    pub net_max: Lots,
    /// `net_max` × `batch_worst_case_ratio`: how far past zero the reducing side may carry the position.
    pub batch_bound: Lots,
    /// Best bid as the book shows it, orders of ours included.
    pub bid: Level,
    /// Best ask as the book shows it, orders of ours included.
    pub ask: Level,
    /// Signed position.
    pub position: Lots,
    /// The mode in force, from [`next_mode`].
    pub mode: Mode,
    /// σ/mid from [`crate::signal::volatility`]; `None` while warming up.
    pub sigma: Option<f64>,
    /// Predicted funding rate of the running interval; longs pay when it is positive.
    pub predicted_funding: Option<f64>,
    /// Order-flow toxicity; `None` while it is neutral for lack of volume.
    pub vpin: Option<VpinReading>,
}

/// Prices at or beyond this (2⁶¹ of 1e-8 quote, 23 billion quote units) are refused as no market, which
/// keeps every later sum of price and distance inside `i64`.
pub const PRICE8_MAX: Price8 = Price8(1 << 61);

impl StrategyView<'_> {
    /// The middle of the touch, rounded down to 1e-8; `None` unless 0 < bid < ask < [`PRICE8_MAX`].
    #[must_use]
    pub fn mid(&self) -> Option<Price8> {
        if self.bid.price.0 <= 0 || self.ask.price.0 <= self.bid.price.0 {
            return None;
        }
        let bid = self.instrument.price8(self.bid.price);
        let ask = self.instrument.price8(self.ask.price);
        (ask.0 < PRICE8_MAX.0).then(|| Price8(i64::midpoint(bid.0, ask.0)))
    }

    /// The best price of `side` of the book.
    #[must_use]
    pub const fn touch(&self, side: Side) -> Ticks {
        match side {
            Side::Buy => self.bid.price,
            Side::Sell => self.ask.price,
        }
    }

    /// The side whose fills grow the position; `None` when flat.
    #[must_use]
    pub const fn growing(&self) -> Option<Side> {
        match self.position.0.signum() {
            1 => Some(Side::Buy),
            -1 => Some(Side::Sell),
            _ => None,
        }
    }

    /// Layers per side that the parameters ask for, never above [`LAYERS_MAX`].
    #[must_use]
    pub const fn layers(&self) -> u16 {
        if self.params.layers < LAYERS_MAX {
            self.params.layers
        } else {
            LAYERS_MAX
        }
    }
}

macro_rules! strategies {
    ($($kind:ident => $of:ty),+ $(,)?) => {
        /// Every strategy there is, chosen by [`StrategyKind`].
        #[derive(Clone, Debug)]
        pub enum AnyStrategy {
            $(
                #[doc = concat!("See [`", stringify!($of), "`].")]
                $kind($of),
            )+
        }

        impl AnyStrategy {
            /// The strategy of this kind, knowing nothing yet.
            #[must_use]
            pub fn new(kind: StrategyKind) -> Self {
                match kind {
                    $(StrategyKind::$kind => Self::$kind(<$of>::default()),)+
                }
            }

            /// Which one it is.
            #[must_use]
            pub const fn kind(&self) -> StrategyKind {
                match self {
                    $(Self::$kind(_) => StrategyKind::$kind,)+
                }
            }
        }

        impl Strategy for AnyStrategy {
            fn on_trade(&mut self, now: Now, trade: &Trade) {
                match self {
                    $(Self::$kind(strategy) => strategy.on_trade(now, trade),)+
                }
            }
            fn on_fill(&mut self, now: Now, side: Side, price: Ticks, size: Lots) {
                match self {
                    $(Self::$kind(strategy) => strategy.on_fill(now, side, price, size),)+
                }
            }
            fn quote(&mut self, view: &StrategyView<'_>, desired: &mut Desired) {
                match self {
                    $(Self::$kind(strategy) => strategy.quote(view, desired),)+
                }
            }
        }
    };
}

// The one registration.
strategies! {
    Asmm => asmm::Asmm,
    AvellanedaStoikov => avellaneda_stoikov::AvellanedaStoikov,
    Glft => glft::Glft,
}

#[cfg(test)]
mod tests;
