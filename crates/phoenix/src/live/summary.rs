//! Owns what a run says of itself at the end, for people and as one JSON object (spec §13).

use super::books::number;
use super::cold::Ended;
use super::session::{Finished, Open};
use super::usage::Usage;
use crate::health::promises::{LEFT_AT_RISK_MAX_S, RECOVERY_MAX_S, UNARMED_MAX_S};
use phoenix_core::engine::view::SymbolView;
use phoenix_core::instrument::Instrument;
use phoenix_core::units::{Mono, Span};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::Write;

/// A run in numbers. Unknown is `null`, never zero.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// Length of the run.
    pub seconds: f64,
    /// Traded symbols.
    pub symbols: Vec<String>,
    /// Most open orders at one instant on any symbol.
    pub open_orders_max: u32,
    /// Open orders of ours at the end, as the exchange says.
    pub open_orders_end: Option<usize>,
    /// Fills of buy orders.
    pub fills_buy: u64,
    /// Fills of sell orders.
    pub fills_sell: u64,
    /// Largest |position| in base units, of the symbol that used most of its `net_max`.
    pub position_abs_max: f64,
    /// `net_max` of that symbol, base units.
    pub net_max: f64,
    /// Most cancels in any sliding minute, those for safety (a pull, the end) left out, of the worst symbol.
    pub cancels_per_min_max: u32,
    /// Time from the start until every layer of the slowest symbol rested; `null` when that never came.
    pub time_to_full_quote_s: Option<f64>,
    /// Share of the time since readiness with orders on both sides, of the worst symbol.
    pub two_sided_share: Option<f64>,
    /// Longest time an order rested after the last data that justified it.
    pub time_at_risk_s_max: f64,
    /// Longest time from the end of an obstacle until 70 % of the wanted orders rested on both sides.
    pub recovery_s_max: f64,
    /// Realised profit before fees and funding, margin asset.
    pub realized_pnl: f64,
    /// Unrealised profit at the end, margin asset.
    pub unrealized_pnl: Option<f64>,
    /// Commission; a cost is negative.
    pub fees: f64,
    /// Funding; received is positive.
    pub funding: f64,
    /// Largest resident memory of the process.
    pub rss_bytes_max: Option<u64>,
    /// Processor time over wall time, in shares of one core; the embedded exchange's thread left out.
    pub cpu_share: Option<f64>,
    /// The nine promises (spec §1).
    pub promises: BTreeMap<&'static str, bool>,
    /// `designed`, or why it ended otherwise.
    pub exit: &'static str,
    /// Each symbol.
    pub per_symbol: Vec<SymbolSummary>,
}

/// One symbol of a run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SymbolSummary {
    /// Name.
    pub symbol: String,
    /// Position at the end, base units.
    pub position: f64,
    /// Largest |position|, base units.
    pub position_abs_max: f64,
    /// `net_max`, base units.
    pub net_max: f64,
    /// Largest |position| that fills of everything open could have led to, base units.
    pub worst_case: f64,
    /// Fills.
    pub fills: u64,
    /// Open orders at the end as the exchange says; `null` when it could not be asked.
    pub open_orders_end: Option<usize>,
    /// Realised profit.
    pub realized_pnl: f64,
    /// Mode at the end.
    pub mode: &'static str,
}

impl Summary {
    /// Of a finished run. `durable` says whether the journal agreed with the engine.
    #[must_use]
    pub fn of(finished: &Finished, usage: Usage, durable: bool) -> Self {
        let view = &finished.view;
        let seconds = finished.lasted.as_secs_f64();
        let per_symbol = by_symbol(finished);
        let ratio = |s: &&SymbolSummary| s.position_abs_max / s.net_max.max(f64::MIN_POSITIVE);
        let worst = per_symbol
            .iter()
            .max_by(|a, b| ratio(a).total_cmp(&ratio(b)));
        let records = || finished.lives().map(|(_, s)| &s.record);
        let books = finished.last_lives();
        let open: Option<usize> = finished.open.iter().map(|(_, open)| confirmed(open)).sum();
        let sum = |f: fn(&SymbolView) -> i64| number(books.values().map(|(_, s)| f(s)).sum());
        let mut summary = Self {
            seconds,
            symbols: finished.open.iter().map(|(name, _)| name.clone()).collect(),
            open_orders_max: records().map(|r| r.open_orders_max).max().unwrap_or(0),
            open_orders_end: open,
            fills_buy: records().map(|r| r.fills_buy).sum(),
            fills_sell: records().map(|r| r.fills_sell).sum(),
            position_abs_max: worst.map_or(0.0, |s| s.position_abs_max),
            net_max: worst.map_or(0.0, |s| s.net_max),
            cancels_per_min_max: records().map(|r| r.cancels_per_min_max).max().unwrap_or(0),
            time_to_full_quote_s: slowest_full_quote(finished),
            two_sided_share: worst_two_sided(view.now.mono, finished),
            time_at_risk_s_max: records()
                .map(|r| seconds_of(r.time_at_risk_max))
                .fold(0.0, f64::max),
            recovery_s_max: records()
                .map(|r| seconds_of(r.recovery_max))
                .fold(0.0, f64::max),
            realized_pnl: sum(|s| s.realized.raw()),
            unrealized_pnl: books.values().map(|(_, s)| unrealized(s)).sum(),
            fees: sum(|s| s.fees.raw()),
            funding: sum(|s| s.funding.raw()),
            rss_bytes_max: usage.rss_bytes_max,
            cpu_share: usage.cpu_s.map(|cpu| cpu / seconds.max(1e-9)),
            promises: BTreeMap::new(),
            exit: match finished.ended {
                Ended::Stopped => "designed",
                Ended::Abandoned => "abandoned: the graceful end took too long or was cut short",
                Ended::HotGone => "a panic or hang of the hot thread",
                Ended::ColdPanicked => "a panic of the cold side",
            },
            per_symbol,
        };
        summary.promises = summary.judge(finished, durable);
        summary
    }

    fn judge(&self, finished: &Finished, durable: bool) -> BTreeMap<&'static str, bool> {
        let symbols = || finished.lives().map(|(_, symbol)| symbol);
        // Where the engine never showed itself, no promise is known to be kept: `all` of nothing is true.
        let seen_symbols = finished.last_lives().len();
        let is_known = seen_symbols > 0 && seen_symbols == finished.open.len();
        let codes = &finished.codes;
        let seen = |code: &str| codes.contains(code);
        let bounded = finished.lives().all(|(instrument, symbol)| {
            let s = symbol_of(finished, instrument, symbol);
            s.worst_case <= s.net_max * (1.0 + 1e-12)
        });
        let count_ok = symbols().all(|s| {
            let layers = s.layers;
            s.record.open_orders_max <= 2 * u32::from(layers) + 2
        });
        let unarmed_s_max = symbols()
            .map(|s| seconds_of(s.record.unarmed_max))
            .fold(0.0, f64::max);
        let left_s_max = symbols()
            .map(|s| seconds_of(s.record.left_at_risk_max))
            .fold(0.0, f64::max);
        let cancels_ok = symbols().all(|s| s.record.cancels_per_min_max <= s.cancels_per_min_limit);
        BTreeMap::from([
            ("fresh", is_known && left_s_max <= LEFT_AT_RISK_MAX_S),
            ("bounded", is_known && bounded),
            (
                "exit_open",
                is_known && symbols().all(|s| s.record.exits_refused == 0),
            ),
            (
                "accounted",
                self.open_orders_end == Some(0) && count_ok && !seen("order_overflow"),
            ),
            (
                "alive",
                self.time_to_full_quote_s.is_some() && self.recovery_s_max <= RECOVERY_MAX_S,
            ),
            ("polite", is_known && cancels_ok && finished.bans == 0),
            (
                "dead_man",
                seen("dead_man_armed") && unarmed_s_max <= UNARMED_MAX_S,
            ),
            ("durable", is_known && durable),
            (
                "contained",
                is_known && !matches!(finished.ended, Ended::HotGone | Ended::ColdPanicked),
            ),
        ])
    }

    /// The summary for people. Every order is accounted for: cancelled, not cancelled, or UNKNOWN.
    #[must_use]
    pub fn text(&self, finished: &Finished) -> String {
        let mut out = String::new();
        let _ = writeln!(
            out,
            "ran {:.1} s on {}; exit: {}",
            self.seconds,
            self.symbols.join(", "),
            self.exit
        );
        for (name, open) in &finished.open {
            let _ = match open {
                Open::Confirmed(0) => writeln!(
                    out,
                    "{name}: every order of ours is cancelled or filled, confirmed by the exchange"
                ),
                Open::Confirmed(n) => writeln!(
                    out,
                    "{name}: {n} orders are NOT cancelled: cancel them at the exchange now"
                ),
                Open::Unknown => writeln!(
                    out,
                    "{name}: open orders UNKNOWN, the exchange could not be asked: look there now"
                ),
            };
        }
        for s in &self.per_symbol {
            let _ = writeln!(
                out,
                "{}: {} fills, position {} (largest {} of {}), realised {:.4}",
                s.symbol, s.fills, s.position, s.position_abs_max, s.net_max, s.realized_pnl
            );
        }
        let full = self
            .time_to_full_quote_s
            .map_or_else(|| "never".to_owned(), |s| format!("{s:.2} s"));
        let share = self
            .two_sided_share
            .map_or_else(|| "-".to_owned(), |s| format!("{:.1} %", s * 100.0));
        let _ = writeln!(
            out,
            "full ladder after {full}; two-sided {share} of the time; cancels per minute at most {}; time at risk at most {:.2} s; recovered within {:.2} s",
            self.cancels_per_min_max, self.time_at_risk_s_max, self.recovery_s_max
        );
        let _ = writeln!(
            out,
            "realised {:.4}, fees {:.4}, funding {:.4}",
            self.realized_pnl, self.fees, self.funding
        );
        if let (Some(rss), Some(cpu)) = (self.rss_bytes_max, self.cpu_share) {
            let _ = writeln!(
                out,
                "memory at most {:.1} MB, processor {:.1} % of one core",
                rss as f64 / 1e6,
                cpu * 100.0
            );
        }
        let broken: Vec<&str> = self
            .promises
            .iter()
            .filter(|(_, kept)| !**kept)
            .map(|(name, _)| *name)
            .collect();
        let _ = match broken.as_slice() {
            [] => writeln!(out, "all nine promises kept"),
            broken => writeln!(out, "promises BROKEN: {}", broken.join(", ")),
        };
        out
    }
}

const fn confirmed(open: &Open) -> Option<usize> {
    match open {
        Open::Confirmed(n) => Some(*n),
        Open::Unknown => None,
    }
}

fn seconds_of(span: Span) -> f64 {
    span.raw() as f64 / 1e9
}

/// One summary for each symbol, its lives taken together.
fn by_symbol(finished: &Finished) -> Vec<SymbolSummary> {
    let mut symbols: Vec<SymbolSummary> = Vec::new();
    for (instrument, life) in finished.lives() {
        let mut later = symbol_of(finished, instrument, life);
        match symbols.iter_mut().find(|s| s.symbol == later.symbol) {
            Some(known) => {
                later.fills += known.fills;
                later.position_abs_max = later.position_abs_max.max(known.position_abs_max);
                later.worst_case = later.worst_case.max(known.worst_case);
                *known = later;
            }
            None => symbols.push(later),
        }
    }
    symbols
}

/// What a position that was left behind is worth at the end is not known.
fn unrealized(symbol: &SymbolView) -> Option<f64> {
    match symbol.removed_at {
        Some(_) if symbol.position.is_zero() => Some(0.0),
        Some(_) => None,
        None => symbol.unrealized.map(|u| number(u.raw())),
    }
}

fn symbol_of(
    finished: &Finished,
    instrument: Option<&Instrument>,
    symbol: &SymbolView,
) -> SymbolSummary {
    let name = instrument.map_or_else(String::new, |i| i.name.clone());
    let base =
        |lots: i64| instrument.map_or(lots as f64, |i| number(lots.saturating_mul(i.step_e8)));
    let open = finished.open.iter().find(|(n, _)| *n == name);
    SymbolSummary {
        position: base(symbol.position.raw()),
        position_abs_max: base(symbol.record.position_abs_max.raw()),
        net_max: base(symbol.net_max.raw()),
        worst_case: base(
            symbol
                .record
                .worst_long
                .max(symbol.record.worst_short)
                .raw(),
        ),
        fills: symbol.record.fills_buy + symbol.record.fills_sell,
        open_orders_end: open.and_then(|(_, open)| confirmed(open)),
        realized_pnl: number(symbol.realized.raw()),
        mode: symbol.mode.name(),
        symbol: name,
    }
}

/// From the addition of each symbol. One that was removed before it came so far is not waited for.
fn slowest_full_quote(finished: &Finished) -> Option<f64> {
    let mut slowest = None;
    for (_, symbol) in finished.lives() {
        match symbol.record.full_quote_at {
            Some(at) => slowest = slowest.max(Some(at.since(symbol.began_at))),
            None if symbol.removed_at.is_some() => {}
            None => return None,
        }
    }
    slowest.map(seconds_of)
}

/// Until the graceful end or the removal began, because pulling everything is what those are for.
fn worst_two_sided(now: Mono, finished: &Finished) -> Option<f64> {
    let until = finished.stop_began_ns.map_or(now, Mono);
    let shares = finished.lives().filter_map(|(_, s)| {
        let ready = s.record.ready_at?;
        let until = s.removed_at.unwrap_or(until);
        let total = seconds_of(until.since(ready));
        (total > 0.0).then(|| (seconds_of(s.record.two_sided) / total).min(1.0))
    });
    shares.min_by(f64::total_cmp)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::binance::client_id::ClientIds;
    use crate::binance::contracts::Contracts;
    use crate::live::books::Books;
    use phoenix_core::action::Actions;
    use phoenix_core::engine::Engine;
    use phoenix_core::engine::view::View;
    use phoenix_core::event::{Config, Event, Resume};
    use phoenix_core::instrument::{SymbolId, ethusdc};
    use phoenix_core::params::{AccountParams, ethusdc_defaults};
    use phoenix_core::units::{Now, Quote};
    use std::time::Duration;

    fn finished(view: View) -> Finished {
        let mut contracts = Contracts::default();
        contracts.add(SymbolId(0), ethusdc()).expect("a contract");
        let ids = ClientIds::new("t1").expect("a name");
        Finished {
            ended: Ended::Stopped,
            view,
            removed: Vec::new(),
            open: vec![("ETHUSDC".to_owned(), Open::Confirmed(0))],
            books: Books::new(std::sync::Arc::new(contracts), ids, "USDC".to_owned()),
            alerts: Vec::new(),
            lasted: Duration::from_secs(10),
            stop_began_ns: None,
            bans: 0,
            fills_before: BTreeMap::new(),
            codes: std::collections::BTreeSet::from(["dead_man_armed"]),
        }
    }

    fn kept(finished: &Finished) -> BTreeMap<&'static str, bool> {
        Summary::of(finished, Usage::default(), true).promises
    }

    #[test]
    fn of_an_engine_that_never_showed_itself_no_promise_is_claimed() {
        let promises = kept(&finished(View::default()));
        assert_eq!(promises.len(), 9);
        for (name, kept) in promises {
            // The exchange confirmed that nothing is open, and the switch was armed: those two are known.
            assert!(!kept || matches!(name, "accounted" | "dead_man"), "{name}");
        }
    }

    #[test]
    fn a_ban_of_the_address_breaks_politeness() {
        let mut engine = Engine::new(1, AccountParams::new(Quote(i64::MAX / 2)));
        let (instrument, params) = (ethusdc(), ethusdc_defaults());
        let add = Config::Add(SymbolId(0), &instrument, &params, Resume::default());
        let mut actions = Actions::default();
        engine.step(Now::default(), &Event::Config(add), &mut actions);
        engine.refresh_view(Now::default());
        let mut run = finished(engine.view().clone());
        assert_eq!(kept(&run).get("polite"), Some(&true));
        run.bans = 1;
        assert_eq!(kept(&run).get("polite"), Some(&false));
    }
}
