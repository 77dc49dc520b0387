//! Owns the faults of `phoenix demo --faults`: which come when, and how long the maker needed to recover, by the exchange's own ledger.

use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use phoenix_exchange::api::{Side, SymbolId};
use phoenix_exchange::prng::Prng;
use serde::Serialize;
use serde_json::{Value, json};

use super::MAKER;
use crate::drill::timeline::{Point, Rules};
use crate::serve::Server;
use crate::serve::faults::Fault;
use crate::serve::faults::ask::Ask;

/// Quiet time before the first fault, µs.
const FIRST_US: u64 = 15_000_000;
/// From the beginning of one fault to that of the next, µs.
const EVERY_US: u64 = 30_000_000;
/// How long a fault lasts, s.
const LASTS_S: (i64, i64) = (3, 10);
/// The promise `alive`: full two-sided quoting is back so soon after a fault, s.
const RECOVERED_S_MAX: f64 = 10.0;
/// Full quoting means this share of the orders that the position allows, on each side (spec §8).
const FULL_SHARE: f64 = 0.7;
/// Quoting counts as back when it was full for so long without a break, µs; recovery is the beginning of that time.
const HOLDS_US: u64 = 3_000_000;
/// Orders may rest so long without an armed dead-man timer, µs: between the first order and the first arming, or while one replaces another.
const UNARMED_US_MAX: u64 = 3_000_000;
/// The promise `dead_man`: the timer fires at most so long after it was armed, µs.
const DEADLINE_US_MAX: u64 = 30_000_000;
/// How often the ledger is looked at, µs.
const LOOK_US: u64 = 50_000;

/// A fault that was played.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Played {
    /// What was asked of the exchange.
    pub fault: Value,
    /// Seconds since the start.
    pub at_s: f64,
    /// How long it lasted.
    pub lasted_s: f64,
    /// From its end to full two-sided quoting; `null` when that did not come before the next fault or the end.
    pub recovered_s: Option<f64>,
    /// Whether it must count for `alive`: not when the demo ended within the time that recovery may take.
    #[serde(skip)]
    is_judged: bool,
}

/// The faults from which Phoenix recovers without a person, each drawn with equal chance.
const REPERTOIRE: &[&str] = &[
    r#"{"kind":"mute","streams":"depth"}"#,
    r#"{"kind":"mute","streams":"user"}"#,
    r#"{"kind":"mute","streams":"market-data"}"#,
    r#"{"kind":"mute"}"#,
    r#"{"kind":"lose","streams":"depth"}"#,
    r#"{"kind":"lose","streams":"user","times":3}"#,
    r#"{"kind":"delay","ms":3000}"#,
    r#"{"kind":"trickle","ms":1000}"#,
    r#"{"kind":"duplicate"}"#,
    r#"{"kind":"swap"}"#,
    r#"{"kind":"garble","streams":"market-data"}"#,
    r#"{"kind":"garble","streams":"user"}"#,
    r#"{"kind":"novel"}"#,
    r#"{"kind":"hollow"}"#,
    r#"{"kind":"freeze-book"}"#,
    r#"{"kind":"wrong-route"}"#,
    r#"{"kind":"half-open","sockets":"streams"}"#,
    r#"{"kind":"close"}"#,
    r#"{"kind":"cut"}"#,
    r#"{"kind":"refuse","mode":"hang"}"#,
    r#"{"kind":"server-shutdown"}"#,
    r#"{"kind":"answer","code":-1007,"carried_out":true}"#,
    r#"{"kind":"answer","code":-1007}"#,
    r#"{"kind":"late","ms":3000,"times":3}"#,
    r#"{"kind":"cut-answer"}"#,
    r#"{"kind":"hold-answer","requests":"orders","ms":4000}"#,
    r#"{"kind":"rate-limit-429","retry_after":2}"#,
    r#"{"kind":"clock","ms":1500}"#,
    r#"{"kind":"clock","ms":-6000}"#,
    r#"{"kind":"reject","code":-5022}"#,
    r#"{"kind":"reject","code":-2011,"times":5}"#,
    r#"{"kind":"reject","code":-1008}"#,
    r#"{"kind":"pretend","verb":"place","times":4}"#,
    r#"{"kind":"ack-no-event"}"#,
    r#"{"kind":"keepalive-401"}"#,
    r#"{"kind":"html"}"#,
    r#"{"kind":"listen-key-expire"}"#,
    r#"{"kind":"listen-key-expire","event":false}"#,
    r#"{"kind":"restart"}"#,
    r#"{"kind":"maintenance"}"#,
];

/// The order in which faults come; the same seed gives the same.
#[derive(Debug, Clone)]
pub struct Programme {
    prng: Prng,
}

impl Programme {
    /// The programme of a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            prng: Prng::new(seed),
        }
    }

    /// The next fault as it is asked for, with its length.
    pub fn next_fault(&mut self) -> Value {
        let count = u64::try_from(REPERTOIRE.len()).unwrap_or(1);
        let index = usize::try_from(self.prng.below(count)).unwrap_or(0);
        let text = REPERTOIRE.get(index).copied().unwrap_or_default();
        let mut fault: Value = serde_json::from_str(text).unwrap_or_default();
        let seconds = self.prng.between(LASTS_S.0, LASTS_S.1);
        if let Some(fields) = fault.as_object_mut() {
            fields.insert("seconds".to_owned(), json!(seconds));
        }
        fault
    }
}

/// What came of it, as the exchange saw it.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Faults in the order in which they came.
    pub played: Vec<Played>,
    /// Longest time that orders of the maker rested while no dead-man timer stood behind them, µs.
    pub unarmed_us_max: u64,
}

/// Plays faults until told to stop; the channel's end is that word.
///
/// `rules` are those of the exchange's symbols, in their order.
pub fn play(
    server: &Server,
    seed: u64,
    lasts: Option<Duration>,
    stop: &Receiver<()>,
    rules: &[Rules],
) -> Outcome {
    let mut programme = Programme::new(seed);
    let began_us = server.now_us();
    let end_us = lasts.map(|lasts| began_us.saturating_add(micros(lasts)));
    let mut played = Vec::new();
    let mut watch = Watch {
        server,
        stop,
        rules,
        unarmed_since_us: None,
        unarmed_us_max: 0,
    };
    for turn in 0_u64.. {
        let due_us =
            began_us.saturating_add(FIRST_US.saturating_add(turn.saturating_mul(EVERY_US)));
        if !watch.wait_until(due_us) {
            break;
        }
        let fault = programme.next_fault();
        let lasts_s = fault.get("seconds").and_then(Value::as_f64).unwrap_or(0.0);
        let needs_us = ((lasts_s + RECOVERED_S_MAX) * 1e6) as u64;
        if end_us.is_some_and(|end_us| server.now_us().saturating_add(needs_us) > end_us) {
            watch.wait_until(u64::MAX);
            break;
        }
        let next_us = due_us.saturating_add(EVERY_US);
        played.extend(one(&mut watch, fault, (began_us, next_us)));
    }
    Outcome {
        played,
        unarmed_us_max: watch.unarmed_us_max,
    }
}

/// Waits and looks at the ledger meanwhile.
struct Watch<'a> {
    server: &'a Server,
    stop: &'a Receiver<()>,
    rules: &'a [Rules],
    unarmed_since_us: Option<u64>,
    unarmed_us_max: u64,
}

impl Watch<'_> {
    /// Waits until then; `false` when told to stop first.
    fn wait_until(&mut self, until_us: u64) -> bool {
        loop {
            let now_us = self.server.now_us();
            self.look_at_timers(now_us);
            let left_us = until_us.saturating_sub(now_us);
            if left_us == 0 {
                return true;
            }
            let span = Duration::from_micros(left_us.min(LOOK_US));
            if !matches!(self.stop.recv_timeout(span), Err(RecvTimeoutError::Timeout)) {
                return false;
            }
        }
    }

    fn look_at_timers(&mut self, now_us: u64) {
        let is_unarmed = self.server.with_exchange(|exchange| {
            let symbols: Vec<SymbolId> = exchange.symbols().map(|(symbol, _)| symbol).collect();
            symbols.into_iter().any(|symbol| {
                let due_us = exchange.countdown_due_us(MAKER, symbol);
                let latest_us = now_us.saturating_add(DEADLINE_US_MAX);
                exchange.open_order_count(MAKER, symbol) > 0
                    && due_us.is_none_or(|due_us| due_us > latest_us)
            })
        });
        if !is_unarmed {
            self.unarmed_since_us = None;
            return;
        }
        let since_us = *self.unarmed_since_us.get_or_insert(now_us);
        self.unarmed_us_max = self.unarmed_us_max.max(now_us.saturating_sub(since_us));
    }
}

/// One fault, from its beginning to the recovery from it.
fn one(watch: &mut Watch<'_>, fault: Value, (began_us, next_us): (u64, u64)) -> Option<Played> {
    let server = watch.server;
    let at_us = server.now_us();
    let lasted_us = match inject(server, at_us, &fault) {
        Ok(lasted_us) => lasted_us,
        Err(error) => {
            eprintln!("fault {fault} could not be played: {error}");
            return None;
        }
    };
    eprintln!("fault begins: {fault}");
    watch.wait_until(at_us.saturating_add(lasted_us));
    let ended_us = server.now_us();
    eprintln!("fault ends: {fault}");
    let recovered_s = recovery_from(watch, (ended_us, next_us));
    match recovered_s {
        Some(recovered_s) => {
            eprintln!("fault over: quoting in full {recovered_s:.2} s after its end")
        }
        None => eprintln!("fault over: quoting in full had not come back"),
    }
    let waited_s = seconds(server.now_us() - ended_us);
    Some(Played {
        fault,
        at_s: seconds(at_us - began_us),
        lasted_s: seconds(ended_us - at_us),
        recovered_s,
        is_judged: recovered_s.is_some() || waited_s > RECOVERED_S_MAX,
    })
}

/// Time from the fault's end to quoting in full that holds; `None` when that did not come before the next fault or the end.
fn recovery_from(watch: &mut Watch<'_>, (ended_us, next_us): (u64, u64)) -> Option<f64> {
    let mut full_since_us = None;
    loop {
        let now_us = watch.server.now_us();
        if now_us >= next_us {
            return None;
        }
        if !is_full(&points(watch.server), watch.rules) {
            full_since_us = None;
        } else {
            let since_us = *full_since_us.get_or_insert(now_us);
            if now_us.saturating_sub(since_us) >= HOLDS_US {
                return Some(seconds(since_us - ended_us));
            }
        }
        if !watch.wait_until(now_us.saturating_add(LOOK_US)) {
            return None;
        }
    }
}

/// Injects a fault and returns how long it lasts, µs.
fn inject(server: &Server, now_us: u64, fault: &Value) -> Result<u64, String> {
    let told = fault.to_string();
    let ask: Ask = serde_json::from_str(&told).map_err(|error| error.to_string())?;
    server.with_venue(|venue| {
        let mut fault = Fault::of(&ask, &told, venue).map_err(|error| error.to_string())?;
        let lasts_us = fault.lasts_us.unwrap_or(0);
        // What happens once is not waited for.
        let is_lasting = venue.is_lasting(&fault);
        fault.lasts_us = is_lasting.then_some(lasts_us);
        venue
            .inject(now_us, fault)
            .map_err(|error| error.to_string())?;
        Ok(if is_lasting { lasts_us } else { 0 })
    })
}

/// Open orders and position of the maker, by symbol.
fn points(server: &Server) -> Vec<Point> {
    server.with_exchange(|exchange| {
        let symbols: Vec<SymbolId> = exchange.symbols().map(|(symbol, _)| symbol).collect();
        let point = |symbol| {
            let open = exchange.open_orders(MAKER, Some(symbol));
            let count = |side| {
                let orders = open.iter().filter(|order| order.side == side);
                u32::try_from(orders.count()).unwrap_or(u32::MAX)
            };
            Point {
                at_us: exchange.now_us(),
                buys: count(Side::Buy),
                sells: count(Side::Sell),
                position: exchange.exposure_extremes(MAKER, symbol).position as f64 / 1e8,
            }
        };
        symbols.into_iter().map(point).collect()
    })
}

/// Whether each side of each symbol has its share of what the position allows, and something rests at all.
fn is_full(now: &[Point], rules: &[Rules]) -> bool {
    let mut pairs = now.iter().zip(rules);
    pairs.all(|(point, rules)| point.open() > 0 && rules.has_share(point, FULL_SHARE))
}

fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}

fn seconds(us: u64) -> f64 {
    us as f64 / 1e6
}

/// Whether the maker was back in time after every fault that can be judged (promise `alive`).
#[must_use]
pub fn is_alive(played: &[Played]) -> bool {
    played
        .iter()
        .filter(|fault| fault.is_judged)
        .all(|fault| fault.recovered_s.is_some_and(|s| s <= RECOVERED_S_MAX))
}

/// Whether the exchange never saw the maker's position and open orders add up to more than `net_max` of a symbol (promise `bounded`).
#[must_use]
pub fn is_bounded(server: &Server, net_max: &[(String, f64)]) -> bool {
    net_max.iter().all(|(name, net_max)| {
        let Some(seen) = server.with_exchange(|exchange| {
            let symbol = exchange.symbol_id(name)?;
            Some(exchange.exposure_extremes(MAKER, symbol))
        }) else {
            return false;
        };
        let far = seen
            .long_exposure_max
            .max(seen.short_exposure_min.saturating_neg());
        far as f64 / 1e8 <= net_max * (1.0 + 1e-9)
    })
}

/// Whether a dead-man timer stood behind the maker's orders at all times (promise `dead_man`).
#[must_use]
pub const fn is_guarded(outcome: &Outcome) -> bool {
    outcome.unarmed_us_max <= UNARMED_US_MAX
}

/// What was played, in a few lines.
#[must_use]
pub fn text(played: &[Played]) -> String {
    let mut text = format!("faults played: {}\n", played.len());
    for fault in played {
        let recovered = match fault.recovered_s {
            Some(seconds) => format!("recovered {seconds:.2} s after its end"),
            None => "not recovered".to_owned(),
        };
        text.push_str(&format!(
            "  at {:.0} s {}: {recovered}\n",
            fault.at_s, fault.fault
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serve::launch::Launch;

    #[test]
    fn a_seed_makes_the_programme() {
        let first = |seed| {
            let mut programme = Programme::new(seed);
            (0..20).map(|_| programme.next_fault()).collect::<Vec<_>>()
        };
        assert_eq!(first(7), first(7));
        assert_ne!(first(7), first(8));
        let seconds = |fault: &Value| fault["seconds"].as_i64().expect("a length");
        assert!(first(7).iter().all(|f| (3..=10).contains(&seconds(f))));
    }

    #[test]
    fn the_exchange_knows_every_fault_of_the_repertoire() {
        let launch = Launch::default();
        let server =
            Server::bind(launch.listen, launch.config().expect("sound")).expect("a free port");
        for text in REPERTOIRE {
            let fault: Value = serde_json::from_str(text).expect("JSON");
            let lasted_us = inject(&server, server.now_us(), &fault);
            assert!(lasted_us.is_ok(), "{text}: {lasted_us:?}");
            server.with_venue(|venue| venue.lift_all(venue.exchange.now_us()));
        }
    }

    #[test]
    fn full_means_what_the_position_allows_on_both_sides_of_every_symbol() {
        let rules = Rules {
            net_max: 2.0,
            layers: 18,
            layer_size: 0.05,
        };
        let point = |buys, sells, position| Point {
            buys,
            sells,
            position,
            ..Point::default()
        };
        for (what, points, expected) in [
            ("flat", [point(13, 13, 0.0), point(18, 18, 0.0)], true),
            ("too few", [point(11, 18, 0.0), point(18, 18, 0.0)], false),
            ("long", [point(8, 13, 0.4), point(18, 18, 0.0)], true),
            ("no way out", [point(18, 0, 0.4), point(18, 18, 0.0)], false),
            ("none", [point(18, 18, 0.0), point(0, 0, 0.0)], false),
        ] {
            assert_eq!(is_full(&points, &[rules, rules]), expected, "{what}");
        }
    }

    #[test]
    fn late_or_missing_recovery_breaks_alive_unless_the_demo_ended_first() {
        let played = |recovered_s, is_judged| Played {
            fault: json!({"kind": "mute"}),
            at_s: 15.0,
            lasted_s: 5.0,
            recovered_s,
            is_judged,
        };
        assert!(is_alive(&[played(Some(9.9), true), played(None, false)]));
        assert!(!is_alive(&[played(Some(10.1), true)]));
        assert!(!is_alive(&[played(None, true)]));
    }
}
