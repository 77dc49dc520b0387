//! Owns when the data of one symbol is too old to quote on, stream by stream; knows nothing of sockets.
//!
//! Ages count from the last *useful* message on the monotonic clock (spec §5); a connection that is up
//! and an acknowledged subscription prove nothing. Two fixed times judge every depth stream; one that is lively enough
//! is suspect by its own rhythm before that, and the exchange is asked by REST.

pub mod lag;
pub mod missed;
pub mod probation;
pub mod rhythm;
pub mod user_stream;

use crate::digest::Digest;
use crate::event::Stream;
use crate::params::LivenessParams;
use crate::units::{Mono, Span, Wall};
use core::hash::Hash;
use lag::Lag;
use missed::Missed;
use rhythm::Rhythm;

/// A probe without an answer is repeated after this while the stream stays silent.
const PROBE_AGAIN: Span = Span::from_millis(500);
/// A lively stream that is silent for this long though probes confirm the book shows a market that has become quiet.
const STILL_LIVELY: Span = Span::from_secs(5);
/// A judgement that comes this much after its time finds a process that did not run; what waits in the sockets is
/// heard for as long before a stream is suspected.
const LATE: Span = Span::from_millis(50);
/// Time after which a stream that never delivered is told of, if the book lives meanwhile. Trades and tickers of a
/// quiet market are silent by right, so nothing else follows from it.
const SILENT_AFTER: Span = Span::from_secs(60);
/// Depth messages in that time that show a market in which something should be heard of every stream.
const LIVELY: u64 = 600;
/// Trades pause for longer than their rhythm says: a stream of them is dead after so many times what makes it suspect,
/// and not before [`SILENT_AFTER`].
const TRADES_PAUSE: i64 = 20;
/// Lags of two connections that differ less than this have one cause: our clock.
const SAME_LAG: Span = Span::from_millis(500);

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
    /// Silent for longer than `dead`, or convicted: reconnected.
    Dead,
}

/// What changed when a stream was judged.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// It turned stale after this silence.
    Stale(Stream, Span),
    /// It turned dead after this silence, or is still dead that much later; reconnect it.
    Dead(Stream, Span),
    /// It never delivered anything since it was subscribed to, this long ago.
    Silent(Stream, Span),
    /// It is silent for longer than its rhythm explains: ask the exchange by REST at once.
    Suspect(Stream, Span),
    /// It has been silent for long enough to ask the exchange by REST whether the book still holds.
    Probe(Stream),
    /// Streams of different connections lag by the same, this much: our clock is wrong.
    Clock(Span),
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
struct Watch {
    /// Last useful message or confirmation, or the instant from which one is expected.
    since: Option<Mono>,
    /// Last useful message.
    heard_at: Option<Mono>,
    /// Last message, however late.
    came_at: Option<Mono>,
    /// When it was last declared dead.
    dead_at: Option<Mono>,
    proven: bool,
    pulse: Pulse,
    /// Last probe since what `since` says.
    probed_at: Option<Mono>,
    /// When the present silence was suspected, and until when that is put off.
    suspected_at: Option<Mono>,
    deferred_to: Option<Mono>,
    /// When a stream that need not speak is judged for its silence, and depth messages when that began.
    silent_check: Option<Mono>,
    depth_before: u64,
    missed: Missed,
    /// Since when every message is late, and whether that began with a clock that jumped.
    late_since: Option<Mono>,
    is_late_by_clock: bool,
    lag: Lag,
    rhythm: Rhythm,
}

impl Watch {
    /// A new connection: nothing is known but the rhythm of the old one.
    fn begin(&mut self, since: Option<Mono>) {
        *self = Self {
            since,
            rhythm: self.rhythm,
            missed: self.missed.renewed(),
            ..Self::default()
        };
    }
}

/// Liveness of the streams of one symbol.
#[derive(Clone, Debug)]
pub struct Liveness {
    params: LivenessParams,
    depth: Watch,
    mark: Watch,
    ticker: Watch,
    trade: Watch,
    depth_messages: u64,
    /// Since when our clock is doubted.
    clock_doubted_at: Option<Mono>,
    is_clock_news: bool,
}

/// The streams that are watched.
const WATCHED: [Stream; 4] = [
    Stream::Depth,
    Stream::Mark,
    Stream::BookTicker,
    Stream::Trade,
];

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
            depth_messages: 0,
            clock_doubted_at: None,
            is_clock_news: false,
        }
    }

    /// New thresholds; ages stay.
    pub fn on_params(&mut self, params: LivenessParams) {
        self.params = params;
    }

    /// The wall clock moved by `step` against the monotonic one.
    pub fn on_clock_step(&mut self, step: Span) {
        for watch in [
            &mut self.depth,
            &mut self.mark,
            &mut self.ticker,
            &mut self.trade,
        ] {
            watch.lag.on_clock_step(step);
        }
    }

    /// The connection of the stream came up: from now on a first message is expected. A connection that
    /// replaces one that still speaks (make-before-break) is expected to speak on.
    pub fn on_subscribed(&mut self, stream: Stream, now: Mono) {
        let depth_messages = self.depth_messages;
        if let Some(watch) = self.watch_mut(stream)
            && (watch.since.is_none() || watch.pulse == Pulse::Dead)
        {
            watch.begin(Some(now));
            watch.depth_before = depth_messages;
            watch.silent_check = match stream {
                Stream::BookTicker | Stream::Trade => Some(now.after(SILENT_AFTER)),
                Stream::Depth | Stream::Mark | Stream::User => None,
            };
        }
    }

    /// The connection went down: nothing is expected until it is up again.
    pub fn on_lost(&mut self, stream: Stream) {
        if let Some(watch) = self.watch_mut(stream) {
            watch.begin(None);
        }
    }

    /// A message; returns whether the stream speaks again after having been stale or dead. A depth message
    /// whose event time is too far behind is no useful one: its silence goes on, so that a connection which
    /// lags for good is replaced like one that says nothing.
    pub fn on_message(&mut self, stream: Stream, now: Mono, event_time: Wall, wall: Wall) -> bool {
        let params = self.params;
        let Some(watch) = self.watch_mut(stream) else {
            return false;
        };
        watch.lag.on_message(event_time, wall, now);
        (watch.proven, watch.came_at, watch.silent_check) = (true, Some(now), None);
        let is_late = watch.lag.is_late(params.lag_max);
        if watch.late_since.is_none() {
            watch.is_late_by_clock = watch.lag.is_step();
        }
        watch.late_since = watch.late_since.or(Some(now)).filter(|_| is_late);
        self.judge_clock(now);
        let is_excused = self.clock_is_excused(now);
        let is_depth = stream == Stream::Depth;
        self.depth_messages = self.depth_messages.saturating_add(u64::from(is_depth));
        let Some(watch) = self.watch_mut(stream) else {
            return false;
        };
        if is_depth && watch.late_since.is_some() && !is_excused {
            watch.since = watch.since.or(Some(now));
            return false;
        }
        if let Some(at) = watch.heard_at.filter(|_| watch.pulse == Pulse::Fresh) {
            watch
                .rhythm
                .on_interval(now.since(at), half(params.stale), now);
        }
        let was_told = watch.missed.on_message();
        let back = was_told || matches!(watch.pulse, Pulse::Stale | Pulse::Dead);
        *watch = Watch {
            since: Some(now),
            heard_at: Some(now),
            pulse: Pulse::Fresh,
            dead_at: None,
            probed_at: None,
            suspected_at: None,
            deferred_to: None,
            ..*watch
        };
        if stream == Stream::Trade {
            self.expect_trade(now);
        }
        back
    }

    /// A trade came: when the next one is due, if they come often enough for that to be said.
    fn expect_trade(&mut self, now: Mono) {
        let pause = self.suspect_after(Stream::Trade).map(|after| {
            let pause = Span(after.raw().saturating_mul(TRADES_PAUSE));
            pause.max(SILENT_AFTER)
        });
        self.trade.depth_before = self.depth_messages;
        self.trade.silent_check = pause.map(|pause| now.after(pause));
    }

    /// The best prices of the book changed: a ticker has told of that, or its stream missed it.
    pub const fn on_touch(&mut self) {
        if self.ticker.since.is_some() {
            self.ticker.missed.on_touch();
        }
    }

    /// The exchange showed by REST the same touch as our book: the book was true when it was asked.
    /// Returns whether quoting may go on after having been stale.
    pub fn on_confirmed(&mut self, requested_at: Mono) -> bool {
        let watch = &mut self.depth;
        let is_judged = watch.pulse == Pulse::Fresh || watch.pulse == Pulse::Stale;
        if !is_judged
            || watch.late_since.is_some()
            || watch.since.is_none_or(|since| since >= requested_at)
        {
            return false;
        }
        let back = watch.pulse == Pulse::Stale;
        watch.since = Some(requested_at);
        watch.pulse = Pulse::Fresh;
        watch.probed_at = None;
        back
    }

    /// The stream was shown not to deliver what happens: it counts as dead from now on. Returns its silence.
    pub fn on_convicted(&mut self, stream: Stream, now: Mono) -> Span {
        let Some(watch) = self.watch_mut(stream) else {
            return Span::ZERO;
        };
        let silence = watch.heard_at.map_or(Span::ZERO, |at| now.since(at));
        watch.pulse = Pulse::Dead;
        watch.dead_at = Some(now);
        silence
    }

    /// Judges the streams at `now`, to be called until it returns `None`.
    pub fn poll_verdict(&mut self, now: Mono) -> Option<Verdict> {
        if core::mem::take(&mut self.is_clock_news) {
            return Some(Verdict::Clock(self.depth.lag.behind()));
        }
        WATCHED
            .into_iter()
            .find_map(|stream| self.judge(stream, now))
    }

    fn judge(&mut self, stream: Stream, now: Mono) -> Option<Verdict> {
        match stream {
            Stream::Depth | Stream::Mark => {
                let silent = self.judge_silence(stream, now);
                if silent.is_some() || stream == Stream::Mark {
                    return silent;
                }
                self.judge_depth(now)
            }
            Stream::BookTicker | Stream::Trade => self.judge_unheard(stream, now),
            Stream::User => None,
        }
    }

    /// The fixed time after which a stream that has to speak is dead.
    fn judge_silence(&mut self, stream: Stream, now: Mono) -> Option<Verdict> {
        let dead = self.params.dead;
        let watch = self.watch_mut(stream)?;
        let silence = now.since(watch.since?);
        let is_due = match watch.pulse {
            // Whoever was to reconnect it has not: it is asked for again.
            Pulse::Dead => watch.dead_at.is_none_or(|at| now.since(at) >= dead),
            Pulse::Unproven | Pulse::Fresh | Pulse::Stale => silence >= dead,
        };
        if !is_due {
            return None;
        }
        let is_news = watch.pulse != Pulse::Dead;
        watch.pulse = Pulse::Dead;
        watch.dead_at = Some(now);
        Some(match watch.proven || !is_news {
            true => Verdict::Dead(stream, silence),
            false => Verdict::Silent(stream, silence),
        })
    }

    /// The times before that: suspicion, the end of quoting, and probes, which may bring it back.
    fn judge_depth(&mut self, now: Mono) -> Option<Verdict> {
        match self.depth.pulse {
            Pulse::Unproven | Pulse::Dead => return None,
            Pulse::Fresh => {
                let silence = now.since(self.depth.since?);
                if silence >= self.params.stale {
                    self.depth.pulse = Pulse::Stale;
                    return Some(Verdict::Stale(Stream::Depth, silence));
                }
                if self.suspect_at().is_some_and(|at| now >= at) {
                    return self.suspect_depth(now);
                }
            }
            Pulse::Stale => {}
        }
        if self.probe_at().is_some_and(|at| now >= at) {
            self.depth.probed_at = Some(now);
            return Some(Verdict::Probe(Stream::Depth));
        }
        None
    }

    /// A process that was not run hears first what waits for it.
    fn suspect_depth(&mut self, now: Mono) -> Option<Verdict> {
        let due = self.suspect_at()?;
        let watch = &mut self.depth;
        if watch.deferred_to.is_none() && now.since(due) > LATE {
            watch.deferred_to = Some(now.after(LATE));
            return None;
        }
        watch.suspected_at = Some(now);
        watch.probed_at = Some(now);
        let silence = now.since(watch.heard_at?);
        Some(Verdict::Suspect(Stream::Depth, silence))
    }

    /// A stream that need not speak, but has missed what the book shows, or says nothing while the book is lively.
    fn judge_unheard(&mut self, stream: Stream, now: Mono) -> Option<Verdict> {
        let (depth_messages, dead) = (self.depth_messages, self.params.dead);
        let watch = self.watch_mut(stream)?;
        let since = watch.since?;
        if watch.missed.due(since, dead).is_none_or(|at| now < at) {
            let due = watch.silent_check.filter(|at| now >= *at)?;
            if depth_messages.saturating_sub(watch.depth_before) < LIVELY {
                watch.depth_before = depth_messages;
                watch.silent_check = Some(now.max(due).after(SILENT_AFTER));
                return None;
            }
        }
        watch.silent_check = None;
        watch.missed.on_told(now);
        watch.pulse = Pulse::Dead;
        let silence = now.since(since);
        Some(match watch.proven {
            true => Verdict::Dead(stream, silence),
            false => Verdict::Silent(stream, silence),
        })
    }

    /// When every stream that spoke since the depth stream began to lag does so by the same, and one of them comes by
    /// another connection, the clock is wrong and not the data: unless the lag is that of a silence before it. A network
    /// that was cut delivers what it held back, late by the same on every connection.
    fn judge_clock(&mut self, now: Mono) {
        let Some(since) = self.depth.late_since else {
            self.clock_doubted_at = None;
            return;
        };
        if self.clock_doubted_at.is_some() || !self.depth.is_late_by_clock {
            return;
        }
        let depth = self.depth.lag;
        let mut spoke = [self.mark, self.trade]
            .into_iter()
            .filter(|w| w.came_at.is_some_and(|at| at >= since))
            .peekable();
        let is_common = spoke.peek().is_some()
            && spoke.all(|w| w.late_since.is_some() && w.lag.distance(&depth) <= SAME_LAG);
        if is_common {
            self.clock_doubted_at = Some(now);
            self.is_clock_news = true;
            for stream in WATCHED {
                if let Some(watch) = self.watch_mut(stream) {
                    watch.lag.rebase();
                }
            }
        }
    }

    /// Late data is excused by a doubted clock for as long as data may be old anyway.
    fn clock_is_excused(&self, now: Mono) -> bool {
        self.clock_doubted_at
            .is_some_and(|at| now.since(at) < self.params.stale)
    }

    /// The next instant at which [`Self::poll_verdict`] can say something new.
    #[must_use]
    pub fn next_check(&self) -> Option<Mono> {
        WATCHED
            .into_iter()
            .filter_map(|stream| self.check_at(stream))
            .min()
    }

    fn check_at(&self, stream: Stream) -> Option<Mono> {
        let watch = self.watch(stream)?;
        let since = watch.since?;
        if matches!(stream, Stream::BookTicker | Stream::Trade) {
            let missed = watch.missed.due(since, self.params.dead);
            return missed.into_iter().chain(watch.silent_check).min();
        }
        let dead = since.after(self.params.dead);
        match watch.pulse {
            Pulse::Dead => watch.dead_at.map(|at| at.after(self.params.dead)),
            Pulse::Fresh if stream == Stream::Depth => {
                let stale = since.after(self.params.stale);
                let asked = [self.suspect_at(), self.probe_at()];
                asked.into_iter().flatten().chain([stale, dead]).min()
            }
            Pulse::Stale if stream == Stream::Depth => self.probe_at().min(Some(dead)),
            Pulse::Unproven | Pulse::Fresh | Pulse::Stale => Some(dead),
        }
    }

    /// When the present silence of the depth stream becomes suspect by its own rhythm; `None` when it was already.
    fn suspect_at(&self) -> Option<Mono> {
        let watch = &self.depth;
        if watch.suspected_at.is_some() || watch.late_since.is_some() {
            return None;
        }
        let at = watch.heard_at?.after(self.suspect_after(Stream::Depth)?);
        Some(watch.deferred_to.map_or(at, |to| to.max(at)))
    }

    /// When the book is to be compared by REST for the silence of its stream: first after two thirds of `stale`, which
    /// leaves time for a second try, and weight for many quiet symbols. A stream
    /// that was suspect and confirmed is asked after at its own rhythm for a while, and then as seldom as any. Nothing vouches
    /// for a stream that lags.
    fn probe_at(&self) -> Option<Mono> {
        let watch = &self.depth;
        let since = watch.since.filter(|_| watch.late_since.is_none())?;
        if let Some(at) = watch.probed_at {
            return Some(at.after(PROBE_AGAIN));
        }
        let slowest = two_thirds(self.params.stale);
        let wait = match (watch.suspected_at, watch.heard_at) {
            (Some(_), Some(heard)) => {
                let rhythm = self.suspect_after(Stream::Depth).unwrap_or(slowest);
                match since.since(heard) < STILL_LIVELY {
                    true => rhythm,
                    false => slowest,
                }
            }
            (Some(_) | None, _) => slowest,
        };
        Some(since.after(wait))
    }

    /// The silence after which a stream is suspect by its own rhythm; `None` while too little is learned, or where that
    /// would be longer than the fixed times need.
    #[must_use]
    pub fn suspect_after(&self, stream: Stream) -> Option<Span> {
        if !self.params.adaptive {
            return None;
        }
        self.watch(stream)?
            .rhythm
            .suspect_after(half(self.params.stale))
    }

    /// Whether the present silence of the depth stream is suspect.
    #[must_use]
    pub const fn is_suspect(&self) -> bool {
        self.depth.suspected_at.is_some()
    }

    /// Whether orders may be sent at `now`: the book's stream is proven and younger than `stale`, it does
    /// not lag, and the mark price stream is not dead. Judged by age, not by whether a timer ran.
    #[must_use]
    pub fn is_quotable(&self, now: Mono) -> bool {
        let young = |w: &Watch, limit| w.since.is_some_and(|since| now.since(since) < limit);
        self.depth.proven
            && self.depth.pulse != Pulse::Dead
            && young(&self.depth, self.params.stale)
            && (self.depth.late_since.is_none() || self.clock_is_excused(now))
            && self.mark.proven
            && young(&self.mark, self.params.dead)
    }

    /// Whether depth messages come, and with event times by our clock.
    #[must_use]
    pub fn is_on_time(&self) -> bool {
        self.depth.pulse == Pulse::Fresh && self.depth.late_since.is_none()
    }

    /// Silence of a stream; `None` while nothing is expected from it.
    #[must_use]
    pub fn age(&self, stream: Stream, now: Mono) -> Option<Span> {
        self.watch(stream)?.since.map(|since| now.since(since))
    }

    /// When the stream was last useful or confirmed, or from when on it is expected to be; `None` while it is not.
    #[must_use]
    pub fn since(&self, stream: Stream) -> Option<Mono> {
        self.watch(stream)?.since
    }

    /// When the last useful message came on the present connection.
    #[must_use]
    pub fn heard_at(&self, stream: Stream) -> Option<Mono> {
        self.watch(stream)?.heard_at
    }

    /// How far the last message's event time was behind the wall clock.
    #[must_use]
    pub fn lag(&self, stream: Stream) -> Option<Span> {
        let watch = self.watch(stream).filter(|w| w.proven)?;
        Some(watch.lag.behind())
    }

    /// Adds what later verdicts depend on.
    pub fn digest(&self, digest: &mut Digest) {
        [self.depth, self.mark, self.ticker, self.trade].hash(digest);
        (self.depth_messages, self.clock_doubted_at).hash(digest);
        self.is_clock_news.hash(digest);
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

const fn two_thirds(span: Span) -> Span {
    Span(span.raw() / 3 * 2)
}

const fn half(span: Span) -> Span {
    Span(span.raw() / 2)
}

#[cfg(test)]
mod tests;
