//! Owns what is read from the exchange's answers and put into its orders (protocol §4.3–§4.5); unknown fields are ignored.

use serde::Deserialize;

use crate::decimal::E8;

/// Buying or selling.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Side {
    /// Buys.
    Buy,
    /// Sells.
    Sell,
}

impl Side {
    /// The exchange's word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Buy => "BUY",
            Self::Sell => "SELL",
        }
    }
}

/// An order as the exchange lists it. Sizes in base units, prices in quote units.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Order {
    /// The exchange's number.
    pub order_id: i64,
    /// Whose order it is can be told from this.
    pub client_order_id: String,
    /// Symbol.
    pub symbol: String,
    /// Side.
    pub side: Side,
    /// `NEW`, `PARTIALLY_FILLED`, `FILLED`, `CANCELED`, `EXPIRED`, …
    pub status: String,
    /// Limit price.
    pub price: E8,
    /// Whole size.
    pub orig_qty: E8,
    /// What was filled of it.
    #[serde(default)]
    pub executed_qty: E8,
    /// Whether it can only reduce.
    #[serde(default)]
    pub reduce_only: bool,
}

/// A position. Sizes in base units with sign (negative: short), values in the margin asset.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Position {
    /// Symbol.
    pub symbol: String,
    /// `BOTH`; `LONG` or `SHORT` in hedge mode.
    #[serde(default)]
    pub position_side: String,
    /// Size with sign.
    pub position_amt: E8,
    /// Mean price of entry.
    #[serde(default)]
    pub entry_price: E8,
    /// Mark price.
    #[serde(default)]
    pub mark_price: E8,
    /// Profit at the mark price, with sign.
    #[serde(default)]
    pub un_realized_profit: E8,
    /// Value at the mark price, with the sign of the size.
    #[serde(default)]
    pub notional: E8,
    /// Price of liquidation; zero when there is none.
    #[serde(default)]
    pub liquidation_price: E8,
}

/// The best prices of a book; zero size where a side is empty.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Touch {
    /// Best bid.
    pub bid_price: E8,
    /// Size at the best bid.
    pub bid_qty: E8,
    /// Best ask.
    pub ask_price: E8,
    /// Size at the best ask.
    pub ask_qty: E8,
}

/// What an order that closes a position must keep (protocol §4.3). Zero means no such rule.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rules {
    /// Symbol.
    pub symbol: String,
    /// Grid of prices.
    pub tick: E8,
    /// Grid of sizes.
    pub step: E8,
    /// Smallest size.
    pub qty_min: E8,
    /// Largest size of a limit order.
    pub qty_max: E8,
    /// Largest size of a market order.
    pub market_qty_max: E8,
    /// A buy's price is at most the mark price times this.
    pub multiplier_up: E8,
    /// A sell's price is at least the mark price times this.
    pub multiplier_down: E8,
}

#[derive(Debug, Deserialize)]
pub(super) struct ExchangeInfo {
    pub symbols: Vec<SymbolInfo>,
}

#[derive(Debug, Deserialize)]
pub(super) struct SymbolInfo {
    pub symbol: String,
    #[serde(default)]
    filters: Vec<Filter>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[derive(Default)]
struct Filter {
    filter_type: String,
    tick_size: E8,
    step_size: E8,
    min_qty: E8,
    max_qty: E8,
    multiplier_up: E8,
    multiplier_down: E8,
}

impl From<SymbolInfo> for Rules {
    fn from(info: SymbolInfo) -> Self {
        let mut rules = Self {
            symbol: info.symbol,
            ..Self::default()
        };
        for filter in info.filters {
            match filter.filter_type.as_str() {
                "PRICE_FILTER" => rules.tick = filter.tick_size,
                "LOT_SIZE" => {
                    rules.step = rules.step.max(filter.step_size);
                    rules.qty_min = rules.qty_min.max(filter.min_qty);
                    rules.qty_max = filter.max_qty;
                }
                "MARKET_LOT_SIZE" => {
                    rules.step = rules.step.max(filter.step_size);
                    rules.qty_min = rules.qty_min.max(filter.min_qty);
                    rules.market_qty_max = filter.max_qty;
                }
                "PERCENT_PRICE" => {
                    rules.multiplier_up = filter.multiplier_up;
                    rules.multiplier_down = filter.multiplier_down;
                }
                _ => {}
            }
        }
        rules
    }
}

/// How a closing order is to be carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pricing {
    /// Limit order, immediate or cancel, at this price.
    Ioc(E8),
    /// At whatever price there is.
    Market,
}

/// An order that can only reduce a position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReduceOrder {
    /// Symbol.
    pub symbol: String,
    /// Side.
    pub side: Side,
    /// `BOTH`; in hedge mode the side that is closed, where the exchange takes no `reduceOnly`.
    pub position_side: String,
    /// Size.
    pub qty: E8,
    /// Price.
    pub pricing: Pricing,
    /// Its name, by which it is asked for when its outcome is unknown.
    pub client_id: String,
}

impl ReduceOrder {
    /// The request's parameters, in order, without time stamp and signature.
    #[must_use]
    pub fn params(&self) -> String {
        let kind = match self.pricing {
            Pricing::Ioc(price) => format!("type=LIMIT&timeInForce=IOC&price={price}"),
            Pricing::Market => "type=MARKET".to_owned(),
        };
        let reduces = match self.position_side.as_str() {
            "" | "BOTH" => "reduceOnly=true".to_owned(),
            side => format!("positionSide={side}"),
        };
        format!(
            "symbol={}&side={}&{kind}&quantity={}&{reduces}&newOrderRespType=RESULT&newClientOrderId={}",
            self.symbol,
            self.side.word(),
            self.qty,
            self.client_id
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn e8(text: &str) -> E8 {
        E8::parse(text).expect("a number")
    }

    #[test]
    fn the_filters_of_the_captured_contract_are_read() {
        let info = r#"{"symbols":[{"symbol":"ETHUSDC","status":"TRADING","filters":[
            {"filterType":"PRICE_FILTER","minPrice":"0.01","maxPrice":"100000","tickSize":"0.01"},
            {"filterType":"LOT_SIZE","minQty":"0.001","maxQty":"8000","stepSize":"0.001"},
            {"filterType":"MARKET_LOT_SIZE","minQty":"0.001","maxQty":"700","stepSize":"0.001"},
            {"filterType":"MAX_NUM_ORDERS","limit":200},
            {"filterType":"MIN_NOTIONAL","notional":"20"},
            {"filterType":"PERCENT_PRICE","multiplierUp":"1.0500","multiplierDown":"0.9500","multiplierDecimal":"4"},
            {"filterType":"POSITION_RISK_CONTROL","positionControlSide":"NONE"}]}]}"#;
        let info: ExchangeInfo = serde_json::from_str(info).expect("readable");
        let rules: Vec<Rules> = info.symbols.into_iter().map(Rules::from).collect();
        let expected = Rules {
            symbol: "ETHUSDC".into(),
            tick: e8("0.01"),
            step: e8("0.001"),
            qty_min: e8("0.001"),
            qty_max: e8("8000"),
            market_qty_max: e8("700"),
            multiplier_up: e8("1.05"),
            multiplier_down: e8("0.95"),
        };
        assert_eq!(rules, [expected]);
    }

    #[test]
    fn a_closing_order_says_that_it_can_only_reduce() {
        let order = ReduceOrder {
            symbol: "ETHUSDC".into(),
            side: Side::Sell,
            position_side: "BOTH".into(),
            qty: e8("0.125"),
            pricing: Pricing::Ioc(e8("2487.5")),
            client_id: "em-1".into(),
        };
        assert_eq!(
            order.params(),
            "symbol=ETHUSDC&side=SELL&type=LIMIT&timeInForce=IOC&price=2487.5&quantity=0.125&reduceOnly=true&newOrderRespType=RESULT&newClientOrderId=em-1"
        );
        let hedged = ReduceOrder {
            position_side: "LONG".into(),
            pricing: Pricing::Market,
            ..order
        };
        assert_eq!(
            hedged.params(),
            "symbol=ETHUSDC&side=SELL&type=MARKET&quantity=0.125&positionSide=LONG&newOrderRespType=RESULT&newClientOrderId=em-1"
        );
    }
}
