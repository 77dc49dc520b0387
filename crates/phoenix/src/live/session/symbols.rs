//! Owns which symbols this session trades and traded: under which id, on which contract, with which books one comes
//! back. Judges a changed configuration as a whole; asks nobody and tells nobody.

use super::boot::{engine_params, wanted};
use crate::binance::contracts::Contracts;
use crate::binance::decode::rest::reference::{ExchangeInfo, Listed};
use crate::config::check::check_filters;
use crate::config::diff::symbol_changes;
use crate::config::params::filters_of;
use crate::config::{Config, Issue, SymbolConfig};
use crate::journal::query::SymbolState;
use crate::live::books::{continued, resume};
use crate::live::wire::OwnedConfig;
use phoenix_core::engine::SYMBOLS_MAX;
use phoenix_core::engine::view::SymbolView;
use phoenix_core::event::{ContractStatus, Resume};
use phoenix_core::instrument::{Instrument, SymbolId};
use std::collections::{BTreeMap, BTreeSet};

/// The symbols of a session.
#[derive(Debug)]
pub(super) struct Symbols {
    /// The configuration in force.
    config: Config,
    /// Every symbol of this session, the removed ones too: an id belongs to one name as long as it lasts.
    contracts: Contracts,
    margin_asset: String,
    /// What the journal knew when the session began.
    journal: BTreeMap<String, SymbolState>,
    /// Removed, and perhaps something of it is open.
    leaving: BTreeSet<SymbolId>,
    /// Removed, and nothing of it is open: as it ended.
    ended: BTreeMap<SymbolId, SymbolView>,
}

/// A change that can be applied.
#[derive(Debug)]
pub(super) struct Plan {
    /// What the engine is to be told, in this order.
    pub(super) events: Vec<OwnedConfig>,
    /// Contracts of the symbols that it adds.
    pub(super) added: Contracts,
    config: Config,
    contracts: Contracts,
}

impl Symbols {
    /// Those with which the session begins.
    pub(super) const fn new(
        config: Config,
        contracts: Contracts,
        margin_asset: String,
        journal: BTreeMap<String, SymbolState>,
    ) -> Self {
        Self {
            config,
            contracts,
            margin_asset,
            journal,
            leaving: BTreeSet::new(),
            ended: BTreeMap::new(),
        }
    }

    /// Names that `config` has and the configuration in force has not.
    pub(super) fn added<'a>(&'a self, config: &'a Config) -> Vec<&'a str> {
        symbol_changes(&self.config, config).0
    }

    /// The first of them that still leaves: it can only come back when nothing of it is open.
    pub(super) fn first_leaving<'a>(&'a self, config: &'a Config) -> Option<&'a str> {
        self.added(config).into_iter().find(|name| {
            let contract = self.contracts.by_name(name.as_bytes());
            contract.is_some_and(|c| self.leaving.contains(&c.id))
        })
    }

    /// The exchange confirmed that nothing of a removed symbol is open.
    pub(super) fn on_ended(&mut self, symbol: SymbolView) {
        self.leaving.remove(&symbol.symbol);
        self.ended.insert(symbol.symbol, symbol);
    }

    /// Judges `config`; `info` describes the symbols that it adds.
    ///
    /// # Errors
    /// Everything that speaks against it: nothing of it may be applied then.
    pub(super) fn plan(&self, config: &Config, info: &ExchangeInfo) -> Result<Plan, Vec<Issue>> {
        let mut events = self.removals(config);
        let mut errors = Vec::new();
        match self.changes(config) {
            Ok(changes) => events.extend(changes),
            Err(found) => errors.extend(found),
        }
        let (mut contracts, mut added) = (self.contracts.clone(), Contracts::default());
        let names = self.added(config);
        match wanted(config, info, |name| names.contains(&name)) {
            Ok(listed) => {
                for (symbol, listed) in listed {
                    match self.addition(config, symbol, listed, &mut contracts, &mut added) {
                        Ok(event) => events.push(event),
                        Err(issue) => errors.push(issue),
                    }
                }
            }
            Err(found) => errors.extend(found),
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        Ok(Plan {
            events,
            added,
            config: config.clone(),
            contracts,
        })
    }

    /// The plan is being carried out.
    pub(super) fn adopt(&mut self, plan: Plan) {
        for event in &plan.events {
            match event {
                OwnedConfig::Remove(id) => self.leaving.insert(*id),
                OwnedConfig::Add(id, ..) => self.ended.remove(id).is_some(),
                OwnedConfig::Change(..) => false,
            };
        }
        (self.config, self.contracts) = (plan.config, plan.contracts);
    }

    fn removals(&self, config: &Config) -> Vec<OwnedConfig> {
        let (_, removed) = symbol_changes(&self.config, config);
        let contracts = removed
            .iter()
            .filter_map(|name| self.contracts.by_name(name.as_bytes()));
        contracts.map(|c| OwnedConfig::Remove(c.id)).collect()
    }

    /// Parameters of the symbols that stay, where they differ.
    fn changes(&self, config: &Config) -> Result<Vec<OwnedConfig>, Vec<Issue>> {
        let (mut events, mut errors) = (Vec::new(), Vec::new());
        for symbol in &config.symbols {
            let Some(before) = self.config.symbol(&symbol.symbol) else {
                continue;
            };
            let Some(contract) = self.contracts.by_name(symbol.symbol.as_bytes()) else {
                continue;
            };
            let instrument = &contract.instrument;
            errors.extend(check_filters(config, symbol, &filters_of(instrument), None).errors);
            match engine_params(config, symbol, instrument) {
                Ok(params) => {
                    if engine_params(&self.config, before, instrument) != Ok(params) {
                        events.push(OwnedConfig::Change(contract.id, Box::new(params)));
                    }
                }
                Err(issue) => errors.push(issue),
            }
        }
        if errors.is_empty() {
            Ok(events)
        } else {
            Err(errors)
        }
    }

    fn addition(
        &self,
        config: &Config,
        symbol: &SymbolConfig,
        listed: &Listed,
        contracts: &mut Contracts,
        added: &mut Contracts,
    ) -> Result<OwnedConfig, Issue> {
        let name = symbol.symbol.as_str();
        let refuse = |why: String| config.issue(&format!("symbols.{name}.symbol"), why);
        if listed.status != ContractStatus::Trading {
            return Err(refuse(
                "the contract is not trading now; save the file again when it is".to_owned(),
            ));
        }
        if listed.margin_asset != self.margin_asset {
            return Err(refuse(format!(
                "is margined in {}, this instance trades in {}; run one instance for each margin asset",
                listed.margin_asset, self.margin_asset
            )));
        }
        let id = id_of(contracts, name).ok_or_else(|| {
            refuse(format!(
                "one session trades at most {SYMBOLS_MAX} different symbols; restart to begin a new one"
            ))
        })?;
        let instrument = &listed.instrument;
        let params = engine_params(config, symbol, instrument)?;
        let books = self.books(id, instrument);
        for known in [contracts, added] {
            known
                .add(id, instrument.clone())
                .map_err(|error| refuse(error.to_string()))?;
        }
        Ok(OwnedConfig::Add(
            id,
            Box::new(instrument.clone()),
            Box::new(params),
            books,
        ))
    }

    /// As it ended in this session, or as earlier ones left it.
    fn books(&self, id: SymbolId, instrument: &Instrument) -> Resume {
        let before = self.contracts.by_id(id);
        if let (Some(ended), Some(before)) = (self.ended.get(&id), before) {
            return continued(ended, &before.instrument, instrument);
        }
        let state = self.journal.get(&instrument.name);
        state.map_or_else(Resume::default, |s| {
            resume(s, instrument, &self.margin_asset)
        })
    }
}

/// The id that a name has in this session, or the next one; `None` when all are given away.
fn id_of(contracts: &Contracts, name: &str) -> Option<SymbolId> {
    if let Some(known) = contracts.by_name(name.as_bytes()) {
        return Some(known.id);
    }
    let next = contracts.iter().map(|c| c.id.0 + 1).max().unwrap_or(0);
    (usize::from(next) < SYMBOLS_MAX).then_some(SymbolId(next))
}
