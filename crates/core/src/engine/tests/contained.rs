//! Promise `contained`: a panic in one symbol's logic stops that symbol only, and loses nothing of its books.

use super::world::{BTC, ETH, Fault, Kind, World, ms, refusal, secs};
use crate::action::Action;
use crate::engine::contain::DeskFault;
use crate::event::{
    Account, AccountReason, AccountUpdate, BalanceReport, Config, ContractStatus, Event, Execution,
    Link, LinkState, Market, Operator, Resume, Why,
};
use crate::notice::{HaltReason, What};
use crate::order::{OrderId, Owner};
use crate::params::{AccountParams, ethusdc_defaults};
use crate::units::{E8, Lots, Mono, Quote, Side, Span};
use alloc::vec::Vec;

fn panics(world: &World, since: Mono) -> usize {
    world.said(since, |w| matches!(w, What::DeskPanicked(..)))
}

fn restarts(world: &World, since: Mono) -> usize {
    world.said(since, |w| matches!(w, What::DeskRestarted(_)))
}

/// A desk that quotes, and panics now.
fn panic_now(world: &mut World, fault: DeskFault) -> Mono {
    let since = world.now;
    world.engine.inject(ETH, fault);
    world.until(secs(3), |w| panics(w, since) > 0);
    since
}

fn check_books(world: &mut World) {
    let (theirs, fees) = {
        let venue = world.venue(ETH);
        let fees = venue.trades.iter().map(|t| t.fill.fee.0).sum::<i64>();
        (venue.position, fees)
    };
    let fills = world.venue(ETH).trades.len() as u64;
    let view = world.view_of(ETH);
    assert_eq!(view.position.0, theirs);
    assert_eq!(view.fees.0, fees);
    assert_eq!(view.record.fills_buy + view.record.fills_sell, fills);
}

fn two_symbols() -> World {
    let mut world = World::with(ethusdc_defaults(), &[ETH, BTC]);
    world.connect();
    world.until(secs(3), |w| w.is_full(ETH) && w.is_full(BTC));
    world.run(secs(2));
    world
}

fn ids(world: &World, symbol: crate::instrument::SymbolId) -> Vec<Owner> {
    let orders = world.venues[&symbol].orders.iter();
    orders.map(|o| o.report.owner).collect()
}

#[test]
fn orders_go_at_once_and_the_symbol_is_back_after_five_seconds() {
    let mut world = two_symbols();
    let others = ids(&world, BTC);
    let since = panic_now(&mut world, DeskFault::PanicOnce);
    assert!(world.resting(ETH).0 > 0, "the cancel is on its way");
    world.run(ms(50));
    assert_eq!(world.resting(ETH), (0, 0));
    let placed = world.now;
    world.run(ms(4_900));
    assert_eq!(restarts(&world, since), 0);
    assert_eq!(
        world.places(placed),
        0,
        "nothing in the meantime, on either"
    );
    let took = world.until(secs(5), |w| w.is_full(ETH));
    assert!(took < secs(2), "{took:?}");
    assert_eq!(restarts(&world, since), 1);
    assert_eq!(
        ids(&world, BTC),
        others,
        "the other symbol's orders rest on"
    );
    let of_btc = world.count(since, |a| match a {
        Action::Place(order) => order.inner().symbol == BTC,
        Action::Cancel(symbol, _) | Action::CancelAll(symbol) => *symbol == BTC,
        _ => false,
    });
    assert_eq!(of_btc, 0);
    world.run(secs(60));
    assert_eq!(panics(&world, since), 1);
}

#[test]
fn the_fifth_panic_in_ten_minutes_leaves_it_stopped_until_an_operator_resumes() {
    let mut world = two_symbols();
    let since = panic_now(&mut world, DeskFault::PanicAlways);
    let mut pauses = Vec::new();
    world.run(secs(300));
    for (_, action) in &world.log {
        if let Action::Say(notice) = action
            && let What::DeskPanicked(_, pause) = notice.what
        {
            assert_eq!(notice.symbol, Some(ETH));
            pauses.push(pause);
        }
    }
    let expected = [5, 10, 20, 40].map(|s| Some(secs(s)));
    assert_eq!(pauses.len(), 5);
    assert_eq!(pauses[..4], expected);
    assert_eq!(pauses[4], None);
    let given_up = |w: &What| matches!(w, What::Halted(HaltReason::Panics, None));
    assert_eq!(world.said(since, given_up), 1);
    assert_eq!(world.resting(ETH), (0, 0));
    assert!(world.is_full(BTC));
    let later = world.now;
    world.run(secs(900));
    assert_eq!(restarts(&world, later), 0, "it stays stopped");
    assert_eq!(
        world.view_of(ETH).halt,
        Some((HaltReason::Panics, None)),
        "and is shown as that"
    );
    world.engine.heal(ETH);
    world.operator(Operator::Resume);
    world.until(secs(10), |w| w.is_full(ETH));
}

#[test]
fn fills_of_the_panicking_step_and_of_the_pause_are_booked_once_with_their_fees() {
    let mut world = World::quoting();
    world.take_from(Side::Buy, 120);
    world.run(secs(1));
    // The next look of the strategy follows the fill, in the same step.
    world.engine.inject(ETH, DeskFault::PanicOnce);
    let since = world.now;
    world.take_from(Side::Buy, 70);
    world.take_from(Side::Sell, 40);
    world.run(ms(4));
    assert_eq!(panics(&world, since), 1);
    check_books(&mut world);
    world.run(secs(2));
    check_books(&mut world);
    world.until(secs(10), |w| {
        w.engine.desk(ETH).is_some() && w.is_full_or_reduced()
    });
    check_books(&mut world);
}

#[test]
fn fills_that_nobody_could_tell_of_are_fetched_by_the_successor() {
    let mut world = World::quoting();
    world.take_from(Side::Sell, 60);
    world.run(secs(1));
    world.engine.inject(ETH, DeskFault::PanicOnce);
    // The step that hears of the lost connection demands a look; meanwhile an order fills.
    world.fault(Kind::CancelAll, Fault::UnknownLost, 1);
    let since = world.now;
    world.until(secs(3), |w| panics(w, since) > 0);
    world.link(Link::User, LinkState::Down);
    world.take_missing_fills();
    world.run(secs(3));
    world.link(Link::User, LinkState::Up);
    world.until(secs(15), |w| {
        w.engine.desk(ETH).is_some() && w.is_full_or_reduced()
    });
    let (position, fees) = {
        let venue = world.venue(ETH);
        let fees = venue.trades.iter().map(|t| t.fill.fee.0).sum::<i64>();
        (venue.position, fees)
    };
    let view = world.view_of(ETH);
    assert_eq!((view.position.0, view.fees.0), (position, fees));
}

#[test]
fn funding_of_the_pause_is_in_the_books() {
    let mut world = World::quoting();
    world.run_to_the_hour();
    panic_now(&mut world, DeskFault::PanicOnce);
    let time = world.wall();
    world.step(&Event::Account(Account::Update(AccountUpdate {
        reason: AccountReason::Funding,
        symbol: Some(ETH),
        balance: Some(BalanceReport {
            wallet: Quote(1_000),
            change: Quote(-77),
        }),
        positions: &[],
        time,
    })));
    world.until(secs(10), |w| w.is_full(ETH));
    assert_eq!(world.view_of(ETH).funding, Quote(-77));
}

#[test]
fn no_successor_is_made_before_the_exchange_shows_nothing_of_ours() {
    let mut world = World::quoting();
    world.fault(Kind::CancelAll, Fault::UnknownLost, 20);
    let since = panic_now(&mut world, DeskFault::PanicOnce);
    world.run(secs(15));
    assert!(world.resting(ETH).0 > 0, "every cancel is lost");
    assert_eq!(restarts(&world, since), 0);
    let tries = world.count(since, |a| matches!(a, Action::CancelAll(_)));
    assert!((10..=17).contains(&tries), "{tries}");
    world.faults.clear();
    world.until(secs(10), |w| restarts(w, since) == 1);
    assert_eq!(world.resting(ETH), (0, 0));
    world.until(secs(5), |w| w.is_full(ETH));
}

#[test]
fn what_may_still_rest_of_the_lost_desk_counts_against_the_total() {
    let mut params = ethusdc_defaults();
    params.quoting.layers = 6;
    let mut world = World::with(params, &[]);
    // Room for eight layers of 125 a side, over both symbols.
    world.engine = crate::engine::Engine::new(7, AccountParams::new(Quote(1_000 * E8)));
    world.add(ETH, Resume::default());
    world.connect();
    world.until(secs(5), |w| w.is_full(ETH));
    world.fault(Kind::CancelAll, Fault::UnknownLost, 6);
    panic_now(&mut world, DeskFault::PanicOnce);
    world.add(BTC, Resume::default());
    world.run(secs(5));
    let (bids, asks) = world.resting(BTC);
    assert!(bids <= 2 && asks <= 2, "{bids} {asks} beside six in doubt");
    world.until(secs(10), |w| w.resting(ETH) == (0, 0));
    world.until(secs(30), |w| {
        let (eth, btc) = (w.resting(ETH), w.resting(BTC));
        (7..=8).contains(&(eth.0 + btc.0)) && (7..=8).contains(&(eth.1 + btc.1))
    });
}

#[test]
fn the_switch_of_a_lost_desk_is_not_armed_and_fires_when_every_cancel_fails() {
    let mut world = World::quoting();
    world.fault(
        Kind::CancelAll,
        Fault::Refuse(Why::Transient, Span::ZERO),
        1_000,
    );
    let since = panic_now(&mut world, DeskFault::PanicOnce);
    let arms = world.venue(ETH).arms;
    world.until(secs(30), |w| w.resting(ETH) == (0, 0));
    assert_eq!(world.venue(ETH).arms, arms);
    world.until(secs(10), |w| restarts(w, since) == 1);
}

#[test]
fn an_order_that_arrives_after_the_cancel_is_cancelled_too() {
    let mut world = World::quoting();
    let since = panic_now(&mut world, DeskFault::PanicAlways);
    world.run(secs(100));
    assert_eq!(panics(&world, since), 5);
    let id = OrderId {
        session: 7,
        seq: 900_000,
    };
    let report = world
        .venue(ETH)
        .put(Owner::Ours(id), Side::Buy, 249_000, 50);
    let event = super::venue::event(report, Execution::New, None);
    world.step(&Event::Account(Account::Order(event)));
    world.run(ms(50));
    assert_eq!(world.resting(ETH), (0, 0));
}

#[test]
fn what_others_asked_for_in_the_panicking_step_is_sent_and_what_follows_reaches_them() {
    let of = |w: &World, since, symbol| {
        w.count(
            since,
            |a| matches!(a, Action::Place(o) if o.inner().symbol == symbol),
        )
    };
    for (faulty, sound) in [(BTC, ETH), (ETH, BTC)] {
        let mut world = two_symbols();
        world.link(Link::Orders, LinkState::Down);
        world.run(secs(1));
        assert_eq!(world.resting(sound), (0, 0));
        world.engine.inject(faulty, DeskFault::PanicOnce);
        let since = world.now;
        world.link(Link::Orders, LinkState::Up);
        assert_eq!(panics(&world, since), 1, "in the step of the link");
        assert_eq!(
            of(&world, since, sound),
            36,
            "the whole ladder in the same step"
        );
        assert_eq!(of(&world, since, faulty), 0);
        world.run(secs(4));
        assert!(world.is_full(sound));
        let doubts = world.said(since, |w| matches!(w, What::OrderUnknown(_)));
        assert_eq!(doubts, 0, "every order that is tracked was sent");
        world.until(secs(10), |w| w.is_full(faulty));
    }
}

#[test]
fn events_of_a_lost_desks_orders_still_show_that_the_user_stream_is_alive() {
    let mut world = two_symbols();
    world.link(Link::Orders, LinkState::Down);
    world.run(secs(1));
    let since = world.now;
    // Events and answers overtake each other.
    world.jitter_ms = 400;
    world.link(Link::Orders, LinkState::Up);
    world.run(ms(150));
    world.engine.inject(ETH, DeskFault::PanicOnce);
    world.until(secs(3), |w| panics(w, since) > 0);
    world.run(secs(4));
    world.jitter_ms = 0;
    let dead = world.said(since, |w| matches!(w, What::StreamDead(..)));
    assert_eq!(dead, 0);
    assert!(world.is_full(BTC));
    world.until(secs(10), |w| w.is_full(ETH));
}

#[test]
fn orders_of_others_are_left_alone() {
    let mut world = World::quoting();
    let report = world.venue(ETH).put(Owner::Foreign, Side::Buy, 230_000, 5);
    let event = super::venue::event(report, Execution::New, None);
    world.step(&Event::Account(Account::Order(event)));
    panic_now(&mut world, DeskFault::PanicOnce);
    world.until(secs(3), |w| w.resting(ETH) == (0, 0));
    assert_eq!(world.venue(ETH).orders.len(), 1, "the other's");
    world.until(secs(10), |w| w.is_full(ETH));
}

#[test]
fn a_graceful_stop_ends_while_a_desk_is_lost() {
    let mut world = two_symbols();
    panic_now(&mut world, DeskFault::PanicOnce);
    world.operator(Operator::Stop);
    world.until(secs(8), |w| {
        w.count(Mono(0), |a| *a == Action::Stopped) == 1
    });
    let since = world.now;
    world.run(secs(60));
    let acted = |a: &Action| matches!(a, Action::Place(_) | Action::CancelAll(_));
    assert_eq!(world.count(since, acted), 0);
    assert_eq!(restarts(&world, Mono(0)), 0, "nothing comes after it");
}

#[test]
fn a_lost_symbol_can_be_removed_changed_and_added_again() {
    let mut world = two_symbols();
    let since = panic_now(&mut world, DeskFault::PanicOnce);
    world.step(&Event::Config(Config::Remove(ETH)));
    world.run(secs(30));
    assert_eq!(restarts(&world, since), 0);
    world.engine.refresh_view(crate::units::Now::default());
    assert_eq!(world.engine.view().symbols.len(), 1);
    let ended = world
        .engine
        .next_ended()
        .expect("told like any other removal");
    assert!(ended.symbol == ETH && ended.removed_at.is_some() && ended.halt.is_some());
    world.add(ETH, Resume::default());
    world.until(secs(5), |w| w.is_full(ETH));

    panic_now(&mut world, DeskFault::PanicOnce);
    let mut params = world.params;
    params.quoting.layers = 4;
    world.step(&Event::Config(Config::Change(ETH, &params)));
    world.add(ETH, Resume::default());
    world.step(&Event::Config(Config::Change(ETH, &params)));
    world.until(secs(20), |w| w.resting(ETH) == (4, 4));
}

#[test]
fn a_contract_that_stops_trading_during_the_pause_is_not_quoted_after_it() {
    let mut world = World::quoting();
    let since = panic_now(&mut world, DeskFault::PanicOnce);
    world.market(Market::Status(ContractStatus::NotTrading));
    world.run(secs(20));
    assert_eq!(restarts(&world, since), 1);
    assert_eq!(world.resting(ETH), (0, 0));
    world.market(Market::Status(ContractStatus::Trading));
    world.until(secs(10), |w| w.is_full(ETH));
}

#[test]
fn the_successor_continues_books_and_measurements() {
    let mut world = World::quoting();
    world.take_from(Side::Buy, 600);
    world.run(secs(1));
    let before = world.engine.desk(ETH).expect("the desk").kept();
    panic_now(&mut world, DeskFault::PanicOnce);
    world.until(secs(10), |w| restarts(w, Mono(0)) == 1);
    let after = world.engine.desk(ETH).expect("its successor").kept();
    assert_eq!(before.trades_from, after.trades_from);
    assert_eq!(world.view_of(ETH).position, Lots(600));
    assert_eq!(
        world.engine.desk(ETH).map(|d| d.kept().record.fills_buy),
        Some(before.record.fills_buy)
    );
}

#[test]
fn a_ban_delays_the_cancel_and_nothing_else_is_asked_meanwhile() {
    let mut world = World::quoting();
    let ban = refusal(Why::Weight, secs(4));
    world.step(&Event::Reply(crate::event::Reply::Probe {
        symbol: ETH,
        requested_at: world.now,
        outcome: crate::event::Outcome::Refused(ban),
    }));
    panic_now(&mut world, DeskFault::PanicOnce);
    let since = world.now;
    let asked = |w: &World| {
        w.count(since, |a| {
            matches!(a, Action::CancelAll(_) | Action::FetchOpenOrders(_))
        })
    };
    world.run(secs(2));
    assert_eq!(asked(&world), 0);
    world.until(secs(20), |w| w.resting(ETH) == (0, 0));
    world.until(secs(20), |w| w.is_full(ETH));
}
