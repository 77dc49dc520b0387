//! Tests of loading a whole file: the original's sample, every kind of wrong input, defaults, differences, documentation.

mod readers;

use std::path::Path;

use super::check::{Exposure, ReachableModes, SymbolFilters, check_filters, check_prices};
use super::diff::{diff, is_live_applicable, symbol_changes};
use super::*;

const SAMPLE: &str = include_str!("../../tests/fixtures/phoenix_live.yaml");
const SMALL: &str = "\
global:
  total_notional_max: 1000
symbols:
  - symbol: ETHUSDC
    net_max: 0.5
    unified_layer_size: 0.01
";

fn load(text: &str) -> Loaded {
    Config::parse("t.yaml", text).unwrap_or_else(|rejected| panic!("{text}\n{rejected}"))
}

fn errors(text: &str) -> String {
    match Config::parse("t.yaml", text) {
        Ok(_) => String::from("(no error)"),
        Err(rejected) => rejected.to_string(),
    }
}

fn warnings(text: &str) -> String {
    let lines: Vec<String> = load(text).warnings.iter().map(Issue::to_string).collect();
    lines.join("\n")
}

fn decimal(text: &str) -> Decimal {
    text.parse().expect("a decimal of the test")
}

/// The small file with one more line for its symbol.
fn with_symbol_line(line: &str) -> String {
    format!("{SMALL}    {line}\n")
}

/// The small file with one more line under `global:`.
fn with_global_line(line: &str) -> String {
    SMALL.replace("global:\n", &format!("global:\n  {line}\n"))
}

#[test]
fn the_originals_sample_loads_unchanged() {
    let loaded = load(SAMPLE);
    let config = &loaded.config;
    assert_eq!(config.global.venue, Venue::Local);
    assert_eq!(config.global.total_notional_max, decimal("1000"));
    assert_eq!(config.global.quote_interval, Duration::from_secs(1));
    assert_eq!(config.global.metrics_port, 9090);
    assert_eq!(config.global.log_level, LogLevel::Info);
    let eth = config.symbol("ETHUSDC").expect("the sample's symbol");
    assert_eq!(eth.net_max, decimal("0.5"));
    assert_eq!(eth.total_layers, 7);
    assert_eq!(eth.unified_layer_size, decimal("0.035"));
    assert_eq!(eth.grid_spacing_multiplier, decimal("1.15"));
    assert_eq!(eth.max_cancel_per_min, 200);
    assert_eq!(eth.tick_size_expected, Some(decimal("0.01")));
    assert_eq!(eth.min_qty_expected, Some(decimal("0.005")));
}

#[test]
fn the_samples_obsolete_keys_are_named_with_their_replacement() {
    insta::assert_snapshot!(warnings(SAMPLE), @r"
t.yaml:2: global.testnet: no longer selects the live exchange: without `venue` orders go to the embedded exchange; use `--venue live --live` to trade with real money
t.yaml:6: global.snapshot_path: no longer matters: the journal in `state_dir` holds the state
t.yaml:7: global.snapshot_interval: no longer matters: the journal in `state_dir` holds the state and is written at once
t.yaml:13: symbols.ETHUSDC.tick_size: no longer matters: taken from the exchange; the value here is only compared with it
t.yaml:14: symbols.ETHUSDC.min_qty: no longer matters: taken from the exchange; the value here is only compared with it
t.yaml:21: symbols.ETHUSDC.base_layer_size: no longer matters: `unified_layer_size` is the size of every layer
t.yaml:22: symbols.ETHUSDC.near_layers: no longer matters: `total_layers` counts the layers of a side
t.yaml:23: symbols.ETHUSDC.far_layers: no longer matters: `total_layers` counts the layers of a side
t.yaml:24: symbols.ETHUSDC.far_layer_size: no longer matters: `unified_layer_size` is the size of every layer
t.yaml:25: symbols.ETHUSDC.near_layer_start_offset: no longer matters: `grid_start_offset` places the first layer
t.yaml:26: symbols.ETHUSDC.near_layer_spacing_ratio: no longer matters: `grid_spacing_multiplier` spaces the layers
t.yaml:27: symbols.ETHUSDC.far_layer_start_offset: no longer matters: `grid_start_offset` places the first layer
t.yaml:28: symbols.ETHUSDC.far_layer_end_offset: no longer matters: `grid_max_spacing` limits the spacing
t.yaml:29: symbols.ETHUSDC.layer_spacing_mode: no longer matters: the ladder is always geometric: `grid_first_spacing`, `grid_spacing_multiplier`, `grid_max_spacing`
t.yaml:30: symbols.ETHUSDC.spacing_ratio: no longer matters: `grid_spacing_multiplier` spaces the layers
");
}

#[test]
fn absent_keys_have_the_defaults_of_the_specification() {
    let config = load(SMALL).config;
    let eth = &config.symbols[0];
    assert_eq!(eth.batch_worst_case_ratio, decimal("0.5"));
    assert_eq!(eth.total_layers, 18);
    assert_eq!(eth.max_cancel_per_min, 50);
    assert_eq!(eth.min_order_age, Duration::from_secs(5));
    assert_eq!(eth.strategy, StrategyKind::Asmm);
    assert_eq!(eth.price_deviation_max, decimal("0.15"));
    assert_eq!(eth.funding.alpha, decimal("0.3"));
    assert!(!eth.vpin.enabled);
    assert_eq!(eth.vpin.threshold, decimal("0.7"));
    assert_eq!(eth.vpin.bucket_volume, None);
    assert_eq!(config.global.halt, Duration::from_secs(300));
    assert_eq!(config.global.liveness.stream_stale, Duration::from_secs(3));
    assert_eq!(config.global.liveness.stream_dead, Duration::from_secs(5));
    assert_eq!(config.global.liveness.dead_man, Duration::from_secs(30));
    assert_eq!(
        config.global.liveness.reconnect_delay_min,
        Duration::from_millis(250)
    );
    assert_eq!(config.global.recv_window, Duration::from_millis(5000));
}

#[test]
fn every_key_of_the_table_is_read_and_every_default_recorded() {
    let config = load(SMALL).config;
    for key in keys::all() {
        let parent = match key.section {
            keys::Section::Root => String::new(),
            keys::Section::Global => "global".to_owned(),
            keys::Section::Liveness | keys::Section::Watchdog => {
                format!("global.{}", key.section.name())
            }
            keys::Section::Symbol => "symbols.ETHUSDC".to_owned(),
            keys::Section::VolScale | keys::Section::Funding | keys::Section::Vpin => {
                format!("symbols.ETHUSDC.{}", key.section.name())
            }
        };
        let path = format!("{parent}.{}", key.name);
        // `venue`, paths and addresses without a default are recorded as unset.
        assert!(config.settings.contains_key(&path), "{path} is never read");
    }
}

#[test]
fn the_words_of_the_enums_are_those_of_the_table() {
    let words = |section, name: &str| match keys::find(section, name).map(|key| key.kind) {
        Some(keys::Kind::Choice(words)) => words,
        other => panic!("{name}: {other:?}"),
    };
    let global = keys::Section::Global;
    assert_eq!(words(global, "venue"), Venue::WORDS);
    assert_eq!(words(global, "order_channel"), OrderChannel::WORDS);
    assert_eq!(words(global, "log_level"), LogLevel::WORDS);
    assert_eq!(words(global, "log_format"), LogFormat::WORDS);
    assert_eq!(words(global, "log_rotation"), LogRotation::WORDS);
    assert_eq!(
        words(keys::Section::Symbol, "strategy"),
        StrategyKind::WORDS
    );
    assert_eq!(
        words(keys::Section::Symbol, "margin_type"),
        MarginType::WORDS
    );
    assert_eq!(Venue::Testnet.word(), "testnet");
}

#[test]
fn unknown_keys_name_line_and_nearest_key() {
    for (text, part) in [
        (
            with_symbol_line("min_spred: 0.1"),
            "t.yaml:7: symbols.ETHUSDC.min_spred: unknown key in `symbols:`; did you mean `min_spread`?",
        ),
        (
            with_symbol_line("metrics_port: 1"),
            "it belongs into `global:`",
        ),
        (
            with_symbol_line("vpin: {treshold: 0.5}"),
            "t.yaml:7: symbols.ETHUSDC.vpin.treshold: unknown key in `symbols.vpin:`; did you mean `threshold`?",
        ),
        (
            with_global_line("net_max: 1"),
            "t.yaml:2: global.net_max: unknown key in `global:`; it belongs into `symbols:`",
        ),
        (
            format!("{SMALL}simbols: []\n"),
            "t.yaml:7: simbols: unknown key in the top level; did you mean `symbols`?",
        ),
        (
            with_global_line("flux_capacitor: 1"),
            "unknown key in `global:`",
        ),
    ] {
        let found = errors(&text);
        assert!(found.contains(part), "{text}\n{found}");
        assert_eq!(found.lines().count(), 1, "{found}");
    }
}

#[test]
fn a_secret_in_the_file_is_refused_without_being_shown() {
    let found = errors(&with_global_line("api_secret: hunter2hunter2"));
    assert!(
        found.contains("t.yaml:2: global.api_secret: secrets never stand in this file"),
        "{found}"
    );
    assert!(!found.contains("hunter2"), "{found}");
}

#[test]
fn values_of_the_wrong_type_say_what_is_allowed() {
    let text = "\
global:
  total_notional_max: lots
  testnet: maybe
  metrics_port: 90.5
  quote_interval_ms: [1]
  log_level: loud
  liveness: fast
  listen_address: everywhere
  rest_url: \"\"
symbols:
  - symbol: ethusdc
    net_max: \"0.5\"
    unified_layer_size: 0.0000000000001
    total_layers:
    strategy: martingale
    pinning_enabled: \"true\"
    vpin:
      enabled: 1
";
    insta::assert_snapshot!(errors(text), @r"
t.yaml:2: global.total_notional_max: must be a number, above 0, at most 1000000000; found `lots` (not a decimal number such as 0.0007)
t.yaml:3: global.testnet: must be true or false; found `maybe`
t.yaml:4: global.metrics_port: must be a whole number, 0 to 65535; found `90.5`
t.yaml:5: global.quote_interval_ms: must be a time in milliseconds, 100 to 60000; found a list
t.yaml:6: global.log_level: must be one of trace, debug, info, warn, error; found `loud`
t.yaml:7: global.liveness: must be a group of `key: value` lines, not a single value
t.yaml:8: global.listen_address: must be an IP address such as 127.0.0.1; found `everywhere`
t.yaml:9: global.rest_url: must be a text; found the quoted text ``
t.yaml:11: symbols[0].symbol: must be the exchange's name in upper-case letters and digits, such as ETHUSDC; found `ethusdc`
t.yaml:12: symbols[0].net_max: must be a number, above 0, at most 1000000000; found the quoted text `0.5` (write it without quotes)
t.yaml:13: symbols[0].unified_layer_size: must be a number, above 0, at most 1000000000; found `0.0000000000001` (more than 12 decimal places)
t.yaml:14: symbols[0].total_layers: has no value: a whole number, 1 to 100
t.yaml:15: symbols[0].strategy: must be one of asmm, avellaneda_stoikov, glft; found `martingale`
t.yaml:16: symbols[0].pinning_enabled: must be true or false; found the quoted text `true`
t.yaml:18: symbols[0].vpin.enabled: must be true or false; found `1`
");
}

#[test]
fn values_out_of_range_say_the_range() {
    for (line, part) in [
        (
            "total_layers: 0",
            "must be a whole number, 1 to 100; found `0`",
        ),
        ("total_layers: 101", "1 to 100; found `101`"),
        (
            "min_spread: -0.1",
            "must be a number, 0 to 0.1; found `-0.1`",
        ),
        (
            "pinning_thresh: 0",
            "between 0 and 1, both excluded; found `0`",
        ),
        (
            "grinding_thresh: 1",
            "between 0 and 1, both excluded; found `1`",
        ),
        (
            "batch_worst_case_ratio: 1.01",
            "above 0, at most 1; found `1.01`",
        ),
        ("leverage: 126", "1 to 125; found `126`"),
        ("net_max: 0", "given twice"),
        (
            "min_order_age_s: -1",
            "must be a time in seconds, 0 to 300; found `-1`",
        ),
    ] {
        let found = errors(&with_symbol_line(line));
        assert!(found.contains(part), "{line}: {found}");
    }
    let found = errors(&SMALL.replace("net_max: 0.5", "net_max: 0"));
    assert!(
        found.contains("net_max: must be a number, above 0"),
        "{found}"
    );
    let found = errors(&SMALL.replace("size: 0.01", "size: -0.01"));
    assert!(
        found.contains("t.yaml:6: symbols.ETHUSDC.unified_layer_size: must be a number, above 0"),
        "{found}"
    );
}

#[test]
fn values_that_contradict_each_other_are_errors() {
    for (line, part) in [
        (
            "pinning_thresh: 0.7",
            "t.yaml:7: symbols.ETHUSDC.pinning_thresh: must be below `grinding_thresh`: 0 < pinning < grinding < 1; found 0.7 and 0.6",
        ),
        ("grinding_thresh: 0.5", "found 0.5 and 0.5"),
        (
            "total_layers: 100",
            "needs up to 2 × 100 + 2 = 202 open orders; the exchange allows 200",
        ),
        ("vpin: {threshold: 0.95}", "must be below `pause_threshold`"),
        (
            "batch_worst_case_ratio: 0.01",
            "unified_layer_size: must not be above net_max × batch_worst_case_ratio = 0.005, or nothing can be quoted",
        ),
    ] {
        let found = errors(&with_symbol_line(line));
        assert!(found.contains(part), "{line}: {found}");
    }
    for (line, part) in [
        (
            "liveness: {stream_stale_ms: 3000, stream_dead_ms: 3000}",
            "must be below `stream_dead_ms`",
        ),
        (
            "liveness: {reconnect_delay_min_ms: 5000, reconnect_delay_max_ms: 1000}",
            "must not be above `reconnect_delay_max_ms`",
        ),
        (
            "liveness: {dead_man_s: 5}",
            "must be longer than `stream_dead_ms`",
        ),
        ("rest_url: https://127.0.0.1:1", "needs `ws_url` beside it"),
        (
            "rest_url: ftp://127.0.0.1",
            "must begin with http:// or https://",
        ),
        (
            "rest_url: https://user:pw@host",
            "must not carry a user name",
        ),
        (
            "ws_api_url: ws://127.0.0.1:1",
            "needs `rest_url` and `ws_url` beside it",
        ),
        ("kill_file: ../KILL", "must be a plain file name"),
    ] {
        let found = errors(&with_global_line(line));
        assert!(found.contains(part), "{line}: {found}");
    }
    let found = errors(&with_global_line("venue: live\n  testnet: true"));
    assert!(
        found.contains("t.yaml:3: global.testnet: contradicts `venue`"),
        "{found}"
    );
}

#[test]
fn odd_but_possible_values_are_warnings() {
    for (line, part) in [
        (
            "grinding_thresh: 0.85",
            "t.yaml:7: symbols.ETHUSDC.grinding_thresh: is reached only after reduce-only",
        ),
        (
            "total_layers: 30",
            "only 25 of 30 layers of 0.01 fit into net_max × batch_worst_case_ratio = 0.25",
        ),
        ("grid_max_spacing: 1", "is above `grid_max_spacing`"),
        (
            "tick_size: 0.01",
            "no longer matters: taken from the exchange",
        ),
    ] {
        let found = warnings(&with_symbol_line(line));
        assert!(found.contains(part), "{line}: {found}");
    }
    for (line, part) in [
        (
            "testnet: false",
            "t.yaml:2: global.testnet: no longer selects the live exchange",
        ),
        ("listen_address: 0.0.0.0", "reachable from other machines"),
        (
            "rest_url: http://10.0.0.1\n  ws_url: wss://10.0.0.1",
            "global.rest_url: is not encrypted",
        ),
    ] {
        let found = warnings(&with_global_line(line));
        assert!(found.contains(part), "{line}: {found}");
    }
    assert_eq!(warnings(SMALL), "");
    assert_eq!(
        warnings(&with_global_line(
            "rest_url: http://localhost:1\n  ws_url: ws://[::1]:2"
        )),
        ""
    );
}

#[test]
fn files_without_content_say_what_is_needed() {
    for (text, part) in [
        (
            "",
            "t.yaml: the file is empty; it needs `global:` and `symbols:`",
        ),
        ("# nothing\n", "the file is empty"),
        (
            "just text\n",
            "t.yaml:1: must be a group of `key: value` lines, not a single value",
        ),
        ("- a\n- b\n", "not a list"),
        ("global:\n", "symbols: is missing; give at least one symbol"),
        ("symbols: []\n", "the list is empty"),
        (
            "symbols: {ETHUSDC: {}}\n",
            "must be a list (`- symbol: …`), not a group of keys",
        ),
        ("symbols:\n  - ETHUSDC\n", "symbols[0]: must be a group"),
        (
            "symbols:\n  - {}\n",
            "symbols[0].symbol: is required: a text",
        ),
    ] {
        let found = errors(text);
        assert!(found.contains(part), "{text:?}: {found}");
    }
}

#[test]
fn a_symbol_given_twice_is_an_error() {
    let text = format!("{SMALL}  - symbol: ETHUSDC\n    net_max: 1\n    unified_layer_size: 0.1\n");
    let found = errors(&text);
    assert_eq!(
        found,
        "t.yaml:7: symbols.ETHUSDC: is configured twice; first in line 4"
    );
}

#[test]
fn too_many_symbols_are_an_error() {
    let mut text = String::from("global: {total_notional_max: 1}\nsymbols:\n");
    for number in 0..=SYMBOLS_MAX {
        text.push_str(&format!(
            "  - {{symbol: S{number}, net_max: 1, unified_layer_size: 0.01}}\n"
        ));
    }
    assert!(errors(&text).contains("51 symbols; at most 50 are allowed"));
}

#[test]
fn errors_of_all_symbols_come_at_once_in_the_order_of_the_file() {
    let text = "\
global: {total_notional_max: 0, moon: 1}
symbols:
  - {symbol: ETHUSDC, net_max: x, unified_layer_size: 0.01}
  - {symbol: BTCUSDC, net_max: 1}
";
    let found = errors(text);
    let lines: Vec<&str> = found.lines().collect();
    assert_eq!(lines.len(), 4, "{found}");
    for (line, part) in lines.iter().zip([
        "t.yaml:1: global.moon",
        "t.yaml:1: global.total_notional_max",
        "t.yaml:3: symbols.ETHUSDC.net_max",
        "t.yaml:4: symbols.BTCUSDC.unified_layer_size: is required",
    ]) {
        assert!(line.starts_with(part), "{line} / {part}");
    }
}

fn filters() -> SymbolFilters {
    SymbolFilters {
        tick_size: decimal("0.01"),
        step_size: decimal("0.001"),
        min_qty: decimal("0.001"),
        max_qty: decimal("8000"),
        min_notional: decimal("20"),
        orders_max: 200,
    }
}

#[test]
fn the_exchanges_filters_are_checked() {
    let check = |text: &str, mid: Option<&str>| {
        let config = load(text).config;
        let findings = check_filters(&config, &config.symbols[0], &filters(), mid.map(decimal));
        let shown = |issues: &[Issue]| {
            issues
                .iter()
                .map(Issue::to_string)
                .collect::<Vec<_>>()
                .join("\n")
        };
        (shown(&findings.errors), shown(&findings.warnings))
    };
    let (found, warned) = check(SAMPLE, Some("3000"));
    assert_eq!(found, "");
    assert_eq!(
        warned,
        "t.yaml:14: symbols.ETHUSDC.min_qty: is 0.001 at the exchange, which is used; the file says 0.005"
    );

    let (found, _) = check(&SMALL.replace("0.01", "0.0005"), None);
    assert!(
        found.contains("t.yaml:6: symbols.ETHUSDC.unified_layer_size: must be at least 0.001"),
        "{found}"
    );
    assert!(
        found.contains("must be a multiple of the exchange's size step 0.001; found 0.0005"),
        "{found}"
    );
    let (found, _) = check(SMALL, Some("1500"));
    assert!(found.contains("is worth less than 20 at 1500"), "{found}");
    let (found, _) = check(&SMALL.replace("0.5", "20000").replace("0.01", "9000"), None);
    assert!(found.contains("must be at most 8000"), "{found}");
}

#[test]
fn prices_show_what_the_limits_mean() {
    let check = |text: &str, mid: &str| {
        let config = load(text).config;
        let findings = check_prices(&config, &[("ETHUSDC".to_owned(), decimal(mid))]);
        let lines: Vec<String> = findings
            .errors
            .iter()
            .chain(&findings.warnings)
            .map(Issue::to_string)
            .collect();
        lines.join("\n")
    };
    assert_eq!(check(SAMPLE, "3000"), "");
    let found = check(SAMPLE, "5000");
    assert!(found.contains("t.yaml:3: global.total_notional_max: is below what the ladders can reach at these prices (1250)"), "{found}");
    assert!(found.contains("min_spread decides"), "{found}");
    let found = check(&SMALL.replace("0.01", "0.25"), "60000");
    assert!(
        found.contains("order_value_max: is below the value of one layer at 60000 (15000)"),
        "{found}"
    );

    let config = load(SAMPLE).config;
    let exposure = Exposure::at(&config.symbols[0], decimal("3000")).expect("no overflow");
    assert_eq!(exposure.worst_case_quote, decimal("1500"));
    assert_eq!(exposure.own_fills_quote, decimal("750"));
    assert_eq!(exposure.margin_quote, decimal("75"));
    let modes = ReachableModes::of(&config.symbols[0]);
    assert_eq!(
        (modes.pinning, modes.grinding, modes.reduce_only),
        (true, false, false)
    );
}

#[test]
fn a_difference_is_by_value_not_by_spelling() {
    let old = load(SMALL).config;
    let same = load("symbols: [{unified_layer_size: 1e-2, net_max: 0.50, symbol: ETHUSDC, total_layers: 18}]\nglobal: {total_notional_max: 1000.0}\n").config;
    assert_eq!(diff(&old, &same), []);

    let new = load(&with_symbol_line("total_layers: 3").replace("1000", "2000")).config;
    let changes = diff(&old, &new);
    let shown: Vec<String> = changes.iter().map(ToString::to_string).collect();
    assert_eq!(
        shown,
        [
            "global.total_notional_max: 1000 → 2000",
            "symbols.ETHUSDC.total_layers: 18 → 3"
        ]
    );
    assert!(is_live_applicable(&changes));
}

#[test]
fn a_venue_change_needs_a_restart_and_a_new_symbol_does_not() {
    let old = load(SMALL).config;
    let moved = load(&with_global_line("venue: testnet")).config;
    let changes = diff(&old, &moved);
    assert_eq!(changes.len(), 1);
    assert_eq!(
        changes[0].to_string(),
        "global.venue: unset → testnet (needs a restart)"
    );
    assert!(!is_live_applicable(&changes));

    let two = load(&format!(
        "{SMALL}  - {{symbol: BTCUSDC, net_max: 1, unified_layer_size: 0.01, leverage: 5}}\n"
    ))
    .config;
    let changes = diff(&old, &two);
    assert!(is_live_applicable(&changes), "{changes:?}");
    assert!(
        changes
            .iter()
            .any(|change| change.key == "symbols.BTCUSDC.net_max" && change.old.is_none())
    );
    assert_eq!(symbol_changes(&old, &two), (vec!["BTCUSDC"], vec![]));
    assert_eq!(symbol_changes(&two, &old), (vec![], vec!["BTCUSDC"]));
}

#[test]
fn the_documentation_is_fresh() {
    let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/config.md"));
    let rendered = docs::render();
    if std::env::var_os("PHOENIX_BLESS").is_some() {
        std::fs::write(path, &rendered).expect("docs/config.md can be written");
    }
    let written = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        written == rendered,
        "docs/config.md is stale; refresh it with\n{}",
        docs::REFRESH
    );
}

#[test]
fn the_documented_smallest_file_loads() {
    let doc = docs::render();
    let yaml = doc
        .split("```yaml\n")
        .nth(1)
        .and_then(|rest| rest.split("```").next());
    assert_eq!(warnings(yaml.expect("an example")), "");
}

#[test]
fn the_settings_in_force_can_be_listed() {
    let config = load(SMALL).config;
    let settings: BTreeMap<&str, Option<&str>> = config.settings().collect();
    assert_eq!(settings["symbols.ETHUSDC.net_max"], Some("0.5"));
    assert_eq!(settings["global.halt_seconds"], Some("300"));
    assert_eq!(settings["global.rest_url"], None);
}

proptest::proptest! {
    #[test]
    fn no_text_makes_the_parser_panic(text in "(?s).{0,400}") {
        if let Err(rejected) = Config::parse("t.yaml", &text) {
            proptest::prop_assert!(!rejected.errors.is_empty());
        }
    }

    #[test]
    fn a_damaged_sample_is_refused_or_read_but_never_a_panic(
        cuts in proptest::collection::vec((0..SAMPLE.len(), "[a-z0-9:\\-\\[\\]{}&*#\"\n\t ]{0,3}"), 1..6)
    ) {
        let mut text = SAMPLE.to_owned();
        for (at, piece) in cuts {
            let at = at.min(text.len().saturating_sub(1));
            text.replace_range(at..(at + 1).min(text.len()), &piece);
        }
        match Config::parse("t.yaml", &text) {
            Ok(loaded) => proptest::prop_assert!(check::check(&loaded.config).errors.is_empty()),
            Err(rejected) => proptest::prop_assert!(!rejected.errors.is_empty()),
        }
    }
}
