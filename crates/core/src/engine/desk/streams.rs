//! Owns what becomes of a desk when its streams come, go, lag or fall silent; the judgement itself is
//! [`crate::liveness`]'s.

use super::Desk;
use crate::action::Actions;
use crate::engine::shared::Shared;
use crate::event::{Link, Stream};
use crate::liveness::Verdict;
use crate::notice::{BookLoss, What};
use crate::units::{Mono, Now, Span, Wall};

impl Desk {
    pub(super) fn heard(
        &mut self,
        stream: Stream,
        now: Now,
        event_time: Wall,
        actions: &mut Actions,
    ) {
        if self
            .liveness
            .on_message(stream, now.mono, event_time, now.wall)
        {
            self.say(What::StreamBack(stream), actions);
        }
    }

    /// The stream's connection came up or went down.
    pub(in crate::engine) fn on_streams(
        &mut self,
        streams: &[Stream],
        is_up: bool,
        now: Mono,
        actions: &mut Actions,
    ) {
        for stream in streams {
            if is_up {
                self.liveness.on_subscribed(*stream, now);
            } else {
                self.liveness.on_lost(*stream);
                if *stream == Stream::Depth {
                    self.lose_book(BookLoss::StreamLost, now, actions);
                }
            }
        }
    }

    pub(super) fn poll_liveness(&mut self, now: Now, shared: &mut Shared, actions: &mut Actions) {
        while let Some(verdict) = self.liveness.poll_verdict(now.mono) {
            match verdict {
                Verdict::Probe(_) => self.probe(now.mono, shared, actions),
                Verdict::Suspect(stream, silence) => {
                    self.say(What::StreamSuspect(stream, silence), actions);
                    self.probe(now.mono, shared, actions);
                }
                Verdict::Stale(stream, silence) => {
                    self.say(What::StreamStale(stream, silence), actions);
                }
                Verdict::Dead(stream, silence) => {
                    self.on_stream_dead(stream, silence, now.mono, shared, actions);
                }
                Verdict::Silent(stream, silence) => {
                    let what = What::StreamSilent(stream, link_of(stream), silence);
                    self.say(what, actions);
                    // That nobody trades is no fault of a connection.
                    if stream != Stream::Trade {
                        self.replace_connection(stream, now.mono, shared, actions);
                    }
                }
                Verdict::Clock(lag) => self.say(What::ClockDoubted(lag), actions),
            }
        }
        self.judge_ahead(now.mono, shared, actions);
    }

    pub(super) fn on_stream_dead(
        &mut self,
        stream: Stream,
        silence: Span,
        now: Mono,
        shared: &mut Shared,
        actions: &mut Actions,
    ) {
        self.say(What::StreamDead(stream, silence), actions);
        self.replace_connection(stream, now, shared, actions);
    }

    /// The connection goes on delivering until its successor does, so only a dead depth stream costs the book.
    fn replace_connection(
        &mut self,
        stream: Stream,
        now: Mono,
        shared: &mut Shared,
        actions: &mut Actions,
    ) {
        if stream == Stream::Depth {
            self.lose_book(BookLoss::StreamLost, now, actions);
        }
        shared.reconnect(link_of(stream), now, actions);
    }
}

/// The connection that carries a stream (protocol §1.2).
const fn link_of(stream: Stream) -> Link {
    match stream {
        Stream::Depth | Stream::BookTicker => Link::Public,
        Stream::Trade | Stream::Mark => Link::Market,
        Stream::User => Link::User,
    }
}
