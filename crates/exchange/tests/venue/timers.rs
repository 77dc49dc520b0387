//! What happens by itself: dead-man timers, listenKeys, quantitative rules; and that the size of the steps does not matter.

use super::bench::*;
use phoenix_exchange::api::*;
use phoenix_exchange::{
    Exchange, ExchangeConfig, MarketFlow, MarketSide, QuantRuleConfig, SymbolSpec,
};

use OrderStatus::{Canceled, New};
use Side::{Buy, Sell};
use TimeInForce::Gtx;

#[test]
fn the_dead_man_timer_cancels_its_symbol_once() {
    let mut bench = Bench::quiet();
    let order = bench.put(ANN, Buy, "2400", "0.1", Gtx);
    let bobs = bench.put(BOB, Buy, "2400", "0.1", Gtx);
    let btc = bench
        .place(ANN, &NewOrder::limit(BTC, Buy, d("59000"), d("0.01"), Gtx))
        .unwrap();
    bench
        .venue
        .countdown_cancel_all(bench.now_us, ANN, ETH, 120_000);
    bench.pass(60 * SECOND_US);
    bench
        .venue
        .countdown_cancel_all(bench.now_us, ANN, ETH, 120_000);
    bench.pass(120 * SECOND_US - 1);
    assert_eq!(bench.status(ANN, &order), New, "replaced, not added");
    bench.drain();
    bench.pass(1);
    assert_eq!(bench.status(ANN, &order), Canceled);
    assert_eq!(
        (bench.status(BOB, &bobs), bench.status(ANN, &btc)),
        (New, New)
    );
    let updates = bench.order_updates(ANN);
    assert_eq!(
        updates
            .iter()
            .map(|update| update.execution)
            .collect::<Vec<_>>(),
        [ExecutionType::Canceled]
    );
    assert_eq!(bench.venue.countdown_due_us(ANN, ETH), None);
    let later = bench.put(ANN, Buy, "2400", "0.1", Gtx);
    bench.pass(1000 * SECOND_US);
    assert_eq!(bench.status(ANN, &later), New, "it fires once");
}

#[test]
fn zero_disarms_the_dead_man_timer() {
    let mut bench = Bench::quiet();
    let order = bench.put(ANN, Buy, "2400", "0.1", Gtx);
    bench
        .venue
        .countdown_cancel_all(bench.now_us, ANN, ETH, 10_000);
    bench.venue.countdown_cancel_all(bench.now_us, ANN, ETH, 0);
    bench.pass(100 * SECOND_US);
    assert_eq!(bench.status(ANN, &order), New);
}

#[test]
fn a_listen_key_is_one_per_account_and_lives_an_hour_from_its_last_renewal() {
    let mut bench = Bench::quiet();
    assert_eq!(
        bench
            .venue
            .listen_key_keepalive(bench.now_us, ANN)
            .unwrap_err()
            .code,
        -1125
    );
    let key = bench.venue.listen_key_start(bench.now_us, ANN);
    assert_eq!(key.len(), 64);
    bench.pass(1800 * SECOND_US);
    assert_eq!(
        bench.venue.listen_key_start(bench.now_us, ANN),
        key,
        "the same key, extended"
    );
    bench.pass(3599 * SECOND_US);
    assert_eq!(
        bench.venue.listen_key_keepalive(bench.now_us, ANN).unwrap(),
        key
    );
    bench.pass(3600 * SECOND_US - 1);
    assert_eq!(bench.venue.listen_key_account(&key), Some(ANN));
    bench.drain();
    bench.pass(1);
    assert_eq!(bench.venue.listen_key_account(&key), None);
    assert_eq!(
        bench.user_events(ANN),
        [UserEvent::ListenKeyExpired {
            listen_key: key.clone()
        }]
    );
    assert_ne!(
        bench.venue.listen_key_start(bench.now_us, ANN),
        key,
        "a new life, a new key"
    );
}

#[test]
fn closing_a_listen_key_tells_the_sockets_and_kills_it_for_all() {
    let mut bench = Bench::quiet();
    let key = bench.venue.listen_key_start(bench.now_us, ANN);
    let bobs = bench.venue.listen_key_start(bench.now_us, BOB);
    bench.venue.listen_key_close(bench.now_us, ANN).unwrap();
    assert!(
        matches!(bench.user_events(ANN).as_slice(), [UserEvent::ListenKeyExpired { listen_key }] if *listen_key == key)
    );
    assert_eq!(
        bench
            .venue
            .listen_key_close(bench.now_us, ANN)
            .unwrap_err()
            .code,
        -1125
    );
    assert_eq!(bench.venue.listen_key_account(&bobs), Some(BOB));
}

fn ruled(rules: QuantRuleConfig) -> Bench {
    let mut config = ExchangeConfig::new(
        START_US,
        vec![
            (SymbolSpec::ethusdc(), d("2500")),
            (SymbolSpec::btcusdc(), d("60000")),
        ],
    );
    config.quant_rules = rules;
    let mut venue = Exchange::new(config, 1);
    venue.add_account(&[("USDC", d("5000"))]);
    let mut bench = Bench {
        venue,
        now_us: START_US,
    };
    bench.market(|market| {
        market.add_background(Buy, d("2499"), d("10"));
        market.add_background(Sell, d("2501"), d("10"));
    });
    bench
}

#[test]
fn cancelling_young_orders_locks_the_symbol_to_reducing_for_a_while() {
    let mut bench = ruled(QuantRuleConfig {
        kind_orders_min: 5,
        ..QuantRuleConfig::default()
    });
    bench.trade(ANN, Buy, "0.1");
    for _ in 0..6 {
        let order = bench.put(ANN, Buy, "2400", "0.1", Gtx);
        bench.pass(SECOND_US);
        bench.cancel(ANN, &order).unwrap();
    }
    let gcr = |bench: &Bench| {
        *bench.venue.api_trading_status(ANN)[0]
            .indicators
            .iter()
            .find(|row| row.kind == IndicatorKind::Gcr)
            .unwrap()
    };
    assert_eq!((gcr(&bench).value, gcr(&bench).is_locked), (ONE, false));
    bench.pass(600 * SECOND_US);
    assert!(gcr(&bench).is_locked);
    let buy = bench.limit(Buy, "2400", "0.1", Gtx);
    assert_eq!(bench.code(ANN, &buy), -4400);
    let reduce = bench.place(ANN, &bench.limit(Sell, "2600", "0.1", Gtx).reducing());
    assert!(reduce.is_ok());
    let plain_sell = bench.limit(Sell, "2600", "0.05", Gtx);
    assert_eq!(
        bench.code(ANN, &plain_sell),
        0,
        "a plain order that reduces passes too"
    );
    let btc = NewOrder::limit(BTC, Buy, d("59000"), d("0.01"), Gtx);
    assert_eq!(bench.code(ANN, &btc), 0, "only this symbol");
    bench.pass(600 * SECOND_US);
    assert_eq!(bench.code(ANN, &buy), 0, "the lock ends");
}

#[test]
fn cancelling_old_orders_is_no_offence() {
    let mut bench = ruled(QuantRuleConfig {
        kind_orders_min: 5,
        ..QuantRuleConfig::default()
    });
    for _ in 0..6 {
        let order = bench.put(ANN, Buy, "2400", "0.1", Gtx);
        bench.pass(5 * SECOND_US);
        bench.cancel(ANN, &order).unwrap();
    }
    bench.pass(600 * SECOND_US);
    let buy = bench.limit(Buy, "2400", "0.1", Gtx);
    assert_eq!(bench.code(ANN, &buy), 0);
}

/// Moves the touch a little at odd instants.
struct Wobble {
    next_us: u64,
    turn: i64,
}

impl MarketFlow for Wobble {
    fn advance(&mut self, now_us: u64, market: &mut MarketSide<'_>) {
        assert_eq!(now_us, self.next_us, "called at the instant it asked for");
        self.turn += 1;
        let side = if self.turn % 2 == 0 { Buy } else { Sell };
        market.add_background(
            side,
            d("2500") - side.sign() * (self.turn % 5 + 1) * d("0.01"),
            d("0.1"),
        );
        if self.turn % 7 == 0 {
            market.take(side, d("0.05"), None);
        }
        self.next_us += 37_123;
    }

    fn next_due_us(&self) -> Option<u64> {
        Some(self.next_us)
    }
}

#[test]
fn the_size_of_the_steps_does_not_matter() {
    let run = |step_us: u64| {
        let mut bench = Bench::quiet();
        bench.venue.attach_flow(
            ETH,
            Box::new(Wobble {
                next_us: START_US + 5,
                turn: 0,
            }),
        );
        bench.put(ANN, Buy, "2499.99", "1", Gtx);
        while bench.now_us < START_US + 10 * SECOND_US {
            bench.pass(step_us);
        }
        bench.drain()
    };
    let coarse = run(10 * SECOND_US);
    assert!(coarse.len() > 300, "{}", coarse.len());
    assert_eq!(run(SECOND_US / 2), coarse);
    assert_eq!(run(10_000), coarse);
}

#[test]
fn the_venue_can_be_moved_to_another_thread() {
    fn moves<T: Send>(value: T) -> T {
        value
    }
    let venue = moves(Bench::quiet().venue);
    assert_eq!(venue.now_us(), START_US);
}
