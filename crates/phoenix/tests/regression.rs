//! What went wrong with the program that Phoenix replaces, each as a scenario that must end well, named after the disaster.

use phoenix::sim::Scenario;
use phoenix::sim::fault::{Asked, Fault, Planned, Tap};
use phoenix::sim::suite::{play, quiet_panics};
use phoenix::sim::world::Outcome;
use phoenix_core::units::{Mono, Span};

fn at(at_s: u32, lasts_s: u32, fault: Fault) -> Planned {
    Planned {
        at_ms: at_s * 1_000,
        lasts_ms: lasts_s * 1_000,
        fault,
    }
}

/// Eighteen layers a side on one market, for so many seconds and another minute in calm.
fn on(market: &str, safety_s: u32, faults: Vec<Planned>) -> Scenario {
    Scenario {
        seed: 20,
        safety_s,
        liveness_s: 60,
        markets: vec![market.to_owned()],
        latency_us: (1_000, 2_000),
        layers: 18,
        net_max_layers: 40,
        worst_case_percent: 50,
        strategy: "asmm".to_owned(),
        vpin: false,
        adaptive: true,
        funding_in_s: 1_000,
        faults,
    }
}

/// What was asked and said, with its second.
type Trace = Vec<(f64, String)>;

/// Plays a scenario in which no promise may break.
fn holds(scenario: &Scenario) -> (Outcome, Trace) {
    quiet_panics();
    let mut trace = Trace::new();
    let mut listen = |at: Mono, what: &str| trace.push((at.raw() as f64 / 1e9, what.to_owned()));
    let outcome = play(scenario, Some(&mut listen));
    assert_eq!(outcome.broken, None, "{scenario:#?}");
    (outcome, trace)
}

fn count(trace: &Trace, (from, until): (f64, f64), what: &str) -> usize {
    let within = trace.iter().filter(|(at, _)| (from..until).contains(at));
    within.filter(|(_, text)| text.contains(what)).count()
}

#[test]
fn orders_are_not_left_for_hours_on_a_silent_stream() {
    let mute = Fault::Mute {
        streams: Tap::Depth,
    };
    let scenario = on("trending", 3_700, vec![at(60, 3_600, mute)]);
    let (outcome, trace) = holds(&scenario);
    assert!(outcome.figures.time_at_risk < Span::from_secs(3));
    assert_eq!(count(&trace, (63.0, 3_660.0), "Asked(Place"), 0);
    assert!(count(&trace, (60.0, 63.0), "Asked(Cancel") > 0);
    assert!(count(&trace, (3_660.0, 3_670.0), "Asked(Place") >= 36);
}

#[test]
fn fills_on_one_side_do_not_carry_the_position_beyond_its_bound() {
    let falls: Vec<_> = (0..10)
        .map(|n| {
            at(
                30 + n * 30,
                20,
                Fault::Move {
                    bps: -150,
                    over_ms: 20_000,
                },
            )
        })
        .collect();
    let (outcome, trace) = holds(&on("jumpy", 400, falls));
    assert!(outcome.figures.fills > 20, "{:?}", outcome.figures);
    assert!(count(&trace, (0.0, 400.0), "Mode(Normal, Pinning)") > 0);
}

#[test]
fn a_limit_on_growth_never_blocks_the_way_out() {
    // Somebody leaves a long position of nine tenths of the bound.
    let by_hand = Fault::ManualTrade { lots: 1_800 };
    let (_, trace) = holds(&on("lively", 600, vec![at(30, 1, by_hand)]));
    assert!(count(&trace, (30.0, 60.0), "ReduceOnly") > 0);
    let exits = |from, until| count(&trace, (from, until), "side: Sell");
    assert!(exits(30.0, 70.0) >= 18, "{}", exits(30.0, 70.0));
    // While nothing may grow it, nothing does.
    assert_eq!(count(&trace, (31.0, 33.0), "side: Buy"), 0);
}

#[test]
fn a_spent_cancel_budget_comes_back_and_quotes_go_on_following() {
    let (_, trace) = holds(&on("trending", 1_200, Vec::new()));
    for minute in 1..20 {
        let (from, until) = (f64::from(minute) * 60.0, f64::from(minute + 1) * 60.0);
        assert!(
            count(&trace, (from, until), "Asked(Place") > 0,
            "minute {minute}"
        );
        assert!(
            count(&trace, (from, until), "Asked(Cancel(") <= 50,
            "minute {minute}"
        );
    }
}

#[test]
fn lost_answers_and_half_lists_never_pile_up_orders() {
    let lost = Fault::LoseAnswer {
        requests: Asked::Places,
        one_in: 2,
    };
    let faults = vec![
        at(20, 60, lost),
        at(50, 60, Fault::LieOrders),
        at(90, 60, Fault::Unknown503),
    ];
    let (outcome, _) = holds(&on("lively", 200, faults));
    assert!(outcome.figures.orders > 50);
}

#[test]
fn a_long_position_has_sell_orders() {
    let gap = Fault::Gap { bps: -60 };
    let (_, trace) = holds(&on("lively", 120, vec![at(30, 1, gap)]));
    assert!(count(&trace, (30.0, 40.0), "side: Sell") > 0);
}

#[test]
fn quotes_follow_the_market_and_are_filled() {
    let (outcome, _) = holds(&on("lively", 3_600, Vec::new()));
    assert!(outcome.figures.fills > 100, "{:?}", outcome.figures);
}

#[test]
fn a_clock_that_is_wrong_by_twelve_seconds_is_measured_and_put_right() {
    for ms in [12_000, -12_000] {
        let step = at(40, 1, Fault::ClockStep { ms });
        let (_, trace) = holds(&on("lively", 120, vec![step]));
        let placed = count(&trace, (60.0, 120.0), "Asked(Place");
        assert!(placed > 0, "{ms} ms: nothing was quoted afterwards");
    }
}

#[test]
fn a_second_loop_on_the_same_symbol_stops_quoting_until_a_person_has_looked() {
    let (_, trace) = holds(&on("lively", 120, vec![at(40, 40, Fault::SecondInstance)]));
    assert_eq!(count(&trace, (40.0, 80.0), "Halted(SecondInstance"), 1);
    assert_eq!(count(&trace, (45.0, 80.0), "Asked(Place"), 0);
    assert!(count(&trace, (80.0, 120.0), "Asked(Place") >= 36);
}

#[test]
fn a_changed_configuration_changes_the_ladder() {
    let fewer = at(40, 60, Fault::Layers { layers: 2 });
    let (_, trace) = holds(&on("calm", 160, vec![fewer]));
    assert!(count(&trace, (40.0, 100.0), "Asked(Cancel(") >= 32);
    assert!(count(&trace, (100.0, 120.0), "Asked(Place") >= 32);
}

#[test]
fn orders_on_a_coarse_grid_are_not_piled_up_on_one_price() {
    let (_, trace) = holds(&on("normal", 60, Vec::new()));
    let mut prices: Vec<_> = trace
        .iter()
        .filter(|(at, text)| *at < 10.0 && text.contains("Asked(Place"))
        .filter_map(|(_, text)| text.split("price: Ticks(").nth(1))
        .filter_map(|rest| rest.split(')').next())
        .collect();
    let placed = prices.len();
    prices.sort_unstable();
    prices.dedup();
    assert!(placed >= 36);
    assert_eq!(prices.len(), placed, "two orders on one price");
}
