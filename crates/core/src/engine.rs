//! Owns the routing of events to desks.

pub mod timers;
