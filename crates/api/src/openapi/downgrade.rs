//! From OpenAPI 3.1 to 3.0.3, whose schemas are an older dialect.

use serde_json::{Map, Value, json};

/// The same document for tools that read 3.0.3.
pub(crate) fn to_3_0(mut document: Value) -> Value {
    if let Some(head) = document.as_object_mut() {
        head.insert("openapi".to_owned(), json!("3.0.3"));
        head.shift_remove("jsonSchemaDialect");
        head.shift_remove("webhooks");
    }
    if let Some(license) = document
        .pointer_mut("/info/license")
        .and_then(Value::as_object_mut)
        && license.shift_remove("identifier").is_some()
    {
        let url = json!("https://www.apache.org/licenses/LICENSE-2.0");
        license.insert("url".to_owned(), url);
    }
    convert(&mut document);
    document
}

fn convert(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(convert),
        Value::Object(fields) => {
            fields.values_mut().for_each(convert);
            convert_schema(fields);
        }
        _ => {}
    }
}

/// Every rule asks for the shape that only a schema has, so that a property that happens to be
/// called `type` or `examples` stays as it is.
fn convert_schema(schema: &mut Map<String, Value>) {
    convert_null_type(schema);
    convert_null_choice(schema);
    if let Some(Value::Array(examples)) = schema.get("examples") {
        let first = examples.first().cloned();
        schema.shift_remove("examples");
        if let Some(first) = first {
            schema.entry("example").or_insert(first);
        }
    }
    if schema.get("type").is_some_and(Value::is_string) {
        if let Some(constant) = schema.shift_remove("const") {
            schema.insert("enum".to_owned(), json!([constant]));
        }
        if schema.get("propertyNames").is_some_and(Value::is_object) {
            schema.shift_remove("propertyNames");
        }
        for (bound, plain) in [
            ("exclusiveMinimum", "minimum"),
            ("exclusiveMaximum", "maximum"),
        ] {
            if let Some(limit @ Value::Number(_)) = schema.get(bound).cloned() {
                schema.insert(plain.to_owned(), limit);
                schema.insert(bound.to_owned(), json!(true));
            }
        }
    }
    wrap_reference(schema);
}

/// `type: [string, null]` is a string that is nullable.
fn convert_null_type(schema: &mut Map<String, Value>) {
    let Some(Value::Array(names)) = schema.get("type") else {
        return;
    };
    let named: Vec<Value> = names
        .iter()
        .filter(|name| *name != "null")
        .cloned()
        .collect();
    let nullable = named.len() < names.len();
    match named.as_slice() {
        [one] => {
            let one = one.clone();
            schema.insert("type".to_owned(), one);
        }
        _ => {
            schema.shift_remove("type");
        }
    }
    if nullable {
        schema.insert("nullable".to_owned(), json!(true));
    }
}

/// "null or a thing" is the thing, nullable.
fn convert_null_choice(schema: &mut Map<String, Value>) {
    for choice in ["oneOf", "anyOf"] {
        let Some(Value::Array(items)) = schema.get(choice) else {
            continue;
        };
        let is_null = |item: &Value| item.get("type").is_some_and(|name| name == "null");
        let kept: Vec<Value> = items
            .iter()
            .filter(|item| !is_null(item))
            .cloned()
            .collect();
        if kept.len() == items.len() {
            continue;
        }
        let name = if kept.len() == 1 { "allOf" } else { choice };
        schema.shift_remove(choice);
        schema.insert(name.to_owned(), Value::Array(kept));
        schema.insert("nullable".to_owned(), json!(true));
    }
}

/// A reference stands alone in 3.0; what stood beside it moves around it.
fn wrap_reference(schema: &mut Map<String, Value>) {
    if schema.len() > 1
        && let Some(reference @ Value::String(_)) = schema.get("$ref").cloned()
    {
        schema.shift_remove("$ref");
        schema.insert("allOf".to_owned(), json!([{"$ref": reference}]));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn converted(mut schema: Value) -> Value {
        convert(&mut schema);
        schema
    }

    #[test]
    fn null_becomes_nullable() {
        assert_eq!(
            converted(json!({"type": ["string", "null"], "maxLength": 5})),
            json!({"type": "string", "maxLength": 5, "nullable": true}),
        );
        assert_eq!(
            converted(json!({"oneOf": [{"type": "null"}, {"$ref": "#/x"}]})),
            json!({"allOf": [{"$ref": "#/x"}], "nullable": true}),
        );
    }

    #[test]
    fn references_stand_alone() {
        assert_eq!(
            converted(json!({"$ref": "#/x", "description": "of what"})),
            json!({"allOf": [{"$ref": "#/x"}], "description": "of what"}),
        );
        assert_eq!(converted(json!({"$ref": "#/x"})), json!({"$ref": "#/x"}));
    }

    #[test]
    fn older_spellings_are_used() {
        assert_eq!(
            converted(json!({"type": "integer", "exclusiveMinimum": 0, "examples": [1, 2]})),
            json!({"type": "integer", "minimum": 0, "exclusiveMinimum": true, "example": 1}),
        );
    }

    #[test]
    fn properties_named_like_keywords_stay() {
        let properties =
            json!({"properties": {"type": {"type": "string"}, "const": {"type": "string"}}});
        assert_eq!(converted(properties.clone()), properties);
    }
}
