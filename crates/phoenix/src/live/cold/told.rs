//! Owns what becomes of a notice on the cold side: a log line, an alert, a row of the journal, a halt that stands, an
//! incident.

use super::Cold;
use crate::incident::Said;
use crate::journal::record::{Halt, Notice as NoticeRecord, Record};
use crate::live::notices::words;
use phoenix_core::notice::{HaltReason, Notice, Severity, What};
use phoenix_core::units::Now;

impl Cold {
    pub(super) fn on_notice(&mut self, notice: &Notice, now: Now) {
        let instrument = notice.symbol.and_then(|s| self.books.instrument(s));
        let symbol = instrument.map(|i| i.name.clone());
        let words = words(notice, instrument);
        let name = symbol.as_deref().unwrap_or("-");
        self.codes.insert(words.code);
        match words.severity {
            Severity::Info => tracing::info!(symbol = name, code = words.code, "{}", words.text),
            Severity::Warning => tracing::warn!(symbol = name, code = words.code, "{}", words.text),
            Severity::Severe | Severity::Emergency => {
                tracing::error!(symbol = name, code = words.code, "{}", words.text);
            }
        }
        if words.severity > Severity::Info {
            self.keep_alert(format!("{name}: {}", words.text));
        }
        if matches!(notice.what, What::ClockDoubted(_)) {
            // A full channel already asks for what this asks for.
            let _ = self.clock_refused.try_send(());
        }
        self.record_halt(notice, symbol.as_deref(), now);
        let said = Said {
            at_ms: now.wall.as_millis(),
            level: words.severity as u8,
            code: words.code.to_owned(),
            symbol: symbol.clone(),
            text: words.text.clone(),
        };
        self.incidents
            .on_notice(said, words.severity, now.mono, &self.view, &self.books);
        self.record(Record::Notice(NoticeRecord {
            at_ms: now.wall.as_millis(),
            level: words.severity as u8,
            code: words.code.to_owned(),
            symbol,
            text: words.text,
        }));
    }

    /// A halt that needs a person stands through restarts until it is cleared.
    fn record_halt(&mut self, notice: &Notice, symbol: Option<&str>, now: Now) {
        let (scope, at_ms) = (symbol.unwrap_or("*").to_owned(), now.wall.as_millis());
        match notice.what {
            What::Halted(HaltReason::Stopping | HaltReason::Paused, _)
            | What::Halted(_, Some(_)) => {}
            What::Halted(reason, None) => self.record(Record::Halt(Halt {
                scope,
                reason: format!("{reason:?}"),
                since_ms: at_ms,
                until_ms: None,
            })),
            What::Resumed => self.record(Record::HaltCleared {
                scope,
                at_ms,
                by: "resume".to_owned(),
            }),
            _ => {}
        }
    }
}
