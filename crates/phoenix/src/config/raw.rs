//! The configuration file as written: a bounded YAML tree in which every node knows its line; does not know which keys exist.

use std::collections::HashMap;
use std::io::Read;
use std::path::Path;

use serde_saphyr::granit_parser::{Event, Parser, ScalarStyle, ScanError, Span};

use super::issue::Issue;

/// Largest file read; a bigger one is refused unread.
pub const FILE_BYTES_MAX: u64 = 1 << 20;
/// Most nodes after aliases are expanded; a file that needs more is refused.
pub const NODES_MAX: usize = 100_000;

/// A YAML node and the line it starts on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Line, counted from 1.
    pub line: u32,
    /// What stands there.
    pub value: Value,
}

/// The content of a [`Node`]. Numbers stay text, so that no digit is lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Nothing, `~` or `null`.
    Null,
    /// A scalar; `quoted` makes it text, whatever it looks like.
    Scalar {
        /// The characters, escapes resolved.
        text: String,
        /// Written in quotes or as a block.
        quoted: bool,
    },
    /// A sequence.
    List(Vec<Node>),
    /// A mapping in the order of the file, each key once.
    Map(Vec<Entry>),
}

/// One key of a mapping.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The key's text.
    pub key: String,
    /// The key's line, counted from 1.
    pub line: u32,
    /// Its value.
    pub node: Node,
}

impl Value {
    /// What this is, in the operator's words.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Scalar { quoted: true, .. } => "quoted text",
            Self::Scalar { quoted: false, .. } => "a single value",
            Self::List(_) => "a list",
            Self::Map(_) => "a group of keys",
        }
    }
}

/// The tree of a file and the findings that do not prevent reading on (doubled keys).
#[derive(Debug)]
pub struct Tree {
    /// The document.
    pub root: Node,
    /// Errors found on the way.
    pub errors: Vec<Issue>,
}

/// Reads `path` as text: at most [`FILE_BYTES_MAX`] bytes of UTF-8.
///
/// # Errors
/// One [`Issue`] that names the file, and the line of a byte that is not UTF-8.
pub fn read_text(path: &Path) -> Result<String, Issue> {
    let file = path.display().to_string();
    let fail = |message: String| Issue::of_file(&file, message);
    let handle =
        std::fs::File::open(path).map_err(|error| fail(format!("cannot open: {error}")))?;
    let mut bytes = Vec::new();
    handle
        .take(FILE_BYTES_MAX + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| fail(format!("cannot read: {error}")))?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(fail(format!(
            "larger than {FILE_BYTES_MAX} bytes, which no configuration is"
        )));
    }
    String::from_utf8(bytes).map_err(|error| {
        let good = error.utf8_error().valid_up_to();
        let before = error.as_bytes().get(..good).unwrap_or_default();
        fail("not UTF-8 text; save the file as UTF-8".to_owned()).at_line(line_after(before))
    })
}

fn line_after(bytes: &[u8]) -> u32 {
    let newlines = bytes.iter().filter(|byte| **byte == b'\n').count();
    u32::try_from(newlines + 1).unwrap_or(u32::MAX)
}

/// Parses one YAML document.
///
/// # Errors
/// One [`Issue`] when the text is not YAML, holds more than one document, or expands beyond [`NODES_MAX`].
pub fn parse(file: &str, text: &str) -> Result<Tree, Issue> {
    let mut builder = Builder {
        file,
        frames: Vec::new(),
        anchors: HashMap::new(),
        root: None,
        nodes: 0,
        errors: Vec::new(),
    };
    for step in Parser::new_from_str(text) {
        let (event, span) = step.map_err(|error| syntax_issue(file, text, &error))?;
        builder.on_event(event, line_of(&span))?;
    }
    let root = builder.root.unwrap_or(Node {
        line: 1,
        value: Value::Null,
    });
    Ok(Tree {
        root,
        errors: builder.errors,
    })
}

fn line_of(span: &Span) -> u32 {
    u32::try_from(span.start.line()).unwrap_or(u32::MAX)
}

fn syntax_issue(file: &str, text: &str, error: &ScanError) -> Issue {
    let line_number = error.marker().line().max(1);
    let line = text.lines().nth(line_number - 1).unwrap_or_default();
    let indent: String = line.chars().take_while(|c| c.is_whitespace()).collect();
    let message = if indent.contains('\t') {
        "a tab in the indentation; YAML allows only spaces there".to_owned()
    } else {
        format!("not valid YAML: {}", error.info())
    };
    Issue::of_file(file, message).at_line(u32::try_from(line_number).unwrap_or(u32::MAX))
}

/// A collection that is still open.
struct Frame {
    line: u32,
    anchor: usize,
    kind: FrameKind,
}

enum FrameKind {
    List(Vec<Node>),
    Map {
        entries: Vec<Entry>,
        merged: Vec<Entry>,
        key: Option<(String, u32)>,
    },
}

struct Builder<'a> {
    file: &'a str,
    frames: Vec<Frame>,
    anchors: HashMap<usize, Node>,
    root: Option<Node>,
    nodes: usize,
    errors: Vec<Issue>,
}

impl Builder<'_> {
    fn on_event(&mut self, event: Event<'_>, line: u32) -> Result<(), Issue> {
        match event {
            Event::Scalar(text, style, anchor, _) => {
                let quoted = style != ScalarStyle::Plain;
                let value = scalar(text.into_owned(), quoted);
                self.complete(Node { line, value }, anchor)
            }
            Event::SequenceStart(_, anchor, _) => {
                self.open(line, anchor, FrameKind::List(Vec::new()));
                Ok(())
            }
            Event::MappingStart(_, anchor, _) => {
                let kind = FrameKind::Map {
                    entries: Vec::new(),
                    merged: Vec::new(),
                    key: None,
                };
                self.open(line, anchor, kind);
                Ok(())
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(),
            Event::Alias(id) => self.alias(id, line),
            Event::DocumentStart(..) if self.root.is_some() => Err(self.fail(
                line,
                "a second YAML document (`---`); use one file for each",
            )),
            // Comments, anchors by name and the stream's own marks carry no configuration.
            _ => Ok(()),
        }
    }

    fn open(&mut self, line: u32, anchor: usize, kind: FrameKind) {
        self.frames.push(Frame { line, anchor, kind });
    }

    fn close(&mut self) -> Result<(), Issue> {
        let Some(frame) = self.frames.pop() else {
            return Ok(());
        };
        let value = match frame.kind {
            FrameKind::List(items) => Value::List(items),
            FrameKind::Map {
                mut entries,
                merged,
                ..
            } => {
                // A merge key gives only what the mapping itself does not say.
                for entry in merged {
                    if entries.iter().all(|known| known.key != entry.key) {
                        entries.push(entry);
                    }
                }
                Value::Map(entries)
            }
        };
        let node = Node {
            line: frame.line,
            value,
        };
        self.complete(node, frame.anchor)
    }

    fn alias(&mut self, id: usize, line: u32) -> Result<(), Issue> {
        let Some(node) = self.anchors.get(&id).cloned() else {
            return Err(self.fail(line, "an alias that refers to itself"));
        };
        self.nodes = self.nodes.saturating_add(count(&node));
        self.complete(node, 0)
    }

    /// Hands a finished node to the collection around it.
    fn complete(&mut self, node: Node, anchor: usize) -> Result<(), Issue> {
        // An anchored node is kept a second time.
        let kept = if anchor == 0 { 0 } else { count(&node) };
        self.nodes = self.nodes.saturating_add(1 + kept);
        if self.nodes > NODES_MAX {
            return Err(self.fail(
                node.line,
                "expands to more values than any configuration has",
            ));
        }
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        let file = self.file;
        match self.frames.last_mut().map(|frame| &mut frame.kind) {
            None => self.root = Some(node),
            Some(FrameKind::List(items)) => items.push(node),
            Some(FrameKind::Map {
                entries,
                merged,
                key,
            }) => match key.take() {
                None => *key = Some(key_text(file, node)?),
                Some((name, _)) if name == "<<" => merge(file, node, merged)?,
                Some((name, line)) => {
                    if let Some(first) = entries.iter().find(|entry| entry.key == name) {
                        let message =
                            format!("`{name}` is given twice; first in line {}", first.line);
                        self.errors
                            .push(Issue::of_file(file, message).at_line(line));
                    } else {
                        entries.push(Entry {
                            key: name,
                            line,
                            node,
                        });
                    }
                }
            },
        }
        Ok(())
    }

    fn fail(&self, line: u32, message: &str) -> Issue {
        Issue::of_file(self.file, message).at_line(line)
    }
}

fn scalar(text: String, quoted: bool) -> Value {
    if !quoted && matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL") {
        return Value::Null;
    }
    Value::Scalar { text, quoted }
}

fn key_text(file: &str, node: Node) -> Result<(String, u32), Issue> {
    match node.value {
        Value::Scalar { text, .. } => Ok((text, node.line)),
        Value::Null | Value::List(_) | Value::Map(_) => Err(Issue::of_file(
            file,
            format!("a key must be a name, not {}", node.value.kind()),
        )
        .at_line(node.line)),
    }
}

/// `<<: *defaults` or `<<: [*a, *b]`: earlier mappings win.
fn merge(file: &str, node: Node, merged: &mut Vec<Entry>) -> Result<(), Issue> {
    let line = node.line;
    match node.value {
        Value::Map(entries) => merged.extend(entries),
        Value::List(items) => {
            for item in items {
                merge(file, item, merged)?;
            }
        }
        Value::Null | Value::Scalar { .. } => {
            let message = "`<<` merges a group of keys, such as `<<: *defaults`";
            return Err(Issue::of_file(file, message).at_line(line));
        }
    }
    Ok(())
}

fn count(node: &Node) -> usize {
    match &node.value {
        Value::Null | Value::Scalar { .. } => 1,
        Value::List(items) => 1 + items.iter().map(count).sum::<usize>(),
        Value::Map(entries) => {
            1 + entries
                .iter()
                .map(|entry| 1 + count(&entry.node))
                .sum::<usize>()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(text: &str) -> Node {
        parse("t.yaml", text).expect("valid YAML of the test").root
    }

    fn flat(node: &Node) -> String {
        match &node.value {
            Value::Null => "null".to_owned(),
            Value::Scalar { text, quoted: true } => format!("{text:?}@{}", node.line),
            Value::Scalar { text, .. } => format!("{text}@{}", node.line),
            Value::List(items) => {
                format!("[{}]", items.iter().map(flat).collect::<Vec<_>>().join(" "))
            }
            Value::Map(entries) => {
                let parts: Vec<String> = entries
                    .iter()
                    .map(|entry| format!("{}@{}={}", entry.key, entry.line, flat(&entry.node)))
                    .collect();
                format!("{{{}}}", parts.join(" "))
            }
        }
    }

    #[test]
    fn every_node_knows_its_line_and_numbers_stay_text() {
        let text = "# head\na: 0.10\nb:\n  - x: \"0.10\"\n    y:\n  - 2\n";
        assert_eq!(
            flat(&tree(text)),
            "{a@2=0.10@2 b@3=[{x@4=\"0.10\"@4 y@5=null} 2@6]}"
        );
    }

    #[test]
    fn a_merge_key_gives_what_the_mapping_does_not_say() {
        let text = "d: &d {a: 1, b: 2}\ns:\n  - <<: *d\n    b: 3\n  - *d\n";
        assert_eq!(
            flat(&tree(text)),
            "{d@1={a@1=1@1 b@1=2@1} s@2=[{b@4=3@4 a@1=1@1} {a@1=1@1 b@1=2@1}]}"
        );
    }

    #[test]
    fn a_doubled_key_is_found_and_reading_goes_on() {
        let tree = parse("t.yaml", "a: 1\nb: 2\na: 3\nb: 4\n").expect("valid YAML");
        let found: Vec<String> = tree.errors.iter().map(Issue::to_string).collect();
        assert_eq!(
            found,
            [
                "t.yaml:3: `a` is given twice; first in line 1",
                "t.yaml:4: `b` is given twice; first in line 2"
            ]
        );
    }

    #[test]
    fn what_is_not_one_yaml_document_is_refused_with_its_line() {
        for (text, part) in [
            ("a:\n\tb: 1\n", "t.yaml:2: a tab in the indentation"),
            ("a: [1, 2\n", "not valid YAML"),
            ("a: 1\n---\nb: 2\n", "t.yaml:2: a second YAML document"),
            ("a: &x [*x]\n", "refers to itself"),
            ("a: *nowhere\n", "not valid YAML"),
            ("<<: 3\n", "t.yaml:1: `<<` merges a group"),
            ("? [a, b]\n: 1\n", "a key must be a name, not a list"),
        ] {
            let issue = parse("t.yaml", text).expect_err(text).to_string();
            assert!(issue.contains(part), "{text:?}: {issue}");
        }
    }

    #[test]
    fn an_alias_bomb_is_refused_before_it_grows() {
        let mut text = String::from("l0: &l0 [1,1,1,1,1,1,1,1,1,1]\n");
        for level in 1..12 {
            let refs = vec![format!("*l{}", level - 1); 10].join(",");
            text.push_str(&format!("l{level}: &l{level} [{refs}]\n"));
        }
        let issue = parse("t.yaml", &text).expect_err("a bomb");
        assert!(issue.message.contains("expands to more"), "{issue}");
    }

    #[test]
    fn deep_nesting_is_refused_not_overflowed() {
        let text = "[".repeat(100_000);
        assert!(parse("t.yaml", &text).is_err());
        let text = "- ".repeat(100_000);
        assert!(parse("t.yaml", &text).is_err());
    }

    #[test]
    fn an_empty_file_is_an_empty_document() {
        for text in ["", "\n\n", "# only a comment\n", "---\n"] {
            assert_eq!(tree(text).value, Value::Null, "{text:?}");
        }
    }

    #[test]
    fn files_that_are_not_bounded_utf8_text_are_refused() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let write = |name: &str, bytes: &[u8]| {
            let path = folder.path().join(name);
            std::fs::write(&path, bytes).expect("a file of the test");
            path
        };
        let latin1 = write("latin1.yaml", b"a: 1\nb: caf\xe9\n");
        let issue = read_text(&latin1).expect_err("not UTF-8");
        assert_eq!(issue.line, Some(2));
        assert!(issue.message.contains("UTF-8"), "{issue}");

        let huge = write("huge.yaml", &vec![b'#'; FILE_BYTES_MAX as usize + 1]);
        let issue = read_text(&huge).expect_err("huge");
        assert!(issue.message.contains("larger than 1048576"), "{issue}");

        let absent = read_text(&folder.path().join("absent.yaml")).expect_err("absent");
        assert!(absent.message.contains("cannot open"), "{absent}");
        let directory = read_text(folder.path()).expect_err("a folder");
        assert!(directory.message.contains("cannot read"), "{directory}");
    }
}
