//! Price-time priority between client orders and the background, in both kinds of market.

use super::bench::*;
use phoenix_exchange::api::*;
use phoenix_exchange::market::Removal;

use OrderStatus::{Filled, New, PartiallyFilled};
use Side::{Buy, Sell};
use TimeInForce::{Gtc, Gtx};

#[test]
fn a_client_order_waits_for_what_is_ahead_of_it() {
    let mut bench = Bench::quiet();
    let order = bench.put(ANN, Buy, "2499.99", "1", Gtx);
    bench.market(|market| {
        market.add_background(Buy, d("2499.99"), d("5"));
        assert_eq!(market.take(Sell, d("10"), None).client_qty, 0);
        assert_eq!(market.take(Sell, d("0.4"), None).client_qty, d("0.4"));
    });
    assert_eq!(bench.status(ANN, &order), PartiallyFilled);
    bench.market(|market| {
        let taken = market.take(Sell, d("3"), None);
        assert_eq!((taken.qty, taken.client_qty), (d("3"), d("0.6")));
        assert_eq!(market.level_total(Buy, d("2499.99")), d("2.6"));
    });
    assert_eq!(bench.status(ANN, &order), Filled);
    bench.check_books();
}

#[test]
fn orders_of_two_accounts_fill_in_the_order_of_arrival() {
    let mut bench = Bench::quiet();
    let first = bench.put(ANN, Sell, "2500.00", "1", Gtx);
    let second = bench.put(BOB, Sell, "2500.00", "1", Gtx);
    bench.market(|market| market.take(Buy, d("1.5"), Some(d("2500.00"))));
    assert_eq!(
        (bench.status(ANN, &first), bench.status(BOB, &second)),
        (Filled, PartiallyFilled)
    );
    assert_eq!(
        (bench.position(ANN), bench.position(BOB)),
        (d("-1"), d("-0.5"))
    );
    bench.check_books();
}

#[test]
fn a_background_order_that_crosses_trades_first_and_rests_the_remainder() {
    let mut bench = Bench::quiet();
    let order = bench.put(ANN, Sell, "2500.00", "1", Gtx);
    let taken = bench.market(|market| market.add_background(Buy, d("2500.01"), d("13")));
    assert_eq!(
        (taken.qty, taken.client_qty, taken.last_price),
        (d("11"), d("1"), d("2500.01"))
    );
    assert_eq!(bench.status(ANN, &order), Filled);
    assert_eq!(bench.venue.book_ticker(ETH).bid, (d("2500.01"), d("2")));
    bench.check_books();
}

#[test]
fn cancels_in_the_background_move_a_client_forward_only_when_they_are_ahead() {
    let mut bench = Bench::quiet();
    let order = bench.put(ANN, Buy, "2499.99", "1", Gtx);
    bench.market(|market| market.add_background(Buy, d("2499.99"), d("10")));
    bench.market(|market| market.remove_background(Buy, d("2499.99"), d("10"), Removal::FromBack));
    assert_eq!(bench.venue.queue_ahead(ETH, order.order_id), Some(d("10")));
    bench.market(|market| market.add_background(Buy, d("2499.99"), d("10")));
    bench.market(|market| {
        market.remove_background(Buy, d("2499.99"), d("10"), Removal::Proportional)
    });
    assert_eq!(bench.venue.queue_ahead(ETH, order.order_id), Some(d("5")));
}

#[test]
fn a_recorded_level_sets_the_background_and_keeps_the_place() {
    let mut bench = Bench::quiet();
    let order = bench.put(ANN, Buy, "2499.99", "1", Gtx);
    bench.market(|market| {
        market.set_level(Buy, d("2499.99"), d("14"), Removal::FromBack);
        assert_eq!(market.level_total(Buy, d("2499.99")), d("15"));
        market.set_level(Buy, d("2499.99"), d("8"), Removal::FromBack);
    });
    assert_eq!(bench.venue.queue_ahead(ETH, order.order_id), Some(d("8")));
    bench.market(|market| market.set_level(Buy, d("2499.99"), 0, Removal::FromBack));
    assert_eq!(bench.venue.queue_ahead(ETH, order.order_id), Some(0));
    assert_eq!(bench.status(ANN, &order), New);
}

#[test]
fn a_recorded_level_that_crosses_fills_clients_and_drops_overtaken_background() {
    let mut bench = Bench::quiet();
    let near = bench.put(ANN, Sell, "2500.01", "1", Gtx);
    let far = bench.put(ANN, Sell, "2500.03", "1", Gtx);
    let taken =
        bench.market(|market| market.set_level(Buy, d("2500.02"), d("5"), Removal::FromBack));
    assert_eq!((taken.qty, taken.client_qty), (d("1"), d("1")));
    assert_eq!(
        (bench.status(ANN, &near), bench.status(ANN, &far)),
        (Filled, New)
    );
    let ticker = bench.venue.book_ticker(ETH);
    assert_eq!(
        (ticker.bid, ticker.ask.0),
        ((d("2500.02"), d("4")), d("2500.03"))
    );
    bench.check_books();
}

#[test]
fn a_recorded_trade_consumes_the_queue_from_its_head() {
    let mut bench = Bench::quiet();
    let better = bench.put(ANN, Buy, "2500.00", "1", Gtx);
    let queued = bench.put(BOB, Buy, "2499.99", "1", Gtx);
    bench.drain();
    let taken = bench.market(|market| market.trade_through(Sell, d("2499.99"), d("11.5")));
    assert_eq!((taken.qty, taken.client_qty), (d("11.5"), d("1.5")));
    assert_eq!(
        (bench.status(ANN, &better), bench.status(BOB, &queued)),
        (Filled, PartiallyFilled)
    );
    let fill = bench.venue.fills(ANN).last().cloned().unwrap();
    assert_eq!(
        (fill.price, fill.is_maker, fill.commission),
        (d("2500.00"), true, 0)
    );
    bench.check_books();
}

#[test]
fn a_recorded_trade_is_published_whole_even_where_the_book_held_less() {
    let mut bench = Bench::empty();
    let taken = bench.market(|market| market.trade_through(Buy, d("2500"), d("3")));
    assert_eq!(taken.qty, 0);
    let trades = bench.venue.recent_trades(ETH, 10);
    assert_eq!(
        trades
            .iter()
            .map(|trade| (trade.qty, trade.buyer_is_maker))
            .collect::<Vec<_>>(),
        [(d("3"), false)]
    );
}

#[test]
fn clearing_the_background_leaves_client_orders() {
    let mut bench = Bench::quiet();
    let order = bench.put(ANN, Buy, "2499.99", "1", Gtx);
    bench.market(|market| market.clear_background());
    assert_eq!(bench.status(ANN, &order), New);
    let depth = bench.venue.depth(ETH, 1000);
    assert_eq!(
        (depth.bids, depth.asks),
        (vec![(d("2499.99"), d("1"))], vec![])
    );
}

#[test]
fn a_taker_walks_the_levels_and_pays_each_price() {
    let mut bench = Bench::quiet();
    let view = bench.put(ANN, Buy, "2500.05", "25", Gtc);
    assert_eq!((view.status, view.executed_qty), (Filled, d("25")));
    assert_eq!(view.cum_quote, d("25000.1") + d("25000.2") + d("12500.15"));
    let prices: Vec<E8> = bench.venue.fills(ANN).map(|fill| fill.price).collect();
    assert_eq!(prices, [d("2500.01"), d("2500.02"), d("2500.03")]);
    let fees: E8 = bench.venue.fills(ANN).map(|fill| fill.commission).sum();
    assert_eq!(fees, d("25.00018"), "0.04 % of 62 500.45");
    bench.check_books();
}
