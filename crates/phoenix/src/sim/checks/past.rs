//! Owns which faults are on, or were a moment ago: consequences outlast their causes.

use crate::sim::fault::Fault;
use phoenix_core::units::{Lots, Mono, Span};

/// Faults that ended longer ago than this are forgotten, unless nothing else can tell of them.
const MEMORY: Span = Span::from_secs(120);

/// The faults of the last minutes.
#[derive(Debug, Default)]
pub struct Past {
    faults: Vec<(Fault, Option<Mono>)>,
    /// Faults after which the books cannot agree to the last digit.
    has_lied: bool,
    was_meddled_with: bool,
    is_rounded: bool,
}

impl Past {
    /// A fault begins.
    pub fn on_begin(&mut self, fault: Fault, now: Mono) {
        self.has_lied |= matches!(fault, Fault::LiePosition { .. });
        self.was_meddled_with |= matches!(
            fault,
            Fault::ManualTrade { .. } | Fault::ForeignOrder | Fault::SecondInstance
        );
        self.is_rounded |= matches!(fault, Fault::Crash { .. } | Fault::RemoveSymbol);
        self.faults
            .retain(|(_, ended)| ended.is_none_or(|at| now.since(at) < MEMORY));
        self.faults.push((fault, None));
    }

    /// It ends.
    pub fn on_end(&mut self, fault: Fault, now: Mono) {
        let on = self
            .faults
            .iter_mut()
            .find(|(known, ended)| *known == fault && ended.is_none());
        if let Some((_, ended)) = on {
            *ended = Some(now);
        }
    }

    /// Whether a fault of this kind is on, or ended no longer ago than `within`.
    pub fn recent(&self, now: Mono, within: Span, is_it: impl Fn(&Fault) -> bool) -> bool {
        self.faults
            .iter()
            .any(|(f, ended)| is_it(f) && ended.is_none_or(|at| now.since(at) <= within))
    }

    /// Whether the exchange asked to be left alone, and how long it asked that for is not over.
    #[must_use]
    pub fn is_kept_away(&self, now: Mono, within: Span) -> bool {
        self.faults.iter().any(|(fault, ended)| {
            let (Fault::Ban { retry_after_s } | Fault::RateLimit { retry_after_s }) = fault else {
                return false;
            };
            let asked = Span::from_secs((*retry_after_s).into());
            ended.is_none_or(|at| now.since(at) <= asked.saturating_add(within))
        })
    }

    /// By how much the exchange lied about the position, now or a moment ago.
    #[must_use]
    pub fn lie(&self, now: Mono, within: Span) -> Lots {
        let lies = self.faults.iter().filter_map(|(fault, ended)| match fault {
            Fault::LiePosition { lots } if ended.is_none_or(|at| now.since(at) <= within) => {
                Some(i64::from(lots.abs()))
            }
            _ => None,
        });
        Lots(lies.sum())
    }

    /// Whether the exchange ever lied about the position: profit of trades that never were is booked then.
    #[must_use]
    pub const fn has_lied(&self) -> bool {
        self.has_lied
    }

    /// A position was taken over from the exchange.
    pub const fn on_repaired(&mut self) {
        self.is_rounded = true;
    }

    /// Whether a position was ever taken over at its average price.
    #[must_use]
    pub const fn is_rounded(&self) -> bool {
        self.is_rounded
    }

    /// Whether somebody else ever traded the account.
    #[must_use]
    pub const fn was_meddled_with(&self) -> bool {
        self.was_meddled_with
    }
}
