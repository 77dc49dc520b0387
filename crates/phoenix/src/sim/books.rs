//! Owns the simulated disk: which journal records have become durable by the time the process dies, and the books that the real
//! journal makes of them for the next session.

use crate::binance::client_id::ClientIds;
use crate::binance::contracts::Contracts;
use crate::journal::Journal;
use crate::journal::record::Record;
use crate::live::books::{Books, resume};
use crate::live::cold::past;
use crate::live::wire::{OwnedReply, ToCold};
use phoenix_core::action::Action;
use phoenix_core::engine::view::View;
use phoenix_core::event::{Event, Resume};
use phoenix_core::instrument::{Instrument, SymbolId};
use phoenix_core::units::{Lots, Mono, Now, Quote, Span};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// The writer gathers and syncs what comes within this.
const SYNC: Span = Span::from_millis(20);

/// What is written, and what of it would survive.
pub struct Disk {
    books: Books,
    contracts: Arc<Contracts>,
    asset: String,
    journal: Journal,
    /// Not yet durable.
    waiting: VecDeque<(Mono, Record)>,
    slow: Span,
    positions: BTreeMap<SymbolId, (Lots, Quote)>,
}

impl Disk {
    /// An empty journal for these contracts.
    ///
    /// # Panics
    /// When SQLite cannot open a database in memory.
    #[must_use]
    pub fn new(symbols: &[(SymbolId, Instrument)], ids: ClientIds, asset: &str) -> Self {
        let mut contracts = Contracts::default();
        for (id, instrument) in symbols {
            contracts
                .add(*id, instrument.clone())
                .expect("presets have a usable grid");
        }
        let contracts = Arc::new(contracts);
        Self {
            books: Books::new(Arc::clone(&contracts), ids, asset.to_owned()),
            contracts,
            asset: asset.to_owned(),
            journal: Journal::in_memory().expect("SQLite opens a database in memory"),
            waiting: VecDeque::new(),
            slow: Span::ZERO,
            positions: BTreeMap::new(),
        }
    }

    /// What is written becomes durable this much later than usual.
    pub fn on_slow(&mut self, by: Span) {
        self.slow = by;
    }

    /// Symbols that are traded from now on.
    pub fn begin(&mut self, now: Now) {
        let names: Vec<String> = self
            .contracts
            .iter()
            .map(|c| c.instrument.name.clone())
            .collect();
        self.journal
            .begin_symbols(names.iter().map(String::as_str), now.wall.as_millis())
            .expect("a database in memory takes rows");
    }

    fn write(&mut self, records: impl IntoIterator<Item = Record>, now: Mono) {
        let durable_at = now.after(SYNC).after(self.slow);
        // One writer, in order: nothing becomes durable before what was written before it.
        let after = self.waiting.back().map_or(durable_at, |(at, _)| *at);
        let at = durable_at.max(after);
        self.waiting.extend(records.into_iter().map(|r| (at, r)));
    }

    /// A user event, as the hot thread tells the cold one of it.
    pub fn on_account(&mut self, event: &Event<'_>, now: Now) {
        let records: Vec<Record> = match ToCold::of_account(event, now) {
            Some(ToCold::Updated(update, now)) if update.fill.is_some() => {
                let records = self.books.updated(&update, now);
                records.filter(|r| matches!(r, Record::Fill(_))).collect()
            }
            Some(ToCold::Funding(payment)) => self.books.funded(&payment).into_iter().collect(),
            Some(_) | None => return,
        };
        self.write(records, now.mono);
    }

    /// The answer to a request for the past, as the cold thread tells it.
    pub fn on_reply(&mut self, action: &Action, reply: &OwnedReply, now: Mono) {
        let records = past::records(&self.books, action, reply);
        self.write(records, now);
    }

    /// The engine as the cold thread sees it.
    pub fn on_view(&mut self, view: &View) {
        for symbol in &view.symbols {
            let held = (symbol.position, symbol.cost);
            if self.positions.insert(symbol.symbol, held) != Some(held)
                && let Some(record) = self.books.position(symbol, view.now.wall)
            {
                self.write([record], view.now.mono);
            }
        }
    }

    /// The process dies: what is not durable by now is lost.
    pub fn on_crash(&mut self, now: Mono) {
        let mut batch = Vec::new();
        while let Some((_, record)) = self.waiting.pop_front_if(|(at, _)| *at <= now) {
            batch.push(record);
        }
        self.waiting.clear();
        self.positions.clear();
        self.journal
            .write(&batch)
            .expect("a database in memory takes rows");
    }

    /// The books that the next session begins with.
    #[must_use]
    pub fn resume(&self, symbol: SymbolId) -> Resume {
        let state = self.journal.restart_state().expect("it can be read");
        let Some(contract) = self.contracts.by_id(symbol) else {
            return Resume::default();
        };
        let known = state.symbols.get(&contract.instrument.name);
        known.map_or_else(Resume::default, |known| {
            resume(known, &contract.instrument, &self.asset)
        })
    }
}
