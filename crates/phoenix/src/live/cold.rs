//! Owns the cold side: REST that is not order entry, journal, log, configuration file, signals. It may be
//! slow; the hot thread never waits for it.

mod ask;
mod incidents;
pub mod past;
mod report;
mod told;
mod watch;

pub use report::Sources;

pub use ask::{Desk, account_now, cancel_all, open_orders};

use super::books::Books;
use super::wire::{OwnedConfig, OwnedReply, ToCold, ToHot};
use crate::flight::recorder::Status as FlightStatus;
use crate::heartbeat::{Pulse, Watched};
use crate::incident::keeper::Keeper;
use crate::journal::record::{Class, Record};
use crate::journal::writer::{Backlog, Recorder};
use incidents::Incidents;
use phoenix_core::action::Action;
use phoenix_core::engine::view::{SymbolView, View};
use phoenix_core::event::Operator;
use phoenix_core::instrument::{Instrument, SymbolId};
use phoenix_core::units::{Lots, Mono, Quote, Span};
use report::{Reporter, Shown};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior};

/// How often the kill file is looked for and the journal's backlog is retried.
const TICK: Duration = Duration::from_millis(250);
/// How often equity and positions are sampled into the journal.
const SAMPLE_EVERY: Duration = Duration::from_secs(10);
/// How often the journal forgets what is older than it is to keep; a bounded number of rows each time.
const PRUNE_EVERY: Duration = Duration::from_secs(60);
/// A graceful end that takes longer than this is abandoned; what is open is then cancelled from outside.
pub const STOP_LIMIT: Duration = Duration::from_secs(10);

/// Records of the books that wait in memory while the journal takes none. A further one is not kept: the exchange
/// still has every fill, and the next start asks for those that the journal lacks.
const BACKLOG_MAX: usize = 65_536;
/// A request that waited here for longer is answered "not sent": what the engine wants now may be something else.
const ASK_AGE_MAX: Span = Span::from_secs(2);
/// Longest wait for room in the hot thread's queue.
const TELL_LIMIT: Duration = Duration::from_secs(1);

/// How the run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// The engine confirmed that nothing of ours is open.
    Stopped,
    /// The graceful end took too long or was cut short.
    Abandoned,
    /// The hot thread panicked, hangs, or ended by itself.
    HotGone,
    /// The cold side panicked.
    ColdPanicked,
}

/// Requests of the outside world to end or change the run.
#[derive(Debug, Clone, PartialEq)]
pub enum Outside {
    /// Interrupt or terminate.
    Stop,
    /// Kill switch, pause, resume.
    Operator(Operator),
    /// A changed configuration that applies live.
    Config(Vec<OwnedConfig>),
}

/// The cold side of one run.
#[derive(Debug)]
pub struct Cold {
    /// What requests need, the contracts of all symbols of this session among it.
    pub desk: Desk,
    /// The same contracts, for the journal.
    pub books: Books,
    recorder: Option<Recorder>,
    backlog: VecDeque<Record>,
    reporter: Reporter,
    /// Why the journal's last attempt failed, as last told.
    journal_error: Option<String>,
    to_hot: mpsc::Sender<ToHot>,
    from_hot: mpsc::Receiver<ToCold>,
    outside: mpsc::Receiver<Outside>,
    listen_key: mpsc::Sender<()>,
    clock_refused: mpsc::Sender<()>,
    kill_file: Option<PathBuf>,
    was_killed: bool,
    /// When to stop by itself.
    deadline: Option<Instant>,
    panic_at: Option<Instant>,
    stopping_since: Option<Instant>,
    pulse: Pulse,
    watched: Watched,
    /// The flight record, until it has ended too early.
    flight: Option<Arc<FlightStatus>>,
    incidents: Incidents,
    sampled_at: Instant,
    pruned_at: Instant,
    positions: BTreeMap<SymbolId, (Lots, Quote)>,
    announced: BTreeSet<SymbolId>,
    ended: mpsc::Sender<SymbolView>,
    /// Removed symbols as they ended, with the contract data of then.
    pub removed: VecDeque<(Instrument, SymbolView)>,
    /// The latest snapshot of the engine.
    pub view: View,
    /// Notices of level 1 and above, newest last, bounded.
    pub alerts: VecDeque<String>,
    /// Codes of all notices that were said.
    pub codes: BTreeSet<&'static str>,
    /// When the graceful end began, on the engine's clock.
    pub stop_began_ns: Option<i64>,
}

/// Alerts kept for the summary; older ones are in the journal.
const ALERTS_MAX: usize = 200;
/// Removed symbols kept for the summary; what older ones did is in the journal.
const REMOVED_MAX: usize = 256;

/// Channels and settings of the cold side.
#[derive(Debug)]
pub struct ColdSetup {
    /// What requests need.
    pub desk: Desk,
    /// Journal records.
    pub books: Books,
    /// The journal's writer; `None` in a dry run without state.
    pub recorder: Option<Recorder>,
    /// To the hot thread.
    pub to_hot: mpsc::Sender<ToHot>,
    /// From the hot thread.
    pub from_hot: mpsc::Receiver<ToCold>,
    /// Signals, files, changed configuration.
    pub outside: mpsc::Receiver<Outside>,
    /// To the keeper of the listen key.
    pub listen_key: mpsc::Sender<()>,
    /// To the keeper of the clock.
    pub clock_refused: mpsc::Sender<()>,
    /// To the keeper of the configuration: removed symbols as they ended.
    pub ended: mpsc::Sender<SymbolView>,
    /// What the report on the process's health is made of.
    pub report: Sources,
    /// A file whose existence is the kill switch.
    pub kill_file: Option<PathBuf>,
    /// Where completed work is counted.
    pub pulse: Pulse,
    /// Session number.
    pub session: u32,
    /// How the flight record fares; `None` without one.
    pub flight: Option<Arc<FlightStatus>>,
    /// What keeps incidents; `None` where there is no thread for it.
    pub incidents: Option<Keeper>,
    /// Length of the run, if bounded.
    pub seconds: Option<Duration>,
    /// When a drill wants this side to panic.
    pub panic_after: Option<Duration>,
}

impl Cold {
    /// Ready to run.
    #[must_use]
    pub fn new(setup: ColdSetup) -> Self {
        let now = Instant::now();
        Self {
            desk: setup.desk,
            books: setup.books,
            recorder: setup.recorder,
            backlog: VecDeque::new(),
            reporter: Reporter::new(setup.report),
            to_hot: setup.to_hot,
            from_hot: setup.from_hot,
            outside: setup.outside,
            listen_key: setup.listen_key,
            clock_refused: setup.clock_refused,
            kill_file: setup.kill_file,
            was_killed: false,
            deadline: setup.seconds.map(|s| now + s),
            journal_error: None,
            panic_at: setup.panic_after.map(|after| now + after),
            stopping_since: None,
            pulse: setup.pulse,
            watched: Watched::No,
            flight: setup.flight,
            incidents: Incidents::new(setup.incidents, setup.session),
            sampled_at: now,
            pruned_at: now,
            positions: BTreeMap::new(),
            announced: BTreeSet::new(),
            ended: setup.ended,
            removed: VecDeque::new(),
            view: View::default(),
            alerts: VecDeque::new(),
            codes: BTreeSet::new(),
            stop_began_ns: None,
        }
    }

    /// Holds all quoting until an operator resumes: this halt of an earlier session stands.
    pub async fn hold(&mut self, halt: &str) {
        self.reporter.on_standing_halt(halt);
        self.tell_hot(ToHot::Operator(Operator::Kill)).await;
    }

    /// Ends this side; what it gives completes what incidents have begun, and blocks.
    pub fn into_last_work(self) -> impl FnOnce() + Send + 'static {
        let (mut incidents, view, books) = (self.incidents, self.view, self.books);
        move || incidents.finish(&view, &books)
    }

    /// Runs until the engine has stopped.
    pub async fn run(&mut self) -> Ended {
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased; // A request to stop is never behind the engine's messages.
                asked = self.outside.recv() => match asked {
                    Some(outside) => {
                        if self.on_outside(outside).await {
                            return Ended::Abandoned;
                        }
                    }
                    None => self.begin_stop().await,
                },
                message = self.from_hot.recv() => match message {
                    Some(ToCold::Stopped) => return Ended::Stopped,
                    Some(message) => self.on_message(message),
                    None => return Ended::HotGone,
                },
                _ = tick.tick() => {
                    if self.on_tick().await {
                        return Ended::Abandoned;
                    }
                }
            }
        }
    }

    /// Returns true when the run must end now: a second request to stop.
    async fn on_outside(&mut self, outside: Outside) -> bool {
        match outside {
            Outside::Stop if self.stopping_since.is_some() => return self.abandon().await,
            Outside::Stop => self.begin_stop().await,
            Outside::Operator(operator) => self.tell_hot(ToHot::Operator(operator)).await,
            Outside::Config(_) if self.stopping_since.is_some() => {
                tracing::info!("a configuration change came while stopping: not applied");
            }
            Outside::Config(changes) => {
                for change in changes {
                    self.meet(&change);
                    self.tell_hot(ToHot::Config(change)).await;
                }
            }
        }
        false
    }

    /// A new symbol is known here before the engine can ask anything about it. It stays known when it is removed:
    /// what is open at the end is asked for each.
    fn meet(&mut self, change: &OwnedConfig) {
        let OwnedConfig::Add(id, instrument, ..) = change else {
            return;
        };
        let contracts = Arc::make_mut(&mut self.desk.contracts);
        if let Err(error) = contracts.add(*id, (**instrument).clone()) {
            tracing::error!(%error, symbol = %instrument.name, "the symbol cannot be added");
        }
        self.books.on_contracts(&self.desk.contracts);
    }

    /// A removed symbol is over: its last books are kept for the summary and for its return.
    fn on_ended(&mut self, symbol: SymbolView) {
        if let Some(record) = self.books.position(&symbol, self.view.now.wall) {
            self.record(record);
        }
        self.positions.remove(&symbol.symbol);
        self.announced.remove(&symbol.symbol);
        if self.ended.try_send(symbol.clone()).is_err() {
            tracing::debug!("nobody waits for the end of a symbol");
        }
        if self.removed.len() >= REMOVED_MAX {
            self.removed.pop_front();
        }
        if let Some(instrument) = self.books.instrument(symbol.symbol).cloned() {
            self.removed.push_back((instrument, symbol));
        }
    }

    async fn begin_stop(&mut self) {
        if self.stopping_since.is_none() {
            tracing::info!("stopping: cancelling everything");
            self.pulse.on_stopping();
            self.stopping_since = Some(Instant::now());
            self.stop_began_ns = Some(self.desk.rest.clock().mono().raw());
            self.tell_hot(super::hot::STOP).await;
        }
    }

    async fn abandon(&mut self) -> bool {
        tracing::error!(
            "the graceful end did not complete; what is open is cancelled from outside"
        );
        self.tell_hot(ToHot::Abandon).await;
        true
    }

    async fn tell_hot(&self, message: ToHot) {
        // One that hangs takes nothing: it must not hang this side too.
        if self.to_hot.send_timeout(message, TELL_LIMIT).await.is_err() {
            tracing::debug!("the hot thread is gone or takes no messages");
        }
    }

    async fn on_tick(&mut self) -> bool {
        self.write_backlog();
        if self.panic_at.is_some_and(|at| Instant::now() >= at) {
            panic!("injected fault: the cold thread panics");
        }
        self.pulse.on_cold_round();
        self.watch_journal();
        self.watch_watchdog();
        self.watch_flight();
        let now = self.desk.rest.clock().mono();
        self.incidents.on_tick(now, &self.view, &self.books);
        self.report();
        if self.deadline.is_some_and(|at| Instant::now() >= at) {
            self.deadline = None;
            self.begin_stop().await;
        }
        let killed = self.kill_file.as_ref().is_some_and(|file| file.exists());
        if killed && !self.was_killed {
            tracing::error!(
                "the kill file exists: everything is cancelled until it is removed and quoting resumed"
            );
            self.tell_hot(ToHot::Operator(Operator::Kill)).await;
        }
        self.was_killed = killed;
        if self.sampled_at.elapsed() >= SAMPLE_EVERY {
            self.sampled_at = Instant::now();
            for record in self.books.samples(&self.view) {
                self.record(record);
            }
        }
        if self.pruned_at.elapsed() >= PRUNE_EVERY {
            self.pruned_at = Instant::now();
            self.prune();
        }
        match self.stopping_since {
            Some(since) if since.elapsed() >= STOP_LIMIT => self.abandon().await,
            Some(_) | None => false,
        }
    }

    /// `journal_keep_days`, as it is now.
    fn prune(&mut self) {
        let keep = self.desk.rest.tuning().now().journal_keep;
        let keep_ms = i64::try_from(keep.as_millis()).unwrap_or(i64::MAX);
        self.record(Record::Prune {
            before_ms: self.view.now.wall.as_millis().saturating_sub(keep_ms),
        });
    }

    fn on_message(&mut self, message: ToCold) {
        match message {
            ToCold::Ask(action, requested_at) => self.ask(action, requested_at),
            ToCold::Placed(order, now) => {
                if let Some(record) = self.books.placed(&order, now) {
                    self.record(record);
                }
            }
            ToCold::Updated(update, now) => {
                let records: Vec<Record> = self.books.updated(&update, now).collect();
                records.into_iter().for_each(|record| self.record(record));
            }
            ToCold::Funding(payment) => {
                if let Some(record) = self.books.funded(&payment) {
                    self.record(record);
                }
            }
            ToCold::Notice(notice, now) => self.on_notice(&notice, now),
            ToCold::View(view) => self.on_view(*view),
            ToCold::Ended(symbol) => self.on_ended(*symbol),
            ToCold::ClockRefused => {
                // A full channel already asks for what this asks for.
                let _ = self.clock_refused.try_send(());
            }
            ToCold::NeedListenKey => {
                let _ = self.listen_key.try_send(());
            }
            ToCold::Stopped => {}
        }
    }

    fn on_view(&mut self, view: View) {
        self.announce_ready(&view);
        for symbol in &view.symbols {
            // The same size at another cost is another position.
            let held = (symbol.position, symbol.cost);
            if self.positions.insert(symbol.symbol, held) != Some(held)
                && let Some(record) = self.books.position(symbol, view.now.wall)
            {
                Self::record_in(self.recorder.as_ref(), &mut self.backlog, record);
            }
        }
        self.view = view;
    }

    /// Says once per symbol with which books quoting begins: they agree with the exchange by then.
    fn announce_ready(&mut self, view: &View) {
        for symbol in view.symbols.iter().filter(|s| s.record.ready_at.is_some()) {
            if !self.announced.insert(symbol.symbol) {
                continue;
            }
            if let Some(instrument) = self.books.instrument(symbol.symbol) {
                tracing::info!(
                    symbol = %instrument.name,
                    position = super::notices::base(instrument, symbol.position),
                    realized = super::books::number(symbol.realized.raw()),
                    "orders, position and trades agree with the exchange: quoting begins"
                );
            }
        }
    }

    fn record(&mut self, record: Record) {
        Self::record_in(self.recorder.as_ref(), &mut self.backlog, record);
    }

    /// Tells how the process fares, for its page.
    fn report(&mut self) {
        let status = self.recorder.as_ref().map(Recorder::status);
        self.reporter.tell(&Shown {
            view: &self.view,
            books: &self.books,
            rest: &self.desk.rest,
            codes: &self.codes,
            journal: status.as_ref(),
            backlog: self.backlog.len(),
            is_stopping: self.stopping_since.is_some(),
            watched: self.watched,
        });
    }

    /// An alert from outside the engine.
    pub fn on_alert(&mut self, code: &'static str, text: &str) {
        self.codes.insert(code);
        self.keep_alert(format!("-: {text}"));
    }

    fn keep_alert(&mut self, text: String) {
        if self.alerts.len() >= ALERTS_MAX {
            self.alerts.pop_front();
        }
        self.alerts.push_back(text);
    }

    /// Records of the books keep their order: with a backlog they wait behind it. At its bound the newest is
    /// lost here and fetched again from the exchange by the next session. Routine records never wait.
    fn record_in(recorder: Option<&Recorder>, backlog: &mut VecDeque<Record>, record: Record) {
        let Some(recorder) = recorder else { return };
        if !backlog.is_empty() && record.class() == Class::Books {
            if backlog.len() < BACKLOG_MAX {
                backlog.push_back(record);
            } else {
                tracing::error!(?record, "the journal is too far behind: a record is lost");
            }
            return;
        }
        match recorder.record(record) {
            Ok(()) => {}
            Err(Backlog::Returned(record)) => {
                tracing::error!(
                    "the journal is behind: fills are kept in memory until it catches up"
                );
                backlog.push_back(*record);
            }
            Err(other) => tracing::warn!(?other, "the journal dropped a record"),
        }
    }

    fn write_backlog(&mut self) {
        let Some(recorder) = &self.recorder else {
            return;
        };
        while let Some(record) = self.backlog.pop_front() {
            if let Err(Backlog::Returned(record)) = recorder.record(record) {
                self.backlog.push_front(*record);
                return;
            }
        }
    }

    fn ask(&self, action: Action, requested_at: Mono) {
        let (desk, to_hot, books, recorder) = (
            self.desk.clone(),
            self.to_hot.clone(),
            self.books.clone(),
            self.recorder.clone(),
        );
        let age = desk.rest.clock().mono().since(requested_at);
        tokio::spawn(async move {
            let reply = if age > ASK_AGE_MAX {
                OwnedReply::not_sent(&action, requested_at)
            } else {
                ask::carry_out(&desk, action, requested_at).await
            };
            let Some(reply) = reply else { return };
            if let Some(recorder) = &recorder {
                past::record(&books, recorder, &action, &reply);
            }
            if to_hot.send(ToHot::Reply(reply)).await.is_err() {
                tracing::debug!("an answer came after the end");
            }
        });
    }
}

#[cfg(test)]
mod tests;
