//! `phoenix emergency`: sees, cancels and closes with the trading process dead, hung or absent; needs nothing but the key.

mod act;
mod confirm;
mod target;
mod tell;

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::Exit;
use super::run::VenueName;
use crate::secrets;

/// Look, cancel or close with the trading process dead, hung or absent.
#[derive(Debug, Clone, Args)]
pub struct EmergencyArgs {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    options: Options,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Subcommand)]
enum Command {
    /// Show open orders, positions and whether a Phoenix runs here; changes nothing.
    Status,
    /// Cancel every order of this installation, and ask until none is open.
    CancelAll,
    /// Cancel, then close positions with orders that can only reduce them, and ask until none is left.
    CloseAll,
}

/// Where, which and how.
#[derive(Debug, Clone, Default, Args)]
struct Options {
    /// Configuration file; one that is missing or broken is told and done without.
    #[arg(short = 'c', long = "config", value_name = "FILE", global = true)]
    config: Option<PathBuf>,
    /// The venue; goes before the file's.
    #[arg(long, value_enum, global = true)]
    venue: Option<VenueName>,
    /// Base address of the REST interface, in place of the venue's own.
    #[arg(long, value_name = "URL", global = true)]
    rest_url: Option<String>,
    /// Folder with the instance's name, lock and kill file; goes before the file's.
    #[arg(long, value_name = "FOLDER", global = true)]
    state_dir: Option<PathBuf>,
    /// File with the keys, as `credentials_file` of the configuration.
    #[arg(long, value_name = "FILE", global = true)]
    credentials_file: Option<PathBuf>,
    /// Name of the installation in its order ids, where the state folder is lost.
    #[arg(long, value_name = "NAME", global = true)]
    instance: Option<String>,
    /// Only these symbols. Without it: orders of all symbols; positions of the configured ones, or of all without a configuration.
    #[arg(long, value_name = "A,B", value_delimiter = ',', global = true)]
    symbols: Vec<String>,
    /// Orders of other installations of Phoenix as well.
    #[arg(long, global = true)]
    any_instance: bool,
    /// Orders of anybody, placed by hand or by other programs, as well.
    #[arg(long, global = true)]
    all_orders: bool,
    /// Do not hold a running Phoenix down with the kill file.
    #[arg(long, global = true)]
    no_kill_file: bool,
    /// Do not ask.
    #[arg(long, global = true)]
    yes: bool,
    /// Print one JSON object on standard output, and nothing else there.
    #[arg(long, global = true)]
    json: bool,
    /// How long to keep trying. A ban that ends later is waited for all the same, up to an hour.
    #[arg(long, value_name = "SECONDS", default_value = "600", global = true, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    patience: u64,
}

/// Does it.
pub fn main(args: &EmergencyArgs) -> Exit {
    if let Err(error) = secrets::forbid_core_dumps() {
        super::output::say(&format!("core dumps cannot be forbidden: {error}"));
    }
    let mut target = match target::find(&args.options) {
        Ok(target) => target,
        Err(why) => {
            super::output::say(&format!("phoenix emergency: {why}"));
            return Exit::Config;
        }
    };
    target.tell();
    match args.command {
        Command::Status => act::status(&mut target, &args.options),
        Command::CancelAll => act::cancel_all(&mut target, &args.options),
        Command::CloseAll => act::close_all(&mut target, &args.options),
    }
}
