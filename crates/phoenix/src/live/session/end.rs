//! Owns the last steps of a run: a thread that will not end is not waited for, what is open is asked of the
//! exchange and cancelled from outside where the engine did not, and the journal is closed.

use super::Open;
use crate::binance::contracts::Contract;
use crate::journal::record::Record;
use crate::journal::writer::Writer;
use crate::live::cold::{Desk, Ended, cancel_all, open_orders};
use crate::live::wire::ToHot;
use phoenix_core::event::Outcome;
use phoenix_core::order::Owner;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::mpsc;

/// How long the hot thread may take to end; one that hangs ends with the process.
const JOIN_LIMIT: Duration = Duration::from_secs(3);
/// Rounds of cancelling and asking again: an order may have been on its way.
const ROUNDS_MAX: usize = 3;
/// Pause between two of them.
const PAUSE: Duration = Duration::from_millis(300);

/// Waits until a task panics; for ever if it ends otherwise.
pub(super) async fn panicked(task: &mut tokio::task::JoinHandle<()>) {
    match task.await {
        Err(error) if error.is_panic() => {}
        Ok(()) | Err(_) => std::future::pending().await,
    }
}

/// Tells the hot thread to end at once and waits a while for it.
pub(super) async fn abandon(to_hot: &mpsc::Sender<ToHot>, hot: &JoinHandle<()>) {
    tracing::error!(
        "a panic outside a symbol's logic: the process ends, what is open is cancelled from outside"
    );
    if to_hot.send_timeout(ToHot::Abandon, PAUSE).await.is_err() {
        tracing::warn!("the hot thread is gone or takes no messages");
    }
    is_over(hot).await;
}

async fn is_over(hot: &JoinHandle<()>) -> bool {
    let finished = async {
        while !hot.is_finished() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(JOIN_LIMIT, finished).await.is_ok()
}

/// Waits for the hot thread, but not for one that hangs; an abandoned end was no accident if it did not.
pub(super) async fn join(hot: JoinHandle<()>, ended: Ended) -> Ended {
    if !is_over(&hot).await {
        tracing::error!("the hot thread hangs: it ends with the process");
        if ended == Ended::Abandoned {
            return Ended::HotGone;
        }
    } else if hot.join().is_err() {
        tracing::error!("the hot thread panicked outside a symbol's logic");
    }
    ended
}

/// Asks the exchange what is open; where the engine did not end by itself it cancels first, if only ours would be
/// hit. A dry run asks only.
pub(super) async fn verify(desk: &Desk, ended: Ended, dry_run: bool) -> Vec<(String, Open)> {
    let mut result = Vec::new();
    for contract in desk.contracts.iter() {
        let mut open = ours_open(desk, contract).await;
        for _ in 0..ROUNDS_MAX {
            let must_cancel = matches!(open, Ok((ours, 0)) if ours > 0);
            if ended == Ended::Stopped || dry_run || !must_cancel {
                break;
            }
            let outcome = cancel_all(desk, contract).await;
            if !matches!(outcome, Outcome::Accepted(())) {
                tracing::error!(symbol = %contract.instrument.name, ?outcome, "cancelling everything failed");
            }
            tokio::time::sleep(PAUSE).await;
            open = ours_open(desk, contract).await;
        }
        let said = open.map_or(Open::Unknown, |(ours, _)| Open::Confirmed(ours));
        result.push((contract.instrument.name.clone(), said));
    }
    result
}

/// Numbers of our and of foreign open orders. One transient failure is tried again.
async fn ours_open(desk: &Desk, contract: &Contract) -> Result<(usize, usize), ()> {
    for _ in 0..3 {
        if let Ok(list) = open_orders(desk, contract).await {
            let foreign = list.iter().filter(|o| o.owner == Owner::Foreign).count();
            return Ok((list.len() - foreign, foreign));
        }
        tokio::time::sleep(PAUSE).await;
    }
    Err(())
}

/// Records how the session ended and writes out what waits.
pub(super) fn close_journal(writer: Writer, session: u32, ended: Ended) {
    let exit = match ended {
        Ended::Stopped => "designed",
        Ended::Abandoned => "abandoned",
        Ended::HotGone => "hot thread ended",
        Ended::ColdPanicked => "cold side panicked",
    };
    let at_ms = jiff::Timestamp::now().as_millisecond();
    let end = Record::SessionEnd {
        session,
        at_ms,
        exit: exit.to_owned(),
    };
    if let Err(error) = writer.recorder().record(end) {
        tracing::error!(?error, "the end of the session was not recorded");
    }
    if let Err(unwritten) = writer.close() {
        tracing::error!(?unwritten, "the journal could not be completed");
    }
}
