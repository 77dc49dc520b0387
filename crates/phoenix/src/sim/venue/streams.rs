//! Owns what the simulated exchange sends on its streams: its events as the engine's words, bent as the faults that are on have it.

use super::Venue;
use crate::sim::bridge::{self, Bridge};
use crate::sim::fault::{Fault, Tap};
use crate::sim::message::{Depth, Message, Small, UserMessage};
use crate::sim::setting::ASSET;
use phoenix_core::instrument::SymbolId;
use phoenix_core::units::{Mono, Span, Wall};
use phoenix_exchange::api::{self, Cadence, EventBody, MarketEvent, Recipient, UserEvent};

impl Venue {
    /// Runs the exchange up to an instant and hands over what it said, as it happened.
    pub fn advance(
        &mut self,
        to: Mono,
        mut heard: impl FnMut(&phoenix_exchange::Event),
    ) -> Vec<(Mono, Message)> {
        self.exchange.advance(self.us(to));
        let mut events = std::mem::take(&mut self.scratch);
        self.exchange.drain_events(&mut events);
        let mut out = Vec::new();
        for event in events.drain(..) {
            heard(&event);
            let at = self.instant(event.at_us);
            if let Some(message) = self.translate(&event) {
                self.tamper(at, message, &mut out);
            }
        }
        self.scratch = events;
        out
    }

    fn translate(&mut self, event: &phoenix_exchange::Event) -> Option<Message> {
        let time = Wall::from_millis(i64::try_from(event.at_us / 1_000).unwrap_or(0));
        match (&event.body, event.to) {
            (EventBody::User(user), Recipient::Account(account)) if account == self.account => {
                self.user_message(user, time).map(Message::User)
            }
            (EventBody::Market(market), Recipient::Symbol(symbol)) => {
                let bridge = self.bridges.get(symbol.index())?;
                let symbol = SymbolId(symbol.0);
                Some(match market {
                    MarketEvent::Depth(depth) if depth.cadence == Cadence::Ms100 => {
                        Message::Depth(symbol, owned_depth(bridge, depth))
                    }
                    MarketEvent::BookTicker(t) if t.bid.1 > 0 && t.ask.1 > 0 => Message::Small(
                        symbol,
                        Small::Ticker(bridge.ticker(t.bid, t.ask, t.update_id, time)),
                    ),
                    MarketEvent::AggTrade(trade) => {
                        Message::Small(symbol, Small::Trade(bridge.trade(trade, time)))
                    }
                    MarketEvent::MarkPrice(mark) => {
                        Message::Small(symbol, Small::Mark(Bridge::mark(mark, time)))
                    }
                    MarketEvent::Depth(_)
                    | MarketEvent::BookTicker(_)
                    | MarketEvent::Trade(_)
                    | MarketEvent::ForceOrder(_) => return None,
                })
            }
            (EventBody::User(_) | EventBody::Market(_), _) => None,
        }
    }

    fn user_message(&self, event: &UserEvent, time: Wall) -> Option<UserMessage> {
        let bridge = |symbol: api::SymbolId| self.bridges.get(symbol.index());
        Some(match event {
            UserEvent::OrderUpdate(update) => {
                UserMessage::Order(bridge(update.symbol)?.updated(update, time))
            }
            UserEvent::TradeLite(lite) => UserMessage::Lite(bridge(lite.symbol)?.lite(lite)),
            UserEvent::AccountUpdate(update) => UserMessage::Update {
                reason: bridge::reason(update.reason),
                symbol: update.symbol.map(|s| SymbolId(s.0)),
                balance: bridge::balance(&update.balances, ASSET),
                positions: update
                    .positions
                    .iter()
                    .filter_map(|p| Some(bridge(p.symbol)?.position(p.qty, p.entry_price)))
                    .collect(),
                time: Wall::from_millis(update.time_ms),
            },
            UserEvent::ListenKeyExpired { .. } => UserMessage::KeyExpired,
            UserEvent::MarginCall { .. } => UserMessage::MarginCall,
            UserEvent::LeverageChanged { .. } | UserEvent::MultiAssetsChanged { .. } => {
                return None;
            }
        })
    }

    /// Sends a message as the faults that are on allow.
    fn tamper(&mut self, at: Mono, message: Message, out: &mut Vec<(Mono, Message)>) {
        let (mut at, mut message) = (at, Some(message));
        let mut copies = 1;
        for fault in self.active.clone() {
            let Some(present) = message.take() else {
                return;
            };
            message = self.bent(fault, present, &mut at, &mut copies);
        }
        let Some(message) = message else { return };
        for _ in 1..copies {
            out.push((at, message.clone()));
        }
        out.push((at, message));
        if !self.suffers(|f| matches!(f, Fault::Swap { .. }))
            && let Some(held) = self.held.take()
        {
            out.push((at, held));
        }
    }

    fn bent(
        &mut self,
        fault: Fault,
        message: Message,
        at: &mut Mono,
        copies: &mut u32,
    ) -> Option<Message> {
        let strikes = |streams: Tap| streams.strikes(message.stream());
        match fault {
            Fault::Mute { streams } if strikes(streams) => None,
            Fault::Lose { streams, one_in } if strikes(streams) => {
                (!self.prng.chance(1, u64::from(one_in.max(1)))).then_some(message)
            }
            Fault::Garble { streams, one_in } if strikes(streams) => {
                let stream = message.stream();
                Some(match self.prng.chance(1, u64::from(one_in.max(1))) {
                    true => Message::Garbled(message.symbol(), stream),
                    false => message,
                })
            }
            Fault::Delay { streams, ms } if strikes(streams) => {
                *at = at.after(Span::from_millis(ms.into()));
                Some(message)
            }
            Fault::Duplicate { streams } if strikes(streams) => {
                *copies = 2;
                Some(message)
            }
            // The one that waited goes after its successor.
            Fault::Swap { streams } if strikes(streams) => {
                let before = self.held.replace(message)?;
                let after = self.held.replace(before)?;
                Some(after)
            }
            Fault::FreezeBook => Some(self.frozen(message)),
            Fault::HollowBook => Some(message.hollow()),
            _ => Some(message),
        }
    }

    fn frozen(&mut self, message: Message) -> Message {
        match message {
            Message::Small(symbol, Small::Ticker(ticker)) => {
                let Some(slot) = self.frozen.get_mut(usize::from(symbol.0)) else {
                    return Message::Small(symbol, Small::Ticker(ticker));
                };
                let first = *slot.get_or_insert(ticker);
                let shown = phoenix_core::event::BookTicker {
                    bid: first.bid,
                    ask: first.ask,
                    ..ticker
                };
                Message::Small(symbol, Small::Ticker(shown))
            }
            other => other.hollow(),
        }
    }
}

fn owned_depth(bridge: &Bridge, depth: &api::DepthEvent) -> Depth {
    let (mut bids, mut asks) = (Vec::new(), Vec::new());
    bridge.levels(&depth.bids, &mut bids);
    bridge.levels(&depth.asks, &mut asks);
    let id = |id: u64| i64::try_from(id).unwrap_or(i64::MAX);
    Depth {
        first_id: id(depth.first_update_id),
        last_id: id(depth.last_update_id),
        prev_id: id(depth.prev_update_id),
        event_time: Wall::from_millis(depth.event_time_ms),
        transact_time: Wall::from_millis(depth.time_ms),
        bids,
        asks,
    }
}
