//! Owns what is checked and read before the first order: contracts, account guard, journal, books.

use super::{Setup, StartError};
use crate::binance::client_id::ClientIds;
use crate::binance::contracts::Contracts;
use crate::binance::decode::AccountScope;
use crate::binance::decode::rest::account::{self, MarginType};
use crate::binance::decode::rest::reference::{self, ExchangeInfo, Listed};
use crate::binance::encode::rest::Endpoint;
use crate::binance::limits::{RateLimit, exchange_limits};
use crate::config::check::check_filters;
use crate::config::params::{account_params, filters_of, symbol_params};
use crate::config::{Config, Issue, SymbolConfig};
use crate::journal::query::{RestartState, SymbolState};
use crate::journal::record::Record;
use crate::journal::writer::Writer;
use crate::journal::{Journal, SessionStart};
use crate::live::books::{Books, resume};
use crate::live::rest::Rest;
use crate::live::wire::OwnedConfig;
use phoenix_core::event::{ContractStatus, Outcome};
use phoenix_core::instrument::{Instrument, SymbolId};
use phoenix_core::params::{AccountParams, ExchangeLimits, SymbolParams};
use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Everything known before the hot thread starts.
#[derive(Debug)]
pub(super) struct Booted {
    pub(super) contracts: Arc<Contracts>,
    pub(super) account: AccountScope,
    pub(super) symbols: Vec<OwnedConfig>,
    pub(super) books: Books,
    /// What the journal knew of each symbol that it ever had.
    pub(super) journal: BTreeMap<String, SymbolState>,
    pub(super) writer: Writer,
    pub(super) session: u32,
    pub(super) account_params: AccountParams,
    pub(super) kill_file: Option<PathBuf>,
    /// Fills that the journal had of each symbol.
    pub(super) fills_before: BTreeMap<String, i64>,
    /// A halt that an earlier session left standing.
    pub(super) standing_halt: Option<String>,
}

/// Checks venue and account, opens the journal and begins a session.
pub(super) async fn boot(setup: &Setup, rest: &Rest) -> Result<Booted, StartError> {
    let config = &setup.config;
    let is_wanted = |name: &str| config.symbol(name).is_some();
    let info = exchange_info(rest, is_wanted)
        .await
        .map_err(StartError::Venue)?;
    let listed = wanted(config, &info, is_wanted).map_err(StartError::Config)?;
    let margin_asset = one_margin_asset(&listed)?;
    let mut contracts = Contracts::default();
    for (id, (_, listed)) in (0_u16..).zip(&listed) {
        contracts
            .add(SymbolId(id), listed.instrument.clone())
            .map_err(|e| StartError::Venue(e.to_string()))?;
    }
    guard_account(rest).await?;
    warn_of_settings(rest, &contracts, config).await;
    let own_limits = order_limits(rest).await;
    let limits = exchange_limits(info.limits.iter().chain(&own_limits));
    let state_dir = &config.global.state_dir;
    let ids =
        ClientIds::new(&instance(state_dir)?).map_err(|e| StartError::Venue(e.to_string()))?;
    let mut journal = Journal::open(&state_dir.join("journal.db"))?;
    let began_ms = rest.clock().wall().as_millis();
    let names = contracts.iter().map(|c| c.instrument.name.as_str());
    journal.begin_symbols(names, began_ms)?;
    let state = journal.restart_state()?;
    let session = journal.open_session(&SessionStart {
        at_ms: jiff::Timestamp::now().as_millisecond(),
        venue: &setup.venue_name,
        account: &setup.fingerprint,
        version: env!("CARGO_PKG_VERSION"),
    })?;
    let symbols = engine_symbols(config, &listed, &state, &margin_asset)?;
    let contracts = Arc::new(contracts);
    let books = Books::new(Arc::clone(&contracts), ids, margin_asset.clone());
    let kill_file = Some(config.global.kill_file.as_str())
        .filter(|f| !f.is_empty())
        .map(|f| state_dir.join(f));
    let standing = state
        .halts
        .iter()
        .find(|h| h.until_ms.is_none() && !setup.clear_halt);
    let writer = journal.start()?;
    if setup.clear_halt {
        clear_halts(&writer, &state);
    }
    let fills = state
        .symbols
        .iter()
        .map(|(name, s)| (name.clone(), s.fills));
    let fills_before = fills.collect();
    Ok(Booted {
        contracts,
        account: AccountScope { margin_asset, ids },
        symbols,
        books,
        journal: state.symbols,
        writer,
        session,
        account_params: account_of(config, limits).map_err(|e| StartError::Config(vec![e]))?,
        kill_file,
        fills_before,
        standing_halt: standing.map(|h| format!("{}: {}", h.scope, h.reason)),
    })
}

/// The operator says that the causes of the standing halts are dealt with.
fn clear_halts(writer: &Writer, state: &RestartState) {
    let at_ms = jiff::Timestamp::now().as_millisecond();
    for halt in &state.halts {
        tracing::warn!(scope = %halt.scope, reason = %halt.reason, "a standing halt is cleared by --clear-halt");
        let record = Record::HaltCleared {
            scope: halt.scope.clone(),
            at_ms,
            by: "--clear-halt".to_owned(),
        };
        if let Err(error) = writer.recorder().record(record) {
            tracing::error!(?error, "the clearing of a halt was not recorded");
        }
    }
}

/// Contract data of the symbols that `is_wanted` names, as the exchange has it now; the error is for people.
pub(super) async fn exchange_info(
    rest: &Rest,
    is_wanted: impl Fn(&str) -> bool,
) -> Result<ExchangeInfo, String> {
    let read = rest
        .ask(
            |e, auth, out| e.plain(Endpoint::ExchangeInfo, auth, out),
            |body| reference::exchange_info(body, is_wanted),
        )
        .await;
    match read.outcome {
        Outcome::Accepted(info) => Ok(info),
        Outcome::Refused(refusal) => Err(format!(
            "exchangeInfo refused: {:?} ({})",
            refusal.why, refusal.code
        )),
        Outcome::Unknown => Err("exchangeInfo: no answer".to_owned()),
    }
}

/// The account's own limits on orders; without them those of `exchangeInfo` hold.
async fn order_limits(rest: &Rest) -> Vec<RateLimit> {
    let read = rest
        .ask(
            |e, auth, out| e.plain(Endpoint::OrderLimits, auth, out),
            account::order_limits,
        )
        .await;
    match read.outcome {
        Outcome::Accepted(limits) => limits,
        Outcome::Refused(_) | Outcome::Unknown => {
            tracing::warn!(
                "the account's own order limits cannot be read; the usual ones are kept to"
            );
            Vec::new()
        }
    }
}

/// Pairs each symbol that `is_wanted` names with its contract and checks it against the exchange's rules.
pub(super) fn wanted<'a>(
    config: &'a Config,
    info: &'a ExchangeInfo,
    is_wanted: impl Fn(&str) -> bool,
) -> Result<Vec<(&'a SymbolConfig, &'a Listed)>, Vec<Issue>> {
    let (mut found, mut errors) = (Vec::new(), Vec::new());
    for symbol in config.symbols.iter().filter(|s| is_wanted(&s.symbol)) {
        let key = format!("symbols.{}.symbol", symbol.symbol);
        let listed = info
            .listed
            .iter()
            .find(|l| l.instrument.name == symbol.symbol);
        let unusable = info
            .unusable
            .iter()
            .find(|(name, _)| *name == symbol.symbol);
        match (listed, unusable) {
            (Some(listed), _) => {
                let findings = check_filters(config, symbol, &filters_of(&listed.instrument), None);
                findings
                    .warnings
                    .iter()
                    .for_each(|issue| tracing::warn!("{issue}"));
                errors.extend(findings.errors);
                if listed.status != ContractStatus::Trading {
                    tracing::warn!(symbol = %symbol.symbol, "the contract is not trading now; waiting until it is");
                }
                if !listed.perpetual {
                    errors.push(config.issue(&key, "is not a perpetual contract"));
                }
                found.push((symbol, listed));
            }
            (None, Some((_, why))) => {
                errors.push(config.issue(
                    &key,
                    format!("the exchange lists it, but its contract data cannot be used: {why}"),
                ));
            }
            (None, None) => errors.push(config.issue(
                &key,
                "the exchange does not list this symbol; names are upper-case as in ETHUSDC",
            )),
        }
    }
    if errors.is_empty() {
        Ok(found)
    } else {
        Err(errors)
    }
}

fn one_margin_asset(listed: &[(&SymbolConfig, &Listed)]) -> Result<String, StartError> {
    let mut assets: Vec<&str> = listed
        .iter()
        .map(|(_, l)| l.margin_asset.as_str())
        .collect();
    assets.sort_unstable();
    assets.dedup();
    match assets.as_slice() {
        [asset] => Ok((*asset).to_owned()),
        [] => Err(StartError::Venue("no symbols are configured".to_owned())),
        several => Err(StartError::Venue(format!(
            "the symbols are margined in {}; run one instance for each margin asset",
            several.join(" and ")
        ))),
    }
}

/// Account guard (spec §4): one-way mode, trading allowed.
async fn guard_account(rest: &Rest) -> Result<(), StartError> {
    let read = rest
        .ask(
            |e, auth, out| e.plain(Endpoint::AccountConfig, auth, out),
            account::account_config,
        )
        .await;
    let settings = match read.outcome {
        Outcome::Accepted(settings) => settings,
        Outcome::Refused(refusal) => {
            return Err(StartError::Venue(format!(
                "the account cannot be read: {:?} ({}); check key, secret, permissions and IP list",
                refusal.why, refusal.code
            )));
        }
        Outcome::Unknown => {
            return Err(StartError::Venue(
                "the account cannot be read: no answer".to_owned(),
            ));
        }
    };
    if settings.hedge_mode {
        return Err(StartError::Venue(
            "the account is in hedge mode; switch it to one-way position mode at the exchange"
                .to_owned(),
        ));
    }
    if !settings.can_trade {
        return Err(StartError::Venue(
            "the account may not trade; look at its status at the exchange".to_owned(),
        ));
    }
    if settings.multi_assets_mode {
        tracing::warn!("the account is in multi-assets mode: margin is shared between assets");
    }
    tracing::warn!(
        "withdrawal right and IP restriction of the key cannot be checked on this API; check them at the exchange"
    );
    Ok(())
}

/// The part of the guard that concerns symbols: leverage and margin type as configured, else a warning.
pub(super) async fn warn_of_settings(rest: &Rest, contracts: &Contracts, config: &Config) {
    let read = rest
        .ask(
            |e, auth, out| e.plain(Endpoint::SymbolConfig, auth, out),
            |body| account::symbol_config(contracts, body),
        )
        .await;
    if let Outcome::Accepted(symbols) = read.outcome {
        for found in symbols {
            warn_of_difference(&found, contracts, config);
        }
    }
}

fn warn_of_difference(found: &account::SymbolSettings, contracts: &Contracts, config: &Config) {
    let Some(contract) = contracts.by_id(found.symbol) else {
        return;
    };
    let name = &contract.instrument.name;
    let Some(symbol) = config.symbol(name) else {
        return;
    };
    if found.leverage != symbol.leverage {
        tracing::warn!(symbol = %name, found = found.leverage, configured = symbol.leverage, "leverage differs from the configuration");
    }
    let is_cross = found.margin_type == MarginType::Cross;
    if is_cross != (symbol.margin_type == crate::config::MarginType::Cross) {
        tracing::warn!(symbol = %name, found = ?found.margin_type, "margin type differs from the configuration");
    }
}

/// A symbol's parameters in the engine's units.
pub(super) fn engine_params(
    config: &Config,
    symbol: &SymbolConfig,
    instrument: &Instrument,
) -> Result<SymbolParams, Issue> {
    symbol_params(&config.global, symbol, instrument).ok_or_else(|| {
        let key = format!("symbols.{}.symbol", symbol.symbol);
        config.issue(&key, "a value is too large for the contract's grid")
    })
}

/// The engine's symbols, each with the books its journal ended with.
fn engine_symbols(
    config: &Config,
    listed: &[(&SymbolConfig, &Listed)],
    state: &RestartState,
    asset: &str,
) -> Result<Vec<OwnedConfig>, StartError> {
    (0_u16..)
        .zip(listed)
        .map(|(id, (symbol, listed))| {
            let instrument = &listed.instrument;
            let params = engine_params(config, symbol, instrument)
                .map_err(|issue| StartError::Config(vec![issue]))?;
            let books = state
                .symbols
                .get(&symbol.symbol)
                .map(|s| resume(s, instrument, asset));
            Ok(OwnedConfig::Add(
                SymbolId(id),
                Box::new(instrument.clone()),
                Box::new(params),
                books.unwrap_or_default(),
            ))
        })
        .collect()
}

/// The name of this installation in client order ids: made once, kept beside the journal, so that another
/// installation on the same account is recognised by its orders.
fn instance(state_dir: &Path) -> Result<String, StartError> {
    let file = state_dir.join("instance");
    if let Ok(text) = std::fs::read_to_string(&file) {
        return Ok(text.trim().to_owned());
    }
    let mut random = [0_u8; 3];
    aws_lc_rs::rand::fill(&mut random).map_err(|_| std::io::Error::other("no random numbers"))?;
    let name: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut out = std::fs::File::create(&file)?;
    out.write_all(name.as_bytes())?;
    out.sync_all()?;
    Ok(name)
}

/// What holds for all symbols together, for the engine.
pub(super) fn account_of(config: &Config, limits: ExchangeLimits) -> Result<AccountParams, Issue> {
    account_params(&config.global, limits)
        .ok_or_else(|| config.issue("global.total_notional_max", "is too large"))
}
