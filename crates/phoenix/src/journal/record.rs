//! What the journal can be told, one struct for each table; does not know SQL.
//!
//! Money, prices and sizes are integers of 1e-8; times are Unix milliseconds.

/// Direction of an order or fill.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Buys.
    Buy,
    /// Sells.
    Sell,
}

impl Side {
    /// The word in the database.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Buy => "buy",
            Self::Sell => "sell",
        }
    }
}

/// One trade of ours. `(symbol, trade_id)` is its identity; recording it again changes nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fill {
    /// The contract.
    pub symbol: String,
    /// The exchange's trade id, unique within the symbol.
    pub trade_id: i64,
    /// Our id of the order.
    pub client_id: String,
    /// The exchange's id of the order.
    pub order_id: i64,
    /// Direction.
    pub side: Side,
    /// Price, 1e-8 quote.
    pub price_e8: i64,
    /// Size, 1e-8 base.
    pub qty_e8: i64,
    /// Fee paid, 1e-8 of `fee_asset`; negative for a rebate.
    pub fee_e8: i64,
    /// What the fee was paid in.
    pub fee_asset: String,
    /// Realised profit as the exchange computes it, 1e-8 quote.
    pub realized_e8: i64,
    /// Whether our order was resting.
    pub maker: bool,
    /// Trade time.
    pub at_ms: i64,
}

/// One funding payment. `(symbol, hour)` is its identity; recording it again changes nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Funding {
    /// The contract.
    pub symbol: String,
    /// Its funding instant in full hours since 1970.
    pub hour: i64,
    /// What it was paid in.
    pub asset: String,
    /// Received (positive) or paid (negative), 1e-8.
    pub amount_e8: i64,
    /// Payment time.
    pub at_ms: i64,
}

/// The position of a symbol as last known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// The contract.
    pub symbol: String,
    /// Signed size, 1e-8 base; positive is long.
    pub qty_e8: i64,
    /// Average entry price, 1e-8 quote; 0 when flat.
    pub entry_e8: i64,
    /// When this was so.
    pub at_ms: i64,
}

/// The state of one of our orders; a later one replaces an earlier one of the same `client_id`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// Our id.
    pub client_id: String,
    /// The session that placed it.
    pub session: u32,
    /// The contract.
    pub symbol: String,
    /// Direction.
    pub side: Side,
    /// Price, 1e-8 quote.
    pub price_e8: i64,
    /// Size, 1e-8 base.
    pub qty_e8: i64,
    /// Filled so far, 1e-8 base.
    pub filled_e8: i64,
    /// Whether it may only reduce the position.
    pub reduce_only: bool,
    /// Name of the state.
    pub state: &'static str,
    /// Whether nothing more can happen to it.
    pub is_final: bool,
    /// The exchange's id, once known.
    pub order_id: Option<i64>,
    /// When it was sent.
    pub placed_ms: i64,
    /// When it came into this state.
    pub updated_ms: i64,
    /// Why it was placed, cancelled or refused, if there is more to say.
    pub reason: Option<String>,
}

/// The account's worth in one asset at one time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Equity {
    /// When.
    pub at_ms: i64,
    /// In what.
    pub asset: String,
    /// Wallet balance, 1e-8.
    pub wallet_e8: i64,
    /// Unrealised profit at mark price, 1e-8.
    pub unrealized_e8: i64,
}

/// Position and mid price of a symbol at one time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SymbolSample {
    /// When.
    pub at_ms: i64,
    /// The contract.
    pub symbol: String,
    /// Signed size, 1e-8 base.
    pub position_e8: i64,
    /// Mid price, 1e-8 quote.
    pub mid_e8: i64,
}

/// A halt. It stands, through restarts, until it is cleared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Halt {
    /// A symbol, or `*` for all.
    pub scope: String,
    /// Why.
    pub reason: String,
    /// Since when.
    pub since_ms: i64,
    /// When it ends by itself; `None` when it needs `resume`.
    pub until_ms: Option<i64>,
}

/// Something the operator did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperatorAction {
    /// When.
    pub at_ms: i64,
    /// Through what: `cli`, `dashboard`, `signal`, `file`.
    pub who: String,
    /// What.
    pub action: String,
    /// More about it.
    pub detail: String,
}

/// One changed configuration key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigChange {
    /// When.
    pub at_ms: i64,
    /// Full key.
    pub key: String,
    /// Value before.
    pub old_value: Option<String>,
    /// Value after.
    pub new_value: Option<String>,
}

/// Something worth remembering: a mode change, a stall, an alert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// When.
    pub at_ms: i64,
    /// 0 information, 1 warning, 2 severe, 3 emergency.
    pub level: u8,
    /// Stable name of the kind of notice.
    pub code: String,
    /// The contract, if it is about one.
    pub symbol: Option<String>,
    /// For people.
    pub text: String,
}

/// One thing to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Record {
    /// A trade.
    Fill(Fill),
    /// A funding payment.
    Funding(Funding),
    /// The position as last known.
    Position(Position),
    /// Every trade of `symbol` from `from` up to `trade_id` has been recorded (after a REST back-fill). What is known
    /// to be complete only grows when this follows on it: a hole before `from` stays one.
    Backfilled {
        /// The contract.
        symbol: String,
        /// The first id asked for; `None` when the back-fill began where the symbol did.
        from: Option<i64>,
        /// The last id that is surely complete.
        trade_id: i64,
    },
    /// Trades and funding of `symbol` are ours from now on; said again it changes nothing.
    Began {
        /// The contract.
        symbol: String,
        /// Exchange time.
        at_ms: i64,
    },
    /// Every funding payment of `symbol` from the hour after `after` to the hour `through` has been recorded. As with
    /// [`Record::Backfilled`], a hole stays one.
    FundingThrough {
        /// The contract.
        symbol: String,
        /// The last full hour before what was asked for.
        after: i64,
        /// The last full hour that is surely complete.
        through: i64,
    },
    /// A halt begins.
    Halt(Halt),
    /// All standing halts of `scope` end.
    HaltCleared {
        /// As in [`Halt::scope`].
        scope: String,
        /// When.
        at_ms: i64,
        /// Who cleared it.
        by: String,
    },
    /// The operator did something.
    Operator(OperatorAction),
    /// The session ended by design.
    SessionEnd {
        /// Its number.
        session: u32,
        /// When.
        at_ms: i64,
        /// Why.
        exit: String,
    },
    /// An order's state.
    Order(Order),
    /// The account's worth.
    Equity(Equity),
    /// A symbol's position and price.
    Sample(SymbolSample),
    /// A changed key.
    Config(ConfigChange),
    /// Something worth remembering.
    Notice(Notice),
    /// Forgets finished orders, samples and notices from before `before_ms`, a bounded number at a time: to be sent
    /// each minute. Fills, funding, equity and sessions are never forgotten.
    Prune {
        /// Unix milliseconds.
        before_ms: i64,
    },
}

/// What happens to a record when its queue is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Handed back to the caller: the books depend on it.
    Books,
    /// Dropped and counted: it can be missed.
    Routine,
}

impl Record {
    /// The queue this record goes through.
    pub const fn class(&self) -> Class {
        match self {
            Self::Fill(_)
            | Self::Funding(_)
            | Self::Position(_)
            | Self::Backfilled { .. }
            | Self::Began { .. }
            | Self::FundingThrough { .. }
            | Self::Halt(_)
            | Self::HaltCleared { .. }
            | Self::Operator(_)
            | Self::SessionEnd { .. } => Class::Books,
            Self::Order(_)
            | Self::Equity(_)
            | Self::Sample(_)
            | Self::Config(_)
            | Self::Notice(_)
            | Self::Prune { .. } => Class::Routine,
        }
    }
}
