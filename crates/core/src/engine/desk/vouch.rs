//! Owns whether other sources agree with the book: the book-ticker stream, trades and mark price, and the top of book by
//! REST (spec §5); decides when the book is convicted.
//!
//! A probe and the stream never speak of quite the same instant. So a probe with another touch is doubt only: it
//! is repeated once the stream has had [`GRACE`] to say what the exchange already showed, and the book is convicted when
//! that one differs as well and its own touch has not moved meanwhile. While the touch moves, only a difference
//! beyond [`NEAR`] of where it has been counts.

mod asked;
pub mod evidence;

use super::Desk;
use crate::action::{Action, Actions};
use crate::book::Touch;
use crate::book::witness::{Testimony, Witness};
use crate::engine::probes::Scope;
use crate::engine::requests::Request;
use crate::engine::shared::Shared;
use crate::engine::timers::Timer;
use crate::event::{BookTicker, Link, Stream};
use crate::notice::{BookLoss, Doubt, What};
use crate::units::{E8, Mono, Now, Ratio, Span, Ticks, Wall};
use asked::Asked;
use core::hash::Hash;
use evidence::Evidence;

/// Two probes are at least this far apart, whoever wants them …
const PROBE_SPACING: Span = Span::from_millis(500);
/// … and this far while the book is in doubt.
const DOUBT_SPACING: Span = Span::from_millis(250);
/// What REST showed, the stream must say within this: its cadence, and the race of two connections.
const GRACE: Span = Span::from_millis(300);
/// Probes in a row that differ from a touch that stands still, until the book is convicted: of a stream that is silent
/// beyond its rhythm, or that others speak against; and of one that nothing else speaks against.
const DIFFERENCES_DOUBTED: u32 = 2;
const DIFFERENCES_MAX: u32 = 3;
/// Probes in a row that lie elsewhere than a touch that moves, until the book is convicted.
const ELSEWHERE_MAX: u32 = 2;
/// Share of the price within which a moving market explains a difference (0.05 %).
const NEAR: Ratio = Ratio(E8 / 2_000);
/// After the witness convicted a book it only asks for probes for this long: should it be the liar, quoting
/// is not lost to it for good.
const TRUST_AGAIN: Span = Span::from_secs(60);
/// A doubted book on which no probe was answered is not quoted on after this.
const PULL_AFTER: Span = Span::from_secs(1);
/// A book whose stream was convicted while it spoke is watched for this long before it is quoted on, times the number
/// of its convictions …
const PROBATION: Span = Span::from_secs(1);
/// … up to this often …
const PROBATIONS_MAX: u32 = 3;
/// … and they are forgotten after this.
const PROBATION_FORGOTTEN: Span = Span::from_secs(300);

/// Whether the book may be quoted on, as far as others speak for it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
enum Trust {
    #[default]
    Full,
    /// Doubted: unless a probe speaks for it, not any more from this instant on.
    Doubted(Mono),
    /// Rebuilt after a conviction: not before a probe that is sent at this instant or later speaks for it.
    Probation(Mono),
}

/// What was said about the present book.
#[derive(Clone, Debug, Default)]
pub(super) struct Vouch {
    pub(super) witness: Witness,
    pub(super) evidence: Evidence,
    trust: Trust,
    /// Probes that differed in a row while the touch stood still, and when the first and the last of them were asked.
    differences: u32,
    differs_from: Mono,
    differed_at: Mono,
    elsewhere: u32,
    /// When a probe that serves this book was last sent, and when one was last wished for.
    probed_at: Option<Mono>,
    wished_at: Option<Mono>,
    /// What the book showed when probes were sent.
    asked: Asked,
    /// Since when there is this book.
    book_at: Mono,
    /// Since when the ticker stream shows another touch with ids that the book has not reached.
    ahead_from: Option<Mono>,
    /// When the witness last convicted.
    convicted_at: Option<Mono>,
    /// Convictions of a stream that spoke, and the last of them.
    frozen: u32,
    frozen_at: Option<Mono>,
    is_on_probation: bool,
    /// The last answer that could be compared.
    last_check: Option<CrossCheck>,
}

/// What a probe says of the book.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Comparison {
    /// The same touch.
    Same,
    /// Another touch, as it must be when the market moves.
    Near,
    /// Another touch.
    Differs,
}

/// The last comparison of the book's touch with the exchange's by REST.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct CrossCheck {
    /// When it was asked.
    pub requested_at: Mono,
    /// When the answer came.
    pub answered_at: Mono,
    /// What it said.
    pub result: Comparison,
}

impl Vouch {
    /// The book is gone: nothing that was said concerns the next one.
    pub(super) fn on_book_lost(&mut self) {
        self.witness.clear();
        self.evidence.clear();
        self.trust = Trust::Full;
        self.differences = 0;
        self.elsewhere = 0;
        self.ahead_from = None;
        self.asked = Asked::default();
    }

    /// Adds what later verdicts depend on; the witness's tickers are left out.
    pub(super) fn digest(&self, digest: &mut crate::digest::Digest) {
        (self.evidence, self.trust, self.elsewhere).hash(digest);
        (self.differences, self.differs_from, self.differed_at).hash(digest);
        (self.probed_at, self.wished_at, self.book_at).hash(digest);
        self.asked.hash(digest);
        (self.ahead_from, self.convicted_at, self.last_check).hash(digest);
        (self.frozen, self.frozen_at, self.is_on_probation).hash(digest);
    }

    /// Whether the book may be quoted on.
    pub(super) fn is_trusted(&self, now: Mono) -> bool {
        match self.trust {
            Trust::Full => true,
            Trust::Doubted(until) => now < until,
            Trust::Probation(_) => false,
        }
    }

    /// When [`Self::is_trusted`] ends unless something is heard.
    pub(super) const fn lapses_at(&self) -> Option<Mono> {
        match self.trust {
            Trust::Doubted(until) => Some(until),
            Trust::Full | Trust::Probation(_) => None,
        }
    }

    const fn is_in_doubt(&self) -> bool {
        !matches!(self.trust, Trust::Full) || self.differences > 0 || self.elsewhere > 0
    }

    /// A stream that spoke was convicted: the next book is on probation.
    fn on_frozen(&mut self, now: Mono) {
        let is_old = self
            .frozen_at
            .is_none_or(|at| now.since(at) >= PROBATION_FORGOTTEN);
        self.frozen = match is_old {
            true => 1,
            false => self.frozen.saturating_add(1).min(PROBATIONS_MAX),
        };
        self.frozen_at = Some(now);
        self.is_on_probation = true;
    }
}

/// Compares what the exchange showed with the book as it was when it was asked, and as it is.
fn compare(asked: &Touch, book: &Touch, seen: &BookTicker) -> Comparison {
    let is_same = |t: &Touch| t.bid.price == seen.bid.price && t.ask.price == seen.ask.price;
    if is_same(asked) || is_same(book) {
        return Comparison::Same;
    }
    let has_moved = asked.bid.price != book.bid.price || asked.ask.price != book.ask.price;
    let is_between = |a: Ticks, b: Ticks, theirs: Ticks| {
        let margin = i128::from(a.raw()) * i128::from(NEAR.raw()) / i128::from(E8);
        let (low, high) = (a.min(b).raw(), a.max(b).raw());
        (i128::from(low) - margin..=i128::from(high) + margin).contains(&i128::from(theirs.raw()))
    };
    let is_near = is_between(asked.bid.price, book.bid.price, seen.bid.price)
        && is_between(asked.ask.price, book.ask.price, seen.ask.price);
    match has_moved && is_near {
        true => Comparison::Near,
        false => Comparison::Differs,
    }
}

impl Desk {
    /// The last comparison of the book with the exchange's by REST.
    pub(in crate::engine) const fn cross_check(&self) -> Option<CrossCheck> {
        self.vouch.last_check
    }

    /// Whether orders may rest on the book at `now`: its stream is fresh, and nothing speaks against it.
    pub(super) fn is_fresh(&self, now: Mono) -> bool {
        self.liveness.is_quotable(now) && self.vouch.is_trusted(now)
    }

    fn is_urgent(&self) -> bool {
        self.vouch.is_in_doubt() || self.liveness.is_suspect()
    }

    /// Asks for the top of book by REST, unless that was just done, for this symbol or for all.
    pub(super) fn probe(&mut self, now: Mono, shared: &mut Shared, actions: &mut Actions) {
        if self.touch().is_none() {
            return;
        }
        self.vouch.wished_at = Some(now);
        shared.probes.on_wish(self.symbol, now);
        if shared.probes.is_asking_all(now) {
            // By a desk before this one in the same step.
            self.on_asked(now);
        }
        let is_urgent = self.is_urgent();
        let spacing = match is_urgent {
            true => DOUBT_SPACING,
            false => PROBE_SPACING,
        };
        let free_at = self.vouch.probed_at.map(|at| at.after(spacing));
        if let Some(at) = free_at.filter(|at| *at > now) {
            if is_urgent {
                self.timers.schedule_by(Timer::Probe, at);
            }
            return;
        }
        match shared.probes.scope(self.symbol, now) {
            Scope::One => {
                let request = self.request(Request::Probe, Request::ProbeInDoubt, now);
                if shared.may_ask(request, now) {
                    self.on_asked(now);
                    actions.push(Action::Probe(self.symbol));
                }
            }
            Scope::All => {
                let request = self.request(Request::ProbeAll, Request::ProbeAllInDoubt, now);
                if shared.may_ask(request, now) {
                    self.on_asked(now);
                    shared.probes.on_all_asked(now);
                    actions.push(Action::ProbeAll);
                }
            }
            Scope::Later(at) => self.timers.schedule_by(Timer::Probe, at),
        }
        if self.vouch.is_in_doubt() {
            // Should the answer not come, or not be asked for.
            self.timers
                .schedule_by(Timer::Probe, now.after(PROBE_SPACING));
        }
    }

    /// A comparison that only its interval calls for gives way to one without which quotes end.
    fn request(&self, routine: Request, in_doubt: Request, now: Mono) -> Request {
        let age = self.liveness.age(Stream::Depth, now);
        let is_needed = self.is_urgent() || age.is_some_and(|age| age >= PULL_AFTER);
        match is_needed {
            true => in_doubt,
            false => routine,
        }
    }

    /// A probe is sent that serves this book, if there is one.
    pub(in crate::engine) fn on_asked(&mut self, at: Mono) {
        if let Some(touch) = self.touch() {
            self.vouch.probed_at = Some(at);
            self.vouch.asked.note(at, touch);
        }
    }

    /// The exchange's top of book in an answer for all symbols, for which this desk may not have asked. A difference then
    /// is passed over: a lively market shows one now and then, and each would call for another probe, for all again.
    pub(in crate::engine) fn on_probe_for_all(
        &mut self,
        now: Now,
        requested_at: Mono,
        seen: &BookTicker,
        shared: &mut Shared,
        actions: &mut Actions,
    ) {
        let is_wished = self.vouch.wished_at.is_some_and(|at| at >= requested_at);
        let result = self.comparison(requested_at, seen);
        if result == Some(Comparison::Differs) && !is_wished && !self.is_urgent() {
            // It has not served, so a wish of its own need not keep its distance.
            self.vouch.probed_at = None;
            return;
        }
        self.on_probe(now, requested_at, seen, shared, actions);
    }

    /// `None` when there is no book, or it is younger than the question.
    fn comparison(&self, requested_at: Mono, seen: &BookTicker) -> Option<Comparison> {
        let touch = self
            .touch()
            .filter(|_| self.vouch.book_at <= requested_at)?;
        let asked = self.vouch.asked.at(requested_at).unwrap_or(touch);
        Some(compare(&asked, &touch, seen))
    }

    /// The exchange's top of book by REST: the same touch confirms the book at the instant of the request.
    pub(in crate::engine) fn on_probe(
        &mut self,
        now: Now,
        requested_at: Mono,
        seen: &BookTicker,
        shared: &mut Shared,
        actions: &mut Actions,
    ) {
        let Some(result) = self.comparison(requested_at, seen) else {
            return;
        };
        self.vouch.last_check = Some(CrossCheck {
            requested_at,
            answered_at: now.mono,
            result,
        });
        match result {
            Comparison::Same => {
                if self.liveness.on_confirmed(requested_at) {
                    self.say(What::StreamBack(Stream::Depth), actions);
                }
                self.on_vouched_for(requested_at, now.mono);
            }
            Comparison::Near => self.on_vouched_for(requested_at, now.mono),
            Comparison::Differs => self.on_difference(requested_at, now.mono, shared, actions),
        }
    }

    fn on_vouched_for(&mut self, requested_at: Mono, now: Mono) {
        let vouch = &mut self.vouch;
        (vouch.differences, vouch.elsewhere) = (0, 0);
        match vouch.trust {
            Trust::Full => {}
            Trust::Doubted(_) => vouch.trust = Trust::Full,
            Trust::Probation(until) if requested_at >= until => {
                vouch.trust = Trust::Full;
                self.quoting.demand();
            }
            Trust::Probation(_) => {}
        }
        if self.vouch.trust == Trust::Full {
            self.timers.stop(Timer::Probe);
        }
        self.vouch.evidence.on_cleared(now);
    }

    fn on_difference(
        &mut self,
        requested_at: Mono,
        now: Mono,
        shared: &mut Shared,
        actions: &mut Actions,
    ) {
        let has_moved = self.vouch.evidence.prices_at() >= requested_at;
        if has_moved {
            self.vouch.elsewhere += 1;
            if self.vouch.elsewhere >= ELSEWHERE_MAX {
                self.vouch.on_frozen(now);
                self.lose_book(BookLoss::Mismatch, now, actions);
                return;
            }
        } else if self.vouch.differences == 0 {
            self.vouch.differences = 1;
            self.vouch.differs_from = requested_at;
            self.vouch.differed_at = requested_at;
        } else if requested_at.since(self.vouch.differed_at) >= GRACE {
            self.vouch.differences += 1;
            self.vouch.differed_at = requested_at;
        }
        let heard_at = self.liveness.heard_at(Stream::Depth);
        let is_silent = heard_at.is_some_and(|at| now.since(at) >= PULL_AFTER);
        let is_doubted = is_silent || self.liveness.is_suspect() || self.vouch.trust != Trust::Full;
        let max = match is_doubted {
            true => DIFFERENCES_DOUBTED,
            false => DIFFERENCES_MAX,
        };
        if self.vouch.differences >= max {
            self.convict_book(now, shared, actions);
        } else {
            let again = requested_at.after(GRACE).max(now);
            self.timers.schedule_by(Timer::Probe, again);
        }
    }

    /// The book stands still while the market does not. A stream that said nothing meanwhile is dead; one that spoke does
    /// not deliver what happens. Either way its connection is replaced.
    fn convict_book(&mut self, now: Mono, shared: &mut Shared, actions: &mut Actions) {
        let heard_at = self.liveness.heard_at(Stream::Depth);
        if heard_at.is_some_and(|at| at > self.vouch.differs_from) {
            self.vouch.on_frozen(now);
            self.lose_book(BookLoss::Mismatch, now, actions);
            shared.reconnect(Link::Public, now, actions);
        } else {
            let silence = self.liveness.on_convicted(Stream::Depth, now);
            self.on_stream_dead(Stream::Depth, silence, now, shared, actions);
        }
    }

    /// Something speaks against the book: the exchange is asked at once, and unless it answers the book is not
    /// quoted on.
    pub(super) fn on_doubt(
        &mut self,
        doubt: Doubt,
        now: Mono,
        shared: &mut Shared,
        actions: &mut Actions,
    ) {
        if self.touch().is_none() || self.vouch.trust != Trust::Full {
            return;
        }
        self.say(What::BookSuspect(doubt), actions);
        match doubt {
            Doubt::TradedThrough | Doubt::MarkAway => {
                self.vouch.trust = Trust::Doubted(now.after(PULL_AFTER));
            }
            // Orders that no book shows trade as well; alone it only asks.
            Doubt::Standstill => {}
        }
        self.probe(now, shared, actions);
    }

    /// A book is there again; after a conviction others must speak for it before it is quoted on.
    pub(super) fn begin_probation(&mut self, now: Mono) {
        self.vouch.book_at = now;
        if core::mem::take(&mut self.vouch.is_on_probation) {
            let span = PROBATION.raw().saturating_mul(i64::from(self.vouch.frozen));
            let until = now.after(Span(span));
            self.vouch.trust = Trust::Probation(until);
            self.timers.schedule_by(Timer::Probe, until);
        }
    }

    /// The ticker stream, or the book against it, has said something.
    pub(super) fn on_testimony(&mut self, testimony: Testimony, now: Mono, actions: &mut Actions) {
        match testimony {
            Testimony::Silent | Testimony::Agrees | Testimony::Differs => {}
            Testimony::Convicts => {
                if self.is_witness_trusted(now) {
                    self.vouch.convicted_at = Some(now);
                    self.lose_book(BookLoss::Mismatch, now, actions);
                } else {
                    self.timers.schedule_by(Timer::Probe, now);
                }
            }
        }
    }

    fn is_witness_trusted(&self, now: Mono) -> bool {
        let last = self.vouch.convicted_at;
        last.is_none_or(|at| now.since(at) >= TRUST_AGAIN)
    }

    /// Notes whether the ticker stream has run ahead of the book with another touch.
    pub(super) fn note_ahead(&mut self, ticker: &BookTicker, now: Mono) {
        let (Some(last_id), Some(touch)) = (self.sync.last_id(), self.touch()) else {
            return;
        };
        let is_ahead =
            ticker.update_id > last_id && (ticker.bid, ticker.ask) != (touch.bid, touch.ask);
        self.vouch.ahead_from = self.vouch.ahead_from.or(Some(now)).filter(|_| is_ahead);
    }

    /// A stream that is silent beyond its rhythm while the tickers run ahead of it, with another touch, needs no probe.
    pub(super) fn judge_ahead(&mut self, now: Mono, shared: &mut Shared, actions: &mut Actions) {
        let is_ahead = self
            .vouch
            .ahead_from
            .is_some_and(|at| now.since(at) >= GRACE);
        if is_ahead
            && self.liveness.is_suspect()
            && self.touch().is_some()
            && self.is_witness_trusted(now)
        {
            self.vouch.convicted_at = Some(now);
            let silence = self.liveness.on_convicted(Stream::Depth, now);
            self.on_stream_dead(Stream::Depth, silence, now, shared, actions);
        }
    }

    /// Offers the touch of a book that has just been brought up to date to those who know it as well.
    pub(super) fn offer_touch(&mut self, event_time: Wall, now: Mono, actions: &mut Actions) {
        let (Some(last_id), Some(touch)) = (self.sync.last_id(), self.touch()) else {
            return;
        };
        self.vouch.ahead_from = None;
        if self.vouch.evidence.on_touch(touch, event_time, now) {
            self.liveness.on_touch();
            self.vouch.differences = 0;
            if matches!(self.vouch.trust, Trust::Doubted(_)) {
                self.vouch.trust = Trust::Full;
            }
        }
        let testimony = self.vouch.witness.on_touch(last_id, touch);
        self.on_testimony(testimony, now, actions);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Level;
    use crate::units::Lots;

    const fn level(price: i64) -> Level {
        Level {
            price: Ticks(price),
            size: Lots(1),
        }
    }

    #[test]
    fn a_moving_market_explains_a_difference_near_its_way_and_a_still_one_none() {
        let touch = |bid| Touch {
            bid: level(bid),
            ask: level(bid + 1),
        };
        for (asked, book, bid, ask, expected) in [
            (250_000, 250_000, 250_000, 250_001, Comparison::Same),
            (250_000, 250_009, 250_000, 250_001, Comparison::Same),
            (250_000, 250_009, 250_009, 250_010, Comparison::Same),
            (250_000, 250_009, 250_005, 250_006, Comparison::Near),
            (250_000, 250_001, 249_876, 249_877, Comparison::Near),
            (250_000, 250_001, 249_874, 249_875, Comparison::Differs),
            (250_000, 250_001, 250_127, 250_128, Comparison::Differs),
            // One per cent within a round trip, and the exchange somewhere on the way.
            (250_000, 247_500, 248_800, 248_801, Comparison::Near),
            (250_000, 250_000, 250_001, 250_002, Comparison::Differs),
            (250_000, 250_000, 250_000, 250_002, Comparison::Differs),
        ] {
            let seen = BookTicker {
                update_id: 0,
                event_time: Wall(0),
                bid: level(bid),
                ask: level(ask),
            };
            let found = compare(&touch(asked), &touch(book), &seen);
            assert_eq!(found, expected, "{asked} → {book}, seen {bid}/{ask}");
        }
    }
}
