use super::*;

const S: Duration = Duration::from_secs(1);
const MS: Duration = Duration::from_millis(1);
const PID: u32 = 70;
const EMPTY: Cleared = Cleared::Empty { cancelled: 3 };

/// A policy with its clock; a tick every 100 ms as the supervision gives them.
struct Bench {
    policy: Policy,
    now: At,
    cycles: u64,
    orders: Vec<(At, Order)>,
}

impl Bench {
    /// A policy that has ordered its first child.
    fn new() -> Self {
        let limits = Limits {
            stall: 3 * S,
            restarts_max: 5,
            restart_window: 600 * S,
        };
        let mut bench = Self {
            policy: Policy::new(limits),
            now: S,
            cycles: 0,
            orders: Vec::new(),
        };
        bench.collect();
        bench
    }

    /// A policy whose child trades.
    fn trading() -> Self {
        let mut bench = Self::new();
        bench.on(Input::Spawned(PID));
        bench.live(S);
        bench.orders.clear();
        bench
    }

    fn collect(&mut self) {
        let taken = self.policy.take_orders();
        self.orders.extend(taken.into_iter().map(|o| (self.now, o)));
    }

    fn on(&mut self, input: Input) {
        self.policy.on(self.now, input);
        self.collect();
    }

    fn beat(&mut self) -> Beat {
        self.cycles += 1;
        Beat {
            v: 1,
            pid: PID,
            cycles: self.cycles,
            cold: Some(self.cycles),
            data_age_ms: Some(20),
            open_orders: 36,
            phase: Phase::Trading,
            crashed: false,
        }
    }

    /// Time passes with a beat before every tick, as `change` makes it.
    fn with_beats(&mut self, span: Duration, change: impl Fn(&mut Beat)) {
        let end = self.now + span;
        while self.now < end {
            self.now += 100 * MS;
            let mut beat = self.beat();
            change(&mut beat);
            self.on(Input::Beat(beat));
            self.on(Input::Tick);
        }
    }

    fn live(&mut self, span: Duration) {
        self.with_beats(span, |_| {});
    }

    /// Time passes without any beat.
    fn silence(&mut self, span: Duration) {
        let end = self.now + span;
        while self.now < end {
            self.now += 100 * MS;
            self.on(Input::Tick);
        }
    }

    /// The orders so far without what is only told.
    fn acts(&self) -> Vec<Order> {
        let acts = self.orders.iter().map(|(_, order)| *order);
        acts.filter(|o| !matches!(o, Order::Tell(_))).collect()
    }

    fn told(&self, wanted: impl Fn(Event) -> bool) -> bool {
        self.orders
            .iter()
            .any(|(_, o)| matches!(o, Order::Tell(event) if wanted(*event)))
    }

    fn first(&self, wanted: Order) -> Option<At> {
        let found = self.orders.iter().find(|(_, order)| *order == wanted);
        found.map(|(at, _)| *at)
    }

    /// Answers the last sweep.
    fn cleared(&mut self, cleared: Cleared) {
        let number = self.policy.sweeps;
        self.on(Input::Cleared(number, cleared));
    }

    /// The child ends, the book is empty, and a new child is there when the pause is over.
    fn end_and_restart(&mut self, gone: Gone) -> Duration {
        self.on(Input::Gone(gone));
        self.cleared(EMPTY);
        let began = self.now;
        while !self.acts().contains(&Order::Spawn) {
            self.silence(100 * MS);
            assert!(
                self.now < began + 60 * S,
                "no restart: {:?}",
                self.policy.state
            );
        }
        let pause = self.now - began;
        self.on(Input::Spawned(PID));
        self.live(S);
        self.orders.clear();
        pause
    }
}

#[test]
fn a_child_that_makes_progress_is_left_alone() {
    let mut bench = Bench::trading();
    bench.live(120 * S);
    assert_eq!(bench.acts(), []);
    assert!(bench.policy.is_sound(bench.now));
}

#[test]
fn what_stands_still_is_cancelled_for_first_and_then_ended() {
    type Change = fn(&mut Beat);
    let hung: Change = |beat| beat.cycles = 5_000;
    let silent: Option<Change> = None;
    for (name, change) in [("silent", silent), ("no cycle", Some(hung))] {
        let mut bench = Bench::trading();
        let began = bench.now;
        match change {
            Some(change) => bench.with_beats(10 * S, change),
            None => bench.silence(10 * S),
        }
        assert_eq!(
            bench.acts().get(..4),
            Some(
                &[
                    Order::Sweep(1),
                    Order::Send(Blow::Term),
                    Order::Send(Blow::Abort),
                    Order::Send(Blow::Kill)
                ][..]
            ),
            "{name}"
        );
        let swept = bench.first(Order::Sweep(1)).expect("swept") - began;
        assert!(swept <= 3_200 * MS, "{name}: {swept:?}");
        let killed = bench.first(Order::Send(Blow::Kill)).expect("killed") - began;
        assert!(killed <= 8_500 * MS, "{name}: {killed:?}");
    }
}

#[test]
fn an_answered_sweep_is_followed_by_the_end_at_once() {
    let mut bench = Bench::trading();
    bench.silence(3_100 * MS);
    assert_eq!(bench.acts(), [Order::Sweep(1)]);
    bench.cleared(EMPTY);
    bench.silence(100 * MS);
    assert_eq!(bench.acts(), [Order::Sweep(1), Order::Send(Blow::Term)]);
}

#[test]
fn a_stopped_child_is_killed_at_once_but_not_before_the_sweep() {
    let mut bench = Bench::trading();
    bench.silence(3_100 * MS);
    assert!(bench.policy.is_ending());
    bench.on(Input::Frozen);
    bench.on(Input::Tick);
    assert_eq!(bench.acts(), [Order::Sweep(1)]);
    bench.cleared(EMPTY);
    bench.silence(100 * MS);
    assert_eq!(bench.acts(), [Order::Sweep(1), Order::Send(Blow::Kill)]);
    bench.on(Input::Gone(Gone::Signal(9)));
    assert_eq!(bench.acts().last(), Some(&Order::Sweep(2)));

    let mut unanswered = Bench::trading();
    unanswered.silence(3_100 * MS);
    unanswered.on(Input::Frozen);
    unanswered.silence(2_100 * MS);
    assert_eq!(unanswered.acts().get(1), Some(&Order::Send(Blow::Kill)));
}

#[test]
fn a_killed_child_is_swept_for_at_once_and_restarted() {
    let mut bench = Bench::trading();
    bench.on(Input::Gone(Gone::Signal(9)));
    assert_eq!(bench.acts(), [Order::Sweep(1)]);
    bench.cleared(EMPTY);
    bench.silence(900 * MS);
    assert_eq!(bench.acts(), [Order::Sweep(1)]);
    bench.silence(200 * MS);
    assert_eq!(bench.acts(), [Order::Sweep(1), Order::Spawn]);
}

#[test]
fn a_sweep_before_the_childs_end_does_not_count_for_after_it() {
    let mut bench = Bench::trading();
    bench.silence(6 * S);
    bench.on(Input::Gone(Gone::Signal(15)));
    assert!(bench.acts().contains(&Order::Sweep(2)));
    // The child may have placed after the first one was answered.
    bench.on(Input::Cleared(1, EMPTY));
    bench.silence(5 * S);
    assert!(!bench.acts().contains(&Order::Spawn));
    bench.on(Input::Cleared(2, EMPTY));
    bench.silence(2 * S);
    assert!(bench.acts().contains(&Order::Spawn));
}

#[test]
fn a_start_and_a_graceful_end_have_their_own_time() {
    let mut booting = Bench::new();
    booting.on(Input::Spawned(PID));
    booting.with_beats(59 * S, |beat| {
        (beat.phase, beat.cycles) = (Phase::Booting, 0);
    });
    assert_eq!(booting.acts(), [Order::Spawn]);
    booting.silence(2 * S);
    assert!(booting.told(|e| matches!(e, Event::Stalled(Stall::Boot, _))));

    let mut stopping = Bench::trading();
    stopping.with_beats(2 * S, |beat| {
        (beat.phase, beat.cycles, beat.open_orders) = (Phase::Stopping, 99, 0);
    });
    stopping.silence(10 * S);
    assert_eq!(stopping.acts(), []);
    stopping.silence(20 * S);
    assert!(stopping.told(|e| matches!(e, Event::Stalled(Stall::Stop, _))));

    let mut frozen = Bench::trading();
    frozen.with_beats(S, |beat| beat.phase = Phase::Stopping);
    frozen.silence(3_200 * MS);
    assert!(frozen.told(|e| matches!(e, Event::Stalled(Stall::Silent, _))));
}

#[test]
fn a_dead_cold_side_is_a_stall_too() {
    let mut bench = Bench::trading();
    bench.with_beats(9 * S, |beat| beat.cold = Some(1));
    assert_eq!(bench.acts(), []);
    bench.with_beats(2 * S, |beat| beat.cold = Some(1));
    assert!(bench.told(|e| matches!(e, Event::Stalled(Stall::ColdHung, _))));
    let mut older = Bench::trading();
    older.with_beats(30 * S, |beat| beat.cold = None);
    assert_eq!(older.acts(), []);
}

#[test]
fn orders_on_old_data_are_cancelled_and_only_a_child_that_the_exchange_contradicts_is_ended() {
    let old = |beat: &mut Beat| beat.data_age_ms = Some(5_001);
    let mut bench = Bench::trading();
    bench.with_beats(2_900 * MS, old);
    assert_eq!(bench.acts(), []);
    bench.with_beats(400 * MS, old);
    assert_eq!(bench.acts(), [Order::Sweep(1)]);
    // Where the exchange does not answer, a new child would see no more than this one.
    for number in 1..10 {
        bench.on(Input::Cleared(number, Cleared::Unknown));
        bench.with_beats(5 * S, old);
    }
    assert!(bench.acts().iter().all(|o| matches!(o, Order::Sweep(_))));
    bench.cleared(EMPTY);
    bench.with_beats(14 * S, old);
    assert!(!bench.told(|e| e == Event::Blind));
    bench.with_beats(2 * S, old);
    assert!(bench.told(|e| e == Event::Blind));

    let mut healed = Bench::trading();
    healed.with_beats(4 * S, old);
    healed.cleared(EMPTY);
    healed.with_beats(60 * S, |beat| {
        (beat.data_age_ms, beat.open_orders) = (None, 0);
    });
    assert_eq!(healed.acts(), [Order::Sweep(1)]);
    assert!(healed.told(|e| e == Event::StaleOver));
}

#[test]
fn beats_of_another_process_are_not_progress() {
    let mut bench = Bench::trading();
    bench.with_beats(4 * S, |beat| beat.pid = PID + 1);
    assert_eq!(bench.acts().first(), Some(&Order::Sweep(1)));
}

#[test]
fn restarts_come_later_and_later_and_the_sixth_failure_is_the_last() {
    let mut bench = Bench::trading();
    for expected in [1, 2, 4, 8, 16] {
        let pause = bench.end_and_restart(Gone::Signal(9));
        assert!(
            pause >= expected * S && pause < expected * S + 200 * MS,
            "{pause:?}"
        );
    }
    bench.on(Input::Gone(Gone::Exit(6)));
    assert!(bench.told(|e| e == Event::GaveUp(5)));
    assert_eq!(bench.acts().len(), 1);
    // It does not leave before the exchange has confirmed that nothing is open.
    for _ in 0..120 {
        bench.cleared(Cleared::Unknown);
        bench.silence(1_100 * MS);
    }
    assert!(bench.acts().iter().all(|o| matches!(o, Order::Sweep(_))));
    bench.cleared(EMPTY);
    assert_eq!(bench.acts().last(), Some(&Order::End(code::GAVE_UP)));
}

#[test]
fn failures_far_apart_are_no_reason_to_give_up() {
    let mut bench = Bench::trading();
    for _ in 0..20 {
        let pause = bench.end_and_restart(Gone::Signal(11));
        assert!(pause <= 1_200 * MS, "{pause:?}");
        bench.live(601 * S);
    }
}

#[test]
fn an_unusable_exchange_is_waited_for_as_long_as_it_takes() {
    let mut bench = Bench::new();
    for round in 0..40_u32 {
        bench.on(Input::Spawned(PID));
        bench.with_beats(S, |beat| beat.phase = Phase::Booting);
        bench.orders.clear();
        bench.on(Input::Gone(Gone::Exit(4)));
        bench.cleared(EMPTY);
        let began = bench.now;
        bench.silence(31 * S);
        let pause = bench.first(Order::Spawn).expect("again") - began;
        let expected = (S * (1 << round.min(10))).min(30 * S);
        assert!(
            pause >= expected && pause <= expected + 200 * MS,
            "{pause:?}"
        );
    }
}

#[test]
fn a_child_that_never_held_the_account_leaves_the_orders_of_whom_holds_it() {
    for (exit, held, sweeps) in [
        (2, false, false),
        (2, true, true),
        (3, false, false),
        (3, true, false),
        (0, false, false),
        (0, true, true),
    ] {
        let mut bench = Bench::new();
        bench.on(Input::Spawned(PID));
        if held {
            bench.live(S);
        }
        bench.on(Input::Gone(Gone::Exit(exit)));
        let swept = bench.acts().contains(&Order::Sweep(1));
        assert_eq!(swept, sweeps, "exit {exit}, held {held}");
        if sweeps {
            bench.cleared(EMPTY);
        }
        let code = u8::try_from(exit).expect("small");
        assert_eq!(bench.acts().last(), Some(&Order::End(code)));
    }
}

#[test]
fn the_operators_end_is_passed_on_and_verified() {
    let mut bench = Bench::trading();
    bench.on(Input::Stop);
    assert_eq!(bench.acts(), [Order::Send(Blow::Term)]);
    bench.on(Input::Stop);
    assert_eq!(bench.acts().len(), 2);
    bench.with_beats(2 * S, |beat| beat.phase = Phase::Stopping);
    bench.on(Input::Gone(Gone::Exit(0)));
    bench.cleared(EMPTY);
    assert_eq!(
        bench.acts().get(2..),
        Some(&[Order::Sweep(1), Order::End(0)][..])
    );
}

#[test]
fn an_end_that_nobody_confirms_is_not_called_clean() {
    let mut bench = Bench::trading();
    bench.on(Input::Stop);
    bench.on(Input::Gone(Gone::Exit(5)));
    for _ in 0..40 {
        bench.cleared(Cleared::Open { left: 2 });
        bench.silence(1_100 * MS);
    }
    assert_eq!(bench.acts().last(), Some(&Order::End(code::UNCLEAN)));
    assert!(bench.told(|e| e == Event::OverInDoubt));
}

#[test]
fn an_unclean_end_is_restarted_only_if_nobody_asked_for_it() {
    for (crashed, expected) in [(true, Order::Spawn), (false, Order::End(0))] {
        let mut bench = Bench::trading();
        bench.with_beats(S, |beat| {
            (beat.phase, beat.crashed) = (Phase::Stopping, crashed);
        });
        bench.on(Input::Gone(Gone::Exit(5)));
        bench.cleared(EMPTY);
        bench.silence(2 * S);
        assert_eq!(bench.acts().last(), Some(&expected));
    }
}

#[test]
fn a_child_that_ignores_the_end_is_swept_for_and_killed() {
    let mut hung = Bench::trading();
    hung.on(Input::Stop);
    hung.silence(10 * S);
    assert_eq!(
        hung.acts().get(..3),
        Some(
            &[
                Order::Send(Blow::Term),
                Order::Sweep(1),
                Order::Send(Blow::Term)
            ][..]
        )
    );
    assert!(hung.acts().contains(&Order::Send(Blow::Kill)));
    let mut deaf = Bench::trading();
    deaf.on(Input::Stop);
    deaf.live(29 * S);
    assert_eq!(deaf.acts().len(), 1);
    deaf.live(2 * S);
    assert!(deaf.acts().contains(&Order::Sweep(1)));
}

#[test]
fn the_end_is_possible_in_every_state() {
    let mut starting = Bench::new();
    starting.on(Input::Stop);
    starting.on(Input::Spawned(PID));
    assert_eq!(starting.acts().last(), Some(&Order::Send(Blow::Term)));

    let mut waiting = Bench::trading();
    waiting.on(Input::Gone(Gone::Signal(9)));
    waiting.cleared(EMPTY);
    waiting.on(Input::Stop);
    waiting.cleared(EMPTY);
    assert_eq!(waiting.acts().last(), Some(&Order::End(0)));

    let mut sweeping = Bench::trading();
    sweeping.on(Input::Gone(Gone::Signal(9)));
    sweeping.on(Input::Stop);
    sweeping.cleared(EMPTY);
    assert_eq!(sweeping.acts().last(), Some(&Order::End(0)));

    let mut ending = Bench::trading();
    ending.silence(4 * S);
    ending.on(Input::Stop);
    ending.on(Input::Gone(Gone::Signal(9)));
    ending.cleared(EMPTY);
    assert_eq!(ending.acts().last(), Some(&Order::End(0)));
}

#[test]
fn an_exchange_that_does_not_answer_delays_a_restart_but_does_not_prevent_it() {
    let mut bench = Bench::trading();
    bench.on(Input::Gone(Gone::Signal(9)));
    let began = bench.now;
    while !bench.acts().contains(&Order::Spawn) {
        bench.cleared(Cleared::Unknown);
        bench.silence(1_100 * MS);
        assert!(bench.now < began + 60 * S);
    }
    assert!(bench.told(|e| e == Event::RestartingInDoubt));
    assert!(bench.now > began + 30 * S);
}

#[test]
fn a_watchdog_that_did_not_run_itself_judges_nothing_by_that_time() {
    let mut bench = Bench::trading();
    bench.now += 60 * S;
    bench.on(Input::Tick);
    assert_eq!(bench.acts(), []);
    assert!(bench.told(|e| matches!(e, Event::Overslept(_))));
    bench.silence(2_800 * MS);
    assert_eq!(bench.acts(), []);
    bench.silence(400 * MS);
    assert_eq!(bench.acts(), [Order::Sweep(1)]);
}

#[test]
fn a_sweep_that_is_never_answered_makes_the_supervision_unsound() {
    let mut bench = Bench::trading();
    bench.on(Input::Gone(Gone::Signal(9)));
    bench.silence(80 * S);
    assert!(bench.policy.is_sound(bench.now));
    bench.silence(20 * S);
    assert!(!bench.policy.is_sound(bench.now));
}

#[test]
fn a_child_that_no_signal_ends_is_told_and_struck_again() {
    let mut bench = Bench::trading();
    bench.silence(40 * S);
    assert!(bench.told(|e| e == Event::Immortal));
    let kills = bench.acts();
    let kills = kills.iter().filter(|o| **o == Order::Send(Blow::Kill));
    assert!(kills.count() >= 3);
}

#[test]
fn a_program_that_cannot_be_started_is_tried_again_and_given_up() {
    let mut bench = Bench::new();
    for _ in 0..=5 {
        bench.on(Input::NotSpawned);
        bench.cleared(EMPTY);
        bench.silence(40 * S);
    }
    assert_eq!(bench.acts().last(), Some(&Order::End(code::GAVE_UP)));
}
