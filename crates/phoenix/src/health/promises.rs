//! Owns the live verdict on the nine promises (spec §1), with what it rests on; knows nothing of drills or the
//! summary, which judge the whole run.

use super::facts::{Facts, Phase, SymbolFacts, Watchdog, Worst};
use std::collections::BTreeMap;

/// How long after their last data orders may be left, their cancellation not asked for, while `fresh` counts as kept: the
/// 3 s threshold, and the second by which event times may be behind.
pub const LEFT_AT_RISK_MAX_S: f64 = 4.0;
/// How long open orders may be under no confirmed switch while `dead_man` counts as kept: the exchange has fired it by then, and
/// the comparison that follows has asked for what is left.
pub const UNARMED_MAX_S: f64 = 5.0;
/// Recovery up to which `alive` counts as kept.
pub const RECOVERY_MAX_S: f64 = 10.0;

type Verdict = (Option<bool>, String);

/// Name → kept or not, `None` while nothing is known; and name → evidence.
#[must_use]
pub fn judge(facts: &Facts) -> (BTreeMap<String, Option<bool>>, BTreeMap<String, String>) {
    let verdicts: [(&str, Verdict); 9] = [
        ("fresh", fresh(facts)),
        ("bounded", bounded(facts)),
        ("exit_open", exit_open(facts)),
        ("accounted", accounted(facts)),
        ("alive", alive(facts)),
        ("polite", polite(facts)),
        ("dead_man", dead_man(facts)),
        ("durable", durable(facts)),
        ("contained", contained(facts)),
    ];
    let kept = verdicts
        .iter()
        .map(|(name, (kept, _))| ((*name).to_owned(), *kept));
    let evidence = verdicts
        .iter()
        .map(|(name, (_, words))| ((*name).to_owned(), words.clone()));
    (kept.collect(), evidence.collect())
}

/// A verdict on figures of all symbols; without any nothing is known.
fn over(facts: &Facts, kept: impl Fn(&SymbolFacts) -> bool, words: String) -> Verdict {
    match facts.symbols.is_empty() || facts.phase == Phase::Booting {
        true => (None, "nothing measured yet".to_owned()),
        false => (Some(facts.symbols.iter().all(kept)), words),
    }
}

fn most(facts: &Facts, figure: fn(&Worst) -> f64) -> f64 {
    facts
        .symbols
        .iter()
        .map(|s| figure(&s.worst))
        .fold(0.0, f64::max)
}

fn fresh(facts: &Facts) -> Verdict {
    let left = most(facts, |w| w.left_at_risk_s);
    let worst = most(facts, |w| w.time_at_risk_s);
    let words = format!(
        "orders were left at most {left:.2} s after their last data, limit {LEFT_AT_RISK_MAX_S} s, and gone after at most {worst:.2} s"
    );
    over(
        facts,
        |s| s.worst.left_at_risk_s <= LEFT_AT_RISK_MAX_S,
        words,
    )
}

fn bounded(facts: &Facts) -> Verdict {
    let worst = most(facts, |w| w.position_share);
    let words = format!(
        "fills could have led to at most {:.0} % of net_max",
        worst * 100.0
    );
    over(facts, |s| s.worst.position_share <= 1.0 + 1e-12, words)
}

fn exit_open(facts: &Facts) -> Verdict {
    let refused: u64 = facts.symbols.iter().map(|s| s.worst.exits_refused).sum();
    let words = format!("{refused} exits were refused by a limit on growth");
    over(facts, |s| s.worst.exits_refused == 0, words)
}

fn accounted(facts: &Facts) -> Verdict {
    let open = facts
        .symbols
        .iter()
        .map(|s| s.worst.open_orders)
        .max()
        .unwrap_or(0);
    let unknown: usize = facts.symbols.iter().map(|s| s.orders_unknown).sum();
    let words = format!("at most {open} open orders on a symbol, {unknown} in doubt now");
    let kept =
        |s: &SymbolFacts| s.worst.open_orders <= s.worst.open_orders_limit && !facts.had_overflow;
    over(facts, kept, words)
}

fn alive(facts: &Facts) -> Verdict {
    if !facts.symbols.iter().any(|s| s.worst.was_full) {
        return (None, "no full ladder yet".to_owned());
    }
    let worst = most(facts, |w| w.recovery_s);
    let words =
        format!("quoting was back at most {worst:.1} s after a fault, limit {RECOVERY_MAX_S} s");
    over(facts, |s| s.worst.recovery_s <= RECOVERY_MAX_S, words)
}

fn polite(facts: &Facts) -> Verdict {
    let cancels = facts
        .symbols
        .iter()
        .map(|s| s.worst.cancels_per_min)
        .max()
        .unwrap_or(0);
    let words = format!(
        "at most {cancels} discretionary cancels in a minute, {} bans",
        facts.bans
    );
    over(
        facts,
        |s| s.worst.cancels_per_min <= s.cancels_per_min_limit && facts.bans == 0,
        words,
    )
}

fn dead_man(facts: &Facts) -> Verdict {
    let watchdog = match facts.watchdog {
        Watchdog::Connected => "with a watchdog",
        Watchdog::None | Watchdog::Lost => "without a watchdog",
    };
    let bare =
        |s: &&SymbolFacts| s.open_orders > 0 && s.dead_man_left_s.is_none_or(|left| left <= 0.0);
    let bare = facts.symbols.iter().filter(bare).count();
    let longest = most(facts, |w| w.unarmed_s);
    let arming = match facts.arming_failed {
        true => "FAILED at times and was repeated",
        false => "never failed",
    };
    let words = format!(
        "armed, {watchdog}; arming {arming}; orders without it on {bare} symbols now, for {longest:.1} s at most"
    );
    match facts.was_armed {
        false => (None, format!("not armed yet, {watchdog}")),
        true => (Some(bare == 0 && longest <= UNARMED_MAX_S), words),
    }
}

fn durable(facts: &Facts) -> Verdict {
    match &facts.journal {
        None => (None, "no journal yet".to_owned()),
        Some(journal) if journal.lost_total > 0 => (
            Some(false),
            format!("{} records of the books found no room", journal.lost_total),
        ),
        Some(journal) => match &journal.error {
            Some(why) => (
                None,
                format!("the disk refuses ({why}); {} records wait", journal.waiting),
            ),
            None => (
                Some(true),
                format!("no record lost, {} wait", journal.waiting),
            ),
        },
    }
}

/// A panic outside a symbol ends the process, so a process that answers contained all it had.
fn contained(facts: &Facts) -> Verdict {
    let words = format!(
        "{} panics, each cost one symbol at most",
        facts.panics_total
    );
    over(facts, |_| true, words)
}
