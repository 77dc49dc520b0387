//! Owns what the orders of one side could still add to the position, reduce-only or not; knows nothing of
//! where they are kept.

use super::state::Order;
use crate::units::Lots;
use core::ops::{AddAssign, SubAssign};

/// What could still reach the position from one side's orders: open, in flight, being cancelled or amended (at the
/// larger size) or in doubt, and fills reported whose trades have not been delivered. Never negative.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Exposure {
    /// Of orders that can open a position.
    pub plain: Lots,
    /// Of reduce-only orders.
    pub reduce_only: Lots,
}

impl Exposure {
    /// Both together.
    #[inline]
    #[must_use]
    pub const fn total(self) -> Lots {
        self.plain.saturating_add(self.reduce_only)
    }

    pub(super) fn of(order: &Order) -> Self {
        let mut exposure = Self::default();
        match order.execute.is_reduce_only() {
            true => exposure.reduce_only = order.exposure(),
            false => exposure.plain = order.exposure(),
        }
        exposure
    }
}

impl AddAssign for Exposure {
    fn add_assign(&mut self, other: Self) {
        self.plain += other.plain;
        self.reduce_only += other.reduce_only;
    }
}

impl SubAssign for Exposure {
    fn sub_assign(&mut self, other: Self) {
        self.plain -= other.plain;
        self.reduce_only -= other.reduce_only;
    }
}
