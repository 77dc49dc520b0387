//! The command line: which commands exist and how they end; does not know how they do their work.

pub mod check_config;
pub mod demo;
pub mod drill;
pub mod emergency;
pub mod ending;
pub mod exchange;
pub mod exit;
pub mod health;
pub mod incidents;
pub mod output;
pub mod outside;
pub mod replay;
pub mod run;
pub mod simulate;
pub mod watchdog;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

pub use exit::Exit;

/// Market maker for Binance USDⓈ-M perpetual futures.
#[derive(Debug, Parser)]
#[command(name = "phoenix", version, about, after_help = exit::HELP)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Demo(demo::DemoArgs),
    Run(run::RunArgs),
    Watchdog(watchdog::WatchdogArgs),
    Exchange(exchange::ExchangeArgs),
    Drill(drill::DrillArgs),
    Simulate(simulate::SimulateArgs),
    Health(health::HealthArgs),
    Replay(replay::ReplayArgs),
    Incidents(incidents::IncidentsArgs),
    CheckConfig(check_config::Args),
    Emergency(emergency::EmergencyArgs),
}

/// Parses the process's arguments, runs the command, and gives the exit code.
pub fn main() -> ExitCode {
    crate::live::contain::tell_panics();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are no errors; a closed output is nobody's concern here.
            let _ = error.print();
            let exit = if error.use_stderr() {
                Exit::Config
            } else {
                Exit::Designed
            };
            return exit.into();
        }
    };
    match cli.command {
        Command::Demo(args) => demo::main(&args).into(),
        Command::Run(args) => run::main(&args).into(),
        Command::Watchdog(args) => watchdog::main(&args).into(),
        Command::Exchange(args) => exchange::main(&args).into(),
        Command::Drill(args) => drill::main(&args).into(),
        Command::Simulate(args) => simulate::main(&args).into(),
        Command::Health(args) => health::main(&args),
        Command::Replay(args) => replay::main(&args).into(),
        Command::Incidents(args) => incidents::main(&args).into(),
        Command::CheckConfig(args) => check_config::main(&args).into(),
        Command::Emergency(args) => emergency::main(&args).into(),
    }
}
