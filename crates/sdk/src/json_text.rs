//! JSON as it was written.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

/// A value as it was written: numbers keep their digits, however many they are.
#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct JsonText(Box<RawValue>);

impl JsonText {
    /// A text of JSON; none if it is not, or is deeper or larger in its numbers than readers take.
    pub fn new(text: String) -> Option<Self> {
        serde_json::from_str::<Value>(&text).ok()?;
        RawValue::from_string(text).ok().map(JsonText)
    }

    /// The text.
    pub fn get(&self) -> &str {
        self.0.get()
    }
}

/// As far as a number is kept by a reader.
impl From<Value> for JsonText {
    fn from(value: Value) -> Self {
        // What a value is written as can be read.
        JsonText(
            RawValue::from_string(value.to_string()).unwrap_or_else(|_| RawValue::NULL.to_owned()),
        )
    }
}

impl PartialEq for JsonText {
    fn eq(&self, other: &Self) -> bool {
        self.get() == other.get()
    }
}

impl fmt::Debug for JsonText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.get())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_kept_however_many_they_are() {
        let text = "{\"n\":12345678901234567890.123456789012345678901234567890}";
        let json = JsonText::new(text.to_owned()).expect("JSON");
        assert_eq!(serde_json::to_string(&json).expect("JSON"), text);
        assert_eq!(serde_json::from_str::<JsonText>(text).expect("JSON"), json);
        assert!(JsonText::new("1e999".to_owned()).is_none());
        assert!(JsonText::new("[".repeat(500)).is_none());
    }
}
