use super::facts::{
    BookCheck, Facts, Halt, HaltKind, JournalFacts, Phase, SideFacts, StreamFacts, SymbolFacts,
    Watchdog, Worst,
};
use super::*;

/// A process in the best of states, on one symbol.
pub(super) fn healthy() -> Facts {
    Facts {
        pid: 42,
        account: "0011".to_owned(),
        config_file: Some("phoenix.yaml".to_owned()),
        state_dir: "data".to_owned(),
        kill_file: "data/KILL".to_owned(),
        phase: Phase::Running,
        uptime_s: 600.0,
        watchdog: Watchdog::Connected,
        engine_cycle_age_s: Some(0.2),
        cold_cycle_age_s: Some(0.1),
        is_lock_ours: Some(true),
        request_weight_share: Some(0.1),
        order_limit_share: Some(0.1),
        listen_key_age_s: Some(60.0),
        listen_key_renew_s: 1_800.0,
        journal: Some(JournalFacts {
            commit_age_s: Some(1.0),
            ..JournalFacts::default()
        }),
        disk_free_bytes: Some(50_000_000_000),
        clock_offset_s: Some(-0.003),
        clock_measured_age_s: Some(10.0),
        was_armed: true,
        symbols: vec![symbol()],
        ..Facts::default()
    }
}

fn symbol() -> SymbolFacts {
    let stream = |name, age, is_judged| StreamFacts {
        name,
        age_s: Some(age),
        is_judged,
        suspect_after_s: None,
    };
    let full = SideFacts {
        resting: 18,
        expected: 18,
    };
    SymbolFacts {
        name: "ETHUSDC".to_owned(),
        age_s: 600.0,
        was_ready: true,
        mode: "normal".to_owned(),
        streams: vec![
            stream("depth", 0.1, true),
            stream("mark", 0.9, true),
            stream("trade", 700.0, false),
        ],
        event_lag_s: Some(0.02),
        book_check: Some(BookCheck {
            age_s: 8.0,
            agrees: true,
        }),
        quote_age_s: Some(0.4),
        buy: full,
        sell: full,
        round_trip_s: Some(0.004),
        cancels_per_min_limit: 50,
        punishment_share: Some(0.1),
        position_share: Some(0.2),
        worst_case_share: Some(0.6),
        open_orders: 36,
        dead_man_left_s: Some(25.0),
        worst: Worst {
            open_orders: 36,
            open_orders_limit: 38,
            was_full: true,
            ..Worst::default()
        },
        ..SymbolFacts::default()
    }
}

/// The judgement after a change of the facts and of the symbol.
fn after(change: impl FnOnce(&mut Facts, &mut SymbolFacts)) -> (Facts, Health) {
    let mut facts = healthy();
    let mut symbol = facts.symbols.remove(0);
    change(&mut facts, &mut symbol);
    facts.symbols.push(symbol);
    let health = judge(&facts);
    (facts, health)
}

/// That after the change exactly this check has that status, and all others are healthy.
fn check(name: &str, status: Status, change: impl FnOnce(&mut Facts, &mut SymbolFacts)) -> Check {
    let (_, health) = after(change);
    let others: Vec<&Check> = health
        .checks
        .iter()
        .filter(|c| c.status != Status::Healthy && c.name != name)
        .collect();
    assert!(others.is_empty(), "{name}: {others:?}");
    let found = health.checks.iter().filter(|c| c.name == name);
    let found = found.max_by_key(|c| c.status).expect(name).clone();
    assert_eq!(found.status, status, "{found:?}");
    assert_eq!(health.status, status);
    assert_eq!(found.next.is_some(), status != Status::Healthy, "{found:?}");
    if let Some(next) = &found.next {
        assert!(!next.contains(['{', '}']) || next.contains("%{"), "{next}");
    }
    found
}

fn stream(symbol: &mut SymbolFacts, name: &str, age: Option<f64>) {
    for stream in symbol.streams.iter_mut().filter(|s| s.name == name) {
        stream.age_s = age;
    }
}

#[test]
fn a_process_in_the_best_of_states_is_healthy_and_keeps_every_promise() {
    let facts = healthy();
    let health = judge(&facts);
    let bad: Vec<&Check> = health
        .checks
        .iter()
        .filter(|c| c.status != Status::Healthy)
        .collect();
    assert!(bad.is_empty(), "{bad:?}");
    assert_eq!(health.status, Status::Healthy);
    assert_eq!(health.promises.len(), 9);
    assert!(
        health.promises.values().all(|kept| *kept == Some(true)),
        "{:?}",
        health.evidence
    );
    assert!(is_live(&facts) && is_ready(&facts));
}

#[test]
fn each_figure_is_judged_at_its_thresholds() {
    use Status::{Healthy, Severe, Warning};
    type Change = fn(&mut Facts, &mut SymbolFacts, f64);
    type Row = (&'static str, Change, [(f64, Status); 3]);
    let table: [Row; 17] = [
        (
            "account_check",
            |_, s, v| s.reconciled_age_s = Some(v),
            [(90.0, Healthy), (91.0, Warning), (301.0, Severe)],
        ),
        (
            "engine_cycle_age",
            |f, _, v| f.engine_cycle_age_s = Some(v),
            [(2.0, Healthy), (5.0, Warning), (5.1, Severe)],
        ),
        (
            "cold_cycle_age",
            |f, _, v| f.cold_cycle_age_s = Some(v),
            [(2.0, Healthy), (2.1, Warning), (5.1, Severe)],
        ),
        (
            "depth_age",
            |_, s, v| stream(s, "depth", Some(v)),
            [(3.0, Healthy), (3.1, Warning), (5.1, Severe)],
        ),
        (
            "mark_age",
            |_, s, v| stream(s, "mark", Some(v)),
            [(3.0, Healthy), (3.1, Warning), (5.1, Severe)],
        ),
        (
            "trade_age",
            |_, s, v| stream(s, "trade", Some(v)),
            [(1.0, Healthy), (1e3, Healthy), (1e6, Healthy)],
        ),
        (
            "orders_two_sided",
            |_, s, v| s.sell.resting = v as usize,
            [(13.0, Healthy), (12.0, Warning), (0.0, Severe)],
        ),
        (
            "quote_age",
            |_, s, v| s.quote_age_s = Some(v),
            [(119.0, Healthy), (121.0, Warning), (301.0, Severe)],
        ),
        (
            "errors_per_minute",
            |f, _, v| f.errors_last_min = v as u64,
            [(5.0, Healthy), (6.0, Warning), (11.0, Severe)],
        ),
        (
            "panics_5_min",
            |f, _, v| f.panics_last_5_min = v as u64,
            [(0.0, Healthy), (1.0, Warning), (5.0, Severe)],
        ),
        (
            "connections_down",
            |f, _, v| f.links_down = vec!["user".to_owned(); v as usize],
            [(0.0, Healthy), (1.0, Warning), (3.0, Severe)],
        ),
        (
            "listen_key_age",
            |f, _, v| f.listen_key_age_s = Some(v),
            [(1_900.0, Healthy), (2_101.0, Warning), (3_601.0, Severe)],
        ),
        (
            "request_weight",
            |f, _, v| f.request_weight_share = Some(v),
            [(0.8, Healthy), (0.81, Warning), (0.96, Severe)],
        ),
        (
            "cancels_per_minute",
            |_, s, v| s.cancels_last_min = v as u32,
            [(49.0, Healthy), (50.0, Warning), (51.0, Severe)],
        ),
        (
            "position",
            |_, s, v| s.position_share = Some(v),
            [(0.5, Healthy), (0.51, Warning), (1.01, Severe)],
        ),
        (
            "dead_man",
            |_, s, v| s.dead_man_left_s = Some(v),
            [(6.0, Healthy), (4.0, Warning), (0.0, Severe)],
        ),
        (
            "disk_free",
            |f, _, v| f.disk_free_bytes = Some(v as u64),
            [(1e9, Healthy), (5e8, Warning), (1e7, Severe)],
        ),
    ];
    for (name, change, edges) in table {
        for (value, status) in edges {
            let found = check(name, status, |f, s| change(f, s, value));
            assert!(found.value.is_some(), "{name}");
        }
    }
}

#[test]
fn what_an_operator_wanted_is_a_warning_and_says_how_to_resume() {
    for left_s in [None, Some(10.0)] {
        let (facts, health) = after(|f, s| {
            f.halt = Some(Halt {
                kind: HaltKind::Operator,
                reason: "killed".to_owned(),
                left_s,
            });
            s.obstacle = Some("halt".to_owned());
            (s.buy, s.sell, s.open_orders) = (SideFacts::default(), SideFacts::default(), 0);
            s.dead_man_left_s = None;
        });
        assert_eq!(health.status, Status::Warning);
        let next = health
            .checks
            .iter()
            .find(|c| c.name == "halt")
            .and_then(|c| c.next.clone());
        assert_eq!(
            next.as_deref(),
            Some("wanted so; to quote again: rm -f data/KILL; kill -USR2 42")
        );
        assert!(is_ready(&facts), "a designed pause is ready");
    }
}

#[test]
fn a_halt_for_trouble_is_severe() {
    let (facts, health) = after(|f, s| {
        f.halt = Some(Halt {
            kind: HaltKind::Trouble,
            reason: "stop-loss".to_owned(),
            left_s: None,
        });
        s.obstacle = Some("halt".to_owned());
    });
    assert_eq!(health.status, Status::Severe);
    assert!(!is_ready(&facts));
    let halt = health
        .checks
        .iter()
        .find(|c| c.name == "halt")
        .expect("a line");
    assert!(halt.text.contains("until somebody resumes"), "{halt:?}");
}

#[test]
fn an_obstacle_is_severe_except_while_the_symbol_boots() {
    for (was_ready, age_s, status) in [
        (false, 5.0, Status::Warning),
        (false, 31.0, Status::Severe),
        (true, 5.0, Status::Severe),
    ] {
        check("orders_two_sided", status, |_, s| {
            s.obstacle = Some("market data are not fresh".to_owned());
            (s.was_ready, s.age_s) = (was_ready, age_s);
        });
    }
}

#[test]
fn a_side_that_is_not_wanted_is_not_missed() {
    check("orders_two_sided", Status::Healthy, |_, s| {
        s.buy = SideFacts::default();
        s.mode = "reduce-only".to_owned();
    });
    check("orders_two_sided", Status::Severe, |_, s| {
        (s.buy, s.sell) = (SideFacts::default(), SideFacts::default());
    });
}

#[test]
fn orders_without_a_dead_man_switch_are_severe_and_nothing_resting_needs_none() {
    check("dead_man", Status::Severe, |_, s| s.dead_man_left_s = None);
    check("dead_man", Status::Healthy, |_, s| {
        (s.dead_man_left_s, s.open_orders) = (None, 0);
    });
}

#[test]
fn a_book_that_differs_is_a_warning_and_a_disk_that_refuses_is_severe() {
    check("book_check", Status::Warning, |_, s| {
        s.book_check = Some(BookCheck {
            age_s: 1.0,
            agrees: false,
        });
    });
    let found = check("journal_lag", Status::Severe, |f, _| {
        f.journal = Some(JournalFacts {
            error: Some("disk full".to_owned()),
            ..JournalFacts::default()
        });
    });
    assert_eq!(
        found.next.as_deref(),
        Some("make room or mend the disk, records wait in memory: df -h data")
    );
}

#[test]
fn a_lost_watchdog_warns_and_a_lost_lock_is_severe() {
    check("watchdog", Status::Healthy, |f, _| {
        f.watchdog = Watchdog::None
    });
    let lost = check("watchdog", Status::Warning, |f, _| {
        f.watchdog = Watchdog::Lost
    });
    assert!(
        lost.next
            .is_some_and(|n| n.ends_with("kill -TERM 42; phoenix watchdog -c phoenix.yaml"))
    );
    check("account_lock", Status::Severe, |f, _| {
        f.is_lock_ours = Some(false)
    });
}

#[test]
fn without_a_configuration_file_commands_name_none() {
    let found = check("worst_case", Status::Severe, |f, s| {
        f.config_file = None;
        s.worst_case_share = Some(1.2);
    });
    assert_eq!(
        found.next.as_deref(),
        Some("cancel everything: phoenix emergency cancel-all")
    );
}

#[test]
fn a_process_that_boots_is_live_and_not_ready_and_its_promises_are_unknown() {
    let facts = Facts {
        phase: Phase::Booting,
        is_lock_ours: Some(true),
        ..Facts::default()
    };
    let health = judge(&facts);
    assert_eq!(health.status, Status::Warning);
    assert!(is_live(&facts) && !is_ready(&facts));
    assert!(
        health.promises.values().all(Option::is_none),
        "{:?}",
        health.promises
    );
    let late = judge(&facts.aged(121.0));
    assert_eq!(late.status, Status::Severe);
}

#[test]
fn a_hot_thread_that_hangs_is_not_live() {
    let facts = healthy().aged(4.7);
    assert!(is_live(&facts));
    assert!(!is_live(&facts.aged(0.2)));
}

#[test]
fn each_promise_can_be_broken() {
    type Change = fn(&mut Facts, &mut SymbolFacts);
    let table: [(&str, Change); 8] = [
        ("fresh", |_, s| s.worst.left_at_risk_s = 4.1),
        ("bounded", |_, s| s.worst.position_share = 1.01),
        ("exit_open", |_, s| s.worst.exits_refused = 1),
        ("accounted", |_, s| s.worst.open_orders = 39),
        ("alive", |_, s| s.worst.recovery_s = 10.1),
        ("polite", |f, _| f.bans = 1),
        ("dead_man", |_, s| s.worst.unarmed_s = 5.1),
        ("durable", |f, _| {
            f.journal = Some(JournalFacts {
                lost_total: 1,
                ..JournalFacts::default()
            });
        }),
    ];
    for (name, change) in table {
        let (_, health) = after(change);
        let broken: Vec<&String> = health
            .promises
            .iter()
            .filter(|(_, kept)| **kept == Some(false))
            .map(|(name, _)| name)
            .collect();
        assert_eq!(broken, [name], "{:?}", health.evidence);
    }
}

#[test]
fn an_answer_survives_the_way_over_the_wire_and_nothing_unknown_becomes_zero() {
    let (_, health) = after(|f, s| {
        f.clock_offset_s = None;
        s.position_share = Some(f64::NAN);
    });
    let text = serde_json::to_string(&health).expect("JSON");
    assert!(text.contains("\"status\":\"healthy\""), "{text}");
    let back: Health = serde_json::from_str(&text).expect("the same");
    assert_eq!(back, health);
    let value = |name: &str| {
        back.checks
            .iter()
            .find(|c| c.name == name)
            .expect(name)
            .value
    };
    assert_eq!((value("clock_offset"), value("position")), (None, None));
}
