//! Owns the life of the listen key: fetched for each connection, kept alive on schedule with the answer
//! checked, replaced on any doubt (protocol §3.1). Runs on the cold thread.

use super::rest::Rest;
use super::wire::ToHot;
use crate::binance::decode::rest::account;
use crate::binance::encode::rest::Endpoint;
use crate::net::backoff::Backoff;
use phoenix_core::event::Outcome;
use phoenix_core::units::Mono;
use secrecy::ExposeSecret;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use tokio::sync::mpsc;

/// Two keys are not fetched closer together than this, however often one is asked for.
const SPACING: Duration = Duration::from_secs(1);

/// When the key was last made or renewed, as the exchange confirmed; cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct ConfirmedAt(Arc<AtomicI64>);

impl ConfirmedAt {
    /// `None` before the first key.
    #[must_use]
    pub fn last(&self) -> Option<Mono> {
        let at = self.0.load(Ordering::Relaxed);
        (at > 0).then_some(Mono(at))
    }

    fn note(&self, now: Mono) {
        self.0.store(now.raw().max(1), Ordering::Relaxed);
    }
}

/// Serves listen keys until the engine's thread is gone. A message on `wanted` asks for a fresh connection.
pub async fn keep(
    rest: Rest,
    mut wanted: mpsc::Receiver<()>,
    to_hot: mpsc::Sender<ToHot>,
    confirmed: ConfirmedAt,
) {
    let mut backoff = Backoff::new(0x006b_6579);
    if wanted.recv().await.is_none() {
        return;
    }
    loop {
        while wanted.try_recv().is_ok() {}
        let news = rest.reach().news();
        let Some(key) = start(&rest).await else {
            let delay = backoff.next_delay(rest.tuning().steps());
            // Not waited out when the exchange is in reach again.
            let _ = tokio::time::timeout(delay, news.heard()).await;
            continue;
        };
        backoff.reset();
        confirmed.note(rest.clock().mono());
        if to_hot.send(ToHot::ListenKey(key)).await.is_err() {
            return;
        }
        tokio::time::sleep(SPACING).await;
        if !renew_until_needed(&rest, &mut wanted, &confirmed).await {
            return;
        }
    }
}

async fn start(rest: &Rest) -> Option<String> {
    let read = rest
        .ask(
            |e, auth, out| e.plain(Endpoint::ListenKeyStart, auth, out),
            account::listen_key,
        )
        .await;
    match read.outcome {
        Outcome::Accepted(Some(key)) => Some(key.expose_secret().to_owned()),
        Outcome::Accepted(None) => {
            tracing::warn!("the exchange gave no listen key");
            None
        }
        Outcome::Refused(refusal) => {
            tracing::warn!(why = ?refusal.why, code = refusal.code, "no listen key");
            None
        }
        Outcome::Unknown => None,
    }
}

/// Renews the key on schedule; returns true when a new one is needed, false when nobody wants one any more.
async fn renew_until_needed(
    rest: &Rest,
    wanted: &mut mpsc::Receiver<()>,
    confirmed: &ConfirmedAt,
) -> bool {
    let mut tuning = rest.tuning().clone();
    let mut every = tuning.now().listen_key_keepalive;
    let mut due = Box::pin(tokio::time::sleep(every));
    loop {
        tokio::select! {
            biased; // A wanted key matters more than renewing the old one.
            asked = wanted.recv() => return asked.is_some(),
            () = tuning.changed() => {
                let renewed_at = due.deadline() - every;
                every = tuning.now().listen_key_keepalive;
                due.as_mut().reset(renewed_at + every);
            }
            () = &mut due => {
                let read = rest
                    .ask(|e, auth, out| e.plain(Endpoint::ListenKeyRenew, auth, out), account::listen_key)
                    .await;
                if !matches!(read.outcome, Outcome::Accepted(_)) {
                    tracing::warn!("the listen key was not renewed; fetching another");
                    return true;
                }
                confirmed.note(rest.clock().mono());
                every = tuning.now().listen_key_keepalive;
                due = Box::pin(tokio::time::sleep(every));
            }
        }
    }
}
