//! Owns the writing of JSON text without intermediate values; knows no field.

use phoenix_exchange::{E8, decimal};

/// A JSON object under construction. Names and texts must need no escaping unless the method says otherwise.
pub struct Object {
    text: String,
}

impl Default for Object {
    fn default() -> Self {
        Self::new()
    }
}

impl Object {
    /// An empty object.
    pub fn new() -> Self {
        Self::with_capacity(256)
    }

    /// An empty object with room for `capacity` bytes.
    pub fn with_capacity(capacity: usize) -> Self {
        let mut text = String::with_capacity(capacity);
        text.push('{');
        Self { text }
    }

    fn name(&mut self, name: &str) {
        if self.text.len() > 1 {
            self.text.push(',');
        }
        self.text.push('"');
        self.text.push_str(name);
        self.text.push_str("\":");
    }

    /// A string that needs no escaping.
    pub fn text(mut self, name: &str, value: &str) -> Self {
        self.name(name);
        self.text.push('"');
        self.text.push_str(value);
        self.text.push('"');
        self
    }

    /// An integer.
    pub fn int(mut self, name: &str, value: impl itoa::Integer) -> Self {
        self.name(name);
        self.text.push_str(itoa::Buffer::new().format(value));
        self
    }

    /// `true` or `false`.
    pub fn truth(mut self, name: &str, value: bool) -> Self {
        self.name(name);
        self.text.push_str(if value { "true" } else { "false" });
        self
    }

    /// A decimal string with exactly `places` decimals.
    pub fn fixed(mut self, name: &str, value: E8, places: usize) -> Self {
        self.name(name);
        self.text.push('"');
        decimal::write_fixed(&mut self.text, value, places);
        self.text.push('"');
        self
    }

    /// A decimal string without trailing zeros.
    pub fn short(mut self, name: &str, value: E8) -> Self {
        self.name(name);
        self.text.push('"');
        decimal::write_short(&mut self.text, value);
        self.text.push('"');
        self
    }

    /// A JSON value that is already text.
    pub fn raw(mut self, name: &str, value: &str) -> Self {
        self.name(name);
        self.text.push_str(value);
        self
    }

    /// An array of `[price, quantity]` pairs.
    pub fn levels(mut self, name: &str, levels: &[(E8, E8)], places: (usize, usize)) -> Self {
        self.name(name);
        self.text.push('[');
        for (index, (price, qty)) in levels.iter().enumerate() {
            self.text.push_str(if index == 0 { "[\"" } else { ",[\"" });
            decimal::write_fixed(&mut self.text, *price, places.0);
            self.text.push_str("\",\"");
            decimal::write_fixed(&mut self.text, *qty, places.1);
            self.text.push_str("\"]");
        }
        self.text.push(']');
        self
    }

    /// The finished text.
    pub fn done(mut self) -> String {
        self.text.push('}');
        self.text
    }
}

/// A JSON array of values that are already text.
pub fn array(items: impl IntoIterator<Item = String>) -> String {
    let mut text = String::from("[");
    for item in items {
        if text.len() > 1 {
            text.push(',');
        }
        text.push_str(&item);
    }
    text.push(']');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_written_field_by_field() {
        let text = Object::new()
            .text("s", "A")
            .int("i", -5_i64)
            .truth("t", true)
            .fixed("f", 250_001_000_000, 2)
            .short("z", 0)
            .levels("b", &[(100_000_000, 0), (200_000_000, 50_000_000)], (1, 3))
            .raw("r", "null")
            .done();
        assert_eq!(
            text,
            r#"{"s":"A","i":-5,"t":true,"f":"2500.01","z":"0","b":[["1.0","0.000"],["2.0","0.500"]],"r":null}"#
        );
        assert_eq!(Object::new().done(), "{}");
        assert_eq!(array(["1".to_owned(), "{}".to_owned()]), "[1,{}]");
        assert_eq!(array([]), "[]");
    }
}
