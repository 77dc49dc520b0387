//! Cost of background operations and of the venue's own second, in ns; run with `cargo bench -p phoenix-exchange`.

use std::time::Instant;

use phoenix_exchange::api::{ONE, Side};
use phoenix_exchange::market::Removal;
use phoenix_exchange::prng::Prng;
use phoenix_exchange::{Event, Exchange, ExchangeConfig, SymbolId, SymbolSpec};

const OPERATIONS: u64 = 2_000_000;
const SYMBOLS: u16 = 15;
const LEVELS: i64 = 1000;
const MID: i64 = 2500 * ONE;
const START_US: u64 = 1_767_225_600_000_000;

fn venue() -> Exchange {
    let symbols = (0..SYMBOLS).map(|_| (SymbolSpec::ethusdc(), MID)).collect();
    let mut venue = Exchange::new(ExchangeConfig::new(START_US, symbols), 1);
    let tick = SymbolSpec::ethusdc().tick;
    for symbol in 0..SYMBOLS {
        venue.with_market(START_US, SymbolId(symbol), |market| {
            for step in 1..=LEVELS {
                market.add_background(Side::Buy, MID - step * tick, ONE);
                market.add_background(Side::Sell, MID + step * tick, ONE);
            }
        });
    }
    venue
}

/// 200 changes per second and symbol with all streams on; every tenth takes and refills the touch.
fn stir(venue: &mut Exchange, events: &mut Vec<Event>) {
    let (mut prng, tick) = (Prng::new(1), SymbolSpec::ethusdc().tick);
    let mut now_us = START_US;
    for turn in 0..OPERATIONS {
        let symbol = SymbolId(u16::try_from(turn % u64::from(SYMBOLS)).unwrap_or(0));
        now_us += 1_000_000 / (200 * u64::from(SYMBOLS));
        let side = if turn % 2 == 0 { Side::Buy } else { Side::Sell };
        let price = MID - side.sign() * prng.between(1, 20) * tick;
        venue.with_market(now_us, symbol, |market| match prng.below(10) {
            0 => {
                let taken = market.take(side.opposite(), ONE / 4, None);
                market.add_background(side, taken.last_price, taken.qty);
            }
            1..=4 => {
                market.remove_background(side, price, ONE / 10, Removal::FromBack);
            }
            _ => {
                market.add_background(side, price, ONE / 10);
            }
        });
        if turn % 4096 == 0 {
            venue.drain_events(events);
            events.clear();
        }
    }
}

fn main() {
    let mut venue = venue();
    let mut events = Vec::new();
    let start = Instant::now();
    stir(&mut venue, &mut events);
    let elapsed = start.elapsed();
    let simulated_s = (venue.now_us() - START_US) / 1_000_000;
    println!(
        "{} ns per operation, streams included",
        elapsed.as_nanos() / u128::from(OPERATIONS)
    );
    println!(
        "{SYMBOLS} symbols: {simulated_s} s simulated in {:.3} s",
        elapsed.as_secs_f64()
    );
}
