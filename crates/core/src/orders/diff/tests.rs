use super::*;
use crate::event::{
    ExchangeStatus, Execution, Fill, OrderReport, OrderUpdate, Outcome, Refusal, Reply, Why,
};
use crate::instrument::SymbolId;
use crate::order::{NewOrder, Owner};
use crate::orders::{Change, OrderIds};
use crate::params::ethusdc_defaults;
use crate::units::{Lots, Quote, Wall};
use proptest::prelude::*;
use std::println;

extern crate std;

const SYMBOL: SymbolId = SymbolId(0);
const LAYERS: usize = 18;
const OPEN_MAX: usize = 2 * LAYERS + 2;
/// `min_spread` 0.0007 at 2500.
const PAIR_GAP: Ticks = Ticks(175);
const MID: i64 = 250_000;

/// The default ladder of spec §3 around `mid`, in ticks.
fn ladder(mid: i64) -> PerSide<Vec<Slot>> {
    let q = ethusdc_defaults().quoting;
    let (mut distance, mut spacing) = (120.0, 120.0);
    let mut slots: PerSide<Vec<Slot>> = PerSide::default();
    for layer in 1..=u16::try_from(LAYERS).expect("small") {
        #[expect(clippy::cast_possible_truncation, reason = "small numbers")]
        let (d, s) = (distance as i64, spacing as i64);
        for side in Side::BOTH {
            slots.of_mut(side).push(Slot {
                layer,
                price: side.away(Ticks(mid), Ticks(d)),
                size: q.layer_size,
                spacing: Ticks(if layer == 1 { d } else { s }),
                execute: Execute::PostOnly,
            });
        }
        if layer > 1 {
            spacing = f64::min(spacing * q.spacing_multiplier, 2_500.0);
        }
        distance += spacing;
    }
    slots
}

/// A tracker, its differ, and an exchange that answers one step later.
struct World {
    tracker: OrderTracker,
    differ: Differ,
    ids: OrderIds,
    params: OrderParams,
    now: Mono,
    answers: Vec<Reply<'static>>,
    cancels: Vec<Mono>,
    placed: usize,
    refused: usize,
    fills: usize,
    trade_id: i64,
}

impl World {
    fn new() -> Self {
        Self {
            tracker: OrderTracker::new(SYMBOL, Span::from_secs(3)),
            differ: Differ::new(),
            ids: OrderIds::new(1),
            params: OrderParams::default(),
            now: Mono(0),
            answers: Vec::new(),
            cancels: Vec::new(),
            placed: 0,
            refused: 0,
            fills: 0,
            trade_id: 0,
        }
    }

    fn plan(
        &mut self,
        slots: &PerSide<Vec<Slot>>,
        mid: i64,
        with: impl FnOnce(&mut Wanted<'_>),
        left: u32,
    ) -> Plan {
        let mut wanted = Wanted {
            slots: PerSide {
                buy: &slots.buy,
                sell: &slots.sell,
            },
            bid: Ticks(mid - 1),
            ask: Ticks(mid + 1),
            pair_gap_min: PAIR_GAP,
            growing: None,
            surplus: Urgency::Discretionary,
        };
        with(&mut wanted);
        let limits = Limits {
            params: &self.params,
            age_min: self.params.age_min,
            cancels_left: left,
            open_max: OPEN_MAX,
        };
        self.differ
            .diff(&self.tracker, &wanted, &limits, self.now)
            .clone()
    }

    fn report(order: &Order, status: ExchangeStatus) -> OrderReport {
        OrderReport {
            symbol: SYMBOL,
            owner: Owner::Ours(order.id),
            exchange_id: i64::from(order.id.seq),
            side: order.side,
            price: order.price_wanted(),
            size: order.size_wanted(),
            filled: order.filled,
            status,
            reduce_only: false,
            time: Wall(self::wall(order)),
        }
    }

    /// Sends a plan; the risk gate lets each side's exposure reach `net_max` × 0.5.
    fn send(&mut self, plan: &Plan) {
        for cancel in &plan.cancels {
            let order = *self.tracker.order(cancel.id).expect("planned orders exist");
            self.tracker.on_cancel_sent(cancel.id, self.now);
            let report = Self::report(&order, ExchangeStatus::Canceled);
            self.answers
                .push(Reply::Cancel(SYMBOL, cancel.id, Outcome::Accepted(report)));
            self.cancels.push(self.now);
        }
        for amendment in &plan.amends {
            self.tracker.on_amend_sent(amendment, self.now);
            let order = *self
                .tracker
                .order(amendment.id)
                .expect("planned orders exist");
            let report = Self::report(&order, ExchangeStatus::New);
            self.answers.push(Reply::Amend(
                SYMBOL,
                amendment.id,
                Outcome::Accepted(report),
            ));
        }
        for place in &plan.places {
            if self.tracker.exposure().of(place.side).0 + place.slot.size.0 > 1_000 {
                continue;
            }
            let order = NewOrder {
                symbol: SYMBOL,
                id: self.ids.next_id().expect("plenty"),
                side: place.side,
                price: place.slot.price,
                size: place.slot.size,
                execute: place.slot.execute,
            };
            self.tracker.on_sent(&order, self.now).expect("room");
            self.placed += 1;
            let order = *self.tracker.order(order.id).expect("just sent");
            let report = Self::report(&order, ExchangeStatus::New);
            self.answers
                .push(Reply::Place(SYMBOL, order.id, Outcome::Accepted(report)));
        }
    }

    /// Answers what was sent, in a market where post-only at or beyond the touch is refused.
    fn answer(&mut self, bid: i64, ask: i64) {
        for reply in core::mem::take(&mut self.answers) {
            let reply = match reply {
                Reply::Place(_, id, Outcome::Accepted(r))
                    if (r.side == Side::Buy && r.price.0 >= ask)
                        || (r.side == Side::Sell && r.price.0 <= bid) =>
                {
                    self.refused += 1;
                    let why = Why::WouldTake;
                    let refusal = Refusal {
                        why,
                        code: -5022,
                        retry_after: Span::ZERO,
                    };
                    Reply::Place(SYMBOL, id, Outcome::Refused(refusal))
                }
                other => other,
            };
            self.tracker.on_reply(&reply, self.now);
            if let Reply::Cancel(_, _, Outcome::Accepted(report)) = reply {
                let end = OrderUpdate {
                    report,
                    execution: Execution::Canceled,
                    fill: None,
                    event_time: Wall(0),
                };
                self.tracker.on_update(&end, self.now);
            }
        }
    }

    fn fill(&mut self, id: OrderId, size: i64) -> Change {
        let order = *self.tracker.order(id).expect("open");
        let filled = order.filled + Lots(size);
        self.trade_id += 1;
        let status = match filled == order.size {
            true => ExchangeStatus::Filled,
            false => ExchangeStatus::PartiallyFilled,
        };
        let update = OrderUpdate {
            report: OrderReport {
                filled,
                price: order.price,
                size: order.size,
                ..Self::report(&order, status)
            },
            execution: Execution::Trade,
            fill: Some(Fill {
                trade_id: self.trade_id,
                price: order.price,
                size: Lots(size),
                fee: Quote::ZERO,
                fee_other_e8: 0,
                realized: Quote::ZERO,
                maker: true,
            }),
            event_time: Wall(0),
        };
        self.fills += 1;
        self.tracker.on_update(&update, self.now).expect("tracked")
    }

    fn fill_crossed(&mut self, bid: i64, ask: i64) {
        let crossed: Vec<OrderId> = self
            .tracker
            .iter()
            .filter(|o| o.state() == OrderState::Live)
            .filter(|o| match o.side {
                Side::Buy => o.price.0 >= ask,
                Side::Sell => o.price.0 <= bid,
            })
            .map(|o| o.id)
            .collect();
        for id in crossed {
            let left = self.tracker.order(id).map_or(0, |o| o.remaining().0);
            self.fill(id, left);
        }
    }

    fn wait(&mut self, ms: i64) {
        self.now = self.now.after(Span::from_millis(ms));
    }

    /// A full ladder around `mid`, old enough to be moved.
    fn settled(mid: i64) -> Self {
        let mut world = Self::new();
        let plan = world.plan(&ladder(mid), mid, |_| {}, 50);
        world.send(&plan);
        world.answer(mid - 1, mid + 1);
        assert_eq!(world.tracker.open_count(), 2 * LAYERS);
        world.wait(10_000);
        world
    }

    fn cancels_per_minute_max(&self) -> usize {
        let minute = Span::from_secs(60);
        let of_minute = |at: &Mono| {
            self.cancels
                .iter()
                .filter(|c| *c <= at && at.since(**c) < minute)
                .count()
        };
        self.cancels.iter().map(of_minute).max().unwrap_or(0)
    }
}

fn wall(order: &Order) -> i64 {
    order.filled.0
}

#[test]
fn an_empty_book_gets_the_whole_ladder_from_the_touch_outward() {
    let mut world = World::new();
    let plan = world.plan(&ladder(MID), MID, |_| {}, 0);
    assert_eq!(plan.places.len(), 2 * LAYERS);
    let layers: Vec<u16> = plan.places.iter().take(3).map(|p| p.slot.layer).collect();
    assert_eq!(layers, [1, 2, 3]);
}

#[test]
fn an_unchanged_market_changes_nothing() {
    let mut world = World::settled(MID);
    for drift in [0, 5, -5, 100, -100] {
        let plan = world.plan(&ladder(MID + drift), MID + drift, |_| {}, 50);
        assert!(plan.is_empty(), "drift {drift}: {plan:?}");
        assert_eq!(
            plan.kept,
            PerSide {
                buy: LAYERS,
                sell: LAYERS
            }
        );
    }
}

#[test]
fn a_trend_step_of_one_layer_costs_at_most_one_cancel_a_side() {
    for step in [120, -120] {
        let mut world = World::settled(MID);
        let mid = MID + step;
        let plan = world.plan(&ladder(mid), mid, |_| {}, 50);
        assert!(plan.cancels.len() <= 2, "step {step}: {:?}", plan.cancels);
        assert!(!plan.cancels.is_empty());
        assert!(plan.places.iter().all(|p| p.replaces.is_some()));
        world.send(&plan);
        world.answer(mid - 1, mid + 1);
        world.wait(10_000);
        let after = world.plan(&ladder(mid), mid, |_| {}, 50);
        assert!(
            after.cancels.is_empty() && after.places.is_empty(),
            "{after:?}"
        );
    }
}

/// Uniform in −1..1, by a small generator of its own.
struct Noise(u64);

impl Noise {
    #[expect(clippy::cast_precision_loss, reason = "a random number")]
    fn uniform(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    }

    /// Nearly normal, variance 1.
    fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.uniform() / 2.0).sum()
    }
}

/// Quotes a random walk (σ = 1 bp per √s at 2500, 100 ms steps) with the given drift in ticks per second.
fn walk(seed: u64, seconds: i64, drift: f64, budget: u32) -> World {
    let mut world = World::new();
    let mut noise = Noise(seed);
    let mut exact = 250_000.0;
    for _ in 0..seconds * 10 {
        exact += noise.normal() * 25.0 * f64::sqrt(0.1) + drift / 10.0;
        #[expect(
            clippy::cast_possible_truncation,
            reason = "within a few percent of 250 000"
        )]
        let mid = exact as i64;
        world.fill_crossed(mid - 1, mid + 1);
        world.answer(mid - 1, mid + 1);
        let minute = Span::from_secs(60);
        let spent = world
            .cancels
            .iter()
            .rev()
            .take_while(|c| world.now.since(**c) < minute)
            .count();
        let left = budget.saturating_sub(u32::try_from(spent).expect("small"));
        let plan = world.plan(&ladder(mid), mid, |_| {}, left);
        world.send(&plan);
        assert!(world.tracker.open_count() <= OPEN_MAX);
        world.wait(100);
    }
    world
}

#[test]
fn an_hour_of_random_walk_stays_within_the_cancel_budget_without_being_limited_by_it() {
    for seed in [1, 2] {
        let world = walk(seed * 0x9E37_79B9, 3_600, 0.0, 10_000);
        let worst = world.cancels_per_minute_max();
        println!(
            "calm, seed {seed}: {} cancels, worst minute {worst}, {} fills, {} placed, {} refused",
            world.cancels.len(),
            world.fills,
            world.placed,
            world.refused,
        );
        assert!(worst <= 50, "{worst} cancels in a minute");
        assert!(world.tracker.open_count() >= 2 * LAYERS - 4);
    }
}

#[test]
fn a_trend_of_100_bps_in_ten_minutes_stays_within_the_cancel_budget_without_being_limited_by_it() {
    for seed in [1, 2, 3] {
        for direction in [1.0, -1.0] {
            let world = walk(seed * 0x9E37_79B9, 600, direction * 2_500.0 / 600.0, 10_000);
            let worst = world.cancels_per_minute_max();
            println!(
                "trend {direction}, seed {seed}: {} cancels, worst minute {worst}, {} fills, {} placed, {} refused",
                world.cancels.len(),
                world.fills,
                world.placed,
                world.refused,
            );
            assert!(worst <= 50, "{worst} cancels in a minute");
        }
    }
}

#[test]
fn young_orders_wait_and_prompt_and_safety_cancels_do_not() {
    let mut world = World::settled(MID);
    world.now = at_ms(4_999);
    let mid = MID + 120;
    let plan = world.plan(&ladder(mid), mid, |_| {}, 50);
    assert_eq!(plan.cancels, []);
    assert_eq!(plan.waiting, PerSide { buy: 1, sell: 1 });
    assert_eq!(plan.places, [], "their slots wait with them");
    let nothing: PerSide<Vec<Slot>> = PerSide {
        buy: ladder(MID).buy,
        sell: Vec::new(),
    };
    let safety = |w: &mut Wanted<'_>| w.surplus = Urgency::Safety;
    let plan = world.plan(&nothing, MID, safety, 0);
    assert_eq!(plan.cancels.len(), LAYERS);
    assert!(
        plan.cancels
            .iter()
            .all(|c| c.why == CancelReason::Surplus && c.side == Side::Sell)
    );
}

fn at_ms(ms: i64) -> Mono {
    Mono(0).after(Span::from_millis(ms))
}

#[test]
fn two_discretionary_requotes_lie_an_interval_apart_and_fills_are_replaced_at_once() {
    let mut world = World::settled(MID);
    let mid = MID + 120;
    let plan = world.plan(&ladder(mid), mid, |_| {}, 50);
    assert!(!plan.cancels.is_empty());
    world.send(&plan);
    world.answer(mid - 1, mid + 1);
    world.wait(500);
    let best = world.tracker.side(Side::Buy).first().expect("quoted").id;
    world.fill(best, 50);
    let mid = mid + 110;
    let plan = world.plan(&ladder(mid), mid, |_| {}, 50);
    assert_eq!(plan.cancels, []);
    assert!(!plan.places.is_empty(), "the filled order's slot");
    world.wait(500);
    let plan = world.plan(&ladder(mid), mid, |_| {}, 50);
    assert!(!plan.cancels.is_empty());
}

#[test]
fn a_short_budget_is_spent_on_exposed_orders_first_then_on_the_worst_deviation() {
    let mut world = World::settled(MID);
    let mid = MID + 700;
    let all = world.plan(&ladder(mid), mid, |_| {}, 50);
    assert!(all.cancels.len() > 3);
    let mut world = World::settled(MID);
    let few = world.plan(&ladder(mid), mid, |_| {}, 3);
    assert_eq!(few.cancels, all.cancels[..3]);
    assert!(
        few.cancels.iter().all(|c| c.side == Side::Sell),
        "the market came towards the asks"
    );
    assert_eq!(few.waiting.buy + few.waiting.sell, all.cancels.len() - 3);
}

#[test]
fn small_partial_fills_are_left_and_large_ones_topped_up_by_amending() {
    let mut world = World::settled(MID);
    let id = world.tracker.side(Side::Sell).first().expect("quoted").id;
    world.fill(id, 25);
    let plan = world.plan(&ladder(MID), MID, |_| {}, 50);
    assert!(plan.is_empty(), "half is left: {plan:?}");
    world.fill(id, 1);
    let plan = world.plan(&ladder(MID), MID, |_| {}, 50);
    let [amendment] = plan.amends[..] else {
        panic!("one amendment: {plan:?}")
    };
    assert_eq!((amendment.id, amendment.size), (id, Lots(76)));
    assert!(plan.cancels.is_empty() && plan.places.is_empty());
    world.send(&plan);
    let plan = world.plan(&ladder(MID), MID, |_| {}, 50);
    assert!(plan.is_empty(), "pending: {plan:?}");
    world.answer(MID - 1, MID + 1);
    world.wait(2_000);
    assert_eq!(
        world.tracker.order(id).map(Order::remaining),
        Some(Lots(50))
    );
    assert!(world.plan(&ladder(MID), MID, |_| {}, 50).is_empty());
}

#[test]
fn an_order_that_refused_to_be_amended_is_replaced() {
    let mut world = World::settled(MID);
    let id = world.tracker.side(Side::Sell).first().expect("quoted").id;
    world.fill(id, 40);
    let plan = world.plan(&ladder(MID), MID, |_| {}, 50);
    world.tracker.on_amend_sent(&plan.amends[0], world.now);
    let why = Why::AmendImpossible;
    let refusal = Refusal {
        why,
        code: -5026,
        retry_after: Span::ZERO,
    };
    world.tracker.on_reply(
        &Reply::Amend(SYMBOL, id, Outcome::Refused(refusal)),
        world.now,
    );
    world.wait(1_000);
    let plan = world.plan(&ladder(MID), MID, |_| {}, 50);
    assert_eq!(
        plan.cancels
            .iter()
            .map(|c| (c.id, c.why))
            .collect::<Vec<_>>(),
        [(id, CancelReason::Size)]
    );
    assert_eq!(
        plan.places.iter().map(|p| p.replaces).collect::<Vec<_>>(),
        [Some(id)]
    );
}

#[test]
fn in_reduce_only_mode_growing_orders_go_at_once_and_reducing_ones_stay() {
    let mut world = World::settled(MID);
    let mut slots = ladder(MID);
    slots.buy.clear();
    for slot in &mut slots.sell {
        slot.execute = Execute::PostOnlyReduce;
    }
    let plan = world.plan(&slots, MID, |w| w.growing = Some(Side::Buy), 0);
    assert_eq!(plan.cancels.len(), LAYERS);
    assert!(
        plan.cancels
            .iter()
            .all(|c| c.side == Side::Buy && c.urgency == Urgency::Safety)
    );
    assert_eq!(plan.kept.sell, LAYERS);
}

#[test]
fn nothing_is_placed_through_the_market_or_inside_our_own_minimum_spread() {
    let mut world = World::new();
    let slots = ladder(MID);
    // The market stands above our first three asks.
    let plan = world.plan(
        &slots,
        MID,
        |w| (w.bid, w.ask) = (Ticks(MID + 400), Ticks(MID + 401)),
        50,
    );
    assert_eq!(
        plan.places.iter().filter(|p| p.side == Side::Sell).count(),
        LAYERS - 3
    );
    // A young ask stands where it was when the mid was lower: bids keep their distance from it.
    let mut world = World::settled(MID);
    world.now = at_ms(1_000);
    let near = MID + 110;
    let best = world.tracker.side(Side::Buy).first().expect("quoted").id;
    world.fill(best, 50);
    let plan = world.plan(&ladder(near), near, |_| {}, 50);
    assert_eq!(plan.cancels, []);
    assert!(
        plan.places
            .iter()
            .all(|p| p.side != Side::Buy || p.slot.price.0 <= MID + 120 - PAIR_GAP.0)
    );
}

#[test]
fn a_pair_that_rests_inside_the_minimum_spread_is_parted() {
    let mut world = World::settled(MID);
    let plan = world.plan(&ladder(MID), MID, |w| w.pair_gap_min = Ticks(300), 50);
    assert_eq!(plan.cancels.len(), 1);
    assert_eq!(plan.cancels[0].why, CancelReason::InsideSpread);
}

#[test]
fn an_order_that_the_market_trades_through_goes_even_when_young() {
    let mut world = World::settled(MID);
    world.now = at_ms(100);
    let plan = world.plan(
        &ladder(MID),
        MID,
        |w| (w.bid, w.ask) = (Ticks(MID + 150), Ticks(MID + 151)),
        50,
    );
    assert_eq!(
        plan.cancels.iter().map(|c| c.why).collect::<Vec<_>>(),
        [CancelReason::Crossed]
    );
}

#[test]
fn orders_in_doubt_hold_their_slots_and_pulling_cancels_them_too() {
    let mut world = World::settled(MID);
    let id = world.tracker.side(Side::Buy).first().expect("quoted").id;
    world.tracker.on_cancel_sent(id, world.now);
    world
        .tracker
        .on_reply(&Reply::Cancel(SYMBOL, id, Outcome::Unknown), world.now);
    let plan = world.plan(&ladder(MID), MID, |_| {}, 50);
    assert!(plan.is_empty());
    let all = world.differ.pull(&world.tracker, world.now).cancels.len();
    assert_eq!(all, 2 * LAYERS - 1, "the refused cancel pauses first");
    world.wait(250);
    assert_eq!(
        world.differ.pull(&world.tracker, world.now).cancels.len(),
        2 * LAYERS
    );
}

#[test]
fn taking_orders_and_slots_are_no_part_of_the_ladder() {
    let mut world = World::settled(MID);
    let mut slots = ladder(MID);
    let taking = Slot {
        execute: Execute::TakeReduce,
        ..slots.sell[0]
    };
    slots.sell.insert(0, taking);
    let order = NewOrder {
        symbol: SYMBOL,
        id: world.ids.next_id().expect("plenty"),
        side: Side::Sell,
        price: Ticks(MID),
        size: Lots(5),
        execute: Execute::TakeReduce,
    };
    world.tracker.on_sent(&order, world.now).expect("room");
    let plan = world.plan(&slots, MID, |_| {}, 50);
    assert!(plan.is_empty(), "{plan:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    /// Whatever rested before: within a minute of standing still every slot has one order of about its size
    /// within its tolerance, and no other order rests.
    #[test]
    fn plans_lead_to_one_fitting_order_in_every_slot(
        mids in prop::collection::vec((-3_000..3_000_i64, 100..8_000_i64, 0..20_usize, 1..60_i64), 1..6),
        budget in 0..50_u32,
    ) {
        let mut world = World::settled(MID);
        for (offset, wait_ms, fill, size) in mids {
            let mid = MID + offset;
            world.wait(wait_ms);
            world.fill_crossed(mid - 1, mid + 1);
            let some = world.tracker.iter().filter(|o| o.state() == OrderState::Live).nth(fill).copied();
            if let Some(order) = some {
                world.fill(order.id, order.remaining().0.min(size));
            }
            let plan = world.plan(&ladder(mid), mid, |_| {}, budget);
            let spent = plan.cancels.iter().filter(|c| c.urgency != Urgency::Safety).count();
            prop_assert!(spent <= budget as usize);
            world.send(&plan);
            prop_assert!(world.tracker.open_count() <= OPEN_MAX);
            world.answer(mid - 1, mid + 1);
        }
        let slots = ladder(MID);
        for _ in 0..60 {
            world.wait(1_000);
            world.fill_crossed(MID - 1, MID + 1);
            let plan = world.plan(&slots, MID, |_| {}, 50);
            world.send(&plan);
            world.answer(MID - 1, MID + 1);
        }
        for side in Side::BOTH {
            let orders = world.tracker.side(side);
            prop_assert_eq!(orders.len(), LAYERS);
            for (order, slot) in orders.iter().zip(slots.of(side)) {
                let off = (order.price - slot.price).abs();
                prop_assert!(off.0 <= slot.spacing.0 * 9 / 10, "{off:?} from {slot:?}");
                prop_assert!(order.remaining().0 * 2 >= slot.size.0);
            }
        }
    }
}

/// A ladder of any shape around `mid`: distance of the first layer, then spacings, each with its size.
fn any_ladder(mid: i64, shape: &[(i64, i64)]) -> PerSide<Vec<Slot>> {
    let mut slots: PerSide<Vec<Slot>> = PerSide::default();
    for side in Side::BOTH {
        let mut distance = 0;
        for (layer, (spacing, size)) in (1..).zip(shape) {
            distance += spacing;
            slots.of_mut(side).push(Slot {
                layer,
                price: side.away(Ticks(mid), Ticks(distance)),
                size: Lots(*size),
                spacing: Ticks(*spacing),
                execute: Execute::PostOnly,
            });
        }
    }
    slots
}

proptest! {
    #![proptest_config(crate::seeded(100))]

    /// Whatever ladders were wanted before: nothing is ever placed through the market or nearer to an order of ours than the
    /// smallest spread, and in a minute and a half exactly the last one rests, within its tolerances.
    #[test]
    fn any_ladder_is_reached_from_any_other_and_nothing_crosses_on_the_way(
        ladders in prop::collection::vec(
            (-2_000..2_000_i64, prop::collection::vec((100..600_i64, 8..60_i64), 1..14), 0..9_000_i64),
            2..5,
        ),
    ) {
        let mut world = World::new();
        let mut last = None;
        for (offset, shape, wait_ms) in &ladders {
            let mid = MID + offset;
            world.fill_crossed(mid - 1, mid + 1);
            let slots = any_ladder(mid, shape);
            step_without_crossing(&mut world, &slots, mid)?;
            world.wait(*wait_ms);
            last = Some((slots, mid));
        }
        let (slots, mid) = last.expect("at least one");
        for _ in 0..90 {
            world.wait(1_000);
            step_without_crossing(&mut world, &slots, mid)?;
        }
        for side in Side::BOTH {
            let orders = world.tracker.side(side);
            let wanted = slots.of(side);
            prop_assert_eq!(orders.len(), wanted.len(), "{:?} for {:?}", orders, wanted);
            for (order, slot) in orders.iter().zip(wanted) {
                let off = (order.price - slot.price).abs();
                prop_assert!(off.0 <= (slot.spacing.0 * 9 / 10).max(10), "{:?} from {:?}", off, slot);
                let left = order.remaining().0;
                prop_assert!(left * 2 >= slot.size.0 && left * 4 <= slot.size.0 * 5, "{} of {:?}", left, slot);
            }
        }
    }
}

/// Plans, looks at what is to be placed, and lets it happen.
fn step_without_crossing(
    world: &mut World,
    slots: &PerSide<Vec<Slot>>,
    mid: i64,
) -> Result<(), TestCaseError> {
    let plan = world.plan(slots, mid, |_| {}, 50);
    for place in &plan.places {
        let touch = Ticks(mid + place.side.sign());
        prop_assert!(place.side.is_better(touch, place.slot.price));
        let opposite = world.tracker.side(place.side.opposite());
        for order in opposite {
            let apart = (order.price_wanted().0 - place.slot.price.0) * place.side.sign();
            let is_going = order.state() == OrderState::Canceling
                || plan.cancels.iter().any(|c| c.id == order.id);
            let least = if is_going { 1 } else { PAIR_GAP.0 };
            prop_assert!(apart >= least, "{place:?} against {order:?}");
        }
    }
    world.send(&plan);
    prop_assert!(world.tracker.open_count() <= OPEN_MAX);
    world.answer(mid - 1, mid + 1);
    Ok(())
}

#[test]
fn plans_acquire_no_memory() {
    let mut world = World::settled(MID);
    let memory = |d: &Differ| {
        let plan = (
            d.plan.cancels.as_ptr(),
            d.plan.amends.as_ptr(),
            d.plan.places.as_ptr(),
        );
        (
            plan,
            d.prices.as_ptr(),
            d.seats.as_ptr(),
            d.moves.as_ptr(),
            d.empty.as_ptr(),
            d.matching.memory(),
        )
    };
    let before = memory(&world.differ);
    for offset in [0, 130, 2_000, -5_000] {
        world.plan(&ladder(MID + offset), MID + offset, |_| {}, 50);
        world.differ.pull(&world.tracker, world.now);
    }
    assert_eq!(memory(&world.differ), before);
}
