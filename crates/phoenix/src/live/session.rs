//! Owns one run from boot to verified end: checks venue and account, opens the journal, starts the hot
//! thread, and asks the exchange at the end what is really open.

mod boot;
mod changes;
mod end;
mod flight;
mod last_look;
mod outside;
mod page;
mod status;
mod symbols;

use super::books::Books;
use super::clock::{Clock, OffsetEstimate};
use super::cold::{Cold, ColdSetup, Desk, Ended, Sources};
use super::contain::faults::{Fault, Planned, planned};
use super::hot::{Hot, HotSetup};
use super::links::Target;
use super::orders::OrderChannel;
use super::pilot::Pilot;
use super::rest::Rest;
use super::tuning;
use super::wire::{TO_COLD_MAX, TO_HOT_MAX};
use super::{clock_sync, contain, listen_key, reach};
use crate::binance::routes::Venue;
use crate::binance::sign::Signer;
use crate::config::params::ShellParams;
use crate::config::{Config, Issue, OrderChannel as ChannelChoice};
use crate::heartbeat::{self, Pulse};
use crate::journal::JournalError;
use crate::lock::{InstanceLock, LockError};
use crate::logging::LevelHandle;
use crate::net::{Endpoint, NetError};
use crate::secrets::KeyKind;
use changes::Changes;
use last_look::{Means, last_look};
use phoenix_core::engine::SYMBOLS_MAX;
use phoenix_core::engine::view::{SymbolView, View};
use phoenix_core::instrument::{Instrument, SymbolId};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use symbols::Symbols;
use tokio::sync::{mpsc, watch};

/// What a run is given.
#[derive(Debug)]
pub struct Setup {
    /// Checked configuration.
    pub config: Config,
    /// The file it came from, watched for changes; `None` for a built-in configuration.
    pub config_path: Option<PathBuf>,
    /// Addresses.
    pub venue: Venue,
    /// Name of the venue, for the journal.
    pub venue_name: String,
    /// Key.
    pub signer: Arc<Signer>,
    /// What the account is called where its key must not be shown.
    pub fingerprint: String,
    /// Decide and log, send nothing.
    pub dry_run: bool,
    /// Clear halts that earlier sessions left standing.
    pub clear_halt: bool,
    /// Length of the run, if bounded.
    pub seconds: Option<Duration>,
    /// The log's level, which the configuration file may change.
    pub log_level: Option<LevelHandle>,
    /// Folder of the flight record; `None` records nothing.
    pub flight: Option<PathBuf>,
}

/// Why a run did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Configuration that does not fit the exchange.
    #[error("the configuration does not fit the exchange")]
    Config(Vec<Issue>),
    /// The venue could not be reached or used, or the account guard refused.
    #[error("{0}")]
    Venue(String),
    /// Another instance on this machine.
    #[error(transparent)]
    Busy(#[from] LockError),
    /// The journal.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The system.
    #[error("{0}")]
    System(#[from] std::io::Error),
    /// An address.
    #[error(transparent)]
    Net(#[from] NetError),
    /// A fault for a drill that cannot be put in here.
    #[error("{0}")]
    Fault(String),
    /// A panic outside of both threads' loops; what is open is left to the dead-man switch.
    #[error("a panic ended the session; orders may be open until the dead-man switch fires")]
    Panicked,
}

/// What the exchange says of a symbol's orders at the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Open {
    /// This many of ours are open; zero is confirmed, never assumed.
    Confirmed(usize),
    /// It could not be asked.
    Unknown,
}

/// A finished run.
#[derive(Debug)]
pub struct Finished {
    /// How it ended.
    pub ended: Ended,
    /// The engine's last snapshot.
    pub view: View,
    /// Symbols that were removed meanwhile, as they ended, with the contract data of then.
    pub removed: Vec<(Instrument, SymbolView)>,
    /// Open orders of ours by symbol, removed ones included, as the exchange says.
    pub open: Vec<(String, Open)>,
    /// Contract data by symbol id.
    pub books: Books,
    /// Alerts of the run, newest last.
    pub alerts: Vec<String>,
    /// Length of the run.
    pub lasted: Duration,
    /// When the graceful end began on the engine's clock.
    pub stop_began_ns: Option<i64>,
    /// Bans of this address (HTTP 418) during the run.
    pub bans: u64,
    /// Fills that the journal had of each symbol when the run began.
    pub fills_before: BTreeMap<String, i64>,
    /// Codes of all notices of the run.
    pub codes: BTreeSet<&'static str>,
}

impl Finished {
    /// Every symbol from its addition to its removal or the end, removed ones first; a symbol can be removed and
    /// added again. Sizes are on the grid of the contract data beside it.
    pub fn lives(&self) -> impl Iterator<Item = (Option<&Instrument>, &SymbolView)> {
        let removed = self.removed.iter().map(|(i, s)| (Some(i), s));
        let here = self.view.symbols.iter();
        removed.chain(here.map(|s| (self.books.instrument(s.symbol), s)))
    }

    /// The last of these for each symbol: its books continue those of the earlier ones.
    #[must_use]
    pub fn last_lives(&self) -> BTreeMap<SymbolId, (Option<&Instrument>, &SymbolView)> {
        self.lives().map(|life| (life.1.symbol, life)).collect()
    }
}

/// Runs until stopped. Blocks the calling thread.
///
/// # Errors
/// [`StartError`] before the first order; afterwards every ending is a [`Finished`].
pub fn run(setup: Setup) -> Result<Finished, StartError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("phoenix-cold")
        .enable_all()
        .build()?;
    let finished = runtime
        .block_on(contain::caught(run_on(setup)))
        .unwrap_or(Err(StartError::Panicked));
    // A name that is still being looked up would otherwise be waited for.
    runtime.shutdown_background();
    finished
}

async fn run_on(setup: Setup) -> Result<Finished, StartError> {
    let started = Instant::now();
    let faults = planned_faults(&setup)?;
    let since = jiff::Timestamp::now().to_string();
    let lock = InstanceLock::take(&setup.config.global.state_dir, &setup.fingerprint, &since)?;
    let clock = Clock::default();
    let pulse = Pulse::default();
    // Only from here on: what it hears first tells the watchdog that this process holds the account.
    if let Some(socket) = heartbeat::socket() {
        tokio::spawn(heartbeat::keep(pulse.clone(), clock.clone(), socket));
    }
    let page = page::open(&setup, &clock).await;
    let host = Endpoint::parse(setup.venue.rest())?;
    let ws_api = ws_api_of(&setup)?;
    let (tuner, tuning) = tuning::channel(ShellParams::of(&setup.config.global));
    let rest = Rest::new(
        host,
        Arc::clone(&setup.signer),
        clock.clone(),
        tuning.clone(),
    )?;
    let mut estimate = OffsetEstimate::default();
    clock_sync::synchronise(&rest, &mut estimate)
        .await
        .map_err(|why| StartError::Venue(format!("{}: {why}", setup.venue.rest())))?;
    let booted = boot::boot(&setup, &rest).await?;
    let recording = flight::start(&setup, &booted, &clock);
    let (to_hot, hot_inbox) = mpsc::channel(TO_HOT_MAX);
    let (to_cold, cold_inbox) = mpsc::channel(TO_COLD_MAX);
    let hot = start_hot(
        HotSetup {
            clock: clock.clone(),
            venue: setup.venue.clone(),
            contracts: booted.contracts.as_ref().clone(),
            account: booted.account.clone(),
            symbols: booted.symbols.clone(),
            dry_run: setup.dry_run,
            faults: faults.clone(),
            tuning,
            pulse: pulse.clone(),
        },
        Orders {
            rest: rest.on_another_thread(),
            ws_api,
        },
        Pilot::new(booted.session, booted.account_params, recording.recorder),
        hot_inbox,
        to_cold,
    )?;
    let rest = rest.metered(&to_hot);
    let (wanted, wants_key) = mpsc::channel(4);
    let (refused, clock_refusals) = mpsc::channel(4);
    let confirmed = listen_key::ConfirmedAt::default();
    let mut keeper = tokio::spawn(listen_key::keep(
        rest.clone(),
        wants_key,
        to_hot.clone(),
        confirmed.clone(),
    ));
    let mut lookout = tokio::spawn(reach::look(rest.clone()));
    let (idle, idlers) = watch::channel(BTreeSet::new());
    let mut asker = tokio::spawn(status::keep(
        rest.clone(),
        idlers,
        to_hot.clone(),
        status::PACE,
    ));
    let mut timekeeper = tokio::spawn(clock_sync::keep(rest.clone(), estimate, clock_refusals));
    let desk = Desk {
        rest,
        contracts: Arc::clone(&booted.contracts),
        account: booted.account.clone(),
    };
    let (outside_tx, outside) = mpsc::channel(16);
    let (ended_tx, ended) = mpsc::channel(SYMBOLS_MAX);
    let changes = Changes {
        symbols: Symbols::new(
            setup.config.clone(),
            booted.contracts.as_ref().clone(),
            booted.account.margin_asset.clone(),
            booted.account_params.limits,
            booted.journal.clone(),
        ),
        rest: desk.rest.clone(),
        recorder: booted.writer.recorder(),
        tell: outside_tx,
        ended,
        tuner,
        log_level: setup.log_level.clone(),
    };
    let watchers = outside::watch(&setup, changes)?;
    let mut cold = Cold::new(ColdSetup {
        desk,
        books: booted.books.clone(),
        recorder: Some(booted.writer.recorder()),
        to_hot: to_hot.clone(),
        from_hot: cold_inbox,
        outside,
        listen_key: wanted,
        clock_refused: refused,
        ended: ended_tx,
        report: Sources {
            facts: page.facts.clone(),
            idle,
            listen_key: confirmed,
            lock_file: lock.path().to_owned(),
            state_dir: setup.config.global.state_dir.clone(),
        },
        kill_file: booted.kill_file.clone(),
        pulse: pulse.clone(),
        session: booted.session,
        flight: recording.flight.as_ref().map(|flight| flight.status()),
        incidents: recording.keeper,
        seconds: setup.seconds,
        panic_after: faults
            .iter()
            .find(|f| f.fault == Fault::Cold)
            .map(|f| f.after),
    });
    if let Some(halt) = &booted.standing_halt {
        tracing::error!(%halt, "a halt of an earlier session stands: nothing is quoted; find its cause, then start with --clear-halt");
        cold.hold(halt).await;
    }
    if let Some(why) = &page.trouble {
        cold.on_alert("page_moved", why);
    }
    if let Some(why) = &recording.trouble {
        cold.on_alert("flight_failed", why);
    }
    let ended = tokio::select! {
        biased; // The run's own end explains why its keepers end.
        ended = contain::caught(cold.run()) => ended.unwrap_or(Ended::ColdPanicked),
        () = end::panicked(&mut keeper) => Ended::ColdPanicked,
        () = end::panicked(&mut timekeeper) => Ended::ColdPanicked,
        () = end::panicked(&mut lookout) => Ended::ColdPanicked,
        () = end::panicked(&mut asker) => Ended::ColdPanicked,
    };
    if ended == Ended::ColdPanicked {
        // Nobody hears its requests any more: it stops before its orders are cancelled from outside.
        end::abandon(&to_hot, &hot).await;
    }
    drop(to_hot);
    match ended {
        Ended::Stopped | Ended::Abandoned => pulse.on_stopping(),
        Ended::HotGone | Ended::ColdPanicked => pulse.on_crashed(),
    }
    let means = if setup.dry_run {
        Means::Look
    } else {
        Means::Cancel
    };
    let open = last_look(&cold.desk, means).await;
    keeper.abort();
    timekeeper.abort();
    lookout.abort();
    asker.abort();
    drop(watchers);
    let bans = cold.desk.rest.quiet().bans();
    let (view, alerts) = (cold.view.clone(), cold.alerts.iter().cloned().collect());
    let (stop_began_ns, codes) = (cold.stop_began_ns, std::mem::take(&mut cold.codes));
    let (books, removed) = (cold.books.clone(), std::mem::take(&mut cold.removed).into());
    let last_work = cold.into_last_work();
    let ended = end::join(hot, ended).await;
    end::close_journal(booted.writer, booted.session, ended);
    end::complete_record(last_work, recording.flight).await;
    Ok(Finished {
        ended,
        view,
        removed,
        open,
        books,
        alerts,
        lasted: started.elapsed(),
        stop_began_ns,
        bans,
        fills_before: booted.fills_before,
        codes,
    })
}

/// What the order channel is made of, on the hot thread.
struct Orders {
    rest: Rest,
    ws_api: Option<Target>,
}

/// Where orders go by WebSocket, if they do.
fn ws_api_of(setup: &Setup) -> Result<Option<Target>, StartError> {
    let is_ed25519 = setup.signer.kind() == KeyKind::Ed25519;
    match (setup.config.global.order_channel, is_ed25519) {
        (ChannelChoice::Rest, _) | (ChannelChoice::Auto, false) => Ok(None),
        (ChannelChoice::WebSocket, false) => {
            let why = "`websocket` needs an Ed25519 key, and the key given is another kind; use `auto` or `rest`";
            let issue = setup.config.issue("global.order_channel", why);
            Err(StartError::Config(vec![issue]))
        }
        (ChannelChoice::Auto | ChannelChoice::WebSocket, true) => Ok(Some(Target {
            endpoint: Endpoint::parse(setup.venue.ws_api())?,
            path_and_query: String::new(),
        })),
    }
}

fn start_hot(
    setup: HotSetup,
    orders: Orders,
    pilot: Pilot,
    inbox: mpsc::Receiver<super::wire::ToHot>,
    to_cold: mpsc::Sender<super::wire::ToCold>,
) -> Result<std::thread::JoinHandle<()>, StartError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let thread = std::thread::Builder::new()
        .name(contain::HOT_THREAD.to_owned())
        .spawn(move || {
            runtime.block_on(async move {
                let channel = OrderChannel::new(orders.rest, orders.ws_api);
                match Hot::new(setup, pilot, channel, inbox, to_cold) {
                    Ok(hot) => hot.run().await,
                    Err(error) => tracing::error!(%error, "the hot thread could not start"),
                }
            });
            runtime.shutdown_background();
        })?;
    Ok(thread)
}

/// What a drill wants broken in this run.
fn planned_faults(setup: &Setup) -> Result<Vec<Planned>, StartError> {
    let symbols: Vec<&str> = setup
        .config
        .symbols
        .iter()
        .map(|s| s.symbol.as_str())
        .collect();
    let faults = planned(&setup.venue_name, &setup.venue, &symbols).map_err(StartError::Fault)?;
    for fault in &faults {
        tracing::warn!(?fault, "a fault will be put in on purpose");
    }
    Ok(faults)
}
