//! Owns the judgement whether a running child makes progress: counters are progress, arriving lines alone are not.

use super::{At, Limits};
use crate::mail::{Beat, Phase};
use std::time::Duration;

/// Longest start: reading the journal, asking the exchange.
pub const BOOT_MAX: Duration = Duration::from_secs(60);
/// Longest graceful end: ten seconds of its own, then its last look from outside.
pub const STOP_MAX: Duration = Duration::from_secs(30);
/// Longest standstill of the thread beside the trading thread; it may wait for others for some seconds.
pub const COLD_MAX: Duration = Duration::from_secs(10);
/// Data older than this must not carry an open order.
pub const DATA_AGE_MAX_MS: u64 = 5_000;
/// For how long old data may carry open orders: the child is cancelling them already.
pub const STALE_MAX: Duration = Duration::from_secs(3);

/// What stands still.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stall {
    /// No heartbeat comes.
    Silent,
    /// Heartbeats come, but the trading thread completes no cycle.
    Hung,
    /// The thread beside it, without which nothing is answered or recorded.
    ColdHung,
    /// The start takes too long.
    Boot,
    /// The graceful end takes too long.
    Stop,
}

/// What one child has shown of its progress.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    began: At,
    last: Option<Beat>,
    beat_at: At,
    cycled_at: At,
    cold_at: At,
    stopping_at: Option<At>,
    stale_at: Option<At>,
}

impl Progress {
    /// A child that was just started.
    #[must_use]
    pub const fn new(now: At) -> Self {
        Self {
            began: now,
            last: None,
            beat_at: now,
            cycled_at: now,
            cold_at: now,
            stopping_at: None,
            stale_at: None,
        }
    }

    /// Takes over a heartbeat.
    pub fn on_beat(&mut self, now: At, beat: Beat) {
        let is_first_cycle = self.phase() == Phase::Booting && beat.phase != Phase::Booting;
        if is_first_cycle || self.last.is_none_or(|last| last.cycles != beat.cycles) {
            self.cycled_at = now;
        }
        if is_first_cycle || self.last.is_none_or(|last| last.cold != beat.cold) {
            self.cold_at = now;
        }
        self.beat_at = now;
        let is_stale =
            beat.open_orders > 0 && beat.data_age_ms.is_some_and(|age| age > DATA_AGE_MAX_MS);
        self.stale_at = is_stale.then(|| self.stale_at.unwrap_or(now));
        if beat.phase == Phase::Stopping {
            self.stopping_at = Some(self.stopping_at.unwrap_or(now));
        }
        self.last = Some(beat);
    }

    /// What it said last that it is doing.
    #[must_use]
    pub fn phase(&self) -> Phase {
        self.last.map_or(Phase::Booting, |beat| beat.phase)
    }

    /// Its last heartbeat.
    #[must_use]
    pub const fn last(&self) -> Option<Beat> {
        self.last
    }

    /// Since when it runs.
    #[must_use]
    pub const fn began(&self) -> At {
        self.began
    }

    /// What stands still for too long by now, and since how long.
    #[must_use]
    pub fn stall(&self, now: At, limits: &Limits) -> Option<(Stall, Duration)> {
        let silent = now.saturating_sub(self.beat_at);
        let over = |stall, since: Duration, limit| (since > limit).then_some((stall, since));
        match self.phase() {
            Phase::Booting => over(Stall::Boot, now.saturating_sub(self.began), BOOT_MAX),
            Phase::Stopping => {
                let stopping = now.saturating_sub(self.stopping_at.unwrap_or(self.beat_at));
                let has_orders = self.last.is_some_and(|beat| beat.open_orders > 0);
                over(Stall::Stop, stopping, STOP_MAX).or_else(|| {
                    // At its very end it says nothing more, with nothing open.
                    over(Stall::Silent, silent, limits.stall).filter(|_| has_orders)
                })
            }
            Phase::Trading | Phase::Halted => {
                let cycled = now.saturating_sub(self.cycled_at);
                let cold = now.saturating_sub(self.cold_at);
                let has_cold = self.last.is_some_and(|beat| beat.cold.is_some());
                over(Stall::Silent, silent, limits.stall)
                    .or_else(|| over(Stall::Hung, cycled, limits.stall))
                    .or_else(|| {
                        over(Stall::ColdHung, cold, COLD_MAX.max(limits.stall)).filter(|_| has_cold)
                    })
            }
        }
    }

    /// Whether open orders have stood on old data for too long, which a child that lives would not allow.
    #[must_use]
    pub fn is_stale(&self, now: At) -> bool {
        self.stale_at
            .is_some_and(|since| now.saturating_sub(since) > STALE_MAX)
    }

    /// Allows for a time in which the watchdog itself did not run: nothing was seen, so nothing can be judged.
    pub fn forgive(&mut self, gap: Duration) {
        for at in [
            &mut self.beat_at,
            &mut self.cycled_at,
            &mut self.cold_at,
            &mut self.began,
        ] {
            *at += gap;
        }
        for at in [&mut self.stopping_at, &mut self.stale_at]
            .into_iter()
            .flatten()
        {
            *at += gap;
        }
    }
}
