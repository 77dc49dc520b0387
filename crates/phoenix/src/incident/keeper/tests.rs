use super::*;
use crate::incident::list::list;
use crate::incident::{Incident, Said};
use serde_json::json;

fn incident(at_ms: i64) -> Incident {
    Incident {
        at_ms,
        code: "stream_dead".to_owned(),
        level: 2,
        symbol: Some("ETHUSDC".to_owned()),
        text: "Depth silent for 5.0 s: reconnecting".to_owned(),
        session: 7,
        version: "0.1.0".to_owned(),
        is_complete: false,
    }
}

fn place(folder: &Path) -> Place {
    Place {
        folder: folder.join("incidents"),
        keep_bytes: 1_000,
        cutter: None,
    }
}

fn opened(place: &Place, at_ms: i64) {
    let opening = Opening {
        incident: incident(at_ms),
        before: json!({"session": 7}),
    };
    open(place, &opening).expect("written");
}

#[test]
fn a_bundle_is_there_at_once_and_complete_later() {
    let folder = tempfile::tempdir().expect("a folder");
    let place = place(folder.path());
    assert_eq!(list(&place.folder).expect("none yet"), []);
    let keeper = Keeper::start(place.clone()).expect("a thread");
    keeper.open(Opening {
        incident: incident(1_000),
        before: json!({"session": 7}),
    });
    keeper.open(Opening {
        incident: incident(2_000),
        before: json!({}),
    });
    let notice = Said {
        at_ms: 1_001,
        level: 0,
        code: "link_up".to_owned(),
        symbol: None,
        text: "Public connection is up".to_owned(),
    };
    keeper.complete(Closing {
        incident: incident(1_000),
        after: json!({"session": 7}),
        notices: vec![notice.clone(), notice],
    });
    keeper.close();
    let kept = list(&place.folder).expect("two");
    let times: Vec<_> = kept
        .iter()
        .map(|k| (k.incident.at_ms, k.incident.is_complete))
        .collect();
    assert_eq!(times, [(2_000, false), (1_000, true)], "newest first");
    let complete = &kept.last().expect("one").folder;
    assert!(complete.ends_with("19700101T000001.000Z-stream_dead"));
    for name in [INCIDENT, BEFORE, AFTER, NOTICES] {
        let file = complete.join(name);
        let mode = std::fs::metadata(&file).expect("there").mode();
        assert_eq!(mode & 0o077, 0, "{name} is for its owner only");
    }
    let notices = std::fs::read_to_string(complete.join(NOTICES)).expect("text");
    assert_eq!(notices.lines().count(), 2);
}

#[test]
fn of_too_many_the_oldest_go() {
    let folder = tempfile::tempdir().expect("a folder");
    let place = place(folder.path());
    for at_ms in 0..60 {
        opened(&place, at_ms * 1_000);
    }
    let kept = list(&place.folder).expect("some");
    assert_eq!(kept.len(), BUNDLES_MAX);
    let oldest = kept.last().expect("one");
    assert_eq!(oldest.incident.at_ms, 10_000);
}

#[test]
fn records_that_only_bundles_keep_alive_are_bounded() {
    let folder = tempfile::tempdir().expect("a folder");
    let place = place(folder.path());
    for at_ms in [1_000, 2_000, 3_000] {
        opened(&place, at_ms);
        let original = folder.path().join(format!("{at_ms}.flight"));
        std::fs::write(&original, vec![0; 700]).expect("a file");
        let record = place.folder.join(incident(at_ms).folder()).join(BUNDLED);
        take_record(&record, std::slice::from_ref(&original)).expect("linked");
    }
    let with_record = || {
        let kept = list(&place.folder).expect("three");
        kept.iter().map(|k| k.has_record).collect::<Vec<_>>()
    };
    keep_bounds(&place).expect("nothing to do");
    assert_eq!(with_record(), [true, true, true], "links cost nothing");
    for at_ms in [1_000, 2_000, 3_000] {
        std::fs::remove_file(folder.path().join(format!("{at_ms}.flight"))).expect("there");
    }
    keep_bounds(&place).expect("some are deleted");
    assert_eq!(with_record(), [true, false, false], "the newest is kept");
}
