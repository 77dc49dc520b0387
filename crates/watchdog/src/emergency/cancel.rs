//! Owns the cancelling of open orders until the exchange, asked twice, shows none; orders outside the scope are never touched.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use crate::clock;
use crate::venue::model::Order;
use crate::venue::{CANCEL_BATCH_MAX, Patience, Venue, VenueError};

/// What order ids of every Phoenix start with.
pub const FAMILY: &str = "px-";
/// Times that the exchange must show nothing, one after the other.
const LOOKS: u32 = 2;
/// Pause between two looks: an order on its way and its appearance in the list are not one instant.
const PAUSE: Duration = Duration::from_millis(300);
/// Longest pause between two rounds, while orders stay or new ones keep coming.
const PAUSE_MAX: Duration = Duration::from_secs(2);
/// Attempts of one cancel request; the next round looks again and repeats it.
const CANCEL_ATTEMPTS: u32 = 3;
/// Up to so many symbols are asked one by one; beyond it one question for all is cheaper (protocol §4.4).
const SYMBOLS_ASKED_MAX: usize = 20;

/// Whose an order is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Owner {
    /// This installation of Phoenix.
    Ours,
    /// Another installation of Phoenix.
    OtherInstance,
    /// Anybody else: a person, another program.
    Foreign,
}

/// Which orders are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Those of this installation.
    Ours,
    /// Those of any installation of Phoenix.
    AnyInstance,
    /// All of the account.
    AllOrders,
}

/// Tells orders apart by their client ids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Whose {
    /// What this installation's ids start with, for example `px-a1b2c3-`. Without it no order counts as ours.
    pub prefix: Option<String>,
    /// Which are cancelled.
    pub scope: Scope,
}

impl Whose {
    /// Whose order has this client id.
    #[must_use]
    pub fn owner(&self, client_id: &str) -> Owner {
        let is_ours = |prefix: &String| client_id.starts_with(prefix.as_str());
        if self.prefix.as_ref().is_some_and(is_ours) {
            Owner::Ours
        } else if client_id.starts_with(FAMILY) {
            Owner::OtherInstance
        } else {
            Owner::Foreign
        }
    }

    /// Whether an order with this client id is cancelled.
    #[must_use]
    pub fn includes(&self, client_id: &str) -> bool {
        match (self.scope, self.owner(client_id)) {
            (Scope::AllOrders, _) | (_, Owner::Ours) => true,
            (Scope::AnyInstance, Owner::OtherInstance) => true,
            (Scope::Ours, Owner::OtherInstance)
            | (Scope::Ours | Scope::AnyInstance, Owner::Foreign) => false,
        }
    }
}

/// What became of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// The exchange says that it was cancelled or expired.
    Cancelled,
    /// The exchange says that it was filled.
    Filled,
    /// It is not open any more; whether cancelled or filled was not learnt.
    Gone,
    /// The last look showed it open.
    Open,
    /// There was no look after the attempt: it may be open.
    Unknown,
}

impl Fate {
    /// The word that is printed.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Cancelled => "cancelled",
            Self::Filled => "filled",
            Self::Gone => "gone",
            Self::Open => "OPEN",
            Self::Unknown => "UNKNOWN",
        }
    }
}

/// One order that was in the scope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handled {
    /// As last seen.
    pub order: Order,
    /// Whose it is.
    pub owner: Owner,
    /// What became of it.
    pub fate: Fate,
}

/// What cancelling came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CancelReport {
    /// Every order in the scope that was seen, by symbol and number.
    pub orders: Vec<Handled>,
    /// Orders outside the scope, as the last look showed them: symbol, owner, number of orders.
    pub left_alone: Vec<(String, Owner, usize)>,
    /// Whether the exchange, asked twice after the last cancel, showed nothing in the scope.
    pub is_verified_empty: bool,
    /// How many in the scope are open; `None` when the exchange could not be asked after the last cancel.
    pub open: Option<usize>,
    /// Why it ended before it was verified.
    pub error: Option<VenueError>,
}

/// Cancels what is in the scope, and asks until the exchange shows none of it, or `deadline` passes.
///
/// `symbols` limits it to these; empty means all. Where nobody else's orders rest on a symbol, one request cancels all of it.
/// Fates of orders that left are [`Fate::Gone`] until [`CancelReport::learn_fates`].
pub fn cancel_orders(
    venue: &mut Venue,
    symbols: &[String],
    whose: &Whose,
    deadline: Instant,
) -> CancelReport {
    let patience = Patience::until(deadline);
    let mut round = Round::default();
    let mut empty_looks = 0;
    let mut pause = Duration::ZERO;
    let error = loop {
        let list = match look(venue, symbols, patience) {
            Ok(list) => list,
            Err(error) => {
                round.open = None;
                break Some(error);
            }
        };
        if round.on_look(list, whose) == 0 {
            empty_looks += 1;
            if empty_looks == LOOKS {
                break None;
            }
        } else {
            empty_looks = 0;
            if let Err(error) = cancel_open(venue, &round, whose, patience) {
                round.open = None;
                break Some(error);
            }
        }
        // After the first cancel the next look comes at once; one that changed nothing is not repeated in haste.
        let wait = if empty_looks > 0 { PAUSE } else { pause };
        pause = (pause * 2).clamp(PAUSE, PAUSE_MAX);
        if clock::left(deadline) <= wait {
            let last =
                "the time is over before the exchange, asked twice, showed nothing".to_owned();
            break Some(VenueError::Silent { last });
        }
        clock::sleep_within(wait, deadline);
    };
    round.report(whose, empty_looks == LOOKS, error)
}

/// Open orders of `symbols`, of all when empty.
///
/// # Errors
/// [`VenueError`] when any of them could not be asked: a part of the list is not the list.
pub fn look(
    venue: &mut Venue,
    symbols: &[String],
    patience: Patience,
) -> Result<Vec<Order>, VenueError> {
    if symbols.is_empty() || symbols.len() > SYMBOLS_ASKED_MAX {
        let mut list = venue.open_orders(None, patience)?;
        list.retain(|order| symbols.is_empty() || symbols.contains(&order.symbol));
        return Ok(list);
    }
    let mut list = Vec::new();
    for symbol in symbols {
        list.extend(venue.open_orders(Some(symbol), patience)?);
    }
    Ok(list)
}

/// What the looks have shown so far.
#[derive(Default)]
struct Round {
    seen: BTreeMap<(String, i64), Order>,
    /// The last look's list; `None` when the last one failed.
    open: Option<Vec<Order>>,
}

impl Round {
    /// Takes a list over; how many of it are in the scope.
    fn on_look(&mut self, list: Vec<Order>, whose: &Whose) -> usize {
        let in_scope = list.iter().filter(|o| whose.includes(&o.client_order_id));
        let mut count = 0;
        for order in in_scope {
            count += 1;
            self.seen
                .insert((order.symbol.clone(), order.order_id), order.clone());
        }
        self.open = Some(list);
        count
    }

    fn report(
        self,
        whose: &Whose,
        is_verified_empty: bool,
        error: Option<VenueError>,
    ) -> CancelReport {
        let open: Option<BTreeSet<(String, i64)>> = self.open.as_ref().map(|list| {
            let ids = list.iter().map(|o| (o.symbol.clone(), o.order_id));
            ids.collect()
        });
        let fate = |key: &(String, i64)| match &open {
            None => Fate::Unknown,
            Some(open) if open.contains(key) => Fate::Open,
            Some(_) => Fate::Gone,
        };
        let handled = |(key, order): (&(String, i64), &Order)| Handled {
            order: order.clone(),
            owner: whose.owner(&order.client_order_id),
            fate: fate(key),
        };
        let orders: Vec<Handled> = self.seen.iter().map(handled).collect();
        let mut others: BTreeMap<(String, Owner), usize> = BTreeMap::new();
        let rest = self.open.iter().flatten();
        for order in rest.filter(|o| !whose.includes(&o.client_order_id)) {
            let key = (order.symbol.clone(), whose.owner(&order.client_order_id));
            *others.entry(key).or_default() += 1;
        }
        CancelReport {
            left_alone: others.into_iter().map(|((s, o), n)| (s, o, n)).collect(),
            is_verified_empty,
            open: open.is_some().then(|| {
                let left = orders.iter().filter(|o| o.fate == Fate::Open);
                left.count()
            }),
            orders,
            error,
        }
    }
}

/// Sends the cancels for what the last look showed. An error ends the attempt only where no further request makes sense.
fn cancel_open(
    venue: &mut Venue,
    round: &Round,
    whose: &Whose,
    patience: Patience,
) -> Result<(), VenueError> {
    let patience = patience.with_attempts(CANCEL_ATTEMPTS);
    let mut by_symbol: BTreeMap<&str, (Vec<i64>, usize)> = BTreeMap::new();
    for order in round.open.iter().flatten() {
        let (ids, others) = by_symbol.entry(&order.symbol).or_default();
        if whose.includes(&order.client_order_id) {
            ids.push(order.order_id);
        } else {
            *others += 1;
        }
    }
    for (symbol, (ids, others)) in by_symbol.iter().filter(|(_, (ids, _))| !ids.is_empty()) {
        if *others == 0 {
            go_on(venue.cancel_all(symbol, patience))?;
            continue;
        }
        for batch in ids.chunks(CANCEL_BATCH_MAX) {
            // Each element's own result is told by the next look.
            go_on(venue.cancel_batch(symbol, batch, patience).map(|_| ()))?;
        }
    }
    Ok(())
}

/// What failed for one symbol must not keep the next one from being cancelled; what holds for all ends it.
fn go_on(outcome: Result<(), VenueError>) -> Result<(), VenueError> {
    match outcome {
        Err(error @ (VenueError::Denied { .. } | VenueError::Quiet(_))) => Err(error),
        Ok(()) | Err(VenueError::Refused { .. } | VenueError::Silent { .. }) => Ok(()),
    }
}

impl CancelReport {
    /// Asks how the orders that left the book ended. What cannot be asked stays [`Fate::Gone`].
    pub fn learn_fates(&mut self, venue: &mut Venue, patience: Patience) {
        let mut first: BTreeMap<String, i64> = BTreeMap::new();
        for handled in self.orders.iter().filter(|o| o.fate == Fate::Gone) {
            let id = handled.order.order_id;
            let least = first.entry(handled.order.symbol.clone()).or_insert(id);
            *least = id.min(*least);
        }
        for (symbol, order_id) in first {
            let Ok(list) = venue.orders_since(&symbol, order_id, patience) else {
                continue;
            };
            let known: BTreeMap<i64, Order> = list.into_iter().map(|o| (o.order_id, o)).collect();
            let of_symbol = self.orders.iter_mut().filter(|o| o.order.symbol == symbol);
            for handled in of_symbol.filter(|o| o.fate == Fate::Gone) {
                if let Some(order) = known.get(&handled.order.order_id) {
                    handled.fate = fate_of(order);
                    handled.order = order.clone();
                }
            }
        }
    }

    /// This report and a later one of the same scope as one. What the later one did not see any more is not open, if it could look.
    #[must_use]
    pub fn followed_by(self, later: Self) -> Self {
        let key = |handled: &Handled| (handled.order.symbol.clone(), handled.order.order_id);
        let newer: BTreeSet<(String, i64)> = later.orders.iter().map(key).collect();
        let rest = self.orders.into_iter().filter(|o| !newer.contains(&key(o)));
        let mut orders: Vec<Handled> = rest
            .map(|handled| Handled {
                fate: match (later.open, handled.fate) {
                    (_, Fate::Cancelled | Fate::Filled) => handled.fate,
                    (Some(_), Fate::Gone | Fate::Open | Fate::Unknown) => Fate::Gone,
                    (None, Fate::Gone) => Fate::Gone,
                    (None, Fate::Open | Fate::Unknown) => Fate::Unknown,
                },
                ..handled
            })
            .collect();
        orders.extend(later.orders);
        orders.sort_by_key(key);
        Self { orders, ..later }
    }

    /// How many orders ended like this.
    #[must_use]
    pub fn count(&self, fate: Fate) -> usize {
        self.orders.iter().filter(|o| o.fate == fate).count()
    }
}

fn fate_of(order: &Order) -> Fate {
    match order.status.as_str() {
        "FILLED" => Fate::Filled,
        "CANCELED" | "EXPIRED" | "EXPIRED_IN_MATCH" => Fate::Cancelled,
        // The list of all orders may lag behind the list of open ones, which was asked twice.
        _ => Fate::Gone,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decimal::E8;

    #[test]
    fn orders_are_told_apart_by_their_client_ids() {
        let whose = |scope| Whose {
            prefix: Some("px-a1-".into()),
            scope,
        };
        for (id, owner, any_instance) in [
            ("px-a1-7-42", Owner::Ours, true),
            ("px-a2-7-42", Owner::OtherInstance, true),
            ("px-a11-7-42", Owner::OtherInstance, true),
            ("web_abc", Owner::Foreign, false),
            ("", Owner::Foreign, false),
        ] {
            assert_eq!(whose(Scope::Ours).owner(id), owner, "{id}");
            assert_eq!(whose(Scope::Ours).includes(id), owner == Owner::Ours);
            assert_eq!(whose(Scope::AnyInstance).includes(id), any_instance);
            assert!(whose(Scope::AllOrders).includes(id));
        }
        let nameless = Whose {
            prefix: None,
            scope: Scope::Ours,
        };
        assert!(!nameless.includes("px-a1-7-42"), "nobody's orders are ours");
    }

    fn order(symbol: &str, order_id: i64, client_order_id: &str) -> Order {
        Order {
            order_id,
            client_order_id: client_order_id.into(),
            symbol: symbol.into(),
            side: crate::venue::model::Side::Buy,
            status: "NEW".into(),
            price: E8::ZERO,
            orig_qty: E8::ZERO,
            executed_qty: E8::ZERO,
            reduce_only: false,
        }
    }

    #[test]
    fn an_order_is_never_gone_unless_a_look_says_so() {
        let whose = Whose {
            prefix: Some("px-a1-".into()),
            scope: Scope::Ours,
        };
        let both = vec![order("A", 1, "px-a1-0-1"), order("A", 2, "px-a1-0-2")];
        let mut round = Round::default();
        assert_eq!(round.on_look(both, &whose), 2);
        let rest = vec![
            order("A", 2, "px-a1-0-2"),
            order("A", 3, "web"),
            order("A", 4, "px-b-0-0"),
        ];
        assert_eq!(round.on_look(rest, &whose), 1);
        let fates =
            |report: &CancelReport| -> Vec<Fate> { report.orders.iter().map(|o| o.fate).collect() };
        let seen = Round {
            seen: round.seen.clone(),
            open: None,
        };
        let report = round.report(&whose, false, None);
        assert_eq!(fates(&report), [Fate::Gone, Fate::Open]);
        assert_eq!(report.open, Some(1));
        let left = [
            ("A".to_owned(), Owner::OtherInstance, 1),
            ("A".to_owned(), Owner::Foreign, 1),
        ];
        assert_eq!(report.left_alone, left);
        let blind = seen.report(&whose, false, None);
        assert_eq!(fates(&blind), [Fate::Unknown, Fate::Unknown]);
        assert_eq!(blind.open, None, "unknown is never zero");

        let after = report.clone().followed_by(blind.clone());
        assert_eq!(fates(&after), [Fate::Unknown, Fate::Unknown]);
        let mut later = Round::default();
        later.on_look(vec![order("A", 9, "px-a1-0-9")], &whose);
        let after = blind.followed_by(later.report(&whose, false, None));
        assert_eq!(fates(&after), [Fate::Gone, Fate::Gone, Fate::Open]);
        assert_eq!(after.open, Some(1));
    }
}
