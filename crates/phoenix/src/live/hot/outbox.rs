//! Owns what the hot thread has to tell the cold one, and what becomes of it when that one does not keep up: nothing
//! here ever waits. Knows nothing of what the messages lead to.

use crate::live::wire::{OwnedReply, ToCold};
use std::collections::VecDeque;
use std::time::Duration;
use tokio::sync::mpsc;

/// Messages that the books depend on and that found no room. A further one is lost here and counted: the exchange still
/// has the fill or payment, and the next back-fill takes it in.
pub const BACKLOG_MAX: usize = 65_536;

/// Longest wait for room when everything else is over.
const FINISH_LIMIT: Duration = Duration::from_secs(1);

/// Messages on their way to the cold thread.
#[derive(Debug)]
pub(super) struct Outbox {
    to_cold: mpsc::Sender<ToCold>,
    /// In their order.
    backlog: VecDeque<ToCold>,
    /// Answers to requests that found no room: at most one for each action of the steps since they were last taken.
    unsent: Vec<OwnedReply>,
    /// One such message asks for as much as several.
    is_key_needed: bool,
    lost: u64,
    dropped: u64,
}

/// What becomes of a message without room.
enum Fate {
    /// The books depend on it.
    Keep,
    /// A request that would be late: answered "not sent".
    Refuse,
    /// The next one says the same.
    Drop,
}

const fn fate_of(message: &ToCold) -> Fate {
    match message {
        ToCold::Updated(..) | ToCold::Funding(..) | ToCold::Stopped | ToCold::Ended(_) => {
            Fate::Keep
        }
        ToCold::Ask(..) => Fate::Refuse,
        ToCold::Placed(..)
        | ToCold::Notice(..)
        | ToCold::View(_)
        | ToCold::ClockRefused
        | ToCold::NeedListenKey => Fate::Drop,
    }
}

impl Outbox {
    pub(super) const fn new(to_cold: mpsc::Sender<ToCold>) -> Self {
        Self {
            to_cold,
            backlog: VecDeque::new(),
            unsent: Vec::new(),
            is_key_needed: false,
            lost: 0,
            dropped: 0,
        }
    }

    /// Tells, now or later or never.
    pub(super) fn tell(&mut self, message: ToCold) {
        self.is_key_needed |= matches!(message, ToCold::NeedListenKey);
        self.send_backlog();
        if matches!(message, ToCold::NeedListenKey) {
            return;
        }
        let message = if self.backlog.is_empty() {
            match self.to_cold.try_send(message) {
                Ok(()) => return,
                Err(error) => error.into_inner(),
            }
        } else {
            message
        };
        match fate_of(&message) {
            // The last word of all, and there is only one.
            Fate::Keep if matches!(message, ToCold::Stopped) => self.backlog.push_back(message),
            Fate::Keep if self.backlog.len() < BACKLOG_MAX => self.backlog.push_back(message),
            Fate::Keep => self.on_lost(&message),
            Fate::Refuse => self.refuse(&message),
            Fate::Drop => self.dropped += 1,
        }
    }

    /// Sends what there is room for now.
    pub(super) fn send_backlog(&mut self) {
        while let Some(message) = self.backlog.pop_front() {
            if let Err(error) = self.to_cold.try_send(message) {
                self.backlog.push_front(error.into_inner());
                return;
            }
        }
        self.send_key_need();
    }

    /// At the end: what still waits is sent if there is room soon. Only now does anything wait here.
    pub(super) async fn finish(&mut self) {
        for message in std::mem::take(&mut self.backlog) {
            let sent = self.to_cold.send_timeout(message, FINISH_LIMIT).await;
            if sent.is_err() {
                tracing::warn!("the cold thread does not take what is left to tell");
                return;
            }
        }
    }

    /// Answers to requests that were not sent since the last call.
    pub(super) fn take_unsent(&mut self) -> Vec<OwnedReply> {
        std::mem::take(&mut self.unsent)
    }

    fn send_key_need(&mut self) {
        if self.is_key_needed && self.to_cold.try_send(ToCold::NeedListenKey).is_ok() {
            self.is_key_needed = false;
        }
    }

    fn refuse(&mut self, message: &ToCold) {
        if let ToCold::Ask(action, at) = message {
            self.dropped += 1;
            self.unsent.extend(OwnedReply::not_sent(action, *at));
        }
    }

    fn on_lost(&mut self, message: &ToCold) {
        self.lost += 1;
        if self.lost.is_power_of_two() {
            tracing::error!(
                ?message,
                lost = self.lost,
                "the cold thread is too far behind: messages for the books are lost until a back-fill"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use phoenix_core::action::Action;
    use phoenix_core::event::{FundingPayment, Refusal, Why};
    use phoenix_core::instrument::SymbolId;
    use phoenix_core::units::{Mono, Quote, Wall};

    fn payment(amount: i64) -> ToCold {
        ToCold::Funding(FundingPayment {
            symbol: SymbolId(0),
            amount: Quote(amount),
            time: Wall(0),
        })
    }

    fn outbox() -> (Outbox, mpsc::Receiver<ToCold>) {
        let (sender, receiver) = mpsc::channel(1);
        (Outbox::new(sender), receiver)
    }

    fn amounts(receiver: &mut mpsc::Receiver<ToCold>, outbox: &mut Outbox) -> Vec<i64> {
        let mut seen = Vec::new();
        while let Ok(message) = receiver.try_recv() {
            if let ToCold::Funding(payment) = message {
                seen.push(payment.amount.raw());
            }
            outbox.send_backlog();
        }
        seen
    }

    #[test]
    fn a_request_without_room_is_answered_not_sent_and_never_carried_out_late() {
        let (mut outbox, mut receiver) = outbox();
        outbox.tell(payment(1));
        outbox.tell(ToCold::Ask(Action::CancelAll(SymbolId(0)), Mono(5)));
        outbox.tell(ToCold::Ask(Action::FetchAccount, Mono(6)));
        let unsent = outbox.take_unsent();
        let whys: Vec<_> = unsent
            .iter()
            .filter_map(OwnedReply::refusal)
            .map(|Refusal { why, .. }| why)
            .collect();
        assert_eq!(whys, [Why::NotSent, Why::NotSent]);
        assert!(outbox.take_unsent().is_empty(), "each is answered once");
        assert_eq!(amounts(&mut receiver, &mut outbox), [1]);
        outbox.tell(ToCold::Ask(Action::FetchAccount, Mono(7)));
        assert!(matches!(receiver.try_recv(), Ok(ToCold::Ask(_, Mono(7)))));
    }

    #[test]
    fn what_the_books_depend_on_waits_in_its_order() {
        let (mut outbox, mut receiver) = outbox();
        for amount in 1..=5 {
            outbox.tell(payment(amount));
            outbox.tell(ToCold::ClockRefused);
        }
        assert_eq!(amounts(&mut receiver, &mut outbox), [1, 2, 3, 4, 5]);
    }

    #[test]
    fn the_backlog_has_an_end_but_the_last_word_is_kept() {
        let (mut outbox, mut receiver) = outbox();
        let count = i64::try_from(BACKLOG_MAX).expect("small") + 3;
        for amount in 0..count {
            outbox.tell(payment(amount));
        }
        outbox.tell(ToCold::Stopped);
        assert_eq!((outbox.lost, outbox.backlog.len()), (2, BACKLOG_MAX + 1));
        let mut last = None;
        while let Ok(message) = receiver.try_recv() {
            outbox.send_backlog();
            last = Some(message);
        }
        assert!(matches!(last, Some(ToCold::Stopped)));
    }

    #[test]
    fn the_need_of_a_listen_key_is_told_once_there_is_room() {
        let (mut outbox, mut receiver) = outbox();
        outbox.tell(payment(1));
        outbox.tell(ToCold::NeedListenKey);
        outbox.tell(ToCold::NeedListenKey);
        assert!(matches!(receiver.try_recv(), Ok(ToCold::Funding(_))));
        outbox.send_backlog();
        assert!(matches!(receiver.try_recv(), Ok(ToCold::NeedListenKey)));
        outbox.send_backlog();
        assert!(receiver.try_recv().is_err(), "two needs are one");
    }
}
