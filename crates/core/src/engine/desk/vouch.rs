//! Owns whether other sources agree with the book: the book-ticker stream, id by id, and the top of book by
//! REST (spec §5); knows nothing of why a probe was sent.
//!
//! A probe and the stream never speak of quite the same instant. So a probe with another touch is doubt only: it
//! is repeated a moment later, and the book is convicted when the second one differs as well. While the stream
//! speaks, the market has moved in between, and only a difference beyond [`NEAR`] counts.

use super::Desk;
use crate::action::{Action, Actions};
use crate::book::Touch;
use crate::book::witness::{Testimony, Witness};
use crate::engine::requests::Request;
use crate::engine::shared::Shared;
use crate::engine::timers::Timer;
use crate::event::{BookTicker, Stream};
use crate::notice::{BookLoss, What};
use crate::units::{E8, Mono, Now, Ratio, Span};

/// Two probes are at least this far apart, whoever wants them.
const PROBE_SPACING: Span = Span::from_millis(500);
/// Pause before a probe that differed is repeated: longer than the stream takes to catch up with REST.
const PROBE_AGAIN: Span = Span::from_millis(750);
/// Probes that differ in a row until the book is convicted.
const DIFFERENCES_MAX: u32 = 2;
/// Share of the price within which a moving market explains a difference (0.05 %).
const NEAR: Ratio = Ratio(E8 / 2_000);
/// After the witness convicted a book it only asks for probes for this long: should it be the liar, quoting
/// is not lost to it for good.
const TRUST_AGAIN: Span = Span::from_secs(60);

/// What was said about the present book.
#[derive(Clone, Debug, Default)]
pub(super) struct Vouch {
    pub(super) witness: Witness,
    /// Probes that differed in a row.
    differences: u32,
    probed_at: Option<Mono>,
    convicted_at: Option<Mono>,
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
        self.differences = 0;
    }

    /// When the last conviction and probe were, for the digest.
    pub(super) const fn facts(&self) -> (u32, Option<Mono>, Option<Mono>) {
        (self.differences, self.probed_at, self.convicted_at)
    }
}

fn compare(book: &Touch, seen: &BookTicker, is_moving: bool) -> Comparison {
    let pairs = [
        (book.bid.price, seen.bid.price),
        (book.ask.price, seen.ask.price),
    ];
    let within = |share: i64| {
        pairs.iter().all(|(ours, theirs)| {
            let off = i128::from(ours.raw().abs_diff(theirs.raw()));
            off * i128::from(E8) <= i128::from(ours.raw()) * i128::from(share)
        })
    };
    if within(0) {
        Comparison::Same
    } else if is_moving && within(NEAR.raw()) {
        Comparison::Near
    } else {
        Comparison::Differs
    }
}

impl Desk {
    /// The last comparison of the book with the exchange's by REST.
    pub(in crate::engine) const fn cross_check(&self) -> Option<CrossCheck> {
        self.vouch.last_check
    }

    /// Asks for the top of book by REST, unless that was just done.
    pub(super) fn probe(&mut self, now: Mono, shared: &mut Shared, actions: &mut Actions) {
        if let Some(at) = self.vouch.probed_at
            && now.since(at) < PROBE_SPACING
        {
            return;
        }
        if shared.may_ask(Request::Probe, now) {
            self.vouch.probed_at = Some(now);
            actions.push(Action::Probe(self.symbol));
        }
    }

    /// The exchange's top of book by REST: the same touch confirms the book at the instant of the request.
    pub(in crate::engine) fn on_probe(
        &mut self,
        now: Now,
        requested_at: Mono,
        seen: &BookTicker,
        actions: &mut Actions,
    ) {
        let Some(touch) = self.touch() else { return };
        let is_moving = self
            .liveness
            .since(Stream::Depth)
            .is_some_and(|at| at >= requested_at);
        let result = compare(&touch, seen, is_moving);
        self.vouch.last_check = Some(CrossCheck {
            requested_at,
            answered_at: now.mono,
            result,
        });
        match result {
            Comparison::Same => {
                self.vouch.differences = 0;
                if self.liveness.on_confirmed(requested_at) {
                    self.say(What::StreamBack(Stream::Depth), actions);
                }
            }
            Comparison::Near => self.vouch.differences = 0,
            Comparison::Differs => {
                self.vouch.differences += 1;
                if self.vouch.differences >= DIFFERENCES_MAX {
                    self.lose_book(BookLoss::Mismatch, now.mono, actions);
                } else {
                    self.timers
                        .schedule_by(Timer::Probe, now.mono.after(PROBE_AGAIN));
                }
            }
        }
    }

    /// The ticker stream, or the book against it, has said something.
    pub(super) fn on_testimony(&mut self, testimony: Testimony, now: Mono, actions: &mut Actions) {
        match testimony {
            Testimony::Silent | Testimony::Agrees | Testimony::Differs => {}
            Testimony::Convicts => {
                let is_trusted = self
                    .vouch
                    .convicted_at
                    .is_none_or(|at| now.since(at) >= TRUST_AGAIN);
                if is_trusted {
                    self.vouch.convicted_at = Some(now);
                    self.lose_book(BookLoss::Mismatch, now, actions);
                } else {
                    self.timers.schedule_by(Timer::Probe, now);
                }
            }
        }
    }

    /// Offers the touch of a book that has just been brought up to date to the witness.
    pub(super) fn offer_touch(&mut self, now: Mono, actions: &mut Actions) {
        if let (Some(last_id), Some(touch)) = (self.sync.last_id(), self.touch()) {
            let testimony = self.vouch.witness.on_touch(last_id, touch);
            self.on_testimony(testimony, now, actions);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Level;
    use crate::units::{Lots, Ticks, Wall};

    const fn level(price: i64) -> Level {
        Level {
            price: Ticks(price),
            size: Lots(1),
        }
    }

    #[test]
    fn a_moving_market_explains_a_small_difference_and_a_still_one_none() {
        let book = Touch {
            bid: level(250_000),
            ask: level(250_001),
        };
        for (bid, ask, is_moving, expected) in [
            (250_000, 250_001, true, Comparison::Same),
            (250_000, 250_001, false, Comparison::Same),
            (250_001, 250_002, true, Comparison::Near),
            (249_875, 250_001, true, Comparison::Near),
            (249_874, 250_001, true, Comparison::Differs),
            (250_000, 250_127, true, Comparison::Differs),
            (250_001, 250_002, false, Comparison::Differs),
            (250_000, 250_002, false, Comparison::Differs),
        ] {
            let seen = BookTicker {
                update_id: 0,
                event_time: Wall(0),
                bid: level(bid),
                ask: level(ask),
            };
            assert_eq!(compare(&book, &seen, is_moving), expected, "{bid}/{ask}");
        }
    }
}
