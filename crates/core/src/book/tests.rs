use super::*;
use alloc::vec::Vec;

fn at(price: i64, size: i64) -> Level {
    Level {
        price: Ticks(price),
        size: Lots(size),
    }
}

fn book() -> Book {
    let mut book = Book::default();
    let bids = [at(100, 5), at(99, 7), at(97, 1)];
    let asks = [at(102, 4), at(101, 2), at(105, 9)];
    book.apply(&bids, &asks).expect("valid");
    book
}

#[test]
fn touch_mid_and_depth_are_exact() {
    let book = book();
    let touch = book.touch().expect("both sides");
    assert_eq!((touch.bid, touch.ask), (at(100, 5), at(101, 2)));
    assert_eq!(book.mid_half_ticks(), Some(201));
    assert_eq!(touch.spread(), Ticks(1));
    assert_eq!(touch.of(Side::Sell), at(101, 2));
    for (side, price, depth) in [
        (Side::Buy, 101, 0),
        (Side::Buy, 100, 5),
        (Side::Buy, 98, 12),
        (Side::Buy, 1, 13),
        (Side::Sell, 100, 0),
        (Side::Sell, 104, 6),
        (Side::Sell, 999, 15),
    ] {
        assert_eq!(book.depth_through(side, Ticks(price)), Lots(depth));
    }
    assert_eq!(book.size_at(Side::Sell, Ticks(105)), Lots(9));
    assert_eq!(book.depth(Side::Buy), 3);
    let asks: Vec<_> = book.levels(Side::Sell).map(|l| l.price.0).collect();
    assert_eq!(asks, [101, 102, 105]);
}

#[test]
fn a_book_with_one_side_has_neither_touch_nor_cross() {
    let mut book = book();
    book.apply(&[], &[at(101, 0), at(102, 0), at(105, 0)])
        .expect("valid");
    assert_eq!(book.touch(), None);
    assert_eq!(book.mid_half_ticks(), None);
    assert!(!book.is_crossed());
    assert_eq!(book.best(Side::Buy), Some(at(100, 5)));
}

#[test]
fn equal_touch_prices_count_as_crossed() {
    let mut book = book();
    book.apply(&[at(101, 1)], &[]).expect("valid");
    assert!(book.is_crossed());
}

#[test]
fn equal_books_have_equal_digests_however_they_came_about() {
    let mut other = Book::default();
    other
        .apply(&[at(5_000_000, 1), at(97, 1)], &[at(105, 9)])
        .expect("valid");
    other
        .apply(&[at(5_000_000, 0), at(99, 7), at(100, 5)], &[at(101, 2)])
        .expect("valid");
    assert_ne!(other.digest(), book().digest());
    other.apply(&[], &[at(102, 4)]).expect("valid");
    assert_eq!(other.digest(), book().digest());
    let mut swapped = Book::default();
    swapped.apply(&[at(105, 9)], &[]).expect("valid");
    let mut straight = Book::default();
    straight.apply(&[], &[at(105, 9)]).expect("valid");
    assert_ne!(swapped.digest(), straight.digest());
}
