//! Owns the gathering of what health judges: from the engine's view, the journal, the disk, the log; judges nothing.

use super::super::books::{Books, number};
use super::super::listen_key::ConfirmedAt;
use super::super::notices::base;
use super::super::rest::Rest;
use crate::health::facts::{
    BookCheck, Facts, Halt, HaltKind, JournalFacts, Phase, SideFacts, StreamFacts, SymbolFacts,
    Watchdog, Worst,
};
use crate::heartbeat::Watched;
use crate::journal::writer::Status;
use crate::logging::tally::{Totals, totals};
use phoenix_core::engine::view::{Comparison, StreamView, SymbolView, View};
use phoenix_core::event::Stream;
use phoenix_core::notice::HaltReason;
use phoenix_core::orders::state::OrderState;
use phoenix_core::strategy::Missing;
use phoenix_core::units::{Lots, Mono, PerSide, Side, Span};
use std::collections::{BTreeSet, VecDeque};
use std::path::PathBuf;
use tokio::sync::watch;

/// How often disk and lock file are looked at: both can be slow.
const LOOK_EVERY: Span = Span::from_secs(5);
/// How often the counts of the log are remembered.
const COUNT_EVERY: Span = Span::from_secs(1);
/// Remembered counts: the last five minutes.
const COUNTS_MAX: usize = 301;

/// What the report is made of besides what the cold side has anyway.
#[derive(Debug)]
pub struct Sources {
    /// Where the facts go.
    pub facts: watch::Sender<Facts>,
    /// Names of the symbols that the exchange does not let be traded: it is asked about them.
    pub idle: watch::Sender<BTreeSet<String>>,
    /// When the listen key was last confirmed.
    pub listen_key: ConfirmedAt,
    /// The lock of the account.
    pub lock_file: PathBuf,
    /// Folder of the journal.
    pub state_dir: PathBuf,
}

/// What the cold side shows when it reports.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shown<'a> {
    pub(super) view: &'a View,
    pub(super) books: &'a Books,
    pub(super) rest: &'a Rest,
    pub(super) codes: &'a BTreeSet<&'static str>,
    pub(super) journal: Option<&'a Status>,
    /// Records of the books that wait before the journal's queues.
    pub(super) backlog: usize,
    pub(super) is_stopping: bool,
    pub(super) watched: Watched,
}

/// Gathers and tells.
#[derive(Debug)]
pub(super) struct Reporter {
    sources: Sources,
    counts: VecDeque<(Mono, Totals)>,
    written: Option<(u64, Mono)>,
    looked_at: Option<Mono>,
    disk_free: Option<u64>,
    is_lock_ours: Option<bool>,
    /// A halt of an earlier session that nobody has cleared.
    standing: Option<String>,
}

impl Reporter {
    pub(super) fn new(sources: Sources) -> Self {
        Self {
            sources,
            counts: VecDeque::with_capacity(COUNTS_MAX),
            written: None,
            looked_at: None,
            disk_free: None,
            is_lock_ours: None,
            standing: None,
        }
    }

    pub(super) fn on_standing_halt(&mut self, halt: &str) {
        self.standing = Some(halt.to_owned());
    }

    /// Takes stock and tells it.
    pub(super) fn tell(&mut self, shown: &Shown<'_>) {
        let now = shown.rest.clock().mono();
        self.look(now);
        self.count(now);
        let view = shown.view;
        // The first view comes with the first cycle.
        let has_view = view.now.mono > Mono(0);
        self.tell_idle(view, shown.books);
        if has_view && view.halt.is_none() {
            self.standing = None;
        }
        let journal = shown
            .journal
            .map(|status| self.journal(status, shown.backlog, now));
        let since = |at: Option<Mono>| at.map(|at| seconds(now.since(at)));
        let (minute, five) = (self.counted(now, 60), self.counted(now, 300));
        let (clock, quiet) = (shown.rest.clock(), shown.rest.quiet());
        self.sources.facts.send_modify(|facts| {
            facts.at_s = seconds(Span(now.raw()));
            facts.uptime_s = facts.at_s;
            facts.phase = match (shown.is_stopping, has_view) {
                (true, _) => Phase::Stopping,
                (false, true) => Phase::Running,
                (false, false) => Phase::Booting,
            };
            facts.engine_cycle_age_s = since(has_view.then_some(view.now.mono));
            facts.cold_cycle_age_s = Some(0.0);
            facts.is_lock_ours = self.is_lock_ours;
            facts.watchdog = match shown.watched {
                Watched::No => Watchdog::None,
                Watched::Yes => Watchdog::Connected,
                Watched::Gone => Watchdog::Lost,
            };
            facts.disk_free_bytes = self.disk_free;
            facts.clock_offset_s = clock.measured_at().map(|_| clock.offset_ns() as f64 / 1e9);
            facts.clock_measured_age_s = since(clock.measured_at());
            facts.listen_key_age_s = since(self.sources.listen_key.last());
            facts.listen_key_renew_s = shown.rest.tuning().now().listen_key_keepalive.as_secs_f64();
            facts.bans = quiet.bans();
            facts.errors_last_min = minute.errors;
            facts.errors_last_5_min = five.errors;
            facts.panics_last_5_min = five.panics;
            facts.panics_total = totals().panics;
            facts.journal = journal;
            facts.was_armed = shown.codes.contains("dead_man_armed");
            facts.arming_failed = shown.codes.contains("dead_man_failed");
            facts.had_overflow = shown.codes.contains("order_overflow");
            if has_view {
                of_view(facts, view, self.standing.as_deref());
                let symbols = view.symbols.iter();
                facts.symbols = symbols
                    .map(|s| symbol(s, shown.books, view.now.mono, now))
                    .collect();
            }
        });
    }

    fn tell_idle(&self, view: &View, books: &Books) {
        let idle = view.symbols.iter().filter(|s| !s.is_trading);
        let names = idle.filter_map(|s| Some(books.instrument(s.symbol)?.name.clone()));
        let names: BTreeSet<String> = names.collect();
        self.sources.idle.send_if_modified(|told| {
            let is_changed = *told != names;
            *told = names;
            is_changed
        });
    }

    fn look(&mut self, now: Mono) {
        if self.looked_at.is_some_and(|at| now.since(at) < LOOK_EVERY) {
            return;
        }
        self.looked_at = Some(now);
        let disk = rustix::fs::statvfs(&self.sources.state_dir).ok();
        self.disk_free = disk.map(|d| d.f_bavail.saturating_mul(d.f_frsize));
        let note = std::fs::read_to_string(&self.sources.lock_file);
        let ours = format!("pid {} ", std::process::id());
        self.is_lock_ours = match note {
            Ok(note) => Some(note.starts_with(&ours)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Some(false),
            Err(_) => None,
        };
    }

    fn count(&mut self, now: Mono) {
        let is_due = |(at, _): &(Mono, Totals)| now.since(*at) >= COUNT_EVERY;
        if self.counts.back().is_none_or(is_due) {
            if self.counts.len() >= COUNTS_MAX {
                self.counts.pop_front();
            }
            self.counts.push_back((now, totals()));
        }
    }

    /// What was logged in the last so many seconds, or since the first count.
    fn counted(&self, now: Mono, secs: i64) -> Totals {
        let is_young = |(at, _): &&(Mono, Totals)| now.since(*at) <= Span::from_secs(secs);
        let before = self
            .counts
            .iter()
            .find(is_young)
            .map_or_else(totals, |(_, totals)| *totals);
        let now = totals();
        Totals {
            errors: now.errors.saturating_sub(before.errors),
            panics: now.panics.saturating_sub(before.panics),
        }
    }

    fn journal(&mut self, status: &Status, backlog: usize, now: Mono) -> JournalFacts {
        let written = match self.written {
            Some((total, at)) if total == status.written_total => (total, at),
            Some(_) | None => (status.written_total, now),
        };
        self.written = Some(written);
        JournalFacts {
            waiting: (status.waiting + backlog) as u64,
            commit_age_s: Some(seconds(now.since(written.1))),
            error: status.error.clone(),
            // What was returned waits in the backlog; what was refused is gone.
            lost_total: status.refused_total,
        }
    }
}

fn seconds(span: Span) -> f64 {
    span.raw() as f64 / 1e9
}

fn of_view(facts: &mut Facts, view: &View, standing: Option<&str>) {
    facts.halt = view.halt.map(|reason| match (reason, standing) {
        (HaltReason::Killed, Some(halt)) => Halt {
            kind: HaltKind::Trouble,
            reason: format!("a halt of an earlier session stands: {halt}"),
            left_s: None,
        },
        _ => halt(reason, None),
    });
    let links = ["public", "market", "user", "orders"]
        .into_iter()
        .zip(view.links_up);
    let down = links.filter(|(_, up)| !up).map(|(name, _)| name.to_owned());
    facts.links_down = down.collect();
    facts.request_weight_share = Some(view.weight_used_percent as f64 / 100.0);
    facts.order_limit_share = Some(view.orders_used_percent as f64 / 100.0);
}

fn halt(reason: HaltReason, left_s: Option<f64>) -> Halt {
    let (kind, words) = match reason {
        HaltReason::Paused => (HaltKind::Operator, "an operator paused"),
        HaltReason::Killed => (
            HaltKind::Operator,
            "the kill switch: everything is cancelled",
        ),
        HaltReason::Stopping => (HaltKind::Ending, "it is ending"),
        HaltReason::StopLoss => (HaltKind::Trouble, "stop-loss or drawdown"),
        HaltReason::Auth => (HaltKind::Trouble, "the exchange refuses the key"),
        HaltReason::Account => (HaltKind::Trouble, "the account may not trade"),
        HaltReason::SecondInstance => (HaltKind::Trouble, "another instance trades this account"),
        HaltReason::Symbol => (HaltKind::Trouble, "the exchange halted the symbol"),
        HaltReason::Panics => (HaltKind::Trouble, "its logic panicked"),
    };
    Halt {
        kind,
        reason: words.to_owned(),
        left_s,
    }
}

fn obstacle(missing: Missing) -> String {
    match missing {
        Missing::Halt => "halted".to_owned(),
        Missing::NotFresh => "market data are not fresh".to_owned(),
        Missing::NotReady => {
            "orders, position or the dead-man switch are being confirmed".to_owned()
        }
        other => other.name().to_owned(),
    }
}

/// One symbol of a view of `seen`, as old as it is `now`.
fn symbol(view: &SymbolView, books: &Books, seen: Mono, now: Mono) -> SymbolFacts {
    let instrument = books.instrument(view.symbol);
    let late = now.since(seen);
    let age = |span: Span| seconds(span.saturating_add(late));
    let since = |at: Mono| seconds(now.since(at));
    let share = |lots: Lots| {
        (view.net_max.raw() > 0).then(|| lots.raw() as f64 / view.net_max.raw() as f64)
    };
    let worst_now = view
        .position
        .saturating_add(view.exposure.buy)
        .max(view.exposure.sell.saturating_sub(view.position));
    let side = |side: Side| SideFacts {
        resting: *view.resting.of(side),
        expected: *view.expected.of(side),
    };
    SymbolFacts {
        name: instrument.map_or_else(String::new, |i| i.name.clone()),
        age_s: since(view.began_at),
        was_ready: view.record.ready_at.is_some(),
        is_ending: view.removed_at.is_some(),
        mode: view.mode.name().to_owned(),
        obstacle: view.obstacle.map(obstacle),
        halt: view.halt.map(|(reason, until)| {
            halt(
                reason,
                until.map(|until| seconds(until.since(now)).max(0.0)),
            )
        }),
        is_pausing: is_pausing(view),
        streams: view
            .streams
            .iter()
            .filter_map(|s| stream(s, s.age.map(age)))
            .collect(),
        event_lag_s: view
            .streams
            .iter()
            .find(|s| s.stream == Stream::Depth)
            .and_then(|s| s.lag.map(seconds)),
        book_check: view.cross_check.map(|check| BookCheck {
            age_s: since(check.answered_at),
            agrees: check.result != Comparison::Differs,
        }),
        reconciled_age_s: view.reconciled_at.map(since),
        quote_age_s: view.record.last_quote_refresh.map(since),
        buy: side(Side::Buy),
        sell: side(Side::Sell),
        orders_unknown: view
            .orders
            .iter()
            .filter(|o| o.state == OrderState::Unknown)
            .count(),
        round_trip_s: view.record.last_order_round_trip.map(seconds),
        cancels_last_min: view
            .cancels_last_min
            .saturating_sub(view.safety_cancels_last_min),
        cancels_per_min_limit: view.cancels_per_min_limit,
        punishment_share: Some(number(view.pressure.0)),
        position_share: share(view.position.abs()),
        position: instrument.map_or_else(
            || format!("{} lots", view.position.raw()),
            |i| base(i, view.position),
        ),
        worst_case_share: share(worst_now),
        open_orders: view.orders.len(),
        dead_man_left_s: view
            .dead_man_deadline
            .map(|at| seconds(Span(at.raw() - now.raw()))),
        worst: worst(view, share),
    }
}

/// Whether the strategy wants nothing for the moment, because the flow of orders is toxic.
fn is_pausing(view: &SymbolView) -> bool {
    let PerSide { buy, sell } = &view.explanation.missing;
    let mut gaps = buy.iter().chain(sell);
    view.obstacle.is_none()
        && view.expected.buy == 0
        && view.expected.sell == 0
        && gaps.any(|gap| gap.why == Missing::VpinPause)
}

fn stream(view: &StreamView, age_s: Option<f64>) -> Option<StreamFacts> {
    let (name, is_judged) = match view.stream {
        Stream::Depth => ("depth", true),
        Stream::Mark => ("mark", true),
        Stream::BookTicker => ("ticker", false),
        Stream::Trade => ("trade", false),
        Stream::User => return None,
    };
    Some(StreamFacts {
        name,
        age_s,
        is_judged,
        suspect_after_s: view.suspect_after.map(seconds),
    })
}

fn worst(view: &SymbolView, share: impl Fn(Lots) -> Option<f64>) -> Worst {
    let record = &view.record;
    Worst {
        time_at_risk_s: seconds(record.time_at_risk_max),
        left_at_risk_s: seconds(record.left_at_risk_max),
        unarmed_s: seconds(record.unarmed_max),
        position_share: share(record.worst_long.max(record.worst_short)).unwrap_or(0.0),
        open_orders: record.open_orders_max,
        open_orders_limit: 2 * u32::from(view.layers) + 2,
        exits_refused: record.exits_refused,
        recovery_s: seconds(record.recovery_max),
        cancels_per_min: record.cancels_per_min_max,
        was_full: record.full_quote_at.is_some(),
    }
}
