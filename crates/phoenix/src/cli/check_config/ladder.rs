//! The ladder that the real strategy would quote from a flat position in a quiet market; knows no live data.

use phoenix_core::event::Level;
use phoenix_core::instrument::{Instrument, ethusdc};
use phoenix_core::params::SymbolParams;
use phoenix_core::slot::Slot;
use phoenix_core::strategy::{AnyStrategy, Desired, Missing, Mode, Strategy, StrategyView};
use phoenix_core::units::{Lots, Mono, Now, Quote, Side, Ticks, Wall};

use crate::config::check::OPEN_ORDERS_MAX;
use crate::config::params::symbol_params;
use crate::config::{Decimal, GlobalConfig, SymbolConfig};

/// One order of the ladder.
pub(super) struct Rung {
    pub(super) side: &'static str,
    /// From 1, nearest to the touch.
    pub(super) layer: u16,
    /// Quote units.
    pub(super) price: Decimal,
    /// Base units.
    pub(super) size: Decimal,
}

/// A contract's price and size steps, as far as they are known without asking the exchange.
pub(super) struct Grid {
    symbol: String,
    steps: Option<(Decimal, Decimal)>,
}

impl Grid {
    /// The given tick and step, else the known contract; `None` when neither is there.
    pub(super) fn of(symbol: &SymbolConfig, given: Option<(Decimal, Decimal)>) -> Option<Self> {
        let known = symbol.symbol == ethusdc().name;
        (given.is_some() || known).then(|| Self {
            symbol: symbol.symbol.clone(),
            steps: given,
        })
    }

    /// Whether the rules are this version's memory and not the caller's word.
    pub(super) fn is_remembered(&self) -> bool {
        self.steps.is_none()
    }

    /// The contract; with given steps all other rules are open. `None` when the steps are no usable grid.
    pub(super) fn instrument(&self) -> Option<Instrument> {
        let Some((tick, step)) = self.steps else {
            return Some(ethusdc());
        };
        let open = Instrument {
            name: self.symbol.clone(),
            tick_e8: tick.to_e8()?,
            step_e8: step.to_e8()?,
            price_min: Ticks(1),
            price_max: Ticks::ZERO,
            qty_min: Lots(1),
            qty_max: Lots::ZERO,
            notional_min: Quote::ZERO,
            percent_up_e4: 0,
            percent_down_e4: 0,
            orders_max: OPEN_ORDERS_MAX,
        };
        open.checked().ok()
    }

    /// The ladder at `mid` and, when it is short or missing, why.
    pub(super) fn rungs(
        &self,
        global: &GlobalConfig,
        symbol: &SymbolConfig,
        mid: Decimal,
    ) -> (Vec<Rung>, Option<String>) {
        let Some(instrument) = self.instrument() else {
            return (
                Vec::new(),
                Some("no ladder: --tick and --step are no grid that keeps money exact".to_owned()),
            );
        };
        let Some(params) = symbol_params(global, symbol, &instrument) else {
            return (
                Vec::new(),
                Some("no ladder: a value is too large for the contract's grid".to_owned()),
            );
        };
        let Some((bid, ask)) = touch(mid, &instrument) else {
            return (
                Vec::new(),
                Some("no ladder: there is no such price on the contract's grid".to_owned()),
            );
        };
        let mut desired = Desired::default();
        let bound = batch_bound(&params);
        let view = StrategyView {
            now: Now {
                mono: Mono::ZERO,
                wall: Wall::ZERO,
            },
            instrument: &instrument,
            params: &params.quoting,
            net_max: params.risk.net_max,
            batch_bound: bound,
            bid,
            ask,
            position: Lots::ZERO,
            mode: Mode::Normal,
            sigma: None,
            predicted_funding: None,
            vpin: None,
        };
        AnyStrategy::new(params.quoting.strategy).quote(&view, &mut desired);
        let mut rungs = Vec::new();
        for side in Side::BOTH {
            let slots = within(bound, desired.slots.of(side));
            rungs.extend(slots.iter().map(|slot| rung(side, slot, &instrument)));
        }
        let note = missing_note(&desired, params.quoting.layers);
        (rungs, note)
    }
}

/// The tightest touch whose middle is `mid`, rounded down to half a tick.
fn touch(mid: Decimal, instrument: &Instrument) -> Option<(Level, Level)> {
    let tick = Decimal::from_e12(i128::from(instrument.tick_e8) * 10_000);
    let below = mid.floor_steps_of(tick)?;
    let on_grid = mid.steps_of(tick).is_some();
    let bid = if on_grid {
        below.checked_sub(1)?
    } else {
        below
    };
    let ask = below.checked_add(1)?;
    let level = |price| Level {
        price: Ticks(price),
        size: Lots(1),
    };
    (bid > 0).then(|| (level(bid), level(ask)))
}

/// `net_max` × `batch_worst_case_ratio`, whole lots, rounded down.
fn batch_bound(params: &SymbolParams) -> Lots {
    let product = i128::from(params.risk.net_max.0) * i128::from(params.risk.batch_worst_case.0);
    Lots(i64::try_from(product / 100_000_000).unwrap_or(i64::MAX))
}

/// From flat both sides grow: the nearest slots whose sum stays within the bound (spec §4).
fn within(bound: Lots, slots: &[Slot]) -> &[Slot] {
    let mut sum = 0_i64;
    let fitting = slots
        .iter()
        .take_while(|slot| {
            sum = sum.saturating_add(slot.size.0);
            sum <= bound.0
        })
        .count();
    slots.get(..fitting).unwrap_or_default()
}

fn rung(side: Side, slot: &Slot, instrument: &Instrument) -> Rung {
    let scaled = |count: i64, unit_e8: i64| {
        Decimal::from_e12(i128::from(count) * i128::from(unit_e8) * 10_000)
    };
    Rung {
        side: match side {
            Side::Buy => "buy",
            Side::Sell => "sell",
        },
        layer: slot.layer,
        price: scaled(slot.price.0, instrument.tick_e8),
        size: scaled(slot.size.0, instrument.step_e8),
    }
}

fn missing_note(desired: &Desired, layers: u16) -> Option<String> {
    let gaps = Side::BOTH
        .into_iter()
        .flat_map(|side| desired.explanation.missing.of(side));
    let mut reasons: Vec<Missing> = gaps.map(|gap| gap.why).collect();
    reasons.sort_unstable();
    reasons.dedup();
    if reasons.is_empty() {
        return None;
    }
    let names: Vec<&str> = reasons.iter().map(|reason| reason.name()).collect();
    Some(format!(
        "not all {layers} layers are quoted: {}",
        names.join(", ")
    ))
}
