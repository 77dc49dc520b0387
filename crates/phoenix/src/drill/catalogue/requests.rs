//! Drills in which requests are refused, delayed, answered wrongly or not at all; only data.

use super::{STIR, seconds};
use crate::drill::{Drill, End, Expect, LOST_TRACK, PLAIN, QUIET, Setting, Step};

const UNKNOWN: &[&str] = &["order_unknown"];
const SLOWED: &[&str] = &["back_off"];

/// The fate of orders is open until the exchange has denied them for as long as one may still arrive.
const DOUBTFUL: Expect = Expect {
    detect: Some((UNKNOWN, 1.0)),
    recovered_s: Some(6.0),
    unsaid: LOST_TRACK,
    reason: "an order sent in the last instant of the fault may arrive for another 5 s, the exchange's recvWindow; until then it counts, and its slot is not filled a second time.",
    ..QUIET
};
/// The orders rest, and the user stream says so.
const CONFIRMED: Expect = Expect {
    recovered_s: Some(5.0),
    unsaid: LOST_TRACK,
    reason: "no time to detect: the user stream confirms each order within milliseconds, nothing is in doubt and nobody need be told. What matters is that no order is placed twice or forgotten and that the books agree.",
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
        production: "Nothing: orders in doubt count as exposure until they are found by their ids.",
        plays: &["F8", "F10"],
        setting: Setting {
            market: "lively",
            ..PLAIN
        },
        steps: &[
            Step::Fault(r#"{"kind":"hold-answer","requests":"orders","ms":10000}"#),
            STIR,
            Step::Wait(seconds(8)),
            Step::EndFaults,
        ],
        expect: CONFIRMED,
    },
    Drill {
        name: "rest-timeout-not-placed",
        about: "Orders are neither carried out nor answered.",
        production: "As rest-timeout-placed.",
        plays: &["F9", "F10"],
        setting: Setting {
            market: "lively",
            ..PLAIN
        },
        steps: &[
            Step::Fault(r#"{"kind":"hold","requests":"orders","ms":10000}"#),
            STIR,
            Step::Wait(seconds(8)),
            Step::EndFaults,
        ],
        expect: Expect {
            detect: Some((UNKNOWN, 4.0)),
            reason: "an answer is waited for `request_timeout`, 3 s. An order sent in the last instant of the fault may arrive for 5 s, the exchange's recvWindow; until then it counts, and its slot is not filled a second time.",
            ..DOUBTFUL
        },
    },
    Drill {
        name: "answer-cut",
        about: "Orders are carried out and the connection breaks before the answer.",
        production: "As rest-timeout-placed.",
        plays: &["F8", "F28"],
        setting: Setting {
            market: "lively",
            ..PLAIN
        },
        steps: &[
            Step::Fault(r#"{"kind":"cut-answer","requests":"orders"}"#),
            STIR,
            Step::Wait(seconds(8)),
            Step::EndFaults,
        ],
        expect: CONFIRMED,
    },
    Drill {
        name: "http-503-placed",
        about: "Orders are carried out and answered 503 with an unknown outcome.",
        production: "Look at the exchange's status page: 503 with an unknown outcome means overload there.",
        plays: &["F9"],
        setting: Setting {
            market: "lively",
            ..PLAIN
        },
        steps: &[
            Step::Fault(
                r#"{"kind":"answer","requests":"orders","status":503,"code":-1000,"msg":"Unknown error, please check your request or try again later.","carried_out":true}"#,
            ),
            STIR,
            Step::Wait(seconds(8)),
            Step::EndFaults,
        ],
        expect: CONFIRMED,
    },
    Drill {
        name: "http-503-not-placed",
        about: "Orders are answered 503 with an unknown outcome, and were not carried out.",
        production: "As http-503-placed.",
        plays: &["F9"],
        setting: Setting {
            market: "lively",
            ..PLAIN
        },
        steps: &[
            Step::Fault(
                r#"{"kind":"answer","requests":"orders","status":503,"code":-1000,"msg":"Unknown error, please check your request or try again later.","carried_out":false}"#,
            ),
            STIR,
            Step::Wait(seconds(8)),
            Step::EndFaults,
        ],
        expect: DOUBTFUL,
    },
    Drill {
        name: "placed-late",
        about: "Orders are answered -1007 and carried out three seconds later.",
        production: "As http-503-placed.",
        plays: &["F9", "F10"],
        setting: Setting {
            market: "lively",
            ..PLAIN
        },
        steps: &[
            Step::Fault(r#"{"kind":"late","requests":"orders","ms":3000}"#),
            STIR,
            Step::Wait(seconds(8)),
            Step::EndFaults,
        ],
        expect: Expect {
            recovered_s: Some(5.0),
            reason: "each order is in doubt until its event says that it rests, three seconds later.",
            ..DOUBTFUL
        },
    },
    Drill {
        name: "timeout-1007",
        about: "Orders are carried out and answered -1007: execution status unknown.",
        production: "As http-503-placed.",
        plays: &["F8", "F10"],
        setting: Setting {
            market: "lively",
            ..PLAIN
        },
        steps: &[
            Step::Fault(
                r#"{"kind":"answer","requests":"orders","status":408,"code":-1007,"msg":"Timeout waiting for response from backend server.","carried_out":true}"#,
            ),
            STIR,
            Step::Wait(seconds(8)),
            Step::EndFaults,
        ],
        expect: CONFIRMED,
    },
];

/// The exchange slows us down.
pub(super) const LIMITED: &[Drill] = &[
    Drill {
        name: "rate-limit-429",
        about: "Every request is answered 429 with Retry-After: 5 for five seconds.",
        production: "Find what else sends from this address; lower `request_share_max` if it is shared.",
        plays: &["F21", "F30"],
        setting: Setting {
            market: "lively",
            ..PLAIN
        },
        steps: &[
            Step::Fault(r#"{"kind":"rate-limit-429","retry_after":5}"#),
            STIR,
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
        production: "Send nothing from this address, not even by hand. If orders must go now, use `phoenix emergency cancel-all` from another address.",
        plays: &["F21"],
        setting: Setting {
            market: "lively",
            ..PLAIN
        },
        steps: &[
            Step::Fault(r#"{"kind":"ban-418","retry_after":10}"#),
            STIR,
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
        production: "Find what else places orders on this account.",
        plays: &["F30"],
        setting: Setting {
            market: "lively",
            ..PLAIN
        },
        steps: &[
            Step::Fault(r#"{"kind":"reject","code":-1015}"#),
            STIR,
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
        production: "Wait: the exchange sheds load. Reducing orders pass.",
        plays: &["F9"],
        setting: Setting {
            market: "lively",
            ..PLAIN
        },
        steps: &[
            Step::Fault(r#"{"kind":"reject","code":-1008}"#),
            STIR,
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
        production: "The exchange's firewall blocks the address: lower the request rate, wait, or use another address.",
        plays: &["F21", "F29"],
        setting: Setting {
            market: "lively",
            ..PLAIN
        },
        steps: &[
            Step::Fault(r#"{"kind":"html"}"#),
            STIR,
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
        production: "Check the machine's time service (`chronyc tracking`): a machine that steps its clock should slew it.",
        plays: &["F22"],
        setting: Setting {
            market: "lively",
            ..PLAIN
        },
        steps: &[
            Step::Fault(r#"{"kind":"clock","ms":6000}"#),
            STIR,
            Step::Wait(seconds(8)),
            Step::EndFaults,
        ],
        expect: PASSING,
    },
    Drill {
        name: "clock-jump-back",
        about: "The exchange's clock falls six seconds behind ours.",
        production: "As clock-jump.",
        plays: &["F22"],
        setting: Setting {
            market: "lively",
            ..PLAIN
        },
        steps: &[
            Step::Fault(r#"{"kind":"clock","ms":-6000}"#),
            STIR,
            Step::Wait(seconds(8)),
            Step::EndFaults,
        ],
        expect: PASSING,
    },
    Drill {
        name: "post-only-storm",
        about: "Every new order is refused with -5022: it would take.",
        production: "Nothing; in a fast market it passes. If it stays, the book is older than it says: see the round trip in `phoenix health`.",
        plays: &["F27", "F28"],
        setting: Setting {
            market: "lively",
            ..PLAIN
        },
        steps: &[
            Step::Fault(r#"{"kind":"reject","code":-5022}"#),
            STIR,
            Step::Wait(seconds(6)),
            Step::EndFaults,
        ],
        expect: PASSING,
    },
    Drill {
        name: "margin-refused",
        about: "Every new order is refused with -2019: margin is insufficient.",
        production: "Compare the margin need (`phoenix check-config`) with the balance: add margin or lower sizes.",
        plays: &["F29"],
        setting: Setting {
            market: "lively",
            ..PLAIN
        },
        steps: &[
            Step::Fault(r#"{"kind":"reject","code":-2019}"#),
            STIR,
            Step::Wait(seconds(6)),
            Step::EndFaults,
        ],
        expect: PASSING,
    },
    Drill {
        name: "reduce-only-refused",
        about: "Reduce-only orders are refused with -2022 while the position must shrink.",
        production: "Look for reduce-only orders placed by hand that take up the position.",
        plays: &["F25", "F26"],
        setting: Setting {
            market: "lively",
            ..PLAIN
        },
        steps: &[
            Step::Fault(r#"{"kind":"reject","code":-2022}"#),
            STIR,
            Step::Wait(seconds(6)),
            Step::EndFaults,
        ],
        expect: PASSING,
    },
    Drill {
        name: "cancel-gone",
        about: "Every cancel is answered -2011, unknown order, though the order rests.",
        production: "Nothing at once; orders that stay in `phoenix emergency status` are to be cancelled there.",
        plays: &["F23", "F26"],
        setting: Setting {
            market: "lively",
            ..PLAIN
        },
        steps: &[
            Step::Fault(r#"{"kind":"reject","verb":"cancels","code":-2011}"#),
            STIR,
            Step::Wait(seconds(8)),
            Step::EndFaults,
        ],
        expect: PASSING,
    },
    Drill {
        name: "fill-cancel-race",
        about: "The market sweeps both sides again and again while cancels are held back.",
        production: "Nothing.",
        plays: &["F23", "F11"],
        setting: Setting {
            market: "lively",
            ..PLAIN
        },
        steps: &[
            Step::Fault(r#"{"kind":"hold","requests":"cancels","ms":400}"#),
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
        name: "pretended-orders",
        about: "The exchange acknowledges new orders and does nothing.",
        production: "Stop with the kill file and tell the exchange; `phoenix emergency status` shows what really rests.",
        plays: &["F24"],
        setting: Setting {
            market: "lively",
            ..PLAIN
        },
        steps: &[
            Step::Fault(r#"{"kind":"pretend","verb":"place"}"#),
            STIR,
            Step::Wait(seconds(10)),
            Step::EndFaults,
        ],
        expect: Expect {
            detect: Some((
                &[
                    "stream_suspect",
                    "stream_dead",
                    "order_unknown",
                    "user_stream_suspect",
                ],
                8.0,
            )),
            ..PASSING
        },
    },
    Drill {
        name: "pretended-cancels",
        about: "The exchange acknowledges cancels and does nothing: the orders rest on.",
        production: "As pretended-orders.",
        plays: &["F23", "F24"],
        setting: Setting {
            market: "lively",
            ..PLAIN
        },
        steps: &[
            Step::Fault(r#"{"kind":"pretend","verb":"cancels"}"#),
            STIR,
            Step::Wait(seconds(10)),
            Step::EndFaults,
        ],
        expect: Expect {
            recovered_s: Some(5.0),
            reason: "no time to detect: an acknowledged cancel counts until its event came, half a second later the order is asked for, found open and cancelled anew. What matters is that no order too many is placed meanwhile (`accounted`).",
            ..PASSING
        },
    },
    Drill {
        name: "lying-open-orders",
        about: "The exchange answers that nothing is open while our orders rest.",
        production: "As lying-position.",
        plays: &["F24", "F32"],
        setting: Setting {
            market: "lively",
            liveness: Some("reconcile_interval_ms: 5000"),
            ..PLAIN
        },
        steps: &[
            Step::Fault(r#"{"kind":"lie-open-orders"}"#),
            STIR,
            Step::Wait(seconds(14)),
            Step::EndFaults,
            // Until the next two comparisons have found the truth again.
            Step::Wait(seconds(14)),
        ],
        expect: Expect {
            recovered_s: Some(5.0),
            ..QUIET
        },
    },
    Drill {
        name: "lying-position",
        about: "The exchange's answers report a position that we do not have, until it tells the truth again.",
        production: "Compare the position on the exchange's own page with `phoenix health`. Stop with the kill file if they differ for longer than a minute.",
        plays: &["F12", "F32"],
        setting: Setting {
            market: "lively",
            liveness: Some("reconcile_interval_ms: 5000"),
            ..PLAIN
        },
        steps: &[
            Step::Account(r#"{"kind":"lie-position","symbol":"ETHUSDC","by":"0.1"}"#),
            Step::Wait(seconds(14)),
            Step::EndFaults,
            // Until the next two comparisons have found the truth again.
            Step::Wait(seconds(14)),
        ],
        expect: Expect {
            detect: Some((&["position_repaired"], 14.0)),
            recovered_s: Some(5.0),
            ..QUIET
        },
    },
    Drill {
        name: "key-revoked",
        about: "The key is revoked while orders rest: nothing can be cancelled, only the exchange's own switch is left.",
        production: "Create a key, put it where secrets are read from, start again with `--clear-halt`. Cancel by hand on the exchange's page if it cannot wait 30 s.",
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
