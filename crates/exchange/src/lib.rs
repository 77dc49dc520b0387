//! A simulated venue for USDⓈ-M futures: deterministic, without I/O, sharing no code with what it tests.

pub mod replay;
