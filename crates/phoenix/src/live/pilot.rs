//! Owns the engine of a live session: every way to it is contained and recorded, and there is no other; knows nothing
//! of sockets.

use super::contain;
use crate::flight::recorder::Recorder;
use crate::flight::replay::Drive;
use phoenix_core::action::Actions;
use phoenix_core::engine::Engine;
use phoenix_core::engine::contain::DeskFault;
use phoenix_core::engine::timers::Timer;
use phoenix_core::engine::view::{SymbolView, View};
use phoenix_core::event::Event;
use phoenix_core::instrument::SymbolId;
use phoenix_core::params::AccountParams;
use phoenix_core::units::{Mono, Now};

/// How a replay drives its engine: as here.
pub const DRIVE: Drive = Drive {
    step: contain::step,
    refresh_view: contain::refresh_view,
};

/// An engine with its flight record.
#[derive(Debug)]
pub struct Pilot {
    engine: Engine,
    flight: Option<Recorder>,
}

impl Pilot {
    /// A fresh engine; the record says the same session and parameters in its header.
    #[must_use]
    pub fn new(session: u32, params: AccountParams, flight: Option<Recorder>) -> Self {
        Self {
            engine: Engine::new(session, params),
            flight,
        }
    }

    /// Steps the engine with one event; see [`contain::step`].
    ///
    /// # Panics
    /// Goes on with a panic that was not in a desk's logic. The event is in the record by then.
    pub fn step(&mut self, now: Now, event: &Event<'_>, actions: &mut Actions) {
        let mark = actions.as_slice().len();
        if let Some(flight) = &mut self.flight {
            flight.on_event(now, event);
        }
        let lost = contain::step(&mut self.engine, now, event, actions);
        let Some(flight) = &mut self.flight else {
            return;
        };
        flight.on_actions(&lost, actions.as_slice().get(mark..).unwrap_or_default());
        // A digest takes as long as some steps, and what was asked for is not carried out yet: only a full one is closed here.
        if flight.is_full() {
            flight.close_segment(self.engine.digest());
        }
    }

    /// Brings the view up to date; see [`contain::refresh_view`]. That changes nothing which a later step sees, unless a desk
    /// panics over it: only then it is recorded.
    ///
    /// # Panics
    /// Goes on with a panic that was not in a desk's logic.
    pub fn refresh_view(&mut self, now: Now, actions: &mut Actions) {
        let mark = actions.as_slice().len();
        let lost = contain::refresh_view(&mut self.engine, now, actions);
        let Some(flight) = &mut self.flight else {
            return;
        };
        if !lost.is_empty() {
            let asked = actions.as_slice().get(mark..).unwrap_or_default();
            flight.on_view_panicked(now, &lost, asked);
        }
        // Nothing waits to be carried out now.
        if flight.is_due(now.mono) {
            flight.close_segment(self.engine.digest());
        }
    }

    /// Puts a fault into a desk, for drills.
    pub fn inject(&mut self, symbol: SymbolId, fault: DeskFault) {
        if let Some(flight) = &mut self.flight {
            flight.on_injected(symbol, fault);
        }
        self.engine.inject(symbol, fault);
    }

    /// See [`Engine::next_ended`]. Nothing that the engine decides depends on what was taken, so it is not recorded.
    pub fn next_ended(&mut self) -> Option<SymbolView> {
        self.engine.next_ended()
    }

    /// See [`Engine::next_wakeup`].
    #[must_use]
    pub fn next_wakeup(&self) -> Option<(Mono, Timer)> {
        self.engine.next_wakeup()
    }

    /// See [`Engine::view`].
    #[must_use]
    pub const fn view(&self) -> &View {
        self.engine.view()
    }
}

/// The record's last segment has the state at the end. After a panic outside of a desk that state is nothing: the record
/// then ends with the event in which it happened.
impl Drop for Pilot {
    fn drop(&mut self) {
        if let Some(flight) = self.flight.as_mut().filter(|f| f.has_entries())
            && !std::thread::panicking()
        {
            flight.close_segment(self.engine.digest());
        }
    }
}
