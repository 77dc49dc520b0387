//! Named timers of the venue in the order of their due times; knows not what they do.

use std::collections::BTreeSet;

use crate::api::{AccountId, OrderId, SymbolId};

/// What is due. The order of the variants is the order of action at equal times: requests of the past end first, then money moves, then the
/// mark is renewed and accounts are judged by it, then the streams speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Timer {
    /// A dead-man timer runs out.
    DeadMan(AccountId, SymbolId),
    /// A GTD order ends.
    GoodTillDate(SymbolId, OrderId),
    /// A listenKey runs out.
    ListenKey(AccountId),
    /// A symbol pays funding.
    Funding(SymbolId),
    /// Mark prices, margin calls and liquidations; every second.
    Second,
    /// A cycle of the quantitative rules ends.
    QuantCycle,
    /// Depth and trade aggregation, every 100 ms.
    Feed100,
    /// The 250 ms depth stream.
    Feed250,
}

/// All armed timers. Bounded by what can be armed: one of each kind per account, symbol and open order.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    armed: BTreeSet<(u64, Timer)>,
}

impl Timers {
    pub(crate) fn arm(&mut self, due_us: u64, timer: Timer) {
        self.armed.insert((due_us, timer));
    }

    pub(crate) fn disarm(&mut self, due_us: u64, timer: Timer) {
        self.armed.remove(&(due_us, timer));
    }

    pub(crate) fn next_due_us(&self) -> Option<u64> {
        self.armed.first().map(|(due_us, _)| *due_us)
    }

    /// Takes out the first timer that is due.
    pub(crate) fn pop_due(&mut self, now_us: u64) -> Option<Timer> {
        let first = *self.armed.first()?;
        if first.0 > now_us {
            return None;
        }
        self.armed.remove(&first);
        Some(first.1)
    }
}

/// The next multiple of a period strictly after an instant.
pub(crate) fn next_multiple(after_us: u64, period_us: u64) -> u64 {
    (after_us / period_us + 1).saturating_mul(period_us)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timers_come_in_due_order_and_kinds_break_ties() {
        let mut timers = Timers::default();
        timers.arm(20, Timer::Second);
        timers.arm(10, Timer::Feed100);
        timers.arm(10, Timer::Second);
        timers.arm(5, Timer::ListenKey(AccountId(0)));
        timers.disarm(5, Timer::ListenKey(AccountId(0)));
        assert_eq!(timers.next_due_us(), Some(10));
        assert_eq!(timers.pop_due(9), None);
        assert_eq!(timers.pop_due(15), Some(Timer::Second));
        assert_eq!(timers.pop_due(15), Some(Timer::Feed100));
        assert_eq!(timers.pop_due(15), None);
    }

    #[test]
    fn the_next_multiple_lies_after_the_instant() {
        assert_eq!(next_multiple(0, 100), 100);
        assert_eq!(next_multiple(100, 100), 200);
        assert_eq!(next_multiple(199, 100), 200);
    }
}
