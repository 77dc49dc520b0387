//! Owns what of faults and engine states a simulation has exercised, so that what was never met is told.

use super::fault::Fault;
use super::host::Deed;
use phoenix_core::notice::{HaltReason, What};
use phoenix_core::strategy::Mode;
use std::collections::BTreeMap;

/// Modes of the engine, by the name they are reported under.
pub const MODES: [&str; 6] = [
    "normal",
    "warning",
    "pinning",
    "grinding",
    "reduce-only",
    "halt",
];

/// Times that each thing was met.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Coverage {
    /// Faults by kind.
    pub faults: BTreeMap<&'static str, u64>,
    /// Modes entered.
    pub modes: BTreeMap<&'static str, u64>,
    /// Kinds of notices.
    pub notices: BTreeMap<String, u64>,
}

impl Coverage {
    /// A fault began.
    pub fn on_fault(&mut self, name: &'static str) {
        *self.faults.entry(name).or_default() += 1;
    }

    /// The process did something.
    pub fn on_deed(&mut self, deed: &Deed) {
        let Deed::Said(notice) = deed else { return };
        let words = format!("{:?}", notice.what);
        let kind = words.split(['(', ' ', '{']).next().unwrap_or_default();
        *self.notices.entry(kind.to_owned()).or_default() += 1;
        let entered = match notice.what {
            What::Mode(_, to) => mode(to),
            What::PositionHigh(..) => "warning",
            What::Halted(..) => "halt",
            _ => return,
        };
        *self.modes.entry(entered).or_default() += 1;
    }

    /// Adds what another run met.
    pub fn merge(&mut self, other: &Self) {
        for (name, count) in &other.faults {
            *self.faults.entry(name).or_default() += count;
        }
        for (name, count) in &other.modes {
            *self.modes.entry(name).or_default() += count;
        }
        for (name, count) in &other.notices {
            *self.notices.entry(name.clone()).or_default() += count;
        }
    }

    /// Kinds of faults that were never exercised.
    pub fn faults_missing(&self) -> impl Iterator<Item = &'static str> + '_ {
        let known = Fault::NAMES.into_iter();
        known.filter(|name| !self.faults.contains_key(name))
    }

    /// Modes that were never entered.
    pub fn modes_missing(&self) -> impl Iterator<Item = &'static str> + '_ {
        let known = MODES.into_iter();
        known.filter(|name| !self.modes.contains_key(name))
    }
}

const fn mode(mode: Mode) -> &'static str {
    match mode {
        Mode::Normal => "normal",
        Mode::Pinning => "pinning",
        Mode::Grinding => "grinding",
        Mode::ReduceOnly => "reduce-only",
        Mode::Halt => "halt",
    }
}

/// Whether it is a halt that only a person ends.
#[must_use]
pub const fn needs_a_person(deed: &Deed) -> bool {
    let Deed::Said(notice) = deed else {
        return false;
    };
    match notice.what {
        What::Halted(reason, None) => match reason {
            HaltReason::Stopping | HaltReason::Paused | HaltReason::Killed => false,
            HaltReason::StopLoss
            | HaltReason::SecondInstance
            | HaltReason::Account
            | HaltReason::Auth
            | HaltReason::Symbol
            | HaltReason::Panics => true,
        },
        _ => false,
    }
}
