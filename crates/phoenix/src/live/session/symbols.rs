//! Owns which symbols this session trades and traded: under which id, on which contract, with which books one comes
//! back. Judges a changed configuration as a whole; asks nobody and tells nobody.

use super::boot::{account_of, engine_params, wanted};
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
use phoenix_core::event::Resume;
use phoenix_core::instrument::{Instrument, SymbolId};
use phoenix_core::params::ExchangeLimits;
use std::collections::{BTreeMap, BTreeSet};

/// The symbols of a session.
#[derive(Debug)]
pub(super) struct Symbols {
    /// The configuration in force.
    config: Config,
    /// Every symbol of this session, the removed ones too: an id belongs to one name as long as it lasts.
    contracts: Contracts,
    margin_asset: String,
    limits: ExchangeLimits,
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
        limits: ExchangeLimits,
        journal: BTreeMap<String, SymbolState>,
    ) -> Self {
        Self {
            config,
            contracts,
            margin_asset,
            limits,
            journal,
            leaving: BTreeSet::new(),
            ended: BTreeMap::new(),
        }
    }

    /// The configuration in force.
    pub(super) const fn config(&self) -> &Config {
        &self.config
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
        match account_of(config, self.limits) {
            Ok(account) if account_of(&self.config, self.limits) != Ok(account) => {
                events.push(OwnedConfig::Account(account));
            }
            Ok(_) => {}
            Err(issue) => errors.push(issue),
        }
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
                OwnedConfig::Change(..) | OwnedConfig::Account(_) => false,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::binance::decode::rest::reference::Unusable;
    use crate::journal::record::Position;
    use phoenix_core::engine::Engine;
    use phoenix_core::event::{Config as CoreConfig, ContractStatus, Event, TradesFrom};
    use phoenix_core::instrument::ethusdc;
    use phoenix_core::params::AccountParams;
    use phoenix_core::units::{FundingHour, Lots, Now, Quote};

    const HEAD: &str = "global:\n  total_notional_max: 1000000\nsymbols:\n";

    fn file(symbols: &[(&str, &str)]) -> Config {
        let entry = |(name, size): &(&str, &str)| {
            format!(
                "  - symbol: {name}\n    net_max: 2.0\n    unified_layer_size: {size}\n    total_layers: 18\n"
            )
        };
        let text: String = symbols.iter().map(entry).collect();
        let loaded = Config::parse("phoenix.yaml", &format!("{HEAD}{text}"));
        loaded.expect("a valid file").config
    }

    fn listed(name: &str) -> Listed {
        Listed {
            instrument: Instrument {
                name: name.to_owned(),
                ..ethusdc()
            },
            status: ContractStatus::Trading,
            margin_asset: "USDC".to_owned(),
            perpetual: true,
        }
    }

    fn info(listed: Vec<Listed>) -> ExchangeInfo {
        ExchangeInfo {
            listed,
            ..ExchangeInfo::default()
        }
    }

    /// A session that trades ETHUSDC; the journal knows SOLUSDC from earlier.
    fn symbols() -> Symbols {
        let mut contracts = Contracts::default();
        contracts.add(SymbolId(0), ethusdc()).expect("fits");
        let known = SymbolState {
            position: Some(Position {
                symbol: "SOLUSDC".to_owned(),
                qty_e8: -4 * ethusdc().step_e8,
                entry_e8: 0,
                at_ms: 1,
            }),
            backfill_from: Some(78),
            ..SymbolState::default()
        };
        Symbols::new(
            file(&[("ETHUSDC", "0.05")]),
            contracts,
            "USDC".to_owned(),
            ExchangeLimits::DEFAULT,
            BTreeMap::from([("SOLUSDC".to_owned(), known)]),
        )
    }

    /// A view of a symbol whose removal is complete.
    fn ended(id: SymbolId, books: Resume) -> SymbolView {
        let config = file(&[("ETHUSDC", "0.05")]);
        let params = engine_params(&config, &config.symbols[0], &ethusdc()).expect("fits");
        let mut engine = Engine::new(1, AccountParams::new(Quote(1)));
        let add = CoreConfig::Add(id, &ethusdc(), &params, books);
        let now = Now::default();
        engine.step(
            now,
            &Event::Config(add),
            &mut phoenix_core::action::Actions::default(),
        );
        engine.refresh_view(now);
        engine.view().symbols[0].clone()
    }

    fn kinds(plan: &Plan) -> Vec<(char, u16)> {
        let kind = |event: &OwnedConfig| match event {
            OwnedConfig::Add(id, ..) => ('+', id.0),
            OwnedConfig::Change(id, _) => ('~', id.0),
            OwnedConfig::Remove(id) => ('-', id.0),
            OwnedConfig::Account(_) => ('=', 0),
        };
        plan.events.iter().map(kind).collect()
    }

    fn books_of(plan: &Plan) -> Option<Resume> {
        plan.events.iter().find_map(|event| match event {
            OwnedConfig::Add(_, _, _, books) => Some(*books),
            OwnedConfig::Change(..) | OwnedConfig::Remove(_) | OwnedConfig::Account(_) => None,
        })
    }

    #[test]
    fn what_differs_is_told_and_what_stays_is_left_alone() {
        let symbols = symbols();
        let plan = |config: &Config, listed| symbols.plan(config, &info(listed)).expect("fits");
        let same = file(&[("ETHUSDC", "0.05")]);
        assert_eq!(kinds(&plan(&same, vec![])), []);
        let changed = file(&[("ETHUSDC", "0.06")]);
        assert_eq!(kinds(&plan(&changed, vec![])), [('~', 0)]);
        let mut bounded = file(&[("ETHUSDC", "0.05")]);
        bounded.global.total_notional_max = "5".parse().expect("a number");
        assert_eq!(kinds(&plan(&bounded, vec![])), [('=', 0)]);
        let added = file(&[("ETHUSDC", "0.05"), ("BTCUSDC", "0.05")]);
        let seen = plan(&added, vec![listed("BTCUSDC")]);
        assert_eq!(kinds(&seen), [('+', 1)]);
        assert_eq!(books_of(&seen), Some(Resume::default()), "never traded");
        let swapped = file(&[("SOLUSDC", "0.05")]);
        let seen = plan(&swapped, vec![listed("SOLUSDC")]);
        assert_eq!(kinds(&seen), [('-', 0), ('+', 1)]);
        let books = books_of(&seen).expect("added");
        assert_eq!((books.size, books.trade_id), (Lots(-4), Some(77)));
    }

    #[test]
    fn whatever_speaks_against_a_symbol_refuses_the_whole_change_and_names_the_line() {
        let symbols = symbols();
        let config = file(&[("ETHUSDC", "0.06"), ("BTCUSDC", "0.05")]);
        let btc = || listed("BTCUSDC");
        let unusable = ExchangeInfo {
            unusable: vec![("BTCUSDC".to_owned(), Unusable::Shape)],
            ..ExchangeInfo::default()
        };
        let coarse = Instrument {
            step_e8: 10_000_000,
            ..btc().instrument
        };
        let cases = [
            (info(vec![]), "does not list"),
            (unusable, "cannot be used"),
            (
                info(vec![Listed {
                    perpetual: false,
                    ..btc()
                }]),
                "perpetual",
            ),
            (
                info(vec![Listed {
                    margin_asset: "USDT".to_owned(),
                    ..btc()
                }]),
                "margined in USDT",
            ),
            (
                info(vec![Listed {
                    instrument: coarse,
                    ..btc()
                }]),
                "smallest order",
            ),
        ];
        for (info, why) in cases {
            let issues = symbols.plan(&config, &info).expect_err(why);
            let said = issues.iter().map(ToString::to_string).collect::<Vec<_>>();
            let first = said.first().expect("a reason");
            assert!(first.contains(why), "{why}: {said:?}");
            assert!(first.contains("phoenix.yaml:"), "{said:?}");
            assert!(first.contains("symbols.BTCUSDC."), "{said:?}");
        }
    }

    #[test]
    fn a_removed_symbol_keeps_its_id_and_comes_back_with_the_books_it_ended_with() {
        let mut symbols = symbols();
        let (eth, btc) = (("ETHUSDC", "0.05"), ("BTCUSDC", "0.05"));
        let without = file(&[btc]);
        let plan = symbols.plan(&without, &info(vec![listed("BTCUSDC")]));
        symbols.adopt(plan.expect("fits"));
        let both = file(&[eth, btc]);
        assert_eq!(symbols.added(&both), ["ETHUSDC"]);
        assert_eq!(symbols.first_leaving(&both), Some("ETHUSDC"));
        let books = Resume {
            size: Lots(30),
            cost: Quote(5),
            realized: Quote(6),
            fees: Quote(-7),
            funding: Quote(8),
            trade_id: Some(9),
            funding_through: Some(FundingHour(3)),
            trades_from: Some(TradesFrom::Id(8)),
        };
        symbols.on_ended(ended(SymbolId(0), books));
        assert_eq!(symbols.first_leaving(&both), None);
        // Meanwhile its step became ten times as large.
        let mut eth = listed("ETHUSDC");
        eth.instrument.step_e8 *= 10;
        let plan = symbols.plan(&both, &info(vec![eth])).expect("fits");
        assert_eq!(kinds(&plan), [('+', 0)]);
        let size = Lots(3);
        assert_eq!(books_of(&plan), Some(Resume { size, ..books }));
        symbols.adopt(plan);
        assert_eq!(symbols.first_leaving(&both), None);
        assert!(symbols.ended.is_empty());
    }

    #[test]
    fn a_contract_that_does_not_trade_yet_is_added_as_it_is_at_the_start_and_waits() {
        let config = file(&[("ETHUSDC", "0.05"), ("BTCUSDC", "0.05")]);
        let waiting = Listed {
            status: ContractStatus::NotTrading,
            ..listed("BTCUSDC")
        };
        let plan = symbols().plan(&config, &info(vec![waiting])).expect("fits");
        assert_eq!(kinds(&plan), [('+', 1)]);
    }

    #[test]
    fn ids_are_given_to_one_name_each_until_none_is_left() {
        let mut contracts = Contracts::default();
        for n in 0..SYMBOLS_MAX {
            let name = format!("S{n}USDC");
            let id = id_of(&contracts, &name).expect("one is left");
            assert_eq!(usize::from(id.0), n);
            contracts.add(id, listed(&name).instrument).expect("fits");
        }
        assert_eq!(id_of(&contracts, "ONEMOREUSDC"), None);
        assert_eq!(id_of(&contracts, "S7USDC"), Some(SymbolId(7)));
    }
}
