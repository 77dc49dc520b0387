//! Price-time priority: an incoming quantity against the queue heads of the other side; knows no filter and no margin.

use crate::api::{E8, ExpiryReason, OrderId, OrderType, Side, StpMode, TimeInForce};
use crate::book::{Head, crosses};
use crate::market::Taken;
use crate::orders::Order;
use crate::pit::{Ending, Pit};

/// Why an incoming client order stopped matching.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// Filled, or nothing left to trade with.
    Done,
    /// Self-trade prevention ends it.
    SelfTrade,
}

impl Pit<'_> {
    /// An anonymous aggressor; what is not filled is gone.
    pub(crate) fn match_anonymous(&mut self, side: Side, qty: E8, limit: Option<E8>) -> Taken {
        let mut taken = Taken::default();
        let resting_side = side.opposite();
        while taken.qty < qty {
            let Some((price, head)) = self.market.book.best_head(resting_side) else {
                break;
            };
            if limit.is_some_and(|limit| !crosses(side, limit, price)) {
                break;
            }
            self.hit_head(side, price, head, qty - taken.qty, &mut taken);
        }
        taken
    }

    /// An anonymous aggressor takes up to `qty` from the head of one queue.
    pub(crate) fn hit_head(
        &mut self,
        side: Side,
        price: E8,
        head: Head,
        qty: E8,
        taken: &mut Taken,
    ) {
        let resting_side = side.opposite();
        taken.last_price = price;
        match head {
            Head::Background(available) => {
                let filled = self.market.book.take_background(
                    self.now_us,
                    resting_side,
                    price,
                    available.min(qty),
                );
                self.trade(None, None, side, price, filled);
                taken.qty += filled;
            }
            Head::Client(resting) => {
                let filled = self.market.book.reduce_client(
                    self.now_us,
                    resting_side,
                    price,
                    resting.order,
                    resting.qty.min(qty),
                );
                self.trade(None, Some(resting.order), side, price, filled);
                taken.qty += filled;
                taken.client_qty += filled;
            }
        }
    }

    /// Matches an open client order that is not in the book, up to a limit (or without one).
    pub(crate) fn match_client(&mut self, id: OrderId, limit: Option<E8>) -> Stop {
        loop {
            let Some(order) = self.market.open.find(id) else {
                return Stop::Done;
            };
            let (side, account, remaining) = (order.side, order.account, order.remaining());
            let prevention = prevention(order);
            let Some((price, head)) = self.market.book.best_head(side.opposite()) else {
                return Stop::Done;
            };
            if remaining == 0 || limit.is_some_and(|limit| !crosses(side, limit, price)) {
                return Stop::Done;
            }
            match head {
                Head::Client(resting)
                    if resting.account == account && prevention != StpMode::None =>
                {
                    if self.prevent(prevention, resting.order) == Stop::SelfTrade {
                        return Stop::SelfTrade;
                    }
                }
                Head::Client(resting) => {
                    let filled = self.market.book.reduce_client(
                        self.now_us,
                        side.opposite(),
                        price,
                        resting.order,
                        resting.qty.min(remaining),
                    );
                    self.trade(Some(id), Some(resting.order), side, price, filled);
                }
                Head::Background(available) => {
                    let filled = self.market.book.take_background(
                        self.now_us,
                        side.opposite(),
                        price,
                        available.min(remaining),
                    );
                    self.trade(Some(id), None, side, price, filled);
                }
            }
        }
    }

    /// Self-trade prevention against one resting order; says whether the incoming one ends too.
    fn prevent(&mut self, mode: StpMode, resting: OrderId) -> Stop {
        match mode {
            StpMode::None => Stop::Done,
            StpMode::ExpireTaker => Stop::SelfTrade,
            StpMode::ExpireMaker => {
                self.end(resting, Ending::SelfTrade(ExpiryReason::SelfTrade));
                Stop::Done
            }
            StpMode::ExpireBoth => {
                self.end(resting, Ending::SelfTrade(ExpiryReason::SelfTrade));
                Stop::SelfTrade
            }
        }
    }

    /// Matches a booked order according to its kind and rests or ends what is left.
    pub(crate) fn execute(&mut self, id: OrderId, bound: Option<E8>) {
        let Some(order) = self.market.open.find(id) else {
            return;
        };
        let (order_type, time_in_force) = (order.order_type, order.time_in_force);
        self.incoming = order.reduce_only.then_some(id);
        let stop = match time_in_force {
            TimeInForce::Gtx => Stop::Done,
            TimeInForce::Gtc | TimeInForce::Ioc | TimeInForce::Fok | TimeInForce::Gtd => {
                self.match_client(id, bound)
            }
        };
        self.incoming = None;
        match (order_type, time_in_force, stop) {
            (OrderType::Market | OrderType::Liquidation, _, Stop::Done) => {
                self.end(id, Ending::Expired(ExpiryReason::MarketRemainder))
            }
            (OrderType::Market | OrderType::Liquidation, _, Stop::SelfTrade) => {
                self.end(id, Ending::SelfTrade(ExpiryReason::IocSelfTrade))
            }
            (OrderType::Limit, TimeInForce::Ioc | TimeInForce::Fok, Stop::Done) => {
                self.end(id, Ending::Expired(ExpiryReason::IocRemainder))
            }
            (OrderType::Limit, TimeInForce::Ioc | TimeInForce::Fok, Stop::SelfTrade) => {
                self.end(id, Ending::SelfTrade(ExpiryReason::IocSelfTrade))
            }
            (
                OrderType::Limit,
                TimeInForce::Gtc | TimeInForce::Gtx | TimeInForce::Gtd,
                Stop::SelfTrade,
            ) => self.end(id, Ending::SelfTrade(ExpiryReason::SelfTrade)),
            (
                OrderType::Limit,
                TimeInForce::Gtc | TimeInForce::Gtx | TimeInForce::Gtd,
                Stop::Done,
            ) => self.rest(id),
        }
    }
}

/// The mode that holds while an order takes: post-only and fill-or-kill orders know none (protocol §0.9).
fn prevention(order: &Order) -> StpMode {
    match order.time_in_force {
        TimeInForce::Gtc | TimeInForce::Ioc | TimeInForce::Gtd => order.stp,
        TimeInForce::Gtx | TimeInForce::Fok => StpMode::None,
    }
}
