//! JSON with a place that keeps the text it is.
//!
//! A number of JSON may have any number of digits; one of [`Value`] may not. Where a dialect says the
//! arguments of tools as an object and not as a text, [`read`] makes the text of them that everything
//! here knows, digit for digit, and [`write`] makes them an object again.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::ser::Error as _;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

/// The names of the fields that lead from the top of a document to the place. Lists have no name
/// here: what is said of one is said of each of its items.
pub(super) type Place = [&'static str];

/// Reads a document. What stands at the place, unless it is `null`, becomes its own text.
pub(super) fn read(document: &[u8], place: &Place) -> serde_json::Result<Value> {
    let mut reader = serde_json::Deserializer::from_slice(document);
    let value = Reading(place).deserialize(&mut reader)?;
    reader.end()?;
    Ok(value)
}

/// Writes a document. A text at the place is written as the JSON that it is.
///
/// # Errors
/// When it is no JSON.
pub(super) fn write(document: &Value, place: &Place) -> serde_json::Result<Vec<u8>> {
    serde_json::to_vec(&Writing(document, Some(place)))
}

struct Reading<'p>(&'p Place);

impl<'de> DeserializeSeed<'de> for Reading<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Value, D::Error> {
        if !self.0.is_empty() {
            return from.deserialize_any(self);
        }
        let text = <&RawValue>::deserialize(from)?.get();
        Ok(match text {
            "null" => Value::Null,
            text => text.into(),
        })
    }
}

impl<'de> Visitor<'de> for Reading<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut out = Vec::new();
        while let Some(item) = items.next_element_seed(Reading(self.0))? {
            out.push(item);
        }
        Ok(out.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Value, A::Error> {
        let mut out = Map::new();
        while let Some(name) = fields.next_key::<String>()? {
            let value = match self.0 {
                [next, rest @ ..] if *next == name => fields.next_value_seed(Reading(rest))?,
                _ => fields.next_value()?,
            };
            out.insert(name, value);
        }
        Ok(out.into())
    }
}

/// A value, and how the place is reached from it, if it is.
struct Writing<'v>(&'v Value, Option<&'v Place>);

impl Serialize for Writing<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match (self.0, self.1) {
            (Value::String(text), Some([])) => {
                let text: &RawValue = serde_json::from_str(text).map_err(S::Error::custom)?;
                text.serialize(to)
            }
            (Value::Array(items), place @ Some(_)) => {
                to.collect_seq(items.iter().map(|item| Writing(item, place)))
            }
            (Value::Object(fields), Some([next, rest @ ..])) => {
                to.collect_map(fields.iter().map(|(name, value)| {
                    let rest = (name == next).then_some(rest);
                    (name, Writing(value, rest))
                }))
            }
            (value, _) => value.serialize(to),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACE: [&str; 2] = ["list", "kept"];

    #[test]
    fn only_the_place_keeps_its_text() {
        let document = r#"{"kept":1.10,"list":[{"kept":{"a": 1.10,"b":1e999}},{"kept":null},[7,-7,true,{"kept":"x"}]]}"#;
        let value = read(document.as_bytes(), &PLACE).expect("JSON");
        let kept = value.pointer("/list/0/kept").and_then(Value::as_str);
        assert_eq!(kept, Some(r#"{"a": 1.10,"b":1e999}"#));
        let written = write(&value, &PLACE).expect("JSON");
        let written = String::from_utf8(written).expect("UTF-8");
        assert_eq!(written, document.replacen("1.10", "1.1", 1));
    }

    #[test]
    fn a_place_that_is_no_json_is_not_written() {
        for broken in ["", "{", "{} {}", "words"] {
            let value = serde_json::json!({ "list": { "kept": broken } });
            assert!(write(&value, &PLACE).is_err(), "{broken}");
        }
        assert!(read(b"{} {}", &PLACE).is_err());
    }
}
