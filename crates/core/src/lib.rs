//! The pure trading core of Phoenix: one state machine that turns events into actions, without clock,
//! socket, file, thread, random numbers or hash order.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod action;
pub mod book;
pub mod budget;
pub mod digest;
pub mod engine;
pub mod event;
pub mod float;
pub mod instrument;
pub mod liveness;
pub mod notice;
pub mod order;
pub mod orders;
pub mod params;
pub mod position;
pub mod risk;
pub mod signal;
pub mod slot;
pub mod strategy;
pub mod units;
