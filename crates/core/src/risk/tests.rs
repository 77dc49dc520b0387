use super::*;
use crate::instrument::{SymbolId, ethusdc};
use crate::order::OrderId;
use crate::params::ethusdc_defaults;
use crate::units::Ratio;
use Execute::{PostOnly, PostOnlyReduce, TakeReduce};
use Side::{Buy, Sell};
use alloc::string::ToString;
use alloc::vec::Vec;
use proptest::prelude::*;

/// Mid 2500.00, mark the same, net_max 100 lots, batch bound 50.
struct Desk {
    instrument: Instrument,
    params: RiskParams,
}

impl Desk {
    fn new() -> Self {
        let mut params = ethusdc_defaults().risk;
        params.net_max = Lots(100);
        Self {
            instrument: Instrument {
                notional_min: Quote(0),
                ..ethusdc()
            },
            params,
        }
    }

    fn ctx(&self) -> RiskContext<'_> {
        RiskContext {
            instrument: &self.instrument,
            params: &self.params,
            position: Lots(0),
            exposure: PerSide::default(),
            mid_half_ticks: Some(500_000),
            mark: Some(Price8(2_500 * E8)),
            data: Freshness::Fresh,
            permission: Permission::Trade,
            orders_open: 0,
            orders_max: 38,
            notional_elsewhere: Quote(0),
            total_notional_max: Quote(1_000_000 * E8),
        }
    }
}

fn order(side: Side, price: i64, size: i64, execute: Execute) -> NewOrder {
    NewOrder {
        symbol: SymbolId(0),
        id: OrderId { session: 1, seq: 1 },
        side,
        price: Ticks(price),
        size: Lots(size),
        execute,
    }
}

fn verdict(ctx: &RiskContext<'_>, order: NewOrder) -> Option<Breach> {
    let approved = RiskGate.approve(ctx, order);
    if let Ok(approved) = approved {
        assert_eq!(*approved.inner(), order);
    }
    approved.err()
}

fn plain(lots: i64) -> Exposure {
    Exposure {
        plain: Lots(lots),
        reduce_only: Lots(0),
    }
}

#[test]
fn filters_bind_every_order() {
    let mut desk = Desk::new();
    desk.instrument.notional_min = Quote(20 * E8);
    desk.instrument.qty_min = Lots(2);
    desk.instrument.qty_max = Lots(60);
    desk.instrument.price_max = Ticks(260_000);
    desk.params.order_notional_max = Quote(120 * E8);
    desk.params.price_band = Ratio(10_000_000);
    let long = RiskContext {
        position: Lots(60),
        ..desk.ctx()
    };
    let min = |value| Breach::NotionalMin(Quote(value), Quote(20 * E8));
    for (price, size, execute, breach) in [
        (250_000, 10, PostOnly, None),
        (0, 10, PostOnly, Some(Breach::PriceFilter(Ticks(0)))),
        (-1, 10, TakeReduce, Some(Breach::PriceFilter(Ticks(-1)))),
        (
            260_001,
            10,
            PostOnly,
            Some(Breach::PriceFilter(Ticks(260_001))),
        ),
        (
            250_000,
            1,
            PostOnly,
            Some(Breach::SizeMin(Lots(1), Lots(2))),
        ),
        (
            250_000,
            -9,
            TakeReduce,
            Some(Breach::SizeMin(Lots(-9), Lots(2))),
        ),
        (
            250_000,
            61,
            TakeReduce,
            Some(Breach::SizeMax(Lots(61), Lots(60))),
        ),
        (250_000, 7, PostOnly, Some(min(1_750_000_000))),
        (250_000, 7, PostOnlyReduce, None),
        (250_000, 7, TakeReduce, None),
        (237_500, 10, PostOnly, None),
        (
            237_499,
            10,
            PostOnly,
            Some(Breach::PercentPrice(Ticks(237_499))),
        ),
        (
            237_499,
            10,
            TakeReduce,
            Some(Breach::PercentPrice(Ticks(237_499))),
        ),
        (
            224_999,
            10,
            PostOnly,
            Some(Breach::PriceBand(Ticks(224_999))),
        ),
    ] {
        let found = verdict(&long, order(Sell, price, size, execute));
        assert_eq!(found, breach, "{price} {size} {execute:?}");
    }
    // Buys are bound from above by mark, and by value when they grow.
    let flat = desk.ctx();
    assert_eq!(verdict(&flat, order(Buy, 237_499, 10, PostOnly)), None);
    desk.instrument.price_max = Ticks(0);
    let flat = desk.ctx();
    let high = Breach::PercentPrice(Ticks(262_501));
    assert_eq!(verdict(&flat, order(Buy, 262_500, 10, PostOnly)), None);
    let found = verdict(&flat, order(Buy, 262_501, 10, PostOnly));
    assert_eq!(found, Some(high));
    let fat = Breach::FatFinger(Quote(12_250_000_000), Quote(120 * E8));
    let found = verdict(&flat, order(Buy, 250_000, 49, PostOnly));
    assert_eq!(found, Some(fat));
    // Without a mark price the exchange judges by itself.
    let unmarked = RiskContext { mark: None, ..flat };
    assert_eq!(verdict(&unmarked, order(Buy, 262_501, 10, PostOnly)), None);
}

/// The limits on growth, each at its edge.
#[test]
fn growth_stops_at_every_limit() {
    let mut desk = Desk::new();
    let buy = |size| order(Buy, 250_000, size, PostOnly);
    let batch = |worst| Some(Breach::BatchWorstCase(Lots(worst), Lots(50)));
    for (position, open, size, breach) in [
        (0, 0, 50, None),
        (0, 0, 51, batch(51)),
        (0, 40, 11, batch(51)),
        (30, 10, 10, None),
        (30, 10, 11, batch(51)),
        (50, 0, 1, batch(51)),
        (101, 0, 1, Some(Breach::NetMax(Lots(102), Lots(100)))),
    ] {
        for side in Side::BOTH {
            let mut ctx = desk.ctx();
            ctx.position = side.signed(Lots(position));
            *ctx.exposure.of_mut(side) = plain(open);
            let asked = NewOrder { side, ..buy(size) };
            assert_eq!(verdict(&ctx, asked), breach, "{position} {open} {size}");
        }
    }
    let full = RiskContext {
        orders_open: 38,
        ..desk.ctx()
    };
    let count = Breach::OrderCount(38, 38);
    assert_eq!(verdict(&full, buy(1)), Some(count));
    // 2.5 a lot: 100 elsewhere leave 40 lots of 200.
    let rich = RiskContext {
        notional_elsewhere: Quote(100 * E8),
        total_notional_max: Quote(200 * E8),
        ..desk.ctx()
    };
    let total = Breach::TotalNotional(Lots(41), Lots(40));
    assert_eq!(verdict(&rich, buy(40)), None);
    assert_eq!(verdict(&rich, buy(41)), Some(total));
    desk.params.batch_worst_case = Ratio(E8);
    let ctx = desk.ctx();
    assert_eq!(verdict(&ctx, buy(100)), None);
    let net = Breach::NetMax(Lots(101), Lots(100));
    assert_eq!(verdict(&ctx, buy(101)), Some(net));
}

/// Everything that stops growth stands at its worst: over net_max, over total_notional_max, all order
/// slots taken, reduce-only mode, and a fat-finger limit of nothing.
fn choked(desk: &mut Desk, position: i64) -> RiskContext<'_> {
    desk.params.order_notional_max = Quote(0);
    RiskContext {
        position: Lots(position),
        permission: Permission::Reduce,
        orders_open: 60,
        notional_elsewhere: Quote(900 * E8),
        total_notional_max: Quote(100 * E8),
        ..desk.ctx()
    }
}

#[test]
fn an_exit_passes_when_every_limit_on_growth_is_exceeded() {
    let mut desk = Desk::new();
    for (position, side) in [(500, Sell), (-500, Buy), (1, Sell), (-1, Buy)] {
        let ctx = choked(&mut desk, position);
        for execute in [PostOnly, PostOnlyReduce, TakeReduce] {
            let exit = order(side, 250_000, i64::abs(position), execute);
            assert_eq!(verdict(&ctx, exit), None, "{position} {execute:?}");
            assert_eq!(ctx.effect(&exit), Effect::Reduces);
        }
        // The other side grows, and a plain order one lot larger could open a position.
        let larger = order(side, 250_000, i64::abs(position) + 1, PostOnly);
        assert_eq!(verdict(&ctx, larger), Some(Breach::ReduceOnlyMode));
        assert_eq!(ctx.effect(&larger), Effect::Grows);
        let growing = order(side.opposite(), 250_000, 1, PostOnly);
        assert_eq!(verdict(&ctx, growing), Some(Breach::ReduceOnlyMode));
        let wrong = order(side.opposite(), 250_000, 1, TakeReduce);
        assert_eq!(verdict(&ctx, wrong), Some(Breach::NothingToReduce));
    }
}

#[test]
fn a_reducing_order_may_pass_through_zero_only_up_to_the_batch_bound() {
    let desk = Desk::new();
    let batch = |worst| Some(Breach::BatchWorstCase(Lots(worst), Lots(50)));
    let net = |worst| Some(Breach::NetMax(Lots(worst), Lots(100)));
    let exposure = |plain, reduce_only| Exposure {
        plain: Lots(plain),
        reduce_only: Lots(reduce_only),
    };
    for (position, resting, size, breach) in [
        (30, exposure(0, 0), 80, None),
        (30, exposure(0, 0), 81, batch(51)),
        (30, exposure(70, 0), 10, None),
        (30, exposure(70, 0), 11, batch(51)),
        (30, exposure(20, 30), 30, None),
        (30, exposure(20, 30), 31, batch(51)),
        (90, exposure(90, 0), 11, net(101)),
        (150, exposure(0, 0), 150, None),
        (150, exposure(0, 0), 151, net(151)),
        (150, exposure(150, 0), 1, net(151)),
    ] {
        let mut ctx = desk.ctx();
        ctx.position = Lots(position);
        ctx.exposure.sell = resting;
        let asked = order(Sell, 250_000, size, PostOnly);
        assert_eq!(
            verdict(&ctx, asked),
            breach,
            "{position} {resting:?} {size}"
        );
        // The same in reduce-only form is never refused.
        let exit = order(Sell, 250_000, size, TakeReduce);
        assert_eq!(verdict(&ctx, exit), None);
    }
}

#[test]
fn halts_and_stale_data_stop_everything_they_must() {
    let desk = Desk::new();
    let long = RiskContext {
        position: Lots(10),
        ..desk.ctx()
    };
    let exit = order(Sell, 250_000, 10, TakeReduce);
    let quote = order(Buy, 250_000, 10, PostOnly);
    for (permission, for_exit, for_quote) in [
        (Permission::Trade, None, None),
        (Permission::Reduce, None, Some(Breach::ReduceOnlyMode)),
        (
            Permission::Nothing,
            Some(Breach::Halted),
            Some(Breach::Halted),
        ),
    ] {
        let ctx = RiskContext { permission, ..long };
        assert_eq!(verdict(&ctx, exit), for_exit);
        assert_eq!(verdict(&ctx, quote), for_quote);
    }
    for stale in [
        RiskContext {
            data: Freshness::Stale,
            ..long
        },
        RiskContext {
            mid_half_ticks: None,
            ..long
        },
    ] {
        assert_eq!(verdict(&stale, exit), Some(Breach::Stale));
        assert_eq!(verdict(&stale, quote), Some(Breach::Stale));
    }
    assert_eq!(
        Permission::of(Mode::Normal, Some(HaltReason::StopLoss)),
        Permission::Reduce
    );
    assert_eq!(
        Permission::of(Mode::Pinning, Some(HaltReason::Killed)),
        Permission::Nothing
    );
    assert_eq!(Permission::of(Mode::ReduceOnly, None), Permission::Reduce);
    assert_eq!(Permission::of(Mode::Grinding, None), Permission::Trade);
}

#[test]
fn the_exchange_order_count_binds_what_rests_but_not_a_taker() {
    let desk = Desk::new();
    let ctx = RiskContext {
        position: Lots(10),
        orders_open: 200,
        orders_max: 1_000,
        ..desk.ctx()
    };
    let count = Some(Breach::OrderCount(200, 200));
    let of = |execute| verdict(&ctx, order(Sell, 250_000, 5, execute));
    assert_eq!(of(PostOnly), count);
    assert_eq!(of(PostOnlyReduce), count);
    assert_eq!(of(TakeReduce), None);
}

#[test]
fn an_amendment_counts_the_larger_of_old_and_new_once() {
    let desk = Desk::new();
    let mut ctx = desk.ctx();
    ctx.exposure.buy = plain(45);
    let resting = |could_fill, filled| Resting {
        could_fill: Lots(could_fill),
        filled: Lots(filled),
    };
    for (size, resting, breach) in [
        (15, resting(10, 0), None),
        (
            16,
            resting(10, 0),
            Some(Breach::BatchWorstCase(Lots(51), Lots(50))),
        ),
        (19, resting(10, 4), None),
        (5, resting(10, 0), None),
        (
            4,
            resting(10, 4),
            Some(Breach::AmendBelowFilled(Lots(4), Lots(4))),
        ),
    ] {
        let amendment = Amendment {
            symbol: SymbolId(0),
            id: OrderId { session: 1, seq: 1 },
            side: Buy,
            price: Ticks(250_000),
            size: Lots(size),
            execute: PostOnly,
        };
        let found = RiskGate.approve_amend(&ctx, amendment, resting);
        assert_eq!(found.err(), breach, "{size} {resting:?}");
    }
    // A reduce-only order may always be moved while there is something to reduce.
    let amendment = Amendment {
        symbol: SymbolId(0),
        id: OrderId { session: 1, seq: 1 },
        side: Sell,
        price: Ticks(250_001),
        size: Lots(400),
        execute: PostOnlyReduce,
    };
    ctx.exposure.sell.reduce_only = Lots(400);
    ctx.permission = Permission::Reduce;
    ctx.position = Lots(400);
    let found = RiskGate.approve_amend(&ctx, amendment, resting(400, 0));
    assert!(found.is_ok());
    ctx.position = Lots(0);
    let found = RiskGate.approve_amend(&ctx, amendment, resting(400, 0));
    assert_eq!(found.err(), Some(Breach::NothingToReduce));
}

#[test]
fn the_worst_notional_counts_the_worse_side_and_needs_a_price() {
    let desk = Desk::new();
    let mut ctx = desk.ctx();
    assert_eq!(ctx.notional_worst(), Quote(0));
    ctx.position = Lots(-10);
    ctx.exposure.buy = plain(15);
    ctx.exposure.sell = plain(2);
    assert_eq!(ctx.position_worst(), Lots(15));
    ctx.exposure.sell = plain(30);
    assert_eq!(ctx.position_worst(), Lots(40));
    assert_eq!(ctx.notional_worst(), Quote(100 * E8));
    ctx.mid_half_ticks = None;
    ctx.mark = Some(Price8(3_000 * E8));
    assert_eq!(ctx.notional_worst(), Quote(120 * E8));
    ctx.mark = None;
    assert_eq!(ctx.notional_worst(), Quote::MAX);
    ctx.position = Lots(0);
    ctx.exposure = PerSide::default();
    assert_eq!(ctx.notional_worst(), Quote(0));
}

#[test]
fn a_breach_says_what_broke_and_the_limit() {
    let text = Breach::NetMax(Lots(102), Lots(100)).to_string();
    assert_eq!(text, "position could reach 102 lots, net_max is 100");
}

/// One thing that happens to a desk.
#[derive(Clone, Copy, Debug)]
enum Happening {
    /// An order is asked for.
    Place(Side, i64, Execute),
    /// The order at this place (modulo) fills by this much (modulo what is open).
    Fill(usize, i64),
    /// It is cancelled.
    Cancel(usize),
    /// It is amended to this open size.
    Amend(usize, i64),
}

fn happenings() -> impl Strategy<Value = Vec<Happening>> {
    let side = || prop_oneof![Just(Buy), Just(Sell)];
    let execute =
        prop_oneof![4 => Just(PostOnly), 1 => Just(PostOnlyReduce), 1 => Just(TakeReduce)];
    let one = prop_oneof![
        6 => (side(), 1_i64..60, execute).prop_map(|(s, n, e)| Happening::Place(s, n, e)),
        6 => (any::<usize>(), 1_i64..60).prop_map(|(i, n)| Happening::Fill(i, n)),
        1 => any::<usize>().prop_map(Happening::Cancel),
        1 => (any::<usize>(), 1_i64..90).prop_map(|(i, n)| Happening::Amend(i, n)),
    ];
    prop::collection::vec(one, 1..150)
}

/// The exchange and the tracker in one: position and what is open.
struct World {
    position: i64,
    open: Vec<(Side, i64, Execute)>,
}

impl World {
    fn exposure(&self) -> PerSide<Exposure> {
        let mut exposure = PerSide::<Exposure>::default();
        for (side, size, execute) in &self.open {
            let of = exposure.of_mut(*side);
            if execute.is_reduce_only() {
                of.reduce_only += Lots(*size);
            } else {
                of.plain += Lots(*size);
            }
        }
        exposure
    }

    /// A fill; a reduce-only order takes no more than the position.
    fn fill(&mut self, index: usize, size: i64) {
        let Some((side, open, execute)) = self.open.get(index).copied() else {
            return;
        };
        let reducible = (-self.position * side.sign()).max(0);
        let most = if execute.is_reduce_only() {
            open.min(reducible)
        } else {
            open
        };
        let size = size.min(most);
        self.position += side.sign() * size;
        self.open.swap_remove(index);
        if open > size && most > 0 {
            self.open.push((side, open - size, execute));
        }
    }

    fn happen(&mut self, desk: &Desk, what: Happening) {
        let ctx = RiskContext {
            position: Lots(self.position),
            exposure: self.exposure(),
            ..desk.ctx()
        };
        let len = self.open.len().max(1);
        match what {
            Happening::Place(side, size, execute) => {
                let asked = order(side, 250_000, size, execute);
                let reduces = self.position * side.sign() < 0;
                let sums = ctx.exposure.of(side).plain.0 + ctx.exposure.of(side).reduce_only.0;
                let found = verdict(&ctx, asked);
                if reduces && (execute.is_reduce_only() || sums + size <= self.position.abs()) {
                    assert_eq!(found, None, "an exit is always approved");
                }
                if found.is_none() {
                    self.open.push((side, size, execute));
                }
            }
            Happening::Fill(index, size) => self.fill(index % len, size),
            Happening::Cancel(index) => {
                if index % len < self.open.len() {
                    self.open.swap_remove(index % len);
                }
            }
            Happening::Amend(index, size) => self.amend(&ctx, index % len, size),
        }
    }

    fn amend(&mut self, ctx: &RiskContext<'_>, index: usize, size: i64) {
        let Some((side, open, execute)) = self.open.get(index).copied() else {
            return;
        };
        let amendment = Amendment {
            symbol: SymbolId(0),
            id: OrderId { session: 1, seq: 1 },
            side,
            price: Ticks(250_001),
            size: Lots(size),
            execute,
        };
        let resting = Resting {
            could_fill: Lots(open),
            filled: Lots(0),
        };
        if RiskGate.approve_amend(ctx, amendment, resting).is_ok() {
            // Both sizes could still fill.
            self.open.swap_remove(index);
            self.open.push((side, size.max(open), execute));
        }
    }
}

proptest! {
    #[test]
    fn no_sequence_of_approvals_and_fills_carries_the_position_beyond_net_max(
        happenings in happenings(),
        start in -100_i64..=100,
        batch in prop_oneof![Just(50_000_000), Just(E8), 1_i64..E8],
    ) {
        let mut desk = Desk::new();
        desk.params.batch_worst_case = Ratio(batch);
        let mut world = World { position: start, open: Vec::new() };
        for what in happenings {
            world.happen(&desk, what);
            prop_assert!(world.position.abs() <= 100, "{}", world.position);
            for side in Side::BOTH {
                let held = (world.position * side.sign()).max(0);
                let plain = world.exposure().of(side).plain.0;
                prop_assert!(held + plain <= 100, "{side:?} {held} + {plain}");
            }
        }
    }

    #[test]
    fn a_position_from_elsewhere_never_gets_farther_out(
        happenings in happenings(),
        start in prop_oneof![-900_i64..-100, 101_i64..900],
    ) {
        let desk = Desk::new();
        let mut world = World { position: start, open: Vec::new() };
        for what in happenings {
            world.happen(&desk, what);
            prop_assert!(world.position.abs() <= start.abs());
        }
    }
}
