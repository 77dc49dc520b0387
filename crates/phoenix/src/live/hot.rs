//! Owns the hot thread: sockets in, engine, orders out, one event at a time with nothing handed over in
//! between. Everything slow belongs to the cold thread, and is never waited for.

mod outbox;
mod symbols;

use super::clock::Clock;
use super::contain::faults::{self, Fault, Planned};
use super::links::{AfterLoss, LinkEvent, LinkSlot, Target};
use super::orders::{Answered, Desk, OrderChannel, OrderEvent};
use super::paper::Paper;
use super::pilot::Pilot;
use super::tuning::Tuning;
use super::wire::{OwnedConfig, OwnedReply, ToCold, ToHot};
use crate::binance::contracts::Contracts;
use crate::binance::decode::market::MarketDecoder;
use crate::binance::decode::user::UserDecoder;
use crate::binance::decode::{AccountScope, Control, Decoded};
use crate::binance::limits::Used;
use crate::binance::routes::Venue;
use crate::heartbeat::{Counts, Pulse};
use crate::net::NetError;
use outbox::Outbox;
use phoenix_core::action::{Action, Actions};
use phoenix_core::event::{
    Account, Event, Link, LinkState, Malformed, Market, Operator, OrderCounts, Outcome, Reply,
    Stream, Why,
};
use phoenix_core::order::NewOrder;
use phoenix_core::units::{Mono, Now, Span};
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::sync::mpsc;
use tokio::time::{Instant, Sleep};
use tokio_tungstenite::tungstenite::Utf8Bytes;

/// How often a snapshot of the engine goes to the cold thread.
const VIEW_EVERY: Span = Span::from_millis(200);
/// Actions of one step: a full re-quote of the largest ladder.
const ACTIONS_CAPACITY: usize = 512;

/// Which kind of frame a socket carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    Public,
    Market,
    User,
}

impl Source {
    const ALL: [Self; 3] = [Self::User, Self::Public, Self::Market];

    const fn link(self) -> Link {
        match self {
            Self::Public => Link::Public,
            Self::Market => Link::Market,
            Self::User => Link::User,
        }
    }
}

/// What woke the loop.
enum Woken {
    Link(Source, LinkEvent),
    Orders(Option<OrderEvent>),
    Cold(ToHot),
    ColdGone,
    Timer,
}

/// What the hot thread needs to start.
#[derive(Debug)]
pub struct HotSetup {
    /// Clocks.
    pub clock: Clock,
    /// Addresses.
    pub venue: Venue,
    /// Contract data of the traded symbols.
    pub contracts: Contracts,
    /// Client ids and margin asset.
    pub account: AccountScope,
    /// Configuration events with which the engine begins.
    pub symbols: Vec<OwnedConfig>,
    /// Whether orders are decided but not sent.
    pub dry_run: bool,
    /// What a drill breaks.
    pub faults: Vec<Planned>,
    /// What of the shell can change while it runs.
    pub tuning: Tuning,
    /// Where completed work is counted.
    pub pulse: Pulse,
}

/// The hot thread's state.
pub struct Hot {
    pilot: Pilot,
    actions: Actions,
    clock: Clock,
    venue: Venue,
    contracts: Contracts,
    account: AccountScope,
    public: LinkSlot,
    market: LinkSlot,
    user: LinkSlot,
    orders: OrderChannel,
    market_decoder: MarketDecoder,
    user_decoder: UserDecoder,
    from_cold: mpsc::Receiver<ToHot>,
    outbox: Outbox,
    timer: Pin<Box<Sleep>>,
    view_at: Mono,
    batch: Vec<NewOrder>,
    /// Symbols that wait for their streams.
    joining: Vec<OwnedConfig>,
    /// In a dry run, what stands in for the exchange: nothing that changes anything is sent.
    paper: Option<Paper>,
    unreadable: u64,
    is_over: bool,
    faults: Vec<Planned>,
    started: Mono,
    pulse: Pulse,
    counts: Counts,
}

impl Hot {
    /// Prepares the thread's state; connects nothing yet.
    ///
    /// # Errors
    /// [`NetError::Url`] when a stream address cannot be used.
    pub fn new(
        setup: HotSetup,
        pilot: Pilot,
        orders: OrderChannel,
        from_cold: mpsc::Receiver<ToHot>,
        to_cold: mpsc::Sender<ToCold>,
    ) -> Result<Self, NetError> {
        let now = setup.clock.mono();
        let slot = |after_loss, seed| {
            LinkSlot::new(after_loss, seed, setup.tuning.clone())
                .heeding(orders.quiet().clone())
                .hearing(orders.reach().clone())
        };
        let (public, market, user) = (
            slot(AfterLoss::Reconnect, 0x7075_626c),
            slot(AfterLoss::Reconnect, 0x6d61_726b),
            slot(AfterLoss::Wait, 0x7573_6572),
        );
        let mut hot = Self {
            pilot,
            actions: Actions::with_capacity(ACTIONS_CAPACITY),
            clock: setup.clock,
            venue: setup.venue,
            contracts: setup.contracts,
            account: setup.account,
            public,
            market,
            user,
            orders,
            market_decoder: MarketDecoder::default(),
            user_decoder: UserDecoder::default(),
            from_cold,
            outbox: Outbox::new(to_cold),
            timer: Box::pin(tokio::time::sleep_until(Instant::now())),
            view_at: now,
            batch: Vec::with_capacity(ACTIONS_CAPACITY),
            joining: Vec::new(),
            paper: setup.dry_run.then(Paper::default),
            unreadable: 0,
            is_over: false,
            faults: setup.faults,
            started: now,
            pulse: setup.pulse,
            counts: Counts::default(),
        };
        for config in &setup.symbols {
            hot.step(&config.event());
        }
        hot.connect_streams()?;
        hot.tell(ToCold::NeedListenKey);
        Ok(hot)
    }

    /// Runs until the engine has stopped or the cold thread is gone.
    pub async fn run(mut self) {
        while !self.is_over {
            let woken = std::future::poll_fn(|cx| self.poll_woken(cx)).await;
            self.on_woken(woken);
            self.strike_faults();
            self.drain_answers();
            self.drain_paper();
            self.drain_unsent();
            self.poll_symbols();
            self.send_view();
            self.set_timer();
            self.outbox.send_backlog();
            self.counts.cycles += 1;
            self.pulse.on_cycle(self.counts);
        }
        self.outbox.finish().await;
        self.user.close().await;
        self.public.close().await;
        self.market.close().await;
        self.orders.close().await;
    }

    /// Operator first, then our own orders, then the market: what limits risk is never behind data.
    fn poll_woken(&mut self, cx: &mut Context<'_>) -> Poll<Woken> {
        if let Poll::Ready(message) = self.from_cold.poll_recv(cx) {
            return Poll::Ready(message.map_or(Woken::ColdGone, Woken::Cold));
        }
        let desk = Desk {
            contracts: &self.contracts,
            account: &self.account,
        };
        if let Poll::Ready(event) = self.orders.poll(cx, desk) {
            return Poll::Ready(Woken::Orders(event));
        }
        for source in Source::ALL {
            if let Poll::Ready(event) = self.link(source).poll(cx) {
                return Poll::Ready(Woken::Link(source, event));
            }
        }
        self.timer.as_mut().poll(cx).map(|()| Woken::Timer)
    }

    const fn link(&mut self, source: Source) -> &mut LinkSlot {
        match source {
            Source::Public => &mut self.public,
            Source::Market => &mut self.market,
            Source::User => &mut self.user,
        }
    }

    fn on_woken(&mut self, woken: Woken) {
        match woken {
            Woken::Link(source, event) => self.on_link(source, event),
            Woken::Orders(Some(OrderEvent::Up)) => {
                self.step(&Event::Link(Link::Orders, LinkState::Up))
            }
            Woken::Orders(Some(OrderEvent::Fallback(why))) => {
                tracing::warn!(%why, "orders go by REST until the WebSocket is usable");
            }
            Woken::Orders(Some(OrderEvent::ClockRefused)) => self.tell(ToCold::ClockRefused),
            Woken::Orders(Some(OrderEvent::Used(used))) => self.on_used(used),
            Woken::Orders(None) => {}
            Woken::Cold(message) => self.on_cold(message),
            // The session pulls the orders from outside, or the process is ending and the dead-man switch does it.
            Woken::ColdGone => self.is_over = true,
            Woken::Timer => self.step(&Event::Wakeup),
        }
    }

    /// What the exchange counts of our requests and orders.
    fn on_used(&mut self, used: Used) {
        if let Some(weight) = used.weight_1m {
            self.step(&Event::Reply(Reply::Weight(weight)));
        }
        let counts = OrderCounts {
            in_10s: used.orders_10s,
            in_minute: used.orders_1m,
        };
        if counts != OrderCounts::default() {
            self.step(&Event::Reply(Reply::OrderCounts(counts)));
        }
    }

    fn on_link(&mut self, source: Source, event: LinkEvent) {
        match event {
            LinkEvent::Up => {
                tracing::info!(link = ?source.link(), "connected");
                self.step(&Event::Link(source.link(), LinkState::Up));
            }
            LinkEvent::Replaced => {
                tracing::info!(link = ?source.link(), "connection replaced before its end");
            }
            LinkEvent::Aging => self.tell(ToCold::NeedListenKey),
            LinkEvent::Down(why) => {
                tracing::warn!(link = ?source.link(), %why, "connection lost");
                self.step(&Event::Link(source.link(), LinkState::Down));
                if source == Source::User {
                    self.tell(ToCold::NeedListenKey);
                }
            }
            LinkEvent::Text(text) => self.on_text(source, &text),
        }
    }

    fn on_text(&mut self, source: Source, text: &Utf8Bytes) {
        let now = self.clock.now();
        let decoded = match source {
            Source::User => {
                self.user_decoder
                    .decode(&self.contracts, &self.account, text.as_bytes())
            }
            Source::Public | Source::Market => {
                self.market_decoder.decode(&self.contracts, text.as_bytes())
            }
        };
        match decoded {
            Decoded::Event(event) => {
                let is_over = matches!(event, Event::Account(Account::ListenKeyExpired));
                self.actions.clear();
                self.pilot.step(now, &event, &mut self.actions);
                self.counts.on_step(&self.actions);
                let told = ToCold::of_account(&event, now);
                self.carry_out(now);
                if let Some(message) = told {
                    self.tell(message);
                }
                // Only data: a refusal or a farewell on each new connection must not make a fast loop.
                self.link(source).on_data();
                if is_over {
                    // Nothing comes on it any more. The engine holds it for down and must hear of the next one's start,
                    // which a replacement of a connection that stands would not tell.
                    self.user.reconnect();
                }
            }
            Decoded::Control(Control::ServerShutdown) => {
                tracing::warn!(link = ?source.link(), "the exchange announces a shutdown of this connection");
                self.renew_link(source.link());
            }
            Decoded::Control(Control::Refused(_, code)) => {
                tracing::warn!(link = ?source.link(), code, "a subscription was refused");
            }
            Decoded::Unreadable(why) => self.on_unreadable(source, why),
            Decoded::AccountConfig(config) => {
                tracing::warn!(?config, "an account setting was changed")
            }
            Decoded::Partial(..) | Decoded::Control(Control::Ack(_)) | Decoded::Ignored(_) => {}
        }
    }

    /// A frame that belongs to nobody: counted and told; the books of every symbol on it are in doubt.
    fn on_unreadable(&mut self, source: Source, why: Malformed) {
        self.unreadable += 1;
        tracing::warn!(link = ?source.link(), ?why, count = self.unreadable, "a frame could not be read");
        match source {
            Source::User => self.step(&Event::Account(Account::Malformed(why))),
            Source::Public => {
                let ids: Vec<_> = self.contracts.iter().map(|c| c.id).collect();
                for id in ids {
                    let malformed = Market::Malformed(Stream::Depth, why);
                    self.step(&Event::Market(id, malformed));
                }
            }
            Source::Market => {}
        }
    }

    fn on_cold(&mut self, message: ToHot) {
        match message {
            ToHot::Reply(reply) => self.on_reply(&reply),
            ToHot::ListenKey(key) => match Target::parse(&self.venue.user_url(&key)) {
                Ok(target) => self.user.retarget(target),
                Err(error) => tracing::error!(%error, "the user stream's address cannot be used"),
            },
            ToHot::Status(name, status) => {
                if let Some(id) = self.contracts.by_name(name.as_bytes()).map(|c| c.id) {
                    self.step(&Event::Market(id, Market::Status(status)));
                }
            }
            ToHot::Operator(operator) => self.step(&Event::Operator(operator)),
            ToHot::Config(config) => self.on_config(config),
            ToHot::Abandon => self.is_over = true,
        }
    }

    fn on_reply(&mut self, reply: &OwnedReply) {
        if reply.refusal().is_some_and(|r| r.why == Why::Clock) {
            self.tell(ToCold::ClockRefused);
        }
        self.step(&reply.event());
    }

    fn drain_answers(&mut self) {
        while let Some(answered) = self.orders.next_answer() {
            self.on_answer(&answered);
        }
    }

    /// What a dry run is told in place of answers; each can lead to more, and all come to rest.
    fn drain_paper(&mut self) {
        while let Some(word) = self.paper.as_mut().and_then(Paper::next_word) {
            self.step(&word.event());
        }
    }

    fn on_answer(&mut self, answered: &Answered) {
        self.counts.acks += u64::from(matches!(answered.outcome, Outcome::Accepted(_)));
        if let Outcome::Refused(refusal) = answered.outcome
            && refusal.why == Why::Clock
        {
            self.tell(ToCold::ClockRefused);
        }
        self.step(&answered.event());
    }

    fn step(&mut self, event: &Event<'_>) {
        let now = self.clock.now();
        self.actions.clear();
        self.pilot.step(now, event, &mut self.actions);
        self.counts.on_step(&self.actions);
        self.carry_out(now);
    }

    /// Carries out what the engine asked for, in order; neighbouring new orders travel together.
    fn carry_out(&mut self, now: Now) {
        let actions = std::mem::take(&mut self.actions);
        for action in actions.as_slice() {
            if !matches!(action, Action::Place(_)) {
                self.flush_batch(now);
            }
            self.carry_out_one(*action, now);
        }
        self.flush_batch(now);
        self.actions = actions;
    }

    fn carry_out_one(&mut self, action: Action, now: Now) {
        if let Some(paper) = &mut self.paper
            && paper.on_action(&action, now)
        {
            tracing::debug!(?action, "dry run: not sent");
            return;
        }
        let desk = Desk {
            contracts: &self.contracts,
            account: &self.account,
        };
        match action {
            Action::Place(approved) => self.batch.push(*approved.inner()),
            Action::Amend(approved) => self.orders.amend(desk, approved.inner()),
            Action::Cancel(symbol, id) => self.orders.cancel(desk, symbol, id),
            Action::Say(notice) => self.tell(ToCold::Notice(notice, now)),
            Action::Reconnect(link) => self.renew_link(link),
            Action::RenewListenKey => self.tell(ToCold::NeedListenKey),
            Action::Stopped => {
                // The summary speaks of the end, not of up to a fifth of a second before.
                self.view_at = now.mono;
                self.send_view();
                self.tell(ToCold::Stopped);
                self.is_over = true;
            }
            Action::CancelAll(_)
            | Action::QueryOrder(..)
            | Action::FetchOpenOrders(_)
            | Action::FetchAccount
            | Action::FetchTrades(..)
            | Action::FetchFunding(_)
            | Action::FetchSnapshot(_)
            | Action::Probe(_)
            | Action::ProbeAll
            | Action::ArmDeadMan(..) => self.tell(ToCold::Ask(action, now.mono)),
        }
    }

    /// Sends the collected orders first and tells the journal of them afterwards.
    fn flush_batch(&mut self, now: Now) {
        if self.batch.is_empty() {
            return;
        }
        let batch = std::mem::take(&mut self.batch);
        let desk = Desk {
            contracts: &self.contracts,
            account: &self.account,
        };
        self.orders.place(desk, &batch);
        for order in &batch {
            self.tell(ToCold::Placed(*order, now));
        }
        self.batch = batch;
        self.batch.clear();
    }

    fn renew_link(&mut self, link: Link) {
        match link {
            // They carry the streams of every symbol, of which one may have been found dead.
            Link::Public => self.public.replace(),
            Link::Market => self.market.replace(),
            Link::User => self.renew_user_link(),
            Link::Orders => {}
        }
    }

    fn renew_user_link(&mut self) {
        self.user.reconnect();
        self.tell(ToCold::NeedListenKey);
        let now = self.clock.now();
        let mut actions = Actions::default();
        let down = Event::Link(Link::User, LinkState::Down);
        self.pilot.step(now, &down, &mut actions);
        for action in actions.as_slice() {
            // Nothing that reconnects can follow from a link that is down: no recursion.
            if !matches!(action, Action::Reconnect(_)) {
                self.carry_out_one(*action, now);
            }
        }
    }

    fn send_view(&mut self) {
        let now = self.clock.now();
        if now.mono < self.view_at {
            return;
        }
        self.view_at = now.mono.after(VIEW_EVERY);
        self.actions.clear();
        self.pilot.refresh_view(now, &mut self.actions);
        // A dry run has nothing at the exchange that could stand on old data.
        if self.paper.is_none() {
            self.pulse.on_view(self.pilot.view());
        }
        let view = Box::new(self.pilot.view().clone());
        self.tell(ToCold::View(view));
        self.carry_out(now);
    }

    /// What a drill wants broken by now; the view's timer wakes the loop often enough.
    fn strike_faults(&mut self) {
        for planned in faults::take_due(&mut self.faults, self.clock.mono().since(self.started)) {
            tracing::warn!(code = "fault_struck", fault = ?planned.fault, "a fault is put in on purpose");
            match planned.fault {
                Fault::Hot => panic!("injected fault: the hot thread panics"),
                Fault::Cold => {}
                Fault::Memory => faults::exhaust_memory(),
                Fault::Strategy(fault, symbol) => {
                    if let Some(contract) = self.contracts.by_name(symbol.as_bytes()) {
                        self.pilot.inject(contract.id, fault);
                    }
                }
            }
        }
    }

    fn set_timer(&mut self) {
        let engine_at = self.pilot.next_wakeup().map(|(at, _)| at);
        let next = engine_at.map_or(self.view_at, |at| at.min(self.view_at));
        self.timer
            .as_mut()
            .reset(Instant::from_std(self.clock.deadline(next)));
    }

    fn tell(&mut self, message: ToCold) {
        self.outbox.tell(message);
    }

    /// Requests that found no room: refused like those that a broken connection did not take. What they lead to is
    /// looked at in the next round, so that a thread that stands still makes no fast loop here.
    fn drain_unsent(&mut self) {
        for reply in self.outbox.take_unsent() {
            self.step(&reply.event());
        }
    }
}

impl std::fmt::Debug for Hot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hot")
            .field("dry_run", &self.paper.is_some())
            .finish_non_exhaustive()
    }
}

/// Asks the hot thread for a graceful end.
pub const STOP: ToHot = ToHot::Operator(Operator::Stop);
