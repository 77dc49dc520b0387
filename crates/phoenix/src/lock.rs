//! One instance for each account on this machine, by a lock that the kernel releases however the process ends; does not know what the instance does.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Longest note read from a lock file.
const NOTE_BYTES_MAX: u64 = 256;

/// Held while the process may trade. Dropping it, or the process's end of any kind, releases it.
#[derive(Debug)]
pub struct InstanceLock {
    // Held for its lock only.
    _file: File,
    path: PathBuf,
}

/// Why the lock was not taken.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process holds it.
    #[error(
        "another phoenix ({holder}) already trades this account on this machine; \
         stop it first (`kill PID`), or use another account. Lock file: {file}"
    )]
    Held {
        /// `pid 123 since …` as that process wrote it, or `unknown pid`.
        holder: String,
        /// The lock file.
        file: String,
    },
    /// The lock file could not be made or locked.
    #[error("cannot lock {file}: {error}; `state_dir` must be a writable folder on a local disk")]
    Io {
        /// The lock file.
        file: String,
        /// The system's reason.
        error: std::io::Error,
    },
}

impl InstanceLock {
    /// Takes the lock of the account with `fingerprint` (see [`crate::secrets::Credentials::fingerprint`]) in `state_dir`,
    /// which is created when absent. `since` is only shown to whoever finds the lock held.
    ///
    /// # Errors
    /// [`LockError::Held`] when another process has it; the caller ends with its own exit code.
    pub fn take(state_dir: &Path, fingerprint: &str, since: &str) -> Result<Self, LockError> {
        let path = state_dir.join(format!("phoenix-{fingerprint}.lock"));
        let name = path.display().to_string();
        let io = |error| LockError::Io {
            file: name.clone(),
            error,
        };
        std::fs::create_dir_all(state_dir).map_err(io)?;
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(io)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(LockError::Held {
                    holder: holder(&mut file),
                    file: name,
                });
            }
            Err(TryLockError::Error(error)) => return Err(io(error)),
        }
        // The note is written only under the lock, and never removed: the lock counts, not the file.
        file.set_len(0).map_err(io)?;
        file.seek(SeekFrom::Start(0)).map_err(io)?;
        writeln!(file, "pid {} since {since}", std::process::id()).map_err(io)?;
        file.flush().map_err(io)?;
        Ok(Self { _file: file, path })
    }

    /// The lock file.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// The file in `state_dir` that says on which address the holder of an account's lock serves its health.
#[must_use]
pub fn page_file(state_dir: &Path, fingerprint: &str) -> PathBuf {
    state_dir.join(format!("phoenix-{fingerprint}.http"))
}

/// What a lock file says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instance {
    /// Fingerprint of the account's key.
    pub account: String,
    /// Who holds the lock now; `None` when nobody does.
    pub holder: Option<u32>,
    /// The holder's own note, `pid 123 since …`, also of one that is gone.
    pub note: String,
}

/// Everyone who ever took a lock in `state_dir`, by account. Reads only: to try a lock could keep an instance from
/// starting at that moment. Who holds one is asked of the kernel, and where that is not told, of the process list.
///
/// # Errors
/// The folder or a lock file cannot be read.
pub fn instances(state_dir: &Path) -> std::io::Result<Vec<Instance>> {
    let locks = std::fs::read_to_string("/proc/locks").ok();
    let mut found = Vec::new();
    for entry in std::fs::read_dir(state_dir)? {
        let path = entry?.path();
        let name = path.file_name().map(|n| n.to_string_lossy().into_owned());
        let account = name.as_deref().and_then(|name| {
            let account = name.strip_prefix("phoenix-")?.strip_suffix(".lock")?;
            Some(account.to_owned())
        });
        let Some(account) = account else { continue };
        let mut file = File::open(&path)?;
        let inode = file.metadata()?.ino();
        let note = holder(&mut file);
        let noted = pid_of(&note);
        let holder = match &locks {
            // Of another namespace the kernel does not say which process it is.
            Some(locks) => held_by(locks, inode).map(|pid| pid.or(noted).unwrap_or(0)),
            None => noted.filter(|pid| Path::new(&format!("/proc/{pid}")).exists()),
        };
        found.push(Instance {
            account,
            holder,
            note,
        });
    }
    found.sort_by(|a, b| a.account.cmp(&b.account));
    Ok(found)
}

fn pid_of(note: &str) -> Option<u32> {
    note.strip_prefix("pid ")?.split(' ').next()?.parse().ok()
}

/// Whether a lock of the kind that we take stands on this inode, and who holds it if that is told:
/// `5: FLOCK  ADVISORY  WRITE 3456 08:01:123456 0 EOF`; one that only waits has `->` before the kind.
fn held_by(locks: &str, inode: u64) -> Option<Option<u32>> {
    locks.lines().find_map(|line| {
        let mut fields = line.split_whitespace().skip(1);
        let is_ours = fields.next()? == "FLOCK" && fields.next().is_some();
        let (_kind, pid, place) = (fields.next()?, fields.next()?, fields.next()?);
        let found: u64 = place.rsplit(':').next()?.parse().ok()?;
        let pid: Option<u32> = pid.parse().ok().filter(|pid| *pid > 0);
        (is_ours && found == inode).then_some(pid)
    })
}

/// Whether a process of this machine trades an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// None does, as far as `state_dir` tells.
    Free,
    /// One does: `pid 123 since …` as it wrote it, or `unknown pid`. It may hang.
    Held(String),
    /// It cannot be told, for this reason.
    Unknown(String),
}

/// Looks whether the lock of the account with `fingerprint` in `state_dir` is held. Nothing is created, and nothing is kept.
pub fn standing(state_dir: &Path, fingerprint: &str) -> Standing {
    let path = state_dir.join(format!("phoenix-{fingerprint}.lock"));
    let unknown = |error: std::io::Error| Standing::Unknown(format!("{}: {error}", path.display()));
    let mut file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Standing::Free,
        Err(error) => return unknown(error),
    };
    // Shared, and released at once with the file: only a session that starts within these microseconds would find it held.
    match file.try_lock_shared() {
        Ok(()) => Standing::Free,
        Err(TryLockError::WouldBlock) => Standing::Held(holder(&mut file)),
        Err(TryLockError::Error(error)) => unknown(error),
    }
}

fn holder(file: &mut File) -> String {
    let mut note = String::new();
    let read = file.take(NOTE_BYTES_MAX).read_to_string(&mut note);
    let line = note.lines().next().unwrap_or_default();
    if read.is_err() || !line.starts_with("pid ") {
        return "unknown pid".to_owned();
    }
    line.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_instance_is_told_who_holds_the_lock() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let state = folder.path().join("not/yet/there");
        let first = InstanceLock::take(&state, "0011", "noon").expect("free");
        let refusal = InstanceLock::take(&state, "0011", "later")
            .expect_err("held")
            .to_string();
        let expected = format!("pid {} since noon", std::process::id());
        assert!(refusal.contains(&expected), "{refusal}");
        assert!(refusal.contains("stop it first"), "{refusal}");
        let other = InstanceLock::take(&state, "0022", "noon").expect("another account");
        assert_ne!(first.path(), other.path());
    }

    #[test]
    fn who_holds_a_lock_is_seen_without_touching_it() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let held = InstanceLock::take(folder.path(), "0011", "noon").expect("free");
        drop(InstanceLock::take(folder.path(), "0022", "noon").expect("free"));
        std::fs::write(folder.path().join("journal.db"), "").expect("another file");
        let seen = instances(folder.path()).expect("a readable folder");
        let holders: Vec<(&str, Option<u32>)> = seen
            .iter()
            .map(|i| (i.account.as_str(), i.holder))
            .collect();
        assert_eq!(
            holders,
            [("0011", Some(std::process::id())), ("0022", None)]
        );
        let note = format!("pid {} since noon", std::process::id());
        assert!(seen.iter().all(|i| i.note == note), "{seen:?}");
        drop(held);
        let seen = instances(folder.path()).expect("a readable folder");
        assert!(seen.iter().all(|i| i.holder.is_none()), "{seen:?}");
    }

    #[test]
    fn the_kernels_list_is_read_by_inode_and_kind() {
        let list = "1: POSIX  ADVISORY  WRITE 11 08:01:77 0 EOF\n2: FLOCK  ADVISORY  WRITE 22 08:01:78 0 EOF\n\
                    2: -> FLOCK  ADVISORY  WRITE 33 08:01:79 0 EOF\n3: FLOCK  ADVISORY  WRITE 0 fe:00:80 0 EOF\n";
        for (inode, found) in [
            (77, None),
            (78, Some(Some(22))),
            (79, None),
            (80, Some(None)),
        ] {
            assert_eq!(held_by(list, inode), found, "{inode}");
        }
    }

    #[test]
    fn the_lock_is_free_again_after_the_holder_is_gone() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        drop(
            InstanceLock::take(folder.path(), "0011", "the first time, a long note").expect("free"),
        );
        let again = InstanceLock::take(folder.path(), "0011", "noon").expect("free again");
        let note = std::fs::read_to_string(again.path()).expect("the note");
        assert_eq!(note, format!("pid {} since noon\n", std::process::id()));
    }

    #[test]
    fn whoever_asks_is_told_who_holds_the_lock_and_takes_nothing() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        assert_eq!(standing(folder.path(), "0011"), Standing::Free);
        let held = InstanceLock::take(folder.path(), "0011", "noon").expect("free");
        let note = format!("pid {} since noon", std::process::id());
        assert_eq!(standing(folder.path(), "0011"), Standing::Held(note));
        assert_eq!(standing(folder.path(), "0022"), Standing::Free);
        drop(held);
        assert_eq!(standing(folder.path(), "0011"), Standing::Free);
        InstanceLock::take(folder.path(), "0011", "later").expect("still free");
    }

    #[test]
    fn a_folder_that_cannot_hold_the_lock_is_named() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = folder.path().join("file");
        std::fs::write(&file, "").expect("a file");
        let refusal = InstanceLock::take(&file, "0011", "noon")
            .expect_err("not a folder")
            .to_string();
        assert!(
            refusal.contains("cannot lock") && refusal.contains("state_dir"),
            "{refusal}"
        );
    }
}
