//! Owns the meaning of a WebSocket address (protocol §1.3): route, form, and what is subscribed at once; knows no socket.

use super::params::decoded;
use super::streams::Route;

/// Longest name taken from an address; a longer one asks for nothing.
const NAME_LEN_MAX: usize = super::control::NAME_LEN_MAX;

/// What a WebSocket address asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// Market or user streams.
    Streams(StreamAddress),
    /// `/ws-fapi/v1`.
    Api {
        /// `returnRateLimits=false` in the query.
        hides_rate_limits: bool,
    },
}

/// A stream address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamAddress {
    /// The route.
    pub route: Route,
    /// `/stream` wraps events, `/ws` does not.
    pub is_combined: bool,
    /// Names subscribed by the address itself.
    pub streams: Vec<String>,
    /// listenKeys, each with its `events=` list (empty: all).
    pub users: Vec<(String, Vec<String>)>,
}

impl Address {
    /// Reads path and query; `None` when this is no WebSocket address.
    pub fn parse(path: &str, query: &str) -> Option<Self> {
        if path.trim_end_matches('/') == "/ws-fapi/v1" {
            let hides_rate_limits = arguments(query)
                .any(|(name, value)| name == "returnRateLimits" && value == "false");
            return Some(Self::Api { hides_rate_limits });
        }
        let mut segments = path.strip_prefix('/')?.split('/');
        let first = segments.next()?;
        let (route, form) = match Route::from_segment(first) {
            Some(route) => (route, segments.next()?),
            None => (Route::Legacy, first),
        };
        let is_combined = match form {
            "ws" => false,
            "stream" => true,
            _ => return None,
        };
        let names: Vec<String> = segments
            .map(decoded)
            .filter(|name| !is_connection_number(name))
            .collect();
        Some(Self::Streams(StreamAddress::new(
            route,
            is_combined,
            names,
            query,
        )))
    }
}

impl StreamAddress {
    fn new(route: Route, is_combined: bool, names: Vec<String>, query: &str) -> Self {
        let mut address = Self {
            route,
            is_combined,
            streams: Vec::new(),
            users: Vec::new(),
        };
        address.add_names(names);
        for (name, value) in arguments(query) {
            match name.as_str() {
                "streams" => {
                    let names = value.split('/').map(str::to_owned).collect();
                    address.add_names(names);
                }
                "listenKey" if (1..=NAME_LEN_MAX).contains(&value.len()) => {
                    address.users.push((value, Vec::new()))
                }
                "events" => {
                    if let Some((_, events)) = address.users.last_mut() {
                        events.extend(value.split('/').map(str::to_owned));
                    }
                }
                _ => {}
            }
        }
        address
    }

    fn add_names(&mut self, names: Vec<String>) {
        for name in names
            .into_iter()
            .filter(|name| (1..=NAME_LEN_MAX).contains(&name.len()))
        {
            if self.route == Route::Private {
                self.users.push((name, Vec::new()));
            } else {
                self.streams.push(name);
            }
        }
    }
}

/// ccxt appends a running number to the path, which is no stream (protocol §10).
fn is_connection_number(name: &str) -> bool {
    name.is_empty() || name.bytes().all(|byte| byte.is_ascii_digit())
}

fn arguments(query: &str) -> impl Iterator<Item = (String, String)> {
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decoded(name), decoded(value))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn streams(path: &str, query: &str) -> StreamAddress {
        match Address::parse(path, query) {
            Some(Address::Streams(address)) => address,
            other => panic!("{path}?{query} → {other:?}"),
        }
    }

    #[test]
    fn every_form_of_the_acceptance_checklist_is_understood() {
        let table: [(&str, &str, Route, bool, &[&str]); 9] = [
            ("/public/ws", "", Route::Public, false, &[]),
            ("/public/ws/0", "", Route::Public, false, &[]),
            ("/market/ws/2", "", Route::Market, false, &[]),
            (
                "/public/ws/a@depth/b@trade",
                "",
                Route::Public,
                false,
                &["a@depth", "b@trade"],
            ),
            ("/market/stream", "streams=", Route::Market, true, &[]),
            (
                "/public/stream",
                "streams=a@depth@100ms/%21bookTicker",
                Route::Public,
                true,
                &["a@depth@100ms", "!bookTicker"],
            ),
            ("/ws", "", Route::Legacy, false, &[]),
            ("/ws/a@depth", "", Route::Legacy, false, &["a@depth"]),
            (
                "/stream",
                "streams=a@depth",
                Route::Legacy,
                true,
                &["a@depth"],
            ),
        ];
        for (path, query, route, is_combined, names) in table {
            let address = streams(path, query);
            assert_eq!(address.route, route, "{path}");
            assert_eq!(address.is_combined, is_combined, "{path}");
            assert_eq!(address.streams, names, "{path}");
            assert!(address.users.is_empty(), "{path}");
        }
    }

    #[test]
    fn user_streams_come_by_path_by_query_and_repeated_with_filters() {
        let all = |key: &str| (key.to_owned(), Vec::new());
        assert_eq!(streams("/private/ws/KEY", "").users, [all("KEY")]);
        assert_eq!(streams("/private/ws", "listenKey=KEY").users, [all("KEY")]);
        assert_eq!(
            streams(
                "/private/stream",
                "listenKey=K1&events=ORDER_TRADE_UPDATE/ACCOUNT_UPDATE&listenKey=K2"
            )
            .users,
            [
                (
                    "K1".to_owned(),
                    vec!["ORDER_TRADE_UPDATE".to_owned(), "ACCOUNT_UPDATE".to_owned()]
                ),
                all("K2"),
            ]
        );
        assert!(streams("/private/stream", "").users.is_empty());
    }

    #[test]
    fn the_websocket_api_and_foreign_paths() {
        assert_eq!(
            Address::parse("/ws-fapi/v1", "returnRateLimits=false"),
            Some(Address::Api {
                hides_rate_limits: true
            })
        );
        assert_eq!(
            Address::parse("/ws-fapi/v1", ""),
            Some(Address::Api {
                hides_rate_limits: false
            })
        );
        for path in ["/", "/fapi/v1/ping", "/public", "/public/other", "/wsx"] {
            assert_eq!(Address::parse(path, ""), None, "{path}");
        }
    }
}
