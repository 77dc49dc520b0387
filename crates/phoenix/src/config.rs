//! The checked configuration and how it is loaded; does not know what the engine does with it.
//!
//! A file becomes a located tree ([`raw`]), the tree is read against the key
//! table ([`keys`]) and then checked as a whole ([`check`]). All errors are
//! collected; a configuration exists only when there are none.
//!
//! Every number is an exact [`Decimal`]: sizes, prices and money because they
//! must be, ratios and coefficients so that there is one rule. The few that
//! strategy mathematics needs as floats leave through [`Decimal::to_f64`].

pub mod check;
pub mod decimal;
pub mod diff;
pub mod docs;
pub mod issue;
pub mod keys;
pub mod params;
pub mod raw;
mod read;
pub mod watch;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use decimal::Decimal;
pub use issue::{Issue, Rejected};

/// Most symbols in one file: one process keeps a book, a desk and streams for each.
pub const SYMBOLS_MAX: usize = 50;

/// Declares an enum whose variants are words of the file.
macro_rules! words {
    ($(#[$outer:meta])* $name:ident { $($(#[$inner:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$outer])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $name { $($(#[$inner])* $variant,)* }
        impl $name {
            /// The words of the file, in the order of the variants.
            pub const WORDS: &'static [&'static str] = &[$($word,)*];
            /// The variant that `word` names.
            pub fn from_word(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$variant),)* _ => None }
            }
            /// The word of the file.
            pub const fn word(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }
        }
    };
}

words! {
    /// Where orders go.
    Venue {
        /// The embedded exchange.
        Local = "local",
        /// The exchange's test network.
        Testnet = "testnet",
        /// The exchange, with real money.
        Live = "live",
    }
}
words! {
    /// What decides the quotes.
    StrategyKind {
        /// Adaptive skewed market making.
        Asmm = "asmm",
        /// Avellaneda and Stoikov (2008).
        AvellanedaStoikov = "avellaneda_stoikov",
        /// Guéant, Lehalle and Fernandez-Tapia (2013).
        Glft = "glft",
    }
}
words! {
    /// How orders are sent.
    OrderChannel {
        /// WebSocket with an Ed25519 key, else REST.
        Auto = "auto",
        /// The WebSocket order interface.
        WebSocket = "websocket",
        /// The REST interface.
        Rest = "rest",
    }
}
words! {
    /// Margin type that the account is expected to have.
    MarginType {
        /// All of the wallet backs the position.
        Cross = "cross",
        /// Only the margin put aside backs the position.
        Isolated = "isolated",
    }
}
words! {
    /// Least severe log line that is written.
    LogLevel {
        /// Everything.
        Trace = "trace",
        /// What a developer wants.
        Debug = "debug",
        /// State changes.
        Info = "info",
        /// Someone looks today.
        Warn = "warn",
        /// Trading stopped.
        Error = "error",
    }
}
words! {
    /// Form of the log lines.
    LogFormat {
        /// One readable line.
        Human = "human",
        /// One JSON object.
        Json = "json",
    }
}
words! {
    /// When the log file is rotated.
    LogRotation {
        /// At midnight UTC.
        Daily = "daily",
        /// At each full hour UTC.
        Hourly = "hourly",
        /// Not at all.
        Never = "never",
    }
}

/// A configuration without errors.
#[derive(Debug, Clone)]
pub struct Config {
    /// The file it came from, as the operator named it.
    pub file: String,
    /// What holds for all symbols.
    pub global: GlobalConfig,
    /// One entry for each symbol, in the order of the file.
    pub symbols: Vec<SymbolConfig>,
    settings: BTreeMap<String, Setting>,
}

/// One value in force: what `diff` compares and findings point at.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Setting {
    value: Option<String>,
    line: Option<u32>,
    change: keys::Change,
}

/// `global:`. Units are those of the key table; every span is a [`Duration`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(
    missing_docs,
    reason = "each field is the key of the same name, documented once in the key table"
)]
pub struct GlobalConfig {
    /// `venue`, or what `testnet` says when it is absent.
    pub venue: Venue,
    pub rest_url: Option<String>,
    pub ws_url: Option<String>,
    pub ws_api_url: Option<String>,
    pub recv_window: Duration,
    pub private_key_file: Option<PathBuf>,
    pub credentials_file: Option<PathBuf>,
    pub state_dir: PathBuf,
    pub journal_keep_days: u32,
    pub flight: bool,
    pub flight_keep_mb: u32,
    pub total_notional_max: Decimal,
    pub quote_interval: Duration,
    pub halt: Duration,
    pub drawdown_ratio: Decimal,
    pub request_share_max: Decimal,
    pub order_channel: OrderChannel,
    pub order_timeout: Duration,
    pub kill_file: String,
    pub listen_address: std::net::IpAddr,
    pub metrics_port: u16,
    pub log_level: LogLevel,
    pub log_format: LogFormat,
    pub log_file: Option<PathBuf>,
    pub log_rotation: LogRotation,
    pub log_files_max: u32,
    pub liveness: LivenessConfig,
    pub watchdog: WatchdogConfig,
}

/// `global.watchdog:`
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "see the key table")]
pub struct WatchdogConfig {
    pub stall: Duration,
    pub restarts_max: u32,
    pub restart_window: Duration,
}

/// `global.liveness:`
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "see the key table")]
pub struct LivenessConfig {
    pub stream_stale: Duration,
    pub stream_dead: Duration,
    pub event_lag_max: Duration,
    pub adaptive: bool,
    pub book_probe_interval: Duration,
    pub reconcile_interval: Duration,
    pub user_event_timeout: Duration,
    pub listen_key_keepalive: Duration,
    pub connection_age_max: Duration,
    pub reconnect_delay_min: Duration,
    pub reconnect_delay_max: Duration,
    pub dead_man: Duration,
}

/// One item of `symbols:`. Sizes in base units, distances and values in quote units.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "see the key table")]
pub struct SymbolConfig {
    pub symbol: String,
    pub strategy: StrategyKind,
    pub risk_aversion: Decimal,
    pub net_max: Decimal,
    pub batch_worst_case_ratio: Decimal,
    pub total_layers: u32,
    pub unified_layer_size: Decimal,
    pub min_spread: Decimal,
    pub grid_start_offset: Decimal,
    pub grid_first_spacing: Decimal,
    pub grid_spacing_multiplier: Decimal,
    pub grid_max_spacing: Decimal,
    pub inventory_skew_coeff: Decimal,
    pub skew_dead_zone: Decimal,
    pub growing_side_cut: Decimal,
    pub warning_thresh: Decimal,
    pub pinning_enabled: bool,
    pub pinning_thresh: Decimal,
    pub pinning_size_multiplier: Decimal,
    pub grinding_enabled: bool,
    pub grinding_thresh: Decimal,
    pub grinding_reduce_ratio: Decimal,
    pub grinding_reentry_bps: Decimal,
    pub grinding_reentry_multiplier: Decimal,
    pub grinding_cooldown: Duration,
    pub grinding_sigma_max: Decimal,
    pub reduce_only_thresh: Decimal,
    pub stop_loss_thresh: Decimal,
    pub price_deviation_max: Decimal,
    pub order_value_max: Decimal,
    pub leverage: u32,
    pub margin_type: MarginType,
    pub max_cancel_per_min: u32,
    pub min_order_age: Duration,
    pub reprice_tolerance: Decimal,
    pub reprice_tolerance_ticks: u32,
    pub first_layer_tolerance: u32,
    pub vol_scale: VolScaleConfig,
    pub funding: FundingConfig,
    pub vpin: VpinConfig,
    /// The obsolete `tick_size`, only compared with the exchange's.
    pub tick_size_expected: Option<Decimal>,
    /// The obsolete `min_qty`, only compared with the exchange's.
    pub min_qty_expected: Option<Decimal>,
}

/// `symbols[].vol_scale:`
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "see the key table")]
pub struct VolScaleConfig {
    pub coeff: Decimal,
    pub min: Decimal,
    pub max: Decimal,
}

/// `symbols[].funding:`
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "see the key table")]
pub struct FundingConfig {
    pub bias: Decimal,
    pub alpha: Decimal,
}

/// `symbols[].vpin:`
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "see the key table")]
pub struct VpinConfig {
    pub enabled: bool,
    pub bucket_volume: Option<Decimal>,
    pub threshold: Decimal,
    pub widening: Decimal,
    pub pause_threshold: Decimal,
    pub pause: Duration,
}

/// A configuration and what was noticed while loading it.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// Findings that do not forbid running.
    pub warnings: Vec<Issue>,
}

impl Config {
    /// Loads and checks a file.
    ///
    /// # Errors
    /// [`Rejected`] with every error found; nothing of the file is used then.
    pub fn load(path: &Path) -> Result<Loaded, Rejected> {
        let text = raw::read_text(path).map_err(Rejected::because)?;
        Self::parse(&path.display().to_string(), &text)
    }

    /// Parses and checks a text; `file` is only named in findings.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn parse(file: &str, text: &str) -> Result<Loaded, Rejected> {
        let tree = raw::parse(file, text).map_err(Rejected::because)?;
        let outcome = read::read(file, &tree.root);
        let mut findings = outcome.findings;
        findings.errors.extend(tree.errors);
        let Some(config) = outcome.config else {
            return Err(findings.into_rejected());
        };
        findings.append(check::check(&config));
        if !findings.errors.is_empty() {
            return Err(findings.into_rejected());
        }
        findings.sort();
        Ok(Loaded {
            config,
            warnings: findings.warnings,
        })
    }

    /// The configuration of `symbol`.
    pub fn symbol(&self, symbol: &str) -> Option<&SymbolConfig> {
        self.symbols.iter().find(|entry| entry.symbol == symbol)
    }

    /// Every key with its value in force, in alphabetical order; `None` is unset. For the journal and the dashboard.
    pub fn settings(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        self.settings
            .iter()
            .map(|(key, setting)| (key.as_str(), setting.value.as_deref()))
    }

    /// A finding about `key` (full path) of this configuration, placed on its line when the file gives it.
    pub fn issue(&self, key: &str, message: impl Into<String>) -> Issue {
        Issue {
            file: self.file.clone(),
            line: self.settings.get(key).and_then(|setting| setting.line),
            key: Some(key.to_owned()),
            message: message.into(),
        }
    }
}

/// Errors and warnings on their way to the operator.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Findings {
    /// What forbids running.
    pub errors: Vec<Issue>,
    /// What does not.
    pub warnings: Vec<Issue>,
}

impl Findings {
    /// Adds the other findings to these.
    pub fn append(&mut self, other: Self) {
        self.errors.extend(other.errors);
        self.warnings.extend(other.warnings);
    }

    /// Puts both lists into the order of the file.
    pub fn sort(&mut self) {
        let place = |issue: &Issue| (issue.line.unwrap_or(u32::MAX), issue.key.clone());
        self.errors.sort_by_key(place);
        self.warnings.sort_by_key(place);
    }

    fn into_rejected(mut self) -> Rejected {
        self.sort();
        Rejected {
            errors: self.errors,
            warnings: self.warnings,
        }
    }
}

#[cfg(test)]
mod tests;
