use super::*;
use crate::drill::Step;
use std::collections::BTreeSet;

#[test]
fn every_drill_has_its_own_short_name_and_begins_with_a_strike() {
    let list = all();
    let names: BTreeSet<&str> = list.iter().map(|d| d.name).collect();
    assert_eq!(names.len(), list.len(), "a name is used twice");
    for drill in &list {
        let is_kebab = drill
            .name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        assert!(is_kebab && drill.name.len() <= 24, "{}", drill.name);
        assert!(drill.about.ends_with('.'), "{}", drill.name);
        assert!(!drill.steps.is_empty(), "{}", drill.name);
        assert!(
            drill.setting.inner_fault.is_none()
                || matches!(drill.steps.first(), Some(Step::AwaitCode(..))),
            "{}: an inner fault is known by its log line",
            drill.name
        );
    }
}

#[test]
fn every_drill_can_fail() {
    for drill in all() {
        let expect = drill.expect;
        let has_limit =
            expect.detect.is_some() || expect.off_book_s.is_some() || expect.recovered_s.is_some();
        assert!(has_limit, "{} has no limit", drill.name);
    }
}

#[test]
fn every_named_kind_of_drill_is_there() {
    let list = all();
    for name in [
        "silent-depth",
        "silent-user",
        "half-open",
        "frozen-book",
        "stale-event-time",
        "sequence-gap",
        "listen-key-silent",
        "wrong-route",
        "rest-timeout-placed",
        "rate-limit-429",
        "ban-418",
        "clock-jump",
        "sigstop",
        "sigkill",
        "strategy-panic",
        "strategy-loop",
        "watchdog-killed",
        "disk-full",
        "exchange-restart",
        "flash-crash",
        "flash-crash-stalled",
        "second-instance",
    ] {
        assert!(list.iter().any(|d| d.name == name), "{name}");
    }
    assert!(list.len() >= 33, "{}", list.len());
}

#[test]
fn bodies_are_json_with_a_kind_and_lasting_faults_are_ended() {
    for drill in all() {
        let mut lasts = false;
        for step in drill.steps {
            match step {
                Step::Fault(body) | Step::Market(body) | Step::Account(body) => {
                    let value: serde_json::Value = serde_json::from_str(body).expect(drill.name);
                    assert!(value["kind"].is_string(), "{}: {body}", drill.name);
                    lasts |= !matches!(step, Step::Market(_));
                }
                Step::EndFaults => lasts = false,
                _ => {}
            }
        }
        assert!(!lasts, "{}: a fault is left on", drill.name);
    }
}

#[test]
fn a_wrong_name_is_answered_with_the_nearest() {
    let wrong = named(&["silent-dept".to_owned()]).expect_err("no such drill");
    assert!(wrong.contains("silent-depth"), "{wrong}");
    let right = named(&["sigkill".to_owned(), "ban-418".to_owned()]).expect("two drills");
    assert_eq!((right[0].name, right[1].name), ("sigkill", "ban-418"));
}
