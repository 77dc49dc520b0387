//! Owns the way from a view of the market to orders: strategy, batch check, difference, risk gate, budget.

use super::Desk;
use crate::action::{Action, Actions};
use crate::budget::order_rate::OrderPurpose;
use crate::budget::weight::RequestPurpose;
use crate::digest::Digest;
use crate::engine::requests::Request;
use crate::engine::shared::Shared;
use crate::engine::timers::Timer;
use crate::notice::What;
use crate::order::{Execute, NewOrder};
use crate::orders::diff::{Limits, PlannedPlace, Urgency, Wanted};
use crate::risk::limits::{Bounds, batch_bound, effect, toward};
use crate::risk::{Breach, Effect, Freshness, Permission, Resting, RiskContext, breakers};
use crate::slot::Slot;
use crate::strategy::desired::Gap;
use crate::strategy::mode::Trading;
use crate::strategy::{Missing, Mode, Strategy, StrategyView, Take, next_mode, position_ratio};
use crate::units::{Lots, Mono, Now, PerSide, Side, Span, Ticks};
use core::hash::Hash;

/// Pause before an order is tried again for which there was no room or no id.
const NO_ROOM_WAIT: Span = Span::from_secs(1);
/// Orders that should move but may not yet are looked at again after this.
const LOOK_AGAIN: Span = Span::from_millis(250);

/// When the ladder is looked at again, and when new orders may be sent.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Quoting {
    /// Something changed that a look at touch and position does not show.
    is_demanded: bool,
    /// Touch, position and open orders at the last look.
    seen: Option<(Ticks, Ticks, Lots, usize)>,
    /// Whether `BookReady` was said for the present book.
    pub(super) is_book_announced: bool,
    /// Urgency of taking away layers that a change of mode made surplus.
    surplus: Option<Urgency>,
}

impl Quoting {
    /// Layers that the next look no longer wants are cancelled as a matter of safety.
    pub(super) const fn clear_surplus(&mut self) {
        self.surplus = Some(Urgency::Safety);
    }

    /// Adds what the next look depends on.
    pub(super) fn digest(&self, digest: &mut Digest) {
        (self.is_demanded, self.seen, self.is_book_announced).hash(digest);
        self.surplus.hash(digest);
    }

    /// Looks again at the next step.
    pub(super) const fn demand(&mut self) {
        self.is_demanded = true;
    }
}

impl Desk {
    /// Brings the resting orders towards what the strategy wants, if anything it depends on has changed.
    pub(super) fn quote(&mut self, now: Now, shared: &mut Shared, actions: &mut Actions) {
        let Some(touch) = self.touch() else { return };
        self.dead_man.on_look();
        let seen = (
            touch.bid.price,
            touch.ask.price,
            self.size(),
            self.tracker.open_count(),
        );
        let is_due = self.quoting.is_demanded || self.quoting.seen != Some(seen);
        if !is_due {
            return;
        }
        self.quoting.is_demanded = false;
        self.quoting.seen = Some(seen);
        self.update_mode(actions);
        self.ask_strategy(now);
        if self.desired.is_pulled() {
            // Half a ladder would be left where the budget of cancels ends, and perhaps the half that has no way out.
            self.quoting.clear_surplus();
        }
        self.fit_batch(now, shared);
        self.judge_reach();
        self.carry_out(now, shared, actions);
        if let Some(at) = self.desired.again_at {
            self.timers.schedule_by(Timer::Requote, at);
        }
        self.quoting.seen = Some((
            touch.bid.price,
            touch.ask.price,
            self.size(),
            self.tracker.open_count(),
        ));
    }

    fn update_mode(&mut self, actions: &mut Actions) {
        let ratio = position_ratio(self.size(), self.params.risk.net_max);
        let mode = next_mode(
            self.mode,
            ratio,
            self.volatility.sigma(),
            &self.params.quoting,
            Trading::Allowed,
        );
        if mode != self.mode {
            self.say(What::Mode(self.mode, mode), actions);
            self.quoting.surplus =
                (mode > self.mode && mode >= Mode::ReduceOnly).then_some(Urgency::Safety);
            self.mode = mode;
        }
        self.judge_position(actions);
    }

    fn ask_strategy(&mut self, now: Now) {
        let Some(touch) = self.sync.book().and_then(crate::book::Book::touch) else {
            return;
        };
        let view = StrategyView {
            now,
            instrument: &self.instrument,
            params: &self.params.quoting,
            net_max: self.params.risk.net_max,
            batch_bound: batch_bound(&self.params.risk),
            bid: touch.bid,
            ask: touch.ask,
            position: self.position.size(),
            mode: self.mode,
            sigma: self.volatility.sigma(),
            predicted_funding: self.funding.rate(),
            vpin: self.vpin.reading(),
        };
        if let Some(fault) = self.fault {
            fault.strike(self.symbol);
        }
        self.strategy.quote(&view, &mut self.desired);
    }

    /// The batch check of spec §4: layers are dropped from the far end until the worst case fits.
    fn fit_batch(&mut self, now: Now, shared: &Shared) {
        let Some(mid) = self.touch().map(|t| t.mid_half_ticks()) else {
            return;
        };
        for side in Side::BOTH {
            let bounds = Bounds::new(&self.risk_context(now.mono, shared), mid);
            let slots = self
                .desired
                .slots
                .of(side)
                .iter()
                .map(|s| (s.size, s.execute));
            let fit = bounds.fit(side, self.position.size(), slots);
            for _ in 0..fit.dropped {
                self.desired.drop_farthest(side, Missing::BatchWorstCase);
            }
        }
    }

    /// When what could still fill reaches beyond `net_max` (a position from elsewhere, a lowered limit), the
    /// layers that are no longer wanted go at once.
    fn judge_reach(&mut self) {
        let exposure = self.tracker.exposure_by_kind();
        let is_beyond = |side: Side| {
            let held = toward(side, self.position.size());
            let plain = exposure.of(side).plain;
            plain.is_positive()
                && effect(held, plain, exposure.of(side).reduce_only) == Effect::Grows
                && held.max(Lots::ZERO).saturating_add(plain) > self.params.risk.net_max
        };
        if Side::BOTH.into_iter().any(is_beyond) {
            self.quoting.clear_surplus();
        }
    }

    pub(super) fn risk_context(&self, now: Mono, shared: &Shared) -> RiskContext<'_> {
        let is_reduce_only =
            self.mode >= Mode::ReduceOnly || self.reduce_only_until.is_some_and(|at| now < at);
        let halts = [self.halt.map(|h| h.reason), shared.halt];
        let permission = halts.into_iter().flatten().map(Permission::during).min();
        RiskContext {
            instrument: &self.instrument,
            params: &self.params.risk,
            position: self.position.size(),
            exposure: self.tracker.exposure_by_kind(),
            mid_half_ticks: self.touch().map(|t| t.mid_half_ticks()),
            mark: self.mark.map(|m| m.mark),
            data: match self.is_fresh(now) {
                true => Freshness::Fresh,
                false => Freshness::Stale,
            },
            permission: match (permission, is_reduce_only) {
                (Some(permission), _) => permission,
                (None, true) => Permission::Reduce,
                (None, false) => Permission::Trade,
            },
            orders_open: u32::try_from(self.tracker.open_count()).unwrap_or(u32::MAX),
            orders_max: breakers::orders_max(self.params.quoting.layers),
            notional_elsewhere: shared.notional_of_others(self.symbol),
            total_notional_max: shared.params.total_notional_max,
        }
    }

    fn carry_out(&mut self, now: Now, shared: &mut Shared, actions: &mut Actions) {
        self.plan_changes(now, shared);
        self.send_cancels(now, shared, actions);
        self.send_amends(now, shared, actions);
        if let Some(take) = self.desired.take {
            self.send_take(take, now, shared, actions);
        }
        self.send_places(now, shared, actions);
        self.note_full_quote(now);
        self.record.last_quote_refresh = Some(now.mono);
    }

    fn plan_changes(&mut self, now: Now, shared: &Shared) {
        let Some(touch) = self.touch() else { return };
        // Discretionary cancels are the first to give way when request weight is short.
        let cancels_left = match shared.weight.allows(1, RequestPurpose::Quote, now.mono) {
            true => self.cancel_budget.left(now.mono),
            false => 0,
        };
        let growing = (self.mode >= Mode::ReduceOnly)
            .then(|| self.position.side())
            .flatten();
        let wanted = Wanted {
            slots: PerSide {
                buy: &self.desired.slots.buy,
                sell: &self.desired.slots.sell,
            },
            bid: touch.bid.price,
            ask: touch.ask.price,
            pair_gap_min: self.pair_gap_min(&touch),
            growing,
            surplus: self
                .quoting
                .surplus
                .take()
                .unwrap_or(Urgency::Discretionary),
        };
        let limits = Limits {
            params: &self.params.orders,
            age_min: self.ratios.age_min(self.params.orders.age_min, now.mono),
            cancels_left,
            open_max: usize::try_from(breakers::orders_max(self.params.quoting.layers))
                .unwrap_or(usize::MAX),
        };
        self.differ.diff(&self.tracker, &wanted, &limits, now.mono);
        let waiting = self.differ.plan().waiting;
        if waiting.buy + waiting.sell > 0 {
            self.timers
                .schedule_by(Timer::Requote, now.mono.after(LOOK_AGAIN));
        }
    }

    fn pair_gap_min(&self, touch: &crate::book::Touch) -> Ticks {
        let mid = touch.mid_half_ticks() as f64 / 2.0;
        crate::float::ticks_floor(mid * self.params.quoting.min_spread)
    }

    fn send_cancels(&mut self, now: Now, shared: &mut Shared, actions: &mut Actions) {
        if let Some(until) = shared.weight.banned_until(now.mono) {
            self.timers.schedule_by(Timer::Requote, until);
            return;
        }
        let mut index = 0;
        while let Some(cancel) = self.differ.plan().cancels.get(index).copied() {
            index += 1;
            self.cancel_budget.on_cancel(now.mono);
            if cancel.urgency == Urgency::Safety {
                self.safety_cancels.on_cancel(now.mono);
            }
            self.record.cancels += 1;
            if let Some(order) = self.tracker.order(cancel.id) {
                self.ratios
                    .on_canceled(now.mono.since(order.placed_at), now.mono);
            }
            self.tracker.on_cancel_sent(cancel.id, now.mono);
            shared.weight.on_sent(Request::Cancel.weight(), now.mono);
            actions.push(Action::Cancel(self.symbol, cancel.id));
        }
        if index > 0 {
            self.record.requotes += 1;
        }
    }

    fn send_amends(&mut self, now: Now, shared: &mut Shared, actions: &mut Actions) {
        let mut index = 0;
        while let Some(amendment) = self.differ.plan().amends.get(index).copied() {
            index += 1;
            let Some(order) = self.tracker.order(amendment.id) else {
                continue;
            };
            let resting = Resting {
                could_fill: order.exposure(),
                filled: order.filled,
            };
            let amendment = crate::order::Amendment {
                symbol: self.symbol,
                ..amendment
            };
            let approved =
                self.gate
                    .approve_amend(&self.risk_context(now.mono, shared), amendment, resting);
            if let Ok(approved) = approved
                && shared.order_rate.left(OrderPurpose::Quote, now.mono) > 0
            {
                shared.order_rate.on_sent(1, now.mono);
                self.tracker.on_amend_sent(&amendment, now.mono);
                actions.push(Action::Amend(approved));
            }
        }
    }

    fn send_places(&mut self, now: Now, shared: &mut Shared, actions: &mut Actions) {
        let mut index = 0;
        while let Some(place) = self.differ.plan().places.get(index).copied() {
            index += 1;
            self.send_place(&place, now, shared, actions);
        }
    }

    fn send_place(
        &mut self,
        place: &PlannedPlace,
        now: Now,
        shared: &mut Shared,
        actions: &mut Actions,
    ) {
        let mut paused = self.refusals.paused_until(place.side, now.mono);
        if self.position.side() == Some(place.side.opposite()) {
            paused = paused.min(Some(*self.reducing_paused.of(place.side)));
        }
        if let Some(until) = paused.filter(|until| *until > now.mono) {
            self.miss_place(place.side, &place.slot, Missing::BackOff);
            self.timers.schedule_by(Timer::Requote, until);
            return;
        }
        let Slot {
            price,
            size,
            execute,
            ..
        } = place.slot;
        let request = Wish {
            side: place.side,
            price,
            size,
            execute,
        };
        match self.place(request, now, shared, actions) {
            Ok(()) => {}
            // The order it replaces still counts: its end brings us back here.
            Err(Held::Breach(_)) if place.replaces.is_some() => {}
            Err(Held::Breach(_)) => self.miss_place(place.side, &place.slot, Missing::RiskBreach),
            Err(Held::Budget(at)) => {
                self.miss_place(place.side, &place.slot, Missing::Budget);
                self.timers.schedule_by(Timer::Requote, at);
            }
        }
    }

    fn miss_place(&mut self, side: Side, slot: &Slot, why: Missing) {
        self.desired.drop_layer(side, slot.layer, why);
    }

    fn send_take(&mut self, take: Take, now: Now, shared: &mut Shared, actions: &mut Actions) {
        let is_pending = self
            .tracker
            .iter()
            .any(|o| o.execute == Execute::TakeReduce);
        let max = usize::try_from(breakers::orders_max(self.params.quoting.layers));
        let has_room = max.is_ok_and(|max| self.tracker.open_count() < max);
        if !is_pending && has_room {
            // A breach or an empty budget only delays it: the strategy asks again after its cool-down.
            let request = Wish {
                side: take.side,
                price: take.limit,
                size: take.size,
                execute: Execute::TakeReduce,
            };
            let _held = self.place(request, now, shared, actions);
        }
    }

    /// Sends one order if gate and budget allow; the tracker knows of it before it is asked for.
    pub(super) fn place(
        &mut self,
        request: Wish,
        now: Now,
        shared: &mut Shared,
        actions: &mut Actions,
    ) -> Result<(), Held> {
        if let Some(until) = shared.weight.banned_until(now.mono) {
            return Err(Held::Budget(until));
        }
        let mut ids = shared.ids;
        let Some(id) = ids.next_id() else {
            return Err(Held::Budget(now.mono.after(NO_ROOM_WAIT)));
        };
        let Wish {
            side,
            price,
            size,
            execute,
        } = request;
        let order = NewOrder {
            symbol: self.symbol,
            id,
            side,
            price,
            size,
            execute,
        };
        let context = self.risk_context(now.mono, shared);
        if let Some(until) = self.repeat.blocks(now.mono, &order, context.effect(&order)) {
            return Err(Held::Budget(until));
        }
        let effect = context.effect(&order);
        let approved = match self.gate.approve(&context, order) {
            Ok(approved) => approved,
            Err(breach) => {
                let is_exit = effect == Effect::Reduces && breach.limits_growth();
                self.record.exits_refused += u64::from(is_exit);
                return Err(Held::Breach(breach));
            }
        };
        let purpose = match execute.is_reduce_only() {
            true => OrderPurpose::Reduce,
            false => OrderPurpose::Quote,
        };
        if shared.order_rate.left(purpose, now.mono) == 0 {
            let free = shared.order_rate.next_free(purpose, now.mono);
            return Err(Held::Budget(free.unwrap_or(now.mono.after(NO_ROOM_WAIT))));
        }
        if self.tracker.on_sent(&order, now.mono).is_err() {
            return Err(Held::Budget(now.mono.after(NO_ROOM_WAIT)));
        }
        shared.ids = ids;
        shared.order_rate.on_sent(1, now.mono);
        actions.push(Action::Place(approved));
        Ok(())
    }

    /// Layers wanted on a side, those included that only wait for the exchange or a budget.
    pub(in crate::engine) fn expected(&self, side: Side) -> usize {
        let waits = |gap: &&Gap| matches!(gap.why, Missing::BackOff | Missing::Budget);
        let waiting = self.desired.explanation.missing.of(side).iter();
        self.desired.slots.of(side).len() + waiting.filter(waits).count()
    }

    /// Whether some order is wanted and the exchange holds none of them off.
    pub(super) fn may_rest(&self) -> bool {
        let held_off = |gap: &Gap| gap.why == Missing::BackOff;
        let missing = &self.desired.explanation.missing;
        Side::BOTH.iter().any(|side| self.expected(*side) > 0)
            && !Side::BOTH
                .iter()
                .any(|side| missing.of(*side).iter().any(held_off))
    }

    /// Notes the first instant at which every layer that is wanted rests.
    fn note_full_quote(&mut self, now: Now) {
        if self.record.full_quote_at.is_some() {
            return;
        }
        let is_full = Side::BOTH.iter().all(|side| {
            let wanted = self.expected(*side);
            wanted > 0 && self.tracker.resting_count(*side) >= wanted
        });
        if is_full {
            self.record.full_quote_at = Some(now.mono);
        }
    }
}

/// An order without its id.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Wish {
    pub(super) side: Side,
    pub(super) price: Ticks,
    pub(super) size: Lots,
    pub(super) execute: Execute,
}

/// Why an order was not sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Held {
    /// A pre-trade control.
    Breach(Breach),
    /// The message budget; it has room again at this instant.
    Budget(Mono),
}
