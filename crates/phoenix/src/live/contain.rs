//! Owns what becomes of a panic: one in a desk's logic costs that desk, any other ends the process; knows
//! nothing of how a desk comes back, which the engine decides.

pub mod faults;

use phoenix_core::action::Actions;
use phoenix_core::engine::{Engine, SYMBOLS_MAX};
use phoenix_core::event::Event;
use phoenix_core::instrument::SymbolId;
use phoenix_core::units::Now;
use std::backtrace::Backtrace;
use std::future::Future;
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind, resume_unwind};
use std::pin::pin;
use std::task::Poll;

// A build that aborts on panic would contain nothing.
const _: () = assert!(cfg!(panic = "unwind"));

/// Name of the thread that trades.
pub const HOT_THREAD: &str = "phoenix-hot";
/// Longest message of a panic that is told.
const MESSAGE_CHARS_MAX: usize = 400;
/// Keys, signatures and listen keys have 64 characters of these; nothing that a person needs to read is this long.
const SECRET_CHARS_MIN: usize = 32;
/// Own functions that are named of a backtrace.
const FRAMES_MAX: usize = 8;

/// Steps the engine; gives the desks that panicked. Such a desk is discarded and the event is fed again, so that the other
/// desks hear it: see [`phoenix_core::engine::contain`].
///
/// `AssertUnwindSafe` holds: of a lost desk only what its last completed step left is used afterwards, and
/// what desks share is changed by single assignments: counters, limits and instants that may be one event behind.
///
/// # Panics
/// Goes on with a panic that was not in a desk's logic.
pub fn step(
    engine: &mut Engine,
    now: Now,
    event: &Event<'_>,
    actions: &mut Actions,
) -> Vec<SymbolId> {
    contained(engine, now, actions, |engine, actions| {
        engine.step(now, event, actions);
    })
}

/// Brings the view up to date; a desk that panics over it is discarded like one that panics in a step.
///
/// # Panics
/// Goes on with a panic that was not in a desk's logic.
pub fn refresh_view(engine: &mut Engine, now: Now, actions: &mut Actions) -> Vec<SymbolId> {
    contained(engine, now, actions, |engine, _| engine.refresh_view(now))
}

fn contained(
    engine: &mut Engine,
    now: Now,
    actions: &mut Actions,
    what: impl Fn(&mut Engine, &mut Actions),
) -> Vec<SymbolId> {
    let mut lost = Vec::new();
    // Each round discards one desk, and none comes back within it.
    for _ in 0..=SYMBOLS_MAX {
        let attempt = AssertUnwindSafe(|| what(&mut *engine, &mut *actions));
        let Err(payload) = catch_unwind(attempt) else {
            return lost;
        };
        match engine.stepping() {
            Some(symbol) => lost.push(symbol),
            None => resume_unwind(payload),
        }
        engine.on_desk_panicked(now, actions);
    }
    panic!("more panics of desks in one step than there can be desks");
}

/// A future panicked; its state is not to be trusted any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Panicked;

/// Waits for `future`, and says so if it panics.
///
/// # Errors
/// [`Panicked`]
pub async fn caught<F: Future>(future: F) -> Result<F::Output, Panicked> {
    let mut future = pin!(future);
    std::future::poll_fn(
        |cx| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
            Ok(poll) => poll.map(Ok),
            Err(_) => Poll::Ready(Err(Panicked)),
        },
    )
    .await
}

/// Tells of every panic in one log line, in place of the runtime's own words.
pub fn tell_panics() {
    std::panic::set_hook(Box::new(on_panic));
}

fn on_panic(info: &PanicHookInfo<'_>) {
    let thread = std::thread::current();
    let report = Report {
        thread: thread.name().unwrap_or("-").to_owned(),
        location: info
            .location()
            .map_or_else(|| "-".to_owned(), ToString::to_string),
        message: fit_to_print(info.payload_as_str().unwrap_or("a panic without words")),
    };
    let trace = Backtrace::force_capture();
    if report.thread == HOT_THREAD {
        // Resolving names reads the whole debug information: not while the other symbols wait.
        let told = report.clone();
        let teller = std::thread::Builder::new().name("panic".to_owned());
        if teller
            .spawn(move || told.tell(&frames(&trace.to_string())))
            .is_ok()
        {
            return;
        }
        report.tell("-");
    } else {
        report.tell(&frames(&trace.to_string()));
    }
}

/// A panic in words.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Report {
    thread: String,
    location: String,
    message: String,
}

impl Report {
    fn tell(&self, frames: &str) {
        let (thread, location, message) = (&self.thread, &self.location, &self.message);
        if tracing::event_enabled!(tracing::Level::ERROR) {
            tracing::error!(code = "panic", thread, location, frames, "panic: {message}");
        } else {
            eprintln!("panic in thread {thread} at {location}: {message} ({frames})");
        }
    }
}

/// One line without anything that could be a key, a signature or a listen key.
fn fit_to_print(message: &str) -> String {
    let mut out = String::new();
    let mut run = String::new();
    let end_run = |run: &mut String, out: &mut String| {
        match run.len() >= SECRET_CHARS_MIN {
            true => out.push_str("[hidden]"),
            false => out.push_str(run),
        }
        run.clear();
    };
    for c in message.chars() {
        if c.is_ascii_alphanumeric() || "+/=".contains(c) {
            run.push(c);
            continue;
        }
        end_run(&mut run, &mut out);
        out.push(if c.is_control() { ' ' } else { c });
    }
    end_run(&mut run, &mut out);
    match out.char_indices().nth(MESSAGE_CHARS_MAX) {
        Some((at, _)) => out.get(..at).unwrap_or_default().to_owned() + "…",
        None => out,
    }
}

/// Our own functions of a backtrace, innermost first.
fn frames(trace: &str) -> String {
    let names = trace.lines().filter_map(|line| {
        let (number, name) = line.trim().split_once(": ")?;
        number.parse::<u32>().ok().map(|_| name)
    });
    let ours = names.filter(|name| name.contains("phoenix") && !name.contains("live::contain"));
    let ours: Vec<&str> = ours.take(FRAMES_MAX).collect();
    match ours.is_empty() {
        true => "-".to_owned(),
        false => ours.join(" < "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use phoenix_core::action::Action;
    use phoenix_core::engine::contain::DeskFault;
    use phoenix_core::event::{Config, Operator, Resume};
    use phoenix_core::instrument::{SymbolId, ethusdc};
    use phoenix_core::notice::What;
    use phoenix_core::params::{AccountParams, ethusdc_defaults};
    use phoenix_core::units::Quote;

    fn engine() -> Engine {
        let mut engine = Engine::new(1, AccountParams::new(Quote(1)));
        let (instrument, params) = (ethusdc(), ethusdc_defaults());
        let add = Config::Add(SymbolId(0), &instrument, &params, Resume::default());
        engine.step(Now::default(), &Event::Config(add), &mut Actions::default());
        engine.inject(SymbolId(0), DeskFault::PanicOnce);
        engine
    }

    #[test]
    fn a_panic_outside_a_desk_goes_on() {
        let mut engine = engine();
        let mut actions = Actions::default();
        let outside = AssertUnwindSafe(|| {
            contained(&mut engine, Now::default(), &mut actions, |_, _| {
                panic!("outside");
            });
        });
        assert!(catch_unwind(outside).is_err());
        assert!(engine.desk(SymbolId(0)).is_some(), "the desk is unharmed");
    }

    #[test]
    fn a_step_without_panic_is_taken_once() {
        let mut engine = engine();
        let mut actions = Actions::default();
        let stop = Event::Operator(Operator::Stop);
        step(&mut engine, Now::default(), &stop, &mut actions);
        let said = actions.as_slice().iter();
        let halts =
            said.filter(|a| matches!(a, Action::Say(n) if matches!(n.what, What::Halted(..))));
        assert_eq!(halts.count(), 1);
    }

    #[tokio::test]
    async fn a_future_that_panics_is_reported_and_one_that_does_not_is_passed_on() {
        let fails = std::hint::black_box(true);
        let broken = caught(async {
            tokio::task::yield_now().await;
            assert!(!fails, "on purpose");
            7
        });
        assert_eq!(broken.await, Err(Panicked));
        assert_eq!(caught(async { 7 }).await, Ok(7));
    }

    #[test]
    fn keys_and_line_breaks_do_not_reach_the_log() {
        let key = "a1B2".repeat(16);
        let message = format!("refused: apiKey={key}\nsignature: {key}, order 1700000000000");
        assert_eq!(
            fit_to_print(&message),
            "refused: [hidden] signature: [hidden], order 1700000000000"
        );
        assert!(fit_to_print(&"word ".repeat(200)).chars().count() <= MESSAGE_CHARS_MAX + 1);
    }

    #[test]
    fn of_a_backtrace_our_own_functions_are_named_innermost_first() {
        let trace = "   0: std::backtrace::Backtrace::create\n   1: phoenix::live::contain::on_panic\n             at ./x.rs:1:2\n   \
                     9: phoenix_core::engine::desk::Desk::act\n  12: phoenix::live::hot::Hot::step\n";
        assert_eq!(
            frames(trace),
            "phoenix_core::engine::desk::Desk::act < phoenix::live::hot::Hot::step"
        );
        assert_eq!(frames("disabled backtrace"), "-");
    }
}
