//! Owns the parameters of one symbol in the engine's units; knows nothing of files or their key names.
//!
//! Values are checked by whoever builds them (the configuration). Ratios that only shape quotes are `f64`; those that bound
//! risk are [`Ratio`].

use crate::units::{Lots, Price8, Quote, Ratio, Span, Ticks};

/// What holds for all symbols of the account together.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct AccountParams {
    /// `total_notional_max`: |position| and everything that could still fill, over all symbols, at mid.
    pub total_notional_max: Quote,
    /// `request_share_max`: share of the exchange's limits that may be used (0.8).
    pub request_share: Ratio,
    /// The exchange's limits.
    pub limits: ExchangeLimits,
    /// An acknowledged order whose event has not come after this long makes the user stream suspect (2 s).
    pub user_event_within: Span,
}

impl AccountParams {
    /// The defaults under a bound on the notional, for which there is no safe guess.
    #[must_use]
    pub const fn new(total_notional_max: Quote) -> Self {
        Self {
            total_notional_max,
            request_share: Ratio(80_000_000),
            limits: ExchangeLimits::DEFAULT,
            user_event_within: Span::from_secs(2),
        }
    }
}

/// What the exchange allows an address and an account (protocol §6.1).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct ExchangeLimits {
    /// Request weight per minute, of the address.
    pub weight_per_min: u32,
    /// Orders and amendments per 10 s, of the account.
    pub orders_per_10s: u32,
    /// Orders and amendments per minute, of the account.
    pub orders_per_min: u32,
}

impl ExchangeLimits {
    /// What holds for an account without special terms.
    pub const DEFAULT: Self = Self {
        weight_per_min: 2_400,
        orders_per_10s: 300,
        orders_per_min: 1_200,
    };
}

/// Everything configurable about one symbol (spec §3–§6).
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct SymbolParams {
    /// Where and how much to quote.
    pub quoting: QuotingParams,
    /// Bounds.
    pub risk: RiskParams,
    /// When to move orders.
    pub orders: OrderParams,
    /// When data is too old.
    pub liveness: LivenessParams,
}

/// Which strategy quotes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StrategyKind {
    /// Adaptive skewed market making (spec §3).
    Asmm,
    /// Avellaneda–Stoikov (2008).
    AvellanedaStoikov,
    /// Guéant–Lehalle–Fernandez-Tapia (2013).
    Glft,
}

/// Shape of the ladder (spec §3).
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct QuotingParams {
    /// Which strategy quotes.
    pub strategy: StrategyKind,
    /// `total_layers`: orders per side, 1..=[`LAYERS_MAX`].
    pub layers: u16,
    /// `unified_layer_size`.
    pub layer_size: Lots,
    /// `grid_start_offset`: distance of the first layer from the reservation price.
    pub start_offset: Price8,
    /// `grid_first_spacing`.
    pub first_spacing: Price8,
    /// `grid_spacing_multiplier`.
    pub spacing_multiplier: f64,
    /// `grid_max_spacing`.
    pub max_spacing: Price8,
    /// `min_spread` as a share of mid.
    pub min_spread: f64,
    /// `inventory_skew_coeff`.
    pub skew_coeff: f64,
    /// Share of the predicted funding rate added to the reservation price (0.5).
    pub funding_share: f64,
    /// EMA weight of a new funding rate (0.3).
    pub funding_alpha: f64,
    /// Factor of σ/mid in the volatility scale (50).
    pub vol_factor: f64,
    /// Lowest volatility scale (0.8).
    pub vol_scale_min: f64,
    /// Highest volatility scale (2.0).
    pub vol_scale_max: f64,
    /// pos/net_max must move by this much before the skew moves (0.05).
    pub skew_dead_zone: f64,
    /// Share of the growing side's layers given up at |pos| = net_max (0.6).
    pub layer_reduction: f64,
    /// Pinning threshold of |pos|/net_max; `None` when switched off.
    pub pinning_thresh: Option<f64>,
    /// Size factor of the pinned order (2.3).
    pub pinning_size_factor: f64,
    /// Grinding threshold of |pos|/net_max; `None` when switched off.
    pub grinding_thresh: Option<f64>,
    /// σ/mid above which grinding is off (0.01).
    pub grinding_vol_max: f64,
    /// Share of the position reduced by one grinding IOC (0.075).
    pub grinding_share: f64,
    /// Distance of the re-entry order after grinding, as a share of mid (0.00042).
    pub grinding_reentry: f64,
    /// Size factor of the re-entry order (2.1).
    pub grinding_size_factor: f64,
    /// Shortest time between two grinding IOCs (60 s).
    pub grinding_cooldown: Span,
    /// |pos|/net_max at which nothing that grows the position is quoted (0.80).
    pub reduce_only_thresh: f64,
    /// VPIN, off by default.
    pub vpin: VpinParams,
    /// Avellaneda–Stoikov / GLFT risk aversion γ (per quote unit of PnL).
    pub risk_aversion: f64,
}

/// Highest number of layers per side.
pub const LAYERS_MAX: u16 = 100;

/// Order-flow toxicity (Easley, López de Prado, O'Hara 2012).
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct VpinParams {
    /// Whether it acts on quotes; it is computed either way.
    pub enabled: bool,
    /// VPIN above which distances widen (0.7).
    pub threshold: f64,
    /// VPIN above which quoting pauses (0.9).
    pub pause_threshold: f64,
    /// Factor of VPIN on distances above the threshold (0.2).
    pub widen: f64,
    /// Length of the pause (5 s).
    pub pause: Span,
    /// Volume of one bucket.
    pub bucket_size: Lots,
}

/// Bounds (spec §4).
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct RiskParams {
    /// `net_max`: |position| + everything that could still fill never exceeds it.
    pub net_max: Lots,
    /// `batch_worst_case_ratio`: share of net_max own fills may reach (0.5).
    pub batch_worst_case: Ratio,
    /// Largest value of one order (fat finger).
    pub order_notional_max: Quote,
    /// Largest distance of an order from mid, as a ratio of mid (0.15).
    pub price_band: Ratio,
    /// `stop_loss_thresh`: unrealised loss as a ratio of position notional.
    pub stop_loss: Ratio,
    /// Drawdown of session equity, as a multiple of the stop-loss amount at net_max (1.5).
    pub drawdown_factor: Ratio,
    /// `halt_seconds`.
    pub halt: Span,
    /// `warning_thresh`: |position|/net_max at which people are told (0.5).
    pub warning: Ratio,
}

/// When orders move (spec §6).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OrderParams {
    /// Shortest time between two discretionary re-quotes.
    pub quote_interval: Span,
    /// Discretionary cancels wait until an order is this old (5 s).
    pub age_min: Span,
    /// `max_cancel_per_min`.
    pub cancels_per_min_max: u32,
    /// Tolerance as a share of the layer's spacing (0.9).
    pub tolerance: Ratio,
    /// Smallest tolerance (10 ticks).
    pub tolerance_min: Ticks,
    /// First layer: tolerance at most this multiple of min_spread (3).
    pub first_layer_spreads: i64,
}

/// When data is too old (spec §5).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LivenessParams {
    /// No order is sent and quotes are pulled (3 s).
    pub stale: Span,
    /// The stream is declared dead (5 s).
    pub dead: Span,
    /// Exchange event time this far behind is stale data that looks fresh (1 s).
    pub lag_max: Span,
    /// Countdown of the exchange's dead-man switch.
    pub dead_man: Span,
    /// A request without an answer is unknown after this.
    pub request_timeout: Span,
    /// Whether lively streams are judged by their own rhythm besides.
    pub adaptive: bool,
    /// Time between two comparisons of the top of book with REST (10 s).
    pub probe_every: Span,
    /// Time between two comparisons of open orders, trades and account with REST (30 s).
    pub reconcile_every: Span,
}

impl Default for OrderParams {
    fn default() -> Self {
        Self {
            quote_interval: Span::from_millis(1_000),
            age_min: Span::from_secs(5),
            cancels_per_min_max: 50,
            tolerance: Ratio(90_000_000),
            tolerance_min: Ticks(10),
            first_layer_spreads: 3,
        }
    }
}

impl Default for LivenessParams {
    fn default() -> Self {
        Self {
            stale: Span::from_secs(3),
            dead: Span::from_secs(5),
            lag_max: Span::from_secs(1),
            dead_man: Span::from_secs(30),
            request_timeout: Span::from_secs(3),
            adaptive: true,
            probe_every: Span::from_secs(10),
            reconcile_every: Span::from_secs(30),
        }
    }
}

/// Defaults of spec §3 with the ladder of its examples on ETHUSDC (tick 0.01, step 0.001).
#[must_use]
pub fn ethusdc_defaults() -> SymbolParams {
    SymbolParams {
        quoting: QuotingParams {
            strategy: StrategyKind::Asmm,
            layers: 18,
            layer_size: Lots(50),
            start_offset: Price8(120_000_000),
            first_spacing: Price8(120_000_000),
            spacing_multiplier: 1.15,
            max_spacing: Price8(2_500_000_000),
            min_spread: 0.0007,
            skew_coeff: 0.002,
            funding_share: 0.5,
            funding_alpha: 0.3,
            vol_factor: 50.0,
            vol_scale_min: 0.8,
            vol_scale_max: 2.0,
            skew_dead_zone: 0.05,
            layer_reduction: 0.6,
            pinning_thresh: Some(0.5),
            pinning_size_factor: 2.3,
            grinding_thresh: Some(0.6),
            grinding_vol_max: 0.01,
            grinding_share: 0.075,
            grinding_reentry: 0.000_42,
            grinding_size_factor: 2.1,
            grinding_cooldown: Span::from_secs(60),
            reduce_only_thresh: 0.80,
            vpin: VpinParams {
                enabled: false,
                threshold: 0.7,
                pause_threshold: 0.9,
                widen: 0.2,
                pause: Span::from_secs(5),
                bucket_size: Lots(50_000),
            },
            risk_aversion: 0.1,
        },
        risk: RiskParams {
            net_max: Lots(2_000),
            batch_worst_case: Ratio(50_000_000),
            order_notional_max: Quote(5_000 * crate::units::E8),
            price_band: Ratio(15_000_000),
            stop_loss: Ratio(5_000_000),
            drawdown_factor: Ratio(150_000_000),
            halt: Span::from_secs(300),
            warning: Ratio(50_000_000),
        },
        orders: OrderParams::default(),
        liveness: LivenessParams::default(),
    }
}
