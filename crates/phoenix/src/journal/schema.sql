-- The journal's tables. Money, prices and sizes are integers of 1e-8 (columns _e8); times are Unix milliseconds (_ms).

CREATE TABLE sessions (
    session    INTEGER PRIMARY KEY,
    started_ms INTEGER NOT NULL,
    venue      TEXT NOT NULL,
    account    TEXT NOT NULL,
    version    TEXT NOT NULL,
    ended_ms   INTEGER,
    exit       TEXT
) STRICT;

CREATE TABLE orders (
    client_id   TEXT PRIMARY KEY,
    session     INTEGER NOT NULL,
    symbol      TEXT NOT NULL,
    side        TEXT NOT NULL CHECK (side IN ('buy', 'sell')),
    price_e8    INTEGER NOT NULL,
    qty_e8      INTEGER NOT NULL,
    filled_e8   INTEGER NOT NULL,
    reduce_only INTEGER NOT NULL,
    state       TEXT NOT NULL,
    final       INTEGER NOT NULL,
    order_id    INTEGER,
    placed_ms   INTEGER NOT NULL,
    updated_ms  INTEGER NOT NULL,
    reason      TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX orders_not_final ON orders (symbol) WHERE final = 0;
CREATE INDEX orders_by_time ON orders (updated_ms);

CREATE TABLE fills (
    symbol      TEXT NOT NULL,
    trade_id    INTEGER NOT NULL,
    client_id   TEXT NOT NULL,
    order_id    INTEGER NOT NULL,
    side        TEXT NOT NULL CHECK (side IN ('buy', 'sell')),
    price_e8    INTEGER NOT NULL,
    qty_e8      INTEGER NOT NULL,
    fee_e8      INTEGER NOT NULL,
    fee_asset   TEXT NOT NULL,
    realized_e8 INTEGER NOT NULL,
    maker       INTEGER NOT NULL,
    at_ms       INTEGER NOT NULL,
    PRIMARY KEY (symbol, trade_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX fills_by_time ON fills (at_ms);

-- All trades of a symbol up to this id are in `fills`: a later id alone does not prove that none is missing before it.
CREATE TABLE backfilled (
    symbol   TEXT PRIMARY KEY,
    trade_id INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE funding (
    tran_id   INTEGER PRIMARY KEY,
    symbol    TEXT NOT NULL,
    asset     TEXT NOT NULL,
    amount_e8 INTEGER NOT NULL,
    at_ms     INTEGER NOT NULL
) STRICT;
CREATE INDEX funding_by_time ON funding (at_ms);

CREATE TABLE positions (
    symbol   TEXT PRIMARY KEY,
    qty_e8   INTEGER NOT NULL,
    entry_e8 INTEGER NOT NULL,
    at_ms    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE equity (
    at_ms         INTEGER NOT NULL,
    asset         TEXT NOT NULL,
    wallet_e8     INTEGER NOT NULL,
    unrealized_e8 INTEGER NOT NULL,
    PRIMARY KEY (at_ms, asset)
) STRICT, WITHOUT ROWID;

CREATE TABLE symbol_samples (
    at_ms       INTEGER NOT NULL,
    symbol      TEXT NOT NULL,
    position_e8 INTEGER NOT NULL,
    mid_e8      INTEGER NOT NULL,
    PRIMARY KEY (at_ms, symbol)
) STRICT, WITHOUT ROWID;

CREATE TABLE halts (
    id           INTEGER PRIMARY KEY,
    scope        TEXT NOT NULL,
    reason       TEXT NOT NULL,
    since_ms     INTEGER NOT NULL,
    until_ms     INTEGER,
    cleared_ms   INTEGER,
    cleared_by   TEXT
) STRICT;
CREATE INDEX halts_standing ON halts (scope) WHERE cleared_ms IS NULL;

CREATE TABLE operator_actions (
    id     INTEGER PRIMARY KEY,
    at_ms  INTEGER NOT NULL,
    who    TEXT NOT NULL,
    action TEXT NOT NULL,
    detail TEXT NOT NULL
) STRICT;

CREATE TABLE config_changes (
    id        INTEGER PRIMARY KEY,
    at_ms     INTEGER NOT NULL,
    key       TEXT NOT NULL,
    old_value TEXT,
    new_value TEXT
) STRICT;

CREATE TABLE notices (
    id     INTEGER PRIMARY KEY,
    at_ms  INTEGER NOT NULL,
    level  INTEGER NOT NULL,
    code   TEXT NOT NULL,
    symbol TEXT,
    text   TEXT NOT NULL
) STRICT;
CREATE INDEX notices_by_time ON notices (at_ms);
