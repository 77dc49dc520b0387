//! Owns which notices are an incident, and what is gathered around each; knows nothing of files.

use crate::incident::keeper::Keeper;
use crate::incident::{Closing, Incident, Opening, Said};
use crate::live::books::Books;
use crate::live::picture;
use phoenix_core::engine::view::View;
use phoenix_core::notice::Severity;
use phoenix_core::units::{Mono, Span};
use std::collections::{BTreeMap, VecDeque};

/// Notices that are remembered: the last minutes.
const SAID_MAX: usize = 500;
/// How long before an incident its notices begin.
const SAID_BEFORE_MS: i64 = 120_000;
/// When a bundle is completed: what was done about it has had its effect by then.
const COMPLETE_AFTER: Span = Span::from_secs(5);
/// Bundles of one code are at least this far apart.
const EACH_CODE_EVERY: Span = Span::from_secs(60);

/// Incidents of one session.
#[derive(Debug)]
pub(super) struct Incidents {
    keeper: Option<Keeper>,
    session: u32,
    said: VecDeque<Said>,
    /// Begun and not complete.
    open: Vec<(Incident, Mono)>,
    /// The last of each code.
    last: BTreeMap<String, Mono>,
}

impl Incidents {
    pub(super) const fn new(keeper: Option<Keeper>, session: u32) -> Self {
        Self {
            keeper,
            session,
            said: VecDeque::new(),
            open: Vec::new(),
            last: BTreeMap::new(),
        }
    }

    /// Notes what was said. Level 2 and above is an incident: a breaker, a dead stream, a lost desk, a halt.
    pub(super) fn on_notice(
        &mut self,
        said: Said,
        severity: Severity,
        now: Mono,
        view: &View,
        books: &Books,
    ) {
        if self.said.len() >= SAID_MAX {
            self.said.pop_front();
        }
        self.said.push_back(said.clone());
        let Some(keeper) = self
            .keeper
            .as_ref()
            .filter(|_| severity >= Severity::Severe)
        else {
            return;
        };
        let last = self.last.get(&said.code);
        if last.is_some_and(|at| now.since(*at) < EACH_CODE_EVERY) {
            return;
        }
        self.last.insert(said.code.clone(), now);
        let incident = Incident {
            at_ms: said.at_ms,
            code: said.code,
            level: said.level,
            symbol: said.symbol,
            text: said.text,
            session: self.session,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            is_complete: false,
        };
        keeper.open(Opening {
            incident: incident.clone(),
            before: picture::of(view, books),
        });
        self.open.push((incident, now));
    }

    /// Completes what is old enough.
    pub(super) fn on_tick(&mut self, now: Mono, view: &View, books: &Books) {
        let is_due = |at: Mono| now.since(at) >= COMPLETE_AFTER;
        let due: Vec<_> = self.open.extract_if(.., |(_, at)| is_due(*at)).collect();
        for (incident, _) in due {
            self.complete(incident, view, books);
        }
    }

    /// Completes everything and waits for the disk.
    pub(super) fn finish(&mut self, view: &View, books: &Books) {
        for (incident, _) in std::mem::take(&mut self.open) {
            self.complete(incident, view, books);
        }
        if let Some(keeper) = self.keeper.take() {
            keeper.close();
        }
    }

    fn complete(&self, incident: Incident, view: &View, books: &Books) {
        let Some(keeper) = &self.keeper else { return };
        let since = incident.at_ms.saturating_sub(SAID_BEFORE_MS);
        let around = self.said.iter().filter(|said| said.at_ms >= since);
        let notices = around.cloned().collect();
        keeper.complete(Closing {
            incident,
            after: picture::of(view, books),
            notices,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::binance::client_id::ClientIds;
    use crate::binance::contracts::Contracts;
    use crate::incident::keeper::Place;
    use crate::incident::list::list;
    use std::sync::Arc;

    fn said(code: &str, at_ms: i64, severity: Severity) -> Said {
        Said {
            at_ms,
            level: severity as u8,
            code: code.to_owned(),
            symbol: None,
            text: "words".to_owned(),
        }
    }

    #[test]
    fn level_two_and_above_is_kept_once_a_minute_for_each_code() {
        let folder = tempfile::tempdir().expect("a folder");
        let ids = ClientIds::new("test").expect("an instance");
        let contracts = Arc::new(Contracts::default());
        let books = Books::new(contracts, ids, "USDC".to_owned());
        let place = Place {
            folder: folder.path().to_owned(),
            keep_bytes: 1 << 20,
            cutter: None,
        };
        let keeper = Keeper::start(place).expect("a thread");
        let mut incidents = Incidents::new(Some(keeper), 3);
        let view = View::default();
        let at = |second: i64| Mono(0).after(Span::from_secs(second));
        for (second, code, severity) in [
            (0, "book_lost", Severity::Warning),
            (1, "stream_dead", Severity::Severe),
            (2, "halted", Severity::Emergency),
            (3, "stream_dead", Severity::Severe),
            (62, "stream_dead", Severity::Severe),
        ] {
            let said = said(code, second * 1_000, severity);
            incidents.on_notice(said, severity, at(second), &view, &books);
            incidents.on_tick(at(second), &view, &books);
        }
        assert_eq!(incidents.open.len(), 1, "the last one waits for its effect");
        incidents.finish(&view, &books);
        let kept = list(folder.path()).expect("bundles");
        let seen: Vec<_> = kept
            .iter()
            .map(|k| {
                (
                    k.incident.code.as_str(),
                    k.incident.at_ms,
                    k.incident.is_complete,
                )
            })
            .collect();
        assert_eq!(
            seen,
            [
                ("stream_dead", 62_000, true),
                ("halted", 2_000, true),
                ("stream_dead", 1_000, true)
            ]
        );
    }
}
