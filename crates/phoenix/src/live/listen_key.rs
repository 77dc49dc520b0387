//! Owns the life of the listen key: fetched for each connection, kept alive every 30 minutes with the answer
//! checked, replaced on any doubt (protocol §3.1). Runs on the cold thread.

use super::rest::Rest;
use super::wire::ToHot;
use crate::binance::decode::rest::account;
use crate::binance::encode::rest::Endpoint;
use crate::net::backoff::Backoff;
use phoenix_core::event::Outcome;
use secrecy::ExposeSecret;
use std::time::Duration;
use tokio::sync::mpsc;

/// The key is renewed this often; it lives for 60 minutes.
pub const RENEW_EVERY: Duration = Duration::from_secs(30 * 60);
/// Two keys are not fetched closer together than this, however often one is asked for.
const SPACING: Duration = Duration::from_secs(1);

/// Serves listen keys until the engine's thread is gone. A message on `wanted` asks for a fresh connection.
pub async fn keep(rest: Rest, mut wanted: mpsc::Receiver<()>, to_hot: mpsc::Sender<ToHot>) {
    let mut backoff = Backoff::new(0x006b_6579);
    if wanted.recv().await.is_none() {
        return;
    }
    loop {
        while wanted.try_recv().is_ok() {}
        let Some(key) = start(&rest).await else {
            tokio::time::sleep(backoff.next_delay()).await;
            continue;
        };
        backoff.reset();
        if to_hot.send(ToHot::ListenKey(key)).await.is_err() {
            return;
        }
        tokio::time::sleep(SPACING).await;
        if !renew_until_needed(&rest, &mut wanted).await {
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
async fn renew_until_needed(rest: &Rest, wanted: &mut mpsc::Receiver<()>) -> bool {
    loop {
        tokio::select! {
            biased; // A wanted key matters more than renewing the old one.
            asked = wanted.recv() => return asked.is_some(),
            () = tokio::time::sleep(RENEW_EVERY) => {
                let read = rest
                    .ask(|e, auth, out| e.plain(Endpoint::ListenKeyRenew, auth, out), account::listen_key)
                    .await;
                if !matches!(read.outcome, Outcome::Accepted(_)) {
                    tracing::warn!("the listen key was not renewed; fetching another");
                    return true;
                }
            }
        }
    }
}
