//! The pure trading core of Phoenix: one state machine that turns events into actions, without clock,
//! socket, file, thread, random numbers or hash order.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod action;
pub mod book;
pub mod budget;
pub mod digest;
pub mod engine;
pub mod event;
pub mod float;
pub mod instrument;
pub mod liveness;
pub mod notice;
pub mod order;
pub mod orders;
pub mod params;
pub mod position;
pub mod risk;
pub mod signal;
pub mod slot;
pub mod strategy;
pub mod units;

/// Property tests with a fixed seed, so that every run is the same run.
#[cfg(test)]
fn seeded(cases: u32) -> proptest::test_runner::Config {
    proptest::test_runner::Config {
        cases,
        rng_seed: proptest::test_runner::RngSeed::Fixed(0x7068_6f65),
        failure_persistence: None,
        ..proptest::test_runner::Config::default()
    }
}
