//! The table of every configuration key: type, default, unit, range, meaning; does not know how a file is read or what a value does.

mod global;
mod symbol;

use super::decimal::Decimal;

/// A group of keys in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Section {
    /// The top level of the file.
    Root,
    /// `global:`
    Global,
    /// `global.liveness:`
    Liveness,
    /// `global.watchdog:`
    Watchdog,
    /// One item of `symbols:`
    Symbol,
    /// `symbols[].vol_scale:`
    VolScale,
    /// `symbols[].funding:`
    Funding,
    /// `symbols[].vpin:`
    Vpin,
}

impl Section {
    /// Every section that holds keys, in the order of the documentation.
    pub const ALL: [Self; 7] = [
        Self::Global,
        Self::Liveness,
        Self::Watchdog,
        Self::Symbol,
        Self::VolScale,
        Self::Funding,
        Self::Vpin,
    ];

    /// The key under which the section stands in its parent.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Root => "",
            Self::Global => "global",
            Self::Liveness => "liveness",
            Self::Watchdog => "watchdog",
            Self::Symbol => "symbols",
            Self::VolScale => "vol_scale",
            Self::Funding => "funding",
            Self::Vpin => "vpin",
        }
    }

    /// The section it stands in.
    pub const fn parent(self) -> Option<Self> {
        match self {
            Self::Root => None,
            Self::Global | Self::Symbol => Some(Self::Root),
            Self::Liveness | Self::Watchdog => Some(Self::Global),
            Self::VolScale | Self::Funding | Self::Vpin => Some(Self::Symbol),
        }
    }

    /// Where the section stands, as the operator writes it.
    pub fn place(self) -> String {
        match self.parent() {
            None => "the top level".to_owned(),
            Some(Self::Root) => format!("`{}:`", self.name()),
            Some(parent) => format!("`{}.{}:`", parent.name(), self.name()),
        }
    }

    /// The sections that stand directly in this one.
    pub fn children(self) -> impl Iterator<Item = Self> {
        Self::ALL
            .into_iter()
            .filter(move |section| section.parent() == Some(self))
    }
}

/// What a value must look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `true` or `false` (also `yes`, `no`, `on`, `off`, as the original read them).
    Bool,
    /// A whole number.
    Int,
    /// An exact decimal.
    Number,
    /// A span of time; the unit is the key's.
    Time,
    /// A name or an address.
    Text,
    /// A path, relative to the working directory.
    Path,
    /// One of a few words.
    Choice(&'static [&'static str]),
}

impl Kind {
    /// The type's name in the documentation.
    pub fn name(self) -> String {
        match self {
            Self::Bool => "bool".to_owned(),
            Self::Int => "integer".to_owned(),
            Self::Number => "decimal".to_owned(),
            Self::Time => "time".to_owned(),
            Self::Text => "text".to_owned(),
            Self::Path => "path".to_owned(),
            Self::Choice(words) => words.join(" / "),
        }
    }
}

/// What stands when the key is absent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Absent {
    /// An error: there is no safe guess.
    Refused,
    /// Nothing; the feature is off or the value is found otherwise, as the doc says.
    Unset,
    /// This value.
    Default(&'static str),
}

/// The values allowed, as decimal texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Range {
    /// Whatever the type allows.
    Any,
    /// `low ≤ x ≤ high`.
    From(&'static str, &'static str),
    /// `low < x ≤ high`.
    Above(&'static str, &'static str),
    /// `low < x < high`.
    Between(&'static str, &'static str),
}

impl Range {
    /// Whether `value` lies inside.
    pub fn contains(self, value: Decimal) -> bool {
        match self {
            Self::Any => true,
            Self::From(low, high) => limit(low) <= value && value <= limit(high),
            Self::Above(low, high) => limit(low) < value && value <= limit(high),
            Self::Between(low, high) => limit(low) < value && value < limit(high),
        }
    }

    /// The range in words; empty for [`Range::Any`].
    pub fn words(self) -> String {
        match self {
            Self::Any => String::new(),
            Self::From(low, high) => format!("{low} to {high}"),
            Self::Above(low, high) => format!("above {low}, at most {high}"),
            Self::Between(low, high) => format!("between {low} and {high}, both excluded"),
        }
    }
}

fn limit(text: &'static str) -> Decimal {
    text.parse().expect("limits of the key table are decimals")
}

/// Whether a changed value takes effect without a restart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Applied to the running process.
    Live,
    /// Needs a restart.
    Restart,
}

/// One key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    /// Where it stands.
    pub section: Section,
    /// Its name in the file.
    pub name: &'static str,
    /// What it must look like.
    pub kind: Kind,
    /// What its absence means.
    pub absent: Absent,
    /// Unit of the value; empty for none.
    pub unit: &'static str,
    /// The values allowed.
    pub range: Range,
    /// Whether a change needs a restart.
    pub change: Change,
    /// One or two sentences for the documentation.
    pub doc: &'static str,
}

/// A key of the original that no longer matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Obsolete {
    /// Where it stood.
    pub section: Section,
    /// Its name.
    pub name: &'static str,
    /// What to write instead, or why nothing is needed.
    pub replacement: &'static str,
}

/// Every key, in the order of the documentation.
pub fn all() -> impl Iterator<Item = &'static Key> {
    global::KEYS.iter().chain(symbol::KEYS)
}

/// The keys of one section.
pub fn of(section: Section) -> impl Iterator<Item = &'static Key> {
    all().filter(move |key| key.section == section)
}

/// The key `name` of `section`.
pub fn find(section: Section, name: &str) -> Option<&'static Key> {
    of(section).find(|key| key.name == name)
}

/// Keys of the original that are accepted with a warning.
pub fn obsolete() -> impl Iterator<Item = &'static Obsolete> {
    global::OBSOLETE.iter().chain(symbol::OBSOLETE)
}

/// The obsolete key `name` of `section`.
pub fn find_obsolete(section: Section, name: &str) -> Option<&'static Obsolete> {
    obsolete().find(|key| key.section == section && key.name == name)
}

/// What can stand in `section` and resembles `name` most, if anything does.
pub fn nearest(section: Section, name: &str) -> Option<&'static str> {
    let keys = of(section).map(|key| key.name);
    let groups = section.children().map(Section::name);
    let name = name.to_ascii_lowercase();
    let tolerance = (name.len() / 3).clamp(1, 5);
    keys.chain(groups)
        .map(|known| (strsim::damerau_levenshtein(known, &name), known))
        .min()
        .filter(|(distance, _)| *distance <= tolerance)
        .map(|(_, known)| known)
}

/// Another section in which `name` is a key.
pub fn elsewhere(section: Section, name: &str) -> Option<Section> {
    all()
        .find(|key| key.name == name && key.section != section)
        .map(|key| key.section)
}

/// Writes table rows: `name: Kind, absent, "unit", range, change, "doc";`.
macro_rules! rows {
    ($($section:ident { $($name:ident: $kind:expr, $absent:expr, $unit:literal, $range:expr, $change:ident, $doc:literal;)* })*) => {
        &[$($(Key {
            section: Section::$section,
            name: stringify!($name),
            kind: $kind,
            absent: $absent,
            unit: $unit,
            range: $range,
            change: Change::$change,
            doc: $doc,
        },)*)*]
    };
}
use rows;

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_table_is_consistent() {
        let mut seen = BTreeSet::new();
        for key in all() {
            let place = format!("{:?}.{}", key.section, key.name);
            assert!(seen.insert(place.clone()), "{place} stands twice");
            assert!(key.doc.ends_with('.'), "{place}: the doc is a sentence");
            assert!(
                !key.doc.contains('|'),
                "{place}: a bar would break the table"
            );
            if let Absent::Default(text) = key.absent {
                match key.kind {
                    Kind::Int | Kind::Number | Kind::Time => {
                        let value: Decimal = text.parse().expect("a numeric default");
                        assert!(key.range.contains(value), "{place}: default out of range");
                    }
                    Kind::Bool => assert!(matches!(text, "true" | "false"), "{place}"),
                    Kind::Choice(words) => assert!(words.contains(&text), "{place}"),
                    Kind::Text | Kind::Path => assert!(!text.is_empty(), "{place}"),
                }
            }
            if key.kind == Kind::Time {
                assert!(matches!(key.unit, "s" | "ms"), "{place}: unit of time");
            }
        }
        for old in obsolete() {
            assert_eq!(find(old.section, old.name), None, "{}", old.name);
        }
    }

    #[test]
    fn ranges_include_what_they_say() {
        let one = Decimal::ONE;
        for (range, inside) in [
            (Range::Any, true),
            (Range::From("1", "2"), true),
            (Range::From("0", "1"), true),
            (Range::Above("1", "2"), false),
            (Range::Above("0", "1"), true),
            (Range::Between("0", "1"), false),
            (Range::Between("0", "2"), true),
        ] {
            assert_eq!(range.contains(one), inside, "{range:?}");
        }
    }

    #[test]
    fn the_nearest_key_is_suggested_only_when_it_is_near() {
        for (section, name, near) in [
            (Section::Symbol, "min_spred", Some("min_spread")),
            (Section::Symbol, "Net_Max", Some("net_max")),
            (Section::Symbol, "vpn", Some("vpin")),
            (Section::Global, "metric_port", Some("metrics_port")),
            (Section::Root, "simbols", Some("symbols")),
            (Section::Global, "martingale", None),
        ] {
            assert_eq!(nearest(section, name), near, "{name}");
        }
        assert_eq!(elsewhere(Section::Global, "net_max"), Some(Section::Symbol));
    }
}
