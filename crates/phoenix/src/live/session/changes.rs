//! Owns what becomes of a changed configuration file while a session runs: the exchange is asked about symbols that
//! are new, and the change is then in force as a whole, or refused as a whole and said.

use super::boot::{exchange_info, warn_of_settings};
use super::symbols::{Plan, Symbols};
use crate::binance::decode::rest::reference::ExchangeInfo;
use crate::config::diff::KeyChange;
use crate::config::params::ShellParams;
use crate::config::watch::{Report, Verdict};
use crate::config::{Config, Issue};
use crate::journal::record::{ConfigChange, Record};
use crate::journal::writer::Recorder;
use crate::live::cold::Outside;
use crate::live::rest::Rest;
use crate::logging::LevelHandle;
use phoenix_core::engine::view::SymbolView;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};

/// How long a symbol that comes back is waited for while its orders are still being cancelled.
const LEAVING_LIMIT: Duration = Duration::from_secs(10);
/// Longest wait for the journal when a symbol is added.
const BEGIN_LIMIT: Duration = Duration::from_secs(2);

/// A look at the file, and who waits to hear what became of it.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) report: Report,
    pub(super) verdict: oneshot::Sender<Verdict>,
}

/// Applies changes, one after the other.
#[derive(Debug)]
pub(super) struct Changes {
    pub(super) symbols: Symbols,
    pub(super) rest: Rest,
    pub(super) recorder: Recorder,
    pub(super) tell: mpsc::Sender<Outside>,
    /// Removed symbols as they ended.
    pub(super) ended: mpsc::Receiver<SymbolView>,
    /// To those that use parameters of the shell.
    pub(super) tuner: watch::Sender<ShellParams>,
    pub(super) log_level: Option<LevelHandle>,
}

impl Changes {
    /// Runs until the session ends.
    pub(super) async fn keep(mut self, mut reports: mpsc::Receiver<Asked>) {
        loop {
            tokio::select! {
                biased; // What has ended decides what may come back.
                ended = self.ended.recv() => match ended {
                    Some(symbol) => self.symbols.on_ended(symbol),
                    None => return,
                },
                asked = reports.recv() => {
                    let Some(Asked { report, verdict }) = asked else { return };
                    let said = self.on_report(report).await;
                    if verdict.send(said).is_err() {
                        tracing::debug!("nobody waits for what became of a changed file");
                    }
                }
            }
        }
    }

    async fn on_report(&mut self, report: Report) -> Verdict {
        match report {
            Report::Changed {
                config,
                changes,
                warnings,
            } => {
                warnings.iter().for_each(|issue| tracing::warn!("{issue}"));
                match self.judge(&config).await {
                    Ok(plan) => self.carry_out(plan, &changes).await,
                    Err(issues) => return refuse(&issues),
                }
                Verdict::TakenOver
            }
            Report::NeedsRestart { changes } => {
                let keys: Vec<&str> = changes.iter().map(|c| c.key.as_str()).collect();
                tracing::error!(
                    ?keys,
                    "the changed file needs a restart; nothing was taken over"
                );
                Verdict::Refused
            }
            Report::Refused(rejected) => refuse(&rejected.errors),
            Report::Restored => {
                tracing::info!("the configuration file is as it was again");
                Verdict::TakenOver
            }
        }
    }

    async fn judge(&mut self, config: &Config) -> Result<Plan, Vec<Issue>> {
        self.wait_for_leaving(config).await?;
        let added = self.symbols.added(config);
        let info = match added.first() {
            None => ExchangeInfo::default(),
            Some(first) => {
                let key = format!("symbols.{first}.symbol");
                exchange_info(&self.rest, |name| added.contains(&name))
                    .await
                    .map_err(|why| vec![cannot_be_added(config, &key, &why)])?
            }
        };
        let plan = self.symbols.plan(config, &info)?;
        if plan.added.iter().next().is_some() {
            warn_of_settings(&self.rest, &plan.added, config).await;
        }
        Ok(plan)
    }

    /// A symbol that was removed a moment ago comes back when nothing of it is open any more.
    async fn wait_for_leaving(&mut self, config: &Config) -> Result<(), Vec<Issue>> {
        let all_left = async {
            while self.symbols.first_leaving(config).is_some() {
                match self.ended.recv().await {
                    Some(symbol) => self.symbols.on_ended(symbol),
                    None => return,
                }
            }
        };
        // Whether it was long enough is seen below.
        let _in_time = tokio::time::timeout(LEAVING_LIMIT, all_left).await;
        match self.symbols.first_leaving(config) {
            None => Ok(()),
            Some(name) => Err(vec![cannot_be_added(
                config,
                &format!("symbols.{name}.symbol"),
                "it was removed, and the exchange has not confirmed yet that none of its orders is open",
            )]),
        }
    }

    async fn carry_out(&mut self, plan: Plan, changes: &[KeyChange]) {
        let at_ms = self.rest.clock().wall().as_millis();
        for change in changes {
            tracing::info!(key = %change.key, old = ?change.old, new = ?change.new, "configuration changed");
            let record = ConfigChange {
                at_ms,
                key: change.key.clone(),
                old_value: change.old.clone(),
                new_value: change.new.clone(),
            };
            if let Err(error) = self.recorder.record(Record::Config(record)) {
                tracing::warn!(?error, "the change was not journalled");
            }
        }
        self.begin(&plan, at_ms).await;
        let told = self.tell.send(Outside::Config(plan.events.clone())).await;
        if told.is_err() {
            tracing::debug!("a configuration change came after the end");
        }
        let before = ShellParams::of(&self.symbols.config().global);
        self.symbols.adopt(plan);
        let after = ShellParams::of(&self.symbols.config().global);
        if after != before {
            self.tuner.send_replace(after);
            if let Some(level) = &self.log_level {
                level.apply(after.log_level);
            }
        }
    }
}

impl Changes {
    /// From when on the added symbols' trades and funding are ours is on disk before their first order, as at the start.
    async fn begin(&self, plan: &Plan, at_ms: i64) {
        for contract in plan.added.iter() {
            let symbol = contract.instrument.name.clone();
            if let Err(error) = self.recorder.record(Record::Began { symbol, at_ms }) {
                tracing::error!(?error, "the beginning of a symbol was not journalled");
            }
        }
        if plan.added.iter().next().is_none() {
            return;
        }
        let recorder = self.recorder.clone();
        let written = tokio::task::spawn_blocking(move || recorder.flush(BEGIN_LIMIT)).await;
        if !matches!(written, Ok(true)) {
            tracing::warn!("the journal is slow: a symbol begins before that is on disk");
        }
    }
}

fn cannot_be_added(config: &Config, key: &str, why: &str) -> Issue {
    let message =
        format!("the symbol cannot be added now: {why}; save the file again to try again");
    config.issue(key, message)
}

fn refuse(issues: &[Issue]) -> Verdict {
    for issue in issues {
        tracing::error!("refused, the old configuration stays: {issue}");
    }
    Verdict::Refused
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::binance::contracts::Contracts;
    use crate::binance::sign::Signer;
    use crate::journal::writer::Writer;
    use crate::journal::{Journal, SessionStart};
    use crate::live::clock::Clock;
    use crate::live::tuning::{self, Tuning};
    use crate::net::Endpoint;
    use phoenix_core::instrument::{SymbolId, ethusdc};
    use phoenix_core::params::ExchangeLimits;
    use secrecy::SecretString;
    use std::collections::BTreeMap;
    use std::sync::Arc;

    const ONE: &str = "global:\n  total_notional_max: 1000000\nsymbols:\n  - symbol: ETHUSDC\n    net_max: 2.0\n    unified_layer_size: 0.05\n";
    const TWO: &str = "global:\n  total_notional_max: 1000000\nsymbols:\n  - symbol: ETHUSDC\n    net_max: 3.0\n    unified_layer_size: 0.05\n  - symbol: BTCUSDC\n    net_max: 2.0\n    unified_layer_size: 0.05\n";

    struct Bench {
        changes: Changes,
        told: mpsc::Receiver<Outside>,
        ended: mpsc::Sender<SymbolView>,
        tuned: Tuning,
        writer: Writer,
        _folder: tempfile::TempDir,
    }

    fn parse(text: &str) -> Config {
        Config::parse("phoenix.yaml", text).expect("valid").config
    }

    /// A session of ETHUSDC whose exchange is not there: nothing listens on the port any more.
    fn bench() -> Bench {
        let folder = tempfile::tempdir().expect("a folder");
        let mut journal = Journal::open(&folder.path().join("journal.db")).expect("a journal");
        let start = SessionStart {
            at_ms: 1,
            venue: "test",
            account: "test",
            version: "0",
        };
        journal.open_session(&start).expect("a session");
        let writer = journal.start().expect("a writer");
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("bound").port();
        drop(listener);
        let host = Endpoint::parse(&format!("http://127.0.0.1:{port}")).expect("a URL");
        let (tuner, tuning) = tuning::channel(ShellParams::default());
        let signer = Signer::hmac(SecretString::from("key"), &SecretString::from("secret"));
        let rest = Rest::new(
            host,
            Arc::new(signer.expect("a key")),
            Clock::default(),
            tuning.clone(),
        );
        let mut contracts = Contracts::default();
        contracts.add(SymbolId(0), ethusdc()).expect("fits");
        let (tell, told) = mpsc::channel(4);
        let (ended, from_cold) = mpsc::channel(4);
        let changes = Changes {
            symbols: Symbols::new(
                parse(ONE),
                contracts,
                "USDC".to_owned(),
                ExchangeLimits::DEFAULT,
                BTreeMap::new(),
            ),
            rest: rest.expect("a client"),
            recorder: writer.recorder(),
            tell,
            ended: from_cold,
            tuner,
            log_level: None,
        };
        Bench {
            changes,
            told,
            ended,
            tuned: tuning,
            writer,
            _folder: folder,
        }
    }

    fn changed(text: &str) -> Report {
        Report::Changed {
            config: Box::new(parse(text)),
            changes: Vec::new(),
            warnings: Vec::new(),
        }
    }

    #[tokio::test]
    async fn with_an_exchange_that_does_not_answer_nothing_of_a_mixed_change_is_applied() {
        let mut bench = bench();
        let issues = bench.changes.judge(&parse(TWO)).await.expect_err("refused");
        let said = issues.first().expect("a reason").to_string();
        for part in [
            "phoenix.yaml:7",
            "symbols.BTCUSDC.symbol",
            "exchangeInfo",
            "save",
        ] {
            assert!(said.contains(part), "{part}: {said}");
        }
        assert_eq!(
            bench.changes.on_report(changed(TWO)).await,
            Verdict::Refused
        );
        assert!(bench.told.try_recv().is_err(), "the engine hears nothing");
        // What needs no answer of the exchange is applied meanwhile.
        assert!(!bench.tuned.poll_changed());
        let only = ONE
            .replace("net_max: 2.0", "net_max: 3.0")
            .replace("symbols:", "  recv_window_ms: 2500\nsymbols:");
        assert_eq!(
            bench.changes.on_report(changed(&only)).await,
            Verdict::TakenOver
        );
        assert!(matches!(bench.told.try_recv(), Ok(Outside::Config(events)) if events.len() == 1));
        assert_eq!(bench.tuned.now().recv_window, Duration::from_millis(2_500));
        bench.writer.close().expect("written");
    }

    #[tokio::test]
    async fn a_symbol_whose_end_is_not_confirmed_does_not_come_back() {
        let mut bench = bench();
        let other = ONE.replace("ETHUSDC", "BTCUSDC");
        let listed = crate::binance::decode::rest::reference::Listed {
            instrument: phoenix_core::instrument::Instrument {
                name: "BTCUSDC".to_owned(),
                ..ethusdc()
            },
            status: phoenix_core::event::ContractStatus::Trading,
            margin_asset: "USDC".to_owned(),
            perpetual: true,
        };
        let info = ExchangeInfo {
            listed: vec![listed],
            ..ExchangeInfo::default()
        };
        let plan = bench.changes.symbols.plan(&parse(&other), &info);
        bench.changes.carry_out(plan.expect("fits"), &[]).await;
        // Nobody is left who could confirm it: there is nothing to wait for.
        drop(bench.ended);
        let issues = bench.changes.judge(&parse(TWO)).await.expect_err("refused");
        let said = issues.first().expect("a reason").to_string();
        assert!(said.contains("symbols.ETHUSDC.symbol"), "{said}");
        assert!(said.contains("not confirmed yet"), "{said}");
        bench.writer.close().expect("written");
    }
}
