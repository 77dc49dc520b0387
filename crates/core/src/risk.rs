//! Owns what may be sent: the only maker of [`Approved`]; knows nothing of strategies or connections.
//!
//! Two promises meet here. `bounded`: what rests can never carry the position beyond `net_max`.
//! `exit_open`: what reduces the position is never refused by a limit on its growth. Both hold because
//! every order is judged by its [`Effect`]:
//!
//! - A reduce-only order against the position *reduces*; the exchange never lets it pass through zero.
//! - A plain order *reduces* when it could not pass through zero even if everything on its side filled.
//! - Every other order *grows*, as a whole, and is subject to every limit.
//!
//! With `p` the position counted positive in the direction of a side and `N` the plain lots that could
//! still fill on it, growth is approved only while `max(p, 0) + N <= net_max` on that side (see
//! [`limits`]). No fill, in any order and mixed with reduce-only fills, ever raises that sum, so it holds
//! until a position from elsewhere or a lowered `net_max` breaks it. Beyond `net_max` only orders that
//! reduce are approved, and no mix of fills can end farther out than the position already was.

pub mod breakers;
pub mod limits;

use crate::instrument::Instrument;
use crate::notice::HaltReason;
pub use crate::orders::Exposure;

use crate::order::{Amendment, Execute, NewOrder};
use crate::params::RiskParams;
use crate::strategy::Mode;
use crate::units::{E8, Lots, PerSide, Price8, Quote, Side, Ticks};
use core::fmt;
use limits::Bounds;

/// An order (or amendment) that passed every pre-trade control. Only `RiskGate::approve` makes one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Approved<T> {
    inner: T,
}

impl<T: Copy> Approved<T> {
    /// What was approved.
    #[must_use]
    pub const fn inner(&self) -> &T {
        &self.inner
    }
}

/// Whether the market data that an order rests on is young enough (promise `fresh`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Freshness {
    /// It is.
    Fresh,
    /// It is not: nothing is sent, exits included.
    Stale,
}

/// What mode, halts and operator allow on a symbol.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Permission {
    /// No order at all.
    Nothing,
    /// Only orders that reduce the position.
    Reduce,
    /// Everything.
    Trade,
}

impl Permission {
    /// What is allowed in a quoting mode; [`Mode::Halt`] without a halt of its own reason only reduces.
    #[must_use]
    pub const fn of(mode: Mode, halt: Option<HaltReason>) -> Self {
        match (halt, mode) {
            (Some(halt), _) => Self::during(halt),
            (None, Mode::ReduceOnly | Mode::Halt) => Self::Reduce,
            (None, Mode::Normal | Mode::Pinning | Mode::Grinding) => Self::Trade,
        }
    }

    /// What is allowed during a halt: money at risk may always be reduced unless a person, the exchange
    /// or the end of the program forbids every order.
    #[must_use]
    pub const fn during(halt: HaltReason) -> Self {
        match halt {
            HaltReason::StopLoss | HaltReason::Paused | HaltReason::SecondInstance => Self::Reduce,
            HaltReason::Killed
            | HaltReason::Auth
            | HaltReason::Account
            | HaltReason::Symbol
            | HaltReason::Stopping
            | HaltReason::Panics => Self::Nothing,
        }
    }
}

/// What an order can do to the position.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Effect {
    /// Nothing but bring it nearer to zero.
    Reduces,
    /// Anything else.
    Grows,
}

/// Everything an order is judged by.
#[derive(Clone, Copy, Debug)]
pub struct RiskContext<'a> {
    /// Grid and filters.
    pub instrument: &'a Instrument,
    /// Limits of the symbol.
    pub params: &'a RiskParams,
    /// Signed position as booked.
    pub position: Lots,
    /// What could still fill, the order in question not included (for an amendment: included).
    pub exposure: PerSide<Exposure>,
    /// Twice the mid price in ticks; `None` without a book, which counts as stale.
    pub mid_half_ticks: Option<i64>,
    /// Mark price; while `None` the percent-price filter is left to the exchange.
    pub mark: Option<Price8>,
    /// Age of the market data.
    pub data: Freshness,
    /// What mode, halts and operator allow.
    pub permission: Permission,
    /// Orders of ours that are not done, in flight and unknown ones included.
    pub orders_open: u32,
    /// Most orders of ours on the symbol (see [`breakers::orders_max`]).
    pub orders_max: u32,
    /// Worst-case value of all other symbols (sum of [`RiskContext::notional_worst`]).
    pub notional_elsewhere: Quote,
    /// `total_notional_max` across symbols.
    pub total_notional_max: Quote,
}

impl RiskContext<'_> {
    /// What a new order could do to the position, given what else could fill on its side.
    #[must_use]
    pub fn effect(&self, order: &NewOrder) -> Effect {
        if order.execute.is_reduce_only() {
            return Effect::Reduces;
        }
        let exposure = self.exposure.of(order.side);
        let plain = exposure.plain.saturating_add(order.size);
        let held = limits::toward(order.side, self.position);
        limits::effect(held, plain, exposure.reduce_only)
    }

    /// Largest |position| that what rests could lead to, on either side; at least today's.
    #[must_use]
    pub fn position_worst(&self) -> Lots {
        let of = |side: Side| {
            let held = limits::toward(side, self.position).max(Lots::ZERO);
            held.saturating_add(self.exposure.of(side).plain)
        };
        of(Side::Buy).max(of(Side::Sell))
    }

    /// Value of that position at mid, without a book at mark, clamped. If there is neither, the largest
    /// amount: unless there is nothing to value, no symbol grows until a price is known.
    #[must_use]
    pub fn notional_worst(&self) -> Quote {
        let worst = self.position_worst();
        match (self.mid_half_ticks, self.mark) {
            (Some(mid), _) => limits::value_at_half_ticks(self.instrument, mid, worst),
            (None, Some(mark)) => self.instrument.value_at(mark, worst),
            (None, None) if worst.is_zero() => Quote::ZERO,
            (None, None) => Quote::MAX,
        }
    }
}

/// A resting order that is to be amended, as the tracker knows it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Resting {
    /// Its share of the context's exposure.
    pub could_fill: Lots,
    /// What has filled of it.
    pub filled: Lots,
}

/// Why an order was not approved. Money and sizes that broke a limit come with the limit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Breach {
    /// The symbol or everything is halted.
    Halted,
    /// Only orders that reduce are allowed, and this one could grow the position.
    ReduceOnlyMode,
    /// No fresh book.
    Stale,
    /// Price not above zero or outside PRICE_FILTER.
    PriceFilter(Ticks),
    /// Size below LOT_SIZE (or not above zero).
    SizeMin(Lots, Lots),
    /// Size above LOT_SIZE.
    SizeMax(Lots, Lots),
    /// Value below MIN_NOTIONAL; reduce-only orders are exempt.
    NotionalMin(Quote, Quote),
    /// Farther from mid than `price_band`.
    PriceBand(Ticks),
    /// Outside PERCENT_PRICE around mark.
    PercentPrice(Ticks),
    /// Reduce-only, but there is no position on the other side.
    NothingToReduce,
    /// Value above the fat-finger limit.
    FatFinger(Quote, Quote),
    /// |position| could exceed `net_max`.
    NetMax(Lots, Lots),
    /// |position| could exceed the batch bound, `batch_worst_case × net_max`, by growth or beyond zero.
    BatchWorstCase(Lots, Lots),
    /// The position across symbols could exceed `total_notional_max`; in lots of this symbol.
    TotalNotional(Lots, Lots),
    /// As many orders as may be open are open.
    OrderCount(u32, u32),
    /// The new total leaves nothing open: the exchange would cancel the order.
    AmendBelowFilled(Lots, Lots),
}

impl Breach {
    /// Whether it is a limit that exists to stop the position growing: such a one never blocks an exit.
    #[must_use]
    pub const fn limits_growth(&self) -> bool {
        match self {
            Self::FatFinger(..)
            | Self::NetMax(..)
            | Self::BatchWorstCase(..)
            | Self::TotalNotional(..)
            | Self::ReduceOnlyMode => true,
            Self::Halted
            | Self::Stale
            | Self::PriceFilter(_)
            | Self::SizeMin(..)
            | Self::SizeMax(..)
            | Self::NotionalMin(..)
            | Self::PriceBand(_)
            | Self::PercentPrice(_)
            | Self::NothingToReduce
            | Self::OrderCount(..)
            | Self::AmendBelowFilled(..) => false,
        }
    }
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Halted => f.write_str("trading is halted"),
            Self::ReduceOnlyMode => {
                f.write_str("only orders that reduce the position are allowed now")
            }
            Self::Stale => f.write_str("there is no fresh book"),
            Self::PriceFilter(p) => write!(f, "price of {} ticks is outside PRICE_FILTER", p.0),
            Self::SizeMin(s, min) => write!(f, "{} lots are below the minimum {}", s.0, min.0),
            Self::SizeMax(s, max) => write!(f, "{} lots are above the maximum {}", s.0, max.0),
            Self::NotionalMin(v, min) => write!(f, "value {} e-8 is below {} e-8", v.0, min.0),
            Self::PriceBand(p) => write!(f, "price of {} ticks is too far from mid", p.0),
            Self::PercentPrice(p) => write!(f, "price of {} ticks is too far from mark", p.0),
            Self::NothingToReduce => f.write_str("there is no position to reduce on this side"),
            Self::FatFinger(v, max) => {
                write!(f, "order value {} e-8 is above {} e-8", v.0, max.0)
            }
            Self::NetMax(worst, max) => {
                write!(
                    f,
                    "position could reach {} lots, net_max is {}",
                    worst.0, max.0
                )
            }
            Self::BatchWorstCase(worst, max) => {
                write!(
                    f,
                    "position could reach {} lots, batch bound is {}",
                    worst.0, max.0
                )
            }
            Self::TotalNotional(worst, max) => write!(
                f,
                "position could reach {} lots, total_notional_max leaves {}",
                worst.0, max.0
            ),
            Self::OrderCount(open, max) => write!(f, "{open} orders are open of {max}"),
            Self::AmendBelowFilled(total, filled) => {
                write!(f, "new total {} lots, {} are filled", total.0, filled.0)
            }
        }
    }
}

/// Pre-trade controls (spec §4; RTS 6 Art. 15).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct RiskGate;

impl RiskGate {
    /// Approves a new order.
    ///
    /// # Errors
    /// The first [`Breach`] found: permission, freshness, filters, then the limits on growth. An order
    /// that reduces meets only the first three and the exchange's own order count.
    pub fn approve(
        &self,
        ctx: &RiskContext<'_>,
        order: NewOrder,
    ) -> Result<Approved<NewOrder>, Breach> {
        let ask = Ask {
            side: order.side,
            price: order.price,
            size: order.size,
            execute: order.execute,
            open: order.size,
        };
        let exposure = *ctx.exposure.of(order.side);
        let effect = ask.check(ctx, exposure)?;
        check_count(ctx, order.execute, effect)?;
        Ok(Approved { inner: order })
    }

    /// Approves an amendment. While it is under way old or new size may fill, so the larger one counts;
    /// otherwise it is judged like a new order of its open size in place of the resting one.
    ///
    /// # Errors
    /// As [`RiskGate::approve`], and [`Breach::AmendBelowFilled`].
    pub fn approve_amend(
        &self,
        ctx: &RiskContext<'_>,
        amendment: Amendment,
        resting: Resting,
    ) -> Result<Approved<Amendment>, Breach> {
        let open = amendment.size.saturating_sub(resting.filled);
        if !open.is_positive() {
            return Err(Breach::AmendBelowFilled(amendment.size, resting.filled));
        }
        let ask = Ask {
            side: amendment.side,
            price: amendment.price,
            size: amendment.size,
            execute: amendment.execute,
            open: open.max(resting.could_fill),
        };
        let mut exposure = *ctx.exposure.of(amendment.side);
        let own = if amendment.execute.is_reduce_only() {
            &mut exposure.reduce_only
        } else {
            &mut exposure.plain
        };
        *own = own.saturating_sub(resting.could_fill).max(Lots::ZERO);
        ask.check(ctx, exposure)?;
        Ok(Approved { inner: amendment })
    }
}

/// What a new order and an amendment have in common.
struct Ask {
    side: Side,
    price: Ticks,
    size: Lots,
    execute: Execute,
    /// Lots that could fill once it is sent.
    open: Lots,
}

impl Ask {
    /// Every control but the order count. `exposure` is that of the side without this order.
    fn check(&self, ctx: &RiskContext<'_>, exposure: Exposure) -> Result<Effect, Breach> {
        if ctx.permission == Permission::Nothing {
            return Err(Breach::Halted);
        }
        let mid = match (ctx.data, ctx.mid_half_ticks) {
            (Freshness::Fresh, Some(mid)) => mid,
            (Freshness::Fresh, None) | (Freshness::Stale, _) => return Err(Breach::Stale),
        };
        self.check_filters(ctx.instrument)?;
        self.check_distance(ctx, mid)?;
        let held = limits::toward(self.side, ctx.position);
        let bounds = Bounds::new(ctx, mid);
        if self.execute.is_reduce_only() {
            return if held.is_negative() {
                Ok(Effect::Reduces)
            } else {
                Err(Breach::NothingToReduce)
            };
        }
        let plain = exposure.plain.saturating_add(self.open);
        let effect = limits::effect(held, plain, exposure.reduce_only);
        if effect == Effect::Grows {
            if ctx.permission == Permission::Reduce {
                return Err(Breach::ReduceOnlyMode);
            }
            self.check_value(ctx)?;
            bounds.check(held, plain, exposure.reduce_only)?;
        }
        Ok(effect)
    }

    /// The exchange's filters (protocol §4.3); zero disables a bound.
    fn check_filters(&self, instrument: &Instrument) -> Result<(), Breach> {
        let above = |max: i64, value: i64| max != 0 && value > max;
        if !self.price.is_positive()
            || self.price < instrument.price_min
            || above(instrument.price_max.0, self.price.0)
        {
            return Err(Breach::PriceFilter(self.price));
        }
        if !self.size.is_positive() || self.size < instrument.qty_min {
            return Err(Breach::SizeMin(self.size, instrument.qty_min));
        }
        if above(instrument.qty_max.0, self.size.0) {
            return Err(Breach::SizeMax(self.size, instrument.qty_max));
        }
        let value = instrument.notional(self.price, self.size);
        if value < instrument.notional_min && !self.execute.is_reduce_only() {
            return Err(Breach::NotionalMin(value, instrument.notional_min));
        }
        Ok(())
    }

    /// Distance from mid (ours) and from mark (the exchange's PERCENT_PRICE).
    fn check_distance(&self, ctx: &RiskContext<'_>, mid_half_ticks: i64) -> Result<(), Breach> {
        let mid = i128::from(mid_half_ticks);
        let distance = (i128::from(self.price.0) * 2 - mid).abs();
        if distance * i128::from(E8) > mid * i128::from(ctx.params.price_band.0) {
            return Err(Breach::PriceBand(self.price));
        }
        let Some(mark) = ctx.mark else {
            return Ok(());
        };
        let price = i128::from(ctx.instrument.price8(self.price).0) * 10_000;
        let (up, down) = (ctx.instrument.percent_up_e4, ctx.instrument.percent_down_e4);
        let outside = match self.side {
            Side::Buy => up != 0 && price > i128::from(mark.0) * i128::from(up),
            Side::Sell => down != 0 && price < i128::from(mark.0) * i128::from(down),
        };
        if outside {
            return Err(Breach::PercentPrice(self.price));
        }
        Ok(())
    }

    fn check_value(&self, ctx: &RiskContext<'_>) -> Result<(), Breach> {
        let value = ctx.instrument.notional(self.price, self.size);
        if value > ctx.params.order_notional_max {
            return Err(Breach::FatFinger(value, ctx.params.order_notional_max));
        }
        Ok(())
    }
}

/// Our own count is a limit on growth; the exchange's is a filter on whatever rests.
fn check_count(ctx: &RiskContext<'_>, execute: Execute, effect: Effect) -> Result<(), Breach> {
    let ours = match effect {
        Effect::Grows => ctx.orders_max,
        Effect::Reduces => u32::MAX,
    };
    let theirs = match (execute, ctx.instrument.orders_max) {
        (Execute::TakeReduce, _) | (_, 0) => u32::MAX,
        (Execute::PostOnly | Execute::PostOnlyReduce, max) => max,
    };
    let max = ours.min(theirs);
    if ctx.orders_open >= max {
        return Err(Breach::OrderCount(ctx.orders_open, max));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
