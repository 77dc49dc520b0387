//! Drives the market side of a symbol from a recording; knows typed records, not files.

pub mod record;
