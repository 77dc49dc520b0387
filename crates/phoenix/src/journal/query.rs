//! What can be asked of the journal: the state a restart begins from, and rows for reports; never writes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::record::{Equity, Fill, Funding, Halt, Notice, Position, Side};
use super::{JournalError, open_read_only};

/// One run of the program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Its number.
    pub session: u32,
    /// When it began, Unix milliseconds.
    pub started_ms: i64,
    /// Name of the venue.
    pub venue: String,
    /// Fingerprint of the account's key.
    pub account: String,
    /// When it ended by design; `None` after a crash or while it runs.
    pub ended_ms: Option<i64>,
    /// Why it ended.
    pub exit: Option<String>,
}

/// What the journal knows about a symbol. Money and sizes are integers of 1e-8.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SymbolState {
    /// The position as last known.
    pub position: Option<Position>,
    /// Realised profit of all recorded fills.
    pub realized_e8: i64,
    /// Fees of all recorded fills, by asset.
    pub fees_e8: BTreeMap<String, i64>,
    /// Funding received less funding paid, by asset.
    pub funding_e8: BTreeMap<String, i64>,
    /// The same of the hours up to `funding_through`.
    pub funding_settled_e8: BTreeMap<String, i64>,
    /// Realised profit of the fills before `backfill_from`: none of those is missing.
    pub realized_settled_e8: i64,
    /// Fees of the fills before `backfill_from`, by asset.
    pub fees_settled_e8: BTreeMap<String, i64>,
    /// Number of recorded fills.
    pub fills: i64,
    /// Highest recorded trade id. Trades before it may be missing; see `backfill_from`.
    pub last_trade_id: Option<i64>,
    /// First trade id to ask the exchange for after a restart: everything before it is surely recorded.
    /// `None` when no back-fill was ever completed; ask from `began_ms` then.
    pub backfill_from: Option<i64>,
    /// From when on trades and funding are ours, exchange time in Unix milliseconds.
    pub began_ms: Option<i64>,
    /// The last full hour since 1970 of which no funding payment can be missing.
    pub funding_through: Option<i64>,
    /// Time of the last recorded fill.
    pub last_fill_ms: Option<i64>,
    /// Time of the last recorded funding payment.
    pub last_funding_ms: Option<i64>,
}

/// An order that was not known to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnfinishedOrder {
    /// Our id.
    pub client_id: String,
    /// The session that placed it.
    pub session: u32,
    /// The contract.
    pub symbol: String,
    /// Name of its last state.
    pub state: String,
}

/// What a restart begins from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RestartState {
    /// The last session before this one.
    pub last_session: Option<Session>,
    /// By symbol.
    pub symbols: BTreeMap<String, SymbolState>,
    /// Halts that nobody cleared.
    pub halts: Vec<Halt>,
    /// Orders to be looked for at the exchange.
    pub unfinished: Vec<UnfinishedOrder>,
}

/// Reads beside a running writer: for reports and health.
#[derive(Debug)]
pub struct Reader {
    connection: Connection,
    path: PathBuf,
}

impl Reader {
    /// Opens an existing journal for reading.
    ///
    /// # Errors
    /// [`JournalError`]
    pub fn open(path: &Path) -> Result<Self, JournalError> {
        Ok(Self {
            connection: open_read_only(path)?,
            path: path.to_owned(),
        })
    }

    fn all<T>(
        &self,
        statement: &str,
        values: impl rusqlite::Params,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, JournalError> {
        collect(&self.connection, statement, values, read)
            .map_err(|error| JournalError::of(&self.path, &error))
    }

    /// As [`super::Journal::restart_state`].
    ///
    /// # Errors
    /// [`JournalError`]
    pub fn restart_state(&self) -> Result<RestartState, JournalError> {
        restart_state(&self.connection).map_err(|error| JournalError::of(&self.path, &error))
    }

    /// Fills with `from_ms ≤ time < to_ms`, oldest first.
    ///
    /// # Errors
    /// [`JournalError`]
    pub fn fills(&self, from_ms: i64, to_ms: i64) -> Result<Vec<Fill>, JournalError> {
        self.all(
            "SELECT symbol, trade_id, client_id, order_id, side, price_e8, qty_e8, fee_e8, fee_asset, realized_e8, \
             maker, at_ms FROM fills WHERE at_ms >= ?1 AND at_ms < ?2 ORDER BY at_ms, symbol, trade_id",
            params![from_ms, to_ms],
            |row| {
                let side: String = row.get(4)?;
                Ok(Fill {
                    symbol: row.get(0)?,
                    trade_id: row.get(1)?,
                    client_id: row.get(2)?,
                    order_id: row.get(3)?,
                    // The table admits no other word than these two.
                    side: if side == Side::Buy.word() { Side::Buy } else { Side::Sell },
                    price_e8: row.get(5)?,
                    qty_e8: row.get(6)?,
                    fee_e8: row.get(7)?,
                    fee_asset: row.get(8)?,
                    realized_e8: row.get(9)?,
                    maker: row.get(10)?,
                    at_ms: row.get(11)?,
                })
            },
        )
    }

    /// Funding payments with `from_ms ≤ time < to_ms`, oldest first.
    ///
    /// # Errors
    /// [`JournalError`]
    pub fn funding(&self, from_ms: i64, to_ms: i64) -> Result<Vec<Funding>, JournalError> {
        self.all(
            "SELECT symbol, hour, asset, amount_e8, at_ms FROM funding \
             WHERE at_ms >= ?1 AND at_ms < ?2 ORDER BY at_ms, symbol",
            params![from_ms, to_ms],
            |row| {
                Ok(Funding {
                    symbol: row.get(0)?,
                    hour: row.get(1)?,
                    asset: row.get(2)?,
                    amount_e8: row.get(3)?,
                    at_ms: row.get(4)?,
                })
            },
        )
    }

    /// Equity samples with `from_ms ≤ time < to_ms`, oldest first.
    ///
    /// # Errors
    /// [`JournalError`]
    pub fn equity(&self, from_ms: i64, to_ms: i64) -> Result<Vec<Equity>, JournalError> {
        self.all(
            "SELECT at_ms, asset, wallet_e8, unrealized_e8 FROM equity \
             WHERE at_ms >= ?1 AND at_ms < ?2 ORDER BY at_ms, asset",
            params![from_ms, to_ms],
            |row| {
                Ok(Equity {
                    at_ms: row.get(0)?,
                    asset: row.get(1)?,
                    wallet_e8: row.get(2)?,
                    unrealized_e8: row.get(3)?,
                })
            },
        )
    }

    /// Notices of at least `level` with `from_ms ≤ time < to_ms`, oldest first.
    ///
    /// # Errors
    /// [`JournalError`]
    pub fn notices(
        &self,
        level: u8,
        from_ms: i64,
        to_ms: i64,
    ) -> Result<Vec<Notice>, JournalError> {
        self.all(
            "SELECT at_ms, level, code, symbol, text FROM notices \
             WHERE at_ms >= ?2 AND at_ms < ?3 AND level >= ?1 ORDER BY at_ms, id",
            params![level, from_ms, to_ms],
            |row| {
                Ok(Notice {
                    at_ms: row.get(0)?,
                    level: row.get(1)?,
                    code: row.get(2)?,
                    symbol: row.get(3)?,
                    text: row.get(4)?,
                })
            },
        )
    }
}

fn collect<T>(
    connection: &Connection,
    statement: &str,
    values: impl rusqlite::Params,
    read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<Vec<T>> {
    connection
        .prepare_cached(statement)?
        .query_map(values, read)?
        .collect()
}

/// See [`super::Journal::restart_state`].
pub(super) fn restart_state(connection: &Connection) -> rusqlite::Result<RestartState> {
    Ok(RestartState {
        last_session: last_session(connection)?,
        symbols: symbols(connection)?,
        halts: collect(
            connection,
            "SELECT scope, reason, since_ms, until_ms FROM halts WHERE cleared_ms IS NULL ORDER BY id",
            [],
            |row| {
                Ok(Halt {
                    scope: row.get(0)?,
                    reason: row.get(1)?,
                    since_ms: row.get(2)?,
                    until_ms: row.get(3)?,
                })
            },
        )?,
        unfinished: collect(
            connection,
            "SELECT client_id, session, symbol, state FROM orders WHERE final = 0 ORDER BY client_id",
            [],
            |row| {
                Ok(UnfinishedOrder {
                    client_id: row.get(0)?,
                    session: row.get(1)?,
                    symbol: row.get(2)?,
                    state: row.get(3)?,
                })
            },
        )?,
    })
}

fn last_session(connection: &Connection) -> rusqlite::Result<Option<Session>> {
    connection
        .query_row(
            "SELECT session, started_ms, venue, account, ended_ms, exit FROM sessions ORDER BY session DESC LIMIT 1",
            [],
            |row| {
                Ok(Session {
                    session: row.get(0)?,
                    started_ms: row.get(1)?,
                    venue: row.get(2)?,
                    account: row.get(3)?,
                    ended_ms: row.get(4)?,
                    exit: row.get(5)?,
                })
            },
        )
        .optional()
}

fn symbols(connection: &Connection) -> rusqlite::Result<BTreeMap<String, SymbolState>> {
    let mut symbols: BTreeMap<String, SymbolState> = BTreeMap::new();
    add_fills(connection, &mut symbols)?;
    add_funding(connection, &mut symbols)?;
    let marks: Vec<(String, i64)> = collect(
        connection,
        "SELECT symbol, trade_id FROM backfilled",
        [],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    for (symbol, trade_id) in marks {
        symbols.entry(symbol).or_default().backfill_from = Some(trade_id.saturating_add(1));
    }
    let positions = collect(
        connection,
        "SELECT symbol, qty_e8, entry_e8, at_ms FROM positions",
        [],
        |row| {
            Ok(Position {
                symbol: row.get(0)?,
                qty_e8: row.get(1)?,
                entry_e8: row.get(2)?,
                at_ms: row.get(3)?,
            })
        },
    )?;
    for position in positions {
        let state = symbols.entry(position.symbol.clone()).or_default();
        state.position = Some(position);
    }
    Ok(symbols)
}

/// Sums of all fills, and of those that are surely complete.
fn add_fills(
    connection: &Connection,
    symbols: &mut BTreeMap<String, SymbolState>,
) -> rusqlite::Result<()> {
    const SUMS: &str = "SELECT symbol, fee_asset, sum(realized_e8), sum(fee_e8), count(*), max(fills.trade_id), max(at_ms), \
         sum(CASE WHEN fills.trade_id <= backfilled.trade_id THEN realized_e8 ELSE 0 END), \
         sum(CASE WHEN fills.trade_id <= backfilled.trade_id THEN fee_e8 ELSE 0 END) \
         FROM fills LEFT JOIN backfilled USING (symbol) GROUP BY symbol, fee_asset";
    let mut statement = connection.prepare_cached(SUMS)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (asset, fees, fees_settled): (String, i64, i64) =
            (row.get(1)?, row.get(3)?, row.get(8)?);
        let (realized, settled): (i64, i64) = (row.get(2)?, row.get(7)?);
        let state = symbols.entry(row.get(0)?).or_default();
        state.realized_e8 = state.realized_e8.saturating_add(realized);
        state.realized_settled_e8 = state.realized_settled_e8.saturating_add(settled);
        state.fees_e8.insert(asset.clone(), fees);
        state.fees_settled_e8.insert(asset, fees_settled);
        state.fills += row.get::<_, i64>(4)?;
        state.last_trade_id = state.last_trade_id.max(row.get(5)?);
        state.last_fill_ms = state.last_fill_ms.max(row.get(6)?);
    }
    Ok(())
}

/// Where each symbol began, and its funding.
fn add_funding(
    connection: &Connection,
    symbols: &mut BTreeMap<String, SymbolState>,
) -> rusqlite::Result<()> {
    let began: Vec<(String, i64, i64)> = collect(
        connection,
        "SELECT symbol, began_ms, funding_through FROM symbols",
        [],
        |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
    )?;
    for (symbol, began_ms, through) in began {
        let state = symbols.entry(symbol).or_default();
        (state.began_ms, state.funding_through) = (Some(began_ms), Some(through));
    }
    let funding: Vec<(String, String, i64, i64, i64)> = collect(
        connection,
        "SELECT symbol, asset, sum(amount_e8), max(at_ms), \
         sum(CASE WHEN hour <= funding_through THEN amount_e8 ELSE 0 END) \
         FROM funding LEFT JOIN symbols USING (symbol) \
         WHERE began_ms IS NULL OR hour > began_ms / 3600000 GROUP BY symbol, asset",
        [],
        |row| {
            Ok((
                row.get(0)?,
                row.get(1)?,
                row.get(2)?,
                row.get(3)?,
                row.get(4)?,
            ))
        },
    )?;
    for (symbol, asset, amount, last_ms, settled) in funding {
        let state = symbols.entry(symbol).or_default();
        state.funding_settled_e8.insert(asset.clone(), settled);
        state.funding_e8.insert(asset, amount);
        state.last_funding_ms = state.last_funding_ms.max(Some(last_ms));
    }
    Ok(())
}
