//! Modification (protocol §4.4).

use super::bench::*;
use phoenix_exchange::api::*;

use OrderStatus::{Canceled, Filled, New, PartiallyFilled};
use Side::{Buy, Sell};
use TimeInForce::{Gtc, Gtx};

fn change(order: &OrderView, price: &str, qty: &str) -> ModifyOrder {
    ModifyOrder {
        symbol: order.symbol,
        order: OrderRef::Id(order.order_id),
        side: order.side,
        qty: Some(d(qty)),
        price: Some(d(price)),
        price_match: PriceMatch::None,
        modify_id: None,
        reduce_only: false,
    }
}

impl Bench {
    fn modify(&mut self, request: &ModifyOrder) -> Result<OrderView, ApiError> {
        self.venue.modify(self.now_us, ANN, request)
    }
}

#[test]
fn a_modification_keeps_the_ids_and_loses_the_place() {
    let mut bench = Bench::quiet();
    let order = bench.put(ANN, Buy, "2499.99", "1", Gtx);
    assert_eq!(bench.venue.queue_ahead(ETH, order.order_id), Some(d("10")));
    bench.market(|market| market.add_background(Buy, d("2499.99"), d("3")));
    bench.drain();
    let view = bench
        .modify(&ModifyOrder {
            modify_id: Some(77),
            ..change(&order, "2499.99", "0.5")
        })
        .unwrap();
    assert_eq!(
        (view.order_id, view.client_id, view.status),
        (order.order_id, order.client_id, New)
    );
    assert_eq!(
        (view.orig_qty, view.modify_id, view.stp),
        (d("0.5"), Some(77), StpMode::None)
    );
    assert_eq!(
        bench.venue.queue_ahead(ETH, order.order_id),
        Some(d("13")),
        "even on a smaller size"
    );
    let updates = bench.order_updates(ANN);
    assert_eq!(updates.len(), 1);
    assert_eq!(
        (updates[0].execution, updates[0].modify_id),
        (ExecutionType::Amendment, Some(77))
    );
    let rows = bench
        .venue
        .amendments(ANN, ETH, Some(OrderRef::Id(order.order_id)), 50);
    assert_eq!(rows.len(), 1);
    assert_eq!((rows[0].orig_qty, rows[0].count), ((d("1"), d("0.5")), 1));
}

#[test]
fn a_refused_modification_leaves_the_order_untouched() {
    let mut bench = Bench::quiet();
    let order = bench.put(ANN, Buy, "2400", "1", Gtx);
    let good = change(&order, "2401", "1");
    let cases = [
        (change(&order, "2400", "1"), -5027),
        (change(&order, "2400.001", "1"), -1111),
        (change(&order, "2700", "1"), -4016),
        (change(&order, "2400", "0.001"), -5029),
        (change(&order, "2400", "1000"), -2019),
        (
            ModifyOrder {
                side: Sell,
                ..good.clone()
            },
            -1117,
        ),
        (
            ModifyOrder {
                qty: None,
                ..good.clone()
            },
            -1102,
        ),
        (
            ModifyOrder {
                price: None,
                ..good.clone()
            },
            -1102,
        ),
        (
            ModifyOrder {
                reduce_only: true,
                ..good.clone()
            },
            -5047,
        ),
        (
            ModifyOrder {
                order: OrderRef::Id(1),
                ..good
            },
            -2013,
        ),
    ];
    for (request, code) in cases {
        assert_eq!(
            bench.modify(&request).unwrap_err().code,
            code,
            "{request:?}"
        );
        assert_eq!(
            bench
                .venue
                .open_order(ANN, ETH, OrderRef::Id(order.order_id))
                .unwrap(),
            order
        );
    }
}

#[test]
fn a_modification_cancels_when_nothing_would_be_left_or_a_post_only_order_would_cross() {
    let mut bench = Bench::quiet();
    let order = bench.put(ANN, Buy, "2500.00", "1", Gtx);
    bench.market(|market| market.take(Sell, d("0.4"), None));
    assert_eq!(bench.status(ANN, &order), PartiallyFilled);
    let view = bench.modify(&change(&order, "2500.00", "0.4")).unwrap();
    assert_eq!((view.status, view.executed_qty), (Canceled, d("0.4")));
    let crossing = bench.put(ANN, Buy, "2499", "1", Gtx);
    assert_eq!(
        bench
            .modify(&change(&crossing, "2500.01", "1"))
            .unwrap()
            .status,
        Canceled
    );
    assert_eq!(bench.position(ANN), d("0.4"));
    bench.check_books();
}

#[test]
fn a_modified_gtc_order_that_crosses_takes() {
    let mut bench = Bench::quiet();
    let order = bench.put(ANN, Buy, "2499", "1", Gtc);
    assert_eq!(
        bench
            .modify(&change(&order, "2500.01", "1"))
            .unwrap()
            .status,
        Filled
    );
    assert_eq!(bench.position(ANN), d("1"));
}

#[test]
fn the_new_quantity_is_the_total() {
    let mut bench = Bench::quiet();
    let order = bench.put(ANN, Buy, "2500.00", "1", Gtx);
    bench.market(|market| market.take(Sell, d("0.4"), None));
    let view = bench.modify(&change(&order, "2499.00", "1.5")).unwrap();
    assert_eq!(
        (view.status, view.orig_qty, view.executed_qty),
        (PartiallyFilled, d("1.5"), d("0.4"))
    );
    assert_eq!(
        bench.venue.exposure_extremes(ANN, ETH).open_buy_qty,
        d("1.1")
    );
}

#[test]
fn an_order_can_be_modified_so_often_and_no_more() {
    let mut bench = Bench::quiet();
    let order = bench.put(ANN, Buy, "2400", "1", Gtx);
    for turn in 0..10_000 {
        let price = if turn % 2 == 0 { "2401" } else { "2400" };
        bench.modify(&change(&order, price, "1")).unwrap();
    }
    assert_eq!(
        bench.modify(&change(&order, "2402", "1")).unwrap_err().code,
        -5026
    );
}

#[test]
fn a_reduce_only_order_stays_within_the_position_when_modified() {
    let mut bench = Bench::quiet();
    bench.trade(ANN, Buy, "1");
    let order = bench
        .place(ANN, &bench.limit(Sell, "2510", "0.5", Gtc).reducing())
        .unwrap();
    let view = bench.modify(&change(&order, "2511", "3")).unwrap();
    assert_eq!(view.orig_qty, d("1"));
    let tiny = ModifyOrder {
        reduce_only: true,
        ..change(&order, "2511", "0.001")
    };
    assert_eq!(
        bench.modify(&tiny).unwrap().orig_qty,
        d("0.001"),
        "exempt from the minimum when said so"
    );
    assert_eq!(
        bench
            .modify(&change(&order, "2511", "0.002"))
            .unwrap_err()
            .code,
        -5029
    );
}
