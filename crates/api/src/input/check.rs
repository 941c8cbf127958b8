//! Holds a JSON value against a schema and finds everything that is wrong with it.

use std::collections::{BTreeMap, HashMap};
use std::sync::{LazyLock, Mutex, PoisonError};

use iron_net::problem::Problem;
use iron_primitives::Timestamp;
use regex::Regex;
use serde_json::{Map, Value};

use crate::openapi::Contract;

/// Fields that only the server sets, so that a client learns why they are refused.
const READ_ONLY: &[&str] = &[
    "id",
    "created_at",
    "created_by",
    "updated_at",
    "deleted_at",
    "suspended_at",
    "last_login_at",
    "last_used_at",
    "last_seen_at",
    "tenant_id",
    "owner_id",
    "user_id",
    "project_id",
    "spent",
    "spent_micros",
    "reserved",
    "reserved_micros",
    "remaining",
    "remaining_micros",
    "percentage_used",
    "runtime_state",
    "status",
    "type",
    "role",
    "version",
    "token",
    "token_prefix",
    "ic_token",
    "agent_count",
    "key_rotated_at",
    "platform_admin",
    "auth_source",
    "must_change_password",
    "slug",
    "email",
    "permissions",
];

/// The most problems that are told at once.
const MOST_PROBLEMS: usize = 50;

/// Compiled patterns; they come from our own schemas, so their number is small.
static PATTERNS: LazyLock<Mutex<HashMap<String, Regex>>> = LazyLock::new(Mutex::default);

pub(crate) struct Checker<'a> {
    contract: &'a Contract,
    problems: BTreeMap<String, String>,
}

impl<'a> Checker<'a> {
    pub(crate) fn new(contract: &'a Contract) -> Self {
        Checker {
            contract,
            problems: BTreeMap::new(),
        }
    }

    /// Everything that was found, as one problem.
    pub(crate) fn finish(self) -> Result<(), Problem> {
        if self.problems.is_empty() {
            Ok(())
        } else {
            Err(Problem::fields(self.problems))
        }
    }

    /// Notes a problem with the value at a path.
    pub(crate) fn report(&mut self, path: &str, problem: String) {
        if self.problems.len() < MOST_PROBLEMS {
            let path = if path.is_empty() { "body" } else { path };
            self.problems.entry(path.to_owned()).or_insert(problem);
        }
    }

    /// Reads a parameter's text as what its schema asks for; what does not read stays a text.
    pub(crate) fn coerce(&self, schema: &Value, text: &str) -> Value {
        let schema = self.resolved(schema);
        let wants = |name| types(schema).any(|found| found == name);
        match text {
            "true" if wants("boolean") => Value::Bool(true),
            "false" if wants("boolean") => Value::Bool(false),
            _ if wants("integer") => text
                .parse::<i64>()
                .map_or_else(|_| Value::String(text.to_owned()), Value::from),
            _ => Value::String(text.to_owned()),
        }
    }

    /// Holds a value against a schema.
    pub(crate) fn check(&mut self, schema: &Value, value: &Value, path: &str) {
        let schema = self.resolved(schema);
        if let Some(choices) = schema.get("oneOf").or_else(|| schema.get("anyOf")) {
            return self.check_choices(choices, value, path);
        }
        for part in schema
            .get("allOf")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            self.check(part, value, path);
        }
        if types(schema).next().is_some() && !types(schema).any(|name| has_type(value, name)) {
            return self.report(path, wrong_type(schema));
        }
        if let Some(allowed) = schema.get("enum").and_then(Value::as_array)
            && !value.is_null()
            && !allowed.contains(value)
        {
            return self.report(path, format!("expected one of {}", quoted(allowed)));
        }
        match value {
            Value::String(text) => self.check_text(schema, text, path),
            Value::Number(number) => self.check_number(schema, number, path),
            Value::Array(items) => self.check_array(schema, items, path),
            Value::Object(fields) => self.check_object(schema, fields, path),
            Value::Null | Value::Bool(_) => {}
        }
    }

    /// The schema itself, where another stands in its place.
    fn resolved<'b>(&self, schema: &'b Value) -> &'b Value
    where
        'a: 'b,
    {
        let name = schema.get("$ref").and_then(Value::as_str);
        let name = name.and_then(|reference| reference.strip_prefix("#/components/schemas/"));
        name.and_then(|name| self.contract.schema(name))
            .unwrap_or(schema)
    }

    /// One of several: nothing, or one of the forms.
    fn check_choices(&mut self, choices: &Value, value: &Value, path: &str) {
        let choices = choices.as_array().map(Vec::as_slice).unwrap_or_default();
        let is_null = |choice: &&Value| types(choice).eq(["null"]);
        if value.is_null() && choices.iter().any(|choice| is_null(&choice)) {
            return;
        }
        let forms: Vec<&Value> = choices.iter().filter(|choice| !is_null(choice)).collect();
        if let [form] = forms.as_slice() {
            return self.check(form, value, path);
        }
        let fits = forms.iter().any(|form| {
            let mut alone = Checker::new(self.contract);
            alone.check(form, value, path);
            alone.finish().is_ok()
        });
        if !fits {
            self.report(path, "has none of the forms that are allowed".to_owned());
        }
    }

    fn check_text(&mut self, schema: &Value, text: &str, path: &str) {
        let length = u64::try_from(text.chars().count()).unwrap_or(u64::MAX);
        let (least, most) = (limit(schema, "minLength"), limit(schema, "maxLength"));
        if least.is_some_and(|least| length < least) || most.is_some_and(|most| length > most) {
            return self.report(path, format!("must have {} characters", range(least, most)));
        }
        if text.contains('\0') {
            return self.report(path, "must not contain a zero character".to_owned());
        }
        if schema.get("format").and_then(Value::as_str) == Some("date-time")
            && let Err(error) = text.parse::<Timestamp>()
        {
            return self.report(path, error.to_string());
        }
        if let Some(pattern) = schema.get("pattern").and_then(Value::as_str)
            && !matches(pattern, text)
        {
            self.report(path, expected_pattern(pattern));
        }
    }

    fn check_number(&mut self, schema: &Value, number: &serde_json::Number, path: &str) {
        let bound = |name: &str| schema.get(name).and_then(Value::as_f64);
        let value = number.as_f64().unwrap_or(f64::MAX);
        let (least, most) = (bound("minimum"), bound("maximum"));
        let too_small = least.is_some_and(|least| value < least);
        if too_small || most.is_some_and(|most| value > most) {
            let text = match (least, most) {
                // The largest of 32 bits is a bound of machines, not of people.
                (Some(least), Some(most)) if too_small && most >= f64::from(i32::MAX) => {
                    format!("must be at least {least}")
                }
                (Some(least), Some(most)) => format!("must be {least} to {most}"),
                (Some(least), None) => format!("must be at least {least}"),
                (None, Some(most)) => format!("must be at most {most}"),
                (None, None) => return,
            };
            return self.report(path, text);
        }
        let cents = bound("multipleOf").is_some_and(|step| (step - 0.01).abs() < 1e-12);
        let text = number.to_string();
        let decimals = text
            .split_once('.')
            .map_or(0, |(_, decimals)| decimals.len());
        if cents && (decimals > 2 || text.contains(['e', 'E'])) {
            self.report(path, "must have at most two decimals".to_owned());
        }
    }

    fn check_array(&mut self, schema: &Value, items: &[Value], path: &str) {
        let length = u64::try_from(items.len()).unwrap_or(u64::MAX);
        let (least, most) = (limit(schema, "minItems"), limit(schema, "maxItems"));
        if least.is_some_and(|least| length < least) || most.is_some_and(|most| length > most) {
            return self.report(path, format!("must have {} items", range(least, most)));
        }
        if let Some(schema) = schema.get("items") {
            for (index, item) in items.iter().enumerate() {
                self.check(schema, item, &format!("{path}[{index}]"));
            }
        }
    }

    fn check_object(&mut self, schema: &Value, fields: &Map<String, Value>, path: &str) {
        let Some(properties) = schema.get("properties").and_then(Value::as_object) else {
            return;
        };
        for name in schema
            .get("required")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            let name = name.as_str().unwrap_or_default();
            if !fields.contains_key(name) {
                self.report(&joined(path, name), "is required".to_owned());
            }
        }
        for (name, value) in fields {
            match properties.get(name) {
                Some(schema) => self.check(schema, value, &joined(path, name)),
                None => self.report(&joined(path, name), unknown_field(name, properties)),
            }
        }
        let least = limit(schema, "minProperties").unwrap_or(0);
        if u64::try_from(fields.len()).unwrap_or(u64::MAX) < least {
            let names: Vec<String> = properties.keys().map(|name| format!("`{name}`")).collect();
            self.report(
                path,
                format!("nothing to change; give one of {}", names.join(", ")),
            );
        }
    }
}

fn joined(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}.{name}")
    }
}

fn unknown_field(name: &str, properties: &Map<String, Value>) -> String {
    if READ_ONLY.contains(&name) {
        return "cannot be set here".to_owned();
    }
    let known: Vec<String> = properties
        .keys()
        .map(|known| format!("`{known}`"))
        .collect();
    if known.is_empty() {
        return "unknown field; none is expected here".to_owned();
    }
    format!("unknown field; expected one of {}", known.join(", "))
}

/// The names of a schema's types.
fn types(schema: &Value) -> impl Iterator<Item = &str> {
    let (one, many) = match schema.get("type") {
        Some(Value::String(name)) => (Some(name.as_str()), None),
        Some(Value::Array(names)) => (None, Some(names)),
        _ => (None, None),
    };
    one.into_iter()
        .chain(many.into_iter().flatten().filter_map(Value::as_str))
}

fn has_type(value: &Value, name: &str) -> bool {
    match name {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        _ => false,
    }
}

fn wrong_type(schema: &Value) -> String {
    let names = types(schema).map(|name| match name {
        "null" => "null",
        "boolean" => "true or false",
        "integer" => "an integer",
        "number" => "a number",
        "array" => "an array",
        "object" => "an object",
        _ => "a string",
    });
    format!("expected {}", names.collect::<Vec<_>>().join(" or "))
}

fn limit(schema: &Value, name: &str) -> Option<u64> {
    schema.get(name).and_then(Value::as_u64)
}

fn range(least: Option<u64>, most: Option<u64>) -> String {
    match (least, most) {
        (Some(least), Some(most)) if least > 0 => format!("{least} to {most}"),
        (_, Some(most)) => format!("at most {most}"),
        (Some(least), None) => format!("at least {least}"),
        (None, None) => "any number of".to_owned(),
    }
}

fn quoted(values: &[Value]) -> String {
    let texts = values
        .iter()
        .filter_map(Value::as_str)
        .map(|text| format!("`{text}`"));
    texts.collect::<Vec<_>>().join(", ")
}

fn matches(pattern: &str, text: &str) -> bool {
    let mut patterns = PATTERNS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = patterns.get(pattern) {
        return known.is_match(text);
    }
    // A pattern that does not compile is ours, and its test fails; it must not let texts in.
    let Ok(compiled) = Regex::new(pattern) else {
        return false;
    };
    let outcome = compiled.is_match(text);
    patterns.insert(pattern.to_owned(), compiled);
    outcome
}

fn expected_pattern(pattern: &str) -> String {
    let inner = pattern
        .strip_prefix('^')
        .and_then(|rest| rest.strip_suffix('$'));
    let listed = |words: &str| format!("`{}`", words.replace('|', "`, `"));
    if let Some(words) = inner.and_then(|inner| inner.strip_prefix("-?(")?.strip_suffix(')')) {
        return format!(
            "expected one of {}, with `-` before it for descending",
            listed(words)
        );
    }
    if let Some((words, _)) = inner.and_then(|inner| inner.strip_prefix('(')?.split_once(")(, ?("))
    {
        return format!("expected one or several of {}", listed(words));
    }
    if pattern.contains('@') {
        return "expected an e-mail address".to_owned();
    }
    match pattern
        .strip_prefix('^')
        .and_then(|rest| rest.split_once("_[0-9a-f]{8}-"))
    {
        Some((prefix, _)) => format!("expected `{prefix}_` followed by a lower-case UUID"),
        None => format!("must match `{pattern}`"),
    }
}
