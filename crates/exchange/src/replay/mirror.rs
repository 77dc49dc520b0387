//! Makes the venue's background book equal to the recorded one, message by message; knows neither time nor update chains.

use std::collections::{BTreeMap, BTreeSet};

use super::record::{
    Aggressor, BookSnapshot, BookTicker, DepthDiff, MarkPrice, RecordLevel, TradePrint,
};
use super::{ReplayStatus, TopOfBook};
use crate::api::{E8, Side};
use crate::market::{MarketSide, RecordedMark, Removal};

/// Prices at which trades wait for their depth message; at the bound all are forgotten, and decreases there count as cancels.
const TRADED_MAX: usize = 4_096;

/// What must be remembered between messages.
#[derive(Debug)]
pub(super) struct Mirror {
    removal: Removal,
    top: TopOfBook,
    /// Quantity traded at a level since its last depth message, which that message will take away.
    traded: BTreeMap<(Side, E8), E8>,
    ticker: Option<BookTicker>,
    last_depth_id: i64,
}

impl Mirror {
    pub(super) fn new(removal: Removal, top: TopOfBook) -> Self {
        Self {
            removal,
            top,
            traded: BTreeMap::new(),
            ticker: None,
            last_depth_id: i64::MIN,
        }
    }

    /// Forgets everything: a new pass, or a gap.
    pub(super) fn begin(&mut self) {
        self.traded.clear();
        self.ticker = None;
        self.last_depth_id = i64::MIN;
    }

    /// Sets the whole book to a snapshot.
    pub(super) fn reset(
        &mut self,
        snapshot: &BookSnapshot,
        market: &mut MarketSide<'_>,
        status: &mut ReplayStatus,
    ) {
        self.last_depth_id = snapshot.last_update_id;
        for (side, levels) in [(Side::Buy, &snapshot.bids), (Side::Sell, &snapshot.asks)] {
            let kept: BTreeSet<E8> = levels.iter().map(|level| level.price_e8).collect();
            let gone: Vec<E8> = market
                .levels(side)
                .map(|(price, _)| price)
                .filter(|price| !kept.contains(price))
                .collect();
            for price in gone {
                market.set_level(side, price, 0, self.removal);
            }
        }
        for (side, levels) in [(Side::Buy, &snapshot.bids), (Side::Sell, &snapshot.asks)] {
            for level in levels {
                self.set(side, level, market, status);
            }
        }
    }

    /// Applies a depth message, and the book ticker again where that is newer.
    pub(super) fn apply_diff(
        &mut self,
        diff: &DepthDiff,
        market: &mut MarketSide<'_>,
        status: &mut ReplayStatus,
    ) {
        self.last_depth_id = diff.last_update_id;
        // Removals first: a message that moves both sides must not cross on the way.
        for emptied in [true, false] {
            for (side, levels) in [(Side::Buy, &diff.bids), (Side::Sell, &diff.asks)] {
                for level in levels.iter().filter(|l| (l.quantity_e8 == 0) == emptied) {
                    self.set(side, level, market, status);
                }
            }
        }
        if let Some(ticker) = self.ticker {
            self.apply_ticker(ticker, market, status);
        }
    }

    /// Takes a book ticker that is newer than the last depth message as the top of the book.
    pub(super) fn apply_ticker(
        &mut self,
        ticker: BookTicker,
        market: &mut MarketSide<'_>,
        status: &mut ReplayStatus,
    ) {
        match self.top {
            TopOfBook::Depth => return,
            TopOfBook::DepthAndTicker => {}
        }
        self.ticker = None;
        if ticker.update_id <= self.last_depth_id {
            return;
        }
        self.ticker = Some(ticker);
        for (side, level) in [(Side::Buy, &ticker.bid), (Side::Sell, &ticker.ask)] {
            let better: Vec<E8> = market
                .levels(side)
                .map(|(price, _)| price)
                .take_while(|price| (price - level.price_e8) * side.sign() > 0)
                .collect();
            for price in better {
                market.set_level(side, price, 0, self.removal);
            }
        }
        for (side, level) in [(Side::Buy, &ticker.bid), (Side::Sell, &ticker.ask)] {
            self.set(side, level, market, status);
        }
    }

    /// Sets one level. A decrease that trades explain leaves from the tail, where [`Mirror::play_trade`] put it.
    fn set(
        &mut self,
        side: Side,
        level: &RecordLevel,
        market: &mut MarketSide<'_>,
        status: &mut ReplayStatus,
    ) {
        let (price, quantity) = (level.price_e8, level.quantity_e8);
        if !on_grid(price, market.spec().tick) || !on_grid(quantity, market.spec().step) {
            status.off_grid += 1;
            return;
        }
        if let Some(traded) = self.traded.remove(&(side, price)) {
            let present = market.level_background(side, price);
            let explained = (present - quantity).clamp(0, traded);
            if explained > 0 {
                market.set_level(side, price, present - explained, Removal::FromBack);
            }
        }
        market.set_level(side, price, quantity, self.removal);
    }

    /// Plays a trade: client orders and the head of the queue are filled, and the recorded level is put back to what it was.
    pub(super) fn play_trade(
        &mut self,
        print: &TradePrint,
        market: &mut MarketSide<'_>,
        status: &mut ReplayStatus,
    ) {
        let (price, quantity) = (print.price_e8, print.quantity_e8);
        if !on_grid(price, market.spec().tick) || !on_grid(quantity, market.spec().step) {
            status.off_grid += 1;
            return;
        }
        status.trades += 1;
        let taker = match print.aggressor {
            Aggressor::Buyer => Side::Buy,
            Aggressor::Seller => Side::Sell,
        };
        let maker = taker.opposite();
        let before = market.level_background(maker, price);
        // A level that the depth stream shows too small would split the print in two; it must have held this much.
        if before > 0 && before < quantity {
            market.add_background(maker, price, quantity - before);
        }
        market.trade_through(taker, price, quantity);
        if before > 0 {
            market.set_level(maker, price, before, Removal::FromBack);
            if self.traded.len() >= TRADED_MAX {
                self.traded.clear();
            }
            *self.traded.entry((maker, price)).or_default() += quantity.min(before);
        }
    }
}

/// Hands a recorded mark price to the venue.
pub(super) fn apply_mark(mark: &MarkPrice, market: &mut MarketSide<'_>) {
    market.apply_mark(RecordedMark {
        mark: mark.mark_e8,
        index: mark.index_e8,
        funding_rate: mark.funding_rate_e8,
    });
}

fn on_grid(value: E8, grid: E8) -> bool {
    value % grid.max(1) == 0
}
