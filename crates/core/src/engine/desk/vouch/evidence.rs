//! Owns what trades and mark price say against a book whose touch does not move (spec §5, streams vouch for each
//! other); knows nothing of probes and of what follows from a doubt.
//!
//! A frozen book looks alive: its messages arrive, with current event times. But trades print through its touch, the
//! mark price walks away from it, or trades come and none of them changes what rests at the touch.

use crate::book::Touch;
use crate::event::Trade;
use crate::notice::Doubt;
use crate::units::{Mono, Price8, Side, Span, Ticks, Wall};

/// Trades through a touch that still stands, before they are evidence. Hidden orders trade inside the spread, never
/// through the touch (protocol §0.10).
const THROUGH_MIN: u32 = 3;
/// Depth messages come in batches and by another connection: a trade through the touch is evidence only when the touch
/// still stands after this.
const BATCH: Span = Span::from_millis(300);
/// The mark price has moved this far against a touch that stands still: 8 bps.
const MARK_E8: i64 = 80_000;
/// Weight of a new difference of mark price and mid in the usual one.
const BASIS_WEIGHT: i64 = 32;
/// Trades, and time since the first of them, without any change of what rests at the touch.
const STILL_TRADES: u32 = 5;
const STILL_FOR: Span = Span::from_millis(1_500);
/// A book that a probe cleared of standing still is not doubted for that again so soon: hidden orders may trade for long.
const STILL_AGAIN: Span = Span::from_secs(10);
/// One doubt at a time.
const DOUBT_AGAIN: Span = Span::from_secs(2);

/// The touch as the book shows it, and what others say of it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Evidence {
    /// Best bid and ask, since when, and the event time of the message that brought them.
    prices: Option<(Ticks, Ticks)>,
    prices_at: Mono,
    prices_time: Wall,
    /// The same with sizes.
    touch: Option<Touch>,
    through: u32,
    through_from: Mono,
    /// Trades since the touch is as it is, and the first of them.
    trades: u32,
    trades_from: Mono,
    /// Mark price, and the one when the prices were new.
    mark: Option<Price8>,
    anchor: Option<Price8>,
    /// The usual share by which the mark price differs from mid, in 1e-8.
    basis_e8: Option<i64>,
    doubted_at: Option<Mono>,
    cleared_at: Option<Mono>,
}

impl Evidence {
    /// The touch after an update of the book; returns whether its prices changed.
    pub fn on_touch(&mut self, touch: Touch, event_time: Wall, now: Mono) -> bool {
        if self.touch != Some(touch) {
            self.touch = Some(touch);
            self.trades = 0;
        }
        let prices = Some((touch.bid.price, touch.ask.price));
        let is_new = self.prices != prices;
        if is_new {
            (self.prices, self.prices_at, self.prices_time) = (prices, now, event_time);
            self.through = 0;
            self.anchor = self.mark;
        }
        is_new
    }

    /// Since when the book shows the prices that it shows.
    #[must_use]
    pub const fn prices_at(&self) -> Mono {
        self.prices_at
    }

    /// A trade; a doubt when it is one too many.
    pub fn on_trade(&mut self, trade: &Trade, now: Mono) -> Option<Doubt> {
        let (bid, ask) = self.prices?;
        if self.trades == 0 {
            self.trades_from = now;
        }
        self.trades = self.trades.saturating_add(1);
        let is_through = match trade.aggressor {
            Side::Sell => trade.price < bid,
            Side::Buy => trade.price > ask,
        };
        // One from before the touch says nothing of it.
        if is_through && trade.event_time > self.prices_time {
            if self.through == 0 {
                self.through_from = now;
            }
            self.through = self.through.saturating_add(1);
        }
        if self.through >= THROUGH_MIN && now.since(self.through_from) >= BATCH {
            return self.doubt(Doubt::TradedThrough, now);
        }
        let is_still = self.trades >= STILL_TRADES && now.since(self.trades_from) >= STILL_FOR;
        let is_cleared = self
            .cleared_at
            .is_some_and(|at| now.since(at) < STILL_AGAIN);
        match is_still && !is_cleared {
            true => self.doubt(Doubt::Standstill, now),
            false => None,
        }
    }

    /// A mark price, and the mid that the book shows; a doubt when the mark has moved, and away from a mid that stands
    /// still. One that follows the book moves towards it.
    pub fn on_mark(&mut self, mark: Price8, mid: Price8, now: Mono) -> Option<Doubt> {
        self.mark = Some(mark);
        let anchor = *self.anchor.get_or_insert(mark);
        let (moved, basis) = (share_e8(anchor, mark)?, share_e8(mid, mark)?);
        let usual = *self.basis_e8.get_or_insert(basis);
        self.basis_e8 = Some(usual.saturating_add(basis.saturating_sub(usual) / BASIS_WEIGHT));
        let is_away = moved.saturating_abs() > MARK_E8
            && basis.saturating_sub(usual).saturating_abs() > MARK_E8
            && now.since(self.prices_at) >= BATCH;
        match is_away {
            true => self.doubt(Doubt::MarkAway, now),
            false => None,
        }
    }

    /// The exchange showed the same touch: what was said against it is forgotten.
    pub const fn on_cleared(&mut self, now: Mono) {
        self.through = 0;
        self.trades = 0;
        self.anchor = self.mark;
        self.cleared_at = Some(now);
    }

    /// The book is gone.
    pub fn clear(&mut self) {
        *self = Self {
            mark: self.mark,
            basis_e8: self.basis_e8,
            ..Self::default()
        };
    }

    fn doubt(&mut self, why: Doubt, now: Mono) -> Option<Doubt> {
        if self
            .doubted_at
            .is_some_and(|at| now.since(at) < DOUBT_AGAIN)
        {
            return None;
        }
        self.doubted_at = Some(now);
        Some(why)
    }
}

/// By which share of `from` the price `to` is higher, in 1e-8; `None` without a price.
fn share_e8(from: Price8, to: Price8) -> Option<i64> {
    let off = i128::from(to.raw()) - i128::from(from.raw());
    let share = (off * 100_000_000).checked_div(i128::from(from.raw()))?;
    i64::try_from(share).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Level;
    use crate::units::Lots;

    const fn at(ms: i64) -> Mono {
        Mono(ms * 1_000_000)
    }

    const fn level(price: i64, size: i64) -> Level {
        Level {
            price: Ticks(price),
            size: Lots(size),
        }
    }

    /// What is heard, in the order of its instants in ms. Event times are the instants unless said otherwise.
    #[derive(Clone, Copy)]
    enum Heard {
        /// Bid price and size; the ask is one tick above.
        Touch(i64, i64),
        /// Aggressor and price.
        Trade(Side, i64),
        /// The same, which happened at this instant.
        Late(Side, i64, i64),
        Mark(i64),
        Cleared,
    }

    fn hear(evidence: &mut Evidence, ms: i64, heard: Heard) -> Option<Doubt> {
        let mut trade = |aggressor, price, time: i64| {
            let trade = Trade {
                id: 1,
                event_time: Wall::from_millis(time),
                price: Ticks(price),
                size: Lots(1),
                aggressor,
            };
            evidence.on_trade(&trade, at(ms))
        };
        match heard {
            Heard::Trade(side, price) => trade(side, price, ms),
            Heard::Late(side, price, time) => trade(side, price, time),
            Heard::Touch(bid, size) => {
                let touch = Touch {
                    bid: level(bid, size),
                    ask: level(bid + 1, size),
                };
                evidence.on_touch(touch, Wall::from_millis(ms), at(ms));
                None
            }
            Heard::Mark(price) => {
                let (bid, _) = evidence.prices.unwrap_or((Ticks(1_000), Ticks(0)));
                evidence.on_mark(Price8(price), Price8(bid.raw() * 1_000), at(ms))
            }
            Heard::Cleared => {
                evidence.on_cleared(at(ms));
                None
            }
        }
    }

    fn check(what: &str, heard: &[(i64, Heard)], expected: &[(i64, Doubt)]) {
        let mut evidence = Evidence::default();
        let doubts: alloc::vec::Vec<_> = heard
            .iter()
            .filter_map(|(ms, heard)| Some((*ms, hear(&mut evidence, *ms, *heard)?)))
            .collect();
        assert_eq!(doubts, expected, "{what}");
    }

    #[test]
    fn trades_through_a_touch_that_stands_are_evidence() {
        use Heard::{Late, Touch, Trade};
        use Side::{Buy, Sell};
        let frozen = [
            (0, Touch(1_000, 5)),
            (100, Trade(Sell, 999)),
            (110, Trade(Sell, 999)),
            (120, Trade(Sell, 998)),
            (399, Trade(Sell, 998)),
            (400, Trade(Sell, 997)),
            (450, Trade(Sell, 997)),
        ];
        check("frozen", &frozen, &[(400, Doubt::TradedThrough)]);
        let rising = [
            (0, Touch(1_000, 5)),
            (100, Trade(Buy, 1_002)),
            (200, Trade(Buy, 1_002)),
            (500, Trade(Buy, 1_003)),
        ];
        check("above the ask", &rising, &[(500, Doubt::TradedThrough)]);
        let mut moving = frozen;
        moving[4] = (399, Touch(998, 5));
        check("the book follows", &moving, &[]);
        let inside = [
            (0, Touch(1_000, 5)),
            (100, Trade(Buy, 1_001)),
            (200, Trade(Sell, 1_000)),
            (300, Trade(Sell, 1_001)),
            (500, Trade(Buy, 1_000)),
        ];
        check("at the touch and inside", &inside, &[]);
        let late = [
            (1_000, Touch(1_000, 5)),
            (1_100, Late(Sell, 990, 900)),
            (1_200, Late(Sell, 990, 950)),
            (1_450, Late(Sell, 990, 1_000)),
        ];
        check("from before the touch", &late, &[]);
    }

    #[test]
    fn a_mark_price_that_leaves_the_touch_behind_is_evidence() {
        use Heard::{Cleared, Mark, Touch};
        let away = [
            (0, Mark(1_000_000)),
            (10, Touch(1_000, 5)),
            (1_000, Mark(1_000_700)),
            (2_000, Mark(1_000_900)),
            (3_000, Mark(1_001_000)),
        ];
        check("away", &away, &[(2_000, Doubt::MarkAway)]);
        let followed = [
            (0, Mark(1_000_000)),
            (10, Touch(1_000, 5)),
            (1_000, Mark(1_000_700)),
            (1_500, Touch(1_001, 5)),
            (2_000, Mark(1_001_400)),
        ];
        check("the touch moves as well", &followed, &[]);
        let follows = [
            (0, Mark(1_000_000)),
            (10, Touch(1_000, 5)),
            (900, Touch(1_002, 5)),
            (2_000, Mark(1_001_300)),
            (3_000, Mark(1_001_900)),
        ];
        check("the mark follows the touch", &follows, &[]);
        let cleared = [
            (0, Mark(1_000_000)),
            (10, Touch(1_000, 5)),
            (1_000, Mark(999_000)),
            (1_100, Cleared),
            (4_000, Mark(999_100)),
            (5_000, Mark(998_000)),
        ];
        let twice = [(1_000, Doubt::MarkAway), (5_000, Doubt::MarkAway)];
        check("measured anew once cleared", &cleared, &twice);
    }

    #[test]
    fn trades_that_change_nothing_at_the_touch_are_evidence() {
        use Heard::{Cleared, Touch, Trade};
        let mut heard = alloc::vec![(0, Touch(1_000, 5))];
        heard.extend((1..=6).map(|i| (i * 300, Trade(Side::Sell, 1_000))));
        check("still", &heard, &[(1_800, Doubt::Standstill)]);
        heard.push((1_900, Cleared));
        heard.extend((1..=40).map(|i| (2_000 + i * 300, Trade(Side::Sell, 1_000))));
        let doubts = [1_800, 11_900, 14_000].map(|ms| (ms, Doubt::Standstill));
        check("cleared for a while", &heard, &doubts);
        heard = alloc::vec![(0, Touch(1_000, 5))];
        for i in 1..=20 {
            heard.push((i * 300, Trade(Side::Sell, 1_000)));
            heard.push((i * 300 + 100, Touch(1_000, 5 + i)));
        }
        check("sizes change", &heard, &[]);
    }
}
