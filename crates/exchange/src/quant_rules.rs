//! The quantitative rules of protocol §6.4: ratios per account and symbol over 10-minute cycles, and the reduce-only lock; knows no order book.

use crate::api::{
    ApiTradingStatus, E8, Indicator, IndicatorKind, ONE, OrderStatus, OrderType, SymbolId,
    TimeInForce,
};
use crate::decimal;
use crate::orders::{Order, ms};

/// Thresholds of the quantitative rules (protocol §6.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuantRuleConfig {
    /// Cycle, ms (10 min).
    pub cycle_ms: u64,
    /// Orders in a cycle from which UFR and DR are judged (10 000).
    pub orders_min: u64,
    /// GTC+GTX+GTD orders (for GCR), or IOC+FOK orders (for IFER), from which those are judged (5000).
    pub kind_orders_min: u64,
    /// Trigger of UFR.
    pub ufr_trigger: E8,
    /// Trigger of GCR (invalid-cancel ratio).
    pub gcr_trigger: E8,
    /// Trigger of IFER.
    pub ifer_trigger: E8,
    /// Trigger of DR.
    pub dr_trigger: E8,
    /// Below this age at cancellation a cancel is invalid, ms (5000).
    pub invalid_cancel_age_ms: u64,
    /// Below this notional an order is dust (50).
    pub dust_notional: E8,
    /// How long a symbol stays reduce-only, ms (10 min).
    pub lock_ms: u64,
}

impl Default for QuantRuleConfig {
    fn default() -> QuantRuleConfig {
        QuantRuleConfig {
            cycle_ms: 600_000,
            orders_min: 10_000,
            kind_orders_min: 5_000,
            ufr_trigger: ONE - ONE / 200,
            gcr_trigger: ONE - ONE / 100,
            ifer_trigger: ONE - ONE / 100,
            dr_trigger: ONE - ONE / 10,
            invalid_cancel_age_ms: 5_000,
            dust_notional: 50 * ONE,
            lock_ms: 600_000,
        }
    }
}

/// Counts of the running cycle and the lock, of one account and symbol.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct RuleState {
    orders: u64,
    resting_orders: u64,
    immediate_orders: u64,
    invalid_cancels: u64,
    expired_immediate: u64,
    dust_orders: u64,
    placed_qty: i128,
    executed_qty: i128,
    locked: Option<Lock>,
}

#[derive(Clone, Copy, Debug)]
struct Lock {
    kind: IndicatorKind,
    until_us: u64,
}

const KINDS: [IndicatorKind; 4] = [
    IndicatorKind::Ufr,
    IndicatorKind::Ifer,
    IndicatorKind::Gcr,
    IndicatorKind::Dr,
];

fn ratio(part: u64, whole: u64) -> E8 {
    let (part, whole) = (
        i64::try_from(part).unwrap_or(i64::MAX),
        i64::try_from(whole).unwrap_or(i64::MAX),
    );
    decimal::mul_div(part, ONE, whole)
}

impl RuleState {
    /// Counts an accepted order.
    pub(crate) fn on_placed(&mut self, order: &Order, notional: E8, config: &QuantRuleConfig) {
        self.orders += 1;
        self.placed_qty += i128::from(order.orig_qty);
        self.dust_orders += u64::from(notional < config.dust_notional);
        if order.order_type != OrderType::Limit {
            return;
        }
        match order.time_in_force {
            TimeInForce::Gtc | TimeInForce::Gtx | TimeInForce::Gtd => self.resting_orders += 1,
            TimeInForce::Ioc | TimeInForce::Fok => self.immediate_orders += 1,
        }
    }

    /// Counts a fill.
    pub(crate) fn on_fill(&mut self, qty: E8) {
        self.executed_qty += i128::from(qty);
    }

    /// Counts the end of an order. Amendments do not reset its age (protocol §12.5 leaves it open; this is the stricter reading).
    pub(crate) fn on_done(&mut self, order: &Order, config: &QuantRuleConfig) {
        if order.order_type != OrderType::Limit {
            return;
        }
        match order.time_in_force {
            TimeInForce::Gtc | TimeInForce::Gtx | TimeInForce::Gtd => {
                let age_us = order.updated_us.saturating_sub(order.created_us);
                let young = age_us < config.invalid_cancel_age_ms.saturating_mul(1000);
                self.invalid_cancels += u64::from(order.status == OrderStatus::Canceled && young);
            }
            TimeInForce::Ioc | TimeInForce::Fok => {
                self.expired_immediate +=
                    u64::from(order.status == OrderStatus::Expired && order.executed == 0);
            }
        }
    }

    fn value(&self, kind: IndicatorKind) -> E8 {
        match kind {
            IndicatorKind::Ufr if self.placed_qty == 0 => 0,
            IndicatorKind::Ufr => {
                let unfilled = (self.placed_qty - self.executed_qty).max(0);
                i64::try_from(unfilled * i128::from(ONE) / self.placed_qty).unwrap_or(ONE)
            }
            IndicatorKind::Ifer => ratio(self.expired_immediate, self.immediate_orders),
            IndicatorKind::Gcr => ratio(self.invalid_cancels, self.resting_orders),
            IndicatorKind::Dr => ratio(self.dust_orders, self.orders),
        }
    }

    fn judged(&self, kind: IndicatorKind, config: &QuantRuleConfig) -> bool {
        match kind {
            IndicatorKind::Ufr | IndicatorKind::Dr => self.orders >= config.orders_min,
            IndicatorKind::Gcr => self.resting_orders >= config.kind_orders_min,
            IndicatorKind::Ifer => self.immediate_orders >= config.kind_orders_min,
        }
    }

    /// Ends a cycle: locks the symbol when an indicator is over its trigger, and starts counting anew.
    pub(crate) fn end_cycle(&mut self, now_us: u64, config: &QuantRuleConfig) {
        let guilty = KINDS
            .into_iter()
            .find(|kind| self.judged(*kind, config) && self.value(*kind) >= trigger(*kind, config));
        let until_us = now_us.saturating_add(config.lock_ms.saturating_mul(1000));
        let locked = guilty
            .map(|kind| Lock { kind, until_us })
            .or(self.locked.filter(|lock| lock.until_us > now_us));
        *self = RuleState {
            locked,
            ..RuleState::default()
        };
    }

    /// Whether only reducing orders are allowed now (`-4400`).
    pub(crate) fn is_locked(&self, now_us: u64) -> bool {
        self.locked.is_some_and(|lock| lock.until_us > now_us)
    }

    /// The `apiTradingStatus` view of the running cycle.
    pub(crate) fn status(
        &self,
        symbol: SymbolId,
        now_us: u64,
        config: &QuantRuleConfig,
    ) -> ApiTradingStatus {
        let indicator = |kind: IndicatorKind| {
            let lock = self
                .locked
                .filter(|lock| lock.kind == kind && lock.until_us > now_us);
            Indicator {
                kind,
                value: self.value(kind),
                trigger: trigger(kind, config),
                is_locked: lock.is_some(),
                planned_recover_ms: lock.map_or(0, |lock| ms(lock.until_us)),
            }
        };
        ApiTradingStatus {
            symbol,
            indicators: KINDS.into_iter().map(indicator).collect(),
            update_time_ms: ms(now_us),
        }
    }
}

fn trigger(kind: IndicatorKind, config: &QuantRuleConfig) -> E8 {
    match kind {
        IndicatorKind::Ufr => config.ufr_trigger,
        IndicatorKind::Ifer => config.ifer_trigger,
        IndicatorKind::Gcr => config.gcr_trigger,
        IndicatorKind::Dr => config.dr_trigger,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{AccountId, ClientId, PriceMatch, Side, StpMode};

    fn order(time_in_force: TimeInForce, qty: E8, status: OrderStatus, age_ms: u64) -> Order {
        Order {
            id: 1,
            account: AccountId(0),
            symbol: SymbolId(0),
            client_id: ClientId::parse("x").expect("a legal id"),
            side: Side::Buy,
            order_type: OrderType::Limit,
            time_in_force,
            price: 100 * ONE,
            orig_qty: qty,
            executed: 0,
            cum_quote: 0,
            reduce_only: false,
            stp: StpMode::None,
            price_match: PriceMatch::None,
            good_till_date_ms: 0,
            status,
            created_us: 0,
            updated_us: age_ms * 1000,
            modifies: 0,
            modify_id: None,
        }
    }

    fn value(state: &RuleState, kind: IndicatorKind) -> E8 {
        let status = state.status(SymbolId(0), 0, &QuantRuleConfig::default());
        status
            .indicators
            .iter()
            .find(|row| row.kind == kind)
            .expect("all kinds are shown")
            .value
    }

    #[test]
    fn each_ratio_counts_what_its_definition_says() {
        let config = QuantRuleConfig::default();
        let mut state = RuleState::default();
        let lives = [
            (TimeInForce::Gtx, ONE, OrderStatus::Canceled, 4_999, 100),
            (TimeInForce::Gtc, ONE, OrderStatus::Canceled, 5_000, 100),
            (TimeInForce::Gtd, ONE, OrderStatus::Filled, 10, 49),
            (TimeInForce::Ioc, ONE, OrderStatus::Expired, 0, 100),
        ];
        for (time_in_force, qty, status, age_ms, notional) in lives {
            let order = order(time_in_force, qty, status, age_ms);
            state.on_placed(&order, notional * ONE, &config);
            state.on_done(&order, &config);
        }
        state.on_fill(ONE);
        assert_eq!(value(&state, IndicatorKind::Ufr), ONE * 3 / 4);
        assert_eq!(
            value(&state, IndicatorKind::Gcr),
            ONE / 3,
            "one of three was cancelled young"
        );
        assert_eq!(value(&state, IndicatorKind::Ifer), ONE);
        assert_eq!(value(&state, IndicatorKind::Dr), ONE / 4);
    }

    #[test]
    fn a_cycle_is_judged_only_past_its_threshold_and_the_lock_outlives_it() {
        let config = QuantRuleConfig {
            kind_orders_min: 2,
            ..QuantRuleConfig::default()
        };
        let mut state = RuleState::default();
        let young = order(TimeInForce::Gtx, ONE, OrderStatus::Canceled, 1);
        state.on_placed(&young, 100 * ONE, &config);
        state.on_done(&young, &config);
        state.end_cycle(0, &config);
        assert!(!state.is_locked(0), "one order is too few");
        for _ in 0..2 {
            state.on_placed(&young, 100 * ONE, &config);
            state.on_done(&young, &config);
        }
        state.end_cycle(0, &config);
        assert!(state.is_locked(config.lock_ms * 1000 - 1));
        assert!(!state.is_locked(config.lock_ms * 1000));
        assert_eq!(
            value(&state, IndicatorKind::Gcr),
            0,
            "a new cycle counts anew"
        );
    }
}
