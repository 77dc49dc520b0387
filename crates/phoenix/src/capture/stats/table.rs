//! The measures as a Markdown table, one column for each market; knows no arithmetic.

use std::fmt::Write;

use super::{BANDS_BPS, HORIZONS_MS, MarketStats, RECENTRE_S, SIGN_LAGS, Spread4};

/// Levels whose own row is printed.
const LEVELS_SHOWN: [usize; 8] = [1, 2, 3, 5, 8, 10, 15, 20];

/// A Markdown table with a row for each measure and a column for each named market.
pub fn side_by_side(columns: &[(String, MarketStats)]) -> String {
    let mut text = String::from("| measure |");
    for (name, _) in columns {
        let _ = write!(text, " {name} |");
    }
    text.push_str("\n|---|");
    text.push_str(&"---:|".repeat(columns.len()));
    text.push('\n');
    let mut row = |label: &str, value: &dyn Fn(&MarketStats) -> f64| {
        let _ = write!(text, "| {label} |");
        for (_, stats) in columns {
            let _ = write!(text, " {} |", number(value(stats)));
        }
        text.push('\n');
    };
    row("sample, s", &|s| s.seconds);
    row("mid", &|s| s.mid);
    row("spread = 1 tick, % of time", &|s| s.spread_one_tick * 100.0);
    row("spread mean, ticks", &|s| s.spread_mean_ticks);
    row("spread max, ticks", &|s| s.spread_max_ticks);
    depth_rows(&mut row);
    taker_rows(&mut row);
    volatility_rows(&mut row);
    row("best price changes/s", &|s| s.best_moves_per_s);
    row("bookTicker msgs/s", &|s| s.tickers_per_s);
    row("depth msgs/s", &|s| s.depths_per_s);
    row("levels per depth msg", &|s| s.levels_per_depth);
    row("level changes/s", &|s| s.depths_per_s * s.levels_per_depth);
    for (place, seconds) in RECENTRE_S.into_iter().enumerate() {
        let label = format!("quotes at ±4.8 bps re-centred every {seconds} s:");
        row(&format!("{label} one side in 60 s, %"), &|s| {
            s.two_sided.get(place).map_or(0.0, |t| t.any * 100.0)
        });
        row(&format!("{label} both sides in 60 s, %"), &|s| {
            s.two_sided.get(place).map_or(0.0, |t| t.both * 100.0)
        });
    }
    text
}

type Row<'a> = dyn FnMut(&str, &dyn Fn(&MarketStats) -> f64) + 'a;

fn depth_rows(row: &mut Row<'_>) {
    for level in LEVELS_SHOWN {
        row(&format!("level {level} quantity, mean"), &|s| {
            nth(&s.level_quantity, level - 1)
        });
        row(&format!("level {level} quantity, median"), &|s| {
            nth(&s.level_median, level - 1)
        });
        row(&format!("level {level} distance from best, ticks"), &|s| {
            nth(&s.level_distance_ticks, level - 1)
        });
    }
    for (place, band) in BANDS_BPS.into_iter().enumerate() {
        row(&format!("depth within {band} bps"), &|s| {
            nth(&s.band_quantity, place)
        });
        row(&format!("price grid in use within {band} bps, %"), &|s| {
            nth(&s.band_occupancy, place) * 100.0
        });
    }
}

fn taker_rows(row: &mut Row<'_>) {
    row("trades/s", &|s| s.trades_per_s);
    row("taker orders/s", &|s| s.takers_per_s);
    spread_rows(row, "trade size", &|s| s.trade_size);
    spread_rows(row, "taker order size", &|s| s.taker_size);
    row("taker orders at more than one price, %", &|s| {
        s.taker_walk_share * 100.0
    });
    for (place, lag) in SIGN_LAGS.into_iter().enumerate() {
        row(&format!("taker side autocorrelation, lag {lag}"), &|s| {
            nth(&s.sign_acf, place)
        });
    }
    row("time between taker orders, median ms", &|s| s.gap_median_ms);
    row("time between taker orders, cv", &|s| s.gap_cv);
    row("taker orders per 1 s, variance/mean", &|s| s.fano_1s);
}

fn volatility_rows(row: &mut Row<'_>) {
    for (place, horizon_ms) in HORIZONS_MS.into_iter().enumerate() {
        let seconds = horizon_ms as f64 / 1e3;
        row(&format!("mid return std {seconds} s, bps"), &|s| {
            s.volatility.get(place).map_or(0.0, |v| v.std_bps)
        });
        row(&format!("mid return kurtosis {seconds} s"), &|s| {
            s.volatility.get(place).map_or(0.0, |v| v.kurtosis)
        });
        row(&format!("mid return max {seconds} s, bps"), &|s| {
            s.volatility.get(place).map_or(0.0, |v| v.max_bps)
        });
    }
}

fn spread_rows(row: &mut Row<'_>, label: &str, value: &dyn Fn(&MarketStats) -> Spread4) {
    row(&format!("{label}, mean"), &|s| value(s).mean);
    row(&format!("{label}, median"), &|s| value(s).median);
    row(&format!("{label}, p90"), &|s| value(s).p90);
    row(&format!("{label}, p99"), &|s| value(s).p99);
}

fn nth(values: &[f64], place: usize) -> f64 {
    values.get(place).copied().unwrap_or_default()
}

/// Three significant digits, or whole above 100.
fn number(value: f64) -> String {
    match value.abs() {
        x if x >= 100.0 => format!("{value:.0}"),
        x if x >= 10.0 => format!("{value:.1}"),
        x if x >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}
