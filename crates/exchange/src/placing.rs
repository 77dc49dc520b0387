//! Judging and booking of new orders (protocol §4.3, §4.4); knows the rules, leaves matching to the pit.

use crate::api::{
    AccountId, ApiError, ClientId, E8, NewOrder, OrderRef, OrderStatus, OrderType, PositionMode,
    PositionSide, PriceMatch, Side, StpMode, TimeInForce,
};
use crate::book::crosses;
use crate::decimal;
use crate::filters;
use crate::house::House;
use crate::margin::{asset_margin, symbol_margin, worst_notional};
use crate::orders::{Order, ms};
use crate::pit::{Market, Pit};

/// GTD orders must live longer than this, ms.
const GOOD_TILL_MIN_MS: i64 = 600_000;
/// And end before this, ms.
const GOOD_TILL_MAX_MS: i64 = 253_402_300_799_000;

/// A judged order.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Draft {
    pub account: AccountId,
    pub side: Side,
    pub order_type: OrderType,
    pub time_in_force: TimeInForce,
    /// 0 for MARKET.
    pub price: E8,
    pub qty: E8,
    pub reduce_only: bool,
    pub client_id: Option<ClientId>,
    pub stp: StpMode,
    pub price_match: PriceMatch,
    pub good_till_date_ms: i64,
}

/// What a judgement may look at.
#[derive(Clone, Copy)]
pub(crate) struct Judge<'a> {
    pub now_us: u64,
    pub markets: &'a [Market],
    pub market: &'a Market,
    pub house: &'a House,
    pub account: AccountId,
}

impl Judge<'_> {
    /// Turns a request into a draft that will be booked, or says why not.
    pub(crate) fn new_order(&self, order: &NewOrder) -> Result<Draft, ApiError> {
        let mut draft = self.parameters(order)?;
        self.check_filters(&draft)?;
        if draft.reduce_only {
            draft.qty = self.reducible(&draft)?;
        }
        self.check_account(&draft)?;
        self.check_crossing(&draft)?;
        Ok(draft)
    }

    fn parameters(&self, order: &NewOrder) -> Result<Draft, ApiError> {
        self.check_position_side(order.position_side)?;
        let qty = order
            .qty
            .ok_or_else(|| ApiError::missing_parameter("quantity"))?;
        let (time_in_force, price) = match order.order_type {
            OrderType::Liquidation => return Err(ApiError::use_algo_endpoint()),
            OrderType::Market => self.market_parameters(order)?,
            OrderType::Limit => self.limit_parameters(order)?,
        };
        Ok(Draft {
            account: self.account,
            side: order.side,
            order_type: order.order_type,
            time_in_force,
            price,
            qty,
            reduce_only: order.reduce_only,
            client_id: order.client_id,
            stp: order.stp.unwrap_or(StpMode::ExpireMaker),
            price_match: order.price_match,
            good_till_date_ms: self.good_till(time_in_force, order.good_till_date_ms)?,
        })
    }

    fn check_position_side(&self, side: Option<PositionSide>) -> Result<(), ApiError> {
        match (self.house.account(self.account).mode, side) {
            (PositionMode::OneWay, None | Some(PositionSide::Both)) => Ok(()),
            (PositionMode::OneWay, Some(PositionSide::Long | PositionSide::Short)) => {
                Err(ApiError::position_side_mismatch())
            }
            (PositionMode::Hedge, None | Some(PositionSide::Both)) => {
                Err(ApiError::position_side_mismatch())
            }
            (PositionMode::Hedge, Some(PositionSide::Long | PositionSide::Short)) => {
                Err(ApiError::unsupported_operation())
            }
        }
    }

    fn market_parameters(&self, order: &NewOrder) -> Result<(TimeInForce, E8), ApiError> {
        if order.price.is_some() {
            return Err(ApiError::superfluous_parameter("price"));
        }
        if order.time_in_force.is_some() {
            return Err(ApiError::superfluous_parameter("timeInForce"));
        }
        match order.price_match {
            PriceMatch::None => Ok((TimeInForce::Gtc, 0)),
            PriceMatch::Opponent(_) | PriceMatch::Queue(_) => {
                Err(ApiError::price_match_with_price())
            }
        }
    }

    fn limit_parameters(&self, order: &NewOrder) -> Result<(TimeInForce, E8), ApiError> {
        let time_in_force = order
            .time_in_force
            .ok_or_else(|| ApiError::missing_parameter("timeInForce"))?;
        Ok((
            time_in_force,
            self.limit_price(order.side, order.price, order.price_match)?,
        ))
    }

    /// The given price, or the one that the price match finds now.
    pub(crate) fn limit_price(
        &self,
        side: Side,
        price: Option<E8>,
        price_match: PriceMatch,
    ) -> Result<E8, ApiError> {
        let (from, place) = match (price_match, price) {
            (PriceMatch::None, price) => {
                return price.ok_or_else(|| ApiError::missing_parameter("price"));
            }
            (PriceMatch::Opponent(_) | PriceMatch::Queue(_), Some(_)) => {
                return Err(ApiError::price_match_with_price());
            }
            (PriceMatch::Opponent(place), None) => (side.opposite(), place),
            (PriceMatch::Queue(place), None) => (side, place),
        };
        if !matches!(place, 1 | 5 | 10 | 20) {
            return Err(ApiError::bad_price_match());
        }
        let level = self.market.book.levels(from).nth(usize::from(place) - 1);
        level
            .map(|(price, _)| price)
            .ok_or_else(ApiError::no_depth_for_price_match)
    }

    fn good_till(&self, time_in_force: TimeInForce, date_ms: i64) -> Result<i64, ApiError> {
        match time_in_force {
            TimeInForce::Gtc | TimeInForce::Ioc | TimeInForce::Fok | TimeInForce::Gtx => Ok(0),
            TimeInForce::Gtd
                if date_ms > ms(self.now_us) + GOOD_TILL_MIN_MS && date_ms < GOOD_TILL_MAX_MS =>
            {
                Ok(date_ms - date_ms % 1000)
            }
            TimeInForce::Gtd => Err(ApiError::bad_good_till_date()),
        }
    }

    fn check_filters(&self, draft: &Draft) -> Result<(), ApiError> {
        let (spec, mark) = (&self.market.spec, self.market.mark.mark);
        if draft.order_type == OrderType::Limit {
            filters::check_price(spec, draft.price)?;
        }
        filters::check_qty(spec, draft.qty, draft.order_type)?;
        match draft.order_type {
            OrderType::Limit => filters::check_band(spec, draft.side, draft.price, mark)?,
            OrderType::Market | OrderType::Liquidation => self.check_market_band(draft.side)?,
        }
        if !draft.reduce_only && self.notional(draft) < spec.notional_min {
            return Err(ApiError::min_notional());
        }
        Ok(())
    }

    fn check_market_band(&self, side: Side) -> Result<(), ApiError> {
        let bound = filters::take_bound(&self.market.spec, side, self.market.mark.mark);
        match self.market.book.best(side.opposite()) {
            Some((best, _)) if !crosses(side, bound, best) => Err(ApiError::market_blocked()),
            Some(_) | None => Ok(()),
        }
    }

    /// Notional for the filters: at the limit price, or at mark for MARKET.
    fn notional(&self, draft: &Draft) -> E8 {
        let price = if draft.order_type == OrderType::Limit {
            draft.price
        } else {
            self.market.mark.mark
        };
        decimal::mul(price, draft.qty)
    }

    /// The quantity a reduce-only order is clamped to. One that takes at once ranks before resting ones; one that may rest gets what they leave.
    fn reducible(&self, draft: &Draft) -> Result<E8, ApiError> {
        let immediate = match (draft.order_type, draft.time_in_force) {
            (OrderType::Market | OrderType::Liquidation, _)
            | (OrderType::Limit, TimeInForce::Ioc | TimeInForce::Fok) => true,
            (OrderType::Limit, TimeInForce::Gtc | TimeInForce::Gtx | TimeInForce::Gtd) => false,
        };
        let reserved = if immediate {
            0
        } else {
            self.market
                .open
                .reduce_only_qty(self.account, draft.side, None)
        };
        self.reducible_qty(draft.side, draft.qty, reserved)
    }

    /// What of a quantity can reduce the position when so much is reserved already.
    pub(crate) fn reducible_qty(&self, side: Side, qty: E8, reserved: E8) -> Result<E8, ApiError> {
        let position = self
            .house
            .holding(self.account, self.market.id)
            .position
            .qty;
        let room = if position.signum() == -side.sign() {
            position.abs() - reserved
        } else {
            0
        };
        if room <= 0 {
            return Err(ApiError::reduce_only_rejected());
        }
        Ok(qty.min(room))
    }

    fn check_account(&self, draft: &Draft) -> Result<(), ApiError> {
        let open = &self.market.open;
        if let Some(client_id) = draft.client_id
            && open
                .named(self.account, OrderRef::Client(client_id))
                .is_some()
        {
            return Err(ApiError::duplicate_client_id());
        }
        if open.of(self.account).count() >= self.market.spec.open_orders_max {
            return Err(ApiError::too_many_open_orders());
        }
        if draft.reduce_only {
            return Ok(());
        }
        self.check_rules(draft)?;
        self.check_margin(draft.side, self.margin_notional(draft), 0)
    }

    /// `-4400`: while locked only orders that reduce the position pass.
    fn check_rules(&self, draft: &Draft) -> Result<(), ApiError> {
        let holding = self.house.holding(self.account, self.market.id);
        let reduces = holding.position.qty.signum() == -draft.side.sign()
            && draft.qty <= holding.position.qty.abs();
        if holding.rules.is_locked(self.now_us) && !reduces {
            return Err(ApiError::quantitative_rule());
        }
        Ok(())
    }

    /// Notional that an order binds: a buy at its price, a sell at its price or the mark, whichever is higher; MARKET at mark.
    fn margin_notional(&self, draft: &Draft) -> E8 {
        let mark = self.market.mark.mark;
        let price = match (draft.order_type, draft.side) {
            (OrderType::Market | OrderType::Liquidation, _) => mark,
            (OrderType::Limit, Side::Buy) => draft.price,
            (OrderType::Limit, Side::Sell) => draft.price.max(mark),
        };
        decimal::mul(price, draft.qty)
    }

    /// Whether the account can carry `added` notional on a side in place of `removed`: within the bracket of its leverage (`-2027`) and its margin
    /// balance (`-2019`). What does not raise the requirement always passes.
    pub(crate) fn check_margin(&self, side: Side, added: E8, removed: E8) -> Result<(), ApiError> {
        let own = symbol_margin(self.market, self.house, self.account);
        let change = added - removed;
        let (bids, asks) = match side {
            Side::Buy => (own.bids + change, own.asks),
            Side::Sell => (own.bids, own.asks + change),
        };
        let notional = self
            .house
            .holding(self.account, self.market.id)
            .position
            .notional(self.market.mark.mark);
        let (before, after) = (
            worst_notional(notional, own.bids, own.asks),
            worst_notional(notional, bids, asks),
        );
        if after <= before {
            return Ok(());
        }
        let leverage = self
            .house
            .holding(self.account, self.market.id)
            .settings
            .leverage;
        if after > self.market.spec.max_notional(leverage) {
            return Err(ApiError::leverage_exceeded());
        }
        let margin = asset_margin(self.markets, self.house, self.account, self.market.asset);
        let needed = margin.initial() - own.initial() + after / i64::from(leverage.max(1));
        if needed > margin.balance() {
            return Err(ApiError::margin_insufficient());
        }
        Ok(())
    }

    fn check_crossing(&self, draft: &Draft) -> Result<(), ApiError> {
        let book = &self.market.book;
        match (draft.order_type, draft.time_in_force) {
            (OrderType::Limit, TimeInForce::Gtx) if book.would_cross(draft.side, draft.price) => {
                Err(ApiError::gtx_rejected())
            }
            (OrderType::Limit, TimeInForce::Fok)
                if book.takeable(draft.side, draft.price, draft.qty) < draft.qty =>
            {
                Err(ApiError::fok_rejected())
            }
            (OrderType::Limit | OrderType::Market | OrderType::Liquidation, _) => Ok(()),
        }
    }
}

impl Pit<'_> {
    /// Books a judged order and matches it; returns its id.
    pub(crate) fn accept(&mut self, draft: Draft) -> u64 {
        let client_id = draft.client_id.unwrap_or_else(|| self.make_client_id());
        let order = self.draft_order(draft, client_id);
        let id = order.id;
        let bound = match draft.order_type {
            OrderType::Limit => draft.price,
            OrderType::Market | OrderType::Liquidation => {
                filters::take_bound(&self.market.spec, draft.side, self.market.mark.mark)
            }
        };
        let price = if draft.price > 0 {
            draft.price
        } else {
            self.market.mark.mark
        };
        let rules = self.house.quant_rules;
        self.house
            .holding_mut(draft.account, self.market.id)
            .rules
            .on_placed(&order, decimal::mul(price, draft.qty), &rules);
        self.begin(order);
        self.execute(id, Some(bound));
        self.flush_ticker();
        id
    }

    /// A new order with the next id of the symbol.
    pub(crate) fn draft_order(&mut self, draft: Draft, client_id: ClientId) -> Order {
        let id = self.market.next_order_id;
        self.market.next_order_id += 1;
        Order {
            id,
            account: draft.account,
            symbol: self.market.id,
            client_id,
            side: draft.side,
            order_type: draft.order_type,
            time_in_force: draft.time_in_force,
            price: draft.price,
            orig_qty: draft.qty,
            executed: 0,
            cum_quote: 0,
            reduce_only: draft.reduce_only,
            stp: draft.stp,
            price_match: draft.price_match,
            good_till_date_ms: draft.good_till_date_ms,
            status: OrderStatus::New,
            created_us: self.now_us,
            updated_us: self.now_us,
            modifies: 0,
            modify_id: None,
        }
    }
}
