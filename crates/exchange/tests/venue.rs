//! The venue's promises, checked through its public interface only.
#![allow(clippy::unwrap_used)] // a failed unwrap is a failed test

#[path = "venue/bench.rs"]
mod bench;
#[path = "venue/entry.rs"]
mod entry;
#[path = "venue/modify.rs"]
mod modify;
#[path = "venue/money.rs"]
mod money;
#[path = "venue/priority.rs"]
mod priority;
#[path = "venue/queue.rs"]
mod queue;
#[path = "venue/random.rs"]
mod random;
#[path = "venue/streams.rs"]
mod streams;
#[path = "venue/timers.rs"]
mod timers;
