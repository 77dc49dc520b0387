use super::*;
use crate::event::{Execution, Fill, Refusal};
use crate::instrument::SymbolId;

const TIMEOUT: Span = Span::from_secs(3);
const ID: OrderId = OrderId { session: 1, seq: 7 };
const T0: Mono = Mono(1_000_000_000_000);

fn at(ms: i64) -> Mono {
    T0.after(Span::from_millis(ms))
}

fn report(status: ExchangeStatus, filled: i64, time: i64) -> OrderReport {
    OrderReport {
        symbol: SymbolId(0),
        owner: Owner::Ours(ID),
        exchange_id: 99,
        side: Side::Buy,
        price: Ticks(1_000),
        size: Lots(10),
        filled: Lots(filled),
        status,
        reduce_only: false,
        time: Wall(time),
    }
}

fn amended(time: i64) -> OrderReport {
    OrderReport {
        price: Ticks(1_005),
        size: Lots(20),
        ..report(ExchangeStatus::New, 0, time)
    }
}

fn refused(why: Why) -> Outcome<OrderReport> {
    Outcome::Refused(Refusal {
        why,
        code: -1,
        retry_after: Span::ZERO,
    })
}

fn event(execution: Execution, report: OrderReport, fill: Option<(i64, i64)>) -> OrderUpdate {
    OrderUpdate {
        report,
        execution,
        fill: fill.map(|(trade_id, size)| Fill {
            trade_id,
            price: report.price,
            size: Lots(size),
            fee: crate::units::Quote::ZERO,
            fee_other_e8: 0,
            realized: crate::units::Quote::ZERO,
            maker: true,
        }),
        event_time: report.time,
    }
}

fn placing() -> Order {
    let new = NewOrder {
        symbol: SymbolId(0),
        id: ID,
        side: Side::Buy,
        price: Ticks(1_000),
        size: Lots(10),
        execute: Execute::PostOnly,
    };
    Order::sent(&new, T0, TIMEOUT)
}

fn fed(mut order: Order, inputs: &[Input<'_>]) -> Order {
    for input in inputs {
        order.apply(*input, T0);
    }
    order
}

fn live() -> Order {
    fed(
        placing(),
        &[Input::Place(&Outcome::Accepted(report(
            ExchangeStatus::New,
            0,
            1,
        )))],
    )
}

fn amending() -> Order {
    let mut order = live();
    let amendment = Amendment {
        symbol: SymbolId(0),
        id: ID,
        side: Side::Buy,
        price: Ticks(1_005),
        size: Lots(20),
        execute: Execute::PostOnly,
    };
    order.on_amend_sent(&amendment, T0, TIMEOUT);
    order
}

fn canceling(mut order: Order) -> Order {
    order.on_cancel_sent(T0, TIMEOUT);
    order
}

/// Every state, split by the fact that decides how it reacts.
fn columns() -> [(&'static str, Order); 13] {
    let missing = |mut order: Order| {
        order.on_missing(T0);
        order
    };
    let not_found = |mut order: Order| {
        order.apply(Input::Query(&refused(Why::NoSuchOrder)), at(60_000));
        order
    };
    let in_doubt = |order| fed(order, &[Input::Timeout]);
    [
        ("P", placing()),
        ("L", live()),
        ("A", amending()),
        ("C", canceling(live())),
        ("Cp", canceling(placing())),
        ("Up", in_doubt(placing())),
        ("Ua", in_doubt(amending())),
        ("Uc", in_doubt(canceling(live()))),
        ("Ucp", in_doubt(canceling(placing()))),
        ("Ue", missing(live())),
        (
            "Df",
            fed(
                live(),
                &[Input::Event(&event(
                    Execution::Canceled,
                    report(ExchangeStatus::Canceled, 0, 9),
                    None,
                ))],
            ),
        ),
        (
            "Dr",
            fed(placing(), &[Input::Place(&refused(Why::WouldTake))]),
        ),
        ("Dm", not_found(in_doubt(placing()))),
    ]
}

/// One letter a state: Placing, Live, Amending, Canceling, Unknown, Done.
fn letter(state: OrderState) -> char {
    match state {
        OrderState::Placing => 'P',
        OrderState::Live => 'L',
        OrderState::Amending => 'A',
        OrderState::Canceling => 'C',
        OrderState::Unknown => 'U',
        OrderState::Done => 'D',
    }
}

/// Applies `input` to every column after `wait_ms` and compares the states reached with `expected`.
fn check(what: &str, input: Input<'_>, wait_ms: i64, expected: &str) {
    let expected: String = expected.split_whitespace().collect();
    for ((name, mut order), want) in columns().into_iter().zip(expected.chars()) {
        let (filled, was_final) = (order.filled, matches!(order.end, Some(End::Final(_))));
        order.apply(input, at(wait_ms));
        assert_eq!(letter(order.state()), want, "{what} in state {name}");
        assert!(
            order.filled >= filled,
            "{what} in state {name}: filled decreased"
        );
        assert!(
            order.booked <= order.filled,
            "{what} in state {name}: booked > filled"
        );
        assert!(
            !was_final || order.state() == OrderState::Done,
            "{what} resurrected {name}"
        );
        let due = order.deadline().is_some();
        let settled = matches!(order.state(), OrderState::Live | OrderState::Done);
        assert_ne!(due, settled, "{what} in state {name}: deadline");
    }
    assert_eq!(expected.len(), columns().len(), "{what}: row length");
}

use alloc::string::String;

#[test]
fn the_columns_stand_in_the_states_they_are_named_for() {
    for (name, order) in columns() {
        assert!(name.starts_with(letter(order.state())), "{name}: {order:?}");
    }
}

#[test]
fn replies_lead_every_state_where_the_table_says() {
    use ExchangeStatus::{Canceled, Expired, Filled, New, PartiallyFilled, Unrecognised};
    let ok = |status, filled| Outcome::Accepted(report(status, filled, 5));
    let target = Outcome::Accepted(amended(5));
    let unknown = Outcome::Unknown;
    #[rustfmt::skip]
    let table: &[(&str, Input<'_>, &str)] = &[
        //                                                                       P L A C Cp Up Ua Uc Ucp Ue Df Dr Dm
        ("place accepted",              Input::Place(&ok(New, 0)),              "L L A C C  L  U  U  U   U  D  U  U"),
        ("place accepted, partly",      Input::Place(&ok(PartiallyFilled, 3)),  "L L A C C  L  U  U  U   U  D  U  U"),
        ("place accepted, finished",    Input::Place(&ok(Expired, 3)),          "D D D D D  D  D  D  D   D  D  D  D"),
        ("place accepted, odd status",  Input::Place(&ok(Unrecognised, 0)),     "U U U C C  U  U  U  U   U  D  U  U"),
        ("place would take",            Input::Place(&refused(Why::WouldTake)), "D U U C D  D  U  U  D   U  D  D  D"),
        ("place not sent",              Input::Place(&refused(Why::NotSent)),   "D U U C D  D  U  U  D   U  D  D  D"),
        ("place duplicate",             Input::Place(&refused(Why::Duplicate)), "U L A C C  U  U  U  U   U  D  U  U"),
        ("place unknown",               Input::Place(&unknown),                 "U L A C C  U  U  U  U   U  D  D  D"),
        ("amend accepted",              Input::Amend(&target),                  "L L L C C  L  L  U  U   U  D  U  U"),
        ("amend clamped",               Input::Amend(&ok(New, 0)),              "L L L C C  L  L  U  U   U  D  U  U"),
        ("amend cancelled it",          Input::Amend(&ok(Canceled, 3)),         "D D D D D  D  D  D  D   D  D  D  D"),
        ("amend rejected",              Input::Amend(&refused(Why::Rejected)),  "P L L C C  U  L  U  U   U  D  D  D"),
        ("amend throttled",             Input::Amend(&refused(Why::Throttled)), "P L L C C  U  L  U  U   U  D  D  D"),
        ("amend changed nothing",       Input::Amend(&refused(Why::NoChange)),  "P L L C C  U  L  U  U   U  D  D  D"),
        ("amend pending",               Input::Amend(&refused(Why::AmendPending)), "P L U C C U U U U U D D D"),
        ("amend: no such order",        Input::Amend(&refused(Why::NoSuchOrder)),  "P U U C C U U U U U D D D"),
        ("amend unknown",               Input::Amend(&unknown),                 "P L U C C  U  U  U  U   U  D  D  D"),
        ("cancel accepted",             Input::Cancel(&ok(Canceled, 3)),        "C C C C C  C  C  C  C   C  D  D  D"),
        ("cancel accepted, still open", Input::Cancel(&ok(New, 0)),             "U U U U U  U  U  U  U   U  D  U  U"),
        ("cancel: no such order",       Input::Cancel(&refused(Why::NoSuchOrder)), "P U U U U U U U U U D D D"),
        ("cancel not sent",             Input::Cancel(&refused(Why::NotSent)),  "P L A L P  U  U  U  U   U  D  D  D"),
        ("cancel unknown",              Input::Cancel(&unknown),                "P L A U U  U  U  U  U   U  D  D  D"),
        ("query found it open",         Input::Query(&ok(New, 0)),              "L L A C C  L  U  L  L   L  D  L  L"),
        ("query found the target",      Input::Query(&target),                  "L L L C C  L  L  L  L   L  D  L  L"),
        ("query found it filled",       Input::Query(&ok(Filled, 10)),          "D D D D D  D  D  D  D   D  D  D  D"),
        ("query found an odd status",   Input::Query(&ok(Unrecognised, 0)),     "L L U C C  L  U  L  L   L  D  L  L"),
        ("query: no such order",        Input::Query(&refused(Why::NoSuchOrder)), "P U U C C U U U U U D D D"),
        ("query refused",               Input::Query(&refused(Why::Weight)),    "P L A C C  U  U  U  U   U  D  D  D"),
        ("query unknown",               Input::Query(&unknown),                 "P L A C C  U  U  U  U   U  D  D  D"),
        ("time-out",                    Input::Timeout,                         "U L U U U  U  U  U  U   U  D  D  D"),
    ];
    for (what, input, expected) in table {
        check(what, *input, 100, expected);
    }
}

#[test]
fn events_lead_every_state_where_the_table_says() {
    use ExchangeStatus::{Canceled, Expired, Filled, New, PartiallyFilled, Unrecognised};
    let new = event(Execution::New, report(New, 0, 5), None);
    let part = event(
        Execution::Trade,
        report(PartiallyFilled, 3, 5),
        Some((1, 3)),
    );
    let full = event(Execution::Trade, report(Filled, 10, 5), Some((1, 10)));
    let canceled = event(Execution::Canceled, report(Canceled, 0, 5), None);
    let expired = event(Execution::Expired, report(Expired, 0, 5), None);
    let moved = event(Execution::Amended, amended(5), None);
    let odd = event(Execution::Unrecognised, report(New, 0, 5), None);
    let odder = event(Execution::New, report(Unrecognised, 0, 5), None);
    let lite = LiteFill {
        symbol: SymbolId(0),
        owner: Owner::Ours(ID),
        side: Side::Buy,
        trade_id: 1,
        price: Ticks(1_000),
        size: Lots(3),
        maker: true,
        time: Wall(5),
    };
    #[rustfmt::skip]
    let table: &[(&str, Input<'_>, &str)] = &[
        //                                           P L A C Cp Up Ua Uc Ucp Ue Df Dr Dm
        ("new",              Input::Event(&new),      "L L A C C  L  U  U  U   U  D  U  U"),
        ("trade in part",    Input::Event(&part),     "L L A C C  L  U  U  U   U  D  U  U"),
        ("trade in full",    Input::Event(&full),     "D D D D D  D  D  D  D   D  D  D  D"),
        ("canceled",         Input::Event(&canceled), "D D D D D  D  D  D  D   D  D  D  D"),
        ("expired",          Input::Event(&expired),  "D D D D D  D  D  D  D   D  D  D  D"),
        ("amended",          Input::Event(&moved),    "L L L C C  L  L  U  U   U  D  U  U"),
        ("odd execution",    Input::Event(&odd),      "U U U C C  U  U  U  U   U  D  U  U"),
        ("odd status",       Input::Event(&odder),    "U U U C C  U  U  U  U   U  D  U  U"),
        ("lite trade",       Input::Lite(&lite),      "L L A C C  L  U  U  U   U  D  U  U"),
    ];
    for (what, input, expected) in table {
        check(what, *input, 100, expected);
    }
}

#[test]
fn after_patience_absence_is_believed_and_an_open_order_was_not_amended() {
    let absent = refused(Why::NoSuchOrder);
    let open = Outcome::Accepted(report(ExchangeStatus::New, 0, 5));
    #[rustfmt::skip]
    let table: &[(&str, Input<'_>, &str)] = &[
        //                                            P L A C Cp Up Ua Uc Ucp Ue Df Dr Dm
        ("no such order, late", Input::Query(&absent), "P U U C C  D  D  D  D   D  D  D  D"),
        ("open, late",          Input::Query(&open),   "L L A C C  L  L  L  L   L  D  L  L"),
    ];
    for (what, input, expected) in table {
        check(what, *input, 9_000, expected);
    }
}

#[test]
fn an_order_never_confirmed_and_not_found_leaves_no_exposure() {
    let mut order = fed(placing(), &[Input::Timeout]);
    assert_eq!(order.exposure(), Lots(10));
    order.apply(Input::Query(&refused(Why::NoSuchOrder)), at(4_999));
    assert_eq!(
        (order.state(), order.exposure()),
        (OrderState::Unknown, Lots(10))
    );
    order.apply(Input::Query(&refused(Why::NoSuchOrder)), at(5_000));
    assert_eq!(
        (order.end(), order.exposure()),
        (Some(End::NotPlaced), Lots(0))
    );
}

#[test]
fn a_vanished_order_counts_until_the_position_is_read_again() {
    let mut order = live();
    order.on_missing(at(0));
    order.apply(Input::Query(&refused(Why::NoSuchOrder)), at(5_000));
    assert_eq!(
        (order.end(), order.exposure()),
        (Some(End::Vanished), Lots(10))
    );
    order.on_position_synced(at(4_999));
    assert_eq!(order.exposure(), Lots(10));
    order.on_position_synced(at(5_000));
    assert_eq!(order.exposure(), Lots(0));
}

#[test]
fn queries_of_one_order_space_out() {
    let mut order = fed(placing(), &[Input::Timeout]);
    let mut now = T0;
    let mut pauses = alloc::vec::Vec::new();
    for _ in 0..6 {
        order.on_query_sent(now, TIMEOUT);
        order.apply(Input::Query(&Outcome::Unknown), now);
        let due = order.deadline().expect("in doubt");
        pauses.push(due.since(now).as_millis());
        now = due;
    }
    // The fourth is sent when patience ends, 5 s after the request: its answer ends the doubt.
    assert_eq!(pauses, [500, 1_000, 2_000, 1_500, 4_000, 4_000]);
}

#[test]
fn an_acknowledged_cancel_counts_until_its_event_or_a_query_confirms_it() {
    let mut order = canceling(live());
    let canceled = report(ExchangeStatus::Canceled, 0, 5);
    order.apply(Input::Cancel(&Outcome::Accepted(canceled)), T0);
    assert_eq!(
        (order.state(), order.exposure(), order.deadline()),
        (
            OrderState::Canceling,
            Lots(10),
            Some(T0.after(CANCEL_GRACE))
        )
    );
    let told = event(Execution::Canceled, canceled, None);
    let told = fed(order, &[Input::Event(&told)]);
    assert_eq!((told.state(), told.exposure()), (OrderState::Done, Lots(0)));

    order.apply(Input::Timeout, at(500));
    assert_eq!(order.state(), OrderState::Unknown);
    let asked = fed(order, &[Input::Query(&Outcome::Accepted(canceled))]);
    assert_eq!(asked.state(), OrderState::Done);
    let open = Outcome::Accepted(report(ExchangeStatus::New, 0, 5));
    let lied = fed(order, &[Input::Query(&open)]);
    assert_eq!(
        (lied.state(), lied.exposure()),
        (OrderState::Live, Lots(10))
    );
    assert!(!lied.can_cancel(at(749)) && lied.can_cancel(at(750)));
}

#[test]
fn a_retried_place_answered_duplicate_is_confirmation() {
    // F8: −1007, the event says NEW, the retry says −4116.
    let new = event(Execution::New, report(ExchangeStatus::New, 0, 5), None);
    let order = fed(
        placing(),
        &[
            Input::Place(&Outcome::Unknown),
            Input::Event(&new),
            Input::Place(&refused(Why::Duplicate)),
        ],
    );
    assert_eq!(order.state(), OrderState::Live);
}

#[test]
fn a_late_reply_does_not_bring_back_the_price_before_the_amendment() {
    let mut order = fed(
        amending(),
        &[Input::Event(&event(Execution::Amended, amended(9), None))],
    );
    assert_eq!((order.price, order.size), (Ticks(1_005), Lots(20)));
    order.apply(
        Input::Place(&Outcome::Accepted(report(ExchangeStatus::New, 0, 1))),
        T0,
    );
    assert_eq!((order.price, order.size), (Ticks(1_005), Lots(20)));
    assert!(
        !order.can_amend(at(1_000)),
        "the reply to the first amendment may still come"
    );
    assert!(order.can_amend(at(3_000)));
}

#[test]
fn an_amendment_counts_at_the_larger_size_until_it_is_settled() {
    let mut order = amending();
    assert_eq!(order.exposure(), Lots(20));
    order.apply(Input::Timeout, at(3_000));
    order.apply(
        Input::Query(&Outcome::Accepted(report(ExchangeStatus::New, 0, 2))),
        at(3_100),
    );
    assert_eq!(order.exposure(), Lots(20), "it may still be carried out");
    order.apply(
        Input::Query(&Outcome::Accepted(report(ExchangeStatus::New, 0, 2))),
        at(5_100),
    );
    assert_eq!(
        (order.state(), order.exposure()),
        (OrderState::Live, Lots(10))
    );
}

#[test]
fn a_fill_reported_before_its_trade_stays_exposure_until_the_trade_comes() {
    let mut order = canceling(live());
    order.apply(
        Input::Query(&Outcome::Accepted(report(ExchangeStatus::Canceled, 4, 5))),
        T0,
    );
    assert_eq!(
        (order.state(), order.remaining(), order.exposure()),
        (OrderState::Done, Lots(0), Lots(4))
    );
    let trade = event(
        Execution::Trade,
        report(ExchangeStatus::PartiallyFilled, 4, 5),
        Some((1, 4)),
    );
    assert_eq!(order.apply(Input::Event(&trade), T0), Lots(4));
    assert_eq!(
        (order.state(), order.exposure()),
        (OrderState::Done, Lots(0))
    );
}

#[test]
fn a_trade_delivered_again_by_either_stream_is_booked_once() {
    let mut order = live();
    let lite = LiteFill {
        symbol: SymbolId(0),
        owner: Owner::Ours(ID),
        side: Side::Buy,
        trade_id: 5,
        price: Ticks(1_000),
        size: Lots(3),
        maker: true,
        time: Wall(4),
    };
    let full = event(
        Execution::Trade,
        report(ExchangeStatus::PartiallyFilled, 3, 5),
        Some((5, 3)),
    );
    assert_eq!(order.apply(Input::Lite(&lite), T0), Lots(3));
    assert_eq!(order.apply(Input::Event(&full), T0), Lots(0));
    assert_eq!(order.apply(Input::Lite(&lite), T0), Lots(0));
    assert_eq!(
        (order.filled, order.booked, order.exposure()),
        (Lots(3), Lots(3), Lots(7))
    );
}

#[test]
fn a_trade_missed_on_the_stream_is_booked_by_back_fill_and_no_more_than_once_over() {
    let mut order = live();
    let second = event(
        Execution::Trade,
        report(ExchangeStatus::PartiallyFilled, 5, 5),
        Some((6, 2)),
    );
    order.apply(Input::Event(&second), T0);
    assert_eq!(
        (order.filled, order.booked, order.exposure()),
        (Lots(5), Lots(2), Lots(8))
    );
    order.on_backfill(Lots(3), T0);
    assert_eq!(
        (order.filled, order.booked, order.exposure()),
        (Lots(5), Lots(5), Lots(5))
    );
}

#[test]
fn the_exchange_may_shrink_a_reduce_only_order() {
    let clamped = OrderReport {
        size: Lots(4),
        reduce_only: true,
        ..report(ExchangeStatus::New, 0, 5)
    };
    let order = fed(placing(), &[Input::Place(&Outcome::Accepted(clamped))]);
    assert_eq!((order.size, order.exposure()), (Lots(4), Lots(4)));
}

#[test]
fn a_cancel_of_a_filled_order_asks_and_then_forgets() {
    // F23: −2011, the query says FILLED.
    let mut order = fed(
        canceling(live()),
        &[Input::Cancel(&refused(Why::NoSuchOrder))],
    );
    assert_eq!(
        (order.state(), order.deadline()),
        (OrderState::Unknown, Some(T0))
    );
    order.apply(
        Input::Query(&Outcome::Accepted(report(ExchangeStatus::Filled, 10, 5))),
        T0,
    );
    assert_eq!(
        (order.state(), order.exposure()),
        (OrderState::Done, Lots(10))
    );
}

#[test]
fn refused_cancels_are_repeated_with_a_growing_pause() {
    let mut order = live();
    let mut now = T0;
    for pause_ms in [250, 500, 1_000] {
        assert!(order.can_cancel(now));
        order.on_cancel_sent(now, TIMEOUT);
        assert!(!order.can_cancel(now));
        order.apply(Input::Cancel(&refused(Why::Transient)), now);
        let next = now.after(Span::from_millis(pause_ms));
        assert!(!order.can_cancel(Mono(next.0 - 1)) && order.can_cancel(next));
        now = next;
    }
}

#[test]
fn an_answer_that_comes_after_patience_counts_for_when_it_was_asked_for() {
    let absent = refused(Why::NoSuchOrder);
    let mut order = fed(placing(), &[Input::Timeout]);
    order.on_query_sent(at(4_900), TIMEOUT);
    // The place was carried out after the query and within its patience: the answer could not know.
    order.apply(Input::Query(&absent), at(5_200));
    assert_eq!(
        (order.state(), order.exposure()),
        (OrderState::Unknown, Lots(10))
    );
    let again = order.deadline().expect("asked again");
    assert!(again <= at(9_900), "{again:?}");
    order.on_query_sent(again, TIMEOUT);
    order.apply(Input::Query(&absent), again.after(Span::from_millis(50)));
    assert_eq!(order.end(), Some(End::NotPlaced));
}

#[test]
fn the_late_answer_to_a_query_that_timed_out_is_not_taken_for_that_to_the_next() {
    let absent = refused(Why::NoSuchOrder);
    let mut order = fed(placing(), &[Input::Timeout]);
    order.on_query_sent(at(3_000), TIMEOUT);
    order.apply(Input::Timeout, at(6_000));
    order.on_query_sent(at(6_000), TIMEOUT);
    order.apply(Input::Query(&absent), at(6_100));
    assert_eq!(order.state(), OrderState::Unknown, "it may be the first");
    // The driver has given the first one up by now.
    order.on_query_sent(at(8_000), TIMEOUT);
    order.apply(Input::Query(&absent), at(8_100));
    assert_eq!(order.end(), Some(End::NotPlaced));
}

#[test]
fn an_open_order_seen_before_patience_ended_may_still_be_amended() {
    let open = Outcome::Accepted(report(ExchangeStatus::New, 0, 5));
    let doubtful = || fed(amending(), &[Input::Timeout]);
    let mut asked = doubtful();
    asked.on_query_sent(at(4_900), TIMEOUT);
    asked.apply(Input::Query(&open), at(5_200));
    let mut listed = doubtful();
    let line = report(ExchangeStatus::New, 0, 5);
    listed.apply(Input::Listed(&line, at(4_900)), at(5_200));
    for order in [&asked, &listed] {
        assert_eq!(order.exposure(), Lots(20), "the larger size counts");
    }
    listed.apply(Input::Listed(&line, at(5_300)), at(5_400));
    assert_eq!(listed.exposure(), Lots(10));
}

#[test]
fn a_trade_of_an_order_that_vanished_never_takes_back_what_is_booked() {
    let mut order = amending();
    order.on_missing(at(0));
    order.apply(Input::Query(&refused(Why::NoSuchOrder)), at(5_000));
    order.on_position_synced(at(5_000));
    assert_eq!((order.filled, order.booked), (Lots(0), Lots(20)));
    // It is reported after all, as it was before the amendment, and then trades.
    let told = report(ExchangeStatus::New, 0, 9);
    order.apply(Input::Listed(&told, at(6_000)), at(6_000));
    let lite = LiteFill {
        symbol: SymbolId(0),
        owner: Owner::Ours(ID),
        side: Side::Buy,
        trade_id: 5,
        price: Ticks(1_000),
        size: Lots(3),
        maker: true,
        time: Wall(9),
    };
    assert_eq!(order.apply(Input::Lite(&lite), at(6_100)), Lots(0));
    assert_eq!(order.booked, Lots(20));
}
