//! Owns when one request for the top of book of all symbols takes the place of one for each: who wished for a probe
//! lately, and when all were last asked after; knows nothing of what a desk makes of the answer.

use super::Engine;
use crate::action::Actions;
use crate::event::{BookTicker, Outcome};
use crate::instrument::SymbolId;
use crate::units::{Mono, Now, Span};
use alloc::vec::Vec;

/// A wish counts for this long.
const WISH_LASTS: Span = Span::from_secs(1);
/// With as many others that wish for a probe, one request for all costs less than theirs (weight 5 against 2 each).
const OTHERS_MIN: usize = 2;
/// Two requests for all are at least this far apart.
const ALL_SPACING: Span = Span::from_millis(250);

/// Whom a probe is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scope {
    /// The desk that wishes for it.
    One,
    /// Every desk.
    All,
    /// Nobody yet: all were asked after just now. The instant of the next try.
    Later(Mono),
}

/// What the desks of one account wish for. As many symbols as the engine ever had, at most
/// [`super::SYMBOLS_MAX`].
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Probes {
    wished_at: Vec<Option<Mono>>,
    all_at: Option<Mono>,
    /// Desks have yet to note what their books show at `all_at`.
    is_unnoted: bool,
}

impl Probes {
    /// A desk wishes for a probe, whether or not one is sent.
    pub fn on_wish(&mut self, symbol: SymbolId, now: Mono) {
        let index = usize::from(symbol.0);
        if self.wished_at.len() <= index {
            self.wished_at.resize(index + 1, None);
        }
        if let Some(slot) = self.wished_at.get_mut(index) {
            *slot = Some(now);
        }
    }

    /// Whom a probe that this desk may send now is for.
    #[must_use]
    pub fn scope(&self, symbol: SymbolId, now: Mono) -> Scope {
        let others = self
            .wished_at
            .iter()
            .enumerate()
            .filter(|(index, _)| *index != usize::from(symbol.0))
            .filter(|(_, at)| at.is_some_and(|at| now.since(at) < WISH_LASTS));
        if others.count() < OTHERS_MIN {
            return Scope::One;
        }
        let free_at = self.all_at.map(|at| at.after(ALL_SPACING));
        free_at
            .filter(|at| *at > now)
            .map_or(Scope::All, Scope::Later)
    }

    /// All are asked after.
    pub const fn on_all_asked(&mut self, now: Mono) {
        self.all_at = Some(now);
        self.is_unnoted = true;
    }

    /// Whether all are asked after at this very instant.
    #[must_use]
    pub fn is_asking_all(&self, now: Mono) -> bool {
        self.all_at == Some(now)
    }

    /// The instant at which all were asked after, once.
    fn take_unnoted(&mut self) -> Option<Mono> {
        self.all_at
            .filter(|_| core::mem::take(&mut self.is_unnoted))
    }
}

impl Engine {
    /// All are asked after in this step: each desk notes what its book shows, and has no need to ask itself.
    pub(super) fn note_asked(&mut self) {
        let Some(at) = self.shared.probes.take_unnoted() else {
            return;
        };
        for desk in self.desks.iter_mut().flatten() {
            desk.on_asked(at);
        }
    }

    /// The touch of one symbol.
    pub(super) fn on_probe_one(
        &mut self,
        now: Now,
        symbol: SymbolId,
        requested_at: Mono,
        outcome: &Outcome<BookTicker>,
        actions: &mut Actions,
    ) {
        if let Some(seen) = self.accepted(now, Some(symbol), outcome, actions) {
            self.with_desk(now, symbol, actions, |desk, shared, actions| {
                desk.on_probe(now, requested_at, seen, shared, actions);
            });
        }
    }

    /// The touch of many symbols. A desk that is not among them has no answer and asks again.
    pub(super) fn on_probe_all(
        &mut self,
        now: Now,
        requested_at: Mono,
        outcome: &Outcome<&[(SymbolId, BookTicker)]>,
        actions: &mut Actions,
    ) {
        let Some(list) = self.accepted(now, None, outcome, actions) else {
            return;
        };
        for (symbol, seen) in *list {
            self.with_desk(now, *symbol, actions, |desk, shared, actions| {
                desk.on_probe_for_all(now, requested_at, seen, shared, actions);
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(ms: i64) -> Mono {
        Mono(ms * 1_000_000)
    }

    #[test]
    fn one_request_serves_all_while_two_others_wish_too_and_not_too_often() {
        let mut probes = Probes::default();
        let symbol = SymbolId(9);
        for (other, scope) in [(0, Scope::One), (0, Scope::One), (3, Scope::All)] {
            probes.on_wish(symbol, at(0));
            probes.on_wish(SymbolId(other), at(0));
            assert_eq!(probes.scope(symbol, at(0)), scope);
        }
        assert_eq!(probes.scope(SymbolId(0), at(999)), Scope::All);
        assert_eq!(probes.scope(symbol, at(1_000)), Scope::One, "long ago");
        probes.on_all_asked(at(100));
        assert!(probes.is_asking_all(at(100)) && !probes.is_asking_all(at(101)));
        assert_eq!(probes.scope(symbol, at(349)), Scope::Later(at(350)));
        assert_eq!(probes.scope(symbol, at(350)), Scope::All);
    }

    #[test]
    fn the_instant_is_noted_once() {
        let mut probes = Probes::default();
        assert_eq!(probes.take_unnoted(), None);
        probes.on_all_asked(at(1));
        assert_eq!(probes.take_unnoted(), Some(at(1)));
        assert_eq!(probes.take_unnoted(), None);
    }
}
