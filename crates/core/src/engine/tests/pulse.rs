//! What the view says of streams, cross-checks, quotes and time at risk.

use super::world::{ETH, World, ms, secs};
use crate::engine::view::Comparison;
use crate::event::Stream;
use crate::liveness::Pulse;

#[test]
fn a_quoting_desk_shows_the_age_of_its_streams_quotes_orders_and_checks() {
    let mut world = World::quoting();
    world.run(secs(30));
    let view = world.view_of(ETH);
    let depth = view.streams.first().expect("four streams");
    assert_eq!((depth.stream, depth.pulse), (Stream::Depth, Pulse::Fresh));
    assert!(depth.age.is_some_and(|age| age <= ms(100)), "{depth:?}");
    assert_eq!(depth.lag, Some(ms(0)));
    let trades = view.streams.get(2).expect("four streams");
    assert_eq!(trades.pulse, Pulse::Unproven, "nobody traded");
    let record = view.record;
    assert_eq!(record.last_order_round_trip, Some(ms(10)));
    assert!(record.last_order_accepted.is_some());
    let refreshed = record.last_quote_refresh.expect("it quotes");
    assert!(world.now.since(refreshed) <= ms(1_100));
    let check = view.cross_check.expect("every ten seconds");
    assert_eq!(check.result, Comparison::Same);
    assert_eq!(check.answered_at.since(check.requested_at), ms(10));
    assert!(world.now.since(check.answered_at) <= secs(11));
    let reconciled = view.reconciled_at.expect("every thirty seconds");
    assert!(world.now.since(reconciled) <= secs(31));
}

#[test]
fn time_at_risk_is_one_wait_for_each_message_while_orders_rest() {
    let mut world = World::quoting();
    let before = world.view_of(ETH).record.risk_time.count();
    world.run(secs(10));
    let risk = world.view_of(ETH).record.risk_time;
    let waits = risk.count() - before;
    assert!((95..=110).contains(&waits), "{waits} for 100 messages");
    assert!(risk.day_max <= ms(110), "{risk:?}");
    assert_eq!(risk.counts.iter().skip(2).sum::<u64>(), 0, "{risk:?}");
}
