//! Owns what every step asks of all open orders together; kept by the tracker, because most steps change
//! none of them, and a look at each costs more than the rest of such a step.

use super::state::{Order, OrderState};
use crate::units::{Mono, PerSide};

/// Deadline and count of some orders.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Summary {
    /// Earliest deadline.
    pub(super) due: Option<Mono>,
    /// Confirmed orders that can still fill and are not being cancelled.
    pub(super) resting: PerSide<usize>,
}

impl Summary {
    /// Of all these.
    pub(super) fn of<'a>(orders: impl Iterator<Item = &'a Order>) -> Self {
        let mut summary = Self::default();
        orders.for_each(|order| summary.add(order));
        summary
    }

    /// Takes one more in.
    pub(super) fn add(&mut self, order: &Order) {
        if let Some(at) = order.deadline() {
            self.due = Some(self.due.map_or(at, |due| due.min(at)));
        }
        let is_confirmed = match order.state() {
            OrderState::Live | OrderState::Amending => true,
            OrderState::Placing
            | OrderState::Canceling
            | OrderState::Unknown
            | OrderState::Done => false,
        };
        let rests = is_confirmed && order.remaining().is_positive();
        *self.resting.of_mut(order.side) += usize::from(rests);
    }
}
