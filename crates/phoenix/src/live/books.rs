//! Owns what of the engine's doings goes into the journal, and how the journal's state becomes the books a
//! session begins with; knows no SQL.

use crate::binance::client_id::ClientIds;
use crate::binance::contracts::Contracts;
use crate::journal::query::SymbolState;
use crate::journal::record::{Equity, Fill, Funding, Order, Position, Record, Side, SymbolSample};
use phoenix_core::engine::view::{SymbolView, View};
use phoenix_core::event::{
    ExchangeStatus, FundingPayment, OrderUpdate, Resume, TradeReport, TradesFrom,
};
use phoenix_core::instrument::{Instrument, SymbolId};
use phoenix_core::order::{NewOrder, Owner};
use phoenix_core::units::{
    E8, FundingHour, Lots, Now, Price8, Quote, Side as CoreSide, Ticks, Wall,
};
use std::sync::Arc;

/// Turns engine matters into journal records.
#[derive(Debug, Clone)]
pub struct Books {
    contracts: Arc<Contracts>,
    ids: ClientIds,
    asset: String,
}

impl Books {
    /// For these contracts, our ids and the margin asset.
    #[must_use]
    pub const fn new(contracts: Arc<Contracts>, ids: ClientIds, asset: String) -> Self {
        Self {
            contracts,
            ids,
            asset,
        }
    }

    /// Other contracts: symbols were added.
    pub fn on_contracts(&mut self, contracts: &Arc<Contracts>) {
        self.contracts = Arc::clone(contracts);
    }

    /// The contract of a symbol.
    #[must_use]
    pub fn instrument(&self, symbol: SymbolId) -> Option<&Instrument> {
        self.contracts.by_id(symbol).map(|c| &c.instrument)
    }

    /// An order that was sent.
    #[must_use]
    pub fn placed(&self, order: &NewOrder, now: Now) -> Option<Record> {
        let instrument = self.instrument(order.symbol)?;
        Some(Record::Order(Order {
            client_id: self.ids.encode(order.id).to_string(),
            session: order.id.session,
            symbol: instrument.name.clone(),
            side: side(order.side),
            price_e8: price_e8(instrument, order.price),
            qty_e8: size_e8(instrument, order.size),
            filled_e8: 0,
            reduce_only: order.execute.is_reduce_only(),
            state: "placing",
            is_final: false,
            order_id: None,
            placed_ms: now.wall.as_millis(),
            updated_ms: now.wall.as_millis(),
            reason: None,
        }))
    }

    /// An order event: its fill first, because the books depend on it, then its state.
    pub fn updated(&self, update: &OrderUpdate, now: Now) -> impl Iterator<Item = Record> {
        let fill = update.fill.and_then(|fill| {
            let report = &update.report;
            let trade = TradeReport {
                exchange_id: report.exchange_id,
                side: report.side,
                fill,
                time: report.time,
            };
            self.traded(report.symbol, report.owner, &trade)
        });
        fill.into_iter().chain(self.order_state(update, now))
    }

    fn order_state(&self, update: &OrderUpdate, now: Now) -> Option<Record> {
        let report = &update.report;
        let Owner::Ours(id) = report.owner else {
            return None;
        };
        let instrument = self.instrument(report.symbol)?;
        Some(Record::Order(Order {
            client_id: self.ids.encode(id).to_string(),
            session: id.session,
            symbol: instrument.name.clone(),
            side: side(report.side),
            price_e8: price_e8(instrument, report.price),
            qty_e8: size_e8(instrument, report.size),
            filled_e8: size_e8(instrument, report.filled),
            reduce_only: report.reduce_only,
            state: state(report.status),
            is_final: report.status.is_terminal(),
            order_id: Some(report.exchange_id),
            placed_ms: now.wall.as_millis(),
            updated_ms: now.wall.as_millis(),
            reason: None,
        }))
    }

    /// A trade of ours, from the stream or by back-fill.
    #[must_use]
    pub fn traded(&self, symbol: SymbolId, owner: Owner, trade: &TradeReport) -> Option<Record> {
        let instrument = self.instrument(symbol)?;
        let client_id = match owner {
            Owner::Ours(id) => self.ids.encode(id).to_string(),
            Owner::OtherInstance | Owner::Foreign => String::new(),
        };
        let fill = &trade.fill;
        let (fee, fee_asset) = match fill.fee_other_e8 {
            0 => (fill.fee.raw(), self.asset.clone()),
            other => (other, "BNB".to_owned()),
        };
        Some(Record::Fill(Fill {
            symbol: instrument.name.clone(),
            trade_id: fill.trade_id,
            client_id,
            order_id: trade.exchange_id,
            side: side(trade.side),
            price_e8: price_e8(instrument, fill.price),
            qty_e8: size_e8(instrument, fill.size),
            fee_e8: -fee,
            fee_asset,
            realized_e8: fill.realized.raw(),
            maker: fill.maker,
            at_ms: trade.time.as_millis(),
        }))
    }

    /// A page of a back-fill, which began with `from` and ends with this trade.
    #[must_use]
    pub fn backfilled(&self, symbol: SymbolId, from: TradesFrom, trade_id: i64) -> Option<Record> {
        Some(Record::Backfilled {
            symbol: self.instrument(symbol)?.name.clone(),
            from: match from {
                TradesFrom::Id(id) => Some(id),
                TradesFrom::Time(_) => None,
            },
            trade_id,
        })
    }

    /// A funding payment; its full hour is its identity, since the stream gives none.
    #[must_use]
    pub fn funded(&self, payment: &FundingPayment) -> Option<Record> {
        Some(Record::Funding(Funding {
            symbol: self.instrument(payment.symbol)?.name.clone(),
            hour: FundingHour::of(payment.time).0,
            asset: self.asset.clone(),
            amount_e8: payment.amount.raw(),
            at_ms: payment.time.as_millis(),
        }))
    }

    /// A page of funding payments that begins at `from` lacks none up to an hour, of any symbol.
    pub fn funded_through(
        &self,
        from: Wall,
        through: FundingHour,
    ) -> impl Iterator<Item = Record> + '_ {
        let after = FundingHour::complete_before(from).0;
        self.contracts.iter().map(move |c| Record::FundingThrough {
            symbol: c.instrument.name.clone(),
            after,
            through: through.0,
        })
    }

    /// The position of a symbol.
    #[must_use]
    pub fn position(&self, view: &SymbolView, at: Wall) -> Option<Record> {
        let instrument = self.instrument(view.symbol)?;
        Some(Record::Position(Position {
            symbol: instrument.name.clone(),
            qty_e8: size_e8(instrument, view.position),
            entry_e8: view.entry.map_or(0, Price8::raw),
            at_ms: at.as_millis(),
        }))
    }

    /// The account's worth and each symbol's position and price.
    pub fn samples(&self, view: &View) -> Vec<Record> {
        let at_ms = view.now.wall.as_millis();
        let mut records = Vec::with_capacity(view.symbols.len() + 1);
        if let Some(wallet) = view.wallet {
            let unrealized = view
                .symbols
                .iter()
                .filter_map(|s| s.unrealized)
                .fold(Quote::ZERO, Quote::saturating_add);
            records.push(Record::Equity(Equity {
                at_ms,
                asset: self.asset.clone(),
                wallet_e8: wallet.raw(),
                unrealized_e8: unrealized.raw(),
            }));
        }
        for symbol in &view.symbols {
            if let (Some(instrument), Some(mid)) =
                (self.instrument(symbol.symbol), symbol.explanation.mid)
            {
                records.push(Record::Sample(SymbolSample {
                    at_ms,
                    symbol: instrument.name.clone(),
                    position_e8: size_e8(instrument, symbol.position),
                    mid_e8: mid.raw(),
                }));
            }
        }
        records
    }
}

/// The books a session begins with: profit, fees and funding as far as they are surely complete. What follows is read
/// from the exchange once more before anything is quoted, so that what was missed is not hidden by what was recorded after it.
#[must_use]
pub fn resume(state: &SymbolState, instrument: &Instrument, asset: &str) -> Resume {
    let position = state.position.as_ref();
    let size = Lots(position.map_or(0, |p| p.qty_e8 / instrument.step_e8));
    let cost = position.map_or(Quote::ZERO, |p| {
        instrument.value_at(Price8(p.entry_e8), size)
    });
    let known = state.backfill_from.map(TradesFrom::Id);
    let since_it_began = state
        .began_ms
        .map(|ms| TradesFrom::Time(Wall::from_millis(ms)));
    Resume {
        size,
        cost,
        realized: Quote(state.realized_settled_e8),
        fees: Quote(-state.fees_settled_e8.get(asset).copied().unwrap_or(0)),
        funding: Quote(state.funding_settled_e8.get(asset).copied().unwrap_or(0)),
        funding_through: state.funding_through.map(FundingHour),
        trade_id: state.backfill_from.map(|id| id.saturating_sub(1)),
        trades_from: known.or(since_it_began),
    }
}

/// The books with which a symbol comes back that was removed in this session: as it ended, on the grid of today.
#[must_use]
pub fn continued(ended: &SymbolView, before: &Instrument, instrument: &Instrument) -> Resume {
    Resume {
        size: Lots(size_e8(before, ended.position) / instrument.step_e8),
        cost: ended.cost,
        realized: ended.realized,
        fees: ended.fees,
        funding: ended.funding_settled.1,
        funding_through: ended.funding_settled.0,
        trade_id: ended.trade_id_max,
        trades_from: Some(ended.trades_from),
    }
}

const fn side(side: CoreSide) -> Side {
    match side {
        CoreSide::Buy => Side::Buy,
        CoreSide::Sell => Side::Sell,
    }
}

const fn state(status: ExchangeStatus) -> &'static str {
    match status {
        ExchangeStatus::New => "open",
        ExchangeStatus::PartiallyFilled => "partially_filled",
        ExchangeStatus::Filled => "filled",
        ExchangeStatus::Canceled => "cancelled",
        ExchangeStatus::Expired => "expired",
        ExchangeStatus::Rejected => "rejected",
        ExchangeStatus::Unrecognised => "unknown",
    }
}

const fn price_e8(instrument: &Instrument, price: Ticks) -> i64 {
    price.raw().saturating_mul(instrument.tick_e8)
}

const fn size_e8(instrument: &Instrument, size: Lots) -> i64 {
    size.raw().saturating_mul(instrument.step_e8)
}

/// 1e-8 units as a number for people and JSON.
#[must_use]
pub fn number(e8: i64) -> f64 {
    e8 as f64 / E8 as f64
}
