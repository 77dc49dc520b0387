//! Owns the embedded exchange's sockets: REST, market and user streams, and the WebSocket API on one port; knows nothing of matching.
//!
//! One thread runs everything: the exchange is a single-threaded state behind one mutex, and handing it over between threads would cost more
//! than a request. Other threads may look in with [`Server::with_exchange`].

use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use phoenix_exchange::ExchangeConfig;
use phoenix_exchange::api::{AccountId, SymbolId};
use phoenix_exchange::{E8, Exchange, MarketFlow};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::time::MissedTickBehavior;

use auth::{KeyConfig, KeyRing};
use clock::Clock;
use control_port::ControlPort;
use hub::Doom;
use shared::Shared;
use timing::Timing;
use venue::Venue;

pub mod address;
pub mod auth;
pub mod board;
pub mod clock;
pub mod control;
pub mod control_port;
pub mod faults;
pub mod guard;
pub mod http;
pub mod hub;
pub mod json;
pub mod launch;
pub mod params;
pub mod refusal;
pub mod rest;
pub mod shared;
pub mod socket;
pub mod stream_json;
pub mod streams;
pub mod timing;
pub mod venue;
pub mod witness;
pub mod words;
pub mod ws_api;

/// How long a graceful shutdown waits for sockets to close.
const SHUTDOWN_PATIENCE: Duration = Duration::from_secs(1);

/// One account of the venue.
#[derive(Debug, Clone, Default)]
pub struct AccountConfig {
    /// Deposits as (asset, amount).
    pub deposits: Vec<(String, E8)>,
    /// Keys that trade the account.
    pub keys: Vec<KeyConfig>,
}

/// What a server serves.
pub struct ServeConfig {
    /// The venue. A `start_us` of zero is replaced by the machine's date.
    pub exchange: ExchangeConfig,
    /// Seed of all chance.
    pub seed: u64,
    /// Accounts, in the order of their ids.
    pub accounts: Vec<AccountConfig>,
    /// The market behind each symbol; a symbol without one has only its clients' orders.
    pub flows: Vec<(SymbolId, Box<dyn MarketFlow>)>,
    /// Connection rules.
    pub timing: Timing,
}

/// A running server. Dropping it ends it.
pub struct Server {
    shared: Arc<Shared>,
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
    control: Option<ControlPort>,
}

impl Server {
    /// Binds the address (port 0 chooses one) and starts serving on a thread of its own.
    ///
    /// # Errors
    /// When the address cannot be bound, a key cannot be read, or the thread cannot start.
    pub fn bind(address: SocketAddr, config: ServeConfig) -> Result<Self> {
        let listener = std::net::TcpListener::bind(address)
            .with_context(|| format!("cannot bind {address}"))?;
        listener
            .set_nonblocking(true)
            .context("non-blocking listener")?;
        let address = listener.local_addr().context("bound address")?;
        let shared = Arc::new(shared_of(config)?);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("runtime of the exchange")?;
        let (stop, stopped) = oneshot::channel();
        let served = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("exchange".to_owned())
            .spawn(move || runtime.block_on(run(served, listener, stopped)))
            .context("thread of the exchange")?;
        Ok(Self {
            shared,
            address,
            stop: Some(stop),
            thread: Some(thread),
            control: None,
        })
    }

    /// Opens the control port and returns its address, `http://…`; an earlier one is closed.
    ///
    /// # Errors
    /// When the address is not on loopback or cannot be bound.
    pub fn open_control(&mut self, address: SocketAddr) -> Result<String> {
        let control = ControlPort::open(address, Arc::clone(&self.shared))?;
        let url = control.url();
        self.control = Some(control);
        Ok(url)
    }

    /// Address of the control port, if it is open.
    pub fn control_url(&self) -> Option<String> {
        self.control.as_ref().map(ControlPort::url)
    }

    /// The bound address.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Base address of REST, without a path.
    pub fn rest_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Root of the streams; clients append `/public`, `/market` or `/private`.
    pub fn ws_url(&self) -> String {
        format!("ws://{}", self.address)
    }

    /// Address of the WebSocket API.
    pub fn ws_api_url(&self) -> String {
        format!("ws://{}/ws-fapi/v1", self.address)
    }

    /// The exchange's own clock, µs since the epoch, as `with_exchange` callers need it.
    pub fn now_us(&self) -> u64 {
        self.shared.now_us()
    }

    /// Time passes at once, with all that the venue does in it: a clock that stands short of a funding hour reaches it.
    pub fn pass(&self, span: Duration) {
        self.shared.pass(span);
    }

    /// Looks at, or acts on, the exchange directly, past all limits and signatures. Events go out at once.
    pub fn with_exchange<R>(&self, act: impl FnOnce(&mut Exchange) -> R) -> R {
        self.with_venue(|venue| act(&mut venue.exchange))
    }

    /// As [`Self::with_exchange`], with listeners and clock.
    pub fn with_venue<R>(&self, act: impl FnOnce(&mut Venue) -> R) -> R {
        let mut venue = self.shared.lock();
        let result = act(&mut venue);
        venue.fan_out();
        result
    }

    /// Closes all sockets in the ordinary way and ends the thread.
    pub fn shutdown(mut self) {
        self.end();
    }

    fn end(&mut self) {
        self.control = None;
        if let Some(stop) = self.stop.take() {
            // The thread may have ended by itself; then nobody listens, which is what is wanted.
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the exchange's thread panicked");
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end();
    }
}

fn shared_of(config: ServeConfig) -> Result<Shared> {
    let clock = match config.exchange.start_us {
        0 => Clock::start(),
        start_us => Clock::start_at(start_us),
    };
    let exchange_config = ExchangeConfig {
        start_us: clock.now_us(),
        ..config.exchange
    };
    let mut exchange = Exchange::new(exchange_config, config.seed);
    let mut keys = KeyRing::<AccountId>::new();
    for account in &config.accounts {
        let deposits: Vec<(&str, E8)> = account
            .deposits
            .iter()
            .map(|(asset, amount)| (asset.as_str(), *amount))
            .collect();
        let id = exchange.add_account(&deposits);
        for key in &account.keys {
            keys.insert(id, key)?;
        }
    }
    for (symbol, flow) in config.flows {
        exchange.attach_flow(symbol, flow);
    }
    Ok(Shared::new(
        Venue::new(exchange),
        keys,
        config.timing,
        clock,
    ))
}

async fn run(
    shared: Arc<Shared>,
    listener: std::net::TcpListener,
    mut stopped: oneshot::Receiver<()>,
) {
    let listener = match TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => {
            tracing::error!(%error, "the exchange cannot listen");
            return;
        }
    };
    let accepting = tokio::spawn(http::accept(Arc::clone(&shared), listener));
    let mut ticks = tokio::time::interval(shared.timing.tick);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        tokio::select! {
            biased;
            // Either the word to stop or the owner is gone.
            _ = &mut stopped => break,
            _ = ticks.tick() => shared.lock().advance(shared.now_us()),
        }
    }
    accepting.abort();
    shared.lock().hub.doom(None, Doom::GoingAway);
    let deadline = Instant::now() + SHUTDOWN_PATIENCE;
    while shared.lock().hub.socket_count() > 0 && Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
