//! Owns what of a desk outlives a panic in its logic, and how its successor begins with it; knows nothing of
//! when that happens.
//!
//! Only completed steps are copied from. A step that panicked may have stopped between two sums that belong
//! together, so nothing of it counts, not even a fill that it had booked: the exchange still has every trade,
//! the successor asks for those that no page of trades has covered, and ids tell what is in the books already.
//! What forbids trading is kept as well: a panic is no way out of a halt.

use super::halt::Halt;
use super::truth::Truth;
use super::{Desk, Record};
use crate::event::{ContractStatus, TradesFrom};
use crate::position::Position;
use crate::risk::breakers::LossBreaker;
use crate::units::{Mono, Side};

/// What is small enough to be copied after every step; the books are copied when they change.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::engine) struct Kept {
    /// Measurements.
    pub(in crate::engine) record: Record,
    /// Where what no page of trades has covered begins.
    pub(in crate::engine) trades_from: TradesFrom,
    /// Whether cancelling everything would hit orders that are not ours.
    pub(in crate::engine) has_foreign_orders: bool,
    /// Whether the contract trades.
    pub(in crate::engine) contract: ContractStatus,
    /// When its first desk was made.
    pub(in crate::engine) began_at: Mono,
    /// Since when its symbol is no longer traded.
    pub(in crate::engine) removed_at: Option<Mono>,
    halt: Option<Halt>,
    loss: LossBreaker,
}

impl Kept {
    /// A fill was booked while there was no desk.
    pub(in crate::engine) fn on_filled(&mut self, side: Side) {
        self.record.on_fill(side);
    }

    /// The operator resumes: no halt stands any more.
    pub(in crate::engine) fn on_resume(&mut self) {
        self.halt = None;
        self.loss.on_resume();
    }
}

impl Desk {
    /// What a successor would begin with now.
    pub(in crate::engine) const fn kept(&self) -> Kept {
        Kept {
            record: self.record,
            trades_from: self.truth.trades_from(),
            has_foreign_orders: self.truth.has_foreign_orders(),
            contract: self.contract,
            began_at: self.began_at,
            removed_at: self.removed_at,
            halt: self.halt,
            loss: self.loss,
        }
    }

    /// Takes over from a desk that panicked at `gone_at`: its books and what forbids trading; all else is read from the
    /// exchange. How many cancels it had left is unknown, so that minute's budget counts as spent.
    pub(in crate::engine) fn succeed(&mut self, books: &Position, kept: &Kept, gone_at: Mono) {
        self.position = books.clone();
        self.truth = Truth::new(kept.trades_from, self.began_at);
        self.record = kept.record;
        self.contract = kept.contract;
        (self.began_at, self.removed_at) = (kept.began_at, kept.removed_at);
        self.halt = kept.halt;
        self.loss = kept.loss;
        for _ in 0..self.params.orders.cancels_per_min_max {
            self.cancel_budget.on_cancel(gone_at);
            self.safety_cancels.on_cancel(gone_at);
        }
    }
}
