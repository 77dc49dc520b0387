//! Order requests and the order object (protocol §4.4); knows nothing of how orders match.

use super::{ApiError, E8, SymbolId};

/// Order id: increases per symbol.
pub type OrderId = u64;
/// Trade id: increases per symbol; 0 where an event is no trade.
pub type TradeId = u64;

/// Most orders in one batch placement.
pub const PLACE_BATCH_MAX: usize = 5;
/// Most changes in one batch modification.
pub const MODIFY_BATCH_MAX: usize = 5;
/// Most ids in one batch cancellation.
pub const CANCEL_BATCH_MAX: usize = 10;

/// Which way an order trades.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// `BUY`.
    Buy,
    /// `SELL`.
    Sell,
}

impl Side {
    /// The other side.
    #[must_use]
    pub fn opposite(self) -> Side {
        match self {
            Side::Buy => Side::Sell,
            Side::Sell => Side::Buy,
        }
    }

    /// +1 for a buy, −1 for a sell.
    #[must_use]
    pub fn sign(self) -> i64 {
        match self {
            Side::Buy => 1,
            Side::Sell => -1,
        }
    }
}

/// Order type; conditional types live elsewhere on the venue (`-4120`) and are not modelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderType {
    /// `LIMIT`.
    Limit,
    /// `MARKET`.
    Market,
    /// `LIQUIDATION`: the venue's own closing order; cannot be requested.
    Liquidation,
}

/// Time in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeInForce {
    /// Good till cancelled.
    Gtc,
    /// Immediate or cancel.
    Ioc,
    /// Fill or kill.
    Fok,
    /// Post only.
    Gtx,
    /// Good till date.
    Gtd,
}

/// Self-trade prevention mode; the taker's decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StpMode {
    /// Self trades happen.
    None,
    /// The incoming order expires.
    ExpireTaker,
    /// The resting order expires (the default of placement).
    ExpireMaker,
    /// Both expire.
    ExpireBoth,
}

/// Price chosen by the venue at arrival.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PriceMatch {
    /// The price is given.
    None,
    /// Best, 5th, 10th or 20th price of the other side (the number is the 1-based level).
    Opponent(u8),
    /// Best, 5th, 10th or 20th price of the own side (the number is the 1-based level).
    Queue(u8),
}

/// Position side of an order or position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PositionSide {
    /// One-way mode.
    Both,
    /// Hedge mode, long leg (not simulated: orders are refused).
    Long,
    /// Hedge mode, short leg (not simulated: orders are refused).
    Short,
}

/// `X`: state of an order after an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderStatus {
    /// Accepted, nothing filled.
    New,
    /// Some filled, still open.
    PartiallyFilled,
    /// All filled.
    Filled,
    /// Cancelled by the user, the dead-man timer or a modification.
    Canceled,
    /// Ended by the venue.
    Expired,
    /// Ended by self-trade prevention.
    ExpiredInMatch,
}

impl OrderStatus {
    /// Whether the order still rests or can still trade.
    #[must_use]
    pub fn is_open(self) -> bool {
        match self {
            OrderStatus::New | OrderStatus::PartiallyFilled => true,
            OrderStatus::Filled
            | OrderStatus::Canceled
            | OrderStatus::Expired
            | OrderStatus::ExpiredInMatch => false,
        }
    }
}

/// A client order id: 1 to 36 of `.A-Z:/a-z0-9_-`, held inline.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientId {
    len: u8,
    bytes: [u8; ClientId::LEN_MAX],
}

impl ClientId {
    /// Longest client order id.
    pub const LEN_MAX: usize = 36;

    /// Checks and takes over a client order id.
    ///
    /// # Errors
    /// `-4015` when it is empty, too long or has another character.
    pub fn parse(text: &str) -> Result<ClientId, ApiError> {
        let raw = text.as_bytes();
        let legal =
            |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b':' | b'/' | b'_' | b'-');
        if raw.is_empty() || raw.len() > Self::LEN_MAX || !raw.iter().all(legal) {
            return Err(ApiError::bad_client_id());
        }
        let mut bytes = [0; Self::LEN_MAX];
        for (to, from) in bytes.iter_mut().zip(raw) {
            *to = *from;
        }
        Ok(ClientId {
            len: u8::try_from(raw.len()).unwrap_or(0),
            bytes,
        })
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        let raw = self.bytes.get(..usize::from(self.len)).unwrap_or(&[]);
        std::str::from_utf8(raw).unwrap_or("")
    }
}

impl std::fmt::Debug for ClientId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", self.as_str())
    }
}

impl std::fmt::Display for ClientId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A request to place an order. The server has parsed it; the venue judges it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewOrder {
    /// Symbol.
    pub symbol: SymbolId,
    /// Side.
    pub side: Side,
    /// `LIMIT` or `MARKET`.
    pub order_type: OrderType,
    /// Time in force; `None` for MARKET (a LIMIT without it is `-1102`).
    pub time_in_force: Option<TimeInForce>,
    /// Base quantity, > 0 (`None` is `-1102`).
    pub qty: Option<E8>,
    /// Limit price; `None` for MARKET or with a price match.
    pub price: Option<E8>,
    /// Whether the order may only reduce the position.
    pub reduce_only: bool,
    /// Position side; `None` means BOTH.
    pub position_side: Option<PositionSide>,
    /// Client order id; the venue makes one when absent.
    pub client_id: Option<ClientId>,
    /// Self-trade prevention; `None` means EXPIRE_MAKER.
    pub stp: Option<StpMode>,
    /// Price match.
    pub price_match: PriceMatch,
    /// GTD expiry, ms since the epoch; 0 when not GTD.
    pub good_till_date_ms: i64,
}

impl NewOrder {
    /// A LIMIT order with the usual defaults (not reduce-only, one-way, no client id, EXPIRE_MAKER).
    #[must_use]
    pub fn limit(
        symbol: SymbolId,
        side: Side,
        price: E8,
        qty: E8,
        time_in_force: TimeInForce,
    ) -> NewOrder {
        NewOrder {
            symbol,
            side,
            order_type: OrderType::Limit,
            time_in_force: Some(time_in_force),
            qty: Some(qty),
            price: Some(price),
            reduce_only: false,
            position_side: None,
            client_id: None,
            stp: None,
            price_match: PriceMatch::None,
            good_till_date_ms: 0,
        }
    }

    /// A MARKET order with the usual defaults.
    #[must_use]
    pub fn market(symbol: SymbolId, side: Side, qty: E8) -> NewOrder {
        NewOrder {
            order_type: OrderType::Market,
            time_in_force: None,
            price: None,
            ..NewOrder::limit(symbol, side, 0, qty, TimeInForce::Gtc)
        }
    }

    /// The same order, reduce-only.
    #[must_use]
    pub fn reducing(self) -> NewOrder {
        NewOrder {
            reduce_only: true,
            ..self
        }
    }

    /// The same order under a client order id.
    #[must_use]
    pub fn with_client_id(self, client_id: ClientId) -> NewOrder {
        NewOrder {
            client_id: Some(client_id),
            ..self
        }
    }
}

/// Names an order in a request; the order id wins when both were sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderRef {
    /// `orderId`.
    Id(OrderId),
    /// `origClientOrderId`.
    Client(ClientId),
}

/// A request to change price and quantity of an open LIMIT order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModifyOrder {
    /// Symbol.
    pub symbol: SymbolId,
    /// Which order.
    pub order: OrderRef,
    /// Must equal the order's side (`-1102`-family error otherwise).
    pub side: Side,
    /// New *total* quantity (compared with the executed quantity).
    pub qty: Option<E8>,
    /// New price; `None` with a price match.
    pub price: Option<E8>,
    /// Price match.
    pub price_match: PriceMatch,
    /// Echoed in the AMENDMENT event.
    pub modify_id: Option<u64>,
    /// `reduceOnly=true` was sent (`-5047` unless the order is reduce-only; exempts from `-5029` when it is).
    pub reduce_only: bool,
}

/// Window of an `allOrders` query.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OrderQuery {
    /// Only ids ≥ this.
    pub from_id: Option<OrderId>,
    /// Created at or after, ms.
    pub start_ms: Option<i64>,
    /// Created at or before, ms.
    pub end_ms: Option<i64>,
    /// Most rows (500 when absent, at most 1000).
    pub limit: Option<usize>,
}

/// The REST order object; every field of protocol §4.4.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderView {
    /// `orderId`.
    pub order_id: OrderId,
    /// `symbol`.
    pub symbol: SymbolId,
    /// `status`.
    pub status: OrderStatus,
    /// `clientOrderId`.
    pub client_id: ClientId,
    /// `price`; 0 for MARKET.
    pub price: E8,
    /// `avgPrice`; 0 before a fill.
    pub avg_price: E8,
    /// `origQty` (after a modification: the new one).
    pub orig_qty: E8,
    /// `executedQty` and `cumQty`.
    pub executed_qty: E8,
    /// `cumQuote`.
    pub cum_quote: E8,
    /// `timeInForce` (MARKET shows GTC).
    pub time_in_force: TimeInForce,
    /// `type` and `origType`.
    pub order_type: OrderType,
    /// `reduceOnly`.
    pub reduce_only: bool,
    /// `side`.
    pub side: Side,
    /// `positionSide`.
    pub position_side: PositionSide,
    /// `priceMatch`.
    pub price_match: PriceMatch,
    /// `selfTradePreventionMode`.
    pub stp: StpMode,
    /// `goodTillDate`, ms; 0 when not GTD.
    pub good_till_date_ms: i64,
    /// `time`: acceptance, ms.
    pub time_ms: i64,
    /// `updateTime`: last change, ms.
    pub update_time_ms: i64,
    /// `modifyId` of the last modification that carried one.
    pub modify_id: Option<u64>,
}

/// One row of `orderAmendment`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AmendmentView {
    /// `amendmentId`: increases per venue.
    pub amendment_id: u64,
    /// `symbol`.
    pub symbol: SymbolId,
    /// `orderId`.
    pub order_id: OrderId,
    /// `clientOrderId`.
    pub client_id: ClientId,
    /// `time`, ms.
    pub time_ms: i64,
    /// Price before and after.
    pub price: (E8, E8),
    /// Total quantity before and after.
    pub orig_qty: (E8, E8),
    /// How many modifications the order has had.
    pub count: u32,
    /// `modifyId`.
    pub modify_id: Option<u64>,
}
