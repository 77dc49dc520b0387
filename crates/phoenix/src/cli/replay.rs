//! `phoenix replay`: arguments, what is printed, exit codes.

use std::collections::VecDeque;
use std::path::PathBuf;

use clap::Args;
use phoenix_core::units::Wall;
use serde_json::{Value, json};

use super::{Exit, output};
use crate::flight::reader::{Ending, Reader};
use crate::flight::replay::{Difference, Kind, Range, Report, Step, Symbols, Watch, replay};
use crate::flight::show::{action_text, step_text, time_text};
use crate::flight::writer::Reason;
use crate::live::pilot::DRIVE;

/// Events that `--show` prints without a range: the last ones, which end at the first difference.
const SHOWN: usize = 20;
/// Events around `--at`.
const AROUND_NS: i64 = 2_000_000_000;
/// Actions of a difference that are printed of each run.
const ACTIONS_MAX: usize = 12;

/// Run a session's flight record again and compare every decision.
#[derive(Debug, Clone, PartialEq, Args)]
#[command(
    after_help = "Exit codes: 0 the same; 1 a difference, or the record is damaged or torn; 2 not a record that can be read."
)]
pub struct ReplayArgs {
    /// A file of the record, or a folder, of which the newest record is taken: `flight/` in `state_dir`, or an incident bundle.
    #[arg(value_name = "FILE|DIR")]
    pub record: PathBuf,
    /// Print one JSON object on standard output, and nothing else there.
    #[arg(long)]
    pub json: bool,
    /// Compare from this event on; those before are run all the same.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub from: u64,
    /// Run nothing after this event.
    #[arg(long, value_name = "N")]
    pub until: Option<u64>,
    /// Print events and actions: those of the range, or the last 20.
    #[arg(long)]
    pub show: bool,
    /// Print those within two seconds of this instant, such as 2026-11-27T23:10:35Z.
    #[arg(long, value_name = "TIME", conflicts_with = "show")]
    pub at: Option<jiff::Timestamp>,
}

/// Replays.
pub fn main(args: &ReplayArgs) -> Exit {
    let reader = match Reader::open(&args.record) {
        Ok(reader) => reader,
        Err(error) => {
            output::say(&format!("phoenix replay: {error}"));
            if args.json {
                return finish(
                    output::emit_json(&json!({"error": error.to_string()})),
                    Exit::Config,
                );
            }
            return Exit::Config;
        }
    };
    let range = Range {
        from: args.from,
        until: args.until.unwrap_or(u64::MAX),
    };
    let mut shown = Shown::new(args);
    let report = replay(reader, DRIVE, range, &mut shown);
    let exit = match report.is_same() {
        true => Exit::Designed,
        false => Exit::Failure,
    };
    shown.finish();
    let printed = match args.json {
        true => output::emit_json(&json_of(&report)),
        false => output::emit(&text_of(&report)),
    };
    finish(printed, exit)
}

fn finish(printed: std::io::Result<()>, exit: Exit) -> Exit {
    match printed {
        Ok(()) => exit,
        Err(error) => {
            output::say(&format!("phoenix replay: {error}"));
            Exit::Failure
        }
    }
}

/// Which events are printed.
enum Wanted {
    Nothing,
    Events(Range),
    Around(Wall),
    Last(VecDeque<String>),
}

/// Prints events: to standard error with `--json`, whose object stands alone.
struct Shown {
    wanted: Wanted,
    is_json: bool,
}

impl Shown {
    fn new(args: &ReplayArgs) -> Self {
        let wanted = match (args.at, args.show) {
            (Some(at), _) => {
                Wanted::Around(Wall(i64::try_from(at.as_nanosecond()).unwrap_or(i64::MAX)))
            }
            (None, false) => Wanted::Nothing,
            (None, true) if args.from == 1 && args.until.is_none() => Wanted::Last(VecDeque::new()),
            (None, true) => Wanted::Events(Range {
                from: args.from,
                until: args.until.unwrap_or(u64::MAX),
            }),
        };
        Self {
            wanted,
            is_json: args.json,
        }
    }

    fn print(is_json: bool, text: &str) {
        if is_json {
            return output::say(text.trim_end());
        }
        // Told by the report, if that cannot be printed either.
        let _ = output::emit(text);
    }

    fn finish(self) {
        if let Wanted::Last(texts) = self.wanted {
            texts
                .iter()
                .for_each(|text| Self::print(self.is_json, text));
        }
    }
}

impl Watch for Shown {
    fn on_step(&mut self, step: &Step<'_>, symbols: &Symbols) {
        let is_wanted = match &self.wanted {
            Wanted::Nothing => false,
            Wanted::Events(range) => (range.from..=range.until).contains(&step.number),
            Wanted::Around(at) => {
                step.now.wall.raw().abs_diff(at.raw()) <= AROUND_NS.unsigned_abs()
            }
            Wanted::Last(_) => true,
        };
        if !is_wanted {
            return;
        }
        let text = step_text(step, symbols);
        match &mut self.wanted {
            Wanted::Last(texts) => {
                if texts.len() >= SHOWN {
                    texts.pop_front();
                }
                texts.push_back(text);
            }
            Wanted::Nothing | Wanted::Events(_) | Wanted::Around(_) => {
                Self::print(self.is_json, &text);
            }
        }
    }
}

fn seconds(report: &Report) -> f64 {
    report.span.map_or(0.0, |(first, last)| {
        last.mono.since(first.mono).raw() as f64 / 1e9
    })
}

/// How the record ends, in words.
fn ending_text(report: &Report) -> String {
    if let Some(event) = report.unfinished {
        return format!(
            "the process ended within event {event}: nothing is recorded of what came of it"
        );
    }
    match report.ending {
        None if report.damage.is_some() => "what follows the damage cannot be replayed".to_owned(),
        None => "not read to its end".to_owned(),
        Some(Ending::Said(Reason::Over)) => "complete, to the session's end".to_owned(),
        Some(Ending::Said(Reason::Behind(missed))) => format!(
            "ends before the session: the disk was too slow, and {missed} events follow that are not in it"
        ),
        Some(Ending::Said(Reason::Full)) => {
            "ends before the session: flight_keep_mb was reached".to_owned()
        }
        Some(Ending::GoesOn(part)) => format!("goes on in part {part}, which is not here"),
        Some(Ending::Open) => {
            "has no end: the process was killed, or still runs; at most the last second is missing"
                .to_owned()
        }
    }
}

fn text_of(report: &Report) -> String {
    let body = &report.header.body;
    let names: Vec<&str> = report.symbols.values().map(String::as_str).collect();
    let mut lines = vec![
        format!(
            "flight record of session {} on {}, phoenix {}",
            body.session, body.venue, report.header.version
        ),
        format!(
            "  {} … {:.1} s, {}",
            time_text(Wall(body.began_wall_ns)),
            seconds(report),
            if names.is_empty() {
                "no symbol".to_owned()
            } else {
                names.join(", ")
            }
        ),
        format!(
            "  {} events, {} actions, {} states compared, {} segments, {} bytes",
            report.events, report.actions, report.digests, report.segments, report.bytes
        ),
        format!("  {}", ending_text(report)),
    ];
    if let Some(damage) = &report.damage {
        lines.push(format!(
            "DAMAGED: {} at byte {}, segment {}: {}; the {} events before are sound",
            damage.file.display(),
            damage.offset,
            damage.segment,
            damage.what,
            report.events
        ));
    }
    match &report.difference {
        Some(difference) => lines.push(difference_text(report, difference)),
        None => lines.push(format!(
            "SAME: {} events gave the same {} actions",
            report.events, report.actions
        )),
    }
    let mut text = lines.join("\n");
    text.push('\n');
    text
}

fn kind_text(kind: &Kind) -> String {
    match kind {
        Kind::Actions => "the actions are not the same".to_owned(),
        Kind::Panics(was, now) => {
            format!("desks panicked: recorded {was:?}, now {now:?}")
        }
        Kind::State(was, now) => {
            format!(
                "the actions are the same and the state is not: recorded {was:016x}, now {now:016x}"
            )
        }
        Kind::Crash(message) => format!("this run panicked outside of a symbol's logic: {message}"),
    }
}

fn difference_text(report: &Report, difference: &Difference) -> String {
    let mut lines = vec![
        format!(
            "DIFFERENT at event {}, {}: {}",
            difference.event,
            time_text(difference.now.wall),
            difference.what
        ),
        format!("  {}", kind_text(&difference.kind)),
    ];
    for (name, actions) in [("recorded", &difference.recorded), ("now", &difference.new)] {
        let shown = actions.iter().take(ACTIONS_MAX);
        lines.extend(shown.map(|action| format!("  {name} → {}", action_text(action))));
        if actions.len() > ACTIONS_MAX {
            lines.push(format!("  {name} → {} more", actions.len() - ACTIONS_MAX));
        }
    }
    if report.unfinished == Some(difference.event) {
        lines.push("  the live session ended within this event too".to_owned());
    }
    if report.header.version != env!("CARGO_PKG_VERSION") {
        lines.push(format!(
            "  the record is of phoenix {}, this is {}: a changed decision may be meant",
            report.header.version,
            env!("CARGO_PKG_VERSION")
        ));
    }
    lines.join("\n")
}

fn json_of(report: &Report) -> Value {
    let body = &report.header.body;
    let texts = |actions: &[crate::flight::codec::asked::Asked]| -> Vec<String> {
        actions.iter().map(action_text).collect()
    };
    let missed = match report.ending {
        Some(Ending::Said(Reason::Behind(missed))) => Some(missed),
        Some(Ending::Said(Reason::Over)) => Some(0),
        _ => None,
    };
    json!({
        "same": report.is_same(),
        "version": report.header.version,
        "session": body.session,
        "venue": body.venue,
        "began_s": body.began_wall_ns as f64 / 1e9,
        "seconds": seconds(report),
        "symbols": report.symbols.values().collect::<Vec<_>>(),
        "events": report.events,
        "actions": report.actions,
        "states_compared": report.digests,
        "segments": report.segments,
        "bytes": report.bytes,
        "ending": ending_text(report),
        "is_complete": report.ending == Some(Ending::Said(Reason::Over)),
        "missed_events": missed,
        "unfinished_event": report.unfinished,
        "damage": report.damage.as_ref().map(|damage| json!({
            "file": damage.file,
            "offset_bytes": damage.offset,
            "segment": damage.segment,
            "what": damage.what,
        })),
        "difference": report.difference.as_ref().map(|difference| json!({
            "event": difference.event,
            "at": time_text(difference.now.wall),
            "what": difference.what,
            "why": kind_text(&difference.kind),
            "recorded": texts(&difference.recorded),
            "now": texts(&difference.new),
        })),
    })
}
