//! Drills in which Phoenix's own processes, files and limits break; only data.

use super::seconds;
use crate::drill::{
    Drill, End, Expect, FileTrick, LimitTrick, PLAIN, QUIET, Setting, Signal, Step, Who,
};

/// Under the watchdog: off the book in five seconds, quoting again after its restart.
const RESTARTED: Expect = Expect {
    off_book_s: Some(5.0),
    recovered_s: Some(20.0),
    loss_share_max: 0.02,
    ..QUIET
};
/// Without it the exchange's own switch cancels; quoting again after a start by hand.
const SWITCHED_OFF: Expect = Expect {
    off_book_s: Some(30.5),
    recovered_s: Some(10.0),
    loss_share_max: 0.02,
    ..QUIET
};

const KILL: Step = Step::Signal(Who::Maker, Signal::Kill);
const STOP: Step = Step::Signal(Who::Maker, Signal::Stop);
/// A fault that the process put into itself is known by its log line.
const STRUCK: Step = Step::AwaitCode("fault_struck", seconds(60));

pub(super) const KILLED: &[Drill] = &[
    Drill {
        name: "sigstop",
        about: "The process is stopped in the middle of trading (SIGSTOP), as by a swap storm; the watchdog acts.",
        production: "Find what stopped it: swap (`vmstat 1`), a debugger, a frozen container. The watchdog has replaced it.",
        plays: &["F13"],
        setting: Setting {
            watched: true,
            ..PLAIN
        },
        steps: &[STOP],
        expect: Expect {
            detect: Some((&["child_stalled", "stalled", "watchdog_stalled"], 4.5)),
            ..RESTARTED
        },
    },
    Drill {
        name: "sigstop-alone",
        about: "The process is stopped without a watchdog: the exchange's own switch cancels; it is let go on then.",
        production: "Run it under `phoenix watchdog`: 30 s is the exchange's switch, 5 s is ours.",
        plays: &["F7"],
        setting: PLAIN,
        steps: &[
            STOP,
            Step::AwaitEmpty(seconds(35)),
            Step::Signal(Who::Maker, Signal::Continue),
        ],
        expect: SWITCHED_OFF,
    },
    Drill {
        name: "sigkill",
        about: "The process is killed; the watchdog cancels and starts it again.",
        production: "Find who killed it (`journalctl -k | grep -i oom`). The watchdog has replaced it.",
        plays: &["F7"],
        setting: Setting {
            watched: true,
            ..PLAIN
        },
        steps: &[KILL],
        expect: RESTARTED,
    },
    Drill {
        name: "sigkill-alone",
        about: "The process is killed without a watchdog, and started by hand once the book is empty.",
        production: "Start it again; its books are settled with the exchange before the first quote.",
        plays: &["F7"],
        setting: Setting {
            market: "lively",
            ..PLAIN
        },
        steps: &[KILL, Step::AwaitEmpty(seconds(35)), Step::StartAgain],
        expect: SWITCHED_OFF,
    },
    Drill {
        name: "kill-and-restart",
        about: "The process is killed while it trades and started at once: its books agree before the first quote.",
        production: "Nothing: this is what an upgrade under load looks like.",
        plays: &["F11", "F12"],
        setting: Setting {
            market: "lively",
            ..PLAIN
        },
        steps: &[KILL, Step::Wait(seconds(1)), Step::StartAgain],
        expect: Expect {
            recovered_s: Some(10.0),
            ..QUIET
        },
    },
    Drill {
        name: "watchdog-killed",
        about: "The watchdog is killed: the process says so and trades on under the exchange's own switch.",
        production: "Stop the process (`kill -TERM`, it cancels everything) and start `phoenix watchdog` again.",
        plays: &[],
        setting: Setting {
            watched: true,
            ..PLAIN
        },
        steps: &[
            Step::Signal(Who::Watchdog, Signal::Kill),
            Step::Wait(seconds(5)),
        ],
        expect: Expect {
            detect: Some((&["watchdog_gone"], 5.0)),
            kept_share: Some(0.95),
            end: End::Any,
            ..QUIET
        },
    },
];

pub(super) const BROKEN_INSIDE: &[Drill] = &[
    Drill {
        name: "strategy-panic",
        about: "The logic of one of two symbols panics: it is pulled and back after five seconds, the other trades on.",
        production: "Keep the log line `panic` with its backtrace and report it. After the fifth in ten minutes the symbol stays stopped until resumed.",
        plays: &["F14"],
        setting: Setting {
            two_symbols: true,
            inner_fault: Some("strategy-panic:ETHUSDC@25s"),
            ..PLAIN
        },
        steps: &[STRUCK],
        expect: Expect {
            detect: Some((&["desk_panicked"], 1.0)),
            off_book_s: Some(2.0),
            recovered_s: Some(10.0),
            ..QUIET
        },
    },
    Drill {
        name: "strategy-loop",
        about: "The logic of a symbol never returns: the hot thread hangs, the watchdog acts.",
        production: "Keep the core dump if there is one and report it; trade without that strategy meanwhile.",
        plays: &["F13", "F14"],
        setting: Setting {
            watched: true,
            inner_fault: Some("strategy-loop:ETHUSDC@25s"),
            ..PLAIN
        },
        steps: &[STRUCK],
        expect: Expect {
            detect: Some((&["child_stalled", "stalled", "watchdog_stalled"], 4.5)),
            ..RESTARTED
        },
    },
    Drill {
        name: "hot-panic",
        about: "The hot thread panics outside a symbol's logic: the process cancels everything and ends, the watchdog starts it again.",
        production: "Keep the log line `panic` and report it.",
        plays: &[],
        setting: Setting {
            watched: true,
            inner_fault: Some("hot-panic@25s"),
            ..PLAIN
        },
        steps: &[STRUCK],
        expect: Expect {
            detect: Some((&["panic"], 1.0)),
            ..RESTARTED
        },
    },
    Drill {
        name: "cold-panic",
        about: "The cold side panics: the process cancels everything and ends, the watchdog starts it again.",
        production: "As hot-panic.",
        plays: &[],
        setting: Setting {
            watched: true,
            inner_fault: Some("cold-panic@25s"),
            ..PLAIN
        },
        steps: &[STRUCK],
        expect: Expect {
            detect: Some((&["panic"], 1.0)),
            ..RESTARTED
        },
    },
    Drill {
        name: "out-of-memory",
        about: "The process gets no further memory and needs some: it aborts, the watchdog cancels and starts it again.",
        production: "Give the machine memory or move other programs off it; a limit on the unit should be twice what `phoenix health` shows.",
        plays: &["F20"],
        setting: Setting {
            watched: true,
            inner_fault: Some("out-of-memory@25s"),
            ..PLAIN
        },
        steps: &[STRUCK],
        expect: RESTARTED,
    },
];

pub(super) const SURROUNDINGS: &[Drill] = &[
    Drill {
        name: "disk-full",
        about: "No file may grow for ten seconds: the journal waits in memory, trading goes on, nothing is lost.",
        production: "Make room on the disk of `state_dir`; nothing is lost as long as the process lives.",
        plays: &[],
        setting: Setting {
            market: "lively",
            ..PLAIN
        },
        steps: &[
            Step::Limit(LimitTrick::DiskFull),
            Step::Wait(seconds(10)),
            Step::Limit(LimitTrick::DiskFree),
        ],
        expect: Expect {
            detect: Some((&["journal_failed", "journal_unwritable"], 10.0)),
            reason: "the journal is written when something happens, and at least every 10 s, when equity is sampled: a failure shows with the next write.",
            ..QUIET
        },
    },
    Drill {
        name: "corrupt-state",
        about: "The process is killed and the journal's beginning overwritten: the next start trades on the exchange's truth or refuses, and says so.",
        production: "Move the journal aside (`mv journal.db journal.db.broken`) and start again: position and orders come from the exchange, the history before is in the copy.",
        plays: &["F32"],
        setting: PLAIN,
        steps: &[
            Step::Signal(Who::Maker, Signal::Kill),
            Step::AwaitEmpty(seconds(35)),
            Step::File(FileTrick::CorruptJournal),
            Step::StartAgain,
            Step::AwaitEnd(seconds(10)),
        ],
        expect: Expect {
            off_book_s: Some(30.5),
            recovered_s: None,
            end: End::Code(1),
            loss_share_max: 0.02,
            ..QUIET
        },
    },
    Drill {
        name: "config-gone",
        about: "phoenix.yaml disappears for six seconds: the configuration in force stays in force.",
        production: "Restore the file before the next restart.",
        plays: &[],
        setting: PLAIN,
        steps: &[
            Step::File(FileTrick::RemoveConfig),
            Step::Wait(seconds(6)),
            Step::File(FileTrick::RestoreConfig),
        ],
        expect: Expect {
            kept_share: Some(0.95),
            ..QUIET
        },
    },
    Drill {
        name: "config-broken",
        about: "phoenix.yaml is overwritten with what cannot be read: refused with an alert, the old one stays.",
        production: "Correct the file: `phoenix check-config FILE` names the line.",
        plays: &[],
        setting: PLAIN,
        steps: &[
            Step::File(FileTrick::GarbleConfig),
            Step::Wait(seconds(5)),
            Step::File(FileTrick::RestoreConfig),
        ],
        expect: Expect {
            kept_share: Some(0.95),
            ..QUIET
        },
    },
    Drill {
        name: "kill-switch",
        about: "The kill file appears: everything is cancelled within a second, and nothing sent until it is gone.",
        production: "Remove the file and resume with `kill -USR2` when the reason is gone.",
        plays: &[],
        setting: PLAIN,
        steps: &[
            Step::File(FileTrick::Kill),
            Step::Wait(seconds(5)),
            Step::File(FileTrick::Unkill),
        ],
        expect: Expect {
            detect: Some((&["halted"], 1.0)),
            off_book_s: Some(1.0),
            recovered_s: None,
            ..QUIET
        },
    },
    Drill {
        name: "second-instance",
        about: "A second Phoenix is started on the account from another machine: it sees foreign orders, says so at level 3 and never quotes; the first trades on.",
        production: "Stop one of the two, then resume the other (`kill -USR2`, or `--clear-halt` at its start).",
        plays: &["F32"],
        setting: PLAIN,
        steps: &[Step::StartSecond, Step::Wait(seconds(15)), Step::EndSecond],
        expect: Expect {
            detect: Some((&["second_instance"], 15.0)),
            kept_share: Some(0.95),
            ..QUIET
        },
    },
];
