//! Owns when a side may be quoted again after orders were refused; knows nothing of prices or sizes.
//!
//! The same order sent again gets the same refusal (protocol §9 F27, F29), so each kind of refusal pauses its
//! side, or both, for a time that grows while it repeats. The longest pause is short enough that quoting is back
//! soon after the cause ends.

use super::backoff::Backoff;
use crate::event::Why;
use crate::units::{Mono, PerSide, Side, Span};

/// Longest pause after refusals.
pub const REFUSAL_PAUSE_MAX: Span = Span::from_secs(8);

/// Pauses of one symbol's placing.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Refusals {
    /// Refusals of a price or an instant, which concern one side.
    side: PerSide<Backoff>,
    /// Refusals that more of the same would not change on either side.
    both: Backoff,
    in_a_row: PerSide<u32>,
}

impl Default for Refusals {
    fn default() -> Self {
        Self::new()
    }
}

/// What a refusal pauses.
enum Scope {
    Nothing,
    Side,
    Both,
}

impl Refusals {
    /// No pause.
    #[must_use]
    pub const fn new() -> Self {
        let side = Backoff::new(Span::from_millis(200), REFUSAL_PAUSE_MAX);
        Self {
            side: PerSide {
                buy: side,
                sell: side,
            },
            both: Backoff::new(Span::from_secs(1), REFUSAL_PAUSE_MAX),
            in_a_row: PerSide { buy: 0, sell: 0 },
        }
    }

    /// Takes in a refused place; returns the pause it leads to. Limits (−1015, −1003, −1008) have their own.
    pub fn on_refused(&mut self, side: Side, why: Why, retry_after: Span, now: Mono) -> Span {
        let in_a_row = self.in_a_row.of_mut(side);
        *in_a_row = in_a_row.saturating_add(1);
        match scope(why) {
            Scope::Nothing => Span::ZERO,
            Scope::Side => self.side.of_mut(side).on_refused(retry_after, now),
            Scope::Both => self.both.on_refused(retry_after, now),
        }
    }

    /// Takes in an accepted place.
    pub fn on_accepted(&mut self, side: Side, now: Mono) {
        *self.in_a_row.of_mut(side) = 0;
        self.side.of_mut(side).on_accepted(now);
        self.both.on_accepted(now);
    }

    /// The end of the side's pause, while it lasts.
    #[must_use]
    pub fn paused_until(&self, side: Side, now: Mono) -> Option<Mono> {
        let side = self.side.of(side).paused_until(now);
        side.max(self.both.paused_until(now))
    }

    /// Refusals since the last acceptance; many would-take refusals in a row are a sign of a stale book.
    #[must_use]
    pub const fn in_a_row(&self, side: Side) -> u32 {
        *self.in_a_row.of(side)
    }
}

const fn scope(why: Why) -> Scope {
    match why {
        // Limited elsewhere: `OrderRate`, `Weight`; or nothing was asked of the exchange.
        Why::OrderRate | Why::Weight | Why::Throttled => Scope::Nothing,
        // It is live: confirmation, not refusal.
        Why::Duplicate | Why::NoChange => Scope::Nothing,
        Why::WouldTake
        | Why::PriceBand
        | Why::ReduceOnly
        | Why::NotSent
        | Why::Transient
        | Why::Clock => Scope::Side,
        Why::NoSuchOrder
        | Why::Margin
        | Why::TooManyOpen
        | Why::Rejected
        | Why::AmendPending
        | Why::AmendImpossible
        | Why::ListenKey
        | Why::SymbolHalted
        | Why::ReduceOnlyMode
        | Why::Auth
        | Why::Account => Scope::Both,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64) -> Mono {
        Mono(0).after(Span::from_millis(ms))
    }

    #[test]
    fn a_post_only_refusal_pauses_its_side_and_no_more() {
        let mut refusals = Refusals::new();
        let pause = refusals.on_refused(Side::Buy, Why::WouldTake, Span::ZERO, at(0));
        assert_eq!(pause, Span::from_millis(200));
        assert_eq!(refusals.paused_until(Side::Buy, at(199)), Some(at(200)));
        assert_eq!(refusals.paused_until(Side::Buy, at(200)), None);
        assert_eq!(refusals.paused_until(Side::Sell, at(0)), None);
    }

    #[test]
    fn an_order_refused_for_ever_is_tried_ever_less_often_and_never_given_up() {
        let mut refusals = Refusals::new();
        let mut now = at(0);
        let mut tries = 0;
        while now < at(600_000) {
            tries += 1;
            refusals.on_refused(Side::Sell, Why::Rejected, Span::ZERO, now);
            now = refusals
                .paused_until(Side::Buy, now)
                .expect("both sides pause");
        }
        assert!((70..=85).contains(&tries), "{tries} in ten minutes");
        assert_eq!(refusals.in_a_row(Side::Sell), tries);
    }

    #[test]
    fn acceptance_after_the_pause_begins_again() {
        let mut refusals = Refusals::new();
        for ms in [0, 1_000, 3_000] {
            refusals.on_refused(Side::Buy, Why::Margin, Span::ZERO, at(ms));
        }
        refusals.on_accepted(Side::Buy, at(20_000));
        assert_eq!(refusals.in_a_row(Side::Buy), 0);
        let pause = refusals.on_refused(Side::Buy, Why::Margin, Span::ZERO, at(20_001));
        assert_eq!(pause, Span::from_secs(1));
    }

    #[test]
    fn limits_and_confirmations_do_not_pause_here() {
        let mut refusals = Refusals::new();
        for why in [Why::OrderRate, Why::Weight, Why::Throttled, Why::Duplicate] {
            assert_eq!(
                refusals.on_refused(Side::Buy, why, Span::ZERO, at(0)),
                Span::ZERO
            );
        }
        assert_eq!(refusals.paused_until(Side::Buy, at(0)), None);
    }
}
