//! What differs between two configurations, key by key, and what of it can be applied live; does not apply anything.

use std::collections::BTreeSet;
use std::fmt;

use super::Config;
use super::keys::Change;

/// One key whose value in force differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyChange {
    /// Full key, e.g. `symbols.ETHUSDC.net_max`.
    pub key: String,
    /// The value before; `None` when it was unset or the symbol is new.
    pub old: Option<String>,
    /// The value after; `None` when it is unset or the symbol is gone.
    pub new: Option<String>,
    /// Whether it takes effect without a restart.
    pub live: bool,
}

impl fmt::Display for KeyChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |value: &Option<String>| value.clone().unwrap_or_else(|| "unset".to_owned());
        write!(
            f,
            "{}: {} → {}",
            self.key,
            shown(&self.old),
            shown(&self.new)
        )?;
        if !self.live {
            f.write_str(" (needs a restart)")?;
        }
        Ok(())
    }
}

/// The differing keys in alphabetical order. Comments, order of keys and spelling of numbers are no difference.
pub fn diff(old: &Config, new: &Config) -> Vec<KeyChange> {
    let keys: BTreeSet<&String> = old.settings.keys().chain(new.settings.keys()).collect();
    let mut changes = Vec::new();
    for key in keys {
        let (before, after) = (old.settings.get(key), new.settings.get(key));
        let old_value = before.and_then(|setting| setting.value.clone());
        let new_value = after.and_then(|setting| setting.value.clone());
        if old_value == new_value {
            continue;
        }
        // A symbol that appears or disappears is applied as a whole, whatever its keys are.
        let whole_symbol = before.is_none() || after.is_none();
        let restart = [before, after]
            .into_iter()
            .flatten()
            .any(|setting| setting.change == Change::Restart);
        changes.push(KeyChange {
            key: key.clone(),
            old: old_value,
            new: new_value,
            live: whole_symbol || !restart,
        });
    }
    changes
}

/// Whether every change can be applied to the running process.
pub fn is_live_applicable(changes: &[KeyChange]) -> bool {
    changes.iter().all(|change| change.live)
}

/// The symbols that only `new` has and those that only `old` has.
pub fn symbol_changes<'a>(old: &'a Config, new: &'a Config) -> (Vec<&'a str>, Vec<&'a str>) {
    let only = |here: &'a Config, there: &'a Config| {
        here.symbols
            .iter()
            .map(|entry| entry.symbol.as_str())
            .filter(|symbol| there.symbol(symbol).is_none())
            .collect()
    };
    (only(new, old), only(old, new))
}
