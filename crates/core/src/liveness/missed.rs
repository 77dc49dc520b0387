//! Owns what a stream that may be silent by right has missed meanwhile, as the book shows it; knows nothing of what
//! follows.
//!
//! A quiet market trades seldom and its touch stands still. But a ticker is sent whenever the touch changes (protocol
//! §2.3), so touches that moved without one convict its stream; and a trade stream that was lively does not end for a
//! minute while the book goes on.

use crate::units::{Mono, Span};

/// Prices of the touch that changed without a ticker, until its stream is taken for dead.
const TOUCHES_MAX: u32 = 5;
/// A stream that stays dead is told of, and its connection replaced, again after this.
const AGAIN: Span = Span::from_secs(60);

/// What one stream has missed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Missed {
    touches: u32,
    told_at: Option<Mono>,
    /// Told of and not heard since.
    is_told: bool,
}

impl Missed {
    /// The book's best prices changed.
    pub const fn on_touch(&mut self) {
        self.touches = self.touches.saturating_add(1);
    }

    /// The stream spoke; returns whether it had been told of.
    pub const fn on_message(&mut self) -> bool {
        self.touches = 0;
        core::mem::replace(&mut self.is_told, false)
    }

    /// It was told of.
    pub const fn on_told(&mut self, now: Mono) {
        self.told_at = Some(now);
        self.is_told = true;
    }

    /// For a new connection: nothing is missed yet, and what was told stays so.
    #[must_use]
    pub const fn renewed(self) -> Self {
        Self { touches: 0, ..self }
    }

    /// When a stream that was last heard, or expected, at `since` is dead for what it missed within `dead`.
    #[must_use]
    pub fn due(&self, since: Mono, dead: Span) -> Option<Mono> {
        (self.touches >= TOUCHES_MAX).then(|| self.not_before(since.after(dead)))
    }

    /// That instant, or when the stream may be told of again.
    #[must_use]
    pub fn not_before(&self, at: Mono) -> Mono {
        self.told_at.map_or(at, |told| told.after(AGAIN).max(at))
    }
}
