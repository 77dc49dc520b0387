//! Owns the bundles that are kept of incidents: what is in them, how many there are, how they are listed; does not know what
//! makes an incident.
//!
//! A bundle is a folder `<state_dir>/incidents/<utc time>-<code>/`. `incident.json` and `before.json` are written at once, the
//! rest some seconds later: `after.json`, `notices.jsonl`, and in `flight/` the session's record up to then.

pub mod keeper;
pub mod list;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Folder of the bundles in `state_dir`.
pub const FOLDER: &str = "incidents";
/// Most bundles; the oldest goes first.
pub const BUNDLES_MAX: usize = 50;
/// What the bundle is about.
pub const INCIDENT: &str = "incident.json";
/// View of the engine before.
pub const BEFORE: &str = "before.json";
/// View of the engine some seconds after.
pub const AFTER: &str = "after.json";
/// What was said around it: what happened, what was done and why.
pub const NOTICES: &str = "notices.jsonl";

/// What happened; the file `incident.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Incident {
    /// When, ms since the epoch.
    pub at_ms: i64,
    /// Code of the notice.
    pub code: String,
    /// Its level, 2 or 3.
    pub level: u8,
    /// Symbol, if it concerns one.
    pub symbol: Option<String>,
    /// The sentence.
    pub text: String,
    /// Session.
    pub session: u32,
    /// Version of the program.
    pub version: String,
    /// Whether everything is in the bundle; false when the process ended before.
    pub is_complete: bool,
}

/// A line of `notices.jsonl`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Said {
    /// When, ms since the epoch.
    pub at_ms: i64,
    /// Level: 0 state change, 1 warning, 2 severe, 3 emergency.
    pub level: u8,
    /// Code.
    pub code: String,
    /// Symbol.
    pub symbol: Option<String>,
    /// The sentence.
    pub text: String,
}

/// What is written at once.
#[derive(Debug, Clone)]
pub struct Opening {
    /// What happened.
    pub incident: Incident,
    /// The view before.
    pub before: Value,
}

/// What is written some seconds later.
#[derive(Debug, Clone)]
pub struct Closing {
    /// The incident that was opened.
    pub incident: Incident,
    /// The view after.
    pub after: Value,
    /// What was said around it.
    pub notices: Vec<Said>,
}

impl Incident {
    /// Name of its folder.
    #[must_use]
    pub fn folder(&self) -> String {
        let at = jiff::Timestamp::from_millisecond(self.at_ms).unwrap_or_default();
        format!("{}-{}", at.strftime("%Y%m%dT%H%M%S.%3fZ"), self.code)
    }
}
