//! Owns the last look at the exchange: what of ours is open after the engine ended, and the cancelling of it.
//! Orders of others are never touched, and what could not be asked is unknown, never zero.

use super::Open;
use crate::binance::contracts::Contract;
use crate::live::clock::OffsetEstimate;
use crate::live::clock_sync;
use crate::live::cold::{Desk, cancel_all, open_orders};
use phoenix_core::event::{OrderReport, Refusal, Why};
use phoenix_core::order::{OrderId, Owner};
use phoenix_core::units::Span;
use std::time::Duration;

/// Rounds of looking and cancelling for each symbol.
const ROUNDS_MAX: u32 = 5;
/// Pause between two rounds: a cancel and its effect on the list of open orders are not one instant.
const PAUSE: Duration = Duration::from_millis(300);
/// A silence that the exchange asks for is waited out up to this.
const SILENCE_MAX: Span = Span::from_secs(10);

/// What may be done about open orders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Means {
    /// Ours are cancelled.
    Cancel,
    /// Only looked at: a dry run changes nothing.
    Look,
}

/// Looks at every symbol, all at once: an exchange that answers slowly must not be waited for once for each.
pub(super) async fn last_look(desk: &Desk, means: Means) -> Vec<(String, Open)> {
    let looks = desk.contracts.iter().map(|contract| async move {
        let open = look(desk, contract, means).await;
        (contract.instrument.name.clone(), open)
    });
    futures_util::future::join_all(looks).await
}

async fn look(desk: &Desk, contract: &Contract, means: Means) -> Open {
    let mut open = Open::Unknown;
    for round in 1..=ROUNDS_MAX {
        match open_orders(desk, contract).await {
            Ok(list) => {
                let ours = ours(&list);
                open = Open::Confirmed(ours.len());
                if ours.is_empty() || means == Means::Look || round == ROUNDS_MAX {
                    return open;
                }
                tracing::error!(symbol = %contract.instrument.name, count = ours.len(), "orders of ours are still open: cancelling them");
                let all_are_ours = ours.len() == list.len();
                cancel(desk, contract, &ours, all_are_ours).await;
            }
            Err(refusal) => {
                open = Open::Unknown;
                if !worth_another(desk, refusal).await {
                    return open;
                }
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
    open
}

fn ours(list: &[OrderReport]) -> Vec<OrderId> {
    let ids = list.iter().filter_map(|order| match order.owner {
        Owner::Ours(id) => Some(id),
        Owner::OtherInstance | Owner::Foreign => None,
    });
    ids.collect()
}

/// One request where nobody else's order would be hit, otherwise one for each. The next look tells the effect.
async fn cancel(desk: &Desk, contract: &Contract, ours: &[OrderId], all_are_ours: bool) {
    if all_are_ours {
        let outcome = cancel_all(desk, contract).await;
        tracing::info!(symbol = %contract.instrument.name, ?outcome, "cancelled everything");
        return;
    }
    for id in ours {
        let read = desk
            .rest
            .ask(
                |e, a, out| e.cancel(contract, &desk.account.ids, *id, a, out),
                |_| Ok(()),
            )
            .await;
        tracing::info!(symbol = %contract.instrument.name, ?id, outcome = ?read.outcome, "cancelled");
    }
}

/// Removes what stands in the way of the next attempt, where that is possible.
async fn worth_another(desk: &Desk, refusal: Option<Refusal>) -> bool {
    let Some(refusal) = refusal else { return true };
    match refusal.why {
        Why::Auth | Why::Account => false,
        Why::Weight if refusal.retry_after > SILENCE_MAX => false,
        Why::Weight => {
            let wait = u64::try_from(refusal.retry_after.raw()).unwrap_or(0);
            tokio::time::sleep(Duration::from_nanos(wait)).await;
            true
        }
        Why::Clock => {
            let measured =
                clock_sync::synchronise(&desk.rest, &mut OffsetEstimate::default()).await;
            measured.is_ok()
        }
        _ => true,
    }
}

#[cfg(test)]
mod tests;
