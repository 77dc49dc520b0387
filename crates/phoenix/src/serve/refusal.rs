//! Owns the error answers that the serving layer itself gives (protocol §7): code, text and HTTP status; knows no endpoint.

use std::borrow::Cow;

/// A request that was not carried out, as the client is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// HTTP status, which the WebSocket API repeats in `status`.
    pub status: u16,
    /// The venue's negative code.
    pub code: i32,
    /// The venue's text.
    pub message: Cow<'static, str>,
    /// Seconds for the `Retry-After` header of 429 and 418 (protocol §6.2).
    pub retry_after_s: Option<u64>,
}

impl Refusal {
    /// A refusal with HTTP status 400, which most codes have.
    pub const fn new(code: i32, message: &'static str) -> Self {
        Self::with_status(400, code, message)
    }

    /// A refusal with its own HTTP status.
    pub const fn with_status(status: u16, code: i32, message: &'static str) -> Self {
        Self {
            status,
            code,
            message: Cow::Borrowed(message),
            retry_after_s: None,
        }
    }

    /// A refusal whose text was composed.
    pub fn composed(code: i32, message: String) -> Self {
        Self {
            status: 400,
            code,
            message: Cow::Owned(message),
            retry_after_s: None,
        }
    }

    /// −1102: a mandatory parameter is absent or malformed.
    pub fn missing(name: &str) -> Self {
        Self::composed(
            -1102,
            format!("Mandatory parameter '{name}' was not sent, was empty/null, or malformed."),
        )
    }

    /// −1130: a value outside its set.
    pub fn bad_value(name: &str) -> Self {
        Self::composed(
            -1130,
            format!("Data sent for parameter '{name}' is not valid."),
        )
    }

    /// −1100: characters that the parameter cannot have.
    pub fn illegal_characters(name: &str) -> Self {
        Self::composed(
            -1100,
            format!("Illegal characters found in parameter '{name}'."),
        )
    }

    /// −1101: more parameters than any endpoint has.
    pub const fn too_many_parameters() -> Self {
        Self::new(-1101, "Too many parameters sent for this endpoint.")
    }

    /// −1121: a symbol that is not listed here.
    pub const fn bad_symbol() -> Self {
        Self::new(-1121, "Invalid symbol.")
    }

    /// −2014 with 401: no key, or one that cannot be a key.
    pub const fn bad_key_format() -> Self {
        Self::with_status(401, -2014, "API-key format invalid.")
    }

    /// −2015 with 401: a key nobody has.
    pub const fn unknown_key() -> Self {
        Self::with_status(
            401,
            -2015,
            "Invalid API-key, IP, or permissions for action, request ip: 127.0.0.1",
        )
    }

    /// −1022: the signature does not cover the bytes that arrived.
    pub const fn bad_signature() -> Self {
        Self::new(-1022, "Signature for this request is not valid.")
    }

    /// −1125: a dead listenKey.
    pub const fn no_listen_key() -> Self {
        Self::new(-1125, "This listenKey does not exist.")
    }

    /// The JSON body `{"code":…,"msg":…}`.
    pub fn body(&self) -> String {
        let message = serde_json::to_string(&self.message).unwrap_or_else(|_| "\"\"".to_owned());
        format!("{{\"code\":{},\"msg\":{message}}}", self.code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_renders_as_the_venue_does() {
        assert_eq!(
            Refusal::bad_symbol().body(),
            r#"{"code":-1121,"msg":"Invalid symbol."}"#
        );
        assert_eq!(
            Refusal::missing("a\"b").body(),
            r#"{"code":-1102,"msg":"Mandatory parameter 'a\"b' was not sent, was empty/null, or malformed."}"#
        );
        assert_eq!(Refusal::bad_key_format().status, 401);
    }
}
