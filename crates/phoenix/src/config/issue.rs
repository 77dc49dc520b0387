//! One finding about a configuration file: where it is and what is allowed there; knows nothing of YAML or of the keys.

use std::fmt;

/// A finding with its place. Whether it is an error or a warning is said by the list it is in.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Issue {
    /// The file as the operator named it.
    pub file: String,
    /// Line, counted from 1; `None` when the finding is about something absent.
    pub line: Option<u32>,
    /// Full key, e.g. `symbols.ETHUSDC.net_max`; `None` when it is about the whole file.
    pub key: Option<String>,
    /// What is wrong and what would be right.
    pub message: String,
}

impl Issue {
    /// A finding about a whole file.
    pub fn of_file(file: &str, message: impl Into<String>) -> Self {
        Self {
            file: file.to_owned(),
            line: None,
            key: None,
            message: message.into(),
        }
    }

    /// The same finding, placed on `line`.
    #[must_use]
    pub fn at_line(mut self, line: u32) -> Self {
        self.line = Some(line);
        self
    }
}

impl fmt::Display for Issue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        f.write_str(": ")?;
        if let Some(key) = &self.key {
            write!(f, "{key}: ")?;
        }
        f.write_str(&self.message)
    }
}

/// Everything wrong with a configuration, never empty; the configuration is refused as a whole.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", joined(.errors))]
pub struct Rejected {
    /// What must be corrected.
    pub errors: Vec<Issue>,
    /// What was noticed besides.
    pub warnings: Vec<Issue>,
}

impl Rejected {
    /// A refusal for one reason.
    pub fn because(issue: Issue) -> Self {
        Self {
            errors: vec![issue],
            warnings: Vec::new(),
        }
    }
}

fn joined(errors: &[Issue]) -> String {
    let lines: Vec<String> = errors.iter().map(Issue::to_string).collect();
    lines.join("\n")
}
