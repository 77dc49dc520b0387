//! Fills, wallets, funding, liquidation, and the history that tells of them.

use super::bench::*;
use phoenix_exchange::api::*;
use phoenix_exchange::market::RecordedMark;

use Side::{Buy, Sell};
use TimeInForce::{Gtc, Gtx};

fn mark_at(bench: &mut Bench, mark: &str, rate: &str) {
    let recorded = RecordedMark {
        mark: d(mark),
        index: d(mark),
        funding_rate: d(rate),
    };
    bench.market(|market| market.apply_mark(recorded));
}

#[test]
fn a_fill_sends_three_events_that_agree() {
    let mut bench = Bench::quiet();
    let order = bench.put(ANN, Buy, "2500.00", "1", Gtx);
    assert_eq!(bench.order_updates(ANN).len(), 1);
    bench.market(|market| market.take(Sell, d("0.4"), None));
    let events = bench.user_events(ANN);
    let [
        UserEvent::TradeLite(lite),
        UserEvent::OrderUpdate(update),
        UserEvent::AccountUpdate(account),
    ] = events.as_slice()
    else {
        panic!("{events:?}");
    };
    assert_eq!(
        (lite.trade_id, lite.order_id, lite.last_qty),
        (update.trade_id, order.order_id, d("0.4"))
    );
    assert_eq!(
        (update.execution, update.status),
        (ExecutionType::Trade, OrderStatus::PartiallyFilled)
    );
    assert_eq!(
        (
            update.last_qty,
            update.cum_qty,
            update.avg_price,
            update.commission
        ),
        (d("0.4"), d("0.4"), d("2500"), 0)
    );
    assert_eq!(
        (update.is_maker, update.bid_notional, update.ask_notional),
        (true, d("1500"), 0)
    );
    assert_eq!(
        (account.reason, account.time_ms),
        (AccountUpdateReason::Order, update.time_ms)
    );
    assert_eq!(
        (account.balances[0].wallet, account.positions[0].qty),
        (d("5000"), d("0.4"))
    );
}

#[test]
fn profit_and_commission_reach_wallet_income_and_history_alike() {
    let mut bench = Bench::quiet();
    bench.trade(ANN, Buy, "2");
    bench.market(|market| market.add_background(Buy, d("2500.00"), d("5")));
    bench.trade(ANN, Sell, "2");
    let trades = bench.venue.user_trades(ANN, ETH, &TradeQuery::default());
    assert_eq!(
        trades
            .iter()
            .map(|trade| trade.realized_pnl)
            .collect::<Vec<_>>(),
        [0, d("-0.02")]
    );
    assert_eq!(
        trades
            .iter()
            .map(|trade| trade.commission)
            .collect::<Vec<_>>(),
        [d("2.000008"), d("2")]
    );
    let sum = |kind| {
        bench
            .venue
            .income(
                ANN,
                &IncomeQuery {
                    kind: Some(kind),
                    ..IncomeQuery::default()
                },
            )
            .iter()
            .map(|row| row.amount)
            .sum::<E8>()
    };
    assert_eq!(
        (sum(IncomeKind::RealizedPnl), sum(IncomeKind::Commission)),
        (d("-0.02"), d("-4.000008"))
    );
    assert_eq!(bench.wallet(ANN), d("5000") - d("4.020008"));
    let all = bench.venue.income(
        ANN,
        &IncomeQuery {
            limit: Some(1000),
            ..IncomeQuery::default()
        },
    );
    assert_eq!(
        all.iter().map(|row| row.amount).sum::<E8>(),
        bench.wallet(ANN),
        "income explains the wallet"
    );
    assert!(all.windows(2).all(|pair| pair[0].tran_id < pair[1].tran_id));
    bench.check_books();
}

#[test]
fn user_trades_page_by_id() {
    let mut bench = Bench::quiet();
    for _ in 0..5 {
        bench.trade(ANN, Buy, "0.1");
    }
    let newest = bench.venue.user_trades(
        ANN,
        ETH,
        &TradeQuery {
            limit: Some(2),
            ..TradeQuery::default()
        },
    );
    let all = bench.venue.user_trades(ANN, ETH, &TradeQuery::default());
    assert_eq!(newest, all[3..]);
    let page = bench.venue.user_trades(
        ANN,
        ETH,
        &TradeQuery {
            from_id: Some(all[1].trade_id),
            limit: Some(2),
            ..TradeQuery::default()
        },
    );
    assert_eq!(page, all[1..3]);
    assert!(
        bench
            .venue
            .user_trades(BOB, ETH, &TradeQuery::default())
            .is_empty()
    );
}

#[test]
fn unrealised_profit_and_margin_follow_the_mark() {
    let mut bench = Bench::quiet();
    bench.trade(ANN, Buy, "2");
    mark_at(&mut bench, "2510", "0");
    let position = bench.venue.positions(ANN, Some(ETH)).pop().unwrap();
    assert_eq!((position.qty, position.entry_price), (d("2"), d("2500.01")));
    assert_eq!(position.unrealized, d("19.98"));
    assert_eq!(
        (position.notional, position.initial_margin),
        (d("5020"), d("251"))
    );
    assert_eq!(position.maint_margin, d("20.08"), "0.4 % of 5020");
    assert_eq!(
        position.break_even_price,
        d("2501.010004"),
        "entry moved by 0.04 %"
    );
    let balance = bench.venue.balances(ANN).pop().unwrap();
    assert_eq!(balance.available, balance.wallet + d("19.98") - d("251"));
}

#[test]
fn funding_moves_the_balance_only_and_both_ways() {
    let mut bench = Bench::quiet();
    bench.trade(ANN, Buy, "1");
    bench.trade(BOB, Sell, "2");
    mark_at(&mut bench, "2500", "0.0001");
    let (ann, bob) = (bench.wallet(ANN), bench.wallet(BOB));
    let due_ms = bench.venue.premium_index(ETH).next_funding_ms;
    assert_eq!(
        due_ms,
        i64::try_from(START_US / 1000).unwrap() + 8 * 3_600_000
    );
    bench.pass(8 * 3600 * SECOND_US - 1);
    assert_eq!(bench.wallet(ANN), ann);
    bench.drain();
    bench.pass(1);
    assert_eq!(
        (bench.wallet(ANN) - ann, bench.wallet(BOB) - bob),
        (d("-0.25"), d("0.5")),
        "longs pay when the rate is positive"
    );
    let events = bench.user_events(ANN);
    let [UserEvent::AccountUpdate(update)] = events.as_slice() else {
        panic!("{events:?}")
    };
    assert_eq!(
        (update.reason, update.symbol),
        (AccountUpdateReason::FundingFee, Some(ETH))
    );
    assert!(update.positions.is_empty());
    assert_eq!(
        (update.balances[0].change, update.balances[0].wallet),
        (d("-0.25"), bench.wallet(ANN))
    );
    let row = bench
        .venue
        .income(
            ANN,
            &IncomeQuery {
                kind: Some(IncomeKind::FundingFee),
                ..IncomeQuery::default()
            },
        )
        .pop()
        .unwrap();
    assert_eq!(
        (row.amount, row.time_ms, row.symbol),
        (d("-0.25"), due_ms, Some(ETH))
    );
    assert_eq!(
        bench.venue.funding_rates(ETH, 10),
        [FundingRateView {
            rate: d("0.0001"),
            time_ms: due_ms,
            mark: d("2500")
        }]
    );
    assert_eq!(
        bench.venue.premium_index(ETH).next_funding_ms,
        due_ms + 8 * 3_600_000
    );
    bench.check_books();
}

/// Ann long 38 ETH from 2500.02 on 5000 USDC, with one more order open.
fn stretched() -> (Bench, OrderView) {
    let mut bench = Bench::quiet();
    bench.trade(ANN, Buy, "38");
    let order = bench.put(ANN, Sell, "2600", "1", Gtc);
    bench.drain();
    (bench, order)
}

#[test]
fn a_margin_call_comes_once_and_before_liquidation() {
    let (mut bench, _) = stretched();
    mark_at(&mut bench, "2382", "0");
    bench.pass(3 * SECOND_US);
    let calls = bench
        .user_events(ANN)
        .into_iter()
        .filter(|event| matches!(event, UserEvent::MarginCall { .. }))
        .count();
    assert_eq!(calls, 1);
    assert_eq!(bench.position(ANN), d("38"));
}

#[test]
fn the_liquidation_price_is_where_liquidation_happens() {
    let (mut bench, _) = stretched();
    let price = bench
        .venue
        .positions(ANN, Some(ETH))
        .pop()
        .unwrap()
        .liquidation_price;
    let at = |bench: &mut Bench, mark: E8| {
        bench.market(|market| {
            market.apply_mark(RecordedMark {
                mark,
                index: mark,
                funding_rate: 0,
            })
        });
        bench.pass(SECOND_US);
        bench.position(ANN)
    };
    assert_eq!(at(&mut bench, price + d("0.01")), d("38"));
    assert_eq!(at(&mut bench, price - d("0.01")), 0);
}

#[test]
fn liquidation_ends_orders_closes_the_position_and_keeps_the_money() {
    let (mut bench, order) = stretched();
    mark_at(&mut bench, "2370", "0");
    bench.pass(SECOND_US);
    let events = bench.user_events(ANN);
    let updates: Vec<&OrderUpdate> = events
        .iter()
        .filter_map(|event| {
            if let UserEvent::OrderUpdate(update) = event {
                Some(update)
            } else {
                None
            }
        })
        .collect();
    assert_eq!(
        (
            updates[0].order_id,
            updates[0].execution,
            updates[0].expiry_reason.code()
        ),
        (order.order_id, ExecutionType::Expired, 5)
    );
    assert!(updates[1].client_id.as_str().starts_with("autoclose-"));
    assert_eq!(
        (updates[1].execution, updates[1].order_type),
        (ExecutionType::New, OrderType::Liquidation)
    );
    assert!(
        updates[2..]
            .iter()
            .all(|update| update.execution == ExecutionType::Calculated)
    );
    assert_eq!(updates.last().unwrap().status, OrderStatus::Filled);
    assert_eq!(bench.position(ANN), 0);
    assert!(bench.wallet(ANN) >= 0);
    assert!(
        bench.venue.pool("USDC").unwrap().insurance > 0,
        "the fee went to the fund"
    );
    assert!(bench.venue.open_orders(ANN, None).is_empty());
    bench.check_books();
}

#[test]
fn a_deficit_is_covered_and_the_market_told() {
    let (mut bench, _) = stretched();
    bench.market(|market| {
        market.clear_background();
        market.apply_mark(RecordedMark {
            mark: d("2200"),
            index: d("2200"),
            funding_rate: 0,
        });
    });
    bench.pass(SECOND_US);
    assert_eq!((bench.position(ANN), bench.wallet(ANN)), (0, 0));
    assert!(bench.venue.pool("USDC").unwrap().insurance < 0);
    let events = bench.drain();
    assert!(events.iter().any(|event| matches!(&event.body, EventBody::Market(MarketEvent::ForceOrder(force)) if force.side == Sell && force.cum_qty == d("38"))));
    bench.check_books();
}

#[test]
fn a_transfer_is_told_and_booked() {
    let mut bench = Bench::quiet();
    bench.venue.transfer(bench.now_us, ANN, "USDC", d("-100"));
    assert_eq!(bench.wallet(ANN), d("4900"));
    let events = bench.user_events(ANN);
    assert!(
        matches!(events.as_slice(), [UserEvent::AccountUpdate(update)] if update.reason == AccountUpdateReason::Withdraw && update.balances[0].change == d("-100"))
    );
    bench.check_books();
}

#[test]
fn the_ledger_remembers_lives_and_extremes() {
    let mut bench = Bench::quiet();
    let first = bench.put(ANN, Buy, "2500.00", "1", Gtx);
    let second = bench.put(ANN, Buy, "2499.00", "2", Gtx);
    bench.pass(SECOND_US);
    bench.market(|market| market.take(Sell, d("1"), None));
    bench.cancel(ANN, &second).unwrap();
    bench.trade(ANN, Sell, "3");
    let seen = bench.venue.exposure_extremes(ANN, ETH);
    assert_eq!(
        (
            seen.open_orders,
            seen.open_orders_max,
            seen.orders_accepted,
            seen.orders_canceled
        ),
        (0, 2, 3, 1)
    );
    assert_eq!((seen.position_min, seen.position_max), (d("-2"), d("1")));
    assert_eq!(
        (seen.long_exposure_max, seen.short_exposure_min),
        (d("3"), d("-2"))
    );
    let lives = bench.venue.ledger_orders(ANN, ETH);
    assert_eq!(
        lives
            .iter()
            .map(|life| life.order_id)
            .take(2)
            .collect::<Vec<_>>(),
        [first.order_id, second.order_id]
    );
    assert_eq!(
        (lives[0].accepted_us, lives[0].done_us),
        (START_US, Some(START_US + SECOND_US))
    );
}

#[test]
fn of_several_liquidations_in_a_second_the_largest_is_published() {
    let (mut bench, _) = stretched();
    bench.venue.transfer(bench.now_us, BOB, "USDC", d("-3500"));
    bench.trade(BOB, Buy, "11");
    mark_at(&mut bench, "2200", "0");
    bench.drain();
    bench.pass(SECOND_US);
    assert_eq!((bench.position(ANN), bench.position(BOB)), (0, 0));
    let forced = |event: &Event| match event.body {
        EventBody::Market(MarketEvent::ForceOrder(force)) => Some(force.qty),
        EventBody::User(_) | EventBody::Market(_) => None,
    };
    let sizes: Vec<E8> = bench.drain().iter().filter_map(forced).collect();
    assert_eq!(sizes, [d("38")]);
    bench.check_books();
}
