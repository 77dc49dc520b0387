//! Durable: no fill, fee or funding payment is missing from the books, whoever was down when it came.

use super::world::{BTC, ETH, Fault, Kind, World, ms, secs};
use crate::action::Action;
use crate::event::{
    Account, AccountReason, AccountUpdate, BalanceReport, Event, Link, LinkState, Operator, Resume,
    Stream, TradesFrom,
};
use crate::order::{OrderId, Owner};
use crate::params::ethusdc_defaults;
use crate::units::{FundingHour, Lots, Mono, Quote, Side, Span, Wall};

fn asked_for_funding(world: &World, since: Mono) -> usize {
    world.count(since, |a| matches!(a, Action::FetchFunding(_)))
}

/// A session that follows one whose books end with `through`.
fn resumed(world: &mut World, funding: i64, through: FundingHour) {
    let resume = Resume {
        funding: Quote(funding),
        funding_through: Some(through),
        ..Resume::default()
    };
    world.add(ETH, resume);
    world.connect();
}

#[test]
fn funding_that_is_told_and_listed_is_booked_once() {
    let mut world = World::quoting();
    for round in 1..=3 {
        world.run_to_the_hour();
        world.pay_funding(ETH, -40);
        world.run(secs(240));
        assert_eq!(world.view_of(ETH).funding, Quote(-40 * round));
    }
    assert!(world.is_full(ETH));
}

#[test]
fn funding_paid_while_the_user_stream_is_down_is_booked_when_it_returns() {
    let mut world = World::quoting();
    world.run_to_the_hour();
    world.link(Link::User, LinkState::Down);
    world.pay_funding(ETH, -77);
    world.run(secs(30));
    let since = world.now;
    assert_eq!(world.view_of(ETH).funding, Quote::ZERO);
    world.link(Link::User, LinkState::Up);
    world.until(secs(10), |w| w.is_full(ETH));
    assert_eq!(world.view_of(ETH).funding, Quote(-77));
    assert_eq!(asked_for_funding(&world, since), 1);
    world.run(secs(600));
    assert_eq!(world.view_of(ETH).funding, Quote(-77));
}

#[test]
fn funding_that_the_stream_keeps_to_itself_is_found_minutes_after_the_hour() {
    let mut world = World::quoting();
    world.run_to_the_hour();
    world.silent.insert(Stream::User);
    world.pay_funding(ETH, 12);
    world.silent.clear();
    world.run(secs(200));
    assert_eq!(world.view_of(ETH).funding, Quote(12));
}

#[test]
fn funding_paid_while_the_process_was_down_is_in_the_books_before_the_first_quote() {
    let mut world = World::with(ethusdc_defaults(), &[]);
    let now = FundingHour::before(world.wall());
    let at = |hours_ago: i64| {
        let hour = FundingHour(now.0 - hours_ago).instant();
        Wall(hour.0 + 900_000_000)
    };
    for (hours_ago, amount) in [(16, -1), (8, -20), (0, -300)] {
        world.payments.push(crate::event::FundingPayment {
            symbol: ETH,
            amount: Quote(amount),
            time: at(hours_ago),
        });
    }
    // The journal has the first of them.
    resumed(&mut world, -1, FundingHour(now.0 - 16));
    let first = world.count(Mono(0), |a| matches!(a, Action::Place(_)));
    assert_eq!(first, 0);
    world.until(secs(5), |w| w.places(Mono(0)) > 0);
    let view = world.view_of(ETH);
    assert_eq!(view.funding, Quote(-321));
    // The hour that ended not long ago may lack a payment still: the next session asks for it again.
    assert_eq!(
        view.funding_settled,
        (Some(now), Quote(-321)),
        "it is {} s old",
        (world.wall().0 - now.instant().0) / 1_000_000_000
    );
}

#[test]
fn funding_that_was_paid_before_a_symbol_is_traded_is_not_ours() {
    let mut world = World::with(ethusdc_defaults(), &[]);
    let hour = FundingHour::before(world.wall()).instant();
    world.payments.push(crate::event::FundingPayment {
        symbol: ETH,
        amount: Quote(-5),
        time: hour,
    });
    world.add(ETH, Resume::default());
    world.connect();
    world.until(secs(5), |w| w.is_full(ETH));
    assert_eq!(world.view_of(ETH).funding, Quote::ZERO);
}

#[test]
fn payments_of_many_pages_are_all_booked() {
    let mut world = World::with(ethusdc_defaults(), &[]);
    let now = FundingHour::before(world.wall());
    for hour in (now.0 - 99)..=now.0 {
        for symbol in [ETH, BTC] {
            world.payments.push(crate::event::FundingPayment {
                symbol,
                amount: Quote(1 + i64::from(symbol.0) * 1_000),
                time: FundingHour(hour).instant(),
            });
        }
    }
    world.payments_page = 7;
    let through = FundingHour(now.0 - 100);
    let resume = Resume {
        funding_through: Some(through),
        ..Resume::default()
    };
    world.add(BTC, resume);
    resumed(&mut world, 0, through);
    world.until(secs(60), |w| w.is_full(ETH) && w.is_full(BTC));
    let funding = [ETH, BTC].map(|s| world.view_of(s).funding);
    assert_eq!(funding, [Quote(100), Quote(100_100)]);
    assert!(asked_for_funding(&world, Mono(0)) < 60);
}

#[test]
fn a_payment_of_an_unnamed_symbol_is_not_guessed_but_asked_for() {
    let mut world = World::quoting();
    world.run_to_the_hour();
    let time = world.wall();
    let told = |change| {
        Event::Account(Account::Update(AccountUpdate {
            reason: AccountReason::Funding,
            symbol: None,
            balance: Some(BalanceReport {
                wallet: Quote(1_000),
                change: Quote(change),
            }),
            positions: &[],
            time,
        }))
    };
    // One of a symbol that somebody trades by hand, and ours.
    world.step(&told(-900));
    world.step(&told(-4));
    world.payments.push(crate::event::FundingPayment {
        symbol: ETH,
        amount: Quote(-4),
        time,
    });
    assert_eq!(world.view_of(ETH).funding, Quote::ZERO);
    world.run(secs(15));
    assert_eq!(world.view_of(ETH).funding, Quote(-4));
}

#[test]
fn a_list_of_income_that_cannot_be_had_is_asked_for_within_the_weight_budget() {
    let mut world = World::cold();
    world.fault(Kind::Funding, Fault::UnknownLost, 1_000);
    world.connect();
    world.run(secs(60));
    assert_eq!(world.places(Mono(0)), 0, "PnL is not known");
    let asked = asked_for_funding(&world, Mono(0));
    assert!((10..=13).contains(&asked), "{asked}");
    world.faults.clear();
    world.until(secs(10), |w| w.is_full(ETH));
    // Once known, its absence stops nobody.
    world.fault(Kind::Funding, Fault::UnknownLost, 1_000);
    world.link(Link::User, LinkState::Down);
    world.link(Link::User, LinkState::Up);
    let since = world.now;
    world.until(secs(10), |w| w.is_full(ETH));
    world.run(secs(300));
    let asked = asked_for_funding(&world, since);
    assert!((4..=7).contains(&asked), "{asked}");
}

#[test]
fn a_symbol_that_is_added_does_not_wait_for_the_spacing_of_doubts() {
    let mut world = World::with(ethusdc_defaults(), &[ETH]);
    world.connect();
    world.until(secs(2), |w| w.is_full(ETH));
    world.add(BTC, Resume::default());
    world.until(secs(2), |w| w.is_full(BTC));
}

#[test]
fn doubt_after_doubt_does_not_ask_for_funding_more_often_than_it_may() {
    let mut world = World::quoting();
    let since = world.now;
    for _ in 0..60 {
        let malformed = Account::Malformed(crate::event::Malformed::Shape);
        world.step(&Event::Account(malformed));
        world.run(secs(1));
    }
    let asked = asked_for_funding(&world, since);
    assert!((10..=13).contains(&asked), "{asked}");
}

#[test]
fn a_removed_symbol_comes_back_with_its_funding() {
    let mut world = World::quoting();
    world.run_to_the_hour();
    world.pay_funding(ETH, -9);
    world.run(secs(1));
    world.step(&Event::Config(crate::event::Config::Remove(ETH)));
    world.run(secs(5));
    let ended = world.engine.next_ended().expect("it ended");
    assert_eq!(ended.funding, Quote(-9));
    let (funding_through, funding) = ended.funding_settled;
    assert_eq!(funding, Quote::ZERO, "the list may lack a payment still");
    world.add(
        ETH,
        Resume {
            funding,
            funding_through,
            trades_from: Some(ended.trades_from),
            ..Resume::default()
        },
    );
    world.until(secs(10), |w| w.is_full(ETH));
    assert_eq!(world.view_of(ETH).funding, Quote(-9));
}

#[test]
fn the_first_fill_ever_is_booked_with_its_fee_when_the_stream_misses_it() {
    let mut world = World::quoting();
    world.run(secs(5));
    world.link(Link::User, LinkState::Down);
    world.take_missing_fills();
    world.run(secs(3));
    world.link(Link::User, LinkState::Up);
    world.until(secs(15), |w| w.is_full_or_reduced());
    let view = world.view_of(ETH);
    let trade = world.venue(ETH).trades[0];
    assert_eq!(view.position, trade.fill.size);
    assert_eq!(view.fees, trade.fill.fee);
    assert_eq!(view.trade_id_max, Some(trade.fill.trade_id));
    assert_eq!(
        view.trades_from,
        TradesFrom::Id(trade.fill.trade_id + 1),
        "what follows is asked for by id"
    );
}

#[test]
fn a_missed_trade_is_not_hidden_by_one_that_was_recorded_after_it() {
    let mut world = World::with(ethusdc_defaults(), &[]);
    let before = Wall(world.wall().0 - 60_000_000_000);
    let mut venue = super::venue::Venue::new(ETH);
    let id = OrderId { session: 3, seq: 9 };
    venue.put(Owner::Ours(id), Side::Buy, 249_000, 100);
    for size in [40, 35, 25] {
        assert!(venue.fill(id, size, None, before).is_some());
    }
    world.venues.insert(ETH, venue);
    // Of 500, 501 and 502 the stream lost the second; the first alone is surely complete.
    let resume = Resume {
        size: Lots(65),
        cost: Quote(16_185_000_000),
        fees: Quote(-40),
        trade_id: Some(500),
        trades_from: Some(TradesFrom::Id(501)),
        ..Resume::default()
    };
    world.add(ETH, resume);
    world.connect();
    world.until(secs(5), |w| w.places(Mono(0)) > 0);
    let view = world.view_of(ETH);
    assert_eq!((view.position, view.fees), (Lots(100), Quote(-100)));
    assert_eq!(view.trade_id_max, Some(502));
}

#[test]
fn trades_of_before_a_symbol_is_added_are_not_ours() {
    let mut world = World::with(ethusdc_defaults(), &[]);
    let before = Wall(world.wall().0 - 60_000_000_000);
    let mut venue = super::venue::Venue::new(ETH);
    let id = OrderId { session: 3, seq: 9 };
    venue.put(Owner::Ours(id), Side::Buy, 249_000, 100);
    assert!(venue.fill(id, 100, None, before).is_some());
    world.venues.insert(ETH, venue);
    world.add(ETH, Resume::default());
    world.connect();
    world.until(secs(5), |w| w.places(Mono(0)) > 0);
    let view = world.view_of(ETH);
    assert_eq!((view.position.0, view.fees), (100, Quote::ZERO));
}

#[test]
fn a_symbol_without_trades_is_caught_up_with_in_windows_of_a_week() {
    let mut world = World::with(ethusdc_defaults(), &[]);
    world.venues.insert(ETH, super::venue::Venue::new(ETH));
    let began = Wall(world.wall().0 - 30 * 86_400_000_000_000);
    let resume = Resume {
        trades_from: Some(TradesFrom::Time(began)),
        funding_through: Some(FundingHour::before(began)),
        ..Resume::default()
    };
    world.add(ETH, resume);
    world.connect();
    world.until(secs(5), |w| w.is_full(ETH));
    let asked = world.count(Mono(0), |a| matches!(a, Action::FetchTrades(..)));
    assert!((5..=6).contains(&asked), "{asked}");
    let TradesFrom::Time(from) = world.view_of(ETH).trades_from else {
        panic!("no trade is known");
    };
    let late = Span(world.wall().0 - from.0);
    assert!(
        late > Span::ZERO && late < secs(2 * 3_600),
        "{late:?} behind"
    );
}

#[test]
fn copies_that_heard_the_same_agree_and_those_that_heard_of_a_payment_differ() {
    let mut world = World::quoting();
    world.run(ms(500));
    let digest = world.engine.digest();
    let mut other = world.engine.clone();
    assert_eq!(other.digest(), digest);
    let now = crate::units::Now {
        mono: world.now,
        wall: world.wall(),
    };
    let mut actions = crate::action::Actions::default();
    let payment = Event::Account(Account::Update(AccountUpdate {
        reason: AccountReason::Funding,
        symbol: Some(ETH),
        balance: Some(BalanceReport {
            wallet: Quote(1_000_000 * crate::units::E8),
            change: Quote(1),
        }),
        positions: &[],
        time: now.wall,
    }));
    let neutral = Event::Operator(Operator::Resume);
    world.engine.step(now, &neutral, &mut actions);
    other.step(now, &payment, &mut actions);
    assert_ne!(other.digest(), world.engine.digest());
}
