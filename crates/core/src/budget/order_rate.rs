//! Owns the exchange's limits on new orders and amendments per 10 s and per minute; they are the account's, so
//! one of these serves all symbols.

use super::backoff::Backoff;
use super::percent_of;
use super::window::Window;
use crate::units::{Mono, Span};

/// Orders per 10 s the exchange allows by default (protocol §6.1).
pub const PER_10S: u32 = 300;
/// Orders per minute the exchange allows by default.
pub const PER_MINUTE: u32 = 1_200;
/// Share of the limits that quotes may fill, in percent.
pub const QUOTE_PERCENT: u32 = 70;
/// Share that may be filled at all, in percent; what lies above [`QUOTE_PERCENT`] is reserved for reducing.
pub const REDUCE_PERCENT: u32 = 80;

/// What an order is for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum OrderPurpose {
    /// A quote, or the amendment of one.
    Quote,
    /// Reduces the position (reduce-only): has reserved capacity, and passes the exchange's system protection.
    Reduce,
}

/// Orders and amendments sent by the account.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct OrderRate {
    per_10s: u32,
    per_minute: u32,
    ten: Window<41>,
    minute: Window<61>,
    /// After −1015: nothing passes.
    limited: Backoff,
    /// After −1008: only what reduces passes.
    throttled: Backoff,
}

impl Default for OrderRate {
    fn default() -> Self {
        Self::new(PER_10S, PER_MINUTE)
    }
}

impl OrderRate {
    /// An unused rate under the limits that the exchange states for the account.
    #[must_use]
    pub const fn new(per_10s: u32, per_minute: u32) -> Self {
        Self {
            per_10s,
            per_minute,
            ten: Window::new(Span::from_millis(250)),
            minute: Window::new(Span::from_secs(1)),
            limited: Backoff::new(Span::from_secs(1), Span::from_secs(8)),
            throttled: Backoff::new(Span::from_millis(250), Span::from_secs(8)),
        }
    }

    /// Counts orders or amendments that are about to be sent. Each counts one in both windows, a batch as many
    /// as it holds (the exchange counts less per minute for batches).
    pub fn on_sent(&mut self, orders: u32, now: Mono) {
        self.ten.add(i64::from(orders), now);
        self.minute.add(i64::from(orders), now);
    }

    /// −1015: no order until `retry_after` has passed (or a growing pause when it is zero). Returns the pause.
    pub fn on_limited(&mut self, retry_after: Span, now: Mono) -> Span {
        self.limited.on_refused(retry_after, now)
    }

    /// −1008: no quote for a growing pause, at least `retry_after`. Returns the pause.
    pub fn on_throttled(&mut self, retry_after: Span, now: Mono) -> Span {
        self.throttled.on_refused(retry_after, now)
    }

    /// An order was accepted: pauses begin again small.
    pub fn on_accepted(&mut self, now: Mono) {
        self.limited.on_accepted(now);
        self.throttled.on_accepted(now);
    }

    /// How many orders may be sent now.
    #[must_use]
    pub fn left(&self, purpose: OrderPurpose, now: Mono) -> u32 {
        if self.paused_until(purpose, now).is_some() {
            return 0;
        }
        let (ten_max, minute_max) = self.maxima(purpose);
        let left = (ten_max - self.ten.total(now)).min(minute_max - self.minute.total(now));
        u32::try_from(left.max(0)).unwrap_or(u32::MAX)
    }

    /// When an order may next be sent; `now` when it may be sent at once.
    #[must_use]
    pub fn next_free(&self, purpose: OrderPurpose, now: Mono) -> Option<Mono> {
        let (ten_max, minute_max) = self.maxima(purpose);
        let ten = self.ten.next_below(ten_max, now)?;
        let minute = self.minute.next_below(minute_max, now)?;
        let pause = self.paused_until(purpose, now).unwrap_or(now);
        Some(ten.max(minute).max(pause))
    }

    /// The larger of the shares used of the two limits, in percent.
    #[must_use]
    pub fn used_percent(&self, now: Mono) -> i64 {
        let share = |used: i64, limit: u32| used.saturating_mul(100) / i64::from(limit.max(1));
        share(self.ten.total(now), self.per_10s).max(share(self.minute.total(now), self.per_minute))
    }

    fn paused_until(&self, purpose: OrderPurpose, now: Mono) -> Option<Mono> {
        let limited = self.limited.paused_until(now);
        match purpose {
            OrderPurpose::Reduce => limited,
            OrderPurpose::Quote => limited.max(self.throttled.paused_until(now)),
        }
    }

    const fn maxima(&self, purpose: OrderPurpose) -> (i64, i64) {
        let percent = match purpose {
            OrderPurpose::Quote => QUOTE_PERCENT,
            OrderPurpose::Reduce => REDUCE_PERCENT,
        };
        (
            percent_of(self.per_10s, percent),
            percent_of(self.per_minute, percent),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use OrderPurpose::{Quote, Reduce};

    fn at(ms: i64) -> Mono {
        Mono(0).after(Span::from_millis(ms))
    }

    #[test]
    fn quotes_leave_room_for_orders_that_reduce() {
        let mut rate = OrderRate::default();
        assert_eq!(
            (rate.left(Quote, at(0)), rate.left(Reduce, at(0))),
            (210, 240)
        );
        rate.on_sent(210, at(0));
        assert_eq!((rate.left(Quote, at(0)), rate.left(Reduce, at(0))), (0, 30));
        assert_eq!(rate.used_percent(at(0)), 70);
    }

    #[test]
    fn sending_all_that_is_left_never_exceeds_80_percent_of_either_fixed_window() {
        let mut rate = OrderRate::default();
        let mut sent = alloc::vec::Vec::new();
        for ms in (0..180_000).step_by(70) {
            let n = rate.left(Reduce, at(ms)).min(7);
            rate.on_sent(n, at(ms));
            sent.push((ms, i64::from(n)));
        }
        let in_window = |from: i64, len: i64| -> i64 {
            sent.iter()
                .filter(|(t, _)| (from..from + len).contains(t))
                .map(|(_, n)| n)
                .sum()
        };
        for offset in (0..120_000).step_by(500) {
            assert!(in_window(offset, 10_000) <= 240);
            assert!(in_window(offset, 60_000) <= 960);
        }
        assert!(in_window(0, 60_000) >= 900, "the limit is used");
    }

    #[test]
    fn after_any_burst_and_any_refusal_the_rate_recovers() {
        let mut rate = OrderRate::default();
        rate.on_sent(u32::MAX, at(0));
        for ms in 0..100 {
            rate.on_limited(Span::ZERO, at(ms));
            rate.on_throttled(Span::ZERO, at(ms));
        }
        let free = rate.next_free(Quote, at(100)).expect("limits are not zero");
        assert!(free <= at(62_000), "{free:?}");
        assert_eq!(rate.left(Quote, free), 210);
    }

    #[test]
    fn system_protection_stops_quotes_only_and_the_order_limit_stops_all() {
        let mut rate = OrderRate::default();
        assert_eq!(rate.on_throttled(Span::ZERO, at(0)), Span::from_millis(250));
        assert_eq!(
            (rate.left(Quote, at(0)), rate.left(Reduce, at(0))),
            (0, 240)
        );
        assert_eq!(
            rate.on_limited(Span::from_secs(7), at(0)),
            Span::from_secs(7)
        );
        assert_eq!(
            (rate.left(Reduce, at(6_999)), rate.left(Reduce, at(7_000))),
            (0, 240)
        );
    }
}
