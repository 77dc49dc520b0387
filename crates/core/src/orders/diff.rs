//! Owns the difference between the orders that should rest and those that do, and what to do about it; knows
//! nothing of strategies, and leaves budgets and risk to the caller.
//!
//! Orders are matched to slots side by side (see `matching`); what is matched stays, what is not is
//! replaced: cancelled now, and its slot filled by a place that names the order it replaces, so that the caller's risk gate
//! decides whether both may be open at once or the place waits for a later plan.

mod matching;
mod moves;

use super::state::{Order, OrderState};
use super::{ORDERS_MAX, OrderTracker};
use crate::order::{Amendment, Execute, OrderId};
use crate::params::{LAYERS_MAX, OrderParams};
use crate::slot::Slot;
use crate::units::{Mono, PerSide, Side, Span, Ticks};
use alloc::vec::Vec;
use core::cmp::Reverse;
use matching::{Matching, Seat};
use moves::{Move, Pass, Sizing, is_candidate, sizing};

/// An order is topped up once less than this share (1/2) of its slot's size is left.
pub const TOP_UP_BELOW: (i64, i64) = (1, 2);
/// An order is cut down once more than this share (5/4) of its slot's size is left.
pub const CUT_ABOVE: (i64, i64) = (5, 4);

/// How long a cancel may wait.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Urgency {
    /// At once, exempt from budget, age and interval.
    Safety,
    /// At once, within the budget: the order stands where it should not.
    Prompt,
    /// When the order is old enough, the quote interval has passed and the budget allows.
    Discretionary,
}

/// Why an order is cancelled.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum CancelReason {
    /// Everything is pulled: stale data, halt, pause, overflow, shutdown.
    Pulled,
    /// It would grow the position while only reducing is allowed.
    Growing,
    /// The market trades through it.
    Crossed,
    /// It is nearer to our other side than the minimum spread.
    InsideSpread,
    /// Its layer is no longer wanted.
    Surplus,
    /// It is too far from its slot.
    Moved,
    /// Its size is wrong and it cannot be amended.
    Size,
}

/// A cancel to be sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PlannedCancel {
    /// The order.
    pub id: OrderId,
    /// Its side.
    pub side: Side,
    /// Distance from the nearest slot.
    pub deviation: Ticks,
    /// Why.
    pub why: CancelReason,
    /// What it is exempt from.
    pub urgency: Urgency,
}

/// An order to be placed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PlannedPlace {
    /// Side.
    pub side: Side,
    /// Where and how much.
    pub slot: Slot,
    /// The order that this plan cancels for it; the risk gate counts it until its end is known.
    pub replaces: Option<OrderId>,
}

/// What should be sent. Cancels come most urgent first, places from the touch outward, bids first.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// To be cancelled.
    pub cancels: Vec<PlannedCancel>,
    /// To be amended (size only).
    pub amends: Vec<Amendment>,
    /// To be placed.
    pub places: Vec<PlannedPlace>,
    /// Orders that stand in their slots.
    pub kept: PerSide<usize>,
    /// Orders that should go, and wait for age, interval, budget or an answer.
    pub waiting: PerSide<usize>,
}

impl Plan {
    fn with_capacity() -> Self {
        Self {
            cancels: Vec::with_capacity(ORDERS_MAX),
            amends: Vec::with_capacity(ORDERS_MAX),
            places: Vec::with_capacity(ORDERS_MAX),
            ..Self::default()
        }
    }

    fn clear(&mut self) {
        self.cancels.clear();
        self.amends.clear();
        self.places.clear();
        self.kept = PerSide::default();
        self.waiting = PerSide::default();
    }

    /// Whether nothing is to be sent.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.cancels.is_empty() && self.amends.is_empty() && self.places.is_empty()
    }
}

/// What should rest.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Wanted<'a> {
    /// Slots of each side, from the touch outward; at most [`LAYERS_MAX`] a side, further ones are ignored, and
    /// so are slots that take instead of rest. An order that can open a position may stay in a slot that asks
    /// for a reduce-only one, and the other way round: how it executes was approved when it was placed.
    pub slots: PerSide<&'a [Slot]>,
    /// Best bid of the market.
    pub bid: Ticks,
    /// Best ask of the market.
    pub ask: Ticks,
    /// Smallest distance between our best bid and our best ask (`min_spread` × mid).
    pub pair_gap_min: Ticks,
    /// The side that would grow the position, when only reducing is allowed.
    pub growing: Option<Side>,
    /// Urgency of cancelling orders whose layer is no longer wanted: `Safety` after a change to a more urgent mode.
    pub surplus: Urgency,
}

/// How much may be done now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits<'a> {
    /// Tolerances, interval and age.
    pub params: &'a OrderParams,
    /// Age for discretionary cancels: `params.age_min`, or more when the exchange's ratios ask for it.
    pub age_min: Span,
    /// Cancels left in the budget; safety cancels do not need it.
    pub cancels_left: u32,
    /// Most open orders (2 × layers + 2).
    pub open_max: usize,
}

/// Makes plans; keeps the memory they need and the time of the last discretionary re-quote.
#[derive(Clone, Debug)]
pub struct Differ {
    plan: Plan,
    matching: Matching,
    prices: Vec<Ticks>,
    /// Slots of the side at hand.
    slots: Vec<Slot>,
    seats: Vec<Seat>,
    /// Which slots have, or wait for, an order.
    taken: Vec<bool>,
    moves: Vec<Move>,
    empty: Vec<PlannedPlace>,
    requoted_at: Option<Mono>,
}

impl Default for Differ {
    fn default() -> Self {
        Self::new()
    }
}

impl Differ {
    /// Allocates all that plans will need.
    #[must_use]
    pub fn new() -> Self {
        let layers = usize::from(LAYERS_MAX);
        Self {
            plan: Plan::with_capacity(),
            matching: Matching::with_capacity(ORDERS_MAX, layers),
            prices: Vec::with_capacity(ORDERS_MAX),
            slots: Vec::with_capacity(layers),
            seats: Vec::with_capacity(layers),
            taken: Vec::with_capacity(layers),
            moves: Vec::with_capacity(ORDERS_MAX),
            empty: Vec::with_capacity(2 * layers),
            requoted_at: None,
        }
    }

    /// The last plan.
    #[must_use]
    pub const fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Plans to cancel everything that can still fill, as a matter of safety. Orders already being cancelled, or whose
    /// cancel was refused a moment ago, are left to the next plan.
    pub fn pull(&mut self, tracker: &OrderTracker, now: Mono) -> &Plan {
        self.plan.clear();
        for order in tracker.iter() {
            if order.can_cancel(now) {
                self.plan.cancels.push(PlannedCancel {
                    id: order.id,
                    side: order.side,
                    deviation: Ticks::ZERO,
                    why: CancelReason::Pulled,
                    urgency: Urgency::Safety,
                });
            }
        }
        &self.plan
    }

    /// Compares and plans. Discretionary cancels and amendments in the plan start a new quote interval.
    pub fn diff(
        &mut self,
        tracker: &OrderTracker,
        wanted: &Wanted<'_>,
        limits: &Limits<'_>,
        now: Mono,
    ) -> &Plan {
        self.plan.clear();
        self.moves.clear();
        self.empty.clear();
        let pass = Pass {
            wanted,
            limits,
            now,
            may_requote: self
                .requoted_at
                .is_none_or(|at| now.since(at) >= limits.params.quote_interval),
        };
        for side in Side::BOTH {
            self.match_side(tracker, side, &pass);
        }
        self.part_close_pairs(tracker, &pass);
        self.free_blocked_slots(tracker, &pass);
        self.spend(&pass);
        self.fill_slots(tracker, &pass);
        &self.plan
    }

    fn match_side(&mut self, tracker: &OrderTracker, side: Side, pass: &Pass<'_>) {
        let orders = tracker.side(side);
        if pass.all_stand(orders, pass.wanted.slots.of(side)) {
            *self.plan.kept.of_mut(side) = orders.len();
            return;
        }
        let matchable = |o: &&Order| is_candidate(o) && !pass.is_forbidden(o);
        self.prices.clear();
        self.prices
            .extend(orders.iter().filter(matchable).map(Order::price_wanted));
        let resting = |s: &&Slot| s.execute != Execute::TakeReduce;
        let wanted = pass.wanted.slots.of(side).iter().filter(resting);
        self.slots.clear();
        self.slots.extend(wanted.take(usize::from(LAYERS_MAX)));
        self.seats.clear();
        self.seats.extend(self.slots.iter().map(|slot| Seat {
            price: slot.price,
            tolerance: pass.tolerance(slot),
        }));
        self.matching.solve(&self.prices, &self.seats);
        self.taken.clear();
        self.taken.resize(self.slots.len(), false);
        for i in 0..self.prices.len() {
            if let Some(taken) = self.matching.slot_of(i).and_then(|j| self.taken.get_mut(j)) {
                *taken = true;
            }
        }
        for (i, order) in orders.iter().filter(matchable).enumerate() {
            match self
                .matching
                .slot_of(i)
                .and_then(|j| self.slots.get(j).copied())
            {
                Some(slot) => self.judge_matched(order, &slot, tracker, pass),
                None => self.judge_unmatched(order, pass),
            }
        }
        for order in orders.iter().filter(|o| pass.is_forbidden(o)) {
            if order.state() != OrderState::Canceling {
                let m = pass.removal(order, CancelReason::Growing, Urgency::Safety, None);
                self.moves.push(m);
            }
        }
        for (slot, taken) in self.slots.iter().zip(&self.taken) {
            if !taken {
                self.empty.push(PlannedPlace {
                    side,
                    slot: *slot,
                    replaces: None,
                });
            }
        }
    }

    fn judge_matched(
        &mut self,
        order: &Order,
        slot: &Slot,
        tracker: &OrderTracker,
        pass: &Pass<'_>,
    ) {
        use CancelReason::{Crossed, Size};
        if pass.crosses(order.side, order.price) {
            self.moves
                .push(pass.removal(order, Crossed, Urgency::Prompt, Some(*slot)));
            return;
        }
        match sizing(order, slot, tracker, pass.now) {
            Sizing::Fits => {}
            Sizing::Amend(amendment) => {
                if pass.may_requote {
                    self.plan.amends.push(amendment);
                    self.requoted_at = Some(pass.now);
                }
            }
            Sizing::Replace => {
                self.moves
                    .push(pass.removal(order, Size, Urgency::Discretionary, Some(*slot)));
                return;
            }
        }
        *self.plan.kept.of_mut(order.side) += 1;
    }

    /// An order without a slot leaves its place to the next empty slot, counted from the touch.
    fn judge_unmatched(&mut self, order: &Order, pass: &Pass<'_>) {
        let free = self.taken.iter().position(|taken| !taken);
        if let Some(taken) = free.and_then(|j| self.taken.get_mut(j)) {
            *taken = true;
        }
        let slot = free.and_then(|j| self.slots.get(j)).copied();
        let (why, urgency) = if pass.crosses(order.side, order.price) {
            (CancelReason::Crossed, Urgency::Prompt)
        } else if slot.is_some() {
            (CancelReason::Moved, Urgency::Discretionary)
        } else {
            (CancelReason::Surplus, pass.wanted.surplus)
        };
        self.moves.push(pass.removal(order, why, urgency, slot));
    }

    /// When our best orders stand nearer to each other than the minimum spread, the one that is further from its slots goes.
    fn part_close_pairs(&mut self, tracker: &OrderTracker, pass: &Pass<'_>) {
        let moving = |o: &&Order| !self.moves.iter().any(|m| m.cancel.id == o.id);
        let best = |side: Side| {
            let mut kept = tracker.side(side).iter();
            kept.find(|o| is_candidate(o) && moving(o))
        };
        let (Some(buy), Some(sell)) = (best(Side::Buy), best(Side::Sell)) else {
            return;
        };
        if sell.price_wanted() - buy.price_wanted() >= pass.wanted.pair_gap_min {
            return;
        }
        let part = |order| pass.removal(order, CancelReason::InsideSpread, Urgency::Prompt, None);
        let (of_buy, of_sell) = (part(buy), part(sell));
        let worse = match of_buy.cancel.deviation > of_sell.cancel.deviation {
            true => of_buy,
            false => of_sell,
        };
        self.unkeep(worse);
    }

    /// A kept order of ours may stand, within its tolerance, so near that an empty slot of the other side cannot be
    /// filled even at its own furthest price. Then it goes: else the slot would stay empty as long as the market
    /// stands still.
    fn free_blocked_slots(&mut self, tracker: &OrderTracker, pass: &Pass<'_>) {
        let first = |side: Side| pass.wanted.slots.of(side).first().map(|slot| slot.price);
        if let (Some(buy), Some(sell)) = (first(Side::Buy), first(Side::Sell))
            && sell - buy < pass.wanted.pair_gap_min
        {
            // The slots themselves stand too close: moving orders would never end.
            return;
        }
        for side in Side::BOTH {
            let of_moves = self
                .moves
                .iter()
                .filter_map(|m| Some((m.cancel.side, m.slot?)));
            let empty = self.empty.iter().map(|p| (p.side, p.slot)).chain(of_moves);
            let furthest = empty
                .filter(|(s, _)| *s == side)
                .map(|(_, slot)| side.away(slot.price, pass.tolerance(&slot)))
                .max_by_key(|price| side.sign() * price.0);
            let Some(furthest) = furthest else { continue };
            let blocks = |o: &Order| {
                (o.price_wanted() - furthest).0 * side.sign() < pass.wanted.pair_gap_min.0
            };
            for order in tracker.side(side.opposite()) {
                if !blocks(order) {
                    break;
                }
                if is_candidate(order) && !self.moves.iter().any(|m| m.cancel.id == order.id) {
                    use {CancelReason::InsideSpread, Urgency::Discretionary};
                    self.unkeep(pass.removal(order, InsideSpread, Discretionary, None));
                }
            }
        }
    }

    fn unkeep(&mut self, m: Move) {
        self.plan.amends.retain(|a| a.id != m.cancel.id);
        let kept = self.plan.kept.of_mut(m.cancel.side);
        *kept = kept.saturating_sub(1);
        self.moves.push(m);
    }

    /// Spends the cancels that are left where the deviation is worst.
    fn spend(&mut self, pass: &Pass<'_>) {
        self.moves.sort_unstable_by_key(|m| {
            let c = &m.cancel;
            (c.urgency, !m.exposed, Reverse(c.deviation), c.id)
        });
        let mut left = pass.limits.cancels_left;
        for m in &self.moves {
            if !pass.is_allowed(m, left) {
                *self.plan.waiting.of_mut(m.cancel.side) += 1;
                continue;
            }
            match m.cancel.urgency {
                Urgency::Safety => {}
                Urgency::Prompt => left -= 1,
                Urgency::Discretionary => {
                    left -= 1;
                    self.requoted_at = Some(pass.now);
                }
            }
            self.plan.cancels.push(m.cancel);
            if let Some(slot) = m.slot {
                self.empty.push(PlannedPlace {
                    side: m.cancel.side,
                    slot,
                    replaces: Some(m.cancel.id),
                });
            }
        }
    }

    /// Plans places for empty slots, unless post-only would be refused, the pair would stand too close, or
    /// too many orders would be open.
    fn fill_slots(&mut self, tracker: &OrderTracker, pass: &Pass<'_>) {
        self.empty.sort_unstable_by_key(|p| (p.side, p.slot.layer));
        let room = pass.limits.open_max.min(ORDERS_MAX);
        let room = room.saturating_sub(tracker.open_count());
        let mut best: PerSide<Option<Ticks>> = PerSide::default();
        for place in &self.empty {
            if self.plan.places.len() >= room {
                break;
            }
            let side = place.side;
            let bound = self.nearest_allowed(tracker, side, *best.of(side.opposite()), pass);
            let wanted = place.slot.price;
            let price = match bound {
                Some(bound) if side.is_better(wanted, bound) => bound,
                Some(_) | None => wanted,
            };
            let mine = |o: &Order| o.price_wanted() == price && is_candidate(o);
            let is_shared = price != wanted
                && (*best.of(side) == Some(price) || tracker.side(side).iter().any(mine));
            let is_far = (price - wanted).abs() > pass.tolerance(&place.slot);
            if is_shared || is_far || pass.crosses(side, price) {
                continue;
            }
            let slot = Slot {
                price,
                ..place.slot
            };
            self.plan.places.push(PlannedPlace { slot, ..*place });
            if best.of(side).is_none_or(|b| side.is_better(price, b)) {
                *best.of_mut(side) = Some(price);
            }
        }
    }

    /// The best price of `side` that keeps the minimum spread to our orders of the other side, and does not cross those
    /// that are on their way out.
    fn nearest_allowed(
        &self,
        tracker: &OrderTracker,
        side: Side,
        planned: Option<Ticks>,
        pass: &Pass<'_>,
    ) -> Option<Ticks> {
        let gap_min = Ticks(pass.wanted.pair_gap_min.0.max(1));
        let going = |o: &Order| {
            o.state() == OrderState::Canceling || self.plan.cancels.iter().any(|c| c.id == o.id)
        };
        let of_orders = tracker
            .side(side.opposite())
            .iter()
            .filter(|o| o.remaining().is_positive())
            .map(|o| {
                let near =
                    side.sign() * (side.sign() * o.price.0).min(side.sign() * o.price_wanted().0);
                side.away(Ticks(near), if going(o) { Ticks(1) } else { gap_min })
            });
        let of_plan = planned.map(|price| side.away(price, gap_min));
        of_orders
            .chain(of_plan)
            .min_by_key(|bound| side.sign() * bound.0)
    }
}

#[cfg(test)]
mod tests;
