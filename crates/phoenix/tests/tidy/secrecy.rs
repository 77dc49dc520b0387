//! The rules about what must not stand in any file: places on one machine, hosts, keys; and about links that must lead somewhere.

use super::rule::{Exception, Finding, Rule, Sample};
use super::source::{Source, numbered, root};

fn machine_paths(source: &Source) -> Vec<Finding> {
    const PLACES: [&str; 5] = ["/work/", "/home/", "/root/", "/Users/", "/mnt/"];
    let found = |(line, text): (usize, &str)| {
        let place = PLACES.iter().find(|place| text.contains(*place))?;
        Some((line, format!("`{place}`")))
    };
    numbered(&source.text).filter_map(found).collect()
}

pub const MACHINE_PATHS: Rule = Rule {
    says: "no path of one machine",
    remedy: "write it from the repository's root, or take it from configuration or environment",
    check: machine_paths,
    exceptions: &[Exception {
        path: "crates/phoenix/tests/tidy/secrecy.rs",
        what: "",
        why: "the checker's own list and samples",
    }],
    wrong: (
        Sample {
            path: "docs/runbook.md",
            text: "# Runbook\n\ncd /home/someone/phoenix\n",
        },
        3,
    ),
    right: Sample {
        path: "docs/runbook.md",
        text: "# Runbook\n\ncd ../shared/data\n",
    },
};

/// Hosts that files may name; those without a dot can be nobody's.
const HOSTS: &[&str] = &[
    "github.com",
    "www.apache.org",
    // The exchange.
    "fapi.binance.com",
    "fstream.binance.com",
    "ws-fapi.binance.com",
    "testnet.binancefuture.com",
    "demo-fapi.binance.com",
    "demo-fstream.binance.com",
    // Loopback and addresses of tests.
    "127.0.0.1",
    "10.0.0.1",
];

fn strange_hosts(source: &Source) -> Vec<Finding> {
    let mut found = Vec::new();
    for (line, text) in numbered(&source.text) {
        for (at, _) in text.match_indices("://") {
            let rest = text.get(at + 3..).unwrap_or_default();
            let is_host = |c: char| c.is_ascii_alphanumeric() || c == '.' || c == '-';
            let host: String = rest.chars().take_while(|c| is_host(*c)).collect();
            let host = host.trim_end_matches('.');
            if host.contains('.') && !HOSTS.contains(&host) {
                found.push((line, format!("host `{host}`")));
            }
        }
        let is_source = source.path == "Cargo.lock" && text.starts_with("source = ");
        if is_source && text != "source = \"registry+https://github.com/rust-lang/crates.io-index\""
        {
            found.push((line, "a package from elsewhere than crates.io".to_owned()));
        }
    }
    found
}

pub const STRANGE_HOSTS: Rule = Rule {
    says: "no host but the exchange's, loopback and the few that are listed; packages come from crates.io",
    remedy: "a mirror belongs in the machine's own Cargo configuration; a host that readers need goes into HOSTS",
    check: strange_hosts,
    exceptions: &[Exception {
        path: "crates/phoenix/tests/tidy/secrecy.rs",
        what: "mirror",
        why: "the checker's own sample",
    }],
    wrong: (
        Sample {
            path: "Cargo.lock",
            text: "[[package]]\nname = \"a\"\nsource = \"sparse+https://mirror.example.com/index/\"\n",
        },
        3,
    ),
    right: Sample {
        path: "Cargo.lock",
        text: "[[package]]\nname = \"a\"\nsource = \"registry+https://github.com/rust-lang/crates.io-index\"\n",
    },
};

/// Length of the exchange's API keys and HMAC secrets.
const KEY_CHARS: usize = 64;

fn secrets(source: &Source) -> Vec<Finding> {
    let mut found = Vec::new();
    for (line, text) in numbered(&source.text) {
        let text = &text.replace("\\n", " ");
        let words = text.split(|c: char| !c.is_ascii_alphanumeric());
        let has = |word: &str, kind: fn(&char) -> bool| word.chars().any(|c| kind(&c));
        let is_key = |word: &&str| {
            word.len() == KEY_CHARS
                && has(word, char::is_ascii_uppercase)
                && has(word, char::is_ascii_lowercase)
                && has(word, char::is_ascii_digit)
        };
        if words.into_iter().any(|word| is_key(&word)) {
            found.push((line, "what looks like an API key or secret".to_owned()));
        }
        let tokens = [
            concat!("gh", "p_"),
            concat!("github", "_pat_"),
            concat!("AK", "IA"),
        ];
        let follows = |token: &str| {
            let rest = text.split_once(token).map_or("", |(_, rest)| rest);
            rest.chars().take_while(char::is_ascii_alphanumeric).count() >= 16
        };
        if tokens.iter().any(|token| follows(token)) {
            found.push((line, "what looks like an access token".to_owned()));
        }
    }
    found.extend(private_keys(source));
    found
}

/// PEM private keys with a body; the bare marker may stand in messages.
fn private_keys(source: &Source) -> Vec<Finding> {
    let marker = concat!("PRIVATE", " KEY-----");
    let is_body = |c: char| c.is_ascii_alphanumeric() || "+/=\\".contains(c) || c.is_whitespace();
    let mut found = Vec::new();
    let mut line = 1;
    let mut rest = source.text.as_str();
    while let Some((before, after)) = rest.split_once(marker) {
        line += before.matches('\n').count();
        let body = after.chars().take_while(|c| is_body(*c));
        if !before.ends_with("END ") && body.filter(char::is_ascii_alphanumeric).count() >= 40 {
            found.push((line, "a private key".to_owned()));
        }
        rest = after;
    }
    found
}

pub const SECRETS: Rule = Rule {
    says: "no secret, and nothing that looks like one",
    remedy: "revoke it at once if it was real; tests generate their keys or use made-up words",
    check: secrets,
    exceptions: &[
        Exception {
            path: "crates/phoenix/src/secrets/tests.rs",
            what: "API key",
            why: "two made-up words of the right length",
        },
        Exception {
            path: "crates/phoenix/tests/tidy/secrecy.rs",
            what: "API key",
            why: "the checker's own sample",
        },
    ],
    wrong: (
        Sample {
            path: "docs/config.md",
            text: "key:\nk3yK3yK3yK3yK3yK3yK3yK3yK3yK3yK3yK3yK3yK3yK3yK3yK3yK3yK3yK3yK3y0\n",
        },
        2,
    ),
    right: Sample {
        path: "docs/config.md",
        text: "sha256: 2b5eb11e18796d12d88f13dc27dbbd02c2cc51ff7059765ed9821957d82bb4d9\n",
    },
};

/// Targets of `](...)` in a line of Markdown.
fn links(text: &str) -> impl Iterator<Item = &str> {
    text.split("](")
        .skip(1)
        .filter_map(|rest| rest.split(')').next())
}

/// Paths in back-ticks that begin with a folder of this repository.
fn named_paths(text: &str) -> impl Iterator<Item = &str> {
    let quoted = text.split('`').skip(1).step_by(2);
    quoted.filter(|path| {
        ["crates/", "docs/", "deploy/", "fuzz/", ".ci/"]
            .iter()
            .any(|folder| path.starts_with(folder))
            && !path.contains(['*', ' ', '{', '<', '…'])
    })
}

fn dead_links(source: &Source) -> Vec<Finding> {
    if !source.path.ends_with(".md") {
        return Vec::new();
    }
    let folder = source
        .path
        .rsplit_once('/')
        .map_or("", |(folder, _)| folder);
    let mut found = Vec::new();
    for (line, text) in numbered(&source.text) {
        let is_file = |link: &&str| !link.contains("://") && !link.starts_with('#');
        for link in links(text).filter(is_file) {
            let file = link.split('#').next().unwrap_or_default();
            if !root().join(folder).join(file).exists() {
                found.push((line, format!("link to `{link}`")));
            }
        }
        for path in named_paths(text).filter(|path| !root().join(path).exists()) {
            found.push((line, format!("`{path}`")));
        }
    }
    found
}

pub const LINKS: Rule = Rule {
    says: "files that the documentation names exist",
    remedy: "correct the text; what is not built yet is named in words, not as a path",
    check: dead_links,
    exceptions: &[],
    wrong: (
        Sample {
            path: "docs/determinism.md",
            text: "See [the house](../ARCHITECTURE.md).\nAnd `crates/core/src/nothing.rs`.\n",
        },
        2,
    ),
    right: Sample {
        path: "docs/determinism.md",
        text: "See [the crates](../Cargo.toml) and `crates/core/src/lib.rs`.\n",
    },
};
