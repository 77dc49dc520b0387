//! Owns the order-preserving matching of resting orders to slots of one side; knows only prices and
//! tolerances.
//!
//! Both lists run from the touch outward. A pair may be matched when the order lies within the slot's tolerance,
//! and pairs never cross. Of all such matchings the one with most pairs is taken (each order left over is a
//! cancel), and among those the one with the smallest deviations. So when the market moves by one layer, orders pass
//! on to the neighbouring slots and one of them is replaced, not all.

use crate::units::Ticks;
use alloc::vec::Vec;

/// What a slot asks of an order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Seat {
    /// Price of the slot.
    pub price: Ticks,
    /// Largest deviation that stays, ≥ 0.
    pub tolerance: Ticks,
}

impl Seat {
    fn deviation(&self, price: Ticks) -> Ticks {
        price.saturating_sub(self.price).abs()
    }

    fn admits(&self, price: Ticks) -> bool {
        self.deviation(price) <= self.tolerance
    }

    /// Value of a pair: one kept order outweighs the deviations of all others.
    fn gain(&self, price: Ticks) -> i32 {
        let share = self.deviation(price).0.saturating_mul(FULL) / self.tolerance.0.max(1);
        PAIR - i32::try_from(share.min(FULL)).unwrap_or(i32::MAX / 2)
    }
}

/// Deviation of an order that uses all of its slot's tolerance.
const FULL: i64 = 1_000;
/// Value of a pair: more than [`FULL`] times the pairs there can be.
const PAIR: i32 = 1 << 20;

/// The matching of one side; its memory is reused.
#[derive(Clone, Debug, Default)]
pub(super) struct Matching {
    /// `scores[i * width + j]`: the best value of the first `i` orders on the first `j` slots.
    scores: Vec<i32>,
    /// For each order its slot.
    slot_of: Vec<Option<usize>>,
}

impl Matching {
    /// With memory for `orders` × `slots`.
    pub fn with_capacity(orders: usize, slots: usize) -> Self {
        Self {
            scores: Vec::with_capacity((orders + 1) * (slots + 1)),
            slot_of: Vec::with_capacity(orders),
        }
    }

    /// Matches; see [`Self::slot_of`].
    pub fn solve(&mut self, orders: &[Ticks], seats: &[Seat]) {
        self.slot_of.clear();
        let in_place = orders.len() == seats.len()
            && orders
                .iter()
                .zip(seats)
                .all(|(price, seat)| seat.admits(*price));
        if in_place {
            self.slot_of.extend((0..orders.len()).map(Some));
        } else {
            self.slot_of.resize(orders.len(), None);
            self.fill(orders, seats);
            self.trace(orders, seats);
        }
    }

    /// The index of the slot that order `i` of the last call stays in.
    pub fn slot_of(&self, i: usize) -> Option<usize> {
        self.slot_of.get(i).copied().flatten()
    }

    #[cfg(test)]
    pub fn memory(&self) -> (*const i32, *const Option<usize>) {
        (self.scores.as_ptr(), self.slot_of.as_ptr())
    }

    fn score(&self, width: usize, i: usize, j: usize) -> i32 {
        self.scores.get(i * width + j).copied().unwrap_or(0)
    }

    fn fill(&mut self, orders: &[Ticks], seats: &[Seat]) {
        let width = seats.len() + 1;
        self.scores.clear();
        self.scores.resize(width, 0);
        for (i, price) in orders.iter().enumerate() {
            self.scores.push(0);
            for (j, seat) in seats.iter().enumerate() {
                let skip = self.score(width, i, j + 1).max(self.score(width, i + 1, j));
                let best = match seat.admits(*price) {
                    true => skip.max(self.score(width, i, j) + seat.gain(*price)),
                    false => skip,
                };
                self.scores.push(best);
            }
        }
    }

    /// Walks back from the far end. Ties leave the order further out unmatched.
    fn trace(&mut self, orders: &[Ticks], seats: &[Seat]) {
        let width = seats.len() + 1;
        let (mut i, mut j) = (orders.len(), seats.len());
        while let (Some(price), Some(seat)) = (
            i.checked_sub(1).and_then(|i| orders.get(i)),
            j.checked_sub(1).and_then(|j| seats.get(j)),
        ) {
            let here = self.score(width, i, j);
            if here == self.score(width, i - 1, j) {
                i -= 1;
            } else if here == self.score(width, i, j - 1) {
                j -= 1;
            } else {
                debug_assert_eq!(here, self.score(width, i - 1, j - 1) + seat.gain(*price));
                if let Some(slot) = self.slot_of.get_mut(i - 1) {
                    *slot = Some(j - 1);
                }
                i -= 1;
                j -= 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn seat(price: i64, tolerance: i64) -> Seat {
        Seat {
            price: Ticks(price),
            tolerance: Ticks(tolerance),
        }
    }

    fn solve(orders: &[i64], seats: &[Seat]) -> Vec<Option<usize>> {
        let orders: Vec<Ticks> = orders.iter().copied().map(Ticks).collect();
        let mut matching = Matching::default();
        matching.solve(&orders, seats);
        matching.slot_of
    }

    #[test]
    fn orders_in_place_keep_their_own_slots() {
        let seats = [seat(0, 5), seat(10, 5), seat(20, 5)];
        assert_eq!(solve(&[3, 8, 25], &seats), [Some(0), Some(1), Some(2)]);
    }

    #[test]
    fn a_shift_by_one_layer_passes_orders_on() {
        let seats = [seat(0, 9), seat(10, 9), seat(20, 9)];
        assert_eq!(solve(&[10, 20, 30], &seats), [Some(1), Some(2), None]);
        assert_eq!(solve(&[-10, 0, 10], &seats), [None, Some(0), Some(1)]);
    }

    #[test]
    fn of_two_orders_near_one_slot_the_nearer_stays() {
        assert_eq!(solve(&[4, 9], &[seat(10, 9)]), [None, Some(0)]);
        assert_eq!(solve(&[9, 14], &[seat(10, 9)]), [Some(0), None]);
    }

    #[test]
    fn nothing_matches_nothing() {
        assert_eq!(solve(&[], &[seat(1, 1)]), []);
        assert_eq!(solve(&[1], &[]), [None]);
    }

    /// Tries every order-preserving matching.
    fn best_by_force(orders: &[Ticks], seats: &[Seat]) -> i32 {
        match (orders.split_first(), seats.split_first()) {
            (Some((price, rest)), Some((seat, seats_rest))) => {
                let skip = best_by_force(rest, seats).max(best_by_force(orders, seats_rest));
                match seat.admits(*price) {
                    true => skip.max(seat.gain(*price) + best_by_force(rest, seats_rest)),
                    false => skip,
                }
            }
            (None, _) | (_, None) => 0,
        }
    }

    proptest! {
        #[test]
        fn the_matching_is_the_best_of_all_order_preserving_ones(
            mut orders in prop::collection::vec(0..60_i64, 0..7),
            mut seats in prop::collection::vec((0..60_i64, 0..15_i64), 0..7),
        ) {
            orders.sort_unstable();
            seats.sort_unstable();
            let orders: Vec<Ticks> = orders.into_iter().map(Ticks).collect();
            let seats: Vec<Seat> = seats.into_iter().map(|(p, t)| seat(p, t)).collect();
            let mut matching = Matching::default();
            matching.solve(&orders, &seats);
            let slot_of = matching.slot_of.clone();
            let pairs: Vec<_> = orders.iter().zip(&slot_of).filter_map(|(p, s)| s.map(|s| (*p, s))).collect();
            prop_assert!(pairs.windows(2).all(|w| w[0].1 < w[1].1), "crossing pairs");
            prop_assert!(pairs.iter().all(|(p, s)| seats[*s].admits(*p)), "beyond tolerance");
            let in_place = pairs.len() == orders.len() && orders.len() == seats.len();
            let value: i32 = pairs.iter().map(|(p, s)| seats[*s].gain(*p)).sum();
            prop_assert!(in_place || value == best_by_force(&orders, &seats));
        }
    }
}
