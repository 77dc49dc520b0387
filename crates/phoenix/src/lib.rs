//! The crate with I/O: venue links, live shell, embedded exchange server, tools.

pub mod serve;
