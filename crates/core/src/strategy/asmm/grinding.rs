//! Owns the grinding of a large position: when to take, and the maker order that re-enters afterwards;
//! knows nothing of the rest of the ladder.

use crate::float::{of_price8, price8_nearest};
use crate::strategy::ladder::{Lead, lots_share};
use crate::strategy::{Mode, StrategyView, Take};
use crate::units::{Lots, Mono, Price8, Side, Ticks};

/// Cool-down and re-entry.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Grinding {
    last_take: Option<Mono>,
    reentry: Option<Reentry>,
}

/// What is left of the re-entering order.
#[derive(Clone, Copy, Debug)]
struct Reentry {
    side: Side,
    left: Lots,
}

/// What grinding asks for now.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Step {
    pub(super) take: Option<Take>,
    pub(super) reentry: Option<Lead>,
    pub(super) again_at: Option<Mono>,
}

impl Grinding {
    /// A fill on the re-entering side uses the re-entry up, whichever order it was, so that growth after a
    /// grind never exceeds it.
    pub(super) fn on_fill(&mut self, side: Side, size: Lots) {
        self.reentry = self.reentry.and_then(|entry| {
            let used = if entry.side == side { size } else { Lots::ZERO };
            let left = entry.left.saturating_sub(used);
            left.is_positive().then_some(Reentry { left, ..entry })
        });
    }

    /// Gives the re-entry up; the cool-down runs on.
    pub(super) fn forget_reentry(&mut self) {
        self.reentry = None;
    }

    /// In grinding mode: a reduce-only IOC of `grinding_share` of the position at the opposite touch, at most
    /// once per cool-down, and from then on the re-entry on the growing side until it is filled, the mode
    /// changes or the position changes sign.
    ///
    /// The cool-down starts when the order is asked for, whatever becomes of it: an order that is refused
    /// or finds nothing never makes a loop.
    pub(super) fn next_step(&mut self, view: &StrategyView<'_>, mid: Price8) -> Step {
        let growing = match view.mode {
            Mode::Grinding => view.growing(),
            Mode::Normal | Mode::Pinning | Mode::ReduceOnly | Mode::Halt => None,
        };
        let Some(growing) = growing else {
            self.reentry = None;
            return Step::default();
        };
        self.reentry = self.reentry.filter(|entry| entry.side == growing);
        let ready_at = |last: Mono| last.after(view.params.grinding_cooldown);
        let mut take = None;
        if self
            .last_take
            .is_none_or(|last| view.now.mono >= ready_at(last))
        {
            take = next_take(view, growing);
            if take.is_some() {
                self.last_take = Some(view.now.mono);
                self.reentry = Some(Reentry {
                    side: growing,
                    left: lots_share(view.params.layer_size, view.params.grinding_size_factor),
                });
            }
        }
        Step {
            take,
            reentry: self.reentry.map(|entry| reentry(view, mid, entry)),
            again_at: self
                .last_take
                .map(ready_at)
                .filter(|&at| at > view.now.mono),
        }
    }
}

/// The order that grinds: at least the smallest quantity, never above the position.
fn next_take(view: &StrategyView<'_>, growing: Side) -> Option<Take> {
    let instrument = view.instrument;
    let position = Lots(view.position.0.saturating_abs());
    let smallest = instrument.qty_min.max(Lots(1));
    let mut size = lots_share(position, view.params.grinding_share).max(smallest);
    if instrument.qty_max.is_positive() {
        size = size.min(instrument.qty_max);
    }
    (size <= position).then(|| Take {
        side: growing.opposite(),
        size,
        limit: view.touch(growing),
    })
}

/// The maker order that re-enters `grinding_reentry` × mid away from mid.
fn reentry(view: &StrategyView<'_>, mid: Price8, entry: Reentry) -> Lead {
    let distance = price8_nearest(view.params.grinding_reentry * of_price8(mid)).max(Price8::ZERO);
    let price = match entry.side {
        Side::Buy => mid.saturating_sub(distance),
        Side::Sell => mid.saturating_add(distance),
    };
    Lead {
        price: view.instrument.ticks_passive(price, entry.side),
        size: entry.left,
        spacing: view.instrument.ticks_floor(distance).max(Ticks(1)),
    }
}
