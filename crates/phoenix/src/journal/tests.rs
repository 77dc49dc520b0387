//! Tests of the journal: identity of rows, restart, full queues, refusing disks, damaged files, and `kill -9`.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, channel};

use super::record::*;
use super::writer::Limits;
use super::*;

const NOW_MS: i64 = YEAR_2026_MS + 100 * 60_000;

struct Bench {
    _folder: tempfile::TempDir,
    path: PathBuf,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("state/phoenix.db");
        Self {
            _folder: folder,
            path,
        }
    }

    fn open(&self) -> Journal {
        Journal::open(&self.path).expect("a good journal")
    }

    fn refusal(&self) -> JournalError {
        Journal::open(&self.path).expect_err("a refusal")
    }

    /// Writes `records` through the thread and waits for the disk.
    fn write(&self, records: Vec<Record>) {
        let writer = self.open().start().expect("a thread");
        let recorder = writer.recorder();
        for record in records {
            recorder.record(record).expect("room in the queue");
        }
        writer.close().expect("everything is written");
    }

    fn state(&self) -> RestartState {
        self.open().restart_state().expect("readable")
    }

    fn reader(&self) -> Reader {
        Reader::open(&self.path).expect("readable")
    }

    /// A second connection, as another process would have.
    fn other(&self) -> Connection {
        Connection::open(&self.path).expect("a second connection")
    }
}

fn start() -> SessionStart<'static> {
    SessionStart {
        at_ms: NOW_MS,
        venue: "local",
        account: "0011223344556677",
        version: "0.1.0",
    }
}

fn fill(trade_id: i64) -> Fill {
    Fill {
        symbol: "ETHUSDC".to_owned(),
        trade_id,
        client_id: format!("c{trade_id}"),
        order_id: 7,
        side: Side::Buy,
        price_e8: 300_000_000_000,
        qty_e8: 3_500_000,
        fee_e8: 0,
        fee_asset: "USDC".to_owned(),
        realized_e8: 100,
        maker: true,
        at_ms: NOW_MS + trade_id,
    }
}

fn order(state: &'static str, is_final: bool, filled_e8: i64, updated_ms: i64) -> Order {
    Order {
        client_id: "c1".to_owned(),
        session: 1,
        symbol: "ETHUSDC".to_owned(),
        side: Side::Sell,
        price_e8: 300_000_000_000,
        qty_e8: 3_500_000,
        filled_e8,
        reduce_only: false,
        state,
        is_final,
        order_id: None,
        placed_ms: NOW_MS,
        updated_ms,
        reason: None,
    }
}

fn notice(code: &str) -> Notice {
    Notice {
        at_ms: NOW_MS,
        level: 1,
        code: code.to_owned(),
        symbol: None,
        text: "text".to_owned(),
    }
}

const HOUR_MS: i64 = 3_600_000;

fn funding(hour: i64, amount_e8: i64) -> Record {
    Record::Funding(Funding {
        symbol: "ETHUSDC".to_owned(),
        hour,
        asset: "USDC".to_owned(),
        amount_e8,
        at_ms: hour * HOUR_MS,
    })
}

fn funding_through(after: i64, through: i64) -> Record {
    let symbol = "ETHUSDC".to_owned();
    Record::FundingThrough {
        symbol,
        after,
        through,
    }
}

fn backfilled(from: Option<i64>, trade_id: i64) -> Record {
    let symbol = "ETHUSDC".to_owned();
    Record::Backfilled {
        symbol,
        from,
        trade_id,
    }
}

fn position(qty_e8: i64, at_ms: i64) -> Position {
    Position {
        symbol: "ETHUSDC".to_owned(),
        qty_e8,
        entry_e8: 5,
        at_ms,
    }
}

#[test]
fn session_numbers_are_durable_and_never_repeat() {
    let bench = Bench::new();
    let mut journal = bench.open();
    assert_eq!(journal.open_session(&start()).expect("a session"), 101);
    // A second process sees it at once, and gets the next.
    assert_eq!(bench.open().open_session(&start()).expect("a session"), 102);
    assert_eq!(journal.open_session(&start()).expect("a session"), 103);
    drop(journal);
    let last = bench.state().last_session.expect("a session");
    assert_eq!(
        (last.session, last.started_ms, last.ended_ms),
        (103, NOW_MS, None)
    );
    assert_eq!(last.account, "0011223344556677");
    bench.write(vec![Record::SessionEnd {
        session: 103,
        at_ms: NOW_MS + 1,
        exit: "designed".to_owned(),
    }]);
    let last = bench.state().last_session.expect("a session");
    assert_eq!(
        (last.ended_ms, last.exit.as_deref()),
        (Some(NOW_MS + 1), Some("designed"))
    );
}

#[test]
fn the_first_session_of_a_new_file_does_not_repeat_those_of_a_lost_one() {
    assert_eq!(first_session(YEAR_2026_MS), 1);
    assert_eq!(first_session(0), 1);
    assert_eq!(first_session(YEAR_2026_MS + 365 * 86_400_000), 525_601);
    assert!(u32::try_from(first_session(YEAR_2026_MS + 1000 * 365 * 86_400_000)).is_ok());
}

#[test]
fn a_session_is_synced_in_full_before_it_is_returned() {
    let bench = Bench::new();
    let journal = bench.open();
    let pragma = |name: &str| -> String {
        journal
            .connection
            .query_row(
                &format!("SELECT CAST({name} AS TEXT) FROM pragma_{name}"),
                [],
                |row| row.get(0),
            )
            .expect("a pragma")
    };
    assert_eq!(pragma("journal_mode"), "wal");
    assert_eq!(pragma("synchronous"), "2", "2 is FULL");
}

#[test]
fn a_fill_told_twice_counts_once() {
    let bench = Bench::new();
    bench.write(vec![
        Record::Fill(fill(5)),
        Record::Fill(fill(3)),
        Record::Fill(fill(5)),
    ]);
    bench.write(vec![Record::Fill(fill(3))]);
    let state = &bench.state().symbols["ETHUSDC"];
    assert_eq!(
        (state.fills, state.realized_e8, state.last_trade_id),
        (2, 200, Some(5))
    );
    assert_eq!(
        bench.reader().fills(0, i64::MAX).expect("rows"),
        [fill(3), fill(5)]
    );
    assert_eq!(bench.reader().notices(0, 0, i64::MAX).expect("rows"), []);
}

#[test]
fn a_fill_told_differently_keeps_the_first_and_says_so() {
    let bench = Bench::new();
    let mut other = fill(5);
    other.qty_e8 += 1;
    bench.write(vec![Record::Fill(fill(5)), Record::Fill(other)]);
    assert_eq!(bench.reader().fills(0, i64::MAX).expect("rows"), [fill(5)]);
    let notices = bench.reader().notices(2, 0, i64::MAX).expect("rows");
    assert_eq!(notices.len(), 1);
    assert_eq!(notices[0].code, "fill_differs");
}

#[test]
fn a_restart_knows_position_money_and_where_to_back_fill_from() {
    let bench = Bench::new();
    let mut bnb = fill(9);
    bnb.fee_asset = "BNB".to_owned();
    bnb.fee_e8 = 7;
    let mut usdc = fill(8);
    usdc.fee_e8 = -3;
    bench.write(vec![
        Record::Fill(usdc),
        Record::Fill(bnb),
        funding(1, -50),
        funding(2, 20),
        funding(1, -50),
        backfilled(None, 8),
        backfilled(None, 6),
        Record::Position(position(35, NOW_MS + 9)),
        Record::Position(position(99, NOW_MS + 8)),
    ]);
    let state = &bench.state().symbols["ETHUSDC"];
    assert_eq!(
        (state.realized_settled_e8, &state.fees_settled_e8),
        (
            100,
            &BTreeMap::from([("BNB".to_owned(), 0), ("USDC".to_owned(), -3)])
        ),
        "the second fill is beyond what is surely complete"
    );
    assert_eq!(
        state.position,
        Some(position(35, NOW_MS + 9)),
        "old news does not replace the position"
    );
    assert_eq!(state.realized_e8, 200);
    assert_eq!(
        state.fees_e8,
        BTreeMap::from([("BNB".to_owned(), 7), ("USDC".to_owned(), -3)])
    );
    assert_eq!(state.funding_e8, BTreeMap::from([("USDC".to_owned(), -30)]));
    assert_eq!(
        (state.last_trade_id, state.backfill_from),
        (Some(9), Some(9))
    );
    assert_eq!(
        (state.last_fill_ms, state.last_funding_ms),
        (Some(NOW_MS + 9), Some(2 * HOUR_MS))
    );
    assert_eq!(
        bench.reader().restart_state().expect("readable"),
        bench.state()
    );
    assert_eq!(bench.reader().funding(0, i64::MAX).expect("rows").len(), 2);
}

#[test]
fn a_later_fill_does_not_hide_a_gap_before_it() {
    let bench = Bench::new();
    bench.write(vec![
        Record::Fill(fill(100)),
        backfilled(None, 100),
        Record::Fill(fill(105)),
    ]);
    let state = &bench.state().symbols["ETHUSDC"];
    assert_eq!(
        (state.last_trade_id, state.backfill_from),
        (Some(105), Some(101))
    );
}

#[test]
fn a_later_page_of_trades_does_not_hide_a_page_that_was_not_recorded() {
    let bench = Bench::new();
    let complete = |records| {
        bench.write(records);
        bench.state().symbols["ETHUSDC"].backfill_from
    };
    // The first page was lost: nothing follows on it.
    let lost = vec![Record::Fill(fill(300)), backfilled(Some(101), 300)];
    assert_eq!(complete(lost), None);
    assert_eq!(complete(vec![backfilled(None, 100)]), Some(101));
    assert_eq!(complete(vec![backfilled(Some(201), 300)]), Some(101));
    assert_eq!(complete(vec![backfilled(Some(101), 200)]), Some(201));
    assert_eq!(complete(vec![backfilled(Some(150), 170)]), Some(201));
    assert_eq!(complete(vec![backfilled(Some(201), 300)]), Some(301));
}

#[test]
fn funding_is_complete_only_as_far_as_lists_follow_on_each_other() {
    let bench = Bench::new();
    let began = Record::Began {
        symbol: "ETHUSDC".to_owned(),
        at_ms: 10 * HOUR_MS + 5,
    };
    bench.write(vec![
        funding(9, 1_000),
        funding_through(0, 50),
        began,
        Record::Began {
            symbol: "ETHUSDC".to_owned(),
            at_ms: 99 * HOUR_MS,
        },
        funding(11, -1),
        funding(16, -20),
        funding_through(10, 15),
        // The list of 16 to 20 is missing.
        funding(21, -300),
        funding_through(20, 24),
    ]);
    let state = &bench.state().symbols["ETHUSDC"];
    assert_eq!(state.began_ms, Some(10 * HOUR_MS + 5));
    assert_eq!(state.funding_through, Some(15));
    assert_eq!(state.funding_settled_e8["USDC"], -1);
    assert_eq!(
        state.funding_e8["USDC"], -321,
        "what was paid before it began is not ours"
    );
    bench.write(vec![funding_through(14, 24)]);
    let state = &bench.state().symbols["ETHUSDC"];
    assert_eq!(state.funding_settled_e8["USDC"], -321);
}

#[test]
fn symbols_begin_before_anything_else_and_keep_their_beginning() {
    let bench = Bench::new();
    let mut journal = bench.open();
    journal.begin_symbols(["A", "B"], 7).expect("written");
    journal.begin_symbols(["B", "C"], 8).expect("written");
    // Another process sees it at once.
    let state = bench.state();
    let began = ["A", "B", "C"].map(|name| state.symbols[name].began_ms);
    assert_eq!(began, [Some(7), Some(7), Some(8)]);
}

#[test]
fn a_journal_of_the_first_schema_keeps_its_funding_and_learns_where_its_symbols_began() {
    let bench = Bench::new();
    std::fs::create_dir_all(bench.path.parent().expect("a folder")).expect("a folder");
    let old = bench.other();
    let (_, first) = MIGRATIONS[0];
    let hour = NOW_MS / HOUR_MS + 1;
    let paid = hour * HOUR_MS + 12;
    old.execute_batch(&format!(
        "{first}
         CREATE TABLE schema_migrations (version INTEGER PRIMARY KEY, name TEXT NOT NULL) STRICT;
         INSERT INTO schema_migrations VALUES (1, 'first schema');
         PRAGMA application_id = {APPLICATION_ID};
         INSERT INTO sessions VALUES (7, {NOW_MS}, 'local', 'a', '0.1.0', NULL, NULL);
         INSERT INTO funding VALUES ({0}, 'ETHUSDC', 'USDC', -5, {paid}), ({1}, 'ETHUSDC', 'USDC', -5, {paid}),
                                    ({2}, 'BTCUSDC', 'USDC', -7, {paid});
         INSERT INTO positions VALUES ('SOLUSDC', 1, 1, 1);",
        paid * 64,
        paid * 64 + 1,
        paid * 64 + 2,
    ))
    .expect("an old journal");
    drop(old);
    let state = bench.state();
    let eth = &state.symbols["ETHUSDC"];
    assert_eq!(
        eth.funding_e8["USDC"], -5,
        "told under two places of the configuration"
    );
    assert_eq!(
        eth.funding_settled_e8["USDC"], 0,
        "the exchange is asked for all of it"
    );
    assert_eq!(eth.funding_through, Some(hour - 1));
    assert_eq!(state.symbols["BTCUSDC"].funding_e8["USDC"], -7);
    for name in ["ETHUSDC", "BTCUSDC", "SOLUSDC"] {
        assert_eq!(state.symbols[name].began_ms, Some(NOW_MS), "{name}");
    }
    bench.write(vec![funding(hour, -5)]);
    let eth = &bench.state().symbols["ETHUSDC"];
    assert_eq!(
        eth.funding_e8["USDC"], -5,
        "the list of income adds nothing"
    );
}

#[test]
fn a_halt_stands_through_restarts_until_it_is_cleared() {
    let bench = Bench::new();
    let halt = |scope: &str| Halt {
        scope: scope.to_owned(),
        reason: "stop-loss".to_owned(),
        since_ms: NOW_MS,
        until_ms: None,
    };
    bench.write(vec![Record::Halt(halt("*")), Record::Halt(halt("ETHUSDC"))]);
    assert_eq!(bench.state().halts, [halt("*"), halt("ETHUSDC")]);
    bench.write(vec![Record::HaltCleared {
        scope: "*".to_owned(),
        at_ms: NOW_MS + 1,
        by: "cli".to_owned(),
    }]);
    assert_eq!(bench.state().halts, [halt("ETHUSDC")]);
}

#[test]
fn an_order_never_comes_back_from_its_final_state() {
    let bench = Bench::new();
    let mut acknowledged = order("live", false, 0, NOW_MS + 1);
    acknowledged.order_id = Some(42);
    bench.write(vec![
        Record::Order(order("placing", false, 0, NOW_MS)),
        Record::Order(acknowledged),
    ]);
    let unfinished = bench.state().unfinished;
    assert_eq!(unfinished.len(), 1);
    assert_eq!(
        (
            unfinished[0].client_id.as_str(),
            unfinished[0].state.as_str()
        ),
        ("c1", "live")
    );
    bench.write(vec![
        Record::Order(order("done", true, 3_500_000, NOW_MS + 3)),
        Record::Order(order("live", false, 100, NOW_MS + 2)),
    ]);
    assert_eq!(bench.state().unfinished, []);
    let row: (String, i64, i64) = bench
        .other()
        .query_row("SELECT state, filled_e8, order_id FROM orders", [], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })
        .expect("the order");
    assert_eq!(row, ("done".to_owned(), 3_500_000, 42));
}

#[test]
fn every_kind_of_record_is_written() {
    let bench = Bench::new();
    let equity = Equity {
        at_ms: NOW_MS,
        asset: "USDC".to_owned(),
        wallet_e8: 1,
        unrealized_e8: -1,
    };
    bench.write(vec![
        Record::Equity(equity.clone()),
        Record::Sample(SymbolSample {
            at_ms: NOW_MS,
            symbol: "ETHUSDC".to_owned(),
            position_e8: 1,
            mid_e8: 2,
        }),
        Record::Operator(OperatorAction {
            at_ms: NOW_MS,
            who: "cli".to_owned(),
            action: "pause".to_owned(),
            detail: String::new(),
        }),
        Record::Config(ConfigChange {
            at_ms: NOW_MS,
            key: "k".to_owned(),
            old_value: None,
            new_value: Some("1".to_owned()),
        }),
        Record::Notice(notice("stall")),
    ]);
    assert_eq!(
        bench.reader().equity(NOW_MS, NOW_MS + 1).expect("rows"),
        [equity]
    );
    assert_eq!(
        bench.reader().notices(1, 0, i64::MAX).expect("rows"),
        [notice("stall")]
    );
    for table in ["symbol_samples", "operator_actions", "config_changes"] {
        let count: i64 = bench
            .other()
            .query_row(&format!("SELECT count(*) FROM {table}"), [], |row| {
                row.get(0)
            })
            .expect("a count");
        assert_eq!(count, 1, "{table}");
    }
}

#[test]
fn pruning_forgets_only_old_and_finished_things_a_bounded_number_at_a_time() {
    let bench = Bench::new();
    let count = |table: &str| -> i64 {
        bench
            .other()
            .query_row(&format!("SELECT count(*) FROM {table}"), [], |row| {
                row.get(0)
            })
            .expect("a count")
    };
    let many = store::PRUNE_ROWS_MAX + 1;
    let mut records: Vec<Record> = (0..many)
        .map(|number| {
            let mut order = order("done", true, 0, NOW_MS + number);
            order.client_id = format!("c{number}");
            Record::Order(order)
        })
        .collect();
    let mut open = order("live", false, 0, NOW_MS);
    open.client_id = "open".to_owned();
    records.extend([
        Record::Order(open),
        Record::Notice(notice("old")),
        Record::Fill(fill(1)),
    ]);
    bench.write(records);
    bench.write(vec![Record::Prune { before_ms: NOW_MS }]);
    assert_eq!(count("orders"), many + 1, "nothing is that old");
    let prune = Record::Prune {
        before_ms: NOW_MS + many,
    };
    bench.write(vec![prune.clone()]);
    assert_eq!(count("orders"), 2);
    bench.write(vec![prune]);
    assert_eq!(count("orders"), 1);
    assert_eq!(bench.state().unfinished[0].client_id, "open");
    assert_eq!((count("notices"), count("fills")), (0, 1));
}

/// A writer that cannot write because another connection holds the file.
fn blocked(bench: &Bench, limits: Limits) -> (Writer, Connection) {
    let journal = bench.open();
    journal
        .connection
        .busy_timeout(Duration::ZERO)
        .expect("a pragma");
    let blocker = bench.other();
    blocker.execute_batch("BEGIN IMMEDIATE").expect("the lock");
    let writer = Writer::start(journal.connection, limits).expect("a thread");
    (writer, blocker)
}

fn flush(recorder: &Recorder) {
    // A full queue refuses a flush too; the writer is emptying it.
    while !recorder.flush(Duration::from_secs(60)) {
        std::thread::yield_now();
    }
}

#[test]
fn a_full_queue_gives_a_fill_back_and_loses_none() {
    let bench = Bench::new();
    let (writer, blocker) = blocked(
        &bench,
        Limits {
            books_max: 8,
            routine_max: 8,
        },
    );
    let recorder = writer.recorder();
    let mut taken = Vec::new();
    let returned = loop {
        let next = fill(taken.len() as i64);
        match recorder.record(Record::Fill(next.clone())) {
            Ok(()) => taken.push(next),
            Err(backlog) => break backlog,
        }
        assert!(taken.len() <= 16, "one batch and one queue at most");
    };
    assert_eq!(
        returned,
        Backlog::Returned(Box::new(Record::Fill(fill(taken.len() as i64))))
    );
    let status = recorder.status();
    assert_eq!(
        (status.waiting, status.returned_total, status.written_total),
        (taken.len(), 1, 0)
    );

    blocker
        .execute_batch("ROLLBACK")
        .expect("the lock is given up");
    flush(&recorder);
    assert_eq!(bench.reader().fills(0, i64::MAX).expect("rows"), taken);
    let status = recorder.status();
    assert_eq!(
        (status.waiting, status.written_total, status.error),
        (0, taken.len() as u64, None)
    );
}

#[test]
fn a_flood_of_routine_records_does_not_push_out_a_fill() {
    let bench = Bench::new();
    let (writer, blocker) = blocked(
        &bench,
        Limits {
            books_max: 8,
            routine_max: 8,
        },
    );
    let recorder = writer.recorder();
    let mut dropped = 0;
    for _ in 0..1000 {
        if let Err(backlog) = recorder.record(Record::Notice(notice("flood"))) {
            dropped += 1;
            assert_eq!(backlog, Backlog::Dropped { total: dropped });
        }
    }
    assert!(dropped >= 1000 - 16, "{dropped}");
    recorder
        .record(Record::Fill(fill(1)))
        .expect("the books have their own room");
    blocker
        .execute_batch("ROLLBACK")
        .expect("the lock is given up");
    flush(&recorder);
    assert_eq!(bench.reader().fills(0, i64::MAX).expect("rows"), [fill(1)]);
    let status = recorder.status();
    assert_eq!(
        (status.dropped_total, status.written_total),
        (dropped, 1001 - dropped)
    );
}

#[test]
fn a_refusing_disk_is_reported_and_tried_again() {
    let bench = Bench::new();
    let (writer, blocker) = blocked(&bench, Limits::default());
    let recorder = writer.recorder();
    recorder.record(Record::Fill(fill(1))).expect("room");
    while recorder.status().error.is_none() {
        std::thread::yield_now();
    }
    assert_eq!(recorder.status().waiting, 1);
    assert!(!recorder.flush(Duration::from_millis(1)));
    blocker
        .execute_batch("ROLLBACK")
        .expect("the lock is given up");
    flush(&recorder);
    assert_eq!(recorder.status().error, None);
    writer.close().expect("nothing is left");
    assert_eq!(
        recorder.record(Record::Fill(fill(2))),
        Err(Backlog::Returned(Box::new(Record::Fill(fill(2))))),
        "a closed journal gives records back"
    );
    assert_eq!(
        recorder.record(Record::Notice(notice("late"))),
        Err(Backlog::Dropped { total: 1 })
    );
}

#[test]
fn closing_gives_up_on_a_disk_that_keeps_refusing_and_says_what_is_lost() {
    let bench = Bench::new();
    let (writer, _blocker) = blocked(&bench, Limits::default());
    writer
        .recorder()
        .record(Record::Fill(fill(1)))
        .expect("room");
    let unwritten = writer.close().expect_err("the disk refuses");
    assert_eq!(unwritten.records, 1);
    assert!(unwritten.to_string().contains("locked"), "{unwritten}");
}

/// Stands for a mistake of ours in the writing of one record.
pub(super) fn panic_over_poison(record: &Record) {
    if let Record::Notice(notice) = record {
        assert!(notice.code != "poison", "a poisonous record");
    }
}

#[test]
fn a_record_over_which_the_writer_panics_costs_that_record_only() {
    let bench = Bench::new();
    let writer = bench.open().start().expect("a thread");
    let recorder = writer.recorder();
    for record in [
        Record::Fill(fill(1)),
        Record::Notice(notice("poison")),
        Record::Notice(notice("good")),
        Record::Fill(fill(2)),
    ] {
        recorder.record(record).expect("room");
    }
    flush(&recorder);
    recorder.record(Record::Fill(fill(3))).expect("room");
    flush(&recorder);
    let status = recorder.status();
    assert_eq!((status.refused_total, status.waiting), (1, 0));
    assert_eq!(status.error, None);
    writer.close().expect("everything else is written");
    assert_eq!(bench.state().symbols["ETHUSDC"].fills, 3);
}

#[test]
fn one_wrong_record_does_not_hold_up_the_others() {
    let bench = Bench::new();
    drop(bench.open());
    bench
        .other()
        .execute_batch("CREATE TRIGGER t BEFORE INSERT ON notices WHEN new.code = 'bad' BEGIN SELECT RAISE(ABORT, 'no'); END")
        .expect("a trigger");
    let writer = bench.open().start().expect("a thread");
    let recorder = writer.recorder();
    for record in [
        Record::Notice(notice("bad")),
        Record::Fill(fill(1)),
        Record::Notice(notice("good")),
    ] {
        recorder.record(record).expect("room");
    }
    flush(&recorder);
    assert_eq!(recorder.status().refused_total, 1);
    assert_eq!(
        bench.reader().notices(0, 0, i64::MAX).expect("rows"),
        [notice("good")]
    );
    assert_eq!(bench.reader().fills(0, i64::MAX).expect("rows"), [fill(1)]);
}

#[test]
fn opening_again_migrates_nothing_twice() {
    let bench = Bench::new();
    for _ in 0..3 {
        drop(bench.open());
    }
    let count: i64 = bench
        .other()
        .query_row("SELECT count(*) FROM schema_migrations", [], |row| {
            row.get(0)
        })
        .expect("a count");
    assert_eq!(count as usize, MIGRATIONS.len());
}

#[test]
fn files_that_are_no_journal_are_refused_with_what_to_do() {
    let bench = Bench::new();
    std::fs::create_dir_all(bench.path.parent().expect("the folder")).expect("the folder");
    std::fs::write(
        &bench.path,
        "this is not a database, it only looks like a file of one",
    )
    .expect("a file");
    let refusal = bench.refusal().to_string();
    let name = bench.path.display().to_string();
    assert!(
        refusal.contains("is not a usable journal")
            && refusal.contains(&format!("mv {name} {name}.damaged")),
        "{refusal}"
    );

    std::fs::remove_file(&bench.path).expect("the file");
    bench
        .other()
        .execute_batch("CREATE TABLE theirs (x)")
        .expect("their table");
    let refusal = bench.refusal().to_string();
    assert!(refusal.contains("another program's database"), "{refusal}");
}

#[test]
fn a_damaged_page_is_found_when_the_journal_is_opened() {
    let bench = Bench::new();
    bench.write((0..2000).map(|id| Record::Fill(fill(id))).collect());
    bench
        .other()
        .execute_batch("PRAGMA wal_checkpoint(TRUNCATE)")
        .expect("a checkpoint");
    let mut bytes = std::fs::read(&bench.path).expect("the file");
    let middle = bytes.len() / 2 / 4096 * 4096;
    bytes[middle..middle + 4096].fill(0xff);
    std::fs::write(&bench.path, &bytes).expect("the file");
    let refusal = bench.refusal();
    assert!(
        matches!(refusal, JournalError::Damaged { .. }),
        "{refusal:?}"
    );
}

#[test]
fn a_journal_of_a_newer_version_is_left_alone() {
    let bench = Bench::new();
    drop(bench.open());
    bench
        .other()
        .execute(
            "INSERT INTO schema_migrations (version, name) VALUES (99, 'future')",
            [],
        )
        .expect("a row");
    let refusal = bench.refusal();
    assert!(
        matches!(refusal, JournalError::Newer { found: 99, .. }),
        "{refusal:?}"
    );
}

#[test]
fn a_journal_that_does_not_exist_cannot_be_read() {
    let bench = Bench::new();
    assert!(Reader::open(&bench.path).is_err());
    assert!(!bench.path.exists());
}

const CHILD_PATH: &str = "PHOENIX_TEST_JOURNAL";

/// Not a test of its own: the process that the next test kills.
#[test]
#[ignore = "started by kill_nine_loses_nothing_that_was_written"]
fn child_that_writes_until_it_is_killed() {
    let Some(path) = std::env::var_os(CHILD_PATH) else {
        return;
    };
    let mut journal = Journal::open(Path::new(&path)).expect("a good journal");
    let session = journal.open_session(&start()).expect("a session");
    println!("\nsession {session}");
    let writer = journal.start().expect("a thread");
    let recorder = writer.recorder();
    for id in 0..i64::MAX {
        recorder
            .record(Record::Position(position(id, NOW_MS + id)))
            .expect("room");
        recorder.record(Record::Fill(fill(id))).expect("room");
        if id % 16 == 0 {
            assert!(recorder.flush(Duration::from_secs(60)));
            println!("\nwritten {id}");
        }
    }
}

fn lines_of(child: &mut std::process::Child) -> Receiver<String> {
    let (sender, lines) = channel();
    let output = child.stdout.take().expect("a pipe");
    std::thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    lines
}

#[test]
fn kill_nine_loses_nothing_that_was_written() {
    let bench = Bench::new();
    let mut sessions = Vec::new();
    // Killed at different depths of the same file.
    for enough in [0, 100, 400] {
        let mut child = Command::new(std::env::current_exe().expect("this test"))
            .args([
                "--exact",
                "--ignored",
                "--nocapture",
                "journal::tests::child_that_writes_until_it_is_killed",
            ])
            .env(CHILD_PATH, &bench.path)
            .stdout(Stdio::piped())
            .spawn()
            .expect("a child");
        let lines = lines_of(&mut child);
        let (mut session, mut written) = (None, -1);
        while written < enough {
            let line = lines
                .recv_timeout(Duration::from_secs(60))
                .expect("the child writes");
            if let Some(number) = line.strip_prefix("session ") {
                session = number.parse::<u32>().ok();
            }
            if let Some(id) = line.strip_prefix("written ") {
                written = id.parse().expect("a number");
            }
        }
        child.kill().expect("the child lives");
        child.wait().expect("its end");

        let state = bench.state();
        let last = state.last_session.expect("a session");
        assert_eq!(Some(last.session), session);
        assert_eq!(
            last.ended_ms, None,
            "a killed session did not end by design"
        );
        sessions.push(last.session);
        let symbol = &state.symbols["ETHUSDC"];
        let last_id = symbol.last_trade_id.expect("fills");
        assert!(last_id >= written, "{last_id} < {written}");
        assert_eq!(symbol.fills, last_id + 1, "no gap");
        let position = symbol.position.as_ref().expect("a position");
        assert!(
            position.qty_e8 >= last_id,
            "the position was recorded before its fill"
        );
    }
    assert!(
        sessions.windows(2).all(|pair| pair[0] < pair[1]),
        "{sessions:?}"
    );
}
