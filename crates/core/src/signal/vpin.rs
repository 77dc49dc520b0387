//! Owns order-flow toxicity (VPIN) measured from the trade stream; knows nothing of what is done about it.
//!
//! Easley, López de Prado and O'Hara, "Flow Toxicity and Liquidity in a High-frequency World", Review of
//! Financial Studies 25(5), 2012: trades are sorted into buckets of equal volume V, and
//! VPIN = Σ |buys − sells| / (n·V) over the last n buckets. The paper has to guess the aggressor from price
//! changes (bulk classification); the exchange tells it, so no guessing is needed.

use crate::event::Trade;
use crate::float::{lots_floor, of_lots, of_span_seconds};
use crate::params::VpinParams;
use crate::units::{Lots, Mono, Now, Side, Span, Wall};
use alloc::collections::VecDeque;

/// n: buckets in the average; older ones are forgotten.
pub const BUCKETS_MAX: usize = 50;

/// Fewer full buckets than this are neutral.
pub const BUCKETS_MIN: usize = 5;

/// A measurement.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct VpinReading {
    /// VPIN, 0 (balanced) to 1 (one-sided).
    pub value: f64,
    /// Buckets completed so far; a reading is news when this has grown.
    pub buckets: u64,
}

/// When the bucket size is not configured: how much time a bucket should span on average, how long the
/// volume must have been watched before the first bucket, and how fast old volume fades.
const AUTO_BUCKET: Span = Span::from_secs(60);
const AUTO_WARM_UP: Span = Span::from_secs(600);
const AUTO_MEMORY: Span = Span::from_secs(3_600);

/// The last [`BUCKETS_MAX`] full buckets and the one being filled.
#[derive(Clone, Debug)]
pub struct Vpin {
    full: VecDeque<Bucket>,
    filling: Bucket,
    completed: u64,
    /// Sums over `full`.
    imbalance: i128,
    volume: i128,
    last: Option<(i64, Wall)>,
    pace: Pace,
}

/// Volume of one bucket by aggressor.
#[derive(Clone, Copy, Debug, Default)]
struct Bucket {
    buys: i64,
    sells: i64,
    /// Volume at which it is full, fixed when its first trade arrives.
    capacity: i64,
}

impl Bucket {
    const fn imbalance(&self) -> i64 {
        (self.buys - self.sells).abs()
    }
    const fn room(&self) -> i64 {
        self.capacity - self.buys - self.sells
    }
    const fn fill(&mut self, side: Side, size: i64) {
        match side {
            Side::Buy => self.buys += size,
            Side::Sell => self.sells += size,
        }
    }
}

impl Default for Vpin {
    fn default() -> Self {
        Self {
            // A bucket is put in before the oldest is forgotten.
            full: VecDeque::with_capacity(BUCKETS_MAX + 1),
            filling: Bucket::default(),
            completed: 0,
            imbalance: 0,
            volume: 0,
            last: None,
            pace: Pace::default(),
        }
    }
}

impl Vpin {
    /// Adds a trade.
    ///
    /// A repeated or older id is ignored, unless it comes with a later event time: then the exchange started
    /// its numbers anew. A trade larger than a bucket is split over several. With a bucket size of zero it is
    /// derived: the average volume of a minute, faded over an hour, from ten minutes of trades on.
    pub fn on_trade(&mut self, now: Now, trade: &Trade, params: &VpinParams) {
        let repeated = self
            .last
            .is_some_and(|(id, time)| trade.id <= id && trade.event_time <= time);
        if repeated || !trade.size.is_positive() {
            return;
        }
        self.last = Some((trade.id, trade.event_time));
        self.pace.on_volume(now.mono, trade.size);
        let Some(capacity) = bucket_size(params, &self.pace) else {
            return;
        };
        self.fill(trade.aggressor, trade.size.0, capacity);
    }

    /// The measurement; `None`, which is neutral, below [`BUCKETS_MIN`] full buckets.
    #[must_use]
    pub fn reading(&self) -> Option<VpinReading> {
        (self.full.len() >= BUCKETS_MIN && self.volume > 0).then(|| VpinReading {
            value: self.imbalance as f64 / self.volume as f64,
            buckets: self.completed,
        })
    }

    /// Pours `size` > 0 into buckets; those that a huge trade would push out at once are only counted.
    fn fill(&mut self, side: Side, size: i64, capacity: i64) {
        if self.filling.capacity == 0 {
            self.filling.capacity = capacity;
        }
        let first = size.min(self.filling.room());
        self.filling.fill(side, first);
        let mut rest = size - first;
        if self.filling.room() == 0 {
            self.complete(capacity);
        }
        let whole = rest / capacity;
        let kept = whole.min(BUCKETS_MAX as i64);
        self.completed += whole.abs_diff(kept);
        for _ in 0..kept {
            self.filling.fill(side, capacity);
            self.complete(capacity);
        }
        rest %= capacity;
        self.filling.fill(side, rest);
    }

    /// Moves the full bucket into the window and starts an empty one.
    fn complete(&mut self, capacity: i64) {
        if self.full.len() == BUCKETS_MAX
            && let Some(old) = self.full.pop_front()
        {
            self.imbalance -= i128::from(old.imbalance());
            self.volume -= i128::from(old.capacity);
        }
        self.imbalance += i128::from(self.filling.imbalance());
        self.volume += i128::from(self.filling.capacity);
        self.full.push_back(self.filling);
        self.completed += 1;
        self.filling = Bucket {
            capacity,
            ..Bucket::default()
        };
    }
}

/// The configured size, else the derived one once it is known; at least one lot.
fn bucket_size(params: &VpinParams, pace: &Pace) -> Option<i64> {
    if params.bucket_size.is_positive() {
        return Some(params.bucket_size.0);
    }
    let lots = pace.lots_per_second()? * of_span_seconds(AUTO_BUCKET);
    Some(lots_floor(lots).0.max(1))
}

/// Fading average of traded volume.
#[derive(Clone, Copy, Debug, Default)]
struct Pace {
    started: Option<Mono>,
    last: Mono,
    lots: f64,
    seconds: f64,
}

impl Pace {
    fn on_volume(&mut self, now: Mono, size: Lots) {
        if self.started.is_none() {
            self.started = Some(now);
            self.last = now;
        }
        let memory = of_span_seconds(AUTO_MEMORY);
        let fade = libm::exp(-of_span_seconds(now.since(self.last)) / memory);
        self.lots = self.lots * fade + of_lots(size);
        self.seconds = self.seconds * fade + memory * (1.0 - fade);
        self.last = self.last.max(now);
    }

    fn lots_per_second(&self) -> Option<f64> {
        let watched = self.last.since(self.started?);
        (watched >= AUTO_WARM_UP && self.seconds > 0.0).then(|| self.lots / self.seconds)
    }
}

#[cfg(test)]
mod tests;
