//! Owns how a changed shell parameter reaches those that use it, on whatever thread; knows nothing of what they
//! do with it.

use crate::config::params::ShellParams;
use crate::net::backoff::Steps;
use phoenix_core::units::Span;
use tokio::sync::watch;

/// The present shell parameters; cheap to clone, and never waited for.
#[derive(Debug, Clone)]
pub struct Tuning(watch::Receiver<ShellParams>);

/// The end at which parameters are changed, and one at which they are read.
#[must_use]
pub fn channel(params: ShellParams) -> (watch::Sender<ShellParams>, Tuning) {
    let (sender, receiver) = watch::channel(params);
    (sender, Tuning(receiver))
}

impl Tuning {
    /// Parameters that nobody changes.
    #[must_use]
    pub fn fixed(params: ShellParams) -> Self {
        channel(params).1
    }

    /// The parameters now.
    #[must_use]
    pub fn now(&self) -> ShellParams {
        *self.0.borrow()
    }

    /// How long the exchange may take a signed request for valid.
    #[must_use]
    pub fn recv_window(&self) -> Span {
        Span::from_millis(i64::try_from(self.now().recv_window.as_millis()).unwrap_or(i64::MAX))
    }

    /// The back-off of connections.
    #[must_use]
    pub fn steps(&self) -> Steps {
        let params = self.now();
        Steps {
            first: params.reconnect_delay_min,
            longest: params.reconnect_delay_max,
        }
    }

    /// Whether they were changed since this was last asked.
    pub fn poll_changed(&mut self) -> bool {
        let changed = self.0.has_changed().unwrap_or(false);
        if changed {
            self.0.mark_unchanged();
        }
        changed
    }

    /// Waits until they are changed; for ever when nobody can change them any more.
    pub async fn changed(&mut self) {
        if self.0.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[tokio::test]
    async fn a_change_reaches_every_reader_once_and_outlives_whoever_made_it() {
        let (sender, mut first) = channel(ShellParams::default());
        let mut second = first.clone();
        assert!(!first.poll_changed());
        let changed = ShellParams {
            recv_window: Duration::from_millis(1_500),
            ..ShellParams::default()
        };
        assert!(sender.send(changed).is_ok());
        assert_eq!(first.recv_window(), Span::from_millis(1_500));
        assert!(first.poll_changed() && !first.poll_changed());
        second.changed().await;
        drop(sender);
        assert!(!second.poll_changed());
        assert_eq!(second.now(), changed);
        let waited = tokio::time::timeout(Duration::from_millis(5), second.changed()).await;
        assert!(waited.is_err(), "nobody can change them any more");
    }
}
