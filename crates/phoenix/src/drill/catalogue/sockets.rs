//! Drills in which connections break or the exchange goes away; only data.

use super::seconds;
use crate::drill::{Drill, Expect, LEARNT, PLAIN, QUIET, Step};

const LOST: &[&str] = &[
    "link_down",
    "stream_suspect",
    "stream_convicted",
    "stream_stale",
    "stream_dead",
    "book_lost",
];

/// Connections are gone and new ones can be made: quotes are pulled or carried over, and back soon.
const RECONNECTED: Expect = Expect {
    detect: Some((LOST, 1.5)),
    ..QUIET
};
/// No connection can be made: nothing rests on what is not known.
const AWAY: Expect = Expect {
    detect: Some((LOST, 1.5)),
    ..QUIET
};

const CLOSE: Step = Step::Fault(r#"{"kind":"close","sockets":"streams"}"#);
const SECOND: Step = Step::Wait(seconds(1));

pub(super) const DRILLS: &[Drill] = &[
    Drill {
        name: "half-open",
        about: "Nothing is read or written on any socket any more, and none is closed: a dead peer that TCP does not notice.",
        production: "Look for firewalls or NAT that drop idle connections without a word.",
        plays: &["F7", "F18", "F19"],
        setting: LEARNT,
        steps: &[
            Step::Fault(r#"{"kind":"half-open","sockets":"streams"}"#),
            Step::Wait(seconds(6)),
            Step::EndFaults,
        ],
        expect: Expect {
            off_book_s: Some(4.0),
            ..RECONNECTED
        },
    },
    Drill {
        name: "clean-close",
        about: "The exchange closes every stream connection with a close frame.",
        production: "Nothing; repeated closes with 1008 mean too many messages or connections from this address.",
        plays: &["F16", "F18"],
        setting: PLAIN,
        steps: &[
            Step::Fault(r#"{"kind":"close","sockets":"streams"}"#),
            Step::Wait(seconds(1)),
            Step::EndFaults,
        ],
        expect: RECONNECTED,
    },
    Drill {
        name: "connection-reset",
        about: "Every stream connection is reset.",
        production: "Nothing; repeated resets are the network's.",
        plays: &["F7", "F17"],
        setting: PLAIN,
        steps: &[
            Step::Fault(r#"{"kind":"cut","sockets":"streams"}"#),
            Step::Wait(seconds(1)),
            Step::EndFaults,
        ],
        expect: RECONNECTED,
    },
    Drill {
        name: "network-cut",
        about: "Every connection is reset and new ones are refused for eight seconds.",
        production: "Restore the network. Orders are taken off by the exchange's own switch if it lasts; `phoenix emergency status` from another machine shows what rests.",
        plays: &["F19", "F20"],
        setting: PLAIN,
        steps: &[
            Step::Fault(r#"{"kind":"refuse","sockets":"all","mode":"drop"}"#),
            Step::Fault(r#"{"kind":"cut","sockets":"all"}"#),
            Step::Wait(seconds(8)),
            Step::EndFaults,
        ],
        expect: AWAY,
    },
    Drill {
        name: "handshake-hangs",
        about: "Stream connections are reset; new ones are accepted and then say nothing for eight seconds.",
        production: "Look at the exchange's status page and at the resolver: each reconnect asks for the address anew.",
        plays: &["F19", "F20"],
        setting: PLAIN,
        steps: &[
            Step::Fault(r#"{"kind":"refuse","sockets":"streams","mode":"hang"}"#),
            Step::Fault(r#"{"kind":"cut","sockets":"streams"}"#),
            Step::Wait(seconds(8)),
            Step::EndFaults,
        ],
        expect: Expect {
            off_book_s: Some(4.0),
            ..AWAY
        },
    },
    Drill {
        name: "close-storm",
        about: "The exchange closes every stream connection each second, eight times.",
        production: "Check that nothing else uses up the address's connection limit (300 attempts in 5 min).",
        plays: &["F16", "F17", "F20"],
        setting: PLAIN,
        steps: &[
            CLOSE,
            SECOND,
            CLOSE,
            SECOND,
            CLOSE,
            SECOND,
            CLOSE,
            SECOND,
            CLOSE,
            SECOND,
            CLOSE,
            SECOND,
            CLOSE,
            SECOND,
            CLOSE,
            SECOND,
            Step::EndFaults,
        ],
        expect: AWAY,
    },
    Drill {
        name: "server-shutdown",
        about: "The exchange announces its shutdown on the streams and closes them.",
        production: "Nothing: connections are replaced.",
        plays: &["F16"],
        setting: PLAIN,
        steps: &[
            Step::Fault(r#"{"kind":"server-shutdown"}"#),
            Step::Wait(seconds(1)),
            Step::EndFaults,
        ],
        expect: QUIET,
    },
    Drill {
        name: "exchange-restart",
        about: "The exchange restarts: every socket is dropped, connections are refused for five seconds, listen keys are forgotten, orders stay.",
        production: "Wait; compare positions afterwards with `phoenix emergency status`.",
        plays: &["F3", "F6", "F19"],
        setting: PLAIN,
        steps: &[
            Step::Fault(r#"{"kind":"restart","seconds":5}"#),
            Step::Wait(seconds(5)),
            Step::EndFaults,
        ],
        expect: AWAY,
    },
    Drill {
        name: "maintenance",
        about: "The exchange is under maintenance for eight seconds: REST answers 503, streams are open and silent.",
        production: "Wait for the announced end; positions cannot be managed meanwhile.",
        plays: &["F33"],
        setting: LEARNT,
        steps: &[
            Step::Fault(r#"{"kind":"maintenance","seconds":8}"#),
            Step::Wait(seconds(8)),
            Step::EndFaults,
        ],
        expect: AWAY,
    },
];
