//! Owns the beginning and the end of faults at a venue: what each part does to streams, requests, orders, sockets and clock.

use phoenix_exchange::api::{AccountId, MarketEvent, SymbolId};

use super::super::faults::{
    ActiveFault, Channel, Fault, FaultError, FaultId, Part, SocketEffect, StreamEffect, Telling,
};
use super::super::hub::{Doom, LineSet, Outbox};
use super::super::json::Object;
use super::super::stream_json as wire;
use super::super::streams::{Speed, Topic};
use super::{Top, Venue};

impl Venue {
    /// Begins a fault and returns its id; a fault that leaves nothing behind is over at once.
    ///
    /// # Errors
    /// [`FaultError::Full`] when a bound is reached; nothing of the fault stays then.
    pub fn inject(&mut self, now_us: u64, fault: Fault) -> Result<FaultId, FaultError> {
        if !self.faults.has_room() {
            return Err(FaultError::Full);
        }
        let id = self.faults.next_id();
        let lasts = self.is_lasting(&fault);
        for part in fault.parts {
            if !self.begin(id, now_us, part) {
                self.end_rules(id);
                return Err(FaultError::Full);
            }
        }
        if lasts {
            self.faults.enlist(ActiveFault {
                id,
                kind: fault.kind,
                told: fault.told,
                since_us: now_us,
                until_us: fault.lasts_us.map(|lasts| now_us.saturating_add(lasts)),
                at_end: fault.at_end,
            });
        }
        Ok(id)
    }

    /// Whether a fault leaves something that must end.
    pub fn is_lasting(&self, fault: &Fault) -> bool {
        !fault.at_end.is_empty() || fault.parts.iter().any(lasts)
    }

    /// Ends a fault; `false` when it is not in force.
    pub fn lift(&mut self, now_us: u64, id: FaultId) -> bool {
        let settled = self.faults.settling_of(id);
        let ended = self.end_rules(id);
        for symbol in settled {
            self.speak_contract_info(now_us, symbol);
        }
        let Some(ended) = ended else {
            return false;
        };
        for part in ended.at_end {
            self.begin(id, now_us, part);
        }
        true
    }

    /// Ends all faults and returns how many there were.
    pub fn lift_all(&mut self, now_us: u64) -> usize {
        let ids: Vec<FaultId> = self.faults.active().iter().map(|fault| fault.id).collect();
        for id in &ids {
            self.lift(now_us, *id);
        }
        ids.len()
    }

    /// Ends the faults whose time is over.
    pub(super) fn lift_due(&mut self, now_us: u64) {
        for id in self.faults.due(now_us) {
            self.lift(now_us, id);
        }
    }

    /// Removes everything that carries the id.
    fn end_rules(&mut self, id: FaultId) -> Option<ActiveFault> {
        self.hub.lift(id);
        self.request_faults.remove(id);
        self.frozen.retain(|(of, _), _| *of != id);
        self.faults.strike(id)
    }

    /// Does one part; `false` at a bound.
    fn begin(&mut self, id: FaultId, now_us: u64, part: Part) -> bool {
        match part {
            Part::Stream(rule) => {
                if rule.effect == StreamEffect::Freeze {
                    self.freeze_tops(id, rule.symbol);
                }
                return self.hub.faults.add_for(id, rule);
            }
            Part::Request(rule) => return self.request_faults.add_for(id, rule),
            Part::Order(rule) => return self.faults.orders.add_for(id, rule),
            Part::Gate(gate) => self.faults.add_gate(id, gate),
            Part::Clock(offset_ms) => self.faults.add_clock(id, offset_ms),
            Part::Lie {
                account,
                symbol,
                by,
            } => self.faults.add_lie(id, (account, symbol), by),
            Part::Sockets(lines, effect) => self.on_sockets(lines, effect),
            Part::ShutdownNotice(lines) => {
                let notice = Object::new()
                    .text("e", "serverShutdown")
                    .int("E", self.wire_ms(now_us));
                self.hub.tell(lines, &notice.done());
            }
            Part::EndListenKey { account, told } => self.end_listen_keys(now_us, account, told),
            Part::Settle(symbol) => self.settle(id, now_us, symbol),
        }
        true
    }

    fn on_sockets(&mut self, lines: LineSet, effect: SocketEffect) {
        for outbox in self.hub.sockets_in(lines) {
            match effect {
                SocketEffect::Freeze => outbox.freeze(),
                SocketEffect::Close => outbox.doom(Doom::GoingAway),
                SocketEffect::Cut => outbox.doom(Doom::Cut),
                SocketEffect::CutFrozen => cut_if_frozen(outbox),
            }
        }
    }

    fn end_listen_keys(&mut self, now_us: u64, account: Option<u16>, told: Telling) {
        let accounts: Vec<AccountId> = self
            .exchange
            .accounts()
            .filter(|known| account.is_none_or(|only| only == known.0))
            .collect();
        for account in accounts {
            let ended = self.exchange.listen_key_forget(now_us, account);
            if let (Some(listen_key), Telling::Silence) = (&ended, told) {
                self.hub.end_listen_key(listen_key);
            }
            if let (Some(listen_key), Telling::Event) = (ended, told) {
                let at_ms = self.wire_ms(now_us);
                let event = phoenix_exchange::UserEvent::ListenKeyExpired {
                    listen_key: listen_key.clone(),
                };
                let kind = wire::user_event_kind(&event);
                let pens = &self.pens;
                self.hub.publish_listen_key_end(&listen_key, kind, || {
                    wire::user_event(pens, at_ms, &event)
                });
            }
        }
    }

    /// The end of trading cancels what is open, as the venue does before it settles.
    fn settle(&mut self, id: FaultId, now_us: u64, symbol: u16) {
        self.faults.add_settling(id, symbol);
        let accounts: Vec<AccountId> = self.exchange.accounts().collect();
        for account in accounts {
            let symbol = SymbolId(symbol);
            self.exchange.cancel_all(now_us, account, symbol);
        }
        self.speak_contract_info(now_us, symbol);
    }

    fn speak_contract_info(&mut self, now_us: u64, symbol: u16) {
        let status = self.contract_status(symbol);
        let at_ms = self.wire_ms(now_us);
        let id = SymbolId(symbol);
        let pen = wire::pen_of(&self.pens, id.index());
        let spec = self.exchange.spec(id);
        self.hub.publish(Topic::ContractInfo, || {
            wire::contract_info(pen, spec, status, at_ms)
        });
    }

    /// `status` of `exchangeInfo` and `cs` of `contractInfo`.
    pub fn contract_status(&self, symbol: u16) -> &'static str {
        if self.faults.is_settling(symbol) {
            "SETTLING"
        } else {
            "TRADING"
        }
    }

    fn freeze_tops(&mut self, id: FaultId, symbol: Option<u16>) {
        let symbols: Vec<_> = self.exchange.symbols().map(|(id, _)| id).collect();
        for of in symbols {
            if symbol.is_none_or(|only| only == of.0) {
                let top = self.exchange.book_ticker(of);
                self.frozen.insert((id, of.0), (top.bid, top.ask));
            }
        }
    }

    /// The event as clients see it under faults that change what is written: the clock, a frozen book. `None` when nothing changes.
    pub(super) fn as_a_drill_shows(
        &self,
        symbol: SymbolId,
        event: &MarketEvent,
    ) -> Option<MarketEvent> {
        let shift_ms = self.clock_shift_ms();
        if shift_ms == 0 && self.hub.faults.is_idle() {
            return None;
        }
        let mut event = event.clone();
        match &mut event {
            MarketEvent::Depth(depth) => {
                depth.event_time_ms += shift_ms;
                depth.time_ms += shift_ms;
                if let Some((bid, ask)) =
                    self.frozen_top(symbol, Topic::Depth(symbol.0, Speed::Ms100))
                {
                    (depth.bids, depth.asks) = (vec![bid], vec![ask]);
                }
            }
            MarketEvent::BookTicker(ticker) => {
                ticker.time_ms += shift_ms;
                if let Some(top) = self.frozen_top(symbol, Topic::BookTicker(symbol.0)) {
                    (ticker.bid, ticker.ask) = top;
                }
            }
            MarketEvent::Trade(trade) => trade.time_ms += shift_ms,
            MarketEvent::AggTrade(trade) => trade.time_ms += shift_ms,
            MarketEvent::MarkPrice(mark) => mark.time_ms += shift_ms,
            MarketEvent::ForceOrder(_) => {}
        }
        Some(event)
    }

    /// The best prices at which the symbol's book stands still, if a drill froze this stream.
    fn frozen_top(&self, symbol: SymbolId, topic: Topic) -> Option<Top> {
        if self.hub.faults.effect_on(Channel::Topic(topic), "") != Some(StreamEffect::Freeze) {
            return None;
        }
        let mut frozen = self.frozen.iter();
        frozen
            .find(|((_, of), _)| *of == symbol.0)
            .map(|(_, top)| *top)
    }
}

fn cut_if_frozen(outbox: &Outbox) {
    if outbox.is_frozen() {
        outbox.doom(Doom::Cut);
    }
}

/// Whether the part leaves something that must end.
const fn lasts(part: &Part) -> bool {
    match part {
        Part::Stream(_)
        | Part::Request(_)
        | Part::Order(_)
        | Part::Gate(_)
        | Part::Clock(_)
        | Part::Lie { .. }
        | Part::Settle(_) => true,
        Part::Sockets(..) | Part::ShutdownNotice(_) | Part::EndListenKey { .. } => false,
    }
}
