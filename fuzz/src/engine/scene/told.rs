//! Owns what bytes say of our own orders, the account and the operator; knows nothing of the market.

use super::super::super::input::Input;
use super::super::super::reports::{self, LOTS_MAX};
use super::{ETH, LINKS, Memory, Scene};
use phoenix_core::event::{
    Account, AccountReason, AccountUpdate, BalanceReport, Config, Event, FundingPage,
    FundingPayment, LinkState, LiteFill, Malformed, Operator, OrderCounts, OrderReport,
    OrderUpdate, PositionReport, Reply, TradeReport,
};
use phoenix_core::order::{OrderId, Owner};
use phoenix_core::units::{Lots, Mono, Price8, Quote, Span};

impl Scene {
    // ------------------------------------------------------------------ our orders

    /// An order that was placed, the newest ones most often.
    fn id(&self, input: &mut Input<'_>) -> OrderId {
        let back = usize::from(input.byte() % 64);
        let found = self.placed.keys().rev().nth(back);
        found.copied().unwrap_or(OrderId {
            session: 6 + u32::from(input.below(3)),
            seq: u32::from(input.byte()),
        })
    }

    fn owner(&self, input: &mut Input<'_>) -> Owner {
        match input.byte() {
            0..=249 => Owner::Ours(self.id(input)),
            250 | 251 => Owner::OtherInstance,
            252..=255 => Owner::Foreign,
        }
    }

    /// Mostly what the engine believes of the order, so that something comes of it.
    fn report(&mut self, input: &mut Input<'_>, owner: Owner) -> OrderReport {
        let any = reports::report(input, ETH, owner);
        if let (Owner::Ours(id), true) = (owner, any.reduce_only)
            && !self.placed.contains_key(&id)
        {
            self.ghosts_that_reduce.insert(id);
        }
        if input.byte() >= 224 {
            return any;
        }
        self.engine.refresh_view(self.now());
        let views = self.engine.view().symbols.first();
        let orders = views.map_or(&[][..], |view| view.orders.as_slice());
        let known = orders.iter().find(|o| Owner::Ours(o.id) == owner);
        known.map_or(any, |order| OrderReport {
            side: order.side,
            price: order.price,
            size: order.size,
            filled: Lots(order.filled.0.saturating_add(i64::from(input.below(20)))),
            time: self.wall(),
            ..any
        })
    }

    pub(super) fn order_event(&mut self, input: &mut Input<'_>) {
        let owner = self.owner(input);
        let report = self.report(input, owner);
        let event_time = self.time(input);
        let account = match input.below(4) {
            0 => Account::Lite(LiteFill {
                symbol: ETH,
                owner,
                side: report.side,
                trade_id: input.number(i64::MAX),
                price: report.price,
                size: match input.is_even() {
                    true => Lots(1 + i64::from(input.below(50))),
                    false => reports::size(input),
                },
                maker: true,
                time: event_time,
            }),
            _ => Account::Order(OrderUpdate {
                report,
                execution: reports::execution(input),
                fill: (input.byte() < 160).then(|| reports::fill(input)),
                event_time,
            }),
        };
        self.step(&Event::Account(account));
    }

    pub(super) fn order_reply(&mut self, input: &mut Input<'_>) {
        let id = self.id(input);
        let owner = match input.byte() {
            0..=249 => Owner::Ours(id),
            250..=255 => self.owner(input),
        };
        let kind = input.below(6);
        let report = self.report(input, owner);
        let outcome = reports::outcome(input, |_| report);
        let reply = match kind {
            0 | 1 => Reply::Place(ETH, id, outcome),
            2 => Reply::Amend(ETH, id, outcome),
            3 => Reply::Cancel(ETH, id, outcome),
            4 => Reply::Query(ETH, id, outcome),
            _ => Reply::CancelAll(ETH, reports::outcome(input, |_| ())),
        };
        self.step(&Event::Reply(reply));
    }

    // ------------------------------------------------------------------ the account

    fn update<'a>(&self, input: &mut Input<'_>, memory: &'a mut Memory) -> AccountUpdate<'a> {
        if input.is_even() {
            memory.positions.push(PositionReport {
                symbol: ETH,
                size: match input.byte() {
                    0..=199 => Lots(input.small()),
                    200..=255 => Lots(input.number(LOTS_MAX)),
                },
                entry: Price8(input.number(i64::MAX).max(0)),
            });
        }
        AccountUpdate {
            reason: input.pick(&[
                AccountReason::Order,
                AccountReason::Funding,
                AccountReason::Other,
            ]),
            symbol: input.is_even().then_some(ETH),
            balance: (input.byte() < 200).then(|| BalanceReport {
                wallet: Quote(input.number(i64::MAX)),
                change: Quote(input.number(i64::MAX)),
            }),
            positions: &memory.positions,
            time: self.time(input),
        }
    }

    pub(super) fn account(&mut self, input: &mut Input<'_>, memory: &mut Memory) {
        let account = match input.byte() {
            0..=229 => Account::Update(self.update(input, memory)),
            230..=239 => Account::ListenKeyExpired,
            240..=247 => Account::MarginCall,
            248..=255 => Account::Malformed(Malformed::OffGrid),
        };
        self.step(&Event::Account(account));
    }

    fn requested_at(&self, input: &mut Input<'_>) -> Mono {
        let ago = Span::from_millis(i64::from(input.byte()) * 8);
        Mono((self.now.0 - ago.0).max(0))
    }

    pub(super) fn read(&mut self, input: &mut Input<'_>, memory: &mut Memory) {
        let requested_at = self.requested_at(input);
        let count = input.below(5);
        let reply = match input.below(3) {
            0 => {
                for _ in 0..count {
                    let owner = self.owner(input);
                    let report = self.report(input, owner);
                    memory.orders.push(report);
                }
                Reply::OpenOrders {
                    symbol: ETH,
                    requested_at,
                    outcome: reports::outcome(input, |_| memory.orders.as_slice()),
                }
            }
            1 => {
                for _ in 0..count {
                    memory.trades.push(TradeReport {
                        exchange_id: input.small(),
                        side: reports::side(input),
                        fill: reports::fill(input),
                        time: self.time(input),
                    });
                }
                memory.trades.sort_by_key(|trade| trade.fill.trade_id);
                Reply::Trades {
                    symbol: ETH,
                    requested_at,
                    outcome: reports::outcome(input, |_| memory.trades.as_slice()),
                }
            }
            _ => Reply::Account {
                requested_at,
                outcome: reports::outcome(input, |input| self.update(input, memory)),
            },
        };
        self.step(&Event::Reply(reply));
    }

    pub(super) fn other_read(&mut self, input: &mut Input<'_>, memory: &mut Memory) {
        let requested_at = self.requested_at(input);
        let time = self.time(input);
        let reply = match input.below(6) {
            0 => {
                memory.payments.push(FundingPayment {
                    symbol: ETH,
                    amount: Quote(input.number(i64::MAX)),
                    time: self.time(input),
                });
                let next = (input.byte() >= 192).then(|| self.time(input));
                Reply::Funding {
                    requested_at,
                    outcome: reports::outcome(input, |_| FundingPage {
                        payments: &memory.payments,
                        asked: time,
                        next,
                    }),
                }
            }
            1 => Reply::Probe {
                symbol: ETH,
                requested_at,
                outcome: reports::outcome(input, |input| self.ticker(input, time)),
            },
            2 => {
                memory.tickers.push((ETH, self.ticker(input, time)));
                Reply::ProbeAll {
                    requested_at,
                    outcome: reports::outcome(input, |_| memory.tickers.as_slice()),
                }
            }
            3 => Reply::DeadMan {
                symbol: ETH,
                requested_at,
                outcome: reports::outcome(input, |input| Span::from_millis(input.word() * 8)),
            },
            4 => Reply::Weight((input.word() / 8) as u32),
            _ => Reply::OrderCounts(OrderCounts {
                in_10s: input.is_even().then(|| u32::from(input.byte()) * 2),
                in_minute: input.is_even().then(|| u32::from(input.byte()) * 8),
            }),
        };
        self.step(&Event::Reply(reply));
    }

    pub(super) fn operate(&mut self, input: &mut Input<'_>) {
        let params = self.params;
        let event = match input.byte() {
            0..=111 => Event::Link(input.pick(&LINKS), LinkState::Up),
            112..=159 => Event::Link(input.pick(&LINKS), LinkState::Down),
            160..=199 => Event::Operator(Operator::Resume),
            200..=215 => Event::Operator(Operator::Pause),
            216..=227 => Event::Operator(Operator::CancelAll),
            228..=235 => Event::Operator(Operator::Kill),
            236..=239 => Event::Operator(Operator::Stop),
            240..=251 => Event::Config(Config::Change(ETH, &params)),
            252..=255 => Event::Config(Config::Remove(ETH)),
        };
        self.step(&event);
    }
}
