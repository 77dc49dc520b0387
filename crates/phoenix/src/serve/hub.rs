//! Owns who listens to which stream and hands each rendered event to all of them; knows no payload and no socket.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use tokio::sync::{Notify, mpsc};
use tokio_tungstenite::tungstenite::Utf8Bytes;

use super::faults::{Channel, FaultId, Parcel, StreamFaults};
use super::streams::{Route, Topic};

/// Names one socket; given out by [`Hub::open`], never reused.
pub type SocketId = u64;

/// What a socket is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Line {
    /// Streams on a route.
    Streams(Route),
    /// The WebSocket API.
    Api,
}

/// Which sockets are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineSet {
    /// All.
    All,
    /// All stream sockets.
    Streams,
    /// Those of one line.
    One(Line),
}

impl LineSet {
    /// Whether a line is one of these.
    pub fn holds(self, line: Line) -> bool {
        match self {
            Self::All => true,
            Self::Streams => matches!(line, Line::Streams(_)),
            Self::One(one) => one == line,
        }
    }
}

/// The sending half of one socket's bounded queue.
///
/// At the bound the socket is closed: a consumer that cannot keep up would otherwise read ever older data and
/// take it for fresh. It reconnects and starts from a new snapshot.
#[derive(Clone)]
pub struct Outbox(Arc<OutboxInner>);

struct OutboxInner {
    id: SocketId,
    line: Line,
    queue: mpsc::Sender<Utf8Bytes>,
    is_frozen: AtomicBool,
    freeze_bell: Notify,
    is_combined: AtomicBool,
    doom: OnceLock<Doom>,
    doom_bell: Notify,
}

/// Why the server closes a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doom {
    /// The queue is full: the client reads too slowly.
    TooSlow,
    /// More messages than protocol §1.4 allows.
    TooManyMessages,
    /// No pong in time.
    NoPong,
    /// The connection reached its greatest age.
    Aged,
    /// The server goes away, or a drill closes the socket in the ordinary way.
    GoingAway,
    /// The transport is dropped without a closing handshake.
    Cut,
}

impl Outbox {
    fn new(
        id: SocketId,
        capacity: usize,
        combined: bool,
        line: Line,
    ) -> (Self, mpsc::Receiver<Utf8Bytes>) {
        let (queue, receiver) = mpsc::channel(capacity);
        let inner = OutboxInner {
            id,
            line,
            queue,
            is_frozen: AtomicBool::new(false),
            freeze_bell: Notify::new(),
            is_combined: AtomicBool::new(combined),
            doom: OnceLock::new(),
            doom_bell: Notify::new(),
        };
        (Self(Arc::new(inner)), receiver)
    }

    /// The socket's name.
    pub fn id(&self) -> SocketId {
        self.0.id
    }

    /// Whether events are wrapped in `{"stream":…,"data":…}`.
    pub fn is_combined(&self) -> bool {
        self.0.is_combined.load(Ordering::Relaxed)
    }

    /// Applies `SET_PROPERTY combined`.
    pub fn wrap(&self, combined: bool) {
        self.0.is_combined.store(combined, Ordering::Relaxed);
    }

    /// Marks the socket to be closed by its own task; the first reason stays.
    pub fn doom(&self, why: Doom) {
        let _ = self.0.doom.set(why);
        self.0.doom_bell.notify_one();
    }

    /// Returns when the socket has been marked to be closed.
    pub async fn doomed(&self) -> Doom {
        loop {
            if let Some(why) = self.0.doom.get() {
                return *why;
            }
            self.0.doom_bell.notified().await;
        }
    }

    /// Stops the socket from reading and writing for good, as if the network between were gone: the transport stays open.
    pub fn freeze(&self) {
        self.0.is_frozen.store(true, Ordering::Relaxed);
        self.0.freeze_bell.notify_one();
    }

    /// Returns when the socket has been frozen.
    pub async fn frozen(&self) {
        while !self.is_frozen() {
            self.0.freeze_bell.notified().await;
        }
    }

    /// Whether the socket neither reads nor writes.
    pub fn is_frozen(&self) -> bool {
        self.0.is_frozen.load(Ordering::Relaxed)
    }

    /// Queues one message; at the bound the socket is doomed instead.
    fn push(&self, text: Utf8Bytes) {
        if self.is_frozen() {
            return;
        }
        if let Err(mpsc::error::TrySendError::Full(_)) = self.0.queue.try_send(text) {
            self.doom(Doom::TooSlow);
        }
    }
}

#[derive(Clone)]
struct Seat {
    outbox: Outbox,
    name: Arc<str>,
    /// User event types wanted; empty means all (protocol §1.3, `events=`).
    events: Arc<[String]>,
}

/// All subscriptions of all sockets.
#[derive(Default)]
pub struct Hub {
    next_id: SocketId,
    sockets: BTreeMap<SocketId, Outbox>,
    topics: BTreeMap<Topic, Vec<Seat>>,
    users: BTreeMap<String, UserSeats>,
    /// What a drill does to messages on their way out.
    pub faults: StreamFaults,
}

/// Who listens on one listenKey, and the account behind it, if any.
#[derive(Default)]
struct UserSeats {
    account: Option<u16>,
    seats: Vec<Seat>,
}

/// One event in its two forms, each rendered at most once however many listen.
struct Forms {
    bare: Utf8Bytes,
    wrapped: Option<(Arc<str>, Utf8Bytes)>,
}

impl Forms {
    fn of(bare: String) -> Self {
        Self {
            bare: bare.into(),
            wrapped: None,
        }
    }

    fn for_seat(&mut self, seat: &Seat) -> Utf8Bytes {
        if !seat.outbox.is_combined() {
            return self.bare.clone();
        }
        if let Some((name, text)) = &self.wrapped
            && **name == *seat.name
        {
            return text.clone();
        }
        let text = wrapped(&seat.name, self.bare.as_str());
        self.wrapped = Some((Arc::clone(&seat.name), text.clone()));
        text
    }
}

/// Only names of real streams and live listenKeys get here, and none of those needs escaping.
fn wrapped(name: &str, data: &str) -> Utf8Bytes {
    let mut text = String::with_capacity(name.len() + data.len() + 24);
    text.push_str("{\"stream\":\"");
    text.push_str(name);
    text.push_str("\",\"data\":");
    text.push_str(data);
    text.push('}');
    text.into()
}

impl Hub {
    /// Registers a socket with a queue of `capacity` messages.
    pub fn open(
        &mut self,
        line: Line,
        capacity: usize,
        combined: bool,
    ) -> (Outbox, mpsc::Receiver<Utf8Bytes>) {
        self.next_id += 1;
        let (outbox, receiver) = Outbox::new(self.next_id, capacity, combined, line);
        self.sockets.insert(outbox.id(), outbox.clone());
        (outbox, receiver)
    }

    /// Forgets a socket and all its subscriptions.
    pub fn close(&mut self, id: SocketId) {
        self.sockets.remove(&id);
        self.topics.retain(|_, seats| {
            seats.retain(|seat| seat.outbox.id() != id);
            !seats.is_empty()
        });
        self.users.retain(|_, user| {
            user.seats.retain(|seat| seat.outbox.id() != id);
            !user.seats.is_empty()
        });
    }

    /// The open sockets of a line, or all.
    pub fn sockets(&self, line: Option<Line>) -> impl Iterator<Item = &Outbox> {
        self.sockets
            .values()
            .filter(move |outbox| line.is_none_or(|line| outbox.0.line == line))
    }

    /// Dooms the sockets of a line, or all.
    pub fn doom(&self, line: Option<Line>, why: Doom) {
        for outbox in self.sockets(line) {
            outbox.doom(why);
        }
    }

    /// Freezes the sockets of a line that are open now, or all: half-open TCP.
    pub fn freeze(&self, line: Option<Line>) {
        for outbox in self.sockets(line) {
            outbox.freeze();
        }
    }

    /// The open sockets of these lines.
    pub fn sockets_in(&self, lines: LineSet) -> impl Iterator<Item = &Outbox> {
        self.sockets
            .values()
            .filter(move |outbox| lines.holds(outbox.0.line))
    }

    /// Queues a text that belongs to no stream, bare, to sockets of these lines.
    pub fn tell(&self, lines: LineSet, text: &str) {
        for outbox in self.sockets_in(lines) {
            outbox.push(text.into());
        }
    }

    /// Ends the rules of a fault and delivers what they held back.
    pub fn lift(&mut self, id: FaultId) {
        for parcel in self.faults.remove(id) {
            self.deliver(parcel);
        }
    }

    /// Ends a listenKey without a word: its sockets stay open and hear nothing more.
    pub fn end_listen_key(&mut self, listen_key: &str) {
        if let Some(user) = self.users.get_mut(listen_key) {
            user.account = None;
        }
    }

    /// How many sockets are open.
    pub fn socket_count(&self) -> usize {
        self.sockets.len()
    }

    /// Adds a socket to a topic under the name that it asked with; a second time changes nothing.
    pub fn join(&mut self, outbox: &Outbox, topic: Topic, name: &str) {
        let seats = self.topics.entry(topic).or_default();
        if !seats.iter().any(|seat| seat.outbox.id() == outbox.id()) {
            seats.push(Seat {
                outbox: outbox.clone(),
                name: name.into(),
                events: Arc::new([]),
            });
        }
    }

    /// Takes a socket off a topic.
    pub fn leave(&mut self, id: SocketId, topic: Topic) {
        if let Some(seats) = self.topics.get_mut(&topic) {
            seats.retain(|seat| seat.outbox.id() != id);
            if seats.is_empty() {
                self.topics.remove(&topic);
            }
        }
    }

    /// Adds a socket to the user events of `listen_key`, whose account is `None` when the key is not alive: then the socket stays
    /// silent (protocol §0.4). An empty `events` means all.
    pub fn join_user(
        &mut self,
        outbox: &Outbox,
        listen_key: &str,
        account: Option<u16>,
        events: Vec<String>,
    ) {
        let user = self.users.entry(listen_key.to_owned()).or_default();
        user.account = account;
        user.seats.retain(|seat| seat.outbox.id() != outbox.id());
        user.seats.push(Seat {
            outbox: outbox.clone(),
            name: listen_key.into(),
            events: events.into(),
        });
    }

    /// Takes a socket off the user events of `listen_key`.
    pub fn leave_user(&mut self, id: SocketId, listen_key: &str) {
        if let Some(user) = self.users.get_mut(listen_key) {
            user.seats.retain(|seat| seat.outbox.id() != id);
            if user.seats.is_empty() {
                self.users.remove(listen_key);
            }
        }
    }

    /// Whether anyone listens to the topic, so that nobody else's events are rendered.
    pub fn is_heard(&self, topic: Topic) -> bool {
        self.topics.contains_key(&topic)
    }

    /// Whether any topic of this kind is heard.
    pub fn topics(&self) -> impl Iterator<Item = Topic> {
        self.topics.keys().copied()
    }

    /// Renders once, if anyone listens, and queues to all of them.
    pub fn publish(&mut self, topic: Topic, render: impl FnOnce() -> String) {
        if !self.is_heard(topic) {
            return;
        }
        self.pass(Parcel {
            channel: Channel::Topic(topic),
            kind: "",
            text: render(),
        });
    }

    /// As [`Self::publish`] for the user streams of an account; `kind` is the event's `e`.
    pub fn publish_user(
        &mut self,
        account: u16,
        kind: &'static str,
        render: impl FnOnce() -> String,
    ) {
        let mut users = self.users.values();
        if users.any(|user| user.account == Some(account)) {
            self.pass(Parcel {
                channel: Channel::User(account),
                kind,
                text: render(),
            });
        }
    }

    /// Delivers what a drill delayed until now.
    pub fn deliver_late(&mut self, now_us: u64) {
        for parcel in self.faults.due(now_us) {
            self.deliver(parcel);
        }
    }

    fn pass(&mut self, parcel: Parcel) {
        if self.faults.is_idle() {
            self.deliver(parcel);
        } else {
            for parcel in self.faults.pass(parcel) {
                self.deliver(parcel);
            }
        }
    }

    fn deliver(&self, parcel: Parcel) {
        let mut forms = Forms::of(parcel.text);
        match parcel.channel {
            Channel::Topic(topic) => {
                for seat in self.topics.get(&topic).into_iter().flatten() {
                    seat.outbox.push(forms.for_seat(seat));
                }
            }
            Channel::User(account) => {
                for user in self.users.values() {
                    if user.account == Some(account) {
                        user.push(parcel.kind, &mut forms);
                    }
                }
            }
        }
    }

    /// Sends the end of a listenKey to its sockets, which stay open and hear nothing more of it (protocol §3.1).
    pub fn publish_listen_key_end(
        &mut self,
        listen_key: &str,
        kind: &'static str,
        render: impl FnOnce() -> String,
    ) {
        let Some(user) = self.users.get(listen_key) else {
            return;
        };
        let channel = Channel::User(user.account.unwrap_or(u16::MAX));
        let parcel = Parcel {
            channel,
            kind,
            text: render(),
        };
        let parcels = if self.faults.is_idle() {
            vec![parcel]
        } else {
            self.faults.pass(parcel)
        };
        if let Some(user) = self.users.get_mut(listen_key) {
            for parcel in parcels {
                user.push(parcel.kind, &mut Forms::of(parcel.text));
            }
            user.account = None;
        }
    }
}

impl UserSeats {
    fn push(&self, kind: &str, forms: &mut Forms) {
        for seat in &self.seats {
            let is_wanted = seat.events.is_empty() || seat.events.iter().any(|event| event == kind);
            if is_wanted {
                seat.outbox.push(forms.for_seat(seat));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: Line = Line::Streams(Route::Public);
    const TOPIC: Topic = Topic::BookTicker(0);

    #[test]
    fn an_event_is_rendered_once_and_wrapped_for_combined_sockets_only() {
        let mut hub = Hub::default();
        let (bare, mut bare_queue) = hub.open(LINE, 4, false);
        let (combined, mut combined_queue) = hub.open(LINE, 4, true);
        hub.join(&bare, TOPIC, "a@bookTicker");
        hub.join(&combined, TOPIC, "a@bookTicker");
        hub.join(&combined, TOPIC, "a@bookTicker");
        let mut renders = 0;
        hub.publish(TOPIC, || {
            renders += 1;
            "{}".into()
        });
        assert_eq!(renders, 1);
        assert_eq!(bare_queue.try_recv().expect("queued").as_str(), "{}");
        assert_eq!(
            combined_queue.try_recv().expect("queued").as_str(),
            r#"{"stream":"a@bookTicker","data":{}}"#
        );
        assert!(combined_queue.try_recv().is_err(), "joined once");
    }

    #[test]
    fn nothing_is_rendered_for_nobody_and_leaving_ends_delivery() {
        let mut hub = Hub::default();
        let (outbox, mut queue) = hub.open(LINE, 4, false);
        hub.join(&outbox, TOPIC, "x");
        hub.leave(outbox.id(), TOPIC);
        assert!(!hub.is_heard(TOPIC));
        hub.publish(TOPIC, || unreachable!("nobody listens"));
        hub.join(&outbox, TOPIC, "x");
        hub.close(outbox.id());
        hub.publish(TOPIC, || unreachable!("the socket is closed"));
        assert!(queue.try_recv().is_err());
        assert_eq!(hub.socket_count(), 0);
    }

    #[test]
    fn the_events_filter_withholds_other_user_events() {
        let mut hub = Hub::default();
        let (outbox, mut queue) = hub.open(LINE, 4, false);
        hub.join_user(&outbox, "key", Some(1), vec!["ORDER_TRADE_UPDATE".into()]);
        hub.publish_user(1, "ACCOUNT_UPDATE", || "1".into());
        hub.publish_user(2, "ORDER_TRADE_UPDATE", || unreachable!("nobody listens"));
        hub.publish_user(1, "ORDER_TRADE_UPDATE", || "3".into());
        assert_eq!(queue.try_recv().expect("queued").as_str(), "3");
        assert!(queue.try_recv().is_err());
    }

    #[test]
    fn an_ended_listen_key_is_told_once_and_then_silent_and_an_invalid_one_always() {
        let mut hub = Hub::default();
        let (outbox, mut queue) = hub.open(LINE, 4, false);
        hub.join_user(&outbox, "key", Some(1), Vec::new());
        hub.join_user(&outbox, "invalid", None, Vec::new());
        hub.publish_listen_key_end("key", "listenKeyExpired", || "end".into());
        hub.publish_user(1, "ORDER_TRADE_UPDATE", || unreachable!("the key is dead"));
        assert_eq!(queue.try_recv().expect("queued").as_str(), "end");
        assert!(queue.try_recv().is_err());
        hub.leave_user(outbox.id(), "key");
    }

    #[tokio::test]
    async fn a_full_queue_dooms_the_socket_and_no_other() {
        let mut hub = Hub::default();
        let (slow, _slow_queue) = hub.open(LINE, 1, false);
        let (quick, mut quick_queue) = hub.open(LINE, 8, false);
        hub.join(&slow, TOPIC, "x");
        hub.join(&quick, TOPIC, "x");
        hub.publish(TOPIC, || "1".into());
        hub.publish(TOPIC, || "2".into());
        assert_eq!(slow.doomed().await, Doom::TooSlow);
        assert_eq!(quick.0.doom.get(), None);
        assert_eq!(quick_queue.try_recv().expect("queued").as_str(), "1");
        assert_eq!(quick_queue.try_recv().expect("queued").as_str(), "2");
    }
}
