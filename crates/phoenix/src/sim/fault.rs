//! Owns what can go wrong in a simulation and when; knows nothing of how it is done to anybody.

use phoenix_core::event::Stream;
use serde::{Deserialize, Serialize};

/// Which streams a fault strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tap {
    /// `@depth@100ms`.
    Depth,
    /// `@bookTicker`.
    Ticker,
    /// `@aggTrade`.
    Trade,
    /// `@markPrice@1s`.
    Mark,
    /// User data.
    User,
    /// All but user data.
    Market,
    /// All.
    All,
}

impl Tap {
    /// Every value, for drawing one.
    pub const ALL: [Self; 7] = [
        Self::Depth,
        Self::Ticker,
        Self::Trade,
        Self::Mark,
        Self::User,
        Self::Market,
        Self::All,
    ];

    /// Whether it strikes this stream.
    #[must_use]
    pub const fn strikes(self, stream: Stream) -> bool {
        match self {
            Self::Depth => matches!(stream, Stream::Depth),
            Self::Ticker => matches!(stream, Stream::BookTicker),
            Self::Trade => matches!(stream, Stream::Trade),
            Self::Mark => matches!(stream, Stream::Mark),
            Self::User => matches!(stream, Stream::User),
            Self::Market => !matches!(stream, Stream::User),
            Self::All => true,
        }
    }
}

/// Which connections a fault strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Wire {
    /// Depth and tickers.
    Public,
    /// Trades and mark price.
    Market,
    /// User data.
    User,
    /// Order entry.
    Orders,
    /// All of them.
    Every,
}

impl Wire {
    /// Every value, for drawing one.
    pub const ALL: [Self; 5] = [
        Self::Public,
        Self::Market,
        Self::User,
        Self::Orders,
        Self::Every,
    ];
}

/// Which requests a fault strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Asked {
    /// New orders.
    Places,
    /// Cancels of one or all orders.
    Cancels,
    /// Both of them, and amendments.
    Orders,
    /// Whatever only reads.
    Reads,
    /// The dead-man switch.
    DeadMan,
    /// Listen keys.
    Keys,
    /// All.
    Everything,
}

impl Asked {
    /// Every value, for drawing one.
    pub const ALL: [Self; 7] = [
        Self::Places,
        Self::Cancels,
        Self::Orders,
        Self::Reads,
        Self::DeadMan,
        Self::Keys,
        Self::Everything,
    ];
}

/// One thing that goes wrong; those with a length last as long as their [`Planned`] says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
#[expect(
    missing_docs,
    reason = "the fields are what the line above them speaks of"
)]
pub enum Fault {
    /// Messages are not sent; sockets stay open.
    Mute { streams: Tap },
    /// Messages come this much later, in order.
    Delay { streams: Tap, ms: u32 },
    /// Each message comes twice.
    Duplicate { streams: Tap },
    /// Neighbouring messages change places.
    Swap { streams: Tap },
    /// One message in so many is lost.
    Lose { streams: Tap, one_in: u32 },
    /// One message in so many cannot be read.
    Garble { streams: Tap, one_in: u32 },
    /// Depth and tickers go on with new ids and say that nothing changes.
    FreezeBook,
    /// Depth goes on with its chain of ids and without levels; tickers are true.
    HollowBook,
    /// The present connection delivers and carries nothing more; nobody is told.
    HalfOpen { wire: Wire },
    /// The connection is closed; the next attempt succeeds.
    Close { wire: Wire },
    /// Nothing passes in either direction, and no connection can be made.
    Cut,
    /// No connection can be made, those that stand go on.
    Refuse,
    /// The listen key ends, with or without the event.
    EndKey { told: bool },
    /// It is carried out; the answer is lost.
    LoseAnswer { requests: Asked, one_in: u32 },
    /// It is not carried out; no answer.
    LoseRequest { requests: Asked, one_in: u32 },
    /// It is carried out this much later; the answer says that this is unknown.
    CarryOutLate { requests: Asked, ms: u32 },
    /// The answer comes this much later.
    HoldAnswer { requests: Asked, ms: u32 },
    /// It is refused with this code of protocol §7.
    Answer {
        requests: Asked,
        code: i32,
        one_in: u32,
    },
    /// HTTP 503 "Unknown error": carried out or not by turns, and not told which.
    Unknown503,
    /// 429 for every request.
    RateLimit { retry_after_s: u32 },
    /// 418 for every request.
    Ban { retry_after_s: u32 },
    /// It is acknowledged and not carried out.
    Pretend { requests: Asked },
    /// REST shows a position that differs by this many lots.
    LiePosition { lots: i32 },
    /// REST shows one open order in two.
    LieOrders,
    /// The machine's clock jumps by this much.
    ClockStep { ms: i32 },
    /// The machine's clock runs wrong by this share, in 1e-6.
    ClockDrift { ppm: i32 },
    /// The process is killed and started again after this.
    Crash { down_ms: u32 },
    /// The process is not run for a while (SIGSTOP, swapping).
    Freeze,
    /// The strategy of the first symbol panics when it is asked next.
    PanicDesk,
    /// The thread that carries out reads and cancel-all answers "not sent".
    FullQueue,
    /// What is written to the journal becomes durable this much later.
    SlowJournal { ms: u32 },
    /// The exchange closes everything and takes nothing for a while.
    Restart,
    /// The contract is not trading.
    NotTrading,
    /// The price moves.
    Move { bps: i32, over_ms: u32 },
    /// The price jumps through whatever rests.
    Gap { bps: i32 },
    /// Both sides are taken within this distance.
    Sweep { bps: u32 },
    /// Somebody else on the account rests an order without our prefix.
    ForeignOrder,
    /// Another Phoenix on the account rests an order.
    SecondInstance,
    /// Somebody trades this many lots by hand.
    ManualTrade { lots: i32 },
    /// A large account is liquidated into the book.
    Liquidation { lots: u32 },
    /// An operator pauses, and resumes at the end.
    Pause,
    /// An operator kills, and resumes at the end.
    Kill,
    /// An operator cancels everything once.
    CancelAll,
    /// `net_max` becomes this share, in percent; back at the end.
    NetMax { percent: u32 },
    /// The number of layers changes; back at the end.
    Layers { layers: u16 },
    /// The last symbol is removed, and added again at the end.
    RemoveSymbol,
}

impl Fault {
    /// Its name in reports: that of the scenario file.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Mute { .. } => "mute",
            Self::Delay { .. } => "delay",
            Self::Duplicate { .. } => "duplicate",
            Self::Swap { .. } => "swap",
            Self::Lose { .. } => "lose",
            Self::Garble { .. } => "garble",
            Self::FreezeBook => "freeze-book",
            Self::HollowBook => "hollow-book",
            Self::HalfOpen { .. } => "half-open",
            Self::Close { .. } => "close",
            Self::Cut => "cut",
            Self::Refuse => "refuse",
            Self::EndKey { .. } => "end-key",
            Self::LoseAnswer { .. } => "lose-answer",
            Self::LoseRequest { .. } => "lose-request",
            Self::CarryOutLate { .. } => "carry-out-late",
            Self::HoldAnswer { .. } => "hold-answer",
            Self::Answer { .. } => "answer",
            Self::Unknown503 => "unknown503",
            Self::RateLimit { .. } => "rate-limit",
            Self::Ban { .. } => "ban",
            Self::Pretend { .. } => "pretend",
            Self::LiePosition { .. } => "lie-position",
            Self::LieOrders => "lie-orders",
            Self::ClockStep { .. } => "clock-step",
            Self::ClockDrift { .. } => "clock-drift",
            Self::Crash { .. } => "crash",
            Self::Freeze => "freeze",
            Self::PanicDesk => "panic-desk",
            Self::FullQueue => "full-queue",
            Self::SlowJournal { .. } => "slow-journal",
            Self::Restart => "restart",
            Self::NotTrading => "not-trading",
            Self::Move { .. } => "move",
            Self::Gap { .. } => "gap",
            Self::Sweep { .. } => "sweep",
            Self::ForeignOrder => "foreign-order",
            Self::SecondInstance => "second-instance",
            Self::ManualTrade { .. } => "manual-trade",
            Self::Liquidation { .. } => "liquidation",
            Self::Pause => "pause",
            Self::Kill => "kill",
            Self::CancelAll => "cancel-all",
            Self::NetMax { .. } => "net-max",
            Self::Layers { .. } => "layers",
            Self::RemoveSymbol => "remove-symbol",
        }
    }

    /// The names of all kinds, so that one that was never exercised is reported.
    pub const NAMES: [&'static str; 46] = [
        "mute",
        "delay",
        "duplicate",
        "swap",
        "lose",
        "garble",
        "freeze-book",
        "hollow-book",
        "half-open",
        "close",
        "cut",
        "refuse",
        "end-key",
        "lose-answer",
        "lose-request",
        "carry-out-late",
        "hold-answer",
        "answer",
        "unknown503",
        "rate-limit",
        "ban",
        "pretend",
        "lie-position",
        "lie-orders",
        "clock-step",
        "clock-drift",
        "crash",
        "freeze",
        "panic-desk",
        "full-queue",
        "slow-journal",
        "restart",
        "not-trading",
        "move",
        "gap",
        "sweep",
        "foreign-order",
        "second-instance",
        "manual-trade",
        "liquidation",
        "pause",
        "kill",
        "cancel-all",
        "net-max",
        "layers",
        "remove-symbol",
    ];
}

/// A fault and its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Planned {
    /// When it begins, ms since the start.
    pub at_ms: u32,
    /// How long it lasts, ms; no more than a name for those that are over at once.
    pub lasts_ms: u32,
    /// What.
    #[serde(flatten)]
    pub fault: Fault,
}
