-- A funding payment is known by symbol and full hour, because the stream gives it no id; from when on a symbol's trades
-- and payments are ours, and how far payments are surely complete.

CREATE TABLE funding_by_hour (
    symbol    TEXT NOT NULL,
    hour      INTEGER NOT NULL,
    asset     TEXT NOT NULL,
    amount_e8 INTEGER NOT NULL,
    at_ms     INTEGER NOT NULL,
    PRIMARY KEY (symbol, hour)
) STRICT, WITHOUT ROWID;
INSERT OR IGNORE INTO funding_by_hour (symbol, hour, asset, amount_e8, at_ms)
    SELECT symbol, (at_ms + 1800000) / 3600000, asset, amount_e8, at_ms FROM funding ORDER BY tran_id;
DROP TABLE funding;
ALTER TABLE funding_by_hour RENAME TO funding;
CREATE INDEX funding_by_time ON funding (at_ms);

-- `funding_through` is the last full hour (hours since 1970) of which no payment can be missing in `funding`.
CREATE TABLE symbols (
    symbol          TEXT PRIMARY KEY,
    began_ms        INTEGER NOT NULL,
    funding_through INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO symbols (symbol, began_ms, funding_through)
    SELECT symbol, started, started / 3600000
    FROM (SELECT symbol FROM fills UNION SELECT symbol FROM orders UNION SELECT symbol FROM positions
          UNION SELECT symbol FROM funding),
         (SELECT min(started_ms) AS started FROM sessions)
    WHERE started IS NOT NULL;
