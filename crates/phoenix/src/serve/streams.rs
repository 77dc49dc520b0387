//! Owns stream names: what a name asks for and on which route it is alive (protocol §1.2, §1.3); knows no subscriber and no payload.

/// The route a socket was opened on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Route {
    /// `/public`.
    Public,
    /// `/market`.
    Market,
    /// `/private`.
    Private,
    /// Un-routed `/ws` and `/stream`: connects and acknowledges, but only the public family is delivered.
    Legacy,
}

impl Route {
    /// The route by its path segment.
    pub fn from_segment(segment: &str) -> Option<Self> {
        match segment {
            "public" => Some(Self::Public),
            "market" => Some(Self::Market),
            "private" => Some(Self::Private),
            _ => None,
        }
    }

    /// Whether a topic subscribed on this route is delivered; otherwise it is acknowledged and silent.
    pub const fn delivers(self, topic: Topic) -> bool {
        match self {
            Self::Public | Self::Legacy => topic.is_public(),
            Self::Market => !topic.is_public(),
            Self::Private => false,
        }
    }
}

/// How often a depth stream speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Speed {
    /// `@100ms`.
    Ms100,
    /// No suffix.
    Ms250,
    /// `@500ms`.
    Ms500,
}

impl Speed {
    /// All speeds, fastest first.
    pub const ALL: [Self; 3] = [Self::Ms100, Self::Ms250, Self::Ms500];

    /// The period, milliseconds.
    pub const fn period_ms(self) -> i64 {
        match self {
            Self::Ms100 => 100,
            Self::Ms250 => 250,
            Self::Ms500 => 500,
        }
    }
}

/// How often a mark price stream speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum MarkSpeed {
    /// `@1s`.
    S1,
    /// No suffix.
    S3,
}

/// How many levels a partial depth stream shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Levels {
    /// `depth5`.
    Five,
    /// `depth10`.
    Ten,
    /// `depth20`.
    Twenty,
}

impl Levels {
    /// All sizes, smallest first.
    pub const ALL: [Self; 3] = [Self::Five, Self::Ten, Self::Twenty];

    /// The number of levels per side.
    pub const fn count(self) -> usize {
        match self {
            Self::Five => 5,
            Self::Ten => 10,
            Self::Twenty => 20,
        }
    }
}

/// Kline intervals with their length in milliseconds; weeks and months are left out because a simulated session never spans one.
pub const KLINE_INTERVALS: [(&str, i64); 13] = [
    ("1m", 60_000),
    ("3m", 180_000),
    ("5m", 300_000),
    ("15m", 900_000),
    ("30m", 1_800_000),
    ("1h", 3_600_000),
    ("2h", 7_200_000),
    ("4h", 14_400_000),
    ("6h", 21_600_000),
    ("8h", 28_800_000),
    ("12h", 43_200_000),
    ("1d", 86_400_000),
    ("3d", 259_200_000),
];

/// The index of an interval in [`KLINE_INTERVALS`].
pub fn kline_interval(name: &str) -> Option<u8> {
    KLINE_INTERVALS
        .iter()
        .position(|(known, _)| *known == name)
        .and_then(|index| u8::try_from(index).ok())
}

/// What one stream carries; `u16` is the symbol's index in the server's list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Topic {
    /// Diff depth.
    Depth(u16, Speed),
    /// Diff depth with retail-price-improvement orders, which the simulated venue does not have: equal to diff depth at 500 ms.
    RpiDepth(u16),
    /// Top of book to a number of levels.
    PartialDepth(u16, Levels, Speed),
    /// Best bid and ask at every change.
    BookTicker(u16),
    /// Best bid and ask of all symbols every 5 s.
    AllBookTicker,
    /// Single trades.
    Trade(u16),
    /// Trades by price and taker side.
    AggTrade(u16),
    /// Mark price.
    MarkPrice(u16, MarkSpeed),
    /// Mark price of all symbols.
    AllMarkPrice(MarkSpeed),
    /// Candles; the index into [`KLINE_INTERVALS`].
    Kline(u16, u8),
    /// 24 h statistics.
    Ticker(u16),
    /// 24 h statistics of all symbols.
    AllTicker,
    /// Short 24 h statistics.
    MiniTicker(u16),
    /// Short 24 h statistics of all symbols.
    AllMiniTicker,
    /// Largest liquidation of each second.
    ForceOrder(u16),
    /// Largest liquidation of each second, all symbols.
    AllForceOrder,
    /// Listings, settlements and bracket changes.
    ContractInfo,
}

impl Topic {
    /// The symbol it is about; `None` for all symbols.
    pub const fn symbol(self) -> Option<u16> {
        match self {
            Self::Depth(symbol, _)
            | Self::RpiDepth(symbol)
            | Self::PartialDepth(symbol, ..)
            | Self::BookTicker(symbol)
            | Self::Trade(symbol)
            | Self::AggTrade(symbol)
            | Self::MarkPrice(symbol, _)
            | Self::Kline(symbol, _)
            | Self::Ticker(symbol)
            | Self::MiniTicker(symbol)
            | Self::ForceOrder(symbol) => Some(symbol),
            Self::AllBookTicker
            | Self::AllMarkPrice(_)
            | Self::AllTicker
            | Self::AllMiniTicker
            | Self::AllForceOrder
            | Self::ContractInfo => None,
        }
    }

    const fn is_public(self) -> bool {
        matches!(
            self,
            Self::Depth(..)
                | Self::RpiDepth(_)
                | Self::PartialDepth(..)
                | Self::BookTicker(_)
                | Self::AllBookTicker
                | Self::Trade(_)
        )
    }

    /// The topic that a stream name asks for; `None` for names that no one serves, uppercase symbols included.
    ///
    /// `symbol_index` finds a symbol by its lowercase name.
    pub fn parse(name: &str, symbol_index: impl Fn(&str) -> Option<u16>) -> Option<Self> {
        if let Some(all) = name.strip_prefix('!') {
            return Self::parse_all(all);
        }
        let (symbol, feed) = name.split_once('@')?;
        let symbol = symbol_index(symbol)?;
        match feed {
            "bookTicker" => Some(Self::BookTicker(symbol)),
            "trade" => Some(Self::Trade(symbol)),
            "aggTrade" => Some(Self::AggTrade(symbol)),
            "markPrice" => Some(Self::MarkPrice(symbol, MarkSpeed::S3)),
            "markPrice@1s" => Some(Self::MarkPrice(symbol, MarkSpeed::S1)),
            "ticker" => Some(Self::Ticker(symbol)),
            "miniTicker" => Some(Self::MiniTicker(symbol)),
            "forceOrder" => Some(Self::ForceOrder(symbol)),
            "rpiDepth@500ms" => Some(Self::RpiDepth(symbol)),
            _ => match feed.strip_prefix("kline_") {
                Some(interval) => kline_interval(interval).map(|i| Self::Kline(symbol, i)),
                None => Self::parse_depth(symbol, feed.strip_prefix("depth")?),
            },
        }
    }

    fn parse_all(name: &str) -> Option<Self> {
        match name {
            "bookTicker" => Some(Self::AllBookTicker),
            "markPrice@arr" => Some(Self::AllMarkPrice(MarkSpeed::S3)),
            "markPrice@arr@1s" => Some(Self::AllMarkPrice(MarkSpeed::S1)),
            "ticker@arr" => Some(Self::AllTicker),
            "miniTicker@arr" => Some(Self::AllMiniTicker),
            "forceOrder@arr" => Some(Self::AllForceOrder),
            "contractInfo" => Some(Self::ContractInfo),
            _ => None,
        }
    }

    fn parse_depth(symbol: u16, rest: &str) -> Option<Self> {
        let (levels, speed) = match rest.split_once('@') {
            Some((levels, "100ms")) => (levels, Speed::Ms100),
            Some((levels, "250ms")) => (levels, Speed::Ms250),
            Some((levels, "500ms")) => (levels, Speed::Ms500),
            Some(_) => return None,
            None => (rest, Speed::Ms250),
        };
        match levels {
            "" => Some(Self::Depth(symbol, speed)),
            "5" => Some(Self::PartialDepth(symbol, Levels::Five, speed)),
            "10" => Some(Self::PartialDepth(symbol, Levels::Ten, speed)),
            "20" => Some(Self::PartialDepth(symbol, Levels::Twenty, speed)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(name: &str) -> Option<Topic> {
        Topic::parse(name, |symbol| {
            ["ethusdc", "btcusdc"]
                .iter()
                .position(|known| *known == symbol)
                .and_then(|index| u16::try_from(index).ok())
        })
    }

    #[test]
    fn names_of_protocol_section_1_2_are_understood() {
        use Topic as T;
        let table = [
            ("ethusdc@bookTicker", T::BookTicker(0)),
            ("!bookTicker", T::AllBookTicker),
            ("btcusdc@depth", T::Depth(1, Speed::Ms250)),
            ("btcusdc@depth@100ms", T::Depth(1, Speed::Ms100)),
            ("btcusdc@depth@500ms", T::Depth(1, Speed::Ms500)),
            (
                "ethusdc@depth5",
                T::PartialDepth(0, Levels::Five, Speed::Ms250),
            ),
            (
                "ethusdc@depth20@100ms",
                T::PartialDepth(0, Levels::Twenty, Speed::Ms100),
            ),
            ("ethusdc@rpiDepth@500ms", T::RpiDepth(0)),
            ("ethusdc@trade", T::Trade(0)),
            ("ethusdc@aggTrade", T::AggTrade(0)),
            ("ethusdc@markPrice", T::MarkPrice(0, MarkSpeed::S3)),
            ("ethusdc@markPrice@1s", T::MarkPrice(0, MarkSpeed::S1)),
            ("!markPrice@arr@1s", T::AllMarkPrice(MarkSpeed::S1)),
            ("ethusdc@kline_1m", T::Kline(0, 0)),
            ("ethusdc@miniTicker", T::MiniTicker(0)),
            ("!ticker@arr", T::AllTicker),
            ("ethusdc@forceOrder", T::ForceOrder(0)),
            ("!contractInfo", T::ContractInfo),
        ];
        for (name, topic) in table {
            assert_eq!(parse(name), Some(topic), "{name}");
        }
    }

    #[test]
    fn unknown_and_uppercase_names_ask_for_nothing() {
        for name in [
            "ETHUSDC@depth@100ms",
            "ethusdc@depth@99ms",
            "ethusdc@depth7",
            "ethusdc@kline_7m",
            "nosuch@depth",
            "ethusdc",
            "!nothing",
            "",
            "0",
        ] {
            assert_eq!(parse(name), None, "{name}");
        }
    }

    #[test]
    fn a_stream_is_alive_on_its_own_route_only() {
        let depth = Topic::Depth(0, Speed::Ms100);
        let mark = Topic::MarkPrice(0, MarkSpeed::S1);
        let alive = |topic| {
            [Route::Public, Route::Market, Route::Private, Route::Legacy]
                .map(|route| route.delivers(topic))
        };
        assert_eq!(alive(depth), [true, false, false, true]);
        assert_eq!(alive(mark), [false, true, false, false]);
        assert_eq!(alive(Topic::Trade(0)), [true, false, false, true]);
        assert_eq!(alive(Topic::AggTrade(0)), [false, true, false, false]);
    }
}
