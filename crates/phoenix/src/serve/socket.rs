//! Owns one WebSocket connection of either kind: life (pings, age, message limit, closing) and, for streams, its subscriptions.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::{SinkExt as _, StreamExt as _};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Bytes, Message, Utf8Bytes};

use super::address::StreamAddress;
use super::control::{self, Control, ControlError, STREAMS_PER_CONNECTION_MAX};
use super::guard::MessageGuard;
use super::hub::{Doom, Line, Outbox};
use super::shared::Shared;
use super::streams::{Route, Topic};
use super::ws_api::{ApiSession, Unanswered};

/// How long the closing handshake may take before the transport is dropped.
const CLOSE_PATIENCE: Duration = Duration::from_millis(500);

/// What a name holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Held {
    /// A topic that is delivered on this route.
    Topic(Topic),
    /// User events, if the name is a live listenKey.
    User,
    /// Acknowledged and silent.
    Silence,
}

/// What a socket does with text frames.
enum Purpose {
    Streams(Streams),
    Api(Box<ApiSession>),
}

/// The subscriptions of a stream socket.
struct Streams {
    shared: Arc<Shared>,
    outbox: Outbox,
    route: Route,
    names: BTreeMap<String, Held>,
}

/// Serves a stream socket until it ends.
pub async fn serve_streams<S>(ws: WebSocketStream<S>, shared: Arc<Shared>, address: StreamAddress)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let capacity = shared.timing.queue_max;
    let (outbox, queue) =
        shared
            .lock()
            .hub
            .open(Line::Streams(address.route), capacity, address.is_combined);
    let mut streams = Streams {
        shared: Arc::clone(&shared),
        outbox: outbox.clone(),
        route: address.route,
        names: BTreeMap::new(),
    };
    streams.join_address(address);
    let guard = MessageGuard::new(shared.timing.messages_max, shared.timing.message_window);
    let socket = Socket::new(ws, &shared, outbox.clone(), queue, guard);
    socket.serve(Purpose::Streams(streams)).await;
    let mut venue = shared.lock();
    venue.hub.close(outbox.id());
    venue.on_subscriptions_changed();
}

/// Serves a WebSocket API socket until it ends.
pub async fn serve_api<S>(
    ws: WebSocketStream<S>,
    shared: Arc<Shared>,
    ip: IpAddr,
    hides_rate_limits: bool,
) where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (outbox, queue) = shared.lock().hub.open(Line::Api, 1, false);
    let session = ApiSession::new(Arc::clone(&shared), ip, hides_rate_limits);
    let guard = MessageGuard::new(shared.timing.api_pings_max, shared.timing.message_window);
    let socket = Socket::new(ws, &shared, outbox.clone(), queue, guard);
    socket.serve(Purpose::Api(Box::new(session))).await;
    shared.lock().hub.close(outbox.id());
}

/// A connection's transport and its life.
struct Socket<S> {
    ws: WebSocketStream<S>,
    outbox: Outbox,
    queue: mpsc::Receiver<Utf8Bytes>,
    guard: MessageGuard,
    ping_every: Duration,
    pong_timeout: Duration,
    opened: Instant,
    age_max: Duration,
    last_pong: Instant,
    last_ping: Bytes,
}

/// What ends a connection: the server's reason, or the client is gone.
enum End {
    Doomed(Doom),
    Gone,
}

impl<S> Socket<S>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    fn new(
        ws: WebSocketStream<S>,
        shared: &Shared,
        outbox: Outbox,
        queue: mpsc::Receiver<Utf8Bytes>,
        guard: MessageGuard,
    ) -> Self {
        let now = Instant::now();
        Self {
            ws,
            outbox,
            queue,
            guard,
            ping_every: shared.timing.ping_every,
            pong_timeout: shared.timing.pong_timeout,
            opened: now,
            age_max: shared.timing.age_max,
            last_pong: now,
            last_ping: Bytes::new(),
        }
    }

    async fn serve(mut self, mut purpose: Purpose) {
        let end = self.live(&mut purpose).await;
        match end {
            End::Gone | End::Doomed(Doom::Cut) => {}
            End::Doomed(doom) => {
                let _ = tokio::time::timeout(CLOSE_PATIENCE, self.close(doom)).await;
            }
        }
    }

    async fn live(&mut self, purpose: &mut Purpose) -> End {
        let oldest = tokio::time::Instant::from_std(self.opened + self.age_max);
        let mut pings = tokio::time::interval(self.ping_every);
        pings.reset();
        loop {
            // Ends first, so that no traffic can keep a doomed socket alive; then the client, whose rate is limited; events last.
            tokio::select! {
                biased;
                doom = self.outbox.doomed() => return End::Doomed(doom),
                // Neither reads nor writes any more; only the end of the server, or of the drill, drops the transport.
                () = self.outbox.frozen() => {
                    self.outbox.doomed().await;
                    return End::Doomed(Doom::Cut);
                }
                () = tokio::time::sleep_until(oldest) => return End::Doomed(Doom::Aged),
                _ = pings.tick() => {
                    if let Err(end) = self.ping().await { return end; }
                }
                incoming = self.ws.next() => {
                    let Some(Ok(message)) = incoming else { return End::Gone };
                    if let Err(end) = self.on_message(message, purpose).await { return end; }
                }
                Some(text) = self.queue.recv() => {
                    if let Err(end) = self.deliver(text).await { return end; }
                }
            }
        }
    }

    async fn ping(&mut self) -> Result<(), End> {
        if self.last_pong.elapsed() >= self.pong_timeout {
            return Err(End::Doomed(Doom::NoPong));
        }
        self.last_ping = Bytes::from(self.opened.elapsed().as_millis().to_string());
        let ping = Message::Ping(self.last_ping.clone());
        self.send(ping).await
    }

    async fn on_message(&mut self, message: Message, purpose: &mut Purpose) -> Result<(), End> {
        let is_counted = match purpose {
            Purpose::Streams(_) => true,
            Purpose::Api(_) => matches!(message, Message::Ping(_) | Message::Pong(_)),
        };
        if is_counted && !self.guard.admit(Instant::now()) {
            return Err(End::Doomed(Doom::TooManyMessages));
        }
        let answer = match message {
            Message::Text(text) => match purpose {
                Purpose::Streams(streams) => streams.on_text(text.as_str()),
                Purpose::Api(session) => {
                    let answer = session.on_text(text.as_str()).await;
                    answer.map_err(|Unanswered| End::Doomed(Doom::Cut))?
                }
            },
            Message::Pong(payload) => {
                // An unsolicited pong keeps a stream socket alive, but not one of the WebSocket API (protocol §1.4).
                if matches!(purpose, Purpose::Streams(_)) || payload == self.last_ping {
                    self.last_pong = Instant::now();
                }
                return Ok(());
            }
            Message::Close(_) => return Err(End::Gone),
            // The library answers pings itself; binary frames mean nothing here.
            Message::Ping(_) | Message::Binary(_) | Message::Frame(_) => return Ok(()),
        };
        self.send(Message::text(answer)).await
    }

    /// Sends one event and all that wait behind it, in as few writes as possible.
    async fn deliver(&mut self, first: Utf8Bytes) -> Result<(), End> {
        let Self {
            ws, queue, outbox, ..
        } = self;
        let sent = async {
            ws.feed(Message::Text(first)).await?;
            while let Ok(text) = queue.try_recv() {
                ws.feed(Message::Text(text)).await?;
            }
            ws.flush().await
        };
        unless_doomed(outbox, sent).await
    }

    async fn send(&mut self, message: Message) -> Result<(), End> {
        unless_doomed(&self.outbox, self.ws.send(message)).await
    }

    async fn close(&mut self, doom: Doom) {
        let (code, reason) = match doom {
            Doom::TooSlow => (CloseCode::Policy, "queue full: reading too slowly"),
            Doom::TooManyMessages => (CloseCode::Policy, "too many messages"),
            Doom::NoPong => (CloseCode::Policy, "no pong"),
            Doom::Aged => (CloseCode::Away, "connection reached its greatest age"),
            Doom::GoingAway | Doom::Cut => (CloseCode::Away, "going away"),
        };
        let frame = CloseFrame {
            code,
            reason: reason.into(),
        };
        if self.ws.close(Some(frame)).await.is_ok() {
            // Reading until the end lets the client's own close frame arrive, so that it sees no reset.
            while let Some(Ok(_)) = self.ws.next().await {}
        }
    }
}

/// Awaits a write; a socket that is doomed meanwhile (its peer reads nothing) is given up.
async fn unless_doomed<E>(
    outbox: &Outbox,
    write: impl Future<Output = Result<(), E>>,
) -> Result<(), End> {
    tokio::select! {
        biased;
        doom = outbox.doomed() => Err(End::Doomed(doom)),
        sent = write => sent.map_err(|_| End::Gone),
    }
}

impl Streams {
    fn join_address(&mut self, address: StreamAddress) {
        let names = address
            .streams
            .into_iter()
            .map(|name| (name, Vec::new()))
            .chain(address.users)
            .take(STREAMS_PER_CONNECTION_MAX);
        for (name, events) in names {
            self.join(name, events);
        }
        self.shared.lock().on_subscriptions_changed();
    }

    fn on_text(&mut self, text: &str) -> String {
        let message = control::decode(text);
        match message.request.and_then(|request| self.on_request(request)) {
            Ok(result) => control::answer(&message.id, &result),
            Err(error) => error.answer(&message.id),
        }
    }

    fn on_request(&mut self, request: Control) -> Result<String, ControlError> {
        match request {
            Control::Subscribe(names) => {
                if self.names.len() + names.len() > STREAMS_PER_CONNECTION_MAX {
                    return Err(ControlError::TooManyStreams);
                }
                for name in names {
                    self.join(name, Vec::new());
                }
                self.shared.lock().on_subscriptions_changed();
                Ok("null".to_owned())
            }
            Control::Unsubscribe(names) => {
                for name in names {
                    self.leave(&name);
                }
                self.shared.lock().on_subscriptions_changed();
                Ok("null".to_owned())
            }
            Control::List => {
                let names: Vec<&String> = self.names.keys().collect();
                Ok(serde_json::to_string(&names).unwrap_or_else(|_| "[]".to_owned()))
            }
            Control::SetCombined(combined) => {
                self.outbox.wrap(combined);
                Ok("null".to_owned())
            }
            Control::AskCombined => Ok(self.outbox.is_combined().to_string()),
        }
    }

    fn join(&mut self, name: String, events: Vec<String>) {
        let mut venue = self.shared.lock();
        let held = if self.route == Route::Private {
            let account = venue.exchange.listen_key_account(&name);
            venue.hub.join_user(
                &self.outbox,
                &name,
                account.map(|account| account.0),
                events,
            );
            Held::User
        } else {
            let topic = Topic::parse(&name, |symbol| venue.symbol_index(symbol));
            match topic.filter(|topic| self.route.delivers(*topic)) {
                Some(topic) => {
                    venue.hub.join(&self.outbox, topic, &name);
                    Held::Topic(topic)
                }
                None => Held::Silence,
            }
        };
        drop(venue);
        self.names.insert(name, held);
    }

    fn leave(&mut self, name: &str) {
        let id = self.outbox.id();
        match self.names.remove(name) {
            Some(Held::Topic(topic)) => self.shared.lock().hub.leave(id, topic),
            Some(Held::User) => self.shared.lock().hub.leave_user(id, name),
            Some(Held::Silence) | None => {}
        }
    }
}
