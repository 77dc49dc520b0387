//! Owns the table of checks: names, units, bounds and what to do next; knows no values.

use super::Status;

/// Where a figure stops being healthy, and where it becomes severe.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Bound {
    /// Above these it is a warning, and severe.
    Above(Option<f64>, Option<f64>),
    /// Below this it is a warning; at or below that, severe.
    Below(Option<f64>, Option<f64>),
    /// It is a state, not a figure.
    State,
    /// Shown and not judged.
    Shown,
}

impl Bound {
    /// What the figure says.
    #[must_use]
    pub fn status(self, value: f64) -> Status {
        let is_over = |limit: Option<f64>| limit.is_some_and(|limit| value > limit);
        let is_under = |limit: Option<f64>| limit.is_some_and(|limit| value <= limit);
        match self {
            Self::Above(_, severe) if is_over(severe) => Status::Severe,
            Self::Above(warning, _) if is_over(warning) => Status::Warning,
            Self::Below(_, severe) if is_under(severe) => Status::Severe,
            Self::Below(Some(warning), _) if value < warning => Status::Warning,
            Self::Above(..) | Self::Below(..) | Self::State | Self::Shown => Status::Healthy,
        }
    }

    /// Where it stops being healthy.
    #[must_use]
    pub const fn warning(self) -> Option<f64> {
        match self {
            Self::Above(warning, _) | Self::Below(warning, _) => warning,
            Self::State | Self::Shown => None,
        }
    }

    /// Where it becomes severe.
    #[must_use]
    pub const fn severe(self) -> Option<f64> {
        match self {
            Self::Above(_, severe) | Self::Below(_, severe) => severe,
            Self::State | Self::Shown => None,
        }
    }
}

const fn above(warning: f64, severe: f64) -> Bound {
    Bound::Above(Some(warning), Some(severe))
}

/// One row of the table.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rule {
    /// Stable name.
    pub name: &'static str,
    /// Unit of figure and bounds; empty for a state.
    pub unit: &'static str,
    /// Bounds, unless the configuration sets them.
    pub bound: Bound,
    /// What is looked at.
    pub what: &'static str,
    /// What to do when it is not healthy. `{pid}`, `{symbol}`, `{state_dir}`, `{kill_file}` and `{config}` are filled in.
    pub next: &'static str,
}

/// Declares the rules and the list of all of them.
macro_rules! rules {
    ($($id:ident: $name:literal, $unit:literal, $bound:expr, $what:literal, $next:literal;)*) => {
        $(#[doc = $what] pub const $id: Rule = Rule { name: $name, unit: $unit, bound: $bound, what: $what, next: $next };)*
        /// Every rule, in the order of the answer.
        pub const ALL: &[Rule] = &[$($id),*];
    };
}

rules! {
    PROCESS: "process", "s", Bound::State,
        "The process: whether it is there, answers, and runs; the figure is how long.",
        "wait a minute and look again: phoenix health {config}";
    WATCHDOG: "watchdog", "", Bound::State,
        "The process that watches this one. Without one, the exchange's dead-man switch remains.",
        "at a quiet moment end this process and start it under a new watchdog: kill -TERM {pid}; phoenix watchdog {config}";
    ENGINE_CYCLE_AGE: "engine_cycle_age", "s", above(2.0, 5.0),
        "Time since the engine completed a cycle. A process that is alive and does nothing shows here.",
        "cancel from outside, then end it: phoenix emergency cancel-all {config}; kill -ABRT {pid}";
    COLD_CYCLE_AGE: "cold_cycle_age", "s", above(2.0, 5.0),
        "Time since the side that does everything but quoting took stock.",
        "its requests or its disk hang: look at the log's end, then restart with kill -TERM {pid}";
    ACCOUNT_LOCK: "account_lock", "", Bound::State,
        "Whether this process still holds the lock of the account on this machine.",
        "see that no second phoenix runs (pgrep -a phoenix), then restart this one: kill -TERM {pid}";
    PAGE: "page", "", Bound::State,
        "Whether this page is where the configuration wants it; shown only when not.",
        "free the port or set another global.metrics_port, then restart: ss -ltnp; kill -TERM {pid}";
    HALT: "halt", "s", Bound::State,
        "Whether everything or one symbol is halted, why, and for how many more seconds. One that an operator wanted is a warning.",
        "find the cause in the log, then resume: kill -USR2 {pid}";
    CONNECTIONS_DOWN: "connections_down", "connections", above(0.0, 2.0),
        "Connections to the exchange that are down.",
        "it reconnects by itself; if it lasts, test the way: curl -sS https://fapi.binance.com/fapi/v1/ping";
    REQUEST_WEIGHT: "request_weight", "share", above(0.8, 0.95),
        "Request weight of the running minute as a share of the exchange's limit.",
        "stop other programs on this address and key; if there are none, fewer symbols or a longer global.liveness.book_probe_interval_ms: phoenix check-config{config_arg}";
    ORDER_LIMIT: "order_limit", "share", above(0.8, 0.95),
        "Orders as a share of the exchange's limits, the tighter window.",
        "stop other programs on this key; if there are none, fewer layers or a longer global.quote_interval_ms: phoenix check-config{config_arg}";
    LISTEN_KEY_AGE: "listen_key_age", "s", Bound::Above(Some(2_100.0), Some(3_600.0)),
        "Time since the user stream's key was made or renewed; it ends after an hour. Warning: `listen_key_keepalive_s` and 300 s.",
        "the exchange refuses to renew it: see the log for `listen key`, check the key's rights; kill -TERM {pid} restarts under a supervisor";
    ERRORS_PER_MINUTE: "errors_per_minute", "errors", above(5.0, 10.0),
        "Errors logged in the last minute.",
        "read them: journalctl -u phoenix -p err --since -5min (or the file of global.log_file)";
    ERRORS_5_MIN: "errors_5_min", "errors", above(25.0, 50.0),
        "Errors logged in the last five minutes.",
        "read them: journalctl -u phoenix -p err --since -10min (or the file of global.log_file)";
    PANICS_5_MIN: "panics_5_min", "panics", above(0.0, 4.0),
        "Panics in the last five minutes, contained ones too.",
        "a bug: keep the log line with code=panic and report it; journalctl -u phoenix --grep code=.panic";
    JOURNAL_LAG: "journal_lag", "s", above(5.0, 60.0),
        "While records wait: time since records last reached the disk. Severe at once when the disk refuses.",
        "make room or mend the disk, records wait in memory: df -h {state_dir}";
    JOURNAL_WAITING: "journal_waiting", "records", above(5_000.0, 60_000.0),
        "Records that wait for the disk.",
        "the disk is too slow or full: df -h {state_dir}; iostat -x 5 2";
    DISK_FREE: "disk_free", "bytes", Bound::Below(Some(1e9), Some(1e8)),
        "Free space where the journal lies.",
        "make room: df -h {state_dir}; du -xh {state_dir} | sort -h | tail";
    CLOCK_OFFSET: "clock_offset", "s", above(0.5, 5.0),
        "How far the machine's clock is from the exchange's. It is corrected, but a large one means that nobody keeps the clock.",
        "set the clock and keep it: timedatectl status; systemctl restart systemd-timesyncd";
    CLOCK_MEASURED_AGE: "clock_measured_age", "s", above(120.0, 600.0),
        "Time since the exchange's clock was last read.",
        "requests are slow or unanswered: curl -sS -w '%{time_total}\\n' https://fapi.binance.com/fapi/v1/time";
    DEPTH_AGE: "depth_age", "s", above(3.0, 5.0),
        "Price age: time since the depth stream's last useful message, or since the exchange confirmed the book by REST.",
        "orders of {symbol} are being pulled and the stream replaced by itself; see that they are gone: phoenix emergency status {config}";
    MARK_AGE: "mark_age", "s", above(3.0, 5.0),
        "Time since the last mark price.",
        "it is reconnected by itself; if it lasts, see that nothing of {symbol} rests: phoenix emergency status {config}";
    TICKER_AGE: "ticker_age", "s", Bound::Shown,
        "Time since the last change of the best prices; silent by right in a quiet market.", "";
    TRADE_AGE: "trade_age", "s", Bound::Shown,
        "Time since the last trade; silent by right in a quiet market.", "";
    EVENT_LAG: "event_lag", "s", above(1.0, 5.0),
        "How far the depth stream's event time is behind: stale data that looks fresh.",
        "quotes of {symbol} wait until it catches up; compare the clocks: timedatectl status";
    BOOK_CHECK: "book_check", "s", above(60.0, 300.0),
        "Time since the top of the book was compared with the exchange by REST. A difference is a warning at once.",
        "the book is rebuilt when it differs twice; see that requests get through: curl -sS https://fapi.binance.com/fapi/v1/ping";
    ACCOUNT_CHECK: "account_check", "s", above(90.0, 300.0),
        "Time since open orders and position were confirmed by REST; not known while one of them is in doubt.",
        "it asks by itself; see that requests get through and compare: phoenix emergency status {config}";
    ORDERS_TWO_SIDED: "orders_two_sided", "share", Bound::Below(Some(0.7), Some(0.0)),
        "Orders resting of those wanted, the worse side.",
        "look why in the other lines of {symbol}; what rests at the exchange: phoenix emergency status {config}";
    QUOTE_AGE: "quote_age", "s", above(120.0, 300.0),
        "While quoting: time since the quotes were last compared with what is wanted.",
        "quoting of {symbol} stands still: phoenix emergency cancel-all {config}; kill -TERM {pid}";
    ORDERS_UNKNOWN: "orders_unknown", "orders", above(0.0, 10.0),
        "Orders whose outcome is not known; each counts as exposure and is asked for.",
        "it asks by itself; if it lasts, compare: phoenix emergency status {config}";
    ORDER_ROUND_TRIP: "order_round_trip", "s", above(1.0, 3.0),
        "Time from sending the latest order to its answer.",
        "the way to the exchange is slow: curl -sS -o /dev/null -w '%{time_total}\\n' https://fapi.binance.com/fapi/v1/ping";
    CANCELS_PER_MINUTE: "cancels_per_minute", "cancels", above(50.0, 50.0),
        "Discretionary cancels of the last minute. Bounds: `max_cancel_per_min` reached, and exceeded.",
        "wider reprice_tolerance or min_order_age for {symbol}: phoenix check-config{config_arg}";
    PUNISHMENT: "punishment", "share", above(0.5, 0.9),
        "How near the exchange's action against young cancels and unfilled orders is; 1 is there.",
        "Phoenix slows down by itself; fewer layers or a longer min_order_age for {symbol} help: phoenix check-config{config_arg}";
    POSITION: "position", "share", above(0.5, 1.0),
        "|Position| as a share of `net_max`.",
        "it is reduced by itself; to be out at once: phoenix emergency close-all {config}";
    WORST_CASE: "worst_case", "share", above(1.0, 1.0),
        "|Position| with everything that could still fill, as a share of `net_max`.",
        "cancel everything: phoenix emergency cancel-all {config}";
    DEAD_MAN: "dead_man", "s", Bound::Below(Some(5.0), Some(0.0)),
        "Time until the exchange cancels our orders unless it is armed again, as it confirmed. Severe when orders rest without it.",
        "see what rests, cancel if in doubt: phoenix emergency status {config}; phoenix emergency cancel-all {config}";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_threshold_turns_at_its_edge() {
        use Status::{Healthy, Severe, Warning};
        for (rule, edges) in [
            (
                ENGINE_CYCLE_AGE,
                [
                    (2.0, Healthy),
                    (2.001, Warning),
                    (5.0, Warning),
                    (5.001, Severe),
                ],
            ),
            (
                DEPTH_AGE,
                [
                    (3.0, Healthy),
                    (3.001, Warning),
                    (5.0, Warning),
                    (5.001, Severe),
                ],
            ),
            (
                MARK_AGE,
                [
                    (3.0, Healthy),
                    (3.001, Warning),
                    (5.0, Warning),
                    (5.001, Severe),
                ],
            ),
            (
                ORDERS_TWO_SIDED,
                [
                    (0.7, Healthy),
                    (0.699, Warning),
                    (0.01, Warning),
                    (0.0, Severe),
                ],
            ),
            (
                QUOTE_AGE,
                [
                    (60.0, Healthy),
                    (120.0, Healthy),
                    (120.001, Warning),
                    (300.001, Severe),
                ],
            ),
            (
                ERRORS_PER_MINUTE,
                [
                    (0.0, Healthy),
                    (5.0, Healthy),
                    (6.0, Warning),
                    (11.0, Severe),
                ],
            ),
            (
                DEAD_MAN,
                [
                    (30.0, Healthy),
                    (5.0, Healthy),
                    (4.9, Warning),
                    (0.0, Severe),
                ],
            ),
            (
                DISK_FREE,
                [
                    (2e9, Healthy),
                    (1e9, Healthy),
                    (9.9e8, Warning),
                    (1e8, Severe),
                ],
            ),
            (
                WORST_CASE,
                [
                    (0.0, Healthy),
                    (1.0, Healthy),
                    (1.001, Severe),
                    (2.0, Severe),
                ],
            ),
        ] {
            for (value, status) in edges {
                assert_eq!(rule.bound.status(value), status, "{} {value}", rule.name);
            }
        }
    }

    #[test]
    fn every_rule_that_can_turn_says_with_a_command_what_to_do() {
        for rule in ALL {
            let names_a_command = [
                "phoenix ",
                "kill -",
                "curl ",
                "df ",
                "timedatectl ",
                "journalctl ",
            ];
            let has = names_a_command.iter().any(|c| rule.next.contains(c));
            assert!(
                has || rule.bound == Bound::Shown,
                "{}: {}",
                rule.name,
                rule.next
            );
        }
        let mut names: Vec<&str> = ALL.iter().map(|rule| rule.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), ALL.len(), "names are unique");
    }
}
