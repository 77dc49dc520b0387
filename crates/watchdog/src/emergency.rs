//! Owns what is done in an emergency, by hand or by the watchdog: whose orders are cancelled, and how positions are closed; does not know how requests are made.

pub mod cancel;
pub mod close;
