//! Owns what the process tells its watchdog: counters that grow only with completed work, and the line they stand in. Does not know what the watchdog does.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU8, AtomicU64, Ordering};
use std::time::Duration;

use phoenix_core::action::{Action, Actions};
use phoenix_core::engine::view::{SymbolView, View};
use phoenix_core::event::Stream;
use phoenix_core::units::{Mono, Span};
use phoenix_watchdog::mail::SOCKET_VARIABLE;
use serde::Serialize;
use tokio::io::AsyncWriteExt;
use tokio::net::UnixStream;
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::live::clock::Clock;

/// How often a line is written.
const EVERY: Duration = Duration::from_millis(250);
/// A watchdog that takes no line for this long is as good as gone.
const WRITE_LIMIT: Duration = Duration::from_secs(10);
/// No order stands on any data.
const NO_DATA: i64 = i64::MAX;

/// What the trading thread has done so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Completed rounds of its loop.
    pub cycles: u64,
    /// Events that the engine took.
    pub events: u64,
    /// Events on which it ordered something about orders.
    pub decisions: u64,
    /// Requests about orders that the exchange acknowledged.
    pub acks: u64,
}

impl Counts {
    /// The engine took an event and ordered this.
    pub fn on_step(&mut self, actions: &Actions) {
        let is_of_orders = |action: &Action| {
            matches!(
                action,
                Action::Place(_) | Action::Amend(_) | Action::Cancel(..)
            )
        };
        self.events += 1;
        self.decisions += u64::from(actions.as_slice().iter().any(is_of_orders));
    }
}

/// Whether somebody watches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Watched {
    /// Nobody was there from the start.
    No,
    /// A watchdog takes the heartbeats.
    Yes,
    /// It did, and does no more.
    Gone,
}

#[derive(Debug)]
struct Cells {
    cycles: AtomicU64,
    events: AtomicU64,
    decisions: AtomicU64,
    acks: AtomicU64,
    cold: AtomicU64,
    open_orders: AtomicU64,
    /// When the oldest data came that an open order stands on, on the engine's clock.
    data_at_ns: AtomicI64,
    is_halted: AtomicBool,
    is_stopping: AtomicBool,
    is_crashed: AtomicBool,
    watched: AtomicU8,
}

/// The counters, shared by the threads that do the work and the task that tells of it. Storing never waits.
#[derive(Debug, Clone)]
pub struct Pulse(Arc<Cells>);

impl Default for Pulse {
    fn default() -> Self {
        Self(Arc::new(Cells {
            cycles: AtomicU64::new(0),
            events: AtomicU64::new(0),
            decisions: AtomicU64::new(0),
            acks: AtomicU64::new(0),
            cold: AtomicU64::new(0),
            open_orders: AtomicU64::new(0),
            data_at_ns: AtomicI64::new(NO_DATA),
            is_halted: AtomicBool::new(false),
            is_stopping: AtomicBool::new(false),
            is_crashed: AtomicBool::new(false),
            watched: AtomicU8::new(0),
        }))
    }
}

impl Pulse {
    /// The trading thread has completed a round.
    pub fn on_cycle(&self, counts: Counts) {
        self.0.events.store(counts.events, Ordering::Relaxed);
        self.0.decisions.store(counts.decisions, Ordering::Relaxed);
        self.0.acks.store(counts.acks, Ordering::Relaxed);
        self.0.cycles.store(counts.cycles, Ordering::Relaxed);
    }

    /// What the engine knows of its orders, a few times a second.
    pub fn on_view(&self, view: &View) {
        let open: usize = view.symbols.iter().map(|s| s.orders.len()).sum();
        let open = u64::try_from(open).unwrap_or(u64::MAX);
        let oldest = view.symbols.iter().filter_map(|s| data_at(s, view)).min();
        let data_at_ns = oldest.map_or(NO_DATA, Mono::raw);
        let is_halted =
            view.halt.is_some() || view.symbols.iter().all(|symbol| symbol.halt.is_some());
        self.0.open_orders.store(open, Ordering::Relaxed);
        self.0.data_at_ns.store(data_at_ns, Ordering::Relaxed);
        self.0.is_halted.store(is_halted, Ordering::Relaxed);
    }

    /// The thread beside the trading thread has completed a round.
    pub fn on_cold_round(&self) {
        self.0.cold.fetch_add(1, Ordering::Relaxed);
    }

    /// The graceful end has begun.
    pub fn on_stopping(&self) {
        self.0.is_stopping.store(true, Ordering::Relaxed);
    }

    /// Something broke, and what is open is cancelled before the process ends.
    pub fn on_crashed(&self) {
        self.0.is_crashed.store(true, Ordering::Relaxed);
        self.on_stopping();
    }

    /// Whether somebody watches.
    #[must_use]
    pub fn watched(&self) -> Watched {
        match self.0.watched.load(Ordering::Relaxed) {
            0 => Watched::No,
            1 => Watched::Yes,
            _ => Watched::Gone,
        }
    }

    fn watched_is(&self, watched: Watched) {
        let code = match watched {
            Watched::No => 0,
            Watched::Yes => 1,
            Watched::Gone => 2,
        };
        self.0.watched.store(code, Ordering::Relaxed);
    }

    fn phase(&self, cycles: u64) -> &'static str {
        if self.0.is_stopping.load(Ordering::Relaxed) {
            "stopping"
        } else if cycles == 0 {
            "booting"
        } else if self.0.is_halted.load(Ordering::Relaxed) {
            "halted"
        } else {
            "trading"
        }
    }

    fn line(&self, now: Mono) -> Line {
        let cells = &self.0;
        let data_at = cells.data_at_ns.load(Ordering::Relaxed);
        let age = (data_at != NO_DATA).then(|| now.since(Mono(data_at)).as_millis());
        let cycles = cells.cycles.load(Ordering::Relaxed);
        Line {
            v: 1,
            pid: std::process::id(),
            cycles,
            cold: cells.cold.load(Ordering::Relaxed),
            events: cells.events.load(Ordering::Relaxed),
            decisions: cells.decisions.load(Ordering::Relaxed),
            acks: cells.acks.load(Ordering::Relaxed),
            data_age_ms: age.map(|ms| u64::try_from(ms).unwrap_or(0)),
            open_orders: cells.open_orders.load(Ordering::Relaxed),
            phase: self.phase(cycles),
            crashed: cells.is_crashed.load(Ordering::Relaxed),
        }
    }
}

/// When the data came that this symbol's orders stand on, confirmations by REST included; `None` without orders. Orders
/// without any data stand on none since their desk began.
fn data_at(symbol: &SymbolView, view: &View) -> Option<Mono> {
    if symbol.orders.is_empty() {
        return None;
    }
    let streams = symbol.streams.iter();
    let depth = streams.filter(|s| s.stream == Stream::Depth);
    let age = depth.filter_map(|s| s.age).next();
    Some(age.map_or(symbol.began_at, |age| view.now.mono.after(Span(-age.0))))
}

/// The line as it is written.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Line {
    v: u32,
    pid: u32,
    cycles: u64,
    cold: u64,
    events: u64,
    decisions: u64,
    acks: u64,
    data_age_ms: Option<u64>,
    open_orders: u64,
    phase: &'static str,
    crashed: bool,
}

impl Line {
    fn encode(&self) -> io::Result<Vec<u8>> {
        let mut line = serde_json::to_vec(self)?;
        line.push(b'\n');
        Ok(line)
    }
}

/// The socket that the watchdog named, if one started this process.
#[must_use]
pub fn socket() -> Option<PathBuf> {
    std::env::var_os(SOCKET_VARIABLE).map(PathBuf::from)
}

/// Tells the watchdog until it is gone. It is not looked for again: a stranger could answer, and one that is restarted
/// finds the account's lock held.
pub async fn keep(pulse: Pulse, clock: Clock, socket: PathBuf) {
    if let Err(error) = tell(&pulse, &clock, &socket).await {
        tracing::debug!(%error, "the watchdog's socket");
    }
    pulse.watched_is(Watched::Gone);
}

async fn tell(pulse: &Pulse, clock: &Clock, socket: &PathBuf) -> io::Result<()> {
    let mut stream = UnixStream::connect(socket).await?;
    pulse.watched_is(Watched::Yes);
    let mut every = interval(EVERY);
    every.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        every.tick().await;
        let line = pulse.line(clock.mono()).encode()?;
        timeout(WRITE_LIMIT, stream.write_all(&line)).await??;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use phoenix_core::units::{Now, Wall};
    use phoenix_watchdog::mail::{Beat, Mailbox, Phase};
    use std::sync::mpsc;

    const LIMIT: Duration = Duration::from_secs(20);

    fn read(pulse: &Pulse, now: Mono) -> Beat {
        let line = pulse.line(now).encode().expect("a line");
        let (end, body) = line.split_last().expect("not empty");
        assert_eq!(*end, b'\n');
        assert!(body.len() < phoenix_watchdog::mail::LINE_BYTES_MAX / 2);
        Beat::decode(body).expect("the watchdog reads it")
    }

    #[test]
    fn the_watchdog_reads_what_is_written() {
        let pulse = Pulse::default();
        let first = read(&pulse, Mono(0));
        assert_eq!((first.phase, first.cycles), (Phase::Booting, 0));
        assert_eq!((first.data_age_ms, first.open_orders), (None, 0));
        pulse.on_cycle(Counts {
            cycles: 9,
            events: 8,
            decisions: 2,
            acks: 1,
        });
        pulse.on_cold_round();
        let beat = read(&pulse, Mono(0));
        assert_eq!(
            (beat.phase, beat.cycles, beat.cold),
            (Phase::Trading, 9, Some(1))
        );
        assert_eq!(beat.pid, std::process::id());
        let halted = View {
            halt: Some(phoenix_core::notice::HaltReason::Killed),
            now: Now {
                mono: Mono(5),
                wall: Wall(5),
            },
            ..View::default()
        };
        pulse.on_view(&halted);
        assert_eq!(read(&pulse, Mono(0)).phase, Phase::Halted);
        pulse.on_stopping();
        let stopping = read(&pulse, Mono(0));
        assert_eq!((stopping.phase, stopping.crashed), (Phase::Stopping, false));
        pulse.on_crashed();
        assert!(read(&pulse, Mono(0)).crashed);
    }

    #[test]
    fn the_age_of_the_data_grows_while_nobody_updates_it() {
        let pulse = Pulse::default();
        pulse.0.data_at_ns.store(1_000_000_000, Ordering::Relaxed);
        assert_eq!(read(&pulse, Mono(1_020_000_000)).data_age_ms, Some(20));
        assert_eq!(read(&pulse, Mono(9_000_000_000)).data_age_ms, Some(8_000));
    }

    #[tokio::test]
    async fn a_watchdog_is_told_and_missed_when_it_is_gone() {
        let base = tempfile::tempdir().expect("a folder");
        let path = base.path().join("heartbeat");
        let listener = tokio::net::UnixListener::bind(&path).expect("bound");
        let pulse = Pulse::default();
        assert_eq!(pulse.watched(), Watched::No);
        let keeper = tokio::spawn(keep(pulse.clone(), Clock::default(), path));
        let (stream, _) = listener.accept().await.expect("a connection");
        while pulse.watched() != Watched::Yes {
            tokio::task::yield_now().await;
        }
        drop((stream, listener));
        timeout(LIMIT, keeper)
            .await
            .expect("it ends")
            .expect("well");
        assert_eq!(pulse.watched(), Watched::Gone);
    }

    #[tokio::test]
    async fn heartbeats_arrive_in_the_watchdogs_mailbox() {
        let base = tempfile::tempdir().expect("a folder");
        let (tell, told) = mpsc::channel();
        let mailbox =
            Mailbox::open(base.path(), move |beat| tell.send(beat).is_ok()).expect("a mailbox");
        let pulse = Pulse::default();
        let socket = mailbox.socket().to_owned();
        let keeper = tokio::spawn(keep(pulse.clone(), Clock::default(), socket));
        let first = tokio::task::spawn_blocking(move || told.recv_timeout(LIMIT));
        let beat = first.await.expect("no panic").expect("a heartbeat");
        assert_eq!(beat.pid, std::process::id());
        assert_eq!(mailbox.malformed(), 0);
        keeper.abort();
    }
}
