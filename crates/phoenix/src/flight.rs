//! Owns the flight record: what a session's engine was told and what it asked for, from the first event on, so
//! that it can be run again and compared byte for byte; knows nothing of sockets, and of files only their bytes.
//!
//! A record is replayed from its beginning or not at all, because an engine cannot be put back into a state in the middle. So
//! a session is kept whole: older sessions are deleted first, and a session that fills the bound alone ends its record there,
//! with an alert. A bounded ring would always hold the last minutes, and nothing in it could be proven.

pub mod codec;
pub mod reader;
pub mod recorder;
pub mod replay;
pub mod segment;
pub mod show;
pub mod writer;

/// Folder of the records in `state_dir`.
pub const FOLDER: &str = "flight";

#[cfg(test)]
mod tests;
