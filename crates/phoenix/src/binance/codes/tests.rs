use super::*;
use std::collections::BTreeSet;

const NOW: Wall = Wall::from_millis(1_700_000_003_500); // 23.5 s into a minute

fn context(kind: RequestKind) -> Context {
    Context {
        kind,
        now: NOW,
        retry_after: None,
    }
}

fn classify(kind: RequestKind, status: u16, code: i32, msg: &str) -> Outcome<()> {
    outcome(context(kind), ErrorText { status, code, msg })
}

fn why(outcome: Outcome<()>) -> Option<Why> {
    match outcome {
        Outcome::Refused(refusal) => Some(refusal.why),
        Outcome::Accepted(()) | Outcome::Unknown => None,
    }
}

/// Protocol §7, code by code: what a new order that gets it has come to.
#[test]
fn every_code_of_the_protocol_calls_for_its_reaction() {
    let open: &[i32] = &[-1000, -1001, -1006, -1007, -2012, -4083];
    let refused: &[(Why, &[i32])] = &[
        (Why::Auth, &[-1002, -1011, -1022, -2014, -2015, -2017]),
        (Why::Weight, &[-1003]),
        (Why::Throttled, &[-1008]),
        (Why::OrderRate, &[-1015]),
        (Why::Transient, &[-1016, -4117, -4531, -5028, -5041]),
        (Why::Clock, &[-1021]),
        (
            Why::SymbolHalted,
            &[
                -1122, -4104, -4105, -4106, -4107, -4108, -4140, -4141, -5024,
            ],
        ),
        (Why::ListenKey, &[-1125]),
        (Why::NoSuchOrder, &[-2011, -2013]),
        (Why::Margin, &[-2018, -2019, -2027, -2028]),
        (Why::ReduceOnly, &[-2022, -2024, -4118]),
        (
            Why::Account,
            &[
                -2023, -4061, -4087, -4088, -4109, -4189, -4192, -4402, -4403,
            ],
        ),
        (Why::TooManyOpen, &[-2025, -4045]),
        (Why::PriceBand, &[-4016, -4024, -4131]),
        (Why::NoChange, &[-4046, -4059, -4171, -5027]),
        (Why::Duplicate, &[-4116]),
        (Why::ReduceOnlyMode, &[-4400, -4401]),
        (Why::WouldTake, &[-5022]),
        (Why::AmendImpossible, &[-5025, -5026]),
        (Why::AmendPending, &[-5043]),
        (
            Why::Rejected,
            &[
                -1010, -1013, -1014, -1020, -1099, -1100, -1101, -1102, -1103, -1104, -1105, -1106,
                -1111, -1114, -1115, -1116, -1117, -1118, -1119, -1120, -1121, -1128, -1130, -1136,
                -2010, -2020, -2021, -2026, -4001, -4002, -4003, -4004, -4005, -4006, -4007, -4008,
                -4009, -4010, -4011, -4012, -4013, -4014, -4015, -4023, -4028, -4047, -4048, -4062,
                -4067, -4068, -4082, -4120, -4161, -4164, -4167, -4168, -4169, -4170, -4172, -4183,
                -4184, -4210, -4211, -5021, -5029, -5037, -5038, -5039, -5040, -5047,
            ],
        ),
    ];
    let mut listed = BTreeSet::new();
    for code in open {
        assert_eq!(
            classify(RequestKind::Place, 400, *code, ""),
            Outcome::Unknown,
            "{code}"
        );
        assert_eq!(
            why(classify(RequestKind::Query, 400, *code, "")),
            Some(Why::Transient)
        );
        assert!(listed.insert(*code));
    }
    for (expected, codes) in refused {
        for code in *codes {
            assert_eq!(
                why(classify(RequestKind::Place, 400, *code, "")),
                Some(*expected),
                "{code}"
            );
            assert!(listed.insert(*code), "{code} twice");
        }
    }
    let in_table: BTreeSet<i32> = TABLE
        .iter()
        .flat_map(|(first, last, _)| *last..=*first)
        .collect();
    assert_eq!(
        in_table, listed,
        "the table and this list name the same codes"
    );
}

#[test]
fn ranges_of_the_table_ascend_and_do_not_overlap() {
    for pair in TABLE.windows(2) {
        let [(_, last, _), (first, _, _)] = pair else {
            continue;
        };
        assert!(first < last, "{first} after {last}");
    }
    assert!(TABLE.iter().all(|(first, last, _)| last <= first));
}

/// Codes of the protocol text: `-1100…-1106` and `-4046/-4047` included.
fn codes_in(text: &str) -> BTreeSet<i32> {
    let plain = text.replace(['‑', '−'], "-");
    let mut codes = BTreeSet::new();
    let mut previous: Option<(i32, usize)> = None;
    for (at, _) in plain.match_indices('-') {
        let digits: String = plain[at + 1..]
            .chars()
            .take_while(char::is_ascii_digit)
            .collect();
        if digits.len() != 4 || plain[..at].ends_with(|c: char| c.is_ascii_alphanumeric()) {
            continue;
        }
        let code = -digits.parse::<i32>().expect("four digits");
        if let Some((first, end)) = previous
            && plain[end..at].trim() == "…"
        {
            codes.extend(code..=first);
        }
        codes.insert(code);
        previous = Some((code, at + 1 + digits.len()));
    }
    codes
}

#[test]
fn the_table_knows_every_code_of_the_protocol_text() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../../shared/protocol/binance-usdm.md"
    );
    let Ok(text) = std::fs::read_to_string(path) else {
        eprintln!("SKIPPED: ../shared/protocol/binance-usdm.md is absent");
        return;
    };
    let section = |from: &str, to: &str| {
        let start = text.find(from).expect("section begins");
        let end = start + text[start..].find(to).expect("section ends");
        text[start..end].to_owned()
    };
    let table = section("## 7. Error codes", "## 8. ");
    let codes = codes_in(&table);
    assert!(codes.len() > 100, "only {} codes found", codes.len());
    for wanted in [
        -1103, -1119, -4007, -4106, -5039, -2014, -2015, -2017, -4403,
    ] {
        assert!(codes.contains(&wanted), "{wanted} not found in the text");
    }
    let endpoints = codes_in(&section("### 4.3 exchangeInfo", "### 4.7 "));
    let all: BTreeSet<i32> = codes.union(&endpoints).copied().collect();
    let unknown: Vec<i32> = all
        .into_iter()
        .filter(|code| verdict(*code).is_none())
        .collect();
    assert!(unknown.is_empty(), "codes without a verdict: {unknown:?}");
}

#[test]
fn the_variants_of_503_are_told_apart_by_their_text() {
    let unknown = "Unknown error, please check your request or try again later.";
    let internal = "Internal error; unable to process your request. Please try again.";
    let throttled = "Request throttled by system-level protection. Reduce-only/close-position orders are exempt. Please try again.";
    for (code, msg, expected) in [
        (0, unknown, None),
        (-1000, unknown, None),
        (0, "Service Unavailable.", Some(Why::Transient)),
        (-1001, internal, Some(Why::Transient)),
        (0, internal, Some(Why::Transient)),
        (-1008, throttled, Some(Why::Throttled)),
        (-1001, "", None),
        (0, "<html>bad gateway</html>", None),
        (
            -1007,
            "Timeout waiting for response from backend server.",
            None,
        ),
    ] {
        assert_eq!(
            why(classify(RequestKind::Place, 503, code, msg)),
            expected,
            "{code} {msg}"
        );
    }
    // Outside of 503 the same text is not documented as certain.
    assert_eq!(
        classify(RequestKind::Place, 500, -1001, internal),
        Outcome::Unknown
    );
}

#[test]
fn doubt_about_a_change_is_unknown_and_about_a_reading_is_transient() {
    for kind in RequestKind::ALL {
        for (status, code) in [
            (408, 0),
            (500, 0),
            (502, 0),
            (504, -1007),
            (400, -1000),
            (599, 7),
        ] {
            let outcome = classify(kind, status, code, "");
            let expected = (!kind.changes_state()).then_some(Why::Transient);
            assert_eq!(why(outcome), expected, "{kind:?} {status} {code}");
        }
    }
}

#[test]
fn codes_and_statuses_nobody_has_heard_of_follow_the_status() {
    for (status, code, expected) in [
        (400, -9999, Some(Why::Rejected)),
        (404, 0, Some(Why::Rejected)),
        (401, 0, Some(Why::Auth)),
        (403, 0, Some(Why::Weight)),
        (418, 0, Some(Why::Weight)),
        (429, 0, Some(Why::Weight)),
        (200, -9999, Some(Why::Rejected)),
        (500, -9999, None),
        (302, 0, None),
        (0, 0, None),
    ] {
        assert_eq!(
            why(classify(RequestKind::Place, status, code, "")),
            expected,
            "{status} {code}"
        );
    }
}

#[test]
fn a_vague_rejection_is_told_by_its_text() {
    for (msg, expected) in [
        (
            "Account has insufficient balance for requested action.",
            Why::Margin,
        ),
        ("Order would immediately match and take.", Why::WouldTake),
        ("Duplicate order sent.", Why::Duplicate),
        ("ReduceOnly Order is rejected.", Why::ReduceOnly),
        ("Filter failure", Why::Rejected),
    ] {
        assert_eq!(
            why(classify(RequestKind::Place, 400, -2010, msg)),
            Some(expected),
            "{msg}"
        );
    }
}

fn retry_after(status: u16, code: i32, msg: &str, header: Option<i64>) -> Span {
    let context = Context {
        retry_after: header.map(Span::from_secs),
        ..context(RequestKind::Read)
    };
    match outcome::<()>(context, ErrorText { status, code, msg }) {
        Outcome::Refused(refusal) => refusal.retry_after,
        Outcome::Accepted(()) | Outcome::Unknown => panic!("refused expected"),
    }
}

#[test]
fn bans_and_limits_say_how_long_to_stay_away() {
    let ban = "Way too many requests; IP(1.2.3.4) banned until 1700000063500. Please use the websocket for live updates to avoid bans.";
    assert_eq!(retry_after(418, -1003, ban, None), Span::from_secs(60));
    assert_eq!(
        retry_after(418, -1003, ban, Some(5)),
        Span::from_secs(60),
        "the longer one counts"
    );
    assert_eq!(retry_after(418, -1003, ban, Some(90)), Span::from_secs(90));
    assert_eq!(
        retry_after(429, -1003, "Too many requests", Some(7)),
        Span::from_secs(7)
    );
    assert_eq!(
        retry_after(429, -1003, "", None),
        Span::from_millis(36_500),
        "to the end of the minute"
    );
    assert_eq!(retry_after(418, -1003, "", None), BAN_MIN);
    assert_eq!(retry_after(403, 0, "<html>", None), FIREWALL_PAUSE);
    let ten = "Too many new orders; current limit is 300 orders per TEN_SECONDS.";
    assert_eq!(retry_after(429, -1015, ten, None), Span::from_millis(6_500));
    let minute = "Too many new orders; current limit is 1200 orders per MINUTE.";
    assert_eq!(
        retry_after(429, -1015, minute, None),
        Span::from_millis(36_500)
    );
    assert_eq!(retry_after(400, -2013, "", None), Span::ZERO);
    let forever = "banned until 9223372036854775807";
    assert_eq!(retry_after(418, -1003, forever, None), RETRY_AFTER_MAX);
    let past = "banned until 1600000000000";
    assert_eq!(retry_after(418, -1003, past, None), BAN_MIN);
}

#[test]
fn instants_of_bans_are_found_or_not() {
    for (msg, expected) in [
        ("IP banned until 1573478400000.", Some(1_573_478_400_000)),
        ("banned until: 5", Some(5)),
        ("banned until tomorrow", None),
        ("banned until 99999999999999999999", None),
        ("banned until 0", None),
        ("", None),
    ] {
        assert_eq!(banned_until(msg), expected.map(Wall::from_millis), "{msg}");
    }
}

#[test]
fn whole_answers_become_outcomes() {
    let ok = |_: &[u8]| Ok(7);
    let bad = |_: &[u8]| Err(BodyError::Empty);
    let place = context(RequestKind::Place);
    let read = context(RequestKind::Read);
    assert_eq!(
        rest_outcome(place, 200, b"{}", ok),
        (Outcome::Accepted(7), None)
    );
    let done = br#"{"code":200,"msg":"success"}"#;
    assert_eq!(
        rest_outcome(place, 200, done, ok),
        (Outcome::Accepted(7), None)
    );
    let (unread, why) = rest_outcome::<i32>(place, 200, b"", bad);
    assert_eq!((unread, why), (Outcome::Unknown, Some(BodyError::Empty)));
    let (unread, _) = rest_outcome::<i32>(read, 200, b"", bad);
    assert!(matches!(unread, Outcome::Refused(r) if r.why == Why::Transient));
    let refused = br#"{"code":-5022,"msg":"Due to the order could not be executed as maker, the Post Only order will be rejected."}"#;
    let (refused, _) = rest_outcome(place, 400, refused, ok);
    assert!(matches!(refused, Outcome::Refused(r) if r.why == Why::WouldTake && r.code == -5022));
    let (html, _) = rest_outcome(place, 502, b"<html>\xff", ok);
    assert_eq!(html, Outcome::Unknown);
    let (html, _) = rest_outcome(place, 403, b"<html>blocked", ok);
    assert!(matches!(html, Outcome::Refused(r) if r.why == Why::Weight && r.code == 403));
}

#[test]
fn answers_of_the_websocket_api_become_the_same_outcomes() {
    let of = |kind, frame: &str| {
        let answer = crate::binance::decode::ws_api::decode(frame.as_bytes()).expect("an answer");
        ws_outcome(context(kind), &answer, |_| Ok(())).0
    };
    let ok = of(RequestKind::Place, r#"{"id":1,"status":200,"result":{}}"#);
    assert_eq!(ok, Outcome::Accepted(()));
    let gone = r#"{"id":1,"status":400,"error":{"code":-2011,"msg":"Unknown order sent."}}"#;
    assert_eq!(why(of(RequestKind::Cancel, gone)), Some(Why::NoSuchOrder));
    let lost = r#"{"id":1,"status":408,"error":{"code":-1007,"msg":"Timeout"}}"#;
    assert_eq!(of(RequestKind::Place, lost), Outcome::Unknown);
    let limit = r#"{"id":1,"status":429,"error":{"code":-1003,"msg":"","data":{"retryAfter":1700000013500}}}"#;
    let Outcome::Refused(refusal) = of(RequestKind::Query, limit) else {
        panic!("refused expected");
    };
    assert_eq!(
        (refusal.why, refusal.retry_after),
        (Why::Weight, Span::from_secs(10))
    );
}

#[test]
fn a_limit_that_asks_for_no_wait_is_given_one() {
    for (status, code, msg) in [
        (429, -1003, ""),
        (418, -1003, "IP banned until 1."),
        (418, -1015, ""),
    ] {
        let context = Context {
            retry_after: Some(Span::ZERO),
            ..context(RequestKind::Cancel)
        };
        let Outcome::Refused(refusal) = outcome::<()>(context, ErrorText { status, code, msg })
        else {
            panic!("refused expected")
        };
        assert_eq!(refusal.why, Why::Weight, "{status} {code}");
        assert!(refusal.retry_after.is_positive(), "{status} {code}");
    }
}
