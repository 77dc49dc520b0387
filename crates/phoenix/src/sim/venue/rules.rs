//! Owns what the simulated exchange does with a request by its own rules, and what its lists show.

use super::{AHEAD_MAX, IP, RECV_WINDOW, ROWS_MAX, Venue};
use crate::binance::codes::RequestKind;
use crate::live::wire::{OwnedAccount, OwnedFunding, OwnedReply, OwnedSnapshot};
use crate::sim::bridge::refused;
use crate::sim::fault::Fault;
use crate::sim::request::{Answer, LEVELS_MAX, Request, answered, failed};
use crate::sim::setting::ASSET;
use phoenix_core::action::Action;
use phoenix_core::event::{
    BalanceReport, BookTicker, ContractStatus, FundingPayment, Outcome, TRADES_WINDOW, TradeReport,
    TradesFrom,
};
use phoenix_core::instrument::SymbolId;
use phoenix_core::units::{Lots, Mono, Quote, Wall};
use phoenix_exchange::api::{self, ApiError, IncomeKind, IncomeQuery, TradeQuery};

impl Venue {
    /// Carries it out by the exchange's rules.
    pub fn carry_out(&mut self, request: &Request, now: Mono, stamp: Wall) -> Answer {
        let us = self.us(now);
        if request.is_signed() {
            let late = self.wall(now).raw().saturating_sub(stamp.raw());
            if late > RECV_WINDOW.raw() || late <= -AHEAD_MAX.raw() {
                let code = -1021;
                return self.refused_with(request, code, now);
            }
        }
        let admitted = self
            .exchange
            .admit(us, IP, Some(self.account), request.cost());
        if let Err(error) = admitted {
            return self.refusal(request, &error, now);
        }
        match request {
            Request::Engine(action) => self.act(action, request, now),
            Request::Key => Answer::Key(Some(self.exchange.listen_key_start(us, self.account))),
            Request::KeepAlive => {
                Answer::Kept(self.exchange.listen_key_keepalive(us, self.account).is_ok())
            }
            Request::Time => Answer::Time(self.wall(now)),
            Request::Contracts => {
                let is_halted = self.suffers(|f| matches!(f, Fault::NotTrading));
                let ids = 0..u16::try_from(self.bridges.len()).unwrap_or(0);
                Answer::Contracts(
                    ids.map(|id| {
                        let status = match is_halted && id == 0 {
                            true => ContractStatus::NotTrading,
                            false => ContractStatus::Trading,
                        };
                        (SymbolId(id), status)
                    })
                    .collect(),
                )
            }
        }
    }

    pub(super) fn refusal(&self, request: &Request, error: &ApiError, now: Mono) -> Answer {
        let outcome = refused::<()>(request.kind(), error, self.wall(now));
        failed(request, outcome, now)
    }

    fn act(&mut self, action: &Action, request: &Request, now: Mono) -> Answer {
        let (us, account) = (self.us(now), self.account);
        let halted = self.suffers(|f| matches!(f, Fault::NotTrading));
        let result = match action {
            Action::Place(order) => {
                let order = order.inner();
                if halted && order.symbol == SymbolId(0) {
                    return self.refused_with(request, -4140, now);
                }
                let Some(bridge) = self.bridge(order.symbol).cloned() else {
                    return self.refused_with(request, -1121, now);
                };
                let placed = self.exchange.place(us, account, &bridge.order(order));
                placed.map(|view| {
                    let outcome = Outcome::Accepted(bridge.report(&view));
                    answered(RequestKind::Place, order.symbol, order.id, outcome)
                })
            }
            Action::Amend(amendment) => {
                let amendment = amendment.inner();
                let Some(bridge) = self.bridge(amendment.symbol).cloned() else {
                    return self.refused_with(request, -1121, now);
                };
                let wanted = bridge.amendment(amendment);
                let done = self.exchange.modify(us, account, &wanted);
                done.map(|view| {
                    let outcome = Outcome::Accepted(bridge.report(&view));
                    answered(RequestKind::Amend, amendment.symbol, amendment.id, outcome)
                })
            }
            Action::Cancel(symbol, id) => {
                let Some(bridge) = self.bridge(*symbol).cloned() else {
                    return self.refused_with(request, -1121, now);
                };
                let sym = api::SymbolId(symbol.0);
                let done = self.exchange.cancel(us, account, sym, bridge.named(*id));
                done.map(|view| {
                    let outcome = Outcome::Accepted(bridge.report(&view));
                    answered(RequestKind::Cancel, *symbol, *id, outcome)
                })
            }
            Action::QueryOrder(symbol, id) => {
                let Some(bridge) = self.bridge(*symbol) else {
                    return self.refused_with(request, -1121, now);
                };
                let sym = api::SymbolId(symbol.0);
                let found = self.exchange.order(account, sym, bridge.named(*id));
                found.map(|view| {
                    let outcome = Outcome::Accepted(bridge.report(&view));
                    Answer::Other(OwnedReply::Query(*symbol, *id, outcome))
                })
            }
            Action::CancelAll(symbol) => {
                self.exchange
                    .cancel_all(us, account, api::SymbolId(symbol.0));
                let reply = OwnedReply::CancelAll(*symbol, Outcome::Accepted(()));
                Ok(Answer::Other(reply))
            }
            Action::ArmDeadMan(symbol, span) => {
                let ms = u64::try_from(span.raw() / 1_000_000).unwrap_or(0);
                self.exchange
                    .countdown_cancel_all(us, account, api::SymbolId(symbol.0), ms);
                let reply = OwnedReply::DeadMan(*symbol, now, Outcome::Accepted(*span));
                Ok(Answer::Other(reply))
            }
            read => Ok(Answer::Other(self.read(read, now))),
        };
        match result {
            Ok(answer) => answer,
            Err(error) => self.refusal(request, &error, now),
        }
    }

    fn read(&self, action: &Action, now: Mono) -> OwnedReply {
        let account = self.account;
        match action {
            Action::FetchOpenOrders(symbol) => {
                let lies = self.suffers(|f| matches!(f, Fault::LieOrders));
                let id = api::SymbolId(symbol.0);
                let views = self.exchange.open_orders(account, Some(id));
                let bridge = self.bridge(*symbol);
                let list = views
                    .iter()
                    .enumerate()
                    .filter(|(place, _)| !lies || place % 2 == 0)
                    .filter_map(|(_, view)| Some(bridge?.report(view)));
                OwnedReply::OpenOrders(*symbol, now, Ok(list.collect()))
            }
            Action::FetchAccount => OwnedReply::Account(now, Ok(self.account_now(now))),
            Action::FetchTrades(symbol, from) => {
                OwnedReply::Trades(*symbol, now, Ok(self.trades(*symbol, *from)))
            }
            Action::FetchFunding(from) => OwnedReply::Funding(now, Ok(self.funding(*from, now))),
            Action::FetchSnapshot(symbol) => {
                OwnedReply::Snapshot(*symbol, Ok(self.snapshot(*symbol)))
            }
            Action::Probe(symbol) => {
                let seen = self.best_prices(*symbol);
                let outcome = seen.map_or(Outcome::Unknown, Outcome::Accepted);
                OwnedReply::Probe(*symbol, now, outcome)
            }
            Action::ProbeAll => {
                let ids = (0..u16::try_from(self.bridges.len()).unwrap_or(0)).map(SymbolId);
                let seen = ids.filter_map(|id| Some((id, self.best_prices(id)?)));
                OwnedReply::ProbeAll(now, Ok(seen.collect()))
            }
            // Orders are not read, and the rest is not asked of the exchange.
            _ => OwnedReply::Weight(0),
        }
    }

    fn best_prices(&self, symbol: SymbolId) -> Option<BookTicker> {
        let seen = self.exchange.book_ticker(api::SymbolId(symbol.0));
        let bridge = self.bridge(symbol).filter(|_| self.has_two_sides(symbol))?;
        let time = Wall::from_millis(seen.time_ms);
        Some(bridge.ticker(seen.bid, seen.ask, 0, time))
    }

    fn account_now(&self, now: Mono) -> OwnedAccount {
        let lie = self.active.iter().find_map(|f| match f {
            Fault::LiePosition { lots } => Some(Lots(i64::from(*lots))),
            _ => None,
        });
        let known = self.exchange.positions(self.account, None);
        let positions = self.bridges.iter().zip(0_u16..).map(|(bridge, id)| {
            let held = known.iter().find(|p| p.symbol == api::SymbolId(id));
            let mut report =
                bridge.position(held.map_or(0, |p| p.qty), held.map_or(0, |p| p.entry_price));
            if id == 0 {
                report.size = report.size.saturating_add(lie.unwrap_or(Lots::ZERO));
            }
            report
        });
        let balances = self.exchange.balances(self.account);
        let wallet = balances.iter().find(|b| b.asset == ASSET).map(|b| b.wallet);
        OwnedAccount {
            balance: wallet.map(|wallet| BalanceReport {
                wallet: Quote(wallet),
                change: Quote::ZERO,
            }),
            positions: positions.collect(),
            time: self.wall(now),
        }
    }

    fn trades(&self, symbol: SymbolId, from: TradesFrom) -> Vec<TradeReport> {
        let mut query = TradeQuery {
            limit: Some(ROWS_MAX),
            ..TradeQuery::default()
        };
        match from {
            TradesFrom::Id(id) => query.from_id = Some(u64::try_from(id).unwrap_or(0)),
            TradesFrom::Time(at) => {
                query.start_ms = Some(at.as_millis());
                query.end_ms = Some(at.as_millis() + TRADES_WINDOW.raw() / 1_000_000);
            }
        }
        let Some(bridge) = self.bridge(symbol) else {
            return Vec::new();
        };
        let rows = self
            .exchange
            .user_trades(self.account, api::SymbolId(symbol.0), &query);
        rows.iter().map(|row| bridge.traded(row)).collect()
    }

    fn funding(&self, from: Wall, now: Mono) -> OwnedFunding {
        let rows = self.exchange.income(
            self.account,
            &IncomeQuery {
                kind: Some(IncomeKind::FundingFee),
                start_ms: Some(from.as_millis()),
                limit: Some(ROWS_MAX),
                ..IncomeQuery::default()
            },
        );
        let payments = rows.iter().filter_map(|row| {
            Some(FundingPayment {
                symbol: SymbolId(row.symbol?.0),
                amount: Quote(row.amount),
                time: Wall::from_millis(row.time_ms),
            })
        });
        OwnedFunding {
            payments: payments.collect(),
            asked: self.wall(now),
            next: None,
        }
    }

    fn snapshot(&self, symbol: SymbolId) -> OwnedSnapshot {
        let depth = self.exchange.depth(api::SymbolId(symbol.0), LEVELS_MAX);
        let (mut bids, mut asks) = (Vec::new(), Vec::new());
        if let Some(bridge) = self.bridge(symbol) {
            bridge.levels(&depth.bids, &mut bids);
            bridge.levels(&depth.asks, &mut asks);
        }
        OwnedSnapshot {
            last_id: i64::try_from(depth.last_update_id).unwrap_or(i64::MAX),
            transact_time: Wall::from_millis(depth.time_ms),
            bids,
            asks,
        }
    }
}
