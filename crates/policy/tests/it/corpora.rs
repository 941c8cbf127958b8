//! What is stopped and what passes: a line of JSON for each case, `tests/data`.

use iron_policy::parameters::Checker;
use iron_policy::{Resources, Tool};
use serde_json::{Value, json};

fn cases(name: &str) -> Vec<Value> {
    let path = format!("{}/tests/data/{name}.jsonl", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn checker(tool: Value) -> Checker {
    let tool: Tool = serde_json::from_value(tool).unwrap();
    Checker::new(&tool).unwrap()
}

/// A tool with the parameter `value`.
fn with(parameter: Value) -> Checker {
    let mut parameter = parameter;
    let members = parameter.as_object_mut().unwrap();
    members.insert("name".to_owned(), json!("value"));
    checker(json!({"name": "tool", "parameters": [parameter]}))
}

fn all_are_stopped(name: &str, checker: &Checker) {
    let cases = cases(&format!("attacks/{name}"));
    let missed: Vec<_> = cases
        .iter()
        .filter(|case| checker.check(&json!({"value": case})).is_ok())
        .collect();
    assert!(
        missed.is_empty(),
        "{} of {} pass: {missed:#?}",
        missed.len(),
        cases.len()
    );
}

/// All pass, and what is found of each is found again in its plain form.
fn all_pass(name: &str, checker: &Checker, plain: impl Fn(&Resources) -> Option<Value>) {
    let cases = cases(&format!("benign/{name}"));
    let mut wrong = Vec::new();
    for case in &cases {
        match checker.check(&json!({"value": case})) {
            Err(violations) => wrong.push(format!("{case}: {violations:?}")),
            Ok(found) => {
                let Some(plain) = plain(&found) else { continue };
                let again = checker.check(&json!({"value": plain}));
                if again.as_ref() != Ok(&found) {
                    wrong.push(format!("{case}: {found:?} becomes {again:?}"));
                }
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {}: {wrong:#?}",
        wrong.len(),
        cases.len()
    );
}

#[test]
fn paths() {
    let anywhere = with(json!({"kind": "path"}));
    all_are_stopped("paths", &anywhere);
    all_are_stopped("paths", &with(json!({"kind": "path", "roots": ["/data"]})));
    all_pass("paths", &anywhere, |found| Some(json!(found.paths)));
}

#[test]
fn urls() {
    let anywhere = with(json!({"kind": "url"}));
    all_are_stopped("urls", &anywhere);
    all_pass("urls", &anywhere, |found| {
        let urls: Vec<_> = found.urls.iter().map(ToString::to_string).collect();
        Some(json!(urls))
    });
}

#[test]
fn statements() {
    for dialect in ["generic", "postgres", "mysql", "sqlite"] {
        all_are_stopped("sql", &with(json!({"kind": "sql", "dialect": dialect})));
    }
    for dialect in ["generic", "postgres"] {
        all_pass(
            "sql",
            &with(json!({"kind": "sql", "dialect": dialect})),
            |_| None,
        );
    }
    let apart = with(json!({"kind": "sql", "parameters_only": true}));
    all_are_stopped("sql_literals", &apart);
    all_pass("sql_literals", &apart, |_| None);
}

#[test]
fn commands() {
    let any = with(json!({"kind": "shell"}));
    all_are_stopped("shell", &any);
    all_are_stopped("shell", &with(json!({"kind": "shell", "commands": ["*"]})));
    all_pass("shell", &any, |_| None);
}

#[test]
fn recipients() {
    let anybody = with(json!({"kind": "email"}));
    all_are_stopped("email", &anybody);
    all_pass("email", &anybody, |found| Some(json!(found.recipients)));
}

#[test]
fn headers() {
    let any = with(json!({"kind": "headers"}));
    all_are_stopped("headers", &any);
    all_pass("headers", &any, |_| None);
}

/// Pairs of a kind of tools and a text of arguments: nothing is declared.
#[test]
fn whole_arguments() {
    let check = |case: &Value| {
        let checker = checker(json!({"name": "tool", "kind": case[0]}));
        checker.check_text(case[1].as_str().unwrap())
    };
    let attacks = cases("attacks/smuggled");
    let missed: Vec<_> = attacks.iter().filter(|case| check(case).is_ok()).collect();
    assert!(
        missed.is_empty(),
        "{} of {} pass: {missed:#?}",
        missed.len(),
        attacks.len()
    );
    let benign = cases("benign/arguments");
    let stopped: Vec<_> = benign
        .iter()
        .filter_map(|case| Some((case, check(case).err()?)))
        .collect();
    assert!(
        stopped.is_empty(),
        "{} of {} are stopped: {stopped:#?}",
        stopped.len(),
        benign.len()
    );
}
