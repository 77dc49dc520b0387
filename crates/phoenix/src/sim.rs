//! Owns the deterministic simulation: the engine that trades live, the embedded exchange, and between them a network, a machine and
//! people who fail in every way, under one seed and thousands of times faster than real time. It drives them; the promises are judged
//! from outside, by the exchange's own events.

mod books;
pub mod bridge;
pub mod checks;
pub mod coverage;
pub mod fault;
mod host;
mod machine;
mod message;
mod net;
mod request;
pub mod scenario;
mod setting;
pub mod shrink;
pub mod suite;
mod venue;
pub mod world;

pub use scenario::Scenario;
pub use world::{Outcome, World};
