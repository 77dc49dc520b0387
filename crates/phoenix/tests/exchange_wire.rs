//! The embedded exchange over real sockets on loopback: the acceptance checklist of protocol §10 and the semantics of §11.
#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop there"
)]

#[path = "exchange_wire/connection.rs"]
mod connection;
#[path = "exchange_wire/control.rs"]
mod control;
#[path = "exchange_wire/fault_requests.rs"]
mod fault_requests;
#[path = "exchange_wire/fault_streams.rs"]
mod fault_streams;
#[path = "exchange_wire/faults.rs"]
mod faults;
#[path = "exchange_wire/harness.rs"]
mod harness;
#[path = "exchange_wire/orders.rs"]
mod orders;
#[path = "exchange_wire/rest.rs"]
mod rest;
#[path = "exchange_wire/streams.rs"]
mod streams;
#[path = "exchange_wire/user.rs"]
mod user;
#[path = "exchange_wire/ws_api.rs"]
mod ws_api;
