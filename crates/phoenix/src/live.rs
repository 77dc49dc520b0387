//! Owns the shell around the engine: connections, clocks, threads; decides nothing about trading.

pub mod books;
pub mod clock;
pub mod clock_sync;
pub mod cold;
pub mod contain;
pub mod hot;
pub mod links;
pub mod listen_key;
pub mod notices;
pub mod orders;
pub mod paper;
pub mod picture;
pub mod pilot;
pub mod quiet;
pub mod reach;
pub mod rest;
pub mod session;
pub mod summary;
pub mod tuning;
pub mod usage;
pub mod wire;
