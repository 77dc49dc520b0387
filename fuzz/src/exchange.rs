//! Target: any requests to the embedded exchange, with its market moving. No money and no position appears or vanishes, no book
//! crosses, nothing panics.

use super::input::Input;
use phoenix_exchange::api::{
    AccountId, ClientId, MarginType, ModifyOrder, NewOrder, OrderRef, OrderType, PositionMode,
    PositionSide, PriceMatch, Side, StpMode, SymbolId, TimeInForce,
};
use phoenix_exchange::exchange::Shock;
use phoenix_exchange::market::{RecordedMark, Removal};
use phoenix_exchange::{E8, Exchange, ExchangeConfig, SymbolSpec};

const ONE: E8 = 100_000_000;
/// 2026-01-01 07:59:00 UTC: a minute before funding.
const START_US: u64 = 1_767_254_340_000_000;
/// Longest story: every second costs the streams and the marks of a second.
const LIFE_US: u64 = 900 * 1_000_000;
const ETH: SymbolId = SymbolId(0);
const ACCOUNTS: [AccountId; 2] = [AccountId(0), AccountId(1)];
const SIDES: [Side; 2] = [Side::Buy, Side::Sell];

/// Each request takes a few bytes.
pub fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let mut scene = Scene::new();
    while !input.is_over() {
        match input.below(16) {
            0..=5 => scene.place(&mut input),
            6 | 7 => scene.modify(&mut input),
            8 => scene.cancel(&mut input),
            9 => scene.settle(&mut input),
            10..=13 => scene.market(&mut input),
            _ => scene.pass(&mut input),
        }
        scene.check();
    }
}

struct Scene {
    venue: Exchange,
    now_us: u64,
}

fn quantity(input: &mut Input<'_>) -> E8 {
    match input.byte() {
        0..=199 => input.word() % 4_000 * 100_000,
        200..=239 => input.number(1_000) * ONE,
        240..=255 => input.number(E8::MAX),
    }
}

fn price(input: &mut Input<'_>) -> E8 {
    match input.byte() {
        0..=223 => 2_500 * ONE + input.small() * 1_000_000,
        224..=243 => 2_500 * ONE + input.word() * 10_000_000,
        244..=255 => input.number(E8::MAX),
    }
}

fn price_match(input: &mut Input<'_>) -> PriceMatch {
    match input.byte() {
        0..=223 => PriceMatch::None,
        224..=239 => PriceMatch::Queue(input.below(30)),
        240..=255 => PriceMatch::Opponent(input.below(30)),
    }
}

impl Scene {
    fn new() -> Self {
        let symbols = vec![(SymbolSpec::ethusdc(), 2_500 * ONE)];
        let mut venue = Exchange::new(ExchangeConfig::new(START_US, symbols), 7);
        for account in ACCOUNTS {
            assert_eq!(venue.add_account(&[("USDC", 50_000 * ONE)]), account);
        }
        venue.with_market(START_US, ETH, |market| {
            for step in 1..=5 {
                for side in SIDES {
                    let price = 2_500 * ONE - side.sign() * step * 1_000_000;
                    market.add_background(side, price, 10 * ONE);
                }
            }
        });
        Self {
            venue,
            now_us: START_US,
        }
    }

    fn order_ref(&self, input: &mut Input<'_>, account: AccountId) -> OrderRef {
        let open = self.venue.open_orders(account, Some(ETH));
        let at = usize::from(input.byte());
        match open.get(at % open.len().max(1)) {
            Some(order) if at < 240 => OrderRef::Id(order.order_id),
            Some(_) | None if at % 2 == 0 => OrderRef::Client(client_id(input)),
            Some(_) | None => OrderRef::Id(u64::from(input.byte())),
        }
    }

    fn place(&mut self, input: &mut Input<'_>) {
        let account = input.pick(&ACCOUNTS);
        let (side, is_market) = (input.pick(&SIDES), input.byte() >= 224);
        let order = NewOrder {
            symbol: ETH,
            side,
            order_type: match is_market {
                true => OrderType::Market,
                false => OrderType::Limit,
            },
            time_in_force: (!is_market || input.byte() >= 250).then(|| {
                input.pick(&[
                    TimeInForce::Gtc,
                    TimeInForce::Gtx,
                    TimeInForce::Ioc,
                    TimeInForce::Fok,
                    TimeInForce::Gtd,
                ])
            }),
            qty: (input.byte() < 250).then(|| quantity(input)),
            price: (!is_market || input.byte() >= 250).then(|| price(input)),
            reduce_only: input.byte() >= 200,
            position_side: (input.byte() >= 240).then(|| {
                input.pick(&[PositionSide::Both, PositionSide::Long, PositionSide::Short])
            }),
            client_id: (input.byte() >= 200).then(|| client_id(input)),
            stp: (input.byte() >= 128).then(|| {
                input.pick(&[
                    StpMode::None,
                    StpMode::ExpireTaker,
                    StpMode::ExpireMaker,
                    StpMode::ExpireBoth,
                ])
            }),
            price_match: price_match(input),
            good_till_date_ms: match input.byte() {
                0..=199 => 0,
                200..=239 => (self.now_us / 1_000) as i64 + 600_000 + input.word() * 1_000,
                240..=255 => input.number(i64::MAX),
            },
        };
        match input.byte() {
            0..=223 => drop(self.venue.place(self.now_us, account, &order)),
            224..=239 => drop(self.venue.test_order(self.now_us, account, &order)),
            240..=255 => {
                let orders = vec![order; usize::from(input.below(7))];
                drop(self.venue.place_batch(self.now_us, account, &orders));
            }
        }
    }

    fn modify(&mut self, input: &mut Input<'_>) {
        let account = input.pick(&ACCOUNTS);
        let change = ModifyOrder {
            symbol: ETH,
            order: self.order_ref(input, account),
            side: input.pick(&SIDES),
            qty: (input.byte() < 250).then(|| quantity(input)),
            price: (input.byte() < 240).then(|| price(input)),
            price_match: price_match(input),
            modify_id: (input.byte() >= 128).then(|| u64::from(input.byte())),
            reduce_only: input.byte() >= 240,
        };
        drop(self.venue.modify(self.now_us, account, &change));
    }

    fn cancel(&mut self, input: &mut Input<'_>) {
        let account = input.pick(&ACCOUNTS);
        match input.byte() {
            0..=199 => {
                let order = self.order_ref(input, account);
                drop(self.venue.cancel(self.now_us, account, ETH, order));
            }
            200..=223 => {
                let _ = self.venue.cancel_all(self.now_us, account, ETH);
            }
            224..=239 => {
                let orders = vec![self.order_ref(input, account); usize::from(input.below(12))];
                drop(self.venue.cancel_batch(self.now_us, account, ETH, &orders));
            }
            240..=255 => {
                let countdown_ms = input.number(i64::MAX).unsigned_abs();
                self.venue
                    .countdown_cancel_all(self.now_us, account, ETH, countdown_ms);
            }
        }
    }

    /// Settings of the account.
    fn settle(&mut self, input: &mut Input<'_>) {
        let (now_us, account) = (self.now_us, input.pick(&ACCOUNTS));
        match input.below(7) {
            0 => self
                .venue
                .transfer(now_us, account, "USDC", input.number(10_000) * ONE),
            1 => {
                let leverage = u32::from(input.byte());
                drop(self.venue.change_leverage(now_us, account, ETH, leverage));
            }
            2 => {
                let wanted = input.pick(&[MarginType::Crossed, MarginType::Isolated]);
                drop(self.venue.change_margin_type(now_us, account, ETH, wanted));
            }
            3 => {
                let mode = input.pick(&[PositionMode::OneWay, PositionMode::Hedge]);
                drop(self.venue.change_position_mode(now_us, account, mode));
            }
            4 => drop(self.venue.enable_multi_assets(now_us, account)),
            5 => drop(self.venue.disable_multi_assets(now_us, account)),
            _ => drop(self.venue.listen_key_start(now_us, account)),
        }
    }

    fn market(&mut self, input: &mut Input<'_>) {
        if input.byte() >= 248 {
            let side = (input.byte() >= 128).then(|| input.pick(&SIDES));
            let bps = input.number(20_000);
            let shock = Shock::Sweep { side, bps };
            let _ = self.venue.shock(self.now_us, ETH, shock);
            return;
        }
        let side = input.pick(&SIDES);
        let price = 2_500 * ONE - side.sign() * input.small() * 1_000_000;
        let qty = (1 + input.word() % 20_000) * 100_000;
        let removal = input.pick(&[Removal::FromBack, Removal::Proportional]);
        let kind = input.below(8);
        let drift = input.small();
        self.venue
            .with_market(self.now_us, ETH, |market| match kind {
                0 | 1 => drop(market.add_background(side, price, qty)),
                2 => drop(market.remove_background(side, price, qty, removal)),
                3 => drop(market.take(side, qty, None)),
                4 => drop(market.set_level(side, price, qty, removal)),
                5 => drop(market.trade_through(side, price, qty)),
                6 => market.apply_mark(RecordedMark {
                    mark: 2_500 * ONE + drift * 15 * ONE,
                    index: 2_500 * ONE + drift * 15 * ONE,
                    funding_rate: drift * 100_000,
                }),
                _ => market.clear_background(),
            });
    }

    fn pass(&mut self, input: &mut Input<'_>) {
        let us = match input.byte() {
            0..=239 => input.word() as u64 * 50,
            240..=253 => input.word() as u64 * 1_000,
            254..=255 => 100 * 1_000_000,
        };
        self.now_us = (self.now_us + us).min(START_US + LIFE_US);
        self.venue.advance(self.now_us);
        self.venue.drain_events(&mut Vec::new());
    }

    fn check(&self) {
        assert_eq!(self.venue.conservation_gap("USDC"), 0);
        assert_eq!(self.venue.position_gap(ETH), 0);
        let ticker = self.venue.book_ticker(ETH);
        let is_one_sided = ticker.bid.0 == 0 || ticker.ask.0 == 0;
        assert!(is_one_sided || ticker.bid.0 < ticker.ask.0, "{ticker:?}");
        for account in ACCOUNTS {
            let open = self.venue.open_orders(account, Some(ETH));
            let is_open = |o: &phoenix_exchange::OrderView| o.executed_qty < o.orig_qty;
            assert!(open.iter().all(|o| o.status.is_open() && is_open(o)));
            assert_eq!(self.venue.open_order_count(account, ETH), open.len());
            let _ = self.venue.account(account);
            let _ = self.venue.positions(account, None);
        }
    }
}

fn client_id(input: &mut Input<'_>) -> ClientId {
    let text = input.pick(&["a", "b", "px-demo1-1-1", "web_2"]);
    ClientId::parse(text).expect("sound ids")
}
