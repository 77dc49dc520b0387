//! Owns what may be sent: the only maker of [`Approved`]; knows nothing of strategies or connections.

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
