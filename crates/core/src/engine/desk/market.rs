//! Owns what market data does to a desk.

use super::{Desk, SNAPSHOT_RETRY};
use crate::action::{Action, Actions};
use crate::book::sync::{DepthOutcome, SnapshotOutcome};
use crate::engine::requests::Request;
use crate::engine::shared::Shared;
use crate::engine::timers::Timer;
use crate::event::{BookTicker, ContractStatus, DepthUpdate, Malformed, Market, Stream, Trade};
use crate::notice::{BookLoss, HaltReason, What};
use crate::strategy::Strategy;
use crate::units::{Mono, Now, Span};

impl Desk {
    /// Takes in market data; what follows from it is done by `act`.
    pub(in crate::engine) fn on_market(
        &mut self,
        now: Now,
        market: &Market<'_>,
        shared: &mut Shared,
        actions: &mut Actions,
    ) {
        match market {
            Market::Depth(update) => self.on_depth(now, update, shared, actions),
            Market::Snapshot(snapshot) => {
                let outcome = self.sync.on_snapshot(snapshot);
                self.on_snapshot_outcome(outcome, now.mono, actions);
            }
            Market::SnapshotFailed(refusal) => {
                let pause = Span(SNAPSHOT_RETRY.raw() << self.snapshots_failed.min(2));
                self.snapshots_failed = self.snapshots_failed.saturating_add(1);
                let at = now.mono.after(refusal.retry_after.max(pause));
                shared.on_refused(refusal, now.mono, Some(self.symbol), actions);
                self.timers.schedule(Timer::Snapshot, at);
            }
            Market::BookTicker(ticker) => self.on_book_ticker(now, ticker, actions),
            Market::Trade(trade) => self.on_trade(now, trade, shared, actions),
            Market::Mark(mark) => {
                self.heard(Stream::Mark, now, mark.event_time, actions);
                self.funding
                    .on_mark(mark, self.params.quoting.funding_alpha);
                self.mark = Some(*mark);
                let mid = self.mid();
                let doubt =
                    mid.and_then(|mid| self.vouch.evidence.on_mark(mark.mark, mid, now.mono));
                if let Some(doubt) = doubt {
                    self.on_doubt(doubt, now.mono, shared, actions);
                }
            }
            Market::Status(status) => self.on_status(*status, actions),
            Market::Malformed(stream, why) => self.on_malformed(*stream, *why, now.mono, actions),
        }
    }

    fn on_depth(
        &mut self,
        now: Now,
        update: &DepthUpdate<'_>,
        shared: &mut Shared,
        actions: &mut Actions,
    ) {
        match self.sync.on_depth(update) {
            DepthOutcome::Applied => {
                self.heard(Stream::Depth, now, update.event_time, actions);
                if !self.quoting.is_book_announced {
                    self.on_book_ready(now.mono, actions);
                }
                self.offer_touch(update.event_time, now.mono, actions);
            }
            DepthOutcome::Buffered => {
                self.heard(Stream::Depth, now, update.event_time, actions);
                self.want_snapshot(now.mono, shared, actions);
            }
            // A repetition of what is known proves nothing about what is new.
            DepthOutcome::Ignored => {}
            DepthOutcome::Lost(why) => {
                self.on_book_lost(why, actions);
                self.want_snapshot(now.mono, shared, actions);
            }
        }
    }

    fn on_snapshot_outcome(&mut self, outcome: SnapshotOutcome, now: Mono, actions: &mut Actions) {
        match outcome {
            SnapshotOutcome::Bridged => self.on_book_ready(now, actions),
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
                self.on_book_lost(why, actions);
                self.timers
                    .schedule(Timer::Snapshot, now.after(SNAPSHOT_RETRY));
            }
        }
    }

    fn on_book_ready(&mut self, now: Mono, actions: &mut Actions) {
        self.begin_probation(now);
        self.timers.stop(Timer::Snapshot);
        self.snapshots_failed = 0;
        self.quoting.is_book_announced = true;
        self.quoting.demand();
        self.say(What::BookReady, actions);
    }

    /// Discards the book; the stream's next update starts a new one.
    pub(super) fn lose_book(&mut self, why: BookLoss, now: Mono, actions: &mut Actions) {
        let _lost = self.sync.lose(why);
        self.on_book_lost(why, actions);
        // The next update asks for a snapshot, but not sooner after the last one than is allowed.
        let at = self.snapshot_at.map(|at| at.after(SNAPSHOT_RETRY));
        match at.filter(|at| *at > now) {
            Some(at) => self.timers.schedule(Timer::Snapshot, at),
            None => self.timers.stop(Timer::Snapshot),
        }
    }

    /// Tells people once that there is no book, however often it is lost while being rebuilt.
    fn on_book_lost(&mut self, why: BookLoss, actions: &mut Actions) {
        self.vouch.on_book_lost();
        if self.quoting.is_book_announced {
            self.quoting.is_book_announced = false;
            self.say(What::BookLost(why), actions);
        }
    }

    /// Fetches a snapshot unless one is on its way or was fetched a moment ago.
    fn want_snapshot(&mut self, now: Mono, shared: &mut Shared, actions: &mut Actions) {
        if !self.sync.needs_snapshot() || self.timers.due_at(Timer::Snapshot).is_some() {
            return;
        }
        match self.snapshot_at.map(|at| at.after(SNAPSHOT_RETRY)) {
            Some(at) if at > now => self.timers.schedule(Timer::Snapshot, at),
            Some(_) | None => self.fetch_snapshot(now, shared, actions),
        }
    }

    pub(super) fn fetch_snapshot(&mut self, now: Mono, shared: &mut Shared, actions: &mut Actions) {
        if !self.sync.needs_snapshot() {
            return;
        }
        if !shared.may_ask(Request::Snapshot, now) {
            self.timers
                .schedule(Timer::Snapshot, shared.weight.next_check(now));
            return;
        }
        self.snapshot_at = Some(now);
        actions.push(Action::FetchSnapshot(self.symbol));
        self.timers
            .schedule(Timer::Snapshot, now.after(SNAPSHOT_RETRY));
    }

    fn on_book_ticker(&mut self, now: Now, ticker: &BookTicker, actions: &mut Actions) {
        self.heard(Stream::BookTicker, now, ticker.event_time, actions);
        self.note_ahead(ticker, now.mono);
        let testimony = self.vouch.witness.on_ticker(ticker);
        if self.touch().is_some() {
            self.on_testimony(testimony, now.mono, actions);
        }
    }

    fn on_trade(&mut self, now: Now, trade: &Trade, shared: &mut Shared, actions: &mut Actions) {
        self.heard(Stream::Trade, now, trade.event_time, actions);
        if let Some(doubt) = self.vouch.evidence.on_trade(trade, now.mono) {
            self.on_doubt(doubt, now.mono, shared, actions);
        }
        self.note_passed(trade, now.mono);
        self.vpin.on_trade(now, trade, &self.params.quoting.vpin);
        self.strategy.on_trade(now, trade);
    }

    fn on_status(&mut self, status: ContractStatus, actions: &mut Actions) {
        if status != self.contract {
            self.contract = status;
            // It speaks for itself: a halt that guessed at it ends.
            if status == ContractStatus::Trading
                && self.halt.is_some_and(|h| h.reason == HaltReason::Symbol)
            {
                self.halt = None;
            }
            self.quoting.demand();
            self.say(What::SymbolTrading(status), actions);
        }
    }

    fn on_malformed(&mut self, stream: Stream, why: Malformed, now: Mono, actions: &mut Actions) {
        self.say(What::BadFrame(stream, why), actions);
        if stream == Stream::Depth {
            self.lose_book(BookLoss::BadFrame, now, actions);
        }
    }
}
