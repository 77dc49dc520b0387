//! Compares configured values with each other, with the exchange's filters and with a price; does not know where the values came from.

use std::net::IpAddr;

use super::{Config, Decimal, Findings, GlobalConfig, SymbolConfig, Venue};

/// Open orders per symbol that the exchange allows (protocol §4.3, `MAX_NUM_ORDERS`).
pub const OPEN_ORDERS_MAX: u32 = 200;

/// The share of `net_max` at which grinding comes after reduce-only in the mode table (spec §3).
const GRINDING_LATE: &str = "0.80";

/// Trading rules of one symbol as the exchange publishes them (protocol §4.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SymbolFilters {
    /// Smallest price step, quote units.
    pub tick_size: Decimal,
    /// Smallest size step, base units.
    pub step_size: Decimal,
    /// Smallest order, base units.
    pub min_qty: Decimal,
    /// Largest limit order, base units.
    pub max_qty: Decimal,
    /// Smallest order value, quote units. Reduce-only orders are exempt.
    pub min_notional: Decimal,
    /// Open orders allowed.
    pub orders_max: u32,
}

/// The modes of spec §3 that fills of our own orders can reach, given `batch_worst_case_ratio`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReachableModes {
    /// |position| can reach `pinning_thresh`.
    pub pinning: bool,
    /// |position| can reach `grinding_thresh`.
    pub grinding: bool,
    /// |position| can reach `reduce_only_thresh`.
    pub reduce_only: bool,
}

impl ReachableModes {
    /// What own fills can reach under `symbol`'s limits.
    pub fn of(symbol: &SymbolConfig) -> Self {
        let reach = symbol.batch_worst_case_ratio;
        Self {
            pinning: symbol.pinning_enabled && reach >= symbol.pinning_thresh,
            grinding: symbol.grinding_enabled && reach >= symbol.grinding_thresh,
            reduce_only: reach >= symbol.reduce_only_thresh,
        }
    }
}

/// Collects findings about one group of keys.
struct Check<'a> {
    config: &'a Config,
    prefix: String,
    findings: Findings,
}

impl<'a> Check<'a> {
    fn of(config: &'a Config, prefix: String) -> Self {
        Self {
            config,
            prefix,
            findings: Findings::default(),
        }
    }

    fn error(&mut self, key: &str, message: impl Into<String>) {
        let issue = self
            .config
            .issue(&format!("{}.{key}", self.prefix), message);
        self.findings.errors.push(issue);
    }

    fn warning(&mut self, key: &str, message: impl Into<String>) {
        let issue = self
            .config
            .issue(&format!("{}.{key}", self.prefix), message);
        self.findings.warnings.push(issue);
    }
}

/// Checks that need nothing but the configuration.
pub fn check(config: &Config) -> Findings {
    let mut findings = check_global(config);
    for symbol in &config.symbols {
        findings.append(check_symbol(config, symbol));
    }
    findings
}

fn check_global(config: &Config) -> Findings {
    let global = &config.global;
    let mut check = Check::of(config, "global".to_owned());
    check_addresses(&mut check, global);
    let liveness = &global.liveness;
    if liveness.stream_stale >= liveness.stream_dead {
        check.error(
            "liveness.stream_stale_ms",
            "must be below `stream_dead_ms`: a stream is stale before it is dead",
        );
    }
    if liveness.reconnect_delay_min > liveness.reconnect_delay_max {
        check.error(
            "liveness.reconnect_delay_min_ms",
            "must not be above `reconnect_delay_max_ms`",
        );
    }
    if liveness.dead_man <= liveness.stream_dead {
        check.error(
            "liveness.dead_man_s",
            "must be longer than `stream_dead_ms`, or the exchange cancels before a dead stream is noticed",
        );
    }
    if global.private_key_file.is_some() && global.private_key_file == global.credentials_file {
        check.error(
            "private_key_file",
            "is the same file as `credentials_file`; a private key stands alone in its file",
        );
    }
    if global.kill_file.contains(['/', '\\']) || global.kill_file.starts_with('.') {
        check.error(
            "kill_file",
            "must be a plain file name; the file stands in `state_dir`",
        );
    }
    check.findings
}

fn check_addresses(check: &mut Check<'_>, global: &GlobalConfig) {
    let addresses = [
        ("rest_url", &global.rest_url, ["http://", "https://"]),
        ("ws_url", &global.ws_url, ["ws://", "wss://"]),
        ("ws_api_url", &global.ws_api_url, ["ws://", "wss://"]),
    ];
    for (key, address, schemes) in addresses {
        let Some(address) = address else { continue };
        let [plain, _] = schemes;
        let Some(rest) = schemes
            .iter()
            .find_map(|scheme| address.strip_prefix(scheme))
        else {
            check.error(
                key,
                format!("must begin with {} or {}", schemes[0], schemes[1]),
            );
            continue;
        };
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        if authority.is_empty() || authority.contains(char::is_whitespace) {
            check.error(key, "names no host");
        } else if authority.contains('@') {
            check.error(key, "must not carry a user name or password");
        } else if address.starts_with(plain) && !is_loopback(authority) {
            check.warning(
                key,
                "is not encrypted and not on this machine: keys and orders are readable on the way",
            );
        }
    }
    if global.rest_url.is_some() != global.ws_url.is_some() {
        let (given, missing) = if global.rest_url.is_some() {
            ("rest_url", "ws_url")
        } else {
            ("ws_url", "rest_url")
        };
        check.error(
            given,
            format!("needs `{missing}` beside it, so that data and orders come from one venue"),
        );
    }
    if global.venue == Venue::Local && global.ws_api_url.is_some() && global.rest_url.is_none() {
        check.error("ws_api_url", "needs `rest_url` and `ws_url` beside it");
    }
    if !global.listen_address.is_loopback() {
        check.warning(
            "listen_address",
            "makes the dashboard reachable from other machines; 127.0.0.1 keeps it on this one",
        );
    }
}

fn is_loopback(authority: &str) -> bool {
    let host = match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    host == "localhost"
        || host
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

fn check_symbol(config: &Config, symbol: &SymbolConfig) -> Findings {
    let mut check = Check::of(config, format!("symbols.{}", symbol.symbol));
    check_thresholds(&mut check, symbol);
    check_ladder(&mut check, symbol);
    let vpin = &symbol.vpin;
    if vpin.threshold >= vpin.pause_threshold {
        check.error(
            "vpin.threshold",
            "must be below `pause_threshold`: widening comes before pausing",
        );
    }
    check.findings
}

fn check_thresholds(check: &mut Check<'_>, symbol: &SymbolConfig) {
    let (pinning, grinding) = (symbol.pinning_thresh, symbol.grinding_thresh);
    if pinning >= grinding {
        check.error(
            "pinning_thresh",
            format!("must be below `grinding_thresh`: 0 < pinning < grinding < 1; found {pinning} and {grinding}"),
        );
    }
    let late: Decimal = GRINDING_LATE.parse().unwrap_or(Decimal::ONE);
    if grinding >= late || grinding >= symbol.reduce_only_thresh {
        check.warning(
            "grinding_thresh",
            format!(
                "is reached only after reduce-only, which begins at {} and comes first",
                symbol.reduce_only_thresh
            ),
        );
    }
}

fn check_ladder(check: &mut Check<'_>, symbol: &SymbolConfig) {
    let layers = symbol.total_layers;
    let orders_max = layers.saturating_mul(2).saturating_add(2);
    if orders_max > OPEN_ORDERS_MAX {
        check.error(
            "total_layers",
            format!("needs up to 2 × {layers} + 2 = {orders_max} open orders; the exchange allows {OPEN_ORDERS_MAX}"),
        );
    }
    if symbol.grid_first_spacing > symbol.grid_max_spacing {
        check.warning(
            "grid_first_spacing",
            "is above `grid_max_spacing`, which limits every spacing",
        );
    }
    let Some(bound) = symbol.net_max.checked_mul(symbol.batch_worst_case_ratio) else {
        return check.error("net_max", "is too large to compute with");
    };
    let size = symbol.unified_layer_size;
    let fitting = bound.floor_steps_of(size).unwrap_or(0);
    if fitting < 1 {
        check.error(
            "unified_layer_size",
            format!(
                "must not be above net_max × batch_worst_case_ratio = {bound}, or nothing can be quoted; found {size}"
            ),
        );
    } else if fitting < i64::from(layers) {
        check.warning(
            "total_layers",
            format!(
                "only {fitting} of {layers} layers of {size} fit into net_max × batch_worst_case_ratio = {bound}; \
                 the others are dropped from the far end"
            ),
        );
    }
}

/// Checks one symbol against the exchange's rules, and against `mid` (quote units) when one is known.
pub fn check_filters(
    config: &Config,
    symbol: &SymbolConfig,
    filters: &SymbolFilters,
    mid: Option<Decimal>,
) -> Findings {
    let mut check = Check::of(config, format!("symbols.{}", symbol.symbol));
    let size = symbol.unified_layer_size;
    if size < filters.min_qty {
        check.error(
            "unified_layer_size",
            format!(
                "must be at least {}, the smallest order the exchange takes; found {size}",
                filters.min_qty
            ),
        );
    }
    if size > filters.max_qty {
        check.error(
            "unified_layer_size",
            format!(
                "must be at most {}, the largest order the exchange takes; found {size}",
                filters.max_qty
            ),
        );
    }
    for (key, value) in [("unified_layer_size", size), ("net_max", symbol.net_max)] {
        if value.steps_of(filters.step_size).is_none() {
            check.error(
                key,
                format!(
                    "must be a multiple of the exchange's size step {}; found {value}",
                    filters.step_size
                ),
            );
        }
    }
    let orders = symbol.total_layers.saturating_mul(2).saturating_add(2);
    if orders > filters.orders_max {
        check.error(
            "total_layers",
            format!(
                "needs up to {orders} open orders; the exchange allows {} for this symbol",
                filters.orders_max
            ),
        );
    }
    check_expected(&mut check, symbol, filters);
    if let Some(mid) = mid
        && size
            .checked_mul(mid)
            .is_some_and(|value| value < filters.min_notional)
    {
        let least = filters.min_notional;
        check.error(
            "unified_layer_size",
            format!(
                "is worth less than {least} at {mid}, the smallest order value the exchange takes"
            ),
        );
    }
    check.findings
}

fn check_expected(check: &mut Check<'_>, symbol: &SymbolConfig, filters: &SymbolFilters) {
    let expected = [
        ("tick_size", symbol.tick_size_expected, filters.tick_size),
        ("min_qty", symbol.min_qty_expected, filters.min_qty),
    ];
    for (key, configured, actual) in expected {
        if let Some(configured) = configured.filter(|value| *value != actual) {
            check.warning(
                key,
                format!("is {actual} at the exchange, which is used; the file says {configured}"),
            );
        }
    }
}

/// The largest position's value and margin at a price.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exposure {
    /// `net_max` × mid, quote units.
    pub worst_case_quote: Decimal,
    /// What own fills can reach: `net_max` × `batch_worst_case_ratio` × mid, quote units.
    pub own_fills_quote: Decimal,
    /// Margin for the worst case at the configured leverage, quote units.
    pub margin_quote: Decimal,
}

impl Exposure {
    /// The exposure of `symbol` at `mid` (quote units); `None` when it overflows.
    pub fn at(symbol: &SymbolConfig, mid: Decimal) -> Option<Self> {
        let worst_case_quote = symbol.net_max.checked_mul(mid)?;
        let leverage = Decimal::from_int(i64::from(symbol.leverage));
        Some(Self {
            worst_case_quote,
            own_fills_quote: worst_case_quote.checked_mul(symbol.batch_worst_case_ratio)?,
            margin_quote: worst_case_quote.checked_div(leverage)?,
        })
    }
}

/// Checks the values that depend on prices: order values, `total_notional_max`, `min_spread`. Symbols without a price are left out.
pub fn check_prices(config: &Config, mids: &[(String, Decimal)]) -> Findings {
    let mut findings = Findings::default();
    let mut total = Some(Decimal::ZERO);
    for (name, mid) in mids {
        let Some(symbol) = config.symbol(name) else {
            continue;
        };
        findings.append(check_price(config, symbol, *mid));
        let own = Exposure::at(symbol, *mid).map(|exposure| exposure.own_fills_quote);
        total = total.zip(own).and_then(|(sum, own)| sum.checked_add(own));
    }
    let limit = config.global.total_notional_max;
    match total {
        None => findings.errors.push(config.issue("global.total_notional_max", "cannot be compared: a value is too large")),
        Some(total) if total > limit => findings.warnings.push(config.issue(
            "global.total_notional_max",
            format!("is below what the ladders can reach at these prices ({}); orders beyond it are refused", total.floor_to(2)),
        )),
        Some(_) => {}
    }
    findings
}

fn check_price(config: &Config, symbol: &SymbolConfig, mid: Decimal) -> Findings {
    let mut check = Check::of(config, format!("symbols.{}", symbol.symbol));
    let largest = symbol
        .unified_layer_size
        .checked_mul(symbol.pinning_size_multiplier);
    let order_value = |size: Decimal| size.checked_mul(mid);
    match order_value(symbol.unified_layer_size) {
        Some(value) if value > symbol.order_value_max => check.error(
            "order_value_max",
            format!(
                "is below the value of one layer at {mid} ({}); every order would be refused",
                value.floor_to(2)
            ),
        ),
        Some(_) => {
            let pinned = largest
                .and_then(order_value)
                .filter(|_| symbol.pinning_enabled);
            if pinned.is_some_and(|value| value > symbol.order_value_max) {
                check.warning("order_value_max", format!("cuts the pinned order at {mid}"));
            }
        }
        None => check.error(
            "unified_layer_size",
            format!("is too large to value at {mid}"),
        ),
    }
    let double = symbol
        .grid_start_offset
        .checked_add(symbol.grid_start_offset);
    let spread = symbol.min_spread.checked_mul(mid);
    if double.zip(spread).is_some_and(|(grid, least)| grid < least) {
        check.warning(
            "grid_start_offset",
            format!(
                "puts the first layers closer than min_spread allows at {mid}; min_spread decides"
            ),
        );
    }
    let band = symbol.price_deviation_max.checked_mul(mid);
    if band
        .zip(last_distance(symbol))
        .is_some_and(|(band, far)| far > band)
    {
        check.warning(
            "price_deviation_max",
            format!("is closer than the last layer at {mid} in a volatile market; farther layers are refused"),
        );
    }
    check.findings
}

/// Distance of the last layer from the reservation price at the largest volatility scale (spec §3), quote units.
fn last_distance(symbol: &SymbolConfig) -> Option<Decimal> {
    let mut distance = symbol.grid_start_offset;
    let mut spacing = symbol.grid_first_spacing;
    for _ in 1..symbol.total_layers {
        distance = distance.checked_add(spacing.min(symbol.grid_max_spacing))?;
        if spacing < symbol.grid_max_spacing {
            spacing = spacing.checked_mul(symbol.grid_spacing_multiplier)?;
        }
    }
    distance.checked_mul(symbol.vol_scale.max)
}
