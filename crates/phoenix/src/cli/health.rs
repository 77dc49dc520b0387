//! `phoenix health`: arguments, and how the answer is printed; knows nothing of what is checked.

mod find;
mod question;

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;

use super::output;
use crate::health::text::{self, Colour};
use crate::health::{Health, Status};

/// The file that is read when none is named.
const DEFAULT_CONFIG: &str = "phoenix.yaml";
/// Shortest time between two looks.
const WATCH_MIN: Duration = Duration::from_secs(1);

/// Say how a running process fares: exit code 0 healthy, 1 warning, 2 severe.
///
/// Whatever cannot be known is severe: a process that is stopped, hangs or is gone, or a port on which another program
/// answers.
#[derive(Debug, Clone, PartialEq, Args)]
pub struct HealthArgs {
    /// Configuration file of the process; its `state_dir` says where it is found.
    #[arg(short = 'c', long = "config", value_name = "FILE", default_value = DEFAULT_CONFIG)]
    pub config: PathBuf,
    /// Folder of the process's state, in place of the configuration file's.
    #[arg(long, value_name = "DIR", conflicts_with = "url")]
    pub state_dir: Option<PathBuf>,
    /// Address of the process, such as http://127.0.0.1:9090, in place of the one that is found.
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,
    /// Fingerprint of the account, when several are traded from one folder.
    #[arg(long, value_name = "FINGERPRINT", conflicts_with = "url")]
    pub account: Option<String>,
    /// Print one JSON object on standard output; with --watch one for each look.
    #[arg(long)]
    pub json: bool,
    /// Look again and again, such as every 30s or 1m, and print what changes, until Ctrl-C.
    #[arg(long, value_name = "INTERVAL", value_parser = interval)]
    pub watch: Option<Duration>,
}

/// Looks, prints, and gives the exit code of what was seen last.
pub fn main(args: &HealthArgs) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let status = match runtime {
        Ok(runtime) => runtime.block_on(run(args)),
        Err(error) => {
            output::say(&format!("phoenix health: {error}"));
            Status::Severe
        }
    };
    ExitCode::from(status.exit_code())
}

async fn run(args: &HealthArgs) -> Status {
    let mut seen = look(args).await;
    print(args, None, &seen);
    let Some(every) = args.watch else {
        return seen.status;
    };
    let mut ticks = tokio::time::interval(every);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    ticks.tick().await;
    loop {
        tokio::select! {
            biased; // Whoever wants to stop does not wait for another look.
            _ = tokio::signal::ctrl_c() => return seen.status,
            _ = ticks.tick() => {}
        }
        let now = look(args).await;
        print(args, Some(&seen), &now);
        seen = now;
    }
}

async fn look(args: &HealthArgs) -> Health {
    match find::target(args) {
        Ok(target) => question::ask(&target).await,
        Err(health) => *health,
    }
}

fn print(args: &HealthArgs, before: Option<&Health>, now: &Health) {
    let written = if args.json {
        serde_json::to_value(now)
            .map_err(std::io::Error::other)
            .and_then(|value| output::emit_json(&value))
    } else {
        output::emit(&words(before, now))
    };
    if let Err(error) = written {
        output::say(&format!("phoenix health: {error}"));
    }
}

fn words(before: Option<&Health>, now: &Health) -> String {
    let is_plain = !std::io::stdout().is_terminal() || std::env::var_os("NO_COLOR").is_some();
    let colour = if is_plain { Colour::Off } else { Colour::On };
    match before {
        None => text::whole(now, colour),
        Some(before) => {
            let changed = text::changes(before, now, colour);
            match changed.is_empty() {
                true => String::new(),
                false => format!("{}\n{changed}", jiff::Zoned::now().strftime("%F %T %:z")),
            }
        }
    }
}

/// `30s`, `1m`, `2h`, or seconds without a unit.
fn interval(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = text.get(digits.len()..).unwrap_or_default();
    let seconds = match unit {
        "" | "s" => Some(1),
        "m" => Some(60),
        "h" => Some(3_600),
        _ => None,
    };
    let length = seconds
        .zip(digits.parse::<u32>().ok())
        .map(|(unit, count)| Duration::from_secs(unit * u64::from(count)));
    length
        .filter(|length| (WATCH_MIN..=Duration::from_secs(86_400)).contains(length))
        .ok_or_else(|| "expected an interval from 1s to 24h, such as 30s or 1m".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_have_a_unit_and_bounds() {
        for (text, seconds) in [
            ("30s", Some(30)),
            ("1m", Some(60)),
            ("2h", Some(7_200)),
            ("5", Some(5)),
            ("24h", Some(86_400)),
        ] {
            assert_eq!(interval(text).ok().map(|d| d.as_secs()), seconds, "{text}");
        }
        for text in [
            "",
            "0s",
            "-1s",
            "1d",
            "s",
            "25h",
            "1.5s",
            "30 s",
            "99999999999s",
        ] {
            assert!(interval(text).is_err(), "{text}");
        }
    }
}
