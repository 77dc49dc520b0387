//! Owns the exchange together with those who listen to it, and turns its events into stream messages; knows no socket and no request.

use std::collections::BTreeMap;

use phoenix_exchange::api::{
    Cadence, DepthEvent, Event, EventBody, MarketEvent, StreamMask, SymbolId, UserEvent,
};
use phoenix_exchange::{E8, Exchange, Recipient};

use super::board::{self, Candle, Tape};
use super::faults::{Channel, FaultId, Faults, RequestFaults, StreamEffect};
use super::hub::Hub;
use super::json::array;
use super::stream_json::{self as wire, Pen};
use super::streams::{Levels, MarkSpeed, Speed, Topic};
use super::witness::Witness;

mod drill;

/// Best bid and ask, each price and quantity.
type Top = ((E8, E8), (E8, E8));

/// How often `!bookTicker` speaks, ms (protocol §1.2).
const ALL_BOOK_TICKER_MS: i64 = 5_000;
/// How often tickers speak, ms.
const TICKER_MS: i64 = 1_000;
/// How often candles in progress speak, ms.
const KLINE_MS: i64 = 250;

/// The exchange, its listeners and its tape.
pub struct Venue {
    /// The simulated exchange.
    pub exchange: Exchange,
    /// Who listens.
    pub hub: Hub,
    /// One tape per symbol, by id.
    pub tapes: Vec<Tape>,
    /// One pen per symbol, by id.
    pub pens: Vec<Pen>,
    /// What a drill does to requests.
    pub request_faults: RequestFaults,
    /// Faults in force.
    pub faults: Faults,
    /// What checkers from outside are told.
    pub witness: Witness,
    /// Whether new connections are dropped at once, as in a maintenance.
    pub refuses_connections: bool,
    /// How far the clock that clients see is ahead of the exchange's own, ms: drills let it jump.
    pub clock_offset_ms: i64,
    /// Best prices of symbols whose book a drill froze, by fault.
    frozen: BTreeMap<(FaultId, u16), Top>,
    events: Vec<Event>,
    last_ms: i64,
}

impl Venue {
    /// A venue nobody listens to yet.
    pub fn new(exchange: Exchange) -> Self {
        let pens: Vec<Pen> = exchange.symbols().map(|(_, spec)| Pen::of(spec)).collect();
        let tapes = pens.iter().map(|_| Tape::default()).collect();
        let mut venue = Self {
            exchange,
            hub: Hub::default(),
            tapes,
            pens,
            request_faults: RequestFaults::default(),
            faults: Faults::default(),
            witness: Witness::default(),
            refuses_connections: false,
            clock_offset_ms: 0,
            frozen: BTreeMap::new(),
            events: Vec::new(),
            last_ms: 0,
        };
        venue.on_subscriptions_changed();
        venue
    }

    /// The time that clients are told and judged by, ms.
    pub fn wire_ms(&self, now_us: u64) -> i64 {
        ms(now_us).saturating_add(self.clock_shift_ms())
    }

    /// How far the clock that clients see is ahead of the exchange's own, ms, by hand and by faults.
    fn clock_shift_ms(&self) -> i64 {
        self.clock_offset_ms
            .saturating_add(self.faults.clock_offset_ms())
    }

    /// The index of a symbol by its lowercase name, as stream names have it; an uppercase letter finds nothing.
    pub fn symbol_index(&self, lowercase: &str) -> Option<u16> {
        if lowercase.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return None;
        }
        let name = lowercase.to_ascii_uppercase();
        self.exchange.symbol_id(&name).map(|symbol| symbol.0)
    }

    /// Runs the exchange up to `now_us` and sends out everything that happened.
    pub fn advance(&mut self, now_us: u64) {
        self.hub.deliver_late(now_us);
        self.exchange.advance(now_us);
        self.fan_out();
        self.lift_due(now_us);
        self.witness.see_mids(&self.exchange);
        let now_ms = ms(now_us);
        self.speak_periodically(now_ms);
        self.last_ms = now_ms;
    }

    /// Sends out what happened since the last call.
    pub fn fan_out(&mut self) {
        let mut events = std::mem::take(&mut self.events);
        self.exchange.drain_events(&mut events);
        self.hub.faults.on_time(self.exchange.now_us());
        for event in &events {
            match (&event.body, event.to) {
                (EventBody::User(body), Recipient::Account(account)) => {
                    self.witness.on_user_event(account, event.at_us, body);
                    self.on_user_event(account.0, event.at_us, body);
                }
                (EventBody::Market(body), Recipient::Symbol(symbol)) => {
                    self.on_market_event(symbol, event.at_us, body);
                }
                (EventBody::User(_), Recipient::Symbol(_))
                | (EventBody::Market(_), Recipient::Account(_)) => {}
            }
        }
        events.clear();
        self.events = events;
    }

    /// Tells the exchange which streams are worth producing. Trades and marks always are: the tape lives on them.
    pub fn on_subscriptions_changed(&mut self) {
        let always = StreamMask::TRADE
            .with(StreamMask::AGG_TRADE)
            .with(StreamMask::MARK_PRICE);
        let mut masks = vec![always; self.pens.len()];
        let all_force = self.hub.is_heard(Topic::AllForceOrder);
        for topic in self.hub.topics() {
            if let Some((symbol, mask)) = mask_of(topic)
                && let Some(known) = masks.get_mut(usize::from(symbol))
            {
                *known = known.with(mask);
            }
        }
        for (index, mask) in (0_u16..).zip(masks) {
            let mask = if all_force {
                mask.with(StreamMask::FORCE_ORDER)
            } else {
                mask
            };
            self.exchange.publish(SymbolId(index), mask);
        }
    }

    fn on_user_event(&mut self, account: u16, at_us: u64, event: &UserEvent) {
        let kind = wire::user_event_kind(event);
        let at_ms = self.wire_ms(at_us);
        let text = || wire::user_event(&self.pens, at_ms, event);
        match event {
            UserEvent::ListenKeyExpired { listen_key } => {
                self.hub.publish_listen_key_end(listen_key, kind, text);
            }
            UserEvent::OrderUpdate(_)
            | UserEvent::TradeLite(_)
            | UserEvent::AccountUpdate(_)
            | UserEvent::LeverageChanged { .. }
            | UserEvent::MultiAssetsChanged { .. }
            | UserEvent::MarginCall { .. } => self.hub.publish_user(account, kind, text),
        }
    }

    fn on_market_event(&mut self, symbol: SymbolId, at_us: u64, event: &MarketEvent) {
        let changed = self.as_a_drill_shows(symbol, event);
        let event = changed.as_ref().unwrap_or(event);
        let at_ms = self.wire_ms(at_us);
        let id = symbol.0;
        let pen = wire::pen_of(&self.pens, symbol.index());
        let hub = &mut self.hub;
        match event {
            MarketEvent::Depth(depth) => self.on_depth(symbol, depth),
            MarketEvent::BookTicker(ticker) => {
                hub.publish(Topic::BookTicker(id), || {
                    wire::book_ticker(pen, at_ms, ticker)
                });
            }
            MarketEvent::Trade(trade) => {
                hub.publish(Topic::Trade(id), || wire::trade(pen, at_ms, trade));
                if let Some(tape) = self.tapes.get_mut(symbol.index()) {
                    tape.on_trade(trade);
                }
            }
            MarketEvent::AggTrade(trade) => {
                hub.publish(Topic::AggTrade(id), || wire::agg_trade(pen, at_ms, trade));
                if let Some(tape) = self.tapes.get_mut(symbol.index()) {
                    tape.on_agg_trade(*trade);
                }
            }
            MarketEvent::MarkPrice(mark) => {
                hub.publish(Topic::MarkPrice(id, MarkSpeed::S1), || {
                    wire::mark_price(pen, mark)
                });
                if is_third_second(mark.time_ms) {
                    hub.publish(Topic::MarkPrice(id, MarkSpeed::S3), || {
                        wire::mark_price(pen, mark)
                    });
                }
            }
            MarketEvent::ForceOrder(order) => {
                hub.publish(Topic::ForceOrder(id), || {
                    wire::force_order(pen, at_ms, order)
                });
                hub.publish(Topic::AllForceOrder, || {
                    wire::force_order(pen, at_ms, order)
                });
            }
        }
    }

    fn on_depth(&mut self, symbol: SymbolId, event: &DepthEvent) {
        let pen = wire::pen_of(&self.pens, symbol.index());
        let speed = match event.cadence {
            Cadence::Ms100 => Speed::Ms100,
            Cadence::Ms250 => Speed::Ms250,
            Cadence::Ms500 => Speed::Ms500,
        };
        let channel = Channel::Topic(Topic::Depth(symbol.0, speed));
        let effect = self.hub.faults.effect_on(channel, "");
        let is_frozen = effect == Some(StreamEffect::Freeze);
        if effect == Some(StreamEffect::Hollow) {
            let hollow = DepthEvent {
                bids: Vec::new(),
                asks: Vec::new(),
                ..event.clone()
            };
            self.hub
                .publish(Topic::Depth(symbol.0, speed), || wire::depth(pen, &hollow));
            return;
        }
        self.hub
            .publish(Topic::Depth(symbol.0, speed), || wire::depth(pen, event));
        if speed == Speed::Ms500 {
            self.hub
                .publish(Topic::RpiDepth(symbol.0), || wire::depth(pen, event));
        }
        for levels in Levels::ALL {
            self.hub
                .publish(Topic::PartialDepth(symbol.0, levels, speed), || {
                    let mut view = self.exchange.depth(symbol, levels.count());
                    if is_frozen {
                        (view.bids, view.asks) = (event.bids.clone(), event.asks.clone());
                    }
                    wire::partial_depth(pen, event, &view)
                });
        }
    }

    /// Streams that speak by the clock and not by events: those whose period ended since the last call.
    fn speak_periodically(&mut self, now_ms: i64) {
        if crossed(self.last_ms, now_ms, ALL_BOOK_TICKER_MS)
            && self.hub.is_heard(Topic::AllBookTicker)
        {
            self.speak_all_book_tickers(now_ms);
        }
        if crossed(self.last_ms, now_ms, 1_000) {
            self.speak_all_marks(now_ms);
        }
        if crossed(self.last_ms, now_ms, TICKER_MS) {
            self.speak_tickers(now_ms);
        }
        if crossed(self.last_ms, now_ms, KLINE_MS) {
            self.speak_klines(now_ms);
        }
    }

    fn speak_all_book_tickers(&mut self, now_ms: i64) {
        for (index, pen) in (0_u16..).zip(&self.pens) {
            let depth = self.exchange.depth(SymbolId(index), 1);
            let view = self.exchange.book_ticker(SymbolId(index));
            let event = phoenix_exchange::api::BookTickerEvent {
                update_id: depth.last_update_id,
                time_ms: view.time_ms,
                bid: view.bid,
                ask: view.ask,
            };
            self.hub.publish(Topic::AllBookTicker, || {
                wire::book_ticker(pen, now_ms, &event)
            });
        }
    }

    fn speak_all_marks(&mut self, now_ms: i64) {
        let text = || {
            array((0_u16..).zip(&self.pens).map(|(index, pen)| {
                let view = self.exchange.premium_index(SymbolId(index));
                wire::mark_price(pen, &wire::mark_price_of(&view))
            }))
        };
        self.hub.publish(Topic::AllMarkPrice(MarkSpeed::S1), text);
        if is_third_second(now_ms) {
            self.hub.publish(Topic::AllMarkPrice(MarkSpeed::S3), text);
        }
    }

    fn speak_tickers(&mut self, now_ms: i64) {
        for (index, (pen, tape)) in (0_u16..).zip(self.pens.iter().zip(&self.tapes)) {
            let (full, mini) = (Topic::Ticker(index), Topic::MiniTicker(index));
            if (self.hub.is_heard(full) || self.hub.is_heard(mini))
                && let Some(day) = tape.day(now_ms)
            {
                self.hub.publish(full, || board::ticker(pen, &day, now_ms));
                self.hub
                    .publish(mini, || board::mini_ticker(pen, &day, now_ms));
            }
        }
        for (topic, row) in [
            (
                Topic::AllTicker,
                board::ticker as fn(&Pen, &Candle, i64) -> String,
            ),
            (Topic::AllMiniTicker, board::mini_ticker),
        ] {
            if !self.hub.is_heard(topic) {
                continue;
            }
            let symbols = self.pens.iter().zip(&self.tapes);
            let rows: Vec<String> = symbols
                .filter_map(|(pen, tape)| tape.day(now_ms).map(|day| row(pen, &day, now_ms)))
                .collect();
            // Before the first trade there is nothing to tell, and an empty array would say that nothing is listed.
            if !rows.is_empty() {
                self.hub.publish(topic, || array(rows));
            }
        }
    }

    fn speak_klines(&mut self, now_ms: i64) {
        let heard: Vec<Topic> = self
            .hub
            .topics()
            .filter(|topic| matches!(topic, Topic::Kline(..)))
            .collect();
        for topic in heard {
            let Topic::Kline(symbol, index) = topic else {
                continue;
            };
            let index_of_symbol = usize::from(symbol);
            if let (Some(tape), Some(interval)) =
                (self.tapes.get(index_of_symbol), board::interval(index))
                && let Some(candle) = tape.candles(interval.1, (None, None), 1).first()
            {
                let pen = wire::pen_of(&self.pens, index_of_symbol);
                self.hub
                    .publish(topic, || board::kline_event(pen, candle, interval, now_ms));
            }
        }
    }
}

/// The symbol and exchange streams that a topic needs.
const fn mask_of(topic: Topic) -> Option<(u16, StreamMask)> {
    match topic {
        Topic::Depth(symbol, speed) | Topic::PartialDepth(symbol, _, speed) => {
            let mask = match speed {
                Speed::Ms100 => StreamMask::DEPTH_100,
                Speed::Ms250 => StreamMask::DEPTH_250,
                Speed::Ms500 => StreamMask::DEPTH_500,
            };
            Some((symbol, mask))
        }
        Topic::RpiDepth(symbol) => Some((symbol, StreamMask::DEPTH_500)),
        Topic::BookTicker(symbol) => Some((symbol, StreamMask::BOOK_TICKER)),
        Topic::ForceOrder(symbol) => Some((symbol, StreamMask::FORCE_ORDER)),
        Topic::Trade(_)
        | Topic::AggTrade(_)
        | Topic::MarkPrice(..)
        | Topic::AllMarkPrice(_)
        | Topic::AllBookTicker
        | Topic::Kline(..)
        | Topic::Ticker(_)
        | Topic::AllTicker
        | Topic::MiniTicker(_)
        | Topic::AllMiniTicker
        | Topic::AllForceOrder
        | Topic::ContractInfo => None,
    }
}

/// Whether a multiple of `period_ms` lies in `(last_ms, now_ms]`.
const fn crossed(last_ms: i64, now_ms: i64, period_ms: i64) -> bool {
    now_ms.div_euclid(period_ms) != last_ms.div_euclid(period_ms)
}

const fn is_third_second(time_ms: i64) -> bool {
    time_ms.div_euclid(1_000) % 3 == 0
}

/// Wire time, ms, of an exchange time, µs.
pub fn ms(time_us: u64) -> i64 {
    i64::try_from(time_us / 1_000).unwrap_or(i64::MAX)
}
