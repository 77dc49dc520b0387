//! Writes the table of `docs/health.md` from the rules; knows nothing that they do not say.

use super::rules::{ALL, Bound, Rule};
use std::fmt::Write as _;

/// The command that refreshes the document.
pub const REFRESH: &str =
    "PHOENIX_BLESS=1 cargo test -p phoenix --lib health::docs::tests::the_documentation_is_fresh";

const INTRODUCTION: &str = "\
`phoenix health` asks the running process and says in one line, and an exit code, whether it is quoting on fresh data:
0 healthy, 1 warning, 2 severe. The status is the worst of all checks. Whatever cannot be known is severe: a process that is
stopped, hangs, is gone, or a port on which somebody else answers. `--json` prints the answer as one object, `--watch 30s`
goes on and prints what changes.

The process serves the same at `http://ADDRESS:PORT/health` (`global.listen_address`, `global.metrics_port`; 200 while healthy or
warning, 503 when severe), and for machines `/livez` (200 while the trading thread completes cycles) and `/readyz` (200 while both sides
are quoted, or pause because somebody wants it). Its address stands in `phoenix-ACCOUNT.http` in `state_dir`, which is how
`phoenix health` finds it. A port that is taken does not stop trading: the page moves to a free port, and an alert and the check `page` say so.

A check has a `name`, the `symbol` it is about or `null`, a `status`, a `value` with its `unit`, the figures at which it stops being
healthy (`limit`) and becomes severe (`limit_severe`), the same in words (`text`), and unless it is healthy what to do (`next`). What is not
known is `null`, never 0. `promises` holds the nine promises as `true`, `false` or `null`, `evidence` what each verdict rests on.
";

/// The whole document.
#[must_use]
pub fn render() -> String {
    let mut out = format!(
        "# Health\n\n<!-- Generated from crates/phoenix/src/health. Do not edit; refresh with:\n{REFRESH} -->\n\n{INTRODUCTION}\n## Checks\n\n"
    );
    out.push_str(
        "| check | unit | warning | severe | what | what to do |\n|---|---|---|---|---|---|\n",
    );
    for rule in ALL {
        out.push_str(&row(rule));
    }
    out
}

fn row(rule: &Rule) -> String {
    let (warning, severe) = match rule.bound {
        Bound::Above(warning, severe) => (figure("> ", warning), figure("> ", severe)),
        Bound::Below(warning, severe) => (figure("< ", warning), figure("≤ ", severe)),
        Bound::State => ("by state".to_owned(), "by state".to_owned()),
        Bound::Shown => ("–".to_owned(), "–".to_owned()),
    };
    let next = rule
        .next
        .replace(" {config}", " -c FILE")
        .replace("{config_arg}", " FILE")
        .replace("{pid}", "PID")
        .replace("{symbol}", "the symbol")
        .replace("{state_dir}", "STATE_DIR")
        .replace("{kill_file}", "STATE_DIR/KILL")
        .replace('|', "\\|");
    let mut out = String::new();
    let _ = writeln!(
        out,
        "| `{}` | {} | {warning} | {severe} | {} | {next} |",
        rule.name, rule.unit, rule.what
    );
    out
}

fn figure(sign: &str, limit: Option<f64>) -> String {
    limit.map_or_else(|| "–".to_owned(), |limit| format!("{sign}{limit}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documentation_is_fresh() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/health.md");
        let rendered = render();
        if std::env::var_os("PHOENIX_BLESS").is_some() {
            std::fs::write(path, &rendered).expect("docs/health.md can be written");
        }
        let found = std::fs::read_to_string(path).unwrap_or_default();
        assert!(
            found == rendered,
            "docs/health.md is stale; refresh it with\n{REFRESH}"
        );
    }
}
