//! Price levels with their queues, and the log of level changes; knows no account, no order rules and no events.

mod level;

use std::collections::BTreeMap;

use crate::api::{AccountId, E8, OrderId, Side};
use crate::prng::Prng;
use level::Level;
pub(crate) use level::{Head, Resting};

/// Level changes kept for the depth streams; at the bound only the last change of each level stays.
const CHANGES_MAX: usize = 1 << 16;
/// Update ids jump by 1 to this.
const UPDATE_JUMP_MAX: u64 = 4;

/// Which part of a level's background queue a decrease takes when no trade explains it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removal {
    /// The last to join leave first: client orders keep the quantity ahead of them until the tail is gone (pessimistic).
    FromBack,
    /// Every part of the queue loses in proportion to its size: cancels are equally likely anywhere. Remainders are placed by the
    /// exchange's generator.
    Proportional,
}

/// One logged change: the level's quantity is read when the change is published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    /// Update id.
    pub id: u64,
    /// Side of the level.
    pub side: Side,
    /// Its price.
    pub price: E8,
}

/// The book of one symbol. Never crossed between two operations of its users.
#[derive(Debug)]
pub(crate) struct Book {
    /// Size step: background quantities are split on it.
    step: E8,
    bids: BTreeMap<E8, Level>,
    asks: BTreeMap<E8, Level>,
    log: ChangeLog,
}

/// Numbers the changes and keeps those that some depth stream has not published yet.
#[derive(Debug)]
struct ChangeLog {
    update_id: u64,
    changed_us: u64,
    changes: Vec<Change>,
    keep: Keep,
    jumps: Prng,
}

/// Whether the log keeps changes or only numbers them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keep {
    /// Some depth stream wants them.
    Changes,
    /// Nobody does.
    Nothing,
}

impl ChangeLog {
    fn note(&mut self, now_us: u64, side: Side, price: E8) {
        self.update_id += 1 + self.jumps.below(UPDATE_JUMP_MAX);
        self.changed_us = now_us;
        if self.keep == Keep::Changes {
            if self.changes.len() >= CHANGES_MAX {
                self.compact();
            }
            self.changes.push(Change {
                id: self.update_id,
                side,
                price,
            });
        }
    }

    /// Keeps only the last change of each level. Ids stay increasing; readers lose no level, because they read quantities when they publish.
    fn compact(&mut self) {
        let mut latest = BTreeMap::new();
        for change in &self.changes {
            latest.insert((change.side, change.price), change.id);
        }
        self.changes
            .retain(|change| latest.get(&(change.side, change.price)) == Some(&change.id));
    }
}

impl Book {
    /// An empty book.
    pub(crate) fn new(jumps: Prng, first_update_id: u64, step: E8) -> Book {
        Book {
            step: step.max(1),
            bids: BTreeMap::new(),
            asks: BTreeMap::new(),
            log: ChangeLog {
                update_id: first_update_id,
                changed_us: 0,
                changes: Vec::new(),
                keep: Keep::Changes,
                jumps,
            },
        }
    }

    /// Id of the last change.
    pub(crate) fn update_id(&self) -> u64 {
        self.log.update_id
    }

    /// Time of the last change, µs.
    pub(crate) fn changed_us(&self) -> u64 {
        self.log.changed_us
    }

    /// Starts or stops keeping changes.
    pub(crate) fn keep_changes(&mut self, keep: Keep) {
        self.log.keep = keep;
        if keep == Keep::Nothing {
            self.log.changes.clear();
        }
    }

    /// Kept changes with an id above `after`, oldest first.
    pub(crate) fn changes_after(&self, after: u64) -> &[Change] {
        let start = self
            .log
            .changes
            .partition_point(|change| change.id <= after);
        self.log.changes.get(start..).unwrap_or(&[])
    }

    /// Forgets changes up to and including an id.
    pub(crate) fn forget_changes(&mut self, up_to: u64) {
        let count = self
            .log
            .changes
            .partition_point(|change| change.id <= up_to);
        self.log.changes.drain(..count);
    }

    fn side(&self, side: Side) -> &BTreeMap<E8, Level> {
        match side {
            Side::Buy => &self.bids,
            Side::Sell => &self.asks,
        }
    }

    fn side_mut(&mut self, side: Side) -> &mut BTreeMap<E8, Level> {
        match side {
            Side::Buy => &mut self.bids,
            Side::Sell => &mut self.asks,
        }
    }

    /// Best price and total quantity.
    pub(crate) fn best(&self, side: Side) -> Option<(E8, E8)> {
        let best = match side {
            Side::Buy => self.bids.last_key_value(),
            Side::Sell => self.asks.first_key_value(),
        };
        best.map(|(price, level)| (*price, level.total()))
    }

    /// Best price and the head of its queue.
    pub(crate) fn best_head(&self, side: Side) -> Option<(E8, Head)> {
        let (price, level) = match side {
            Side::Buy => self.bids.last_key_value(),
            Side::Sell => self.asks.first_key_value(),
        }?;
        Some((*price, level.head()?))
    }

    /// Head of the queue at a price.
    pub(crate) fn head_at(&self, side: Side, price: E8) -> Option<Head> {
        self.side(side).get(&price)?.head()
    }

    /// Levels from the best on.
    pub(crate) fn levels(&self, side: Side) -> Levels<'_> {
        match side {
            Side::Buy => Levels::Bids(self.bids.iter().rev()),
            Side::Sell => Levels::Asks(self.asks.iter()),
        }
    }

    /// Number of levels.
    pub(crate) fn level_count(&self, side: Side) -> usize {
        self.side(side).len()
    }

    /// Total quantity at a price.
    pub(crate) fn total_at(&self, side: Side, price: E8) -> E8 {
        self.side(side).get(&price).map_or(0, Level::total)
    }

    /// Background quantity at a price.
    pub(crate) fn background_at(&self, side: Side, price: E8) -> E8 {
        self.side(side).get(&price).map_or(0, Level::background)
    }

    /// Client orders at a price, in queue order.
    pub(crate) fn clients_at(&self, side: Side, price: E8) -> &[Resting] {
        self.side(side).get(&price).map_or(&[], Level::clients)
    }

    /// Background quantity queued ahead of a client order.
    pub(crate) fn ahead_of(&self, side: Side, price: E8, order: OrderId) -> Option<E8> {
        self.side(side).get(&price)?.ahead_of(order)
    }

    /// Quantity that an aggressor with this limit could take at once, counted up to `enough`.
    pub(crate) fn takeable(&self, aggressor: Side, limit: E8, enough: E8) -> E8 {
        let mut sum: E8 = 0;
        for (price, total) in self.levels(aggressor.opposite()) {
            if sum >= enough || !crosses(aggressor, limit, price) {
                break;
            }
            sum = sum.saturating_add(total);
        }
        sum
    }

    /// Whether an order of this side and price would trade at once.
    pub(crate) fn would_cross(&self, side: Side, price: E8) -> bool {
        self.best(side.opposite())
            .is_some_and(|(best, _)| crosses(side, price, best))
    }

    /// Adds background quantity at the tail of a level.
    pub(crate) fn add_background(&mut self, now_us: u64, side: Side, price: E8, qty: E8) {
        if qty <= 0 {
            return;
        }
        self.side_mut(side)
            .entry(price)
            .or_default()
            .add_background(qty);
        self.log.note(now_us, side, price);
    }

    /// Adds a client order at the tail of a level.
    pub(crate) fn add_client(
        &mut self,
        now_us: u64,
        side: Side,
        price: E8,
        account: AccountId,
        order: OrderId,
        qty: E8,
    ) {
        self.side_mut(side)
            .entry(price)
            .or_default()
            .add_client(account, order, qty);
        self.log.note(now_us, side, price);
    }

    /// Removes background quantity; returns how much.
    pub(crate) fn remove_background(
        &mut self,
        now_us: u64,
        side: Side,
        price: E8,
        qty: E8,
        removal: Removal,
        prng: &mut Prng,
    ) -> E8 {
        let step = self.step;
        self.change(now_us, side, price, |level| match removal {
            Removal::FromBack => level.remove_from_back(qty),
            Removal::Proportional => level.remove_proportional(qty, step, prng),
        })
    }

    /// Takes background quantity from the head of the queue; returns how much was there.
    pub(crate) fn take_background(&mut self, now_us: u64, side: Side, price: E8, qty: E8) -> E8 {
        self.change(now_us, side, price, |level| level.take_background(qty))
    }

    /// Reduces a client order (wherever it stands in its queue) and drops it at 0; returns by how much.
    pub(crate) fn reduce_client(
        &mut self,
        now_us: u64,
        side: Side,
        price: E8,
        order: OrderId,
        qty: E8,
    ) -> E8 {
        self.change(now_us, side, price, |level| level.reduce_client(order, qty))
    }

    /// Prices of a side that hold background quantity.
    pub(crate) fn background_prices(&self, side: Side) -> Vec<E8> {
        self.side(side)
            .iter()
            .filter(|(_, level)| level.background() > 0)
            .map(|(price, _)| *price)
            .collect()
    }

    fn change(
        &mut self,
        now_us: u64,
        side: Side,
        price: E8,
        act: impl FnOnce(&mut Level) -> E8,
    ) -> E8 {
        let levels = self.side_mut(side);
        let Some(level) = levels.get_mut(&price) else {
            return 0;
        };
        let changed = act(level);
        if level.total() == 0 {
            levels.remove(&price);
        }
        if changed > 0 {
            self.log.note(now_us, side, price);
        }
        changed
    }
}

/// Whether an aggressor with this limit trades with a resting price.
pub(crate) fn crosses(aggressor: Side, limit: E8, resting: E8) -> bool {
    match aggressor {
        Side::Buy => limit >= resting,
        Side::Sell => limit <= resting,
    }
}

/// Levels of a side from the best on: (price, total quantity).
pub(crate) enum Levels<'a> {
    /// From the highest bid down.
    Bids(std::iter::Rev<std::collections::btree_map::Iter<'a, E8, Level>>),
    /// From the lowest ask up.
    Asks(std::collections::btree_map::Iter<'a, E8, Level>),
}

impl Iterator for Levels<'_> {
    type Item = (E8, E8);

    fn next(&mut self) -> Option<(E8, E8)> {
        let next = match self {
            Levels::Bids(levels) => levels.next(),
            Levels::Asks(levels) => levels.next(),
        };
        next.map(|(price, level)| (*price, level.total()))
    }
}

#[cfg(test)]
mod tests;
