use super::*;
use crate::journal::Journal;
use crate::journal::record::Equity;

/// A recorder whose writer has ended: it takes nothing any more.
fn ended() -> Recorder {
    let folder = tempfile::tempdir().expect("a folder");
    let journal = Journal::open(&folder.path().join("journal.db")).expect("a journal");
    let writer = journal.start().expect("a thread");
    let recorder = writer.recorder();
    writer.close().expect("closed");
    recorder
}

fn books(trade_id: i64) -> Record {
    Record::Backfilled {
        symbol: "ETHUSDC".to_owned(),
        from: None,
        trade_id,
    }
}

fn routine() -> Record {
    Record::Equity(Equity {
        at_ms: 1,
        asset: "USDC".to_owned(),
        wallet_e8: 1,
        unrealized_e8: 0,
    })
}

#[test]
fn books_wait_in_their_order_and_routine_never_behind_them() {
    let recorder = ended();
    let mut backlog = VecDeque::new();
    for record in [books(1), routine(), books(2), routine()] {
        Cold::record_in(Some(&recorder), &mut backlog, record);
    }
    assert_eq!(backlog, [books(1), books(2)]);
}

#[test]
fn a_backlog_has_an_end() {
    let recorder = ended();
    let mut backlog = VecDeque::new();
    for trade_id in 0..=BACKLOG_MAX {
        let record = books(i64::try_from(trade_id).expect("small"));
        Cold::record_in(Some(&recorder), &mut backlog, record);
    }
    assert_eq!(backlog.len(), BACKLOG_MAX);
}
