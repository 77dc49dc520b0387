//! What an account can ask about its past: finished orders, fills, income, amendments; each bounded, oldest forgotten first.

use std::collections::VecDeque;

use crate::api::{
    AmendmentView, IncomeQuery, IncomeView, OrderId, OrderQuery, OrderRef, SymbolId, TradeQuery,
    UserTradeView,
};
use crate::orders::{Order, ms};

/// Finished orders remembered per account.
pub const FINISHED_ORDERS_MAX: usize = 50_000;
/// Fills remembered per account.
pub const TRADES_MAX: usize = 200_000;
/// Income rows remembered per account.
pub const INCOME_MAX: usize = 400_000;
/// Amendments remembered per account.
pub const AMENDMENTS_MAX: usize = 20_000;
/// Most rows of one answer.
pub const ROWS_MAX: usize = 1000;

/// The past of one account.
#[derive(Debug, Default)]
pub(crate) struct History {
    finished: VecDeque<Order>,
    trades: VecDeque<UserTradeView>,
    income: VecDeque<IncomeView>,
    amendments: VecDeque<AmendmentView>,
}

fn push_bounded<T>(queue: &mut VecDeque<T>, row: T, max: usize) {
    if queue.len() >= max {
        queue.pop_front();
    }
    queue.push_back(row);
}

fn within(time_ms: i64, start_ms: Option<i64>, end_ms: Option<i64>) -> bool {
    start_ms.is_none_or(|start| time_ms >= start) && end_ms.is_none_or(|end| time_ms <= end)
}

fn rows(limit: Option<usize>, default: usize) -> usize {
    limit.unwrap_or(default).min(ROWS_MAX)
}

/// The last `limit` rows, oldest first.
fn newest<T: Clone>(matching: Vec<&T>, limit: usize) -> Vec<T> {
    let skip = matching.len().saturating_sub(limit);
    matching.into_iter().skip(skip).cloned().collect()
}

impl History {
    pub(crate) fn push_order(&mut self, order: Order) {
        push_bounded(&mut self.finished, order, FINISHED_ORDERS_MAX);
    }

    pub(crate) fn push_trade(&mut self, trade: UserTradeView) {
        push_bounded(&mut self.trades, trade, TRADES_MAX);
    }

    pub(crate) fn push_income(&mut self, income: IncomeView) {
        push_bounded(&mut self.income, income, INCOME_MAX);
    }

    pub(crate) fn push_amendment(&mut self, amendment: AmendmentView) {
        push_bounded(&mut self.amendments, amendment, AMENDMENTS_MAX);
    }

    /// The latest finished order of that name.
    pub(crate) fn find_order(&self, symbol: SymbolId, wanted: OrderRef) -> Option<&Order> {
        self.finished
            .iter()
            .rev()
            .find(|order| order.symbol == symbol && order.is(wanted))
    }

    /// Fills, oldest first.
    pub(crate) fn trades(&self) -> impl Iterator<Item = &UserTradeView> {
        self.trades.iter()
    }

    /// `allOrders` over the finished orders and the given open ones: by id; with `from_id` the oldest rows, otherwise the newest.
    pub(crate) fn query_orders<'a>(
        &'a self,
        open: impl Iterator<Item = &'a Order>,
        symbol: SymbolId,
        query: &OrderQuery,
    ) -> Vec<&'a Order> {
        let fits = |order: &&Order| {
            order.symbol == symbol
                && query.from_id.is_none_or(|from| order.id >= from)
                && within(ms(order.created_us), query.start_ms, query.end_ms)
        };
        let mut found: Vec<&Order> = self.finished.iter().chain(open).filter(fits).collect();
        found.sort_by_key(|order| order.id);
        let limit = rows(query.limit, 500);
        if query.from_id.is_none() {
            found.drain(..found.len().saturating_sub(limit));
        }
        found.truncate(limit);
        found
    }

    /// `userTrades`: with `from_id` the oldest rows from there, otherwise the newest; oldest first.
    pub(crate) fn query_trades(&self, symbol: SymbolId, query: &TradeQuery) -> Vec<UserTradeView> {
        let fits = |trade: &&UserTradeView| {
            trade.symbol == symbol
                && query.order_id.is_none_or(|id| trade.order_id == id)
                && query.from_id.is_none_or(|from| trade.trade_id >= from)
                && within(trade.time_ms, query.start_ms, query.end_ms)
        };
        let limit = rows(query.limit, 500);
        if query.from_id.is_some() || query.start_ms.is_some() {
            return self
                .trades
                .iter()
                .filter(fits)
                .take(limit)
                .cloned()
                .collect();
        }
        newest(self.trades.iter().filter(fits).collect(), limit)
    }

    /// `income`: with a start the oldest rows from there, otherwise the newest; oldest first.
    pub(crate) fn query_income(&self, query: &IncomeQuery) -> Vec<IncomeView> {
        let fits = |row: &&IncomeView| {
            query.symbol.is_none_or(|symbol| row.symbol == Some(symbol))
                && query.kind.is_none_or(|kind| row.kind == kind)
                && within(row.time_ms, query.start_ms, query.end_ms)
        };
        let limit = rows(query.limit, 100);
        if query.start_ms.is_some() {
            return self
                .income
                .iter()
                .filter(fits)
                .take(limit)
                .cloned()
                .collect();
        }
        newest(self.income.iter().filter(fits).collect(), limit)
    }

    /// `orderAmendment`: the newest rows, oldest first.
    pub(crate) fn query_amendments(
        &self,
        symbol: SymbolId,
        order: Option<OrderId>,
        limit: usize,
    ) -> Vec<AmendmentView> {
        let fits = |row: &&AmendmentView| {
            row.symbol == symbol && order.is_none_or(|id| row.order_id == id)
        };
        newest(
            self.amendments.iter().filter(fits).collect(),
            limit.min(100),
        )
    }
}
