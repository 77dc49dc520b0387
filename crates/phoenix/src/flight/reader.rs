//! Owns the way from a path to a record's segments, one after the other through all its files; says where and why it
//! ends, and does not know what is inside the segments.

use super::codec::{Code, Input};
use super::segment::{self, Flaw, Hash, Header, Kind, Opened, Unreadable, open_header};
use super::writer::{Reason, parse_name, sessions};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Folder inside an incident bundle that holds its record.
pub const BUNDLED: &str = "flight";

/// Why there is nothing to read.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The system.
    #[error("{}: {error}", file.display())]
    Io {
        /// The file or folder.
        file: PathBuf,
        /// Its reason.
        error: std::io::Error,
    },
    /// No record in a folder.
    #[error("{}: no flight record is in this folder", .0.display())]
    Nothing(PathBuf),
    /// Not a record, or of another version.
    #[error("{}: {why}", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// Why.
        why: Unreadable,
    },
    /// The beginning is not there.
    #[error("{}: this is part {part}, and part 1 is not beside it: a record is replayed from its beginning or not at all", file.display())]
    NoBeginning {
        /// The first file that is there.
        file: PathBuf,
        /// Its part.
        part: u32,
    },
}

/// Where a record stops being sound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// The file.
    pub file: PathBuf,
    /// Number of the segment that should be there.
    pub segment: u32,
    /// Where in the file.
    pub offset: usize,
    /// What is wrong.
    pub what: String,
}

/// How a record ends, where it is sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// As written.
    Said(Reason),
    /// It goes on in a part that is not here.
    GoesOn(u32),
    /// Nothing follows: the process was killed, or still runs.
    Open,
}

/// A record being read.
#[derive(Debug)]
pub struct Reader {
    header: Header,
    parts: BTreeMap<u32, PathBuf>,
    part: u32,
    bytes: Vec<u8>,
    offset: usize,
    hash: Hash,
    segments: u32,
    ending: Option<Ending>,
}

fn read(file: &Path) -> Result<Vec<u8>, OpenError> {
    std::fs::read(file).map_err(|error| OpenError::Io {
        file: file.to_owned(),
        error,
    })
}

/// The files of the record that `path` means: a file of it, or a folder, of which the newest.
fn parts_of(path: &Path) -> Result<BTreeMap<u32, PathBuf>, OpenError> {
    let io = |error| OpenError::Io {
        file: path.to_owned(),
        error,
    };
    let numbered = |files: Vec<(PathBuf, u64)>| {
        let parts = files.into_iter().map(|(file, _)| file);
        parts
            .filter_map(|file| Some((parse_name(&file)?.1, file)))
            .collect()
    };
    if !path.is_dir() {
        let Some((stem, _)) = parse_name(path) else {
            return Ok(BTreeMap::from([(1, path.to_owned())]));
        };
        let folder = path.parent().filter(|folder| *folder != Path::new(""));
        let mut all = sessions(folder.unwrap_or(Path::new("."))).map_err(io)?;
        // A name that is not there is told by who opens it.
        let files = all.remove(&stem);
        return Ok(files.map_or_else(|| BTreeMap::from([(1, path.to_owned())]), numbered));
    }
    for folder in [path.to_owned(), path.join(BUNDLED)] {
        if folder.is_dir()
            && let Some((_, files)) = sessions(&folder).map_err(io)?.pop_last()
        {
            return Ok(numbered(files));
        }
    }
    Err(OpenError::Nothing(path.to_owned()))
}

impl Reader {
    /// Opens the record at `path`: one of its files, or a folder, of which the newest record is taken.
    ///
    /// # Errors
    /// [`OpenError`]
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        let parts = parts_of(path)?;
        let Some((part, file)) = parts.first_key_value() else {
            return Err(OpenError::Nothing(path.to_owned()));
        };
        let bytes = read(file)?;
        let (header, length, hash) = open_header(&bytes).map_err(|why| OpenError::Unreadable {
            file: file.clone(),
            why,
        })?;
        if header.body.part != 1 {
            return Err(OpenError::NoBeginning {
                file: file.clone(),
                part: header.body.part,
            });
        }
        Ok(Self {
            header,
            part: *part,
            bytes,
            offset: length,
            hash,
            segments: 0,
            ending: None,
            parts,
        })
    }

    /// The first file's header.
    #[must_use]
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// How the record ends, once [`Reader::next_segment`] gave none.
    #[must_use]
    pub const fn ending(&self) -> Option<Ending> {
        self.ending
    }

    /// Bytes of the files that are here.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        let lengths = self.parts.values().map(std::fs::metadata);
        lengths.map(|meta| meta.map_or(0, |m| m.len())).sum()
    }

    /// Segments that were sound so far.
    #[must_use]
    pub const fn segments(&self) -> u32 {
        self.segments
    }

    /// The next segment with entries; `None` at the end.
    ///
    /// # Errors
    /// [`Damage`]: what was read before it is sound, and nothing after it can be used.
    pub fn next_segment(&mut self) -> Result<Option<Opened>, Damage> {
        while self.ending.is_none() {
            let rest = self.bytes.get(self.offset..).unwrap_or_default();
            let opened = segment::open(rest, self.segments + 1, &self.hash);
            let Some(opened) = opened.map_err(|flaw| self.damage(&flaw.to_string()))? else {
                // Each part but the last one ends with a turn.
                if let Some((next, _)) = self.parts.range(self.part + 1..).next() {
                    let what =
                        format!("the file ends here, and the record does not: part {next} is here");
                    return Err(self.damage(&what));
                }
                self.ending = Some(Ending::Open);
                break;
            };
            self.offset += opened.length;
            self.segments += 1;
            self.hash = opened.hash;
            match opened.label.kind {
                Kind::Entries => return Ok(Some(opened)),
                Kind::Turn => self.turn()?,
                Kind::End => self.end(&opened)?,
            }
        }
        Ok(None)
    }

    /// What is wrong at this place.
    #[must_use]
    pub fn damage(&self, what: &str) -> Damage {
        let file = self.parts.get(&self.part).cloned().unwrap_or_default();
        Damage {
            file,
            segment: self.segments + 1,
            offset: self.offset,
            what: what.to_owned(),
        }
    }

    fn turn(&mut self) -> Result<(), Damage> {
        self.nothing_follows()?;
        let next = self.part + 1;
        let Some(file) = self.parts.get(&next) else {
            if let Some((later, _)) = self.parts.range(next..).next() {
                let what = format!("part {next} is missing: part {later} is here");
                return Err(self.damage(&what));
            }
            self.ending = Some(Ending::GoesOn(next));
            return Ok(());
        };
        let bytes = read(file).map_err(|error| self.damage(&error.to_string()))?;
        let previous = self.hash;
        (self.part, self.offset, self.bytes) = (next, 0, bytes);
        let (header, length, hash) =
            open_header(&self.bytes).map_err(|why| self.damage(&why.to_string()))?;
        if header.body.previous.0 != previous || header.body.part != next {
            let what = "this part does not follow the one before: one is missing or was exchanged";
            return Err(self.damage(what));
        }
        (self.offset, self.hash) = (length, hash);
        Ok(())
    }

    fn end(&mut self, opened: &Opened) -> Result<(), Damage> {
        self.nothing_follows()?;
        let reason = Reason::decode(&mut Input::new(&opened.raw))
            .map_err(|_| self.damage(&Flaw::Contents.to_string()))?;
        self.ending = Some(Ending::Said(reason));
        Ok(())
    }

    fn nothing_follows(&self) -> Result<(), Damage> {
        if self.offset < self.bytes.len() {
            return Err(self.damage("bytes follow the end of the file's record"));
        }
        Ok(())
    }
}
