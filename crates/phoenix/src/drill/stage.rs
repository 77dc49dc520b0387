//! Owns the setting of one drill: a fresh folder, an exchange, and Phoenix on it with a generated configuration; knows nothing of faults and judgements.

use super::control::Control;
use super::judge::Books;
use super::process::{Log, Process, is_ours, limit_files, send, wall_us};
use super::timeline::Rules;
use super::{FileTrick, LimitTrick, Setting, Signal, Who};
use crate::journal::query::Reader;
use anyhow::{Context as _, Result, bail, ensure};
use std::collections::BTreeMap;
use std::fs;
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// Play money's key: it works on the exchange of the drill and nowhere else.
const KEY: &str = "drill-key";
const SECRET: &str = "drill-secret";
/// How long a process may take to say where it is.
const START_LIMIT: Duration = Duration::from_secs(30);
/// What is written over a journal's beginning.
const JUNK: [u8; 8192] = [0xA5; 8192];

/// A symbol of the drills and its ladder: about 125 quote units a layer, 18 layers, all of one side within half of `net_max`.
struct Traded {
    name: &'static str,
    rules: Rules,
    grid: &'static str,
}

const ETH: Traded = Traded {
    name: "ETHUSDC",
    rules: Rules {
        net_max: 2.0,
        layers: 18,
        layer_size: 0.05,
    },
    grid: "grid_start_offset: 1.2, grid_first_spacing: 1.2, grid_max_spacing: 25",
};
const BTC: Traded = Traded {
    name: "BTCUSDC",
    rules: Rules {
        net_max: 0.08,
        layers: 18,
        layer_size: 0.002,
    },
    grid: "grid_start_offset: 31, grid_first_spacing: 31, grid_max_spacing: 650",
};

/// The setting of a drill, with its processes. Dropping it ends them all.
pub struct Stage {
    folder: PathBuf,
    setting: Setting,
    symbols: Vec<(String, Rules)>,
    binary: PathBuf,
    announced: Announced,
    control: Control,
    log: Log,
    top: Option<Process>,
    second: Option<Process>,
    _exchange: Process,
}

#[derive(Debug, Clone, serde::Deserialize)]
struct Announced {
    rest_url: String,
    ws_url: String,
    control_url: String,
}

impl Stage {
    /// Starts an exchange with this seed in `folder`, which must be new; Phoenix is started by [`Self::start`].
    ///
    /// # Errors
    /// When the exchange does not start.
    pub fn build(folder: PathBuf, setting: Setting, seed: u64) -> Result<Self> {
        fs::create_dir(&folder).with_context(|| format!("{}", folder.display()))?;
        let binary = std::env::current_exe().context("the path of this program")?;
        let traded: &[Traded] = if setting.two_symbols {
            &[ETH, BTC]
        } else {
            &[ETH]
        };
        let names: Vec<&str> = traded.iter().map(|t| t.name).collect();
        let mut command = Command::new(&binary);
        command
            .args([
                "exchange",
                "--listen",
                "127.0.0.1:0",
                "--control",
                "127.0.0.1:0",
            ])
            .args(["--symbols", &names.join(","), "--market", setting.market])
            .args([
                "--seed",
                &seed.to_string(),
                "--key",
                KEY,
                "--secret",
                SECRET,
            ]);
        let mut exchange =
            Process::start(&mut command, &folder.join("exchange.log"), &Log::default())?;
        let announced = announced(&mut exchange)?;
        let stage = Self {
            control: Control::new(&announced.control_url)?,
            symbols: traded
                .iter()
                .map(|t| (t.name.to_owned(), t.rules))
                .collect(),
            folder,
            setting,
            binary,
            announced,
            log: Log::default(),
            top: None,
            second: None,
            _exchange: exchange,
        };
        stage.write_config("phoenix.yaml", "state", traded)?;
        stage.write_config("second.yaml", "state-of-second", traded)?;
        Ok(stage)
    }

    fn write_config(&self, file: &str, state: &str, traded: &[Traded]) -> Result<()> {
        let mut text = format!(
            "global:\n  venue: local\n  rest_url: \"{}\"\n  ws_url: \"{}\"\n  total_notional_max: 1000000\n  \
             state_dir: \"{}\"\n  log_format: json\n  metrics_port: 0\n  halt_seconds: 5\nsymbols:\n",
            self.announced.rest_url,
            self.announced.ws_url,
            self.folder.join(state).display()
        );
        if let Some(line) = self.setting.liveness {
            let group = format!("  liveness: {{{line}}}\nsymbols:\n");
            text = text.replace("symbols:\n", &group);
        }
        for Traded { name, rules, grid } in traded {
            text.push_str(&format!(
                "  - {{symbol: {name}, net_max: {}, unified_layer_size: {}, total_layers: {}, {grid}}}\n",
                rules.net_max, rules.layer_size, rules.layers
            ));
        }
        fs::write(self.folder.join(file), text).context("the drill's configuration")
    }

    /// Starts what the setting asks for, or starts it again with the same state.
    ///
    /// # Errors
    /// When it runs already or cannot be started.
    pub fn start(&mut self) -> Result<()> {
        let is_running = self.top.as_mut().is_some_and(|top| top.ended().is_none());
        ensure!(!is_running, "the process of the setting runs already");
        let word = if self.setting.watched {
            "watchdog"
        } else {
            "run"
        };
        let mut command = self.phoenix(word, "phoenix.yaml");
        // A fault that the process puts into itself belongs to its first life.
        if let (Some(fault), None) = (self.setting.inner_fault, &self.top) {
            command.env("PHOENIX_FAULT", fault);
        }
        self.top = Some(Process::start(
            &mut command,
            &self.folder.join("phoenix.log"),
            &self.log,
        )?);
        Ok(())
    }

    /// Through a shell that ignores the signal of a file-size limit, so that a write beyond it fails as on a full disk.
    fn phoenix(&self, word: &str, config: &str) -> Command {
        let mut command = Command::new("sh");
        command
            .args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\""])
            .arg(&self.binary)
            .args([word, "-c"])
            .arg(self.folder.join(config))
            .env("BINANCE_API_KEY", KEY)
            .env("BINANCE_API_SECRET", SECRET)
            .env_remove("PHOENIX_FAULT");
        if word == "run" {
            command.arg("--json");
        }
        command
    }

    /// Starts a second instance, as on another machine: same key, own state.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start_second(&mut self) -> Result<()> {
        let mut command = self.phoenix("run", "second.yaml");
        let file = self.folder.join("second.log");
        self.second = Some(Process::start(&mut command, &file, &self.log)?);
        Ok(())
    }

    /// Ends the second instance gracefully.
    ///
    /// # Errors
    /// When there is none or it does not end.
    pub fn end_second(&mut self, limit: Duration) -> Result<()> {
        let mut second = self.second.take().context("no second instance runs")?;
        second.signal(Signal::Term)?;
        let until = Instant::now() + limit;
        while second.ended().is_none() {
            ensure!(Instant::now() < until, "the second instance does not end");
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// The exchange's control port.
    #[must_use]
    pub fn control(&self) -> &Control {
        &self.control
    }

    /// The symbols with their ladders.
    #[must_use]
    pub fn symbols(&self) -> &[(String, Rules)] {
        &self.symbols
    }

    /// What Phoenix logged.
    #[must_use]
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// The process of the setting: the watchdog, or the one that quotes.
    ///
    /// # Errors
    /// When none was started.
    pub fn top(&mut self) -> Result<&mut Process> {
        self.top.as_mut().context("nothing was started")
    }

    /// Where everything is.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    fn state(&self) -> PathBuf {
        self.folder.join("state")
    }

    /// The process that quotes: the setting's own, or the watchdog's child by the note in its lock file.
    ///
    /// # Errors
    /// When there is none.
    pub fn maker(&self) -> Result<u32> {
        match (&self.top, self.setting.watched) {
            (Some(top), false) => Ok(top.id()),
            _ => self
                .noted_maker()
                .context("no quoting process is noted in the lock file"),
        }
    }

    /// The quoting process that the lock file notes, if it lives.
    pub fn noted_maker(&self) -> Option<u32> {
        let locks = fs::read_dir(self.state()).ok()?.filter_map(Result::ok);
        let mut notes = locks
            .map(|entry| entry.path())
            .filter(|p| p.extension().is_some_and(|e| e == "lock"));
        let note = fs::read_to_string(notes.next()?).ok()?;
        let id = note
            .strip_prefix("pid ")?
            .split_whitespace()
            .next()?
            .parse()
            .ok()?;
        is_ours(id, &self.folder.display().to_string()).then_some(id)
    }

    /// Sends a signal; gives the instant, µs.
    ///
    /// # Errors
    /// When there is no such process.
    pub fn signal(&mut self, who: Who, signal: Signal) -> Result<u64> {
        let id = match who {
            Who::Maker => self.maker()?,
            Who::Watchdog if self.setting.watched => self.top()?.id(),
            Who::Watchdog => bail!("this setting has no watchdog"),
        };
        let at = wall_us();
        send(id, signal)?;
        Ok(at)
    }

    /// Does something with a file; gives the instant, µs.
    ///
    /// # Errors
    /// When the file system refuses.
    pub fn trick_file(&self, trick: FileTrick) -> Result<u64> {
        let (config, aside) = (
            self.folder.join("phoenix.yaml"),
            self.folder.join("aside.yaml"),
        );
        let kill = self.state().join("KILL");
        let at = wall_us();
        match trick {
            FileTrick::RemoveConfig => fs::rename(config, aside)?,
            FileTrick::RestoreConfig if aside.exists() => fs::rename(aside, config)?,
            FileTrick::RestoreConfig => bail!("no configuration was put aside"),
            FileTrick::GarbleConfig => {
                fs::copy(&config, aside)?;
                fs::write(config, "global: [\n")?;
            }
            FileTrick::Kill => fs::write(kill, "")?,
            FileTrick::Unkill => fs::remove_file(kill)?,
            FileTrick::CorruptJournal => {
                for name in ["journal.db", "journal.db-wal"] {
                    overwrite(&self.state().join(name))?;
                }
            }
        }
        Ok(at)
    }

    /// Does something with a limit of the quoting process; gives the instant, µs.
    ///
    /// # Errors
    /// When there is no such process or the system refuses.
    pub fn trick_limit(&self, trick: LimitTrick) -> Result<u64> {
        let maker = self.maker()?;
        let at = wall_us();
        match trick {
            LimitTrick::DiskFull => limit_files(maker, Some(0))?,
            LimitTrick::DiskFree => limit_files(maker, None)?,
        }
        Ok(at)
    }

    /// What the journal has: position and fills of each symbol. `None` when it cannot be read.
    #[must_use]
    pub fn books(&self) -> Option<BTreeMap<String, Books>> {
        let state = Reader::open(&self.state().join("journal.db"))
            .and_then(|r| r.restart_state())
            .ok()?;
        let books = state.symbols.into_iter().map(|(name, kept)| {
            let position = kept.position.map_or(0, |p| p.qty_e8) as f64 / 1e8;
            let fills = u64::try_from(kept.fills).unwrap_or(0);
            (name, Books { position, fills })
        });
        Some(books.collect())
    }

    /// Ends every process of the drill, at once.
    pub fn end_processes(&mut self) {
        // The watchdog first: it would start its child again.
        self.top = None;
        self.second = None;
        if let Some(orphan) = self.noted_maker() {
            let _ = send(orphan, Signal::Kill);
        }
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.end_processes();
    }
}

fn overwrite(file: &Path) -> Result<()> {
    if !file.exists() {
        return Ok(());
    }
    let mut file = fs::File::options().write(true).open(file)?;
    file.seek(SeekFrom::Start(0))?;
    file.write_all(&JUNK)?;
    Ok(())
}

fn announced(exchange: &mut Process) -> Result<Announced> {
    let until = Instant::now() + START_LIMIT;
    loop {
        if let Some(line) = exchange.output().lines().next() {
            return serde_json::from_str(line)
                .with_context(|| format!("the exchange announces: {line}"));
        }
        if let Some(status) = exchange.ended() {
            bail!("the exchange ended at once ({status}); see exchange.log");
        }
        ensure!(
            Instant::now() < until,
            "the exchange does not say where it is"
        );
        std::thread::sleep(Duration::from_millis(10));
    }
}
