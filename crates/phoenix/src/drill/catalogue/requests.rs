//! Drills in which requests are refused, delayed, answered wrongly or not at all; only data.

use super::seconds;
use crate::drill::{Drill, End, Expect, PLAIN, QUIET, Setting, Step};

const UNKNOWN: &[&str] = &["order_unknown"];
const SLOWED: &[&str] = &["back_off"];

const DOUBTFUL: Expect = Expect {
    detect: Some((UNKNOWN, 8.0)),
    recovered_s: Some(10.0),
    ..QUIET
};
/// Said by a log line, and over when the exchange says yes again.
const PASSING: Expect = Expect {
    recovered_s: Some(10.0),
    ..QUIET
};

/// The outcome is not known, and must not be guessed.
pub(super) const UNANSWERED: &[Drill] = &[
    Drill {
        name: "rest-timeout-placed",
        about: "Orders are carried out and never answered.",
        plays: &["F8", "F10"],
        setting: Setting {
            market: "lively",
            ..PLAIN
        },
        steps: &[
            Step::Fault(
                r#"{"kind":"hold-answer","path":"/fapi/v1/batchOrders,/fapi/v1/order","method":"POST"}"#,
            ),
            Step::Wait(seconds(8)),
            Step::EndFaults,
        ],
        expect: DOUBTFUL,
    },
    Drill {
        name: "rest-timeout-not-placed",
        about: "Orders are neither carried out nor answered.",
        plays: &["F9", "F10"],
        setting: Setting {
            market: "lively",
            ..PLAIN
        },
        steps: &[
            Step::Fault(
                r#"{"kind":"hold","path":"/fapi/v1/batchOrders,/fapi/v1/order","method":"POST"}"#,
            ),
            Step::Wait(seconds(8)),
            Step::EndFaults,
        ],
        expect: DOUBTFUL,
    },
    Drill {
        name: "answer-cut",
        about: "Orders are carried out and the connection breaks before the answer.",
        plays: &["F8", "F28"],
        setting: Setting {
            market: "lively",
            ..PLAIN
        },
        steps: &[
            Step::Fault(
                r#"{"kind":"cut-answer","path":"/fapi/v1/batchOrders,/fapi/v1/order","method":"POST"}"#,
            ),
            Step::Wait(seconds(8)),
            Step::EndFaults,
        ],
        expect: DOUBTFUL,
    },
    Drill {
        name: "http-503-placed",
        about: "Orders are carried out and answered 503 with an unknown outcome.",
        plays: &["F9"],
        setting: Setting {
            market: "lively",
            ..PLAIN
        },
        steps: &[
            Step::Fault(
                r#"{"kind":"answer","path":"/fapi/v1/batchOrders,/fapi/v1/order","method":"POST","status":503,"code":-1000,"msg":"Unknown error, please check your request or try again later.","carried_out":true}"#,
            ),
            Step::Wait(seconds(8)),
            Step::EndFaults,
        ],
        expect: DOUBTFUL,
    },
    Drill {
        name: "http-503-not-placed",
        about: "Orders are answered 503 with an unknown outcome, and were not carried out.",
        plays: &["F9"],
        setting: Setting {
            market: "lively",
            ..PLAIN
        },
        steps: &[
            Step::Fault(
                r#"{"kind":"answer","path":"/fapi/v1/batchOrders,/fapi/v1/order","method":"POST","status":503,"code":-1000,"msg":"Unknown error, please check your request or try again later.","carried_out":false}"#,
            ),
            Step::Wait(seconds(8)),
            Step::EndFaults,
        ],
        expect: DOUBTFUL,
    },
    Drill {
        name: "timeout-1007",
        about: "Orders are carried out and answered -1007: execution status unknown.",
        plays: &["F8", "F10"],
        setting: Setting {
            market: "lively",
            ..PLAIN
        },
        steps: &[
            Step::Fault(
                r#"{"kind":"answer","path":"/fapi/v1/batchOrders,/fapi/v1/order","method":"POST","status":408,"code":-1007,"msg":"Timeout waiting for response from backend server.","carried_out":true}"#,
            ),
            Step::Wait(seconds(8)),
            Step::EndFaults,
        ],
        expect: DOUBTFUL,
    },
];

/// The exchange slows us down.
pub(super) const LIMITED: &[Drill] = &[
    Drill {
        name: "rate-limit-429",
        about: "Every request is answered 429 with Retry-After: 5 for five seconds.",
        plays: &["F21", "F30"],
        setting: Setting {
            market: "lively",
            ..PLAIN
        },
        steps: &[
            Step::Fault(r#"{"kind":"rate-limit-429","retry_after":5}"#),
            Step::Wait(seconds(5)),
            Step::EndFaults,
        ],
        expect: Expect {
            detect: Some((SLOWED, 12.0)),
            recovered_s: Some(10.0),
            ..QUIET
        },
    },
    Drill {
        name: "ban-418",
        about: "The address is banned for ten seconds: every request is answered 418.",
        plays: &["F21"],
        setting: Setting {
            market: "lively",
            ..PLAIN
        },
        steps: &[
            Step::Fault(r#"{"kind":"ban-418","retry_after":10}"#),
            Step::Wait(seconds(10)),
            Step::EndFaults,
        ],
        expect: Expect {
            detect: Some((SLOWED, 12.0)),
            recovered_s: Some(10.0),
            bans: 6,
            ..QUIET
        },
    },
    Drill {
        name: "order-limit-1015",
        about: "New orders are refused with -1015, too many orders; cancels work.",
        plays: &["F30"],
        setting: Setting {
            market: "lively",
            ..PLAIN
        },
        steps: &[
            Step::Fault(r#"{"kind":"reject","code":-1015}"#),
            Step::Wait(seconds(6)),
            Step::EndFaults,
        ],
        expect: Expect {
            recovered_s: Some(10.0),
            ..QUIET
        },
    },
    Drill {
        name: "http-503-throttled",
        about: "New orders are refused with 503 and -1008; those that reduce pass.",
        plays: &["F9"],
        setting: Setting {
            market: "lively",
            ..PLAIN
        },
        steps: &[
            Step::Fault(r#"{"kind":"reject","code":-1008}"#),
            Step::Wait(seconds(6)),
            Step::EndFaults,
        ],
        expect: Expect {
            recovered_s: Some(10.0),
            ..QUIET
        },
    },
    Drill {
        name: "firewall-html",
        about: "A firewall before the exchange answers every request with 403 and a page of HTML.",
        plays: &["F21", "F29"],
        setting: Setting {
            market: "lively",
            ..PLAIN
        },
        steps: &[
            Step::Fault(r#"{"kind":"html"}"#),
            Step::Wait(seconds(6)),
            Step::EndFaults,
        ],
        expect: Expect {
            recovered_s: Some(10.0),
            ..QUIET
        },
    },
];

/// The exchange says no.
pub(super) const REFUSED: &[Drill] = &[
    Drill {
        name: "clock-jump",
        about: "The exchange's clock runs six seconds ahead of ours: -1021 on every signed request until we follow.",
        plays: &["F22"],
        setting: Setting {
            market: "lively",
            ..PLAIN
        },
        steps: &[
            Step::Fault(r#"{"kind":"clock","ms":6000}"#),
            Step::Wait(seconds(8)),
            Step::EndFaults,
        ],
        expect: PASSING,
    },
    Drill {
        name: "clock-jump-back",
        about: "The exchange's clock falls six seconds behind ours.",
        plays: &["F22"],
        setting: Setting {
            market: "lively",
            ..PLAIN
        },
        steps: &[
            Step::Fault(r#"{"kind":"clock","ms":-6000}"#),
            Step::Wait(seconds(8)),
            Step::EndFaults,
        ],
        expect: PASSING,
    },
    Drill {
        name: "post-only-storm",
        about: "Every new order is refused with -5022: it would take.",
        plays: &["F27", "F28"],
        setting: Setting {
            market: "lively",
            ..PLAIN
        },
        steps: &[
            Step::Fault(r#"{"kind":"reject","code":-5022}"#),
            Step::Wait(seconds(6)),
            Step::EndFaults,
        ],
        expect: PASSING,
    },
    Drill {
        name: "margin-refused",
        about: "Every new order is refused with -2019: margin is insufficient.",
        plays: &["F29"],
        setting: Setting {
            market: "lively",
            ..PLAIN
        },
        steps: &[
            Step::Fault(r#"{"kind":"reject","code":-2019}"#),
            Step::Wait(seconds(6)),
            Step::EndFaults,
        ],
        expect: PASSING,
    },
    Drill {
        name: "reduce-only-refused",
        about: "Reduce-only orders are refused with -2022 while the position must shrink.",
        plays: &["F25", "F26"],
        setting: Setting {
            market: "lively",
            ..PLAIN
        },
        steps: &[
            Step::Fault(r#"{"kind":"reject","code":-2022}"#),
            Step::Wait(seconds(6)),
            Step::EndFaults,
        ],
        expect: PASSING,
    },
    Drill {
        name: "cancel-gone",
        about: "Every cancel is answered -2011, unknown order, though the order rests.",
        plays: &["F23", "F26"],
        setting: Setting {
            market: "lively",
            ..PLAIN
        },
        steps: &[
            Step::Fault(
                r#"{"kind":"answer","path":"/fapi/v1/order,/fapi/v1/batchOrders","method":"DELETE","status":400,"code":-2011,"msg":"Unknown order sent.","carried_out":false}"#,
            ),
            Step::Wait(seconds(8)),
            Step::EndFaults,
        ],
        expect: PASSING,
    },
    Drill {
        name: "fill-cancel-race",
        about: "The market sweeps both sides again and again while cancels are held back.",
        plays: &["F23", "F11"],
        setting: Setting {
            market: "lively",
            ..PLAIN
        },
        steps: &[
            Step::Fault(
                r#"{"kind":"hold","path":"/fapi/v1/order,/fapi/v1/batchOrders","method":"DELETE","ms":400}"#,
            ),
            Step::Market(r#"{"kind":"sweep","symbol":"ETHUSDC","side":"both","bps":10}"#),
            Step::Wait(seconds(2)),
            Step::Market(r#"{"kind":"sweep","symbol":"ETHUSDC","side":"buy","bps":10}"#),
            Step::Wait(seconds(2)),
            Step::Market(r#"{"kind":"sweep","symbol":"ETHUSDC","side":"sell","bps":10}"#),
            Step::Wait(seconds(3)),
            Step::EndFaults,
        ],
        expect: PASSING,
    },
    Drill {
        name: "lying-position",
        about: "The exchange's answers report a position that we do not have, for ten seconds.",
        plays: &["F12", "F32"],
        setting: PLAIN,
        steps: &[
            Step::Account(r#"{"kind":"lie-position","symbol":"ETHUSDC","by":"0.1","seconds":40}"#),
            Step::Wait(seconds(40)),
            Step::EndFaults,
        ],
        expect: Expect {
            detect: Some((&["position_repaired"], 40.0)),
            recovered_s: Some(35.0),
            ..QUIET
        },
    },
    Drill {
        name: "key-revoked",
        about: "The key is revoked while orders rest: nothing can be cancelled, only the exchange's own switch is left.",
        plays: &["F4"],
        setting: Setting {
            market: "lively",
            ..PLAIN
        },
        steps: &[
            Step::Fault(r#"{"kind":"revoke-key"}"#),
            Step::AwaitEmpty(seconds(35)),
            Step::EndFaults,
        ],
        expect: Expect {
            detect: Some((&["halted"], 15.0)),
            off_book_s: Some(31.0),
            recovered_s: None,
            end: End::Any,
            loss_share_max: 0.02,
            ..QUIET
        },
    },
];
