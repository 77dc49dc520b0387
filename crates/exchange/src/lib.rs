//! The simulated venue: a deterministic, single-threaded model of a USDⓈ-M futures exchange that knows no clock, no socket and nothing of the programme that trades on it.
//!
//! *Numbers.* Every price, quantity, rate and amount of money is an [`api::E8`]: an `i64` in units of 1e-8. Products are taken in 128 bits.
//!
//! *Time.* Microseconds since the Unix epoch, always passed in. Wire times (ms) are derived by the views.
//!
//! *Order of things.* [`Exchange::advance`] runs every timer and every market flow that is due, in order of its due time, so the result does
//! not depend on how often it is called. Each request method advances first, then acts. What happened is read with
//! [`Exchange::drain_events`].
//!
//! *Chance.* Only from [`prng::Prng`], seeded once.
#![forbid(unsafe_code)]

mod account;
pub mod api;
mod book;
pub mod decimal;
pub mod exchange;
pub mod feed;
mod filters;
pub mod flow;
pub mod funding;
pub mod history;
pub mod house;
pub mod ledger;
pub mod limits;
mod liquidation;
mod margin;
mod mark;
pub mod market;
mod matching;
mod modifying;
mod orders;
mod pit;
mod placing;
pub mod prng;
pub mod quant_rules;
pub mod replay;
pub mod symbol;
mod timers;

pub use api::{
    AccountId, ApiError, ClientId, E8, Event, EventBody, MarketEvent, NewOrder, OrderView,
    Recipient, Side, SymbolId, UserEvent,
};
pub use exchange::{Exchange, ExchangeConfig, SymbolConfig};
pub use ledger::{Exposure, Ledger, LedgerOrder};
pub use limits::{Cost, LimitConfig};
pub use market::{MarketFlow, MarketSide};
pub use quant_rules::QuantRuleConfig;
pub use symbol::SymbolSpec;
