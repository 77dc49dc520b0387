//! Owns what market data does to a desk.

use super::{Desk, SNAPSHOT_RETRY};
use crate::action::{Action, Actions};
use crate::book::sync::{DepthOutcome, SnapshotOutcome};
use crate::engine::timers::Timer;
use crate::event::{BookTicker, ContractStatus, DepthUpdate, Malformed, Market, Stream, Trade};
use crate::notice::{BookLoss, What};
use crate::strategy::Strategy;
use crate::units::{Mono, Now, Wall};

impl Desk {
    /// Takes in market data; what follows from it is done by `act`.
    pub(in crate::engine) fn on_market(
        &mut self,
        now: Now,
        market: &Market<'_>,
        actions: &mut Actions,
    ) {
        match market {
            Market::Depth(update) => self.on_depth(now, update, actions),
            Market::Snapshot(snapshot) => {
                let outcome = self.sync.on_snapshot(snapshot);
                self.on_snapshot_outcome(outcome, now.mono, actions);
            }
            Market::SnapshotFailed(refusal) => {
                let wait = refusal.retry_after.max(SNAPSHOT_RETRY);
                self.timers.schedule(Timer::Snapshot, now.mono.after(wait));
            }
            Market::BookTicker(ticker) => self.on_book_ticker(now, ticker, actions),
            Market::Trade(trade) => self.on_trade(now, trade, actions),
            Market::Mark(mark) => {
                self.heard(Stream::Mark, now, mark.event_time, actions);
                self.funding
                    .on_mark(mark, self.params.quoting.funding_alpha);
                self.mark = Some(*mark);
            }
            Market::Status(status) => self.on_status(*status, actions),
            Market::Malformed(stream, why) => self.on_malformed(*stream, *why, actions),
        }
    }

    fn heard(&mut self, stream: Stream, now: Now, event_time: Wall, actions: &mut Actions) {
        if self
            .liveness
            .on_message(stream, now.mono, event_time, now.wall)
        {
            self.say(What::StreamBack(stream), actions);
        }
    }

    fn on_depth(&mut self, now: Now, update: &DepthUpdate<'_>, actions: &mut Actions) {
        match self.sync.on_depth(update) {
            DepthOutcome::Applied => self.heard(Stream::Depth, now, update.event_time, actions),
            DepthOutcome::Buffered => {
                self.heard(Stream::Depth, now, update.event_time, actions);
                self.want_snapshot(now.mono, actions);
            }
            // A repetition of what is known proves nothing about what is new.
            DepthOutcome::Ignored => {}
            DepthOutcome::Lost(why) => {
                self.say(What::BookLost(why), actions);
                self.want_snapshot(now.mono, actions);
            }
        }
        if self.sync.state() == crate::book::sync::SyncState::Live && self.was_bridging() {
            self.on_book_ready(actions);
        }
    }

    fn on_snapshot_outcome(&mut self, outcome: SnapshotOutcome, now: Mono, actions: &mut Actions) {
        match outcome {
            SnapshotOutcome::Bridged => self.on_book_ready(actions),
            SnapshotOutcome::TooOld => self
                .timers
                .schedule(Timer::Snapshot, now.after(SNAPSHOT_RETRY)),
            SnapshotOutcome::Waiting => {
                // If no update reaches it the stream is silent, which liveness judges; if one comes that
                // passes it by, the book is lost and a new one is fetched.
                self.timers.stop(Timer::Snapshot);
            }
            SnapshotOutcome::NotNeeded => self.timers.stop(Timer::Snapshot),
            SnapshotOutcome::Lost(why) => {
                self.say(What::BookLost(why), actions);
                self.timers
                    .schedule(Timer::Snapshot, now.after(SNAPSHOT_RETRY));
            }
        }
    }

    const fn was_bridging(&self) -> bool {
        !self.quoting.is_book_announced
    }

    fn on_book_ready(&mut self, actions: &mut Actions) {
        self.timers.stop(Timer::Snapshot);
        self.quoting.is_book_announced = true;
        self.quoting.demand();
        self.say(What::BookReady, actions);
    }

    /// Discards the book; the stream's next update starts a new one.
    pub(super) fn lose_book(&mut self, why: BookLoss, actions: &mut Actions) {
        let _lost = self.sync.lose(why);
        self.quoting.is_book_announced = false;
        self.timers.stop(Timer::Snapshot);
        self.say(What::BookLost(why), actions);
    }

    /// Fetches a snapshot unless one is on its way or was fetched a moment ago.
    fn want_snapshot(&mut self, now: Mono, actions: &mut Actions) {
        self.quoting.is_book_announced = false;
        if self.sync.needs_snapshot() && self.timers.due_at(Timer::Snapshot).is_none() {
            self.fetch_snapshot(now, actions);
        }
    }

    pub(super) fn fetch_snapshot(&mut self, now: Mono, actions: &mut Actions) {
        if self.sync.needs_snapshot() {
            actions.push(Action::FetchSnapshot(self.symbol));
            self.timers
                .schedule(Timer::Snapshot, now.after(SNAPSHOT_RETRY));
        }
    }

    fn on_book_ticker(&mut self, now: Now, ticker: &BookTicker, actions: &mut Actions) {
        self.heard(Stream::BookTicker, now, ticker.event_time, actions);
    }

    fn on_trade(&mut self, now: Now, trade: &Trade, actions: &mut Actions) {
        self.heard(Stream::Trade, now, trade.event_time, actions);
        self.vpin.on_trade(now, trade, &self.params.quoting.vpin);
        self.strategy.on_trade(now, trade);
    }

    fn on_status(&mut self, status: ContractStatus, actions: &mut Actions) {
        if status != self.contract {
            self.contract = status;
            self.say(What::SymbolTrading(status), actions);
        }
    }

    fn on_malformed(&mut self, stream: Stream, why: Malformed, actions: &mut Actions) {
        self.say(What::BadFrame(stream, why), actions);
        if stream == Stream::Depth {
            self.lose_book(BookLoss::BadFrame, actions);
        }
    }

    /// The exchange's top of book by REST: the same touch confirms the book at the instant of the request.
    pub(in crate::engine) fn on_probe(
        &mut self,
        requested_at: Mono,
        seen: &BookTicker,
        actions: &mut Actions,
    ) {
        let same = self
            .touch()
            .is_some_and(|t| t.bid.price == seen.bid.price && t.ask.price == seen.ask.price);
        if same && self.liveness.on_confirmed(requested_at) {
            self.say(What::StreamBack(Stream::Depth), actions);
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
                if *stream == Stream::Depth && self.sync.book().is_some() {
                    self.lose_book(BookLoss::StreamLost, actions);
                }
            }
        }
    }
}
