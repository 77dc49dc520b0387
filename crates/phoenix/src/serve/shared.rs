//! Owns what every connection of one server shares: venue, keys, endpoints, rules and clock; knows no socket.

use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use phoenix_exchange::api::{AccountId, IpKey};

use super::auth::KeyRing;
use super::clock::Clock;
use super::faults::RequestEffect;
use super::refusal::Refusal;
use super::rest::{Answer, Security, Table};
use super::timing::Timing;
use super::venue::Venue;

/// HTTP connections one server accepts at a time; further ones are dropped at once.
pub const CONNECTIONS_MAX: usize = 4_096;
/// WebSockets one server serves at a time; a further handshake is answered 503.
pub const SOCKETS_MAX: usize = 4_096;

/// What all connections share.
pub struct Shared {
    venue: Mutex<Venue>,
    /// API keys.
    pub keys: KeyRing<AccountId>,
    /// Endpoints.
    pub table: Table,
    /// Connection rules.
    pub timing: Timing,
    clock: Clock,
    connections: AtomicUsize,
}

impl Shared {
    /// Shares a venue.
    pub fn new(venue: Venue, keys: KeyRing<AccountId>, timing: Timing, clock: Clock) -> Self {
        Self {
            venue: Mutex::new(venue),
            keys,
            table: Table::default(),
            timing,
            clock,
            connections: AtomicUsize::new(0),
        }
    }

    /// The venue, alone. A panic of another holder is a bug that has been reported already; the state itself is whole.
    pub fn lock(&self) -> MutexGuard<'_, Venue> {
        self.venue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Now, µs since the epoch; never goes back.
    pub fn now_us(&self) -> u64 {
        self.clock.now_us()
    }

    /// Time passes at once, on the clock and at the venue.
    pub fn pass(&self, span: Duration) {
        self.clock.pass(span);
        self.lock().advance(self.now_us());
    }

    /// The caller of a request that needs a key; `Some(None)` when nobody owns the key.
    pub fn caller_of(
        &self,
        method: &str,
        path: &str,
        api_key: Option<&str>,
    ) -> Option<Option<u16>> {
        let endpoint = self.table.find(method, path).ok()?;
        (endpoint.security != Security::None).then(|| {
            let key = self.keys.find(api_key).ok()?;
            Some(key.account.0)
        })
    }

    /// What a drill does to this request, if anything; `caller` as [`Self::caller_of`].
    pub fn request_effect(
        &self,
        method: &str,
        path: &str,
        caller: Option<Option<u16>>,
    ) -> Option<RequestEffect> {
        self.lock().request_faults.take(method, path, caller)
    }

    /// A refusal with the present counters, for requests that never reach an endpoint.
    pub fn refused(&self, ip: IpKey, refusal: Refusal) -> Answer {
        Answer {
            result: Err(refusal),
            usage: self.lock().exchange.rate_usage(ip, None),
            shows_orders: false,
        }
    }

    /// Counts a connection in; `None` at the bound.
    pub fn admit_connection(&self) -> Option<Admission<'_>> {
        let before = self.connections.fetch_add(1, Ordering::Relaxed);
        let admission = Admission(&self.connections);
        (before < CONNECTIONS_MAX).then_some(admission)
    }
}

/// One counted connection; dropping it counts it out.
pub struct Admission<'a>(&'a AtomicUsize);

impl Drop for Admission<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The address as the key of per-IP limits.
pub fn ip_key(ip: IpAddr) -> IpKey {
    IpKey(match ip {
        IpAddr::V4(v4) => u64::from(u32::from(v4)),
        // A provider's customer holds a whole /64, so that is what counts as one caller.
        IpAddr::V6(v6) => u64::try_from(u128::from(v6) >> 64).unwrap_or(u64::MAX),
    })
}
