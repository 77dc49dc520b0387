//! Promise `fresh` on real data: a healthy recording is never taken for a dead one, and a stream that is cut out of it is
//! found dead in time. The real engine, beside an exchange that answers 100 ms later with what the recording shows.

#[path = "false_suspicion/rig.rs"]
mod rig;
#[path = "false_suspicion/tape.rs"]
mod tape;

use phoenix_core::event::Stream;
use phoenix_core::notice::What;
use rig::{Cut, Rig};
use tape::{Body, Tape};

const SECOND: i64 = 1_000_000_000;

fn skipped() {
    eprintln!("SKIPPED: ../shared/data is absent");
}

fn seconds(ns: i64) -> f64 {
    ns as f64 / 1e9
}

fn longest_silence(tape: &Tape) -> i64 {
    let depth = tape.items.iter();
    let depth = depth.filter(|i| matches!(i.body, Body::Depth { .. }));
    let times: Vec<_> = depth.map(|i| i.at).collect();
    let gaps = times.windows(2).map(|pair| pair[1] - pair[0]);
    gaps.max().unwrap_or_default()
}

const fn is_suspicion(what: &What) -> bool {
    matches!(what, What::StreamSuspect(..) | What::BookSuspect(_))
}

/// What pulls orders: nothing of it may happen on a healthy recording.
const fn is_alarm(what: &What) -> bool {
    matches!(
        what,
        What::BookLost(_)
            | What::StreamStale(..)
            | What::StreamDead(..)
            | What::ClockDoubted(_)
            | What::StreamSilent(Stream::Depth | Stream::Mark | Stream::User, ..)
    )
}

#[test]
fn no_healthy_recording_is_taken_for_a_dead_one() {
    let Some(names) = tape::names() else {
        return skipped();
    };
    eprintln!(
        "{:<28} {:>8} {:>8} {:>8} {:>6} {:>9} {:>8} {:>9}",
        "recording", "hours", "messages", "suspects", "doubts", "probes/h", "learned", "silence"
    );
    let mut wrong = Vec::new();
    for name in names {
        let tape = tape::load(name);
        let mut rig = Rig::new(&tape);
        rig.run(rig.ends_at());
        let hours = seconds(rig.ends_at() - rig.begins_at()) / 3_600.0;
        let count = |is: fn(&What) -> bool| rig.notices.iter().filter(|(_, w)| is(w)).count();
        let suspects = count(|w| matches!(w, What::StreamSuspect(..)));
        let doubts = count(|w| matches!(w, What::BookSuspect(_)));
        eprintln!(
            "{name:<28} {hours:>8.3} {:>8} {suspects:>8} {doubts:>6} {:>9.0} {:>8} {:>8.2}s",
            rig.messages,
            rig.probes.len() as f64 / hours,
            rig.suspect_after()
                .map_or_else(|| "-".to_owned(), |t| format!("{:.2}s", seconds(t.raw()))),
            seconds(longest_silence(&tape)),
        );
        assert!(rig.full_at.is_some(), "{name}: it never quoted");
        let begin = rig.begins_at();
        let alarms = rig.notices.iter().filter(|(_, w)| is_alarm(w));
        wrong.extend(alarms.map(|(at, w)| format!("{name}: {w:?} at {:.3}s", seconds(at - begin))));
        let pulls = rig.pulls.iter();
        wrong.extend(pulls.map(|at| format!("{name}: pulled at {:.3}s", seconds(at - begin))));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// What became of a stream that was cut out: seconds from its last message to suspicion, conviction and pull, and the
/// longest time at risk: of orders on a book that neither the stream nor a probe had confirmed.
struct Outcome {
    suspected: Option<f64>,
    convicted: Option<f64>,
    pulled: Option<f64>,
    at_risk: f64,
}

fn cut(tape: &Tape, at: i64, what: Cut) -> Outcome {
    let mut rig = Rig::new(tape);
    rig.cut_at = Some((at, what));
    rig.run(rig.ends_at().min(at + 30 * SECOND));
    let depth = tape.items.iter();
    let depth = depth.filter(|i| matches!(i.body, Body::Depth { .. }));
    let last = depth.map(|i| i.at).filter(|t| *t < at).max();
    let last = last.expect("it spoke before");
    let after = |found: Option<i64>| found.map(|t| seconds(t - last));
    let first = |is: &dyn Fn(&What) -> bool| {
        let mut notices = rig.notices.iter().filter(|(t, _)| *t > at);
        after(notices.find(|(_, w)| is(w)).map(|(t, _)| *t))
    };
    let (suspected, convicted) = (
        first(&|w| is_suspicion(w)),
        first(&|w| matches!(w, What::StreamDead(..))),
    );
    let pulled = after(rig.pulls.iter().copied().find(|t| *t > at));
    Outcome {
        suspected,
        convicted,
        pulled,
        at_risk: seconds(rig.time_at_risk().raw()),
    }
}

fn shown(seconds: Option<f64>) -> String {
    seconds.map_or_else(|| "-".to_owned(), |s| format!("{s:.2}s"))
}

/// A market may stand still for seconds: then the exchange confirms the book by REST, which is fresh data, and the stream
/// is convicted as soon as that ends.
#[test]
fn a_stream_cut_out_of_a_lively_recording_is_convicted_and_pulled_long_before_it_is_stale() {
    let Some(names) = tape::names() else {
        return skipped();
    };
    let mut risks = Vec::new();
    for name in names {
        let tape = tape::load(name);
        if !tape.is_liquid {
            continue;
        }
        let rig = Rig::new(&tape);
        let (begin, end) = (rig.begins_at(), rig.ends_at());
        for part in 0..5 {
            let at = begin + 25 * SECOND + (end - begin - 35 * SECOND) / 5 * part;
            for what in [Cut::Depth, Cut::Public] {
                let found = cut(&tape, at, what);
                let place = format!("{name} {what:?} cut at {:.1}s", seconds(at - begin));
                eprintln!(
                    "{place:<46} suspect {} convicted {} pulled {} at risk {:.2}s",
                    shown(found.suspected),
                    shown(found.convicted),
                    shown(found.pulled),
                    found.at_risk,
                );
                assert!(found.suspected.is_some_and(|s| s <= 1.0), "{place}");
                assert!(found.convicted.is_some(), "{place}");
                assert_eq!(found.pulled, found.convicted, "{place}: pulled at once");
                assert!(found.at_risk < 3.0, "{place}: {}", found.at_risk);
                risks.push(found.at_risk);
            }
        }
    }
    risks.sort_by(f64::total_cmp);
    let median = risks.get(risks.len() / 2).copied();
    assert!(median.is_some_and(|risk| risk <= 1.5), "{median:?}");
    eprintln!(
        "time at risk: median {}, worst {}",
        shown(median),
        shown(risks.last().copied())
    );
}
