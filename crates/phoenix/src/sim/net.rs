//! Owns what is on its way: every message, request, answer and chore with the instant at which it is due. It delays, and keeps the order
//! of what one connection carries, as TCP does; it decides nothing.

use super::message::Message;
use super::request::{Answer, Request};
use phoenix_core::event::Link;
use phoenix_core::units::{Mono, Span, Wall};
use phoenix_exchange::prng::Prng;
use std::collections::BTreeMap;

/// What the process does by itself from time to time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Chore {
    /// Renew the listen key.
    KeepAlive,
    /// Measure the exchange's clock.
    MeasureClock,
    /// Ask for contract data.
    AskContracts,
    /// Ask for a listen key (again).
    AskKey,
    /// Look at the engine, as the pages and the journal do.
    Look,
    /// Connect again after a loss.
    Connect(Link),
}

/// Something on its way.
#[derive(Debug, Clone, PartialEq)]
pub enum Parcel {
    /// A stream's message to the process, on this connection.
    Heard(Link, u32, Message),
    /// A request to the exchange.
    Arrives {
        /// Which start of the process sent it.
        boot: u32,
        /// Its number.
        id: u64,
        /// What is asked.
        request: Request,
        /// The time stamp it carries.
        stamp: Wall,
    },
    /// A request that the exchange carries out late.
    CarriedOutLate(Request, Wall),
    /// An answer to the process.
    Answered {
        /// Which start of the process asked.
        boot: u32,
        /// The request's number.
        id: u64,
        /// What is said.
        answer: Answer,
    },
    /// The process gives up waiting for an answer.
    TimedOut {
        /// Which start of the process asked.
        boot: u32,
        /// The request's number.
        id: u64,
    },
    /// A connection that was asked for stands, or could not be made.
    Connected {
        /// Which start of the process asked.
        boot: u32,
        /// Which.
        link: Link,
        /// Its number.
        conn: u32,
    },
    /// A chore of this start of the process.
    Due(u32, Chore),
    /// The process starts.
    Boot,
    /// A fault of the scenario begins.
    Begins(usize),
    /// It ends.
    Ends(usize),
}

/// The agenda of a simulation.
#[derive(Debug)]
pub struct Net {
    agenda: BTreeMap<(Mono, u64), Parcel>,
    sequence: u64,
    latency_us: (u32, u32),
    /// The last arrival on each connection.
    arrivals: BTreeMap<u32, Mono>,
    prng: Prng,
}

/// A round trip is at most so many one-way times when a connection is made: TCP, TLS, upgrade.
const HANDSHAKE_TRIPS: i64 = 6;

impl Net {
    /// Nothing on its way.
    #[must_use]
    pub const fn new(latency_us: (u32, u32), prng: Prng) -> Self {
        Self {
            agenda: BTreeMap::new(),
            sequence: 0,
            latency_us,
            arrivals: BTreeMap::new(),
            prng,
        }
    }

    /// When the next thing is due.
    #[must_use]
    pub fn next_due(&self) -> Option<Mono> {
        self.agenda.first_key_value().map(|((at, _), _)| *at)
    }

    /// The next thing due at or before an instant.
    pub fn pop_due(&mut self, now: Mono) -> Option<Parcel> {
        let first = self.agenda.first_entry()?;
        (first.key().0 <= now).then(|| first.remove())
    }

    /// Puts something on the agenda.
    pub fn schedule(&mut self, at: Mono, parcel: Parcel) {
        self.sequence += 1;
        self.agenda.insert((at, self.sequence), parcel);
    }

    /// One way from one end to the other.
    pub fn latency(&mut self) -> Span {
        let (low, high) = self.latency_us;
        // A packet in two hundred is sent again.
        let slow = if self.prng.chance(1, 200) { 6 } else { 1 };
        Span(self.prng.between(i64::from(low), i64::from(high)) * 1_000 * slow)
    }

    /// How long it takes to make a connection.
    pub fn handshake(&mut self) -> Span {
        let mut total = Span::ZERO;
        for _ in 0..HANDSHAKE_TRIPS {
            total = total.saturating_add(self.latency());
        }
        total
    }

    /// Sends a message on a connection: after whatever was sent on it before.
    pub fn deliver(&mut self, sent: Mono, link: Link, conn: u32, message: Message) {
        let arrival = sent.after(self.latency());
        let last = self.arrivals.entry(conn).or_insert(Mono(i64::MIN));
        let at = arrival.max(*last);
        *last = at;
        self.schedule(at, Parcel::Heard(link, conn, message));
    }

    /// A number in a range, for jitter.
    pub fn between(&mut self, low: i64, high: i64) -> i64 {
        self.prng.between(low, high)
    }
}
