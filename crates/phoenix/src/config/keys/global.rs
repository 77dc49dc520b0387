//! Rows of the key table for `global:` and its groups; only data.

use super::Absent::{Default, Refused, Unset};
use super::Kind::{Bool, Choice, Int, Number, Path, Text, Time};
use super::Range::{Above, Any, From};
use super::{Change, Key, Obsolete, Section, rows};

pub(super) const KEYS: &[Key] = rows! {
    Global {
        venue: Choice(&["local", "testnet", "live"]), Unset, "", Any, Restart,
            "Where orders go. Unset: `testnet` when `testnet` is true, else `local`, the embedded exchange. `live` also needs `--live` on the command line.";
        testnet: Bool, Default("false"), "", Any, Restart,
            "The original's switch. `true` selects the testnet; `false` no longer selects the live exchange.";
        rest_url: Text, Unset, "", Any, Restart,
            "Base address of the REST interface, in place of the venue's own.";
        ws_url: Text, Unset, "", Any, Restart,
            "Base address of the market and user streams, in place of the venue's own.";
        ws_api_url: Text, Unset, "", Any, Restart,
            "Address of the WebSocket order interface, in place of the venue's own.";
        recv_window_ms: Time, Default("5000"), "ms", From("100", "60000"), Live,
            "How late a signed request may arrive before the exchange refuses it.";
        private_key_file: Path, Unset, "", Any, Restart,
            "Ed25519 or RSA private key (PKCS#8 PEM), readable by its owner only. `BINANCE_PRIVATE_KEY_FILE` goes first.";
        credentials_file: Path, Unset, "", Any, Restart,
            "File with `BINANCE_API_KEY=` and, for an HMAC key, `BINANCE_API_SECRET=` lines, readable by its owner only. The environment and systemd credentials go first.";
        state_dir: Path, Default("./data"), "", Any, Restart,
            "Folder of the journal, the instance lock, flight records and the kill file.";
        journal_keep_days: Int, Default("30"), "days", From("1", "3650"), Live,
            "How long the journal keeps finished orders, samples and notices. Fills, funding, equity and sessions are kept for good.";
        flight: Bool, Default("true"), "", Any, Restart,
            "Whether the session is recorded in `flight/` in `state_dir`, so that `phoenix replay` can show every decision again.";
        flight_keep_mb: Int, Default("256"), "MiB", From("1", "1048576"), Restart,
            "Most disk for flight records. Whole sessions are kept, the oldest is deleted first; a session that fills it alone ends its record there, with an alert. Incidents keep at most as much alive besides.";
        total_notional_max: Number, Refused, "quote", Above("0", "1000000000"), Live,
            "Largest sum over all symbols of the position, long or short, and everything that could still fill, at mid price.";
        quote_interval_ms: Time, Default("1000"), "ms", From("100", "60000"), Live,
            "Shortest time between two discretionary re-quotes. Fills, stalls and risk act at once.";
        halt_seconds: Time, Default("300"), "s", From("1", "86400"), Live,
            "How long a stop-loss halts quoting. The second one needs `resume`.";
        drawdown_ratio: Number, Default("1.5"), "", From("1", "10"), Live,
            "Drawdown of session equity that halts, as a multiple of the stop-loss threshold.";
        request_share_max: Number, Default("0.8"), "share", From("0.1", "0.9"), Live,
            "Share of the exchange's request-weight and order-count limits that may be used. Cancels for safety have a reserve beyond it.";
        order_channel: Choice(&["auto", "websocket", "rest"]), Default("auto"), "", Any, Restart,
            "How orders are sent. `auto`: WebSocket with an Ed25519 key, else REST. `websocket` with another key is an error.";
        order_timeout_ms: Time, Default("3000"), "ms", From("100", "30000"), Live,
            "After this long without an answer the outcome of an order is unknown and is queried.";
        kill_file: Text, Default("KILL"), "", Any, Restart,
            "Name of the file in `state_dir` whose appearance cancels everything until it is removed and quoting resumed.";
        listen_address: Text, Default("127.0.0.1"), "", Any, Restart,
            "Address of `/health`, `/livez` and `/readyz`. Anything but loopback is reachable by others.";
        metrics_port: Int, Default("9090"), "", From("0", "65535"), Restart,
            "Port of `/health`, `/livez` and `/readyz`; 0 takes a free one. One that is taken is replaced by a free one, with an alert. The address stands in `phoenix-ACCOUNT.http` in `state_dir`.";
        log_level: Choice(&["trace", "debug", "info", "warn", "error"]), Default("info"), "", Any, Live,
            "Least severe log line that is written.";
        log_format: Choice(&["human", "json"]), Default("human"), "", Any, Restart,
            "Form of the log lines on standard error and in `log_file`.";
        log_file: Path, Unset, "", Any, Restart,
            "File that receives the log as well, rotated. Unset: standard error only.";
        log_rotation: Choice(&["daily", "hourly", "never"]), Default("daily"), "", Any, Restart,
            "When `log_file` is rotated.";
        log_files_max: Int, Default("14"), "", From("1", "1000"), Restart,
            "How many rotated log files are kept.";
    }
    Liveness {
        stream_stale_ms: Time, Default("3000"), "ms", From("500", "3000"), Live,
            "Age of the last useful message at which a symbol stops sending orders and has its resting orders cancelled.";
        stream_dead_ms: Time, Default("5000"), "ms", From("1000", "5000"), Live,
            "Silence after which a stream is dead and reconnected, whatever its socket says.";
        event_lag_max_ms: Time, Default("1000"), "ms", From("100", "10000"), Live,
            "Exchange event time this far behind is stale data that looks fresh.";
        adaptive: Bool, Default("true"), "", Any, Live,
            "Whether lively streams are also suspect by their own rhythm, before `stream_stale_ms`, and the book is then compared over REST at once.";
        book_probe_interval_ms: Time, Default("10000"), "ms", From("1000", "60000"), Live,
            "Time between two comparisons of the top of the book over REST.";
        reconcile_interval_ms: Time, Default("30000"), "ms", From("5000", "300000"), Live,
            "Time between two comparisons of open orders, position and balance over REST.";
        user_event_timeout_ms: Time, Default("2000"), "ms", From("200", "30000"), Live,
            "An acknowledged order whose event has not come after this long makes the user stream suspect.";
        listen_key_keepalive_s: Time, Default("1800"), "s", From("60", "3300"), Live,
            "Time between two renewals of the listen key, which the exchange lets expire after an hour.";
        connection_age_max_s: Time, Default("82800"), "s", From("600", "86000"), Live,
            "Age at which a connection is replaced, before the exchange ends it at 24 h.";
        reconnect_delay_min_ms: Time, Default("250"), "ms", From("50", "5000"), Live,
            "First delay of the reconnect back-off.";
        reconnect_delay_max_ms: Time, Default("8000"), "ms", From("1000", "60000"), Live,
            "Longest delay of the reconnect back-off; a connection that could not be made is tried before that when another gets through.";
        dead_man_s: Time, Default("30"), "s", From("5", "30"), Live,
            "Time after which the exchange cancels our orders unless it is re-armed.";
    }
    Watchdog {
        stall_ms: Time, Default("3000"), "ms", From("1000", "30000"), Restart,
            "`phoenix watchdog`: standstill of the trading process after which everything is cancelled and it is ended.";
        restarts_max: Int, Default("5"), "", From("0", "100"), Restart,
            "`phoenix watchdog`: restarts within `restart_window_s` after which the next failure is the last.";
        restart_window_s: Time, Default("600"), "s", From("60", "86400"), Restart,
            "`phoenix watchdog`: time in which restarts are counted.";
    }
};

pub(super) const OBSOLETE: &[Obsolete] = &[
    Obsolete {
        section: Section::Global,
        name: "snapshot_path",
        replacement: "the journal in `state_dir` holds the state",
    },
    Obsolete {
        section: Section::Global,
        name: "snapshot_interval",
        replacement: "the journal in `state_dir` holds the state and is written at once",
    },
];
