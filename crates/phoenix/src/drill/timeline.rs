//! Owns the course of one symbol's orders and position, made from the exchange's ledger; does not know what is good or bad.

use super::ledger::{Fill, Ledger, Order, Side};

/// The ladder that a drill's configuration asks for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rules {
    /// `net_max`, base units.
    pub net_max: f64,
    /// `total_layers` of a side.
    pub layers: u32,
    /// `unified_layer_size`, base units.
    pub layer_size: f64,
}

/// Share of the growing side's layers given up at a full position (spec §3).
const GROWING_SIDE_CUT: f64 = 0.6;
/// Share of `net_max` that the growing side may reach when all of it is filled (spec §4).
const WORST_CASE_RATIO: f64 = 0.5;
/// Position from which on nothing is quoted that grows it, as a share of `net_max` (spec §3).
const REDUCE_ONLY: f64 = 0.8;
/// Share of the expected layers from which on a side counts as quoted in full: some are always on their way.
const FULL: f64 = 0.9;

impl Rules {
    /// Layers that are expected on the growing side at this position.
    fn growing(self, position: f64) -> f64 {
        let share = position.abs() / self.net_max;
        if share >= REDUCE_ONLY {
            return 0.0;
        }
        let kept = (f64::from(self.layers) * (1.0 - GROWING_SIDE_CUT * share)).floor();
        let room = (WORST_CASE_RATIO * self.net_max - position.abs()) / self.layer_size;
        kept.max(1.0).min((room + 1e-9).floor().max(0.0))
    }

    /// Whether this share of what is expected rests on both sides.
    #[must_use]
    pub fn has_share(self, point: &Point, share: f64) -> bool {
        let growing = (self.growing(point.position) * share).floor();
        let reducing = (f64::from(self.layers) * share).floor();
        let (buys, sells) = (f64::from(point.buys), f64::from(point.sells));
        if point.position > 0.0 {
            buys >= growing && sells >= reducing
        } else {
            buys >= reducing && sells >= growing
        }
    }

    /// Whether both sides are quoted in full.
    #[must_use]
    pub fn is_full(self, point: &Point) -> bool {
        self.has_share(point, FULL)
    }
}

/// What rested from an instant on.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Point {
    /// Since when, µs.
    pub at_us: u64,
    /// Open buys.
    pub buys: u32,
    /// Open sells.
    pub sells: u32,
    /// Position, base units, signed.
    pub position: f64,
}

impl Point {
    /// Open orders.
    #[must_use]
    pub const fn open(&self) -> u32 {
        self.buys.saturating_add(self.sells)
    }
}

/// The course of one symbol.
#[derive(Debug, Clone, Default)]
pub struct Timeline {
    points: Vec<Point>,
}

enum Change {
    Opened(Side),
    Ended(Side),
    Filled(f64),
}

impl Timeline {
    /// Of all orders and fills since the exchange started.
    #[must_use]
    pub fn of(symbol: &str, orders: &[Order], fills: &[Fill]) -> Self {
        let mut changes: Vec<(u64, Change)> = Vec::new();
        for order in orders.iter().filter(|order| order.symbol == symbol) {
            changes.push((order.accepted_us, Change::Opened(order.side)));
            changes.extend(order.done_us.map(|at| (at, Change::Ended(order.side))));
        }
        for fill in fills.iter().filter(|fill| fill.symbol == symbol) {
            changes.push((fill.at_us, Change::Filled(fill.side.sign() * fill.qty.0)));
        }
        // Stable: an order that never rested is opened before it ends at the same instant.
        changes.sort_by_key(|(at, _)| *at);
        let mut points: Vec<Point> = Vec::new();
        let mut now = Point::default();
        for (at, change) in changes {
            match change {
                Change::Opened(Side::Buy) => now.buys = now.buys.saturating_add(1),
                Change::Opened(Side::Sell) => now.sells = now.sells.saturating_add(1),
                Change::Ended(Side::Buy) => now.buys = now.buys.saturating_sub(1),
                Change::Ended(Side::Sell) => now.sells = now.sells.saturating_sub(1),
                Change::Filled(qty) => now.position += qty,
            }
            now.at_us = at;
            match points.last_mut() {
                Some(last) if last.at_us == at => *last = now,
                _ => points.push(now),
            }
        }
        Self { points }
    }

    /// What rested at that instant.
    #[must_use]
    pub fn at(&self, us: u64) -> Point {
        let after = self.points.partition_point(|point| point.at_us <= us);
        let last = after.checked_sub(1).and_then(|i| self.points.get(i));
        last.copied().unwrap_or_default()
    }

    /// The state at `from` and every later one until `to`, each with the time it lasted, µs.
    pub fn between(&self, from: u64, to: u64) -> impl Iterator<Item = (Point, u64)> + '_ {
        let first = Point {
            at_us: from,
            ..self.at(from)
        };
        let begin = self.points.partition_point(|point| point.at_us <= from);
        let later = self.points.iter().skip(begin).copied();
        let states = std::iter::once(first)
            .chain(later)
            .take_while(move |point| point.at_us < to);
        let ends = self.points.iter().skip(begin).map(|point| point.at_us);
        states
            .zip(ends.chain(std::iter::once(to)))
            .map(move |(point, end)| (point, end.min(to).saturating_sub(point.at_us)))
    }

    /// The first instant from `from` on at which `is_so`.
    #[must_use]
    pub fn first(&self, from: u64, is_so: impl Fn(&Point) -> bool) -> Option<u64> {
        self.between(from, u64::MAX)
            .find(|(point, _)| is_so(point))
            .map(|(point, _)| point.at_us)
    }

    /// Most open orders at once.
    #[must_use]
    pub fn open_max(&self) -> u32 {
        self.points.iter().map(Point::open).max().unwrap_or(0)
    }

    /// Longest unbroken time of `is_so` between two instants, µs.
    #[must_use]
    pub fn longest(&self, from: u64, to: u64, is_so: impl Fn(&Point) -> bool) -> u64 {
        let (mut longest, mut running) = (0, 0_u64);
        for (point, lasted) in self.between(from, to) {
            running = if is_so(&point) {
                running.saturating_add(lasted)
            } else {
                0
            };
            longest = longest.max(running);
        }
        longest
    }
}

/// Cost of a position by the average-price method, quote units, after the fills until `to`.
fn cost(symbol: &str, fills: &[Fill], to: u64) -> (f64, f64) {
    let (mut position, mut cost) = (0.0_f64, 0.0_f64);
    for fill in fills.iter().filter(|f| f.symbol == symbol && f.at_us <= to) {
        let signed = fill.side.sign() * fill.qty.0;
        if position * signed >= 0.0 {
            cost += signed * fill.price.0;
        } else if signed.abs() <= position.abs() {
            cost *= 1.0 + signed / position;
        } else {
            cost = (position + signed) * fill.price.0;
        }
        position += signed;
        if position.abs() < 1e-9 {
            (position, cost) = (0.0, 0.0);
        }
    }
    (position, cost)
}

/// Wallets and unrealised profit at mid of the first account, quote units.
#[must_use]
pub fn equity(sample: &Ledger, fills: &[Fill]) -> Option<f64> {
    let account = sample.accounts.first()?;
    let wallets: f64 = account.wallets.values().map(|w| w.0).sum();
    let mut open = 0.0;
    for symbol in &account.symbols {
        let (position, cost) = cost(&symbol.symbol, fills, sample.now_us);
        if position != 0.0 {
            open += position * symbol.mid?.0 - cost;
        }
    }
    Some(wallets + open)
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::ledger::Number;
    use super::*;

    pub(in crate::drill) const RULES: Rules = Rules {
        net_max: 2.0,
        layers: 18,
        layer_size: 0.05,
    };

    pub(in crate::drill) fn order(side: Side, accepted_us: u64, done_us: Option<u64>) -> Order {
        Order {
            symbol: "ETHUSDC".to_owned(),
            client_id: String::new(),
            side,
            price: Number(2_500.0),
            orig_qty: Number(0.05),
            executed: Number(0.0),
            reduce_only: false,
            accepted_us,
            done_us,
        }
    }

    pub(in crate::drill) fn fill(side: Side, qty: f64, price: f64, at_us: u64) -> Fill {
        Fill {
            symbol: "ETHUSDC".to_owned(),
            price: Number(price),
            qty: Number(qty),
            side,
            at_us,
        }
    }

    #[test]
    fn the_course_follows_the_lives_of_orders() {
        let orders = [
            order(Side::Buy, 10, Some(30)),
            order(Side::Sell, 10, None),
            order(Side::Buy, 20, Some(20)),
        ];
        let line = Timeline::of("ETHUSDC", &orders, &[fill(Side::Buy, 0.05, 2_500.0, 30)]);
        assert_eq!((line.at(9).open(), line.at(10).open()), (0, 2));
        assert_eq!((line.at(20).open(), line.at(30).open()), (2, 1));
        assert_eq!(line.at(99).position, 0.05);
        assert_eq!(line.open_max(), 2, "an order that never rests is not open");
        assert_eq!(line.first(10, |p| p.buys == 0), Some(30));
        assert_eq!(line.first(10, |p| p.open() == 0), None);
        assert_eq!(line.longest(0, 100, |p| p.buys == 0), 70);
        let other = Timeline::of("BTCUSDC", &orders, &[]);
        assert_eq!(other.open_max(), 0);
    }

    #[test]
    fn what_counts_as_full_follows_the_position() {
        let point = |buys, sells, position| Point {
            at_us: 0,
            buys,
            sells,
            position,
        };
        for (buys, sells, position, full) in [
            (18, 18, 0.0, true),
            (16, 16, 0.0, true),
            (15, 18, 0.0, false),
            (0, 18, 0.0, false),
            // 0.5 long of 2.0: ten fit into the batch bound, of which nine are enough.
            (9, 18, 0.5, true),
            (8, 18, 0.5, false),
            (18, 9, -0.5, true),
            (9, 18, -0.5, false),
            // From 0.8 on nothing that grows the position.
            (0, 18, 1.7, true),
            (0, 0, 1.7, false),
        ] {
            assert_eq!(
                RULES.is_full(&point(buys, sells, position)),
                full,
                "{buys} {sells} {position}"
            );
        }
    }

    #[test]
    fn equity_is_wallet_and_what_is_open_at_mid() {
        let text = r#"{"now_us":50,"accounts":[{"wallets":{"USDC":"1000"},"symbols":[{"symbol":"ETHUSDC","mid":"90"}]}]}"#;
        let sample: Ledger = serde_json::from_str(text).expect("a ledger");
        let buy = fill(Side::Buy, 2.0, 100.0, 10);
        let sell = fill(Side::Sell, 1.0, 120.0, 20);
        let later = fill(Side::Buy, 9.0, 100.0, 60);
        assert_eq!(equity(&sample, &[]), Some(1_000.0));
        assert_eq!(equity(&sample, std::slice::from_ref(&buy)), Some(980.0));
        assert_eq!(
            equity(&sample, &[buy.clone(), sell.clone(), later]),
            Some(990.0)
        );
        let flip = fill(Side::Sell, 2.0, 110.0, 30);
        // Short one from 110, now 90.
        assert_eq!(equity(&sample, &[buy, sell, flip]), Some(1_020.0));
        let mut dark = sample;
        dark.accounts[0].symbols[0].mid = None;
        assert_eq!(
            equity(&dark, &[fill(Side::Buy, 1.0, 1.0, 1)]),
            None,
            "no price, no number"
        );
    }
}
