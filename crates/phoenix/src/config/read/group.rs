//! One mapping of the file, read key by key against the key table; does not know which keys make up a configuration.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use super::super::keys::{self, Absent, Change, Key, Kind, Section};
use super::super::raw::{Entry, Node, Value};
use super::super::{Decimal, Findings, Issue, Setting};

pub(super) struct Draft<'a> {
    pub(super) file: &'a str,
    pub(super) findings: Findings,
    pub(super) settings: BTreeMap<String, Setting>,
}

impl Draft<'_> {
    pub(super) fn error(&mut self, line: Option<u32>, key: &str, message: String) {
        self.findings.errors.push(self.issue(line, key, message));
    }

    pub(super) fn warning(&mut self, line: Option<u32>, key: &str, message: String) {
        self.findings.warnings.push(self.issue(line, key, message));
    }

    fn issue(&self, line: Option<u32>, key: &str, message: String) -> Issue {
        Issue {
            file: self.file.to_owned(),
            line,
            key: (!key.is_empty()).then(|| key.to_owned()),
            message,
        }
    }
}

/// A mapping that is read key by key.
pub(super) struct Group<'d, 'f, 'n> {
    pub(super) draft: &'d mut Draft<'f>,
    section: Section,
    path: String,
    entries: &'n [Entry],
    line: Option<u32>,
}

/// What stands at a key.
enum Found<'n> {
    Given {
        text: &'n str,
        quoted: bool,
        line: Option<u32>,
    },
    Unset,
    /// Reported already.
    Bad,
}

impl<'d, 'f, 'n> Group<'d, 'f, 'n> {
    /// `None` when the node is no mapping, which is reported. An absent group has all its defaults.
    pub(super) fn open(
        draft: &'d mut Draft<'f>,
        section: Section,
        path: String,
        node: Option<&'n Node>,
    ) -> Option<Self> {
        let entries: &[Entry] = match node.map(|node| &node.value) {
            None | Some(Value::Null) => &[],
            Some(Value::Map(entries)) => entries,
            Some(other) => {
                let message = format!(
                    "must be a group of `key: value` lines, not {}",
                    other.kind()
                );
                draft.error(node.map(|node| node.line), &path, message);
                return None;
            }
        };
        let mut group = Self {
            draft,
            section,
            path,
            entries,
            line: node.map(|node| node.line),
        };
        group.report_strangers();
        Some(group)
    }

    fn report_strangers(&mut self) {
        for entry in self.entries {
            let name = entry.key.as_str();
            let child = self.section.children().any(|child| child.name() == name);
            if child || keys::find(self.section, name).is_some() {
                continue;
            }
            let path = self.full(name);
            if let Some(old) = keys::find_obsolete(self.section, name) {
                let message = format!("no longer matters: {}", old.replacement);
                self.draft.warning(Some(entry.line), &path, message);
            } else {
                let message = stranger(self.section, name);
                self.draft.error(Some(entry.line), &path, message);
            }
        }
    }

    pub(super) fn full(&self, name: &str) -> String {
        if self.path.is_empty() {
            name.to_owned()
        } else {
            format!("{}.{name}", self.path)
        }
    }

    pub(super) fn child(&mut self, name: &str) -> Option<&'n Node> {
        let entry = self.entries.iter().find(|entry| entry.key == name)?;
        Some(&entry.node)
    }

    /// Opens the group `section` inside this one; a group of the wrong shape is reported and read as absent.
    pub(super) fn inner(&mut self, section: Section) -> Group<'_, 'f, 'n> {
        let path = self.full(section.name());
        let node = self.child(section.name());
        if let Some(node) = node
            && !matches!(node.value, Value::Map(_) | Value::Null)
        {
            let message = format!(
                "must be a group of `key: value` lines, not {}",
                node.value.kind()
            );
            self.draft.error(Some(node.line), &path, message);
        }
        let entries: &[Entry] = match node.map(|node| &node.value) {
            Some(Value::Map(entries)) => entries,
            Some(Value::Null | Value::Scalar { .. } | Value::List(_)) | None => &[],
        };
        let mut group = Group {
            draft: self.draft,
            section,
            path,
            entries,
            line: node.map(|node| node.line),
        };
        group.report_strangers();
        group
    }

    fn find(&mut self, key: &'static Key) -> Found<'n> {
        let path = self.full(key.name);
        let Some(node) = self.child(key.name) else {
            return match key.absent {
                Absent::Unset => {
                    self.record(key, None, None);
                    Found::Unset
                }
                Absent::Default(text) => Found::Given {
                    text,
                    quoted: matches!(key.kind, Kind::Text | Kind::Path | Kind::Choice(_)),
                    line: None,
                },
                Absent::Refused => {
                    let message = format!("is required: {}", wanted(key));
                    self.draft.error(self.line, &path, message);
                    Found::Bad
                }
            };
        };
        match &node.value {
            Value::Scalar { text, quoted } => Found::Given {
                text,
                quoted: *quoted,
                line: Some(node.line),
            },
            Value::Null => {
                let message = format!("has no value: {}", wanted(key));
                self.draft.error(Some(node.line), &path, message);
                Found::Bad
            }
            other @ (Value::List(_) | Value::Map(_)) => {
                let message = format!("must be {}; found {}", wanted(key), other.kind());
                self.draft.error(Some(node.line), &path, message);
                Found::Bad
            }
        }
    }

    fn record(&mut self, key: &Key, value: Option<String>, line: Option<u32>) {
        let setting = Setting {
            value,
            line,
            change: key.change,
        };
        self.draft.settings.insert(self.full(key.name), setting);
    }

    fn wrong(&mut self, key: &Key, text: &str, quoted: bool, line: Option<u32>, why: &str) {
        let path = self.full(key.name);
        let shown = if quoted {
            quoted_text(text)
        } else {
            plain_text(text)
        };
        let message = format!("must be {}; found {shown}{why}", wanted(key));
        self.draft.error(line, &path, message);
    }

    fn key(&self, name: &str) -> &'static Key {
        keys::find(self.section, name).expect("every key that is read stands in the key table")
    }

    /// The decimal at `name`; `None` when it is unset or was reported.
    pub(super) fn number_or_unset(&mut self, name: &str) -> Option<Decimal> {
        let key = self.key(name);
        let (text, quoted, line) = match self.find(key) {
            Found::Given { text, quoted, line } => (text, quoted, line),
            Found::Unset | Found::Bad => return None,
        };
        if quoted {
            self.wrong(key, text, quoted, line, " (write it without quotes)");
            return None;
        }
        let value = match text.parse::<Decimal>() {
            Ok(value) => value,
            Err(error) => {
                self.wrong(key, text, quoted, line, &format!(" ({error})"));
                return None;
            }
        };
        let whole = key.kind != Kind::Int || value.to_int().is_some();
        if !whole || !key.range.contains(value) {
            self.wrong(key, text, quoted, line, "");
            return None;
        }
        self.record(key, Some(value.to_string()), line);
        Some(value)
    }

    /// The decimal at `name`; zero stands in for one that was reported, and is never used.
    pub(super) fn number(&mut self, name: &str) -> Decimal {
        self.number_or_unset(name).unwrap_or(Decimal::ZERO)
    }

    pub(super) fn int(&mut self, name: &str) -> u32 {
        let value = self.number(name).to_int().unwrap_or(0);
        u32::try_from(value).unwrap_or(0)
    }

    pub(super) fn time(&mut self, name: &str) -> Duration {
        let key = self.key(name);
        // 10^-12 of the unit, in nanoseconds: 1 ms = 10^6 ns, 1 s = 10^9 ns.
        let e12_per_nano = if key.unit == "ms" { 1_000_000 } else { 1_000 };
        // The ranges of the table keep spans positive and below 2^64 ns.
        let nanos = self.number(name).e12() / e12_per_nano;
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(0))
    }

    pub(super) fn flag(&mut self, name: &str) -> bool {
        let key = self.key(name);
        let Found::Given { text, quoted, line } = self.find(key) else {
            return false;
        };
        let value = match text {
            "true" | "True" | "TRUE" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" => Some(true),
            "false" | "False" | "FALSE" | "no" | "No" | "NO" | "off" | "Off" | "OFF" => Some(false),
            _ => None,
        };
        let Some(value) = value.filter(|_| !quoted) else {
            self.wrong(key, text, quoted, line, "");
            return false;
        };
        self.record(key, Some(value.to_string()), line);
        value
    }

    pub(super) fn choice<T>(&mut self, name: &str, from_word: fn(&str) -> Option<T>) -> Option<T> {
        let key = self.key(name);
        let Found::Given { text, quoted, line } = self.find(key) else {
            return None;
        };
        let word = text.to_ascii_lowercase();
        let value = from_word(&word);
        if value.is_some() {
            self.record(key, Some(word), line);
        } else {
            self.wrong(key, text, quoted, line, "");
        }
        value
    }

    pub(super) fn text(&mut self, name: &str) -> Option<String> {
        let key = self.key(name);
        let Found::Given { text, quoted, line } = self.find(key) else {
            return None;
        };
        if text.is_empty() || text.chars().any(char::is_control) {
            self.wrong(key, text, quoted, line, "");
            return None;
        }
        self.record(key, Some(text.to_owned()), line);
        Some(text.to_owned())
    }

    pub(super) fn path(&mut self, name: &str) -> Option<PathBuf> {
        self.text(name).map(PathBuf::from)
    }

    /// The number at an obsolete key, when it is one; it is only compared later.
    pub(super) fn obsolete_number(&mut self, name: &str) -> Option<Decimal> {
        let node = self.child(name)?;
        let value = match &node.value {
            Value::Scalar { text, .. } => text.parse().ok(),
            Value::Null | Value::List(_) | Value::Map(_) => None,
        };
        let setting = Setting {
            value: value.map(|value: Decimal| value.to_string()),
            line: Some(node.line),
            change: Change::Live,
        };
        self.draft.settings.insert(self.full(name), setting);
        value
    }
}

/// What the operator may have meant by an unknown key. Its value is never shown: it could be a secret.
fn stranger(section: Section, name: &str) -> String {
    let lower = name.to_ascii_lowercase();
    if lower.contains("secret")
        || lower.contains("api_key")
        || lower.contains("apikey")
        || lower.contains("password")
    {
        return "secrets never stand in this file; use the environment variables BINANCE_API_KEY and \
                BINANCE_API_SECRET, `credentials_file` or `private_key_file`"
            .to_owned();
    }
    let mut message = format!("unknown key in {}", section.place());
    if let Some(near) = keys::nearest(section, name) {
        message.push_str(&format!("; did you mean `{near}`?"));
    } else if let Some(other) = keys::elsewhere(section, name) {
        message.push_str(&format!("; it belongs into {}", other.place()));
    }
    message
}

/// What a key takes, in words: `a whole number, 1 to 100`.
fn wanted(key: &Key) -> String {
    let mut words = match key.kind {
        Kind::Bool => "true or false".to_owned(),
        Kind::Int => "a whole number".to_owned(),
        Kind::Number => "a number".to_owned(),
        Kind::Time => format!(
            "a time in {}",
            if key.unit == "ms" {
                "milliseconds"
            } else {
                "seconds"
            }
        ),
        Kind::Text => "a text".to_owned(),
        Kind::Path => "a path".to_owned(),
        Kind::Choice(words) => format!("one of {}", words.join(", ")),
    };
    let range = key.range.words();
    if !range.is_empty() {
        words.push_str(", ");
        words.push_str(&range);
    }
    words
}

/// The longest piece of a value that a message repeats.
const SHOWN_CHARS_MAX: usize = 40;

pub(super) fn plain_text(text: &str) -> String {
    let mut shown: String = text
        .chars()
        .take(SHOWN_CHARS_MAX)
        .flat_map(char::escape_debug)
        .collect();
    if text.chars().nth(SHOWN_CHARS_MAX).is_some() {
        shown.push('…');
    }
    format!("`{shown}`")
}

fn quoted_text(text: &str) -> String {
    format!("the quoted text {}", plain_text(text))
}
