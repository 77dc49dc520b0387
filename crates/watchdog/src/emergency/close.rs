//! Owns the closing of positions with orders that can only reduce, in slices and within a band, until the exchange, asked twice, shows none.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::clock;
use crate::decimal::E8;
use crate::venue::model::{Order, Position, Pricing, ReduceOrder, Rules, Side, Touch};
use crate::venue::{Patience, Venue, VenueError};

/// How far through the best price an order may go, bps, from one attempt that closed nothing to the next; after these, at any price.
const BPS: [i128; 4] = [10, 30, 100, 300];
/// Attempts in a row that closed nothing; beyond it the symbol is left as it is and reported.
const FRUITLESS_MAX: usize = 12;
/// Orders for one symbol; beyond it the symbol is left as it is and reported.
const SLICES_MAX: u32 = 200;
/// Attempts to learn the best prices; without them an order goes at any price.
const TOUCH_ATTEMPTS: u32 = 4;
/// Times that the exchange must show no position, one after the other.
const LOOKS: u32 = 2;
/// Pause after an order: the list of positions may lag behind the fill.
const PAUSE: Duration = Duration::from_millis(250);
/// Pause after an attempt that closed nothing.
const PAUSE_FRUITLESS: Duration = Duration::from_millis(500);
/// What the orders' client ids start with. It is nobody's: an order that stays behind is told from what quotes.
const ID_PREFIX: &str = "em";

/// What became of one symbol's position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closed {
    /// Symbol.
    pub symbol: String,
    /// `BOTH`; the side in hedge mode.
    pub position_side: String,
    /// Size before, with sign, base units.
    pub before: E8,
    /// Size after, with sign, as last seen; `None` when it could not be asked.
    pub after: Option<E8>,
    /// Orders sent.
    pub orders: u32,
    /// What the exchange said to orders that closed nothing, in order, without repetition.
    pub refusals: Vec<String>,
}

impl Closed {
    /// The word that is printed.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self.after {
            None => "UNKNOWN",
            Some(E8::ZERO) => "flat",
            Some(_) => "REMAINS",
        }
    }
}

/// What closing came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CloseReport {
    /// Each position that was seen.
    pub positions: Vec<Closed>,
    /// Whether the exchange, asked twice after the last order, showed no position.
    pub is_verified_flat: bool,
    /// Why it ended before it was verified.
    pub error: Option<VenueError>,
}

impl CloseReport {
    /// This report and a later one of the same symbols as one.
    #[must_use]
    pub fn followed_by(self, later: Self) -> Self {
        let mut positions = self.positions;
        for now in later.positions {
            let known = positions
                .iter_mut()
                .find(|p| p.symbol == now.symbol && p.position_side == now.position_side);
            match known {
                Some(known) => {
                    known.after = now.after;
                    known.orders += now.orders;
                    known.refusals.extend(now.refusals);
                }
                None => positions.push(now),
            }
        }
        // What was left open before and is not seen any more is flat, if the later look was whole.
        if later.is_verified_flat {
            positions.iter_mut().for_each(|p| p.after = Some(E8::ZERO));
        }
        Self { positions, ..later }
    }
}

/// Closes the positions of `symbols` (empty: all), one after the other, the largest first, and verifies it. It ends at `deadline` at the latest.
pub fn close_positions(venue: &mut Venue, symbols: &[String], deadline: Instant) -> CloseReport {
    let mut closing = Closing {
        venue,
        patience: Patience::until(deadline),
        seen: BTreeMap::new(),
        count: 0,
        stem: format!("{ID_PREFIX}-{}", clock::wall_ms()),
    };
    let outcome = closing.run(symbols);
    CloseReport {
        positions: closing.seen.into_values().collect(),
        is_verified_flat: outcome == Ok(true),
        error: outcome.err(),
    }
}

/// Positions of `symbols` that are not zero, of all when empty.
///
/// # Errors
/// [`VenueError`].
pub fn held(
    venue: &mut Venue,
    symbols: &[String],
    patience: Patience,
) -> Result<Vec<Position>, VenueError> {
    let mut list = venue.positions(patience)?;
    list.retain(|p| {
        p.position_amt != E8::ZERO && (symbols.is_empty() || symbols.contains(&p.symbol))
    });
    list.sort_by_key(|p| std::cmp::Reverse(p.notional.abs()));
    Ok(list)
}

/// A symbol and, in hedge mode, its side.
type Name = (String, String);

fn name(position: &Position) -> Name {
    (position.symbol.clone(), position.position_side.clone())
}

struct Closing<'a> {
    venue: &'a mut Venue,
    patience: Patience,
    seen: BTreeMap<Name, Closed>,
    count: u32,
    stem: String,
}

impl Closing<'_> {
    /// Whether everything is flat, as far as it could be closed.
    fn run(&mut self, symbols: &[String]) -> Result<bool, VenueError> {
        let mut rules = BTreeMap::new();
        let mut given_up: Vec<Name> = Vec::new();
        let mut flat_looks = 0;
        loop {
            let held = self.look(symbols)?;
            if held.is_empty() {
                flat_looks += 1;
                if flat_looks == LOOKS {
                    return Ok(true);
                }
                self.pause(PAUSE)?;
                continue;
            }
            flat_looks = 0;
            let open = held.iter().find(|p| !given_up.contains(&name(p)));
            let Some(position) = open else {
                return Ok(false);
            };
            if rules.is_empty() {
                let list = self.venue.rules(self.patience)?;
                rules.extend(list.into_iter().map(|r| (r.symbol.clone(), r)));
            }
            let rule = rules.get(&position.symbol).cloned().unwrap_or_default();
            if !self.close_one(position.clone(), &rule)? {
                given_up.push(name(position));
            }
        }
    }

    /// Asks for positions and keeps what they are.
    fn look(&mut self, symbols: &[String]) -> Result<Vec<Position>, VenueError> {
        let asked = held(self.venue, symbols, self.patience);
        let held = match asked {
            Ok(held) => held,
            Err(error) => {
                for closed in self.seen.values_mut() {
                    closed.after = None;
                }
                return Err(error);
            }
        };
        let asked = |symbol: &String| symbols.is_empty() || symbols.contains(symbol);
        for closed in self.seen.values_mut().filter(|c| asked(&c.symbol)) {
            closed.after = Some(E8::ZERO);
        }
        for position in &held {
            let closed = self.seen.entry(name(position)).or_insert_with(|| Closed {
                symbol: position.symbol.clone(),
                position_side: position.position_side.clone(),
                before: position.position_amt,
                after: None,
                orders: 0,
                refusals: Vec::new(),
            });
            closed.after = Some(position.position_amt);
        }
        Ok(held)
    }

    /// Sends slices until the position is zero. `false` when it does not get smaller, whatever is tried.
    fn close_one(&mut self, position: Position, rules: &Rules) -> Result<bool, VenueError> {
        let mut position = position;
        let mut fruitless = 0;
        for _ in 0..SLICES_MAX {
            let patience = self.patience.with_attempts(TOUCH_ATTEMPTS);
            let touch = self.venue.touch(&position.symbol, patience).ok();
            let Some(order) = self.slice(&position, rules, touch.as_ref(), fruitless) else {
                self.refuse(&position, "the rest is smaller than the smallest order");
                return Ok(false);
            };
            self.send(&order, &position)?;
            self.pause(PAUSE)?;
            let before = position.position_amt;
            let held = self.look(&[position.symbol.clone()])?;
            match held.into_iter().find(|p| name(p) == name(&position)) {
                None => return Ok(true),
                // Turned over by somebody else: what is there now is closed as a new position.
                Some(now) if (now.position_amt.0 < 0) != (before.0 < 0) => return Ok(true),
                Some(now) => position = now,
            }
            if position.position_amt.abs() < before.abs() {
                fruitless = 0;
                continue;
            }
            fruitless += 1;
            if fruitless > FRUITLESS_MAX {
                return Ok(false);
            }
            self.pause(PAUSE_FRUITLESS)?;
        }
        Ok(false)
    }

    fn slice(
        &mut self,
        position: &Position,
        rules: &Rules,
        touch: Option<&Touch>,
        fruitless: usize,
    ) -> Option<ReduceOrder> {
        self.count += 1;
        slice(
            position,
            rules,
            touch,
            fruitless,
            format!("{}-{}", self.stem, self.count),
        )
    }

    /// Sends the order. What it came to is told by the next look at the position; one whose outcome is unknown is asked for, so that none is
    /// on its way any more when the next one is sized. It can only reduce: late, it closes more, never too much.
    fn send(&mut self, order: &ReduceOrder, position: &Position) -> Result<(), VenueError> {
        if let Some(closed) = self.seen.get_mut(&name(position)) {
            closed.orders += 1;
        }
        match self.venue.reduce(order, self.patience) {
            Ok(_) => Ok(()),
            Err(VenueError::Refused { code, msg }) => {
                self.refuse(position, &format!("{code}: {msg}"));
                Ok(())
            }
            Err(error) if error.is_unknown() => {
                let asked: Result<Order, VenueError> =
                    self.venue
                        .order(&order.symbol, &order.client_id, self.patience);
                match asked {
                    Err(error @ (VenueError::Denied { .. } | VenueError::Quiet(_))) => Err(error),
                    _ => Ok(()),
                }
            }
            Err(error) => Err(error),
        }
    }

    fn refuse(&mut self, position: &Position, why: &str) {
        if let Some(closed) = self.seen.get_mut(&name(position))
            && closed.refusals.last().is_none_or(|last| last != why)
        {
            closed.refusals.push(why.to_owned());
        }
    }

    fn pause(&self, span: Duration) -> Result<(), VenueError> {
        if clock::left(self.patience.deadline) <= span {
            let last = "the time is over before the exchange, asked twice, showed no position";
            return Err(VenueError::Silent {
                last: last.to_owned(),
            });
        }
        clock::sleep_within(span, self.patience.deadline);
        Ok(())
    }
}

/// The next order for a position; `None` when what is left is less than an order may have.
fn slice(
    position: &Position,
    rules: &Rules,
    touch: Option<&Touch>,
    fruitless: usize,
    client_id: String,
) -> Option<ReduceOrder> {
    let side = if position.position_amt.0 > 0 {
        Side::Sell
    } else {
        Side::Buy
    };
    let bps = BPS.get(fruitless % (BPS.len() + 1));
    let price = bps
        .zip(touch)
        .and_then(|(bps, touch)| price(side, rules, touch, position.mark_price, *bps));
    let (pricing, qty_max) = match price {
        Some(price) => (Pricing::Ioc(price), rules.qty_max),
        None => (Pricing::Market, rules.market_qty_max),
    };
    let whole = position.position_amt.abs();
    let limited = if qty_max > E8::ZERO {
        whole.min(qty_max)
    } else {
        whole
    };
    let qty = limited.floor_to(rules.step);
    (qty > E8::ZERO && qty >= rules.qty_min).then(|| ReduceOrder {
        symbol: position.symbol.clone(),
        side,
        position_side: position.position_side.clone(),
        qty,
        pricing,
        client_id,
    })
}

/// So far through the best price, on the grid and within the exchange's band around the mark price. `None` where nobody is on the other side.
fn price(side: Side, rules: &Rules, touch: &Touch, mark: E8, bps: i128) -> Option<E8> {
    let bound = |multiplier: E8| (multiplier > E8::ZERO).then(|| mark.times(multiplier));
    let price = match side {
        Side::Sell if touch.bid_qty > E8::ZERO => {
            let least = bound(rules.multiplier_down).unwrap_or_default();
            let through = touch.bid_price.moved_bps(-bps).floor_to(rules.tick);
            through.max(least.ceil_to(rules.tick))
        }
        Side::Buy if touch.ask_qty > E8::ZERO => {
            let through = touch.ask_price.moved_bps(bps).ceil_to(rules.tick);
            match bound(rules.multiplier_up) {
                Some(most) => through.min(most.floor_to(rules.tick)),
                None => through,
            }
        }
        Side::Sell | Side::Buy => return None,
    };
    (price > E8::ZERO).then_some(price)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn e8(text: &str) -> E8 {
        E8::parse(text).expect("a number")
    }

    fn rules() -> Rules {
        Rules {
            symbol: "ETHUSDC".into(),
            tick: e8("0.01"),
            step: e8("0.001"),
            qty_min: e8("0.001"),
            qty_max: e8("8000"),
            market_qty_max: e8("700"),
            multiplier_up: e8("1.05"),
            multiplier_down: e8("0.95"),
        }
    }

    fn position(size: &str) -> Position {
        Position {
            symbol: "ETHUSDC".into(),
            position_side: "BOTH".into(),
            position_amt: e8(size),
            entry_price: E8::ZERO,
            mark_price: e8("2500"),
            un_realized_profit: E8::ZERO,
            notional: E8::ZERO,
            liquidation_price: E8::ZERO,
        }
    }

    fn touch(bid_qty: &str, ask_qty: &str) -> Touch {
        Touch {
            bid_price: e8("2499.9"),
            bid_qty: e8(bid_qty),
            ask_price: e8("2500.1"),
            ask_qty: e8(ask_qty),
        }
    }

    fn check(
        size: &str,
        touch: Option<&Touch>,
        fruitless: usize,
    ) -> Option<(Side, String, Pricing)> {
        let order = slice(&position(size), &rules(), touch, fruitless, "em-1".into())?;
        Some((order.side, order.qty.to_string(), order.pricing))
    }

    #[test]
    fn each_attempt_that_closed_nothing_reaches_further() {
        let both = touch("1", "1");
        let ioc = |price| Pricing::Ioc(e8(price));
        for (fruitless, sell, buy) in [
            (0, ioc("2497.4"), ioc("2502.61")),
            (1, ioc("2492.4"), ioc("2507.61")),
            (2, ioc("2474.9"), ioc("2525.11")),
            (3, ioc("2424.9"), ioc("2575.11")),
            (4, Pricing::Market, Pricing::Market),
            (5, ioc("2497.4"), ioc("2502.61")),
        ] {
            let long = check("0.5", Some(&both), fruitless);
            assert_eq!(long, Some((Side::Sell, "0.5".into(), sell)), "{fruitless}");
            let short = check("-0.5", Some(&both), fruitless);
            assert_eq!(short, Some((Side::Buy, "0.5".into(), buy)), "{fruitless}");
        }
    }

    #[test]
    fn slices_keep_the_largest_sizes_and_the_grid() {
        let both = touch("1", "1");
        let size = |size, touch, fruitless| check(size, touch, fruitless).map(|(_, qty, _)| qty);
        assert_eq!(size("9000.0005", Some(&both), 0).as_deref(), Some("8000"));
        assert_eq!(size("9000", None, 0).as_deref(), Some("700"), "no book");
        assert_eq!(size("9000", Some(&both), 4).as_deref(), Some("700"));
        assert_eq!(size("-1.2345", Some(&both), 0).as_deref(), Some("1.234"));
        assert_eq!(size("0.0009", Some(&both), 0), None);
    }

    #[test]
    fn nobody_on_the_other_side_means_any_price_and_the_band_is_kept() {
        let market = |found: Option<(Side, String, Pricing)>| found.map(|(_, _, pricing)| pricing);
        assert_eq!(
            market(check("1", Some(&touch("0", "1")), 0)),
            Some(Pricing::Market)
        );
        assert_eq!(
            market(check("-1", Some(&touch("1", "0")), 0)),
            Some(Pricing::Market)
        );
        let far = Touch {
            bid_price: e8("2300"),
            ask_price: e8("2700"),
            ..touch("1", "1")
        };
        let ioc = |price| Some(Pricing::Ioc(e8(price)));
        assert_eq!(
            market(check("1", Some(&far), 0)),
            ioc("2375"),
            "mark × 0.95"
        );
        assert_eq!(
            market(check("-1", Some(&far), 0)),
            ioc("2625"),
            "mark × 1.05"
        );
    }
}
