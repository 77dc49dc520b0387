//! Owns the exchange of a simulation with everything that goes wrong at it: what it sends and does not send, what it carries out and
//! what it only says. The exchange itself keeps its rules; what is bent is bent here.

use super::bridge::{self, Bridge, refused};
use super::fault::{Asked, Fault, Tap};
use super::setting::ASSET;
use crate::binance::client_id::ClientIds;
use crate::binance::codes::RequestKind;
use crate::live::orders::{Answered, Purpose};
use crate::live::wire::{OwnedAccount, OwnedFunding, OwnedReply, OwnedSnapshot};
use phoenix_core::action::Action;
use phoenix_core::event::{
    ContractStatus, FundingPayment, Level, Outcome, Refusal, Stream, TRADES_WINDOW, TradesFrom,
    Why,
};
use phoenix_core::instrument::SymbolId;
use phoenix_core::units::{Mono, Quote, Span, Wall};
use phoenix_exchange::api::{
    self, AccountId, ApiError, Cadence, EventBody, IncomeKind, IncomeQuery, IpKey, MarketEvent,
    OrderRef, Recipient, TradeQuery, UserEvent,
};
use phoenix_exchange::prng::Prng;
use phoenix_exchange::{Cost, Exchange};

/// The address of the process.
pub const IP: IpKey = IpKey(1);
/// Rows of a list of trades or payments (protocol §4.5).
const ROWS_MAX: usize = 1_000;
/// Levels of a snapshot.
const LEVELS_MAX: usize = 1_000;
/// What the exchange takes for a valid time stamp (protocol §5.3).
const AHEAD_MAX: Span = Span::from_secs(1);
const RECV_WINDOW: Span = Span::from_secs(5);

/// What the process asks of the exchange.
#[derive(Debug, Clone, PartialEq)]
pub enum Request {
    /// What the engine wants.
    Engine(Action),
    /// A listen key.
    Key,
    /// The renewal of it.
    KeepAlive,
    /// The exchange's time.
    Time,
    /// Contract data.
    Contracts,
}

impl Request {
    /// Sorted as in the table of error codes.
    #[must_use]
    pub const fn kind(&self) -> RequestKind {
        match self {
            Self::Engine(action) => match action {
                Action::Place(_) => RequestKind::Place,
                Action::Amend(_) => RequestKind::Amend,
                Action::Cancel(..) => RequestKind::Cancel,
                Action::CancelAll(_) => RequestKind::CancelAll,
                Action::ArmDeadMan(..) => RequestKind::DeadMan,
                Action::QueryOrder(..) => RequestKind::Query,
                Action::FetchOpenOrders(_)
                | Action::FetchAccount
                | Action::FetchTrades(..)
                | Action::FetchFunding(_)
                | Action::FetchSnapshot(_)
                | Action::Probe(_)
                | Action::RenewListenKey
                | Action::Reconnect(_)
                | Action::Say(_)
                | Action::Stopped => RequestKind::Read,
            },
            Self::Key | Self::KeepAlive => RequestKind::ListenKey,
            Self::Time | Self::Contracts => RequestKind::Read,
        }
    }

    /// Whether a fault of these requests strikes it.
    #[must_use]
    pub const fn is_among(&self, asked: Asked) -> bool {
        let kind = self.kind();
        let cancels = matches!(kind, RequestKind::Cancel | RequestKind::CancelAll);
        let places = matches!(kind, RequestKind::Place);
        match asked {
            Asked::Places => places,
            Asked::Cancels => cancels,
            Asked::Orders => cancels || places || matches!(kind, RequestKind::Amend),
            Asked::Reads => matches!(kind, RequestKind::Read | RequestKind::Query),
            Asked::DeadMan => matches!(kind, RequestKind::DeadMan),
            Asked::Keys => matches!(kind, RequestKind::ListenKey),
            Asked::Everything => true,
        }
    }

    const fn cost(&self) -> Cost {
        match self {
            Self::Engine(action) => match action {
                Action::Place(_) | Action::Amend(_) => Cost::ORDER,
                Action::FetchSnapshot(_) => Cost::depth(LEVELS_MAX),
                Action::FetchFunding(_) => Cost::weight(30),
                Action::FetchAccount | Action::ArmDeadMan(..) => Cost::weight(10),
                Action::FetchTrades(..) => Cost::weight(5),
                Action::Probe(_) => Cost::weight(2),
                Action::Cancel(..)
                | Action::CancelAll(_)
                | Action::QueryOrder(..)
                | Action::FetchOpenOrders(_)
                | Action::RenewListenKey
                | Action::Reconnect(_)
                | Action::Say(_)
                | Action::Stopped => Cost::weight(1),
            },
            Self::Key | Self::KeepAlive | Self::Time | Self::Contracts => Cost::weight(1),
        }
    }

    const fn is_signed(&self) -> bool {
        match self {
            Self::Engine(Action::Probe(_) | Action::FetchSnapshot(_))
            | Self::Key
            | Self::KeepAlive
            | Self::Time
            | Self::Contracts => false,
            Self::Engine(_) => true,
        }
    }
}

/// What the process is told.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// To an order request.
    Order(Answered),
    /// To another request of the engine.
    Other(OwnedReply),
    /// A listen key; `None` when there is none.
    Key(Option<String>),
    /// Whether the listen key lives on.
    Kept(bool),
    /// The exchange's time.
    Time(Wall),
    /// The status of each symbol.
    Contracts(Vec<(SymbolId, ContractStatus)>),
}

/// What became of a request at the exchange.
#[derive(Debug, Clone, PartialEq)]
pub enum Fate {
    /// Answered after this.
    Answered(Answer, Span),
    /// Never answered.
    Silence,
    /// Answered that it is unknown; carried out after this.
    Later(Answer, Span),
}

/// What a stream says.
#[derive(Debug, Clone, PartialEq)]
pub enum Message {
    /// A depth update.
    Depth(SymbolId, Depth),
    /// Everything else of a market stream that is small.
    Small(SymbolId, Small),
    /// A user event.
    User(UserMessage),
    /// Something that cannot be read.
    Garbled(Option<SymbolId>, Stream),
}

/// An owned depth update.
#[derive(Debug, Clone, PartialEq)]
pub struct Depth {
    /// `U`.
    pub first_id: i64,
    /// `u`.
    pub last_id: i64,
    /// `pu`.
    pub prev_id: i64,
    /// `E`.
    pub event_time: Wall,
    /// `T`.
    pub transact_time: Wall,
    /// Bids.
    pub bids: Vec<Level>,
    /// Asks.
    pub asks: Vec<Level>,
}

/// A small market message.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Small {
    /// Best bid and ask.
    Ticker(phoenix_core::event::BookTicker),
    /// A trade.
    Trade(phoenix_core::event::Trade),
    /// Mark price.
    Mark(phoenix_core::event::MarkPrice),
}

/// An owned user event.
#[derive(Debug, Clone, PartialEq)]
pub enum UserMessage {
    /// ORDER_TRADE_UPDATE.
    Order(phoenix_core::event::OrderUpdate),
    /// TRADE_LITE.
    Lite(phoenix_core::event::LiteFill),
    /// ACCOUNT_UPDATE.
    Update {
        /// Why.
        reason: phoenix_core::event::AccountReason,
        /// Symbol of a funding payment.
        symbol: Option<SymbolId>,
        /// Balance of the margin asset.
        balance: Option<phoenix_core::event::BalanceReport>,
        /// Positions.
        positions: Vec<phoenix_core::event::PositionReport>,
        /// `T`.
        time: Wall,
    },
    /// The listen key is dead.
    KeyExpired,
    /// Margin call.
    MarginCall,
}

impl Message {
    /// Which stream carries it.
    #[must_use]
    pub const fn stream(&self) -> Stream {
        match self {
            Self::Depth(..) => Stream::Depth,
            Self::Small(_, Small::Ticker(_)) => Stream::BookTicker,
            Self::Small(_, Small::Trade(_)) => Stream::Trade,
            Self::Small(_, Small::Mark(_)) => Stream::Mark,
            Self::User(_) => Stream::User,
            Self::Garbled(_, stream) => *stream,
        }
    }
}

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
    frozen: Vec<Option<phoenix_core::event::BookTicker>>,
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

    // ------------------------------------------------------------------ streams

    /// Runs the exchange up to an instant and hands over what it said, as it happened.
    pub fn advance(&mut self, to: Mono, mut heard: impl FnMut(&phoenix_exchange::Event)) -> Vec<(Mono, Message)> {
        self.exchange.advance(self.us(to));
        let mut events = std::mem::take(&mut self.scratch);
        self.exchange.drain_events(&mut events);
        let mut out = Vec::new();
        for event in events.drain(..) {
            heard(&event);
            let at = self.instant(event.at_us);
            if let Some(message) = self.translate(&event) {
                self.tamper(at, message, &mut out);
            }
        }
        self.scratch = events;
        out
    }

    fn translate(&mut self, event: &phoenix_exchange::Event) -> Option<Message> {
        let time = Wall::from_millis(i64::try_from(event.at_us / 1_000).unwrap_or(0));
        match (&event.body, event.to) {
            (EventBody::User(user), Recipient::Account(account)) if account == self.account => {
                self.user_message(user, time).map(Message::User)
            }
            (EventBody::Market(market), Recipient::Symbol(symbol)) => {
                let bridge = self.bridges.get(symbol.index())?;
                let symbol = SymbolId(symbol.0);
                Some(match market {
                    MarketEvent::Depth(depth) if depth.cadence == Cadence::Ms100 => {
                        Message::Depth(symbol, owned_depth(bridge, depth))
                    }
                    MarketEvent::BookTicker(t) if t.bid.1 > 0 && t.ask.1 > 0 => Message::Small(
                        symbol,
                        Small::Ticker(bridge.ticker(t.bid, t.ask, t.update_id, time)),
                    ),
                    MarketEvent::AggTrade(trade) => {
                        Message::Small(symbol, Small::Trade(bridge.trade(trade, time)))
                    }
                    MarketEvent::MarkPrice(mark) => {
                        Message::Small(symbol, Small::Mark(Bridge::mark(mark, time)))
                    }
                    MarketEvent::Depth(_)
                    | MarketEvent::BookTicker(_)
                    | MarketEvent::Trade(_)
                    | MarketEvent::ForceOrder(_) => return None,
                })
            }
            (EventBody::User(_) | EventBody::Market(_), _) => None,
        }
    }

    fn user_message(&self, event: &UserEvent, time: Wall) -> Option<UserMessage> {
        let bridge = |symbol: api::SymbolId| self.bridges.get(symbol.index());
        Some(match event {
            UserEvent::OrderUpdate(update) => {
                UserMessage::Order(bridge(update.symbol)?.updated(update, time))
            }
            UserEvent::TradeLite(lite) => UserMessage::Lite(bridge(lite.symbol)?.lite(lite)),
            UserEvent::AccountUpdate(update) => UserMessage::Update {
                reason: bridge::reason(update.reason),
                symbol: update.symbol.map(|s| SymbolId(s.0)),
                balance: bridge::balance(&update.balances, ASSET),
                positions: update
                    .positions
                    .iter()
                    .filter_map(|p| Some(bridge(p.symbol)?.position(p.qty, p.entry_price)))
                    .collect(),
                time: Wall::from_millis(update.time_ms),
            },
            UserEvent::ListenKeyExpired { .. } => UserMessage::KeyExpired,
            UserEvent::MarginCall { .. } => UserMessage::MarginCall,
            UserEvent::LeverageChanged { .. } | UserEvent::MultiAssetsChanged { .. } => return None,
        })
    }

    /// Sends a message as the faults that are on allow.
    fn tamper(&mut self, at: Mono, message: Message, out: &mut Vec<(Mono, Message)>) {
        let (mut at, mut message) = (at, Some(message));
        let mut copies = 1;
        for fault in self.active.clone() {
            let Some(present) = message.take() else { return };
            message = self.bent(fault, present, &mut at, &mut copies);
        }
        let Some(message) = message else { return };
        for _ in 1..copies {
            out.push((at, message.clone()));
        }
        out.push((at, message));
        if !self.suffers(|f| matches!(f, Fault::Swap { .. }))
            && let Some(held) = self.held.take()
        {
            out.push((at, held));
        }
    }

    fn bent(
        &mut self,
        fault: Fault,
        message: Message,
        at: &mut Mono,
        copies: &mut u32,
    ) -> Option<Message> {
        let strikes = |streams: Tap| streams.strikes(message.stream());
        match fault {
            Fault::Mute { streams } if strikes(streams) => None,
            Fault::Lose { streams, one_in } if strikes(streams) => {
                (!self.prng.chance(1, u64::from(one_in.max(1)))).then_some(message)
            }
            Fault::Garble { streams, one_in } if strikes(streams) => {
                let stream = message.stream();
                Some(match self.prng.chance(1, u64::from(one_in.max(1))) {
                    true => Message::Garbled(symbol_of(&message), stream),
                    false => message,
                })
            }
            Fault::Delay { streams, ms } if strikes(streams) => {
                *at = at.after(Span::from_millis(ms.into()));
                Some(message)
            }
            Fault::Duplicate { streams } if strikes(streams) => {
                *copies = 2;
                Some(message)
            }
            // The one that waited goes after its successor.
            Fault::Swap { streams } if strikes(streams) => {
                let before = self.held.replace(message)?;
                let after = self.held.replace(before)?;
                Some(after)
            }
            Fault::FreezeBook => Some(self.frozen(message)),
            Fault::HollowBook => Some(hollow(message)),
            _ => Some(message),
        }
    }

    fn frozen(&mut self, message: Message) -> Message {
        match message {
            Message::Small(symbol, Small::Ticker(ticker)) => {
                let Some(slot) = self.frozen.get_mut(usize::from(symbol.0)) else {
                    return Message::Small(symbol, Small::Ticker(ticker));
                };
                let first = *slot.get_or_insert(ticker);
                let shown = phoenix_core::event::BookTicker {
                    bid: first.bid,
                    ask: first.ask,
                    ..ticker
                };
                Message::Small(symbol, Small::Ticker(shown))
            }
            other => hollow(other),
        }
    }

    // ------------------------------------------------------------------ requests

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
                Fault::LoseRequest { requests, one_in: n }
                    if request.is_among(requests) && one_in(&mut self.prng, n) =>
                {
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
                Fault::LoseAnswer { requests, one_in: n }
                    if request.is_among(requests) && one_in(&mut self.prng, n) =>
                {
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
                report.status = phoenix_core::event::ExchangeStatus::Canceled;
                answered(RequestKind::Cancel, *symbol, *id, Outcome::Accepted(report))
            }
            Action::Place(order) => {
                let order = order.inner();
                let report = phoenix_core::event::OrderReport {
                    symbol: order.symbol,
                    owner: phoenix_core::order::Owner::Ours(order.id),
                    exchange_id: 1,
                    side: order.side,
                    price: order.price,
                    size: order.size,
                    filled: phoenix_core::units::Lots::ZERO,
                    status: phoenix_core::event::ExchangeStatus::New,
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

    /// Carries it out by the exchange's rules.
    pub fn carry_out(&mut self, request: &Request, now: Mono, stamp: Wall) -> Answer {
        let us = self.us(now);
        if request.is_signed() {
            let late = self.wall(now).raw().saturating_sub(stamp.raw());
            if late > RECV_WINDOW.raw() || late <= -AHEAD_MAX.raw() {
                let code = -1021;
                return self.refused_with(request, code, now);
            }
        }
        let admitted = self
            .exchange
            .admit(us, IP, Some(self.account), request.cost());
        if let Err(error) = admitted {
            return self.refusal(request, &error, now);
        }
        match request {
            Request::Engine(action) => self.act(action, request, now),
            Request::Key => Answer::Key(Some(self.exchange.listen_key_start(us, self.account))),
            Request::KeepAlive => {
                Answer::Kept(self.exchange.listen_key_keepalive(us, self.account).is_ok())
            }
            Request::Time => Answer::Time(self.wall(now)),
            Request::Contracts => {
                let is_halted = self.suffers(|f| matches!(f, Fault::NotTrading));
                let ids = 0..u16::try_from(self.bridges.len()).unwrap_or(0);
                Answer::Contracts(
                    ids.map(|id| {
                        let status = match is_halted && id == 0 {
                            true => ContractStatus::NotTrading,
                            false => ContractStatus::Trading,
                        };
                        (SymbolId(id), status)
                    })
                    .collect(),
                )
            }
        }
    }

    fn refusal(&self, request: &Request, error: &ApiError, now: Mono) -> Answer {
        let outcome = refused::<()>(request.kind(), error, self.wall(now));
        failed(request, outcome, now)
    }

    fn act(&mut self, action: &Action, request: &Request, now: Mono) -> Answer {
        let (us, account) = (self.us(now), self.account);
        let halted = self.suffers(|f| matches!(f, Fault::NotTrading));
        let result = match action {
            Action::Place(order) => {
                let order = order.inner();
                if halted && order.symbol == SymbolId(0) {
                    return self.refused_with(request, -4140, now);
                }
                let Some(bridge) = self.bridge(order.symbol).cloned() else {
                    return self.refused_with(request, -1121, now);
                };
                let placed = self.exchange.place(us, account, &bridge.order(order));
                placed.map(|view| {
                    let outcome = Outcome::Accepted(bridge.report(&view));
                    answered(RequestKind::Place, order.symbol, order.id, outcome)
                })
            }
            Action::Amend(amendment) => {
                let amendment = amendment.inner();
                let Some(bridge) = self.bridge(amendment.symbol).cloned() else {
                    return self.refused_with(request, -1121, now);
                };
                let wanted = bridge.amendment(amendment);
                let done = self.exchange.modify(us, account, &wanted);
                done.map(|view| {
                    let outcome = Outcome::Accepted(bridge.report(&view));
                    answered(RequestKind::Amend, amendment.symbol, amendment.id, outcome)
                })
            }
            Action::Cancel(symbol, id) => {
                let Some(bridge) = self.bridge(*symbol).cloned() else {
                    return self.refused_with(request, -1121, now);
                };
                let sym = api::SymbolId(symbol.0);
                let done = self.exchange.cancel(us, account, sym, bridge.named(*id));
                done.map(|view| {
                    let outcome = Outcome::Accepted(bridge.report(&view));
                    answered(RequestKind::Cancel, *symbol, *id, outcome)
                })
            }
            Action::QueryOrder(symbol, id) => {
                let Some(bridge) = self.bridge(*symbol) else {
                    return self.refused_with(request, -1121, now);
                };
                let sym = api::SymbolId(symbol.0);
                let found = self.exchange.order(account, sym, bridge.named(*id));
                found.map(|view| {
                    let outcome = Outcome::Accepted(bridge.report(&view));
                    Answer::Other(OwnedReply::Query(*symbol, *id, outcome))
                })
            }
            Action::CancelAll(symbol) => {
                self.exchange
                    .cancel_all(us, account, api::SymbolId(symbol.0));
                let reply = OwnedReply::CancelAll(*symbol, Outcome::Accepted(()));
                Ok(Answer::Other(reply))
            }
            Action::ArmDeadMan(symbol, span) => {
                let ms = u64::try_from(span.raw() / 1_000_000).unwrap_or(0);
                self.exchange
                    .countdown_cancel_all(us, account, api::SymbolId(symbol.0), ms);
                let reply = OwnedReply::DeadMan(*symbol, now, Outcome::Accepted(*span));
                Ok(Answer::Other(reply))
            }
            read => Ok(Answer::Other(self.read(read, now))),
        };
        match result {
            Ok(answer) => answer,
            Err(error) => self.refusal(request, &error, now),
        }
    }

    fn read(&self, action: &Action, now: Mono) -> OwnedReply {
        let account = self.account;
        match action {
            Action::FetchOpenOrders(symbol) => {
                let lies = self.suffers(|f| matches!(f, Fault::LieOrders));
                let id = api::SymbolId(symbol.0);
                let views = self.exchange.open_orders(account, Some(id));
                let bridge = self.bridge(*symbol);
                let list = views
                    .iter()
                    .enumerate()
                    .filter(|(place, _)| !lies || place % 2 == 0)
                    .filter_map(|(_, view)| Some(bridge?.report(view)));
                OwnedReply::OpenOrders(*symbol, now, Ok(list.collect()))
            }
            Action::FetchAccount => OwnedReply::Account(now, Ok(self.account_now(now))),
            Action::FetchTrades(symbol, from) => {
                OwnedReply::Trades(*symbol, now, Ok(self.trades(*symbol, *from)))
            }
            Action::FetchFunding(from) => OwnedReply::Funding(now, Ok(self.funding(*from, now))),
            Action::FetchSnapshot(symbol) => OwnedReply::Snapshot(*symbol, Ok(self.snapshot(*symbol))),
            Action::Probe(symbol) => {
                let seen = self.exchange.book_ticker(api::SymbolId(symbol.0));
                let outcome = match self.bridge(*symbol) {
                    Some(bridge) if seen.bid.1 > 0 && seen.ask.1 > 0 => Outcome::Accepted(
                        bridge.ticker(seen.bid, seen.ask, 0, Wall::from_millis(seen.time_ms)),
                    ),
                    Some(_) | None => Outcome::Unknown,
                };
                OwnedReply::Probe(*symbol, now, outcome)
            }
            // Orders are not read, and the rest is not asked of the exchange.
            _ => OwnedReply::Weight(0),
        }
    }

    fn account_now(&self, now: Mono) -> OwnedAccount {
        let lie = self.active.iter().find_map(|f| match f {
            Fault::LiePosition { lots } => Some(phoenix_core::units::Lots(i64::from(*lots))),
            _ => None,
        });
        let known = self.exchange.positions(self.account, None);
        let positions = self.bridges.iter().zip(0_u16..).map(|(bridge, id)| {
            let held = known.iter().find(|p| p.symbol == api::SymbolId(id));
            let mut report = bridge.position(
                held.map_or(0, |p| p.qty),
                held.map_or(0, |p| p.entry_price),
            );
            if id == 0 {
                report.size = report
                    .size
                    .saturating_add(lie.unwrap_or(phoenix_core::units::Lots::ZERO));
            }
            report
        });
        let balances = self.exchange.balances(self.account);
        let wallet = balances.iter().find(|b| b.asset == ASSET).map(|b| b.wallet);
        OwnedAccount {
            balance: wallet.map(|wallet| phoenix_core::event::BalanceReport {
                wallet: Quote(wallet),
                change: Quote::ZERO,
            }),
            positions: positions.collect(),
            time: self.wall(now),
        }
    }

    fn trades(&self, symbol: SymbolId, from: TradesFrom) -> Vec<phoenix_core::event::TradeReport> {
        let mut query = TradeQuery {
            limit: Some(ROWS_MAX),
            ..TradeQuery::default()
        };
        match from {
            TradesFrom::Id(id) => query.from_id = Some(u64::try_from(id).unwrap_or(0)),
            TradesFrom::Time(at) => {
                query.start_ms = Some(at.as_millis());
                query.end_ms = Some(at.as_millis() + TRADES_WINDOW.raw() / 1_000_000);
            }
        }
        let Some(bridge) = self.bridge(symbol) else {
            return Vec::new();
        };
        let rows = self
            .exchange
            .user_trades(self.account, api::SymbolId(symbol.0), &query);
        rows.iter().map(|row| bridge.traded(row)).collect()
    }

    fn funding(&self, from: Wall, now: Mono) -> OwnedFunding {
        let rows = self.exchange.income(
            self.account,
            &IncomeQuery {
                kind: Some(IncomeKind::FundingFee),
                start_ms: Some(from.as_millis()),
                limit: Some(ROWS_MAX),
                ..IncomeQuery::default()
            },
        );
        let payments = rows.iter().filter_map(|row| {
            Some(FundingPayment {
                symbol: SymbolId(row.symbol?.0),
                amount: Quote(row.amount),
                time: Wall::from_millis(row.time_ms),
            })
        });
        OwnedFunding {
            payments: payments.collect(),
            asked: self.wall(now),
            next: None,
        }
    }

    fn snapshot(&self, symbol: SymbolId) -> OwnedSnapshot {
        let depth = self
            .exchange
            .depth(api::SymbolId(symbol.0), LEVELS_MAX);
        let (mut bids, mut asks) = (Vec::new(), Vec::new());
        if let Some(bridge) = self.bridge(symbol) {
            bridge.levels(&depth.bids, &mut bids);
            bridge.levels(&depth.asks, &mut asks);
        }
        OwnedSnapshot {
            last_id: i64::try_from(depth.last_update_id).unwrap_or(i64::MAX),
            transact_time: Wall::from_millis(depth.time_ms),
            bids,
            asks,
        }
    }
}

fn owned_depth(bridge: &Bridge, depth: &api::DepthEvent) -> Depth {
    let (mut bids, mut asks) = (Vec::new(), Vec::new());
    bridge.levels(&depth.bids, &mut bids);
    bridge.levels(&depth.asks, &mut asks);
    let id = |id: u64| i64::try_from(id).unwrap_or(i64::MAX);
    Depth {
        first_id: id(depth.first_update_id),
        last_id: id(depth.last_update_id),
        prev_id: id(depth.prev_update_id),
        event_time: Wall::from_millis(depth.event_time_ms),
        transact_time: Wall::from_millis(depth.time_ms),
        bids,
        asks,
    }
}

const fn symbol_of(message: &Message) -> Option<SymbolId> {
    match message {
        Message::Depth(symbol, _) | Message::Small(symbol, _) => Some(*symbol),
        Message::User(_) => None,
        Message::Garbled(symbol, _) => *symbol,
    }
}

/// A depth update that says nothing.
fn hollow(message: Message) -> Message {
    match message {
        Message::Depth(symbol, depth) => Message::Depth(
            symbol,
            Depth {
                bids: Vec::new(),
                asks: Vec::new(),
                ..depth
            },
        ),
        other => other,
    }
}

const fn answered(
    kind: RequestKind,
    symbol: SymbolId,
    id: phoenix_core::order::OrderId,
    outcome: Outcome<phoenix_core::event::OrderReport>,
) -> Answer {
    let purpose = Purpose { kind, symbol, id };
    Answer::Order(Answered { purpose, outcome })
}

/// What the process is told of a request that was not done, or of which nothing is known.
#[must_use]
pub fn failed(request: &Request, outcome: Outcome<()>, at: Mono) -> Answer {
    let refusal = match outcome {
        Outcome::Refused(refusal) => Some(refusal),
        Outcome::Accepted(()) | Outcome::Unknown => None,
    };
    let action = match request {
        Request::Engine(action) => action,
        Request::Key => return Answer::Key(None),
        Request::KeepAlive => return Answer::Kept(false),
        Request::Time | Request::Contracts => return Answer::Contracts(Vec::new()),
    };
    match action {
        Action::Place(order) => {
            let order = order.inner();
            answered(RequestKind::Place, order.symbol, order.id, typed(refusal))
        }
        Action::Amend(amendment) => {
            let amendment = amendment.inner();
            answered(
                RequestKind::Amend,
                amendment.symbol,
                amendment.id,
                typed(refusal),
            )
        }
        Action::Cancel(symbol, id) => {
            answered(RequestKind::Cancel, *symbol, *id, typed(refusal))
        }
        other => Answer::Other(failed_read(other, refusal, at)),
    }
}

fn typed<T>(refusal: Option<Refusal>) -> Outcome<T> {
    refusal.map_or(Outcome::Unknown, Outcome::Refused)
}

fn failed_read(action: &Action, refusal: Option<Refusal>, at: Mono) -> OwnedReply {
    let transient = Refusal {
        why: Why::Transient,
        code: 0,
        retry_after: Span::ZERO,
    };
    match action {
        Action::CancelAll(symbol) => OwnedReply::CancelAll(*symbol, typed(refusal)),
        Action::QueryOrder(symbol, id) => OwnedReply::Query(*symbol, *id, typed(refusal)),
        Action::FetchOpenOrders(symbol) => OwnedReply::OpenOrders(*symbol, at, Err(refusal)),
        Action::FetchAccount => OwnedReply::Account(at, Err(refusal)),
        Action::FetchTrades(symbol, _) => OwnedReply::Trades(*symbol, at, Err(refusal)),
        Action::FetchFunding(_) => OwnedReply::Funding(at, Err(refusal)),
        Action::FetchSnapshot(symbol) => {
            OwnedReply::Snapshot(*symbol, Err(refusal.unwrap_or(transient)))
        }
        Action::Probe(symbol) => OwnedReply::Probe(*symbol, at, typed(refusal)),
        Action::ArmDeadMan(symbol, _) => OwnedReply::DeadMan(*symbol, at, typed(refusal)),
        _ => OwnedReply::Weight(0),
    }
}

/// The exchange's "unknown error": it may have been done.
fn unknown(request: &Request, at: Mono) -> Answer {
    failed(request, Outcome::Unknown, at)
}
