use super::*;
use crate::instrument::SymbolId;
use crate::order::OrderId;
use crate::params::ethusdc_defaults;
use proptest::prelude::*;

fn at(ms: i64) -> Mono {
    Mono(ms * 1_000_000)
}

/// Stop-loss 5 %, drawdown 1.5 × 5 % of a net_max worth 1000; halt 300 s.
fn valuation(unrealised: i64, notional: i64, profit: i64) -> Valuation {
    Valuation {
        unrealised: Quote(unrealised * E8),
        notional: Quote(notional * E8),
        profit: Quote(profit * E8),
        net_max_notional: Quote(1_000 * E8),
    }
}

#[test]
fn losses_trip_strictly_beyond_their_thresholds() {
    let params = ethusdc_defaults().risk;
    let stop = |loss| Some(Loss::StopLoss(Quote(loss * E8)));
    let fall = |loss| Some(Loss::Drawdown(Quote(loss * E8)));
    for (peak, unrealised, notional, profit, outcome) in [
        (0, -5, 100, -5, None),
        (0, -6, 100, -6, stop(6)),
        (0, 6, 100, 6, None),
        (0, 0, 0, 0, None),
        (0, 0, 0, -75, None),
        (0, 0, 0, -76, fall(76)),
        (40, 0, 0, -35, None),
        (40, 0, 0, -36, fall(76)),
        (0, -1, 0, -1, stop(1)),
    ] {
        let mut breaker = LossBreaker::default();
        let calm = breaker.on_valuation(at(0), &params, &valuation(0, 0, peak));
        assert_eq!(calm, None);
        let seen = valuation(unrealised, notional, profit);
        let found = breaker.on_valuation(at(0), &params, &seen);
        assert_eq!(found, outcome, "{seen:?}");
        assert_eq!(breaker.state() == LossState::Armed, outcome.is_none());
    }
}

#[test]
fn the_first_loss_halts_for_a_time_and_the_second_until_resumed() {
    let params = ethusdc_defaults().risk;
    let bad = valuation(-6, 100, -6);
    let mut breaker = LossBreaker::default();
    assert!(breaker.on_valuation(at(0), &params, &bad).is_some());
    let until = at(300_000);
    assert_eq!(breaker.state(), LossState::Halted(until));
    assert_eq!(breaker.next_wakeup(), Some(until));
    // While halted nothing trips twice, and the halt ends only in time.
    assert_eq!(breaker.on_valuation(at(1), &params, &bad), None);
    assert!(!breaker.on_wakeup(at(299_999)));
    assert!(breaker.on_wakeup(until));
    assert_eq!(breaker.state(), LossState::Armed);
    // A fall that lies behind does not count again.
    let after = valuation(0, 0, -90);
    assert_eq!(breaker.on_valuation(at(300_001), &params, &after), None);
    assert!(breaker.on_valuation(at(300_002), &params, &bad).is_some());
    assert_eq!(breaker.state(), LossState::Latched);
    assert_eq!(breaker.next_wakeup(), None);
    assert!(!breaker.on_wakeup(at(9_000_000)));
    breaker.on_resume();
    assert_eq!(breaker.state(), LossState::Armed);
    assert!(breaker.on_valuation(at(9_000_001), &params, &bad).is_some());
    assert_eq!(breaker.state(), LossState::Halted(at(9_300_001)));
}

#[test]
fn the_kill_switch_latches_until_resumed() {
    let mut kill = KillSwitch::default();
    assert!(!kill.on_resume());
    assert!(kill.on_kill());
    assert!(!kill.on_kill());
    assert_eq!(kill, KillSwitch::Killed);
    assert!(kill.on_resume());
    assert_eq!(kill, KillSwitch::Open);
}

#[test]
fn too_many_orders_are_cancelled_again_until_they_are_gone() {
    let mut breaker = OverflowBreaker::default();
    for (ms, open, outcome) in [
        (0, 38, Overflow::Within),
        (1, 39, Overflow::CancelAll),
        (2, 39, Overflow::Clearing),
        (2_000, 60, Overflow::Clearing),
        (2_001, 39, Overflow::CancelAll),
        (2_002, 38, Overflow::Cleared),
        (2_003, 38, Overflow::Within),
        (2_004, 39, Overflow::CancelAll),
    ] {
        assert_eq!(breaker.on_count(at(ms), open, 18), outcome, "{ms} {open}");
    }
    assert_eq!(breaker.next_wakeup(), Some(at(4_004)));
}

#[test]
fn post_only_refusals_wait_longer_each_and_have_the_book_probed() {
    use WouldTake::{BackOff, SuspectBook};
    let mut breaker = WouldTakeBreaker::default();
    for (ms, outcome) in [
        (0, BackOff(at(100))),
        (100, BackOff(at(300))),
        (300, SuspectBook(at(700))),
        (700, BackOff(at(1_500))),
        (1_500, BackOff(at(3_100))),
        (3_100, SuspectBook(at(5_100))),
        (5_100, BackOff(at(7_100))),
        // Ten quiet seconds later it starts over.
        (15_100, BackOff(at(15_200))),
    ] {
        assert_eq!(breaker.on_refused(at(ms)), outcome, "{ms}");
        assert!(breaker.waits_until(at(ms)).is_some());
    }
    assert_eq!(breaker.waits_until(at(15_200)), None);
    let _ = breaker.on_refused(at(15_200));
    breaker.on_accepted();
    assert_eq!(breaker.waits_until(at(15_200)), None);
    assert_eq!(breaker.on_refused(at(15_201)), BackOff(at(15_301)));
}

fn order(price: i64, seq: u32) -> NewOrder {
    NewOrder {
        symbol: SymbolId(0),
        id: OrderId { session: 1, seq },
        side: Side::Buy,
        price: Ticks(price),
        size: Lots(5),
        execute: Execute::PostOnly,
    }
}

#[test]
fn the_same_order_refused_for_the_same_reason_has_three_strikes() {
    let mut breaker = RepeatBreaker::default();
    let why = Why::Rejected;
    let (same, other) = (order(100, 1), order(101, 1));
    assert_eq!(breaker.on_refused(at(0), &same, why), Repeat::Strike(1));
    let again = order(100, 2);
    assert_eq!(breaker.on_refused(at(1), &again, why), Repeat::Strike(2));
    // Another price or reason is another matter.
    assert_eq!(breaker.on_refused(at(2), &other, why), Repeat::Strike(1));
    let band = breaker.on_refused(at(3), &same, Why::PriceBand);
    assert_eq!(band, Repeat::Strike(1));
    assert_eq!(breaker.blocks(at(4), &same, Effect::Grows), None);
    let until = at(60_005);
    let third = breaker.on_refused(at(5), &same, why);
    assert_eq!(third, Repeat::Blocked(until));
    assert_eq!(breaker.blocks(at(6), &again, Effect::Grows), Some(until));
    assert_eq!(breaker.blocks(at(6), &again, Effect::Reduces), None);
    assert_eq!(breaker.blocks(at(6), &other, Effect::Grows), None);
    // One try after the time, and at once blocked again if it is refused again.
    assert_eq!(breaker.blocks(until, &same, Effect::Grows), None);
    let fourth = breaker.on_refused(until, &same, why);
    assert_eq!(fourth, Repeat::Blocked(at(120_005)));
    breaker.on_accepted(&same);
    assert_eq!(breaker.blocks(until, &same, Effect::Grows), None);
    assert_eq!(breaker.on_refused(until, &same, why), Repeat::Strike(1));
}

#[test]
fn only_the_latest_refusals_are_remembered() {
    let mut breaker = RepeatBreaker::default();
    for price in 0..=REPEATS_MAX as i64 {
        let _ = breaker.on_refused(at(price), &order(price, 1), Why::Rejected);
    }
    assert_eq!(breaker.refused.len(), REPEATS_MAX);
    let first = breaker.on_refused(at(99), &order(0, 1), Why::Rejected);
    assert_eq!(first, Repeat::Strike(1));
    let last = order(REPEATS_MAX as i64, 1);
    let last = breaker.on_refused(at(99), &last, Why::Rejected);
    assert_eq!(last, Repeat::Strike(2));
}

proptest! {
    /// Whatever happened: an hour of quiet later nothing but the operator's own latch stands.
    #[test]
    fn every_breaker_ends_without_a_person_unless_it_says_so(
        steps in prop::collection::vec((0_u8..5, 0_i64..20_000, -200_i64..200), 0..80),
    ) {
        let params = ethusdc_defaults().risk;
        let mut now = at(0);
        let (mut loss, mut overflow) = (LossBreaker::default(), OverflowBreaker::default());
        let (mut taken, mut repeat) = (WouldTakeBreaker::default(), RepeatBreaker::default());
        for (kind, ms, number) in steps {
            now = now.after(Span::from_millis(ms));
            loss.on_wakeup(now);
            match kind {
                0 => {
                    let _ = loss.on_valuation(now, &params, &valuation(number, 1_000, number));
                }
                1 => {
                    let _ = overflow.on_count(now, number.unsigned_abs() as u32, 18);
                }
                2 => {
                    let _ = taken.on_refused(now);
                }
                _ => {
                    let _ = repeat.on_refused(now, &order(number % 4, 1), Why::Rejected);
                }
            }
            for price in -4..4 {
                let exit = order(price, 1);
                prop_assert_eq!(repeat.blocks(now, &exit, Effect::Reduces), None);
            }
        }
        let wakeup = loss.next_wakeup();
        let later = now.after(Span::from_secs(3_600));
        prop_assert_eq!(loss.on_wakeup(later), wakeup.is_some());
        prop_assert!(loss.state() == LossState::Armed || loss.state() == LossState::Latched);
        let _ = overflow.on_count(later, 38, 18);
        prop_assert_eq!(overflow.on_count(later, 38, 18), Overflow::Within);
        prop_assert_eq!(taken.waits_until(later), None);
        for price in -4..4 {
            prop_assert_eq!(repeat.blocks(later, &order(price, 1), Effect::Grows), None);
        }
    }
}
