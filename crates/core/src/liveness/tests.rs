//! Verdicts in the order in which silence, lag and probes call for them.

use super::*;
use alloc::vec::Vec;

const fn at(ms: i64) -> Mono {
    Mono(ms * 1_000_000)
}

fn speaking() -> Liveness {
    let mut liveness = Liveness::new(LivenessParams::default());
    for stream in [Stream::Depth, Stream::Mark] {
        liveness.on_subscribed(stream, at(0));
        liveness.on_message(stream, at(0), Wall(0), Wall(0));
    }
    liveness
}

fn keep_mark(liveness: &mut Liveness, ms: i64) {
    liveness.on_message(Stream::Mark, at(ms), Wall(0), Wall(0));
}

/// Every verdict up to an instant in ms, each at the instant that was named for it.
fn verdicts(liveness: &mut Liveness, until_ms: i64) -> Vec<(i64, Verdict)> {
    let mut seen = Vec::new();
    while let Some(next) = liveness.next_check().filter(|next| *next <= at(until_ms)) {
        let before = seen.len();
        while let Some(verdict) = liveness.poll_verdict(next) {
            seen.push((next.raw() / 1_000_000, verdict));
        }
        let is_later = liveness.next_check().is_none_or(|again| again > next);
        assert!(is_later, "no progress at {next:?}");
        assert!(seen.len() > before || liveness.depth.deferred_to.is_some());
    }
    seen
}

const fn dead(ms: i64) -> (i64, Verdict) {
    (ms, Verdict::Dead(Stream::Depth, Span::from_millis(ms)))
}

const fn probe(ms: i64) -> (i64, Verdict) {
    (ms, Verdict::Probe(Stream::Depth))
}

#[test]
fn a_silent_depth_stream_is_probed_then_stale_then_dead_each_at_the_instant_named_for_it() {
    let mut liveness = speaking();
    liveness.on_lost(Stream::Mark);
    let stale = Verdict::Stale(Stream::Depth, Span::from_millis(3_000));
    assert_eq!(
        verdicts(&mut liveness, 15_000),
        [
            probe(2_000),
            probe(2_500),
            (3_000, stale),
            probe(3_000),
            probe(3_500),
            probe(4_000),
            probe(4_500),
            dead(5_000),
            dead(10_000),
            dead(15_000),
        ]
    );
}

#[test]
fn quoting_ends_with_the_silence_whether_or_not_a_timer_ran() {
    let mut liveness = speaking();
    for ms in [0, 1_499, 2_999, 3_000, 3_001, 5_000] {
        keep_mark(&mut liveness, ms);
        assert_eq!(liveness.is_quotable(at(ms)), ms < 3_000, "at {ms} ms");
    }
}

/// Depth every 100 ms from 0 up to and with `until_ms`, mark price with it.
fn lively(until_ms: i64) -> Liveness {
    let mut liveness = speaking();
    for ms in (100..=until_ms).step_by(100) {
        liveness.on_message(Stream::Depth, at(ms), Wall(0), Wall(0));
        keep_mark(&mut liveness, ms);
    }
    liveness
}

const fn suspect(ms: i64, silence: i64) -> (i64, Verdict) {
    let silence = Span::from_millis(silence);
    (ms, Verdict::Suspect(Stream::Depth, silence))
}

#[test]
fn a_lively_stream_is_suspect_by_its_rhythm_and_probed_at_it_while_probes_confirm() {
    let mut liveness = lively(20_000);
    assert_eq!(verdicts(&mut liveness, 20_500), [suspect(20_500, 500)]);
    assert!(liveness.is_suspect());
    assert!(!liveness.on_confirmed(at(20_500)), "it was not stale");
    assert_eq!(verdicts(&mut liveness, 21_000), [probe(21_000)]);
    liveness.on_confirmed(at(21_000));
    assert_eq!(verdicts(&mut liveness, 21_500), [probe(21_500)]);
    keep_mark(&mut liveness, 30_000);
    liveness.on_confirmed(at(30_000));
    assert_eq!(
        verdicts(&mut liveness, 32_000),
        [probe(32_000)],
        "quiet by now"
    );
    liveness.on_message(Stream::Depth, at(32_100), Wall(0), Wall(0));
    assert!(!liveness.is_suspect());
}

#[test]
fn without_the_adaptive_part_only_the_fixed_times_judge() {
    let mut liveness = lively(20_000);
    liveness.on_params(LivenessParams {
        adaptive: false,
        ..LivenessParams::default()
    });
    assert_eq!(verdicts(&mut liveness, 22_000), [probe(22_000)]);
}

#[test]
fn a_process_that_was_stopped_hears_what_waits_for_it_before_it_suspects() {
    let mut liveness = lively(20_000);
    assert_eq!(liveness.poll_verdict(at(21_200)), None, "woken 700 ms late");
    assert_eq!(liveness.next_check(), Some(at(21_250)));
    let mut silent = liveness.clone();
    assert_eq!(verdicts(&mut silent, 21_250), [suspect(21_250, 1_250)]);
    liveness.on_message(Stream::Depth, at(21_210), Wall(0), Wall(0));
    assert_eq!(verdicts(&mut liveness, 21_600), []);
}

#[test]
fn a_convicted_stream_is_dead_until_it_speaks_and_keeps_its_rhythm() {
    let mut liveness = lively(20_000);
    let silence = liveness.on_convicted(Stream::Depth, at(20_900));
    assert_eq!(silence, Span::from_millis(900));
    assert!(!liveness.is_quotable(at(20_900)));
    liveness.on_subscribed(Stream::Depth, at(21_000));
    assert_eq!(liveness.pulse(Stream::Depth), Pulse::Unproven);
    liveness.on_message(Stream::Depth, at(25_900), Wall(0), Wall(0));
    keep_mark(&mut liveness, 25_900);
    assert!(liveness.is_quotable(at(25_900)));
    assert_eq!(
        liveness.suspect_after(Stream::Depth),
        Some(Span::from_millis(500)),
        "the outage was not learned"
    );
}

#[test]
fn a_stream_that_never_speaks_is_told_of_when_the_market_is_lively() {
    let mut liveness = speaking();
    liveness.on_subscribed(Stream::Trade, at(0));
    let told = |liveness: &mut Liveness, from: i64, to: i64, every: usize| {
        let mut told = Vec::new();
        for ms in (from..=to).step_by(every) {
            liveness.on_message(Stream::Depth, at(ms), Wall(0), Wall(0));
            keep_mark(liveness, ms);
            while let Some(verdict) = liveness.poll_verdict(at(ms)) {
                told.push(verdict);
            }
        }
        told
    };
    assert_eq!(told(&mut liveness, 0, 70_000, 1_000), [], "a quiet market");
    let silent = Verdict::Silent(Stream::Trade, Span::from_millis(120_000));
    assert_eq!(told(&mut liveness, 70_000, 300_000, 50), [silent], "once");
}

/// A book whose best prices move every half second for `moves` times, with a ticker for each up to `heard`.
fn touched(liveness: &mut Liveness, from: i64, moves: i64, heard: i64) -> Vec<(i64, Verdict)> {
    let mut told = Vec::new();
    for n in 0..moves {
        let ms = from + n * 500;
        liveness.on_message(Stream::Depth, at(ms), Wall(0), Wall(0));
        keep_mark(liveness, ms);
        if n < heard {
            liveness.on_message(Stream::BookTicker, at(ms), Wall(0), Wall(0));
        }
        liveness.on_touch();
        while let Some(verdict) = liveness.poll_verdict(at(ms)) {
            told.push((ms, verdict));
        }
    }
    told
}

#[test]
fn a_ticker_stream_that_misses_touches_is_dead_told_once_a_minute_and_back_when_it_speaks() {
    let dead = |ms, silence| {
        (
            ms,
            Verdict::Dead(Stream::BookTicker, Span::from_millis(silence)),
        )
    };
    let mut liveness = speaking();
    liveness.on_subscribed(Stream::BookTicker, at(0));
    assert_eq!(touched(&mut liveness, 0, 20, 20), [], "each has its ticker");
    // The last ticker came at 11 s.
    assert_eq!(touched(&mut liveness, 10_000, 20, 3), [dead(16_000, 5_000)]);
    assert_eq!(liveness.pulse(Stream::BookTicker), Pulse::Dead);
    assert!(liveness.is_quotable(at(19_600)), "one witness less");
    // Its connection is replaced, and says nothing of it either.
    liveness.on_subscribed(Stream::BookTicker, at(20_000));
    let silent = Verdict::Silent(Stream::BookTicker, Span::from_millis(56_000));
    assert_eq!(touched(&mut liveness, 20_000, 120, 0), [(76_000, silent)]);
    assert!(liveness.on_message(Stream::BookTicker, at(80_000), Wall(0), Wall(0)));
    assert!(!liveness.on_message(Stream::BookTicker, at(80_001), Wall(0), Wall(0)));
}

#[test]
fn a_ticker_stream_of_a_touch_that_stands_still_is_silent_by_right() {
    let mut liveness = speaking();
    liveness.on_subscribed(Stream::BookTicker, at(0));
    liveness.on_message(Stream::BookTicker, at(0), Wall(0), Wall(0));
    for ms in (0..600_000).step_by(500) {
        liveness.on_message(Stream::Depth, at(ms), Wall(0), Wall(0));
        keep_mark(&mut liveness, ms);
        assert_eq!(liveness.poll_verdict(at(ms)), None, "at {ms}");
    }
}

#[test]
fn trades_that_end_in_a_lively_market_are_missed_after_a_minute_and_slow_ones_never() {
    for (every, expected) in [(2, Some(80_000)), (200, None)] {
        let mut liveness = speaking();
        liveness.on_subscribed(Stream::Trade, at(0));
        let mut told = None;
        for n in 0..3_000 {
            let ms = n * 50;
            liveness.on_message(Stream::Depth, at(ms), Wall(0), Wall(0));
            keep_mark(&mut liveness, ms);
            if ms <= 20_000 && n % every == 0 {
                liveness.on_message(Stream::Trade, at(ms), Wall(0), Wall(0));
            }
            while let Some(verdict) = liveness.poll_verdict(at(ms)) {
                let dead = Verdict::Dead(Stream::Trade, Span::from_millis(60_000));
                assert_eq!((verdict, told), (dead, None), "at {ms}");
                told = Some(ms);
            }
        }
        assert_eq!(told, expected, "a trade every {every} messages");
    }
}

#[test]
fn streams_of_two_connections_that_lag_alike_show_a_wrong_clock_which_is_excused_for_three_seconds()
{
    let mut liveness = lively(5_000);
    let step = Wall::from_millis(1_500);
    let late = |liveness: &mut Liveness, stream, ms, wall| {
        liveness.on_message(stream, at(ms), Wall(0), wall);
    };
    late(&mut liveness, Stream::Depth, 5_100, step);
    assert!(
        !liveness.is_quotable(at(5_100)),
        "nobody has said yet whose fault it is"
    );
    late(&mut liveness, Stream::Mark, 5_200, step);
    assert_eq!(
        liveness.poll_verdict(at(5_200)),
        Some(Verdict::Clock(Span::from_millis(1_500)))
    );
    for ms in (5_300..9_000).step_by(100) {
        late(&mut liveness, Stream::Depth, ms, step);
        late(&mut liveness, Stream::Mark, ms, step);
        assert_eq!(liveness.is_quotable(at(ms)), ms < 8_200, "at {ms} ms");
    }
    // The clock was measured anew.
    late(&mut liveness, Stream::Depth, 9_100, Wall(0));
    assert!(liveness.is_quotable(at(9_100)));
}

#[test]
fn what_a_cut_network_held_back_is_late_data_and_no_wrong_clock() {
    let mut liveness = lively(5_000);
    // Both connections deliver at once what they held back for four seconds, as old as its place in it.
    for ms in (5_100..=9_100).step_by(100) {
        let (time, wall) = (Wall::from_millis(ms - 9_100), Wall(0));
        liveness.on_message(Stream::Depth, at(9_100), time, wall);
        keep_mark_late(&mut liveness, 9_100, ms - 9_100);
        while let Some(verdict) = liveness.poll_verdict(at(9_100)) {
            let is_doubt = matches!(verdict, Verdict::Clock(_));
            assert!(!is_doubt, "{verdict:?} at {ms}");
        }
        let is_old = ms < 8_100;
        assert_eq!(liveness.is_quotable(at(9_100)), !is_old, "at {ms}");
    }
}

fn keep_mark_late(liveness: &mut Liveness, ms: i64, time: i64) {
    liveness.on_message(Stream::Mark, at(ms), Wall::from_millis(time), Wall(0));
}

#[test]
fn a_step_of_our_clock_that_corrects_it_costs_no_more_than_a_moment() {
    let mut liveness = speaking();
    let behind = Wall::from_millis(-1_300);
    for ms in (100..5_000).step_by(100) {
        liveness.on_message(Stream::Depth, at(ms), Wall(0), behind);
        liveness.on_message(Stream::Mark, at(ms), Wall(0), behind);
    }
    liveness.on_message(Stream::Depth, at(5_000), Wall(0), Wall(0));
    assert!(
        !liveness.is_quotable(at(5_000)),
        "1.3 s later than a moment ago"
    );
    liveness.on_message(Stream::Mark, at(5_010), Wall(0), Wall(0));
    liveness.on_message(Stream::Depth, at(5_100), Wall(0), Wall(0));
    assert!(liveness.is_quotable(at(5_100)));
}

#[test]
fn an_acknowledged_subscription_that_delivers_nothing_is_dead_not_fresh() {
    let mut liveness = Liveness::new(LivenessParams::default());
    liveness.on_subscribed(Stream::Depth, at(0));
    assert!(!liveness.is_quotable(at(1)));
    assert_eq!(liveness.poll_verdict(at(4_999)), None);
    assert!(matches!(
        liveness.poll_verdict(at(5_000)),
        Some(Verdict::Silent(Stream::Depth, _))
    ));
    assert!(matches!(
        liveness.poll_verdict(at(10_000)),
        Some(Verdict::Dead(Stream::Depth, _))
    ));
}

#[test]
fn a_probe_that_shows_the_same_book_keeps_a_quiet_market_quotable() {
    let mut liveness = speaking();
    assert_eq!(
        liveness.poll_verdict(at(2_000)),
        Some(Verdict::Probe(Stream::Depth))
    );
    assert!(!liveness.on_confirmed(at(1_500)));
    keep_mark(&mut liveness, 4_000);
    assert!(liveness.is_quotable(at(4_499)));
    assert_eq!(
        liveness.poll_verdict(at(3_500)),
        Some(Verdict::Probe(Stream::Depth))
    );
    assert!(matches!(
        liveness.poll_verdict(at(4_500)),
        Some(Verdict::Stale(..))
    ));
    assert!(liveness.on_confirmed(at(4_400)), "quoting may go on");
}

#[test]
fn a_probe_older_than_the_last_message_says_nothing_new() {
    let mut liveness = speaking();
    liveness.on_message(Stream::Depth, at(2_000), Wall(0), Wall(0));
    assert!(!liveness.on_confirmed(at(1_500)));
    assert_eq!(
        liveness.age(Stream::Depth, at(2_500)),
        Some(Span::from_millis(500))
    );
}

#[test]
fn late_event_times_are_stale_data_that_looks_fresh() {
    let mut liveness = speaking();
    let wall = Wall::from_millis(10_000);
    liveness.on_message(Stream::Depth, at(10), Wall::from_millis(8_900), wall);
    assert!(!liveness.is_quotable(at(11)));
    liveness.on_message(Stream::Depth, at(20), Wall::from_millis(9_950), wall);
    assert!(liveness.is_quotable(at(21)));
}

#[test]
fn a_stream_that_only_lags_is_stale_and_dead_like_a_silent_one() {
    let mut liveness = speaking();
    let mut seen = Vec::new();
    for ms in (100..=5_000).step_by(100) {
        keep_mark(&mut liveness, ms);
        liveness.on_message(Stream::Depth, at(ms), Wall(0), Wall::from_millis(2_000));
        assert!(
            !liveness.on_confirmed(at(ms)),
            "a late stream cannot be vouched for"
        );
        seen.extend(liveness.poll_verdict(at(ms)));
    }
    assert!(matches!(
        seen.as_slice(),
        [Verdict::Stale(..), Verdict::Dead(..)]
    ));
}

#[test]
fn a_replaced_connection_keeps_what_its_predecessor_proved() {
    let mut liveness = speaking();
    liveness.on_subscribed(Stream::Depth, at(100));
    assert!(liveness.is_quotable(at(100)));
    liveness.on_lost(Stream::Depth);
    liveness.on_subscribed(Stream::Depth, at(200));
    assert!(!liveness.is_quotable(at(200)));
}

#[test]
fn a_dead_mark_stream_stops_quoting() {
    let mut liveness = speaking();
    liveness.on_message(Stream::Depth, at(4_990), Wall(0), Wall(0));
    assert!(liveness.is_quotable(at(4_999)));
    assert!(!liveness.is_quotable(at(5_000)));
    assert!(matches!(
        liveness.poll_verdict(at(5_000)),
        Some(Verdict::Dead(Stream::Mark, _))
    ));
}
