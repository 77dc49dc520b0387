//! Owns the judgement of single orders: may it stay, must it go and how soon, is its size right; knows nothing
//! of the other orders.

use super::{CUT_ABOVE, CancelReason, Limits, PlannedCancel, TOP_UP_BELOW, Urgency, Wanted};
use crate::order::{Amendment, Execute};
use crate::orders::OrderTracker;
use crate::orders::state::{Order, OrderState};
use crate::slot::Slot;
use crate::units::{E8, Mono, Side, Ticks};

/// An order that should go, and the slot it was to fill.
#[derive(Clone, Copy, Debug)]
pub(super) struct Move {
    pub(super) cancel: PlannedCancel,
    /// Priced better than every slot: more dangerous than one that lags behind.
    pub(super) exposed: bool,
    /// Whether urgency alone decides, or an answer must be awaited first.
    pub(super) ready: bool,
    pub(super) placed_at: Mono,
    pub(super) slot: Option<Slot>,
}

/// What one call of `diff` is given.
#[derive(Clone, Copy)]
pub(super) struct Pass<'a> {
    pub(super) wanted: &'a Wanted<'a>,
    pub(super) limits: &'a Limits<'a>,
    pub(super) now: Mono,
    /// Whether the quote interval has passed.
    pub(super) may_requote: bool,
}

impl Pass<'_> {
    /// Largest deviation of an order that stays in `slot`.
    pub(super) fn tolerance(&self, slot: &Slot) -> Ticks {
        let params = self.limits.params;
        // Beyond i64 only for spacings of 10¹⁰ ticks: there the smallest tolerance does.
        let share = slot.spacing.0.checked_mul(params.tolerance.0).unwrap_or(0) / E8;
        let share = Ticks(share).max(params.tolerance_min);
        match slot.layer {
            0 | 1 => share.min(Ticks(
                self.wanted
                    .pair_gap_min
                    .0
                    .saturating_mul(params.first_layer_spreads),
            )),
            2.. => share,
        }
    }

    /// Whether an order resting at `price` would be traded through by the market.
    pub(super) fn crosses(&self, side: Side, price: Ticks) -> bool {
        match side {
            Side::Buy => price >= self.wanted.ask,
            Side::Sell => price <= self.wanted.bid,
        }
    }

    /// Whether every order simply stays in the slot of its rank: the common case, told without any memory.
    pub(super) fn all_stand(&self, orders: &[Order], slots: &[Slot]) -> bool {
        let stands = |(order, slot): (&Order, &Slot)| {
            let off = order.price_wanted().saturating_sub(slot.price).abs();
            off <= self.tolerance(slot)
                && is_candidate(order)
                && size_fits(order, slot)
                && slot.execute != Execute::TakeReduce
                && !self.crosses(order.side, order.price)
                && !self.is_forbidden(order)
        };
        orders.len() == slots.len() && orders.iter().zip(slots).all(stands)
    }

    pub(super) fn is_forbidden(&self, order: &Order) -> bool {
        self.wanted.growing == Some(order.side) && !order.execute.is_reduce_only()
    }

    pub(super) fn removal(
        &self,
        order: &Order,
        why: CancelReason,
        urgency: Urgency,
        slot: Option<Slot>,
    ) -> Move {
        let slots = self.wanted.slots.of(order.side);
        let nearest = slots.iter().map(|s| (s.price - order.price).abs()).min();
        let ready = match urgency {
            Urgency::Safety => order.can_cancel(self.now),
            Urgency::Prompt | Urgency::Discretionary => {
                order.state() == OrderState::Live && order.can_cancel(self.now)
            }
        };
        Move {
            cancel: PlannedCancel {
                id: order.id,
                side: order.side,
                deviation: nearest.unwrap_or(Ticks::MAX),
                why,
                urgency,
            },
            exposed: slots
                .first()
                .is_some_and(|first| order.side.is_better(order.price, first.price)),
            ready,
            placed_at: order.placed_at,
            slot,
        }
    }

    pub(super) fn is_allowed(&self, m: &Move, cancels_left: u32) -> bool {
        m.ready
            && match m.cancel.urgency {
                Urgency::Safety => true,
                Urgency::Prompt => cancels_left > 0,
                Urgency::Discretionary => {
                    cancels_left > 0
                        && self.may_requote
                        && self.now.since(m.placed_at) >= self.limits.age_min
                }
            }
    }
}

/// Whether the order takes part in the matching: it can still fill and is meant to rest.
pub(super) fn is_candidate(order: &Order) -> bool {
    let resting = match order.state() {
        OrderState::Placing | OrderState::Live | OrderState::Amending | OrderState::Unknown => true,
        OrderState::Canceling | OrderState::Done => false,
    };
    resting && order.execute != Execute::TakeReduce && order.remaining().is_positive()
}

/// What the size of an order in its slot calls for.
pub(super) enum Sizing {
    Fits,
    Amend(Amendment),
    Replace,
}

fn size_fits(order: &Order, slot: &Slot) -> bool {
    let (left, want) = (order.remaining().0, slot.size.0);
    let exceeds = |a: i64, b: i64, (n, d): (i64, i64)| a.saturating_mul(d) > b.saturating_mul(n);
    let is_small = exceeds(want, left, (TOP_UP_BELOW.1, TOP_UP_BELOW.0));
    let is_large = exceeds(left, want, CUT_ABOVE);
    !is_small && !is_large
}

pub(super) fn sizing(order: &Order, slot: &Slot, tracker: &OrderTracker, now: Mono) -> Sizing {
    if size_fits(order, slot) {
        Sizing::Fits
    } else if order.can_amend(now) {
        Sizing::Amend(Amendment {
            symbol: tracker.symbol(),
            id: order.id,
            side: order.side,
            price: order.price,
            size: order.filled.saturating_add(slot.size),
            execute: order.execute,
        })
    } else if order.state() == OrderState::Live && !order.amendable {
        Sizing::Replace
    } else {
        Sizing::Fits
    }
}
