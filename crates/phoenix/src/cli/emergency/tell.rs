//! Owns how an emergency command's outcome is told, to people and to machines; unknown is never zero.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use phoenix_watchdog::decimal::E8;
use phoenix_watchdog::emergency::cancel::{CancelReport, Fate, Owner, Scope};
use phoenix_watchdog::emergency::close::CloseReport;
use phoenix_watchdog::venue::VenueError;
use phoenix_watchdog::venue::model::{Order, Position};
use serde_json::{Value, json};

use super::Options;
use super::act::{Hold, Shown, closed_symbols};
use super::target::Target;
use crate::cli::output::{emit, emit_json, say};
use crate::lock::Standing;

/// What the exchange cannot be asked.
const DEAD_MAN: &str = "the exchange does not tell whether its dead-man switch is armed; the process that armed it shows its deadline in `phoenix health`";

fn print(text: &str, json: &Value, is_json: bool) {
    let written = if is_json { emit_json(json) } else { emit(text) };
    if let Err(error) = written {
        say(&format!("the outcome cannot be written: {error}\n{text}"));
    }
}

const fn owner_word(owner: Owner) -> &'static str {
    match owner {
        Owner::Ours => "ours",
        Owner::OtherInstance => "other instance",
        Owner::Foreign => "foreign",
    }
}

/// As a JSON number.
fn number(value: E8) -> Value {
    let text = value.to_string();
    text.parse::<f64>()
        .map_or(Value::Null, |value| json!(value))
}

fn error_value(error: Option<&VenueError>) -> Value {
    error.map_or(Value::Null, |error| json!(error.to_string()))
}

/// Orders of each symbol by owner.
fn counts(target: &Target, orders: &[Order]) -> BTreeMap<String, BTreeMap<Owner, usize>> {
    let mut counts: BTreeMap<String, BTreeMap<Owner, usize>> = BTreeMap::new();
    for order in orders {
        let of_symbol = counts.entry(order.symbol.clone()).or_default();
        let owner = target.whose.owner(&order.client_order_id);
        *of_symbol.entry(owner).or_default() += 1;
    }
    counts
}

fn orders_text(target: &Target, orders: &Result<Vec<Order>, VenueError>) -> String {
    let list = match orders {
        Err(error) => return format!("open orders: UNKNOWN ({error})\n"),
        Ok(list) if list.is_empty() => return "open orders: none\n".to_owned(),
        Ok(list) => list,
    };
    let mut out = format!("open orders: {}\n", list.len());
    for (symbol, owners) in counts(target, list) {
        let words: Vec<String> = owners
            .iter()
            .map(|(owner, count)| format!("{count} {}", owner_word(*owner)))
            .collect();
        let _ = writeln!(out, "  {symbol}: {}", words.join(", "));
    }
    out
}

fn positions_text(positions: &Result<Vec<Position>, VenueError>) -> String {
    let list = match positions {
        Err(error) => return format!("positions: UNKNOWN ({error})\n"),
        Ok(list) if list.is_empty() => return "positions: none\n".to_owned(),
        Ok(list) => list,
    };
    let mut out = format!("positions: {}\n", list.len());
    for p in list {
        let _ = writeln!(
            out,
            "  {}: {} at {}, mark {}, value {}, unrealised {}, liquidation {}",
            p.symbol,
            p.position_amt,
            p.entry_price,
            p.mark_price,
            p.notional,
            p.un_realized_profit,
            if p.liquidation_price == E8::ZERO {
                "none".to_owned()
            } else {
                p.liquidation_price.to_string()
            }
        );
    }
    out
}

/// What `status` found.
pub(super) fn status(target: &Target, shown: &Shown, is_json: bool) {
    let mut text = match &shown.clock {
        Ok(clock) => format!(
            "reachable: its clock minus this machine's is {} ms, round trip {} ms\n",
            clock.offset_ms, clock.round_trip_ms
        ),
        Err(error) => format!("NOT reachable: {error}\n"),
    };
    text.push_str(&orders_text(target, &shown.orders));
    text.push_str(&positions_text(&shown.positions));
    let _ = writeln!(text, "dead-man switch: {DEAD_MAN}");
    let is_killed = target.kill_file.as_ref().filter(|file| file.exists());
    if let Some(file) = is_killed {
        let _ = writeln!(text, "kill file: {} exists", file.display());
    }
    let orders = shown.orders.as_ref().map_or(Value::Null, |list| {
        let row = |(symbol, owners): (String, BTreeMap<Owner, usize>)| {
            let of = |owner| owners.get(&owner).copied().unwrap_or(0);
            json!({"symbol": symbol, "ours": of(Owner::Ours), "other_instance": of(Owner::OtherInstance), "foreign": of(Owner::Foreign)})
        };
        counts(target, list).into_iter().map(row).collect()
    });
    let positions = shown.positions.as_ref().map_or(Value::Null, |list| {
        list.iter().map(position_value).collect()
    });
    let value = json!({
        "venue": target.venue_name,
        "rest_url": target.rest_url,
        "reachable": shown.clock.is_ok(),
        "clock_offset_ms": shown.clock.as_ref().ok().map(|clock| clock.offset_ms),
        "round_trip_ms": shown.clock.as_ref().ok().map(|clock| clock.round_trip_ms),
        "running": running_value(target),
        "kill_file": target.kill_file.as_ref().map(|file| file.display().to_string()),
        "kill_file_exists": target.kill_file.as_ref().map(|file| file.exists()),
        "open_orders": orders,
        "positions": positions,
        "dead_man_armed": Value::Null,
        "error": error_value(shown.error()),
    });
    print(&text, &value, is_json);
}

fn position_value(p: &Position) -> Value {
    json!({
        "symbol": p.symbol, "position_side": p.position_side, "position": number(p.position_amt),
        "entry_price": number(p.entry_price), "mark_price": number(p.mark_price), "notional_quote": number(p.notional),
        "unrealized_pnl": number(p.un_realized_profit), "liquidation_price": number(p.liquidation_price),
    })
}

/// `true`, `false` or null, with the lock's note.
fn running_value(target: &Target) -> Value {
    match &target.running {
        Standing::Held(holder) => json!({"here": true, "holder": holder}),
        Standing::Free => json!({"here": false, "holder": null}),
        Standing::Unknown(why) => json!({"here": null, "holder": null, "why": why}),
    }
}

/// What there is, for whoever is asked whether to cancel it.
pub(super) fn before_cancel(target: &Target, shown: &Shown) -> String {
    let which = match target.whose.scope {
        Scope::Ours => "the orders of this installation are cancelled",
        Scope::AnyInstance => "the orders of every phoenix are cancelled",
        Scope::AllOrders => "ALL orders are cancelled, whoever placed them",
    };
    format!("{}{which}", orders_text(target, &shown.orders))
}

/// What there is, for whoever is asked whether to close it.
pub(super) fn before_close(target: &Target, options: &Options, shown: &Shown) -> String {
    let symbols = closed_symbols(target, options);
    let which = if symbols.is_empty() {
        "every symbol, whoever opened them,".to_owned()
    } else {
        symbols.join(", ")
    };
    format!(
        "{}; the positions of {which} are closed\n{}",
        before_cancel(target, shown),
        positions_text(&shown.positions).trim_end()
    )
}

fn cancel_text(report: &CancelReport) -> String {
    let mut out = String::new();
    for handled in &report.orders {
        let order = &handled.order;
        let _ = writeln!(
            out,
            "  {} {} {} {} at {}: {} (filled {}){}",
            order.symbol,
            order.client_order_id,
            order.side.word(),
            order.orig_qty,
            order.price,
            handled.fate.word(),
            order.executed_qty,
            match handled.owner {
                Owner::Ours => "",
                Owner::OtherInstance => ", of another instance",
                Owner::Foreign => ", not a phoenix's",
            }
        );
    }
    let count = |fate| report.count(fate);
    let _ = writeln!(
        out,
        "orders: {} cancelled, {} filled, {} gone, {} open, {} UNKNOWN",
        count(Fate::Cancelled),
        count(Fate::Filled),
        count(Fate::Gone),
        count(Fate::Open),
        count(Fate::Unknown)
    );
    for (symbol, owner, count) in &report.left_alone {
        let flag = match owner {
            Owner::Ours | Owner::OtherInstance => "--any-instance",
            Owner::Foreign => "--all-orders",
        };
        let _ = writeln!(
            out,
            "left alone: {count} on {symbol}, {} (with {flag} they are cancelled too)",
            owner_word(*owner)
        );
    }
    match (report.is_verified_empty, report.open) {
        (true, _) => out.push_str("verified: asked twice, the exchange shows no open order\n"),
        (false, Some(open)) => {
            let _ = writeln!(out, "NOT VERIFIED: {open} open at the last look");
        }
        (false, None) => out.push_str(
            "NOT VERIFIED: how many orders are open is UNKNOWN; a dead-man switch, if one is armed, cancels within 30 s\n",
        ),
    }
    if let Some(error) = &report.error {
        let _ = writeln!(out, "ended early: {error}");
    }
    out
}

fn cancel_value(report: &CancelReport) -> Value {
    let orders = report.orders.iter().map(|handled| {
        let order = &handled.order;
        json!({
            "symbol": order.symbol, "client_id": order.client_order_id, "order_id": order.order_id, "side": order.side.word(),
            "price": number(order.price), "qty": number(order.orig_qty), "executed": number(order.executed_qty),
            "owner": owner_word(handled.owner), "fate": handled.fate.word().to_lowercase(),
        })
    });
    let left = report.left_alone.iter().map(|(symbol, owner, count)| {
        json!({"symbol": symbol, "owner": owner_word(*owner), "orders": count})
    });
    json!({
        "orders": orders.collect::<Vec<_>>(),
        "left_alone": left.collect::<Vec<_>>(),
        "open_orders_end": report.open,
        "verified_empty": report.is_verified_empty,
        "error": error_value(report.error.as_ref()),
    })
}

/// How quoting begins again.
fn resume(target: &Target, hold: &Hold) -> String {
    let file = match hold {
        Hold::Held(file) => file.display().to_string(),
        Hold::Failed(file, why) => {
            return format!("the kill file {} was not written: {why}", file.display());
        }
        Hold::Without => return "no kill file was written".to_owned(),
    };
    match target.pid() {
        Some(pid) => format!(
            "to quote again: rm {file} && kill -USR2 {pid}; if that process hangs: kill -9 {pid}, then phoenix run --clear-halt"
        ),
        None => format!("to quote again: rm {file}, then phoenix run --clear-halt"),
    }
}

fn hold_value(hold: &Hold) -> Value {
    match hold {
        Hold::Held(file) => json!(file.display().to_string()),
        Hold::Failed(..) | Hold::Without => Value::Null,
    }
}

/// What `cancel-all` came to.
pub(super) fn cancelled(target: &Target, report: &CancelReport, hold: &Hold, is_json: bool) {
    let next = resume(target, hold);
    let text = format!("{}{next}\n", cancel_text(report));
    let mut value = cancel_value(report);
    add(&mut value, "kill_file", hold_value(hold));
    add(&mut value, "running", running_value(target));
    add(&mut value, "next", json!(next));
    print(&text, &value, is_json);
}

fn add(value: &mut Value, name: &str, part: Value) {
    if let Some(object) = value.as_object_mut() {
        object.insert(name.to_owned(), part);
    }
}

fn close_text(report: Option<&CloseReport>) -> String {
    let Some(report) = report else {
        return "positions: nothing was closed\n".to_owned();
    };
    let mut out = String::new();
    for closed in &report.positions {
        let after = closed
            .after
            .map_or("UNKNOWN".to_owned(), |after| after.to_string());
        let _ = writeln!(
            out,
            "  {}: {} → {after} with {} orders: {}",
            closed.symbol,
            closed.before,
            closed.orders,
            closed.word()
        );
        for why in &closed.refusals {
            let _ = writeln!(out, "    the exchange said {why}");
        }
    }
    out.push_str(if report.is_verified_flat {
        "verified: asked twice, the exchange shows no position\n"
    } else {
        "NOT VERIFIED: a position may be open\n"
    });
    if let Some(error) = &report.error {
        let _ = writeln!(out, "ended early: {error}");
    }
    out
}

fn close_value(report: Option<&CloseReport>) -> Value {
    let rows = report.iter().flat_map(|r| &r.positions).map(|closed| {
        json!({
            "symbol": closed.symbol, "position_side": closed.position_side, "before": number(closed.before),
            "after": closed.after.map_or(Value::Null, number), "orders": closed.orders,
            "result": closed.word().to_lowercase(), "refusals": closed.refusals,
        })
    });
    rows.collect()
}

/// What `close-all` came to.
pub(super) struct Told<'a> {
    pub cancelled: &'a CancelReport,
    pub closed: Option<&'a CloseReport>,
    /// Positions that were not to be closed; `None` when they could not be asked for.
    pub others: &'a Option<Vec<Position>>,
    pub hold: &'a Hold,
}

/// Tells it.
pub(super) fn closed(target: &Target, told: &Told<'_>, is_json: bool) {
    let next = resume(target, told.hold);
    let mut text = format!("{}{}", cancel_text(told.cancelled), close_text(told.closed));
    for position in told.others.iter().flatten() {
        let _ = writeln!(
            text,
            "left alone: the position of {} in {} (with --symbols {} it is closed too)",
            position.position_amt, position.symbol, position.symbol
        );
    }
    let _ = writeln!(text, "{next}");
    let mut value = cancel_value(told.cancelled);
    let is_flat = told.closed.is_some_and(|report| report.is_verified_flat);
    let closing = told.closed.and_then(|report| report.error.as_ref());
    let error = told.cancelled.error.as_ref().or(closing);
    let others = told.others.as_ref().map_or(Value::Null, |list| {
        list.iter().map(position_value).collect()
    });
    add(&mut value, "positions", close_value(told.closed));
    add(&mut value, "positions_left_alone", others);
    add(&mut value, "verified_flat", json!(is_flat));
    add(&mut value, "error", error_value(error));
    add(&mut value, "kill_file", hold_value(told.hold));
    add(&mut value, "running", running_value(target));
    add(&mut value, "next", json!(next));
    print(&text, &value, is_json);
}
