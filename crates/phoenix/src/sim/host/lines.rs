//! Owns the connections of the simulated process: which one delivers, which one is being made, which one died without saying so.

use super::Host;
use crate::binance::codes::RequestKind;
use crate::sim::net::{Chore, Net, Parcel};
use crate::sim::request::Request;
use phoenix_core::event::{Event, Link, LinkState};
use phoenix_core::units::{Mono, Now, Span};

/// How long a replaced connection goes on delivering.
const DRAIN_FOR: Span = Span::from_secs(2);
/// The back-off of connections, ms.
const BACKOFF_MS: (i64, i64) = (250, 8_000);

/// One stream connection.
#[derive(Debug, Clone, Copy, Default)]
struct Line {
    /// The one that delivers.
    conn: Option<u32>,
    /// The one that is being made.
    coming: Option<u32>,
    /// The one that was replaced, and until when it is read.
    retiring: Option<(u32, Mono)>,
    /// Connections that carry nothing any more, though nobody was told.
    dead: Option<u32>,
    failures: u32,
}

/// All of them.
#[derive(Debug, Clone, Default)]
pub(super) struct Lines {
    lines: [Line; 3],
    /// Order entry carries nothing until that is noticed by a request without an answer.
    orders_are_dead: bool,
    next_conn: u32,
}

const STREAMS: [Link; 3] = [Link::Public, Link::Market, Link::User];

const fn place(link: Link) -> Option<usize> {
    match link {
        Link::Public => Some(0),
        Link::Market => Some(1),
        Link::User => Some(2),
        Link::Orders => None,
    }
}

impl Lines {
    /// Numbers that no earlier start of the process used.
    pub(super) const fn conn_base(&mut self, boot: u32) {
        self.next_conn = boot * 100_000;
    }

    fn line(&mut self, link: Link) -> Option<&mut Line> {
        self.lines.get_mut(place(link)?)
    }

    /// Links that are up.
    pub(super) fn up(&self) -> impl Iterator<Item = Link> + '_ {
        STREAMS
            .into_iter()
            .zip(&self.lines)
            .filter(|(_, line)| line.conn.is_some())
            .map(|(link, _)| link)
    }

    /// Connections of a link that carry what is sent now.
    fn carrying(&self, link: Link, now: Mono) -> impl Iterator<Item = u32> + '_ {
        let line = place(link).and_then(|at| self.lines.get(at)).copied();
        let line = line.unwrap_or_default();
        let retiring = line.retiring.filter(|(_, until)| *until > now);
        [line.conn, retiring.map(|(conn, _)| conn)]
            .into_iter()
            .flatten()
            .filter(move |conn| line.dead != Some(*conn))
    }

    /// Whether a message that came on a connection is read; data makes the next loss begin with the shortest back-off.
    pub(super) fn on_heard(&mut self, link: Link, conn: u32, now: Mono) -> bool {
        let Some(line) = self.line(link) else {
            return false;
        };
        let is_read = line.conn == Some(conn)
            || line
                .retiring
                .is_some_and(|(c, until)| c == conn && now < until);
        if is_read {
            line.failures = 0;
        }
        is_read
    }

    pub(super) fn drop_line(&mut self, link: Link) {
        if let Some(line) = self.line(link) {
            *line = Line {
                failures: line.failures,
                ..Line::default()
            };
        }
    }

    /// Whether a request gets out of the machine.
    pub(super) const fn carries(&self, request: &Request) -> bool {
        let by_orders = matches!(
            request.kind(),
            RequestKind::Place | RequestKind::Amend | RequestKind::Cancel
        );
        !(by_orders && self.orders_are_dead)
    }

    /// A request had no answer: its connection is not used again.
    pub(super) const fn on_time_out(&mut self, request: &Request) {
        if matches!(
            request.kind(),
            RequestKind::Place | RequestKind::Amend | RequestKind::Cancel
        ) {
            self.orders_are_dead = false;
        }
    }
}

impl Host {
    /// Sends a stream's message to the process on whatever carries it.
    pub fn deliver(
        &self,
        sent: Mono,
        link: Link,
        message: &crate::sim::message::Message,
        listens: impl Fn(u32) -> bool,
        net: &mut Net,
    ) {
        let carrying = self.lines.carrying(link, sent);
        for conn in carrying.filter(|conn| listens(*conn)) {
            net.deliver(sent, link, conn, message.clone());
        }
    }

    /// Links that are up.
    pub fn links_up(&self) -> Vec<Link> {
        self.lines.up().collect()
    }

    pub(super) fn connect(&mut self, link: Link, now: Mono, net: &mut Net) {
        self.lines.next_conn += 1;
        let conn = self.lines.next_conn;
        if let Some(line) = self.lines.line(link) {
            line.coming = Some(conn);
        }
        let at = now.after(net.handshake());
        let boot = self.boot;
        net.schedule(at, Parcel::Connected { boot, link, conn });
    }

    /// A connection that was asked for stands.
    pub fn on_connected(&mut self, boot: u32, link: Link, conn: u32, now: Mono, net: &mut Net) {
        if boot != self.boot {
            return;
        }
        let Some(line) = self.lines.line(link) else {
            return;
        };
        if line.coming != Some(conn) {
            return;
        }
        line.coming = None;
        let before = line.conn.replace(conn);
        match before {
            // As in the live shell, the engine does not hear of a replacement: the old one delivers until then.
            Some(old) => line.retiring = Some((old, now.after(DRAIN_FOR))),
            None => self.step(now, &Event::Link(link, LinkState::Up), net),
        }
    }

    /// A connection that was asked for could not be made.
    pub fn on_refused(&mut self, boot: u32, link: Link, conn: u32, now: Mono, net: &mut Net) {
        if boot == self.boot
            && let Some(line) = self.lines.line(link)
            && line.coming == Some(conn)
        {
            line.coming = None;
            self.connect_later(link, now, net);
        }
    }

    fn connect_later(&mut self, link: Link, now: Mono, net: &mut Net) {
        let Some(line) = self.lines.line(link) else {
            return;
        };
        let step = (BACKOFF_MS.0 << line.failures.min(10)).min(BACKOFF_MS.1);
        line.failures += 1;
        let at = now.after(Span::from_millis(net.between(step / 2, step)));
        // The user stream needs a fresh key for each connection.
        let chore = match link {
            Link::User => Chore::AskKey,
            Link::Public | Link::Market | Link::Orders => Chore::Connect(link),
        };
        net.schedule(at, Parcel::Due(self.boot, chore));
    }

    /// A connection was closed by the other end.
    pub fn on_closed(&mut self, link: Link, now: Mono, net: &mut Net) {
        if link == Link::Orders {
            self.lose_order_answers(now, net);
            return;
        }
        let was_up = self.lines.line(link).is_some_and(|l| l.conn.is_some());
        self.lines.drop_line(link);
        if was_up {
            self.step(now, &Event::Link(link, LinkState::Down), net);
        }
        self.connect_later(link, now, net);
    }

    /// What was asked on a lost connection of order entry is unknown; the next request goes another way.
    fn lose_order_answers(&mut self, now: Mono, net: &mut Net) {
        self.lines.orders_are_dead = false;
        let orders = |pending: &super::Pending| {
            matches!(
                pending.request.kind(),
                RequestKind::Place | RequestKind::Amend | RequestKind::Cancel
            )
        };
        let lost: Vec<u64> = self
            .pending
            .iter()
            .filter(|(_, pending)| orders(pending))
            .map(|(id, _)| *id)
            .collect();
        for id in lost {
            if let Some(pending) = self.pending.remove(&id) {
                self.on_time_out(&pending, now, net);
            }
        }
    }

    /// The present connection carries nothing any more, and nobody is told.
    pub fn on_half_open(&mut self, link: Link) {
        match self.lines.line(link) {
            Some(line) => line.dead = line.conn,
            None => self.lines.orders_are_dead = true,
        }
    }

    pub(super) fn renew_link(&mut self, link: Link, now: Now, net: &mut Net) {
        match link {
            Link::Public | Link::Market => {
                let settled = self
                    .lines
                    .line(link)
                    .is_some_and(|l| l.conn.is_some() && l.coming.is_none());
                if settled {
                    self.connect(link, now.mono, net);
                }
            }
            Link::User => {
                self.lines.drop_line(Link::User);
                self.want_key(now.mono, net);
                self.say_user_down(now, net);
            }
            Link::Orders => {}
        }
    }

    /// As in the live shell: while actions are carried out, the engine hears that the user stream is down, and what
    /// follows from that is carried out with them.
    fn say_user_down(&mut self, now: Now, net: &mut Net) {
        let Some(engine) = &mut self.engine else {
            return;
        };
        let mut actions = phoenix_core::action::Actions::default();
        let down = Event::Link(Link::User, LinkState::Down);
        crate::live::contain::step(engine, now, &down, &mut actions);
        for action in actions.as_slice() {
            if !matches!(action, phoenix_core::action::Action::Reconnect(_)) {
                self.carry_out_one(*action, now, net);
            }
        }
    }

    /// A listen key came, or none.
    pub(super) fn on_key(&mut self, has_one: bool, now: Mono, net: &mut Net) {
        match has_one {
            true => self.connect(Link::User, now, net),
            false => self.connect_later(Link::User, now, net),
        }
    }
}
