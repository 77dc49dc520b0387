//! Everything of Phoenix that touches the world: sockets, files, clocks, threads, processes.

pub mod live;
pub mod net;
