//! Owns the exchange's limits on new orders and amendments per 10 s and per minute; they are the account's, so
//! one of these serves all symbols.

use super::backoff::Backoff;
use super::part_of;
use super::window::Window;
use crate::event::OrderCounts;
use crate::params::AccountParams;
use crate::units::{Mono, Ratio, Span};

/// What an order is for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum OrderPurpose {
    /// A quote, or the amendment of one: up to 7/8 of the share that may be used (70 % of the limit by default).
    Quote,
    /// Reduces the position (reduce-only): may use all of the share (80 %), so that it has reserved capacity, and
    /// passes the exchange's system protection.
    Reduce,
}

/// One limit with what is known of its use.
///
/// What we sent is known without delay; the exchange's count also has what others of the account sent, but
/// not what is still on its way. So the greater of the two holds: a report can only make us more careful.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Meter<const N: usize> {
    limit: u32,
    length: Span,
    sent: Window<N>,
    report: Option<Report>,
}

/// The exchange's count of its running window, and what was sent since.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Report {
    used: i64,
    /// By then the window that it speaks of has certainly ended.
    until: Mono,
}

impl<const N: usize> Meter<N> {
    const fn new(limit: u32, length: Span, bucket: Span) -> Self {
        Self {
            limit,
            length,
            sent: Window::new(bucket),
            report: None,
        }
    }

    fn on_sent(&mut self, orders: u32, now: Mono) {
        self.sent.add(i64::from(orders), now);
        if let Some(report) = &mut self.report {
            report.used = report.used.saturating_add(i64::from(orders));
        }
    }

    fn on_reported(&mut self, used: u32, now: Mono) {
        self.report = Some(Report {
            used: i64::from(used),
            until: now.after(self.length),
        });
    }

    fn used(&self, now: Mono) -> i64 {
        let reported = self.report.filter(|r| now < r.until).map_or(0, |r| r.used);
        self.sent.total(now).max(reported)
    }

    /// The first instant from `now` on at which less than `max` is used if nothing is sent.
    fn next_below(&self, max: i64, now: Mono) -> Option<Mono> {
        let ours = self.sent.next_below(max, now)?;
        let full = self.report.filter(|r| r.used >= max);
        Some(full.map_or(ours, |r| ours.max(r.until)))
    }

    fn used_percent(&self, now: Mono) -> i64 {
        self.used(now).saturating_mul(100) / i64::from(self.limit.max(1))
    }
}

/// Orders and amendments sent by the account.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct OrderRate {
    share: Ratio,
    ten: Meter<41>,
    minute: Meter<61>,
    /// After −1015: nothing passes.
    limited: Backoff,
    /// After −1008: only what reduces passes.
    throttled: Backoff,
}

impl OrderRate {
    /// An unused rate under the limits that the exchange states for the account, of which a share may be used.
    #[must_use]
    pub const fn new(params: &AccountParams) -> Self {
        let limits = params.limits;
        let (ten, minute) = (Span::from_secs(10), Span::from_secs(60));
        Self {
            share: params.request_share,
            ten: Meter::new(limits.orders_per_10s, ten, Span::from_millis(250)),
            minute: Meter::new(limits.orders_per_min, minute, Span::from_secs(1)),
            limited: Backoff::new(Span::from_secs(1), Span::from_secs(8)),
            throttled: Backoff::new(Span::from_millis(250), Span::from_secs(8)),
        }
    }

    /// Takes over changed limits or share; what is used stays used.
    pub const fn on_params(&mut self, params: &AccountParams) {
        self.share = params.request_share;
        self.ten.limit = params.limits.orders_per_10s;
        self.minute.limit = params.limits.orders_per_min;
    }

    /// Counts orders or amendments that are about to be sent. Each counts one in both windows, a batch as many
    /// as it holds (the exchange counts less per minute for batches).
    pub fn on_sent(&mut self, orders: u32, now: Mono) {
        self.ten.on_sent(orders, now);
        self.minute.on_sent(orders, now);
    }

    /// Takes over the exchange's counts of its running windows, as far as it says them.
    pub fn on_reported(&mut self, counts: &OrderCounts, now: Mono) {
        if let Some(used) = counts.in_10s {
            self.ten.on_reported(used, now);
        }
        if let Some(used) = counts.in_minute {
            self.minute.on_reported(used, now);
        }
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
        let left = (ten_max - self.ten.used(now)).min(minute_max - self.minute.used(now));
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
        self.ten
            .used_percent(now)
            .max(self.minute.used_percent(now))
    }

    fn paused_until(&self, purpose: OrderPurpose, now: Mono) -> Option<Mono> {
        let limited = self.limited.paused_until(now);
        match purpose {
            OrderPurpose::Reduce => limited,
            OrderPurpose::Quote => limited.max(self.throttled.paused_until(now)),
        }
    }

    fn maxima(&self, purpose: OrderPurpose) -> (i64, i64) {
        let sixteenths = match purpose {
            OrderPurpose::Quote => 14,
            OrderPurpose::Reduce => 16,
        };
        (
            part_of(self.ten.limit, self.share, sixteenths),
            part_of(self.minute.limit, self.share, sixteenths),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use OrderPurpose::{Quote, Reduce};
    use proptest::prelude::*;

    const PARAMS: AccountParams = AccountParams::new(crate::units::Quote(1));

    fn at(ms: i64) -> Mono {
        Mono(0).after(Span::from_millis(ms))
    }

    #[test]
    fn quotes_leave_room_for_orders_that_reduce() {
        let mut rate = OrderRate::new(&PARAMS);
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
        let mut rate = OrderRate::new(&PARAMS);
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
        let mut rate = OrderRate::new(&PARAMS);
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
    fn a_changed_share_or_limit_holds_from_the_next_order_on() {
        let mut rate = OrderRate::new(&PARAMS);
        rate.on_sent(50, at(0));
        let mut params = PARAMS;
        params.request_share = Ratio(20_000_000);
        rate.on_params(&params);
        assert_eq!((rate.left(Quote, at(0)), rate.left(Reduce, at(0))), (2, 10));
        params.limits.orders_per_10s = 600;
        rate.on_params(&params);
        assert_eq!(
            (rate.left(Quote, at(0)), rate.left(Reduce, at(0))),
            (55, 70)
        );
        params.limits.orders_per_min = 300;
        rate.on_params(&params);
        assert_eq!((rate.left(Quote, at(0)), rate.left(Reduce, at(0))), (2, 10));
    }

    #[test]
    fn the_exchanges_counts_add_what_others_of_the_account_sent_and_end_with_their_window() {
        // Sent by us at 0, reported at 10 ms, then what is left to quotes at some instants.
        for (sent, in_10s, in_minute, left) in [
            (0, None, None, [(10, 210), (10_010, 210)]),
            (0, Some(200), None, [(10, 10), (10_010, 210)]),
            (0, None, Some(800), [(10, 40), (60_010, 210)]),
            (5, Some(200), Some(835), [(10, 5), (60_010, 210)]),
            // A count of less than we know of is of a window that has just begun, or lacks what is on its way.
            (100, Some(3), Some(3), [(10, 110), (10_250, 210)]),
            (0, Some(u32::MAX), Some(u32::MAX), [(10, 0), (60_010, 210)]),
        ] {
            let mut rate = OrderRate::new(&PARAMS);
            rate.on_sent(sent, at(0));
            rate.on_reported(&OrderCounts { in_10s, in_minute }, at(10));
            for (ms, expected) in left {
                assert_eq!(
                    rate.left(Quote, at(ms)),
                    expected,
                    "{sent} sent, {in_10s:?} and {in_minute:?} reported, at {ms} ms"
                );
            }
            let free = rate.next_free(Quote, at(10)).expect("limits are not zero");
            assert!(free <= at(60_010) && rate.left(Quote, free) > 0, "{free:?}");
        }
    }

    #[test]
    fn what_is_sent_after_a_report_counts_on_top_of_it() {
        let mut rate = OrderRate::new(&PARAMS);
        let counts = OrderCounts {
            in_10s: Some(150),
            in_minute: Some(150),
        };
        rate.on_reported(&counts, at(0));
        rate.on_sent(40, at(5));
        assert_eq!(rate.left(Quote, at(5)), 20);
        assert_eq!(rate.used_percent(at(5)), 63);
    }

    #[test]
    fn system_protection_stops_quotes_only_and_the_order_limit_stops_all() {
        let mut rate = OrderRate::new(&PARAMS);
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

    proptest! {
        #![proptest_config(crate::seeded(256))]

        #[test]
        fn no_fixed_window_of_the_exchange_ever_holds_more_than_the_share(
            steps in prop::collection::vec((0..4_000_i64, 0..60_u32, any::<bool>()), 1..80),
        ) {
            let mut rate = OrderRate::new(&PARAMS);
            let (mut now, mut sent) = (0, alloc::vec::Vec::new());
            for (wait, wanted, is_quote) in steps {
                now += wait;
                let purpose = if is_quote { Quote } else { Reduce };
                let n = rate.left(purpose, at(now)).min(wanted);
                rate.on_sent(n, at(now));
                sent.push((now, i64::from(n)));
                // The exchange's windows are fixed; whichever they are, one that ends now or later holds this much at most.
                let since = |from: i64| -> i64 {
                    sent.iter().filter(|(t, _)| *t > from).map(|(_, n)| n).sum()
                };
                prop_assert!(since(now - 10_000) <= 240);
                prop_assert!(since(now - 60_000) <= 960);
                // What is said to be free then, is.
                let free = rate.next_free(purpose, at(now)).expect("limits are not zero");
                prop_assert!(free >= at(now) && rate.left(purpose, free) > 0);
            }
        }
    }
}
