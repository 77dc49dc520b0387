//! Writes `docs/config.md` from the key table; knows nothing that the table does not say.

use std::fmt::Write as _;

use super::keys::{self, Absent, Change, Key, Section};

/// The command that refreshes the document; named by the test that finds it stale.
pub const REFRESH: &str =
    "PHOENIX_BLESS=1 cargo test -p phoenix --lib config::tests::the_documentation_is_fresh";

const HEAD: &str = "\
# Configuration

<!-- Generated from crates/phoenix/src/config/keys. Do not edit; refresh with:
";

const INTRODUCTION: &str = "\
Phoenix reads one YAML file with a `global:` group and a list of `symbols:`.
`phoenix check-config FILE` says whether a file is valid, and everything that is
odd about it.

- Numbers are decimals and are kept exactly as written, up to 12 places. They
  stand without quotes.
- A key that is absent has its default. `required` keys have none, because there
  is no safe guess.
- An unknown key is an error that names the line and the nearest known key. Keys
  of the original that no longer matter are accepted with a warning.
- Anchors, aliases and merge keys (`<<: *defaults`) work, so that many symbols
  can share their values.
- All errors of a file are reported at once. A file with an error is refused as a
  whole; a running process then keeps the configuration it has.
- *live* keys take effect when the file is saved; the others need a restart, and
  Phoenix says so. Adding and removing symbols is applied live: a new symbol is
  checked against the exchange first; a removed one is cancelled, and a position
  that remains is said and stays at the exchange.
- Secrets never stand in this file. They come from `BINANCE_API_KEY` with
  `BINANCE_API_SECRET` or `BINANCE_PRIVATE_KEY_FILE` in the environment, from
  systemd credentials (`binance_api_key`, `binance_api_secret`,
  `binance_private_key` in `$CREDENTIALS_DIRECTORY`), or from files that only
  their owner can read (`credentials_file`, `private_key_file`).

The smallest file:

```yaml
global:
  total_notional_max: 1000
symbols:
  - symbol: ETHUSDC
    net_max: 0.5
    unified_layer_size: 0.035
    total_layers: 7
```
";

/// The whole document.
pub fn render() -> String {
    let mut out = format!("{HEAD}{REFRESH} -->\n\n{INTRODUCTION}");
    for section in Section::ALL {
        let _ = write!(out, "\n## {}\n\n", title(section));
        out.push_str("| key | type | default | unit | range | live | meaning |\n");
        out.push_str("|---|---|---|---|---|---|---|\n");
        for key in keys::of(section) {
            out.push_str(&row(key));
        }
    }
    out.push_str("\n## Keys of the original that no longer matter\n\n");
    out.push_str("They are accepted with a warning.\n\n");
    out.push_str("| key | in | instead |\n|---|---|---|\n");
    for old in keys::obsolete() {
        let place = old.section.place();
        let _ = writeln!(out, "| `{}` | {place} | {} |", old.name, old.replacement);
    }
    out
}

fn title(section: Section) -> String {
    match section {
        Section::Symbol => "`symbols:` (each item of the list)".to_owned(),
        other => other.place(),
    }
}

fn row(key: &Key) -> String {
    let default = match key.absent {
        Absent::Refused => "required".to_owned(),
        Absent::Unset => "unset".to_owned(),
        Absent::Default(text) => format!("`{text}`"),
    };
    let live = match key.change {
        Change::Live => "yes",
        Change::Restart => "no",
    };
    format!(
        "| `{}` | {} | {default} | {} | {} | {live} | {} |\n",
        key.name,
        key.kind.name(),
        key.unit,
        key.range.words(),
        key.doc
    )
}
