//! The venue as its users see it: requests in, views and events out; knows nothing of HTTP, signatures or sessions.
//!
//! Faults (lost events, delays, wrong answers) belong between this and its users, not in here: the venue itself always keeps its rules.

mod accounts;
mod keys;
mod public;
mod shocks;
mod trading;

use crate::account::Account;
use crate::api::{AccountId, Cadence, E8, Event, ExpiryReason, OrderId, StreamMask, SymbolId};
use crate::book::Book;
use crate::feed::Feed;
use crate::funding;
use crate::house::{House, Outbox, Pool};
use crate::ledger::{Ledger, LedgerOrder};
use crate::limits::{LimitConfig, Limiter};
use crate::liquidation;
use crate::mark::Mark;
use crate::market::{MarketFlow, MarketSide};
use crate::orders::OpenOrders;
use crate::pit::{Ending, Market, Pit};
use crate::prng::Prng;
use crate::quant_rules::QuantRuleConfig;
use crate::symbol::SymbolSpec;
use crate::timers::{Timer, Timers, next_multiple};

pub use crate::ledger::Exposure;
pub use crate::limits::Cost;
pub use shocks::{Shock, ShockError};

/// Accounts of one venue.
pub const ACCOUNTS_MAX: usize = 1024;

const MS_US: u64 = 1000;
const SECOND_US: u64 = 1_000_000;
const FIRST_ORDER_ID: OrderId = 8_886_000_000;
const FIRST_TRADE_ID: u64 = 109_000_000;
const FIRST_UPDATE_ID: u64 = 400_900_000_000;

/// One symbol of the venue.
#[derive(Clone, Debug)]
pub struct SymbolConfig {
    /// Rules.
    pub spec: SymbolSpec,
    /// Mark and index until the book has two sides.
    pub initial_price: E8,
    /// Streams that produce events.
    pub streams: StreamMask,
}

/// What the venue is made of.
#[derive(Clone, Debug)]
pub struct ExchangeConfig {
    /// Start of time, µs since the epoch.
    pub start_us: u64,
    /// Symbols; their places are the [`SymbolId`]s.
    pub symbols: Vec<SymbolConfig>,
    /// Request and order limits.
    pub limits: LimitConfig,
    /// Quantitative rules.
    pub quant_rules: QuantRuleConfig,
    /// Life of a listenKey after POST or PUT, ms (60 min).
    pub listen_key_ms: u64,
}

impl ExchangeConfig {
    /// The given symbols (rules and initial price) with all streams and the limits of the protocol.
    #[must_use]
    pub fn new(start_us: u64, symbols: Vec<(SymbolSpec, E8)>) -> ExchangeConfig {
        let symbol = |(spec, initial_price)| SymbolConfig {
            spec,
            initial_price,
            streams: StreamMask::ALL,
        };
        ExchangeConfig {
            start_us,
            symbols: symbols.into_iter().map(symbol).collect(),
            limits: LimitConfig::default(),
            quant_rules: QuantRuleConfig::default(),
            listen_key_ms: 3_600_000,
        }
    }
}

/// A symbol's source of market and when it wants to act.
struct FlowSlot {
    flow: Option<Box<dyn MarketFlow>>,
    due_us: Option<u64>,
}

/// The simulated venue. All `now_us` arguments are µs since the epoch; one that lies before an earlier one is taken as the earlier one.
pub struct Exchange {
    now_us: u64,
    markets: Vec<Market>,
    flows: Vec<FlowSlot>,
    house: House,
    limiter: Limiter,
    listen_key_us: u64,
}

impl Exchange {
    /// A venue with empty books and no accounts. Equal configuration, seed and calls give equal events.
    #[must_use]
    pub fn new(config: ExchangeConfig, seed: u64) -> Exchange {
        let mut prng = Prng::new(seed);
        let assets = margin_assets(&config.symbols);
        let markets: Vec<Market> = (0..)
            .zip(config.symbols)
            .map(|(id, symbol)| {
                build_market(SymbolId(id), symbol, config.start_us, &assets, &mut prng)
            })
            .collect();
        let mut timers = Timers::default();
        let cycle_us = config
            .quant_rules
            .cycle_ms
            .saturating_mul(MS_US)
            .max(SECOND_US);
        let periods = [
            (Timer::Second, SECOND_US),
            (Timer::Feed100, 100 * MS_US),
            (Timer::Feed250, 250 * MS_US),
            (Timer::QuantCycle, cycle_us),
        ];
        for (timer, period_us) in periods {
            timers.arm(next_multiple(config.start_us, period_us), timer);
        }
        for market in &markets {
            timers.arm(market.mark.next_funding_us, Timer::Funding(market.id));
        }
        let house = House {
            accounts: Vec::new(),
            pools: vec![Pool::default(); assets.len()],
            assets,
            outbox: Outbox::default(),
            timers,
            ledger: Ledger::default(),
            prng,
            quant_rules: config.quant_rules,
            next_tran_id: 9_000_000_000,
            next_amendment_id: 1,
        };
        Exchange {
            now_us: config.start_us,
            flows: markets
                .iter()
                .map(|_| FlowSlot {
                    flow: None,
                    due_us: None,
                })
                .collect(),
            markets,
            house,
            limiter: Limiter::new(config.limits),
            listen_key_us: config.listen_key_ms.saturating_mul(MS_US),
        }
    }

    /// Opens an account with deposits of (asset, amount); an asset in which no symbol is margined is ignored.
    ///
    /// # Panics
    /// At `ACCOUNTS_MAX` (a bug of the caller).
    pub fn add_account(&mut self, deposits: &[(&str, E8)]) -> AccountId {
        assert!(
            self.house.accounts.len() < ACCOUNTS_MAX,
            "a venue has at most {ACCOUNTS_MAX} accounts"
        );
        let id = AccountId(
            u16::try_from(self.house.accounts.len()).expect("ACCOUNTS_MAX fits in 16 bits"),
        );
        let specs: Vec<&SymbolSpec> = self.markets.iter().map(|market| &market.spec).collect();
        self.house
            .accounts
            .push(Account::new(id, self.house.assets.len(), &specs));
        for (asset, amount) in deposits {
            self.deposit(id, asset, *amount);
        }
        id
    }

    /// All accounts, in the order of their ids.
    pub fn accounts(&self) -> impl Iterator<Item = AccountId> {
        self.house.accounts.iter().map(|account| account.id)
    }

    /// Gives a symbol its market; replaces an earlier flow. It acts first at the next `advance`.
    pub fn attach_flow(&mut self, symbol: SymbolId, flow: Box<dyn MarketFlow>) {
        let due_us = Some(flow.next_due_us().unwrap_or(self.now_us).max(self.now_us));
        if let Some(slot) = self.flows.get_mut(symbol.index()) {
            *slot = FlowSlot {
                flow: Some(flow),
                due_us,
            };
        }
    }

    /// Acts on a symbol's market by hand (tests, drills), at `now_us`.
    pub fn with_market<R>(
        &mut self,
        now_us: u64,
        symbol: SymbolId,
        act: impl FnOnce(&mut MarketSide<'_>) -> R,
    ) -> R {
        self.advance(now_us);
        act(&mut MarketSide::new(self.pit(symbol)))
    }

    /// Chooses the streams of a symbol that produce events.
    pub fn publish(&mut self, symbol: SymbolId, streams: StreamMask) {
        let market = self.market_mut(symbol);
        market.feed.publish(streams, &mut market.book);
    }

    /// Runs everything due up to and including `now_us`, in the order of its due times; at one instant market flows first (by symbol), then
    /// dead-man timers, GTD ends, listenKeys, funding, marks with liquidations, quantitative-rule cycles, and last the streams.
    pub fn advance(&mut self, now_us: u64) {
        while let Some(due_us) = self.next_due_us().filter(|due_us| *due_us <= now_us) {
            self.now_us = self.now_us.max(due_us);
            self.run_flows();
            while let Some(timer) = self.house.timers.pop_due(self.now_us) {
                self.on_timer(timer);
            }
        }
        self.now_us = self.now_us.max(now_us);
    }

    /// The next instant at which `advance` would do something, µs.
    #[must_use]
    pub fn next_due_us(&self) -> Option<u64> {
        let flows = self.flows.iter().filter_map(|slot| slot.due_us).min();
        flows
            .into_iter()
            .chain(self.house.timers.next_due_us())
            .min()
    }

    /// The venue's time, µs.
    #[must_use]
    pub fn now_us(&self) -> u64 {
        self.now_us
    }

    /// Moves all events since the last call to the end of `out`, in order. What happens when nobody drains is said at
    /// [`OUTBOX_MAX`](crate::house::OUTBOX_MAX).
    pub fn drain_events(&mut self, out: &mut Vec<Event>) {
        self.house.outbox.drain_into(out);
    }

    /// Events dropped because nobody drained the outbox.
    #[must_use]
    pub fn dropped_events(&self) -> u64 {
        self.house.outbox.dropped()
    }

    // ---- for checkers ----

    /// The venue's own record.
    #[must_use]
    pub fn ledger(&self) -> &Ledger {
        &self.house.ledger
    }

    /// Open orders now.
    #[must_use]
    pub fn open_order_count(&self, account: AccountId, symbol: SymbolId) -> usize {
        self.house.ledger.exposure(account, symbol).open_orders
    }

    /// Present values and extremes of orders, position and exposure.
    #[must_use]
    pub fn exposure_extremes(&self, account: AccountId, symbol: SymbolId) -> Exposure {
        self.house.ledger.exposure(account, symbol)
    }

    /// Every order of an account on a symbol that the ledger remembers: finished ones in the order of their ends, then open ones by id.
    #[must_use]
    pub fn ledger_orders(&self, account: AccountId, symbol: SymbolId) -> Vec<LedgerOrder> {
        let ours = |order: &&LedgerOrder| order.account == account && order.symbol == symbol;
        let open = self.market(symbol).open.of(account).map(LedgerOrder::of);
        self.house
            .ledger
            .finished()
            .filter(ours)
            .cloned()
            .chain(open)
            .collect()
    }

    /// Background quantity queued ahead of a resting order at its price.
    #[must_use]
    pub fn queue_ahead(&self, symbol: SymbolId, order: OrderId) -> Option<E8> {
        let market = self.market(symbol);
        let resting = market.open.find(order)?;
        market.book.ahead_of(resting.side, resting.price, order)
    }

    /// Money outside the accounts, for conservation checks: Σ over accounts of (wallet − Σ position cost) + fees + insurance + background = deposited.
    #[must_use]
    pub fn pool(&self, asset: &str) -> Option<Pool> {
        self.house
            .pools
            .get(self.house.asset_index(asset)?)
            .copied()
    }

    /// What is missing from the conservation sum of [`Exchange::pool`]; 0 always.
    #[must_use]
    pub fn conservation_gap(&self, asset: &str) -> i128 {
        let Some((index, pool)) = self.house.asset_index(asset).zip(self.pool(asset)) else {
            return 0;
        };
        let own = |account: &Account| {
            let wallet = account
                .wallets
                .get(index)
                .map_or(0, |wallet| i128::from(wallet.balance));
            let holdings = self
                .markets
                .iter()
                .zip(&account.holdings)
                .filter(|(market, _)| market.asset == index);
            wallet
                - holdings
                    .map(|(_, holding)| i128::from(holding.position.cost))
                    .sum::<i128>()
        };
        let accounts: i128 = self.house.accounts.iter().map(own).sum();
        pool.deposited - (accounts + pool.fees + pool.insurance + pool.background)
    }

    /// Sum of all positions and the background's on a symbol; 0 always.
    #[must_use]
    pub fn position_gap(&self, symbol: SymbolId) -> i128 {
        let positions = self
            .house
            .accounts
            .iter()
            .filter_map(|account| account.holdings.get(symbol.index()));
        positions
            .map(|holding| i128::from(holding.position.qty))
            .sum::<i128>()
            + self.market(symbol).background_qty
    }

    // ---- inside ----

    fn market(&self, symbol: SymbolId) -> &Market {
        self.markets
            .get(symbol.index())
            .expect("symbol ids are given out by this venue")
    }

    fn market_mut(&mut self, symbol: SymbolId) -> &mut Market {
        self.markets
            .get_mut(symbol.index())
            .expect("symbol ids are given out by this venue")
    }

    fn pit(&mut self, symbol: SymbolId) -> Pit<'_> {
        let market = self
            .markets
            .get_mut(symbol.index())
            .expect("symbol ids are given out by this venue");
        Pit::new(self.now_us, market, &mut self.house)
    }

    fn run_flows(&mut self) {
        let now_us = self.now_us;
        for (slot, market) in self.flows.iter_mut().zip(&mut self.markets) {
            if slot.due_us.is_none_or(|due_us| due_us > now_us) {
                continue;
            }
            if let Some(flow) = &mut slot.flow {
                flow.advance(
                    now_us,
                    &mut MarketSide::new(Pit::new(now_us, market, &mut self.house)),
                );
                slot.due_us = flow.next_due_us().map(|due_us| due_us.max(now_us + 1));
            }
        }
    }

    fn on_timer(&mut self, timer: Timer) {
        match timer {
            Timer::DeadMan(account, symbol) => self.on_dead_man(account, symbol),
            Timer::GoodTillDate(symbol, order) => {
                let mut pit = self.pit(symbol);
                pit.end(order, Ending::Expired(ExpiryReason::None));
                pit.flush_ticker();
            }
            Timer::ListenKey(account) => self.expire_listen_key(account),
            Timer::Funding(symbol) => self.on_funding(symbol),
            Timer::Second => self.on_second(),
            Timer::QuantCycle => self.on_quant_cycle(),
            Timer::Feed100 => self.on_feed_100(),
            Timer::Feed250 => {
                self.publish_depth(Cadence::Ms250);
                self.house
                    .timers
                    .arm(self.now_us + 250 * MS_US, Timer::Feed250);
            }
        }
    }

    fn on_funding(&mut self, symbol: SymbolId) {
        let now_us = self.now_us;
        let market = self
            .markets
            .get_mut(symbol.index())
            .expect("funding timers are armed for symbols of this venue");
        funding::pay(now_us, market, &mut self.house);
        let next_us = market.mark.next_funding_us;
        self.house.timers.arm(next_us, Timer::Funding(symbol));
    }

    fn on_second(&mut self) {
        for market in &mut self.markets {
            let mid = market.mid();
            market.mark.on_second(mid, &market.spec);
            if market.feed.wants(StreamMask::MARK_PRICE) {
                let event = crate::api::MarketEvent::MarkPrice(market.mark.event(self.now_us));
                self.house.tell_symbol(self.now_us, market.id, event);
            }
        }
        liquidation::judge_accounts(self.now_us, &mut self.markets, &mut self.house);
        for market in &mut self.markets {
            if let Some(event) = market.feed.end_liquidations() {
                self.house.tell_symbol(self.now_us, market.id, event);
            }
        }
        self.house
            .timers
            .arm(self.now_us + SECOND_US, Timer::Second);
    }

    fn on_quant_cycle(&mut self) {
        let rules = self.house.quant_rules;
        for account in &mut self.house.accounts {
            for holding in &mut account.holdings {
                holding.rules.end_cycle(self.now_us, &rules);
            }
        }
        let period_us = rules.cycle_ms.saturating_mul(MS_US).max(SECOND_US);
        self.house
            .timers
            .arm(self.now_us + period_us, Timer::QuantCycle);
    }

    fn on_feed_100(&mut self) {
        for market in &mut self.markets {
            if let Some(event) = market.feed.end_aggregate() {
                self.house.tell_symbol(self.now_us, market.id, event);
            }
        }
        self.publish_depth(Cadence::Ms100);
        if self.now_us.is_multiple_of(500 * MS_US) {
            self.publish_depth(Cadence::Ms500);
        }
        self.house
            .timers
            .arm(self.now_us + 100 * MS_US, Timer::Feed100);
    }

    fn publish_depth(&mut self, cadence: Cadence) {
        for market in &mut self.markets {
            if let Some(event) = market.feed.depth(self.now_us, cadence, &mut market.book) {
                self.house.tell_symbol(self.now_us, market.id, event);
            }
        }
    }
}

/// The margin assets of the symbols, in the order of first use.
fn margin_assets(symbols: &[SymbolConfig]) -> Vec<String> {
    let mut assets: Vec<String> = Vec::new();
    for symbol in symbols {
        if !assets.contains(&symbol.spec.quote) {
            assets.push(symbol.spec.quote.clone());
        }
    }
    assets
}

fn build_market(
    id: SymbolId,
    config: SymbolConfig,
    start_us: u64,
    assets: &[String],
    prng: &mut Prng,
) -> Market {
    let mut book = Book::new(prng.fork(1), FIRST_UPDATE_ID, config.spec.step);
    let asset = assets.iter().position(|asset| *asset == config.spec.quote);
    Market {
        id,
        asset: asset.expect("assets are collected from the symbols"),
        feed: Feed::new(config.streams, &mut book),
        book,
        mark: Mark::new(config.initial_price, start_us, &config.spec, prng.fork(2)),
        spec: config.spec,
        open: OpenOrders::default(),
        next_order_id: FIRST_ORDER_ID,
        next_trade_id: FIRST_TRADE_ID,
        background_qty: 0,
        funding_rates: Vec::new(),
        prng: prng.fork(3),
    }
}
