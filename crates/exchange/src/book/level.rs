//! The queue of one price: client orders and the anonymous background quantity between them; knows no price and no side.

use crate::api::{AccountId, E8, OrderId};
use crate::prng::Prng;

/// A client order in the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Resting {
    /// Whose.
    pub account: AccountId,
    /// Which.
    pub order: OrderId,
    /// Open quantity.
    pub qty: E8,
    /// Background quantity directly ahead of it, behind the client order before it.
    ahead: E8,
}

/// What stands first in a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Head {
    /// So much background quantity.
    Background(E8),
    /// A client order.
    Client(Resting),
}

/// One price level. Neighbouring background chunks are one chunk, so a level without client orders owns no memory.
#[derive(Debug, Default)]
pub(crate) struct Level {
    clients: Vec<Resting>,
    /// Background quantity behind the last client order.
    tail: E8,
    total: E8,
}

impl Level {
    pub(crate) fn total(&self) -> E8 {
        self.total
    }

    pub(crate) fn clients(&self) -> &[Resting] {
        &self.clients
    }

    pub(crate) fn background(&self) -> E8 {
        if self.clients.is_empty() {
            return self.tail;
        }
        self.tail + self.clients.iter().map(|resting| resting.ahead).sum::<E8>()
    }

    pub(crate) fn ahead_of(&self, order: OrderId) -> Option<E8> {
        let place = self
            .clients
            .iter()
            .position(|resting| resting.order == order)?;
        Some(
            self.clients
                .iter()
                .take(place + 1)
                .map(|resting| resting.ahead)
                .sum(),
        )
    }

    pub(crate) fn head(&self) -> Option<Head> {
        match self.clients.first() {
            Some(first) if first.ahead > 0 => Some(Head::Background(first.ahead)),
            Some(first) => Some(Head::Client(*first)),
            None if self.tail > 0 => Some(Head::Background(self.tail)),
            None => None,
        }
    }

    pub(crate) fn add_background(&mut self, qty: E8) {
        self.tail += qty;
        self.total += qty;
    }

    pub(crate) fn add_client(&mut self, account: AccountId, order: OrderId, qty: E8) {
        self.clients.push(Resting {
            account,
            order,
            qty,
            ahead: self.tail,
        });
        self.tail = 0;
        self.total += qty;
    }

    /// Takes from the background chunk at the head only.
    pub(crate) fn take_background(&mut self, qty: E8) -> E8 {
        let chunk = match self.clients.first_mut() {
            Some(first) => &mut first.ahead,
            None => &mut self.tail,
        };
        let taken = qty.min(*chunk).max(0);
        *chunk -= taken;
        self.total -= taken;
        taken
    }

    pub(crate) fn reduce_client(&mut self, order: OrderId, qty: E8) -> E8 {
        let Some(place) = self
            .clients
            .iter()
            .position(|resting| resting.order == order)
        else {
            return 0;
        };
        let Some(resting) = self.clients.get_mut(place) else {
            return 0;
        };
        let taken = qty.min(resting.qty).max(0);
        resting.qty -= taken;
        self.total -= taken;
        if resting.qty == 0 {
            let gone = self.clients.remove(place);
            match self.clients.get_mut(place) {
                Some(next) => next.ahead += gone.ahead,
                None => self.tail += gone.ahead,
            }
        }
        taken
    }

    pub(crate) fn remove_from_back(&mut self, qty: E8) -> E8 {
        let mut left = qty.max(0);
        let chunks = std::iter::once(&mut self.tail).chain(
            self.clients
                .iter_mut()
                .rev()
                .map(|resting| &mut resting.ahead),
        );
        for chunk in chunks {
            let taken = left.min(*chunk);
            *chunk -= taken;
            left -= taken;
        }
        let removed = qty.max(0) - left;
        self.total -= removed;
        removed
    }

    /// Every chunk loses `qty · chunk / background`, rounded down to whole steps, so that no fill is ever off the size grid; what rounding
    /// left is taken from chunks starting at a random one.
    pub(crate) fn remove_proportional(&mut self, qty: E8, step: E8, prng: &mut Prng) -> E8 {
        let background = self.background();
        let wanted = qty.min(background).max(0);
        if self.clients.is_empty() || wanted == 0 {
            return self.remove_from_back(wanted);
        }
        let share = |chunk: E8| {
            let part = i128::from(wanted) * i128::from(chunk) / i128::from(background);
            let part = i64::try_from(part).expect("a share is not larger than its chunk");
            part - part % step
        };
        let count = self.clients.len() + 1;
        let mut left = wanted;
        for chunk in self.chunks_mut() {
            let taken = share(*chunk);
            *chunk -= taken;
            left -= taken;
        }
        let start = usize::try_from(prng.below(u64::try_from(count).unwrap_or(1))).unwrap_or(0);
        for turn in 0..count {
            if let Some(chunk) = self.chunks_mut().nth((start + turn) % count) {
                let taken = left.min(*chunk);
                *chunk -= taken;
                left -= taken;
            }
        }
        self.total -= wanted;
        wanted
    }

    fn chunks_mut(&mut self) -> impl Iterator<Item = &mut E8> {
        self.clients
            .iter_mut()
            .map(|resting| &mut resting.ahead)
            .chain(std::iter::once(&mut self.tail))
    }
}
