//! Owns the requests of the exchange's REST and WebSocket APIs: their parameters, and their bytes in
//! either form; knows nothing of connections or of when to send what.
//!
//! One request is described once, as [`Params`]; both forms are rendered from that, so that they cannot
//! drift apart. Buffers belong to the caller and are reused.
//!
//! Decisions:
//! - `selfTradePreventionMode=EXPIRE_MAKER` is always sent: the default differs between documents
//!   (protocol §0.8). For post-only orders it has no effect; for our IOC it expires the resting order of
//!   ours that it would hit, so that the position is reduced against others and no fill of ours is wash.
//! - `newOrderRespType` is `ACK` for post-only orders, whose answer can only say `NEW`, and `RESULT` for
//!   IOC, whose answer then carries what was filled.
//! - All parameters of REST requests go into the query string, in a fixed order, already
//!   percent-encoded when they are signed, which is right under the old and the new rule (protocol §5.2).

mod params;
pub mod rest;
pub mod ws_api;

pub use params::{PARAMS_MAX, ParamName, Params};

use super::client_id::ClientIds;
use super::contracts::Contract;
use super::decimal::Grid;
use phoenix_core::order::{Amendment, Execute, NewOrder, OrderId};
use phoenix_core::units::{Side, Span, Wall};

/// Self-trade prevention of every order.
pub const STP_MODE: &str = "EXPIRE_MAKER";

/// How long a signed request stays valid at the exchange.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Validity {
    /// Exchange time at which it is signed.
    pub timestamp: Wall,
    /// `recvWindow`: a request that arrives later than this is refused, which keeps a delayed order from
    /// becoming a stale one. Whole milliseconds up to 60 s.
    pub window: Span,
}

/// Parameters of a new order (protocol §4.4).
pub fn new_order(contract: &Contract, ids: &ClientIds, order: &NewOrder, params: &mut Params) {
    let (tif, response) = match order.execute {
        Execute::PostOnly | Execute::PostOnlyReduce => ("GTX", "ACK"),
        Execute::TakeReduce => ("IOC", "RESULT"),
    };
    params.clear();
    params.text(ParamName::Symbol, &contract.instrument.name);
    params.text(ParamName::Side, side(order.side));
    params.text(ParamName::Type, "LIMIT");
    params.text(ParamName::TimeInForce, tif);
    params.decimal(ParamName::Quantity, contract.size, order.size.0);
    params.decimal(ParamName::Price, contract.price, order.price.0);
    if order.execute.is_reduce_only() {
        params.text(ParamName::ReduceOnly, "true");
    }
    params.text(ParamName::NewClientOrderId, &ids.encode(order.id));
    params.text(ParamName::NewOrderRespType, response);
    params.text(ParamName::SelfTradePreventionMode, STP_MODE);
}

/// Parameters of a change. `reduceOnly` is repeated for reduce-only orders, which exempts them from the
/// minimum notional (protocol §4.4).
pub fn amendment(contract: &Contract, ids: &ClientIds, change: &Amendment, params: &mut Params) {
    params.clear();
    params.text(ParamName::Symbol, &contract.instrument.name);
    params.text(ParamName::OrigClientOrderId, &ids.encode(change.id));
    params.text(ParamName::Side, side(change.side));
    params.decimal(ParamName::Quantity, contract.size, change.size.0);
    params.decimal(ParamName::Price, contract.price, change.price.0);
    if change.execute.is_reduce_only() {
        params.text(ParamName::ReduceOnly, "true");
    }
}

/// Parameters that name one order of ours: for cancel and query.
pub fn named_order(contract: &Contract, ids: &ClientIds, id: OrderId, params: &mut Params) {
    params.clear();
    params.text(ParamName::Symbol, &contract.instrument.name);
    params.text(ParamName::OrigClientOrderId, &ids.encode(id));
}

/// Parameters that name a symbol.
pub fn named_symbol(contract: &Contract, params: &mut Params) {
    params.clear();
    params.text(ParamName::Symbol, &contract.instrument.name);
}

/// Adds timestamp and window.
fn add_validity(validity: Validity, params: &mut Params) {
    params.number(ParamName::RecvWindow, validity.window.as_millis());
    params.number(ParamName::Timestamp, validity.timestamp.as_millis());
}

/// `BUY` or `SELL`.
#[must_use]
pub const fn side(side: Side) -> &'static str {
    match side {
        Side::Buy => "BUY",
        Side::Sell => "SELL",
    }
}

/// A quantity as text on its grid; for logs and tests.
#[must_use]
pub fn decimal_text(grid: Grid, units: i64) -> String {
    let mut out = Vec::new();
    grid.write(units, &mut out);
    String::from_utf8_lossy(&out).into_owned()
}
