//! Owns one symbol: its book, orders, position, signals and strategy, and what is done after each event;
//! knows of other symbols only what [`Shared`] says.

mod account;
mod dead_man;
mod halt;
pub(super) mod kept;
mod market;
mod passed;
mod quote;
mod streams;
mod truth;
pub(super) mod vouch;

use super::contain::DeskFault;
use super::record::{Moment, Record, is_enough};
use super::requests::Request;
use super::shared::Shared;
use super::timers::{Timer, Timers};
use crate::action::{Action, Actions};
use crate::book::{Book, Touch, sync::BookSync};
use crate::budget::CancelBudget;
use crate::budget::ratios::Ratios;
use crate::budget::refusals::Refusals;
use crate::event::{ContractStatus, Link, MarkPrice, Resume, Stream, TradesFrom, Why};
use crate::instrument::{Instrument, SymbolId};
use crate::liveness::Liveness;
use crate::notice::{Notice, What};
use crate::order::{Execute, OrderId};
use crate::orders::OrderTracker;
use crate::orders::diff::Differ;
use crate::orders::state::Order;
use crate::params::SymbolParams;
use crate::position::Position;
use crate::risk::RiskGate;
use crate::risk::breakers::{LossBreaker, OverflowBreaker, RepeatBreaker, WouldTakeBreaker};
use crate::signal::funding::FundingForecast;
use crate::signal::volatility::Volatility;
use crate::signal::vpin::Vpin;
use crate::strategy::{AnyStrategy, Desired, Missing, Mode};
use crate::units::{Lots, Mono, Now, PerSide, Price8, Quote, Side, Span};
use core::hash::Hash;
use dead_man::DeadMan;
use halt::{Ending, Halt};
use passed::Passed;
use quote::Quoting;
use truth::Truth;
use vouch::Vouch;

/// Waits before a snapshot is fetched again: it costs 20 of 2400 request weight.
const SNAPSHOT_RETRY: Span = Span::from_secs(2);
/// After cancelling all at once failed, orders are cancelled one by one for so long: that goes by the order channel, which may work.
const ONE_BY_ONE_FOR: Span = Span::from_secs(10);

/// One symbol.
#[derive(Clone, Debug)]
pub struct Desk {
    pub(super) symbol: SymbolId,
    pub(super) instrument: Instrument,
    pub(super) params: SymbolParams,
    pub(super) sync: BookSync,
    pub(super) liveness: Liveness,
    pub(super) tracker: OrderTracker,
    pub(super) position: Position,
    strategy: AnyStrategy,
    pub(super) desired: Desired,
    differ: Differ,
    volatility: Volatility,
    funding: FundingForecast,
    vpin: Vpin,
    pub(super) mode: Mode,
    gate: RiskGate,
    loss: LossBreaker,
    overflow: OverflowBreaker,
    passed: Passed,
    /// When cancelling all at once failed: it goes another way than cancelling one by one.
    cancel_all_failed_at: Option<Mono>,
    would_take: WouldTakeBreaker,
    repeat: RepeatBreaker,
    /// The exchange allows only reducing orders until then (protocol §6.4).
    reduce_only_until: Option<Mono>,
    is_position_high: bool,
    ending: Ending,
    pub(super) cancel_budget: CancelBudget,
    /// Those of them that were a matter of safety, which the promise `polite` exempts.
    pub(super) safety_cancels: CancelBudget,
    pub(super) ratios: Ratios,
    refusals: Refusals,
    timers: Timers,
    pub(super) mark: Option<MarkPrice>,
    contract: ContractStatus,
    truth: Truth,
    vouch: Vouch,
    /// When a snapshot was last asked for, and how many could not be had since the last book.
    snapshot_at: Option<Mono>,
    snapshots_failed: u32,
    /// Until when orders of a side that reduce the position wait after a refusal.
    reducing_paused: PerSide<Mono>,
    /// The refusal that people were told of last.
    refusal_told: Option<(Why, Mono)>,
    /// Layers of earlier parameters whose orders may still be open; zero when they are not.
    layers_before: u16,
    /// The last data on which orders could be justified.
    justified_at: Option<Mono>,
    pub(super) halt: Option<Halt>,
    quoting: Quoting,
    pub(super) dead_man: DeadMan,
    pub(super) record: Record,
    /// Why nothing is quoted now.
    pub(super) obstacle: Option<Missing>,
    /// Whether a second instance was reported already; said once.
    second_instance: bool,
    /// When it was made.
    pub(super) began_at: Mono,
    /// Since when it only ends: its symbol is no longer traded.
    pub(super) removed_at: Option<Mono>,
    /// Put in on purpose, for drills.
    pub(super) fault: Option<DeskFault>,
}

impl Desk {
    /// A desk that knows nothing of the exchange yet; it boots from the exchange's truth.
    #[must_use]
    pub fn new(
        symbol: SymbolId,
        instrument: &Instrument,
        params: &SymbolParams,
        resume: &Resume,
        now: Mono,
    ) -> Self {
        let mut timers = Timers::default();
        // What is known of the exchange is asked for with the first step.
        timers.schedule(Timer::Reconcile, now);
        Self {
            symbol,
            instrument: instrument.clone(),
            params: *params,
            sync: BookSync::default(),
            liveness: Liveness::new(params.liveness),
            tracker: OrderTracker::new(symbol, params.liveness.request_timeout),
            position: Position::resumed(resume),
            strategy: AnyStrategy::new(params.quoting.strategy),
            desired: Desired::with_capacity(),
            differ: Differ::new(),
            volatility: Volatility::default(),
            funding: FundingForecast::default(),
            vpin: Vpin::default(),
            mode: Mode::Normal,
            gate: RiskGate,
            loss: LossBreaker::default(),
            overflow: OverflowBreaker::default(),
            passed: Passed::default(),
            cancel_all_failed_at: None,
            would_take: WouldTakeBreaker::default(),
            repeat: RepeatBreaker::default(),
            reduce_only_until: None,
            is_position_high: false,
            ending: Ending::None,
            cancel_budget: CancelBudget::new(params.orders.cancels_per_min_max),
            safety_cancels: CancelBudget::new(u32::MAX),
            ratios: Ratios::new(),
            refusals: Refusals::new(),
            timers,
            mark: None,
            contract: ContractStatus::Trading,
            truth: Truth::new(resume.trades_from.unwrap_or(TradesFrom::Id(0)), now),
            vouch: Vouch::default(),
            snapshot_at: None,
            snapshots_failed: 0,
            reducing_paused: PerSide::default(),
            refusal_told: None,
            layers_before: 0,
            justified_at: None,
            halt: None,
            quoting: Quoting::default(),
            dead_man: DeadMan::default(),
            record: Record::default(),
            obstacle: Some(Missing::NotReady),
            second_instance: false,
            began_at: now,
            removed_at: None,
            fault: None,
        }
    }

    // ------------------------------------------------------------------ what is asked

    /// The book while it is true.
    #[must_use]
    pub fn book(&self) -> Option<&Book> {
        self.sync.book()
    }

    /// Best bid and ask while the book is true.
    #[must_use]
    pub fn touch(&self) -> Option<Touch> {
        self.sync.book().and_then(Book::touch)
    }

    /// Mark price; mid until the first mark came.
    #[must_use]
    pub(super) fn mark_or_mid(&self) -> Option<Price8> {
        self.mark.map(|m| m.mark).or_else(|| self.mid())
    }

    fn mid(&self) -> Option<Price8> {
        let half_ticks = self.touch()?.mid_half_ticks();
        half_ticks
            .checked_mul(self.instrument.tick_e8)
            .map(|m| Price8(m / 2))
    }

    /// The learned silence after which a stream is suspect; `None` where only the fixed times judge it.
    #[must_use]
    pub fn suspect_after(&self, stream: Stream) -> Option<Span> {
        self.liveness.suspect_after(stream)
    }

    /// When and why this desk must be stepped again.
    #[must_use]
    pub fn next_due(&self) -> Option<(Mono, Timer)> {
        let earliest = |a: Option<(Mono, Timer)>, b: Option<(Mono, Timer)>| match (a, b) {
            (Some(a), Some(b)) => Some(if b.0 < a.0 { b } else { a }),
            (a, b) => a.or(b),
        };
        let halt = self.halt_due_at().map(|at| (at, Timer::Halt));
        let liveness = self.liveness.next_check().map(|at| (at, Timer::Liveness));
        let orders = self.tracker.next_timeout().map(|at| (at, Timer::Orders));
        let sample = self
            .volatility
            .next_sample_at()
            .filter(|_| self.mid().is_some_and(Price8::is_positive));
        let sample = sample.map(|at| (at, Timer::Sample));
        // While quotes rest, the end of the switch that covers them.
        let lapse = self
            .dead_man
            .lapses_at()
            .filter(|_| self.obstacle.is_none())
            .map(|at| (at, Timer::DeadMan));
        let doubt = self.vouch.lapses_at().filter(|_| self.obstacle.is_none());
        let doubt = doubt.map(|at| (at, Timer::Liveness));
        [halt, liveness, orders, sample, lapse, doubt]
            .into_iter()
            .fold(self.timers.next_due(), earliest)
    }

    // ------------------------------------------------------------------ what happens

    /// Lets due timers run and then does what the state calls for; called after every event.
    pub(super) fn act(&mut self, now: Now, shared: &mut Shared, actions: &mut Actions) {
        self.poll_liveness(now, shared, actions);
        self.poll_passed(now.mono);
        self.poll_orders(now, shared, actions);
        self.poll_timers(now, shared, actions);
        self.poll_halt(now, shared, actions);
        self.poll_dead_man(now, shared, actions);
        let obstacle = self.find_obstacle(now, shared);
        if obstacle != self.obstacle {
            self.on_obstacle_changed(obstacle, now);
        }
        match obstacle {
            Some(why) => self.stand_aside(why, now, shared, actions),
            None => self.quote(now, shared, actions),
        }
        self.poll_flatten(now, shared, actions);
        self.settle(now, shared);
    }

    /// Why nothing may be quoted, most final reason first.
    fn find_obstacle(&self, now: Now, shared: &Shared) -> Option<Missing> {
        if self.is_halted(shared) {
            return Some(Missing::Halt);
        }
        let is_known = self.truth.is_known()
            && self.is_funding_known()
            && shared.user.probation.is_over(now.mono);
        if !shared.is_up(Link::Orders) || !shared.is_up(Link::User) || !is_known {
            return Some(Missing::NotReady);
        }
        if self.touch().is_none() || !self.is_fresh(now.mono) {
            return Some(Missing::NotFresh);
        }
        if !self.dead_man.is_armed(now.mono) {
            return Some(Missing::NotReady);
        }
        None
    }

    fn on_obstacle_changed(&mut self, obstacle: Option<Missing>, now: Now) {
        let before = core::mem::replace(&mut self.obstacle, obstacle);
        self.quoting.demand();
        if obstacle.is_none() && self.record.ready_at.is_none() {
            self.record.ready_at = Some(now.mono);
        } else if obstacle.is_none() && before == Some(Missing::NotFresh) {
            // Whatever silenced the market may have silenced the user stream too, without a lost connection.
            self.check_after(Span::ZERO, now.mono);
        }
    }

    /// Pulls everything and explains why; repeats itself until nothing is open.
    fn stand_aside(&mut self, why: Missing, now: Now, shared: &mut Shared, actions: &mut Actions) {
        self.desired.clear();
        self.desired.explanation.mode = self.mode;
        for side in Side::BOTH {
            self.desired.miss_all(side, self.params.quoting.layers, why);
        }
        self.pull(now, shared, actions);
    }

    /// Cancels every order that can be cancelled: those that rest with one request when the symbol holds only
    /// ours, one by one when a foreign order would be hit too or when they may not have arrived yet. Orders that
    /// take are over before a cancel could reach them. Request weight never delays it, a ban does.
    pub(super) fn pull(&mut self, now: Now, shared: &mut Shared, actions: &mut Actions) {
        let (mut count, mut resting, mut first) = (0_u32, 0_u32, 0_u32);
        for order in self.tracker.iter().filter(|o| is_pullable(o, now.mono)) {
            count += 1;
            resting += u32::from(order.is_confirmed());
            first += u32::from(!is_cancel_repeated(order));
        }
        let retry = self
            .tracker
            .iter()
            .map(|o| o.cancel_not_before)
            .filter(|at| *at > now.mono)
            .min();
        if let Some(at) = retry {
            self.timers.schedule_by(Timer::Requote, at);
        }
        if count == 0 {
            return;
        }
        if let Some(until) = shared.weight.banned_until(now.mono) {
            self.timers.schedule_by(Timer::Requote, until);
            return;
        }
        for order in self.tracker.iter().filter(|o| is_pullable(o, now.mono)) {
            if !is_cancel_repeated(order) {
                self.ratios
                    .on_canceled(now.mono.since(order.placed_at), now.mono);
            }
        }
        self.on_cancels_sent(first, now.mono);
        let has_failed = self
            .cancel_all_failed_at
            .is_some_and(|at| now.mono.since(at) < ONE_BY_ONE_FOR);
        if resting > 1 && !has_failed && !self.truth.has_foreign_orders() {
            self.tracker.on_cancel_all_sent(now.mono);
            let weight = Request::CancelAll.weight();
            shared.weight.on_sent(weight, now.mono);
            actions.push(Action::CancelAll(self.symbol));
        }
        while let Some(id) = self.next_pullable(now.mono) {
            self.tracker.on_cancel_sent(id, now.mono);
            let weight = Request::Cancel.weight();
            shared.weight.on_sent(weight, now.mono);
            actions.push(Action::Cancel(self.symbol, id));
        }
    }

    fn next_pullable(&self, now: Mono) -> Option<OrderId> {
        self.tracker
            .iter()
            .find(|o| is_pullable(o, now))
            .map(|o| o.id)
    }

    fn on_cancels_sent(&mut self, count: u32, now: Mono) {
        self.record.cancels += u64::from(count);
        for _ in 0..count {
            self.cancel_budget.on_cancel(now);
            self.safety_cancels.on_cancel(now);
        }
    }

    fn poll_orders(&mut self, now: Now, shared: &mut Shared, actions: &mut Actions) {
        while let Some(change) = self.tracker.poll_timeout(now.mono) {
            // One that may not be sent now is overdue later like one that was lost.
            if change.query && shared.may_ask(Request::Query, now.mono) {
                actions.push(Action::QueryOrder(self.symbol, change.id));
            }
            self.on_change(&change, now, actions);
        }
    }

    fn poll_timers(&mut self, now: Now, shared: &mut Shared, actions: &mut Actions) {
        while let Some(timer) = self.timers.poll_expired(now.mono) {
            match timer {
                Timer::Snapshot => self.fetch_snapshot(now.mono, shared, actions),
                Timer::Reconcile => self.on_reconcile_due(now, shared, actions),
                Timer::Probe => self.probe(now.mono, shared, actions),
                Timer::Requote => self.quoting.demand(),
                // Looked at in every step.
                Timer::Liveness
                | Timer::Orders
                | Timer::Halt
                | Timer::Stop
                | Timer::DeadMan
                | Timer::Restart
                | Timer::Funding
                | Timer::Sample => {}
            }
        }
        if let Some(mid) = self.mid() {
            let is_due = self.volatility.next_sample_at();
            if is_due.is_none_or(|at| now.mono >= at) {
                // Volatility, funding and what waits for time alone are looked at with each sample.
                self.volatility.on_mid(now.mono, mid);
                self.quoting.demand();
            }
        }
    }

    /// Brings what others read up to date at the end of a step.
    fn settle(&mut self, now: Now, shared: &mut Shared) {
        let exposure = self.tracker.exposure();
        self.record.on_step(&Moment {
            now: now.mono,
            position: self.position.size(),
            buy: exposure.buy,
            sell: exposure.sell,
            open: self.tracker.open_count(),
            is_two_sided: self.tracker.resting_count(Side::Buy) > 0
                && self.tracker.resting_count(Side::Sell) > 0,
            is_allowed: self.obstacle.is_none() && self.may_rest(),
            is_enough: Side::BOTH
                .iter()
                .all(|side| is_enough(self.tracker.resting_count(*side), self.expected(*side))),
        });
        let discretionary = self
            .cancel_budget
            .used(now.mono)
            .saturating_sub(self.safety_cancels.used(now.mono));
        self.record.on_cancel_rate(discretionary);
        let used = self.notional_used(now.mono, shared);
        shared.on_notional(self.symbol, used);
        if self.touch().is_some() && self.is_fresh(now.mono) {
            self.justified_at = self.liveness.since(Stream::Depth);
        }
    }

    /// Value of the largest position that what rests could lead to; while no price is known, what was paid
    /// for the position stands for its value, so that one silent symbol does not stop the others.
    fn notional_used(&self, now: Mono, shared: &Shared) -> Quote {
        if self.touch().is_none() && self.mark.is_none() {
            return Quote(self.position.cost().raw().saturating_abs());
        }
        self.risk_context(now, shared).notional_worst()
    }

    /// Notes how old the data is on which open orders rest, before this step changes anything.
    pub(super) fn on_step_begins(&mut self, now: Now) {
        let is_bare = self.tracker.open_count() > 0 && !self.dead_man.is_armed(now.mono);
        self.record.on_armed(is_bare, now.mono);
        if self.tracker.open_count() == 0 {
            self.record.risk_time.on_end();
        } else if let Some(at) = self.justified_at {
            let age = now.mono.since(at);
            self.record.on_data_age(age, now);
            if age > self.record.left_at_risk_max && self.tracker.iter().any(Order::is_left) {
                self.record.on_left(age);
            }
        }
    }

    pub(super) fn say(&self, what: What, actions: &mut Actions) {
        actions.say(Notice {
            symbol: Some(self.symbol),
            what,
        });
    }

    /// Everything that later behaviour depends on, for recordings.
    #[must_use]
    pub fn digest(&self) -> u64 {
        let mut digest = crate::digest::Digest::default();
        self.position.digest(&mut digest);
        self.tracker.digest(&mut digest);
        self.liveness.digest(&mut digest);
        self.quoting.digest(&mut digest);
        digest.word(self.book().map_or(0, |b| b.digest().cast_signed()));
        (self.mode, self.obstacle, self.halt, self.ending).hash(&mut digest);
        (self.truth, self.dead_man, &self.timers, &self.loss).hash(&mut digest);
        (&self.cancel_budget, &self.refusals, &self.repeat).hash(&mut digest);
        (self.overflow, self.would_take, self.reduce_only_until).hash(&mut digest);
        (self.passed, self.cancel_all_failed_at).hash(&mut digest);
        (self.reducing_paused.buy, self.reducing_paused.sell).hash(&mut digest);
        self.vouch.digest(&mut digest);
        (self.snapshot_at, self.snapshots_failed).hash(&mut digest);
        (self.layers_before, self.removed_at, self.second_instance).hash(&mut digest);
        self.fault.hash(&mut digest);
        self.is_position_high.hash(&mut digest);
        digest.finish()
    }

    /// Signed position.
    #[must_use]
    pub(super) fn size(&self) -> Lots {
        self.position.size()
    }
}

/// Whether cancelling an order makes sense: it rests or may rest, and no cancel is on its way.
fn is_pullable(order: &Order, now: Mono) -> bool {
    order.execute != Execute::TakeReduce && order.can_cancel(now)
}

/// Whether an earlier cancel of it failed or was lost: an order is cancelled once, whatever that takes.
fn is_cancel_repeated(order: &Order) -> bool {
    order.cancel_not_before > order.placed_at
}
