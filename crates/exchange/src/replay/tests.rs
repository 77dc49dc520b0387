//! Small recordings played on the real venue.

use super::record::{Aggressor, BookTicker, MarkPrice, RecordLevel, TradePrint};
use super::*;
use crate::api::{
    AccountId, E8, EventBody, MarketEvent, NewOrder, ONE, OrderId, Side, StreamMask, SymbolId,
    TimeInForce,
};
use crate::exchange::{Exchange, ExchangeConfig};
use crate::symbol::SymbolSpec;

const START_US: u64 = 1_723_161_256_000_000;
const FIRST_MS: i64 = 1_600_000_000_000;
const SYMBOL: SymbolId = SymbolId(0);
const CENT: E8 = ONE / 100;

fn record(at_ms: i64, body: RecordBody) -> Record {
    Record {
        local_ns: (FIRST_MS + at_ms) * 1_000_000,
        exchange_ms: Some(FIRST_MS + at_ms),
        body,
    }
}

/// Levels given as (cents, thousandths).
fn levels(list: &[(i64, i64)]) -> Vec<RecordLevel> {
    let level = |&(cents, thousandths): &(i64, i64)| RecordLevel {
        price_e8: cents * CENT,
        quantity_e8: thousandths * ONE / 1000,
    };
    list.iter().map(level).collect()
}

fn snapshot(at_ms: i64, id: i64, bids: &[(i64, i64)], asks: &[(i64, i64)]) -> Record {
    let book = BookSnapshot {
        last_update_id: id,
        bids: levels(bids),
        asks: levels(asks),
    };
    record(at_ms, RecordBody::Snapshot(Arc::new(book)))
}

fn diff(at_ms: i64, ids: (i64, i64, i64), bids: &[(i64, i64)], asks: &[(i64, i64)]) -> Record {
    let diff = DepthDiff {
        first_update_id: ids.0,
        last_update_id: ids.1,
        previous_update_id: Some(ids.2),
        bids: levels(bids),
        asks: levels(asks),
    };
    record(at_ms, RecordBody::Depth(Arc::new(diff)))
}

fn trade(at_ms: i64, cents: i64, thousandths: i64, aggressor: Aggressor) -> Record {
    let print = TradePrint {
        trade_id: at_ms,
        price_e8: cents * CENT,
        quantity_e8: thousandths * ONE / 1000,
        aggressor,
    };
    record(at_ms, RecordBody::Trade(print))
}

fn ticker(at_ms: i64, id: i64, bid: (i64, i64), ask: (i64, i64)) -> Record {
    let both = levels(&[bid, ask]);
    let ticker = BookTicker {
        update_id: id,
        bid: both[0],
        ask: both[1],
    };
    record(at_ms, RecordBody::Ticker(ticker))
}

/// Bids and asks in (cents, thousandths), best first.
type Sides = (Vec<(i64, i64)>, Vec<(i64, i64)>);

struct Stage {
    venue: Exchange,
    account: AccountId,
    handle: ReplayHandle,
}

fn stage(records: Vec<Record>, options: ReplayOptions) -> Stage {
    let spec = SymbolSpec::generic("ETH", "USDT", CENT, ONE / 1000, ONE);
    let mut venue = Exchange::new(ExchangeConfig::new(START_US, vec![(spec, 100 * ONE)]), 1);
    let account = venue.add_account(&[("USDT", 1_000_000 * ONE)]);
    venue.publish(SYMBOL, StreamMask::TRADE);
    let flow = ReplayFlow::from_records(records.into(), options);
    let handle = flow.handle();
    venue.attach_flow(SYMBOL, Box::new(flow));
    venue.advance(START_US);
    Stage {
        venue,
        account,
        handle,
    }
}

impl Stage {
    fn advance_ms(&mut self, ms: u64) {
        self.venue.advance(START_US + ms * 1_000);
    }

    fn book(&self) -> Sides {
        let view = self.venue.depth(SYMBOL, 1_000);
        let small = |side: Vec<(E8, E8)>| -> Vec<(i64, i64)> {
            side.into_iter()
                .map(|(price, quantity)| (price / CENT, quantity * 1000 / ONE))
                .collect()
        };
        (small(view.bids), small(view.asks))
    }

    fn place(&mut self, ms: u64, side: Side, cents: i64, thousandths: i64) -> OrderId {
        let order = NewOrder::limit(
            SYMBOL,
            side,
            cents * CENT,
            thousandths * ONE / 1000,
            TimeInForce::Gtx,
        );
        self.venue
            .place(START_US + ms * 1_000, self.account, &order)
            .expect("a resting order")
            .order_id
    }

    fn position(&self) -> E8 {
        let views = self.venue.positions(self.account, Some(SYMBOL));
        views.first().map_or(0, |view| view.qty)
    }

    fn trades(&mut self) -> Vec<(i64, i64)> {
        let mut events = Vec::new();
        self.venue.drain_events(&mut events);
        let mut trades = Vec::new();
        for event in events {
            if let EventBody::Market(MarketEvent::Trade(trade)) = event.body {
                trades.push((trade.price / CENT, trade.qty * 1000 / ONE));
            }
        }
        trades
    }
}

fn quiet_book(at_ms: i64) -> Record {
    snapshot(
        at_ms,
        100,
        &[(9_999, 5_000), (9_998, 7_000)],
        &[(10_001, 4_000), (10_002, 6_000)],
    )
}

#[test]
fn messages_before_the_snapshot_bridge_to_it() {
    let stage = stage(
        vec![
            diff(0, (80, 90, 79), &[(9_999, 1)], &[]),
            diff(50, (91, 105, 90), &[(9_998, 2_000)], &[(10_001, 0)]),
            quiet_book(100),
        ],
        ReplayOptions::default(),
    );
    let expected = (vec![(9_999, 5_000), (9_998, 2_000)], vec![(10_002, 6_000)]);
    assert_eq!(stage.book(), expected);
}

#[test]
fn a_recording_without_a_snapshot_ends_at_once() {
    let stage = stage(
        vec![diff(0, (80, 90, 79), &[(9_999, 1)], &[])],
        ReplayOptions::default(),
    );
    assert!(stage.handle.status().ended);
    assert_eq!(stage.book(), (vec![], vec![]));
}

#[test]
fn a_broken_chain_empties_the_book_until_the_next_snapshot() {
    let mut stage = stage(
        vec![
            quiet_book(0),
            diff(10, (101, 110, 100), &[(9_999, 1_000)], &[]),
            diff(20, (125, 130, 120), &[(9_999, 2_000)], &[]),
            snapshot(30, 128, &[(9_990, 9_000)], &[(10_010, 9_000)]),
        ],
        ReplayOptions::default(),
    );
    stage.advance_ms(15);
    assert_eq!(stage.book().0.first(), Some(&(9_999, 1_000)));
    stage.advance_ms(25);
    assert_eq!(stage.book(), (vec![], vec![]));
    assert!(!stage.handle.status().in_sync);
    stage.advance_ms(35);
    // The message that broke the chain bridges the new snapshot: 125 ≤ 128 ≤ 130.
    let expected = (vec![(9_999, 2_000), (9_990, 9_000)], vec![(10_010, 9_000)]);
    assert_eq!(stage.book(), expected);
    assert_eq!(stage.handle.status().gaps, 1);
}

#[test]
fn a_trade_advances_the_queue_and_the_depth_message_does_not_count_it_twice() {
    let mut stage = stage(
        vec![
            quiet_book(0),
            trade(100, 9_999, 2_000, Aggressor::Seller),
            diff(110, (101, 110, 100), &[(9_999, 3_000)], &[]),
            trade(200, 9_999, 2_500, Aggressor::Seller),
            diff(210, (111, 120, 110), &[(9_999, 500)], &[]),
            trade(300, 9_999, 600, Aggressor::Seller),
            diff(310, (121, 130, 120), &[(9_999, 0)], &[]),
        ],
        ReplayOptions::default(),
    );
    // 5 ahead of us.
    stage.place(50, Side::Buy, 9_999, 1_000);
    stage.advance_ms(150);
    assert_eq!(stage.book().0.first(), Some(&(9_999, 4_000)));
    stage.advance_ms(250);
    // 4.5 of the 5 ahead are gone by trades; cancels none.
    assert_eq!(stage.book().0.first(), Some(&(9_999, 1_500)));
    assert_eq!(stage.position(), 0);
    stage.advance_ms(350);
    assert_eq!(stage.position(), ONE / 10);
    assert_eq!(stage.book().0.first(), Some(&(9_999, 900)));
    assert_eq!(
        stage.trades(),
        vec![(9_999, 2_000), (9_999, 2_500), (9_999, 500), (9_999, 100)]
    );
}

#[test]
fn a_decrease_without_trades_leaves_from_the_tail() {
    let mut stage = stage(
        vec![
            quiet_book(0),
            diff(100, (101, 110, 100), &[(9_999, 8_000)], &[]),
            diff(200, (111, 120, 110), &[(9_999, 5_000)], &[]),
            trade(300, 9_999, 5_000, Aggressor::Seller),
            trade(400, 9_999, 300, Aggressor::Seller),
        ],
        ReplayOptions::default(),
    );
    stage.place(50, Side::Buy, 9_999, 1_000);
    stage.advance_ms(350);
    assert_eq!(
        stage.position(),
        0,
        "the three that joined later left again"
    );
    stage.advance_ms(450);
    assert_eq!(stage.position(), 3 * ONE / 10);
}

#[test]
fn trades_and_quotes_beyond_an_order_fill_it_at_its_price() {
    let mut stage = stage(
        vec![
            quiet_book(0),
            trade(100, 9_998, 400, Aggressor::Seller),
            diff(
                200,
                (101, 110, 100),
                &[(9_999, 0), (9_998, 0), (9_997, 3_000)],
                &[(9_998, 9_000)],
            ),
        ],
        ReplayOptions::default(),
    );
    stage.place(10, Side::Buy, 10_000, 1_000);
    stage.advance_ms(150);
    assert_eq!(stage.position(), 4 * ONE / 10);
    stage.advance_ms(250);
    assert_eq!(stage.position(), ONE);
    let expected_bids = vec![(9_997, 3_000)];
    assert_eq!(stage.book().0, expected_bids);
}

#[test]
fn book_tickers_lead_and_depth_catches_up() {
    let records = vec![
        quiet_book(0),
        ticker(50, 105, (10_000, 2_000), (10_002, 6_000)),
        diff(100, (101, 103, 100), &[(9_999, 4_000)], &[]),
        diff(150, (104, 110, 103), &[(10_000, 1_500)], &[(10_001, 0)]),
        ticker(160, 108, (9_998, 1), (10_009, 1)),
    ];
    let mut live = stage(records.clone(), ReplayOptions::default());
    live.advance_ms(60);
    let expected = (
        vec![(10_000, 2_000), (9_999, 5_000), (9_998, 7_000)],
        vec![(10_002, 6_000)],
    );
    assert_eq!(live.book(), expected);
    live.advance_ms(110);
    assert_eq!(live.book().0[..2], [(10_000, 2_000), (9_999, 4_000)]);
    live.advance_ms(200);
    let expected = (
        vec![(10_000, 1_500), (9_999, 4_000), (9_998, 7_000)],
        vec![(10_002, 6_000)],
    );
    assert_eq!(
        live.book(),
        expected,
        "a ticker older than the depth is ignored"
    );
    let mut depth_only = stage(
        records,
        ReplayOptions {
            top: TopOfBook::Depth,
            ..ReplayOptions::default()
        },
    );
    depth_only.advance_ms(60);
    assert_eq!(depth_only.book().0.first(), Some(&(9_999, 5_000)));
    depth_only.advance_ms(200);
    assert_eq!(depth_only.book(), live.book());
}

#[test]
fn a_loop_starts_again_from_the_snapshot_and_fills_what_it_jumps_through() {
    let mut stage = stage(
        vec![
            quiet_book(0),
            diff(
                100,
                (101, 110, 100),
                &[(10_100, 5_000), (9_999, 0)],
                &[(10_001, 0), (10_002, 0), (10_102, 5_000)],
            ),
        ],
        ReplayOptions {
            at_end: AtEnd::Loop { pause_ms: 400 },
            ..ReplayOptions::default()
        },
    );
    stage.advance_ms(200);
    assert_eq!(stage.book().0.first(), Some(&(10_100, 5_000)));
    stage.place(200, Side::Buy, 10_050, 500);
    stage.advance_ms(499);
    assert_eq!(stage.position(), 0);
    stage.advance_ms(550);
    let expected = (
        vec![(9_999, 5_000), (9_998, 7_000)],
        vec![(10_001, 3_500), (10_002, 6_000)],
    );
    assert_eq!(
        stage.book(),
        expected,
        "the crossing bid took from the first ask"
    );
    assert_eq!(stage.position(), ONE / 2);
    stage.advance_ms(5_000);
    let status = stage.handle.status();
    assert_eq!(status.rounds, 11, "one every 500 ms, the first at 0");
    assert!(!status.ended && status.in_sync);
}

#[test]
fn speed_changes_when_things_happen_and_nothing_else() {
    let records = vec![
        quiet_book(0),
        trade(1_000, 9_999, 100, Aggressor::Seller),
        trade(2_000, 10_001, 100, Aggressor::Buyer),
    ];
    let options = ReplayOptions {
        speed: 10.0,
        ..ReplayOptions::default()
    };
    let mut stage = stage(records, options);
    stage.advance_ms(99);
    assert_eq!(stage.trades().len(), 0);
    stage.advance_ms(101);
    assert_eq!(stage.trades(), vec![(9_999, 100)]);
    stage.advance_ms(200);
    assert_eq!(stage.trades(), vec![(10_001, 100)]);
    assert!(stage.handle.status().ended);
    assert_eq!(
        stage.book().0.first(),
        Some(&(9_999, 5_000)),
        "the last book stands"
    );
}

#[test]
fn what_is_off_the_grid_is_left_out_and_counted() {
    let mut off = levels(&[(9_998, 1_000)]);
    off[0].price_e8 += 1;
    let mut book = levels(&[(9_999, 5_000)]);
    book.extend(off);
    let records = vec![record(
        0,
        RecordBody::Snapshot(Arc::new(BookSnapshot {
            last_update_id: 1,
            bids: book,
            asks: levels(&[(10_001, 1_000)]),
        })),
    )];
    assert_eq!(grid_of(&records), Some((1, ONE)));
    assert_eq!(initial_price_of(&records), Some(100 * ONE));
    assert_eq!(initial_price_of(&[]), None);
    let stage = stage(records, ReplayOptions::default());
    assert_eq!(stage.book().0, vec![(9_999, 5_000)]);
    assert_eq!(stage.handle.status().off_grid, 1);
}

#[test]
fn a_recorded_mark_price_becomes_the_venues() {
    let mark = MarkPrice {
        mark_e8: 101 * ONE,
        index_e8: 102 * ONE,
        funding_rate_e8: 12_345,
        next_funding_ms: 0,
    };
    let mut stage = stage(
        vec![quiet_book(0), record(100, RecordBody::Mark(mark))],
        ReplayOptions::default(),
    );
    stage.advance_ms(2_500);
    let view = stage.venue.premium_index(SYMBOL);
    assert_eq!((view.mark, view.index), (101 * ONE, 102 * ONE));
    assert_eq!(view.funding_rate, 12_345);
}
