//! Target: texts that stand for numbers and orders. What is read is written alike, and readers that share no code agree.

use super::input::Input;
use phoenix::binance::client_id::{ClientIds, ID_MAX};
use phoenix::binance::decimal::{self, Grid};
use phoenix::config::decimal::Decimal;
use phoenix_core::order::{OrderId, Owner};
use phoenix_exchange::decimal as venue;
use phoenix_watchdog::decimal::E8 as WatchdogDecimal;

/// All bytes are a text; the same bytes are also numbers.
pub fn run(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    check_id(&text);
    check_decimals(&text);
    let mut input = Input::new(bytes);
    check_written_id(&mut input);
    check_written_number(&mut input);
}

fn ids() -> ClientIds {
    ClientIds::new("demo1").expect("a sound name")
}

fn check_id(text: &str) {
    if let Owner::Ours(id) = ids().decode(text) {
        assert_eq!(ids().encode(id).as_str(), text, "one order has one text");
    }
    if let Ok(ids) = ClientIds::new(text) {
        let id = OrderId {
            session: u32::MAX,
            seq: 1,
        };
        assert_eq!(ids.decode(&ids.encode(id)), Owner::Ours(id));
    }
}

fn check_written_id(input: &mut Input<'_>) {
    let mut half = || (input.word() * 65_536 + input.word()) as u32;
    let id = OrderId {
        session: half(),
        seq: half(),
    };
    let text = ids().encode(id);
    assert!(text.len() <= ID_MAX);
    assert_eq!(ids().decode(&text), Owner::Ours(id));
}

/// Readers of decimals: the exchange's language, the embedded exchange, the configuration, the watchdog.
fn check_decimals(text: &str) {
    let ours = decimal::e8_exact(text.as_bytes()).ok();
    let theirs = venue::parse(text).ok();
    if let (Some(ours), Some(theirs)) = (ours, theirs) {
        assert_eq!(ours, theirs, "{text}");
    }
    let cut = decimal::e8_towards_zero(text.as_bytes()).ok();
    if let (Some(cut), Some(exact)) = (cut, theirs) {
        assert_eq!(cut, exact, "{text}");
    }
    if let Some(value) = theirs {
        assert_eq!(venue::parse(&venue::short(value)), Ok(value));
        assert_eq!(venue::parse(&venue::fixed(value, 8)), Ok(value));
    }
    if let Ok(value) = text.parse::<Decimal>() {
        assert_eq!(value.to_string().parse::<Decimal>(), Ok(value));
        if let (Some(e8), Some(exact)) = (value.to_e8(), theirs) {
            assert_eq!(e8, exact, "{text}");
        }
    }
    if let Some(value) = WatchdogDecimal::parse(text) {
        let written = value.to_string();
        assert_eq!(WatchdogDecimal::parse(&written), Some(value), "{written}");
    }
}

fn check_written_number(input: &mut Input<'_>) {
    let unit = input.number(i64::MAX);
    let Some(grid) = Grid::of(unit) else {
        assert!(unit <= 0);
        return;
    };
    let units = input.number(i64::MAX / unit);
    let mut text = Vec::new();
    grid.write(units, &mut text);
    assert_eq!(
        grid.parse_signed(&text),
        Ok(units),
        "{}",
        String::from_utf8_lossy(&text)
    );
}
