//! Owns the checker's own account of each symbol, kept from the exchange's events alone: orders that rest, the position, and what
//! the touch was when.

use super::past::Past;
use crate::binance::client_id::ClientIds;
use crate::sim::setting::ASSET;
use crate::sim::venue::Venue;
use phoenix_core::engine::view::SymbolView;
use phoenix_core::instrument::SymbolId;
use phoenix_core::order::Owner;
use phoenix_core::units::{Lots, Mono, Side, Span, Ticks};
use phoenix_exchange::api::{
    self, AccountId, EventBody, ExecutionType, IncomeKind, IncomeQuery, MarketEvent, Recipient,
    UserEvent,
};
use std::collections::{BTreeMap, VecDeque};

/// Touches remembered; one that is older than all of them has the age of the oldest.
const TOUCHES_MAX: usize = 4_096;
/// By how much cash may differ where a position was taken over at its average price, in 1e-8: 0.0001 quote units.
const ROUNDED_MAX: i128 = 10_000;

/// Whose account is watched, and how its orders are told from others'.
#[derive(Debug)]
pub struct Account {
    id: AccountId,
    ids: ClientIds,
    /// Tick and step of each symbol.
    grids: Vec<(i64, i64)>,
}

/// What an event of the exchange changes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Change {
    /// An order rests.
    Rested {
        symbol: SymbolId,
        order: u64,
        side: Side,
        size: Lots,
        reduce_only: bool,
        ours: bool,
    },
    /// An order was changed.
    Amended {
        symbol: SymbolId,
        order: u64,
        left: Lots,
    },
    /// The account traded.
    Traded {
        symbol: SymbolId,
        order: u64,
        side: Side,
        size: Lots,
        is_done: bool,
        ours: bool,
    },
    /// An order is gone.
    Gone { symbol: SymbolId, order: u64 },
    /// The symbol's depth stream has something to say.
    Spoke { symbol: SymbolId },
    /// The best prices are these.
    Touch {
        symbol: SymbolId,
        bid: Ticks,
        ask: Ticks,
    },
}

impl Change {
    /// Of which symbol.
    #[must_use]
    pub const fn symbol(&self) -> SymbolId {
        match self {
            Self::Rested { symbol, .. }
            | Self::Amended { symbol, .. }
            | Self::Traded { symbol, .. }
            | Self::Gone { symbol, .. }
            | Self::Spoke { symbol }
            | Self::Touch { symbol, .. } => *symbol,
        }
    }
}

impl Account {
    /// For an account of the venue.
    #[must_use]
    pub fn new(venue: &Venue, ids: ClientIds) -> Self {
        let grids = venue.exchange.symbols().map(|(_, s)| (s.tick, s.step));
        Self {
            id: venue.account,
            ids,
            grids: grids.collect(),
        }
    }

    /// What an event says of the account or of a touch.
    #[must_use]
    pub fn read(&self, event: &phoenix_exchange::Event) -> Option<Change> {
        match (&event.body, event.to) {
            (EventBody::User(user), Recipient::Account(account)) if account == self.id => {
                match user.as_ref() {
                    UserEvent::OrderUpdate(update) => self.order(update),
                    _ => None,
                }
            }
            (EventBody::Market(MarketEvent::BookTicker(t)), Recipient::Symbol(symbol)) => {
                let (tick, _) = *self.grids.get(symbol.index())?;
                Some(Change::Touch {
                    symbol: SymbolId(symbol.0),
                    bid: Ticks(t.bid.0 / tick),
                    ask: Ticks(t.ask.0 / tick),
                })
            }
            (EventBody::Market(MarketEvent::Depth(_)), Recipient::Symbol(symbol)) => {
                let symbol = SymbolId(symbol.0);
                Some(Change::Spoke { symbol })
            }
            (EventBody::User(_) | EventBody::Market(_), _) => None,
        }
    }

    fn order(&self, update: &api::OrderUpdate) -> Option<Change> {
        let (_, step) = *self.grids.get(update.symbol.index())?;
        let lots = |qty: i64| Lots(qty / step);
        let symbol = SymbolId(update.symbol.0);
        let order = update.order_id;
        let side = match update.side {
            api::Side::Buy => Side::Buy,
            api::Side::Sell => Side::Sell,
        };
        let ours = matches!(self.ids.decode(update.client_id.as_str()), Owner::Ours(_));
        Some(match update.execution {
            ExecutionType::New => Change::Rested {
                symbol,
                order,
                side,
                size: lots(update.orig_qty),
                reduce_only: update.reduce_only,
                ours,
            },
            ExecutionType::Amendment => Change::Amended {
                symbol,
                order,
                left: lots(update.orig_qty - update.cum_qty),
            },
            ExecutionType::Trade | ExecutionType::Calculated => Change::Traded {
                symbol,
                order,
                side,
                size: lots(update.last_qty),
                is_done: !update.status.is_open(),
                ours,
            },
            ExecutionType::Canceled | ExecutionType::Expired => Change::Gone { symbol, order },
        })
    }
}

#[derive(Debug, Clone, Copy)]
struct Open {
    side: Side,
    left: Lots,
    reduce_only: bool,
}

/// One symbol.
#[derive(Debug, Default)]
pub struct Book {
    /// Orders of ours that rest.
    open: BTreeMap<u64, Open>,
    position: Lots,
    touches: VecDeque<(Mono, Ticks, Ticks)>,
    /// What the process believes in, and since when.
    believed: Option<((Ticks, Ticks), Mono)>,
    /// `net_max` and layers, and since when they are in force.
    bounds: Vec<(Mono, Lots, u16)>,
    meddled_at: Option<Mono>,
    spoke_at: Option<Mono>,
}

impl Book {
    /// Takes over a change; returns the side of an order of ours that could grow the position.
    pub fn apply(&mut self, change: &Change, at: Mono) -> Option<Side> {
        match *change {
            Change::Rested {
                order,
                side,
                size,
                reduce_only,
                ours,
                ..
            } => {
                if !ours {
                    return None;
                }
                let open = Open {
                    side,
                    left: size,
                    reduce_only,
                };
                self.open.insert(order, open);
                (!reduce_only).then_some(side)
            }
            Change::Amended { order, left, .. } => {
                let open = self.open.get_mut(&order)?;
                open.left = left;
                (!open.reduce_only).then_some(open.side)
            }
            Change::Traded {
                order,
                side,
                size,
                is_done,
                ours,
                ..
            } => {
                self.position = match side {
                    Side::Buy => self.position.saturating_add(size),
                    Side::Sell => self.position.saturating_sub(size),
                };
                if !ours {
                    self.meddled_at = Some(at);
                }
                if let Some(open) = self.open.get_mut(&order) {
                    open.left = open.left.saturating_sub(size);
                }
                if is_done {
                    self.open.remove(&order);
                }
                None
            }
            Change::Gone { order, .. } => {
                self.open.remove(&order);
                None
            }
            Change::Spoke { .. } => {
                self.spoke_at = Some(at);
                None
            }
            Change::Touch { bid, ask, .. } => {
                self.on_touch(bid, ask, at);
                None
            }
        }
    }

    fn on_touch(&mut self, bid: Ticks, ask: Ticks, at: Mono) {
        if self
            .touches
            .back()
            .is_some_and(|(_, b, a)| (*b, *a) == (bid, ask))
        {
            return;
        }
        if self.touches.len() >= TOUCHES_MAX {
            self.touches.pop_front();
        }
        self.touches.push_back((at, bid, ask));
    }

    /// Bounds in force from now on.
    pub fn on_bounds(&mut self, net_max: Lots, layers: u16, now: Mono) {
        self.bounds.push((now, net_max, layers));
    }

    fn bounds_of(&self, now: Mono, within: Span) -> impl Iterator<Item = (Lots, u16)> + '_ {
        // Those that were in force at some instant of the last `within`.
        let from = Mono(now.raw() - within.raw());
        let first = self.bounds.partition_point(|(at, ..)| *at <= from);
        self.bounds
            .iter()
            .skip(first.saturating_sub(1))
            .map(|(_, net_max, layers)| (*net_max, *layers))
    }

    /// The largest `net_max` of the last moments.
    #[must_use]
    pub fn net_max(&self, now: Mono, within: Span) -> Lots {
        self.bounds_of(now, within)
            .map(|(net_max, _)| net_max)
            .max()
            .unwrap_or(Lots::ZERO)
    }

    /// Most orders that the ladder of the last moments allows.
    #[must_use]
    pub fn open_max(&self, now: Mono, within: Span) -> usize {
        let layers = self.bounds_of(now, within).map(|(_, layers)| layers).max();
        usize::from(layers.unwrap_or(0)) * 2 + 2
    }

    /// Position and everything that could still grow it in this direction.
    #[must_use]
    pub fn worst(&self, side: Side) -> Lots {
        let open = self.open.values();
        let open = open.filter(|o| o.side == side && !o.reduce_only);
        let sum = open.fold(Lots::ZERO, |sum, o| sum.saturating_add(o.left));
        match side {
            Side::Buy => self.position.saturating_add(sum),
            Side::Sell => sum.saturating_sub(self.position),
        }
    }

    /// Orders of ours that rest.
    #[must_use]
    pub fn open_count(&self) -> usize {
        self.open.len()
    }

    /// Those of one side.
    #[must_use]
    pub fn open_on(&self, side: Side) -> usize {
        self.open.values().filter(|o| o.side == side).count()
    }

    /// Whether there is a position that orders grow and none reduces.
    #[must_use]
    pub fn is_without_exit(&self) -> bool {
        let Some(out) = (match self.position.raw().signum() {
            1 => Some(Side::Sell),
            -1 => Some(Side::Buy),
            _ => None,
        }) else {
            return false;
        };
        self.open_on(out) == 0 && self.open_on(out.opposite()) > 0
    }

    /// Whether somebody else traded the account, now or a moment ago.
    #[must_use]
    pub fn was_meddled_with(&self, now: Mono, within: Span) -> bool {
        self.meddled_at.is_some_and(|at| now.since(at) <= within)
    }

    /// Whether there was anything to hear of the symbol's depth in the last moments.
    #[must_use]
    pub fn has_spoken(&self, now: Mono, within: Span) -> bool {
        self.spoke_at.is_some_and(|at| now.since(at) <= within)
    }

    /// The best prices that the exchange shows.
    #[must_use]
    pub fn touch(&self) -> Option<(Ticks, Ticks)> {
        self.touches.back().map(|(_, bid, ask)| (*bid, *ask))
    }

    /// For how long the process has believed in best prices that the exchange does not show; zero while it shows them, `None`
    /// before it believed in any. While it believes in none, what it believed last counts.
    pub fn wrong_for(&mut self, belief: Option<(Ticks, Ticks)>, now: Mono) -> Option<Span> {
        let before = self.believed.map(|(touch, _)| touch);
        if let Some(touch) = belief.filter(|touch| Some(*touch) != before) {
            self.believed = Some((touch, now));
        }
        let (touch, adopted_at) = self.believed?;
        let shown_until = self.shown_until(touch, now).unwrap_or(adopted_at);
        Some(now.since(shown_until.max(adopted_at)))
    }

    /// Until when the exchange showed this touch; `None` if it never did.
    fn shown_until(&self, touch: (Ticks, Ticks), now: Mono) -> Option<Mono> {
        let mut until = now;
        for (at, bid, ask) in self.touches.iter().rev() {
            if (*bid, *ask) == touch {
                return Some(until);
            }
            until = *at;
        }
        None
    }

    /// What of the process's books differs from the exchange's, and which promise that breaks.
    #[must_use]
    pub fn differs_from(
        &self,
        symbol: &SymbolView,
        venue: &Venue,
        past: &Past,
    ) -> Option<(&'static str, String)> {
        let (name, bridge) = (symbol.symbol.0, venue.bridge(symbol.symbol)?);
        let id = api::SymbolId(name);
        let held = venue.exchange.positions(venue.account, Some(id));
        let held = bridge.lots(held.first().map_or(0, |p| p.qty));
        if held != self.position {
            let what = format!(
                "symbol {name}: the checker has {:?}, the exchange {held:?}",
                self.position
            );
            return Some(("durable", what));
        }
        if symbol.position != held {
            let what = format!(
                "symbol {name}: position {:?} in the books, {held:?} at the exchange",
                symbol.position
            );
            return Some(("durable", what));
        }
        let tracked = symbol.orders.len();
        if tracked != self.open_count() {
            let what = format!(
                "symbol {name}: {tracked} orders tracked, {} at the exchange",
                self.open_count()
            );
            return Some(("accounted", what));
        }
        if past.has_lied() || past.was_meddled_with() {
            return None;
        }
        money(symbol, venue, id, past.is_rounded())
            .map(|what| ("durable", format!("symbol {name}: {what}")))
    }
}

/// Cash, fees and funding to the last digit. Cash is realised profit less what the open position cost: how the two divide is a matter
/// of method, their difference is not.
fn money(
    symbol: &SymbolView,
    venue: &Venue,
    id: api::SymbolId,
    is_rounded: bool,
) -> Option<String> {
    let trades = venue.exchange.fills(venue.account);
    let (mut cash, mut fees) = (0_i128, 0_i128);
    for trade in trades.filter(|t| t.symbol == id) {
        let value = i128::from(trade.price) * i128::from(trade.qty) / i128::from(api::ONE);
        cash -= i128::from(trade.side.sign()) * value;
        fees -= i128::from(trade.commission);
    }
    let rows = venue.exchange.income(
        venue.account,
        &IncomeQuery {
            kind: Some(IncomeKind::FundingFee),
            symbol: Some(id),
            start_ms: Some(0),
            limit: Some(1_000),
            ..IncomeQuery::default()
        },
    );
    let paid = rows.iter().filter(|row| row.asset == ASSET);
    let funding: i128 = paid.map(|row| i128::from(row.amount)).sum();
    // What a session takes over from the one before is a position at an average price of 1e-8.
    let margin = if is_rounded { ROUNDED_MAX } else { 0 };
    let books = symbol.realized.raw() - symbol.cost.raw();
    let compared = [
        ("cash", i128::from(books), cash, margin),
        ("fees", i128::from(symbol.fees.raw()), fees, 0),
        ("funding", i128::from(symbol.funding.raw()), funding, 0),
    ];
    let (what, books, truth, _) = compared
        .into_iter()
        .find(|(_, a, b, margin)| (a - b).abs() > *margin)?;
    Some(format!(
        "{what} {books} in the books, {truth} at the exchange, in 1e-8"
    ))
}
