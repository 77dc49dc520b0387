//! Owns what one reply, event or time-out adds to the facts of an order; knows nothing of what is derived from
//! them.

use super::{CANCEL_GRACE, Doubt, End, Order, OrderState, PATIENCE, RETRY_FIRST, RETRY_MAX};
use crate::event::{
    ExchangeStatus, Execution, Fill, OrderReport, OrderUpdate, Outcome, Refusal, Why,
};
use crate::units::{Lots, Mono, Span};

/// What an answer could have seen.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Seen {
    /// It was surely asked for after patience had passed: what is not there now will not come.
    All,
    /// It may have been asked for before, and a request in doubt may have been carried out since.
    Early,
}

impl Order {
    pub(super) fn on_place(&mut self, outcome: &Outcome<OrderReport>, now: Mono) {
        match outcome {
            Outcome::Accepted(report) => self.absorb(report, now),
            Outcome::Refused(refusal) if refusal.why == Why::Duplicate => self.on_duplicate(now),
            Outcome::Refused(refusal) => {
                if self.end.is_some() {
                } else if self.confirmed {
                    // The exchange showed it and now denies it (a retry was refused): ask.
                    self.suspect(Doubt::Existence, now);
                } else {
                    self.finish(End::Refused(refusal.why), now);
                }
            }
            Outcome::Unknown => {
                if self.end.is_none() && !self.confirmed {
                    self.suspect(Doubt::Place, now);
                }
            }
        }
    }

    /// −4116: an open order carries this id, so it exists; its price and size are asked for.
    fn on_duplicate(&mut self, now: Mono) {
        if !self.confirmed && self.is_open_or_reopened() {
            self.confirmed = true;
            self.suspect(Doubt::Existence, now);
        }
    }

    pub(super) fn on_amend(&mut self, outcome: &Outcome<OrderReport>, now: Mono) {
        self.amend_answer_due = None;
        match outcome {
            Outcome::Accepted(report) => {
                self.absorb(report, now);
                self.drop_target();
            }
            Outcome::Refused(refusal) => self.on_amend_refused(refusal, now),
            Outcome::Unknown => {
                if self.end.is_none() && self.target.is_some() {
                    self.suspect(Doubt::Amend, now);
                }
            }
        }
    }

    fn on_amend_refused(&mut self, refusal: &Refusal, now: Mono) {
        if self.end.is_some() {
            return;
        }
        match refusal.why {
            Why::NoSuchOrder => {
                if self.confirmed {
                    self.suspect(Doubt::Existence, now);
                }
            }
            // An earlier one of unknown outcome is being carried out: its report will say.
            Why::AmendPending => {
                if self.target.is_some() {
                    self.suspect(Doubt::Amend, now);
                }
            }
            Why::NoChange => {
                if let Some(target) = self.target {
                    self.price = target.price;
                    self.size = target.size;
                }
                self.drop_target();
            }
            Why::NotSent
            | Why::OrderRate
            | Why::Weight
            | Why::Throttled
            | Why::Transient
            | Why::Clock => {
                self.drop_target();
            }
            Why::WouldTake
            | Why::Duplicate
            | Why::Margin
            | Why::ReduceOnly
            | Why::TooManyOpen
            | Why::PriceBand
            | Why::Rejected
            | Why::AmendImpossible
            | Why::ListenKey
            | Why::SymbolHalted
            | Why::ReduceOnlyMode
            | Why::Auth
            | Why::Account => {
                self.drop_target();
                self.amendable = false;
            }
        }
    }

    fn drop_target(&mut self) {
        self.target = None;
        if self.doubt == Some(Doubt::Amend) {
            self.doubt = None;
        }
    }

    pub(super) fn on_cancel(&mut self, outcome: &Outcome<OrderReport>, now: Mono) {
        let was_canceling = core::mem::replace(&mut self.canceling, false);
        match outcome {
            Outcome::Accepted(report) if report.status.is_terminal() && self.end.is_none() => {
                self.on_cancel_acknowledged(report, now);
            }
            Outcome::Accepted(report) => {
                self.absorb(report, now);
                if self.end.is_none() {
                    self.suspect(Doubt::Cancel, now);
                }
            }
            Outcome::Refused(refusal) => {
                self.pace_cancels(refusal.retry_after, now);
                // Filled, cancelled, expired, or not yet visible: ask, then forget (protocol §7).
                if refusal.why == Why::NoSuchOrder
                    && self.end.is_none()
                    && (was_canceling || self.confirmed)
                {
                    self.suspect(Doubt::Cancel, now);
                }
            }
            Outcome::Unknown => {
                self.pace_cancels(Span::ZERO, now);
                if was_canceling && self.end.is_none() {
                    self.suspect(Doubt::Cancel, now);
                }
            }
        }
    }

    /// The exchange says that it is over. The event of its end says so within milliseconds; until that came, or a query
    /// found the same, it counts in full: an exchange that acknowledges cancels and does nothing would otherwise be given
    /// another order for each.
    fn on_cancel_acknowledged(&mut self, report: &OrderReport, now: Mono) {
        self.take_over(report, now);
        self.canceling = true;
        self.cancel_due = now.after(CANCEL_GRACE);
    }

    fn pace_cancels(&mut self, retry_after: Span, now: Mono) {
        self.cancel_not_before = now.after(retry_pause(self.cancels).max(retry_after));
        self.cancels = self.cancels.saturating_add(1);
    }

    pub(super) fn on_query(&mut self, outcome: &Outcome<OrderReport>, now: Mono) {
        self.querying = false;
        let seen = self.seen_by_answer(now);
        match outcome {
            Outcome::Accepted(report) => {
                self.absorb(report, now);
                self.settle_by_query(seen, now);
            }
            Outcome::Refused(refusal) if refusal.why == Why::NoSuchOrder => {
                self.on_not_found(seen, now);
            }
            Outcome::Refused(refusal) => {
                self.pace_queries(refusal.retry_after, now);
            }
            Outcome::Unknown => self.pace_queries(Span::ZERO, now),
        }
    }

    /// Takes one answer to a query into account. It counts for what it could have seen when it was asked for, not for
    /// when it comes: answers to several queries cannot be told apart.
    fn seen_by_answer(&mut self, now: Mono) -> Seen {
        let seen = match now < self.early_until || now < self.patient_until {
            true => Seen::Early,
            false => Seen::All,
        };
        self.unanswered = self.unanswered.saturating_sub(1);
        if self.unanswered == 0 {
            self.early_until = Mono::ZERO;
        }
        seen
    }

    /// A line of a list of open orders.
    pub(super) fn on_listed(&mut self, report: &OrderReport, requested_at: Mono, now: Mono) {
        let seen = match requested_at < self.patient_until {
            true => Seen::Early,
            false => Seen::All,
        };
        self.absorb(report, now);
        self.settle_by_query(seen, now);
    }

    /// A query found it open: whatever was in doubt is settled, except an amendment that may still arrive.
    fn settle_by_query(&mut self, seen: Seen, now: Mono) {
        if self.end.is_some() || self.doubt.is_none() {
            return;
        }
        if self.target.is_some() && seen == Seen::Early {
            self.doubt = Some(Doubt::Amend);
            self.pace_queries(Span::ZERO, now);
        } else {
            self.target = None;
            self.doubt = None;
        }
    }

    fn on_not_found(&mut self, seen: Seen, now: Mono) {
        if self.end.is_some() {
            return;
        }
        if self.doubt.is_none() {
            if self.confirmed && !self.canceling {
                self.suspect(Doubt::Existence, now);
                self.pace_queries(Span::ZERO, now);
            }
        } else if seen == Seen::Early {
            self.pace_queries(Span::ZERO, now);
        } else if self.confirmed {
            self.finish(End::Vanished, now);
        } else {
            self.finish(End::NotPlaced, now);
        }
    }

    /// The pause is not longer than patience: from then on one answer ends the doubt, and a slot waits for it. When patience
    /// has passed and an answer could still be an early one, it is not longer than that.
    fn pace_queries(&mut self, retry_after: Span, now: Mono) {
        let mut pause = retry_pause(self.queries);
        let conclusive = self.patient_until.max(self.early_until);
        if now < conclusive {
            pause = pause.min(conclusive.since(now));
        }
        self.query_due = now.after(pause.max(retry_after));
    }

    pub(super) fn on_event(&mut self, update: &OrderUpdate, now: Mono) {
        self.absorb(&update.report, now);
        if let Some(Fill { trade_id, size, .. }) = update.fill {
            self.on_trade(trade_id, size, now);
        }
        match update.execution {
            Execution::Unrecognised => {
                if self.end.is_none() {
                    self.suspect(Doubt::Existence, now);
                }
            }
            Execution::New
            | Execution::Trade
            | Execution::Canceled
            | Execution::Expired
            | Execution::Amended
            | Execution::Liquidation => {}
        }
    }

    /// Trade ids rise within an order, so the highest one seen tells a repeated trade. One that overtakes
    /// another leaves the other unbooked until the position is synchronised: too much exposure, never too little.
    pub(super) fn on_trade(&mut self, trade_id: i64, size: Lots, now: Mono) {
        if trade_id <= self.trade_id_max || !size.is_positive() {
            return;
        }
        self.trade_id_max = trade_id;
        self.raise_filled(self.booked.saturating_add(size).min(self.size_max()), now);
        // A synchronised position may contain more than was ever reported of an order that vanished.
        let booked = self.booked.saturating_add(size).min(self.filled);
        self.booked = self.booked.max(booked);
        match self.end {
            None => self.note_existence(),
            Some(End::Final(_)) => {}
            Some(End::Refused(_) | End::NotPlaced | End::Vanished) => {
                self.end = None;
                self.confirmed = true;
                self.suspect(Doubt::Existence, now);
            }
        }
    }

    pub(super) fn on_timeout(&mut self, now: Mono) {
        match self.state() {
            OrderState::Placing => self.suspect(Doubt::Place, now),
            OrderState::Amending => self.suspect(Doubt::Amend, now),
            OrderState::Canceling => {
                self.canceling = false;
                self.pace_cancels(Span::ZERO, now);
                self.suspect(Doubt::Cancel, now);
            }
            OrderState::Unknown => {
                self.querying = false;
                self.query_due = now;
            }
            OrderState::Live | OrderState::Done => {}
        }
    }

    /// Merges what the exchange says of the order at one instant.
    pub(super) fn absorb(&mut self, report: &OrderReport, now: Mono) {
        if let Some(End::Final(_)) = self.end {
            self.raise_filled(report.filled, now);
            return;
        }
        if self.end.take().is_some() {
            // Taken for gone, and yet reported: it counts again, and is asked for.
            self.suspect(Doubt::Existence, now);
        }
        self.take_over(report, now);
        if report.status.is_terminal() {
            self.finish(End::Final(report.status), now);
        } else if report.status == ExchangeStatus::Unrecognised && self.doubt.is_none() {
            self.suspect(Doubt::Existence, now);
        }
    }

    /// What a report says besides the status.
    fn take_over(&mut self, report: &OrderReport, now: Mono) {
        self.exchange_id = report.exchange_id;
        self.note_existence();
        self.raise_filled(report.filled, now);
        if report.time >= self.reported {
            self.reported = report.time;
            if report.price.is_positive() {
                self.price = report.price;
            }
            if report.size.is_positive() {
                self.size = report.size.max(self.filled);
            }
            if self
                .target
                .is_some_and(|t| (t.price, t.size) == (report.price, report.size))
            {
                self.drop_target();
            }
        }
    }

    fn note_existence(&mut self) {
        self.confirmed = true;
        if self.doubt == Some(Doubt::Place) {
            self.doubt = None;
        }
    }

    pub(super) fn raise_filled(&mut self, filled: Lots, now: Mono) {
        if filled > self.filled {
            self.filled = filled;
            self.filled_at = now;
        }
    }

    fn is_open_or_reopened(&mut self) -> bool {
        match self.end {
            None => true,
            Some(End::Final(_)) => false,
            Some(End::Refused(_) | End::NotPlaced | End::Vanished) => {
                self.end = None;
                true
            }
        }
    }

    pub(super) fn suspect(&mut self, doubt: Doubt, now: Mono) {
        match self.doubt {
            // What only a query settles outranks what any report settles.
            Some(Doubt::Cancel | Doubt::Existence) => return,
            Some(Doubt::Place | Doubt::Amend) => {}
            None => self.query_due = now,
        }
        self.doubt = Some(doubt);
        match doubt {
            // Counted from the request itself, which the exchange takes up in time or not at all.
            Doubt::Place | Doubt::Amend => {}
            Doubt::Cancel | Doubt::Existence => {
                if self.confirmed {
                    self.patient_until = self.patient_until.max(now.after(PATIENCE));
                    if self.unanswered > 0 {
                        self.early_until = self.answers_until;
                    }
                }
            }
        }
    }

    pub(super) fn finish(&mut self, end: End, now: Mono) {
        self.end = Some(end);
        self.ended_at = now;
        self.canceling = false;
        self.doubt = None;
        // A vanished order may have been amended first: its reach stays the larger size.
        if let Some(target) = self.target.take().filter(|_| end == End::Vanished) {
            self.size = self.size.max(target.size);
        }
    }
}

/// Pause before attempt `n + 1`: doubles from [`RETRY_FIRST`] to [`RETRY_MAX`].
fn retry_pause(n: u8) -> Span {
    Span(RETRY_FIRST.0 << n.min(4)).min(RETRY_MAX)
}
