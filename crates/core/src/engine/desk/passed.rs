//! Owns the suspicion that an order of ours was filled and nobody told: trades printed beyond its price, and it still counts as
//! resting.
//!
//! At an exchange with price-time priority nothing trades beyond an order that rests (protocol §11). Without this, a fill whose event
//! was lost on a connection that stands is found by the comparison every 30 s, and until then one side has no orders.

use super::Desk;
use crate::engine::timers::Timer;
use crate::event::Trade;
use crate::orders::state::{Order, OrderState};
use crate::units::{Mono, Side, Span, Ticks};

/// The event of a fill may come this much after the public trade: they travel by other connections.
const EVENT_WITHIN: Span = Span::from_secs(1);
/// An order that is younger may have come after the trade.
const AGE_MIN: Span = Span::from_millis(500);
/// Two comparisons for this reason are at least this far apart.
const AGAIN: Span = Span::from_secs(5);

/// What is waited for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub(super) struct Passed {
    /// When the trade was told, which side's orders it passed, and its price.
    waiting: Option<(Mono, Side, Ticks)>,
    compared_at: Option<Mono>,
}

/// Whether a trade at `price` cannot have left an order of ours on this side alone.
fn is_passed(order: &Order, side: Side, price: Ticks, now: Mono) -> bool {
    let is_beyond = match side {
        Side::Buy => price < order.price,
        Side::Sell => price > order.price,
    };
    order.side == side
        && is_beyond
        && order.state() == OrderState::Live
        && now.since(order.placed_at) >= AGE_MIN
}

impl Desk {
    /// A public trade.
    pub(super) fn note_passed(&mut self, trade: &Trade, now: Mono) {
        let side = trade.aggressor.opposite();
        let mut orders = self.tracker.iter();
        if self.passed.waiting.is_none()
            && orders.any(|order| is_passed(order, side, trade.price, now))
        {
            self.passed.waiting = Some((now, side, trade.price));
            self.timers
                .schedule_by(Timer::Requote, now.after(EVENT_WITHIN));
        }
    }

    /// The event has not come: orders, trades and account are compared with the exchange.
    pub(super) fn poll_passed(&mut self, now: Mono) {
        let is_due = |at: Mono| now >= at.after(EVENT_WITHIN);
        let Some((told_at, side, price)) = self.passed.waiting.take_if(|(at, ..)| is_due(*at))
        else {
            return;
        };
        let again = self.passed.compared_at.map(|at| at.after(AGAIN));
        let is_left = |order: &Order| is_passed(order, side, price, told_at);
        if again.is_none_or(|at| now >= at) && self.tracker.iter().any(is_left) {
            self.passed.compared_at = Some(now);
            self.check_after(Span::ZERO, now);
        }
    }
}
