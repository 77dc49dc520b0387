//! The market side of one symbol: what a background flow (synthetic or replayed) may read and do; knows no account.

use crate::api::{E8, Side, SymbolId};
pub use crate::book::Removal;
use crate::book::{Head, crosses};
pub use crate::mark::RecordedMark;
use crate::orders::Order;
use crate::pit::Pit;
use crate::symbol::SymbolSpec;

/// Where the market of a symbol comes from. The exchange holds one per symbol and calls it exactly at the instants it asks for.
pub trait MarketFlow: Send {
    /// Acts on the book at `now_us` (µs since the epoch), which is the instant last returned by [`MarketFlow::next_due_us`], or the first
    /// `advance` of the exchange after the flow was attached.
    fn advance(&mut self, now_us: u64, market: &mut MarketSide<'_>);

    /// The next instant at which it wants to act, µs; `None` when it has nothing more to do. After `advance(now)` it must lie after `now`
    /// (an earlier instant is taken as `now + 1`).
    fn next_due_us(&self) -> Option<u64>;

    /// Moves the price by `bps` (signed) over `over_ms`, from its next turn on and for good. False when this flow cannot be moved, or too many moves wait.
    fn push_price(&mut self, bps: i64, over_ms: u64) -> bool {
        let _ = (bps, over_ms);
        false
    }
}

/// What an anonymous aggressor got.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// Quantity filled, background and client orders together.
    pub qty: E8,
    /// Of which from client orders.
    pub client_qty: E8,
    /// Price of the last fill; 0 when nothing filled.
    pub last_price: E8,
}

/// Access to one symbol's book for the time of one call. Prices must lie on the tick grid and quantities on the step grid; the
/// book is never left crossed.
pub struct MarketSide<'a> {
    pit: Pit<'a>,
}

impl<'a> MarketSide<'a> {
    pub(crate) fn new(pit: Pit<'a>) -> MarketSide<'a> {
        MarketSide { pit }
    }
}

impl MarketSide<'_> {
    /// The instant of this call, µs.
    #[must_use]
    pub fn now_us(&self) -> u64 {
        self.pit.now_us
    }

    /// Which symbol.
    #[must_use]
    pub fn symbol(&self) -> SymbolId {
        self.pit.market.id
    }

    /// The symbol's rules.
    #[must_use]
    pub fn spec(&self) -> &SymbolSpec {
        &self.pit.market.spec
    }

    /// Best price of a side (`Buy` = bids) and its total quantity, client orders included.
    #[must_use]
    pub fn best(&self, side: Side) -> Option<(E8, E8)> {
        self.pit.market.book.best(side)
    }

    /// Total quantity at a price, client orders included; 0 when there is no level.
    #[must_use]
    pub fn level_total(&self, side: Side, price: E8) -> E8 {
        self.pit.market.book.total_at(side, price)
    }

    /// Background quantity at a price.
    #[must_use]
    pub fn level_background(&self, side: Side, price: E8) -> E8 {
        self.pit.market.book.background_at(side, price)
    }

    /// Levels of a side, best first: (price, total quantity).
    pub fn levels(&self, side: Side) -> impl Iterator<Item = (E8, E8)> + '_ {
        self.pit.market.book.levels(side)
    }

    /// How many levels a side has.
    #[must_use]
    pub fn level_count(&self, side: Side) -> usize {
        self.pit.market.book.level_count(side)
    }

    /// Present mark price.
    #[must_use]
    pub fn mark(&self) -> E8 {
        self.pit.market.mark.mark
    }

    /// Adds background quantity at the tail of a level. A price that crosses the other side first takes what it crosses (client orders
    /// included, at their prices), the rest joins the level. Returns what was taken.
    pub fn add_background(&mut self, side: Side, price: E8, qty: E8) -> Taken {
        let taken = self.pit.match_anonymous(side, qty, Some(price));
        self.pit
            .market
            .book
            .add_background(self.pit.now_us, side, price, qty - taken.qty);
        self.pit.flush_ticker();
        taken
    }

    /// Removes up to `qty` of background quantity from a level; client orders stay. Returns how much was removed.
    pub fn remove_background(&mut self, side: Side, price: E8, qty: E8, removal: Removal) -> E8 {
        let market = &mut *self.pit.market;
        let removed = market.book.remove_background(
            self.pit.now_us,
            side,
            price,
            qty,
            removal,
            &mut market.prng,
        );
        self.pit.flush_ticker();
        removed
    }

    /// An anonymous aggressor on `side` (`Buy` lifts asks) for up to `qty`, not beyond `limit_price` when given. What is not filled is gone.
    pub fn take(&mut self, side: Side, qty: E8, limit_price: Option<E8>) -> Taken {
        let taken = self.pit.match_anonymous(side, qty, limit_price);
        self.pit.flush_ticker();
        taken
    }

    /// Sets the *background* quantity of a level to a recorded absolute value (0 removes it).
    /// An increase joins the tail; a decrease leaves according to `removal`. Where a recorded price crosses the other side, client orders there
    /// fill at their price up to the recorded quantity (which is reduced by it) and background levels there are dropped as overtaken.
    /// A recorded level that is set again with the same quantity can fill again: the recording does not know that we took part of it.
    pub fn set_level(&mut self, side: Side, price: E8, qty: E8, removal: Removal) -> Taken {
        let mut taken = Taken::default();
        while taken.qty < qty && self.pit.market.book.would_cross(side, price) {
            self.overtake(side, qty, &mut taken);
        }
        let target = qty - taken.qty;
        let present = self.level_background(side, price);
        if target > present {
            self.pit
                .market
                .book
                .add_background(self.pit.now_us, side, price, target - present);
        } else {
            let market = &mut *self.pit.market;
            market.book.remove_background(
                self.pit.now_us,
                side,
                price,
                present - target,
                removal,
                &mut market.prng,
            );
        }
        self.pit.flush_ticker();
        taken
    }

    /// One step against the best level of the other side: drops its background, or fills its first client order.
    fn overtake(&mut self, side: Side, qty: E8, taken: &mut Taken) {
        let resting_side = side.opposite();
        match self.pit.market.book.best_head(resting_side) {
            None => {}
            Some((price, Head::Background(_))) => {
                let market = &mut *self.pit.market;
                market.book.remove_background(
                    self.pit.now_us,
                    resting_side,
                    price,
                    E8::MAX,
                    Removal::FromBack,
                    &mut market.prng,
                );
            }
            Some((price, head @ Head::Client(_))) => {
                self.pit.hit_head(side, price, head, qty - taken.qty, taken)
            }
        }
    }

    /// A recorded trade: the aggressor on `side` traded `qty` at `price`. Client orders at better prices fill first (at their prices), then the
    /// queue at `price` from its head, client orders included. The whole `qty` is published as trades even where the book held less.
    pub fn trade_through(&mut self, side: Side, price: E8, qty: E8) -> Taken {
        let mut taken = Taken::default();
        self.fill_better_clients(side, price, qty, &mut taken);
        while taken.qty < qty {
            let Some(head) = self.pit.market.book.head_at(side.opposite(), price) else {
                break;
            };
            self.pit
                .hit_head(side, price, head, qty - taken.qty, &mut taken);
        }
        if taken.qty < qty {
            self.pit.publish_trade(side, price, qty - taken.qty);
        }
        self.pit.flush_ticker();
        taken
    }

    /// Fills client orders at prices that the trade has passed, best price first, each level in queue order. Background there is left to the
    /// recording, which will say what became of it.
    fn fill_better_clients(&mut self, side: Side, price: E8, qty: E8, taken: &mut Taken) {
        let resting_side = side.opposite();
        let passed = |order: &&Order| {
            order.side == resting_side && order.price != price && crosses(side, price, order.price)
        };
        let mut prices: Vec<E8> = self
            .pit
            .market
            .open
            .iter()
            .filter(passed)
            .map(|order| order.price)
            .collect();
        prices.sort_unstable_by_key(|resting| resting * side.sign());
        prices.dedup();
        for resting_price in prices {
            while taken.qty < qty {
                let Some(first) = self
                    .pit
                    .market
                    .book
                    .clients_at(resting_side, resting_price)
                    .first()
                    .copied()
                else {
                    break;
                };
                self.pit.hit_head(
                    side,
                    resting_price,
                    Head::Client(first),
                    qty - taken.qty,
                    taken,
                );
            }
        }
    }

    /// Removes all background quantity of both sides (a recording starts anew after a gap); client orders stay.
    pub fn clear_background(&mut self) {
        let market = &mut *self.pit.market;
        for side in [Side::Buy, Side::Sell] {
            for price in market.book.background_prices(side) {
                market.book.remove_background(
                    self.pit.now_us,
                    side,
                    price,
                    E8::MAX,
                    Removal::FromBack,
                    &mut market.prng,
                );
            }
        }
        self.pit.flush_ticker();
    }

    /// Uses recorded mark, index and funding rate from now on instead of the venue's own model. They are published at the next full second.
    pub fn apply_mark(&mut self, recorded: RecordedMark) {
        self.pit.market.mark.apply(recorded);
    }
}
