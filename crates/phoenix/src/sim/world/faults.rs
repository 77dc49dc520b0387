//! Owns how each fault of a scenario is done to the simulated world, and undone.

use super::{CUT_SURVIVED, LOOK_EVERY, World};
use crate::sim::fault::{Fault, Planned, Wire};
use crate::sim::host::IsTraded;
use crate::sim::net::Parcel;
use crate::sim::setting;
use phoenix_core::event::{Link, Operator};
use phoenix_core::instrument::SymbolId;
use phoenix_core::units::{Lots, Mono, Span};
use phoenix_exchange::api::{self, ClientId, NewOrder, OrderRef, TimeInForce};
use phoenix_exchange::exchange::Shock;

impl World<'_> {
    fn planned(&self, place: usize) -> Option<Planned> {
        self.scenario.faults.get(place).copied()
    }

    fn tell_venue(&mut self) {
        let active = self.on.iter().filter_map(|place| self.planned(*place));
        let active: Vec<Fault> = active.map(|planned| planned.fault).collect();
        self.venue.on_faults(active);
    }

    pub(super) fn begin_fault(&mut self, place: usize) {
        let Some(planned) = self.planned(place) else {
            return;
        };
        self.say(&format!("fault begins: {:?}", planned.fault));
        self.coverage.on_fault(planned.fault.name());
        self.checks.on_begin(planned.fault, self.now);
        self.on.push(place);
        self.tell_venue();
        let lasts = Span::from_millis(planned.lasts_ms.into());
        self.strike(place, planned.fault, lasts);
    }

    fn strike(&mut self, place: usize, fault: Fault, lasts: Span) {
        let now = self.now;
        match fault {
            Fault::HalfOpen { wire } => {
                for link in links(wire) {
                    self.host.on_half_open(link);
                }
            }
            Fault::Close { wire } => self.close(&links(wire)),
            Fault::Restart => self.close(&links(Wire::Every)),
            Fault::Cut => self.cut_until = self.cut_until.max(Some(now.after(lasts))),
            Fault::EndKey { told } => self.end_key(told),
            Fault::ClockStep { ms } => {
                self.host.machine().step(Span::from_millis(ms.into()), now);
            }
            Fault::ClockDrift { ppm } => self.host.machine().drift(ppm.into(), now),
            Fault::Crash { down_ms } => self.crash(down_ms),
            Fault::Freeze if self.host.is_alive() => self.host.freeze(),
            Fault::PanicDesk => self.host.plant_panic(SymbolId(0)),
            Fault::FullQueue => self.host.on_full_queue(true),
            Fault::SlowJournal { ms } => {
                self.host.disk().on_slow(Span::from_millis(ms.into()));
            }
            Fault::Move { bps, over_ms } => self.shock(Shock::Move {
                bps: bps.into(),
                over_ms: over_ms.into(),
            }),
            Fault::Gap { bps } => self.shock(Shock::Gap { bps: bps.into() }),
            Fault::Sweep { bps } => self.shock(Shock::Sweep {
                side: None,
                bps: bps.into(),
            }),
            Fault::ForeignOrder => self.rest_stranger(place, "web_1"),
            Fault::SecondInstance => self.rest_stranger(place, "px-other-1-1"),
            Fault::ManualTrade { lots } => self.trade_by_hand(i64::from(lots)),
            Fault::Liquidation { lots } => self.liquidate(i64::from(lots)),
            Fault::Pause => self.operate(Operator::Pause),
            Fault::Kill => self.operate(Operator::Kill),
            Fault::CancelAll => self.operate(Operator::CancelAll),
            Fault::NetMax { percent } => self.scale_net_max(i64::from(percent)),
            Fault::Layers { layers } => self.change_layers(layers),
            Fault::RemoveSymbol => self.remove_symbol(),
            _ => {}
        }
    }

    pub(super) fn end_fault(&mut self, place: usize) {
        let Some(at) = self.on.iter().position(|on| *on == place) else {
            return;
        };
        self.on.remove(at);
        let Some(planned) = self.planned(place) else {
            return;
        };
        self.say(&format!("fault ends: {:?}", planned.fault));
        self.checks.on_end(planned.fault, self.now);
        self.tell_venue();
        let is_on = |name: &str| {
            let mut on = self.on.iter().filter_map(|place| self.planned(*place));
            on.any(|other| other.fault.name() == name)
        };
        match planned.fault {
            fault if is_on(fault.name()) => {}
            Fault::Cut => self.end_cut(),
            Fault::ClockDrift { .. } => self.host.machine().drift(0, self.now),
            Fault::Freeze => self.host.thaw(self.now, &mut self.net),
            Fault::FullQueue => self.host.on_full_queue(false),
            Fault::SlowJournal { .. } => self.host.disk().on_slow(Span::ZERO),
            Fault::Pause | Fault::Kill => self.operate(Operator::Resume),
            Fault::NetMax { .. } => self.scale_net_max(100),
            Fault::Layers { .. } => self.change_layers(self.scenario.layers),
            Fault::RemoveSymbol => self.add_symbol(),
            _ => {}
        }
        self.remove_stranger(place, planned.fault);
    }

    fn close(&mut self, links: &[Link]) {
        for link in links {
            self.host.on_closed(*link, self.now, &mut self.net);
        }
    }

    /// A connection does not survive a long cut.
    fn end_cut(&mut self) {
        let lasted = self.cut_until.take().is_some();
        let long = self.scenario.faults.iter().any(|planned| {
            planned.fault == Fault::Cut
                && Span::from_millis(planned.lasts_ms.into()) > CUT_SURVIVED
                && Mono(0).after(Span::from_millis(
                    (planned.at_ms.saturating_add(planned.lasts_ms)).into(),
                )) <= self.now
                && self.now.since(Mono(0).after(Span::from_millis(
                    (planned.at_ms.saturating_add(planned.lasts_ms)).into(),
                ))) < LOOK_EVERY
        });
        if lasted && long {
            self.close(&links(Wire::Every));
        }
    }

    fn end_key(&mut self, told: bool) {
        let (us, account) = (self.venue.us(self.now), self.venue.account);
        match told {
            true => {
                let _none_is_fine = self.venue.exchange.listen_key_close(us, account);
                self.advance_venue();
            }
            false => {
                let _none_is_fine = self.venue.exchange.listen_key_forget(us, account);
                self.key += 1;
            }
        }
    }

    fn crash(&mut self, down_ms: u32) {
        if !self.host.is_alive() {
            return;
        }
        self.host.kill(self.now);
        let at = self.now.after(Span::from_millis(down_ms.into()));
        self.net.schedule(at, Parcel::Boot);
    }

    fn shock(&mut self, shock: Shock) {
        let us = self.venue.us(self.now);
        // A market with one side cannot be moved; the next one can.
        let _one_sided = self
            .venue
            .exchange
            .shock(us, phoenix_exchange::SymbolId(0), shock);
    }

    /// Somebody else rests a buy order far below the market.
    fn rest_stranger(&mut self, place: usize, name: &str) {
        let symbol = phoenix_exchange::SymbolId(0);
        let seen = self.venue.exchange.book_ticker(symbol);
        let (tick, step) = {
            let spec = self.venue.exchange.spec(symbol);
            (spec.tick, spec.step)
        };
        let price = seen.bid.0 / 100 * 97 / tick * tick;
        let Ok(client_id) = ClientId::parse(name) else {
            return;
        };
        let order = NewOrder::limit(symbol, api::Side::Buy, price, step * 100, TimeInForce::Gtc)
            .with_client_id(client_id);
        let (us, account) = (self.venue.us(self.now), self.venue.account);
        if self.venue.exchange.place(us, account, &order).is_ok() {
            self.strangers
                .insert(place, (symbol, OrderRef::Client(client_id)));
        }
    }

    fn remove_stranger(&mut self, place: usize, fault: Fault) {
        let Some((symbol, order)) = self.strangers.remove(&place) else {
            return;
        };
        let (us, account) = (self.venue.us(self.now), self.venue.account);
        // Its own dead-man switch or a fill may have been first.
        let _gone = self.venue.exchange.cancel(us, account, symbol, order);
        if fault == Fault::SecondInstance {
            self.needs_a_person = true;
            self.next_attended = self.now;
            self.operate(Operator::Resume);
        }
    }

    fn trade_by_hand(&mut self, lots: i64) {
        let symbol = phoenix_exchange::SymbolId(0);
        let step = self.venue.exchange.spec(symbol).step;
        let side = match lots > 0 {
            true => api::Side::Buy,
            false => api::Side::Sell,
        };
        let order = NewOrder::market(symbol, side, step * lots.abs());
        let (us, account) = (self.venue.us(self.now), self.venue.account);
        // One that is too small, or more than the book holds, is refused; then nothing happened.
        let _refused = self.venue.exchange.place(us, account, &order);
    }

    fn liquidate(&mut self, lots: i64) {
        let symbol = phoenix_exchange::SymbolId(0);
        let step = self.venue.exchange.spec(symbol).step;
        let us = self.venue.us(self.now);
        self.venue.exchange.with_market(us, symbol, |market| {
            market.take(api::Side::Sell, step.saturating_mul(lots), None);
        });
    }

    fn scale_net_max(&mut self, percent: i64) {
        let full = setting::symbols(&self.scenario);
        for (id, (_, params)) in (0..).zip(&full) {
            let net_max = Lots((params.risk.net_max.raw() * percent / 100).max(1));
            let symbol = SymbolId(id);
            self.host.change(
                symbol,
                |params| params.risk.net_max = net_max,
                self.now,
                &mut self.net,
            );
            self.note_bounds(symbol);
        }
    }

    fn change_layers(&mut self, layers: u16) {
        for id in 0..u16::try_from(self.scenario.markets.len()).unwrap_or(0) {
            let symbol = SymbolId(id);
            self.host.change(
                symbol,
                |params| params.quoting.layers = layers,
                self.now,
                &mut self.net,
            );
            self.note_bounds(symbol);
        }
    }

    fn note_bounds(&mut self, symbol: SymbolId) {
        if let Some(params) = self.host.params(symbol) {
            let (net_max, layers) = (params.risk.net_max, params.quoting.layers);
            self.checks.on_bounds(symbol, net_max, layers, self.now);
        }
    }

    fn last_symbol(&self) -> Option<SymbolId> {
        let count = u16::try_from(self.scenario.markets.len()).ok()?;
        (count > 1).then(|| SymbolId(count - 1))
    }

    fn remove_symbol(&mut self) {
        if let Some(symbol) = self.last_symbol().filter(|_| self.host.is_running()) {
            self.checks.on_symbol(symbol, true);
            self.host
                .trade_symbol(symbol, IsTraded::No, self.now, &mut self.net);
        }
    }

    fn add_symbol(&mut self) {
        if let Some(symbol) = self.last_symbol() {
            self.checks.on_symbol(symbol, false);
            self.host
                .trade_symbol(symbol, IsTraded::Again, self.now, &mut self.net);
        }
    }
}

fn links(wire: Wire) -> Vec<Link> {
    match wire {
        Wire::Public => vec![Link::Public],
        Wire::Market => vec![Link::Market],
        Wire::User => vec![Link::User],
        Wire::Orders => vec![Link::Orders],
        Wire::Every => vec![Link::Public, Link::Market, Link::User, Link::Orders],
    }
}
