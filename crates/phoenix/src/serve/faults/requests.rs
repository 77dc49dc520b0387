//! Owns the rules on requests, REST and WebSocket API alike; knows no endpoint.

use std::time::Duration;

use super::super::refusal::Refusal;
use super::{BY_HAND, FaultId, RULES_MAX};

/// What a rule does to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RequestEffect {
    /// Answered with this; nothing is carried out.
    Refuse(Refusal),
    /// Carried out, and then answered with this all the same.
    CarryOutThen(Refusal),
    /// Answered with this status and text, whatever it is; nothing is carried out.
    Say(u16, String),
    /// Answered with this at once, and carried out so much later.
    CarryOutLate(Refusal, Duration),
    /// The connection is cut; nothing is carried out.
    Cut,
    /// Carried out, and then the connection is cut without an answer.
    CarryOutThenCut,
    /// Held on its way to the engine for so long, then carried out unless the client has gone; beyond its recvWindow it is refused with −5028 (protocol §5.3).
    Hold(Duration),
    /// Carried out at once, answered after so long.
    HoldAnswer(Duration),
}

/// Whose requests a rule hits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Callers {
    /// Everyone's.
    All,
    /// Requests that need a key.
    Keyed,
    /// Requests that need a key, of this account.
    Account(u16),
}

/// Requests by HTTP method (`None` for all) and start of the path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// HTTP method; `None` for all.
    pub method: Option<&'static str>,
    /// Start of the path, for example `/fapi/v1/order`; empty for all.
    pub path: String,
}

impl Place {
    /// A place.
    pub fn new(method: Option<&'static str>, path: &str) -> Self {
        Self {
            method,
            path: path.to_owned(),
        }
    }
}

/// A rule on requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestRule {
    /// Which requests; empty for all.
    pub places: Vec<Place>,
    /// Whose.
    pub callers: Callers,
    /// What happens.
    pub effect: RequestEffect,
    /// To how many requests; `u32::MAX` until cleared.
    pub times: u32,
}

/// The rules on requests.
#[derive(Debug, Default)]
pub struct RequestFaults {
    rules: Vec<(FaultId, RequestRule)>,
}

impl RequestFaults {
    /// Adds a rule that belongs to no fault; the first that hits a request decides. `false` when there are [`RULES_MAX`] already.
    pub fn add(&mut self, rule: RequestRule) -> bool {
        self.add_for(BY_HAND, rule)
    }

    /// Adds a rule of a fault, as [`Self::add`].
    pub fn add_for(&mut self, id: FaultId, rule: RequestRule) -> bool {
        let has_room = self.rules.len() < RULES_MAX && rule.times > 0;
        if has_room {
            self.rules.push((id, rule));
        }
        has_room
    }

    /// Removes all rules.
    pub fn clear(&mut self) {
        self.rules.clear();
    }

    /// Removes the rules of a fault.
    pub fn remove(&mut self, id: FaultId) {
        self.rules.retain(|(of, _)| *of != id);
    }

    /// The effect on this request, counted off its rule. `caller` is the account of a request that needs a key:
    /// `Some(None)` when nobody owns the key.
    pub fn take(
        &mut self,
        method: &str,
        path: &str,
        caller: Option<Option<u16>>,
    ) -> Option<RequestEffect> {
        let index = self
            .rules
            .iter()
            .position(|(_, rule)| rule.hits(method, path, caller))?;
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

impl RequestRule {
    fn hits(&self, method: &str, path: &str, caller: Option<Option<u16>>) -> bool {
        let is_there = |place: &Place| {
            place.method.is_none_or(|wanted| wanted == method) && path.starts_with(&place.path)
        };
        let is_theirs = match self.callers {
            Callers::All => true,
            Callers::Keyed => caller.is_some(),
            Callers::Account(account) => caller == Some(Some(account)),
        };
        is_theirs && (self.places.is_empty() || self.places.iter().any(is_there))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(callers: Callers, times: u32) -> RequestRule {
        RequestRule {
            places: vec![
                Place::new(Some("POST"), "/fapi/v1/order"),
                Place::new(None, "/fapi/v1/batchOrders"),
            ],
            callers,
            effect: RequestEffect::Cut,
            times,
        }
    }

    #[test]
    fn request_rules_are_counted_off() {
        let mut faults = RequestFaults::default();
        assert!(faults.add(rule(Callers::All, 2)));
        let mut take = |method, path| faults.take(method, path, Some(Some(0)));
        assert_eq!(take("GET", "/fapi/v1/order"), None);
        assert_eq!(take("POST", "/fapi/v1/listenKey"), None);
        assert_eq!(take("POST", "/fapi/v1/order"), Some(RequestEffect::Cut));
        assert_eq!(
            take("PUT", "/fapi/v1/batchOrders"),
            Some(RequestEffect::Cut)
        );
        assert_eq!(take("POST", "/fapi/v1/order"), None);
    }

    #[test]
    fn rules_tell_callers_apart() {
        let hit = |callers, caller| {
            let mut faults = RequestFaults::default();
            assert!(faults.add_for(4, rule(callers, u32::MAX)));
            let hit = faults.take("POST", "/fapi/v1/order", caller).is_some();
            faults.remove(4);
            assert_eq!(faults.take("POST", "/fapi/v1/order", caller), None);
            hit
        };
        assert!(hit(Callers::All, None));
        assert!(!hit(Callers::Keyed, None));
        assert!(hit(Callers::Keyed, Some(None)));
        assert!(hit(Callers::Account(1), Some(Some(1))));
        assert!(!hit(Callers::Account(1), Some(Some(2))));
        assert!(!hit(Callers::Account(1), Some(None)));
    }
}
