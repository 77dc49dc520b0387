//! Owns the nine promises as an outsider sees them who knows the exchange's every event: it believes nothing that the process says of
//! itself, except what it believes the market to be.

mod ledger;
mod past;

use super::fault::{Asked, Fault, Wire};
use super::host::{Deed, Host};
use super::venue::Venue;
pub use ledger::Account;
use ledger::Book;
use past::Past;
use phoenix_core::action::Action;
use phoenix_core::instrument::SymbolId;
use phoenix_core::notice::What;
use phoenix_core::order::NewOrder;
use phoenix_core::strategy::Missing;
use phoenix_core::units::{Lots, Mono, Side, Span};
use serde::Serialize;

/// Nothing is sent on data older than this (promise `fresh`); the exchange's event times may be a second behind besides.
const STALE: Span = Span::from_secs(3);
const LAG: Span = Span::from_secs(1);
/// A book that is bent on purpose is found by what speaks against it, within this.
const BENT_FOUND: Span = Span::from_secs(8);
/// What a pull may take: the cancels' way, and a second try.
const PULL: Span = Span::from_millis(1_500);
/// Longest life of an order whose maker cannot cancel: the dead-man switch.
const DEAD_MAN: Span = Span::from_secs(30);
/// How long orders may rest before the switch is armed.
const ARMED: Span = Span::from_secs(5);
/// Longest time that a position may have no way out while the other side is quoted.
const EXIT: Span = Span::from_secs(3);
/// Full quoting is back within this.
const ALIVE: Span = Span::from_secs(10);
/// Enough of the wanted orders, percent (spec §8).
const FULL_PERCENT: usize = 70;
/// What may be used of the limits, percent: safety may pass the 80 % of politeness (spec §1).
const USED_PERCENT: u32 = 95;
/// After a fault its consequences may last this long: the longest back-off, and a round of retries.
const AFTERMATH: Span = Span::from_secs(12);
/// Somebody else's trade is known to the process within this.
const NEWS: Span = Span::from_secs(36);

/// A promise that did not hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Broken {
    /// Its name.
    pub promise: &'static str,
    /// When, s since the start.
    pub at_s: i64,
    /// What was seen.
    pub evidence: String,
}

/// What was measured on the way.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Figures {
    /// Longest time that an order rested on a touch that the exchange no longer showed.
    pub time_at_risk: Span,
    /// Orders that rested.
    pub orders: u64,
    /// Trades of ours.
    pub fills: u64,
    /// Longest recovery in the liveness phase.
    pub recovery: Span,
}

/// What is watched of one symbol.
#[derive(Debug)]
struct Watch {
    book: Book,
    /// Since when something that must not last lasts.
    unarmed_since: Option<Mono>,
    no_exit_since: Option<Mono>,
    not_full_since: Option<Mono>,
    is_removed: bool,
}

/// The checker.
pub struct Checks {
    account: Account,
    watches: Vec<Watch>,
    past: Past,
    first: Option<Broken>,
    figures: Figures,
    /// Since when the process does not run.
    down_since: Option<Mono>,
    is_calm: bool,
}

impl Checks {
    /// A checker of so many symbols.
    #[must_use]
    pub fn new(account: Account, symbols: usize) -> Self {
        let watch = |_| Watch {
            book: Book::default(),
            unarmed_since: None,
            no_exit_since: None,
            not_full_since: None,
            is_removed: false,
        };
        Self {
            account,
            watches: (0..symbols).map(watch).collect(),
            past: Past::default(),
            first: None,
            figures: Figures::default(),
            down_since: None,
            is_calm: false,
        }
    }

    /// The first promise that broke.
    #[must_use]
    pub const fn broken(&self) -> Option<&Broken> {
        self.first.as_ref()
    }

    /// What was measured.
    #[must_use]
    pub const fn figures(&self) -> Figures {
        self.figures
    }

    fn break_promise(&mut self, promise: &'static str, now: Mono, evidence: String) {
        if self.first.is_none() {
            self.first = Some(Broken {
                promise,
                at_s: now.raw() / 1_000_000_000,
                evidence,
            });
        }
    }

    // ------------------------------------------------------------------ what happens

    /// A fault begins.
    pub fn on_begin(&mut self, fault: Fault, now: Mono) {
        self.past.on_begin(fault, now);
    }

    /// It ends.
    pub fn on_end(&mut self, fault: Fault, now: Mono) {
        self.past.on_end(fault, now);
    }

    /// From now on nothing goes wrong: quoting must come back.
    pub const fn on_calm(&mut self) {
        self.is_calm = true;
    }

    /// A symbol is removed or back.
    pub fn on_symbol(&mut self, symbol: SymbolId, is_removed: bool) {
        if let Some(watch) = self.watches.get_mut(usize::from(symbol.0)) {
            watch.is_removed = is_removed;
        }
    }

    /// `net_max` or the number of layers as configured now.
    pub fn on_bounds(&mut self, symbol: SymbolId, net_max: Lots, layers: u16, now: Mono) {
        if let Some(watch) = self.watches.get_mut(usize::from(symbol.0)) {
            watch.book.on_bounds(net_max, layers, now);
        }
    }

    /// The exchange did something.
    pub fn on_event(&mut self, event: &phoenix_exchange::Event, at: Mono) {
        let Some(change) = self.account.read(event) else {
            return;
        };
        let Some(watch) = self.watches.get_mut(usize::from(change.symbol().0)) else {
            return;
        };
        self.figures.orders += u64::from(matches!(change, ledger::Change::Rested { .. }));
        self.figures.fills +=
            u64::from(matches!(change, ledger::Change::Traded { ours: true, .. }));
        let grown = watch.book.apply(&change, at);
        if let Some(side) = grown {
            self.check_bounded(change.symbol(), side, at);
        }
    }

    /// An order of ours that could grow the position was accepted.
    fn check_bounded(&mut self, symbol: SymbolId, side: Side, at: Mono) {
        let lie = self.past.lie(at, NEWS);
        let Some(watch) = self.watches.get(usize::from(symbol.0)) else {
            return;
        };
        let book = &watch.book;
        let worst = book.worst(side);
        let limit = book.net_max(at, AFTERMATH).saturating_add(lie);
        let excused = book.was_meddled_with(at, NEWS)
            || self.past.recent(at, NEWS, |f| {
                matches!(
                    f,
                    Fault::Pretend {
                        requests: Asked::Cancels
                    }
                )
            });
        if worst > limit && !excused {
            let evidence = format!(
                "symbol {}: {worst:?} {side:?} of net_max {limit:?}",
                symbol.0
            );
            self.break_promise("bounded", at, evidence);
        }
    }

    /// The process asked for something.
    pub fn on_deed(&mut self, deed: &Deed, host: &Host, now: Mono) {
        match deed {
            Deed::Asked(Action::Place(order)) => self.check_sent(order.inner(), host, now),
            Deed::Said(notice) if matches!(notice.what, What::PositionRepaired(..)) => {
                self.past.on_repaired();
            }
            Deed::Asked(_) | Deed::Said(_) => {}
        }
    }

    /// `fresh`: what is sent rests on what the exchange showed a moment ago.
    fn check_sent(&mut self, order: &NewOrder, host: &Host, now: Mono) {
        let limit = self.belief_limit(now);
        let Some(age) = self.belief_age(order.symbol, host, now) else {
            return;
        };
        // A way out is taken on what is known, however old.
        if age > limit && !order.execute.is_reduce_only() {
            let evidence = format!(
                "symbol {}: an order was sent on a touch that was wrong for {} ms",
                order.symbol.0,
                age.raw() / 1_000_000
            );
            self.break_promise("fresh", now, evidence);
        }
    }

    /// For how long the process has believed in a touch that the exchange does not show.
    fn belief_age(&mut self, symbol: SymbolId, host: &Host, now: Mono) -> Option<Span> {
        let touch = host.engine()?.touch(symbol)?;
        let watch = self.watches.get_mut(usize::from(symbol.0))?;
        watch
            .book
            .wrong_for(Some((touch.bid.price, touch.ask.price)), now)
    }

    fn belief_limit(&self, now: Mono) -> Span {
        let bent = |f: &Fault| matches!(f, Fault::FreezeBook | Fault::HollowBook);
        let clock = |f: &Fault| matches!(f, Fault::ClockStep { .. } | Fault::ClockDrift { .. });
        let mut limit = STALE.saturating_add(LAG);
        if self.past.recent(now, BENT_FOUND, bent) {
            limit = limit.max(BENT_FOUND);
        }
        // A doubted clock excuses late data for as long as data may be old anyway.
        if self.past.recent(now, NEWS, clock) {
            limit = limit.saturating_add(STALE);
        }
        limit
    }

    // ------------------------------------------------------------------ what lasts

    /// Looks at everything, ten times a second.
    pub fn look(&mut self, now: Mono, venue: &Venue, host: &mut Host) {
        if self.first.is_some() {
            return;
        }
        self.note_down(now, host);
        for place in 0..self.watches.len() {
            let Ok(id) = u16::try_from(place) else { return };
            let symbol = SymbolId(id);
            self.check_resting(symbol, host, now);
            self.check_armed(symbol, venue, now);
            self.check_count(symbol, now);
            self.check_exit(symbol, now);
        }
        self.check_limits(venue, now);
        if self.is_calm {
            self.check_alive(venue, host, now);
        }
    }

    fn note_down(&mut self, now: Mono, host: &Host) {
        self.down_since = match host.is_running() {
            true => None,
            false => self.down_since.or(Some(now)),
        };
        if let Some(since) = self.down_since
            && now.since(since) > DEAD_MAN.saturating_add(Span::from_secs(1))
            && let Some(place) = self.watches.iter().position(|w| w.book.open_count() > 0)
        {
            let down = now.since(since).raw() / 1_000_000;
            let evidence =
                format!("symbol {place}: orders rest {down} ms after the process stopped");
            self.break_promise("dead_man", now, evidence);
        }
    }

    /// Whether something keeps cancels from being carried out, now or a moment ago.
    fn is_obstructed(&self, now: Mono) -> bool {
        self.down_since.is_some()
            || self.past.is_kept_away(now, AFTERMATH)
            || self.past.recent(now, AFTERMATH, |fault| match fault {
                Fault::Cut
                | Fault::Restart
                | Fault::Refuse
                | Fault::RateLimit { .. }
                | Fault::Ban { .. }
                | Fault::FullQueue
                | Fault::Freeze
                | Fault::Crash { .. }
                | Fault::Unknown503
                | Fault::ClockStep { .. }
                | Fault::ClockDrift { .. }
                | Fault::HalfOpen {
                    wire: Wire::Orders | Wire::Every,
                }
                | Fault::Close {
                    wire: Wire::Orders | Wire::Every,
                } => true,
                Fault::LoseAnswer { requests, .. }
                | Fault::LoseRequest { requests, .. }
                | Fault::CarryOutLate { requests, .. }
                | Fault::HoldAnswer { requests, .. }
                | Fault::Answer { requests, .. }
                | Fault::Pretend { requests } => {
                    matches!(requests, Asked::Cancels | Asked::Orders | Asked::Everything)
                }
                _ => false,
            })
    }

    /// `fresh`: what rests, rests on what the exchange shows.
    fn check_resting(&mut self, symbol: SymbolId, host: &Host, now: Mono) {
        let Some(watch) = self.watches.get_mut(usize::from(symbol.0)) else {
            return;
        };
        let touch = host.engine().and_then(|e| e.touch(symbol));
        let belief = touch.map(|t| (t.bid.price, t.ask.price));
        let Some(age) = watch.book.wrong_for(belief, now) else {
            return;
        };
        if watch.book.open_count() == 0 {
            return;
        }
        let shown = watch.book.touch();
        self.figures.time_at_risk = self.figures.time_at_risk.max(age);
        let limit = match self.is_obstructed(now) {
            true => DEAD_MAN.saturating_add(AFTERMATH),
            false => self.belief_limit(now).saturating_add(PULL),
        };
        if age > limit {
            let evidence = format!(
                "symbol {}: orders rest on {belief:?}, which is wrong for {} ms; it is {:?}",
                symbol.0,
                age.raw() / 1_000_000,
                shown
            );
            self.break_promise("fresh", now, evidence);
        }
    }

    /// `dead_man`: while orders rest, the exchange itself will cancel them, and soon enough.
    fn check_armed(&mut self, symbol: SymbolId, venue: &Venue, now: Mono) {
        let id = phoenix_exchange::SymbolId(symbol.0);
        let due = venue.exchange.countdown_due_us(venue.account, id);
        let lies = self.past.recent(now, NEWS, |f| {
            matches!(
                f,
                Fault::Pretend {
                    requests: Asked::DeadMan
                }
            )
        });
        let Some(watch) = self.watches.get_mut(usize::from(symbol.0)) else {
            return;
        };
        if watch.book.open_count() == 0 || due.is_some() {
            watch.unarmed_since = None;
        } else if !lies && now.since(*watch.unarmed_since.get_or_insert(now)) > ARMED {
            let evidence = format!(
                "symbol {}: orders rest and the switch is not armed",
                symbol.0
            );
            self.break_promise("dead_man", now, evidence);
            return;
        }
        let latest = venue.us(now.after(DEAD_MAN));
        if due.is_some_and(|due| due > latest + 1_000) {
            let evidence = format!("symbol {}: the switch fires later than in 30 s", symbol.0);
            self.break_promise("dead_man", now, evidence);
        }
    }

    /// `accounted`: never more orders than the ladder allows.
    fn check_count(&mut self, symbol: SymbolId, now: Mono) {
        let lies = self.past.recent(now, NEWS, |f| {
            matches!(f, Fault::Pretend { .. } | Fault::LieOrders)
        });
        let Some(watch) = self.watches.get(usize::from(symbol.0)) else {
            return;
        };
        // A ladder that was made smaller goes when its cancels get through.
        let within = match self.is_obstructed(now) {
            true => NEWS,
            false => AFTERMATH,
        };
        let (open, most) = (watch.book.open_count(), watch.book.open_max(now, within));
        if open > most && !lies {
            let evidence = format!("symbol {}: {open} orders open, at most {most}", symbol.0);
            self.break_promise("accounted", now, evidence);
        }
    }

    /// `exit_open`: a position that is quoted on has a way out.
    fn check_exit(&mut self, symbol: SymbolId, now: Mono) {
        let excused = self.down_since.is_some()
            || self.past.recent(now, AFTERMATH, |fault| {
                matches!(
                    fault,
                    Fault::Answer { .. }
                        | Fault::LoseRequest { .. }
                        | Fault::LoseAnswer { .. }
                        | Fault::CarryOutLate { .. }
                        | Fault::HoldAnswer { .. }
                        | Fault::Pretend { .. }
                        | Fault::Unknown503
                        | Fault::RateLimit { .. }
                        | Fault::Ban { .. }
                        | Fault::Cut
                        | Fault::Restart
                        | Fault::HalfOpen { .. }
                        | Fault::LiePosition { .. }
                        | Fault::LieOrders
                        | Fault::NotTrading
                        | Fault::Freeze
                )
            });
        let Some(watch) = self.watches.get_mut(usize::from(symbol.0)) else {
            return;
        };
        let is_blocked = watch.book.is_without_exit() && !watch.book.was_meddled_with(now, NEWS);
        if excused || !is_blocked {
            watch.no_exit_since = None;
        } else if now.since(*watch.no_exit_since.get_or_insert(now)) > EXIT {
            let evidence = format!(
                "symbol {}: orders that grow the position and none that reduces it",
                symbol.0
            );
            self.break_promise("exit_open", now, evidence);
        }
    }

    /// `polite`: the exchange's limits are never met.
    fn check_limits(&mut self, venue: &Venue, now: Mono) {
        let limits = venue.exchange.limits();
        let used = venue
            .exchange
            .rate_usage(super::venue::IP, Some(venue.account));
        for (what, used, max) in [
            ("weight", used.weight_1m, limits.weight_1m_max),
            ("orders in 10 s", used.orders_10s, limits.orders_10s_max),
            ("orders in a minute", used.orders_1m, limits.orders_1m_max),
        ] {
            if used * 100 > max * USED_PERCENT {
                self.break_promise("polite", now, format!("{used} {what} of {max}"));
            }
        }
    }

    /// `alive`: with nothing wrong any more, both sides are quoted in full again within the bound.
    fn check_alive(&mut self, venue: &Venue, host: &mut Host, now: Mono) {
        let Some(view) = host.view(now).cloned() else {
            return;
        };
        for symbol in &view.symbols {
            let Some(watch) = self.watches.get_mut(usize::from(symbol.symbol.0)) else {
                continue;
            };
            let has_enough = |side: Side| {
                let wanted = *symbol.expected.of(side);
                wanted == 0 || watch.book.open_on(side) * 100 >= wanted * FULL_PERCENT
            };
            let wants = *symbol.expected.of(Side::Buy) + *symbol.expected.of(Side::Sell);
            let is_full = wants > 0 && Side::BOTH.into_iter().all(has_enough);
            // A halt that ends by itself, or that a person has to clear, is a designed state.
            let is_paused = |side: Side| {
                let mut missing = symbol.explanation.missing.of(side).iter();
                missing.any(|gap| gap.why == Missing::VpinPause)
            };
            let is_designed = view.halt.is_some()
                || symbol.halt.is_some()
                || watch.is_removed
                || Side::BOTH.into_iter().any(is_paused);
            // A stream that has nothing to say cannot prove itself to a connection or desk that is new.
            let has_market =
                venue.has_two_sides(symbol.symbol) && watch.book.has_spoken(now, STALE);
            if is_full || is_designed || !has_market {
                watch.not_full_since = None;
                continue;
            }
            let since = *watch.not_full_since.get_or_insert(now);
            self.figures.recovery = self.figures.recovery.max(now.since(since));
            if now.since(since) > ALIVE {
                let evidence = format!(
                    "symbol {}: expected {:?}, open {}/{}, obstacle {:?}",
                    symbol.symbol.0,
                    symbol.expected,
                    watch.book.open_on(Side::Buy),
                    watch.book.open_on(Side::Sell),
                    symbol.obstacle
                );
                self.break_promise("alive", now, evidence);
                return;
            }
        }
    }

    // ------------------------------------------------------------------ the end

    /// Compares the books of the process with the exchange's, when all is quiet.
    pub fn settle(&mut self, now: Mono, venue: &Venue, host: &mut Host) {
        if self.first.is_some() {
            return;
        }
        let Some(view) = host.view(now).cloned() else {
            self.break_promise("alive", now, "the process is not running".to_owned());
            return;
        };
        for symbol in &view.symbols {
            let Some(watch) = self.watches.get(usize::from(symbol.symbol.0)) else {
                continue;
            };
            if let Some((promise, evidence)) = watch.book.differs_from(symbol, venue, &self.past) {
                self.break_promise(promise, now, evidence);
                return;
            }
        }
    }
}
