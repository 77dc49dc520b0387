//! Measures a market from its records, alike for a capture and for a synthetic market's own output; knows no files and no venue.

use std::collections::BTreeMap;

use phoenix_exchange::replay::record::{
    Aggressor, ONE_E8, Record, RecordBody, RecordClock, RecordLevel,
};

mod measure;
mod table;

pub use table::side_by_side;

/// Book levels that are measured on each side.
pub const LEVELS: usize = 20;
/// Distances from the mid, in bps, at which cumulative depth is measured.
pub const BANDS_BPS: [f64; 7] = [0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0];
/// Horizons of the volatility measure, ms.
pub const HORIZONS_MS: [i64; 4] = [100, 1_000, 10_000, 60_000];
/// Lags of the aggressor sign autocorrelation, in taker orders.
pub const SIGN_LAGS: [usize; 5] = [1, 2, 5, 10, 20];
/// Seconds between two re-centrings in the two-sided fill exercise.
pub const RECENTRE_S: [i64; 6] = [1, 5, 10, 20, 30, 60];
/// Time between two samples of the book's shape, ms.
const SAMPLE_MS: i64 = 1_000;

/// Mean, median, tails of a sample.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Spread4 {
    /// Arithmetic mean.
    pub mean: f64,
    /// Median.
    pub median: f64,
    /// 90th percentile.
    pub p90: f64,
    /// 99th percentile.
    pub p99: f64,
}

/// Moments of mid returns over one horizon.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Volatility {
    /// Standard deviation of log returns, bps.
    pub std_bps: f64,
    /// Kurtosis (3 for a normal law).
    pub kurtosis: f64,
    /// Largest absolute return, bps.
    pub max_bps: f64,
}

/// How often one quote per side at a fixed distance was reached within a minute.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct TwoSided {
    /// Share of minutes in which at least one side was reached.
    pub any: f64,
    /// Share of minutes in which both sides were reached.
    pub both: f64,
}

/// What was measured; rates are per second of exchange time, quantities in the base asset.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MarketStats {
    /// Length of the sample, s.
    pub seconds: f64,
    /// Mean mid.
    pub mid: f64,
    /// The tick used.
    pub tick: f64,
    /// Share of time at a spread of one tick.
    pub spread_one_tick: f64,
    /// Time-weighted mean spread, ticks.
    pub spread_mean_ticks: f64,
    /// Widest spread, ticks.
    pub spread_max_ticks: f64,
    /// Mean quantity at level 1, 2, …, mean of both sides.
    pub level_quantity: [f64; LEVELS],
    /// Median quantity at each level.
    pub level_median: [f64; LEVELS],
    /// Mean distance of each level from the best price of its side, ticks.
    pub level_distance_ticks: [f64; LEVELS],
    /// Mean quantity per side within [`BANDS_BPS`] of the mid.
    pub band_quantity: [f64; BANDS_BPS.len()],
    /// Share of the price grid that holds quantity within [`BANDS_BPS`] of the mid.
    pub band_occupancy: [f64; BANDS_BPS.len()],
    /// Executions per second.
    pub trades_per_s: f64,
    /// Taker orders per second: executions of one side with one exchange time are one order.
    pub takers_per_s: f64,
    /// Size of an execution.
    pub trade_size: Spread4,
    /// Size of a taker order.
    pub taker_size: Spread4,
    /// Share of taker orders that traded at more than one price.
    pub taker_walk_share: f64,
    /// Autocorrelation of taker sides at [`SIGN_LAGS`].
    pub sign_acf: [f64; SIGN_LAGS.len()],
    /// Median time between taker orders, ms.
    pub gap_median_ms: f64,
    /// Coefficient of variation of the time between taker orders (1 for a Poisson process).
    pub gap_cv: f64,
    /// Variance over mean of taker orders counted per second (1 for a Poisson process).
    pub fano_1s: f64,
    /// Mid returns over [`HORIZONS_MS`].
    pub volatility: [Volatility; HORIZONS_MS.len()],
    /// Changes of the best bid or ask price per second.
    pub best_moves_per_s: f64,
    /// Book ticker messages per second.
    pub tickers_per_s: f64,
    /// Depth messages per second.
    pub depths_per_s: f64,
    /// Levels per depth message.
    pub levels_per_depth: f64,
    /// One quote per side at [`QUOTE_DISTANCE_BPS`], re-centred every [`RECENTRE_S`] seconds.
    pub two_sided: [TwoSided; RECENTRE_S.len()],
    /// Depth messages after which the rebuilt book was crossed; 0 in a sound recording.
    pub crossed: u64,
}

/// Distance from the mid in the fill exercise: 1.2 at a price of 2500.
pub const QUOTE_DISTANCE_BPS: f64 = 4.8;

/// The best bid and ask from one instant on.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Top {
    at_ms: i64,
    bid: i64,
    ask: i64,
}

#[derive(Clone, Copy, Debug)]
struct TakerOrder {
    at_ms: i64,
    aggressor: Aggressor,
    quantity: f64,
    first_price: i64,
    last_price: i64,
}

/// Takes records one by one and sums them up.
pub struct StatsCollector {
    tick_e8: i64,
    clock: RecordClock,
    first_ms: Option<i64>,
    now_ms: i64,
    bids: BTreeMap<i64, i64>,
    asks: BTreeMap<i64, i64>,
    /// The id of the snapshot, or `None` before it; recordings without one are measured from their first diff.
    snapshot_id: Option<i64>,
    held: Vec<Record>,
    next_sample_ms: i64,
    shape: measure::Shape,
    tops: Vec<Top>,
    takers: Vec<TakerOrder>,
    sizes: Vec<f64>,
    tickers: u64,
    depths: u64,
    depth_levels: u64,
    crossed: u64,
}

impl StatsCollector {
    /// A collector for a symbol with this tick, in 1e-8; at least 1.
    pub fn new(tick_e8: i64) -> Self {
        Self {
            tick_e8: tick_e8.max(1),
            clock: RecordClock::default(),
            first_ms: None,
            now_ms: 0,
            bids: BTreeMap::new(),
            asks: BTreeMap::new(),
            snapshot_id: None,
            held: Vec::new(),
            next_sample_ms: i64::MIN,
            shape: measure::Shape::default(),
            tops: Vec::new(),
            takers: Vec::new(),
            sizes: Vec::new(),
            tickers: 0,
            depths: 0,
            depth_levels: 0,
            crossed: 0,
        }
    }

    /// Takes the next record.
    pub fn on_record(&mut self, record: &Record) {
        self.now_ms = self.clock.on_record(record) / 1_000;
        self.first_ms.get_or_insert(self.now_ms);
        match &record.body {
            RecordBody::Snapshot(snapshot) => {
                self.bids.clear();
                self.asks.clear();
                apply(&mut self.bids, &snapshot.bids);
                apply(&mut self.asks, &snapshot.asks);
                self.snapshot_id = Some(snapshot.last_update_id);
                for held in std::mem::take(&mut self.held) {
                    self.apply_depth(&held);
                }
                self.next_sample_ms = self.now_ms;
            }
            RecordBody::Depth(diff) => {
                self.depths += 1;
                self.depth_levels += (diff.bids.len() + diff.asks.len()) as u64;
                if self.snapshot_id.is_none() {
                    self.held.push(record.clone());
                } else {
                    self.apply_depth(record);
                    self.sample();
                }
            }
            RecordBody::Trade(print) => self.on_trade(
                print.price_e8,
                print.quantity_e8 as f64 / ONE_E8 as f64,
                print.aggressor,
            ),
            RecordBody::Ticker(ticker) => {
                self.tickers += 1;
                self.tops.push(Top {
                    at_ms: self.now_ms,
                    bid: ticker.bid.price_e8,
                    ask: ticker.ask.price_e8,
                });
            }
            RecordBody::Mark(_) => {}
        }
    }

    fn apply_depth(&mut self, record: &Record) {
        let RecordBody::Depth(diff) = &record.body else {
            return;
        };
        if self.snapshot_id.is_some_and(|id| diff.last_update_id < id) {
            return;
        }
        apply(&mut self.bids, &diff.bids);
        apply(&mut self.asks, &diff.asks);
        let best_bid = self.bids.last_key_value();
        let best_ask = self.asks.first_key_value();
        if let (Some((bid, _)), Some((ask, _))) = (best_bid, best_ask)
            && bid >= ask
        {
            self.crossed += 1;
        }
    }

    fn on_trade(&mut self, price: i64, quantity: f64, aggressor: Aggressor) {
        self.sizes.push(quantity);
        match self.takers.last_mut() {
            Some(taker) if taker.at_ms == self.now_ms && taker.aggressor == aggressor => {
                taker.quantity += quantity;
                taker.last_price = price;
            }
            _ => self.takers.push(TakerOrder {
                at_ms: self.now_ms,
                aggressor,
                quantity,
                first_price: price,
                last_price: price,
            }),
        }
    }

    fn sample(&mut self) {
        if self.now_ms >= self.next_sample_ms {
            self.shape.add(&self.bids, &self.asks, self.tick_e8);
            self.next_sample_ms = self.now_ms + SAMPLE_MS;
        }
    }

    /// Sums up. All zero when nothing was recorded.
    pub fn finish(self) -> MarketStats {
        let Some(first_ms) = self.first_ms else {
            return MarketStats::default();
        };
        let seconds = (self.now_ms - first_ms).max(1) as f64 / 1e3;
        let mut stats = MarketStats {
            seconds,
            tick: self.tick_e8 as f64 / ONE_E8 as f64,
            trades_per_s: self.sizes.len() as f64 / seconds,
            takers_per_s: self.takers.len() as f64 / seconds,
            tickers_per_s: self.tickers as f64 / seconds,
            depths_per_s: self.depths as f64 / seconds,
            levels_per_depth: self.depth_levels as f64 / self.depths.max(1) as f64,
            crossed: self.crossed,
            ..MarketStats::default()
        };
        self.shape.write(&mut stats);
        measure::spreads(&self.tops, self.tick_e8, &mut stats);
        measure::takers(&self.takers, self.sizes, &mut stats);
        for (slot, horizon_ms) in stats.volatility.iter_mut().zip(HORIZONS_MS) {
            *slot = measure::volatility(&self.tops, horizon_ms);
        }
        for (slot, recentre_s) in stats.two_sided.iter_mut().zip(RECENTRE_S) {
            *slot = measure::two_sided(&self.tops, recentre_s * 1_000);
        }
        stats
    }
}

fn apply(side: &mut BTreeMap<i64, i64>, levels: &[RecordLevel]) {
    for level in levels {
        if level.quantity_e8 == 0 {
            side.remove(&level.price_e8);
        } else {
            side.insert(level.price_e8, level.quantity_e8);
        }
    }
}

#[cfg(test)]
mod tests;
