//! Owns the breakers: what trips when losses, orders or refusals run away, and what makes it end.

/// Most orders of ours on a symbol (spec §4): 2 × layers + 2.
#[must_use]
pub const fn orders_max(layers: u16) -> u32 {
    2 * layers as u32 + 2
}
