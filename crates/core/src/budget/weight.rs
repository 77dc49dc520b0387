//! Owns the exchange's limit on request weight per minute; it is the address's, so one of these serves all
//! symbols.

use super::backoff::Backoff;
use super::part_of;
use super::window::Window;
use crate::params::AccountParams;
use crate::units::{Mono, Ratio, Span};

/// What a request is for; the later, the more of the limit it may use.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum RequestPurpose {
    /// Cross-checks, polls: up to 3/4 of the share that may be used (60 % of the limit by default).
    Routine,
    /// Orders in doubt, snapshots, reconciliation, back-fill after a fault: up to 7/8 of it (70 %).
    Doubt,
    /// Quoting: discretionary cancels, batches: up to 15/16 of it (75 %).
    Quote,
    /// Safety cancels, cancel-all, the dead-man switch: up to 95 % of the limit, whatever the share. Only these
    /// may pass what politeness asks for: an order left in the market is worse.
    Safety,
}

/// Share of the limit that safety may fill.
const SAFETY: Ratio = Ratio(95_000_000);

/// Weight used by the address.
///
/// The count that the exchange reports is the truth, for a minute; what was sent since is added. Without a
/// recent report, what was sent in the last minute is taken.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Weight {
    per_minute: u32,
    share: Ratio,
    sent: Window<61>,
    report: Option<Report>,
    banned: Backoff,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Report {
    used: i64,
    at: Mono,
    sent_since: i64,
}

/// A reported count says nothing of a minute that has certainly ended.
const REPORT_AGE_MAX: Span = Span::from_secs(60);

impl Weight {
    /// Unused weight under the limit that the exchange states, of which a share may be used.
    #[must_use]
    pub const fn new(params: &AccountParams) -> Self {
        Self {
            per_minute: params.limits.weight_per_min,
            share: params.request_share,
            sent: Window::new(Span::from_secs(1)),
            report: None,
            banned: Backoff::new(Span::from_secs(5), Span::from_secs(120)),
        }
    }

    /// Takes over a changed limit or share; what is used stays used.
    pub const fn on_params(&mut self, params: &AccountParams) {
        self.per_minute = params.limits.weight_per_min;
        self.share = params.request_share;
    }

    /// Counts a request that is about to be sent.
    pub fn on_sent(&mut self, weight: u32, now: Mono) {
        self.sent.add(i64::from(weight), now);
        if let Some(report) = &mut self.report {
            report.sent_since = report.sent_since.saturating_add(i64::from(weight));
        }
    }

    /// Takes over the exchange's count of the running minute (`X-MBX-USED-WEIGHT-1M`).
    pub fn on_reported(&mut self, used: u32, now: Mono) {
        self.report = Some(Report {
            used: i64::from(used),
            at: now,
            sent_since: 0,
        });
        if used < self.per_minute {
            self.banned.on_accepted(now);
        }
    }

    /// 429 or 418: nothing at all until `retry_after` has passed (a growing pause when it is zero). Returns the pause.
    pub fn on_banned(&mut self, retry_after: Span, now: Mono) -> Span {
        self.banned.on_refused(retry_after, now)
    }

    /// Weight used in the running minute, as far as known.
    #[must_use]
    pub fn used(&self, now: Mono) -> i64 {
        match self.report {
            Some(r) if now.since(r.at) < REPORT_AGE_MAX => r.used.saturating_add(r.sent_since),
            Some(_) | None => self.sent.total(now),
        }
    }

    /// Whether a request of this weight may be sent now.
    #[must_use]
    pub fn allows(&self, weight: u32, purpose: RequestPurpose, now: Mono) -> bool {
        self.banned_until(now).is_none()
            && self.used(now).saturating_add(i64::from(weight)) <= self.max(purpose)
    }

    fn max(&self, purpose: RequestPurpose) -> i64 {
        let (share, sixteenths) = match purpose {
            RequestPurpose::Routine => (self.share, 12),
            RequestPurpose::Doubt => (self.share, 14),
            RequestPurpose::Quote => (self.share, 15),
            RequestPurpose::Safety => (SAFETY, 16),
        };
        part_of(self.per_minute, share, sixteenths)
    }

    /// The end of a ban, while it lasts: until then orders can be cancelled by the dead-man switch only.
    #[must_use]
    pub fn banned_until(&self, now: Mono) -> Option<Mono> {
        self.banned.paused_until(now)
    }

    /// When to ask [`Self::allows`] again after it said no.
    #[must_use]
    pub fn next_check(&self, now: Mono) -> Mono {
        let soon = now.after(Span::from_secs(1));
        self.banned_until(now).map_or(soon, |until| until.max(soon))
    }

    /// Share used of the limit, in percent.
    #[must_use]
    pub fn used_percent(&self, now: Mono) -> i64 {
        self.used(now).saturating_mul(100) / i64::from(self.per_minute.max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Quote as Money;
    use RequestPurpose::{Doubt, Quote, Routine, Safety};
    use proptest::prelude::*;

    const PARAMS: AccountParams = AccountParams::new(Money(1));

    /// The weight up to which each purpose may go, least urgent first.
    fn maxima(weight: &Weight) -> [i64; 4] {
        [Routine, Doubt, Quote, Safety].map(|purpose| weight.max(purpose))
    }

    fn at(ms: i64) -> Mono {
        Mono(0).after(Span::from_millis(ms))
    }

    #[test]
    fn the_more_urgent_a_request_the_later_it_is_stopped() {
        let mut weight = Weight::new(&PARAMS);
        let allowed = |w: &Weight| [Routine, Doubt, Quote, Safety].map(|p| w.allows(1, p, at(0)));
        weight.on_sent(1_440, at(0));
        assert_eq!(allowed(&weight), [false, true, true, true]);
        weight.on_sent(240, at(0));
        assert_eq!(allowed(&weight), [false, false, true, true]);
        weight.on_sent(120, at(0));
        assert_eq!(allowed(&weight), [false, false, false, true]);
        weight.on_sent(480, at(0));
        assert_eq!(allowed(&weight), [false; 4]);
    }

    #[test]
    fn a_changed_share_or_limit_moves_every_part_but_what_is_reserved_for_safety() {
        let mut weight = Weight::new(&PARAMS);
        assert_eq!(maxima(&weight), [1_440, 1_680, 1_800, 2_280]);
        weight.on_sent(400, at(0));
        let mut params = PARAMS;
        params.request_share = Ratio(20_000_000);
        weight.on_params(&params);
        assert_eq!(maxima(&weight), [360, 420, 450, 2_280]);
        assert_eq!(weight.used(at(0)), 400, "what is used stays used");
        assert!(!weight.allows(1, Routine, at(0)) && weight.allows(20, Doubt, at(0)));
        params.limits.weight_per_min = 6_000;
        weight.on_params(&params);
        assert_eq!(maxima(&weight), [900, 1_050, 1_125, 5_700]);
    }

    #[test]
    fn the_exchanges_count_replaces_ours_for_a_minute() {
        let mut weight = Weight::new(&PARAMS);
        weight.on_sent(100, at(0));
        weight.on_reported(1_900, at(10));
        weight.on_sent(5, at(20));
        assert_eq!(weight.used(at(30)), 1_905);
        assert!(!weight.allows(1, Routine, at(60_009)));
        assert_eq!(weight.used(at(60_010)), 105, "ours, until another report");
        weight.on_reported(1, at(60_020));
        assert_eq!(weight.used(at(60_020)), 1);
    }

    #[test]
    fn after_any_burst_report_or_ban_requests_are_allowed_again() {
        let mut weight = Weight::new(&PARAMS);
        weight.on_sent(u32::MAX, at(0));
        weight.on_reported(u32::MAX, at(0));
        for _ in 0..1_000 {
            weight.on_banned(Span::ZERO, at(0));
        }
        let mut now = at(0);
        while !weight.allows(40, Routine, now) {
            let next = weight.next_check(now);
            assert!(next > now && now < at(62_000), "{now:?}");
            now = next;
        }
    }

    #[test]
    fn a_ban_stops_even_safety_until_it_ends_and_grows_when_no_end_is_given() {
        let mut weight = Weight::new(&PARAMS);
        assert_eq!(
            weight.on_banned(Span::from_secs(120), at(0)),
            Span::from_secs(120)
        );
        assert!(!weight.allows(1, Safety, at(119_999)));
        assert!(weight.allows(1, Safety, at(120_000)));
        assert_eq!(
            weight.on_banned(Span::ZERO, at(120_000)),
            Span::from_secs(10)
        );
    }

    proptest! {
        #![proptest_config(crate::seeded(256))]

        #[test]
        fn what_is_allowed_agrees_with_a_list_of_requests_and_reports(
            steps in prop::collection::vec((0..9_000_i64, 1..60_u32, prop::option::weighted(0.2, 0..2_500_u32)), 1..80),
        ) {
            let mut weight = Weight::new(&PARAMS);
            let (mut now, mut sent, mut report) = (0, alloc::vec::Vec::new(), None);
            for (wait, cost, reported) in steps {
                now += wait;
                if let Some(used) = reported {
                    weight.on_reported(used, at(now));
                    report = Some((now, sent.len(), i64::from(used)));
                }
                let naive = |sent: &[(i64, i64)]| -> i64 {
                    match report {
                        Some((t, before, used)) if now - t < 60_000 => {
                            used + sent.iter().skip(before).map(|(_, n)| n).sum::<i64>()
                        }
                        // Counted in whole seconds, the running one and the sixty before it.
                        _ => sent.iter().filter(|(t, _)| now / 1_000 - t / 1_000 <= 60).map(|(_, n)| n).sum(),
                    }
                };
                prop_assert_eq!(weight.used(at(now)), naive(&sent));
                for purpose in [RequestPurpose::Routine, RequestPurpose::Doubt, RequestPurpose::Quote, RequestPurpose::Safety] {
                    let fits = naive(&sent) + i64::from(cost) <= weight.max(purpose);
                    prop_assert_eq!(weight.allows(cost, purpose, at(now)), fits);
                }
                if weight.allows(cost, RequestPurpose::Quote, at(now)) {
                    weight.on_sent(cost, at(now));
                    sent.push((now, i64::from(cost)));
                }
            }
        }
    }
}
