//! Owns the comparison of the tracker with the exchange's list of open orders; knows nothing of how the list
//! was fetched or what is done about a finding.
//!
//! A list speaks of some instant between its request and its arrival. So only what has rested since before the
//! request is expected in it, and only what the tracker cannot have missed is held against it: a difference
//! younger than the request is none.

use super::state::{Doubt, Input, OrderState};
use super::{Full, OrderTracker};
use crate::event::OrderReport;
use crate::order::{OrderId, Owner};
use crate::units::{Lots, Mono, Side};

/// What a list of open orders says about an order of ours.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Finding {
    /// It rests and was not tracked; it is now. Whether to keep or to cancel it is for the caller.
    Ghost(OrderId),
    /// It rests and was not tracked, and cannot be, for want of room: cancel everything of the symbol.
    Untracked(OrderId),
    /// It was taken for ended without the exchange's word, and rests: it counts again.
    Reopened(OrderId),
    /// It should rest and is not in the list: in doubt now, to be queried.
    Missing(OrderId),
    /// Its size or price differed from what the tracker had, and was taken over.
    Differed(OrderId),
}

/// A reconciliation in numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Reconciled {
    /// Orders of ours in the list that agree.
    pub agreed: usize,
    /// Orders of ours that were found or adopted.
    pub ghosts: usize,
    /// Orders that should rest and do not.
    pub missing: usize,
    /// Orders whose price or size differed.
    pub differed: usize,
    /// Orders of another instance: somebody started Phoenix twice.
    pub other_instance: usize,
    /// Orders that are not ours; never touched.
    pub foreign: usize,
}

impl Reconciled {
    /// Whether tracker and exchange agreed on every order of ours.
    #[must_use]
    pub const fn is_clean(&self) -> bool {
        self.ghosts == 0 && self.missing == 0 && self.differed == 0 && self.other_instance == 0
    }
}

impl OrderTracker {
    /// Compares with `listed`, every open order of the account on the symbol, requested at `requested_at`; takes over
    /// the exchange's word, and reports each difference to `found`, ghosts in the order of the list, then what is missing,
    /// bids first.
    pub fn on_open_orders(
        &mut self,
        listed: &[OrderReport],
        requested_at: Mono,
        now: Mono,
        mut found: impl FnMut(Finding),
    ) -> Reconciled {
        let mut sum = Reconciled::default();
        let symbol = self.symbol();
        for report in listed.iter().filter(|r| r.symbol == symbol) {
            match report.owner {
                Owner::Foreign => sum.foreign += 1,
                Owner::OtherInstance => sum.other_instance += 1,
                Owner::Ours(id) => match self.on_listed(id, report, requested_at, now) {
                    None => sum.agreed += 1,
                    Some(finding) => {
                        match finding {
                            Finding::Differed(_) => sum.differed += 1,
                            Finding::Ghost(_)
                            | Finding::Untracked(_)
                            | Finding::Reopened(_)
                            | Finding::Missing(_) => sum.ghosts += 1,
                        }
                        found(finding);
                    }
                },
            }
        }
        for side in Side::BOTH {
            sum.missing += self.find_missing(side, listed, requested_at, now, &mut found);
        }
        sum
    }

    fn on_listed(
        &mut self,
        id: OrderId,
        report: &OrderReport,
        requested_at: Mono,
        now: Mono,
    ) -> Option<Finding> {
        if let Some(order) = self.order(id) {
            let agreed = (order.price, order.size) == (report.price, report.size);
            // An amendment that was on its way is no difference, nor is a doubt that this line settles.
            let is_steady = order.state() == OrderState::Live && order.changed_at() < requested_at;
            // Such a doubt is settled only by what was asked for after it arose.
            let is_early = requested_at <= order.changed_at()
                && matches!(order.doubt(), Some(Doubt::Cancel | Doubt::Existence));
            if !is_early {
                self.learn(id, Input::Listed(report, requested_at), now);
            }
            return (is_steady && !agreed).then_some(Finding::Differed(id));
        }
        if let Some(ended) = self.tombstone(id) {
            // The list may be older than the end.
            if ended.ended_at() >= requested_at {
                return None;
            }
            self.learn(id, Input::Listed(report, requested_at), now);
            return self.order(id).map(|_| Finding::Reopened(id));
        }
        match self.adopt(report, now) {
            Ok(()) => self.order(id).map(|_| Finding::Ghost(id)),
            Err(Full) => Some(Finding::Untracked(id)),
        }
    }

    /// Suspects each order that rested before the request and is not listed, and ends the doubt about those whose
    /// patience had passed by then.
    fn find_missing(
        &mut self,
        side: Side,
        listed: &[OrderReport],
        requested_at: Mono,
        now: Mono,
        found: &mut impl FnMut(Finding),
    ) -> usize {
        let mut missing = 0;
        let mut i = 0;
        while let Some(order) = self.side(side).get(i).copied() {
            let is_listed = listed.iter().any(|r| r.owner == Owner::Ours(order.id));
            let rested = match order.state() {
                OrderState::Live | OrderState::Amending => order.changed_at() < requested_at,
                OrderState::Placing
                | OrderState::Canceling
                | OrderState::Unknown
                | OrderState::Done => false,
            };
            if is_listed {
            } else if rested {
                self.change(order.id, now, |o| {
                    o.on_missing(now);
                    Lots::ZERO
                });
                missing += 1;
                found(Finding::Missing(order.id));
            } else {
                self.change(order.id, now, |o| {
                    o.conclude_missing(requested_at, now);
                    Lots::ZERO
                });
            }
            // An order that ended has left its place to the next one.
            i += usize::from(self.side(side).get(i).is_some_and(|o| o.id == order.id));
        }
        missing
    }
}

#[cfg(test)]
mod tests;
