//! Owns the rules on single orders, in a batch or alone: refused for a stated reason, or acknowledged and not carried out; knows no request.

use super::super::refusal::Refusal;
use super::{FaultId, RULES_MAX};

/// What is asked of the venue about orders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// A new order.
    Place,
    /// A change of one.
    Modify,
    /// Its end.
    Cancel,
    /// The end of all of a symbol.
    CancelAll,
    /// The dead-man timer.
    Countdown,
}

/// What a rule does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OrderEffect {
    /// Refused; nothing is carried out.
    Refuse(Refusal),
    /// Acknowledged; nothing is carried out.
    Pretend,
}

/// A rule on single orders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderRule {
    /// On which requests.
    pub verbs: Vec<Verb>,
    /// Whose; `None` for everyone.
    pub account: Option<u16>,
    /// On which symbol; `None` for all.
    pub symbol: Option<u16>,
    /// Whether reduce-only orders pass (−1008).
    pub spares_reduce_only: bool,
    /// What happens.
    pub effect: OrderEffect,
    /// To how many; `u32::MAX` until cleared.
    pub times: u32,
}

/// The rules on single orders.
#[derive(Debug, Default)]
pub struct OrderFaults {
    rules: Vec<(FaultId, OrderRule)>,
}

/// One order request as the rules see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OrderCall {
    /// What is asked.
    pub verb: Verb,
    /// By whom.
    pub account: u16,
    /// On which symbol.
    pub symbol: u16,
    /// Of a new order.
    pub reduce_only: bool,
}

impl OrderFaults {
    /// Adds a rule of a fault. `false` when there are [`RULES_MAX`] already, or it hits nothing.
    pub fn add_for(&mut self, id: FaultId, rule: OrderRule) -> bool {
        let has_room = self.rules.len() < RULES_MAX && rule.times > 0;
        if has_room {
            self.rules.push((id, rule));
        }
        has_room
    }

    /// Removes the rules of a fault.
    pub fn remove(&mut self, id: FaultId) {
        self.rules.retain(|(of, _)| *of != id);
    }

    /// The effect on this order, counted off its rule.
    pub fn take(&mut self, call: OrderCall) -> Option<OrderEffect> {
        let index = self.rules.iter().position(|(_, rule)| rule.hits(call))?;
        let (_, rule) = self.rules.get_mut(index)?;
        let effect = rule.effect.clone();
        if rule.times != u32::MAX {
            rule.times -= 1;
            if rule.times == 0 {
                self.rules.remove(index);
            }
        }
        Some(effect)
    }
}

impl OrderRule {
    fn hits(&self, call: OrderCall) -> bool {
        self.verbs.contains(&call.verb)
            && self.account.is_none_or(|account| account == call.account)
            && self.symbol.is_none_or(|symbol| symbol == call.symbol)
            && !(self.spares_reduce_only && call.reduce_only)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn throttling_spares_what_reduces_and_ends_after_its_times() {
        let mut faults = OrderFaults::default();
        let rule = OrderRule {
            verbs: vec![Verb::Place],
            account: None,
            symbol: Some(1),
            spares_reduce_only: true,
            effect: OrderEffect::Pretend,
            times: 1,
        };
        assert!(faults.add_for(1, rule));
        let call = |verb, symbol, reduce_only| OrderCall {
            verb,
            account: 0,
            symbol,
            reduce_only,
        };
        assert_eq!(faults.take(call(Verb::Place, 1, true)), None);
        assert_eq!(faults.take(call(Verb::Place, 0, false)), None);
        assert_eq!(faults.take(call(Verb::Cancel, 1, false)), None);
        let hit = faults.take(call(Verb::Place, 1, false));
        assert_eq!(hit, Some(OrderEffect::Pretend));
        assert_eq!(faults.take(call(Verb::Place, 1, false)), None);
    }
}
