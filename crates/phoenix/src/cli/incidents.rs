//! `phoenix incidents`: the list of what was kept of incidents, for people and machines.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};

use super::{Exit, output};
use crate::config::Config;
use crate::flight;
use crate::incident;
use crate::incident::list::{Kept, list};

/// List the incidents of which a bundle was kept, newest first.
#[derive(Debug, Clone, PartialEq, Args)]
pub struct IncidentsArgs {
    /// Configuration file, for its `state_dir`.
    #[arg(
        short = 'c',
        long = "config",
        value_name = "FILE",
        required_unless_present = "state_dir"
    )]
    pub config: Option<PathBuf>,
    /// The folder itself, in place of the file's.
    #[arg(long, value_name = "DIR", conflicts_with = "config")]
    pub state_dir: Option<PathBuf>,
    /// Print one JSON object on standard output, and nothing else there.
    #[arg(long)]
    pub json: bool,
}

/// Lists.
pub fn main(args: &IncidentsArgs) -> Exit {
    let state_dir = match state_dir(args) {
        Ok(folder) => folder,
        Err(why) => {
            output::say(&format!("phoenix incidents: {why}"));
            return Exit::Config;
        }
    };
    let folder = state_dir.join(incident::FOLDER);
    let kept = match list(&folder) {
        Ok(kept) => kept,
        Err(error) => {
            output::say(&format!("phoenix incidents: {}: {error}", folder.display()));
            return Exit::Failure;
        }
    };
    let printed = match args.json {
        true => {
            let all: Vec<Value> = kept.iter().map(|k| json_of(k, &state_dir)).collect();
            output::emit_json(&json!({"incidents": all}))
        }
        false => output::emit(&text_of(&kept, &folder, &state_dir)),
    };
    match printed {
        Ok(()) => Exit::Designed,
        Err(error) => {
            output::say(&format!("phoenix incidents: {error}"));
            Exit::Failure
        }
    }
}

fn state_dir(args: &IncidentsArgs) -> Result<PathBuf, String> {
    if let Some(folder) = &args.state_dir {
        return match folder.is_dir() {
            true => Ok(folder.clone()),
            false => Err(format!("{}: there is no such folder", folder.display())),
        };
    }
    let file = args.config.as_deref().unwrap_or(Path::new(""));
    match Config::load(file) {
        Ok(loaded) => Ok(loaded.config.global.state_dir),
        Err(rejected) => {
            let first = rejected.errors.first().map(ToString::to_string);
            Err(format!(
                "{}; --state-dir does without the file",
                first.unwrap_or_else(|| "the configuration is refused".to_owned())
            ))
        }
    }
}

/// What shows the incident again, from the bundle or, where it has no record, from the session's.
fn command(kept: &Kept, state_dir: &Path) -> String {
    let record = match kept.has_record {
        true => kept.folder.clone(),
        false => state_dir.join(flight::FOLDER),
    };
    format!(
        "phoenix replay '{}' --at {}",
        record.display(),
        time(kept.incident.at_ms)
    )
}

fn time(at_ms: i64) -> String {
    let at = jiff::Timestamp::from_millisecond(at_ms).unwrap_or_default();
    at.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}

fn json_of(kept: &Kept, state_dir: &Path) -> Value {
    let incident = &kept.incident;
    json!({
        "at": time(incident.at_ms),
        "at_s": incident.at_ms as f64 / 1e3,
        "code": incident.code,
        "level": incident.level,
        "symbol": incident.symbol,
        "text": incident.text,
        "session": incident.session,
        "version": incident.version,
        "is_complete": incident.is_complete,
        "has_record": kept.has_record,
        "bytes": kept.bytes,
        "folder": kept.folder,
        "command": command(kept, state_dir),
    })
}

fn text_of(kept: &[Kept], folder: &Path, state_dir: &Path) -> String {
    if kept.is_empty() {
        return format!("no incident is kept in {}\n", folder.display());
    }
    let mut text = String::new();
    for one in kept {
        let incident = &one.incident;
        let note = match (incident.is_complete, one.has_record) {
            (true, true) => "",
            (true, false) => ", without a record",
            (false, _) => ", incomplete: the process ended before",
        };
        text.push_str(&format!(
            "{}  {}  {}  level {}: {}\n    {:.1} MB in {}{note}\n    {}\n",
            time(incident.at_ms),
            incident.code,
            incident.symbol.as_deref().unwrap_or("-"),
            incident.level,
            incident.text,
            one.bytes as f64 / 1e6,
            one.folder.display(),
            command(one, state_dir)
        ));
    }
    text
}
