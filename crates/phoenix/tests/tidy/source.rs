//! Reads the repository as text: files, their code without comments and literals, and the paths it names; knows no rule.

use std::fs;
use std::path::{Path, PathBuf};

/// One text file of the repository.
pub struct Source {
    /// Path from the repository's root, with `/`.
    pub path: String,
    /// The file as it is.
    pub text: String,
    /// The same lines with comments and the contents of literals blanked (Rust files only, else the text).
    pub code: String,
    /// `code` without items under `#[cfg(test)]`; empty for files that hold only tests.
    pub shipped: String,
    /// Every path named in `shipped`, with its line.
    pub paths: Vec<(usize, Vec<String>)>,
}

impl Source {
    /// A file, or a snippet under the path at which it shall be judged.
    pub fn new(path: &str, text: &str) -> Self {
        let is_rust = path.ends_with(".rs");
        let code = if is_rust {
            blanked(text)
        } else {
            text.to_owned()
        };
        let shipped = match (is_rust, is_test(path)) {
            (true, false) => without_tests(&code),
            (true, true) => String::new(),
            (false, _) => code.clone(),
        };
        let paths = if is_rust { paths(&shipped) } else { Vec::new() };
        Self {
            path: path.to_owned(),
            text: text.to_owned(),
            code,
            shipped,
            paths,
        }
    }

    /// Whether it is a Rust file below `folder`, or the module `folder.rs` itself.
    pub fn is_in(&self, folder: &str) -> bool {
        let below = |rest: &str| rest.is_empty() || rest.starts_with('/') || rest == ".rs";
        self.path.ends_with(".rs") && self.path.strip_prefix(folder).is_some_and(below)
    }

    /// `crates/core/src/orders/diff.rs` → `["orders", "diff"]`; `None` outside `crates/*/src`.
    pub fn module(&self) -> Option<Vec<&str>> {
        let (_, inside) = self.path.strip_suffix(".rs")?.split_once("/src/")?;
        Some(
            inside
                .split('/')
                .filter(|part| !matches!(*part, "lib" | "main"))
                .collect(),
        )
    }
}

/// Whether a file holds only tests, measurements or examples.
pub fn is_test(path: &str) -> bool {
    path.ends_with("/tests.rs")
        || ["/tests/", "/benches/", "/examples/"]
            .iter()
            .any(|folder| path.contains(folder))
}

/// The repository's root.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Every text file that belongs to the repository, in the order of their paths.
pub fn all() -> Vec<Source> {
    const KINDS: [&str; 9] = [
        "rs", "toml", "md", "sql", "yaml", "yml", "sh", "lock", "service",
    ];
    const NAMES: [&str; 4] = ["justfile", "run", "Dockerfile", ".gitignore"];
    let mut found = Vec::new();
    let mut folders = vec![root()];
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(&folder).expect("a folder of the repository");
        for entry in entries {
            let path = entry.expect("an entry of a folder").path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let kind = path.extension().unwrap_or_default().to_string_lossy();
            if path.is_dir() && !matches!(&*name, ".git" | "target" | "data" | "node_modules") {
                folders.push(path);
            } else if path.is_file() && (KINDS.contains(&&*kind) || NAMES.contains(&&*name)) {
                found.push(path);
            }
        }
    }
    found.sort();
    let read = |path: &PathBuf| {
        let text = fs::read_to_string(path).ok()?;
        let inside = path.strip_prefix(root()).ok()?;
        Some(Source::new(&inside.to_string_lossy(), &text))
    };
    found.iter().filter_map(read).collect()
}

/// Lines with a number that begins with 1.
pub fn numbered(text: &str) -> impl Iterator<Item = (usize, &str)> {
    (1..).zip(text.lines())
}

/// Rust text with comments and the contents of literals replaced by spaces; every line keeps its number.
fn blanked(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while at < chars.len() {
        let (end, keep) = token_end(&chars, at);
        for (i, c) in chars.iter().enumerate().take(end).skip(at) {
            let is_edge = keep == Keep::Edges && (i == at || i + 1 == end);
            out.push(if keep == Keep::All || *c == '\n' || is_edge {
                *c
            } else {
                ' '
            });
        }
        at = end;
    }
    out
}

/// What is left of a token.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Keep {
    All,
    Edges,
    Nothing,
}

/// Where the comment, literal or single character that begins at `at` ends, and what is left of it.
fn token_end(chars: &[char], at: usize) -> (usize, Keep) {
    let is = |i: usize, c: char| chars.get(i) == Some(&c);
    if is(at, '/') && is(at + 1, '/') {
        let length = chars.iter().skip(at).take_while(|c| **c != '\n').count();
        return (at + length, Keep::Nothing);
    }
    if is(at, '/') && is(at + 1, '*') {
        return (block_comment_end(chars, at), Keep::Nothing);
    }
    let follows_name = at > 0 && chars.get(at - 1).is_some_and(|c| is_name(*c));
    if is(at, 'r') && (!follows_name || is(at - 1, 'b')) {
        let hashes = chars.iter().skip(at + 1).take_while(|c| **c == '#').count();
        if is(at + 1 + hashes, '"') {
            return (raw_string_end(chars, at + 2 + hashes, hashes), Keep::Edges);
        }
    }
    if is(at, '"') {
        return (quoted_end(chars, at + 1, '"'), Keep::Edges);
    }
    // A quote that is not closed after one character belongs to a lifetime.
    if is(at, '\'') && (is(at + 1, '\\') || is(at + 2, '\'')) {
        return (quoted_end(chars, at + 1, '\''), Keep::Edges);
    }
    (at + 1, Keep::All)
}

fn quoted_end(chars: &[char], from: usize, quote: char) -> usize {
    let mut at = from;
    while let Some(c) = chars.get(at) {
        match c {
            '\\' => at += 2,
            c if *c == quote => return at + 1,
            _ => at += 1,
        }
    }
    chars.len()
}

fn raw_string_end(chars: &[char], from: usize, hashes: usize) -> usize {
    (from..chars.len())
        .find(|at| {
            chars.get(*at) == Some(&'"') && (1..=hashes).all(|i| chars.get(at + i) == Some(&'#'))
        })
        .map_or(chars.len(), |at| at + 1 + hashes)
}

fn block_comment_end(chars: &[char], from: usize) -> usize {
    let (mut at, mut depth) = (from, 0_usize);
    while at < chars.len() {
        match (chars.get(at), chars.get(at + 1)) {
            (Some('/'), Some('*')) => (depth, at) = (depth + 1, at + 2),
            (Some('*'), Some('/')) => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    chars.len()
}

/// Blanks every item under `#[cfg(test)]`.
fn without_tests(code: &str) -> String {
    let mut chars: Vec<char> = code.chars().collect();
    let marker: Vec<char> = "#[cfg(test)]".chars().collect();
    let mut at = 0;
    while at + marker.len() <= chars.len() {
        if chars.get(at..at + marker.len()) != Some(&marker) {
            at += 1;
            continue;
        }
        let end = item_end(&chars, at + marker.len());
        for c in chars.iter_mut().take(end).skip(at).filter(|c| **c != '\n') {
            *c = ' ';
        }
        at = end;
    }
    chars.into_iter().collect()
}

/// Where the item that begins at `from` ends: at its closing brace, or at its semicolon when it has none.
pub fn item_end(chars: &[char], from: usize) -> usize {
    match body_start(chars, from) {
        Some(open) => brace_end(chars, open),
        None => (from..chars.len())
            .find(|at| chars.get(*at) == Some(&';'))
            .map_or(chars.len(), |at| at + 1),
    }
}

/// Where the body of the item that begins at `from` opens; `None` when it ends with a semicolon.
pub fn body_start(chars: &[char], from: usize) -> Option<usize> {
    let mut depth = 0_i32;
    for (at, c) in chars.iter().enumerate().skip(from) {
        match c {
            '(' | '[' => depth += 1,
            ')' | ']' => depth -= 1,
            ';' if depth == 0 => return None,
            '{' if depth == 0 => return Some(at),
            _ => {}
        }
    }
    None
}

/// One past the brace that closes the one at `open`.
pub fn brace_end(chars: &[char], open: usize) -> usize {
    let mut depth = 0_i32;
    for (at, c) in chars.iter().enumerate().skip(open) {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at + 1;
        }
    }
    chars.len()
}

/// Whether a character can stand in a name.
pub fn is_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Every path with at least two segments in code, `use` groups spelled out: `a::{b, c::d}` → `a::b`, `a::c::d`.
fn paths(code: &str) -> Vec<(usize, Vec<String>)> {
    let chars: Vec<char> = code.chars().collect();
    let mut out = Vec::new();
    let mut at = 0;
    while at < chars.len() {
        let starts = chars.get(at).is_some_and(|c| is_name(*c));
        if !starts {
            at += 1;
            continue;
        }
        let (segment, end) = name_at(&chars, at);
        let after = skip_space(&chars, end);
        if is_double_colon(&chars, after) {
            at = tree(&chars, after + 2, vec![segment], &mut out);
        } else {
            at = end;
        }
    }
    with_lines(&chars, out)
}

/// Turns places, which come in ascending order, into line numbers.
fn with_lines(chars: &[char], places: Vec<(usize, Vec<String>)>) -> Vec<(usize, Vec<String>)> {
    let (mut seen, mut line) = (0, 1);
    let mut number = |at: usize| {
        line += chars
            .iter()
            .take(at)
            .skip(seen)
            .filter(|c| **c == '\n')
            .count();
        seen = seen.max(at);
        line
    };
    places
        .into_iter()
        .map(|(at, path)| (number(at), path))
        .collect()
}

fn name_at(chars: &[char], from: usize) -> (String, usize) {
    let name: String = chars
        .iter()
        .skip(from)
        .take_while(|c| is_name(**c))
        .collect();
    let end = from + name.chars().count();
    (name, end)
}

fn skip_space(chars: &[char], from: usize) -> usize {
    let space = chars.iter().skip(from).take_while(|c| c.is_whitespace());
    from + space.count()
}

fn is_double_colon(chars: &[char], at: usize) -> bool {
    chars.get(at) == Some(&':') && chars.get(at + 1) == Some(&':')
}

/// Reads what follows `prefix::`; returns where it ends.
fn tree(
    chars: &[char],
    from: usize,
    mut prefix: Vec<String>,
    out: &mut Vec<(usize, Vec<String>)>,
) -> usize {
    let mut at = skip_space(chars, from);
    loop {
        match chars.get(at) {
            Some('{') => return group(chars, at, &prefix, out),
            Some(c) if is_name(*c) => {
                let (segment, end) = name_at(chars, at);
                prefix.push(segment);
                let after = skip_space(chars, end);
                if !is_double_colon(chars, after) {
                    out.push((at, prefix));
                    return end;
                }
                at = skip_space(chars, after + 2);
            }
            // `*`, a turbofish, or the end of the text.
            _ => {
                out.push((at, prefix));
                return at + 1;
            }
        }
    }
}

fn group(
    chars: &[char],
    open: usize,
    prefix: &[String],
    out: &mut Vec<(usize, Vec<String>)>,
) -> usize {
    let end = brace_end(chars, open);
    let mut at = open + 1;
    while at + 1 < end {
        at = skip_space(chars, at);
        if chars
            .get(at)
            .is_some_and(|c| is_name(*c) || *c == '{' || *c == '*')
        {
            at = tree(chars, at, prefix.to_vec(), out);
            // Skips `as name`.
            at += chars
                .iter()
                .skip(at)
                .take_while(|c| **c != ',' && **c != '}')
                .count();
        } else {
            at += 1;
        }
    }
    end
}
