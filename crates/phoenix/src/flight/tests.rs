//! Records of sessions in memory, run again: the same is the same, and whatever is not is found and named.

mod codec;
mod script;

use super::codec::asked::Asked;
use super::reader::{Damage, Ending, OpenError, Reader};
use super::recorder::{EndedEarly, Recorder, Status};
use super::replay::{Drive, Kind, Range, Report, Unwatched, replay};
use super::segment::Unreadable;
use super::writer::{BLOCKS_MAX, Flight, Message, Plan, Reason, begin, sessions};
use crate::live::contain;
use crate::live::pilot::DRIVE;
use phoenix_core::action::{Action, Actions};
use phoenix_core::engine::Engine;
use phoenix_core::engine::contain::DeskFault;
use phoenix_core::event::{Event, Operator};
use phoenix_core::instrument::SymbolId;
use phoenix_core::units::{Mono, Now, Span, Wall};
use script::{SESSION, Session, params};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::sync_channel;

const KEEP: u64 = 64 << 20;

fn plan(folder: &Path, began_s: i64, keep_bytes: u64) -> Plan {
    Plan {
        folder: folder.to_owned(),
        keep_bytes,
        session: SESSION,
        venue: "test".to_owned(),
        began_wall_ns: began_s * 1_000_000_000,
        params: params(),
    }
}

fn started(folder: &Path) -> (Flight, Session) {
    let (flight, recorder) = begin(&plan(folder, 1_700_000_000, KEEP)).expect("a record");
    (flight, Session::new(Some(recorder)))
}

/// Ends the session as the shell does: the hot side first.
fn closed(flight: Flight, session: Session) -> (u64, u64, u64) {
    let told = (session.events, session.asked, session.orders_placed);
    drop(session);
    flight.close();
    told
}

fn run(path: &Path) -> Report {
    run_with(path, DRIVE)
}

fn run_with(path: &Path, drive: Drive) -> Report {
    let reader = Reader::open(path).expect("a record");
    replay(reader, drive, Range::default(), &mut Unwatched)
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let all = sessions(folder).expect("a folder").into_values().flatten();
    all.map(|(file, _)| file).collect()
}

/// A session of some seconds in `folder`; events, actions and orders.
fn recorded(folder: &Path, rounds: u32) -> (u64, u64, u64) {
    let (flight, mut session) = started(folder);
    session.add();
    session.trade(rounds);
    closed(flight, session)
}

#[test]
fn the_same_events_give_the_same_actions() {
    let folder = tempfile::tempdir().expect("a folder");
    let told = recorded(folder.path(), 200);
    let report = run(folder.path());
    assert!(report.is_same(), "{report:?}");
    assert_eq!((report.events, report.actions), (told.0, told.1));
    assert!(told.2 >= 36, "it traded: {} orders", told.2);
    // Of twenty seconds, each digest with the first look after a second is over.
    assert!((18..=20).contains(&report.digests), "{}", report.digests);
    assert_eq!(report.ending, Some(Ending::Said(Reason::Over)));
    assert_eq!(report.symbols.values().collect::<Vec<_>>(), ["ETHUSDC"]);
    assert_eq!(report.header.body.session, SESSION);
}

#[test]
fn a_lost_desk_and_its_successor_are_the_same_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let (flight, mut session) = started(folder.path());
    session.add();
    session.trade(50);
    session.pilot.inject(SymbolId(0), DeskFault::PanicOnce);
    session.trade(200);
    let told = closed(flight, session);
    let report = run(folder.path());
    assert!(report.is_same(), "{report:?}");
    assert_eq!((report.events, report.actions), (told.0, told.1));
    // The fault is in the record, not in the code that replays it.
    fn unharmed(
        engine: &mut Engine,
        now: Now,
        event: &Event<'_>,
        actions: &mut Actions,
    ) -> Vec<SymbolId> {
        engine.heal(SymbolId(0));
        contain::step(engine, now, event, actions)
    }
    let report = run_with(
        folder.path(),
        Drive {
            step: unharmed,
            ..DRIVE
        },
    );
    let difference = report.difference.expect("one");
    assert_eq!(difference.kind, Kind::Panics(vec![SymbolId(0)], vec![]));
}

const CHANGED_AT: Mono = Mono(8_000_000_000);

fn changed(
    engine: &mut Engine,
    now: Now,
    event: &Event<'_>,
    actions: &mut Actions,
) -> Vec<SymbolId> {
    let lost = contain::step(engine, now, event, actions);
    if now.mono >= CHANGED_AT {
        actions.push(Action::FetchAccount);
    }
    lost
}

#[test]
fn a_changed_decision_is_found_and_its_first_event_named() {
    let folder = tempfile::tempdir().expect("a folder");
    recorded(folder.path(), 100);
    let drive = Drive {
        step: changed,
        ..DRIVE
    };
    let report = run_with(folder.path(), drive);
    let difference = report.difference.clone().expect("one");
    assert_eq!(difference.event, report.events, "nothing is run after it");
    assert!(difference.now.mono >= CHANGED_AT);
    assert!(difference.now.mono.since(CHANGED_AT) < Span::from_millis(150));
    assert_eq!(difference.kind, Kind::Actions);
    assert_eq!(difference.new.last(), Some(&Asked::FetchAccount));
    assert_eq!(difference.new.len(), difference.recorded.len() + 1);
    assert!(!report.is_same());
    // Before `from` nothing is compared, and after `until` nothing is run.
    for (from, until, event) in [
        (1, difference.event - 1, None),
        (difference.event + 3, u64::MAX, Some(difference.event + 3)),
    ] {
        let reader = Reader::open(folder.path()).expect("a record");
        let report = replay(reader, drive, Range { from, until }, &mut Unwatched);
        assert_eq!(report.difference.map(|d| d.event), event);
    }
}

#[test]
fn a_state_that_differs_behind_the_same_actions_is_found() {
    fn later(
        engine: &mut Engine,
        mut now: Now,
        event: &Event<'_>,
        actions: &mut Actions,
    ) -> Vec<SymbolId> {
        if now.mono >= CHANGED_AT {
            now.wall.0 += 1;
        }
        contain::step(engine, now, event, actions)
    }
    let folder = tempfile::tempdir().expect("a folder");
    recorded(folder.path(), 100);
    let report = run_with(
        folder.path(),
        Drive {
            step: later,
            ..DRIVE
        },
    );
    let difference = report.difference.expect("one");
    assert!(matches!(difference.kind, Kind::State(..)), "{difference:?}");
    assert!(difference.now.mono >= CHANGED_AT);
}

#[test]
fn a_panic_over_the_view_is_part_of_the_record() {
    fn broken(engine: &mut Engine, now: Now, actions: &mut Actions) -> Vec<SymbolId> {
        let _ = (engine, now);
        actions.push(Action::FetchAccount);
        vec![SymbolId(0)]
    }
    let folder = tempfile::tempdir().expect("a folder");
    let (flight, mut recorder) =
        begin(&plan(folder.path(), 1_700_000_000, KEEP)).expect("a record");
    let mut engine = Engine::new(SESSION, params());
    let (now, mut actions) = (Now::default(), Actions::default());
    let pause = Event::Operator(Operator::Pause);
    recorder.on_event(now, &pause);
    engine.step(now, &pause, &mut actions);
    recorder.on_actions(&[], actions.as_slice());
    recorder.on_view_panicked(now, &[SymbolId(0)], &[Action::FetchAccount]);
    recorder.close_segment(engine.digest());
    drop(recorder);
    flight.close();
    let refresh_view = broken;
    let same = run_with(
        folder.path(),
        Drive {
            refresh_view,
            ..DRIVE
        },
    );
    assert!(same.is_same(), "{same:?}");
    let difference = run(folder.path()).difference.expect("no panic now");
    assert_eq!(difference.kind, Kind::Panics(vec![SymbolId(0)], vec![]));
}

#[test]
fn the_event_in_which_the_process_ended_is_the_last_word() {
    let folder = tempfile::tempdir().expect("a folder");
    let (flight, mut recorder) =
        begin(&plan(folder.path(), 1_700_000_000, KEEP)).expect("a record");
    recorder.on_event(Now::default(), &Event::Wakeup);
    recorder.on_actions(&[], &[]);
    recorder.on_event(Now::default(), &Event::Operator(Operator::Kill));
    // As the hot thread's panic drops it.
    drop(recorder);
    flight.close();
    let report = run(folder.path());
    assert_eq!((report.events, report.unfinished), (2, Some(2)));
    assert!(report.is_same(), "{report:?}");
}

#[test]
fn the_hot_side_never_waits_and_a_gap_is_counted() {
    let (to_writer, inbox) = sync_channel(BLOCKS_MAX);
    let (_give_back, spare) = sync_channel(1);
    let status = Arc::new(Status::default());
    let mut recorder = Recorder::new(to_writer, spare, Arc::clone(&status));
    for _ in 0..BLOCKS_MAX {
        recorder.on_event(Now::default(), &Event::Wakeup);
        recorder.on_actions(&[], &[]);
        recorder.close_segment(0);
    }
    assert_eq!(status.ended_early(), None);
    for _ in 0..10 {
        recorder.on_event(Now::default(), &Event::Wakeup);
        recorder.on_actions(&[], &[]);
        recorder.close_segment(0);
    }
    assert_eq!(status.ended_early(), Some(EndedEarly::Behind(10)));
    drop(recorder);
    let blocks = inbox.iter().filter(|m| matches!(m, Message::Block(_)));
    assert_eq!(
        blocks.count(),
        BLOCKS_MAX,
        "what fitted is kept, and no more"
    );
}

#[test]
fn parts_belong_together_and_a_missing_or_exchanged_one_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let (flight, mut session) = started(folder.path());
    session.add();
    for part in 1..=3 {
        session.trade(30);
        // What waits is handed over with the next second.
        let complete = flight.cutter().cut();
        assert_eq!(complete.len(), part);
    }
    let told = closed(flight, session);
    let parts = files(folder.path());
    assert_eq!(parts.len(), 4);
    for path in [folder.path(), &parts[0], &parts[2]] {
        let report = run(path);
        assert!(report.is_same(), "{report:?}");
        assert_eq!(
            report.events, told.0,
            "the whole record, whichever file is named"
        );
    }
    let original = std::fs::read(&parts[1]).expect("a part");
    let what = |report: Report| report.damage.map(|damage| damage.what).unwrap_or_default();
    std::fs::remove_file(&parts[1]).expect("there");
    assert!(what(run(folder.path())).contains("part 2 is missing"));
    std::fs::copy(&parts[2], &parts[1]).expect("copied");
    assert!(what(run(folder.path())).contains("does not follow"));
    std::fs::write(&parts[1], original).expect("written");
    std::fs::remove_file(&parts[3]).expect("there");
    let report = run(folder.path());
    assert_eq!(report.ending, Some(Ending::GoesOn(4)));
    assert!(report.is_same(), "a bundle ends like this");
    std::fs::remove_file(&parts[0]).expect("there");
    let error = Reader::open(folder.path()).expect_err("no beginning");
    assert!(
        matches!(error, OpenError::NoBeginning { part: 2, .. }),
        "{error}"
    );
}

#[test]
fn older_sessions_make_room_and_a_session_that_fills_the_bound_ends_its_record() {
    let folder = tempfile::tempdir().expect("a folder");
    recorded(folder.path(), 100);
    let size: u64 = files(folder.path())
        .iter()
        .map(|file| file.metadata().expect("there").len())
        .sum();
    // Room for one such session, and not for two.
    for (began_s, rounds, ending) in [
        (1_700_000_100, 100, Reason::Over),
        (1_700_000_200, 300, Reason::Full),
    ] {
        let keep = size + size / 2;
        let (flight, recorder) = begin(&plan(folder.path(), began_s, keep)).expect("a record");
        let status = flight.status();
        let mut session = Session::new(Some(recorder));
        session.add();
        session.trade(rounds);
        closed(flight, session);
        assert_eq!(sessions(folder.path()).expect("a folder").len(), 1);
        let report = run(folder.path());
        assert_eq!(report.ending, Some(Ending::Said(ending)));
        assert!(report.is_same(), "{report:?}");
        assert!(report.bytes <= keep, "{} of {keep}", report.bytes);
        let early = (ending == Reason::Full).then_some(EndedEarly::Full);
        assert_eq!(status.ended_early(), early);
    }
}

/// A record of few bytes: three segments.
fn small(folder: &Path) -> (PathBuf, Vec<u8>) {
    let (flight, mut session) = started(folder);
    for _ in 0..3 {
        session.now.mono = session.now.mono.after(Span::from_secs(2));
        session.now.wall.0 += 2_000_000_000;
        session.tell(&Event::Operator(Operator::Pause));
        session.tell(&Event::Operator(Operator::Resume));
        session.now.mono = session.now.mono.after(Span::from_secs(2));
        session.tell(&Event::Wakeup);
        session.look();
    }
    closed(flight, session);
    let file = files(folder).pop().expect("one file");
    let bytes = std::fs::read(&file).expect("a file");
    (file, bytes)
}

#[test]
fn whichever_byte_is_flipped_it_is_found_and_what_is_before_it_replays() {
    let folder = tempfile::tempdir().expect("a folder");
    let (file, bytes) = small(folder.path());
    let sound = run(&file);
    assert!(sound.is_same() && sound.segments >= 4, "{sound:?}");
    let mut events_seen = Vec::new();
    for at in 0..bytes.len() {
        let mut flipped = bytes.clone();
        flipped[at] ^= 1 << (at % 8);
        std::fs::write(&file, flipped).expect("written");
        let Ok(reader) = Reader::open(&file) else {
            continue;
        };
        let report = replay(reader, DRIVE, Range::default(), &mut Unwatched);
        let Damage { offset, .. } = report.damage.clone().expect("found");
        assert!(offset <= at, "named at {offset}, flipped at {at}");
        assert_eq!(report.difference, None, "what is before is the same");
        events_seen.push(report.events);
    }
    assert!(
        events_seen.is_sorted(),
        "the later the flip, the more replays"
    );
    assert_eq!(events_seen.last(), Some(&sound.events));
}

#[test]
fn wherever_it_is_cut_what_is_before_replays() {
    let folder = tempfile::tempdir().expect("a folder");
    let (file, bytes) = small(folder.path());
    let mut torn = 0;
    for length in 0..bytes.len() {
        std::fs::write(&file, &bytes[..length]).expect("written");
        let Ok(reader) = Reader::open(&file) else {
            continue;
        };
        let report = replay(reader, DRIVE, Range::default(), &mut Unwatched);
        assert_eq!(report.difference, None);
        match report.damage {
            Some(damage) => {
                torn += 1;
                assert_eq!(damage.what, "the file ends within a segment");
            }
            None => assert_eq!(report.ending, Some(Ending::Open)),
        }
    }
    assert!(torn > 100, "{torn}");
}

#[test]
fn a_segment_that_is_missing_or_in_anothers_place_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let (file, bytes) = small(folder.path());
    let starts: Vec<usize> = (0..bytes.len())
        .filter(|at| bytes[*at..].starts_with(b"PHXS"))
        .collect();
    let [first, second, third, ..] = starts[..] else {
        panic!("too few segments: {starts:?}");
    };
    let without = [&bytes[..first], &bytes[second..]].concat();
    let exchanged = [
        &bytes[..first],
        &bytes[second..third],
        &bytes[first..second],
        &bytes[third..],
    ]
    .concat();
    for broken in [without, exchanged] {
        std::fs::write(&file, broken).expect("written");
        let damage = run(&file).damage.expect("found");
        assert_eq!((damage.segment, damage.offset), (1, first));
        assert!(damage.what.contains("missing or stands in another's place"));
    }
}

#[test]
fn other_files_and_other_versions_are_told_apart() {
    let folder = tempfile::tempdir().expect("a folder");
    let (file, bytes) = small(folder.path());
    let why = |bytes: &[u8]| {
        std::fs::write(&file, bytes).expect("written");
        match Reader::open(&file) {
            Err(OpenError::Unreadable { why, .. }) => why,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(why(b"global:\n"), Unreadable::NotARecord);
    assert_eq!(why(b""), Unreadable::NotARecord);
    assert_eq!(why(&bytes[..40]), Unreadable::Header);
    let mut newer = bytes.clone();
    newer[16] = 9;
    let found = why(&newer);
    let version = env!("CARGO_PKG_VERSION").to_owned();
    assert_eq!(found, Unreadable::OtherFormat { format: 9, version });
    assert!(found.to_string().contains("replay it with that version"));
    assert!(matches!(
        Reader::open(&folder.path().join("none.flight")),
        Err(OpenError::Io { .. })
    ));
    let empty = tempfile::tempdir().expect("a folder");
    assert!(matches!(
        Reader::open(empty.path()),
        Err(OpenError::Nothing(_))
    ));
}

#[test]
fn instants_are_told_from_the_epoch_again() {
    let wall = Wall(1_700_000_000_123_456_000);
    assert_eq!(super::show::time_text(wall), "2023-11-14T22:13:20.123456Z");
}
