//! Price-time priority against a model that is nothing but a list.

use super::bench::*;
use phoenix_exchange::api::*;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

/// What rests: side, price, id and what is left, in the order of arrival.
#[derive(Default)]
struct Naive(Vec<(Side, E8, u64, E8)>);

impl Naive {
    /// What would be traded with next: the best price, and of equal ones the oldest.
    fn best(&self, side: Side) -> Option<usize> {
        let resting = self.0.iter().enumerate();
        let resting = resting.filter(|(_, order)| order.0 == side.opposite());
        let best = resting.min_by_key(|(place, order)| (side.sign() * order.1, *place));
        best.map(|(place, _)| place)
    }

    /// How much an order takes on its arrival.
    fn take(&mut self, side: Side, price: E8, qty: E8) -> E8 {
        let mut taken = 0;
        while taken < qty
            && let Some(place) = self.best(side)
        {
            let (_, at, _, left) = self.0[place];
            if (at - price) * side.sign() > 0 {
                break;
            }
            let part = left.min(qty - taken);
            taken += part;
            self.0[place].3 -= part;
            if self.0[place].3 == 0 {
                self.0.remove(place);
            }
        }
        taken
    }

    fn available(&self, side: Side, price: E8) -> E8 {
        let within = |order: &&(Side, E8, u64, E8)| {
            order.0 == side.opposite() && (order.1 - price) * side.sign() <= 0
        };
        self.0.iter().filter(within).map(|order| order.3).sum()
    }

    /// What becomes of an order: what it takes, and whether the rest stays.
    fn place(&mut self, side: Side, price: E8, qty: E8, how: TimeInForce) -> (E8, bool) {
        let available = self.available(side, price);
        match how {
            TimeInForce::Gtx if available > 0 => (0, false),
            TimeInForce::Fok if available < qty => (0, false),
            TimeInForce::Gtc | TimeInForce::Gtx | TimeInForce::Gtd => {
                let taken = self.take(side, price, qty);
                (taken, taken < qty)
            }
            TimeInForce::Ioc | TimeInForce::Fok => (self.take(side, price, qty), false),
        }
    }
}

fn open(bench: &Bench) -> Vec<(Side, E8, u64, E8)> {
    let mut rows = bench.venue.open_orders(ANN, Some(ETH));
    rows.extend(bench.venue.open_orders(BOB, Some(ETH)));
    rows.sort_by_key(|order| order.order_id);
    let left = |o: &OrderView| o.orig_qty - o.executed_qty;
    rows.iter()
        .map(|o| (o.side, o.price, o.order_id, left(o)))
        .collect()
}

fn check(steps: &[(bool, bool, i64, i64, u8, u8)]) {
    let mut bench = Bench::empty();
    let mut naive = Naive::default();
    for (is_ann, is_buy, distance, size, how, end) in steps {
        let account = if *is_ann { ANN } else { BOB };
        let side = if *is_buy { Side::Buy } else { Side::Sell };
        if *end == 0 && !naive.0.is_empty() {
            let place = usize::from(*how) % naive.0.len();
            let (_, _, id, _) = naive.0[place];
            for owner in [ANN, BOB] {
                drop(
                    bench
                        .venue
                        .cancel(bench.now_us, owner, ETH, OrderRef::Id(id)),
                );
            }
            naive.0.remove(place);
        } else {
            let how = match how % 8 {
                0..=3 => TimeInForce::Gtc,
                4 => TimeInForce::Gtx,
                5 | 6 => TimeInForce::Ioc,
                _ => TimeInForce::Fok,
            };
            let price = d("2500") - side.sign() * distance * d("0.01");
            let qty = size * d("0.001");
            let order = NewOrder {
                stp: Some(StpMode::None),
                ..NewOrder::limit(ETH, side, price, qty, how)
            };
            // What the account cannot pay for is not placed.
            if let Ok(view) = bench.place(account, &order) {
                let (taken, rests) = naive.place(side, price, qty, how);
                assert_eq!(view.executed_qty, taken, "{order:?}");
                assert_eq!(view.status.is_open(), rests, "{view:?}");
                if rests {
                    naive.0.push((side, price, view.order_id, qty - taken));
                }
            }
        }
        bench.pass(1_000);
        assert_eq!(open(&bench), naive.0);
        bench.check_books();
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 64,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(20_261_127),
        ..ProptestConfig::default()
    })]
    #[test]
    fn orders_trade_by_price_and_then_by_time(
        steps in prop::collection::vec(
            (any::<bool>(), any::<bool>(), -4..6_i64, 10..60_i64, any::<u8>(), 0..6_u8),
            1..80,
        ),
    ) {
        check(&steps);
    }
}
