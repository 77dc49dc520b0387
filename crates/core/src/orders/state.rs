//! Owns the life of one order: what each reply, event and time-out says about it; knows nothing of other
//! orders, slots or budgets.
//!
//! An order is a handful of facts (confirmed by the exchange? cancel outstanding? amendment outstanding?
//! in doubt? ended?), and its [`OrderState`] is derived from them by one rule ([`Order::state`]). So replies and
//! events may come in either order: each adds its fact, and the facts commute.
//!
//! Two quantities are kept apart. `filled` is the largest cumulative quantity the exchange reported by any way;
//! `booked` is the part whose trades were delivered and thus are in the position. Exposure is
//! counted against `booked`, so that a fill which a REST answer reports before its trade arrives is never
//! missing from both.

mod learn;

use crate::event::{ExchangeStatus, LiteFill, OrderReport, OrderUpdate, Outcome, Why};
use crate::order::{Amendment, Execute, NewOrder, OrderId, Owner};
use crate::units::{Lots, Mono, Side, Span, Ticks, Wall};

/// How long "no such order" is taken for replication lag, counted from the request in doubt
/// (protocol §9 F9, F10). The exchange drops requests that arrive later than their recvWindow (5 s).
pub const PATIENCE: Span = Span::from_secs(5);
/// How long after an acknowledged cancel the event of the order's end is waited for before it is asked for.
pub const CANCEL_GRACE: Span = Span::from_millis(500);
/// First pause between two queries (or two cancels) of the same order; doubles each time.
pub const RETRY_FIRST: Span = Span::from_millis(250);
/// Longest such pause.
pub const RETRY_MAX: Span = Span::from_secs(4);

/// Where an order stands. Everything but `Done` counts in full as exposure.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum OrderState {
    /// Sent, nothing heard.
    Placing,
    /// Confirmed, no request outstanding.
    Live,
    /// An amendment is outstanding.
    Amending,
    /// A cancel is outstanding.
    Canceling,
    /// The outcome of a request is unknown; being asked for.
    Unknown,
    /// Can never fill again.
    Done,
}

/// A request whose outcome is in doubt.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Doubt {
    /// Whether it was ever placed: any report settles it.
    Place,
    /// Whether the amendment was made: a report of the target settles it, or patience.
    Amend,
    /// Whether it was cancelled: only a query or its end settles it.
    Cancel,
    /// Whether it still rests (unknown status, missing from a list): only a query or its end settles it.
    Existence,
}

/// How an order ended.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum End {
    /// The exchange reported a terminal status: nothing brings it back.
    Final(ExchangeStatus),
    /// The exchange refused it: it never rested.
    Refused(Why),
    /// Unconfirmed and not found for [`PATIENCE`]: taken as never placed. A report of it brings it back.
    NotPlaced,
    /// Confirmed once and not found for [`PATIENCE`]: it ended unseen, and what remained may have filled;
    /// it counts as exposure until the position is synchronised.
    Vanished,
}

/// What an amendment asks for; `size` is the total.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Target {
    /// New price.
    pub price: Ticks,
    /// New total size.
    pub size: Lots,
}

/// One thing learned about an order.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Input<'a> {
    /// Answer to placing.
    Place(&'a Outcome<OrderReport>),
    /// Answer to an amendment.
    Amend(&'a Outcome<OrderReport>),
    /// Answer to a cancel.
    Cancel(&'a Outcome<OrderReport>),
    /// Answer to a query.
    Query(&'a Outcome<OrderReport>),
    /// The order's line in a list of open orders, and when the list was requested.
    Listed(&'a OrderReport, Mono),
    /// ORDER_TRADE_UPDATE.
    Event(&'a OrderUpdate),
    /// TRADE_LITE.
    Lite(&'a LiteFill),
    /// The deadline of what was outstanding has passed.
    Timeout,
}

/// An order of ours.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Order {
    /// Client order id.
    pub id: OrderId,
    /// Side.
    pub side: Side,
    /// How it executes.
    pub execute: Execute,
    /// Price, as last reported (as sent until then).
    pub price: Ticks,
    /// Total size as the exchange keeps it (as sent until reported; reduce-only may be clamped).
    pub size: Lots,
    /// Cumulative filled quantity, the largest ever reported.
    pub filled: Lots,
    /// Part of `filled` whose trades were delivered, or that a synchronised position contains.
    pub booked: Lots,
    /// The exchange's id; zero until reported.
    pub exchange_id: i64,
    /// When it was sent, or adopted.
    pub placed_at: Mono,
    /// Outstanding amendment.
    pub target: Option<Target>,
    /// Whether amending it makes sense; false after a refused amendment: cancel and place anew.
    pub amendable: bool,
    /// No further cancel before this instant: refused cancels are repeated with a growing pause.
    pub cancel_not_before: Mono,
    confirmed: bool,
    canceling: bool,
    doubt: Option<Doubt>,
    end: Option<End>,
    ended_at: Mono,
    /// When `filled` last rose, for position synchronisation.
    filled_at: Mono,
    /// When state, price, size or `filled` last changed, or a request about it was sent.
    changed_at: Mono,
    /// Exchange time of the newest report, so that an older one does not bring back an old price.
    reported: Wall,
    trade_id_max: i64,
    patient_until: Mono,
    /// When the answer to placing or amending is overdue.
    request_due: Mono,
    /// When the answer to a cancel is overdue.
    cancel_due: Mono,
    /// When the next query is to be sent, or the answer to the one on its way is overdue.
    query_due: Mono,
    /// Until then an answer to an amendment may come; a second one would be confused with it.
    amend_answer_due: Option<Mono>,
    querying: bool,
    queries: u8,
    /// Queries without an answer, and until when an answer to one of them may still come.
    unanswered: u8,
    answers_until: Mono,
    /// Until then an answer may be that to a query of before `patient_until`, which saw too little.
    early_until: Mono,
    cancels: u8,
}

impl Order {
    /// An order that is about to be sent; its answer is due at `now + timeout`.
    #[must_use]
    pub fn sent(order: &NewOrder, now: Mono, timeout: Span) -> Self {
        Self {
            id: order.id,
            side: order.side,
            execute: order.execute,
            price: order.price,
            size: order.size,
            filled: Lots::ZERO,
            booked: Lots::ZERO,
            exchange_id: 0,
            placed_at: now,
            target: None,
            amendable: true,
            cancel_not_before: now,
            confirmed: false,
            canceling: false,
            doubt: None,
            end: None,
            ended_at: now,
            filled_at: now,
            changed_at: now,
            reported: Wall::ZERO,
            trade_id_max: i64::MIN,
            patient_until: now.after(PATIENCE),
            request_due: now.after(timeout),
            cancel_due: now,
            query_due: now,
            amend_answer_due: None,
            querying: false,
            queries: 0,
            unanswered: 0,
            answers_until: now,
            early_until: now,
            cancels: 0,
        }
    }

    /// An order found at the exchange. What it filled before is taken as booked: the position that was read
    /// from the exchange contains it.
    #[must_use]
    pub fn adopted(id: OrderId, report: &OrderReport, now: Mono) -> Self {
        let order = NewOrder {
            symbol: report.symbol,
            id,
            side: report.side,
            price: report.price,
            size: report.size,
            execute: match report.reduce_only {
                true => Execute::PostOnlyReduce,
                false => Execute::PostOnly,
            },
        };
        let mut adopted = Self::sent(&order, now, Span::ZERO);
        adopted.filled = report.filled;
        adopted.booked = report.filled;
        adopted.absorb(report, now);
        adopted
    }

    /// The state that the facts amount to.
    #[inline]
    #[must_use]
    pub const fn state(&self) -> OrderState {
        if self.end.is_some() {
            OrderState::Done
        } else if self.canceling {
            OrderState::Canceling
        } else if self.doubt.is_some() {
            OrderState::Unknown
        } else if !self.confirmed {
            OrderState::Placing
        } else if self.target.is_some() {
            OrderState::Amending
        } else {
            OrderState::Live
        }
    }

    /// What is in doubt, if anything.
    #[must_use]
    pub const fn doubt(&self) -> Option<Doubt> {
        self.doubt
    }

    /// How it ended, once `Done`.
    #[must_use]
    pub const fn end(&self) -> Option<End> {
        self.end
    }

    /// When it ended; meaningless before.
    #[must_use]
    pub const fn ended_at(&self) -> Mono {
        self.ended_at
    }

    /// When state, price, size or fills last changed, or a request about it was sent: lists requested before say
    /// nothing against it.
    #[must_use]
    pub const fn changed_at(&self) -> Mono {
        self.changed_at
    }

    /// Whether the exchange ever showed it to us.
    #[must_use]
    pub const fn is_confirmed(&self) -> bool {
        self.confirmed
    }

    /// When the answer to what is outstanding is due, or the next query.
    #[inline]
    #[must_use]
    pub const fn deadline(&self) -> Option<Mono> {
        match self.state() {
            OrderState::Placing | OrderState::Amending => Some(self.request_due),
            OrderState::Canceling => Some(self.cancel_due),
            OrderState::Unknown => Some(self.query_due),
            OrderState::Live | OrderState::Done => None,
        }
    }

    /// Whether an amendment may be sent: it rests, no earlier one can still be answered, and none was refused.
    #[inline]
    #[must_use]
    pub fn can_amend(&self, now: Mono) -> bool {
        self.state() == OrderState::Live
            && self.amendable
            && self.amend_answer_due.is_none_or(|due| now >= due)
    }

    /// Whether a cancel may be sent: it can still fill, none is outstanding, and the pause after a refused
    /// one has passed.
    #[inline]
    #[must_use]
    pub fn can_cancel(&self, now: Mono) -> bool {
        self.end.is_none() && !self.canceling && now >= self.cancel_not_before
    }

    /// Whether it can still fill and nobody has asked for its cancellation.
    #[must_use]
    pub const fn is_left(&self) -> bool {
        self.end.is_none() && !self.canceling && self.cancels == 0
    }

    /// Whether a query is on its way.
    #[must_use]
    pub const fn is_querying(&self) -> bool {
        self.querying
    }

    /// Price where it will rest if all that is outstanding succeeds.
    #[inline]
    #[must_use]
    pub const fn price_wanted(&self) -> Ticks {
        match self.target {
            Some(target) => target.price,
            None => self.price,
        }
    }

    /// Total size if all that is outstanding succeeds.
    #[inline]
    #[must_use]
    pub const fn size_wanted(&self) -> Lots {
        match self.target {
            Some(target) => target.size,
            None => self.size,
        }
    }

    /// What could still fill: zero once done, else the larger of old and amended size, less `filled`.
    #[inline]
    #[must_use]
    pub fn remaining(&self) -> Lots {
        match self.end {
            Some(_) => Lots::ZERO,
            None => Lots((self.size_max().0 - self.filled.0).max(0)),
        }
    }

    /// What it may still add to the position in its direction: all that could fill, and all that has filled
    /// but is not in the position yet.
    #[inline]
    #[must_use]
    pub fn exposure(&self) -> Lots {
        let reach = match self.end {
            None | Some(End::Vanished) => self.size_max().0.max(self.filled.0),
            Some(End::Final(_) | End::Refused(_) | End::NotPlaced) => self.filled.0,
        };
        Lots((reach - self.booked.0).max(0))
    }

    /// Since when a fill is known whose trade was not delivered.
    #[must_use]
    pub fn unbooked_since(&self) -> Option<Mono> {
        match self.end {
            Some(End::Vanished) => (self.exposure().is_positive()).then_some(self.ended_at),
            None | Some(End::Final(_) | End::Refused(_) | End::NotPlaced) => {
                (self.filled > self.booked).then_some(self.filled_at)
            }
        }
    }

    const fn size_max(&self) -> Lots {
        match self.target {
            Some(target) if target.size.0 > self.size.0 => target.size,
            Some(_) | None => self.size,
        }
    }

    /// Notes that a cancel is about to be sent.
    pub fn on_cancel_sent(&mut self, now: Mono, timeout: Span) {
        if self.end.is_none() {
            self.canceling = true;
            self.changed_at = now;
            self.cancel_due = now.after(timeout);
        }
    }

    /// Notes that the exchange says it cancelled every order: the event of this one is due within [`CANCEL_GRACE`].
    pub fn on_cancel_confirmed_for_all(&mut self, now: Mono) {
        if self.canceling {
            self.cancel_due = self.cancel_due.min(now.after(CANCEL_GRACE));
        }
    }

    /// Notes that an amendment is about to be sent.
    pub fn on_amend_sent(&mut self, amendment: &Amendment, now: Mono, timeout: Span) {
        if self.end.is_none() {
            self.target = Some(Target {
                price: amendment.price,
                size: amendment.size,
            });
            self.patient_until = now.after(PATIENCE);
            self.changed_at = now;
            self.request_due = now.after(timeout);
            self.amend_answer_due = Some(self.request_due);
        }
    }

    /// Notes that a query is about to be sent.
    pub fn on_query_sent(&mut self, now: Mono, timeout: Span) {
        self.querying = true;
        self.queries = self.queries.saturating_add(1);
        self.query_due = now.after(timeout);
        if now >= self.answers_until {
            self.unanswered = 0;
        }
        self.unanswered = self.unanswered.saturating_add(1);
        // A driver reports a request without an answer by then, and never answers it later.
        self.answers_until = now.after(timeout.max(PATIENCE));
        if now < self.patient_until {
            self.early_until = self.answers_until;
        }
    }

    /// Puts a due query off, because enough others are on their way.
    pub fn postpone_query(&mut self, until: Mono) {
        self.query_due = until;
    }

    /// Takes the position read from the exchange at `requested_at` as containing every fill known by then.
    pub fn on_position_synced(&mut self, requested_at: Mono) {
        if self.filled_at <= requested_at {
            self.booked = self.booked.max(self.filled);
        }
        if self.end == Some(End::Vanished) && self.ended_at <= requested_at {
            self.booked = self.booked.max(self.size_max());
        }
    }

    /// Notes that the position has the first `filled` of what filled.
    pub fn on_contained(&mut self, filled: Lots) {
        self.booked = self.booked.max(filled.min(self.filled));
    }

    /// Books `size` of a trade that was found by back-fill and that the position did not have.
    pub fn on_backfill(&mut self, size: Lots, now: Mono) {
        let booked = self.booked.saturating_add(size);
        self.raise_filled(booked.min(self.size_max()), now);
        self.booked = self.booked.max(booked.min(self.filled));
    }

    /// Notes that the order should exist but was not in a list requested when it rested.
    pub fn on_missing(&mut self, now: Mono) {
        if self.end.is_none() {
            self.suspect(Doubt::Existence, now);
            self.changed_at = now;
        }
    }

    /// Draws the conclusion from a list of open orders that lacks this order in doubt, when its patience had
    /// passed by the time the list was requested. Queries may fail for ever; this ends the doubt without them.
    pub fn conclude_missing(&mut self, requested_at: Mono, now: Mono) {
        if self.end.is_none() && self.doubt.is_some() && requested_at >= self.patient_until {
            self.finish(End::Vanished, now);
        }
    }

    /// Learns one thing. Returns the quantity whose trade was new (to be booked by the position).
    pub fn apply(&mut self, input: Input<'_>, now: Mono) -> Lots {
        let booked = self.booked;
        let facts = |o: &Self| (o.state(), o.doubt, o.price, o.size, o.filled);
        let before = facts(self);
        match input {
            Input::Place(outcome) => self.on_place(outcome, now),
            Input::Amend(outcome) => self.on_amend(outcome, now),
            Input::Cancel(outcome) => self.on_cancel(outcome, now),
            Input::Query(outcome) => self.on_query(outcome, now),
            Input::Listed(report, requested_at) => self.on_listed(report, requested_at, now),
            Input::Event(update) => self.on_event(update, now),
            Input::Lite(lite) => self.on_trade(lite.trade_id, lite.size, now),
            Input::Timeout => self.on_timeout(now),
        }
        if self.doubt.is_none() {
            self.querying = false;
            self.queries = 0;
        }
        if facts(self) != before {
            self.changed_at = now;
        }
        Lots(self.booked.0 - booked.0)
    }
}

/// The id of an order of this instance.
#[must_use]
pub const fn ours(owner: Owner) -> Option<OrderId> {
    match owner {
        Owner::Ours(id) => Some(id),
        Owner::OtherInstance | Owner::Foreign => None,
    }
}

#[cfg(test)]
mod tests;
