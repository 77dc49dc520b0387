use super::*;
use crate::instrument::{SymbolId, ethusdc};
use crate::order::Owner;
use alloc::vec::Vec;
use proptest::prelude::*;

/// A trade of ours: side, price, size; its id and time are its place in the list.
type Traded = (Side, i64, i64);

fn fill(id: i64, (_, price, size): Traded) -> Fill {
    Fill {
        trade_id: id,
        price: Ticks(price),
        size: Lots(size),
        fee: Quote(-7 * id),
        fee_other_e8: -id,
        realized: Quote(1_000 + id),
        maker: true,
    }
}

fn lite(id: i64, (side, price, size): Traded) -> LiteFill {
    LiteFill {
        symbol: SymbolId(0),
        owner: Owner::Foreign,
        side,
        trade_id: id,
        price: Ticks(price),
        size: Lots(size),
        maker: true,
        time: Wall(id),
    }
}

fn on_fill(position: &mut Position, id: i64, trade: Traded) -> Booked {
    position.on_fill(&ethusdc(), trade.0, &fill(id, trade), Wall(id))
}

fn booked(trades: &[Traded]) -> Position {
    let mut position = Position::default();
    for (id, trade) in (1..).zip(trades) {
        assert_eq!(on_fill(&mut position, id, *trade), Booked::New);
    }
    position
}

/// One lot of ETHUSDC at one tick is worth 0.000_01.
const VALUE: i64 = 1_000;

#[test]
fn a_position_of_the_same_size_that_another_session_left_at_another_price_is_another_one() {
    let left = |cost| {
        let mut position = Position::resumed(&Resume {
            size: Lots(3),
            cost: Quote(cost),
            ..Resume::default()
        });
        position.on_taken_over(Wall(10));
        position
    };
    let value = 300 * VALUE;
    // What the journal knows is a rounded price as well.
    for (cost, expected) in [(value, value), (value - 3, value - 3), (290 * VALUE, value)] {
        let mut position = left(cost);
        position.on_same_size(&ethusdc(), &report(3, 100));
        assert_eq!(position.cost(), Quote(expected), "left at {cost}");
    }
    // Once confirmed, ours is exact.
    let mut position = left(value);
    position.on_same_size(&ethusdc(), &report(3, 100));
    position.on_same_size(&ethusdc(), &report(3, 90));
    assert_eq!(position.cost(), Quote(value));
}

#[test]
fn reductions_realise_against_the_average_and_flips_start_anew() {
    use Side::{Buy, Sell};
    // Trades, then size, cost and realised profit in tick-lots.
    let cases: &[(&[Traded], i64, i64, i64)] = &[
        (&[(Buy, 100, 3)], 3, 300, 0),
        (&[(Buy, 100, 3), (Buy, 104, 1)], 4, 404, 0),
        (&[(Buy, 100, 3), (Buy, 104, 1), (Sell, 103, 2)], 2, 202, 4),
        (&[(Buy, 100, 3), (Sell, 90, 3)], 0, 0, -30),
        (&[(Buy, 100, 3), (Sell, 110, 5)], -2, -220, 30),
        (&[(Sell, 100, 3)], -3, -300, 0),
        (&[(Sell, 100, 4), (Buy, 90, 1)], -3, -300, 10),
        (&[(Sell, 100, 4), (Buy, 101, 4)], 0, 0, -4),
        (&[(Sell, 100, 4), (Buy, 90, 6)], 2, 180, 40),
        (&[(Sell, 100, 1), (Sell, 101, 1), (Buy, 90, 3)], 1, 90, 21),
    ];
    for (trades, size, cost, realised) in cases {
        let position = booked(trades);
        assert_eq!(position.size(), Lots(*size), "{trades:?}");
        assert_eq!(position.cost(), Quote(cost * VALUE), "{trades:?}");
        assert_eq!(position.realised(), Quote(realised * VALUE), "{trades:?}");
    }
}

#[test]
fn entry_unrealised_and_profit_follow_the_mark() {
    let eth = ethusdc();
    let position = booked(&[(Side::Sell, 250_000, 2), (Side::Sell, 250_100, 2)]);
    assert_eq!(position.entry(&eth), Some(Price8(250_050_000_000)));
    assert_eq!(position.side(), Some(Side::Sell));
    // Short 0.004 at 2500.50, marked at 2510: −0.038.
    let mark = Price8(251_000_000_000);
    assert_eq!(position.unrealised(&eth, mark), Quote(-3_800_000));
    assert_eq!(position.profit(&eth, mark), Quote(-3_800_000 - 7 - 14));
    assert_eq!(Position::default().entry(&eth), None);
    assert_eq!(Position::default().side(), None);
}

#[test]
fn a_lite_fill_books_at_once_and_the_full_one_adds_only_the_fee() {
    let trade = (Side::Buy, 100, 3);
    let mut position = Position::default();
    assert_eq!(position.on_lite(&ethusdc(), &lite(1, trade)), Booked::New);
    assert_eq!((position.size(), position.fees()), (Lots(3), Quote(0)));
    assert_eq!(position.fees_pending(), 1);
    assert_eq!(
        position.on_lite(&ethusdc(), &lite(1, trade)),
        Booked::Duplicate
    );
    assert_eq!(on_fill(&mut position, 1, trade), Booked::Completed);
    assert_eq!((position.size(), position.fees()), (Lots(3), Quote(-7)));
    assert_eq!((position.fees_pending(), position.fees_other_e8()), (0, -1));
    assert_eq!(on_fill(&mut position, 1, trade), Booked::Duplicate);
    assert_eq!(
        position.on_lite(&ethusdc(), &lite(1, trade)),
        Booked::Duplicate
    );
    assert_eq!((position.size(), position.fees()), (Lots(3), Quote(-7)));
}

#[test]
fn funding_of_an_instant_is_booked_once_whatever_times_the_tellings_state() {
    let mut position = Position::default();
    for (amount, second, outcome) in [
        (-5, 8 * 3_600, Booked::New),
        (-5, 8 * 3_600 + 17, Booked::Duplicate),
        (3, 16 * 3_600, Booked::New),
        (-5, 8 * 3_600 - 1, Booked::Duplicate),
        (i64::MIN, 24 * 3_600, Booked::Unbookable),
    ] {
        let time = Wall(second * 1_000_000_000);
        assert_eq!(position.on_funding(Quote(amount), time), outcome);
    }
    assert_eq!(position.funding(), Quote(-2));
    position.on_funding_settled(crate::units::FundingHour(8));
    assert_eq!(position.funding_settled().1, Quote(-5));
}

#[test]
fn what_cannot_be_booked_changes_nothing_and_can_be_booked_later() {
    let mut position = booked(&[(Side::Buy, 100, 3)]);
    for trade in [
        (Side::Buy, 0, 1),
        (Side::Buy, 100, 0),
        (Side::Sell, 100, -1),
        (Side::Sell, i64::MAX, i64::MAX),
        (Side::Buy, 1, i64::MAX),
    ] {
        assert_eq!(on_fill(&mut position, 9, trade), Booked::Unbookable);
        let light = position.on_lite(&ethusdc(), &lite(9, trade));
        assert_eq!(light, Booked::Unbookable);
    }
    assert_eq!((position.size(), position.cost().0), (Lots(3), 300 * VALUE));
    assert_eq!(on_fill(&mut position, 9, (Side::Buy, 100, 1)), Booked::New);
}

fn report(size: i64, entry_ticks: i64) -> PositionReport {
    PositionReport {
        symbol: SymbolId(0),
        size: Lots(size),
        entry: ethusdc().price8(Ticks(entry_ticks)),
    }
}

#[test]
fn a_position_taken_over_contains_the_fills_before_it() {
    let mut position = booked(&[(Side::Buy, 100, 3)]);
    let repaired = position.repair(&ethusdc(), &report(-2, 120), Wall(50));
    assert_eq!((repaired.ours, repaired.theirs), (Lots(3), Lots(-2)));
    assert_eq!(position.cost(), Quote(-240 * VALUE));
    assert_eq!(
        (position.realised(), position.fees()),
        (Quote(0), Quote(-7))
    );
    // The trade that we had missed comes late: fee and the exchange's realised profit only.
    let late = (Side::Sell, 120, 5);
    assert_eq!(on_fill(&mut position, 50, late), Booked::Contained);
    assert_eq!(on_fill(&mut position, 50, late), Booked::Duplicate);
    assert_eq!(position.size(), Lots(-2));
    assert_eq!(position.realised(), Quote(1_050));
    assert_eq!(position.fees(), Quote(-7 - 350));
    // The same by way of TRADE_LITE.
    let lite_outcome = position.on_lite(&ethusdc(), &lite(49, late));
    assert_eq!(lite_outcome, Booked::Contained);
    assert_eq!(position.realised(), Quote(1_050));
    assert_eq!(on_fill(&mut position, 49, late), Booked::Completed);
    assert_eq!((position.size(), position.realised().0), (Lots(-2), 2_099));
    // Later trades count in full.
    assert_eq!(on_fill(&mut position, 51, (Side::Buy, 110, 2)), Booked::New);
    assert_eq!((position.size(), position.cost()), (Lots(0), Quote(0)));
    assert_eq!(position.realised(), Quote(2_099 + 20 * VALUE));
}

#[test]
fn taking_over_an_equal_size_keeps_the_exact_cost() {
    let mut position = booked(&[(Side::Buy, 100, 1), (Side::Buy, 101, 2)]);
    position.repair(&ethusdc(), &report(3, 100), Wall(5));
    assert_eq!(position.cost(), Quote(302 * VALUE));
    assert_eq!(
        on_fill(&mut position, 4, (Side::Buy, 100, 1)),
        Booked::Contained
    );
    assert_eq!(position.size(), Lots(3));
}

#[test]
fn trades_before_the_start_are_too_old_to_book() {
    let mut position = Position::default();
    position.start_after(20);
    assert_eq!(position.trade_id_max(), Some(20));
    assert_eq!(
        on_fill(&mut position, 20, (Side::Buy, 100, 1)),
        Booked::TooOld
    );
    let lite_outcome = position.on_lite(&ethusdc(), &lite(3, (Side::Buy, 100, 1)));
    assert_eq!(lite_outcome, Booked::TooOld);
    assert_eq!(on_fill(&mut position, 21, (Side::Buy, 100, 1)), Booked::New);
}

fn trades() -> impl Strategy<Value = Vec<Traded>> {
    let side = prop_oneof![Just(Side::Buy), Just(Side::Sell)];
    prop::collection::vec((side, 200_000_i64..300_000, 1_i64..5_000), 0..60)
}

fn signed_value((side, price, size): &Traded) -> i64 {
    side.sign() * price * size * VALUE
}

fn digest(position: &Position) -> u64 {
    let mut digest = Digest::default();
    position.digest(&mut digest);
    digest.finish()
}

/// How a trade is delivered once.
#[derive(Clone, Copy, Debug)]
enum Delivery {
    Lite,
    Full,
}

proptest! {
    #[test]
    fn the_books_are_the_sum_of_the_fills_to_the_last_unit(trades in trades()) {
        let mut position = Position::default();
        let (mut size, mut cash) = (0, 0);
        for (id, trade) in (1..).zip(&trades) {
            let before = position.clone();
            prop_assert_eq!(on_fill(&mut position, id, *trade), Booked::New);
            size += trade.0.sign() * trade.2;
            cash -= signed_value(trade);
            prop_assert_eq!(position.size(), Lots(size));
            prop_assert_eq!(position.cash(), Quote(cash));
            prop_assert_eq!(position.cost().signum(), size.signum());
            if size == 0 {
                prop_assert_eq!(position.realised(), Quote(cash));
            } else if before.size().signum() == -size.signum() {
                // Through zero: what is left was opened at this price.
                prop_assert_eq!(position.cost().0, size * trade.1 * VALUE);
            } else if before.size().abs() > position.size().abs() {
                // A reduction leaves the average entry where it was, to one unit of cost.
                let was = i128::from(before.cost().0) * i128::from(size);
                let is = i128::from(position.cost().0) * i128::from(before.size().0);
                prop_assert!((was - is).abs() <= i128::from(before.size().abs().0));
            }
        }
        let count = trades.len() as i64;
        prop_assert_eq!(position.fees(), Quote(-7 * count * (count + 1) / 2));
    }

    #[test]
    fn duplicated_deliveries_give_the_same_books_to_the_last_bit(
        trades in trades(),
        deliveries in prop::collection::vec((0_usize..60, any::<bool>(), any::<bool>()), 0..200),
    ) {
        // Trades are first seen in their order; around that, anything earlier is delivered again.
        let mut position = Position::default();
        let mut again = deliveries.iter();
        for (index, trade) in trades.iter().enumerate() {
            let id = index as i64 + 1;
            if index % 3 == 0 {
                let _ = position.on_lite(&ethusdc(), &lite(id, *trade));
            } else {
                let _ = on_fill(&mut position, id, *trade);
            }
            for (earlier, lite_first, _) in again.by_ref().take_while(|(_, _, more)| *more) {
                let earlier = earlier % (index + 1);
                let (id, trade) = (earlier as i64 + 1, *trades.get(earlier).expect("in range"));
                if *lite_first {
                    let _ = position.on_lite(&ethusdc(), &lite(id, trade));
                } else {
                    let _ = on_fill(&mut position, id, trade);
                }
            }
        }
        for (id, trade) in (1..).zip(&trades) {
            let _ = on_fill(&mut position, id, *trade);
        }
        prop_assert_eq!(digest(&position), digest(&booked(&trades)));
    }

    #[test]
    fn any_order_of_deliveries_gives_the_same_size_cash_and_fees(
        trades in trades(),
        order in prop::collection::vec((0_usize..60, 0_u8..2), 0..300),
    ) {
        let mut position = Position::default();
        let mut all: Vec<(usize, Delivery)> = order
            .iter()
            .filter(|(index, _)| *index < trades.len())
            .map(|(index, kind)| (*index, if *kind == 0 { Delivery::Lite } else { Delivery::Full }))
            .collect();
        // Back-fill at the end delivers everything, newest first.
        all.extend((0..trades.len()).rev().map(|index| (index, Delivery::Full)));
        for (index, delivery) in all {
            let (id, trade) = (index as i64 + 1, *trades.get(index).expect("in range"));
            let _ = match delivery {
                Delivery::Lite => position.on_lite(&ethusdc(), &lite(id, trade)),
                Delivery::Full => on_fill(&mut position, id, trade),
            };
        }
        let straight = booked(&trades);
        prop_assert_eq!(position.size(), straight.size());
        prop_assert_eq!(position.cash(), straight.cash());
        prop_assert_eq!(position.fees(), straight.fees());
        prop_assert_eq!(position.fees_pending(), 0);
        // The sum of realised and unrealised profit does not depend on the order either.
        let mark = Price8(247_123_456_789);
        let eth = ethusdc();
        prop_assert_eq!(position.profit(&eth, mark), straight.profit(&eth, mark));
    }
}
