//! Owns until when the exchange wants no request from this address (protocol §6.3); knows nothing of what
//! would be asked. Shared by all threads: a refusal that one of them reads silences every other.

use super::clock::Clock;
use crate::binance::codes::RETRY_AFTER_MAX;
use phoenix_core::event::{Refusal, Why};
use phoenix_core::units::Span;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

/// The exchange's code for a used-up weight or a ban, −1003.
const WEIGHT_USED_UP: i32 = -1003;

/// Silence that was asked for; cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Quiet {
    clock: Clock,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    /// End of the silence for requests, ns since the origin.
    requests: AtomicI64,
    /// End of the silence for handshakes too, ns since the origin.
    handshakes: AtomicI64,
    bans: AtomicU64,
}

impl Quiet {
    /// Takes in a refusal: a used-up weight silences requests, a ban of the address (418) or a block by the
    /// firewall (403) also new connections. Other refusals silence nothing.
    pub fn on_refused(&self, status: u16, refusal: &Refusal) {
        if refusal.why != Why::Weight {
            return;
        }
        let wait = refusal.retry_after.min(RETRY_AFTER_MAX);
        let until = self.now_ns().saturating_add(wait.raw());
        self.shared.requests.fetch_max(until, Ordering::Relaxed);
        if matches!(status, 403 | 418) {
            self.shared.handshakes.fetch_max(until, Ordering::Relaxed);
        }
        if status == 418 {
            self.shared.bans.fetch_add(1, Ordering::Relaxed);
        }
        tracing::warn!(
            status,
            code = refusal.code,
            wait_s = wait.raw() / 1_000_000_000,
            "the exchange wants no requests from this address"
        );
    }

    /// What a request is answered with while the silence lasts, instead of being sent.
    #[must_use]
    pub fn refusal(&self) -> Option<Refusal> {
        let left = self.shared.requests.load(Ordering::Relaxed) - self.now_ns();
        (left > 0).then_some(Refusal {
            why: Why::Weight,
            code: WEIGHT_USED_UP,
            retry_after: Span(left),
        })
    }

    /// How long no new connection may be opened.
    #[must_use]
    pub fn handshakes_in(&self) -> Option<Duration> {
        let left = self.shared.handshakes.load(Ordering::Relaxed) - self.now_ns();
        u64::try_from(left)
            .ok()
            .filter(|ns| *ns > 0)
            .map(Duration::from_nanos)
    }

    /// Bans of this address (418) since the start.
    #[must_use]
    pub fn bans(&self) -> u64 {
        self.shared.bans.load(Ordering::Relaxed)
    }

    fn now_ns(&self) -> i64 {
        self.clock.mono().raw()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(why: Why, secs: i64) -> Refusal {
        Refusal {
            why,
            code: -1003,
            retry_after: Span::from_secs(secs),
        }
    }

    #[test]
    fn a_used_up_weight_silences_requests_and_a_ban_also_handshakes() {
        for (status, why, requests, handshakes, bans) in [
            (429, Why::Weight, true, false, 0),
            (418, Why::Weight, true, true, 1),
            (403, Why::Weight, true, true, 0),
            (429, Why::OrderRate, false, false, 0),
            (503, Why::Throttled, false, false, 0),
        ] {
            let quiet = Quiet::default();
            let elsewhere = quiet.clone();
            quiet.on_refused(status, &refusal(why, 60));
            let found = (
                elsewhere.refusal().is_some(),
                elsewhere.handshakes_in().is_some(),
                elsewhere.bans(),
            );
            assert_eq!(found, (requests, handshakes, bans), "{status} {why:?}");
        }
    }

    #[test]
    fn a_shorter_wait_does_not_end_a_longer_one() {
        let quiet = Quiet::default();
        quiet.on_refused(418, &refusal(Why::Weight, 600));
        quiet.on_refused(429, &refusal(Why::Weight, 1));
        let left = quiet.refusal().expect("silence").retry_after;
        assert!(left > Span::from_secs(500), "{left:?}");
    }

    #[test]
    fn a_silence_ends() {
        let quiet = Quiet::default();
        quiet.on_refused(418, &refusal(Why::Weight, 0));
        assert_eq!(quiet.refusal(), None);
        assert_eq!(quiet.handshakes_in(), None);
    }
}
