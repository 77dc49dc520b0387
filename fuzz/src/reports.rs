//! Owns reports and answers made from bytes: every value that a decoder can produce; knows nothing of who hears them.

use super::input::Input;
use phoenix_core::event::{ExchangeStatus, Execution, Fill, OrderReport, Outcome, Refusal, Why};
use phoenix_core::instrument::SymbolId;
use phoenix_core::order::Owner;
use phoenix_core::units::{E8, Lots, Quote, Side, Span, Ticks, Wall};

/// Largest size that a decoder lets through on a step of 0.001.
pub const LOTS_MAX: i64 = i64::MAX / 100_000;
/// Largest price that a decoder lets through on a tick of 0.01.
pub const TICKS_MAX: i64 = i64::MAX / 1_000_000;

const WHYS: [Why; 22] = [
    Why::NotSent,
    Why::WouldTake,
    Why::NoSuchOrder,
    Why::Duplicate,
    Why::OrderRate,
    Why::Weight,
    Why::Throttled,
    Why::Transient,
    Why::Clock,
    Why::Margin,
    Why::ReduceOnly,
    Why::TooManyOpen,
    Why::PriceBand,
    Why::Rejected,
    Why::NoChange,
    Why::AmendPending,
    Why::AmendImpossible,
    Why::ListenKey,
    Why::SymbolHalted,
    Why::ReduceOnlyMode,
    Why::Auth,
    Why::Account,
];
const STATUSES: [ExchangeStatus; 7] = [
    ExchangeStatus::New,
    ExchangeStatus::PartiallyFilled,
    ExchangeStatus::Filled,
    ExchangeStatus::Canceled,
    ExchangeStatus::Expired,
    ExchangeStatus::Rejected,
    ExchangeStatus::Unrecognised,
];
const EXECUTIONS: [Execution; 7] = [
    Execution::New,
    Execution::Trade,
    Execution::Canceled,
    Execution::Expired,
    Execution::Amended,
    Execution::Liquidation,
    Execution::Unrecognised,
];

/// A size, never negative.
pub fn size(input: &mut Input<'_>) -> Lots {
    Lots(input.number(LOTS_MAX).max(0))
}

/// A price, never negative; mostly near 2500.
pub fn price(input: &mut Input<'_>) -> Ticks {
    match input.byte() {
        0..=223 => Ticks(250_000 + input.small() * 4),
        224..=255 => Ticks(input.number(TICKS_MAX).max(0)),
    }
}

/// A side.
pub fn side(input: &mut Input<'_>) -> Side {
    input.pick(&Side::BOTH)
}

/// A refusal of any kind, with a wait that the table of codes can state.
pub fn refusal(input: &mut Input<'_>) -> Refusal {
    Refusal {
        why: input.pick(&WHYS),
        code: -1,
        retry_after: Span::from_millis(match input.byte() {
            0..=199 => 0,
            200..=249 => input.word(),
            250..=255 => 3 * 24 * 3_600_000,
        }),
    }
}

/// One of the three.
pub fn outcome<T>(input: &mut Input<'_>, accepted: impl FnOnce(&mut Input<'_>) -> T) -> Outcome<T> {
    match input.below(4) {
        0 => Outcome::Refused(refusal(input)),
        1 => Outcome::Unknown,
        _ => Outcome::Accepted(accepted(input)),
    }
}

/// Any report of an order.
pub fn report(input: &mut Input<'_>, symbol: SymbolId, owner: Owner) -> OrderReport {
    OrderReport {
        symbol,
        owner,
        exchange_id: input.small(),
        side: side(input),
        price: price(input),
        size: size(input),
        filled: size(input),
        status: input.pick(&STATUSES),
        reduce_only: input.byte() >= 192,
        time: Wall::from_millis(1_795_000_000_000 + input.small()),
    }
}

/// Why an event was sent.
pub fn execution(input: &mut Input<'_>) -> Execution {
    input.pick(&EXECUTIONS)
}

/// Any execution.
pub fn fill(input: &mut Input<'_>) -> Fill {
    Fill {
        trade_id: input.number(i64::MAX),
        price: price(input),
        size: Lots(input.number(LOTS_MAX).max(1)),
        fee: Quote(input.number(i64::MAX)),
        fee_other_e8: input.number(E8),
        realized: Quote(input.number(i64::MAX)),
        maker: input.is_even(),
    }
}
