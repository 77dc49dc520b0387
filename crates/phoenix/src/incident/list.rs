//! Owns the list of the bundles that are kept, newest first; reads only.

use super::{INCIDENT, Incident};
use crate::flight::reader::BUNDLED;
use std::io;
use std::path::{Path, PathBuf};

/// A bundle that is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Its folder.
    pub folder: PathBuf,
    /// What happened.
    pub incident: Incident,
    /// Bytes of its files, links to the record included.
    pub bytes: u64,
    /// Whether the session's record is in it.
    pub has_record: bool,
}

/// Every bundle in `folder`, newest first; none when there is no such folder. What cannot be read is left out.
///
/// # Errors
/// When the folder is there and cannot be read.
pub fn list(folder: &Path) -> io::Result<Vec<Kept>> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry?.path();
        let text = std::fs::read_to_string(path.join(INCIDENT));
        let incident = text.ok().and_then(|text| serde_json::from_str(&text).ok());
        if let Some(incident) = incident {
            found.push(Kept {
                incident,
                bytes: bytes(&path) + bytes(&path.join(BUNDLED)),
                has_record: path.join(BUNDLED).is_dir(),
                folder: path,
            });
        }
    }
    found.sort_by(|a, b| b.folder.cmp(&a.folder));
    Ok(found)
}

fn bytes(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let files = entries.filter_map(|entry| entry.metadata().ok().filter(|m| m.is_file()));
    files.map(|meta| meta.len()).sum()
}
