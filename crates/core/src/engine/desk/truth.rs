//! Owns what is known for certain about orders and position since the last doubt, and the repair of
//! differences towards the exchange's truth (spec §5, dual channel).

use super::{CROSS_CHECK, Desk};
use crate::action::{Action, Actions};
use crate::engine::shared::Shared;
use crate::engine::timers::Timer;
use crate::event::{AccountUpdate, OrderReport, PositionReport, TradeReport};
use crate::notice::{Notice, What};
use crate::orders::reconcile::Finding;
use crate::position::Booked;
use crate::units::{Lots, Mono, Now, Span};

/// A piece of truth that was asked for and has not come is asked for again after this.
const ASK_AGAIN: Span = Span::from_secs(2);
/// A page of trades this long is followed by another (the exchange's limit).
const TRADES_PAGE: usize = 1_000;
/// Every how many cross-checks open orders and account are compared as well (spec §5: 10 s and 30 s).
const FULL_CHECK_EVERY: u32 = 3;

/// Whether open orders, account and trades were read from the exchange since the last doubt.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Truth {
    orders_at: Option<Mono>,
    account_at: Option<Mono>,
    trades_at: Option<Mono>,
    asked_at: Option<Mono>,
    /// A difference of position waiting for its re-check.
    mismatch: Option<Lots>,
    foreign_orders: usize,
    checks: u32,
    last_fill_at: Option<Mono>,
}

impl Truth {
    /// Whether everything was read.
    pub(super) const fn is_known(&self) -> bool {
        self.orders_at.is_some() && self.account_at.is_some() && self.trades_at.is_some()
    }

    pub(super) const fn has_foreign_orders(&self) -> bool {
        self.foreign_orders > 0
    }

    /// When open orders and position were last confirmed by REST; `None` while in doubt.
    pub(super) fn confirmed_at(&self) -> Option<Mono> {
        self.orders_at.min(self.account_at)
    }
}

impl Desk {
    /// Nothing is certain any more (start, user stream lost, contradiction): read everything anew.
    pub(in crate::engine) fn doubt(&mut self) {
        self.truth = Truth {
            foreign_orders: self.truth.foreign_orders,
            ..Truth::default()
        };
    }

    /// Asks for what is not known; repeats itself until it is.
    pub(in crate::engine) fn ask_for_truth(
        &mut self,
        now: Mono,
        shared: &mut Shared,
        actions: &mut Actions,
    ) {
        if self.truth.is_known()
            || self
                .truth
                .asked_at
                .is_some_and(|at| now.since(at) < ASK_AGAIN)
        {
            return;
        }
        self.truth.asked_at = Some(now);
        self.timers
            .schedule_by(Timer::Reconcile, now.after(ASK_AGAIN));
        if self.truth.orders_at.is_none() {
            actions.push(Action::FetchOpenOrders(self.symbol));
        }
        if self.truth.trades_at.is_none() {
            match self.position.trade_id_max() {
                Some(_) => self.fetch_trades(actions),
                // Never traded: there is nothing to catch up with, and the whole history is not ours.
                None => self.truth.trades_at = Some(now),
            }
        }
        if self.truth.account_at.is_none() {
            shared.fetch_account(now, actions);
        }
    }

    fn fetch_trades(&self, actions: &mut Actions) {
        let from = self
            .position
            .trade_id_max()
            .map_or(0, |id| id.saturating_add(1));
        actions.push(Action::FetchTrades(self.symbol, from));
    }

    /// The periodic comparison with the exchange.
    pub(super) fn on_reconcile_due(
        &mut self,
        now: Now,
        shared: &mut Shared,
        actions: &mut Actions,
    ) {
        self.timers
            .schedule(Timer::Reconcile, now.mono.after(CROSS_CHECK));
        if !self.truth.is_known() {
            self.truth.asked_at = None;
            if shared.is_up(crate::event::Link::User) {
                self.ask_for_truth(now.mono, shared, actions);
            }
            return;
        }
        actions.push(Action::Probe(self.symbol));
        self.truth.checks += 1;
        if self.truth.checks.is_multiple_of(FULL_CHECK_EVERY)
            || self.tracker.oldest_unbooked().is_some()
        {
            actions.push(Action::FetchOpenOrders(self.symbol));
            self.fetch_trades(actions);
            shared.fetch_account(now.mono, actions);
        }
    }

    /// Open orders as the exchange has them.
    pub(in crate::engine) fn on_open_orders(
        &mut self,
        now: Now,
        requested_at: Mono,
        orders: &[OrderReport],
        shared: &mut Shared,
        actions: &mut Actions,
    ) {
        let symbol = self.symbol;
        let reconciled = self
            .tracker
            .on_open_orders(orders, requested_at, now.mono, |finding| {
                if let Some(what) = notice_of(finding) {
                    actions.say(Notice {
                        symbol: Some(symbol),
                        what,
                    });
                }
            });
        self.truth.foreign_orders = reconciled.foreign;
        if reconciled.other_instance > 0 {
            self.on_second_instance(shared, actions);
        }
        if reconciled.overflow(self.params.quoting.layers).is_some() {
            self.pull(now, actions);
        }
        self.truth.orders_at = Some(now.mono);
        self.on_open_orders_while_stopping(requested_at, shared, actions);
    }

    /// The position as the exchange has it; flat when the account shows none for the symbol.
    pub(in crate::engine) fn on_account_position(
        &mut self,
        now: Now,
        requested_at: Mono,
        account: &AccountUpdate<'_>,
        shared: &mut Shared,
        actions: &mut Actions,
    ) {
        let flat = PositionReport {
            symbol: self.symbol,
            size: Lots::ZERO,
            entry: crate::units::Price8::ZERO,
        };
        let listed = account.positions.iter().find(|p| p.symbol == self.symbol);
        let theirs = listed.copied().unwrap_or(flat);
        let is_overtaken = self.truth.last_fill_at.is_some_and(|at| at >= requested_at);
        if is_overtaken {
            self.truth.asked_at = None;
            shared.fetch_account(now.mono, actions);
            return;
        }
        if theirs.size == self.position.size() {
            self.on_position_agrees(now, requested_at);
            return;
        }
        let is_confirmed =
            self.truth.account_at.is_none() || self.truth.mismatch == Some(theirs.size);
        if is_confirmed {
            let repaired = self
                .position
                .repair(&self.instrument, &theirs, account.time);
            self.say(
                What::PositionRepaired(repaired.ours, repaired.theirs),
                actions,
            );
            self.on_position_agrees(now, requested_at);
            self.quoting.demand();
        } else {
            self.truth.mismatch = Some(theirs.size);
            self.fetch_trades(actions);
            shared.fetch_account(now.mono, actions);
            self.timers
                .schedule_by(Timer::Reconcile, now.mono.after(ASK_AGAIN));
        }
    }

    fn on_position_agrees(&mut self, now: Now, requested_at: Mono) {
        self.truth.mismatch = None;
        self.truth.account_at = Some(now.mono);
        self.tracker.on_position_synced(requested_at);
    }

    /// Our trades as the exchange has them, oldest first.
    pub(in crate::engine) fn on_trades(
        &mut self,
        now: Now,
        trades: &[TradeReport],
        actions: &mut Actions,
    ) {
        for trade in trades {
            let booked =
                self.position
                    .on_fill(&self.instrument, trade.side, &trade.fill, trade.time);
            match booked {
                Booked::New => {
                    self.on_filled(trade.side, &trade.fill, now);
                    if let Some(change) = self.tracker.on_backfilled_trade(trade, now.mono) {
                        self.on_change(&change, now, actions);
                    }
                }
                // Too old: part of the books the journal ended with, and the journal takes it in by id.
                Booked::Completed | Booked::Contained | Booked::Duplicate | Booked::TooOld => {}
                Booked::Unbookable => self.truth.account_at = None,
            }
        }
        if trades.len() < TRADES_PAGE {
            self.truth.trades_at = Some(now.mono);
        } else {
            self.fetch_trades(actions);
        }
    }

    pub(super) fn on_fill_booked(&mut self, now: Mono) {
        self.truth.last_fill_at = Some(now);
    }
}

/// What people are told of a difference in the list of open orders.
const fn notice_of(finding: Finding) -> Option<What> {
    match finding {
        Finding::Ghost(id) | Finding::Untracked(id) | Finding::Reopened(id) => {
            Some(What::GhostOrder(id))
        }
        Finding::Missing(id) => Some(What::OrderUnknown(id)),
        Finding::Differed(_) => None,
    }
}
