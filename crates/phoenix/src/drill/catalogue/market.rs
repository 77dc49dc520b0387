//! Drills in which the market does what it rarely does; only data.

use super::seconds;
use crate::drill::{Drill, Expect, LEARNT, PLAIN, QUIET, Step};

/// A stop-loss flattens and halts for five seconds in the drills' configuration.
const HALTED: Expect = Expect {
    recovered_s: Some(25.0),
    loss_share_max: 0.10,
    ..QUIET
};

pub(super) const DRILLS: &[Drill] = &[
    Drill {
        name: "flash-crash",
        about: "The price falls by 10 % in two seconds.",
        production: "Look at the position and the halt; resume when the market is understood (`kill -USR2`, or wait for `halt_seconds`).",
        plays: &[],
        setting: PLAIN,
        steps: &[
            Step::Market(r#"{"kind":"shock","symbol":"ETHUSDC","bps":-1000,"seconds":2}"#),
            Step::Wait(seconds(4)),
        ],
        expect: HALTED,
    },
    Drill {
        name: "flash-crash-stalled",
        about: "The depth stream falls silent and half a second later the price falls by 10 % in two seconds.",
        production: "As flash-crash, and look why the data stalled.",
        plays: &["F13"],
        setting: LEARNT,
        steps: &[
            Step::Fault(r#"{"kind":"mute","streams":"market-data"}"#),
            Step::Wait(std::time::Duration::from_millis(500)),
            Step::Market(r#"{"kind":"shock","symbol":"ETHUSDC","bps":-1000,"seconds":2}"#),
            Step::Wait(seconds(6)),
            Step::EndFaults,
        ],
        expect: Expect {
            detect: Some((
                &[
                    "stream_suspect",
                    "stream_convicted",
                    "stream_stale",
                    "stream_dead",
                    "book_lost",
                ],
                1.5,
            )),
            off_book_s: Some(2.0),
            is_blind: true,
            ..HALTED
        },
    },
    Drill {
        name: "gap-through-ladder",
        about: "The price jumps by 3 % at once, through every order of one side.",
        production: "As flash-crash. The loss is bounded by one side of the ladder, half of `net_max`.",
        plays: &[],
        setting: PLAIN,
        steps: &[
            Step::Market(r#"{"kind":"gap","symbol":"ETHUSDC","bps":-300}"#),
            Step::Wait(seconds(4)),
        ],
        expect: HALTED,
    },
    Drill {
        name: "both-sides-swept",
        about: "Aggressive orders take everything within 2 % on both sides, and the price returns.",
        production: "Nothing.",
        plays: &[],
        setting: PLAIN,
        steps: &[
            Step::Market(r#"{"kind":"sweep","symbol":"ETHUSDC","side":"both","bps":200}"#),
            Step::Wait(seconds(4)),
        ],
        expect: Expect {
            recovered_s: Some(10.0),
            loss_share_max: 0.05,
            ..QUIET
        },
    },
    Drill {
        name: "symbol-settling",
        about: "The contract stops trading for eight seconds: every order of it is cancelled and refused.",
        production: "Read the exchange's notice; remove the symbol from the configuration if it does not come back.",
        plays: &["F29"],
        setting: PLAIN,
        steps: &[
            Step::Fault(r#"{"kind":"symbol-settling","symbol":"ETHUSDC"}"#),
            Step::Wait(seconds(8)),
            Step::EndFaults,
        ],
        expect: Expect {
            detect: Some((&["symbol_trading"], 1.0)),
            ..QUIET
        },
    },
];
