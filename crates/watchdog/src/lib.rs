//! Owns what must work while the trading process is broken: watching it from outside, cancelling for it, ending and restarting it.
//!
//! Blocking I/O, no async runtime, and none of the trading code: what fails there must not fail here.

pub mod clock;
pub mod mail;
pub mod policy;
