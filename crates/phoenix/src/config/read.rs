//! Turns the located tree into typed values by the key table, collecting every error; does not know how a single value is parsed or what goes with what.

mod group;

use std::collections::BTreeMap;

use group::{Draft, Group, plain_text};

use super::keys::Section;
use super::raw::{Node, Value};
use super::{
    Config, Findings, FundingConfig, GlobalConfig, LivenessConfig, LogFormat, LogLevel,
    LogRotation, MarginType, OrderChannel, SYMBOLS_MAX, StrategyKind, SymbolConfig, Venue,
    VolScaleConfig, VpinConfig, WatchdogConfig,
};

/// What reading gives: findings, and a configuration when no value was wrong.
pub(super) struct Outcome {
    pub(super) config: Option<Config>,
    pub(super) findings: Findings,
}

/// Reads the document; the result is not yet checked as a whole.
pub(super) fn read(file: &str, root: &Node) -> Outcome {
    let mut draft = Draft {
        file,
        findings: Findings::default(),
        settings: BTreeMap::new(),
    };
    let config = draft.document(root);
    let Draft {
        findings, settings, ..
    } = draft;
    let complete = config.filter(|_| findings.errors.is_empty());
    Outcome {
        config: complete.map(|(global, symbols)| Config {
            file: file.to_owned(),
            global,
            symbols,
            settings,
        }),
        findings,
    }
}

impl Draft<'_> {
    fn document(&mut self, root: &Node) -> Option<(GlobalConfig, Vec<SymbolConfig>)> {
        if root.value == Value::Null {
            let message = "the file is empty; it needs `global:` and `symbols:`";
            self.error(None, "", message.to_owned());
            return None;
        }
        let mut top = Group::open(self, Section::Root, String::new(), Some(root))?;
        let global_node = top.child("global");
        let symbols_node = top.child("symbols");
        let global = Group::open(self, Section::Global, "global".to_owned(), global_node)
            .map(|mut group| group.global());
        let symbols = self.symbols(symbols_node);
        Some((global?, symbols?))
    }

    fn symbols(&mut self, node: Option<&Node>) -> Option<Vec<SymbolConfig>> {
        let items = match node.map(|node| (&node.value, node.line)) {
            Some((Value::List(items), _)) if !items.is_empty() => items,
            Some((Value::Null | Value::List(_), line)) => {
                self.error(
                    Some(line),
                    "symbols",
                    "the list is empty; give at least one symbol".to_owned(),
                );
                return None;
            }
            Some((other, line)) => {
                let message = format!("must be a list (`- symbol: …`), not {}", other.kind());
                self.error(Some(line), "symbols", message);
                return None;
            }
            None => {
                self.error(
                    None,
                    "symbols",
                    "is missing; give at least one symbol".to_owned(),
                );
                return None;
            }
        };
        if items.len() > SYMBOLS_MAX {
            let message = format!("{} symbols; at most {SYMBOLS_MAX} are allowed", items.len());
            self.error(node.map(|node| node.line), "symbols", message);
            return None;
        }
        let mut seen: BTreeMap<String, u32> = BTreeMap::new();
        let mut symbols = Vec::new();
        for (index, item) in items.iter().enumerate() {
            let path = symbol_path(item, index);
            if let Some(first) = seen.insert(path.clone(), item.line) {
                let message = format!("is configured twice; first in line {first}");
                self.error(Some(item.line), &path, message);
                continue;
            }
            if let Some(mut group) = Group::open(self, Section::Symbol, path, Some(item)) {
                symbols.push(group.symbol());
            }
        }
        Some(symbols)
    }
}

/// `symbols.ETHUSDC` when the item names its symbol, else `symbols[0]`.
fn symbol_path(item: &Node, index: usize) -> String {
    if let Value::Map(entries) = &item.value {
        for entry in entries {
            if let ("symbol", Value::Scalar { text, .. }) = (entry.key.as_str(), &entry.node.value)
                && is_symbol(text)
            {
                return format!("symbols.{text}");
            }
        }
    }
    format!("symbols[{index}]")
}

fn is_symbol(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    (2..=32).contains(&text.len()) && text.bytes().all(allowed)
}

impl Group<'_, '_, '_> {
    fn global(&mut self) -> GlobalConfig {
        GlobalConfig {
            venue: self.venue(),
            rest_url: self.text("rest_url"),
            ws_url: self.text("ws_url"),
            ws_api_url: self.text("ws_api_url"),
            recv_window: self.time("recv_window_ms"),
            private_key_file: self.path("private_key_file"),
            credentials_file: self.path("credentials_file"),
            state_dir: self.path("state_dir").unwrap_or_default(),
            journal_keep_days: self.int("journal_keep_days"),
            flight: self.flag("flight"),
            flight_keep_mb: self.int("flight_keep_mb"),
            total_notional_max: self.number("total_notional_max"),
            quote_interval: self.time("quote_interval_ms"),
            halt: self.time("halt_seconds"),
            drawdown_ratio: self.number("drawdown_ratio"),
            request_share_max: self.number("request_share_max"),
            order_channel: self
                .choice("order_channel", OrderChannel::from_word)
                .unwrap_or(OrderChannel::Auto),
            order_timeout: self.time("order_timeout_ms"),
            kill_file: self.text("kill_file").unwrap_or_default(),
            listen_address: self.address("listen_address"),
            metrics_port: u16::try_from(self.int("metrics_port")).unwrap_or(0),
            log_level: self
                .choice("log_level", LogLevel::from_word)
                .unwrap_or(LogLevel::Info),
            log_format: self
                .choice("log_format", LogFormat::from_word)
                .unwrap_or(LogFormat::Human),
            log_file: self.path("log_file"),
            log_rotation: self
                .choice("log_rotation", LogRotation::from_word)
                .unwrap_or(LogRotation::Daily),
            log_files_max: self.int("log_files_max"),
            liveness: self.inner(Section::Liveness).liveness(),
            watchdog: self.inner(Section::Watchdog).watchdog(),
        }
    }

    fn watchdog(&mut self) -> WatchdogConfig {
        WatchdogConfig {
            stall: self.time("stall_ms"),
            restarts_max: self.int("restarts_max"),
            restart_window: self.time("restart_window_s"),
        }
    }

    /// `venue` decides; without it `testnet: true` means the testnet and everything else the embedded exchange.
    fn venue(&mut self) -> Venue {
        let testnet = self.flag("testnet");
        let given = self.choice("venue", Venue::from_word);
        let line = self.child("testnet").map(|node| node.line);
        match (given, testnet) {
            (Some(Venue::Local | Venue::Live), true) => {
                let message = "contradicts `venue`; remove `testnet`".to_owned();
                self.draft.error(line, "global.testnet", message);
            }
            (None, false) if line.is_some() => {
                let message = "no longer selects the live exchange: without `venue` orders go to the embedded exchange; \
                               use `--venue live --live` to trade with real money";
                self.draft
                    .warning(line, "global.testnet", message.to_owned());
            }
            (_, true | false) => {}
        }
        given.unwrap_or(if testnet {
            Venue::Testnet
        } else {
            Venue::Local
        })
    }

    fn address(&mut self, name: &str) -> std::net::IpAddr {
        let loopback = std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
        let Some(text) = self.text(name) else {
            return loopback;
        };
        text.parse().unwrap_or_else(|_| {
            let line = self.child(name).map(|node| node.line);
            let message = format!(
                "must be an IP address such as 127.0.0.1; found {}",
                plain_text(&text)
            );
            let path = self.full(name);
            self.draft.error(line, &path, message);
            loopback
        })
    }

    fn liveness(&mut self) -> LivenessConfig {
        LivenessConfig {
            stream_stale: self.time("stream_stale_ms"),
            stream_dead: self.time("stream_dead_ms"),
            event_lag_max: self.time("event_lag_max_ms"),
            adaptive: self.flag("adaptive"),
            book_probe_interval: self.time("book_probe_interval_ms"),
            reconcile_interval: self.time("reconcile_interval_ms"),
            user_event_timeout: self.time("user_event_timeout_ms"),
            listen_key_keepalive: self.time("listen_key_keepalive_s"),
            connection_age_max: self.time("connection_age_max_s"),
            reconnect_delay_min: self.time("reconnect_delay_min_ms"),
            reconnect_delay_max: self.time("reconnect_delay_max_ms"),
            dead_man: self.time("dead_man_s"),
        }
    }

    fn symbol(&mut self) -> SymbolConfig {
        SymbolConfig {
            symbol: self.symbol_name(),
            strategy: self
                .choice("strategy", StrategyKind::from_word)
                .unwrap_or(StrategyKind::Asmm),
            risk_aversion: self.number("risk_aversion"),
            net_max: self.number("net_max"),
            batch_worst_case_ratio: self.number("batch_worst_case_ratio"),
            total_layers: self.int("total_layers"),
            unified_layer_size: self.number("unified_layer_size"),
            min_spread: self.number("min_spread"),
            grid_start_offset: self.number("grid_start_offset"),
            grid_first_spacing: self.number("grid_first_spacing"),
            grid_spacing_multiplier: self.number("grid_spacing_multiplier"),
            grid_max_spacing: self.number("grid_max_spacing"),
            inventory_skew_coeff: self.number("inventory_skew_coeff"),
            skew_dead_zone: self.number("skew_dead_zone"),
            growing_side_cut: self.number("growing_side_cut"),
            warning_thresh: self.number("warning_thresh"),
            pinning_enabled: self.flag("pinning_enabled"),
            pinning_thresh: self.number("pinning_thresh"),
            pinning_size_multiplier: self.number("pinning_size_multiplier"),
            grinding_enabled: self.flag("grinding_enabled"),
            grinding_thresh: self.number("grinding_thresh"),
            grinding_reduce_ratio: self.number("grinding_reduce_ratio"),
            grinding_reentry_bps: self.number("grinding_reentry_bps"),
            grinding_reentry_multiplier: self.number("grinding_reentry_multiplier"),
            grinding_cooldown: self.time("grinding_cooldown_s"),
            grinding_sigma_max: self.number("grinding_sigma_max"),
            reduce_only_thresh: self.number("reduce_only_thresh"),
            stop_loss_thresh: self.number("stop_loss_thresh"),
            price_deviation_max: self.number("price_deviation_max"),
            order_value_max: self.number("order_value_max"),
            leverage: self.int("leverage"),
            margin_type: self
                .choice("margin_type", MarginType::from_word)
                .unwrap_or(MarginType::Cross),
            max_cancel_per_min: self.int("max_cancel_per_min"),
            min_order_age: self.time("min_order_age_s"),
            reprice_tolerance: self.number("reprice_tolerance"),
            reprice_tolerance_ticks: self.int("reprice_tolerance_ticks"),
            first_layer_tolerance: self.int("first_layer_tolerance"),
            vol_scale: self.inner(Section::VolScale).vol_scale(),
            funding: self.inner(Section::Funding).funding(),
            vpin: self.inner(Section::Vpin).vpin(),
            tick_size_expected: self.obsolete_number("tick_size"),
            min_qty_expected: self.obsolete_number("min_qty"),
        }
    }

    fn symbol_name(&mut self) -> String {
        let name = self.text("symbol").unwrap_or_default();
        if !name.is_empty() && !is_symbol(&name) {
            let line = self.child("symbol").map(|node| node.line);
            let message = format!(
                "must be the exchange's name in upper-case letters and digits, such as ETHUSDC; found {}",
                plain_text(&name)
            );
            let path = self.full("symbol");
            self.draft.error(line, &path, message);
        }
        name
    }

    fn vol_scale(&mut self) -> VolScaleConfig {
        VolScaleConfig {
            coeff: self.number("coeff"),
            min: self.number("min"),
            max: self.number("max"),
        }
    }

    fn funding(&mut self) -> FundingConfig {
        FundingConfig {
            bias: self.number("bias"),
            alpha: self.number("alpha"),
        }
    }

    fn vpin(&mut self) -> VpinConfig {
        VpinConfig {
            enabled: self.flag("enabled"),
            bucket_volume: self.number_or_unset("bucket_volume"),
            threshold: self.number("threshold"),
            widening: self.number("widening"),
            pause_threshold: self.number("pause_threshold"),
            pause: self.time("pause_s"),
        }
    }
}
