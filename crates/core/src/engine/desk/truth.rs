//! Owns what is known for certain about orders and position since the last doubt, and the repair of
//! differences towards the exchange's truth (spec §5, dual channel).

use super::Desk;
use crate::action::{Action, Actions};
use crate::engine::requests::Request;
use crate::engine::shared::Shared;
use crate::engine::timers::Timer;
use crate::event::{
    AccountUpdate, Link, OrderReport, PositionReport, TRADES_WINDOW, TradeReport, TradesFrom,
};
use crate::notice::{Notice, What};
use crate::orders::reconcile::Finding;
use crate::position::Booked;
use crate::units::{Lots, Mono, Now, Span, Wall};

/// A piece of truth that was asked for and has not come is asked for again after this.
const ASK_AGAIN: Span = Span::from_secs(2);
/// However often doubt arises, truth is not asked for more often than this.
const ASK_SPACING: Span = Span::from_millis(500);
/// A page of trades this long is followed by another (the exchange's limit).
const TRADES_PAGE: usize = 1_000;
/// A trade may be listed this much after its time, and our idea of the exchange's time be this much ahead.
const LISTED_LATE: Span = Span::from_secs(3_600);

/// A difference of position that waits for its re-check.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Mismatch {
    /// Their position less ours: while both move with the market, this does not.
    gap: Lots,
    seen_at: Mono,
}

/// Whether open orders, account and trades were read from the exchange since the last doubt.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct Truth {
    orders_at: Option<Mono>,
    account_at: Option<Mono>,
    trades_at: Option<Mono>,
    /// Answers to what was asked before prove nothing.
    doubted_at: Mono,
    asked_at: Option<Mono>,
    /// The last comparison of the top of book that was due by time.
    probed_at: Option<Mono>,
    /// The last comparison of everything else.
    full_at: Option<Mono>,
    /// A full comparison is wanted before its time.
    is_check_due: bool,
    /// Of the last comparison the account is still to be asked for.
    is_account_due: bool,
    mismatch: Option<Mismatch>,
    foreign_orders: usize,
    /// When the stream last told of a foreign order: a list asked for before may lack it.
    foreign_at: Option<Mono>,
    last_fill_at: Option<Mono>,
    /// What no page of trades has covered begins there; what streams delivered beyond it may have gaps.
    trades_from: TradesFrom,
    /// When the books had every funding payment for the first time.
    funding_at: Option<Mono>,
}

impl Truth {
    /// Nothing is known at `now`; trades that may be missing from the books begin with `trades_from`. What was asked for before, on behalf of other symbols or of an earlier life of this one, proves nothing.
    pub(super) const fn new(trades_from: TradesFrom, now: Mono) -> Self {
        Self {
            orders_at: None,
            account_at: None,
            trades_at: None,
            doubted_at: now,
            asked_at: None,
            probed_at: None,
            full_at: None,
            is_check_due: false,
            is_account_due: false,
            mismatch: None,
            foreign_orders: 0,
            foreign_at: None,
            last_fill_at: None,
            trades_from,
            funding_at: None,
        }
    }

    /// Whether everything was read.
    pub(super) const fn is_known(&self) -> bool {
        self.orders_at.is_some() && self.account_at.is_some() && self.trades_at.is_some()
    }

    /// Where what no page of trades has covered begins.
    pub(super) const fn trades_from(&self) -> TradesFrom {
        self.trades_from
    }

    pub(super) const fn has_foreign_orders(&self) -> bool {
        self.foreign_orders > 0
    }

    /// An order that is not ours, or another instance's, appeared: until the next list says otherwise nothing is cancelled wholesale.
    pub(super) fn on_foreign_order(&mut self, now: Mono) {
        self.foreign_orders = self.foreign_orders.max(1);
        self.foreign_at = Some(now);
    }

    /// Goes on to what follows a page of trades, asked for at `asked` of the exchange's time; returns whether more is
    /// known to follow.
    fn on_trades_page(&mut self, trades: &[TradeReport], asked: Wall) -> bool {
        let before = self.trades_from;
        let ids = trades.iter().map(|t| t.fill.trade_id.saturating_add(1));
        match (ids.max(), before) {
            (Some(next), TradesFrom::Id(id)) => self.trades_from = TradesFrom::Id(next.max(id)),
            (Some(next), TradesFrom::Time(_)) => self.trades_from = TradesFrom::Id(next),
            (None, TradesFrom::Id(_)) => {}
            (None, TradesFrom::Time(from)) => {
                let end = Wall(from.0.saturating_add(TRADES_WINDOW.0)).min(asked);
                let next = Wall(end.0.saturating_sub(LISTED_LATE.0));
                self.trades_from = TradesFrom::Time(from.max(next));
            }
        }
        let is_cut = match before {
            TradesFrom::Id(_) => trades.len() >= TRADES_PAGE,
            TradesFrom::Time(from) => {
                trades.len() >= TRADES_PAGE || from.0.saturating_add(TRADES_WINDOW.0) < asked.0
            }
        };
        is_cut && self.trades_from != before
    }

    /// When open orders and position were last confirmed by REST; `None` while in doubt.
    pub(super) fn confirmed_at(&self) -> Option<Mono> {
        self.orders_at.min(self.account_at)
    }
}

impl Desk {
    /// Nothing is certain any more (user stream lost, contradiction): everything is read anew, as soon as that
    /// is possible.
    pub(in crate::engine) fn doubt(&mut self, now: Mono) {
        self.truth.orders_at = None;
        self.truth.account_at = None;
        self.truth.trades_at = None;
        self.truth.mismatch = None;
        self.truth.doubted_at = now;
        let spaced = self.truth.asked_at.map(|at| at.after(ASK_SPACING));
        let at = spaced.map_or(now, |at| at.max(now));
        self.timers.schedule_by(Timer::Reconcile, at);
    }

    /// When open orders and position were last confirmed by REST; `None` while in doubt.
    pub(in crate::engine) fn reconciled_at(&self) -> Option<Mono> {
        self.truth.confirmed_at()
    }

    /// A full comparison with the exchange after `wait`, while quoting goes on.
    pub(in crate::engine) fn check_after(&mut self, wait: Span, now: Mono) {
        self.truth.is_check_due = true;
        self.timers.schedule_by(Timer::Reconcile, now.after(wait));
    }

    /// Asks for what is not known; repeats itself until it is.
    fn ask_for_truth(&mut self, now: Mono, shared: &mut Shared, actions: &mut Actions) {
        if let Some(at) = self.truth.asked_at
            && now.since(at) < ASK_SPACING
        {
            self.timers
                .schedule_by(Timer::Reconcile, at.after(ASK_SPACING));
            return;
        }
        self.truth.asked_at = Some(now);
        self.timers
            .schedule_by(Timer::Reconcile, now.after(ASK_AGAIN));
        if self.truth.orders_at.is_none() {
            self.fetch_open_orders(now, shared, actions);
        }
        if self.truth.trades_at.is_none() {
            self.fetch_trades(now, shared, actions);
        }
        if self.truth.account_at.is_none() {
            self.fetch_account(now, shared, actions);
        }
    }

    pub(super) fn fetch_open_orders(
        &mut self,
        now: Mono,
        shared: &mut Shared,
        actions: &mut Actions,
    ) {
        if shared.may_ask(Request::OpenOrders, now) {
            actions.push(Action::FetchOpenOrders(self.symbol));
        } else {
            self.timers
                .schedule_by(Timer::Reconcile, shared.weight.next_check(now));
        }
    }

    fn fetch_trades(&mut self, now: Mono, shared: &mut Shared, actions: &mut Actions) {
        if shared.may_ask(Request::Trades, now) {
            let from = self.truth.trades_from;
            actions.push(Action::FetchTrades(self.symbol, from));
        } else {
            self.timers
                .schedule_by(Timer::Reconcile, shared.weight.next_check(now));
        }
    }

    fn fetch_account(&mut self, now: Mono, shared: &mut Shared, actions: &mut Actions) {
        let asked = shared.fetch_account(now, actions);
        self.truth.is_account_due = asked.is_err();
        if let Err(at) = asked {
            self.timers.schedule_by(Timer::Reconcile, at);
        }
    }

    /// The periodic comparison with the exchange, and the repetition of what is missing.
    pub(super) fn on_reconcile_due(
        &mut self,
        now: Now,
        shared: &mut Shared,
        actions: &mut Actions,
    ) {
        let liveness = self.params.liveness;
        let pause = liveness.probe_every.min(liveness.reconcile_every);
        self.timers
            .schedule(Timer::Reconcile, now.mono.after(pause));
        if !shared.is_up(Link::User) {
            // Its return is a new doubt.
            return;
        }
        if !self.truth.is_known() {
            self.ask_for_truth(now.mono, shared, actions);
            return;
        }
        if is_due(self.truth.probed_at, liveness.probe_every, now.mono) {
            // One that the stream's silence called for just now will do.
            let every = liveness.probe_every;
            let last = self.cross_check().map(|check| check.requested_at);
            let last = last.filter(|at| now.mono.since(*at) < every);
            self.truth.probed_at = Some(last.unwrap_or(now.mono));
            if last.is_none() {
                self.probe(now.mono, shared, actions);
            }
        }
        let is_full = self.truth.is_check_due
            || self.truth.mismatch.is_some()
            || self.tracker.oldest_unbooked().is_some()
            || is_due(self.truth.full_at, liveness.reconcile_every, now.mono);
        if is_full {
            // The answer goes to every symbol: one that another asked for a moment ago will do.
            let half = Span(liveness.reconcile_every.raw() / 2);
            let is_told = shared.symbol_count() > 1
                && !self.truth.is_check_due
                && self.truth.mismatch.is_none()
                && !is_due(self.truth.account_at, half, now.mono);
            self.truth.is_check_due = false;
            self.truth.full_at = Some(now.mono);
            self.fetch_open_orders(now.mono, shared, actions);
            self.fetch_trades(now.mono, shared, actions);
            if !is_told {
                self.fetch_account(now.mono, shared, actions);
            }
        } else if self.truth.is_account_due {
            self.fetch_account(now.mono, shared, actions);
        }
        self.plan_checks(now.mono);
    }

    /// Brings the next comparison forward to when the present parameters want it.
    pub(super) fn plan_checks(&mut self, now: Mono) {
        let liveness = self.params.liveness;
        for (last, every) in [
            (self.truth.probed_at, liveness.probe_every),
            (self.truth.full_at, liveness.reconcile_every),
        ] {
            if let Some(at) = last.map(|at| at.after(every)) {
                self.timers.schedule_by(Timer::Reconcile, at.max(now));
            }
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
        let mut is_full = false;
        let reconciled = self
            .tracker
            .on_open_orders(orders, requested_at, now.mono, |finding| {
                is_full |= matches!(finding, Finding::Untracked(_));
                if let Finding::Ghost(id) = finding {
                    shared.ids.on_seen(id);
                }
                if let Some(what) = notice_of(finding) {
                    actions.say(Notice {
                        symbol: Some(symbol),
                        what,
                    });
                }
            });
        // Orders of another instance are not ours to cancel either.
        let others = reconciled.foreign + reconciled.other_instance;
        if others > 0 || self.truth.foreign_at.is_none_or(|at| at < requested_at) {
            self.truth.foreign_orders = others;
        }
        if reconciled.other_instance > 0 {
            self.on_second_instance(shared, actions);
        }
        // Too many that could be tracked are counted with every step; the list may be older than some ends.
        if is_full {
            self.pull(now, shared, actions);
        }
        if !reconciled.is_clean() {
            self.quoting.demand();
        }
        if requested_at >= self.truth.doubted_at {
            self.truth.orders_at = Some(now.mono);
        }
        self.on_open_orders_while_ending(now.mono, requested_at, shared, actions);
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
        if requested_at < self.truth.doubted_at {
            return;
        }
        let is_overtaken = self.truth.last_fill_at.is_some_and(|at| at >= requested_at);
        if is_overtaken {
            self.fetch_account(now.mono, shared, actions);
            return;
        }
        let flat = PositionReport {
            symbol: self.symbol,
            size: Lots::ZERO,
            entry: crate::units::Price8::ZERO,
        };
        let listed = account.positions.iter().find(|p| p.symbol == self.symbol);
        let theirs = listed.copied().unwrap_or(flat);
        let gap = theirs.size.saturating_sub(self.position.size());
        if gap.is_zero() {
            self.position.on_same_size(&self.instrument, &theirs);
            self.on_position_agrees(now, requested_at);
            return;
        }
        let survived = self
            .truth
            .mismatch
            .is_some_and(|m| m.gap == gap && requested_at > m.seen_at);
        if self.truth.account_at.is_none() || survived {
            let repaired = self
                .position
                .repair(&self.instrument, &theirs, account.time);
            self.say(
                What::PositionRepaired(repaired.ours, repaired.theirs),
                actions,
            );
            self.on_position_agrees(now, requested_at);
            self.quoting.demand();
            self.check_after(ASK_AGAIN, now.mono);
        } else {
            let seen_at = now.mono;
            let known = self.truth.mismatch.filter(|m| m.gap == gap);
            self.truth.mismatch = known.or(Some(Mismatch { gap, seen_at }));
            // The event of a trade that the account shows already has some time to arrive.
            self.check_after(ASK_AGAIN, now.mono);
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
        requested_at: Mono,
        trades: &[TradeReport],
        shared: &mut Shared,
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
        let asked = Wall(now.wall.0.saturating_sub(now.mono.since(requested_at).0));
        if self.truth.on_trades_page(trades, asked) {
            self.fetch_trades(now.mono, shared, actions);
        } else if requested_at >= self.truth.doubted_at {
            self.truth.trades_at = Some(now.mono);
        }
    }

    pub(super) fn on_fill_booked(&mut self, now: Mono) {
        self.truth.last_fill_at = Some(now);
    }

    /// Whether funding that was paid before this desk began is in the books; later payments come while it quotes.
    pub(in crate::engine) const fn is_funding_known(&self) -> bool {
        self.truth.funding_at.is_some()
    }

    pub(in crate::engine) fn on_funding_known(&mut self, now: Mono) {
        self.truth.funding_at = self.truth.funding_at.or(Some(now));
    }
}

/// Whether what was last done at `last` is to be done again.
fn is_due(last: Option<Mono>, every: Span, now: Mono) -> bool {
    last.is_none_or(|at| now.since(at) >= every)
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
