//! Owns the breakers: what trips when losses, orders or refusals run away, and what makes it end; knows
//! nothing of how orders are cancelled or positions flattened.
//!
//! No breaker can refuse an order that reduces the position, and each ends by itself: by time, by the
//! count it watches, or (kill switch, second loss) by an operator, who is told.

use super::Effect;
use crate::event::Why;
use crate::order::{Execute, NewOrder};
use crate::params::RiskParams;
use crate::units::{E8, Lots, Mono, Quote, Ratio, Side, Span, Ticks};
use alloc::vec::Vec;

/// What the loss breaker is shown, all of one symbol and at one mark price.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Valuation {
    /// Unrealised profit of the open position.
    pub unrealised: Quote,
    /// |value| of the open position.
    pub notional: Quote,
    /// Everything earned in the session (realised, unrealised, fees, funding).
    pub profit: Quote,
    /// Value of `net_max` lots.
    pub net_max_notional: Quote,
}

/// Why the loss breaker tripped.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Loss {
    /// Unrealised loss (> 0) beyond `stop_loss` × notional of the position.
    StopLoss(Quote),
    /// Fall of session profit from its peak (> 0) beyond `drawdown_factor` × `stop_loss` × notional of
    /// `net_max`.
    Drawdown(Quote),
}

/// Whether losses allow trading.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum LossState {
    /// They do.
    #[default]
    Armed,
    /// Flatten and stand still until this instant.
    Halted(Mono),
    /// Flatten and stand still until an operator resumes.
    Latched,
}

/// The loss breaker (spec §4). When it trips the position is flattened and trading halts: the first time
/// for `halt`, the second time since the start or the last [`LossBreaker::on_resume`] until an operator
/// resumes. Whenever it is armed again the peak starts at the profit of then, so that a drawdown that
/// was acted on does not trip it once more.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct LossBreaker {
    state: LossState,
    peak: Option<Quote>,
    trips: u32,
}

impl LossBreaker {
    /// Whether losses allow trading.
    #[must_use]
    pub const fn state(&self) -> LossState {
        self.state
    }

    /// When a halt ends by itself.
    #[must_use]
    pub const fn next_wakeup(&self) -> Option<Mono> {
        match self.state {
            LossState::Halted(until) => Some(until),
            LossState::Armed | LossState::Latched => None,
        }
    }

    /// Judges a valuation. `Some` exactly when it trips: cancel everything, flatten, and see
    /// [`LossBreaker::state`] for how long.
    pub fn on_valuation(
        &mut self,
        now: Mono,
        params: &RiskParams,
        valuation: &Valuation,
    ) -> Option<Loss> {
        if self.state != LossState::Armed {
            return None;
        }
        let peak = self
            .peak
            .map_or(valuation.profit, |p| p.max(valuation.profit));
        self.peak = Some(peak);
        let loss = Quote::ZERO.saturating_sub(valuation.unrealised);
        let fall = peak.saturating_sub(valuation.profit);
        let why = if exceeds(loss, valuation.notional, params.stop_loss, Ratio(E8)) {
            Loss::StopLoss(loss)
        } else if exceeds(
            fall,
            valuation.net_max_notional,
            params.stop_loss,
            params.drawdown_factor,
        ) {
            Loss::Drawdown(fall)
        } else {
            return None;
        };
        self.trips = self.trips.saturating_add(1);
        self.state = if self.trips == 1 {
            LossState::Halted(now.after(params.halt))
        } else {
            LossState::Latched
        };
        Some(why)
    }

    /// Ends a halt whose time has come; true when it did.
    pub fn on_wakeup(&mut self, now: Mono) -> bool {
        let over = self.next_wakeup().is_some_and(|until| now >= until);
        if over {
            self.arm();
        }
        over
    }

    /// The operator resumes: trading is allowed, and the next trip counts as the first again.
    pub fn on_resume(&mut self) {
        self.trips = 0;
        self.arm();
    }

    const fn arm(&mut self) {
        self.state = LossState::Armed;
        self.peak = None;
    }
}

/// Whether `loss > notional × ratio × factor`, exactly; no loss exceeds nothing.
fn exceeds(loss: Quote, notional: Quote, ratio: Ratio, factor: Ratio) -> bool {
    let scaled = |a: i64, b: i64| i128::from(a).saturating_mul(i128::from(b));
    let allowed = scaled(notional.0, ratio.0).saturating_mul(i128::from(factor.0));
    loss.is_positive() && scaled(loss.0, E8).saturating_mul(i128::from(E8)) > allowed
}

/// Kill switch: latched until the operator resumes. Cancelling is never behind it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum KillSwitch {
    /// Orders may be sent.
    #[default]
    Open,
    /// No new order.
    Killed,
}

impl KillSwitch {
    /// Latches; true when it was open. Everything is cancelled each time, latched or not.
    pub fn on_kill(&mut self) -> bool {
        core::mem::replace(self, Self::Killed) == Self::Open
    }

    /// Opens; true when it was latched.
    pub fn on_resume(&mut self) -> bool {
        core::mem::take(self) == Self::Killed
    }
}

/// Most orders of ours on a symbol (spec §4): 2 × layers + 2.
#[must_use]
pub const fn orders_max(layers: u16) -> u32 {
    2 * layers as u32 + 2
}

/// After this time with too many orders everything is cancelled once more.
pub const OVERFLOW_RETRY: Span = Span::from_secs(2);

/// What a count of open orders calls for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Overflow {
    /// Nothing.
    Within,
    /// There are more than [`orders_max`]: cancel everything on the symbol and resynchronise.
    CancelAll,
    /// Wait for the cancels; nothing that grows.
    Clearing,
    /// The count is back within the limit: quote again.
    Cleared,
}

/// Order-overflow breaker (spec §4).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct OverflowBreaker {
    canceled_at: Option<Mono>,
}

impl OverflowBreaker {
    /// Judges a count of open orders.
    pub fn on_count(&mut self, now: Mono, open: u32, layers: u16) -> Overflow {
        let over = open > orders_max(layers);
        match self.canceled_at {
            Some(_) if !over => {
                self.canceled_at = None;
                Overflow::Cleared
            }
            None if !over => Overflow::Within,
            Some(at) if now.since(at) < OVERFLOW_RETRY => Overflow::Clearing,
            Some(_) | None => {
                self.canceled_at = Some(now);
                Overflow::CancelAll
            }
        }
    }

    /// When the count should be judged again even if nothing happens.
    #[must_use]
    pub fn next_wakeup(&self) -> Option<Mono> {
        self.canceled_at.map(|at| at.after(OVERFLOW_RETRY))
    }
}

/// Consecutive post-only refusals that make the book suspect: our prices come from it, and they cross.
pub const WOULD_TAKE_MAX: u32 = 3;
/// Back-off after the first post-only refusal; doubles with each, up to [`WOULD_TAKE_WAIT_MAX`].
pub const WOULD_TAKE_WAIT: Span = Span::from_millis(100);
/// Longest back-off.
pub const WOULD_TAKE_WAIT_MAX: Span = Span::from_secs(2);
/// After this time without another refusal the count starts over.
pub const WOULD_TAKE_MEMORY: Span = Span::from_secs(10);

/// What a post-only refusal calls for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum WouldTake {
    /// Re-price off a fresh book at this instant.
    BackOff(Mono),
    /// The same, and have the book probed: every [`WOULD_TAKE_MAX`]th refusal in a row.
    SuspectBook(Mono),
}

/// Counts post-only refusals in a row (−5022, protocol §7). It delays quotes by a bounded time; a taker
/// never meets it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct WouldTakeBreaker {
    run: u32,
    last: Option<Mono>,
    until: Option<Mono>,
}

impl WouldTakeBreaker {
    /// Counts a refusal. Refusals of orders sent together before the first answer count each.
    pub fn on_refused(&mut self, now: Mono) -> WouldTake {
        if self
            .last
            .is_some_and(|at| now.since(at) >= WOULD_TAKE_MEMORY)
        {
            self.run = 0;
        }
        let wait = WOULD_TAKE_WAIT.0 << self.run.min(16);
        let until = now.after(Span(wait.min(WOULD_TAKE_WAIT_MAX.0)));
        self.run = self.run.saturating_add(1);
        self.last = Some(now);
        self.until = Some(until);
        if self.run.is_multiple_of(WOULD_TAKE_MAX) {
            WouldTake::SuspectBook(until)
        } else {
            WouldTake::BackOff(until)
        }
    }

    /// A post-only order rests: prices are right again.
    pub const fn on_accepted(&mut self) {
        self.run = 0;
        self.until = None;
    }

    /// Until when new post-only quotes wait; `None` when they need not.
    #[must_use]
    pub fn waits_until(&self, now: Mono) -> Option<Mono> {
        self.until.filter(|until| now < *until)
    }
}

/// Refusals of the same request for the same reason after which it is not sent again for a while.
pub const REPEAT_STRIKES_MAX: u32 = 3;
/// How long it is not sent; then it has one more try.
pub const REPEAT_BLOCK: Span = Span::from_secs(60);
/// Refused requests remembered. At the bound the one refused longest ago is forgotten: it may be tried
/// again too early, which costs a request and hides nothing.
pub const REPEATS_MAX: usize = 64;

/// An order without its id: what makes two requests the same.
type Request = (Side, Ticks, Lots, Execute);

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Refused {
    request: Request,
    why: Why,
    strikes: u32,
    at: Mono,
}

/// What a refusal adds up to.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Repeat {
    /// Seen this often; may be sent again.
    Strike(u32),
    /// Not to be sent before this instant; somebody should look.
    Blocked(Mono),
}

/// Stops an identical order from being refused for the same reason for ever (protocol §9 F29).
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct RepeatBreaker {
    /// Least recently refused first.
    refused: Vec<Refused>,
}

impl RepeatBreaker {
    /// Counts a refusal.
    pub fn on_refused(&mut self, now: Mono, order: &NewOrder, why: Why) -> Repeat {
        let request = request(order);
        let same = |r: &Refused| r.request == request && r.why == why;
        let known = self.refused.iter().position(same);
        let strikes = known.map_or(0, |i| self.refused.remove(i).strikes);
        let strikes = strikes.saturating_add(1);
        if self.refused.len() >= REPEATS_MAX {
            self.refused.remove(0);
        }
        self.refused.push(Refused {
            request,
            why,
            strikes,
            at: now,
        });
        if strikes >= REPEAT_STRIKES_MAX {
            Repeat::Blocked(now.after(REPEAT_BLOCK))
        } else {
            Repeat::Strike(strikes)
        }
    }

    /// The same request was accepted: it is forgotten.
    pub fn on_accepted(&mut self, order: &NewOrder) {
        let request = request(order);
        self.refused.retain(|r| r.request != request);
    }

    /// Until when this order should not be sent; `None` when it may be. An order that reduces the
    /// position is never held back.
    #[must_use]
    pub fn blocks(&self, now: Mono, order: &NewOrder, effect: Effect) -> Option<Mono> {
        if effect == Effect::Reduces {
            return None;
        }
        let request = request(order);
        self.refused
            .iter()
            .filter(|r| r.request == request && r.strikes >= REPEAT_STRIKES_MAX)
            .map(|r| r.at.after(REPEAT_BLOCK))
            .filter(|until| now < *until)
            .max()
    }
}

const fn request(order: &NewOrder) -> Request {
    (order.side, order.price, order.size, order.execute)
}

#[cfg(test)]
mod tests;
