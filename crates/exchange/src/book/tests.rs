use super::*;
use proptest::prelude::*;

const ACCOUNT: AccountId = AccountId(0);

fn book() -> Book {
    Book::new(Prng::new(1), 100, 1)
}

/// The queue of a price, spelled out: client orders as (id, qty), background as (0, qty).
fn queue(book: &mut Book, side: Side, price: E8) -> Vec<(OrderId, E8)> {
    let mut seen = Vec::new();
    while let Some(head) = book.head_at(side, price) {
        match head {
            Head::Background(qty) => {
                seen.push((0, qty));
                book.take_background(0, side, price, qty);
            }
            Head::Client(resting) => {
                seen.push((resting.order, resting.qty));
                book.reduce_client(0, side, price, resting.order, resting.qty);
            }
        }
    }
    seen
}

fn mixed() -> Book {
    let mut book = book();
    book.add_background(0, Side::Buy, 100, 10);
    book.add_client(0, Side::Buy, 100, ACCOUNT, 1, 4);
    book.add_background(0, Side::Buy, 100, 6);
    book.add_client(0, Side::Buy, 100, ACCOUNT, 2, 5);
    book.add_background(0, Side::Buy, 100, 20);
    book
}

#[test]
fn a_level_is_first_in_first_out() {
    assert_eq!(
        queue(&mut mixed(), Side::Buy, 100),
        [(0, 10), (1, 4), (0, 6), (2, 5), (0, 20)]
    );
    assert_eq!(mixed().total_at(Side::Buy, 100), 45);
    assert_eq!(mixed().background_at(Side::Buy, 100), 36);
    assert_eq!(mixed().ahead_of(Side::Buy, 100, 2), Some(16));
}

#[test]
fn removal_from_the_back_spares_what_is_ahead_of_clients_until_the_tail_is_gone() {
    let mut book = mixed();
    let removed =
        book.remove_background(0, Side::Buy, 100, 23, Removal::FromBack, &mut Prng::new(1));
    assert_eq!(removed, 23);
    assert_eq!(
        queue(&mut book, Side::Buy, 100),
        [(0, 10), (1, 4), (0, 3), (2, 5)]
    );
}

#[test]
fn proportional_removal_shortens_every_part() {
    let mut book = mixed();
    book.remove_background(
        0,
        Side::Buy,
        100,
        18,
        Removal::Proportional,
        &mut Prng::new(1),
    );
    assert_eq!(
        queue(&mut book, Side::Buy, 100),
        [(0, 5), (1, 4), (0, 3), (2, 5), (0, 10)]
    );
}

#[test]
fn proportional_removal_never_leaves_a_part_off_the_size_grid() {
    for seed in 0..50 {
        let mut book = Book::new(Prng::new(1), 100, 10);
        book.add_background(0, Side::Buy, 100, 70);
        book.add_client(0, Side::Buy, 100, ACCOUNT, 1, 50);
        book.add_background(0, Side::Buy, 100, 110);
        let mut prng = Prng::new(seed);
        book.remove_background(0, Side::Buy, 100, 50, Removal::Proportional, &mut prng);
        let parts = queue(&mut book, Side::Buy, 100);
        assert_eq!(parts.iter().map(|(_, qty)| qty).sum::<E8>(), 180);
        assert!(
            parts.iter().all(|(_, qty)| qty % 10 == 0),
            "seed {seed}: {parts:?}"
        );
    }
}

#[test]
fn a_cancelled_client_leaves_the_background_around_it_in_place() {
    let mut book = mixed();
    book.reduce_client(0, Side::Buy, 100, 1, 4);
    assert_eq!(queue(&mut book, Side::Buy, 100), [(0, 16), (2, 5), (0, 20)]);
}

#[test]
fn best_prices_and_crossing_look_at_the_right_end() {
    let mut book = book();
    for price in [99, 100, 98] {
        book.add_background(0, Side::Buy, price, 1);
    }
    for price in [103, 102, 104] {
        book.add_background(0, Side::Sell, price, 2);
    }
    assert_eq!(book.best(Side::Buy), Some((100, 1)));
    assert_eq!(book.best(Side::Sell), Some((102, 2)));
    assert!(
        book.would_cross(Side::Buy, 102),
        "equal to the opposite best crosses"
    );
    assert!(!book.would_cross(Side::Buy, 101));
    assert!(book.would_cross(Side::Sell, 100));
    assert_eq!(book.takeable(Side::Buy, 103, 100), 4);
    assert_eq!(
        book.levels(Side::Buy)
            .map(|(price, _)| price)
            .collect::<Vec<_>>(),
        [100, 99, 98]
    );
}

#[test]
fn changes_are_numbered_with_jumps_and_kept_until_forgotten() {
    let mut book = book();
    let before = book.update_id();
    book.add_background(5, Side::Buy, 100, 1);
    book.add_background(6, Side::Buy, 99, 1);
    let changes = book.changes_after(before).to_vec();
    assert_eq!(
        changes
            .iter()
            .map(|change| change.price)
            .collect::<Vec<_>>(),
        [100, 99]
    );
    assert!(changes.windows(2).all(|pair| pair[0].id < pair[1].id));
    assert_eq!(book.changed_us(), 6);
    book.forget_changes(changes[0].id);
    assert_eq!(book.changes_after(0).len(), 1);
}

#[test]
fn a_full_change_log_keeps_every_level_once() {
    let mut book = book();
    for round in 0..(CHANGES_MAX as i64 + 10) {
        book.add_background(0, Side::Buy, 100 + round % 7, 1);
    }
    let kept = book.changes_after(0);
    assert!(kept.len() < 30);
    for price in 100..107 {
        assert!(kept.iter().any(|change| change.price == price));
    }
}

/// The same queue as a plain list of parts: order id (0 is background) and quantity.
#[derive(Default)]
struct Naive(Vec<(OrderId, E8)>);

impl Naive {
    fn remove_from_back(&mut self, mut qty: E8) {
        for part in self.0.iter_mut().rev().filter(|part| part.0 == 0) {
            let taken = qty.min(part.1);
            part.1 -= taken;
            qty -= taken;
        }
    }

    fn merged(&self) -> Vec<(OrderId, E8)> {
        let mut merged: Vec<(OrderId, E8)> = Vec::new();
        for &(order, qty) in self.0.iter().filter(|part| part.1 > 0) {
            match merged.last_mut() {
                Some(last) if last.0 == 0 && order == 0 => last.1 += qty,
                _ => merged.push((order, qty)),
            }
        }
        merged
    }
}

proptest! {
    #[test]
    fn a_level_behaves_like_a_list_of_parts(steps in prop::collection::vec((0..4_u8, 1..9_i64), 1..60)) {
        let (mut book, mut naive, mut next) = (book(), Naive::default(), 1);
        for (kind, qty) in steps {
            match kind {
                0 => {
                    book.add_background(0, Side::Sell, 7, qty);
                    naive.0.push((0, qty));
                }
                1 => {
                    book.add_client(0, Side::Sell, 7, ACCOUNT, next, qty);
                    naive.0.push((next, qty));
                    next += 1;
                }
                2 => {
                    book.remove_background(0, Side::Sell, 7, qty, Removal::FromBack, &mut Prng::new(1));
                    naive.remove_from_back(qty);
                }
                _ => {
                    let order = 1 + u64::try_from(qty).expect("small") % next;
                    book.reduce_client(0, Side::Sell, 7, order, i64::MAX);
                    naive.0.retain(|part| part.0 != order);
                }
            }
            let total: E8 = naive.0.iter().map(|part| part.1).sum();
            prop_assert_eq!(book.total_at(Side::Sell, 7), total);
        }
        prop_assert_eq!(queue(&mut book, Side::Sell, 7), naive.merged());
    }

    #[test]
    fn proportional_removal_takes_exactly_what_it_says(parts in prop::collection::vec((1..50_i64, 1..9_i64), 1..8), qty in 0..400_i64, seed: u64) {
        let mut book = book();
        for (order, (background, client)) in (1..).zip(&parts) {
            book.add_background(0, Side::Buy, 5, *background);
            book.add_client(0, Side::Buy, 5, ACCOUNT, order, *client);
        }
        let background: E8 = parts.iter().map(|part| part.0).sum();
        let clients: E8 = parts.iter().map(|part| part.1).sum();
        let removed = book.remove_background(0, Side::Buy, 5, qty, Removal::Proportional, &mut Prng::new(seed));
        prop_assert_eq!(removed, qty.min(background));
        prop_assert_eq!(book.background_at(Side::Buy, 5), background - removed);
        prop_assert_eq!(book.total_at(Side::Buy, 5), background - removed + clients);
        prop_assert!(book.clients_at(Side::Buy, 5).iter().all(|resting| book.ahead_of(Side::Buy, 5, resting.order).expect("it rests") >= 0));
    }
}
