//! Owns what the exchange says about its limits and how much of them is used; knows nothing of budgets.

use super::decode::wire::Text;
use phoenix_core::params::ExchangeLimits;
use phoenix_core::units::Span;
use serde::Deserialize;

/// What is counted (protocol §6.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LimitKind {
    /// Request weight of the IP.
    Weight,
    /// Orders of the account.
    Orders,
    /// Anything else (raw requests).
    Other,
}

/// One limit of `exchangeInfo` or `rateLimit/order`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RateLimit {
    /// What is counted.
    pub kind: LimitKind,
    /// Length of the window.
    pub window: Span,
    /// Most in a window.
    pub max: u32,
    /// How many are used, when the exchange says so (WebSocket API).
    pub used: Option<u32>,
}

/// The wire form of a limit.
#[derive(Deserialize, Debug)]
pub(super) struct WireLimit<'a> {
    #[serde(borrow, rename = "rateLimitType")]
    kind: Text<'a>,
    #[serde(borrow)]
    interval: Text<'a>,
    #[serde(rename = "intervalNum")]
    interval_num: u32,
    limit: u32,
    #[serde(default)]
    count: Option<i64>,
}

impl WireLimit<'_> {
    /// `None` when the unit of its window is unknown.
    pub(super) fn decode(&self) -> Option<RateLimit> {
        let unit_s = match self.interval.as_str() {
            "SECOND" => 1,
            "MINUTE" => 60,
            "HOUR" => 3_600,
            "DAY" => 86_400,
            _ => return None,
        };
        Some(RateLimit {
            kind: match self.kind.as_str() {
                "REQUEST_WEIGHT" => LimitKind::Weight,
                "ORDERS" => LimitKind::Orders,
                _ => LimitKind::Other,
            },
            window: Span::from_secs(unit_s * i64::from(self.interval_num)),
            max: self.limit,
            used: self.count.and_then(|count| u32::try_from(count).ok()),
        })
    }
}

/// What the exchange states, later statements before earlier ones; the defaults where it states nothing of use.
pub fn exchange_limits<'a>(stated: impl IntoIterator<Item = &'a RateLimit>) -> ExchangeLimits {
    let mut limits = ExchangeLimits::DEFAULT;
    for limit in stated.into_iter().filter(|limit| limit.max > 0) {
        match (limit.kind, limit.window.as_millis()) {
            (LimitKind::Weight, 60_000) => limits.weight_per_min = limit.max,
            (LimitKind::Orders, 10_000) => limits.orders_per_10s = limit.max,
            (LimitKind::Orders, 60_000) => limits.orders_per_min = limit.max,
            (LimitKind::Weight | LimitKind::Orders | LimitKind::Other, _) => {}
        }
    }
    limits
}

/// How much is used, as far as one answer says. What it does not say, or says as −1, is `None`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Used {
    /// Request weight in the running minute, of the IP.
    pub weight_1m: Option<u32>,
    /// Orders in the running 10 s, of the account.
    pub orders_10s: Option<u32>,
    /// Orders in the running minute, of the account.
    pub orders_1m: Option<u32>,
    /// How long to stay away.
    pub retry_after: Option<Span>,
}

impl Used {
    /// Takes up one response header; names in any case, others than ours and broken values are skipped.
    ///
    /// The weight header is wrong on book-ticker and v2 price answers (protocol §6.2): the caller does
    /// not offer those.
    pub fn on_header(&mut self, name: &str, value: &[u8]) {
        let field = [
            ("x-mbx-used-weight-1m", &mut self.weight_1m),
            ("x-mbx-order-count-10s", &mut self.orders_10s),
            ("x-mbx-order-count-1m", &mut self.orders_1m),
        ]
        .into_iter()
        .find(|(known, _)| name.eq_ignore_ascii_case(known));
        if let Some((_, slot)) = field {
            *slot = number(value).or(*slot);
        } else if name.eq_ignore_ascii_case("retry-after") {
            self.retry_after = number(value)
                .map(|s| Span::from_secs(i64::from(s)))
                .or(self.retry_after);
        }
    }

    /// Takes up one limit with its count (WebSocket API).
    pub fn on_limit(&mut self, limit: &RateLimit) {
        let slot = match (limit.kind, limit.window.as_millis()) {
            (LimitKind::Weight, 60_000) => &mut self.weight_1m,
            (LimitKind::Orders, 10_000) => &mut self.orders_10s,
            (LimitKind::Orders, 60_000) => &mut self.orders_1m,
            (LimitKind::Weight | LimitKind::Orders | LimitKind::Other, _) => return,
        };
        *slot = limit.used.or(*slot);
    }
}

/// A count; `-1` and anything else that is not one is `None`.
fn number(value: &[u8]) -> Option<u32> {
    core::str::from_utf8(value).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_taken_in_any_case_and_minus_one_is_not_a_count() {
        let mut used = Used::default();
        used.on_header("X-MBX-USED-WEIGHT-1M", b"37");
        used.on_header("x-mbx-order-count-10s", b" 4 ");
        used.on_header("X-Mbx-Order-Count-1m", b"-1");
        used.on_header("Retry-After", b"12");
        used.on_header("Content-Type", b"99");
        assert_eq!(
            used,
            Used {
                weight_1m: Some(37),
                orders_10s: Some(4),
                orders_1m: None,
                retry_after: Some(Span::from_secs(12)),
            }
        );
        used.on_header("X-MBX-USED-WEIGHT-1M", b"-1");
        used.on_header("Retry-After", b"soon \xff");
        assert_eq!(
            used.weight_1m,
            Some(37),
            "a useless value takes nothing away"
        );
        assert_eq!(used.retry_after, Some(Span::from_secs(12)));
    }

    #[test]
    fn limits_are_the_exchanges_where_it_states_them_and_the_accounts_own_go_first() {
        let limit = |kind, secs, max| RateLimit {
            kind,
            window: Span::from_secs(secs),
            max,
            used: None,
        };
        let of = |stated: &[RateLimit]| {
            let limits = exchange_limits(stated);
            (
                limits.weight_per_min,
                limits.orders_per_10s,
                limits.orders_per_min,
            )
        };
        assert_eq!(of(&[]), (2_400, 300, 1_200));
        let public = [
            limit(LimitKind::Weight, 60, 6_000),
            limit(LimitKind::Orders, 10, 400),
            limit(LimitKind::Orders, 86_400, 200_000),
            limit(LimitKind::Other, 60, 7),
            limit(LimitKind::Orders, 60, 0),
        ];
        assert_eq!(of(&public), (6_000, 400, 1_200));
        let own = [limit(LimitKind::Orders, 10, 10_000)];
        assert_eq!(of(&[&public[..], &own].concat()), (6_000, 10_000, 1_200));
    }

    #[test]
    fn counts_of_the_websocket_api_land_in_the_same_places() {
        let json = r#"[{"rateLimitType":"REQUEST_WEIGHT","interval":"MINUTE","intervalNum":1,"limit":2400,"count":9},
            {"rateLimitType":"ORDERS","interval":"SECOND","intervalNum":10,"limit":300,"count":3},
            {"rateLimitType":"ORDERS","interval":"MINUTE","intervalNum":1,"limit":1200,"count":-1},
            {"rateLimitType":"ORDERS","interval":"FORTNIGHT","intervalNum":1,"limit":1200},
            {"rateLimitType":"RAW_REQUESTS","interval":"HOUR","intervalNum":1,"limit":7,"count":1}]"#;
        let wire: Vec<WireLimit<'_>> = serde_json::from_str(json).expect("valid");
        let mut used = Used::default();
        let limits: Vec<RateLimit> = wire.iter().filter_map(WireLimit::decode).collect();
        limits.iter().for_each(|limit| used.on_limit(limit));
        assert_eq!(limits.len(), 4);
        assert_eq!(
            (used.weight_1m, used.orders_10s, used.orders_1m),
            (Some(9), Some(3), None)
        );
    }
}
