//! A venue with two symbols, two accounts and a quiet book, and short ways to act on it.

use phoenix_exchange::api::*;
use phoenix_exchange::market::MarketSide;
use phoenix_exchange::{Exchange, ExchangeConfig, SymbolSpec, decimal};

/// 2026-01-01 00:00:00 UTC.
pub const START_US: u64 = 1_767_225_600_000_000;
pub const SECOND_US: u64 = 1_000_000;
pub const ETH: SymbolId = SymbolId(0);
pub const BTC: SymbolId = SymbolId(1);
pub const ANN: AccountId = AccountId(0);
pub const BOB: AccountId = AccountId(1);

/// A decimal.
pub fn d(text: &str) -> E8 {
    decimal::parse(text).unwrap()
}

pub fn id(text: &str) -> ClientId {
    ClientId::parse(text).unwrap()
}

pub struct Bench {
    pub venue: Exchange,
    pub now_us: u64,
}

impl Bench {
    /// Ann and Bob with 5000 USDC each; empty books.
    pub fn empty() -> Bench {
        let symbols = vec![
            (SymbolSpec::ethusdc(), d("2500")),
            (SymbolSpec::btcusdc(), d("60000")),
        ];
        let mut venue = Exchange::new(ExchangeConfig::new(START_US, symbols), 7);
        assert_eq!(venue.add_account(&[("USDC", d("5000"))]), ANN);
        assert_eq!(venue.add_account(&[("USDC", d("5000"))]), BOB);
        Bench {
            venue,
            now_us: START_US,
        }
    }

    /// ETHUSDC with five levels of 10 ETH on each side: bids 2499.99 down, asks 2500.01 up.
    pub fn quiet() -> Bench {
        let mut bench = Bench::empty();
        bench.market(|market| {
            for step in 1..=5 {
                market.add_background(Side::Buy, d("2500") - step * d("0.01"), d("10"));
                market.add_background(Side::Sell, d("2500") + step * d("0.01"), d("10"));
            }
        });
        bench.drain();
        bench
    }

    pub fn market<R>(&mut self, act: impl FnOnce(&mut MarketSide<'_>) -> R) -> R {
        self.venue.with_market(self.now_us, ETH, act)
    }

    pub fn pass(&mut self, us: u64) {
        self.now_us += us;
        self.venue.advance(self.now_us);
    }

    pub fn limit(
        &self,
        side: Side,
        price: &str,
        qty: &str,
        time_in_force: TimeInForce,
    ) -> NewOrder {
        NewOrder::limit(ETH, side, d(price), d(qty), time_in_force)
    }

    pub fn place(&mut self, account: AccountId, order: &NewOrder) -> Result<OrderView, ApiError> {
        self.venue.place(self.now_us, account, order)
    }

    /// Places a LIMIT order that must be accepted.
    pub fn put(
        &mut self,
        account: AccountId,
        side: Side,
        price: &str,
        qty: &str,
        time_in_force: TimeInForce,
    ) -> OrderView {
        let order = self.limit(side, price, qty, time_in_force);
        self.place(account, &order).unwrap()
    }

    /// Trades at MARKET.
    pub fn trade(&mut self, account: AccountId, side: Side, qty: &str) -> OrderView {
        self.place(account, &NewOrder::market(ETH, side, d(qty)))
            .unwrap()
    }

    pub fn code(&mut self, account: AccountId, order: &NewOrder) -> i64 {
        self.place(account, order)
            .map_or_else(|error| error.code, |_| 0)
    }

    pub fn cancel(&mut self, account: AccountId, order: &OrderView) -> Result<OrderView, ApiError> {
        self.venue.cancel(
            self.now_us,
            account,
            order.symbol,
            OrderRef::Id(order.order_id),
        )
    }

    pub fn status(&self, account: AccountId, order: &OrderView) -> OrderStatus {
        self.venue
            .order(account, order.symbol, OrderRef::Id(order.order_id))
            .unwrap()
            .status
    }

    pub fn position(&self, account: AccountId) -> E8 {
        self.venue
            .positions(account, Some(ETH))
            .first()
            .unwrap()
            .qty
    }

    pub fn wallet(&self, account: AccountId) -> E8 {
        self.venue.balances(account).first().unwrap().wallet
    }

    pub fn drain(&mut self) -> Vec<Event> {
        let mut events = Vec::new();
        self.venue.drain_events(&mut events);
        events
    }

    /// The user events of an account since the last drain.
    pub fn user_events(&mut self, account: AccountId) -> Vec<UserEvent> {
        let ours = |event: Event| match event.body {
            EventBody::User(user) if event.to == Recipient::Account(account) => Some(*user),
            EventBody::User(_) | EventBody::Market(_) => None,
        };
        self.drain().into_iter().filter_map(ours).collect()
    }

    /// The order updates of an account since the last drain.
    pub fn order_updates(&mut self, account: AccountId) -> Vec<OrderUpdate> {
        let updates = |event| match event {
            UserEvent::OrderUpdate(update) => Some(update),
            _ => None,
        };
        self.user_events(account)
            .into_iter()
            .filter_map(updates)
            .collect()
    }

    /// What must hold at any time.
    pub fn check_books(&self) {
        assert_eq!(self.venue.conservation_gap("USDC"), 0);
        for symbol in [ETH, BTC] {
            assert_eq!(self.venue.position_gap(symbol), 0);
            let ticker = self.venue.book_ticker(symbol);
            assert!(
                ticker.bid.0 == 0 || ticker.ask.0 == 0 || ticker.bid.0 < ticker.ask.0,
                "crossed: {ticker:?}"
            );
        }
    }
}
