//! Owns what becomes of the user stream as a whole when it is silent or late; the judgement itself is
//! [`crate::liveness::user_stream`]'s.

use super::Engine;
use crate::action::{Action, Actions};
use crate::event::{Account, Link, Stream};
use crate::notice::{Notice, What};
use crate::units::{Mono, Now, Span};

impl Engine {
    /// An order that was acknowledged and of which the user stream says nothing, or one late event after the other: the
    /// stream is replaced, and everything it should have told is read from the exchange.
    pub(super) fn judge_user_stream(&mut self, now: Now, actions: &mut Actions) {
        if self.shared.user.probation.poll_over(now.mono) {
            // What waited for it does not wait for its next event.
            self.with_desks(now, actions, |_, _, _| {});
        }
        let within = self.shared.user.within();
        let missing = self.shared.user.poll_suspect(now.mono).map(|_| within);
        let Some(silence) = missing.or_else(|| self.poll_late_user(now.mono)) else {
            return;
        };
        actions.say(Notice {
            symbol: None,
            what: What::StreamDead(Stream::User, silence),
        });
        actions.push(Action::RenewListenKey);
        self.shared.reconnect(Link::User, now.mono, actions);
        self.with_desks(now, actions, |desk, _, _| desk.doubt(now.mono));
    }

    /// How late the user stream is, if market data are not: then it is not the clock.
    fn poll_late_user(&mut self, now: Mono) -> Option<Span> {
        let mut desks = self.desks.iter().flatten();
        desks
            .any(|desk| desk.liveness.is_on_time())
            .then(|| self.shared.user.poll_late(now))?
    }

    /// Notes how far a message of the user stream is behind.
    pub(super) fn note_event_time(&mut self, now: Now, account: &Account<'_>) {
        let time = match account {
            Account::Order(update) => update.event_time,
            Account::Lite(lite) => lite.time,
            Account::Update(update) => update.time,
            Account::ListenKeyExpired | Account::MarginCall | Account::Malformed(_) => return,
        };
        self.shared.user.on_event_time(time, now);
    }
}
