//! Owns the cold side's look at what runs beside it: journal, watchdog and flight record, each told of once when it fails.

use super::Cold;
use crate::flight::recorder::EndedEarly;
use crate::heartbeat::Watched;
use crate::journal::record::{Notice as NoticeRecord, Record};
use crate::journal::writer::Recorder;
use phoenix_core::notice::Severity;

impl Cold {
    /// A journal that cannot write says so here once, and once when it can again: its queues hide it for hours.
    pub(super) fn watch_journal(&mut self) {
        let Some(status) = self.recorder.as_ref().map(Recorder::status) else {
            return;
        };
        if status.error == self.journal_error {
            return;
        }
        match &status.error {
            Some(why) => {
                tracing::error!(code = "journal_failed", %why, waiting = status.waiting, "the journal cannot be written: make room on the disk; records wait in memory");
                self.codes.insert("journal_failed");
                self.keep_alert(format!("-: the journal cannot be written: {why}"));
            }
            None => tracing::warn!("the journal is written again"),
        }
        self.journal_error = status.error;
    }

    /// The engine trades on without its watchdog: the exchange's dead-man switch stands behind it still.
    pub(super) fn watch_watchdog(&mut self) {
        let was = std::mem::replace(&mut self.watched, self.pulse.watched());
        if was == Watched::Gone || self.watched != Watched::Gone {
            return;
        }
        const TEXT: &str = "the watchdog is gone: trading goes on under the exchange's dead-man switch alone; restart both when you can";
        tracing::error!(code = "watchdog_gone", "{TEXT}");
        self.on_alert("watchdog_gone", TEXT);
        self.record_alert(Severity::Severe, "watchdog_gone", TEXT);
    }

    /// A flight record that ends before the session does is told once; nothing else depends on it.
    pub(super) fn watch_flight(&mut self) {
        let Some(status) = self.flight.take_if(|status| status.ended_early().is_some()) else {
            return;
        };
        let text = match status.ended_early() {
            Some(EndedEarly::Full) => {
                const TEXT: &str = "the flight record has reached flight_keep_mb and ends here: what follows cannot be replayed";
                tracing::warn!(code = "flight_full", "{TEXT}");
                ("flight_full", TEXT.to_owned())
            }
            Some(EndedEarly::Failed) => {
                const TEXT: &str = "the flight record cannot be written and ends here: what follows cannot be replayed";
                tracing::warn!(code = "flight_failed", "{TEXT}");
                ("flight_failed", TEXT.to_owned())
            }
            Some(EndedEarly::Behind(missed)) => {
                let text = format!(
                    "the disk is too slow for the flight record, which ends here: {missed} events so far are not in it"
                );
                tracing::warn!(code = "flight_behind", missed, "{text}");
                ("flight_behind", text)
            }
            None => return,
        };
        self.on_alert(text.0, &text.1);
        self.record_alert(Severity::Warning, text.0, &text.1);
    }

    fn record_alert(&mut self, severity: Severity, code: &str, text: &str) {
        self.record(Record::Notice(NoticeRecord {
            at_ms: self.view.now.wall.as_millis(),
            level: severity as u8,
            code: code.to_owned(),
            symbol: None,
            text: text.to_owned(),
        }));
    }
}
