//! Owns the measuring of the exchange's clock; runs on the cold thread.

use super::clock::{Clock, OffsetEstimate, Sample};
use super::rest::Rest;
use crate::binance::decode::rest::reference;
use crate::binance::encode::rest::Endpoint;
use phoenix_core::event::{Outcome, Why};
use std::time::Duration;
use tokio::sync::mpsc;

/// Pause between two measurements.
pub const MEASURE_EVERY: Duration = Duration::from_secs(30);
/// Measurements at the start and after a refusal for the clock.
const BURST: usize = 3;
/// Refusals closer together than this lead to one new measurement: never a loop of failures.
const SPACING: Duration = Duration::from_secs(1);

/// Measures once; the error says for people what came instead of a useful answer.
async fn sample(rest: &Rest) -> Result<Sample, String> {
    let clock = rest.clock();
    let offset = clock.offset_ns();
    let machine = |clock: &Clock| clock.wall().raw() - offset;
    let sent_ns = machine(clock);
    let read = rest
        .ask(
            |e, auth, out| e.plain(Endpoint::Time, auth, out),
            reference::time,
        )
        .await;
    let received_ns = machine(clock);
    match read.outcome {
        Outcome::Accepted(server) => Ok(Sample {
            sent_ns,
            received_ns,
            server_ns: server.raw(),
        }),
        Outcome::Refused(refusal) if refusal.why == Why::NotSent => {
            Err("no connection; check the address and the network".to_owned())
        }
        Outcome::Refused(refusal) if refusal.code == 0 || refusal.code == 200 => {
            Err("no answer to be understood; is this a Binance futures address?".to_owned())
        }
        Outcome::Refused(refusal) => Err(format!(
            "answers {:?} ({}); is this a Binance futures address?",
            refusal.why, refusal.code
        )),
        Outcome::Unknown => Err("no answer in time".to_owned()),
    }
}

/// Measures a few times and corrects the clock.
///
/// # Errors
/// What came instead of a useful answer, when none was useful.
pub async fn synchronise(rest: &Rest, estimate: &mut OffsetEstimate) -> Result<(), String> {
    let mut why = "every round trip took too long".to_owned();
    for _ in 0..BURST {
        match sample(rest).await {
            Ok(sample) => {
                if let Some(offset) = estimate.on_sample(sample) {
                    rest.clock().correct(offset);
                }
            }
            Err(error) => why = error,
        }
    }
    estimate.estimate_ns().map(|_| ()).ok_or(why)
}

/// Keeps the clock corrected; a message on `refused` says that the exchange refused a timestamp.
pub async fn keep(rest: Rest, mut estimate: OffsetEstimate, mut refused: mpsc::Receiver<()>) {
    loop {
        tokio::select! {
            biased; // A refused timestamp means that orders fail now.
            asked = refused.recv() => {
                if asked.is_none() {
                    return;
                }
                while refused.try_recv().is_ok() {}
                let before = rest.clock().offset_ns();
                estimate.restart();
                if let Err(why) = synchronise(&rest, &mut estimate).await {
                    tracing::warn!(%why, "the exchange's clock could not be read");
                }
                let after = rest.clock().offset_ns();
                tracing::warn!(change_ms = (after - before) / 1_000_000, "clock resynchronised after a refusal");
                tokio::time::sleep(SPACING).await;
            }
            () = tokio::time::sleep(MEASURE_EVERY) => {
                if let Ok(sample) = sample(&rest).await
                    && let Some(offset) = estimate.on_sample(sample)
                {
                    rest.clock().correct(offset);
                }
            }
        }
    }
}
