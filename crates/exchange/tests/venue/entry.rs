//! Which orders are accepted, refused, clamped or ended on arrival.

use super::bench::*;
use phoenix_exchange::api::*;

use OrderStatus::{Canceled, Expired, ExpiredInMatch, Filled, New, PartiallyFilled};
use Side::{Buy, Sell};
use TimeInForce::{Fok, Gtc, Gtd, Gtx, Ioc};

#[test]
fn a_post_only_order_that_would_cross_leaves_no_trace() {
    let mut bench = Bench::quiet();
    for (side, price) in [(Buy, "2500.01"), (Buy, "2500.02"), (Sell, "2499.99")] {
        let order = bench
            .limit(side, price, "0.1", Gtx)
            .with_client_id(id("mm-1"));
        let refused = bench.place(ANN, &order).unwrap_err();
        assert_eq!(
            (refused.http_status, refused.code),
            (400, -5022),
            "{side:?} {price}"
        );
    }
    assert!(bench.user_events(ANN).is_empty());
    assert!(bench.venue.open_orders(ANN, None).is_empty());
    assert_eq!(
        bench
            .venue
            .order(ANN, ETH, OrderRef::Client(id("mm-1")))
            .unwrap_err()
            .code,
        -2013
    );
    assert_eq!(bench.put(ANN, Buy, "2500.00", "0.1", Gtx).status, New);
}

#[test]
fn fill_or_kill_fills_all_or_leaves_no_trace() {
    let mut bench = Bench::quiet();
    let order = bench.limit(Buy, "2500.01", "10.001", Fok);
    assert_eq!(bench.code(ANN, &order), -5021);
    assert!(bench.user_events(ANN).is_empty());
    let view = bench.put(ANN, Buy, "2500.02", "11", Fok);
    assert_eq!((view.status, view.executed_qty), (Filled, d("11")));
}

#[test]
fn what_is_left_of_an_immediate_order_expires_with_its_reason() {
    let mut bench = Bench::quiet();
    bench
        .venue
        .transfer(bench.now_us, ANN, "USDC", d("1000000"));
    let ioc = bench.put(ANN, Buy, "2500.01", "12", Ioc);
    assert_eq!((ioc.status, ioc.executed_qty), (Expired, d("10")));
    assert_eq!(
        bench
            .order_updates(ANN)
            .last()
            .map(|update| update.expiry_reason.code()),
        Some(2)
    );
    let market = bench.trade(ANN, Sell, "60");
    assert_eq!(
        (market.status, market.executed_qty, market.price),
        (Expired, d("50"), 0)
    );
    let last = bench.order_updates(ANN).pop().unwrap();
    assert_eq!(
        (last.execution, last.expiry_reason.code(), last.cum_qty),
        (ExecutionType::Expired, 9, d("50"))
    );
    bench.check_books();
}

#[test]
fn refusals_carry_the_code_of_the_broken_rule() {
    let mut bench = Bench::quiet();
    let cases: [(Side, &str, &str, i64); 12] = [
        (Buy, "2400.001", "1", -1111),
        (Buy, "2400", "0.0001", -4004),
        (Buy, "2400", "0.1001", -1111),
        (Buy, "2400", "0", -4003),
        (Buy, "2400", "8001", -4005),
        (Buy, "0", "1", -4001),
        (Buy, "100000.01", "1", -4002),
        (Buy, "2625.01", "0.1", -4016),
        (Sell, "2374.99", "0.1", -4024),
        (Buy, "2400", "0.008", -4164),
        (Buy, "2400", "100", -2019),
        (Buy, "2400", "0.009", 0),
    ];
    for (side, price, qty, code) in cases {
        let order = bench.limit(side, price, qty, Gtc);
        assert_eq!(bench.code(ANN, &order), code, "{side:?} {qty} at {price}");
    }
}

#[test]
fn missing_and_superfluous_parameters_are_named() {
    let mut bench = Bench::quiet();
    let limit = bench.limit(Buy, "2400", "0.1", Gtc);
    let market = NewOrder::market(ETH, Buy, d("0.1"));
    let cases = [
        (
            NewOrder {
                qty: None,
                ..limit.clone()
            },
            -1102,
            "quantity",
        ),
        (
            NewOrder {
                price: None,
                ..limit.clone()
            },
            -1102,
            "price",
        ),
        (
            NewOrder {
                time_in_force: None,
                ..limit.clone()
            },
            -1102,
            "timeInForce",
        ),
        (
            NewOrder {
                price: Some(d("2400")),
                ..market.clone()
            },
            -1106,
            "price",
        ),
        (
            NewOrder {
                time_in_force: Some(Gtc),
                ..market
            },
            -1106,
            "timeInForce",
        ),
        (
            NewOrder {
                position_side: Some(PositionSide::Long),
                ..limit
            },
            -4061,
            "position side",
        ),
    ];
    for (order, code, word) in cases {
        let error = bench.place(ANN, &order).unwrap_err();
        assert_eq!(error.code, code, "{error}");
        assert!(error.msg.contains(word), "{error}");
    }
}

#[test]
fn a_client_id_is_unique_among_open_orders_only() {
    let mut bench = Bench::quiet();
    let order = bench
        .limit(Buy, "2400", "0.1", Gtc)
        .with_client_id(id("mm-1"));
    let first = bench.place(ANN, &order).unwrap();
    assert_eq!(bench.code(ANN, &order), -4116);
    assert_eq!(bench.code(BOB, &order), 0, "another account may use it");
    bench.cancel(ANN, &first).unwrap();
    assert_eq!(bench.code(ANN, &order), 0);
    let named = bench
        .venue
        .order(ANN, ETH, OrderRef::Client(id("mm-1")))
        .unwrap();
    assert_eq!(
        named.status, New,
        "the open one is found before the finished one"
    );
    assert_eq!(ClientId::parse("has space").unwrap_err().code, -4015);
    assert_eq!(ClientId::parse(&"x".repeat(37)).unwrap_err().code, -4015);
}

#[test]
fn open_orders_are_limited_per_symbol() {
    let mut bench = Bench::quiet();
    bench
        .venue
        .transfer(bench.now_us, ANN, "USDC", d("1000000"));
    for _ in 0..200 {
        bench.put(ANN, Buy, "2400", "0.01", Gtx);
    }
    let order = bench.limit(Buy, "2400", "0.01", Gtx);
    assert_eq!(bench.code(ANN, &order), -2025);
    assert_eq!(bench.venue.open_order_count(ANN, ETH), 200);
}

#[test]
fn reduce_only_orders_are_refused_clamped_and_exempt_from_the_minimum() {
    let mut bench = Bench::quiet();
    let sell = bench.limit(Sell, "2510", "0.1", Gtc).reducing();
    assert_eq!(bench.code(ANN, &sell), -2022, "no position");
    bench.trade(ANN, Buy, "0.1");
    let buy = bench.limit(Buy, "2400", "0.1", Gtc).reducing();
    assert_eq!(bench.code(ANN, &buy), -2022, "would enlarge it");
    let tiny = bench.limit(Sell, "2510", "0.001", Gtc).reducing();
    assert_eq!(bench.place(ANN, &tiny).unwrap().orig_qty, d("0.001"));
    let large = bench.limit(Sell, "2511", "5", Gtc).reducing();
    assert_eq!(
        bench.place(ANN, &large).unwrap().orig_qty,
        d("0.099"),
        "clamped to what is not reserved"
    );
    assert_eq!(bench.code(ANN, &sell), -2022, "all is reserved");
    let close = bench
        .place(ANN, &NewOrder::market(ETH, Sell, d("7")).reducing())
        .unwrap();
    assert_eq!(
        (close.status, close.orig_qty),
        (Filled, d("0.1")),
        "an immediate one ranks before resting ones"
    );
    assert_eq!(bench.position(ANN), 0);
    assert!(bench.venue.open_orders(ANN, None).is_empty());
    bench.check_books();
}

#[test]
fn resting_reduce_only_orders_go_when_they_could_reverse_the_position() {
    let mut bench = Bench::quiet();
    bench.trade(ANN, Buy, "1");
    let far = bench
        .place(ANN, &bench.limit(Sell, "2520", "0.5", Gtc).reducing())
        .unwrap();
    let near = bench
        .place(ANN, &bench.limit(Sell, "2510", "0.5", Gtc).reducing())
        .unwrap();
    bench.drain();
    bench.trade(ANN, Sell, "0.3");
    assert_eq!(
        (bench.status(ANN, &near), bench.status(ANN, &far)),
        (New, Expired),
        "the better price stays"
    );
    let ended = bench
        .order_updates(ANN)
        .into_iter()
        .find(|update| update.order_id == far.order_id)
        .unwrap();
    assert_eq!(
        (ended.execution, ended.expiry_reason.code()),
        (ExecutionType::Expired, 4)
    );
    bench.trade(ANN, Sell, "0.7");
    assert_eq!(bench.status(ANN, &near), Expired);
    bench.check_books();
}

#[test]
fn self_trade_prevention_follows_the_taker() {
    let cases = [
        (Some(StpMode::ExpireMaker), Gtc, New, ExpiredInMatch),
        (None, Gtc, New, ExpiredInMatch),
        (Some(StpMode::ExpireTaker), Gtc, ExpiredInMatch, New),
        (
            Some(StpMode::ExpireBoth),
            Gtc,
            ExpiredInMatch,
            ExpiredInMatch,
        ),
        (Some(StpMode::None), Gtc, Filled, Filled),
        (Some(StpMode::ExpireTaker), Ioc, ExpiredInMatch, New),
        (Some(StpMode::ExpireTaker), Fok, Filled, Filled),
    ];
    for (stp, time_in_force, taker_status, maker_status) in cases {
        let mut bench = Bench::quiet();
        let maker = bench.put(ANN, Sell, "2500.00", "0.1", Gtx);
        let order = NewOrder {
            stp,
            ..bench.limit(Buy, "2500.00", "0.1", time_in_force)
        };
        let taker = bench.place(ANN, &order).unwrap();
        assert_eq!(
            (taker.status, bench.status(ANN, &maker)),
            (taker_status, maker_status),
            "{stp:?} {time_in_force:?}"
        );
        assert_eq!(bench.position(ANN), 0);
        let reasons: Vec<u8> = bench
            .order_updates(ANN)
            .iter()
            .filter(|update| update.status == ExpiredInMatch)
            .map(|update| update.expiry_reason.code())
            .collect();
        let expected = if time_in_force == Ioc { 3 } else { 1 };
        assert!(
            reasons.iter().all(|reason| *reason == expected),
            "{reasons:?}"
        );
        bench.check_books();
    }
}

#[test]
fn a_price_match_finds_its_level_at_arrival() {
    let mut bench = Bench::quiet();
    let matched = |bench: &mut Bench, price_match, time_in_force| {
        let order = NewOrder {
            price: None,
            price_match,
            ..bench.limit(Buy, "1", "0.01", time_in_force)
        };
        bench
            .place(ANN, &order)
            .map(|view| view.price)
            .map_err(|error| error.code)
    };
    assert_eq!(
        matched(&mut bench, PriceMatch::Queue(1), Gtc),
        Ok(d("2499.99"))
    );
    assert_eq!(
        matched(&mut bench, PriceMatch::Queue(5), Gtc),
        Ok(d("2499.95"))
    );
    assert_eq!(
        matched(&mut bench, PriceMatch::Opponent(5), Ioc),
        Ok(d("2500.05"))
    );
    assert_eq!(
        matched(&mut bench, PriceMatch::Opponent(10), Gtc),
        Err(-5041)
    );
    assert_eq!(matched(&mut bench, PriceMatch::Queue(3), Gtc), Err(-5037));
    let both = NewOrder {
        price_match: PriceMatch::Queue(1),
        ..bench.limit(Buy, "2400", "0.01", Gtc)
    };
    assert_eq!(bench.code(ANN, &both), -5038);
}

#[test]
fn a_gtd_order_needs_its_ten_minutes_and_ends_on_its_second() {
    let mut bench = Bench::quiet();
    let now_ms = i64::try_from(START_US / 1000).unwrap();
    let gtd = |bench: &Bench, ms| NewOrder {
        good_till_date_ms: ms,
        ..bench.limit(Buy, "2400", "0.1", Gtd)
    };
    for wrong in [0, now_ms + 600_000, 253_402_300_799_000] {
        let order = gtd(&bench, wrong);
        assert_eq!(bench.code(ANN, &order), -5040);
    }
    let order = gtd(&bench, now_ms + 700_999);
    let view = bench.place(ANN, &order).unwrap();
    assert_eq!(view.good_till_date_ms, now_ms + 700_000);
    bench.pass(700 * SECOND_US - 1);
    assert_eq!(bench.status(ANN, &view), New);
    bench.pass(1);
    assert_eq!(bench.status(ANN, &view), Expired);
    assert_eq!(
        bench
            .order_updates(ANN)
            .last()
            .map(|update| update.execution),
        Some(ExecutionType::Expired)
    );
}

#[test]
fn margin_and_brackets_bound_what_can_be_opened() {
    let mut bench = Bench::quiet();
    let order = |bench: &Bench, qty| bench.limit(Buy, "2400", qty, Gtx);
    let fits = order(&bench, "41.666");
    assert_eq!(
        bench.code(ANN, &fits),
        0,
        "99 998.4 of notional at 20x from 5000"
    );
    let more = order(&bench, "0.01");
    assert_eq!(bench.code(ANN, &more), -2019);
    let other_side = bench.limit(Sell, "2510", "30", Gtx);
    assert_eq!(
        bench.code(ANN, &other_side),
        0,
        "the smaller side needs no more margin"
    );
    bench.venue.cancel_all(bench.now_us, ANN, ETH);
    bench
        .venue
        .change_leverage(bench.now_us, ANN, ETH, 125)
        .unwrap();
    let bracket = order(&bench, "20.84");
    assert_eq!(
        bench.code(ANN, &bracket),
        -2027,
        "50 016 is above the 50 000 of 125x"
    );
    let view = bench.venue.account(ANN);
    assert_eq!(
        view.assets.first().map(|asset| asset.available),
        Some(d("5000"))
    );
}

#[test]
fn a_batch_answers_for_each_element_in_order() {
    let mut bench = Bench::quiet();
    let good = bench.limit(Buy, "2400", "0.1", Gtx);
    let bad = bench.limit(Buy, "2500.01", "0.1", Gtx);
    let codes = |results: Vec<Result<OrderView, ApiError>>| {
        results
            .into_iter()
            .map(|result| result.map_or_else(|error| error.code, |_| 0))
            .collect::<Vec<_>>()
    };
    let placed = bench
        .venue
        .place_batch(bench.now_us, ANN, &[bad.clone(), good.clone(), bad])
        .unwrap();
    assert_eq!(codes(placed), [-5022, 0, -5022]);
    assert_eq!(
        bench
            .venue
            .place_batch(bench.now_us, ANN, &[])
            .unwrap_err()
            .code,
        -4082
    );
    assert_eq!(
        bench
            .venue
            .place_batch(bench.now_us, ANN, &vec![good; 6])
            .unwrap_err()
            .code,
        -4082
    );
    let open = bench.venue.open_orders(ANN, Some(ETH)).pop().unwrap();
    let wanted = [OrderRef::Id(open.order_id), OrderRef::Id(1)];
    let cancelled = bench
        .venue
        .cancel_batch(bench.now_us, ANN, ETH, &wanted)
        .unwrap();
    assert_eq!(codes(cancelled), [0, -2011]);
}

#[test]
fn a_cancel_reports_what_was_filled_and_happens_once() {
    let mut bench = Bench::quiet();
    let order = bench.put(ANN, Buy, "2500.00", "1", Gtx);
    bench.market(|market| market.take(Sell, d("0.4"), None));
    assert_eq!(bench.status(ANN, &order), PartiallyFilled);
    bench.drain();
    let view = bench.cancel(ANN, &order).unwrap();
    assert_eq!((view.status, view.executed_qty), (Canceled, d("0.4")));
    let updates = bench.order_updates(ANN);
    assert_eq!(updates.len(), 1);
    assert_eq!(
        (updates[0].execution, updates[0].status, updates[0].cum_qty),
        (ExecutionType::Canceled, Canceled, d("0.4"))
    );
    assert_eq!(bench.cancel(ANN, &order).unwrap_err().code, -2011);
    assert_eq!(
        bench.cancel(BOB, &order).unwrap_err().code,
        -2011,
        "nor by another account"
    );
}

#[test]
fn a_test_order_is_judged_and_not_booked() {
    let mut bench = Bench::quiet();
    let order = bench.limit(Buy, "2400", "0.1", Gtx);
    bench.venue.test_order(bench.now_us, ANN, &order).unwrap();
    let crossing = bench.limit(Buy, "2500.01", "0.1", Gtx);
    assert_eq!(
        bench
            .venue
            .test_order(bench.now_us, ANN, &crossing)
            .unwrap_err()
            .code,
        -5022
    );
    assert!(bench.venue.open_orders(ANN, None).is_empty());
    assert!(bench.user_events(ANN).is_empty());
}

#[test]
fn market_orders_stop_at_the_take_bound() {
    let mut bench = Bench::empty();
    bench.market(|market| market.add_background(Sell, d("2626"), d("1")));
    let order = NewOrder::market(ETH, Buy, d("0.1"));
    assert_eq!(
        bench.code(ANN, &order),
        -4131,
        "the best ask is 5.04 % above mark"
    );
    bench.market(|market| market.add_background(Sell, d("2624"), d("0.05")));
    let view = bench.place(ANN, &order).unwrap();
    assert_eq!((view.status, view.executed_qty), (Expired, d("0.05")));
}

#[test]
fn settings_refuse_what_they_must() {
    let mut bench = Bench::quiet();
    let now_us = bench.now_us;
    let order = bench.put(ANN, Buy, "2400", "0.1", Gtx);
    let venue = &mut bench.venue;
    assert_eq!(
        venue
            .change_margin_type(now_us, ANN, ETH, MarginType::Crossed)
            .unwrap_err()
            .code,
        -4046
    );
    assert_eq!(
        venue
            .change_margin_type(now_us, ANN, ETH, MarginType::Isolated)
            .unwrap_err()
            .code,
        -4047
    );
    assert_eq!(
        venue
            .change_position_mode(now_us, ANN, PositionMode::OneWay)
            .unwrap_err()
            .code,
        -4059
    );
    assert_eq!(
        venue
            .change_position_mode(now_us, ANN, PositionMode::Hedge)
            .unwrap_err()
            .code,
        -4067
    );
    assert_eq!(
        venue
            .change_leverage(now_us, ANN, ETH, 126)
            .unwrap_err()
            .code,
        -4028
    );
    assert_eq!(
        venue.disable_multi_assets(now_us, ANN).unwrap_err().code,
        -4171
    );
    bench.cancel(ANN, &order).unwrap();
    bench.trade(ANN, Buy, "0.1");
    let venue = &mut bench.venue;
    assert_eq!(
        venue
            .change_margin_type(now_us, ANN, ETH, MarginType::Isolated)
            .unwrap_err()
            .code,
        -4048
    );
    assert_eq!(
        venue
            .change_position_mode(now_us, ANN, PositionMode::Hedge)
            .unwrap_err()
            .code,
        -4068
    );
    venue
        .change_position_mode(now_us, BOB, PositionMode::Hedge)
        .unwrap();
    let both = bench.limit(Buy, "2400", "0.1", Gtx);
    assert_eq!(
        bench.code(BOB, &both),
        -4061,
        "the mode changed under the client"
    );
    bench.drain();
    assert_eq!(
        bench
            .venue
            .change_leverage(now_us, ANN, ETH, 10)
            .unwrap()
            .max_notional,
        d("100000000")
    );
    let told = bench.user_events(ANN);
    assert!(
        matches!(
            told.as_slice(),
            [UserEvent::LeverageChanged { leverage: 10, .. }]
        ),
        "{told:?}"
    );
}
