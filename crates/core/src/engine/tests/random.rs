//! Any sequence of faults: nothing panics, no promise is broken, and quoting is back once they end.

use super::world::{ETH, Fault, Kind, World, ms, secs};
use crate::engine::contain::DeskFault;
use crate::event::{Account, Event, Link, LinkState, Malformed, Market, Operator, Stream, Why};
use crate::notice::What;
use crate::order::Owner;
use crate::units::{Mono, Side, Span};
use alloc::vec;
use alloc::vec::Vec;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

#[derive(Clone, Copy, Debug)]
enum Op {
    Run(i64),
    Fault(Kind, Fault, u32),
    Silence(Stream),
    Speak,
    Lag(i64),
    Down(Link),
    Up(Link),
    Move(i64),
    Take(Side, i64),
    Operator(Operator),
    BadDepth,
    BadUser,
    Foreign(Side),
    Gap,
    KeyExpired,
    Jitter(u64),
    Panic(DeskFault),
}

const KINDS: [Kind; 11] = [
    Kind::Place,
    Kind::Amend,
    Kind::Cancel,
    Kind::CancelAll,
    Kind::Query,
    Kind::OpenOrders,
    Kind::Account,
    Kind::Trades,
    Kind::Snapshot,
    Kind::Probe,
    Kind::DeadMan,
];
const WHYS: [Why; 14] = [
    Why::NotSent,
    Why::WouldTake,
    Why::OrderRate,
    Why::Weight,
    Why::Throttled,
    Why::Transient,
    Why::Clock,
    Why::Margin,
    Why::ReduceOnly,
    Why::TooManyOpen,
    Why::PriceBand,
    Why::Rejected,
    Why::SymbolHalted,
    Why::ReduceOnlyMode,
];
const LINKS: [Link; 4] = [Link::Public, Link::Market, Link::User, Link::Orders];
const STREAMS: [Stream; 4] = [
    Stream::Depth,
    Stream::Mark,
    Stream::BookTicker,
    Stream::User,
];

fn fault() -> impl Strategy<Value = Fault> {
    prop_oneof![
        Just(Fault::LoseReply),
        Just(Fault::UnknownDone),
        Just(Fault::UnknownLost),
        Just(Fault::Mute),
        (prop::sample::select(&WHYS[..]), 0..3_000_i64)
            .prop_map(|(why, retry)| Fault::Refuse(why, ms(retry))),
    ]
}

fn op() -> impl Strategy<Value = Op> {
    let side = prop_oneof![Just(Side::Buy), Just(Side::Sell)];
    let other = side.clone();
    let operator = prop::sample::select(
        &[
            Operator::Pause,
            Operator::Resume,
            Operator::CancelAll,
            Operator::Kill,
        ][..],
    );
    prop_oneof![
        6 => (1..4_000_i64).prop_map(Op::Run),
        4 => (prop::sample::select(&KINDS[..]), fault(), 1..6_u32)
            .prop_map(|(k, f, n)| Op::Fault(k, f, n)),
        1 => prop::sample::select(&STREAMS[..]).prop_map(Op::Silence),
        2 => Just(Op::Speak),
        1 => (0..2_000_i64).prop_map(Op::Lag),
        1 => prop::sample::select(&LINKS[..]).prop_map(Op::Down),
        2 => prop::sample::select(&LINKS[..]).prop_map(Op::Up),
        3 => (-400..400_i64).prop_map(Op::Move),
        3 => (side, 1..300_i64).prop_map(|(s, n)| Op::Take(s, n)),
        1 => operator.prop_map(Op::Operator),
        1 => Just(Op::BadDepth),
        1 => Just(Op::BadUser),
        1 => other.prop_map(Op::Foreign),
        1 => Just(Op::Gap),
        1 => Just(Op::KeyExpired),
        1 => (0..400_u64).prop_map(Op::Jitter),
        1 => prop::sample::select(&[DeskFault::PanicOnce, DeskFault::PanicAlways][..]).prop_map(Op::Panic),
    ]
}

fn apply(world: &mut World, op: Op) {
    match op {
        Op::Run(span) => world.run(ms(span)),
        Op::Fault(kind, fault, times) => world.fault(kind, fault, times),
        Op::Silence(stream) => {
            world.silent.insert(stream);
        }
        Op::Speak => world.silent.clear(),
        Op::Lag(lag) => world.depth_late_by = ms(lag),
        Op::Down(link) => world.link(link, LinkState::Down),
        Op::Up(link) => world.link(link, LinkState::Up),
        Op::Move(by) => {
            let bid = world.venue(ETH).bid + by;
            world.move_to(ETH, bid);
        }
        Op::Take(side, size) => {
            let orders = &world.venue(ETH).orders;
            let ours = orders.iter().filter(|o| o.report.side == side);
            if ours
                .filter(|o| matches!(o.report.owner, Owner::Ours(_)))
                .count()
                > 8
            {
                world.take_from(side, size);
            }
        }
        Op::Operator(operator) => world.operator(operator),
        Op::BadDepth => world.market(Market::Malformed(Stream::Depth, Malformed::Shape)),
        Op::BadUser => world.step(&Event::Account(Account::Malformed(Malformed::Shape))),
        Op::Foreign(side) => {
            // Far away, so that it is never the best of its side.
            let report =
                world
                    .venue(ETH)
                    .put(Owner::Foreign, side, 250_000 - side.sign() * 20_000, 5);
            let event = super::venue::event(report, crate::event::Execution::New, None);
            world.step(&Event::Account(Account::Order(event)));
        }
        Op::Gap => {
            let _lost = world.venue(ETH).next_depth();
        }
        Op::KeyExpired => world.step(&Event::Account(Account::ListenKeyExpired)),
        Op::Jitter(jitter) => world.jitter_ms = jitter,
        Op::Panic(fault) => world.engine.inject(ETH, fault),
    }
}

fn play(ops: &[Op]) -> World {
    let mut params = crate::params::ethusdc_defaults();
    params.quoting.layers = 6;
    // Losses are their own scenarios; here they would only end the run early.
    params.risk.stop_loss = crate::units::Ratio(crate::units::E8);
    let mut world = World::quoting_with(params);
    world.repeat_every = 5;
    for op in ops {
        apply(&mut world, *op);
    }
    world
}

fn recover(world: &mut World) {
    world.engine.heal(ETH);
    world.faults.clear();
    world.silent.clear();
    world.jitter_ms = 0;
    world.repeat_every = 0;
    world.depth_late_by = Span::ZERO;
    for link in LINKS {
        world.link(link, LinkState::Down);
        world.link(link, LinkState::Up);
    }
    world.operator(Operator::Resume);
}

/// What the exchange asked for outlasts the fault: a symbol that rests or only reduces is given its minute,
/// a ban without an end its growing pause.
fn longest_wait(world: &World) -> i64 {
    let refused = |why: Why| {
        world.said(Mono(0), |what| match what {
            What::OrderRefused(_, told, _) | What::BackOff(told, _) => *told == why,
            _ => false,
        }) > 0
    };
    // A panic in the last moment waits for its pause, and that for the exchange's list.
    let panicked = world.said(Mono(0), |what| matches!(what, What::DeskPanicked(..))) > 0;
    let for_panic = if panicked { 45 } else { 0 };
    for_panic
        + if refused(Why::Weight) {
            130
        } else if refused(Why::ReduceOnlyMode) || refused(Why::SymbolHalted) {
            75
        } else {
            15
        }
}

fn quotes_in_full(world: &mut World) -> bool {
    let view = world.view_of(ETH);
    let wanted = (view.expected.buy, view.expected.sell);
    let resting = world.resting(ETH);
    // More than is wanted may wait for the cancel budget of the minute.
    view.obstacle.is_none()
        && wanted.0 + wanted.1 > 0
        && resting.0 >= wanted.0
        && resting.1 >= wanted.1
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 256,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(20_261_122),
        ..ProptestConfig::default()
    })]

    #[test]
    fn no_sequence_of_faults_breaks_a_promise_or_lasts_beyond_its_end(
        ops in prop::collection::vec(op(), 1..40)
    ) {
        let mut world = play(&ops);
        recover(&mut world);
        let mut waited = 0;
        while !quotes_in_full(&mut world) {
            prop_assert!(waited < longest_wait(&world) * 10, "not back: {:#?}", world.view_of(ETH));
            world.run(ms(100));
            waited += 1;
        }
        // And the books agree with the exchange.
        world.run(secs(40));
        prop_assert_eq!(world.view_of(ETH).position.0, world.venue(ETH).position);
    }

    #[test]
    fn the_same_events_give_the_same_actions_and_digest(
        ops in prop::collection::vec(op(), 1..15)
    ) {
        let (first, second) = (play(&ops), play(&ops));
        prop_assert_eq!(first.engine.digest(), second.engine.digest());
        let logs: Vec<_> = first.log.iter().zip(&second.log).collect();
        prop_assert!(logs.iter().all(|(a, b)| a == b));
        prop_assert_eq!(first.log.len(), second.log.len());
    }
}
