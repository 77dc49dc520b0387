//! Owns whether the exchange can be reached, as far as any connection of ours knows; knows nothing of what they are
//! for. Shared by all threads: one that gets through tells those that wait in a back-off.
//!
//! A back-off is there for an exchange that does not want us, and grows to 8 s. A network that was away and is back is
//! another thing: the first connection that gets through proves it, and the others need not wait out their steps. So
//! that somebody gets through soon, one small request a second is made while nobody does.

use super::rest::Rest;
use crate::binance::decode::rest::reference;
use crate::binance::encode::rest::Endpoint;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// Pause between two looks while nobody gets through. A request that reaches the exchange costs a weight of 1 of 2400
/// a minute, and the first that does is the last.
const LOOK_EVERY: Duration = Duration::from_millis(750);
/// A look is given up after this: on a network that swallows packets the next one is sooner than a retransmission.
const LOOK_LIMIT: Duration = Duration::from_secs(1);

/// What is known; cheap to clone.
#[derive(Debug, Clone)]
pub struct Reach(Arc<watch::Sender<Known>>);

#[derive(Debug, Clone, Copy, Default)]
struct Known {
    /// Somebody failed, and nobody has got through since.
    is_away: bool,
    /// How often somebody got through when nobody had.
    returns: u64,
}

impl Default for Reach {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(Known::default())))
    }
}

impl Reach {
    /// A connection could not be made, or a request was not answered.
    pub fn on_failed(&self) {
        self.0.send_if_modified(|known| {
            let is_news = !known.is_away;
            known.is_away = true;
            is_news
        });
    }

    /// A connection was made, or a request answered, in whatever way.
    pub fn on_answered(&self) {
        // Nearly always: nothing is written then.
        if !self.0.borrow().is_away {
            return;
        }
        self.0.send_if_modified(|known| {
            let is_news = known.is_away;
            known.returns += u64::from(is_news);
            known.is_away = false;
            is_news
        });
    }

    /// News of the next return, the one from now on. To be taken before [`Self::on_failed`] is called.
    #[must_use]
    pub fn news(&self) -> News {
        let receiver = self.0.subscribe();
        let seen = receiver.borrow().returns;
        News { receiver, seen }
    }
}

/// Tells of one return.
#[derive(Debug, Clone)]
pub struct News {
    receiver: watch::Receiver<Known>,
    seen: u64,
}

impl News {
    /// Waits until somebody gets through; at once if that was since these news were taken, for ever if nobody can tell.
    pub async fn heard(mut self) {
        let seen = self.seen;
        if self.receiver.wait_for(|k| k.returns > seen).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// Looks whether the exchange can be reached while nobody gets through. What the look hears is told by whoever sends it.
pub async fn look(rest: Rest) {
    let mut known = rest.reach().0.subscribe();
    while known.wait_for(|k| k.is_away).await.is_ok() {
        tokio::time::sleep(LOOK_EVERY).await;
        if !known.borrow().is_away {
            continue;
        }
        let time = rest.ask(
            |e, auth, out| e.plain(Endpoint::Time, auth, out),
            reference::time,
        );
        if tokio::time::timeout(LOOK_LIMIT, time).await.is_err() {
            tracing::debug!("the exchange is still out of reach");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn is_heard(news: &News) -> bool {
        tokio::time::timeout(Duration::from_millis(5), news.clone().heard())
            .await
            .is_ok()
    }

    #[tokio::test]
    async fn a_return_is_told_once_to_those_that_waited_for_it() {
        let reach = Reach::default();
        let elsewhere = reach.clone();
        let early = reach.news();
        elsewhere.on_answered();
        assert!(!is_heard(&early).await, "nobody was away");
        reach.on_failed();
        assert!(!is_heard(&early).await);
        elsewhere.on_answered();
        assert!(is_heard(&early).await);
        assert!(!is_heard(&reach.news()).await, "that was before");
    }

    #[tokio::test]
    async fn news_of_nobody_are_never_heard() {
        let news = Reach::default().news();
        assert!(!is_heard(&news).await);
    }
}
