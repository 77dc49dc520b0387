//! Owns what should be quoted: strategies turn a view of market and position into desired slots; they
//! never see order ids, acknowledgements or time-outs.

/// Quoting mode by |position|/net_max, most urgent last (spec §3).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum Mode {
    /// Full ladder.
    #[default]
    Normal,
    /// The reducing side's first order is pinned at the best price.
    Pinning,
    /// The position is ground down with small reduce-only IOCs.
    Grinding,
    /// Nothing that grows the position.
    ReduceOnly,
    /// Nothing is quoted.
    Halt,
}
