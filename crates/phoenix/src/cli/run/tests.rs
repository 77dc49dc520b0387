//! Tests of the arguments of commands that run, and of the venue they lead to.

use clap::Parser;

use super::*;
use crate::cli::demo::DemoArgs;
use crate::cli::exchange::{Account, ExchangeArgs};
use crate::config::Config;

#[derive(Debug, Parser)]
enum Line {
    Demo(DemoArgs),
    Run(RunArgs),
    Exchange(ExchangeArgs),
}

fn parse(line: &str) -> Result<Line, String> {
    let words = std::iter::once("phoenix").chain(line.split_whitespace());
    Line::try_parse_from(words).map_err(|error| error.to_string())
}

fn run(line: &str) -> RunArgs {
    match parse(line) {
        Ok(Line::Run(args)) => args,
        other => panic!("{line}: {other:?}"),
    }
}

fn global(lines: &str) -> GlobalConfig {
    let text = format!(
        "global:\n  total_notional_max: 1\n{lines}symbols:\n  - {{symbol: ETHUSDC, net_max: 1, unified_layer_size: 0.01}}\n"
    );
    Config::parse("t.yaml", &text)
        .expect("a valid file")
        .config
        .global
}

#[test]
fn real_money_needs_the_venue_and_the_flag() {
    let live_file = "  venue: live\n";
    for (line, file, outcome) in [
        ("run -c f", "", Ok(Venue::Local)),
        ("run -c f", "  testnet: true\n", Ok(Venue::Testnet)),
        ("run -c f --venue testnet", "", Ok(Venue::Testnet)),
        ("run -c f --venue live --live", "", Ok(Venue::Live)),
        ("run -c f --live", live_file, Ok(Venue::Live)),
        ("run -c f --venue local", live_file, Ok(Venue::Local)),
        ("run -c f", live_file, Err("add --live")),
        ("run -c f --venue live", "", Err("add --live")),
        (
            "run -c f --live",
            "",
            Err("the venue is local: add --venue live"),
        ),
        (
            "run -c f --live --venue testnet",
            live_file,
            Err("the venue is testnet"),
        ),
    ] {
        let found = run(line).target(&global(file)).map(|target| target.venue);
        match (found, outcome) {
            (Ok(found), Ok(expected)) => assert_eq!(found, expected, "{line} {file}"),
            (Err(found), Err(part)) => assert!(found.contains(part), "{line} {file}: {found}"),
            other => panic!("{line} {file}: {other:?}"),
        }
    }
}

#[test]
fn addresses_come_from_one_place() {
    let file =
        "  venue: testnet\n  rest_url: https://a\n  ws_url: wss://b\n  ws_api_url: wss://c\n";
    let urls = |line: &str| {
        let target = run(line).target(&global(file)).expect("a target");
        (target.rest_url, target.ws_url, target.ws_api_url)
    };
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(
        urls("run -c f"),
        (some("https://a"), some("wss://b"), some("wss://c"))
    );
    assert_eq!(
        urls("run -c f --rest-url https://x --ws-url wss://y"),
        (some("https://x"), some("wss://y"), None),
        "the file's order interface does not belong to the other addresses"
    );
    assert_eq!(
        urls("run -c f --venue local"),
        (None, None, None),
        "the file's addresses are the testnet's"
    );
    let error = parse("run -c f --rest-url https://x").expect_err("half of the addresses");
    assert!(error.contains("--ws-url"), "{error}");
}

#[test]
fn demo_has_defaults_for_everything() {
    let Ok(Line::Demo(args)) = parse("demo") else {
        panic!("no arguments are needed");
    };
    assert_eq!(args.symbols, ["ETHUSDC"]);
    assert_eq!(
        (args.seconds, args.seed, args.speed, args.json),
        (None, None, 1.0, false)
    );
    let Ok(Line::Demo(args)) =
        parse("demo --symbols ETHUSDC,BTCUSDC --seconds 2.5 --json --replay a b --speed 10")
    else {
        panic!("all arguments");
    };
    assert_eq!(args.symbols, ["ETHUSDC", "BTCUSDC"]);
    assert_eq!(args.replay, [PathBuf::from("a"), PathBuf::from("b")]);
    assert_eq!(
        (args.seconds, args.speed, args.json),
        (Some(2.5), 10.0, true)
    );
}

#[test]
fn an_exchange_has_accounts_of_every_kind() {
    let Ok(Line::Exchange(args)) = parse(
        "exchange --listen 127.0.0.1:8080 --key K --ed25519 p.pem --account a:b --account c:d:e --seed 7",
    ) else {
        panic!("good arguments");
    };
    assert_eq!(args.listen.port(), 8080);
    assert_eq!(args.ed25519, Some(PathBuf::from("p.pem")));
    let accounts: Vec<(&str, &str)> = args
        .accounts
        .iter()
        .map(|Account { key, secret }| (key.as_str(), secret.as_str()))
        .collect();
    assert_eq!(accounts, [("a", "b"), ("c", "d:e")]);
    assert_eq!(args.seed, Some(7));
}

#[test]
fn wrong_arguments_are_refused() {
    for line in [
        "run",
        "run -c f --venue mars",
        "run -c f --seconds 0",
        "demo --seconds nan",
        "demo --seconds -1",
        "demo --seconds 1e300",
        "demo --symbols eth",
        "demo --speed 2",
        "demo --replay a --speed 0",
        "demo --replay a --seed 1",
        "exchange --secret s",
        "exchange --rsa p.pem",
        "exchange --account nosecret",
        "exchange --account :x",
        "exchange --loop",
        "exchange --listen nowhere",
    ] {
        assert!(parse(line).is_err(), "{line}");
    }
}
