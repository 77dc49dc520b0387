//! Owns the checks of one symbol: streams, book, orders, position, dead-man switch; knows nothing of the process.

use super::facts::{Facts, Halt, HaltKind, SideFacts, SymbolFacts};
use super::rules::{self, Bound, Rule};
use super::{Checks, Status, ago, duration, unknown};

/// How long a symbol may take to become ready before nothing resting is severe.
const BOOT_LIMIT_S: f64 = 30.0;

pub(super) fn check(facts: &Facts, symbol: &SymbolFacts, checks: &mut Checks<'_>) {
    if let Some(halt) = &symbol.halt {
        halted(checks, Some(&symbol.name), halt);
    }
    market(facts, symbol, checks);
    two_sided(facts, symbol, checks);
    orders(symbol, checks);
    exposure(symbol, checks);
    dead_man(symbol, checks);
}

/// A line for a halt of everything or of one symbol.
pub(super) fn halted(checks: &mut Checks<'_>, symbol: Option<&str>, halt: &Halt) {
    let status = match halt.kind {
        HaltKind::Operator | HaltKind::Ending => Status::Warning,
        HaltKind::Trouble => Status::Severe,
    };
    let text = match halt.left_s {
        Some(left) => format!("{}; ends in {}", halt.reason, duration(left)),
        None => format!("{}; until somebody resumes", halt.reason),
    };
    checks.state(&rules::HALT, symbol, status, halt.left_s, text);
    match (halt.kind, halt.left_s) {
        (HaltKind::Operator, _) => {
            checks.advise("wanted so; to quote again: rm -f {kill_file}; kill -USR2 {pid}");
        }
        (HaltKind::Ending, _) => {
            checks.advise(
                "it cancels and ends; see that nothing rests: phoenix emergency status {config}",
            );
        }
        (HaltKind::Trouble, Some(_)) => {
            checks.advise("it resumes by itself; find the cause in the log, resume sooner with: kill -USR2 {pid}");
        }
        (HaltKind::Trouble, None) => {}
    }
}

/// Whether a person or the end of the symbol wants that nothing is quoted.
fn is_wanted(facts: &Facts, symbol: &SymbolFacts) -> bool {
    let halts = [facts.halt.as_ref(), symbol.halt.as_ref()];
    let wanted = |halt: &Halt| halt.kind != HaltKind::Trouble;
    symbol.is_ending || halts.into_iter().flatten().any(wanted)
}

/// Whether it quotes both sides well enough, or pauses because somebody wants it.
#[must_use]
pub fn is_ready(facts: &Facts, symbol: &SymbolFacts) -> bool {
    if is_wanted(facts, symbol) || symbol.is_pausing {
        return true;
    }
    if facts.halt.is_some() || symbol.halt.is_some() || symbol.obstacle.is_some() {
        return false;
    }
    let warning = rules::ORDERS_TWO_SIDED.bound.warning();
    two_sided_share(symbol).is_some_and(|share| warning.is_none_or(|limit| share >= limit))
}

/// Resting over wanted orders of the worse side; a side of which nothing is wanted is left out. `None` while nothing is.
fn two_sided_share(symbol: &SymbolFacts) -> Option<f64> {
    let share = |side: &SideFacts| {
        (side.expected > 0).then(|| (side.resting as f64 / side.expected as f64).min(1.0))
    };
    [symbol.buy, symbol.sell]
        .iter()
        .filter_map(share)
        .min_by(f64::total_cmp)
}

fn market(facts: &Facts, symbol: &SymbolFacts, checks: &mut Checks<'_>) {
    let name = Some(symbol.name.as_str());
    for stream in &symbol.streams {
        let rule = match stream.name {
            "depth" => &rules::DEPTH_AGE,
            "mark" => &rules::MARK_AGE,
            "ticker" => &rules::TICKER_AGE,
            _ => &rules::TRADE_AGE,
        };
        match stream.age_s {
            // Nothing is expected: the connection is down or the symbol has no desk.
            None if stream.is_judged => {
                let status = not_there(facts, symbol);
                checks.state(rule, name, status, None, "not connected");
            }
            age => {
                let suspect = stream.suspect_after_s.map(duration);
                let learned = suspect
                    .map(|s| format!(", suspect after {s}"))
                    .unwrap_or_default();
                checks.figure(rule, name, age, format!("{}{learned}", ago(age)));
            }
        }
    }
    let lag = symbol.event_lag_s;
    let text = lag.map_or_else(unknown, |lag| format!("{:.0} ms behind", lag * 1e3));
    checks.figure(&rules::EVENT_LAG, name, lag, text);
    let Some(check) = symbol.book_check else {
        return checks.figure(
            &rules::BOOK_CHECK,
            name,
            None,
            "not compared yet".to_owned(),
        );
    };
    let found = if check.agrees { "agreed" } else { "DIFFERED" };
    let text = format!("{found} {}", ago(Some(check.age_s)));
    let bound = rules::BOOK_CHECK.bound;
    // A book that stands still for want of data is told by its age.
    let by_age = if symbol.obstacle.is_some() {
        Status::Healthy
    } else {
        bound.status(check.age_s)
    };
    let status = if check.agrees {
        by_age
    } else {
        by_age.max(Status::Warning)
    };
    checks.state(&rules::BOOK_CHECK, name, status, Some(check.age_s), text);
}

/// How bad it is that something is not there: not at all when it is wanted, a warning while the symbol boots.
fn not_there(facts: &Facts, symbol: &SymbolFacts) -> Status {
    if is_wanted(facts, symbol) || (!symbol.was_ready && symbol.age_s <= BOOT_LIMIT_S) {
        return Status::Warning;
    }
    Status::Severe
}

fn two_sided(facts: &Facts, symbol: &SymbolFacts, checks: &mut Checks<'_>) {
    let rule = &rules::ORDERS_TWO_SIDED;
    let name = Some(symbol.name.as_str());
    let side = |word: &str, s: SideFacts| format!("{word} {}/{}", s.resting, s.expected);
    let sides = format!(
        "{}, {}, mode {}",
        side("buy", symbol.buy),
        side("sell", symbol.sell),
        symbol.mode
    );
    if is_wanted(facts, symbol) {
        checks.state(
            rule,
            name,
            Status::Warning,
            Some(0.0),
            format!("{sides}; wanted so"),
        );
        let next = match symbol.is_ending {
            true => "it ends; see that nothing rests: phoenix emergency status {config}",
            false => "to quote again: rm -f {kill_file}; kill -USR2 {pid}",
        };
        return checks.advise(next);
    }
    if let Some(why) = &symbol.obstacle {
        let status = not_there(facts, symbol);
        return checks.state(rule, name, status, Some(0.0), format!("{sides}; {why}"));
    }
    if symbol.is_pausing {
        let text = format!("{sides}; the strategy pauses");
        checks.state(rule, name, Status::Warning, Some(0.0), text);
        return checks.advise(
            "toxic order flow: it goes on by itself within seconds; phoenix health {config}",
        );
    }
    let share = two_sided_share(symbol).unwrap_or(0.0);
    let mut status = rule.bound.status(share);
    if !symbol.worst.was_full && symbol.age_s <= BOOT_LIMIT_S {
        status = status.min(Status::Warning);
    }
    checks.state(rule, name, status, Some(share), sides);
}

fn orders(symbol: &SymbolFacts, checks: &mut Checks<'_>) {
    let name = Some(symbol.name.as_str());
    let age = symbol.reconciled_age_s;
    let text = age.map_or_else(|| "in doubt, being asked".to_owned(), |_| ago(age));
    checks.figure(&rules::ACCOUNT_CHECK, name, age, text);
    let age = symbol.quote_age_s.filter(|_| symbol.obstacle.is_none());
    let text = age.map_or_else(|| "not quoting".to_owned(), |_| ago(age));
    checks.figure(&rules::QUOTE_AGE, name, age, text);
    let count = symbol.orders_unknown;
    checks.figure(
        &rules::ORDERS_UNKNOWN,
        name,
        Some(count as f64),
        format!("{count} of {} orders", symbol.open_orders),
    );
    let trip = symbol.round_trip_s;
    let text = trip.map_or_else(unknown, |s| format!("{:.1} ms", s * 1e3));
    checks.figure(&rules::ORDER_ROUND_TRIP, name, trip, text);
    let (count, limit) = (symbol.cancels_last_min, symbol.cancels_per_min_limit);
    let limit_f = f64::from(limit);
    let bound = Bound::Above(Some((limit_f - 1.0).max(0.0)), Some(limit_f));
    let text = format!("{count} of {limit} allowed");
    checks.figure_within(
        &rules::CANCELS_PER_MINUTE,
        bound,
        name,
        Some(f64::from(count)),
        text,
    );
    percent(
        checks,
        &rules::PUNISHMENT,
        name,
        symbol.punishment_share,
        "of the way",
    );
}

fn exposure(symbol: &SymbolFacts, checks: &mut Checks<'_>) {
    let name = Some(symbol.name.as_str());
    let share = symbol.position_share;
    let text = share.map_or_else(unknown, |s| {
        format!("{} ({:.0} % of net_max)", symbol.position, s * 100.0)
    });
    checks.figure(&rules::POSITION, name, share, text);
    percent(
        checks,
        &rules::WORST_CASE,
        name,
        symbol.worst_case_share,
        "of net_max",
    );
}

fn percent(checks: &mut Checks<'_>, rule: &Rule, name: Option<&str>, share: Option<f64>, of: &str) {
    let text = share.map_or_else(unknown, |s| format!("{:.0} % {of}", s * 100.0));
    checks.figure(rule, name, share, text);
}

fn dead_man(symbol: &SymbolFacts, checks: &mut Checks<'_>) {
    let rule = &rules::DEAD_MAN;
    let name = Some(symbol.name.as_str());
    let left = symbol.dead_man_left_s;
    let rests = symbol.open_orders > 0;
    match left {
        Some(left) if left > 0.0 => {
            let text = format!("armed: fires in {} unless armed again", duration(left));
            // What does not rest needs no switch.
            let status = if rests {
                rule.bound.status(left)
            } else {
                Status::Healthy
            };
            checks.state(rule, name, status, Some(left), text);
        }
        None | Some(_) if rests => {
            let text = format!("NOT armed while {} orders are open", symbol.open_orders);
            checks.state(rule, name, Status::Severe, left, text);
        }
        None | Some(_) => checks.state(
            rule,
            name,
            Status::Healthy,
            None,
            "not armed, nothing rests",
        ),
    }
}
