//! A clean drill passes; each promise and each limit is seen to be broken when its evidence is doctored.

use super::super::ledger::{Number, Side};
use super::super::score::Verdict;
use super::super::timeline::tests::{RULES, fill, order};
use super::super::{LOST_TRACK, PLAIN, QUIET};
use super::*;

const S: u64 = 1_000_000;
const FULL: u64 = 10 * S;
const FAULT: u64 = 20 * S;
const OVER: u64 = 28 * S;
const END: u64 = 40 * S;

fn drill() -> Drill {
    Drill {
        name: "doctored",
        about: "A test.",
        production: "Nothing.",
        plays: &[],
        setting: PLAIN,
        steps: &[],
        expect: Expect {
            detect: Some((&["stream_dead"], 1.5)),
            is_blind: true,
            off_book_s: Some(2.0),
            ..QUIET
        },
    }
}

fn ladder(from: u64, to: Option<u64>) -> Vec<Order> {
    [Side::Buy, Side::Sell]
        .into_iter()
        .flat_map(|side| std::iter::repeat_n(order(side, from, to), 18))
        .collect()
}

fn sample(at: u64, open: u64, armed: bool) -> Ledger {
    let deadline = if armed {
        (at + 30 * S).to_string()
    } else {
        "null".to_owned()
    };
    let text = format!(
        r#"{{"now_us":{at},"accounts":[{{"wallets":{{"USDC":"100000"}},"symbols":[{{"symbol":"ETHUSDC","open_orders":{open},
        "position":"0","long_exposure_max":"0.9","short_exposure_min":"-0.9","mid":"2500","dead_man_deadline_us":{deadline}}}],
        "requests":{{"weight_1m":500,"orders_10s":40,"orders_1m":80}}}}]}}"#
    );
    serde_json::from_str(&text).expect("a ledger")
}

/// Full, struck, said after 1 s, empty after 1.5 s, over after 8 s, full again 2 s later, ended in order.
fn clean() -> Evidence {
    let mut orders = ladder(FULL, Some(FAULT + S + S / 2));
    orders.extend(ladder(OVER + 2 * S, Some(END + S)));
    let mut samples: Vec<Ledger> = Vec::new();
    for at in (FULL..END).step_by(S as usize / 2) {
        let open = orders
            .iter()
            .filter(|o| o.accepted_us <= at && o.done_us.is_none_or(|d| d > at))
            .count();
        samples.push(sample(at, open as u64, true));
    }
    Evidence {
        symbols: vec![("ETHUSDC".to_owned(), RULES)],
        marks: Marks {
            full_us: FULL,
            fault_us: FAULT,
            over_us: OVER,
            end_us: END,
        },
        orders,
        samples,
        last: Some(sample(END + S, 0, false)),
        log: vec![Line {
            at_us: FAULT + S,
            level: "WARN".to_owned(),
            code: "stream_dead".to_owned(),
            text: String::new(),
        }],
        summary: Some(
            serde_json::json!({"promises": {"bounded": true, "exit_open": true, "durable": true}}),
        ),
        exit: Some(0),
        books: Some(BTreeMap::from([("ETHUSDC".to_owned(), Books::default())])),
        ..Evidence::default()
    }
}

/// The promises that a doctored copy of the clean evidence breaks.
fn broken(doctor: impl FnOnce(&mut Evidence)) -> Vec<&'static str> {
    let mut evidence = clean();
    doctor(&mut evidence);
    judge(&drill(), &evidence).promises_broken()
}

/// The limits that it misses.
fn missed(doctor: impl FnOnce(&mut Evidence)) -> Vec<&'static str> {
    let mut evidence = clean();
    doctor(&mut evidence);
    let card = judge(&drill(), &evidence);
    card.limits
        .iter()
        .filter(|l| !l.is_kept)
        .map(|l| l.what)
        .collect()
}

fn last_symbol(evidence: &mut Evidence) -> &mut super::super::ledger::Symbol {
    &mut evidence.last.as_mut().expect("a ledger").accounts[0].symbols[0]
}

#[test]
fn a_clean_drill_passes_with_the_times_of_the_ledger() {
    let card = judge(&drill(), &clean());
    assert_eq!(card.misses(), Vec::<String>::new());
    assert_eq!(card.verdict(), Verdict::Passed);
    assert_eq!((card.detect_s, card.off_book_s), (Some(1.0), Some(1.5)));
    assert_eq!(
        (card.recovered_s, card.time_at_risk_s),
        (Some(2.0), Some(1.5))
    );
    assert_eq!(
        (card.exposure_max, card.exposure_max_base),
        (Some(0.45), Some(0.9))
    );
    assert_eq!(card.loss_quote, Some(0.0));
}

#[test]
fn an_exposure_beyond_net_max_breaks_bounded_on_either_side() {
    assert_eq!(
        broken(|e| last_symbol(e).long_exposure_max = Number(2.001)),
        ["bounded"]
    );
    assert_eq!(
        broken(|e| last_symbol(e).short_exposure_min = Number(-2.001)),
        ["bounded"]
    );
    assert!(broken(|e| last_symbol(e).long_exposure_max = Number(2.0)).is_empty());
}

#[test]
fn orders_on_dead_data_break_fresh() {
    let sent_late = order(Side::Buy, FAULT + 4 * S, Some(FAULT + 4 * S + 1));
    assert_eq!(broken(|e| e.orders.push(sent_late)), ["fresh"]);
    let left = order(Side::Buy, FULL, Some(FAULT + 5 * S));
    assert_eq!(broken(|e| e.orders.push(left)), ["fresh"]);
}

#[test]
fn a_position_without_a_way_out_breaks_exit_open() {
    let found = broken(|e| {
        e.orders
            .retain(|o| o.side == Side::Buy || o.accepted_us < FAULT);
        e.fills.push(fill(Side::Buy, 0.1, 2_500.0, FAULT));
        last_symbol(e).position = Number(0.1);
        let books = Books {
            position: 0.1,
            fills: 1,
        };
        e.books = Some(BTreeMap::from([("ETHUSDC".to_owned(), books)]));
    });
    assert_eq!(found, ["alive", "exit_open"]);
}

#[test]
fn orders_left_behind_and_too_many_break_accounted() {
    assert_eq!(broken(|e| last_symbol(e).open_orders = 1), ["accounted"]);
    assert_eq!(broken(|e| e.last = None), ["accounted"]);
    let more = std::iter::repeat_n(order(Side::Buy, FULL, Some(FULL + S)), 3);
    assert_eq!(broken(|e| e.orders.extend(more)), ["accounted"]);
}

#[test]
fn no_or_late_recovery_breaks_alive() {
    assert_eq!(
        broken(|e| e.orders.retain(|o| o.accepted_us < FAULT)),
        ["alive"]
    );
    let late = |e: &mut Evidence| {
        e.orders.retain(|o| o.accepted_us < FAULT);
        e.orders.extend(ladder(OVER + 11 * S, Some(END + S)));
    };
    assert_eq!(broken(late), ["alive"]);
    assert_eq!(missed(late), ["recovered_s"]);
}

#[test]
fn orders_that_nobody_could_cancel_are_no_recovery() {
    let say = |e: &mut Evidence, at: u64, code: &str, text: &str| {
        e.log.push(Line {
            at_us: at,
            level: "INFO".to_owned(),
            code: code.to_owned(),
            text: text.to_owned(),
        });
    };
    let down = |e: &mut Evidence| say(e, FAULT + 1, "link_down", "User connection is down");
    assert_eq!(broken(down), ["alive"]);
    let other = |e: &mut Evidence| {
        down(e);
        say(e, OVER + S, "link_up", "Public connection is up");
    };
    assert_eq!(broken(other), ["alive"]);
    let back = |e: &mut Evidence| {
        down(e);
        say(e, OVER + 7 * S, "link_up", "User connection is up");
    };
    assert_eq!(missed(back), ["recovered_s"], "seven seconds, by the link");
    assert!(broken(back).is_empty());
}

#[test]
fn bans_and_spent_limits_break_polite() {
    let banned = Request {
        status: Some(418),
        ..Request::default()
    };
    assert_eq!(broken(|e| e.requests.push(banned)), ["polite"]);
    assert_eq!(
        broken(|e| e.samples[3].accounts[0].requests.weight_1m = 1_921),
        ["polite"]
    );
    assert_eq!(
        broken(|e| e.samples[3].accounts[0].requests.orders_10s = 241),
        ["polite"]
    );
    assert_eq!(
        broken(|e| e.samples[3].accounts[0].requests.orders_1m = 961),
        ["polite"]
    );
}

#[test]
fn orders_without_an_armed_switch_break_dead_man() {
    let unarm = |e: &mut Evidence| {
        e.samples
            .iter_mut()
            .for_each(|s| s.accounts[0].symbols[0].dead_man_deadline_us = None);
    };
    assert_eq!(broken(unarm), ["dead_man"]);
    let far = |e: &mut Evidence| {
        e.samples[2].accounts[0].symbols[0].dead_man_deadline_us = Some(END + 60 * S)
    };
    assert_eq!(broken(far), ["dead_man"]);
}

#[test]
fn a_fill_or_a_position_missing_in_the_journal_breaks_durable() {
    let lost = |e: &mut Evidence| {
        e.fills.push(fill(Side::Buy, 0.05, 2_500.0, FAULT));
        e.fills.push(fill(Side::Sell, 0.05, 2_500.0, FAULT + 1));
    };
    assert_eq!(broken(lost), ["durable"]);
    assert_eq!(
        broken(|e| last_symbol(e).position = Number(0.05)),
        ["durable"]
    );
    assert_eq!(
        broken(|e| e.summary = Some(serde_json::json!({"promises": {"durable": false}}))),
        ["durable"]
    );
}

#[test]
fn another_symbol_that_loses_its_quotes_and_a_crash_break_contained() {
    assert_eq!(broken(|e| e.exit = None), ["contained"]);
    assert_eq!(broken(|e| e.exit = Some(6)), ["contained"]);
    let bystander = |e: &mut Evidence| {
        e.symbols.push(("BTCUSDC".to_owned(), RULES));
        let mut gone = ladder(FULL, Some(FAULT));
        gone.extend(ladder(OVER, Some(END + S)));
        gone.iter_mut()
            .for_each(|o| o.symbol = "BTCUSDC".to_owned());
        e.orders.extend(gone);
    };
    assert_eq!(broken(bystander), ["contained"]);
}

#[test]
fn limits_are_missed_by_late_words_late_pulls_and_losses() {
    assert_eq!(missed(|e| e.log[0].at_us = FAULT + 2 * S), ["detect_s"]);
    assert_eq!(missed(|e| e.log.clear()), ["detect_s"]);
    assert_eq!(
        missed(|e| e.log[0].at_us = FAULT - 1),
        ["detect_s"],
        "said before the fault"
    );
    let slow = order(Side::Buy, FULL, Some(FAULT + 2 * S + 1));
    assert_eq!(missed(|e| e.orders.push(slow)), ["off_book_s"]);
    // A hundredth of 2.0 at 2,500 is 50.
    let lose = |e: &mut Evidence, usdc: f64| {
        let wallets = &mut e
            .samples
            .iter_mut()
            .find(|s| s.now_us > FAULT)
            .expect("one")
            .accounts[0]
            .wallets;
        wallets.insert("USDC".to_owned(), Number(100_000.0 - usdc));
    };
    assert_eq!(missed(|e| lose(e, 51.0)), ["loss_quote"]);
    assert!(missed(|e| lose(e, 49.0)).is_empty());
}

#[test]
fn a_disturbance_is_measured_and_an_exit_code_is_compared() {
    let mut drill = drill();
    drill.expect = Expect {
        kept_share: Some(0.95),
        end: End::Code(3),
        ..QUIET
    };
    let card = judge(&drill, &clean());
    let limit = |what: &str| {
        card.limits
            .iter()
            .find(|l| l.what == what)
            .expect("a limit")
            .clone()
    };
    // 1.5 s of the 10 s until two seconds after the fault.
    assert_eq!(limit("kept_share").value, Some(0.15));
    assert!(!limit("kept_share").is_kept && !limit("exit_code").is_kept);
}

#[test]
fn words_that_must_not_be_said_count_from_the_fault_on() {
    let drill = Drill {
        expect: Expect {
            unsaid: LOST_TRACK,
            ..drill().expect
        },
        ..drill()
    };
    for (at_us, is_kept) in [(FAULT - S, true), (FAULT + S, false)] {
        let mut evidence = clean();
        evidence.log.push(Line {
            at_us,
            level: "WARN".to_owned(),
            code: "ghost_order".to_owned(),
            text: String::new(),
        });
        let card = judge(&drill, &evidence);
        let limit = card.limits.iter().find(|l| l.what == "unsaid");
        assert_eq!(limit.map(|l| l.is_kept), Some(is_kept));
    }
}
