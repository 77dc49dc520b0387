//! Owns the words for a record's events and actions; decides nothing.

use super::codec::asked::Asked;
use super::replay::{Did, Step, Symbols};
use phoenix_core::event::{Event, Level, Market, Outcome, Reply};
use phoenix_core::instrument::SymbolId;
use phoenix_core::units::Wall;
use std::fmt::Write;

/// Levels of each side that are shown.
const LEVELS_MAX: usize = 3;
/// Longest text of one event or action.
const CHARS_MAX: usize = 600;

/// An instant for people, UTC.
#[must_use]
pub fn time_text(wall: Wall) -> String {
    let at = jiff::Timestamp::from_nanosecond(i128::from(wall.raw())).unwrap_or_default();
    at.strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string()
}

fn name(symbol: SymbolId, symbols: &Symbols) -> String {
    let known = symbols.get(&symbol).cloned();
    known.unwrap_or_else(|| format!("symbol {}", symbol.0))
}

fn bounded(text: String) -> String {
    match text.char_indices().nth(CHARS_MAX) {
        Some((at, _)) => format!("{} …", text.get(..at).unwrap_or_default()),
        None => text,
    }
}

fn side(levels: &[Level]) -> String {
    let mut text = format!("{}[", levels.len());
    for level in levels.iter().take(LEVELS_MAX) {
        // Writing to a string cannot fail.
        let _ = write!(text, " {}×{}", level.price.raw(), level.size.raw());
    }
    text.push_str(if levels.len() > LEVELS_MAX {
        " … ]"
    } else {
        " ]"
    });
    text
}

/// An event in one line; prices in ticks, sizes in lots.
#[must_use]
pub fn event_text(event: &Event<'_>, symbols: &Symbols) -> String {
    let text = match event {
        Event::Market(symbol, Market::Depth(update)) => format!(
            "{} Depth {}…{} after {} bids {} asks {}",
            name(*symbol, symbols),
            update.first_id,
            update.last_id,
            update.prev_id,
            side(update.bids),
            side(update.asks)
        ),
        Event::Market(symbol, Market::Snapshot(snapshot)) => format!(
            "{} Snapshot {} bids {} asks {}",
            name(*symbol, symbols),
            snapshot.last_id,
            side(snapshot.bids),
            side(snapshot.asks)
        ),
        Event::Market(symbol, market) => format!("{} {market:?}", name(*symbol, symbols)),
        Event::Reply(Reply::OpenOrders {
            symbol,
            outcome: Outcome::Accepted(orders),
            ..
        }) => format!(
            "{} OpenOrders: {} orders",
            name(*symbol, symbols),
            orders.len()
        ),
        Event::Wakeup
        | Event::Account(_)
        | Event::Reply(_)
        | Event::Link(..)
        | Event::Operator(_)
        | Event::Config(_) => format!("{event:?}"),
    };
    bounded(text)
}

/// An action in one line.
#[must_use]
pub fn action_text(action: &Asked) -> String {
    bounded(format!("{action:?}"))
}

/// An event with what came of it.
#[must_use]
pub fn step_text(step: &Step<'_>, symbols: &Symbols) -> String {
    let mut text = format!(
        "#{} {} {}\n",
        step.number,
        time_text(step.now.wall),
        event_text(step.event, symbols)
    );
    let mut add = |mark: &str, did: &Did<'_>| {
        for symbol in did.lost {
            let _ = writeln!(
                text,
                "  {mark} the desk of {} panicked",
                name(*symbol, symbols)
            );
        }
        for action in did.actions(step.now) {
            let _ = writeln!(text, "  {mark} {}", action_text(&action));
        }
    };
    match &step.recorded {
        Some(recorded) if *recorded == step.new => add("→", recorded),
        Some(recorded) => {
            add("recorded →", recorded);
            add("now      →", &step.new);
        }
        None => add("not recorded, now →", &step.new),
    }
    text
}
