//! Owns every client connection: TCP, TLS, HTTP/1.1 and WebSocket; knows nothing of the exchange.

pub mod backoff;
pub mod http;
pub mod tls;
pub mod ws;

use thiserror::Error;

/// Why a connection could not be made or was lost.
#[derive(Debug, Error)]
pub enum NetError {
    /// The URL is not usable.
    #[error("{url}: {why}")]
    Url {
        /// The URL as given.
        url: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// Name resolution, TCP or TLS failed.
    #[error("cannot connect to {host}:{port}: {source}")]
    Connect {
        /// Host name.
        host: String,
        /// Port.
        port: u16,
        /// The system's error.
        source: std::io::Error,
    },
    /// It took longer than allowed.
    #[error("{what} took longer than {limit_ms} ms")]
    Timeout {
        /// What was waited for.
        what: &'static str,
        /// The limit.
        limit_ms: u64,
    },
    /// The peer answered the WebSocket handshake with something else.
    #[error("WebSocket handshake with {host} failed: {why}")]
    Handshake {
        /// Host name.
        host: String,
        /// The answer.
        why: String,
    },
    /// The connection broke.
    #[error("connection lost: {0}")]
    Lost(String),
}

/// Scheme, host, port and path of a URL, without credentials or fragment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Whether TLS is used (`https`, `wss`).
    pub tls: bool,
    /// Host name or address.
    pub host: String,
    /// Port, the scheme's default when not given.
    pub port: u16,
    /// Path with leading slash, without trailing slash; empty for the root.
    pub path: String,
}

impl Endpoint {
    /// Parses `http`, `https`, `ws` and `wss` URLs.
    ///
    /// # Errors
    /// [`NetError::Url`] when the scheme, host or port cannot be used.
    pub fn parse(url: &str) -> Result<Self, NetError> {
        let bad = |why| NetError::Url {
            url: url.to_owned(),
            why,
        };
        let (scheme, rest) = url
            .split_once("://")
            .ok_or_else(|| bad("no scheme (http, https, ws or wss)"))?;
        let (tls, default_port) = match scheme {
            "https" | "wss" => (true, 443),
            "http" | "ws" => (false, 80),
            _ => return Err(bad("the scheme must be http, https, ws or wss")),
        };
        let (authority, path) = match rest.find('/') {
            Some(at) => rest.split_at(at),
            None => (rest, ""),
        };
        if authority.contains('@') {
            return Err(bad("credentials do not belong in a URL"));
        }
        let (host, port) = split_port(authority).ok_or_else(|| bad("the port is not a number"))?;
        if host.is_empty() {
            return Err(bad("no host"));
        }
        Ok(Self {
            tls,
            host: host.to_owned(),
            port: port.unwrap_or(default_port),
            path: path.trim_end_matches('/').to_owned(),
        })
    }

    /// The `Host` header: with the port unless it is the scheme's default.
    #[must_use]
    pub fn authority(&self) -> String {
        let default = if self.tls { 443 } else { 80 };
        if self.port == default {
            self.host.clone()
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

fn split_port(authority: &str) -> Option<(&str, Option<u16>)> {
    if let Some(end) = authority.find(']') {
        let (host, rest) = authority.split_at(end + 1);
        return match rest.strip_prefix(':') {
            Some(port) => Some((host, Some(port.parse().ok()?))),
            None => rest.is_empty().then_some((host, None)),
        };
    }
    match authority.rsplit_once(':') {
        Some((host, port)) => Some((host, Some(port.parse().ok()?))),
        None => Some((authority, None)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_split_and_default_ports_filled_in() {
        for (url, tls, host, port, path) in [
            (
                "https://fapi.binance.com",
                true,
                "fapi.binance.com",
                443,
                "",
            ),
            (
                "ws://127.0.0.1:8080/ws-fapi/v1",
                false,
                "127.0.0.1",
                8080,
                "/ws-fapi/v1",
            ),
            ("http://[::1]:9/", false, "[::1]", 9, ""),
            ("wss://h/x/", true, "h", 443, "/x"),
        ] {
            let got = Endpoint::parse(url).expect(url);
            assert_eq!(
                (got.tls, got.host.as_str(), got.port, got.path.as_str()),
                (tls, host, port, path)
            );
        }
    }

    #[test]
    fn unusable_urls_say_why() {
        for (url, part) in [
            ("fapi.binance.com", "scheme"),
            ("ftp://x", "scheme"),
            ("http://", "host"),
            ("http://h:port", "port"),
            ("http://user:pw@h", "credentials"),
        ] {
            let why = Endpoint::parse(url).expect_err(url).to_string();
            assert!(why.contains(part), "{url}: {why}");
        }
    }
}
