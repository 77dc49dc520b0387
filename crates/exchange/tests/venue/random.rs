//! Random operations against what must always hold: no crossed book, sums that agree, money that neither appears nor vanishes.

use super::bench::*;
use phoenix_exchange::api::*;
use phoenix_exchange::market::{RecordedMark, Removal};
use phoenix_exchange::prng::Prng;
use proptest::prelude::*;

use Side::{Buy, Sell};
use TimeInForce::{Fok, Gtc, Gtx, Ioc};

fn pick<T: Copy>(prng: &mut Prng, of: &[T]) -> T {
    let place = usize::try_from(prng.below(of.len() as u64)).unwrap();
    of[place]
}

fn random_order(prng: &mut Prng) -> NewOrder {
    let side = pick(prng, &[Buy, Sell]);
    let qty = prng.between(10, 4000) * d("0.001");
    let order = if prng.chance(1, 6) {
        NewOrder::market(ETH, side, qty)
    } else {
        let price = d("2500") - side.sign() * prng.between(-8, 20) * d("0.01");
        NewOrder::limit(
            ETH,
            side,
            price,
            qty,
            pick(prng, &[Gtc, Gtc, Gtx, Gtx, Ioc, Fok]),
        )
    };
    NewOrder {
        reduce_only: prng.chance(1, 5),
        stp: pick(
            prng,
            &[
                None,
                Some(StpMode::None),
                Some(StpMode::ExpireTaker),
                Some(StpMode::ExpireBoth),
            ],
        ),
        ..order
    }
}

fn act_as_client(bench: &mut Bench, prng: &mut Prng) {
    let account = pick(prng, &[ANN, BOB]);
    let open = bench.venue.open_orders(account, Some(ETH));
    let target = (!open.is_empty())
        .then(|| open[usize::try_from(prng.below(open.len() as u64)).unwrap()].clone());
    match (prng.below(10), target) {
        (0 | 1, Some(order)) => drop(bench.cancel(account, &order)),
        (2 | 3, Some(order)) => {
            let change = ModifyOrder {
                symbol: ETH,
                order: OrderRef::Id(order.order_id),
                side: order.side,
                qty: Some(prng.between(10, 4000) * d("0.001")),
                price: Some(d("2500") - order.side.sign() * prng.between(-4, 20) * d("0.01")),
                price_match: PriceMatch::None,
                modify_id: None,
                reduce_only: false,
            };
            drop(bench.venue.modify(bench.now_us, account, &change));
        }
        (4, Some(_)) if prng.chance(1, 5) => {
            let _ = bench.venue.cancel_all(bench.now_us, account, ETH);
        }
        _ => drop(bench.place(account, &random_order(prng))),
    }
}

fn act_as_market(bench: &mut Bench, prng: &mut Prng) {
    let side = pick(prng, &[Buy, Sell]);
    let price = d("2500") - side.sign() * prng.between(-6, 25) * d("0.01");
    let qty = prng.between(1, 6000) * d("0.001");
    let removal = pick(prng, &[Removal::FromBack, Removal::Proportional]);
    let kind = prng.below(12);
    let drift = prng.between(-200, 200);
    bench.market(|market| match kind {
        0..=3 => drop(market.add_background(side, price, qty)),
        4 | 5 => drop(market.remove_background(side, price, qty, removal)),
        6 | 7 => drop(market.take(side, qty, None)),
        8 | 9 => drop(market.set_level(side, price, qty, removal)),
        10 => drop(market.trade_through(side.opposite(), price, qty)),
        _ => {
            let mark = d("2500") + drift * d("0.5");
            market.apply_mark(RecordedMark {
                mark,
                index: mark,
                funding_rate: drift * 1000,
            });
        }
    });
}

/// Everything that must hold for one account, from independent sources.
fn check_account(bench: &Bench, account: AccountId) {
    let open = bench.venue.open_orders(account, Some(ETH));
    let seen = bench.venue.exposure_extremes(account, ETH);
    let sum = |side| {
        open.iter()
            .filter(|order| order.side == side)
            .map(|order| order.orig_qty - order.executed_qty)
            .sum::<E8>()
    };
    assert_eq!(
        (seen.open_orders, seen.open_buy_qty, seen.open_sell_qty),
        (open.len(), sum(Buy), sum(Sell))
    );
    assert!(
        open.iter()
            .all(|order| order.status.is_open() && order.executed_qty < order.orig_qty)
    );
    let filled: E8 = bench
        .venue
        .fills(account)
        .map(|fill| fill.side.sign() * fill.qty)
        .sum();
    assert_eq!(bench.position(account), filled);
    assert_eq!(seen.position, filled);
    let income = bench.venue.income(
        account,
        &IncomeQuery {
            limit: Some(1000),
            start_ms: Some(0),
            ..IncomeQuery::default()
        },
    );
    if income.len() < 1000 {
        assert_eq!(
            income.iter().map(|row| row.amount).sum::<E8>(),
            bench.wallet(account)
        );
    }
    let reducing: E8 = open
        .iter()
        .filter(|order| order.reduce_only)
        .map(|order| order.orig_qty - order.executed_qty)
        .sum();
    assert!(
        reducing <= filled.abs(),
        "reduce-only orders could reverse the position"
    );
}

/// The published book holds exactly the background and the open orders.
fn check_levels(bench: &mut Bench) {
    let orders: Vec<OrderView> = [ANN, BOB]
        .into_iter()
        .flat_map(|account| bench.venue.open_orders(account, Some(ETH)))
        .collect();
    bench.market(|market| {
        for side in [Buy, Sell] {
            let levels: Vec<(E8, E8)> = market.levels(side).collect();
            assert!(levels.iter().all(|(_, total)| *total > 0));
            for (price, total) in &levels {
                let clients: E8 = orders
                    .iter()
                    .filter(|order| order.side == side && order.price == *price)
                    .map(|order| order.orig_qty - order.executed_qty)
                    .sum();
                assert_eq!(market.level_background(side, *price) + clients, *total);
            }
            let at_levels = orders
                .iter()
                .filter(|order| order.side == side)
                .all(|order| levels.iter().any(|(price, _)| *price == order.price));
            assert!(at_levels, "an open order is not in the book");
        }
    });
}

fn run(seed: u64, turns: u32) -> Vec<Event> {
    let mut bench = Bench::quiet();
    let mut prng = Prng::new(seed);
    let mut events = Vec::new();
    for _ in 0..turns {
        if prng.chance(1, 2) {
            act_as_client(&mut bench, &mut prng);
        } else {
            act_as_market(&mut bench, &mut prng);
        }
        bench.check_books();
        check_account(&bench, ANN);
        check_account(&bench, BOB);
        check_levels(&mut bench);
        let pause_max_us = if prng.chance(1, 50) {
            3_600_000_000
        } else {
            300_000
        };
        bench.pass(prng.below(pause_max_us));
        events.append(&mut bench.drain());
    }
    events
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn invariants_hold_under_random_operations(seed: u64) {
        run(seed, 300);
    }
}

#[test]
fn a_seed_decides_everything() {
    let events = run(42, 1500);
    let count = |wanted: fn(&OrderUpdate) -> bool| {
        let updates = events.iter().filter(|event| matches!(&event.body, EventBody::User(user) if matches!(user.as_ref(), UserEvent::OrderUpdate(update) if wanted(update))));
        updates.count()
    };
    assert!(count(|update| update.execution == ExecutionType::Trade && update.is_maker) > 10);
    assert!(count(|update| update.execution == ExecutionType::Trade && !update.is_maker) > 10);
    assert!(count(|update| update.execution == ExecutionType::Amendment) > 5);
    assert!(count(|update| update.execution == ExecutionType::Canceled) > 5);
    assert!(count(|update| update.execution == ExecutionType::Expired) > 5);
    assert_eq!(run(42, 1500), events);
    assert!(events.windows(2).all(|pair| pair[0].at_us <= pair[1].at_us));
}

#[test]
fn user_events_tell_the_whole_story() {
    let events = run(7, 400);
    for account in [ANN, BOB] {
        let mut position = 0;
        let mut cumulative = std::collections::BTreeMap::new();
        for event in events
            .iter()
            .filter(|event| event.to == Recipient::Account(account))
        {
            let EventBody::User(user) = &event.body else {
                continue;
            };
            match user.as_ref() {
                UserEvent::OrderUpdate(update) => {
                    let before = cumulative
                        .insert(update.order_id, update.cum_qty)
                        .unwrap_or(0);
                    assert_eq!(update.cum_qty - before, update.last_qty, "{update:?}");
                    assert_eq!(update.last_qty > 0, update.trade_id > 0);
                    position += update.side.sign() * update.last_qty;
                }
                UserEvent::AccountUpdate(update) => {
                    assert!(
                        update.positions.iter().all(|row| row.qty == position),
                        "{update:?}"
                    );
                }
                _ => {}
            }
        }
    }
}
