//! Owns the control messages of a stream socket (protocol §1.5): what the client asks and what it is answered; knows no socket.

use serde::Deserialize;
use serde_json::value::RawValue;

/// Streams one connection may hold (protocol §1.4).
pub const STREAMS_PER_CONNECTION_MAX: usize = 1_024;

/// Longest stream name; a longer one is refused, so that a connection cannot fill the memory with names.
pub const NAME_LEN_MAX: usize = 256;

/// A control request that was understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Control {
    /// Add these names.
    Subscribe(Vec<String>),
    /// Drop these names.
    Unsubscribe(Vec<String>),
    /// List the names held.
    List,
    /// Wrap events in `{"stream":…,"data":…}` or not.
    SetCombined(bool),
    /// Ask whether events are wrapped.
    AskCombined,
}

/// A control message: the token of its `id`, as it came, and the request or the error answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ControlMessage {
    /// The raw JSON token of `id`, echoed unchanged whatever its type; `null` when absent.
    pub id: String,
    /// What is asked, or why it is not understood.
    pub request: Result<Control, ControlError>,
}

/// The error answers of a stream socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ControlError {
    /// Code 0: a property that does not exist.
    UnknownProperty,
    /// Code 1: a property value that is not a Boolean.
    NotBoolean,
    /// Code 2: a method that does not exist.
    UnknownMethod,
    /// Code 2: parameters absent, too many, or of the wrong kind.
    BadParameters,
    /// Code 2: more than [`STREAMS_PER_CONNECTION_MAX`] streams.
    TooManyStreams,
    /// Code 3: not JSON.
    BadJson,
}

impl ControlError {
    const fn code_and_text(self) -> (u8, &'static str) {
        match self {
            Self::UnknownProperty => (0, "Unknown property"),
            Self::NotBoolean => (1, "Invalid value type: expected Boolean"),
            Self::UnknownMethod => (2, "Invalid request: unknown method"),
            Self::BadParameters => (2, "Invalid request: bad or missing params"),
            Self::TooManyStreams => (2, "Invalid request: too many streams on one connection"),
            Self::BadJson => (3, "Invalid JSON"),
        }
    }

    /// The answer to the message with this `id` token.
    pub fn answer(self, id: &str) -> String {
        let (code, text) = self.code_and_text();
        format!("{{\"code\":{code},\"msg\":\"{text}\",\"id\":{id}}}")
    }
}

/// The answer `{"result":…,"id":…}`; `result` is a JSON token.
pub fn answer(id: &str, result: &str) -> String {
    format!("{{\"result\":{result},\"id\":{id}}}")
}

#[derive(Deserialize)]
struct Wire<'a> {
    method: Option<String>,
    #[serde(borrow)]
    params: Option<&'a RawValue>,
    #[serde(borrow)]
    id: Option<&'a RawValue>,
}

/// Reads one control message; it never fails, since every text has an answer.
pub fn decode(text: &str) -> ControlMessage {
    let Ok(wire) = serde_json::from_str::<Wire<'_>>(text) else {
        return ControlMessage {
            id: "null".to_owned(),
            request: Err(ControlError::BadJson),
        };
    };
    let id = wire.id.map_or("null", RawValue::get).to_owned();
    let request = request(&wire);
    ControlMessage { id, request }
}

fn request(wire: &Wire<'_>) -> Result<Control, ControlError> {
    let params = wire.params.map(RawValue::get);
    match wire.method.as_deref() {
        Some("SUBSCRIBE") => names(params).map(Control::Subscribe),
        Some("UNSUBSCRIBE") => names(params).map(Control::Unsubscribe),
        Some("LIST_SUBSCRIPTIONS") => Ok(Control::List),
        Some("SET_PROPERTY") => set_property(params),
        Some("GET_PROPERTY") => match names(params)?.as_slice() {
            [name] if name == "combined" => Ok(Control::AskCombined),
            [_] => Err(ControlError::UnknownProperty),
            _ => Err(ControlError::BadParameters),
        },
        _ => Err(ControlError::UnknownMethod),
    }
}

fn names(params: Option<&str>) -> Result<Vec<String>, ControlError> {
    params
        .and_then(|text| serde_json::from_str::<Vec<String>>(text).ok())
        .filter(|names| names.iter().all(|name| name.len() <= NAME_LEN_MAX))
        .ok_or(ControlError::BadParameters)
}

fn set_property(params: Option<&str>) -> Result<Control, ControlError> {
    let (name, value): (String, serde_json::Value) = params
        .and_then(|text| serde_json::from_str(text).ok())
        .ok_or(ControlError::BadParameters)?;
    match (name.as_str(), value.as_bool()) {
        ("combined", Some(combined)) => Ok(Control::SetCombined(combined)),
        ("combined", None) => Err(ControlError::NotBoolean),
        _ => Err(ControlError::UnknownProperty),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_of_protocol_section_1_5() {
        let table = [
            (
                r#"{"method":"SUBSCRIBE","params":["a@depth","b@trade"],"id":1}"#,
                "1",
                Ok(Control::Subscribe(vec!["a@depth".into(), "b@trade".into()])),
            ),
            (
                r#"{"id":"9f-x","params":["a"],"method":"UNSUBSCRIBE"}"#,
                "\"9f-x\"",
                Ok(Control::Unsubscribe(vec!["a".into()])),
            ),
            (
                r#"{"method":"LIST_SUBSCRIPTIONS","id":null}"#,
                "null",
                Ok(Control::List),
            ),
            (
                r#"{"method":"SET_PROPERTY","params":["combined",true],"id":{"a":[1]}}"#,
                r#"{"a":[1]}"#,
                Ok(Control::SetCombined(true)),
            ),
            (
                r#"{"method":"GET_PROPERTY","params":["combined"],"id":-1.50}"#,
                "-1.50",
                Ok(Control::AskCombined),
            ),
        ];
        for (text, id, request) in table {
            let id = id.to_owned();
            assert_eq!(decode(text), ControlMessage { id, request }, "{text}");
        }
    }

    #[test]
    fn errors_have_the_documented_codes() {
        let table = [
            (
                r#"{"method":"SET_PROPERTY","params":["x",true],"id":1}"#,
                "\"code\":0",
            ),
            (
                r#"{"method":"SET_PROPERTY","params":["combined",1],"id":1}"#,
                "\"code\":1",
            ),
            (r#"{"method":"NOPE","params":[],"id":1}"#, "\"code\":2"),
            (r#"{"method":"SUBSCRIBE","id":1}"#, "\"code\":2"),
            (
                r#"{"method":"SUBSCRIBE","params":[1],"id":1}"#,
                "\"code\":2",
            ),
            (
                &format!(
                    r#"{{"method":"SUBSCRIBE","params":["{}"],"id":1}}"#,
                    "x".repeat(257)
                ),
                "\"code\":2",
            ),
            (r#"{"method":"#, "\"code\":3"),
        ];
        for (text, part) in table {
            let message = decode(text);
            let answer = message.request.expect_err(text).answer(&message.id);
            assert!(answer.contains(part), "{text} → {answer}");
            let parsed: serde_json::Value = serde_json::from_str(&answer).expect("JSON");
            assert!(parsed.get("id").is_some());
        }
    }
}
