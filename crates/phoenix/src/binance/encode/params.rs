//! Owns a small list of named parameters in one reused buffer, and its rendering; knows nothing of what
//! the parameters mean.

use crate::binance::decimal::Grid;
use arrayvec::ArrayVec;

/// Most parameters of one request.
pub const PARAMS_MAX: usize = 24;

macro_rules! names {
    ($($(#[$doc:meta])* $variant:ident = $text:literal,)*) => {
        /// Every parameter name that is sent.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub enum ParamName {
            $($(#[$doc])* $variant,)*
        }

        impl ParamName {
            /// As the exchange spells it.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)*
                }
            }
        }
    };
}

names! {
    /// Key of a WebSocket-API request.
    ApiKey = "apiKey",
    /// JSON list of orders.
    BatchOrders = "batchOrders",
    /// Dead-man countdown in ms.
    CountdownTime = "countdownTime",
    /// End of a time range, inclusive, ms.
    EndTime = "endTime",
    /// First trade id wanted.
    FromId = "fromId",
    /// Kind of income.
    IncomeType = "incomeType",
    /// Leverage.
    Leverage = "leverage",
    /// Most rows or levels.
    Limit = "limit",
    /// `CROSSED` or `ISOLATED`.
    MarginType = "marginType",
    /// Our id of a new order.
    NewClientOrderId = "newClientOrderId",
    /// `ACK` or `RESULT`.
    NewOrderRespType = "newOrderRespType",
    /// Our id of an existing order.
    OrigClientOrderId = "origClientOrderId",
    /// JSON list of our ids of existing orders.
    OrigClientOrderIdList = "origClientOrderIdList",
    /// Price.
    Price = "price",
    /// Size.
    Quantity = "quantity",
    /// Validity in ms.
    RecvWindow = "recvWindow",
    /// `true` or absent.
    ReduceOnly = "reduceOnly",
    /// Self-trade prevention.
    SelfTradePreventionMode = "selfTradePreventionMode",
    /// `BUY` or `SELL`.
    Side = "side",
    /// Start of a time range, ms.
    StartTime = "startTime",
    /// Upper-case symbol.
    Symbol = "symbol",
    /// Time in force.
    TimeInForce = "timeInForce",
    /// Exchange time of signing, ms.
    Timestamp = "timestamp",
    /// Order type.
    Type = "type",
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    name: ParamName,
    form: Form,
    start: usize,
    end: usize,
}

/// How a value stands in JSON.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Form {
    Text,
    Number,
}

/// Parameters of one request, in the order in which they were added. Values are raw text: encoding is a
/// matter of rendering.
#[derive(Clone, Debug, Default)]
pub struct Params {
    entries: ArrayVec<Entry, PARAMS_MAX>,
    values: Vec<u8>,
}

impl Params {
    /// Forgets all, keeps the memory.
    pub fn clear(&mut self) {
        self.entries.clear();
        self.values.clear();
    }

    /// Adds text.
    pub fn text(&mut self, name: ParamName, value: &str) {
        self.add(name, |out| out.extend_from_slice(value.as_bytes()));
    }

    /// Adds a whole number.
    pub fn number(&mut self, name: ParamName, value: i64) {
        self.add_as(name, Form::Number, |out| {
            out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
        });
    }

    /// Adds a quantity as exact decimal text.
    pub fn decimal(&mut self, name: ParamName, grid: Grid, units: i64) {
        self.add(name, |out| grid.write(units, out));
    }

    /// Adds whatever text `write` appends.
    ///
    /// # Panics
    /// Beyond [`PARAMS_MAX`]: no request has as many, the longest has 12.
    pub fn add(&mut self, name: ParamName, write: impl FnOnce(&mut Vec<u8>)) {
        self.add_as(name, Form::Text, write);
    }

    fn add_as(&mut self, name: ParamName, form: Form, write: impl FnOnce(&mut Vec<u8>)) {
        let start = self.values.len();
        write(&mut self.values);
        let end = self.values.len();
        self.entries.push(Entry {
            name,
            form,
            start,
            end,
        });
    }

    /// Names and raw values in the order of adding.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &[u8])> {
        self.entries
            .iter()
            .map(|entry| (entry.name.as_str(), self.value(entry)))
    }

    fn value(&self, entry: &Entry) -> &[u8] {
        self.values.get(entry.start..entry.end).unwrap_or_default()
    }

    /// Sorts by name, as WebSocket-API payloads are signed (protocol §5.4).
    pub fn sort(&mut self) {
        self.entries
            .sort_unstable_by_key(|entry| entry.name.as_str());
    }

    /// Appends `name=value&…` with values as they are.
    pub fn render_raw(&self, out: &mut Vec<u8>) {
        self.render(out, |value, out| out.extend_from_slice(value));
    }

    /// Appends `name=value&…` with values percent-encoded.
    pub fn render_query(&self, out: &mut Vec<u8>) {
        self.render(out, percent_encode);
    }

    fn render(&self, out: &mut Vec<u8>, write: impl Fn(&[u8], &mut Vec<u8>)) {
        for (n, (name, value)) in self.iter().enumerate() {
            if n > 0 {
                out.push(b'&');
            }
            out.extend_from_slice(name.as_bytes());
            out.push(b'=');
            write(value, out);
        }
    }

    /// Appends `"name":"value",…` without the braces. Quantities are JSON text, whole numbers are JSON
    /// numbers; either way the same characters are signed.
    pub fn render_json(&self, out: &mut Vec<u8>) {
        for (n, entry) in self.entries.iter().enumerate() {
            if n > 0 {
                out.push(b',');
            }
            out.push(b'"');
            out.extend_from_slice(entry.name.as_str().as_bytes());
            out.extend_from_slice(b"\":");
            let value = self.value(entry);
            match entry.form {
                Form::Number => out.extend_from_slice(value),
                Form::Text => {
                    out.push(b'"');
                    json_escape(value, out);
                    out.push(b'"');
                }
            }
        }
    }

    /// Appends what [`Params::render_json`] writes, percent-encoded, in one go: a batch of orders consists
    /// mostly of quotes, colons and commas, each of which would be looked at and replaced.
    pub fn render_json_for_url(&self, out: &mut Vec<u8>) {
        for (n, entry) in self.entries.iter().enumerate() {
            out.extend_from_slice(if n > 0 { b"%2C%22" } else { b"%22" });
            out.extend_from_slice(entry.name.as_str().as_bytes());
            let value = self.value(entry);
            match entry.form {
                Form::Number => {
                    out.extend_from_slice(b"%22%3A");
                    percent_encode(value, out);
                }
                Form::Text => {
                    out.extend_from_slice(b"%22%3A%22");
                    if value.iter().copied().all(is_unreserved) {
                        out.extend_from_slice(value);
                    } else {
                        let mut escaped = Vec::with_capacity(value.len());
                        json_escape(value, &mut escaped);
                        percent_encode(&escaped, out);
                    }
                    out.extend_from_slice(b"%22");
                }
            }
        }
    }
}

/// Whether a byte stands for itself in a URL: the unreserved characters of RFC 3986. None of them is escaped in
/// JSON either.
const fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// Everything but the unreserved characters. Nearly all values have no others and are copied as a whole.
fn percent_encode(value: &[u8], out: &mut Vec<u8>) {
    if value.iter().copied().all(is_unreserved) {
        out.extend_from_slice(value);
    } else {
        percent_encode_each(value, out);
    }
}

fn percent_encode_each(value: &[u8], out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for &byte in value {
        if is_unreserved(byte) {
            out.push(byte);
        } else {
            let digit = |nibble: u8| HEX.get(usize::from(nibble)).copied().unwrap_or(b'0');
            out.extend_from_slice(&[b'%', digit(byte >> 4), digit(byte & 15)]);
        }
    }
}

/// Characters that JSON text cannot hold as they are; none occurs in what we send, but a symbol name
/// comes from outside.
fn json_escape(value: &[u8], out: &mut Vec<u8>) {
    let is_plain = |byte: &u8| *byte > 0x1f && !matches!(byte, b'"' | b'\\');
    if value.iter().all(is_plain) {
        out.extend_from_slice(value);
        return;
    }
    for &byte in value {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            0..=0x1f => {
                let text = format!("\\u{byte:04x}");
                out.extend_from_slice(text.as_bytes());
            }
            other => out.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn values_are_encoded_as_each_form_needs() {
        let mut params = Params::default();
        params.text(ParamName::Symbol, "测试USDT");
        params.text(ParamName::BatchOrders, r#"[{"a":"b"}]"#);
        params.number(ParamName::Timestamp, -7);
        let mut query = Vec::new();
        params.render_query(&mut query);
        assert_eq!(
            String::from_utf8_lossy(&query),
            "symbol=%E6%B5%8B%E8%AF%95USDT&batchOrders=%5B%7B%22a%22%3A%22b%22%7D%5D&timestamp=-7"
        );
        params.sort();
        let mut raw = Vec::new();
        params.render_raw(&mut raw);
        assert_eq!(
            String::from_utf8_lossy(&raw),
            r#"batchOrders=[{"a":"b"}]&symbol=测试USDT&timestamp=-7"#
        );
        let mut json = vec![b'{'];
        params.render_json(&mut json);
        json.push(b'}');
        let parsed: serde_json::Value = serde_json::from_slice(&json).expect("JSON");
        assert_eq!(parsed["batchOrders"], r#"[{"a":"b"}]"#);
        assert_eq!(parsed["timestamp"], -7);
        params.clear();
        assert_eq!(params.iter().count(), 0);
    }

    proptest! {
        #![proptest_config(crate::binance::seeded(1_000))]

        #[test]
        fn any_value_survives_both_encodings(value in ".{0,30}") {
            let mut params = Params::default();
            params.text(ParamName::Symbol, &value);
            let mut query = Vec::new();
            params.render_query(&mut query);
            let query = String::from_utf8(query).expect("ASCII");
            let encoded = query.strip_prefix("symbol=").expect("name");
            let decoded = percent_encoding::percent_decode_str(encoded).decode_utf8().expect("UTF-8");
            prop_assert_eq!(&decoded, &value);
            let mut json = vec![b'{'];
            params.render_json(&mut json);
            json.push(b'}');
            let parsed: serde_json::Value = serde_json::from_slice(&json).expect("JSON");
            prop_assert_eq!(parsed["symbol"].as_str(), Some(value.as_str()));
        }

        #[test]
        fn json_for_a_url_is_json_percent_encoded(value in ".{0,30}", plain in "[a-z0-9.-]{0,20}", number in any::<i64>()) {
            let mut params = Params::default();
            params.text(ParamName::Symbol, &value);
            params.text(ParamName::Price, &plain);
            params.number(ParamName::Timestamp, number);
            let (mut json, mut expected, mut at_once) = (Vec::new(), Vec::new(), Vec::new());
            params.render_json(&mut json);
            percent_encode_each(&json, &mut expected);
            params.render_json_for_url(&mut at_once);
            prop_assert_eq!(at_once, expected);
        }
    }
}
