//! Keeps the background book around a best bid and ask: moves it, fills it, sweeps it; knows neither why it moves nor when.

use super::shape::{Change, Shape};
use super::variate::chance;
use crate::api::{E8, Side};
use crate::market::{MarketSide, Removal};
use crate::prng::Prng;

/// Executions of one taker order at most; the last takes the rest. (Measured: p99 35.)
const FILLS_MAX: usize = 200;
/// How far a large taker order walks beyond the price it moves to, as a share of the window (4 of 50 bps).
const WALK_WINDOW_DIVISOR: i64 = 12;

/// The prices that the background means to be best, and how far it has filled the book; in ticks.
#[derive(Clone, Debug)]
pub(super) struct Ladder {
    tick: E8,
    bid: i64,
    ask: i64,
    bid_edge: i64,
    ask_edge: i64,
    scratch: Vec<(E8, E8)>,
}

/// How the size of a taker order is cut into executions.
pub(super) trait Slices {
    /// The size of the next execution.
    fn next_slice(&mut self) -> E8;
}

impl Ladder {
    /// A ladder around a value, in ticks, with nothing in the book yet.
    pub(super) fn new(tick: E8, fair_ticks: f64, spread_ticks: i64) -> Self {
        let bid = best_bid(fair_ticks, spread_ticks);
        Self {
            tick,
            bid,
            ask: bid + spread_ticks,
            bid_edge: bid + 1,
            ask_edge: bid + spread_ticks - 1,
            scratch: Vec::new(),
        }
    }

    /// Fills an empty book.
    pub(super) fn fill(&mut self, market: &mut MarketSide<'_>, shape: &Shape, prng: &mut Prng) {
        self.restore_best(market, Side::Buy, shape, prng);
        self.restore_best(market, Side::Sell, shape, prng);
        self.bid_edge = self.bid;
        self.ask_edge = self.ask;
        self.extend_edge(market, Side::Buy, shape, prng);
        self.extend_edge(market, Side::Sell, shape, prng);
    }

    /// The best price that the background means to have on a side, in ticks.
    fn top(&self, side: Side) -> i64 {
        match side {
            Side::Buy => self.bid,
            Side::Sell => self.ask,
        }
    }

    fn edge(&self, side: Side) -> i64 {
        match side {
            Side::Buy => self.bid_edge,
            Side::Sell => self.ask_edge,
        }
    }

    fn edge_mut(&mut self, side: Side) -> &mut i64 {
        match side {
            Side::Buy => &mut self.bid_edge,
            Side::Sell => &mut self.ask_edge,
        }
    }

    /// The price at a distance outwards from a price in ticks, or `None` below the first tick.
    fn price(&self, side: Side, from: i64, distance: i64) -> Option<E8> {
        let ticks = from - side.sign() * distance;
        (ticks >= 1).then(|| ticks.saturating_mul(self.tick))
    }

    /// The tick to which the best bid goes for a fair value, or `None` while the value is inside the present spread
    /// (with a quarter of a tick of tolerance, so that the book does not flicker).
    pub(super) fn move_wanted(&self, fair_ticks: f64, shape: &Shape) -> Option<i64> {
        let low = self.bid as f64 + (self.ask - self.bid - 1) as f64 / 2.0;
        let inside = fair_ticks >= low - 0.25 && fair_ticks < low + 1.25;
        let spread_kept = self.ask - self.bid == shape.spread_ticks;
        let bid = best_bid(fair_ticks, shape.spread_ticks);
        (!(inside && spread_kept) && bid != self.bid).then_some(bid)
    }

    /// Moves the background's best prices: withdraws what is in the way, fills client orders that the market passes, and follows
    /// with the other side. With `Refill::Late` the retreating best price stays empty until [`Ladder::step_best`].
    pub(super) fn move_to(
        &mut self,
        market: &mut MarketSide<'_>,
        bid: i64,
        refill: Refill,
        shape: &Shape,
        prng: &mut Prng,
    ) {
        let lead = if bid > self.bid {
            Side::Buy
        } else {
            Side::Sell
        };
        let trail = lead.opposite();
        let old_top = self.top(lead);
        self.bid = bid;
        self.ask = bid + shape.spread_ticks;
        // In this order the best prices change once a side: the new one stands before what is better leaves.
        match refill {
            Refill::AtOnce => self.restore_best(market, trail, shape, prng),
            Refill::Late => {}
        }
        self.withdraw(market, trail);
        self.take_clients(market, lead);
        self.advance(market, lead, old_top, shape, prng);
        for side in [lead, trail] {
            self.trim_edge(market, side, shape);
            self.extend_edge(market, side, shape, prng);
        }
    }

    /// Removes background quantity that is better than the side's new best price.
    fn withdraw(&mut self, market: &mut MarketSide<'_>, side: Side) {
        let top = self.top(side).saturating_mul(self.tick);
        self.scratch.clear();
        let better = market
            .levels(side)
            .take_while(|(price, _)| (price - top) * side.sign() > 0);
        self.scratch.extend(better);
        for (price, _) in self.scratch.iter().rev() {
            market.set_level(side, *price, 0, Removal::Proportional);
        }
    }

    /// Fills the client orders that now stand in the way of `lead`'s best price.
    fn take_clients(&mut self, market: &mut MarketSide<'_>, lead: Side) {
        let limit = self.top(lead).saturating_mul(self.tick);
        let trail = lead.opposite();
        let passed: E8 = market
            .levels(trail)
            .take_while(|(price, _)| (price - limit) * lead.sign() <= 0)
            .fold(0, |sum: E8, (_, quantity)| sum.saturating_add(quantity));
        if passed > 0 {
            market.take(lead, passed, Some(limit));
        }
    }

    /// Fills the prices between the old and the new best price of the side that advanced.
    fn advance(
        &mut self,
        market: &mut MarketSide<'_>,
        side: Side,
        old_top: i64,
        shape: &Shape,
        prng: &mut Prng,
    ) {
        let moved = (self.top(side) - old_top).abs().min(shape.window_ticks);
        let quantity = shape.best_quantity(prng);
        self.set(market, side, 0, quantity);
        for distance in 1..=moved {
            let quantity = shape.level_quantity(distance, prng);
            self.set(market, side, distance, quantity);
        }
        // After a jump over the whole window nothing of the old book is near enough to keep.
        if (self.edge(side) - self.top(side)).abs() < moved {
            *self.edge_mut(side) = self.top(side) - side.sign() * moved;
        }
    }

    /// Sets the background quantity at a distance outwards from the side's best price.
    fn set(&self, market: &mut MarketSide<'_>, side: Side, distance: i64, quantity: E8) {
        if let Some(price) = self.price(side, self.top(side), distance) {
            market.set_level(side, price, quantity, Removal::Proportional);
        }
    }

    /// Gives the side's best price a fresh quantity if it has less.
    fn restore_best(
        &mut self,
        market: &mut MarketSide<'_>,
        side: Side,
        shape: &Shape,
        prng: &mut Prng,
    ) {
        let Some(price) = self.price(side, self.top(side), 0) else {
            return;
        };
        let quantity = shape.best_quantity(prng);
        if market.level_background(side, price) < quantity {
            market.set_level(side, price, quantity, Removal::Proportional);
        }
    }

    /// Empties prices that are farther than the window.
    fn trim_edge(&mut self, market: &mut MarketSide<'_>, side: Side, shape: &Shape) {
        let last = self.top(side) - side.sign() * shape.window_ticks;
        while (self.edge(side) - last) * side.sign() < 0 {
            let edge = self.edge(side);
            if let Some(price) = self.price(side, edge, 0) {
                market.set_level(side, price, 0, Removal::Proportional);
            }
            *self.edge_mut(side) = edge + side.sign();
        }
    }

    /// Fills prices between the edge and the window's end.
    fn extend_edge(
        &mut self,
        market: &mut MarketSide<'_>,
        side: Side,
        shape: &Shape,
        prng: &mut Prng,
    ) {
        let top = self.top(side);
        // A side that retreated past its own edge starts anew from its best price.
        if (self.edge(side) - top) * side.sign() > 0 {
            *self.edge_mut(side) = top;
        }
        let last = (top - side.sign() * shape.window_ticks).max(1);
        while (self.edge(side) - last) * side.sign() > 0 {
            let edge = self.edge(side) - side.sign();
            let quantity = shape.level_quantity((edge - top).abs(), prng);
            if quantity > 0
                && let Some(price) = self.price(side, edge, 0)
            {
                market.set_level(side, price, quantity, Removal::Proportional);
            }
            *self.edge_mut(side) = edge;
        }
    }

    /// One order joins or leaves a best price; an empty one is filled again.
    pub(super) fn step_best(
        &mut self,
        market: &mut MarketSide<'_>,
        side: Side,
        shape: &Shape,
        prng: &mut Prng,
    ) {
        let Some(price) = self.price(side, self.top(side), 0) else {
            return;
        };
        let quantity = match market.level_background(side, price) {
            0 => shape.best_quantity(prng),
            present => shape.best_after_step(present, prng),
        };
        market.set_level(side, price, quantity, Removal::Proportional);
    }

    /// One change behind the best prices.
    pub(super) fn change_level(
        &mut self,
        market: &mut MarketSide<'_>,
        side: Side,
        shape: &Shape,
        prng: &mut Prng,
    ) {
        let (distance, change) = shape.next_change(prng);
        let Some(price) = self.price(side, self.top(side), distance) else {
            return;
        };
        match change {
            Change::Requote(quantity) => {
                if market.level_background(side, price) > 0 {
                    market.set_level(side, price, quantity, Removal::Proportional);
                }
            }
            Change::Replace(quantity) => {
                market.set_level(side, price, quantity, Removal::Proportional);
            }
        }
    }

    /// A taker order that stays at the best price: at most nine tenths of a level that the background shares.
    pub(super) fn hit(
        &mut self,
        market: &mut MarketSide<'_>,
        taker: Side,
        size: E8,
        step: E8,
        slices: &mut dyn Slices,
    ) {
        let maker = taker.opposite();
        let Some((price, total)) = market.best(maker) else {
            return;
        };
        let most = if market.level_background(maker, price) > 0 {
            total / 10 * 9 / step * step
        } else {
            total
        };
        execute(market, taker, size.min(most), price, slices);
    }

    /// A taker order that clears every price up to `to_bid` (the coming best bid). What the background holds there beyond `size` is
    /// withdrawn first; a larger order walks on, within bounds.
    pub(super) fn sweep(
        &mut self,
        market: &mut MarketSide<'_>,
        taker: Side,
        to_bid: i64,
        size: E8,
        shape: &Shape,
        slices: &mut dyn Slices,
    ) {
        let maker = taker.opposite();
        let to = match taker {
            Side::Buy => to_bid,
            Side::Sell => to_bid + shape.spread_ticks,
        };
        let limit = to.max(1).saturating_mul(self.tick);
        let walk = shape.window_ticks / WALK_WINDOW_DIVISOR * self.tick;
        let farthest = limit + taker.sign() * walk;
        self.scratch.clear();
        let mut held: E8 = 0;
        let path = market.levels(maker).take_while(|(price, quantity)| {
            let inside = (price - limit) * taker.sign() <= 0;
            let walked = (price - farthest) * taker.sign() <= 0 && held < size;
            held = held.saturating_add(*quantity);
            inside || walked
        });
        self.scratch.extend(path);
        let Some((last, _)) = self.scratch.last().copied() else {
            return;
        };
        let mut background: E8 = 0;
        for level in &mut self.scratch {
            level.1 = market.level_background(maker, level.0);
            background = background.saturating_add(level.1);
        }
        if background > size {
            let share = size as f64 / background as f64;
            for (price, own) in self.scratch.iter().filter(|level| level.1 > 0) {
                let kept = shape.on_grid(*own as f64 * share).min(*own);
                market.set_level(maker, *price, kept, Removal::Proportional);
            }
        }
        let all = market
            .levels(maker)
            .take_while(|(price, _)| (price - last) * taker.sign() <= 0)
            .fold(0, |sum: E8, (_, quantity)| sum.saturating_add(quantity));
        execute(market, taker, all, last, slices);
    }

    /// Fills best prices that a taker order emptied, except for a share that the next change at the best price fills.
    pub(super) fn heal(
        &mut self,
        market: &mut MarketSide<'_>,
        late_share: f64,
        shape: &Shape,
        prng: &mut Prng,
    ) {
        for side in [Side::Buy, Side::Sell] {
            let price = self.top(side).max(1).saturating_mul(self.tick);
            if market.level_background(side, price) == 0 && !chance(prng, late_share) {
                self.restore_best(market, side, shape, prng);
            }
        }
    }
}

/// When the retreating best price is filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refill {
    /// In the same instant.
    AtOnce,
    /// By the next change at the best price.
    Late,
}

/// The best bid for a fair value in the middle of a spread, in ticks, leaving room for one tick below.
fn best_bid(fair_ticks: f64, spread_ticks: i64) -> i64 {
    let low = fair_ticks - (spread_ticks - 1) as f64 / 2.0;
    (low.floor() as i64).max(2)
}

/// Sends one taker order as several executions of one instant.
fn execute(market: &mut MarketSide<'_>, taker: Side, size: E8, limit: E8, slices: &mut dyn Slices) {
    let mut left = size;
    for fill in 1..=FILLS_MAX {
        let slice = if fill == FILLS_MAX {
            left
        } else {
            slices.next_slice().min(left)
        };
        if slice <= 0 {
            return;
        }
        let taken = market.take(taker, slice, Some(limit));
        if taken.qty == 0 {
            return;
        }
        left -= slice;
    }
}
