//! Owns the description of one desired order, the seam between strategy and order diff; knows nothing of
//! either.

use crate::order::Execute;
use crate::units::{Lots, Ticks};

/// A place in the ladder that should hold an order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Slot {
    /// Layer of the ladder, from 0 at the touch; unique on its side.
    pub layer: u16,
    /// Where.
    pub price: Ticks,
    /// How much, > 0.
    pub size: Lots,
    /// Distance to the layer before it (for the first: to the reservation price), > 0; an order may stay
    /// while it is off by less than a share of this.
    pub spacing: Ticks,
    /// How it may execute.
    pub execute: Execute,
}
