//! Owns the plain snapshot that dashboard, metrics, health and tests read; computes nothing that decides.

use super::contain::Keep;
use super::desk::Desk;
pub use super::desk::vouch::{Comparison, CrossCheck};
use super::record::Record;
use super::shared::Shared;
use crate::book::Touch;
use crate::event::{ContractStatus, Link, Stream, TradesFrom};
use crate::instrument::SymbolId;
use crate::liveness::Pulse;
use crate::notice::HaltReason;
use crate::order::OrderId;
use crate::orders::state::OrderState;
use crate::strategy::{Explanation, Missing, Mode};
use crate::units::{
    FundingHour, Lots, Mono, Now, PerSide, Price8, Quote, Ratio, Side, Span, Ticks,
};
use alloc::vec::Vec;

/// Everything, at one instant.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct View {
    /// When it was made.
    pub now: Now,
    /// Session number.
    pub session: u32,
    /// Why nothing is quoted on any symbol.
    pub halt: Option<HaltReason>,
    /// Connections that are up: public, market, user, orders.
    pub links_up: [bool; 4],
    /// Wallet balance of the margin asset.
    pub wallet: Option<Quote>,
    /// Request weight used in the running minute.
    pub weight_used: i64,
    /// The same as a share of the exchange's limit, percent.
    pub weight_used_percent: i64,
    /// Orders counted by the exchange as a share of its limits, the larger of both windows, percent.
    pub orders_used_percent: i64,
    /// Each symbol, by id.
    pub symbols: Vec<SymbolView>,
}

/// One symbol at one instant.
#[derive(Clone, PartialEq, Debug)]
pub struct SymbolView {
    /// Id.
    pub symbol: SymbolId,
    /// When its desk was made.
    pub began_at: Mono,
    /// Since when it is removed and only ends.
    pub removed_at: Option<Mono>,
    /// Mode.
    pub mode: Mode,
    /// Why nothing is quoted.
    pub obstacle: Option<Missing>,
    /// Whether the exchange lets it be traded, as far as is known.
    pub is_trading: bool,
    /// Halt of this symbol and when it ends.
    pub halt: Option<(HaltReason, Option<Mono>)>,
    /// Why the ladder is as it is.
    pub explanation: Explanation,
    /// Best bid and ask while the book is true.
    pub touch: Option<Touch>,
    /// Mark price.
    pub mark: Option<Price8>,
    /// Signed position.
    pub position: Lots,
    /// `net_max`.
    pub net_max: Lots,
    /// Configured layers per side.
    pub layers: u16,
    /// Configured cancels per minute.
    pub cancels_per_min_limit: u32,
    /// Average entry price.
    pub entry: Option<Price8>,
    /// Realised profit before fees and funding.
    pub realized: Quote,
    /// Unrealised profit at mark; `None` without a price.
    pub unrealized: Option<Quote>,
    /// Value paid for the position, signed like it.
    pub cost: Quote,
    /// Commission; a cost is negative.
    pub fees: Quote,
    /// Funding.
    pub funding: Quote,
    /// The last funding instant of which no payment can be missing, and the funding up to it.
    pub funding_settled: (Option<FundingHour>, Quote),
    /// Highest trade id in the books.
    pub trade_id_max: Option<i64>,
    /// Where trades that no back-fill has covered begin.
    pub trades_from: TradesFrom,
    /// Orders not done.
    pub orders: Vec<OrderView>,
    /// Layers wanted per side.
    pub expected: PerSide<usize>,
    /// Orders resting per side.
    pub resting: PerSide<usize>,
    /// What could still fill.
    pub exposure: PerSide<Lots>,
    /// Depth, book ticker, trades and mark price.
    pub streams: [StreamView; 4],
    /// The last comparison of the book with the exchange's by REST.
    pub cross_check: Option<CrossCheck>,
    /// When open orders and position were last confirmed by REST; `None` while in doubt.
    pub reconciled_at: Option<Mono>,
    /// Cancels in the last minute.
    pub cancels_last_min: u32,
    /// Those of them that were a matter of safety.
    pub safety_cancels_last_min: u32,
    /// How near the exchange's action against cancelled and unfilled orders is, 1 being there (protocol §6.4).
    pub pressure: Ratio,
    /// When the exchange will cancel our orders unless we arm again.
    pub dead_man_deadline: Option<Mono>,
    /// Measurements.
    pub record: Record,
}

/// One market-data stream of a symbol at one instant.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StreamView {
    /// Which.
    pub stream: Stream,
    /// What is known of it.
    pub pulse: Pulse,
    /// Since its last useful message, or since one is expected; `None` while nothing is expected.
    pub age: Option<Span>,
    /// How far the last message's event time was behind the wall clock; `None` before the first.
    pub lag: Option<Span>,
    /// The silence after which its own rhythm makes it suspect; `None` while too little is learned, or where it is so
    /// slow that only the fixed times judge it.
    pub suspect_after: Option<Span>,
}

/// Streams in the order of [`SymbolView::streams`].
const STREAMS: [Stream; 4] = [
    Stream::Depth,
    Stream::BookTicker,
    Stream::Trade,
    Stream::Mark,
];

impl StreamView {
    /// A stream of which nothing is known.
    const fn unknown(stream: Stream) -> Self {
        Self {
            stream,
            pulse: Pulse::Unproven,
            age: None,
            lag: None,
            suspect_after: None,
        }
    }
}

/// One order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OrderView {
    /// Client id.
    pub id: OrderId,
    /// Side.
    pub side: Side,
    /// Price.
    pub price: Ticks,
    /// Size.
    pub size: Lots,
    /// Filled.
    pub filled: Lots,
    /// State.
    pub state: OrderState,
    /// When it was placed.
    pub placed_at: Mono,
}

impl View {
    /// Takes over what concerns the account; the symbols follow. Reuses its memory.
    pub(super) fn begin(&mut self, now: Now, shared: &Shared) {
        self.now = now;
        self.session = shared.ids.session();
        self.halt = shared.halt;
        self.links_up =
            [Link::Public, Link::Market, Link::User, Link::Orders].map(|l| shared.is_up(l));
        self.wallet = shared.wallet;
        self.weight_used = shared.weight.used(now.mono);
        self.weight_used_percent = shared.weight.used_percent(now.mono);
        self.orders_used_percent = shared.order_rate.used_percent(now.mono);
        self.symbols.clear();
    }

    /// Adds a symbol.
    pub(super) fn add_desk(&mut self, desk: &Desk) {
        self.symbols.push(SymbolView::of(desk, self.now));
    }

    /// Adds a symbol whose desk was lost and has no successor yet.
    pub(super) fn add_parked(&mut self, keep: &Keep) {
        self.symbols.push(SymbolView::of_kept(keep));
    }
}

impl SymbolView {
    /// Of a desk that is lost or ended only the books are known.
    pub(super) fn of_kept(keep: &Keep) -> Self {
        let books = &keep.books;
        Self {
            symbol: keep.symbol,
            began_at: keep.kept.began_at,
            removed_at: keep.kept.removed_at,
            mode: Mode::Halt,
            obstacle: Some(Missing::Halt),
            is_trading: keep.kept.contract == ContractStatus::Trading,
            halt: keep
                .is_parked()
                .then(|| (HaltReason::Panics, keep.restart_at())),
            explanation: Explanation {
                mode: Mode::Halt,
                ..Explanation::default()
            },
            touch: None,
            mark: None,
            position: books.size(),
            net_max: keep.params.risk.net_max,
            layers: keep.params.quoting.layers,
            cancels_per_min_limit: keep.params.orders.cancels_per_min_max,
            entry: books.entry(&keep.instrument),
            realized: books.realised(),
            unrealized: None,
            cost: books.cost(),
            fees: books.fees(),
            funding: books.funding(),
            funding_settled: books.funding_settled(),
            trade_id_max: books.trade_id_max(),
            trades_from: keep.kept.trades_from,
            orders: Vec::new(),
            expected: PerSide::default(),
            resting: PerSide::default(),
            exposure: PerSide::default(),
            streams: STREAMS.map(StreamView::unknown),
            cross_check: None,
            reconciled_at: None,
            cancels_last_min: 0,
            safety_cancels_last_min: 0,
            pressure: Ratio::ZERO,
            dead_man_deadline: None,
            record: keep.kept.record,
        }
    }

    fn of(desk: &Desk, now: Now) -> Self {
        let count = |side: Side| desk.tracker.resting_count(side);
        let wanted = |side: Side| desk.expected(side);
        Self {
            symbol: desk.symbol,
            began_at: desk.began_at,
            removed_at: desk.removed_at,
            mode: desk.mode,
            obstacle: desk.obstacle,
            is_trading: desk.is_trading(),
            halt: desk.halt.map(|h| (h.reason, h.until)),
            explanation: desk.desired.explanation.clone(),
            touch: desk.touch(),
            mark: desk.mark.map(|m| m.mark),
            position: desk.position.size(),
            net_max: desk.params.risk.net_max,
            layers: desk.params.quoting.layers,
            cancels_per_min_limit: desk.params.orders.cancels_per_min_max,
            entry: desk.position.entry(&desk.instrument),
            realized: desk.position.realised(),
            unrealized: desk
                .mark_or_mid()
                .map(|p| desk.position.unrealised(&desk.instrument, p)),
            cost: desk.position.cost(),
            fees: desk.position.fees(),
            funding: desk.position.funding(),
            funding_settled: desk.position.funding_settled(),
            trade_id_max: desk.position.trade_id_max(),
            trades_from: desk.kept().trades_from,
            orders: desk.tracker.iter().map(OrderView::of).collect(),
            expected: PerSide {
                buy: wanted(Side::Buy),
                sell: wanted(Side::Sell),
            },
            resting: PerSide {
                buy: count(Side::Buy),
                sell: count(Side::Sell),
            },
            exposure: desk.tracker.exposure(),
            streams: STREAMS.map(|stream| StreamView {
                stream,
                pulse: desk.liveness.pulse(stream),
                age: desk.liveness.age(stream, now.mono),
                lag: desk.liveness.lag(stream),
                suspect_after: desk.liveness.suspect_after(stream),
            }),
            cross_check: desk.cross_check(),
            reconciled_at: desk.reconciled_at(),
            cancels_last_min: desk.cancel_budget.used(now.mono),
            safety_cancels_last_min: desk.safety_cancels.used(now.mono),
            pressure: desk.ratios.pressure(now.mono),
            dead_man_deadline: desk.dead_man.deadline,
            record: desk.record,
        }
    }
}

impl OrderView {
    fn of(order: &crate::orders::state::Order) -> Self {
        Self {
            id: order.id,
            side: order.side,
            price: order.price,
            size: order.size,
            filled: order.filled,
            state: order.state(),
            placed_at: order.placed_at,
        }
    }
}
