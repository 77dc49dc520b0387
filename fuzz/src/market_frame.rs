//! Target: one text frame of the market streams. Scanner and JSON parser agree, and no level that no exchange has gets through.

use super::wire::contracts;
use phoenix::binance::decode::market::MarketDecoder;
use phoenix::binance::decode::{Decoded, LEVELS_MAX};
use phoenix_core::event::{Event, Level, Market};

/// The bytes are the frame.
pub fn run(bytes: &[u8]) {
    let (mut scanning, mut parsing) = (MarketDecoder::default(), MarketDecoder::default());
    let scanned = scanning.decode(contracts(), bytes);
    let parsed = parsing.decode_without_scanner(contracts(), bytes);
    assert_eq!(
        scanned,
        parsed,
        "the scanner may give up, never differ: {}",
        String::from_utf8_lossy(bytes)
    );
    match scanned {
        Decoded::Event(Event::Market(_, Market::Depth(depth))) => {
            check_levels(depth.bids);
            check_levels(depth.asks);
        }
        Decoded::Partial(_, depth) => {
            check_levels(depth.bids);
            check_levels(depth.asks);
        }
        _ => {}
    }
}

fn check_levels(levels: &[Level]) {
    assert!(levels.len() <= LEVELS_MAX);
    assert!(levels.iter().all(|l| l.price.0 >= 0 && l.size.0 >= 0));
}
