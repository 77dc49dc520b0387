//! Drills in which a stream stays connected and says too little, too late, or what is not so; only data.

use super::{MOVE, STIR, seconds};
use crate::drill::{Drill, Expect, LEARNT, PLAIN, QUIET, Setting, Step};

/// What Phoenix says when it finds market data dead, one of which is enough.
const DATA: &[&str] = &[
    "stream_suspect",
    "stream_convicted",
    "stream_stale",
    "stream_dead",
    "stream_silent",
    "book_lost",
    "bad_frame",
];
/// What it says when the user stream is in doubt.
const USER: &[&str] = &[
    "stream_suspect",
    "stream_stale",
    "stream_dead",
    "user_stream_suspect",
];

/// Data are gone: found soon, off the book soon, back soon.
const BLIND: Expect = Expect {
    detect: Some((DATA, 1.5)),
    is_blind: true,
    off_book_s: Some(2.0),
    ..QUIET
};
/// Data are found to be wrong by comparison, which takes its time; by 5 s nothing rests on them.
const FOUND_OUT: Expect = Expect {
    detect: Some((DATA, 3.0)),
    off_book_s: Some(4.0),
    ..QUIET
};
/// A wrong frame is seen as such; the book is rebuilt.
const REBUILT: Expect = Expect {
    detect: Some((DATA, 1.0)),
    ..QUIET
};
/// Nothing that anyone should notice.
const HARMLESS: Expect = Expect {
    kept_share: Some(0.95),
    ..QUIET
};

pub(super) const MARKET_DATA: &[Drill] = &[
    Drill {
        name: "silent-depth",
        about: "The depth stream falls silent; its socket stays open and every other stream goes on.",
        production: "Nothing at once: it reconnects by itself. If it comes back more than twice an hour, look at the network with `phoenix health --watch 30s` and move to another machine or zone.",
        plays: &["F1", "F18"],
        setting: LEARNT,
        steps: &[
            Step::Fault(r#"{"kind":"mute","streams":"depth"}"#),
            Step::Wait(seconds(8)),
            Step::EndFaults,
        ],
        expect: BLIND,
    },
    Drill {
        name: "silent-market-data",
        about: "Every market stream falls silent at once; sockets stay open.",
        production: "Look at the exchange's status page and the machine's network; orders are off the book until data are back.",
        plays: &["F14", "F19"],
        setting: LEARNT,
        steps: &[
            Step::Fault(r#"{"kind":"mute","streams":"market-data"}"#),
            Step::Wait(seconds(8)),
            Step::EndFaults,
        ],
        expect: BLIND,
    },
    Drill {
        name: "slow-trickle",
        about: "The depth stream gives one message every four seconds: alive for a check that asks only whether something comes.",
        production: "As silent-depth; a slow proxy or a full link between machine and exchange is the usual cause.",
        plays: &["F31"],
        setting: LEARNT,
        steps: &[
            Step::Fault(r#"{"kind":"trickle","streams":"depth","ms":4000}"#),
            Step::Wait(seconds(10)),
            Step::EndFaults,
        ],
        expect: Expect {
            is_blind: false,
            ..BLIND
        },
    },
    Drill {
        name: "stale-event-time",
        about: "Every market message comes four seconds late, in order and without a gap: stale data that looks fresh.",
        production: "Compare the machine's clock (`chronyc tracking`) and load (`uptime`): either the data are late or we are.",
        plays: &["F13"],
        setting: LEARNT,
        steps: &[
            Step::Fault(r#"{"kind":"delay","streams":"market-data","ms":4000}"#),
            Step::Wait(seconds(12)),
            Step::EndFaults,
        ],
        expect: Expect {
            is_blind: false,
            off_book_s: Some(5.0),
            detect: Some((DATA, 5.0)),
            // What was held back still comes after the fault.
            recovered_s: Some(10.0),
            ..BLIND
        },
    },
    Drill {
        name: "frozen-book",
        about: "Depth and ticker keep coming with new ids and times but stand still; trades go on elsewhere.",
        production: "Note the time and keep the log: the exchange or a proxy served an old book. Report it to the exchange with the ids.",
        plays: &["F15", "F24"],
        setting: Setting {
            market: "lively",
            ..LEARNT
        },
        steps: &[
            Step::Fault(r#"{"kind":"freeze-book"}"#),
            Step::Wait(seconds(12)),
            Step::EndFaults,
        ],
        expect: Expect {
            off_book_s: Some(6.0),
            detect: Some((DATA, 6.0)),
            ..FOUND_OUT
        },
    },
    Drill {
        name: "hollow-book",
        about: "Depth messages keep their chain of ids and lose their levels: the local book drifts away without a gap.",
        production: "As frozen-book: the cross-check over REST found it; a repeated difference is worth a report to the exchange.",
        plays: &["F15"],
        setting: Setting {
            market: "lively",
            ..LEARNT
        },
        steps: &[
            Step::Fault(r#"{"kind":"hollow"}"#),
            Step::Wait(seconds(12)),
            Step::EndFaults,
        ],
        expect: Expect {
            off_book_s: Some(6.0),
            detect: Some((DATA, 6.0)),
            ..FOUND_OUT
        },
    },
    Drill {
        name: "sequence-gap",
        about: "Three depth messages are lost.",
        production: "Nothing; frequent gaps mean a machine that is too slow or a link that loses packets.",
        plays: &["F13", "F14"],
        setting: PLAIN,
        steps: &[
            Step::Fault(r#"{"kind":"lose","streams":"depth","times":3}"#),
            Step::Wait(seconds(3)),
            Step::EndFaults,
        ],
        expect: REBUILT,
    },
    Drill {
        name: "out-of-order",
        about: "Every two depth messages change places.",
        production: "Nothing; if it stays, something between machine and exchange reorders: use a direct connection.",
        plays: &["F13", "F14"],
        setting: PLAIN,
        steps: &[
            Step::Fault(r#"{"kind":"swap","streams":"depth"}"#),
            Step::Wait(seconds(5)),
            Step::EndFaults,
        ],
        expect: REBUILT,
    },
    Drill {
        name: "duplicated",
        about: "Every message of every stream comes twice, the user stream's fills included.",
        production: "Nothing: trade ids and cumulative quantities make repeats harmless.",
        plays: &["F11"],
        setting: Setting {
            market: "lively",
            ..PLAIN
        },
        steps: &[
            Step::Fault(r#"{"kind":"duplicate","streams":"all"}"#),
            STIR,
            Step::Wait(seconds(10)),
            Step::EndFaults,
        ],
        expect: HARMLESS,
    },
    Drill {
        name: "malformed",
        about: "Every depth message is cut in the middle.",
        production: "Look at the logged start of the frame; a proxy that injects pages is the usual cause.",
        plays: &["F12"],
        setting: PLAIN,
        steps: &[
            Step::Fault(r#"{"kind":"garble","streams":"depth"}"#),
            Step::Wait(seconds(6)),
            Step::EndFaults,
        ],
        expect: Expect {
            is_blind: true,
            off_book_s: Some(4.0),
            ..REBUILT
        },
    },
    Drill {
        name: "novel-messages",
        about: "Every message has a field that nobody knows and is followed by an event that nobody knows.",
        production: "Read the exchange's change log; unknown things are counted and left alone.",
        plays: &["F12"],
        setting: PLAIN,
        steps: &[
            Step::Fault(r#"{"kind":"novel"}"#),
            STIR,
            Step::Wait(seconds(6)),
            Step::EndFaults,
        ],
        expect: HARMLESS,
    },
    Drill {
        name: "silent-ticker",
        about: "The book ticker falls silent while depth goes on: one witness less, no reason to stop.",
        production: "Nothing: depth alone carries the quotes, and the connection is replaced. If it is told every minute, the exchange sends none: look at its status page.",
        plays: &["F1"],
        setting: LEARNT,
        steps: &[
            Step::Fault(r#"{"kind":"mute","streams":"book-ticker"}"#),
            Step::Wait(seconds(8)),
            Step::EndFaults,
        ],
        expect: Expect {
            detect: Some((DATA, 6.0)),
            ..QUIET
        },
    },
    Drill {
        name: "wrong-route",
        about: "Connections are cut; on the new ones the exchange acknowledges the subscription and delivers nothing.",
        production: "Check the stream addresses in the configuration against the exchange's current routes (docs/venue-notes.md).",
        plays: &["F1", "F2"],
        setting: PLAIN,
        steps: &[
            Step::Fault(r#"{"kind":"wrong-route","streams":"public"}"#),
            Step::Wait(seconds(10)),
            Step::EndFaults,
        ],
        expect: Expect {
            detect: Some((
                &[
                    "link_down",
                    "stream_suspect",
                    "stream_stale",
                    "stream_dead",
                    "stream_silent",
                ],
                4.0,
            )),
            is_blind: true,
            off_book_s: Some(4.0),
            ..QUIET
        },
    },
];

pub(super) const USER_STREAM: &[Drill] = &[
    Drill {
        name: "silent-user",
        about: "The user stream falls silent: orders are placed and filled and nobody tells.",
        production: "Nothing at once; compare `phoenix emergency status` with `phoenix health` if the alert repeats.",
        plays: &["F2", "F4", "F6", "F33"],
        setting: Setting {
            market: "lively",
            ..PLAIN
        },
        steps: &[
            Step::Fault(r#"{"kind":"mute","streams":"user"}"#),
            MOVE,
            Step::Wait(seconds(10)),
            Step::EndFaults,
        ],
        expect: Expect {
            detect: Some((USER, 5.0)),
            ..QUIET
        },
    },
    Drill {
        name: "lost-user-events",
        about: "Five user events are lost, then all is well: fills that must be found by asking.",
        production: "Nothing: what was missed is fetched. Repeats mean an unreliable link.",
        plays: &["F12", "F24", "F32"],
        setting: Setting {
            market: "lively",
            liveness: Some("reconcile_interval_ms: 5000"),
            ..PLAIN
        },
        steps: &[
            Step::Fault(r#"{"kind":"lose","streams":"user","times":5}"#),
            MOVE,
            Step::Wait(seconds(14)),
            Step::EndFaults,
        ],
        expect: Expect {
            reason: "no time to detect: which five events are lost is chance. That of an order's start or end is missed after 2 s and said; that of a fill is found by the next comparison, here every 5 s. What matters is that the books agree at the end (`durable`).",
            ..QUIET
        },
    },
    Drill {
        name: "late-user-events",
        about: "User events come three seconds late and fills race cancels.",
        production: "Look at the exchange's status page; fills are booked when they are told or asked for, whichever is first.",
        plays: &["F11", "F23", "F32"],
        setting: Setting {
            market: "lively",
            ..PLAIN
        },
        steps: &[
            Step::Fault(r#"{"kind":"delay","streams":"user","ms":3000}"#),
            STIR,
            Step::Wait(seconds(10)),
            Step::EndFaults,
        ],
        expect: QUIET,
    },
    Drill {
        name: "ack-no-event",
        about: "Orders are accepted and no user event follows.",
        production: "As silent-user.",
        plays: &["F2", "F23"],
        setting: Setting {
            market: "lively",
            ..PLAIN
        },
        steps: &[
            Step::Fault(r#"{"kind":"ack-no-event"}"#),
            MOVE,
            Step::Wait(seconds(8)),
            Step::EndFaults,
        ],
        expect: Expect {
            detect: Some((USER, 6.0)),
            ..QUIET
        },
    },
    Drill {
        name: "dead-listen-key",
        about: "The listen key expires, and the next one belongs to nobody: the socket opens and stays silent.",
        production: "As silent-user.",
        plays: &["F6"],
        setting: Setting {
            market: "lively",
            ..PLAIN
        },
        steps: &[
            Step::Fault(r#"{"kind":"dead-listen-key"}"#),
            Step::Fault(r#"{"kind":"listen-key-expire","event":true}"#),
            MOVE,
            Step::Wait(seconds(10)),
            Step::EndFaults,
        ],
        expect: Expect {
            detect: Some((USER, 8.0)),
            recovered_s: Some(10.0),
            ..QUIET
        },
    },
    Drill {
        name: "keepalive-fails",
        about: "Renewing the listen key is refused with 401 while everything else works.",
        production: "Look whether the key's rights were changed; a new listen key is fetched by itself.",
        plays: &["F4", "F5", "F7"],
        setting: Setting {
            liveness: Some("listen_key_keepalive_s: 60"),
            ..PLAIN
        },
        steps: &[
            Step::Fault(r#"{"kind":"keepalive-401"}"#),
            Step::Wait(seconds(62)),
            Step::EndFaults,
        ],
        expect: Expect {
            kept_share: Some(0.9),
            ..QUIET
        },
    },
    Drill {
        name: "listen-key-event",
        about: "The listen key expires and the exchange says so.",
        production: "Nothing: a new key is fetched and the stream connected anew.",
        plays: &["F3", "F5", "F6"],
        setting: Setting {
            market: "lively",
            ..PLAIN
        },
        steps: &[
            Step::Fault(r#"{"kind":"listen-key-expire","event":true}"#),
            Step::Wait(seconds(3)),
            Step::EndFaults,
        ],
        expect: QUIET,
    },
    Drill {
        name: "listen-key-silent",
        about: "The listen key expires and the exchange says nothing: the user stream is open and dead.",
        production: "Nothing; if keys keep expiring, look for a second program that deletes this account's listen key.",
        plays: &["F3", "F4", "F6"],
        setting: Setting {
            market: "lively",
            ..PLAIN
        },
        steps: &[
            Step::Fault(r#"{"kind":"listen-key-expire","event":false}"#),
            MOVE,
            Step::Wait(seconds(8)),
            Step::EndFaults,
        ],
        expect: Expect {
            detect: Some((USER, 6.0)),
            ..QUIET
        },
    },
];
