//! Reading a JSON object field by field so that none can be overlooked.
//!
//! [`Fields`] gives each field away once. What is left when the reader is done has not been
//! understood and is refused by its name, which is how an unknown field is never dropped.

use serde_json::value::RawValue;
use serde_json::{Map, Number, Value};

use super::{Direction, Error, verbatim};
use crate::kind::Dialect;

/// The arguments of the tools that the messages of Anthropic's dialect call.
const INPUTS: [&str; 3] = ["messages", "content", "input"];

/// The fields of one object that have not been read yet.
#[derive(Debug)]
pub(super) struct Fields {
    map: Map<String, Value>,
    path: String,
    direction: Direction,
}

impl Fields {
    /// The fields of a request body.
    pub(super) fn of_body(body: &[u8], direction: Direction) -> Result<Fields, Error> {
        let read = match direction.client() {
            Dialect::AnthropicMessages => verbatim::read(body, &INPUTS),
            _ => serde_json::from_slice(body),
        };
        match read {
            Ok(Value::Object(map)) => Ok(Fields {
                map,
                path: String::new(),
                direction,
            }),
            Ok(_) => Err(Error::NotJson { line: 1, column: 1 }),
            Err(error) => Err(Error::NotJson {
                line: error.line(),
                column: error.column(),
            }),
        }
    }

    /// The fields of a value that must be an object.
    pub(super) fn of(value: Value, path: String, direction: Direction) -> Result<Fields, Error> {
        match value {
            Value::Object(map) => Ok(Fields {
                map,
                path,
                direction,
            }),
            other => Err(wrong_type(path, "an object", &other)),
        }
    }

    pub(super) const fn direction(&self) -> Direction {
        self.direction
    }

    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// The full path of a field.
    pub(super) fn at(&self, name: &str) -> String {
        if self.path.is_empty() {
            name.to_owned()
        } else {
            format!("{}.{name}", self.path)
        }
    }

    /// Takes a field; `null` is as good as absent.
    pub(super) fn take(&mut self, name: &str) -> Option<Value> {
        self.map.shift_remove(name).filter(|value| !value.is_null())
    }

    /// Looks at a field and leaves it to be read.
    pub(super) fn peek(&self, name: &str) -> Option<&Value> {
        self.map.get(name).filter(|value| !value.is_null())
    }

    /// Whether a field is there and not `null`.
    pub(super) fn has(&self, name: &str) -> bool {
        self.peek(name).is_some()
    }

    pub(super) fn string(&mut self, name: &str) -> Result<Option<String>, Error> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(wrong_type(self.at(name), "a string", &other)),
        }
    }

    pub(super) fn required_string(&mut self, name: &str) -> Result<String, Error> {
        let path = self.at(name);
        self.string(name)?.ok_or_else(|| missing(path))
    }

    pub(super) fn boolean(&mut self, name: &str) -> Result<Option<bool>, Error> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::Bool(value)) => Ok(Some(value)),
            Some(other) => Err(wrong_type(self.at(name), "a boolean", &other)),
        }
    }

    pub(super) fn whole(&mut self, name: &str) -> Result<Option<u64>, Error> {
        match self.take(name) {
            None => Ok(None),
            Some(value) => match value.as_u64() {
                Some(number) => Ok(Some(number)),
                None => Err(wrong_type(self.at(name), "a whole number", &value)),
            },
        }
    }

    pub(super) fn number(&mut self, name: &str) -> Result<Option<Number>, Error> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::Number(number)) => Ok(Some(number)),
            Some(other) => Err(wrong_type(self.at(name), "a number", &other)),
        }
    }

    pub(super) fn array(&mut self, name: &str) -> Result<Option<Vec<Value>>, Error> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::Array(items)) => Ok(Some(items)),
            Some(other) => Err(wrong_type(self.at(name), "an array", &other)),
        }
    }

    /// The fields of an object within this one.
    pub(super) fn object(&mut self, name: &str) -> Result<Option<Fields>, Error> {
        let path = self.at(name);
        self.take(name)
            .map(|value| Fields::of(value, path, self.direction))
            .transpose()
    }

    /// Refuses the field by name if it says anything but one of the harmless words.
    pub(super) fn only(&mut self, name: &str, harmless: &[&str]) -> Result<(), Error> {
        match self.take(name) {
            None => Ok(()),
            Some(Value::String(word)) if harmless.contains(&word.as_str()) => Ok(()),
            Some(_) => Err(self.refuse(name)),
        }
    }

    /// Refuses the field by name if it is there and not `false`.
    pub(super) fn only_false(&mut self, name: &str) -> Result<(), Error> {
        match self.take(name) {
            None | Some(Value::Bool(false)) => Ok(()),
            Some(_) => Err(self.refuse(name)),
        }
    }

    /// Refuses the field by name if it is a number other than zero, or no number.
    pub(super) fn only_zero(&mut self, name: &str) -> Result<(), Error> {
        match self.take(name) {
            None => Ok(()),
            Some(value) if value.as_f64() == Some(0.0) => Ok(()),
            Some(_) => Err(self.refuse(name)),
        }
    }

    /// Refuses the field by name if it is there and not empty.
    pub(super) fn only_empty(&mut self, name: &str) -> Result<(), Error> {
        match self.take(name) {
            None => Ok(()),
            Some(Value::Array(items)) if items.is_empty() => Ok(()),
            Some(Value::Object(map)) if map.is_empty() => Ok(()),
            Some(_) => Err(self.refuse(name)),
        }
    }

    /// The refusal of a field by its name.
    pub(super) fn refuse(&self, name: &str) -> Error {
        Error::Untranslatable {
            feature: self.at(name),
            direction: self.direction,
        }
    }

    /// The refusal of this whole object by what it is.
    pub(super) fn refuse_self(&self, what: &str) -> Error {
        let feature = if self.path.is_empty() {
            what.to_owned()
        } else {
            format!("{}: {what}", self.path)
        };
        Error::Untranslatable {
            feature,
            direction: self.direction,
        }
    }

    /// Refuses what nobody has read.
    pub(super) fn finish(self) -> Result<(), Error> {
        match self.map.iter().find(|(_, value)| !value.is_null()) {
            None => Ok(()),
            Some((name, _)) => Err(self.refuse(name)),
        }
    }
}

/// The refusal of a value of the wrong type.
pub(super) fn wrong_type(field: String, expected: &'static str, found: &Value) -> Error {
    let found = match found {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    };
    Error::Invalid {
        field,
        problem: format!("must be {expected}, not {found}"),
    }
}

/// The refusal of a missing field.
pub(super) fn missing(field: String) -> Error {
    Error::Invalid {
        field,
        problem: "is required".to_owned(),
    }
}

/// A value as JSON bytes.
pub(super) fn to_bytes(value: &Value) -> Vec<u8> {
    value.to_string().into_bytes()
}

/// A text; none and `null` are an empty one, and anything else is no text.
pub(super) fn text_of(value: Option<&Value>) -> Option<&str> {
    match value {
        None | Some(Value::Null) => Some(""),
        Some(value) => value.as_str(),
    }
}

/// Checks that a text is a JSON object and gives back what is to be sent for it: the same
/// text, or `{}` for none.
pub(super) fn object_text(text: &str) -> Option<&str> {
    let trimmed = text.trim();
    if trimmed.is_empty() {
        return Some("{}");
    }
    let raw: &RawValue = serde_json::from_str(trimmed).ok()?;
    raw.get().starts_with('{').then(|| raw.get())
}

/// The text of an object for arguments that a dialect says as one.
pub(super) fn object<'t>(arguments: &'t str, field: &str) -> Result<&'t str, Error> {
    object_text(arguments).ok_or_else(|| Error::Invalid {
        field: field.to_owned(),
        problem: "the arguments of a tool call must be the text of a JSON object".to_owned(),
    })
}

/// The same, to be written as it is.
pub(super) fn raw_object(arguments: &str, field: &str) -> Result<Box<RawValue>, Error> {
    let text = object(arguments, field)?.to_owned();
    RawValue::from_string(text).map_err(|_| missing(field.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_that_cannot_be_read_are_an_error() {
        let none = raw_object(" ", "f").expect("none are said");
        assert_eq!(none.get(), "{}");
        for broken in ["{", "[1]", "7", "{} {}", "words"] {
            assert!(raw_object(broken, "f").is_err(), "{broken}");
        }
    }
}
