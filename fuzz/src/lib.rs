//! Owns the bodies of the fuzz targets: plain functions that take any bytes and panic when a promise is broken; knows nothing of
//! fuzzers.
//!
//! The fuzz binaries call them, and so does `crates/phoenix/tests/fuzz_corpus.rs`, which includes this file: what the
//! fuzzer found once is replayed by every test run, on the stable toolchain.
#![allow(
    clippy::expect_used,
    reason = "a broken promise should stop the target there"
)]

pub mod book;
pub mod client_id;
pub mod config;
pub mod engine;
pub mod exchange;
mod input;
pub mod market_frame;
pub mod orders;
mod reports;
pub mod rest_body;
pub mod serve_request;
pub mod user_frame;
mod wire;

/// A target: its name, which its folder in `corpus` has too, and its body.
pub type Target = (&'static str, fn(&[u8]));

/// Every target.
pub const TARGETS: [Target; 10] = [
    ("market_frame", market_frame::run),
    ("user_frame", user_frame::run),
    ("rest_body", rest_body::run),
    ("config", config::run),
    ("client_id", client_id::run),
    ("book", book::run),
    ("orders", orders::run),
    ("engine", engine::run),
    ("exchange", exchange::run),
    ("serve_request", serve_request::run),
];
