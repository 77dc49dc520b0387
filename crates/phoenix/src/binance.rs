//! Owns the exchange's language: bytes to events, actions to bytes, error codes to reactions; pure
//! functions that know nothing of sockets, clocks or retries.

pub mod client_id;
pub mod codes;
pub mod contracts;
pub mod decimal;
pub mod decode;
pub mod encode;
pub mod limits;
pub mod routes;
pub mod sign;

#[cfg(test)]
mod tests;

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
