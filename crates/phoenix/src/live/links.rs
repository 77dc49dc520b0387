//! Owns the life of one streaming connection: connect, back off, rotate before the exchange's 24 h end
//! (make before break); knows nothing of what frames say.

use super::quiet::Quiet;
use super::reach::{News, Reach};
use super::tuning::Tuning;
use crate::net::backoff::Backoff;
use crate::net::ws::{Incoming, Socket};
use crate::net::{Endpoint, NetError};
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::{Instant, Sleep, sleep_until};
use tokio_tungstenite::tungstenite::Utf8Bytes;

/// How long a replaced connection goes on delivering, so that nothing it holds is lost.
pub const DRAIN_FOR: Duration = Duration::from_secs(2);
/// Bound on TCP, TLS and WebSocket handshake together.
pub const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// Attempts in a row that good news may bring forward. When so many failed the exchange is there for others and not
/// for this connection: it waits out its steps until it has delivered something, so that no storm can come of news
/// (protocol §9 F16, F20).
pub const PROMPTED_MAX: u32 = 3;
/// Longest time after good news: connections that wait for the same do not come at the same instant.
const PROMPTED_WITHIN: Duration = Duration::from_millis(100);

/// Where a link connects to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Host.
    pub endpoint: Endpoint,
    /// Path and query below the endpoint's path.
    pub path_and_query: String,
}

impl Target {
    /// Splits a stream URL into host and request target.
    ///
    /// # Errors
    /// [`NetError::Url`] when it cannot be used.
    pub fn parse(url: &str) -> Result<Self, NetError> {
        let (base, path_and_query) = match url.find("://").and_then(|at| {
            let rest = url.get(at + 3..)?;
            rest.find('/').map(|slash| at + 3 + slash)
        }) {
            Some(split) => url.split_at(split),
            None => (url, ""),
        };
        Ok(Self {
            endpoint: Endpoint::parse(base)?,
            path_and_query: path_and_query.to_owned(),
        })
    }
}

/// What a link reports.
#[derive(Debug)]
pub enum LinkEvent {
    /// A text frame.
    Text(Utf8Bytes),
    /// Connected; what must be said first can be said now.
    Up,
    /// A replacement took over without a gap: the old connection still delivers what it holds.
    Replaced,
    /// A link that waits for targets has reached its age: it wants a new target before the exchange ends it.
    Aging,
    /// Lost or not reachable; the reason for the log. It reconnects by itself unless it was told to wait.
    Down(String),
}

/// What a link does after it was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AfterLoss {
    /// Connects to the same target again, after a back-off.
    Reconnect,
    /// Waits for a new target: the user stream needs a fresh listen key for each connection (F6).
    Wait,
}

type Connecting = Pin<Box<dyn Future<Output = Result<Socket, NetError>>>>;
/// Ends with the back-off, or before it on good news; says which.
type Backing = Pin<Box<dyn Future<Output = Prompted>>>;

/// Whether an attempt is made before its back-off was over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Prompted {
    No,
    Yes,
}

enum State {
    /// Nothing to do until a target is given.
    Idle,
    /// Waits until the next attempt.
    Backing(Backing),
    Connecting(Connecting),
    Up {
        socket: Socket,
        /// From when its age counts: the exchange ends a connection at 24 h (protocol §1.4).
        since: Instant,
        rotate: Pin<Box<Sleep>>,
    },
}

/// One streaming connection.
pub struct LinkSlot {
    after_loss: AfterLoss,
    target: Option<Target>,
    state: State,
    /// The replacement, while it is being made; the old socket goes on delivering meanwhile.
    spare: Option<Connecting>,
    /// The replaced socket and until when it is read: what both deliver is told apart by ids.
    retiring: Option<(Socket, Pin<Box<Sleep>>)>,
    /// When the next replacement is tried, after one could not be made.
    spare_at: Option<Pin<Box<Sleep>>>,
    backoff: Backoff,
    spare_backoff: Backoff,
    /// After a loss, no attempt before this.
    not_before: Instant,
    /// What ends that wait sooner: an attempt failed, and then another connection got through.
    news: Option<News>,
    /// The attempt under way.
    prompted: Prompted,
    /// Prompted attempts that failed since data last came.
    prompted_in_vain: u32,
    quiet: Quiet,
    reach: Reach,
    tuning: Tuning,
}

impl LinkSlot {
    /// Not connected, without a target.
    #[must_use]
    pub fn new(after_loss: AfterLoss, seed: u64, tuning: Tuning) -> Self {
        Self {
            after_loss,
            target: None,
            state: State::Idle,
            spare: None,
            retiring: None,
            spare_at: None,
            backoff: Backoff::new(seed),
            spare_backoff: Backoff::new(!seed),
            not_before: Instant::now(),
            news: None,
            prompted: Prompted::No,
            prompted_in_vain: 0,
            quiet: Quiet::default(),
            reach: Reach::default(),
            tuning,
        }
    }

    /// The same, opening no connection while the exchange wants none from this address (protocol §6.3).
    #[must_use]
    pub fn heeding(mut self, quiet: Quiet) -> Self {
        self.quiet = quiet;
        self
    }

    /// The same, trying at once when others get through to the exchange again, and telling them of itself.
    #[must_use]
    pub fn hearing(mut self, reach: Reach) -> Self {
        self.reach = reach;
        self
    }

    /// Connects to `target`: make-before-break where there is a connection; otherwise at once, or when the
    /// back-off of the last loss is over.
    pub fn retarget(&mut self, target: Target) {
        self.spare_at = None;
        match self.state {
            State::Up { .. } => self.spare = Some(self.connecting(&target)),
            State::Idle | State::Backing(_) | State::Connecting(_) => {
                self.state = if Instant::now() < self.not_before {
                    self.backing()
                } else {
                    State::Connecting(self.connecting(&target))
                };
            }
        }
        self.target = Some(target);
    }

    fn connecting(&self, target: &Target) -> Connecting {
        let (target, quiet) = (target.clone(), self.quiet.clone());
        Box::pin(async move {
            while let Some(wait) = quiet.handshakes_in() {
                tokio::time::sleep(wait).await;
            }
            Socket::connect(&target.endpoint, &target.path_and_query, CONNECT_LIMIT).await
        })
    }

    /// Waits for the end of the back-off, or for good news.
    fn backing(&mut self) -> State {
        let timer = sleep_until(self.not_before);
        let Some(news) = self.news.clone() else {
            return State::Backing(Box::pin(async move {
                timer.await;
                Prompted::No
            }));
        };
        let jitter = self.backoff.next_jitter(PROMPTED_WITHIN);
        State::Backing(Box::pin(async move {
            tokio::select! {
                biased; // Whoever has waited long enough was not prompted.
                () = timer => Prompted::No,
                () = news.heard() => {
                    tokio::time::sleep(jitter).await;
                    Prompted::Yes
                }
            }
        }))
    }

    /// Drops the connection, whatever its socket says, and starts over.
    pub fn reconnect(&mut self) {
        self.spare = None;
        self.spare_at = None;
        self.retiring = None;
        self.lose();
    }

    /// Makes a replacement at once, whatever the socket says, and keeps what it delivers until that is there: it may be
    /// dead for one stream and alive for others. Nothing more is done for a link that is connecting already.
    pub fn replace(&mut self) {
        if self.is_settled() {
            self.spare = self.target.as_ref().map(|target| self.connecting(target));
        }
    }

    /// Whether the socket that is connected is the one of the latest target.
    #[must_use]
    pub const fn is_settled(&self) -> bool {
        self.is_up() && self.spare.is_none() && self.spare_at.is_none()
    }

    /// Whether a socket is connected.
    #[must_use]
    pub const fn is_up(&self) -> bool {
        matches!(self.state, State::Up { .. })
    }

    /// The connected socket, to write to.
    pub const fn socket(&mut self) -> Option<&mut Socket> {
        match &mut self.state {
            State::Up { socket, .. } => Some(socket),
            State::Idle | State::Backing(_) | State::Connecting(_) => None,
        }
    }

    /// Useful data arrived: the next loss starts with the shortest back-off again.
    pub const fn on_data(&mut self) {
        self.backoff.reset();
        self.prompted_in_vain = 0;
    }

    /// Says goodbye to the peer and stays down.
    pub async fn close(&mut self) {
        self.spare = None;
        self.retiring = None;
        if let State::Up { socket, .. } = std::mem::replace(&mut self.state, State::Idle) {
            socket.close().await;
        }
    }

    /// A connection that could be made is gone: news of others say nothing about its back-off.
    fn lose(&mut self) {
        self.news = None;
        self.back_off();
    }

    /// No connection could be made.
    fn fail(&mut self) {
        if self.prompted == Prompted::Yes {
            self.prompted_in_vain += 1;
        }
        self.news = (self.prompted_in_vain < PROMPTED_MAX).then(|| self.reach.news());
        self.reach.on_failed();
        self.back_off();
    }

    fn back_off(&mut self) {
        self.prompted = Prompted::No;
        self.not_before = Instant::now() + self.backoff.next_delay(self.tuning.steps());
        self.state = match self.after_loss {
            AfterLoss::Reconnect => self.backing(),
            AfterLoss::Wait => State::Idle,
        };
    }

    fn up(&mut self, socket: Socket) {
        self.spare_at = None;
        self.spare_backoff.reset();
        let since = Instant::now();
        let rotate = Box::pin(sleep_until(since + self.tuning.now().connection_age_max));
        self.state = State::Up {
            socket,
            since,
            rotate,
        };
    }

    /// A changed age holds for the present connection too.
    fn apply_tuning(&mut self) {
        if self.tuning.poll_changed()
            && let State::Up { since, rotate, .. } = &mut self.state
        {
            let age = self.tuning.now().connection_age_max;
            rotate.as_mut().reset(*since + age);
        }
    }

    /// Makes progress; pending when there is nothing to report.
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<LinkEvent> {
        self.apply_tuning();
        if let Poll::Ready(event) = self.poll_spare(cx) {
            return Poll::Ready(event);
        }
        if let Poll::Ready(text) = self.poll_retiring(cx) {
            return Poll::Ready(LinkEvent::Text(text));
        }
        loop {
            match &mut self.state {
                State::Idle => return Poll::Pending,
                State::Backing(wait) => {
                    self.prompted = std::task::ready!(wait.as_mut().poll(cx));
                    let Some(target) = &self.target else {
                        self.state = State::Idle;
                        return Poll::Pending;
                    };
                    self.state = State::Connecting(self.connecting(target));
                }
                State::Connecting(attempt) => match std::task::ready!(attempt.as_mut().poll(cx)) {
                    Ok(socket) => {
                        self.reach.on_answered();
                        self.up(socket);
                        return Poll::Ready(LinkEvent::Up);
                    }
                    Err(error) => {
                        self.fail();
                        return Poll::Ready(LinkEvent::Down(error.to_string()));
                    }
                },
                State::Up {
                    socket,
                    since,
                    rotate,
                } => {
                    if rotate.as_mut().poll(cx).is_ready() {
                        *since = Instant::now();
                        let age = self.tuning.now().connection_age_max;
                        rotate.as_mut().reset(*since + age);
                        if self.spare.is_none() && self.renew() {
                            return Poll::Ready(LinkEvent::Aging);
                        }
                        cx.waker().wake_by_ref();
                        return Poll::Pending;
                    }
                    match std::task::ready!(socket.poll_next(cx)) {
                        Incoming::Text(text) => return Poll::Ready(LinkEvent::Text(text)),
                        Incoming::Control => {}
                        Incoming::Closed(why) => {
                            self.lose();
                            return Poll::Ready(LinkEvent::Down(why));
                        }
                    }
                }
            }
        }
    }

    /// Begins a replacement; true when a fresh target is needed for that.
    fn renew(&mut self) -> bool {
        match self.after_loss {
            AfterLoss::Wait => true,
            AfterLoss::Reconnect => {
                self.spare = self.target.as_ref().map(|target| self.connecting(target));
                false
            }
        }
    }

    /// A finished replacement takes over; the old socket is read on for [`DRAIN_FOR`]. One that could not be
    /// made is tried again: the old connection may be silent by now, or near its end.
    fn poll_spare(&mut self, cx: &mut Context<'_>) -> Poll<LinkEvent> {
        if let Some(timer) = &mut self.spare_at
            && timer.as_mut().poll(cx).is_ready()
        {
            self.spare_at = None;
            if self.is_up() && self.renew() {
                return Poll::Ready(LinkEvent::Aging);
            }
        }
        let Some(spare) = &mut self.spare else {
            return Poll::Pending;
        };
        let made = std::task::ready!(spare.as_mut().poll(cx));
        self.spare = None;
        match made {
            Ok(socket) => {
                self.spare_backoff.reset();
                let old = std::mem::replace(&mut self.state, State::Idle);
                self.up(socket);
                let State::Up { socket: old, .. } = old else {
                    return Poll::Ready(LinkEvent::Up);
                };
                let until = Box::pin(sleep_until(Instant::now() + DRAIN_FOR));
                self.retiring = Some((old, until));
                Poll::Ready(LinkEvent::Replaced)
            }
            Err(error) => {
                tracing::warn!(%error, "replacement connection failed; the old one stays meanwhile");
                let at = Instant::now() + self.spare_backoff.next_delay(self.tuning.steps());
                self.spare_at = Some(Box::pin(sleep_until(at)));
                cx.waker().wake_by_ref();
                Poll::Pending
            }
        }
    }

    fn poll_retiring(&mut self, cx: &mut Context<'_>) -> Poll<Utf8Bytes> {
        while let Some((socket, until)) = &mut self.retiring {
            if until.as_mut().poll(cx).is_ready() {
                self.retiring = None;
                return Poll::Pending;
            }
            match std::task::ready!(socket.poll_next(cx)) {
                Incoming::Text(text) => return Poll::Ready(text),
                Incoming::Control => {}
                Incoming::Closed(_) => self.retiring = None,
            }
        }
        Poll::Pending
    }
}

impl std::fmt::Debug for LinkSlot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LinkSlot")
            .field("up", &self.is_up())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::params::ShellParams;
    use crate::live::tuning::channel;
    use futures_util::SinkExt;
    use tokio::net::TcpListener;
    use tokio_tungstenite::{WebSocketStream, accept_async, tungstenite::Message};

    fn tuning() -> Tuning {
        Tuning::fixed(ShellParams::default())
    }

    async fn bound() -> (TcpListener, Target) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind");
        let port = listener.local_addr().expect("bound").port();
        let endpoint = Endpoint::parse(&format!("ws://127.0.0.1:{port}")).expect("url");
        (
            listener,
            Target {
                endpoint,
                path_and_query: "/public/stream".to_owned(),
            },
        )
    }

    async fn accept(listener: &TcpListener) -> WebSocketStream<tokio::net::TcpStream> {
        let (tcp, _) = listener.accept().await.expect("accept");
        accept_async(tcp).await.expect("handshake")
    }

    async fn event(slot: &mut LinkSlot) -> LinkEvent {
        std::future::poll_fn(|cx| slot.poll(cx)).await
    }

    #[tokio::test]
    async fn a_closed_connection_is_reported_and_made_again() {
        let (listener, target) = bound().await;
        let mut slot = LinkSlot::new(AfterLoss::Reconnect, 1, tuning());
        slot.retarget(target);
        let (first, mut peer) = tokio::join!(event(&mut slot), accept(&listener));
        assert!(matches!(first, LinkEvent::Up));
        peer.send(Message::text("a")).await.expect("send");
        assert!(matches!(event(&mut slot).await, LinkEvent::Text(t) if t.as_str() == "a"));
        drop(peer);
        assert!(matches!(event(&mut slot).await, LinkEvent::Down(_)));
        let (again, _peer) = tokio::join!(event(&mut slot), accept(&listener));
        assert!(matches!(again, LinkEvent::Up));
    }

    #[tokio::test]
    async fn a_replacement_takes_over_without_losing_what_the_old_connection_holds() {
        let (listener, target) = bound().await;
        let mut slot = LinkSlot::new(AfterLoss::Reconnect, 1, tuning());
        slot.retarget(target.clone());
        let (_up, mut old) = tokio::join!(event(&mut slot), accept(&listener));
        slot.retarget(Target {
            path_and_query: "/public/stream?streams=x".to_owned(),
            ..target
        });
        let (replaced, mut new) = tokio::join!(event(&mut slot), accept(&listener));
        assert!(matches!(replaced, LinkEvent::Replaced));
        old.send(Message::text("late")).await.expect("send");
        assert!(matches!(event(&mut slot).await, LinkEvent::Text(t) if t.as_str() == "late"));
        drop(old);
        new.send(Message::text("fresh")).await.expect("send");
        assert!(matches!(event(&mut slot).await, LinkEvent::Text(t) if t.as_str() == "fresh"));
    }

    #[tokio::test]
    async fn a_silent_connection_is_replaced_without_being_dropped_first() {
        let (listener, target) = bound().await;
        let mut slot = LinkSlot::new(AfterLoss::Reconnect, 1, tuning());
        slot.retarget(target);
        let (_up, mut old) = tokio::join!(event(&mut slot), accept(&listener));
        slot.replace();
        slot.replace();
        assert!(slot.is_up(), "what it delivers for others is still heard");
        let say_and_accept = async {
            old.send(Message::text("for others")).await.expect("send");
            accept(&listener).await
        };
        let (text, mut new) = tokio::join!(event(&mut slot), say_and_accept);
        assert!(matches!(text, LinkEvent::Text(t) if t.as_str() == "for others"));
        assert!(matches!(event(&mut slot).await, LinkEvent::Replaced));
        new.send(Message::text("fresh")).await.expect("send");
        assert!(matches!(event(&mut slot).await, LinkEvent::Text(t) if t.as_str() == "fresh"));
    }

    #[tokio::test]
    async fn a_replacement_that_fails_is_tried_again_while_the_old_connection_speaks() {
        let (listener, target) = bound().await;
        let mut slot = LinkSlot::new(AfterLoss::Reconnect, 1, tuning());
        slot.retarget(target.clone());
        assert!(!slot.is_settled());
        let (_up, mut old) = tokio::join!(event(&mut slot), accept(&listener));
        assert!(slot.is_settled());
        slot.retarget(target);
        assert!(!slot.is_settled(), "the replacement is being made");
        let fail_then_say = async {
            let (tcp, _) = listener.accept().await.expect("accept");
            drop(tcp);
            old.send(Message::text("old")).await.expect("send");
        };
        let (text, ()) = tokio::join!(event(&mut slot), fail_then_say);
        assert!(matches!(text, LinkEvent::Text(t) if t.as_str() == "old"));
        let (next, _new) = tokio::join!(event(&mut slot), accept(&listener));
        assert!(matches!(next, LinkEvent::Replaced));
        assert!(slot.is_settled());
    }

    #[tokio::test]
    async fn at_its_age_a_link_is_replaced_or_asks_for_a_fresh_target() {
        for after_loss in [AfterLoss::Reconnect, AfterLoss::Wait] {
            let (listener, target) = bound().await;
            let young = ShellParams {
                connection_age_max: Duration::from_millis(20),
                ..ShellParams::default()
            };
            let mut slot = LinkSlot::new(after_loss, 1, Tuning::fixed(young));
            slot.retarget(target);
            let (_up, _old) = tokio::join!(event(&mut slot), accept(&listener));
            match after_loss {
                AfterLoss::Reconnect => {
                    let (next, _new) = tokio::join!(event(&mut slot), accept(&listener));
                    assert!(matches!(next, LinkEvent::Replaced));
                }
                AfterLoss::Wait => assert!(matches!(event(&mut slot).await, LinkEvent::Aging)),
            }
        }
    }

    /// Takes a connection and hangs up before the handshake.
    async fn hang_up(listener: &TcpListener) {
        let (tcp, _) = listener.accept().await.expect("accept");
        drop(tcp);
    }

    #[tokio::test]
    async fn a_replacement_that_failed_is_tried_again_because_the_old_one_may_be_mute() {
        for after_loss in [AfterLoss::Reconnect, AfterLoss::Wait] {
            let (listener, target) = bound().await;
            let mut slot = LinkSlot::new(after_loss, 1, tuning());
            slot.retarget(target.clone());
            let (_up, _mute) = tokio::join!(event(&mut slot), accept(&listener));
            slot.retarget(target);
            let next = {
                let server = async {
                    hang_up(&listener).await;
                    match after_loss {
                        AfterLoss::Reconnect => Some(accept(&listener).await),
                        AfterLoss::Wait => None,
                    }
                };
                let (next, _peer) = tokio::join!(event(&mut slot), server);
                next
            };
            match after_loss {
                AfterLoss::Reconnect => assert!(matches!(next, LinkEvent::Replaced), "{next:?}"),
                AfterLoss::Wait => assert!(matches!(next, LinkEvent::Aging), "{next:?}"),
            }
        }
    }

    #[tokio::test]
    async fn a_fresh_key_for_every_attempt_does_not_undo_the_back_off() {
        let (listener, target) = bound().await;
        let mut slot = LinkSlot::new(AfterLoss::Wait, 1, tuning());
        let begun = Instant::now();
        for _ in 0..4 {
            slot.retarget(target.clone());
            let (next, ()) = tokio::join!(event(&mut slot), hang_up(&listener));
            assert!(matches!(next, LinkEvent::Down(_)));
        }
        // Half of 250 + 500 + 1000 ms at least.
        let took = begun.elapsed();
        assert!(took >= Duration::from_millis(850), "{took:?}");
    }

    #[tokio::test]
    async fn nothing_is_opened_while_the_address_is_banned() {
        let (listener, target) = bound().await;
        let quiet = Quiet::default();
        let refusal = phoenix_core::event::Refusal {
            why: phoenix_core::event::Why::Weight,
            code: -1003,
            retry_after: phoenix_core::units::Span::from_millis(300),
        };
        let begun = Instant::now();
        quiet.on_refused(418, &refusal);
        let mut slot = LinkSlot::new(
            AfterLoss::Reconnect,
            1,
            Tuning::fixed(ShellParams::default()),
        )
        .heeding(quiet);
        slot.retarget(target);
        let (up, _peer) = tokio::join!(event(&mut slot), accept(&listener));
        assert!(matches!(up, LinkEvent::Up));
        assert!(begun.elapsed() >= Duration::from_millis(290));
    }

    /// Peers that never answer a handshake.
    async fn refuse(listener: &TcpListener, times: usize) {
        for _ in 0..times {
            drop(listener.accept().await.expect("accept"));
        }
    }

    /// A link whose next step takes hours; one that is to hear of `reach`.
    fn patient(after_loss: AfterLoss, reach: &Reach) -> LinkSlot {
        let hours = ShellParams {
            reconnect_delay_min: Duration::from_secs(36_000),
            reconnect_delay_max: Duration::from_secs(36_000),
            ..ShellParams::default()
        };
        LinkSlot::new(after_loss, 1, Tuning::fixed(hours)).hearing(reach.clone())
    }

    #[tokio::test]
    async fn a_link_that_could_not_connect_tries_again_when_another_gets_through() {
        let (listener, target) = bound().await;
        for after_loss in [AfterLoss::Reconnect, AfterLoss::Wait] {
            let reach = Reach::default();
            let mut slot = patient(after_loss, &reach);
            slot.retarget(target.clone());
            let (next, ()) = tokio::join!(event(&mut slot), refuse(&listener, 1));
            assert!(matches!(next, LinkEvent::Down(_)));
            reach.on_answered();
            if after_loss == AfterLoss::Wait {
                slot.retarget(target.clone());
            }
            let (next, _peer) = tokio::join!(event(&mut slot), accept(&listener));
            assert!(matches!(next, LinkEvent::Up), "{after_loss:?}");
        }
    }

    #[tokio::test]
    async fn a_link_that_was_closed_after_it_stood_waits_out_its_step() {
        let (listener, target) = bound().await;
        let reach = Reach::default();
        let mut slot = patient(AfterLoss::Reconnect, &reach);
        slot.retarget(target);
        let (_up, peer) = tokio::join!(event(&mut slot), accept(&listener));
        drop(peer);
        assert!(matches!(event(&mut slot).await, LinkEvent::Down(_)));
        reach.on_failed();
        reach.on_answered();
        let idle = tokio::time::timeout(Duration::from_millis(200), event(&mut slot)).await;
        assert!(idle.is_err(), "others get through, which is no news");
    }

    #[tokio::test]
    async fn good_news_that_do_not_hold_are_not_believed_for_ever() {
        let (listener, target) = bound().await;
        let reach = Reach::default();
        let mut slot = patient(AfterLoss::Reconnect, &reach);
        slot.retarget(target);
        for _ in 0..=PROMPTED_MAX {
            let (next, ()) = tokio::join!(event(&mut slot), refuse(&listener, 1));
            assert!(matches!(next, LinkEvent::Down(_)));
            reach.on_answered();
        }
        let idle = tokio::time::timeout(Duration::from_millis(200), event(&mut slot)).await;
        assert!(idle.is_err(), "the exchange is there for others only");
    }

    #[tokio::test]
    async fn a_lower_age_replaces_the_connection_that_is_up() {
        let (listener, target) = bound().await;
        let (sender, tuning) = channel(ShellParams::default());
        let mut slot = LinkSlot::new(AfterLoss::Reconnect, 1, tuning);
        slot.retarget(target);
        let (_up, _old) = tokio::join!(event(&mut slot), accept(&listener));
        let young = ShellParams {
            connection_age_max: Duration::ZERO,
            ..ShellParams::default()
        };
        assert!(sender.send(young).is_ok());
        let (next, _new) = tokio::join!(event(&mut slot), accept(&listener));
        assert!(matches!(next, LinkEvent::Replaced));
    }

    #[tokio::test]
    async fn a_link_that_needs_a_fresh_key_waits_for_it() {
        let (listener, target) = bound().await;
        let mut slot = LinkSlot::new(AfterLoss::Wait, 1, tuning());
        slot.retarget(target.clone());
        let (_up, peer) = tokio::join!(event(&mut slot), accept(&listener));
        drop(peer);
        assert!(matches!(event(&mut slot).await, LinkEvent::Down(_)));
        let idle = tokio::time::timeout(Duration::from_millis(20), event(&mut slot)).await;
        assert!(idle.is_err(), "it must wait for a new target");
        slot.retarget(target);
        let (again, _peer) = tokio::join!(event(&mut slot), accept(&listener));
        assert!(matches!(again, LinkEvent::Up));
    }
}
