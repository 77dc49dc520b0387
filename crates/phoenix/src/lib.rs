//! Everything of Phoenix that touches the outside: the exchange's language, connections, files, pages.

pub mod binance;
