//! One symbol's book and orders together with the shared accounts, for the length of one operation; knows how orders begin, fill and end.

mod fill;

use crate::api::{
    AccountId, ClientId, E8, ExecutionType, ExpiryReason, FundingRateView, MarketEvent, OrderId,
    OrderStatus, OrderUpdate, PositionSide, Side, SymbolId, TradeId, UserEvent,
};
use crate::book::Book;
use crate::feed::{Feed, Touch};
use crate::house::House;
use crate::mark::Mark;
use crate::orders::{Counted, OpenOrders, Order, ms};
use crate::prng::Prng;
use crate::symbol::SymbolSpec;
use crate::timers::Timer;

/// Everything of one symbol.
#[derive(Debug)]
pub(crate) struct Market {
    pub id: SymbolId,
    pub spec: SymbolSpec,
    /// Margin asset, as the house numbers them.
    pub asset: usize,
    pub book: Book,
    pub feed: Feed,
    pub mark: Mark,
    pub open: OpenOrders,
    pub next_order_id: OrderId,
    pub next_trade_id: TradeId,
    /// Signed position of the anonymous background: the negative of all positions.
    pub background_qty: i128,
    pub funding_rates: Vec<FundingRateView>,
    pub prng: Prng,
}

impl Market {
    /// Middle of best bid and ask; `None` when a side is empty.
    pub(crate) fn mid(&self) -> Option<E8> {
        let (bid, _) = self.book.best(Side::Buy)?;
        let (ask, _) = self.book.best(Side::Sell)?;
        Some(bid + (ask - bid) / 2)
    }

    pub(crate) fn touch(&self) -> Touch {
        Touch::of(&self.book)
    }
}

/// The place where one operation happens.
pub(crate) struct Pit<'a> {
    pub now_us: u64,
    pub market: &'a mut Market,
    pub house: &'a mut House,
    /// An incoming reduce-only order, which ranks before resting ones.
    pub incoming: Option<OrderId>,
}

impl<'a> Pit<'a> {
    pub(crate) fn new(now_us: u64, market: &'a mut Market, house: &'a mut House) -> Pit<'a> {
        Pit {
            now_us,
            market,
            house,
            incoming: None,
        }
    }

    pub(crate) fn tell_symbol(&mut self, event: MarketEvent) {
        self.house.tell_symbol(self.now_us, self.market.id, event);
    }

    /// Publishes the touch if it changed; called at the end of each operation.
    pub(crate) fn flush_ticker(&mut self) {
        if let Some(event) = self.market.feed.ticker(&self.market.book) {
            self.tell_symbol(event);
        }
    }

    /// Books a new order as open and tells its owner (NEW). It is not in the book yet.
    pub(crate) fn begin(&mut self, order: Order) {
        if order.good_till_date_ms > 0 {
            let due_us = gtd_due_us(&order);
            self.house
                .timers
                .arm(due_us, Timer::GoodTillDate(self.market.id, order.id));
        }
        self.house.ledger.on_accepted(&order);
        let update = self.report(&order, ExecutionType::New);
        self.market.open.insert(order);
        let update = self.with_notionals(update, |_| {});
        self.tell_order(update);
    }

    /// Puts the open quantity of an order at the tail of its level.
    pub(crate) fn rest(&mut self, id: OrderId) {
        if let Some(order) = self.market.open.find(id) {
            let (side, price, account, qty) =
                (order.side, order.price, order.account, order.remaining());
            self.house.ledger.on_rested(order);
            self.market
                .book
                .add_client(self.now_us, side, price, account, id, qty);
        }
    }

    /// Takes an order out of the book, if it is there; the order stays open.
    pub(crate) fn pull(&mut self, id: OrderId) {
        if let Some(order) = self.market.open.find(id) {
            self.market
                .book
                .reduce_client(self.now_us, order.side, order.price, id, E8::MAX);
        }
    }

    /// Ends an open order unfilled and tells its owner; does nothing when it is not open.
    pub(crate) fn end(&mut self, id: OrderId, ending: Ending) {
        self.pull(id);
        let status = ending.status();
        if let Some(order) = self.market.open.find_mut(id) {
            order.status = status;
        }
        let Some(order) = self.close(id) else { return };
        let update = self.report(&order, ending.execution());
        let update = self.with_notionals(update, |update| update.expiry_reason = ending.reason());
        self.tell_order(update);
    }

    /// Moves an order that has its last status from the open ones into the records.
    fn close(&mut self, id: OrderId) -> Option<Order> {
        let mut order = self.market.open.remove(id)?;
        order.updated_us = self.now_us;
        if order.good_till_date_ms > 0 {
            self.house
                .timers
                .disarm(gtd_due_us(&order), Timer::GoodTillDate(self.market.id, id));
        }
        self.house.ledger.on_done(&order);
        let rules = self.house.quant_rules;
        self.house
            .holding_mut(order.account, order.symbol)
            .rules
            .on_done(&order, &rules);
        self.house
            .account_mut(order.account)
            .history
            .push_order(order.clone());
        Some(order)
    }

    /// An ORDER_TRADE_UPDATE of an order as it is, without fill.
    pub(crate) fn report(&self, order: &Order, execution: ExecutionType) -> Report {
        Report {
            account: order.account,
            update: OrderUpdate {
                time_ms: ms(self.now_us),
                symbol: order.symbol,
                client_id: order.client_id,
                side: order.side,
                order_type: order.order_type,
                time_in_force: order.time_in_force,
                orig_qty: order.orig_qty,
                price: order.price,
                avg_price: order.avg_price(),
                execution,
                status: order.status,
                order_id: order.id,
                modify_id: None,
                last_qty: 0,
                cum_qty: order.executed,
                last_price: 0,
                commission: 0,
                trade_id: 0,
                bid_notional: 0,
                ask_notional: 0,
                is_maker: false,
                reduce_only: order.reduce_only,
                position_side: PositionSide::Both,
                realized_pnl: 0,
                stp: order.stp,
                price_match: order.price_match,
                good_till_date_ms: order.good_till_date_ms,
                expiry_reason: ExpiryReason::None,
            },
        }
    }

    /// Fills in the open notionals as they are now, and what `change` says.
    pub(crate) fn with_notionals(
        &self,
        mut report: Report,
        change: impl FnOnce(&mut OrderUpdate),
    ) -> Report {
        (report.update.bid_notional, report.update.ask_notional) =
            self.market.open.notionals(report.account, Counted::All);
        change(&mut report.update);
        report
    }

    pub(crate) fn tell_order(&mut self, report: Report) {
        self.house.tell_account(
            self.now_us,
            report.account,
            UserEvent::OrderUpdate(report.update),
        );
    }

    /// Ends all open orders of an account, in the order of their ids; returns how many.
    pub(crate) fn end_all(&mut self, account: AccountId, ending: Ending) -> usize {
        let ids: Vec<OrderId> = self.market.open.of(account).map(|order| order.id).collect();
        for id in &ids {
            self.end(*id, ending);
        }
        ids.len()
    }

    /// Ends resting reduce-only orders that could reverse the position (`er` 4): all on the wrong side, and of those on the right side the ones
    /// that come too late. An incoming one ranks first, then better prices, then older orders.
    pub(crate) fn enforce_reduce_only(&mut self, account: AccountId) {
        if !self.market.open.has_reduce_only() {
            return;
        }
        let position = self.house.holding(account, self.market.id).position.qty;
        let mut ranked: Vec<(bool, E8, OrderId, Side, E8)> = self
            .market
            .open
            .of(account)
            .filter(|order| order.reduce_only)
            .map(|order| {
                (
                    Some(order.id) != self.incoming,
                    -order.side.sign() * order.price,
                    order.id,
                    order.side,
                    order.remaining(),
                )
            })
            .collect();
        ranked.sort_unstable_by_key(|(resting, rank, id, _, _)| (*resting, *rank, *id));
        let mut room = position.abs();
        for (_, _, id, side, qty) in ranked {
            let reduces = position != 0 && side.sign() == -position.signum();
            if reduces && qty <= room {
                room -= qty;
            } else if Some(id) != self.incoming {
                self.end(id, Ending::Expired(ExpiryReason::ReduceOnly));
            }
        }
    }

    /// A client order id made by the venue.
    pub(crate) fn make_client_id(&mut self) -> ClientId {
        const ALPHABET: &[u8] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
        let text: String = (0..22)
            .map(|_| random_letter(&mut self.house.prng, ALPHABET))
            .collect();
        ClientId::parse(&text).expect("letters and digits make a client id")
    }
}

/// One of the letters of an alphabet.
pub(crate) fn random_letter(prng: &mut Prng, alphabet: &[u8]) -> char {
    let place = usize::try_from(prng.below(alphabet.len() as u64)).unwrap_or(0);
    alphabet.get(place).copied().map_or('a', char::from)
}

/// An ORDER_TRADE_UPDATE and whose it is.
pub(crate) struct Report {
    pub account: AccountId,
    pub update: OrderUpdate,
}

/// How an order ends other than by its last fill.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// By request, dead-man timer or modification.
    Canceled,
    /// By the venue.
    Expired(ExpiryReason),
    /// By self-trade prevention.
    SelfTrade(ExpiryReason),
}

impl Ending {
    fn status(self) -> OrderStatus {
        match self {
            Ending::Canceled => OrderStatus::Canceled,
            Ending::Expired(_) => OrderStatus::Expired,
            Ending::SelfTrade(_) => OrderStatus::ExpiredInMatch,
        }
    }

    fn execution(self) -> ExecutionType {
        match self {
            Ending::Canceled => ExecutionType::Canceled,
            Ending::Expired(_) | Ending::SelfTrade(_) => ExecutionType::Expired,
        }
    }

    fn reason(self) -> ExpiryReason {
        match self {
            Ending::Canceled => ExpiryReason::None,
            Ending::Expired(reason) | Ending::SelfTrade(reason) => reason,
        }
    }
}

fn gtd_due_us(order: &Order) -> u64 {
    u64::try_from(order.good_till_date_ms)
        .unwrap_or(0)
        .saturating_mul(1000)
}
