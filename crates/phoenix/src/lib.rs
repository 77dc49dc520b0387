//! Phoenix: everything around the core that touches the world — configuration, journal, sockets, clocks and the command line.

pub mod config;
pub mod journal;
pub mod lock;
pub mod logging;
pub mod secrets;
