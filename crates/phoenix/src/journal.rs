//! The durable books in SQLite: sessions, orders, fills, fees, funding, equity, halts, actions; does not know what is done with them.
//!
//! Every commit is synced before it counts as written (WAL with
//! `synchronous = FULL`), so that neither `kill -9` nor a power cut loses one.
//! What had not been committed is fetched again from the exchange after the
//! restart: see [`query::SymbolState::backfill_from`].

pub mod query;
pub mod record;
mod store;
pub mod writer;

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, TransactionBehavior, params};

pub use query::{Reader, RestartState};
pub use record::Record;
pub use writer::{Backlog, Recorder, Writer};

/// The journal's name in `state_dir`.
pub const FILE_NAME: &str = "journal.db";

/// Schema versions in order; a released one is never changed.
const MIGRATIONS: &[(&str, &str)] = &[
    ("first schema", include_str!("journal/schema.sql")),
    (
        "funding by its hour, and where each symbol began",
        include_str!("journal/schema-2.sql"),
    ),
];

/// `PHNX`: tells our files from other people's databases.
const APPLICATION_ID: i32 = 0x5048_4e58;

/// How long another process's short lock is waited for.
const BUSY_WAIT: Duration = Duration::from_secs(5);

/// Up to this size the whole file is checked when it is opened (about a second); beyond it only its structure.
const CHECK_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// Why the journal cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The file is damaged or no database.
    #[error(
        "{file} is not a usable journal ({detail}). Move it away with its -wal and -shm files \
         (`mv {file} {file}.damaged`) and start again: position, open orders and recent fills are then \
         taken from the exchange. `sqlite3 {file}.damaged .recover` may save the older rows"
    )]
    Damaged {
        /// The file.
        file: String,
        /// What SQLite says.
        detail: String,
    },
    /// Written by a later version of this program.
    #[error(
        "{file} has schema version {found}; this phoenix knows {known}. Use the newer phoenix, or another `state_dir`"
    )]
    Newer {
        /// The file.
        file: String,
        /// Its version.
        found: usize,
        /// Ours.
        known: usize,
    },
    /// Another process holds it for too long.
    #[error("{file} is locked by another process; end that one (`fuser {file}`) and start again")]
    Locked {
        /// The file.
        file: String,
    },
    /// The disk is full.
    #[error("{file}: the disk is full; make room and start again")]
    Full {
        /// The file.
        file: String,
    },
    /// Anything else that the system or SQLite refused.
    #[error("{file}: {detail}")]
    Io {
        /// The file.
        file: String,
        /// The reason.
        detail: String,
    },
}

impl JournalError {
    fn of(file: &Path, error: &rusqlite::Error) -> Self {
        use rusqlite::ErrorCode;
        let (name, detail) = (file.display().to_string(), error.to_string());
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                Self::Damaged { file: name, detail }
            }
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                Self::Locked { file: name }
            }
            Some(ErrorCode::DiskFull) => Self::Full { file: name },
            // The error codes belong to SQLite and grow with it.
            _ => Self::Io { file: name, detail },
        }
    }
}

/// An open journal before its writer thread starts.
#[derive(Debug)]
pub struct Journal {
    connection: Connection,
    path: PathBuf,
}

/// Who begins a session.
#[derive(Debug, Clone, Copy)]
pub struct SessionStart<'a> {
    /// Unix milliseconds.
    pub at_ms: i64,
    /// Name of the venue.
    pub venue: &'a str,
    /// Fingerprint of the account's key.
    pub account: &'a str,
    /// Version of the program.
    pub version: &'a str,
}

impl Journal {
    /// Opens or creates the journal at `path`, checks it, and brings its schema up to date.
    ///
    /// # Errors
    /// [`JournalError`]; each names the file and what to do.
    pub fn open(path: &Path) -> Result<Self, JournalError> {
        let io = |error: std::io::Error| JournalError::Io {
            file: path.display().to_string(),
            detail: error.to_string(),
        };
        let folder = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty());
        if let Some(folder) = folder {
            std::fs::create_dir_all(folder).map_err(io)?;
        }
        let sql = |error: rusqlite::Error| JournalError::of(path, &error);
        let mut connection = Connection::open(path).map_err(sql)?;
        connection.busy_timeout(BUSY_WAIT).map_err(sql)?;
        check_file(&connection, path)?;
        connection
            .pragma_update(None, "journal_mode", "WAL")
            .map_err(sql)?;
        connection
            .pragma_update(None, "synchronous", "FULL")
            .map_err(sql)?;
        connection.set_prepared_statement_cache_capacity(32);
        migrate(&mut connection, path)?;
        // A new file's name must survive a power cut as well as its content.
        let folder = folder.unwrap_or_else(|| Path::new("."));
        std::fs::File::open(folder)
            .and_then(|folder| folder.sync_all())
            .map_err(io)?;
        Ok(Self {
            connection,
            path: path.to_owned(),
        })
    }

    /// An empty journal without a file, for simulations.
    ///
    /// # Errors
    /// [`JournalError`]
    pub fn in_memory() -> Result<Self, JournalError> {
        let path = PathBuf::from(":memory:");
        let mut connection =
            Connection::open_in_memory().map_err(|error| JournalError::of(&path, &error))?;
        migrate(&mut connection, &path)?;
        Ok(Self { connection, path })
    }

    /// Writes records at once, on the caller's thread; live, the writer does that.
    ///
    /// # Errors
    /// [`JournalError`]; none of them is written then.
    pub fn write(&mut self, records: &[Record]) -> Result<(), JournalError> {
        let path = self.path.clone();
        let sql = |error: rusqlite::Error| JournalError::of(&path, &error);
        let transaction = self.connection.transaction().map_err(sql)?;
        for record in records {
            store::write(&transaction, record).map_err(sql)?;
        }
        transaction.commit().map_err(sql)
    }

    /// Begins a session: its number is on disk when this returns, so that no order can carry one that a restart would use again.
    ///
    /// The first number of a new file is the minutes since 2026: were the file
    /// lost, the next one's sessions would not repeat the ids of the lost ones.
    ///
    /// # Errors
    /// [`JournalError`]; no order may be sent then.
    pub fn open_session(&mut self, start: &SessionStart<'_>) -> Result<u32, JournalError> {
        let path = self.path.clone();
        let sql = |error: rusqlite::Error| JournalError::of(&path, &error);
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(sql)?;
        let last: Option<i64> = transaction
            .query_row("SELECT max(session) FROM sessions", [], |row| row.get(0))
            .map_err(sql)?;
        let next = last.map_or_else(|| first_session(start.at_ms), |last| last.saturating_add(1));
        let session = u32::try_from(next).map_err(|_| JournalError::Io {
            file: path.display().to_string(),
            detail: "the session numbers are used up".to_owned(),
        })?;
        transaction
            .execute(
                "INSERT INTO sessions (session, started_ms, venue, account, version) VALUES (?1, ?2, ?3, ?4, ?5)",
                params![session, start.at_ms, start.venue, start.account, start.version],
            )
            .map_err(sql)?;
        transaction.commit().map_err(sql)?;
        Ok(session)
    }

    /// Notes from when on trades and funding of these symbols are ours, exchange time in Unix milliseconds; one that
    /// began before is left as it is. On disk when this returns: what comes after it is asked for however soon this
    /// process ends.
    ///
    /// # Errors
    /// [`JournalError`]; nothing may be quoted then.
    pub fn begin_symbols<'a>(
        &mut self,
        symbols: impl IntoIterator<Item = &'a str>,
        at_ms: i64,
    ) -> Result<(), JournalError> {
        let path = self.path.clone();
        let sql = |error: rusqlite::Error| JournalError::of(&path, &error);
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(sql)?;
        for symbol in symbols {
            let symbol = symbol.to_owned();
            store::write(&transaction, &Record::Began { symbol, at_ms }).map_err(sql)?;
        }
        transaction.commit().map_err(sql)
    }

    /// What a restart needs to know.
    ///
    /// # Errors
    /// [`JournalError`]
    pub fn restart_state(&self) -> Result<RestartState, JournalError> {
        query::restart_state(&self.connection).map_err(|error| JournalError::of(&self.path, &error))
    }

    /// Hands the journal to a writer thread.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn start(self) -> std::io::Result<Writer> {
        Writer::start(self.connection, writer::Limits::default())
    }
}

/// Milliseconds from 1970 to 2026.
const YEAR_2026_MS: i64 = 1_767_225_600_000;

fn first_session(at_ms: i64) -> i64 {
    (at_ms.saturating_sub(YEAR_2026_MS) / 60_000)
        .max(0)
        .saturating_add(1)
}

fn check_file(connection: &Connection, path: &Path) -> Result<(), JournalError> {
    let sql = |error: rusqlite::Error| JournalError::of(path, &error);
    let damaged = |detail: String| JournalError::Damaged {
        file: path.display().to_string(),
        detail,
    };
    let tables: i64 = connection
        .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
        .map_err(sql)?;
    let id: i32 = connection
        .pragma_query_value(None, "application_id", |row| row.get(0))
        .map_err(sql)?;
    if tables > 0 && id != APPLICATION_ID {
        return Err(damaged("it is another program's database".to_owned()));
    }
    let bytes = std::fs::metadata(path).map_or(0, |metadata| metadata.len());
    if bytes <= CHECK_BYTES_MAX {
        let verdict: String = connection
            .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
            .map_err(sql)?;
        if verdict != "ok" {
            return Err(damaged(verdict));
        }
    }
    Ok(())
}

fn migrate(connection: &mut Connection, path: &Path) -> Result<(), JournalError> {
    let sql = |error: rusqlite::Error| JournalError::of(path, &error);
    let transaction = connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(sql)?;
    transaction
        .execute_batch(
            "CREATE TABLE IF NOT EXISTS schema_migrations (version INTEGER PRIMARY KEY, name TEXT NOT NULL) STRICT",
        )
        .map_err(sql)?;
    let found: i64 = transaction
        .query_row(
            "SELECT coalesce(max(version), 0) FROM schema_migrations",
            [],
            |row| row.get(0),
        )
        .map_err(sql)?;
    let found = usize::try_from(found).unwrap_or(usize::MAX);
    if found > MIGRATIONS.len() {
        return Err(JournalError::Newer {
            file: path.display().to_string(),
            found,
            known: MIGRATIONS.len(),
        });
    }
    for (index, (name, statements)) in MIGRATIONS.iter().enumerate().skip(found) {
        transaction.execute_batch(statements).map_err(sql)?;
        transaction
            .execute(
                "INSERT INTO schema_migrations (version, name) VALUES (?1, ?2)",
                params![index as i64 + 1, name],
            )
            .map_err(sql)?;
    }
    transaction
        .pragma_update(None, "application_id", APPLICATION_ID)
        .map_err(sql)?;
    transaction.commit().map_err(sql)
}

/// Opens for reading beside a running writer.
fn open_read_only(path: &Path) -> Result<Connection, JournalError> {
    let sql = |error: rusqlite::Error| JournalError::of(path, &error);
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(sql)?;
    connection.busy_timeout(BUSY_WAIT).map_err(sql)?;
    Ok(connection)
}

#[cfg(test)]
mod tests;
