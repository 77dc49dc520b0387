//! Owns how faults are made of parts; knows no name of a kind.

use super::super::super::hub::{Line, LineSet};
use super::super::super::refusal::Refusal;
use super::super::super::streams::Route;
use super::super::super::venue::Venue;
use super::super::active::GateSet;
use super::super::ask::{Ask, wrong};
use super::super::{
    FaultError, Gate, GateMode, OrderEffect, OrderRule, Part, RequestEffect, RequestRule,
    SocketEffect, StreamEffect, StreamRule, StreamSet, Telling, Verb,
};
use super::Made;

/// A fault of one part that ends without more.
pub fn once(part: Part) -> Made {
    Ok((vec![part], Vec::new()))
}

/// A rule on streams.
pub fn on_streams(ask: &Ask, venue: &Venue, default: StreamSet, effect: StreamEffect) -> Made {
    let symbol = ask.symbol_if_any(venue)?;
    let streams = match effect {
        // What is written otherwise is written otherwise for these alone.
        StreamEffect::Hollow | StreamEffect::Freeze => default,
        _ if ask.kind == "ack-no-event" => default,
        _ => ask.streams(default)?,
    };
    once(Part::Stream(StreamRule {
        streams,
        symbol,
        account: ask.account,
        effect,
    }))
}

/// A rule on requests; `default` is the group without a word.
pub fn on_requests(ask: &Ask, default: &str, effect: RequestEffect) -> Made {
    once(Part::Request(RequestRule {
        places: ask.places(default)?,
        callers: ask.callers(),
        effect,
        times: ask.times()?,
    }))
}

/// Silence on a route, for new sockets above all.
pub fn wrong_route(ask: &Ask, venue: &Venue) -> Made {
    let route = match ask.streams(StreamSet::Route(Route::Public))? {
        StreamSet::Route(route) => route,
        StreamSet::User => Route::Private,
        StreamSet::All
        | StreamSet::MarketData
        | StreamSet::Depth
        | StreamSet::BookTicker
        | StreamSet::Book
        | StreamSet::Trades
        | StreamSet::Marks
        | StreamSet::OrderEvents
        | StreamSet::UserKind(_) => return wrong("streams: public, market or user"),
    };
    let rule = StreamRule {
        streams: StreamSet::Route(route),
        symbol: ask.symbol_if_any(venue)?,
        account: ask.account,
        effect: StreamEffect::Mute,
    };
    let sockets = LineSet::One(Line::Streams(route));
    Ok((
        vec![
            Part::Stream(rule),
            Part::Sockets(sockets, SocketEffect::Cut),
        ],
        Vec::new(),
    ))
}

/// A gate.
pub fn refuse(ask: &Ask, _: &Venue) -> Made {
    let lines = match ask.sockets.as_deref() {
        None | Some("all") => GateSet::Everything,
        Some("rest") => GateSet::Rest,
        Some(_) => GateSet::Sockets(ask.sockets()?),
    };
    once(Part::Gate(Gate {
        lines,
        mode: ask.gate_mode()?,
    }))
}

/// An answer of one's own.
pub fn answer(ask: &Ask, _: &Venue) -> Made {
    let status = ask.status_or(503)?;
    if ask.body.is_some() || status < 400 {
        if ask.carried_out == Some(true) {
            return wrong("carried_out: not together with a body or a status below 400");
        }
        let effect = RequestEffect::Say(status, ask.body_or("{}")?);
        return on_requests(ask, "orders", effect);
    }
    let refusal = Refusal {
        retry_after_s: ask.retry_after,
        ..refusal_of(ask, 503, -1007)?
    };
    let effect = match ask.carried_out.unwrap_or(false) {
        true => RequestEffect::CarryOutThen(refusal),
        false => RequestEffect::Refuse(refusal),
    };
    on_requests(ask, "orders", effect)
}

/// Single orders refused.
pub fn reject(ask: &Ask, venue: &Venue) -> Made {
    let code = ask.code.unwrap_or(-5022);
    let default: &[Verb] = match code {
        -2011 => &[Verb::Cancel],
        -5027 | -5043 => &[Verb::Modify],
        _ => &[Verb::Place],
    };
    let status = if code == -1008 { 503 } else { 400 };
    once(Part::Order(OrderRule {
        verbs: ask.verbs(default)?,
        account: ask.account,
        symbol: ask.symbol_if_any(venue)?,
        spares_reduce_only: code == -1008,
        effect: OrderEffect::Refuse(refusal_of(ask, status, code)?),
        times: ask.times()?,
    }))
}

/// Single orders acknowledged only.
pub fn pretend(ask: &Ask, venue: &Venue) -> Made {
    let every = [
        Verb::Place,
        Verb::Modify,
        Verb::Cancel,
        Verb::CancelAll,
        Verb::Countdown,
    ];
    once(Part::Order(OrderRule {
        verbs: ask.verbs(&every)?,
        account: ask.account,
        symbol: ask.symbol_if_any(venue)?,
        spares_reduce_only: false,
        effect: OrderEffect::Pretend,
        times: ask.times()?,
    }))
}

/// Sockets cut, gate closed, listenKeys forgotten.
pub fn restart() -> Vec<Part> {
    vec![
        Part::Gate(Gate {
            lines: GateSet::Everything,
            mode: GateMode::Drop,
        }),
        Part::EndListenKey {
            account: None,
            told: Telling::Silence,
        },
        Part::Sockets(LineSet::All, SocketEffect::Cut),
    ]
}

/// Everything refused, all streams silent.
pub fn maintenance(ask: &Ask, _: &Venue) -> Made {
    let refusal = Refusal::with_status(503, -1016, text_of(-1016));
    Ok((
        vec![
            Part::Stream(StreamRule {
                streams: StreamSet::All,
                symbol: None,
                account: ask.account,
                effect: StreamEffect::Mute,
            }),
            Part::Request(RequestRule {
                places: Vec::new(),
                callers: ask.callers(),
                effect: RequestEffect::Refuse(refusal),
                times: u32::MAX,
            }),
        ],
        Vec::new(),
    ))
}

/// The refusal that is asked for, with the venue's text for its code.
pub fn refusal_of(ask: &Ask, status: u16, code: i32) -> Result<Refusal, FaultError> {
    let status = ask.status_or(status)?;
    let code = ask.code.unwrap_or(code);
    let text = match &ask.msg {
        Some(text) => text.clone(),
        None => text_of(code).to_owned(),
    };
    Ok(Refusal {
        status,
        ..Refusal::composed(code, text)
    })
}

/// The venue's texts (protocol §7).
pub const fn text_of(code: i32) -> &'static str {
    match code {
        -1003 => "Too many requests; current limit is 2400 requests per minute.",
        -1006 => {
            "An unexpected response was received from the message bus. Execution status unknown."
        }
        -1007 => {
            "Timeout waiting for response from backend server. Send status unknown; execution status unknown."
        }
        -1008 => {
            "Request throttled by system-level protection. Reduce-only/close-position orders are exempt. Please try again."
        }
        -1015 => "Too many new orders; current limit is 300 orders per TEN_SECONDS.",
        -1016 => "This service is no longer available.",
        -1021 => "Timestamp for this request is outside of the recvWindow.",
        -2011 => "Unknown order sent.",
        -2013 => "Order does not exist.",
        -2014 => "API-key format invalid.",
        -2015 => "Invalid API-key, IP, or permissions for action, request ip: 127.0.0.1",
        -2018 => "Balance is insufficient.",
        -2019 => "Margin is insufficient.",
        -2022 => "ReduceOnly Order is rejected.",
        -4108 => "This contract is on delivering or delivered or settling or closed or pre-trading",
        -4116 => "ClientOrderId is duplicated.",
        -4400 => {
            "Futures Trading Quantitative Rules violated, only reduceOnly order is allowed, please try again later."
        }
        -5022 => {
            "Due to the order could not be executed as maker, the Post Only order will be rejected."
        }
        -5027 => "No need to modify the order.",
        _ => "An unknown error occurred while processing the request.",
    }
}
