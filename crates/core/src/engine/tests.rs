//! Drives the engine through a small deterministic world and checks the promises after every step.

mod accounted;
mod alive;
mod boot;
mod bounded;
mod contained;
mod dead_man;
mod durable;
mod fresh;
mod operator;
mod polite;
mod pulse;
mod random;
mod risk;
mod suspect;
mod together;
mod venue;
mod world;
