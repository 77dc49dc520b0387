//! Owns the bytes of everything that is said to the engine; what an event borrows is read into lists that the reader
//! keeps and fills anew.

use super::{Bad, Code, Input, Sink, market};
use phoenix_core::event::{
    Account, AccountUpdate, BookTicker, Config, Event, FundingPage, FundingPayment, Level,
    OrderReport, Outcome, PositionReport, Reply, TradeReport,
};
use phoenix_core::instrument::{Instrument, SymbolId};
use phoenix_core::order::OrderId;
use phoenix_core::params::SymbolParams;
use phoenix_core::units::Mono;

/// What the last event that was read borrows.
#[derive(Debug, Default)]
pub struct Lists {
    levels: Vec<Level>,
    orders: Vec<OrderReport>,
    positions: Vec<PositionReport>,
    trades: Vec<TradeReport>,
    payments: Vec<FundingPayment>,
    touches: Vec<(SymbolId, BookTicker)>,
    contract: Option<(Instrument, SymbolParams)>,
    params: Option<SymbolParams>,
}

/// Appends an event.
pub fn encode(event: &Event<'_>, out: &mut Sink) {
    match event {
        Event::Wakeup => out.byte(0),
        Event::Market(symbol, said) => {
            out.byte(1);
            symbol.encode(out);
            market::encode(*symbol, said, out);
        }
        Event::Account(account) => {
            out.byte(2);
            encode_account(account, out);
        }
        Event::Reply(reply) => {
            out.byte(3);
            encode_reply(reply, out);
        }
        Event::Link(link, state) => {
            out.byte(4);
            link.encode(out);
            state.encode(out);
        }
        Event::Operator(operator) => {
            out.byte(5);
            operator.encode(out);
        }
        Event::Config(config) => {
            out.byte(6);
            encode_config(config, out);
        }
    }
}

/// Reads an event; what it borrows is in `lists`.
///
/// # Errors
/// [`Bad`]
pub fn decode<'a>(input: &mut Input<'_>, lists: &'a mut Lists) -> Result<Event<'a>, Bad> {
    Ok(match input.byte()? {
        0 => Event::Wakeup,
        1 => {
            let symbol = SymbolId::decode(input)?;
            Event::Market(symbol, market::decode(symbol, input, &mut lists.levels)?)
        }
        2 => Event::Account(decode_account(input, lists)?),
        3 => Event::Reply(decode_reply(input, lists)?),
        4 => Event::Link(Code::decode(input)?, Code::decode(input)?),
        5 => Event::Operator(Code::decode(input)?),
        6 => Event::Config(decode_config(input, lists)?),
        _ => return Err(Bad),
    })
}

// ------------------------------------------------------------------ account

fn encode_account(account: &Account<'_>, out: &mut Sink) {
    match account {
        Account::Order(update) => {
            out.byte(0);
            update.encode(out);
        }
        Account::Lite(lite) => {
            out.byte(1);
            lite.encode(out);
        }
        Account::Update(update) => {
            out.byte(2);
            encode_update(update, out);
        }
        Account::ListenKeyExpired => out.byte(3),
        Account::MarginCall => out.byte(4),
        Account::Malformed(why) => {
            out.byte(5);
            why.encode(out);
        }
    }
}

fn decode_account<'a>(input: &mut Input<'_>, lists: &'a mut Lists) -> Result<Account<'a>, Bad> {
    Ok(match input.byte()? {
        0 => Account::Order(Code::decode(input)?),
        1 => Account::Lite(Code::decode(input)?),
        2 => Account::Update(decode_update(input, &mut lists.positions)?),
        3 => Account::ListenKeyExpired,
        4 => Account::MarginCall,
        5 => Account::Malformed(Code::decode(input)?),
        _ => return Err(Bad),
    })
}

fn encode_update(update: &AccountUpdate<'_>, out: &mut Sink) {
    let AccountUpdate {
        reason,
        symbol,
        balance,
        positions,
        time,
    } = update;
    reason.encode(out);
    symbol.encode(out);
    balance.encode(out);
    out.list(positions);
    time.encode(out);
}

fn decode_update<'a>(
    input: &mut Input<'_>,
    positions: &'a mut Vec<PositionReport>,
) -> Result<AccountUpdate<'a>, Bad> {
    Ok(AccountUpdate {
        reason: Code::decode(input)?,
        symbol: Code::decode(input)?,
        balance: Code::decode(input)?,
        positions: input.list(positions)?,
        time: Code::decode(input)?,
    })
}

// ------------------------------------------------------------------ replies

fn encode_outcome<T>(outcome: &Outcome<T>, out: &mut Sink, accepted: impl Fn(&T, &mut Sink)) {
    match outcome {
        Outcome::Accepted(value) => {
            out.byte(0);
            accepted(value, out);
        }
        Outcome::Refused(refusal) => {
            out.byte(1);
            refusal.encode(out);
        }
        Outcome::Unknown => out.byte(2),
    }
}

fn decode_outcome<T>(
    input: &mut Input<'_>,
    accepted: impl FnOnce(&mut Input<'_>) -> Result<T, Bad>,
) -> Result<Outcome<T>, Bad> {
    Ok(match input.byte()? {
        0 => Outcome::Accepted(accepted(input)?),
        1 => Outcome::Refused(Code::decode(input)?),
        2 => Outcome::Unknown,
        _ => return Err(Bad),
    })
}

impl<T: Code> Code for Outcome<T> {
    fn encode(&self, out: &mut Sink) {
        encode_outcome(self, out, T::encode);
    }
    fn decode(input: &mut Input<'_>) -> Result<Self, Bad> {
        decode_outcome(input, T::decode)
    }
}

/// The tag, and what stands before the outcome of an answer that says when it was asked for.
fn begin(out: &mut Sink, tag: u8, symbol: Option<SymbolId>, requested_at: Mono) {
    out.byte(tag);
    if let Some(symbol) = symbol {
        symbol.encode(out);
    }
    requested_at.encode(out);
}

fn encode_order_reply(
    out: &mut Sink,
    tag: u8,
    symbol: SymbolId,
    id: OrderId,
    outcome: &Outcome<OrderReport>,
) {
    out.byte(tag);
    symbol.encode(out);
    id.encode(out);
    outcome.encode(out);
}

fn encode_reply(reply: &Reply<'_>, out: &mut Sink) {
    match reply {
        Reply::Place(symbol, id, outcome) => encode_order_reply(out, 0, *symbol, *id, outcome),
        Reply::Amend(symbol, id, outcome) => encode_order_reply(out, 1, *symbol, *id, outcome),
        Reply::Cancel(symbol, id, outcome) => encode_order_reply(out, 2, *symbol, *id, outcome),
        Reply::CancelAll(symbol, outcome) => {
            out.byte(3);
            symbol.encode(out);
            outcome.encode(out);
        }
        Reply::Query(symbol, id, outcome) => encode_order_reply(out, 4, *symbol, *id, outcome),
        Reply::Probe {
            symbol,
            requested_at,
            outcome,
        } => {
            begin(out, 9, Some(*symbol), *requested_at);
            outcome.encode(out);
        }
        Reply::DeadMan {
            symbol,
            requested_at,
            outcome,
        } => {
            begin(out, 11, Some(*symbol), *requested_at);
            outcome.encode(out);
        }
        Reply::Weight(used) => {
            out.byte(12);
            used.encode(out);
        }
        Reply::OrderCounts(counts) => {
            out.byte(13);
            counts.encode(out);
        }
        Reply::OpenOrders { .. }
        | Reply::Account { .. }
        | Reply::Trades { .. }
        | Reply::Funding { .. }
        | Reply::ProbeAll { .. } => encode_listed(reply, out),
    }
}

/// Those that carry a list.
fn encode_listed(reply: &Reply<'_>, out: &mut Sink) {
    match reply {
        Reply::OpenOrders {
            symbol,
            requested_at,
            outcome,
        } => {
            begin(out, 5, Some(*symbol), *requested_at);
            encode_outcome(outcome, out, |orders, out| out.list(orders));
        }
        Reply::Account {
            requested_at,
            outcome,
        } => {
            begin(out, 6, None, *requested_at);
            encode_outcome(outcome, out, encode_update);
        }
        Reply::Trades {
            symbol,
            requested_at,
            outcome,
        } => {
            begin(out, 7, Some(*symbol), *requested_at);
            encode_outcome(outcome, out, |trades, out| out.list(trades));
        }
        Reply::Funding {
            requested_at,
            outcome,
        } => {
            begin(out, 8, None, *requested_at);
            encode_outcome(outcome, out, encode_page);
        }
        Reply::ProbeAll {
            requested_at,
            outcome,
        } => {
            begin(out, 10, None, *requested_at);
            encode_outcome(outcome, out, |touches, out| out.list(touches));
        }
        Reply::Place(..)
        | Reply::Amend(..)
        | Reply::Cancel(..)
        | Reply::CancelAll(..)
        | Reply::Query(..)
        | Reply::Probe { .. }
        | Reply::DeadMan { .. }
        | Reply::Weight(_)
        | Reply::OrderCounts(_) => unreachable!("written by the caller"),
    }
}

fn decode_reply<'a>(input: &mut Input<'_>, lists: &'a mut Lists) -> Result<Reply<'a>, Bad> {
    let tag = input.byte()?;
    let symbol = match tag {
        0..=5 | 7 | 9 | 11 => SymbolId::decode(input)?,
        _ => SymbolId(0),
    };
    if tag < 5 {
        return decode_order_reply(input, tag, symbol);
    }
    if tag > 11 {
        return Ok(match tag {
            12 => Reply::Weight(Code::decode(input)?),
            13 => Reply::OrderCounts(Code::decode(input)?),
            _ => return Err(Bad),
        });
    }
    let requested_at = Code::decode(input)?;
    Ok(match tag {
        5 => Reply::OpenOrders {
            symbol,
            requested_at,
            outcome: decode_outcome(input, |input| input.list(&mut lists.orders))?,
        },
        6 => Reply::Account {
            requested_at,
            outcome: decode_outcome(input, |input| decode_update(input, &mut lists.positions))?,
        },
        7 => Reply::Trades {
            symbol,
            requested_at,
            outcome: decode_outcome(input, |input| input.list(&mut lists.trades))?,
        },
        8 => Reply::Funding {
            requested_at,
            outcome: decode_outcome(input, |input| decode_page(input, &mut lists.payments))?,
        },
        9 => Reply::Probe {
            symbol,
            requested_at,
            outcome: Code::decode(input)?,
        },
        10 => Reply::ProbeAll {
            requested_at,
            outcome: decode_outcome(input, |input| input.list(&mut lists.touches))?,
        },
        _ => Reply::DeadMan {
            symbol,
            requested_at,
            outcome: Code::decode(input)?,
        },
    })
}

fn decode_order_reply<'a>(
    input: &mut Input<'_>,
    tag: u8,
    symbol: SymbolId,
) -> Result<Reply<'a>, Bad> {
    if tag == 3 {
        return Ok(Reply::CancelAll(symbol, Code::decode(input)?));
    }
    let (id, outcome) = (Code::decode(input)?, Code::decode(input)?);
    Ok(match tag {
        0 => Reply::Place(symbol, id, outcome),
        1 => Reply::Amend(symbol, id, outcome),
        2 => Reply::Cancel(symbol, id, outcome),
        4 => Reply::Query(symbol, id, outcome),
        _ => return Err(Bad),
    })
}

fn encode_page(page: &FundingPage<'_>, out: &mut Sink) {
    let FundingPage {
        payments,
        asked,
        next,
    } = page;
    out.list(payments);
    asked.encode(out);
    next.encode(out);
}

fn decode_page<'a>(
    input: &mut Input<'_>,
    payments: &'a mut Vec<FundingPayment>,
) -> Result<FundingPage<'a>, Bad> {
    Ok(FundingPage {
        payments: input.list(payments)?,
        asked: Code::decode(input)?,
        next: Code::decode(input)?,
    })
}

// ------------------------------------------------------------------ configuration

fn encode_config(config: &Config<'_>, out: &mut Sink) {
    match config {
        Config::Add(symbol, instrument, params, resume) => {
            out.byte(0);
            symbol.encode(out);
            instrument.encode(out);
            params.encode(out);
            resume.encode(out);
        }
        Config::Change(symbol, params) => {
            out.byte(1);
            symbol.encode(out);
            params.encode(out);
        }
        Config::Remove(symbol) => {
            out.byte(2);
            symbol.encode(out);
        }
        Config::Account(params) => {
            out.byte(3);
            params.encode(out);
        }
    }
}

fn decode_config<'a>(input: &mut Input<'_>, lists: &'a mut Lists) -> Result<Config<'a>, Bad> {
    Ok(match input.byte()? {
        0 => {
            let symbol = Code::decode(input)?;
            let contract = (Code::decode(input)?, Code::decode(input)?);
            let (instrument, params) = &*lists.contract.insert(contract);
            Config::Add(symbol, instrument, params, Code::decode(input)?)
        }
        1 => {
            let symbol = Code::decode(input)?;
            Config::Change(symbol, lists.params.insert(Code::decode(input)?))
        }
        2 => Config::Remove(Code::decode(input)?),
        3 => Config::Account(Code::decode(input)?),
        _ => return Err(Bad),
    })
}
