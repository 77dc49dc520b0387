//! Owns when the data of one symbol is too old to quote on, stream by stream; knows nothing of sockets.
//!
//! Ages count from the last *useful* message on the monotonic clock (spec §5); a connection that is up
//! and an acknowledged subscription prove nothing.

pub mod user_stream;

use crate::digest::Digest;
use crate::event::Stream;
use crate::params::LivenessParams;
use crate::units::{Mono, Span, Wall};
use core::hash::Hash;

/// What is known of one stream.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Pulse {
    /// Subscribed, but no message has come yet: not proven.
    #[default]
    Unproven,
    /// Its last useful message is young enough.
    Fresh,
    /// Silent for longer than `stale`: nothing is sent, quotes are pulled.
    Stale,
    /// Silent for longer than `dead`: reconnected.
    Dead,
}

/// What changed when a stream was judged.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// It turned stale after this silence.
    Stale(Stream, Span),
    /// It turned dead after this silence, or is still dead that much later; reconnect it.
    Dead(Stream, Span),
    /// It has been silent for long enough to ask the exchange by REST whether the book still holds.
    Probe(Stream),
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
struct Watch {
    /// Last useful message, or the instant from which one is expected.
    since: Option<Mono>,
    /// When it was last declared dead.
    dead_at: Option<Mono>,
    proven: bool,
    pulse: Pulse,
    probed: bool,
    lag: Span,
}

/// Liveness of the streams of one symbol.
#[derive(Clone, Debug)]
pub struct Liveness {
    params: LivenessParams,
    depth: Watch,
    mark: Watch,
    ticker: Watch,
    trade: Watch,
}

/// Streams whose silence is judged; trades and book ticker of a quiet market are silent by right.
const JUDGED: [Stream; 2] = [Stream::Depth, Stream::Mark];

impl Liveness {
    /// Nothing heard yet.
    #[must_use]
    pub fn new(params: LivenessParams) -> Self {
        let watch = Watch::default();
        Self {
            params,
            depth: watch,
            mark: watch,
            ticker: watch,
            trade: watch,
        }
    }

    /// New thresholds; ages stay.
    pub fn on_params(&mut self, params: LivenessParams) {
        self.params = params;
    }

    /// The connection of the stream came up: from now on a first message is expected. A connection that
    /// replaces one that still speaks (make-before-break) is expected to speak on.
    pub fn on_subscribed(&mut self, stream: Stream, now: Mono) {
        if let Some(watch) = self.watch_mut(stream)
            && (watch.since.is_none() || watch.pulse == Pulse::Dead)
        {
            *watch = Watch {
                since: Some(now),
                ..Watch::default()
            };
        }
    }

    /// The connection went down: nothing is expected until it is up again.
    pub fn on_lost(&mut self, stream: Stream) {
        if let Some(watch) = self.watch_mut(stream) {
            *watch = Watch::default();
        }
    }

    /// A message; returns whether the stream speaks again after having been stale or dead. A depth message
    /// whose event time is too far behind is no useful one: its silence goes on, so that a connection which
    /// lags for good is replaced like one that says nothing.
    pub fn on_message(&mut self, stream: Stream, now: Mono, event_time: Wall, wall: Wall) -> bool {
        let lag_max = self.params.lag_max;
        let Some(watch) = self.watch_mut(stream) else {
            return false;
        };
        let lag = Span(wall.raw().saturating_sub(event_time.raw()).max(0));
        watch.lag = lag;
        watch.proven = true;
        if stream == Stream::Depth && lag > lag_max {
            watch.since = watch.since.or(Some(now));
            return false;
        }
        let back = matches!(watch.pulse, Pulse::Stale | Pulse::Dead);
        *watch = Watch {
            since: Some(now),
            proven: true,
            pulse: Pulse::Fresh,
            lag,
            ..Watch::default()
        };
        back
    }

    /// The exchange showed by REST the same touch as our book: the book was true when it was asked.
    /// Returns whether quoting may go on after having been stale.
    pub fn on_confirmed(&mut self, requested_at: Mono) -> bool {
        let watch = &mut self.depth;
        let is_judged = watch.pulse == Pulse::Fresh || watch.pulse == Pulse::Stale;
        if !is_judged
            || watch.lag > self.params.lag_max
            || watch.since.is_none_or(|since| since >= requested_at)
        {
            return false;
        }
        let back = watch.pulse == Pulse::Stale;
        *watch = Watch {
            since: Some(requested_at),
            pulse: Pulse::Fresh,
            probed: false,
            ..*watch
        };
        back
    }

    /// Judges one stream at `now`, to be called until it returns `None`.
    pub fn poll_verdict(&mut self, now: Mono) -> Option<Verdict> {
        JUDGED
            .into_iter()
            .find_map(|stream| self.judge(stream, now))
    }

    fn judge(&mut self, stream: Stream, now: Mono) -> Option<Verdict> {
        let params = self.params;
        let watch = self.watch_mut(stream)?;
        let silence = now.since(watch.since?);
        match watch.pulse {
            Pulse::Dead => {
                // Whoever was to reconnect it has not: it is asked for again.
                let is_due = watch.dead_at.is_none_or(|at| now.since(at) >= params.dead);
                is_due.then(|| {
                    watch.dead_at = Some(now);
                    Verdict::Dead(stream, silence)
                })
            }
            Pulse::Unproven | Pulse::Fresh | Pulse::Stale if silence >= params.dead => {
                watch.pulse = Pulse::Dead;
                watch.dead_at = Some(now);
                Some(Verdict::Dead(stream, silence))
            }
            Pulse::Fresh if silence >= params.stale && stream == Stream::Depth => {
                watch.pulse = Pulse::Stale;
                Some(Verdict::Stale(stream, silence))
            }
            Pulse::Fresh
                if stream == Stream::Depth && !watch.probed && silence >= half(params.stale) =>
            {
                watch.probed = true;
                Some(Verdict::Probe(stream))
            }
            Pulse::Unproven | Pulse::Fresh | Pulse::Stale => None,
        }
    }

    /// The next instant at which [`Self::poll_verdict`] can say something new.
    #[must_use]
    pub fn next_check(&self) -> Option<Mono> {
        JUDGED
            .into_iter()
            .filter_map(|stream| self.check_at(stream))
            .min()
    }

    fn check_at(&self, stream: Stream) -> Option<Mono> {
        let watch = self.watch(stream)?;
        let since = watch.since?;
        let wait = match watch.pulse {
            Pulse::Dead => return watch.dead_at.map(|at| at.after(self.params.dead)),
            Pulse::Fresh if stream == Stream::Depth && !watch.probed => half(self.params.stale),
            Pulse::Fresh if stream == Stream::Depth => self.params.stale,
            Pulse::Unproven | Pulse::Fresh | Pulse::Stale => self.params.dead,
        };
        Some(since.after(wait))
    }

    /// Whether orders may be sent at `now`: the book's stream is proven and younger than `stale`, it does
    /// not lag, and the mark price stream is not dead. Judged by age, not by whether a timer ran.
    #[must_use]
    pub fn is_quotable(&self, now: Mono) -> bool {
        let young = |w: &Watch, limit| w.since.is_some_and(|since| now.since(since) < limit);
        self.depth.proven
            && young(&self.depth, self.params.stale)
            && self.depth.lag <= self.params.lag_max
            && self.mark.proven
            && young(&self.mark, self.params.dead)
    }

    /// Silence of a stream; `None` while nothing is expected from it.
    #[must_use]
    pub fn age(&self, stream: Stream, now: Mono) -> Option<Span> {
        self.watch(stream)?.since.map(|since| now.since(since))
    }

    /// When the stream was last useful, or from when on it is expected to be; `None` while it is not.
    #[must_use]
    pub fn since(&self, stream: Stream) -> Option<Mono> {
        self.watch(stream)?.since
    }

    /// How far the last message's event time was behind the wall clock.
    #[must_use]
    pub fn lag(&self, stream: Stream) -> Option<Span> {
        self.watch(stream).filter(|w| w.proven).map(|w| w.lag)
    }

    /// Adds what later verdicts depend on.
    pub fn digest(&self, digest: &mut Digest) {
        [self.depth, self.mark, self.ticker, self.trade].hash(digest);
    }

    /// What is known of a stream.
    #[must_use]
    pub fn pulse(&self, stream: Stream) -> Pulse {
        self.watch(stream).map_or(Pulse::Unproven, |w| w.pulse)
    }

    const fn watch(&self, stream: Stream) -> Option<&Watch> {
        match stream {
            Stream::Depth => Some(&self.depth),
            Stream::Mark => Some(&self.mark),
            Stream::BookTicker => Some(&self.ticker),
            Stream::Trade => Some(&self.trade),
            Stream::User => None,
        }
    }

    const fn watch_mut(&mut self, stream: Stream) -> Option<&mut Watch> {
        match stream {
            Stream::Depth => Some(&mut self.depth),
            Stream::Mark => Some(&mut self.mark),
            Stream::BookTicker => Some(&mut self.ticker),
            Stream::Trade => Some(&mut self.trade),
            Stream::User => None,
        }
    }
}

const fn half(span: Span) -> Span {
    Span(span.raw() / 2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    const fn at(ms: i64) -> Mono {
        Mono(ms * 1_000_000)
    }

    fn speaking() -> Liveness {
        let mut liveness = Liveness::new(LivenessParams::default());
        for stream in [Stream::Depth, Stream::Mark] {
            liveness.on_subscribed(stream, at(0));
            liveness.on_message(stream, at(0), Wall(0), Wall(0));
        }
        liveness
    }

    fn keep_mark(liveness: &mut Liveness, ms: i64) {
        liveness.on_message(Stream::Mark, at(ms), Wall(0), Wall(0));
    }

    #[test]
    fn a_silent_depth_stream_is_probed_then_stale_then_dead() {
        let mut liveness = speaking();
        for (ms, verdict) in [
            (1_499, None),
            (1_500, Some(Verdict::Probe(Stream::Depth))),
            (1_600, None),
            (2_999, None),
            (
                3_000,
                Some(Verdict::Stale(Stream::Depth, Span::from_millis(3_000))),
            ),
            (3_001, None),
            (
                5_000,
                Some(Verdict::Dead(Stream::Depth, Span::from_millis(5_000))),
            ),
            (9_999, None),
            (
                10_000,
                Some(Verdict::Dead(Stream::Depth, Span::from_millis(10_000))),
            ),
            (10_001, None),
        ] {
            keep_mark(&mut liveness, ms);
            assert_eq!(liveness.poll_verdict(at(ms)), verdict, "at {ms} ms");
            assert_eq!(liveness.is_quotable(at(ms)), ms < 3_000, "at {ms} ms");
        }
    }

    #[test]
    fn every_verdict_comes_at_the_instant_next_check_names() {
        let mut liveness = speaking();
        liveness.on_lost(Stream::Mark);
        let mut seen = Vec::new();
        for _ in 0..5 {
            let next = liveness
                .next_check()
                .expect("a dead stream is asked for again");
            let verdict = liveness.poll_verdict(next).expect("a verdict when asked");
            assert_eq!(liveness.poll_verdict(next), None);
            seen.push(verdict);
        }
        let dead = |ms| Verdict::Dead(Stream::Depth, Span::from_millis(ms));
        assert_eq!(
            seen.get(2..),
            Some(&[dead(5_000), dead(10_000), dead(15_000)][..])
        );
    }

    #[test]
    fn an_acknowledged_subscription_that_delivers_nothing_is_dead_not_fresh() {
        let mut liveness = Liveness::new(LivenessParams::default());
        liveness.on_subscribed(Stream::Depth, at(0));
        assert!(!liveness.is_quotable(at(1)));
        assert_eq!(liveness.poll_verdict(at(4_999)), None);
        assert!(matches!(
            liveness.poll_verdict(at(5_000)),
            Some(Verdict::Dead(Stream::Depth, _))
        ));
    }

    #[test]
    fn a_probe_that_shows_the_same_book_keeps_a_quiet_market_quotable() {
        let mut liveness = speaking();
        assert_eq!(
            liveness.poll_verdict(at(1_500)),
            Some(Verdict::Probe(Stream::Depth))
        );
        assert!(!liveness.on_confirmed(at(1_500)));
        keep_mark(&mut liveness, 4_000);
        assert!(liveness.is_quotable(at(4_499)));
        assert_eq!(
            liveness.poll_verdict(at(3_000)),
            Some(Verdict::Probe(Stream::Depth))
        );
        assert!(matches!(
            liveness.poll_verdict(at(4_500)),
            Some(Verdict::Stale(..))
        ));
        assert!(liveness.on_confirmed(at(4_400)), "quoting may go on");
    }

    #[test]
    fn a_probe_older_than_the_last_message_says_nothing_new() {
        let mut liveness = speaking();
        liveness.on_message(Stream::Depth, at(2_000), Wall(0), Wall(0));
        assert!(!liveness.on_confirmed(at(1_500)));
        assert_eq!(
            liveness.age(Stream::Depth, at(2_500)),
            Some(Span::from_millis(500))
        );
    }

    #[test]
    fn late_event_times_are_stale_data_that_looks_fresh() {
        let mut liveness = speaking();
        let wall = Wall::from_millis(10_000);
        liveness.on_message(Stream::Depth, at(10), Wall::from_millis(8_900), wall);
        assert!(!liveness.is_quotable(at(11)));
        liveness.on_message(Stream::Depth, at(20), Wall::from_millis(9_950), wall);
        assert!(liveness.is_quotable(at(21)));
    }

    #[test]
    fn a_stream_that_only_lags_is_stale_and_dead_like_a_silent_one() {
        let mut liveness = speaking();
        let mut seen = Vec::new();
        for ms in (100..=5_000).step_by(100) {
            keep_mark(&mut liveness, ms);
            liveness.on_message(Stream::Depth, at(ms), Wall(0), Wall::from_millis(2_000));
            assert!(
                !liveness.on_confirmed(at(ms)),
                "a late stream cannot be vouched for"
            );
            seen.extend(liveness.poll_verdict(at(ms)));
        }
        assert!(matches!(
            seen.as_slice(),
            [Verdict::Probe(_), Verdict::Stale(..), Verdict::Dead(..)]
        ));
    }

    #[test]
    fn a_replaced_connection_keeps_what_its_predecessor_proved() {
        let mut liveness = speaking();
        liveness.on_subscribed(Stream::Depth, at(100));
        assert!(liveness.is_quotable(at(100)));
        liveness.on_lost(Stream::Depth);
        liveness.on_subscribed(Stream::Depth, at(200));
        assert!(!liveness.is_quotable(at(200)));
    }

    #[test]
    fn a_dead_mark_stream_stops_quoting() {
        let mut liveness = speaking();
        liveness.on_message(Stream::Depth, at(4_990), Wall(0), Wall(0));
        assert!(liveness.is_quotable(at(4_999)));
        assert!(!liveness.is_quotable(at(5_000)));
        assert!(matches!(
            liveness.poll_verdict(at(5_000)),
            Some(Verdict::Dead(Stream::Mark, _))
        ));
    }
}
