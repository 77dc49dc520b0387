//! Owns the shell around the engine: connections, clocks, threads; decides nothing about trading.

pub mod clock;
pub mod links;
