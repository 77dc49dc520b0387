//! Owns what must work while the trading process is broken: its own connection to the exchange, cancelling, closing, and watching from outside.
//!
//! Blocking I/O, no async runtime, and none of the trading code: what fails there must not fail here.

pub mod clock;
pub mod decimal;
pub mod emergency;
pub mod http;
pub mod key;
pub mod mail;
pub mod notify;
pub mod policy;
pub mod process;
pub mod say;
pub mod supervise;
pub mod sweep;
pub mod venue;
