//! Owns what the embedded exchange's control port tells of its ledger, as it is read here; does not know how it is asked.

use serde::{Deserialize, Deserializer};
use std::collections::BTreeMap;

/// `GET /v1/ledger`.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Ledger {
    /// The exchange's wall clock, µs.
    pub now_us: u64,
    /// One entry per account.
    #[serde(default)]
    pub accounts: Vec<Account>,
}

/// One account.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Account {
    /// Wallet balance per asset.
    #[serde(default)]
    pub wallets: BTreeMap<String, Number>,
    /// One entry per symbol.
    #[serde(default)]
    pub symbols: Vec<Symbol>,
    /// What was asked.
    #[serde(default)]
    pub requests: Counts,
}

/// One symbol of one account; base and quote units.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Symbol {
    /// Name.
    pub symbol: String,
    /// Open orders now.
    pub open_orders: u64,
    /// Open buys now.
    pub open_buys: u32,
    /// Open sells now.
    pub open_sells: u32,
    /// Position, signed.
    pub position: Number,
    /// Highest position that filling every open buy would have made, at any time.
    pub long_exposure_max: Number,
    /// Lowest position that filling every open sell would have made, at any time; signed.
    pub short_exposure_min: Number,
    /// Middle of the book; absent when a side is empty.
    pub mid: Option<Number>,
    /// When the exchange will cancel by itself, µs; absent when not armed.
    pub dead_man_deadline_us: Option<u64>,
}

/// What an account asked of the exchange.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(default)]
pub struct Counts {
    /// Weight of the running minute.
    pub weight_1m: u64,
    /// Orders of the running ten seconds.
    pub orders_10s: u64,
    /// Orders of the running minute.
    pub orders_1m: u64,
    /// Answers 429.
    pub refused_429: u64,
    /// Answers 418.
    pub refused_418: u64,
}

/// `GET /v1/ledger/orders`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Orders {
    /// The orders.
    pub orders: Vec<Order>,
}

/// One order's life.
#[derive(Debug, Clone, Deserialize)]
pub struct Order {
    /// Contract.
    pub symbol: String,
    /// Client order id.
    #[serde(default)]
    pub client_id: String,
    /// Side.
    pub side: Side,
    /// Limit price.
    #[serde(default)]
    pub price: Number,
    /// Quantity asked for.
    #[serde(default)]
    pub orig_qty: Number,
    /// Quantity filled.
    #[serde(default)]
    pub executed: Number,
    /// Whether it can only reduce.
    #[serde(default)]
    pub reduce_only: bool,
    /// When it was accepted, µs.
    pub accepted_us: u64,
    /// When it ended, µs.
    pub done_us: Option<u64>,
}

/// Side of an order or fill.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum Side {
    /// Buy.
    #[serde(alias = "BUY", alias = "buy")]
    Buy,
    /// Sell.
    #[serde(alias = "SELL", alias = "sell")]
    Sell,
}

impl Side {
    /// +1 for a buy, −1 for a sell.
    #[must_use]
    pub const fn sign(self) -> f64 {
        match self {
            Self::Buy => 1.0,
            Self::Sell => -1.0,
        }
    }
}

/// `GET /v1/ledger/fills`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Fills {
    /// The fills.
    pub fills: Vec<Fill>,
}

/// One fill.
#[derive(Debug, Clone, Deserialize)]
pub struct Fill {
    /// Contract.
    pub symbol: String,
    /// Price.
    pub price: Number,
    /// Quantity.
    #[serde(alias = "quantity")]
    pub qty: Number,
    /// Side of ours.
    pub side: Side,
    /// When, µs.
    pub at_us: u64,
}

/// `GET /v1/ledger/requests`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Requests {
    /// The requests.
    pub requests: Vec<Request>,
}

/// One request as the exchange saw it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Request {
    /// Method.
    pub method: String,
    /// Path.
    pub path: String,
    /// When, µs.
    pub at_us: u64,
    /// HTTP status of the answer.
    pub status: Option<u16>,
    /// Error code of the answer.
    pub code: Option<i64>,
}

/// A decimal that stands as a number or as a text.
#[derive(Debug, Clone, Copy, Default, PartialEq, PartialOrd)]
pub struct Number(pub f64);

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Form {
            Number(f64),
            Text(String),
        }
        match Form::deserialize(from)? {
            Form::Number(value) => Ok(Self(value)),
            Form::Text(text) => text.parse().map(Self).map_err(serde::de::Error::custom),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_read_as_numbers_and_as_texts_and_new_fields_are_no_trouble() {
        let text = r#"{"now_us":7,"accounts":[{"account":0,"wallets":{"USDC":"100000.5"},"symbols":[{"symbol":"ETHUSDC",
            "open_orders":36,"position":"-0.05","long_exposure_max":0.9,"short_exposure_min":"-0.95","mid":null,"new":1}],
            "requests":{"weight_1m":12,"refused_418":0}}]}"#;
        let ledger: Ledger = serde_json::from_str(text).expect("a ledger");
        let account = ledger.accounts.first().expect("an account");
        let symbol = account.symbols.first().expect("a symbol");
        assert_eq!(account.wallets["USDC"], Number(100_000.5));
        assert_eq!((symbol.open_orders, symbol.position), (36, Number(-0.05)));
        assert_eq!((symbol.mid, symbol.dead_man_deadline_us), (None, None));
    }
}
