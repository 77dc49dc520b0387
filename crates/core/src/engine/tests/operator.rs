//! What people ask for: pause, kill, resume, a graceful end, and changes while running.

use super::world::{BTC, ETH, Fault, Kind, World, ms, secs};
use crate::action::Action;
use crate::event::{
    AccountReason, AccountUpdate, Config, Event, Link, LinkState, Operator, Outcome, Reply, Resume,
    Stream, Why,
};
use crate::instrument::SymbolId;
use crate::notice::{HaltReason, Severity, What};
use crate::order::{OrderId, Owner};
use crate::params::{AccountParams, SymbolParams};
use crate::units::{E8, Lots, Mono, Quote, Ratio, Side, Span};

fn stops(world: &World) -> usize {
    world.count(Mono(0), |a| *a == Action::Stopped)
}

fn change(world: &mut World, params: SymbolParams) {
    world.params = params;
    world.step(&Event::Config(Config::Change(ETH, &params)));
}

fn change_account(world: &mut World, change: impl FnOnce(&mut AccountParams)) {
    let mut params = AccountParams::new(Quote(1_000_000 * E8));
    change(&mut params);
    world.step(&Event::Config(Config::Account(params)));
}

#[test]
fn pause_and_kill_pull_within_a_second_and_resume_brings_quotes_back() {
    for operator in [Operator::Pause, Operator::Kill] {
        let mut world = World::quoting();
        world.operator(operator);
        world.until(secs(1), |w| w.resting(ETH) == (0, 0));
        let since = world.now;
        world.run(secs(60));
        assert_eq!(world.places(since), 0);
        world.operator(Operator::Resume);
        world.until(secs(10), |w| w.is_full(ETH));
    }
}

#[test]
fn a_pause_does_not_soften_a_kill() {
    let mut world = World::quoting();
    world.operator(Operator::Kill);
    world.operator(Operator::Pause);
    world.engine.refresh_view(crate::units::Now::default());
    assert_eq!(world.engine.view().halt, Some(HaltReason::Killed));
}

#[test]
fn cancel_all_cancels_once_and_quoting_goes_on() {
    let mut world = World::quoting();
    let since = world.now;
    world.operator(Operator::CancelAll);
    assert_eq!(world.count(since, |a| matches!(a, Action::CancelAll(_))), 1);
    world.run(ms(100));
    world.until(secs(10), |w| w.is_full(ETH));
}

#[test]
fn a_graceful_stop_ends_once_with_nothing_open_and_the_switch_disarmed() {
    let mut world = World::quoting();
    world.operator(Operator::Stop);
    world.until(secs(2), |w| stops(w) == 1);
    let end: alloc::vec::Vec<_> = world
        .log
        .iter()
        .map(|(_, a)| *a)
        .filter(|a| {
            matches!(a, Action::FetchOpenOrders(_) | Action::Stopped)
                || *a == Action::ArmDeadMan(ETH, Span::ZERO)
        })
        .collect();
    assert!(matches!(
        end.as_slice(),
        [
            ..,
            Action::FetchOpenOrders(_),
            Action::ArmDeadMan(..),
            Action::Stopped
        ]
    ));
    world.run(secs(120));
    assert_eq!(stops(&world), 1);
    assert_eq!(world.venue(ETH).dead_man_at, None, "never armed again");
    assert_eq!(world.resting(ETH), (0, 0));
    let desk = world.engine.desk(ETH).expect("the desk");
    assert!(desk.record.cancels >= 36, "everything was cancelled");
    assert_eq!(
        desk.record.cancels_per_min_max, 0,
        "and none of it counts as churn"
    );
}

#[test]
fn a_graceful_stop_ends_whatever_answer_is_lost_or_refused() {
    for (kind, fault) in [
        (Kind::CancelAll, Fault::LoseReply),
        (Kind::CancelAll, Fault::UnknownLost),
        (Kind::CancelAll, Fault::Refuse(Why::Transient, Span::ZERO)),
        (Kind::CancelAll, Fault::Mute),
        (Kind::OpenOrders, Fault::LoseReply),
        (Kind::OpenOrders, Fault::UnknownLost),
        (Kind::OpenOrders, Fault::Refuse(Why::Transient, Span::ZERO)),
        (Kind::OpenOrders, Fault::Refuse(Why::Weight, ms(3_000))),
        (Kind::DeadMan, Fault::UnknownLost),
    ] {
        let mut world = World::quoting();
        world.fault(kind, fault, 3);
        world.operator(Operator::Stop);
        world.until(secs(25), |w| stops(w) == 1);
        world.run(secs(60));
        assert_eq!(stops(&world), 1, "{kind:?} {fault:?}");
    }
}

#[test]
fn a_graceful_stop_ends_over_answers_slower_than_its_questions() {
    let mut world = World::quoting();
    world.jitter_ms = 6_000;
    world.operator(Operator::Stop);
    world.until(secs(60), |w| stops(w) == 1);
}

#[test]
fn a_graceful_stop_waits_for_an_order_whose_placing_is_in_doubt() {
    let mut world = World::quoting();
    world.fault(Kind::Place, Fault::LoseReply, 2);
    world.silent.insert(Stream::User);
    world.take_from(Side::Buy, 50);
    world.run(ms(2));
    world.operator(Operator::Stop);
    world.until(secs(30), |w| stops(w) == 1);
    assert_eq!(world.resting(ETH), (0, 0));
}

#[test]
fn a_stop_before_anything_is_connected_ends_too() {
    let mut world = World::cold();
    world.operator(Operator::Stop);
    world.until(secs(5), |w| stops(w) == 1);
    let mut world = World::with(crate::params::ethusdc_defaults(), &[]);
    world.operator(Operator::Stop);
    assert_eq!(stops(&world), 1);
}

#[test]
fn a_ghost_found_at_the_end_is_cancelled_before_it_ends() {
    let mut world = World::quoting();
    world.operator(Operator::Stop);
    let id = OrderId { session: 2, seq: 5 };
    world.run(ms(6));
    world
        .venue(ETH)
        .put(Owner::Ours(id), Side::Buy, 249_000, 50);
    world.until(secs(10), |w| stops(w) == 1);
    assert_eq!(world.resting(ETH), (0, 0));
}

#[test]
fn changed_parameters_act_at_once() {
    let mut world = World::quoting();
    let mut params = world.params;
    params.quoting.layers = 5;
    let since = world.now;
    world.step(&Event::Config(Config::Change(ETH, &params)));
    world.until(secs(2), |w| w.resting(ETH) == (5, 5));
    assert_eq!(world.said(since, |w| matches!(w, What::ConfigApplied)), 1);
    assert_eq!(
        world.said(since, |w| matches!(w, What::OrderOverflow(_))),
        0,
        "fewer layers are no overflow"
    );
    params.quoting.layers = 12;
    change(&mut world, params);
    world.until(secs(10), |w| w.resting(ETH) == (12, 12));
}

#[test]
fn a_lowered_net_max_bounds_what_rests_at_once() {
    let mut world = World::quoting();
    let mut params = world.params;
    params.risk.net_max = Lots(400);
    params.risk.batch_worst_case = Ratio(crate::units::E8);
    world.is_bound_checked = false;
    change(&mut world, params);
    world.run(secs(1));
    world.is_bound_checked = true;
    world.until(secs(10), |w| w.resting(ETH) == (8, 8));
}

#[test]
fn a_removed_symbol_is_pulled_confirmed_and_forgotten() {
    let mut world = World::with(crate::params::ethusdc_defaults(), &[ETH, BTC]);
    world.connect();
    world.until(secs(3), |w| w.is_full(ETH) && w.is_full(BTC));
    let since = world.now;
    world.step(&Event::Config(Config::Remove(BTC)));
    world.until(secs(5), |w| w.engine.desk(BTC).is_none());
    assert_eq!(world.resting(BTC), (0, 0));
    world.run(secs(1));
    assert_eq!(world.venue(BTC).dead_man_at, None);
    assert!(world.is_full(ETH));
    let ended = world.engine.next_ended().expect("it ended");
    assert_eq!((ended.symbol, ended.orders.len()), (BTC, 0));
    assert_eq!(ended.removed_at, Some(since));
    assert!(ended.began_at < since);
    assert!(world.engine.next_ended().is_none(), "each once");
    assert_eq!(world.said(since, |w| *w == What::Removed(Lots::ZERO)), 1);
    // And it can come back.
    world.add(BTC, Resume::default());
    world.until(secs(5), |w| w.is_full(BTC));
}

#[test]
fn a_position_that_remains_after_a_removal_is_said_loudly() {
    let mut world = World::quoting();
    world.take_from(Side::Buy, 50);
    world.run(secs(1));
    let held = world.view_of(ETH).position;
    assert!(!held.is_zero());
    let since = world.now;
    world.step(&Event::Config(Config::Remove(ETH)));
    world.until(secs(5), |w| w.engine.desk(ETH).is_none());
    assert_eq!(world.said(since, |w| *w == What::Removed(held)), 1);
    assert_eq!(What::Removed(held).severity(), Severity::Severe);
    let ended = world.engine.next_ended().expect("it ended");
    assert_eq!(ended.position, held);
}

#[test]
fn what_was_asked_before_a_symbol_was_added_proves_nothing_of_it() {
    let mut world = World::quoting();
    let asked_at = world.now;
    world.run(ms(1));
    let resume = Resume {
        size: Lots(40),
        cost: Quote(9_960_000_000),
        ..Resume::default()
    };
    world.add(BTC, resume);
    // The account as it was asked for without this symbol shows no position of it.
    let account = AccountUpdate {
        reason: AccountReason::Other,
        symbol: None,
        balance: None,
        positions: &[],
        time: world.wall(),
    };
    let reply = Reply::Account {
        requested_at: asked_at,
        outcome: Outcome::Accepted(account),
    };
    world.step(&Event::Reply(reply));
    assert_eq!(world.view_of(BTC).position, Lots(40));
}

#[test]
fn a_symbol_beyond_the_maximum_is_refused_and_said() {
    let mut world = World::quoting();
    let since = world.now;
    let (instrument, params) = (World::instrument(), world.params);
    let id = SymbolId(64);
    let add = Config::Add(id, &instrument, &params, Resume::default());
    world.step(&Event::Config(add));
    assert_eq!(
        world.said(since, |w| matches!(
            w,
            What::Halted(HaltReason::Symbol, None)
        )),
        1
    );
    assert!(world.engine.desk(id).is_none());
}

#[test]
fn a_kill_while_the_order_channel_is_down_still_cancels() {
    let mut world = World::quoting();
    world.link(Link::Orders, LinkState::Down);
    world.operator(Operator::Kill);
    world.until(secs(1), |w| w.resting(ETH) == (0, 0));
}

#[test]
fn a_lower_total_notional_takes_orders_away_at_once_and_a_higher_one_brings_them_back() {
    let mut world = World::quoting();
    let since = world.now;
    // Room for six layers of 125 a side: beyond the cancel budget and younger than five seconds.
    change_account(&mut world, |p| p.total_notional_max = Quote(800 * E8));
    assert_eq!(world.said(since, |w| *w == What::ConfigApplied), 1);
    world.until(ms(500), |w| w.resting(ETH) == (6, 6));
    world.run(secs(30));
    assert_eq!(world.resting(ETH), (6, 6));
    change_account(&mut world, |_| {});
    world.until(secs(10), |w| w.is_full(ETH));
}

#[test]
fn a_smaller_share_of_the_limits_slows_orders_and_requests_from_now_on() {
    let mut world = World::quoting();
    change_account(&mut world, |p| p.request_share = Ratio(E8 / 10));
    world.operator(Operator::CancelAll);
    world.run(ms(10));
    let since = world.now;
    world.run(secs(7));
    assert_eq!(world.places(since), 0, "36 were sent in ten seconds");
    world.run(secs(5));
    assert_eq!(
        world.places(since),
        26,
        "a tenth of 300, and 7/8 of it for quotes"
    );
    change_account(&mut world, |_| {});
    world.until(secs(10), |w| w.is_full(ETH));
}

#[test]
fn the_time_an_event_may_take_is_changed_while_running() {
    let mut world = World::quoting();
    change_account(&mut world, |p| p.user_event_within = ms(300));
    world.run(secs(5));
    world.silent.insert(Stream::User);
    let since = world.now;
    let bid = world.venue(ETH).bid + 500;
    world.venue(ETH).bid = bid;
    world.venue(ETH).ask = bid + 1;
    world.until(secs(2), |w| {
        w.count(since, |a| *a == Action::Reconnect(Link::User)) == 1
    });
    let said = What::StreamDead(Stream::User, ms(300));
    assert_eq!(world.said(since, |w| *w == said), 1);
}

#[test]
fn the_times_between_comparisons_are_those_of_the_parameters_and_change_while_running() {
    let mut world = World::quoting();
    let counts = |world: &mut World, probe_s, reconcile_s| {
        let mut params = world.params;
        params.liveness.probe_every = secs(probe_s);
        params.liveness.reconcile_every = secs(reconcile_s);
        change(world, params);
        world.run(secs(60));
        world.run(ms(500));
        let since = world.now;
        world.run(secs(600));
        let count = |what: fn(&Action) -> bool| world.count(since, what);
        (
            count(|a| matches!(a, Action::Probe(_))),
            count(|a| matches!(a, Action::FetchOpenOrders(_))),
        )
    };
    assert_eq!(counts(&mut world, 10, 30), (60, 20));
    assert_eq!(counts(&mut world, 60, 5), (10, 120));
    assert_eq!(counts(&mut world, 20, 300), (30, 2));
    assert!(
        world.is_full(ETH),
        "the dead-man switch is earned by rarer comparisons too"
    );
}

#[test]
fn a_comparison_that_is_due_sooner_does_not_wait_for_its_earlier_time() {
    let mut world = World::quoting();
    let mut params = world.params;
    params.liveness.probe_every = secs(60);
    params.liveness.reconcile_every = secs(300);
    change(&mut world, params);
    world.run(secs(70));
    params.liveness.probe_every = secs(1);
    let since = world.now;
    change(&mut world, params);
    world.run(secs(3));
    assert!(world.count(since, |a| matches!(a, Action::Probe(_))) >= 2);
}
