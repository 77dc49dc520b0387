//! Owns the embedded exchange's sockets: REST, market and user streams, and the WebSocket API on one port; knows nothing of matching.

pub mod auth;
pub mod params;
pub mod refusal;
