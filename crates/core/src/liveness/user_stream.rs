//! Owns whether the user stream speaks when it must: our own orders are its heartbeat (spec §5); knows
//! nothing of sockets or listen keys.
//!
//! An order or cancel that the order channel acknowledged is followed by an event on the user stream, which
//! may as well come first (protocol §3.2). One whose event does not come convicts the stream, and so do events that
//! come, but late: it tells the past.

use super::lag::Lag;
use super::probation::Probation;
use crate::order::OrderId;
use crate::units::{Mono, Now, Span, Wall};
use alloc::collections::VecDeque;
use alloc::vec::Vec;

/// Acknowledgements waited for at a time. At the bound a further one is not waited for: those that are
/// convict the stream as well.
pub const WAITING_MAX: usize = 512;
/// Events remembered in case they overtook their acknowledgement. At the bound the oldest is forgotten; it
/// would have to precede its acknowledgement by this many others to matter.
pub const SEEN_MAX: usize = 1_024;
/// Events in a row with late event times that convict the stream: a single burst is over when it is heard.
const LATE_MAX: u32 = 3;
/// … and for this long only once.
const LATE_AGAIN: Span = Span::from_secs(60);

/// What was acknowledged.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Acknowledged {
    /// The order rests or has executed: any event of it will do.
    Placed,
    /// The order was cancelled: the event of its end is due.
    Canceled,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Waiting {
    id: OrderId,
    what: Acknowledged,
    due: Mono,
}

/// The closed loop of one account.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct UserStream {
    /// How long after the acknowledgement its event may come.
    within: Span,
    /// Since when the connection delivers.
    up_at: Mono,
    /// In the order of their instants.
    waiting: Vec<Waiting>,
    /// Orders heard of, and whether of their end.
    seen: VecDeque<(OrderId, bool)>,
    lag: Lag,
    /// Late events in a row.
    late: u32,
    late_told_at: Option<Mono>,
    /// Of all its connections.
    pub probation: Probation,
}

impl UserStream {
    /// Nothing is waited for; an event may come this long after its acknowledgement.
    #[must_use]
    pub fn new(within: Span) -> Self {
        Self {
            within,
            up_at: Mono(i64::MIN),
            waiting: Vec::new(),
            seen: VecDeque::new(),
            lag: Lag::default(),
            late: 0,
            late_told_at: None,
            probation: Probation::default(),
        }
    }

    /// Takes over a changed time, for what is acknowledged from now on.
    pub const fn on_params(&mut self, within: Span) {
        self.within = within;
    }

    /// How long after the acknowledgement its event may come.
    #[must_use]
    pub const fn within(&self) -> Span {
        self.within
    }

    /// The order channel acknowledged at `now` what was asked for at `sent_at`. What was asked for before the connection
    /// came up may have had its event before that: it proves nothing, and is found by REST.
    pub fn on_acknowledged(&mut self, id: OrderId, what: Acknowledged, sent_at: Mono, now: Mono) {
        if sent_at < self.up_at {
            return;
        }
        let proves = |(seen, is_end): &(OrderId, bool)| {
            *seen == id
                && match what {
                    Acknowledged::Placed => true,
                    Acknowledged::Canceled => *is_end,
                }
        };
        let is_known = self.waiting.iter().any(|w| w.id == id && w.what == what);
        if !is_known && !self.seen.iter().any(proves) && self.waiting.len() < WAITING_MAX {
            let due = now.after(self.within);
            self.waiting.push(Waiting { id, what, due });
        }
    }

    /// The stream told of an order; `is_end` if it can never fill again.
    pub fn on_event(&mut self, id: OrderId, is_end: bool) {
        self.waiting.retain(|w| {
            w.id != id
                || match w.what {
                    Acknowledged::Placed => false,
                    Acknowledged::Canceled => !is_end,
                }
        });
        if self.seen.len() >= SEEN_MAX {
            self.seen.pop_front();
        }
        self.seen.push_back((id, is_end));
    }

    /// Takes the event time of a message: half of what an event may take after its acknowledgement makes it late.
    pub fn on_event_time(&mut self, event_time: Wall, now: Now) {
        self.lag.on_message(event_time, now.wall, now.mono);
        self.late = match self.lag.is_late(Span(self.within.raw() / 2)) {
            true => self.late.saturating_add(1),
            false => 0,
        };
    }

    /// The wall clock moved by `step` against the monotonic one.
    pub fn on_clock_step(&mut self, step: Span) {
        self.lag.on_clock_step(step);
        self.late = 0;
    }

    /// A connection came up, the first one or a successor.
    pub fn on_up(&mut self, now: Mono) {
        self.on_lost();
        self.up_at = now;
    }

    /// The connection is down or being replaced: what was acknowledged is found by REST.
    pub fn on_lost(&mut self) {
        self.waiting.clear();
        self.seen.clear();
        self.lag = Lag::default();
        self.late = 0;
    }

    /// Whether an event is overdue; says so once for all that are waited for.
    pub fn poll_suspect(&mut self, now: Mono) -> Option<OrderId> {
        let overdue = self.waiting.iter().find(|w| w.due <= now)?.id;
        self.waiting.clear();
        Some(overdue)
    }

    /// How late event after event is; says so once a minute, for a new connection need not be quicker. To be asked while
    /// market data show that our clock is right.
    pub fn poll_late(&mut self, now: Mono) -> Option<Span> {
        let is_again = self
            .late_told_at
            .is_some_and(|at| now.since(at) < LATE_AGAIN);
        if self.late < LATE_MAX || is_again {
            return None;
        }
        self.late = 0;
        self.late_told_at = Some(now);
        Some(self.lag.behind())
    }

    /// When [`Self::poll_suspect`] should be asked.
    #[must_use]
    pub fn next_check(&self) -> Option<Mono> {
        let waiting = self.waiting.iter().map(|w| w.due);
        waiting.chain(self.probation.ends_at()).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WITHIN: Span = Span::from_secs(2);

    const fn id(seq: u32) -> OrderId {
        OrderId { session: 1, seq }
    }

    const fn at(ms: i64) -> Mono {
        Mono(ms * 1_000_000)
    }

    enum Step {
        Ack(i64, u32, Acknowledged),
        Event(u32, bool),
        Lost,
    }

    /// Runs steps and says which order convicts the stream at the end, and when that is looked at.
    fn check(steps: &[Step], next_ms: Option<i64>, convicts: Option<u32>) {
        let mut stream = UserStream::new(WITHIN);
        for step in steps {
            match step {
                Step::Ack(ms, seq, what) => {
                    stream.on_acknowledged(id(*seq), *what, at(*ms), at(*ms));
                }
                Step::Event(seq, is_end) => stream.on_event(id(*seq), *is_end),
                Step::Lost => stream.on_lost(),
            }
        }
        assert_eq!(stream.next_check(), next_ms.map(at));
        let Some(next) = next_ms.map(at) else {
            assert_eq!(stream.poll_suspect(at(1_000_000)), None);
            return;
        };
        assert_eq!(stream.poll_suspect(Mono(next.raw() - 1)), None);
        assert_eq!(stream.poll_suspect(next), convicts.map(id));
        assert_eq!(stream.poll_suspect(next), None, "said once");
        assert_eq!(stream.next_check(), None);
    }

    #[test]
    fn an_answer_to_a_request_from_before_the_connection_is_not_waited_for() {
        let mut stream = UserStream::new(WITHIN);
        stream.on_up(at(100));
        stream.on_acknowledged(id(1), Acknowledged::Canceled, at(99), at(150));
        assert_eq!(stream.next_check(), None);
        stream.on_acknowledged(id(2), Acknowledged::Canceled, at(100), at(150));
        assert_eq!(stream.next_check(), Some(at(2_150)));
    }

    #[test]
    fn an_acknowledgement_without_its_event_convicts_after_two_seconds() {
        use Acknowledged::{Canceled, Placed};
        use Step::{Ack, Event, Lost};
        check(&[], None, None);
        check(&[Ack(0, 1, Placed)], Some(2_000), Some(1));
        check(&[Ack(0, 1, Placed), Event(1, false)], None, None);
        check(&[Event(1, false), Ack(0, 1, Placed)], None, None);
        check(&[Ack(5, 1, Placed), Event(2, true)], Some(2_005), Some(1));
        check(
            &[Ack(0, 1, Canceled), Event(1, false)],
            Some(2_000),
            Some(1),
        );
        check(&[Ack(0, 1, Canceled), Event(1, true)], None, None);
        check(
            &[Event(1, false), Ack(0, 1, Canceled)],
            Some(2_000),
            Some(1),
        );
        check(&[Event(1, true), Ack(0, 1, Canceled)], None, None);
        check(&[Ack(0, 1, Placed), Event(1, true)], None, None);
        check(
            &[Ack(0, 1, Placed), Ack(9, 1, Placed), Ack(9, 2, Placed)],
            Some(2_000),
            Some(1),
        );
        check(&[Ack(0, 1, Placed), Lost], None, None);
    }

    #[test]
    fn a_changed_time_holds_for_what_is_acknowledged_afterwards() {
        let mut stream = UserStream::new(WITHIN);
        stream.on_acknowledged(id(1), Acknowledged::Placed, at(0), at(0));
        stream.on_params(Span::from_millis(500));
        stream.on_acknowledged(id(2), Acknowledged::Placed, at(1), at(1));
        assert_eq!(stream.next_check(), Some(at(501)));
        assert_eq!(stream.poll_suspect(at(501)), Some(id(2)));
    }

    #[test]
    fn events_that_come_late_one_after_the_other_convict_once_a_minute() {
        let mut stream = UserStream::new(WITHIN);
        let mut told = Vec::new();
        for n in 0..710 {
            // Up to 1 s is on time; two late ones in a row say nothing yet.
            let lag = match n {
                0..10 => 1_000,
                10..100 if n % 3 > 0 => 1_400,
                10..100 => 30,
                _ => 1_400,
            };
            let now = Now {
                mono: at(n * 100),
                wall: Wall::from_millis(n * 100 + lag),
            };
            stream.on_event_time(Wall::from_millis(n * 100), now);
            told.extend(stream.poll_late(now.mono).map(|late| (n, late)));
        }
        let late = Span::from_millis(1_400);
        assert_eq!(told, [(102, late), (702, late)]);
    }

    #[test]
    fn a_corrected_clock_makes_no_event_late() {
        let mut stream = UserStream::new(WITHIN);
        for n in 0..40 {
            let step = if n < 20 { 0 } else { 3_000 };
            if n == 20 {
                stream.on_clock_step(Span::from_millis(3_000));
            }
            let now = Now {
                mono: at(n * 100),
                wall: Wall::from_millis(n * 100 - 2_500 + step),
            };
            stream.on_event_time(Wall::from_millis(n * 100), now);
            assert_eq!(stream.poll_late(now.mono), None, "event {n}");
        }
    }

    #[test]
    fn memory_is_bounded() {
        let mut stream = UserStream::new(WITHIN);
        for seq in 0..5_000 {
            stream.on_acknowledged(id(seq), Acknowledged::Placed, at(0), at(0));
            stream.on_event(id(seq + 10_000), true);
        }
        assert_eq!(stream.waiting.len(), WAITING_MAX);
        assert_eq!(stream.seen.len(), SEEN_MAX);
    }
}
