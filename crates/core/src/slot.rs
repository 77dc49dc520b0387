//! Owns the description of one order that should rest; knows nothing of the orders that do.

use crate::order::Execute;
use crate::units::{Lots, Ticks};

/// One place in a side's ladder that a strategy wants filled with an order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Slot {
    /// Number of the layer, 1 is the nearest to the touch.
    pub layer: u16,
    /// Limit price.
    pub price: Ticks,
    /// Size, > 0.
    pub size: Lots,
    /// Distance to the next-nearer layer; for layer 1 the start distance.
    pub spacing: Ticks,
    /// How the order may execute.
    pub execute: Execute,
}
