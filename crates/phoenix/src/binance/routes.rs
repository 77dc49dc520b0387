//! Owns where things are: hosts, routes, stream names and the URLs made of them; knows nothing of
//! sockets.
//!
//! A stream on the wrong route connects, is acknowledged and stays silent (protocol §0.1, §1.2), so the
//! route follows from the stream and cannot be chosen.

use phoenix_core::event::{Link, Stream};

/// Most streams of one connection (protocol §1.4).
pub const STREAMS_MAX: usize = 1024;

/// The stream that tells when a contract stops or begins to trade, of all contracts (protocol §2.7).
pub const CONTRACTS: &str = "!contractInfo";

/// The three families that the exchange serves on separate paths.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Route {
    /// Books and best prices.
    Public,
    /// Trades, mark prices, candles, contract data.
    Market,
    /// User data.
    Private,
}

impl Route {
    /// Path of the route.
    #[must_use]
    pub const fn path(self) -> &'static str {
        match self {
            Self::Public => "/public",
            Self::Market => "/market",
            Self::Private => "/private",
        }
    }

    /// The connection that serves it.
    #[must_use]
    pub const fn link(self) -> Link {
        match self {
            Self::Public => Link::Public,
            Self::Market => Link::Market,
            Self::Private => Link::User,
        }
    }
}

/// What a stream carries, told from its name.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Feed {
    /// `<s>@depth[@…ms]`: changed levels.
    Depth,
    /// `<s>@depth5|10|20[@…ms]`: the best levels, complete.
    PartialDepth,
    /// `<s>@rpiDepth@500ms`: levels including retail-price-improvement orders; not our book.
    RpiDepth,
    /// `<s>@bookTicker`.
    BookTicker,
    /// `<s>@trade`.
    Trade,
    /// `<s>@aggTrade`.
    AggTrade,
    /// `<s>@markPrice[@1s]`.
    Mark,
    /// `!contractInfo`.
    ContractInfo,
    /// Any other stream of the public route (`!bookTicker`).
    OtherPublic,
    /// Any other stream; the exchange serves all of these on the market route.
    OtherMarket,
}

impl Feed {
    /// The route that delivers it (protocol §1.2).
    #[must_use]
    pub const fn route(self) -> Route {
        match self {
            Self::Depth
            | Self::PartialDepth
            | Self::RpiDepth
            | Self::BookTicker
            | Self::Trade
            | Self::OtherPublic => Route::Public,
            Self::AggTrade | Self::Mark | Self::ContractInfo | Self::OtherMarket => Route::Market,
        }
    }

    /// The engine's stream whose silence it would break, if it is one.
    #[must_use]
    pub const fn stream(self) -> Option<Stream> {
        match self {
            Self::Depth => Some(Stream::Depth),
            Self::BookTicker => Some(Stream::BookTicker),
            Self::Trade | Self::AggTrade => Some(Stream::Trade),
            Self::Mark => Some(Stream::Mark),
            Self::PartialDepth
            | Self::RpiDepth
            | Self::ContractInfo
            | Self::OtherPublic
            | Self::OtherMarket => None,
        }
    }
}

/// A stream name taken apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StreamName<'a> {
    /// Lower-case symbol; empty for streams of all symbols.
    pub symbol: &'a [u8],
    /// What it carries.
    pub feed: Feed,
}

/// Takes a stream name apart. Never fails: a name that this build does not know is `OtherMarket`.
#[must_use]
pub fn stream_name(name: &[u8]) -> StreamName<'_> {
    let (symbol, rest) = match name.iter().position(|b| *b == b'@') {
        Some(at) => (
            name.get(..at).unwrap_or_default(),
            name.get(at + 1..).unwrap_or_default(),
        ),
        None => (name, &[][..]),
    };
    if symbol.first() == Some(&b'!') {
        let feed = match symbol {
            b"!contractInfo" => Feed::ContractInfo,
            b"!bookTicker" => Feed::OtherPublic,
            _ => Feed::OtherMarket,
        };
        return StreamName { symbol: &[], feed };
    }
    let kind = rest.split(|b| *b == b'@').next().unwrap_or_default();
    let feed = match kind {
        b"depth" => Feed::Depth,
        b"depth5" | b"depth10" | b"depth20" => Feed::PartialDepth,
        b"rpiDepth" => Feed::RpiDepth,
        b"bookTicker" => Feed::BookTicker,
        b"trade" => Feed::Trade,
        b"aggTrade" => Feed::AggTrade,
        b"markPrice" => Feed::Mark,
        _ => Feed::OtherMarket,
    };
    StreamName { symbol, feed }
}

/// The name under which a symbol's stream is subscribed; symbols are lower-case there (an upper-case
/// one connects and stays silent). `None` for the user stream, which has a listen key instead.
#[must_use]
pub fn subscription(symbol: &str, stream: Stream) -> Option<String> {
    let suffix = match stream {
        Stream::Depth => "@depth@100ms",
        Stream::BookTicker => "@bookTicker",
        Stream::Trade => "@aggTrade",
        Stream::Mark => "@markPrice@1s",
        Stream::User => return None,
    };
    Some(format!("{}{suffix}", symbol.to_ascii_lowercase()))
}

/// Where a venue is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Venue {
    rest: String,
    streams: String,
    ws_api: String,
}

/// A venue URL that cannot be used.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum VenueError {
    /// Wrong or missing scheme.
    #[error("`{0}` must start with {1}")]
    Scheme(String, &'static str),
    /// Nothing behind the scheme, or a query or blank in it.
    #[error("`{0}` is not a host with an optional path")]
    Host(String),
}

impl Venue {
    /// The real exchange.
    #[must_use]
    pub fn mainnet() -> Self {
        Self {
            rest: "https://fapi.binance.com".into(),
            streams: "wss://fstream.binance.com".into(),
            ws_api: "wss://ws-fapi.binance.com/ws-fapi/v1".into(),
        }
    }

    /// The demo exchange, formerly testnet (protocol §1.1).
    #[must_use]
    pub fn testnet() -> Self {
        Self {
            rest: "https://demo-fapi.binance.com".into(),
            streams: "wss://demo-fstream.binance.com".into(),
            ws_api: "wss://testnet.binancefuture.com/ws-fapi/v1".into(),
        }
    }

    /// Given by the operator: REST root and WebSocket root; order entry is expected at
    /// `<websocket root>/ws-fapi/v1`, as the embedded exchange serves it.
    ///
    /// # Errors
    /// [`VenueError`] when a URL has another scheme, no host, a query or a blank.
    pub fn custom(rest_url: &str, ws_url: &str) -> Result<Self, VenueError> {
        let rest = checked_url(rest_url, &["http://", "https://"], "http:// or https://")?;
        let streams = checked_url(ws_url, &["ws://", "wss://"], "ws:// or wss://")?;
        let ws_api = format!("{streams}/ws-fapi/v1");
        Ok(Self {
            rest,
            streams,
            ws_api,
        })
    }

    /// The same venue with order entry at another URL.
    ///
    /// # Errors
    /// As [`Venue::custom`].
    pub fn with_ws_api(self, ws_api_url: &str) -> Result<Self, VenueError> {
        let ws_api = checked_url(ws_api_url, &["ws://", "wss://"], "ws:// or wss://")?;
        Ok(Self { ws_api, ..self })
    }

    /// REST root without a trailing slash; paths start with one.
    #[must_use]
    pub fn rest(&self) -> &str {
        &self.rest
    }

    /// URL of the WebSocket API (protocol §5.4).
    #[must_use]
    pub fn ws_api(&self) -> &str {
        &self.ws_api
    }

    /// Combined-stream URL of `names`, which must all belong on `route`.
    #[must_use]
    pub fn streams_url<'a>(
        &self,
        route: Route,
        names: impl IntoIterator<Item = &'a str>,
    ) -> String {
        let mut url = format!("{}{}/stream?streams=", self.streams, route.path());
        for (n, name) in names.into_iter().enumerate() {
            if n > 0 {
                url.push('/');
            }
            url.extend(percent_encoding::utf8_percent_encode(name, STREAM_SET));
        }
        url
    }

    /// Combined-stream URL without streams, to be subscribed later.
    #[must_use]
    pub fn bare_stream_url(&self, route: Route) -> String {
        format!("{}{}/stream", self.streams, route.path())
    }

    /// User-data URL: the query form, which every account of the field agrees delivers (protocol §1.3);
    /// `events=` is left out, since it would withhold event types that are new.
    #[must_use]
    pub fn user_url(&self, listen_key: &str) -> String {
        let key =
            percent_encoding::utf8_percent_encode(listen_key, percent_encoding::NON_ALPHANUMERIC);
        format!("{}/private/ws?listenKey={key}", self.streams)
    }
}

/// Characters of stream names that a URL query cannot carry; `@`, `!` and `_` stay readable.
const STREAM_SET: &percent_encoding::AsciiSet = &percent_encoding::CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'&')
    .add(b'/')
    .add(b'<')
    .add(b'>')
    .add(b'?');

fn checked_url(url: &str, schemes: &[&str], expected: &'static str) -> Result<String, VenueError> {
    let Some(host) = schemes.iter().find_map(|scheme| url.strip_prefix(scheme)) else {
        return Err(VenueError::Scheme(url.into(), expected));
    };
    let bare = host.trim_end_matches('/');
    let plain = |c: char| !c.is_whitespace() && !c.is_control() && c != '?' && c != '#';
    if bare.is_empty() || bare.starts_with('/') || !bare.chars().all(plain) {
        return Err(VenueError::Host(url.into()));
    }
    Ok(url.trim_end_matches('/').to_owned())
}

/// What to do with stream names on an open connection (protocol §1.5).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Subscription {
    /// Start delivery.
    Subscribe,
    /// Stop delivery.
    Unsubscribe,
}

/// The control message that starts or stops delivery of `names`; one message for all, because the
/// exchange allows ten a second.
#[must_use]
pub fn control_message<'a>(
    what: Subscription,
    names: impl IntoIterator<Item = &'a str>,
    id: u32,
) -> String {
    let method = match what {
        Subscription::Subscribe => "SUBSCRIBE",
        Subscription::Unsubscribe => "UNSUBSCRIBE",
    };
    let names: Vec<&str> = names.into_iter().collect();
    serde_json::json!({ "method": method, "params": names, "id": id }).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stream_of_the_routing_table_has_its_route() {
        for (name, symbol, route) in [
            ("ethusdc@bookTicker", "ethusdc", Route::Public),
            ("!bookTicker", "", Route::Public),
            (CONTRACTS, "", Route::Market),
            ("ethusdc@depth", "ethusdc", Route::Public),
            ("ethusdc@depth@100ms", "ethusdc", Route::Public),
            ("ethusdc@depth@500ms", "ethusdc", Route::Public),
            ("ethusdc@depth@0ms", "ethusdc", Route::Public),
            ("ethusdc@depth5", "ethusdc", Route::Public),
            ("ethusdc@depth10@500ms", "ethusdc", Route::Public),
            ("ethusdc@depth20@100ms", "ethusdc", Route::Public),
            ("ethusdc@rpiDepth@500ms", "ethusdc", Route::Public),
            ("ethusdc@trade", "ethusdc", Route::Public),
            ("ethusdc@aggTrade", "ethusdc", Route::Market),
            ("ethusdc@markPrice", "ethusdc", Route::Market),
            ("ethusdc@markPrice@1s", "ethusdc", Route::Market),
            ("!markPrice@arr", "", Route::Market),
            ("!markPrice@arr@1s", "", Route::Market),
            ("ethusdc@kline_1m", "ethusdc", Route::Market),
            (
                "btcusdt_perpetual@continuousKline_1m",
                "btcusdt_perpetual",
                Route::Market,
            ),
            ("ethusdc@miniTicker", "ethusdc", Route::Market),
            ("!miniTicker@arr", "", Route::Market),
            ("ethusdc@ticker", "ethusdc", Route::Market),
            ("!ticker@arr", "", Route::Market),
            ("ethusdc@forceOrder", "ethusdc", Route::Market),
            ("!forceOrder@arr", "", Route::Market),
            ("defiusdt@compositeIndex", "defiusdt", Route::Market),
            ("!contractInfo", "", Route::Market),
            ("!assetIndex@arr", "", Route::Market),
            ("tradingSession", "tradingSession", Route::Market),
        ] {
            let parsed = stream_name(name.as_bytes());
            assert_eq!(parsed.feed.route(), route, "{name}");
            assert_eq!(parsed.symbol, symbol.as_bytes(), "{name}");
        }
    }

    #[test]
    fn our_subscriptions_are_lower_case_and_come_back_as_the_same_stream() {
        for stream in [
            Stream::Depth,
            Stream::BookTicker,
            Stream::Trade,
            Stream::Mark,
        ] {
            let name = subscription("ETHUSDC", stream).expect("has a name");
            let parsed = stream_name(name.as_bytes());
            assert_eq!(parsed.symbol, b"ethusdc");
            assert_eq!(parsed.feed.stream(), Some(stream));
        }
        assert_eq!(subscription("ETHUSDC", Stream::User), None);
    }

    #[test]
    fn urls_of_every_venue() {
        let mainnet = Venue::mainnet();
        assert_eq!(
            mainnet.streams_url(Route::Public, ["ethusdc@depth@100ms", "ethusdc@bookTicker"]),
            "wss://fstream.binance.com/public/stream?streams=ethusdc@depth@100ms/ethusdc@bookTicker"
        );
        assert_eq!(
            mainnet.user_url("pqia91"),
            "wss://fstream.binance.com/private/ws?listenKey=pqia91"
        );
        assert_eq!(
            mainnet.bare_stream_url(Route::Market),
            "wss://fstream.binance.com/market/stream"
        );
        let local = Venue::custom("http://127.0.0.1:8080/", "ws://127.0.0.1:8081").expect("valid");
        assert_eq!(local.rest(), "http://127.0.0.1:8080");
        assert_eq!(local.ws_api(), "ws://127.0.0.1:8081/ws-fapi/v1");
        assert_eq!(
            local.streams_url(Route::Market, ["测试usdc@aggTrade"]),
            "ws://127.0.0.1:8081/market/stream?streams=%E6%B5%8B%E8%AF%95usdc@aggTrade"
        );
        let other = local.with_ws_api("ws://127.0.0.1:9/x").expect("valid");
        assert_eq!(other.ws_api(), "ws://127.0.0.1:9/x");
        assert!(Venue::testnet().rest().contains("demo"));
    }

    #[test]
    fn unusable_urls_are_refused() {
        for (rest, ws) in [
            ("fapi.binance.com", "wss://x"),
            ("https://", "wss://x"),
            ("https:///path", "wss://x"),
            ("https://x?y=1", "wss://x"),
            ("https://x y", "wss://x"),
            ("https://x", "https://x"),
            ("wss://x", "wss://x"),
        ] {
            assert!(Venue::custom(rest, ws).is_err(), "{rest} {ws}");
        }
    }

    #[test]
    fn control_messages_name_all_streams_at_once() {
        assert_eq!(
            control_message(Subscription::Subscribe, ["a@depth", "b@depth"], 1),
            r#"{"id":1,"method":"SUBSCRIBE","params":["a@depth","b@depth"]}"#
        );
        assert!(
            control_message(Subscription::Unsubscribe, [], 2).contains(r#""method":"UNSUBSCRIBE""#)
        );
    }
}
