//! Owns what a scenario means in the types of exchange and engine: symbols, markets, parameters.

use super::bridge::instrument;
use super::scenario::Scenario;
use phoenix_core::instrument::Instrument;
use phoenix_core::params::{
    AccountParams, StrategyKind, SymbolParams, VpinParams, ethusdc_defaults,
};
use phoenix_core::units::{Lots, Price8, Quote, Ratio, Span};
use phoenix_exchange::api::{E8, ONE};
use phoenix_exchange::flow::{FlowParams, Regime, SyntheticFlow};
use phoenix_exchange::{Exchange, ExchangeConfig, SymbolSpec};

/// The margin asset of all symbols.
pub const ASSET: &str = "USDC";
/// What the account begins with.
const DEPOSIT: E8 = 100_000 * ONE;
/// Listen keys live this long here, so that a run of ten minutes sees several.
pub const KEY_LIFE_MS: u64 = 120_000;
/// A full hour of exchange time, which a run ends short of or passes: 2026-11-27 08:00 UTC in µs.
const FUNDING_US: u64 = 1_795_766_400_000_000;

/// The strategy of a name.
#[must_use]
pub fn strategy(name: &str) -> Option<StrategyKind> {
    Some(match name {
        "asmm" => StrategyKind::Asmm,
        "avellaneda-stoikov" => StrategyKind::AvellanedaStoikov,
        "glft" => StrategyKind::Glft,
        _ => return None,
    })
}

/// Exchange time at the start, µs.
#[must_use]
pub fn start_us(scenario: &Scenario) -> u64 {
    FUNDING_US - u64::from(scenario.funding_in_s) * 1_000_000
}

fn specs(scenario: &Scenario) -> Vec<(SymbolSpec, E8)> {
    const BASES: [(&str, E8); 15] = [
        ("ETH", 2_500 * ONE),
        ("BNB", 700 * ONE),
        ("SOL", 150 * ONE),
        ("LTC", 90 * ONE),
        ("BCH", 400 * ONE),
        ("AVAX", 40 * ONE),
        ("LINK", 15 * ONE),
        ("UNI", 12 * ONE),
        ("NEAR", 6 * ONE),
        ("FIL", 5 * ONE),
        ("AAVE", 120 * ONE),
        ("ETC", 25 * ONE),
        ("ATOM", 8 * ONE),
        ("DOT", 7 * ONE),
        ("ICP", 11 * ONE),
    ];
    let spec = |(base, price): (&str, E8)| match base {
        "ETH" => (SymbolSpec::ethusdc(), price),
        // The tick is a hundred-thousandth of the price, as on the real contracts, and a lot is worth some quote units.
        _ => {
            let tick = price / 100_000;
            let step = ONE / 100;
            (
                SymbolSpec::generic(base, ASSET, tick.max(100), step, 5 * ONE),
                price,
            )
        }
    };
    BASES
        .into_iter()
        .take(scenario.markets.len())
        .map(spec)
        .collect()
}

/// The exchange with its markets, and the account that trades.
#[must_use]
pub fn exchange(scenario: &Scenario) -> (Exchange, phoenix_exchange::AccountId) {
    let specs = specs(scenario);
    let mut config = ExchangeConfig::new(start_us(scenario), specs.clone());
    config.listen_key_ms = KEY_LIFE_MS;
    let mut exchange = Exchange::new(config, scenario.seed);
    let account = exchange.add_account(&[(ASSET, DEPOSIT)]);
    for (index, (market, (_, price))) in (0_u16..).zip(scenario.markets.iter().zip(&specs)) {
        let regime = Regime::from_name(market).unwrap_or(Regime::Normal);
        let seed = scenario
            .seed
            .wrapping_mul(31)
            .wrapping_add(u64::from(index));
        let flow = SyntheticFlow::new(FlowParams::new(regime).light(), *price, seed);
        exchange.attach_flow(phoenix_exchange::SymbolId(index), Box::new(flow));
    }
    // The books fill before anybody looks.
    exchange.advance(start_us(scenario));
    (exchange, account)
}

/// Contract data and parameters of each symbol.
#[must_use]
pub fn symbols(scenario: &Scenario) -> Vec<(Instrument, SymbolParams)> {
    let specs = specs(scenario);
    specs
        .iter()
        .map(|(spec, price)| (instrument(spec), params(scenario, spec, *price)))
        .collect()
}

/// The ladder of the examples, scaled to the symbol's price; a layer is worth about 125 quote units.
fn params(scenario: &Scenario, spec: &SymbolSpec, price: E8) -> SymbolParams {
    let mut params = ethusdc_defaults();
    let scaled = |of_eth: Price8| {
        let value = i128::from(of_eth.raw()) * i128::from(price) / i128::from(2_500 * ONE);
        Price8(i64::try_from(value).unwrap_or(i64::MAX))
    };
    let base = 125 * i128::from(ONE) * i128::from(ONE) / i128::from(price);
    let layer = Lots(
        i64::try_from(base / i128::from(spec.step))
            .unwrap_or(1)
            .max(1),
    );
    let quoting = &mut params.quoting;
    quoting.strategy = strategy(&scenario.strategy).unwrap_or(StrategyKind::Asmm);
    quoting.layers = scenario.layers;
    quoting.layer_size = layer;
    quoting.start_offset = scaled(quoting.start_offset);
    quoting.first_spacing = scaled(quoting.first_spacing);
    quoting.max_spacing = scaled(quoting.max_spacing);
    quoting.vpin = VpinParams {
        enabled: scenario.vpin,
        // About a dozen seconds of a normal market.
        bucket_size: Lots(layer.raw() * 2_000),
        ..quoting.vpin
    };
    params.risk.net_max = Lots(layer.raw() * i64::from(scenario.net_max_layers));
    params.risk.batch_worst_case = Ratio(i64::from(scenario.worst_case_percent) * 1_000_000);
    params.risk.halt = Span::from_secs(5);
    params.liveness.adaptive = scenario.adaptive;
    params
}

/// What holds for all symbols together.
#[must_use]
pub fn account() -> AccountParams {
    AccountParams::new(Quote(1_000_000 * ONE))
}
