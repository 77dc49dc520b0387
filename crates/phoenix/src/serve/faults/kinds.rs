//! Owns the list of fault kinds: the name of each, its parameters, what it does, which field failures of protocol §9 it plays, and how it is made of parts.

use super::super::hub::LineSet;
use super::super::refusal::Refusal;
use super::super::venue::Venue;
use super::ask::Ask;
use super::{
    Callers, Fault, FaultError, OrderEffect, OrderRule, Part, RequestEffect, RequestRule,
    SocketEffect, StreamEffect, StreamSet, Telling, Verb,
};

mod made;

use made::{
    answer, maintenance, on_requests, on_streams, once, pretend, refusal_of, refuse, reject,
    restart, text_of, wrong_route,
};

/// What a fault of a kind is made of: its parts, and what happens at its end.
type Made = Result<(Vec<Part>, Vec<Part>), FaultError>;

/// One kind of fault.
pub struct Kind {
    /// Its name.
    pub name: &'static str,
    /// Its parameters besides `seconds`, with their defaults.
    pub parameters: &'static str,
    /// What it does.
    pub what: &'static str,
    /// The field failures of protocol §9 that it plays.
    pub plays: &'static str,
    make: fn(&Ask, &Venue) -> Made,
}

impl Fault {
    /// The fault that is asked for; `told` is the question itself, a JSON object.
    ///
    /// # Errors
    /// When the kind is not known or a parameter makes no sense.
    pub fn of(ask: &Ask, told: &str, venue: &Venue) -> Result<Self, FaultError> {
        let kind = KINDS
            .iter()
            .find(|kind| kind.name == ask.kind)
            .ok_or_else(|| FaultError::UnknownKind(ask.kind.clone()))?;
        let (parts, at_end) = (kind.make)(ask, venue)?;
        let lasts_us = match (ask.lasts_us()?, at_end.is_empty()) {
            // A notice without a time would never be followed by the close.
            (None, false) if kind.name == "server-shutdown" => Some(1_000_000),
            (given, _) => given,
        };
        Ok(Self {
            kind: kind.name,
            told: told.to_owned(),
            lasts_us,
            parts,
            at_end,
        })
    }
}

const fn kind(
    name: &'static str,
    parameters: &'static str,
    what: &'static str,
    plays: &'static str,
    make: fn(&Ask, &Venue) -> Made,
) -> Kind {
    Kind {
        name,
        parameters,
        what,
        plays,
        make,
    }
}

/// All kinds.
pub const KINDS: &[Kind] = &[
    kind(
        "mute",
        "streams=all, symbol, account",
        "nothing is delivered, the socket stays open",
        "F2 F6 F12 F31",
        |ask, venue| on_streams(ask, venue, StreamSet::All, StreamEffect::Mute),
    ),
    kind(
        "lose",
        "streams=depth, symbol, account, times=1",
        "the next messages are lost: a gap in the sequence",
        "F12 F13",
        |ask, venue| {
            let count = ask.times.unwrap_or(1).max(1);
            on_streams(ask, venue, StreamSet::Depth, StreamEffect::Lose(count))
        },
    ),
    kind(
        "delay",
        "streams=all, symbol, account, ms=5000",
        "messages come late and their event times are old",
        "F10 F11",
        |ask, venue| {
            let by = ask.delay(5_000)?;
            on_streams(ask, venue, StreamSet::All, StreamEffect::Delay(by))
        },
    ),
    kind(
        "trickle",
        "streams=market-data, symbol, account, ms=1000",
        "one message of each stream per so many ms, in order, ever older; the rest comes when it ends",
        "F13 F24",
        |ask, venue| {
            let every = ask.delay(1_000)?;
            on_streams(
                ask,
                venue,
                StreamSet::MarketData,
                StreamEffect::Trickle(every),
            )
        },
    ),
    kind(
        "duplicate",
        "streams=all, symbol, account",
        "each message comes twice",
        "F11",
        |ask, venue| on_streams(ask, venue, StreamSet::All, StreamEffect::Duplicate),
    ),
    kind(
        "swap",
        "streams=all, symbol, account",
        "every two messages change places",
        "F11 F13",
        |ask, venue| on_streams(ask, venue, StreamSet::All, StreamEffect::Swap),
    ),
    kind(
        "garble",
        "streams=all, symbol, account",
        "messages are cut in the middle: no JSON",
        "F33",
        |ask, venue| on_streams(ask, venue, StreamSet::All, StreamEffect::Garble),
    ),
    kind(
        "novel",
        "streams=all, symbol, account",
        "each message has an unknown field and is followed by an unknown event",
        "unknown fields and events",
        |ask, venue| on_streams(ask, venue, StreamSet::All, StreamEffect::Novel),
    ),
    kind(
        "hollow",
        "symbol",
        "depth events keep their ids and lose their levels: the chain is whole, the book drifts",
        "F15",
        |ask, venue| on_streams(ask, venue, StreamSet::Depth, StreamEffect::Hollow),
    ),
    kind(
        "freeze-book",
        "symbol",
        "depth and book ticker go on with new ids and times and never move; trades and REST are right",
        "F15 F24",
        |ask, venue| on_streams(ask, venue, StreamSet::Book, StreamEffect::Freeze),
    ),
    kind(
        "wrong-route",
        "streams=public (or market, user)",
        "the route's sockets are cut; new ones connect, acknowledge subscriptions, and stay silent",
        "F1 F2 F6",
        wrong_route,
    ),
    kind(
        "half-open",
        "sockets=all",
        "sockets open now neither read nor write any more and stay connected; cut when it ends",
        "F18 F19",
        |ask, _| {
            let sockets = ask.sockets()?;
            Ok((
                vec![Part::Sockets(sockets, SocketEffect::Freeze)],
                vec![Part::Sockets(sockets, SocketEffect::CutFrozen)],
            ))
        },
    ),
    kind(
        "close",
        "sockets=all",
        "a close frame, once",
        "F6 F16 F18",
        |ask, _| once(Part::Sockets(ask.sockets()?, SocketEffect::Close)),
    ),
    kind(
        "cut",
        "sockets=all",
        "the transport ends without a close frame, once",
        "F7 F17",
        |ask, _| once(Part::Sockets(ask.sockets()?, SocketEffect::Cut)),
    ),
    kind(
        "refuse",
        "sockets=all (REST too) | rest | streams …, mode=drop|hang",
        "new connections are closed at once, or accepted and never answered; open sockets stay",
        "F19 F20",
        refuse,
    ),
    kind(
        "server-shutdown",
        "sockets=streams",
        "the serverShutdown event, and a close frame when it ends (1 s)",
        "server `serverShutdown` then close",
        |ask, _| {
            let sockets = match ask.sockets {
                None => LineSet::Streams,
                Some(_) => ask.sockets()?,
            };
            Ok((
                vec![Part::ShutdownNotice(sockets)],
                vec![Part::Sockets(sockets, SocketEffect::Close)],
            ))
        },
    ),
    kind(
        "answer",
        "requests=orders | method, path; status=503, code=-1007, msg, retry_after, body, carried_out=false, times, account",
        "requests are answered with this; with `body` exactly that text; carried out first when said so",
        "F4 F5 F8 F9 F10 F21 F29 F32 F33",
        answer,
    ),
    kind(
        "late",
        "requests=orders | method, path; ms=3000, status=503, code=-1007, times, account",
        "requests are answered with this and carried out so much later",
        "F9",
        |ask, _| {
            let after = ask.delay(3_000)?;
            let refusal = refusal_of(ask, 503, -1007)?;
            on_requests(ask, "orders", RequestEffect::CarryOutLate(refusal, after))
        },
    ),
    kind(
        "cut-answer",
        "requests=orders | method, path; carried_out=true, times, account",
        "the connection ends without an answer",
        "F7 F8",
        |ask, _| {
            let effect = match ask.carried_out.unwrap_or(true) {
                true => RequestEffect::CarryOutThenCut,
                false => RequestEffect::Cut,
            };
            on_requests(ask, "orders", effect)
        },
    ),
    kind(
        "hold",
        "requests=all | method, path; ms=10000, times, account",
        "requests wait before they are carried out; not carried out when the client has gone",
        "F10 F22 F33",
        |ask, _| on_requests(ask, "all", RequestEffect::Hold(ask.delay(10_000)?)),
    ),
    kind(
        "hold-answer",
        "requests=all | method, path; ms=10000, times, account",
        "requests are carried out at once and answered late",
        "F8 F10 F22",
        |ask, _| on_requests(ask, "all", RequestEffect::HoldAnswer(ask.delay(10_000)?)),
    ),
    kind(
        "rate-limit-429",
        "requests=all | method, path; retry_after=5, times, account",
        "429 with −1003 and Retry-After",
        "F21 F30",
        |ask, _| {
            let refusal = Refusal {
                retry_after_s: Some(ask.retry_after.unwrap_or(5)),
                ..refusal_of(ask, 429, -1003)?
            };
            on_requests(ask, "all", RequestEffect::Refuse(refusal))
        },
    ),
    kind(
        "ban-418",
        "retry_after=`seconds` or 10, account",
        "every request is answered 418 with −1003 and `banned until`",
        "F21",
        |ask, venue| {
            let seconds = ask.seconds.unwrap_or(10.0).clamp(1.0, 3_600.0).ceil();
            let retry_after_s = ask.retry_after.unwrap_or(seconds as u64);
            let wait_ms = i64::try_from(retry_after_s.saturating_mul(1_000)).unwrap_or(i64::MAX);
            let until_ms = venue
                .wire_ms(venue.exchange.now_us())
                .saturating_add(wait_ms);
            let text = format!(
                "Way too many requests; IP(127.0.0.1) banned until {until_ms}. Please use the websocket for live updates to avoid bans."
            );
            let refusal = Refusal {
                status: 418,
                retry_after_s: Some(retry_after_s),
                ..Refusal::composed(-1003, text)
            };
            on_requests(ask, "all", RequestEffect::Refuse(refusal))
        },
    ),
    kind(
        "clock",
        "ms (±)",
        "the exchange's clock, in answers, checks and event times, steps by so much, and back when it ends",
        "F22",
        |ask, _| once(Part::Clock(ask.offset_ms()?)),
    ),
    kind(
        "reject",
        "code=-5022, msg, status, verb=by the code, symbol, times, account",
        "single orders are refused, in batches too: −5022 storm, −2011 on a live order, −2019, −1008 (reduce-only passes) …",
        "F23 F26 F27 F28 F29 F30",
        reject,
    ),
    kind(
        "pretend",
        "verb=place | modify | cancel | cancel-all | cancels | countdown (all of them), symbol, times, account",
        "order requests are acknowledged and nothing is done",
        "F24",
        pretend,
    ),
    kind(
        "ack-no-event",
        "account",
        "orders are accepted and carried out; no order event comes on the user stream",
        "F2 F3 F12",
        |ask, venue| on_streams(ask, venue, StreamSet::OrderEvents, StreamEffect::Mute),
    ),
    kind(
        "keepalive-401",
        "times, account",
        "PUT listenKey fails with 401 −2014 while all else works",
        "F4 F5",
        |ask, _| {
            let refusal = Refusal::bad_key_format();
            on_requests(ask, "keepalive", RequestEffect::Refuse(refusal))
        },
    ),
    kind(
        "html",
        "requests=all | method, path; status=502, times, account",
        "requests are answered with an error page",
        "F9 F33",
        |ask, _| {
            let page = "<html><head><title>502 Bad Gateway</title></head><body>error</body></html>";
            let (status, body) = (ask.status_or(502)?, ask.body_or(page)?);
            on_requests(ask, "all", RequestEffect::Say(status, body))
        },
    ),
    kind(
        "revoke-key",
        "account",
        "every request that needs a key fails with 401 −2015",
        "F4",
        |ask, _| {
            let callers = match ask.callers() {
                Callers::All => Callers::Keyed,
                of @ (Callers::Keyed | Callers::Account(_)) => of,
            };
            once(Part::Request(RequestRule {
                places: Vec::new(),
                callers,
                effect: RequestEffect::Refuse(Refusal::unknown_key()),
                times: u32::MAX,
            }))
        },
    ),
    kind(
        "listen-key-expire",
        "event=true, account",
        "the listenKey ends, with `listenKeyExpired` or without a word, once",
        "F3 F5 F6",
        |ask, _| {
            let told = match ask.event.unwrap_or(true) {
                true => Telling::Event,
                false => Telling::Silence,
            };
            once(Part::EndListenKey {
                account: ask.account,
                told,
            })
        },
    ),
    kind(
        "dead-listen-key",
        "account",
        "POST listenKey answers with a key that nobody has: the socket opens and stays silent",
        "F6; handshake OK with wrong listenKey",
        |ask, _| {
            let key = "x".repeat(64);
            let body = format!("{{\"listenKey\":\"{key}\"}}");
            on_requests(ask, "listen-key", RequestEffect::Say(200, body))
        },
    ),
    kind(
        "restart",
        "",
        "every socket is cut, new connections are refused until it ends, listenKeys are forgotten; accounts and orders stay",
        "F16 F19 F20",
        |_, _| Ok((restart(), Vec::new())),
    ),
    kind(
        "maintenance",
        "",
        "all requests are answered 503 −1016, all streams are silent; the market goes on behind",
        "F9 F19",
        maintenance,
    ),
    kind(
        "symbol-settling",
        "symbol",
        "contractInfo and exchangeInfo say SETTLING, open orders are cancelled, new ones refused with −4108",
        "symbol → SETTLING",
        |ask, venue| {
            let symbol = ask.symbol(venue)?;
            Ok((
                vec![
                    Part::Settle(symbol),
                    Part::Order(OrderRule {
                        verbs: vec![Verb::Place, Verb::Modify],
                        account: None,
                        symbol: Some(symbol),
                        spares_reduce_only: false,
                        effect: OrderEffect::Refuse(Refusal::new(-4108, text_of(-4108))),
                        times: u32::MAX,
                    }),
                ],
                Vec::new(),
            ))
        },
    ),
    kind(
        "lie-position",
        "by (±), symbol, account=0",
        "account answers show this position on top of the true one",
        "F12 F32 F33",
        |ask, venue| {
            once(Part::Lie {
                account: ask.account_or_first(venue)?,
                symbol: ask.symbol(venue)?,
                by: ask.by()?,
            })
        },
    ),
    kind(
        "lie-open-orders",
        "times, account",
        "openOrders is answered with an empty list",
        "F24 F32",
        |ask, _| on_requests(ask, "open-orders", RequestEffect::Say(200, "[]".to_owned())),
    ),
];
