//! Owns the embedded exchange's sockets: REST, market and user streams, and the WebSocket API on one port; knows nothing of matching.

pub mod address;
pub mod auth;
pub mod board;
pub mod control;
pub mod guard;
pub mod hub;
pub mod json;
pub mod params;
pub mod refusal;
pub mod rest;
pub mod stream_json;
pub mod streams;
pub mod timing;
pub mod venue;
pub mod words;
