//! What a synthetic market is like: the calibrated numbers and the regimes derived from them; knows no book.
//!
//! The base is Binance USDⓈ-M ETHUSDT, 345 s of 8 August 2024 (`docs/market-calibration.md`). Distances are in bps of the mid and
//! amounts in quote units, so that one shape serves every price and tick.

/// What kind of market the flow makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Regime {
    /// As measured: 1.2 bps per √s, spread one tick, no trend.
    Normal,
    /// A third of the measured volatility and half of the takers, as in BTCUSDT of 4 April 2023.
    Calm,
    /// Volatility doubled and pulled back within tens of seconds: quotes on both sides are reached in most minutes.
    Lively,
    /// Normal, drifting 6 bps a minute; the direction changes every five minutes on average.
    Trending,
    /// Normal, with a jump of 15 bps about once a minute that sweeps the book.
    Jumpy,
    /// Normal, with a jump of 40 bps every three minutes on which nobody trades in between.
    Gapped,
    /// A fortieth of the depth and of the takers, spread 3 bps, large holes.
    Illiquid,
}

impl Regime {
    /// All regimes.
    pub const ALL: [Regime; 7] = [
        Regime::Normal,
        Regime::Calm,
        Regime::Lively,
        Regime::Trending,
        Regime::Jumpy,
        Regime::Gapped,
        Regime::Illiquid,
    ];

    /// The name used in configuration and output.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Regime::Normal => "normal",
            Regime::Calm => "calm",
            Regime::Lively => "lively",
            Regime::Trending => "trending",
            Regime::Jumpy => "jumpy",
            Regime::Gapped => "gapped",
            Regime::Illiquid => "illiquid",
        }
    }

    /// The regime of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Regime> {
        Regime::ALL.into_iter().find(|regime| regime.name() == name)
    }
}

/// Who trades in a jump.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JumpStyle {
    /// Takers sweep the book on the way.
    Sweep,
    /// Quotes are withdrawn and come back elsewhere; only client orders in between are filled.
    Gap,
}

/// Everything that shapes a synthetic market. Build with [`FlowParams::new`] and change what should differ.
#[derive(Clone, Debug, PartialEq)]
pub struct FlowParams {
    /// Volatility of the fair value, bps per √s.
    pub sigma_bps: f64,
    /// Standard deviation of the logarithm of slow volatility changes.
    pub volatility_swing: f64,
    /// Trend, bps per second, in a direction that changes at random.
    pub trend_bps_per_s: f64,
    /// Mean time between changes of the trend's direction, s.
    pub trend_flip_s: f64,
    /// Time in which the fair value returns to its anchor, s.
    pub reversion_s: f64,
    /// Jumps per hour.
    pub jumps_per_hour: f64,
    /// Mean absolute size of a jump, bps.
    pub jump_bps: f64,
    /// Who trades in a jump.
    pub jump_style: JumpStyle,
    /// Taker orders per second.
    pub takers_per_s: f64,
    /// Multiplies depth and taker sizes (1: as ETHUSDT, 52 000 quote units at the best price).
    pub liquidity: f64,
    /// Multiplies how much of the price grid is in use.
    pub density: f64,
    /// Book changes per second, best prices included; price moves come on top.
    pub churn_per_s: f64,
    /// Smallest spread, bps; never below one tick.
    pub spread_bps: f64,
    /// Share of moves after which the retreating side is filled in late, so that the spread is wide for a moment.
    pub late_refill_share: f64,
    /// How far the book is kept on each side, bps.
    pub depth_bps: f64,
    /// How far the book is kept on each side at most, in price steps.
    pub depth_ticks_max: i64,
    /// Time between two rounds of book changes, µs.
    pub round_us: u64,
}

impl FlowParams {
    /// The parameters of a regime at the real message rate.
    #[must_use]
    pub fn new(regime: Regime) -> FlowParams {
        let normal = FlowParams {
            sigma_bps: 1.08,
            volatility_swing: 0.35,
            trend_bps_per_s: 0.0,
            trend_flip_s: 300.0,
            reversion_s: 20_000.0,
            jumps_per_hour: 0.0,
            jump_bps: 0.0,
            jump_style: JumpStyle::Sweep,
            takers_per_s: 10.0,
            liquidity: 1.0,
            density: 1.0,
            churn_per_s: 1_420.0,
            spread_bps: 0.0,
            late_refill_share: 0.4,
            depth_bps: 50.0,
            depth_ticks_max: 1_500,
            round_us: 5_000,
        };
        match regime {
            Regime::Normal => normal,
            Regime::Calm => FlowParams {
                sigma_bps: 0.4,
                takers_per_s: 6.0,
                churn_per_s: 700.0,
                ..normal
            },
            Regime::Lively => FlowParams {
                sigma_bps: 2.3,
                reversion_s: 15.0,
                ..normal
            },
            Regime::Trending => FlowParams {
                trend_bps_per_s: 0.1,
                ..normal
            },
            Regime::Jumpy => FlowParams {
                jumps_per_hour: 60.0,
                jump_bps: 15.0,
                ..normal
            },
            Regime::Gapped => FlowParams {
                jumps_per_hour: 20.0,
                jump_bps: 40.0,
                jump_style: JumpStyle::Gap,
                ..normal
            },
            Regime::Illiquid => FlowParams {
                takers_per_s: 0.25,
                liquidity: 0.025,
                density: 0.05,
                churn_per_s: 40.0,
                spread_bps: 3.0,
                late_refill_share: 0.3,
                ..normal
            },
        }
    }

    /// The same market with a fortieth of the book changes, for simulations that run thousands of times faster than
    /// real time. Prices and takers are unchanged; the book is kept for 20 bps and at most 200 price steps.
    #[must_use]
    pub fn light(self) -> FlowParams {
        FlowParams {
            churn_per_s: self.churn_per_s / 40.0,
            round_us: 100_000,
            late_refill_share: 0.0,
            depth_bps: 20.0,
            depth_ticks_max: 200,
            ..self
        }
    }
}

/// A stretch of the book, by distance from the best price of its side.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Band {
    /// Where it ends, bps.
    pub to_bps: f64,
    /// Mean quantity, quote units per bps.
    pub quote_per_bps: f64,
    /// Used prices per bps if the grid were fine: the share of used prices is 1 − exp(−this / ticks per bps).
    pub prices_per_bps: f64,
    /// Share of the book changes that fall here, of [`CHURN_SHARE_SUM`].
    pub churn_share: u64,
    /// Chance that a change asks anew whether the price is in use at all.
    pub renewal: f64,
}

/// Sum of the shares in [`BANDS`].
pub(super) const CHURN_SHARE_SUM: u64 = 1_000;

/// The book's shape. Quantities: differences of "depth within" of the ETHUSDT column × 2681; prices in use: from
/// "price grid in use", checked against BTCUSDT, whose grid is 2.3 times finer; changes: counts of depth updates by distance.
pub(super) const BANDS: [Band; 7] = [
    band(0.5, 44_000.0, 8.0, 40, 0.7),
    band(1.0, 60_000.0, 15.5, 50, 0.7),
    band(2.0, 155_000.0, 29.0, 110, 0.45),
    band(5.0, 400_000.0, 60.0, 240, 0.3),
    band(10.0, 477_000.0, 71.0, 250, 0.2),
    band(20.0, 585_000.0, 51.0, 160, 0.2),
    band(50.0, 388_000.0, 28.5, 150, 0.3),
];

const fn band(
    to_bps: f64,
    quote_per_bps: f64,
    prices_per_bps: f64,
    churn_share: u64,
    renewal: f64,
) -> Band {
    Band {
        to_bps,
        quote_per_bps,
        prices_per_bps,
        churn_share,
        renewal,
    }
}

/// Median quantity at the best price, quote units (15.3 ETH), and the deviation of its logarithm (mean 19.6).
pub(super) const BEST_QUOTE_MEDIAN: f64 = 41_000.0;
/// See [`BEST_QUOTE_MEDIAN`].
pub(super) const BEST_SIGMA: f64 = 0.7;
/// Mean size of one order that joins or leaves the best price, quote units.
pub(super) const BEST_STEP_QUOTE: f64 = 6_700.0;
/// Deviation of the logarithm of a level's quantity: median 1.13, mean 5.7, p99 41.6 over 200 levels.
pub(super) const LEVEL_SIGMA: f64 = 1.7;
/// Share of the book changes at the two best prices: 150 ticker quantity changes a second against 1243 levels in depth.
pub(super) const BEST_CHURN_SHARE: f64 = 0.075;
/// Median size of a taker order, quote units (0.2 ETH).
pub(super) const TAKER_QUOTE_MEDIAN: f64 = 535.0;
/// Deviation of its logarithm: p90 4.4, p99 39.
pub(super) const TAKER_SIGMA: f64 = 2.35;
/// Median size of one execution, quote units (0.071 ETH).
pub(super) const FILL_QUOTE_MEDIAN: f64 = 330.0;
/// Deviation of its logarithm: p90 1.6.
pub(super) const FILL_SIGMA: f64 = 2.75;
/// Taker orders of this size, quote units, sweep the best price half of the time.
pub(super) const SWEEP_QUOTE_HALF: f64 = 5_000.0;
/// Share of takers that sweep however small they are.
pub(super) const SWEEP_SHARE_MIN: f64 = 0.04;
/// Moves by quotes alone for each taker order.
pub(super) const QUOTE_MOVES_PER_TAKER: f64 = 0.25;
/// Share of taker orders that sweep with the numbers above; with [`QUOTE_MOVES_PER_TAKER`] it gives the moves per second.
pub(super) const SWEEP_SHARE: f64 = 0.2;
/// Share of large ones among moves, and how much larger they are.
pub(super) const LARGE_MOVE_SHARE: f64 = 0.2;
/// See [`LARGE_MOVE_SHARE`].
pub(super) const LARGE_MOVE_FACTOR: f64 = 4.0;
/// Chance that the prevailing side changes with a taker order: autocorrelation falls by 1 − 2 × this per order.
pub(super) const BIAS_FLIP: f64 = 0.065;
/// How much likelier than even the prevailing side is: autocorrelation at lag k is (2 × this)² × (1 − 2 × flip)^k.
pub(super) const BIAS: f64 = 0.3;
/// How much likelier than even a move by quotes alone goes against the prevailing takers, so that their persistence does not
/// become a trend: measured, the deviation over 10 s is 2.9 times that over 1 s, where a random walk has 3.2.
pub(super) const QUOTE_BIAS: f64 = 0.1;
/// Arrivals caused by one arrival.
pub(super) const BRANCHING: f64 = 0.68;
/// Decay of that excitement, per second.
pub(super) const EXCITEMENT_DECAY_PER_S: f64 = 12.0;
