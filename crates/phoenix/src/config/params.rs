//! The configuration as those want it that act on it: symbols and account in the engine's units, and what the shell changes live; does not check values (see [`super::check`]) and reads no file.

use std::time::Duration;

use phoenix_core::instrument::Instrument;
use phoenix_core::params::{
    AccountParams, ExchangeLimits, LivenessParams, OrderParams, QuotingParams, RiskParams,
    StrategyKind as CoreStrategy, SymbolParams, VpinParams,
};
use phoenix_core::units::{Lots, Price8, Quote, Ratio, Span, Ticks};

use super::check::SymbolFilters;
use super::{Decimal, GlobalConfig, LogLevel, StrategyKind, SymbolConfig};

/// The contract's rules as [`super::check::check_filters`] wants them.
pub fn filters_of(instrument: &Instrument) -> SymbolFilters {
    let lots = |lots: Lots| {
        Decimal::from_e12(i128::from(lots.0) * i128::from(instrument.step_e8) * E12_PER_E8)
    };
    let of_e8 = |value: i64| Decimal::from_e12(i128::from(value) * E12_PER_E8);
    // A bound of zero is none.
    let upper = |bound: Decimal| {
        if bound == Decimal::ZERO {
            Decimal::from_int(i64::MAX)
        } else {
            bound
        }
    };
    SymbolFilters {
        tick_size: of_e8(instrument.tick_e8),
        step_size: of_e8(instrument.step_e8),
        min_qty: lots(instrument.qty_min),
        max_qty: upper(lots(instrument.qty_max)),
        min_notional: of_e8(instrument.notional_min.0),
        orders_max: if instrument.orders_max == 0 {
            u32::MAX
        } else {
            instrument.orders_max
        },
    }
}

/// What the shell around the engine applies while it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShellParams {
    /// `recv_window_ms`.
    pub recv_window: Duration,
    /// `order_timeout_ms`: bound on one request.
    pub request_limit: Duration,
    /// `journal_keep_days`.
    pub journal_keep: Duration,
    /// `log_level`.
    pub log_level: LogLevel,
    /// `listen_key_keepalive_s`.
    pub listen_key_keepalive: Duration,
    /// `connection_age_max_s`.
    pub connection_age_max: Duration,
    /// `reconnect_delay_min_ms`.
    pub reconnect_delay_min: Duration,
    /// `reconnect_delay_max_ms`.
    pub reconnect_delay_max: Duration,
}

impl ShellParams {
    /// What the configuration says.
    #[must_use]
    pub fn of(global: &GlobalConfig) -> Self {
        let liveness = &global.liveness;
        Self {
            recv_window: global.recv_window,
            request_limit: global.order_timeout,
            journal_keep: Duration::from_secs(u64::from(global.journal_keep_days) * 86_400),
            log_level: global.log_level,
            listen_key_keepalive: liveness.listen_key_keepalive,
            connection_age_max: liveness.connection_age_max,
            reconnect_delay_min: liveness.reconnect_delay_min,
            reconnect_delay_max: liveness.reconnect_delay_max,
        }
    }
}

impl Default for ShellParams {
    fn default() -> Self {
        Self {
            recv_window: Duration::from_secs(5),
            request_limit: Duration::from_secs(3),
            journal_keep: Duration::from_secs(30 * 86_400),
            log_level: LogLevel::Info,
            listen_key_keepalive: Duration::from_secs(1_800),
            connection_age_max: Duration::from_secs(82_800),
            reconnect_delay_min: Duration::from_millis(250),
            reconnect_delay_max: Duration::from_secs(8),
        }
    }
}

/// What holds for all symbols together, under the exchange's `limits`; `None` when a value does not fit the
/// engine's integers.
pub fn account_params(global: &GlobalConfig, limits: ExchangeLimits) -> Option<AccountParams> {
    Some(AccountParams {
        total_notional_max: Quote(e8(global.total_notional_max)?),
        request_share: ratio(global.request_share_max)?,
        limits,
        user_event_within: span(global.liveness.user_event_timeout)?,
    })
}

/// The parameters of `symbol` on the grid of `instrument`; `None` when a value does not fit the engine's integers.
///
/// Sizes are whole lots, rounded down: a smaller order or limit is the safe
/// side. `check_filters` reports sizes that are not whole lots as errors before.
pub fn symbol_params(
    global: &GlobalConfig,
    symbol: &SymbolConfig,
    instrument: &Instrument,
) -> Option<SymbolParams> {
    Some(SymbolParams {
        quoting: quoting(symbol, instrument)?,
        risk: RiskParams {
            net_max: lots(symbol.net_max, instrument)?,
            batch_worst_case: ratio(symbol.batch_worst_case_ratio)?,
            order_notional_max: Quote(e8(symbol.order_value_max)?),
            price_band: ratio(symbol.price_deviation_max)?,
            stop_loss: ratio(symbol.stop_loss_thresh)?,
            drawdown_factor: ratio(global.drawdown_ratio)?,
            halt: span(global.halt)?,
            warning: ratio(symbol.warning_thresh)?,
        },
        orders: OrderParams {
            quote_interval: span(global.quote_interval)?,
            age_min: span(symbol.min_order_age)?,
            cancels_per_min_max: symbol.max_cancel_per_min,
            tolerance: ratio(symbol.reprice_tolerance)?,
            tolerance_min: Ticks(i64::from(symbol.reprice_tolerance_ticks)),
            first_layer_spreads: i64::from(symbol.first_layer_tolerance),
        },
        liveness: LivenessParams {
            stale: span(global.liveness.stream_stale)?,
            dead: span(global.liveness.stream_dead)?,
            lag_max: span(global.liveness.event_lag_max)?,
            dead_man: span(global.liveness.dead_man)?,
            request_timeout: span(global.order_timeout)?,
            adaptive: global.liveness.adaptive,
            probe_every: span(global.liveness.book_probe_interval)?,
            reconcile_every: span(global.liveness.reconcile_interval)?,
        },
    })
}

fn quoting(symbol: &SymbolConfig, instrument: &Instrument) -> Option<QuotingParams> {
    let bps = Decimal::from_int(10_000);
    let threshold = |enabled: bool, value: Decimal| enabled.then(|| value.to_f64());
    Some(QuotingParams {
        strategy: match symbol.strategy {
            StrategyKind::Asmm => CoreStrategy::Asmm,
            StrategyKind::AvellanedaStoikov => CoreStrategy::AvellanedaStoikov,
            StrategyKind::Glft => CoreStrategy::Glft,
        },
        layers: u16::try_from(symbol.total_layers).ok()?,
        layer_size: lots(symbol.unified_layer_size, instrument)?,
        start_offset: Price8(e8(symbol.grid_start_offset)?),
        first_spacing: Price8(e8(symbol.grid_first_spacing)?),
        spacing_multiplier: symbol.grid_spacing_multiplier.to_f64(),
        max_spacing: Price8(e8(symbol.grid_max_spacing)?),
        min_spread: symbol.min_spread.to_f64(),
        skew_coeff: symbol.inventory_skew_coeff.to_f64(),
        funding_share: symbol.funding.bias.to_f64(),
        funding_alpha: symbol.funding.alpha.to_f64(),
        vol_factor: symbol.vol_scale.coeff.to_f64(),
        vol_scale_min: symbol.vol_scale.min.to_f64(),
        vol_scale_max: symbol.vol_scale.max.to_f64(),
        skew_dead_zone: symbol.skew_dead_zone.to_f64(),
        layer_reduction: symbol.growing_side_cut.to_f64(),
        pinning_thresh: threshold(symbol.pinning_enabled, symbol.pinning_thresh),
        pinning_size_factor: symbol.pinning_size_multiplier.to_f64(),
        grinding_thresh: threshold(symbol.grinding_enabled, symbol.grinding_thresh),
        grinding_vol_max: symbol.grinding_sigma_max.to_f64(),
        grinding_share: symbol.grinding_reduce_ratio.to_f64(),
        grinding_reentry: symbol.grinding_reentry_bps.checked_div(bps)?.to_f64(),
        grinding_size_factor: symbol.grinding_reentry_multiplier.to_f64(),
        grinding_cooldown: span(symbol.grinding_cooldown)?,
        reduce_only_thresh: symbol.reduce_only_thresh.to_f64(),
        vpin: VpinParams {
            enabled: symbol.vpin.enabled,
            threshold: symbol.vpin.threshold.to_f64(),
            pause_threshold: symbol.vpin.pause_threshold.to_f64(),
            widen: symbol.vpin.widening.to_f64(),
            pause: span(symbol.vpin.pause)?,
            // Zero: learnt from the symbol's own trading.
            bucket_size: match symbol.vpin.bucket_volume {
                Some(volume) => lots(volume, instrument)?,
                None => Lots::ZERO,
            },
        },
        risk_aversion: symbol.risk_aversion.to_f64(),
    })
}

const E12_PER_E8: i128 = 10_000;

fn e8(value: Decimal) -> Option<i64> {
    i64::try_from(value.e12() / E12_PER_E8).ok()
}

fn lots(size: Decimal, instrument: &Instrument) -> Option<Lots> {
    let step = Decimal::from_e12(i128::from(instrument.step_e8) * E12_PER_E8);
    size.floor_steps_of(step).map(Lots)
}

fn ratio(value: Decimal) -> Option<Ratio> {
    e8(value).map(Ratio)
}

fn span(value: Duration) -> Option<Span> {
    i64::try_from(value.as_nanos()).ok().map(Span)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use phoenix_core::instrument::ethusdc;
    use phoenix_core::params::ethusdc_defaults;

    #[test]
    fn the_defaults_of_the_file_are_those_of_the_engine() {
        let text = "global: {total_notional_max: 1}\nsymbols:\n  - {symbol: ETHUSDC, net_max: 2, \
                    unified_layer_size: 0.05, vpin: {bucket_volume: 50}}\n";
        let config = Config::parse("t.yaml", text).expect("valid").config;
        let params = symbol_params(&config.global, &config.symbols[0], &ethusdc()).expect("fits");
        assert_eq!(params, ethusdc_defaults());
        assert_eq!(
            account_params(&config.global, ExchangeLimits::DEFAULT),
            Some(AccountParams::new(Quote(phoenix_core::units::E8)))
        );
        assert_eq!(ShellParams::of(&config.global), ShellParams::default());
    }

    #[test]
    fn switched_off_modes_have_no_threshold() {
        let text = "global: {total_notional_max: 1}\nsymbols:\n  - {symbol: ETHUSDC, net_max: 0.5, unified_layer_size: 0.0159, \
                    pinning_enabled: false, grinding_enabled: no, strategy: glft}\n";
        let config = Config::parse("t.yaml", text).expect("valid").config;
        let params = symbol_params(&config.global, &config.symbols[0], &ethusdc()).expect("fits");
        assert_eq!(
            (
                params.quoting.pinning_thresh,
                params.quoting.grinding_thresh
            ),
            (None, None)
        );
        assert_eq!(params.quoting.strategy, CoreStrategy::Glft);
        assert_eq!(
            params.quoting.layer_size,
            Lots(15),
            "whole lots, rounded down"
        );
        assert_eq!(params.quoting.vpin.bucket_size, Lots::ZERO);
    }

    #[test]
    fn a_value_beyond_the_engines_integers_is_none() {
        let text = "global: {total_notional_max: 1}\nsymbols:\n  - {symbol: ETHUSDC, net_max: 1000000000, unified_layer_size: 1}\n";
        let config = Config::parse("t.yaml", text).expect("valid").config;
        let mut fine = ethusdc();
        fine.step_e8 = 1;
        assert!(symbol_params(&config.global, &config.symbols[0], &fine).is_some());
        let mut symbol = config.symbols[0].clone();
        symbol.net_max = Decimal::from_int(1_000_000_000_000);
        assert!(symbol_params(&config.global, &symbol, &fine).is_none());
    }

    #[test]
    fn a_bound_of_zero_is_no_bound() {
        let mut open = ethusdc();
        open.qty_max = Lots::ZERO;
        open.orders_max = 0;
        let filters = filters_of(&open);
        assert_eq!(filters.max_qty, Decimal::from_int(i64::MAX));
        assert_eq!(filters.orders_max, u32::MAX);
        assert_eq!(filters.min_notional, Decimal::from_int(20));
        assert_eq!(filters_of(&ethusdc()).max_qty, Decimal::from_int(8_000));
    }
}
