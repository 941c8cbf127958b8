//! A value that satisfies a JSON schema, for the keywords that providers support.

use serde_json::{Map, Value, json};

use super::words::Draw;

/// Deeper than this, only what is required is made.
const DEPTH: u8 = 6;
/// Deeper than this, nothing is made at all: the schema can only be satisfied by infinity.
const DEPTH_LIMIT: u8 = 24;

/// Makes a value that satisfies the schema.
pub(super) fn value(schema: &Value, draw: &mut Draw) -> Value {
    Maker { root: schema, draw }.make(schema, 0)
}

struct Maker<'a> {
    root: &'a Value,
    draw: &'a mut Draw,
}

impl<'a> Maker<'a> {
    fn make(&mut self, schema: &'a Value, depth: u8) -> Value {
        if depth > DEPTH_LIMIT {
            return Value::Null;
        }
        if let Some(constant) = schema.get("const") {
            return constant.clone();
        }
        if let Some(Value::Array(allowed)) = schema.get("enum") {
            let index = usize::try_from(self.draw.below(allowed.len() as u64)).unwrap_or(0);
            return allowed.get(index).cloned().unwrap_or_default();
        }
        if let Some(target) = schema.get("$ref").and_then(Value::as_str) {
            let place = target
                .strip_prefix('#')
                .and_then(|pointer| self.root.pointer(pointer));
            return place.map_or(Value::Null, |schema| {
                self.make(schema, depth.saturating_add(1))
            });
        }
        if let Some(Value::Array(all)) = schema.get("allOf") {
            return self.make_all(all, depth);
        }
        for several in ["anyOf", "oneOf"] {
            if let Some(Value::Array(options)) = schema.get(several) {
                return self.make_one(options, depth);
            }
        }
        self.make_typed(schema, depth)
    }

    /// Objects are put together; of other schemas the first counts.
    fn make_all(&mut self, all: &'a [Value], depth: u8) -> Value {
        let mut together = Map::new();
        for part in all {
            match self.make(part, depth.saturating_add(1)) {
                Value::Object(fields) => together.extend(fields),
                other => return other,
            }
        }
        Value::Object(together)
    }

    fn make_one(&mut self, options: &'a [Value], depth: u8) -> Value {
        // Going deeper, the simplest option ends a recursion.
        let simple = options
            .iter()
            .find(|option| !matches!(kind(option), "object" | "array"));
        let option = match depth < DEPTH {
            true => options.first(),
            false => simple.or(options.last()),
        };
        option.map_or(Value::Null, |option| {
            self.make(option, depth.saturating_add(1))
        })
    }

    fn make_typed(&mut self, schema: &'a Value, depth: u8) -> Value {
        match kind(schema) {
            "object" => self.make_object(schema, depth),
            "array" => self.make_array(schema, depth),
            "string" => Value::String(self.make_string(schema)),
            "integer" => json!(self.make_number(schema)),
            "number" => json!(self.make_number(schema)),
            "boolean" => Value::Bool(self.draw.below(2) == 1),
            _ => Value::Null,
        }
    }

    fn make_object(&mut self, schema: &'a Value, depth: u8) -> Value {
        let required: Vec<&str> = strings(schema.get("required"));
        let mut object = Map::new();
        for (name, field) in schema
            .get("properties")
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
        {
            if depth < DEPTH || required.contains(&name.as_str()) {
                object.insert(name.clone(), self.make(field, depth.saturating_add(1)));
            }
        }
        for name in required {
            object
                .entry(name.to_owned())
                .or_insert_with(|| Value::String("simulated".to_owned()));
        }
        Value::Object(object)
    }

    fn make_array(&mut self, schema: &'a Value, depth: u8) -> Value {
        let bound = |name: &str| schema.get(name).and_then(Value::as_u64);
        let least = bound("minItems").unwrap_or(0);
        let wanted = if depth < DEPTH { least.max(1) } else { least };
        let count = wanted.min(bound("maxItems").unwrap_or(u64::MAX)).min(64);
        let item = schema.get("items").unwrap_or(&Value::Null);
        Value::Array(
            (0..count)
                .map(|_| self.make(item, depth.saturating_add(1)))
                .collect(),
        )
    }

    fn make_string(&mut self, schema: &Value) -> String {
        let text = match schema.get("format").and_then(Value::as_str) {
            Some("date-time") => "2026-01-01T00:00:00Z",
            Some("date") => "2026-01-01",
            Some("time") => "00:00:00Z",
            Some("email") => "someone@example.com",
            Some("uuid") => "00000000-0000-4000-8000-000000000000",
            Some("uri") => "https://example.com/",
            Some("ipv4") => "192.0.2.1",
            Some("ipv6") => "2001:db8::1",
            Some("hostname") => "example.com",
            Some("duration") => "P1D",
            _ => self
                .draw
                .pick(&["simulated", "example", "sample", "something"]),
        };
        let bound = |name: &str| {
            schema
                .get(name)
                .and_then(Value::as_u64)
                .and_then(|bound| usize::try_from(bound).ok())
        };
        let mut text: String = text
            .chars()
            .take(bound("maxLength").unwrap_or(usize::MAX))
            .collect();
        while text.chars().count() < bound("minLength").unwrap_or(0).min(4096) {
            text.push('x');
        }
        text
    }

    fn make_number(&mut self, schema: &Value) -> i64 {
        let bound = |name: &str| schema.get(name).and_then(Value::as_f64);
        let least = bound("minimum").or_else(|| bound("exclusiveMinimum").map(|bound| bound + 1.0));
        let most = bound("maximum").or_else(|| bound("exclusiveMaximum").map(|bound| bound - 1.0));
        #[expect(
            clippy::cast_possible_truncation,
            reason = "a cast from float to integer keeps within the range"
        )]
        let (least, most) = (
            least.map(|least| least.ceil() as i64),
            most.map(|most| most.floor() as i64),
        );
        let step = schema
            .get("multipleOf")
            .and_then(Value::as_i64)
            .unwrap_or(1)
            .max(1);
        let low = least.unwrap_or_else(|| most.map_or(0, |most| most.min(0)));
        let high = most.unwrap_or_else(|| low.saturating_add(100)).max(low);
        let span = high.saturating_sub(low).unsigned_abs().saturating_add(1);
        let drawn = low.saturating_add(i64::try_from(self.draw.below(span)).unwrap_or(0));
        let multiple = drawn.div_euclid(step).saturating_mul(step);
        if multiple < low {
            multiple.saturating_add(step)
        } else {
            multiple
        }
    }
}

/// The type of a schema: the first that is not `null`; an object where only fields are named.
fn kind(schema: &Value) -> &str {
    match schema.get("type") {
        Some(Value::String(kind)) => kind,
        Some(Value::Array(kinds)) => kinds
            .iter()
            .filter_map(Value::as_str)
            .find(|kind| *kind != "null")
            .unwrap_or("null"),
        _ if schema.get("items").is_some() => "array",
        _ if schema.get("$ref").is_some() || schema.get("anyOf").is_some() => "object",
        _ => "object",
    }
}

fn strings(list: Option<&Value>) -> Vec<&str> {
    list.and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect()
}
