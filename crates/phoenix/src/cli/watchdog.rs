//! `phoenix watchdog`: reads the same configuration and keys as `run`, and hands plain data to the watchdog's crate.

use std::ffi::OsString;

use clap::Args;
use phoenix_watchdog::policy::Limits;
use phoenix_watchdog::process::{Program, own_file};
use phoenix_watchdog::say::Form;
use phoenix_watchdog::supervise::{self, Setup};
use phoenix_watchdog::sweep::{NoVenue, Sweeper, VenueSweeper};

use super::run::{RunArgs, Target};
use super::{Exit, output, outside};
use crate::config::{self, Config, GlobalConfig, LogFormat};
use crate::secrets;

/// Start `run` as a child process and keep it honest: cancel, end and restart it when it stands still.
///
/// The arguments are those of `run`.
#[derive(Debug, Clone, PartialEq, Args)]
pub struct WatchdogArgs {
    #[command(flatten)]
    run: RunArgs,
}

/// Supervises until the child ends as designed, restarts do not help, or the operator ends it.
pub fn main(args: &WatchdogArgs) -> Exit {
    let prepared = prepare(&args.run, std::env::args_os());
    let (setup, sweeper) = match prepared {
        Ok(prepared) => prepared,
        Err(why) => {
            output::say(&format!("phoenix watchdog: {why}"));
            return Exit::Config;
        }
    };
    if let Err(error) = secrets::forbid_core_dumps() {
        output::say(&format!(
            "phoenix watchdog: core dumps cannot be forbidden: {error}"
        ));
    }
    match supervise::run(setup, sweeper) {
        Ok(code) => Exit::of_code(code),
        Err(error) => {
            output::say(&format!("phoenix watchdog: {error}"));
            Exit::Failure
        }
    }
}

type Prepared = (Setup, Box<dyn Sweeper>);

/// Everything that can be wrong is found here, before anything is started.
fn prepare(args: &RunArgs, typed: impl Iterator<Item = OsString>) -> Result<Prepared, String> {
    let config = load(args)?;
    let target = args.target(&config.global)?;
    let global = &config.global;
    let folder = &global.state_dir;
    std::fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let file = own_file().map_err(|error| format!("the program's own file: {error}"))?;
    let setup = Setup {
        program: Program {
            file,
            arguments: childs_arguments(typed),
            variables: Vec::new(),
        },
        limits: Limits {
            stall: global.watchdog.stall,
            restarts_max: usize::try_from(global.watchdog.restarts_max).unwrap_or(usize::MAX),
            restart_window: global.watchdog.restart_window,
        },
        form: match global.log_format {
            LogFormat::Human => Form::Human,
            LogFormat::Json => Form::Json,
        },
        log_file: Some(folder.join("watchdog.log")),
    };
    Ok((setup, sweeper(args, &target, global)?))
}

/// Warnings are left to the child, which says them too.
fn load(args: &RunArgs) -> Result<Config, String> {
    Config::load(&args.config)
        .map(|loaded| loaded.config)
        .map_err(|rejected| {
            let lines = rejected
                .errors
                .iter()
                .map(|issue| format!("\nerror: {issue}"));
            format!("the configuration is refused{}", lines.collect::<String>())
        })
}

/// Its own handle of the key and its own connection. A dry run sends nothing, and an exchange inside the child ends with it.
fn sweeper(
    args: &RunArgs,
    target: &Target,
    global: &GlobalConfig,
) -> Result<Box<dyn Sweeper>, String> {
    let is_inside = target.venue == config::Venue::Local && target.rest_url.is_none();
    if args.dry_run || is_inside {
        return Ok(Box::new(NoVenue));
    }
    let url = outside::rest_url(target.venue, target.rest_url.as_deref())?;
    let credentials = secrets::load(global).map_err(|error| error.to_string())?;
    let key = outside::key_of(credentials).map_err(|error| error.to_string())?;
    let venue = outside::venue(&url, key, global.recv_window);
    let name_file = global.state_dir.join("instance");
    Ok(Box::new(VenueSweeper::new(venue, name_file)))
}

/// What was typed behind `phoenix watchdog`, for `phoenix run`.
fn childs_arguments(typed: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let run = std::iter::once(OsString::from("run"));
    run.chain(typed.skip(2)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use phoenix_watchdog::policy::ending::code;

    #[test]
    fn the_child_is_given_what_was_typed() {
        let typed = ["phoenix", "watchdog", "-c", "a b.yaml", "--seconds", "3"];
        let arguments = childs_arguments(typed.into_iter().map(OsString::from));
        assert_eq!(arguments, ["run", "-c", "a b.yaml", "--seconds", "3"]);
    }

    #[test]
    fn the_watchdog_knows_the_exit_codes() {
        for (exit, known) in [
            (Exit::Designed, code::DESIGNED),
            (Exit::Failure, code::FAILURE),
            (Exit::Config, code::CONFIG),
            (Exit::Busy, code::BUSY),
            (Exit::Venue, code::VENUE),
            (Exit::Unclean, code::UNCLEAN),
            (Exit::Panicked, code::PANICKED),
            (Exit::GaveUp, code::GAVE_UP),
        ] {
            assert_eq!(exit.code(), known);
            assert_eq!(Exit::of_code(known), exit);
        }
        assert_eq!(Exit::of_code(101), Exit::Failure);
    }

    #[test]
    fn what_is_wrong_is_found_before_a_child_is_started() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("phoenix.yaml");
        let prepared = |text: &str, live: bool| {
            std::fs::write(&file, text).expect("a file");
            let args = RunArgs {
                config: file.clone(),
                venue: None,
                live,
                rest_url: None,
                ws_url: None,
                ws_api_url: None,
                dry_run: false,
                clear_halt: false,
                json: false,
                seconds: None,
            };
            prepare(&args, std::iter::empty()).map(|(setup, _)| setup)
        };
        let state = folder.path().join("state");
        let good = format!(
            "global:\n  total_notional_max: 1000\n  state_dir: \"{}\"\n  watchdog: {{stall_ms: 4000, restarts_max: 2}}\nsymbols:\n  - {{symbol: ETHUSDC, net_max: 0.5, unified_layer_size: 0.035, total_layers: 7}}\n",
            state.display()
        );
        let setup = prepared(&good, false).expect("the embedded exchange needs no key");
        assert_eq!(setup.limits.stall.as_secs(), 4);
        assert_eq!(setup.limits.restarts_max, 2);
        assert_eq!(setup.limits.restart_window.as_secs(), 600);
        assert!(state.is_dir());
        let refused = |text: &str, live| prepared(text, live).expect_err("refused");
        assert!(refused("global: 3\n", false).contains("phoenix.yaml:1"));
        assert!(refused(&good, true).contains("--live is given"));
    }
}
