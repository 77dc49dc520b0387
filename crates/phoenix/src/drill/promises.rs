//! Owns the nine promises as they look from outside: what in the exchange's ledger, the journal and the process's end would break one; does not know which drill is judged but for what it allows.

use super::End;
use super::Expect;
use super::judge::{Evidence, us};
use super::ledger::Ledger;
use super::score::Broken;
use super::timeline::{Rules, Timeline};

/// Request weight per minute that the exchange allows, and orders per 10 s and per minute (protocol §6.1).
const WEIGHT_MAX: u64 = 2_400;
const ORDERS_10S_MAX: u64 = 300;
const ORDERS_1M_MAX: u64 = 1_200;
/// Percentage of them that may be used.
const SHARE_MAX_PERCENT: u64 = 80;
/// Age of data at which nothing may be sent any more, s.
const STALE_S: f64 = 3.0;
/// What a pull may take after that: the cancels' way to the exchange.
const PULL_S: f64 = 1.0;
/// How long orders may rest before the dead-man switch is armed, s.
const ARMED_S: f64 = 5.0;
/// Longest deadline of the dead-man switch, s, and how coarsely it is sampled.
const DEAD_MAN_S: f64 = 30.0;
const SAMPLING_S: f64 = 1.0;
/// Longest time that a position may have no way out while the other side is quoted, s.
const EXIT_S: f64 = 3.0;
/// Longest time until two-sided quoting is back.
pub(super) const ALIVE_S: f64 = 10.0;
/// Longest time that a symbol beside the struck one may be without most of its orders, s.
const BYSTANDER_S: f64 = 3.0;
const BYSTANDER_SHARE: f64 = 0.7;

fn broken(promise: &'static str, evidence: String) -> Option<Broken> {
    Some(Broken { promise, evidence })
}

/// Every promise that the evidence shows broken.
#[must_use]
pub fn broken_by(evidence: &Evidence, expect: &Expect) -> Vec<Broken> {
    let mut found = Vec::new();
    for (place, (name, rules)) in evidence.symbols.iter().enumerate() {
        let line = Timeline::of(name, &evidence.orders, &evidence.fills);
        found.extend(bounded(evidence, name, *rules));
        found.extend(exit_open(evidence, name, *rules, &line));
        found.extend(accounted(name, *rules, &line));
        found.extend(dead_man(evidence, name));
        found.extend(durable(evidence, name));
        if place == 0 {
            found.extend(fresh(evidence, expect, &line));
        } else {
            found.extend(contained(evidence, name, *rules, &line));
        }
    }
    found.extend(left_open(evidence));
    found.extend(polite(evidence, expect));
    found.extend(said(evidence, expect));
    found
}

fn bounded(evidence: &Evidence, name: &str, rules: Rules) -> Option<Broken> {
    let worst = evidence.exposure_max(name)?;
    let limit = rules.net_max * (1.0 + 1e-9);
    (worst > limit).then(|| {
        broken(
            "bounded",
            format!("{name}: {worst} of net_max {}", rules.net_max),
        )
    })?
}

fn exit_open(evidence: &Evidence, name: &str, rules: Rules, line: &Timeline) -> Option<Broken> {
    let marks = evidence.marks;
    let blocked = line.longest(marks.full_us, marks.end_us, |p| {
        let (growing, reducing) = if p.position > 0.0 {
            (p.buys, p.sells)
        } else {
            (p.sells, p.buys)
        };
        p.position.abs() >= rules.layer_size && growing > 0 && reducing == 0
    });
    (blocked > us(EXIT_S)).then(|| {
        broken(
            "exit_open",
            format!(
                "{name}: {:.1} s with orders that grow the position and none that reduces it",
                blocked as f64 / 1e6
            ),
        )
    })?
}

fn accounted(name: &str, rules: Rules, line: &Timeline) -> Option<Broken> {
    let most = line.open_max();
    let limit = rules.layers.saturating_mul(2).saturating_add(2);
    (most > limit).then(|| {
        broken(
            "accounted",
            format!("{name}: {most} open orders at once, at most {limit}"),
        )
    })?
}

/// At the end nothing of ours is open, whatever the drill did.
fn left_open(evidence: &Evidence) -> Option<Broken> {
    let Some(last) = &evidence.last else {
        return broken(
            "accounted",
            "the exchange's ledger could not be read at the end".to_owned(),
        );
    };
    let open: u64 = symbols(last).map(|s| s.open_orders).sum();
    (open > 0).then(|| broken("accounted", format!("{open} orders are open after the end")))?
}

fn symbols(ledger: &Ledger) -> impl Iterator<Item = &super::ledger::Symbol> {
    ledger.accounts.iter().take(1).flat_map(|a| &a.symbols)
}

/// While orders rest, the exchange itself will cancel them, and soon enough.
fn dead_man(evidence: &Evidence, name: &str) -> Option<Broken> {
    let mut since: Option<u64> = None;
    for sample in &evidence.samples {
        let at = sample.now_us;
        let symbol = symbols(sample).find(|s| s.symbol == name)?;
        if symbol.open_orders == 0 || at < evidence.marks.full_us || at > evidence.marks.end_us {
            since = None;
            continue;
        }
        let resting = at.saturating_sub(*since.get_or_insert(at));
        match symbol.dead_man_deadline_us {
            None if resting > us(ARMED_S) => {
                return broken(
                    "dead_man",
                    format!(
                        "{name}: not armed though orders rest for {:.1} s",
                        resting as f64 / 1e6
                    ),
                );
            }
            Some(deadline) if deadline > at.saturating_add(us(DEAD_MAN_S + SAMPLING_S)) => {
                return broken(
                    "dead_man",
                    format!("{name}: its deadline is farther away than 30 s"),
                );
            }
            None | Some(_) => {}
        }
    }
    None
}

/// The journal has the exchange's position and every fill of every session.
fn durable(evidence: &Evidence, name: &str) -> Option<Broken> {
    let last = symbols(evidence.last.as_ref()?).find(|s| s.symbol == name)?;
    let books = evidence
        .books
        .as_ref()?
        .get(name)
        .copied()
        .unwrap_or_default();
    let fills = evidence.fills.iter().filter(|f| f.symbol == name).count() as u64;
    if (books.position - last.position.0).abs() > 1e-9 {
        return broken(
            "durable",
            format!(
                "{name}: position {} in the journal, {} at the exchange",
                books.position, last.position.0
            ),
        );
    }
    (books.fills != fills).then(|| {
        broken(
            "durable",
            format!(
                "{name}: {} fills in the journal, {fills} at the exchange",
                books.fills
            ),
        )
    })?
}

/// On dead data nothing is sent and nothing left.
fn fresh(evidence: &Evidence, expect: &Expect, line: &Timeline) -> Option<Broken> {
    if !expect.is_blind {
        return None;
    }
    let marks = evidence.marks;
    let (name, _) = evidence.symbols.first()?;
    let from = marks.fault_us.saturating_add(us(STALE_S));
    let late = evidence
        .orders
        .iter()
        .filter(|o| o.symbol == *name && o.accepted_us > from && o.accepted_us < marks.over_us)
        .count();
    if late > 0 {
        return broken(
            "fresh",
            format!("{late} orders were sent on data older than 3 s"),
        );
    }
    let limit = marks.fault_us.saturating_add(us(STALE_S + PULL_S));
    let left = line.at(limit).open();
    (limit < marks.over_us && left > 0).then(|| {
        broken(
            "fresh",
            format!("{left} orders rested on data older than 4 s"),
        )
    })?
}

/// What strikes one symbol does not pull the other.
fn contained(evidence: &Evidence, name: &str, rules: Rules, line: &Timeline) -> Option<Broken> {
    let marks = evidence.marks;
    let away = line.longest(marks.fault_us, marks.end_us, |p| {
        !rules.has_share(p, BYSTANDER_SHARE)
    });
    (away > us(BYSTANDER_S)).then(|| {
        broken(
            "contained",
            format!(
                "{name} was not struck and lost its quotes for {:.1} s",
                away as f64 / 1e6
            ),
        )
    })?
}

fn polite(evidence: &Evidence, expect: &Expect) -> Option<Broken> {
    let banned = evidence
        .requests
        .iter()
        .filter(|r| r.status == Some(418))
        .count() as u64;
    if banned > expect.bans {
        return broken(
            "polite",
            format!("{banned} requests during a ban, at most {}", expect.bans),
        );
    }
    let accounts = || evidence.samples.iter().flat_map(|s| s.accounts.first());
    for (what, limit, used) in [
        (
            "weight per minute",
            WEIGHT_MAX,
            accounts().map(|a| a.requests.weight_1m).max(),
        ),
        (
            "orders in 10 s",
            ORDERS_10S_MAX,
            accounts().map(|a| a.requests.orders_10s).max(),
        ),
        (
            "orders per minute",
            ORDERS_1M_MAX,
            accounts().map(|a| a.requests.orders_1m).max(),
        ),
    ] {
        let used = used.unwrap_or(0);
        if used * 100 > limit * SHARE_MAX_PERCENT {
            return broken("polite", format!("{used} {what} of {limit}"));
        }
    }
    None
}

/// What the process itself says of its promises at its end, and how it ended.
fn said(evidence: &Evidence, expect: &Expect) -> Vec<Broken> {
    let mut found = Vec::new();
    if expect.end == End::Designed && evidence.exit != Some(0) {
        let code = evidence
            .exit
            .map_or_else(|| "a signal".to_owned(), |c| c.to_string());
        found.extend(broken(
            "contained",
            format!("ended with {code} instead of 0"),
        ));
    }
    let Some(summary) = &evidence.summary else {
        return found;
    };
    for promise in ["bounded", "exit_open", "durable"] {
        if summary["promises"][promise] == false {
            found.extend(broken(promise, "the process says so itself".to_owned()));
        }
    }
    found
}
