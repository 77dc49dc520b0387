//! Owns the exchange of a simulation with everything that goes wrong at it: what it sends and does not send, what it carries out and
//! what it only says. The exchange itself keeps its rules; what is bent is bent here.

mod rules;
mod streams;

use super::bridge::Bridge;
use super::fault::Fault;
use super::message::Message;
use super::request::{Answer, Fate, Request, answered, unknown};
use crate::binance::client_id::ClientIds;
use crate::binance::codes::RequestKind;
use crate::live::wire::OwnedReply;
use phoenix_core::action::Action;
use phoenix_core::event::{BookTicker, ExchangeStatus, OrderReport, Outcome};
use phoenix_core::instrument::SymbolId;
use phoenix_core::order::Owner;
use phoenix_core::units::{Lots, Mono, Span, Wall};
use phoenix_exchange::Exchange;
use phoenix_exchange::api::{self, AccountId, ApiError, IpKey, OrderRef};
use phoenix_exchange::prng::Prng;

/// The address of the process.
pub const IP: IpKey = IpKey(1);
/// Rows of a list of trades or payments (protocol §4.5).
const ROWS_MAX: usize = 1_000;
/// What the exchange takes for a valid time stamp (protocol §5.3).
const AHEAD_MAX: Span = Span::from_secs(1);
const RECV_WINDOW: Span = Span::from_secs(5);

/// The exchange and its misdeeds.
pub struct Venue {
    /// The rules.
    pub exchange: Exchange,
    /// Whose account is traded.
    pub account: AccountId,
    start_us: u64,
    bridges: Vec<Bridge>,
    active: Vec<Fault>,
    prng: Prng,
    /// By turns, for [`Fault::Unknown503`].
    turn: bool,
    /// A message that waits for its successor ([`Fault::Swap`]).
    held: Option<Message>,
    frozen: Vec<Option<BookTicker>>,
    scratch: Vec<phoenix_exchange::Event>,
}

impl Venue {
    /// An exchange, what translates for each symbol, and the chance of its misdeeds.
    #[must_use]
    pub fn new(
        (exchange, account): (Exchange, AccountId),
        ids: ClientIds,
        start_us: u64,
        prng: Prng,
    ) -> Self {
        let bridges: Vec<_> = exchange
            .symbols()
            .map(|(id, spec)| Bridge::new(SymbolId(id.0), spec, ids))
            .collect();
        Self {
            frozen: vec![None; bridges.len()],
            exchange,
            account,
            start_us,
            bridges,
            active: Vec::new(),
            prng,
            turn: false,
            held: None,
            scratch: Vec::new(),
        }
    }

    /// The exchange's clock at a simulated instant, µs.
    #[must_use]
    pub fn us(&self, at: Mono) -> u64 {
        self.start_us + u64::try_from(at.raw() / 1_000).unwrap_or(0)
    }

    /// The simulated instant of a reading of the exchange's clock.
    #[must_use]
    pub fn instant(&self, us: u64) -> Mono {
        let since = us.saturating_sub(self.start_us);
        Mono(i64::try_from(since).unwrap_or(i64::MAX / 1_000) * 1_000)
    }

    /// The exchange's time at a simulated instant.
    #[must_use]
    pub fn wall(&self, at: Mono) -> Wall {
        Wall(i64::try_from(self.start_us).unwrap_or(0) * 1_000 + at.raw())
    }

    /// When the exchange acts next by itself.
    #[must_use]
    pub fn next_due(&self) -> Option<Mono> {
        self.exchange.next_due_us().map(|us| self.instant(us))
    }

    /// Whether a symbol's book has anything to quote between.
    #[must_use]
    pub fn has_two_sides(&self, symbol: SymbolId) -> bool {
        let seen = self.exchange.book_ticker(api::SymbolId(symbol.0));
        seen.bid.1 > 0 && seen.ask.1 > 0
    }

    /// What translates for a symbol.
    #[must_use]
    pub fn bridge(&self, symbol: SymbolId) -> Option<&Bridge> {
        self.bridges.get(usize::from(symbol.0))
    }

    /// Takes over which faults are on.
    pub fn on_faults(&mut self, active: Vec<Fault>) {
        if active.contains(&Fault::FreezeBook) != self.active.contains(&Fault::FreezeBook) {
            self.frozen.fill(None);
        }
        self.active = active;
    }

    /// Whether a fault of this kind is on.
    pub fn suffers(&self, is_it: impl Fn(&Fault) -> bool) -> bool {
        self.active.iter().any(is_it)
    }

    /// Nothing comes in or goes out.
    #[must_use]
    pub fn is_cut_off(&self) -> bool {
        self.suffers(|f| matches!(f, Fault::Cut | Fault::Restart))
    }

    /// No connection can be made.
    #[must_use]
    pub fn refuses_connections(&self) -> bool {
        self.is_cut_off() || self.suffers(|f| matches!(f, Fault::Refuse))
    }

    /// Decides what becomes of a request that arrives at `now` with this time stamp.
    pub fn take(&mut self, request: &Request, now: Mono, stamp: Wall) -> Fate {
        if self.is_cut_off() {
            return Fate::Silence;
        }
        self.exchange.advance(self.us(now));
        let mut hold = Span::ZERO;
        for fault in self.active.clone() {
            let one_in = |prng: &mut Prng, n: u32| prng.chance(1, u64::from(n.max(1)));
            match fault {
                Fault::RateLimit { retry_after_s } => {
                    return self.limited(request, now, 429, retry_after_s);
                }
                Fault::Ban { retry_after_s } => {
                    return self.limited(request, now, 418, retry_after_s);
                }
                Fault::LoseRequest {
                    requests,
                    one_in: n,
                } if request.is_among(requests) && one_in(&mut self.prng, n) => {
                    return Fate::Silence;
                }
                Fault::Answer {
                    requests,
                    code,
                    one_in: n,
                } if request.is_among(requests) && one_in(&mut self.prng, n) => {
                    return Fate::Answered(self.refused_with(request, code, now), Span::ZERO);
                }
                Fault::Pretend { requests } if request.is_among(requests) => {
                    if let Some(answer) = self.pretended(request, now) {
                        return Fate::Answered(answer, hold);
                    }
                }
                Fault::Unknown503 if request.kind().changes_state() => {
                    self.turn = !self.turn;
                    if self.turn {
                        let _lost = self.carry_out(request, now, stamp);
                    }
                    return Fate::Answered(unknown(request, now), hold);
                }
                Fault::CarryOutLate { requests, ms }
                    if request.is_among(requests) && request.kind().changes_state() =>
                {
                    return Fate::Later(unknown(request, now), Span::from_millis(ms.into()));
                }
                Fault::LoseAnswer {
                    requests,
                    one_in: n,
                } if request.is_among(requests) && one_in(&mut self.prng, n) => {
                    let _lost = self.carry_out(request, now, stamp);
                    return Fate::Silence;
                }
                Fault::HoldAnswer { requests, ms } if request.is_among(requests) => {
                    hold = Span::from_millis(ms.into());
                }
                _ => {}
            }
        }
        Fate::Answered(self.carry_out(request, now, stamp), hold)
    }

    fn limited(&mut self, request: &Request, now: Mono, status: u16, after_s: u32) -> Fate {
        let until = self.wall(now).as_millis() + i64::from(after_s) * 1_000;
        let error = ApiError {
            retry_after_s: Some(after_s.into()),
            http_status: status,
            ..ApiError::ip_banned(until, after_s.into())
        };
        Fate::Answered(self.refusal(request, &error, now), Span::ZERO)
    }

    fn refused_with(&self, request: &Request, code: i32, now: Mono) -> Answer {
        let error = ApiError {
            http_status: match code {
                -1003 | -1015 => 429,
                -1008 | -1001 => 503,
                _ => 400,
            },
            code: code.into(),
            msg: match code {
                -1001 => "Internal error; unable to process your request. Please try again.".into(),
                _ => String::new(),
            },
            retry_after_s: None,
        };
        self.refusal(request, &error, now)
    }

    /// An acknowledgement of what is not done; `None` where there is none to give.
    fn pretended(&self, request: &Request, now: Mono) -> Option<Answer> {
        let Request::Engine(action) = request else {
            return None;
        };
        Some(match action {
            Action::CancelAll(symbol) => {
                Answer::Other(OwnedReply::CancelAll(*symbol, Outcome::Accepted(())))
            }
            Action::ArmDeadMan(symbol, span) => {
                Answer::Other(OwnedReply::DeadMan(*symbol, now, Outcome::Accepted(*span)))
            }
            Action::Cancel(symbol, id) => {
                let bridge = self.bridge(*symbol)?;
                let named = bridge.named(*id);
                let view = self.order_view(*symbol, named)?;
                let mut report = bridge.report(&view);
                report.status = ExchangeStatus::Canceled;
                answered(RequestKind::Cancel, *symbol, *id, Outcome::Accepted(report))
            }
            Action::Place(order) => {
                let order = order.inner();
                let report = OrderReport {
                    symbol: order.symbol,
                    owner: Owner::Ours(order.id),
                    exchange_id: 1,
                    side: order.side,
                    price: order.price,
                    size: order.size,
                    filled: Lots::ZERO,
                    status: ExchangeStatus::New,
                    reduce_only: order.execute.is_reduce_only(),
                    time: self.wall(now),
                };
                answered(
                    RequestKind::Place,
                    order.symbol,
                    order.id,
                    Outcome::Accepted(report),
                )
            }
            _ => return None,
        })
    }

    fn order_view(&self, symbol: SymbolId, named: OrderRef) -> Option<api::OrderView> {
        let id = api::SymbolId(symbol.0);
        self.exchange.order(self.account, id, named).ok()
    }
}
