//! JSON that every reader reads alike.

use std::fmt;

use serde::de::{DeserializeSeed, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use super::Limits;
use super::violation::{Broken, quoted};

/// Digits that every double keeps.
const MOST_DIGITS: usize = 17;

/// Reads a text of JSON. Refused are names given twice, numbers that change by being read, and what
/// is larger or deeper than the limits. What is no JSON at all breaks the rule `json`.
pub(super) fn parse(text: &str, limits: Limits) -> Result<Value, Broken> {
    if text.len() > limits.max_bytes {
        let message = format!(
            "arguments have at most {} bytes; give less, or raise the limit",
            limits.max_bytes
        );
        return Err(Broken::new("too_large", message));
    }
    let mut reader = serde_json::Deserializer::from_str(text);
    let mut twice = None;
    let strict = Strict {
        depth: limits.max_depth,
        broken: &mut twice,
    };
    let read = strict.deserialize(&mut reader);
    let read = read.and_then(|value| reader.end().map(|()| value));
    if let Some(broken) = twice {
        return Err(broken);
    }
    let value = read.map_err(|error| {
        let message = format!(
            "arguments are no JSON at line {}, column {}; give one object",
            error.line(),
            error.column()
        );
        Broken::new("json", message)
    })?;
    match changed_number(text) {
        Some(number) => {
            let message = format!(
                "the number {} cannot be kept exactly; give it as a text",
                quoted(number)
            );
            Err(Broken::new("number", message))
        }
        None => Ok(value),
    }
}

/// The first number of a valid text of JSON that is changed by being read.
fn changed_number(text: &str) -> Option<&str> {
    let mut rest = text;
    while let Some(at) =
        rest.find(|symbol: char| symbol == '"' || symbol == '-' || symbol.is_ascii_digit())
    {
        let from = rest.get(at..)?;
        if let Some(inner) = from.strip_prefix('"') {
            rest = inner.get(end_of_string(inner)..)?;
            continue;
        }
        let end = from
            .find(|symbol: char| !symbol.is_ascii_digit() && !"+-.eE".contains(symbol))
            .unwrap_or(from.len());
        let number = from.get(..end)?;
        if changes(number) {
            return Some(number);
        }
        rest = from.get(end..)?;
    }
    None
}

/// The offset behind the closing quote.
fn end_of_string(inner: &str) -> usize {
    let mut escaped = false;
    for (at, byte) in inner.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    inner.len()
}

fn changes(number: &str) -> bool {
    if !number.contains(['.', 'e', 'E']) {
        return number.parse::<i64>().is_err() && number.parse::<u64>().is_err();
    }
    let mantissa = number.split(['e', 'E']).next().unwrap_or_default();
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    let significant = digits.trim_start_matches('0').trim_end_matches('0');
    significant.len() > MOST_DIGITS
}

struct Strict<'a> {
    depth: usize,
    broken: &'a mut Option<Broken>,
}

impl Strict<'_> {
    fn deeper(&mut self) -> Result<Strict<'_>, Broken> {
        match self.depth.checked_sub(1) {
            Some(depth) if depth > 0 => Ok(Strict {
                depth,
                broken: self.broken,
            }),
            _ => Err(Broken::new(
                "too_deep",
                "arguments are nested too deep; flatten them",
            )),
        }
    }

    fn fail<E: serde::de::Error>(&mut self, broken: Broken) -> E {
        let error = E::custom(&broken.message);
        self.broken.get_or_insert(broken);
        error
    }
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: serde::Deserializer<'de>>(self, reader: D) -> Result<Value, D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        let number = Number::from_f64(value).ok_or_else(|| E::custom("no finite number"))?;
        Ok(Value::Number(number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut items: A) -> Result<Value, A::Error> {
        let mut read = Vec::new();
        loop {
            let deeper = match self.deeper() {
                Ok(deeper) => deeper,
                Err(broken) => return Err(self.fail(broken)),
            };
            let Some(item) = items.next_element_seed(deeper)? else {
                return Ok(Value::Array(read));
            };
            read.push(item);
        }
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut members: A) -> Result<Value, A::Error> {
        let mut read = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            if read.contains_key(&name) {
                let message = format!("{} is given twice; give each argument once", quoted(&name));
                return Err(self.fail(Broken::new("duplicate_key", message)));
            }
            let deeper = match self.deeper() {
                Ok(deeper) => deeper,
                Err(broken) => return Err(self.fail(broken)),
            };
            read.insert(name, members.next_value_seed(deeper)?);
        }
        Ok(Value::Object(read))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(text: &str) -> Result<(), &'static str> {
        parse(text, Limits::default())
            .map(|_| ())
            .map_err(|broken| broken.rule)
    }

    #[test]
    fn only_what_has_one_reading_is_read() {
        for (text, expected) in [
            (r#"{"a": [1, -2.5, "x\"1e999", true, null]}"#, Ok(())),
            (r#"{"a": 1, "a": 2}"#, Err("duplicate_key")),
            (r#"{"a": {"b": 1, "\u0062": 2}}"#, Err("duplicate_key")),
            (r#"{"a": 18446744073709551616}"#, Err("number")),
            (r#"{"a": 0.12345678901234567890}"#, Err("number")),
            (r#"{"a": 1e999}"#, Err("json")),
            (r#"{"a": NaN}"#, Err("json")),
            (r#"{"a": 1} {"b": 2}"#, Err("json")),
            (r#"{"a": "\ud800"}"#, Err("json")),
            (r#"{"a": 1,}"#, Err("json")),
        ] {
            assert_eq!(rule(text), expected, "{text}");
        }
    }

    #[test]
    fn depth_is_bounded() {
        let nested = |depth: usize| format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
        assert_eq!(rule(&nested(63)), Ok(()));
        assert_eq!(rule(&nested(64)), Err("too_deep"));
    }
}
