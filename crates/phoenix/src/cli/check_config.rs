//! `phoenix check-config`: what a configuration file means, before it trades; talks to no exchange.

mod ladder;

use std::fmt::Write as _;
use std::path::PathBuf;

use serde_json::{Value, json};

use super::Exit;
use super::output::{emit, emit_json, say};
use crate::config::check::{Exposure, ReachableModes, check_filters, check_prices};
use crate::config::params::filters_of;
use crate::config::{Config, Decimal, Findings, Issue, SymbolConfig};
use ladder::{Grid, Rung};

/// Check a configuration file; show the ladder, margin need and worst case at a price.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// The file.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Mid price to compute with; for a file with several symbols SYMBOL=PRICE, repeatable.
    #[arg(long, value_name = "PRICE", value_parser = parse_mid)]
    pub mid: Vec<Mid>,
    /// Price step of the contract. Without it ETHUSDC's is known, and other symbols get no ladder.
    #[arg(long, value_name = "SIZE", requires = "step", value_parser = parse_positive)]
    pub tick: Option<Decimal>,
    /// Size step of the contract.
    #[arg(long, value_name = "SIZE", requires = "tick", value_parser = parse_positive)]
    pub step: Option<Decimal>,
    /// Print one JSON object on standard output, and nothing else there.
    #[arg(long)]
    pub json: bool,
}

/// `PRICE` or `SYMBOL=PRICE`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mid {
    symbol: Option<String>,
    price: Decimal,
}

fn parse_mid(text: &str) -> Result<Mid, String> {
    let (symbol, price) = match text.split_once('=') {
        Some((symbol, price)) => (Some(super::exchange::symbol(symbol)?), price),
        None => (None, text),
    };
    let price = parse_positive(price)?;
    Ok(Mid { symbol, price })
}

fn parse_positive(text: &str) -> Result<Decimal, String> {
    match text.parse::<Decimal>() {
        Ok(value) if value > Decimal::ZERO => Ok(value),
        Ok(_) => Err("expected a number above 0".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// Runs the command.
pub fn main(args: &Args) -> Exit {
    let report = Report::of(args);
    let exit = if report.findings.errors.is_empty() {
        Exit::Designed
    } else {
        Exit::Config
    };
    let written = if args.json {
        emit_json(&report.json())
    } else {
        emit(&report.text())
    };
    match written {
        Ok(()) => exit,
        Err(error) => {
            say(&format!("cannot write to standard output: {error}"));
            Exit::Failure
        }
    }
}

/// Everything that is said about a file.
struct Report {
    file: String,
    findings: Findings,
    symbols: Vec<SymbolReport>,
}

struct SymbolReport {
    symbol: String,
    strategy: &'static str,
    modes: ReachableModes,
    priced: Option<Priced>,
}

struct Priced {
    mid: Decimal,
    exposure: Exposure,
    rungs: Vec<Rung>,
    /// Why there is no ladder, or why it is short.
    note: Option<String>,
}

impl Report {
    fn of(args: &Args) -> Self {
        let file = args.file.display().to_string();
        let mut report = Self {
            file,
            findings: Findings::default(),
            symbols: Vec::new(),
        };
        match Config::load(&args.file) {
            Ok(loaded) => {
                report.findings.warnings = loaded.warnings;
                report.add_symbols(args, &loaded.config);
            }
            Err(rejected) => {
                report.findings = Findings {
                    errors: rejected.errors,
                    warnings: rejected.warnings,
                };
            }
        }
        report.findings.sort();
        report
    }

    fn add_symbols(&mut self, args: &Args, config: &Config) {
        let mids = match mids_of(args, config) {
            Ok(mids) => mids,
            Err(message) => {
                self.findings
                    .errors
                    .push(Issue::of_file(&self.file, message));
                return;
            }
        };
        self.findings.append(check_prices(config, &mids));
        for symbol in &config.symbols {
            let mid = mids
                .iter()
                .find(|(name, _)| *name == symbol.symbol)
                .map(|(_, mid)| *mid);
            let grid = Grid::of(symbol, args.tick.zip(args.step));
            if let Some(grid) = &grid {
                self.findings
                    .append(against_contract(config, symbol, grid, mid));
            }
            self.symbols.push(SymbolReport {
                symbol: symbol.symbol.clone(),
                strategy: symbol.strategy.word(),
                modes: ReachableModes::of(symbol),
                priced: mid.and_then(|mid| priced(config, symbol, mid, grid.as_ref())),
            });
        }
    }

    /// The sum over all symbols, or nothing when one is unknown: a part would look like the whole.
    fn total(&self, of: impl Fn(&Exposure) -> Decimal) -> Option<Decimal> {
        if self.symbols.is_empty() {
            return None;
        }
        self.symbols.iter().try_fold(Decimal::ZERO, |sum, symbol| {
            let priced = symbol.priced.as_ref()?;
            sum.checked_add(of(&priced.exposure))
        })
    }

    fn json(&self) -> Value {
        let rungs = self.symbols.iter().flat_map(|symbol| {
            let priced = symbol.priced.as_ref();
            priced
                .into_iter()
                .flat_map(|priced| &priced.rungs)
                .map(|rung| {
                    json!({
                        "symbol": symbol.symbol,
                        "side": rung.side,
                        "layer": rung.layer,
                        "price": number(Some(rung.price)),
                        "size": number(Some(rung.size)),
                    })
                })
        });
        json!({
            "ok": self.findings.errors.is_empty(),
            "errors": issues(&self.findings.errors),
            "warnings": issues(&self.findings.warnings),
            "ladder": rungs.collect::<Vec<Value>>(),
            "margin_quote": number(self.total(|exposure| exposure.margin_quote)),
            "worst_case": number(self.total(|exposure| exposure.worst_case_quote)),
            "symbols": self.symbols.iter().map(SymbolReport::json).collect::<Vec<Value>>(),
        })
    }

    fn text(&self) -> String {
        let mut out = String::new();
        for issue in &self.findings.errors {
            let _ = writeln!(out, "error: {issue}");
        }
        for issue in &self.findings.warnings {
            let _ = writeln!(out, "warning: {issue}");
        }
        for symbol in &self.symbols {
            symbol.write(&mut out);
        }
        let (errors, warnings) = (self.findings.errors.len(), self.findings.warnings.len());
        let verdict = if errors == 0 { "ok" } else { "refused" };
        let _ = writeln!(
            out,
            "{}: {verdict}, {errors} errors, {warnings} warnings",
            self.file
        );
        out
    }
}

impl SymbolReport {
    fn json(&self) -> Value {
        let priced = self.priced.as_ref();
        let exposure = priced.map(|priced| priced.exposure);
        json!({
            "symbol": self.symbol,
            "strategy": self.strategy,
            "mid": number(priced.map(|priced| priced.mid)),
            "margin_quote": number(exposure.map(|exposure| exposure.margin_quote)),
            "worst_case": number(exposure.map(|exposure| exposure.worst_case_quote)),
            "worst_case_own_fills": number(exposure.map(|exposure| exposure.own_fills_quote)),
            "modes_reachable_by_own_fills": self.mode_names(),
            "note": priced.and_then(|priced| priced.note.clone()),
        })
    }

    fn mode_names(&self) -> Vec<&'static str> {
        let modes = [
            (self.modes.pinning, "pinning"),
            (self.modes.grinding, "grinding"),
            (self.modes.reduce_only, "reduce_only"),
        ];
        modes
            .iter()
            .filter(|(reachable, _)| *reachable)
            .map(|(_, name)| *name)
            .collect()
    }

    fn write(&self, out: &mut String) {
        let modes = self.mode_names();
        let modes = if modes.is_empty() {
            "normal only".to_owned()
        } else {
            format!("normal, {}", modes.join(", "))
        };
        let _ = writeln!(
            out,
            "\n{} ({}): own fills can reach the modes {modes}",
            self.symbol, self.strategy
        );
        let Some(priced) = &self.priced else {
            let _ = writeln!(
                out,
                "  no price: give --mid {}=PRICE for ladder and margin\n",
                self.symbol
            );
            return;
        };
        let exposure = &priced.exposure;
        let _ = writeln!(
            out,
            "  at {}: worst case {} quote (own fills {}), margin {} quote",
            priced.mid,
            exposure.worst_case_quote.floor_to(2),
            exposure.own_fills_quote.floor_to(2),
            exposure.margin_quote.floor_to(2)
        );
        for rung in &priced.rungs {
            let _ = writeln!(
                out,
                "  {:4} {:>3}  {:>14}  {:>12}",
                rung.side, rung.layer, rung.price, rung.size
            );
        }
        if let Some(note) = &priced.note {
            let _ = writeln!(out, "  {note}");
        }
        out.push('\n');
    }
}

fn mids_of(args: &Args, config: &Config) -> Result<Vec<(String, Decimal)>, String> {
    let mut mids: Vec<(String, Decimal)> = Vec::new();
    for mid in &args.mid {
        let name = match (&mid.symbol, config.symbols.as_slice()) {
            (Some(symbol), _) => symbol.clone(),
            (None, [only]) => only.symbol.clone(),
            (None, _) => {
                return Err("the file has several symbols: give --mid SYMBOL=PRICE".to_owned());
            }
        };
        if config.symbol(&name).is_none() {
            return Err(format!("--mid names {name}, which is not in the file"));
        }
        if mids.iter().any(|(known, _)| *known == name) {
            return Err(format!("--mid gives {name} twice"));
        }
        mids.push((name, mid.price));
    }
    Ok(mids)
}

fn priced(
    config: &Config,
    symbol: &SymbolConfig,
    mid: Decimal,
    grid: Option<&Grid>,
) -> Option<Priced> {
    let exposure = Exposure::at(symbol, mid)?;
    let (rungs, note) = match grid {
        Some(grid) => grid.rungs(&config.global, symbol, mid),
        None => (
            Vec::new(),
            Some("no ladder: give the contract's --tick and --step".to_owned()),
        ),
    };
    Some(Priced {
        mid,
        exposure,
        rungs,
        note,
    })
}

/// The contract's rules. Those that nobody gave are this version's memory of the exchange's, and only warn.
fn against_contract(
    config: &Config,
    symbol: &SymbolConfig,
    grid: &Grid,
    mid: Option<Decimal>,
) -> Findings {
    let Some(instrument) = grid.instrument() else {
        return Findings::default();
    };
    let mut findings = check_filters(config, symbol, &filters_of(&instrument), mid);
    if grid.is_remembered() {
        let errors = std::mem::take(&mut findings.errors);
        findings.warnings.extend(errors);
        for issue in &mut findings.warnings {
            issue
                .message
                .push_str(" (by the contract's rules as this version knows them)");
        }
    }
    findings
}

fn number(value: Option<Decimal>) -> Value {
    value.map_or(Value::Null, |value| json!(value.to_f64()))
}

fn issues(issues: &[Issue]) -> Vec<Value> {
    let one = |issue: &Issue| {
        json!({
            "file": issue.file,
            "line": issue.line,
            "key": issue.key,
            "message": issue.message,
        })
    };
    issues.iter().map(one).collect()
}
