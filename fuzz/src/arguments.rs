//! Arguments of tools: whatever is found in them is found again in its plain form.

use iron_policy::Tool;
use iron_policy::parameters::{Checker, limited_sql};
use serde_json::{Value, json};

const KINDS: [&str; 7] = [
    "file", "api", "database", "shell", "email", "payment", "custom",
];

fn checker(tool: Value) -> Checker {
    let tool: Tool = serde_json::from_value(tool).expect("a tool");
    Checker::new(&tool).expect("a tool that can be checked")
}

fn with(parameter: Value) -> Checker {
    checker(json!({"name": "tool", "parameters": [parameter]}))
}

/// The text of all arguments of a call; the first byte chooses what the tool works on.
pub fn tool_arguments(data: &[u8]) {
    let Some((choice, rest)) = data.split_first() else {
        return;
    };
    let Ok(text) = std::str::from_utf8(rest) else {
        return;
    };
    let kind = KINDS[usize::from(*choice) % KINDS.len()];
    let checker = checker(json!({"name": "tool", "kind": kind}));
    if let Ok((arguments, found)) = checker.check_text(text) {
        assert_eq!(checker.check(&arguments), Ok(found));
    }
}

/// A path lies below its root, and its plain form is its plain form.
pub fn tool_path(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let checker = with(json!({"name": "value", "kind": "path", "roots": ["/data"]}));
    if let Ok(found) = checker.check(&json!({"value": text})) {
        let path = &found.paths[0];
        assert!(path == "/data" || path.starts_with("/data/"), "{path}");
        assert!(!path.split('/').any(|part| part == ".."), "{path}");
        assert_eq!(checker.check(&json!({"value": path})), Ok(found.clone()));
    }
}

/// A URL leads where its plain form leads.
pub fn tool_url(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let checker = with(json!({"name": "value", "kind": "url"}));
    if let Ok(found) = checker.check(&json!({"value": text})) {
        let url = found.urls[0].to_string();
        assert_eq!(checker.check(&json!({"value": url})), Ok(found), "{url}");
    }
}

/// A statement with a limit does what it did without one; the first byte chooses the dialect.
pub fn tool_statement(data: &[u8]) {
    let Some((choice, rest)) = data.split_first() else {
        return;
    };
    let Ok(text) = std::str::from_utf8(rest) else {
        return;
    };
    let dialect = ["generic", "postgres", "mysql", "sqlite"][usize::from(*choice) % 4];
    let checker = with(json!({"name": "value", "kind": "sql", "dialect": dialect}));
    let found = checker.check(&json!({"value": text}));
    if let (Ok(found), Ok(limited)) = (found, limited_sql(text, Some(dialect), 10_000)) {
        assert_eq!(
            checker.check(&json!({"value": limited})),
            Ok(found),
            "{limited}"
        );
    }
}

/// A line that may be run runs what its words run, and recipients are found again.
pub fn tool_line(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let shell = with(json!({"name": "value", "kind": "shell"}));
    if let Ok(found) = shell.check(&json!({"value": text})) {
        assert_eq!(found.commands.len(), 1);
    }
    let email = with(json!({"name": "value", "kind": "email"}));
    if let Ok(found) = email.check(&json!({"value": text})) {
        let again = email.check(&json!({"value": found.recipients}));
        assert_eq!(again, Ok(found));
    }
}
