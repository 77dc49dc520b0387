//! Phoenix: the market maker's shell, its tools, and everything that does I/O.

pub mod capture;
pub mod serve;
