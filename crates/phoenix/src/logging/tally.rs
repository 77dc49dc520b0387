//! Counts errors and panics that are logged, for health; does not know what they say.

use std::sync::atomic::{AtomicU64, Ordering};

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer};

static ERRORS: AtomicU64 = AtomicU64::new(0);
static PANICS: AtomicU64 = AtomicU64::new(0);

/// What was logged since the process began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    /// Lines of level ERROR, those of panics among them.
    pub errors: u64,
    /// Panics.
    pub panics: u64,
}

/// The counts now.
#[must_use]
pub fn totals() -> Totals {
    Totals {
        errors: ERRORS.load(Ordering::Relaxed),
        panics: PANICS.load(Ordering::Relaxed),
    }
}

/// Sees every event that is logged.
pub(super) struct Tally;

impl<S: Subscriber> Layer<S> for Tally {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if *event.metadata().level() != Level::ERROR {
            return;
        }
        ERRORS.fetch_add(1, Ordering::Relaxed);
        let mut code = Code::default();
        event.record(&mut code);
        if code.is_panic {
            PANICS.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Looks for the code that the panic hook gives its line.
#[derive(Default)]
struct Code {
    is_panic: bool,
}

impl Visit for Code {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.is_panic |= field.name() == "code" && value == "panic";
    }

    fn record_debug(&mut self, _: &Field, _: &dyn std::fmt::Debug) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracing_subscriber::layer::SubscriberExt;

    #[test]
    fn errors_are_counted_and_panics_among_them() {
        let subscriber = tracing_subscriber::Registry::default().with(Tally);
        let before = totals();
        tracing::subscriber::with_default(subscriber, || {
            tracing::warn!(code = "panic", "no error");
            tracing::error!(code = "stream_dead", "an error");
            tracing::error!(code = "panic", "a panic");
        });
        // Other tests of the process may log meanwhile.
        assert!(totals().errors >= before.errors + 2);
        assert!(totals().panics > before.panics);
    }
}
