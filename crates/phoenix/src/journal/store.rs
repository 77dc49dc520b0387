//! The SQL that writes one record; does not know queues or transactions.

use rusqlite::{Connection, OptionalExtension, params};

use super::record::{Fill, Order, Record};

/// Writes `record`. Writing the same one again changes nothing.
pub(super) fn write(connection: &Connection, record: &Record) -> rusqlite::Result<()> {
    match record {
        Record::Fill(fill) => write_fill(connection, fill),
        Record::Order(order) => write_order(connection, order),
        Record::Funding(row) => run(
            connection,
            "INSERT INTO funding (symbol, hour, asset, amount_e8, at_ms) VALUES (?1, ?2, ?3, ?4, ?5) \
             ON CONFLICT (symbol, hour) DO NOTHING",
            params![row.symbol, row.hour, row.asset, row.amount_e8, row.at_ms],
        ),
        // A back-fill delivers old news late: only a newer position replaces the known one.
        Record::Position(row) => run(
            connection,
            "INSERT INTO positions (symbol, qty_e8, entry_e8, at_ms) VALUES (?1, ?2, ?3, ?4) \
             ON CONFLICT (symbol) DO UPDATE SET qty_e8 = excluded.qty_e8, entry_e8 = excluded.entry_e8, \
             at_ms = excluded.at_ms WHERE excluded.at_ms >= positions.at_ms",
            params![row.symbol, row.qty_e8, row.entry_e8, row.at_ms],
        ),
        Record::Backfilled { .. } | Record::Began { .. } | Record::FundingThrough { .. } => {
            write_progress(connection, record)
        }
        Record::Halt(row) => run(
            connection,
            "INSERT INTO halts (scope, reason, since_ms, until_ms) VALUES (?1, ?2, ?3, ?4)",
            params![row.scope, row.reason, row.since_ms, row.until_ms],
        ),
        Record::HaltCleared { scope, at_ms, by } => run(
            connection,
            "UPDATE halts SET cleared_ms = ?2, cleared_by = ?3 WHERE scope = ?1 AND cleared_ms IS NULL",
            params![scope, at_ms, by],
        ),
        Record::Operator(row) => run(
            connection,
            "INSERT INTO operator_actions (at_ms, who, action, detail) VALUES (?1, ?2, ?3, ?4)",
            params![row.at_ms, row.who, row.action, row.detail],
        ),
        Record::SessionEnd {
            session,
            at_ms,
            exit,
        } => run(
            connection,
            "UPDATE sessions SET ended_ms = ?2, exit = ?3 WHERE session = ?1",
            params![session, at_ms, exit],
        ),
        Record::Equity(row) => run(
            connection,
            "INSERT OR REPLACE INTO equity (at_ms, asset, wallet_e8, unrealized_e8) VALUES (?1, ?2, ?3, ?4)",
            params![row.at_ms, row.asset, row.wallet_e8, row.unrealized_e8],
        ),
        Record::Sample(row) => run(
            connection,
            "INSERT OR REPLACE INTO symbol_samples (at_ms, symbol, position_e8, mid_e8) VALUES (?1, ?2, ?3, ?4)",
            params![row.at_ms, row.symbol, row.position_e8, row.mid_e8],
        ),
        Record::Config(row) => run(
            connection,
            "INSERT INTO config_changes (at_ms, key, old_value, new_value) VALUES (?1, ?2, ?3, ?4)",
            params![row.at_ms, row.key, row.old_value, row.new_value],
        ),
        Record::Notice(row) => run(
            connection,
            "INSERT INTO notices (at_ms, level, code, symbol, text) VALUES (?1, ?2, ?3, ?4, ?5)",
            params![row.at_ms, row.level, row.code, row.symbol, row.text],
        ),
        Record::Prune { before_ms } => prune(connection, *before_ms),
    }
}

/// How far the books are surely complete: it only grows, and over no hole.
fn write_progress(connection: &Connection, record: &Record) -> rusqlite::Result<()> {
    match record {
        Record::Backfilled {
            symbol,
            from: None,
            trade_id,
        } => run(
            connection,
            "INSERT INTO backfilled (symbol, trade_id) VALUES (?1, ?2) \
             ON CONFLICT (symbol) DO UPDATE SET trade_id = max(trade_id, excluded.trade_id)",
            params![symbol, trade_id],
        ),
        Record::Backfilled {
            symbol,
            from: Some(from),
            trade_id,
        } => run(
            connection,
            "UPDATE backfilled SET trade_id = max(trade_id, ?3) WHERE symbol = ?1 AND trade_id >= ?2 - 1",
            params![symbol, from, trade_id],
        ),
        Record::FundingThrough {
            symbol,
            after,
            through,
        } => run(
            connection,
            "UPDATE symbols SET funding_through = max(funding_through, ?3) \
             WHERE symbol = ?1 AND funding_through >= ?2",
            params![symbol, after, through],
        ),
        Record::Began { symbol, at_ms } => run(
            connection,
            "INSERT INTO symbols (symbol, began_ms, funding_through) VALUES (?1, ?2, ?2 / 3600000) \
             ON CONFLICT (symbol) DO NOTHING",
            params![symbol, at_ms],
        ),
        _ => Ok(()),
    }
}

fn run(
    connection: &Connection,
    statement: &str,
    values: impl rusqlite::Params,
) -> rusqlite::Result<()> {
    connection.prepare_cached(statement)?.execute(values)?;
    Ok(())
}

/// Most rows of a table that one [`Record::Prune`] deletes, so that it holds up no fill for long.
pub(super) const PRUNE_ROWS_MAX: i64 = 5_000;

fn prune(connection: &Connection, before_ms: i64) -> rusqlite::Result<()> {
    for statement in [
        "DELETE FROM orders WHERE client_id IN \
         (SELECT client_id FROM orders WHERE updated_ms < ?1 AND final = 1 LIMIT ?2)",
        "DELETE FROM notices WHERE id IN (SELECT id FROM notices WHERE at_ms < ?1 LIMIT ?2)",
        "DELETE FROM symbol_samples WHERE (at_ms, symbol) IN \
         (SELECT at_ms, symbol FROM symbol_samples WHERE at_ms < ?1 LIMIT ?2)",
    ] {
        run(connection, statement, params![before_ms, PRUNE_ROWS_MAX])?;
    }
    Ok(())
}

fn write_fill(connection: &Connection, fill: &Fill) -> rusqlite::Result<()> {
    let inserted = connection
        .prepare_cached(
            "INSERT INTO fills (symbol, trade_id, client_id, order_id, side, price_e8, qty_e8, fee_e8, fee_asset, \
             realized_e8, maker, at_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12) \
             ON CONFLICT (symbol, trade_id) DO NOTHING",
        )?
        .execute(params![
            fill.symbol,
            fill.trade_id,
            fill.client_id,
            fill.order_id,
            fill.side.word(),
            fill.price_e8,
            fill.qty_e8,
            fill.fee_e8,
            fill.fee_asset,
            fill.realized_e8,
            fill.maker,
            fill.at_ms
        ])?;
    if inserted == 0 {
        note_difference(connection, fill)?;
    }
    Ok(())
}

/// The same trade told twice must be told alike. The first telling stays; a difference is written down.
fn note_difference(connection: &Connection, fill: &Fill) -> rusqlite::Result<()> {
    let alike: Option<bool> = connection
        .prepare_cached(
            "SELECT side = ?3 AND price_e8 = ?4 AND qty_e8 = ?5 AND fee_e8 = ?6 AND realized_e8 = ?7 \
             FROM fills WHERE symbol = ?1 AND trade_id = ?2",
        )?
        .query_row(
            params![fill.symbol, fill.trade_id, fill.side.word(), fill.price_e8, fill.qty_e8, fill.fee_e8, fill.realized_e8],
            |row| row.get(0),
        )
        .optional()?;
    if alike == Some(false) {
        let text = format!(
            "trade {} was reported twice with different values: {fill:?}",
            fill.trade_id
        );
        connection
            .prepare_cached("INSERT INTO notices (at_ms, level, code, symbol, text) VALUES (?1, 2, 'fill_differs', ?2, ?3)")?
            .execute(params![fill.at_ms, fill.symbol, text])?;
    }
    Ok(())
}

/// A final state stays final, and the filled size never decreases, in whatever order the news comes.
fn write_order(connection: &Connection, order: &Order) -> rusqlite::Result<()> {
    run(
        connection,
        "INSERT INTO orders (client_id, session, symbol, side, price_e8, qty_e8, filled_e8, reduce_only, state, \
         final, order_id, placed_ms, updated_ms, reason) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14) \
         ON CONFLICT (client_id) DO UPDATE SET price_e8 = excluded.price_e8, qty_e8 = excluded.qty_e8, \
         filled_e8 = max(filled_e8, excluded.filled_e8), state = excluded.state, final = excluded.final, \
         order_id = coalesce(excluded.order_id, order_id), updated_ms = excluded.updated_ms, \
         reason = coalesce(excluded.reason, reason) WHERE orders.final = 0 OR excluded.final = 1",
        params![
            order.client_id,
            order.session,
            order.symbol,
            order.side.word(),
            order.price_e8,
            order.qty_e8,
            order.filled_e8,
            order.reduce_only,
            order.state,
            order.is_final,
            order.order_id,
            order.placed_ms,
            order.updated_ms,
            order.reason
        ],
    )
}
