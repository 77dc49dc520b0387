//! The arithmetic of the market measures; knows nothing of records.

use std::collections::BTreeMap;

use phoenix_exchange::replay::record::{Aggressor, ONE_E8};

use super::{
    BANDS_BPS, LEVELS, MarketStats, QUOTE_DISTANCE_BPS, SIGN_LAGS, Spread4, TakerOrder, Top,
    TwoSided, Volatility,
};

/// Length of the window in which both sides should be reached, ms.
const FILL_WINDOW_MS: i64 = 60_000;
/// Time between the starts of two such windows, ms.
const FILL_STEP_MS: i64 = 5_000;

/// Sums over samples of the book.
#[derive(Default)]
pub(super) struct Shape {
    samples: u64,
    mid: f64,
    quantity: [Vec<f64>; LEVELS],
    distance_ticks: [f64; LEVELS],
    band_quantity: [f64; BANDS_BPS.len()],
    band_occupancy: [f64; BANDS_BPS.len()],
}

impl Shape {
    /// Adds the book as it stands; a one-sided book is left out.
    pub(super) fn add(
        &mut self,
        bids: &BTreeMap<i64, i64>,
        asks: &BTreeMap<i64, i64>,
        tick_e8: i64,
    ) {
        let (Some((bid, _)), Some((ask, _))) = (bids.last_key_value(), asks.first_key_value())
        else {
            return;
        };
        let mid = (bid + ask) as f64 / 2.0;
        self.samples += 1;
        self.mid += mid / ONE_E8 as f64;
        self.add_side(*bid, mid, tick_e8, bids.iter().rev());
        self.add_side(*ask, mid, tick_e8, asks.iter());
    }

    fn add_side<'a>(
        &mut self,
        best: i64,
        mid: f64,
        tick_e8: i64,
        levels: impl Iterator<Item = (&'a i64, &'a i64)>,
    ) {
        let mut band_levels = [0.0; BANDS_BPS.len()];
        for (place, (price, quantity)) in levels.enumerate() {
            let quantity = *quantity as f64 / ONE_E8 as f64;
            if let (Some(list), Some(distance)) = (
                self.quantity.get_mut(place),
                self.distance_ticks.get_mut(place),
            ) {
                list.push(quantity);
                *distance += ((price - best).abs() / tick_e8) as f64;
            }
            let bps = (*price as f64 - mid).abs() / mid * 1e4;
            if BANDS_BPS.last().is_some_and(|last| bps > *last) {
                break;
            }
            let bands = BANDS_BPS.iter().zip(&mut self.band_quantity);
            for ((band, sum), count) in bands.zip(&mut band_levels) {
                if bps <= *band {
                    *sum += quantity;
                    *count += 1.0;
                }
            }
        }
        let shares = self.band_occupancy.iter_mut().zip(band_levels);
        for ((share, count), band) in shares.zip(BANDS_BPS) {
            *share += count / (mid * band / 1e4 / tick_e8 as f64).max(1.0);
        }
    }

    /// Writes means over all samples and both sides.
    pub(super) fn write(self, stats: &mut MarketStats) {
        if self.samples == 0 {
            return;
        }
        let sides = 2.0 * self.samples as f64;
        stats.mid = self.mid / self.samples as f64;
        stats.band_quantity = self.band_quantity.map(|sum| sum / sides);
        stats.band_occupancy = self.band_occupancy.map(|sum| sum / sides);
        stats.level_distance_ticks = self.distance_ticks.map(|sum| sum / sides);
        let spreads = self.quantity.map(summary);
        stats.level_quantity = spreads.map(|spread| spread.mean);
        stats.level_median = spreads.map(|spread| spread.median);
    }
}

/// Mean and percentiles; zero for an empty sample.
pub(super) fn summary(mut sample: Vec<f64>) -> Spread4 {
    sample.sort_by(f64::total_cmp);
    let at = |share: f64| {
        let place = (sample.len() as f64 * share) as usize;
        sample.get(place).copied().unwrap_or_default()
    };
    Spread4 {
        mean: mean(&sample),
        median: at(0.5),
        p90: at(0.9),
        p99: at(0.99),
    }
}

fn mean(sample: &[f64]) -> f64 {
    sample.iter().sum::<f64>() / sample.len().max(1) as f64
}

fn variance(sample: &[f64]) -> f64 {
    let centre = mean(sample);
    let squares = sample.iter().map(|x| (x - centre) * (x - centre));
    squares.sum::<f64>() / sample.len().max(1) as f64
}

/// Time-weighted spread and the rate of best price changes.
pub(super) fn spreads(tops: &[Top], tick_e8: i64, stats: &mut MarketStats) {
    let (mut total_ms, mut one_tick_ms, mut weighted, mut moves) = (0.0, 0.0, 0.0, 0_u64);
    for (top, next) in tops.iter().zip(tops.iter().skip(1)) {
        let ticks = ((top.ask - top.bid) / tick_e8) as f64;
        let held_ms = (next.at_ms - top.at_ms) as f64;
        total_ms += held_ms;
        weighted += ticks * held_ms;
        if ticks <= 1.0 {
            one_tick_ms += held_ms;
        }
        stats.spread_max_ticks = stats.spread_max_ticks.max(ticks);
        if top.bid != next.bid || top.ask != next.ask {
            moves += 1;
        }
    }
    if total_ms > 0.0 {
        stats.spread_one_tick = one_tick_ms / total_ms;
        stats.spread_mean_ticks = weighted / total_ms;
    }
    stats.best_moves_per_s = moves as f64 / stats.seconds;
}

/// Sizes, sides and clustering of taker orders.
pub(super) fn takers(takers: &[TakerOrder], sizes: Vec<f64>, stats: &mut MarketStats) {
    stats.trade_size = summary(sizes);
    stats.taker_size = summary(takers.iter().map(|taker| taker.quantity).collect());
    let walked = takers
        .iter()
        .filter(|taker| taker.first_price != taker.last_price)
        .count();
    stats.taker_walk_share = walked as f64 / takers.len().max(1) as f64;
    let signs: Vec<f64> = takers
        .iter()
        .map(|taker| match taker.aggressor {
            Aggressor::Buyer => 1.0,
            Aggressor::Seller => -1.0,
        })
        .collect();
    stats.sign_acf = SIGN_LAGS.map(|lag| autocorrelation(&signs, lag));
    let gaps: Vec<f64> = takers
        .iter()
        .zip(takers.iter().skip(1))
        .map(|(taker, next)| (next.at_ms - taker.at_ms) as f64)
        .collect();
    if !gaps.is_empty() {
        stats.gap_cv = variance(&gaps).sqrt() / mean(&gaps).max(f64::MIN_POSITIVE);
    }
    stats.gap_median_ms = summary(gaps).median;
    if let Some(first) = takers.first() {
        let mut counts = vec![0.0; (stats.seconds as usize).max(1)];
        for taker in takers {
            let second = ((taker.at_ms - first.at_ms) / 1_000) as usize;
            if let Some(count) = counts.get_mut(second) {
                *count += 1.0;
            }
        }
        stats.fano_1s = variance(&counts) / mean(&counts).max(f64::MIN_POSITIVE);
    }
}

fn autocorrelation(sample: &[f64], lag: usize) -> f64 {
    let centre = mean(sample);
    let products: Vec<f64> = sample
        .iter()
        .zip(sample.iter().skip(lag))
        .map(|(x, y)| (x - centre) * (y - centre))
        .collect();
    mean(&products) / variance(sample).max(f64::MIN_POSITIVE)
}

/// Mids on a regular grid from the first top on.
fn mids(tops: &[Top], step_ms: i64) -> Vec<f64> {
    let mut grid = Vec::new();
    let (Some(first), Some(last)) = (tops.first(), tops.last()) else {
        return grid;
    };
    let mut rest = tops.iter().peekable();
    let mut mid = (first.bid + first.ask) as f64 / 2.0;
    let mut at_ms = first.at_ms;
    while at_ms <= last.at_ms {
        while let Some(top) = rest.next_if(|top| top.at_ms <= at_ms) {
            mid = (top.bid + top.ask) as f64 / 2.0;
        }
        grid.push(mid);
        at_ms += step_ms;
    }
    grid
}

/// Moments of log returns; overlapping windows, one each second, for horizons above 1 s.
pub(super) fn volatility(tops: &[Top], horizon_ms: i64) -> Volatility {
    let step_ms = horizon_ms.min(1_000);
    let span = (horizon_ms / step_ms) as usize;
    let grid = mids(tops, step_ms);
    let returns: Vec<f64> = grid
        .iter()
        .zip(grid.iter().skip(span))
        .map(|(from, to)| (to / from).ln() * 1e4)
        .collect();
    let centre = mean(&returns);
    let spread = variance(&returns);
    let fourth: Vec<f64> = returns.iter().map(|r| (r - centre).powi(4)).collect();
    Volatility {
        std_bps: spread.sqrt(),
        kurtosis: mean(&fourth) / (spread * spread).max(f64::MIN_POSITIVE),
        max_bps: returns.iter().fold(0.0, |most, r| r.abs().max(most)),
    }
}

/// One quote per side at [`QUOTE_DISTANCE_BPS`] from the mid, put back around the mid every
/// `recentre_ms`. A quote counts as reached when the opposite best price comes to it: a lower bound,
/// since a taker can also walk to it.
pub(super) fn two_sided(tops: &[Top], recentre_ms: i64) -> TwoSided {
    let (Some(first), Some(last)) = (tops.first(), tops.last()) else {
        return TwoSided::default();
    };
    let (mut windows, mut any, mut both) = (0.0_f64, 0.0, 0.0);
    let mut start_ms = first.at_ms;
    while start_ms + FILL_WINDOW_MS <= last.at_ms {
        let (bid, ask) = reached(tops, start_ms, recentre_ms);
        windows += 1.0;
        any += f64::from(u8::from(bid || ask));
        both += f64::from(u8::from(bid && ask));
        start_ms += FILL_STEP_MS;
    }
    TwoSided {
        any: any / windows.max(1.0),
        both: both / windows.max(1.0),
    }
}

/// Whether the bid and the ask of the exercise were reached in the window from `start_ms`.
fn reached(tops: &[Top], start_ms: i64, recentre_ms: i64) -> (bool, bool) {
    let from = tops
        .partition_point(|top| top.at_ms <= start_ms)
        .saturating_sub(1);
    let (mut bid, mut ask) = (false, false);
    let mut quotes = (0.0, f64::INFINITY);
    let mut recentre_at_ms = start_ms;
    for top in tops.iter().skip(from) {
        if top.at_ms > start_ms + FILL_WINDOW_MS {
            break;
        }
        bid |= top.ask as f64 <= quotes.0;
        ask |= top.bid as f64 >= quotes.1;
        if top.at_ms.max(start_ms) >= recentre_at_ms {
            let mid = (top.bid + top.ask) as f64 / 2.0;
            let distance = mid * QUOTE_DISTANCE_BPS / 1e4;
            quotes = (mid - distance, mid + distance);
            recentre_at_ms = top.at_ms.max(start_ms) + recentre_ms;
        }
    }
    (bid, ask)
}
