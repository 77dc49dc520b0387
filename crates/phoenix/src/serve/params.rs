//! Owns the raw wire text of a request's parameters (query, form body, WebSocket JSON tokens) and the exact bytes a signature covers; knows no endpoint.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::value::RawValue;

use super::refusal::Refusal;

/// Parameters one request may carry; a longer list is refused rather than stored.
pub const PARAMS_MAX: usize = 256;

/// Decoded request parameters in the order in which they came: the query first, then the body, so that the query wins (protocol §4.1).
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Params {
    entries: Vec<(String, String)>,
}

impl Params {
    /// Decodes `query` and then the form `body`; an argument without `=` has an empty value.
    ///
    /// # Errors
    /// −1101 when there are more than [`PARAMS_MAX`] parameters.
    pub fn from_wire(query: &str, body: &str) -> Result<Self, Refusal> {
        let mut entries = Vec::new();
        for pair in arguments(query).chain(arguments(body)) {
            if entries.len() == PARAMS_MAX {
                return Err(Refusal::too_many_parameters());
            }
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            entries.push((decoded(name), decoded(value)));
        }
        Ok(Self { entries })
    }

    /// Takes the members of a JSON object: strings without their quotes, every other token as its own text.
    ///
    /// # Errors
    /// −1101 when there are more than [`PARAMS_MAX`] members.
    pub fn from_tokens(tokens: &BTreeMap<String, &RawValue>) -> Result<Self, Refusal> {
        if tokens.len() > PARAMS_MAX {
            return Err(Refusal::too_many_parameters());
        }
        let entries = tokens
            .iter()
            .filter(|(_, token)| token.get() != "null")
            .map(|(name, token)| (name.clone(), token_text(token.get()).into_owned()))
            .collect();
        Ok(Self { entries })
    }

    /// The first non-empty value of `name`; an empty one counts as not sent, as the venue's own text has it.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.entries
            .iter()
            .find(|(known, value)| known == name && !value.is_empty())
            .map(|(_, value)| value.as_str())
    }

    /// As [`Self::value`], whatever the case of the name: ccxt sends `orderidlist` (protocol §4.4).
    pub fn value_any_case(&self, name: &str) -> Option<&str> {
        self.entries
            .iter()
            .find(|(known, value)| known.eq_ignore_ascii_case(name) && !value.is_empty())
            .map(|(_, value)| value.as_str())
    }

    /// Every value of `name`, in wire order.
    pub fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.entries
            .iter()
            .filter(move |(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    /// All parameters in wire order.
    pub fn entries(&self) -> impl Iterator<Item = (&str, &str)> {
        self.entries
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The value of `name`, or −1102.
    pub fn required(&self, name: &str) -> Result<&str, Refusal> {
        self.value(name).ok_or_else(|| Refusal::missing(name))
    }

    /// `name` as an integer: absent is `None`, anything else that is not an integer is −1102.
    pub fn integer(&self, name: &str) -> Result<Option<i64>, Refusal> {
        self.value(name)
            .map(|text| text.parse().map_err(|_| Refusal::missing(name)))
            .transpose()
    }

    /// `name` as a truth value; the venue takes `true` and `false` in any case.
    pub fn truth(&self, name: &str) -> Result<Option<bool>, Refusal> {
        match self.value(name) {
            None => Ok(None),
            Some(text) if text.eq_ignore_ascii_case("true") => Ok(Some(true)),
            Some(text) if text.eq_ignore_ascii_case("false") => Ok(Some(false)),
            Some(_) => Err(Refusal::bad_value(name)),
        }
    }
}

/// The signed text of a REST request and the signature that came with it.
#[derive(Debug, PartialEq, Eq)]
pub struct Signed {
    /// Query immediately followed by body, as received, without the `signature` argument (protocol §5.2).
    pub payload: String,
    /// The percent-decoded signature.
    pub signature: String,
}

/// Splits the raw wire text into signed payload and signature; `None` when there is no signature.
///
/// Nothing is decoded or re-encoded: clients sign either the encoded or the plain form, and both are
/// right for the bytes they sent (protocol §5.2).
pub fn signed_wire(query: &str, body: &str) -> Option<Signed> {
    let (query_rest, in_query) = without_signature(query);
    let (body_rest, in_body) = without_signature(body);
    let signature = in_query.or(in_body)?;
    Some(Signed {
        payload: query_rest + &body_rest,
        signature: decoded(signature),
    })
}

/// The payload of a WebSocket API request: all parameters but `signature`, sorted by name, each as its raw token text (protocol §5.4).
pub fn signed_tokens(tokens: &BTreeMap<String, &RawValue>) -> String {
    let mut payload = String::new();
    for (name, token) in tokens.iter().filter(|(name, _)| *name != "signature") {
        if !payload.is_empty() {
            payload.push('&');
        }
        payload.push_str(name);
        payload.push('=');
        payload.push_str(&token_text(token.get()));
    }
    payload
}

/// A JSON token as the text a client signs: a string without quotes and escapes, anything else unchanged.
pub fn token_text(token: &str) -> Cow<'_, str> {
    if token.starts_with('"') {
        match serde_json::from_str::<Cow<'_, str>>(token) {
            Ok(text) => Cow::Owned(text.into_owned()),
            Err(_) => Cow::Borrowed(token),
        }
    } else {
        Cow::Borrowed(token)
    }
}

fn arguments(wire: &str) -> impl Iterator<Item = &str> {
    wire.split('&').filter(|pair| !pair.is_empty())
}

fn without_signature(wire: &str) -> (String, Option<&str>) {
    let mut found = None;
    let mut rest: Vec<&str> = Vec::new();
    for pair in wire.split('&') {
        match pair.strip_prefix("signature=") {
            Some(value) => found = Some(value),
            None => rest.push(pair),
        }
    }
    match found {
        Some(_) => (rest.join("&"), found),
        None => (wire.to_owned(), None),
    }
}

/// Form decoding: `+` is a space, `%XX` a byte; what is not valid UTF-8 afterwards is replaced.
pub fn decoded(text: &str) -> String {
    let spaced = if text.contains('+') {
        Cow::Owned(text.replace('+', " "))
    } else {
        Cow::Borrowed(text)
    };
    percent_encoding::percent_decode_str(&spaced)
        .decode_utf8_lossy()
        .into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(json: &str) -> BTreeMap<String, &RawValue> {
        serde_json::from_str(json).expect("a JSON object")
    }

    #[test]
    fn the_query_wins_over_the_body_and_values_are_form_decoded() {
        let params =
            Params::from_wire("symbol=ETHUSDC&x=", "symbol=BTCUSDC&note=a%26b+c&x=1").expect("few");
        assert_eq!(params.value("symbol"), Some("ETHUSDC"));
        assert_eq!(params.value("note"), Some("a&b c"));
        assert_eq!(
            params.value("x"),
            Some("1"),
            "an empty value is not a value"
        );
        assert_eq!(params.value("absent"), None);
        assert_eq!(
            params.values("symbol").collect::<Vec<_>>(),
            ["ETHUSDC", "BTCUSDC"]
        );
    }

    #[test]
    fn percent_encoded_utf8_symbols_are_decoded() {
        let params = Params::from_wire("symbol=%E6%B5%8B%E8%AF%95USDT", "").expect("few");
        assert_eq!(params.value("symbol"), Some("测试USDT"));
    }

    #[test]
    fn a_flood_of_parameters_is_refused() {
        let wire = "a=1&".repeat(PARAMS_MAX + 1);
        assert_eq!(
            Params::from_wire(&wire, "").expect_err("too many").code,
            -1101
        );
    }

    #[test]
    fn the_signature_covers_query_then_body_without_a_separator() {
        let signed =
            signed_wire("symbol=A&side=BUY", "quantity=1&signature=ab%2Bc").expect("signed");
        assert_eq!(signed.payload, "symbol=A&side=BUYquantity=1");
        assert_eq!(signed.signature, "ab+c");
    }

    #[test]
    fn the_signature_may_stand_anywhere_and_nothing_is_re_encoded() {
        let raw = "signature=ff&batchOrders=[{\"symbol\":\"A\"}]&t=%5B1%5D";
        let signed = signed_wire(raw, "").expect("signed");
        assert_eq!(signed.payload, "batchOrders=[{\"symbol\":\"A\"}]&t=%5B1%5D");
        assert_eq!(signed_wire("a=1", "b=2"), None);
    }

    #[test]
    fn websocket_payload_is_sorted_and_keeps_the_token_text() {
        let tokens = tokens(
            r#"{"timestamp":1.0e3,"signature":"zz","symbol":"A","quantity":0.10,"price":"1.50","reduceOnly":true,"apiKey":"K"}"#,
        );
        assert_eq!(
            signed_tokens(&tokens),
            "apiKey=K&price=1.50&quantity=0.10&reduceOnly=true&symbol=A&timestamp=1.0e3"
        );
        let params = Params::from_tokens(&tokens).expect("few");
        assert_eq!(params.value("quantity"), Some("0.10"));
        assert_eq!(params.truth("reduceOnly"), Ok(Some(true)));
    }
}
