//! Everything of Phoenix that touches the world: sockets, files, clocks, threads, processes.

pub mod binance;
pub mod capture;
pub mod cli;
pub mod config;
pub mod demo;
pub mod drill;
pub mod flight;
pub mod health;
pub mod heartbeat;
pub mod incident;
pub mod journal;
pub mod live;
pub mod lock;
pub mod logging;
pub mod net;
pub mod secrets;
pub mod serve;
pub mod sim;
pub mod web;
