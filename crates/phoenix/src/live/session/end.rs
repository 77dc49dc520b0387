//! Owns the last steps of a run: a thread that will not end is not waited for, and the journal is closed.

use crate::flight::writer::Flight;
use crate::journal::record::Record;
use crate::journal::writer::Writer;
use crate::live::cold::Ended;
use crate::live::wire::ToHot;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::mpsc;

/// How long the hot thread may take to end; one that hangs ends with the process.
const JOIN_LIMIT: Duration = Duration::from_secs(3);
/// How long a message to it may wait.
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

/// Completes incidents and flight record, in this order: a bundle takes what the record has. The hot thread is over by then.
pub(super) async fn complete_record(
    last_work: impl FnOnce() + Send + 'static,
    flight: Option<Flight>,
) {
    let completed = tokio::task::spawn_blocking(move || {
        last_work();
        if let Some(flight) = flight {
            flight.close();
        }
    });
    if completed.await.is_err() {
        tracing::warn!("a panic while the flight record was completed");
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_hot_thread_that_hangs_does_not_keep_the_process() {
        let (release, hold) = std::sync::mpsc::channel::<()>();
        let hot = std::thread::spawn(move || {
            let _ = hold.recv();
        });
        let left = tokio::time::timeout(JOIN_LIMIT * 3, join(hot, Ended::Abandoned)).await;
        assert_eq!(left, Ok(Ended::HotGone));
        drop(release);
    }
}
